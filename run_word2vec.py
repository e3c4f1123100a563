"""Trains word vectors, skip-gram or CBOW, with a sampled loss.

    python run_word2vec.py --loss=nce
    python run_word2vec.py --corpus=text.txt.gz --vectors=vectors.bin --neighbours=king,paris

Without --corpus it reads the docstrings of the Python packages installed on this machine.
"""
import functools
import math
import os
import time

from absl import flags

from tf1_sampled.programs import program

FLAGS = flags.FLAGS

# Of sums over pairs, halved with negative sampling, whose scores are relative to the noise.
_LEARNING_RATES = {"adagrad": 0.1, "adam": 0.0003, "rowwise_adagrad": 0.2, "sgd": 0.001}

program.define_training_flags(
    loss="negative_sampling", sampler="fixed_unigram", num_sampled=64, optimizer="rowwise_adagrad",
    learning_rates=_LEARNING_RATES, batch_size=None, epochs=5, dim=128, num_sampled_of="128 words",
    more_of_rates="; half of it with --loss=negative_sampling",
    batch_of="Words, a multiple of 128, by default 4096 divided by --threads or fewer of a short text,")
flags.adopt_module_key_flags(program)

# Text and vocabulary.
flags.DEFINE_list("corpus", [], "Files, folders, globs, or - for standard input: words between white "
                  "space, a sentence per line; may be .gz .bz2 .xz .zip. A name with a comma in it is "
                  "matched by a glob: 'we?ird.txt'. Default: docstrings of the installed Python "
                  "packages.")
flags.DEFINE_string("encoding", "utf-8", "Encoding of the text.")
flags.DEFINE_bool("join_lines", False, "Let windows reach across the ends of lines.")
flags.DEFINE_integer("phrases", 0, "Passes that join words that often come together, as new_york.",
                     lower_bound=0)
flags.DEFINE_integer("min_count", 5, "Leave out words that come less often.", lower_bound=1)
flags.DEFINE_integer("max_vocab", None, "Keep so many words at most, the most frequent.", lower_bound=2)
flags.DEFINE_string("read_vocab", "", "File of words and their counts to take instead of the text's, "
                    "all of them: without --min_count and --max_vocab.")
flags.DEFINE_string("save_vocab", "", "File for words and their counts, a line each.")
flags.DEFINE_string("cache_dir", "", "Folder for texts in ids, which are read again if they have not "
                    "changed. Default: tf1_sampled in $XDG_CACHE_HOME or ~/.cache.")

# Model and training.
flags.DEFINE_enum("model", "skipgram", ["cbow", "skipgram"], "Predict the words around each word, or it "
                  "from them.")
flags.DEFINE_integer("window", 5, "Words on each side of the centre, at most.", lower_bound=1,
                     upper_bound=1000)
flags.DEFINE_bool("shrink_window", True, "Shrink each window by chance, so that near words count more.")
flags.DEFINE_float("sample", 1e-4, "Subsample words more frequent than this share; 0: keep all.",
                   lower_bound=0)
flags.DEFINE_integer("threads", 0, "Steps at a time, each on a core of its own. 1: the same seed gives "
                     "the same vectors. Default: one for each core.", lower_bound=0)
flags.DEFINE_list("init_from", [], "Word vectors to go on from, whose words are kept, and maybe after a "
                  "comma their output vectors.")

# Results.
flags.DEFINE_string("vectors", "", "File for the word vectors in word2vec's format: binary if it ends "
                    "with .bin, else text. Default: vectors.bin in the model_dir.")
flags.DEFINE_string("output_vectors", "", "File for the output vectors, those of words as classes.")
flags.DEFINE_string("saved_model", "", "Folder for a SavedModel with embed, embed_ids and most_similar.")
flags.DEFINE_string("projector", "", "Folder for TensorBoard's projector: 10,000 frequent words.")
flags.DEFINE_string("plots", "", "Folder for pictures: loss.png and map.png.")
flags.DEFINE_list("neighbours", [], "Words whose nearest words to print. Default: a few.")
flags.DEFINE_list("eval_similarity", [], "Files of word pairs with human scores (WordSim-353, "
                  "SimLex-999, MEN).")
