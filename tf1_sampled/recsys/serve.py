"""Serve an exported recommender over HTTP: JSON for programs, and a page for people.

    python -m tf1_sampled.recsys.serve runs/recsys-1 --port=8080

    curl http://127.0.0.1:8080/recommend -d '{"items": ["Alien", "Heat"], "k": 3}'
    curl http://127.0.0.1:8080/recommend -d '{"user": "u12", "category": {"genres": "War"}}'

MODEL_DIR is a folder that run_recsys.py wrote. Requests:

    GET  /              the page
    GET  /health        {"status": "ok", "items": C}
    GET  /model         the inputs of the model: numbers of items and users, context columns, item
                        categories, whether the order of a history matters
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

    items       the history, names or numbers, oldest first; default: the stored history of the user
    user        a name; the user's earlier items are not recommended, with or without "items"
    users       several names, with one answer for each
    k           number of recommendations, 10 by default
    exclude     items that are not recommended
    candidates  the only items that may be recommended
    category    {column: value or list of values} of recommended items, such as {"genres": "War"}
    context     {column: string or number} of the request; columns of --users are optional for a
                known user
    repeat      true to recommend the user's earlier items too; default: as in training (--repeats)

A filter removes items before the best are selected, so even a strict filter gives the best of the rest.
There are fewer than k recommendations if there are too few items. "source" is "model", or "popular" if
neither the user nor an item is known: then the answer has the most frequent items, without scores.
"unknown" lists unknown names of items and users, and the {"column", "value"} of unknown categories.

If the folder has an index (--ann_index) and at least 20,000 items, answers without "candidates" and
"category" come from the approximate index; all others are exact.

An invalid request gets a 4xx with {"error": "k: wanted an integer from 1 to 1000, got 0"}. A defect of
the service gets a 500 with {"error": "internal error"}, and a traceback in the log.

Without --host, the service listens on this machine only. It answers a request if its Host, and its
Origin if present, is a name or an address of this machine; --allowed_hosts adds others, such as the name
of a proxy. With --token_file, all requests except the page and GET /health need "Authorization: Bearer
TOKEN"; open the page as http://127.0.0.1:8080/#token=TOKEN. There is no TLS: use a proxy for that.

A body may have 1 MiB, also after unpacking (Content-Encoding: gzip or deflate). Headers must arrive
within 10 seconds, a body within 30; an idle connection is closed after 75. At the limit on connections
(the process's open files, at most 1,000), a new connection replaces the one that has waited longest for
its client. Too many connections, bodies or questions at a time get a 503 with Retry-After.

A model is a program. If its graph may do more than compute, for example read and write files, it is
loaded only with --trust_model.

SIGINT (Ctrl-C), SIGTERM and SIGHUP stop the service: it accepts no new connections, and first answers
the requests in progress. While the model is loading, they stop it at once.
"""
import argparse
import asyncio
import contextlib
import gc
import logging
import os
import re
import signal
import sys

if __name__ == "__main__":  # before NumPy is loaded
    # BLAS threads wait for each other in busy loops, which take CPU time from requests.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")

from tf1_sampled import checks
from tf1_sampled.cluster import launch
from tf1_sampled.programs import log_rate, quiet, running
from tf1_sampled.recsys import access, model_files, service


def parse_arguments(arguments):
    """Parse the command line.

    Args:
      arguments: list of strings, without the program name.

    Returns:
      Namespace with folder, host, port, allowed_hosts (a list), token_file and trust_model.

    Raises:
      InputError: an unknown option, an invalid value, no folder or several.
      SystemExit: --help, after it is printed.
    """
    parser = running.ArgumentParser(
        prog="serve.py", usage="python -m tf1_sampled.recsys.serve MODEL_DIR [options]",
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="*", metavar="MODEL_DIR",
                        help="Folder of an exported recommender.")
    parser.add_argument("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 for all "
                        "addresses of this machine. Default: %(default)s.")
    parser.add_argument("--port", default=8080, type=_port, help="Port to listen on; 0 for any free "
                        "port. Default: %(default)s.")
    parser.add_argument("--allowed_hosts", default="", metavar="HOST,...", help="Further names and "
                        "addresses that the Host of a request may be; * for any. Default: only those of "
                        "this machine.")
    parser.add_argument("--token_file", default="", metavar="FILE", help="File whose first line is the "
                        "token that requests must send. Default: no token.")
    parser.add_argument("--trust_model", action="store_true", help=model_files.TRUST_HELP)
    values = parser.parse_intermixed_args(arguments)
    checks.argument(len(values.folder) == 1, "serve", "MODEL_DIR",
                    "one folder of an exported recommender", values.folder)
    values.folder = values.folder[0]
    # "" would mean all addresses of this machine.
    checks.argument(values.host, "serve", "--host", "an address", values.host)
    values.allowed_hosts = access.parse_hosts(values.allowed_hosts)
    return values


def _port(text):
    """Return the port in an argument."""
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError("wanted an integer from 0 to 65535, got %s" % checks.show(text))
    return int(text)


def main(argv):
    """Serve the model in a folder until SIGINT, SIGTERM or SIGHUP.

    Args:
      argv: the program name, the folder and options.

    Raises:
      InputError: see `parse_arguments`; a folder without a model, an address or port that cannot be
        used, a token file without a token, no aiohttp.
    """
    values = parse_arguments(argv[1:])
    service.check_available()
    with contextlib.ExitStack() as stack:
        with _ended_at_once():
            token = _read_token(values.token_file) if values.token_file else ""
            quiet.import_tensorflow()  # without its messages; not needed for --help
            from tf1_sampled.recsys import recommender
            model = stack.enter_context(recommender.Recommender(values.folder, values.trust_model))
        gc.freeze()  # else a collection scans all loaded objects, which takes 0.1 s
        allowed = access.Access([values.host.lower()] + values.allowed_hosts, token)
        asyncio.run(_serve(service.Service(model, allowed), model, values))
    print("Stopped.")


async def _serve(answering, model, values):
    """Serve until a signal, then answer the requests in progress."""
    stopping = asyncio.Event()
    for number in launch.stopping_signals():
        asyncio.get_event_loop().add_signal_handler(number, stopping.set)
    port = await answering.start(values.host, values.port)
    print("Serving %d items on %s (Ctrl-C stops)" % (
        len(model.names), service.address(values.host, port)), flush=True)
    if not values.token_file and not answering.is_local():
        print("Everyone who can reach this address can query the model, list its items and read its "
              "recommendations for each user; --token_file=FILE requires a token.", flush=True)
    await stopping.wait()
    await answering.stop()


def _read_token(path):
    """Return the token in a file; warn if other users can read it."""
    token, is_shared = access.read_token(path)
    if is_shared:
        print("%s: other users can read this token; chmod 600 protects it" % path, file=sys.stderr,
              flush=True)
    return token


@contextlib.contextmanager
def _ended_at_once():
    """Let signals end the process at once, even while TensorFlow waits for a file."""
    kept = {number: signal.signal(number, signal.SIG_DFL) for number in launch.stopping_signals()}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    with running.report_errors():
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        log_rate.limit()
        main(sys.argv)
