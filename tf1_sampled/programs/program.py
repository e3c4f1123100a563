"""What the two programs share before TensorFlow is there: common flags, one-line errors, quiet logs."""
import contextlib
import os
import re
import runpy
import shlex
import signal
import sys
import tempfile
import warnings

from absl import app, flags, logging

from tf1_sampled import checks, registry
from tf1_sampled.cluster import launch, spec
from tf1_sampled.training import model_dir


def define_training_flags(loss, sampler, num_sampled, optimizer, learning_rates, batch_size, epochs,
                          dim, num_sampled_of, batch_of, more_of_rates=""):
    """Defines the flags of training, with a program's own defaults.

    Args:
      loss, sampler, num_sampled, optimizer, batch_size, epochs, dim: the defaults.
      learning_rates: {optimizer: the default learning rate with it}.
      num_sampled_of, batch_of: strings for the help, what shares the sampled classes ("step") and
        what a batch counts ("examples").
      more_of_rates: string for the help, what else is to be said of the learning rates.
    """
    flags.DEFINE_enum("loss", loss, sorted([*registry.LOSSES, *registry.FULL_LOSSES]), "Loss to train with; "
                      "full_softmax has no sampler and suits few classes.")
    flags.DEFINE_enum("sampler", sampler, sorted(registry.SAMPLERS), "Where negatives come from.")
    flags.DEFINE_integer("num_sampled", num_sampled, "Negatives per %s; of --sampler=in_batch, "
                         "all labels are, of all, all classes." % num_sampled_of, lower_bound=1)
    flags.DEFINE_float("distortion", 0.75, "Power of the counts for --sampler=fixed_unigram: 1 draws "
                       "by frequency, 0 evenly.")
    flags.DEFINE_float("num_negatives", 5, "The k of --loss=negative_sampling: weight of the negatives, "
                       "however many estimate it; above 0.")
    flags.register_validator("num_negatives", lambda k: k > 0, "wanted a number above 0")
    flags.DEFINE_float("calibration", 0.75, "The t of --loss=gbce: 0 for binary cross-entropy, 1 for "
                       "probabilities.", lower_bound=0, upper_bound=1)
    flags.DEFINE_integer("at_k", 20, "The K of --loss=softmax_at_k, at most the number of negatives.",
                         lower_bound=1)
    flags.DEFINE_enum("optimizer", optimizer, sorted(registry.OPTIMIZERS), "How to step.")
    flags.DEFINE_float("learning_rate_power", None, "How the steps of --optimizer=rowwise_adagrad "
                       "shrink where rows are frequent, from -1 to 0: -0.5 as Adagrad's, 0 not at all. "
                       "Default: -0.5, with --loss=negative_sampling -0.25.", lower_bound=-1,
                       upper_bound=0)
    flags.DEFINE_float("beta1", 0.9, "Of --optimizer=adam, what a step keeps of the steps before; 0 "
                       "saves memory and suits rows that are rarely used.", lower_bound=0,
                       upper_bound=0.999)
    flags.DEFINE_float("learning_rate", None, "Step size at the start, above 0. Default, by "
                       "--optimizer: %s%s." % (", ".join(
                           "%s %g" % rate for rate in sorted(learning_rates.items())), more_of_rates))
    flags.register_validator("learning_rate", lambda rate: rate is None or rate > 0,
                             "wanted a number above 0")
    flags.DEFINE_enum("decay", "linear", ["linear", "none"], "How the learning rate falls: linearly to "
                      "0, or not at all.")
    flags.DEFINE_float("l2", 0, "Weight of the L2 loss of the rows that a batch uses.", lower_bound=0)
    flags.DEFINE_integer("batch_size", batch_size, "%s per step." % batch_of, lower_bound=1)
    flags.DEFINE_integer("epochs", epochs, "Passes over the data.", lower_bound=1)
    flags.DEFINE_integer("dim", dim, "Size of the embeddings.", lower_bound=1)
    flags.DEFINE_integer("seed", 1, "Seed of all random numbers.", lower_bound=0)
    flags.DEFINE_string("model_dir", "", "Folder for checkpoints and metrics.json. A training that it "
                        "holds goes on where it ended. Default: the next free runs/<program>-N.")
    flags.DEFINE_bool("restart", False, "Start anew in a model_dir that holds a training.")
    flags.DEFINE_float("save_seconds", 600, "Seconds between checkpoints; more are made where the "
                       "training ends, or is stopped by SIGINT or SIGTERM.", lower_bound=0)
    flags.DEFINE_integer("profile", None, "Write the trace of this step, counted from 0, to "
                         "trace-<step>.json in the model_dir, for chrome://tracing.", lower_bound=0)
    flags.DEFINE_integer("keep", 2, "How many of the newest checkpoints to keep, beside the best.",
                         lower_bound=1)

    # Many machines: TF_CONFIG in the environment says the same as the first four.
    flags.DEFINE_list("ps_hosts", [], "host:port of each parameter server. This process is then one of "
                      "a cluster; to try one on this machine: python -m tf1_sampled.cluster.launch --help.")
    flags.DEFINE_list("worker_hosts", [], "host:port of each worker. The first one is the chief, who "
                      "alone writes to --model_dir, evaluates and exports.")
    flags.DEFINE_enum("job_name", None, spec.JOBS, "What this process is.")
    flags.DEFINE_integer("task_index", None, "Which of its job it is, from 0 on.", lower_bound=0)
    flags.DEFINE_bool("sync", False, "Have the workers make each step together, on the mean of their "
                      "gradients; otherwise each makes its own steps.")


