"""Tests of the JSON of the service; recsys_service_test tests the service itself."""
from absl.testing import absltest

from tf1_sampled import InputError
from tf1_sampled.recsys import questions, requests
from tf1_sampled.recsys.queries import Question


class RequestsTest(absltest.TestCase):

    def test_questions_are_parsed(self):
        for body, wanted in (
                (b"{}", [Question()]), (b'{"items": [1, "a"], "k": 3}', [Question([1, "a"], k=3)]),
                (b'{"users": ["b", 7], "category": {"genres": "War"}, "repeat": true}',
                 [Question(user=user, category={"genres": "War"}, repeat=True) for user in ("b", "7")]),
                (b'{"users": []}', [])):
            values = requests.parse_body(body, requests.RECOMMEND)
            self.assertEqual(wanted, requests.parse_questions(values))

    def test_invalid_requests_are_refused(self):
        for values, message in (({"k": 1001}, "k: wanted an integer from 1 to 1000, got 1001"),
                                ({"users": [1], "user": 1}, 'users: wanted no field "user" with it'),
                                ({"users": [""]}, "users: wanted names of 1 to 1000"),
                                ({"users": ["a"] * 1001}, "users: wanted at most 1000 names")):
            with self.assertRaisesRegex(InputError, message):
                requests.parse_questions(values)
        for body, message in ((b"3", "body: wanted a JSON object"), (b"[", "body: wanted JSON, got: "),
                              (b'{"a": 1}', "no fields but items, user, context"),
                              (b'{"items": null}', "items: wanted a list of names, got null"),
                              (b'{"user": NaN}', "the number NaN"),
                              (b'{"user": ' + b"1" * 5000 + b"}", "an integer of 5000 digits")):
            with self.assertRaisesRegex(InputError, message):
                requests.parse_body(body, requests.EMBED)

    def test_unknown_names_become_json(self):
        self.assertEqual({"items": ["x"], "users": ["u"], "categories": [{"column": "c", "value": "v"}]},
                         requests.unknown_fields(questions.Unknown(["x"], ["u"], [("c", "v")])))


if __name__ == "__main__":
    absltest.main()
