"""Compare both programs and a training step on a GPU with equivalent PyTorch code.

    python benchmarks/gpu.py                         # generated data, 3 to 4 minutes on an H100
    python benchmarks/gpu.py --corpus=text.txt --eval_similarity=wordsim353.tsv \\
        --train=train.txt.gz --valid=valid.txt.gz --torch_python=torch/bin/python
    python benchmarks/gpu.py --anyway --words=200000 --users=500 --batch=256 --sampled=256 \\
        --num_classes=10000 --seconds=2                # a try on a machine without a GPU

word2vec: run_word2vec.py --loss=negative_sampling with its defaults, with --device=gpu and --device=cpu.
PyTorch trains the same model on the same word ids, which are on the GPU from the start. Its steps have
as many words as ours on the GPU, blocks of 32 centres and 42 context words with a band mask, 64
negatives for 128 centres, and row-wise Adagrad by index_add_.

recsys: run_recsys.py with the settings of "ours" in recsys_speed.py: the mean of 50 other items,
cosines, 800 uniform negatives, 2048 examples per step. PyTorch trains the same model with EmbeddingBag
and SparseAdam on padded histories, which are in pinned memory before the clock starts. A compiled loss
cannot have sparse gradients, so the rows are gathered outside of it. A third row has dense gradients and
Adam, with the whole loss compiled.

step: sampled softmax with log-uniform negatives and Adagrad, with B, S, D and C from --batch, --sampled,
--step_dim and --num_classes. The host feeds the ids of each step. "tf.nn" is its loss and sampler with
tf.train.AdagradOptimizer. PyTorch draws negatives with repeats, which is cheaper than our masked
repeats.

Columns:

    rate     words of the raw text per second, examples per second, or milliseconds per step
    ratio    speed divided by that of the fastest compiled PyTorch of the part; above 1 is faster
    score    word2vec: the full softmax loss on held-out text, by the same formula for both, and the rank
             correlations of --eval_similarity; recsys: NDCG@20 of the same validation users; step: the
             loss after 32 steps, which differs between samplers that treat repeats differently

All systems may use TF32 in matrix products. PyTorch stops after --seconds; a stopped training has no
score. A failed torch.compile has its own row. The exit status is 1, with a message, if our scores with
--device=gpu and --device=cpu differ by more than --tolerance (for a loss, this share of it) or, for rank
correlations, --similarity_tolerance.
"""
import collections
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time

import gowalla
import machine
import numpy as np
from absl import app, flags

FLAGS = flags.FLAGS

flags.DEFINE_list("parts", "word2vec,recsys,step", "Parts to run.")
flags.DEFINE_string("corpus", "", "Text file. Default: a generated text of Zipf's frequencies.")
flags.DEFINE_list("eval_similarity", [], "Files of word pairs with human scores.")
flags.DEFINE_integer("words", 2000000, "Words of the generated text.")
flags.DEFINE_integer("epochs", 5, "Passes over the text.")
flags.DEFINE_string("train", "", "File of lines 'user item item ...'. Default: generated events.")
flags.DEFINE_string("valid", "", "Validation file of the same users, together with --train.")
flags.DEFINE_integer("users", 10000, "Users of the generated events.")
flags.DEFINE_integer("recsys_epochs", 10, "Passes over the events.")
flags.DEFINE_integer("batch", 8192, "B of the step.")
flags.DEFINE_integer("sampled", 8192, "S of the step.")
flags.DEFINE_integer("step_dim", 256, "D of the step.")
flags.DEFINE_integer("num_classes", 1000000, "C of the step.")
flags.DEFINE_float("seconds", 8, "Largest number of seconds of each PyTorch training and each step.")
flags.DEFINE_float("limit", 150, "Seconds after which a program or a part is stopped.")
flags.DEFINE_float("tolerance", 0.01, "Largest difference of scores between the GPU and the CPU.")
flags.DEFINE_float("similarity_tolerance", 0.03, "The same for --eval_similarity.")
flags.DEFINE_string("torch_python", sys.executable, "Python interpreter with PyTorch.")
flags.DEFINE_bool("anyway", False, "Run on the CPU if TensorFlow sees no GPU.")
flags.DEFINE_string("job", "", "Private: file of a part to run; its results are lines of JSON.")

_HERE = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(_HERE)
_GROUP = 128  # centres that share negatives
_BLOCK = 32  # centres in a matrix product with their contexts
_DIM, _HISTORY, _BATCH, _NUM_SAMPLED, _RATE = (gowalla.ROWS[name] for name in (
    "dim", "history_length", "batch_size", "num_sampled", "learning_rate"))
_MOST, _K = gowalla.OTHERS["max_examples_per_user"], gowalla.ROWS["k"][0]
_TEMPERATURE = 0.1
_INPUTS = 10000  # rows of the step's input table
_POOL = 32  # batches of the step, and steps per call
_MOST_STEPS = 1000
_STEP_RATE = 0.1
_WARM_UP = 5  # calls of a compiled function; CUDA graphs are recorded in the second

Row = collections.namedtuple("Row", "part system speed shown scores note", defaults=["", {}, ""])
Row.__doc__ = """A row of the table.

  part, system: strings.
  speed: float, more is faster; None if the system failed.
  shown: string, the speed with its unit.
  scores: {name: float}.
  note: string, the reason for a missing speed.
"""


# ---------------------------------------------------------------- running children


