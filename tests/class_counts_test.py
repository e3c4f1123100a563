import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError, samplers


class VocabFileTest(graph_case.GraphCase):
    """Files and sequences that tf.nn accepts."""

    def _counts(self, **options):
        return samplers.fixed_unigram_candidate_sampler([[0], [1], [2]], 1, 10, False, 3, **options)[1]

    @parameterized.parameters(b"a,1\n\nb,2\n\n\nc,1\n", b"\xe9,1\r\nna\xefve,2\r\nc,1",
                              b"a,b,1\n2\n,1\n")
    def test_is_read_as_tf_nn_reads_it(self, content):
        path = self.create_tempfile(content=content, mode="wb").full_path
        theirs = tf.random.fixed_unigram_candidate_sampler(
            tf.constant([[0], [1], [2]], tf.int64), 1, 10, False, 3, vocab_file=path)[1]
        for vocab_file in (path, "file://" + path):
            ours, wanted = self.run_graph([self._counts(vocab_file=vocab_file), theirs])
            self.assert_close(ours, wanted)

    def test_a_missing_file_of_a_file_system_of_tensorflow(self):
        with self.assertRaisesRegex(InputError, "file:///no/such: wanted a readable file, got"):
            self._counts(vocab_file="file:///no/such")

    def test_unigrams_may_be_any_sequence_in_memory(self):
        counts = {"a": 1, "b": 2, "c": 1}
        for unigrams in (counts.values(), iter([1, 2, 1]), np.array([1, 2, 1]), [1, 2, 1]):
            self.assert_close(self.run_graph(self._counts(unigrams=unigrams)), [[2.5], [5], [2.5]])
        with self.assertRaisesRegex(
                InputError, "vocab_file, unigrams: wanted one of them, got 'neither'"):
            self._counts(unigrams=None)
        with self.assertRaisesRegex(InputError, "unigrams: wanted numbers in memory, got"):
            self._counts(unigrams=tf.placeholder(tf.float32, [3]))

    def test_a_vocab_file_is_read_as_in_tf_nn(self):
        path = self.create_tempfile(content="the,3\na, 1\n\"x,y\",6\nz,0.5\n").full_path
        labels = tf.constant(np.arange(1, 5)[:, None])
        arguments = dict(vocab_file=path, num_reserved_ids=1, distortion=0.5)
        ours = samplers.fixed_unigram_candidate_sampler(labels, 1, 3, False, 5, **arguments)[1]
        theirs = tf.random.fixed_unigram_candidate_sampler(labels, 1, 3, False, 5, **arguments)[1]
        ours, theirs = self.run_graph([ours, theirs])
        self.assert_close(ours, theirs)

    @parameterized.parameters(
        (dict(unigrams=[1, 2]), "unigrams: wanted a count for each of .* 5 ids, got"),
        (dict(unigrams=[1, 2, -1, 1, 1]), "unigrams: wanted finite counts >= 0.* got .-1"),
        (dict(unigrams=[0] * 5), "unigrams: wanted finite counts >= 0, not all 0, got 'only 0'"),
        (dict(unigrams=[1, 2, float("nan"), 1, 1]), "unigrams: wanted finite counts"),
        (dict(), "vocab_file, unigrams: wanted one of them, got 'neither'"),
        (dict(vocab_file="x", unigrams=[1] * 5), "vocab_file, unigrams: wanted one of them"),
        (dict(vocab_file="no/such/file"), "no/such/file: wanted a readable file"),
        (dict(unigrams=[1] * 5, num_reserved_ids=-1), "num_reserved_ids: wanted"),
    )
    def test_wrong_counts_are_named(self, options, message):
        with self.assertRaisesRegex(InputError, message):
            samplers.fixed_unigram_candidate_sampler(tf.constant([[1]]), 1, 3, False, 5, **options)

    @parameterized.parameters(
        ("the,3\na,b\n", "line 2: wanted a finite count >= 0 as the last .* field, got 'b'"),
        ("the,3\na,-1\n", "line 2: wanted a finite count >= 0 .* got '-1'"),
        ("the,nan\na,1\n", "line 1: wanted a finite count >= 0 .* got 'nan'"),
        ("the,3\na,1e309\n", "line 2: wanted a finite count >= 0 .* got '1e309'"),
        ("the,3\na,1\nb,2\n", "line 3: wanted a count for each of .* = 2 ids, then the end of the file, "
         "got 'b"),
        ("the,3\n", "wanted a count for each of range_max - num_reserved_ids = 2 ids, got 1"),
        ("the,0\na,0\n", "wanted counts that are not all 0, got only 0"))
    def test_a_vocab_file_of_other_counts_is_named_with_the_line(self, content, message):
        path = self.create_tempfile(content=content).full_path
        with self.assertRaisesRegex(InputError, path + ": " + message):
            samplers.fixed_unigram_candidate_sampler(tf.constant([[1]]), 1, 1, False, 2, path)


if __name__ == "__main__":
    absltest.main()
