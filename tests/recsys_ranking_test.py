"""Tests of ranking in a graph: it equals the ranker in NumPy on the same scores."""
import itertools

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError
from tf1_sampled.logits import UnitRows
from tf1_sampled.recsys import evaluation, ranking, splits

NUM_ITEMS, NUM_USERS = 37, 23


def rows_of(lists):
    """Return splits.Rows of lists of ids."""
    stops = np.cumsum([len(ids) for ids in lists])
    return splits.Rows(np.concatenate(lists).astype(np.int32), np.append(0, stops[:-1]), stops)


def made_part(targets, seen):
    seen = None if seen is None else rows_of(seen)
    ends = np.zeros(len(targets), np.int64)
    return splits.HeldOut(np.arange(len(targets)), ends, rows_of(targets), seen)


class Case:
    """A model of small whole numbers, whose scores are exact and often equal."""

    def __init__(self, seed=1):
        random = np.random.RandomState(seed)
        self.vectors = random.randint(-1, 2, [NUM_USERS, 3]).astype(np.float32)
        self.weights = random.randint(-1, 2, [NUM_ITEMS, 3]).astype(np.float32)
        self.biases = random.randint(0, 2, NUM_ITEMS).astype(np.float32)
        self.scores = self.vectors @ self.weights.T + self.biases
        # User 3 has seen nearly all items, user 4 none; some targets are seen, some twice.
        self.seen = [random.randint(NUM_ITEMS, size=random.randint(1, 30)) for _ in range(NUM_USERS)]
        self.seen[3], self.seen[4] = np.arange(2, NUM_ITEMS), np.zeros(0, int)
        self.targets = [random.choice(NUM_ITEMS, random.randint(0, 5), False) for _ in range(NUM_USERS)]
        self.targets[5], self.targets[6] = self.seen[5][:1], np.arange(NUM_ITEMS)

    def rankings(self, *sizes):
        """Return an ItemRanking for each (users_at_a_time, items_at_a_time)."""
        return [ranking.ItemRanking(tf.constant(self.weights), tf.constant(self.biases), NUM_ITEMS, 3,
                                    *size) for size in sizes]


SIZES = [(1, 37), (7, 5), (1024, 1), (4, 36), (1024, 1 << 15)]


