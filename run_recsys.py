"""Trains a recommender's candidate generator, the YouTube DNN, with a sampled loss.

    python run_recsys.py --num_sampled=10
    python run_recsys.py --events=ratings.csv --titles=movies.csv --similarity=cosine

Without --events it reads which functions the Python code installed on this machine calls: a function
is a user, the calls in it are what the user watched.
"""
import functools
import os
import time

from absl import flags

from tf1_sampled import program

FLAGS = flags.FLAGS

_TEMPERATURES = {"cosine": 0.1, "dot": 1.0}

program.define_training_flags(
    loss="sampled_softmax", sampler="log_uniform", num_sampled=100, optimizer="adam",
    learning_rate=0.005, batch_size=256, epochs=15, dim=128, num_sampled_of="step",
    batch_of="Examples")
flags.adopt_module_key_flags(program)
flags.DEFINE_string("events", "", "Event file: MovieLens ratings.csv, u.data or ratings.dat, or a CSV "
                    "or TSV with a header that names a user, an item and maybe a time column; may be "
                    ".gz .bz2 .xz .zip. Default: calls in the installed Python packages.")
flags.DEFINE_string("titles", "", "Names of the items, as MovieLens movies.csv.")
flags.DEFINE_list("hidden", [], "Sizes of the hidden layers, as 256,128; may be empty.")
flags.DEFINE_integer("history_length", 10, "Events of a user's history that count, the latest.",
                     lower_bound=1)
flags.DEFINE_enum("similarity", "cosine", sorted(_TEMPERATURES), "Score of a user and an item.")
flags.DEFINE_float("temperature", None, "Scores are divided by it. Default: %s." % ", ".join(
    "%g for %s" % (t, s) for s, t in sorted(_TEMPERATURES.items())))
flags.DEFINE_integer("min_count", 5, "Leave out items with fewer events.", lower_bound=1)
flags.DEFINE_list("k", "10", "Cuts of HR@k and NDCG@k.")


