"""Tests of the input of a model: each array equals one made by hand or one user at a time."""
import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError, candidates, samplers
from tf1_sampled.recsys import batches, columns, feeds, model, splits

ROWS = [[0, 1, 2, 0, 3], [4, 1, 5], [2, 5, 3, 1]]  # items of users
TRAIN, VALID = [3, 2, 2], [4, 3, 3]  # ends of the training and validation events


def made_events(with_times=True):
    """Return events at times 0, 10, 20, ... in the order of the array, with a column of each type."""
    lengths = [len(row) for row in ROWS]
    starts = np.append(0, np.cumsum(lengths))
    size = starts[-1]
    kinds = columns.Categorical(["", "a", "b", "c"])
    further = {"kind": columns.Column(np.arange(size, dtype=np.int32) % 4, kinds),
               "hour": columns.Column(np.arange(size, dtype=np.float32) ** 2, columns.Numeric(0.0, 1.0))}
    return splits.Events(np.concatenate(ROWS).astype(np.int32), starts, starts[:-1] + TRAIN,
                         starts[:-1] + VALID, 10.0 * np.arange(size) if with_times else None, further,
                         ["u", "v", "w"], list("abcdef"), np.int64([1, 2, 2, 0, 1, 1]), 0)


TRAINING = [0, 1, 2, 5, 6, 8, 9]  # positions of the training events


class ColumnsTest(absltest.TestCase):

    def test_mean_and_deviation_are_those_of_training_events(self):
        context = feeds.context_columns(made_events())
        hours = np.array(TRAINING) ** 2
        self.assertEqual(context["kind"], columns.Categorical(["", "a", "b", "c"]))
        self.assertEqual(set(context), {"kind", "hour"})
        np.testing.assert_allclose(context["hour"], [hours.mean(), hours.std()])

    def test_constant_column_has_a_nonzero_deviation(self):
        data = made_events()
        data.columns["hour"].values[TRAINING] = 7
        self.assertEqual(feeds.context_columns(data)["hour"], columns.Numeric(7, 1))

    def test_training_span_is_first_and_last_time(self):
        data = made_events()
        self.assertEqual(feeds.training_span(data), (0, 90))
        data.times[[0, 9]] = 55, -5
        self.assertEqual(feeds.training_span(data), (-5, 80))

    def test_events_without_times_are_refused(self):
        with self.assertRaisesRegex(InputError,
                                    "training_span: events: wanted events with times, got None"):
            feeds.training_span(made_events(False))


class BatchTest(parameterized.TestCase):

    @parameterized.parameters(*batches.CONTEXTS)
    def test_arrays_of_a_batch(self, context):
        data = made_events()
        plan = batches.Plan(context, None, 100)
        batch, = batches.training_batches(data, plan, np.random.RandomState(1))
        got = feeds.of_batch(data, batch, 90.0)
        for name in ("items", "begin", "end", "own", "users"):
            self.assertIs(getattr(got, name), getattr(batch, name))
        self.assertCountEqual(batch.positions, TRAINING if context == "others" else [1, 2, 6, 9])
        np.testing.assert_array_equal(got.ages, 90 - 10 * batch.positions)
        # The context is that of the label's event.
        np.testing.assert_array_equal(got.context["kind"], batch.positions % 4)
        np.testing.assert_array_equal(got.context["hour"], batch.positions ** 2)
        self.assertIsNone(feeds.of_batch(data, batch).ages)

    def test_known_items_are_the_training_items_of_the_users(self):
        data = made_events()
        made = list(batches.training_batches(data, batches.Plan("past", 1, 1), np.random.RandomState(1)))
        self.assertNotEmpty(made)
        for batch in made:
            known = feeds.known_of_batch(data, batch)
            self.assertEqual([array.dtype for array in known], [np.int32] * 3)
            for user, row in zip(batch.users, known.row_of_example):
                self.assertEqual(known.items[known.rows == row].tolist(), ROWS[user][:TRAIN[user]])
            self.assertEqual(set(known.rows), set(known.row_of_example))

    def test_each_user_has_its_own_row(self):
        data = made_events()
        batch = batches.Batch(None, None, None, None, None, np.int32([2, 2, 0, 2]), None)
        known = feeds.known_of_batch(data, batch)
        self.assertEqual(known.items.tolist(), [0, 1, 2, 2, 5])
        self.assertEqual(known.rows.tolist(), [0, 0, 0, 1, 1])
        self.assertEqual(known.row_of_example.tolist(), [1, 1, 0, 1])


