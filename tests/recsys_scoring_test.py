"""Tests of the best items under filters: they equal those by the scores of all items."""
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.recsys import index, scoring
from tf1_sampled.recsys.scoring import ItemScorer, Wanted

_RNG = np.random.RandomState(3)
_VECTORS = _RNG.randn(300, 4).astype(np.float32)
_BIASES = _RNG.randn(300).astype(np.float32)
_USERS = _RNG.randn(9, 4).astype(np.float32)


def oracle(user, one):
    """Return [(id, score)] of a user, by all scores in float64."""
    scores = _VECTORS.astype(np.float64) @ user + _BIASES
    ids = set(range(300) if one.allowed is None else one.allowed.tolist()) - set(one.hidden.tolist())
    return sorted(((i, scores[i]) for i in ids), key=lambda pair: (-pair[1], pair[0]))[:one.k]


def _questions():
    for row in range(9):
        hidden = np.repeat(_RNG.randint(300, size=row * 5), 2)
        for allowed in (None, np.empty(0, np.int64), np.arange(0, 300, 60), np.arange(40, 290),
                        np.sort(_RNG.permutation(300)[:37]).astype(np.int32)):
            yield row, Wanted((1, 7, 50, 400)[row % 4], hidden, allowed)


class ItemScorerTest(parameterized.TestCase):

    def assert_best(self, user, one, best):
        ids, scores = best
        wanted = oracle(user, one)
        self.assertEqual([i for i, _ in wanted], ids.tolist())
        np.testing.assert_allclose(scores, [score for _, score in wanted], rtol=1e-4, atol=1e-5)

    @parameterized.parameters(1 << 24, 300 * 4, 1)
    def test_best_allowed_items_that_are_not_hidden(self, block):
        rows, wanted = zip(*_questions())
        for few in (1, 8, 300):
            with mock.patch.object(scoring, "_FEW", few), (
                    mock.patch.object(scoring, "_BLOCK_SCORES", block)):
                found = ItemScorer(_VECTORS, _BIASES).best(_USERS[list(rows)], list(wanted))
            for row, one, best in zip(rows, wanted, found):
                self.assert_best(_USERS[row], one, best)

    def test_empty_batch_gives_an_empty_answer(self):
        self.assertEqual([], ItemScorer(_VECTORS, _BIASES).best(_USERS[:0], []))

    def test_invalid_arguments_are_refused(self):
        for vectors, biases, message in (
                (_VECTORS[0], _BIASES, r"vectors: wanted float32 \[C, D'\]"),
                (_VECTORS.astype(float), _BIASES, "vectors: wanted float32"),
                (_VECTORS, _BIASES[:, None], r"biases: wanted float32 \[C\]"),
                (_VECTORS, _BIASES[:3], r"biases: wanted shape \[300\]"),
                (_VECTORS * np.float32(np.inf), _BIASES, "vectors: wanted finite numbers"),
                (_VECTORS, _BIASES * np.float32(np.inf), "biases: wanted finite numbers")):
            with self.assertRaisesRegex(InputError, "ItemScorer: " + message):
                ItemScorer(vectors, biases)
        with self.assertRaisesRegex(InputError, "best: user_vectors: wanted finite numbers"):
            ItemScorer(_VECTORS, _BIASES).best(_USERS * np.float32(np.nan),
                                               [Wanted(1, np.empty(0, int), None)] * 9)


@absltest.skipUnless(index.is_available(), "faiss is not installed")
class IndexTest(ItemScorerTest):
    """Tests with an index of few items, which finds all; exact search replaces poor results."""

    def setUp(self):
        super().setUp()
        path = self.create_tempfile().full_path
        index.build(path, _VECTORS, _BIASES, _USERS)
        self.index = index.load(path)

    def test_answers_with_an_index(self):
        rows, wanted = zip(*_questions())
        scorer = ItemScorer(_VECTORS, _BIASES, self.index)
        self.assertFalse(scorer.is_exact)
        search = index.search

        def poor(*arguments):
            ids, scores = search(*arguments)
            ids[:, 3:] = -1
            return ids, scores

        for one_search in (search, poor):
            with mock.patch.object(index, "search", wraps=one_search) as asked:
                found = scorer.best(_USERS[list(rows)], list(wanted))
            self.assertEqual(9, len(asked.call_args[0][1]))  # the users without a filter
            for row, one, best in zip(rows, wanted, found):
                self.assert_best(_USERS[row], one, best)

    def test_index_of_other_items_is_refused(self):
        for vectors, got in ((_VECTORS[:9], "300 items of 4 numbers"), (_VECTORS[:, :3], "300 items"),
                             (_VECTORS + 1, "other vectors, as of an earlier training")):
            with self.assertRaisesRegex(InputError, "index: wanted an index of these .*, got '" + got):
                ItemScorer(vectors, _BIASES[:len(vectors)], self.index)


if __name__ == "__main__":
    absltest.main()
