import os
import subprocess
import sys

from absl.testing import absltest

from tf1_sampled import InputError
from tf1_sampled.programs import program

_SCRIPT = """
import logging
import os
import signal
import sys
import time
from absl import flags
from tf1_sampled import checks, program
program.define_training_flags("nce", "uniform", 5, "sgd", {"sgd": 0.1}, 32, 2, 8, "step", "Examples")
flags.DEFINE_string("mode", "", "What to do.")

def main(_):
    if flags.FLAGS.mode == "wrong":
        checks.argument(False, "f", "x", "a good one", "a bad one")
    if flags.FLAGS.mode == "defect":
        raise ValueError("a defect")
    if flags.FLAGS.mode == "log":
        logging.getLogger("library").info("all is well")
        logging.getLogger("library").warning("all is lost")
    if flags.FLAGS.mode in ("SIGINT", "SIGTERM"):
        os.kill(os.getpid(), getattr(signal, flags.FLAGS.mode))
        time.sleep(60)
    if flags.FLAGS.mode == "deferred":
        with program.SIGNALS.deferred() as stop:
            print(stop())
            os.kill(os.getpid(), signal.SIGTERM)
            print(stop(), flush=True)
        program.SIGNALS.leave("runs/x 1")
    if flags.FLAGS.mode == "impatient":
        with program.SIGNALS.deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
    if flags.FLAGS.mode == "cluster":
        print(program.cluster_of(flags.FLAGS))
        return
    if flags.FLAGS.mode == "import":
        tf = program.import_tensorflow()
        tf.disable_v2_behavior()
        tf.Session().run(tf.constant(1))
        print("still here", file=sys.stderr)
    print(program.settings(flags.FLAGS))

program.run(main)
"""


