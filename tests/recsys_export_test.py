"""Tests of exports: SavedModels in sessions, in TensorFlow 2 and by saved_model_cli; vector files."""
import json
import os
import shutil
import tempfile
import unittest
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, run_program
from tf1_sampled import checks
from tf1_sampled.recsys import columns, export, item_features, items, model

ITEMS = ["king", "a b", "a\nb", "a\r\nb", "\\n", "tab\t", "日本", "😀", "\0", "nul\0", "queen", "\ufeff"]
USERS = ["u1", "u 2", "ü"]
CATEGORIES = {"device": ["", "phone", "tv\n"]}
NUM_ITEMS = len(ITEMS)
COUNTS = list(range(NUM_ITEMS * 3, 0, -3))
PLAIN = dict(item_counts=COUNTS, dim=4, seed=1)
CONTEXT = {"device": columns.Categorical(CATEGORIES["device"]), "hour": columns.Numeric(10.0, 4.0)}
# Numbers of features of the items: none, two, one, ...
FEATURES = item_features.ItemFeatures(
    np.append(0, np.cumsum([0, 2, 1] * 4)), np.int32([3, 0, 1] * 4),
    np.arange(-3, 9).astype(np.float32), ["f%d" % f for f in range(5)])
RICH = dict(PLAIN, num_users=3, context=CONTEXT, age_unit=5.0)
NETS = {
    "dot": PLAIN,
    "shared dot": dict(PLAIN, class_rows="shared"),
    "cosine": dict(PLAIN, similarity="cosine", temperature=0.2),
    "shared cosine": dict(PLAIN, similarity="cosine", temperature=0.2, class_rows="shared"),
    "hidden": dict(PLAIN, hidden=(6, 5), dropout=0.5, pooling_power=0.5, frequency_bias=False),
    "rich": dict(RICH, similarity="cosine", hidden=(5,)),
    "rich sum": RICH,
    "positions": dict(PLAIN, num_positions=2, similarity="cosine", class_rows="sum"),
    "poolings": dict(PLAIN, num_positions=9, num_poolings=2, hidden=(6, 5), pooling_power=0.5),
    "featured dot": dict(PLAIN, item_counts=COUNTS[:-3] + [0] * 3, features=FEATURES, hidden=(6, 5)),
    "featured sum": dict(PLAIN, features=FEATURES, class_rows="sum"),
    "featured shared cosine": dict(PLAIN, features=FEATURES, similarity="cosine", class_rows="shared"),
}
_TRAINED, _LOADED, _CHECKPOINTS = {}, {}, []
HISTORIES = [["king", "日本", "king"], [], ["\0", "nobody", "nul\0"], ["a\r\nb", "tab\t", "", "\ufeff"]]

