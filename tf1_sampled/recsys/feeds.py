"""From events to what a model reads: batches and held-out users as the arrays of `model.Inputs`.

    net = model.YouTubeDNN(..., context=context_columns(events))
    for feed, progress, position in epochs_of_feeds(events, inputs, labels, ...):
        session.run(train_op, feed)
    vectors = user_vectors(session, output, inputs, events, test, history_length)
"""
import collections

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import batches, model, splits

Known = collections.namedtuple("Known", "items rows row_of_example")
Known.__doc__ = """What the users of a batch are known to have taken, for candidates.without_known.

  items: int32 [K], training items of R users.
  rows: int32 [K], whose, from 0 to R - 1.
  row_of_example: int32 [P].
"""


def context_columns(events):
    """{name: number of categories, or model.Numeric} of the events' columns, for model.YouTubeDNN.

    A number's mean and deviation are those of the training events.
    """
    training = splits.ranges(events.starts[:-1], events.train_ends - events.starts[:-1])
    columns = {}
    for name, column in events.columns.items():
        if column.categories is None:
            values = column.values[training].astype(np.float64)
            columns[name] = model.Numeric(float(values.mean()), float(values.std()) or 1.0)
        else:
            columns[name] = len(column.categories)
    return columns


def training_span(events):
    """(time of the first, time of the last training event), floats; InputError for events without."""
    checks.argument(events.times is not None, "training_span", "events", "events with times", None)
    training = splits.ranges(events.starts[:-1], events.train_ends - events.starts[:-1])
    return float(events.times[training].min()), float(events.times[training].max())


def of_batch(events, batch, end_of_training=None):
    """The arrays of a batch of training examples.

    Args:
      events: splits.Events.
      batch: batches.Batch.
      end_of_training: float, the time from which ages count back; None for no ages.

    Returns:
      model.Inputs.
    """
    context = {name: column.values[batch.positions] for name, column in events.columns.items()}
    ages = None if end_of_training is None else end_of_training - events.times[batch.positions]
    return model.Inputs(batch.items, batch.begin, batch.end, batch.own, batch.users, context, ages)


def of_users(events, users, ends, history_length=None):
    """The arrays of users as they are when they are asked: the example age is that of now.

    A column of the context says what it does of the event that comes next, as while training.

    Args:
      events: splits.Events.
      users: int [B].
      ends: int [B], where in `Events.items` their histories end, as of splits.HeldOut.
      history_length: integer, the latest events that count; None or 0 for all.

    Returns:
      model.Inputs.
    """
    rows = splits.histories(events, users, ends, history_length)
    context = {name: column.values[ends] for name, column in events.columns.items()}
    return model.Inputs(rows.items, rows.begin, rows.end, None, np.asarray(users, np.int32), context,
                        None)


def everyone(events, most):
    """Some users, evenly spread, after all their events: splits.HeldOut without anything held out."""
    users = np.unique(np.linspace(0, len(events.user_names) - 1, most).astype(np.int64))
    return splits.HeldOut(users, events.starts[users + 1], None, None)


def user_vectors(session, vectors, inputs, events, part, history_length=None, block=4096):
    """The vectors of users who have something held out, a block of users at a time.

    Args:
      session: tf.Session.
      vectors: float [P, D'], YouTubeDNN.user_vectors(inputs).
      inputs: model.placeholders.
      events: splits.Events.
      part: splits.HeldOut of V users.
      history_length: as `of_users`.
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
    """What the users of a batch took in training, in the batch or not.

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


def epochs_of_feeds(events, inputs, labels, known, context, history_length, examples_per_batch, epochs,
                    seed, max_examples_per_user=None, position=None, begin=0.0, end=1.0):
    """Feeds of training steps.

    Args:
      events: splits.Events.
      inputs: model.placeholders of training.
      labels: placeholder, int32 [P].
      known: None, or Known of placeholders.
      context, history_length, examples_per_batch, epochs, seed, max_examples_per_user, position, begin,
        end: as batches.epochs_of_batches.

    Returns:
      An iterator of (feed_dict, share of the work done after it: float in (0, 1], position after it).
    """
    end_of_training = None if inputs.ages is None else training_span(events)[1]
    for batch, progress, after in batches.epochs_of_batches(
            events, context, history_length, examples_per_batch, epochs, seed, max_examples_per_user,
            position, begin, end):
        feed = model.feed(inputs, of_batch(events, batch, end_of_training))
        feed[labels] = batch.labels
        if known is not None:
            feed.update(zip(known, known_of_batch(events, batch)))
        yield feed, progress, after


def some_targets(part, most=4096):
    """Targets of a part, spread evenly over it: (rows of users int64 [n], items int32 [n])."""
    lengths = part.targets.end - part.targets.begin
    rows = np.repeat(np.arange(len(lengths)), lengths)
    places = splits.ranges(part.targets.begin, lengths)
    chosen = np.unique(np.linspace(0, len(rows) - 1, most).astype(np.int64))
    return rows[chosen], part.targets.items[places[chosen]]
