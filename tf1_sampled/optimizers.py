"""Optimizers whose step costs what the batch costs, whatever the number of classes.

TensorFlow's own Adam decays the moments of every row in every step, and its sparse updates first sort
out the ids that come twice. Here a sparse gradient touches the rows of the batch and no others:

    SGDOptimizer                w_i -= lr g                          each occurrence
    AdagradOptimizer            a_i += g^2;  w_i -= lr g / sqrt(a_i)   each occurrence
    RowwiseAdagradOptimizer     a_i += mean(g^2), one number per row; w_i -= lr g a_i^p
    LazyAdamOptimizer           Adam on the rows of the batch, occurrences of a row summed

    train_op = AdagradOptimizer(0.1).minimize(loss)

"Each occurrence": a row that the batch uses twice is updated twice, in turn, by the gradients of its
two uses. All are `tf.train.Optimizer`s, for dense and sparse gradients, with reference and resource
variables.
"""
import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.initializers import filled


class SGDOptimizer(tf.train.GradientDescentOptimizer):
    """w -= learning_rate g. TensorFlow's own is sparse, without sorting, already.

    Args:
      learning_rate: float or scalar tensor.
    """


class AdagradOptimizer(tf.train.AdagradOptimizer):
    """TensorFlow's Adagrad without its sorting out of repeated ids: each occurrence on its own.

        a_i += g^2;  w_i -= learning_rate g / sqrt(a_i)

    Checkpoints are those of tf.train.AdagradOptimizer. Its accumulators start from a constant in the
    graph, which stays in memory beside them; these do not.

    Args:
      learning_rate: float or scalar tensor.
      initial_accumulator_value: float above 0, a_i at the start.

    Reference: Duchi et al. 2011, "Adaptive Subgradient Methods", eq. 1 with diagonal matrices.
    """

    def _create_slots(self, var_list):
        for var in var_list:
            self._get_or_make_slot_with_initializer(
                var, filled(self._initial_accumulator_value), var.shape, var.dtype.base_dtype,
                "accumulator", self._name)

    def _apply_sparse_duplicate_indices(self, grad, var):
        return self._apply_sparse(grad, var)

    def _resource_apply_sparse_duplicate_indices(self, grad, handle, indices):
        return self._resource_apply_sparse(grad, handle, indices)


class RowwiseAdagradOptimizer(tf.train.Optimizer):
    """Adagrad with one accumulator per row: the sum of the mean squares of the row's gradients.

        a_i += mean_d(g_d^2);  w_i -= learning_rate g a_i^p,   p = -1/2 of Adagrad

    The slot is 1/D of Adagrad's, and a sparse step about a third faster. A batch's occurrences of a
    row are all in a_i before the first of them is applied, so that many of them make small steps.

    With p nearer to 0 the steps of frequent rows shrink less, down to SGD's, which do not at all.

    Args:
      learning_rate: float or scalar tensor.
      initial_accumulator_value: float above 0, a_i at the start.
      learning_rate_power: float p in [-1, 0].

    Raises:
      InputError: an argument out of its range.

    Reference: known as row-wise Adagrad from embedding tables; Duchi et al. 2011 for Adagrad;
      learning_rate_power as in tf.train.FtrlOptimizer.
    """

    def __init__(self, learning_rate, initial_accumulator_value=0.1, use_locking=False,
                 name="RowwiseAdagrad", learning_rate_power=-0.5):
        super().__init__(use_locking, name)
        checks.argument(initial_accumulator_value > 0, "RowwiseAdagradOptimizer",
                        "initial_accumulator_value", "a number above 0", initial_accumulator_value)
        checks.argument(-1 <= learning_rate_power <= 0, "RowwiseAdagradOptimizer", "learning_rate_power",
                        "a number from -1 to 0", learning_rate_power)
        self._learning_rate = learning_rate
        self._initial_accumulator_value = initial_accumulator_value
        self._power = learning_rate_power

    def _create_slots(self, var_list):
        for var in var_list:
            slot = self._get_or_make_slot_with_initializer(
                var, filled(self._initial_accumulator_value), tf.TensorShape(var.shape[:1]),
                var.dtype.base_dtype, "accumulator", self._name)
            _be_part_of_rows(slot, var)

    def _prepare(self):
        self._rate = tf.convert_to_tensor(self._call_if_callable(self._learning_rate))

    def _apply_dense(self, grad, var):
        accumulator = self.get_slot(var, "accumulator")
        total = tf.assign_add(accumulator, _mean_square(grad), use_locking=self._use_locking)
        return tf.assign_sub(var, self._step(grad, total), use_locking=self._use_locking).op

    _resource_apply_dense = _apply_dense

    def _apply_sparse_rows(self, grad, var, indices):
        # The mean of several workers' gradients does not know it.
        grad.set_shape(tf.TensorShape([None]).concatenate(var.shape[1:]))
        accumulator = self.get_slot(var, "accumulator")
        added = tf.scatter_add(accumulator, indices, _mean_square(grad), self._use_locking)
        with tf.control_dependencies([added]):
            total = tf.gather(accumulator, indices)
        return tf.group(tf.scatter_sub(var, indices, self._step(grad, total), self._use_locking))

    def _apply_sparse_duplicate_indices(self, grad, var):
        return self._apply_sparse_rows(grad.values, var, grad.indices)

    def _resource_apply_sparse_duplicate_indices(self, grad, handle, indices):
        return self._apply_sparse_rows(grad, handle, indices)

    def _step(self, grad, total):
        rate = tf.cast(self._rate, grad.dtype) * tf.pow(total, tf.constant(self._power, total.dtype))
        return grad * tf.reshape(rate, tf.concat([tf.shape(total), _ones_after_first(grad)], 0))


