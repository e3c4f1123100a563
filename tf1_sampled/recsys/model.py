"""The candidate generator of the YouTube DNN as a graph: from users to user vectors.

    user vector = tower(pooled embeddings of the items taken, user's row, context, example age)
    score(user, item) = <user vector, class row of the item> + bias

A batch is a sequence of events of whole users. Each example has a slice of it as its history, and the
position of its own label's event, which is excluded. `pooling` makes one vector of each slice, the mean
or a mean with learned weights by position, for all examples at once:

    items  [N]            events of whole users, one after the other
    begin, end, own [P]   example p's history is items[begin_p : end_p] without items[own_p]

    net = Network(item_counts, Architecture(dim=64, hidden=(128, 64)))
    weights, biases = net.class_table()
    loss = sampled_softmax_loss(weights, biases, labels, net.user_vectors(inputs), ...)

Axes: N events, P examples, D dimension, C items. The module knows neither losses nor data: see
`batches`, `ranking`. `columns` defines how a context column contributes to a user vector.

Reference: Covington et al. 2016, "Deep Neural Networks for YouTube Recommendations", section 3.
"""
import collections
import functools
import re

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks, distributions, frozen
from tf1_sampled.initializers import from_memory, random_normal
from tf1_sampled.logits import AddedRows, SummedRows, UnitRows, lookup
from tf1_sampled.recsys import pooling

SIMILARITIES = ("cosine", "dot")
CLASS_ROWS = ("own", "shared", "sum")
ITEM_TABLES = ("item_embeddings", "class_weights")  # a shared table has the first name

Inputs = collections.namedtuple("Inputs", "items begin end own users context ages")
Inputs.__doc__ = """The input of a model for P examples.

  items: int32 or int64 [N], a sequence of events.
  begin, end: int32 [P], 0 <= begin <= end <= N: example p's history is items[begin_p : end_p]. An empty
    history is pooled to zeros.
  own: None, or int32 [P]: the position in `items` of an event excluded from the history, -1 for none.
  None with positions.
  users: int32 [P], -1 for an unknown user; None without user rows.
  context: {name: [P] of the dtype of its type}, the model's columns.
  ages: float32 [P], the time from the example to the end of training; None for now, as in serving.
    serving.
"""

Architecture = collections.namedtuple(
    "Architecture",
    "dim hidden similarity temperature pooling_power class_rows dropout frequency_bias num_positions "
    "num_poolings", defaults=[(), "dot", 1.0, 1.0, "own", 0.0, 1.0, 0, 1])
Architecture.__doc__ = """The settings of a model that do not depend on its data.

  dim: integer D, of the embeddings.
  hidden: sequence of integers, the sizes of the ReLU layers; may be empty. The last one, else D, is the
    size of user vectors and class rows. The parts of a user are the history (one part for each pooling),
    row, context and age, D numbers each. With layers they are concatenated, without layers added.
  similarity: "dot", or "cosine": item rows and user vectors of length 1.
  temperature: float above 0, the divisor of the scores.
  pooling_power: float p from 0 to 1; a history is the sum of its rows over (sum of weights)^p: 1 for the
    mean, 0 for the sum.
  class_rows: "own", a table separate from that of the histories; "shared", the histories' table; or
  "sum", the sum of both, which starts from the histories' rows.
  dropout: float from 0 to below 1, the share of a history's items and of hidden units that a training
    step drops.
  frequency_bias: float, the weight of an item's log frequency in its bias; 0 for none.
  num_positions: integer L; only the latest L events of a history are used, each position with its own
    learned weight. 0: all events are used with the weight 1.
  num_poolings: integer M, above 1 only with hidden layers and positions: the history is pooled with M
    sets of weights, each of which gives a part.
"""


