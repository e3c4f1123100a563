"""Tests of similar items: they equal a sort of all cosines."""
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import similar


def slow_nearest(vectors, row, k):
    """Return (ids, cosines) of one item."""
    lengths = np.linalg.norm(vectors, axis=1)
    units = vectors / np.where(lengths > 0, lengths, 1)[:, None]
    cosines = units @ units[row]
    ids = sorted((i for i in range(len(vectors)) if i != row), key=lambda i: (-cosines[i], i))[:k]
    return ids, cosines[ids]


class NearestTest(parameterized.TestCase):

    @parameterized.product(k=(1, 5, 36, 100), items=(1, 4, 37, 1000), rows=(1, 3, 1000))
    def test_nearest_equals_a_sort_of_all_cosines_for_all_block_sizes(self, k, items, rows):
        # Multiples of few directions, with exactly equal cosines, and a vector of zeros.
        random = np.random.RandomState(1)
        vectors = random.choice([-2.0, 0.0, 2.0], [37, 2]) * 2.0 ** random.randint(-3, 3, [37, 1])
        vectors[5] = 0
        asked = [3, 5, 0, 36, 3]
        with mock.patch.object(similar, "_ITEMS_AT_A_TIME", items), (
                mock.patch.object(similar, "_ROWS_AT_A_TIME", rows)):
            ids, cosines = similar.nearest(vectors.astype(np.float32), asked, k)
        self.assertLen(ids, 5)
        for row, got_ids, got in zip(asked, ids, cosines):
            self.assertEqual((got_ids.shape, got.shape), ((min(k, 36),),) * 2)
            self.assertEqual((got_ids.dtype, got.dtype), (np.int64, np.float32))
            _, wanted = slow_nearest(vectors, row, k)
            np.testing.assert_allclose(got, wanted, atol=1e-6)
            self.assertNotIn(row, got_ids)
            self.assertLen(set(got_ids.tolist()), len(got_ids))
            np.testing.assert_array_equal(np.lexsort([got_ids, -got]), np.arange(len(got)))

    def test_random_vectors_equal_a_sort(self):
        vectors = np.random.RandomState(2).standard_normal([200, 8]).astype(np.float32)
        vectors *= np.random.RandomState(3).lognormal(size=[200, 1]).astype(np.float32)
        with mock.patch.object(similar, "_ITEMS_AT_A_TIME", 30):
            ids, cosines = similar.nearest(vectors, np.arange(200), 7)
        for row in range(200):
            wanted, wanted_cosines = slow_nearest(vectors.astype(np.float64), row, 7)
            self.assertEqual(ids[row].tolist(), wanted)
            np.testing.assert_allclose(cosines[row], wanted_cosines, atol=1e-5)

    def test_ties_by_the_smaller_id_across_blocks(self):
        vectors = np.ones([9, 1], np.float32)
        for items in (1, 2, 4, 100):
            with mock.patch.object(similar, "_ITEMS_AT_A_TIME", items):
                ids, cosines = similar.nearest(vectors, [1, 8], 3)
            self.assertEqual([row.tolist() for row in ids], [[0, 2, 3], [0, 1, 2]])
            self.assertEqual([row.tolist() for row in cosines], [[1, 1, 1]] * 2)

    def test_candidates_restrict_the_items(self):
        vectors = np.random.RandomState(4).standard_normal([50, 3]).astype(np.float32)
        among = np.array([2, 7, 8, 30, 41, 49])
        for items in (1, 2, 100):
            with mock.patch.object(similar, "_ITEMS_AT_A_TIME", items):
                ids, cosines = similar.nearest(vectors, [7, 9], 4, among)
            for row, got, got_cosines in zip([7, 9], ids, cosines):
                order, all_cosines = slow_nearest(vectors.astype(np.float64), row, 50)
                wanted = [i for i in order if i in among][:4]
                self.assertEqual(wanted, got.tolist())
                np.testing.assert_allclose([all_cosines[order.index(i)] for i in wanted], got_cosines,
                                           atol=1e-5)
        self.assertEqual(similar.nearest(vectors, [7], 4, [7])[0][0].tolist(), [])

    def test_a_mapped_file(self):
        path = self.create_tempfile().full_path
        vectors = np.random.RandomState(1).standard_normal([20, 3]).astype(np.float32)
        with open(path, "wb") as stream:
            np.save(stream, vectors)
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        for got, wanted in zip(similar.nearest(mapped, [4], 3), similar.nearest(vectors, [4], 3)):
            np.testing.assert_array_equal(got, wanted)

    def test_empty_queries_and_candidates_give_empty_answers(self):
        self.assertEqual(similar.nearest(np.ones([1, 2]), [0], 3)[0][0].shape, (0,))
        self.assertEqual(similar.nearest(np.ones([5, 2]), [], 3), ([], []))

    @parameterized.parameters(
        (np.ones([3, 2]), [0], 0, "k: wanted an integer above 0, got 0"),
        (np.ones([3]), [0], 1, r"vectors: wanted shape \[C, D'\], got \(3,\)"),
        (np.ones([3, 2]), [3], 1, r"rows: wanted integers from 0 to 2, got \[3\]"),
        (np.ones([3, 2]), [-1], 1, r"rows: wanted integers from 0 to 2, got \[-1\]"),
        (np.ones([3, 2]), [0.5], 1, r"rows: wanted integers \[n\], got \[0.5\]"),
        (np.full([3, 2], np.nan), [0], 1, "vectors: wanted finite numbers"))
    def test_wrong_arguments_are_named(self, vectors, rows, k, message):
        with self.assertRaisesRegex(checks.InputError, "^nearest: " + message):
            similar.nearest(vectors, rows, k)


if __name__ == "__main__":
    absltest.main()
