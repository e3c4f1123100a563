"""Trains a recommender's candidate generator, the YouTube DNN, with a sampled loss.

    python run_recsys.py --num_sampled=10
    python run_recsys.py --events=ratings.csv --titles=movies.csv --plots=plots
    python run_recsys.py --train=train.txt --valid=valid.txt --test=test.txt --context=others
    python -m tf1_sampled.recsys.serve runs/recsys-1

Without files it reads which functions the Python code installed on this machine calls: a function is a
user, the calls in it are what the user watched.
"""
import functools
import math
import os
import time

from absl import flags

from tf1_sampled.programs import program

FLAGS = flags.FLAGS

_LEARNING_RATES = {"adagrad": 0.1, "adam": 0.005, "rowwise_adagrad": 0.1, "sgd": 1.0}
_TEMPERATURES = {"cosine": 0.1, "dot": 1.0}
# What results are called in the model_dir and in --plots.
_RESULTS = ("saved_model", "item_vectors.npy", "item_biases.npy", "items.tsv", "names.json",
            "items.faiss")
_PICTURES = ("loss.png", "validation.png", "popularity.png", "map.png")

program.define_training_flags(
    loss="sampled_softmax", sampler="log_uniform", num_sampled=100, optimizer="adam",
    learning_rates=_LEARNING_RATES, batch_size=256, epochs=15, dim=128,
    num_sampled_of="step, of fewer than 200 items by default half as many", batch_of="Examples")
flags.adopt_module_key_flags(program)

# Events, and which of them train, validate and test.
flags.DEFINE_string("events", "", "Event file: MovieLens ratings.csv, u.data or ratings.dat, a CSV or "
                    "TSV with a header that names a user, an item and maybe a time column, or lines of "
                    "a user and items; may be .gz .bz2 .xz .zip. Default: calls in the installed Python "
                    "packages.")
flags.DEFINE_enum("split", "last", ["last", "time"], "How --events are split: each user's last event "
                  "tests and the one before it validates, or by --time_cuts.")
flags.DEFINE_list("time_cuts", ["0.8", "0.9"], "When validation and test begin: times as in the file, "
                  "or shares of the events, between 0 and 1.")
flags.DEFINE_list("train", [], "Event files to train on, instead of --events; several are read as one.")
flags.DEFINE_list("valid", [], "Event files to validate with.")
flags.DEFINE_list("test", [], "Event files to test with.")
flags.DEFINE_integer("min_count", 5, "Leave out items with fewer events.", lower_bound=1)
flags.DEFINE_bool("repeats", False, "Users may take an item again: repeated events count, and what a "
                  "user has had is offered too.")
flags.DEFINE_list("categorical", [], "Columns of the event files that are context, of categories.")
flags.DEFINE_list("numeric", [], "Columns of the event files that are context, of numbers.")
flags.DEFINE_string("users", "", "CSV or TSV of what is known of users, with a column for the user.")
flags.DEFINE_list("user_categorical", [], "Columns of --users, of categories.")
flags.DEFINE_list("user_numeric", [], "Columns of --users, of numbers.")
flags.DEFINE_string("titles", "", "Names of the items, as MovieLens movies.csv.")
flags.DEFINE_string("category", "", "Column of --titles that colours the map of items, as genres.")

# Model and training.
flags.DEFINE_enum("context", "past", ["others", "past"], "What predicts an event: the user's events "
                  "before it, or all the user's others (of data without an order).")
flags.DEFINE_integer("history_length", 10, "Events of a user's history that count, the latest; 0: all.",
                     lower_bound=0)
flags.DEFINE_integer("max_examples_per_user", 0, "Examples of a user in an epoch, at random; 0: all.",
                     lower_bound=0)
flags.DEFINE_list("hidden", [], "Sizes of the hidden layers, as 256,128; may be empty.")
flags.DEFINE_float("pooling_power", 1, "A history is the sum of its items' rows over its length to this "
                   "power: 1 for the mean, 0 for the sum.", lower_bound=0, upper_bound=1)
