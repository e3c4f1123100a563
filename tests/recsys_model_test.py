"""Tests of the YouTube DNN: each part equals slow NumPy, and known patterns are learned."""
import functools
import itertools

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError, candidates, losses, optimizers, registry, samplers
from tf1_sampled.logits import lookup, whole_table
from tf1_sampled.recsys import (
    batches,
    columns,
    evaluation,
    events as event_files,
    feeds,
    item_features,
    model,
    pooling,
    ranking,
    splits,
)
from tf1_sampled.training import loop, metrics as training_metrics, plans, policy

COUNTS = [5, 4, 3, 2, 1]
KINDS = columns.Categorical(["", "a", "b", "c"])
RICH = dict(num_users=3, context={"kind": KINDS, "hour": columns.Numeric(10.0, 4.0)}, age_unit=5.0)


def made_network(dim=4, item_counts=COUNTS, num_users=0, context=None, age_unit=0.0, seed=1,
                 features=None, **architecture):
    """Return a Network; settings that it does not take are those of its architecture."""
    return model.Network(item_counts, model.Architecture(dim, **architecture), num_users, context,
                         age_unit=age_unit, seed=seed, features=features)


def some_inputs(net, ages=None):
    """Return arrays of three examples: two events without one of them, none, all five."""
    context = {"kind": np.int32([3, 0, 1]), "hour": np.float32([10, 2, np.nan])} if net.context else {}
    return model.Inputs(np.int32([3, 1, 4, 1, 0]), np.int32([0, 2, 0]), np.int32([3, 2, 5]),
                        np.int32([1, -1, -1]), np.int32([2, -1, 0]), context, ages)


def slow_vectors(net, values, inputs):
    """Return user vectors in NumPy, one user at a time, from the values of the variables."""
    dim, hidden = net.architecture.dim, net.architecture.hidden
    vectors = []
    for p in range(len(inputs.begin)):
        own = -1 if inputs.own is None else inputs.own[p]
        history = [inputs.items[n] for n in range(inputs.begin[p], inputs.end[p]) if n != own][::-1]
        weights = np.exp(values.get("position_log_weights", np.zeros([len(history), 1])))  # [L, M]
        history, weights = history[:len(weights)], weights[:len(history)]
        sums = np.where(len(history), weights.sum(0), 1) ** net.architecture.pooling_power
        parts = [sum((w * values["item_embeddings"][i] for w, i in zip(column, history)), np.zeros(dim))
                 / total for column, total in zip(weights.T, sums)]
        if net.num_users:
            known = inputs.users[p] >= 0
            parts.append(values["user_embeddings"][inputs.users[p]] if known else np.zeros(dim))
        if net.context:  # in the order of their names
            hour = inputs.context["hour"][p]
            parts.append(values["context_hour"][1] if np.isnan(hour) else
                         (hour - 10) / 4 * values["context_hour"][0])
            parts.append(values["context_kind"][inputs.context["kind"][p]])
        if net.age_unit:
            age = 0 if inputs.ages is None else inputs.ages[p]
            row = values["example_age"][0] if "example_age" in values else np.zeros(dim)
            parts.append(age / net.age_unit * row)
        layer = np.concatenate(parts) if hidden else sum(parts)
        for number in range(1, len(hidden) + 1):
            layer = layer @ values["hidden_%d/kernel" % number] + values["hidden_%d/bias" % number]
            layer = np.maximum(layer, 0) if number < len(hidden) else layer
        if net.architecture.similarity == "cosine":
            layer = layer / max(np.linalg.norm(layer), 1e-6)
        vectors.append(layer / net.architecture.temperature)
    return np.array(vectors)


def class_rows(kind, values):
    """Return the class rows, not scaled, from the values of the variables."""
    own, shared = values.get("class_weights"), values["item_embeddings"]
    return {"own": own, "shared": shared}[kind] if kind != "sum" else own + shared


class ModelCase(graph_case.GraphCase):

    def values(self, session):
        return {v.op.name: session.run(v) for v in tf.global_variables()}

    def given(self, arrays):
        """Return Inputs of constants."""
        return arrays._replace(**{name: tf.constant(value) for name, value in arrays._asdict().items()
                                  if isinstance(value, np.ndarray)},
                               context={name: tf.constant(v) for name, v in arrays.context.items()})


