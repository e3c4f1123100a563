"""Train a recommender's candidate generator, the YouTube DNN, with a sampled loss.

    python run_recsys.py --num_sampled=10
    python run_recsys.py --events=ratings.csv --titles=movies.csv --plots=plots
    python run_recsys.py --train=train.txt --valid=valid.txt --test=test.txt --context=others
    python -m tf1_sampled.recsys.serve runs/recsys-1

Without files, the program trains on the function calls in the Python packages installed on this machine:
each function is a user, and the functions that it calls are its items.
"""
import dataclasses
import os
import time
from typing import Any, Dict, List, Optional

from tf1_sampled import charts, settings
from tf1_sampled.cluster.settings import ClusterSettings
from tf1_sampled.files import finding, places
from tf1_sampled.programs import running
from tf1_sampled.recsys import model_files, offers, tables, youtube_dnn
from tf1_sampled.recsys.youtube_dnn import YouTubeDNN
from tf1_sampled.settings import setting
from tf1_sampled.training import file_names

_PICTURES = ("loss.png", "validation.png", "popularity.png", "map.png")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ResultSettings(settings.Settings):
    """Settings of the files and output that the program makes from a trained model."""

    ann_index: bool = setting(
        False, "Build an index for approximate search, %s in --model_dir." % model_files.INDEX,
        "results", may_change=True)
    recommend: str = setting(
        "", "File for recommendations to all users: JSON Lines (.jsonl), or user, item and score "
        "separated by tabs (.tsv). It may be packed: .gz .bz2 .xz. Default: none.", "results",
        may_change=True)
    recommend_to: str = setting(
        "", "Text file of users to recommend to, one name per line. Default: all users.",
        "results", may_change=True)
    recommend_k: int = setting(10, "Number of items for each user of --recommend.", "results", least=1,
                               may_change=True)
    plots: str = setting(
        "", "Folder for plots: %s. Default: none." % ", ".join(_PICTURES), "results", may_change=True)
    category: str = setting(
        "", "Column of --titles that colours the map of items, such as genres. Default: one colour.",
        "results", may_change=True)


def main() -> None:
    """Run the program with the flags of sys.argv."""
    running.run("run_recsys", __doc__, [YouTubeDNN, ResultSettings, ClusterSettings], _run)


def _run(model: YouTubeDNN, results: ResultSettings, host: running.ProgramHost) -> None:
    category_of = None
    if host.is_chief:
        _check_results(model, results)
        if results.category:
            category_of = tables.read_side_table(
                model.titles, "item", categorical=[results.category])[results.category]
    model.fit(host=host)
    if not host.is_chief:
        return
    begin = time.monotonic()
    print("Training speed: %s examples/s without the validations; the progress above includes them" %
          format(int(model.examples_per_second), ","))
    made = Made(model, results, category_of)
    made.evaluate()
    made.index()
    made.recommend()
    made.draw()
    made.write_metrics(time.monotonic() - begin)
    print("Wrote " + ", ".join(made.written))


def _check_results(model: YouTubeDNN, results: ResultSettings) -> None:
    """Check before the training that all results can be written and overwrite no input.

    Raises:
      InputError: names the flag or the path.
    """
    results.check(model.titles or not results.category, "titles", "a file with the column of %s" %
                  results.label("category"), model.titles)
    inputs = {model.label(name): list(getattr(model, name)) for name in ("train", "valid", "test")}
    inputs[model.label("events")] = [path for path in model.events if path != finding.STANDARD_INPUT]
    for name in ("titles", "users"):
        inputs[model.label(name)] = [getattr(model, name)] if getattr(model, name) else []
    if model.model_dir:
        pictures = {results.label("plots"): [results.plots]} if results.plots else {}
        places.check_not_kept({**pictures, **inputs}, model.model_dir,
                              file_names.KEPT + youtube_dnn.RESULTS + (model_files.INDEX,))
    if results.plots:
        charts.check_available()
        places.check_not_kept(inputs, results.plots, _PICTURES)
        places.check_writable(os.path.join(results.plots, "loss.png"))
    if results.ann_index:
        from tf1_sampled.recsys import index
        index.check_available()
    _check_recommendations(model, results, inputs)


def _check_recommendations(model: YouTubeDNN, results: ResultSettings,
                           inputs: Dict[str, List[str]]) -> None:
    """Check the path of --recommend and the file of --recommend_to.

    Args:
      model: YouTubeDNN.
      results: ResultSettings.
      inputs: {flag: list of paths}, the files that are read.

    Raises:
      InputError: names the flag or the path.
    """
    results.check(results.recommend or not (results.recommend_to or results.is_given("recommend_k")),
                  "recommend", "the name of a file", "")
    if not results.recommend:
        return
    flag, flag_to = results.label("recommend"), results.label("recommend_to")
    inputs = dict(inputs, **{flag_to: [results.recommend_to] if results.recommend_to else []})
    kept = {flag: [results.recommend]}
    if model.model_dir:
        places.check_not_kept(kept, model.model_dir, file_names.KEPT + youtube_dnn.RESULTS + (
            model_files.INDEX,))
    if results.plots:
        places.check_not_kept(kept, results.plots, _PICTURES)
    places.check_apart({flag: results.recommend}, {}, inputs)
    offers.check_writable(results.recommend)
    if results.recommend_to:
        offers.read_users(results.recommend_to)


