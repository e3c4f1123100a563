"""The HTTP service of a recommender: what it answers and refuses, how it ends, its page in a browser."""
import asyncio
import base64
import collections
import concurrent.futures
import contextlib
import gzip
import hashlib
import http.client
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import recommender_case
from tests.recommender_case import NAMES, TITLES, oracle
from tf1_sampled import checks
from tf1_sampled.recsys import requests, serve

try:
    import aiohttp
except ImportError:
    aiohttp = None
try:
    from selenium import webdriver
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.chrome.service import Service as DriverService
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_NO_AIOHTTP = "aiohttp is not installed (pip install '.[serve]')"

@contextlib.contextmanager
def served(model):
    """The port of a Service of a model, which runs in a thread."""
    loop = asyncio.new_event_loop()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    async def start():
        runner = serve.Service(model).runner()
        await runner.setup()
        return runner, await loop.create_server(runner.server, "127.0.0.1", 0)

    async def stop():
        server.close()
        await runner.server.shutdown(0.1)
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        runner, server = run(start())
        yield server.sockets[0].getsockname()[1]
        run(stop())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def ask(port, path, body=None, method=None, **headers):
    """The Answer to a request, a POST where it has a body; what is no bytes becomes JSON."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode("utf-8")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method or ("GET" if body is None else "POST"), path, body, headers)
        response = connection.getresponse()
        text = response.read().decode("utf-8")
        is_json = response.headers["Content-Type"].startswith("application/json")
        return Answer(response.status, response.headers, json.loads(text) if is_json else text)
    finally:
        connection.close()


def unknown(items=(), users=(), categories=()):
    """The names that an answer tells as unknown."""
    return {"items": list(items), "users": list(users), "categories": list(categories)}


Answer = collections.namedtuple("Answer", "status headers value")


@unittest.skipIf(aiohttp is None, _NO_AIOHTTP)
class ServedCase(recommender_case.ModelCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port = cls.stack.enter_context(served(cls.model))

    def assert_best(self, wanted, got):
        """Compare [(name, score)] with what the service recommends."""
        self.assertEqual([name for name, _ in wanted], [one["item"] for one in got])
        np.testing.assert_allclose([one["score"] for one in got], [score for _, score in wanted],
                                   rtol=1e-5, atol=1e-5)

    def get(self, path):
        answer = ask(self.port, path)
        self.assertEqual(200, answer.status, answer)
        return answer.value

    def post(self, path, **fields):
        answer = ask(self.port, path, fields)
        self.assertEqual(200, answer.status, answer)
        return answer.value

    def assert_refused(self, message, path, body=None, status=400, **others):
        answer = ask(self.port, path, body, **others)
        self.assertEqual((status, {"error": message}), (answer.status, answer.value))
        return answer


class ServiceTest(ServedCase):

    def test_health_and_model(self):
        self.assertEqual({"status": "ok", "items": 7}, self.get("/health"))
        self.assertEqual({
            "items": 7, "users": 3, "user_rows": False, "context": [], "ordered": True, "repeats": False,
            "exact": True, "categories": {"genres": ["Crime", "Horror", "Space"]}}, self.get("/model"))

    def test_answers_have_headers_of_json_and_safety(self):
        for path, status, kind in (("/", 200, "text/html"), ("/health", 200, "application/json"),
                                   ("/nothing", 404, "application/json"),
                                   ("/embed", 405, "application/json")):
            answer = ask(self.port, path)
            self.assertEqual((status, kind + "; charset=utf-8", "nosniff"), (
                answer.status, answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]))
            self.assertEqual("tf1_sampled", answer.headers["Server"])

    def test_the_page_allows_itself_alone(self):
        answer = ask(self.port, "/")
        policy = dict(part.strip().split(" ", 1) for part in
                      answer.headers["Content-Security-Policy"].split(";"))
        self.assertEqual(("'none'", "'self'"), (policy["default-src"], policy["connect-src"]))
        for directive, element in (("script-src", "script"), ("style-src", "style")):
            begin = answer.value.index("<%s>" % element) + len(element) + 2
            text = answer.value[begin:answer.value.index("</%s>" % element)]
            digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()
            self.assertEqual("'sha256-%s'" % digest, policy[directive])
        self.assertNotRegex(
            answer.value, "(?i)https?:|src=|innerHTML|insertAdjacent|document.write| on[a-z]+=")

    def test_items_are_searched_by_name_and_title(self):
        self.assertEqual([{"item": name, "title": title, "events": events} for name, title, events in
                          zip(NAMES, TITLES, recommender_case.COUNTS)], self.get("/items"))
        self.assertEqual(["heat", "casino"], [one["item"] for one in self.get("/items?query=1995")])
        self.assertEqual(["heat"], [one["item"] for one in self.get("/items?query=1995&limit=1")])
        self.assertEqual(["日本"], [
            one["item"] for one in self.get("/items?query=" + urllib.parse.quote("日"))])
        self.assertEqual([], self.get("/items?query=" + "x" * requests.MAX_NAME))
        self.assertLen(self.get("/items?limit=%d" % serve.MAX_LIMIT), 7)

    def test_recommend_ranks_items(self):
        got = self.post("/recommend", items=["alien", "日本"])
        self.assertEqual(["recommendations", "source", "unknown"], sorted(got))
        self.assertEqual("model", got["source"])
        self.assert_best(oracle(["alien", "日本"], 10, seen=["alien", "日本"]), got["recommendations"])
        self.assertEqual({"item", "title", "score"}, set(got["recommendations"][0]))
        self.assertEqual(TITLES, [one["title"] for name in NAMES for one in self.post(
            "/recommend", items=[name], repeat=True, k=1)["recommendations"]])

    def test_exclude_and_repeat(self):
        for fields, seen in (({}, ["heat"]), ({"exclude": ["casino"]}, ["heat", "casino"]),
                             ({"repeat": True}, []),
                             ({"repeat": True, "exclude": ["casino", "alien"]}, ["casino", "alien"])):
            self.assert_best(oracle(["heat"], 10, seen),
                             self.post("/recommend", items=["heat"], **fields)["recommendations"])

    def test_k_is_the_number_of_items(self):
        for k in (1, 4, requests.MAX_K):
            self.assert_best(oracle(["heat"], k, ["heat"]),
                             self.post("/recommend", items=["heat"], k=k)["recommendations"])

    def test_unknown_names_are_told_and_left_out(self):
        got = self.post("/recommend", items=["x", "heat", "é", "x"], exclude=["alien", "y", "x"])
        self.assertEqual(unknown(["x", "é", "y"]), got["unknown"])
        self.assert_best(oracle(["heat"], 10, ["heat", "alien"]), got["recommendations"])
        self.assertEqual({"vector": [1.0, 1.0], "unknown": unknown(["x"])},
                         self.post("/embed", items=["x", "heat"]))

    def test_a_filter_gives_the_best_of_what_it_leaves(self):
        for fields, allowed in (
                ({"category": {"genres": "Crime"}}, ["heat", "casino"]),
                ({"category": {"genres": ["Crime", "Horror"]}}, ["heat", "casino", "alien"]),
                ({"candidates": ["casino", "日本", "x"]}, ["casino", "日本"]),
                ({"candidates": ["casino", "日本"], "category": {"genres": "Space"}}, ["日本"])):
            got = self.post("/recommend", items=["a\tb"], **fields)
            seen = [name for name in NAMES if name not in allowed]
            self.assert_best(oracle(["a\tb"], 10, seen), got["recommendations"])
        got = self.post("/recommend", items=["heat"], category={"genres": ["Western", "Crime"]})
        self.assertEqual([{"column": "genres", "value": "Western"}], got["unknown"]["categories"])
        self.assertEqual(["casino"], [one["item"] for one in got["recommendations"]])

    def test_nobody_known_gets_what_is_popular(self):
        for fields, users, items in (({}, [], []), ({"user": "zed"}, ["zed"], []),
                                     ({"items": ["x", 3]}, [], ["x", "3"])):
            got = self.post("/recommend", k=2, **fields)
            self.assertEqual("popular", got["source"])
            self.assertEqual([("alien", None), ("heat", None)], [
                (one["item"], one["score"]) for one in got["recommendations"]])
            self.assertEqual(unknown(items, users), got["unknown"])
        got = self.post("/recommend", exclude=["heat"], category={"genres": "Crime"})
        self.assertEqual(["casino"], [one["item"] for one in got["recommendations"]])

    def test_a_stored_history_is_the_history_and_is_not_offered(self):
        got = self.post("/recommend", user="bob")
        self.assertEqual("model", got["source"])
        self.assert_best(oracle(["heat", "alien"], 10, ["heat", "alien"]), got["recommendations"])
        got = self.post("/recommend", user="bob", items=["日本"])
        self.assert_best(oracle(["日本"], 10, ["heat", "alien", "日本"]), got["recommendations"])
        got = self.post("/recommend", user="bob", repeat=True)
        self.assert_best(oracle(["heat", "alien"], 10), got["recommendations"])

    def test_several_users_have_an_answer_each(self):
        got = self.post("/recommend", users=["bob", "zed", "cid", 7], k=2)
        self.assertEqual(["answers"], list(got))
        self.assertEqual([("bob", "model", []), ("zed", "popular", ["zed"]), ("cid", "model", []),
                          ("7", "popular", ["7"])],
                         [(one["user"], one["source"], one["unknown"]["users"])
                          for one in got["answers"]])
        self.assert_best(oracle(["casino"], 2, ["casino"]), got["answers"][2]["recommendations"])
        self.assertEqual({"answers": []}, self.post("/recommend", users=[]))

    def test_similar_items(self):
        got = self.post("/similar", item="heat", k=2, exclude=["x"])
        self.assertEqual(unknown(["x"]), got["unknown"])
        self.assertEqual([{"item": "日本", "title": "日本の映画", "cosine": 1.0}], got["similar"][:1])
        got = self.post("/similar", item="heat", category={"genres": "Crime"})
        self.assertEqual(["casino"], [one["item"] for one in got["similar"]])
        self.assert_refused('item: wanted a name that the model knows, got "x"', "/similar",
                            {"item": "x"})
        self.assert_refused("item: wanted a name of at most 1000 characters, got null", "/similar", {})

    def test_vectors(self):
        self.assertEqual({"vector": [1.75, 2.0], "unknown": unknown()},
                         self.post("/embed", items=["heat", "日本"]))
        self.assertEqual([0.5, 2.0], self.post("/embed", user="bob")["vector"])

    def test_the_most_that_is_allowed(self):
        long = "n" * requests.MAX_NAME
        got = self.post("/recommend", items=["heat"] * (requests.MAX_ITEMS - 1) + [long],
                        exclude=["alien"] * requests.MAX_ITEMS)
        self.assertEqual(unknown([long]), got["unknown"])
        body = json.dumps({"items": ["heat"]}).encode()
        body += b" " * (serve.MAX_BODY_BYTES - len(body))
        self.assertEqual(200, ask(self.port, "/embed", body).status)
        self.assert_refused("body: wanted at most 1048576 bytes, got more", "/embed", body + b" ", 413)

    @parameterized.parameters(
        (b"", "body: wanted JSON, got: Expecting value: line 1 column 1 (char 0)"),
        (b"\xff", "body: wanted JSON, got: 'utf-8' codec can't decode byte 0xff in position 0: "
                  "invalid start byte"),
        (b'{"k": NaN}', "body: wanted JSON, got the number NaN"),
        (b'{"k": -Infinity}', "body: wanted JSON, got the number -Infinity"),
        (["heat"], 'body: wanted a JSON object, got ["heat"]'),
        ({"item": ["heat"]},
         'body: wanted no fields but items, user, users, k, exclude, candidates, category, context, '
         'repeat, got "item"'),
        ({"items": "heat"}, 'items: wanted a list of names, got "heat"'),
        ({"items": None}, "items: wanted a list of names, got null"),
        ({"items": ["heat", 3.5]}, "items: wanted names of 1 to 1000 characters, got 3.5"),
        ({"items": ["heat", True]}, "items: wanted names of 1 to 1000 characters, got true"),
        ({"items": [""]}, 'items: wanted names of 1 to 1000 characters, got ""'),
        ({"items": ["heat", "n" * 1001]},
         'items: wanted names of 1 to 1000 characters, got "%s...' % ("n" * 59)),
        ({"items": ["\ud800"]}, 'items: wanted names of 1 to 1000 characters, got "\\ud800"'),
        ({"items": ["heat"] * 1001}, "items: wanted at most 1000 names, got 1001"),
        ({"exclude": "alien"}, 'exclude: wanted a list of names, got "alien"'),
        ({"exclude": ["x"] * 1001}, "exclude: wanted at most 1000 names, got 1001"),
        ({"candidates": ["x"] * 1001}, "candidates: wanted at most 1000 names, got 1001"),
        ({"category": ["Crime"]}, 'category: wanted columns and their values, got ["Crime"]'),
        ({"category": {"year": 1995}}, 'category: wanted the columns genres, got "year"'),
        ({"category": {"genres": 1.5}}, "category: wanted names of 1 to 1000 characters, got 1.5"),
        ({"users": ["bob"], "user": "bob"}, 'users: wanted no field "user" beside it, got ["bob"]'),
        ({"users": ["bob"], "items": []}, 'users: wanted no field "items" beside it, got ["bob"]'),
        ({"users": "bob"}, 'users: wanted a list of names, got "bob"'),
        ({"users": ["bob"] * 1000, "k": 101},
         "users: wanted at most 100000 recommendations in all, got 101000"),
        ({"items": ["heat"], "k": 0}, "k: wanted an integer from 1 to 1000, got 0"),
        ({"items": ["heat"], "k": 1001}, "k: wanted an integer from 1 to 1000, got 1001"),
        ({"items": ["heat"], "k": 2.0}, "k: wanted an integer from 1 to 1000, got 2.0"),
        ({"items": ["heat"], "k": True}, "k: wanted an integer from 1 to 1000, got true"),
        ({"items": ["heat"], "k": "3"}, 'k: wanted an integer from 1 to 1000, got "3"'),
        ({"items": ["heat"], "repeat": 1}, "repeat: wanted true or false, got 1"),
        ({"user": 3.5}, "user: wanted a name of at most 1000 characters, got 3.5"),
        ({"context": []}, "context: wanted columns and their values, got []"),
        ({"context": {"mood": "far"}}, 'context: wanted no columns, got "mood"'),
        (b'{"k": 1' + b"0" * 5000 + b"}", "body: wanted JSON, got: an integer of 5001 digits"))
    def test_bodies_that_are_refused(self, body, message):
        self.assert_refused(message, "/recommend", body)

    def test_json_that_is_too_much_for_the_parser(self):
        for body in (b"[" * 100000, b'{"k": 1' + b"0" * 100000 + b"}"):
            answer = ask(self.port, "/recommend", body)
            self.assertEqual(400, answer.status)
            self.assertLess(len(answer.value["error"]), 300)

    def test_vectors_take_fewer_fields(self):
        for name in ("k", "exclude", "repeat"):
            self.assert_refused('body: wanted no fields but items, user, context, got "%s"' % name,
                                "/embed", {"items": ["heat"], name: 1})
        self.assert_refused("items: wanted a name that the model knows, or a user whom it knows, got []",
                            "/embed", {"items": []})

    @parameterized.parameters(
        ("limit=0", 'limit: wanted an integer from 1 to 100, got "0"'),
        ("limit=101", 'limit: wanted an integer from 1 to 100, got "101"'),
        ("limit=", 'limit: wanted an integer from 1 to 100, got ""'),
        ("limit=%C2%B2", 'limit: wanted an integer from 1 to 100, got "²"'),
        ("limit=1%0A", 'limit: wanted an integer from 1 to 100, got "1\\n"'),
        ("query=" + "x" * 1001, 'query: wanted at most 1000 characters, got "%s...' % ("x" * 59)),
        ("search=x", 'items: wanted no parameters but query and limit, got "search"'))
    def test_searches_that_are_refused(self, parameters, message):
        self.assert_refused(message, "/items?" + parameters)

    def test_paths_and_methods(self):
        paths = "/, /embed, /health, /items, /model, /recommend, /similar"
        for path in ("/nothing", "/items/", "/../etc/passwd", "/page.html"):
            self.assert_refused('path: wanted one of %s, got "%s"' % (paths, path), path, status=404)
        answer = self.assert_refused('method: wanted POST, got "GET"', "/recommend", status=405)
        self.assertEqual("POST", answer.headers["Allow"])
        answer = self.assert_refused('method: wanted GET or HEAD, got "DELETE"', "/items", status=405,
                                     method="DELETE")
        self.assertEqual("GET, HEAD", answer.headers["Allow"])

    @contextlib.contextmanager
    def assert_nothing_logged(self):
        with self.assertLogs() as logs:
            yield
            self.get("/health")
            logging.getLogger().info("all that there is")  # assertLogs wants at least one
        self.assertEqual(["INFO:root:all that there is"], logs.output)

    def test_a_body_that_is_not_packed_as_told(self):
        with self.assert_nothing_logged():
            for body in (b"{}", b"{}" * 10000):
                self.assert_refused("body: wanted what the headers tell, got something else", "/embed",
                                    body, **{"Content-Encoding": "gzip"})

    def test_what_is_no_http(self):
        with self.assert_nothing_logged():
            for text in (b"hello\r\n\r\n", b"\x16\x03\x01\xff\r\n\r\n",
                         b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n",
                         b"POST /embed HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
                with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
                    client.sendall(text)
                    answer = client.recv(65536)
                self.assertRegex(answer, rb"^HTTP/1\.[01] 400 ")
                self.assertNotIn(b"Traceback", answer)

    def test_a_packed_body_counts_as_it_unpacks(self):
        bomb = gzip.compress(b" " * (serve.MAX_BODY_BYTES + 1))
        self.assertLess(len(bomb), 10000)
        self.assertEqual(413, ask(self.port, "/embed", bomb, **{"Content-Encoding": "gzip"}).status)

    def test_a_defect_is_logged_and_not_told(self):
        with mock.patch.object(self.model, "resolve", side_effect=KeyError("a secret")):
            with self.assertLogs(level="ERROR") as logs:
                self.assert_refused("internal error", "/recommend", {"items": ["heat"]}, 500)
        self.assertLen(logs.output, 1)
        self.assertRegex(logs.output[0], r"(?s)POST /recommend.*Traceback.*a secret")

    def test_no_nan_is_sent(self):
        nan = np.float32([np.nan])
        with mock.patch.object(self.model, "embed", return_value=nan), self.assertLogs():
            self.assert_refused("internal error", "/embed", {"items": ["heat"]}, 500)

    def test_who_goes_away_is_no_defect(self):
        began, go = threading.Event(), threading.Event()

        def slow(*_, **__):
            began.set()
            go.wait(60)
            return np.float32([0])

        with mock.patch.object(self.model, "embed", slow), self.assert_nothing_logged():
            for whole in (True, False):
                with socket.create_connection(("127.0.0.1", self.port)) as client:
                    client.sendall(b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: 19\r\n\r\n"
                                   + b'{"items": ["heat"]}'[:None if whole else 5])
                    if whole:
                        began.wait(60)
            go.set()
            self.assertEqual({"vector": [0.0], "unknown": unknown()},
                             self.post("/embed", items=["heat"]))

    def test_requests_at_once_agree_with_one_after_the_other(self):
        requests = [{"items": [NAMES[(i * j) % 7] for j in range(1, 2 + i % 4)], "k": 1 + i % 7}
                    for i in range(60)]
        alone = [self.post("/recommend", **fields) for fields in requests]
        self.assertGreater(len({json.dumps(one) for one in alone}), 15)
        with concurrent.futures.ThreadPoolExecutor(12) as threads:
            together = list(threads.map(lambda fields: self.post("/recommend", **fields), requests))
        self.assertEqual(alone, together)


class ContextTest(ServedCase):
    """A model with users, and a context of a string and a number."""

    arguments = {"with_users": True, "with_context": True}

    def test_the_model_tells_what_it_takes(self):
        got = self.get("/model")
        self.assertTrue(got["user_rows"])
        self.assertEqual([
            {"name": "mood", "type": "string", "of_user": True, "values": ["far", "日本"]},
            {"name": "shift", "type": "number", "of_user": False, "values": None}], got["context"])

    def test_the_context_counts(self):
        for mood, shift, total in (("far", 1.5, 6.5), ("", 0, 0), ("日本", -2, -2)):
            got = self.post("/recommend", items=["heat"], context={"mood": mood, "shift": shift})
            self.assert_best(oracle(["heat"], 10, ["heat"], shift=total), got["recommendations"])
            self.assertEqual([1.0 + total, 1.0], self.post(
                "/embed", items=["heat"], context={"mood": mood, "shift": shift})["vector"])

    def test_a_user_without_items(self):
        columns = {"mood": "", "shift": 0}
        self.assertEqual([20.0, 0.0], self.post("/embed", user="ann", context=columns)["vector"])
        self.assert_best(oracle([], 10, user="ann"), self.post(
            "/recommend", user="ann", items=[], context=columns)["recommendations"])
        got = self.post("/embed", user="ann", items=["x"], context=columns)
        self.assertEqual(unknown(["x"]), got["unknown"])

    def test_a_column_of_the_user_is_filled_in(self):
        had = ["heat", "alien"]  # of bob, whose mood is far
        got = self.post("/recommend", user="bob", context={"shift": 1})
        self.assert_best(oracle(had, 10, had, shift=6), got["recommendations"])
        got = self.post("/recommend", user="bob", context={"shift": 1, "mood": "日本"})
        self.assert_best(oracle(had, 10, had, shift=1), got["recommendations"])
        got = self.post("/recommend", items=["heat"], context={"shift": 0, "mood": "odd"})
        self.assertEqual([{"column": "mood", "value": "odd"}], got["unknown"]["categories"])

    def test_whoever_is_unknown_needs_no_context(self):
        self.assertEqual("popular", self.post("/recommend")["source"])

    @parameterized.parameters(
        ({}, "context: wanted a value for the column mood, got []"),
        ({"mood": ""}, 'context: wanted a value for the column shift, got ["mood"]'),
        ({"mood": "", "shift": 1, "x": 1}, 'context: wanted the columns mood, shift, got "x"'),
        ({"mood": 3.5, "shift": 1}, "mood: wanted a string of at most 1000 characters, got 3.5"),
        ({"mood": "m" * 1001, "shift": 1},
         'mood: wanted a string of at most 1000 characters, got "%s...' % ("m" * 59)),
        ({"mood": "", "shift": "1"}, 'shift: wanted a number, got "1"'),
        ({"mood": "", "shift": True}, "shift: wanted a number, got true"),
        ({"mood": "", "shift": 1e39}, "shift: wanted a number, got 1e+39"),
        ({"mood": "", "shift": 10 ** 400}, "shift: wanted a number, got 1%s..." % ("0" * 59)))
    def test_contexts_that_are_refused(self, columns, message):
        for path in ("/recommend", "/embed"):
            self.assert_refused(message, path, {"items": ["heat"], "context": columns})

    def test_numbers_that_no_float_holds(self):
        self.assert_refused("shift: wanted a number, got Infinity", "/embed",
                            b'{"items": ["heat"], "context": {"mood": "", "shift": 1e999}}')


class MainTest(recommender_case.ModelCase):

    def run_main(self, *arguments):
        serve.main(["serve.py", *arguments])

    def test_none_or_two_folders_are_an_error(self):
        for arguments in ((), ("a", "b"), ("a", "--port=0", "b")):
            with self.assertRaisesRegex(checks.InputError, "^serve: MODEL_DIR: wanted one folder "):
                self.run_main(*arguments)

    def test_no_host_is_an_error(self):
        with self.assertRaisesRegex(checks.InputError, "^serve: --host: wanted an address, got ''"):
            self.run_main(self.folder, "--host=")

    @parameterized.parameters("65536", "-1", "", "8080.0", "http", "²")
    def test_an_invalid_port_is_an_error(self, text):
        with self.assertRaisesRegex(checks.InputError, "^argument --port: wanted an integer from 0 to "
                                    "65535, got '%s'$" % re.escape(text)):
            serve.parse_arguments(["model", "--port=" + text])

    def test_an_unknown_option_is_an_error(self):
        for option in ("--ports=1", "--ho=x", "--verbose"):
            with self.assertRaisesRegex(checks.InputError, "^unrecognized arguments: " + option):
                serve.parse_arguments(["model", option])

    def test_options_and_their_defaults(self):
        for arguments, wanted in ((["a"], ("a", "127.0.0.1", 8080)),
                                  (["--port", "0", "a", "--host=::1"], ("a", "::1", 0)),
                                  (["a", "--port=65535"], ("a", "127.0.0.1", 65535))):
            got = serve.parse_arguments(arguments)
            self.assertEqual(wanted, (got.folder, got.host, got.port))

    @unittest.skipIf(aiohttp is None, _NO_AIOHTTP)
    def test_a_port_in_use_is_an_error(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen(1)
            port = other.getsockname()[1]
            with self.assertRaisesRegex(
                    checks.InputError, "^http://127.0.0.1:%d/: wanted an address and a port that are "
                    "free to listen on, got: Address already in use$" % port):
                self.run_main(self.folder, "--port=%d" % port)

    @unittest.skipIf(aiohttp is None, _NO_AIOHTTP)
    def test_an_address_of_another_machine(self):
        with self.assertRaisesRegex(checks.InputError, "^http://192.0.2.1:8080/: wanted an address "):
            self.run_main(self.folder, "--host=192.0.2.1", "--port=8080")


# The program, in which a request for 7 items waits for the file "go".
_SLOW = """
import os, sys, time
from tf1_sampled.programs import quiet, running
quiet.import_tensorflow()
from tf1_sampled.recsys import recommender, serve

