import itertools

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, sampler_case
from tf1_sampled import InputError, candidates, distributions, registry, samplers

_C, _COUNTS, _DISTORTION = sampler_case.C, sampler_case.COUNTS, sampler_case.DISTORTION
_NAMES, _DRAWN, _MIXED = sampler_case.NAMES, sampler_case.DRAWN, sampler_case.MIXED
_SEEDED, _UNIQUE, _LABELS = sampler_case.SEEDED, sampler_case.UNIQUE, sampler_case.LABELS


class EverySamplerTest(sampler_case.SamplerCase):
    """Properties of every row of SAMPLERS."""

    @parameterized.product(name=_NAMES, num_groups=[None, 4])
    def test_types_and_shapes(self, name, num_groups):
        labels = _LABELS[num_groups]
        shape = ([num_groups] if num_groups else []) + [
            sampler_case.num_candidates(name, labels.size // (num_groups or 1))]
        for sampled in sampler_case.sampled(name, num_groups):
            self.assertIsInstance(sampled.values, candidates.SampledValues)
            shapes = [shape, list(labels.shape), shape]
            self.assertEqual(sampled.static_shapes, shapes)
            self.assertEqual([list(value.shape) for value in sampled.values], shapes)
            ids, true_count, sampled_count = sampled.values
            self.assertEqual((ids.dtype, true_count.dtype, sampled_count.dtype),
                             (np.int64, np.float32, np.float32))
            self.assertBetween(ids.min(), 0, _C - 1)
            self.assertBetween(ids.max(), 0, _C - 1)
            self.assertGreater(min(true_count.min(), sampled_count.min()), 0)

    @parameterized.parameters(*_NAMES)
    def test_groups_have_sets_of_their_own(self, name):
        for sampled in sampler_case.sampled(name, 4):
            ids = sampled.values.sampled_candidates
            for one, other in ((0, 1), (0, 3), (1, 2), (2, 3)):
                self.assertEqual(np.any(ids[one] != ids[other]), name != "all")

    @parameterized.product(name=_NAMES, num_groups=[None, 4])
    def test_exact_counts_are_the_formula(self, name, num_groups):
        labels = _LABELS[num_groups]
        for unique, (ids, true_count, stated), _, _ in sampler_case.sampled(name, num_groups):
            if unique is not True:
                wanted = sampler_case.exact(name, unique, labels.size // (num_groups or 1),
                                            sampler_case.num_drawn(name))
                self.assert_close(true_count, wanted[labels])
                masked = stated == candidates.MASKED_COUNT
                self.assert_close(stated[~masked], wanted[ids[~masked]])

    @parameterized.product(name=_NAMES, num_groups=[None, 4])
    def test_each_class_is_unmasked_once(self, name, num_groups):
        for unique, (ids, _, stated), _, _ in sampler_case.sampled(name, num_groups):
            self.assertEqual(np.any(stated == candidates.MASKED_COUNT), unique == "masked")
            if unique:
                for row, counts in zip(np.reshape(ids, [num_groups or 1, -1]),
                                       np.reshape(stated, [num_groups or 1, -1])):
                    first = sampler_case.first_of_its_kind(row)
                    np.testing.assert_array_equal(counts != candidates.MASKED_COUNT, first)
                    self.assertLessEqual(counts[first].max(), 1)

    @parameterized.parameters(*_NAMES)
    def test_tf_nn_takes_the_values(self, name):
        for sampled in sampler_case.sampled(name, None):
            self.assertEqual(sampled.tf_nn_loss.shape, (12,))
            self.assertTrue(np.all(np.isfinite(sampled.tf_nn_loss)))

    @parameterized.parameters(*_NAMES)
    def test_labels_may_be_flat_when_there_is_one_each(self, name):
        _, true_count, _ = self.run_graph(self.sample(name, tf.constant([3, 0])))
        wanted = sampler_case.exact(name, False, 2, sampler_case.num_drawn(name))
        self.assert_close(true_count, wanted[[3, 0]])

    @parameterized.parameters(*_NAMES)
    def test_the_number_of_labels_may_be_unknown(self, name):
        known, unknown = tf.placeholder(tf.int64, [None, 1]), tf.placeholder(tf.int32, None)
        flat, grouped = (self.sample(name, labels, None, unique, num_groups=num_groups)
                         for labels, unique, num_groups in (
                             (known, sampler_case.kinds_of_unique(name)[-1], None),
                             (unknown, sampler_case.kinds_of_unique(name)[len(name) % 2 - 1], 2)))
        with self.new_session() as session:
            for size in (4, 0, 2):  # a batch may also be empty
                batch = np.arange(size)[:, None]
                of_flat, of_grouped = session.run([flat, grouped], {known: batch, unknown: batch})
                shape = (sampler_case.num_candidates(name, size),)
                self.assertEqual([v.shape for v in of_flat], [shape, (size, 1), shape])
                shape = (2, sampler_case.num_candidates(name, size // 2))
                self.assertEqual([v.shape for v in of_grouped], [shape, (size, 1), shape])

    @parameterized.parameters("all", "fixed_unigram", "in_batch", "in_batch+fixed_unigram", "uniform")
    def test_no_labels_that_are_constant(self, name):
        labels = tf.constant(np.zeros([0, 1], np.int32))
        unique = sampler_case.kinds_of_unique(name)[-1]
        flat, grouped = self.run_graph([self.sample(name, labels, None, unique, num_groups=num_groups)
                                        for num_groups in (None, 2)])
        size = sampler_case.num_candidates(name, 0)
        self.assertEqual([v.shape for v in flat], [(size,), (0, 1), (size,)])
        self.assertEqual([v.shape for v in grouped], [(2, size), (0, 1), (2, size)])

    @parameterized.parameters(*_SEEDED)
    def test_a_seed_repeats_its_draws(self, name):
        labels, fed = tf.constant([[1]]), tf.placeholder([tf.int32, tf.int64][len(name) % 2], [2])

        def draws(unique, seed):
            return self.sample(name, labels, None, unique, seed=seed).sampled_candidates

        fetches = [draws(sampler_case.kinds_of_unique(name)[-1], seed) for seed in (1, None)]
        with self.new_session() as session:
            first, second = session.run(fetches), session.run(fetches)
        with self.new_session() as session:
            again = session.run(fetches), session.run(fetches)
        # An integer repeats the draws of a session, None does not; runs of a session differ.
        for run, same in zip((first, second), again):
            np.testing.assert_array_equal(run[0], same[0])
        for one, other in itertools.combinations(first + second + [again[0][1], again[1][1]], 2):
            self.assertTrue(np.any(one != other))
        fetch = draws("masked", fed)  # a tensor repeats the draws of a run
        with self.new_session() as session:
            first = session.run(fetch, {fed: [1, 5]})
            np.testing.assert_array_equal(first, session.run(fetch, {fed: [1, 5]}))
            for other in ([1, 6], [2, 5]):
                self.assertTrue(np.any(first != session.run(fetch, {fed: other})))


class PaddingTest(sampler_case.SamplerCase):

    # Padding may be any number, also an id that is a label elsewhere. Internally it becomes 0.
    LABELS = np.array([[-1, 3], [3, 10 ** 9], [0, 3], [3, 0], [5, 5], [-9, -9]])
    MASK = np.array([[False, True], [False, False], [True, False], [True, True], [True, True],
                     [False, False]])

    @parameterized.product(name=_NAMES, num_groups=[None, 2])
    def test_padding_is_not_a_label(self, name, num_groups):
        labels, mask = self.LABELS, self.MASK
        if num_groups is None:
            labels, mask = labels.reshape(-1, 1), mask.reshape(-1, 1)
        fed, fed_mask = tf.placeholder(tf.int64, [None, None]), tf.placeholder(tf.bool, [None, None])
        kinds = sampler_case.kinds_of_unique(name)
        if name in _DRAWN:
            kinds = kinds[-1:] if num_groups else kinds[:2]
        values = [self.sample(name, fed, None, unique, num_groups=num_groups, label_mask=fed_mask)
                  if unique == "masked" and num_groups else
                  self.sample(name, tf.constant(labels, tf.int32), None, unique, num_groups=num_groups,
                              label_mask=mask) for unique in kinds]
        with self.new_session() as session:
            everything = session.run(values, {fed: labels, fed_mask: mask})
        # Rows of labels by group, and the rows that become candidates.
        rows, is_label = (np.reshape(of, [num_groups or 1, -1]) for of in (labels, mask))
        others, is_other = (np.roll(of, len(rows) // 2, 0) for of in (rows, is_label))
        for unique, (ids, true_count, stated) in zip(kinds, everything):
            np.testing.assert_array_equal(true_count[~mask], np.ones(np.sum(~mask)))
            ids, stated = (np.reshape(of, [len(rows), -1]) for of in (ids, stated))
            self.assertBetween(ids.min(), 0, _C - 1)
            self.assertBetween(ids.max(), 0, _C - 1)
            if unique is True:
                self.assertTrue(np.all(true_count[mask] < 1) and np.all(stated < 1))
                continue
            number = is_other.sum(1, keepdims=True)
            wanted = sampler_case.exact(name, unique, number, sampler_case.num_drawn(name))
            wanted = np.broadcast_to(wanted, [len(rows), _C])
            true_wanted = np.take_along_axis(wanted, np.where(is_label, rows, 0), 1)
            self.assert_close(true_count[mask], true_wanted[is_label])
            for row in range(len(rows)):
                kept = np.ones(ids.shape[1], bool)
                if "in_batch" in name:
                    kept[:len(others[row])] = is_other[row]
                    np.testing.assert_array_equal(ids[row, :len(others[row])][is_other[row]],
                                                  others[row][is_other[row]])
                if unique:
                    kept = np.array(sampler_case.first_of_its_kind(ids[row], kept))
                np.testing.assert_array_equal(stated[row] != candidates.MASKED_COUNT, kept)
                self.assert_close(stated[row][kept], wanted[row][ids[row][kept]])

    @parameterized.parameters("all", "in_batch", "in_batch+uniform", "uniform")
    def test_a_flat_mask_for_flat_labels(self, name):
        _, true_count, stated = self.run_graph(self.sample(
            name, tf.constant([4, -1, 4]), label_mask=tf.constant([True, False, True])))
        self.assertEqual(true_count.shape, (3,))
        self.assertEqual((true_count == 1).tolist(), [name == "all", True, name == "all"])
        self.assertEqual(np.sum(stated == candidates.MASKED_COUNT), name.startswith("in_batch"))

    def test_a_group_of_padding_alone_masks_all_candidates(self):
        labels, mask = tf.constant([[4, -1], [-1, -1]]), [[False, False], [False, False]]
        for unique in (False, "masked"):
            ids, true_count, stated = self.run_graph(self.sample(
                "in_batch", labels, 1, unique, label_mask=mask, num_groups=2))
            np.testing.assert_array_equal(true_count, np.ones([2, 2]))
            np.testing.assert_array_equal(stated, np.full([2, 2], candidates.MASKED_COUNT))
            self.assertBetween(ids.min(), 0, _C - 1)


class PeerTest(graph_case.GraphCase):
    """Equality with the samplers of TensorFlow."""

    @parameterized.named_parameters(
        ("uniform", "uniform", tf.random.uniform_candidate_sampler, {}),
        ("log_uniform", "log_uniform", tf.random.log_uniform_candidate_sampler, {}),
        ("learned_unigram", "learned_unigram", tf.random.learned_unigram_candidate_sampler, {}),
        ("fixed_unigram", "fixed_unigram", tf.random.fixed_unigram_candidate_sampler,
         {"unigrams": [float(c) for c in _COUNTS]}),
        ("all", "all", tf.nn.all_candidate_sampler, None))
    def test_same_expected_counts(self, name, peer, options):
        labels = tf.constant(np.arange(_C)[:, None])
        size = sampler_case.num_drawn(name)
        theirs = peer(labels, 1, size, False, *([] if options is None else [_C]), **options or {})
        ours = samplers.sample_by_name(name, labels, size, _COUNTS)
        theirs, ours = self.run_graph([theirs[1], ours.true_expected_count])
        self.assert_close(ours, theirs)

    @parameterized.named_parameters(
        ("uniform", "uniform", tf.random.uniform_candidate_sampler, {}),
        ("log_uniform", "log_uniform", tf.random.log_uniform_candidate_sampler, {}),
        ("fixed_unigram", "fixed_unigram", tf.random.fixed_unigram_candidate_sampler,
         {"unigrams": [float(c) for c in _COUNTS]}))
    def test_as_many_tries_for_unique_candidates(self, name, peer, options):
        labels = tf.constant([[30]], tf.int64)
        theirs = peer(labels, 1, 30, True, _C, seed=1, **options)[1]
        ours = samplers.sample_by_name(name, tf.fill([4000, 1], 30), 30, _COUNTS, True, num_groups=4000,
                                       seed=1).true_expected_count
        with self.new_session() as session:
            theirs = np.array([session.run(theirs) for _ in range(1500)]).ravel()
            ours = session.run(ours).ravel()
        error = np.hypot(ours.std() / np.sqrt(len(ours)), theirs.std() / np.sqrt(len(theirs)))
        self.assertLess(abs(ours.mean() - theirs.mean()), 5 * error + 1e-4)

    def test_tf_nn_counts_are_too_high_without_a_repeat(self):
        labels = tf.constant([[0]], tf.int64)
        theirs = tf.random.log_uniform_candidate_sampler(labels, 1, 2, True, 10, seed=1)[1]
        ours = samplers.log_uniform_candidate_sampler(labels, 1, 2, True, 10, seed=1)[1]
        with self.new_session() as session:
            theirs = [float(session.run(theirs)[0, 0]) for _ in range(50)]
            ours = [float(session.run(ours)[0, 0]) for _ in range(50)]
        prob = np.log(2) / np.log(11)
        self.assertTrue(np.any(np.isclose(theirs, 2 * prob)))  # 0.578
        self.assertFalse(np.any(np.isclose(ours, 2 * prob)))
        self.assertTrue(np.any(np.isclose(ours, 1 - (1 - prob) ** 2)))  # 0.495


class WrongArgumentsTest(sampler_case.SamplerCase):

    @parameterized.parameters(*_NAMES)
    def test_wrong_arguments_are_named(self, name):
        labels = tf.constant([[1]])
        sampler = registry.SAMPLERS[name]
        function = sampler.__name__ + ": "
        size = sampler_case.num_drawn(name)
        with self.assertRaisesRegex(
                InputError, function + "true_classes: wanted integer ids, got 'bool'"):
            self.sample(name, tf.constant([[True]]), size)
        for wrong in ([[1, 2]], 1):
            with self.assertRaisesRegex(
                    InputError, function + r"true_classes: wanted shape \[B, num_true\]"):
                self.sample(name, tf.constant(wrong), size)
        for wrong in (0, -2):
            with self.assertRaisesRegex(InputError, function + "num_groups: wanted an integer above 0"):
                self.sample(name, labels, size, num_groups=wrong)
        with self.assertRaisesRegex(
                InputError, function + "true_classes: wanted a first dimension that is a multiple of "
                "num_groups = 2, got 3"):
            self.sample(name, tf.constant([[1], [2], [3]]), size, num_groups=2)

    def _call(self, name, **options):
        """Call the sampler of this name directly, without sample_by_name."""
        options.setdefault("num_true", 1)
        options.setdefault("range_max", _C)
        if name == "fixed_unigram":
            options["unigrams"] = _COUNTS
        if "in_batch" in name:
            options.setdefault("frequencies", distributions.Unigram(_COUNTS))
        if "+" in name:
            options.setdefault("distribution", distributions.Uniform(_C))
        if name != "in_batch":
            options.setdefault("num_sampled", sampler_case.num_drawn(name))
        options.setdefault("unique", False)
        return registry.SAMPLERS[name](tf.constant([[1]]), **options)

    @parameterized.parameters(*_NAMES)
    def test_wrong_numbers_are_named(self, name):
        function = registry.SAMPLERS[name].__name__ + ": "
        for wrong in (0, -1, 1.5, True, None):
            for num_groups in (None, 1):
                with self.assertRaisesRegex(
                        InputError, function + "num_true: wanted an integer above 0, got %s" % wrong):
                    self._call(name, num_true=wrong, num_groups=num_groups)
        if name != "in_batch":
            for wrong in (0, -3, 2.0, True, None):
                with self.assertRaisesRegex(
                        InputError, function + "num_sampled: wanted an integer above 0, got %s" % wrong):
                    self._call(name, num_sampled=wrong)
        if name == "all":
            with self.assertRaisesRegex(InputError, function + "num_sampled: wanted range_max = 61, "
                                        "the number of classes, got 60"):
                self._call(name, range_max=61)
        elif name in _DRAWN and name != "fixed_unigram":  # which checks its counts first
            for wrong in (0, -1, 1.5):
                with self.assertRaisesRegex(
                        InputError, function + "range_max: wanted an integer above 0, got %s" % wrong):
                    self._call(name, range_max=wrong)

    @parameterized.parameters(*_NAMES)
    def test_wrong_values_of_unique_are_named(self, name):
        function = registry.SAMPLERS[name].__name__ + ": "
        if name == "all":
            for anything in ("maskd", None, True):  # ignored
                self._call(name, unique=anything)
            return
        wanted = 'unique: wanted True, False or "masked", got '
        if "in_batch" in name:
            wanted = 'unique: wanted False or "masked", got '
            for value in (True, np.bool_(True)):
                with self.assertRaisesRegex(InputError, function + wanted + ".*True"):
                    self._call(name, unique=value)
        for wrong in ("maskd", None, 0, 1, "True"):
            with self.assertRaisesRegex(InputError, function + wanted + repr(wrong)):
                self._call(name, unique=wrong)
        self._call(name, unique=np.bool_(False))

    @parameterized.parameters(*_DRAWN)
    def test_more_unique_candidates_than_classes(self, name):
        message = "num_sampled: wanted at most .*60.* when unique, got 61"
        with self.assertRaisesRegex(InputError, message):
            self.sample(name, tf.constant([[1]]), 61, True)
        ids = self.run_graph([self.sample(name, tf.constant([[1]]), 61, unique).sampled_candidates
                              for unique in (False, "masked")])
        self.assertEqual(np.shape(ids), (2, 61))

    def test_distributions_of_another_size_are_named(self):
        for frequencies in (distributions.Unigram(_COUNTS[:-1]), distributions.LearnedUnigram(59),
                            distributions.StreamingFrequency(59, 4)):
            for name in ("in_batch", "in_batch+uniform"):
                with self.assertRaisesRegex(
                        InputError, registry.SAMPLERS[name].__name__ +
                        ": frequencies: wanted a distribution of range_max = 60 classes, got 59"):
                    self._call(name, frequencies=frequencies)
        with self.assertRaisesRegex(InputError, "mixed_candidate_sampler: distribution: wanted a "
                                    "distribution of range_max = 60 classes, got 61"):
            self._call("in_batch+uniform", distribution=distributions.Uniform(61))

    @parameterized.parameters(0, 1.5)
    def test_a_decay_out_of_its_range_is_named(self, decay):
        with self.assertRaisesRegex(InputError, "decay: wanted a number above 0, at most 1, got"):
            samplers.learned_unigram_candidate_sampler(tf.constant([[1]]), 1, 2, False, 5, decay=decay)

    def test_an_unknown_name_is_named(self):
        with self.assertRaisesRegex(
                InputError, "sample_by_name: sampler: wanted one of all, .*got 'in-batch'"):
            samplers.sample_by_name("in-batch", tf.constant([[1]]), 2, _COUNTS)

    @parameterized.parameters(sorted(registry.SAMPLERS))
    def test_sample_by_name_takes_the_options_of_all_samplers_and_no_others(self, name):
        mask = np.array([[True], [False]])
        values = samplers.sample_by_name(name, tf.constant([[1], [2]]), 2, _COUNTS, label_mask=mask,
                                         learn=False, num_groups=2, seed=1)
        self.assertEqual(values.sampled_candidates.shape.as_list()[0], 2)
        self.assertEqual(self.run_graph(values.true_expected_count)[1], 1)  # padding
        self.assertEmpty(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
        with self.assertRaisesRegex(InputError, r"sample_by_name: options: wanted some of label_mask, "
                                    r"learn, num_groups, seed, got \['groups'\]"):
            samplers.sample_by_name(name, tf.constant([[1], [2]]), 2, _COUNTS, groups=2)

    @parameterized.parameters(np.int64, np.int32, tf.Dimension)
    def test_numbers_of_other_integer_types(self, make):
        labels = np.array([[1, 7], [3, 3], [0, 59]])
        values = samplers.log_uniform_candidate_sampler(
            labels, make(2), make(5), True, make(_C), seed=1, num_groups=make(3))
        wanted = samplers.log_uniform_candidate_sampler(labels, 2, 5, True, _C, num_groups=3)
        self.assertEqual(values.sampled_candidates.shape.as_list(), [3, 5])
        self.assertEqual(values.true_expected_count.shape.as_list(),
                         wanted.true_expected_count.shape.as_list())
        self.run_graph(values)
        for name in _NAMES:
            samplers.sample_by_name(name, labels[:, :1], make(5), _COUNTS, num_groups=make(3))


class FixedUnigramTest(graph_case.GraphCase):

    def _values(self, labels, **options):
        return self.run_graph(samplers.fixed_unigram_candidate_sampler(
            tf.constant(labels)[:, None], 1, 10, False, 5, **options))

    def test_distortion_is_a_power_of_the_counts(self):
        counts = np.array([16.0, 1, 81, 256, 0])
        _, stated, _ = self._values(np.arange(4), unigrams=counts, distortion=0.75)
        self.assert_close(stated[:, 0], 10 * np.array([8, 1, 27, 64]) / 100)

    def test_distortion_zero_is_even_over_the_counts_above_zero(self):
        labels = np.array([0, 2, 3, 4])
        _, stated, _ = self._values(labels, unigrams=[5, 0, 9, 1, 1], distortion=0)
        self.assert_close(stated[:, 0], [2.5, 2.5, 2.5, 2.5])

    def test_reserved_ids_are_never_drawn(self):
        ids, stated, _ = self._values([2, 3, 4], unigrams=[1, 2, 1], num_reserved_ids=2)
        self.assert_close(stated[:, 0], [2.5, 5, 2.5])
        self.assertGreaterEqual(ids.min(), 2)

    def test_more_unique_candidates_than_counts_above_zero(self):
        labels = tf.constant([[2]])
        with self.assertRaisesRegex(InputError, "at most 3, the counts above 0, when unique, got 4"):
            samplers.fixed_unigram_candidate_sampler(labels, 1, 4, True, 5, unigrams=[1, 0, 1, 0, 1])
        exactly, masked = self.run_graph([samplers.fixed_unigram_candidate_sampler(
            labels, 1, size, unique, 5, unigrams=[1, 0, 1, 0, 1]).sampled_candidates
            for size, unique in ((3, True), (4, "masked"))])
        self.assertCountEqual(exactly, [0, 2, 4])
        self.assertTrue(set(masked) <= {0, 2, 4})

    @parameterized.parameters(dict(num_shards=2), dict(shard=1))
    def test_shards_are_refused(self, **options):
        with self.assertRaisesRegex(InputError, "num_shards, shard: wanted"):
            samplers.fixed_unigram_candidate_sampler(
                tf.constant([[1]]), 1, 3, False, 5, unigrams=[1] * 5, **options)


class ByNameTest(sampler_case.SamplerCase):
    """sample_by_name returns the values of the samplers; unique=True masks repeated labels."""

    @parameterized.parameters(*_MIXED)
    def test_a_mixed_name_is_mixed_candidate_sampler(self, name):
        labels, seed = tf.constant([[3], [3], [59]]), tf.constant([4, 4])
        named = self.sample(name, labels, 20, True, seed=seed)
        distribution = sampler_case.distribution(name.partition("+")[2])
        direct = samplers.mixed_candidate_sampler(
            labels, 1, 20, "masked", _C, distributions.Unigram(_COUNTS), distribution, seed=seed)
        drawn = distribution.ids_of(distributions.uniforms([20], seed))
        named, direct, drawn = self.run_graph([named, direct, drawn])
        for value, wanted in zip(named, direct):
            np.testing.assert_array_equal(value, wanted)
        np.testing.assert_array_equal(direct.sampled_candidates, [3, 3, 59] + list(drawn))

    def test_in_batch_is_in_batch_candidate_sampler_masked(self):
        labels = tf.constant([[3], [3], [59]])
        named = self.sample("in_batch", labels, 20, True)
        direct = samplers.in_batch_candidate_sampler(
            labels, 1, "masked", _C, distributions.Unigram(_COUNTS))
        for value, wanted in zip(*self.run_graph([named, direct])):
            np.testing.assert_array_equal(value, wanted)

    def test_all_ignores_num_sampled(self):
        sampled = samplers.sample_by_name("all", tf.constant([[3]]), 20, _COUNTS)
        np.testing.assert_array_equal(*self.run_graph([sampled.sampled_candidates, tf.range(_C)]))

    @parameterized.parameters(*_DRAWN)
    def test_a_drawing_name_draws_from_its_distribution(self, name):
        seed = tf.constant([4, 4])
        ids = self.sample(name, tf.constant([[3]]), 20, seed=seed).sampled_candidates
        drawn = sampler_case.distribution(name).ids_of(distributions.uniforms([20], seed))
        np.testing.assert_array_equal(*self.run_graph([ids, drawn]))


class CandidateSamplerTest(sampler_case.SamplerCase):

    @parameterized.product(name=_DRAWN, unique=_UNIQUE)
    def test_is_the_sampler_of_the_distribution(self, name, unique):
        distribution = {"fixed_unigram": distributions.Unigram(_COUNTS, power=_DISTORTION),
                        "learned_unigram": distributions.LearnedUnigram(_C),
                        "log_uniform": distributions.LogUniform(_C),
                        "uniform": distributions.Uniform(_C)}[name]
        seed = tf.constant([5, 6])
        labels = tf.constant([[1], [2]])
        ours, wanted = self.run_graph([
            samplers.candidate_sampler(labels, 1, 7, unique, distribution, seed),
            self.sample(name, labels, 7, unique, seed=seed)])
        for array, of_name in zip(ours, wanted):
            np.testing.assert_array_equal(array, of_name)

    def test_more_unique_candidates_than_weights_above_0(self):
        with self.assertRaisesRegex(
                InputError, "candidate_sampler: num_sampled: wanted at most 2, the "):
            samplers.candidate_sampler([[1]], 1, 3, True, distributions.Unigram([0, 1, 0, 2]))


class MovedGraphTest(graph_case.GraphCase):
    """Samplers in sessions, other graphs and other processes."""

    @parameterized.parameters(*_NAMES)
    def test_nothing_but_global_variables_is_to_be_initialized(self, name):
        size = sampler_case.num_drawn(name)
        values = samplers.sample_by_name(name, tf.constant([[1], [2]]), size, _COUNTS)
        self.assertEmpty(tf.local_variables())
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(values)

    @parameterized.parameters(*_NAMES)
    def test_no_op_needs_this_process(self, name):
        samplers.sample_by_name(name, tf.constant([[1], [2]]), sampler_case.num_drawn(name), _COUNTS,
                                unique="in_batch" not in name)
        graph_def = tf.get_default_graph().as_graph_def()
        nodes = list(graph_def.node) + [node for function in graph_def.library.function
                                        for node in function.node_def]
        self.assertNoCommonElements({node.op for node in nodes},
                                    {"PyFunc", "PyFuncStateless", "IdentityN"})

    def test_two_imported_copies_draw_unique_candidates(self):
        labels = tf.placeholder(tf.int64, [None, 1], "labels")
        # Many chunks: each class is drawn at last.
        ids = samplers.log_uniform_candidate_sampler(labels, 1, _C - 1, True, _C).sampled_candidates
        exported = tf.train.export_meta_graph()
        with tf.Graph().as_default():
            for copy in ("a", "b"):
                tf.train.import_meta_graph(exported, import_scope=copy)
            with tf.Session() as session:
                for drawn in session.run(["a/" + ids.name, "b/" + ids.name],
                                         {"a/labels:0": [[1]], "b/labels:0": [[2]]}):
                    self.assertLen(set(drawn), _C - 1)

    def test_a_sampler_in_a_loop_draws_unique_candidates(self):
        def body(i, ids):
            return i + 1, samplers.log_uniform_candidate_sampler(
                tf.constant([[1]]), 1, 50, True, _C).sampled_candidates

        _, ids = tf.while_loop(lambda i, _: i < 3, body, [0, tf.zeros([50], tf.int64)])
        self.assertLen(set(self.run_graph(ids)), 50)


class EagerTest(parameterized.TestCase):
    """Samplers in the eager mode of TensorFlow 2."""

    def setUp(self):
        super().setUp()
        if not tf.executing_eagerly():
            self.skipTest("TensorFlow %s has no eager mode by default" % tf.VERSION)

    def _counted(self, learned):
        """Return the total count of a LearnedUnigram, and the count of class 2."""
        prob = np.exp(learned.log_prob(tf.constant([0, 2])).numpy().astype(np.float64))
        total = 1 / prob[0] - 5
        return round(total), round(prob[1] * (5 + total)) - 1

    @parameterized.parameters(False, True)
    def test_an_object_holds_the_counts(self, in_function):
        learned = distributions.LearnedUnigram(5)
        labels = tf.constant([[2], [3]], tf.int64)

        def draw(learn):
            return samplers.candidate_sampler(labels, 1, 4, True, learned, learn=learn)

        if in_function:
            draw = tf2.function(draw, autograph=False)
        self.assertEqual(self._counted(learned), (0, 0))
        for _ in range(3):
            ids = draw(None).sampled_candidates
            self.assertLen(set(ids.numpy()), 4)
        self.assertEqual(self._counted(learned), (6, 3))
        draw(False)
        self.assertEqual(self._counted(learned), (6, 3))

    @parameterized.parameters(1.0, 0.5)
    def test_a_checkpoint_of_tensorflow_2_has_the_counts(self, decay):
        class Model(tf.Module):
            def __init__(self):
                super().__init__()
                self.learned = distributions.LearnedUnigram(5, decay=decay)
                self.streaming = distributions.StreamingFrequency(5, 2)

        model, other = Model(), Model()
        for _ in range(2):
            model.learned.observe([2, 3])
            model.streaming.observe([2, 3])
        path = tf2.train.Checkpoint(model=model).save(self.create_tempdir().full_path + "/ckpt")
        tf2.train.Checkpoint(model=other).restore(path).assert_consumed()
        for name in ("learned", "streaming"):
            log_probs = [getattr(m, name).log_prob(tf.range(5)).numpy() for m in (model, other)]
            np.testing.assert_array_equal(*log_probs)
            self.assertGreater(log_probs[0][2], log_probs[0][1])

    def test_a_fixed_unigram_is_shared_by_functions(self):
        unigram = distributions.Unigram([0, 1, 2, 3])

        @tf2.function(autograph=False)
        def draw(seed):
            return samplers.candidate_sampler([[1]], 1, 5, "masked", unigram, seed)

        in_function, eagerly = draw(tf.constant([1, 2])), draw.python_function(tf.constant([1, 2]))
        for ours, wanted in zip(in_function, eagerly):
            np.testing.assert_array_equal(ours.numpy(), wanted.numpy())

    def test_in_batch_frequencies_learn(self):
        learned = distributions.LearnedUnigram(5)
        for _ in range(2):
            samplers.in_batch_candidate_sampler(tf.constant([[2], [3]]), 1, "masked", 5, learned)
        self.assertEqual(self._counted(learned), (4, 2))

    def test_a_learned_unigram_without_an_object_is_an_error(self):
        def draw():
            return samplers.learned_unigram_candidate_sampler(tf.constant([[1]]), 1, 2, True, 5)

        for function in (draw, tf2.function(draw, autograph=False)):
            with self.assertRaisesRegex(
                    InputError, "in eager mode candidate_sampler with a LearnedUnigram"):
                function()

    def test_wrong_labels_are_an_error_at_once(self):
        for labels, message in ([[[5]], "wanted ids from 0 to 4"], [[[0.5]], "wanted whole numbers"]):
            with self.assertRaisesRegex(InputError, "true_classes: " + message):
                samplers.uniform_candidate_sampler(tf.constant(labels), 1, 2, True, 5)


if __name__ == "__main__":
    absltest.main()
