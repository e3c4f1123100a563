"""Tests of the recommender's API in Python, as in a notebook."""
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import warnings

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, placement, run_program, training_case
from tf1_sampled import InputError
from tf1_sampled.recsys import YouTubeDNN
from tf1_sampled.training.host import OneMachine

# Small and reproducible.
_SETTINGS = dict(dim=8, min_count=1, k=[3], num_sampled=4, threads=1, learning_rate=0.05, batch_size=60,
                 history_length=1, validations=2)


def circle(num_items=12, num_users=60, length=8):
    """Return (users, items, times) of users who take items in a circle, so the next item is known."""
    random = np.random.RandomState(1)
    rows = [(user, (start + place) % num_items, place)
            for user, start in enumerate(random.randint(num_items, size=num_users))
            for place in range(length)]
    return tuple(np.array(column) for column in zip(*rows))


def _where(mask, arrays):
    return tuple(array[mask] for array in arrays)


class Frame(dict):
    """A stand-in for a pandas frame: named columns of arrays."""

    columns = property(list)


class Stopping(OneMachine):
    """A host that stops the training after some batches."""

    def __init__(self, batches):
        self._left = batches

    def stop(self):
        self._left -= 1
        return self._left < 0


def _item_vectors(model):
    return np.load(os.path.join(model.folder, "item_vectors.npy"), allow_pickle=False)


