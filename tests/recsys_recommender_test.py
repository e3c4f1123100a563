"""Tests of the recommender in Python: its answers, its errors, and its side effects."""
import concurrent.futures
import os
import shutil
import unittest
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import recommender_case, run_program
from tests.recommender_case import COUNTS, NAMES, TITLES, oracle
from tf1_sampled import checks
from tf1_sampled.recsys import (
    index,
    items as item_files,
    model_files,
    queries,
    recommender,
    scoring,
)

_KNOWN = "items: wanted a known item or a known user, got "
# Neighbours differ in length: the cosines must not depend on it.
VECTORS = np.float32([[1, 0], [30, 3], [0, 2], [-1, 0.5], [1e-3, 1e-3], [0, 0], [-2, -1]])


def cosine_oracle(item, k):
    """Return [(name, cosine)] of the most similar items, ties by the smaller id."""
    rows = VECTORS.astype(np.float64)
    row = NAMES.index(item)
    found = []
    for i, name in enumerate(NAMES):
        lengths = np.sqrt(np.sum(rows[i] ** 2)) * np.sqrt(np.sum(rows[row] ** 2))
        if i != row:
            found.append((name, np.sum(rows[i] * rows[row]) / lengths if lengths else 0.0))
    return sorted(found, key=lambda one: -one[1])[:k]


class Case(recommender_case.ModelCase):

    def assert_best(self, wanted, got):
        """Compare two [(name, score)]."""
        self.assertEqual([name for name, _ in wanted], [name for name, _ in got])
        np.testing.assert_allclose([score for _, score in got], [score for _, score in wanted],
                                   rtol=1e-5, atol=1e-5)

    def assert_refused(self, message, function, *arguments, **named):
        with self.assertRaises(checks.InputError) as caught:
            function(*arguments, **named)
        self.assertEqual(message, str(caught.exception))


class RecommendTest(Case):

    def test_best_items_are_recommended(self):
        got = self.model.recommend(["alien", "日本"], 3, exclude=["heat"])
        self.assert_best(oracle(["alien", "日本"], 3, seen=["alien", "日本", "heat"]), got)
        self.assertEqual([(str, float)] * 3, [(type(name), type(score)) for name, score in got])

    def test_k_defaults_to_10(self):
        self.assertLen(self.model.recommend(["heat"]), 6)
        for function, items in ((self.model.recommend, ["heat"]),
                                (self.model.recommend_many, [["heat"]])):
            with mock.patch.object(self.model, "_best", return_value=[[]]) as best:
                function(items)
            self.assertEqual(10, best.call_args[0][0][0].wanted.k)

    def test_repeat_recommends_items_of_the_history(self):
        self.assert_best(oracle(["heat", "casino"], 10),
                         self.model.recommend(["heat", "casino"], repeat=True))

    def test_names_are_returned_unchanged(self):
        for name in NAMES:
            self.assertEqual([name], [one for one, _ in self.model.recommend([name], 1, repeat=True)])

    def test_answer_is_shorter_if_there_are_too_few_items(self):
        seen = NAMES[:3] + ["nobody's"]
        self.assert_best(oracle(["casino"], 9, seen),
                         self.model.recommend(["casino"], 1 << 40, exclude=seen, repeat=True))
        self.assertEqual([], self.model.recommend(["casino"], 5, exclude=NAMES))

    def test_unknown_names_are_ignored(self):
        self.assert_best(oracle(["heat"], 10, ["heat", "alien"]),
                         self.model.recommend(["x", "heat", "y"], exclude=["y", "alien"]))
        np.testing.assert_array_equal([1.0, 1.0], self.model.embed(["x", "heat"]))

    def test_names_of_any_length(self):
        long = "n" * 5000
        self.assert_best(oracle(["heat"], 10, ["heat"]),
                         self.model.recommend([long, "heat"], 10, exclude=[long]))

    def test_tuples_and_arrays_are_accepted(self):
        wanted = self.model.recommend(["heat", "alien"], 3, exclude=["casino"])
        for kind in (tuple, np.array, lambda names: np.array(names, object)):
            self.assertEqual(wanted, self.model.recommend(
                kind(["heat", "alien"]), np.int64(3), exclude=kind(["casino"]), repeat=np.bool_(False)))

    def test_vectors_equal_the_model(self):
        got = self.model.embed(["heat", "日本"])
        np.testing.assert_array_equal(np.float32([1.75, 2.0]), got)
        self.assertEqual(np.float32, got.dtype)

    @parameterized.parameters(
        (_KNOWN + "[]", []), (_KNOWN + '["x", "y"]', ["x", "y"]),
        ('user: wanted a known user, got "zed"', [], "zed"),
        ('items: wanted a list of names, got "heat"', "heat"),
        ("items: wanted names of at least 1 character, got 3.5", ["heat", 3.5]),
        ("user: wanted a name, got null", ["heat"], None),
        ('context: wanted no columns, got "mood"', ["heat"], "", {"mood": "far"}))
    def test_invalid_arguments_are_refused(self, message, items, user="", context=None):
        for function in (self.model.recommend, self.model.embed):
            self.assert_refused(message, function, items, user=user, context=context)

    def test_other_invalid_arguments_are_refused(self):
        for k in (0, -1, True, 2.0, "3", None):
            with self.assertRaisesRegex(checks.InputError, "^k: wanted an integer above 0, got "):
                self.model.recommend(["heat"], k)
            with self.assertRaisesRegex(checks.InputError, "^k: wanted an integer above 0, got "):
                self.model.recommend_many([["heat"]], k)
        self.assert_refused("repeat: wanted true or false, got 1", self.model.recommend, ["heat"],
                            repeat=1)
        self.assert_refused("repeat: wanted true or false, got 1", self.model.recommend_many, [],
                            repeat=1)
        self.assert_refused('exclude: wanted a list of names, got "alien"', self.model.recommend,
                            ["heat"], exclude="alien")

    def test_threads_give_the_same_answers(self):
        asked = [[NAMES[(i * j) % 7] for j in range(1, 2 + i % 4)] for i in range(60)]
        alone = [self.model.recommend(names) for names in asked]
        with concurrent.futures.ThreadPoolExecutor(12) as threads:
            self.assertEqual(alone, list(threads.map(self.model.recommend, asked)))


