"""Phrases: the same as slow Python by the definition, and as gensim where it is installed."""
import collections
import unittest

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled.word2vec import phrases

try:
    from gensim.models.phrases import Phrases
except ImportError:
    Phrases = None


def random_lines(seed, num_lines=200, num_words=30):
    """Lines of words some of which like to follow each other, also themselves."""
    random = np.random.RandomState(seed)
    lines = []
    for _ in range(num_lines):
        line = []
        for _ in range(random.randint(0, 20)):
            follow = line and random.rand() < 0.4 and line[-1] < num_words // 2
            line.append(line[-1] - line[-1] % 3 if follow else int(num_words * random.rand() ** 2))
        lines.append(line)
    return lines


def slow_pass(lines, min_count, threshold):
    """One pass over lists of words, in the notation of the paper."""
    count = collections.Counter(word for line in lines for word in line)
    pair_count = collections.Counter(pair for line in lines for pair in zip(line, line[1:]))
    total = sum(count.values())
    joined = []
    for line in lines:
        new, i = [], 0
        while i < len(line):
            a, b = (line[i:i + 2] + [None])[:2]
            score = (pair_count[a, b] - min_count) / (count[a] * count[b]) * total if b else 0
            if b and min(count[a], count[b]) >= min_count and score > threshold:
                new.append(a + "_" + b)
                i += 2
            else:
                new.append(a)
                i += 1
        joined.append(new)
    return joined


def encode(lines):
    index = {"": 0}
    ids = []
    for line in lines:
        ids += [index.setdefault(word, len(index)) for word in line] + [0]
    return np.array(ids, np.int32), list(index)


def cut(ids, size):
    return [ids[i:i + size] for i in range(0, len(ids), size)]


def fast_pass(lines, min_count, threshold, size):
    ids, words = encode(lines)
    counts = np.bincount(ids, minlength=len(words))
    pairs = phrases.find(phrases.count_pairs(cut(ids, size), counts, min_count), counts, min_count,
                         threshold)
    phrase_ids, new = phrases.name(pairs, words)
    ids = np.concatenate(list(phrases.join(cut(ids, size), pairs, phrase_ids, len(words))))
    words = words + new
    return [[words[i] for i in line] for line in np.split(ids, np.flatnonzero(ids == 0) + 1)][:-1]


def gensim_score(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
    # gensim's own takes the number of different words and phrases for the number of words.
    return (bigram_count - min_count) / worda_count / wordb_count * corpus_word_count


class PhrasesTest(parameterized.TestCase):

    @parameterized.product(seed=(1, 2, 3), size=(1, 2, 7, 1000000), threshold=(0.0, 2.0, 6.0))
    def test_passes_are_those_of_the_definition(self, seed, size, threshold):
        lines = [["w%d" % word for word in line] for line in random_lines(seed)]
        seen = set()
        for _ in range(3):
            wanted = slow_pass(lines, 5, threshold)
            got = [line[:-1] for line in fast_pass(lines, 5, threshold, size)]
            self.assertEqual(got, wanted)
            lines = wanted
            seen.update(word for line in lines for word in line)
        self.assertGreater(max(word.count("_") for word in seen), 0)

    def test_the_score_is_that_of_the_paper(self):
        counts = np.array([7, 10, 20, 70])
        pairs = phrases.Pairs(np.array([1, 3]), np.array([2, 1]), np.array([9, 6], np.int32))
        score = (9 - 5) / (10 * 20) * 100
        self.assertLen(phrases.find(pairs, counts, 5, score * 0.999).first, 1)
        self.assertEmpty(phrases.find(pairs, counts, 5, score).first)

    def test_the_line_end_is_in_no_phrase(self):
        ids = np.array([1, 2, 0] * 50 + [1, 0, 2, 0] * 50, np.int32)
        pairs = phrases.count_pairs([ids], np.bincount(ids))
        self.assertEqual([column.tolist() for column in pairs], [[1], [2], [50]])

    @parameterized.parameters(([1, 1, 1, 1, 1], [3, 3, 1]), ([1, 1, 2, 1, 1, 0], [3, 2, 3, 0]),
                              ([2, 1, 1], [2, 3]), ([1], [1]), ([], []))
    def test_phrases_do_not_overlap(self, ids, wanted):
        pairs = phrases.Pairs(np.array([1]), np.array([1]), np.array([9]))
        for size in (1, 2, 3, 10):
            got = phrases.join(cut(np.array(ids, np.int32), size), pairs, np.array([3]), 3)
            np.testing.assert_array_equal(np.concatenate(list(got)), wanted)

    def test_no_phrases_leave_the_text_as_it_is(self):
        none = phrases.Pairs(*[np.zeros(0, np.int64)] * 3)
        got = np.concatenate(list(phrases.join([np.array([1, 2, 0])], none, np.zeros(0, np.int64), 3)))
        np.testing.assert_array_equal(got, [1, 2, 0])
        self.assertEqual(got.dtype, np.int32)

    def test_one_name_is_one_word(self):
        words = ["", "a", "b", "c", "a_b", "b_c", "a_b_c"]
        pairs = phrases.Pairs(np.array([1, 1, 2, 2, 4]), np.array([2, 5, 1, 3, 3]), np.ones(5))
        ids, new = phrases.name(pairs, words)
        self.assertEqual((ids.tolist(), new), ([4, 6, 7, 5, 6], ["b_a"]))
        pairs = phrases.Pairs(np.array([1, 4]), np.array([5, 3]), np.ones(2))
        ids, new = phrases.name(pairs, words[:-1])
        self.assertEqual((ids.tolist(), new), ([6, 6], ["a_b_c"]))

    def test_many_different_pairs_are_pruned_and_frequent_ones_stay(self):
        random = np.random.RandomState(1)
        ids = random.randint(3, 1000, 60000).astype(np.int32)
        ids[::10], ids[1::10] = 1, 2
        counts = np.bincount(ids)
        pairs = phrases.count_pairs(cut(ids, 100), counts, max_pairs=2000)
        self.assertLess(len(pairs.first), 2600)
        exact = phrases.count_pairs([ids], counts)
        self.assertGreater(len(exact.first), 20000)
        self.assertEqual(pairs.counts[(pairs.first == 1) & (pairs.second == 2)], 6000)
        at = dict(zip(zip(exact.first.tolist(), exact.second.tolist()), exact.counts.tolist()))
        for a, b, count in zip(*[column.tolist() for column in pairs]):
            self.assertLessEqual(count, at[a, b])

    def test_ids_beyond_32_bits_when_paired(self):
        ids = np.array([99999, 99998] * 10, np.int32)
        pairs = phrases.count_pairs([ids], np.bincount(ids, minlength=100000))
        self.assertEqual([column.tolist() for column in pairs], [
            [99998, 99999], [99999, 99998], [9, 10]])

    @unittest.skipIf(Phrases is None, "gensim is not installed: nothing to compare with")
    @parameterized.parameters(1, 2)
    def test_gensim_joins_the_same(self, seed):
        lines = [["w%d" % word for word in line] for line in random_lines(seed)]
        for _ in range(2):
            model = Phrases(lines, min_count=5, threshold=2, scoring=gensim_score)
            wanted = [model[line] for line in lines]
            self.assertEqual([line[:-1] for line in fast_pass(lines, 5, 2, 100)], wanted)
            self.assertNotEqual(wanted, lines)
            lines = wanted


if __name__ == "__main__":
    absltest.main()
