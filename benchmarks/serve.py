"""Measure requests per second and latency of the HTTP service with concurrent clients.

    python benchmarks/serve.py                                  # 3,650 items
    python benchmarks/serve.py --items=100000 --ann_index
    python benchmarks/serve.py --folder=runs/recsys-1 --root=OTHER_CHECKOUT --old

The benchmark trains a small model on random events and starts the service as a process. Each client
sends one request after the other over a persistent connection. Clients and service share the machine. A
line for each kind of request has the requests per second, the latency (median and 99th percentile), and
the CPU time of the service per request, which other work on the machine affects less.
"""
import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time

import numpy as np

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_GENRES = ["Genre %d" % n for n in range(18)]


def make_model(folder, num_items, dim, ann_index):
    """Train a small model on random events, whose items have one or two genres; return its folder."""
    sys.path.insert(0, _ROOT)
    from tf1_sampled.recsys import YouTubeDNN, index, results
    rng = np.random.RandomState(1)
    num_users = max(2000, num_items // 10)
    users = np.repeat(np.arange(num_users), 20)
    items = np.concatenate([np.minimum(rng.zipf(1.3, len(users) - num_items) - 1, num_items - 1),
                            np.arange(num_items)]) if len(users) > num_items else np.arange(len(users))
    items = rng.permutation(items)
    titles = os.path.join(folder, "titles.csv")
    with open(titles, "w", encoding="utf-8") as stream:
        stream.write("item,title,genres\n")
        for i in range(num_items):
            stream.write("%d,Title %d,%s\n" % (i, i, "|".join(rng.choice(_GENRES, 1 + i % 2, False))))
    path = os.path.join(folder, "model")
    model = YouTubeDNN(dim=dim, epochs=1, max_examples_per_user=1, validations=0, min_count=1,
                       split="none", titles=titles, model_dir=path)
    model.fit((users, items))
    if ann_index:
        index.build(os.path.join(path, "items.faiss"), *results.item_table(path),
                    results.vectors_of_some_users(model.fitted, 1000))
    return path


def make_requests(num_items, number, old):
    """Make the bodies of requests: {kind: list of bytes}."""
    draw = random.Random(1)

    def items():
        return [str(int(num_items * draw.random() ** 3)) for _ in range(10)]

    kinds = {"items": lambda: {"items": items()}}
    if not old:
        kinds.update({
            "items, genre": lambda: {"items": items(), "category": {"genres": draw.choice(_GENRES)}},
            "items, 50 candidates": lambda: {"items": items(), "candidates": sum(
                [items() for _ in range(5)], [])},
            "stored history": lambda: {"user": str(draw.randrange(2000))},
            "stored history, genre, exclude": lambda: {
                "user": str(draw.randrange(2000)), "exclude": items(),
                "category": {"genres": [draw.choice(_GENRES), draw.choice(_GENRES)]}}})
    return {kind: [json.dumps(make()).encode() for _ in range(number)] for kind, make in kinds.items()}


async def client(port, bodies, seconds):
    """Send one request after the other, and append the duration of each to `seconds`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for body in bodies:
        writer.write(b"POST /recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (
            len(body), body))
        begin = time.perf_counter()
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head).group(1)))
        seconds.append(time.perf_counter() - begin)
        assert head.startswith(b"HTTP/1.1 200"), head
    writer.close()


def cpu_seconds(pid):
    """Return the CPU seconds of a process so far (Linux)."""
    with open("/proc/%d/stat" % pid) as stream:
        fields = stream.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(port, bodies, num_clients):
    """Send all requests: return (requests per second, median and p99 of the latency in ms)."""
    seconds = []
    parts = [bodies[n::num_clients] for n in range(num_clients)]
    begin = time.perf_counter()
    await asyncio.gather(*[client(port, part, seconds) for part in parts])
    rate = len(bodies) / (time.perf_counter() - begin)
    return (rate,) + tuple(1000 * np.percentile(seconds, [50, 99]))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=3650, help="Items of the model.")
    parser.add_argument("--dim", type=int, default=128, help="Dimension of the model.")
    parser.add_argument("--clients", type=int, default=16, help="Concurrent clients.")
    parser.add_argument("--requests", type=int, default=3000, help="Requests of each kind.")
    parser.add_argument("--ann_index", action="store_true", help="Search with an approximate index.")
    parser.add_argument("--folder", default="", help="Folder of a model. Default: train one.")
    parser.add_argument("--root", default=_ROOT, help="Checkout of the service. Default: this one.")
    parser.add_argument("--old", action="store_true",
                        help="Only requests by items, which all versions of the service answer.")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = args.folder or make_model(place, args.items, args.dim, args.ann_index)
        process = subprocess.Popen(
            [sys.executable, "-m", "tf1_sampled.recsys.serve", os.path.abspath(folder), "--port=0"],
            cwd=args.root, env=dict(os.environ, PYTHONPATH=args.root), stdout=subprocess.PIPE,
            universal_newlines=True)
        try:
            line = process.stdout.readline()
            port = int(re.search(r":(\d+)/", line).group(1))
            print(line.strip().split(" on ")[0])
            for kind, bodies in make_requests(args.items, args.requests, args.old).items():
                asyncio.run(measure(port, bodies[:200], args.clients))
                before = cpu_seconds(process.pid)
                found = asyncio.run(measure(port, bodies, args.clients))
                cpu = 1000 * (cpu_seconds(process.pid) - before) / len(bodies)
                print("%-32s %6d requests/s, p50 %5.1f ms, p99 %5.1f ms, CPU %.2f ms per request" % (
                    (kind,) + found + (cpu,)), flush=True)
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