class FilterTest(Case):

    @parameterized.parameters(
        ({"category": {"genres": "Crime"}}, ["heat", "casino"]),
        ({"category": {"genres": ["Crime", "Horror", "Western"]}}, ["heat", "casino", "alien"]),
        ({"category": {"genres": "Western"}}, []), ({"category": {"genres": []}}, []),
        ({"candidates": ["casino", "x", "日本", "casino"]}, ["casino", "日本"]),
        ({"candidates": []}, []),
        ({"candidates": ["casino", "日本"], "category": {"genres": "Space"}, "exclude": ["alien"]},
         ["日本"]))
    def test_filter_gives_the_best_of_the_rest(self, fields, allowed):
        seen = [name for name in NAMES if name not in allowed]
        for few in (1, 8):  # by the scores of all items, and of the few allowed ones only
            with mock.patch.object(scoring, "_FEW", few):
                self.assert_best(oracle(["a\tb"], 10, seen), self.model.recommend(["a\tb"], **fields))
        popular = [(name, count) for name, count in zip(NAMES, COUNTS) if name in allowed]
        self.assertEqual(popular, self.model.popular(**fields))

    def test_invalid_filters_are_refused(self):
        self.assert_refused('category: wanted the columns genres, got "year"', self.model.recommend,
                            ["heat"], category={"year": 1995})
        self.assert_refused("candidates: wanted a list of names, got 3", self.model.popular,
                            candidates=3)


