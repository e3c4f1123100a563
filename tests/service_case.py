"""The HTTP service of a small recommender, in a thread and as a process, and its clients."""
import asyncio
import collections
import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import unittest

import numpy as np
from absl.testing import absltest

from tests import recommender_case
from tf1_sampled.recsys import service

try:
    import aiohttp
except ImportError:
    aiohttp = None

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
needs_aiohttp = unittest.skipIf(aiohttp is None, "aiohttp is not installed (pip install '.[serve]')")
Answer = collections.namedtuple("Answer", "status headers value")


@contextlib.contextmanager
def served(model, *access):
    """Run a Service of a model in a thread, and yield its port."""
    loop = asyncio.new_event_loop()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    async def start():
        answering = service.Service(model, *access)
        return answering, await answering.start("127.0.0.1", 0)

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        answering, port = run(start())
        yield port
        run(answering.stop())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def ask(port, path, body=None, method=None, **headers):
    """Return the Answer to a request, a POST if it has a body; other bodies than bytes become JSON."""
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
    """Return the unknown names of an answer."""
    return {"items": list(items), "users": list(users), "categories": list(categories)}



@needs_aiohttp
class ServedCase(recommender_case.ModelCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port = cls.stack.enter_context(served(cls.model))

    def assert_best(self, wanted, got):
        """Compare [(name, score)] with the recommendations of the service."""
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


class ProcessCase(absltest.TestCase):
    """Tests of the module as users run it."""

    def start(self, *arguments, program=None, broken=None, **model):
        """Start a process in its own folder, with a model in its subfolder "model" if needed."""
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
        """Return (process that serves, its port)."""
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
        except ConnectionResetError:  # it was closed at this moment
            return False
        return False
