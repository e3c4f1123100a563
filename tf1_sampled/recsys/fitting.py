"""Train a recommender: its plan, its validations and its scores on held-out events."""
import contextlib
import itertools
import math
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

from tf1_sampled.recsys import (
    columns,
    evaluation,
    feeds,
    item_features,
    negatives,
    reading,
    splits,
    warm_start,
)
from tf1_sampled.recsys.objective import Graph
from tf1_sampled.recsys.settings import RecsysSettings
from tf1_sampled.training import devices, loop, metrics, plans, policy
from tf1_sampled.training.host import OneMachine


class Fit(NamedTuple):
    """A finished training: the input of all results.

    settings: RecsysSettings.
    data: reading.Data.
    graph: objective.Graph, of tensors in `default_graph`.
    default_graph: tf.Graph.
    model_dir: string.
    result: plans.TrainingResult.
    """

    settings: RecsysSettings
    data: reading.Data
    graph: Graph
    default_graph: tf.Graph
    model_dir: str
    result: Any

    @property
    def names(self) -> warm_start.Names:
        """Return the names of items, users and categories."""
        return names_of(self.settings, self.data)

    @contextlib.contextmanager
    def session(self) -> Iterator[Any]:
        """Yield a session with the variables of the selected checkpoint."""
        with self.default_graph.as_default(), loop.restored_session(self.model_dir) as session:
            yield session


def device(settings: RecsysSettings, events: splits.Events, host: OneMachine) -> devices.Device:
    """Return the device to train on, and report it to the user.

    Raises:
      InputError: see devices.chosen.
    """
    num_numbers = 2 * len(events.item_names) * settings.dim
    chosen = devices.chosen(settings.device, settings.threads, num_numbers, host.allows_gpu)
    uses_labels = settings.sampler == "learned_unigram" or settings.sampler.startswith("in_batch")
    if chosen.is_compiled and (settings.l2 or settings.remove_known or uses_labels):
        chosen = chosen._replace(is_compiled=False)  # these would count the padding of a batch
    if host.is_chief:
        host.report("Training on the %s: steps of about %s examples" % (
            chosen.description, format(reading.batch_size(settings, events), ",")))
    return chosen


def train(settings: RecsysSettings, data: reading.Data, graph: Graph, folder: Any,
          host: OneMachine, on: devices.Device) -> Any:
    """Train in the default graph.

    Args:
      settings: RecsysSettings.
      data: reading.Data.
      graph: objective.Graph.
      folder: model_dir.ModelDir, not yet begun.
      host: host.OneMachine.
      on: devices.Device.

    Returns:
      plans.TrainingResult.

    Raises:
      InputError: see loop.train; an init_from that does not fit.
    """
    events = data.events
    num_units = reading.num_examples(settings, events) * settings.epochs
    fed = feeds.Fed(graph.inputs, graph.labels, graph.known, graph.weights)
    batch_plan = reading.batch_plan(settings, events)

    def batches_from(position: Any, *share: float) -> Any:
        return feeds.epochs_of_feeds(events, fed, batch_plan, position, *share)

    # Raise these errors before the folder is created.
    first = [feed for feed, _, _ in itertools.islice(batches_from(None), 32 if on.is_compiled else 1)]
    initialise = None
    if settings.init_from:
        initialise = warm_start.Earlier(settings.init_from).loader(
            names_of(settings, data), host.report)
    digests = {"events": splits.digest(events)}
    if data.features is not None:
        digests["items"] = item_features.digest(data.features)
    if host.is_chief:
        folder.begin(digests)
        host.begun(folder.path)
    # With NCE, the loss is a sum over all negatives.
    max_loss = 1000 * (negatives.number(settings, events.item_counts) + 1) * math.log(
        len(events.item_names) + 1)
    plan = plans.Plan(
        plans.Objective(graph.loss, graph.mean_loss, watch=graph.watch, max_loss=max_loss),
        plans.Data(batches_from, num_units, "examples", settings.epochs,
                   reading.batch_size(settings, events)),
        plans.Optimization(settings.make_optimizer, settings.chosen_learning_rate(), settings.decay,
                           on, feeds.filled(fed, first) if on.is_compiled else None),
        settings.saving(folder.path),
        validation=_validation(settings, data, graph, host.report), initialise=initialise,
        profile_step=settings.profile, stop=host.stop, report=host.report)
    return host.train(plan, reading.batch_size(settings, events), folder.unchanging(digests))


def with_earlier_users(settings: RecsysSettings, data: reading.Data) -> reading.Data:
    """Return data with additional user rows for the users of `init_from`.

    Raises:
      InputError: an init_from whose names cannot be read.
    """
    if not (settings.init_from and settings.user_rows):
        return data
    names = warm_start.read_names(settings.init_from)
    return data._replace(events=splits.with_users(data.events, names.users or ()))


def names_of(settings: RecsysSettings, data: reading.Data) -> warm_start.Names:
    """Return the names of the rows of the model."""
    events = data.events
    kinds = {name: column.kind for name, column in events.columns.items()}
    users = events.user_names + list(events.further_users) if settings.user_rows else None
    return warm_start.Names(events.item_names, users,
                            columns.row_names(kinds), data.features.names if data.features else None)


def judge(session: Any, graph: Graph, data: reading.Data, part: splits.HeldOut, history_length: int,
          cuts: Sequence[int]) -> evaluation.Judgement:
    """Score the model in a session on the held-out events of some users.

    Args:
      session: tf.Session.
      graph: objective.Graph.
      data: reading.Data.
      part: data.valid or data.test.
      history_length: integer, the number of latest events to use; 0 for all.
      cuts: integers, the cut-offs k of the scores.

    Returns:
      evaluation.Judgement.

    Raises:
      InputError: a k above the number of items.
    """
    num_items = len(data.events.item_names)
    vectors = feeds.user_vectors(session, graph.asked_users, graph.asked, data.events, part,
                                 history_length=history_length)
    placed = evaluation.rank(graph.ranking.ranker(session, vectors), part, num_items, max(cuts))
    # Fewer targets for a large catalogue: each costs a pass over the table.
    rows, items = feeds.some_targets(part, min(4096, max(64, (1 << 28) // num_items)))
    full_loss = metrics.mean_in_blocks(
        session, graph.full_losses, {graph.vectors: vectors[rows], graph.labels: items},
        max(8, (1 << 23) // num_items))
    return evaluation.Judgement(evaluation.metrics(placed, cuts), full_loss, placed, vectors)


def _validation(settings: RecsysSettings, data: reading.Data, graph: Graph,
                report: Callable[[str], None]) -> Optional[policy.Validation]:
    """Return the plan of the validations; None without validation."""
    if data.valid is None or not settings.validations:
        return None
    part = data.valid
    if settings.validation_users:
        part = splits.some_users(part, settings.validation_users)
    if len(part.users) < len(data.valid.users):
        report("Validation: %s of %s users (%s=0 scores all)" % (
            format(len(part.users), ","), format(len(data.valid.users), ","),
            settings.label("validation_users")))
    chosen = settings.chosen_score()

    def score(session: Any, number: int) -> Tuple[float, Dict[str, Any]]:
        judged = judge(session, graph, data, part, history_length=settings.history_length,
                       cuts=settings.k)
        report("Validation %d of %d: %s %.4f, full softmax loss %.3f" % (
            number, settings.validations, chosen, judged.scores[chosen], judged.full_loss))
        return judged.scores[chosen], {"scores": judged.scores, "full_softmax_loss": judged.full_loss}

    return policy.Validation(score, settings.validations, settings.patience)

