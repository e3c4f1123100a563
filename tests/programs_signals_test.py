import os
import shlex
import signal
import sys
from unittest import mock

from absl.testing import absltest, parameterized

from tf1_sampled.programs import signals

_TASK = ', "task": {"type": "worker", "index": 0}}'
_ONE_OF_MANY = ("; to resume, start every stopped process again with its own command. For this process:"
                "\n    ")


def _send(number):
    os.kill(os.getpid(), number)
    # A handler runs between two instructions of Python's.
    for _ in range(1000):
        pass


class SignalsTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.signals = signals.Signals()
        self.signals.install()
        patch = mock.patch.dict(os.environ)
        patch.start()
        self.addCleanup(patch.stop)
        for name in ("TF_CONFIG", "TF1_SAMPLED_LAUNCH"):
            os.environ.pop(name, None)

    def leave(self, arguments, folder="", number=signal.SIGTERM):
        """Return the Stopped that a program with these arguments raises after a signal."""
        with mock.patch.object(sys, "argv", arguments), self.assertRaises(signals.Stopped) as caught:
            with self.signals.deferred():
                _send(number)
            self.signals.leave(folder)
        return caught.exception

    @parameterized.parameters((signal.SIGINT, "SIGINT", 130), (signal.SIGTERM, "SIGTERM", 143),
                              (signal.SIGHUP, "SIGHUP", 129))
    def test_a_signal_stops_at_once(self, number, name, code):
        with self.assertRaises(signals.Stopped) as caught:
            _send(number)
        self.assertEqual(str(caught.exception), "stopped by " + name)
        self.assertEqual(caught.exception.exit_code, code)
        self.assertFalse(self.signals.asked())

    def test_except_exception_does_not_catch_stopped(self):
        self.assertFalse(issubclass(signals.Stopped, Exception))

    def test_while_deferred_the_first_signal_only_asks(self):
        with self.signals.deferred():
            self.assertFalse(self.signals.asked())
            _send(signal.SIGTERM)
            self.assertTrue(self.signals.asked())
        self.assertTrue(self.signals.asked())

    @parameterized.parameters((signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGINT),
                              (signal.SIGHUP, signal.SIGTERM))
    def test_the_second_signal_is_not_deferred(self, first, second):
        with self.assertRaises(signals.Stopped) as caught, self.signals.deferred():
            _send(first)
            _send(second)
            self.fail("the program continues")
        self.assertEqual(str(caught.exception), "stopped by " + signal.Signals(second).name)

    @parameterized.parameters(signal.SIGHUP, signal.SIGTERM)
    def test_a_sighup_is_never_the_second_signal(self, first):
        with self.signals.deferred():
            _send(first)
            _send(signal.SIGHUP)
        self.assertTrue(self.signals.asked())

    def test_a_sighup_ignored_at_the_start_stays_ignored(self):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.signals.install()
        with self.signals.deferred():
            _send(signal.SIGHUP)
            self.assertFalse(self.signals.asked())

    def test_after_the_deferral_a_signal_stops_at_once(self):
        with self.signals.deferred():
            pass
        with self.assertRaises(signals.Stopped):
            _send(signal.SIGINT)

    def test_an_error_ends_the_deferral(self):
        with self.assertRaises(KeyError), self.signals.deferred():
            raise KeyError()
        with self.assertRaises(signals.Stopped):
            _send(signal.SIGINT)

    @parameterized.parameters((signal.SIGINT, "SIGINT", 130), (signal.SIGTERM, "SIGTERM", 143))
    def test_leave_prints_how_to_resume(self, number, name, code):
        stopped = self.leave(["a/run_x.py", "--dim=3"], "runs/x", number)
        self.assertEqual(stopped.exit_code, code)
        self.assertEqual(str(stopped), "stopped by %s; to resume:\n    python a/run_x.py --dim=3 "
                                       "--model_dir=runs/x" % name)

    @parameterized.parameters(
        (["run_x.py", "--restart", "--restart=true"], "runs/x 1",
         "python run_x.py '--model_dir=runs/x 1'"),
        (["a b/run_x.py", "--corpus=c d"], "m", "python 'a b/run_x.py' '--corpus=c d' --model_dir=m"),
        (["run_x.py", "--model_dir=mine"], "mine", "python run_x.py --model_dir=mine"),
        (["run_x.py"], "", "python run_x.py"),
        (["bin/run_x", "--dim=3"], "m", "bin/run_x --dim=3 --model_dir=m"))
    def test_the_command_resumes_in_the_folder_without_restart(self, arguments, folder, command):
        text = str(self.leave(list(arguments), folder))
        self.assertEqual(text, "stopped by SIGTERM; to resume:\n    " + command)
        self.assertNotIn("--restart", shlex.split(text.splitlines()[1]))

    @parameterized.parameters("--ps_hosts=a:1", "-ps_hosts", "--ps_hosts")
    def test_a_process_of_a_cluster_asks_to_start_all_processes(self, flag):
        text = str(self.leave(["run_x.py", flag]))
        self.assertEqual(text, "stopped by SIGTERM%spython run_x.py %s" % (_ONE_OF_MANY, flag))

    def test_tf_config_with_parameter_servers_means_a_cluster(self):
        for config, text in (('{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}' + _TASK, _ONE_OF_MANY),
                             ('{"cluster": {"worker": ["b:1"]}' + _TASK, "; to resume:\n    ")):
            os.environ["TF_CONFIG"] = config
            self.assertEqual(str(self.leave(["run_x.py"])), "stopped by SIGTERM%spython run_x.py" % text)
            self.signals = signals.Signals()
            self.signals.install()

    def test_a_launched_process_does_not_print_how_to_resume(self):
        os.environ["TF1_SAMPLED_LAUNCH"] = "reported"
        stopped = self.leave(["run_x.py", "--ps_hosts=a:1"], "m")
        self.assertEqual((str(stopped), stopped.exit_code), ("stopped by SIGTERM", 143))


if __name__ == "__main__":
    absltest.main()