class CompiledTest(parameterized.TestCase):
    """Tests, on the CPU, that steps compiled by XLA for a GPU learn the same as other steps."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        placement.compile_quickly(cls)

    @parameterized.parameters(
        dict(history_length=5, class_rows="sum"),
        dict(context="others", pooling="mean", history_length=9, hidden=[16, 8], optimizer="adagrad"))
    def test_compiled_steps_equal_uncompiled_steps(self, **settings):
        if tf.VERSION.startswith("1."):
            self.skipTest("TensorFlow %s has no tf.function(jit_compile=True)" % tf.VERSION)
        settings = dict(_SETTINGS, epochs=6, dropout=0.0, batch_size=20, **settings)
        wanted = YouTubeDNN(**settings).fit(circle())
        with training_case.compiled_on_the_cpu() as calls:
            model = YouTubeDNN(**settings).fit(circle())
        self.assertGreater(sum(calls), 20)
        np.testing.assert_allclose(_item_vectors(model), _item_vectors(wanted), atol=1e-3)
        self.assertEqual((model.machine["device"], model.machine["threads"]), ("CPU", 1))


class YouTubeDNNTest(graph_case.AsBuiltCase):
    """Tests of one model of arrays, in a temporary folder."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.events = circle()
        cls.model = YouTubeDNN(epochs=8, **_SETTINGS)
        cls.fitted = cls.model.fit(cls.events)

    def setUp(self):
        super().setUp()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.create_tempdir().full_path)

    def test_fit_returns_the_model_with_its_results(self):
        self.assertIs(self.fitted, self.model)
        self.assertEqual((self.model.is_whole, self.model.examples), (True, 8 * 60 * 5))
        self.assertEqual(self.model.history[-1][0], 2400)
        self.assertLess(self.model.history[-1][2], self.model.history[0][2])
        self.assertGreater(self.model.seconds, 0)
        self.assertAlmostEqual(self.model.examples_per_second * self.model.seconds, 2400, delta=1e-3)
        self.assertLen(self.model.validation_history, 2)

    def test_next_item_is_recommended(self):
        found = self.model.recommend(["3", "4"], k=3)
        self.assertEqual(found[0][0], "5")
        self.assertEqual({type(name) for name, _ in found}, {str})
        scores = [score for _, score in found]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertLen(self.model.recommend(["3"], k=99), 11)
        self.assertNotIn("5", dict(self.model.recommend(["4"], k=99, exclude=["5"])))
        self.assertIn("4", dict(self.model.recommend(["4"], k=99, repeat=True)))

    @parameterized.parameters(
        ([3, 4],), (np.array([3, 4]),), ((np.int64(3), "4"),), (np.array(["3", "4"]),))
    def test_integers_are_names(self, items):
        self.assertEqual(self.model.recommend(items, exclude=[5]),
                         self.model.recommend(["3", "4"], exclude=["5"]))
        self.assertEqual(self.model.similar_items(int(items[0])), self.model.similar_items("3"))

    @parameterized.parameters(
        ("34", "a list of names"), (3, "a list of names, got 3"), ([True], "names of .*, got true"),
        ([3.0], "names of .*, got 3.0"), (["x"], "a known item or a known user"))
    def test_invalid_histories_are_refused(self, items, message):
        with self.assertRaisesRegex(InputError, "^items: wanted " + message):
            self.model.recommend(items)

    def test_similar_items_have_the_cosines_of_their_vectors(self):
        found = self.model.similar_items("3", k=4)
        self.assertLen(found, 4)
        unit = _item_vectors(self.model)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        names = self.model.recommender.names
        for name, cosine in found:
            self.assertAlmostEqual(cosine, unit[names.index("3")].dot(unit[names.index(name)]), places=5)
        with self.assertRaisesRegex(InputError, "item: wanted a known item, got \"x\""):
            self.model.similar_items("x")

    def test_evaluate_scores_the_test_events_of_fit(self):
        found = self.model.evaluate()
        self.assertEqual(list(found), [
            "Recall@3", "Precision@3", "HR@3", "NDCG@3", "MAP@3", "MRR@3", "Coverage@3"])
        self.assertGreater(found["HR@3"], 0.9)
        self.assertEqual(self.model.evaluate(k=[3]), found)
        self.assertEqual(list(self.model.evaluate(k=5))[::6], ["Recall@5", "Coverage@5"])
        self.assertLen(self.model.evaluate(k=(1, 2)), 14)

    def test_given_events_have_the_same_scores(self):
        is_last = self.events[2] == 7
        test = _where(is_last, self.events)
        given = self.model.evaluate(test, k=[1, 3])
        self.assertEqual(given, self.model.evaluate(k=[1, 3]))
        before = _where(~is_last, self.events)
        self.assertEqual(self.model.evaluate(test, k=[1, 3], events=before), given)
        # The same for a loaded model.
        self.model.save("m")
        loaded = YouTubeDNN.load("m")
        for name, score in loaded.evaluate(test, k=[1, 3], events=before).items():
            self.assertAlmostEqual(score, given[name], places=6)

    def test_later_events_follow_all_events_of_fit(self):
        # The item after the last one: all eight items of the user are seen.
        users, items, _ = _where(self.events[2] == 7, self.events)
        found = self.model.evaluate((users, (items + 1) % 12, np.full(60, 8)), k=1)
        self.assertGreater(found["HR@1"], 0.9)

    def test_invalid_k_is_refused(self):
        test = _where(self.events[2] == 7, self.events)
        for k in (0, "3", 2.5, True, 13, [3, 0], {3}):
            for one in (None, test):
                with self.assertRaisesRegex(
                        InputError, "^YouTubeDNN: k: wanted an integer from 1 to 12 items, got"):
                    self.model.evaluate(one, k=k)

    def test_all_users_as_arrays_and_as_a_file(self):
        users, items, scores = self.model.recommend_all(k=3)
        self.assertEqual(users, [str(user) for user in range(60)])
        self.assertEqual((items.shape, scores.shape), ((60, 3), (60, 3)))
        for user in (0, 59):
            had = self.events[1][self.events[0] == user]
            found = self.model.recommend(had, k=3)
            self.assertEqual(items[user].tolist(), [name for name, _ in found])
            np.testing.assert_allclose(scores[user], [score for _, score in found], rtol=1e-5)
        self.assertIsNone(self.model.recommend_all("all.tsv", k=3))
        with open("all.tsv") as stream:
            lines = stream.read().splitlines()
        self.assertLen(lines, 1 + 180)
        self.assertEqual(lines[3].split("\t")[:2], ["0", items[0][2]])

    def test_all_users_of_other_events(self):
        users, items, scores = self.model.recommend_all(k=99, events=(["new", "none"], [3, 99]))
        self.assertEqual(users, ["new", "none"])
        self.assertEqual(items.shape, (2, 12))  # all items
        self.assertEqual((items[0][0], items[0][-1], scores[0][-1]), ("4", "", -np.inf))
        self.assertEqual(set(items[1]), {""})

    @parameterized.parameters(({"k": 0}, "k: wanted an integer above 0, got 0"),
                              ({"path": circle()}, "path: wanted the name of a file"),
                              ({"path": "a.csv"}, "a.csv: wanted a name that ends in .tsv or .jsonl"),
                              ({"context": {"mood": "x"}}, "context: wanted no columns, got \"mood\""),
                              ({"events": 5}, "events: wanted a path, a list of paths, a data frame"))
    def test_invalid_arguments_for_all_users_are_refused(self, arguments, message):
        with self.assertRaisesRegex(InputError, message):
            self.model.recommend_all(**arguments)
        self.assertEmpty(os.listdir("."))

    def test_saved_model_gives_the_same_answers(self):
        self.model.save("m")
        self.assertCountEqual([name for name in os.listdir("m") if not name.startswith("model.ckpt-")], [
            "saved_model", "item_vectors.npy", "item_biases.npy", "items.tsv", "names.json", "users",
            "item_categories.npz", "recommender.json", "settings.json", "metrics.json", "checkpoint",
            "best"])
        loaded = YouTubeDNN.load("m")
        self.assertEqual(loaded.recommend(["3"]), self.model.recommend(["3"]))
        self.assertEqual(loaded.similar_items("3"), self.model.similar_items("3"))
        # The model stores the histories.
        self.assertEqual(loaded.recommend(user=0), self.model.recommend(user="0"))
        for got, wanted in zip(loaded.recommend_all(k=3), self.model.recommend_all(k=3)):
            np.testing.assert_array_equal(got, wanted)
        for name in ("history", "seconds", "is_whole", "examples", "examples_per_second", "cpu_seconds",
                     "machine", "validation_history", "reading_seconds"):
            self.assertEqual(getattr(loaded, name), getattr(self.model, name), name)
        self.assertIsNone(loaded.fitted)
        for ask, message in (
                (loaded.evaluate, "test: wanted later events, as fit has no test events"),
                (lambda: loaded.evaluate(self.events), "events: wanted the users' events")):
            with self.assertRaisesRegex(InputError, "^YouTubeDNN: " + message):
                ask()

    def test_second_fit_starts_from_scratch(self):
        model = YouTubeDNN(epochs=8, **_SETTINGS).fit(self.events)
        first, answer = model.folder, model.recommend(["3"])
        self.assertEqual(answer, self.model.recommend(["3"]))
        users, items, times = self.events
        model.fit((users, items + 100, times))
        self.assertEqual((os.path.exists(first), os.path.exists(model.folder)), (False, True))
        self.assertEqual(model.recommend([103]),
                         [(str(int(name) + 100), score) for name, score in answer])
        # The data, the graph and the model are in a reference cycle.
        folder = model.folder
        del model
        gc.collect()
        self.assertFalse(os.path.exists(folder))

    def test_warm_start_keeps_the_items_of_the_earlier_model(self):
        before = self.model.folder
        settings = dict(_SETTINGS, learning_rate=1e-6, epochs=1, split="none")
        model = YouTubeDNN(init_from=before, **settings).fit(
            (["new", "new", "new", "other", "other", "other"], ["3", "4", "added", "3", "4", "5"]))
        offered = [name for name, _ in model.recommend(["3"], k=99)]
        self.assertCountEqual(offered, [str(item) for item in range(12) if item != 3] + ["added"])
        names = model.recommender.names
        earlier = self.model.recommender.names
        vectors, wanted = _item_vectors(model), _item_vectors(self.model)
        for place, name in enumerate(earlier):
            np.testing.assert_allclose(vectors[names.index(name)], wanted[place], atol=1e-4)
        self.assertEqual(model.data_summary["items"]["not_in_the_log"], 9)

    def test_queries_before_fit_are_refused(self):
        model = YouTubeDNN()
        for ask in (lambda: model.recommend(["a"]), lambda: model.similar_items("a"), model.evaluate,
                    model.recommend_all, lambda: model.save("m"), lambda: model.evaluate(self.events)):
            with self.assertRaisesRegex(InputError, "^YouTubeDNN: .*: wanted a model after fit or load"):
                ask()

    def test_folder_of_word_vectors_is_refused(self):
        os.mkdir("m")
        with open("m/settings.json", "w") as stream:
            json.dump({"program": "word2vec", "settings": {}, "data": {}}, stream)
        with self.assertRaisesRegex(InputError, "wanted a model of recsys, got a model of word2vec$"):
            YouTubeDNN.load("m")


