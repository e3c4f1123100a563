import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, oracles
from tf1_sampled import InputError, logits

_RANDOM = np.random.RandomState(1)
_C, _D, _B = 11, 3, 4
_WEIGHTS = _RANDOM.randn(_C, _D)
_BIASES = _RANDOM.randn(_C)
_INPUTS = _RANDOM.randn(_B, _D).astype(np.float32)
_LABELS = np.array([[1, 2], [3, 3], [0, 10], [7, 5]])
_SAMPLED = np.array([2, 9, 3, 2, 0])
_TRUE_COUNT = _RANDOM.rand(_B, 2) + 0.1
_SAMPLED_COUNT = _RANDOM.rand(5) + 0.1


def _float(array):
    return tf.constant(array, tf.float32)


def _values():
    return tf.constant(_SAMPLED, tf.int64), _float(_TRUE_COUNT), _float(_SAMPLED_COUNT)


def _compute(labels=_LABELS, inputs=_INPUTS, num_true=2, **options):
    options.setdefault("sampled_values", _values())
    return logits.compute_sampled_logits(_float(_WEIGHTS), _float(_BIASES), labels, inputs,
                                         5, _C, num_true, **options)


class ComputeSampledLogitsTest(graph_case.GraphCase):

    @parameterized.parameters(True, False)
    def test_values(self, subtract_log_q):
        values, targets = self.run_graph(_compute(subtract_log_q=subtract_log_q))
        ones = (np.ones_like(_TRUE_COUNT), np.ones_like(_SAMPLED_COUNT))
        counts = (_TRUE_COUNT, _SAMPLED_COUNT) if subtract_log_q else ones
        for i, (true, noise) in enumerate(oracles.sampled_logits(
                _WEIGHTS, _BIASES, _LABELS, _INPUTS, _SAMPLED, *counts, False)):
            self.assert_close(values[i], np.concatenate([true, noise]))
        self.assert_close(targets, np.tile([0.5] * 2 + [0] * 5, [_B, 1]))

    def test_a_removed_hit_has_the_lowest_finite_value(self):
        values, _ = self.run_graph(_compute(remove_accidental_hits=True))
        kept, _ = self.run_graph(_compute())
        hits = (_LABELS[:, :, None] == _SAMPLED).any(1)
        self.assertTrue(hits.any(0)[[0, 2, 3, 4]].all())  # both of the repeated candidate 2 too
        np.testing.assert_array_equal(values[:, 2:][hits], np.finfo(np.float32).min)
        self.assert_close(values[:, 2:][~hits], kept[:, 2:][~hits])
        self.assert_close(values[:, :2], kept[:, :2])

    def test_unknown_batch_size(self):
        labels, inputs = tf.placeholder(tf.int32, [None, 2]), tf.placeholder(tf.float32, [None, _D])
        values, _ = _compute(labels, inputs)
        fed = self.run_graph(values, {labels: _LABELS, inputs: _INPUTS})
        self.assert_close(fed, self.run_graph(_compute()[0]))

    def test_default_sampler_is_log_uniform_unique_with_a_seed(self):
        def draw(seed):
            return self.run_graph(_compute(sampled_values=None, seed=seed)[0])
        np.testing.assert_array_equal(draw(7), draw(7))
        self.assertTrue(np.any(draw(7) != draw(8)))

    def test_no_gradient_through_expected_counts(self):
        true_count, sampled_count = _float(_TRUE_COUNT), _float(_SAMPLED_COUNT)
        values, _ = _compute(sampled_values=(_SAMPLED, true_count, sampled_count))
        self.assertEqual(tf.gradients(values, [true_count, sampled_count]), [None, None])

    @parameterized.parameters(
        (dict(labels=_LABELS.astype(np.float32)), "labels: wanted int32 or int64 ids, got 'float32'"),
        (dict(labels=_LABELS[:, :1]), r"labels: wanted shape \[B, num_true\] with num_true = 2"),
        (dict(labels=_LABELS[:, 0]), r"labels: wanted shape \[B, num_true\] with num_true = 2"),
        (dict(inputs=_INPUTS[None].astype(np.float32)), r"inputs: wanted shape \[B, D\]"),
        (dict(num_true=0), "num_true: wanted an integer above 0, got 0"),
        (dict(partition_strategy="even"), "partition_strategy: wanted one of div, mod, got 'even'"),
    )
    def test_wrong_arguments_are_named(self, options, message):
        with self.assertRaisesRegex(InputError, message):
            _compute(**options)


