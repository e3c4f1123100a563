"""Word2Vec, the Python API of word vectors; run_word2vec.py is its command line.

    from tf1_sampled.word2vec import Word2Vec

    model = Word2Vec(dim=128, loss="nce", epochs=5).fit(sentences)
    model["king"]                                   # float32 [128]
    model.most_similar("king", k=3)                 # [("queen", 0.82), ...]
    model.save("model")
    model = Word2Vec.load("model")

The call of `fit` imports TensorFlow; the import of this module does not.

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
    """Word vectors of a skip-gram or CBOW model; the keywords are the settings below.

    Example:
        from tf1_sampled.word2vec import Word2Vec

        model = Word2Vec(dim=64, min_count=1).fit([["the", "king"], ["the", "queen"]])
        model["king"]                          # float32 [64]
        model.most_similar("king", k=2)        # [(word, cosine), (word, cosine)]
        model.save("model")

    Attributes:
      folder, history, seconds, is_whole: see Estimator.
      words_per_second: float, the training speed.
      full_softmax_loss: float, the full softmax loss on held-out text at the end of the training, in
        nats per pair; NaN without held-out text.
      held_out_auc: float, the probability that a held-out pair of words scores above a pair whose second
        word is drawn by frequency: 0.5 by chance; see hold_out.auc. NaN without held-out text.
      also_recorded: {name: value as of JSON}, more values for settings.json, which may change.
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

        Each call makes its own graph and session. If the folder of the setting model_dir holds a
        training, that training resumes. Without model_dir, the files are in a temporary folder, which
        is deleted with this object. Ctrl-C ends the training early and keeps the vectors trained so far.

        Args:
          sentences: a path; a list of paths and globs of text with a sentence per line; or an iterable
            of lists of words, such as a generator. None for the setting `corpus`, or if that is empty
            the docstrings of the installed Python packages.
          host: host.OneMachine that runs the training; None for this process.

        Returns:
          This model.

        Raises:
          InputError: invalid settings or sentences, a model_dir of other settings or sentences, a loss
            that is not finite.
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
            warnings.warn("fit was stopped; the vectors are as trained so far. To resume: save the "
                          "model to a folder, then %s.load(folder).fit(sentences)" % type(self).__name__,
                          stacklevel=2)
        return self

    def open_folder(self, host: OneMachine) -> ModelDir:
        """Open the folder of a training: the first step of `fit`.

        Args:
          host: host.OneMachine.

        Returns:
          ModelDir.

        Raises:
          InputError: epochs of 0, a model_dir of other settings.
        """
        self.check(self.epochs, "epochs", "an integer of 1 or more to train", self.epochs)
        return self._open_folder(host)

    def train(self, text: reading.Text, folder: ModelDir, host: OneMachine) -> None:
        """Train on an open text: the second step of `fit`.

        Args:
          text: reading.Text.
          folder: ModelDir from `open_folder`.
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

    def _measure(self, text: reading.Text) -> None:
        """Set the loss and the AUC on the held-out text."""
        self.full_softmax_loss = self.held_out_auc = math.nan
        if len(text.held_out):
            self.full_softmax_loss = self.history[-1][2] if self.history else math.nan
            blocks = hold_out.blocks(text.held_out_tokens, len(text.corpus.words), self.window,
                                     num_centres=hold_out.AUC_CENTRES)
            self.held_out_auc = hold_out.auc(
                blocks, (self.vectors, self.output_vectors), text.corpus.counts_in_text(),
                self.window, is_cbow=self.model == "cbow")

    @property
    def word_vectors(self) -> word_vectors_lib.WordVectors:
        """Return the words and their vectors, a WordVectors.

        Raises:
          InputError: before `fit` or `load`.
        """
        self._check_fitted("word_vectors")
        assert self._found is not None
        return self._found

    @property
    def words(self) -> List[str]:
        """Return the words of the vocabulary, in falling order of frequency: list of V strings."""
        return self.word_vectors.words

    @property
    def vectors(self) -> np.ndarray:
        """Return the vectors of the words, float32 [V, D]."""
        return self.word_vectors.vectors

    @property
    def counts(self) -> np.ndarray:
        """Return the count of each word in the text, int64 [V].

        Raises:
          InputError: before `fit` or `load`, or if the loaded folder has no counts.
        """
        self._check_fitted("counts")
        self.check(self._counts is not None, "counts", "a folder with " + vocabulary.FILE_NAME,
                   self.folder)
        assert self._counts is not None
        return self._counts

    @property
    def output_vectors(self) -> np.ndarray:
        """Return the output vectors of the checkpoint: weights of words as classes, float32 [V, D]."""
        self._check_fitted("output_vectors")
        from tf1_sampled.word2vec import fitting, model
        return fitting.saved_table(self.folder, model.OUTPUT_WEIGHTS, len(self.words))

    @property
    def joined_phrases(self) -> phrases_lib.Phrases:
        """Return the phrases that were joined in the text; their `apply(words)` joins them elsewhere."""
        self._check_fitted("joined_phrases")
        path = places.kept(self.folder, phrases_lib.FILE_NAME)
        return phrases_lib.Phrases.read(path) if os.path.exists(path) else phrases_lib.Phrases()

    def __len__(self) -> int:
        return len(self._found) if self._found is not None else 0

    def __bool__(self) -> bool:
        return True  # len() of a model before `fit` is 0

    def __contains__(self, word: Any) -> bool:
        return word in self.word_vectors

    def __getitem__(self, word: str) -> np.ndarray:
        """Return the vector of a word: float32 [D].

        Args:
          word: string.

        Raises:
          UnknownWordError: an out-of-vocabulary word; both an InputError and a KeyError.
        """
        return self.word_vectors[word]

    def most_similar(self, positive: Any, negative: Any = (), k: int = 10) -> List[Tuple[str, float]]:
        """Return the words nearest to the sum of the positive minus the negative words.

            model.most_similar("king")
            model.most_similar(positive=["king", "woman"], negative=["man"], k=5)

        Args:
          positive, negative: a word, a vector float [D], or a list of words and vectors. Negative may be
            empty.
          k: integer, the number of words to return; fewer if the vocabulary has fewer.

        Returns:
          list of (word, cosine), best first; see WordVectors.most_similar.

        Raises:
          InputError: no positive word, vectors that are not finite numbers [D], k below 1.
          UnknownWordError: an out-of-vocabulary word.
        """
        return self.word_vectors.most_similar(positive, negative, k)

    def similarity(self, first: Any, second: Any) -> float:
        """Return the cosine of the vectors of two words, a float.

        Args:
          first, second: a word, or a vector float [D].

        Raises:
          InputError: a vector that is not finite numbers [D].
          UnknownWordError: an out-of-vocabulary word.
        """
        return self.word_vectors.similarity(first, second)

    def odd_one_out(self, words: Sequence[str]) -> str:
        """Return the word whose cosine with the mean of all the words is smallest.

        Args:
          words: list of 3 or more words.

        Raises:
          InputError: fewer than 3 words.
          UnknownWordError: an out-of-vocabulary word.
        """
        return self.word_vectors.odd_one_out(words)

    def evaluate_similarity(self, path: str, columns: Sequence[str] = (),
                            top: int = 300000) -> evaluation.Similarity:
        """Compute the rank correlation of cosines with human scores of word pairs.

        Args:
          path: a file such as WordSim-353, SimLex-999 or MEN.
          columns: strings, the names in the header or the numbers from 1 of the columns first word,
            second word, score; empty to detect them.
          top: integer; only the `top` most frequent words are known.

        Returns:
          evaluation.Similarity: spearman, num_pairs, num_left_out, missing_words.

        Raises:
          InputError: an invalid file, top below 1.
        """
        return self.word_vectors.evaluate_similarity(path, columns, top)

    def evaluate_analogies(self, path: str, top: int = 30000) -> evaluation.Analogies:
        """Compute the share of analogy questions that the vectors answer correctly.

        Args:
          path: a file such as questions-words.txt.
          top: integer; only the `top` most frequent words are known, and may be answers.

        Returns:
          evaluation.Analogies: sections, total (with `accuracy`), missing_words.

        Raises:
          InputError: an invalid file, top below 1.
        """
        return self.word_vectors.evaluate_analogies(path, top)

    def save_word2vec_format(self, path: str) -> None:
        """Write the vectors to a file in word2vec's format.

        Args:
          path: a name that ends with .txt or .vec for text, or .bin for binary; .gz, .bz2 or .xz after
            that compresses the file.

        Raises:
          InputError: another name, a path that cannot be written.
        """
        self.word_vectors.save_word2vec_format(path)

    def metrics(self) -> Dict[str, Any]:
        """Return the content of metrics.json: {name: value as of JSON}."""
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
        """Return the names of the settings that may change when a training resumes."""
        return super().changeable().union(self.also_recorded)

    def recorded(self) -> Dict[str, Any]:
        """Return the settings for settings.json: {name: value as of JSON}."""
        return dict(self.values(), **self.also_recorded)

    def used(self) -> Dict[str, Any]:
        """Return the settings with the values that the training used: {name: value as of JSON}."""
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
        vocabulary_words = None
        if os.path.exists(path):
            vocabulary_words, self._counts = vocabulary.read_vocabulary(path, leaves_out_line_end=False)
        path = places.kept(self.folder, vectors.FILE_NAME)
        if vocabulary_words is not None and not self._has_vectors(path):
            from tf1_sampled.word2vec import fitting, model
            words = vocabulary_words
            rows = fitting.saved_table(self.folder, model.EMBEDDINGS, len(words))
        else:
            words, rows = vectors.read_vectors(path)
            if words != vocabulary_words:  # a restart that was killed before its first checkpoint
                self._counts = None
        self._found = word_vectors_lib.WordVectors(words, rows, type(self).__name__)

    def _has_vectors(self, path: str) -> bool:
        """Return whether the file of vectors is as new as the newest checkpoint.

        The file is older after a stopped training, or if --vectors named another file.
        """
        checkpoint = os.path.join(self.folder, file_names.NEWEST)
        return os.path.exists(path) and (not os.path.exists(checkpoint)
                                         or os.path.getmtime(path) >= os.path.getmtime(checkpoint))
