"""The settings of a training of word vectors: text and vocabulary, model, training."""
import dataclasses
from typing import ClassVar, Dict, Optional, Sequence

from tf1_sampled import checks
from tf1_sampled.files import finding
from tf1_sampled.settings import inherited, setting
from tf1_sampled.training.settings import TrainingSettings
from tf1_sampled.word2vec import encoded, phrases as phrases_lib, runs, text


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Word2VecSettings(TrainingSettings):
    """Which text is read, which words are kept, which model is trained and how."""

    SEVERAL_FILES: ClassVar[str] = "--corpus=a.txt,b.txt or as a glob in quotes"
    # Of gensim, word2vec.c and fastText, in small letters and with "_" for "-".
    ELSEWHERE: ClassVar[Dict[str, str]] = {
        "alpha": "--learning_rate", "lr": "--learning_rate", "min_alpha": "--decay",
        "size": "--dim", "vector_size": "--dim", "ws": "--window", "shrink_windows": "--shrink_window",
        "negative": "--num_sampled, negatives per 128 words", "t": "--sample",
        "neg": "--num_sampled, negatives per 128 words", "ns_exponent": "--distortion",
        "sg": "--model=skipgram", "cbow": "--model=cbow", "cbow_mean": "--model=cbow, always of means",
        "hs": "--loss, without hierarchical softmax", "iter": "--epochs", "epoch": "--epochs",
        "workers": "--threads", "thread": "--threads", "mincount": "--min_count",
        "max_final_vocab": "--max_vocab", "max_vocab_size": "--max_vocab", "train": "--corpus",
        "input": "--corpus", "sentences": "--corpus", "corpus_file": "--corpus", "output": "--vectors",
        "binary": "--vectors=FILE.bin", "pretrainedvectors": "--init_from",
        "threshold": "--phrase_threshold", "connector_words": "--phrase_connectors"}
    # Of sums over pairs, halved with negative sampling, whose scores are relative to the noise.
    LEARNING_RATES: ClassVar[Dict[str, float]] = {
        "adagrad": 0.1, "adam": 0.0003, "rowwise_adagrad": 0.2, "sgd": 0.001}

    corpus: Sequence[str] = setting(
        (), "Files, folders, globs, or - for standard input: words between white space, a sentence per "
        "line, or a Wikipedia dump (pages-articles.xml). Files may be .gz .bz2 .xz .zip. A glob matches "
        "a name with a comma in it: 'we?ird.txt'. Default: docstrings of the installed Python "
        "packages.", "data", may_change=True)
    encoding: str = setting("utf-8", "Encoding of the text.", "data")
    lowercase: bool = setting(False, "Make all letters small.", "data")
    tokenize: bool = setting(
        False, "Take runs of letters, their marks and digits as words, also with single apostrophes "
        "inside (don't), and leave out all else, as punctuation.", "data")
    join_lines: bool = setting(False, "Let windows reach across the ends of lines.", "data")
    held_out: float = setting(
        0.01, "Share of the text that is not trained on, for the loss that is shown: at most 50,000 "
        "words and line ends, from all over the text, but none around a word that would not be trained "
        "otherwise. 0 for none.", "data", least=0, most=0.5)
    phrases: int = setting(
        0, "Passes that join two words that often occur together, as new_york. The phrases are in "
        "phrases.txt of the model_dir.", "data", least=0)
    phrase_threshold: float = setting(
        100.0, "Join words whose score is above this: how much more often they occur together than "
        "their counts let expect; see --phrase_min_count.", "data", least=0)
    phrase_min_count: int = setting(
        5, "Subtracted from the count of a pair in its score; words that occur less often are in no "
        "phrase.", "data", least=1)
    phrase_connectors: Sequence[str] = setting(
        (), "Words of which up to two may stand between the two words of a phrase, and none begins or "
        "ends one: of,the for bank_of_america.", "data")
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
        1e-4, "Subsample words whose share of the text is above this; of each, 5 occurrences stay on "
        "average. 0 keeps all.", "model", least=0)
    init_from: Sequence[str] = setting(
        (), "File of word vectors to start from, whose words are kept, and optionally after a comma a "
        "file of their output vectors.", "model")

    epochs: int = inherited(
        TrainingSettings, "epochs", least=0, help="Passes over the text. 0 reads and trains nothing: "
        "run_word2vec.py makes its results of the model in --model_dir, also of one that was stopped.")
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
        None, "Words per step: 32, 64, 96, or a multiple of 128. Default: 4096 divided by --threads, "
        "fewer for a short text.", "training", least=1)

    def _check_together(self) -> None:
        super()._check_together()
        self.check(self.corpus or not self.is_given("corpus"), "corpus", "the name of a file", "")
        listed = ",".join(self.corpus)
        self.check("" not in self.corpus, "corpus", "names of files, folders or globs", listed)
        self.check(self.corpus.count(finding.STANDARD_INPUT) < 2, "corpus", "standard input (-) once",
                   listed)
        try:
            text.check_encoding(self.encoding)
        except checks.InputError:
            self.check(False, "encoding", "the name of a text encoding", self.encoding)
        for name in ("min_count", "max_vocab"):
            self.check(not self.read_vocab or not self.is_given(name), "read_vocab",
                       "no %s beside it" % self.label(name), getattr(self, name))
        self._check_phrases()
        size = self.batch_size or runs.GROUP
        fits = size % (runs.GROUP if size > runs.GROUP else runs.BLOCK) == 0
        self.check(fits, "batch_size", "32, 64, 96 or a multiple of %d" % runs.GROUP, self.batch_size)
        self.check(len(self.init_from) <= 2, "init_from", "vectors, and maybe output vectors",
                   ",".join(self.init_from))

    def _check_phrases(self) -> None:
        for name in ("phrase_threshold", "phrase_min_count", "phrase_connectors"):
            self.check(self.phrases or not self.is_given(name), name,
                       "%s of 1 or more beside it" % self.label("phrases"), self.phrases)
        connectors = self.phrase_connectors
        fits = all(word.split() == [word] for word in connectors)
        self.check(fits, "phrase_connectors", "words without white space", ",".join(connectors))
        self.check(len(connectors) <= phrases_lib.MAX_CONNECTORS, "phrase_connectors",
                   "at most %d words" % phrases_lib.MAX_CONNECTORS, len(connectors))

    def text_form(self) -> encoded.Form:
        """Return what the words of the text are."""
        return encoded.Form(self.encoding, self.lowercase, self.tokenize, phrases_lib.Options(
            self.phrases, self.phrase_threshold, self.phrase_min_count, tuple(self.phrase_connectors)))

    @property
    def is_relative_to_noise(self) -> bool:
        """Whether the scores are relative to the frequencies of the negatives."""
        return self.loss == "negative_sampling"

    def chosen_learning_rate(self) -> float:
        """Return the learning rate that was given, or the default with the optimizer and the loss."""
        rate = super().chosen_learning_rate()
        return rate / 2 if self.learning_rate is None and self.is_relative_to_noise else rate
