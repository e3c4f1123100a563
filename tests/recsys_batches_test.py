"""Tests of training batches: each example equals one that is made alone."""
import collections
import json

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import batches, splits

LENGTHS = [9, 1, 2, 40, 3, 6, 17, 1]
HELD_OUT = [2, 0, 0, 2, 2, 1, 5, 0]


def made_events(lengths, held_out=0, items=None, seed=3):
    """Return events of users with the given numbers of events and of held-out events."""
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    if items is None:
        items = np.random.RandomState(seed).randint(50, size=starts[-1])
    ends = starts[1:] - held_out
    return splits.Events(np.asarray(items, np.int32), starts, ends, ends, None, {},
                         [str(u) for u in range(len(lengths))], [str(i) for i in range(max(items) + 1)],
                         np.ones(max(items) + 1, np.int64), 0)


def slow_examples(events, context, length):
    """Return {position of the label: (user, positions of the history)}, one example at a time."""
    examples = {}
    for user, (start, end) in enumerate(zip(events.starts, events.train_ends)):
        for label in range(start, end):
            if context == "past":
                history = list(range(start, label))[-(length or 10 ** 9):]
            else:
                history = list(range(start, end))[-(length or 10 ** 9):]
                history = [p for p in history if p != label]
            if history:
                examples[label] = (user, history)
    return examples


def epoch(events, context, length=5, per_batch=7, seed=1, most=None):
    """Return (all batches, {position: (user, history)}), and check each batch."""
    plan = batches.Plan(context, length, per_batch, most)
    made = list(batches.training_batches(events, plan, np.random.RandomState(seed)))
    examples = []
    for batch in made:
        np.testing.assert_array_equal(batch.labels, events.items[batch.positions])
        used = np.zeros(len(batch.items), bool)
        for n, position in enumerate(batch.positions):
            low, high, own = batch.begin[n], batch.end[n], batch.own[n]
            assert 0 <= low < high <= len(batch.items) and (own == -1 or low <= own < high)
            used[low:high] = True
            history = batch.items[[p for p in range(low, high) if p != own]].tolist()
            examples.append((position, (batch.users[n], history)))
        assert used.all(), "events that no example needs"
    result = dict(examples)
    assert len(result) == len(examples), "examples that come twice"
    return made, result


