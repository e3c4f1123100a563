"""Read the bodies of HTTP requests within limits: of each body, of all bodies held, and unpacked.

    bodies = Bodies()
    body, encoding = await bodies.read(request, connection)
    unpacked(body, encoding)                    # bytes; call it in a thread, as it takes time
    bodies.release(connection)                  # after the request is answered

aiohttp's own unpacking has no limit and blocks the event loop: the server needs auto_decompress=False.
"""
import zlib

from tf1_sampled import checks
from tf1_sampled.recsys import queries, requests

MAX_BYTES = 1 << 20  # of a body, packed and unpacked
MAX_HELD_BYTES = 32 << 20  # of all requests in progress, without the first SMALL_BYTES of each
SMALL_BYTES = 1 << 14  # that each body may always have

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_PLAIN = "identity"
_DAMAGED = "body: wanted data that matches the headers, got other data"


class Bodies:
    """A reader of bodies that limits the bytes held for all of them."""

    def __init__(self):
        self._held, self._total = {}, 0  # bytes of each holder; of all

    async def read(self, request, holder):
        """Return (bytes, encoding) of a body; the bytes count as held until `release`.

        Args:
          request: aiohttp request.
          holder: the connection of the request, which has one request at a time.

        Raises:
          Refused: a body that is too long or has an unknown encoding, too many held bytes.
        """
        encoding = request.headers.get("Content-Encoding", _PLAIN).strip().lower()
        if encoding not in (_PLAIN, "gzip", "deflate"):
            raise requests.Refused(
                415, queries.wrong("Content-Encoding", "gzip, deflate or identity",
                                   checks.printable(encoding)),
                {"Accept-Encoding": "gzip, deflate"})
        _check_length(request.content_length or 0)
        body = bytearray()
        while True:
            chunk = await request.content.readany()
            if not chunk:
                return bytes(body), encoding
            _check_length(len(body) + len(chunk))
            self._hold(holder, len(body) + len(chunk) - SMALL_BYTES)
            body += chunk

    def release(self, holder):
        """Stop counting the body of a connection's request as held."""
        self._total -= self._held.pop(holder, 0)

    def _hold(self, holder, size):
        more = max(0, size) - self._held.get(holder, 0)
        if self._total + more > MAX_HELD_BYTES:
            raise requests.Refused(
                503, "body: wanted at most %d bytes in all requests at a time, got more" % (
                    MAX_HELD_BYTES), {"Retry-After": "1"})
        self._held[holder] = max(0, size)
        self._total += more


def is_quick(body, encoding):
    """Return whether a body is quick to unpack and parse."""
    return len(body) <= SMALL_BYTES and encoding == _PLAIN


def unpacked(body, encoding):
    """Return the unpacked bytes of a body.

    Args:
      body: bytes.
      encoding: string, from `Bodies.read`.

    Raises:
      Refused: more than MAX_BYTES, bytes that do not have the encoding.
    """
    if encoding == _PLAIN:
        return body
    # Some clients send deflate without the zlib header, whose first byte contains the method 8.
    bits = _GZIP if encoding == "gzip" else _ZLIB if body[:1] and body[0] & 15 == 8 else _RAW
    unpacker = zlib.decompressobj(bits)
    try:
        plain = unpacker.decompress(body, MAX_BYTES + 1)
    except zlib.error as e:
        raise requests.Refused(400, _DAMAGED) from e
    _check_length(len(plain))
    if not unpacker.eof or unpacker.unused_data:
        raise requests.Refused(400, _DAMAGED)
    return plain


def _check_length(size):
    if size > MAX_BYTES:
        raise requests.Refused(413, "body: wanted at most %d bytes, got more" % MAX_BYTES)