def main(_):
    # Imported here, TensorFlow only below: --help, a wrong flag or a bad file need not wait for it.
    import numpy as np

    from tf1_sampled import checks, sources, tables
    from tf1_sampled.recsys import evaluation
    from tf1_sampled.recsys import events as event_files

    clock = {"start": time.time()}
    program.check_model_dir(FLAGS.model_dir)
    cuts = program.positive_integers("k", FLAGS.k)
    checks.argument(cuts, "run_recsys", "--k", "one integer or more", FLAGS.k)
    hidden = program.positive_integers("hidden", FLAGS.hidden)
    temperature = FLAGS.temperature
    if temperature is None:
        temperature = _TEMPERATURES[FLAGS.similarity]

    # Data: events -> users' items in order of time; the last one tests, the one before validates.
    titles = event_files.read_titles(FLAGS.titles) if FLAGS.titles else {}
    events = event_files.read_events(FLAGS.events or sources.call_histories(report=print),
                                     FLAGS.min_count)
    split = event_files.split_last(events)
    num_items = len(events.item_names)
    num_examples = int(np.sum(np.maximum(split.train_ends - events.starts[:-1] - 1, 0)))
    print("%s events of %s users and %s items; %s examples to train on" % tuple(
        format(n, ",") for n in (len(events.items), len(events.user_names), num_items,
                                 num_examples)), flush=True)
    checks.argument(max(cuts) <= num_items, "run_recsys", "--k", "at most %d items" % num_items,
                    max(cuts))
    clock["read"] = time.time()

    # Graph: items and slices of them -> user vectors -> loss of the items that came next.
    tf = program.import_tensorflow()
    from tf1_sampled import losses, samplers, training
    from tf1_sampled.recsys import model

    tf.disable_v2_behavior()
    tf.set_random_seed(FLAGS.seed)
    net = model.YouTubeDNN(events.item_counts, FLAGS.dim, hidden, FLAGS.similarity,
                           temperature, FLAGS.seed)
    inputs = model.history_placeholders()
    labels = tf.placeholder(tf.int32, [None], "labels")
    users = net.user_vectors(inputs)
    weights, biases = net.class_table()
    sampled = None
    if FLAGS.loss not in tables.FULL_LOSSES:
        sampled = samplers.sample_by_name(
            FLAGS.sampler, labels, FLAGS.num_sampled, events.item_counts, unique=True,
            distortion=FLAGS.distortion, seed=FLAGS.seed)
    mean_loss = tf.reduce_mean(losses.loss_by_name(
        FLAGS.loss, weights, biases, labels, users, num_items, sampled, **program.loss_options(FLAGS)))
    loss = mean_loss
    if FLAGS.l2:
        used = tf.cast(labels, tf.int64)
        if sampled:
            used = tf.concat([used, sampled.sampled_candidates], 0)
        l2 = losses.l2_loss_of_rows(net.item_embeddings(), inputs.items)
        l2 += losses.l2_loss_of_rows(weights, used)
        loss += FLAGS.l2 * l2 / tf.cast(tf.size(labels), tf.float32)

    # Training.
    model_dir = program.make_model_dir(FLAGS.model_dir, "recsys")
    batches = event_files.epochs_of_batches(events, split.train_ends, FLAGS.history_length,
                                            FLAGS.batch_size, FLAGS.epochs,
                                            np.random.RandomState(FLAGS.seed))
    make_optimizer = functools.partial(tables.OPTIMIZERS[FLAGS.optimizer],
                                       **program.optimizer_options(FLAGS))
    result = training.train(
        loss, mean_loss, make_optimizer, program.learning_rate(FLAGS),
        (({labels: batch.labels, **model.feed(inputs, batch)}, progress)
         for batch, progress in batches), num_examples * FLAGS.epochs, "examples", model_dir,
        FLAGS.decay)
    print("%s examples/s" % format(int(result.units_per_second), ","))
    clock["trained"] = time.time()

    # Results over the full catalogue, without what the user has had; validation, then test.
    vector = tf.placeholder(tf.float32, [None, net.vector_size])
    item_scores = net.scores(vector)
    held_out_losses = losses.full_softmax_loss(weights, biases, labels, vector, num_items)
    valid, test = event_files.held_out(events, split)

    def evaluate(score_block, part):
        return evaluation.evaluate(score_block, np.arange(len(part.users)), part.items, part.seen,
                                   num_items, cuts)

    with training.restored_session(model_dir) as session:
        def scores_of(vectors):
            return lambda rows: session.run(item_scores, {vector: vectors[rows]})

        valid_vectors, test_vectors = (
            model.embed_users(session, users, inputs, events, part, FLAGS.history_length)
            for part in (valid, test))
        validation = evaluate(scores_of(valid_vectors), valid)
        scores = evaluate(scores_of(test_vectors), test)
        full_loss = training.mean_in_blocks(session, held_out_losses,
                                            {vector: test_vectors, labels: test.items})
        shown = np.linspace(0, len(test.users) - 1, 5).astype(int)
        histories = [test.seen.items[test.seen.begin[row]:test.seen.end[row]] for row in shown]
        offers = evaluation.top_k(scores_of(test_vectors)(shown), histories, 5)
    baselines = {
        "popularity": evaluate(evaluation.popularity_baseline(events.item_counts), test),
        "random": evaluate(evaluation.random_baseline(num_items, FLAGS.seed), test)}

    def names(items):
        own = [events.item_names[item] for item in items]
        return ", ".join(titles.get(name, name) for name in own)

    print("\nRecommendations:")
    for row, history, offer in zip(shown, histories, offers):
        print("  %s" % events.user_names[test.users[row]])
        print("    had      %s" % names(history[-5:]))
        print("    offered  %s" % names(offer))
        print("    took     %s" % names(test.items[row:row + 1]))
    print("\nThe last event of %s users, ranked among all %s items but those that the user has had:"
          % (format(len(test.users), ","), format(num_items, ",")))
    print(evaluation.table(dict([("this model", scores)] + sorted(baselines.items()))))
    print("Full softmax loss: %.3f nats per event" % full_loss)

    metrics_path = os.path.join(model_dir, "metrics.json")
    written = [model_dir + os.sep, metrics_path]
    training.write_metrics(metrics_path, {
        "settings": program.settings(FLAGS),
        "seconds": {"read": clock["read"] - clock["start"], "train": result.seconds,
                    "evaluate": time.time() - clock["trained"]},
        "examples_per_second": result.units_per_second,
        "full_softmax_loss": full_loss,
        "scores": scores,
        "validation_scores": validation,
        "baselines": baselines,
        "files": written,
    })
    print("Wrote " + ", ".join(written))


if __name__ == "__main__":
    program.run(main)
