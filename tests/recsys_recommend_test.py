"""Tests of the program that writes recommendations for many users of an exported model."""
import json
import os

from absl.testing import absltest

from tests import recommender_case
from tf1_sampled import InputError
from tf1_sampled.recsys import recommend


class RecommendTest(recommender_case.ModelCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.create_tempdir().full_path)

    def run_main(self, *arguments):
        recommend.main(["recommend.py", *arguments])

    def test_users_are_read_from_a_file(self):
        with open("users.txt", "w") as stream:
            stream.write("cid\nzed\n")
        self.run_main(self.folder, "--output=new/best.jsonl", "--to=users.txt", "--k=2")
        with open("new/best.jsonl") as stream:
            found = [json.loads(line) for line in stream]
        self.assertEqual(["cid"], [one["user"] for one in found])
        self.assertEqual([name for name, _ in recommender_case.oracle(["casino"], 2, ["casino"])],
                         [one["item"] for one in found[0]["recommendations"]])

    def test_all_users_are_written_by_default(self):
        self.run_main("--output=best.tsv", self.folder)
        with open("best.tsv", encoding="utf-8") as stream:
            self.assertEqual({"user", "bob", "cid"}, {line.split("\t")[0] for line in stream})

    def test_graph_that_writes_a_file_needs_trust(self):
        os.mkdir("model")
        recommender_case.write_model("model", writes=os.path.abspath("written"))
        with self.assertRaisesRegex(InputError, "got the ops WriteFile; --trust_model"):
            self.run_main("model", "--output=best.tsv")
        self.assertFalse(os.path.exists("written"))
        self.run_main("model", "--output=best.tsv", "--trust_model")
        self.assertTrue(os.path.exists("written"))

    def test_a_stopped_training_is_named(self):
        folder = self.create_tempdir().full_path
        open(os.path.join(folder, "checkpoint"), "w").close()
        with self.assertRaisesRegex(InputError, "items.tsv: wanted a file of an exported recommender, "
                                    "got none, as the training was stopped; resume it$"):
            self.run_main(folder, "--output=a.tsv")

    def test_invalid_arguments_are_refused(self):
        for arguments, message in (
                (["--output=a.tsv"], "MODEL_DIR: wanted one folder"),
                ([self.folder, "b", "--output=a.tsv"], "MODEL_DIR: wanted one folder"),
                ([self.folder], "--output: wanted the name of a file"),
                ([self.folder, "--output=a.csv"], "a.csv: wanted a name that ends in .tsv or .jsonl"),
                ([self.folder, "--output=a.tsv", "--k=0"], "--k: wanted an integer above 0"),
                ([self.folder, "--output=a.tsv", "--k=x"], "argument --k: invalid int value"),
                ([self.folder, "--output=a.tsv", "--to=a.tsv"], "--output: wanted a path of its own"),
                ([self.folder, "--output=%s/a.tsv" % self.folder], "wanted a path of its own"),
                ([self.folder, "--output=a.tsv", "--to=none.txt"], "none.txt: wanted a readable file"),
                (["none", "--output=a.tsv"], "none/items.tsv: wanted a file of an exported recommender"),
                ([self.folder, "--out=a.tsv"], "unrecognized arguments: --out=a.tsv")):
            with self.assertRaisesRegex(InputError, message):
                self.run_main(*arguments)
        self.assertEmpty(os.listdir("."))


if __name__ == "__main__":
    absltest.main()
