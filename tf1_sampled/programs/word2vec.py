"""Train word vectors, skip-gram or CBOW, with a sampled loss.

    python run_word2vec.py --loss=nce
    python run_word2vec.py --corpus=text.txt.gz --vectors=vectors.bin --neighbours=king,paris

Without --corpus, the program trains on the docstrings of the Python packages installed on this machine.
"""
import dataclasses
import math
import os
import time
from typing import Any, Dict, List, Optional, Sequence

from tf1_sampled import charts, settings
from tf1_sampled.cluster import launch
from tf1_sampled.cluster.settings import ClusterSettings
from tf1_sampled.files import finding, places
from tf1_sampled.programs import running
from tf1_sampled.settings import setting
from tf1_sampled.training import file_names, model_dir
from tf1_sampled.word2vec import (
    Word2Vec,
    evaluation,
    phrases,
    questions,
    reading,
    scoring,
    vectors,
    vocabulary,
    word_vectors,
)

_FOLDERS = ("saved_model", "projector")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ResultSettings(settings.Settings):
    """Settings of the files and output that the program makes from a trained model."""

    vectors: str = setting(
        "", "File for the word vectors in word2vec's format: .bin is binary, .txt and .vec are text. "
        ".gz, .bz2 or .xz after that compresses the file. Default: vectors.bin in --model_dir.",
        "results", may_change=True)
    output_vectors: str = setting("", "File for the output vectors: the weights of words as classes. "
                                  "Default: none.", "results", may_change=True)
    saved_model: str = setting("", "Folder for a SavedModel with the signatures embed, embed_ids and "
                               "most_similar. Default: none.", "results", may_change=True)
    projector: str = setting("", "Folder for TensorBoard's projector: the 10,000 most frequent words. "
                             "Default: none.", "results", may_change=True)
    plots: str = setting("", "Folder for plots: loss.png and map.png. Default: none.", "results",
                         may_change=True)
    save_vocab: str = setting("", "File for the vocabulary: a word and its count per line. "
                              "Default: none.", "results", may_change=True)
    neighbours: Sequence[str] = setting(
        (), "Words whose nearest neighbours are printed. Default: some frequent words.", "results",
        may_change=True)
    eval_similarity: Sequence[str] = setting(
        (), "Files of word pairs with human scores (WordSim-353, SimLex-999, MEN) to evaluate the "
        "vectors on.", "results", may_change=True)
    similarity_columns: Sequence[str] = setting(
        (), "Columns of --eval_similarity: first word, second word, score. Each is a name in the header "
        "or a number from 1. Default: detected from header and content.", "results", may_change=True)
    eval_analogies: Sequence[str] = setting(
        (), "Files of analogy questions in sections (questions-words.txt) to evaluate the vectors on.",
        "results", may_change=True)
    eval_top: Optional[int] = setting(
        None, "Evaluate only this many of the most frequent words. Default: 300000 for "
        "--eval_similarity, 30000 for --eval_analogies.", "results", may_change=True, least=1)

    def _check_together(self) -> None:
        super()._check_together()
        for name in ("vectors", "output_vectors"):
            path = getattr(self, name)
            self.check(not path or vectors.names_form(path), name, vectors.FORM_NAMES, path)
        self.check(len(self.similarity_columns) in (0, 3), "similarity_columns",
                   "three columns: first word, second word, score", ",".join(self.similarity_columns))


def main() -> None:
    """Run the program with the flags of sys.argv."""
    running.run("run_word2vec", __doc__, [Word2Vec, ResultSettings, ClusterSettings], _run)