class StoredTest(Case):

    def test_stored_history_is_used_and_not_recommended(self):
        self.assert_best(oracle(["heat", "alien"], 10, ["heat", "alien"]),
                         self.model.recommend(user="bob"))
        self.assert_best(oracle(["casino"], 10, ["heat", "alien", "casino"]),
                         self.model.recommend(["casino"], user="bob"))
        self.assert_best(oracle(["heat", "alien"], 10, ["heat", "alien"]),
                         self.model.recommend(["x"], user="bob"))
        self.assert_best(oracle(["heat", "alien"], 10), self.model.recommend(user="bob", repeat=True))
        np.testing.assert_array_equal([0.5, 2.0], self.model.embed(user="bob"))

    def test_many_users_are_answered_from_stored_histories(self):
        got = self.model.recommend_stored([2, 0, 1], 3)
        self.assertEqual([], got[1])  # ann has no history, and there are no user rows
        self.assert_best(oracle(["casino"], 3, ["casino"]), got[0])
        self.assert_best(oracle(["heat", "alien"], 3, ["heat", "alien"]), got[2])

    def test_model_with_repeats_recommends_earlier_items(self):
        folder = self.create_tempdir().full_path
        recommender_case.write_model(folder, repeats=True)
        with recommender.Recommender(folder) as model:
            had = ["heat", "alien"]
            self.assert_best(oracle(had, 10), model.recommend(user="bob"))
            self.assert_best(oracle(had, 10, had), model.recommend(user="bob", repeat=False))
            self.assert_best(oracle(had, 10), model.recommend_stored([1])[0])

    def test_only_the_latest_history_length_items_are_used(self):
        folder = shutil.copytree(self.folder, os.path.join(self.create_tempdir().full_path, "m"))
        model_files.write_about(folder, model_files.About(False, True, 1))
        with recommender.Recommender(folder) as model:
            np.testing.assert_array_equal([0.0, 1.0], model.embed(user="bob"))
            np.testing.assert_array_equal([0.0, 1.0], model.embed(["heat", "alien"]))

    def test_no_user_is_known_without_stored_users(self):
        folder = shutil.copytree(self.folder, os.path.join(self.create_tempdir().full_path, "m"))
        shutil.rmtree(os.path.join(folder, "users"))
        os.remove(os.path.join(folder, "item_categories.npz"))
        with recommender.Recommender(folder) as model:
            row = model.resolve(queries.Question(user="bob"))
            self.assertEqual(["bob"], row.unknown.users)
            self.assertEqual("popular", model.answer([row])[0].source)
            self.assert_refused('category: wanted no columns, as the items have none, got "genres"',
                                model.recommend, ["heat"], category={"genres": "Crime"})


class AnswersTest(Case):

    def test_answers_do_not_depend_on_other_questions(self):
        questions = [queries.Question(["heat"], k=2), queries.Question(user="zed", k=3),
                     queries.Question(user="cid", candidates=["alien", 7]), queries.Question(["x"], k=1)]
        rows = [self.model.resolve(question) for question in questions]
        together = self.model.answer(rows)
        self.assertEqual([self.model.answer([row])[0] for row in rows], together)
        self.assertEqual(["model", "popular", "model", "popular"], [one.source for one in together])
        self.assertEqual([("alien", None), ("heat", None), ("日本", None)], together[1].best)
        self.assertEqual(["7"], together[2].unknown.items)
        self.assertEqual([], self.model.answer([]))


class ManyTest(Case):

    def test_each_history_is_answered_as_if_alone(self):
        histories = [["heat"], ["alien", "日本", "casino"], ("x", "casino"), np.array(["a\tb"])] * 3
        seen = [[], ["casino"], ["alien", "x"], None] * 3
        for rows, scores in ((1024, 1 << 24), (5, 1 << 24), (1024, 15), (1024, 1)):
            with mock.patch.object(recommender, "_BLOCK_ROWS", rows), (
                    mock.patch.object(recommender, "_BLOCK_SCORES", scores)):
                got = self.model.recommend_many(histories, 4, seen)
            self.assertLen(got, 12)
            for history, left_out, best in zip(histories, seen, got):
                self.assert_best(self.model.recommend(history, 4, exclude=left_out or ()), best)

    def test_blocks_are_bounded(self):
        histories = [["heat"]] * 11
        for rows, scores, wanted in ((5, 1 << 24, [5, 5, 1]), (1024, 28, [4, 4, 3]),
                                     (1024, 1, [1] * 11)):
            with mock.patch.object(recommender, "_BLOCK_ROWS", rows), (
                    mock.patch.object(recommender, "_BLOCK_SCORES", scores)), (
                    mock.patch.object(self.model, "_vectors_of", wraps=self.model._vectors_of)) as run:
                self.model.recommend_many(histories)
            self.assertEqual(wanted, [len(call[0][0]) for call in run.call_args_list])

    def test_repeat_recommends_items_of_the_histories(self):
        self.assert_best(oracle(["heat"], 10), self.model.recommend_many([["heat"]], repeat=True)[0])
        self.assert_best(oracle(["heat"], 10, ["heat"]), self.model.recommend_many([["heat"]])[0])

    def test_history_without_a_known_item_gets_an_empty_answer(self):
        got = self.model.recommend_many([["x"], ["heat"], []], 2)
        self.assertEqual(([], []), (got[0], got[2]))
        self.assert_best(oracle(["heat"], 2, ["heat"]), got[1])
        self.assertEqual([[]], self.model.recommend_many([["x"]]))
        self.assertEqual([], self.model.recommend_many([]))

    def test_invalid_arguments_are_refused(self):
        self.assert_refused("row 1: items: wanted names of at least 1 character, got 3.5",
                            self.model.recommend_many, [["heat"], [3.5]])
        self.assert_refused('row 0: exclude: wanted a list of names, got "alien"',
                            self.model.recommend_many, [["heat"]], exclude=["alien"])
        for name in ("exclude", "users", "contexts"):
            self.assert_refused(
                "recommend_many: %s: wanted one for each of the 2 histories, got 1" % name,
                self.model.recommend_many, [["heat"], ["alien"]], **{name: [[]]})