# Load models in TensorFlow 2, all in one process, and print their answers.
_TENSORFLOW_2 = """
import json, sys
import tensorflow as tf

histories = tf.constant(json.loads(sys.argv[1]))
rest = {"user": tf.constant(["ü", "u1", "", "?"]), "device": tf.constant(["phone", "", "tv\\n", "?"]),
        "hour": tf.constant([1.0, 2.0, 3.0, 4.0])}
loaded = [tf.saved_model.load(folder).signatures for folder in sys.argv[2:]]
answers = []
for signatures in loaded:
    more = rest if "user" in signatures["embed_user"].structured_input_signature[1] else {}
    best = signatures["recommend"](items=histories, seen=histories, k=tf.constant(11), **more)
    vectors = signatures["embed_user"](items=histories, **more)["vectors"]
    try:
        signatures["recommend"](items=histories, seen=histories, k=tf.constant(0), **more)
        error = ""
    except tf.errors.InvalidArgumentError as e:
        error = str(e)
    answers.append({"items": [[name.decode() for name in row] for row in best["items"].numpy()],
                    "scores": best["scores"].numpy().tolist(), "vectors": vectors.numpy().tolist(),
                    "error": error})
print(json.dumps(answers))
"""
# Train, rank and export in a graph, in a program whose other code is eager.
_IN_A_GRAPH = """
import sys
import numpy as np
import tensorflow.compat.v1 as tf
from tf1_sampled import losses, registry, samplers
from tf1_sampled.recsys import batches, columns, events, export, feeds, model, ranking, splits
from tf1_sampled.training import steps

random = np.random.RandomState(1)
data = splits.split_last(events.log_of_arrays(
    random.randint(20, size=300), random.randint(9, size=300), np.arange(300),
    categorical={"kind": random.choice(["a", "b"], 300)}, numeric={"size": random.rand(300)}))
with tf.Graph().as_default():
    tf.set_random_seed(1)
    net = model.Network(data.item_counts, model.Architecture(4, (6, 4), "cosine", dropout=0.1),
                        num_users=len(data.user_names), context=feeds.context_columns(data),
                        age_unit=300.0, seed=1)
    fed = feeds.Fed(model.placeholders(net, training=True), tf.placeholder(tf.int32, [None]),
                    feeds.Known(*(tf.placeholder(tf.int32, [None]) for _ in range(3))))
    seed = tf.constant([1, 0], tf.int64)
    vectors = net.user_vectors(fed.inputs, True, seed)
    weights, biases = net.class_table()
    sampled = samplers.sample_by_name("log_uniform", fed.labels, 3, data.item_counts, seed=seed)
    loss = tf.reduce_mean(losses.loss_by_name("sampled_softmax", weights, biases, fed.labels, vectors, 9,
                                              sampled))
    train = steps.minimize(loss, registry.OPTIMIZERS["adam"](0.01))
    asked = model.placeholders(net)
    answer = net.user_vectors(asked)
    items = ranking.ItemRanking(weights, biases, 9, net.vector_size)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for feed, _, _ in feeds.epochs_of_feeds(data, fed, batches.Plan("past", 3, 20)):
            session.run([loss, train], feed)
        everyone = feeds.everyone(data)
        users = feeds.user_vectors(session, answer, asked, data, everyone, 3)
        best, scores = items.top(session, users, everyone.seen, 3)
        checkpoint = tf.train.Saver().save(session, sys.argv[1] + "/model.ckpt")
export.write_saved_model(sys.argv[1] + "/saved_model", net, checkpoint, data.item_names, data.user_names)
export.write_item_vectors(sys.argv[1], net, checkpoint, data.item_names)
print(best.shape, np.isfinite(scores).sum())
print("eager" if getattr(tf, "executing_eagerly", bool)() else "graph")
"""
_CLI = "import sys; from tensorflow.python.tools.saved_model_cli import main; sys.exit(main())"


def setUpModule():
    _CHECKPOINTS.append(tempfile.mkdtemp())


def tearDownModule():
    shutil.rmtree(_CHECKPOINTS.pop())


def python(code, *arguments):
    """Return the output of a process that imports TensorFlow but not this library."""
    with tempfile.TemporaryDirectory() as folder:
        exit_code, out, err = run_program.run_code(code, folder, *arguments)
    assert exit_code == 0, err
    return out


def padded(rows, pad=""):
    width = max(map(len, rows))
    return [list(row) + [pad] * (width - len(row)) for row in rows]


def ids_of(names):
    return [ITEMS.index(name) for name in names if name in ITEMS]


def oracle_vectors(net, values, histories, users=None, device=None, hour=None):
    """Return user vectors in NumPy, one user at a time, from the values of the checkpoint."""
    dim, hidden = net.architecture.dim, net.architecture.hidden
    vectors = []
    for row, history in enumerate(histories):
        rows = values["item_embeddings"][history][::-1]
        weights = np.exp(values.get("position_log_weights", np.zeros([len(rows), 1])))[:len(rows)]
        sums = np.where(len(rows), weights.sum(0), 1) ** net.architecture.pooling_power
        parts = list((weights.T @ rows[:len(weights)]) / sums[:, None])
        if net.num_users:
            parts.append(values["user_embeddings"][users[row]] if users[row] >= 0 else np.zeros(dim))
        if net.context:
            parts.append(values["context_device"][device[row]])
            parts.append((hour[row] - 10) / 4 * values["context_hour"][0])
        if net.age_unit:
            parts.append(np.zeros(dim))
        layer = np.concatenate(parts) if hidden else sum(parts)
        for number in range(1, len(hidden) + 1):
            layer = layer @ values["hidden_%d/kernel" % number] + values["hidden_%d/bias" % number]
            layer = np.maximum(layer, 0) if number < len(hidden) else layer
        if net.architecture.similarity == "cosine":
            layer = layer / max(np.linalg.norm(layer), 1e-6)
        vectors.append(layer / net.architecture.temperature)
    return np.array(vectors)


