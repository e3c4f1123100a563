"""Programs in real processes that are killed while they train.

    python -m tests.survival --kills=30 --program=run_recsys.py

This command kills a program (SIGKILL) at random moments of reading, training, saving and exporting.
After each kill it checks that all files in the model_dir are complete, and resumes. At the end it
compares the results with those of an uninterrupted run, which must be equal bit by bit. Otherwise the
exit code is 1.
"""
import contextlib
import faulthandler
import glob
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time

import numpy as np

from tests import run_program

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_SETTINGS = ("--threads=1", "--dim=8", "--min_count=1", "--save_seconds=0", "--model_dir=model")
ARGUMENTS = {
    "run_recsys.py": _SETTINGS + ("--events=data.txt", "--num_sampled=10", "--batch_size=128",
                                  "--epochs=1", "--validations=3", "--k=5"),
    "run_word2vec.py": _SETTINGS + ("--corpus=data.txt", "--cache_dir=cache", "--batch_size=256",
                                    "--epochs=8", "--projector=projector"),
}
RESULTS = {"run_recsys.py": ("item_vectors.npy", "item_biases.npy", "items.tsv", "names.json"),
           "run_word2vec.py": ("vectors.bin",)}


def write_data(folder, seed=1):
    """Write data.txt: a user and 20 words or items 0..99 per line, a random walk with small steps."""
    draw = np.random.RandomState(seed)
    walks = np.cumsum(draw.randint(1, 4, [3000, 20]), 1) + draw.randint(0, 100, [3000, 1])
    with open(os.path.join(folder, "data.txt"), "w") as stream:
        for user, walk in enumerate(walks % 100):
            stream.write("%d %s\n" % (user, " ".join(map(str, walk))))


def start(program, folder, *arguments, file_size_limit=None):
    """Start a program in a forked process, in which TensorFlow is already imported.

    Args:
      program: "run_recsys.py" or "run_word2vec.py".
      folder: its working folder; its output goes to out.txt and err.txt there.
      *arguments: flags after those of ARGUMENTS.
      file_size_limit: integer, the maximum size of a file in bytes; None for no limit.

    Returns:
      The process, with `pid`, an argument of `wait`.
    """
    process = run_program.server().Process(
        target=_be, args=(program, folder, arguments, file_size_limit))
    process.start()
    return process


def _be(program, folder, arguments, file_size_limit):
    """Run `program` in this process."""
    os.chdir(folder)
    for name, number in (("out.txt", 1), ("err.txt", 2)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), number)
    faulthandler.register(signal.SIGUSR2, file=2)  # `Cluster.wait` asks a process that hangs where it is
    if file_size_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size_limit, file_size_limit))
    run_program.become(os.path.join(ROOT, program), [*ARGUMENTS[program], *arguments])


def wait(process, seconds=300):
    """Return the exit code of a process, or minus the signal that killed it.

    Raises:
      AssertionError: the process has not ended after `seconds`.
    """
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        raise AssertionError("it did not end in %d s" % seconds)
    return process.exitcode


def run(program, folder, *arguments, file_size_limit=None):
    """Run a program, and return (exit code, standard output, standard error)."""
    code = wait(start(program, folder, *arguments, file_size_limit=file_size_limit))
    texts = []
    for name in ("out.txt", "err.txt"):
        with open(os.path.join(folder, name)) as stream:
            texts.append(stream.read())
    return (code, *texts)


class Cluster:
    """A program on a cluster of this machine, with a folder for each process.

    Args:
      program: "run_recsys.py" or "run_word2vec.py".
      folder: string, the folder of data.txt. The model_dir of the chief is `model` in it.
      *arguments: flags of all processes.
      num_ps, num_workers: integers.
      absent: list of (job, index), processes that are not started yet.
    """

    def __init__(self, program, folder, *arguments, num_ps=2, num_workers=2, absent=()):
        from tf1_sampled.cluster import launch

        self._program, self._arguments = program, arguments
        hosts = ["127.0.0.1:%d" % port for port in launch.free_ports(num_ps + num_workers)]
        self._hosts = ["--ps_hosts=" + ",".join(hosts[:num_ps]),
                       "--worker_hosts=" + ",".join(hosts[num_ps:])]
        self.folders, self._processes = {}, {}
        for job, number in (("worker", num_workers), ("ps", num_ps)):
            for index in range(number):
                own = os.path.join(folder, "%s-%d" % (job, index)) if (job, index) != CHIEF else folder
                os.makedirs(own, exist_ok=True)
                if own != folder and not os.path.exists(os.path.join(own, "data.txt")):
                    os.link(os.path.join(folder, "data.txt"), os.path.join(own, "data.txt"))
                self.folders[job, index] = own
                if (job, index) not in absent:
                    self.start(job, index)

    def start(self, job, index, *more):
        """Start or restart a process, with further flags."""
        self._processes[job, index] = start(
            self._program, self.folders[job, index], *self._arguments, *more, *self._hosts,
            "--job_name=" + job, "--task_index=%d" % index)

    def send(self, job, index, number=signal.SIGKILL):
        """Send a signal to a process, and wait for its end after a SIGKILL."""
        process = self._processes[job, index]
        os.kill(process.pid, number)
        if number == signal.SIGKILL:
            assert wait(process) == -number

    def wait(self, seconds=120):
        """Return {(job, index): exit code} of all, the chief's first; those that hang count as -9.

        The file err.txt of a process that hangs has the tracebacks of its threads.
        """
        codes = {}
        for key, process in self._processes.items():
            process.join(seconds)
            if process.exitcode is None:
                os.kill(process.pid, signal.SIGUSR2)
                process.join(1)
                process.kill()
                process.join()
            codes[key] = process.exitcode
            if codes[CHIEF]:
                seconds = 0.1  # the other processes are not notified of the end
        return codes

    def kill(self):
        """Kill the remaining processes."""
        for process in self._processes.values():
            process.kill()
            process.join()

    def text(self, job, index, name="out.txt"):
        """Return the text that a process has written to a file."""
        with open(os.path.join(self.folders[job, index], name)) as stream:
            return stream.read()


