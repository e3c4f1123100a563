import collections
import functools
import itertools
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, oracles
from tf1_sampled import InputError, distributions, samplers, tables

_C = 60
# Another number for each class, in no order: how often it was a label in the data, and in this session.
_COUNTS = np.random.RandomState(2).permutation(1000 * graph_case.zipf(_C))
_SEEN = np.random.RandomState(3).permutation(3 * np.arange(_C))
_DISTORTION = 0.5

_NAMES = sorted(tables.SAMPLERS)
_DRAWN = [name for name in _NAMES if "in_batch" not in name and name != "all"]
_IN_BATCH = [name for name in _NAMES if "in_batch" in name]
_MIXED = [name for name in _IN_BATCH if "+" in name]
_SEEDED = _DRAWN + _MIXED
_UNIQUE = (False, "masked", True)

_SETUP = "setup"  # a collection: what a test wants to have run first


def _prob(name):
    """P of the draws of a sampler, or of the labels where it is in_batch."""
    if name == "in_batch":
        return _COUNTS / _COUNTS.sum()
    if name == "fixed_unigram":
        return _COUNTS ** _DISTORTION / np.sum(_COUNTS ** _DISTORTION)
    if name == "learned_unigram":
        return (1 + _SEEN) / np.sum(1 + _SEEN)
    if name == "log_uniform":
        k = np.arange(_C)
        return np.log((k + 2) / (k + 1)) / np.log(_C + 1)
    return np.full(_C, 1 / _C)


def _sources(name, num_labels, num_sampled):
    """(number of draws, P) of each source of candidates."""
    return [(num_labels if part == "in_batch" else num_sampled, _prob(part)) for part in name.split("+")]


def _exact(name, unique, num_labels, num_sampled):
    """Expected count of each class among the candidates, [C] or, of num_labels [G, 1], [G, C]."""
    if name == "all":
        return np.ones(_C)
    sources = _sources(name, num_labels, num_sampled)
    if not unique:
        return sum(oracles.expected_count(prob, number) for number, prob in sources)
    missed = 1
    for number, prob in sources:
        missed = missed * (1 - oracles.expected_count(prob, None, number))
    return 1 - missed


def _distribution(name):
    """What the sampler of a name in _DRAWN draws from."""
    return {"fixed_unigram": lambda: distributions.Unigram(_COUNTS ** _DISTORTION),
            "learned_unigram": lambda: distributions.LearnedUnigram(_C),
            "log_uniform": lambda: distributions.LogUniform(_C),
            "uniform": lambda: distributions.Uniform(_C)}[name]()


def _first_of_its_kind(row, candidates=None):
    """Whether no element to the left is equal, of those that are `candidates`."""
    seen, first = set(), []
    for place, k in enumerate(row):
        first.append(k not in seen and (candidates is None or bool(candidates[place])))
        if candidates is None or candidates[place]:
            seen.add(k)
    return first


def _new_session(optimized):
    config = tf.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = not optimized
    session = tf.Session(config=config)
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    session.run(tf.get_collection(_SETUP))
    return session


class _SamplerCase(graph_case.GraphCase):

    OPTIMIZED = False  # as Grappler takes longer over so many graphs than they run

    def new_session(self):
        return _new_session(self.OPTIMIZED)

    def sample(self, name, labels, num_sampled=None, unique=False, **options):
        return _sample(name, labels, num_sampled, unique, **options)

    def assert_fails(self, message, session, fetch, feed):
        with self.assertRaises(tf.errors.InvalidArgumentError) as caught:
            session.run(fetch, feed)
        self.assertRegex(str(caught.exception), "assertion failed: " + message)


def _sample(name, labels, num_sampled=None, unique=False, **options):
    options.setdefault("seed", 1)
    if "learned" in name and not tf.get_collection(_SETUP):
        learned = distributions.LearnedUnigram(_C)
        tf.add_to_collection(_SETUP, learned.observe(np.repeat(np.arange(_C), _SEEN)))
    return samplers.sample_by_name(name, labels, num_sampled or _num_sampled(name), _COUNTS, unique,
                                   distortion=_DISTORTION, **options)


def _num_sampled(name):
    return _C if name == "all" else 30


def _num_candidates(name, num_labels):
    """How many candidates _num_sampled draws and the labels make."""
    return {"all": _C, "in_batch": num_labels}.get(
        name, num_labels * name.startswith("in_batch") + _num_sampled(name))


def _kinds_of_unique(name):
    """The values of `unique` that make a difference to a sampler."""
    return {"all": (False,), "in": (False, "masked")}.get(name if name == "all" else name[:2], _UNIQUE)


# 12 rows of labels: three in each row where there are groups.
_LABELS = {None: np.random.RandomState(4).choice(_C, [12, 1], p=_prob("in_batch")),
           4: np.random.RandomState(4).choice(_C, [12, 3], p=_prob("in_batch"))}
_Sampled = collections.namedtuple("_Sampled", "unique values static_shapes tf_nn_loss")


@functools.lru_cache(maxsize=None)
def _sampled(name, num_groups):
    """A list of _Sampled, of int32 and int64 labels in turn. (UniqueTest has unique=True in groups.)"""
    with tf.Graph().as_default():
        labels, result = _LABELS[num_groups], []
        for number, unique in enumerate(_kinds_of_unique(name)[:2 if num_groups else 3]):
            values = _sample(name, tf.constant(labels, [tf.int32, tf.int64][number % 2]), None, unique,
                             num_groups=num_groups)
            loss = tf.zeros([])
            if num_groups is None:
                loss = tf.nn.nce_loss(tf.ones([_C, 4]), tf.zeros([_C]), tf.constant(labels, tf.int64),
                                      tf.ones([12, 4]), _num_candidates(name, 12), _C,
                                      sampled_values=values)
            result.append(_Sampled(unique, values, [v.shape.as_list() for v in values], loss))
        with _new_session(optimized=False) as session:
            values, losses = session.run([[r.values for r in result], [r.tf_nn_loss for r in result]])
        return [r._replace(values=v, tf_nn_loss=loss) for r, v, loss in zip(result, values, losses)]


