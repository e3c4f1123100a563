"""Optimizers whose step costs time in proportion to the batch, for any number of classes.

TensorFlow's Adam decays the moments of every row in every step. With these optimizers a sparse gradient
changes only the rows of the batch. g_n is the gradient of the n-th occurrence of row i in the batch:

    SGDOptimizer                w_i <- w_i - lr sum_n g_n
    AdagradOptimizer            a_i <- a_i + sum_n g_n^2;  w_i <- w_i - lr (sum_n g_n) / sqrt(a_i)
    RowwiseAdagradOptimizer     a_i <- a_i + sum_n mean(g_n^2), one accumulator per row;
                                w_i <- w_i - lr (sum_n g_n) a_i^p
    LazyAdamOptimizer           Adam of g = sum_n g_n on the rows of the batch

    train_op = AdagradOptimizer(0.1).minimize(loss)

Threads and GPUs process the occurrences in parallel: their order changes only the rounding. All classes
are `tf.train.Optimizer`s, for dense and sparse gradients, with reference and resource variables. The
regularizer, partitioner, custom getter and caching device of a variable scope do not apply to slots.

`ClippedOptimizer` clips gradients by their norm before another optimizer takes them; `merged` sums the
occurrences of each row, for other kinds of clipping.
"""
import contextlib
from typing import Any, Iterable, List, Optional, Tuple, Union

import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.initializers import filled
from tf1_sampled.type_names import Array, Number, Tensor

_Rate = Union[Number, Array]  # a learning rate

_SCOPE_OPTIONS = ("regularizer", "partitioner", "custom_getter", "caching_device")


def merged(gradient: Tensor) -> Tensor:
    """Return the gradient with the occurrences of each row summed, so that a row occurs once.

    tf.global_norm, tf.clip_by_global_norm and tf.clip_by_norm square each occurrence by itself. The
    result is the norm of the gradient only if the gradient is merged. With a merged gradient,
    AdagradOptimizer and RowwiseAdagradOptimizer square the sum, as tf.train.AdagradOptimizer does.

    Example:

        table = tf.get_variable("table", [1000, 16])
        optimizer, loss = tf1_sampled.AdagradOptimizer(0.1), tf.reduce_sum(tf.gather(table, [3, 1, 3]))
        gradients, variables = zip(*optimizer.compute_gradients(loss))
        clipped, norm = tf.clip_by_global_norm([tf1_sampled.merged(g) for g in gradients], 5.0)
        train_op = optimizer.apply_gradients(zip(clipped, variables))

    Args:
      gradient: tf.IndexedSlices with values [N, ...] and indices [N]; a dense tensor; or None.

    Returns:
      tf.IndexedSlices with values [U, ...], indices [U] in the order of first occurrence, and the
      dense_shape of `gradient`. A dense tensor or None is returned unchanged.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, position = tf.unique(gradient.indices)
    sums = tf.math.unsorted_segment_sum(gradient.values, position, tf.size(rows))
    return tf.IndexedSlices(sums, rows, gradient.dense_shape)


class ClippedOptimizer(tf.train.Optimizer):
    """An optimizer that clips the gradients by their global norm, and passes them to another one.

        g <- g clip_norm / max(clip_norm, |g|),   |g| the norm of all gradients together

    Sparse gradients are `merged` first, so that |g| is the norm of the gradient and costs what the batch
    costs. If the norm is not finite, all gradients become NaN. Slots and checkpoints are those of the
    other optimizer.

    Example:

        table = tf.get_variable("table", [1000, 16])
        optimizer = tf1_sampled.ClippedOptimizer(tf1_sampled.AdagradOptimizer(0.1), 5.0)
        train_op = optimizer.minimize(tf.nn.l2_loss(tf.gather(table, [3, 1, 4])))

    Args:
      optimizer: tf.train.Optimizer, which applies the clipped gradients.
      clip_norm: float above 0.

    Raises:
      InputError: clip_norm is not above 0, or another kind of optimizer, such as one of Keras.

    Reference: Pascanu et al. 2013, "On the Difficulty of Training Recurrent Neural Networks",
      algorithm 1.
    """

    def __init__(self, optimizer: tf.train.Optimizer, clip_norm: Number) -> None:
        checks.argument(clip_norm > 0, "ClippedOptimizer", "clip_norm", "a number above 0", clip_norm)
        checks.argument(hasattr(optimizer, "compute_gradients"), "ClippedOptimizer", "optimizer",
                        "a tf.train.Optimizer", optimizer)
        super().__init__(False, "Clipped")
        self._optimizer, self._clip_norm = optimizer, clip_norm

    def compute_gradients(self, *args: Any, **kwargs: Any) -> List[Tuple[Any, Any]]:
        """Return (gradient, variable) pairs of the other optimizer, not clipped yet."""
        return self._optimizer.compute_gradients(*args, **kwargs)

    def apply_gradients(self, grads_and_vars: Iterable[Tuple[Any, Any]], global_step: Any = None,
                        name: Optional[str] = None) -> tf.Operation:
        """Clip the gradients, and return the op of the other optimizer that applies them."""
        gradients, variables = zip(*grads_and_vars)
        once = [merged(gradient) for gradient in gradients]
        clipped, _ = tf.clip_by_global_norm(once, self._clip_norm)
        return self._optimizer.apply_gradients(list(zip(clipped, variables)), global_step, name)

    def get_slot(self, var: Any, name: str) -> Any:
        """Return a slot of the other optimizer."""
        return self._optimizer.get_slot(var, name)

    def get_slot_names(self) -> List[str]:
        """Return the names of the other optimizer's slots."""
        return self._optimizer.get_slot_names()

    def variables(self) -> List[tf.Variable]:
        """Return the variables of the other optimizer."""
        return self._optimizer.variables()


