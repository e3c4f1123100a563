"""The YouTube DNN's candidate generator as a graph: histories in, user vectors out.

    user vector = tower(mean of the embeddings of the items watched before)
    score(user, item) = <user vector, class row of the item> + bias

A batch is a run of events, and each example says which slice of them is its history. Running sums over
the run serve all examples at once, where one example at a time would gather its history's rows again:

    items  [N]       events of whole users, one after the other
    begin, end [P]   example p's history is items[begin_p : end_p]

    net = YouTubeDNN(item_counts, dim=64, hidden=[128, 64])
    weights, biases = net.class_table()
    loss = sampled_softmax_loss(weights, biases, labels, net.user_vectors(histories), ...)

Reference: Covington et al. 2016, "Deep Neural Networks for YouTube Recommendations", section 3.
"""
import collections

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks, distributions
from tf1_sampled.logits import UnitRows, whole_table
from tf1_sampled.recsys import events

SIMILARITIES = ("cosine", "dot")


Histories = collections.namedtuple("Histories", "items begin end")
Histories.__doc__ = """Slices of a run of events, as tensors.

  items: int32 or int64 [N].
  begin, end: int32 [P], 0 <= begin < end <= N: example p's history is items[begin_p : end_p].
"""


class YouTubeDNN(collections.namedtuple(
        "YouTubeDNN", "item_counts dim hidden similarity temperature seed")):
    """The settings of a model, and its parts; parts that are built twice share their variables.

      item_counts: integer [C], how often each item comes in training.
      dim: integer D, of the item embeddings.
      hidden: sequence of integers, the sizes of the ReLU layers; may be empty. The last one, else D,
        is the size of user vectors and class rows.
      similarity: "dot", or "cosine": class rows and user vectors of length 1.
      temperature: float above 0; scores are divided by it.
      seed: integer or None.
    """

    def __new__(cls, item_counts, dim, hidden=(), similarity="dot", temperature=1.0, seed=None):
        for name, value in [("dim", dim)] + [("hidden", size) for size in hidden]:
            checks.positive("YouTubeDNN", name, value)
        checks.one_of("YouTubeDNN", "similarity", similarity, SIMILARITIES)
        checks.argument(temperature > 0, "YouTubeDNN", "temperature", "a number above 0", temperature)
        return super().__new__(cls, item_counts, dim, tuple(hidden), similarity, temperature, seed)

    def item_embeddings(self):
        """float32 [C, D], the rows that histories are made of."""
        return self._variable("item_embeddings", [len(self.item_counts), self.dim], self.dim ** -0.5)

    def class_table(self):
        """weights float32 [C, D'] (UnitRows for cosine) and biases float32 [C], log frequencies."""
        weights = self._variable("class_weights", [len(self.item_counts), self.vector_size],
                                 self.vector_size ** -0.5)
        biases = distributions.log_frequency_biases("class_biases", self.item_counts)
        return (UnitRows(weights) if self.similarity == "cosine" else weights), biases

    @property
    def vector_size(self):
        """D', the size of user vectors and class rows."""
        return self.hidden[-1] if self.hidden else self.dim

    def user_vectors(self, histories):
        """The vector of each example's user, from the slice of events that is its history.

        Args:
          histories: Histories.

        Returns:
          float32 [P, D'], divided by the temperature, so that its product with a class row is a score.
        """
        rows = tf.gather(self.item_embeddings(), histories.items)
        layer = pool_histories(rows, histories.begin, histories.end)
        for number, size in enumerate(self.hidden, 1):
            fan_in = layer.shape.as_list()[1]
            kernel = self._variable("hidden_%d/kernel" % number, [fan_in, size], (2 / fan_in) ** 0.5)
            with tf.variable_scope("hidden_%d" % number, reuse=tf.AUTO_REUSE):
                bias = tf.get_variable("bias", [size], initializer=tf.zeros_initializer(),
                                       use_resource=True)
            # The paper's ReLU, but not after the last layer: a vector without negative parts could
            # not point away from any item.
            layer = tf.matmul(layer, kernel) + bias
            if number < len(self.hidden):
                layer = tf.nn.relu(layer)
        if self.similarity == "cosine":
            layer = tf.nn.l2_normalize(layer, 1)
        return layer / self.temperature

    def scores(self, user_vectors):
        """Scores of every item: float32 [P, C]."""
        weights, biases = self.class_table()
        table = whole_table(weights, len(self.item_counts))
        return tf.matmul(user_vectors, table, transpose_b=True) + biases

    def _variable(self, name, shape, deviation):
        with tf.variable_scope("", reuse=tf.AUTO_REUSE):
            return tf.get_variable(name, shape, use_resource=True,
                                   initializer=tf.random_normal_initializer(0, deviation, self.seed))


def pool_histories(rows, begin, end):
    """The mean of each slice of rows, all slices from one running sum.

        mean_p = (R[end_p] - R[begin_p]) / (end_p - begin_p),   R[n] = rows[0] + ... + rows[n - 1]

    Args:
      rows: float [N, D].
      begin, end: int32 or int64 [P], 0 <= begin < end <= N.

    Returns:
      float [P, D].
    """
    begin, end = tf.convert_to_tensor(begin), tf.convert_to_tensor(end)
    running = tf.concat([tf.zeros_like(rows[:1]), tf.cumsum(rows)], 0)
    length = tf.cast(end - begin, rows.dtype)
    return (tf.gather(running, end) - tf.gather(running, begin)) / length[:, None]


def history_placeholders():
    """Histories of placeholders, all int32."""
    return Histories(*(tf.placeholder(tf.int32, [None], name) for name in Histories._fields))


def feed(inputs, batch):
    """The feed of `history_placeholders` from anything that has items, begin and end."""
    return {inputs.items: batch.items, inputs.begin: batch.begin, inputs.end: batch.end}


def embed_users(session, user_vectors, inputs, all_events, held_out, history_length, block=4096):
    """The vectors of users at the point where they are asked, a block of users at a time.

    Args:
      session: tf.Session.
      user_vectors: float [P, D'], of YouTubeDNN.user_vectors(inputs).
      inputs: history_placeholders().
      all_events: events.Events.
      held_out: events.HeldOut of V users.
      history_length: integer, the latest events that count.
      block: integer.

    Returns:
      float32 [V, D'].
    """
    vectors = []
    for low in range(0, len(held_out.users), block):
        part = slice(low, low + block)
        batch = events.histories(all_events, held_out.users[part], held_out.ends[part], history_length)
        vectors.append(session.run(user_vectors, feed(inputs, batch)))
    return np.concatenate(vectors)
