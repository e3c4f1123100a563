import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, oracles
from tf1_sampled import (
    InputError,
    blocks,
    candidates,
    frozen,
    initializers,
    logits,
    losses,
    samplers,
)

_RANDOM = np.random.RandomState(1)
_C, _D, _B = 11, 3, 4
_WEIGHTS = _RANDOM.randn(_C, _D)
_BIASES = _RANDOM.randn(_C)
_INPUTS = _RANDOM.randn(_B, _D)
_LABELS = np.array([[1, 2], [3, 3], [0, 10], [7, 5]])
_LABEL_MASK = np.array([[True, True], [True, False], [False, False], [False, True]])
_SAMPLED = np.array([2, 9, 3, 2, 0])
_TRUE_COUNT = (_RANDOM.rand(_B, 2) + 0.1).astype(np.float32)
_SAMPLED_COUNT = (_RANDOM.rand(5) + 0.1).astype(np.float32)
# Candidates of two groups of examples, their mask, and their counts.
_GROUPS = np.array([[2, 9, 3, 2, 0], [7, 3, 3, 10, 7]])
_MASKED = np.array([[0, 0, 0, 1, 0], [1, 0, 1, 0, 0]], bool)
_GROUPS_COUNT = (_RANDOM.rand(2, 5) + 0.1).astype(np.float32)
_DTYPES = (tf.float16, tf.bfloat16, tf.float32, tf.float64)
_LOWEST = {dtype: logits.MASKED_LOGIT[dtype] for dtype in (tf.float32, tf.float64)}


def _float(array, dtype=tf.float32):
    return tf.constant(array, dtype)


def _rounded(array, dtype):
    return array.astype(dtype.as_numpy_dtype).astype(np.float64)


def _values():
    return tf.constant(_SAMPLED, tf.int64), _float(_TRUE_COUNT), _float(_SAMPLED_COUNT)


def _values_of_groups():
    count = np.where(_MASKED, candidates.MASKED_COUNT, _GROUPS_COUNT)
    return tf.constant(_GROUPS, tf.int64), _float(_TRUE_COUNT), _float(count)


def _compute(labels=_LABELS, inputs=_INPUTS, num_true=2, dtype=tf.float32, **options):
    options.setdefault("sampled_values", _values())
    if isinstance(inputs, np.ndarray):
        inputs = _float(inputs, dtype)
    return logits.compute_sampled_logits(_float(_WEIGHTS, dtype), _float(_BIASES, dtype), labels, inputs,
                                         5, _C, num_true, **options)


