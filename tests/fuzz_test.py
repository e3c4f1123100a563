"""Tests that each file reader answers bad input with a result or a clear InputError; see fuzzing.py."""
import os
import unittest
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import fuzzing
from tf1_sampled import checks
from tf1_sampled.recsys import events, items, warm_start
from tf1_sampled.word2vec import vectors, vocabulary

try:
    import hypothesis
    from hypothesis import strategies
except ImportError:
    hypothesis = None

_READERS = [(reader.name, reader) for reader in fuzzing.READERS]
_NAMES = ["../../up", "/etc/up", "..\\up", "=1+1", "@x", 'a "b", c', "%s", "C:", "~", "\U0001f600",
          "\u202e", "x" * 10 ** 6]


def _refuse(path):
    raise checks.InputError("%s: wanted less, got this" % path)


class FuzzTest(parameterized.TestCase):

    @unittest.skipIf(hypothesis is None, "hypothesis is not installed: nothing makes the inputs")
    @parameterized.named_parameters(*_READERS)
    def test_bad_input_gives_a_clear_error(self, reader):
        place = fuzzing.Place(reader, self.create_tempdir().full_path)

        # The inputs are reproducible; a failing one is made smaller before it is shown.
        @hypothesis.settings(max_examples=100, derandomize=True, deadline=None, database=None,
                             suppress_health_check=list(hypothesis.HealthCheck))
        @hypothesis.given(strategies.randoms(use_true_random=False))
        def answers(random):
            path = place.put(*fuzzing.make_input(random, reader))
            try:
                fuzzing.outcome(reader, path)
            finally:
                place.clear(path)

        with fuzzing.limits():
            answers()

    @parameterized.named_parameters(*_READERS)
    def test_valid_input_is_read(self, reader):
        place = fuzzing.Place(reader, self.create_tempdir().full_path)
        results = 0
        with fuzzing.limits():
            for content in reader.examples:
                path = place.put(reader.files[0], content)
                results += fuzzing.outcome(reader, path) is None
                place.clear(path)
        self.assertGreater(results, 0)


class HarnessTest(parameterized.TestCase):
    """Tests that the harness detects faults."""

    def reader(self, read):
        return fuzzing.Reader("r", ["f"], [b"1\n"], read, {})

    @parameterized.named_parameters(
        ("traceback", lambda path: int("x"), "a traceback: (.|\n)*ValueError"),
        ("warning", lambda path: np.float32([1e38]) * np.float32(1e38), "a traceback: (.|\n)*Warning"),
        ("memory", lambda path: np.ones(1 << 31), "a traceback: (.|\n)*MemoryError"),
        ("no_path", lambda path: _refuse("x"), "an unclear message"),
        ("long_message", lambda path: _refuse(path + "x" * 2000), "an unclear message"))
    def test_tracebacks_warnings_and_unclear_messages_are_detected(self, read, message):
        place = fuzzing.Place(self.reader(read), self.create_tempdir().full_path)
        with fuzzing.limits(), self.assertRaisesRegex(fuzzing.Wrong, message):
            fuzzing.outcome(self.reader(read), place.put("f", b"x"))

    def test_hang_is_detected(self):
        def read(path):
            while True:
                pass
        place = fuzzing.Place(self.reader(read), self.create_tempdir().full_path)
        with mock.patch.object(fuzzing, "_SECONDS", .1):
            with self.assertRaisesRegex(fuzzing.Wrong, "a hang"):
                fuzzing.outcome(self.reader(read), place.put("f", b"x"))

    @parameterized.parameters("f.copy", "../../up", "d/x")
    def test_files_written_beside_the_input_are_detected(self, name):
        def read(path):
            other = os.path.join(os.path.dirname(path), name)
            os.makedirs(os.path.dirname(other), exist_ok=True)
            open(other, "w").close()
        place = fuzzing.Place(self.reader(read), self.create_tempdir().full_path)
        path = place.put("f", b"x")
        self.assertIsNone(fuzzing.outcome(self.reader(read), path))
        with self.assertRaisesRegex(fuzzing.Wrong, "files beside .*" + os.path.basename(name)):
            place.clear(path)

    def test_run_counts_the_inputs(self):
        def read(path):
            with open(path, "rb") as stream:
                {b"1\n": len, b"": int}.get(stream.read(), _refuse)(path)
        shown = []
        count = fuzzing.run(self.reader(read), range(300), shown.append)
        self.assertEqual((count.inputs, count.results + count.errors + count.tracebacks), (300, 300))
        self.assertGreater(count.results, 9)
        self.assertGreater(count.errors, 99)
        self.assertLen(shown, count.tracebacks)
        self.assertGreater(count.tracebacks, 0)
        self.assertEqual((count.hangs, count.others), (0, 0))


class NamesTest(absltest.TestCase):

    def test_names_are_not_paths_and_are_restored(self):
        top = self.create_tempdir().full_path
        folder = os.path.join(top, "a", "b")
        os.makedirs(folder)
        path = os.path.join(folder, "events.tsv")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write("user\titem\tkind\n" + "".join("%s\t%s\t%s\n" % (n, n, n) for n in _NAMES[:-1]))
        log = events.read_log(path, categorical=["kind"])
        categories = log.columns["kind"].kind.categories
        names = warm_start.Names(log.item_names, log.user_names, {"kind": categories})
        self.assertEqual(names[:3], (_NAMES[:-1], _NAMES[:-1], {"kind": [""] + _NAMES[:-1]}))
        names = warm_start.Names(_NAMES, _NAMES, {"../up": [""] + _NAMES})
        items.write_items(os.path.join(folder, "items.tsv"), _NAMES, _NAMES[::-1], [1] * len(_NAMES))
        warm_start.write_names(folder, names)
        self.assertEqual(warm_start.read_names(folder), names)
        words = [name.replace(" ", "_")[:60000] for name in _NAMES]
        for name in ("v.txt", "v.bin"):
            vectors.write_vectors(os.path.join(folder, name), words, np.eye(len(words)))
            self.assertEqual(vectors.read_vectors(os.path.join(folder, name))[0], words)
        vocabulary.save_vocabulary(os.path.join(folder, "w.txt"), words, range(len(words)))
        self.assertEqual(vocabulary.read_vocabulary(os.path.join(folder, "w.txt"))[0], words)
        found = [name for _, folders, files in os.walk(top) for name in folders + files]
        self.assertCountEqual(found, ["a", "b", "events.tsv", "items.tsv", "names.json", "v.txt",
                                      "v.bin", "w.txt"])


if __name__ == "__main__":
    absltest.main()
