import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, oracles, sampler_case
from tf1_sampled import InputError, distributions, losses, optimizers, samplers
from tf1_sampled.training import steps

_COUNTS, _NAMES = sampler_case.COUNTS, sampler_case.NAMES
_C = len(_COUNTS)


class LearningTest(graph_case.GraphCase):
    """Learned distributions count the labels of a training step once, after its draws."""

    def _updates(self):
        return tf.get_collection(tf.GraphKeys.UPDATE_OPS)

    @parameterized.parameters(False, "masked", True)
    def test_counts_only_when_the_update_runs_and_after_the_draw(self, unique):
        labels = tf.constant([[1], [1], [4]], tf.int64)
        values = samplers.learned_unigram_candidate_sampler(labels, 1, 5, unique, 5)
        log_prob = distributions.LearnedUnigram(5).log_prob(tf.range(5))
        first = oracles.expected_count(np.full(3, 0.2), 5, 5 if unique else None)
        if unique is True:  # all classes
            first = np.ones(3)
        update, = self._updates()
        with self.new_session() as session:
            for _ in range(3):  # evaluation does not change the counts
                self.assert_close(session.run(values.true_expected_count)[:, 0], first)
            before, _ = session.run([values.true_expected_count, update])
            self.assert_close(before[:, 0], first)
            prob = np.array([1, 3, 1, 1, 2]) / 8
            self.assert_close(session.run(log_prob), np.log(prob))
            after = session.run(values.true_expected_count)
        if unique is not True:
            wanted = oracles.expected_count(prob, 5, 5 if unique else None)
            self.assert_close(after[:, 0], wanted[[1, 1, 4]])

    def test_older_labels_count_less_by_decay(self):
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

    def test_distributions_that_do_not_learn_have_no_update(self):
        labels = tf.constant([[1], [1], [2]])
        for name in _NAMES:
            if "learned" not in name:
                samplers.sample_by_name(name, labels, sampler_case.num_drawn(name), _COUNTS)
        self.assertEmpty(self._updates())

    def test_in_batch_counts_of_streaming_frequencies(self):
        # Each group is an independent stream with its own classes and the same frequencies.
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
        # The mean of 1 / interval is above 1 / mean, due to the variance of the interval.
        np.testing.assert_array_less(np.abs(sums.mean(0) - counted), 5 * error + rate * counted)


