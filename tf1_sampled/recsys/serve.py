"""Serves an exported recommender over HTTP: JSON for programs, and a page for people.

    python -m tf1_sampled.recsys.serve runs/recsys-1 --port=8080

    curl http://127.0.0.1:8080/recommend -d '{"items": ["Alien", "Heat"], "k": 3}'

The folder holds saved_model/ and items.tsv, as run_recsys.py exports them. Requests:

    GET  /                           the page
    GET  /health                     {"status": "ok", "items": C}
    GET  /model                      {"items": C, "user": bool, "context": [{"name", "type"}, ...]}
    GET  /items?query=TEXT&limit=N   [{"item", "title", "events"}, ...], the most frequent first, whose
                                     title or name contains the text, in any case
    POST /recommend  {"items": [names, oldest first], "seen": [names], "repeat": bool, "k": 10,
                      "user": name, "context": {column: value}}
                     -> {"recommendations": [{"item", "title", "score"}, ...], "unknown": [names]}
    POST /embed      {"items", "user", "context"} as above -> {"vector": [D numbers], "unknown": [names]}

Items in "seen" are not recommended, nor those in "items" unless "repeat" is true. Each context column
of the model needs a value, a string or a number as /model says. "unknown" lists the names that the
model does not know, which are ignored. There are fewer than k recommendations where the items run out.

An invalid request gives a 4xx with {"error": "k: wanted an integer from 1 to 1000, got 0"}; a defect
gives a 500 with {"error": "internal error"}, and a traceback in the log. Without --host it listens on
this machine alone. There is no authentication and no TLS: put a proxy in front for these.

SIGINT (Ctrl-C) and SIGTERM end it: no new connections, requests under way are answered first.
"""
import argparse
import asyncio
import base64
import concurrent.futures
import functools
import hashlib
import json
import logging
import os
import re
import signal
import sys

from tf1_sampled import checks
from tf1_sampled.programs import quiet, running
from tf1_sampled.recsys import queries

try:
    from aiohttp import web
except ImportError:
    web = None  # type: ignore[assignment]

MAX_BODY_BYTES = 1 << 20  # of a request
MAX_ITEMS = 1000  # names in "items", and in "seen"
MAX_K = 1000  # recommendations
MAX_NAME = 1000  # characters of a name, a string of the context or a query
MAX_LIMIT = 100  # items that a search gives
STOP_SECONDS = 10  # how long requests under way may take once it is to end

_LOG = logging.getLogger(__name__)
_PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.html")
_HEADERS = {"X-Content-Type-Options": "nosniff", "Server": "tf1_sampled"}


def check_available():
    """Raise InputError where aiohttp is not installed."""
    checks.argument(web is not None, "serve", "aiohttp",
                    "it installed, as by pip install 'tf1_sampled[serve]'", None)


def parse_body(body, fields):
    """Return the fields of a request.

    Args:
      body: bytes.
      fields: the names that there may be.

    Returns:
      dict.

    Raises:
      InputError: not a JSON object in UTF-8, other fields, NaN or Infinity, which JSON lacks.
    """
    def no_constant(name):
        raise checks.InputError("body: wanted JSON, got the number %s" % name)

    try:
        values = json.loads(body.decode("utf-8"), parse_constant=no_constant)
    except checks.InputError:
        raise
    except (ValueError, RecursionError) as e:
        raise checks.InputError("body: wanted JSON, got: %s" % str(e)[:200]) from e
    queries.want(isinstance(values, dict), "body", "a JSON object", values)
    for name in values:
        queries.want(name in fields, "body", "no fields but " + ", ".join(fields), name)
    return values


def parse_names(values, field):
    """Return the list of names in a field of a request.

    Args:
      values: dict, as from `parse_body`.
      field: string.

    Returns:
      list of strings, empty where there is no such field.

    Raises:
      InputError: another type, too many of them, one that is not a name.
    """
    names = values.get(field, [])
    queries.want(isinstance(names, list), field, "a list of names", names)
    queries.want(len(names) <= MAX_ITEMS, field, "at most %d names" % MAX_ITEMS, len(names))
    return queries.check_names(field, names, MAX_NAME)


def parse_person(model, values):
    """Return the user and the context in a request, arguments of Recommender.recommend and embed.

    Args:
      model: a Recommender.
      values: dict, as from `parse_body`.

    Returns:
      dict, with user and context.

    Raises:
      InputError: as queries.check_user and check_context; a context that is not a JSON object.
    """
    user, context = values.get("user", ""), values.get("context", {})
    queries.check_user(user, model.has_users, MAX_NAME)
    queries.want(isinstance(context, dict), "context", "a JSON object", context)
    return {"user": user, "context": queries.check_context(context, model.context, MAX_NAME)}


def unknown_names(model, *lists):
    """Return the names that the model does not know, each once."""
    return list(dict.fromkeys(name for names in lists for name in names if not model.knows(name)))