class ItemRankingTest(graph_case.GraphCase):

    @parameterized.parameters(True, False)
    def test_ranks_equal_those_in_numpy_for_all_block_sizes(self, has_seen):
        case = Case()
        part = made_part(case.targets, case.seen if has_seen else None)
        in_numpy = evaluation.score_ranker(lambda users: case.scores[users], NUM_ITEMS)
        graphs = case.rankings(*SIZES)
        with self.new_session() as session:
            for k in (1, 36, 37):
                (items, ranks), = in_numpy(part, k)
                self.assertGreater(len(np.unique(ranks)), min(k, 4) - 1)
                for graph, size in zip(graphs, SIZES):
                    blocks = list(graph.ranker(session, case.vectors)(part, k))
                    self.assertLen(blocks, -(-NUM_USERS // size[0]))
                    for place, wanted in enumerate((items, ranks)):
                        got = np.concatenate([b[place] for b in blocks])
                        np.testing.assert_array_equal(got, wanted, str(size))

    def test_evaluation_accepts_the_ranker(self):
        case = Case()
        part = made_part(case.targets, case.seen)
        graph, = case.rankings((4, 10))
        with self.new_session() as session:
            got = evaluation.evaluate(graph.ranker(session, case.vectors), part, NUM_ITEMS, [1, 10])
        in_numpy = evaluation.score_ranker(lambda users: case.scores[users], NUM_ITEMS)
        self.assertEqual(got, evaluation.evaluate(in_numpy, part, NUM_ITEMS, [1, 10]))

    @parameterized.parameters(1, 10, 37, 100)
    def test_top_equals_a_sort(self, k):
        case = Case()
        graphs = case.rankings((7, 5), (1024, 1 << 15))
        with self.new_session() as session:
            for seen, graph in itertools.product((case.seen, None), graphs):
                items, scores = graph.top(session, case.vectors, seen and rows_of(seen), k)
                self.assertEqual((items.dtype, scores.dtype), (np.int64, np.float32))
                self.assertEqual(items.shape, (NUM_USERS, min(k, NUM_ITEMS)))
                self.assertEqual(scores.shape, items.shape)
                for user in range(NUM_USERS):
                    hidden = set(seen[user].tolist()) if seen else ()
                    left = [item for item in range(NUM_ITEMS) if item not in hidden]
                    best = sorted(left, key=lambda item: (-case.scores[user, item], item))[:k]
                    more = items.shape[1] - len(best)
                    self.assertEqual(items[user].tolist(), best + [-1] * more)
                    self.assertEqual(scores[user].tolist(),
                                     case.scores[user, best].tolist() + [-np.inf] * more)

    def test_rows_of_length_one_are_scaled(self):
        random = np.random.RandomState(1)
        vectors, weights = random.standard_normal([6, 4]), random.standard_normal([9, 4])
        biases = random.standard_normal(9)
        graph = ranking.ItemRanking(UnitRows(tf.constant(weights, tf.float32)),
                                    tf.constant(biases, tf.float32), 9, 4, 2, 4)
        with self.new_session() as session:
            items, scores = graph.top(session, vectors.astype(np.float32), None, 9)
        wanted = vectors @ (weights / np.linalg.norm(weights, axis=1, keepdims=True)).T + biases
        np.testing.assert_array_equal(items, np.argsort(-wanted, 1))
        self.assert_close(scores, -np.sort(-wanted, 1), 1e-4)

    def test_top_without_users_gives_empty_arrays(self):
        graph, = Case().rankings((5, 10))
        with self.new_session() as session:
            items, scores = graph.top(session, np.zeros([0, 3]), None, 4)
        self.assertEqual((items.shape, scores.shape), ((0, 4), (0, 4)))

    def test_rows_are_those_of_the_users_of_the_part(self):
        # Rows of a part may begin anywhere in its items, as in splits.held_out.
        case = Case()
        shifted = rows_of([np.arange(9)] + case.targets)
        part = made_part(case.targets, case.seen)._replace(
            targets=splits.Rows(shifted.items, shifted.begin[1:], shifted.end[1:]))
        graph, = case.rankings((7, 10))
        with self.new_session() as session:
            got, wanted = (evaluation.rank(graph.ranker(session, case.vectors), p, NUM_ITEMS, 5)
                           for p in (part, made_part(case.targets, case.seen)))
        np.testing.assert_array_equal(got.ranks, wanted.ranks)


class BestItemsTest(graph_case.GraphCase):

    @parameterized.parameters((10, 4), (3, 16), (37, 1), (8, 8), (1, 3))
    def test_best_items_of_each_vector_come_first(self, number, num_vectors):
        random = np.random.RandomState(1)
        vectors, weights, biases = (random.standard_normal(shape).astype(np.float32)
                                    for shape in ([8, 4], [37, 4], [37]))
        got = self.run_graph(ranking.best_items(tf.constant(weights), tf.constant(biases),
                                                tf.constant(vectors), 37, number, num_vectors))
        order = np.argsort(-(vectors @ weights.T + biases), 1)
        asked = [p * 8 // num_vectors for p in range(num_vectors)]
        self.assertEqual(got.tolist(),
                         [order[p, place] for place in range(37) for p in asked][:number])
        self.assertEqual(got.dtype, np.int32)

    def test_rows_of_length_one_are_scaled(self):
        weights = UnitRows(tf.constant([[9.0, 9.0], [0.1, 0.0]]))
        best = ranking.best_items(weights, tf.zeros([2]), tf.constant([[1.0, 0.0]]), 2, 1)
        self.assertEqual(self.run_graph(best).tolist(), [1])

    def test_choice_has_no_gradient(self):
        weights, vectors = tf.constant(np.eye(4, dtype=np.float32)), tf.ones([3, 4])
        best = ranking.best_items(weights, tf.zeros([4]), vectors, 4, 2)
        self.assertEqual(tf.gradients(tf.gather(tf.range(4.0), best), [weights, vectors]), [None, None])

    @parameterized.parameters((0, "an integer above 0, got 0"), (1.5, "an integer above 0, got 1.5"),
                              (3, "at most 2 items, got 3"))
    def test_wrong_number_is_named(self, number, message):
        with self.assertRaisesRegex(InputError, "best_items: number: wanted " + message):
            ranking.best_items(tf.zeros([2, 3]), tf.zeros([2]), tf.zeros([1, 3]), 2, number)


if __name__ == "__main__":
    absltest.main()
