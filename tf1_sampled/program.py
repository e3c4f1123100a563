"""What the two programs share before TensorFlow is there: common flags, one-line errors, quiet logs."""
import glob
import itertools
import os
import re
import runpy
import sys
import tempfile
import warnings

from absl import app, flags, logging

from tf1_sampled import checks, tables


def define_training_flags(loss, sampler, num_sampled, optimizer, learning_rate, batch_size, epochs,
                          dim, num_sampled_of, batch_of):
    """Defines the flags of training, with a program's own defaults.

    Args:
      loss, sampler, num_sampled, optimizer, learning_rate, batch_size, epochs, dim: the defaults.
      num_sampled_of, batch_of: strings for the help, what shares the sampled classes ("step") and
        what a batch counts ("examples").
    """
    flags.DEFINE_enum("loss", loss, sorted([*tables.LOSSES, *tables.FULL_LOSSES]), "Loss to train with; "
                      "full_softmax has no sampler and suits few classes.")
    flags.DEFINE_enum("sampler", sampler, sorted(tables.SAMPLERS), "Where negatives come from.")
    flags.DEFINE_integer("num_sampled", num_sampled, "Negatives per %s; of --sampler=in_batch, "
                         "all labels are." % num_sampled_of, lower_bound=1)
    flags.DEFINE_float("distortion", 0.75, "Power of the counts for --sampler=fixed_unigram: 1 draws "
                       "by frequency, 0 evenly.")
    flags.DEFINE_float("num_negatives", 5, "The k of --loss=negative_sampling: weight of the negatives, "
                       "however many estimate it; above 0.")
    flags.register_validator("num_negatives", lambda k: k > 0, "wanted a number above 0")
    flags.DEFINE_float("calibration", 0.75, "The t of --loss=gbce: 0 for binary cross-entropy, 1 for "
                       "probabilities.", lower_bound=0, upper_bound=1)
    flags.DEFINE_integer("at_k", 20, "The K of --loss=softmax_at_k, at most the number of negatives.",
                         lower_bound=1)
    flags.DEFINE_enum("optimizer", optimizer, sorted(tables.OPTIMIZERS), "How to step.")
    flags.DEFINE_float("learning_rate_power", None, "How the steps of --optimizer=rowwise_adagrad "
                       "shrink where rows are frequent, from -1 to 0: -0.5 as Adagrad's, 0 not at all. "
                       "Default: -0.5, with --loss=negative_sampling -0.25.", lower_bound=-1,
                       upper_bound=0)
    flags.DEFINE_float("beta1", 0.9, "Of --optimizer=adam, what a step keeps of the steps before; 0 saves "
                       "memory and suits rows that are rarely used.", lower_bound=0, upper_bound=0.999)
    flags.DEFINE_float("learning_rate", learning_rate, "Step size at the start, above 0." + (
        "" if learning_rate else " Default: 0.2, with --loss=negative_sampling 0.1."))
    flags.register_validator("learning_rate", lambda rate: rate is None or rate > 0,
                             "wanted a number above 0")
    flags.DEFINE_enum("decay", "linear", ["linear", "none"], "How the learning rate falls: linearly to "
                      "0, or not at all.")
    flags.DEFINE_float("l2", 0, "Weight of the L2 loss of the rows that a batch uses.", lower_bound=0)
    flags.DEFINE_integer("batch_size", batch_size, "%s per step." % batch_of, lower_bound=1)
    flags.DEFINE_integer("epochs", epochs, "Passes over the data.", lower_bound=1)
    flags.DEFINE_integer("dim", dim, "Size of the embeddings.", lower_bound=1)
    flags.DEFINE_integer("seed", 1, "Seed of all random numbers.")
    flags.DEFINE_string("model_dir", "", "Folder for checkpoint and metrics.json; must not hold a model "
                        "already. Default: the next free runs/<program>-N.")


def loss_options(flag_values):
    """The arguments that only the loss of --loss takes: a dict by name."""
    return {"gbce": {"calibration": flag_values.calibration},
            "negative_sampling": {"num_negatives": flag_values.num_negatives},
            "softmax_at_k": {"k": flag_values.at_k}}.get(flag_values.loss, {})


def learning_rate(flag_values):
    """The value of --learning_rate, or where there is none what goes with --loss."""
    if flag_values.learning_rate is not None:
        return flag_values.learning_rate
    return 0.1 if flag_values.loss == "negative_sampling" else 0.2


def optimizer_options(flag_values):
    """The arguments that only the optimizer of --optimizer takes: a dict by name."""
    power = flag_values.learning_rate_power
    if power is None:
        power = -0.25 if flag_values.loss == "negative_sampling" else -0.5
    return {"adam": {"beta1": flag_values.beta1},
            "rowwise_adagrad": {"learning_rate_power": power}}.get(flag_values.optimizer, {})


def positive_integers(name, values):
    """The integers above 0 of a list flag.

    Raises:
      InputError: anything else in it.
    """
    for value in values:
        checks.argument(value.isdigit() and int(value) > 0, "--" + name, "value",
                        "integers above 0, separated by commas", value)
    return [int(value) for value in values]


def settings(flag_values):
    """The values of a program's flags, without those of absl and TensorFlow: a dict by name."""
    return {flag.name: flag.value for module, own in flag_values.flags_by_module_dict().items()
            if not module.startswith(("absl.", "tensorflow.")) for flag in own}


def check_model_dir(path):
    """Raises InputError where `path` holds a checkpoint: an earlier model is never written over."""
    earlier = path and glob.glob(os.path.join(glob.escape(path), "model.ckpt*"))
    checks.file(not earlier, path, "a model_dir without a checkpoint",
                "one that holds an earlier model")


def make_model_dir(path, name):
    """Makes the folder for a new model.

    Args:
      path: string, the folder; or "" for the next free one of runs/<name>-1, -2, ...
      name: string, of the program.

    Returns:
      string, the folder.

    Raises:
      InputError: a folder that cannot be made.
    """
    try:
        if path:
            os.makedirs(path, exist_ok=True)
            return path
        for number in itertools.count(1):
            path = os.path.join("runs", "%s-%d" % (name, number))
            try:
                os.makedirs(path)
                return path
            except FileExistsError:
                if not os.path.isdir("runs"):
                    raise
    except OSError as e:
        raise checks.InputError("%s: wanted a folder for the model, got: %s" % (path, e.strerror)) from e


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


def run(main):
    """Runs main(argv) with flags parsed; what the user got wrong is one line and exit code 1."""
    # absl would show what libraries tell of themselves, also where --verbosity does not ask for it.
    logging.set_verbosity(logging.WARNING)
    try:
        app.run(main)
    except checks.InputError as e:
        sys.exit("%s: error: %s" % (os.path.basename(sys.argv[0]), e))
    except KeyboardInterrupt:
        sys.exit(130)


def run_word2vec():
    """The console script: run_word2vec.py as the main module, which is whose flags --help shows."""
    runpy.run_module("run_word2vec", run_name="__main__", alter_sys=True)


def run_recsys():
    """The console script: run_recsys.py as the main module."""
    runpy.run_module("run_recsys", run_name="__main__", alter_sys=True)
