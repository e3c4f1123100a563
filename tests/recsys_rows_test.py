"""Tests of rows: the rows of each layout, and their line numbers."""
from unittest import mock

from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import layouts, roles, rows


def read(text, **options):
    """Return [(line, row)] of a file's text."""
    lines = text.splitlines(True)
    layout = layouts.of_events("e.txt", lines[:100], roles.Options(**options))
    return [(chunk.line_of(place), row) for chunk in rows.read("e.txt", iter(lines), layout)
            for place, row in enumerate(chunk.rows)]


class ReadTest(parameterized.TestCase):

    @parameterized.named_parameters(
        ("cells", "user,item\n1,a\n\n2,b\n", [(2, ["1", "a"]), (4, ["2", "b"])]),
        ("comment_before", "# x\n\nuser,item\n1,a\n", [(4, ["1", "a"])]),
        ("quoted_line_end", 'user,item\n1,"a\nb"\n2,c\n', [(2, ["1", "a\nb"]), (4, ["2", "c"])]),
        ("colons", "1::2::3::4\n\n1::3::3::5\n", [(1, ["1", "2", "3", "4"]), (3, ["1", "3", "3", "5"])]),
        ("lists", "1 a b\n2\n\n3 c\n", [(1, ["1", "a"]), (1, ["1", "b"]), (4, ["3", "c"])]),
        ("netflix", "1:\n5,3,2005-09-06\n\n2:\n6,1,2005-09-07\n",
         [(2, ["5", "3", "2005-09-06", "1"]), (5, ["6", "1", "2005-09-07", "2"])]),
        ("recbole_lists", "session_id:token\titem_id_list:token_seq\titem_id:token\n1\t2 3\t4\n2\t\t5\n",
         [(2, ["1", "2 3", "2"]), (2, ["1", "2 3", "3"]), (2, ["1", "2 3", "4"]), (3, ["2", "", "5"])]),
        ("json", '{"user": 1, "item": "a", "x": [1]}\n\n{"item": null, "user": true}\n',
         [(1, ["1", "a", ""]), (3, ["true", "", ""])]),
        ("mind", "1\tU1\t11/11/2019 9:05:58 AM\tN1 N2\tN3-1 N4-0\n2\tU1\t11/11/2019 9:06:00 AM\tN1 N2\t"
         "N5-0 N6-1\n",
         [(1, ["1", "U1", "1/1/1970 12:00:00 AM", "N1 N2", "N1"]),
          (1, ["1", "U1", "1/1/1970 12:00:01 AM", "N1 N2", "N2"]),
          (1, ["1", "U1", "11/11/2019 9:05:58 AM", "N1 N2", "N3"]),
          (2, ["2", "U1", "11/11/2019 9:06:00 AM", "N1 N2", "N6"])]))
    def test_rows_and_their_lines(self, text, wanted):
        for at_a_time in (1, 2, 4096):
            with mock.patch.multiple(rows, _ROWS_AT_A_TIME=at_a_time, _LISTS_AT_A_TIME=at_a_time):
                self.assertEqual(read(text), wanted)

    def test_column_of_lists_gives_several_rows(self):
        self.assertEqual(read("u\t1 2\n", columns=["user", "items"]), [(1, ["u", "1"]), (1, ["u", "2"])])

    @parameterized.named_parameters(
        ("width", "user,item\n1,a\n1\n", {}, r"line 3: wanted 2 columns, got \['1'\]"),
        ("quotes", 'user,item\n1,"a\n', {}, "line 2: wanted CSV with paired quotes"),
        ("netflix", "1:\n5,3,2005-09-06\n6,1\n", {},
         "line 3: wanted user,rating,date or movie:, got '6,1'"),
        ("json", '{"user": 1, "item": 2}\n\n[1]\n', {}, r"line 3: wanted a JSON object, got '\[1\]'"),
        ("json_list", '{"user": 1, "item": 2}\n{"user": [1], "item": 2}\n', {},
         r"line 2: wanted a text or a number in column 'user', got \[1\]"))
    def test_lines_of_another_layout_are_refused(self, text, options, message):
        for at_a_time in (1, 4096):
            with mock.patch.object(rows, "_ROWS_AT_A_TIME", at_a_time):
                with self.assertRaisesRegex(checks.InputError, "^e.txt: " + message):
                    read(text, **options)

    def test_first_lines_are_bounded(self):
        lines = iter(["x\n"] * 500)
        self.assertLen(rows.first_lines(lines), 100)
        self.assertLen(list(lines), 400)
        self.assertLen(rows.first_lines(iter(["x" * 10 ** 6] * 50)), 2)


if __name__ == "__main__":
    absltest.main()
