"""Find equal ids: repeats among candidates, and candidates that are labels.

Few ops, whatever the number of ids: `tf.unique` numbers the ids, and segments of equal numbers are
compared by their places.
"""
import tensorflow.compat.v1 as tf


def hits_of(labels, sampled):
    """Return which candidates are one of the example's labels.

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
    # Of a group's candidates and labels together, the place of the first that is the same class.
    keys = in_groups * tf.cast(num_groups, labels.dtype) + tf.cast(group, labels.dtype)
    place = tf.reshape(_first_places(tf.unique(tf.reshape(keys, [-1])).idx), tf.shape(keys))
    place -= width * group
    # The column `size` is for labels that are no candidate.
    column = tf.reshape(tf.minimum(place[:, size:], size), [-1])
    row = tf.range(tf.size(column)) // num_true
    num_rows = tf.size(column) // num_true
    is_label = tf.scatter_nd(tf.stack([row, column], 1), tf.ones(tf.shape(row)),
                             tf.stack([num_rows, size + 1]))
    is_label = tf.reshape(is_label, tf.stack([num_groups, -1, size + 1]))
    return tf.reshape(tf.gather(is_label, place[:, :size], axis=2, batch_dims=1) > 0, shape)


def first_of_its_kind(ids, num_ids):
    """Return where no element to the left in the same row is equal.

    Args:
      ids: int64 [N] or [G, N], in 0 .. num_ids - 1.
      num_ids: integer.

    Returns:
      boolean, of the shape of ids.
    """
    places = _first_places(tf.reshape(kinds_of(ids, num_ids), [-1]))
    return tf.reshape(tf.equal(places, tf.range(tf.size(places))), tf.shape(ids))


def kinds_of(ids, num_ids):
    """Return numbers for the different ids: 0, 1, ... in the order of the ids, going on from row to row.

    Args:
      ids: int64 [N] or [G, N], in 0 .. num_ids - 1. Equal ids of two rows are two kinds.
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
    """Return, for each of kinds int32 [N] in 0 .. N - 1, the place of the first equal one: int32 [N]."""
    size = tf.size(kinds) if kinds.shape.num_elements() is None else kinds.shape.num_elements()
    return tf.gather(tf.math.unsorted_segment_min(tf.range(size), kinds, size), kinds)
