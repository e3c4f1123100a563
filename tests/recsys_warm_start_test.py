"""Tests of warm starts: rows are matched by name, and models that do not fit are refused."""
import json
import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError
from tf1_sampled.recsys import columns, item_features, items, model, warm_start

BEFORE = warm_start.Names(["king", "a\tb", "queen", "日本"], ["u1", "u2"],
                       {"zip code": ["", "x", "y"], "kind": ["", "phone"]})
# Common names have other positions; some names are new, some are gone.
NOW = warm_start.Names(["new", "日本", "king", "newer", "a\tb"], ["u3", "u2", "u1"],
                    {"zip code": ["", "y", "z", "x"], "kind": [""]})
TABLES = {"item_embeddings": "items", "class_weights": "items", "user_embeddings": "users"}
COLUMNS = {"context_zip-20-code": "zip code", "context_kind": "kind"}


def made_net(names, **options):
    """Return a model with a table of each kind."""
    context = {column: columns.Categorical(texts) for column, texts in names.categories.items()}
    data = dict(num_users=len(names.users or ()), context=dict(context, hour=columns.Numeric(1.0, 2.0)),
                age_unit=2.0)
    if names.features:
        starts = np.arange(len(names.items) + 1)
        data["features"] = item_features.ItemFeatures(
            starts, np.int32(starts[:-1] % len(names.features)), np.ones(len(names.items), np.float32),
            names.features)
    data.update({name: options.pop(name) for name in tuple(data) if name in options})
    architecture = model.Architecture(**dict(dict(dim=4, hidden=(6, 5)), **options))
    return model.Network([1] * len(names.items), architecture, **data)


