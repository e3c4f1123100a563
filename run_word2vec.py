"""Trains skip-gram word vectors with a sampled loss.

    python run_word2vec.py --loss=nce
    python run_word2vec.py --loss=sampled_softmax --corpus=text.txt.gz --vectors=vectors.bin

Without --corpus it reads the docstrings of the Python packages installed on this machine.
"""
import os
import time

from absl import flags

from tf1_sampled import program

FLAGS = flags.FLAGS

program.define_training_flags(
    loss="nce", sampler="fixed_unigram", num_sampled=16, optimizer="rowwise_adagrad",
    learning_rate=0.2, batch_size=4096, epochs=10, dim=128,
    num_sampled_of="block of 32 words", batch_of="Words, a multiple of 32,")
flags.adopt_module_key_flags(program)
flags.DEFINE_string("corpus", "", "Text file, words between white space, a sentence per line; may be "
                    ".gz .bz2 .xz .zip. Default: docstrings of the installed Python packages.")
flags.DEFINE_integer("window", 5, "Words on each side of the centre, at most.", lower_bound=1)
flags.DEFINE_integer("min_count", 5, "Leave out words that come less often.", lower_bound=1)
flags.DEFINE_float("sample", 1e-4, "Subsample words more frequent than this share; 0: keep all.",
                   lower_bound=0)
flags.DEFINE_string("vectors", "", "File for the word vectors in word2vec's format: binary if it ends "
                    "with .bin, else text. Default: vectors.bin in the model_dir.")
flags.DEFINE_list("eval_similarity", [], "Files of word pairs with human scores (WordSim-353, "
                  "SimLex-999, MEN).")


def main(_):
    # Imported here, TensorFlow only below: --help, a wrong flag or a bad file need not wait for it.
    import numpy as np

    from tf1_sampled import checks, files, sources, tables
    from tf1_sampled.word2vec import corpus, evaluation, vectors

    clock = {"start": time.time()}
    program.check_model_dir(FLAGS.model_dir)
    similarity_pairs = {path: evaluation.read_similarity(path) for path in FLAGS.eval_similarity}
    checks.argument(FLAGS.batch_size % corpus.BLOCK == 0, "run_word2vec", "--batch_size",
                    "a multiple of %d" % corpus.BLOCK, FLAGS.batch_size)
    if FLAGS.vectors:
        files.check_writable(FLAGS.vectors)

    # Data: text -> ids in falling frequency -> runs of ids.
    text = corpus.read_corpus(FLAGS.corpus or sources.docstrings(report=print), FLAGS.min_count)
    train_tokens, held_out = corpus.split_held_out(text.tokens)
    num_words = int(text.num_raw_words * len(train_tokens) / len(text.tokens))
    print("%s words, %s different ones that come %d times or more" % (
        format(text.num_raw_words, ","), format(len(text.words), ","), FLAGS.min_count), flush=True)
    clock["read"] = time.time()

    # Graph: a run of ids -> blocks of centres and contexts -> loss of their pairs.
    tf = program.import_tensorflow()
    from tf1_sampled import losses, samplers, training
    from tf1_sampled.word2vec import model

    tf.disable_v2_behavior()
    tf.set_random_seed(FLAGS.seed)
    tokens = tf.placeholder(tf.int32, [FLAGS.batch_size + 2 * FLAGS.window])
    embeddings = model.embeddings(len(text.words), FLAGS.dim, FLAGS.seed)
    weights, biases = model.output_table(text.counts, FLAGS.dim, FLAGS.loss != "negative_sampling")
    windows = model.skip_gram(embeddings, tokens, FLAGS.window, FLAGS.seed)
    sampled = samplers.sample_by_name(
        FLAGS.sampler, windows.labels, FLAGS.num_sampled, text.counts, distortion=FLAGS.distortion,
        seed=FLAGS.seed, num_groups=windows.labels.shape.as_list()[0], label_mask=windows.label_mask)
    pair_losses = tables.LOSSES[FLAGS.loss](
        weights, biases, windows.labels, windows.inputs, FLAGS.num_sampled, len(text.words),
        sampled_values=sampled, pairs=windows.pairs, **program.loss_options(FLAGS))
    # The sum, not the mean: each pair makes a step of its own, as in word2vec.c.
    loss = tf.reduce_sum(pair_losses)
    mean_loss = loss / tf.maximum(tf.reduce_sum(windows.pairs), 1)
    if FLAGS.l2:
        loss += FLAGS.l2 * losses.l2_loss_of_rows(embeddings, windows.centres)
        loss += FLAGS.l2 * losses.l2_loss_of_rows(weights, windows.labels)
        loss += FLAGS.l2 * losses.l2_loss_of_rows(weights, sampled.sampled_candidates)

    # Training.
    model_dir = program.make_model_dir(FLAGS.model_dir, "word2vec")
    runs = corpus.runs(train_tokens, corpus.keep_probability(text.counts, FLAGS.sample),
                       FLAGS.batch_size, FLAGS.window, FLAGS.epochs,
                       np.random.RandomState(FLAGS.seed))
    result = training.train(
        loss, mean_loss, tables.OPTIMIZERS[FLAGS.optimizer], FLAGS.learning_rate,
        (({tokens: run}, progress) for run, progress in runs), num_words * FLAGS.epochs, "words",
        model_dir)
    print("%s words/s" % format(int(result.units_per_second), ","))
    clock["trained"] = time.time()

    # Results.
    pair_centres, pair_contexts = corpus.sample_pairs(
        held_out, FLAGS.window, 4096, np.random.RandomState(FLAGS.seed))
    centre, context = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.int32, [None])
    held_out_losses = losses.full_softmax_loss(
        weights, biases, context, tf.gather(embeddings, centre), len(text.words))
    with training.restored_session(model_dir) as session:
        rows = session.run(embeddings)
        full_loss = training.mean_in_blocks(
            session, held_out_losses, {centre: pair_centres, context: pair_contexts})
    vectors_path = FLAGS.vectors or os.path.join(model_dir, "vectors.bin")
    vectors.write_vectors(vectors_path, text.words, rows)

    unit = evaluation.unit_rows(rows)
    print("\nNearest neighbours:")
    for row in evaluation.some_frequent(len(text.words)):
        near, cosines = evaluation.nearest(unit, row, 6)
        print("  %-16s %s" % (text.words[row], "  ".join(
            "%s %.2f" % (text.words[i], c) for i, c in zip(near, cosines))))
    print("\nFull softmax loss on held-out text: %.3f nats per pair (%d pairs)" % (
        full_loss, len(pair_centres)))
    scores = {}
    index = {word: i for i, word in enumerate(text.words)}
    for path, pairs in similarity_pairs.items():
        score = evaluation.similarity(index, rows, pairs)
        scores[os.path.basename(path)] = score.spearman
        print("%s: Spearman %.3f on %d pairs, %d with an unknown word left out" % (
            path, score.spearman, score.used, score.missing))
    clock["evaluated"] = time.time()
    metrics_path = os.path.join(model_dir, "metrics.json")
    written = [model_dir + os.sep, vectors_path, metrics_path]
    training.write_metrics(metrics_path, {
        "settings": program.settings(FLAGS),
        "seconds": {"read": clock["read"] - clock["start"], "train": result.seconds,
                    "evaluate": clock["evaluated"] - clock["trained"]},
        "words_per_second": result.units_per_second,
        "full_softmax_loss": full_loss,
        "scores": scores,
        "baselines": {},
        "files": written,
    })
    print("Wrote " + ", ".join(written))


if __name__ == "__main__":
    program.run(main)
