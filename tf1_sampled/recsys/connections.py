"""Limit the connections of an HTTP server: their number, and how long each may keep it waiting.

    connections = Connections(runner.server, most_connections())
    connections.listen("127.0.0.1", 8080)       # 8080
    connection = of(request)                    # in a handler
    connection.waits_for("body")                # for at most SECONDS["body"]
    connection.works()                          # the server works, without a limit of time

A connection waits for one of SECONDS: the client's next request, the rest of its headers, the rest of
its body, or until the client has read the answer. A connection that waits longer is closed. At the
limit on connections, a new connection replaces the one that has waited longest for its client. If none
waits for its client, the new one gets a 503.

asyncio's own server accepts a hundred connections before it handles the first; this one counts each.
"""
import asyncio
import json
import logging
import os
import resource
import socket
from typing import Any

MAX_CONNECTIONS = 1000
FREE_FILES = 16  # file descriptors left for the rest of the process
SECONDS = {"request": 75, "headers": 10, "body": 30, "answer": 30}

_LOG = logging.getLogger(__name__)
_BACKLOG = 1024  # connections that the kernel queues before they are accepted, if it allows so many
_ACCEPTED = 16  # connections to accept before other work
_RETRY_SECONDS = 0.1  # wait after a connection could not be accepted
_REASONS = {408: "Request Timeout", 503: "Service Unavailable"}
_TOO_MANY = "connections: wanted at most %d at a time, got more"


def most_connections():
    """Return the number of connections that this process's limit on file descriptors allows."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, limit - len(os.listdir("/dev/fd")) - FREE_FILES))


def of(request):
    """Return the Connection of an aiohttp request; None after the client has disconnected."""
    return request.transport and request.transport.get_protocol()


class Connections:
    """The listening sockets and open connections of a server; create it in the server's event loop.

    Args:
      factory: function that makes the asyncio protocol of a connection, such as an aiohttp server.
      most: integer, the largest number of connections.
    """

    def __init__(self, factory, most):
        self._factory, self._most = factory, most
        self._loop = asyncio.get_event_loop()
        self._listeners, self._open = [], set()
        self._sweeping = self._loop.call_soon(self._sweep)

    def listen(self, host, port):
        """Listen on all addresses of a host, and return the port.

        Args:
          host: string, an address or a name.
          port: integer, 0 for any free port.

        Raises:
          OSError: the address or port cannot be used.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            self._listeners.append(listener)
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address[0], port) + address[2:])
            port = listener.getsockname()[1]
            listener.listen(_BACKLOG)
            self._loop.add_reader(listener, self._accept, listener)
        return port

    def addresses(self):
        """Return the addresses of the listening sockets: list of strings."""
        return [listener.getsockname()[0] for listener in self._listeners]

    def close(self):
        """Accept no more connections; open ones stay, without time limits."""
        self._sweeping.cancel()
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners = []

    def _accept(self, listener):
        for _ in range(_ACCEPTED):
            try:
                accepted, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as e:  # the process or the machine is out of file descriptors or memory
                _LOG.warning("cannot accept connections: %s", e.strerror)
                self._loop.remove_reader(listener)
                self._loop.call_later(_RETRY_SECONDS, self._accept_again, listener)
                return
            is_full = len(self._open) >= self._most
            if is_full:
                _LOG.warning(_TOO_MANY, self._most)
                if not self._make_room():
                    _refuse(accepted, self._most)
                    return
            accepted.setblocking(False)
            asyncio.ensure_future(self._loop.connect_accepted_socket(
                Connection(self._factory(), self._open).itself, accepted))
            if is_full:
                return  # the descriptor of the connection that made room is closed in the next loop turn

    def _accept_again(self, listener):
        if listener in self._listeners:
            self._loop.add_reader(listener, self._accept, listener)

    def _make_room(self):
        """Close the connection that has waited longest for its client; return whether there was one."""
        waiting = [one for one in self._open if one.waits_since is not None]
        if waiting:
            min(waiting, key=lambda one: one.waits_since).end(503, _TOO_MANY % self._most)
        return bool(waiting)

    def _sweep(self):
        """Close the connections that have waited too long, and repeat after a moment."""
        now = self._loop.time()
        for one in list(self._open):
            if one.waits_since is not None and now - one.waits_since > SECONDS[one.awaited]:
                one.end(408, "%s: wanted within %g seconds, got a timeout" % (
                    one.awaited, SECONDS[one.awaited]))
        self._sweeping = self._loop.call_later(min(1, min(SECONDS.values()) / 4), self._sweep)


class Connection(asyncio.Protocol):
    """A protocol around the server's own that knows what the connection waits for.

    Args:
      handler: the server's asyncio.Protocol.
      others: the set of open connections; this one is in it until it ends.

    Attributes:
      awaited: string, the key of SECONDS that it waits for.
      waits_since: float, a time of the event loop; None while the server works.
    """

    def __init__(self, handler, others):
        self._handler, self._others = handler, others
        self._transport: Any = None
        self._is_paused = False
        self.awaited, self.waits_since = "request", None
        others.add(self)

    def itself(self):
        """Return the connection, as a factory of one protocol."""
        return self

    def waits_for(self, what):
        """Start to wait for the client."""
        self.awaited, self.waits_since = what, asyncio.get_event_loop().time()
        if what == "request" and self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()

    def works(self):
        """Start work that does not wait for the client."""
        self.waits_since = None

    def end(self, status, error):
        """Close the connection; send an error if the client has begun a request and awaits an answer.

        Args:
          status: integer, 408 or 503.
          error: string.
        """
        self._others.discard(self)
        self.waits_since = None
        if self.awaited in ("headers", "body"):
            self._transport.write(_error_text(status, error))
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # close() would wait until the client reads the error
        else:
            self._transport.close()

    def connection_made(self, transport):
        self._transport = transport
        self.waits_for("request")
        self._handler.connection_made(transport)

    def data_received(self, data):
        if self.waits_since is None:  # the next request arrives before this one is answered
            self._is_paused = True
            self._transport.pause_reading()
        elif self.awaited == "request":
            self.waits_for("headers")
        self._handler.data_received(data)

    def eof_received(self):
        return self._handler.eof_received()

    def connection_lost(self, exc):
        self._others.discard(self)
        self._handler.connection_lost(exc)

    def pause_writing(self):
        self._handler.pause_writing()

    def resume_writing(self):
        self._handler.resume_writing()


def _error_text(status, error):
    """Return the bytes of an HTTP response with an error."""
    body = json.dumps({"error": error}).encode("utf-8")
    headers = ["HTTP/1.1 %d %s" % (status, _REASONS[status]), "Connection: close",
               "Content-Type: application/json; charset=utf-8", "Content-Length: %d" % len(body)]
    if status == 503:
        headers.append("Retry-After: 1")
    return "\r\n".join(headers + ["", ""]).encode("ascii") + body


def _refuse(accepted, most):
    """Answer a connection above the limit with a 503, and close it."""
    with accepted:
        accepted.setblocking(False)
        try:
            accepted.send(_error_text(503, _TOO_MANY % most))
        except OSError:
            pass  # the client has disconnected
