"""What is done to a program while it trains, in real processes: kills above all.

    python -m tests.survival --kills=30 --program=run_recsys.py

kills a program (SIGKILL) at so many random moments of reading, training, saving and exporting, looks
after each whether every file in its model_dir is whole, goes on from there, and compares what came about
at the end with that of a run which nobody touched: the same to the last bit. Exit code 1 if not.
"""
import contextlib
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
    """Writes data.txt, lines of 20 words or items 0..99, near ones together; the first is the user."""
    draw = np.random.RandomState(seed)
    walks = np.cumsum(draw.randint(1, 4, [3000, 20]), 1) + draw.randint(0, 100, [3000, 1])
    with open(os.path.join(folder, "data.txt"), "w") as stream:
        for user, walk in enumerate(walks % 100):
            stream.write("%d %s\n" % (user, " ".join(map(str, walk))))


def start(program, folder, *arguments, file_size_limit=None):
    """Starts a program in a process of its own, in which TensorFlow is loaded already.

    Args:
      program: "run_recsys.py" or "run_word2vec.py".
      folder: its working folder; its output goes to out.txt and err.txt there.
      *arguments: flags after those of ARGUMENTS.
      file_size_limit: integer, the most bytes that it may write to a file; None for no limit.

    Returns:
      The process, with `pid`; for `wait`.
    """
    process = run_program.server().Process(
        target=_be, args=(program, folder, arguments, file_size_limit))
    process.start()
    return process


def _be(program, folder, arguments, file_size_limit):
    """What the process does: it is `program` from here on."""
    os.chdir(folder)
    for name, number in (("out.txt", 1), ("err.txt", 2)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), number)
    if file_size_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size_limit, file_size_limit))
    run_program.become(os.path.join(ROOT, program), [*ARGUMENTS[program], *arguments])


def wait(process, seconds=300):
    """The exit code of a process, minus the signal that killed it.

    Raises:
      AssertionError: it is still there after so many seconds.
    """
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        raise AssertionError("it did not end in %d s" % seconds)
    return process.exitcode


def run(program, folder, *arguments, file_size_limit=None):
    """(exit code, standard output, standard error)."""
    code = wait(start(program, folder, *arguments, file_size_limit=file_size_limit))
    texts = []
    for name in ("out.txt", "err.txt"):
        with open(os.path.join(folder, name)) as stream:
            texts.append(stream.read())
    return (code, *texts)


class Cluster:
    """A program on 2 parameter servers and some workers of this machine, in a folder for each.

    Args:
      program: as `start`.
      folder: where data.txt is; the chief's model_dir is `model` there.
      *arguments: flags of all of them.
      num_ps, num_workers: integers.
      absent: who is not started yet, of (job, index).
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
        """Starts one of them, maybe again, with some more flags."""
        self._processes[job, index] = start(
            self._program, self.folders[job, index], *self._arguments, *more, *self._hosts,
            "--job_name=" + job, "--task_index=%d" % index)

    def send(self, job, index, number=signal.SIGKILL):
        """Sends a signal to one of them; after a SIGKILL it is gone."""
        process = self._processes[job, index]
        os.kill(process.pid, number)
        if number == signal.SIGKILL:
            assert wait(process) == -number

    def wait(self, seconds=120):
        """{(job, index): exit code} of all, the chief's first; those that hang count as -9."""
        codes = {}
        for key, process in self._processes.items():
            process.join(seconds)
            if process.exitcode is None:
                process.kill()
                process.join()
            codes[key] = process.exitcode
            if codes[CHIEF]:
                seconds = 0.1  # nobody tells the others that it is over
        return codes

    def kill(self):
        """Ends what is left of them."""
        for process in self._processes.values():
            process.kill()
            process.join()

    def text(self, job, index, name="out.txt"):
        """What one of them has written to a file."""
        with open(os.path.join(self.folders[job, index], name)) as stream:
            return stream.read()


CHIEF = ("worker", 0)


def newest(folder):
    """The step of the newest checkpoint by the file `checkpoint`, 0 where there is none."""
    import tensorflow.compat.v1 as tf

    path = tf.train.latest_checkpoint(os.path.join(folder, "model"))
    return int(path.rpartition("-")[2]) if path else 0


def check_whole(program, folder):
    """Raises where a file in the model_dir is neither whole nor marked as being written."""
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
    """{name: bytes} of what a training came to."""
    found = {}
    for name in RESULTS[program]:
        with open(os.path.join(folder, "model", name), "rb") as stream:
            found[name] = stream.read()
    return found


def kill(program, kills, seed=1, report=print):
    """Kills a program at random moments.

    Args:
      program: as `start`.
      kills: integer, how often.
      seed: integer.
      report: function of a line of text.

    Returns:
      list of (seconds, last checkpoint before, where it went on) of each kill.

    Raises:
      AssertionError: a file that is not whole, work lost that was saved, another result.
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
                # It was done before: what it came to counts, and the next ones begin anew.
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
            # A kill may come when a checkpoint is whole, and before the file `checkpoint` names it.
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