def add_features(net, values):
    """Add the rows of features to those of the items, one at a time."""
    starts, ids, weights, _ = net.features
    for table in ["item_embeddings"] + (
            [] if net.architecture.class_rows == "shared" else ["class_weights"]):
        rows = values.pop(table + "_features")
        values[table] = values[table].copy()  # a variable may share the memory of its array
        for i in range(NUM_ITEMS):
            values[table][i] *= net.item_counts[i] > 0
            for n in range(starts[i], starts[i + 1]):
                values[table][i] += weights[n] * rows[ids[n]]


def oracle_class_table(net, values):
    kind = net.architecture.class_rows
    rows = values["class_weights" if kind == "own" else "item_embeddings"]
    if kind == "sum":
        rows = rows + values["class_weights"]
    if net.architecture.similarity == "cosine":
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    counts = np.array(net.item_counts) + 1
    return rows, np.log(counts / counts.sum()) * net.architecture.frequency_bias


def oracle_best(scores, seen, k):
    """Return (ids, scores) of the unseen items of one user, best first, ties by the smaller id."""
    order = sorted((id for id in range(len(scores)) if id not in seen), key=lambda id: -scores[id])
    return order[:k], [scores[id] for id in order[:k]]


def made_network(settings):
    """Return a Network; settings that it does not take are those of its architecture."""
    settings = dict(settings)
    data = {name: settings.pop(name) for name in model.Network._fields if name in settings}
    return model.Network(architecture=model.Architecture(**settings), **data)


