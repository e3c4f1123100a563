"""The files for TensorBoard and for a trace viewer."""
import fnmatch
import glob
import json
import os
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest

from tests import graph_case
from tf1_sampled import InputError
from tf1_sampled.training import summaries


class SummariesTest(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def test_numbers_by_name_and_step(self):
        with summaries.Summaries(self.folder, 3) as reported:
            self.assertEmpty(os.listdir(self.folder))
            reported.add(5, {"a": 1, "b": np.float32(2.5), "text": "none", "nothing": None})
            reported.add(7, {"a": 3.0, "deep": {"er": {"x": -1}, "y": np.int64(8)}})
        self.assertEqual(graph_case.read_summaries(self.folder), {
            ("a", 5): 1, ("b", 5): 2.5, ("a", 7): 3, ("deep/er/x", 7): -1, ("deep/y", 7): 8})
        path, = glob.glob(os.path.join(self.folder, "*"))
        starts = [event.step for event in tf.train.summary_iterator(path)
                  if event.session_log.status == tf.SessionLog.START]
        self.assertEqual(starts, [3])

    def test_the_name_of_the_file_is_unpredictable(self):
        names = []
        for folder in (self.create_tempdir().full_path, self.create_tempdir().full_path):
            with mock.patch("time.time", lambda: 1e9), summaries.Summaries(folder, 3) as reported:
                reported.add(5, {"a": 1})
            names += os.listdir(folder)
        self.assertNotEqual(*[name.rpartition(".")[2] for name in names])
        self.assertTrue(all(fnmatch.fnmatchcase(name, "events.out.tfevents.*") for name in names))

    def test_a_trace(self):
        path = os.path.join(self.folder, "trace.json")
        x = tf.placeholder(tf.float32, [])
        with tf.Session() as session:
            self.assertEqual(summaries.traced_run(session, [x + 1, x * 2], {x: 3}, path), [4, 6])
            with open(path) as stream:
                names = {event.get("args", {}).get("op") for event in json.load(stream)["traceEvents"]}
            self.assertNotEmpty(names & {"Mul", "AddV2", "_Retval"})
            with self.assertRaisesRegex(InputError, "wanted a writable path"):
                summaries.traced_run(session, x + 1, {x: 3}, os.path.join(path, "below"))


if __name__ == "__main__":
    absltest.main()
