"""Tests of layouts: separators, headers, columns named in options."""
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import layouts
from tf1_sampled.recsys.roles import Options


def layout_of(text, **options):
    return layouts.of_events("e.txt", text.splitlines(True), Options(**options))


class HeaderTest(parameterized.TestCase):

    @parameterized.named_parameters(
        ("movielens", "userId,movieId,rating,timestamp\n", dict(user=0, item=1, rating=2, time=3)),
        ("kaggle", "user_id,item_id,created_at\n", dict(user=0, item=1, time=2)),
        ("h_and_m", "t_dat,customer_id,article_id,price,sales_channel_id\n",
         dict(time=0, user=1, item=2)),
        ("retailrocket", "timestamp,visitorid,event,itemid,transactionid\n",
         dict(time=0, user=1, event=2, item=3)),
        ("recbole", "user_id:token\titem_id:token\trating:float\ttimestamp:float\n",
         dict(user=0, item=1, rating=2, time=3)),
        ("recbole_lists", "session_id:token\titem_id_list:token_seq\titem_id:token\n",
         dict(user=0, items=1, item=2)),
        ("food", "user_id,recipe_id,date,rating,u,i\n", dict(user=0, item=1, time=2, rating=3)),
        ("amazon_2023", "rating,title,text,images,asin,parent_asin,user_id,timestamp\n",
         dict(rating=0, item=5, user=6, time=7)),
        ("bookcrossing", '"User-ID";"ISBN";"Book-Rating"\n', dict(user=0, item=1, rating=2)),
        ("foursquare", "userid\tvenueId\tutc\n", dict(user=0, item=1)),
        ("spaces", "user item  time\n", dict(user=0, item=1, time=2)))
    def test_headers_of_published_sets_are_recognised(self, text, places):
        layout = layout_of(text + "1\n")
        self.assertEqual(layout.places, places)
        self.assertEqual((layout.num_skipped, layout.kind), (1, "cells"))

    def test_columns_are_found_by_options(self):
        text = "who,what,user,when,stars,kind\n1,2,3,4,5,6\n"
        layout = layout_of(text, user_column="who", item_column="what", time_column="when",
                           event_column="kind")
        self.assertEqual(layout.places, dict(user=0, item=1, time=3, rating=4, event=5))
        self.assertEqual(layout.names, ["who", "what", "user", "when", "stars", "kind"])

    def test_underscore_means_no_times(self):
        self.assertEqual(layout_of("user,item,time\n", time_column="_").places, dict(user=0, item=1))

    def test_column_named_in_options_has_no_other_role(self):
        self.assertEqual(layout_of("user,item,date\n1,2,3\n", user_column="item",
                                   item_column="date").places,
                         dict(user=1, item=2))

    @parameterized.named_parameters(
        ("missing", "a,b\n1,2\n", dict(user_column="x"), "columns 'x', got columns 'a', 'b'"),
        ("twice", "a,a,item\n1,2,3\n", dict(user_column="a"),
         "columns 'a', got columns 'a', 'a', 'item'"),
        ("unknown", "who,what\n1,2\n", {},
         r"column for the user \(userid, user, uid, username, userprocid, "
         r"\.\.\.\) and a column for the item .*--user_column and --item_column.*got columns 'who', "
         r"'what'"),
        ("user_alone", "user,what\n1,2\n", {}, "got columns 'user', 'what'"),
        ("empty", "\n\n", {}, "got none"))
    def test_error_for_missing_columns_shows_the_header(self, text, options, message):
        with self.assertRaisesRegex(checks.InputError, "^e.txt: wanted a header with .*" + message):
            layout_of(text, **options)

    @parameterized.named_parameters(
        ("excel", "sep=;\nuser;item\n", 2), ("quoted", '"sep=;"\nuser;item\n', 2),
        ("comments", "# exported\n\n#\nuser,item\n", 4), ("blank", "\n \nuser,item\n", 3))
    def test_lines_before_the_header_are_skipped(self, text, skipped):
        layout = layout_of(text + "1,2\n")
        self.assertEqual((layout.places, layout.num_skipped), (dict(user=0, item=1), skipped))

    def test_a_comment_may_be_the_header(self):
        layout = layout_of("# exported\n# user item rating\n1 2 3\n")
        self.assertEqual((layout.places, layout.num_skipped), (dict(user=0, item=1, rating=2), 2))
        with self.assertRaisesRegex(checks.InputError, "3 columns separated by blanks"):
            layout_of("# user item\n1 2 3\n")

    def test_separator_option_is_used(self):
        text = "user;item;a,b,c,d\n1;2;3\n"
        self.assertEqual(layout_of(text, separator="semicolon").names, ["user", "item", "a,b,c,d"])
        self.assertEqual(layout_of("user item\n1 2,3\n", separator="space").separator, " ")


