"""YouTubeDNN: a recommender in Python; run_recsys.py is its command line.

    from tf1_sampled.recsys import YouTubeDNN

    model = YouTubeDNN(dim=64, hidden=[256, 128]).fit("ratings.csv")
    model.recommend(["50", "172"], k=10)        # [(item, score), ...]
    model.similar_items("50")                   # [(item, cosine), ...]
    model.evaluate(test_frame, k=20)            # {"Recall@20": ..., "NDCG@20": ...}
    model.save("model")
    model = YouTubeDNN.load("model")

TensorFlow is imported by `fit`, or by the first request to a loaded model.

Reference: Covington et al. 2016, "Deep Neural Networks for YouTube Recommendations", section 3.
"""
import math
import os
import time
import warnings
from typing import Any, ClassVar, Dict, List, Optional, Sequence, Tuple, TypeVar

from tf1_sampled import checks, settings
from tf1_sampled.recsys import model_files, negatives, offers, reading
from tf1_sampled.recsys.settings import RecsysSettings
from tf1_sampled.training import file_names
from tf1_sampled.training.estimator import Estimator
from tf1_sampled.training.host import OneMachine

_Self = TypeVar("_Self", bound="YouTubeDNN")
RESULTS = ("saved_model", "item_vectors.npy", "item_biases.npy", "items.tsv", "names.json",
           model_files.USERS, model_files.CATEGORIES, model_files.ABOUT)


def _no_report(line: str) -> None:
    """Ignore a line of text that another process reports to the user."""


