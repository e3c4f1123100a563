"""Run a program as a user does: in a separate process, in a folder of the test."""
import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import traceback

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Packages whose import fails, in place of the real ones.
_BROKEN = {"tensorflow": "raise AssertionError('TensorFlow was imported')\n",
           "matplotlib": "raise ImportError('No module named matplotlib')\n"}
CACHE = ".cache"  # in the folder of the test, so that the user's cache is not touched


def environment(folder, *broken):
    """Return the environment of a program: this project's modules, and caches in `folder`.

    Args:
      folder: the working folder of the program.
      *broken: packages, "tensorflow" or "matplotlib", whose import fails.
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
    """Start a program and return its subprocess.Popen.

    Args:
      program: string, the file of a program, or the name of its console script.
      folder: string, the working folder.
      *arguments: strings.
      broken: packages whose import fails.
      **options: options of Popen.
    """
    command = [os.path.join(_ROOT, program)]
    if not program.endswith(".py"):
        command = ["-c", "import sys; sys.argv[0] = %r; from tf1_sampled.programs import %s as program; "
                   "program.main()" % (program, program[len("run_"):])]
    return subprocess.Popen([sys.executable] + command + list(arguments), cwd=folder,
                            env=environment(folder, *broken), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, universal_newlines=True, **options)


def run(program, folder, *arguments, no_tensorflow=False, no_matplotlib=False, text=None):
    """Run a program to its end: return (exit code, standard output, standard error).

    Unless a package is broken, the program runs in a fork of a process that has imported TensorFlow,
    which saves some seconds each time.

    Args:
      program, folder, *arguments: see `start`.
      no_tensorflow, no_matplotlib: booleans, whether the import of the package fails.
      text: string, the standard input; None for no input.
    """
    if program.endswith(".py") and not no_tensorflow and not no_matplotlib:
        return _run_preloaded(program, folder, arguments, text)
    broken = ["tensorflow"] * no_tensorflow + ["matplotlib"] * no_matplotlib
    child = start(program, folder, *arguments, broken=broken,
                  stdin=subprocess.DEVNULL if text is None else subprocess.PIPE)
    output, errors = child.communicate(text)
    return child.returncode, output, errors


def run_code(code, folder, *arguments):
    """Run Python code in a process that has imported TensorFlow but not this library.

    Args:
      code: string.
      folder: string, the working folder.
      *arguments: strings, sys.argv[1:].

    Returns:
      (exit code, standard output, standard error).
    """
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "code.py")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(code)
        return _run_preloaded(path, folder, arguments, None)


def server():
    """Return a context of multiprocessing whose processes are forks with TensorFlow imported.

    The forked process never runs a session, as a fork would lack the threads of the session.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tensorflow", "tests.survival"])
    return context


def _run_preloaded(program, folder, arguments, text):
    """Run a program, or the file of a path, in a fork of the server; return the result of `run`."""
    context = server()
    with tempfile.TemporaryDirectory() as place:
        paths = [os.path.join(place, name) for name in ("in", "out", "err")]
        with open(paths[0], "w", encoding="utf-8") as stream:
            stream.write(text or "")
        process = context.Process(target=_be, args=(
            os.path.join(_ROOT, program), folder, arguments, environment(folder), paths))
        process.start()
        process.join()
        texts = []
        for path in paths[1:]:
            with open(path, encoding="utf-8") as stream:
                texts.append(stream.read())
    return (process.exitcode, *texts)


def _be(path, folder, arguments, variables, paths):
    """Turn this process into that of a program, as `python path` does."""
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    for number, name in enumerate(paths):
        mode = os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY
        os.dup2(os.open(name, mode, 0o666), number)
    sys.stdin = os.fdopen(0, "r", encoding="utf-8")
    become(path, arguments)


def become(path, arguments):
    """Run a program in this process and exit; its output goes to the descriptors 1 and 2.

    Args:
      path: string, the file.
      arguments: list of strings.
    """
    code = 1
    try:
        sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, encoding="utf-8") for number in (1, 2))
        sys.argv = [path, *arguments]
        runpy.run_path(path, run_name="__main__")
        code = 0
    except SystemExit as e:
        if isinstance(e.code, str):
            print(e.code, file=sys.stderr)
        code = e.code if isinstance(e.code, int) else int(e.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