answer = recommender.Recommender.answer

def slow(self, rows):
    if rows[0].wanted.k == 7:
        open("under way", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
    return answer(self, rows)

recommender.Recommender.answer = slow
with running.errors_told():
    serve.main(sys.argv)
"""
# The program, which does not wait for long.
_IMPATIENT = """
import sys
from tf1_sampled.programs import running
from tf1_sampled.recsys import requests, serve

serve.STOP_SECONDS = 0.2
with running.errors_told():
    serve.main(sys.argv)
"""


class ProcessTest(absltest.TestCase):
    """The module run as users do."""

    def start(self, *arguments, program=None, broken=None, **model):
        """A process in a folder of its own, with a model in its folder "model" where one is wanted."""
        self.folder = self.create_tempdir().full_path
        if model:
            os.mkdir(os.path.join(self.folder, "model"))
            recommender_case.write_model(os.path.join(self.folder, "model"), **model)
        path = [_ROOT] + [p for p in sys.path if p]
        if broken:
            package = os.path.join(self.folder, "broken", broken)
            os.makedirs(package)
            with open(os.path.join(package, "__init__.py"), "w") as stream:
                stream.write("raise ImportError('No module named %s')\n" % broken)
            path.insert(0, os.path.dirname(package))
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path))
        for name in ("TF_CPP_MIN_LOG_LEVEL", "PYTHONUNBUFFERED"):
            environment.pop(name, None)
        process = subprocess.Popen(
            [sys.executable] + (["-c", program] if program else ["-m", "tf1_sampled.recsys.serve"])
            + list(arguments), cwd=self.folder, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, universal_newlines=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def serving(self, *arguments, host="127.0.0.1", **others):
        """(process that serves, its port)."""
        process = self.start("model", "--port=0", *arguments, **others)
        line = process.stdout.readline()
        found = re.match(r"Serving 7 items on http://%s:(\d+)/ \(Ctrl-C stops\)\n$" % re.escape(host),
                         line)
        self.assertTrue(found, line or process.communicate())
        return process, int(found.group(1))

    def assert_ended(self, process, code, out, err):
        got_out, got_err = process.communicate(timeout=60)
        self.assertEqual((code, out, err), (process.returncode, got_out, got_err))

    def wait_for(self, condition):
        deadline = time.time() + 60
        while not condition():
            self.assertLess(time.time(), deadline)
            time.sleep(0.01)

    def is_refused(self, port, host="127.0.0.1"):
        try:
            socket.create_connection((host, port), timeout=10).close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:  # it was just being closed
            return False
        return False

    def test_help_lists_the_options(self):
        process = self.start("--help")
        out, err = process.communicate()
        self.assertEqual((0, ""), (process.returncode, err))
        for part in ("--host", "--port", "tf1_sampled.recsys.serve runs/recsys-1", "POST /recommend"):
            self.assertIn(part, out)

    def test_help_of_which_a_reader_has_enough(self):
        for option in ("--help", "-h"):
            process = self.start(option)
            process.stdout.close()  # before it writes: it has yet to import
            self.assertEqual((0, ""), (process.wait(60), process.stderr.read()))
            process.stderr.close()

    def test_an_option_that_is_unknown(self):
        self.assert_ended(self.start("model", "--ports=1"), 1, "", (
            "serve.py: error: unrecognized arguments: --ports=1\n"))

    def test_without_aiohttp(self):
        self.assert_ended(self.start("model", broken="aiohttp"), 1, "", (
            "serve.py: error: serve: aiohttp: wanted it installed, as by pip install "
            "'tf1_sampled[serve]', got None\n"))

    @unittest.skipIf(aiohttp is None, _NO_AIOHTTP)
    def test_a_folder_that_is_no_model(self):
        self.assert_ended(self.start("nothing"), 1, "", (
            "serve.py: error: nothing/items.tsv: wanted a file of an exported recommender, got none\n"))

    @unittest.skipIf(aiohttp is None, _NO_AIOHTTP)
    def test_a_graph_that_writes_a_file_wants_trust(self):
        self.assert_ended(self.start("model", writes="written"), 1, "", (
            "serve.py: error: model/saved_model/saved_model.pb: wanted a graph that only computes, got "
            "the ops WriteFile; --trust_model loads it, and lets it read and write files, open "
            "connections and run programs\n"))
        self.assertFalse(os.path.exists(os.path.join(self.folder, "written")))
        self.serving("--trust_model", writes="written")
        self.assertTrue(os.path.exists(os.path.join(self.folder, "written")))

    @unittest.skipIf(aiohttp is None, _NO_AIOHTTP)
    def test_a_request_under_way_is_answered_before_the_end(self):
        process, port = self.serving(program=_SLOW, with_users=True)
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            answer = thread.submit(ask, port, "/recommend", {"items": ["heat"], "k": 7})
            try:
                self.wait_for(lambda: os.path.exists(os.path.join(self.folder, "under way")))
                process.send_signal(signal.SIGTERM)
                self.wait_for(lambda: self.is_refused(port))
                self.assertFalse(answer.done())
                self.assertIsNone(process.poll())
            finally:
                open(os.path.join(self.folder, "go"), "w").close()
            self.assertEqual(200, answer.result().status)
            self.assertEqual("close", answer.result().headers["Connection"])
            self.assertEqual([name for name, _ in oracle(["heat"], 7, ["heat"])],
                             [one["item"] for one in answer.result().value["recommendations"]])
        self.assert_ended(process, 0, "Stopped.\n", "")

    @unittest.skipIf(aiohttp is None, _NO_AIOHTTP)
    def test_it_does_not_wait_for_ever(self):
        process, port = self.serving(program=_IMPATIENT, with_rounds=True)
        endless = {"items": ["heat"], "context": {"rounds": 1e9}}
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            # Whether it is under way a second later or not, it is never answered.
            answer = thread.submit(ask, port, "/recommend", endless)
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
            self.assert_ended(process, 0, "Stopped.\n", "")
            self.assertIsInstance(answer.exception(), (OSError, http.client.HTTPException))

    @unittest.skipIf(aiohttp is None, _NO_AIOHTTP)
    def test_loopback_alone_and_an_interrupt(self):
        process, port = self.serving(with_users=True)
        # 127.0.0.2 is this machine too: who listens on all addresses listens there.
        self.assertTrue(self.is_refused(port, "127.0.0.2"))
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as kept:
            kept.request("GET", "/health")
            self.assertEqual(b'{"status": "ok", "items": 7}', kept.getresponse().read())
            process.send_signal(signal.SIGINT)  # while a connection is open, but idle
            self.assert_ended(process, 0, "Stopped.\n", "")

    @unittest.skipIf(aiohttp is None, _NO_AIOHTTP)
    def test_another_host(self):
        process, port = self.serving("--host=127.0.0.2", host="127.0.0.2", with_users=True)
        self.assertTrue(self.is_refused(port))
        self.assertFalse(self.is_refused(port, "127.0.0.2"))


def _browser():
    """A headless Chromium with its driver; skips the test where one of these is missing."""
    chromium = (shutil.which("chromium") or shutil.which("chromium-browser")
                or shutil.which("google-chrome"))
    driver = shutil.which("chromedriver")
    if webdriver is None:
        raise unittest.SkipTest("selenium is not installed (pip install '.[test]')")
    if chromium is None or driver is None:
        raise unittest.SkipTest("no chromium with chromedriver on PATH (Debian: chromium-driver)")
    place = tempfile.mkdtemp()
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-quic",
                     "no-first-run", "disable-background-networking", "disable-component-update",
                     "disable-sync", "user-data-dir=" + place):
        options.add_argument("--" + argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(service=DriverService(executable_path=driver), options=options)

    def end():
        browser.quit()
        shutil.rmtree(place, ignore_errors=True)
    return browser, end


class PageCase(ServedCase):
    """The page in a browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            cls.browser, end = _browser()
        except unittest.SkipTest:
            cls.tearDownClass()
            raise
        cls.stack.callback(end)

    def setUp(self):
        super().setUp()
        self.browser.get_log("browser")  # what came before is told no more
        self.browser.get("http://127.0.0.1:%d/" % self.port)
        self.wait(lambda: "7 items" in self.find("#about").text)

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        return [one.text for one in self.browser.find_elements(By.CSS_SELECTOR, selector)]

    def wait(self, condition, wanted=True):
        """Waits until a function gives what is wanted, and shows what it gives instead."""
        deadline = time.time() + 60
        while True:
            try:
                got = condition()
            except StaleElementReferenceException:  # the page has just replaced it
                got = None
            if got == wanted or time.time() > deadline:
                break
            time.sleep(0.02)
        self.assertEqual(wanted, got)

    def type(self, text, suggested):
        """Types into the search box, and waits for the titles that it suggests."""
        self.find("#search").send_keys(text)
        self.wait(self.is_up_to_date)
        self.wait(lambda: self.texts("#suggestions .title"), suggested)

    def is_up_to_date(self):
        """Whether the suggestions are those of the text in the search box."""
        return self.find("#suggestions").get_attribute("aria-busy") == "false"

    def offered(self):
        """The titles that are recommended, without the names below them."""
        return [text.split("\n")[0] for text in self.texts("#recommendations .title")]

    def wait_for_best(self, names, **others):
        wanted = [TITLES[NAMES.index(name)] for name, _ in oracle(names, 10, **others)]
        self.wait(self.offered, wanted)

    def pick(self, text, *keys):
        """Types into the search box, waits for what it suggests, and goes on with other keys."""
        self.find("#search").send_keys(text)
        self.wait(lambda: self.is_up_to_date() and self.texts("#suggestions li") != [])
        self.find("#search").send_keys(*keys)

    def assert_quiet(self):
        """Nothing was logged: no errors of the script, nothing that the policy refused."""
        self.assertEqual([], self.browser.get_log("browser"))


class PageTest(PageCase):

    def test_two_items_by_keyboard(self):
        self.assertIn("Nothing picked yet", self.find("#status").text)
        self.type("ali", ["Alien (1979)\nalien"])
        self.find("#search").send_keys(Keys.ENTER)
        self.wait_for_best(["alien"], seen=["alien"])
        self.type("1995", ["Heat (1995)\nheat", "Casino (1995)\ncasino"])
        self.find("#search").send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        active = self.find("#search").get_attribute("aria-activedescendant")
        self.assertEqual("true", self.find("#" + active).get_attribute("aria-selected"))
        self.find("#search").send_keys(Keys.ENTER)
        self.wait_for_best(["alien", "casino"], seen=["alien", "casino"])
        self.assertEqual(["Alien (1979)\nalien", "Casino (1995)\ncasino"], self.texts("#picked .title"))
        self.assertEqual("5 items, the best first.", self.find("#status").text)
        self.assert_quiet()

    def test_bars_and_scores(self):
        self.pick("casino", Keys.ENTER)
        self.wait_for_best(["casino"], seen=["casino"])
        best = oracle(["casino"], 10, ["casino"])
        self.assertEqual(["%.2f" % score for _, score in best], self.texts("#recommendations .number"))
        widths = self.browser.execute_script(
            "return Array.from(document.querySelectorAll('.bar'), (bar) => parseFloat(bar.style.width))")
        np.testing.assert_allclose(
            [100 * np.exp(score - best[0][1]) for _, score in best], widths, rtol=1e-3, atol=1e-3)

    def test_items_are_moved_and_removed(self):
        for text in ("alien", "heat", "日"):
            self.pick(text, Keys.ENTER)
        self.wait_for_best(["alien", "heat", "日本"], seen=["alien", "heat", "日本"])
        self.find("[aria-label='Move up: 日本の映画']").send_keys(Keys.ENTER)
        self.assertEqual(["Alien (1979)\nalien", "日本の映画\n日本", "Heat (1995)\nheat"],
                         self.texts("#picked .title"))
        self.assertEqual("Move up: 日本の映画",
                         self.browser.switch_to.active_element.get_attribute("aria-label"))
        self.browser.switch_to.active_element.send_keys(Keys.ENTER)
        # At the top there is no further up: the keyboard is at the way down.
        self.assertEqual("Move down: 日本の映画",
                         self.browser.switch_to.active_element.get_attribute("aria-label"))
        self.find("[aria-label='Remove: Alien (1979)']").click()
        self.assertEqual(["日本の映画\n日本", "Heat (1995)\nheat"], self.texts("#picked .title"))
        self.wait_for_best(["heat", "日本"], seen=["heat", "日本"])
        for _ in range(2):
            self.browser.switch_to.active_element.send_keys(Keys.ENTER)
        self.assertEqual("search", self.browser.switch_to.active_element.get_attribute("id"))
        self.wait(self.offered, TITLES)  # the most frequent
        self.assertIn("Nothing picked yet", self.find("#status").text)
        self.assert_quiet()

    def test_the_order_reaches_the_model(self):
        with mock.patch.object(self.model, "resolve", wraps=self.model.resolve) as resolve:
            for text in ("heat", "alien"):
                self.pick(text, Keys.ENTER)
            self.wait(lambda: resolve.call_args[0][0].items, ["heat", "alien"])
            self.find("[aria-label='Move up: Alien (1979)']").click()
            self.wait(lambda: resolve.call_args[0][0].items, ["alien", "heat"])

    def test_a_recommendation_is_added_by_mouse(self):
        self.find("#search").click()
        self.wait(lambda: len(self.texts("#suggestions li")), 7)
        self.find("#suggestions li").click()
        self.wait_for_best(["alien"], seen=["alien"])
        self.find("[aria-label='Add to the history: Tab']").click()
        self.wait_for_best(["alien", "a\tb"], seen=["alien", "a\tb"])

    def test_the_history_may_be_offered_too(self):
        self.pick("alien", Keys.ENTER)
        self.wait_for_best(["alien"], seen=["alien"])
        self.find("#repeat").click()
        self.wait_for_best(["alien"])
        self.assertIn("The number is the score", self.find("#bar-hint").text)
        self.find("#k option").click()
        self.wait(lambda: len(self.offered()), 5)

    def test_markup_in_a_name_is_text(self):
        markup = "<script>alert(1)</script>"
        self.type("<scr", [markup])
        self.find("#search").send_keys(Keys.ENTER)
        self.wait_for_best([markup], seen=[markup])
        self.assertEqual([markup], self.texts("#picked .title"))
        self.find("[aria-label='Remove: %s']" % markup)
        self.pick("alien", Keys.ENTER)
        self.find("[aria-label='Remove: %s']" % markup).click()
        self.wait_for_best(["alien"], seen=["alien"])
        self.assertIn(markup, self.offered())
        self.assertLen(self.browser.find_elements(By.TAG_NAME, "script"), 1)
        self.type("<b>x", [])
        self.wait(lambda: self.find("#search-hint").text, "No title or name has all of “<b>x” in it.")
        self.assert_quiet()  # an alert would have stopped all this

    def test_an_error_of_the_server_is_told(self):
        with mock.patch.object(self.model, "resolve", side_effect=KeyError), self.assertLogs():
            self.pick("alien", Keys.ENTER)
            self.wait(lambda: self.find("#error").text.split("\n")[0],
                      "The server could not answer: internal error.Try again")
            self.assertEqual([], self.offered())
        self.find("#error button").click()
        self.wait_for_best(["alien"], seen=["alien"])
        self.assertFalse(self.find("#error").is_displayed())

    def test_a_server_that_has_gone_is_told(self):
        with served(self.model) as port:
            self.browser.get("http://127.0.0.1:%d/" % port)
            self.wait(lambda: "7 items" in self.find("#about").text)
        self.find("#search").send_keys("a")
        self.wait(lambda: "The server does not answer." in self.find("#error").text)

    def test_a_search_that_works_again_clears_its_error(self):
        with mock.patch.object(self.model, "search", side_effect=KeyError), self.assertLogs():
            self.find("#search").send_keys("a")
            self.wait(lambda: "internal error" in self.find("#error").text)
        self.find("#search").send_keys("li")
        self.wait(lambda: self.find("#error").is_displayed(), False)

    def test_enter_takes_nothing_from_an_earlier_search(self):
        self.find("#search").click()
        self.wait(lambda: len(self.texts("#suggestions li")), 7)
        go, search = threading.Event(), self.model.search
        with mock.patch.object(self.model, "search", lambda *asked: go.wait(60) and search(*asked)):
            self.find("#search").send_keys("heat" + Keys.ENTER)
            go.set()
            self.wait(lambda: self.texts("#suggestions .title"), ["Heat (1995)\nheat"])
        self.assertEqual([], self.texts("#picked .title"))

    def test_each_control_has_a_name(self):
        self.pick("alien", Keys.ENTER)
        self.wait_for_best(["alien"], seen=["alien"])
        self.find("#search").click()
        self.wait(lambda: len(self.texts("#suggestions li")), 7)
        controls = self.browser.find_elements(By.CSS_SELECTOR, "input, select, button, ul, ol, section")
        self.assertGreater(len(controls), 15)
        for control in controls:
            self.assertNotEqual("", control.accessible_name, control.get_attribute("outerHTML"))

    def test_a_phone_and_the_dark(self):
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.clearDeviceMetricsOverride", {})
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": True})
        self.pick("script", Keys.ENTER)
        self.wait_for_best(["<script>alert(1)</script>"], seen=["<script>alert(1)</script>"])
        self.assertEqual([320, 320], self.browser.execute_script(
            "return [window.innerWidth, document.documentElement.scrollWidth]"))
        colours = []
        for scheme in ("light", "dark"):
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                "features": [{"name": "prefers-color-scheme", "value": scheme}]})
            colours.append(self.browser.execute_script(
                "return getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"))
        self.assertGreater(min(colours[0]), 200)
        self.assertLess(max(colours[1]), 60)