class ExportCase(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        self.parent = self.create_tempdir().full_path
        self.folder = os.path.join(self.parent, "new")

    def train(self, settings, change=None):
        """Return (net, checkpoint, {name: value}) of a model, with optimizer slots in the checkpoint."""
        net = made_network(settings)
        with tf.Graph().as_default():
            inputs = model.placeholders(net)
            product = tf.reduce_sum(net.user_vectors(inputs)) + tf.reduce_sum(
                export.lookup(net.class_table()[0], [0]))
            tf.train.AdagradOptimizer(0.1).minimize(product)
            with self.new_session() as session:
                values = {v.op.name: session.run(v) for v in tf.global_variables()}
                for variable in tf.trainable_variables():
                    name = variable.op.name
                    values[name] += np.random.RandomState(len(name)).standard_normal(values[name].shape)
                    if change:
                        values[name] = change(name, values[name])
                    variable.load(values[name], session)
                if net.features is not None:
                    add_features(net, values)
                folder = tempfile.mkdtemp(dir=_CHECKPOINTS[0])
                return net, tf.train.Saver().save(session, os.path.join(folder, "model.ckpt"), 7), values

    def trained(self, name):
        """Return the same for one of NETS, made once for all tests."""
        if name not in _TRAINED:
            _TRAINED[name] = self.train(NETS[name])
        return _TRAINED[name]

    def rest(self, net, by_id=False):
        """Return ({input: value}, the same as ids for the oracle) of four users."""
        if not net.num_users:
            return {}, {}
        ids = {"users": [2, 0, -1, -1], "device": [1, 0, 2, 0], "hour": [1.0, 2.0, 3.0, 4.0]}
        return {"user": ids["users"] if by_id else ["ü", "u1", "", "?"],
                "device": ["phone", "", "tv\n", "?"], "hour": ids["hour"]}, ids

    def write(self, net, checkpoint, **options):
        if net.num_users:
            options.update(user_names=USERS)
        export.write_saved_model(self.folder, net, checkpoint, ITEMS, **options)

    def load(self, net, checkpoint, values, **options):
        """Return (net, values, Model) of an exported model."""
        self.write(net, checkpoint, **options)
        return net, values, graph_case.SavedModel(self.folder)

    def loaded(self, name):
        """Return the same for one of NETS, made once for all tests."""
        if name not in _LOADED:
            _LOADED[name] = self.load(*self.trained(name))
        return _LOADED[name]


class SavedModelTest(ExportCase):

    @parameterized.product(name=sorted(NETS), by_id=(False, True))
    def test_exported_model_equals_the_trained_model(self, name, by_id):
        net, values, ask = self.loaded(name)
        more, ids = self.rest(net, by_id)
        histories = [ids_of(row) for row in HISTORIES]
        seen = [[0, 6], [1], [], [10, 10, 4]]
        if by_id:
            asked, left_out, suffix = padded(histories, -1), padded(seen, -1), "_ids"
        else:
            asked, suffix = padded(HISTORIES), ""
            left_out = padded([[ITEMS[id] for id in row] + ["nobody"] for row in seen])
        wanted = oracle_vectors(net, values, histories, **ids)
        self.assert_close(ask("embed_user" + suffix, items=asked, **more)["vectors"], wanted, 1e-4, 1e-5)
        table, biases = oracle_class_table(net, values)
        answer = ask("recommend" + suffix, items=asked, seen=left_out, k=5, **more)
        for row, scores in enumerate(wanted @ table.T + biases):
            best, best_scores = oracle_best(scores, seen[row], 5)
            found = answer["items"][row].tolist()
            self.assertEqual(found if by_id else ids_of(name.decode() for name in found), best)
            self.assert_close(answer["scores"][row], best_scores, 1e-4, 1e-4)

    def test_empty_histories_and_seen_items_are_allowed(self):
        net, values, ask = self.loaded("cosine")
        nothing = np.zeros([2, 0], object)
        answer = ask("recommend", items=nothing, seen=nothing, k=3)
        self.assertEqual(answer["items"].tolist(), [[b"king", b"a b", b"a\nb"]] * 2)
        self.assert_close(answer["scores"], [oracle_class_table(net, values)[1][:3]] * 2)
        vectors = ask("embed_user_ids", items=np.zeros([2, 0]))["vectors"]
        self.assertEqual(vectors.tolist(), [[0] * 4] * 2)

    def test_empty_batch_gives_empty_answers(self):
        _, _, ask = self.loaded("rich")
        none, more = np.zeros([0, 3], object), {"user": [], "device": [], "hour": []}
        self.assertEqual(ask("recommend", items=none, seen=none, k=2, **more)["items"].shape, (0, 2))
        self.assertEqual(ask("embed_user", items=none, **more)["vectors"].shape, (0, 5))

    def test_ties_are_ordered_by_the_smaller_id(self):
        def equal(name, value):
            return np.zeros_like(value) if name == "class_weights" else value

        _, _, ask = self.load(*self.train(dict(PLAIN, frequency_bias=False), equal))
        for k in (1, 2, 5, 11):
            best = ask("recommend_ids", items=[[1]], seen=[[2, 0]], k=k)["items"][0].tolist()
            self.assertEqual(best, ([1] + list(range(3, 12)) + [-1])[:k])

    @parameterized.parameters("", "_ids")
    def test_answers_are_padded_after_the_last_unseen_item(self, suffix):
        _, _, ask = self.loaded("dot")
        seen = [list(range(2, 12)), list(range(12))]
        if not suffix:
            seen = [[ITEMS[id] for id in row] for row in seen]
        fill = -1 if suffix else b""
        answer = ask("recommend" + suffix, items=padded(seen, seen[0][0])[:2], seen=padded(
            seen, -1 if suffix else ""), k=4)
        self.assertCountEqual(answer["items"][0].tolist()[:2], [0, 1] if suffix else [b"king", b"a b"])
        self.assertEqual(answer["items"][0].tolist()[2:], [fill] * 2)
        self.assertEqual(answer["items"][1].tolist(), [fill] * 4)
        self.assertTrue(np.isfinite(answer["scores"][0, :2]).all())
        self.assertEqual(answer["scores"][0, 2:].tolist() + answer["scores"][1].tolist(), [-np.inf] * 6)

    def test_k_is_limited_and_defaults_to_10(self):
        _, _, ask = self.loaded("dot")
        one = {"items": [["king"]], "seen": [[""]]}
        self.assertEqual(ask("recommend", k=99, **one)["items"].shape, (1, NUM_ITEMS))
        self.assertEqual(ask("recommend", **one)["items"].shape, (1, 10))
        for wrong in (0, -1):
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError,
                                        "recommend: k: wanted an integer above 0, got"):
                ask("recommend", k=wrong, **one)

    def test_only_the_latest_known_items_are_used(self):
        net, values, ask = self.load(*self.trained("dot"), history_length=2)
        asked = padded([["king", "日本", "queen", "nobody"], ["queen"]])
        self.assert_close(ask("embed_user", items=asked)["vectors"],
                          oracle_vectors(net, values, [[6, 10], [10]]), 1e-4, 1e-5)

    def test_ids_out_of_range_are_named(self):
        _, _, ask = self.loaded("rich sum")
        fine = {"items": [[0]], "seen": [[0]], "user": [0], "device": [""], "hour": [0]}
        for name, top in (("items", 11), ("seen", 11), ("user", 2)):
            for wrong in (-2, top + 1):
                message = "recommend_ids: %s: wanted ids from 0 to %d, got.*%d" % (name, top, wrong)
                with self.assertRaisesRegex(tf.errors.InvalidArgumentError, message):
                    ask("recommend_ids", **dict(fine, **{name: np.full_like(fine[name], wrong)}))
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "embed_user_ids: items: wanted ids"):
            ask("embed_user_ids", items=[[12]], user=[0], device=[""], hour=[0])

    def test_inconsistent_inputs_are_named(self):
        _, _, ask = self.loaded("rich sum")
        fine = {"items": [["king"]] * 2, "seen": [[""]] * 2, "user": [""] * 2, "device": [""] * 2,
                "hour": [1.0, 2.0]}
        for name in ("seen", "user", "device", "hour"):
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError,
                                        "recommend: %s: wanted as many rows as items, got" % name):
                ask("recommend", **dict(fine, **{name: fine[name][:1]}))
        for wrong in (-np.inf, np.inf):
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError,
                                        "recommend: hour: wanted finite numbers or NaN, got"):
                ask("recommend", **dict(fine, hour=[1.0, wrong]))

    def test_a_missing_number_is_nan(self):
        _, _, ask = self.loaded("rich sum")
        vectors = ask("embed_user", items=[["king"]] * 3, user=[""] * 3, device=[""] * 3,
                      hour=[1.0, np.nan, np.nan])["vectors"]
        self.assertTrue(np.isfinite(vectors).all())
        np.testing.assert_allclose(vectors[1], vectors[2], rtol=1e-5)
        self.assertFalse(np.allclose(vectors[0], vectors[1], rtol=1e-3))

    def test_signatures_have_the_inputs_of_the_model(self):
        _, _, ask = self.loaded("rich sum")
        inputs = {name: {key: tf.as_dtype(info.dtype) for key, info in signature.inputs.items()}
                  for name, signature in ask.signatures.items()}
        rest = {"device": tf.string, "hour": tf.float32}
        by_name = dict(rest, items=tf.string, user=tf.string)
        by_id = dict(rest, items=tf.int64, user=tf.int64)
        self.assertEqual(inputs, {
            "embed_user": by_name, "recommend": dict(by_name, seen=tf.string, k=tf.int32),
            "embed_user_ids": by_id, "recommend_ids": dict(by_id, seen=tf.int64, k=tf.int32)})
        shape = ask.signatures["embed_user"].outputs["vectors"].tensor_shape
        self.assertEqual([d.size for d in shape.dim], [-1, 4])

    @parameterized.parameters(
        ("cosine", {"item_embeddings", "item_vectors"}),
        ("shared cosine", {"item_embeddings", "item_vectors"}),
        ("featured shared cosine", {"item_embeddings", "item_vectors"}),
        ("dot", {"item_embeddings", "class_weights"}),
        ("shared dot", {"item_embeddings"}))
    def test_unused_tables_are_not_exported(self, name, tables):
        self.write(*self.trained(name)[:2])
        kept = dict(tf.train.list_variables(os.path.join(self.folder, "variables", "variables")))
        self.assertEqual(set(kept), tables | {"class_biases", "item_names"})
        with tf.Session(graph=tf.Graph()) as session:
            tf.saved_model.load(session, [tf.saved_model.SERVING], self.folder)
            self.assertEqual({v.op.name for v in tf.global_variables()}, set(kept))

    def test_the_graph_holds_no_tables_and_no_functions_of_this_process(self):
        counts = np.arange(30000, 0, -1)
        net, checkpoint, _ = self.train(dict(PLAIN, item_counts=counts))
        with mock.patch.object(export, "_BLOCK", 7000):
            export.write_saved_model(self.folder, net, checkpoint, ["item%d" % i for i in range(30000)])
        with open(os.path.join(self.folder, "saved_model.pb"), "rb") as stream:
            graph = stream.read()
        self.assertLess(len(graph), 100000)
        self.assertNotIn(b"PyFunc", graph)
        self.assertNotIn(b"VarHandleOp", graph)  # TensorFlow 1.15 cannot load those of later versions
        self.assertNotIn(self.parent.encode(), graph)

    def test_rows_are_scaled_in_blocks(self):
        net, checkpoint, _ = self.trained("cosine")
        asked = {"items": padded(HISTORIES), "seen": [[""]] * 4, "k": NUM_ITEMS}
        answers = []
        for block in (5, 100):
            self.folder = os.path.join(self.parent, str(block))
            with mock.patch.object(export, "_BLOCK", block):
                self.write(net, checkpoint)
            answers.append(graph_case.SavedModel(self.folder)("recommend", **asked))
        np.testing.assert_array_equal(answers[0]["items"], answers[1]["items"])
        self.assert_close(answers[0]["scores"], answers[1]["scores"])

    def test_surrounding_graph_is_unchanged(self):
        self.write(*self.trained("dot")[:2])
        self.assertEmpty(tf.get_default_graph().get_operations())

    @unittest.skipIf(tf.VERSION.startswith("1."), "TensorFlow 2 is not installed")
    def test_tensorflow_2_loads_several_models_at_once(self):
        made = []
        for name in ("shared cosine", "rich", "hidden"):
            self.folder = os.path.join(self.parent, name)
            net, checkpoint, values = self.trained(name)
            self.write(net, checkpoint)
            made.append((net, values))
        names = ["shared cosine", "rich", "hidden"]
        answers = json.loads(python(_TENSORFLOW_2, json.dumps(padded(HISTORIES)),
                                    *[os.path.join(self.parent, name) for name in names]))
        histories = [ids_of(row) for row in HISTORIES]
        for (net, values), answer in zip(made, answers):
            wanted = oracle_vectors(net, values, histories, **self.rest(net)[1])
            self.assert_close(answer["vectors"], wanted, 1e-4, 1e-5)
            table, biases = oracle_class_table(net, values)
            for row, scores in enumerate(wanted @ table.T + biases):
                best, best_scores = oracle_best(scores, histories[row], 11)
                rest = 11 - len(best)
                self.assertEqual(answer["items"][row], [ITEMS[id] for id in best] + [""] * rest)
                self.assert_close(answer["scores"][row], best_scores + [-np.inf] * rest, 1e-4, 1e-4)
            self.assertIn("recommend: k: wanted an integer above 0, got", answer["error"])

    def test_saved_model_cli_answers(self):
        _, _, ask = self.load(*self.trained("dot"))
        printed = python(_CLI, "run", "--dir", self.folder, "--tag_set", "serve", "--signature_def",
                         "recommend", "--input_exprs",
                         'items=[["king", "a b"]];seen=[["king", "nobody"]];k=4')
        wanted = ask("recommend", items=[["king", "a b"]], seen=[["king"]], k=4)["items"]
        self.assertIn(str(wanted), printed)

    @parameterized.parameters(
        (PLAIN, dict(item_names=ITEMS[1:]), "item_names: wanted the number in net, 12, got 11"),
        (PLAIN, dict(item_names=ITEMS[1:] + [""]), "item_names: wanted .*none empty, got ''"),
        (PLAIN, dict(item_names=ITEMS[1:] + ["a b"]), "item_names: wanted each name once, got 'a b'"),
        (PLAIN, dict(user_names=["u1"]), "user_names: wanted the number in net, 0, got 1"),
        (RICH, dict(user_names=None), "user_names: wanted the number in net, 3, got 0"),
        (RICH, dict(user_names=["a", "b", "a"]), "user_names: wanted each name once, got 'a'"),
        (dict(PLAIN, context={"device": columns.Categorical(list("abc"))}), {},
         r'net.context: wanted categories that begin with "", got \[.a.\]'),
        (dict(PLAIN, context={"device": columns.Categorical(["", "a", "a"])}), {},
         "net.context: wanted each name once, got 'a'"),
        (dict(PLAIN, context={"seen": columns.Numeric(0, 1)}), {}, "net.context: wanted .*, got 'seen'"),
        (PLAIN, dict(history_length=0), "history_length: wanted an integer above 0, got 0"))
    def test_invalid_arguments_are_named(self, settings, changed, message):
        net = made_network(settings)
        arguments = dict(item_names=ITEMS, user_names=USERS if net.num_users else None)
        arguments.update(changed)
        with self.assertRaisesRegex(checks.InputError, "^write_saved_model: " + message):
            export.write_saved_model(self.folder, net, "no checkpoint", **arguments)
        self.assertEmpty(os.listdir(self.parent))

    def test_only_empty_folders_are_written(self):
        net, checkpoint, _ = self.trained("dot")
        os.mkdir(self.folder)
        self.write(net, checkpoint)
        with self.assertRaisesRegex(checks.InputError, "a new or empty folder, got a folder with files"):
            self.write(net, checkpoint)
        self.assertEqual(os.listdir(self.parent), ["new"])

    def test_an_error_leaves_nothing(self):
        net, checkpoint, _ = self.trained("dot")
        with mock.patch.object(tf.saved_model.Builder, "save", side_effect=RuntimeError("broken")):
            with self.assertRaisesRegex(RuntimeError, "broken"):
                self.write(net, checkpoint)
        self.assertEmpty(os.listdir(self.parent))