class SGDOptimizer(tf.train.GradientDescentOptimizer):
    """Stochastic gradient descent: w_i <- w_i - learning_rate sum_n g_n.

    It is tf.train.GradientDescentOptimizer, whose sparse update adds all occurrences of a row.

    Example:

        table = tf.get_variable("table", [1000, 16])
        train_op = tf1_sampled.SGDOptimizer(0.1).minimize(tf.nn.l2_loss(tf.gather(table, [3, 1, 4])))

    Args:
      learning_rate: float or scalar tensor.
      use_locking: boolean, whether updates lock the variable, as in tf.train.
      name: string.
    """

    def __init__(self, learning_rate: _Rate, use_locking: bool = False,
                 name: str = "GradientDescent") -> None:
        super().__init__(learning_rate, use_locking, name)


class AdagradOptimizer(tf.train.AdagradOptimizer):
    """Adagrad that squares the gradient of each occurrence of a row.

        a_i <- a_i + sum_n g_n^2;  w_i <- w_i - learning_rate (sum_n g_n) / sqrt(a_i)

    All squares are added to a_i before the row changes. tf.train.AdagradOptimizer sums the occurrences
    of a row before it squares, and adds (sum_n g_n)^2. With a `merged` gradient both are equal.

    Steps with dense gradients and checkpoints are the same as those of tf.train.AdagradOptimizer. The
    accumulators of tf.train.AdagradOptimizer start from a constant of the size of the table, which stays
    in memory; these do not.

    Example:

        table = tf.get_variable("table", [1000, 16])
        train_op = tf1_sampled.AdagradOptimizer(0.1).minimize(tf.nn.l2_loss(tf.gather(table, [3, 1, 4])))

    Args:
      learning_rate: float or scalar tensor.
      initial_accumulator_value: float above 0, the initial a_i.
      use_locking: boolean, whether updates lock the variable, as in tf.train.
      name: string, name of the optimizer and of its slots.

    Raises:
      InputError: initial_accumulator_value is not above 0.

    Reference: Duchi et al. 2011, "Adaptive Subgradient Methods", eq. 1 with diagonal matrices.
    """

    def __init__(self, learning_rate: _Rate, initial_accumulator_value: Number = 0.1,
                 use_locking: bool = False, name: str = "Adagrad") -> None:
        checks.argument(initial_accumulator_value > 0, type(self).__name__, "initial_accumulator_value",
                        "a number above 0", initial_accumulator_value)
        super().__init__(learning_rate, initial_accumulator_value, use_locking, name)

    def _create_slots(self, var_list):
        for var in var_list:
            self._create_accumulator(var, var.shape)

    def _create_accumulator(self, var, shape):
        with _own_slots():
            return self._get_or_make_slot_with_initializer(
                var, filled(self._initial_accumulator_value), shape, var.dtype.base_dtype,
                slot_name="accumulator", op_name=self._name)

    def _apply_sparse_duplicate_indices(self, grad, var):
        return self._apply_rows(grad.values, var, grad.indices)

    def _resource_apply_sparse_duplicate_indices(self, grad, handle, indices):
        return self._apply_rows(grad, handle, indices)

    def _apply_rows(self, grad, var, indices):
        # The mean of the gradients of several workers has no static shape.
        grad.set_shape(tf.TensorShape([None]).concatenate(var.shape[1:]))
        accumulator = self.get_slot(var, "accumulator")
        # Scatter ops, because TensorFlow's fused kernel loses updates of a repeated row.
        added = tf.scatter_add(accumulator, indices, self._square(grad), self._use_locking)
        with tf.control_dependencies([added]):
            total = tf.gather(accumulator, indices)
        return tf.group(tf.scatter_sub(var, indices, self._step(grad, total), self._use_locking))

    def _square(self, grad):
        """Return the summand of the accumulators: the squared gradient."""
        return tf.square(grad)

    def _factor(self, total):
        """Return the factor of the learning rate for the accumulators `total`."""
        return tf.rsqrt(total)

    def _step(self, grad, total):
        """Return the step that is subtracted from the rows, whose accumulators are `total`."""
        # TensorFlow 1.15 has no powers of bfloat16.
        dtype = tf.float32 if grad.dtype.size < 4 else grad.dtype
        scale = tf.cast(self._learning_rate_tensor, dtype) * self._factor(tf.cast(total, dtype))
        scale = tf.cast(scale, grad.dtype)
        if total.shape.rank == grad.shape.rank:
            return scale * grad
        for _ in range(grad.shape.rank - total.shape.rank):
            scale = tf.expand_dims(scale, -1)
        # Grappler divides by 0 if a constant `grad` has no rows, unless the factors differ in rank.
        return tf.squeeze(scale * tf.expand_dims(grad, 0), 0)