flags.DEFINE_string("eval_analogies", "", "File of analogy questions in sections (questions-words.txt).")


def main(argv):
    # Imported here, TensorFlow only below: --help, a wrong flag or a bad file need not wait for it.
    from tf1_sampled import charts, checks, default_data, registry
    from tf1_sampled.word2vec import corpus, evaluation, query, vectors, vocabulary

    # What can go wrong early does.
    clock = {"start": time.time()}
    _check_flags(FLAGS, argv[1:])
    cluster = program.cluster_of(FLAGS)
    if cluster and cluster.is_ps:
        program.serve(cluster)
        return
    is_chief = not cluster or cluster.is_chief
    folder = program.model_dir_of(FLAGS, "word2vec", (
        "cache_dir", "corpus", "eval_analogies", "eval_similarity", "neighbours", "output_vectors",
        "projector", "read_vocab", "save_vocab", "saved_model", "vectors"), is_chief)
    similarity_pairs = {path: evaluation.read_similarity(path) for path in FLAGS.eval_similarity}
    sections = evaluation.read_analogies(FLAGS.eval_analogies) if FLAGS.eval_analogies else []
    replaces = {name: FLAGS[name].value == folder.earlier(name) for name in ("saved_model", "projector")}
    if is_chief:
        _check_places(FLAGS, replaces)
    earlier = vectors.Earlier(FLAGS.init_from, None if FLAGS["dim"].using_default_value else FLAGS.dim)
    dim = earlier.dim or FLAGS.dim
    checks.argument(dim > 1 or not FLAGS.projector, "run_word2vec", "--dim", "2 or more of a projector",
                    dim)

    # Data: text -> ids in falling frequency -> runs of ids.
    known = vocabulary.read_vocabulary(FLAGS.read_vocab) if FLAGS.read_vocab else None
    text = corpus.read_corpus(
        FLAGS.corpus or default_data.docstrings(report=print), FLAGS.encoding, FLAGS.min_count,
        FLAGS.max_vocab, known, FLAGS.join_lines, FLAGS.phrases, FLAGS.cache_dir, earlier.words)
    print("%s words, %s different ones in the vocabulary" % (
        format(text.num_raw_words, ","), format(len(text.words), ",")), flush=True)
    if FLAGS.save_vocab and is_chief:
        vocabulary.save_vocabulary(FLAGS.save_vocab, text.words, text.counts)
    query.known_rows(text.words, FLAGS.neighbours, "--neighbours")
    pieces, held_out_tokens = corpus.split_held_out(text)
    share = sum(end - begin for begin, end in pieces) / text.num_positions
    num_words = int(text.num_raw_words * share)
    clock["read"] = time.time()

    # Graph: runs of ids -> blocks of inputs and labels -> loss of their pairs.
    tf = program.import_tensorflow()
    from tf1_sampled import distributions, logits, losses, samplers
    from tf1_sampled.cluster import distributed
    from tf1_sampled.training import loop, steps
    from tf1_sampled.word2vec import export, model

    tf.disable_v2_behavior()
    tf.set_random_seed(FLAGS.seed)
    distributed.cut_tables(cluster)
    vocab_size = len(text.words)
    threads = FLAGS.threads or loop.num_cores()
    batch_size = FLAGS.batch_size or corpus.batch_size(num_words, threads)
    is_relative = FLAGS.loss == "negative_sampling"  # to the noise's frequencies
    embeddings = model.embeddings(vocab_size, dim, FLAGS.seed, earlier.inputs(text.words))
    weights, biases = model.output_table(text.counts, dim, not is_relative, earlier.outputs(text.words))
    windows_of = {"cbow": model.cbow, "skipgram": model.skip_gram}[FLAGS.model]
    num_places = batch_size // corpus.GROUP
    tokens = tf.placeholder(tf.int32, [num_places, corpus.GROUP + 2 * FLAGS.window])
    seed = steps.step_seed(FLAGS.seed)
    windows = windows_of(embeddings, tokens, FLAGS.window, distributions.fold_in(seed, "windows"),
                         shrink=FLAGS.shrink_window)
    sampled = None
    if FLAGS.loss not in registry.FULL_LOSSES:
        sampled = samplers.sample_by_name(
            FLAGS.sampler, windows.labels, FLAGS.num_sampled, text.counts, distortion=FLAGS.distortion,
            seed=seed, num_groups=num_places, label_mask=windows.label_mask)
        num_negatives = sampled.sampled_candidates.shape.as_list()[-1]
        checks.argument(FLAGS.loss != "softmax_at_k" or FLAGS.at_k <= num_negatives, "run_word2vec",
                        "--at_k", "at most the number of negatives, %d" % num_negatives, FLAGS.at_k)
    # The sum, not the mean: each pair makes a step of its own, as in word2vec.c.
    loss = tf.reduce_sum(losses.loss_by_name(
        FLAGS.loss, weights, biases, windows.labels, windows.inputs, vocab_size, sampled, windows.pairs,
        **program.loss_options(FLAGS)))
    mean_loss = loss / tf.maximum(tf.reduce_sum(windows.pairs), 1)
    watch = {}
    if sampled:
        watch["accidental_hit_rate"] = logits.accidental_hit_rate(
            windows.labels, sampled.sampled_candidates, windows.label_mask)
    if FLAGS.l2:
        loss += FLAGS.l2 * losses.l2_loss_of_rows(embeddings, windows.input_words)
        loss += FLAGS.l2 * losses.l2_loss_of_rows(weights, windows.labels)
        if sampled:
            loss += FLAGS.l2 * losses.l2_loss_of_rows(weights, sampled.sampled_candidates)

    # The loss to show, comparable whatever is trained: full softmax on held-out text, whole windows.
    held_out_runs = corpus.held_out_runs(held_out_tokens, vocab_size, FLAGS.window)
    held_out = tf.placeholder(tf.int32, held_out_runs.shape[1:])
    seen = windows_of(embeddings, held_out, FLAGS.window, shrink=False)
    offset = model.noise_log_prob(FLAGS.sampler, text.counts, FLAGS.distortion) if is_relative else 0.0
    full_loss = tf.reduce_sum(losses.full_softmax_loss(
        weights, biases + offset, seen.labels, seen.inputs, vocab_size, pairs=seen.pairs))
    num_pairs = tf.reduce_sum(seen.pairs)

    def held_out_loss(session):
        return loop.ratio_of_sums(session, full_loss, num_pairs,
                                      [{held_out: run} for run in held_out_runs])

    # Training.
    all_rows, all_output_rows = (logits.whole_table(t, vocab_size) for t in (embeddings, weights))
    keep_probability = corpus.keep_probability(text.counts, FLAGS.sample)

    def batches(position, *share):
        runs = corpus.runs(text, pieces, keep_probability, batch_size, FLAGS.window, FLAGS.epochs,
                           FLAGS.seed, position, *share, num_places=num_places)
        return (({tokens: run}, progress, after) for run, progress, after in runs)

    make_optimizer = functools.partial(registry.OPTIMIZERS[FLAGS.optimizer],
                                       **program.optimizer_options(FLAGS))
    data = {"text": text.digest}
    if is_chief:
        folder.begin(data)
    model_dir = folder.path
    # Pieces not of batch_size, which differs with the cores of a machine.
    sharing = cluster and loop.Sharing(
        cluster, loop.num_pieces(num_words * FLAGS.epochs, 2048), folder.unchanging(data))
    with program.SIGNALS.deferred() as stop:
        result = loop.train(
            loop.Objective(loss, mean_loss, held_out_loss, watch, 1000 * math.log(vocab_size)),
            loop.Data(batches, num_words * FLAGS.epochs, "words"),
            loop.Optimization(make_optimizer, program.learning_rate(FLAGS, {
                optimizer: rate / 2 if is_relative else rate
                for optimizer, rate in _LEARNING_RATES.items()}), FLAGS.decay, threads),
            loop.Saving(model_dir, FLAGS.save_seconds, FLAGS.keep), profile_step=FLAGS.profile,
            stop=stop, report=program.report, sharing=sharing)
    if not result.is_whole:
        program.SIGNALS.leave(model_dir if is_chief else "")
    if not is_chief:
        return
    print("%s words/s" % format(int(result.units_per_second), ","))
    clock["trained"] = time.time()

    # Results: files.
    with loop.restored_session(model_dir) as session:
        rows = session.run(all_rows)
        output_rows = session.run(all_output_rows) if FLAGS.output_vectors else None
    vectors_path = FLAGS.vectors or os.path.join(model_dir, "vectors.bin")
    vectors.write_vectors(vectors_path, text.words, rows)
    written = [model_dir + os.sep, vectors_path]
    if FLAGS.output_vectors:
        vectors.write_vectors(FLAGS.output_vectors, text.words, output_rows)
        written.append(FLAGS.output_vectors)
    if FLAGS.saved_model:
        export.write_saved_model(FLAGS.saved_model, text.words, rows, replaces["saved_model"])
        written.append(FLAGS.saved_model + os.sep)
    if FLAGS.projector:
        export.write_projector(FLAGS.projector, text.words, rows, replaces["projector"])
        written.append(FLAGS.projector + os.sep)
    if FLAGS.plots:
        map_path = os.path.join(FLAGS.plots, "map.png")
        charts.map_of_points(map_path, rows[:500], text.words[:500], "The most frequent words",
                            seed=FLAGS.seed)
        written += [charts.loss(FLAGS.plots, result.history, "words"), map_path]

    # Results: scores.
    unit = evaluation.unit_rows(rows)
    asked = FLAGS.neighbours or [text.words[row] for row in evaluation.some_frequent(vocab_size)]
    print("\nNearest neighbours:\n" + "\n".join(query.neighbour_lines(text.words, unit, asked, 6)))
    final_loss = result.history[-1][2]
    print("\nFull softmax loss on held-out text: %.3f nats per pair" % final_loss)
    scores = {}
    for path, pairs in similarity_pairs.items():
        score = evaluation.similarity(text.words, rows, pairs)
        scores[os.path.basename(path)] = score.spearman
        print("%s: Spearman %.3f on %d pairs; %d left out for %s" % (
            path, score.spearman, score.used, score.missing, _some(score.missing_words)))
    if sections:
        score = evaluation.analogies(text.words, rows, sections)
        scores[os.path.basename(FLAGS.eval_analogies)] = score.total.accuracy
        for section in score.sections + [score.total]:
            print("  %-28s %5.1f%% of %d questions, %d left out" % (
                section.name, 100 * section.accuracy, section.total, section.skipped))
        print("Not among the 30,000 most frequent words: %s" % _some(score.missing_words))
    clock["evaluated"] = time.time()
    metrics_path = os.path.join(model_dir, "metrics.json")
    written.append(metrics_path)
    loop.write_metrics(metrics_path, {
        "settings": program.settings(FLAGS),
        "seconds": {"read": clock["read"] - clock["start"], "train": result.seconds,
                    "evaluate": clock["evaluated"] - clock["trained"]},
        "words_per_second": result.units_per_second,
        "full_softmax_loss": final_loss,
        "history": result.history,
        "scores": scores,
        "baselines": {},
        "files": written,
    })
    print("Wrote " + ", ".join(written))