def _environment():
    path = os.pathsep.join([_ROOT] + [p for p in [os.environ.get("PYTHONPATH")] if p])
    return dict(os.environ, PYTHONPATH=path, TF_FORCE_GPU_ALLOW_GROWTH="true",
                TF_CPP_MIN_LOG_LEVEL=os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"))


def _finished(command, folder):
    """Run a command: return (lines of its output, the reason if it failed, else "")."""
    paths = [os.path.join(folder, name) for name in ("stdout", "stderr")]
    with open(paths[0], "w") as output, open(paths[1], "w") as errors:
        try:
            status = subprocess.run(command, stdout=output, stderr=errors, env=_environment(),
                                    timeout=FLAGS.limit).returncode
            why = "failed" if status else ""
        except subprocess.TimeoutExpired:
            why = "stopped after --limit=%g s" % FLAGS.limit
        except OSError as error:  # the interpreter does not exist
            why = "failed: %s" % error
    with open(paths[0]) as output, open(paths[1], errors="replace") as errors:
        lines, error_lines = output.read().splitlines(), errors.read().split("\n")
    if why == "failed":
        why += ": " + next((line.strip() for line in reversed(error_lines) if line.strip()), "")
    return lines, why


def _children(python, work, **job):
    """Run a job in a separate process: return its results, with {"system", "note"} if it failed."""
    path = os.path.join(work, "job.json")
    with open(path, "w") as stream:
        json.dump(dict(job, work=work, seconds=FLAGS.seconds), stream)
    lines, why = _finished([python, os.path.abspath(__file__), "--job=" + path], work)
    results = [json.loads(line) for line in lines if line.startswith("{")]
    return results + ([{"system": job["do"], "note": why}] if why else [])


def _program(name, work, device, arguments):
    """Run one of the programs: return (metrics, the reason if it failed, else "")."""
    folder = os.path.join(work, name + "-" + device)
    _, why = _finished([sys.executable, os.path.join(_ROOT, name), "--model_dir=" + folder,
                        "--device=" + device] + arguments, work)
    if why:
        return {}, why
    with open(os.path.join(folder, "metrics.json")) as stream:
        return json.load(stream), ""


def _ours(part, metrics, device, why, speed="words_per_second"):
    """Return the Row of a program's training, without scores."""
    system = "ours, --device=" + device
    if why:
        return Row(part, system, None, note=why)
    used = dict(metrics.get("settings", {}), **metrics)
    parts = [used.get("device")] + ["%s %s" % (key, used[key]) for key in (
        "batch_size", "steps_per_call", "threads") if used.get(key)]
    system += " (%s)" % ", ".join(part for part in parts if part)
    unit = "words/s" if speed == "words_per_second" else "examples/s"
    return Row(part, system, metrics[speed], "%s %s" % (format(int(metrics[speed]), ","), unit))


def _theirs(part, results, unit):
    """Convert the results of a process to Rows."""
    rows = []
    for result in results:
        speed = result.get("speed")
        shown = "" if speed is None else "%.3f ms/step" % (1e3 / speed) if part == "step" else (
            "%s %s" % (format(int(speed), ","), unit))
        rows.append(Row(part, result["system"], speed, shown, scores=result.get("scores", {}),
                        note=result.get("note", "")))
    return rows


# ---------------------------------------------------------------- word2vec


def _make_text(path, num_words):
    """Write words w0, w1, ... with Zipf's frequencies, 100 per line; half of a line is of one topic."""
    random = np.random.RandomState(1)
    num_topics = 50
    weights = np.cumsum(1 / (np.arange(max(num_words // 100, 100)) + 2.7))
    names = np.array(["w%d" % i for i in range(len(weights) + num_topics)])
    with open(path, "w") as stream:
        for _ in range(max(num_words // 100, 1)):
            ids = np.searchsorted(weights, random.uniform(0, weights[-1], 100))
            topical = random.random_sample(100) < 0.5
            topic = random.randint(num_topics)
            ids[topical] += topic - ids[topical] % num_topics
            stream.write(" ".join(names[ids]) + "\n")


def _word2vec(work, devices, with_torch):
    """Return the Rows of the part."""
    corpus = FLAGS.corpus or os.path.join(work, "text.txt")
    if not FLAGS.corpus:
        _make_text(corpus, FLAGS.words)
    cache = os.path.join(work, "cache")
    arguments = ["--corpus=" + corpus, "--cache_dir=" + cache, "--epochs=%d" % FLAGS.epochs,
                 "--loss=negative_sampling"]
    if FLAGS.eval_similarity:
        arguments.append("--eval_similarity=" + ",".join(FLAGS.eval_similarity))
    rows, batch_size = [], None
    for device in devices:
        metrics, why = _program("run_word2vec.py", work, device, arguments)
        row = _ours("word2vec", metrics, device, why)
        if metrics:
            used = dict(metrics["settings"], **metrics)
            batch_size = batch_size or used.get("batch_size")
            scores = {os.path.basename(path): score["spearman"] for path, score in
                      metrics["scores"].items() if score.get("spearman") is not None}
            row = row._replace(scores=dict(loss=metrics["full_softmax_loss"], **scores))
        rows.append(row)
        _show(row)
    if with_torch:
        words, job = _encode(corpus, cache, work)
        results = _children(FLAGS.torch_python, work, do="torch_word2vec",
                            groups=max((batch_size or 4096) // _GROUP, 1), **job)
        for result in results:
            result.get("scores", {}).update(_similarity(words, result.get("vectors")))
        rows += _theirs("word2vec", results, "words/s")
    return rows


def _encode(corpus, cache, work):
    """Write the text as ids, as our program reads it: return (words, the settings for PyTorch)."""
    from tf1_sampled.word2vec import corpus as corpus_lib, model, reading, runs
    from tf1_sampled.word2vec.settings import Word2VecSettings
    settings = Word2VecSettings(corpus=[corpus], cache_dir=cache, epochs=FLAGS.epochs)
    with reading.open_text(settings, report=lambda line: None) as text:
        parts = [part for begin, end in text.pieces
                 for part in (text.corpus.read(begin, end), np.array([corpus_lib.END], np.int32))]
        counts = text.corpus.counts
        np.savez(os.path.join(work, "text.npz"), ids=np.concatenate(parts), counts=counts,
                 held_out=text.held_out, keep=runs.keep_probability(counts, settings.sample),
                 noise=model.noise_log_prob(settings.sampler, counts, settings.distortion))
        return text.corpus.words, dict(
            dim=settings.dim, window=settings.window, num_sampled=settings.num_sampled,
            num_negatives=settings.num_negatives, rate=settings.chosen_learning_rate(),
            power=settings.optimizer_options()["learning_rate_power"],
            distortion=settings.distortion, epochs=settings.epochs, num_words=text.num_words)


def _similarity(words, path):
    """Score the vectors in a file: return {name of an evaluation file: Spearman's correlation}."""
    if not path or not FLAGS.eval_similarity:
        return {}
    from tf1_sampled.word2vec import scoring
    scores = scoring.Judgements(FLAGS.eval_similarity).scores(words, np.load(path))
    return {os.path.basename(name): score.spearman for name, score in scores.items()
            if score.spearman is not None}


# ---------------------------------------------------------------- recsys


def _make_events(work):
    """Write events of users who each choose items of one of 50 kinds: return the two paths."""
    random = np.random.RandomState(1)
    paths = [os.path.join(work, name) for name in ("train.txt", "valid.txt")]
    num_kinds, per_kind = 50, max(FLAGS.users // 50, 40)
    odds = 1 / np.arange(5.0, per_kind + 5)
    with open(paths[0], "w") as train, open(paths[1], "w") as valid:
        for user in range(FLAGS.users):
            items = random.choice(per_kind, 25, replace=False, p=odds / odds.sum())
            names = [str(item * num_kinds + user % num_kinds) for item in items]
            train.write(" ".join([str(user)] + names[:20]) + "\n")
            valid.write(" ".join([str(user)] + names[20:]) + "\n")
    return paths


def _recsys(work, devices, with_torch):
    """Return the Rows of the part."""
    train, valid = [FLAGS.train, FLAGS.valid] if FLAGS.train else _make_events(work)
    arguments = gowalla.arguments(dict(
        gowalla.ROWS, **gowalla.OTHERS, train=train, valid=valid, epochs=FLAGS.recsys_epochs,
        validations=1))
    score = "NDCG@%d" % _K
    rows = []
    for device in devices:
        metrics, why = _program("run_recsys.py", work, device, arguments)
        row = _ours("recsys", metrics, device, why, speed="examples_per_second")
        if metrics:
            row = row._replace(scores={score: metrics["validations"][-1]["scores"][score]})
        rows.append(row)
        _show(row)
    if with_torch:
        _write_events(train, valid, work)
        results = _children(FLAGS.torch_python, work, do="torch_recsys", epochs=FLAGS.recsys_epochs)
        rows += _theirs("recsys", results, "examples/s")
    return rows


def _write_events(train, valid, work):
    """Write the events as arrays: training events, and the users on whom our program validates."""
    from tf1_sampled.recsys import events, splits
    from tf1_sampled.recsys.settings import RecsysSettings
    data = splits.split_given(*events.read_logs([train, valid]))
    part = splits.some_users(splits.held_out(data)[0], RecsysSettings().validation_users)
    np.savez(os.path.join(work, "events.npz"), items=data.items, starts=data.starts[:-1],
             ends=data.train_ends, num_items=len(data.item_names), users=part.users,
             targets=part.targets.items, target_begins=part.targets.begin,
             target_ends=part.targets.end)


# ---------------------------------------------------------------- step


def _step(work, devices, with_torch):
    """Return the Rows of the part."""
    del devices
    job = dict(batch=FLAGS.batch, sampled=FLAGS.sampled, dim=FLAGS.step_dim, classes=FLAGS.num_classes)
    results = _children(sys.executable, work, do="tf_step", **job)
    if with_torch:
        results += _children(FLAGS.torch_python, work, do="torch_step", **job)
    return _theirs("step", results, "")


def _step_ids(job):
    """Return (labels, input ids), int32 [_POOL, B] each; labels are log-uniform as the negatives."""
    random = np.random.RandomState(1)
    shape = [_POOL, job["batch"]]
    labels = np.exp(random.uniform(size=shape) * np.log(job["classes"] + 1)) - 1
    return (np.minimum(labels, job["classes"] - 1).astype(np.int32),
            random.randint(_INPUTS, size=shape).astype(np.int32))


def _steps_per_second(run, seconds):
    """Time calls of run, which makes _POOL steps and waits for them; the first call is not timed."""
    run()
    start, done = time.perf_counter(), 0
    while done < _MOST_STEPS and time.perf_counter() - start < seconds:
        run()
        done += _POOL
    return done / (time.perf_counter() - start)


def _tf_tables(tf, job):
    """Return (weights, biases, inputs) of a step in TensorFlow."""
    initializer = tf.random_uniform_initializer(-0.1, 0.1)
    weights = tf.get_variable("weights", [job["classes"], job["dim"]], initializer=initializer)
    biases = tf.get_variable("biases", [job["classes"]], trainable=False,
                             initializer=tf.zeros_initializer())
    return weights, biases, tf.get_variable("inputs", [_INPUTS, job["dim"]], initializer=initializer)


def _tf_step(job):
    """Yield the results of a step in TensorFlow: ours with one and many steps per call, and tf.nn."""
    import tensorflow.compat.v1 as tf
    tf.disable_v2_behavior()
    tf.enable_resource_variables()
    tf.logging.set_verbosity(tf.logging.ERROR)
    for make in (_our_step, _tf_nn_step):
        with tf.Graph().as_default():
            tf.set_random_seed(1)
            labels, input_ids = (tf.placeholder(tf.int32, [job["batch"]]) for _ in range(2))
            loss, runners = make(tf, job, labels, input_ids)
            feeds = [{labels: one, input_ids: two} for one, two in zip(*_step_ids(job))]
            with tf.Session(config=tf.ConfigProto(allow_soft_placement=True)) as session:
                for name, run in runners(session, feeds):
                    session.run(tf.global_variables_initializer())
                    run()
                    scores = {"loss": float(session.run(loss, feeds[0]))}
                    yield {"system": name, "speed": _steps_per_second(run, job["seconds"]),
                           "scores": scores}


def _our_step(tf, job, labels, input_ids):
    """Return (loss, function of a session and feeds that gives [(name, function of _POOL steps)])."""
    import tf1_sampled as ts
    from tf1_sampled.training import steps
    weights, biases, table = _tf_tables(tf, job)
    sampled = ts.log_uniform_candidate_sampler(labels, 1, job["sampled"], "masked", job["classes"],
                                               seed=steps.step_seed(1))
    loss = tf.reduce_mean(ts.sampled_softmax_loss(
        weights, biases, labels, tf.gather(table, input_ids), num_sampled=job["sampled"],
        num_classes=job["classes"], sampled_values=sampled))
    step = steps.Step(loss, loss, ts.AdagradOptimizer, _STEP_RATE, decay="none")
    step.make_loops(filled={})

    def runners(session, feeds):
        made = [(feed, 0.0, number) for number, feed in enumerate(feeds)]
        fed = [step.with_progress(*one) for one in made]
        one = step.runner(session)
        yield "ours, one step per call", lambda: [one(feed, False) for feed in fed]
        for is_compiled in (False, True):
            many = step.repeater(session, fed[0], is_compiled, lambda line: print(line, file=sys.stderr))
            yield ("ours, %d steps per call%s" % (_POOL, ", compiled by XLA" * is_compiled),
                   lambda many=many: many(made))

    return loss, runners


def _tf_nn_step(tf, job, labels, input_ids):
    """Return the same as _our_step for tf.nn's loss and sampler and tf.train's Adagrad."""
    weights, biases, table = _tf_tables(tf, job)
    true = tf.cast(labels, tf.int64)[:, None]
    sampled = tf.random.log_uniform_candidate_sampler(true, 1, job["sampled"], True, job["classes"])
    loss = tf.reduce_mean(tf.nn.sampled_softmax_loss(
        weights, biases, true, tf.gather(table, input_ids), num_sampled=job["sampled"],
        num_classes=job["classes"], sampled_values=sampled))
    train_op = tf.train.AdagradOptimizer(_STEP_RATE).minimize(loss)

    def runners(session, feeds):
        one = session.make_callable(train_op, [labels, input_ids])
        yield "tf.nn", lambda: [one(feed[labels], feed[input_ids]) for feed in feeds]

    return loss, runners


# ---------------------------------------------------------------- PyTorch


def _torch():
    """Return (torch, the device to run on)."""
    import torch
    torch.set_float32_matmul_precision("high")  # TF32, TensorFlow's default
    torch.manual_seed(1)
    return torch, torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _wait(torch):
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _compiled(torch, function, warm_up):
    """Compile a function, with CUDA graphs if possible.

    Args:
      torch: the module.
      function: function or torch.nn.Module.
      warm_up: function that takes the compiled function and calls it.

    Returns:
      (the compiled function, the mode of compilation), or (None, the error).
    """
    why = ""
    for mode in ("reduce-overhead", "default"):
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        try:
            made = torch.compile(function, mode=mode)
            for _ in range(_WARM_UP):
                warm_up(made)
            _wait(torch)
        except Exception as error:  # a compiler may raise any error
            why = "%s: %s" % (type(error).__name__, (str(error).strip().splitlines() or [""])[0])
            continue
        skips = torch.cuda.is_available() and torch._dynamo.utils.counters["inductor"].get(
            "cudagraph_skips", 0)
        return made, mode + (", CUDA graphs skipped" if skips else "")
    return None, "cannot compile: " + why


def _ways(torch, function, warm_up, reset=lambda: None):
    """Yield ({"system"}, function) of PyTorch eager and compiled, or ({"system", "note"}, None)."""
    for _ in range(_WARM_UP):
        warm_up(function)
    reset()
    yield {"system": "PyTorch, eager"}, function
    made, how = _compiled(torch, function, warm_up)
    reset()
    if made is None:
        yield {"system": "PyTorch, compiled", "note": how}, None
    else:
        yield {"system": "PyTorch, compiled (%s)" % how}, made


def _gradients(torch, loss_of, *arguments):
    """Return (loss, gradients for all arguments)."""
    if torch.compiler.is_compiling():  # torch.autograd.grad would break the compiled graph
        which = tuple(range(len(arguments)))
        gradients, loss = torch.func.grad_and_value(loss_of, argnums=which)(*arguments)
        return loss, gradients
    leaves = [argument.requires_grad_() for argument in arguments]
    loss = loss_of(*leaves)
    return loss.detach(), torch.autograd.grad(loss, leaves)


def _torch_about(job):
    """Yield the version of PyTorch and the GPU that it sees."""
    del job
    torch, device = _torch()
    yield {"version": torch.__version__,
           "gpu": torch.cuda.get_device_name(0) if device.type == "cuda" else ""}


def _windows(torch, tokens, window, shrink):
    """Return (words [N, J], pairs float [N, K, J]) of the blocks of runs; -1 in tokens is an end."""
    width = _BLOCK + 2 * window
    is_end = (tokens < 0).long()
    sentence = 2 * is_end.cumsum(1) - is_end  # even in a sentence, odd at an end
    words, sentence = (values.unfold(1, width, _BLOCK).reshape(-1, width)
                       for values in (tokens, sentence))
    places = torch.arange(width, device=tokens.device)
    distance = (places[None] - window - places[:_BLOCK, None]).abs()[None]
    reach = window
    if shrink:
        reach = torch.randint(1, window + 1, (len(words), _BLOCK, 1), device=tokens.device)
    same = sentence[:, window:window + _BLOCK, None] == sentence[:, None]
    return words.clamp(min=0), ((distance <= reach) & (distance > 0) & same).float()


def _skip_gram(torch, job, counts):
    """Return a torch.nn.Module whose call is a step on tokens [G, 128 + 2 W] at a learning rate."""
    softplus = torch.nn.functional.softplus

    class SkipGram(torch.nn.Module):
        """Skip-gram with negative sampling, trained by row-wise Adagrad. N = 4 G blocks."""

        def __init__(self):
            super().__init__()
            size = len(counts), job["dim"]
            for name, shape in (("embeddings", size), ("weights", size),
                                ("embeddings_squares", size[:1]), ("weights_squares", size[:1])):
                self.register_buffer(name, torch.zeros(shape))
            noise = np.cumsum(np.maximum(counts, 0.5) ** job["distortion"])
            self.register_buffer("noise", torch.tensor(noise / noise[-1], dtype=torch.float32))
            self.reset()

        def reset(self):
            self.embeddings.uniform_(-0.5 / job["dim"], 0.5 / job["dim"])
            self.weights.zero_()
            self.embeddings_squares.fill_(0.1)
            self.weights_squares.fill_(0.1)

        def forward(self, tokens, rate):
            window, groups = job["window"], len(tokens)
            words, pairs = _windows(torch, tokens, window, shrink=True)
            centres = words[:, window:window + _BLOCK]
            drawn = torch.rand(groups, job["num_sampled"], device=tokens.device)
            negatives = torch.searchsorted(self.noise, drawn).clamp(max=len(self.noise) - 1)
            own = negatives.repeat_interleave(len(words) // groups, 0)  # [N, S]
            no_hits = (own[:, :, None] != words[:, None]).float()  # [N, S, J]
            weight = job["num_negatives"] / job["num_sampled"]

            def loss_of(inputs, rows, negative_rows):
                true = inputs @ rows.transpose(1, 2)  # [N, K, J]
                sampled = inputs.reshape(groups, _GROUP, -1) @ negative_rows.transpose(1, 2)
                noise = softplus(sampled).reshape(len(words), _BLOCK, -1) @ no_hits
                return (pairs * (softplus(-true) + weight * noise)).sum()

            _, (for_inputs, for_rows, for_negatives) = _gradients(
                torch, loss_of, self.embeddings[centres], self.weights[words], self.weights[negatives])
            self.update("embeddings", rate, [centres], [for_inputs])
            self.update("weights", rate, [words, negatives], [for_rows, for_negatives])

        def update(self, name, rate, ids, gradients):
            table, squares = getattr(self, name), getattr(self, name + "_squares")
            rows = torch.cat([some.reshape(-1) for some in ids])
            gradient = torch.cat([some.reshape(-1, job["dim"]) for some in gradients])
            squares.index_add_(0, rows, gradient.square().mean(1))
            scale = rate * squares[rows] ** job["power"]
            table.index_add_(0, rows, -scale[:, None] * gradient)

    return SkipGram()


def _torch_word2vec(job):
    """Yield the results of skip-gram in PyTorch."""
    torch, device = _torch()
    data = np.load(os.path.join(job["work"], "text.npz"))
    ids = torch.tensor(data["ids"], dtype=torch.int64, device=device)
    keep = torch.tensor(data["keep"], device=device)[ids.clamp(min=0)]
    keep[ids < 0] = 1
    model = _skip_gram(torch, job, data["counts"]).to(device)
    tokens = torch.zeros(job["groups"], _GROUP + 2 * job["window"], dtype=torch.int64, device=device)
    rate = torch.tensor(job["rate"], device=device)
    for number, (result, step) in enumerate(_ways(
            torch, model, lambda step: step(tokens, rate), model.reset)):
        if step is not None:
            result["speed"], is_whole = _train_words(torch, job, step, ids, keep)
            if is_whole:
                result["scores"] = {"loss": _held_out_loss(torch, job, model, data)}
                result["vectors"] = os.path.join(job["work"], "vectors-%d.npy" % number)
                np.save(result["vectors"], model.embeddings.cpu().numpy())
        yield result


def _train_words(torch, job, step, ids, keep):
    """Train: return (raw words per second, whether all epochs were finished)."""
    window, groups = job["window"], job["groups"]
    frame = torch.arange(_GROUP + 2 * window, device=ids.device)[None]
    _wait(torch)
    start, done, share = time.perf_counter(), 0, 0.0
    while done < job["epochs"] and share == done:
        kept = ids[torch.rand(len(ids), device=ids.device) < keep]
        num_runs = -(-len(kept) // (groups * _GROUP))
        line = torch.full([num_runs * groups * _GROUP + 2 * window], -1, device=ids.device)
        line[window:window + len(kept)] = kept
        first = torch.arange(groups, device=ids.device)[:, None] * num_runs * _GROUP + frame
        progress = (done + torch.arange(num_runs, device=ids.device) / num_runs) / job["epochs"]
        rates = job["rate"] * (1 - progress)
        for i in range(num_runs):
            step(line[first + i * _GROUP], rates[i])
            share = done + (i + 1) / num_runs
            if i % 16 == 0 and time.perf_counter() - start > job["seconds"]:
                break
        done += 1
    _wait(torch)
    return share * job["num_words"] / (time.perf_counter() - start), share == job["epochs"]


def _held_out_loss(torch, job, model, data):
    """Return the mean full softmax loss over the pairs of the held-out text."""
    noise = torch.tensor(data["noise"], device=model.weights.device)
    runs = torch.tensor(data["held_out"], dtype=torch.int64, device=noise.device)
    words, pairs = _windows(torch, runs, job["window"], shrink=False)
    at_a_time = max(1, (1 << 27) // (_BLOCK * len(noise)))
    total = 0.0
    for word, pair in zip(words.split(at_a_time), pairs.split(at_a_time)):
        inputs = model.embeddings[word[:, job["window"]:job["window"] + _BLOCK]]
        scores = inputs @ model.weights.T + noise  # [N, K, V]
        true = scores.gather(2, word[:, None].expand(-1, _BLOCK, -1))
        total += float((pair * (scores.logsumexp(2, keepdim=True) - true)).sum(dtype=torch.float64))
    return total / float(pairs.sum(dtype=torch.float64))


def _examples(data, random):
    """Return (histories int32 [N, _HISTORY], padded with C, labels int32 [N]) of an epoch, shuffled."""
    lengths = data["ends"] - data["starts"]
    users = np.repeat(np.arange(len(lengths)), lengths * (lengths > 1))
    order = np.lexsort([random.random_sample(len(users)), users])  # a user's events in random order
    firsts = np.searchsorted(users, users)
    chosen = random.permutation(order[np.arange(len(users)) - firsts < _MOST])
    length, start = lengths[users[chosen]], data["starts"][users[chosen]]
    place = chosen - firsts[chosen]
    return _padded(data, start, length, place), data["items"][start + place].astype(np.int32)


def _padded(data, start, length, left_out):
    """Return the latest events of slices without one of them (-1: with all): int32 [N, _HISTORY]."""
    last = length - 1 - (left_out >= 0)
    place = last[:, None] - np.arange(_HISTORY)[None]
    is_event = place >= 0
    place += (left_out[:, None] >= 0) & (place >= left_out[:, None])
    items = data["items"][np.where(is_event, start[:, None] + place, 0)]
    return np.where(is_event, items, data["num_items"]).astype(np.int32)


def _recommender(torch, num_items, is_sparse):
    """Return a torch.nn.Module of (histories, labels) -> loss."""
    functional = torch.nn.functional

    class Recommender(torch.nn.Module):
        """A mean of item rows, cosines and sampled softmax; log Q of uniform negatives cancels."""

        def __init__(self):
            super().__init__()
            self.items = torch.nn.EmbeddingBag(num_items + 1, _DIM, mode="mean", sparse=is_sparse,
                                               padding_idx=num_items)
            self.loss = self.dense_loss  # replaced by a compiled function
            self.reset()

        def reset(self):
            torch.nn.init.normal_(self.items.weight, 0, 0.15 * _DIM ** -0.5)
            with torch.no_grad():
                self.items.weight[num_items] = 0

        def forward(self, histories, labels):
            drawn = torch.randint(num_items, [_NUM_SAMPLED], device=labels.device)
            ids = torch.cat([labels, drawn])
            rows = functional.embedding(ids, self.items.weight, sparse=is_sparse)
            return self.loss(self.items(histories), rows, labels, drawn)

        @staticmethod
        def dense_loss(means, rows, labels, drawn):
            users, rows = functional.normalize(means) / _TEMPERATURE, functional.normalize(rows)
            true = (users * rows[:len(users)]).sum(1, keepdim=True)
            sampled = users @ rows[len(users):].T
            sampled = sampled.masked_fill(labels[:, None] == drawn, -1e9)
            return (torch.cat([true, sampled], 1).logsumexp(1, keepdim=True) - true).mean()

    return Recommender()


def _torch_recsys(job):
    """Yield the results of a recommender in PyTorch: SparseAdam eager and compiled, and Adam."""
    torch, device = _torch()
    data = dict(np.load(os.path.join(job["work"], "events.npz")))
    data["num_items"] = int(data["num_items"])
    first = [part[:_BATCH] for part in _pinned(torch, _examples(data, np.random.RandomState(1)))]
    model = _recommender(torch, data["num_items"], is_sparse=True).to(device)

    def warm_up(loss):
        model.loss = loss
        model(*[part.to(device).long() for part in first]).backward()

    for result, loss in _ways(torch, model.dense_loss, warm_up, model.reset):
        if loss is not None:
            model.loss = loss
            optimizer = torch.optim.SparseAdam(model.parameters(), _RATE, betas=(0.0, 0.999))
            result.update(_train_examples(torch, job, model, model, data=data, optimizer=optimizer))
        yield result
    dense = _recommender(torch, data["num_items"], is_sparse=False).to(device)
    step, how = _compiled(torch, dense, lambda step: step(
        *[part.to(device).long() for part in first]).backward())
    result = {"system": "PyTorch, compiled, dense Adam (%s)" % how}
    if step is None:
        yield {"system": "PyTorch, compiled, dense Adam", "note": how}
        return
    dense.reset()
    optimizer = torch.optim.Adam(dense.parameters(), _RATE, betas=(0.0, 0.999), fused=True)
    result.update(_train_examples(torch, job, dense, step, data=data, optimizer=optimizer))
    yield result


def _pinned(torch, arrays):
    tensors = [torch.from_numpy(array) for array in arrays]
    return [tensor.pin_memory() for tensor in tensors] if torch.cuda.is_available() else tensors


def _train_examples(torch, job, model, step, data, optimizer):
    """Train: return {"speed": examples per second, "scores": empty if not all epochs were finished}."""
    random, device = np.random.RandomState(1), model.items.weight.device
    seconds, done, share = 0.0, 0, 0.0
    for epoch in range(job["epochs"]):
        histories, labels = _pinned(torch, _examples(data, random))
        num_steps = max(len(labels) // _BATCH, 1)
        _wait(torch)
        start = time.perf_counter()
        for i in range(num_steps):
            optimizer.param_groups[0]["lr"] = _RATE * (1 - (epoch + i / num_steps) / job["epochs"])
            optimizer.zero_grad(set_to_none=True)
            batch = slice(i * _BATCH, (i + 1) * _BATCH)
            fed = [part[batch].to(device, non_blocking=True).long() for part in (histories, labels)]
            step(*fed).backward()
            optimizer.step()
            done += len(labels[batch])
            share = epoch + (i + 1) / num_steps
            if seconds + time.perf_counter() - start > job["seconds"]:
                break
        _wait(torch)
        seconds += time.perf_counter() - start
        if share < epoch + 1 or seconds > job["seconds"]:
            break
    scores = {"NDCG@%d" % _K: _ndcg(torch, model, data)} if share == job["epochs"] else {}
    return {"speed": done / seconds, "scores": scores}


def _ndcg(torch, model, data):
    """Return the mean NDCG@_K of the validation users among the items that they have not had."""
    table = model.items.weight.detach()
    rows = torch.nn.functional.normalize(table[:data["num_items"]])
    total = 0.0
    for low in range(0, len(data["users"]), 1024):
        users = data["users"][low:low + 1024]
        start, length = data["starts"][users], data["ends"][users] - data["starts"][users]
        histories = _padded(data, start, length, np.full(len(users), -1))
        with torch.no_grad():
            means = model.items(torch.from_numpy(histories).to(table.device).long())
            scores = means @ rows.T  # the length of a user's mean does not change the order
        for i, (begin, size) in enumerate(zip(start, length)):
            scores[i, torch.from_numpy(data["items"][begin:begin + size]).to(table.device).long()] = -1e9
        best = scores.topk(min(_K, data["num_items"])).indices.cpu().numpy()
        ends = data["target_ends"][low:low + 1024]
        for found, begin, end in zip(best, data["target_begins"][low:low + 1024], ends):
            gains = 1 / np.log2(np.arange(len(found)) + 2)
            hits = np.isin(found, data["targets"][begin:end])
            total += np.sum(gains * hits) / np.sum(gains[:end - begin])
    return total / len(data["users"])


def _sampled_softmax(torch, job):
    """Return a torch.nn.Module whose call is a step of sampled softmax and Adagrad on labels and ids."""
    scale = float(np.log(job["classes"] + 1))

    class SampledSoftmax(torch.nn.Module):
        """Sampled softmax with log-uniform negatives, repeats with Q(k) = S P(k), and hits removed."""

        def __init__(self):
            super().__init__()
            for name, rows in (("weights", job["classes"]), ("inputs", _INPUTS)):
                self.register_buffer(name, torch.zeros(rows, job["dim"]))
                self.register_buffer(name + "_squares", torch.zeros(rows, job["dim"]))

        def reset(self):
            for name in ("weights", "inputs"):
                getattr(self, name).uniform_(-0.1, 0.1)
                getattr(self, name + "_squares").fill_(0.1)

        def forward(self, labels, input_ids):
            drawn = torch.rand(job["sampled"], device=labels.device)
            drawn = ((drawn * scale).exp() - 1).long().clamp(max=job["classes"] - 1)
            hits = labels[:, None] == drawn

            def log_q(ids):
                return (job["sampled"] / scale * (1 / (ids + 1.0)).log1p()).log()

            def loss_of(inputs, true_rows, sampled_rows):
                true = (inputs * true_rows).sum(1, keepdim=True) - log_q(labels)[:, None]
                sampled = inputs @ sampled_rows.T - log_q(drawn)
                sampled = sampled.masked_fill(hits, -1e9)
                return (torch.cat([true, sampled], 1).logsumexp(1, keepdim=True) - true).mean()

            loss, (for_inputs, for_true, for_sampled) = _gradients(
                torch, loss_of, self.inputs[input_ids], self.weights[labels], self.weights[drawn])
            self.update("inputs", input_ids, for_inputs)
            self.update("weights", torch.cat([labels, drawn]), torch.cat([for_true, for_sampled]))
            return loss

        def update(self, name, rows, gradient):
            table, squares = getattr(self, name), getattr(self, name + "_squares")
            squares.index_add_(0, rows, gradient.square())
            table.index_add_(0, rows, -_STEP_RATE * squares[rows].rsqrt() * gradient)

    return SampledSoftmax()


def _torch_step(job):
    """Yield the results of a step in PyTorch."""
    torch, device = _torch()
    model = _sampled_softmax(torch, job).to(device)
    model.reset()
    batches = list(zip(*[_pinned(torch, part.astype(np.int64)) for part in _step_ids(job)]))

    def one(step, number=0):
        return step(*[part.to(device, non_blocking=True) for part in batches[number]])

    for result, step in _ways(torch, model, one, model.reset):
        if step is not None:
            def run(step=step):
                for number in range(_POOL):
                    one(step, number)
                _wait(torch)

            run()
            result["scores"] = {"loss": float(one(step))}
            result["speed"] = _steps_per_second(run, job["seconds"])
        yield result


# ---------------------------------------------------------------- all of it


def _tf_about(job):
    """Yield the GPU that TensorFlow sees."""
    del job
    from tensorflow.python.client import device_lib
    names = [device.physical_device_desc for device in device_lib.list_local_devices()
             if device.device_type == "GPU"]
    described = [part[len("name: "):] for name in names for part in name.split(", ")
                 if part.startswith("name: ")]
    yield {"gpu": (described or names or [""])[0]}


def _show(row):
    print("%s, %s: %s" % (row.part, row.system, row.shown or row.note), file=sys.stderr, flush=True)


def _print_table(rows):
    """Print the rows of all parts, with the ratio to the fastest compiled PyTorch of the part."""
    width = max(len(row.system) for row in rows) + 2
    print("%-10s%-*s%22s%8s  %s" % ("part", width, "system", "rate", "ratio", "score"))
    for row in rows:
        peers = [peer.speed for peer in rows if peer.part == row.part and peer.speed
                 and peer.system.startswith("PyTorch, compiled")]
        ratio = "%.2f" % (row.speed / max(peers)) if row.speed and peers else "-"
        scores = ", ".join("%s %.4f" % score for score in row.scores.items()) or row.note or "-"
        print("%-10s%-*s%22s%8s  %s" % (row.part, width, row.system, row.shown or "-", ratio, scores))


def _disagreements(rows):
    """Return lines about failures of our systems, and about scores that depend on the device."""
    lines = ["%s, %s: %s" % (row.part, row.system, row.note) for row in rows
             if row.note and not row.system.lower().startswith(("pytorch", "torch"))]
    for part in ("word2vec", "recsys"):
        ours = [row for row in rows if row.part == part and row.system.startswith("ours")]
        if len(ours) < 2 or any(row.note for row in ours):
            continue
        for name, other in ours[1].scores.items():
            score = ours[0].scores.get(name)
            most = FLAGS.tolerance * abs(other) if name == "loss" else (
                FLAGS.tolerance if part == "recsys" else FLAGS.similarity_tolerance)
            if score is None or not abs(score - other) <= most:  # also if one is NaN
                lines.append("%s: %s is %s on the GPU and %s on the CPU; they differ by more than %.4g"
                             % (part, name, score, other, most))
    return lines


@contextlib.contextmanager
def _only_results():
    """Yield a function that prints a line of JSON; other output goes to standard error."""
    output, sys.stdout = sys.stdout, sys.stderr
    yield lambda result: print(json.dumps(result), file=output, flush=True)
    sys.stdout = output


_JOBS = {job.__name__[1:]: job for job in (
    _tf_about, _tf_step, _torch_about, _torch_word2vec, _torch_recsys, _torch_step)}
_PARTS = {"word2vec": _word2vec, "recsys": _recsys, "step": _step}


def _run_job(path):
    """Run a part of the work, and print its results."""
    with open(path) as stream:
        job = json.load(stream)
    with _only_results() as give:
        try:
            for result in _JOBS[job["do"]](job):
                give(result)
        except ImportError as error:
            if getattr(error, "name", None) != "torch":
                raise
            give({"system": "PyTorch", "skipped": "PyTorch is not installed"})


def main(_):
    if FLAGS.job:
        _run_job(FLAGS.job)
        return
    unknown = set(FLAGS.parts) - set(_PARTS)
    if unknown:
        sys.exit("--parts: wanted a list of %s, got %s" % (",".join(_PARTS), ",".join(sorted(unknown))))
    if bool(FLAGS.train) != bool(FLAGS.valid):
        sys.exit("--train and --valid: wanted both or none, got one of them")
    with tempfile.TemporaryDirectory() as work:
        gpu = _children(sys.executable, work, do="tf_about")[0].get("gpu")
        if not gpu and not FLAGS.anyway:
            print("skipped: TensorFlow sees no GPU")
            return
        about = _children(FLAGS.torch_python, work, do="torch_about")[0]
        skipped = about.get("skipped") or about.get("note") or (
            "PyTorch sees no GPU" if gpu and not about["gpu"] else "")
        print("%s; GPU: %s; PyTorch %s" % (machine.description(), gpu or "none",
                                           about.get("version", "none")))
        if skipped:
            print("skipped: " + skipped)
        rows = []
        for name in FLAGS.parts:
            begin = time.time()
            found = _PARTS[name](work, ["gpu" if gpu else "auto", "cpu"], not skipped)
            for row in found:
                if not row.system.startswith("ours, --device"):  # printed already
                    _show(row)
            print("%s took %.0f s" % (name, time.time() - begin), file=sys.stderr, flush=True)
            rows += found
    _print_table(rows)
    lines = _disagreements(rows)
    if lines:
        print("\n".join(lines))
        sys.exit(1)


if __name__ == "__main__":
    app.run(main)