class ContextTest(Case):
    """A model with users, and a context of a string and a number."""

    arguments = {"with_users": True, "with_context": True}

    def test_inputs_of_the_model(self):
        self.assertTrue(self.model.has_users)
        self.assertEqual({"mood": "string", "shift": "number"}, self.model.context)

    def test_context_changes_the_answer(self):
        for mood, shift, total in (("far", 1.5, 6.5), ("", np.float32(2), 2),
                                   ("日本", np.int64(-2), -2)):
            context = {"mood": mood, "shift": shift}
            self.assert_best(oracle(["heat"], 10, ["heat"], shift=total),
                             self.model.recommend(["heat"], context=context))
            np.testing.assert_allclose([1 + total, 1], self.model.embed(["heat"], "", context))

    def test_a_user_without_items(self):
        context = {"mood": "", "shift": 0}
        self.assert_best(oracle([], 10, user="ann"), self.model.recommend(user="ann", context=context))
        np.testing.assert_array_equal([20.0, 0.0], self.model.embed([], "ann", context))

    def test_earlier_items_are_not_recommended_with_user_rows(self):
        had = ["heat", "alien"]
        self.assert_best(oracle(had, 10, had, shift=6),
                         self.model.recommend(user="bob", context={"shift": 1}))
        self.assert_best(oracle(["casino"], 10, ["casino"] + had, shift=6),
                         self.model.recommend(["casino"], user="bob", context={"shift": 1}))

    def test_stored_users_have_the_context_of_their_last_event(self):
        got = self.model.recommend_stored([1, 2], 3)
        had = ["heat", "alien"]
        self.assert_best(oracle(had, 3, had, shift=6.5), got[0])
        self.assert_best(oracle(["casino"], 3, ["casino"], shift=3), got[1])
        got = self.model.recommend_stored([1], 3, context={"shift": 0})
        self.assert_best(oracle(had, 3, had, shift=5), got[0])

    def test_neither_items_nor_user(self):
        self.assert_refused(
            'items: wanted a known item or a known user, got ["x"]',
            self.model.recommend, ["x"], context={"mood": "", "shift": 1})

    def test_numbers_that_are_too_large_or_missing(self):
        self.assert_refused('context: wanted numbers that give finite scores, got {"mood": "", '
                            '"shift": 3e+38}', self.model.recommend, ["heat"],
                            context={"mood": "", "shift": 3e38})
        for missing in (None, float("nan")):
            self.assert_best(oracle(["heat"], 10, ["heat"]), self.model.recommend(
                ["heat"], context={"mood": "", "shift": missing}))

    def test_many_users_and_contexts(self):
        histories, users = [["heat"], [], []], ["", "ann", ""]
        contexts = [{"mood": "far", "shift": 1}, {"mood": "", "shift": 2}, {"mood": "", "shift": 3}]
        got = self.model.recommend_many(histories, users=users, contexts=contexts)
        self.assert_best(oracle(["heat"], 10, ["heat"], shift=6), got[0])
        self.assert_best(oracle([], 10, user="ann", shift=2), got[1])
        self.assertEqual([], got[2])
        self.assert_refused("row 1: context: wanted a value for the column mood, got []",
                            self.model.recommend_many, [["heat"]] * 2, contexts=[contexts[0], None])
        self.assert_refused("row 0: shift: wanted a number, got Infinity", self.model.recommend_many,
                            [["heat"]], contexts=[{"mood": "", "shift": float("inf")}])