class RowwiseAdagradOptimizer(AdagradOptimizer):
    """Adagrad with one accumulator per row: the sum of the mean squares of the row's gradients.

        a_i <- a_i + sum_n mean_d(g_nd^2);  w_i <- w_i - learning_rate (sum_n g_n) a_i^p

    p = -1/2 as in Adagrad. With p nearer to 0 the steps of frequent rows shrink less; p = 0 is SGD.

    The slot has 1/D of the size of Adagrad's. As in AdagradOptimizer, all squares are added to a_i
    before the row changes. A dense gradient is one occurrence of each row. tf.train has no such
    optimizer.

    Example:

        table = tf.get_variable("table", [1000, 16])
        optimizer = tf1_sampled.RowwiseAdagradOptimizer(0.1, learning_rate_power=-0.25)
        train_op = optimizer.minimize(tf.nn.l2_loss(tf.gather(table, [3, 1, 4])))

    Args:
      learning_rate: float or scalar tensor.
      initial_accumulator_value: float above 0, the initial a_i.
      use_locking: boolean, whether updates lock the variable, as in tf.train.
      name: string, name of the optimizer and of its slots.
      learning_rate_power: float p in [-1, 0].

    Raises:
      InputError: an argument out of its range.

    Reference: Duchi et al. 2011 for Adagrad. The row-wise form is common for embedding tables;
      learning_rate_power is from tf.train.FtrlOptimizer.
    """

    def __init__(self, learning_rate: _Rate, initial_accumulator_value: Number = 0.1,
                 use_locking: bool = False, name: str = "RowwiseAdagrad",
                 learning_rate_power: Number = -0.5) -> None:
        super().__init__(learning_rate, initial_accumulator_value, use_locking, name)
        checks.argument(-1 <= learning_rate_power <= 0, "RowwiseAdagradOptimizer", "learning_rate_power",
                        "a number from -1 to 0", learning_rate_power)
        self._learning_rate_power = learning_rate_power

    def _create_slots(self, var_list):
        for var in var_list:
            slot = self._create_accumulator(var, tf.TensorShape(var.shape[:1]))
            _be_part_of_rows(slot, var)

    def _apply_dense(self, grad, var):
        accumulator = self.get_slot(var, "accumulator")
        total = tf.assign_add(accumulator, self._square(grad), use_locking=self._use_locking)
        return tf.assign_sub(var, self._step(grad, total), use_locking=self._use_locking).op

    _resource_apply_dense = _apply_dense

    def _square(self, grad):
        """Return the mean square of each row: [N, ...] -> [N]."""
        square = tf.square(grad)
        axes = list(range(1, grad.shape.rank))
        return tf.reduce_mean(square, axes) if axes else square

    def _factor(self, total):
        return tf.pow(total, self._learning_rate_power)


