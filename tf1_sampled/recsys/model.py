"""The YouTube DNN's candidate generator as a graph: users in, user vectors out.

    user vector = tower(pooled embeddings of the items taken, user's row, context, example age)
    score(user, item) = <user vector, class row of the item> + bias

A batch is a run of events of whole users, and each example says which slice of them is its history, and
which event of the slice is its own label's and does not count. Running sums over the run serve all
examples at once, where one example at a time would gather its history's rows again:

    items  [N]            events of whole users, one after the other
    begin, end, own [P]   example p's history is items[begin_p : end_p] without items[own_p]

    net = Network(item_counts, Architecture(dim=64, hidden=(128, 64)))
    weights, biases = net.class_table()
    loss = sampled_softmax_loss(weights, biases, labels, net.user_vectors(inputs), ...)

Axes: N events, P examples, D dimension, C items. Knows no loss and no data: see `batches`, `ranking`.
What a column of the context adds to a user vector is in `columns`.

Reference: Covington et al. 2016, "Deep Neural Networks for YouTube Recommendations", section 3.
"""
import collections
import functools
import re

import tensorflow.compat.v1 as tf

from tf1_sampled import checks, distributions
from tf1_sampled.initializers import random_normal
from tf1_sampled.logits import UnitRows, lookup

SIMILARITIES = ("cosine", "dot")
_BLOCK = 64  # rows of a running sum that one matrix product adds up

Inputs = collections.namedtuple("Inputs", "items begin end own users context ages")
Inputs.__doc__ = """What a model reads of P examples.

  items: int32 or int64 [N], a run of events.
  begin, end: int32 [P], 0 <= begin <= end <= N: example p's history is items[begin_p : end_p]. An
    empty one is pooled to zeros.
  own: None, or int32 [P]: the place in `items` of an event of the history that is left out of it, -1
    for none.
  users: int32 [P], -1 for one who is not known; None without user rows.
  context: {name: [P] of the dtype of its type}, the model's columns.
  ages: float32 [P], how long before the end of training the example happened; None for now, as when
    serving.
"""

Architecture = collections.namedtuple(
    "Architecture",
    "dim hidden similarity temperature pooling_power shared_table dropout frequency_bias",
    defaults=[(), "dot", 1.0, 1.0, False, 0.0, 1.0])
Architecture.__doc__ = """The settings of a model that do not depend on its data.

  dim: integer D, of the embeddings.
  hidden: sequence of integers, the sizes of the ReLU layers; may be empty. The last one, else D, is the
    size of user vectors and class rows. With layers the parts of a user (history, row, context, age: D
    numbers each) stand side by side, without they are added.
  similarity: "dot", or "cosine": item rows and user vectors of length 1.
  temperature: float above 0; scores are divided by it.
  pooling_power: float p from 0 to 1; a history is the sum of its rows over length^p: 1 for the mean, 0
    for the sum.
  shared_table: boolean, whether histories and classes have one table of rows.
  dropout: float from 0 to below 1, the share of a history's items, and of hidden units, that a training
    step leaves out.
  frequency_bias: float, an item's bias is its log frequency times this; 0 for none.
"""


class Network(collections.namedtuple(
        "Network", "item_counts architecture num_users context age_unit seed")):
    """A model's graph in parts; parts that are built twice share their variables.

      item_counts: integer [C], how often each item comes in training.
      architecture: Architecture.
      num_users: integer U; 0 for no rows of users.
      context: {name: columns.ColumnType}.
      age_unit: float, the length of time that counts as 1 in the example age; 0 for no such part.
      seed: integer or None.

    Raises:
      InputError: a setting out of its range, a shared table whose rows would have two sizes.
    """

    def __new__(cls, item_counts, architecture, num_users=0, context=None, age_unit=0.0, seed=None):
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
        check(not a.shared_table or not a.hidden or a.hidden[-1] == a.dim, "hidden",
              "a last layer of %d, as rows of the shared table" % a.dim, list(a.hidden))
        return super().__new__(cls, item_counts=item_counts, architecture=a, num_users=num_users,
                               context=dict(context or {}), age_unit=age_unit, seed=seed)

    def item_embeddings(self):
        """float32 [C, D], the rows that histories are made of."""
        return self._rows("item_embeddings", len(self.item_counts), self.architecture.dim)

    def class_table(self):
        """weights float32 [C, D'] (UnitRows for cosine) and biases float32 [C], not trained."""
        biases = distributions.log_frequency_biases("class_biases", self.item_counts,
                                                    self.architecture.frequency_bias)
        weights = self.class_rows()
        return (UnitRows(weights) if self.architecture.similarity == "cosine" else weights), biases

    def class_rows(self):
        """float32 [C, D'], the rows of classes, not scaled."""
        if self.architecture.shared_table:
            return self.item_embeddings()
        return self._rows("class_weights", len(self.item_counts), self.vector_size)

    @property
    def vector_size(self):
        """D', the size of user vectors and class rows."""
        return self.architecture.hidden[-1] if self.architecture.hidden else self.architecture.dim

    def user_vectors(self, inputs, training=False, seed=None):
        """The vector of each example's user.

        Args:
          inputs: Inputs.
          training: boolean, whether to drop out.
          seed: of what is dropped out, as of a sampler: integer, or an integer tensor [2]; None for the
            model's own.

        Returns:
          float32 [P, D'], divided by the temperature, so that its product with a class row is a score.
        """
        seed = self.seed if seed is None else seed
        kept = functools.partial(self._kept, seed) if training and self.architecture.dropout else None
        parts = [self._history(inputs, kept)]  # each [P, D]
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
        """`values` without some of them, larger instead so that their mean stays.

        Args:
          seed: of the step.
          name: string, of these values.
          values: float32.
          shape: integers, broadcast to that of `values`: what is dropped together.
        """
        drawn = tf.random.stateless_uniform(
            shape, distributions.stateless_seed(distributions.fold_in(seed, name)))
        dropout = self.architecture.dropout
        return values * (tf.cast(drawn >= dropout, tf.float32) / (1 - dropout))

    def _history(self, inputs, kept):
        """float32 [P, D], the pooled histories."""
        rows = lookup(self.item_embeddings(), inputs.items)
        if kept:  # whole items
            rows = kept("items", rows, [tf.shape(rows)[0], 1])
        return pool_histories(rows, inputs.begin, inputs.end, inputs.own,
                              self.architecture.pooling_power)

    def _tower(self, layer, kept):
        """The ReLU layers on [P, parts D]: float32 [P, D']."""
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
        """Return rows of a table of `number` rows that is called `name`: ids [P] -> float32 [P, D]."""
        return lookup(self._rows(name, number, self.architecture.dim), ids)

    def scaled_row(self, name, values):
        """Return a row of weights that is called `name` times numbers: [P] -> float32 [P, D]."""
        return values[:, None] * self._rows(name, 1, self.architecture.dim)

    def _rows(self, name, number, size):
        """A table of `number` rows, of about length 1 for dot products.

        Cosines do not need the length: short rows let what is learned soon outweigh the start, in
        histories too, where rows that were hardly trained then count for little.
        """
        length = 0.15 if self.architecture.similarity == "cosine" else 1.0
        return _variable(name, [number, size], random_normal(
            length * size ** -0.5, distributions.fold_in(self.seed, name)))


