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
gives a 500 with {"error": "internal error"}, and a traceback in the log.

Without --host it listens on this machine alone. It answers where the Host of a request, and its Origin
if it has one, is a name or an address of this machine; --allowed_hosts adds others, as those of a proxy
in front. With --token_file, all but the page and GET /health need "Authorization: Bearer TOKEN"; open
the page as http://127.0.0.1:8080/#token=TOKEN. There is no TLS: put a proxy in front for that.

Bodies may have 1 MiB, also unpacked (Content-Encoding: gzip or deflate); headers must come within 10
seconds, a body within 30, and an idle connection is closed after 75. A connection above the limit (the
process's open files, at most 1,000) takes the place of the one that has waited longest for its client. A
503 has Retry-After: too many connections, bodies or questions at a time.

A model is a program. One whose graph may do more than compute, read and write files for example, is
loaded with --trust_model only.

SIGINT (Ctrl-C), SIGTERM and SIGHUP end it: no new connections, requests under way are answered first.
While it still loads the model, they end it at once.
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
    # Threads of BLAS wait for each other in busy loops, which take the cores from requests.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")

from tf1_sampled import checks
from tf1_sampled.cluster import launch
from tf1_sampled.programs import log_rate, quiet, running
from tf1_sampled.recsys import access, model_files, service


def parse_arguments(arguments):
    """Return the values of the command line.

    Args:
      arguments: list of strings, without the program's name.

    Returns:
      Namespace with folder, host, port, allowed_hosts (a list), token_file and trust_model.

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
    parser.add_argument("--allowed_hosts", default="", metavar="HOST,...", help="Names and addresses "
                        "that the Host of a request may be beside those of this machine; * for any.")
    parser.add_argument("--token_file", default="", metavar="FILE", help="File whose first line is "
                        "a token that requests must have.")
    parser.add_argument("--trust_model", action="store_true", help=model_files.TRUST_HELP)
    values = parser.parse_intermixed_args(arguments)
    checks.argument(len(values.folder) == 1, "serve", "MODEL_DIR",
                    "one folder of an exported recommender", values.folder)
    values.folder = values.folder[0]
    # "" would be all of this machine.
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
      argv: the program's name, the folder and options.

    Raises:
      InputError: as `parse_arguments`, a folder that holds no model, an address or port that it cannot
        listen on, a token file without a token, no aiohttp.
    """
    values = parse_arguments(argv[1:])
    service.check_available()
    with contextlib.ExitStack() as stack:
        with _ended_at_once():
            token = _read_token(values.token_file) if values.token_file else ""
            quiet.import_tensorflow()  # quietly, and not for --help
            from tf1_sampled.recsys import recommender
            model = stack.enter_context(recommender.Recommender(values.folder, values.trust_model))
        gc.freeze()  # a collection would look at all that is loaded, which takes 0.1 s
        allowed = access.Access([values.host.lower()] + values.allowed_hosts, token)
        asyncio.run(_serve(service.Service(model, allowed), model, values))
    print("Stopped.")


async def _serve(answering, model, values):
    """Serve until a signal, and then until the requests under way are answered."""
    told_to_end = asyncio.Event()
    for number in launch.stopping_signals():
        asyncio.get_event_loop().add_signal_handler(number, told_to_end.set)
    port = await answering.start(values.host, values.port)
    print("Serving %d items on %s (Ctrl-C stops)" % (
        len(model.names), service.address(values.host, port)), flush=True)
    if not values.token_file and not answering.is_local():
        print("Everyone who reaches this address can ask the model, and read its items and what it "
              "recommends to each user; --token_file=FILE asks for a token.", flush=True)
    await told_to_end.wait()
    await answering.stop()


def _read_token(path):
    """Return the token in a file, after a line where other users can read it."""
    token, is_shared = access.read_token(path)
    if is_shared:
        print("%s: other users can read this token; chmod 600 keeps it" % path, file=sys.stderr,
              flush=True)
    return token


@contextlib.contextmanager
def _ended_at_once():
    """A context in which signals end the process at once, also while TensorFlow waits for a file."""
    kept = {number: signal.signal(number, signal.SIG_DFL) for number in launch.stopping_signals()}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    with running.errors_told():
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        log_rate.limit()
        main(sys.argv)