class SimilarTest(Case):

    def setUp(self):
        super().setUp()
        self.copy = shutil.copytree(self.folder, os.path.join(self.create_tempdir().full_path, "m"))
        np.save(os.path.join(self.copy, "item_vectors.npy"), VECTORS)
        self.model = recommender.Recommender(self.copy)
        self.addCleanup(self.model.close)

    def test_filter_restricts_similar_items(self):
        wanted = [one for one in cosine_oracle("heat", 10) if one[0] in ("alien", "日本")]
        self.assert_best(wanted, self.model.similar_items("heat", category={"genres": ["Space"]}))
        self.assert_best(wanted[:1], self.model.similar_items("heat", exclude=[
            name for name in NAMES if name != wanted[0][0]]))

    def test_cosines_of_each_item(self):
        for item in NAMES:
            self.assert_best(cosine_oracle(item, 10), self.model.similar_items(item))
        self.assert_best(cosine_oracle("heat", 2), self.model.similar_items("heat", 2))
        self.assertEqual(float, type(self.model.similar_items("heat")[0][1]))

    def test_vectors_whose_squared_lengths_exceed_float32(self):
        lengths = np.float32([1e30, 1e-30, 1, 1e25, 1e-25, 1, 3])
        np.save(os.path.join(self.copy, "item_vectors.npy"), VECTORS * lengths[:, None])
        with recommender.Recommender(self.copy) as model:
            for item in NAMES:
                self.assert_best(cosine_oracle(item, 10), model.similar_items(item))

    def test_vectors_are_mapped(self):
        self.assertIsInstance(self.model._vectors.base, np.memmap)

    def test_invalid_arguments_are_refused(self):
        for item in ("x", "", None, ["heat"]):
            with self.assertRaisesRegex(checks.InputError, "^item: wanted a known item"):
                self.model.similar_items(item)
        self.assert_refused("k: wanted an integer above 0, got 0", self.model.similar_items, "heat", 0)

    @parameterized.parameters(
        (VECTORS[:6], r"got shape \(6, 2\)$"), (np.array(NAMES), "ItemScorer: vectors: wanted float32 "),
        (VECTORS[:, 0], "ItemScorer: vectors: wanted float32 "),
        (np.float32([[1]] * 7), "user vectors of shape"), (np.array([None]), "got: Object arrays "),
        (VECTORS * np.float32(np.nan), "ItemScorer: vectors: wanted finite numbers"),
        (None, "got none$"), (b"nothing", "got: "), (b"", "got: "))
    def test_files_with_other_contents_are_refused(self, contents, message):
        path = os.path.join(self.copy, "item_vectors.npy")
        os.remove(path)
        if isinstance(contents, bytes):
            with open(path, "wb") as stream:
                stream.write(contents)
        elif contents is not None:
            np.save(path, contents)
        with self.assertRaisesRegex(checks.InputError, message):
            recommender.Recommender(self.copy)


class ItemsTest(Case):

    def test_names_titles_and_counts(self):
        self.assertEqual((NAMES, TITLES, COUNTS),
                         (self.model.names, self.model.titles, self.model.counts))
        for name, title, count in zip(NAMES, TITLES, COUNTS):
            self.assertEqual((True, title, count), (
                self.model.knows(name), self.model.title(name), self.model.count(name)))
        self.assertFalse(self.model.knows("x"))

    @parameterized.parameters(
        ("", NAMES, 100), ("", NAMES[:2], 2), ("ALI", ["alien"], 9), ("1995", ["heat", "casino"], 9),
        ("1995", ["heat"], 1), ("映", ["日本"], 9), ("CAFÉ", ["naïve \\ café"], 9),
        ("a\tb", ["a\tb"], 9), ("aliencasino", [], 9), (".", [], 9), ("naïve", ["naïve \\ café"], 9),
        ("1995 casino", ["casino"], 9))
    def test_search_finds_items(self, query, names, limit):
        self.assertEqual(names, self.model.search(query, limit))

    def test_invalid_searches_are_refused(self):
        self.assert_refused("query: wanted a string, got 3", self.model.search, 3)
        self.assert_refused("limit: wanted an integer above 0, got 0", self.model.search, "", 0)


