"""Trains a recommender's candidate generator, the YouTube DNN, with a sampled loss.

    python run_recsys.py --num_sampled=10
    python run_recsys.py --events=ratings.csv --titles=movies.csv --similarity=cosine

Without --events it reads which functions the Python code installed on this machine calls: a function
is a user, the calls in it are what the user watched.
"""
import os
import time

from absl import flags

from tf1_sampled import program

FLAGS = flags.FLAGS

_TEMPERATURES = {"cosine": 0.1, "dot": 1.0}

program.define_training_flags(
    loss="sampled_softmax", sampler="log_uniform", num_sampled=100, optimizer="adam",
    learning_rate=0.003, batch_size=256, epochs=10, dim=64, num_sampled_of="step",
    batch_of="Examples")
flags.DEFINE_string("events", "", "Event file: MovieLens ratings.csv, u.data or ratings.dat, or a CSV "
                    "or TSV with a header that names a user, an item and maybe a time column; may be "
                    ".gz .bz2 .xz .zip. Default: calls in the installed Python packages.")
flags.DEFINE_string("titles", "", "Names of the items, as MovieLens movies.csv.")
flags.DEFINE_list("hidden", [], "Sizes of the hidden layers, as 256,128; may be empty.")
flags.DEFINE_integer("history_length", 50, "Events of a user's history that count, the latest.",
                     lower_bound=1)
flags.DEFINE_enum("similarity", "cosine", sorted(_TEMPERATURES), "Score of a user and an item.")
flags.DEFINE_float("temperature", None, "Scores are divided by it. Default: %s." % ", ".join(
    "%g for %s" % (t, s) for s, t in sorted(_TEMPERATURES.items())))
flags.DEFINE_integer("min_count", 5, "Leave out items with fewer events.", lower_bound=1)
flags.DEFINE_list("k", ["10"], "Cuts of HR@k and NDCG@k.")


def main(_):
    # Imported here, so that --help and a mistyped flag need not wait for TensorFlow.
    import numpy as np
    tf = program.import_tensorflow()
    from tf1_sampled import losses, samplers, sources, tables, training
    from tf1_sampled.recsys import evaluation, model
    from tf1_sampled.recsys import events as event_files

    clock = {"start": time.time()}
    cuts = program.positive_integers("k", FLAGS.k)
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
    clock["read"] = time.time()

    # Graph: items and slices of them -> user vectors -> loss of the items that came next.
    tf.disable_v2_behavior()
    tf.set_random_seed(FLAGS.seed)
    net = model.YouTubeDNN(events.item_counts, FLAGS.dim, hidden, FLAGS.similarity,
                           temperature, FLAGS.seed)
    inputs = model.history_placeholders()
    labels = tf.placeholder(tf.int32, [None], "labels")
    users = net.user_vectors(inputs)
    weights, biases = net.class_table()
    sampled = samplers.sample_by_name(
        FLAGS.sampler, labels, FLAGS.num_sampled, events.item_counts, unique=True,
        distortion=FLAGS.distortion, seed=FLAGS.seed)
    mean_loss = tf.reduce_mean(tables.LOSSES[FLAGS.loss](
        weights, biases, labels, users, FLAGS.num_sampled, num_items, sampled_values=sampled))
    loss = mean_loss
    if FLAGS.l2:
        used = tf.concat([tf.cast(labels, tf.int64), sampled.sampled_candidates], 0)
        l2 = losses.l2_loss_of_rows(net.item_embeddings(), inputs.items)
        l2 += losses.l2_loss_of_rows(weights, used)
        loss += FLAGS.l2 * l2 / tf.cast(tf.size(labels), tf.float32)

    # Training.
    model_dir = training.new_model_dir(FLAGS.model_dir, "recsys")
    batches = event_files.epochs_of_batches(events, split.train_ends, FLAGS.history_length,
                                            FLAGS.batch_size, FLAGS.epochs,
                                            np.random.RandomState(FLAGS.seed))
    result = training.train(
        loss, mean_loss, tables.OPTIMIZERS[FLAGS.optimizer], FLAGS.learning_rate,
        (({labels: batch.labels, **model.feed(inputs, batch)}, progress)
         for batch, progress in batches), num_examples * FLAGS.epochs, "examples", model_dir)
    print("%s examples/s" % format(int(result.units_per_second), ","))
    clock["trained"] = time.time()

    # Results over the full catalogue, without what the user has had; validation, then test.
    vector = tf.placeholder(tf.float32, [None, net.vector_size])
    item_scores = net.scores(vector)
    held_out_losses = losses.full_softmax_loss(weights, biases, labels, vector, num_items)
    rows = np.arange(len(split.users))
    results = {}
    with training.restored_session(model_dir) as session:
        for name, targets, ends in [("validation", split.valid_items, split.train_ends),
                                    ("test", split.test_items, split.train_ends + 1)]:
            targets, ends = targets[split.users], ends[split.users]
            vectors = model.embed_users(session, users, inputs, events, split.users, ends,
                                        FLAGS.history_length)
            seen = event_files.histories(events, split.users, ends)

            def evaluate(score_block):
                return evaluation.evaluate(score_block, rows, targets, seen, num_items, cuts)

            results[name] = evaluate(lambda r: session.run(item_scores, {vector: vectors[r]}))
        full_loss = training.mean_in_blocks(session, held_out_losses,
                                            {vector: vectors, labels: targets})
        baselines = {"popularity": evaluate(evaluation.popularity_baseline(events.item_counts)),
                     "random": evaluate(evaluation.random_baseline(num_items, FLAGS.seed))}
        shown = np.linspace(0, len(rows) - 1, 5).astype(int)
        recommended = evaluation.top_k(session.run(item_scores, {vector: vectors[shown]}),
                                       [seen.items[seen.begin[r]:seen.end[r]] for r in shown], 5)

    def title(item):
        name = events.item_names[item]
        return titles.get(name, name)

    print("\nRecommendations:")
    for row, best in zip(shown, recommended):
        had = seen.items[seen.begin[row]:seen.end[row]]
        print("  %s" % events.user_names[split.users[row]])
        print("    had    %s" % ", ".join(title(item) for item in had[-5:]))
        print("    next   %s" % title(split.test_items[split.users[row]]))
        print("    offer  %s" % ", ".join(title(item) for item in best))
    print("\nThe last event of %s users, ranked among all %s items but those that the user has had:"
          % (format(len(rows), ","), format(num_items, ",")))
    print(evaluation.table(dict([("this model", results["test"])] + sorted(baselines.items()))))
    print("Full softmax loss: %.3f nats per event" % full_loss)

    metrics_path = os.path.join(model_dir, "metrics.json")
    written = [model_dir + os.sep, metrics_path]
    training.write_metrics(metrics_path, {
        "settings": program.settings(FLAGS),
        "seconds": {"read": clock["read"] - clock["start"], "train": result.seconds,
                    "evaluate": time.time() - clock["trained"]},
        "examples_per_second": result.units_per_second,
        "full_softmax_loss": full_loss,
        "scores": results["test"],
        "validation": results["validation"],
        "baselines": baselines,
        "files": written,
    })
    print("Wrote " + ", ".join(written))


def run():
    program.run(main)


if __name__ == "__main__":
    run()
