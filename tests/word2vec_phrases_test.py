"""Tests of phrases against slow Python by the definition, and against gensim if it is installed."""
import collections
import contextlib
import io
import os
import sys
import unittest
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.word2vec import phrases

try:
    from gensim.models.phrases import Phrases
except ImportError:
    Phrases = None


def random_lines(seed, num_lines=200, num_words=30):
    """Return lines of words, some of which often follow each other or themselves."""
    random = np.random.RandomState(seed)
    lines = []
    for _ in range(num_lines):
        line = []
        for _ in range(random.randint(0, 20)):
            follow = line and random.rand() < 0.4 and line[-1] < num_words // 2
            line.append(line[-1] - line[-1] % 3 if follow else int(num_words * random.rand() ** 2))
        lines.append(line)
    return lines


def with_connectors(lines):
    """Return lines of words with phrases that have the connector w0 inside, once or twice."""
    lines = [["w%d" % word for word in line] for line in lines]
    for i in range(0, len(lines), 10):
        lines[i] += ["w17", "w0", "w18"]
        lines[i + 1] += ["w0", "w19", "w0", "w0", "w17", "w0"]
    return lines


def slow_pair(line, i, connectors):
    """Return the words of the pair at place i of a line, with its connectors; () without a pair."""
    for j in range(i + 1, min(i + 4, len(line))):
        if line[i] not in connectors and line[j] not in connectors:
            return tuple(line[i:j + 1])
    return ()


def slow_pass(lines, min_count, threshold, connectors=()):
    """Make one pass over lists of words, in the notation of the paper."""
    count = collections.Counter(word for line in lines for word in line)
    pair_count = collections.Counter(
        slow_pair(line, i, connectors) for line in lines for i in range(len(line)))
    total = sum(count.values())
    joined = []
    for line in lines:
        new, i = [], 0
        while i < len(line):
            pair = slow_pair(line, i, connectors)
            if pair:
                a, b = pair[0], pair[-1]
                score = (pair_count[pair] - min_count) / (count[a] * count[b]) * total
            if pair and min(count[a], count[b]) >= min_count and score > threshold:
                new.append("_".join(pair))
                i += len(pair)
            else:
                new.append(line[i])
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


def fast_pass(lines, min_count, threshold, size, connectors=()):
    """Make one pass with the tested functions: return (joined lines, the words of the phrases)."""
    ids, words = encode(lines)
    counts = np.bincount(ids, minlength=len(words))
    known = phrases.connectors_of(words, connectors)
    pairs = phrases.count_pairs(cut(ids, size), counts, known, min_count)
    pairs = phrases.find(pairs, counts, min_count, threshold)
    found = phrases.words_of(pairs, words, known)
    phrase_ids, new = phrases.name(found, words)
    ids = np.concatenate(list(phrases.join(
        cut(ids, size), pairs, phrase_ids, known, num_ids=len(words))))
    words = words + new
    joined = [[words[i] for i in line] for line in np.split(ids, np.flatnonzero(ids == 0) + 1)]
    return [line[:-1] for line in joined[:-1]], found


def none_of(num_ids):
    """Return connectors that are empty, for texts of `num_ids` ids."""
    return phrases.connectors_of([""] * num_ids, ())


def pairs_of(first, second, counts):
    return phrases.Pairs(np.array(first), np.zeros(len(first), int), np.array(second),
                         np.array(counts, np.int32))


