"""Softmax normalizers and top-k classes for C that is too large for [B, C] scores.

    s(x, c) = <x, w_c> + b_c

Both functions compute the scores block by block: memory holds [B, block_size] scores for any C.
"""
from typing import NamedTuple, Optional

import tensorflow.compat.v1 as tf
from tensorflow.python.framework import function as graph_function

try:
    from tensorflow.python.eager import record
except ImportError:  # TensorFlow 1.15
    from tensorflow.python.eager import tape as record

from tf1_sampled import checks
from tf1_sampled.logits import Table, check_tables, dtype_of, lookup
from tf1_sampled.type_names import Integer, PartitionStrategy, Tensor, TensorLike


class TopK(NamedTuple):
    """The k classes of highest score of each example, in falling order.

      values: float [B, k], the scores.
      ids: int64 [B, k], the classes.
    """

    values: Tensor
    ids: Tensor


def log_sum_exp(weights: Table, biases: Optional[Table], inputs: TensorLike, num_classes: Integer,
                block_size: Integer, partition_strategy: PartitionStrategy = "mod",
                name: str = "log_sum_exp") -> Tensor:
    """Compute the logarithm of the softmax's normalizer in blocks of classes.

        log_sum_exp(x) = log(sum_c exp s(x, c)),   s(x, c) = <x, w_c> + b_c

    The full softmax loss of a label y is log_sum_exp(x) - s(x, y). The backward pass recomputes the
    scores instead of keeping them. There are no second derivatives.

        weights, biases = tf.get_variable("weights", [200000, 64]), tf.get_variable("biases", [200000])
        log_sum = log_sum_exp(weights, biases, inputs, num_classes=200000, block_size=4096)

    Args:
      weights: float [C, D], a list of shards of that, a PartitionedVariable, or UnitRows of one. Rows
        from num_classes on are padding and are ignored.
      biases: float [C], in the form of the weights, or None.
      inputs: float [B, D].
      num_classes: integer C.
      block_size: integer, number of classes in a block. The last block may have fewer.
      partition_strategy: "mod" or "div", how a list of shards is divided.
      name: string.

    Returns:
      float [B], float64 where weights or inputs are, else float32. The value alone holds
      [B, block_size] scores and the rows of a block. With the gradient it is the scores, a copy of the C
      rows, and their gradient.

    Raises:
      InputError: an argument out of its range, or of another type or shape.

    Reference: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", for recomputation.
    """
    function = "log_sum_exp"
    with tf.name_scope(name):
        inputs = _checked(function, weights, biases, inputs, num_classes)
        num_blocks, size = _division(function, num_classes, block_size)
        ids = tf.reshape(tf.range(num_blocks * size, dtype=tf.int64), [num_blocks, size])
        tables = weights, biases, partition_strategy
        rows, bias = _lookup(function, tables, inputs, ids, num_classes)
        if num_blocks == 1:
            return tf.reduce_logsumexp(_scores(inputs, rows[0], bias[0]), 1)

        def add(block, log_sum):
            # Not of `rows`, so that TensorFlow leaves these out where no gradient is needed.
            scores = _scores(inputs, *_lookup(function, tables, inputs, ids[block], num_classes))
            return [tf.reduce_logsumexp(tf.stack([log_sum, tf.reduce_logsumexp(scores, 1)]), 0)]

        log_sum, = _fold(add, [tf.fill(tf.shape(inputs)[:1], _lowest(inputs.dtype))], range(num_blocks))
        return _with_gradients(tf.stop_gradient(log_sum), inputs, rows, bias)