CHIEF = ("worker", 0)


def newest(folder):
    """Return the step of the newest checkpoint from the file `checkpoint`, or 0."""
    import tensorflow.compat.v1 as tf

    path = tf.train.latest_checkpoint(os.path.join(folder, "model"))
    return int(path.rpartition("-")[2]) if path else 0


def check_whole(program, folder):
    """Raise AssertionError if a file in the model_dir is neither complete nor marked as incomplete."""
    import tensorflow.compat.v1 as tf

    from tf1_sampled.word2vec import vectors, vocabulary

    for path in glob.glob(os.path.join(folder, "model", "*")):
        name = os.path.basename(path)
        if name.endswith(".index"):
            reader = tf.train.load_checkpoint(path[:-len(".index")])
            for variable in reader.get_variable_to_shape_map():
                reader.get_tensor(variable)  # compares checksums
        elif name.endswith(".json"):
            with open(path) as stream:
                json.load(stream)
        elif name.endswith((".npy", ".npz")):
            np.load(path, allow_pickle=False)
        elif name == "vectors.bin":
            vectors.read_vectors(path)
        elif name == "vocab.txt":
            vocabulary.read_vocabulary(path)
        elif name.endswith(".tsv"):
            with open(path) as stream:
                assert len(stream.readlines()) == 101, name
        elif name in ("saved_model", "projector", "users"):
            assert os.listdir(path), name
        else:
            assert name in ("checkpoint", "best", "lock") or ".data-" in name or (
                name.startswith("events.out.tfevents.")), name


def results(program, folder):
    """Return {name: bytes} of the results of a training."""
    found = {}
    for name in RESULTS[program]:
        with open(os.path.join(folder, "model", name), "rb") as stream:
            found[name] = stream.read()
    return found


def kill(program, kills, seed=1, report=print):
    """Kill a program at random moments.

    Args:
      program: "run_recsys.py" or "run_word2vec.py".
      kills: integer, the number of kills.
      seed: integer.
      report: function of a line of text.

    Returns:
      list of (seconds, step of the last checkpoint, step at which it resumed) of each kill.

    Raises:
      AssertionError: an incomplete file, saved work that was lost, or another result.
    """
    draw = random.Random(seed)
    done = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("untouched", "killed"):
            os.mkdir(os.path.join(folder, name))
            write_data(os.path.join(folder, name))
        begin = time.time()
        untouched, killed = os.path.join(folder, "untouched"), os.path.join(folder, "killed")
        code, _, err = run(program, untouched)
        assert code == 0, err
        seconds = time.time() - begin
        wanted, number = results(program, untouched), 0
        while len(done) < kills:
            process = start(program, killed)
            delay = draw.uniform(0, seconds)
            time.sleep(delay)
            saved = newest(killed)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            if wait(process) != -signal.SIGKILL:
                # The training was complete before the kill: check it, and start a new training.
                assert results(program, killed) == wanted
                number += 1
                killed = os.path.join(folder, "killed-%d" % number)
                os.mkdir(killed)
                write_data(killed)
                continue
            check_whole(program, killed)
            after = newest(killed)
            assert after >= saved
            done.append((delay, saved, after))
            report("%s: kill %d of %d after %.2f of %.2f s, last checkpoint %d" % (
                program, len(done), kills, delay, seconds, after))
        code, out, err = run(program, killed)
        assert code == 0, err
        if done and done[-1][2]:
            # The kill may have come after a checkpoint and before the file `checkpoint` names it.
            begun = re.search(r"Resuming from model/model\.ckpt-(\d+)\n", out)
            assert begun and int(begun.group(1)) >= done[-1][2], out
        check_whole(program, killed)
        assert results(program, killed) == wanted
        left = glob.glob(os.path.join(killed, "model", ".*"))
        assert not left, left
    return done


def main(arguments):
    import argparse

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", choices=sorted(ARGUMENTS), action="append")
    options = parser.parse_args(arguments)
    for program in options.program or sorted(ARGUMENTS):
        done = kill(program, options.kills, options.seed)
        print("%s: %d of %d kills survived, no file damaged, nothing lost that was saved" % (
            program, len(done), options.kills))


if __name__ == "__main__":
    main(sys.argv[1:])