class ComputeSampledLogitsTest(graph_case.GraphCase):

    @parameterized.parameters(True, False)
    def test_logits_are_those_of_the_oracle(self, subtract_log_q):
        result = _compute(subtract_log_q=subtract_log_q)
        self.assertEqual([x.shape.as_list() for x in result], [[_B, 2], [_B, 5]])
        result = self.run_graph(result)
        ones = (np.ones_like(_TRUE_COUNT), np.ones_like(_SAMPLED_COUNT))
        counts = (_TRUE_COUNT, _SAMPLED_COUNT) if subtract_log_q else ones
        for i, (true, noise) in enumerate(oracles.sampled_logits(
                _WEIGHTS, _BIASES, _LABELS, _INPUTS, _SAMPLED, *counts, False)):
            self.assert_close(result.true_logits[i], true)
            self.assert_close(result.sampled_logits[i], noise)

    @parameterized.parameters(*_DTYPES)
    def test_logits_are_float32_unless_float64(self, dtype):
        result = _compute(dtype=dtype)
        wanted = tf.float64 if dtype == tf.float64 else tf.float32
        self.assertEqual([x.dtype for x in result], [wanted, wanted])
        true_logits, sampled_logits = self.run_graph(result)
        # Inputs are rounded to 16 bits, results are not.
        arguments = [_rounded(x, dtype) for x in (_WEIGHTS, _BIASES)] + [
            _LABELS, _rounded(_INPUTS, dtype), _SAMPLED, _TRUE_COUNT, _SAMPLED_COUNT]
        precision = 1e-12 if dtype == tf.float64 else 1e-5
        for i, (true, noise) in enumerate(oracles.sampled_logits(*arguments, False)):
            self.assert_close(true_logits[i], true, precision, precision)
            self.assert_close(sampled_logits[i], noise, precision, precision)

    def test_a_set_of_candidates_for_each_group(self):
        true_logits, sampled_logits = self.run_graph(
            _compute(sampled_values=_values_of_groups(), remove_accidental_hits=True))
        for i in range(_B):
            group = i // 2
            true, noise = next(oracles.sampled_logits(
                _WEIGHTS, _BIASES, _LABELS[i:i + 1], _INPUTS[i:i + 1], _GROUPS[group],
                _TRUE_COUNT[i:i + 1], _GROUPS_COUNT[group], False))
            removed = _MASKED[group] | np.isin(_GROUPS[group], _LABELS[i])
            self.assert_close(true_logits[i], true)
            self.assert_close(sampled_logits[i][~removed], noise[~removed])
            self.assertTrue(np.all(sampled_logits[i][removed] <= _LOWEST[tf.float32]))

    @parameterized.product(dtype=_DTYPES, subtract_log_q=[True, False])
    def test_counts_of_each_example(self, dtype, subtract_log_q):
        random = np.random.RandomState(4)
        count = (random.rand(_B, 5) + 0.1).astype(np.float32)
        masked = random.rand(_B, 5) < 0.4
        values = _values()[:2] + (_float(np.where(masked, candidates.MASKED_COUNT, count)),)
        result = _compute(dtype=dtype, sampled_values=values, subtract_log_q=subtract_log_q,
                          remove_accidental_hits=True)
        self.assertEqual([x.shape.as_list() for x in result], [[_B, 2], [_B, 5]])
        result = self.run_graph(result)
        weights, biases, inputs = [_rounded(x, dtype) for x in (_WEIGHTS, _BIASES, _INPUTS)]
        precision = 1e-12 if dtype == tf.float64 else 1e-5
        removed = masked | np.array([np.isin(_SAMPLED, labels) for labels in _LABELS])
        for i in range(_B):
            counts = _TRUE_COUNT[i:i + 1], count[i]
            if not subtract_log_q:
                counts = [np.ones_like(x) for x in counts]
            true, noise = next(oracles.sampled_logits(weights, biases, _LABELS[i:i + 1], inputs[i:i + 1],
                                                      _SAMPLED, *counts, False))
            self.assert_close(result.true_logits[i], true, precision, precision)
            kept = ~removed[i]
            self.assert_close(result.sampled_logits[i][kept], noise[kept], precision, precision)
        lowest = _LOWEST[tf.float64 if dtype == tf.float64 else tf.float32]
        self.assertTrue(np.all(result.sampled_logits[removed] <= lowest))
        self.assertTrue(np.all(np.isfinite(result.sampled_logits)))

    def test_all_hits_are_masked(self):
        kept, removed = self.run_graph([_compute(), _compute(remove_accidental_hits=True)])
        hits = (_LABELS[:, :, None] == _SAMPLED).any(1)
        self.assertTrue(hits.any(0)[[0, 2, 3, 4]].all())  # both of the repeated candidate 2 too
        np.testing.assert_array_equal(removed.sampled_logits[hits], np.float32(_LOWEST[tf.float32]))
        self.assert_close(removed.sampled_logits[~hits], kept.sampled_logits[~hits])
        self.assert_close(removed.true_logits, kept.true_logits)

    @parameterized.product(dtype=_DTYPES, subtract_log_q=[True, False])
    def test_masked_logits_are_low_and_finite(self, dtype, subtract_log_q):
        result = self.run_graph(_compute(
            inputs=1e4 * _INPUTS, dtype=dtype, sampled_values=_values_of_groups(),
            subtract_log_q=subtract_log_q, label_mask=_LABEL_MASK, remove_accidental_hits=True))
        lowest = _LOWEST[tf.float64 if dtype == tf.float64 else tf.float32]
        masked = np.repeat(_MASKED, 2, 0)
        for values, low in [(result.true_logits, ~_LABEL_MASK), (result.sampled_logits, masked)]:
            self.assertTrue(np.all(np.isfinite(values)))
            self.assertTrue(np.all(values[low] <= lowest))
        self.assertTrue(np.all(np.abs(result.true_logits[_LABEL_MASK]) < 1e6))
        # The sum of two of them and a logit is finite.
        self.assertTrue(np.isfinite(values.dtype.type(2 * lowest - 1e6)))

    def test_padding_is_never_a_hit(self):
        results = [_compute(np.where(_LABEL_MASK, _LABELS, padding), label_mask=_LABEL_MASK,
                            remove_accidental_hits=True) for padding in (0, -1, _C, 2, 10 ** 12)]
        results, kept = self.run_graph([results, _compute()])
        hits = ((_LABELS[:, :, None] == _SAMPLED) & _LABEL_MASK[:, :, None]).any(1)
        for true_logits, sampled_logits in results:
            np.testing.assert_array_equal(sampled_logits == np.float32(_LOWEST[tf.float32]), hits)
            self.assert_close(sampled_logits[~hits], kept.sampled_logits[~hits])
            self.assert_close(true_logits[_LABEL_MASK], kept.true_logits[_LABEL_MASK])

    def test_flat_labels_of_either_type(self):
        values = _values()
        values = values[0], values[1][:, :1], values[2]
        wanted, *results = self.run_graph([
            _compute(_LABELS[:, 0].reshape(shape).astype(dtype), num_true=1, sampled_values=values,
                     remove_accidental_hits=True)
            for dtype in (np.int64, np.int32) for shape in ([_B, 1], [_B])])
        for result in results:
            for ours, theirs in zip(result, wanted):
                np.testing.assert_array_equal(ours, theirs)

    def test_sizes_may_be_unknown(self):
        labels, inputs = tf.placeholder(tf.int32, [None, 2]), tf.placeholder(tf.float32, [None, _D])
        mask = tf.placeholder(tf.bool, [None, 2])
        known = _values_of_groups()
        unknown = [tf.placeholder(value.dtype, [None, None]) for value in known]
        result = _compute(labels, inputs, sampled_values=unknown, label_mask=mask,
                          remove_accidental_hits=True)
        self.assertEqual([x.shape.as_list() for x in result], [[None, 2], [None, None]])
        wanted = _compute(sampled_values=known, label_mask=_LABEL_MASK, remove_accidental_hits=True)
        wanted, known = self.run_graph([wanted, known])
        feed = dict(zip(unknown, known))
        feed.update({labels: _LABELS, inputs: _INPUTS, mask: _LABEL_MASK})
        for ours, theirs in zip(self.run_graph(result, feed), wanted):
            self.assert_close(ours, theirs)

    def test_ranks_of_labels_and_inputs_may_be_unknown(self):
        labels, inputs = tf.placeholder(tf.int32), tf.placeholder(tf.float32)
        result = _compute(labels, inputs)
        self.assertEqual([x.shape.rank for x in result], [2, 2])
        wanted = self.run_graph(_compute())
        for ours, theirs in zip(self.run_graph(result, {labels: _LABELS, inputs: _INPUTS}), wanted):
            self.assert_close(ours, theirs)

    def test_default_sampler_is_log_uniform_unique_with_a_seed(self):
        def draw(seed):
            return self.run_graph(_compute(sampled_values=None, seed=seed).sampled_logits)
        np.testing.assert_array_equal(draw(7), draw(7))
        self.assertTrue(np.any(draw(7) != draw(8)))
        seed = tf.constant([3, 4], tf.int64)
        values = samplers.log_uniform_candidate_sampler(_LABELS, 2, 5, True, _C, seed=seed)
        ours, theirs = self.run_graph([_compute(sampled_values=v, seed=seed) for v in (None, values)])
        np.testing.assert_array_equal(ours.sampled_logits, theirs.sampled_logits)
        np.testing.assert_array_equal(ours.true_logits, theirs.true_logits)

    def test_no_gradient_through_expected_counts(self):
        true_count, sampled_count = _float(_TRUE_COUNT), _float(_SAMPLED_COUNT)
        result = _compute(sampled_values=(_SAMPLED, true_count, sampled_count))
        self.assertEqual(tf.gradients(result, [true_count, sampled_count]), [None, None])

    @parameterized.parameters(*_DTYPES)
    def test_each_table_has_one_sparse_gradient_of_its_type(self, dtype):
        variables = [tf.Variable(_WEIGHTS, dtype=dtype), tf.Variable(_BIASES, dtype=dtype)]
        result = logits.compute_sampled_logits(variables[0], variables[1], _LABELS, _float(_INPUTS), 5,
                                               _C, 2, _values())
        gradients = tf.gradients(result, variables)
        for gradient in gradients:
            self.assertIsInstance(gradient, tf.IndexedSlices)
            self.assertEqual(gradient.dtype, dtype)
        for gradient in self.run_graph(gradients):
            np.testing.assert_array_equal(gradient.indices, np.concatenate([_LABELS.ravel(), _SAMPLED]))

    @parameterized.parameters(
        (dict(labels=_LABELS > 1), "labels: wanted integer ids, got 'bool'"),
        (dict(labels=_LABELS[:, :1]), r"labels: wanted shape \[B, num_true\] with num_true = 2"),
        (dict(labels=_LABELS[:, 0]), "labels: wanted labels of 4 examples, as inputs, got 2"),
        (dict(labels=_LABELS + 1), "labels: wanted ids from 0 to 10, got .11"),
        (dict(labels=_LABELS - 1), "labels: wanted ids from 0 to 10, got .-1"),
        (dict(label_mask=_LABEL_MASK * 1.0), "label_mask: wanted booleans, got 'float64'"),
        (dict(label_mask=_LABEL_MASK[1:]), "label_mask: wanted the shape of labels"),
        (dict(inputs=_INPUTS[None]), r"inputs: wanted shape \[B, D\]"),
        (dict(num_true=0), "num_true: wanted an integer above 0, got 0"),
        (dict(partition_strategy="even"), "partition_strategy: wanted one of div, mod, got 'even'"),
        (dict(sampled_values=(_SAMPLED[None, None], _TRUE_COUNT, _SAMPLED_COUNT)),
         r"sampled_values: wanted candidates of shape \[S\] or \[G, S\]"),
        (dict(dtype=tf.int32), "weights, inputs: wanted types among float16, .*, got .*int32"),
        (dict(inputs=_INPUTS.astype(int)[0]), r"^a_loss: inputs: wanted shape \[B, D\]"),
    )
    def test_wrong_arguments_are_named(self, options, message):
        with self.assertRaisesRegex(InputError, message):
            _compute(name="a_loss", **options)


