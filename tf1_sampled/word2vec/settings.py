"""The settings of a training of word vectors: text and vocabulary, model, training."""
import dataclasses
from typing import ClassVar, Dict, Optional, Sequence

from tf1_sampled import checks
from tf1_sampled.settings import inherited, setting
from tf1_sampled.training.settings import TrainingSettings
from tf1_sampled.word2vec import corpus as corpus_lib, text


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Word2VecSettings(TrainingSettings):
    """Which text is read, which words are kept, which model is trained and how."""

    SEVERAL_FILES: ClassVar[str] = "--corpus=a.txt,b.txt or as a glob in quotes"
    # Of sums over pairs, halved with negative sampling, whose scores are relative to the noise.
    LEARNING_RATES: ClassVar[Dict[str, float]] = {
        "adagrad": 0.1, "adam": 0.0003, "rowwise_adagrad": 0.2, "sgd": 0.001}

    corpus: Sequence[str] = setting(
        (), "Files, folders, globs, or - for standard input: words between white space, a sentence per "
        "line. Files may be .gz .bz2 .xz .zip. A glob matches a name with a comma in it: 'we?ird.txt'. "
        "Default: docstrings of the installed Python packages.", "data", may_change=True)
    encoding: str = setting("utf-8", "Encoding of the text.", "data")
    join_lines: bool = setting(False, "Let windows reach across the ends of lines.", "data")
    phrases: int = setting(
        0, "Passes that join words that often occur together, as new_york.", "data", least=0)
    min_count: int = setting(5, "Leave out words that occur less often.", "data", least=1)
    max_vocab: Optional[int] = setting(
        None, "Size of the vocabulary at most; the most frequent words stay.", "data", least=2)
    read_vocab: str = setting(
        "", "File of words and their counts, all of which are the vocabulary instead of the text's "
        "words: without --min_count and --max_vocab.", "data", may_change=True)
    cache_dir: str = setting(
        "", "Folder for encoded texts, which are read again while the files stay unchanged. Default: "
        "tf1_sampled in $XDG_CACHE_HOME or ~/.cache.", "data", may_change=True)

    model: str = setting(
        "skipgram", "Predict the words around each word, or each word from those around it.", "model",
        choices=("cbow", "skipgram"))
    dim: int = setting(128, "Size of the word vectors. Default: 128, or that of --init_from.", "model",
                       least=1)
    window: int = setting(5, "Words on each side of the centre, at most.", "model", least=1, most=1000)
    shrink_window: bool = setting(
        True, "Draw the size of each window from 1 to --window, so that near words count more.", "model")
    sample: float = setting(
        1e-4, "Subsample words whose share of the text is above this; 0 keeps all.", "model", least=0)
    init_from: Sequence[str] = setting(
        (), "File of word vectors to start from, whose words are kept, and optionally after a comma a "
        "file of their output vectors.", "model")

    loss: str = inherited(TrainingSettings, "loss", default="negative_sampling")
    sampler: str = inherited(TrainingSettings, "sampler", default="fixed_unigram")
    num_sampled: int = inherited(
        TrainingSettings, "num_sampled", help="Negatives per 128 words. --sampler=in_batch takes the "
        "labels instead, --sampler=all all words.")
    optimizer: str = inherited(TrainingSettings, "optimizer", default="rowwise_adagrad")
    learning_rate: Optional[float] = inherited(
        TrainingSettings, "learning_rate", help="Learning rate at the start. Default, by --optimizer: "
        "%s; half of it with --loss=negative_sampling." % ", ".join(
            "%s %g" % rate for rate in sorted(LEARNING_RATES.items())))
    batch_size: Optional[int] = setting(
        None, "Words per step, a multiple of 128. Default: 4096 divided by --threads, fewer for a short "
        "text.", "training", least=1)

    def _check_together(self) -> None:
        super()._check_together()
        self.check(self.corpus or not self.is_given("corpus"), "corpus", "the name of a file", "")
        listed = ",".join(self.corpus)
        self.check("" not in self.corpus, "corpus", "names of files, folders or globs", listed)
        self.check(self.corpus.count(text.STANDARD_INPUT) < 2, "corpus", "standard input (-) once",
                   listed)
        try:
            text.check_encoding(self.encoding)
        except checks.InputError:
            self.check(False, "encoding", "the name of a text encoding", self.encoding)
        for name in ("min_count", "max_vocab"):
            self.check(not self.read_vocab or not self.is_given(name), "read_vocab",
                       "no %s beside it" % self.label(name), getattr(self, name))
        self.check(not self.batch_size or self.batch_size % corpus_lib.GROUP == 0, "batch_size",
                   "a multiple of %d" % corpus_lib.GROUP, self.batch_size)
        self.check(len(self.init_from) <= 2, "init_from", "vectors, and maybe output vectors",
                   ",".join(self.init_from))

    @property
    def is_relative_to_noise(self) -> bool:
        """Whether the scores are relative to the frequencies of the negatives."""
        return self.loss == "negative_sampling"

    def chosen_learning_rate(self) -> float:
        """Return the learning rate that was given, or the default with the optimizer and the loss."""
        rate = super().chosen_learning_rate()
        return rate / 2 if self.learning_rate is None and self.is_relative_to_noise else rate
