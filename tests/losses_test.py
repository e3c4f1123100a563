import functools
import itertools

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, oracles
from tf1_sampled import InputError, candidates, initializers, logits, losses, registry, samplers

_C, _D, _B, _S = 13, 4, 6, 7
_LOSSES = sorted(registry.LOSSES)
_PEERS = {"nce": tf.nn.nce_loss, "sampled_softmax": tf.nn.sampled_softmax_loss}
_OPTIONS = {"gbce": dict(calibration=0.6), "negative_sampling": dict(num_negatives=2.5),
            "softmax_at_k": dict(k=3, weight_temperature=0.5)}
_DEFAULTS = {"gbce": dict(calibration=0.75), "softmax_at_k": dict(k=20, weight_temperature=10.0)}
_KEEPS_HITS = ("gbce", "nce")  # losses with remove_accidental_hits=False by default
# The places of labels: examples with all labels, with some, and one without labels.
_LABEL_MASK = np.array([[1, 1, 1], [0, 1, 0], [0, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]], bool)
# Several times the relative error of a gradient in a type.
_PRECISION = {tf.bfloat16: 1.6e-2, tf.float16: 2e-3, tf.float32: 1e-4, tf.float64: 1e-7}
# See _candidates.
_KINDS = ("plain", "masked", "far", "hits", "one_left", "none_left")


def _loss(name, **arguments):
    """Return the loss of this name, with options that are not the defaults."""
    return registry.LOSSES[name](**dict(_OPTIONS.get(name, {}), **arguments))


def _candidates(random, kind, labels, num_sampled):
    """Return labels [G, N], candidates [G, S] and their mask, boolean [G, S], of a kind:

      plain: none is masked; the first two are the first and the last label of the group, the last is
        class 0, which is never a label.
      masked: some are masked, different ones in each group, and one repeats a hit.
      far: as masked, for logits of 1e4.
      hits: in a group all labels and candidates are one class.
      one_left: all but one are masked.
      none_left: all are masked.
    """
    sampled = random.randint(0, _C, [len(labels), num_sampled])
    sampled[:, :2] = labels[:, [0, -1]]
    sampled[:, -1] = 0
    masked = np.full_like(sampled, kind == "none_left", bool)
    if kind in ("masked", "far"):
        sampled[:, 2] = sampled[:, 0]
        masked[:, 2] = masked[::2, 5] = masked[1::2, 0] = True
    elif kind == "hits":
        labels = np.tile(labels[:, :1], [1, labels.shape[1]])
        sampled = np.tile(labels[:, :1], [1, num_sampled])
    elif kind == "one_left":
        masked[:] = np.arange(num_sampled) != 3
    return labels, sampled, masked


