"""Tests of the shapes of files without a header."""
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import shapes

_SHA = "00000c289a1829a808ac09c00daf10bc3c4e223b"
_MBID = "3bd73256-3905-4f3a-97e2-8b341527f805"


def rows_of(text, separator):
    return [line.split() if separator == " " else line.split(separator) for line in text.split("\n")]


class RecognisedTest(parameterized.TestCase):

    @parameterized.named_parameters(
        ("u_data", "\t", "196\t242\t3\t881250949", dict(user=0, item=1, rating=2, time=3)),
        ("ratings_dat", "::", "1::1193::5::978300760", dict(user=0, item=1, rating=2, time=3)),
        ("ratings", "\t", "1\ta\t4.5\n1\tb\t5", dict(user=0, item=1, rating=2)),
        ("pairs", "\t", "u1\ti1\nu1\ti2", dict(user=0, item=1)),
        ("pairs_with_blanks", "\t", "u1\tOld Town Road\nu1\tU2 live", dict(user=0, item=1)),
        ("amazon_2014", ",",
         "A2CX7LUOHB2NDG,0321732944,5.0,1341100800\nA2NWSAGRHCP8N5,0439886341,1.0,1367193600",
         dict(user=0, item=1, rating=2, time=3)),
        ("amazon_2018", ",",
         "0449819906,A1GKNJWEOG0HKO,4.0,1426982400\nB00004WHX0,A2CX7LUOHB2NDG,5.0,1430524800",
         dict(user=1, item=0, rating=2, time=3)),
        ("lastfm_360k", "\t",
         "%s\t%s\tbetty blowtorch\t2137\n%s\t\tdie Ärzte\t1099" % (_SHA, _MBID, _SHA),
         dict(user=0, item=2)),
        ("lastfm_1k", "\t", "user_000001\t2009-05-04T23:08:57Z\t%s\tDeep Dish\t\tFuck Me" % _MBID,
         dict(user=0, time=1, item=3)),
        ("yoochoose_clicks", ",",
         "1,2014-04-07T10:51:09.277Z,214536502,0\n2,2014-04-07T13:56:37.614Z,214662742,S",
         dict(user=0, time=1, item=2)),
        ("yoochoose_buys", ",", "420374,2014-04-06T18:44:58.314Z,214537888,12462,1",
         dict(user=0, time=1, item=2)),
        ("steam", ",",
         "151603712,The Elder Scrolls V Skyrim,purchase,1.0,0\n151603712,Fallout 4,play,273.0,0",
         dict(user=0, item=1, event=2)),
        ("taobao", ",", "1,2268318,2520377,pv,1511544070", dict(user=0, item=1, event=3, time=4)),
        ("mind", "\t", "1\tU13740\t11/11/2019 9:05:58 AM\tN55189 N42782\tN55689-1 N35729-0\n"
         "2\tU9\t11/12/2019 6:11:30 PM\t\tN1-0", dict(user=1, time=2, items=3, item=4)),
        ("netflix", ",", "1:\n1488844,3,2005-09-06", dict(user=0, item=3, rating=1, time=2)),
        ("lists", " ", "1 10 20 30\n2 20\n3", dict(user=0, item=1)),
        ("long_lists", " ", "1 10 20 30 40\n2 10 20 30 40", dict(user=0, item=1)),
        ("lists_of_words", " ", "u1 a b\nu2 c d", dict(user=0, item=1)))
    def test_published_sets_are_recognised(self, separator, text, places):
        shape = shapes.recognised("e.txt", separator, rows_of(text, separator))
        self.assertEqual(shape.places, places)
        width = max(len(row) for row in rows_of(text, separator))
        if shape.kind != "lists" and shape.names is not None:
            self.assertLen(shape.names, width + (shape.kind == "netflix"))

    @parameterized.named_parameters(
        ("numbers_in_csv", ",", "1,2,3,4"), ("words", " ",
         "once upon a time"), ("words_in_tabs", "\t", "a\tb"),
        ("five_columns", "\t", "1\t2\t3\t4\t5"), ("text_in_the_third", "\t", "1\t2\tx"),
        ("a_colon_alone", ",", "1:"), ("another_colon", ",", "1:\nx,y"),
        ("almost_steam", ",", "151603712,Fallout 4,sold,1.0,0"),
        ("almost_yoochoose", ",", "1,2014-04-07,214536502,0"),
        ("almost_mind", "\t", "1\tU1\tnoon\tN1\tN2-1"))
    def test_other_files_are_not_recognised(self, separator, text):
        self.assertIsNone(shapes.recognised("e.txt", separator, rows_of(text, separator)))

    def test_empty_files_are_not_recognised(self):
        self.assertIsNone(shapes.recognised("e.txt", " ", []))

    @parameterized.named_parameters(
        ("three_numbers", " ", "1 10 4\n1 20 5",
         "--columns=user,item,rating for lines of one event, or --columns=user,items .*got 3 columns "
         "separated"),
        ("four_numbers", " ", "u1 10 4 881250949\nu1 20 5 881250950",
         "--columns=user,item,rating,time for "),
        ("times_or_ratings", "\t", "u1\ti1\t1500000000\nu1\ti2\t1500000001",
         "--columns=user,item,time or --columns=user,item,rating .*as 1.5e.09, which look like times"),
        ("counts", "\t", "u1\ti1\t1\nu1\ti2\t250",
         "--columns=user,item,time or .*a third column of numbers such as 250"),
        ("colons", "::", "1::2::978300760", "--columns=user,item,time or"),
        ("time_before_rating", "\t", "1\t2\t881250949\t5",
         "--columns=user,item,rating,time, or these in another"),
        ("lists_after_tabs", "\t", "u1\t1 2 3\nu2\t4 5",
         "--columns=user,items for a user and a list of items"))
    def test_error_for_ambiguous_shapes_names_the_options(self, separator, text, message):
        with self.assertRaisesRegex(checks.InputError, "^e.txt: wanted " + message):
            shapes.recognised("e.txt", separator, rows_of(text, separator))


if __name__ == "__main__":
    absltest.main()