class GoesOnTest(graph_case.AsBuiltCase):

    def test_resumed_training_equals_one_training(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.create_tempdir().full_path)
        events = circle(num_users=30)
        settings = dict(_SETTINGS, decay="none", split="none")

        def shared():
            graph = tf.get_default_graph()
            return (tf.executing_eagerly(), signal.getsignal(signal.SIGINT), graph,
                    len(graph.get_operations()))

        before = shared()
        whole = YouTubeDNN(epochs=8, **settings)
        thread = threading.Thread(target=whole.fit, args=[events])
        thread.start()
        thread.join()
        self.assertTrue(whole.is_whole)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = YouTubeDNN(epochs=4, **settings).fit(events, host=Stopping(7))
        found = [one for one in caught if issubclass(one.category, UserWarning)
                 and str(one.message).startswith("fit was stopped")]
        self.assertEqual([os.path.basename(one.filename) for one in found], [os.path.basename(__file__)])
        self.assertEqual(shared(), before)
        self.assertFalse(model.is_whole)
        self.assertLess(model.examples, 4 * 210)
        self.assertLen(model.recommend(["3"], k=5), 5)  # the trained model is kept
        model.save("m")
        loaded = YouTubeDNN.load("m", epochs=8)
        self.assertFalse(loaded.is_whole)
        self.assertIs(loaded.fit(events), loaded)
        self.assertEqual((loaded.is_whole, loaded.examples), (True, 8 * 210))
        np.testing.assert_array_equal(_item_vectors(loaded), _item_vectors(whole))
        self.assertEqual(loaded.recommend(["3"]), whole.recommend(["3"]))
        # The training is complete, and an error also releases the folder.
        with self.assertRaisesRegex(InputError, "m: wanted the data that its model is trained on"):
            loaded.fit(circle(num_users=31))
        self.assertEqual(loaded.fit(events).examples, 8 * 210)
        self.assertEqual(loaded.recommend(["3"]), whole.recommend(["3"]))


