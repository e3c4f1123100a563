"""A training that is watched: its curve, the mean loss of its steps, its end."""
import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest

from tests import word2vec_case
from tf1_sampled import InputError
from tf1_sampled.study import host as host_lib
from tf1_sampled.word2vec import Word2Vec

_SMALL = dict(dim=4, batch_size=64, threads=1, sample=0, loss="sampled_softmax", num_sampled=5,
              min_count=1, held_out=0.1)


class StudyHostTest(absltest.TestCase):

    def fitted(self, steps=None, sentences=200, **values):
        self.lines = []
        host = host_lib.StudyHost(self.lines.append, steps)
        Word2Vec(**dict(_SMALL, **values)).fit(word2vec_case.sentences(sentences), host=host)
        return host

    def test_a_curve_has_the_losses_of_the_training(self):
        host = self.fitted(epochs=2)
        curve = host.curve
        self.assertLen(curve, 10)
        self.assertEqual(curve[-1].share, 1.0)
        self.assertTrue(np.all(np.diff([point.share for point in curve]) > 0))
        self.assertLess(curve[-1].sampled_loss, curve[0].sampled_loss)
        self.assertLess(curve[-1].full_softmax_loss, curve[0].full_softmax_loss)
        # Of 10 words in 2 topics: between log 5 and log 10 if it learned.
        self.assertBetween(curve[-1].full_softmax_loss, np.log(5) - 0.1, np.log(10))

    def test_a_training_ends_after_so_many_steps(self):
        host = self.fitted(steps=30, epochs=host_lib.MANY_EPOCHS)
        self.assertEqual(host.result.steps, 30)
        self.assertTrue(host.result.is_whole)
        self.assertEqual(host.curve[-1].share, 1.0)

    def test_lines_of_the_data_are_passed_on_and_none_of_the_training(self):
        self.fitted(steps=5)
        self.assertIn("Held out", " ".join(self.lines))
        self.assertNotIn("Validation", " ".join(self.lines))

    def test_a_text_without_held_out_words_is_an_error(self):
        with self.assertRaisesRegex(InputError, "^study: data: wanted enough data to hold out a part"):
            self.fitted(held_out=0)


class MeanOverStepsTest(absltest.TestCase):

    def test_it_is_the_mean_since_the_call_before(self):
        with tf.Graph().as_default(), tf.Session() as session:
            loss = tf.placeholder(tf.float32, [])
            read = host_lib._mean_over_steps(loss)
            session.run(tf.local_variables_initializer())
            step = tf.group(*tf.get_collection(tf.GraphKeys.UPDATE_OPS))
            for value in (1, 2, 6):
                session.run(step, {loss: value})
            self.assertEqual(read(session), 3)
            session.run(step, {loss: 7})
            self.assertEqual(read(session), 7)
            self.assertTrue(np.isnan(read(session)))


if __name__ == "__main__":
    absltest.main()
