"""Tests of a training of word vectors: exact resumption, and the tables in checkpoints."""
import os

import numpy as np
from absl.testing import absltest

from tests import word2vec_case
from tf1_sampled import InputError
from tf1_sampled.training import host, model_dir
from tf1_sampled.word2vec import evaluation, fitting, model, reading
from tf1_sampled.word2vec.settings import Word2VecSettings


class StoppedHost(host.OneMachine):
    """A host that stops the training after some steps."""

    def __init__(self, steps):
        self._steps, self.folder = steps, None

    def stop(self):
        self._steps -= 1
        return self._steps < 0

    def begun(self, folder):
        self.folder = folder


class TrainTest(absltest.TestCase):

    def train(self, name, who, sentences=None, **values):
        """Train in the folder of this name: return (folder, TrainingResult, words)."""
        values = dict(dict(dim=4, epochs=2, batch_size=256, threads=1, sample=0.0), **values)
        settings = Word2VecSettings(**values)
        path = os.path.join(self.folder, name)
        with model_dir.ModelDir(path, "word2vec", settings.values(), settings.changeable()) as folder:
            data = word2vec_case.sentences(300) if sentences is None else sentences
            with reading.open_text(settings, data, len) as text:
                return path, fitting.train(settings, text, folder, who), text.corpus.words

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def test_a_resumed_training_is_exact_to_the_last_bit(self):
        path, whole, words = self.train("whole", host.OneMachine())
        self.assertTrue(whole.is_whole)
        self.assertAlmostEqual(whole.units, 2 * 3600 * 0.99, delta=50)
        rows = fitting.saved_table(path, model.EMBEDDINGS, len(words))
        output_rows = fitting.saved_table(path, model.OUTPUT_WEIGHTS, len(words))
        self.assertEqual((rows.shape, output_rows.shape), ((10, 4), (10, 4)))

        who = StoppedHost(7)
        path, part, _ = self.train("parts", who)
        self.assertEqual((part.is_whole, part.steps, who.folder), (False, 7, path))
        self.assertTrue(np.any(fitting.saved_table(path, model.EMBEDDINGS, len(words)) != rows))
        path, rest, _ = self.train("parts", host.OneMachine())
        self.assertEqual((rest.is_whole, rest.steps), (True, whole.steps))
        np.testing.assert_array_equal(fitting.saved_table(path, model.EMBEDDINGS, len(words)), rows)
        np.testing.assert_array_equal(
            fitting.saved_table(path, model.OUTPUT_WEIGHTS, len(words)), output_rows)
        self.assertEqual(rest.history[-1][2], whole.history[-1][2])

    def test_a_training_learns_the_topics(self):
        path, _, words = self.train("model", host.OneMachine(), word2vec_case.sentences(), epochs=3)
        unit = evaluation.unit_rows(fitting.saved_table(path, model.EMBEDDINGS, len(words)))
        for topic in word2vec_case.TOPICS:
            for word in topic:
                ids, _ = evaluation.nearest(unit, words.index(word), len(topic) - 1)
                self.assertCountEqual([words[i] for i in ids] + [word], topic)

    def test_a_folder_of_other_data_or_settings_is_an_error(self):
        self.train("model", StoppedHost(2))
        with self.assertRaisesRegex(InputError, "wanted the data that .* trained on, got other text"):
            self.train("model", host.OneMachine(), word2vec_case.sentences(301))
        with self.assertRaisesRegex(InputError, "--dim=5 for 4"):
            self.train("model", host.OneMachine(), dim=5)

    def test_a_folder_without_a_checkpoint_is_an_error(self):
        with self.assertRaisesRegex(InputError, "wanted a checkpoint, got none"):
            fitting.saved_table(self.folder, model.EMBEDDINGS, 3)


if __name__ == "__main__":
    absltest.main()