class ColumnsTest(graph_case.AsBuiltCase):
    """Tests of a model of frames with other names, context columns, user features and user rows."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        users, items, times = circle(num_users=40)
        cls.frame = Frame(
            who=np.array(["u\t%d" % user for user in users]),
            what=np.array(["i\t%d" % item for item in items]), when=times,
            mood=np.array(["near", "far"])[times % 2], price=times / 10)
        cls.place = tempfile.mkdtemp()
        with open(os.path.join(cls.place, "users.csv"), "w") as stream:
            stream.write("user,country\n")
            stream.writelines("u\t%d,c%d\n" % (user, user % 3) for user in range(40))
        cls.model = YouTubeDNN(epochs=2, user_rows=True, categorical=["mood"], numeric=["price"],
                               users=stream.name, user_categorical=["country"], user_column="who",
                               item_column="what", time_column="when", **_SETTINGS)
        cls.test = cls.part(times == 7)
        cls.model.fit(cls.part(times < 6), valid=cls.part(times == 6), test=cls.test)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.place)
        super().tearDownClass()

    @classmethod
    def part(cls, mask):
        return Frame({name: values[mask] for name, values in cls.frame.items()})

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def test_one_history_is_answered(self):
        context = {"mood": "far", "price": 0.3, "country": "c1"}
        found = self.model.recommend(["i\t3"], user="u\t1", context=context)
        self.assertLen(found, 4)  # the user has had 8 of 12 items
        own = self.model.recommend(["i\t3"], user="u\t1", context={"mood": "far", "price": 0.3})
        self.assertEqual(found, own)  # the country of a known user is optional
        self.assertNotEqual(found, self.model.recommend(["i\t3"], user="u\t2", context=context))
        self.assertNotEqual(found, self.model.recommend(["i\t3"], user="u\t1",
                                                        context=dict(context, price=9.0)))
        # Unknown text equals missing text; an integer is text here, and a number in other columns.
        strange = dict(context, mood=5, price=np.int64(2))
        self.assertEqual(self.model.recommend(["i\t3"], context=strange),
                         self.model.recommend(["i\t3"], context=dict(context, mood="", price=2.0)))

    def test_scores_on_frames(self):
        wanted = self.model.evaluate()
        self.assertEqual(self.model.fitted.data.protocol, "the events of --test")
        for name, score in self.model.evaluate(self.test).items():
            self.assertAlmostEqual(score, wanted[name], places=6)
        # The column names are those of fit, also in another process.
        self.model.save(os.path.join(self.folder, "m"))
        loaded = YouTubeDNN.load(os.path.join(self.folder, "m"))
        found = loaded.evaluate(self.test, events=self.part(self.frame["when"] < 7))
        for name, score in found.items():
            self.assertAlmostEqual(score, wanted[name], places=6)

    def test_all_users_are_answered(self):
        users, items, _ = self.model.recommend_all(k=2)
        self.assertLen(users, 40)
        # The default context is that of each user's last event.
        had = [name for name in self.frame["what"][self.frame["who"] == "u\t3"]]
        last = {"mood": "far", "price": float(np.float32(0.7)), "country": "c0"}
        best = self.model.recommend(had, k=2, user="u\t3", context=last)
        self.assertEqual(items[users.index("u\t3")].tolist(), [name for name, _ in best])
        other = dict(last, price=-50.0, mood=7)
        path = os.path.join(self.folder, "all.tsv")
        self.model.recommend_all(path, k=2, context=other)
        with open(path) as stream:
            rows = [line.rstrip("\n").split("\t") for line in stream]
        self.assertEqual(rows[0], ["user", "item", "score"])
        self.assertEqual({len(row) for row in rows}, {3})
        best = self.model.recommend(had, k=2, user="u\t3", context=other)
        self.assertEqual([row[1] for row in rows if row[0] == "u\\t3"],
                         [name.replace("\t", "\\t") for name, _ in best])

    def test_all_users_of_other_events(self):
        events = Frame(who=["u\t1", "stranger"], what=["i\t3", "i\t3"], when=[0, 0], mood=["far", "far"],
                       price=[0, 0])
        users, items, _ = self.model.recommend_all(k=3, events=events)
        self.assertEqual(users, ["u\t1", "stranger"])
        self.assertNotIn("", items)
        self.assertEqual(items[1].tolist(), [name for name, _ in self.model.recommend(
            ["i\t3"], k=3, user="stranger", context={"mood": "far", "price": 0, "country": ""})])


class ProgramTest(absltest.TestCase):

    def test_the_program_trains_the_same_model(self):
        folder = self.create_tempdir().full_path
        users, items, times = circle(num_users=40)
        paths = []
        for name, mask in (("train", times < 6), ("valid", times == 6), ("test", times == 7)):
            paths.append(os.path.join(folder, name + ".csv"))
            with open(paths[-1], "w") as stream:
                stream.write("user,item,time\n")
                rows = zip(*_where(mask, (users, items, times)))
                stream.writelines("%d,%d,%d\n" % row for row in rows)
        code, _, errors = run_program.run(
            "run_recsys.py", folder, "--train=" + paths[0], "--valid=" + paths[1], "--test=" + paths[2],
            "--model_dir=m", "--epochs=4", *["--%s=%s" % (name, value[0] if name == "k" else value)
                                             for name, value in _SETTINGS.items()])
        self.assertEqual(code, 0, errors)
        with open(os.path.join(folder, "m", "metrics.json")) as stream:
            metrics = json.load(stream)
        model = YouTubeDNN(epochs=4, **_SETTINGS).fit(*paths)
        loaded = YouTubeDNN.load(os.path.join(folder, "m"))
        self.assertEqual(loaded.recommend([3]), model.recommend([3]))
        self.assertEqual(model.evaluate(), metrics["scores"])
        self.assertEqual([record["scores"] for *_, record in model.validation_history],
                         [record["scores"] for record in metrics["validations"]])
        self.assertEqual(loaded.validation_history[0][2:], model.validation_history[0][2:])
        self.assertEqual((loaded.examples, loaded.epochs), (4 * 200, 4))
        # It resumes with the files in its settings.
        self.assertEqual(YouTubeDNN.load(os.path.join(folder, "m"), epochs=5).fit().examples, 5 * 200)


_NOTEBOOK = """
import json, os, sys
import numpy as np
import tensorflow
from tf1_sampled.recsys import YouTubeDNN
try:
    import pandas
    Frame = pandas.DataFrame
