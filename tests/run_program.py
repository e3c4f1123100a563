"""Runs one of the programs as a user does: a process of its own, in a folder of the test."""
import os
import subprocess
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Packages that cannot be imported in the place of others.
_BROKEN = {"tensorflow": "raise AssertionError('TensorFlow was imported')\n",
           "matplotlib": "raise ImportError('No module named matplotlib')\n"}
CACHE = ".cache"  # in the folder of the test, so that the user's own is left alone


def environment(folder, *broken):
    """The environment of a program: this project's modules, and nothing kept outside of `folder`.

    Args:
      folder: the working folder of the program.
      *broken: packages, "tensorflow" or "matplotlib", that cannot be imported.
    """
    path = [_ROOT] + [p for p in sys.path if p]
    for package in broken:
        place = os.path.join(folder, CACHE, "no_" + package)
        os.makedirs(os.path.join(place, package), exist_ok=True)
        with open(os.path.join(place, package, "__init__.py"), "w") as stream:
            stream.write(_BROKEN[package])
        path.insert(0, place)
    variables = dict(os.environ, PYTHONPATH=os.pathsep.join(path),
                     XDG_CACHE_HOME=os.path.join(folder, CACHE),
                     # TensorFlow imports Matplotlib, which warns if it cannot write at home.
                     MPLCONFIGDIR=os.path.join(folder, CACHE, "matplotlib"))
    variables.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return variables


def start(program, folder, *arguments, broken=(), **options):
    """The subprocess.Popen of a program, with `folder` as working folder.

    `program` is the file of one, or the name of a console script, run as pip's own script does;
    `options` are those of Popen.
    """
    command = [os.path.join(_ROOT, program)]
    if not program.endswith(".py"):
        command = ["-c", "import sys; from tf1_sampled import program; program.%s()" % program]
    return subprocess.Popen([sys.executable] + command + list(arguments), cwd=folder,
                            env=environment(folder, *broken), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, universal_newlines=True, **options)


def run(program, folder, *arguments, no_tensorflow=False, no_matplotlib=False, text=None):
    """(exit code, standard output, standard error) of a program, as `start` has it.

    `text` is its standard input.
    """
    broken = ["tensorflow"] * no_tensorflow + ["matplotlib"] * no_matplotlib
    child = start(program, folder, *arguments, broken=broken,
                  stdin=subprocess.DEVNULL if text is None else subprocess.PIPE)
    output, errors = child.communicate(text)
    return child.returncode, output, errors