class LoadTest(Case):

    def test_folder_without_a_model_is_refused(self):
        folder = self.create_tempdir().full_path
        with self.assertRaisesRegex(checks.InputError, "items.tsv: wanted a file of an exported"):
            recommender.Recommender(folder)
        shutil.copy(os.path.join(self.folder, "items.tsv"), folder)
        with self.assertRaisesRegex(checks.InputError, "saved_model.pb: wanted a file of an exported"):
            recommender.Recommender(folder)
        shutil.copytree(os.path.join(self.folder, "saved_model"), os.path.join(folder, "saved_model"))
        for name in ("recommender.json", "item_vectors.npy", "item_biases.npy"):
            with self.assertRaisesRegex(checks.InputError, name + ": wanted .*, got"):
                recommender.Recommender(folder)
            shutil.copy(os.path.join(self.folder, name), folder)
        recommender.Recommender(folder).close()
        wrong = "saved_model: wanted a recommender's SavedModel, got: "
        item_files.write_items(os.path.join(folder, "items.tsv"), ["another model's"], None, [3])
        with self.assertRaisesRegex(checks.InputError, "item_vectors.npy: wanted vectors of 1 items"):
            recommender.Recommender(folder)
        shutil.copy(os.path.join(self.folder, "items.tsv"), folder)
        with open(os.path.join(folder, "saved_model", "variables", "variables.index"), "wb") as stream:
            stream.write(b"nothing")
        with self.assertRaisesRegex(checks.InputError, wrong):
            recommender.Recommender(folder)
        with open(os.path.join(folder, "saved_model", "saved_model.pb"), "wb") as stream:
            stream.write(b"nothing")
        with self.assertRaisesRegex(checks.InputError, "saved_model.pb: wanted a SavedModel") as caught:
            recommender.Recommender(folder)
        self.assertNotIn("\n", str(caught.exception))

    @parameterized.parameters(
        "items.tsv", "recommender.json", "item_vectors.npy", "item_biases.npy", "item_categories.npz",
        "users", "users/names.npy", "users/columns.json", "saved_model", "saved_model/saved_model.pb",
        "saved_model/variables", "saved_model/variables/variables.index")
    def test_links_and_pipes_are_errors(self, name):
        folder = shutil.copytree(self.folder, os.path.join(self.create_tempdir().full_path, "m"))
        path, theirs = os.path.join(folder, name), os.path.join(folder, "theirs")
        if os.path.exists(path):
            os.rename(path, theirs)
        for make in (lambda path: os.symlink(theirs, path), os.mkfifo):
            make(path)
            with self.assertRaisesRegex(checks.InputError, path + ": wanted .*, got a (link|pipe)"):
                recommender.Recommender(folder)
            os.unlink(path)

    def test_other_saved_model_is_refused(self):
        folder = shutil.copytree(self.folder, os.path.join(self.create_tempdir().full_path, "m"))
        shutil.rmtree(os.path.join(folder, "saved_model"))
        with tf.Graph().as_default(), tf.Session() as session:
            words = tf.placeholder(tf.string, [None])
            tf.saved_model.simple_save(session, os.path.join(folder, "saved_model"),
                                       {"words": words}, {"same": tf.identity(words)})
        with self.assertRaisesRegex(checks.InputError, "SavedModel, got: no signature embed_user_ids$"):
            recommender.Recommender(folder)

    def test_model_without_items_is_refused(self):
        folder = self.create_tempdir().full_path
        shutil.copytree(os.path.join(self.folder, "saved_model"), os.path.join(folder, "saved_model"))
        item_files.write_items(os.path.join(folder, "items.tsv"), [], [], [])  # this file is read first
        with self.assertRaisesRegex(checks.InputError, "items.tsv: wanted items, got none"):
            recommender.Recommender(folder)

    def test_other_graphs_are_unchanged(self):
        with tf.Graph().as_default() as graph, tf.Session() as session:
            tf.constant(1)
            with recommender.Recommender(self.folder) as model:
                model.recommend(["heat"])
                model.recommend_many([["heat"]])
            self.assertLen(graph.get_operations(), 1)
            self.assertIs(graph, tf.get_default_graph())
            self.assertIs(session, tf.get_default_session())

    @unittest.skipUnless(index.is_available(), "faiss is not installed")
    def test_index_answers_without_a_filter_and_must_match_the_items(self):
        folder = shutil.copytree(self.folder, os.path.join(self.create_tempdir().full_path, "m"))
        path, arrays = os.path.join(folder, "items.faiss"), [
            np.load(os.path.join(folder, "item_%s.npy" % name)) for name in ("vectors", "biases")]
        index.build(path, *arrays, np.float32([[1, 1]]))
        with mock.patch.object(recommender, "_LEAST_INDEXED", 7):
            with recommender.Recommender(folder) as model:
                self.assertFalse(model.is_exact)
                with mock.patch.object(index, "search", wraps=index.search) as search:
                    self.assertEqual([name for name, _ in oracle(["heat"], 3, ["heat"])],
                                     [name for name, _ in model.recommend(["heat"], 3)])
                    self.assertLen(model.recommend(["heat"], category={"genres": "Crime"}), 1)
                self.assertEqual(1, search.call_count)
            index.build(path, arrays[0] + 1, arrays[1], np.float32([[1, 1]]))
            with self.assertRaisesRegex(checks.InputError, "index: wanted an index of these 7 items, "
                                        "got 'other vectors, as of an earlier training'"):
                recommender.Recommender(folder)
            index.build(path, arrays[0][:6], arrays[1][:6], np.float32([[1, 1]]))
            with self.assertRaisesRegex(checks.InputError, "got '6 items of 2 numbers'"):
                recommender.Recommender(folder)
        with recommender.Recommender(folder) as model:  # with few items, the index is not read
            self.assertTrue(model.is_exact)

    def test_two_recommenders_are_independent(self):
        with recommender.Recommender(self.folder) as one, recommender.Recommender(self.folder) as other:
            one.close()
            with self.assertRaises(RuntimeError):
                one.recommend(["heat"])
            self.assertLen(other.recommend(["heat"], 3), 3)
            one.close()  # closing twice is allowed


