"""Find equal ids: repeats among candidates, and candidates that are labels.

The number of ops is small for any number of ids: `tf.unique` numbers the ids, and a segment minimum
finds the first place of each number.
"""
import tensorflow.compat.v1 as tf


def hits_of(labels, sampled):
    """Return which candidates are a label of the example.

    The number of ops does not depend on T, and no tensor is larger than the arguments and the result.

    Args:
      labels: int64 [B, T], or [G, R, T].
      sampled: int64 [S], or [G, 1, S], a set for each group of R examples.

    Returns:
      boolean [B, S], or [G, R, S].
    """
    shape = tf.concat([tf.shape(labels)[:-1], tf.shape(sampled)[-1:]], 0)
    if labels.shape.as_list()[-1] == 1:
        return tf.equal(labels, sampled)
    num_groups = 1 if sampled.shape.rank == 1 else tf.shape(sampled)[0]
    size, num_true = shape[-1], tf.shape(labels)[-1]
    in_groups = tf.concat([tf.reshape(ids, tf.stack([num_groups, -1])) for ids in (sampled, labels)], 1)
    width, group = tf.shape(in_groups)[1], tf.range(num_groups)[:, None]
    # For each candidate and label, the first place of its class among the candidates and labels of a
    # group.
    keys = in_groups * tf.cast(num_groups, labels.dtype) + tf.cast(group, labels.dtype)
    place = tf.reshape(_first_places(tf.unique(tf.reshape(keys, [-1])).idx), tf.shape(keys))
    place -= width * group
    # The column `size` is for labels that are not candidates.
    column = tf.reshape(tf.minimum(place[:, size:], size), [-1])
    row = tf.range(tf.size(column)) // num_true
    num_rows = tf.size(column) // num_true
    is_label = tf.scatter_nd(tf.stack([row, column], 1), tf.ones(tf.shape(row)),
                             tf.stack([num_rows, size + 1]))
    is_label = tf.reshape(is_label, tf.stack([num_groups, -1, size + 1]))
    return tf.reshape(tf.gather(is_label, place[:, :size], axis=2, batch_dims=1) > 0, shape)


def first_of_its_kind(ids, num_ids):
    """Return which elements have no equal element to the left in the same row.

    Args:
      ids: int64 [N] or [G, N], in 0 .. num_ids - 1.
      num_ids: integer.

    Returns:
      boolean, of the shape of ids.
    """
    places = _first_places(tf.reshape(kinds_of(ids, num_ids), [-1]))
    return tf.reshape(tf.equal(places, tf.range(tf.size(places))), tf.shape(ids))


def kinds_of(ids, num_ids):
    """Number the different ids 0, 1, ... in order of first occurrence. Later rows get higher numbers.

    Args:
      ids: int64 [N] or [G, N], in 0 .. num_ids - 1. Equal ids in two rows have two numbers.
      num_ids: integer.

    Returns:
      int32, of the shape of ids.
    """
    keys = ids
    if ids.shape.rank == 2 and ids.shape.as_list()[0] != 1:
        keys += num_ids * tf.range(tf.cast(tf.shape(ids)[0], tf.int64))[:, None]
    kinds = tf.reshape(tf.unique(tf.reshape(keys, [-1])).idx, tf.shape(ids))
    kinds.set_shape(ids.shape)
    return kinds


def _first_places(kinds):
    """Return the place of the first equal element, int32 [N], for each of `kinds` [N] in 0 .. N - 1."""
    size = tf.size(kinds) if kinds.shape.num_elements() is None else kinds.shape.num_elements()
    return tf.gather(tf.math.unsorted_segment_min(tf.range(size), kinds, size), kinds)
