import logging
import os
import subprocess
import sys
from unittest import mock

from absl.testing import absltest

from tests import run_program
from tf1_sampled import training
from tf1_sampled.training import host

# Compares the global state of a process before and after the use of a OneMachine.
_SCRIPT = """
import logging, os, random, signal, sys, warnings
import numpy as np
import tensorflow.compat.v1 as tf
from tf1_sampled.training import host

def shared():
    return (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), dict(os.environ),
            os.getcwd(), sys.argv, sys.stdout, sys.stderr, list(warnings.filters), logging.root.level,
            list(logging.root.handlers), logging.getLogger("tf1_sampled").level,
            list(logging.getLogger("tf1_sampled").handlers), logging.getLogger("tensorflow").level,
            tf.get_default_graph(), tf.get_default_graph().as_graph_def().SerializeToString(),
            random.getstate(), repr(np.random.get_state()), tf.executing_eagerly(),
            [os.fstat(number)[1:3] for number in (1, 2)])

before = shared()
one = host.OneMachine()
assert one.import_tensorflow() is tf
one.prepare_graph()
one.report("a line")
one.begun("runs/x")
one.stop()
one.uses_temporary_folder()
for i, (was, now) in enumerate(zip(before, shared())):
    assert was == now, (i, was, now)
print("same")
"""


class OneMachineTest(absltest.TestCase):

    def test_it_is_the_chief_and_never_stops(self):
        one = host.OneMachine()
        self.assertIs(one.is_chief, True)
        self.assertIs(one.stop(), False)
        self.assertIs(one.uses_temporary_folder(), True)

    def test_lines_go_to_the_logger(self):
        with self.assertLogs("tf1_sampled", logging.INFO) as logs:
            host.OneMachine().report("100% of it")
        self.assertEqual(logs.output, ["INFO:tf1_sampled:100% of it"])
        self.assertEqual(logs.records[0].getMessage(), "100% of it")

    def test_lines_are_not_shown_unless_asked(self):
        done = subprocess.run(
            [sys.executable, "-c",
             "from tf1_sampled.training import host; host.OneMachine().report('a')"],
            env=dict(os.environ, PYTHONPATH=":".join(sys.path)), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_tensorflow_is_imported_on_request_only(self):
        code = ("import sys; from tf1_sampled.training import host; one = host.OneMachine(); "
                "one.report('a'); one.prepare_graph(); one.begun('a'); "
                "sys.exit('tensorflow' in sys.modules)")
        self.assertEqual(subprocess.call([sys.executable, "-c", code],
                                         env={"PYTHONPATH": ":".join(sys.path)}), 0)
        import tensorflow.compat.v1 as tf
        self.assertIs(host.OneMachine().import_tensorflow(), tf)

    def test_the_state_of_the_process_does_not_change(self):
        code, out, err = run_program.run_code(_SCRIPT, self.create_tempdir().full_path)
        self.assertEqual((code, out), (0, "same\n"), err)

    def test_train_calls_the_loop(self):
        loop = mock.Mock()
        with mock.patch.dict(sys.modules, {"tf1_sampled.training.loop": loop}), \
                mock.patch.object(training, "loop", loop, create=True):
            result = host.OneMachine().train("the plan", 3, {"a": 1})
        self.assertIs(result, loop.train.return_value)
        loop.train.assert_called_once_with("the plan")


if __name__ == "__main__":
    absltest.main()