def gensim_score(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
    # gensim's own score has the number of different words and phrases in place of the number of words.
    return (bigram_count - min_count) / worda_count / wordb_count * corpus_word_count


class PhrasesTest(parameterized.TestCase):

    @parameterized.product(seed=(1, 2, 3), size=(1, 2, 7, 1000000), threshold=(0.0, 2.0, 6.0))
    def test_passes_equal_the_definition(self, seed, size, threshold):
        lines = [["w%d" % word for word in line] for line in random_lines(seed)]
        seen = set()
        for _ in range(3):
            wanted = slow_pass(lines, 5, threshold)
            self.assertEqual(fast_pass(lines, 5, threshold, size)[0], wanted)
            lines = wanted
            seen.update(word for line in lines for word in line)
        self.assertGreater(max(word.count("_") for word in seen), 0)

    @parameterized.product(seed=(1, 2), size=(1, 3, 1000000), number=(1, 8))
    def test_connectors_stand_inside_phrases(self, seed, size, number):
        lines = with_connectors(random_lines(seed, num_words=20))
        connectors = ["w%d" % i for i in range(number)] + ["unseen"]
        passes, joined, seen = [], lines, set()
        for _ in range(2):
            wanted = slow_pass(joined, 2, 0.5, connectors)
            joined, found = fast_pass(joined, 2, 0.5, size, connectors)
            self.assertEqual(joined, wanted)
            passes.append(found)
            seen.update(map(len, found))
        self.assertEqual(seen, {2, 3, 4})
        for phrase in passes[0]:
            self.assertNoCommonElements({phrase[0], phrase[-1]}, connectors)
            self.assertContainsSubset(phrase[1:-1], connectors)
        again = phrases.Phrases(passes)
        self.assertEqual([again.apply(line) for line in lines], joined)

    def test_the_score_equals_the_paper(self):
        counts = np.array([7, 10, 20, 70])
        pairs = pairs_of([1, 3], [2, 1], [9, 6])
        score = (9 - 5) / (10 * 20) * 100
        self.assertLen(phrases.find(pairs, counts, 5, score * 0.999).first, 1)
        self.assertEmpty(phrases.find(pairs, counts, 5, score).first)

    def test_no_phrase_crosses_a_line_end(self):
        ids = np.array([1, 2, 0] * 50 + [1, 0, 2, 0] * 50, np.int32)
        pairs = phrases.count_pairs([ids], np.bincount(ids), none_of(3))
        self.assertEqual([column.tolist() for column in pairs], [[1], [0], [2], [50]])

    @parameterized.parameters(([1, 1, 1, 1, 1], [3, 3, 1]), ([1, 1, 2, 1, 1, 0], [3, 2, 3, 0]),
                              ([2, 1, 1], [2, 3]), ([1], [1]), ([], []))
    def test_phrases_do_not_overlap(self, ids, wanted):
        for size in (1, 2, 3, 10):
            got = phrases.join(cut(np.array(ids, np.int32), size), pairs_of([1], [1], [9]),
                               np.array([3]), none_of(3), num_ids=3)
            np.testing.assert_array_equal(np.concatenate(list(got)), wanted)

    def test_without_phrases_the_text_is_unchanged(self):
        none = phrases.Pairs(*[np.zeros(0, np.int64)] * 4)
        got = np.concatenate(list(phrases.join(
            [np.array([1, 2, 0])], none, np.zeros(0, np.int64), none_of(3), num_ids=3)))
        np.testing.assert_array_equal(got, [1, 2, 0])
        self.assertEqual(got.dtype, np.int32)

    def test_equal_names_have_one_id(self):
        words = ["", "a", "b", "c", "a_b", "b_c", "a_b_c"]
        pairs = pairs_of([1, 1, 2, 2, 4], [2, 5, 1, 3, 3], [1] * 5)
        found = phrases.words_of(pairs, words, none_of(7))
        ids, new = phrases.name(found, words)
        self.assertEqual((ids.tolist(), new), ([4, 6, 7, 5, 6], ["b_a"]))
        ids, new = phrases.name([("a", "b_c"), ("a_b", "c")], words[:-1])
        self.assertEqual((ids.tolist(), new), ([6, 6], ["a_b_c"]))

    def test_rare_pairs_are_pruned_and_frequent_pairs_stay(self):
        random = np.random.RandomState(1)
        ids = random.randint(3, 1000, 60000).astype(np.int32)
        ids[::10], ids[1::10] = 1, 2
        counts = np.bincount(ids)
        pairs = phrases.count_pairs(cut(ids, 100), counts, none_of(1000), max_pairs=2000)
        self.assertLess(len(pairs.first), 2600)
        exact = phrases.count_pairs([ids], counts, none_of(1000))
        self.assertGreater(len(exact.first), 20000)
        self.assertEqual(pairs.counts[(pairs.first == 1) & (pairs.second == 2)], 6000)
        at = dict(zip(zip(exact.first.tolist(), exact.second.tolist()), exact.counts.tolist()))
        for a, _, b, count in zip(*[column.tolist() for column in pairs]):
            self.assertLessEqual(count, at[a, b])

    def test_pairs_may_need_more_than_32_bits(self):
        ids = np.array([99999, 99998] * 10, np.int32)
        pairs = phrases.count_pairs([ids], np.bincount(ids, minlength=100000), none_of(100000))
        self.assertEqual([column.tolist() for column in pairs], [
            [99998, 99999], [0, 0], [99999, 99998], [9, 10]])

    def test_too_many_connectors_are_an_error(self):
        words = ["c%d" % i for i in range(50)]
        self.assertEqual(phrases.connectors_of(words, words).num_sequences, 2551)
        with mock.patch.object(phrases, "_Connectors", return_value=mock.Mock(num_sequences=1 << 52)):
            with self.assertRaisesRegex(InputError, "phrase_connectors: wanted fewer for 50 different"):
                phrases.connectors_of(words, words)

    @unittest.skipIf(Phrases is None, "gensim is not installed: nothing to compare with")
    @parameterized.parameters(1, 2)
    def test_gensim_joins_the_same(self, seed):
        lines = [["w%d" % word for word in line] for line in random_lines(seed)]
        for _ in range(2):
            model = Phrases(lines, min_count=5, threshold=2, scoring=gensim_score)
            wanted = [model[line] for line in lines]
            self.assertEqual(fast_pass(lines, 5, 2, 100)[0], wanted)
            self.assertNotEqual(wanted, lines)
            lines = wanted

    @unittest.skipIf(Phrases is None, "gensim is not installed: nothing to compare with")
    def test_gensim_joins_the_same_around_connectors(self):
        # gensim takes any number of connectors in a row, so this text has at most two.
        lines, connectors = with_connectors(random_lines(3)), {"w0"}
        lines = [line for line in lines if "w0 w0 w0" not in " ".join(line)]
        model = Phrases(lines, min_count=2, threshold=2, scoring=gensim_score,
                        connector_words=connectors)
        joined, found = fast_pass(lines, 2, 2, 100, connectors)
        self.assertEqual(joined, [model[line] for line in lines])
        self.assertContainsSubset({2, 3}, set(map(len, found)))


class PhrasesFileTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.create_tempdir().full_path, "phrases.txt")
        self.phrases = phrases.Phrases([[("new", "york"), ("bank", "of", "the", "west")],
                                        [("new_york", "city")]])

    def test_passes_follow_each_other(self):
        line = "the new york city bank of the west new york new".split()
        self.assertEqual(self.phrases.apply(line), [
            "the", "new_york_city", "bank_of_the_west", "new_york", "new"])
        self.assertEqual(phrases.Phrases().apply(line), line)

    def test_phrases_are_saved_and_read(self):
        self.phrases.save(self.path)
        with open(self.path, encoding="utf-8") as stream:
            self.assertEqual(stream.read(), "1 new york\n1 bank of the west\n2 new_york city\n")
        self.assertEqual(phrases.Phrases.read(self.path).passes, self.phrases.passes)

    @parameterized.parameters("new york", "0 a b", "1 a", "1 a b c d e", "", "-1 a b", "100 a b")
    def test_an_invalid_line_is_an_error_that_names_it(self, line):
        with open(self.path, "w", encoding="utf-8") as stream:
            stream.write("1 a b\n%s\n" % line)
        with self.assertRaisesRegex(InputError, "phrases.txt: line 2: wanted the number of a pass and "
                                    "two to four words, got '%s'" % line):
            phrases.Phrases.read(self.path)

    def test_the_command_joins_standard_input(self):
        self.phrases.save(self.path)
        out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        with mock.patch("sys.argv", ["phrases.py", self.path]), mock.patch(
                "sys.stdin", io.TextIOWrapper(io.BytesIO("in new york\n\u00e9\n".encode("utf-8")))), (
                    mock.patch("sys.stdout", out)):
            phrases.main()
            out.flush()
        self.assertEqual(out.buffer.getvalue().decode("utf-8"), "in new_york\n\u00e9\n")
        for argv, message in ((["phrases.py"], "wanted one file of phrases"),
                              (["phrases.py", self.path + "x"], "phrases.txtx: wanted a readable file")):
            with mock.patch.object(sys, "argv", argv), self.assertRaisesRegex(SystemExit, message):
                phrases.main()

    def test_the_command_has_help(self):
        with mock.patch.object(sys, "argv", ["phrases.py", "--help"]), (
                contextlib.redirect_stdout(io.StringIO())) as out:
            with self.assertRaises(SystemExit) as caught:
                phrases.main()
        self.assertIn(caught.exception.code, (0, None))
        self.assertStartsWith(out.getvalue(),
                              "usage: python -m tf1_sampled.word2vec.phrases PHRASES < TEXT\n\nJoin")
        self.assertIn("phrases.txt, which run_word2vec.py --phrases=N writes", out.getvalue())


if __name__ == "__main__":
    absltest.main()
