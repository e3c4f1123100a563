"""Tests of the index of items: its scores, its recall and its errors."""
import os
import unittest
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import index


def clustered(num_items=3000, width=16, num_users=200, temperature=1 / 12, seed=1):
    """Return (vectors, biases, user_vectors) of a cosine model, clustered around common centres."""
    random = np.random.RandomState(seed)
    centres = random.standard_normal((num_items // 100, width))

    def around(size):
        points = centres[random.randint(len(centres), size=size)] + random.standard_normal(
            (size, width)) * 0.7
        return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)

    shares = 1 / np.arange(1, num_items + 1)
    return (around(num_items), np.log(shares / shares.sum()).astype(np.float32),
            around(num_users) / np.float32(temperature))


def exact_best(vectors, biases, user_vectors, k):
    scores = user_vectors @ vectors.T + biases
    ids = np.argsort(-scores, axis=1)[:, :k]
    return ids, np.take_along_axis(scores, ids, 1)


class MissingTest(absltest.TestCase):

    def test_missing_faiss_error_names_the_extra(self):
        with mock.patch.object(index, "faiss", None):
            for function in (index.check_available, lambda: index.load("x"),
                             lambda: index.build("x", *clustered(200))):
                with self.assertRaisesRegex(checks.InputError, r"faiss: wanted .*\[ann\]"):
                    function()


@unittest.skipIf(index.faiss is None, "faiss is not installed")
class IndexTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.path = os.path.join(self.folder, "item.faiss")

    def built(self, *data):
        index.build(self.path, *data)
        return index.load(self.path)

    @parameterized.parameters(1, 20, 300)
    def test_index_finds_the_items_of_exact_search(self, k):
        vectors, biases, users = clustered()
        ids, scores = index.search(self.built(vectors, biases, users), users, k)
        wanted_ids, wanted_scores = exact_best(vectors, biases, users, k)
        self.assertEqual((ids.dtype, scores.dtype), (np.int64, np.float32))
        self.assertEqual(ids.shape, (len(users), k))
        found = np.mean([np.isin(a, b).mean() for a, b in zip(wanted_ids, ids)])
        self.assertGreater(found, 0.98)
        np.testing.assert_allclose(
            scores, np.take_along_axis(users @ vectors.T + biases, ids, 1), rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(scores[:, 0], wanted_scores[:, 0], rtol=1e-4, atol=0.5)

    def test_recall_needs_the_length_of_user_vectors(self):
        vectors, biases, users = clustered()
        fitted = index.recall(self.built(vectors, biases, users), users, 20).recall
        unfitted = index.recall(self.built(vectors, biases, users / 50), users, 20).recall
        self.assertGreater(fitted, 0.98)
        self.assertLess(unfitted, fitted)

    def test_recall_is_the_share_of_the_best(self):
        vectors, biases, users = clustered()
        loaded = self.built(vectors, biases, users)
        best = exact_best(vectors, biases, users, 10)[0]
        with mock.patch.object(index, "search", return_value=(best, None)):
            self.assertAlmostEqual(index.recall(loaded, users, 10).recall, 1, 3)
        half = np.where(np.arange(10) < 5, best, -1)
        with mock.patch.object(index, "search", return_value=(half, None)):
            result = index.recall(loaded, users, 10)
        self.assertAlmostEqual(result.recall, 0.5, 3)
        self.assertGreater(result.queries_per_second, 0)
        self.assertGreater(result.exact_queries_per_second, 0)

    def test_faiss_reads_the_index(self):
        vectors, biases, users = clustered(500)
        index.build(self.path, vectors, biases, users)
        queries = np.concatenate([users, np.ones([len(users), 1], np.float32)], 1)
        scores, ids = index.faiss.read_index(self.path).search(queries, 5)
        wanted = exact_best(vectors, biases, users, 5)
        np.testing.assert_allclose(scores[:, 0], wanted[1][:, 0], rtol=1e-4, atol=1e-3)
        self.assertGreater((ids == wanted[0]).mean(), 0.98)

    def test_answers_are_padded_with_fewer_items_than_k(self):
        users = np.float32([[1, 0], [0, 2]])
        ids, scores = index.search(self.built(np.eye(2, dtype=np.float32), [0.5, 0.25], users), users, 3)
        self.assertEqual(ids.tolist(), [[0, 1, -1], [1, 0, -1]])
        np.testing.assert_allclose(scores, [[1.5, 0.25, -np.inf], [2.25, 0.5, -np.inf]], 1e-5)
        ids, scores = index.search(index.load(self.path), users[:0], 3)
        self.assertEqual((ids.shape, scores.shape), ((0, 3), (0, 3)))

    def test_users_of_zeros_get_the_largest_biases(self):
        none = np.zeros([1, 2], np.float32)
        ids, scores = index.search(self.built(np.eye(2, dtype=np.float32), [1, 3], none), none, 2)
        self.assertEqual(ids.tolist(), [[1, 0]])
        np.testing.assert_allclose(scores, [[3, 1]], 1e-5)

    def test_index_is_built_from_a_mapped_file_in_blocks(self):
        vectors, biases, users = clustered(500)
        mapped = os.path.join(self.folder, "vectors.npy")
        np.save(mapped, vectors)
        with mock.patch.object(index, "_BLOCK", 70):
            loaded = self.built(np.load(mapped, mmap_mode="r"), biases, users)
        self.assertEqual(loaded.ntotal, 500)
        ids, scores = index.search(loaded, users, 5)
        np.testing.assert_allclose(scores, np.take_along_axis(users @ vectors.T + biases, ids, 1),
                                   rtol=1e-4, atol=1e-3)

    @parameterized.parameters(
        (dict(vectors=np.ones(4)), r"vectors: wanted shape \[C, D\]"),
        (dict(vectors=np.ones((0, 4))), r"vectors: wanted shape \[C, D\]"),
        (dict(vectors=np.full((9, 4), np.nan)), "vectors: wanted finite numbers"),
        (dict(biases=np.ones(8)), r"biases: wanted shape \[9\], got \(8,\)"),
        (dict(biases=np.full(9, -np.inf)), "biases: wanted finite numbers, got .*-inf"),
        (dict(user_vectors=np.ones((2, 5))), r"user_vectors: wanted shape \[n, 4\], got \(2, 5\)"),
        (dict(user_vectors=np.ones((0, 4))), "user_vectors: wanted a sample of users"),
        (dict(user_vectors=np.full((2, 4), np.inf)), "user_vectors: wanted finite numbers"))
    def test_invalid_arguments_are_named(self, changed, message):
        arguments = dict(vectors=np.ones((9, 4)), biases=np.zeros(9), user_vectors=np.ones((2, 4)))
        arguments.update(changed)
        with self.assertRaisesRegex(checks.InputError, "^build: " + message):
            index.build(self.path, **arguments)
        self.assertEmpty(os.listdir(self.folder))

    def test_invalid_queries_are_named(self):
        loaded = self.built(np.eye(4, dtype=np.float32), np.zeros(4), np.eye(4))
        for function, users, k, message in (
                (index.search, np.ones((1, 4)), 0, "search: k: wanted an integer above 0"),
                (index.search, np.ones((1, 3)), 1, r"search: user_vectors: wanted shape \[n, 4\]"),
                (index.search, np.full((1, 4), np.nan), 1, "search: user_vectors: wanted finite"),
                (index.recall, np.ones((1, 4)), 5, "recall: k: wanted at most 4 items, got 5"),
                (index.recall, np.ones((1, 4)), 0, "recall: k: wanted an integer above 0, got 0"),
                (index.recall, np.ones((0, 4)), 1, "recall: user_vectors: wanted at least one user")):
            with self.assertRaisesRegex(checks.InputError, message):
                function(loaded, users, k)

    def test_file_with_other_contents_is_refused(self):
        with self.assertRaisesRegex(checks.InputError, "item.faiss: wanted a readable file, got"):
            index.load(self.path)
        with open(self.path, "wb") as stream:
            stream.write(b"something else")
        with self.assertRaisesRegex(checks.InputError, "faiss: wanted an index of items, got: Index"):
            index.load(self.path)
        for other in (index.faiss.IndexFlatIP(3), index.faiss.IndexIDMap(index.faiss.IndexFlatIP(3))):
            index.faiss.write_index(other, self.path)
            with self.assertRaisesRegex(checks.InputError, "item.faiss: wanted an index of items, got"):
                index.load(self.path)

    def test_error_leaves_an_earlier_file_unchanged(self):
        data = clustered(200)
        index.build(self.path, *data)
        with open(self.path, "rb") as stream:
            before = stream.read()
        with mock.patch.object(index.faiss, "write_index", side_effect=RuntimeError("broken")):
            with self.assertRaisesRegex(RuntimeError, "broken"):
                index.build(self.path, data[0][:100], data[1][:100], data[2])
        with open(self.path, "rb") as stream:
            self.assertEqual(stream.read(), before)
        self.assertEqual(os.listdir(self.folder), ["item.faiss"])


if __name__ == "__main__":
    absltest.main()
