import resource

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, placement, run_program
from tf1_sampled import InputError, blocks
from tf1_sampled.logits import UnitRows

_RANDOM = np.random.RandomState(1)
_C, _D, _B, _K = 11, 3, 5, 4
_PADDING = 3
_WEIGHTS = _RANDOM.randn(_C + _PADDING, _D)
_BIASES = _RANDOM.randn(_C + _PADDING)
_BIASES[_C:] = 100  # makes a use of the padding visible
_INPUTS = _RANDOM.randn(_B, _D)
_UPSTREAM = np.arange(1.0, _B + 1)
_BLOCK_SIZES = (1, 3, 4, _C, 40)
_FORMS = ("constant", "variable", "mod", "div", "partitioned", "unit_rows", "unit_rows_of_mod")


def _scores(weights, biases, inputs):
    """Return the scores [B, C] in float64, without padding rows."""
    return np.array([[np.dot(weights[c], x) + biases[c] for c in range(_C)] for x in inputs])


def _log_sum_exp(weights, biases, inputs):
    return np.array([np.logaddexp.reduce(row) for row in _scores(weights, biases, inputs)])


def _best(weights, biases, inputs, k):
    """Return (values, ids) [B, k] of the best classes, the smaller id first among equal scores."""
    scores = _scores(weights, biases, inputs)
    ids = np.array([sorted(range(_C), key=lambda c, row=row: (-row[c], c))[:k] for row in scores])
    return np.take_along_axis(scores, ids, 1), ids


def _numerical_gradients(function, *arrays):
    """Compute central differences of sum(_UPSTREAM * function(*arrays)) by each element."""
    def value(i, place, change):
        changed = [array.copy() for array in arrays]
        changed[i][place] += change
        return np.sum(_UPSTREAM * function(*changed))

    step = 1e-5
    return [np.array([(value(i, place, step) - value(i, place, -step)) / (2 * step)
                      for place in np.ndindex(array.shape)]).reshape(array.shape)
            for i, array in enumerate(arrays)]


def _unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _table(form, array, name):
    """Return (a table for `lookup`, its parts, a function that joins arrays in the same form)."""
    if form.startswith("unit_rows"):  # biases have no rows to scale
        inner = form[len("unit_rows_of_"):] or "variable"
        table, parts, joined = _table(inner, array, name)
        return UnitRows(table) if array.ndim == 2 else table, parts, joined
    if form == "constant":
        table = tf.constant(array)
    elif form == "variable":
        table = tf.get_variable(name, initializer=array)
    elif form == "partitioned":
        def part(shape, dtype, partition_info):
            begin = partition_info.var_offset[0]
            return tf.constant(array[begin:begin + shape[0]], dtype)
        table = tf.get_variable(name, array.shape, tf.float64, initializer=part,
                                partitioner=tf.fixed_size_partitioner(3))
    else:
        split = [array[i::3] for i in range(3)] if form == "mod" else np.array_split(array, 3)
        table = [tf.get_variable("%s_%d" % (name, i), initializer=rows) for i, rows in enumerate(split)]
    if form in ("constant", "variable"):
        return table, [table], lambda parts: parts[0]
    if form != "mod":
        return table, list(table), np.concatenate

    def joined(parts):
        whole = np.zeros_like(array)
        for i, rows in enumerate(parts):
            whole[i::3] = rows
        return whole
    return table, list(table), joined


def _dense(gradients):
    return [tf.convert_to_tensor(gradient) for gradient in gradients]


def _tensors(dtype=tf.float64):
    return [tf.constant(array, dtype) for array in (_WEIGHTS, _BIASES, _INPUTS)]


def _with_gradients(weights, biases, inputs, block_size=4):
    """Return [log_sum_exp, its gradients by weights, biases and inputs]."""
    value = blocks.log_sum_exp(weights, biases, inputs, _C, block_size)
    return [value] + _dense(tf.gradients(value, [weights, biases, inputs],
                                         tf.constant(_UPSTREAM, value.dtype)))


def _wanted():
    arrays = _WEIGHTS, _BIASES, _INPUTS
    return [_log_sum_exp(*arrays)] + _numerical_gradients(_log_sum_exp, *arrays)