class Made:
    """Writer of the results of a training.

    Args:
      model: YouTubeDNN, after fit.
      results: ResultSettings.
      category_of: {item name: category}, or None.

    Attributes:
      written: list of strings, the paths written so far.
    """

    def __init__(self, model: YouTubeDNN, results: ResultSettings,
                 category_of: Optional[Dict[str, str]]):
        self._model, self._results, self._fit = model, results, model.fitted
        self._category_of = category_of
        self._test: Optional[Any] = None
        self._ann: Dict[str, float] = {}
        self.written = [model.folder + os.sep] + [
            os.path.join(model.folder, name + os.sep * (name in ("saved_model", model_files.USERS)))
            for name in youtube_dnn.RESULTS]

    def evaluate(self) -> None:
        """Print recommendations for some test users, and the scores on all test users."""
        from tf1_sampled.recsys import evaluation, results as results_lib
        data = self._fit.data
        if not data.test:
            print("No test: " + ("--split=none leaves no test events" if data.protocol == "none" else
                                 "no test event has a user with a history"))
            return
        self._test = test = results_lib.test(self._fit)
        print("\nRecommendations:")
        for user, lines in test.examples:
            print("  %s" % user)
            for what, names in lines:
                print("    %-8s %s" % (what, ", ".join(names)))
        print("\nProtocol: %s of %s users, ranked among all %s items%s; ties count against the test "
              "item; %s." % (
                  data.protocol, format(len(data.test.users), ","),
                  format(len(data.events.item_names), ","),
                  "" if self._model.repeats else " except the user's earlier ones",
                  data.summary["order"]))
        print(evaluation.table({"this model": test.scores, **test.baselines}))
        for line in test.notes:
            print(line)
        print("Full softmax loss: %.3f nats per event" % test.full_softmax_loss)

    def index(self) -> None:
        """Write the index for approximate search, and print its recall and speed."""
        if not self._results.ann_index:
            return
        from tf1_sampled.recsys import index, results as results_lib
        path, k = os.path.join(self._model.folder, model_files.INDEX), max(self._model.k)
        vectors = results_lib.vectors_of_some_users(self._fit, 1000)
        index.build(path, *results_lib.item_table(self._model.folder), vectors)
        self.written.append(path)
        self._ann = ann = index.recall(index.load(path), vectors, k)._asdict()
        print("Index: recall@%d %.4f; %s users/s, exact search %s users/s" % (
            k, ann["recall"], *(format(int(ann[speed]), ",") for speed in (
                "queries_per_second", "exact_queries_per_second"))))

    def recommend(self) -> None:
        """Write recommendations from the stored histories."""
        path = self._results.recommend
        if not path:
            return
        names = offers.read_users(self._results.recommend_to) if self._results.recommend_to else None
        offers.write_stored(path, self._model.recommender, names, self._results.recommend_k)
        self.written.append(path)

    def draw(self) -> None:
        """Write the plots."""
        folder = self._results.plots
        if not folder:
            return
        from tf1_sampled.recsys import pictures, results as results_lib
        model, events = self._model, self._fit.data.events
        if model.validation_history:
            self.written += pictures.training(folder, *zip(*[
                (examples, seconds, record["full_softmax_loss"], record["scores"])
                for examples, seconds, _, record in model.validation_history]))
        if self._test:
            self.written.append(pictures.popularity(folder, self._test.rankings, events.item_counts,
                                                    max(model.k)))
        groups = None
        if self._category_of is not None:
            groups = [self._category_of.get(name, "") for name in events.item_names]
        self.written.append(pictures.item_map(
            folder, results_lib.item_table(model.folder)[0], results_lib.titles_of_items(self._fit),
            groups, seed=model.seed))

    def write_metrics(self, seconds: float) -> None:
        """Write metrics.json.

        Args:
          seconds: float, the duration of making the results.
        """
        from tf1_sampled.training import metrics
        model, test = self._model, self._test
        path = os.path.join(model.folder, file_names.METRICS)
        self.written.append(path)
        content = model.metrics()
        content["seconds"] = dict(content["seconds"], evaluate=seconds)
        metrics.write_metrics(path, dict(
            content, settings=dict(model.used(), **self._results.values()),
            protocol=self._fit.data.protocol,
            full_softmax_loss=test.full_softmax_loss if test else None,
            scores=test.scores if test else {}, baselines=test.baselines if test else {},
            baseline_notes=test.notes if test else [],
            ann_index=self._ann, files=self.written))
