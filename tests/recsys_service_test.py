"""Tests of the HTTP service of a recommender: its answers and errors, its page in a browser."""
import base64
import concurrent.futures
import contextlib
import gzip
import hashlib
import json
import logging
import shutil
import socket
import tempfile
import threading
import time
import unittest
import urllib.parse
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import recommender_case, service_case
from tests.recommender_case import NAMES, TITLES, oracle
from tf1_sampled.recsys import access, bodies, requests, service

try:
    from selenium import webdriver
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.chrome.service import Service as DriverService
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None


class ServiceTest(service_case.ServedCase):

    def test_health_and_model(self):
        self.assertEqual({"status": "ok", "items": 7}, self.get("/health"))
        self.assertEqual({
            "items": 7, "users": 3, "user_rows": False, "context": [], "ordered": True, "repeats": False,
            "exact": True, "categories": {"genres": ["Crime", "Horror", "Space"]}}, self.get("/model"))

    def test_answers_have_json_and_security_headers(self):
        for path, status, kind in (("/", 200, "text/html"), ("/health", 200, "application/json"),
                                   ("/nothing", 404, "application/json"),
                                   ("/embed", 405, "application/json")):
            answer = service_case.ask(self.port, path)
            self.assertEqual((status, kind + "; charset=utf-8", "nosniff"), (
                answer.status, answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]))
            self.assertEqual("tf1_sampled", answer.headers["Server"])

    def test_page_allows_only_its_own_code(self):
        answer = service_case.ask(self.port, "/")
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
        self.assertLen(self.get("/items?limit=%d" % service.MAX_LIMIT), 7)

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

    def test_unknown_names_are_reported_and_ignored(self):
        got = self.post("/recommend", items=["x", "heat", "é", "x"], exclude=["alien", "y", "x"])
        self.assertEqual(service_case.unknown(["x", "é", "y"]), got["unknown"])
        self.assert_best(oracle(["heat"], 10, ["heat", "alien"]), got["recommendations"])
        self.assertEqual({"vector": [1.0, 1.0], "unknown": service_case.unknown(["x"])},
                         self.post("/embed", items=["x", "heat"]))

    def test_filter_gives_the_best_of_the_rest(self):
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

    def test_unknown_users_get_popular_items(self):
        for fields, users, items in (({}, [], []), ({"user": "zed"}, ["zed"], []),
                                     ({"items": ["x", 3]}, [], ["x", "3"])):
            got = self.post("/recommend", k=2, **fields)
            self.assertEqual("popular", got["source"])
            self.assertEqual([("alien", None), ("heat", None)], [
                (one["item"], one["score"]) for one in got["recommendations"]])
            self.assertEqual(service_case.unknown(items, users), got["unknown"])
        got = self.post("/recommend", exclude=["heat"], category={"genres": "Crime"})
        self.assertEqual(["casino"], [one["item"] for one in got["recommendations"]])

    def test_stored_history_is_used_and_not_recommended(self):
        got = self.post("/recommend", user="bob")
        self.assertEqual("model", got["source"])
        self.assert_best(oracle(["heat", "alien"], 10, ["heat", "alien"]), got["recommendations"])
        got = self.post("/recommend", user="bob", items=["日本"])
        self.assert_best(oracle(["日本"], 10, ["heat", "alien", "日本"]), got["recommendations"])
        got = self.post("/recommend", user="bob", repeat=True)
        self.assert_best(oracle(["heat", "alien"], 10), got["recommendations"])

    def test_each_of_several_users_gets_an_answer(self):
        got = self.post("/recommend", users=["bob", "zed", "cid", 7], k=2)
        self.assertEqual(["answers"], list(got))
        self.assertEqual([("bob", "model", []), ("zed", "popular", ["zed"]), ("cid", "model", []),
                          ("7", "popular", ["7"])],
                         [(one["user"], one["source"], one["unknown"]["users"])
                          for one in got["answers"]])
        self.assert_best(oracle(["casino"], 2, ["casino"]), got["answers"][2]["recommendations"])
        self.assertEqual({"answers": []}, self.post("/recommend", users=[]))

    def test_similar_items_are_returned(self):
        got = self.post("/similar", item="heat", k=2, exclude=["x"])
        self.assertEqual(service_case.unknown(["x"]), got["unknown"])
        self.assertEqual([{"item": "日本", "title": "日本の映画", "cosine": 1.0}], got["similar"][:1])
        got = self.post("/similar", item="heat", category={"genres": "Crime"})
        self.assertEqual(["casino"], [one["item"] for one in got["similar"]])
        self.assert_refused('item: wanted a known item, got "x"', "/similar",
                            {"item": "x"})
        self.assert_refused("item: wanted a name of at most 1000 characters, got null", "/similar", {})

    def test_vectors_are_returned(self):
        self.assertEqual({"vector": [1.75, 2.0], "unknown": service_case.unknown()},
                         self.post("/embed", items=["heat", "日本"]))
        self.assertEqual([0.5, 2.0], self.post("/embed", user="bob")["vector"])

    def test_limits_themselves_are_allowed(self):
        long = "n" * requests.MAX_NAME
        got = self.post("/recommend", items=["heat"] * (requests.MAX_ITEMS - 1) + [long],
                        exclude=["alien"] * requests.MAX_ITEMS)
        self.assertEqual(service_case.unknown([long]), got["unknown"])
        body = json.dumps({"items": ["heat"]}).encode()
        body += b" " * (bodies.MAX_BYTES - len(body))
        self.assertEqual(200, service_case.ask(self.port, "/embed", body).status)
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
        ({"users": ["bob"], "user": "bob"}, 'users: wanted no field "user" with it, got ["bob"]'),
        ({"users": ["bob"], "items": []}, 'users: wanted no field "items" with it, got ["bob"]'),
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
        (b'{"k": 1' + b"0" * 5000 + b"}", "body: wanted JSON, got: an integer of 5001 digits"),
        (b"[" + b"[]," * 30000 + b"[]]", "body: wanted at most 50000 values, got 60002"))
    def test_invalid_bodies_are_refused(self, body, message):
        self.assert_refused(message, "/recommend", body)

    def test_too_complex_json_is_refused(self):
        for body in (b"[" * 100000, b'{"k": 1' + b"0" * 100000 + b"}"):
            answer = service_case.ask(self.port, "/recommend", body)
            self.assertEqual(400, answer.status)
            self.assertLess(len(answer.value["error"]), 300)

    def test_vectors_take_fewer_fields(self):
        for name in ("k", "exclude", "repeat"):
            self.assert_refused('body: wanted no fields but items, user, context, got "%s"' % name,
                                "/embed", {"items": ["heat"], name: 1})
        self.assert_refused("items: wanted a known item or a known user, got []",
                            "/embed", {"items": []})

    @parameterized.parameters(
        ("limit=0", 'limit: wanted an integer from 1 to 100, got "0"'),
        ("limit=101", 'limit: wanted an integer from 1 to 100, got "101"'),
        ("limit=", 'limit: wanted an integer from 1 to 100, got ""'),
        ("limit=%C2%B2", 'limit: wanted an integer from 1 to 100, got "²"'),
        ("limit=1%0A", 'limit: wanted an integer from 1 to 100, got "1\\n"'),
        ("query=" + "x" * 1001, 'query: wanted at most 1000 characters, got "%s...' % ("x" * 59)),
        ("search=x", 'items: wanted no parameters but query and limit, got "search"'))
    def test_invalid_searches_are_refused(self, parameters, message):
        self.assert_refused(message, "/items?" + parameters)

    def test_unknown_paths_and_methods_are_refused(self):
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
            logging.getLogger().info("the only line")  # assertLogs wants at least one
        self.assertEqual(["INFO:root:the only line"], logs.output)

    def test_body_with_another_encoding_is_refused(self):
        with self.assert_nothing_logged():
            for body in (b"{}", b"{}" * 10000):
                self.assert_refused("body: wanted data that matches the headers, got other data",
                                    "/embed", body, **{"Content-Encoding": "gzip"})

    def test_other_requests_are_answered_during_a_question(self):
        began, go = threading.Semaphore(0), threading.Event()

        def slow(*_):
            began.release()
            return go.wait(10) and {}["a defect"]

        with mock.patch.object(self.model, "resolve", slow):
            with concurrent.futures.ThreadPoolExecutor(3) as threads, self.assertLogs():
                answers = [threads.submit(service_case.ask, self.port, path, body) for path, body in (
                    ("/recommend", {}), ("/similar", {"item": "heat"}), ("/embed", {}))]
                for _ in answers:
                    began.acquire(timeout=60)
                self.assertEqual("ok", self.get("/health")["status"])
                self.assertFalse(any(answer.done() for answer in answers))
                go.set()
                self.assertEqual([500] * 3, [answer.result().status for answer in answers])

    def test_too_many_waiting_questions_are_refused(self):
        with mock.patch.object(service, "MAX_WAITING", -1):
            answer = self.assert_refused("questions: wanted at most -1 waiting, got more",
                                         "/recommend", {}, 503)
        self.assertEqual("1", answer.headers["Retry-After"])

    def test_invalid_http_is_refused(self):
        with self.assert_nothing_logged():
            for text in (b"hello\r\n\r\n", b"\x16\x03\x01\xff\r\n\r\n",
                         b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n",
                         b"POST /embed HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
                with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
                    client.sendall(text)
                    answer = client.recv(65536)
                self.assertRegex(answer, rb"^HTTP/1\.[01] 400 ")
                self.assertNotIn(b"Traceback", answer)

    def test_packed_body_is_limited_by_its_unpacked_size(self):
        bomb = gzip.compress(b" " * (bodies.MAX_BYTES + 1))
        self.assertLess(len(bomb), 10000)
        self.assert_refused("body: wanted at most 1048576 bytes, got more", "/embed", bomb, 413,
                            **{"Content-Encoding": "gzip"})

    def test_defect_is_logged_and_not_shown(self):
        with mock.patch.object(self.model, "resolve", side_effect=KeyError("a secret")):
            with self.assertLogs(level="ERROR") as logs:
                self.assert_refused("internal error", "/recommend", {"items": ["heat"]}, 500)
        self.assertLen(logs.output, 1)
        self.assertRegex(logs.output[0], r"(?s)POST /recommend.*Traceback.*a secret")

    def test_no_nan_is_sent(self):
        nan = np.float32([np.nan])
        with mock.patch.object(self.model, "embed", return_value=nan), self.assertLogs():
            self.assert_refused("internal error", "/embed", {"items": ["heat"]}, 500)

    def test_disconnected_client_is_not_a_defect(self):
        began, go = threading.Event(), threading.Event()

        def slow(*_, **__):
            began.set()
            go.wait(60)
            return np.float32([0])

        with mock.patch.object(self.model, "embed", slow), self.assert_nothing_logged():
            for whole in (True, False):
                with socket.create_connection(("127.0.0.1", self.port)) as client:
                    client.sendall(b"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 19"
                                   b"\r\n\r\n" + b'{"items": ["heat"]}'[:None if whole else 5])
                    if whole:
                        began.wait(60)
            go.set()
            self.assertEqual({"vector": [0.0], "unknown": service_case.unknown()},
                             self.post("/embed", items=["heat"]))

    def test_simultaneous_requests_get_the_same_answers(self):
        requests = [{"items": [NAMES[(i * j) % 7] for j in range(1, 2 + i % 4)], "k": 1 + i % 7}
                    for i in range(60)]
        alone = [self.post("/recommend", **fields) for fields in requests]
        self.assertGreater(len({json.dumps(one) for one in alone}), 15)
        with concurrent.futures.ThreadPoolExecutor(12) as threads:
            together = list(threads.map(lambda fields: self.post("/recommend", **fields), requests))
        self.assertEqual(alone, together)


class ContextTest(service_case.ServedCase):
    """A model with users, and a context of a string and a number."""

    arguments = {"with_users": True, "with_context": True}

    def test_model_describes_its_inputs(self):
        got = self.get("/model")
        self.assertTrue(got["user_rows"])
        self.assertEqual([
            {"name": "mood", "type": "string", "of_user": True, "values": ["far", "日本"]},
            {"name": "shift", "type": "number", "of_user": False, "values": None}], got["context"])

    def test_context_changes_the_answer(self):
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
        self.assertEqual(service_case.unknown(["x"]), got["unknown"])

    def test_column_of_the_user_is_added(self):
        had = ["heat", "alien"]  # the history of bob, whose mood is far
        got = self.post("/recommend", user="bob", context={"shift": 1})
        self.assert_best(oracle(had, 10, had, shift=6), got["recommendations"])
        got = self.post("/recommend", user="bob", context={"shift": 1, "mood": "日本"})
        self.assert_best(oracle(had, 10, had, shift=1), got["recommendations"])
        got = self.post("/recommend", items=["heat"], context={"shift": 0, "mood": "odd"})
        self.assertEqual([{"column": "mood", "value": "odd"}], got["unknown"]["categories"])

    def test_unknown_users_need_no_context(self):
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
    def test_invalid_contexts_are_refused(self, columns, message):
        for path in ("/recommend", "/embed"):
            self.assert_refused(message, path, {"items": ["heat"], "context": columns})

    def test_numbers_beyond_float_are_refused(self):
        self.assert_refused("shift: wanted a number, got Infinity", "/embed",
                            b'{"items": ["heat"], "context": {"mood": "", "shift": 1e999}}')


def _browser():
    """Return a headless Chromium with its driver; skip the test if one of these is missing."""
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


class PageCase(service_case.ServedCase):
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
        self.browser.get_log("browser")  # discards earlier messages
        self.browser.get("http://127.0.0.1:%d/" % self.port)
        self.wait(lambda: "7 items" in self.find("#about").text)

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        return [one.text for one in self.browser.find_elements(By.CSS_SELECTOR, selector)]

    def wait(self, condition, wanted=True):
        """Wait until a function returns the wanted value; fail with its last value."""
        deadline = time.time() + 60
        while True:
            try:
                got = condition()
            except StaleElementReferenceException:  # the page has just replaced the element
                got = None
            if got == wanted or time.time() > deadline:
                break
            time.sleep(0.02)
        self.assertEqual(wanted, got)

    def type(self, text, suggested):
        """Type into the search box, and wait for the suggested titles."""
        self.find("#search").send_keys(text)
        self.wait(self.is_up_to_date)
        self.wait(lambda: self.texts("#suggestions .title"), suggested)

    def is_up_to_date(self):
        """Return whether the suggestions are those of the text in the search box."""
        return self.find("#suggestions").get_attribute("aria-busy") == "false"

    def offered(self):
        """Return the recommended titles, without the names below them."""
        return [text.split("\n")[0] for text in self.texts("#recommendations .title")]

    def wait_for_best(self, names, **others):
        wanted = [TITLES[NAMES.index(name)] for name, _ in oracle(names, 10, **others)]
        self.wait(self.offered, wanted)

    def pick(self, text, *keys):
        """Type into the search box, wait for the suggestions, and press other keys."""
        self.find("#search").send_keys(text)
        self.wait(lambda: self.is_up_to_date() and self.texts("#suggestions li") != [])
        self.find("#search").send_keys(*keys)

    def assert_quiet(self):
        """Check that the browser logged no script errors and no violations of the policy."""
        self.assertEqual([], self.browser.get_log("browser"))


class PageTest(PageCase):

    def test_two_items_are_picked_by_keyboard(self):
        self.assertIn("No item is picked", self.find("#status").text)
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
        self.assertEqual("5 items, best first.", self.find("#status").text)
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
        # The first item cannot move up: the focus moves to its button down.
        self.assertEqual("Move down: 日本の映画",
                         self.browser.switch_to.active_element.get_attribute("aria-label"))
        self.find("[aria-label='Remove: Alien (1979)']").click()
        self.assertEqual(["日本の映画\n日本", "Heat (1995)\nheat"], self.texts("#picked .title"))
        self.wait_for_best(["heat", "日本"], seen=["heat", "日本"])
        for _ in range(2):
            self.browser.switch_to.active_element.send_keys(Keys.ENTER)
        self.assertEqual("search", self.browser.switch_to.active_element.get_attribute("id"))
        self.wait(self.offered, TITLES)  # the most frequent items
        self.assertIn("No item is picked", self.find("#status").text)
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

    def test_history_may_be_recommended(self):
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
        self.wait(lambda: self.find("#search-hint").text,
                  "No title or name contains all words of “<b>x”.")
        self.assert_quiet()  # an alert would have blocked these steps

    def test_server_error_is_shown(self):
        with mock.patch.object(self.model, "resolve", side_effect=KeyError), self.assertLogs():
            self.pick("alien", Keys.ENTER)
            self.wait(lambda: self.find("#error").text.split("\n")[0],
                      "The server could not answer: internal error.Try again")
            self.assertEqual([], self.offered())
        self.find("#error button").click()
        self.wait_for_best(["alien"], seen=["alien"])
        self.assertFalse(self.find("#error").is_displayed())

    def test_stopped_server_is_reported(self):
        with service_case.served(self.model) as port:
            self.browser.get("http://127.0.0.1:%d/" % port)
            self.wait(lambda: "7 items" in self.find("#about").text)
        self.find("#search").send_keys("a")
        self.wait(lambda: "The server does not answer." in self.find("#error").text)

    def test_successful_search_clears_its_error(self):
        with mock.patch.object(self.model, "search", side_effect=KeyError), self.assertLogs():
            self.find("#search").send_keys("a")
            self.wait(lambda: "internal error" in self.find("#error").text)
        self.find("#search").send_keys("li")
        self.wait(lambda: self.find("#error").is_displayed(), False)

    def test_enter_ignores_an_earlier_search(self):
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

    def test_narrow_screen_and_dark_mode(self):
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


class TokenPageTest(PageCase):
    """The page of a service that needs a token."""

    def test_token_is_read_from_the_address(self):
        with service_case.served(self.model, access.Access([], "a+Z/9==")) as port:
            self.browser.get("http://127.0.0.1:%d/" % port)
            self.wait(lambda: "Authorization: wanted" in self.find("#error").text)
            self.browser.get("http://127.0.0.1:%d/#token=a+Z/9==" % port)
            self.wait(lambda: "7 items" in self.find("#about").text)
            self.pick("casino", Keys.ENTER)
            self.wait_for_best(["casino"], seen=["casino"])


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

    def test_user_and_context_are_used(self):
        self.fill("shift", "0")
        self.fill("User", "ann")
        self.wait_for_best([], user="ann", shift=0)
        self.choose("mood", "far")
        self.wait_for_best([], user="ann", shift=5)
        self.fill("shift", "-18.4")
        self.wait_for_best([], user="ann", shift=-13.4)
        self.fill("shift", "much")
        self.wait(lambda: self.find("#status").text, "Enter a number for shift, or leave it empty.")
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

    def test_stored_history_and_filter_are_used(self):
        had = ["heat", "alien"]
        self.fill("shift", "0")
        self.fill("User", "bob")
        self.wait_for_best(had, seen=had, shift=5)
        self.wait(lambda: "from the stored history of bob" in self.find("#status").text)
        self.choose("Only genres", "Space")
        self.wait(self.offered, ["日本の映画"])
        self.fill("User", "zed")
        self.wait(lambda: self.find("#status").text,
                  "The model does not know the user zed. The most frequent items:")
        self.assertFalse(self.find("#bar-hint").is_displayed())
        self.assert_quiet()


if __name__ == "__main__":
    absltest.main()
