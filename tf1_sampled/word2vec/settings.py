"""Settings of word vectors: text, vocabulary, model and training."""
import dataclasses
from typing import ClassVar, Dict, Optional, Sequence

from tf1_sampled import checks
from tf1_sampled.files import finding
from tf1_sampled.settings import inherited, setting
from tf1_sampled.training.settings import TrainingSettings
from tf1_sampled.word2vec import encoded, phrases as phrases_lib, runs, text


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Word2VecSettings(TrainingSettings):
    """Settings of the text, its vocabulary, the model and the training."""

    SEVERAL_FILES: ClassVar[str] = "--corpus=a.txt,b.txt or a glob in quotes"
    # Names in gensim, word2vec.c and fastText, in lower case and with "_" for "-".
    ELSEWHERE: ClassVar[Dict[str, str]] = {
        "alpha": "--learning_rate", "lr": "--learning_rate", "min_alpha": "--decay",
        "size": "--dim", "vector_size": "--dim", "ws": "--window", "shrink_windows": "--shrink_window",
        "negative": "--num_sampled (negatives per 128 words)", "t": "--sample",
        "neg": "--num_sampled (negatives per 128 words)", "ns_exponent": "--distortion",
        "sg": "--model=skipgram", "cbow": "--model=cbow",
        "cbow_mean": "--model=cbow (it always takes means)",
        "hs": "--loss (there is no hierarchical softmax)", "iter": "--epochs", "epoch": "--epochs",
        "workers": "--threads", "thread": "--threads", "mincount": "--min_count",
        "max_final_vocab": "--max_vocab", "max_vocab_size": "--max_vocab", "train": "--corpus",
        "input": "--corpus", "sentences": "--corpus", "corpus_file": "--corpus", "output": "--vectors",
        "binary": "--vectors=FILE.bin", "pretrainedvectors": "--init_from",
        "threshold": "--phrase_threshold", "connector_words": "--phrase_connectors"}
    # The loss is a sum over pairs. chosen_learning_rate halves the rate for negative sampling.
    LEARNING_RATES: ClassVar[Dict[str, float]] = {
        "adagrad": 0.1, "adam": 0.0003, "rowwise_adagrad": 0.2, "sgd": 0.001}

    corpus: Sequence[str] = setting(
        (), "Text to train on: files, folders, globs, or - for standard input. White space separates "
        "words, and a line is a sentence. From a Wikipedia dump (pages-articles.xml), the articles are "
        "read. Files may be packed: .gz .bz2 .xz .zip. If a name has a comma, write a glob: "
        "'we?ird.txt'. Default: docstrings of the installed Python packages.", "data", may_change=True)
    encoding: str = setting("utf-8", "Encoding of the text.", "data")
    lowercase: bool = setting(False, "Convert the text to lower case.", "data")
    tokenize: bool = setting(
        False, "Split the text into words of letters and digits and drop punctuation. A single "
        "apostrophe inside a word stays (don't).", "data")
    join_lines: bool = setting(False, "Let windows cross the ends of lines.", "data")
    held_out: float = setting(
        0.01, "Share of the text to hold out for the reported loss, at most 50,000 words and line ends. "
        "Words that occur nowhere else stay in the trained part. 0 holds out nothing.", "data",
        least=0, most=0.5)
    phrases: int = setting(
        0, "Number of passes that join frequent pairs of words, such as new_york. The phrases are "
        "written to phrases.txt in --model_dir.", "data", least=0)
    phrase_threshold: float = setting(
        100.0, "Join words a and b if their score is above this: (count(a b) - d) / (count(a) count(b)) "
        "times the number of words, where d is --phrase_min_count.", "data", least=0)
    phrase_min_count: int = setting(
        5, "Discount of the count of a pair in its score. Words below this count are in no phrase.",
        "data", least=1)
    phrase_connectors: Sequence[str] = setting(
        (), "Words that may stand inside a phrase, up to two in a row, but not at its ends: of,the "
        "allows bank_of_america.", "data")
    min_count: int = setting(5, "Leave out words that occur fewer times.", "data", least=1)
    max_vocab: Optional[int] = setting(
        None, "Largest size of the vocabulary; the most frequent words stay. Default: no limit.",
        "data", least=2)
    read_vocab: str = setting(
        "", "File of words and counts to use as the vocabulary. It replaces --min_count and "
        "--max_vocab. Default: the vocabulary is built from the text.", "data", may_change=True)
    cache_dir: str = setting(
        "", "Folder for encoded texts, which are reused while the input files are unchanged. Default: "
        "tf1_sampled in $XDG_CACHE_HOME or ~/.cache.", "data", may_change=True)

    model: str = setting(
        "skipgram", "skipgram predicts the context words of each word, cbow each word from its context.",
        "model", choices=("cbow", "skipgram"))
    dim: int = setting(128, "Dimension of the word vectors. Default: 128, or the dimension of "
                       "--init_from.", "model", least=1)
    window: int = setting(5, "Context words on each side of a centre word, at most.", "model", least=1,
                          most=1000)
    shrink_window: bool = setting(
        True, "Draw the size of each window from 1 to --window, so that near words weigh more.", "model")
    sample: float = setting(
        1e-4, "Subsample words whose share of the text is larger. Each word keeps at least 5 "
        "occurrences on average. 0 turns subsampling off.", "model", least=0)
    init_from: Sequence[str] = setting(
        (), "File of word vectors for a warm start. Their words stay in the vocabulary. A second file, "
        "after a comma, has the output vectors. Default: random vectors.", "model")

    epochs: int = inherited(
        TrainingSettings, "epochs", least=0, help="Passes over the text. With 0, run_word2vec.py trains "
        "nothing, and writes the results of the model in --model_dir.")
    loss: str = inherited(TrainingSettings, "loss", default="negative_sampling")
    sampler: str = inherited(TrainingSettings, "sampler", default="fixed_unigram")
    num_sampled: int = inherited(
        TrainingSettings, "num_sampled", help="Negatives per 128 words. Ignored by --sampler=in_batch, "
        "which takes the labels of the batch, and by --sampler=all, which takes all words.")
    optimizer: str = inherited(TrainingSettings, "optimizer", default="rowwise_adagrad")
    learning_rate: Optional[float] = inherited(
        TrainingSettings, "learning_rate", help="Learning rate at the start. Default: depends on "
        "--optimizer (%s); half of that with --loss=negative_sampling." % ", ".join(
            "%s %g" % rate for rate in sorted(LEARNING_RATES.items())))
    batch_size: Optional[int] = setting(
        None, "Words per step: 32, 64, 96, or a multiple of 128. Default: 4096 divided by --threads, "
        "less for a short text.", "training", least=1)

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
            self.check(not self.read_vocab or not self.is_given(name), name,
                       "no value together with %s" % self.label("read_vocab"), getattr(self, name))
        self._check_phrases()
        size = self.batch_size or runs.GROUP
        fits = size % (runs.GROUP if size > runs.GROUP else runs.BLOCK) == 0
        self.check(fits, "batch_size", "32, 64, 96 or a multiple of %d" % runs.GROUP, self.batch_size)
        self.check(len(self.init_from) <= 2, "init_from", "one or two files: vectors, output vectors",
                   ",".join(self.init_from))

    def _check_phrases(self) -> None:
        for name in ("phrase_threshold", "phrase_min_count", "phrase_connectors"):
            self.check(self.phrases or not self.is_given(name), "phrases",
                       "1 or more together with %s" % self.label(name), self.phrases)
        connectors = self.phrase_connectors
        fits = all(word.split() == [word] for word in connectors)
        self.check(fits, "phrase_connectors", "words without white space", ",".join(connectors))
        self.check(len(connectors) <= phrases_lib.MAX_CONNECTORS, "phrase_connectors",
                   "at most %d words" % phrases_lib.MAX_CONNECTORS, len(connectors))

    def text_form(self) -> encoded.Form:
        """Return the form of the text: encoding, tokenization and phrases."""
        return encoded.Form(self.encoding, self.lowercase, self.tokenize, phrases_lib.Options(
            self.phrases, self.phrase_threshold, self.phrase_min_count, tuple(self.phrase_connectors)))

    @property
    def is_relative_to_noise(self) -> bool:
        """Return whether the scores are log-probabilities relative to those of the noise."""
        return self.loss == "negative_sampling"

    def chosen_learning_rate(self) -> float:
        """Return the given learning rate, or the default for the optimizer and the loss."""
        rate = super().chosen_learning_rate()
        return rate / 2 if self.learning_rate is None and self.is_relative_to_noise else rate
