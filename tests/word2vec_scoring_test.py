"""Tests of scores on evaluation files: one per path, with counts; a missing score is never NaN."""
import json
import os

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.word2vec import scoring

WORDS = ["man", "woman", "king", "queen", "apple"]
ROWS = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [-1, 1, 0]])


class ScoringTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as stream:
            stream.write(text)
        return path

    def score(self, *arguments, **options):
        """Return (scores as JSON, lines without the folder)."""
        judgements = scoring.Judgements(*arguments, **options)
        scores = judgements.scores(WORDS, ROWS)
        lines = [line.replace(self.folder + os.sep, "") for line in judgements.lines(scores)]
        content = json.loads(json.dumps(scoring.as_json(scores), allow_nan=False))
        return {path.replace(self.folder + os.sep, ""): score for path, score in content.items()}, lines

    def test_two_files_of_the_same_name_have_two_scores(self):
        pairs = [self.write("a/x.txt", "king queen 9\nking apple 1\nking unheard 5\n"),
                 self.write("b/x.txt", "king queen 1\nking apple 9\n")]
        content, lines = self.score(pairs)
        self.assertEqual({"a/x.txt": {"spearman": 1, "pairs": 2, "left_out": 1},
                          "b/x.txt": {"spearman": -1, "pairs": 2, "left_out": 0}}, content)
        self.assertEqual(["score pairs left out", "1.000 2 1", "-1.000 2 0"],
                         [" ".join(line.split()).split(" ", 2 if i == 0 else 1)[-1]
                          for i, line in enumerate(lines[:3])])
        self.assertEqual(["a/x.txt: 1 word not among the first 300,000 of the vocabulary: unheard"],
                         lines[3:])

    def test_analogies_are_scored_by_file_and_section(self):
        questions = [self.write("q.txt", ": royal\nman king woman queen\nman king woman x\n"
                                ": none\na b c d\n"),
                     self.write("r.txt", "man king woman apple\n")]
        content, lines = self.score([], questions)
        none = {"accuracy": None, "questions": 0, "left_out": 1, "name": "none"}
        royal = {"accuracy": 1, "questions": 1, "left_out": 1, "name": "royal"}
        self.assertEqual({
            "q.txt": {"accuracy": 1, "questions": 1, "left_out": 2, "sections": [royal, none]},
            "r.txt": {"accuracy": 0, "questions": 1, "left_out": 0, "sections": [
                {"accuracy": 0, "questions": 1, "left_out": 0, "name": ""}]}}, content)
        self.assertEqual([
            "analogies: correct score questions left out", "q.txt 100.0% 1 2", "royal 100.0% 1 1",
            "none none 0 1", "r.txt 0.0% 1 0", "(no section) 0.0% 1 0",
            "q.txt: 5 words not among the first 30,000 of the vocabulary: a, b, c, d, x"],
            [" ".join(line.split()) for line in lines])

    @parameterized.parameters(
        ("cat dog 1\ndog mouse 2\n", "x.txt: no score, as 0 of 2 pairs have two known words"),
        ("king man 1\ndog mouse 2\n", "x.txt: no score, as 1 of 2 pairs have two known words"),
        ("king man 1\nking woman 1\n", "x.txt: no score, as all cosines or all human scores are equal"))
    def test_a_missing_score_is_null_and_has_its_reason(self, text, line):
        content, lines = self.score([self.write("x.txt", text)])
        self.assertIsNone(content["x.txt"]["spearman"])
        self.assertIn("none", lines[1].split())
        self.assertIn(line, lines)
        self.assertNotIn("nan", "".join(lines))

    def test_analogies_without_known_words_have_no_score(self):
        content, lines = self.score([], [self.write("q.txt", "a b c d\n")])
        self.assertIsNone(content["q.txt"]["accuracy"])
        self.assertIn("q.txt: no score, as 0 of 1 questions have four known words", lines)

    def test_top_and_columns_apply_to_all_files(self):
        path = self.write("x.csv", "id,a,b,gold\n1,king,man,9\n2,man,woman,3\n3,king,apple,1\n")
        content, lines = self.score([path], [self.write("q.txt", "man king woman queen\n")],
                                    columns=["a", "b", "gold"], top=3)
        self.assertEqual((2, 1), (content["x.csv"]["pairs"], content["x.csv"]["left_out"]))
        self.assertEqual(1, content["q.txt"]["left_out"])
        self.assertIn("q.txt: 1 word not among the first 3 of the vocabulary: queen", lines)

    def test_a_long_list_of_words_is_shortened(self):
        self.assertEqual(["none", "a, b, c", "a, b and 1 more"],
                         [scoring.some([]), scoring.some("abc"), scoring.some("abc", 2)])

    def test_invalid_arguments_are_errors(self):
        path = self.write("x.txt", "a b 1\n")
        with self.assertRaisesRegex(checks.InputError, "^Judgements: top: wanted an integer above 0"):
            scoring.Judgements([path], top=0)
        with self.assertRaisesRegex(checks.InputError, "^Judgements: analogies: wanted files that are"):
            scoring.Judgements([path], [path])
        with self.assertRaisesRegex(checks.InputError, "none.txt: wanted a readable file"):
            scoring.Judgements([], [os.path.join(self.folder, "none.txt")])


if __name__ == "__main__":
    absltest.main()
