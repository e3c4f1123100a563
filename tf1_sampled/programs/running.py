"""Run a program: flags to settings, one-line errors, exit codes, the host of its training.

    def body(model, results, host):
        ...

    running.run("run_word2vec", __doc__, [Word2Vec, ResultSettings, ClusterSettings], body)
"""
import argparse
import contextlib
import functools
import os
import sys
from typing import Any, Callable, Dict, Iterator, NoReturn, Optional, Sequence, Type

from tf1_sampled import checks
from tf1_sampled.cluster import launch
from tf1_sampled.cluster.settings import ClusterSettings
from tf1_sampled.files import streams
from tf1_sampled.programs import flags, quiet, signals
from tf1_sampled.settings import Settings
from tf1_sampled.training import host

SIGNALS = signals.Signals()


class ProgramHost(host.OneMachine):
    """The host of a training in a program: it prints lines and stops at a signal.

    Args:
      cluster: None for one machine, or the spec.Cluster of this worker.
    """

    def __init__(self, cluster: Optional[Any] = None):
        self.cluster = cluster
        self.is_chief = not cluster or cluster.is_chief
        self.allows_gpu = not cluster
        self.folder = ""

    def report(self, line: str) -> None:
        print(line, flush=True)

    def stop(self) -> bool:
        return SIGNALS.asked()

    def import_tensorflow(self) -> Any:
        return quiet.import_tensorflow()

    def prepare_graph(self) -> None:
        if self.cluster:
            from tf1_sampled.cluster import placement
            placement.cut_tables(self.cluster)

    def uses_temporary_folder(self) -> bool:
        return False

    def begun(self, folder: str) -> None:
        self.folder = folder
        launch.report_folder(folder)

    def train(self, plan: Any, units_per_step: int, unchanging: Dict[str, Any]) -> Any:
        """Train until the end or a signal; after a signal, exit and print how to resume.

        Args:
          plan: plans.Plan.
          units_per_step: integer, the size of the pieces of work in a cluster.
          unchanging: {name: value as of JSON} that all workers of a cluster must share.

        Returns:
          plans.TrainingResult.
        """
        train = functools.partial(super().train, plan, units_per_step, unchanging)
        if self.cluster:
            from tf1_sampled.cluster import shared_training, work_queue
            sharing = shared_training.Sharing(
                self.cluster, work_queue.num_pieces(plan.data.num_units, units_per_step), unchanging)
            train = functools.partial(shared_training.train, plan, sharing)
        with SIGNALS.deferred():
            result = train()
        if not result.is_whole:
            SIGNALS.leave(self.folder if self.is_chief else "")
        return result


def run(program: str, doc: str, classes: Sequence[Type[Settings]],
        body: Callable[..., None]) -> None:
    """Run a program with the flags of sys.argv.

    An InputError becomes one line on standard error and exit code 1. SIGINT, SIGTERM and SIGHUP give the
    exit codes of a shell. If output cannot be printed, only the exit code changes; see streams.

    Args:
      program: string, the program's name in errors about flags.
      doc: string, the beginning of --help.
      classes: Settings classes. The body takes one object of each, except of ClusterSettings, which is
        the last class of a program that can train in a cluster.
      body: function of the settings objects and a ProgramHost; not called in a parameter server.
    """
    with report_errors():
        if flags.wants_help(sys.argv[1:]):
            print(flags.help_text(os.path.basename(sys.argv[0]), doc, classes))
            return
        own = flags.parse(program, sys.argv, classes)
        is_of_cluster = isinstance(own[-1], ClusterSettings)
        cluster = own.pop().cluster() if is_of_cluster else None
        launch.watch()
        if cluster and cluster.is_ps:
            quiet.import_tensorflow()
            from tf1_sampled.cluster import servers
            servers.serve(cluster, ProgramHost().report)
        else:
            body(*own, ProgramHost(cluster))


class ArgumentParser(argparse.ArgumentParser):
    """A parser that raises InputError."""

    def error(self, message: str) -> NoReturn:
        raise checks.InputError(message)

    def exit(self, status: int = 0, message: Optional[str] = None) -> NoReturn:
        streams.check()
        super().exit(status, message)


@contextlib.contextmanager
def report_errors() -> Iterator[None]:
    """Exit with one line on standard error after an InputError or a signal: a context manager.

    It also installs the signal handlers and prepares standard output and standard error.
    """
    streams.settle()
    SIGNALS.install()
    path = sys.argv[0]  # of `python -m package` it ends with package/__main__.py
    name = os.path.basename(os.path.dirname(path) if path.endswith("__main__.py") else path)
    try:
        yield
        streams.check()
    except checks.InputError as e:
        sys.exit("%s: error: %s" % (name, e))
    except signals.Stopped as e:
        print("%s: %s" % (name, e), file=sys.stderr)
        sys.exit(e.exit_code)
