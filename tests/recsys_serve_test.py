"""Tests of the program that serves a recommender: its options, its start and its end."""
import concurrent.futures
import contextlib
import http.client
import os
import re
import signal
import socket
import time

from absl.testing import absltest, parameterized

from tests import recommender_case, service_case
from tests.recommender_case import oracle
from tf1_sampled import checks
from tf1_sampled.recsys import serve


class MainTest(recommender_case.ModelCase):

    def run_main(self, *arguments):
        serve.main(["serve.py", *arguments])

    def test_exactly_one_folder_is_needed(self):
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

    @service_case.needs_aiohttp
    def test_a_port_in_use_is_an_error(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen(1)
            port = other.getsockname()[1]
            with self.assertRaisesRegex(
                    checks.InputError, "^http://127.0.0.1:%d/: wanted a free address and port "
                    "to listen on, got: Address already in use$" % port):
                self.run_main(self.folder, "--port=%d" % port)

    @service_case.needs_aiohttp
    def test_address_of_another_machine_is_an_error(self):
        with self.assertRaisesRegex(checks.InputError, "^http://192.0.2.1:8080/: wanted a free "):
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
with running.report_errors():
    serve.main(sys.argv)
"""
# The program with a short wait at the end.
_IMPATIENT = """
import sys
from tf1_sampled.programs import running
from tf1_sampled.recsys import serve, service

service.STOP_SECONDS = 0.2
with running.report_errors():
    serve.main(sys.argv)
"""


class ProcessTest(parameterized.TestCase, service_case.ProcessCase):

    def test_help_lists_the_options(self):
        process = self.start("--help")
        out, err = process.communicate()
        self.assertEqual((0, ""), (process.returncode, err))
        for part in ("--host", "--port", "tf1_sampled.recsys.serve runs/recsys-1", "POST /recommend"):
            self.assertIn(part, out)

    def test_help_into_a_closed_pipe_ends_quietly(self):
        for option in ("--help", "-h"):
            process = self.start(option)
            process.stdout.close()  # before it writes: it is still importing
            self.assertEqual((0, ""), (process.wait(60), process.stderr.read()))
            process.stderr.close()

    def test_unknown_option_is_one_line(self):
        self.assert_ended(self.start("model", "--ports=1"), 1, "", (
            "serve.py: error: unrecognized arguments: --ports=1\n"))

    def test_missing_aiohttp_is_one_line(self):
        self.assert_ended(self.start("model", broken="aiohttp"), 1, "", (
            "serve.py: error: serve: aiohttp: wanted an installed aiohttp (pip install "
            "'tf1_sampled[serve]'), got None\n"))

    @service_case.needs_aiohttp
    def test_folder_without_a_model_is_one_line(self):
        self.assert_ended(self.start("nothing"), 1, "", (
            "serve.py: error: nothing/items.tsv: wanted a file of an exported recommender, got none\n"))

    @service_case.needs_aiohttp
    def test_graph_that_writes_a_file_needs_trust(self):
        self.assert_ended(self.start("model", writes="written"), 1, "", (
            "serve.py: error: model/saved_model/saved_model.pb: wanted a graph that only computes, got "
            "the ops WriteFile; --trust_model loads it, and lets it read and write files, open "
            "connections and run programs\n"))
        self.assertFalse(os.path.exists(os.path.join(self.folder, "written")))
        self.serving("--trust_model", writes="written")
        self.assertTrue(os.path.exists(os.path.join(self.folder, "written")))

    @service_case.needs_aiohttp
    @parameterized.parameters(signal.SIGTERM, signal.SIGHUP)
    def test_request_in_progress_is_answered_before_the_end(self, number):
        process, port = self.serving(program=_SLOW, with_users=True)
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            answer = thread.submit(service_case.ask, port, "/recommend", {"items": ["heat"], "k": 7})
            try:
                self.wait_for(lambda: os.path.exists(os.path.join(self.folder, "under way")))
                process.send_signal(number)
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

    @service_case.needs_aiohttp
    def test_waiting_for_requests_is_limited(self):
        process, port = self.serving(program=_IMPATIENT, with_rounds=True)
        endless = {"items": ["heat"], "context": {"rounds": 1e9}}
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            # It is never answered, whether in progress a second later or not.
            answer = thread.submit(service_case.ask, port, "/recommend", endless)
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
            self.assert_ended(process, 0, "Stopped.\n", "")
            self.assertIsInstance(answer.exception(), (OSError, http.client.HTTPException))

    @service_case.needs_aiohttp
    def test_only_loopback_is_served_and_interrupt_stops(self):
        process, port = self.serving(with_users=True)
        # 127.0.0.2 is this machine too: a server on all addresses would answer there.
        self.assertTrue(self.is_refused(port, "127.0.0.2"))
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as kept:
            kept.request("GET", "/health")
            self.assertEqual(b'{"status": "ok", "items": 7}', kept.getresponse().read())
            process.send_signal(signal.SIGINT)  # while a connection is open but idle
            self.assert_ended(process, 0, "Stopped.\n", "")

    @service_case.needs_aiohttp
    def test_unknown_host_is_refused(self):
        process, port = self.serving("--host=127.0.0.2", host="127.0.0.2", with_users=True)
        self.assertTrue(self.is_refused(port))
        self.assertFalse(self.is_refused(port, "127.0.0.2"))

    @service_case.needs_aiohttp
    def test_all_addresses_and_a_listed_host_are_served(self):
        process, port = self.serving("--host=0.0.0.0", "--allowed_hosts=box.example", host="0.0.0.0",
                                     with_users=True)
        self.assertEqual("Everyone who can reach this address can query the model, list its items and "
                         "read its recommendations for each user; --token_file=FILE requires a token.\n",
                         process.stdout.readline())
        for host, status in (("box.example", 200), ("0.0.0.0:1", 200), ("evil.example", 421)):
            self.assertEqual(status, service_case.ask(port, "/health", Host=host).status)
        process.send_signal(signal.SIGHUP)
        self.assert_ended(process, 0, "Stopped.\n", "")

    @service_case.needs_aiohttp
    def test_token_readable_by_others_gives_a_warning(self):
        token = self.create_tempfile("token", "secret\n").full_path
        os.chmod(token, 0o644)
        process, port = self.serving("--host=0.0.0.0", "--token_file=" + token, host="0.0.0.0",
                                     with_users=True)
        for headers, status in (({}, 401), ({"Authorization": "Bearer secret"}, 200)):
            self.assertEqual(status, service_case.ask(port, "/model", **headers).status)
        process.send_signal(signal.SIGTERM)
        self.assert_ended(process, 0, "Stopped.\n", (
            "%s: other users can read this token; chmod 600 protects it\n" % token))

    @service_case.needs_aiohttp
    def test_signal_ends_a_start_blocked_by_a_file(self):
        process = self.start("model", "--token_file=token", with_users=True)
        pipe = os.path.join(self.folder, "token")
        os.mkfifo(pipe)  # before the process opens it: it is still importing

        def is_read():
            try:
                writing.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:  # no reader yet
                return False
            return True

        writing = []
        self.wait_for(is_read)
        self.addCleanup(os.close, writing[0])
        process.send_signal(signal.SIGTERM)
        self.assertEqual(-signal.SIGTERM, process.wait(60))


if __name__ == "__main__":
    absltest.main()
