"""Convert events to the input of a model: batches and held-out users as arrays of `model.Inputs`.

    net = model.Network(..., context=context_columns(events))
    for feed, progress, position in epochs_of_feeds(events, fed, plan):
        session.run(train_op, feed)
    vectors = user_vectors(session, output, inputs, events, test, history_length)
"""
import collections

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import batches, model, splits
from tf1_sampled.training import step_loop

Known = collections.namedtuple("Known", "items rows row_of_example")
Known.__doc__ = """The known items of the users in a batch, for candidates.without_known.

  items: int32 [K], training items of R users.
  rows: int32 [K], the user of each, from 0 to R - 1.
  row_of_example: int32 [P].
"""


Fed = collections.namedtuple("Fed", "inputs labels known weights", defaults=[None, None])
Fed.__doc__ = """The placeholders of training.

  inputs: model.placeholders for training.
  labels: placeholder, int32 [P].
  known: None, or Known of placeholders.
  weights: None, or placeholder, float32 [P], the weight of each example's loss.
"""


def context_columns(events):
    """Return {name: columns.ColumnType} of the events' columns, for model.Network.

    Means and deviations of numbers are those of the training events.
    """
    training = splits.ranges(events.starts[:-1], events.train_ends - events.starts[:-1])
    return {name: column.kind.fitted(column.values[training])
            for name, column in events.columns.items()}


def training_span(events):
    """Return the times of the first and the last training event, floats; InputError without times."""
    checks.argument(events.times is not None, "training_span", "events", "events with times", None)
    training = splits.ranges(events.starts[:-1], events.train_ends - events.starts[:-1])
    return float(events.times[training].min()), float(events.times[training].max())


def of_batch(events, batch, end_of_training=None):
    """Return the arrays of a batch of training examples.

    Args:
      events: splits.Events.
      batch: batches.Batch.
      end_of_training: float, the time from which ages are measured backwards; None for no ages.

    Returns:
      model.Inputs.
    """
    context = {name: column.values[batch.positions] for name, column in events.columns.items()}
    ages = None if end_of_training is None else end_of_training - events.times[batch.positions]
    return model.Inputs(items=batch.items, begin=batch.begin, end=batch.end, own=batch.own,
                        users=batch.users, context=context, ages=ages)


def of_users(events, users, ends, history_length=None):
    """Return the arrays of users at query time, with the example age of now.

    A context column has the value of the event after the history, as in training, or of the user's last
    event if there is no event after it.

    Args:
      events: splits.Events.
      users: int [B].
      ends: int [B], positions in `Events.items` where the histories end, see splits.HeldOut.
      history_length: integer, the number of latest events to use; None or 0 for all.

    Returns:
      model.Inputs.
    """
    rows = splits.histories(events, users, ends, history_length)
    users = np.asarray(users, np.int32)
    asked = np.minimum(ends, events.starts[users + 1] - 1)
    context = {name: column.values[asked] for name, column in events.columns.items()}
    return model.Inputs(items=rows.items, begin=rows.begin, end=rows.end, own=None, users=users,
                        context=context, ages=None)


def everyone(events, most=None):
    """Return users with all their events as histories, and nothing held out.

    Args:
      events: splits.Events.
      most: integer, the largest number of users, evenly spread; None for all.

    Returns:
      splits.HeldOut without targets; `seen` has the items of each user's events.
    """
    users = np.arange(len(events.user_names))
    if most is not None:
        users = np.unique(np.linspace(0, len(users) - 1, most).astype(np.int64))
    ends = events.starts[users + 1]
    return splits.HeldOut(users, ends, None, splits.Rows(events.items, events.starts[users], ends))


def user_vectors(session, vectors, inputs, events, part, history_length=None, block=4096):
    """Compute the vectors of held-out users, a block of users at a time.

    Args:
      session: tf.Session.
      vectors: float [P, D'], Network.user_vectors(inputs).
      inputs: model.placeholders.
      events: splits.Events.
      part: splits.HeldOut of V users.
      history_length: see `of_users`.
      block: integer.

    Returns:
      float32 [V, D'].
    """
    blocks = []
    for low in range(0, len(part.users), block):
        rows = slice(low, low + block)
        values = of_users(events, part.users[rows], part.ends[rows], history_length)
        blocks.append(session.run(vectors, model.feed(inputs, values)))
    return np.concatenate(blocks)


def known_of_batch(events, batch):
    """Return the training items of the users of a batch, whether in the batch or not.

    Args:
      events: splits.Events.
      batch: batches.Batch.

    Returns:
      Known.
    """
    users, rows = np.unique(batch.users, return_inverse=True)
    starts = events.starts[users]
    lengths = events.train_ends[users] - starts
    return Known(events.items[splits.ranges(starts, lengths)],
                 np.repeat(np.arange(len(users), dtype=np.int32), lengths),
                 rows.reshape(-1).astype(np.int32))


def epochs_of_feeds(events, fed, plan, position=None, begin=0.0, end=1.0):
    """Yield feeds of training steps.

    Args:
      events: splits.Events.
      fed: Fed.
      plan: batches.Plan.
      position: the position that came with the last used feed; None to start.
      begin, end: floats in [0, 1], the share of the work to do.

    Returns:
      An iterator of (feed_dict, share of the work done after it: float in (0, 1], position after it).

    Raises:
      InputError: an invalid setting of the plan; raised before the first feed.
    """
    end_of_training = None if fed.inputs.ages is None else training_span(events)[1]
    for batch, progress, after in batches.epochs_of_batches(events, plan, position, begin, end):
        feed = model.feed(fed.inputs, of_batch(events, batch, end_of_training))
        feed[fed.labels] = batch.labels
        if fed.weights is not None:
            feed[fed.weights] = (np.ones(len(batch.labels), np.float32) if events.weights is None
                                 else events.weights[batch.positions])
        if fed.known is not None:
            feed.update(zip(fed.known, known_of_batch(events, batch)))
        yield feed, progress, after


def filled(fed, feeds):
    """Return fixed shapes for the batches, so that XLA compiles one step.

    The padding of a batch repeats its first example with the weight 0.

    Args:
      fed: Fed with weights.
      feeds: feed_dicts of some batches; other batches may have up to 5% more examples or events.

    Returns:
      {placeholder: step_loop.Filled}.
    """
    def most(tensor):
        return int(1.05 * max(len(feed[tensor]) for feed in feeds)) + 1

    num_examples = most(fed.labels)
    found = {tensor: step_loop.Filled([num_examples]) for tensor in feeds[0]}
    found[fed.inputs.items] = step_loop.Filled([most(fed.inputs.items)])
    found[fed.weights] = step_loop.Filled([num_examples], 0.0)
    return found


def some_targets(part, most=4096):
    """Return some targets of a part, evenly spread: (user rows int64 [n], items int32 [n])."""
    lengths = part.targets.end - part.targets.begin
    rows = np.repeat(np.arange(len(lengths)), lengths)
    places = splits.ranges(part.targets.begin, lengths)
    chosen = np.unique(np.linspace(0, len(rows) - 1, most).astype(np.int64))
    return rows[chosen], part.targets.items[places[chosen]]