class ComputePairLogitsTest(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        random = np.random.RandomState(2)
        self.inputs, self.labels = random.randn(2, 3, _D), random.randint(0, _C, [2, 4])
        self.true_count = (random.rand(2, 4) + 0.1).astype(np.float32)

    def _compute(self, dtype=tf.float32, scale=1, label_dtype=tf.int64, subtract_log_q=True):
        sampled, _, sampled_count = _values_of_groups()
        return logits.compute_pair_logits(
            _float(_WEIGHTS, dtype), _float(_BIASES, dtype), tf.constant(self.labels, label_dtype),
            _float(scale * self.inputs, dtype), (sampled, _float(self.true_count), sampled_count),
            subtract_log_q)

    @parameterized.parameters(
        (tf.float16, True, tf.int32), (tf.bfloat16, True, tf.int64), (tf.float32, True, tf.int64),
        (tf.float32, False, tf.int32), (tf.float64, True, tf.int32))
    def test_equals_the_form_of_examples_in_each_group(self, dtype, subtract_log_q, label_dtype):
        result = self._compute(dtype, subtract_log_q=subtract_log_q, label_dtype=label_dtype)
        wanted = tf.float64 if dtype == tf.float64 else tf.float32
        self.assertEqual([x.dtype for x in result], [wanted, wanted, tf.bool])
        self.assertEqual([x.shape.as_list() for x in result], [[2, 3, 4], [2, 3, 5], [2, 4, 5]])
        result = self.run_graph(result)
        weights, biases, inputs = [_rounded(x, dtype) for x in (_WEIGHTS, _BIASES, self.inputs)]
        counts = [x if subtract_log_q else np.ones_like(x) for x in (self.true_count, _GROUPS_COUNT)]
        precision = 1e-12 if dtype == tf.float64 else 1e-5
        for g, k in np.ndindex(2, 3):
            true, noise = next(oracles.sampled_logits(
                weights, biases, self.labels[g:g + 1], inputs[g, k:k + 1], _GROUPS[g],
                counts[0][g:g + 1], counts[1][g], False))
            self.assert_close(result.true_logits[g, k], true, precision, precision)
            self.assert_close(result.sampled_logits[g, k][~_MASKED[g]], noise[~_MASKED[g]], precision,
                              precision)
        np.testing.assert_array_equal(result.hits, self.labels[:, :, None] == _GROUPS[:, None, :])

    @parameterized.product(dtype=_DTYPES, subtract_log_q=[True, False])
    def test_masked_logits_are_low_and_finite(self, dtype, subtract_log_q):
        values = self.run_graph(self._compute(dtype, 1e4, subtract_log_q=subtract_log_q)).sampled_logits
        masked = np.tile(_MASKED[:, None], [1, 3, 1])
        self.assertTrue(np.all(np.isfinite(values)))
        self.assertTrue(np.all(
            values[masked] <= _LOWEST[tf.float64 if dtype == tf.float64 else tf.float32]))
        self.assertTrue(np.all(np.abs(values[~masked]) < 1e6))

    def test_wrong_arguments_are_named(self):
        values = tf.zeros([2, 5], tf.int64), tf.ones([2, 4]), tf.ones([2, 5])
        labels, inputs = tf.zeros([2, 4], tf.int64), tf.ones([2, 3, _D])
        for message, arguments in [
                (r"labels: wanted shape \[G, J\]", (labels[0], inputs, values)),
                ("labels: wanted integer ids", (tf.cast(labels, tf.bool), inputs, values)),
                (r"inputs: wanted shape \[G, K, D\]", (labels, inputs[0], values)),
                ("weights, inputs: wanted types", (labels, tf.cast(inputs, tf.int32), values)),
                (r"sampled_values: wanted candidates of shape \[H, S\]",
                 (labels, inputs, (values[0][0],) + values[1:]))]:
            with self.subTest(message), self.assertRaisesRegex(InputError, message):
                logits.compute_pair_logits(_float(_WEIGHTS), _float(_BIASES), *arguments)


class LookupTest(graph_case.GraphCase):

    def _partitioned(self, shards):
        def rows(shape, dtype, partition_info):
            begin = partition_info.var_offset[0] if partition_info else 0
            return tf.constant(_WEIGHTS[begin:begin + shape[0]], dtype)
        return tf.get_variable("table", [_C, _D], initializer=rows,
                               partitioner=tf.fixed_size_partitioner(shards))

    @parameterized.parameters(1, 2, 3, 5)
    def test_a_partitioned_variable_is_always_read_as_div(self, shards):
        table = self._partitioned(shards)
        ids = tf.constant([[0, 10], [4, 3]])
        for strategy in ("mod", "div"):
            self.assert_close(self.run_graph(logits.lookup(table, ids, strategy)),
                              _WEIGHTS[np.array([[0, 10], [4, 3]])])
            self.assert_close(self.run_graph(logits.whole_table(table, _C, strategy)), _WEIGHTS)

    def test_rows_of_parts_are_looked_up_once_and_their_gradients_summed(self):
        table = self._partitioned(2)
        rows = logits.lookup(table, [9, 1, 9, 9])
        gradients = tf.gradients(tf.reduce_sum(rows * [[1.0], [2.0], [4.0], [8.0]]), list(table))
        found = self.run_graph([(gradient.indices, gradient.values) for gradient in gradients])
        self.assertEqual([indices.tolist() for indices, _ in found], [[1], [9 - (_C + 1) // 2]])
        self.assert_close(found[0][1], np.full([1, _D], 2))
        self.assert_close(found[1][1], np.full([1, _D], 13))

    def test_tf_nn_reads_wrong_rows_of_a_partitioned_variable_by_default(self):
        rows = tf.nn.embedding_lookup(self._partitioned(3), tf.range(_C))
        self.assertTrue(np.any(self.run_graph(rows) != _WEIGHTS.astype(np.float32)))

    @parameterized.parameters("mod", "div")
    def test_a_list_is_read_by_its_strategy(self, strategy):
        parts = ([_WEIGHTS[i::3] for i in range(3)] if strategy == "mod"
                 else np.array_split(_WEIGHTS, 3))
        table = [_float(part) for part in parts]
        self.assert_close(self.run_graph(logits.lookup(table, [7, 1], strategy)), _WEIGHTS[[7, 1]])
        self.assert_close(self.run_graph(logits.whole_table(table, _C, strategy)), _WEIGHTS)

    def test_unit_rows_are_rows_of_length_one(self):
        unit = _WEIGHTS / np.linalg.norm(_WEIGHTS, axis=1, keepdims=True)
        shards = [_float(_WEIGHTS[i::3]) for i in range(3)]
        for table in (logits.UnitRows(_float(_WEIGHTS)), logits.UnitRows(shards),
                      logits.UnitRows(self._partitioned(3))):
            self.assert_close(self.run_graph(logits.lookup(table, [7, 1])), unit[[7, 1]])
            self.assert_close(self.run_graph(logits.whole_table(table, _C)), unit)

    def test_unit_rows_have_sparse_gradients(self):
        table = tf.get_variable("table", [_C, _D])
        gradient, = tf.gradients(logits.lookup(logits.UnitRows(table), [7, 1]), [table])
        self.assertIsInstance(gradient, tf.IndexedSlices)

    @parameterized.parameters(tf.float16, tf.bfloat16)
    def test_rows_of_16_bits_are_scaled_and_cast_in_32(self, dtype):
        numbers = _rounded(_WEIGHTS, dtype)
        unit = numbers / np.linalg.norm(numbers, axis=1, keepdims=True)
        whole = _float(_WEIGHTS, dtype)
        parts = [_float(part, dtype) for part in np.array_split(_WEIGHTS, 3)]
        for table, wanted in [(whole, numbers), (parts, numbers), (logits.UnitRows(whole), unit),
                              (logits.UnitRows(parts), unit)]:
            rows = [logits.lookup(table, [7, 1], "div", tf.float32),
                    logits.whole_table(table, _C, "div", tf.float32)]
            self.assertEqual([x.dtype for x in rows], [tf.float32, tf.float32])
            some, everything = self.run_graph(rows)
            self.assert_close(some, wanted[[7, 1]])
            self.assert_close(everything, wanted)

    def test_a_wrong_strategy_is_named(self):
        with self.assertRaisesRegex(InputError, "lookup: partition_strategy: wanted one of div, mod"):
            logits.lookup(_float(_WEIGHTS), [1], "even")


class AddedRowsTest(graph_case.GraphCase):

    def test_rows_are_the_sums_of_two_tables(self):
        others = _RANDOM.randn(_C, _D)
        shards = [_float(others[i::3]) for i in range(3)]
        for second, strategy in ((_float(others), "div"), (shards, "mod")):
            table = logits.AddedRows(_float(_WEIGHTS), second)
            wanted = _WEIGHTS + others
            self.assert_close(self.run_graph(logits.lookup(table, [[7], [1]], strategy)),
                              wanted[np.array([[7], [1]])])
            self.assert_close(self.run_graph(logits.whole_table(table, _C - 1, strategy)), wanted[:-1])
            unit = logits.UnitRows(table)
            wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
            self.assert_close(self.run_graph(logits.lookup(unit, [7, 1], strategy)), wanted[[7, 1]])
            self.assert_close(self.run_graph(logits.whole_table(unit, _C, strategy)), wanted)
        self.assertEqual(logits.dtype_of(logits.UnitRows(logits.AddedRows(
            tf.constant(_WEIGHTS), tf.constant(others))), _float(_INPUTS)), tf.float64)

    def test_both_tables_have_sparse_gradients(self):
        tables = [tf.get_variable(name, [_C, _D], use_resource=True) for name in "ab"]
        rows = logits.lookup(logits.AddedRows(*tables), [7, 1, 7])
        for gradient in tf.gradients(tf.reduce_sum(rows * rows), tables):
            self.assertIsInstance(gradient, tf.IndexedSlices)
            ids, values, wanted = self.run_graph([gradient.indices, gradient.values, 2 * rows])
            self.assertEqual(ids.tolist(), [7, 1, 7])
            self.assertEqual(values.shape, wanted.shape)

    def test_a_table_of_too_few_rows_is_named(self):
        table = logits.AddedRows(tf.zeros([4, 2]), tf.zeros([4, 2]))
        with self.assertRaisesRegex(InputError, "num_classes: wanted at most the 4 rows"):
            logits.whole_table(table, 5)


class SummedRowsTest(graph_case.GraphCase):

    _FEATURES = _RANDOM.randn(6, _D)
    # The last class has no feature, the first one twice; no class has the last feature.
    _OF_CLASSES = [[0, 0], [], [1, 2, 3, 4], [4]] + [[0, 3]] * (_C - 5) + [[]]
    _OWN = [0.5, 1, -2, 3, 1, 1, 2]

    def _table(self, own=None, features=None, num_own=_C - 2):
        ids = sum(self._OF_CLASSES, [])
        weights = np.resize(self._OWN, len(ids))
        starts = np.append(0, np.cumsum(list(map(len, self._OF_CLASSES))))
        wanted = _WEIGHTS * (np.arange(_C) < num_own)[:, None]
        for row in range(_C):
            for n in range(starts[row], starts[row + 1]):
                wanted[row] += weights[n] * self._FEATURES[ids[n]]
        arrays = (starts.astype(np.int64), np.int32(ids), weights.astype(np.float32))
        own = _float(_WEIGHTS) if own is None else own
        features = _float(self._FEATURES) if features is None else features
        return logits.SummedRows(
            own, features, *[frozen.Frozen(array, "csr") for array in arrays], num_own=num_own), wanted

    @parameterized.parameters(([2, 0, 2, 10, 1],), ([[3], [10]],), ([1, 10],), ([],))
    def test_a_row_is_the_sum_of_its_own_and_of_its_features(self, ids):
        table, wanted = self._table()
        for dtype in (tf.int32, tf.int64):
            got = self.run_graph(logits.lookup(table, tf.constant(ids, dtype)))
            self.assert_close(got, wanted[np.array(ids, int)])

    def test_unit_rows_scale_the_sums(self):
        table, wanted = self._table()
        wanted /= np.maximum(np.linalg.norm(wanted, axis=1, keepdims=True), 1e-6)
        unit = logits.UnitRows(table)
        got = self.run_graph([logits.lookup(unit, [3, 0]), logits.whole_table(unit, _C)])
        self.assert_close(got[0], wanted[[3, 0]])
        self.assert_close(got[1], wanted)

    def test_the_whole_table_may_be_shorter(self):
        table, wanted = self._table(num_own=3)
        self.assert_close(self.run_graph(logits.whole_table(table, 4)), wanted[:4])
        with self.assertRaisesRegex(InputError, "num_classes: wanted at most the 11 rows"):
            logits.whole_table(table, _C + 1)

    @parameterized.parameters("partitioned", "list")
    def test_both_tables_may_be_in_parts(self, kind):
        tables = []
        for name, values in (("own", _WEIGHTS), ("features", self._FEATURES)):
            values = values.astype(np.float32)
            if kind == "list":
                tables.append([tf.constant(values[shard::2]) for shard in range(2)])
            else:
                tables.append(tf.get_variable(
                    name, values.shape, initializer=initializers.from_memory(values),
                    partitioner=tf.fixed_size_partitioner(2), use_resource=True))
        table, wanted = self._table(*tables)
        got = self.run_graph([logits.lookup(table, [3, 0, 3]), logits.whole_table(table, _C)])
        self.assert_close(got[0], wanted[[3, 0, 3]])
        self.assert_close(got[1], wanted)

    def test_gradients_are_sparse_and_by_each_feature_once(self):
        own, features = [tf.get_variable(name, values.shape, use_resource=True) for name, values in (
            ("own", _WEIGHTS), ("features", self._FEATURES))]
        table, _ = self._table(own, features)
        ids, upstream = [2, 3, 2], _RANDOM.randn(3, _D).astype(np.float32)
        by_own, by_features = tf.gradients(logits.lookup(table, ids), [own, features], upstream)
        self.assertIsInstance(by_own, tf.IndexedSlices)
        self.assertIsInstance(by_features, tf.IndexedSlices)
        values, indices = self.run_graph([by_features.values, by_features.indices])
        self.assertCountEqual(indices, [1, 2, 3, 4])
        starts = np.append(0, np.cumsum(list(map(len, self._OF_CLASSES))))
        weights = np.resize(self._OWN, starts[-1])
        wanted = np.zeros([6, _D])
        for row, gradient in zip(ids, upstream):
            for n, feature in enumerate(self._OF_CLASSES[row], starts[row]):
                wanted[feature] += weights[n] * gradient
        self.assert_close(values, wanted[indices])

    def test_classes_without_a_row_of_their_own_have_no_gradient(self):
        tables = [tf.get_variable(name, values.shape, use_resource=True) for name, values in (
            ("own", _WEIGHTS), ("features", self._FEATURES))]
        table, _ = self._table(*tables, num_own=3)
        gradients = tf.gradients(logits.lookup(table, [3, 4]), tables)
        for values in self.run_graph([gradient.values for gradient in gradients]):
            self.assertFalse(values.any())

    def test_losses_take_it_as_the_table_of_its_sums(self):
        table, sums = self._table()
        inputs, labels = _float(_INPUTS), tf.constant(_LABELS[:, :1])
        values = (tf.constant(_SAMPLED, tf.int64), _float(_TRUE_COUNT[:, :1]), _float(_SAMPLED_COUNT))
        of_both = []
        for weights in (table, _float(sums)):
            of_both.append([
                losses.sampled_softmax_loss(weights, _float(_BIASES), labels, inputs, 5, _C,
                                            sampled_values=values),
                losses.full_softmax_loss(weights, _float(_BIASES), labels, inputs, _C),
                losses.full_softmax_loss(weights, _float(_BIASES), labels, inputs, _C, block_size=4),
                blocks.top_k(weights, _float(_BIASES), inputs, _C, 3, block_size=4).ids,
                losses.l2_loss_of_rows(weights, labels)])
        for got, wanted in zip(*self.run_graph(of_both)):
            self.assert_close(got, wanted)

    @parameterized.parameters(tf.float16, tf.bfloat16, tf.float64)
    def test_types_of_tables(self, dtype):
        table, wanted = self._table(_float(_WEIGHTS, dtype), _float(self._FEATURES, dtype))
        wide = logits.dtype_of(logits.UnitRows(table), _float(_INPUTS))
        self.assertEqual(wide, tf.float64 if dtype == tf.float64 else tf.float32)
        rows, stored = logits.lookup(table, [0, 2], dtype=wide), logits.lookup(table, [0, 2])
        self.assertEqual((rows.dtype, stored.dtype), (wide, dtype))
        self.assert_close(self.run_graph(rows), wanted[[0, 2]], relative=0.02, absolute=0.1)


class DtypeOfTest(graph_case.GraphCase):

    @parameterized.parameters(
        (tf.float16, tf.float16, tf.float32), (tf.bfloat16, tf.float16, tf.float32),
        (tf.float32, tf.bfloat16, tf.float32), (tf.float16, tf.float64, tf.float64),
        (tf.float64, tf.float32, tf.float64))
    def test_is_float64_where_either_is(self, weights_dtype, inputs_dtype, wanted):
        inputs, table = tf.zeros([1, 2], inputs_dtype), tf.zeros([3, 2], weights_dtype)
        partitioned = tf.get_variable("table", [3, 2], weights_dtype,
                                      initializer=tf.zeros_initializer(),
                                      partitioner=tf.fixed_size_partitioner(2))
        for weights in (table, [table, table], (table,), partitioned, tf.Variable(table),
                        logits.UnitRows(table), logits.UnitRows([table]), logits.UnitRows(partitioned),
                        np.zeros([3, 2], weights_dtype.as_numpy_dtype)):
            self.assertEqual(logits.dtype_of(weights, inputs), wanted)

    @parameterized.parameters((tf.int32, tf.float32), (tf.float32, tf.int64), (tf.complex64, tf.float32))
    def test_other_types_are_named(self, weights_dtype, inputs_dtype):
        with self.assertRaisesRegex(InputError, "logits: weights, inputs: wanted types among float16, "
                                    "bfloat16, float32, float64, got .*(int|complex)"):
            logits.dtype_of(tf.zeros([3, 2], weights_dtype), tf.zeros([1, 2], inputs_dtype))


class AccidentalHitRateTest(graph_case.GraphCase):

    def test_hit_rate_of_a_batch_is_the_share_of_equal_pairs(self):
        rate = logits.accidental_hit_rate(tf.constant([1, 2, 9]), tf.constant([2, 2, 1, 5], tf.int64))
        self.assertAlmostEqual(self.run_graph(rate), 3 / 12)

    def test_of_groups_that_share_candidates(self):
        labels = tf.constant([[1, 2], [3, 3], [5, 6], [7, 0]])
        sampled = tf.constant([[1, 3, 3], [7, 0, 2]], tf.int64)
        rate = logits.accidental_hit_rate(labels, sampled)
        masked = logits.accidental_hit_rate(labels, sampled, tf.constant(
            [[True, True], [True, False], [True, True], [True, False]]))
        none = logits.accidental_hit_rate(labels, sampled, tf.zeros([4, 2], tf.bool))
        self.assert_close(self.run_graph([rate, masked, none]), [7 / 24, 4 / 18, 0])


class ComputeAccidentalHitsTest(graph_case.GraphCase):

    @parameterized.parameters(1, 2, 4)
    def test_is_that_of_tf_nn(self, num_true):
        random = np.random.RandomState(num_true)
        labels, sampled = random.randint(0, 9, [6, num_true]), random.permutation(9)[:5]
        arguments = tf.constant(labels, tf.int64), tf.constant(sampled, tf.int64), num_true
        ours, theirs = self.run_graph([logits.compute_accidental_hits(*arguments),
                                       tf.nn.compute_accidental_hits(*arguments)])
        self.assertEqual([array.dtype for array in ours], [array.dtype for array in theirs])
        self.assertCountEqual(zip(*ours), set(zip(*theirs)))

    def test_a_candidate_drawn_twice_is_two_hits(self):
        indices, ids, weights = self.run_graph(logits.compute_accidental_hits([[3], [1]], [3, 2, 3], 1))
        self.assertEqual([indices.tolist(), ids.tolist()], [[0, 0], [0, 2]])
        self.assertEqual(weights.tolist(), [tf.float32.min] * 2)

    def test_wrong_arguments_are_named(self):
        function = "compute_accidental_hits: "
        for arguments, message in [
                (([[1]], [[2]], 1), r"sampled_candidates: wanted shape \[S\]"),
                (([1], [2], 1), r"true_classes: wanted shape \[B, 1\]"),
                (([[1, 2]], [2], 1), r"true_classes: wanted shape \[B, 1\]"),
                (([[1]], [2], 0), "num_true: wanted an integer above 0, got 0")]:
            with self.assertRaisesRegex(InputError, function + message):
                logits.compute_accidental_hits(*arguments)


if __name__ == "__main__":
    absltest.main()