class LazyAdamOptimizer(tf.train.AdamOptimizer):
    """Adam that changes a row and its moments only when the batch uses the row.

        g = sum_n g_n;  m_i <- beta1 m_i + (1 - beta1) g;  v_i <- beta2 v_i + (1 - beta2) g^2
        w_i <- w_i - learning_rate sqrt(1 - beta2^t) / (1 - beta1^t) m_i / (sqrt(v_i) + epsilon)

    t counts steps, not occurrences. tf.train.AdamOptimizer sums the occurrences of a row too, but
    changes every row and its moments in every step. Steps with dense gradients and checkpoints are the
    same as those of tf.train.AdamOptimizer.

    The first moment of a rare row holds old gradients. With beta1 = 0 there is no first moment, and no
    slot m.

    Example:

        table = tf.get_variable("table", [1000, 16])
        train_op = tf1_sampled.LazyAdamOptimizer(0.01).minimize(tf.nn.l2_loss(tf.gather(table, [3, 1])))

    Args:
      learning_rate: float or scalar tensor.
      beta1: float in [0, 1), decay of the first moment.
      beta2: float, decay of the second moment.
      epsilon: float, added to the root of the second moment.
      use_locking: boolean, whether updates lock the variable, as in tf.train.
      name: string, name of the optimizer and of its slots.

    Raises:
      InputError: beta1 out of its range.

    Reference: Kingma and Ba 2015, "Adam", algorithm 1 and section 2's form of the step.
    """

    def __init__(self, learning_rate: _Rate = 0.001, beta1: Number = 0.9, beta2: Number = 0.999,
                 epsilon: Number = 1e-8, use_locking: bool = False, name: str = "Adam") -> None:
        checks.argument(0 <= beta1 < 1, "LazyAdamOptimizer", "beta1", "a number from 0 to below 1",
                        beta1)
        super().__init__(learning_rate, beta1, beta2, epsilon, use_locking=use_locking, name=name)

    def _zeros_slot(self, var, slot_name, op_name):
        if slot_name == "m" and not self._beta1:
            return None
        with _own_slots():
            return self._get_or_make_slot_with_initializer(
                var, filled(0), var.shape, var.dtype.base_dtype, slot_name=slot_name, op_name=op_name)

    def _apply_dense(self, grad, var):
        if self._beta1:
            return super()._apply_dense(grad, var)
        return self._apply_rows(grad, var)

    def _resource_apply_dense(self, grad, var):
        if self._beta1:
            return super()._resource_apply_dense(grad, var)
        return self._apply_rows(grad, var)

    def _apply_sparse(self, grad, var):
        return self._apply_rows(grad.values, var, grad.indices)

    def _resource_apply_sparse(self, grad, var, indices):
        return self._apply_rows(grad, var, indices)

    def _apply_rows(self, grad, var, indices=None):
        """Return the op of a step for the rows `indices`, or for all rows if it is None."""
        def read(slot):
            return slot + 0 if indices is None else tf.gather(slot, indices)

        def write(slot, values):
            if indices is None:
                return tf.assign(slot, values, use_locking=self._use_locking)
            return tf.scatter_update(slot, indices, values, self._use_locking)

        beta1_power, beta2_power = self._get_beta_accumulators()
        rate, beta1, beta2, epsilon, beta1_power, beta2_power = [
            tf.cast(t, grad.dtype) for t in (self._lr_t, self._beta1_t, self._beta2_t,
                                             self._epsilon_t, beta1_power, beta2_power)]
        rate *= tf.sqrt(1 - beta2_power) / (1 - beta1_power)
        first, second = self.get_slot(var, "m"), self.get_slot(var, "v")
        m, updates = grad, []
        if first is not None:
            m = beta1 * read(first) + (1 - beta1) * grad
            updates.append(write(first, m))
        v = beta2 * read(second) + (1 - beta2) * tf.square(grad)
        updates.append(write(second, v))
        step = rate * m / (tf.sqrt(v) + epsilon)
        if indices is None:
            updates.append(tf.assign_sub(var, step, use_locking=self._use_locking))
        else:
            updates.append(tf.scatter_sub(var, indices, step, self._use_locking))
        return tf.group(updates)


@contextlib.contextmanager
def _own_slots():
    """Hide the options of the current variable scope, which are for the caller's variables."""
    # The scope is not entered again: its names would restart, and two optimizers would share slots.
    scope = tf.get_variable_scope()
    # Where there is none, nothing is set: eager mode refuses to set a caching device.
    options = {name: getattr(scope, name) for name in _SCOPE_OPTIONS}
    options = {name: value for name, value in options.items() if value is not None}
    try:
        for name in options:
            getattr(scope, "set_" + name)(None)
        yield
    finally:
        for name, value in options.items():
            getattr(scope, "set_" + name)(value)


def _be_part_of_rows(slot, var):
    """Mark the slot [n] of one part of a PartitionedVariable as a slice of [C] in checkpoints."""
    part = var._get_save_slice_info()
    if part is not None:  # TensorFlow 1.15 assumes a slot with the rank of the variable
        slot._set_save_slice_info(tf.Variable.SaveSliceInfo(
            part.full_name + "/" + slot.op.name[len(var.op.name) + 1:], part.full_shape[:1],
            part.var_offset[:1], part.var_shape[:1]))