def top_k(weights: Table, biases: Optional[Table], inputs: TensorLike, num_classes: Integer, k: Integer,
          partition_strategy: PartitionStrategy = "mod", block_size: Optional[Integer] = None,
          name: str = "top_k") -> TopK:
    """Return the k classes of highest score. Equal scores are ordered by id, smallest first.

        s(x, c) = <x, w_c> + b_c

    Example:

        weights, biases = tf.get_variable("weights", [1000, 16]), tf.get_variable("biases", [1000])
        best = tf1_sampled.top_k(weights, biases, tf.random_normal([3, 16]), num_classes=1000, k=10,
                                 block_size=256)

    Args:
      weights: float [C, D], a list of shards of that, a PartitionedVariable, or UnitRows of one. Rows
        from num_classes on are padding and are never returned.
      biases: float [C], in the form of the weights, or None.
      inputs: float [B, D].
      num_classes: integer C.
      k: integer, at most C.
      partition_strategy: "mod" or "div", how a list of shards is divided.
      block_size: None for one block of all classes, or integer, the number of classes in a block. A
        block has at least k classes.
      name: string.

    Returns:
      TopK(values, ids), without gradients; values are float64 where weights or inputs are, else float32.

    Raises:
      InputError: an argument out of its range, or of another type or shape.
    """
    function = "top_k"
    with tf.name_scope(name):
        inputs = _checked(function, weights, biases, inputs, num_classes)
        checks.positive(function, "k", k)
        checks.argument(k <= num_classes, function, "k", "at most num_classes = %d" % num_classes, k)
        num_blocks, size = _division(
            function, num_classes, num_classes if block_size is None else block_size, at_least=k)

        tables = weights, biases, partition_strategy

        def best_of(block):
            first = tf.cast(block, tf.int64) * size
            ids = first + tf.range(size, dtype=tf.int64)
            rows, bias = _lookup(function, tables, inputs, ids, num_classes)
            values, places = tf.nn.top_k(_scores(inputs, rows, bias), k)
            return values, first + tf.cast(places, tf.int64)

        def merge(block, *best):
            # tf.nn.top_k returns equal values in order of position: earlier blocks come first.
            values, ids = [tf.concat(pair, 1) for pair in zip(best, best_of(block))]
            values, places = tf.nn.top_k(values, k)
            return values, tf.gather(ids, places, batch_dims=1)

        best = _fold(merge, best_of(0), range(1, num_blocks))
        return TopK(*[tf.stop_gradient(tensor) for tensor in best])


def _checked(function, weights, biases, inputs, num_classes):
    """Check arguments without a look-up, and return inputs [B, D] in the type of the scores."""
    checks.positive(function, "num_classes", num_classes)
    inputs = tf.convert_to_tensor(inputs)
    checks.argument(inputs.shape.rank in (2, None), function, "inputs", "shape [B, D]", inputs.shape)
    check_tables(function, weights, biases, inputs, num_classes)
    return tf.cast(tf.ensure_shape(inputs, [None, None]), dtype_of(weights, inputs))


