"""Word2Vec: word vectors from Python, of which run_word2vec.py is the command line.

    from tf1_sampled.word2vec import Word2Vec

    model = Word2Vec(dim=128, loss="nce", epochs=5).fit(sentences)
    model["king"]                                   # float32 [128]
    model.most_similar("king", k=3)                 # [("queen", 0.82), ...]
    model.save("model")
    model = Word2Vec.load("model")

TensorFlow is imported by `fit`.

Reference: Mikolov et al. 2013, "Distributed Representations of Words and Phrases".
"""
import math
import os
import time
import warnings
from typing import Any, ClassVar, Dict, FrozenSet, List, Optional, Sequence, Tuple, TypeVar

import numpy as np

from tf1_sampled import settings
from tf1_sampled.files import places
from tf1_sampled.training import file_names
from tf1_sampled.training.estimator import Estimator
from tf1_sampled.training.host import OneMachine
from tf1_sampled.training.model_dir import ModelDir
from tf1_sampled.word2vec import (
    evaluation,
    hold_out,
    phrases as phrases_lib,
    reading,
    vectors,
    vocabulary,
    word_vectors as word_vectors_lib,
)
from tf1_sampled.word2vec.settings import Word2VecSettings

_Self = TypeVar("_Self", bound="Word2Vec")


