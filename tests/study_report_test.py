"""The table, the files for other programs, and the page, of made-up numbers."""
import csv
import os
import re

from absl.testing import absltest

from tests import study_case
from tests.study_case import losses
from tf1_sampled.study import report


class ReportTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.study = study_case.made_up({
            "10": losses(2.0, 6.5, gradient_bias=0.4, gradient_bias_noise=0.017, gradient_deviation=2.0),
            "100": losses(4.0, 6.0)}, seeds=(-2, 0, 2))

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as stream:
            return stream.read()

    def test_the_table_has_a_row_for_each_value_and_budget(self):
        lines = report.table(self.study).splitlines()
        self.assertEqual(
            lines[0], "The same number of steps, mean \u00b1 standard deviation over seeds:")
        self.assertEqual(lines[1].split()[:5], ["num_sampled", "sampled", "loss", "full", "softmax"])
        self.assertEqual(
            " ".join(lines[2].split()), "10 2.000 \u00b1 0.020 6.500 \u00b1 0.020 0.600 \u00b1 0.020 "
            "100 2.000 \u00b1 0.000 20 40.00 \u00b1 0.98% 200%")
        self.assertTrue(lines[3].endswith("-"), lines[3])
        self.assertLen(lines, 9)

    def test_a_row_for_each_training_and_each_point(self):
        report.write_tables(self.folder, self.study)
        rows = list(csv.DictReader(self.read("trainings.csv").splitlines()))
        self.assertLen(rows, 12)
        self.assertEqual([rows[0][name] for name in ("budget", "num_sampled", "seed")],
                         ["steps", "10", "-2"])
        self.assertAlmostEqual(float(rows[0]["sampled_loss"]), 1.98)
        self.assertEqual(rows[3]["gradient_bias"], "")
        self.assertLen(self.read("curves.csv").splitlines(), 1 + 24)

    def test_the_page_holds_all_that_it_shows(self):
        with open(os.path.join(self.folder, "a.png"), "wb") as stream:
            stream.write(b"picture")
        report.write_page(self.folder, self.study, {"a.png": "A caption."},
                          [("Command", "study <b>")])
        page = self.read("study.html")
        self.assertIn('src="data:image/png;base64,cGljdHVyZQ=="', page)
        self.assertEmpty(re.findall("(?:src|href)=\"(?!data:)", page))
        self.assertIn("although its sampled loss is higher", page)
        self.assertIn("study &lt;b&gt;", page)
        self.assertIn("<td>6.500 \u00b1 0.020</td>", page)

    def test_a_page_without_pictures_is_one_too(self):
        report.write_page(self.folder, self.study, {}, [])
        self.assertNotIn("<img", self.read("study.html"))


if __name__ == "__main__":
    absltest.main()
