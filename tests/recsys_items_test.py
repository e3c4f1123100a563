"""Tests of the table of items: all names are restored, and errors name the line of invalid files."""
import os
import re
import subprocess
import sys

from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import items

NAMES = ["os.walk", "a\tb", "a\nb", "a\r\nb", "\\", "\\t", "\\\\n", " blanks ", "日本", "\u2028", "😀",
         "\0", '"quoted"', "\ufeff", "\x85", "=1+1", "\\=1+1", "-5", "+", "@x", "a=b", "../../up",
         "x" * 10 ** 6]
_HEADER = "item\ttitle\tevents\n"


class ItemsTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.path = os.path.join(self.folder, "items.tsv")

    def test_all_names_are_restored(self):
        titles, counts = NAMES[::-1], list(range(len(NAMES), 0, -1))
        items.write_items(self.path, NAMES, titles, counts)
        self.assertEqual(items.read_items(self.path), (NAMES, titles, counts))

    def test_text_has_the_documented_form(self):
        items.write_items(self.path, ["a\tb", "c\\"], ["A\nB", ""], [2, 0])
        with open(self.path, "rb") as stream:
            self.assertEqual(stream.read(), b"item\ttitle\tevents\na\\tb\tA\\nB\t2\nc\\\\\t\t0\n")

    def test_no_cell_is_a_formula_to_a_spreadsheet(self):
        names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "1=1"]
        items.write_items(self.path, names, None, [1] * len(names))
        with open(self.path, "rb") as stream:
            cells = re.split(b"[\t\r\n]", stream.read())
        self.assertEqual([cell for cell in cells if cell[:1] in (b"=", b"+", b"-", b"@")], [])
        self.assertIn(b"\\=1+1", cells)
        self.assertIn(b"1=1", cells)
        self.assertEqual(items.read_items(self.path)[0], names)

    def test_unescaped_formula_is_read(self):
        with open(self.path, "w", encoding="utf-8") as stream:
            stream.write(_HEADER + "=1+1\t-\t1\n")
        self.assertEqual(items.read_items(self.path), (["=1+1"], ["-"], [1]))

    def test_titles_are_names_by_default(self):
        items.write_items(self.path, ["b", "a"], None, [1, 1])
        self.assertEqual(items.read_items(self.path), (["b", "a"], ["b", "a"], [1, 1]))

    def test_empty_table_is_written_and_read(self):
        items.write_items(self.path, [], None, [])
        self.assertEqual(items.read_items(self.path), ([], [], []))

    @parameterized.parameters(
        (["a", ""], None, [1, 1], "names: wanted .*none empty, got ''"),
        (["a", 3], None, [1, 1], "names: wanted strings .*got 3"),
        (["a", "a"], None, [1, 1], "names: wanted each name once, got 'a'"),
        (["a", "\udc80"], None, [1, 1], "names: wanted strings of Unicode characters"),
        (["a", "b"], ["A", "\udc80"], [1, 1], "titles: wanted strings of Unicode characters"),
        (["a", "b"], ["A", None], [1, 1], "titles: wanted strings of Unicode characters, got None"),
        (["a", "b"], ["A"], [1, 1], "titles: wanted the length of names, 2, got 1"),
        (["a", "b"], None, [1], "counts: wanted the length of names, 2, got 1"))
    def test_invalid_arguments_are_named(self, names, titles, counts, message):
        with self.assertRaisesRegex(checks.InputError, "write_items: " + message):
            items.write_items(self.path, names, titles, counts)
        self.assertEmpty(os.listdir(self.folder))

    @parameterized.parameters(
        ("item\ttitle\n", "line 1: wanted the header 'item.*events', got 'item.*title'"),
        (_HEADER + "b\tB\t1\t1\n", "line 2: wanted 3 columns separated by tabs, got 4"),
        (_HEADER + "b\tB\t1\n\n", "line 3: wanted 3 columns separated by tabs, got 1"),
        (_HEADER + "a\tA\tmany\n", "line 2: wanted a count in column 'events', got 'many'"),
        (_HEADER + "a\tA\t-1\n", "line 2: wanted a count in column 'events', got '-1'"),
        (_HEADER + "a\tA\t%s\n" % ("9" * 5000), r"line 2: wanted a count in column 'events', got '99.*"),
        ("\ufeff", "line 1: wanted the header 'item.*events', got ''"),
        (_HEADER + "\tA\t1\n", "line 2: wanted a name in column 'item', got ''"),
        (_HEADER + "a\tA\t1\na\tB\t1\n", "line 3: wanted a name that is not in line 2, got 'a'"),
        (_HEADER + "a\\x\tA\t1\n", "line 2: wanted one of .*, got '.*x'"),
        (_HEADER + "a\tA\\\t1\n", "line 2: wanted one of .*, got '"))
    def test_file_with_other_contents_is_refused(self, text, message):
        with open(self.path, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        with self.assertRaisesRegex(checks.InputError, "items.tsv: " + message):
            items.read_items(self.path)

    def test_needs_no_tensorflow(self):
        code = "import sys; from tf1_sampled.recsys import items; print('tensorflow' in sys.modules)"
        folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join([folder] + sys.path))
        printed = subprocess.check_output([sys.executable, "-c", code], env=environment)
        self.assertEqual(printed.strip(), b"False")


if __name__ == "__main__":
    absltest.main()
