"""Serves an exported recommender over HTTP: JSON for programs, and a page for people.

    python -m tf1_sampled.recsys.serve runs/recsys-1 --port=8080

    curl http://127.0.0.1:8080/recommend -d '{"items": ["Alien", "Heat"], "k": 3}'

The folder holds saved_model/ and items.tsv, as run_recsys.py exports them. What there is:

    GET  /                           the page
    GET  /health                     {"status": "ok", "items": C}
    GET  /model                      {"items": C, "user": bool, "context": [{"name", "type"}, ...]}
    GET  /items?query=TEXT&limit=N   [{"item", "title", "events"}, ...], the most frequent first, whose
                                     title or name contains the text, in any case
    POST /recommend  {"items": [names, oldest first], "seen": [names], "repeat": bool, "k": 10,
                      "user": name, "context": {column: value}}
                     -> {"recommendations": [{"item", "title", "score"}, ...], "unknown": [names]}
    POST /embed      {"items", "user", "context"} as above -> {"vector": [D numbers], "unknown": [names]}

A recommendation is none of "seen", and none of "items" unless "repeat" is true. Context columns, and no
others, must all have a value: a string or a number, as /model tells. "unknown" are the names that the
model does not know, which are left out. There may be fewer than k where the items run out.

What a request got wrong is a 4xx with {"error": "k: wanted an integer from 1 to 1000, got 0"}; a defect
is a 500 with {"error": "internal error"}, and a traceback in the log. It listens on this machine alone
unless --host says otherwise, and knows neither users' passwords nor TLS: a proxy's work.

SIGINT (Ctrl-C) and SIGTERM end it: no new connections, requests under way are answered first.
"""
import asyncio
import base64
import collections
import concurrent.futures
import hashlib
import json
import logging
import os
import re
import signal
import sys

import numpy as np
from absl import flags

from tf1_sampled import checks
from tf1_sampled.programs import program
from tf1_sampled.recsys import items as item_files

try:
    from aiohttp import web
except ImportError:
    web = None

MAX_BODY_BYTES = 1 << 20  # of a request
MAX_ITEMS = 1000  # names in "items", and in "seen"
MAX_K = 1000  # recommendations
MAX_LIMIT = 100  # items that a search gives
MAX_NAME = 1000  # characters of a name, a value of a context column or a query
STOP_SECONDS = 10  # how long requests under way may take once it is to end

_LOG = logging.getLogger(__name__)
_LARGEST = float(np.finfo(np.float32).max)
_PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.html")
_HEADERS = {"X-Content-Type-Options": "nosniff", "Server": "tf1_sampled"}

Asked = collections.namedtuple("Asked", "host port")
Context = collections.namedtuple("Context", "items user context")
Context.__doc__ = """What recommendations are for.

Fields:
  items: list of names that the model knows, in the order of time.
  user: string, "" for none.
  context: {column: string or number}, a value for each column of the model.
"""


def define_flags():
    """Defines the flags of this program; not on import, since others may have the same.

    Returns:
      An Asked of flag holders, whose `value` is to be read in `main`.
    """
    return Asked(
        flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; 0.0.0.0 for all that "
                            "this machine has."),
        flags.DEFINE_integer("port", 8080, "Port to listen on; 0 for a free one.", lower_bound=0,
                             upper_bound=65535))


def check_available():
    """Raises InputError where aiohttp is not installed: better before the work than after it."""
    checks.argument(web is not None, "serve", "aiohttp",
                    "it installed, as by pip install 'tf1_sampled[serve]'", None)


