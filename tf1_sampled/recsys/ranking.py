"""Rank all items with a trained model, in its graph; the ranker has the form that `evaluation` defines.

    graph = ItemRanking(weights, biases, num_items, vector_size)      # before the session
    evaluation.evaluate(graph.ranker(session, user_vectors), part, num_items, [10, 20])
    items, scores = graph.top(session, user_vectors, seen, 10)

Scores are computed and ranked in blocks of users and items, so memory is bounded for any numbers of
them. Blocks of users run in parallel, one on each core.
"""
import concurrent.futures

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.logits import lookup, whole_table
from tf1_sampled.recsys import evaluation, splits
from tf1_sampled.training import devices


def best_items(weights, biases, vectors, num_items, number, num_vectors=16):
    """Return the best items of some users, as hard negatives, in O(num_vectors C D) for each step.

    Args:
      weights: float32 [C, D'] or UnitRows.
      biases: float32 [C].
      vectors: float32 [P, D'], of which some, evenly spread, are used.
      num_items: integer C.
      number: integer H.
      num_vectors: integer, the largest number of vectors to use.

    Returns:
      int32 [H], the best item of each used vector, then the second best, and so on; with repetitions. A
      constant to gradients.

    Raises:
      InputError: a number that is not an integer from 1 to num_items.
    """
    checks.positive("best_items", "number", number)
    checks.argument(number <= num_items, "best_items", "number", "at most %d items" % num_items, number)
    each = -(-number // num_vectors)
    size = tf.shape(vectors)[0]
    asked = tf.gather(vectors, tf.range(num_vectors) * size // num_vectors)
    scores = tf.matmul(asked, whole_table(weights, num_items), transpose_b=True)
    best = tf.nn.top_k(tf.stop_gradient(scores + whole_table(biases, num_items)), each).indices
    return tf.reshape(tf.transpose(best), [-1])[:number]


class ItemRanking:
    """The ops that score and rank all items.

    Args:
      weights: float32 [C, D'] or UnitRows.
      biases: float32 [C].
      num_items: integer C.
      vector_size: integer D'.
      users_at_a_time, items_at_a_time: integers, the size of a block.
    """

    def __init__(self, weights, biases, num_items, vector_size, users_at_a_time=1024,
                 items_at_a_time=1 << 15):
        self._num_items = num_items
        self._users_at_a_time, self._items_at_a_time = users_at_a_time, items_at_a_time
        vectors = tf.placeholder(tf.float32, [None, vector_size])  # [b, D']
        first, last, k = (tf.placeholder(tf.int32, []) for _ in range(3))
        seen, targets = (tf.placeholder(tf.int64, [None, 2]) for _ in range(2))  # row, place in block
        ids = tf.range(first, last)
        scores = tf.matmul(vectors, lookup(weights, ids), transpose_b=True) + lookup(biases, ids)
        lowest = tf.fill(tf.shape(seen)[:1], tf.constant(-np.inf, tf.float32))
        top = tf.nn.top_k(tf.tensor_scatter_nd_update(scores, seen, lowest), k)  # ties: the smaller id
        self._inputs = [vectors, first, last, k, seen, targets]
        self._outputs = [top.values, top.indices, tf.gather_nd(scores, targets)]

    def ranker(self, session, vectors):
        """Return the ranker of the users of a part, in the form that `evaluation` defines.

        Args:
          session: tf.Session.
          vectors: float32 [V, D'], of the part's users in order.

        Returns:
          A function of a splits.HeldOut and k.
        """
        def rank(part, k):
            for scores, items, rows, target_scores in self._blocks(
                    session, vectors, part.seen, k + 1, part.targets):
                scores = np.where(items < 0, np.nan, scores)
                fill = np.full([len(scores), k + 1 - scores.shape[1]], np.nan, np.float32)
                ranks = evaluation.ranks_from_top(np.concatenate([scores, fill], 1), rows,
                                                  target_scores, k)
                yield items[:, :k], ranks
        return rank

    def top(self, session, vectors, seen, k):
        """Return the best items of users among the items that they have not seen.

        Args:
          session: tf.Session.
          vectors: float32 [V, D'].
          seen: splits.Rows of V rows, or None.
          k: integer.

        Returns:
          items: int64 [V, min(k, C)], best first, ties by the smaller id; -1 after the last one.
          scores: float32, of the same shape; -inf there.
        """
        blocks = list(self._blocks(session, vectors, seen, k))
        if not blocks:
            shape = [0, min(k, self._num_items)]
            return np.empty(shape, np.int64), np.empty(shape, np.float32)
        return np.concatenate([b[1] for b in blocks]), np.concatenate([b[0] for b in blocks])

    def _blocks(self, session, vectors, seen, k, targets=None):
        """Yield (scores [b, <= k], items [b, <= k], rows of targets [p], their scores [p])."""
        score = session.make_callable(self._outputs, self._inputs)

        def block(low):
            part = vectors[low:low + self._users_at_a_time]
            wanted, hidden = (_pairs(rows, slice(low, low + len(part))) for rows in (targets, seen))
            # A target is a candidate even if the user has seen it.
            keys, kept = (pairs[:, 0] * self._num_items + pairs[:, 1] for pairs in (hidden, wanted))
            hidden = hidden[np.isin(keys, kept, invert=True)]
            values, items = [], []
            target_scores = np.empty(len(wanted), np.float32)
            for first in range(0, self._num_items, self._items_at_a_time):
                last = min(first + self._items_at_a_time, self._num_items)
                here, wanted_here = _inside(hidden, first, last), _inside(wanted, first, last)
                fed = (part, first, last, min(k, last - first), hidden[here] - [0, first],
                       wanted[wanted_here] - [0, first])
                best, places, own = score(*fed)
                values.append(best)
                items.append(places.astype(np.int64) + first)
                target_scores[wanted_here] = own
            values, items = np.concatenate(values, 1), np.concatenate(items, 1)
            if self._num_items > self._items_at_a_time:  # several blocks; stable: ties by the smaller id
                order = np.argsort(-values, 1, kind="stable")[:, :k]
                values, items = (np.take_along_axis(x, order, 1) for x in (values, items))
            items[np.isneginf(values)] = -1
            return values, items, wanted[:, 0], target_scores

        with concurrent.futures.ThreadPoolExecutor(devices.num_cores()) as pool:
            for result in pool.map(block, range(0, len(vectors), self._users_at_a_time)):
                yield result


def _pairs(rows, part):
    """Return int64 [n, 2], (row within the slice `part`, id) of splits.Rows; empty for None."""
    if rows is None:
        return np.zeros([0, 2], np.int64)
    begin, end = (np.asarray(bound[part], np.int64) for bound in (rows.begin, rows.end))
    ids = rows.items[splits.ranges(begin, end - begin)]
    return np.stack([np.repeat(np.arange(len(begin)), end - begin), ids], 1).astype(np.int64)


def _inside(pairs, first, last):
    return (pairs[:, 1] >= first) & (pairs[:, 1] < last)