class ComputePairLogitsTest(graph_case.GraphCase):

    def test_is_the_examples_form_in_each_group(self):
        random = np.random.RandomState(2)
        inputs, labels = random.randn(2, 3, _D), random.randint(0, _C, [2, 4])
        sampled = random.randint(0, _C, [2, 5])
        true_count, sampled_count = random.rand(2, 4) + 0.1, random.rand(2, 5) + 0.1
        result = self.run_graph(logits.compute_pair_logits(
            _float(_WEIGHTS), _float(_BIASES), labels, _float(inputs),
            (tf.constant(sampled, tf.int64), _float(true_count), _float(sampled_count))))
        for g in range(2):
            for k in range(3):
                true, noise = next(oracles.sampled_logits(
                    _WEIGHTS, _BIASES, labels[g:g + 1], inputs[g, k:k + 1], sampled[g],
                    true_count[g:g + 1], sampled_count[g], False))
                self.assert_close(result.true_logits[g, k], true)
                self.assert_close(result.sampled_logits[g, k], noise)
        np.testing.assert_array_equal(result.hits, labels[:, :, None] == sampled[:, None, :])

    def test_wrong_ranks_are_named(self):
        values = tf.zeros([2, 5], tf.int64), tf.ones([2, 4]), tf.ones([2, 5])
        labels, inputs = tf.zeros([2, 4], tf.int64), tf.ones([2, 3, _D])
        for name, arguments in [("labels", (labels[0], inputs, values)),
                                ("inputs", (labels, inputs[0], values)),
                                ("sampled_values", (labels, inputs, (values[0][0],) + values[1:]))]:
            with self.assertRaisesRegex(InputError, name + ": wanted"):
                logits.compute_pair_logits(_float(_WEIGHTS), _float(_BIASES), *arguments)


class LookupTest(graph_case.GraphCase):

    def _partitioned(self, shards):
        def rows(shape, dtype, partition_info):
            begin = partition_info.var_offset[0] if partition_info else 0
            return tf.constant(_WEIGHTS[begin:begin + shape[0]], dtype)
        return tf.get_variable("table", [_C, _D], initializer=rows,
                               partitioner=tf.fixed_size_partitioner(shards))

    @parameterized.parameters(1, 2, 3, 5)
    def test_a_partitioned_variable_is_contiguous_whatever_is_asked(self, shards):
        table = self._partitioned(shards)
        ids = tf.constant([[0, 10], [4, 3]])
        for strategy in ("mod", "div"):
            self.assert_close(self.run_graph(logits.lookup(table, ids, strategy)),
                              _WEIGHTS[np.array([[0, 10], [4, 3]])])
            self.assert_close(self.run_graph(logits.whole_table(table, _C, strategy)), _WEIGHTS)

    def test_upstream_takes_wrong_rows_of_a_partitioned_variable_by_default(self):
        rows = tf.nn.embedding_lookup(self._partitioned(3), tf.range(_C))
        self.assertTrue(np.any(self.run_graph(rows) != _WEIGHTS.astype(np.float32)))

    @parameterized.parameters("mod", "div")
    def test_a_list_is_read_by_its_strategy(self, strategy):
        parts = ([_WEIGHTS[i::3] for i in range(3)] if strategy == "mod"
                 else np.array_split(_WEIGHTS, 3))
        table = [_float(part) for part in parts]
        self.assert_close(self.run_graph(logits.lookup(table, [7, 1], strategy)), _WEIGHTS[[7, 1]])
        self.assert_close(self.run_graph(logits.whole_table(table, _C, strategy)), _WEIGHTS)

    def test_unit_rows(self):
        unit = _WEIGHTS / np.linalg.norm(_WEIGHTS, axis=1, keepdims=True)
        table = logits.UnitRows(_float(_WEIGHTS))
        self.assert_close(self.run_graph(logits.lookup(table, [7, 1])), unit[[7, 1]])
        self.assert_close(self.run_graph(logits.whole_table(table, _C)), unit)

    def test_unit_rows_have_sparse_gradients(self):
        table = tf.get_variable("table", [_C, _D])
        gradient, = tf.gradients(logits.lookup(logits.UnitRows(table), [7, 1]), [table])
        self.assertIsInstance(gradient, tf.IndexedSlices)


if __name__ == "__main__":
    absltest.main()
