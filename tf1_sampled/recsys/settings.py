"""Settings of a recommender: its events, its model and its training."""
import dataclasses
import os
from typing import ClassVar, Dict, Optional, Sequence, Tuple

from tf1_sampled.files import reading
from tf1_sampled.recsys import columns, evaluation, ordering, roles
from tf1_sampled.settings import inherited, setting
from tf1_sampled.training.settings import TrainingSettings

_RATES = {"adagrad": 0.1, "adam": 0.003, "rowwise_adagrad": 0.1, "sgd": 1.0}
_TEMPERATURES = {"cosine": 0.1, "dot": 1.0}
_PAST, _OTHERS = "past", "others"


def _by_name(numbers: Dict[str, float]) -> str:
    return ", ".join("%s %g" % pair for pair in sorted(numbers.items()))


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RecsysSettings(TrainingSettings):
    """The keywords of YouTubeDNN and the flags of run_recsys.py."""

    LEARNING_RATES: ClassVar[Dict[str, float]] = _RATES
    SEVERAL_FILES: ClassVar[str] = "--train=a.csv,b.csv"

    # Data.
    events: Sequence[str] = setting(
        (), "Event files, folders or globs; - is standard input. Formats: CSV, TSV or other text with a "
        "header that names a user column, an item column and optionally a time column; JSON Lines; "
        "Parquet; lines of a user and items; published sets such as MovieLens u.data. Compressed: .gz, "
        ".bz2, .xz, .zip. Default: function calls in the installed Python packages.", "data",
        may_change=True)
    user_column: str = setting("", "Name of the user column. Default: a usual name, such as userId.",
                               "data")
    item_column: str = setting("", "Name of the item column. Default: a usual name, such as movieId.",
                               "data")
    time_column: str = setting(
        "", "Name of the time column; _ ignores times. Values: seconds, milliseconds, microseconds or "
        "nanoseconds since 1970, or ISO 8601. Default: a usual name, such as timestamp.", "data")
    rating_column: str = setting(
        "", "Name of the rating column, for --min_rating. Default: a usual name, such as rating.",
        "data")
    event_column: str = setting(
        "", "Name of the event kind column, for --events_kept. Default: a usual name, such as event.",
        "data")
    columns: Sequence[str] = setting(
        (), "Columns of files without a header, in order, such as user,item,rating,time. Each is user, "
        "item, items (several in a cell, separated by blanks), time, rating, event, the name of a "
        "context column, or _ to ignore it.", "data")
    separator: str = setting(
        "", "Column separator: tab, comma, semicolon, space, |, or ::. Default: detected in the first "
        "lines.", "data")
    encoding: str = setting(
        "", "Encoding of the event files. Default: UTF-16 if there is a byte order mark, else UTF-8; "
        "invalid UTF-8 bytes are read as Latin-1.", "data")
    min_rating: Optional[float] = setting(
        None, "Leave out events with a lower rating. Default: keep all events, whatever the rating.",
        "data")
    events_kept: Sequence[str] = setting(
        (), "Event kinds to keep, optionally with their weights in the loss, such as buy:3,view. "
        "Default: all events, with equal weights.", "data")
    keep_missing: bool = setting(
        False, "Read NA, N/A, nan, null, None and \\N as names. Default: they are missing values, and "
        "events without a user or an item are left out.", "data")
    split: str = setting(
        "last", "How to split --events. last: each user's last event is for the test, the one before it "
        "for validation. ratio: each user's events in order, at the shares of --split_at. random: the "
        "same shares, drawn at random. time: at the times of --split_at. none: all events are for "
        "training.", "data", choices=("last", "none", "random", "ratio", "time"))
    split_at: Sequence[str] = setting(
        ("0.8", "0.9"), "Where validation and test begin: two shares of the events. --split=time also "
        "takes times as in the file, or dates such as 2018-09-20.", "data")
    train: Sequence[str] = setting(
        (), "Event files for training, instead of --events. Several are read as one.",
        "data", may_change=True)
    valid: Sequence[str] = setting((), "Event files for validation.", "data", may_change=True)
    test: Sequence[str] = setting((), "Event files for the test.", "data", may_change=True)
    min_count: int = setting(
        1, "Leave out items with fewer events in training, validation and test together.", "data",
        least=1)
    repeats: bool = setting(
        False, "Count repeated events of a user and an item, and recommend a user's earlier items "
        "again.", "data")
    keep_event: str = setting(
        "first", "Which of a user's events of one item to keep, without --repeats: the first, the last, "
        "or the strongest (largest weight in --events_kept).", "data", choices=ordering.KEEP)
    categorical: Sequence[str] = setting(
        (), "Context columns of the event files that hold categories, such as the device. Their values "
        "must be known before the event. For columns of the item, use --item_categorical.", "data")
    numeric: Sequence[str] = setting(
        (), "Context columns of the event files that hold numbers. Their values must be known before "
        "the event. For columns of the item, use --item_numeric.", "data")
    allow_leaks: bool = setting(
        False, "Allow context columns that reveal the item.", "data", may_change=True)
    users: str = setting("", "CSV or TSV file of user features, with a user column.", "data",
                         may_change=True)
    user_categorical: Sequence[str] = setting((), "Columns of --users that hold categories.", "data")
    user_numeric: Sequence[str] = setting((), "Columns of --users that hold numbers.", "data")
    titles: str = setting("", "File of item titles, such as MovieLens movies.csv.", "data",
                          may_change=True)
    items: str = setting(
        "", "File of item features: CSV, TSV or JSON Lines with an item column (--item_column or a "
        "usual name). Default: --titles.", "data", may_change=True)
    item_categorical: Sequence[str] = setting(
        (), "Columns of --items that hold categories, several in a cell separated by |, such as "
        "Action|Comedy. An item's embedding is its own row plus the rows of its categories.", "data")
    item_numeric: Sequence[str] = setting(
        (), "Columns of --items that hold numbers. They are standardised; cells may be empty.", "data")
    new_items: bool = setting(
        False, "Add the items of --items without events to the catalogue (cold start). Their embeddings "
        "come from their features.", "data")

    # Model.
    dim: int = setting(128, "Size of the embeddings.", "model", least=1)
    hidden: Sequence[int] = setting(
        (), "Sizes of the hidden layers, such as 256,128. Default: none.", "model", least=1)
    context: str = setting(
        _PAST, "History that predicts an event: the user's earlier events (past), or all other events "
        "of the user (others), for data without an order.", "model", choices=(_OTHERS, _PAST))
    history_length: int = setting(
        20, "Number of latest events in a history; 0 for all, with --pooling=mean.", "model",
        least=0)
    pooling: Optional[str] = setting(
        None, "How to pool the item rows of a history: with equal weights (mean), or with a learned "
        "weight for each position (positions). Default: mean with --context=others or "
        "--history_length=0, else positions.", "model", choices=("mean", "positions"))
    num_poolings: int = setting(
        1, "Number of parallel poolings, each with its own weights; needs --hidden and "
        "--pooling=positions.", "model", least=1)
    pooling_power: float = setting(
        1.0, "Power p of the pooling: the weighted sum of the item rows is divided by (sum of the "
        "weights)^p. 1 gives the mean, 0 the sum.", "model", least=0, most=1)
    similarity: str = setting("cosine", "Score of a user vector and an item vector.", "model",
                              choices=sorted(_TEMPERATURES))
    temperature: Optional[float] = setting(
        None, "Divisor of the scores. Default: %s." % _by_name(_TEMPERATURES), "model", above=0)
    frequency_bias: float = setting(0.5, "Weight of an item's log frequency in its bias.", "model")
    class_rows: Optional[str] = setting(
        None, "Item rows that score (class rows): the rows of the histories (shared), a separate table "
        "(own), or the sum of both (sum). Default: sum; own if the last of --hidden differs from --dim.",
        "model",
        choices=("own", "shared", "sum"))
    user_rows: bool = setting(False, "Learn an embedding for each user.", "model")
    example_age: bool = setting(False, "Learn the effect of time (example age); needs event times.",
                                "model")

    # Training.
    loss: str = inherited(TrainingSettings, "loss", default="sampled_softmax")
    num_sampled: int = inherited(
        TrainingSettings, "num_sampled", default=1000,
        help="Negatives per step. Default: 1000, but at most half of the items. --sampler=in_batch uses "
        "the labels instead, --sampler=all uses all items.")
    optimizer: str = inherited(TrainingSettings, "optimizer", default="adam")
    learning_rate: Optional[float] = inherited(
        TrainingSettings, "learning_rate",
        help="Initial learning rate. Default, by --optimizer: %s." % _by_name(_RATES))
    epochs: int = inherited(TrainingSettings, "epochs", default=12)
    batch_size: Optional[int] = setting(
        None, "Examples per step. Default: 1/64 of an epoch, at least 256, at most 1024.", "training",
        least=1)
    max_examples_per_user: int = setting(0, "Random examples of a user in each epoch; 0 for all.",
                                         "training", least=0)
    dropout: float = setting(
        0.2, "Share of history items and hidden units that a training step drops.",
        "training", least=0, most=0.99)
    remove_known: bool = setting(False, "Leave out negatives that are other items of the same user.",
                                 "training")
    hard_negatives: int = setting(
        0, "Additional negatives per step: the highest-scored items of some users of the batch. Each "
        "step then scores all items.", "training", least=0)
    init_from: str = setting(
        "", "Folder of an earlier model to start from (warm start). Rows are matched by item, user and "
        "category names. Its items and users stay in the model even without events.", "training")
    validations: int = setting(10, "Number of validations during training; 0 keeps the last state.",
                               "training", least=0, may_change=True)
    validation_users: int = setting(
        10000, "Users that a validation scores, at most, evenly spread; 0 for all.", "training",
        least=0, may_change=True)
    k: Sequence[int] = setting(
        (10,), "Cut-offs of Recall@k, Precision@k, HR@k, NDCG@k, MAP@k, MRR@k and Coverage@k.",
        "training", least=1, may_change=True)
    choose_by: str = setting(
        "", "Validation score that selects the checkpoint. Default: NDCG at the first --k.",
        "training")
    patience: int = setting(0, "Stop after this many validations without a better score; 0 for never.",
                            "training", least=0, may_change=True)

    def _check_together(self) -> None:
        super()._check_together()
        for name in ("events", "train", "valid", "test"):
            is_named = getattr(self, name) and "" not in getattr(self, name)
            self.check(is_named or not self.is_given(name), name, "the name of a file", "")
        self.check(self.train or not (self.valid or self.test), "train",
                   "training files for %s and %s" % (self.label("valid"), self.label("test")),
                   list(self.train))
        self.check(not (self.train and self.events), "train", "no %s with it" % self.label("events"),
                   list(self.events))
        self._check_columns()
        self._check_split()
        self.check(self.users or not any(self.user_columns().values()), "users",
                   "a file with the columns of %s and %s" % (
                       self.label("user_categorical"), self.label("user_numeric")), self.users)
        self.check(self.items or self.titles or not any(self.item_columns().values()), "items",
                   "a file with the columns of %s and %s" % (
                       self.label("item_categorical"), self.label("item_numeric")), self.items)
        self.check(not self.new_items or any(self.item_columns().values()), "new_items",
                   "%s or %s with it" % (self.label("item_categorical"), self.label("item_numeric")),
                   True)
        self._check_pooling()
        # --restart would delete the model that training starts from.
        is_itself = self.init_from and self.model_dir and (
            os.path.realpath(self.init_from) == os.path.realpath(self.model_dir))
        self.check(not is_itself, "init_from", "a folder other than " + self.label("model_dir"),
                   self.init_from)
        self.check(self.k, "k", "at least one integer", list(self.k))
        names = self.metric_names()
        self.check(self.chosen_score() in names, "choose_by", "one of " + ", ".join(sorted(names)),
                   self.chosen_score())

    def _check_pooling(self) -> None:
        """Check the settings that need ordered events."""
        if self.pooling == "positions":
            self.check(self.context == _PAST, "pooling",
                       "mean with %s=%s" % (self.label("context"), self.context), self.pooling)
            self.check(self.history_length, "history_length",
                       "1 or more with %s=positions" % self.label("pooling"), self.history_length)
        self.check(self.num_poolings == 1 or self.num_positions(), "num_poolings",
                   "1 with %s=mean" % self.label("pooling"), self.num_poolings)
        self.check(self.num_poolings == 1 or self.hidden, "num_poolings",
                   "1 without " + self.label("hidden"), self.num_poolings)

    def _check_split(self) -> None:
        """Check that no setting of the split is given that has no effect."""
        for name in ("split", "split_at"):
            self.check(not (self.train and self.is_given(name)), name,
                       "%s instead of %s" % (self.label("events"), self.label("train")),
                       getattr(self, name))
        self.check(self.split in ("random", "ratio", "time") or not self.is_given("split_at"),
                   "split_at", "%s=random, ratio or time with it" % self.label("split"),
                   ",".join(self.split_at))
        self.check(not (self.repeats and self.is_given("keep_event")), "keep_event",
                   "no %s, which keeps all events" % self.label("repeats"), self.keep_event)
        self.check(self.keep_event != "strongest" or self.events_kept, "keep_event",
                   "event weights in " + self.label("events_kept"), self.keep_event)

    def _check_columns(self) -> None:
        """Check the columns and the encoding of event files."""
        roles.check_options(self.reading_options(), self.check)
        self.check(not self.encoding or reading.is_encoding(self.encoding), "encoding",
                   "the name of a text encoding", self.encoding)

    def reading_options(self) -> roles.Options:
        """Return the options for reading event files and data frames."""
        return roles.Options(*(getattr(self, name) for name in roles.Options._fields))

    def event_columns(self) -> Dict[str, Sequence[str]]:
        """Return {type of column: names of the context columns of the event files}."""
        return {kind: getattr(self, kind) for kind in columns.TYPES}

    def user_columns(self) -> Dict[str, Sequence[str]]:
        """Return {type of column: names of the columns of `users`}."""
        return {kind: getattr(self, "user_" + kind) for kind in columns.TYPES}

    def item_columns(self) -> Dict[str, Sequence[str]]:
        """Return {type of column: names of the columns of `items`}."""
        return {kind: getattr(self, "item_" + kind) for kind in columns.TYPES}

    def metric_names(self) -> Tuple[str, ...]:
        """Return the names of the scores at each cut-off."""
        return tuple(evaluation.metric_names(self.k))

    def chosen_score(self) -> str:
        """Return the name of the score that selects the checkpoint."""
        return self.choose_by or "NDCG@%d" % self.k[0]

    def num_positions(self) -> int:
        """Return the number of latest events with a weight by position; 0 with equal weights."""
        by_default = "positions" if self.context == _PAST else "mean"
        return self.history_length if (self.pooling or by_default) == "positions" else 0

    def chosen_class_rows(self) -> str:
        """Return class_rows, or its default for the hidden layers."""
        fits = not self.hidden or self.hidden[-1] == self.dim
        return self.class_rows or ("sum" if fits else "own")

    def chosen_temperature(self) -> float:
        """Return temperature, or its default for the similarity."""
        return _TEMPERATURES[self.similarity] if self.temperature is None else self.temperature