def page_headers(page):
    """Return the headers of the page: nothing but what is in it, and this server, may run or load.

    Args:
      page: string, HTML with its style and script in it.

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
    """Answers requests from a Recommender; needs aiohttp.

    Args:
      model: a Recommender.
    """

    def __init__(self, model):
        self._model = model
        self._threads = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        self._under_way = 0
        self._is_ending = False
        with open(_PAGE, encoding="utf-8") as stream:
            self._page = stream.read()
        self._page_headers = page_headers(self._page)

    def application(self):
        """Return the aiohttp application."""
        @web.middleware
        async def answer(request, handler):
            return await self._answer(request, handler)

        # Some versions of aiohttp refuse what has just as many bytes as this; see _fields.
        app = web.Application(middlewares=[answer], client_max_size=MAX_BODY_BYTES + 1)
        app.add_routes([
            web.get("/", self._get_page),
            web.get("/health", self._get_health),
            web.get("/model", self._get_model),
            web.get("/items", self._get_items),
            web.post("/recommend", self._post_recommend),
            web.post("/embed", self._post_embed),
        ])
        return app

    def runner(self):
        """Return the aiohttp runner of the application."""
        # aiohttp logs a traceback for each client that does not speak HTTP.
        silent = _LOG.getChild("http")
        silent.setLevel(logging.CRITICAL)
        return web.AppRunner(self.application(), access_log=None, logger=silent)

    async def run(self, host, port, started):
        """Serve until SIGINT or SIGTERM, and then until the requests under way are answered.

        Args:
          host: string, the address to listen on.
          port: integer, 0 for a free one.
          started: function of the port, called when it listens.

        Raises:
          InputError: an address or port that it cannot listen on.
        """
        loop = asyncio.get_event_loop()
        told_to_end = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, told_to_end.set)
        runner = self.runner()
        await runner.setup()
        try:
            server = await loop.create_server(runner.server, host, port)
        except OSError as e:
            await runner.cleanup()
            number = e.errno or 0
            reason = os.strerror(number) if number > 0 else e.strerror
            raise checks.InputError("%s: wanted an address and a port that are free to listen on, "
                                    "got: %s" % (_address(host, port), reason)) from e
        started(server.sockets[0].getsockname()[1])
        await told_to_end.wait()

        server.close()
        self._is_ending = True
        deadline = loop.time() + STOP_SECONDS
        await asyncio.sleep(0.02)  # for requests that are here, but not yet under way
        while self._under_way and loop.time() < deadline:
            await asyncio.sleep(0.02)
        await runner.server.shutdown(0.1)
        await runner.cleanup()
        self._threads.shutdown(wait=False)

    async def _answer(self, request, handler):
        """Answer a request, which is under way until its answer is sent: the middleware."""
        self._under_way += 1
        try:
            response, is_readable = await self._response(request, handler)
            response.headers.update(_HEADERS)
            if self._is_ending:
                response.force_close()
            try:
                await response.prepare(request)
                await response.write_eof()
            except ConnectionError:
                pass  # the client has gone
            if not is_readable:
                request.protocol.force_close()  # aiohttp would read on for the next request
            return response
        finally:
            self._under_way -= 1

    async def _response(self, request, handler):
        """Return (response, whether the connection can be read on); errors become JSON."""
        try:
            return await handler(request), True
        except checks.InputError as e:
            return _json_error(400, str(e)), True
        except web.RequestPayloadError:
            message = "body: wanted what the headers tell, got something else"
            return _json_error(400, message), False
        except web.HTTPRequestEntityTooLarge:
            return _json_error(413, "body: wanted at most %d bytes, got more" % MAX_BODY_BYTES), True
        except web.HTTPMethodNotAllowed as e:
            allowed = sorted(e.allowed_methods)
            response = _json_error(405, queries.wrong("method", " or ".join(allowed), request.method))
            response.headers["Allow"] = ", ".join(allowed)
            return response, True
        except web.HTTPNotFound:
            paths = ", ".join(sorted(one.canonical for one in request.app.router.resources()))
            return _json_error(404, queries.wrong("path", "one of " + paths, request.path)), True
        except asyncio.CancelledError:  # in Python 3.7 it is an Exception
            raise
        except ConnectionError:
            return _json_error(400, "body: wanted it whole, got a closed connection"), True
        except Exception:
            _LOG.exception("%s %s", request.method, request.path)
            return _json_error(500, "internal error"), True

    async def _fields(self, request, names):
        """Return the fields of a request's body; it may have the named ones."""
        body = await request.read()
        if len(body) > MAX_BODY_BYTES:
            raise web.HTTPRequestEntityTooLarge(max_size=MAX_BODY_BYTES, actual_size=len(body))
        return parse_body(body, names)

    async def _in_thread(self, function, *arguments, **named):
        return await asyncio.get_event_loop().run_in_executor(
            self._threads, functools.partial(function, *arguments, **named))

    async def _get_page(self, _):
        return web.Response(text=self._page, content_type="text/html", charset="utf-8",
                            headers=self._page_headers)

    async def _get_health(self, _):
        return _json({"status": "ok", "items": len(self._model.names)})

    async def _get_model(self, _):
        return _json({"items": len(self._model.names), "user": self._model.has_users, "context": [
            {"name": name, "type": kind} for name, kind in self._model.context.items()]})

    async def _get_items(self, request):
        for name in request.query:
            queries.want(name in ("query", "limit"), "items", "no parameters but query and limit", name)
        query, limit = request.query.get("query", ""), request.query.get("limit", "20")
        queries.want(queries.is_text(query, 0, MAX_NAME), "query",
                     "at most %d characters" % MAX_NAME, query)
        number = int(limit) if re.fullmatch("[0-9]{1,9}", limit) else 0
        queries.want(1 <= number <= MAX_LIMIT, "limit", "an integer from 1 to %d" % MAX_LIMIT, limit)
        names = await self._in_thread(self._model.search, query, number)
        return _json([{"item": name, "title": self._model.title(name),
                       "events": self._model.count(name)} for name in names])

    async def _post_recommend(self, request):
        values = await self._fields(request, ("items", "seen", "repeat", "k", "user", "context"))
        items, seen = parse_names(values, "items"), parse_names(values, "seen")
        repeat, k = values.get("repeat", False), values.get("k", 10)
        queries.want(isinstance(repeat, bool), "repeat", "true or false", repeat)
        # Of a boolean, type(k) is bool.
        queries.want(type(k) is int and 1 <= k <= MAX_K, "k", "an integer from 1 to %d" % MAX_K, k)
        person = parse_person(self._model, values)
        best = await self._in_thread(self._model.recommend, items, k, seen, repeat=repeat, **person)
        return _json({
            "recommendations": [{"item": name, "title": self._model.title(name), "score": score}
                                for name, score in best],
            "unknown": unknown_names(self._model, items, seen)})

    async def _post_embed(self, request):
        values = await self._fields(request, ("items", "user", "context"))
        items, person = parse_names(values, "items"), parse_person(self._model, values)
        vector = await self._in_thread(self._model.embed, items, **person)
        return _json({"vector": vector.tolist(), "unknown": unknown_names(self._model, items)})