class ItemVectorsTest(ExportCase):

    @parameterized.product(name=("dot", "shared cosine", "hidden", "featured dot"), block=(5, 100))
    def test_item_vectors_times_user_vector_are_the_scores(self, name, block):
        net, checkpoint, values = self.trained(name)
        with mock.patch.object(export, "_BLOCK", block):
            export.write_item_vectors(self.folder, net, checkpoint, ITEMS)
        vectors, biases = (np.load(os.path.join(self.folder, "item_%s.npy" % part))
                           for part in ("vectors", "biases"))
        self.assertEqual((vectors.dtype, biases.dtype), (np.float32, np.float32))
        for found, wanted in zip((vectors, biases), oracle_class_table(net, values)):
            self.assertEqual(found.shape, wanted.shape)
            self.assert_close(found, wanted)
        export.write_saved_model(os.path.join(self.parent, "saved_model"), net, checkpoint, ITEMS)
        ask = graph_case.SavedModel(os.path.join(self.parent, "saved_model"))
        user = ask("embed_user_ids", items=[[3, 1]])["vectors"][0]
        best = ask("recommend_ids", items=[[3, 1]], seen=[[-1]], k=NUM_ITEMS)
        self.assert_close(best["scores"][0], (vectors @ user + biases)[best["items"][0]], 1e-4, 1e-5)

    def test_files_can_be_mapped(self):
        export.write_item_vectors(self.folder, *self.trained("dot")[:2], item_names=ITEMS)
        vectors = np.load(os.path.join(self.folder, "item_vectors.npy"), mmap_mode="r")
        self.assertEqual(vectors.shape, (NUM_ITEMS, 4))
        self.assertTrue(vectors.flags.c_contiguous)

    def test_items_have_titles_and_counts(self):
        export.write_item_vectors(self.folder, *self.trained("dot")[:2], item_names=ITEMS,
                                  titles={"a\nb": "Two\nlines", "another": "one"})
        titles = [{"a\nb": "Two\nlines"}.get(name, name) for name in ITEMS]
        found = items.read_items(os.path.join(self.folder, "items.tsv"))
        self.assertEqual(found, (ITEMS, titles, COUNTS))

    def test_a_checkpoint_of_other_features_is_named(self):
        net, checkpoint, _ = self.trained("featured dot")
        more = net._replace(features=FEATURES._replace(names=["f%d" % f for f in range(6)]))
        with self.assertRaisesRegex(checks.InputError, r"_features \[6, [45]\], got \[5, [45]\]"):
            export.write_item_vectors(self.folder, more, checkpoint, ITEMS)
        without = self.trained("dot")[1]
        with self.assertRaisesRegex(checks.InputError, r"_features \[5, 4\], got None"):
            export.write_saved_model(self.folder, made_network(dict(PLAIN, features=FEATURES)), without,
                                     ITEMS)

    def test_invalid_names_are_refused(self):
        with self.assertRaisesRegex(checks.InputError, "write_item_vectors: item_names: wanted the "):
            export.write_item_vectors(self.folder, made_network(PLAIN), "none", ITEMS[1:])
        self.assertEmpty(os.listdir(self.parent))