@settings.documented
class Word2Vec(Word2VecSettings, Estimator):
    """Word vectors of a skip-gram or CBOW model; its keywords are Word2VecSettings.

        model = Word2Vec(dim=64, min_count=1).fit([["the", "king"], ["the", "queen"]])
        "king" in model, len(model), model.words, model.vectors, model.counts

    Attributes:
      folder, history, seconds, is_whole: see Estimator.
      words_per_second: float, the speed of the training.
      full_softmax_loss: float, the full softmax loss on held-out text at the end of the training, in
        nats per pair; NaN where none was held out.
      held_out_auc: float, how often a held-out pair of words scores above the same word with one drawn
        by frequency: 0.5 by chance; see hold_out.auc. NaN where none was held out.
      also_recorded: {name: value as of JSON}, more to keep in settings.json, which may change.
    """

    PROGRAM: ClassVar[str] = "word2vec"
    KEPT: ClassVar[Tuple[str, ...]] = (vectors.FILE_NAME, vocabulary.FILE_NAME, phrases_lib.FILE_NAME)

    words_per_second: float
    full_softmax_loss: float
    held_out_auc: float
    also_recorded: Dict[str, Any]
    _found: Optional[word_vectors_lib.WordVectors]
    _counts: Optional[np.ndarray]
    _seconds_reading: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self.words_per_second, self.also_recorded, self._seconds_reading = 0.0, {}, 0.0
        self.full_softmax_loss = self.held_out_auc = math.nan
        self._found = self._counts = None

    def fit(self: _Self, sentences: Any = None, host: Optional[OneMachine] = None) -> _Self:
        """Train on sentences.

            Word2Vec(epochs=3).fit("text.txt.gz")
            Word2Vec(min_count=1).fit([["the", "king"], ["the", "queen"]])

        Each call has a graph and a session of its own. With the setting model_dir, the training that the
        folder holds goes on; else all is in a temporary folder, which goes with this object. Ctrl-C ends
        the training early and keeps what was trained.

        Args:
          sentences: a path, a list of paths and globs of text with a sentence per line, or an iterable
            of lists of words (a generator, too). None for the setting `corpus`, or without it the
            docstrings of the installed Python packages.
          host: host.OneMachine, where and for whom it is trained; None for this process.

        Returns:
          This model.

        Raises:
          InputError: settings or sentences that do not fit, a model_dir of other settings or sentences,
            a loss that is not finite.
        """
        who = OneMachine() if host is None else host
        begin = time.monotonic()
        paths = reading.paths_of(sentences)
        self.also_recorded.update({} if paths is None else {"corpus": paths})
        with self.open_folder(who) as folder:
            with reading.open_text(self, sentences, who.report) as text:
                self._seconds_reading = time.monotonic() - begin
                self.train(text, folder, who)
            if who.is_chief:
                self._write()
        if who.is_chief and not self.is_whole:
            warnings.warn("fit was stopped; the vectors are those trained so far. To go on: save the "
                          "model to a folder, then %s.load(folder).fit(sentences)" % type(self).__name__,
                          stacklevel=2)
        return self

    def open_folder(self, host: OneMachine) -> ModelDir:
        """Return the folder for a training: the first step of `fit`.

        Raises:
          InputError: epochs of 0, a model_dir of other settings.
        """
        self.check(self.epochs, "epochs", "an integer of 1 or more to train", self.epochs)
        return self._open_folder(host)

    def train(self, text: reading.Text, folder: ModelDir, host: OneMachine) -> None:
        """Train on a text that is read: the second step of `fit`.

        Args:
          text: reading.Text.
          folder: ModelDir, as from `open_folder`.
          host: host.OneMachine.

        Raises:
          InputError: as `fit`.
        """
        host.import_tensorflow()
        from tf1_sampled.word2vec import fitting, model
        result = fitting.train(self, text, folder, host)
        if not host.is_chief:
            return
        words = text.corpus.words
        self._take(result, folder.path)
        self.words_per_second = result.units_per_second
        self._found = word_vectors_lib.WordVectors(
            words, fitting.saved_table(folder.path, model.EMBEDDINGS, len(words)), type(self).__name__)
        self._counts = text.corpus.counts
        self._measure(text)
        self._save_phrases(text.corpus.phrases)
        vocabulary.save_vocabulary(os.path.join(folder.path, vocabulary.FILE_NAME), words, self._counts)

    def _measure(self, text: reading.Text) -> None:
        """Take the loss on the held-out text, and compute its AUC."""
        self.full_softmax_loss = self.held_out_auc = math.nan
        if len(text.held_out):
            self.full_softmax_loss = self.history[-1][2] if self.history else math.nan
            blocks = hold_out.blocks(text.held_out_tokens, len(text.corpus.words), self.window,
                                     num_centres=hold_out.AUC_CENTRES)
            self.held_out_auc = hold_out.auc(
                blocks, (self.vectors, self.output_vectors), text.corpus.counts_in_text(),
                self.window, is_cbow=self.model == "cbow")

    def _save_phrases(self, phrases: phrases_lib.Phrases) -> None:
        path = os.path.join(self.folder, phrases_lib.FILE_NAME)
        if any(phrases.passes):
            phrases.save(path)
        elif os.path.lexists(path):
            os.remove(path)

    @property
    def word_vectors(self) -> word_vectors_lib.WordVectors:
        """The words and their vectors.

        Raises:
          InputError: before `fit` or `load`.
        """
        self._check_fitted("word_vectors")
        assert self._found is not None
        return self._found

    @property
    def words(self) -> List[str]:
        """The V words, in falling order of frequency."""
        return self.word_vectors.words

    @property
    def vectors(self) -> np.ndarray:
        """The vectors of the words: float32 [V, D]."""
        return self.word_vectors.vectors

    @property
    def counts(self) -> np.ndarray:
        """How often each word occurs in the text: int64 [V].

        Raises:
          InputError: before `fit` or `load`, or the folder that was loaded has no counts.
        """
        self._check_fitted("counts")
        self.check(self._counts is not None, "counts", "a folder with " + vocabulary.FILE_NAME,
                   self.folder)
        assert self._counts is not None
        return self._counts

    @property
    def output_vectors(self) -> np.ndarray:
        """The output vectors, those of words as classes: float32 [V, D], read from the checkpoint."""
        self._check_fitted("output_vectors")
        from tf1_sampled.word2vec import fitting, model
        return fitting.saved_table(self.folder, model.OUTPUT_WEIGHTS, len(self.words))

    @property
    def joined_phrases(self) -> phrases_lib.Phrases:
        """The phrases that were joined in the text: joined_phrases.apply(words) joins them elsewhere."""
        self._check_fitted("joined_phrases")
        path = places.kept(self.folder, phrases_lib.FILE_NAME)
        return phrases_lib.Phrases.read(path) if os.path.exists(path) else phrases_lib.Phrases()

    def __len__(self) -> int:
        return len(self._found) if self._found is not None else 0

    def __bool__(self) -> bool:
        return True  # a model that was not fitted is one, too

    def __contains__(self, word: Any) -> bool:
        return word in self.word_vectors

    def __getitem__(self, word: str) -> np.ndarray:
        """Return the vector of a word: float32 [D].

        Raises:
          UnknownWordError: a word without a vector; both an InputError and a KeyError.
        """
        return self.word_vectors[word]

    def most_similar(self, positive: Any, negative: Any = (), k: int = 10) -> List[Tuple[str, float]]:
        """Return the k words of the largest cosine: [(word, cosine)]; see WordVectors.most_similar.

            model.most_similar("king")
            model.most_similar(positive=["king", "woman"], negative=["man"], k=5)
        """
        return self.word_vectors.most_similar(positive, negative, k)

    def similarity(self, first: Any, second: Any) -> float:
        """Return the cosine of two words, or of vectors [D]; see WordVectors.similarity."""
        return self.word_vectors.similarity(first, second)

    def odd_one_out(self, words: Sequence[str]) -> str:
        """Return the word that is least like the others; see WordVectors.odd_one_out."""
        return self.word_vectors.odd_one_out(words)

    def evaluate_similarity(self, path: str, columns: Sequence[str] = (),
                            top: int = 300000) -> evaluation.Similarity:
        """Compare cosines with human scores of word pairs; see WordVectors.evaluate_similarity."""
        return self.word_vectors.evaluate_similarity(path, columns, top)

    def evaluate_analogies(self, path: str, top: int = 30000) -> evaluation.Analogies:
        """Count the analogies that the vectors complete; see WordVectors.evaluate_analogies."""
        return self.word_vectors.evaluate_analogies(path, top)

    def save_word2vec_format(self, path: str) -> None:
        """Write a word2vec file: text as .txt or .vec, binary as .bin; .gz .bz2 .xz after it packs it.

        Raises:
          InputError: a name of another form, a path that cannot be written.
        """
        self.word_vectors.save_word2vec_format(path)

    def metrics(self) -> Dict[str, Any]:
        """Return what metrics.json has of the training, as of JSON."""
        return {
            "settings": self.used(),
            "seconds": {"read": self._seconds_reading, "train": self.seconds, "evaluate": 0.0},
            "cpu_seconds": self.cpu_seconds,
            **self.machine,
            "words_per_second": self.words_per_second,
            "full_softmax_loss": self.full_softmax_loss,
            "held_out_auc": self.held_out_auc,
            "history": self.history,
            "scores": {},
            "baselines": {},
            "files": [],
        }

    def changeable(self) -> FrozenSet[str]:
        """Return the names of the settings that may be others when a training goes on."""
        return super().changeable().union(self.also_recorded)

    def recorded(self) -> Dict[str, Any]:
        """Return the settings that settings.json keeps."""
        return dict(self.values(), **self.also_recorded)

    def used(self) -> Dict[str, Any]:
        """Return the settings with the values that the training had."""
        dim = self.vectors.shape[1] if self._found is not None else self.dim
        return dict(super().used(), dim=dim)

    def _write(self) -> None:
        """Write the results into the folder."""
        from tf1_sampled.training import metrics
        path = os.path.join(self.folder, vectors.FILE_NAME)
        self.save_word2vec_format(path)
        values = dict(self.metrics(), files=[self.folder + os.sep, path])
        if not self.is_whole:
            values["is_whole"] = False
        metrics.write_metrics(os.path.join(self.folder, file_names.METRICS), values)

    def _load(self, metrics: Dict[str, Any]) -> None:
        super()._load(metrics)
        self.words_per_second = float(metrics.get("words_per_second") or 0.0)
        self.full_softmax_loss = float(metrics.get("full_softmax_loss") or math.nan)
        self.held_out_auc = float(metrics.get("held_out_auc") or math.nan)
        path = places.kept(self.folder, vocabulary.FILE_NAME)
        words = None
        if os.path.exists(path):
            words, self._counts = vocabulary.read_vocabulary(path, leaves_out_line_end=False)
        path = places.kept(self.folder, vectors.FILE_NAME)
        if words is not None and not self._has_vectors(path):
            from tf1_sampled.word2vec import fitting, model
            rows = fitting.saved_table(self.folder, model.EMBEDDINGS, len(words))
        else:
            words, rows = vectors.read_vectors(path)
        self._found = word_vectors_lib.WordVectors(words, rows, type(self).__name__)

    def _has_vectors(self, path: str) -> bool:
        """Return whether a file has the vectors of the newest checkpoint.

        It does not where the program's --vectors went elsewhere, or a training was stopped.
        """
        checkpoint = os.path.join(self.folder, file_names.NEWEST)
        return os.path.exists(path) and (not os.path.exists(checkpoint)
                                         or os.path.getmtime(path) >= os.path.getmtime(checkpoint))
