"""The language model of the examples, on a text in which each word has two successors."""
import contextlib
import importlib.util
import io
import os
import re

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tf1_sampled.training import checkpoints, host
from tf1_sampled.word2vec import corpus, sequences

_PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "examples",
                     "language_model.py")
_NUM_WORDS = 30


def _text(size=12000):
    """Words w0, w1, ...; after word k comes 7 k or 7 k + 1, modulo their number."""
    random, words = np.random.RandomState(1), [1]
    while len(words) < size:
        words.append((7 * words[-1] + random.randint(2)) % _NUM_WORDS)
    return " ".join("w%d" % word for word in words)


class _Host(host.OneMachine):
    """A host that keeps the lines, and stops after some batches."""

    def __init__(self, stop_after=None):
        self.lines, self._left = [], stop_after

    def report(self, line):
        self.lines.append(line)

    def stop(self):
        if self._left is None:
            return False
        self._left -= 1
        return self._left < 0


class LanguageModelTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        spec = importlib.util.spec_from_file_location("language_model", _PATH)
        self.example = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.example)
        self.folder = self.create_tempdir().full_path
        self.text = self.create_tempfile("text.txt", _text()).full_path
        self.enter_context(absltest.mock.patch.dict(os.environ, XDG_CACHE_HOME=self.folder))
        self.enter_context(absltest.mock.patch.object(self.example, "LENGTH", 5))

    def run_example(self, who, name="model", **flags):
        """Return what it prints."""
        values = dict(dict(corpus=[self.text], model_dir=os.path.join(self.folder, name), dim=16,
                           num_sampled=10, learning_rate=0.5, epochs=2), **flags)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.example.run(self.example.Flags(**values), who)
        return printed.getvalue()

    def values(self, name):
        """Return {variable: value} of the newest checkpoint."""
        reader = tf.train.load_checkpoint(checkpoints.chosen(os.path.join(self.folder, name)))
        return {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()
                if key.startswith("model")}

    def test_it_learns_which_words_come_next(self):
        who = _Host()
        printed = self.run_example(who, epochs=6, generate=["w3", "w21"])
        of_unigrams, *perplexities = [float(re.search("[0-9.]+$", line).group()) for line in who.lines
                                      if line.startswith("Perplexity") or "frequencies" in line]
        self.assertBetween(of_unigrams, 15, _NUM_WORDS)
        self.assertLen(perplexities, 6)
        self.assertBetween(perplexities[-1], 1.9, 3)
        words = [int(word[1:]) for word in printed.split()]
        self.assertLen(words, 32)
        self.assertEqual(words[:2], [3, 21])
        follows = [(after - 7 * before) % _NUM_WORDS < 2 for before, after in zip(words[1:], words[2:])]
        self.assertGreater(np.mean(follows), 0.5)  # 0.07 by chance

    def test_a_training_that_was_stopped_goes_on_to_the_same_bits(self):
        self.run_example(_Host(), "whole", epochs=1)
        self.run_example(_Host(stop_after=30), "parts", epochs=1)
        who = _Host()
        self.run_example(who, "parts", epochs=1)
        self.assertRegex("\n".join(who.lines), "Resuming from .*model.ckpt-30")
        wanted, found = self.values("whole"), self.values("parts")
        self.assertTrue(np.any(wanted["model/state"]))
        self.assertContainsSubset(["model/words", "model/classes", "model/kernel", "model/state",
                                   "model/words/Adagrad"], wanted)
        self.assertCountEqual(wanted, found)
        for name, value in wanted.items():
            np.testing.assert_array_equal(found[name], value, name)

    @parameterized.parameters(
        (False, "full_softmax"), (False, "nce"), (False, "sampled_softmax"), (True, "sampled_softmax"))
    def test_the_gradient_reaches_all_variables(self, tied, loss):
        text = corpus.Corpus.from_tokens("abc", [400] * 3, np.arange(1200) % 3)
        data = sequences.Sequences(text, self.example.NUM_LANES, self.example.LENGTH)
        tokens, *_ = next(data.batches())
        with tf.Graph().as_default():
            model = self.example.LanguageModel(self.example.Flags(
                tied=tied, loss=loss, num_sampled=3, dim=4), data)
            gradients = tf.gradients(model.loss, tf.trainable_variables())
            self.assertLen(gradients, 3 if tied else 4)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                for gradient in session.run([tf.convert_to_tensor(gradient) for gradient in gradients],
                                            {model.tokens: tokens}):
                    self.assertTrue(np.all(np.isfinite(gradient)) and np.any(gradient))


if __name__ == "__main__":
    absltest.main()
