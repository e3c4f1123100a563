"""Serves an exported recommender over HTTP: JSON for programs, and a page for people.

    python -m tf1_sampled.recsys.serve runs/recsys-1 --port=8080

    curl http://127.0.0.1:8080/recommend -d '{"items": ["Alien", "Heat"], "k": 3}'
    curl http://127.0.0.1:8080/recommend -d '{"user": "u12", "category": {"genres": "War"}}'

The folder is one that run_recsys.py made. Requests:

    GET  /              the page
    GET  /health        {"status": "ok", "items": C}
    GET  /model         what the model takes: numbers of items and users, columns of the context,
                        categories of items, whether the order of a history counts
    GET  /items?query=TEXT&limit=N
                        [{"item", "title", "events"}, ...]: exact titles and names first, then those
                        that begin with the text, then those with all of its words in any order
    POST /recommend     {"items", "user" or "users", "k", "exclude", "candidates", "category", "context",
                        "repeat"}, all optional
                     -> {"recommendations": [{"item", "title", "score"}, ...], "source", "unknown"};
                        with "users": {"answers": [{"user", "recommendations", ...}, ...]}
    POST /similar       {"item", "k", "exclude", "candidates", "category"}
                     -> {"similar": [{"item", "title", "cosine"}, ...], "unknown"}
    POST /embed         {"items", "user", "context"} -> {"vector": [D numbers], "unknown"}

    items       the history, names or numbers, oldest first; without it the stored history of the user
    user        a name; what this user had is not offered, also beside "items"
    users       several, one answer for each
    k           recommendations, 10 by default
    exclude     items that are not offered
    candidates  the only items that are offered
    category    {column: value or list of values}, which all that is offered has, as {"genres": "War"}
    context     {column: string or number} of the request; columns of --users are known of a known user
    repeat      true to offer the user's own items too; by default as the model was trained (--repeats)

Filters leave out items before the best are chosen: a filter that leaves few still gives the best of
them. There are fewer than k recommendations where the items run out. "source" is "model", or "popular"
with the most frequent items and no scores, where neither the user nor an item is known. "unknown" lists
the names of items and users and the {"column", "value"} of categories that the model does not know.

In a folder with items.faiss (--ann_index), answers of catalogues of 20,000 items or more without
"candidates" and "category" are those of the approximate index; all others are exact.

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

if __name__ == "__main__":  # before NumPy is loaded
    # Threads of BLAS wait for each other in busy loops, which take the cores from requests.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")

from tf1_sampled import checks
from tf1_sampled.programs import quiet, running
from tf1_sampled.recsys import micro_batches, model_files, queries, requests

try:
    from aiohttp import web
except ImportError:
    web = None  # type: ignore[assignment]

MAX_BODY_BYTES = 1 << 20  # of a request
MAX_LIMIT = 100  # items that a search gives
MAX_BATCH = 64  # questions that the model gets at once
STOP_SECONDS = 10  # how long requests under way may take once it is to end

_LOG = logging.getLogger(__name__)
_PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.html")
_HEADERS = {"X-Content-Type-Options": "nosniff", "Server": "tf1_sampled"}


def check_available():
    """Raise InputError where aiohttp is not installed."""
    checks.argument(web is not None, "serve", "aiohttp",
                    "it installed, as by pip install 'tf1_sampled[serve]'", None)


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
        self._answers = micro_batches.MicroBatches(
            model.answer, MAX_BATCH, max(1, (os.cpu_count() or 1) - 1))  # a core is left for HTTP
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

        # Some versions of aiohttp refuse what has just as many bytes as this; see _fields.
        app = web.Application(middlewares=[answer], client_max_size=MAX_BODY_BYTES + 1)
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
        self._answers.close()

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
        return requests.parse_body(body, names)

    async def _in_thread(self, function, *arguments, **named):
        return await asyncio.get_event_loop().run_in_executor(
            self._threads, functools.partial(function, *arguments, **named))

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
        names = await self._in_thread(self._model.search, query, number)
        return _json([{"item": name, "title": self._model.title(name),
                       "events": self._model.count(name)} for name in names])

    async def _post_recommend(self, request):
        values = await self._fields(request, requests.RECOMMEND)
        rows = [self._resolved(question) for question in requests.parse_questions(values)]
        answers = [requests.answer_fields(self._model, answer) for answer in await asyncio.gather(
            *map(self._answers.call, rows))]
        if "users" not in values:
            return _json(answers[0])
        users = [queries.as_name(user) for user in values["users"]]
        return _json({"answers": [dict(answer, user=user) for user, answer in zip(users, answers)]})

    async def _post_similar(self, request):
        values = await self._fields(request, requests.SIMILAR)
        question, = requests.parse_questions(values)
        item = queries.check_name("item", values.get("item"), requests.MAX_NAME)
        unknown = self._resolved(question).unknown
        best = await self._in_thread(self._model.similar_items, item, question.k, **{
            name: values[name] for name in requests.FILTERS if name in values})
        return _json({"similar": [{"item": name, "title": self._model.title(name), "cosine": cosine}
                                  for name, cosine in best],
                      "unknown": requests.unknown_fields(unknown)})

    async def _post_embed(self, request):
        values = await self._fields(request, requests.EMBED)
        question, = requests.parse_questions(values)
        row = self._resolved(question)
        vector = await self._in_thread(self._model.embed, question.items, question.user,
                                       question.context)
        return _json({"vector": vector.tolist(), "unknown": requests.unknown_fields(row.unknown)})

    def _resolved(self, question):
        return self._model.resolve(question, requests.MAX_NAME, requests.MAX_ITEMS)


def _json(value, status=200):
    # JSON lacks NaN, which only a defective model gives: an internal error.
    return web.Response(text=json.dumps(value, allow_nan=False), status=status,
                        content_type="application/json", charset="utf-8")


def _json_error(status, message):
    return _json({"error": message}, status)


def _address(host, port):
    return "http://%s:%d/" % ("[%s]" % host if ":" in host else host, port)


def parse_arguments(arguments):
    """Return the values of the command line.

    Args:
      arguments: list of strings, without the program's name.

    Returns:
      Namespace with folder, host, port and trust_model.

    Raises:
      InputError: an unknown option, a value that its option does not take, other than one folder.
      SystemExit: --help, after it is printed.
    """
    parser = running.ArgumentParser(
        prog="serve.py", usage="python -m tf1_sampled.recsys.serve MODEL_DIR [options]",
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="*", metavar="MODEL_DIR",
                        help="Folder of an exported recommender.")
    parser.add_argument("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 for all that "
                        "this machine has. Default: %(default)s.")
    parser.add_argument("--port", default=8080, type=_port, help="Port to listen on; 0 for a free one. "
                        "Default: %(default)s.")
    parser.add_argument("--trust_model", action="store_true", help=model_files.TRUST_HELP)
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
    with recommender.Recommender(values.folder, values.trust_model) as model:
        def started(port):
            print("Serving %d items on %s (Ctrl-C stops)" % (
                len(model.names), _address(values.host, port)), flush=True)
        asyncio.run(Service(model).run(values.host, values.port, started))
    print("Stopped.")


if __name__ == "__main__":
    with running.errors_told():
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        main(sys.argv)
