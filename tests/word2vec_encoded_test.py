"""Tests of encoded texts: complete in the cache or not at all, made again if the files change."""
import io
import json
import os
import subprocess
import sys
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import word2vec_case
from tests.word2vec_case import whole
from tf1_sampled import InputError
from tf1_sampled.word2vec import encoded, text
from tf1_sampled.word2vec.corpus import END


class CacheTest(word2vec_case.CorpusTestCase):

    def test_each_form_has_its_own_entry(self):
        path = self.path("f", "a b")
        for options in ({}, dict(encoding="latin-1"), dict(phrases=1), dict(encoding="UTF8")):
            self.read_path(path, **options)
            self.read_path(path, join_lines=True, max_vocab=2, **options)
            self.assertFalse(self.was_encoded())
        self.assertLen(self.entries(), 3)

    def test_the_user_learns_whether_the_text_came_from_the_cache(self):
        path = self.path("f", "a b c")
        self.read_path(path)
        self.read_path(path)
        entry = os.path.join(self.cache, self.entries()[0])
        self.assertRegex(self.lines[0], r"^Encoded 3 words in [0-9]\.[0-9] s: " + entry)
        self.assertEqual(self.lines[1], "Read from cache: " + entry)
        with open(os.path.join(entry, "info.json")) as stream:
            info = json.load(stream)
        self.assertEqual([info[name] for name in ("inputs", "form", "words", "notes")], [
            [path], {"encoding": "utf-8", "lowercase": False, "tokenize": False, "phrases": {}}, 3, []])

    @parameterized.named_parameters(
        ("size", "a b c d ", 0), ("time", "a b c", 1), ("first_bytes", "x b c", 0),
        ("last_bytes", "a b x", 0))
    def test_a_changed_file_is_encoded_again(self, content, later):
        path = self.path("f", "a b c")
        os.utime(path, ns=(10 ** 18, 10 ** 18))
        self.read_path(path)
        self.read_path(path)
        self.assertFalse(self.was_encoded())
        self.path("f", content)
        os.utime(path, ns=(10 ** 18, 10 ** 18 + later))
        self.assertCountEqual(self.read_path(path).words, content.split())
        self.assertTrue(self.was_encoded())

    def test_a_change_of_the_last_bytes_is_noticed(self):
        content = b"word " * 50000
        path = self.path("f", content + b"a b")
        os.utime(path, ns=(10 ** 18, 10 ** 18))
        self.read_path(path)
        self.path("f", content + b"a c")
        os.utime(path, ns=(10 ** 18, 10 ** 18))
        self.assertEqual(self.read_path(path).words, ["word", "a", "c"])

    def test_added_and_removed_files_are_noticed(self):
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
    def test_a_damaged_entry_is_made_again(self, name, damage):
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

    @parameterized.parameters("info.json", "words.txt", "ids.int32")
    def test_an_entry_with_a_link_or_a_pipe_is_made_again(self, name):
        path = self.path("f", "a b b c")
        self.read_path(path)
        entry, = self.entries()
        place = os.path.join(self.cache, entry, name)
        for make in (lambda theirs: os.symlink(theirs, place), lambda theirs: os.mkfifo(place)):
            theirs = self.path("theirs", "")
            os.replace(place, theirs)
            make(theirs)
            self.assertEqual(self.read_path(path).words, ["b", "a", "c"])
            self.assertTrue(self.was_encoded())
            self.assertTrue(os.path.isfile(place) and not os.path.islink(place))
            self.assertTrue(os.path.exists(theirs))

    def test_a_binary_file_is_skipped_in_a_glob_and_an_error_when_named(self):
        self.path("a", "a b")
        binary = self.path("b", b"\0")
        self.assertEqual(self.read_path(os.path.join(self.folder, "[ab]")).words, ["a", "b"])
        with self.assertRaisesRegex(InputError, "b: wanted UTF-8 text, got a binary file"):
            self.read_path([os.path.join(self.folder, "a"), binary])

    def test_a_file_in_place_of_an_entry_is_replaced(self):
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
        with mock.patch.object(encoded, "_write_words", side_effect=error), self.assertRaises(error):
            self.read_path(path)
        self.assertEmpty(self.entries())
        self.read_path(path)
        self.assertTrue(self.was_encoded())

    def test_a_full_disk_is_an_error_that_names_the_cache(self):
        full = OSError(28, "No space left on device")
        with mock.patch.object(encoded, "_write_words", side_effect=full):
            with self.assertRaises(InputError) as caught:
                self.read("a b")
        self.assertEqual(str(caught.exception),
                         self.cache + ": wanted a writable path, got: No space left on device")
        self.assertEmpty(self.entries())

    def test_leftovers_of_a_kill_are_deleted_after_a_day(self):
        for name, age in ((".making-old", 100000), (".making-new", 1000), ("other", 100000)):
            folder = os.path.join(self.cache, name)
            os.makedirs(folder)
            file = self.path(os.path.join(folder, "ids.int32"), "")
            for path in (file, folder):
                os.utime(path, (os.path.getmtime(path) - age,) * 2)
        self.read("a b")
        self.assertEqual(self.entries()[0], ".making-new")
        self.assertLen(self.entries(), 3)

    def test_another_process_may_finish_the_same_entry_first(self):
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

    def test_two_processes_encode_the_same_text_at_once(self):
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

    def test_the_default_folder_follows_xdg_cache_home_or_home(self):
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

    def test_a_default_folder_that_is_not_writable_is_replaced_by_a_temporary_one(self):
        path = self.path("f", "a b")
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": path}), mock.patch(
                "tempfile.tempdir", self.folder):
            read = self.read_path(path, cache_dir=None)
            np.testing.assert_array_equal(whole(read), [0, 1, END])
            self.assertRegex(self.lines[0],
                             "f/tf1_sampled: wanted a writable path, .*; writing the "
                             "encoded text to a temporary folder")
            temporary = os.path.dirname(self.lines[1].split(": ")[1])
            self.assertTrue(os.path.isdir(temporary))
            read.close()
        self.assertFalse(os.path.isdir(temporary))

    def test_a_given_folder_that_is_not_writable_is_an_error(self):
        path = self.path("f", "a b")
        with self.assertRaisesRegex(InputError, "f/x: wanted a writable path, got: "):
            self.read_path(path, cache_dir=os.path.join(path, "x"))


if __name__ == "__main__":
    absltest.main()
