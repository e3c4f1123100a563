"""Draws: candidates from a distribution, or the labels of a batch as candidates.

    drawn = draw(distribution, num_sampled, unique, seed, num_groups)
    in_batch = labels_as_draws(labels, frequencies, num_groups)
    ids, masked = joined([in_batch, drawn], unique, range_max)
"""
from typing import List, NamedTuple, Optional, Tuple, Union

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.ops import while_v2

from tf1_sampled import class_ids, distributions, graph_checks, matches
from tf1_sampled.type_names import Distribution, Frequencies, Seed, Tensor, Unique

_MAX_TURNS = 1000  # chunks of unique candidates; then an error, so that the program does not hang


class Draws(NamedTuple):
    """Candidates of one source.

      ids: int64 [N] or [G, N].
      masked: boolean of the shape of ids, or None where no candidate is masked.
      number: the number of draws from the distribution: a float, a float scalar, or float [G, 1]. Masked
        repeats count, padding does not.
      distribution: see `distributions`.
    """

    ids: Tensor
    masked: Optional[Tensor]
    number: Union[float, Tensor]
    distribution: Frequencies


def draw(distribution: Distribution, num_sampled: int, unique: Unique, seed: Seed,
         num_groups: Optional[int]) -> Draws:
    """Return Draws of num_sampled candidates from a distribution.

    Args:
      distribution: see `distributions`.
      num_sampled: integer S.
      unique: False, repeats stay; "masked", repeats are masked; True, repeats are redrawn until there
        are S different classes.
      seed: integer, None, or an integer tensor [2].
      num_groups: integer G, or None.
    """
    shape = [num_sampled] if num_groups is None else [num_groups, num_sampled]
    seed = distributions.stateless_seed(seed)
    if unique is True:
        ids, num_tries = _draw_unique(distribution, num_groups or 1, num_sampled, seed)
        number = tf.cast(num_tries[0] if num_groups is None else num_tries[:, None], tf.float32)
        return Draws(tf.reshape(ids, shape), None, number, distribution)
    if unique == "masked" and distribution.rises:
        # The order of draws does not matter: draw them sorted, so that repeats are neighbours.
        ids = distribution.ids_of(distributions.sorted_uniforms(shape, seed))
        masked = tf.concat([tf.zeros_like(ids[..., :1], tf.bool),
                            tf.equal(ids[..., 1:], ids[..., :-1])], -1)
    else:
        ids = distribution.ids_of(distributions.uniforms(shape, seed))
        masked = None
        if unique == "masked":
            masked = tf.logical_not(matches.first_of_its_kind(ids, distribution.num_classes))
    return Draws(ids, masked, float(num_sampled), distribution)


