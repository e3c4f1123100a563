"""Tests of tables of users and items: titles and columns."""
import gzip
import math
import os
import tracemalloc

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import events, tables


class FileTestCase(parameterized.TestCase):

    def write(self, name, text, encoding="utf-8"):
        path = os.path.join(self.create_tempdir().full_path, name)
        if name.endswith(".gz"):
            text = gzip.compress(text.encode(encoding)).decode("latin-1")
            encoding = "latin-1"
        with open(path, "wb") as stream:
            stream.write(text.encode(encoding))
        return path


class WithUserColumnsTest(FileTestCase):

    def setUp(self):
        super().setUp()
        self.log = events.log_of_arrays([7, 8, 7, 9], list("abab"), numeric={"n": [1, 2, 3, 4]})

    def test_each_event_has_the_columns_of_its_user(self):
        path = self.write("users.csv", "user,city,age\n9,Ulm,31\n7, Bonn ,4.5\n8,,2\n6,Kiel,1\n")
        log = tables.with_user_columns(self.log, path, categorical=["city"], numeric=["age"])
        self.assertEqual(list(log.columns), ["n", "city", "age"])
        self.assertEqual(log.columns["city"].kind.categories, ["", "Bonn", "Ulm"])
        self.assertEqual(log.columns["city"].values.tolist(), [1, 0, 1, 2])
        self.assertEqual(log.columns["age"].values.tolist(), [4.5, 2, 4.5, 31])
        self.assertEqual([log.columns[name].values.dtype for name in ("city", "age")],
                         [np.int32, np.float32])
        self.assertEqual(list(self.log.columns), ["n"])

    def test_user_missing_in_the_table_has_missing_values(self):
        path = self.write("users.csv", "user,city,age\n9,Ulm,31\n7,Bonn,4\n")
        log = tables.with_user_columns(self.log, path, categorical=["city"])
        self.assertEqual(log.columns["city"].values.tolist(), [1, 0, 1, 2])
        log = tables.with_user_columns(self.log, path, numeric=["age"])
        np.testing.assert_array_equal(log.columns["age"].values, np.float32([4, np.nan, 4, 31]))

    def test_column_of_the_log_is_refused(self):
        path = self.write("users.csv", "user,n\n7,1\n8,1\n9,1\n")
        with self.assertRaisesRegex(checks.InputError, "^with_user_columns: categorical, numeric: "
                                    "wanted names that the event file's columns do not have, got 'n'"):
            tables.with_user_columns(self.log, path, numeric=["n"])


class ReadTitlesTest(FileTestCase):

    @parameterized.named_parameters(
        ("movies_csv", "movies.csv", u'movieId,title,genres\n1,"Am\xe9lie, Le",A|B\n2,Heat,\n',
         "utf-8"),
        ("movies_dat", "movies.dat", u"1::Am\xe9lie, Le::A|B\n2::Heat::C\n", "latin-1"),
        ("u_item", "u.item", u"1|Am\xe9lie, Le|01-Jan||http://x?a::b|0\n2|Heat|||y|1\n", "latin-1"),
        ("header", "items.tsv", u"year\tName\tItem_ID\n1\tAm\xe9lie, Le\t1\n2\tHeat\t2\n", "utf-8"))
    def test_format_gives_title_by_item(self, name, text, encoding):
        if name == "u.item":
            text = text.replace("::", ":")
        self.assertEqual(tables.read_titles(self.write(name, text, encoding)),
                         {"1": u"Am\xe9lie, Le", "2": "Heat"})

    def test_repeated_item_keeps_its_first_title(self):
        path = self.write("m.csv", "item,title\n1,first\n1,second\n")
        self.assertEqual(tables.read_titles(path), {"1": "first"})

    @parameterized.named_parameters(
        ("missing_column", "item,title\n1,a\n2\n", "line 3: wanted 2 columns"),
        ("empty_item", "item,title\n,a\n", "line 2: wanted a name in column 'item', got ''"),
        ("no_title", "item,genre\n1,a\n", r"column for the title \(title.*columns 'item', 'genre'"),
        ("spaces", "item title\n1 a\n", "got columns 'item title'"),
        ("json", '{"item": 1, "genre": "a"}\n', r"wanted JSON Lines with .*title.*keys 'item', 'genre'"),
        ("binary", "item,title\0\n", "wanted UTF-8 text, got a binary file"))
    def test_malformed_file_error_names_the_fault(self, text, message):
        with self.assertRaisesRegex(checks.InputError, r"bad\.csv: .*" + message):
            tables.read_titles(self.write("bad.csv", text))


