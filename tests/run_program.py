"""Runs one of the programs as a user does: a process of its own, in a folder of the test."""
import os
import subprocess
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# A package that cannot be imported in the place of TensorFlow.
_BROKEN = "raise AssertionError('TensorFlow was imported')\n"


def run(program, folder, *arguments, no_tensorflow=False):
    """(exit code, standard output, standard error) of a program, with `folder` as working folder.

    `program` is the file of one, or the name of a console script, run as pip's own script does.
    """
    path = [_ROOT] + [p for p in sys.path if p]
    if no_tensorflow:
        broken = os.path.join(folder, "broken")
        os.makedirs(os.path.join(broken, "tensorflow"))
        with open(os.path.join(broken, "tensorflow", "__init__.py"), "w") as stream:
            stream.write(_BROKEN)
        path.insert(0, broken)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path))
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    start = [os.path.join(_ROOT, program)]
    if not program.endswith(".py"):
        start = ["-c", "import sys; from tf1_sampled import program; program.%s()" % program]
    done = subprocess.run([sys.executable] + start + list(arguments), cwd=folder, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, universal_newlines=True)
    return done.returncode, done.stdout, done.stderr
