"""The settings of a recommender: its events, its model, its training."""
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
    """The keywords of YouTubeDNN and the flags of run_recsys.py: events, model and training."""

    LEARNING_RATES: ClassVar[Dict[str, float]] = _RATES
    SEVERAL_FILES: ClassVar[str] = "--train=a.csv,b.csv"

    # Data.
    events: Sequence[str] = setting(
        (), "Event files, folders or globs; - is standard input. CSV, TSV or other text whose header "
        "names a user, an item and maybe a time column; JSON Lines; Parquet; lines of a user and "
        "items; MovieLens u.data and ratings.dat and other published sets. Each may be .gz, .bz2, .xz "
        "or .zip. Default: calls in the installed Python packages.", "data", may_change=True)
    user_column: str = setting("", "Name of the column of users. Default: a usual name, as userId.",
                               "data")
    item_column: str = setting("", "Name of the column of items. Default: a usual name, as movieId.",
                               "data")
    time_column: str = setting(
        "", "Name of the column of times: numbers since 1970 in s, ms, us or ns, or ISO 8601; _ for "
        "no times. Default: a usual name, as timestamp.", "data")
    rating_column: str = setting(
        "", "Name of the column of ratings, for --min_rating. Default: a usual name, as rating.",
        "data")
    event_column: str = setting(
        "", "Name of the column of kinds of events, for --events_kept. Default: a usual name, as event.",
        "data")
    columns: Sequence[str] = setting(
        (), "The columns of files without a header, in their order, as user,item,rating,time: user, "
        "item, time, rating, event, items (several items in a cell, with blanks between), _ for one "
        "to ignore, or the name of a context column.", "data")
    separator: str = setting(
        "", "What separates columns: tab, comma, semicolon, space, |, or ::. Default: what fits the "
        "first lines.", "data")
    encoding: str = setting(
        "", "Encoding of the event files. Default: UTF-8, where bytes that are not valid are Latin-1; "
        "UTF-16 with a byte order mark.", "data")
    min_rating: Optional[float] = setting(
        None, "Leave out events with a lower rating. Default: each event counts, be it rated 1 or 5.",
        "data")
    events_kept: Sequence[str] = setting(
        (), "Kinds of events to keep, with their weights in the loss, as buy:3,view:1 or buy. "
        "Default: all events, with equal weights.", "data")
    keep_missing: bool = setting(
        False, "Take NA, N/A, nan, null, None and \\N as names. By default they are missing values, "
        "and an event without a user or an item is left out.", "data")
    split: str = setting(
        "last", "How --events are split. last: each user's last event tests, the one before it "
        "validates. ratio: each user's events in order, at the shares of --split_at. random: the same "
        "shares of each user's events, drawn at random. time: at the times of --split_at. none: all "
        "events train.", "data", choices=("last", "none", "random", "ratio", "time"))
    split_at: Sequence[str] = setting(
        ("0.8", "0.9"), "Where validation and test begin: shares of the events; with --split=time also "
        "times as in the file, or dates as 2018-09-20.", "data")
    train: Sequence[str] = setting(
        (), "Event files to train on, instead of --events. Several are read as one.",
        "data", may_change=True)
    valid: Sequence[str] = setting((), "Event files to validate with.", "data", may_change=True)
    test: Sequence[str] = setting((), "Event files to test with.", "data", may_change=True)
    min_count: int = setting(
        1, "Leave out items with fewer events, of training, validation and test together.", "data",
        least=1)
    repeats: bool = setting(
        False, "Users may take an item again: repeated events count, and a user's own items are offered "
        "too.", "data")
    keep_event: str = setting(
        "first", "Which event of a user and an item stays without --repeats: the first, the last, or "
        "the strongest, that of the largest weight of --events_kept.", "data", choices=ordering.KEEP)
    categorical: Sequence[str] = setting(
        (), "Context columns of the event files that hold categories, known before the event, as the "
        "hour or the device. An item's own columns are --item_categorical.", "data")
    numeric: Sequence[str] = setting(
        (), "Context columns of the event files that hold numbers, known before the event. An item's "
        "own columns are --item_numeric.", "data")
    allow_leaks: bool = setting(
        False, "Train with context columns that give the item away, too.", "data", may_change=True)
    users: str = setting("", "CSV or TSV of user features, with a column for the user.", "data",
                         may_change=True)
    user_categorical: Sequence[str] = setting((), "Columns of --users that hold categories.", "data")
    user_numeric: Sequence[str] = setting((), "Columns of --users that hold numbers.", "data")
    titles: str = setting("", "Titles of the items, as MovieLens movies.csv.", "data", may_change=True)
    items: str = setting(
        "", "Table of items: CSV, TSV or JSON Lines with a column for the item, by --item_column or a "
        "usual name. Default: --titles.", "data", may_change=True)
    item_categorical: Sequence[str] = setting(
        (), "Columns of --items that hold categories; several in a cell have | between them, as "
        "Action|Comedy. An item's row is the sum of its own and those of its categories.", "data")
    item_numeric: Sequence[str] = setting(
        (), "Columns of --items that hold numbers, which are standardised; a cell may be empty.", "data")
    new_items: bool = setting(
        False, "Put the items of --items that have no event into the catalogue too. Their rows are "
        "those of their features.", "data")

    # Model.
    dim: int = setting(128, "Size of the embeddings.", "model", least=1)
    hidden: Sequence[int] = setting(
        (), "Sizes of the hidden layers, as 256,128. Default: none.", "model", least=1)
    context: str = setting(
        _PAST, "What predicts an event: the user's events before it (past), or all the user's other "
        "events (others), for data without an order.", "model", choices=(_OTHERS, _PAST))
    history_length: int = setting(
        20, "Latest events of a user's history that count; 0 for all, with --pooling=mean.", "model",
        least=0)
    pooling: Optional[str] = setting(
        None, "How a history's rows are pooled: with equal weights (mean), or with a learned weight for "
        "each position from the latest event on (positions). Default, by --context: others mean, past "
        "positions; mean with --history_length=0.", "model", choices=("mean", "positions"))
    num_poolings: int = setting(
        1, "With --hidden and --pooling=positions: so many poolings side by side, each with weights of "
        "its own, from slowly to fast falling ones.", "model", least=1)
    pooling_power: float = setting(
        1.0, "A history is the weighted sum of its items' rows over the sum of the weights to this "
        "power: 1 for the mean, 0 for the sum.", "model", least=0, most=1)
    similarity: str = setting("cosine", "Score of a user and an item.", "model",
                              choices=sorted(_TEMPERATURES))
    temperature: Optional[float] = setting(
        None, "Scores are divided by it. Default: %s." % _by_name(_TEMPERATURES), "model", above=0)
    frequency_bias: float = setting(0.5, "An item's bias is its log frequency times this.", "model")
    class_rows: Optional[str] = setting(
        None, "Rows of items as classes: those of the histories (shared), a table of their own (own), "
        "or the sums of both (sum). Default: sum; own where the last of --hidden is not --dim.", "model",
        choices=("own", "shared", "sum"))
    user_rows: bool = setting(False, "Learn a row for each user.", "model")
    example_age: bool = setting(False, "Learn what changes with time; needs events with times.", "model")

    # Training: what is trained on which negatives, and how.
    loss: str = inherited(TrainingSettings, "loss", default="sampled_softmax")
    num_sampled: int = inherited(
        TrainingSettings, "num_sampled", default=1000,
        help="Negatives per step. --sampler=in_batch takes the labels instead, --sampler=all all items. "
        "Default: 1000, but at most half of the items.")
    optimizer: str = inherited(TrainingSettings, "optimizer", default="adam")
    learning_rate: Optional[float] = inherited(
        TrainingSettings, "learning_rate",
        help="Learning rate at the start. Default, by --optimizer: %s." % _by_name(_RATES))
    epochs: int = inherited(TrainingSettings, "epochs", default=12)
    batch_size: Optional[int] = setting(
        None, "Examples per step. Default: a 64th of an epoch, but from 256 to 1024.", "training",
        least=1)
    max_examples_per_user: int = setting(0, "Examples of a user in an epoch, at random; 0 for all.",
                                         "training", least=0)
    dropout: float = setting(
        0.2, "Share of the history's items, and of hidden units, that a step leaves out.",
        "training", least=0, most=0.99)
    remove_known: bool = setting(False, "Leave out negatives that the user took in another event.",
                                 "training")
    hard_negatives: int = setting(
        0, "More negatives per step: the best items of some of its users. This scores all items in each "
        "step.", "training", least=0)
    init_from: str = setting(
        "", "Folder of an earlier model to start from: rows are kept by the names of items, users and "
        "categories. Its items and users stay in the model without an event, too.", "training")
    validations: int = setting(10, "How often to validate while training; 0 keeps the last state.",
                               "training", least=0, may_change=True)
    validation_users: int = setting(
        10000, "Users at most whose events a validation scores, evenly spread; 0 for all.", "training",
        least=0, may_change=True)
    k: Sequence[int] = setting(
        (10,), "Cuts of Recall@k, Precision@k, HR@k, NDCG@k, MAP@k, MRR@k and Coverage@k.",
        "training", least=1, may_change=True)
    choose_by: str = setting(
        "", "Validation score that chooses the best checkpoint. Default: NDCG at the first of --k.",
        "training")
    patience: int = setting(0, "Stop after so many validations without a better score; 0 for never.",
                            "training", least=0, may_change=True)

    def _check_together(self) -> None:
        super()._check_together()
        for name in ("events", "train", "valid", "test"):
            is_named = getattr(self, name) and "" not in getattr(self, name)
            self.check(is_named or not self.is_given(name), name, "the name of a file", "")
        self.check(self.train or not (self.valid or self.test), "train",
                   "files to train on beside %s and %s" % (self.label("valid"), self.label("test")),
                   list(self.train))
        self.check(not (self.train and self.events), "train", "no %s beside it" % self.label("events"),
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
                   "%s or %s beside it" % (self.label("item_categorical"), self.label("item_numeric")),
                   True)
        self._check_pooling()
        # restart would delete what it goes on from.
        is_itself = self.init_from and self.model_dir and (
            os.path.realpath(self.init_from) == os.path.realpath(self.model_dir))
        self.check(not is_itself, "init_from", "another folder than " + self.label("model_dir"),
                   self.init_from)
        self.check(self.k, "k", "one integer or more", list(self.k))
        names = self.metric_names()
        self.check(self.chosen_score() in names, "choose_by", "one of " + ", ".join(sorted(names)),
                   self.chosen_score())

    def _check_pooling(self) -> None:
        """Check what needs an order of the events."""
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
        """Check that no setting of a split is given that plays no part."""
        for name in ("split", "split_at"):
            self.check(not (self.train and self.is_given(name)), name,
                       "%s to be split, not %s" % (self.label("events"), self.label("train")),
                       getattr(self, name))
        self.check(self.split in ("random", "ratio", "time") or not self.is_given("split_at"),
                   "split_at", "%s=random, ratio or time beside it" % self.label("split"),
                   ",".join(self.split_at))
        self.check(not (self.repeats and self.is_given("keep_event")), "keep_event",
                   "no %s beside it, which keeps all" % self.label("repeats"), self.keep_event)
        self.check(self.keep_event != "strongest" or self.events_kept, "keep_event",
                   "weights of events by " + self.label("events_kept"), self.keep_event)

    def _check_columns(self) -> None:
        """Check how event files are read."""
        roles.check_options(self.reading_options(), self.check)
        self.check(not self.encoding or reading.is_encoding(self.encoding), "encoding",
                   "the name of a text encoding", self.encoding)

    def reading_options(self) -> roles.Options:
        """Return how event files and data frames are read."""
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
        """Return the names of the scores at each k."""
        return tuple(evaluation.metric_names(self.k))

    def chosen_score(self) -> str:
        """Return the name of the score that chooses the checkpoint."""
        return self.choose_by or "NDCG@%d" % self.k[0]

    def num_positions(self) -> int:
        """Return how many of the latest events have a weight by position; 0 with equal weights."""
        by_default = "positions" if self.context == _PAST else "mean"
        return self.history_length if (self.pooling or by_default) == "positions" else 0

    def chosen_class_rows(self) -> str:
        """Return the kind of class rows that was given, or the default with the layers."""
        fits = not self.hidden or self.hidden[-1] == self.dim
        return self.class_rows or ("sum" if fits else "own")

    def chosen_temperature(self) -> float:
        """Return the temperature that was given, or the default with the similarity."""
        return _TEMPERATURES[self.similarity] if self.temperature is None else self.temperature
