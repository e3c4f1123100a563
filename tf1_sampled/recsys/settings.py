"""The settings of a recommender: its events, its model, its training."""
import dataclasses
import os
from typing import ClassVar, Dict, Optional, Sequence, Tuple

from tf1_sampled.recsys import columns, evaluation
from tf1_sampled.settings import inherited, setting
from tf1_sampled.training.settings import TrainingSettings

_RATES = {"adagrad": 0.1, "adam": 0.005, "rowwise_adagrad": 0.1, "sgd": 1.0}
_TEMPERATURES = {"cosine": 0.1, "dot": 1.0}
_PAST, _OTHERS = "past", "others"


def _by_name(numbers: Dict[str, float]) -> str:
    return ", ".join("%s %g" % pair for pair in sorted(numbers.items()))


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RecsysSettings(TrainingSettings):
    """The keywords of YouTubeDNN and the flags of run_recsys.py: events, model and training."""

    LEARNING_RATES: ClassVar[Dict[str, float]] = _RATES
    SEVERAL_FILES: ClassVar[str] = "--train=a.csv,b.csv"

    # Data.
    events: str = setting(
        "", "Event file: MovieLens ratings.csv, u.data or ratings.dat; a CSV or TSV whose header names "
        "a user, an item and maybe a time column; or lines of a user and items. It may be .gz, .bz2, "
        ".xz or .zip. Default: calls in the installed Python packages.", "data", may_change=True)
    split: str = setting(
        "last", "How --events are split. last: each user's last event tests, the one before it "
        "validates. time: by --time_cuts. none: all events train.",
        "data", choices=("last", "none", "time"))
    time_cuts: Sequence[str] = setting(
        ("0.8", "0.9"), "When validation and test begin with --split=time: times as in the file, or "
        "shares of the events, between 0 and 1.", "data")
    train: Sequence[str] = setting(
        (), "Event files to train on, instead of --events. Several are read as one.",
        "data", may_change=True)
    valid: Sequence[str] = setting((), "Event files to validate with.", "data", may_change=True)
    test: Sequence[str] = setting((), "Event files to test with.", "data", may_change=True)
    min_count: int = setting(5, "Leave out items with fewer events.", "data", least=1)
    repeats: bool = setting(
        False, "Users may take an item again: repeated events count, and a user's own items are offered "
        "too.", "data")
    categorical: Sequence[str] = setting((), "Context columns of the event files that hold categories.",
                                         "data")
    numeric: Sequence[str] = setting((), "Context columns of the event files that hold numbers.", "data")
    users: str = setting("", "CSV or TSV of user features, with a column for the user.", "data",
                         may_change=True)
    user_categorical: Sequence[str] = setting((), "Columns of --users that hold categories.", "data")
    user_numeric: Sequence[str] = setting((), "Columns of --users that hold numbers.", "data")
    titles: str = setting("", "Titles of the items, as MovieLens movies.csv.", "data", may_change=True)

    # Model.
    dim: int = setting(128, "Size of the embeddings.", "model", least=1)
    hidden: Sequence[int] = setting(
        (), "Sizes of the hidden layers, as 256,128. Default: none.", "model", least=1)
    context: str = setting(
        _PAST, "What predicts an event: the user's events before it (past), or all the user's other "
        "events (others), for data without an order.", "model", choices=(_OTHERS, _PAST))
    history_length: int = setting(
        10, "Latest events of a user's history that count; 0 for all.", "model", least=0)
    pooling_power: float = setting(
        1.0, "A history is the sum of its items' rows over its length to this power: 1 for the mean, 0 "
        "for the sum.", "model", least=0, most=1)
    similarity: str = setting("cosine", "Score of a user and an item.", "model",
                              choices=sorted(_TEMPERATURES))
    temperature: Optional[float] = setting(
        None, "Scores are divided by it. Default: %s." % _by_name(_TEMPERATURES), "model", above=0)
    frequency_bias: float = setting(1.0, "An item's bias is its log frequency times this.", "model")
    shared_table: bool = setting(False, "One table of item rows for histories and classes.", "model")
    user_rows: bool = setting(False, "Learn a row for each user.", "model")
    example_age: bool = setting(False, "Learn what changes with time; needs events with times.", "model")

    # Training: what is trained on which negatives, and how.
    loss: str = inherited(TrainingSettings, "loss", default="sampled_softmax")
    num_sampled: int = inherited(
        TrainingSettings, "num_sampled", default=100,
        help="Negatives per step. --sampler=in_batch takes the labels instead, --sampler=all all items. "
        "Default: 100, but at most half of the items.")
    optimizer: str = inherited(TrainingSettings, "optimizer", default="adam")
    learning_rate: Optional[float] = inherited(
        TrainingSettings, "learning_rate",
        help="Learning rate at the start. Default, by --optimizer: %s." % _by_name(_RATES))
    epochs: int = inherited(TrainingSettings, "epochs", default=15)
    batch_size: int = setting(256, "Examples per step.", "training", least=1)
    max_examples_per_user: int = setting(0, "Examples of a user in an epoch, at random; 0 for all.",
                                         "training", least=0)
    dropout: float = setting(
        0.0, "Share of the history's items, and of hidden units, that a step leaves out.",
        "training", least=0, most=0.99)
    remove_known: bool = setting(False, "Leave out negatives that the user took in another event.",
                                 "training")
    hard_negatives: int = setting(
        0, "More negatives per step: the best items of some of its users. This scores all items in each "
        "step.", "training", least=0)
    init_from: str = setting(
        "", "Folder of an earlier model to start from: rows are kept by the names of items, users and "
        "categories.", "training")
    validations: int = setting(10, "How often to validate while training; 0 keeps the last state.",
                               "training", least=0, may_change=True)
    k: Sequence[int] = setting(
        (10,), "Cuts of Recall@k, HR@k, NDCG@k, MRR@k and Coverage@k.",
        "training", least=1, may_change=True)
    choose_by: str = setting(
        "", "Validation score that chooses the best checkpoint. Default: NDCG at the first of --k.",
        "training")
    patience: int = setting(0, "Stop after so many validations without a better score; 0 for never.",
                            "training", least=0, may_change=True)

    def _check_together(self) -> None:
        super()._check_together()
        for name in ("events", "train", "valid", "test"):
            self.check(getattr(self, name) or not self.is_given(name), name, "the name of a file", "")
        self.check(self.train or not (self.valid or self.test), "train",
                   "files to train on beside %s and %s" % (self.label("valid"), self.label("test")),
                   list(self.train))
        self.check(not (self.train and self.events), "train", "no %s beside it" % self.label("events"),
                   self.events)
        self.check(self.users or not any(self.user_columns().values()), "users",
                   "a file with the columns of %s and %s" % (
                       self.label("user_categorical"), self.label("user_numeric")), self.users)
        # restart would delete what it goes on from.
        is_itself = self.init_from and self.model_dir and (
            os.path.realpath(self.init_from) == os.path.realpath(self.model_dir))
        self.check(not is_itself, "init_from", "another folder than " + self.label("model_dir"),
                   self.init_from)
        self.check(self.k, "k", "one integer or more", list(self.k))
        names = self.metric_names()
        self.check(self.chosen_score() in names, "choose_by", "one of " + ", ".join(sorted(names)),
                   self.chosen_score())

    def event_columns(self) -> Dict[str, Sequence[str]]:
        """Return {type of column: names of the context columns of the event files}."""
        return {kind: getattr(self, kind) for kind in columns.TYPES}

    def user_columns(self) -> Dict[str, Sequence[str]]:
        """Return {type of column: names of the columns of `users`}."""
        return {kind: getattr(self, "user_" + kind) for kind in columns.TYPES}

    def metric_names(self) -> Tuple[str, ...]:
        """Return the names of the scores at each k."""
        return tuple(evaluation.metric_names(self.k))

    def chosen_score(self) -> str:
        """Return the name of the score that chooses the checkpoint."""
        return self.choose_by or "NDCG@%d" % self.k[0]

    def chosen_temperature(self) -> float:
        """Return the temperature that was given, or the default with the similarity."""
        return _TEMPERATURES[self.similarity] if self.temperature is None else self.temperature