class EverySamplerTest(_SamplerCase):
    """What holds for every row of SAMPLERS."""

    @parameterized.product(name=_NAMES, num_groups=[None, 4])
    def test_types_and_shapes(self, name, num_groups):
        labels = _LABELS[num_groups]
        shape = ([num_groups] if num_groups else []) + [
            _num_candidates(name, labels.size // (num_groups or 1))]
        for sampled in _sampled(name, num_groups):
            self.assertIsInstance(sampled.values, samplers.SampledValues)
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
        for sampled in _sampled(name, 4):
            ids = sampled.values.sampled_candidates
            for one, other in ((0, 1), (0, 3), (1, 2), (2, 3)):
                self.assertEqual(np.any(ids[one] != ids[other]), name != "all")

    @parameterized.product(name=_NAMES, num_groups=[None, 4])
    def test_exact_counts_are_the_formula(self, name, num_groups):
        labels = _LABELS[num_groups]
        for unique, (ids, true_count, stated), _, _ in _sampled(name, num_groups):
            if unique is not True:
                wanted = _exact(name, unique, labels.size // (num_groups or 1), _num_sampled(name))
                self.assert_close(true_count, wanted[labels])
                masked = stated == samplers.MASKED_COUNT
                self.assert_close(stated[~masked], wanted[ids[~masked]])

    @parameterized.product(name=_NAMES, num_groups=[None, 4])
    def test_each_class_stands_unmasked_once(self, name, num_groups):
        for unique, (ids, _, stated), _, _ in _sampled(name, num_groups):
            self.assertEqual(np.any(stated == samplers.MASKED_COUNT), unique == "masked")
            if unique:
                for row, counts in zip(np.reshape(ids, [num_groups or 1, -1]),
                                       np.reshape(stated, [num_groups or 1, -1])):
                    first = _first_of_its_kind(row)
                    np.testing.assert_array_equal(counts != samplers.MASKED_COUNT, first)
                    self.assertLessEqual(counts[first].max(), 1)

    @parameterized.parameters(*_NAMES)
    def test_tf_nn_takes_the_values(self, name):
        for sampled in _sampled(name, None):
            self.assertEqual(sampled.tf_nn_loss.shape, (12,))
            self.assertTrue(np.all(np.isfinite(sampled.tf_nn_loss)))

    @parameterized.parameters(*_NAMES)
    def test_labels_may_be_flat_when_there_is_one_each(self, name):
        _, true_count, _ = self.run_graph(self.sample(name, tf.constant([3, 0])))
        self.assert_close(true_count, _exact(name, False, 2, _num_sampled(name))[[3, 0]])

    @parameterized.parameters(*_NAMES)
    def test_the_number_of_labels_may_be_known_when_they_come(self, name):
        known, unknown = tf.placeholder(tf.int64, [None, 1]), tf.placeholder(tf.int32, None)
        flat, grouped = (self.sample(name, labels, None, unique, num_groups=num_groups)
                         for labels, unique, num_groups in (
                             (known, _kinds_of_unique(name)[-1], None),
                             (unknown, _kinds_of_unique(name)[len(name) % 2 - 1], 2)))
        with self.new_session() as session:
            for size in (4, 0, 2):  # a batch may also be empty
                batch = np.arange(size)[:, None]
                of_flat, of_grouped = session.run([flat, grouped], {known: batch, unknown: batch})
                shape = (_num_candidates(name, size),)
                self.assertEqual([v.shape for v in of_flat], [shape, (size, 1), shape])
                shape = (2, _num_candidates(name, size // 2))
                self.assertEqual([v.shape for v in of_grouped], [shape, (size, 1), shape])

    @parameterized.parameters("all", "fixed_unigram", "in_batch", "in_batch+fixed_unigram", "uniform")
    def test_no_labels_that_are_constant(self, name):
        labels = tf.constant(np.zeros([0, 1], np.int32))
        unique = _kinds_of_unique(name)[-1]
        flat, grouped = self.run_graph([self.sample(name, labels, None, unique, num_groups=num_groups)
                                        for num_groups in (None, 2)])
        size = _num_candidates(name, 0)
        self.assertEqual([v.shape for v in flat], [(size,), (0, 1), (size,)])
        self.assertEqual([v.shape for v in grouped], [(2, size), (0, 1), (2, size)])

    @parameterized.parameters(*_SEEDED)
    def test_a_seed_repeats_its_draws(self, name):
        labels, fed = tf.constant([[1]]), tf.placeholder([tf.int32, tf.int64][len(name) % 2], [2])

        def draws(unique, seed):
            return self.sample(name, labels, None, unique, seed=seed).sampled_candidates

        fetches = [draws(_kinds_of_unique(name)[-1], seed) for seed in (1, None)]
        with self.new_session() as session:
            first, second = session.run(fetches), session.run(fetches)
        with self.new_session() as session:
            again = session.run(fetches), session.run(fetches)
        # With an integer, session by session; without, never; and each run has its own.
        for run, same in zip((first, second), again):
            np.testing.assert_array_equal(run[0], same[0])
        for one, other in itertools.combinations(first + second + [again[0][1], again[1][1]], 2):
            self.assertTrue(np.any(one != other))
        fetch = draws("masked", fed)  # with a tensor, run by run
        with self.new_session() as session:
            first = session.run(fetch, {fed: [1, 5]})
            np.testing.assert_array_equal(first, session.run(fetch, {fed: [1, 5]}))
            for other in ([1, 6], [2, 5]):
                self.assertTrue(np.any(first != session.run(fetch, {fed: other})))


class CountedTest(_SamplerCase):
    """What is stated against what was counted."""

    OPTIMIZED = True

    @parameterized.parameters(
        [(name, unique, False) for name in _SEEDED + ["in_batch"] for unique in (False, "masked")]
        + [(name, "masked", True) for name in _IN_BATCH] + [("in_batch", False, True)])
    def test_counts_are_exact(self, name, unique, padded):
        groups, num_labels, num_sampled = 10000, 6, 8
        random = np.random.RandomState(len(name))
        labels = random.choice(_C, [groups, num_labels], p=_prob("in_batch"))
        mask = random.rand(groups, num_labels) < (0.6 if padded else 2)
        values = self.sample(name, tf.constant(np.where(mask, labels, -7)), num_sampled, unique,
                             num_groups=groups, seed=3, label_mask=mask if padded else None)
        ids, true_count, stated = self.run_graph(values)
        self.assertEqual(ids.shape, (groups, len(name.split("+")) * 8 - 2 * name.startswith("in_batch")))
        # Candidates that are labels come from the group half way round.
        number = np.roll(mask.sum(1), groups // 2)[:, None]
        wanted = np.broadcast_to(_exact(name, unique, number, num_sampled), [groups, _C])
        if name == "in_batch":  # in a group without candidates, any count whose logarithm is finite
            alone = number[:, 0] == 0
            self.assertEqual(np.any(alone), padded)
            self.assertTrue(np.all((true_count[alone] > 0) & (true_count[alone] <= 1)))
            mask[alone], true_count[alone] = False, 1
        self.assert_close(true_count, np.where(mask, np.take_along_axis(wanted, labels, 1), 1))
        masked = stated == samplers.MASKED_COUNT
        self.assertEqual(np.any(masked), bool(padded and "in_batch" in name or unique))
        self.assert_close(stated[~masked], np.take_along_axis(wanted, ids, 1)[~masked])

        if unique:
            variance = np.sum(wanted * (1 - wanted), 0)
        else:
            variance = sum(np.sum(n * np.ones([groups, 1]) * prob * (1 - prob), 0)
                           for n, prob in _sources(name, number, num_sampled))
        count = np.bincount(ids[~masked], minlength=_C)
        distance = (count - wanted.sum(0)) / np.sqrt(variance)
        self.assertLess(np.abs(distance).max(), 5)
        self.assertLess(np.sum(distance ** 2), _C + 5 * np.sqrt(2 * _C))

    @parameterized.parameters(*_DRAWN)
    def test_counts_of_unique_draws(self, name):
        groups, size = 10000, 8
        labels = np.tile(np.arange(_C), [groups, 1])
        values = self.sample(name, tf.constant(labels), size, True, num_groups=groups, seed=3)
        ids, stated_of_all, stated = self.run_graph(values)
        np.testing.assert_array_less(0, np.diff(np.sort(ids, 1), axis=1))
        self.assert_close(stated, np.take_along_axis(stated_of_all, ids, 1))
        count = np.bincount(ids.ravel(), minlength=_C) / groups
        wanted = stated_of_all.astype(np.float64).mean(0)
        deviation = np.sqrt(count * (1 - count) / groups)
        # Given T, the formula treats the draws as independent of when the last of them came: a
        # class that is in nearly every sample is overrated by a little.
        np.testing.assert_array_less(np.abs(count - wanted), 5 * deviation + 0.03 * wanted)

    def test_counts_of_rare_classes_keep_their_digits(self):
        size = 10 ** 9
        labels = np.array([[0], [1000], [size - 1]])
        k = labels[:, 0]
        for sampler, prob in (
                (samplers.uniform_candidate_sampler, np.full(3, 1 / size)),
                (samplers.log_uniform_candidate_sampler, np.log1p(1 / (k + 1)) / np.log1p(size))):
            for unique in (False, "masked", True):
                _, stated, _ = self.run_graph(sampler(tf.constant(labels), 1, 1, unique, size))
                self.assert_close(stated[:, 0], prob, absolute=0)  # of a single draw


class OneClassTest(graph_case.GraphCase):
    """P = 1, whose missing has the logarithm of 0."""

    @parameterized.parameters(*[name for name in _NAMES if name != "all"])
    def test_counts(self, name):
        labels, num_draws = tf.constant([[0], [0], [0]]), 3 if name == "in_batch" else 4
        num_draws += 3 * ("+" in name)
        repeated, masked, unique = self.run_graph([samplers.sample_by_name(
            name, labels, 1 if unique is True else 4, [5.0], unique) for unique in _UNIQUE])
        self.assert_close(repeated.true_expected_count, np.full([3, 1], num_draws))
        self.assert_close(repeated.sampled_expected_count, np.full(num_draws, num_draws))
        self.assert_close(masked.true_expected_count, np.ones([3, 1]))
        np.testing.assert_array_equal(masked.sampled_expected_count,
                                      [1] + [samplers.MASKED_COUNT] * (num_draws - 1))
        self.assert_close(unique.true_expected_count, np.ones([3, 1]))
        self.assertEqual(unique.sampled_expected_count[0], 1)

    def test_a_probability_that_was_rounded_up(self):
        frequencies = mock.Mock(spec=["num_classes", "log_prob"], num_classes=1)
        frequencies.log_prob = lambda ids: tf.fill(tf.shape(ids), np.float32(2e-7))
        for values in self.run_graph([samplers.in_batch_candidate_sampler(
                tf.constant([[0], [0]]), 1, unique, 1, frequencies) for unique in ("masked", False)]):
            self.assertBetween(values.true_expected_count.min(), 1, 2)


class MaskedTest(_SamplerCase):

    def test_the_masked_count_is_the_largest_float32(self):
        self.assertEqual(samplers.MASKED_COUNT, np.finfo(np.float32).max)
        self.assertTrue(np.isfinite(np.float32(samplers.MASKED_COUNT)))

    @parameterized.product(name=_IN_BATCH, num_groups=[None, 4])
    def test_labels_are_in_front_in_their_order(self, name, num_groups):
        labels = np.reshape(_LABELS[num_groups], [num_groups or 1, -1])
        for _, (ids, _, _), _, _ in _sampled(name, num_groups):
            ids = np.reshape(ids, [len(labels), -1])[:, :labels.shape[1]]
            np.testing.assert_array_equal(ids, np.roll(labels, len(labels) // 2, 0))


class FirstOfItsKindTest(graph_case.GraphCase):

    def test_against_a_loop(self):
        random = np.random.RandomState(1)
        unknown = [tf.placeholder(tf.int64, [None]), tf.placeholder(tf.int64, [None, None])]
        results = [samplers.first_of_its_kind(ids, 9) for ids in unknown]
        with self.new_session() as session:
            for shape in ((1, 1), (3, 20), (20, 3), (4, 0), (1, 50), (5, 1)):
                ids = random.randint(9, size=shape)
                wanted = np.array([_first_of_its_kind(row) for row in ids], bool)
                known = [samplers.first_of_its_kind(tf.constant(of), 9) for of in (ids[0], ids)]
                flat, rows, *same = session.run(results + known, dict(zip(unknown, (ids[0], ids))))
                np.testing.assert_array_equal(flat, wanted[0])
                np.testing.assert_array_equal(rows, wanted)
                np.testing.assert_array_equal(same[0], wanted[0])
                np.testing.assert_array_equal(same[1], wanted)

    def test_kinds_of_the_largest_ids(self):
        large = 2 ** 40
        ids = tf.constant([[large, 0, large], [0, large, 0], [1, 1, 2]], tf.int64)
        self.assertEqual(self.run_graph(samplers.first_of_its_kind(ids, large + 1)).tolist(),
                         [[True, True, False], [True, True, False], [True, False, True]])


class PaddingTest(_SamplerCase):

    # Padding may be any number, also an id that is a label elsewhere; inside it is 0, as is a label.
    LABELS = np.array([[-1, 3], [3, 10 ** 9], [0, 3], [3, 0], [5, 5], [-9, -9]])
    MASK = np.array([[False, True], [False, False], [True, False], [True, True], [True, True],
                     [False, False]])

    @parameterized.product(name=_NAMES, num_groups=[None, 2])
    def test_padding_is_no_label(self, name, num_groups):
        labels, mask = self.LABELS, self.MASK
        if num_groups is None:
            labels, mask = labels.reshape(-1, 1), mask.reshape(-1, 1)
        fed, fed_mask = tf.placeholder(tf.int64, [None, None]), tf.placeholder(tf.bool, [None, None])
        kinds = _kinds_of_unique(name)
        if name in _DRAWN:
            kinds = kinds[-1:] if num_groups else kinds[:2]
        values = [self.sample(name, fed, None, unique, num_groups=num_groups, label_mask=fed_mask)
                  if unique == "masked" and num_groups else
                  self.sample(name, tf.constant(labels, tf.int32), None, unique, num_groups=num_groups,
                              label_mask=mask) for unique in kinds]
        with self.new_session() as session:
            everything = session.run(values, {fed: labels, fed_mask: mask})
        # Rows of labels by group, and those of which candidates are made.
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
            wanted = np.broadcast_to(_exact(name, unique, number, _num_sampled(name)), [len(rows), _C])
            true_wanted = np.take_along_axis(wanted, np.where(is_label, rows, 0), 1)
            self.assert_close(true_count[mask], true_wanted[is_label])
            for row in range(len(rows)):
                candidates = np.ones(ids.shape[1], bool)
                if "in_batch" in name:
                    candidates[:len(others[row])] = is_other[row]
                    np.testing.assert_array_equal(ids[row, :len(others[row])][is_other[row]],
                                                  others[row][is_other[row]])
                if unique:
                    candidates = np.array(_first_of_its_kind(ids[row], candidates))
                np.testing.assert_array_equal(stated[row] != samplers.MASKED_COUNT, candidates)
                self.assert_close(stated[row][candidates], wanted[row][ids[row][candidates]])

    @parameterized.parameters("all", "in_batch", "in_batch+uniform", "uniform")
    def test_a_flat_mask_for_flat_labels(self, name):
        _, true_count, stated = self.run_graph(self.sample(
            name, tf.constant([4, -1, 4]), label_mask=tf.constant([True, False, True])))
        self.assertEqual(true_count.shape, (3,))
        self.assertEqual((true_count == 1).tolist(), [name == "all", True, name == "all"])
        self.assertEqual(np.sum(stated == samplers.MASKED_COUNT), name.startswith("in_batch"))

    def test_padding_alone(self):
        labels, mask = tf.constant([[4, -1], [-1, -1]]), [[False, False], [False, False]]
        for unique in (False, "masked"):
            ids, true_count, stated = self.run_graph(self.sample(
                "in_batch", labels, 1, unique, label_mask=mask, num_groups=2))
            np.testing.assert_array_equal(true_count, np.ones([2, 2]))
            np.testing.assert_array_equal(stated, np.full([2, 2], samplers.MASKED_COUNT))
            self.assertBetween(ids.min(), 0, _C - 1)

    @parameterized.parameters(*_NAMES)
    def test_a_wrong_mask_is_named(self, name):
        function = tables.SAMPLERS[name].__name__
        for num_groups in (None, 3):
            for mask, message in (([[1], [0], [1]], "booleans, got 'int32'"),
                                  ([[True], [False]], "the shape of true_classes, "),
                                  ([True, False, True], "the shape of true_classes, ")):
                with self.assertRaisesRegex(InputError, function + ": label_mask: wanted " + message):
                    self.sample(name, tf.constant([[1], [2], [3]]), label_mask=mask,
                                num_groups=num_groups)


class GroupsTest(_SamplerCase):

    @parameterized.product(name=["in_batch", "in_batch+uniform"], num_groups=[1, 2, 3, 5])
    def test_labels_are_candidates_of_another_group(self, name, num_groups):
        # Each group has labels of its own: two rows of two.
        labels = np.arange(4 * num_groups).reshape(2 * num_groups, 2)
        ids = self.run_graph(self.sample(name, tf.constant(labels), num_groups=num_groups)
                             .sampled_candidates)[:, :4]
        source = ids[:, 0] // 4
        np.testing.assert_array_equal(ids, 4 * source[:, None] + np.arange(4))
        self.assertCountEqual(source, range(num_groups))
        self.assertEqual(np.any(source == np.arange(num_groups)), num_groups == 1)

    @parameterized.parameters("all", "fixed_unigram", "in_batch", "in_batch+uniform", "log_uniform")
    def test_one_group(self, name):
        labels = np.arange(6).reshape(3, 2)
        ids, true_count, stated = self.run_graph(self.sample(
            name, tf.constant(labels), None, "masked", num_groups=1))
        wanted = _exact(name, "masked", 6, _num_sampled(name))
        self.assertEqual(ids.shape, (1, _num_candidates(name, 6)))
        self.assertEqual(stated.shape, ids.shape)
        self.assert_close(true_count, wanted[labels])

    def test_several_labels_in_each_row_without_groups(self):
        labels = np.array([[7, 3], [7, 1]])
        ids, true_count, stated = self.run_graph(samplers.in_batch_candidate_sampler(
            tf.constant(labels), 2, "masked", _C, distributions.Unigram(_COUNTS)))
        np.testing.assert_array_equal(ids, [7, 3, 7, 1])
        np.testing.assert_array_equal(stated == samplers.MASKED_COUNT, [False, False, True, False])
        self.assert_close(true_count, _exact("in_batch", "masked", 4, 0)[labels])


class UniqueTest(_SamplerCase):
    """Drawing goes on until all are different."""

    SEED = (5, 9)
    TOO_FEW = (r"\[unique candidates: num_sampled: wanted as many different ids as come in \d+ draws, "
               r"got\] ")

    def _replay(self, name, num_groups, size):
        """(SampledValues, ids drawn one after the other [G, many]) of a seed."""
        labels = np.tile(np.arange(_C), [2 * (num_groups or 1), 1])[:, ::-1]  # two rows for each group
        if num_groups is None:
            labels = labels.reshape(-1, 1)
        with mock.patch.object(distributions, "uniforms", wraps=distributions.uniforms) as uniforms:
            values = self.sample(name, tf.constant(labels), size, True, num_groups=num_groups,
                                 seed=tf.constant(self.SEED))
        shape = uniforms.call_args_list[0][0][0]
        self.assertEqual(shape[0], num_groups or 1)
        # The turn is added to the seed. The last class but one of 60 may take thousands of draws.
        num_turns = 1 + (4000 if size > 50 else 200) // shape[1]
        turns = tf.concat([distributions.uniforms(shape, tf.constant(
            [self.SEED[0] + turn, self.SEED[1]], tf.int64)) for turn in range(num_turns)], 1)
        values, draws = self.run_graph([values, _distribution(name).ids_of(turns)])
        return labels, values, draws, shape[1]

    @parameterized.product(name=_DRAWN, size=[20, 58])
    def test_ids_and_counts_are_those_of_a_replay(self, name, size):
        labels, (ids, true_count, stated), draws, chunk = self._replay(name, 3, size)
        self.assertEqual(ids.shape, (3, size))
        all_tries = []
        for row in range(3):
            first = np.flatnonzero(_first_of_its_kind(draws[row]))[:size]
            self.assertLen(first, size)
            np.testing.assert_array_equal(ids[row], draws[row][first])
            tries = first[-1] + 1
            wanted = oracles.expected_count(_prob(name), size, tries)
            for own in (2 * row, 2 * row + 1):
                self.assert_close(true_count[own], wanted[labels[own]], 1e-4)
            self.assert_close(stated[row], wanted[ids[row]], 1e-4)
            all_tries.append(tries)
        self.assertGreater(len(set(all_tries)), 1)
        if size == 58:
            self.assertGreater(max(all_tries), chunk)  # which took more than one turn

    @parameterized.parameters(*_DRAWN)
    def test_without_groups(self, name):
        labels, (ids, true_count, stated), draws, _ = self._replay(name, None, 20)
        first = np.flatnonzero(_first_of_its_kind(draws[0]))[:20]
        np.testing.assert_array_equal(ids, draws[0][first])
        wanted = oracles.expected_count(_prob(name), 20, first[-1] + 1)
        self.assert_close(true_count, wanted[labels], 1e-4)
        self.assert_close(stated, wanted[ids], 1e-4)

    @parameterized.product(name=_DRAWN, num_groups=[None, 2])
    def test_the_whole_range_is_all_ids_once(self, name, num_groups):
        labels = np.array([[5], [0], [59], [5]])
        ids, true_count, stated = self.run_graph(self.sample(
            name, tf.constant(labels), _C, True, num_groups=num_groups))
        for row in np.reshape(ids, [num_groups or 1, -1]):
            self.assertCountEqual(row, range(_C))
        np.testing.assert_array_equal(true_count, np.ones([4, 1]))
        np.testing.assert_array_equal(stated, np.ones(ids.shape))

    def test_the_whole_range_is_no_matter_of_luck(self):
        # The second class would come once in 10^15 draws.
        values = samplers.fixed_unigram_candidate_sampler(
            tf.constant([[1]]), 1, 2, True, 2, unigrams=[1, 1e-15])
        self.assertEqual([v.tolist() for v in self.run_graph(values)], [[0, 1], [[1]], [1, 1]])

    @parameterized.parameters(None, 3)
    def test_ids_that_do_not_come_are_an_error(self, num_groups):
        labels = tf.placeholder(tf.int64, [None, 1])
        with mock.patch.object(samplers, "_MAX_TURNS", 30):
            values = samplers.fixed_unigram_candidate_sampler(
                labels, 1, 2, True, 3, unigrams=[1, 1e-15, 1e-15], num_groups=num_groups)
        with self.new_session() as session:
            for value in (values.sampled_candidates, values.sampled_expected_count):
                self.assert_fails(self.TOO_FEW + r"\[1\]", session, value, {labels: np.zeros([3, 1])})

    def test_the_number_of_turns_has_a_limit(self):
        self.assertBetween(samplers._MAX_TURNS, 100, 10000)

    def test_as_many_turns_as_allowed(self):
        with mock.patch.object(samplers, "_MAX_TURNS", 1):
            for size, enough in ((40, True), (59, False)):
                ids = self.sample("uniform", tf.constant([[1]]), size, True,
                                  seed=tf.constant(self.SEED)).sampled_candidates
                with self.new_session() as session:
                    if enough:
                        self.assertLen(set(session.run(ids)), size)
                    else:
                        self.assert_fails(self.TOO_FEW + r"\[5\d\]", session, ids, None)


class PeerTest(graph_case.GraphCase):
    """TensorFlow's own samplers beside ours."""

    @parameterized.named_parameters(
        ("uniform", "uniform", tf.random.uniform_candidate_sampler, {}),
        ("log_uniform", "log_uniform", tf.random.log_uniform_candidate_sampler, {}),
        ("learned_unigram", "learned_unigram", tf.random.learned_unigram_candidate_sampler, {}),
        ("fixed_unigram", "fixed_unigram", tf.random.fixed_unigram_candidate_sampler,
         {"unigrams": [float(c) for c in _COUNTS]}),
        ("all", "all", tf.nn.all_candidate_sampler, None))
    def test_same_expected_counts(self, name, peer, options):
        labels = tf.constant(np.arange(_C)[:, None])
        size = _num_sampled(name)
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

    def test_upstream_overrates_when_there_was_no_repeat(self):
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


class WrongArgumentsTest(_SamplerCase):

    @parameterized.parameters(*_NAMES)
    def test_wrong_arguments_are_named(self, name):
        labels = tf.constant([[1]])
        sampler = tables.SAMPLERS[name]
        function = sampler.__name__ + ": "
        size = _num_sampled(name)
        with self.assertRaisesRegex(InputError, function + "true_classes: wanted int32 or int64"):
            self.sample(name, tf.constant([[1.0]]), size)
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
        """The sampler of a name, without a detour over sample_by_name."""
        options.setdefault("num_true", 1)
        options.setdefault("range_max", _C)
        if name == "fixed_unigram":
            options["unigrams"] = _COUNTS
        if "in_batch" in name:
            options.setdefault("frequencies", distributions.Unigram(_COUNTS))
        if "+" in name:
            options.setdefault("distribution", distributions.Uniform(_C))
        if name != "in_batch":
            options.setdefault("num_sampled", _num_sampled(name))
        options.setdefault("unique", False)
        return tables.SAMPLERS[name](tf.constant([[1]]), **options)

    @parameterized.parameters(*_NAMES)
    def test_wrong_numbers_are_named(self, name):
        function = tables.SAMPLERS[name].__name__ + ": "
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
            with self.assertRaisesRegex(InputError, function + "num_sampled: wanted all the classes, "
                                        "range_max = 61, got 60"):
                self._call(name, range_max=61)
        elif name in _DRAWN and name != "fixed_unigram":  # which wants counts for its range first
            for wrong in (0, -1, 1.5):
                with self.assertRaisesRegex(
                        InputError, function + "range_max: wanted an integer above 0, got %s" % wrong):
                    self._call(name, range_max=wrong)

    @parameterized.parameters(*_NAMES)
    def test_wrong_ways_of_unique_are_named(self, name):
        function = tables.SAMPLERS[name].__name__ + ": "
        if name == "all":
            for anything in ("maskd", None, True):  # makes no difference
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
                        InputError, tables.SAMPLERS[name].__name__ +
                        ": frequencies: wanted one of range_max = 60 classes, got 59"):
                    self._call(name, frequencies=frequencies)
        with self.assertRaisesRegex(InputError, "mixed_candidate_sampler: distribution: wanted one of "
                                    "range_max = 60 classes, got 61"):
            self._call("in_batch+uniform", distribution=distributions.Uniform(61))

    @parameterized.parameters(0, 1.5)
    def test_a_decay_out_of_its_range_is_named(self, decay):
        with self.assertRaisesRegex(InputError, "decay: wanted a number above 0, at most 1, got"):
            samplers.learned_unigram_candidate_sampler(tf.constant([[1]]), 1, 2, False, 5, decay=decay)

    def test_a_name_that_is_in_no_table(self):
        with self.assertRaisesRegex(
                InputError, "sample_by_name: sampler: wanted one of all, .*got 'in-batch'"):
            samplers.sample_by_name("in-batch", tf.constant([[1]]), 2, _COUNTS)


class WrongLabelsTest(_SamplerCase):

    @parameterized.parameters(*_NAMES)
    def test_constant_ids_out_of_range(self, name):
        function = tables.SAMPLERS[name].__name__
        for wrong in (60, -1):
            for num_groups in (None, 3):
                with self.assertRaisesRegex(
                        InputError, r"%s: true_classes: wanted ids from 0 to 59, got \[%d\]" % (
                            function, wrong)):
                    self.sample(name, tf.constant([[0], [wrong], [59]]), num_groups=num_groups)

    @parameterized.product(name=_NAMES, shape=[[None, 1], [3, 1]])
    def test_fed_ids_out_of_range(self, name, shape):
        labels = tf.placeholder(tf.int64, shape)
        kinds = [(None, unique) for unique in _kinds_of_unique(name)]
        if name in _DRAWN:
            kinds.append((_C, True))
        if shape[0] is None:
            kinds = kinds[:1]
        fetches = [self.sample(name, labels, num_sampled, unique, num_groups=3 if number else None)
                   .true_expected_count for number, (num_sampled, unique) in enumerate(kinds)]
        message = r"\[%s: true_classes: wanted ids from 0 to 59, got\] " % tables.SAMPLERS[name].__name__
        with self.new_session() as session:
            session.run(fetches, {labels: [[0], [59], [1]]})
            for fetch in fetches:
                for wrong in (60, -1):
                    self.assert_fails(message + r"\[%d\]" % wrong, session, fetch,
                                      {labels: [[0], [wrong], [59]]})

    def _calls(self, labels, label_mask=None):
        """Sampler by sampler, SampledValues of 3 classes, of which 0 has no count in any source."""
        none = distributions.Unigram([0, 1, 2])
        return [
            ("fixed_unigram_candidate_sampler", lambda unique: samplers.fixed_unigram_candidate_sampler(
                labels, 1, 2, unique, 3, unigrams=[1, 2], num_reserved_ids=1, label_mask=label_mask)),
            ("in_batch_candidate_sampler", lambda unique: samplers.in_batch_candidate_sampler(
                labels, 1, unique, 3, none, label_mask=label_mask)),
            ("mixed_candidate_sampler", lambda unique: samplers.mixed_candidate_sampler(
                labels, 1, 2, unique, 3, none, none, label_mask=label_mask))]

    REFUSED = "%s: true_classes: wanted ids that can be drawn, with a count above 0, got"

    def test_constant_ids_that_have_no_count(self):
        for function, call in self._calls(tf.constant([[1], [0]])):
            for unique in (False, "masked") + (True,) * function.startswith("fixed"):
                with self.assertRaisesRegex(InputError, self.REFUSED % function + r" \[0\]"):
                    call(unique)

    @parameterized.product(shape=[[None, 1], [2, 1]], unique=[False, "masked", True])
    def test_fed_ids_that_have_no_count(self, shape, unique):
        labels = tf.placeholder(tf.int32, shape)
        calls = self._calls(labels)
        values = [call(unique) for _, call in (calls[:1] if unique is True else calls)]
        with self.new_session() as session:
            session.run(values, {labels: [[1], [2]]})
            for value, (function, _) in zip(values, calls):
                self.assert_fails(r"\[" + self.REFUSED % function + r"\] \[0\]", session,
                                  value.true_expected_count, {labels: [[1], [0]]})

    def test_ids_that_have_a_count_in_one_of_two_sources(self):
        labels = tf.placeholder(tf.int64, [None, 1])
        none = distributions.Unigram([0, 1, 2])
        for some, wanted in ((distributions.Unigram([3, 1, 0]), [[2 / 3 + 5 / 4], [15 / 4]]),
                             (distributions.Uniform(3), [[2 / 3 + 5 / 3], [5 / 3]])):
            for value in self.run_graph([samplers.mixed_candidate_sampler(
                    of, 1, 5, False, 3, none, some).true_expected_count
                    for of in (tf.constant([[1], [0]]), labels)], {labels: [[1], [0]]}):
                self.assert_close(value, wanted)

    @parameterized.parameters(0, -5)
    def test_padding_needs_no_count(self, padding):
        fed, mask = tf.placeholder(tf.int32, [None, 1]), [[True], [False]]
        constant = tf.constant([[1], [padding]])
        values = [call(unique) for labels, unique in ((fed, "masked"), (constant, False))
                  for _, call in self._calls(labels, mask)]
        for _, true_count, _ in self.run_graph(values, {fed: [[1], [padding]]}):
            self.assertGreater(true_count[0, 0], 0)
            self.assertEqual(true_count[1, 0], 1)


class FixedUnigramTest(graph_case.GraphCase):

    def _values(self, labels, **options):
        return self.run_graph(samplers.fixed_unigram_candidate_sampler(
            tf.constant(labels)[:, None], 1, 10, False, 5, **options))

    def test_distortion(self):
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

    def test_vocab_file_as_upstream_reads_it(self):
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
        (dict(unigrams=[1] * 5, num_shards=2), "num_shards, shard: wanted"),
        (dict(unigrams=[1] * 5, shard=1), "num_shards, shard: wanted"),
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
        ("the,3\na,1\nb,2\n", "line 3: wanted a count for each of .* = 2 ids, and then the end, got 'b"),
        ("the,3\n", "wanted a count for each of range_max - num_reserved_ids = 2 ids, got 1"),
        ("the,0\na,0\n", "wanted counts that are not all 0, got only 0"))
    def test_a_vocab_file_of_other_counts_is_named_with_the_line(self, content, message):
        path = self.create_tempfile(content=content).full_path
        with self.assertRaisesRegex(InputError, path + ": " + message):
            samplers.fixed_unigram_candidate_sampler(tf.constant([[1]]), 1, 1, False, 2, path)

    def test_more_unique_candidates_than_counts_above_zero(self):
        labels = tf.constant([[2]])
        with self.assertRaisesRegex(InputError, "at most 3, the counts above 0, when unique, got 4"):
            samplers.fixed_unigram_candidate_sampler(labels, 1, 4, True, 5, unigrams=[1, 0, 1, 0, 1])
        exactly, masked = self.run_graph([samplers.fixed_unigram_candidate_sampler(
            labels, 1, size, unique, 5, unigrams=[1, 0, 1, 0, 1]).sampled_candidates
            for size, unique in ((3, True), (4, "masked"))])
        self.assertCountEqual(exactly, [0, 2, 4])
        self.assertTrue(set(masked) <= {0, 2, 4})


class ByNameTest(_SamplerCase):
    """sample_by_name says what the samplers say; unique labels are masked ones."""

    @parameterized.parameters(*_MIXED)
    def test_mixed(self, name):
        labels, seed = tf.constant([[3], [3], [59]]), tf.constant([4, 4])
        named = self.sample(name, labels, 20, True, seed=seed)
        distribution = _distribution(name.partition("+")[2])
        direct = samplers.mixed_candidate_sampler(
            labels, 1, 20, "masked", _C, distributions.Unigram(_COUNTS), distribution, seed=seed)
        drawn = distribution.ids_of(distributions.uniforms([20], seed))
        named, direct, drawn = self.run_graph([named, direct, drawn])
        for value, wanted in zip(named, direct):
            np.testing.assert_array_equal(value, wanted)
        np.testing.assert_array_equal(direct.sampled_candidates, [3, 3, 59] + list(drawn))

    def test_in_batch(self):
        labels = tf.constant([[3], [3], [59]])
        named = self.sample("in_batch", labels, 20, True)
        direct = samplers.in_batch_candidate_sampler(
            labels, 1, "masked", _C, distributions.Unigram(_COUNTS))
        for value, wanted in zip(*self.run_graph([named, direct])):
            np.testing.assert_array_equal(value, wanted)

    def test_all_are_as_many_as_they_are(self):
        sampled = samplers.sample_by_name("all", tf.constant([[3]]), 20, _COUNTS)
        np.testing.assert_array_equal(*self.run_graph([sampled.sampled_candidates, tf.range(_C)]))

    @parameterized.parameters(*_DRAWN)
    def test_drawn(self, name):
        seed = tf.constant([4, 4])
        ids = self.sample(name, tf.constant([[3]]), 20, seed=seed).sampled_candidates
        drawn = _distribution(name).ids_of(distributions.uniforms([20], seed))
        np.testing.assert_array_equal(*self.run_graph([ids, drawn]))


class WithoutKnownTest(graph_case.GraphCase):

    SAMPLED = np.array([4, 7, 1, 4, 9, 2, 30])
    COUNT = np.array([0.5, 0.25, 2, 0.5, 0.125, samplers.MASKED_COUNT, 3], np.float32)

    def _values(self, known, rows, known_dtype=np.int64, rows_dtype=np.int32):
        """What comes of {row: its known classes} and the rows of examples."""
        pairs = [(k, row) for row, classes in known.items() for k in classes]
        arrays = np.array(pairs, known_dtype).reshape([-1, 2])
        tensors = [tf.constant(x) for x in (arrays[:, 0], arrays[:, 1], np.array(rows, rows_dtype))]
        values = samplers.SampledValues(tf.constant(self.SAMPLED), tf.ones([len(rows), 1]),
                                        tf.constant(self.COUNT))
        return samplers.without_known(values, *tensors)

    def _wanted(self, known, rows):
        return [[samplers.MASKED_COUNT if k in known.get(row, ()) else count
                 for k, count in zip(self.SAMPLED, self.COUNT)] for row in rows]

    @parameterized.parameters(
        ({0: [4, 5], 1: [9, 30, 1], 2: []}, [0, 0, 1, 2, 1]),
        ({0: [4, 4, 2], 1: [3]}, [1, 0]),
        ({0: [], 1: []}, [0, 1, 1]),
        ({}, [0, 0]),
        ({0: [1, 2, 4, 7, 9, 30]}, [0]),
        ({0: [7], 5: [4]}, [0, 2]),  # a row that is no example's
        ({2: [7]}, [4, 2]),
        ({0: [7], 1: [4]}, []))
    def test_against_a_loop(self, known, rows):
        results = [self._values(known, rows, *dtypes) for dtypes in (
            (np.int64, np.int32), (np.int32, np.int64))]
        for values in self.run_graph(results):
            np.testing.assert_array_equal(values.sampled_candidates, self.SAMPLED)
            np.testing.assert_array_equal(values.true_expected_count, np.ones([len(rows), 1]))
            self.assertEqual(values.sampled_expected_count.shape, (len(rows), len(self.SAMPLED)))
            np.testing.assert_array_equal(
                values.sampled_expected_count,
                np.array(self._wanted(known, rows), np.float32).reshape([-1, len(self.SAMPLED)]))

    def test_sizes_may_be_known_when_they_come(self):
        ids, rows, row = (tf.placeholder(tf.int32, [None]) for _ in range(3))
        sampled = tf.placeholder(tf.int64, [None])
        values = samplers.SampledValues(sampled, tf.ones([3, 1]), tf.placeholder(tf.float32, [None]))
        count = samplers.without_known(values, ids, rows, row).sampled_expected_count
        self.assertEqual(count.shape.as_list(), [None, None])
        known, of_examples = {0: [4], 1: [9, 2]}, [1, 0, 1]
        self.assert_close(self.run_graph(count, {
            ids: [4, 9, 2], rows: [0, 1, 1], row: of_examples, sampled: self.SAMPLED,
            values.sampled_expected_count: self.COUNT}), self._wanted(known, of_examples))

    def test_the_number_of_candidates_stays_known(self):
        count = self._values({0: [4]}, [0, 0]).sampled_expected_count
        self.assertEqual(count.shape.as_list()[1:], [len(self.SAMPLED)])

    def test_wrong_arguments_are_named(self):
        grouped = samplers.SampledValues(tf.zeros([2, 3], tf.int64), tf.ones([4, 1]), tf.ones([2, 3]))
        with self.assertRaisesRegex(
                InputError, r"without_known: sampled_values: wanted candidates of shape \[S\], got"):
            samplers.without_known(grouped, [1], [0], [0, 0])
        flat = samplers.SampledValues(tf.zeros([3], tf.int64), tf.ones([4, 1]), tf.ones([3]))
        with self.assertRaisesRegex(
                InputError, "without_known: known_classes: wanted int32 or int64 ids, got 'float32'"):
            samplers.without_known(flat, [1.0], [0], [0, 0])


class WithCertainTest(graph_case.GraphCase):

    @parameterized.parameters(np.int32, np.int64)
    def test_against_a_loop(self, dtype):
        drawn = [4, 7, 1, 4, 9, 2]
        drawn_count = np.array([0.5, 0.25, 2, 0.5, 0.125, samplers.MASKED_COUNT], np.float32)
        certain = [9, 3, 9, 4, 3]
        labels = np.array([[3, 1], [9, 4], [0, 7]])
        true_count = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], np.float32)
        values = samplers.SampledValues(tf.constant(drawn, tf.int64), tf.constant(true_count),
                                        tf.constant(drawn_count))
        result = self.run_graph(samplers.with_certain(
            values, tf.constant(labels, dtype), tf.constant(certain, dtype), 10))
        np.testing.assert_array_equal(result.sampled_candidates, certain + drawn)
        masked = samplers.MASKED_COUNT
        np.testing.assert_array_equal(
            result.sampled_expected_count,
            [1, 1, masked, 1, masked, masked, np.float32(0.25), 2, masked, masked, masked])
        np.testing.assert_array_equal(
            result.true_expected_count, np.float32([[1, 0.2], [1, 1], [0.5, 0.6]]))

    def test_flat_labels(self):
        values = samplers.uniform_candidate_sampler(tf.constant([3, 5]), 1, 4, True, _C, seed=1)
        for labels in ([3, 5], [[3], [5]]):
            result = self.run_graph(samplers.with_certain(
                values, tf.constant(labels, tf.int32), tf.constant([5]), _C))
            self.assert_close(result.true_expected_count.ravel()[1], 1)
            self.assertLess(result.true_expected_count.ravel()[0], 0.5)

    def test_none_for_certain(self):
        values = samplers.uniform_candidate_sampler(tf.constant([3, 5]), 1, 4, True, _C, seed=1)
        result = samplers.with_certain(values, tf.constant([3, 5]), tf.zeros([0], tf.int32), _C)
        for ours, theirs in zip(*self.run_graph([result, values])):
            np.testing.assert_array_equal(ours, theirs)

    @parameterized.product(name=["uniform", "fixed_unigram", "in_batch+uniform"],
                           unique=[False, "masked"])
    def test_the_estimate_of_the_whole_sum_is_unbiased_and_less_noisy(self, name, unique):
        # A few classes have most of the sum; some of them are certain, one twice.
        random = np.random.RandomState(5)
        exponentials = np.exp(random.randn(_C))
        best = random.permutation(_C)[:5]
        exponentials[best] *= 30
        labels = tf.placeholder(tf.int32, [8])
        values = _sample(name, labels, 10, unique)
        certain = tf.constant(list(best[:4]) + [best[0]])
        # What the losses sum up: exp(s - log Q), 0 where the count is the largest.
        sums = []
        for v in (values, samplers.with_certain(values, labels, certain, _C)):
            weights = tf.where(v.sampled_expected_count >= samplers.MASKED_COUNT,
                               tf.zeros_like(v.sampled_expected_count), 1 / v.sampled_expected_count)
            sums.append(tf.reduce_sum(tf.gather(tf.constant(exponentials, tf.float32),
                                                v.sampled_candidates) * weights))
        with _new_session(optimized=False) as session:
            run = session.make_callable(sums, [labels])
            drawn = np.array([run(random.choice(_C, 8, p=_prob("in_batch"))) for _ in range(2000)])
        errors = drawn.std(0) / len(drawn) ** 0.5
        difference = np.abs(drawn.mean(0) - exponentials.sum())
        self.assertLess(difference[0], 5 * errors[0])
        self.assertLess(difference[1], 5 * errors[1])
        self.assertLess(errors[1], errors[0] / 1.5)
        # The test would see a class that is counted twice, or not at all.
        self.assertGreater(exponentials[best[:4]].min(), 10 * errors[1])

    def test_wrong_arguments_are_named(self):
        grouped = samplers.SampledValues(tf.zeros([2, 3], tf.int64), tf.ones([4, 1]), tf.ones([2, 3]))
        with self.assertRaisesRegex(
                InputError, r"with_certain: sampled_values: wanted candidates of shape \[S\], got"):
            samplers.with_certain(grouped, [[1]], [0], _C)
        flat = samplers.SampledValues(tf.zeros([3], tf.int64), tf.ones([1, 1]), tf.ones([3]))
        with self.assertRaisesRegex(
                InputError, "with_certain: certain_classes: wanted int32 or int64 ids, got 'float32'"):
            samplers.with_certain(flat, [[1]], [0.5], _C)


class LearningTest(graph_case.GraphCase):
    """Those that learn count the labels of the training step, once, after its draws."""

    def _updates(self):
        return tf.get_collection(tf.GraphKeys.UPDATE_OPS)

    @parameterized.parameters(False, "masked", True)
    def test_counts_only_when_the_update_runs_and_after_the_draw(self, unique):
        labels = tf.constant([[1], [1], [4]], tf.int64)
        values = samplers.learned_unigram_candidate_sampler(labels, 1, 5, unique, 5)
        log_prob = distributions.LearnedUnigram(5).log_prob(tf.range(5))
        first = oracles.expected_count(np.full(3, 0.2), 5, 5 if unique else None)
        if unique is True:  # all there are
            first = np.ones(3)
        update, = self._updates()
        with self.new_session() as session:
            for _ in range(3):  # evaluation leaves the counts alone
                self.assert_close(session.run(values.true_expected_count)[:, 0], first)
            before, _ = session.run([values.true_expected_count, update])
            self.assert_close(before[:, 0], first)
            prob = np.array([1, 3, 1, 1, 2]) / 8
            self.assert_close(session.run(log_prob), np.log(prob))
            after = session.run(values.true_expected_count)
        if unique is not True:
            wanted = oracles.expected_count(prob, 5, 5 if unique else None)
            self.assert_close(after[:, 0], wanted[[1, 1, 4]])

    def test_decay(self):
        labels = tf.placeholder(tf.int64, [None, 1])
        values = samplers.learned_unigram_candidate_sampler(labels, 1, 5, False, 5, decay=0.5)
        with self.new_session() as session:
            for batch in ([1, 1, 4], [2], [1, 0, 0]):
                session.run(self._updates(), {labels: np.reshape(batch, [-1, 1])})
            stated = session.run(values.true_expected_count, {labels: np.arange(5)[:, None]})
        seen = ((np.array([0, 2, 0, 0, 1]) / 2 + [0, 0, 1, 0, 0]) / 2) + [2, 1, 0, 0, 0]
        self.assert_close(stated[:, 0], 5 * (1 + seen) / np.sum(1 + seen))

    @parameterized.product(unique=[False, "masked"], num_groups=[None, 2])
    def test_in_batch_from_frequencies_that_are_learned(self, unique, num_groups):
        labels, mask = tf.placeholder(tf.int64, [None, 1]), tf.placeholder(tf.bool, [None, 1])
        learned = distributions.LearnedUnigram(6, "frequencies")
        values = samplers.in_batch_candidate_sampler(labels, 1, unique, 6, learned, label_mask=mask,
                                                     num_groups=num_groups)
        update, = self._updates()
        feed = {labels: [[1], [2], [99], [1], [5], [-1]],
                mask: [[True], [True], [False], [True], [True], [False]]}
        number = 4 if num_groups is None else 2  # in each group
        seen = np.zeros(6)
        with self.new_session() as session:
            for _ in range(3):
                prob = (1 + seen) / np.sum(1 + seen)
                wanted = oracles.expected_count(prob, number, number if unique else None)[[1, 2, 1, 5]]
                for fetches in ([values], [values, update]):  # without and with the training step
                    true_count = session.run(fetches, feed)[0].true_expected_count
                    self.assert_close(true_count[:, 0], np.insert(wanted, [2, 4], 1))
                seen[[1, 2, 5]] += [2, 1, 1]

    @parameterized.parameters(*["uniform", "log_uniform", "learned_unigram", "all"])
    def test_padding_is_not_counted(self, name):
        labels = tf.constant([[1, -1], [4, 1]])
        mask = [[True, False], [False, True]]
        learned = distributions.LearnedUnigram(6)
        if name == "learned_unigram":
            samplers.learned_unigram_candidate_sampler(labels, 2, 3, False, 6, label_mask=mask)
        elif name == "all":
            samplers.learned_unigram_candidate_sampler(labels, 2, 6, True, 6, label_mask=mask)
        else:
            other = {"uniform": distributions.Uniform, "log_uniform": distributions.LogUniform}[name](6)
            samplers.mixed_candidate_sampler(labels, 2, 3, False, 6, learned, other, label_mask=mask)
        with self.new_session() as session:
            session.run(self._updates())
            log_prob = session.run(learned.log_prob(tf.range(6)))
        self.assert_close(log_prob, np.log(np.array([1, 3, 1, 1, 1, 1]) / 8))

    def test_mixed_of_two_that_learn(self):
        labels = tf.constant([[1], [1], [2]])
        frequencies = distributions.StreamingFrequency(6, 3, 0.5)
        learned = distributions.LearnedUnigram(6, decay=0.5)
        values = samplers.mixed_candidate_sampler(labels, 1, 4, False, 6, frequencies, learned)
        counts = [3 * tf.exp(frequencies.log_prob([1, 1, 2])), 4 * tf.exp(learned.log_prob([1, 1, 2]))]
        with self.new_session() as session:
            for _ in range(2):
                stated, parts = session.run([values.true_expected_count, counts])
                self.assert_close(stated[:, 0], np.sum(parts, 0))
                stated, _ = session.run([values.true_expected_count, self._updates()])
                self.assert_close(stated[:, 0], np.sum(parts, 0))
            self.assert_close(parts[1], 4 * np.array([3, 3, 2]) / 9)
            self.assertLen(self._updates(), 2)

    @parameterized.parameters(1.0, 0.5)
    def test_mixed_of_one_that_is_both_counts_once(self, decay):
        learned = distributions.LearnedUnigram(5, decay=decay)
        samplers.mixed_candidate_sampler(tf.constant([[1], [1], [2]]), 1, 4, False, 5, learned, learned)
        log_prob = learned.log_prob(tf.range(5))
        with self.new_session() as session:
            session.run(self._updates())
            self.assert_close(session.run(log_prob), np.log(np.array([1, 3, 2, 1, 1]) / 8))
            session.run(self._updates())
            seen = (1 + decay) * np.array([0, 2, 1, 0, 0])
            self.assert_close(session.run(log_prob), np.log((1 + seen) / np.sum(1 + seen)))

    def test_what_does_not_learn_has_no_update(self):
        labels = tf.constant([[1], [1], [2]])
        for name in _NAMES:
            if "learned" not in name:
                samplers.sample_by_name(name, labels, _num_sampled(name), _COUNTS)
        self.assertEmpty(self._updates())

    def test_in_batch_counts_of_streaming_frequencies(self):
        # Each group is a stream of its own, with classes of its own, and all have the same truth.
        size, streams, num_labels, rate = 12, 200, 6, 0.05
        prob = np.random.RandomState(2).permutation(graph_case.zipf(size))
        frequencies = distributions.StreamingFrequency(size * streams, num_labels, rate)
        labels = tf.placeholder(tf.int64, [streams, num_labels])
        stated = samplers.in_batch_candidate_sampler(
            labels, 1, False, size * streams, frequencies, num_groups=streams).true_expected_count
        first_id = size * np.arange(streams)[:, None]
        batches = np.random.RandomState(3).choice(size, [1500, streams, num_labels], p=prob)
        sums = np.zeros([streams, size])
        with self.new_session() as session:
            for batch in batches:
                session.run(self._updates(), {labels: batch + first_id})
            for k in range(0, size, num_labels):
                ask = np.tile(np.arange(k, k + num_labels), [streams, 1])
                sums[:, k:k + num_labels] = session.run(stated, {labels: ask + first_id})
        counted = np.array([np.mean(np.sum(batches == k, 2)) for k in range(size)])
        error = sums.std(0) / np.sqrt(streams)
        # An average of 1 / interval is above that of the average by half the interval's variance.
        np.testing.assert_array_less(np.abs(sums.mean(0) - counted), 5 * error + rate * counted)


if __name__ == "__main__":
    absltest.main()
