"""Tests of connections: limits of number and time, on a tiny server and on the service's process."""
import asyncio
import contextlib
import resource
import signal
import socket
import threading
from unittest import mock

from absl.testing import absltest

from tests import service_case
from tf1_sampled.recsys import connections

_HALF = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


def _received(client):
    """Return everything that a server sends until it closes the connection; b"" if it resets it."""
    client.settimeout(20)
    found = b""
    try:
        while True:
            part = client.recv(65536)
            if not part:
                return found
            found += part
    except ConnectionResetError:
        return found


class _Protocol(asyncio.Protocol):
    """A server that answers each line; a line that begins with "work" is never answered."""

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        connection = self._transport.get_protocol()
        if data.startswith(b"work"):
            connection.works()
        elif data.startswith(b"take"):
            connection.waits_for("answer")
            self._transport.write(b"x" * (1 << 24))
            return
        elif data.endswith(b"\n"):
            connection.waits_for("request")
        self._transport.write(b"seen")


class ConnectionsTest(absltest.TestCase):

    @contextlib.contextmanager
    def listening(self, most, **seconds):
        """Yield a function that makes a client whose text the server has received."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()

        async def start():
            made = connections.Connections(_Protocol, most)
            return made, made.listen("127.0.0.1", 0)

        async def stop():
            self.made.close()

        with contextlib.ExitStack() as stack, mock.patch.dict(connections.SECONDS, seconds):
            self.made, self.port = asyncio.run_coroutine_threadsafe(start(), loop).result()

            def client(text):
                one = stack.enter_context(socket.create_connection(("127.0.0.1", self.port), 60))
                if text:
                    one.sendall(text)
                    self.assertEqual(b"seen", one.recv(100))
                return one

            try:
                yield client
            finally:
                asyncio.run_coroutine_threadsafe(stop(), loop).result()
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
                loop.close()

    def test_connection_that_waits_longest_is_closed_for_a_new_one(self):
        with self.listening(3) as client, self.assertLogs(level="WARNING"):
            work, half, idle = client(b"work"), client(b"half"), client(b"idle\n")
            client(b"half")
            self.assertRegex(_received(half), rb'(?s)^HTTP/1.1 503 .*"connections: wanted at most 3 ')
            client(b"half")
            self.assertEqual(b"", _received(idle))
            work.sendall(b"more")
            self.assertEqual(b"seen", work.recv(100))

    def test_new_connection_is_refused_if_all_others_are_busy(self):
        with self.listening(2) as client, self.assertLogs(level="WARNING"):
            kept = [client(b"work"), client(b"work")]
            self.assertRegex(_received(client(b"")), rb"(?s)^HTTP/1.1 503 .*\r\nRetry-After: 1\r\n")
            kept.pop().close()
            while True:  # until the server notices it
                one = client(b"")
                one.sendall(b"half")
                if one.recv(100) == b"seen":
                    break

    def test_simultaneous_connections_are_all_served(self):
        with self.listening(100) as client:
            clients = [client(b"") for _ in range(60)]
            for one in clients:
                one.sendall(b"one\n")
            for one in clients:
                self.assertEqual(b"seen", one.recv(100))

    def test_waiting_connections_are_closed_in_time(self):
        with self.listening(10, request=0.4, headers=0.2, body=0.2, answer=0.2) as client:
            work, half, silent, take = client(b"work"), client(b"half"), client(b""), client(b"")
            take.sendall(b"take")  # and do not read the answer
            self.assertRegex(_received(half), rb"(?s)^HTTP/1.1 408 .*headers: wanted within 0.2 seconds")
            self.assertEqual(b"", _received(silent))
            self.assertLess(len(_received(take)), 1 << 24)
            work.sendall(b"more")
            self.assertEqual(b"seen", work.recv(100))

    def test_limit_on_open_files_limits_connections(self):
        with mock.patch.object(resource, "getrlimit") as limit:
            for files, least, most in ((64, 1, 48), (10, 1, 1), (resource.RLIM_INFINITY, 1000, 1000),
                                       (1 << 20, 1000, 1000)):
                limit.return_value = files, files
                self.assertBetween(connections.most_connections(), least, most)


# The program with short time limits.
_HURRIED = """
import sys
from tf1_sampled.programs import running
from tf1_sampled.recsys import connections, serve

connections.SECONDS.update(request=1, headers=0.5, body=0.5)
with running.report_errors():
    serve.main(sys.argv)
"""


_FEW_FILES = """
import resource, runpy

resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
runpy.run_module("tf1_sampled.recsys.serve", run_name="__main__", alter_sys=True)
"""


@service_case.needs_aiohttp
class ProcessTest(service_case.ProcessCase):

    def test_service_answers_with_more_unfinished_requests_than_files(self):
        process, port = self.serving(program=_FEW_FILES, with_users=True)
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
                       for _ in range(100)]
            for client in clients:
                client.sendall(_HALF)
            for _ in range(5):
                self.assertEqual(200, service_case.ask(port, "/health").status)
            self.assertRegex(_received(clients[0]), rb"^HTTP/1.1 503 |^$")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        self.assertEqual((0, "Stopped.\n"), (process.returncode, out))
        self.assertBetween(len(err.splitlines()), 1, 10, err)
        self.assertIn("connections: wanted at most ", err)

    def test_waiting_connections_are_closed_in_time(self):
        process, port = self.serving(program=_HURRIED, with_users=True)
        with contextlib.ExitStack() as stack:
            texts = (b"", _HALF, _HALF.replace(b"GET /health", b"POST /embed") + (
                b"Content-Length: 9\r\n\r\n{"), _HALF + b"\r\n")
            clients = []
            for text in texts:
                clients.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), 60)))
                clients[-1].sendall(text)
            silent, half, body, idle = map(_received, clients)
        self.assertEqual(b"", silent)
        self.assertRegex(half, rb"(?s)^HTTP/1.1 408 .*headers: wanted within 0.5 seconds")
        self.assertRegex(body, rb"(?s)^HTTP/1.1 408 .*body: wanted within 0.5 seconds")
        self.assertRegex(idle, rb'(?s)^HTTP/1.1 200 .*"items": 7}$')
        process.send_signal(signal.SIGTERM)
        self.assert_ended(process, 0, "Stopped.\n", "")


if __name__ == "__main__":
    absltest.main()
