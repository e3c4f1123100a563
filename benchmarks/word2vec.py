"""Word vectors beside gensim's, on one file, in one run, judged alike.

    python benchmarks/word2vec.py --corpus=text.txt --eval_similarity=wordsim353.tsv

Wants gensim (pip install '.[test]'). The corpus is plain text of one line or many. Speed is raw words
per second of training alone, without reading and counting the words; accuracy is gensim's own
evaluation of both sets of vectors. Systems run in turn, `--rounds` times; the best speed of each counts,
as what disturbs a shared machine only ever makes it slower.
"""
import json
import os
import platform
import subprocess
import sys
import tempfile
import time

from absl import app, flags

FLAGS = flags.FLAGS

flags.DEFINE_string("corpus", None, "Text file.", required=True)
flags.DEFINE_list("eval_similarity", [], "Files of word pairs with human scores, for gensim.")
flags.DEFINE_string("eval_analogies", "", "File of analogy questions, for gensim (top 30,000 words).")
flags.DEFINE_list("systems", "gensim,nce,sampled_softmax", "gensim, and losses of run_word2vec.py.")
flags.DEFINE_integer("epochs", 1, "Passes over the text.")
flags.DEFINE_integer("dim", 128, "Size of the vectors.")
flags.DEFINE_integer("workers", 2, "Threads of gensim; TensorFlow takes all cores.")
flags.DEFINE_integer("rounds", 1, "How often each system runs.")

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _ours(loss, folder):
    """(words per second, vectors) of run_word2vec.py with its defaults."""
    from gensim.models import KeyedVectors
    subprocess.run([sys.executable, os.path.join(_ROOT, "run_word2vec.py"), "--loss=" + loss,
                    "--corpus=" + FLAGS.corpus, "--dim=%d" % FLAGS.dim, "--epochs=%d" % FLAGS.epochs,
                    "--model_dir=" + folder], check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(folder, "metrics.json")) as stream:
        speed = json.load(stream)["words_per_second"]
    return speed, KeyedVectors.load_word2vec_format(os.path.join(folder, "vectors.bin"), binary=True)


def _gensim():
    """The same of gensim: skip-gram, window 5, 5 negatives, sample 1e-4, min_count 5, its own rate."""
    from gensim.models import Word2Vec
    with open(FLAGS.corpus) as stream:
        lines = [line.split() for line in stream]
    # gensim cuts sentences at 10,000 words without a word about it.
    sentences = [line[i:i + 10000] for line in lines for i in range(0, len(line), 10000)]
    model = Word2Vec(sg=1, vector_size=FLAGS.dim, window=5, negative=5, sample=1e-4, min_count=5,
                     workers=FLAGS.workers, seed=1)
    model.build_vocab(sentences)
    start = time.time()
    model.train(sentences, total_words=model.corpus_total_words, epochs=FLAGS.epochs)
    return model.corpus_total_words * FLAGS.epochs / (time.time() - start), model.wv


def _accuracy(vectors):
    scores = {os.path.basename(path): vectors.evaluate_word_pairs(path)[1][0]
              for path in FLAGS.eval_similarity}
    if FLAGS.eval_analogies:
        scores["analogies"] = vectors.evaluate_word_analogies(FLAGS.eval_analogies, 30000)[0]
    return scores


def main(_):
    results = {}
    for _ in range(FLAGS.rounds):
        for system in FLAGS.systems:
            with tempfile.TemporaryDirectory() as folder:
                speed, vectors = _gensim() if system == "gensim" else _ours(system, folder)
                best = max(speed, results.get(system, (0,))[0])
                results[system] = best, _accuracy(vectors)
    import gensim
    import numpy
    import tensorflow
    print("Python %s, TensorFlow %s, gensim %s, NumPy %s; %d cores, %s" % (
        platform.python_version(), tensorflow.__version__, gensim.__version__, numpy.__version__,
        os.cpu_count(), platform.platform()))
    print("%s, %d epochs, %d dimensions, best speed of %d" % (
        os.path.basename(FLAGS.corpus), FLAGS.epochs, FLAGS.dim, FLAGS.rounds))
    names = list(next(iter(results.values()))[1])
    print("%-18s%12s%10s" % ("system", "raw words/s", "ratio") + "".join("%18s" % n for n in names))
    first = results[FLAGS.systems[0]][0]
    for system, (speed, scores) in results.items():
        print("%-18s%12s%10.2f" % (system, format(int(speed), ","), speed / first)
              + "".join("%18.3f" % scores[name] for name in names))


if __name__ == "__main__":
    app.run(main)