class Network(collections.namedtuple(
        "Network", "item_counts architecture num_users context age_unit seed features")):
    """The parts of a model's graph; parts that are built twice share their variables.

      item_counts: integer [C], the number of training events of each item.
      architecture: Architecture.
      num_users: integer U; 0 for no user rows.
      context: {name: columns.ColumnType}.
      age_unit: float, the time that is 1 in the example age; 0 for no example age.
      seed: integer or None.
      features: item_features.ItemFeatures, whose rows are added to the item rows; None for none.

    Raises:
      InputError: a setting out of its range, a shared table whose rows would need two sizes.
    """

    def __new__(cls, item_counts, architecture, num_users=0, context=None, age_unit=0.0, seed=None,
                features=None):
        def check(condition, name, wanted, got):
            checks.argument(condition, "YouTubeDNN", name, wanted, got)

        a = architecture._replace(hidden=tuple(architecture.hidden))
        for name, value in [("dim", a.dim)] + [("hidden", size) for size in a.hidden]:
            checks.positive("YouTubeDNN", name, value)
        checks.one_of("YouTubeDNN", "similarity", a.similarity, SIMILARITIES)
        check(a.temperature > 0, "temperature", "a number above 0", a.temperature)
        check(0 <= a.pooling_power <= 1, "pooling_power", "a number from 0 to 1", a.pooling_power)
        check(num_users >= 0, "num_users", "0 or more", num_users)
        check(age_unit >= 0, "age_unit", "0 or more", age_unit)
        check(0 <= a.dropout < 1, "dropout", "a number from 0 to below 1", a.dropout)
        check(a.num_positions >= 0, "num_positions", "0 or more", a.num_positions)
        checks.positive("YouTubeDNN", "num_poolings", a.num_poolings)
        check(a.num_poolings == 1 or a.hidden and a.num_positions, "num_poolings",
              "1 without hidden layers and positions", a.num_poolings)
        checks.one_of("YouTubeDNN", "class_rows", a.class_rows, CLASS_ROWS)
        check(a.class_rows == "own" or not a.hidden or a.hidden[-1] == a.dim, "hidden",
              "a last layer of %d, as histories' rows, with class_rows=%s" % (a.dim, a.class_rows),
              list(a.hidden))
        check(features is None or len(features.starts) == len(item_counts) + 1, "features",
              "features of %d items" % len(item_counts), features and len(features.starts) - 1)
        return super().__new__(cls, item_counts=item_counts, architecture=a, num_users=num_users,
                               context=dict(context or {}), age_unit=age_unit, seed=seed,
                               features=features)

    def item_embeddings(self):
        """Return the rows of which histories are made: float32 [C, D]; SummedRows with features."""
        return self._item_rows("item_embeddings", self.architecture.dim)

    def class_table(self):
        """Return weights float32 [C, D'] (UnitRows for cosine) and biases float32 [C], not trained."""
        biases = distributions.log_frequency_biases("class_biases", self.item_counts,
                                                    self.architecture.frequency_bias)
        weights = self.class_rows()
        return (UnitRows(weights) if self.architecture.similarity == "cosine" else weights), biases

    def class_rows(self):
        """Return the class rows, not scaled: float32 [C, D']; SummedRows with features, or AddedRows."""
        if self.architecture.class_rows == "shared":
            return self.item_embeddings()
        if self.architecture.class_rows == "own":
            return self._item_rows("class_weights", self.vector_size)
        # From zeros: a rare item starts from its row in histories, which has had more training.
        own = self._item_rows("class_weights", self.vector_size, tf.zeros_initializer())
        return AddedRows(own, self.item_embeddings())

    @property
    def vector_size(self):
        """Return D', the size of user vectors and class rows."""
        return self.architecture.hidden[-1] if self.architecture.hidden else self.architecture.dim

    def user_vectors(self, inputs, training=False, seed=None):
        """Compute the vector of each example's user.

        Args:
          inputs: Inputs.
          training: boolean, whether to use dropout.
          seed: of the dropout, as of a sampler: integer, or an integer tensor [2]; None for the model's
            own.

        Returns:
          float32 [P, D'], divided by the temperature, so that its product with a class row is a score.
        """
        seed = self.seed if seed is None else seed
        kept = functools.partial(self._kept, seed) if training and self.architecture.dropout else None
        parts = self._histories(inputs, kept)  # each [P, D]
        if self.num_users:
            known = tf.cast(inputs.users >= 0, tf.float32)[:, None]
            rows = self.rows_of("user_embeddings", self.num_users, tf.maximum(inputs.users, 0))
            parts.append(rows * known)
        for name, kind in sorted(self.context.items()):
            parts.append(kind.embedded(self, context_variable(name), inputs.context[name]))
        if self.age_unit and inputs.ages is not None:
            parts.append(self.scaled_row("example_age", inputs.ages / self.age_unit))
        elif self.age_unit and self.architecture.hidden:
            parts.append(tf.zeros_like(parts[0]))
        layer = self._tower(tf.concat(parts, 1), kept) if self.architecture.hidden else tf.add_n(parts)
        if self.architecture.similarity == "cosine":
            layer = tf.nn.l2_normalize(layer, 1)
        return layer / self.architecture.temperature

    def _kept(self, seed, name, values, shape):
        """Drop some of `values`, and scale the others so that their mean stays.

        Args:
          seed: of the step.
          name: string, of these values.
          values: float32.
          shape: integers, broadcast to the shape of `values`: values to drop together.
        """
        drawn = tf.random.stateless_uniform(
            shape, distributions.stateless_seed(distributions.fold_in(seed, name)))
        dropout = self.architecture.dropout
        return values * (tf.cast(drawn >= dropout, tf.float32) / (1 - dropout))

    def _histories(self, inputs, kept):
        """Return the pooled histories: for each pooling float32 [P, D]."""
        a, slices = self.architecture, (inputs.begin, inputs.end)
        rows = lookup(self.item_embeddings(), inputs.items)
        if kept:  # whole items
            rows = kept("items", rows, [tf.shape(rows)[0], 1])
        if not a.num_positions:
            return [pooling.pool_mean(rows, *slices, inputs.own, a.pooling_power)]
        checks.argument(inputs.own is None, "YouTubeDNN", "inputs.own", "None with positions",
                        inputs.own)
        start = pooling.position_log_weights(a.num_positions, a.num_poolings)
        log_weights = _variable("position_log_weights", start.shape, from_memory(start))
        pooled = pooling.pool_by_position(rows, *slices, tf.convert_to_tensor(log_weights),
                                          a.pooling_power)
        return tf.unstack(pooled, axis=1)

    def _tower(self, layer, kept):
        """Apply the ReLU layers to [P, parts D]: float32 [P, D']."""
        for number, size in enumerate(self.architecture.hidden, 1):
            name, fan_in = "hidden_%d" % number, layer.shape.as_list()[1]
            kernel = _variable(name + "/kernel", [fan_in, size], random_normal(
                (2 / fan_in) ** 0.5, distributions.fold_in(self.seed, name)))
            layer = tf.matmul(layer, kernel) + _variable(name + "/bias", [size], tf.zeros_initializer())
            # The paper's ReLU, but not after the last layer: a vector without negative parts could
            # not point away from any item.
            if number < len(self.architecture.hidden):
                layer = tf.nn.relu(layer)
                if kept:
                    layer = kept(name, layer, tf.shape(layer))
        return layer

    def rows_of(self, name, number, ids):
        """Return rows of the table `name` with `number` rows: ids [P] -> float32 [P, D]."""
        return lookup(self._rows(name, number, self.architecture.dim), ids)

    def scaled_row(self, name, values):
        """Return numbers times the weight row `name`: [P] -> float32 [P, D]."""
        return values[:, None] * self._rows(name, 1, self.architecture.dim)

    @property
    def num_trained(self):
        """Return the number of items up to the last one with training events."""
        trained = np.flatnonzero(self.item_counts)
        return int(trained[-1]) + 1 if len(trained) else 0

    def _item_rows(self, name, size, initializer=None):
        """Return the item rows, with their feature rows if there are features."""
        rows = self._rows(name, len(self.item_counts), size, initializer)
        if self.features is None:
            return rows
        # From zeros: a new table starts with the results of a model without features.
        of_features = _variable(feature_table(name), [len(self.features.names), size],
                                tf.zeros_initializer())
        starts, ids, weights = self._frozen_features()
        return SummedRows(rows, of_features, starts, ids, weights, num_own=self.num_trained)

    def _frozen_features(self):
        """Return the arrays of the features in the current graph: starts, ids, weights."""
        graph = tf.get_default_graph()
        if getattr(self, "_features_in", (None,))[0] is not graph:
            self._features_in = graph, [frozen.Frozen(array, "features/" + name) for name, array in zip(
                self.features._fields, self.features[:3])]
        return self._features_in[1]

    def scaled_or_missing(self, name, values):
        """Return numbers times a weight row, or a second row for NaN: [P] -> float32 [P, D].

        Args:
          name: string, of the table with the two rows.
          values: float32 [P].
        """
        missing = tf.is_nan(values)
        scales = tf.stack([tf.where(missing, tf.zeros_like(values), values),
                           tf.cast(missing, tf.float32)], 1)  # [P, 2]
        return tf.matmul(scales, self._rows(name, 2, self.architecture.dim))

    def _rows(self, name, number, size, initializer=None):
        """Return a table of `number` rows, by default with lengths of about 1 for dot products.

        Cosines do not need the length. With short rows, training soon outweighs the initial values, also
        in histories, where rows with little training then have little weight.
        """
        length = 0.15 if self.architecture.similarity == "cosine" else 1.0
        return _variable(name, [number, size], initializer or random_normal(
            length * size ** -0.5, distributions.fold_in(self.seed, name)))


