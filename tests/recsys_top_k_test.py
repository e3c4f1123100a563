"""Tests of the largest scores: they equal those of a sort."""
import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled.recsys import top_k


def oracle(scores, k):
    order = sorted(range(len(scores)), key=lambda place: (-scores[place], place))[:k]
    return [place for place in order if scores[place] > -np.inf]


class LargestTest(parameterized.TestCase):

    @parameterized.parameters(0, 1, 5, 64, 100, 255, 256, 257, 1000, 5000)
    def test_positions_equal_those_of_a_sort(self, number):
        rng = np.random.RandomState(number)
        for num_values in (2, 7, 10 ** 6):  # many ties, and no ties
            scores = rng.randint(num_values, size=number).astype(np.float32)
            scores[rng.rand(number) < 0.1] = -np.inf
            for k in (0, 1, 3, 10, number, number + 1):
                self.assertEqual(oracle(scores, k), top_k.largest(scores, k).tolist())

    def test_ties_across_blocks_go_to_the_smaller_place(self):
        scores = np.zeros(4096, np.float32)
        scores[[4000, 70, 700]] = 1
        self.assertEqual([70, 700], top_k.largest(scores, 2).tolist())
        self.assertEqual([70, 700, 4000, 0, 1], top_k.largest(scores, 5).tolist())

    def test_minus_infinity_is_not_selected(self):
        scores = np.full(2000, -np.inf, np.float32)
        self.assertEqual([], top_k.largest(scores, 3).tolist())
        scores[1999] = 1
        self.assertEqual([1999], top_k.largest(scores, 3).tolist())
        self.assertEqual(np.int64, top_k.largest(scores, 3).dtype)


if __name__ == "__main__":
    absltest.main()
