"""YouTubeDNN: a recommender from Python, of which run_recsys.py is the command line.

    from tf1_sampled.recsys import YouTubeDNN

    model = YouTubeDNN(dim=64, hidden=[256, 128]).fit("ratings.csv")
    model.recommend(["50", "172"], k=10)        # [(item, score), ...]
    model.similar_items("50")                   # [(item, cosine), ...]
    model.evaluate(test_frame, k=20)            # {"Recall@20": ..., "NDCG@20": ...}
    model.save("model")
    model = YouTubeDNN.load("model")

TensorFlow is imported by `fit`, or at the first question to a model that was loaded.

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
    """Take a line of text that another process gives to the user."""


@settings.documented
class YouTubeDNN(RecsysSettings, Estimator):
    """A recommender of the YouTube DNN's candidate generator; its keywords are RecsysSettings.

    Attributes:
      folder, history, seconds, cpu_seconds, machine, is_whole: see Estimator.
      examples, examples_per_second: integer and float, what it trained on and how fast.
      reading_seconds: float, of reading the events.
      validation_history: list of (examples, seconds, score, record), what validation gave on the way.
      data_summary: {fact: value}, see summary.of_data: what was read, left out, split.
      fitted: fitting.Fit, the data and the graph of `fit`; None for a model that was loaded.
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
        """Train on who took which item when.

            YouTubeDNN(dim=64, epochs=5).fit("ratings.csv")
            YouTubeDNN(min_count=1).fit((users, items, times))
            YouTubeDNN(user_column="customer", time_column="bought").fit(frame)

        Each call has a graph and a session of its own. With the setting model_dir, the training that the
        folder holds goes on; else all is in a temporary folder, which goes with this object. Ctrl-C ends
        the training early and keeps what was trained.

        Args:
          events: path or list of paths of event files, pandas data frame, or (users, items, times) of
            equal length, where times may be None. None for the files that the settings name.
          valid, test: events to validate and test with, as `events`; None to split `events` by the
            setting `split`.
          host: host.OneMachine, where and for whom it is trained; None for this process.

        Returns:
          This model.

        Raises:
          InputError: settings or events that do not fit, a model_dir of other settings or events, a loss
            that is not finite.
        """
        who = OneMachine() if host is None else host
        sources = reading.Sources(events, valid, test)
        with self._open_folder(who) as folder:
            self._fit(folder, sources, who)
        if not self.is_whole and who.is_chief:
            warnings.warn("fit was stopped: the model is as trained until then. To go on, save it, load "
                          "it, and fit on the same events", stacklevel=2)
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
          items: list of names, oldest first, the history; those that the model does not know are passed
            over. Without one that it knows, the stored history of `user` counts. Here and below, an
            integer is the name that it is as text.
          k: integer above 0.
          user: name; "" for none. What the user had is not offered, whatever `items` has.
          exclude: list of names that are not offered.
          candidates: list of names, the only ones that are offered; None for all.
          category: {column of --items or --titles: value or list of values}: what is offered has one of
            the values in each column; None for all.
          context: {column: string or number}, the columns of the model. A column of --users may be left
            out for a user of the training.
          repeat: boolean, whether items that the user had are offered too; None for the setting repeats.

        Returns:
          list of (name, score), best first; shorter than k where the items run out.

        Raises:
          InputError: before `fit` or `load`, an argument that is not as above, neither an item that the
            model knows nor a user of whom it knows something.
        """
        return self.recommender.recommend(items, k, user, exclude, candidates=candidates,
                                          category=category, context=context, repeat=repeat)

    def similar_items(self, item: Any, k: int = 10) -> List[Tuple[str, float]]:
        """Return the items whose vectors have the largest cosines with that of an item.

            model.similar_items("50", k=2)              # [("181", 0.91), ("172", 0.88)]

        Args:
          item: name that the model knows.
          k: integer above 0.

        Returns:
          list of (name, cosine), the most similar first, without the item itself.

        Raises:
          InputError: before `fit` or `load`, an unknown item, a k that is not an integer above 0.
        """
        return self.recommender.similar_items(item, k=k)

    def recommend_all(self, path: Optional[str] = None, k: int = 10, events: Any = None,
                      context: Optional[Dict[str, Any]] = None) -> Any:
        """Return, or write, the k best items for each user, in blocks of bounded memory.

            model.recommend_all("recommended.jsonl.gz", k=20)
            users, items, scores = model.recommend_all(k=20)

        Args:
          path: string, file for lines of JSON (.jsonl) or of user, item and score with tabs between
            (.tsv), as of offers.write; None to return them.
          k: integer above 0.
          events: what the users have had, as of `fit`; None for the histories that are stored with the
            model.
          context: {column: string or number}, for all users; what it lacks, and None, is as of each
            user's last event.

        Returns:
          asking.All, or with a path None.

        Raises:
          InputError: a k below 1, a path where no file can be made.
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
        """Return how well the model ranks what users took next, over the whole catalogue.

            model.evaluate()                            # on the events that `fit` kept apart
            model.evaluate(test, k=[10, 20])

        Args:
          test: later events of the users, as of `fit`; None for the test events of `fit`.
          k: integer or list of them; None for the setting k.
          events: what the users have had before; None for the events of `fit` that are not in `test`.

        Returns:
          {"Recall@20": float, "HR@20": ..., "NDCG@20": ..., "MRR@20": ..., "Coverage@20": ...}; see
          evaluation.metrics. An item that the model does not know counts as not found.

        Raises:
          InputError: no test events, no user who is in both, a k that is not from 1 to the number of
            items.
        """
        self._check_fitted("evaluate")
        from tf1_sampled.recsys import judging
        if test is None:
            return judging.evaluate_fit(self, self.fitted, k)
        after = self._log(test)
        return judging.evaluate(self.recommender, self._log(events, after), after, k, self)

    @property
    def recommender(self) -> Any:
        """The recommender.Recommender that answers, of the model as it was exported."""
        self._check_fitted("recommender")
        if self._recommender is None:
            from tf1_sampled.recsys import recommender
            self._recommender = recommender.Recommender(self.folder)
        return self._recommender

    def metrics(self) -> Dict[str, Any]:
        """Return what metrics.json has of the training, as of JSON."""
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
        """Return the events.Log of events; for None, of those of `fit` that are not in `after`."""
        if events is not None:
            return reading.log_of(self, events)
        self.check(self.fitted is not None, "events", "events of the users, where fit was not called",
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