@settings.documented
class YouTubeDNN(RecsysSettings, Estimator):
    """A recommender: the candidate generator of the YouTube DNN.

    Its keywords are those of RecsysSettings; docs/settings.md describes them.

    Example:

        from tf1_sampled.recsys import YouTubeDNN
        users = ["ann", "ann", "ann", "bob", "bob", "cid", "cid"]
        items = ["alien", "heat", "casino", "heat", "alien", "casino", "heat"]
        model = YouTubeDNN(dim=8, epochs=2, split="none", k=[2]).fit((users, items, None))
        model.recommend(["alien"], k=2)             # [(item, score), ...], best first

    Attributes:
      folder, history, seconds, cpu_seconds, machine, is_whole: see Estimator.
      examples, examples_per_second: integer and float, the examples trained on, and the speed without
        the validations.
      reading_seconds: float, the time to read the events.
      validation_history: list of (examples, seconds, score, record), one for each validation.
      data_summary: {fact: value}, see summary.of_data: the events that were read, left out and split.
      fitted: fitting.Fit, the data and the graph of `fit`; None for a loaded model.
    """

    PROGRAM: ClassVar[str] = "recsys"
    KEPT: ClassVar[Tuple[str, ...]] = RESULTS

    examples: int
    examples_per_second: float
    reading_seconds: float
    validation_history: List[Any]
    data_summary: Dict[str, Any]
    fitted: Any
    _recommender: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        self.examples, self.validation_history, self.data_summary = 0, [], {}
        self.examples_per_second = self.reading_seconds = 0.0
        self.fitted, self._recommender = None, None

    def fit(self: _Self, events: Any = None, valid: Any = None, test: Any = None,
            host: Optional[OneMachine] = None) -> _Self:
        """Train on events of users and items.

            YouTubeDNN(dim=64, epochs=5).fit("ratings.csv")
            YouTubeDNN(min_count=1).fit((users, items, times))
            YouTubeDNN(user_column="customer", time_column="bought").fit(frame)

        Each call has its own graph and session. With the setting model_dir, training resumes in that
        folder; else all files are in a temporary folder, which is deleted with this object. Ctrl-C stops
        training early and keeps the model trained so far.

        Args:
          events: path or list of paths of event files, pandas data frame, or (users, items, times):
            sequences or arrays [N], where times may be None. None for the files in the settings.
          valid, test: events for validation and test, in the same forms; None to split `events` by the
            setting `split`.
          host: host.OneMachine, the machine and the user of the training; None for this process.

        Returns:
          This model.

        Raises:
          InputError: invalid settings or events, a model_dir of other settings or events, a loss that is
            NaN or infinite.
        """
        who = OneMachine() if host is None else host
        sources = reading.Sources(events, valid, test)
        with self._open_folder(who) as folder:
            self._fit(folder, sources, who)
        if not self.is_whole and who.is_chief:
            warnings.warn("fit was stopped early; the model is as trained until then. To resume, save "
                          "it, load it, and fit on the same events", stacklevel=2)
        return self

    def _fit(self, folder: Any, sources: reading.Sources, who: OneMachine) -> None:
        begin = time.monotonic()
        data = reading.read(self, sources, who.report if who.is_chief else _no_report)
        negatives.number(self, data.events.item_counts)
        negatives.check_at_k(self, data.events.item_counts)
        self.reading_seconds = time.monotonic() - begin
        tf = who.import_tensorflow()
        from tf1_sampled.recsys import fitting, objective, results
        from tf1_sampled.training import metrics

        data = fitting.with_earlier_users(self, data)
        with tf.Graph().as_default() as default_graph:
            tf.set_random_seed(self.seed)
            who.prepare_graph()
            device = fitting.device(self, data.events, who)
            graph = objective.build(self, data.events, data.features, is_weighted=device.is_compiled)
            result = fitting.train(self, data, graph, folder, who, on=device)
        self._close()
        self._take(result, folder.path)
        self.examples, self.examples_per_second = result.units, result.units_per_second
        self.validation_history = list(result.validations)
        self.data_summary = data.summary or {}
        self.fitted = fitting.Fit(self, data, graph, default_graph, folder.path, result)
        if who.is_chief:
            results.export_model(self.fitted)
            content = dict(self.metrics(), is_whole=self.is_whole)
            metrics.write_metrics(os.path.join(self.folder, file_names.METRICS), content)

    def recommend(self, items: Sequence[Any] = (), k: int = 10, user: Any = "",
                  exclude: Sequence[Any] = (), candidates: Optional[Sequence[Any]] = None,
                  category: Optional[Dict[str, Any]] = None, context: Optional[Dict[str, Any]] = None,
                  repeat: Optional[bool] = None) -> List[Tuple[str, float]]:
        """Return the k best items for a history.

            model.recommend(["50", "172"], k=3)         # [("181", 4.2), ("174", 3.9), ("98", 3.1)]
            model.recommend(user="u12", category={"genres": ["War", "Drama"]})

        Args:
          items: list of names, oldest first: the history. Unknown names are ignored. If none is known,
            the stored history of `user` counts. Integers are converted to text, here and below.
          k: integer above 0.
          user: name; "" for none. The user's earlier items are never recommended, whatever `items` is.
          exclude: list of names that are not recommended.
          candidates: list of names, the only ones that may be recommended; None for all.
          category: {column of --items or --titles: value or list of values}: a recommended item has one
            of the values in each column; None for all items.
          context: {column: string or number}, the context columns of the model. Columns of --users are
            optional for a user of the training.
          repeat: boolean, whether the user's earlier items may be recommended; None for the setting
            repeats.

        Returns:
          list of (name, score), best first; shorter than k if there are too few items.

        Raises:
          InputError: the model is not fitted or loaded, an argument is invalid, or neither an item nor
            the user is known.
        """
        return self.recommender.recommend(items, k, user, exclude, candidates=candidates,
                                          category=category, context=context, repeat=repeat)

    def similar_items(self, item: Any, k: int = 10) -> List[Tuple[str, float]]:
        """Return the items with the largest cosine similarity to an item.

            model.similar_items("50", k=2)              # [("181", 0.91), ("172", 0.88)]

        Args:
          item: name of a known item.
          k: integer above 0.

        Returns:
          list of (name, cosine), the most similar first, without the item itself.

        Raises:
          InputError: the model is not fitted or loaded, the item is unknown, or k is not an integer
            above 0.
        """
        return self.recommender.similar_items(item, k=k)

    def recommend_all(self, path: Optional[str] = None, k: int = 10, events: Any = None,
                      context: Optional[Dict[str, Any]] = None) -> Any:
        """Return or write the k best items of each user, in blocks of bounded memory.

            model.recommend_all("recommended.jsonl.gz", k=20)
            users, items, scores = model.recommend_all(k=20)

        Args:
          path: string, file for lines of JSON (.jsonl) or tab-separated lines of user, item and score
            (.tsv), see offers.write; None to return the recommendations.
          k: integer above 0.
          events: the users' earlier events, in the forms that `fit` takes; None for the histories stored
            with the model.
          context: {column: string or number}, for all users. Missing columns, or all columns for None,
            are those of each user's last event.

        Returns:
          asking.All, or None with a path.

        Raises:
          InputError: a k below 1, a path that cannot be written.
        """
        self._check_fitted("recommend_all")
        is_path = path is None or isinstance(path, str) or hasattr(path, "__fspath__")
        self.check(is_path, "path", "the name of a file", path)
        k = checks.positive(type(self).__name__, "k", k)
        from tf1_sampled.recsys import asking
        if events is None:
            best = offers.recommend_stored(self.recommender, None, k, context)
        else:
            had = asking.histories(self, self._log(events))
            if context is not None:
                had = had._replace(contexts=[dict(own or {}, **context) for own in (
                    had.contexts or [{}] * len(had.users))])
            best = asking.recommend_all(self.recommender, had, k, self.repeats)
        if path is None:
            return asking.collected(best, min(k, len(self.recommender.names)))
        offers.write(path, best, self.recommender.title)
        return None

    def evaluate(self, test: Any = None, k: Any = None, events: Any = None) -> Dict[str, float]:
        """Return the scores of the model on later events, over the whole catalogue.

            model.evaluate()                            # on the test events of `fit`
            model.evaluate(test, k=[10, 20])

        Args:
          test: later events of the users, in the forms that `fit` takes; None for the test events of
            `fit`.
          k: integer or list of integers, the cut-offs; None for the setting k.
          events: the users' earlier events; None for the events of `fit` that are not in `test`.

        Returns:
          {"Recall@20": float, "HR@20": ..., "NDCG@20": ..., "MRR@20": ..., "Coverage@20": ...}; see
          evaluation.metrics. An item that the model does not know counts as a miss.

        Raises:
          InputError: no test events, no user with both earlier and later events, a k that is not from 1
            to the number of items.
        """
        self._check_fitted("evaluate")
        from tf1_sampled.recsys import judging
        if test is None:
            return judging.evaluate_fit(self, self.fitted, k)
        after = self._log(test)
        return judging.evaluate(self.recommender, self._log(events, after), after, k, self)

    @property
    def recommender(self) -> Any:
        """Return the recommender.Recommender of the exported model."""
        self._check_fitted("recommender")
        if self._recommender is None:
            from tf1_sampled.recsys import recommender
            self._recommender = recommender.Recommender(self.folder)
        return self._recommender

    def metrics(self) -> Dict[str, Any]:
        """Return the training's part of metrics.json, as values that JSON can hold."""
        return {
            "seconds": {"read": self.reading_seconds, "train": self.seconds},
            "cpu_seconds": self.cpu_seconds,
            **self.machine,
            "examples": self.examples,
            "examples_per_second": self.examples_per_second,
            "data": self.data_summary,
            "history": self.history,
            "validations": [dict(record, examples=examples, seconds=seconds)
                            for examples, seconds, _, record in self.validation_history],
        }

    def _log(self, events: Any, after: Any = None) -> Any:
        """Return the events.Log of events; for None, of the events of `fit` that are not in `after`."""
        if events is not None:
            return reading.log_of(self, events)
        self.check(self.fitted is not None, "events", "the users' events, as fit was not called",
                   None)
        return reading.log_of_events(self.fitted.data.events, after)

    def recorded(self) -> Dict[str, Any]:
        return dict(self.values(), choose_by=self.chosen_score())

    def used(self) -> Dict[str, Any]:
        if self.fitted is None:
            return super().used()
        events = self.fitted.data.events
        return dict(super().used(), num_sampled=negatives.number(self, events.item_counts))

    def _load(self, metrics: Dict[str, Any]) -> None:
        super()._load(metrics)
        self.examples = int(metrics.get("examples") or 0)
        self.examples_per_second = float(metrics.get("examples_per_second") or 0.0)
        self.data_summary = metrics.get("data") or {}
        self.reading_seconds = float((metrics.get("seconds") or {}).get("read") or 0.0)
        for record in metrics.get("validations") or ():
            examples, seconds = record.pop("examples"), record.pop("seconds")
            score = record["scores"].get(self.chosen_score(), math.nan)
            self.validation_history.append((examples, seconds, score, record))

    def _close(self) -> None:
        if self._recommender is not None:
            self._recommender.close()
            self._recommender = None
