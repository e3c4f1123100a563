"""The form of errors, and the values that pass the checks."""
import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks


class ChecksTest(parameterized.TestCase):

    def message(self, check, *args):
        with self.assertRaises(checks.InputError) as caught:
            check(*args)
        return str(caught.exception)

    def test_input_error_is_a_value_error(self):
        self.assertTrue(issubclass(checks.InputError, ValueError))

    def test_a_condition_that_holds_raises_nothing(self):
        checks.argument(True, "f", "x", "anything", None)
        checks.one_of("f", "loss", "nce", {"nce": 1})
        checks.positive("f", "n", 1)
        checks.file(True, "a.csv", "anything", "anything")
        checks.line(True, "a.csv", 1, "anything", None)

    def test_an_argument_error_names_function_and_argument(self):
        self.assertEqual("f: x: wanted at most 10, got 64",
                         self.message(checks.argument, False, "f", "x", "at most 10", 64))

    def test_one_of_lists_the_choices_in_order(self):
        self.assertEqual("f: loss: wanted one of hinge, nce, got 'sofmax'",
                         self.message(checks.one_of, "f", "loss", "sofmax", {"nce": 1, "hinge": 2}))

    @parameterized.parameters(0, -3, 1.0, 0.5, "1", None, True, False)
    def test_positive_refuses_other_than_integers_above_0(self, value):
        self.assertEqual("f: n: wanted an integer above 0, got %r" % (value,),
                         self.message(checks.positive, "f", "n", value))

    @parameterized.parameters(1, 2 ** 40, np.int32(3), np.int64(3))
    def test_positive_accepts_integers_above_0(self, value):
        checks.positive("f", "n", value)

    def test_the_first_line_of_an_error(self):
        for text, wanted in (("a\nb", "a"), ("An error:\n\n  no such op\nmore", "no such op"),
                             ("x\ty", "x\\ty"), ("", "ValueError")):
            self.assertEqual(checks.first_line(ValueError(text)), wanted)

    @parameterized.parameters((0, "0 words"), (1, "1 word"), (2000, "2,000 words"))
    def test_a_number_with_its_noun(self, number, wanted):
        self.assertEqual(checks.counted(number, "word"), wanted)

    def test_a_file_error_names_the_file(self):
        self.assertEqual("a.csv: wanted a file, got a folder",
                         self.message(checks.file, False, "a.csv", "a file", "a folder"))

    def test_a_line_error_names_file_and_line(self):
        self.assertEqual("a.csv: line 7: wanted a number in column 'time', got 'yesterday'",
                         self.message(checks.line, False, "a.csv", 7, "a number in column 'time'",
                                      "yesterday"))

    @parameterized.parameters((78, 80), (79, None), (100000, None))
    def test_long_values_are_shortened_in_messages(self, length, shown):
        message = self.message(checks.line, False, "a.csv", 1, "x", "y" * length)
        if shown:
            self.assertEndsWith(message, "got '%s'" % ("y" * length))
        else:
            self.assertEndsWith(message, "yyy... (%d characters)" % (length + 2))
            self.assertLess(len(message), 130)

    def test_unprintable_names_are_escaped(self):
        for name, shown in (("a\nb", r"a\nb"), ("\x1b[2J", r"\x1b[2J"), ("\udce9", r"\udce9"),
                            ("\u202e", r"\u202e"), ("日 é 😀", "日 é 😀")):
            self.assertEqual(self.message(checks.file, False, name, "x", "y"),
                             shown + ": wanted x, got y")
            self.assertEqual(checks.printable(name), shown)

    def test_messages_are_of_bounded_length(self):
        message = self.message(checks.file, False, "a" * 10 ** 6, "x", "y")
        self.assertLess(len(message), 11000)
        self.assertEndsWith(message, "a: wanted x, got y")

    def test_line_ends_in_a_value_do_not_break_the_message(self):
        self.assertLen(self.message(checks.line, False, "a.csv", 1, "x", "y\nz").splitlines(), 1)


if __name__ == "__main__":
    absltest.main()