def _run(model: Word2Vec, results: ResultSettings, host: running.ProgramHost) -> None:
    if not model.epochs:
        _make_results(model, results, host)
        return
    begin = time.monotonic()
    model.check(finding.STANDARD_INPUT not in model.corpus or not launch.is_launched(), "corpus",
                "files, as the processes of a cluster have no standard input", finding.STANDARD_INPUT)
    model.also_recorded = results.values()
    with model.open_folder(host) as folder:
        judged = Judged(results)
        replaces = {name: getattr(results, name) == folder.earlier(name) for name in _FOLDERS}
        if host.is_chief:
            _check_places(model, results, replaces)
        initial = reading.initial_vectors(model, host.report)
        dim = initial.dim or model.dim
        model.check(dim > 1 or not results.projector, "dim", "2 or more together with %s" %
                    results.label("projector"), dim)
        with reading.open_text(model, report=host.report, initial=initial) as data:
            words = data.corpus.words
            if results.save_vocab and host.is_chief:
                vocabulary.save_vocabulary(results.save_vocab, words, data.corpus.counts)
            _check_neighbours(words, results, host)
            seconds_reading = time.monotonic() - begin
            model.train(data, folder, host)
        if not host.is_chief:
            return
        print("%s words/s" % format(int(model.words_per_second), ","))
        trained = time.monotonic()
        made = Made(model, results)
        made.write_files(replaces)
        made.draw()
        made.show_neighbours()
        scores = judged.scores(model)
        made.write_metrics(scores, {"read": seconds_reading, "train": model.seconds,
                                    "evaluate": time.monotonic() - trained})
        print("Wrote " + ", ".join(made.written))


def _make_results(model: Word2Vec, results: ResultSettings, host: running.ProgramHost) -> None:
    """Write the results of the model in a folder, without reading its text."""
    label = model.label
    model.check(model.model_dir, "model_dir", "the folder of a model together with %s=0" % (
        label("epochs")), "")
    for name in sorted(set(model.given()) - {"epochs", "model_dir"}):
        model.check(False, name, "only %s and flags for results together with %s=0" % (
            label("model_dir"), label("epochs")), getattr(model, name))
    judged = Judged(results)
    earlier = model_dir.read(model.model_dir)["settings"]
    replaces = {name: getattr(results, name) == earlier.get(name) for name in _FOLDERS}
    _check_places(model, results, replaces)
    host.import_tensorflow()
    loaded = Word2Vec.load(model.model_dir)
    results.check(loaded.vectors.shape[1] > 1 or not results.projector, "projector",
                  "vectors with 2 or more dimensions", loaded.vectors.shape[1])
    made = Made(loaded, results)
    made.write_files(replaces)
    made.draw()
    made.show_neighbours()
    judged.scores(loaded)
    print("Wrote " + ", ".join(made.written[1:]))


def _check_neighbours(words: List[str], results: ResultSettings, host: running.ProgramHost) -> None:
    """Report the words of --neighbours that are out of the vocabulary.

    Raises:
      InputError: all of them are.
    """
    index, label = {word: row for row, word in enumerate(words)}, results.label("neighbours")
    known, unknown = word_vectors.known_words(index, results.neighbours, "run_word2vec", label)
    if unknown and not known:
        word_vectors.known_rows(index, results.neighbours, "run_word2vec", label)
    for line in unknown:
        host.report(line)


def _check_places(model: Word2Vec, results: ResultSettings, replaces: Dict[str, bool]) -> None:
    """Check before the training that all results can be written and overwrite no input.

    Args:
      model: Word2Vec.
      results: ResultSettings.
      replaces: {name of a setting: whether its folder may be replaced}.

    Raises:
      InputError: names the flag or the path.
    """
    label = results.label
    picture = results.plots and os.path.join(results.plots, "loss.png")
    vectors_path = results.vectors or (model.model_dir and os.path.join(
        model.model_dir, vectors.FILE_NAME))
    paths = {label("vectors"): vectors_path, label("output_vectors"): results.output_vectors,
             label("save_vocab"): results.save_vocab, label("plots"): picture}
    folders = {label(name): getattr(results, name) for name in _FOLDERS}
    inputs = _inputs(model, results)
    places.check_apart(dict(paths, **{label("model_dir"): model.model_dir}), folders, inputs)
    # A warm start may overwrite its own --init_from with the new vectors, but with nothing else.
    places.check_apart({label("save_vocab"): results.save_vocab}, {},
                       {label("init_from"): list(model.init_from)})
    if model.model_dir:
        written = {name: [path] for name, path in {**paths, **folders}.items() if path}
        places.check_not_kept({**written, **inputs}, model.model_dir, file_names.KEPT)
        written.pop(label("save_vocab"), None)
        places.check_not_kept(written, model.model_dir, [vocabulary.FILE_NAME, phrases.FILE_NAME])
    for path in (results.vectors, results.output_vectors, results.save_vocab, picture):
        if path:
            places.check_writable(path)
    for name in _FOLDERS:
        if getattr(results, name):
            places.check_new_folder(getattr(results, name), replaces[name])
    if results.plots:
        charts.check_available()