def _peak(function, num_classes, block_size):
    """Return the MiB that a step of 512 examples adds to the peak memory of a new process.

    With D = 2 the table is small, so that scores take most of the memory: 2 KiB per class.
    """
    with tf.Graph().as_default(), tf.Session() as session:
        weights = tf.get_variable("weights", [num_classes, 2], use_resource=True)
        biases = tf.get_variable("biases", [num_classes], use_resource=True)
        inputs = tf.get_variable("inputs", [512, 2], use_resource=True)
        if function == "log_sum_exp":
            value = blocks.log_sum_exp(weights, biases, inputs, num_classes, block_size)
            fetches = _dense(tf.gradients(value, [weights, biases, inputs]))
        else:
            fetches = blocks.top_k(weights, biases, inputs, num_classes, 10, block_size=block_size).ids
        session.run(tf.global_variables_initializer())
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        session.run(fetches)
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


class _Case(graph_case.GraphCase):

    def peak(self, *arguments):
        with run_program.server().Pool(1) as pool:
            return pool.apply(_peak, arguments)

    def assert_all_close(self, actual, wanted, precision=1e-7):
        self.assertLen(actual, len(wanted))
        for one, other in zip(actual, wanted):
            self.assert_close(one, other, precision, precision)

    def assert_arguments_are_checked(self, function, message, changed):
        arguments = dict(weights=_ones(_C, _D), biases=_ones(_C), inputs=_ones(_B, _D), num_classes=_C)
        arguments.update(changed)
        names = function.__name__ + "|lookup|logits"
        with self.assertRaisesRegex(InputError, "^(%s): %s" % (names, message)):
            function(**arguments)


def _ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


_WRONG_ARGUMENTS = (
    ("num_classes: wanted an integer above 0, got 0", dict(num_classes=0)),
    ("block_size: wanted an integer above 0, got 1.5", dict(block_size=1.5)),
    (r"inputs: wanted shape \[B, D\], got TensorShape", dict(inputs=_ones(_D))),
    ("num_classes: wanted at most the 11 rows of weights, got 12", dict(num_classes=_C + 1)),
    ("num_classes: wanted at most the 10 rows of weights, got 11", dict(weights=[_ones(5, _D)] * 2)),
    ("num_classes: wanted at most the 10 rows of weights, got 11",
     dict(weights=UnitRows(_ones(10, _D)))),
    ("biases: wanted an element for each of num_classes = 11, got 10", dict(biases=_ones(10))),
    ("inputs: wanted the width of the rows of weights, 4, got 3", dict(weights=_ones(_C, _D + 1))),
    (r"weights: wanted shape \[C, D\], got \[11, 3, 1\]", dict(weights=_ones(_C, _D, 1))),
    (r"biases: wanted shape \[C\], got \[11, 1\]", dict(biases=_ones(_C, 1))),
    ("partition_strategy: wanted one of div, mod", dict(partition_strategy="even")),
    ("weights, inputs: wanted types among", dict(inputs=_ones(_B, _D, dtype=np.int32))),
)