class ColumnsTest(parameterized.TestCase):

    @parameterized.named_parameters(
        ("csv", "1,2,3,4\n", "user,item,rating,time", dict(user=0, item=1, rating=2, time=3), ","),
        ("blanks", "1 10 4\n", "user,item,rating", dict(user=0, item=1, rating=2), " "),
        ("tabs", "u\ti\t1500000000\n", "user,item,time", dict(user=0, item=1, time=2), "\t"),
        ("ignored", "1,2,3,4\n", "_,item,user,_", dict(item=1, user=2), ","),
        ("context", "1,2,tv\n", "user,item,device", dict(user=0, item=1), ","),
        ("list", "u\t1 2 3\n", "user,items", dict(user=0, items=1), "\t"),
        ("event", "u,i,buy\n", "user,item,event", dict(user=0, item=1, event=2), ","))
    def test_columns_of_a_file_without_a_header(self, text, names, places, separator):
        layout = layout_of(text, columns=names.split(","))
        if layout.kind == "cells":
            self.assertEqual((layout.places, layout.separator), (places, separator))
        else:
            self.assertEqual(layout.places, dict(user=0, item=1))
        self.assertEqual((layout.names, layout.num_skipped), (names.split(","), 0))

    def test_lines_of_a_user_and_items(self):
        for text in ("1 10 4\n", "1\n", "1 2 3 4\n"):
            self.assertEqual(layout_of(text, columns=["user", "items"]).kind, "lists")

    def test_columns_option_refuses_other_widths_and_headers(self):
        with self.assertRaisesRegex(checks.InputError,
                                    "wanted 3 columns, as in --columns, got columns '1', '2'"):
            layout_of("1,2\n", columns=["user", "item", "time"])
        with self.assertRaisesRegex(checks.InputError,
                                    r"wanted a file without a header for --columns \("
                                    "--user_column .*got the header user,item$"):
            layout_of("user,item\n1,2\n", columns=["user", "item"])


class JsonTest(parameterized.TestCase):

    @parameterized.named_parameters(
        ("amazon_2014", '{"reviewerID": "A2", "asin": "B1", "helpful": [0, 0], "overall": 5.0, '
         '"unixReviewTime": 1, "reviewTime": "09 13, 2009"}', "reviewerID", "asin", "unixReviewTime"),
        ("yelp", '{"review_id": "a", "user_id": "b", "business_id": "c", "stars": 4.0, "date": '
         '"2016-03-09 00:00:00"}', "user_id", "business_id", "date"),
        ("goodreads", '{"user_id": "8", "book_id": 1, "review_id": "5", "rating": 5, "date_added": '
         '"Sun Jul 30 07:44:10 -0700 2017", "date_updated": "x"}', "user_id", "book_id", "date_added"),
        ("steam", "{u'username': u'x', u'hours': 0.1, u'product_id': u'3', u'date': u'2017-12-17'}",
         "username", "product_id", "date"))
    def test_keys_of_published_sets_are_recognised(self, line, user, item, time):
        layout = layout_of(line + "\n")
        self.assertEqual([layout.names[layout.places[role]] for role in ("user", "item", "time")],
                         [user, item, time])
        self.assertEqual((layout.kind, layout.num_skipped), ("json", 0))

    def test_keys_of_all_lines_take_precedence(self):
        layout = layout_of("{'username': 'x', 'item': 1, 'user_id': 2}\n{'username': 'y', 'item': 3}\n")
        self.assertEqual(layout.names[layout.places["user"]], "username")
        layout = layout_of("{'username': 'x', 'item': 1, 'user_id': 2}\n{'username': 'y', 'item': 3}\n",
                           user_column="user_id")
        self.assertEqual(layout.names[layout.places["user"]], "user_id")

    def test_missing_keys_are_named(self):
        with self.assertRaisesRegex(checks.InputError,
                                    "JSON Lines with keys for the user and the item.*got "
                                    "keys 'who', 'asin'"):
            layout_of('{"who": 1, "asin": 2}\n')
        with self.assertRaisesRegex(checks.InputError, "JSON Lines with the keys 'x', got keys 'user'"):
            layout_of('{"user": 1}\n', user_column="x")
        with self.assertRaisesRegex(checks.InputError, "got none"):
            layout_of('{"user": \n')


class TableTest(absltest.TestCase):

    def test_key_column_may_have_any_name(self):
        lines = ["user,code,age\n", "1,2,3\n"]
        for name, place in (("code", 1), ("", 0), ("other", 0)):
            layout = layouts.of_table("t.csv", lines, ("user",), ("user",), key_column=name)
            self.assertEqual(layout.places, {"user": place})


if __name__ == "__main__":
    absltest.main()