def loss_options(flag_values):
    """The arguments that only the loss of --loss takes: a dict by name."""
    return {"gbce": {"calibration": flag_values.calibration},
            "negative_sampling": {"num_negatives": flag_values.num_negatives},
            "softmax_at_k": {"k": flag_values.at_k}}.get(flag_values.loss, {})


def learning_rate(flag_values, learning_rates):
    """The value of --learning_rate, or where there is none that of {optimizer: learning rate}."""
    if flag_values.learning_rate is not None:
        return flag_values.learning_rate
    return learning_rates[flag_values.optimizer]


def optimizer_options(flag_values):
    """The arguments that only the optimizer of --optimizer takes: a dict by name."""
    power = flag_values.learning_rate_power
    if power is None:
        power = -0.25 if flag_values.loss == "negative_sampling" else -0.5
    return {"adam": {"beta1": flag_values.beta1},
            "rowwise_adagrad": {"learning_rate_power": power}}.get(flag_values.optimizer, {})


def check_given(flag_values, program, arguments, several, names):
    """Looks whether a command line has flags alone, and names of files where it has their flags.

    Args:
      flag_values: absl's.
      program: string, which one.
      arguments: list of strings, what is no flag.
      several: string, how several files are given.
      names: flags that are not to be given and empty, as --corpus=$UNSET is.

    Raises:
      InputError: names what is wrong.
    """
    checks.argument(not arguments, program, "arguments", "flags alone, several files as " + several,
                    " ".join(arguments))
    for name in names:
        flag = flag_values[name]
        checks.argument(flag.value or flag.using_default_value, program, "--" + name,
                        "the name of a file", "")


def positive_integers(name, values):
    """The integers above 0 of a list flag.

    Raises:
      InputError: anything else in it.
    """
    for value in values:
        checks.argument(value.isdigit() and int(value) > 0, "--" + name, "value",
                        "integers above 0, separated by commas", value)
    return [int(value) for value in values]


# What may be another when a training goes on.
_MAY_CHANGE = frozenset({"epochs", "job_name", "keep", "learning_rate", "model_dir", "plots", "profile",
                         "ps_hosts", "restart", "save_seconds", "sync", "task_index", "threads",
                         "worker_hosts"})


def model_dir_of(flag_values, name, may_change, is_chief=True):
    """The model_dir.ModelDir of --model_dir and --restart.

    Args:
      flag_values: absl's.
      name: string, of the program.
      may_change: the names of its own flags that may be others when a training goes on.
      is_chief: boolean; False for a worker who has no folder, only the settings of one.

    Raises:
      InputError: as ModelDir.
    """
    return model_dir.ModelDir(flag_values.model_dir if is_chief else "", name, settings(flag_values),
                              _MAY_CHANGE.union(may_change), flag_values.restart)