def labels_as_draws(labels: class_ids.Labels, frequencies: Frequencies,
                    num_groups: Optional[int]) -> Draws:
    """Return the labels of the batch as Draws from `frequencies`, padding masked.

    Args:
      labels: Labels.
      frequencies: the distribution of labels.
      num_groups: integer G, or None. A group gets the labels of another group.
    """
    shape = [-1]
    if num_groups is not None:
        size = labels.ids.shape.num_elements()
        shape = [num_groups, -1 if size is None else size // num_groups]
    ids = tf.reshape(tf.cast(labels.ids, tf.int64), shape)
    padding = None if labels.mask is None else tf.reshape(tf.logical_not(labels.mask), shape)
    if num_groups is not None:
        # The labels of the same group would be hits. tf.roll has no GPU kernel for booleans.
        others = np.roll(np.arange(num_groups), num_groups // 2)
        ids, padding = [None if x is None else tf.gather(x, others) for x in (ids, padding)]
    number = tf.cast(tf.shape(ids)[-1], tf.float32)
    if padding is not None:
        number -= tf.reduce_sum(tf.cast(padding, tf.float32), -1, keepdims=num_groups is not None)
    return Draws(ids, padding, number, frequencies)


def joined(sources: List[Draws], unique: Unique, range_max: int) -> Tuple[Tensor, Tensor]:
    """Return the candidates of all sources, one source after the other.

    Args:
      sources: list of Draws.
      unique: False, or "masked" to mask repeats.
      range_max: integer, the number of classes.

    Returns:
      ids: int64 [N] or [G, N].
      masked: boolean, of the shape of ids.
    """
    ids = tf.concat([source.ids for source in sources], -1)
    masked = tf.concat([tf.zeros_like(source.ids, tf.bool) if source.masked is None else source.masked
                        for source in sources], -1)
    if unique:
        # A masked place must not hide the first unmasked candidate of the same class.
        kinds = tf.where(masked, tf.fill(tf.shape(ids), np.int64(range_max)), ids)
        repeats = tf.logical_not(matches.first_of_its_kind(kinds, range_max + 1))
        masked = tf.logical_or(masked, repeats)
    return ids, masked


def _draw_unique(distribution, num_groups, num_sampled, seed):
    """Draw ids until there are num_sampled different ones, and leave out repeats.

    A chunk has 2 num_sampled + 16 draws. One chunk is usually enough. Else a loop draws more chunks and
    appends their new ids.

    Args:
      distribution: see `distributions`.
      num_groups, num_sampled: integers G and S.
      seed: int64 [2].

    Returns:
      ids: int64 [G, S], in the order drawn.
      num_tries: int64 [G], the number of draws, repeats included.
    """
    chunk = 2 * num_sampled + 16
    none = distribution.num_classes  # the id in an empty place

    def turn(number, ids, num_tries):
        draws = distribution.ids_of(distributions.uniforms(
            [num_groups, chunk], seed + tf.stack([number, tf.zeros_like(number)])))
        everything = draws if ids is None else tf.concat([ids, draws], 1)
        # The n-th different id of a group goes to place n of the group; the last place takes all others.
        place = matches.kinds_of(everything, none + 1)
        place -= place[:, :1]
        if ids is not None:
            # All empty places hold the same number, `none`, which must not count as an id.
            num_found = tf.reduce_sum(tf.cast(ids < none, tf.int32), 1, keepdims=True)
            place -= tf.cast(place > num_found, tf.int32)
            place = tf.where(everything < none, place, tf.fill(tf.shape(place), num_sampled))
        place = tf.minimum(place, num_sampled) + (num_sampled + 1) * tf.range(num_groups)[:, None]
        before = 0 if ids is None else num_sampled
        position = tf.tile(tf.range(1 - before, chunk + 1)[None], [num_groups, 1])

        def first_of_place(values, of_none):
            first = tf.math.unsorted_segment_min(values, place, num_groups * (num_sampled + 1))
            return tf.minimum(tf.reshape(first, [num_groups, num_sampled + 1])[:, :num_sampled], of_none)

        # As float64: unsorted_segment_min has no int64 kernel on some devices.
        new_ids = tf.cast(first_of_place(tf.cast(everything, tf.float64), none), tf.int64)
        used = tf.maximum(first_of_place(position, chunk)[:, -1], 0)
        return number + 1, new_ids, num_tries + tf.cast(used, tf.int64)

    def more(number, ids, _):
        return tf.logical_and(tf.reduce_any(tf.equal(ids, none)), number < _MAX_TURNS)

    state = turn(tf.constant(0, tf.int64), None, tf.zeros([num_groups], tf.int64))
    _, ids, num_tries = _functional_while(more, turn, state)
    found = tf.reduce_min(tf.reduce_sum(tf.cast(ids < none, tf.int32), 1))
    return graph_checks.holds(
        tf.equal(found, num_sampled), found, ids, function="unique candidates", argument="num_sampled",
        wanted="at most the number of different ids in %d draws" % (_MAX_TURNS * chunk)), num_tries


def _functional_while(condition, body, state):
    """Return the result of a tf.while_loop that is one op.

    A graph can then be imported twice. The older form of loops has frames with names, and TensorFlow
    1.15 gives both copies the same names. tf.enable_control_flow_v2 would change all threads of the
    process.
    """
    if tf.executing_eagerly():
        return tf.while_loop(condition, body, state)
    return while_v2.while_loop(condition, body, state)
