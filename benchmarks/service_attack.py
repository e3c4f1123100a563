"""Measure the HTTP service under attack: latency of /health, memory, and lines of its log.

    python benchmarks/service_attack.py                         # Linux
    python benchmarks/service_attack.py --root=OTHER_CHECKOUT   # the service of another version

For each attack, the benchmark starts the service of a small model as a process. It requests GET /health
every 50 ms over a new connection while another process attacks:

    none        no attack, for comparison
    gzip        32 bodies of 1 MB that unpack to 1 GB, at once
    JSON        32 bodies of 1 MB with many small values, at once
    users       8 requests with the largest allowed numbers of users and names, at once
    headers     100 connections with unfinished headers; the service may open 64 files (ulimit -n 64)
    bodies      400 connections with unfinished bodies of 1 MB

Columns: requests of /health that were sent and that failed; the median and the largest latency; the
resident memory of the service before the attack, at its peak, and 5 seconds after; the lines of its log.
"""
import argparse
import contextlib
import http.client
import json
import multiprocessing
import os
import re
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

import serve as serve_benchmark

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_HEAD = b"POST /recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n"
_HOLD_SECONDS = 8  # duration of connections that wait


def send_at_once(port, number, body, headers=b""):
    """Send `number` requests with the same body, each over its own connection."""
    def send():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(60)
            client.sendall(_HEAD % (len(body), headers) + body)
            client.recv(1000)

    threads = [threading.Thread(target=send) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def hold(port, number, text):
    """Send a text over `number` connections, and keep them open for some time."""
    kept = []
    for _ in range(number):
        client = socket.socket()
        client.settimeout(2)
        with contextlib.suppress(OSError):
            client.connect(("127.0.0.1", port))
            client.sendall(text)
        kept.append(client)
    time.sleep(_HOLD_SECONDS)


def packed_zeros(size):
    """Return `size` zeros in gzip format, a megabyte for a gigabyte; size is a multiple of 16 MiB."""
    packer, block = zlib.compressobj(9, wbits=-zlib.MAX_WBITS), bytes(1 << 24)
    packed, checksum = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH), 0
    for _ in range(size // len(block)):
        checksum = zlib.crc32(block, checksum)
    return (b"\x1f\x8b\x08" + bytes(7) + packed * (size // len(block)) + b"\x03\x00"
            + struct.pack("<II", checksum, size))


def attack(kind, port):
    """Attack the service; this runs in a separate process."""
    if kind == "none":
        time.sleep(_HOLD_SECONDS)
    elif kind == "gzip":
        send_at_once(port, 32, packed_zeros(992 << 20), b"Content-Encoding: gzip\r\n")
    elif kind == "JSON":
        send_at_once(port, 32, b'{"context": {"a": [%s]}}' % b", ".join([b"[1.5]"] * 149000))
    elif kind == "users":
        names = list(map(str, range(1000)))
        send_at_once(port, 8, json.dumps({"users": names, "exclude": names, "k": 100}).encode())
    elif kind == "headers":
        hold(port, 100, b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
    else:
        hold(port, 400, _HEAD % (1 << 20, b"") + b" " * 900000)


class Asker(threading.Thread):
    """A thread that requests GET /health until `ended` is set; `seconds` has the latencies."""

    def __init__(self, port):
        super().__init__()
        self._port, self.seconds, self.failed, self.ended = port, [], 0, threading.Event()

    def run(self):
        while not self.ended.wait(0.05):
            begin = time.perf_counter()
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
                connection.request("GET", "/health", headers={"Connection": "close"})
                self.failed += connection.getresponse().status != 200
                connection.close()
            except (OSError, http.client.HTTPException):
                self.failed += 1
            self.seconds.append(time.perf_counter() - begin)


def memory_mb(pid):
    """Return the resident memory of a process in MB (Linux)."""
    with open("/proc/%d/statm" % pid) as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(kind, folder, root):
    """Run an attack: return its line of the table."""
    def limit_files():
        if kind == "headers":
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tf1_sampled.recsys.serve", folder, "--port=0"], cwd=root,
            env=dict(os.environ, PYTHONPATH=root), stdout=subprocess.PIPE, stderr=log,
            preexec_fn=limit_files, universal_newlines=True)
        try:
            port = int(re.search(r":(\d+)/", process.stdout.readline()).group(1))
            send_at_once(port, 2, b"{}")
            before = peak = memory_mb(process.pid)
            asker, attacker = Asker(port), multiprocessing.Process(target=attack, args=(kind, port))
            asker.start()
            attacker.start()
            while attacker.is_alive():
                peak = max(peak, memory_mb(process.pid))
                attacker.join(0.02)
            time.sleep(5)
            asker.ended.set()
            asker.join()
            after = memory_mb(process.pid)
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        lines = log.read().count(b"\n")
    return "%-8s %6d %6d %9.0f %9.0f %11.0f %9.0f %9.0f %9d" % (
        kind, len(asker.seconds), asker.failed, 1000 * sorted(asker.seconds)[len(asker.seconds) // 2],
        1000 * max(asker.seconds), before, peak, after, lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=_ROOT, help="Checkout of the service. Default: this one.")
    parser.add_argument("--only", default="none,gzip,JSON,users,headers,bodies", help="Attacks to run.")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = serve_benchmark.make_model(place, 3650, 128, ann_index=False)
        print("         requests of /health               memory, MB")
        print("attack     sent failed  p50 (ms)  max (ms)      before      peak     after log lines")
        for kind in args.only.split(","):
            print(measure(kind, folder, args.root), flush=True)


if __name__ == "__main__":
    main()
