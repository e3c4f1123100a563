"""Tests of the results of a training, with a checkpoint of initial values."""
import os
import shutil
import tempfile
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest

from tests import recommender_case
from tf1_sampled import InputError, logits
from tf1_sampled.recsys import (
    baselines,
    evaluation,
    fitting,
    items,
    objective,
    reading,
    recommender,
    results,
)
from tf1_sampled.recsys.settings import RecsysSettings

_USERS = np.repeat(np.arange(6), 5)
_ITEMS = (_USERS + np.tile(np.arange(5), 6)) % 7


class ResultsTest(absltest.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = tempfile.mkdtemp()
        titles = os.path.join(cls.folder, "titles.csv")
        with open(titles, "w") as stream:
            stream.write("item,title,genres\n0,The nought,War|Drama\n1,,War\n2,,War\n3,,Drama\n")
        settings = RecsysSettings(dim=4, min_count=1, k=[2, 3], titles=titles, history_length=2)
        data = reading.read(settings, reading.Sources((_USERS, _ITEMS)), lambda line: None)
        with tf.Graph().as_default() as default_graph:
            graph = objective.build(settings, data.events)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                saver = tf.train.Saver(save_relative_paths=True)
                saver.save(session, os.path.join(cls.folder, "model.ckpt-7"))
                cls.rows = session.run(logits.whole_table(graph.network.class_rows(), 7))
        cls.fit = fitting.Fit(settings, data, graph, default_graph, cls.folder, None)
        cls.written = results.export_model(cls.fit)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)
        super().tearDownClass()

    def test_files_are_written(self):
        self.assertEqual([path[len(self.folder) + 1:] for path in self.written], [
            "saved_model" + os.sep, "item_vectors.npy", "item_biases.npy", "items.tsv", "names.json",
            "users" + os.sep, "item_categories.npz", "recommender.json"])
        for path in self.written:
            self.assertTrue(os.path.exists(path), path)
        with recommender.Recommender(self.folder) as model:
            self.assertEqual(model.names, self.fit.data.events.item_names)
            self.assertEqual(model.title("0"), "The nought")
            self.assertEqual(model.title("1"), "1")
            # The SavedModel contains the setting history_length.
            np.testing.assert_array_equal(model.embed(["1", "2", "3"]), model.embed(["2", "3"]))

    def test_wrong_number_of_items_is_refused(self):
        for keep, message in ((6, "saved_model: .*, got: more items than the 6 of items.tsv$"),
                              (8, "saved_model: wanted a recommender's SavedModel, got: ")):
            folder = shutil.copytree(self.folder, os.path.join(self.create_tempdir().full_path, "m"))
            shutil.rmtree(os.path.join(folder, "users"))
            os.remove(os.path.join(folder, "item_categories.npz"))
            for name in ("item_vectors", "item_biases"):
                path = os.path.join(folder, name + ".npy")
                values = np.load(path)
                np.save(path, np.concatenate([values, values])[:keep])
            items.write_items(os.path.join(folder, "items.tsv"), list("abcdefgh")[:keep], None,
                              [1] * keep)
            with self.assertRaisesRegex(InputError, message):
                recommender.Recommender(folder)

    def test_data_for_the_service_is_stored(self):
        with recommender.Recommender(self.folder) as model:
            self.assertLen(model.users, 6)
            for user in range(6):
                had = [str(item) for item in _ITEMS[_USERS == user]]
                place = model.users.find(str(user))
                self.assertEqual(had, [model.names[i] for i in model.users.items(place)])
                offers = [name for name, _ in model.recommend(user=user, k=7)]
                self.assertEmpty(set(offers) & set(had))
                self.assertLen(offers, 7 - len(set(had)))
                np.testing.assert_array_equal(model.embed(had), model.embed(user=user))
            self.assertEqual({"genres": ["Drama", "War"]}, model.categories.names)
            self.assertEqual({"0", "1", "2"}, {name for name, _ in model.popular(
                7, category={"genres": "War"})})
            self.assertEqual((model.repeats, model.is_ordered), (False, True))

    def test_an_index_of_earlier_vectors_is_deleted(self):
        path = os.path.join(self.folder, "items.faiss")
        with open(path, "w") as stream:
            stream.write("earlier")
        results.export_model(self.fit)
        self.assertFalse(os.path.exists(path))

    def test_earlier_results_are_replaced(self):
        self.assertEqual(results.export_model(self.fit), self.written)

    def test_scores_on_the_test_events(self):
        found = results.test(self.fit)
        data = self.fit.data
        with self.fit.session() as session:
            judged = fitting.judge(session, self.fit.graph, data, data.test, history_length=2,
                                   cuts=[2, 3])
        self.assertEqual(found.scores, judged.scores)
        self.assertEqual(found.full_softmax_loss, judged.full_loss)
        self.assertEqual(set(found.baselines), {"popularity", "item-kNN"})
        self.assertEqual(found.notes, ["item-kNN: 5 neighbours, best of 5, 10, 20, 50, 100 by NDCG@2 "
                                       "on validation"])
        wanted = evaluation.evaluate(
            baselines.popularity(data.events.item_counts), data.test, 7, [2, 3])
        self.assertEqual(found.baselines["popularity"], wanted)
        self.assertEqual(list(found.rankings), ["this model", "popularity", "item-kNN"])
        item_knn = baselines.item_knn(data.events, baselines.neighbours(data.events), 5)
        self.assertEqual(found.baselines["item-kNN"],
                         evaluation.evaluate(item_knn, data.test, 7, [2, 3]))
        self.assertEqual(evaluation.metrics(found.rankings["popularity"], [2, 3]), wanted)

    def test_slow_item_knn_is_left_out(self):
        for name in ("_KNN_PAIRS", "_KNN_PAIRS_PER_EXAMPLE"):
            self.enter_context(mock.patch.object(results, name, 0))
        found = results.test(self.fit)
        self.assertEqual(list(found.baselines), ["popularity"])
        self.assertEqual(found.notes, ["item-kNN: left out; counting its 54 item pairs would take more "
                                       "than a tenth of the training time"])

    def test_previous_model_is_compared(self):
        # The same model with its items in another order has the same scores.
        settings = RecsysSettings(dim=4, k=[2, 3], history_length=2, init_from=self.folder)
        found = results.test(self.fit._replace(settings=settings))
        self.assertEqual(list(found.baselines), ["previous model", "popularity", "item-kNN"])
        for name, value in found.scores.items():
            self.assertAlmostEqual(found.baselines["previous model"][name], value, msg=name)

    def test_a_previous_model_that_is_not_trusted_is_left_out(self):
        folder = self.create_tempdir().full_path
        recommender_case.write_model(folder, writes=os.path.join(folder, "written"))
        settings = RecsysSettings(dim=4, k=[2, 3], history_length=2, init_from=folder)
        found = results.test(self.fit._replace(settings=settings))
        self.assertEqual(list(found.baselines), ["popularity", "item-kNN"])
        self.assertRegex(found.notes[0], "^previous model: left out; .* got the ops WriteFile")
        self.assertFalse(os.path.exists(os.path.join(folder, "written")))

    def test_examples_have_history_offers_and_test_items(self):
        found = results.test(self.fit).examples
        self.assertEqual([user for user, _ in found], ["0", "1", "2", "3", "5"])
        with recommender.Recommender(self.folder) as model:
            for user, lists in found:
                titles = dict(lists)
                self.assertEqual(list(titles), ["had", "offered", "took"])
                own = ["The nought" if item == 0 else str(item) for item in _ITEMS[_USERS == int(user)]]
                self.assertEqual((titles["had"], titles["took"]), (own[:4], own[4:]))
                had = [str(item) for item in _ITEMS[_USERS == int(user)][:4]]
                self.assertEqual(titles["offered"],
                                 [model.title(name) for name, _ in model.recommend(had, k=5)])

    def test_names_replace_missing_titles(self):
        names = self.fit.data.events.item_names
        self.assertEqual(results.titles_of_items(self.fit),
                         ["The nought" if name == "0" else name for name in names])

    def test_item_table_is_mapped(self):
        vectors, biases = results.item_table(self.folder)
        self.assertEqual((vectors.shape, biases.shape), ((7, 4), (7,)))
        self.assertIsInstance(vectors, np.memmap)
        cosines = np.sum(vectors * self.rows, 1) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(
            self.rows, axis=1)
        np.testing.assert_allclose(cosines, np.ones(7), rtol=1e-5)

    def test_vectors_of_some_users(self):
        found = results.vectors_of_some_users(self.fit, 3)
        self.assertEqual(found.shape, (3, 4))
        self.assertEqual(results.vectors_of_some_users(self.fit, 1000).shape, (6, 4))
        with recommender.Recommender(self.folder) as model:  # users 0, 2 and 5, with all their events
            for vector, user in zip(found, (0, 2, 5)):
                had = [str(item) for item in _ITEMS[_USERS == user]]
                np.testing.assert_allclose(vector, model.embed(had), rtol=1e-5)


if __name__ == "__main__":
    absltest.main()