class TrainingBatchesTest(parameterized.TestCase):

    @parameterized.product(context=batches.CONTEXTS, length=(None, 0, 1, 2, 3, 50),
                           per_batch=(1, 4, 7, 1000))
    def test_every_example_comes_once_with_its_history(self, context, length, per_batch):
        if context == "others" and length == 1:
            return
        # All items differ, so that the items identify a history.
        events = made_events(LENGTHS, HELD_OUT, np.arange(sum(LENGTHS)) * 10)
        made, got = epoch(events, context, length, per_batch)
        self.assertEqual(got, {label: (user, [10 * p for p in history]) for label, (user, history)
                               in slow_examples(events, context, length).items()})
        self.assertLen(got, batches.num_examples(events, context))
        for batch in made:
            self.assertEqual([array.dtype for array in batch], [np.int32] * 6 + [np.int64])
        sizes = [len(batch.labels) for batch in made]
        self.assertLess(max(sizes), 2 * per_batch)
        # The last part may reach beyond the start of a further batch.
        self.assertIn(-(-len(got) // per_batch) - len(sizes), (0, 1))

    @parameterized.product(context=batches.CONTEXTS, seed=(1, 2, 3))
    def test_random_events_with_repeats_agree_with_one_example_at_a_time(self, context, seed):
        random = np.random.RandomState(seed)
        lengths = random.randint(1, 30, size=40)
        events = made_events(lengths, random.randint(lengths), random.randint(4, size=lengths.sum()))
        length, per_batch = random.randint(2, 10), random.randint(1, 50)
        _, got = epoch(events, context, length, per_batch, seed)
        self.assertEqual(got, {label: (user, events.items[history].tolist()) for label, (user, history)
                               in slow_examples(events, context, length).items()})

    @parameterized.parameters(False, True)
    def test_only_the_own_event_is_excluded_from_the_others(self, repeated):
        events = made_events([4], 0, [7, 7, 7, 7] if repeated else [6, 7, 8, 9])
        (batch,), _ = epoch(events, "others", None, 10)
        self.assertEqual(batch.own.tolist(), [0, 1, 2, 3])
        self.assertEqual(batch.begin.tolist(), [0] * 4)
        self.assertEqual(batch.end.tolist(), [4] * 4)

    def test_label_outside_of_the_history_has_no_own_event(self):
        (batch,), _ = epoch(made_events([5], 1), "others", 3, 10)
        self.assertEqual(batch.own.tolist(), [-1, 0, 1, 2])
        self.assertLen(batch.items, 3)

    @parameterized.product(context=batches.CONTEXTS, length=(None, 3), most=(None, 4))
    def test_examples_share_the_events_of_their_histories(self, context, length, most):
        events = made_events(LENGTHS, HELD_OUT, np.arange(sum(LENGTHS)))
        for batch in epoch(events, context, length, 40, most=most)[0]:  # no user is cut into parts
            self.assertLen(set(batch.items.tolist()), len(batch.items))

    def test_past_has_no_own_event(self):
        for batch in epoch(made_events(LENGTHS, HELD_OUT), "past")[0]:
            self.assertEqual(set(batch.own.tolist()), {-1})

    def test_examples_of_a_user_share_one_slice_of_the_others(self):
        made, _ = epoch(made_events([30] * 5), "others", 10, 60)
        for batch in made:
            slices = set(zip(batch.users.tolist(), batch.begin.tolist(), batch.end.tolist()))
            self.assertLen(slices, len(set(batch.users.tolist())))

    @parameterized.product(context=batches.CONTEXTS, length=(None, 2, 4), per_batch=(2, 7, 1000),
                           most=(1, 3, 39, 100))
    def test_examples_of_a_user_are_limited_and_histories_stay_whole(self, context, length, per_batch,
                                                                     most):
        events = made_events(LENGTHS, HELD_OUT, np.arange(sum(LENGTHS)) * 10)
        made, got = epoch(events, context, length, per_batch, most=most)
        every = slow_examples(events, context, length)
        count = collections.Counter(user for user, _ in every.values())
        self.assertEqual(collections.Counter(user for user, _ in got.values()),
                         {user: min(n, most) for user, n in count.items()})
        self.assertLen(got, batches.num_examples(events, context, most))
        for label, (user, history) in got.items():
            self.assertEqual((user, [p // 10 for p in history]), every[label])
        for batch in made:
            for user in set(batch.users.tolist()):
                positions = batch.positions[batch.users == user]
                if len(positions) and len(positions) == min(count[user], most):  # not cut into parts
                    self.assertEqual(positions.tolist(), sorted(positions.tolist()))

    @parameterized.parameters(*batches.CONTEXTS)
    def test_examples_are_drawn_anew_and_evenly(self, context):
        events = made_events([9, 4, 2, 30], [1, 0, 0, 2])
        random = np.random.RandomState(4)
        drawn = collections.Counter()
        pairs = collections.Counter()
        epochs = 2000
        for _ in range(epochs):
            for batch in batches.training_batches(events, batches.Plan(context, 3, 100, 3), random):
                drawn.update(batch.positions.tolist())
                pairs[tuple(batch.positions[batch.users == 0].tolist())] += 1
        counts = np.diff(events.starts) - [1, 0, 0, 2] - (context == "past")
        for user, start in enumerate(events.starts[:-1] + (context == "past")):
            share = min(3 / counts[user], 1)
            for position in range(start, start + counts[user]):
                # Six standard deviations.
                self.assertAlmostEqual(drawn.pop(position) / epochs, share,
                                       delta=1e-9 + 6 * (share * (1 - share) / epochs) ** .5)
        self.assertEmpty(drawn)
        # Each choice of three labels of the first user, not only consecutive ones.
        self.assertLen(pairs, {7: 35, 8: 56}[counts[0]])

    def test_random_batches_have_the_requested_size(self):
        events = made_events(np.random.RandomState(0).randint(1, 60, size=300))
        for context in batches.CONTEXTS:
            sizes = [len(batch.labels) for batch in batches.training_batches(
                events, batches.Plan(context, 5, 100), np.random.RandomState(1))]
            self.assertBetween(np.mean(sizes[:-1]), 97, 103)
            self.assertLess(max(sizes), 200)

    @parameterized.product(context=batches.CONTEXTS, most=(None, 2))
    def test_generator_determines_the_order(self, context, most):
        events = made_events([4] * 30)
        random = np.random.RandomState(5)

        def labels(random):
            return np.concatenate([batch.positions for batch in batches.training_batches(
                events, batches.Plan(context, 3, 8, most), random)]).tolist()

        first, second = labels(random), labels(random)
        self.assertEqual(first, labels(np.random.RandomState(5)))
        self.assertNotEqual(first, second)
        other = labels(np.random.default_rng(5))
        self.assertLen(other, len(first))
        if most is None:
            self.assertCountEqual(first, second)
            self.assertCountEqual(first, other)

    @parameterized.named_parameters(
        ("context", dict(context="future"), "context: wanted one of others, past, got 'future'"),
        ("history_length", dict(history_length=-1), "history_length: wanted an integer above 0, got -1"),
        ("fraction", dict(history_length=1.5), "history_length: wanted an integer above 0, got 1.5"),
        ("no_others", dict(context="others", history_length=1),
         'history_length: wanted an integer above 1 for the context "others", got 1'),
        ("examples", dict(examples_per_batch=0), "examples_per_batch: wanted an integer above 0"),
        ("most", dict(max_examples_per_user=0), "max_examples_per_user: wanted an integer above 0"),
        ("no_example", dict(events=made_events([3, 4, 1], [2, 3, 0])),
         "events: wanted a user with at least two training events, got '3 users'"),
        ("no_others_example", dict(events=made_events([3, 4, 1], [2, 3, 0]), context="others"),
         "events: wanted a user with at least two training events, got '3 users'"))
    def test_wrong_argument_is_named_before_the_first_batch(self, changed, message):
        changed = dict(changed)
        events = changed.pop("events", made_events([3, 4]))
        plan = batches.Plan("past", history_length=2, examples_per_batch=4)._replace(**changed)
        with self.assertRaisesRegex(checks.InputError, "training_batches: " + message):
            batches.training_batches(events, plan, np.random.RandomState(0))


class NumExamplesTest(parameterized.TestCase):

    def test_numbers_match_a_count_by_hand(self):
        events = made_events([5, 1, 2, 3], [1, 0, 0, 2])  # 4, 1, 2 and 1 training events
        self.assertEqual(batches.num_examples(events, "past"), 3 + 0 + 1 + 0)
        self.assertEqual(batches.num_examples(events, "others"), 4 + 0 + 2 + 0)
        self.assertEqual(batches.num_examples(events, "past", 2), 2 + 0 + 1 + 0)
        self.assertEqual(batches.num_examples(events, "others", 1), 1 + 0 + 1 + 0)
        self.assertEqual(batches.num_examples(made_events([1, 1]), "others"), 0)

    @parameterized.parameters(("future", None, "context: wanted one of"),
                              ("past", 0, "max_examples_per_user: wanted an integer above 0, got 0"))
    def test_wrong_argument_is_named(self, context, most, message):
        with self.assertRaisesRegex(checks.InputError, "num_examples: " + message):
            batches.num_examples(made_events([3]), context, most)


class EpochsOfBatchesTest(parameterized.TestCase):

    @parameterized.product(context=batches.CONTEXTS, most=(None, 3))
    def test_epochs_follow_each_other_and_report_the_share_of_work(self, context, most):
        events = made_events(LENGTHS, HELD_OUT)
        plan = batches.Plan(context, 4, 10, most, epochs=3, seed=6)
        wanted = [batch.positions.tolist() for epoch in range(3) for batch in batches.training_batches(
            events, plan, np.random.RandomState([6, epoch]))]
        got = list(batches.epochs_of_batches(events, plan))
        self.assertEqual([batch.positions.tolist() for batch, _, _ in got], wanted)
        done = np.cumsum([len(positions) for positions in wanted])
        np.testing.assert_allclose([share for _, share, _ in got], done / done[-1])
        self.assertEqual(got[-1][1], 1.0)

    @parameterized.product(context=batches.CONTEXTS, most=(None, 3))
    def test_epochs_resume_after_any_batch(self, context, most):
        events = made_events(LENGTHS, HELD_OUT)
        arguments = (events, batches.Plan(context, 4, 10, most, epochs=3, seed=6))
        every = list(batches.epochs_of_batches(*arguments))
        self.assertGreater(len(every), 5)
        for number, (_, _, position) in enumerate(every, 1):
            rest = list(batches.epochs_of_batches(*arguments, position=json.loads(json.dumps(position))))
            self.assertLen(rest, len(every) - number)
            for (batch, *after), (wanted, *wanted_after) in zip(rest, every[number:]):
                self.assertEqual(after, wanted_after)
                for array, wanted_array in zip(batch, wanted):
                    np.testing.assert_array_equal(array, wanted_array)

    @parameterized.product(context=batches.CONTEXTS, most=(None, 3))
    def test_adjacent_shares_have_each_batch_once(self, context, most):
        events = made_events(LENGTHS, HELD_OUT)
        arguments = (events, batches.Plan(context, 4, 10, most, epochs=3, seed=6))
        wanted = [batch.positions.tolist() for batch, _, _ in batches.epochs_of_batches(*arguments)]
        of_a_batch = 20 / (3 * batches.num_examples(events, context, most))  # the largest
        for cuts in ([0, 0.1, 0.5, 0.51, 0.8, 0.8, 1], np.linspace(0, 1, 40)):
            got = []
            for begin, end in zip(cuts, cuts[1:]):
                part = list(batches.epochs_of_batches(*arguments, None, begin, end))
                got += [batch.positions.tolist() for batch, _, _ in part]
                for _, share, _ in part:
                    self.assertBetween(share, begin, min(end + of_a_batch, 1))
            self.assertEqual(got, wanted)

    def test_further_epochs_follow_the_last(self):
        events = made_events(LENGTHS, HELD_OUT)
        plan = batches.Plan("past", 4, 10, epochs=1, seed=6)
        *_, (_, share, position) = batches.epochs_of_batches(events, plan)
        self.assertEmpty(list(batches.epochs_of_batches(events, plan, position)))
        more = list(batches.epochs_of_batches(events, plan._replace(epochs=2), position))
        self.assertEqual(sum(len(batch.labels) for batch, _, _ in more),
                         batches.num_examples(events, "past"))
        self.assertGreater(more[0][1], 0.5)
        self.assertEqual((share, more[-1][1]), (1, 1))

    @parameterized.parameters(
        (dict(epochs=0), "epochs_of_batches: epochs: wanted an integer above 0, got 0"),
        (dict(examples_per_batch=0), "epochs_of_batches: examples_per_batch: wanted an integer above 0"),
        (dict(events=made_events([1, 1])), "epochs_of_batches: events: wanted a user with at least two"),
        (dict(context="future"), "num_examples: context: wanted one of others, past"),
        (dict(history_length=-1), "training_batches: history_length: wanted"))
    def test_wrong_argument_is_named(self, changed, message):
        changed = dict(changed)
        events = changed.pop("events", made_events([3, 4]))
        plan = batches.Plan("past", history_length=2, examples_per_batch=4)._replace(**changed)
        with self.assertRaisesRegex(checks.InputError, message):
            next(batches.epochs_of_batches(events, plan))


if __name__ == "__main__":
    absltest.main()