class FeaturesTest(ModelCase):

    # Features of the items: two, none, one with twice the weight, two, one.
    _FEATURES = item_features.ItemFeatures(
        np.int64([0, 2, 2, 3, 5, 6]), np.int32([0, 1, 1, 2, 0, 2]), np.float32([1, 1, 2, 1, -1, 0.5]),
        ["a", "b", "c"])
    _DENSE = np.array([[1, 1, 0], [0, 0, 0], [0, 2, 0], [-1, 0, 1], [0, 0, 0.5]])

    def _with_sums(self, values):
        """Return the values of a network without features whose rows are the sums."""
        return dict(values, **{table: values[table] + self._DENSE @ values[table + "_features"]
                               for table in model.ITEM_TABLES if table in values})

    @parameterized.product(similarity=model.SIMILARITIES, hidden=((), (6, 4)),
                           class_rows=model.CLASS_ROWS,
                           counts=(COUNTS, [3, 0, 2, 1, 0]))
    def test_feature_rows_are_added_in_histories_and_classes(self, counts, **architecture):
        net = made_network(item_counts=counts, features=self._FEATURES, **architecture)
        arrays = some_inputs(net)
        vectors = net.user_vectors(self.given(arrays))
        weights, _ = net.class_table()
        table, some = whole_table(weights, 5), lookup(weights, [3, 0])
        with self.new_session() as session:
            for variable in tf.trainable_variables():
                if variable.op.name.endswith("_features"):
                    # From zeros, so that features do no harm at first.
                    self.assertFalse(session.run(variable).any())
                    session.run(variable.assign(tf.random_normal(variable.shape, seed=1)))
            values = self._with_sums(self.values(session))
            vectors, table, some = session.run([vectors, table, some])
        if counts[-1] == 0:  # it has only its features
            for name in set(model.ITEM_TABLES) & set(values):
                values[name][4] = self._DENSE[4] @ values[name + "_features"]
        self.assertEqual("class_weights_features" in values, architecture["class_rows"] != "shared")
        self.assert_close(vectors, slow_vectors(net, values, arrays), 1e-4)
        rows = class_rows(architecture["class_rows"], values)
        if architecture["similarity"] == "cosine":
            rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        self.assert_close(table, rows, 1e-4)
        self.assert_close(some, rows[[3, 0]], 1e-4)

    def test_feature_arrays_are_in_the_graph_once(self):
        net = made_network(features=self._FEATURES)
        net.user_vectors(model.placeholders(net))
        size = len([op for op in tf.get_default_graph().get_operations() if "features/ids" in op.name])
        net.user_vectors(model.placeholders(net))
        net.class_table()
        self.assertLen([op for op in tf.get_default_graph().get_operations()
                        if "features/ids" in op.name and op.type == "Const"], size)

    def test_features_of_another_number_of_items_are_named(self):
        with self.assertRaisesRegex(InputError, "features: wanted features of 4 items, got 5"):
            made_network(item_counts=COUNTS[:4], features=self._FEATURES)

    def test_a_rare_item_is_placed_by_its_features(self):
        """Check, with items of two groups and users of one, that users get new items of their group."""
        random = np.random.RandomState(1)
        group = np.arange(12) % 2
        of_user = random.randint(2, size=200)
        events = splits.split_given(event_files.log_of_arrays(
            np.repeat(np.arange(200), 5),
            ["%02d" % (2 * random.randint(5) + of_user[n // 5]) for n in range(1000)]),
            np.zeros(1000, int), splits.Rules(repeats=True))
        events = splits.with_items(events, ["10", "11"])
        group = np.array([int(name) % 2 for name in events.item_names])
        features = item_features.ItemFeatures(
            np.arange(13), group.astype(np.int32), np.ones(12, np.float32), ["even", "odd"])
        net = model.Network(events.item_counts, model.Architecture(8, frequency_bias=0.0,
                                                                   similarity="cosine", temperature=0.1),
                            seed=1, features=features)
        inputs, labels = model.placeholders(net, training=True), tf.placeholder(tf.int32, [None])
        weights, biases = net.class_table()
        vectors = net.user_vectors(inputs)
        loss = tf.reduce_mean(losses.full_softmax_loss(weights, biases, labels, vectors, 12))
        train = optimizers.LazyAdamOptimizer(0.02).minimize(loss)
        scores = tf.matmul(vectors, whole_table(weights, 12), transpose_b=True)
        plan = batches.Plan("past", 10, 200, epochs=8, seed=1)
        with self.new_session() as session:
            for feed, _, _ in feeds.epochs_of_feeds(events, feeds.Fed(inputs, labels), plan):
                session.run(train, feed)
            of_group = [session.run(scores, model.feed(inputs, model.Inputs(
                np.int32([events.item_names.index("%02d" % one)]), np.int32([0]), np.int32([1]),
                np.int32([-1]), None, {}, None)))[0] for one in (0, 1)]
        for one, row in enumerate(of_group):
            self.assertGreater(row[events.item_names.index("%d" % (10 + one))],
                               row[events.item_names.index("%d" % (11 - one))] + 1)


class NetworkTest(ModelCase):

    @parameterized.parameters(*[
        case for case in itertools.product(model.SIMILARITIES, [(), (6, 4), (5,)], model.CLASS_ROWS,
                                           ["plain", "now", "ages"])
        if (case[1] != (5,) if case[2] == "shared" else case[2] == "own" or case[1] == (6, 4))])
    def test_user_vectors_equal_the_tower_of_the_paper(self, similarity, hidden, kind, parts):
        net = made_network(hidden=hidden, similarity=similarity, temperature=0.5, pooling_power=0.5,
                           class_rows=kind, frequency_bias=0.7 * (kind == "shared"),
                           **({} if parts == "plain" else RICH))
        arrays = some_inputs(net, np.float32([0, 5, 20]) if parts == "ages" else None)
        vectors = net.user_vectors(self.given(arrays))
        weights, biases = net.class_table()
        scores = tf.matmul(vectors, whole_table(weights, 5), transpose_b=True) + biases
        with self.new_session() as session:
            # Initial biases are zeros, which would hide errors.
            for variable in tf.trainable_variables():
                if variable.op.name.endswith("bias"):
                    session.run(variable.assign(0.3 + tf.range(0.0, variable.shape.as_list()[0])))
            values = self.values(session)
            vectors, scores = session.run([vectors, scores])
        wanted = slow_vectors(net, values, arrays)
        self.assert_close(vectors, wanted, 1e-4)
        self.assertEqual("class_weights" in values, kind != "shared")
        rows = class_rows(kind, values)
        if similarity == "cosine":
            rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        log_frequencies = np.log(np.array([6, 5, 4, 3, 2]) / 20)
        self.assert_close(scores, wanted @ rows.T + 0.7 * (kind == "shared") * log_frequencies, 1e-4)
        self.assertEqual(vectors.shape[1], net.vector_size)

    @parameterized.parameters(((), 1, 2, 1), ((), 1, 6, 0.5), ((6, 4), 1, 3, 1), ((6, 4), 3, 2, 0.5))
    def test_histories_are_weighted_by_position(self, hidden, num_poolings, num_positions, power):
        net = made_network(hidden=hidden, num_positions=num_positions, num_poolings=num_poolings,
                           pooling_power=power, similarity="cosine", **RICH)
        arrays = some_inputs(net)._replace(own=None)
        vectors = net.user_vectors(self.given(arrays))
        with self.new_session() as session:
            variable, = [v for v in tf.trainable_variables() if v.op.name == "position_log_weights"]
            self.assert_close(session.run(variable),
                              pooling.position_log_weights(num_positions, num_poolings))
            session.run(variable.assign(np.random.RandomState(1).standard_normal(
                [num_positions, num_poolings])))
            values, vectors = self.values(session), session.run(vectors)
        self.assert_close(vectors, slow_vectors(net, values, arrays), 1e-4)

    def test_positions_allow_no_own_event(self):
        net = made_network(num_positions=3)
        self.assertIsNone(model.placeholders(net, training=True).own)
        with self.assertRaisesRegex(InputError, "inputs.own: wanted None with positions, got"):
            net.user_vectors(some_inputs(net))

    @parameterized.product(hidden=((), (6, 4)), similarity=model.SIMILARITIES)
    def test_missing_age_is_zero(self, hidden, similarity):
        net = made_network(hidden=hidden, similarity=similarity, **RICH)
        arrays = some_inputs(net)
        vectors = [net.user_vectors(self.given(arrays._replace(ages=ages)))
                   for ages in (np.zeros(3, np.float32), None, np.full(3, 5, np.float32))]
        zero, none, old = self.run_graph(vectors)
        self.assert_close(zero, none)
        self.assertGreater(np.abs(old - none).min(1).max(), 1e-3)

    def test_unknown_user_has_no_row(self):
        net = made_network(num_users=3)
        plain = made_network()
        inputs = self.given(some_inputs(net)._replace(users=np.int32([-1, 1, -1])))
        ours, wanted = self.run_graph([net.user_vectors(inputs), plain.user_vectors(inputs)])
        self.assert_close(ours[[0, 2]], wanted[[0, 2]])
        self.assertGreater(np.abs(ours[1] - wanted[1]).max(), 0.01)

    def test_empty_history_has_finite_vector_and_gradients(self):
        net = made_network(similarity="cosine", temperature=0.1)
        vectors = net.user_vectors(self.given(some_inputs(net)))
        gradient = tf.gradients(vectors, net.item_embeddings())[0]
        vectors, gradient = self.run_graph([vectors, gradient.values])
        self.assertEqual(vectors[1].tolist(), [0] * 4)
        self.assertTrue(np.isfinite(gradient).all())

    def test_parts_built_twice_share_their_variables(self):
        net = made_network(hidden=(6, 4), **RICH)
        inputs = self.given(some_inputs(net, np.ones(3, np.float32)))
        first, second = net.user_vectors(inputs), net.user_vectors(inputs)
        net.class_table()
        net.class_table()
        net.class_rows()
        self.assertCountEqual([v.op.name for v in tf.trainable_variables()], [
            "item_embeddings", "user_embeddings", "context_hour", "context_kind", "example_age",
            "hidden_1/kernel", "hidden_1/bias", "hidden_2/kernel", "hidden_2/bias", "class_weights"])
        self.assertLen(tf.global_variables(), 11)  # and class_biases, which is not trained
        self.assert_close(*self.run_graph([first, second]))

    def test_columns_of_any_name_have_their_own_variables(self):
        names = ["zip code", "zip-20-code", "a/b", "ü", "Kind", "_", ""]
        net = made_network(context=dict.fromkeys(names, KINDS))
        for training_too in (True, False):  # as in a program: placeholders are made before variables
            net.user_vectors(model.placeholders(net, training_too))
        self.assertCountEqual(
            [v.op.name for v in tf.trainable_variables()],
            ["item_embeddings"] + [model.context_variable(name) for name in names])
        self.assertLen(tf.trainable_variables(), 1 + len(names))
        self.assertEqual(model.context_variable("Kind_2.b"), "context_Kind_2.b")

    @parameterized.parameters(("cosine", 0.15), ("dot", 1.0))
    def test_initial_rows_have_their_length_and_tables_differ(self, similarity, length):
        kinds = columns.Categorical([""] + ["kind %d" % number for number in range(39)])
        net = made_network(40, [1] * 40, hidden=(40, 40), similarity=similarity, num_users=40,
                           context={"kind": kinds})
        inputs = model.placeholders(net)
        net.user_vectors(inputs)
        net.class_table()
        with self.new_session() as session:
            values = self.values(session)
        for name in ("item_embeddings", "user_embeddings", "class_weights", "context_kind"):
            self.assert_close(np.linalg.norm(values[name], axis=1).mean(), length, 0.15)
        tables_of_one_shape = [values[name].ravel() for name in (
            "item_embeddings", "user_embeddings", "class_weights", "context_kind", "hidden_2/kernel")]
        correlations = np.corrcoef(tables_of_one_shape) - np.eye(5)
        self.assertLess(np.abs(correlations).max(), 0.15)  # 6 standard deviations of 1600 numbers

    def test_the_same_seed_gives_the_same_rows(self):
        def rows(seed):
            with tf.Graph().as_default():
                return self.run_graph(made_network(seed=seed).item_embeddings())

        np.testing.assert_array_equal(rows(1), rows(1))
        for other in (2, 11, None):
            self.assertGreater(np.abs(rows(1) - rows(other)).max(), 0.01)
        self.assertGreater(np.abs(rows(None) - rows(None)).max(), 0.01)

    @parameterized.parameters(
        (dict(dim=0), "dim: wanted an integer above 0, got 0"),
        (dict(hidden=(4, -1)), "hidden: wanted an integer above 0, got -1"),
        (dict(similarity="angle"), "similarity: wanted one of cosine, dot, got 'angle'"),
        (dict(temperature=0), "temperature: wanted a number above 0, got 0"),
        (dict(temperature=np.nan), "temperature: wanted a number above 0, got nan"),
        (dict(pooling_power=1.1), "pooling_power: wanted a number from 0 to 1, got 1.1"),
        (dict(pooling_power=-0.1), "pooling_power: wanted a number from 0 to 1, got -0.1"),
        (dict(num_users=-1), "num_users: wanted 0 or more, got -1"),
        (dict(age_unit=-1.0), "age_unit: wanted 0 or more, got -1.0"),
        (dict(dropout=1), "dropout: wanted a number from 0 to below 1, got 1"),
        (dict(dropout=-0.5), "dropout: wanted a number from 0 to below 1, got -0.5"),
        (dict(num_positions=-1), "num_positions: wanted 0 or more, got -1"),
        (dict(num_poolings=0), "num_poolings: wanted an integer above 0, got 0"),
        (dict(num_poolings=2, num_positions=3),
         "num_poolings: wanted 1 without hidden layers and positions, got 2"),
        (dict(num_poolings=2, hidden=(3,)),
         "num_poolings: wanted 1 without hidden layers and positions, got 2"),
        (dict(class_rows="both"), "class_rows: wanted one of own, shared, sum, got 'both'"),
        (dict(class_rows="sum", hidden=(3, 5)), "hidden: wanted a last layer of 3, as histories' rows, "
         r"with class_rows=sum, got \[3, 5\]"))
    def test_wrong_settings_are_named(self, options, message):
        with self.assertRaisesRegex(InputError, "^YouTubeDNN: " + message):
            made_network(**dict(dict(item_counts=[1, 2], dim=3), **options))


class DropoutTest(ModelCase):

    def test_dropout_is_only_in_training(self):
        plain, dropping = (made_network(hidden=(6, 4), dropout=dropout, **RICH)
                           for dropout in (0, 0.5))
        inputs = self.given(some_inputs(plain))
        wanted, same, trained = self.run_graph([
            plain.user_vectors(inputs, training=True), dropping.user_vectors(inputs),
            dropping.user_vectors(inputs, training=True)])
        np.testing.assert_array_equal(same, wanted)
        self.assertGreater(np.abs(trained - wanted).max(), 1e-3)

    def test_whole_items_are_dropped_and_the_mean_stays(self):
        size = 4000
        net = made_network(dropout=0.3)
        places = np.arange(size, dtype=np.int32)
        # Each item once alone, and once all of them together.
        inputs = model.Inputs(np.zeros(size, np.int32), np.append(places, 0).astype(np.int32),
                              np.append(places + 1, size).astype(np.int32), None, None, {}, None)
        row, vectors = self.run_graph([net.item_embeddings()[0],
                                       net.user_vectors(inputs, training=True)])
        kept = np.abs(vectors[:-1]).max(1) > 1e-3 * np.abs(row).max()
        self.assert_close(vectors[:-1], kept[:, None] * row / 0.7, 1e-4)
        self.assertAlmostEqual(kept.mean(), 0.7, delta=6 * (0.3 * 0.7 / size) ** 0.5)
        self.assert_close(vectors[-1], kept.mean() * row / 0.7, 1e-3)

    def test_dropped_items_leave_the_weights_of_the_others(self):
        net = made_network(dropout=0.5, num_positions=2)
        inputs = model.Inputs(np.int32([0, 1] * 50), np.arange(0, 100, 2, dtype=np.int32),
                              np.arange(2, 101, 2, dtype=np.int32), None, None, {}, None)
        rows, vectors = self.run_graph([net.item_embeddings(), net.user_vectors(inputs, training=True)])
        weights = np.exp([-0.3, 0]) / np.exp([-0.3, 0]).sum()
        wanted = [2 * (np.array(kept) * weights) @ rows[:2]
                  for kept in itertools.product([0, 1], repeat=2)]
        found = np.abs(vectors[:, None] - wanted).max(2).argmin(1)
        self.assert_close(vectors, np.array(wanted)[found], 1e-4)
        self.assertLen(set(found), 4)

    def test_steps_drop_different_items(self):
        net = made_network(dropout=0.5)
        vectors = net.user_vectors(self.given(some_inputs(net)), training=True)
        with self.new_session() as session:
            made = np.array([session.run(vectors) for _ in range(20)])
        self.assertGreater(len(np.unique(made.round(6), axis=0)), 5)

    def test_own_event_is_excluded_with_dropout(self):
        net = made_network(dropout=0.5)
        inputs = model.Inputs(np.int32([0, 1]), np.int32([0] * 50), np.int32([2] * 50),
                              np.int32([1] * 50), None, {}, None)
        vectors = net.user_vectors(inputs, training=True)
        with self.new_session() as session:
            row = session.run(net.item_embeddings())[0]
            for _ in range(10):  # only item 0 is used: with weight 2, or dropped
                one = session.run(vectors)[0]
                self.assert_close(one, 2 * row if np.abs(one).max() > 1e-6 else 0 * row, 1e-4)

    def test_hidden_units_are_dropped_independently_in_each_layer(self):
        net = made_network(60, hidden=(60, 60, 60), dropout=0.5)
        inputs = model.Inputs(np.int32([0]), np.int32([0] * 40), np.int32([1] * 40), None, None, {},
                              None)
        vectors = net.user_vectors(inputs, training=True)
        with self.new_session() as session:
            # The first layer gives ones for any input, the others pass them on.
            for variable in tf.trainable_variables():
                layer, _, part = variable.op.name.partition("/")
                if layer == "hidden_1":
                    session.run(variable.assign(tf.fill(variable.shape, float(part == "bias"))))
                elif part == "kernel":
                    session.run(variable.assign(tf.eye(60)))
            vectors = session.run(vectors)
        self.assertCountEqual(np.unique(vectors), [0, 4])  # kept in both layers, each time with weight 2
        self.assertAlmostEqual((vectors > 0).mean(), 0.25, delta=6 * (0.25 * 0.75 / 2400) ** 0.5)


class LeaveOneOutTest(ModelCase):
    """Tests of a batch against one example at a time whose history is gathered."""

    @parameterized.product(similarity=model.SIMILARITIES, context=batches.CONTEXTS, power=(0.5, 1))
    def test_loss_and_gradient_are_those_of_one_example_at_a_time(self, similarity, context, power):
        data = made_events([[0, 1, 2, 3], [4, 0], [2, 2, 5, 1, 2]], 6, held_out=0)
        plan = batches.Plan(context, 3, 100)
        batch, = batches.training_batches(data, plan, np.random.RandomState(1))
        net = made_network(5, data.item_counts, similarity=similarity, temperature=0.5,
                           pooling_power=power, class_rows="shared")
        table = net.item_embeddings()
        weights, biases = net.class_table()
        sampled = candidates.SampledValues(
            tf.constant([5, 0, 3], tf.int64), tf.random_uniform([len(batch.labels), 1], 0.1, 1, seed=1),
            tf.constant([0.3, 0.7, 0.9]))

        def loss(vectors):
            return tf.reduce_mean(losses.sampled_softmax_loss(
                weights, biases, batch.labels[:, None], vectors, 3, 6, sampled_values=sampled))

        slow = []
        for begin, end, own in zip(batch.begin, batch.end, batch.own):
            ids = [batch.items[n] for n in range(begin, end) if n != own]
            vector = tf.add_n([tf.gather(table, i) for i in ids]) / len(ids) ** power
            if similarity == "cosine":
                vector /= tf.sqrt(tf.reduce_sum(vector ** 2))
            slow.append(vector / 0.5)
        ours = loss(net.user_vectors(feeds.of_batch(data, batch), training=True))
        wanted = loss(tf.stack(slow))
        gradients = [tf.convert_to_tensor(tf.gradients(value, table)[0]) for value in (ours, wanted)]
        ours, wanted, gradients = self.run_graph([ours, wanted, gradients])
        self.assert_close(ours, wanted)
        self.assert_close(*gradients)
        self.assertGreater(np.abs(gradients[1]).min(1).max(), 1e-3)


class FeedTest(ModelCase):

    def test_placeholders_are_the_inputs_of_the_model(self):
        plain, rich = made_network(), made_network(**RICH)
        inputs = model.placeholders(plain, training=True)
        self.assertEqual((inputs.users, inputs.context, inputs.ages), (None, {}, None))
        self.assertIsNotNone(inputs.own)
        inputs = model.placeholders(rich)
        self.assertEqual((inputs.own, inputs.ages), (None, None))
        inputs = model.placeholders(rich, training=True)
        self.assertEqual({name: tensor.dtype for name, tensor in inputs.context.items()},
                         {"kind": tf.int32, "hour": tf.float32})
        self.assertEqual([tensor.dtype for tensor in inputs[:5]], [tf.int32] * 5)
        self.assertEqual(inputs.ages.dtype, tf.float32)

    @parameterized.parameters(False, True)
    def test_feed_values_reach_their_inputs(self, training_too):
        net = made_network(**RICH)
        values = some_inputs(net, np.float32([1, 2, 3]))
        inputs = model.placeholders(net, training_too)
        # Values without an input of the model are not fed.
        fed = model.feed(inputs, values._replace(context=dict(values.context, more=np.zeros(3))))
        self.assertLen(fed, 8 if training_too else 6)
        got = self.run_graph({name: getattr(inputs, name) for name in inputs._fields
                              if getattr(inputs, name) is not None}, fed)
        for name, value in got.items():
            if name == "context":
                for column in ("kind", "hour"):
                    np.testing.assert_array_equal(value[column], values.context[column])
            else:
                np.testing.assert_array_equal(value, getattr(values, name))


def made_events(rows, num_items, held_out=2, kinds=None):
    """Return events from a list of item ids of each user; the last two are validation and test."""
    lengths = np.array([len(row) for row in rows])
    stops = np.cumsum(lengths)
    items = np.concatenate(rows).astype(np.int32)
    trains = np.concatenate([np.arange(n) < n - held_out for n in lengths])
    further = {}
    if kinds is not None:
        further = {"kind": columns.Column(
            np.concatenate(kinds).astype(np.int32),
            columns.Categorical([""] + [str(i) for i in range(num_items)]))}
    return splits.Events(items, np.append(0, stops), stops - held_out, stops - held_out // 2, None,
                         further, [str(u) for u in range(len(rows))], [str(i) for i in range(num_items)],
                         np.bincount(items[trains], minlength=num_items), 0)


def chains(follows, num_users=200, seed=1):
    """Return users with 40 items, whose next items are given by `follows`."""
    random = np.random.RandomState(seed)
    rows = []
    for _ in range(num_users):
        row = [random.randint(40)]
        while len(row) < 8:
            row.append(follows(row[-1], random))
        rows.append(row)
    return made_events(rows, 40)


def next_one(item, _):
    return (item + 1) % 40


def any_one(_, random):
    return random.randint(40)


class LearningTest(graph_case.AsBuiltCase, graph_case.GraphCase):
    """Tests of learning: each item is followed by the next one, or by a random one."""

    def learn(self, data, loss="sampled_softmax", sampler="uniform", optimizer="adam", rate=0.03,
              context="past", history_length=1, epochs=10, k=1, repeats=False, remove_known=False,
              hard_negatives=0, **options):
        """Return (HR@k, full softmax loss) on the test events."""
        num_items = len(data.item_names)
        net = made_network(16, data.item_counts, context=feeds.context_columns(data), **options)
        inputs, labels = model.placeholders(net, training=True), tf.placeholder(tf.int32, [None])
        vectors = net.user_vectors(inputs, training=True)
        weights, biases = net.class_table()
        size, known, sampled = num_items if sampler == "all" else 10, None, None
        if loss not in registry.FULL_LOSSES:
            sampled = samplers.sample_by_name(sampler, labels, size, data.item_counts, unique=True,
                                              seed=1)
        if hard_negatives:
            hard = ranking.best_items(weights, biases, vectors, num_items, hard_negatives)
            sampled = candidates.with_certain(sampled, labels, hard, num_items)
        if remove_known:
            known = feeds.Known(*(tf.placeholder(tf.int32, [None]) for _ in feeds.Known._fields))
            sampled = candidates.without_known(sampled, *known)
        more = {"k": 5} if loss == "softmax_at_k" else {}
        value = tf.reduce_mean(losses.loss_by_name(loss, weights, biases, labels, vectors, num_items,
                                                   sampled, **more))
        plan = batches.Plan(context, history_length, 64, epochs=epochs, seed=1)
        steps = functools.partial(feeds.epochs_of_feeds, data, feeds.Fed(inputs, labels, known), plan)
        asked = model.placeholders(net)
        answer = net.user_vectors(asked)
        item_ranking = ranking.ItemRanking(weights, biases, num_items, net.vector_size)
        given = tf.placeholder(tf.float32, [None, net.vector_size])
        full = losses.full_softmax_loss(weights, biases, labels, given, num_items)
        test = splits.held_out(data)[1]
        if repeats:
            test = test._replace(seen=None)
        folder = self.create_tempdir().full_path
        loop.train(plans.Plan(plans.Objective(value, value), plans.Data(steps, 1, "examples"),
                              plans.Optimization(registry.OPTIMIZERS[optimizer], rate),
                              policy.Saving(folder)))
        with loop.restored_session(folder) as session:
            users = feeds.user_vectors(session, answer, asked, data, test, history_length, block=100)
            metrics = evaluation.evaluate(item_ranking.ranker(session, users), test, num_items, [k])
            rows, targets = feeds.some_targets(test)
            full_loss = training_metrics.mean_in_blocks(
                session, full, {given: users[rows], labels: targets})
        return metrics["HR@%d" % k], full_loss

    @parameterized.parameters(*[(loss, "uniform") for loss in sorted(registry.LOSSES)] + [
        ("sampled_softmax", sampler)
        for sampler in sorted(registry.SAMPLERS) if sampler != "uniform"] + [
        ("full_softmax", "uniform")])
    def test_the_next_item_is_found(self, loss, sampler):
        hit_rate, full_loss = self.learn(chains(next_one), loss, sampler, similarity="cosine",
                                         temperature=0.1)
        self.assertGreater(hit_rate, 0.95)
        if loss in ("nce", "refined_sampled_softmax", "sampled_softmax", "full_softmax"):
            self.assertLess(full_loss, 0.7)

    @parameterized.parameters(
        dict(similarity="dot"), dict(similarity="cosine", temperature=0.1, hidden=(32, 16)),
        dict(similarity="dot", frequency_bias=0, optimizer="adagrad", rate=0.5),
        dict(similarity="cosine", temperature=0.1, hard_negatives=8),
        dict(similarity="cosine", temperature=0.1, num_users=200, dropout=0.1))
    def test_next_item_is_found_by_other_models(self, **options):
        self.assertGreater(self.learn(chains(next_one), **dict(dict(rate=0.02), **options))[0], 0.95)

    def test_decisive_position_is_learned(self):
        # The second to last item determines the next one.
        random = np.random.RandomState(1)
        rows = []
        for _ in range(300):
            row = list(random.randint(40, size=2))
            while len(row) < 10:
                row.append((row[-2] + 1) % 40)
            rows.append(row)
        options = dict(history_length=2, repeats=True, similarity="cosine", temperature=0.1)
        by_position = self.learn(made_events(rows, 40), num_positions=2, **options)[0]
        self.assertGreater(by_position, 0.95)
        with tf.Graph().as_default():
            self.assertLess(self.learn(made_events(rows, 40), **options)[0], 0.7 * by_position)

    def test_random_sequences_are_not_predicted(self):
        hit_rate, full_loss = self.learn(chains(any_one), rate=0.002, repeats=True, similarity="dot")
        self.assertLess(hit_rate, 0.1)
        self.assert_close(full_loss, np.log(40), 0.1)

    @parameterized.parameters(("own", False), ("shared", True), ("sum", False))
    def test_items_taken_together_are_found(self, class_rows, remove_known):
        # Users take seven items of one of ten groups of eight: the remaining one ranks first.
        random = np.random.RandomState(1)
        rows = [8 * random.randint(10) + random.permutation(8)[:7] for _ in range(300)]
        hit_rate, _ = self.learn(
            made_events(rows, 80), context="others", history_length=None, k=2, epochs=8,
            similarity="cosine", temperature=0.1, pooling_power=0.5, class_rows=class_rows,
            remove_known=remove_known)
        self.assertGreater(hit_rate, 0.95)

    @parameterized.parameters(((16,), True), ((), False))
    def test_decisive_context_column_is_used(self, hidden, has_column):
        random = np.random.RandomState(1)
        rows = random.randint(20, size=(200, 8))
        data = made_events(rows, 20, kinds=rows + 1 if has_column else None)
        hit_rate, _ = self.learn(data, history_length=3, repeats=True, rate=0.02, hidden=hidden)
        if has_column:
            self.assertGreater(hit_rate, 0.95)
        else:
            self.assertLess(hit_rate, 0.2)


if __name__ == "__main__":
    absltest.main()