class LogSumExpTest(_Case):

    @parameterized.product(block_size=_BLOCK_SIZES, behavior=[1, 2])
    def test_values_and_gradients(self, block_size, behavior):
        placement.behave_as(self, behavior)
        results = _with_gradients(*_tensors(), block_size=block_size)
        self.assertEqual(results[0].shape.as_list(), [_B])
        self.assert_all_close(self.run_graph(results), _wanted())

    @parameterized.parameters(*_FORMS)
    def test_gradients_of_each_form_of_table(self, form):
        weights, weight_parts, joined_weights = _table(form, _WEIGHTS, "weights")
        biases, bias_parts, joined_biases = _table(form, _BIASES, "biases")
        inputs = tf.constant(_INPUTS)
        value = blocks.log_sum_exp(weights, biases, inputs, _C, 4, "div" if form == "div" else "mod")
        gradients = [_dense(tf.gradients(value, parts, tf.constant(_UPSTREAM)))
                     for parts in (weight_parts, bias_parts, [inputs])]
        value, (by_weights, by_biases, (by_inputs,)) = self.run_graph([value, gradients])

        def oracle(weights, biases, inputs):
            return _log_sum_exp(_unit(weights) if "unit" in form else weights, biases, inputs)

        arrays = _WEIGHTS, _BIASES, _INPUTS
        self.assert_close(value, oracle(*arrays))
        self.assert_all_close([joined_weights(by_weights), joined_biases(by_biases), by_inputs],
                              _numerical_gradients(oracle, *arrays))

    def test_biases_may_be_none(self):
        weights, _, inputs = _tensors()
        value = blocks.log_sum_exp(weights, None, inputs, _C, 4)
        gradients = tf.gradients(value, [weights, inputs], tf.constant(_UPSTREAM))

        def oracle(weights, inputs):
            return _log_sum_exp(weights, np.zeros(_C), inputs)

        wanted = [oracle(_WEIGHTS, _INPUTS)] + _numerical_gradients(oracle, _WEIGHTS, _INPUTS)
        self.assert_all_close(self.run_graph([value] + _dense(gradients)), wanted)

    @parameterized.parameters((tf.float16, 1e-2), (tf.bfloat16, 1e-1), (tf.float32, 1e-5))
    def test_is_float32_unless_float64(self, dtype, precision):
        tensors = _tensors(dtype)
        results = _with_gradients(*tensors)
        self.assertEqual([result.dtype for result in results], [tf.float32] + [dtype] * 3)
        arrays = [array.astype(dtype.as_numpy_dtype).astype(np.float64)
                  for array in (_WEIGHTS, _BIASES, _INPUTS)]
        found = self.run_graph([tf.cast(result, tf.float64) for result in results])
        self.assert_close(found[0], _log_sum_exp(*arrays))
        self.assert_all_close(found[1:], _numerical_gradients(_log_sum_exp, *arrays), precision)

    @parameterized.parameters(1e4, -1e4)
    def test_large_scores_are_finite(self, scale):
        biases = scale + np.linspace(-2, 2, _C)
        results = _with_gradients(tf.constant(_WEIGHTS, tf.float32), tf.constant(biases, tf.float32),
                                  tf.constant(_INPUTS, tf.float32))
        arrays = _WEIGHTS, biases, _INPUTS
        self.assert_all_close(self.run_graph(results), [_log_sum_exp(*arrays)] + _numerical_gradients(
            _log_sum_exp, *arrays), 5e-3)

    def test_a_bias_of_minus_infinity_takes_a_class_out(self):
        biases = _BIASES.copy()
        biases[:4] = -np.inf  # all of the first block
        weights, _, inputs = _tensors()
        value, by_weights, by_biases, by_inputs = self.run_graph(
            _with_gradients(weights, tf.constant(biases), inputs))
        self.assert_close(value, _log_sum_exp(_WEIGHTS, biases, _INPUTS))
        np.testing.assert_array_equal(by_weights[:4], 0)
        np.testing.assert_array_equal(by_biases[:4], 0)
        self.assertTrue(np.all(np.isfinite(by_inputs)))

    @parameterized.parameters(1, 2)
    def test_an_imported_graph_has_the_gradients(self, behavior):
        placement.behave_as(self, behavior)
        with tf.Graph().as_default():
            tensors = _tensors()
            value = blocks.log_sum_exp(*tensors, num_classes=_C, block_size=4)
            exported = tf.train.export_meta_graph()
        functions = exported.graph_def.library.function
        for node in list(exported.graph_def.node) + [n for f in functions for n in f.node_def]:
            self.assertNotIn("_gradient_op_type", node.attr, "a gradient that Python alone knows")
        tf.train.import_meta_graph(exported)
        value, *tensors = [tf.get_default_graph().get_tensor_by_name(tensor.name)
                           for tensor in [value] + tensors]
        gradients = tf.gradients(value, tensors, tf.constant(_UPSTREAM))
        self.assert_all_close(self.run_graph([value] + _dense(gradients)), _wanted())

    @parameterized.product(behavior=[1, 2], within=[True, False])
    def test_gradients_in_and_of_a_loop(self, behavior, within):
        placement.behave_as(self, behavior)
        tensors = _tensors()

        def step(i, total, *sums):
            value, *gradients = _with_gradients(*tensors)
            if not within:
                return [i + 1, total + value] + list(sums)
            return [i + 1, total + value] + [a + b for a, b in zip(sums, gradients)]

        zeros = [tf.zeros([_B], tf.float64)] + [tf.zeros_like(tensor) for tensor in tensors]
        _, value, *gradients = tf.while_loop(lambda i, *_: i < 2, step, [0] + zeros)
        if not within:
            gradients = _dense(tf.gradients(value, tensors, tf.constant(_UPSTREAM)))
        self.assert_all_close(self.run_graph([value] + gradients), [2 * array for array in _wanted()])

    def test_two_sizes_in_one_graph(self):
        tensors = _tensors()
        results = [_with_gradients(*tensors, block_size=size) for size in (3, 4, 3)]
        for found in self.run_graph(results):
            self.assert_all_close(found, _wanted())

    @parameterized.parameters(([None, _D],), (None,))
    def test_the_shape_of_inputs_may_be_unknown(self, shape):
        weights, biases, _ = _tensors()
        inputs = tf.placeholder(tf.float64, shape)
        results = _with_gradients(weights, biases, inputs)
        self.assert_all_close(self.run_graph(results, {inputs: _INPUTS}), _wanted())
        if shape is None:
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "not compatible"):
                self.run_graph(results[0], {inputs: _INPUTS[None]})

    def test_the_rank_of_weights_must_be_known(self):
        with self.assertRaisesRegex(InputError, r"^log_sum_exp: weights: wanted rows of shape \[D\]"):
            blocks.log_sum_exp(tf.placeholder(tf.float32), None, _ones(_B, _D), _C, 4)

    def test_the_last_block_may_reach_beyond_the_table(self):
        weights, biases, inputs = _tensors()
        results = [_with_gradients(weights[:_C], biases[:_C], inputs, size) for size in (3, 4)]
        for value, *gradients in self.run_graph(results):
            wanted, by_weights, by_biases, by_inputs = _wanted()
            self.assert_all_close([value] + gradients,
                                  [wanted, by_weights[:_C], by_biases[:_C], by_inputs])

    def test_the_value_alone_copies_no_table(self):
        weights = tf.get_variable("weights", [_C, _D], use_resource=True)
        value = blocks.log_sum_exp(weights, _BIASES[:_C].astype(np.float32), _ones(_B, _D), _C, 4)
        number = []
        with graph_case.new_session(optimized=True) as session:
            for fetched in (value, tf.gradients(value, weights)):
                made = tf.RunMetadata()
                session.run(fetched, options=tf.RunOptions(output_partition_graphs=True),
                            run_metadata=made)
                number.append(len([node for graph in made.partition_graphs for node in graph.node
                                   if "Gather" in node.op and "while" not in node.name]))
        self.assertEqual(number[0], 0)
        self.assertGreater(number[1], 0)

    def test_memory_is_that_of_a_block(self):
        # 128 MiB for each [B, C], 4 MiB for a block's.
        self.assertLess(self.peak("log_sum_exp", 65536, 2048), 60)

    @parameterized.parameters(*_WRONG_ARGUMENTS)
    def test_wrong_arguments_are_named(self, message, changed):
        self.assert_arguments_are_checked(blocks.log_sum_exp, message, {"block_size": 4, **changed})