class Recommender:
    """An exported model, which any number of threads may ask at once.

    Args:
      folder: holds saved_model/ with the signatures recommend and embed_user, and items.tsv.

    Raises:
      InputError: a folder that does not hold these.
    """

    def __init__(self, folder):
        for name in ("items.tsv", os.path.join("saved_model", "saved_model.pb")):
            path = os.path.join(folder, name)
            checks.file(os.path.isfile(path), path, "a file of an exported recommender", "none")
        self.names, self.titles, self._events = item_files.read_items(os.path.join(folder, "items.tsv"))
        self._ids = {name: i for i, name in enumerate(self.names)}
        self._folded = [(title.casefold(), name.casefold())
                        for title, name in zip(self.titles, self.names)]
        checks.file(self.names, os.path.join(folder, "items.tsv"), "items", "none")

        tf = program.import_tensorflow()
        path = os.path.join(folder, "saved_model")
        self._session = tf.Session(graph=tf.Graph())
        try:
            signatures = tf.saved_model.load(
                self._session, [tf.saved_model.SERVING], path).signature_def
            for name in ("recommend", "embed_user"):
                if name not in signatures:  # a protobuf's map makes what it does not have
                    raise ValueError("no signature " + name)
            self._recommend, self._embed = signatures["recommend"], signatures["embed_user"]
            own = ("items", "seen", "k", "user")
            # The order of a protobuf's map is none.
            self.context = {name: "string" if tf.as_dtype(info.dtype) == tf.string else "number"
                            for name, info in sorted(self._recommend.inputs.items()) if name not in own}
            self.has_users = "user" in self._recommend.inputs
            # The first run takes far longer than all others; and one who asks should not find a defect.
            first = Context(self.names[:1], "", {name: "" if kind == "string" else 0
                                                 for name, kind in self.context.items()})
            self.recommend(first, [], 1)
            self.embed(first)
        except (OSError, RuntimeError, TypeError, ValueError, KeyError, tf.errors.OpError) as e:
            self._session.close()
            raise checks.InputError("%s: wanted a recommender's SavedModel, got: %s" % (
                path, " ".join(str(e).split())[:200])) from e

    def close(self):
        """Ends the session, and with it what runs in it."""
        self._session.close()

    def knows(self, name):
        """Whether there is an item of that name."""
        return name in self._ids

    def search(self, query, limit):
        """The most frequent items whose title or name contains a text, in any case.

        Args:
          query: string.
          limit: integer, at most so many.

        Returns:
          list of {"item", "title", "events"}.
        """
        query, found = query.casefold(), []
        for i, (title, name) in enumerate(self._folded):
            if query in title or query in name:
                found.append({"item": self.names[i], "title": self.titles[i],
                              "events": int(self._events[i])})
                if len(found) == limit:
                    break
        return found

    def recommend(self, context, seen, k):
        """The k best items, best first.

        Args:
          context: a Context.
          seen: list of names to leave out.
          k: integer above 0.

        Returns:
          list of {"item", "title", "score"}; shorter than k where the items run out.
        """
        answer = self._run(self._recommend, context, seen=_strings(seen), k=k)
        names = (name.decode("utf-8") for name in answer["items"][0] if name)
        return [{"item": name, "title": self.titles[self._ids[name]], "score": float(score)}
                for name, score in zip(names, answer["scores"][0])]

    def embed(self, context):
        """The user vector of a Context: list of D numbers."""
        return self._run(self._embed, context)["vectors"][0].tolist()

    def _run(self, signature, context, **values):
        """{output: array} of one run of a signature."""
        values.update(items=_strings(context.items), **{
            name: [value] for name, value in context.context.items()})
        if self.has_users:
            values["user"] = [context.user]
        return self._session.run(
            {name: info.name for name, info in signature.outputs.items()},
            {signature.inputs[name].name: value for name, value in values.items()})


def _strings(names):
    """A batch of one row: array [1, N] of UTF-8."""
    return np.array([name.encode("utf-8") for name in names], object).reshape(1, -1)


def _wrong(name, wanted, got):
    """The text "name: wanted X, got Y", with what came as JSON of bounded length."""
    got = json.dumps(got, ensure_ascii=False)
    return "%s: wanted %s, got %s" % (name, wanted, got if len(got) <= 80 else got[:60] + "...")


def _want(condition, name, wanted, got):
    """Raises InputError with that text unless `condition` holds."""
    if not condition:
        raise checks.InputError(_wrong(name, wanted, got))


def _is_text(value, least):
    return (isinstance(value, str) and least <= len(value) <= MAX_NAME
            and not any("\ud800" <= c <= "\udfff" for c in value))


def _is_integer(value, largest):
    return type(value) is int and 1 <= value <= largest