class InAGraphTest(ExportCase):

    def test_export_works_with_tensorflow_2_behaviour_enabled(self):
        os.mkdir(self.folder)
        shape, mode = python(_IN_A_GRAPH, self.folder).splitlines()
        self.assertStartsWith(shape, "(20, 3) ")
        self.assertEqual(mode, "eager" if tf.version.VERSION.startswith("2") else "graph")
        ask = graph_case.SavedModel(os.path.join(self.folder, "saved_model"))
        asked = dict(items=[["1", "2"]], user=["0"], kind=["a"], size=[0.5])
        best = ask("recommend", seen=[["1"]], k=3, **asked)
        self.assertLen(set(best["items"][0].tolist()) - {b"1", b""}, 3)
        vectors, biases = (np.load(os.path.join(self.folder, "item_%s.npy" % part))
                           for part in ("vectors", "biases"))
        user = ask("embed_user", **asked)["vectors"][0]
        ids = items.read_items(os.path.join(self.folder, "items.tsv"))[0]
        scores = [vectors[ids.index(name.decode())] @ user + biases[ids.index(name.decode())]
                  for name in best["items"][0]]
        self.assert_close(best["scores"][0], scores, 1e-4, 1e-5)


class CheckpointTest(ExportCase):

    @parameterized.parameters(export.write_saved_model, export.write_item_vectors)
    def test_unsuitable_checkpoint_is_named(self, write):
        net, checkpoint, _ = self.trained("dot")
        with self.assertRaisesRegex(checks.InputError, r"ckpt-7: wanted .* \[12, 5\], got \[12, 4\]"):
            write(self.folder, made_network(dict(PLAIN, dim=5)), checkpoint, ITEMS)
        for place in ("nowhere", "."):
            with self.assertRaisesRegex(checks.InputError, "wanted a checkpoint, got"):
                write(self.folder, net, os.path.join(self.parent, place), ITEMS)
        self.assertEmpty(os.listdir(self.parent))

    def test_checkpoint_without_a_layer_is_named(self):
        _, checkpoint, _ = self.trained("dot")
        with self.assertRaisesRegex(checks.InputError, "wanted a checkpoint with hidden_1/.*, got none"):
            self.write(made_network(dict(PLAIN, hidden=(4,))), checkpoint)
        self.assertEmpty(os.listdir(self.parent))


if __name__ == "__main__":
    absltest.main()
