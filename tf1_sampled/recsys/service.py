"""Answer HTTP requests with a recommender; `serve` describes the requests.

    answering = Service(recommender.Recommender("runs/recsys-1"))
    port = await answering.start("127.0.0.1", 8080)
    await answering.stop()

The event loop reads and writes; threads do all slow work.
"""
import asyncio
import base64
import concurrent.futures
import functools
import hashlib
import json
import logging
import os
import re
from typing import Any

from tf1_sampled import checks
from tf1_sampled.recsys import (
    access as access_lib,
    bodies,
    connections,
    micro_batches,
    queries,
    requests,
)

try:
    from aiohttp import web
except ImportError:
    web = None  # type: ignore[assignment]

MAX_LIMIT = 100  # most items of a search
MAX_BATCH = 64  # most questions in one run of the model
MAX_WAITING = 10000  # most questions waiting for the model when a request arrives
STOP_SECONDS = 10  # longest wait for requests in progress at shutdown

_LOG = logging.getLogger(__name__)
_PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.html")
_OPEN_PATHS = ("/", "/health")  # these need no token
_HEADERS = {"X-Content-Type-Options": "nosniff", "Server": "tf1_sampled"}


def check_available():
    """Raise InputError unless aiohttp is installed."""
    checks.argument(web is not None, "serve", "aiohttp",
                    "an installed aiohttp (pip install 'tf1_sampled[serve]')", None)