class ContextPageTest(PageCase):
    """The page of a model with users and a context."""

    arguments = {"with_users": True, "with_context": True}

    def fill(self, label, text):
        box = self.find("#" + self.browser.find_element(
            By.XPATH, "//label[starts-with(., '%s')]" % label).get_attribute("for"))
        box.clear()
        box.send_keys(text)

    def choose(self, label, text):
        box = self.find("#" + self.browser.find_element(
            By.XPATH, "//label[starts-with(., '%s')]" % label).get_attribute("for"))
        box.find_element(By.XPATH, "option[.='%s']" % text).click()

    def test_user_and_context_count(self):
        self.fill("shift", "0")
        self.fill("User", "ann")
        self.wait_for_best([], user="ann", shift=0)
        self.choose("mood", "far")
        self.wait_for_best([], user="ann", shift=5)
        self.fill("shift", "-18.4")
        self.wait_for_best([], user="ann", shift=-13.4)
        self.fill("shift", "much")
        self.wait(lambda: self.find("#status").text, "Fill in a number for shift, or nothing.")
        self.assertEqual([], self.offered())
        self.fill("shift", "1e39")
        self.wait(lambda: self.find("#error").text.split("\n")[0],
                  "The server could not answer: shift: wanted a number, got 1e+39.Try again")
        self.fill("shift", "-20")
        self.fill("User", "")
        self.pick("日", Keys.ENTER)
        self.wait_for_best(["日本"], seen=["日本"], shift=-15)
        for control in self.browser.find_elements(By.CSS_SELECTOR, "#options input"):
            self.assertNotEqual("", control.accessible_name)
        self.assertEqual("false", self.find("#context-1").get_attribute("aria-invalid"))

    def test_a_stored_history_and_a_filter(self):
        had = ["heat", "alien"]
        self.fill("shift", "0")
        self.fill("User", "bob")
        self.wait_for_best(had, seen=had, shift=5)
        self.wait(lambda: "by the stored history of bob" in self.find("#status").text)
        self.choose("Only genres", "Space")
        self.wait(self.offered, ["日本の映画"])
        self.fill("User", "zed")
        self.wait(lambda: self.find("#status").text,
                  "The model does not know the user zed. The most frequent items:")
        self.assertFalse(self.find("#bar-hint").is_displayed())
        self.assert_quiet()


if __name__ == "__main__":
    absltest.main()