class LearnTest(sampler_case.SamplerCase):
    """The runs of a graph in which a sampler learns."""

    LEARNED = ("learned_unigram", "in_batch+learned_unigram")

    def _updates(self):
        return tf.get_collection(tf.GraphKeys.UPDATE_OPS)

    @parameterized.parameters(*LEARNED)
    def test_learn_false_adds_no_op_that_counts(self, name):
        labels, valid_labels = tf.placeholder(tf.int64, [None, 1]), tf.placeholder(tf.int64, [None, 1])
        samplers.sample_by_name(name, labels, 5, _COUNTS)
        values = samplers.sample_by_name(name, valid_labels, 5, _COUNTS, learn=False)
        self.assertLen(self._updates(), 1)
        with self.new_session() as session:
            for _ in range(5):
                session.run(self._updates(), {labels: [[1], [2]]})  # and no valid_labels
                session.run(values, {valid_labels: [[3]] * 8})
            counts = session.run(tf.global_variables()[0])
        self.assertEqual(counts[1], 10)  # the root: all that was counted

    @parameterized.product(name=LEARNED, reuse=[True, False, tf.AUTO_REUSE])
    def test_a_tower_that_reuses_variables_does_not_learn(self, name, reuse):
        with tf.variable_scope("model"):
            samplers.sample_by_name(name, tf.constant([[1]]), 5, _COUNTS)
        with tf.variable_scope("model" if reuse else "other", reuse=reuse):
            samplers.sample_by_name(name, tf.constant([[1]]), 5, _COUNTS)
        self.assertLen(self._updates(), 1 if reuse is True else 2)
        with tf.variable_scope("model", reuse=True):
            samplers.sample_by_name(name, tf.constant([[1]]), 5, _COUNTS, learn=True)
        self.assertLen(self._updates(), 2 if reuse is True else 3)

    def test_frequencies_do_not_learn_with_learn_false(self):
        for frequencies in (distributions.LearnedUnigram(_C), distributions.StreamingFrequency(_C, 2)):
            samplers.in_batch_candidate_sampler([[1], [2]], 1, False, _C, frequencies, learn=False)
            samplers.mixed_candidate_sampler([[1], [2]], 1, 3, False, _C, frequencies,
                                             distributions.Uniform(_C), learn=False)
        self.assertEmpty(self._updates())

    @parameterized.product(name=LEARNED, functional=[False, True])
    def test_counting_in_a_condition_or_a_loop_is_an_error(self, name, functional):
        def draw(*_):
            return samplers.sample_by_name(name, tf.constant([[1]]), 5, _COUNTS)[1]

        message = r"learn: wanted False in a loop or a condition of a graph, .* observe\(ids\) outside"
        if functional:
            tf.enable_control_flow_v2()
            self.addCleanup(tf.disable_control_flow_v2)
        with self.assertRaisesRegex(InputError, message):
            tf.cond(tf.placeholder(tf.bool, []), draw, draw)
        with self.assertRaisesRegex(InputError, message):
            tf.while_loop(lambda *_: True, draw, [tf.zeros([1, 1])])

    @parameterized.parameters(False, True)
    def test_learn_false_draws_in_a_loop(self, functional):
        if functional:
            tf.enable_control_flow_v2()
            self.addCleanup(tf.disable_control_flow_v2)

        def draw(_):
            return samplers.learned_unigram_candidate_sampler(
                tf.constant([[1]]), 1, 5, False, _C, learn=False).true_expected_count

        count = tf.while_loop(lambda _: True, draw, [tf.zeros([1, 1])], maximum_iterations=2)
        self.assert_close(self.run_graph(count), [[5 / _C]])

    @parameterized.parameters(None, 1, "yes")
    def test_a_wrong_switch_is_named(self, wrong):
        if wrong is None:
            return self.sample("learned_unigram", tf.constant([[1]]), 5, learn=wrong)
        with self.assertRaisesRegex(InputError, "learn: wanted True, False or None, got %r" % wrong):
            self.sample("learned_unigram", tf.constant([[1]]), 5, learn=wrong)

    def test_replicas_train_and_count_the_labels_of_all(self):
        strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
        run = getattr(strategy, "run", None) or strategy.experimental_run_v2  # of 1.15

        def step():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            labels = tf.constant([[1], [2], [2]], tf.int64) + 3 * tf.cast(replica, tf.int64)
            weights = tf.get_variable("weights", [10, 2], initializer=tf.ones_initializer())
            loss = tf.reduce_mean(losses.nce_loss(
                weights, None, labels, tf.ones([3, 2]), 4, 10,
                sampled_values=samplers.learned_unigram_candidate_sampler(labels, 1, 4, True, 10)))
            with tf.control_dependencies([steps.minimize(loss, optimizers.SGDOptimizer(0.1))]):
                return tf.identity(weights)

        with strategy.scope():
            of_replicas = strategy.experimental_local_results(run(step))
        counts, = [v for v in tf.global_variables() if v.name.startswith("learned_unigram")]
        counts = strategy.experimental_local_results(counts)
        config = tf.ConfigProto(device_count={"CPU": 2}, allow_soft_placement=True)
        with tf.Session(config=config) as session:
            session.run(tf.global_variables_initializer())
            for _ in range(2):
                rows = session.run(of_replicas)
            for values in session.run([tf.identity(c) for c in counts]):
                self.assertEqual(values[1], 12)  # the root: two steps of two replicas with three labels
        np.testing.assert_array_equal(*rows)
        self.assertTrue(np.any(rows[0] != 1))


if __name__ == "__main__":
    absltest.main()