class _Problem:
    """Weights, inputs, labels and candidates, with a different expected count for each class.

    Args:
      num_true: integer T.
      num_groups: None for candidates [S], or an integer for [G, S].
      ragged: boolean, whether there is a label_mask.
      kind: one of _KINDS.
      seed: integer.
      num_sampled: integer S.
    """

    def __init__(self, num_true=1, num_groups=None, ragged=False, kind="plain", seed=1, num_sampled=_S):
        random, self.kind = np.random.RandomState(seed), kind
        # Numbers of float16, so small that sums of gradients are numbers of float16 too.
        weights_scale, inputs_scale = (1, 1) if kind in ("plain", "masked") else (10, 500)
        self.weights, self.biases = weights_scale * random.randn(_C, _D), random.randn(_C)
        self.inputs = inputs_scale * random.randn(_B, _D)
        self.label_mask = _LABEL_MASK[:, :num_true] if ragged else None
        self.num_groups, self.num_sampled, self.num_true = num_groups, num_sampled, num_true
        labels, self.sampled, self.masked = _candidates(
            random, kind, random.randint(1, _C, [num_groups or 1, _B // (num_groups or 1) * num_true]),
            num_sampled)
        self.labels = labels.reshape([_B, num_true])
        count = (random.rand(_C) + 0.05).astype(np.float32)  # exact in all types that are tested
        self.true_count, self.sampled_count = count[self.labels], count[self.sampled]

    def rounded(self, weights_dtype, biases_dtype=None, inputs_dtype=None):
        """Round the arrays to numbers of these types, and return self."""
        for name, dtype in [("weights", weights_dtype), ("biases", biases_dtype or weights_dtype),
                            ("inputs", inputs_dtype or weights_dtype)]:
            numbers = getattr(self, name).astype(dtype.as_numpy_dtype)
            setattr(self, name, numbers.astype(np.float64))
        return self

    def oracle_arguments(self, remove):
        """Return the arguments of an oracle: lists without masked labels and candidates."""
        def kept(rows, mask):
            return [list(row[is_kept]) for row, is_kept in zip(rows, mask)]

        def of_each_example(groups):
            return [group for group in groups for _ in range(_B // len(groups))]

        is_label = np.ones_like(self.labels, bool) if self.label_mask is None else self.label_mask
        return (self.weights, self.biases, kept(self.labels, is_label), self.inputs,
                of_each_example(kept(self.sampled, ~self.masked)), kept(self.true_count, is_label),
                of_each_example(kept(self.sampled_count, ~self.masked)), remove)

    def oracle_options(self, name):
        """Return the options of the loss for the oracle, and S with the masked candidates."""
        options = dict(_OPTIONS.get(name, {}))
        if name in ("gbce", "negative_sampling"):
            options["num_sampled"] = self.num_sampled
        return options

    def oracle(self, name, remove):
        return oracles.LOSSES[name](*self.oracle_arguments(remove), **self.oracle_options(name))

    def oracle_gradients(self, name, remove):
        """Return the oracle's gradients by weights, biases and inputs."""
        return oracles.gradients(oracles.LOSSES[name], self.oracle_arguments(remove),
                                 **self.oracle_options(name))

    def wanted(self, name):
        """Return (value, [gradient by weights, biases, inputs]) of `_any_loss` from its oracle."""
        if name in _FULL:
            oracle, arguments = getattr(oracles, name), self.oracle_arguments(False)[:4]
            return oracle(*arguments), oracles.gradients(oracle, arguments)
        remove = name not in _KEEPS_HITS
        return self.oracle(name, remove), self.oracle_gradients(name, remove)

    def sampled_values(self):
        """Return the arrays of the sampled values."""
        true_count = self.padded(self.true_count, 1)
        count = np.where(self.masked, candidates.MASKED_COUNT, self.sampled_count)
        if self.num_groups is None:
            return self.sampled[0], true_count, count[0]
        return self.sampled, true_count, count

    def padded(self, array, padding):
        """Return an array [B, T] with `padding` where label_mask is False."""
        return array if self.label_mask is None else np.where(self.label_mask, array, padding)

    def tensors(self, weights_dtype=tf.float32, biases_dtype=None, inputs_dtype=None, shards=1,
                count_dtype=tf.float32):
        """Return ([weights, biases, inputs], arguments of a loss); shards are divided as "div"."""
        weights = [_fed(part, weights_dtype) for part in np.array_split(self.weights, shards)]
        biases = [_fed(part, biases_dtype or weights_dtype)
                  for part in np.array_split(self.biases, shards)]
        inputs = _fed(self.inputs, inputs_dtype or weights_dtype)
        sampled, true_count, sampled_count = self.sampled_values()
        arguments = dict(
            weights=weights if shards > 1 else weights[0], biases=biases if shards > 1 else biases[0],
            labels=_fed(self.padded(self.labels, -1), tf.int64), inputs=inputs,
            num_sampled=self.num_sampled, num_classes=_C, num_true=self.num_true,
            sampled_values=(_fed(sampled, tf.int64), _fed(true_count, count_dtype),
                            _fed(sampled_count, count_dtype)), partition_strategy="div")
        if self.label_mask is not None:
            arguments["label_mask"] = tf.constant(self.label_mask)
        return weights + biases + [inputs], arguments

    def feed(self, arguments):
        """Return the feed that sets `arguments`, tensors of a similar problem, to this problem."""
        tensors = [arguments[key] for key in ("weights", "biases", "inputs", "labels")]
        tensors += arguments["sampled_values"]
        arrays = (self.weights, self.biases, self.inputs, self.padded(self.labels, -1)
                  ) + self.sampled_values()
        return {tensor: array.reshape(tensor.shape.as_list()) for tensor, array in zip(tensors, arrays)}


def _fed(value, dtype):
    """Return a placeholder with a default, which no graph optimizer folds into a constant."""
    return tf.placeholder_with_default(tf.constant(value, dtype), np.shape(value))


def _dense(value):
    """Return a fetched value in float64; of IndexedSlices the sum."""
    if not hasattr(value, "dense_shape"):
        return np.asarray(value).astype(np.float64)
    dense = np.zeros(value.dense_shape)
    np.add.at(dense, value.indices, np.asarray(value.values).astype(np.float64))
    return dense


class _LossCase(graph_case.GraphCase):

    def run_losses(self, cases, feed=None):
        """Return [(value, [gradient by each variable])] of cases [(loss, variables)], in one session."""
        fetches = [[loss, tf.gradients(loss, variables)] for loss, variables in cases]
        return [(value, [_dense(gradient) for gradient in gradients])
                for value, gradients in self.run_graph(fetches, feed)]

    def assert_results_close(self, result, wanted, relative=1e-4, absolute=1e-5):
        """Assert that two (value, gradients) are equal."""
        self.assert_close(result[0], wanted[0], relative, absolute)
        self.assertLen(result[1], len(wanted[1]))
        for gradient, wanted_gradient in zip(result[1], wanted[1]):
            self.assert_close(gradient, wanted_gradient, relative, absolute)

    def assert_oracles(self, name, remove, problem, result, dtype=tf.float32):
        """Assert that (value, gradients) of a loss of `problem` are equal to its oracle's."""
        value, gradients = result[0], [_dense(gradient) for gradient in result[1]]
        precision, wanted = 1e-12 if dtype == tf.float64 else 1e-5, problem.oracle(name, remove)
        if problem.kind in ("plain", "masked"):
            self.assert_close(value, wanted, precision, precision)
            precision = _PRECISION[dtype]
            for gradient, wanted_gradient in zip(gradients, problem.oracle_gradients(name, remove)):
                self.assert_close(gradient, wanted_gradient, precision, precision)
        else:
            # Logits of 1e4 have errors of some thousandths, which SL@K divides by its temperature.
            precision *= 100
            self.assert_close(value, wanted, precision, precision * max(1, np.abs(wanted).max()))
            for gradient in gradients:
                self.assertTrue(np.all(np.isfinite(gradient)))
            if dtype == tf.float64:
                for gradient, wanted_gradient in zip(gradients, problem.oracle_gradients(name, remove)):
                    self.assert_close(gradient, wanted_gradient, 1e-6, 1e-4)
        if problem.label_mask is not None:  # one example has no labels
            self.assertEqual(value[2], 0)
            np.testing.assert_array_equal(gradients[2][2], np.zeros(_D))


class OracleTest(_LossCase):

    def test_every_loss_has_one(self):
        self.assertCountEqual(oracles.LOSSES, registry.LOSSES)

    def _flatten(self, arguments):
        """Flatten the arguments [B, 1] of a loss to [B], and cast labels to int32."""
        sampled, true_count, sampled_count = arguments["sampled_values"]
        arguments["labels"] = tf.placeholder_with_default(tf.zeros([_B], tf.int32), [_B])
        arguments["sampled_values"] = sampled, tf.reshape(true_count, [_B]), sampled_count
        if "label_mask" in arguments:
            arguments["label_mask"] = tf.reshape(arguments["label_mask"], [_B])

    def _assert_oracles(self, name, *forms, paddings=()):
        """Assert that values and gradients of all kinds are equal to the oracle's.

        Args:
          name: string, of the loss.
          forms: dicts of arguments of _Problem and of remove_accidental_hits.
          paddings: (id, expected count) for masked labels; the result must not depend on them.
        """
        fetches, graphs = [], []
        for form, remove in forms:
            variables, arguments = _Problem(**form).tensors()
            if form["num_true"] == 1 and "num_groups" not in form:
                self._flatten(arguments)
            loss = _loss(name, remove_accidental_hits=remove, **arguments)
            self.assertEqual(loss.shape.as_list(), [_B])
            fetches.append([loss, tf.gradients(loss, variables)])
            graphs.append(arguments)
        with self.new_session() as session:
            for kind, padding in [(kind, None) for kind in _KINDS] + [("far", p) for p in paddings]:
                problems, feed = [_Problem(kind=kind, **form) for form, _ in forms], {}
                for problem, arguments in zip(problems, graphs):
                    feed.update(problem.feed(arguments))
                    if padding:
                        labels, count = arguments["labels"], arguments["sampled_values"][1]
                        for tensor, array, number in [(labels, problem.labels, padding[0]),
                                                      (count, problem.true_count, padding[1])]:
                            feed[tensor] = problem.padded(array, number).reshape(tensor.shape.as_list())
                results = session.run(fetches, feed)
                for (form, remove), problem, result in zip(forms, problems, results):
                    with self.subTest(kind=kind, padding=padding, remove=remove, **form):
                        self.assert_oracles(name, remove, problem, result)

    @parameterized.parameters(*_LOSSES)
    def test_values_and_gradients(self, name):
        self._assert_oracles(name, *[(dict(num_true=num_true), remove)
                                     for num_true in (1, 3) for remove in (False, True)])

    @parameterized.parameters(*_LOSSES)
    def test_masked_labels_do_not_depend_on_padding(self, name):
        # The samplers of tf.nn return a count of 0 for a reserved id.
        self._assert_oracles(name, (dict(num_true=1, ragged=True), False),
                             (dict(num_true=3, ragged=True), True),
                             paddings=[(0, 1), (10 ** 9, 1), (3, 0), (3, np.nan)])

    @parameterized.parameters(*_LOSSES)
    def test_candidates_may_be_of_groups(self, name):
        self._assert_oracles(name, (dict(num_true=1, num_groups=3), False),
                             (dict(num_true=3, num_groups=2, ragged=True), True))

    @parameterized.parameters(*_LOSSES)
    def test_default_options(self, name):
        problem = _Problem(num_sampled=25)
        value = self.run_graph(registry.LOSSES[name](**problem.tensors()[1]))
        oracle, options = oracles.LOSSES[name], _DEFAULTS.get(name, {})
        kept, removed = [oracle(*problem.oracle_arguments(r), **options) for r in (False, True)]
        self.assert_close(value, kept if name in _KEEPS_HITS else removed)
        self.assertGreater(np.abs(kept - removed).max(), 1e-3)


class PeerTest(_LossCase):
    """Equality with tf.nn, for losses that tf.nn has."""

    OPTIMIZED = True

    def _without_repeats(self, num_true=1):
        # tf.nn masks only one occurrence of a hit that was drawn twice.
        problem = _Problem(num_true, seed=2)
        others = np.setdiff1d(np.arange(_C), problem.sampled[0, :2])
        problem.sampled[0, 2:] = np.random.RandomState(3).permutation(others)[:_S - 2]
        return problem

    def _assert_same(self, name, cases, relative, absolute):
        """Assert that tf.nn has equal results, for [(variables, remove_accidental_hits, arguments)]."""
        results = self.run_losses([
            (losses_of[name](remove_accidental_hits=remove, **arguments), variables)
            for variables, remove, arguments in cases for losses_of in (registry.LOSSES, _PEERS)])
        for ours, theirs in zip(results[::2], results[1::2]):
            self.assert_results_close(ours, theirs, relative, absolute)

    @parameterized.parameters(*sorted(_PEERS))
    def test_values_and_gradients(self, name):
        cases = []
        for num_true, remove, shards in [(1, False, 1), (1, True, 1), (3, False, 1), (3, True, 3)]:
            variables, arguments = self._without_repeats(num_true).tensors(shards=shards)
            cases.append((variables, remove, arguments))
        self._assert_same(name, cases, 1e-5, 1e-5)

    @parameterized.parameters(*sorted(_PEERS))
    def test_in_float64(self, name):
        variables, arguments = self._without_repeats(3).tensors(tf.float64, count_dtype=tf.float64)
        self._assert_same(name, [(variables, True, arguments)], 1e-12, 1e-12)

    @parameterized.parameters(*sorted(_PEERS))
    def test_in_float16(self, name):
        variables, arguments = self._without_repeats(3).rounded(tf.float16).tensors(
            tf.float16, count_dtype=tf.float16)
        # tf.nn computes sums in 16 bits.
        self._assert_same(name, [(variables, False, arguments)], 2e-2, 2e-2)

    @parameterized.parameters(*sorted(_PEERS))
    def test_tf_nn_keeps_a_hit_that_was_drawn_twice(self, name):
        problem = _Problem()
        problem.sampled[:] = problem.labels[0, 0]
        problem.sampled_count[:] = problem.true_count[0, 0]
        _, arguments = problem.tensors()
        ours, theirs = self.run_graph([losses_of[name](remove_accidental_hits=True, **arguments)
                                       for losses_of in (registry.LOSSES, _PEERS)])
        self.assert_close(ours, problem.oracle(name, True))
        self.assertGreater(theirs[0], ours[0] + 1e-2)

    @parameterized.parameters(*sorted(_PEERS))
    def test_a_partitioned_variable_needs_no_strategy(self, name):
        _, arguments = self._without_repeats().tensors()
        table = tf.get_variable("table", [_C, _D], partitioner=tf.fixed_size_partitioner(3))
        bias = tf.get_variable("bias", [_C], partitioner=tf.fixed_size_partitioner(3))
        arguments.update(weights=table, biases=bias)
        theirs = _PEERS[name](**arguments)  # with "div"
        arguments["partition_strategy"] = "mod"  # the default, with which tf.nn reads wrong rows
        ours, wrong = registry.LOSSES[name](**arguments), _PEERS[name](**arguments)
        parts = list(table) + list(bias)
        fetches = [[loss, tf.gradients(loss, parts)] for loss in (ours, theirs)]
        (ours, our_gradients), (theirs, their_gradients), wrong = self.run_graph(fetches + [wrong])
        self.assert_close(ours, theirs)
        for ours_of_part, theirs_of_part in zip(our_gradients, their_gradients):
            self.assert_close(_dense(ours_of_part), _dense(theirs_of_part), 1e-5, 1e-5)
        self.assertGreater(np.abs(wrong - theirs).max(), 1e-3)

    @parameterized.parameters(*sorted(_PEERS))
    def test_takes_the_values_of_tf_nns_samplers(self, name):
        _, arguments = _Problem().tensors()
        arguments["sampled_values"] = tf.random.log_uniform_candidate_sampler(
            arguments["labels"], 1, _S, True, _C, seed=3)
        ours, theirs = registry.LOSSES[name](**arguments), _PEERS[name](**arguments)
        self.assert_close(*self.run_graph([ours, theirs]))

    @parameterized.parameters(*sorted(_PEERS))
    def test_arguments_are_in_the_order_of_tf_nn(self, name):
        _, arguments = self._without_repeats().tensors()
        positional = [arguments[key] for key in (
            "weights", "biases", "labels", "inputs", "num_sampled", "num_classes", "num_true",
            "sampled_values")] + [True, "div", "a_name"]
        ours, theirs = registry.LOSSES[name](*positional), _PEERS[name](*positional)
        self.assert_close(*self.run_graph([ours, theirs]))


class TypesTest(_LossCase):

    def _assert_types(self, loss, gradients, variables):
        """Assert that gradients have the types of their variables, and are sparse for tables."""
        dtypes = [variable.dtype.base_dtype for variable in variables]
        self.assertEqual([gradient.dtype for gradient in gradients], dtypes)
        for gradient in gradients[:-1]:
            self.assertIsInstance(gradient, tf.IndexedSlices)
        self.assertEqual(loss.dtype, tf.float64 if tf.float64 in (dtypes[0], dtypes[-1]) else tf.float32)

    @parameterized.parameters(*_LOSSES)
    def test_inputs_are_rounded_and_results_are_not(self, name):
        # Alternate the types of labels over losses and types of numbers.
        label_forms = itertools.cycle(itertools.product([tf.int32, tf.int64], [[_B], [_B, 1]]))
        dtypes = [dtype for dtype in _PRECISION if dtype != tf.float32]
        fetches, graphs = [], []
        for dtype, form in zip(dtypes, itertools.islice(label_forms, _LOSSES.index(name), None)):
            variables, arguments = _Problem().rounded(dtype).tensors(dtype)
            arguments["labels"] = _fed(np.zeros(form[1]), form[0])
            loss = _loss(name, remove_accidental_hits=True, **arguments)
            gradients = tf.gradients(loss, variables)
            self._assert_types(loss, gradients, variables)
            fetches.append([loss, gradients])
            graphs.append(arguments)
        with self.new_session() as session:
            for kind in _KINDS:
                problems, feed = [_Problem(kind=kind).rounded(dtype) for dtype in dtypes], {}
                for problem, arguments in zip(problems, graphs):
                    feed.update(problem.feed(arguments))
                for dtype, problem, result in zip(dtypes, problems, session.run(fetches, feed)):
                    with self.subTest(kind=kind, dtype=dtype):
                        self.assert_oracles(name, True, problem, result, dtype)

    @parameterized.parameters(*_LOSSES)
    def test_types_may_be_mixed(self, name):
        fetches, problems = [], []
        for dtypes in [(tf.float16, tf.float16, tf.float32), (tf.bfloat16, tf.float32, tf.float64)]:
            problem = _Problem(3, num_groups=3, ragged=True).rounded(*dtypes)
            variables, arguments = problem.tensors(*dtypes)
            loss = _loss(name, remove_accidental_hits=True, **arguments)
            gradients = tf.gradients(loss, variables)
            self._assert_types(loss, gradients, variables)
            fetches.append([loss, gradients])
            problems.append(problem)
        for (value, gradients), problem in zip(self.run_graph(fetches), problems):
            self.assert_close(value, problem.oracle(name, True))
            for gradient in gradients:
                self.assertTrue(np.all(np.isfinite(_dense(gradient))))

    @parameterized.parameters(*_PRECISION)
    def test_of_each_form_of_a_table(self, dtype):
        problem = _Problem(3, ragged=True).rounded(dtype)
        shards, arguments = problem.tensors(dtype, shards=3)
        weights, biases = [
            tf.get_variable(name, shape, dtype, partitioner=tf.fixed_size_partitioner(3),
                            initializer=tf.zeros_initializer())
            for name, shape in [("weights", [_C, _D]), ("biases", [_C])]]
        parts = list(weights) + list(biases)
        fill = [tf.assign(part, shard) for part, shard in zip(parts, shards)]
        of_unit_rows = _loss("sampled_softmax",
                             **dict(arguments, weights=logits.UnitRows(arguments["weights"])))
        of_parts = _loss("sampled_softmax", **dict(arguments, weights=weights, biases=biases))
        gradients = tf.gradients(of_unit_rows, shards[:6]) + tf.gradients(of_parts, parts)
        for gradient in gradients:
            self.assertIsInstance(gradient, tf.IndexedSlices)
            self.assertEqual(gradient.dtype, dtype)
        with self.new_session() as session:
            session.run(fill)
            of_unit_rows, of_parts, gradients = session.run([of_unit_rows, of_parts, gradients[6:]])
        self.assert_close(of_parts, problem.oracle("sampled_softmax", True), 1e-5, 1e-5)
        wanted = problem.oracle_gradients("sampled_softmax", True)
        for of_shards, of_whole in [(gradients[:3], wanted[0]), (gradients[3:], wanted[1])]:
            self.assert_close(np.concatenate([_dense(gradient) for gradient in of_shards]), of_whole,
                              _PRECISION[dtype], _PRECISION[dtype])
        problem.weights /= np.linalg.norm(problem.weights, axis=1, keepdims=True)
        self.assert_close(of_unit_rows, problem.oracle("sampled_softmax", True), 1e-5, 1e-5)

    @parameterized.parameters(*_LOSSES)
    def test_of_a_single_class_and_of_all_classes(self, name):
        cases = []
        for dtype, num_classes, remove, scale in [(tf.float16, 1, False, 100.0),
                                                  (tf.float32, 1, True, -100.0),
                                                  (tf.float32, _C, True, 100.0)]:
            weights, inputs = [_fed(scale * np.ones([rows, _D]), dtype) for rows in (num_classes, _B)]
            biases = _fed(np.zeros(num_classes), dtype)
            options = dict(k=1) if name == "softmax_at_k" else {}
            loss = registry.LOSSES[name](
                weights, biases, tf.zeros([_B, 1], tf.int32), inputs, num_classes, num_classes,
                remove_accidental_hits=remove, **options)
            cases.append((loss, [weights, biases, inputs]))
        for value, gradients in self.run_losses(cases):
            self.assertEqual(value.shape, (_B,))
            for number in [value] + gradients:
                self.assertTrue(np.all(np.isfinite(number)))


class PropertiesTest(_LossCase):

    def _of_all_candidates(self, name, problem, of_full=None, **options):
        """Return (a sampled loss with all classes as candidates, variables, the full loss)."""
        variables, arguments = problem.tensors(tf.float64)
        arguments["sampled_values"] = samplers.all_candidate_sampler(
            arguments["labels"], problem.num_true, _C, True, label_mask=arguments.get("label_mask"))
        loss = registry.LOSSES[name](remove_accidental_hits=True, **dict(arguments, **options))
        full = of_full and of_full(*[arguments[key] for key in (
            "weights", "biases", "labels", "inputs", "num_classes", "num_true")],
            label_mask=arguments.get("label_mask"))
        return loss, variables, full

    @parameterized.parameters(("sampled_softmax", losses.full_softmax_loss),
                              ("nce", losses.full_sigmoid_loss))
    def test_all_candidates_make_the_full_loss(self, name, of_full):
        cases = []
        for num_true, ragged in [(1, False), (3, True)]:
            problem = _Problem(num_true, ragged=ragged)
            problem.labels = (problem.labels[:, :1] + np.arange(num_true)) % _C  # without repeats
            loss, variables, full = self._of_all_candidates(name, problem, of_full)
            cases += [(loss, variables), (full, variables)]
        results = self.run_losses(cases)
        for ours, theirs in zip(results[::2], results[1::2]):
            self.assert_results_close(ours, theirs, 1e-12, 1e-12)

    def test_refined_of_all_candidates_has_the_full_softmaxs_gradient(self):
        loss, variables, full = self._of_all_candidates("refined_sampled_softmax", _Problem(),
                                                        losses.full_softmax_loss)
        (value, gradients), (full_value, full_gradients) = self.run_losses(
            [(loss, variables), (full, variables)])
        for gradient, wanted in zip(gradients, full_gradients):
            self.assert_close(gradient, wanted, 1e-12, 1e-12)
        self.assertGreater(np.abs(value - full_value).min(), 1e-3)

    def test_softmax_at_k_with_a_low_temperature_counts_the_labels_in_the_top_k(self):
        problem = _Problem()
        scores = problem.inputs.dot(problem.weights.T) + problem.biases
        rank = (scores > scores[np.arange(_B), problem.labels[:, 0]][:, None]).sum(1)
        whole, _, _ = self._of_all_candidates("sampled_softmax", problem)
        values = {k: self._of_all_candidates("softmax_at_k", problem, k=k, weight_temperature=1e-9)[0]
                  for k in (1, 4, _C)}
        whole, values = self.run_graph([whole, values])
        for k, value in values.items():
            # The label whose score is the threshold has the weight 1/2.
            self.assert_close(value / whole, np.where(rank < k - 1, 1, np.where(rank < k, 0.5, 0)))

    @parameterized.parameters(tf.float32, tf.float64)
    def test_softmax_at_k_of_fewer_candidates_than_k_with_unknown_size(self, dtype):
        _, arguments = _Problem().tensors(dtype)
        known = arguments["sampled_values"]
        candidates, expected_count = (tf.placeholder_with_default(known[i], [None]) for i in (0, 2))
        unknown = candidates, known[1], expected_count
        values = [losses.softmax_at_k_loss(k=k, **dict(arguments, sampled_values=sampled_values))
                  for k, sampled_values in ((3, known), (3, unknown), (_S + 2, unknown))]
        known, unknown, few = self.run_graph(values)
        self.assert_close(unknown, known)
        self.assert_close(few, self.run_graph(losses.sampled_softmax_loss(
            remove_accidental_hits=True, **arguments)))

    def test_negative_samplings_noise_is_a_mean(self):
        problem, twice = _Problem(), _Problem()
        twice.sampled, twice.sampled_count, twice.masked = [
            np.tile(array, [1, 2]) for array in (twice.sampled, twice.sampled_count, twice.masked)]
        cases = []
        for each in (problem, twice):
            variables, arguments = each.tensors()
            cases.append((losses.negative_sampling_loss(num_negatives=4, **arguments), variables))
        self.assert_results_close(*self.run_losses(cases))

    def test_gbce_without_calibration_is_binary_cross_entropy(self):
        problem = _Problem()
        variables, arguments = problem.tensors()
        weights, biases, inputs = variables
        ids = np.concatenate([problem.labels, np.tile(problem.sampled, [_B, 1])], 1)
        scores = tf.reduce_sum(tf.gather(weights, ids) * inputs[:, None], 2) + tf.gather(biases, ids)
        targets = np.tile(np.arange(_S + 1) == 0, [_B, 1]).astype(np.float32)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=scores)
        loss = losses.gbce_loss(calibration=0, **arguments)
        self.assert_results_close(*self.run_losses([
            (loss, variables), (tf.reduce_mean(entropy, 1), variables)]))


class UnknownShapesTest(_LossCase):

    @parameterized.parameters(*_LOSSES)
    def test_sizes_may_be_unknown_and_the_batch_empty(self, name):
        problem = _Problem(3, num_groups=3, ragged=True, kind="masked")
        variables, arguments = problem.tensors()
        sizes = dict(labels=[None, 3], inputs=[None, _D], label_mask=[None, 3])
        arguments.update((key, tf.placeholder(arguments[key].dtype, shape))
                         for key, shape in sizes.items())
        arguments["sampled_values"] = [
            tf.placeholder(value.dtype, [None, None]) for value in arguments["sampled_values"]]
        loss = _loss(name, remove_accidental_hits=True, **arguments)
        self.assertEqual(loss.shape.as_list(), [None])
        fetches = [loss, tf.gradients(loss, variables[:2] + [arguments["inputs"]])]
        values = dict(zip(arguments["sampled_values"], problem.sampled_values()))
        feed = dict(values)
        feed.update({arguments["labels"]: problem.padded(problem.labels, -1),
                     arguments["inputs"]: problem.inputs, arguments["label_mask"]: problem.label_mask})
        none = {arguments[key]: np.zeros([0] + shape[1:]) for key, shape in sizes.items()}
        none.update(values)
        none[arguments["sampled_values"][1]] = np.zeros([0, 3])
        with self.new_session() as session:
            self.assert_oracles(name, True, problem, session.run(fetches, feed))
            value, gradients = session.run(fetches, none)
            self.assertEqual(value.shape, (0,))
            for gradient in gradients[:2]:
                np.testing.assert_array_equal(_dense(gradient), np.zeros_like(_dense(gradient)))

    @parameterized.parameters(*_LOSSES)
    def test_ranks_of_labels_and_inputs_may_be_unknown(self, name):
        problem, feed = _Problem(3, ragged=True), {}
        _, arguments = problem.tensors()
        for key, array in [("labels", problem.padded(problem.labels, -1)), ("inputs", problem.inputs),
                           ("label_mask", problem.label_mask)]:
            arguments[key] = tf.placeholder(arguments[key].dtype)
            feed[arguments[key]] = array
        value = self.run_graph(_loss(name, remove_accidental_hits=True, **arguments), feed)
        self.assert_close(value, problem.oracle(name, True))


_RAGGED = np.where(_LABEL_MASK, np.random.RandomState(1).randint(0, _C, [_B, 3]), -1)


@functools.lru_cache(maxsize=None)
def _drawn(sampler, unique, in_pairs):
    """Arrays of what a sampler draws with the seed [3, 4] for _RAGGED, or for groups of it as pairs."""
    of_form = dict(num_groups=_B) if in_pairs else dict(label_mask=_LABEL_MASK)
    with tf.Graph().as_default(), graph_case.new_session(optimized=False) as session:
        labels, num_true = (_RAGGED % _C, 1) if in_pairs else (_RAGGED, 3)
        return session.run(sampler(labels, num_true, 5, unique, _C, seed=tf.constant([3, 4]), **of_form))


class DefaultSamplerTest(_LossCase):

    @parameterized.parameters(*_LOSSES)
    def test_default_sampler_is_that_of_the_docstring(self, name):
        sampler, unique = {
            "gbce": (samplers.uniform_candidate_sampler, False),
            "negative_sampling": (samplers.log_uniform_candidate_sampler, False),
        }.get(name, (samplers.log_uniform_candidate_sampler, True))
        random = np.random.RandomState(1)
        weights, biases = tf.constant(random.randn(_C, _D)), tf.constant(random.randn(_C))
        in_pairs = dict(labels=_RAGGED % _C, inputs=tf.constant(random.randn(_B, 2, _D)),
                        pairs=tf.ones([_B, 2, 3]))
        of_examples = dict(labels=_RAGGED, num_true=3, label_mask=_LABEL_MASK,
                           inputs=tf.constant(random.randn(_B, _D)))
        fetches = []
        for arguments in (of_examples, in_pairs):
            drawn = _drawn(sampler, unique, arguments is in_pairs)
            for options in (dict(seed=tf.constant([3, 4])),  # the same draws always
                            dict(sampled_values=tuple(map(tf.constant, drawn)))):
                fetches.append(_loss(name, weights=weights, biases=biases, num_sampled=5,
                                     num_classes=_C, **dict(options, **arguments)))
        values = self.run_graph(fetches)
        np.testing.assert_array_equal(values[0], values[1])
        np.testing.assert_array_equal(values[2], values[3])
        self.assertEqual(values[2].shape, (_B, 2, 3))


class _ProblemOfExamples(_Problem):
    """A _Problem with certain candidates before the drawn candidates, and known classes of examples.

    The oracle gets a list of candidates for each example.
    """

    def __init__(self, kind):
        super().__init__(kind=kind)
        random = np.random.RandomState(7)
        self.drawn, self.drawn_masked = self.sampled[0], self.masked[0]
        self.drawn_count, self.drawn_true_count = self.sampled_count[0], self.true_count
        # One class is drawn too, one is a label, one is repeated; the fifth class is only certain.
        self.certain = np.array([self.drawn[3], self.labels[0, 0], 5, 5])
        self.rows = np.array([1, 0, 1, 3, 3, 0])  # the row of each example; row 2 has no example
        known = [(row, k) for row in range(4) for k in random.permutation(_C)[:6]] + [(3, 5), (0, 12)]
        if kind == "none_left":
            known += [(1, k) for k in range(_C)]
        self.known_rows, self.known_classes = np.array(known).T
        self.sampled = np.tile(np.concatenate([self.certain, self.drawn]), [_B, 1])
        is_certain = np.isin(self.drawn, self.certain)
        masked = np.concatenate([[False, self.certain[1] == self.certain[0], False, True],
                                 self.drawn_masked | is_certain])
        self.masked = np.array([masked | np.isin(self.sampled[i], [k for r, k in known if r == row])
                                for i, row in enumerate(self.rows)])
        count = np.concatenate([np.ones(4, np.float32), self.drawn_count])
        self.sampled_count = np.tile(count, [_B, 1])
        self.true_count = np.where(np.isin(self.labels, self.certain), 1, self.true_count)
        self.num_sampled = len(count)

    def sampled_values(self):
        count = np.where(self.drawn_masked, candidates.MASKED_COUNT, self.drawn_count)
        return self.drawn, self.drawn_true_count, count

    def certain_and_known(self):
        """Return the feed for the certain candidates and the known classes."""
        return self.certain, self.known_classes, self.known_rows, self.rows


class CountsOfExamplesTest(_LossCase):
    """Candidates that are masked for some of the examples, by candidates.without_known."""

    @parameterized.parameters(*_LOSSES)
    def test_values_and_gradients(self, name):
        problem = _ProblemOfExamples("plain")
        # Most candidates are masked for some examples, but not for all.
        self.assertGreater(np.sum(problem.masked.any(0) & ~problem.masked.all(0)), 3)
        variables, arguments = problem.tensors()
        more = [tf.placeholder(tf.int32, [None]) for _ in problem.certain_and_known()]
        values = candidates.with_certain(arguments["sampled_values"], arguments["labels"], more[0], _C)
        values = candidates.without_known(values, *more[1:])
        results = []
        for remove in (False, True):
            loss = _loss(name, remove_accidental_hits=remove,
                         **dict(arguments, sampled_values=values))
            self.assertEqual(loss.shape.as_list(), [_B])
            results.append([loss, tf.gradients(loss, variables)])
        with self.new_session() as session:
            for kind in ("plain", "masked", "far", "one_left", "none_left"):
                problem = _ProblemOfExamples(kind)
                feed = problem.feed(arguments)
                feed.update(zip(more, problem.certain_and_known()))
                for remove, result in zip((False, True), session.run(results, feed)):
                    with self.subTest(kind=kind, remove=remove):
                        self.assert_oracles(name, remove, problem, result)

    @parameterized.parameters(*_LOSSES)
    def test_candidates_masked_for_all_have_no_weight_and_no_gradient(self, name):
        sampled, labels = [3, 8, 5, 11], [1, 2, 1, 4, 6, 7]
        random = np.random.RandomState(3)
        inputs = tf.constant(random.randn(_B, _D), tf.float32)
        weights, biases = random.randn(_C, _D), random.randn(_C)
        variables = [_fed(weights, tf.float32), _fed(biases, tf.float32), inputs]
        values = candidates.without_known(
            (tf.constant(sampled, tf.int64), tf.fill([_B, 1], 0.5), tf.fill([4], 0.25)),
            [8, 8, 5, 8], [0, 1, 1, 2], [0, 1, 2, 0, 1, 2])
        loss = _loss(name, weights=variables[0], biases=variables[1], labels=tf.constant(labels),
                     inputs=inputs, num_sampled=4, num_classes=_C, sampled_values=values)
        fetches, results = [loss, tf.gradients(loss, variables)], []
        with self.new_session() as session:
            for row in (weights[8], 1e4 * weights[8], -1e4 * weights[8]):
                table, bias = weights.copy(), biases.copy()
                table[8], bias[8] = row, row[0]
                value, gradients = session.run(fetches, {variables[0]: table, variables[1]: bias})
                results.append((value, [_dense(gradient) for gradient in gradients]))
        for value, gradients in results:
            self.assert_close(value, results[0][0], 1e-6, 1e-6)
            np.testing.assert_array_equal(gradients[0][8], np.zeros(_D))
            self.assertEqual(gradients[1][8], 0)
            self.assert_close(gradients[2], results[0][1][2])
            self.assertTrue(np.any(gradients[0][5] != 0))  # masked for the examples of one row only


class PairsTest(_LossCase):
    """The form for groups of pairs gives the same results as the form for examples."""

    _G, _K, _J = 2, 3, 4

    def _arrays(self, kind="plain"):
        """Return arrays of weights, biases, inputs, labels, sampled values and pairs."""
        random = np.random.RandomState(4)
        weights_scale, inputs_scale = (1, 1) if kind in ("plain", "masked") else (10, 500)
        weights, biases = weights_scale * random.randn(_C, _D), random.randn(_C)
        inputs = inputs_scale * random.randn(self._G, self._K, _D)
        labels, sampled, masked = _candidates(
            random, kind, random.randint(1, _C, [self._G, self._J]), _S)
        count = random.rand(_C) + 0.05
        pairs = random.randint(0, 3, [self._G, self._K, self._J]) / 2
        sampled_count = np.where(masked, candidates.MASKED_COUNT, count[sampled])
        return weights, biases, inputs, labels, sampled, count[labels], sampled_count, pairs

    def _tensors(self, arrays, dtype=tf.float32):
        dtypes = [dtype, dtype, dtype, tf.int32, tf.int64] + 3 * [tf.float32]
        return [_fed(array, dtype) for array, dtype in zip(arrays, dtypes)]

    def _in_pairs(self, name, tensors, **options):
        weights, biases, inputs, labels, sampled, true_count, sampled_count, pairs = tensors
        return _loss(name, weights=weights, biases=biases, labels=labels, inputs=inputs, num_sampled=_S,
                     num_classes=_C, sampled_values=(sampled, true_count, sampled_count), pairs=pairs,
                     **options)

    def _of_examples(self, name, tensors, **options):
        weights, biases, inputs, labels, sampled, true_count, sampled_count, pairs = tensors
        inputs = tf.reshape(tf.tile(inputs[:, :, None], [1, 1, self._J, 1]), [-1, _D])
        labels, true_count = [tf.reshape(tf.tile(tensor[:, None], [1, self._K, 1]), [-1, 1])
                              for tensor in (labels, true_count)]
        loss = _loss(name, weights=weights, biases=biases, labels=labels, inputs=inputs, num_sampled=_S,
                     num_classes=_C, sampled_values=(sampled, true_count, sampled_count), **options)
        return tf.reshape(loss, pairs.shape) * pairs

    @parameterized.parameters(*_LOSSES)
    def test_values_and_gradients(self, name):
        tensors, fetches = self._tensors(self._arrays()), []
        for remove in (False, True):
            for form in (self._in_pairs, self._of_examples):
                loss = form(name, tensors, remove_accidental_hits=remove)
                self.assertEqual(loss.shape.as_list(), [self._G, self._K, self._J])
                fetches.append([loss, tf.gradients(loss, tensors[:3])])
        with self.new_session() as session:
            for kind in _KINDS:
                results = [(value, [_dense(gradient) for gradient in gradients]) for value, gradients in
                           session.run(fetches, dict(zip(tensors, self._arrays(kind))))]
                far = 1 if kind in ("plain", "masked") else 1e4
                for remove, ours, theirs in zip((False, True), results[::2], results[1::2]):
                    with self.subTest(kind=kind, remove=remove):
                        self.assert_results_close(ours, theirs, 1e-4, 1e-5 * far)

    @parameterized.parameters(*_LOSSES)
    def test_groups_may_share_their_candidates(self, name):
        arrays = [np.concatenate([array] * 2) if 2 <= i else array
                  for i, array in enumerate(self._arrays("masked"))]
        arrays[3] = (arrays[3] + np.arange(len(arrays[3]))[:, None]) % _C  # 4 groups, 2 sets
        shared = [array[:2] if i in (4, 6) else np.repeat(array[:2], 2, 0) if i == 5 else array
                  for i, array in enumerate(arrays)]
        own = [np.repeat(array, 2, 0) if i in (4, 6) else array for i, array in enumerate(shared)]
        tensors, unknown = self._tensors(own), [
            tf.placeholder(tensor.dtype, [None] * len(tensor.shape[:-1]) + tensor.shape[-1:].as_list())
            for tensor in self._tensors(shared)[2:]]
        unknown = tensors[:2] + unknown
        fetches = []
        for form in (tensors, tensors[:4] + self._tensors(shared)[4:], unknown):
            loss = self._in_pairs(name, form, remove_accidental_hits=True)
            fetches.append([loss, tf.gradients(loss, tensors[:2] + form[2:3])])
        (wanted, wanted_gradients), *others = self.run_graph(fetches, dict(zip(unknown[2:], shared[2:])))
        self.assertEqual(wanted.shape, (4, self._K, self._J))
        wanted_gradients = list(map(_dense, wanted_gradients))
        for value, gradients in others:
            self.assert_results_close((value, list(map(_dense, gradients))), (wanted, wanted_gradients))

    @parameterized.parameters("sampled_softmax", "softmax_at_k")
    def test_types(self, name):
        dtypes, forms, fetches = (tf.float16, tf.bfloat16, tf.float64, tf.float32), [], []
        for dtype in dtypes:
            tensors = self._tensors(self._arrays("masked"), dtype)
            loss = self._in_pairs(name, tensors, remove_accidental_hits=True)
            gradients = tf.gradients(loss, tensors[:3])
            self.assertEqual(loss.dtype, tf.float64 if dtype == tf.float64 else tf.float32)
            self.assertEqual([g.dtype for g in gradients], [dtype] * 3)
            self.assertIsInstance(gradients[0], tf.IndexedSlices)
            forms.append(tensors)
            fetches.append([loss, gradients])
        with self.new_session() as session:
            for dtype, tensors, of_dtype in zip(dtypes[:-1], forms, fetches):
                arrays = [array.astype(dtype.as_numpy_dtype) for array in self._arrays("masked")[:3]]
                feed = dict(zip(tensors[:3], arrays))
                feed.update(zip(forms[-1][:3], [array.astype(np.float32) for array in arrays]))
                (value, gradients), (wanted, wanted_gradients) = session.run([of_dtype, fetches[-1]],
                                                                             feed)
                with self.subTest(dtype=dtype):
                    self.assert_close(value, wanted, 1e-5, 1e-5)
                    precision = max(_PRECISION[dtype], 1e-5)  # the expected values are float32
                    for gradient, wanted_gradient in zip(gradients, wanted_gradients):
                        self.assert_close(
                            _dense(gradient), _dense(wanted_gradient), precision, precision)

    @parameterized.parameters(*_LOSSES)
    def test_sizes_may_be_unknown_and_pairs_boolean(self, name):
        arrays = self._arrays("masked")
        arrays = arrays[:-1] + (arrays[-1] > 0,)
        tensors = self._tensors(arrays)
        unknown = tensors[:2] + [tf.placeholder(tensor.dtype, [None] * (rank - 1) + [last])
                                 for tensor, rank, last in zip(
                                     tensors[2:], [3, 2, 2, 2, 2], [_D] + 4 * [None])]
        unknown.append(tf.placeholder(tf.bool, [None, None, None]))
        values = self.run_graph([self._in_pairs(name, tensors, remove_accidental_hits=True),
                                 self._in_pairs(name, unknown, remove_accidental_hits=True)],
                                dict(zip(unknown, arrays)))
        self.assert_close(*values)


class FullLossTest(_LossCase):

    @parameterized.parameters("full_softmax", "full_sigmoid")
    def test_values_and_gradients(self, name):
        oracle, cases, wanted = getattr(oracles, name), [], []
        for num_true, ragged in [(1, False), (3, False), (3, True)]:
            problem = _Problem(num_true, ragged=ragged)
            variables, arguments = problem.tensors()
            loss = getattr(losses, name + "_loss")(
                arguments["weights"], arguments["biases"], arguments["labels"], arguments["inputs"],
                _C, num_true, label_mask=arguments.get("label_mask"))
            self.assertEqual(loss.shape.as_list(), [_B])
            cases.append((loss, variables))
            wanted.append(problem.oracle_arguments(False)[:4])
        for (value, gradients), arguments in zip(self.run_losses(cases), wanted):
            self.assert_close(value, oracle(*arguments))
            for gradient, wanted_gradient in zip(gradients, oracles.gradients(oracle, arguments)):
                self.assert_close(gradient, wanted_gradient, 1e-4, 1e-5)
        self.assertEqual(value[2], 0)

    @parameterized.product(name=["full_softmax", "full_sigmoid"], strategy=["mod", "div"])
    def test_of_shards(self, name, strategy):
        problem = _Problem()

        def split(array):
            parts = [array[i::3] for i in range(3)] if strategy == "mod" else np.array_split(array, 3)
            return [tf.constant(part, tf.float32) for part in parts]

        value = self.run_graph(getattr(losses, name + "_loss")(
            split(problem.weights), split(problem.biases), tf.constant(problem.labels[:, 0], tf.int32),
            tf.constant(problem.inputs, tf.float32), _C, 1, strategy))
        self.assert_close(value, getattr(oracles, name)(*problem.oracle_arguments(False)[:4]))

    _PAIRS = ((_C, _D), (_C,), (2, 3, _D), (2, 4), (2, 3, 4))  # weights, biases, inputs, labels, pairs

    def _in_pairs(self, dtype=tf.float32, scale=1, seed=1):
        """Return arrays of weights, biases, inputs, labels and pairs, and their tensors."""
        random = np.random.RandomState(seed)
        arrays = [scale * random.standard_normal(shape).astype(dtype.as_numpy_dtype)
                  for shape in self._PAIRS[:3]]
        arrays += [random.randint(0, _C, self._PAIRS[3]), random.randint(0, 3, self._PAIRS[4]) / 2]
        return arrays, [_fed(array, kind) for array, kind in zip(
            arrays, [dtype, dtype, dtype, tf.int32, tf.float32])]

    @parameterized.parameters(*_PRECISION)
    def test_pairs_are_examples(self, dtype):
        _, tensors = self._in_pairs(dtype)
        weights, biases, inputs, labels, pairs = tensors
        ours = losses.full_softmax_loss(weights, biases, labels, inputs, _C, pairs=pairs)
        self.assertEqual(ours.shape.as_list(), [2, 3, 4])
        rows = tf.reshape(tf.tile(inputs[:, :, None], [1, 1, 4, 1]), [-1, _D])
        theirs = tf.cast(pairs, ours.dtype) * tf.reshape(losses.full_softmax_loss(
            weights, biases, tf.reshape(tf.tile(labels[:, None], [1, 3, 1]), [-1]), rows, _C),
            [2, 3, 4])
        fetches = [[loss, tf.gradients(loss, tensors[:3])] for loss in (ours, theirs)]
        for gradient, tensor in zip(fetches[0][1], tensors):
            self.assertEqual(gradient.dtype, tensor.dtype)
        with self.new_session() as session:
            for scale in (1, 50):
                arrays, _ = self._in_pairs(dtype, scale, seed=2)
                (value, gradients), wanted = session.run(fetches, dict(zip(tensors, arrays)))
                self.assert_close(value, wanted[0], 1e-5, 1e-5 * scale ** 2)
                self.assertGreater(np.abs(value).max(), 1)
                precision = 4 * scale * max(_PRECISION[dtype], 1e-5)
                for gradient, wanted_gradient in zip(gradients, wanted[1]):
                    self.assert_close(_dense(gradient), _dense(wanted_gradient), precision, precision)

    def test_pairs_of_unknown_sizes_and_of_shards(self):
        arrays, tensors = self._in_pairs()
        weights, biases, inputs, labels, pairs = arrays
        wanted = losses.full_softmax_loss(*tensors[:2], tensors[3], tensors[2], _C, pairs=tensors[4])
        unknown = [tf.placeholder(tf.float32, [None, None, _D]), tf.placeholder(tf.int64, [None, None]),
                   tf.placeholder(tf.bool, [None, None, None])]
        for strategy in ("mod", "div"):
            parts = [[array[i::3] for i in range(3)] if strategy == "mod" else np.array_split(array, 3)
                     for array in (weights, biases)]
            loss = losses.full_softmax_loss(
                *[[tf.constant(part) for part in table] for table in parts], unknown[1], unknown[0], _C,
                partition_strategy=strategy, pairs=unknown[2])
            feed = dict(zip(tensors[4:] + unknown, [pairs > 0, inputs, labels, pairs > 0]))
            self.assert_close(*self.run_graph([loss, wanted], feed))

    @parameterized.parameters("full_softmax", "full_sigmoid")
    def test_types(self, name):
        fetches, feed = [], {}
        for dtype in _PRECISION:
            variables, arguments = _Problem(3).rounded(dtype).tensors(dtype)
            feed.update(_Problem(3, kind="far").rounded(dtype).feed(arguments))
            loss = getattr(losses, name + "_loss")(
                arguments["weights"], arguments["biases"], arguments["labels"], arguments["inputs"],
                _C, 3)
            gradients = tf.gradients(loss, variables)
            self.assertEqual([gradient.dtype for gradient in gradients], [dtype] * 3)
            fetches.append([loss, gradients])
        with self.new_session() as session:
            results = {"plain": session.run(fetches), "far": session.run(fetches, feed)}
        for kind, results_of_kind in results.items():
            for dtype, (value, gradients) in zip(_PRECISION, results_of_kind):
                problem = _Problem(3, kind=kind).rounded(dtype)
                wanted = getattr(oracles, name)(*problem.oracle_arguments(False)[:4])
                self.assert_close(value, wanted, 1e-5, 1e-6 * np.abs(wanted).max())
                for gradient in gradients:
                    self.assertTrue(np.all(np.isfinite(_dense(gradient))))


class LossByNameTest(_LossCase):

    @parameterized.parameters(*_LOSSES)
    def test_is_the_tables_function(self, name):
        problem = _Problem()
        _, arguments = problem.tensors()
        common = [arguments[key] for key in ("weights", "biases", "labels", "inputs")]
        options = _OPTIONS.get(name, {})
        pairs = tf.constant(np.random.RandomState(1).rand(1, _B, _B), tf.float32)
        grouped = dict(labels=tf.reshape(common[2], [1, _B]), inputs=common[3][None],
                       sampled_values=tuple(tf.reshape(value, [1, -1])
                                            for value in arguments["sampled_values"]))
        values = self.run_graph([
            losses.loss_by_name(name, *common, _C, arguments["sampled_values"], **options),
            _loss(name, **arguments),
            losses.loss_by_name(name, *common[:2], num_classes=_C, pairs=pairs, **grouped, **options),
            registry.LOSSES[name](*common[:2], num_sampled=None, num_classes=_C, pairs=pairs, **grouped,
                                **options)])
        np.testing.assert_array_equal(values[0], values[1])
        np.testing.assert_array_equal(values[2], values[3])
        self.assertEqual((values[0].shape, values[2].shape), ((_B,), (1, _B, _B)))

    def test_a_full_loss_needs_no_sampled_values(self):
        _, arguments = _Problem().tensors()
        common = [arguments[key] for key in ("weights", "biases", "labels", "inputs")]
        pairs = tf.eye(_B)[None]
        values = self.run_graph([
            losses.loss_by_name("full_softmax", *common, _C),
            losses.full_softmax_loss(*common, _C),
            losses.loss_by_name("full_softmax", *common[:2], tf.reshape(common[2], [1, _B]),
                                common[3][None], _C, pairs=pairs)[0]])
        np.testing.assert_array_equal(values[0], values[1])
        self.assert_close(values[2], np.diag(values[1]))

    def test_missing_arguments_are_named(self):
        _, arguments = _Problem().tensors()
        common = [arguments[key] for key in ("weights", "biases", "labels", "inputs")]
        with self.assertRaisesRegex(InputError, "^loss_by_name: loss: wanted one of gbce, .*'hinge'"):
            losses.loss_by_name("hinge", *common, _C, arguments["sampled_values"])
        for name in _LOSSES:
            with self.assertRaisesRegex(InputError, "^loss_by_name: sampled_values: wanted the return "
                                        "value of a sampler, got None"):
                losses.loss_by_name(name, *common, _C)


class L2LossOfRowsTest(graph_case.GraphCase):

    @parameterized.parameters(*_PRECISION)
    def test_each_use_of_a_row_counts(self, dtype):
        table = tf.constant([[1, 2], [3, 4], [5, 6]], dtype)
        loss = losses.l2_loss_of_rows(table, [[2, 0], [2, 2]])
        self.assertEqual(loss.dtype, tf.float64 if dtype == tf.float64 else tf.float32)
        gradient, = tf.gradients(loss, [table])
        self.assertIsInstance(gradient, tf.IndexedSlices)
        self.assertEqual(gradient.dtype, dtype)
        value, gradient = self.run_graph([loss, gradient])
        self.assert_close(value, 0.5 * (3 * (25 + 36) + 1 + 4))
        self.assert_close(_dense(gradient), [[1, 2], [0, 0], [15, 18]])


class ErrorsTest(_LossCase):

    def _assert_named(self, name, arguments, changes):
        """Assert that a loss raises the message for each of [(changed arguments, message)]."""
        for changed, message in changes:
            with self.subTest(message), self.assertRaisesRegex(
                    InputError, "^(%s_loss|.*_sampler|logits|lookup): %s" % (name, message)):
                _loss(name, **dict(arguments, **changed))

    @parameterized.parameters(*_LOSSES)
    def test_wrong_arguments_are_named(self, name):
        _, arguments = _Problem().tensors()
        _, ragged = _Problem(3, ragged=True).tensors()
        sampled, true_count, sampled_count = arguments["sampled_values"]
        pairs = tf.ones([1, 1, 1])
        types = "weights, inputs: wanted types among float16, bfloat16, float32, float64, got .*int32"
        self._assert_named(name, arguments, [
            (dict(weights=tf.ones([_C, _D], tf.int32)), types),
            (dict(inputs=tf.ones([_B, _D], tf.int32)), types),
            (dict(inputs=arguments["inputs"][None, None]),
             r"inputs: wanted shape \[B, D\] or \[B, L, D\]"),
            (dict(inputs=arguments["inputs"][None]), r"labels: wanted shape \[B, L, num_true\]"),
            (dict(labels=tf.zeros([_B, 1], tf.bool)), "labels: wanted integer ids, got 'bool'"),
            (dict(labels=tf.zeros([_B, 2], tf.int64)), r"labels: wanted shape \[B, num_true\]"),
            (dict(labels=np.full([_B, 1], _C)), "labels: wanted ids from 0 to 12, got .13"),
            (dict(labels=np.full(_B, -1, np.int32)), "labels: wanted ids from 0 to 12, got .-1"),
            (dict(num_true=0), "num_true: wanted an integer above 0, got 0"),
            (dict(num_sampled=0, sampled_values=None), "num_sampled: wanted an integer above 0, got 0"),
            (dict(partition_strategy="even"), "partition_strategy: wanted one of div, mod, got 'even'"),
            (dict(sampled_values=(sampled[None, None], true_count, sampled_count)),
             r"sampled_values: wanted candidates of shape \[S\] or \[G, S\]"),
            (dict(label_mask=tf.ones([_B, 1])), "label_mask: wanted booleans, got 'float32'"),
            (dict(ragged, label_mask=_LABEL_MASK[:, :2]), "label_mask: wanted the shape of "),
            (dict(label_mask=_LABEL_MASK[:, :1], pairs=pairs), "label_mask: wanted None with pairs"),
            (dict(ragged, label_mask=None, pairs=pairs), "num_true: wanted 1 with pairs, got 3"),
        ])

    @parameterized.parameters(*_LOSSES)
    def test_wrong_arguments_with_pairs_are_named(self, name):
        sampled_values = tf.zeros([2, _S], tf.int64), tf.ones([2, 3]), tf.ones([2, _S])
        arguments = dict(labels=tf.zeros([2, 3], tf.int64), inputs=tf.ones([2, 4, _D]),
                         weights=tf.ones([_C, _D]), biases=tf.ones([_C]), pairs=tf.ones([2, 4, 3]),
                         num_sampled=_S, num_classes=_C, sampled_values=sampled_values)
        self._assert_named(name, arguments, [
            (dict(labels=tf.zeros([2], tf.int64)), r"labels: wanted shape \[G, J\]"),
            (dict(labels=tf.zeros([2, 3], tf.bool)), "labels: wanted integer ids, got 'bool'"),
            (dict(labels=np.full([2, 3], _C)), "labels: wanted ids from 0 to 12, got .13"),
            (dict(inputs=tf.ones([2, _D])), r"inputs: wanted shape \[G, K, D\]"),
            (dict(inputs=tf.ones([2, 4, _D], tf.int32)), "weights, inputs: wanted types among "),
            (dict(sampled_values=(tf.zeros([3, _S], tf.int64), sampled_values[1], tf.ones([3, _S]))),
             "sampled_values: wanted a number of sets that divides 2 groups, got 3"),
            (dict(sampled_values=(sampled_values[0][0], sampled_values[1], sampled_values[2][0])),
             r"sampled_values: wanted candidates of shape \[H, S\]"),
        ])

    @parameterized.parameters(
        ("softmax_at_k", dict(k=_S + 1), "k: wanted at most the number of candidates, 7, got 8"),
        ("softmax_at_k", dict(), "k: wanted at most the number of candidates, 7, got 20"),
        ("softmax_at_k", dict(k=0), "k: wanted an integer above 0, got 0"),
        ("softmax_at_k", dict(k=2.5), "k: wanted an integer above 0, got 2.5"),
        ("softmax_at_k", dict(k=3, weight_temperature=0), "weight_temperature: wanted a number above 0"),
        ("softmax_at_k", dict(k=3, weight_temperature=-1), "weight_temperature: wanted a number above"),
        ("negative_sampling", dict(num_negatives=0), "num_negatives: wanted a number above 0, got 0"),
        ("negative_sampling", dict(num_negatives=-1), "num_negatives: wanted a number above 0, got -1"),
        ("gbce", dict(calibration=1.5), "calibration: wanted a number from 0 to 1, got 1.5"),
        ("gbce", dict(calibration=-0.1), "calibration: wanted a number from 0 to 1, got -0.1"),
        ("gbce", dict(calibration=np.nan), "calibration: wanted a number from 0 to 1, got nan"),
    )
    def test_wrong_options_are_named(self, name, options, message):
        _, arguments = _Problem().tensors()
        with self.assertRaisesRegex(InputError, "^%s_loss: %s" % (name, message)):
            registry.LOSSES[name](**dict(arguments, **options))

    @parameterized.parameters("full_softmax_loss", "full_sigmoid_loss")
    def test_wrong_arguments_of_full_losses_are_named(self, name):
        labels = np.zeros([_B, 3], np.int64)
        arguments = dict(weights=tf.ones([_C, _D]), biases=tf.ones([_C]), labels=labels,
                         inputs=tf.ones([_B, _D]), num_classes=_C, num_true=3)
        for changed, message in [
                (dict(labels=labels + 0.5), "%s: labels: wanted whole numbers as ids, got"),
                (dict(num_true=2), r"%s: labels: wanted shape \[B, num_true\]"),
                (dict(labels=labels + _C), "%s: labels: wanted ids from 0 to 12, got .13"),
                (dict(label_mask=tf.ones([_B, 3])), "%s: label_mask: wanted booleans"),
                (dict(label_mask=_LABEL_MASK[:, :2]), "%s: label_mask: wanted the shape of "),
                (dict(inputs=tf.ones([_B, _D], tf.int32)), "logits: weights, inputs: wanted types "),
        ]:
            with self.subTest(message), self.assertRaisesRegex(
                    InputError, "^" + message.replace("%s", name)):
                getattr(losses, name)(**dict(arguments, **changed))

    def test_wrong_arguments_of_a_full_loss_with_pairs_are_named(self):
        arguments = dict(weights=tf.ones([_C, _D]), biases=tf.ones([_C]), num_classes=_C,
                         labels=np.zeros([2, 3], np.int64), inputs=tf.ones([2, 4, _D]),
                         pairs=tf.ones([2, 4, 3]))
        for changed, message in [
                (dict(num_true=3), "num_true: wanted 1 with pairs, got 3"),
                (dict(label_mask=np.ones([2, 3], bool)), "label_mask: wanted None with pairs"),
                (dict(labels=np.zeros([2], np.int64)), r"labels: wanted shape \[G, J\]"),
                (dict(labels=np.zeros([2, 3], bool)), "labels: wanted integer ids, got 'bool'"),
                (dict(labels=np.full([2, 3], _C)), "labels: wanted ids from 0 to 12, got .13"),
                (dict(labels=np.full([2, 3], -1)), "labels: wanted ids from 0 to 12, got .-1"),
                (dict(inputs=tf.ones([2, _D])), r"inputs: wanted shape \[G, K, D\]"),
        ]:
            with self.subTest(message), self.assertRaisesRegex(
                    InputError, "^full_softmax_loss: " + message):
                losses.full_softmax_loss(**dict(arguments, **changed))
        with self.assertRaisesRegex(InputError, "weights, inputs: wanted types among "):
            losses.full_softmax_loss(**dict(arguments, inputs=tf.ones([2, 4, _D], tf.int32)))

    def test_a_label_out_of_range_is_an_error_of_the_session(self):
        weights, biases, inputs = tf.ones([_C, _D]), tf.ones([_C]), tf.ones([2, _D])
        labels = tf.placeholder(tf.int64, [2, 1])
        fetches = [(name, getattr(losses, name)(weights, biases, labels, inputs, _C))
                   for name in ("full_softmax_loss", "full_sigmoid_loss")]
        fetches.append(("full_softmax_loss", losses.full_softmax_loss(
            weights, biases, labels, inputs[:, None], _C, pairs=tf.ones([2, 1, 1]))))
        for name in _LOSSES:
            arguments = dict(
                weights=weights, biases=biases, labels=labels, num_sampled=_S, num_classes=_C,
                sampled_values=(tf.zeros([2, _S], tf.int64), tf.ones([2, 1]), tf.ones([2, _S])))
            fetches += [(name + "_loss", _loss(name, inputs=inputs, **arguments)),
                        (name + "_loss", _loss(name, inputs=inputs[:, None], pairs=tf.ones([2, 1, 1]),
                                               **arguments))]
        with self.new_session() as session:
            session.run([loss for _, loss in fetches], {labels: [[0], [_C - 1]]})
            for (name, loss), wrong in itertools.product(fetches, (-1, _C)):
                message = r"%s: labels: wanted ids from 0 to 12, got\W+%d\b" % (name, wrong)
                with self.subTest(message), self.assertRaisesRegex(
                        tf.errors.InvalidArgumentError, message):
                    session.run(loss, {labels: [[0], [wrong]]})


class NoGradientIsNoneTest(graph_case.GraphCase):

    def _draw(self, sampler):
        """Return (labels, S, sampled values) of a sampler."""
        labels = tf.constant([[1], [2], [0], [1], [4], [2]])
        size = _C if sampler == "all" else _S
        return labels, size, samplers.sample_by_name(sampler, labels, size, np.arange(1, _C + 1), seed=1)

    def _step(self, name, make_optimizer, labels, size, sampled):
        """Return (train op, variables) of a loss with variables of its own."""
        weights = tf.get_variable("weights", [_C, _D], initializer=tf.random_normal_initializer(seed=1))
        biases = tf.get_variable("biases", [_C], initializer=tf.zeros_initializer(), trainable=False)
        kernel = tf.get_variable("kernel", [3, _D], use_resource=True,
                                 initializer=tf.random_normal_initializer(seed=2))
        value = tf.reduce_mean(_loss(
            name, weights=weights, biases=biases, labels=labels, num_sampled=size, num_classes=_C,
            inputs=tf.matmul(tf.ones([_B, 3]), kernel), sampled_values=sampled))
        value += 0.01 * losses.l2_loss_of_rows(weights, labels)
        value += 0.01 * losses.l2_loss_of_rows(weights, sampled[0])
        optimizer, variables = make_optimizer(0.05), [weights, kernel]
        gradients = optimizer.compute_gradients(value, variables)
        self.assertNotIn(None, [gradient for gradient, _ in gradients])
        return optimizer.apply_gradients(gradients), variables

    def _assert_trained(self, session, step, variables, feed=None):
        before = session.run(variables)
        session.run(step, feed)
        for variable, old, new in zip(variables, before, session.run(variables)):
            self.assertTrue(np.all(np.isfinite(new)), variable.op.name)
            self.assertTrue(np.any(new != old), variable.op.name)

    @parameterized.named_parameters(
        ("%s_%s_%s" % case,) + case for case in zip(
            sorted(registry.SAMPLERS), itertools.cycle(_LOSSES), itertools.cycle(registry.OPTIMIZERS)))
    def test_of_one_graph(self, sampler, loss, optimizer):
        step, variables = self._step(loss, registry.OPTIMIZERS[optimizer], *self._draw(sampler))
        self.assertCountEqual(tf.trainable_variables(), variables)
        with self.new_session() as session:
            self._assert_trained(session, step, variables)

    def test_of_each_loss_with_each_sampler(self):
        draws = {sampler: self._draw(sampler) for sampler in registry.SAMPLERS}
        # Fed, so that there is one graph of each loss.
        sampled = [tf.placeholder(tf.int64, [None]), tf.placeholder(tf.float32, [_B, 1]),
                   tf.placeholder(tf.float32, [None])]
        steps, variables = [], []
        for name in _LOSSES:
            with tf.variable_scope(name):
                step, own = self._step(name, registry.OPTIMIZERS["sgd"], draws["all"][0], _S, sampled)
            steps.append(step)
            variables += own
        draws = {sampler: values for sampler, (_, _, values) in draws.items()}
        with self.new_session() as session:
            for sampler, values in session.run(draws).items():
                with self.subTest(sampler=sampler):
                    self._assert_trained(session, steps, variables, dict(zip(sampled, values)))


_FULL = {"full_softmax": losses.full_softmax_loss, "full_sigmoid": losses.full_sigmoid_loss}
_ALL = sorted(_LOSSES + list(_FULL))


def _any_loss(which, arguments, **changes):
    """Return a loss of _ALL for the arguments of a sampled loss."""
    arguments = dict(arguments, **changes)
    if which not in _FULL:
        return registry.LOSSES[which](**dict(_OPTIONS.get(which, {}), **arguments))
    return _FULL[which](**{key: value for key, value in arguments.items()
                           if key not in ("num_sampled", "sampled_values")})


class ArgumentsOfTfNnTest(_LossCase):
    """Arguments as in graphs that were written for tf.nn."""

    @parameterized.product(name=_ALL, types=[(1, tf.int8, tf.float32), (2, tf.uint16, tf.int32)])
    def test_labels_of_any_type_and_flat_ones(self, name, types):
        num_true, *dtypes = types
        problem = _Problem(num_true)
        _, arguments = problem.tensors()
        labels = arguments["labels"]
        others = [tf.cast(labels, dtype) for dtype in dtypes] + [tf.reshape(labels, [-1])]
        wanted, _ = problem.wanted(name)
        for value in self.run_graph([_any_loss(name, arguments, labels=of) for of in others]):
            self.assert_close(value, wanted)

    @parameterized.parameters(*_ALL)
    def test_without_biases(self, name):
        problem = _Problem()
        problem.biases[:] = 0
        variables, arguments = problem.tensors()
        ours, = self.run_losses([(_any_loss(name, arguments, biases=None), variables[::2])])
        value, gradients = problem.wanted(name)
        self.assert_results_close(ours, (value, gradients[::2]))

    @parameterized.parameters(*_ALL)
    def test_numbers_of_other_integer_types(self, name):
        problem = _Problem(2)
        _, arguments = problem.tensors()
        wanted, _ = problem.wanted(name)
        for value in self.run_graph([
                _any_loss(name, arguments, num_sampled=make(_S), num_classes=make(_C), num_true=make(2))
                for make in (np.int64, tf.Dimension)]):
            self.assert_close(value, wanted, 1e-4, 1e-5)

    @parameterized.parameters(*_ALL)
    def test_tables_without_a_static_shape(self, name):
        problem = _Problem()
        variables, arguments = problem.tensors()
        shapeless = {key: tf.placeholder_with_default(arguments[key], None)
                     for key in ("weights", "biases", "inputs")}
        variable = tf.Variable(tf.ones([_C, _D]) * tf.placeholder_with_default(1.0, None),
                               validate_shape=False, use_resource=False)
        of_ones = _Problem()
        of_ones.weights[:] = 1
        results = self.run_losses([(_any_loss(name, arguments, **shapeless), variables),
                                   (_any_loss(name, arguments, weights=variable), [])])
        self.assert_results_close(results[0], problem.wanted(name))
        self.assert_close(results[1][0], of_ones.wanted(name)[0], 1e-4, 1e-5)

    @parameterized.parameters(*_ALL)
    def test_all_ops_stay_in_the_callers_name_scope(self, name):
        _, arguments = _Problem(2).tensors()
        before = set(tf.get_default_graph().get_operations())
        for loss_name in (None, "mine"):
            with tf.name_scope("outer"):
                # All ops, with the default sampler and without it.
                _any_loss(name, arguments, name=loss_name, sampled_values=None)
        for op in set(tf.get_default_graph().get_operations()) - before:
            self.assertStartsWith(op.name, "outer")

    @parameterized.parameters(*_ALL)
    def test_the_number_of_ops_does_not_grow_with_the_labels(self, name):
        sizes = []
        for num_true in (2, 200):
            with tf.Graph().as_default() as graph:
                labels = tf.placeholder(tf.int64, [None, num_true])
                arguments = dict(weights=tf.zeros([_C, _D]), biases=tf.zeros([_C]), labels=labels,
                                 inputs=tf.zeros([3, _D]), num_true=num_true, num_classes=_C)
                if name not in _FULL:
                    arguments.update(num_sampled=_S, remove_accidental_hits=True)
                _any_loss(name, arguments)
                sizes.append(len(graph.get_operations()))
        self.assertEqual(*sizes)

    @parameterized.product(name=_ALL, pairs=[False, True])
    def test_gradients_of_an_imported_graph(self, name, pairs):
        if name == "full_sigmoid" and pairs:
            self.skipTest("it has no pairs")
        weights = tf.Variable(_Problem().weights, dtype=tf.float32, name="weights")
        ids, kept = tf.constant([[1, 2, 3], [4, 5, 6]]), tf.ones([2, 4, 3])
        inputs = tf.constant(np.random.RandomState(1).randn(2, 4, _D), tf.float32)
        random = np.random.RandomState(2)
        counts = random.rand(2, _S) + 0.05
        counts[:, 2] = candidates.MASKED_COUNT
        sampled = random.randint(0, _C, [2, _S]), random.rand(2, 3) + 0.05, counts
        if pairs:
            call = dict(labels=ids, inputs=inputs, pairs=kept)
        else:
            sampled = sampled[0][0], sampled[1], sampled[2][0]
            call = dict(labels=ids, inputs=inputs[:, 0], num_true=3)
        if name not in _FULL:
            types = (tf.int64, tf.float32, tf.float32)
            sampled = [tf.constant(array, dtype) for array, dtype in zip(sampled, types)]
            call.update(sampled_values=sampled, num_sampled=_S, remove_accidental_hits=True)
        value = tf.reduce_sum(_any_loss(name, call, weights=weights, biases=tf.zeros([_C]),
                                        num_classes=_C))
        exported = tf.train.export_meta_graph()
        wanted = _dense(self.run_graph(tf.gradients(value, weights)[0]))
        with tf.Graph().as_default():
            tf.train.import_meta_graph(exported, import_scope="copy")
            gradient, = tf.gradients(tf.get_default_graph().get_tensor_by_name("copy/" + value.name),
                                     tf.trainable_variables())
            self.assert_close(_dense(self.run_graph(gradient)), wanted)


class PaddedTableTest(_LossCase):
    """Tables with more rows than num_classes, whose further rows are padding."""

    FEWER = 9

    def _tables(self):
        """Return {form: ([C, D], [C])} of one table."""
        weights, biases = _Problem().weights.astype(np.float32), _Problem().biases.astype(np.float32)
        by_mod = [[tf.constant(table[i::3]) for i in range(3)] for table in (weights, biases)]
        with tf.variable_scope("parts", partitioner=tf.fixed_size_partitioner(4)):
            partitioned = [tf.get_variable("t%d" % table.ndim, table.shape,
                                           initializer=initializers.from_memory(table))
                           for table in (weights, biases)]
        return {"one": [tf.constant(weights), tf.constant(biases)], "shards": by_mod,
                "partitioned": partitioned,
                "shapeless": [tf.placeholder_with_default(table, None) for table in (weights, biases)]}

    @parameterized.product(name=sorted(_FULL), unit=[False, True])
    def test_a_full_loss_ignores_rows_from_num_classes_on(self, name, unit):
        problem = _Problem()
        labels = problem.labels % self.FEWER
        rows = problem.weights[:self.FEWER]
        if unit:
            rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        oracle = getattr(oracles, name)
        wanted = oracle(rows, problem.biases[:self.FEWER], labels, problem.inputs)
        values = self.run_graph({
            form: _FULL[name](logits.UnitRows(weights) if unit else weights, biases, labels,
                              tf.constant(problem.inputs, tf.float32), self.FEWER)
            for form, (weights, biases) in self._tables().items()})
        for form, value in values.items():
            with self.subTest(form):
                self.assert_close(value, wanted, 1e-5, 1e-5)

    def test_a_full_softmax_of_pairs_ignores_rows_from_num_classes_on(self):
        inputs = np.random.RandomState(1).randn(2, 4, _D)
        labels = np.array([[1, 2, 3], [4, 5, 6]])
        problem = _Problem()
        wanted = [oracles.full_softmax(problem.weights[:self.FEWER], problem.biases[:self.FEWER],
                                       [[label]] * 4, inputs[group])
                  for group in range(2) for label in labels[group]]
        for form, (weights, biases) in self._tables().items():
            with self.subTest(form):
                loss = losses.full_softmax_loss(weights, biases, labels, tf.constant(inputs, tf.float32),
                                                self.FEWER, pairs=tf.ones([2, 4, 3]))
                value = self.run_graph(loss).transpose([0, 2, 1])
                self.assert_close(value, np.reshape(wanted, [2, 3, 4]), 1e-5, 1e-5)

    @parameterized.parameters(1, 4, 9, 100)
    def test_blocks_of_classes(self, block_size):
        problem = _Problem()
        labels = problem.labels % self.FEWER
        arguments = [problem.weights[:self.FEWER], problem.biases[:self.FEWER], labels, problem.inputs]
        wanted = oracles.full_softmax(*arguments), oracles.gradients(oracles.full_softmax, arguments)[2:]
        cases, inputs = [], tf.constant(problem.inputs, tf.float32)
        for form, (weights, biases) in self._tables().items():
            if form != "shapeless":
                cases.append((losses.full_softmax_loss(weights, biases, labels, inputs, self.FEWER,
                                                       block_size=block_size), [inputs]))
        for ours in self.run_losses(cases):
            self.assert_results_close(ours, wanted)


class SequenceTest(_LossCase):

    @parameterized.product(name=_ALL, num_true=[1, 2], ragged=[False, True])
    def test_a_sequence_equals_its_places_as_examples(self, name, num_true, ragged):
        problem = _Problem(num_true, ragged=ragged)
        variables, arguments = problem.tensors()
        cases = []
        for labels_shape in [[2, 3, num_true]] + [[2, 3]] * (num_true == 1):
            changed = dict(inputs=tf.reshape(arguments["inputs"], [2, 3, _D]),
                           labels=tf.reshape(arguments["labels"], labels_shape))
            if ragged:
                changed["label_mask"] = tf.reshape(arguments["label_mask"], labels_shape)
            sequence = _any_loss(name, arguments, **changed)
            self.assertEqual(sequence.shape.as_list(), [2, 3])
            cases.append((sequence, variables))
        value, gradients = problem.wanted(name)
        for ours in self.run_losses(cases):
            self.assert_results_close(ours, (value.reshape([2, 3]), gradients))

    def test_the_default_sampler_takes_the_labels(self):
        labels = tf.placeholder(tf.int32, [None, None])
        inputs = tf.placeholder(tf.float32, [None, None, _D])
        loss = losses.sampled_softmax_loss(tf.ones([_C, _D]), tf.zeros([_C]), labels, inputs, 5, _C,
                                           label_mask=labels >= 0, seed=1)
        values = self.run_graph(loss, {labels: [[1, 2, 3], [4, -1, -1]], inputs: np.ones([2, 3, _D])})
        np.testing.assert_array_equal(values != 0, [[1, 1, 1], [1, 0, 0]])

    def test_a_sampler_takes_the_labels_of_sequences(self):
        labels = tf.constant([[1, 2, 3], [4, 5, 6]])
        sampled, flat = [samplers.log_uniform_candidate_sampler(of, 1, 5, True, _C, seed=[1, 2])
                         for of in (labels[..., None], tf.reshape(labels, [-1]))]
        inputs = tf.constant(np.random.RandomState(1).randn(2, 3, _D), tf.float32)
        ours = losses.nce_loss(tf.ones([_C, _D]), None, labels, inputs, 5, _C, sampled_values=sampled)
        wanted = losses.nce_loss(tf.ones([_C, _D]), None, tf.reshape(labels, [-1]),
                                 tf.reshape(inputs, [-1, _D]), 5, _C, sampled_values=flat)
        self.assert_close(*self.run_graph([tf.reshape(ours, [-1]), wanted]))


class StaticShapeTest(_LossCase):

    @parameterized.parameters(*_ALL)
    def test_shapes_that_do_not_fit_are_named(self, name):
        _, arguments = _Problem().tensors()
        message = "^%s_loss: " % name
        cases = [
            (dict(num_classes=_C + 1), "num_classes: wanted at most the 13 rows of weights, got 14"),
            (dict(inputs=tf.ones([_B, _D + 1])),
             "inputs: wanted the width of the rows of weights, 4, got 5"),
            (dict(biases=tf.ones([_C, 1])), r"biases: wanted shape \[C\], got \[13, 1\]"),
            (dict(biases=tf.ones([_C - 1])),
             "biases: wanted an element for each of num_classes = 13, got 12"),
            (dict(weights=tf.ones([_C, _D, 1])), r"weights: wanted shape \[C, D\], got \[13, 4, 1\]"),
            (dict(weights=[tf.ones([6, _D])] * 2), "num_classes: wanted at most the 12 rows of weights"),
            (dict(labels=tf.zeros([_B + 1, 1], tf.int64)), "labels: wanted labels of 6 examples, "),
        ]
        if name not in _FULL:
            sampled, true_count, sampled_count = arguments["sampled_values"]
            cases += [
                (dict(sampled_values=(sampled, true_count[1:], sampled_count)),
                 "sampled_values: wanted a true_expected_count for each label"),
                (dict(sampled_values=(sampled, true_count, sampled_count[1:])),
                 "sampled_values: wanted a sampled_expected_count for each candidate"),
                (dict(sampled_values=(tf.tile(sampled[None], [4, 1]), true_count,
                                      tf.tile(sampled_count[None], [4, 1]))),
                 "sampled_values: wanted a number of sets that divides 6 examples, got 4"),
            ]
        for changed, wanted in cases:
            with self.subTest(wanted), self.assertRaisesRegex(InputError, message + wanted):
                _any_loss(name, arguments, **changed)


class ReviewedTest(_LossCase):
    """Defects that a review of the losses in other graphs found."""

    @parameterized.parameters(*_LOSSES)
    def test_a_bias_that_is_not_trainable_has_a_gradient(self, name):
        biases = tf.Variable(tf.zeros([_C]), trainable=False, use_resource=True)
        problem = _Problem()
        problem.biases[:] = 0
        _, arguments = problem.tensors()
        arguments.update(biases=biases, remove_accidental_hits=True)
        gradient = _dense(self.run_graph(tf.gradients(_loss(name, **arguments), biases)[0]))
        self.assert_close(gradient, problem.oracle_gradients(name, True)[1], 1e-4, 1e-5)
        self.assertTrue(np.any(gradient[problem.sampled[0][3:6]]))

    @parameterized.parameters(*_LOSSES)
    def test_a_bias_that_is_nan_stays_nan(self, name):
        _, arguments = _Problem().tensors()
        biases = tf.Variable(tf.fill([_C], np.nan), trainable=False, use_resource=True)
        arguments.update(biases=biases, remove_accidental_hits=True)
        self.assertTrue(np.all(np.isnan(self.run_graph(_loss(name, **arguments)))))

    def test_gbce_of_padding_with_many_candidates_is_finite(self):
        labels = tf.constant([[1, -1], [2, 3]])
        loss = losses.gbce_loss(tf.ones([10, _D]), tf.zeros([10]), labels, tf.ones([2, _D]), 64, 10, 2,
                                label_mask=labels >= 0, seed=1)
        gradient, = tf.gradients(loss, loss.graph.get_tensor_by_name("ones:0"))
        value, gradient = self.run_graph([loss, gradient])
        self.assertTrue(np.all(np.isfinite(value)))
        self.assertTrue(np.all(np.isfinite(_dense(gradient))))

    def test_candidates_without_a_static_shape(self):
        _, arguments = _Problem().tensors()
        fed = [tf.placeholder_with_default(values, None) for values in arguments["sampled_values"]]
        self.assert_close(*self.run_graph([_loss("nce", **arguments),
                                           _loss("nce", **dict(arguments, sampled_values=fed))]))


class BlocksUnderTapesTest(parameterized.TestCase):

    def _losses(self, x):
        weights = tf.constant(np.random.RandomState(1).randn(9, 3), tf.float32)
        return [losses.full_softmax_loss(weights, None, [1, 2], x, 9, block_size=size)
                for size in (None, 4)]

    @parameterized.parameters(False, True)
    def test_a_tape_in_a_graph_sees_the_gradient(self, in_function):
        x = np.random.RandomState(2).randn(2, 3).astype(np.float32)

        def gradients(inputs):
            with tf2.GradientTape(persistent=True) as tape:
                tape.watch(inputs)
                values = self._losses(inputs)
            return [tape.gradient(value, inputs) for value in values]

        with tf.Graph().as_default(), tf.Session() as session:
            function = tf2.function(gradients, autograph=False) if in_function else gradients
            wanted, ours = session.run(function(tf.constant(x)))
        np.testing.assert_allclose(ours, wanted, 1e-5, 1e-6)

    def test_a_second_derivative_is_an_error(self):
        if not tf.executing_eagerly():
            self.skipTest("TensorFlow %s has no eager mode by default" % tf.VERSION)
        x = tf.ones([2, 3])
        with tf2.GradientTape() as outer:
            outer.watch(x)
            with tf2.GradientTape() as inner:
                inner.watch(x)
                value = self._losses(x)[1]
            gradient = inner.gradient(value, x)
        with self.assertRaisesRegex(InputError, "wanted first derivatives, got a second derivative"):
            outer.gradient(gradient, x)


if __name__ == "__main__":
    absltest.main()
