"""Tests of faults around a program: a clock set back, a closed terminal, a killed launcher."""
import glob
import os
import signal
import subprocess
import sys
import time

from absl.testing import absltest

from tests import cluster_survival_case, run_program, survival

# The program with a clock that is set back by a day between the first two checkpoints.
_CLOCK_SET_BACK = """
import os, runpy, sys, time

now, calls = time.time, []

def time_of_day():
    calls.extend([1] * os.path.exists("model/checkpoint"))
    return now() - 86400 * (len(calls) > 1)

time.time = time_of_day
sys.argv[0] = %r
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class HostileProcessTest(cluster_survival_case.ClusterSurvivalCase):

    def test_clock_set_back_changes_neither_checkpoints_nor_speed(self):
        program = "run_recsys.py"
        arguments = [a for a in survival.ARGUMENTS[program] if "validations" not in a]
        code, out, err = run_program.run_code(
            _CLOCK_SET_BACK % os.path.join(survival.ROOT, program), self.folder, *arguments,
            "--validations=1", "--keep=99")
        self.assertEqual(code, 0, err)
        self.assertGreater(len(glob.glob(os.path.join(self.folder, "model", "*.index"))), 5)
        for text in out, err:
            self.assertRegex(text, r"(?:, |speed: )[1-9][\d,]* examples/s")

    def test_closed_terminal_saves_a_checkpoint(self):
        process = survival.start("run_recsys.py", self.folder, "--epochs=500")
        self.wait_for_step(50)
        for _ in range(2):
            os.kill(process.pid, signal.SIGHUP)
        self.assertEqual(survival.wait(process), 129)
        with open(os.path.join(self.folder, "err.txt")) as stream:
            self.assertIn("run_recsys.py: stopped by SIGHUP; to resume:\n    python ", stream.read())

    def test_processes_end_when_their_launcher_is_killed_with_a_checkpoint(self):
        out, err = (os.path.join(self.folder, name) for name in ("out.txt", "err.txt"))
        with open(out, "w") as out_stream, open(err, "w") as err_stream:
            launcher = subprocess.Popen(
                [sys.executable, "-m", "tf1_sampled.cluster.launch", "--ps=1", "--workers=2", "--",
                 os.path.join(survival.ROOT, "run_recsys.py"), *survival.ARGUMENTS["run_recsys.py"],
                 "--epochs=500", "--save_seconds=2"], cwd=self.folder,
                env=run_program.environment(self.folder), stdout=out_stream, stderr=err_stream)
        self.addCleanup(launcher.kill)
        self.wait_for_step(50)
        children = _children(launcher.pid)
        self.assertLen(children, 3)
        for child in children:
            self.addCleanup(_kill, child)
        launcher.kill()
        launcher.wait()
        step, end = survival.newest(self.folder), time.time() + 60
        while any(map(_runs, children)):
            self.assertLess(time.time(), end, "they still run")
            time.sleep(0.05)
        self.assertGreater(survival.newest(self.folder), step)
        with open(err) as stream:
            self.assertEndsWith(stream.read(), "run_recsys.py: stopped by SIGTERM\n")


def _stat(pid):
    """Return (state, parent) of a process; "Z" if it has ended, whether its parent knows or not."""
    try:
        with open("/proc/%d/stat" % pid) as stream:
            fields = stream.read().rpartition(") ")[2].split()
        return fields[0], int(fields[1])
    except OSError:
        return "Z", 0


def _runs(pid):
    return _stat(pid)[0] != "Z"


def _children(pid):
    every = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [each for each in every if _stat(each)[1] == pid]


def _kill(pid):
    if _runs(pid):
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    absltest.main()