def parse_body(body, fields):
    """The fields of a request.

    Args:
      body: bytes.
      fields: the names that there may be.

    Returns:
      dict.

    Raises:
      InputError: no JSON object in UTF-8, other fields, NaN or Infinity, which are no JSON.
    """
    def no_constant(name):
        raise checks.InputError("body: wanted JSON, got the number %s" % name)

    try:
        values = json.loads(body.decode("utf-8"), parse_constant=no_constant)
    except checks.InputError:
        raise
    except (ValueError, RecursionError) as e:
        raise checks.InputError("body: wanted JSON, got: %s" % str(e)[:200]) from e
    _want(isinstance(values, dict), "body", "a JSON object", values)
    for name in values:
        _want(name in fields, "body", "no fields but " + ", ".join(fields), name)
    return values


def parse_names(values, field):
    """The list of names in a field, by default none.

    Raises:
      InputError: no list, too many of them, one that is no name.
    """
    names = values.get(field, [])
    _want(isinstance(names, list), field, "a list of names", names)
    _want(len(names) <= MAX_ITEMS, field, "at most %d names" % MAX_ITEMS, len(names))
    for name in names:
        _want(_is_text(name, 1), field, "names of 1 to %d characters" % MAX_NAME, name)
    return names


def parse_context(model, values):
    """What a request is for.

    Args:
      model: a Recommender.
      values: dict, as from `parse_body`.

    Returns:
      A Context.

    Raises:
      InputError: a field that is not what it should be, a user of a model without users, a context
        column that is missing or unknown, no item that the model knows and no user.
    """
    names = parse_names(values, "items")
    user = values.get("user", "")
    _want(_is_text(user, 0), "user", "a name of at most %d characters" % MAX_NAME, user)
    _want(user == "" or model.has_users, "user", "none, as the model has no users", user)

    context = values.get("context", {})
    _want(isinstance(context, dict), "context", "a JSON object", context)
    for name in context:
        _want(name in model.context, "context",
              "the columns " + ", ".join(model.context) if model.context else "no columns", name)
    for name, kind in model.context.items():
        _want(name in context, "context", "a value for the column " + name, sorted(context))
        value = context[name]
        if kind == "string":
            _want(_is_text(value, 0), name, "a string of at most %d characters" % MAX_NAME, value)
        else:
            _want(type(value) in (int, float) and -_LARGEST <= value <= _LARGEST, name,
                  "a number", value)

    known = [name for name in names if model.knows(name)]
    _want(known or user, "items", "a name that the model knows" + (
        ", or a user" if model.has_users else ""), names)
    return Context(known, user, context)


def unknown_names(model, *lists):
    """The names that the model does not know, each once."""
    return list(dict.fromkeys(name for names in lists for name in names if not model.knows(name)))