class TopKTest(_Case):

    @parameterized.product(block_size=(None,) + _BLOCK_SIZES, k=[1, _K, _C], behavior=[1, 2])
    def test_values_and_ids(self, block_size, k, behavior):
        placement.behave_as(self, behavior)
        best = blocks.top_k(*_tensors(), num_classes=_C, k=k, block_size=block_size)
        self.assertEqual([x.shape.as_list() for x in best], [[_B, k]] * 2)
        self.assertEqual([x.dtype for x in best], [tf.float64, tf.int64])
        best = self.run_graph(best)
        values, ids = _best(_WEIGHTS, _BIASES, _INPUTS, k)
        np.testing.assert_array_equal(best.ids, ids)
        self.assert_close(best.values, values)

    @parameterized.parameters(*_FORMS)
    def test_each_form_of_table(self, form):
        weights, biases = [_table(form, array, name)[0]
                           for array, name in [(_WEIGHTS, "weights"), (_BIASES, "biases")]]
        best = self.run_graph(blocks.top_k(weights, biases, tf.constant(_INPUTS), _C, _K,
                                           "div" if form == "div" else "mod", block_size=4))
        values, ids = _best(_unit(_WEIGHTS) if "unit" in form else _WEIGHTS, _BIASES, _INPUTS, _K)
        np.testing.assert_array_equal(best.ids, ids)
        self.assert_close(best.values, values)

    @parameterized.parameters(None, 3, 4)
    def test_of_equal_scores_the_smaller_id_is_first(self, block_size):
        random = np.random.RandomState(2)
        weights, biases, inputs = [random.randint(-1, 2, size).astype(np.float32)
                                   for size in ([_C, _D], [_C], [_B, _D])]
        best = self.run_graph(blocks.top_k(weights, biases, inputs, _C, 9, block_size=block_size))
        np.testing.assert_array_equal(best.ids, _best(weights, biases, inputs, 9)[1])

    @parameterized.parameters(None, 4)
    def test_classes_of_minus_infinity_come_last_and_padding_never(self, block_size):
        biases = _BIASES.copy()
        biases[[0, 5, 10]] = -np.inf
        weights, _, inputs = _tensors()
        best = self.run_graph(blocks.top_k(weights, tf.constant(biases), inputs, _C, _C,
                                           block_size=block_size))
        np.testing.assert_array_equal(best.ids, _best(_WEIGHTS, biases, _INPUTS, _C)[1])

    def test_biases_may_be_none(self):
        weights, _, inputs = _tensors()
        best = self.run_graph(blocks.top_k(weights, None, inputs, _C, _K, block_size=4))
        np.testing.assert_array_equal(best.ids, _best(_WEIGHTS, np.zeros(_C), _INPUTS, _K)[1])

    @parameterized.parameters(tf.float16, tf.bfloat16, tf.float32)
    def test_values_are_float32_unless_float64(self, dtype):
        best = blocks.top_k(*_tensors(dtype), num_classes=_C, k=_K, block_size=4)
        self.assertEqual(best.values.dtype, tf.float32)
        arrays = [array.astype(dtype.as_numpy_dtype).astype(np.float64)
                  for array in (_WEIGHTS, _BIASES, _INPUTS)]
        self.assert_close(self.run_graph(best.values), _best(*arrays, k=_K)[0])

    @parameterized.parameters(None, 4)
    def test_has_no_gradient(self, block_size):
        tensors = _tensors()
        best = blocks.top_k(*tensors, num_classes=_C, k=_K, block_size=block_size)
        self.assertEqual(tf.gradients(best.values, tensors), [None] * 3)

    def test_memory_is_that_of_a_block(self):
        self.assertLess(self.peak("top_k", 65536, 2048), 60)

    @parameterized.parameters(*_WRONG_ARGUMENTS + (
        ("k: wanted an integer above 0, got 0", dict(k=0)),
        ("k: wanted at most num_classes = 11, got 12", dict(k=_C + 1))))
    def test_wrong_arguments_are_named(self, message, changed):
        self.assert_arguments_are_checked(blocks.top_k, message, {"k": _K, **changed})


