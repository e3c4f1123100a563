"""Corpora: words in ids, encoded once and whole or not at all, read in pieces that lose nothing."""
import functools
import gzip
import io
import json
import os
import subprocess
import sys
import tracemalloc
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.word2vec import corpus, text
from tf1_sampled.word2vec.corpus import END


def whole(read):
    return read.read(0, read.num_positions)


def from_tokens(tokens):
    """A Corpus in memory in which each token is a word."""
    num_words = int(np.max(tokens, initial=-1)) + 1
    return corpus.Corpus.from_tokens(range(num_words), np.ones(num_words), tokens)


def runs_of(text, pieces, *options, num_places=None, position=None, begin=0.0, end=1.0, **more):
    """What corpus.runs yields, with the fields of its RunOptions as arguments."""
    return corpus.runs(text, pieces, corpus.RunOptions(*options, num_places=num_places, **more),
                       position, begin, end)


class CorpusTestCase(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.cache = os.path.join(self.folder, "cache")
        self.lines = []

    def path(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as stream:
            stream.write(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    def read_path(self, inputs, min_count=1, **options):
        to = dict(cache_dir=self.cache, report=self.lines.append)
        to.update((name, options.pop(name)) for name in list(options) if name in to)
        read = corpus.read_corpus(inputs, corpus.ReadOptions(min_count=min_count, **options), **to)
        self.addCleanup(read.close)
        return read

    def read(self, content, min_count=1, **options):
        return self.read_path(self.path("text.txt", content), min_count, **options)

    def entries(self):
        return sorted(os.listdir(self.cache)) if os.path.isdir(self.cache) else []

    def was_encoded(self):
        """Whether the last thing that was read was encoded, not taken from the cache."""
        last = [line for line in self.lines if line.startswith(("Encoded", "Read from cache"))][-1]
        return last.startswith("Encoded")


class ReadCorpusTest(CorpusTestCase):

    def test_ids_fall_in_frequency_and_lines_end(self):
        for _ in range(2):  # encoded, and from the cache
            read = self.read("b a a\nc\ta  c a\n\nd b c")
            self.assertEqual(read.words, ["a", "c", "b", "d"])
            np.testing.assert_array_equal(read.counts, [4, 3, 2, 1])
            np.testing.assert_array_equal(
                whole(read), [2, 0, 0, END, 1, 0, 1, 0, END, END, 3, 2, 1, END])
            self.assertEqual((read.num_raw_words, read.num_positions), (10, 14))
            self.assertEqual((read.counts.dtype, whole(read).dtype), (np.int64, np.int32))

    def test_rare_words_are_left_out_but_counted_as_read(self):
        read = self.read("a b a c a b\n", min_count=2)
        self.assertEqual(read.words, ["a", "b"])
        np.testing.assert_array_equal(whole(read), [0, 1, 0, 0, 1, END])
        self.assertEqual((read.num_raw_words, read.num_positions), (6, 7))

    def test_any_stretch_of_tokens_is_read(self):
        read = self.read("a b a c a b\na", min_count=2)
        tokens = [[0], [1], [0], [], [0], [1], [END], [0], [END]]
        for begin in range(10):
            for end in range(begin, 10):
                self.assertEqual(read.read(begin, end).tolist(), sum(tokens[begin:end], []))
        for begin, end in ((-1, 3), (3, 2), (0, 10)):
            with self.assertRaisesRegex(InputError, "read: begin, end: wanted 0 <= begin <= end <= 9"):
                read.read(begin, end)

    def test_large_texts_are_what_they_are(self):
        words = np.random.RandomState(1).zipf(1.3, 400000) % 5000
        content = "\n".join(" ".join(map(str, line)) for line in np.split(words, 100))
        with mock.patch.object(corpus, "_SLICE", 30000):
            read = self.read(content)
        tokens = whole(read)
        np.testing.assert_array_equal(np.array(read.words, int)[tokens[tokens != END]], words)
        np.testing.assert_array_equal(np.bincount(tokens[tokens != END]), read.counts)
        np.testing.assert_array_equal(np.flatnonzero(tokens == END), 4001 * np.arange(1, 101) - 1)

    def test_joined_lines_have_no_ends(self):
        read = self.read("a b\nb\n\na\n", join_lines=True)
        np.testing.assert_array_equal(whole(read), [0, 1, 1, 0])
        self.assertEqual(read.num_positions, 8)
        read = corpus.Corpus.from_tokens("ab", [1, 1], [0, END, 1], join_lines=True)
        np.testing.assert_array_equal(whole(read), [0, 1])

    def test_compressed_text_and_several_inputs(self):
        paths = [self.path("1.gz", gzip.compress(b"to be or\n")), self.path("2", "not to be")]
        read = self.read_path(paths, 2)
        self.assertEqual(read.words, ["to", "be"])
        np.testing.assert_array_equal(whole(read), [0, 1, END, 0, 1, END])

    def test_other_encodings_and_what_they_cannot_decode(self):
        read = self.read("b\u00e9 b\u00e9 a".encode("utf-16"), encoding="UTF16")
        self.assertEqual(read.words, ["b\u00e9", "a"])
        for _ in range(2):  # also said where it comes from the cache
            self.lines = []
            self.assertEqual(self.read(b"\xff \xff a").words, ["\ufffd", "a"])
            self.assertIn("2 bytes that are no utf-8 were replaced: %s/text.txt" % self.folder,
                          self.lines)

    def test_max_vocab_keeps_the_most_frequent_words(self):
        read = self.read("a b c b c c a d", max_vocab=2)
        self.assertEqual((read.words, read.counts.tolist()), (["c", "a"], [3, 2]))
        np.testing.assert_array_equal(whole(read), [1, 0, 0, 0, 1, END])

    def test_a_vocabulary_from_elsewhere(self):
        vocabulary = (["rare", "b", "not"], np.array([3, 100, 50]))
        read = self.read("a b a rare\n", min_count=5, max_vocab=2, vocabulary=vocabulary)
        self.assertEqual((read.words, read.counts.tolist()), (["b", "not", "rare"], [100, 50, 3]))
        np.testing.assert_array_equal(whole(read), [0, 2, END])
        self.assertEqual(read.num_raw_words, 4)

    def test_a_word_of_the_text_has_a_count(self):
        # Samplers never draw a word that never comes, and so cannot say how often a label does.
        vocabulary = (["b", "not", "c", "a"], np.array([5, 0, 1, 0]))
        read = self.read("a b a c\n", vocabulary=vocabulary)
        self.assertEqual((read.words, read.counts.tolist()), (["b", "c", "a", "not"], [5, 1, 1, 0]))
        np.testing.assert_array_equal(whole(read), [2, 0, 2, 1, END])
        self.assertEqual(vocabulary[1].tolist(), [5, 0, 1, 0])

    def test_more_words_come_after_the_others(self):
        content = "a b a b a c d d e"
        read = self.read(content, min_count=2, more_words=["c", "new", "b", "e", "c", "other"])
        self.assertEqual(read.words, ["a", "b", "d", "c", "e", "new", "other"])
        self.assertEqual(read.counts.tolist(), [3, 2, 2, 1, 1, 0, 0])
        np.testing.assert_array_equal(whole(read), [0, 1, 0, 1, 0, 3, 2, 2, 4, END])
        read = self.read(content, vocabulary=(["x", "b"], [9, 8]), more_words=("a", "x"))
        self.assertEqual((read.words, read.counts.tolist()), (["x", "b", "a"], [9, 8, 3]))
        np.testing.assert_array_equal(whole(read), [2, 1, 2, 1, 2, END])

    def test_each_pass_joins_longer_phrases(self):
        content = "new york city %d\n" * 40 % tuple(range(40)) + " ".join(map(str, range(20000)))
        path = self.path("f", content)
        reads = [self.read_path(path, phrases=n) for n in range(3)]
        has = [[word in read.words for word in ("new", "new_york", "new_york_city")] for read in reads]
        self.assertEqual(has, [[True, False, False], [False, True, False], [False, False, True]])
        self.assertLen(self.entries(), 3)
        for read in reads:
            tokens = whole(read)
            joined = "_".join(read.words[i] if i != END else "\n" for i in tokens)
            self.assertEqual(joined, content.replace(" ", "_").replace("\n", "_\n_") + "_\n")
            self.assertLen(tokens, read.num_positions)
            np.testing.assert_array_equal(np.bincount(tokens[tokens != END]), read.counts)
        self.assertLess(reads[1].num_raw_words, reads[0].num_raw_words)
        self.assertLess(reads[2].num_raw_words, reads[1].num_raw_words)
        self.assertRegex(self.lines[-1], "Joined [0-9,]+ different phrases, which leaves [0-9,]+ words")
        again = self.read_path(path, phrases=2)
        self.assertStartsWith(self.lines[-1], "Read from cache: ")
        np.testing.assert_array_equal(whole(again), whole(reads[2]))

    @parameterized.parameters(
        ("", "something in it, got an empty file"), (" \n\n ", "wanted words, got none"),
        ("a b c", "at least 2 different words that come min_count = 2 times, got 0 of 3"),
        ("a a a", "at least 2 .* got 1 of 1"), ("a\0b a", "a binary file"))
    def test_a_text_without_words_is_named(self, content, message):
        with self.assertRaisesRegex(InputError, "text.txt: .*" + message):
            self.read(content, min_count=2)

    @parameterized.parameters(
        (dict(min_count=0), "min_count: wanted an integer above 0, got 0"),
        (dict(max_vocab=1), "max_vocab: wanted an integer above 1, got 1"),
        (dict(max_vocab=2.5), "max_vocab: wanted an integer above 1, got 2.5"),
        (dict(phrases=-1), "phrases: wanted an integer of 0 or more, got -1"),
        (dict(phrases=True), "phrases: wanted an integer of 0 or more, got True"),
        (dict(encoding="utf-9"), "encoding: wanted the name of a text encoding, got 'utf-9'"),
        (dict(vocabulary=(["a", "b"], [1])), "vocabulary: wanted a count for each of 2 words"),
        (dict(vocabulary=(["a", "a"], [1, 2])), "vocabulary: wanted words that come once"),
        (dict(vocabulary=(["x", "y"], [1, 2])), "text.txt: wanted words of the vocabulary, got none"),
        (dict(vocabulary=(["a"], [1])), "at least 2 different words in the vocabulary, got 1 of 1"))
    def test_wrong_arguments_are_named(self, options, message):
        with self.assertRaisesRegex(InputError, message):
            self.read("a b", **options)

    def test_missing_files_and_empty_folders(self):
        with self.assertRaisesRegex(InputError, "^no/such: wanted a readable file, got: No such file"):
            self.read_path("no/such")
        with self.assertRaisesRegex(InputError, ": wanted files with something in them, got none"):
            self.read_path([os.path.join(self.folder, "*.txt")])
        self.assertEmpty(self.entries())

    def test_words_that_no_file_can_hold(self):
        with self.assertRaisesRegex(InputError, "encoding: wanted one that gives Unicode characters"):
            self.read(b"a b\\ud800 c", encoding="unicode_escape")
        self.assertEmpty(self.entries())


class CacheTest(CorpusTestCase):

    def test_each_setting_has_an_entry_of_its_own(self):
        path = self.path("f", "a b")
        for options in ({}, dict(encoding="latin-1"), dict(phrases=1), dict(encoding="UTF8")):
            self.read_path(path, **options)
            self.read_path(path, join_lines=True, max_vocab=2, **options)
            self.assertFalse(self.was_encoded())
        self.assertLen(self.entries(), 3)

    def test_it_is_told_where_the_text_came_from(self):
        path = self.path("f", "a b c")
        self.read_path(path)
        self.read_path(path)
        entry = os.path.join(self.cache, self.entries()[0])
        self.assertRegex(self.lines[0], r"^Encoded 3 words in [0-9]\.[0-9] s: " + entry)
        self.assertEqual(self.lines[1], "Read from cache: " + entry)
        with open(os.path.join(entry, "info.json")) as stream:
            info = json.load(stream)
        self.assertEqual([info[name] for name in ("inputs", "encoding", "phrases", "words", "notes")],
                         [[path], "utf-8", 0, 3, []])

    @parameterized.named_parameters(
        ("size", "a b c d ", 0), ("time", "a b c", 1), ("first_bytes", "x b c", 0),
        ("last_bytes", "a b x", 0))
    def test_a_changed_file_is_read_anew(self, content, later):
        path = self.path("f", "a b c")
        os.utime(path, ns=(10 ** 18, 10 ** 18))
        self.read_path(path)
        self.read_path(path)
        self.assertFalse(self.was_encoded())
        self.path("f", content)
        os.utime(path, ns=(10 ** 18, 10 ** 18 + later))
        self.assertCountEqual(self.read_path(path).words, content.split())
        self.assertTrue(self.was_encoded())

    def test_the_last_bytes_of_a_large_file_count(self):
        content = b"word " * 50000
        path = self.path("f", content + b"a b")
        os.utime(path, ns=(10 ** 18, 10 ** 18))
        self.read_path(path)
        self.path("f", content + b"a c")
        os.utime(path, ns=(10 ** 18, 10 ** 18))
        self.assertEqual(self.read_path(path).words, ["word", "a", "c"])

    def test_files_that_come_and_go(self):
        inputs = os.path.join(self.folder, "*.txt")
        self.path("1.txt", "a b")
        self.read_path(inputs)
        path = self.path("2.txt", "c")
        self.assertEqual(self.read_path(inputs).words, ["a", "b", "c"])
        os.remove(path)
        self.assertEqual(self.read_path(inputs).words, ["a", "b"])
        self.assertFalse(self.was_encoded())

    @parameterized.named_parameters(
        ("short_ids", "ids.int32", lambda data: data[:-4]),
        ("long_ids", "ids.int32", lambda data: data * 2),
        ("words", "words.txt", lambda data: data.replace(b"b", b"x")),
        ("counts", "counts.int64", lambda data: data[:-8] + bytes(8)),
        ("empty_info", "info.json", lambda data: b""), ("no_json", "info.json", lambda data: b"\xff{"),
        ("other_json", "info.json", lambda data: b"[1]"),
        ("version", "info.json",
         lambda data: json.dumps(dict(json.loads(data.decode()), version=0)).encode()),
        ("no_ids", "ids.int32", None), ("no_words", "words.txt", None), ("no_info", "info.json", None))
    def test_a_damaged_entry_is_made_anew(self, name, damage):
        path = self.path("f", "a b b c")
        before = whole(self.read_path(path))
        entry, = self.entries()
        damaged = os.path.join(self.cache, entry, name)
        with open(damaged, "rb") as stream:
            content = stream.read()
        os.remove(damaged)
        if damage:
            with open(damaged, "wb") as stream:
                stream.write(damage(content))
        read = self.read_path(path)
        self.assertTrue(self.was_encoded())
        self.assertEqual(read.words, ["b", "a", "c"])
        np.testing.assert_array_equal(whole(read), before)
        self.assertEqual(self.entries(), [entry])
        self.read_path(path)
        self.assertFalse(self.was_encoded())

    def test_a_file_that_was_left_out_is_an_error_when_named(self):
        self.path("a", "a b")
        binary = self.path("b", b"\0")
        self.assertEqual(self.read_path(os.path.join(self.folder, "[ab]")).words, ["a", "b"])
        with self.assertRaisesRegex(InputError, "b: wanted UTF-8 text, got a binary file"):
            self.read_path([os.path.join(self.folder, "a"), binary])

    def test_a_file_in_the_place_of_an_entry(self):
        path = self.path("f", "a b b c")
        self.read_path(path)
        entry, = self.entries()
        os.rename(os.path.join(self.cache, entry), os.path.join(self.folder, "away"))
        self.path(os.path.join("cache", entry), "x")
        self.assertEqual(self.read_path(path).words, ["b", "a", "c"])
        self.assertEqual(self.entries(), [entry])

    @parameterized.parameters(KeyboardInterrupt, SystemExit, ValueError, MemoryError)
    def test_a_kill_while_encoding_leaves_nothing(self, error):
        path = self.path("f", "a b " * 1000)
        pieces = text.pieces

        def killed(*arguments):
            for piece in pieces(*arguments):
                yield piece
                self.assertStartsWith(self.entries()[0], ".making-")
                raise error
        with mock.patch.object(text, "pieces", killed), self.assertRaises(error):
            self.read_path(path)
        self.assertEmpty(self.entries())
        with mock.patch.object(corpus, "_write_words", side_effect=error), self.assertRaises(error):
            self.read_path(path)
        self.assertEmpty(self.entries())
        self.read_path(path)
        self.assertTrue(self.was_encoded())

    def test_a_full_disk_is_named(self):
        full = OSError(28, "No space left on device")
        with mock.patch.object(corpus, "_write_words", side_effect=full):
            with self.assertRaises(InputError) as caught:
                self.read("a b")
        self.assertEqual(str(caught.exception),
                         self.cache + ": wanted a place to write, got: No space left on device")
        self.assertEmpty(self.entries())

    def test_what_a_kill_left_behind_goes_after_a_day(self):
        for name, age in ((".making-old", 100000), (".making-new", 1000), ("other", 100000)):
            folder = os.path.join(self.cache, name)
            os.makedirs(folder)
            file = self.path(os.path.join(folder, "ids.int32"), "")
            for path in (file, folder):
                os.utime(path, (os.path.getmtime(path) - age,) * 2)
        self.read("a b")
        self.assertEqual(self.entries()[0], ".making-new")
        self.assertLen(self.entries(), 3)

    def test_another_process_that_is_faster(self):
        path = self.path("f", "a b b c")
        pieces = text.pieces

        def slow(*arguments):
            with mock.patch.object(text, "pieces", pieces):
                faster.append(self.read_path(path))
            return pieces(*arguments)
        faster = []
        with mock.patch.object(text, "pieces", slow):
            slower = self.read_path(path)
        self.assertLen(self.entries(), 1)
        np.testing.assert_array_equal(whole(faster[0]), whole(slower))
        self.assertEqual([line.split(" in")[0] for line in self.lines], ["Encoded 4 words"] * 2)

    def test_two_processes_at_once(self):
        path = self.path("f", "\n".join("w%d a b" % (i % 5000) for i in range(100000)))
        program = ("import sys; from tf1_sampled.word2vec import corpus; "
                   "text = corpus.read_corpus(sys.argv[1], cache_dir=sys.argv[2]); "
                   "print(text.words[:2], len(text.words), text.read(0, 400000).sum())")
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
        processes = [subprocess.Popen(
            [sys.executable, "-c", program, path, self.cache], env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
        outs = [process.communicate()[0].decode().splitlines() for process in processes]
        self.assertEqual([process.returncode for process in processes], [0, 0], outs)
        self.assertEqual(outs[0][-1], outs[1][-1])
        self.assertStartsWith(outs[0][-1], "['a', 'b'] 5002 ")
        self.assertLen(self.entries(), 1)

    def test_standard_input_is_encoded_and_deleted(self):
        other = self.path("f", "a b\n")
        with mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(b"b c\nc"))):
            read = self.read_path([other, "-"], phrases=1)
        np.testing.assert_array_equal(read.counts, [2, 2, 1])
        self.assertLen(self.entries(), 1)
        np.testing.assert_array_equal(whole(read), [2, 0, END, 0, 1, END, 1, END])
        read.close()
        read.close()
        self.assertEmpty(self.entries())
        with mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a"))):
            with self.assertRaisesRegex(InputError, "^standard input: wanted at least 2"):
                self.read_path("-")
        self.assertEmpty(self.entries())
        with mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a b"))):
            with self.read_path("-"):
                self.assertLen(self.entries(), 1)
        self.assertEmpty(self.entries())

    def test_standard_input_is_deleted_at_exit(self):
        program = ("import sys; from tf1_sampled.word2vec import corpus; "
                   "text = corpus.read_corpus('-', corpus.ReadOptions(min_count=1), sys.argv[1]); "
                   "import os; print(len(os.listdir(sys.argv[1])))")
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
        out = subprocess.run([sys.executable, "-c", program, self.cache], env=environment,
                             input=b"a b a", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(out.stdout.decode().splitlines()[-1], "1")
        self.assertEmpty(self.entries())

    def test_the_default_folder_is_that_of_xdg_or_home(self):
        path = self.path("f", "a b")
        home = os.path.join(self.folder, "home")
        for environment, wanted in (
                ({"XDG_CACHE_HOME": home, "HOME": "/nowhere"}, os.path.join(home, "tf1_sampled")),
                ({"XDG_CACHE_HOME": "", "HOME": home}, os.path.join(home, ".cache", "tf1_sampled")),
                ({"XDG_CACHE_HOME": "no", "HOME": home}, os.path.join(home, ".cache", "tf1_sampled"))):
            with mock.patch.dict(os.environ, environment):
                self.read_path(path, cache_dir=None)
            self.assertIn(": " + wanted + os.sep, self.lines[-1])
            self.assertLen(os.listdir(wanted), 1)

    def test_a_default_folder_that_cannot_be_written(self):
        path = self.path("f", "a b")
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": path}), mock.patch(
                "tempfile.tempdir", self.folder):
            read = self.read_path(path, cache_dir=None)
            np.testing.assert_array_equal(whole(read), [0, 1, END])
            self.assertRegex(self.lines[0],
                             "f/tf1_sampled: wanted a place to write, .*; the "
                             "encoded text goes to a temporary folder")
            temporary = os.path.dirname(self.lines[1].split(": ")[1])
            self.assertTrue(os.path.isdir(temporary))
            read.close()
        self.assertFalse(os.path.isdir(temporary))

    def test_a_folder_of_the_user_that_cannot_be_written(self):
        path = self.path("f", "a b")
        with self.assertRaisesRegex(InputError, "f/x: wanted a place to write, got: "):
            self.read_path(path, cache_dir=os.path.join(path, "x"))


class MemoryTest(CorpusTestCase):

    def test_memory_does_not_grow_with_the_text(self):
        peaks = []
        for size in (1, 4):
            path = self.path("f", "one two three four five six seven eight nine ten\n" * (15000 * size))
            tracemalloc.start()
            with mock.patch.object(corpus, "_SLICE", 1 << 14):
                read = self.read_path(path)
                pieces, _ = corpus.split_held_out(read, at_most=1000)
                runs = runs_of(read, pieces, np.ones(10), 1024, 5, 1, 1)
                self.assertGreater(sum(1 for _ in runs), 140 * size)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        self.assertLess(peaks[1], 1.1 * peaks[0])


class KeepProbabilityTest(absltest.TestCase):

    def test_values(self):
        keep = corpus.keep_probability(np.array([900, 90, 9, 1]), 0.01)
        ratio = 0.01 / np.array([0.9, 0.09])
        np.testing.assert_allclose(keep[:2], np.sqrt(ratio) + ratio, rtol=1e-6)
        np.testing.assert_array_equal(keep[2:], 1)

    def test_words_that_the_text_lacks_are_kept(self):
        keep = corpus.keep_probability(np.array([0, 10 ** 9, 0]), 1e-9)
        np.testing.assert_array_equal(keep[[0, 2]], 1)
        np.testing.assert_array_equal(corpus.keep_probability(np.array([0, 0]), 1e-9), [1, 1])

    def test_zero_keeps_all(self):
        np.testing.assert_array_equal(corpus.keep_probability(np.array([900, 1]), 0), [1, 1])


class SplitHeldOutTest(parameterized.TestCase):

    @parameterized.parameters(2, 3, 10, 100, 5000, 30000, 7000000)
    def test_nothing_is_lost_and_the_share_is_small(self, size):
        tokens = np.arange(size, dtype=np.int32)
        text = from_tokens(tokens)
        pieces, held_out = corpus.split_held_out(text)
        for begin, end in pieces:
            self.assertBetween(begin, 0, end - 1)
        train = np.concatenate([np.arange(begin, end) for begin, end in pieces])
        both = np.concatenate([train, held_out])
        np.testing.assert_array_equal(np.sort(both[both != END]), tokens)
        self.assertGreaterEqual(np.sum(held_out != END), 1)
        self.assertLessEqual(np.sum(held_out != END), max(0.0101 * size, 2) + 20)
        self.assertLessEqual(np.sum(held_out != END), 50020)
        # No window may reach over a cut.
        beside_end = (held_out[:-1] == END) | (held_out[1:] == END)
        np.testing.assert_array_equal(np.diff(held_out)[~beside_end], 1)

    def test_the_held_out_pieces_are_from_all_over_the_text(self):
        pieces, held_out = corpus.split_held_out(from_tokens(np.arange(200000)))
        quarter = held_out[held_out != END] // 50000
        np.testing.assert_array_equal(np.bincount(quarter), [500] * 4)
        self.assertLen(pieces, 20)

    def test_joined_lines_are_cut_too(self):
        text = corpus.Corpus.from_tokens(range(10000), np.ones(10000), np.arange(10000), join_lines=True)
        _, held_out = corpus.split_held_out(text, pieces=2)
        self.assertEqual(np.sum(held_out == END), 2)


class RunsTest(parameterized.TestCase):

    @parameterized.product(size=[1, 7, 64, 65, 1000], epochs=[1, 3], window=[1, 5])
    def test_every_token_is_a_centre_once_per_epoch(self, size, epochs, window):
        tokens = np.arange(size, dtype=np.int32)
        keep = np.ones(size, np.float32)
        text = from_tokens(tokens)
        runs = list(runs_of(text, [(0, size)], keep, 32, window, epochs, 1))
        centres = np.concatenate([run[window:-window] for run, _, _ in runs])
        centres = centres[centres != END]
        np.testing.assert_array_equal(centres, np.tile(tokens, epochs))
        for run, progress, _ in runs:
            self.assertEqual(run.shape, (32 + 2 * window,))
            self.assertBetween(progress, 0, 1)
        self.assertEqual(runs[-1][1], 1)

    def test_neighbours_are_those_of_the_text(self):
        tokens = np.arange(500, dtype=np.int32)
        runs = list(runs_of(from_tokens(tokens), [(0, 500)], np.ones(500), 64, 3, 1, 1))
        self.assertLen(runs, 8)
        for run, _, _ in runs:
            words = run[run != END]
            np.testing.assert_array_equal(np.diff(words), 1)

    @parameterized.product(size=[1, 64, 1000], cut=[90, 1 << 20], window=[1, 5])
    def test_places_have_every_token_as_a_centre_once_per_epoch(self, size, cut, window):
        tokens = np.arange(size, dtype=np.int32)
        with mock.patch.object(corpus, "_SLICE", cut):
            runs = [run for run, _, _ in runs_of(
                from_tokens(tokens), [(0, size)], np.ones(size), 32, window, 2, 1, num_places=4)]
        for run in runs:
            self.assertEqual(run.shape, (4, 8 + 2 * window))
            for words in run:
                beside_end = (words[:-1] == END) | (words[1:] == END)
                np.testing.assert_array_equal(np.diff(words)[~beside_end], 1)
        centres = np.concatenate([run[:, window:-window].ravel() for run in runs])
        np.testing.assert_array_equal(np.sort(centres[centres != END]), np.repeat(tokens, 2))

    def test_places_are_from_all_over_the_text(self):
        tokens = np.arange(10001, dtype=np.int32)
        runs = list(runs_of(
            from_tokens(tokens), [(0, 10001)], np.ones(10001), 40, 2, 1, 1, num_places=4))
        runs = [(run[:, 2], progress) for run, progress, _ in runs if progress < 1]
        self.assertLen(runs, 249)
        for i, (begins, progress) in enumerate(runs):
            self.assertAlmostEqual(progress, (i + 1) / 250)
            np.testing.assert_array_equal(begins, 10 * i + 2500 * np.arange(4))

    @parameterized.parameters(3, 50, 1 << 20)
    def test_pieces_and_slices(self, size):
        tokens = np.arange(1000, dtype=np.int32)
        pieces = [(0, 100), (100, 100), (150, 151), (200, 700), (903, 1000)]
        wanted = np.concatenate([tokens[begin:end] for begin, end in pieces])
        with mock.patch.object(corpus, "_SLICE", size):
            runs = list(runs_of(from_tokens(tokens), pieces, np.ones(1000), 64, 3, 2, 1))
        centres = np.concatenate([run[3:-3] for run, _, _ in runs])
        np.testing.assert_array_equal(centres[centres != END], np.tile(wanted, 2))
        for run, _, _ in runs:  # END stands at each cut
            beside_end = (run[:-1] == END) | (run[1:] == END)
            np.testing.assert_array_equal(np.diff(run)[~beside_end], 1)
        progress = [progress for _, progress, _ in runs]
        np.testing.assert_allclose(progress, np.linspace(0, 1, len(runs) + 1)[1:], atol=0.1)
        self.assertEqual(progress[-1], 1)

    def test_progress_ends_at_1_where_nothing_is_kept_at_the_end(self):
        tokens = np.repeat(np.array([0, 1], np.int32), 1000)
        with mock.patch.object(corpus, "_SLICE", 100):
            runs = list(runs_of(from_tokens(tokens), [(0, 2000)], np.array([1, 0.0]), 100, 2, 1, 1))
        self.assertEqual(runs[-1][1], 1)
        self.assertBetween(len(runs), 10, 11)

    def test_words_that_are_left_out_are_no_centres(self):
        folder = self.create_tempdir().full_path
        path = os.path.join(folder, "f")
        with open(path, "w") as stream:
            stream.write("a b rare a\n" * 300 + "c d")
        options = corpus.ReadOptions(vocabulary=(["a", "b"], [2, 1]))
        with corpus.read_corpus(path, options, folder, report=lambda line: None) as text:
            runs = list(runs_of(text, [(0, text.num_positions)], np.ones(2), 64, 2, 1, 1))
        centres = np.concatenate([run[2:-2] for run, _, _ in runs])
        np.testing.assert_array_equal(centres[centres != END], [0, 1, 0] * 300)

    def test_subsampling_keeps_the_share_and_the_sentence_ends(self):
        tokens = np.tile(np.array([0, 1, END], np.int32), 20000)
        keep = np.array([1, 0.25], np.float32)
        runs = list(runs_of(from_tokens(tokens), [(0, len(tokens))], keep, 64, 2, 1, 1))
        centres = np.concatenate([run[2:-2] for run, _, _ in runs])
        self.assertAlmostEqual(np.sum(centres == 1) / 20000, 0.25, delta=5 * 0.0031)
        self.assertEqual(np.sum(centres == 0), 20000)
        self.assertGreaterEqual(np.sum(centres == END), 20000)

    @parameterized.parameters((1 << 20, 1), (50, 5), (333, 2), (333, 2, 4))
    def test_goes_on_after_any_run(self, size, window, num_places=None):
        tokens = np.arange(700, dtype=np.int32)
        runs = functools.partial(runs_of, num_places=num_places)
        arguments = (from_tokens(tokens), [(0, 400), (410, 700)], np.full(700, 0.5), 32, window, 2, 7)
        with mock.patch.object(corpus, "_SLICE", size):
            every = list(runs(*arguments))
            self.assertGreater(len(every), 20)
            for number, (_, _, position) in enumerate(every, 1):
                position = json.loads(json.dumps(position, default=lambda array: array.tolist()))
                rest = list(runs(*arguments, position=position))
                self.assertLen(rest, len(every) - number)
                for (run, share, _), (wanted, wanted_share, _) in zip(rest, every[number:]):
                    np.testing.assert_array_equal(run, wanted)
                    self.assertEqual(share, wanted_share)

    @parameterized.parameters((1 << 20, None), (50, 4), (333, None))
    def test_shares_have_every_token_as_a_centre_once_per_epoch(self, size, num_places):
        tokens = np.arange(700, dtype=np.int32)
        cuts = [0, 0.1, 0.101, 0.5, 0.77, 0.77, 1]
        seen, shares = [], []
        with mock.patch.object(corpus, "_SLICE", size):
            for begin, end in zip(cuts, cuts[1:]):
                for run, share, _ in runs_of(
                        from_tokens(tokens), [(0, 400), (410, 700)], np.ones(700), 32, 2, 3, 7,
                        begin=begin, end=end, num_places=num_places):
                    seen.append(run[..., 2:-2].ravel())
                    self.assertBetween(share, begin, end + 1 / 2000)
                    shares.append(share)
        seen = np.concatenate(seen)
        np.testing.assert_array_equal(np.sort(seen[seen != END]), np.repeat(np.delete(
            tokens, np.arange(400, 410)), 3))
        self.assertEqual(shares, sorted(shares))

    def test_goes_on_exactly_within_a_share(self):
        tokens = np.arange(700, dtype=np.int32)
        arguments = (from_tokens(tokens), [(0, 700)], np.full(700, 0.5), 32, 2, 2, 7)
        with mock.patch.object(corpus, "_SLICE", 300):
            every = list(runs_of(*arguments, begin=0.3, end=1.0))
            self.assertGreater(len(every), 10)
            for number, (_, _, position) in enumerate(every, 1):
                rest = list(runs_of(*arguments, position=position))
                self.assertLen(rest, len(every) - number)
                for (run, share, _), (wanted, wanted_share, _) in zip(rest, every[number:]):
                    np.testing.assert_array_equal(run, wanted)
                    self.assertAlmostEqual(share, wanted_share)

    def test_more_epochs_come_after_the_last(self):
        text, keep = from_tokens(np.arange(700, dtype=np.int32)), np.ones(700)
        *_, (_, _, position) = runs_of(text, [(0, 700)], keep, 32, 2, 1, 7)
        more = list(runs_of(text, [(0, 700)], keep, 32, 2, 2, 7, position=position))
        self.assertAlmostEqual(len(more), 700 / 32, delta=1)
        self.assertGreater(more[0][1], 0.5)

    def test_each_pass_leaves_out_words_of_its_own(self):
        arguments = (from_tokens(np.arange(700, dtype=np.int32)), [(0, 700)], np.full(700, 0.5), 32, 2)
        first, second = (np.concatenate([run[2:-2] for run, _, _ in part]) for part in (
            [r for r in runs_of(*arguments, epochs=2, seed=7) if r[1] <= 0.5],
            [r for r in runs_of(*arguments, epochs=2, seed=7) if r[1] > 0.5]))
        self.assertBetween(len(set(first) & set(second)), 100, 250)  # 175 of 350 by chance

    def test_the_digest_is_that_of_text_and_vocabulary(self):
        digests = {corpus.Corpus.from_tokens(words, counts, tokens, join_lines).digest
                   for words, counts, tokens, join_lines in (
                       ("ab", [2, 1], [0, 1, 0], False), ("ac", [2, 1], [0, 1, 0], False),
                       ("ab", [2, 2], [0, 1, 0], False), ("ab", [2, 1], [0, 0, 1], False),
                       ("ab", [2, 1], [0, 1, 0], True))}
        self.assertLen(digests, 5)
        self.assertIn(corpus.Corpus.from_tokens("ab", [2, 1], [0, 1, 0]).digest, digests)

    def test_progress_rises_evenly(self):
        tokens = np.arange(3000000, dtype=np.int32) % 1000
        progress = [p for _, p, _ in runs_of(
            from_tokens(tokens), [(0, 3000000)], np.ones(1000), 4096, 5, 2, 1)]
        np.testing.assert_allclose(progress, np.linspace(0, 1, len(progress) + 1)[1:], atol=2e-3)


class HeldOutRunsTest(parameterized.TestCase):

    @parameterized.parameters((1000, 512), (67867, 480), (400000, 64), (10000000, 32))
    def test_the_more_classes_the_fewer_centres_at_a_time(self, vocab_size, centres):
        runs = corpus.held_out_runs(np.arange(900, dtype=np.int32), vocab_size, 2)
        self.assertEqual(runs.shape[1], centres + 4)
        self.assertEqual(np.sum(runs[:, 2:-2] != END), 16 * 31)

    def test_tokens_are_from_all_over_the_text(self):
        tokens = np.arange(50000, dtype=np.int32)
        run, = corpus.held_out_runs(tokens, 50000, 5)
        snippets = np.split(run[5:-5], 16)
        for i, snippet in enumerate(snippets):
            np.testing.assert_array_equal(snippet[:-1], i * 50000 // 16 + np.arange(31))
            self.assertEqual(snippet[-1], END)

    def test_short_texts_are_padded_with_ends(self):
        run, = corpus.held_out_runs(np.array([3, 1, END, 2], np.int32), 4, 3)
        np.testing.assert_array_equal(run[3:8], [3, 1, END, 2, END])
        np.testing.assert_array_equal(run[8:], END)
        run, = corpus.held_out_runs(np.zeros(0, np.int32), 4, 3)
        np.testing.assert_array_equal(run, np.full(512 + 6, END))


class BatchSizeTest(parameterized.TestCase):

    @parameterized.parameters((10, 1, 256), (24000, 1, 256), (100000, 1, 896), (409600, 1, 2048),
                              (10 ** 9, 1, 2048), (10 ** 9, 2, 2048), (10 ** 9, 3, 1280),
                              (10 ** 9, 64, 512), (100000, 2, 896))
    def test_values(self, num_words, threads, size):
        self.assertEqual(corpus.batch_size(num_words, threads), size)


if __name__ == "__main__":
    absltest.main()