class LazyAdamOptimizer(tf.train.AdamOptimizer):
    """Adam whose moments of a row move only when the batch uses the row.

        m_i <- beta1 m_i + (1 - beta1) g;  v_i <- beta2 v_i + (1 - beta2) g^2
        w_i -= learning_rate sqrt(1 - beta2^t) / (1 - beta1^t) m_i / (sqrt(v_i) + epsilon)

    g is the sum over the batch's uses of row i, and t counts steps, not uses. Dense gradients get
    TensorFlow's Adam; checkpoints are those of tf.train.AdamOptimizer.

    The first moment of a row that is rarely used is of gradients long past. With beta1 = 0 there is
    none, and no slot m.

    Args:
      learning_rate: float or scalar tensor.
      beta1: float in [0, 1).
      beta2, epsilon: floats.

    Raises:
      InputError: beta1 out of its range.

    Reference: Kingma and Ba 2015, "Adam", algorithm 1 and section 2's form of the step.
    """

    def __init__(self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, use_locking=False,
                 name="Adam"):
        checks.argument(0 <= beta1 < 1, "LazyAdamOptimizer", "beta1", "a number from 0 to below 1",
                        beta1)
        super().__init__(learning_rate, beta1, beta2, epsilon, use_locking, name)

    def _zeros_slot(self, var, slot_name, op_name):
        if slot_name == "m" and not self._beta1:
            return None
        return self._get_or_make_slot_with_initializer(
            var, filled(0), var.shape, var.dtype.base_dtype, slot_name, op_name)

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
        """The step of some rows; without `indices` of all."""
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


def _be_part_of_rows(slot, var):
    """Has checkpoints hold the slot [n] of a part of a PartitionedVariable as a part of one [C]."""
    part = var._get_save_slice_info()
    if part is not None:  # TensorFlow 1.15 takes the slot for one of the variable's own rank
        slot._set_save_slice_info(tf.Variable.SaveSliceInfo(
            part.full_name + "/" + slot.op.name[len(var.op.name) + 1:], part.full_shape[:1],
            part.var_offset[:1], part.var_shape[:1]))


def _mean_square(grad):
    """[N, ...] -> [N], the mean square of each row."""
    square = tf.square(grad)
    axes = list(range(1, grad.shape.rank))
    return tf.reduce_mean(square, axes) if axes else square


def _ones_after_first(grad):
    return tf.ones([grad.shape.rank - 1], tf.int32)