def _check_flags(flag_values, arguments):
    """Looks whether the flags fit each other and the program.

    Args:
      flag_values: absl's.
      arguments: list of strings, what is no flag.

    Raises:
      InputError: names the flag.
    """
    from tf1_sampled import checks
    from tf1_sampled.word2vec import corpus, text

    def check(condition, name, wanted, got):
        checks.argument(condition, "run_word2vec", name, wanted, got)

    program.check_given(flag_values, "run_word2vec", arguments,
                        "--corpus=a.txt,b.txt or as a glob in quotes", ["corpus"])
    inputs = flag_values.corpus
    check("" not in inputs, "--corpus", "names of files, folders or globs", ",".join(inputs))
    check(inputs.count(text.STANDARD_INPUT) < 2, "--corpus", "standard input (-) once", ",".join(inputs))
    try:
        text.check_encoding(flag_values.encoding)
    except checks.InputError:
        check(False, "--encoding", "the name of a text encoding", flag_values.encoding)
    for name in ("min_count", "max_vocab"):
        check(not flag_values.read_vocab or flag_values[name].using_default_value, "--read_vocab",
              "no --%s beside it" % name, flag_values[name].value)
    check(not flag_values.batch_size or flag_values.batch_size % corpus.GROUP == 0, "--batch_size",
          "a multiple of %d" % corpus.GROUP, flag_values.batch_size)
    check(len(flag_values.init_from) <= 2, "--init_from", "vectors, and maybe output vectors",
          ",".join(flag_values.init_from))