class EarlierCase(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.lines = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def build(self, net):
        net.user_vectors(model.placeholders(net, training=True), training=True)
        net.class_table()

    def values(self, session):
        return {v.op.name: session.run(v) for v in tf.global_variables()}

    def write(self, names=BEFORE, **options):
        """Write a model of random numbers, and return them."""
        with tf.Graph().as_default():
            self.build(made_net(names, **options))
            # As after training: the checkpoint contains optimizer slots.
            tf.get_variable("item_embeddings/Adam", [4, 4])
            tf.train.create_global_step()
            with self.new_session() as session:
                session.run([v.assign(tf.random_normal(v.shape)) for v in tf.trainable_variables()])
                saver = tf.train.Saver(save_relative_paths=True)
                saver.save(session, self.path("model.ckpt"), 7)
                values = self.values(session)
        items.write_items(self.path("items.tsv"), names.items, None, [1] * len(names.items))
        warm_start.write_names(self.folder, names)
        return values

    def load(self, names=NOW, **options):
        """Return (random initial values, values after loading) of a new model."""
        with tf.Graph().as_default():
            self.build(made_net(names, **options))
            with self.new_session() as session:
                start = self.values(session)
                warm_start.Earlier(self.folder).loader(names, self.lines.append)(session)
                return start, self.values(session)


class EarlierTest(EarlierCase):

    @parameterized.parameters(dict(), dict(hidden=()), dict(hidden=(6, 4), class_rows="shared"))
    def test_rows_are_kept_by_name_and_new_ones_stay_random(self, **options):
        before = self.write(**options)
        start, now = self.load(**options)
        of = {name: (getattr(BEFORE, field), getattr(NOW, field)) for name, field in TABLES.items()}
        of.update({name: (BEFORE.categories[column], NOW.categories[column])
                   for name, column in COLUMNS.items()})
        compared = set()
        for name, (texts_before, texts_now) in of.items():
            if name == "class_weights" and options.get("class_rows") == "shared":
                continue
            compared.add(name)
            self.assertLen(now[name], len(texts_now))
            for row, text in enumerate(texts_now):
                wanted = (before[name][texts_before.index(text)] if text in texts_before
                          else start[name][row])
                np.testing.assert_array_equal(now[name][row], wanted, "%s of %r" % (name, text))
        layers = set(now) - compared - {"class_biases"}
        self.assertLen(layers, 2 + 2 * len(options.get("hidden", (6, 5))))
        for name in layers:
            np.testing.assert_array_equal(now[name], before[name])
        # Biases are the current frequencies.
        np.testing.assert_array_equal(now["class_biases"], start["class_biases"])

    def test_each_table_is_reported(self):
        self.write()
        self.load()
        self.assertCountEqual(self.lines, [
            "%s start from %s" % (text, self.folder) for text in (
                "item_embeddings: 3 of 5 rows", "class_weights: 3 of 5 rows",
                "user_embeddings: 2 of 3 rows", "context_kind: 1 of 1 rows",
                "context_zip-20-code: 3 of 4 rows")])

    @parameterized.parameters("own", "shared", "sum")
    def test_rows_of_features_are_kept_by_name(self, class_rows):
        options = dict(hidden=(), context={}, class_rows=class_rows)
        before = BEFORE._replace(categories={}, features=["gone", "war", "comedy"])
        now = NOW._replace(categories={}, features=["comedy", "new", "war", "newer"])
        old = self.write(before, **options)
        start, new = self.load(now, **options)
        tables = ["item_embeddings_features"] + ["class_weights_features"] * (class_rows != "shared")
        for table in tables:
            self.assertLen(new[table], 4)
            np.testing.assert_array_equal(new[table][[0, 2]], old[table][[2, 1]])
            np.testing.assert_array_equal(new[table][[1, 3]], start[table][[1, 3]])
            self.assertIn("%s: 2 of 4 rows start from %s" % (table, self.folder), self.lines)

    def test_an_earlier_model_without_features_is_named(self):
        self.write()
        with self.assertRaisesRegex(
                InputError, r"a model with item_embeddings_features of shape \[1, 4\], got None"):
            self.load(NOW._replace(features=["war"]))

    def test_models_without_users_or_columns_are_loaded(self):
        names = warm_start.Names(BEFORE.items, None, {})
        before = self.write(names, context={})
        _, now = self.load(names, context={})
        self.assertCountEqual(now, set(before) - {"item_embeddings/Adam", "global_step"})
        for name in now:
            np.testing.assert_array_equal(now[name], before[name])

    @parameterized.named_parameters(
        ("dim", dict(dim=3), "item_embeddings of shape [4, 3], got [4, 4]"),
        ("sizes", dict(hidden=(7, 5)), "hidden_1/kernel of shape [24, 7], got [24, 6]"),
        ("layers", dict(hidden=(6, 5, 5)), "hidden_3/kernel of shape [5, 5], got None"),
        ("positions", dict(num_positions=7), "position_log_weights of shape [7, 1], got None"),
        ("age", dict(age_unit=0.0, hidden=(6, 5)), "hidden_1/kernel of shape [20, 6], got [24, 6]"))
    def test_other_settings_are_refused_before_the_session(self, options, message):
        self.write()
        with tf.Graph().as_default():
            self.build(made_net(BEFORE, **options))
            with self.assertRaises(InputError) as raised:
                warm_start.Earlier(self.folder).loader(BEFORE, self.lines.append)
        self.assertEqual(str(raised.exception),
                         "%s: wanted a model with %s" % (self.folder, message))

    def test_position_weights_are_copied_if_their_number_is_equal(self):
        before = self.write(num_positions=7)
        _, now = self.load(num_positions=7)
        np.testing.assert_array_equal(now["position_log_weights"], before["position_log_weights"])
        with self.assertRaisesRegex(
                InputError, r"a model with position_log_weights of shape \[8, 1\], got \[7, 1\]"):
            self.load(num_positions=8)

    @parameterized.named_parameters(
        ("users", dict(num_users=0), BEFORE._replace(users=None), "user_embeddings"),
        ("column", {}, BEFORE._replace(categories={"zip code": ["", "x", "y"]}), "context_kind"),
        ("table", dict(class_rows="shared", hidden=()), BEFORE, "class_weights"))
    def test_part_missing_in_the_earlier_model_is_named(self, options, names, missing):
        self.write(names, **dict(options, hidden=()))
        with self.assertRaisesRegex(InputError,
                                    "wanted a model with %s of shape .*, got None" % missing):
            self.load(BEFORE, hidden=())

    @parameterized.product(numeric_before=(False, True), texts=([""], ["", "phone"]))
    def test_column_of_another_kind_is_named(self, numeric_before, texts):
        kinds = warm_start.Names(BEFORE.items, None, {"kind": texts})
        numbers = kinds._replace(categories={})
        column = {"context": {"kind": columns.Numeric(1.0, 2.0)}}
        first, second = (numbers, kinds) if numeric_before else (kinds, numbers)
        self.write(first, **(column if numeric_before else {}), hidden=())
        with self.assertRaisesRegex(InputError, "wanted a model with context_kind of shape"):
            self.load(second, hidden=(), **(
                {"context": {"kind": columns.Categorical(texts)}} if numeric_before else column))

    def test_wrong_number_of_names_is_refused(self):
        self.write()
        items.write_items(self.path("items.tsv"), BEFORE.items[:3], None, [1] * 3)
        with self.assertRaisesRegex(InputError, r"item_embeddings of shape \[3, 4\], got \[4, 4\]"):
            self.load()


class BrokenTest(EarlierCase):

    def setUp(self):
        super().setUp()
        self.names = BEFORE._replace(users=None, categories={})
        self.options = dict(context={}, age_unit=0.0, hidden=())
        self.write(self.names, **self.options)

    def spoil(self, name, content):
        with open(self.path(name), "wb") as stream:
            stream.write(content)

    @parameterized.parameters("model.ckpt-7.index", "checkpoint")
    def test_a_folder_without_a_checkpoint_is_an_error(self, name):
        os.remove(self.path(name))
        with self.assertRaisesRegex(InputError, self.folder + ": wanted a folder with a model, got one "
                                    "without a checkpoint"):
            warm_start.Earlier(self.folder)

    def test_a_missing_folder_is_an_error(self):
        with self.assertRaisesRegex(InputError, "nowhere: wanted a folder with a model"):
            warm_start.Earlier(self.path("nowhere"))

    def test_a_broken_checkpoint_is_an_error(self):
        self.spoil("model.ckpt-7.index", b"no checkpoint")
        with self.assertRaisesRegex(InputError, self.folder + ": wanted a checkpoint, got: "):
            warm_start.Earlier(self.folder)

    def test_a_truncated_checkpoint_is_an_error(self):
        self.spoil("model.ckpt-7.data-00000-of-00001", b"")
        with self.assertRaisesRegex(InputError, self.folder + ": wanted a checkpoint, got: "):
            self.load(self.names, **self.options)

    @parameterized.parameters("names.json", "items.tsv", "checkpoint", "model.ckpt-7.index",
                              "model.ckpt-7.data-00000-of-00001")
    def test_links_and_pipes_are_errors(self, name):
        os.rename(self.path(name), self.path("theirs"))
        for make in (lambda path: os.symlink("theirs", path), os.mkfifo):
            make(self.path(name))
            with self.assertRaisesRegex(InputError, self.path(name) + ": wanted .*, got a (link|pipe)"):
                warm_start.Earlier(self.folder)
            os.unlink(self.path(name))

    def test_a_checkpoint_elsewhere_is_an_error(self):
        elsewhere = self.create_tempdir().full_path
        for name in ("model.ckpt-7.index", "model.ckpt-7.data-00000-of-00001"):
            os.rename(self.path(name), os.path.join(elsewhere, name))
        self.spoil("checkpoint", b'model_checkpoint_path: "%s/model.ckpt-7"\n' % elsewhere.encode())
        with self.assertRaisesRegex(InputError, "checkpoint: line 1: wanted the name of a checkpoint "):
            warm_start.Earlier(self.folder)

    @parameterized.parameters("names.json", "items.tsv")
    def test_a_missing_file_of_names_is_an_error(self, name):
        os.remove(self.path(name))
        with self.assertRaisesRegex(InputError, self.path(name) + ": "):
            warm_start.Earlier(self.folder)

    @parameterized.parameters(
        b"{", b"[]", b"{}", b"7", b'{"users": null}', b'{"users": null, "categories": {}}',
        b'{"users": [], "categories": null, "features": null}', b"\xff\xfe", b"[" * 10 ** 5,
        b'{"users": [], "categories": 3, "features": null}', b"9" * 10 ** 6, b"null", b"\0",
        b'{"users": 3, "categories": {}, "features": null}',
        b'{"users": {"a": 1}, "categories": {}, "features": null}',
        b'{"users": ["a", 1], "categories": {}, "features": null}',
        b'{"users": null, "categories": {}, "features": [1]}',
        b'{"users": null, "categories": {}, "features": "a"}',
        b'{"users": null, "categories": [], "features": null}',
        b'{"users": null, "categories": {"c": "ab"}, "features": null}',
        b'{"users": null, "categories": {"c": [null]}, "features": null}')
    def test_broken_names_are_an_error(self, content):
        self.spoil("names.json", content)
        with self.assertRaisesRegex(InputError, self.path("names.json") + ": wanted .{,300}$"):
            warm_start.Earlier(self.folder)

    def test_broken_items_are_named_with_their_line(self):
        self.spoil("items.tsv", b"item\ttitle\tevents\nking\n")
        with self.assertRaisesRegex(InputError,
                                    "^" + self.path("items.tsv") + ": line 2: wanted 3 columns"):
            warm_start.Earlier(self.folder)


class WriteNamesTest(absltest.TestCase):

    def test_names_are_written_as_json(self):
        folder = os.path.join(self.create_tempdir().full_path, "new")
        warm_start.write_names(folder, BEFORE)
        with open(os.path.join(folder, "names.json"), encoding="utf-8") as stream:
            self.assertEqual(json.load(stream), {
                "users": BEFORE.users, "categories": BEFORE.categories, "features": None})

    def test_written_names_are_read(self):
        texts = ["=1+1", "../../up", "a\n\t\"b\"", "\0", "\U0001f600", "x" * 10 ** 6]
        for names in (warm_start.Names(texts, texts[::-1], {"c/../d": [""] + texts}),
                      warm_start.Names(["a"], None, {}),
                      # Longer than the limit for a line: the file is one line.
                      warm_start.Names(["a"], ["user %d" % number for number in range(10 ** 6)], {})):
            folder = self.create_tempdir().full_path
            warm_start.write_names(folder, names)
            items.write_items(os.path.join(folder, "items.tsv"), names.items, None,
                              [1] * len(names.items))
            self.assertEqual(warm_start.read_names(folder), names)
            self.assertCountEqual(os.listdir(folder), ["items.tsv", "names.json"])


if __name__ == "__main__":
    absltest.main()
