"""Build the source distribution and the wheel, and test what pip installs of them in a new environment.

    python tools/check_release.py python3.13
    python tools/check_release.py python3.7 'tensorflow==1.15.5' 'protobuf<3.21' 'numpy<1.19'

The first argument is the Python to test with, further ones are requirements beside the wheel. The
wheel is built from the source distribution, and both are left in dist/: start from a clean clone. Then
tests/install_test.py and two examples run. This downloads packages, and takes some minutes and 4 GB.
"""
import glob
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_WANTED = [
    "README.md", "LICENSE", "NOTICE", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "Makefile",
    "docs/examples.md", "examples/move_a_graph.py", "tests/losses_test.py", "tests/BUILD",
    "tools/install.sh", "run_recsys.py", "tf1_sampled/recsys/page.html"]


def run(*command, **options):
    print("+", " ".join(command), flush=True)
    subprocess.run(command, check=True, **options)


def main(python, requirements):
    with tempfile.TemporaryDirectory() as folder:
        bin_folder = os.path.join(folder, "venv", "bin", "")
        run(python, "-m", "venv", os.path.join(folder, "venv"))
        run(bin_folder + "pip", "install", "--quiet", "--upgrade", "pip", "build")
        shutil.rmtree(os.path.join(_ROOT, "dist"), ignore_errors=True)
        run(bin_folder + "python", "-m", "build", "--outdir", "dist", cwd=_ROOT)
        wheel, = glob.glob(os.path.join(_ROOT, "dist", "*.whl"))
        source, = glob.glob(os.path.join(_ROOT, "dist", "*.tar.gz"))
        with tarfile.open(source) as archive:
            names = archive.getnames()
            archive.extractall(folder)
        unpacked = os.path.join(folder, names[0].split("/")[0])
        missing = [name for name in _WANTED if not os.path.exists(os.path.join(unpacked, name))]
        if missing:
            sys.exit("%s: wanted %s, got a distribution without" % (source, ", ".join(missing)))
        run(bin_folder + "pip", "install", "--quiet", "--no-compile", wheel + "[all]", *requirements)
        run(bin_folder + "pip", "check")
        place = os.path.join(folder, "empty")
        os.makedirs(place)
        shutil.copy(os.path.join(unpacked, "tests", "install_test.py"), place)
        environment = dict(os.environ, TF1_SAMPLED_IS_INSTALLED="1")
        environment.pop("PYTHONPATH", None)
        run(bin_folder + "python", "install_test.py", cwd=place, env=environment)
        for name in ("own_loss_and_sampler.py", "move_a_graph.py"):
            example = os.path.join(unpacked, "examples", name)
            run(bin_folder + "python", example, cwd=place, env=environment)
    print("%s and %s work with %s" % (os.path.basename(wheel), os.path.basename(source), python))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
