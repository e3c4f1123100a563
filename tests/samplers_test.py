import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, oracles
from tf1_sampled import InputError, samplers, tables

_COUNTS = np.round(1000 * graph_case.zipf(60)) + np.arange(60) % 7
_NAMES = sorted(tables.SAMPLERS)
_RANDOM = [name for name in _NAMES if name != "all"]


def _sample(name, labels, num_sampled, **options):
    return samplers.sample_by_name(name, labels, num_sampled, _COUNTS, **options)


def _prob(name):
    k = np.arange(60)
    if name == "log_uniform":
        return np.log((k + 2) / (k + 1)) / np.log(61)
    if name == "fixed_unigram":
        return _COUNTS / _COUNTS.sum()
    return np.full(60, 1 / 60)  # learned_unigram has seen nothing yet


class EverySamplerTest(graph_case.GraphCase):
    """What holds for every row of SAMPLERS."""

    def _num_sampled(self, name):
        return 60 if name == "all" else 20

    @parameterized.product(name=_NAMES, dtype=[tf.int32, tf.int64], unique=[False, True])
    def test_types_and_shapes(self, name, dtype, unique):
        size = self._num_sampled(name)
        labels = tf.constant([[3], [0], [59]], dtype)
        values = _sample(name, labels, size, unique=unique)
        self.assertEqual(values.sampled_candidates.shape.as_list(), [size])
        self.assertEqual(values.sampled_expected_count.shape.as_list(), [size])
        ids, true_count, sampled_count = self.run_graph(values)
        self.assertEqual((ids.dtype, true_count.dtype, sampled_count.dtype),
                         (np.int64, np.float32, np.float32))
        self.assertEqual((ids.shape, true_count.shape, sampled_count.shape),
                         ((size,), (3, 1), (size,)))
        self.assertBetween(ids.min(), 0, 59)
        self.assertBetween(ids.max(), 0, 59)

    @parameterized.parameters(*_NAMES)
    def test_groups_have_sets_of_their_own(self, name):
        size = self._num_sampled(name)
        labels = tf.constant(np.arange(28).reshape(4, 7))
        for unique in (False, True):
            ids, true_count, sampled_count = self.run_graph(
                _sample(name, labels, size, unique=unique, num_groups=4))
            self.assertEqual((ids.shape, true_count.shape, sampled_count.shape),
                             ((4, size), (4, 7), (4, size)))
            self.assertEqual(np.any(ids[0] != ids[1]), name != "all")

    @parameterized.parameters(*_NAMES)
    def test_labels_may_be_flat_when_there_is_one_each(self, name):
        values = _sample(name, tf.constant([3, 0]), self._num_sampled(name))
        self.assertEqual(self.run_graph(values.true_expected_count).shape, (2,))

    @parameterized.parameters(*_NAMES)
    def test_wrong_arguments_are_named(self, name):
        labels = tf.constant([[1]])
        sampler = tables.SAMPLERS[name]
        with self.assertRaisesRegex(InputError, "num_sampled: wanted an integer above 0, got 0"):
            _sample(name, labels, 0)
        with self.assertRaisesRegex(InputError, "num_true: wanted an integer above 0, got -1"):
            options = {"unigrams": _COUNTS} if name == "fixed_unigram" else {}
            sampler(labels, -1, 60, False, range_max=60, **options)
        with self.assertRaisesRegex(InputError, "true_classes: wanted int32 or int64"):
            _sample(name, tf.constant([[1.0]]), 60)
        with self.assertRaisesRegex(InputError, r"true_classes: wanted shape \[B, num_true\]"):
            _sample(name, tf.constant([[1, 2]]), 60)
        with self.assertRaisesRegex(InputError, "num_sampled: wanted .*60.* got 61"):
            _sample(name, labels, 61, unique=True)

    @parameterized.product(name=_RANDOM, unique=[False, True])
    def test_a_seed_repeats_its_draws(self, name, unique):
        labels = tf.constant([[1]])

        def draw(seed):
            values = _sample(name, labels, 20, unique=unique, seed=seed)
            with self.new_session() as session:
                return [session.run(values.sampled_candidates) for _ in range(2)]

        first, same, other = draw(1), draw(1), draw(2)
        np.testing.assert_array_equal(first, same)
        self.assertTrue(np.any(first[0] != first[1]))
        self.assertTrue(np.any(first[0] != other[0]))

    @parameterized.parameters(*_RANDOM)
    def test_counts_of_repeating_draws(self, name):
        groups, size = 5000, 40
        values = _sample(name, tf.constant([[0]]), size, num_groups=groups, seed=3)
        ids, _, stated = self.run_graph(values)
        wanted = oracles.expected_count(_prob(name), size)
        self.assert_close(stated, wanted[ids])
        count = np.bincount(ids.ravel(), minlength=60)
        chi_square = np.sum((count - groups * wanted) ** 2 / (groups * wanted))
        self.assertLess(chi_square, 59 + 5 * np.sqrt(2 * 59))

    @parameterized.parameters(*_RANDOM)
    def test_counts_of_unique_draws(self, name):
        groups, size = 20000, 8
        labels = np.tile(np.arange(60), [groups, 1])
        values = _sample(name, tf.constant(labels), size, unique=True, num_groups=groups, seed=3)
        ids, stated_of_all, stated = self.run_graph(values)
        np.testing.assert_array_less(0, np.diff(np.sort(ids, 1), axis=1))
        self.assert_close(stated, np.take_along_axis(stated_of_all, ids, 1))
        count = np.bincount(ids.ravel(), minlength=60) / groups
        wanted = stated_of_all.astype(np.float64).mean(0)
        deviation = np.sqrt(count * (1 - count) / groups)
        # Given T, the formula treats the draws as independent of when the last of them came: a
        # class that is in nearly every sample is overrated by a little (exact bounds: see below).
        np.testing.assert_array_less(np.abs(count - wanted), 5 * deviation + 0.03 * wanted)

    @parameterized.product(name=_RANDOM, size=[1, 20, 59, 60])
    def test_unique_counts_follow_the_number_of_tries(self, name, size):
        labels = tf.constant(np.arange(60)[None])
        ids, stated, _ = self.run_graph(_sample(name, labels, size, unique=True, num_groups=1))
        prob = _prob(name)
        # The number of tries that the first class's count implies has to explain all of them.
        tries = np.log1p(-stated[0, 30].astype(np.float64)) / np.log1p(-prob[30])
        self.assert_close(tries, np.round(tries), 1e-2 if size < 59 else 0.3)
        self.assertGreaterEqual(np.round(tries), size)
        if size < 59:
            self.assert_close(stated[0], oracles.expected_count(prob, size, np.round(tries)), 1e-4)
        self.assertLen(set(ids[0]), size)

    @parameterized.parameters(*_RANDOM)
    def test_unique_draws_of_the_whole_range(self, name):
        values = _sample(name, tf.constant([[5]]), 60, unique=True)
        ids, _, stated = self.run_graph(values)
        self.assertCountEqual(ids, range(60))
        self.assertBetween(stated.max(), 0, 1)

    @parameterized.parameters(*_NAMES)
    def test_tf_nn_takes_the_values(self, name):
        values = _sample(name, tf.constant([[1], [2]]), self._num_sampled(name))
        loss = tf.nn.nce_loss(tf.ones([60, 4]), tf.zeros([60]), tf.constant([[1], [2]], tf.int64),
                              tf.ones([2, 4]), self._num_sampled(name), 60, sampled_values=values)
        self.assertTrue(np.all(np.isfinite(self.run_graph(loss))))


