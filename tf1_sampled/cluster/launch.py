"""Start a cluster on this machine, for trials: parameter servers and workers at free ports.

    python -m tf1_sampled.cluster.launch --ps=2 --workers=2 -- run_recsys.py --num_sampled=10

The arguments after -- are a program and its flags. The output of the chief is printed unchanged; lines
of other processes begin with their names. No process has a standard input. A killed process is
restarted, as by the manager of a cluster, without --restart, and resumes. SIGINT (Ctrl-C), SIGTERM and
SIGHUP are forwarded to the workers; the chief writes a checkpoint, and the launcher prints the command
that resumes. If the launcher itself is killed, the workers end in the same way, followed by the
parameter servers. The exit code is that of the chief.
"""
import argparse
import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from tf1_sampled.files import streams

# Environment variables of the processes: the file for `report_folder`, and the descriptor for `watch`.
_FOLDER_FILE, _WATCHED = "TF1_SAMPLED_LAUNCH", "TF1_SAMPLED_LAUNCH_WATCHED"


class _Lives:
    """Two pipes by which processes notice the end of others. A pipe ends with its last holder.

    The launcher holds the first pipe, and the workers watch it. The launcher and the workers hold the
    second pipe, and the parameter servers watch it, as the chief needs them for its last checkpoint.
    """

    def __init__(self):
        self._of_launcher, self._of_workers = os.pipe(), os.pipe()

    def watched(self, is_ps):
        """Return the descriptor that a process watches."""
        return (self._of_workers if is_ps else self._of_launcher)[0]

    def passed(self, is_ps):
        """Return the descriptors that a process inherits."""
        return (self.watched(is_ps),) if is_ps else (self.watched(is_ps), self._of_workers[1])

    def close(self):
        for descriptor in self._of_launcher + self._of_workers:
            os.close(descriptor)