class FunctionTest(parameterized.TestCase):
    """In a tf.function of TensorFlow 2, where a GradientTape asks for gradients."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        placement.compile_quickly(cls)

    def setUp(self):
        super().setUp()
        if not tf.executing_eagerly():
            self.skipTest("TensorFlow %s is not eager here" % tf.VERSION)

    @parameterized.product(with_tape=[True, False], jit_compile=[True, False], block_size=[4, _C])
    def test_values_and_gradients(self, with_tape, jit_compile, block_size):
        def results(*tensors):
            best = blocks.top_k(*tensors, num_classes=_C, k=_K, block_size=block_size)
            if not with_tape:
                return _with_gradients(*tensors, block_size=block_size), best.ids
            with tf2.GradientTape() as tape:
                tape.watch(tensors)
                value = blocks.log_sum_exp(*tensors, num_classes=_C, block_size=block_size)
            return [value] + _dense(tape.gradient(value, tensors, tf.constant(_UPSTREAM))), best.ids

        found, ids = tf2.function(results, jit_compile=jit_compile, autograph=False)(*_tensors())
        for one, other in zip(found, _wanted()):
            np.testing.assert_allclose(one, other, 1e-7, 1e-7)
        np.testing.assert_array_equal(ids, _best(_WEIGHTS, _BIASES, _INPUTS, _K)[1])

    def test_each_op_has_a_gpu_kernel(self):
        if not placement.has_gpu_kernels():
            self.skipTest("TensorFlow %s here is built for CPUs alone" % tf.VERSION)

        def results(*tensors):
            return _with_gradients(*tensors), blocks.top_k(*tensors, num_classes=_C, k=_K, block_size=4)

        specs = [tf.TensorSpec(shape, tf.float32) for shape in ([_C, _D], [_C], [_B, _D])]
        with tf2.function(results, autograph=False).get_concrete_function(*specs).graph.as_default():
            self.assertEqual(placement.without_gpu_kernel(), [])


if __name__ == "__main__":
    absltest.main()