class PeerTest(graph_case.GraphCase):
    """TensorFlow's own samplers beside ours."""

    @parameterized.named_parameters(
        ("uniform", "uniform", tf.random.uniform_candidate_sampler, {}),
        ("log_uniform", "log_uniform", tf.random.log_uniform_candidate_sampler, {}),
        ("learned_unigram", "learned_unigram", tf.random.learned_unigram_candidate_sampler, {}),
        ("fixed_unigram", "fixed_unigram", tf.random.fixed_unigram_candidate_sampler,
         {"unigrams": [float(c) for c in _COUNTS]}))
    def test_same_expected_counts(self, name, peer, options):
        labels = tf.constant(np.arange(60)[:, None])
        theirs = peer(labels, 1, 20, False, 60, **options)
        ours = _sample(name, labels, 20)
        theirs, ours = self.run_graph([theirs[1], ours.true_expected_count])
        self.assert_close(ours, theirs)

    @parameterized.named_parameters(
        ("uniform", "uniform", tf.random.uniform_candidate_sampler, {}),
        ("log_uniform", "log_uniform", tf.random.log_uniform_candidate_sampler, {}),
        ("fixed_unigram", "fixed_unigram", tf.random.fixed_unigram_candidate_sampler,
         {"unigrams": [float(c) for c in _COUNTS]}))
    def test_as_many_tries_for_unique_candidates(self, name, peer, options):
        labels = tf.constant([[30]], tf.int64)
        theirs = peer(labels, 1, 30, True, 60, seed=1, **options)[1]
        ours = _sample(name, tf.fill([4000, 1], 30), 30, unique=True, num_groups=4000,
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


class FixedUnigramTest(graph_case.GraphCase):

    def _log_counts(self, **options):
        labels = tf.constant(np.arange(5)[:, None])
        values = samplers.fixed_unigram_candidate_sampler(labels, 1, 10, False, 5, **options)
        return self.run_graph(values)

    def test_distortion(self):
        counts = np.array([16.0, 1, 81, 256, 0])
        _, stated, _ = self._log_counts(unigrams=counts, distortion=0.75)
        self.assert_close(stated[:, 0], 10 * np.array([8, 1, 27, 64, 0]) / 100)

    def test_distortion_zero_is_even_over_the_counts_above_zero(self):
        _, stated, _ = self._log_counts(unigrams=[5, 0, 9, 1, 1], distortion=0)
        self.assert_close(stated[:, 0], [2.5, 0, 2.5, 2.5, 2.5])

    def test_reserved_ids_are_never_drawn(self):
        ids, stated, _ = self._log_counts(unigrams=[1, 2, 1], num_reserved_ids=2)
        self.assert_close(stated[:, 0], [0, 0, 2.5, 5, 2.5])
        self.assertGreaterEqual(ids.min(), 2)

    def test_vocab_file_as_upstream_reads_it(self):
        path = self.create_tempfile(content="the,3\na, 1\n\"x,y\",6\nz,0.5\n").full_path
        labels = tf.constant(np.arange(5)[:, None])
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
        (dict(unigrams=[1] * 5, num_reserved_ids=-1), "num_reserved_ids: wanted"),
    )
    def test_wrong_counts_are_named(self, options, message):
        with self.assertRaisesRegex(InputError, message):
            samplers.fixed_unigram_candidate_sampler(tf.constant([[1]]), 1, 3, False, 5, **options)

    def test_a_line_without_a_count_is_named(self):
        path = self.create_tempfile(content="the,3\na,b\n").full_path
        with self.assertRaisesRegex(InputError, "line 2: wanted a count"):
            samplers.fixed_unigram_candidate_sampler(tf.constant([[1]]), 1, 1, False, 2, path)

    def test_more_unique_candidates_than_counts_above_zero(self):
        with self.assertRaisesRegex(InputError, "at most 3, the counts above 0, when unique, got 4"):
            samplers.fixed_unigram_candidate_sampler(tf.constant([[1]]), 1, 4, True, 5,
                                                     unigrams=[1, 0, 1, 0, 1])


class LearnedUnigramSamplerTest(graph_case.GraphCase):

    def test_counts_only_when_the_update_runs_and_after_the_draw(self):
        labels = tf.constant([[1], [1], [4]], tf.int64)
        values = samplers.learned_unigram_candidate_sampler(labels, 1, 5, False, 5)
        update, = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with self.new_session() as session:
            for _ in range(3):  # evaluation leaves the counts alone
                self.assert_close(session.run(values.true_expected_count), np.ones([3, 1]))
            before, _ = session.run([values.true_expected_count, update])
            self.assert_close(before, np.ones([3, 1]))
            after = session.run(values.true_expected_count)
        self.assert_close(after[:, 0], 5 * np.array([3, 3, 2]) / 8)


if __name__ == "__main__":
    absltest.main()
