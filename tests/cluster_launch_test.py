import os
import signal
import subprocess
import sys
import textwrap
import time
from unittest import mock

from absl.testing import absltest

from tests import run_program
from tf1_sampled.cluster import launch

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# A program whose behaviour depends on the flag --do and on its job.
_PROGRAM = """
    import signal, sys, time
    flags = dict(a[2:].split("=", 1) for a in sys.argv[1:] if "=" in a)
    me = flags["job_name"] + flags["task_index"]
    hosts = [flags[name + "_hosts"].count(":") for name in ("ps", "worker")]
    print(me, *hosts, flags.get("extra"), flush=True)
    if me == "worker1" and flags["do"] == "fail":
        sys.exit(3)
    if me == "worker1" and flags["do"] == "die":
        import os
        try:
            open("died", "x").close()
        except FileExistsError:
            open("back", "w").close()
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    if flags["do"] == "chief dies" and me == "worker0":
        import os
        from tf1_sampled.cluster import launch
        times = flags.get("times", "1")
        print(*sys.argv[1:], sep="|", file=open("arguments", "a"))
        if len(list(open("arguments"))) <= int(times):
            if times == "1":
                os.mkdir("folder")
                launch.report_folder("folder")
            os.kill(os.getpid(), signal.SIGKILL)
    if flags["do"] == "die" and me == "worker0":
        import os
        while not os.path.exists("back"):
            time.sleep(0.01)
    if me.startswith("ps") or flags["do"] in ("wait", "fail"):
        signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
        if me == "worker0":
            import os
            from tf1_sampled.cluster import launch
            if flags.get("folder"):
                launch.report_folder(flags["folder"])
            open("waits", "w").close()
        time.sleep(60 if flags["do"] in ("wait", "fail") else 0)
    sys.exit(5 if flags["do"] == "five" and me == "worker0" else 0)
"""