def page_headers(page):
    """Headers of the page: nothing but what is in it, and this server, may run or load.

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
    """Answers requests by a Recommender; has to be made where aiohttp is installed.

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
        """The aiohttp application."""
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
        """The aiohttp runner of the application."""
        # What is left for aiohttp to log is of clients that speak no HTTP, each with a traceback.
        quiet = _LOG.getChild("http")
        quiet.setLevel(logging.CRITICAL)
        return web.AppRunner(self.application(), access_log=None, logger=quiet)

    async def run(self, host, port, started):
        """Serves until SIGINT or SIGTERM, and then until the requests under way are answered.

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
            reason = os.strerror(e.errno) if (e.errno or 0) > 0 else e.strerror
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
        """The middleware: errors become JSON, and a request is under way until its answer is sent."""
        self._under_way += 1
        is_readable = True
        try:
            try:
                response = await handler(request)
            except checks.InputError as e:
                response = _json_error(400, str(e))
            except web.RequestPayloadError:
                response = _json_error(400, "body: wanted what the headers tell, got something else")
                is_readable = False
            except web.HTTPRequestEntityTooLarge:
                response = _json_error(413, "body: wanted at most %d bytes, got more" % MAX_BODY_BYTES)
            except web.HTTPMethodNotAllowed as e:
                allowed = sorted(e.allowed_methods)
                response = _json_error(405, _wrong("method", " or ".join(allowed), request.method))
                response.headers["Allow"] = ", ".join(allowed)
            except web.HTTPNotFound:
                paths = sorted(resource.canonical for resource in request.app.router.resources())
                response = _json_error(404, _wrong("path", "one of " + ", ".join(paths), request.path))
            except asyncio.CancelledError:  # in Python 3.7 it is an Exception
                raise
            except ConnectionError:
                response = _json_error(400, "body: wanted it whole, got a closed connection")
            except Exception:
                _LOG.exception("%s %s", request.method, request.path)
                response = _json_error(500, "internal error")
            response.headers.update(_HEADERS)
            if self._is_ending:
                response.force_close()
            try:
                await response.prepare(request)
                await response.write_eof()
            except ConnectionError:
                pass  # who asked has gone
            if not is_readable:
                request.protocol.force_close()  # aiohttp would read on for the next request
            return response
        finally:
            self._under_way -= 1

    async def _fields(self, request, names):
        """The fields of a request's body, of which there may be the named ones."""
        body = await request.read()
        if len(body) > MAX_BODY_BYTES:
            raise web.HTTPRequestEntityTooLarge(max_size=MAX_BODY_BYTES, actual_size=len(body))
        return parse_body(body, names)

    async def _in_thread(self, function, *arguments):
        return await asyncio.get_event_loop().run_in_executor(self._threads, function, *arguments)

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
            _want(name in ("query", "limit"), "items", "no parameters but query and limit", name)
        query, limit = request.query.get("query", ""), request.query.get("limit", "20")
        _want(_is_text(query, 0), "query", "at most %d characters" % MAX_NAME, query)
        number = int(limit) if re.fullmatch("[0-9]{1,9}", limit) else None
        _want(_is_integer(number, MAX_LIMIT), "limit", "an integer from 1 to %d" % MAX_LIMIT, limit)
        return _json(await self._in_thread(self._model.search, query, number))

    async def _post_recommend(self, request):
        values = await self._fields(request, ("items", "seen", "repeat", "k", "user", "context"))
        names, seen = parse_names(values, "items"), parse_names(values, "seen")
        repeat, k = values.get("repeat", False), values.get("k", 10)
        _want(isinstance(repeat, bool), "repeat", "true or false", repeat)
        _want(_is_integer(k, MAX_K), "k", "an integer from 1 to %d" % MAX_K, k)
        context = parse_context(self._model, values)
        best = await self._in_thread(
            self._model.recommend, context, seen + ([] if repeat else context.items), k)
        return _json({"recommendations": best, "unknown": unknown_names(self._model, names, seen)})

    async def _post_embed(self, request):
        values = await self._fields(request, ("items", "user", "context"))
        names, context = parse_names(values, "items"), parse_context(self._model, values)
        vector = await self._in_thread(self._model.embed, context)
        return _json({"vector": vector, "unknown": unknown_names(self._model, names)})


def _json(value, status=200):
    # A model that gives NaN has a defect, of which the client is not told by what is no JSON.
    return web.Response(text=json.dumps(value, allow_nan=False), status=status,
                        content_type="application/json", charset="utf-8")


def _json_error(status, message):
    return _json({"error": message}, status)


def _address(host, port):
    return "http://%s:%d/" % ("[%s]" % host if ":" in host else host, port)


def main(argv, asked):
    """Serves the model in a folder until it is told to end.

    Args:
      argv: the program's name and the folder.
      asked: an Asked, as from `define_flags`.

    Raises:
      InputError: another number of arguments, a folder that holds no model, an address or port that it
        cannot listen on, no aiohttp.
    """
    checks.argument(len(argv) == 2, "serve", "MODEL_DIR", "one folder of an exported recommender",
                    argv[1:])
    host, port = asked.host.value, asked.port.value
    checks.argument(host, "serve", "--host", "an address", host)  # "" would be all of this machine
    check_available()
    model = Recommender(argv[1])

    def started(port):
        print("Serving %d items on %s (Ctrl-C stops)" % (len(model.names), _address(host, port)),
              flush=True)

    asyncio.run(Service(model).run(host, port, started))
    model.close()
    print("Stopped.")
    sys.stdout.flush()


if __name__ == "__main__":
    _ASKED = define_flags()
    program.run(lambda argv: main(argv, _ASKED))