def feature_table(table):
    """Return the name of the table of feature rows of an item table."""
    return table + "_features"


def context_variable(column):
    """Return the name of a context column's table; characters that TensorFlow forbids become -code-."""
    return "context_" + re.sub("[^A-Za-z0-9_.]", lambda found: "-%x-" % ord(found.group()), column)


def _variable(name, shape, initializer, trainable=True):
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        return tf.get_variable(name, shape, initializer=initializer, trainable=trainable,
                               use_resource=True)


def placeholders(net, training=False):
    """Return Inputs of placeholders for a model.

    Args:
      net: Network.
      training: boolean, whether examples exclude an event of their histories and have an age.

    Returns:
      Inputs.
    """
    def vector(name, dtype=tf.int32):
        return tf.placeholder(dtype, [None], "inputs/" + name)  # not the name of a variable

    context = {name: vector(context_variable(name), kind.dtype) for name, kind in net.context.items()}
    return Inputs(
        items=vector("items"), begin=vector("begin"), end=vector("end"),
        own=vector("own") if training and not net.architecture.num_positions else None,
        users=vector("users") if net.num_users else None,
        context=context, ages=vector("ages", tf.float32) if training and net.age_unit else None)


def feed(inputs, values):
    """Return the feed_dict that gives `values` (Inputs of arrays) to `inputs` (of placeholders)."""
    fed = {inputs.context[name]: values.context[name] for name in inputs.context}
    for name in ("items", "begin", "end", "own", "users", "ages"):
        if getattr(inputs, name) is not None:
            fed[getattr(inputs, name)] = getattr(values, name)
    return fed
