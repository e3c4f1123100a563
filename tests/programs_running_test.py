import json
import os
import signal
import subprocess
import sys
from unittest import mock

from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.cluster import spec
from tf1_sampled.programs import running
from tf1_sampled.training import host

# A program in which stand-ins, which print their calls, replace the modules that import TensorFlow.
_SCRIPT = """
import collections, dataclasses, logging, os, signal, sys, time, types
from typing import Sequence
from tf1_sampled import checks
from tf1_sampled.cluster.settings import ClusterSettings
from tf1_sampled.programs import quiet, running
from tf1_sampled.settings import Settings, setting

Result = collections.namedtuple("Result", "is_whole")
Plan = collections.namedtuple("Plan", "data")
Data = collections.namedtuple("Data", "num_units")

def stand_in(name, **functions):
    module = types.ModuleType("tf1_sampled." + name)
    module.__dict__.update(functions)
    sys.modules["tf1_sampled." + name] = module

def train(*arguments):
    print("train", *arguments)
    if os.environ.get("SIGNAL"):
        print(running.SIGNALS.asked())
        os.kill(os.getpid(), getattr(signal, os.environ["SIGNAL"]))
        print(running.SIGNALS.asked(), flush=True)
    if os.environ.get("SECOND"):
        os.kill(os.getpid(), getattr(signal, os.environ["SECOND"]))
        time.sleep(60)
    return Result(not os.environ.get("SIGNAL"))

def serve(cluster, report):
    report("serve " + cluster.device)

stand_in("training.loop", train=train)
stand_in("cluster.shared_training", train=train, Sharing=collections.namedtuple("Sharing", "a b c"))
stand_in("cluster.work_queue", num_pieces=lambda *arguments: arguments)
stand_in("cluster.placement", cut_tables=lambda cluster: print("cut", cluster.device))
stand_in("cluster.servers", serve=serve)
quiet.import_tensorflow = lambda: print("tensorflow", flush=True)

@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Do(Settings):
    mode: str = setting("", "What to do.", "training")
    dim: int = setting(8, "Size.", "model", least=1)
    loss: str = setting("nce", "Loss.", "training", choices=("gbce", "nce"))

@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Saving(Settings):
    model_dir: str = setting("", "Folder.", "results")
    restart: bool = setting(False, "Start anew.", "training")

def body(do, saving, host):
    if do.mode == "wrong":
        checks.argument(False, "f", "x", "a good one", "a bad one")
    if do.mode == "defect":
        raise ValueError("a defect")
    if do.mode == "log":
        logging.getLogger("library").info("all is well")
        logging.getLogger("library").warning("all is lost")
    if do.mode in ("SIGINT", "SIGTERM"):
        os.kill(os.getpid(), getattr(signal, do.mode))
        time.sleep(60)
    if do.mode == "train":
        host.prepare_graph()
        host.begun(saving.model_dir or "runs/x 1")
        print(host.train(Plan(Data(700)), 7, {"dim": do.dim}), host.is_chief)
    print(do, saving, host.cluster)

classes = [Do, Saving] + [ClusterSettings] * ("ALONE" not in os.environ)
running.run("run_x", "Do x.", classes, body)
sys.exit(9 if "tensorflow" in sys.modules else None)
"""
_HOSTS = ("--ps_hosts=a:1,b:2", "--worker_hosts=c:3,d:4")


class RunTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.script = self.create_tempfile("script.py", _SCRIPT).full_path

    def run_script(self, *arguments, stdout=subprocess.PIPE, command=(sys.executable,), **variables):
        """Return (exit code, output, errors) of the program."""
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
        # Without a buffer nothing would be left for the flush at exit.
        for name in ("PYTHONUNBUFFERED", "TF_CONFIG", "TF1_SAMPLED_LAUNCH"):
            environment.pop(name, None)
        environment.update(variables)
        done = subprocess.run([*command, self.script, *arguments], env=environment, stdout=stdout,
                              stderr=subprocess.PIPE, universal_newlines=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def test_the_body_gets_its_settings_and_a_host(self):
        self.assertEqual(self.run_script("--dim=3", "--model_dir=m"),
                         (0, "Do(dim=3) Saving(model_dir='m') None\n", ""))

    def test_a_program_for_one_machine_has_no_flags_of_a_cluster(self):
        self.assertEqual(self.run_script("--dim=3", ALONE="1", TF_CONFIG='{"cluster": {"ps": ["a:1"]}}'),
                         (0, "Do(dim=3) Saving() None\n", ""))
        code, _, errors = self.run_script(_HOSTS[0], ALONE="1")
        self.assertEqual(code, 1)
        self.assertIn("Unknown command line flag 'ps_hosts'", errors)
        self.assertNotIn("ps_hosts", self.run_script("--help", ALONE="1")[1])
        self.assertIn("ps_hosts", self.run_script("--help")[1])

    def test_an_input_error_is_one_line(self):
        self.assertEqual(self.run_script("--mode=wrong"),
                         (1, "", "script.py: error: f: x: wanted a good one, got 'a bad one'\n"))

    def test_an_error_of_a_package_names_the_package(self):
        with mock.patch.object(sys, "argv", ["some/study/__main__.py"]), mock.patch.object(
                running.SIGNALS, "install"), mock.patch.object(running.streams, "settle"):
            with self.assertRaisesRegex(SystemExit, "^study: error: no$"), running.report_errors():
                raise checks.InputError("no")

    @parameterized.parameters(
        ("--dim=0", "run_x: --dim: wanted an integer of 1 or more, got 0"),
        ("--loss=nec", "run_x: --loss: wanted one of gbce, nce, got 'nec'"),
        ("--restart=7", "run_x: --restart: wanted True or False, got '7'"),
        ("--los=nce", "Unknown command line flag 'los'. Did you mean: loss ?; --help shows all flags"),
        ("x", "run_x: arguments: wanted only flags (for several files: --flag=a,b), got 'x'"),
        ("--job_name=chief", "run_x: --job_name: wanted one of ps, worker, got 'chief'"))
    def test_an_error_about_a_flag_is_one_line(self, argument, message):
        self.assertEqual(self.run_script(argument), (1, "", "script.py: error: %s\n" % message))

    def test_a_defect_keeps_its_traceback(self):
        code, _, errors = self.run_script("--mode=defect")
        self.assertNotEqual(code, 0)
        self.assertStartsWith(errors, "Traceback (most recent call last):\n")
        self.assertIn(", in body\n", errors)
        self.assertEndsWith(errors, "\nValueError: a defect\n")

    @parameterized.parameters(("SIGINT", 130), ("SIGTERM", 143))
    def test_signals_give_the_exit_codes_of_a_shell(self, name, code):
        self.assertEqual(self.run_script("--mode=" + name),
                         (code, "", "script.py: stopped by %s\n" % name))

    def test_libraries_log_warnings_only(self):
        code, _, errors = self.run_script("--mode=log")
        self.assertEqual(code, 0)
        self.assertIn("all is lost", errors)
        self.assertLen(errors.splitlines(), 1)

    # Help.

    @parameterized.parameters("-h", "-help", "--help", "--helpshort")
    def test_help(self, argument):
        code, output, errors = self.run_script("--dim=0", argument)
        self.assertEqual((code, errors), (0, ""))
        self.assertStartsWith(
            output, "Do x.\n\nFlags: script.py --flag=value ...\n\nModel:\n  --dim=N\n")
        self.assertLess(output.index("  --model_dir=TEXT"),
                        output.index("\nCluster:\n  --ps_hosts=TEXT,..."))

    def test_help_after_a_lone_dash_dash_is_an_argument(self):
        code, output, errors = self.run_script("--", "--help")
        self.assertEqual((code, output), (1, ""))
        self.assertEndsWith(errors, "wanted only flags (for several files: --flag=a,b), got '--help'\n")

    def test_help_ends_quietly_when_its_pipe_is_closed(self):
        readable, writable = os.pipe()
        os.close(readable)
        self.addCleanup(os.close, writable)
        self.assertEqual(self.run_script("--help", stdout=writable), (0, None, ""))

    def test_help_ends_quietly_without_standard_output(self):
        self.assertEqual(
            self.run_script("--help", command=("sh", "-c", 'exec "$0" "$@" >&-', sys.executable)),
            (0, "", ""))

    # Training.

    def test_a_finished_training_returns_its_result(self):
        self.assertEqual(self.run_script("--mode=train")[:2], (
            0, "train Plan(data=Data(num_units=700))\nResult(is_whole=True) True\nDo(mode='train') "
               "Saving() None\n"))

    @parameterized.parameters(("SIGINT", 130), ("SIGTERM", 143))
    def test_a_signal_ends_the_training_and_prints_how_to_resume(self, name, code):
        got, output, errors = self.run_script("--mode=train", "--restart", "--restart=true", SIGNAL=name)
        self.assertEqual((got, output), (code, "train Plan(data=Data(num_units=700))\nFalse\nTrue\n"))
        self.assertEqual(errors, "script.py: stopped by %s; to resume:\n    python %s --mode=train "
                                 "'--model_dir=runs/x 1'\n" % (name, self.script))
        errors = self.run_script("--mode=train", "--model_dir=mine", SIGNAL=name)[2]
        self.assertEndsWith(errors, "script.py --mode=train --model_dir=mine\n")

    def test_the_second_signal_is_not_deferred(self):
        code, _, errors = self.run_script("--mode=train", SIGNAL="SIGTERM", SECOND="SIGINT")
        self.assertEqual((code, errors), (130, "script.py: stopped by SIGINT\n"))

    # Several machines.

    def test_a_worker_trains_its_share(self):
        code, output, errors = self.run_script("--mode=train", "--dim=3", *_HOSTS, "--job_name=worker",
                                               "--task_index=1")
        cluster = ("Cluster(ps_hosts=('a:1', 'b:2'), worker_hosts=('c:3', 'd:4'), job_name='worker', "
                   "task_index=1, is_sync=False)")
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(output.splitlines(), [
            "cut /job:worker/task:1",
            "train Plan(data=Data(num_units=700)) Sharing(a=%s, b=(700, 7), c={'dim': 3})" % cluster,
            "Result(is_whole=True) False", "Do(dim=3, mode='train') Saving() " + cluster])

    def test_a_parameter_server_does_not_call_the_body(self):
        self.assertEqual(self.run_script("--mode=wrong", *_HOSTS, "--job_name=ps", "--task_index=1"),
                         (0, "tensorflow\nserve /job:ps/task:1\n", ""))
        config = {"cluster": {"ps": ["a:1"], "worker": ["b:2"]}, "task": {"type": "ps", "index": 0}}
        self.assertEqual(self.run_script(TF_CONFIG=json.dumps(config)),
                         (0, "tensorflow\nserve /job:ps/task:0\n", ""))

    def test_an_invalid_task_of_a_cluster_is_an_error(self):
        self.assertEqual(self.run_script(*_HOSTS, "--job_name=ps", "--task_index=2"), (
            1, "", "script.py: error: cluster: --task_index: wanted an integer from 0 to 1, got 2\n"))

    def test_only_the_chief_resumes_in_its_folder(self):
        for index, folder in (("0", " '--model_dir=runs/x 1'"), ("1", "")):
            code, _, errors = self.run_script("--mode=train", *_HOSTS, "--job_name=worker",
                                              "--task_index=" + index, SIGNAL="SIGTERM")
            self.assertEqual(code, 143)
            self.assertStartsWith(
                errors, "script.py: stopped by SIGTERM; to resume, start every stopped process again "
                "with its own command. For this process:\n    ")
            self.assertEndsWith(errors, "--job_name=worker --task_index=%s%s\n" % (index, folder))

    def test_the_launcher_receives_the_folder(self):
        folder_file = self.create_tempfile("reported", "")
        code, _, errors = self.run_script("--mode=train", SIGNAL="SIGTERM",
                                          TF1_SAMPLED_LAUNCH=folder_file.full_path)
        self.assertEqual((code, errors), (143, "script.py: stopped by SIGTERM\n"))
        self.assertEqual(folder_file.read_text(), "runs/x 1")


class ProgramHostTest(absltest.TestCase):

    def test_a_host_without_a_cluster_is_the_chief(self):
        own = running.ProgramHost()
        self.assertIsInstance(own, host.OneMachine)
        self.assertTrue(own.is_chief)
        self.assertFalse(own.uses_temporary_folder())
        own.prepare_graph()  # nothing

    def test_the_first_worker_is_the_chief(self):
        for job, index, is_chief in (("worker", 0, True), ("worker", 1, False), ("ps", 0, False)):
            cluster = spec.Cluster(("a:1",), ("b:1", "c:1"), job, index, is_sync=False)
            self.assertEqual(running.ProgramHost(cluster).is_chief, is_chief)

    def test_lines_are_printed_at_once(self):
        with mock.patch.object(sys, "stdout") as out:
            running.ProgramHost().report("a line")
        self.assertEqual("".join(call[0][0] for call in out.write.call_args_list), "a line\n")
        out.flush.assert_called_once_with()

    def test_the_host_stops_after_a_signal(self):
        self.assertFalse(running.ProgramHost().stop())
        with mock.patch.object(running, "SIGNALS") as signals:
            signals.asked.return_value = True
            self.assertTrue(running.ProgramHost().stop())

    def test_the_import_installs_no_signal_handlers(self):
        code = ("import signal; before = [signal.getsignal(n) for n in (2, 15)]; "
                "from tf1_sampled.programs import running; import sys; "
                "after = [signal.getsignal(n) for n in (2, 15)]; "
                "sys.exit(before != after or 'tensorflow' in sys.modules)")
        self.assertEqual((signal.SIGINT, signal.SIGTERM), (2, 15))
        self.assertEqual(subprocess.call([sys.executable, "-c", code],
                                         env={"PYTHONPATH": ":".join(sys.path)}), 0)


if __name__ == "__main__":
    absltest.main()
