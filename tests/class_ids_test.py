import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, sampler_case
from tf1_sampled import InputError, class_ids, registry, samplers

_C, _NAMES, _DRAWN = sampler_case.C, sampler_case.NAMES, sampler_case.DRAWN


class ArgumentsOfTfNnTest(graph_case.GraphCase):
    """Labels that the samplers and losses of tf.nn accept."""

    LABELS = np.array([[1, 7], [3, 3], [0, 59]])

    def _counts(self, labels, num_true=2, num_sampled=5, range_max=_C):
        return samplers.log_uniform_candidate_sampler(labels, num_true, num_sampled, False, range_max,
                                                      seed=1).true_expected_count

    @parameterized.parameters("int8", "uint8", "int16", "uint16", "uint32", "uint64", "float16",
                              "float32", "float64")
    def test_labels_of_any_type(self, dtype):
        fed = tf.placeholder(dtype, [None, 2])
        wanted, constant, fed_counts = self.run_graph(
            [self._counts(labels) for labels in (tf.constant(self.LABELS, tf.int64),
                                                 tf.constant(self.LABELS.astype(dtype)), fed)],
            {fed: self.LABELS})
        self.assert_close(constant, wanted)
        self.assert_close(fed_counts, wanted)

    @parameterized.parameters(0.5, -0.5, np.nan, np.inf)
    def test_labels_that_are_not_whole(self, wrong):
        labels = self.LABELS.astype(np.float32)
        labels[1, 0] = wrong
        message = "log_uniform_candidate_sampler: true_classes: wanted whole numbers as ids, got"
        with self.assertRaisesRegex(InputError, message):
            self._counts(tf.constant(labels))
        fed = tf.placeholder(tf.float32, [None, 2])
        counts = self._counts(fed)
        with self.new_session() as session:
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError, message):
                session.run(counts, {fed: labels})

    def test_flat_labels_have_the_counts_of_columns(self):
        flat = tf.placeholder(tf.int64, [None])
        wanted, *others = self.run_graph(
            [self._counts(labels) for labels in (self.LABELS, self.LABELS.ravel(), flat)],
            {flat: self.LABELS.ravel()})
        for counts in others:
            np.testing.assert_array_equal(counts, wanted)
        with self.assertRaisesRegex(InputError, r"true_classes: wanted shape \[B, num_true\]"):
            self._counts(tf.zeros([5], tf.int64))

    def test_a_mask_of_flat_labels(self):
        mask = np.array([True, False, True, True, False, True])
        counts = [samplers.log_uniform_candidate_sampler(labels, 2, 5, False, _C, label_mask=of_labels)
                  .true_expected_count for labels, of_labels in (
                      (self.LABELS.ravel(), mask), (self.LABELS, mask.reshape([3, 2])))]
        flat, wanted = self.run_graph(counts)
        np.testing.assert_array_equal(flat, wanted)


class WrongLabelsTest(sampler_case.SamplerCase):

    @parameterized.parameters(*_NAMES)
    def test_constant_ids_out_of_range(self, name):
        function = registry.SAMPLERS[name].__name__
        for wrong in (60, -1):
            for num_groups in (None, 3):
                with self.assertRaisesRegex(
                        InputError, r"%s: true_classes: wanted ids from 0 to 59, got \[%d\]" % (
                            function, wrong)):
                    self.sample(name, tf.constant([[0], [wrong], [59]]), num_groups=num_groups)

    @parameterized.product(name=_NAMES, shape=[[None, 1], [3, 1]])
    def test_fed_ids_out_of_range(self, name, shape):
        labels = tf.placeholder(tf.int64, shape)
        kinds = [(None, unique) for unique in sampler_case.kinds_of_unique(name)]
        if name in _DRAWN:
            kinds.append((_C, True))
        if shape[0] is None:
            kinds = kinds[:1]
        fetches = [self.sample(name, labels, num_sampled, unique, num_groups=3 if number else None)
                   .true_expected_count for number, (num_sampled, unique) in enumerate(kinds)]
        message = r"\[%s: true_classes: wanted ids from 0 to 59, got\] " % (
            registry.SAMPLERS[name].__name__)
        with self.new_session() as session:
            session.run(fetches, {labels: [[0], [59], [1]]})
            for fetch in fetches:
                for wrong in (60, -1):
                    self.assert_fails(message + r"\[%d\]" % wrong, session, fetch,
                                      {labels: [[0], [wrong], [59]]})

    @parameterized.parameters(*_NAMES)
    def test_a_wrong_mask_is_named(self, name):
        function = registry.SAMPLERS[name].__name__
        for num_groups in (None, 3):
            for mask, message in (([[1], [0], [1]], "booleans, got 'int32'"),
                                  ([[True], [False]], "the shape of true_classes, "),
                                  ([True, False, True], "the shape of true_classes, ")):
                with self.assertRaisesRegex(InputError, function + ": label_mask: wanted " + message):
                    self.sample(name, tf.constant([[1], [2], [3]]), label_mask=mask,
                                num_groups=num_groups)

    def test_padding_is_0_whatever_stands_there(self):
        labels, mask = np.array([[1, -1], [10 ** 6, 3]]), np.array([[True, False], [False, True]])
        fed = tf.placeholder(tf.int64, [None, 2])
        found = [class_ids.label_tensor("f", "labels", ids, 2, _C, mask)
                 for ids in (tf.constant(labels), fed)]
        for ids in self.run_graph(found, {fed: labels}):
            np.testing.assert_array_equal(ids, [[1, 0], [0, 3]])


if __name__ == "__main__":
    absltest.main()