# In a process with TensorFlow's defaults: TensorFlow 2 is eager.
_PROCESS = """
import logging, os, sys
import tensorflow as tf

def state():
    eager = tf.executing_eagerly() if tf.__version__[0] == "2" else False
    loggers = [logging.getLogger(name) for name in ("", "absl", "tensorflow")]
    return (eager, [(one.level, one.handlers[:], one.disabled) for one in loggers],
            os.fstat(2).st_ino, os.environ.get("TF_CPP_MIN_LOG_LEVEL"))

before = state()
from tf1_sampled.recsys import recommender
with recommender.Recommender(sys.argv[1]) as model:
    assert len(model.recommend(["heat"], 3)) == 3
    assert len(model.recommend_many([["heat"], ["alien"]])) == 2
    assert len(model.similar_items("heat", 3)) == 3
    assert model.embed(["heat"]).tolist() == [1.0, 1.0]
assert state() == before, (before, state())
print("eager" if before[0] else "graph")
"""


class ProcessTest(Case):

    def run_code(self, code):
        """Return the output of a process that has imported TensorFlow but nothing of this library."""
        exit_code, out, err = run_program.run_code(
            code, self.create_tempdir().full_path, self.folder)
        self.assertEqual(exit_code, 0, err)
        return out

    def test_process_state_is_unchanged(self):
        self.assertEqual("graph\n" if tf.__version__.startswith("1.") else "eager\n",
                         self.run_code(_PROCESS))

    def test_neither_aiohttp_nor_flags_are_imported(self):
        self.assertEqual("[]\n", self.run_code(
            "import sys; before = set(sys.modules); from tf1_sampled.recsys import recommender\n"
            "assert 'tf1_sampled' not in before\n"
            "print([name for name in set(sys.modules) - before if name.split('.')[0] == 'aiohttp'"
            " or name.startswith('tf1_sampled.programs')])"))


if __name__ == "__main__":
    absltest.main()
