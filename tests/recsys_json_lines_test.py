"""Tests of lines of JSON objects and of Python dicts."""
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import json_lines


class ObjectsTest(parameterized.TestCase):

    def test_values_by_hand(self):
        lines = [(3, '{"a": "x", "b": [1, {"c": null}]}\n'),
                  (5, "{u'a': 'it\\'s', 'b': None, 'c': True}\n")]
        self.assertEqual(json_lines.objects("f", lines), [
            {"a": "x", "b": [1, {"c": None}]}, {"a": "it's", "b": None, "c": True}])
        self.assertEqual(json_lines.objects("f", [(1, '{"a": "\\ud83d\\ude00 \\u00e9"}')]),
                         [{"a": "\U0001f600 é"}])

    @parameterized.parameters(
        "[1]", "7", '{"a": 1}, {"a": 2}', '{"a": 1', "x", "{", "{1: 2}", "{'a': open('x')}", "[" * 9999,
        '{"a":' * 9999, "{'a': " + "[" * 60, "{'a': f'{1}'}", '{"a": ' + "9" * 5000 + "}x")
    def test_other_lines_are_named(self, line):
        with self.assertRaisesRegex(checks.InputError, "^f: line 7: wanted a JSON object, got "):
            json_lines.objects("f", [(6, '{"a": 1}'), (7, line)])

    def test_lone_surrogates_are_refused(self):
        for line in ('{"a": "\\ud800"}', "{'a': '\\ud800'}"):
            with self.assertRaisesRegex(checks.InputError, "^f: line 2: wanted Unicode characters, got"):
                json_lines.objects("f", [(1, '{"a": "\\u00e9"}'), (2, line)])
        self.assertIsNone(json_lines.as_object('{"\\ud800": 1}'))

    def test_texts_of_values(self):
        self.assertEqual([json_lines.text_of(value) for value in (None, True, False, 7, 1.5, 2.0, [1],
                                                                  {})],
                         ["", "true", "false", "7", "1.5", "2.0", None, None])


if __name__ == "__main__":
    absltest.main()