def _check_places(flag_values, replaces):
    """Looks whether all results can be written, and none over what is read.

    Args:
      flag_values: absl's.
      replaces: {name of a flag: whether its folder may have something in it}.

    Raises:
      InputError: names the flag or the path.
    """
    from tf1_sampled import charts
    from tf1_sampled.files import places
    from tf1_sampled.training import model_dir
    from tf1_sampled.word2vec import text

    folder = flag_values.model_dir
    picture = flag_values.plots and os.path.join(flag_values.plots, "loss.png")
    vectors_path = flag_values.vectors or (folder and os.path.join(folder, "vectors.bin"))
    paths = {"--vectors": vectors_path, "--output_vectors": flag_values.output_vectors,
             "--save_vocab": flag_values.save_vocab, "--plots": picture}
    folders = {"--saved_model": flag_values.saved_model, "--projector": flag_values.projector}
    texts = text.find(flag_values.corpus) if flag_values.corpus else []
    inputs = {"--corpus": [path for path, _ in texts if path != text.STANDARD_INPUT],
              "--read_vocab": [flag_values.read_vocab] if flag_values.read_vocab else [],
              "--eval_similarity": flag_values.eval_similarity,
              "--eval_analogies": [flag_values.eval_analogies] if flag_values.eval_analogies else []}
    places.check_apart(dict(paths, **{"--model_dir": folder}), folders, inputs)
    # Vectors may give way to those that went on from them, but to nothing else.
    places.check_apart({"--save_vocab": flag_values.save_vocab}, {},
                      {"--init_from": flag_values.init_from})
    if folder:
        results = {name: [path] for name, path in {**paths, **folders}.items() if path}
        places.check_not_kept({**results, **inputs}, folder, model_dir.KEPT)
    for path in (flag_values.vectors, flag_values.output_vectors, flag_values.save_vocab, picture):
        if path:
            places.check_writable(path)
    for name in replaces:
        if flag_values[name].value:
            places.check_new_folder(flag_values[name].value, replaces[name])
    if flag_values.plots:
        charts.check_available()


def _some(words, number=8):
    """Words in a line, not too many of them."""
    more = " and %d more" % (len(words) - number) if len(words) > number else ""
    return (", ".join(words[:number]) or "none") + more


if __name__ == "__main__":
    program.run(main)