class ReadSideTableTest(FileTestCase):

    def test_columns_by_user(self):
        path = self.write("users.csv", u"age,City,user_id,extra\n31,K\xf6ln,u1,\n4.5, ,u 2,x\n"
                          "99,no,u1,\n", "latin-1")
        self.assertEqual(tables.read_side_table(path, "user", categorical=["City"], numeric=["age"]),
                         {"City": {"u1": u"K\xf6ln", "u 2": ""}, "age": {"u1": 31.0, "u 2": 4.5}})

    def test_columns_by_item(self):
        path = self.write("movies.csv", 'movieId,title,genres\n1,"Heat, 1995",A|B\n2,Up, \n')
        self.assertEqual(tables.read_side_table(path, "item", categorical=["genres"]),
                         {"genres": {"1": "A|B", "2": ""}})

    @parameterized.named_parameters(
        ("missing_cell", "item,n\n1,2\n2\n", "line 3: wanted 2 columns"),
        ("empty_item", "item,n\n,3\n", "line 2: wanted a name in column 'item', got ''"),
        ("no_number", "item,n\n1,2\n\n2,x\n",
         "line 4: wanted a number of float32 in column 'n', got 'x'"),
        ("no_column", "item,m\n1,2\n", "wanted one column 'n', got columns 'item', 'm'"),
        ("no_key", "user,n\n1,2\n", r"wanted a header with a column for the item \(itemid, .*\), "
         "got columns 'user', 'n'"),
        ("no_header", "1::2::3\n", "wanted a header with .* got columns '1', '2', '3'"),
        ("long_name", "item,%s\n1,2\n" % ("n" * 10 ** 5),
         "wanted one column 'n', got columns 'item', 'n{30}'$"),
        ("binary", "item,n\0\n", "wanted UTF-8 text, got a binary file"))
    def test_malformed_file_error_names_the_fault(self, text, message):
        with self.assertRaisesRegex(checks.InputError, r"bad\.csv: .*" + message):
            tables.read_side_table(self.write("bad.csv", text), "item", numeric=["n"])

    def test_missing_values_and_the_name_of_the_key(self):
        path = self.write("users.csv", "user,code,age,city\n1,x,NA,None\n2,y,,nan\n3,z,7,Ulm\n")
        table = tables.read_side_table(path, "user", "code", numeric=["age"], categorical=["city"])
        self.assertEqual(table["city"], {"x": "", "y": "", "z": "Ulm"})
        self.assertEqual(list(map(math.isnan, table["age"].values())), [True, True, False])
        table = tables.read_side_table(path, "user", "other", categorical=["city"])
        self.assertEqual(list(table["city"]), ["1", "2", "3"])

    def test_whole_floats_match_the_integers_of_the_events(self):
        path = self.write("movies.csv", "item,title,n\n10.0,Ten,1\n7.0,Seven,2\n")
        self.assertEqual(tables.read_titles(path), {"10": "Ten", "7": "Seven"})
        self.assertEqual(tables.read_side_table(path, "item", numeric=["n"])["n"], {"10": 1.0, "7": 2.0})

    def test_json_lines_are_read(self):
        path = self.write(
            "movies.json", '{"asin": 7, "title": "Seven"}\n{"asin": "8", "title": "Eight"}\n')
        self.assertEqual(tables.read_titles(path), {"7": "Seven", "8": "Eight"})

    def test_side_columns_are_listed(self):
        path = self.write("m.csv", "movieId,title,genres,x,x,userId\n1,a,b,c,d,e\n")
        self.assertEqual(tables.side_columns(path, "item"), ["genres"])
        self.assertEqual(tables.side_columns(self.write("m.dat", "1::a::b\n"), "item"), [])

    def test_latin1_far_into_a_file_and_at_its_end(self):
        for city in ("K\xf6ln", "Orl\xe9"):
            rows = "".join("%d,%s\n" % (number, "Ulm") for number in range(200000))
            path = self.write("users.csv", "user,city\n" + rows + "u," + city, "latin-1")
            table = tables.read_side_table(path, "user", categorical=["city"])
            self.assertEqual(table["city"]["u"], city)

    def test_memory_is_bounded_by_the_table(self):
        path = self.write("users.csv.gz", "user,n,x\n" + ("1,2,%s\n" % ("x" * 1000)) * 20000)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.assertEqual(tables.read_side_table(path, "user", numeric=["n"]), {"n": {"1": 2.0}})
        self.assertLess(tracemalloc.get_traced_memory()[1], 1.5e7)

    def test_key_is_of_users_or_items(self):
        with self.assertRaisesRegex(checks.InputError, "read_side_table: key_role: wanted one of item, "
                                    "user, got 'time'"):
            tables.read_side_table("unread.csv", "time")
        with self.assertRaisesRegex(checks.InputError, "read_side_table: categorical, numeric: wanted"):
            tables.read_side_table("unread.csv", "item", categorical=["a"], numeric=["a"])


if __name__ == "__main__":
    absltest.main()