def _division(function, num_classes, block_size, at_least=1):
    """Return (number of blocks, classes in each). The last block may reach beyond num_classes."""
    checks.positive(function, "block_size", block_size)
    num_blocks = -(-num_classes // min(max(block_size, at_least), num_classes))
    # Blocks of about one size: with 100 classes in blocks of 60, the second would be 20 rows of padding.
    size = max(-(-num_classes // num_blocks), at_least)
    return -(-num_classes // size), size


def _lookup(function, tables, inputs, ids, num_classes):
    """Return rows, ids.shape + [D], and biases, ids.shape. Ids from num_classes on have bias -inf.

    Args:
      function: string, for messages.
      tables: (weights, biases, partition_strategy).
      inputs: float [B, D], in the type of the scores.
      ids: int64.
      num_classes: integer C.
    """
    weights, biases, partition_strategy = tables
    in_table = tf.minimum(ids, num_classes - 1)
    rows = lookup(weights, in_table, partition_strategy, inputs.dtype)
    row_shape = rows.shape[ids.shape.rank:]
    checks.argument(row_shape.rank == 1 and row_shape.is_compatible_with(inputs.shape[1:]), function,
                    "weights", "rows of shape [D], as inputs of shape %s" % inputs.shape, row_shape)
    if biases is None:
        bias = tf.zeros_like(ids, inputs.dtype)
    else:
        bias = lookup(biases, in_table, partition_strategy, inputs.dtype)
        checks.argument(bias.shape.rank == ids.shape.rank, function, "biases", "shape [C]",
                        bias.shape[ids.shape.rank - 1:])
    return rows, tf.where(ids < num_classes, bias, tf.fill(tf.shape(ids), _lowest(inputs.dtype)))


def _lowest(dtype):
    return tf.constant(-float("inf"), dtype)


def _scores(inputs, rows, bias):
    """Return scores [B, block_size] of inputs [B, D], rows [block_size, D] and bias [block_size]."""
    return tf.matmul(inputs, rows, transpose_b=True) + bias


def _fold(step, state, blocks):
    """Return the last state of `state = step(block, *state)` over a range of blocks."""
    if not blocks:
        return state
    # More parallel iterations would hold the scores of several blocks.
    return tf.while_loop(
        lambda block, *_: block < blocks.stop,
        lambda block, *state: [block + 1] + list(step(block, *state)),
        [tf.constant(blocks.start)] + list(state), parallel_iterations=1)[1:]


def _with_gradients(*tensors):
    """Return log_sum, the first of log_sum, inputs, rows and bias, with gradients by the other three.

    In a graph, the gradient is a function in the library of the graph, which export and import keep. A
    tf.custom_gradient exists in Python only, but a GradientTape needs it.
    """
    log_sum = tensors[0]
    shapes = [tensor.shape for tensor in tensors + (log_sum,)]

    def log_sum_exp_value(log_sum, *_):
        return tf.identity(log_sum)

    def log_sum_exp_gradients(*arguments):
        for argument, shape in zip(arguments, shapes):  # Defun does not set shapes
            argument.set_shape(shape)
        return _gradients(*arguments)

    with tf.init_scope():
        is_eager = tf.executing_eagerly()
    if is_eager or record.could_possibly_record():  # a tape
        return tf.custom_gradient(lambda *tensors: (
            log_sum_exp_value(*tensors),
            lambda upstream: _without_gradient(log_sum_exp_gradients, *tensors, upstream)))(*tensors)
    types = [tensor.dtype for tensor in tensors]
    gradients = graph_function.Defun(*types, log_sum.dtype)(log_sum_exp_gradients)
    result = graph_function.Defun(*types, grad_func=gradients)(log_sum_exp_value)(*tensors)
    result.set_shape(log_sum.shape)
    return result


def _without_gradient(function, *tensors):
    """Return function(*tensors), a list, whose gradient is an InputError."""
    def fail(*_):
        raise checks.InputError("log_sum_exp: gradients: wanted first derivatives, got a second "
                                "derivative, which needs block_size=None")

    return tf.custom_gradient(lambda *tensors: (list(function(*tensors)), fail))(*tensors)


def _gradients(log_sum, inputs, rows, bias, upstream):
    """Return gradients by log_sum [B], inputs [B, D], rows [N, block_size, D], bias [N, block_size].

        d log_sum / d s(x, c) = exp(s(x, c) - log_sum)
    """
    def add(block, by_inputs, by_rows, by_bias):
        block_rows = tf.gather(rows, block)
        scores = _scores(inputs, block_rows, tf.gather(bias, block))
        by_scores = tf.exp(scores - log_sum[:, None]) * upstream[:, None]
        return (by_inputs + tf.matmul(by_scores, block_rows),
                by_rows.write(block, tf.matmul(by_scores, inputs, transpose_a=True)),
                by_bias.write(block, tf.reduce_sum(by_scores, 0)))

    num_blocks = tf.compat.dimension_value(rows.shape[0])
    by_rows, by_bias = [tf.TensorArray(tensor.dtype, num_blocks, element_shape=tensor.shape[1:])
                        for tensor in (rows, bias)]
    by_inputs, by_rows, by_bias = _fold(
        add, [tf.zeros_like(inputs), by_rows, by_bias], range(num_blocks))
    return upstream, by_inputs, by_rows.stack(), by_bias.stack()