def _inputs(model: Word2Vec, results: ResultSettings) -> Dict[str, List[str]]:
    """Return the files that are read: {flag: list of paths}."""
    texts = finding.find(model.corpus, "corpus") if model.corpus else []
    return {
        model.label("corpus"): [path for path, _ in texts if path != finding.STANDARD_INPUT],
        model.label("read_vocab"): [model.read_vocab] if model.read_vocab else [],
        results.label("eval_similarity"): list(results.eval_similarity),
        results.label("eval_analogies"): list(results.eval_analogies),
    }


class Judged:
    """Evaluation files, read before the training, and the scores of a model on them.

    Args:
      results: ResultSettings.

    Raises:
      InputError: an invalid file.
    """

    def __init__(self, results: ResultSettings):
        self._judgements = scoring.Judgements(results.eval_similarity, results.eval_analogies,
                                              results.similarity_columns, results.eval_top)

    def scores(self, model: Word2Vec) -> Dict[str, Any]:
        """Print the scores of a model and return them: {path of the file: score as of JSON}."""
        if not math.isnan(model.full_softmax_loss):
            print("\nFull softmax loss on held-out text: %.3f nats per pair" % model.full_softmax_loss)
        if not math.isnan(model.held_out_auc):
            print("Held-out AUC against words drawn by frequency: %.3f (chance: 0.5)" % (
                model.held_out_auc))
        scores = self._judgements.scores(model.words, model.vectors)
        if scores:
            print("\n".join(self._judgements.lines(scores)))
        return scoring.as_json(scores)


class Made:
    """Writer of the results of a training.

    Args:
      model: Word2Vec, after its training.
      results: ResultSettings.

    Attributes:
      written: list of strings, the paths written so far.
    """

    def __init__(self, model: Word2Vec, results: ResultSettings):
        self._model, self._results = model, results
        self.written = [model.folder + os.sep]

    def write_files(self, replaces: Dict[str, bool]) -> None:
        """Write the vectors, the SavedModel and the files of the projector.

        Args:
          replaces: {name of a setting: whether its folder may be replaced}.
        """
        from tf1_sampled.word2vec import export
        model, results = self._model, self._results
        path = results.vectors or os.path.join(model.folder, vectors.FILE_NAME)
        model.save_word2vec_format(path)
        self.written.append(path)
        if results.output_vectors:
            vectors.write_vectors(results.output_vectors, model.words, model.output_vectors)
            self.written.append(results.output_vectors)
        if results.saved_model:
            export.write_saved_model(results.saved_model, model.words, model.vectors,
                                     replaces=replaces["saved_model"])
            self.written.append(results.saved_model + os.sep)
        if results.projector:
            export.write_projector(results.projector, model.words, model.vectors,
                                   replaces=replaces["projector"])
            self.written.append(results.projector + os.sep)

    def draw(self) -> None:
        """Write the plots."""
        model, folder = self._model, self._results.plots
        if not folder:
            return
        path = os.path.join(folder, "map.png")
        charts.map_of_points(path, model.vectors[:500], model.words[:500], "The most frequent words",
                             seed=model.seed)
        self.written += [charts.loss(folder, model.history, "words"), path]

    def show_neighbours(self) -> None:
        """Print the nearest neighbours of the words of --neighbours, or of some frequent words."""
        words = self._model.words
        found, wanted = self._model.word_vectors, self._results.neighbours
        asked, lines = found.known_words(wanted, self._results.label("neighbours"))
        if not wanted:
            asked = [words[row] for row in evaluation.some_frequent(len(words))]
        for word in asked:
            lines += questions.answer(found, questions.Question("nearest", [word]), 6)
        print("\nNearest neighbours:\n" + "\n".join(lines))

    def write_metrics(self, scores: Dict[str, float], seconds: Dict[str, float]) -> None:
        """Write metrics.json.

        Args:
          scores: {path of an evaluation file: score}.
          seconds: {step: its duration in seconds}.
        """
        from tf1_sampled.training import metrics
        path = os.path.join(self._model.folder, file_names.METRICS)
        self.written.append(path)
        content: Dict[str, Any] = dict(self._model.metrics(), scores=scores, seconds=seconds,
                                       files=self.written)
        metrics.write_metrics(path, content)
