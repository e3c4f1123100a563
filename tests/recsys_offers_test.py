"""Tests of recommendations from stored histories, and of their files."""
import gzip
import json
import os
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import recommender_case
from tests.recommender_case import oracle
from tf1_sampled import InputError
from tf1_sampled.recsys import items as item_files, offers


class StoredTest(recommender_case.ModelCase):

    def setUp(self):
        super().setUp()
        self.place = self.create_tempdir().full_path

    def written(self, users, k=3, name="best.jsonl"):
        """Return (lines of the file, reported lines)."""
        path, lines_reported = os.path.join(self.place, name), []
        offers.write_stored(path, self.model, users, k, lines_reported.append)
        with open(path, encoding="utf-8") as stream:
            return stream.read().splitlines(), [line.replace(path, "FILE") for line in lines_reported]

    def test_all_users_are_written(self):
        lines, lines_reported = self.written(None)
        self.assertEqual(["FILE: recommendations for 3 users"], lines_reported)
        found = [json.loads(line) for line in lines]
        self.assertEqual(["ann", "bob", "cid"], [one["user"] for one in found])
        self.assertEqual([], found[0]["recommendations"])
        for one, had in ((found[1], ["heat", "alien"]), (found[2], ["casino"])):
            wanted = oracle(had, 3, had)
            self.assertEqual([name for name, _ in wanted],
                             [offer["item"] for offer in one["recommendations"]])
            np.testing.assert_allclose([score for _, score in wanted],
                                       [offer["score"] for offer in one["recommendations"]], rtol=1e-5)
            self.assertEqual([self.model.title(name) for name, _ in wanted],
                             [offer["title"] for offer in one["recommendations"]])

    def test_unknown_users_are_left_out_and_reported(self):
        lines, lines_reported = self.written(["cid", "zed"] + ["x%d" % i for i in range(11)], 1)
        self.assertEqual(["cid"], [json.loads(line)["user"] for line in lines])
        self.assertEqual("12 of 13 users left out, as the model does not know them: zed, " + ", ".join(
            "x%d" % i for i in range(9)) + ", ...", lines_reported[1])

    def test_blocks_give_the_same_results(self):
        whole = list(offers.recommend_stored(self.model, None, 2))
        with mock.patch.object(offers, "_USERS_AT_A_TIME", 2), (
                mock.patch.object(self.model, "answer", wraps=self.model.answer)):
            self.assertEqual(whole, list(offers.recommend_stored(self.model, None, 2)))
            self.assertEqual(whole[2:] + whole[:1],
                             list(offers.recommend_stored(self.model, [2, 0], 2)))

    def test_k_below_1_is_refused(self):
        with self.assertRaisesRegex(InputError, "k: wanted an integer above 0, got 0"):
            self.written(None, 0)
        self.assertEmpty(os.listdir(self.place))


class WithColumnsTest(recommender_case.ModelCase):

    arguments = dict(with_users=True, with_context=True)

    def test_each_user_has_the_context_of_the_last_event(self):
        found = dict(offers.recommend_stored(self.model, None, 1))
        self.assertEqual(oracle([], 1, user="ann")[0][0], found["ann"][0][0])
        self.assertEqual(oracle(["heat", "alien"], 1, ["heat", "alien"], shift=6.5)[0][0],
                         found["bob"][0][0])
        self.assertEqual(oracle(["casino"], 1, ["casino"], shift=3)[0][0], found["cid"][0][0])


class FilesTest(parameterized.TestCase):

    _BEST = [("a\tb", [("x\ny", 1.0), ("=1", 0.1234567)]), ("c", []), ("é", [("é", 1.0)])]

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def test_tsv_names_are_restored(self):
        path = os.path.join(self.folder, "new", "best.tsv")
        self.assertEqual(3, offers.write(path, iter(self._BEST)))
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().split("\n")
        self.assertEqual(["user\titem\tscore", "a\\tb\tx\\ny\t1", "a\\tb\t\\=1\t0.123457",
                          "é\té\t1", ""], lines)
        self.assertEqual(lines[1].split("\t")[0], item_files.escaped("a\tb"))

    def test_json_lines_are_compressed(self):
        path = os.path.join(self.folder, "best.jsonl.gz")
        self.assertEqual(3, offers.write(path, iter(self._BEST), str.upper))
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            found = [json.loads(line) for line in stream]
        self.assertEqual({"user": "a\tb", "recommendations": [
            {"item": "x\ny", "score": 1.0, "title": "X\nY"},
            {"item": "=1", "score": 0.1234567, "title": "=1"}]}, found[0])
        self.assertEqual({"user": "c", "recommendations": []}, found[1])

    @parameterized.parameters("best", "best.csv", "best.gz", "best.tsv.zip", "best.json")
    def test_other_endings_are_refused(self, name):
        path = os.path.join(self.folder, name)
        for function in (offers.check_writable, lambda path: offers.write(path, iter([]))):
            with self.assertRaisesRegex(InputError, "best.*: wanted a name that ends in .tsv or .jsonl"):
                function(path)

    def test_unwritable_path_is_refused(self):
        path = os.path.join(self.folder, "best.tsv")
        os.mkdir(path)
        with self.assertRaisesRegex(InputError, "wanted a file, got a folder"):
            offers.check_writable(path)
        offers.check_writable(os.path.join(self.folder, "new", "best.tsv"))

    def test_file_is_written_whole_or_not_at_all(self):
        def broken():
            yield "ann", [("a", 1.0)]
            raise InputError("no more")

        with self.assertRaisesRegex(InputError, "no more"):
            offers.write(os.path.join(self.folder, "best.tsv"), broken())
        self.assertEmpty(os.listdir(self.folder))

    def test_names_of_users(self):
        path = self.create_tempfile("users.txt", "u1\n\n  u2 \nu1\n").full_path
        self.assertEqual(["u1", "u2"], offers.read_users(path))
        for content, message in (("\n", "wanted names of users, one on each line, got none"),
                                 (None, "wanted a readable file")):
            path = self.create_tempfile("none.txt", content or "").full_path
            if content is None:
                os.remove(path)
            with self.assertRaisesRegex(InputError, "none.txt: " + message):
                offers.read_users(path)


if __name__ == "__main__":
    absltest.main()
