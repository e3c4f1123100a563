"""Runs one of the programs as a user does: a process of its own, in a folder of the test."""
import os
import subprocess
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Packages that cannot be imported in the place of others.
_BROKEN = {"tensorflow": "raise AssertionError('TensorFlow was imported')\n",
           "matplotlib": "raise ImportError('No module named matplotlib')\n"}
CACHE = ".cache"  # in the folder of the test, so that the user's own is left alone


def run(program, folder, *arguments, no_tensorflow=False, no_matplotlib=False, text=None):
    """(exit code, standard output, standard error) of a program, with `folder` as working folder.

    `program` is the file of one, or the name of a console script, run as pip's own script does; `text`
    is its standard input.
    """
    path = [_ROOT] + [p for p in sys.path if p]
    for package, is_broken in (("tensorflow", no_tensorflow), ("matplotlib", no_matplotlib)):
        if is_broken:
            broken = os.path.join(folder, CACHE, "no_" + package)
            os.makedirs(os.path.join(broken, package), exist_ok=True)
            with open(os.path.join(broken, package, "__init__.py"), "w") as stream:
                stream.write(_BROKEN[package])
            path.insert(0, broken)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path),
                       XDG_CACHE_HOME=os.path.join(folder, CACHE),
                       # TensorFlow imports Matplotlib, which warns if it cannot write at home.
                       MPLCONFIGDIR=os.path.join(folder, CACHE, "matplotlib"))
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    start = [os.path.join(_ROOT, program)]
    if not program.endswith(".py"):
        start = ["-c", "import sys; from tf1_sampled import program; program.%s()" % program]
    source = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
    done = subprocess.run([sys.executable] + start + list(arguments), cwd=folder, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                          **source)
    return done.returncode, done.stdout, done.stderr
