"""Tests of request bodies: their encodings, and the limits of one body and of all."""
import concurrent.futures
import contextlib
import gzip
import select
import socket
import threading
import zlib
from unittest import mock

from absl.testing import absltest, parameterized

from tests import service_case
from tf1_sampled.recsys import bodies

_BODY = b'{"items": ["heat"]}'
_DAMAGED = "body: wanted data that matches the headers, got other data"


def _raw_deflate(body):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


class BodiesTest(service_case.ServedCase):

    @parameterized.parameters(("gzip", gzip.compress), ("GZIP", gzip.compress),
                              ("deflate", zlib.compress), ("deflate", _raw_deflate),
                              ("identity", bytes))
    def test_packed_bodies_are_unpacked(self, encoding, pack):
        most = _BODY + b" " * (bodies.MAX_BYTES - len(_BODY))
        for body in (_BODY, most):
            answer = service_case.ask(self.port, "/embed", pack(body), **{"Content-Encoding": encoding})
            self.assertEqual((200, [1.0, 1.0]), (answer.status, answer.value.get("vector")))
        self.assert_refused("body: wanted at most 1048576 bytes, got more", "/embed", pack(most + b" "),
                            413, **{"Content-Encoding": encoding})

    @parameterized.parameters((b"",), (gzip.compress(_BODY)[:-1],), (gzip.compress(_BODY) + b"x",),
                              (zlib.compress(_BODY),))
    def test_damaged_bodies_are_refused(self, body):
        self.assert_refused(_DAMAGED, "/embed", body, **{"Content-Encoding": "gzip"})

    def test_other_encodings_are_refused(self):
        for encoding in ("br", "zstd", "gzip, gzip", "x"):
            answer = self.assert_refused(
                'Content-Encoding: wanted gzip, deflate or identity, got "%s"' % encoding, "/embed",
                _BODY, 415, **{"Content-Encoding": encoding})
            self.assertEqual("gzip, deflate", answer.headers["Accept-Encoding"])

    def test_unpacking_stops_at_the_limit(self):
        packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
        body = packer.compress(bytes(4 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) + b"\xff" * 100
        self.assert_refused("body: wanted at most 1048576 bytes, got more", "/embed", body, 413,
                            **{"Content-Encoding": "gzip"})

    def test_other_requests_are_answered_during_unpacking(self):
        began, go = threading.Event(), threading.Event()

        def slow(*_):
            began.set()
            return go.wait(10) and _BODY

        with mock.patch.object(bodies, "unpacked", slow):
            with concurrent.futures.ThreadPoolExecutor(1) as thread:
                answer = thread.submit(service_case.ask, self.port, "/embed", gzip.compress(_BODY),
                                       **{"Content-Encoding": "gzip"})
                began.wait(60)
                self.assertEqual("ok", self.get("/health")["status"])
                self.assertFalse(answer.done())
                go.set()
                self.assertEqual(200, answer.result().status)

    def test_unfinished_bodies_are_limited_in_total(self):
        size = bodies.MAX_BYTES - 100
        most = bodies.MAX_HELD_BYTES // (size - bodies.SMALL_BYTES)
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(("127.0.0.1", self.port)))
                       for _ in range(most + 1)]
            for client in clients:
                client.sendall(b"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576"
                               b"\r\n\r\n" + b" " * size)
            refused, _, _ = select.select(clients, [], [], 20)
            self.assertLen(refused, 1)
            self.assertRegex(refused[0].recv(10000), b"(?s)^HTTP/1.1 503 .*\r\nRetry-After: 1\r\n")
            # Small bodies are answered.
            self.assertEqual([1.0, 1.0], self.post("/embed", items=["heat"])["vector"])
        whole = _BODY + b" " * (bodies.MAX_BYTES - len(_BODY))
        for _ in range(100):  # the clients disconnect after a moment
            status = service_case.ask(self.port, "/embed", whole).status
            if status == 200:
                break
        self.assertEqual(200, status)


if __name__ == "__main__":
    absltest.main()