class _Task:
    """A process of the cluster, which can be restarted."""

    def __init__(self, name, command, folder_file, lives):
        self.name, self._command, self._lives = name, command, lives
        self._folder_file = folder_file  # path
        self._start()

    def _start(self):
        is_chief, is_ps = self.name == "worker 0", self.name.startswith("ps")
        # A new session for each process, so that only the launcher gets the Ctrl-C of a terminal.
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, start_new_session=True,
            pass_fds=self._lives.passed(is_ps),
            env=dict(os.environ, **{_FOLDER_FILE: self._folder_file,
                                    _WATCHED: str(self._lives.watched(is_ps))}),
            stdout=None if is_chief else subprocess.PIPE, stderr=None if is_chief else subprocess.STDOUT)
        self._printer = None
        if not is_chief:
            self._printer = threading.Thread(target=self._print, args=(self.process.stdout,))
            self._printer.start()

    def _print(self, lines):
        with lines:
            for line in lines:
                sys.stderr.write("[%s] %s" % (self.name, line.decode("utf-8", "replace")))
                sys.stderr.flush()

    def start_again(self, folder):
        """Start the process again. Where the chief has a folder, the process resumes in it."""
        if folder:
            self._command = resume_command(self._command, folder)
        self._start()

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, seconds):
        """Wait for the end of the process, kill it after `seconds`, and return the exit code."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self._printer:
            self._printer.join()
        return self.process.returncode


def commands(program, num_ps, num_workers, ports):
    """Return {name: list of arguments} of the processes of a cluster on this machine, the chief first.

    Args:
      program: list of arguments, the path of the program first.
      num_ps, num_workers: integers.
      ports: list of num_ps + num_workers integers.
    """
    hosts = ["127.0.0.1:%d" % port for port in ports]
    interpreter = [sys.executable] if program[0].endswith(".py") else []
    shared = interpreter + list(program) + ["--ps_hosts=" + ",".join(hosts[:num_ps]),
                                            "--worker_hosts=" + ",".join(hosts[num_ps:])]
    return {"%s %d" % (job, index): shared + ["--job_name=" + job, "--task_index=%d" % index]
            for job, number in (("worker", num_workers), ("ps", num_ps)) for index in range(number)}


def resume_command(arguments, folder):
    """Return the arguments with which a program resumes.

    Args:
      arguments: list of strings.
      folder: string, the model_dir of the training; "" if there is none.

    Returns:
      The arguments without --restart, and with --model_dir=folder if they have no --model_dir.
    """
    kept = [a for a in arguments if not re.match("--?(no)?restart($|=)", a)]
    if folder and not any(re.match("--?model_dir($|=.)", a) for a in kept):
        kept.append("--model_dir=" + folder)
    return kept


def is_launched():
    """Return whether the launcher started this process. The launcher then prints how to resume."""
    return _FOLDER_FILE in os.environ


def report_folder(path):
    """Report the folder of the training to the launcher, if there is one. Only the chief calls it."""
    if is_launched():
        with open(os.environ[_FOLDER_FILE], "wb") as stream:
            stream.write(os.fsencode(path))


def watch():
    """Send SIGTERM to this process when its launcher, if there is one, has ended."""
    watched = os.environ.pop(_WATCHED, None)  # child processes must not inherit it
    if watched:
        threading.Thread(target=_watch, args=(int(watched),), daemon=True).start()


def _watch(descriptor):
    with contextlib.suppress(OSError):  # the descriptor was closed
        os.read(descriptor, 1)
        os.kill(os.getpid(), signal.SIGTERM)


def stopping_signals():
    """Return the signals that stop a training with a checkpoint; SIGHUP only if it is not ignored."""
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM] + [signal.SIGHUP] * hangs_up


def free_ports(number):
    """Return this number of ports of 127.0.0.1 that are free now."""
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def launch(program, num_ps, num_workers, report=print):
    """Run a program on a cluster on this machine.

    Args:
      program: list of arguments, the path of the program first.
      num_ps, num_workers: integers.
      report: function of a line of text for the user.

    Returns:
      integer, the exit code of the chief or of the first other process that failed, as in a shell: 128
      plus the number of a signal.
    """
    asked = []
    folder_file, lives = tempfile.NamedTemporaryFile(buffering=0), _Lives()
    handlers = {number: signal.signal(number, lambda number, _: asked.append(number))
                for number in stopping_signals()}
    tasks = [_Task(name, command, folder_file.name, lives) for name, command in commands(
        program, num_ps, num_workers, free_ports(num_ps + num_workers)).items()]
    chief, num_sent, code = tasks[0], 0, None
    try:
        while code is None:
            time.sleep(0.05)
            for number in asked[num_sent:]:
                num_sent += 1
                for task in tasks[:num_workers]:
                    task.stop(number)
            for task in tasks:
                ended = task.process.poll()
                if ended is None or ended == 0 and task is not chief:
                    continue
                if ended < 0 and not asked:
                    report("%s was killed by %s; it is restarted" % (
                        task.name, signal.Signals(-ended).name))
                    task.start_again(_reported_folder(folder_file))
                elif task is chief or not asked:
                    code = ended if ended >= 0 else 128 - ended
                    break
        # Workers end when there is no work; the chief ends the parameter servers.
        for task in tasks:
            if code:
                task.stop()
            task.wait(30)
        folder = _reported_folder(folder_file)
        # A training that was stopped before its first checkpoint has no folder.
        if os.path.isdir(folder) and code - 128 in asked:
            report("stopped by %s; to resume:\n    %s" % (signal.Signals(code - 128).name, " ".join(
                map(shlex.quote, [
                    "python", "-m", "tf1_sampled.cluster.launch", "--ps=%d" % num_ps,
                    "--workers=%d" % num_workers, "--"] + resume_command(program, folder)))))
        return code
    finally:
        for task in tasks:
            if task.process.poll() is None:
                task.process.kill()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        lives.close()
        folder_file.close()


def _reported_folder(stream):
    """Return the argument of `report_folder`, or "" before its call."""
    stream.seek(0)
    return os.fsdecode(stream.read())


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tf1_sampled.cluster.launch", description=__doc__.split("\n")[0],
        usage="%(prog)s [--ps=N] [--workers=N] -- PROGRAM [FLAG ...]")
    parser.add_argument("--ps", type=_positive, default=2, help="number of parameter servers, default 2")
    parser.add_argument("--workers", type=_positive, default=2, help="number of workers, default 2")
    parser.add_argument("program", nargs="+", metavar="PROGRAM",
                        help="the program and its flags, for example run_recsys.py --epochs=1")
    options = parser.parse_args()
    sys.exit(launch(options.program, options.ps, options.workers,
                    lambda line: print("launch: " + line, file=sys.stderr, flush=True)))


def _positive(text):
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError("wanted an integer above 0, got %r" % text)
    return int(text)


if __name__ == "__main__":
    streams.settle()
    main()