class LaunchTest(absltest.TestCase):

    def _start(self, *flags, options=("--ps=1", "--workers=2"), by=()):
        self.folder = self.create_tempdir().full_path
        path = os.path.join(self.folder, "program.py")
        with open(path, "w") as stream:
            stream.write(textwrap.dedent(_PROGRAM))
        return subprocess.Popen(
            [*by, sys.executable, "-m", "tf1_sampled.cluster.launch", *options, "--", path, *flags],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True,
            env=dict(os.environ, PYTHONPATH=_ROOT))

    def _run(self, *flags, **options):
        """Return (exit code, lines of standard output, lines of standard error)."""
        process = self._start(*flags, **options)
        out, err = process.communicate(timeout=60)
        return process.returncode, out.splitlines(), err.splitlines()

    def test_each_process_gets_its_role_and_its_output_is_labelled(self):
        code, out, err = self._run("--do=nothing", "--extra=a b", options=("--ps=2", "--workers=3"))
        self.assertEqual((code, out), (0, ["worker0 2 3 a b"]))
        self.assertCountEqual(err, ["[worker 1] worker1 2 3 a b", "[worker 2] worker2 2 3 a b",
                                    "[ps 0] ps0 2 3 a b", "[ps 1] ps1 2 3 a b"])

    def test_a_killed_process_is_restarted(self):
        code, _, err = self._run("--do=die")
        self.assertEqual(code, 0)
        self.assertEqual(err.count("[worker 1] worker1 1 2 None"), 2)
        self.assertIn("launch: worker 1 was killed by SIGKILL; it is restarted", err)

    def test_a_failure_ends_all(self):
        start = time.time()
        self.assertEqual(self._run("--do=fail")[0], 3)
        self.assertLess(time.time() - start, 40)

    def test_the_exit_code_is_the_chiefs(self):
        self.assertEqual(self._run("--do=five")[0], 5)

    def _interrupt(self, *flags, numbers=(signal.SIGINT,), by=()):
        """Return (exit code, the text after "launch: " on standard error)."""
        process = self._start("--do=wait", *flags, by=by)
        while not os.path.exists(os.path.join(self.folder, "waits")):
            time.sleep(0.01)
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.2)
        err = process.communicate(timeout=60)[1]
        return process.returncode, "launch: ".join(err.split("launch: ")[1:])

    def test_a_signal_goes_to_the_workers(self):
        self.assertEqual(self._interrupt(), (130, ""))

    def test_a_hang_up_goes_to_the_workers_but_not_under_nohup(self):
        self.assertEqual(self._interrupt(numbers=[signal.SIGHUP]), (129, ""))
        self.assertEqual(self._interrupt(numbers=[signal.SIGHUP, signal.SIGINT], by=["nohup"]),
                         (130, ""))

    def test_the_command_to_resume_is_printed_once(self):
        folder = self.create_tempdir("a folder").full_path
        code, reported = self._interrupt("--restart", "--folder=" + folder)
        self.assertEqual((code, reported), (130, (
            "stopped by SIGINT; to resume:\n    python -m tf1_sampled.cluster.launch --ps=1 --workers=2 "
            "-- %s --do=wait '--folder=%s' '--model_dir=%s'\n") % (
                os.path.join(self.folder, "program.py"), folder, folder)))

    def test_without_a_folder_no_command_to_resume_is_printed(self):
        self.assertEqual(self._interrupt("--folder=gone"), (130, ""))

    def test_a_killed_chief_does_not_delete_its_folder(self):
        self.assertEqual(self._run("--do=chief dies", "--restart")[0], 0)
        first, second = self._arguments()
        self.assertIn("--restart", first)
        first.remove("--restart")
        self.assertEqual(second, first + ["--model_dir=folder"])

    def test_a_killed_chief_without_a_folder_starts_with_the_first_arguments(self):
        self.assertEqual(self._run("--do=chief dies", "--times=2", "--restart")[0], 0)
        first, second, third = self._arguments()
        self.assertEqual((second, third), (first, first))
        self.assertIn("--restart", first)

    def _arguments(self):
        """Return the arguments of each start of the chief."""
        with open(os.path.join(self.folder, "arguments")) as stream:
            return [line.split("|") for line in stream.read().splitlines()]

    def test_launched_processes_have_no_standard_input(self):
        folder = self.create_tempdir().full_path
        for corpus in ("-", "a.txt,-"):
            with mock.patch.dict(os.environ, TF1_SAMPLED_LAUNCH=os.path.join(folder, "reported")):
                code, out, err = run_program.run("run_word2vec.py", folder, "--corpus=" + corpus,
                                                 no_tensorflow=True)
            self.assertEqual((code, out), (1, ""))
            self.assertEqual(err, "run_word2vec.py: error: run_word2vec: --corpus: wanted files, as the "
                             "processes of a cluster have no standard input, got '-'\n")

    def test_invalid_arguments_print_the_usage(self):
        for arguments in (["--ps=0", "--", "x"], ["--workers=two", "--", "x"], []):
            result = subprocess.run(
                [sys.executable, "-m", "tf1_sampled.cluster.launch", *arguments], cwd=_ROOT,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
            self.assertEqual(result.returncode, 2)
            self.assertIn(b"usage: python -m tf1_sampled.cluster.launch [--ps=N] [--workers=N] -- "
                          b"PROGRAM", result.stdout)

    def test_commands_name_all_hosts_and_the_task(self):
        shared = [sys.executable, "run_x.py", "--a", "--ps_hosts=127.0.0.1:7",
                  "--worker_hosts=127.0.0.1:8"]
        self.assertEqual(launch.commands(["run_x.py", "--a"], 1, 1, [7, 8]), {
            "worker 0": shared + ["--job_name=worker", "--task_index=0"],
            "ps 0": shared + ["--job_name=ps", "--task_index=0"]})
        self.assertEqual(launch.commands(["run_recsys"], 1, 1, [7, 8])["ps 0"][0], "run_recsys")

    def test_resuming_drops_restart_and_names_the_folder(self):
        for arguments, wanted in (
                (["x", "--a"], ["x", "--a", "--model_dir=m"]),
                (["x", "--restart", "-restart=true", "--norestart"], ["x", "--model_dir=m"]),
                (["x", "--model_dir=own", "--restart"], ["x", "--model_dir=own"]),
                (["x", "-model_dir", "own"], ["x", "-model_dir", "own"]),
                (["x", "--model_dir="], ["x", "--model_dir=", "--model_dir=m"])):
            self.assertEqual(launch.resume_command(arguments, "m"), wanted)
        self.assertEqual(launch.resume_command(["x", "--restart"], ""), ["x"])

    def test_only_launched_processes_report_their_folder(self):
        self.assertFalse(launch.is_launched())
        launch.report_folder("m")
        reported = self.create_tempfile().full_path
        with mock.patch.dict(os.environ, TF1_SAMPLED_LAUNCH=reported):
            self.assertTrue(launch.is_launched())
            launch.report_folder("m \udcff")
        with open(reported, "rb") as stream:
            self.assertEqual(stream.read(), b"m \xff")

    def test_free_ports_are_different(self):
        self.assertLen(set(launch.free_ports(5)), 5)


if __name__ == "__main__":
    absltest.main()