def _json(value, status=200):
    # JSON lacks NaN, which only a defective model gives: an internal error.
    return web.Response(text=json.dumps(value, allow_nan=False), status=status,
                        content_type="application/json", charset="utf-8")


def _json_error(status, message):
    return _json({"error": message}, status)


def _address(host, port):
    return "http://%s:%d/" % ("[%s]" % host if ":" in host else host, port)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are an InputError."""

    def error(self, message):
        raise checks.InputError(message)

    def exit(self, status=0, message=None):
        sys.stdout.flush()  # within running.reader_may_leave, which the flush at exit is not
        super().exit(status, message)


def parse_arguments(arguments):
    """Return the values of the command line.

    Args:
      arguments: list of strings, without the program's name.

    Returns:
      Namespace with folder, host and port.

    Raises:
      InputError: an unknown option, a value that its option does not take, other than one folder.
      SystemExit: --help, after it is printed.
    """
    parser = _Parser(prog="serve.py", usage="python -m tf1_sampled.recsys.serve MODEL_DIR [options]",
                     description=__doc__, allow_abbrev=False,
                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="*", metavar="MODEL_DIR",
                        help="Folder of an exported recommender.")
    parser.add_argument("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 for all that "
                        "this machine has. Default: %(default)s.")
    parser.add_argument("--port", default=8080, type=_port, help="Port to listen on; 0 for a free one. "
                        "Default: %(default)s.")
    values = parser.parse_intermixed_args(arguments)
    checks.argument(len(values.folder) == 1, "serve", "MODEL_DIR",
                    "one folder of an exported recommender", values.folder)
    values.folder = values.folder[0]
    # "" would be all of this machine.
    checks.argument(values.host, "serve", "--host", "an address", values.host)
    return values


def _port(text):
    """Return the port in an argument."""
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError("wanted an integer from 0 to 65535, got %s" % checks.show(text))
    return int(text)


def main(argv):
    """Serve the model in a folder until SIGINT or SIGTERM.

    Args:
      argv: the program's name, the folder and options.

    Raises:
      InputError: as `parse_arguments`, a folder that holds no model, an address or port that it cannot
        listen on, no aiohttp.
    """
    values = parse_arguments(argv[1:])
    check_available()
    quiet.import_tensorflow()  # quietly, and not for --help
    from tf1_sampled.recsys import recommender
    with recommender.Recommender(values.folder) as model:
        def started(port):
            print("Serving %d items on %s (Ctrl-C stops)" % (
                len(model.names), _address(values.host, port)), flush=True)
        asyncio.run(Service(model).run(values.host, values.port, started))
    print("Stopped.")


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with running.errors_told(), running.reader_may_leave():
        main(sys.argv)