def context_variable(column):
    """The name of a context column's table; what TensorFlow allows in no name is written as -code-."""
    return "context_" + re.sub("[^A-Za-z0-9_.]", lambda found: "-%x-" % ord(found.group()), column)


def pool_histories(rows, begin, end, own=None, power=1.0):
    """The sum of each slice of rows over its length to a power, all slices from one running sum.

        pooled_p = (R[end_p] - R[begin_p] - rows[own_p]) / n_p^power

    R[n] = rows[0] + ... + rows[n - 1], and n_p = end_p - begin_p, less 1 where own_p is a row. An empty
    slice gives zeros.

    Args:
      rows: float [N, D].
      begin, end: int32 or int64 [P], 0 <= begin <= end <= N.
      own: None, or int32 or int64 [P]: a row of the slice that is left out, -1 for none.
      power: float from 0 (the sum) to 1 (the mean).

    Returns:
      float [P, D].
    """
    begin, end = tf.convert_to_tensor(begin), tf.convert_to_tensor(end)
    short = tf.math.floormod(-1 - tf.shape(rows)[0], _BLOCK)
    rows = tf.pad(rows, [[1, short], [0, 0]])  # R[0] is zeros
    within, before = _running_sum(rows)
    total = tf.gather(within, end) - tf.gather(within, begin)
    total += tf.cast(tf.gather(before, end // _BLOCK) - tf.gather(before, begin // _BLOCK), rows.dtype)
    length = end - begin
    if own is not None:
        own = tf.convert_to_tensor(own)
        total -= tf.gather(rows, own + 1)
        length -= tf.cast(own >= 0, length.dtype)
    # A row less itself is not always zeros to the last bit.
    total *= tf.cast(length > 0, rows.dtype)[:, None]
    return total / tf.pow(tf.cast(tf.maximum(length, 1), rows.dtype), power)[:, None]


def _running_sum(rows):
    """rows[0] + ... + rows[n] as within[n] + before[n // block].

    Within a block as a product with a triangle of ones, which on a CPU takes a fraction of tf.cumsum's
    time; before it in float64, as the difference of two long sums in float32 is not that of short ones.

    Args:
      rows: float [N, D], N a multiple of the block.

    Returns:
      within: [N, D], of the type of the rows.
      before: float64 [N / block, D].
    """
    size = rows.shape.as_list()[1]
    triangle = tf.linalg.band_part(tf.ones([1, _BLOCK, _BLOCK], rows.dtype), -1, 0)
    within = tf.matmul(triangle, tf.reshape(rows, [-1, _BLOCK, size]))
    before = tf.cumsum(tf.cast(within[:, -1], tf.float64), exclusive=True)
    return tf.reshape(within, [-1, size]), before


def _variable(name, shape, initializer, trainable=True):
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        return tf.get_variable(name, shape, initializer=initializer, trainable=trainable,
                               use_resource=True)


def placeholders(net, training=False):
    """Inputs of placeholders for a model.

    Args:
      net: Network.
      training: boolean, whether examples leave an event of their histories out, and have an age.

    Returns:
      Inputs.
    """
    def vector(name, dtype=tf.int32):
        return tf.placeholder(dtype, [None], "inputs/" + name)  # not the name of a variable

    context = {name: vector(context_variable(name), kind.dtype) for name, kind in net.context.items()}
    return Inputs(
        items=vector("items"), begin=vector("begin"), end=vector("end"),
        own=vector("own") if training else None, users=vector("users") if net.num_users else None,
        context=context, ages=vector("ages", tf.float32) if training and net.age_unit else None)


def feed(inputs, values):
    """The feed_dict that gives `values` (Inputs of arrays) to `inputs` (of placeholders)."""
    fed = {inputs.context[name]: values.context[name] for name in inputs.context}
    for name in ("items", "begin", "end", "own", "users", "ages"):
        if getattr(inputs, name) is not None:
            fed[getattr(inputs, name)] = getattr(values, name)
    return fed