flags.DEFINE_bool("shared_table", False, "One table of item rows for histories and classes.")
flags.DEFINE_bool("user_rows", False, "Learn a row for each user.")
flags.DEFINE_bool("example_age", False, "Learn what changes with time; needs times.")
flags.DEFINE_float("frequency_bias", 1, "An item's bias is its log frequency times this.")
flags.DEFINE_enum("similarity", "cosine", sorted(_TEMPERATURES), "Score of a user and an item.")
flags.DEFINE_float("temperature", None, "Scores are divided by it. Default: %s." % ", ".join(
    "%g for %s" % (t, s) for s, t in sorted(_TEMPERATURES.items())))
flags.DEFINE_float("dropout", 0, "Share of the history's items, and of hidden units, that a step leaves "
                   "out.", lower_bound=0, upper_bound=0.99)
flags.DEFINE_bool("remove_known", False, "Leave out negatives that the user took in another event.")
flags.DEFINE_integer("hard_negatives", 0, "More negatives per step: the best items of some of the "
                     "step's users. Scores all items in each step.", lower_bound=0)
flags.DEFINE_string("init_from", "", "Folder of an earlier model to go on from, by names of items and "
                    "users; new ones come in.")
flags.DEFINE_integer("threads", 0, "Steps at a time, each on a core of its own. 1: the same seed gives "
                     "the same model. Default: one for each core.", lower_bound=0)

# Results.
flags.DEFINE_list("k", ["10"], "Cuts of Recall@k, HR@k, NDCG@k, MRR@k and Coverage@k.")
flags.DEFINE_string("choose_by", "", "Score on the validation events that chooses the checkpoint. "
                    "Default: NDCG at the first of --k.")
flags.DEFINE_integer("validations", 10, "How often to validate while training; 0: the last state is "
                     "kept.", lower_bound=0)
flags.DEFINE_integer("patience", 0, "Stop after so many validations without a better score; 0: never.",
                     lower_bound=0)
flags.DEFINE_bool("ann_index", False, "Make an index for approximate search too, items.faiss.")
flags.DEFINE_string("plots", "", "Folder for pictures: %s." % ", ".join(_PICTURES))