def cluster_of(flag_values):
    """The cluster.Cluster of the flags or of TF_CONFIG, or None for a training on one machine.

    Raises:
      InputError: as cluster.read_cluster.
    """
    return spec.read_cluster(flag_values.ps_hosts, flag_values.worker_hosts, flag_values.job_name,
                                flag_values.task_index, flag_values.sync)


def serve(ps):
    """Is a parameter server until the training has ended.

    Args:
      ps: cluster.Cluster.
    """
    import_tensorflow()
    from tf1_sampled.cluster import distributed
    distributed.serve(ps, report)


def report(line):
    """Prints a line of text at once, also into a file."""
    print(line, flush=True)


def settings(flag_values):
    """The values of a program's flags, without those of absl and TensorFlow: a dict by name."""
    return {flag.name: flag.value for module, own in flag_values.flags_by_module_dict().items()
            if not module.startswith(("absl.", "tensorflow.")) for flag in own}


def import_tensorflow():
    """tensorflow.compat.v1, without what it writes to standard error while it is loaded.

    TensorFlow 2's libraries log before they look at TF_CPP_MIN_LOG_LEVEL. Lines that are no such
    information (I... or its announcement) are passed on, and all of them if the import fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning, module="tensor")
    # A running sum of a batch, whose gradient is dense and small, is meant.
    warnings.filterwarnings("ignore", message="Converting sparse IndexedSlices to a dense")
    sys.stderr.flush()
    kept = os.dup(2)
    information = re.compile(rb"I\d{4} |WARNING: All log messages before absl::InitializeLog")
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            import tensorflow.compat.v1 as tf
        except BaseException:
            information = re.compile(rb"(?!)")
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            log.seek(0)
            os.write(2, b"".join(line for line in log if not information.match(line)))
    tf.logging.set_verbosity(tf.logging.ERROR)
    return tf


class Stopped(BaseException):
    """SIGINT or SIGTERM came.

    Args:
      number: integer, which.
      text: string, what to tell the user.
    """

    def __init__(self, number, text):
        super().__init__(text)
        self.exit_code = 128 + number  # as of a shell


class _Signals:
    """SIGINT and SIGTERM end the program at once; while `deferred`, the first of them when it asks."""

    def __init__(self):
        self._is_deferred, self._asked = False, None

    def install(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number, _):
        if self._is_deferred and self._asked is None:
            self._asked = number
        else:
            raise Stopped(number, "stopped by " + signal.Signals(number).name)

    @contextlib.contextmanager
    def deferred(self):
        """Gives a function that tells whether a signal came; the second one ends the program at once."""
        self._is_deferred = True
        try:
            yield lambda: self._asked is not None
        finally:
            self._is_deferred = False

    def leave(self, folder):
        """Ends the program after `deferred`, telling how to go on in `folder`, if it has one.

        What was launched leaves that to the launcher: its own arguments hold ports that are gone.
        """
        text = "stopped by " + signal.Signals(self._asked).name
        if not launch.is_launched():
            arguments = launch.going_on(sys.argv, folder)
            if arguments[0].endswith(".py"):
                arguments.insert(0, "python")
            is_one_of_many = any(re.match("--?ps_hosts($|=)", a) for a in arguments) or (
                spec.read_cluster())
            text += "; to go on%s:\n    %s" % (
                ", start all stopped processes again, each with its command; this one's"
                if is_one_of_many else "", " ".join(map(shlex.quote, arguments)))
        raise Stopped(self._asked, text)


SIGNALS = _Signals()


def run(main):
    """Runs main(argv) with flags parsed; what the user got wrong is one line and exit code 1."""
    # absl would show what libraries tell of themselves, also where --verbosity does not ask for it.
    logging.set_verbosity(logging.WARNING)
    SIGNALS.install()
    name = os.path.basename(sys.argv[0])
    try:
        app.run(main)
    except checks.InputError as e:
        sys.exit("%s: error: %s" % (name, e))
    except Stopped as e:
        print("%s: %s" % (name, e), file=sys.stderr)
        sys.exit(e.exit_code)


def run_word2vec():
    """The console script: run_word2vec.py as the main module, which is whose flags --help shows."""
    runpy.run_module("run_word2vec", run_name="__main__", alter_sys=True)


def run_recsys():
    """The console script: run_recsys.py as the main module."""
    runpy.run_module("run_recsys", run_name="__main__", alter_sys=True)
