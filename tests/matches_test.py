import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, sampler_case
from tf1_sampled import matches


class FirstOfItsKindTest(graph_case.GraphCase):

    def test_against_a_loop(self):
        random = np.random.RandomState(1)
        unknown = [tf.placeholder(tf.int64, [None]), tf.placeholder(tf.int64, [None, None])]
        results = [matches.first_of_its_kind(ids, 9) for ids in unknown]
        with self.new_session() as session:
            for shape in ((1, 1), (3, 20), (20, 3), (4, 0), (1, 50), (5, 1)):
                ids = random.randint(9, size=shape)
                wanted = np.array([sampler_case.first_of_its_kind(row) for row in ids], bool)
                known = [matches.first_of_its_kind(tf.constant(of), 9) for of in (ids[0], ids)]
                flat, rows, *same = session.run(results + known, dict(zip(unknown, (ids[0], ids))))
                np.testing.assert_array_equal(flat, wanted[0])
                np.testing.assert_array_equal(rows, wanted)
                np.testing.assert_array_equal(same[0], wanted[0])
                np.testing.assert_array_equal(same[1], wanted)

    def test_kinds_of_the_largest_ids(self):
        large = 2 ** 40
        ids = tf.constant([[large, 0, large], [0, large, 0], [1, 1, 2]], tf.int64)
        self.assertEqual(self.run_graph(matches.first_of_its_kind(ids, large + 1)).tolist(),
                         [[True, True, False], [True, True, False], [True, False, True]])


class HitsTest(graph_case.GraphCase):

    @parameterized.product(num_true=[1, 2, 7], num_groups=[None, 1, 3])
    def test_hits_are_those_of_a_slow_loop(self, num_true, num_groups):
        random = np.random.RandomState(1)
        labels = random.randint(-1, 12, [6, num_true])
        sampled = random.randint(0, 12, [9] if num_groups is None else [num_groups, 9])
        shape = [6] if num_groups is None else [num_groups, 6 // num_groups]
        hits = self.run_graph(matches.hits_of(
            tf.constant(labels.reshape(shape + [num_true]), tf.int64),
            tf.constant(sampled if num_groups is None else sampled[:, None], tf.int64)))
        of_examples = [sampled if num_groups is None else sampled[i * num_groups // 6] for i in range(6)]
        wanted = np.array([np.isin(ids, row) for ids, row in zip(of_examples, labels)])
        np.testing.assert_array_equal(hits, wanted.reshape(shape + [9]))

    def test_the_number_of_ops_does_not_grow_with_the_labels(self):
        sizes = []
        for num_true in (2, 200):
            with tf.Graph().as_default() as graph:
                matches.hits_of(tf.zeros([3, num_true], tf.int64), tf.zeros([5], tf.int64))
                sizes.append(len(graph.get_operations()))
        self.assertEqual(*sizes)


if __name__ == "__main__":
    absltest.main()