class ProgramTest(absltest.TestCase):

    def _run(self, *arguments, **variables):
        script = self.create_tempfile("script.py", _SCRIPT).full_path
        environment = dict(os.environ, PYTHONPATH=":".join(p for p in sys.path if p), **variables)
        environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
        # TensorFlow imports Matplotlib where it is; that warns of a home that it cannot write to.
        environment["MPLCONFIGDIR"] = self.create_tempdir().full_path
        done = subprocess.run([sys.executable, script] + list(arguments), env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True)
        return done.returncode, done.stdout, done.stderr

    def test_settings_are_the_programs_own_flags(self):
        code, out, _ = self._run("--num_sampled=7")
        self.assertEqual(code, 0)
        settings = eval(out)  # pylint: disable=eval-used
        self.assertEqual(settings["num_sampled"], 7)
        self.assertEqual(settings["mode"], "")
        self.assertNotIn("verbosity", settings)

    def test_the_rate_falls_linearly_or_not_at_all(self):
        for arguments, decay in (((), "linear"), (("--decay=none",), "none")):
            code, out, _ = self._run(*arguments)
            self.assertEqual((code, eval(out)["decay"]), (0, decay))  # pylint: disable=eval-used

    def test_a_loss_may_be_a_full_one(self):
        code, out, _ = self._run("--loss=full_softmax")
        self.assertEqual((code, eval(out)["loss"]), (0, "full_softmax"))  # pylint: disable=eval-used

    def test_what_the_user_got_wrong_is_one_line(self):
        code, _, err = self._run("--mode=wrong")
        self.assertEqual((code, err), (
            1, "script.py: error: f: x: wanted a good one, got 'a bad one'\n"))

    def test_a_defect_keeps_its_traceback(self):
        code, _, err = self._run("--mode=defect")
        self.assertNotEqual(code, 0)
        self.assertIn("Traceback", err)

    def test_signals_have_their_exit_codes(self):
        for name, wanted in (("SIGINT", 130), ("SIGTERM", 143)):
            code, _, err = self._run("--mode=" + name)
            self.assertEqual((code, err), (wanted, "script.py: stopped by %s\n" % name))

    def test_a_signal_that_is_put_off_tells_how_to_go_on(self):
        code, out, err = self._run("--mode=deferred", "--restart", "--restart=true")
        self.assertEqual((code, out), (143, "False\nTrue\n"))
        self.assertRegex(err, "^script.py: stopped by SIGTERM; to go on:\n    python [^ ]*script.py "
                         "--mode=deferred '--model_dir=runs/x 1'\n$")
        _, _, err = self._run("--mode=deferred", "--model_dir=mine")
        self.assertEndsWith(err, "script.py --mode=deferred --model_dir=mine\n")

    def test_one_of_many_is_told_to_start_all_of_them(self):
        text = "; to go on, start all stopped processes again, each with its command; this one's:\n    "
        self.assertIn("SIGTERM" + text + "python ", self._run("--mode=deferred", "--ps_hosts=a:1")[2])
        task = ', "task": {"type": "worker", "index": 0}}'
        for config, told in (('{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}' + task, text),
                             ('{"cluster": {"worker": ["b:1"]}' + task, "; to go on:\n    ")):
            err = self._run("--mode=deferred", TF_CONFIG=config)[2]
            self.assertIn("SIGTERM" + told + "python ", err)

    def test_what_is_launched_leaves_that_to_the_launcher(self):
        code, _, err = self._run("--mode=deferred", "--ps_hosts=a:1", TF1_SAMPLED_LAUNCH="told")
        self.assertEqual((code, err), (143, "script.py: stopped by SIGTERM\n"))

    def test_the_second_signal_is_not_put_off(self):
        code, _, err = self._run("--mode=impatient")
        self.assertEqual((code, err), (130, "script.py: stopped by SIGINT\n"))

    def test_a_cluster_of_flags_and_of_the_environment(self):
        hosts = ["--ps_hosts=a:1,b:2", "--worker_hosts=c:3"]
        code, out, err = self._run("--mode=cluster", *hosts, "--job_name=ps", "--task_index=1", "--sync")
        self.assertEqual((code, out, err), (
            0, "Cluster(ps_hosts=('a:1', 'b:2'), worker_hosts=('c:3',), job_name='ps', task_index=1, "
               "is_sync=True)\n", ""))
        self.assertEqual(self._run("--mode=cluster")[1], "None\n")
        code, _, err = self._run("--mode=cluster", *hosts, "--job_name=ps", "--task_index=2")
        self.assertEqual((code, err), (
            1, "script.py: error: cluster: --task_index: wanted an integer from 0 to 1, got 2\n"))

    def test_a_mistyped_flag_names_the_choices(self):
        for wrong, message in [("--loss=nec", "full_softmax|gbce|nce|negative_sampling"),
                               ("--decay=cosine", "linear|none"), ("--learning_rate=0", "above 0"),
                               ("--num_sampled=0", "num_sampled"), ("--epochs=x", "epochs"),
                               ("--los=nce", "Unknown command line flag")]:
            code, _, err = self._run(wrong)
            self.assertEqual(code, 1, wrong)
            self.assertIn(message, err)
            self.assertNotIn("Traceback", err)

    def test_tensorflow_is_loaded_without_noise(self):
        code, out, err = self._run("--mode=import")
        self.assertEqual((code, err), (0, "still here\n"))
        # Its own flags are no settings of the program.
        self.assertCountEqual(eval(out), eval(self._run()[1]))  # pylint: disable=eval-used

    def test_libraries_tell_only_warnings_unless_asked(self):
        for arguments, told in ((), 1), (("--verbosity=0",), 2):
            code, _, err = self._run("--mode=log", *arguments)
            self.assertEqual((code, len(err.splitlines())), (0, told), err)
            self.assertIn("all is lost", err)


class PositiveIntegersTest(absltest.TestCase):

    def test_values(self):
        self.assertEqual(program.positive_integers("k", ["1", "20"]), [1, 20])
        self.assertEqual(program.positive_integers("k", []), [])

    def test_others_are_named(self):
        for wrong in ("0", "-1", "x", "1.5", ""):
            with self.assertRaisesRegex(InputError, "--k: value: wanted integers above 0"):
                program.positive_integers("k", ["3", wrong])


if __name__ == "__main__":
    absltest.main()