def page_headers(page):
    """Return the HTTP headers of the page; they allow only its own script and style and this server.

    Args:
      page: string, HTML that contains its style and script.

    Returns:
      dict of strings.
    """
    def hashes(element):
        texts = re.findall("<%s>(.*?)</%s>" % (element, element), page, re.DOTALL)
        return " ".join("'sha256-%s'" % base64.b64encode(
            hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii") for text in texts)

    return {"Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; img-src data:; script-src %s; style-src %s; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'") % (
            hashes("script"), hashes("style"))}


class Service:
    """An HTTP service for a Recommender; needs aiohttp.

    Args:
      model: a Recommender.
      access: access.Access. The default answers requests to names of this machine, without a token.
    """

    def __init__(self, model, access=None):
        self._model, self._access = model, access or access_lib.Access()
        self._bodies = bodies.Bodies()
        self._threads = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        self._answers = micro_batches.MicroBatches(
            functools.partial(requests.answer_texts, model), MAX_BATCH,
            max(1, (os.cpu_count() or 1) - 1))  # leave a core for HTTP
        self._runner: Any = None
        self._under_way = 0
        self._is_ending = False
        with open(_PAGE, encoding="utf-8") as stream:
            self._page = stream.read()
        self._page_headers = page_headers(self._page)
        self._model_fields = requests.model_fields(model)

    def application(self):
        """Return the aiohttp application."""
        @web.middleware
        async def answer(request, handler):
            return await self._answer(request, handler)

        app = web.Application(middlewares=[answer])
        app.add_routes([
            web.get("/", self._get_page),
            web.get("/health", self._get_health),
            web.get("/model", self._get_model),
            web.get("/items", self._get_items),
            web.post("/recommend", self._post_recommend),
            web.post("/similar", self._post_similar),
            web.post("/embed", self._post_embed),
        ])
        return app

    async def start(self, host, port):
        """Listen for connections and return the port.

        Args:
          host: string, the address to listen on.
          port: integer, 0 for any free port.

        Raises:
          InputError: the address or port cannot be used.
        """
        # aiohttp logs a traceback for each client that does not speak HTTP.
        silent = _LOG.getChild("http")
        silent.setLevel(logging.CRITICAL)
        self._runner = web.AppRunner(self.application(), access_log=None, logger=silent,
                                     auto_decompress=False)
        await self._runner.setup()
        self._connections = connections.Connections(self._runner.server, connections.most_connections())
        try:
            return self._connections.listen(host, port)
        except OSError as e:
            self._connections.close()
            await self._runner.cleanup()
            number = e.errno or 0
            reason = os.strerror(number) if number > 0 else e.strerror
            raise checks.InputError("%s: wanted a free address and port to listen on, "
                                    "got: %s" % (address(host, port), reason)) from e

    def is_local(self):
        """Return whether only this machine can reach the addresses of the service."""
        return all(map(access_lib.is_loopback, self._connections.addresses()))

    async def stop(self):
        """Accept no more connections, and stop after the requests in progress are answered."""
        loop = asyncio.get_event_loop()
        self._connections.close()
        self._is_ending = True
        deadline = loop.time() + STOP_SECONDS
        await asyncio.sleep(0.02)  # for requests that have arrived but are not yet in progress
        while self._under_way and loop.time() < deadline:
            await asyncio.sleep(0.02)
        await self._runner.server.shutdown(0.1)
        await self._runner.cleanup()
        self._threads.shutdown(wait=False)
        self._answers.close()

    async def _answer(self, request, handler):
        """Answer a request (the middleware); it is in progress until its answer is sent."""
        connection = connections.of(request)
        if connection is None:
            return web.Response()  # the client has disconnected
        connection.works()
        self._under_way += 1
        try:
            response, is_readable = await self._response(request, handler)
            response.headers.update(_HEADERS)
            if self._is_ending:
                response.force_close()
            connection.waits_for("answer")
            try:
                await response.prepare(request)
                await response.write_eof()
            except ConnectionError:
                pass  # the client has disconnected
            if not is_readable:
                request.protocol.force_close()  # else aiohttp would read the next request
            return response
        finally:
            self._under_way -= 1
            self._bodies.release(connection)
            connection.waits_for("request")

    async def _response(self, request, handler):
        """Return (response, whether the connection is still readable); errors become JSON."""
        try:
            own_address = request.transport.get_extra_info("sockname")[0]
            self._access.check(request.headers, own_address, request.path not in _OPEN_PATHS)
            return await handler(request), True
        except checks.InputError as e:
            return _json_error(400, str(e)), True
        except requests.Refused as e:
            return _json_error(e.status, str(e), e.headers), True
        except web.RequestPayloadError:
            message = "body: wanted data that matches the headers, got other data"
            return _json_error(400, message), False
        except web.HTTPMethodNotAllowed as e:
            allowed = sorted(e.allowed_methods)
            message = queries.wrong("method", " or ".join(allowed), request.method)
            return _json_error(405, message, {"Allow": ", ".join(allowed)}), True
        except web.HTTPNotFound:
            paths = ", ".join(sorted(one.canonical for one in request.app.router.resources()))
            return _json_error(404, queries.wrong("path", "one of " + paths, request.path)), True
        except asyncio.CancelledError:  # in Python 3.7 it is an Exception
            raise
        except ConnectionError:
            return _json_error(400, "body: wanted the whole body, got a closed connection"), True
        except Exception:
            _LOG.exception("%s %s", request.method, request.path)
            return _json_error(500, "internal error"), True

    async def _read(self, request, names):
        """Return (fields, questions) of a request's body, which may have the given fields."""
        connection = connections.of(request)
        connection.waits_for("body")
        body, encoding = await self._bodies.read(request, connection)
        connection.works()
        if bodies.is_quick(body, encoding):
            return _parsed(body, encoding, names)
        return await self._in_thread(_parsed, body, encoding, names)

    async def _in_thread(self, function, *arguments):
        return await asyncio.get_event_loop().run_in_executor(self._threads, function, *arguments)

    async def _get_page(self, _):
        return web.Response(text=self._page, content_type="text/html", charset="utf-8",
                            headers=self._page_headers)

    async def _get_health(self, _):
        return _json({"status": "ok", "items": len(self._model.names)})

    async def _get_model(self, _):
        return _json(self._model_fields)

    async def _get_items(self, request):
        for name in request.query:
            queries.want(name in ("query", "limit"), "items", "no parameters but query and limit", name)
        query, limit = request.query.get("query", ""), request.query.get("limit", "20")
        queries.want(queries.is_text(query, 0, requests.MAX_NAME), "query",
                     "at most %d characters" % requests.MAX_NAME, query)
        number = int(limit) if re.fullmatch("[0-9]{1,9}", limit) else 0
        queries.want(1 <= number <= MAX_LIMIT, "limit", "an integer from 1 to %d" % MAX_LIMIT, limit)
        return _json_text(await self._in_thread(requests.search_text, self._model, query, number))

    async def _post_recommend(self, request):
        values, questions = await self._read(request, requests.RECOMMEND)
        if len(self._answers) > MAX_WAITING:
            raise requests.Refused(503, "questions: wanted at most %d waiting, got more" % MAX_WAITING,
                                   {"Retry-After": "1"})
        texts = []
        for low in range(0, len(questions), MAX_BATCH):  # other requests run in between
            texts += await asyncio.gather(*map(self._answers.call, questions[low:low + MAX_BATCH]))
            for text in texts[low:]:
                if isinstance(text, checks.InputError):
                    raise text
        if "users" not in values:
            return _json_text(texts[0])
        return _json_text('{"answers": [%s]}' % ", ".join(
            '%s, "user": %s}' % (text[:-1], json.dumps(question.user))
            for text, question in zip(texts, questions)))

    async def _post_similar(self, request):
        values, questions = await self._read(request, requests.SIMILAR)
        return _json_text(await self._in_thread(
            requests.similar_text, self._model, values, questions[0]))

    async def _post_embed(self, request):
        _, questions = await self._read(request, requests.EMBED)
        return _json_text(await self._in_thread(requests.vector_text, self._model, questions[0]))


def _parsed(body, encoding, names):
    """Return (fields, questions) of a body, which may have the given fields."""
    values = requests.parse_body(bodies.unpacked(body, encoding), names)
    return values, requests.parse_questions(values)


def _json_text(text, status=200, headers=None):
    return web.Response(text=text, status=status, headers=headers, content_type="application/json",
                        charset="utf-8")


def _json(value):
    return _json_text(requests.as_json(value))


def _json_error(status, message, headers=None):
    return _json_text(requests.as_json({"error": message}), status, headers)


def address(host, port):
    """Return the URL of the page."""
    return "http://%s:%d/" % ("[%s]" % host if ":" in host else host, port)