class KnownTest(graph_case.GraphCase):

    def test_sampler_leaves_out_known_items(self):
        data = made_events()
        plan = batches.Plan("past", None, 100)
        batch, = batches.training_batches(data, plan, np.random.RandomState(1))
        sampled = samplers.all_candidate_sampler(batch.labels[:, None], 1, 6, True, range_max=6)
        known = feeds.known_of_batch(data, batch)
        counts = self.run_graph(candidates.without_known(sampled, *known).sampled_expected_count)
        wanted = [[item in ROWS[user][:TRAIN[user]] for item in range(6)] for user in batch.users]
        np.testing.assert_array_equal(counts >= candidates.MASKED_COUNT, wanted)
        self.assertTrue((counts[~np.array(wanted)] == 1).all())


class UsersTest(graph_case.GraphCase):

    @parameterized.parameters((None, [0, 1, 2, 2, 5]), (0, [0, 1, 2, 2, 5]), (2, [1, 2, 2, 5]),
                              (1, [2, 5]))
    def test_arrays_of_users(self, history_length, items):
        data = made_events()
        valid = splits.held_out(data)[0]
        got = feeds.of_users(data, valid.users[[0, 2]], valid.ends[[0, 2]], history_length)
        self.assertEqual(got.items.tolist(), items)
        lengths = [len(items) - 2, 2] if len(items) == 5 else [len(items) // 2] * 2
        self.assertEqual(got.begin.tolist(), [0, lengths[0]])
        self.assertEqual(got.end.tolist(), np.cumsum(lengths).tolist())
        self.assertEqual(got.users.tolist(), [0, 2])
        self.assertEqual((got.own, got.ages), (None, None))
        # The context is that of the next event.
        self.assertEqual(got.context["kind"].tolist(), [3 % 4, 10 % 4])
        self.assertEqual(got.context["hour"].tolist(), [9, 100])
        self.assertEqual([array.dtype for array in got[:3]], [np.int32] * 3)

    def test_everyone_after_all_events(self):
        data = made_events()
        for most in (None, 3, 100):
            part = feeds.everyone(data, most)
            self.assertEqual(part.users.tolist(), [0, 1, 2])
            self.assertEqual([splits.row(part.seen, row).tolist() for row in range(3)], ROWS)
            self.assertEqual(part.ends.tolist(), data.starts[1:].tolist())
        self.assertEqual(feeds.everyone(data, 2).users.tolist(), [0, 2])

    def test_context_after_the_last_event_is_that_of_the_last_event(self):
        data = made_events()
        everyone = feeds.everyone(data, 3)
        got = feeds.of_users(data, everyone.users, everyone.ends)
        self.assertEqual(got.context["kind"].tolist(), [4 % 4, 7 % 4, 11 % 4])
        self.assertEqual(got.items.tolist(), sum(ROWS, []))

    def test_vectors_of_users_block_by_block(self):
        data = made_events()
        net = model.Network(data.item_counts, model.Architecture(4, (5,)), num_users=3, age_unit=10.0,
                            context=feeds.context_columns(data), seed=1)
        inputs = model.placeholders(net)
        vectors = net.user_vectors(inputs)
        valid, test = splits.held_out(data)
        with self.new_session() as session:
            for part in (valid, test):
                values = feeds.of_users(data, part.users, part.ends)
                wanted = session.run(vectors, model.feed(inputs, values))
                for block in (1, 2, 3, 100):
                    got = feeds.user_vectors(session, vectors, inputs, data, part, block=block)
                    self.assert_close(got, wanted)
            short = feeds.user_vectors(session, vectors, inputs, data, test, 1)
        self.assertGreater(np.abs(short - wanted).max(1).min(), 1e-3)


class EpochsTest(graph_case.GraphCase):

    @parameterized.product(context=batches.CONTEXTS, ages=(True, False), known=(True, False))
    def test_feeds_contain_the_batches(self, context, ages, known):
        data = made_events()
        net = model.Network(data.item_counts, model.Architecture(4),
                            context=feeds.context_columns(data), age_unit=10.0 * ages)
        inputs, labels = model.placeholders(net, training=True), tf.placeholder(tf.int32, [None])
        asked = feeds.Known(*(tf.placeholder(tf.int32, [None]) for _ in range(3))) if known else None
        plan = batches.Plan(context, 2, 2, max_examples_per_user=2, epochs=3, seed=1)
        got = list(feeds.epochs_of_feeds(data, feeds.Fed(inputs, labels, asked), plan))
        wanted = list(batches.epochs_of_batches(data, plan))
        self.assertLen(got, len(wanted))
        for (feed, *after), (batch, *wanted_after) in zip(got, wanted):
            self.assertEqual(after, wanted_after)
            values = model.feed(inputs, feeds.of_batch(data, batch, 90.0))
            values[labels] = batch.labels
            if known:
                values.update(zip(asked, feeds.known_of_batch(data, batch)))
            self.assertEqual(set(feed), set(values))
            for placeholder, value in values.items():
                np.testing.assert_array_equal(feed[placeholder], value)
        self.assertEqual(got[-1][1], 1)

    def test_weights_are_those_of_the_labels_events(self):
        data = made_events()._replace(weights=np.arange(1, 13, dtype=np.float32))
        net = model.Network(data.item_counts, model.Architecture(4, num_positions=2))
        inputs, labels = model.placeholders(net, training=True), tf.placeholder(tf.int32, [None])
        weights = tf.placeholder(tf.float32, [None])
        plan = batches.Plan("past", 2, 3)
        steps = feeds.epochs_of_feeds(data, feeds.Fed(inputs, labels, weights=weights), plan)
        fed = np.concatenate([feed[weights] for feed, *_ in steps])
        self.assertCountEqual(fed, [2, 3, 7, 10])  # events 1, 2, 6, 9

    def test_feeds_resume_from_a_position(self):
        data = made_events()
        net = model.Network(data.item_counts, model.Architecture(4))
        fed = feeds.Fed(model.placeholders(net, training=True), None)
        arguments = (data, fed, batches.Plan("past", 2, 2, max_examples_per_user=2, epochs=3, seed=1))
        every = list(feeds.epochs_of_feeds(*arguments))
        rest = list(feeds.epochs_of_feeds(*arguments, position=every[2][2]))
        self.assertEqual([after for _, *after in rest], [after for _, *after in every[3:]])

    def test_a_model_without_ages_needs_no_times(self):
        data = made_events(False)
        net = model.Network(data.item_counts, model.Architecture(4))
        fed = feeds.Fed(model.placeholders(net, training=True), tf.placeholder(tf.int32, [None]))
        steps = list(feeds.epochs_of_feeds(data, fed, batches.Plan("past", 2, 100)))
        self.assertLen(steps, 1)
        self.assertLen(steps[0][0], 5)


class FilledTest(graph_case.GraphCase):

    def test_batches_of_any_size_fit(self):
        inputs = model.Inputs(items="items", begin="begin", end="end", own=None, users=None, context={},
                              ages=None)
        fed = feeds.Fed(inputs, "labels", None, "weights")
        sizes = [(40, 30), (60, 20)]  # events, examples
        found = feeds.filled(fed, [
            {"items": np.zeros(events), "begin": np.zeros(examples), "end": np.zeros(examples),
             "labels": np.zeros(examples), "weights": np.ones(examples)} for events, examples in sizes])
        self.assertEqual({name: (filled.shape, filled.value) for name, filled in found.items()}, {
            "items": ([64], None), "begin": ([32], None), "end": ([32], None), "labels": ([32], None),
            "weights": ([32], 0.0)})


class SomeTargetsTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.part = splits.HeldOut(np.arange(4), None, splits.Rows(
            np.arange(100, 120), np.array([2, 7, 7, 10]), np.array([5, 7, 9, 14])), None)
        self.rows = [0, 0, 0, 2, 2, 3, 3, 3, 3]
        self.items = [102, 103, 104, 107, 108, 110, 111, 112, 113]

    def test_few_targets_are_all_used(self):
        for most in (9, 10, 4096):
            rows, items = feeds.some_targets(self.part, most)
            self.assertEqual((rows.tolist(), items.tolist()), (self.rows, self.items))

    def test_targets_are_spread_from_first_to_last(self):
        for most in range(1, 9):
            rows, items = feeds.some_targets(self.part, most)
            self.assertLen(rows, most)
            places = [self.items.index(item) for item in items]
            self.assertEqual(rows.tolist(), [self.rows[place] for place in places])
            self.assertEqual((places[0], places[-1]), (0, 8 if most > 1 else 0))
            gaps = np.diff(places)
            self.assertLessEqual(max(gaps, default=0) - min(gaps, default=0), 1)


if __name__ == "__main__":
    absltest.main()
