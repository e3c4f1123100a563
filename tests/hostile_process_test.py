"""What the system does to programs beside kills: a clock that is set back, hang-ups, a launcher that is gone."""
import glob
import os

from absl.testing import absltest

from tests import run_program, survival

# The program, and a time of day that is set back a day between the first two checkpoints.
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


class HostileProcessTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        survival.write_data(self.folder)

    def test_a_clock_that_is_set_back_changes_neither_checkpoints_nor_speed(self):
        program = "run_recsys.py"
        arguments = [a for a in survival.ARGUMENTS[program] if "validations" not in a]
        code, out, err = run_program.run_code(
            _CLOCK_SET_BACK % os.path.join(survival.ROOT, program), self.folder, *arguments,
            "--validations=1", "--keep=99")
        self.assertEqual(code, 0, err)
        self.assertGreater(len(glob.glob(os.path.join(self.folder, "model", "*.index"))), 5)
        for text in out, err:
            self.assertRegex(text, r"(?m)(^|, )[1-9][\d,]* examples/s")


if __name__ == "__main__":
    absltest.main()