def main(argv):
    # Imported here, TensorFlow only below: --help, a wrong flag or a bad file need not wait for it.
    import numpy as np

    from tf1_sampled import checks, default_data, registry
    from tf1_sampled.recsys import batches, evaluation, splits
    from tf1_sampled.recsys import events as event_files

    # What can go wrong early does.
    clock = {"start": time.time()}
    _check_flags(FLAGS, argv[1:])
    cluster = program.cluster_of(FLAGS)
    if cluster and cluster.is_ps:
        program.serve(cluster)
        return
    is_chief = not cluster or cluster.is_chief
    cuts = program.positive_integers("k", FLAGS.k)
    checks.argument(cuts, "run_recsys", "--k", "one integer or more", FLAGS.k)
    FLAGS.choose_by = choose_by = FLAGS.choose_by or "NDCG@%d" % cuts[0]
    checks.one_of("run_recsys", "--choose_by", choose_by, evaluation.metric_names(cuts))
    folder = program.model_dir_of(FLAGS, "recsys", (
        "ann_index", "category", "events", "k", "patience", "test", "titles", "train", "users", "valid",
        "validations"), is_chief)
    hidden = program.positive_integers("hidden", FLAGS.hidden)
    temperature = FLAGS.temperature
    if temperature is None:
        temperature = _TEMPERATURES[FLAGS.similarity]
    if is_chief:
        _check_places(FLAGS)
    if FLAGS.ann_index and is_chief:
        from tf1_sampled.recsys import index
        index.check_available()

    # Data: events -> users' items in order of time, those to train on, to validate and to test.
    titles = event_files.read_titles(FLAGS.titles) if FLAGS.titles else {}
    category_of = None
    if FLAGS.category:
        category_of = event_files.read_side_table(FLAGS.titles, "item", [FLAGS.category])[FLAGS.category]
    columns = (FLAGS.categorical, FLAGS.numeric)
    if FLAGS.train:
        log, file_number = event_files.read_logs(FLAGS.train + FLAGS.valid + FLAGS.test, *columns)
        part = np.repeat([splits.TRAIN, splits.VALID, splits.TEST],
                         [len(FLAGS.train), len(FLAGS.valid), len(FLAGS.test)])[file_number]
        protocol = "the events of --test"
    else:
        log = event_files.read_log(FLAGS.events or default_data.call_histories(report=print), *columns)
    if FLAGS.users:
        log = event_files.with_user_columns(log, FLAGS.users, FLAGS.user_categorical, FLAGS.user_numeric)
    if FLAGS.train:
        events = splits.split_given(log, part, FLAGS.min_count, repeats=FLAGS.repeats)
    elif FLAGS.split == "time":
        valid_from, test_from = _times_of_cuts(log, FLAGS.time_cuts)
        events = splits.split_time(log, valid_from, test_from, FLAGS.min_count, repeats=FLAGS.repeats)
        protocol = "the events from time %.10g on" % test_from
    else:
        events = splits.split_last(log, FLAGS.min_count, repeats=FLAGS.repeats)
        protocol = "the last event"
    del log
    valid, test = splits.held_out(events)
    if FLAGS.repeats:  # what a user has had is offered too
        valid, test = (part and part._replace(seen=None) for part in (valid, test))
    num_items = len(events.item_names)
    cap = FLAGS.max_examples_per_user or None
    num_examples = batches.num_examples(events, FLAGS.context, cap)
    print("%s events of %s users and %s items; %s examples to train on" % tuple(
        format(n, ",") for n in (len(events.items), len(events.user_names), num_items, num_examples)),
        flush=True)
    checks.argument(max(cuts) <= num_items, "run_recsys", "--k", "at most %d items" % num_items,
                    max(cuts))
    checks.argument(events.times is not None or not FLAGS.example_age, "run_recsys", "--example_age",
                    "events with times", None)
    num_sampled = _num_sampled(FLAGS, events.item_counts)
    if FLAGS.loss == "softmax_at_k":
        _check_at_k(FLAGS, num_sampled)
    clock["read"] = time.time()

    # Graph: items and slices of them -> user vectors -> loss of the items that were taken.
    tf = program.import_tensorflow()
    from tf1_sampled import candidates, distributions, logits, losses, samplers
    from tf1_sampled.cluster import distributed
    from tf1_sampled.recsys import export, feeds, model, pictures, ranking, warm_start
    from tf1_sampled.training import checkpoints, loop, steps

    tf.disable_v2_behavior()
    tf.set_random_seed(FLAGS.seed)
    distributed.cut_tables(cluster)
    age_unit = np.ptp(feeds.training_span(events)) if FLAGS.example_age else 0
    net = model.YouTubeDNN(
        events.item_counts, FLAGS.dim, hidden, FLAGS.similarity, temperature, FLAGS.pooling_power,
        FLAGS.shared_table, len(events.user_names) if FLAGS.user_rows else 0,
        feeds.context_columns(events), age_unit, FLAGS.dropout, FLAGS.frequency_bias,
        FLAGS.seed)
    inputs = model.placeholders(net, training=True)
    labels = tf.placeholder(tf.int32, [None], "labels")
    seed = steps.step_seed(FLAGS.seed)
    users = net.user_vectors(inputs, True, distributions.fold_in(seed, "dropout"))
    weights, biases = net.class_table()
    sampled = known = None
    if FLAGS.loss not in registry.FULL_LOSSES:
        sampled = samplers.sample_by_name(
            FLAGS.sampler, labels, num_sampled, events.item_counts, unique=True,
            distortion=FLAGS.distortion, seed=seed)
        if FLAGS.hard_negatives:
            hard = ranking.best_items(weights, biases, users, num_items, FLAGS.hard_negatives)
            sampled = candidates.with_certain(sampled, labels, hard, num_items)
        if FLAGS.remove_known:
            known = feeds.Known(*(tf.placeholder(tf.int32, [None]) for _ in feeds.Known._fields))
            sampled = candidates.without_known(sampled, *known)
    mean_loss = tf.reduce_mean(losses.loss_by_name(
        FLAGS.loss, weights, biases, labels, users, num_items, sampled, **program.loss_options(FLAGS)))
    loss = mean_loss
    watch = {}
    if sampled:
        watch["accidental_hit_rate"] = logits.accidental_hit_rate(labels, sampled.sampled_candidates)
    if FLAGS.l2:
        used = tf.cast(labels, tf.int64)
        if sampled:
            used = tf.concat([used, sampled.sampled_candidates], 0)
        l2 = losses.l2_loss_of_rows(net.item_embeddings(), inputs.items)
        l2 += losses.l2_loss_of_rows(net.class_rows(), used)
        loss += FLAGS.l2 * l2 / tf.cast(tf.size(labels), tf.float32)

    # What is asked of the model: user vectors as of now -> the best of all items, the full loss.
    asked = model.placeholders(net)
    asked_users = net.user_vectors(asked)
    item_ranking = ranking.ItemRanking(weights, biases, num_items, net.vector_size)
    vector = tf.placeholder(tf.float32, [None, net.vector_size])
    full_losses = losses.full_softmax_loss(weights, biases, labels, vector, num_items)

    def judge(session, part):
        vectors = feeds.user_vectors(session, asked_users, asked, events, part, FLAGS.history_length)
        placed = evaluation.rank(item_ranking.ranker(session, vectors), part, num_items, max(cuts))
        # Of few targets where the items are very many: each costs a pass over the table.
        rows, items = feeds.some_targets(part, min(4096, max(64, (1 << 28) // num_items)))
        full_loss = loop.mean_in_blocks(session, full_losses, {vector: vectors[rows], labels: items},
                                            max(8, (1 << 23) // num_items))
        return evaluation.Judgement(evaluation.metrics(placed, cuts), full_loss, placed, vectors)

    # Training; the checkpoint that validation chooses is kept.
    feeds_from = functools.partial(
        feeds.epochs_of_feeds, events, inputs, labels, known, FLAGS.context, FLAGS.history_length,
        FLAGS.batch_size, FLAGS.epochs, FLAGS.seed, cap)
    next(feeds_from(None))  # what is wrong with them is not to leave a folder behind

    def validate(session, number):
        judged = judge(session, valid)
        score = judged.scores[choose_by]
        print("Validation %d of %d: %s %.4f, full softmax loss %.3f" % (
            number, FLAGS.validations, choose_by, score, judged.full_loss), flush=True)
        return score, {"scores": judged.scores, "full_softmax_loss": judged.full_loss}

    validation = None
    if valid and FLAGS.validations:
        validation = loop.Validation(validate, FLAGS.validations, FLAGS.patience)
    categories = {name: column.categories for name, column in events.columns.items()
                  if column.categories}
    names = warm_start.Names(events.item_names, events.user_names if FLAGS.user_rows else None, categories)
    initialise = warm_start.Earlier(FLAGS.init_from).loader(names, print) if FLAGS.init_from else None
    make_optimizer = functools.partial(registry.OPTIMIZERS[FLAGS.optimizer],
                                       **program.optimizer_options(FLAGS))
    data = {"events": splits.digest(events)}
    if is_chief:
        folder.begin(data)
    model_dir = folder.path
    sharing = cluster and loop.Sharing(
        cluster, loop.num_pieces(num_examples * FLAGS.epochs, FLAGS.batch_size),
        folder.unchanging(data))
    with program.SIGNALS.deferred() as stop:
        result = loop.train(
            # Of NCE, the loss is a sum over all negatives.
            loop.Objective(loss, mean_loss, None, watch,
                               1000 * (num_sampled + 1) * math.log(num_items + 1)),
            loop.Data(feeds_from, num_examples * FLAGS.epochs, "examples"),
            loop.Optimization(make_optimizer, program.learning_rate(FLAGS, _LEARNING_RATES),
                                  FLAGS.decay, FLAGS.threads or loop.num_cores()),
            loop.Saving(model_dir, FLAGS.save_seconds, FLAGS.keep), validation, initialise,
            FLAGS.profile, stop, program.report, sharing)
    if not result.is_whole:
        program.SIGNALS.leave(model_dir if is_chief else "")
    if not is_chief:
        return
    print("%s examples/s" % format(int(result.units_per_second), ","))
    clock["trained"] = time.time()

    # Results: files.
    checkpoint = checkpoints.chosen(model_dir)
    export.write_saved_model(os.path.join(model_dir, "saved_model"), net, checkpoint, *names,
                             history_length=FLAGS.history_length or None, replaces=True)
    export.write_item_vectors(model_dir, net, checkpoint, events.item_names, titles)
    item_titles = [titles.get(name, name) for name in events.item_names]
    warm_start.write_names(model_dir, names)
    written = [os.path.join(model_dir, name) for name in (
        "", "saved_model" + os.sep, "item_vectors.npy", "item_biases.npy", "items.tsv", "names.json")]

    # Results: scores on the test events.
    scores, full_loss, baselines = {}, None, {}
    if test:
        with loop.restored_session(model_dir) as session:
            scores, full_loss, placed, vectors = judge(session, test)
            shown = np.linspace(0, len(test.users) - 1, 5).astype(int)
            offers = item_ranking.top(session, vectors[shown], test.seen and splits.Rows(
                test.seen.items, test.seen.begin[shown], test.seen.end[shown]), 5)[0]
        popular = evaluation.rank(evaluation.popularity_baseline(events.item_counts), test, num_items,
                                  max(cuts))
        baselines["popularity"] = evaluation.metrics(popular, cuts)
        print("\nRecommendations:")
        for row, offer in zip(shown, offers):
            user = test.users[row]
            had = events.items[events.starts[user]:test.ends[row]]
            print("  %s" % events.user_names[user])
            for what, ids in (("had", had[-5:]), ("offered", offer[offer >= 0]),
                              ("took", splits.row(test.targets, row)[:5])):
                print("    %-8s %s" % (what, ", ".join(item_titles[item] for item in ids)))
        print("\nProtocol: %s of %s users, among all %s items%s; equal scores count against." % (
            protocol, format(len(test.users), ","), format(num_items, ","),
            "" if FLAGS.repeats else " but those that the user has had"))
        print(evaluation.table({"this model": scores, **baselines}))
        print("Full softmax loss: %.3f nats per event" % full_loss)

    # Results: an index, pictures.
    ann = {}
    vectors_of_items, biases_of_items = (
        np.load(os.path.join(model_dir, "item_%s.npy" % name), "r", allow_pickle=False)
        for name in ("vectors", "biases"))
    if FLAGS.ann_index:
        with loop.restored_session(model_dir) as session:
            everyone = feeds.everyone(events, 1000)
            vectors = feeds.user_vectors(session, asked_users, asked, events, everyone,
                                         FLAGS.history_length)
        index_path = os.path.join(model_dir, "items.faiss")
        index.build(index_path, vectors_of_items, biases_of_items, vectors)
        written.append(index_path)
        ann = index.recall(index.load(index_path), vectors, max(cuts))._asdict()
        print("Index: finds %.4f of the top %d; %s users/s, by all scores %s" % (
            ann["recall"], max(cuts), *(format(int(ann[speed]), ",") for speed in (
                "queries_per_second", "exact_queries_per_second"))))
    if FLAGS.plots:
        if result.validations:
            written += pictures.training(FLAGS.plots, *zip(*[
                (examples, seconds, record["full_softmax_loss"], record["scores"])
                for examples, seconds, _, record in result.validations]))
        if test:
            rankings = {"this model": placed, "popularity": popular}
            written.append(pictures.popularity(FLAGS.plots, rankings, events.item_counts, max(cuts)))
        written.append(pictures.item_map(
            FLAGS.plots, vectors_of_items, item_titles,
            category_of and [category_of.get(name, "") for name in events.item_names], FLAGS.seed))
    clock["evaluated"] = time.time()
    metrics_path = os.path.join(model_dir, "metrics.json")
    written.append(metrics_path)
    loop.write_metrics(metrics_path, {
        "settings": program.settings(FLAGS),
        "seconds": {"read": clock["read"] - clock["start"], "train": result.seconds,
                    "evaluate": clock["evaluated"] - clock["trained"]},
        "cpu_seconds": result.cpu_seconds,
        "examples": result.units,
        "examples_per_second": result.units_per_second,
        "protocol": protocol,
        "full_softmax_loss": full_loss,
        "scores": scores,
        "validations": [dict(record, examples=examples, seconds=seconds)
                        for examples, seconds, _, record in result.validations],
        "baselines": baselines,
        "ann_index": ann,
        "files": written,
    })
    print("Wrote " + ", ".join(written))


def _check_flags(flag_values, arguments):
    """Looks whether the flags fit each other.

    Args:
      flag_values: absl's.
      arguments: list of strings, what is no flag.

    Raises:
      InputError: names the flag.
    """
    from tf1_sampled import checks

    def check(condition, name, wanted, got):
        checks.argument(condition, "run_recsys", name, wanted, got)

    program.check_given(flag_values, "run_recsys", arguments, "--train=a.csv,b.csv",
                        ("events", "train", "valid", "test"))
    check(flag_values.train or not (flag_values.valid or flag_values.test), "--train",
          "files to train on beside --valid and --test", flag_values.train)
    check(not (flag_values.train and flag_values.events), "--train", "no --events beside it",
          flag_values.events)
    check(flag_values.titles or not flag_values.category, "--titles",
          "a file with the column of --category", flag_values.titles)
    check(flag_values.users or not (flag_values.user_categorical or flag_values.user_numeric), "--users",
          "a file with the columns of --user_categorical and --user_numeric", flag_values.users)
    # --restart would delete what it goes on from.
    is_itself = flag_values.init_from and flag_values.model_dir and (
        os.path.realpath(flag_values.init_from) == os.path.realpath(flag_values.model_dir))
    check(not is_itself, "--init_from", "another folder than --model_dir", flag_values.init_from)


def _check_places(flag_values):
    """Looks whether all results can be written, and none over what is read.

    Args:
      flag_values: absl's.

    Raises:
      InputError: names the flag or the path.
    """
    from tf1_sampled import charts
    from tf1_sampled.files import places
    from tf1_sampled.training import model_dir

    inputs = {"--train": flag_values.train, "--valid": flag_values.valid, "--test": flag_values.test}
    for name in ("events", "titles", "users"):
        inputs["--" + name] = [flag_values[name].value] if flag_values[name].value else []
    if flag_values.model_dir:
        results = {"--plots": [flag_values.plots]} if flag_values.plots else {}
        places.check_not_kept({**results, **inputs}, flag_values.model_dir,
                             model_dir.KEPT + _RESULTS)
    if flag_values.plots:
        charts.check_available()
        places.check_not_kept(inputs, flag_values.plots, _PICTURES)
        places.check_writable(os.path.join(flag_values.plots, "loss.png"))


def _times_of_cuts(log, cuts):
    """When validation and test begin.

    Args:
      log: events.Log.
      cuts: list of strings, --time_cuts.

    Returns:
      (valid_from, test_from), floats.

    Raises:
      InputError: names the flag.
    """
    from tf1_sampled import checks
    from tf1_sampled.recsys import splits

    checks.argument(log.times is not None, "run_recsys", "--split", "events with times", "time")
    try:
        valid_from, test_from = splits.times_at(log, cuts)
        fits = valid_from <= test_from
    except checks.InputError:
        fits = False
    checks.argument(fits, "run_recsys", "--time_cuts", "two numbers, when validation begins and, not "
                    "before that, test", ",".join(cuts))
    return valid_from, test_from


def _num_sampled(flag_values, item_counts):
    """How many negatives a step draws: --num_sampled, or by default at most half of the items.

    Args:
      flag_values: absl's.
      item_counts: int [C], how often each item comes as a label.

    Returns:
      integer.

    Raises:
      InputError: a --num_sampled that was given and is more than there are items to draw.
    """
    from tf1_sampled import checks, registry

    number, sampler = flag_values.num_sampled, flag_values.sampler
    if sampler == "all":
        return len(item_counts)
    if sampler.startswith("in_batch") or flag_values.loss in registry.FULL_LOSSES:
        return number  # draws may come again, or there are none
    # What has no event to train on is never drawn by frequency.
    most = int((item_counts > 0).sum()) if sampler == "fixed_unigram" else len(item_counts)
    if flag_values["num_sampled"].using_default_value:
        return max(1, min(number, most // 2))
    checks.argument(number <= most, "run_recsys", "--num_sampled", "at most the items that --sampler=%s "
                    "draws, %d" % (sampler, most), number)
    return number


def _check_at_k(flag_values, num_sampled):
    """Looks whether a step has as many negatives as --at_k wants.

    Args:
      flag_values: absl's.
      num_sampled: integer, how many are drawn.

    Raises:
      InputError: names the flag.
    """
    from tf1_sampled import checks

    number = flag_values.hard_negatives
    if flag_values.sampler != "in_batch":
        number += num_sampled
    if flag_values.sampler.startswith("in_batch"):
        number += flag_values.batch_size  # the labels, more or less
    checks.argument(flag_values.at_k <= number, "run_recsys", "--at_k",
                    "at most the number of negatives, %d" % number, flag_values.at_k)


if __name__ == "__main__":
    program.run(main)