except ImportError:
    from tests.recsys_youtube_dnn_test import Frame
handlers = [str(__import__("signal").getsignal(n)) for n in (2, 15)]
eager, argv = tensorflow.executing_eagerly(), list(sys.argv)
users, times = np.repeat(np.arange(30), 6), np.tile(np.arange(6), 30)
items = (users + times) % 9
if sys.argv[1] == "first":
    model = YouTubeDNN(dim=8, hidden=(16, 8), min_count=1, k=[2], epochs=2, validations=1)
    model.fit(Frame({"user": users, "item": items, "time": times}))
    model.save("model")
    print(json.dumps([model.folder, model.recommend([3], k=2), model.evaluate(k=2), model.examples]))
else:
    model = YouTubeDNN.load("model", epochs=3)
    print(json.dumps([model.folder, model.recommend([3], k=2)]))
    model.fit((users, items, times))
    print(json.dumps([model.similar_items(3, k=1)[0][0] in map(str, range(9)), model.examples]))
assert eager == tensorflow.executing_eagerly() and argv == sys.argv
assert handlers == [str(__import__("signal").getsignal(n)) for n in (2, 15)]
"""


class NotebookTest(absltest.TestCase):

    def _run(self, folder, step):
        with open(os.path.join(folder, "notebook.py"), "w") as stream:
            stream.write(_NOTEBOOK)
        done = subprocess.run(
            [sys.executable, "notebook.py", step], cwd=folder, env=run_program.environment(folder),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_training_resumes_in_another_process(self):
        folder = self.create_tempdir().full_path
        (place, best, scores, examples), = self._run(folder, "first")
        self.assertEqual(examples, 2 * 90)
        self.assertIn("NDCG@2", scores)
        self.assertLen(best, 2)
        self.assertFalse(os.path.exists(place))  # it was deleted with the process
        (place, again), (is_item, examples) = self._run(folder, "second")
        self.assertEqual((place, again), ("model", best))
        self.assertEqual((is_item, examples), (True, 3 * 90))


if __name__ == "__main__":
    absltest.main()
