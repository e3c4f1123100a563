"""Bad input for each file reader: valid files with damage of all kinds, and random files.

    python -m tests.fuzzing --inputs=20000
    python -m tests.fuzzing --inputs=1 --first=4711 --readers=read_log       # that input again

A reader must return a result or raise one InputError: a line of bounded length that names the file.
Anything else is a fault: another exception, a warning, too much time or memory, a file written beside
the input. The command prints a line for each reader and the place of each fault; with a fault, its exit
code is 1.
"""
import argparse
import bz2
import collections
import contextlib
import functools
import gzip
import io
import json
import lzma
import os
import random as random_lib
import re
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks, samplers
from tf1_sampled.files import finding
from tf1_sampled.recsys import events, items, roles, tables, times, warm_start
from tf1_sampled.training import file_names
from tf1_sampled.word2vec import (
    corpus,
    encoded,
    evaluation_sets,
    phrases,
    text,
    vectors,
    vocabulary,
)

_SECONDS = 5  # of CPU time, for an input
_MEMORY = 1 << 30  # bytes, more than at the start
_LONGEST_MESSAGE = 1500  # characters beside the file's name

Reader = collections.namedtuple("Reader", "name files examples read beside")
Reader.__doc__ = """A file reader and its valid inputs.

  name: string.
  files: list of names that its file may have.
  examples: list of bytes, valid contents.
  read: function of a path.
  beside: {name: bytes}, other files in the same folder.
"""


# Inputs.

_CELLS = ["", " ", "0", "-1", "1.5", "1e5", "1e39", "1e308", "1e309", "-1e309", "nan", "-Infinity",
          "1_000", "0x10", "99999999999999999999", "9" * 5000, "1" + "0" * 400, "٣", "²", "½", "1,5",
          "=1+1", "@SUM(A1)", "+1", "-", "../../up", "/etc/passwd", "C:\\x", "a b", "a\tb", "a,b", 'a"b',
          '"', '""', '"a\nb"', "'", "\\", "\\t", "\\x", "\r", "\n", "\r\n", "::", "|", ";", ":", ": x",
          "#", "</s>", "word", "NULL", "%s%n", "{}", "[]", "\x1b[2J", "\x0b", "\x0c", "\x1c", "\x85",
          "\u2028", "\xa0", "\u3000", "\ufeff", "\u202e", "e\u0301", "ﬀ", "İ", "ß", "日本", "😀", "\0"]
_BYTES = [b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\x80", b"\xe9",
          b"\x80", b"\0", b"\0\0\0\0", b"\x1f\x8b", b"PK\3\4", b"\r", b"\n", b"\x1a"]
_SEPARATORS = (b"\t", b",", b" ", b";", b"|", b"::")
_PACK = {".gz": functools.partial(gzip.compress, compresslevel=1), ".xz": lzma.compress,
         ".bz2": functools.partial(bz2.compress, compresslevel=1)}
_MEMBERS = ["a.txt", "a.txt", "b/c.txt", "d/", "../up.txt", "/etc/up.txt", "..\\up.txt", "a\nb",
            "\x1b[2J", "日", ".hidden", "__MACOSX/a"]


def _insert(random, data, some):
    at = random.randint(0, len(data))
    return data[:at] + some + data[at:]


def _flip(random, data):
    data = bytearray(data)
    for _ in range(random.randint(1, 4) if data else 0):
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data)


def _cut(random, data):
    low, high = sorted(random.randint(0, len(data)) for _ in range(2))
    return data[:low] + data[high:] if random.random() < .5 else data[:high]


def _double(random, data):
    low, high = sorted(random.randint(0, len(data)) for _ in range(2))
    return data[:high] + data[low:high] * random.choice([1, 2, 30]) + data[high:]


def _swap_lines(random, data):
    lines = data.split(b"\n")
    i, j = (random.randrange(len(lines)) for _ in range(2))
    lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


def _change_cell(random, data):
    """Drop, double or replace a cell of a line, with any separator."""
    lines = data.split(b"\n")
    row = random.randrange(len(lines))
    separator = random.choice([s for s in _SEPARATORS if s in lines[row]] or [b" "])
    cells = lines[row].split(separator)
    column = random.randrange(len(cells))
    cells[column:column + 1] = random.choice([
        [], cells[column:column + 1] * 2, [random.choice(_CELLS).encode("utf-8")]])
    lines[row] = separator.join(cells)
    return b"\n".join(lines)


def _change_separator(random, data):
    return data.replace(random.choice(_SEPARATORS), random.choice(_SEPARATORS))


def _change_encoding(random, data):
    encodings = ["utf-16", "utf-16-le", "utf-8", "utf-32", "utf-7"]
    return data.decode("latin-1").encode(random.choice(encodings))


def _change_line_ends(random, data):
    return data.replace(b"\n", random.choice([b"\r\n", b"\r", b"\n\n", b"\n\r", b"", b"\0"]))


def _lengthen(random, data):
    """Repeat something very often: make a cell or a line long, or add many lines."""
    some = random.choice([b"x", b" ", b"\n", b"1 ", b",", b"\t", b'"', b"[", b"9", b"\xc3\xa9",
                          data[:50]])
    size = random.choice([100, 5000, 140000] + [1000000] * (random.random() < .1))
    return _insert(random, data, some * (size // max(len(some), 1)))


_DAMAGE = [
    _flip, _cut, _double, _swap_lines, _change_cell, _change_cell, _change_cell, _change_separator,
    _change_encoding, _change_line_ends,
    lambda random, data: _insert(random, data, random.choice(_CELLS).encode("utf-8")),
    lambda random, data: _insert(random, data, random.choice(_BYTES)),
    lambda random, data: random.choice(_BYTES) + data,
    lambda random, data: data[data.find(b"\n") + 1:],
]


def _zipped(random, data):
    stream = io.BytesIO()
    names = [random.choice(_MEMBERS) for _ in range(random.choice([1, 1, 1, 0, 2, 3]))]
    method = random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2,
                            zipfile.ZIP_LZMA])
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", method) as archive:
        warnings.simplefilter("ignore")  # repeated names are intended
        for name in names:
            archive.writestr(name, data)
    return stream.getvalue()


def make_input(random, reader):
    """Return (file's name, content) of an input; `random` is a random.Random."""
    name = random.choice(reader.files)
    if random.random() < .05:
        data = b"".join(random.choice(_CELLS).encode("utf-8") + random.choice(_SEPARATORS + (b"\n",))
                        for _ in range(random.randint(0, 12)))
    else:
        data = random.choice(reader.examples)
    for _ in range(random.choice([0, 1, 1, 1, 2, 3])):
        data = random.choice(_DAMAGE)(random, data)
    if random.random() < .02:
        data = _lengthen(random, data)
    if random.random() < .2 and name != "names.json":
        ending = random.choice(sorted(_PACK) + [".zip", ".zip"])
        name += ending
        data = _zipped(random, data) if ending == ".zip" else _PACK[ending](data)
        if random.random() < .5:
            data = random.choice([_flip, _flip, _cut, _double])(random, data)
    return name, data


# Outcomes.

class Wrong(Exception):
    """A fault of a reader."""


class _Hang(BaseException):
    """A timeout; no reader catches it."""


@contextlib.contextmanager
def limits():
    """Limit memory and turn warnings into errors."""
    with open("/proc/self/statm") as stream:
        size = int(stream.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size + _MEMORY, before[1]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DeprecationWarning)  # Python does not show them
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def outcome(reader, path):
    """Return None for a result, or the InputError.

    Raises:
      Wrong: another exception, a warning, or no end in time.
    """
    def stop(*_):
        raise _Hang()

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        reader.read(path)
        return None
    except checks.InputError as e:
        error = e
    except Wrong:
        raise
    except _Hang:
        raise Wrong("a hang: more than %d seconds" % _SECONDS) from None
    except Exception as e:
        raise Wrong("a traceback: " + traceback.format_exc()) from e
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    message = str(error)
    rest = message.replace(path, "")
    if rest == message or not message.isprintable() or len(rest) > _LONGEST_MESSAGE:
        raise Wrong("an unclear message: %r" % message[:5000])
    return error


class Place:
    """A folder for the inputs of one reader; it detects other files written beside them."""

    def __init__(self, reader, folder):
        self.folder = os.path.join(folder, "a", "b")  # for names such as ../../up
        self._top = folder
        os.makedirs(self.folder)
        for name, content in reader.beside.items():
            with open(os.path.join(self.folder, name), "wb") as stream:
                stream.write(content)
        self._before = self._listing()

    def put(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as stream:
            stream.write(content)
        return path

    def clear(self, path):
        """Raise Wrong if something is left beside the input."""
        os.remove(path)
        found = self._listing()
        if found != self._before:
            raise Wrong("files beside the input: %s" % sorted(set(found) - set(self._before)))

    def _listing(self):
        return sorted(os.path.join(at, name) for at, folders, names in os.walk(self._top)
                      for name in folders + names)


# Readers.

_FURTHER = {"categorical": ["kind"], "numeric": ["rating"]}
_RATINGS = (
    b"userId,movieId,rating,timestamp,kind\n7,10,4.0,30,phone\n7,20,1.0,10,tv\n8,10,2.5,5,\n"
    b"9,30,5,7,x\n",
    b'\xef\xbb\xbf"user";"item";"rating";"kind"\r\n"7";"a ""b""";"1";"x\ny"\r\n8;"\xf0\x9f\x98\x80";2;z',
    b"timestamp\titem\tuser\trating\tkind\n30\tos.path\tu 1\t1\tx\n10\t=1+1\tu 2\t2\ty\n5\tb\tu\t3\tx\n",
    b"user item rating kind\n1 2 3 x\n4 5 6 y\n1 5 2 x\n",
    b"user|item|rating|kind|date\n1|2|3|x|1e9\n4|5|6|y|2e9\n",
)
_HEADERLESS = (b"196\t242\t3\t881250949\n186\t302\t3\t891717742\n22\t377\t1\t878887116\n",
               b"1::1193::5::978300760\n1::661::3::978302109\n2::914::3::978301968\n",
               b"u1\ti1\nu2\ti2\nu1\ti3\n", b"1 10 20 30\n2 20\n3\n4 10 50 60 70 80\n")
_OTHER_FORMATS = (
    b'{"reviewerID": "A2", "asin": "B1", "overall": 5.0, "unixReviewTime": 1252800000, "x": null}\n'
    b'{"reviewerID": "A3", "asin": "B2", "overall": 1.0, "unixReviewTime": 1252800001, "x": '
    b'"\\u00e9"}\n',
    b"{u'username': u'x', u'product_id': u'3', u'date': u'2017-12-17', u'kind': True}\n"
    b"{u'username': u'y', u'product_id': u'4', u'date': u'2017-12-18', u'kind': [1, (2,)]}\n",
    b"1:\n1488844,3,2005-09-06\n822109,5,2005-05-13\n2:\n885013,4,2005-10-19\n",
    b"1\tU1\t11/11/2019 9:05:58 AM\tN1 N2\tN3-1 N4-0\n2\tU2\t11/12/2019 6:11:30 PM\t\tN5-0 N6-1\n",
    b"session_id:token\titem_id_list:token_seq\titem_id:token\n1\t2 3\t4\n2\t5\t6\n",
    b"1,2014-04-07T10:51:09.277Z,214536502,0\n2,2014-04-07T13:56:37.614Z,214662742,0\n",
    b"sep=;\nuser;item;t_dat\n1;2;2018-09-20\n1;3;2018-09-21T10:00:00+02:00\n",
    b"# exported\n# user item time\n1 2 20180920\n1 3 20180921\n2 NA 20180922\n",
    b"user,item,created_at\n1.0,2.0,1500000000000\n1.0,,1500000000001\nnan,3.0,\n2.0,4.0,15e11\n",
    b"user,item,date_added\n1,2,Sun Jul 30 07:44:10 -0700 2017\n1,3,Mon Jul 31 07:44:10 -0700 2017\n")
_KINDS = (b"user,item,kind,stars,time\n1,a,buy,5,7\n1,b,view,5,8\n2,b,,4,9\n2,a, buy "
          b",,10\n3,c,cart,4.5,\n",
          b'{"user": 1, "item": 2, "kind": "buy", "stars": 5}\n'
          b'{"user": 1, "item": 3, "kind": "view", "stars": 4}\n')
_OPTIONS = roles.Options(event_column="kind", events_kept=["buy:3", "view"], min_rating=4.0,
                           keep_missing=True)
_COLUMNS = roles.Options(columns=["user", "kind", "items", "time"], encoding="utf-8")
_TITLES = (b'movieId,title,genres\n1,"Heat, The (1995)",Action|Crime\n2,Am\xc3\xa9lie,\n3,"=1+1",x\n',
           b"1::Toy Story (1995)::Animation|Comedy\n2::Am\xe9lie::Drama\n",
           b"1|GoldenEye (1995)|01-Jan-1995||http://x|0|1\n2|Get Shorty|01-Jan-1995||http://y|1|0\n")
_SIDE = (b"userId,kind,rating,movieId\n7,a,1,10\n8,b c,2.5,20\n9,,3,30\n",
         b"user\titem\tkind\trating\n7\t10\tK\xf6ln\t4\n8\t20\ty\t5\n")
_TEXTS = ("The quick brown fox jumps over the lazy dog.\nIt was the best of times ; it was the worst\n",
          "été 日本 \U0001f600 naïve\u3000wide\u00a0blank\n\n\tlast line without end")
_DUMP = ("<mediawiki><siteinfo><namespaces><namespace key='6'>File</namespace></namespaces></siteinfo>"
         "<page><title>A</title><ns>0</ns><revision><text>A '''k''' [[of|all]] {{x|{{y}}}} &lt;ref&gt;"
         "z&lt;/ref&gt;\n{|\n| a\n|}\n== H ==\n* the [[File:b.jpg|c]] end</text></revision></page>"
         "<page><title>B</title><ns>1</ns><redirect title='A'/></page></mediawiki>")
_ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-7", "gb18030", "big5",
              "iso2022_jp", "shift_jis", "euc_kr", "hz", "utf-8-sig", "ascii", "koi8-r",
              "unicode_escape", "raw_unicode_escape")


def _logs_of(path):
    """Read a log, and export its names as the program does."""
    log = events.read_log(path)
    _write_and_read(path, items.write_items, items.read_items, log.item_names, None,
                    [1] * len(log.item_names))


def _write_and_read(path, write, read, *values):
    """Check that written values are restored: each value that a reader accepts can be stored."""
    copy = os.path.join(os.path.dirname(path), "copy" + os.path.splitext(path)[1].replace(".zip", ""))
    try:
        write(copy, *values)
        got = read(copy)
    finally:
        if os.path.exists(copy):
            os.remove(copy)
    if not all(np.array_equal(g, v) for g, v in zip(got, values) if v is not None):
        raise Wrong("values that differ when they are read back: %r" % (values,))


def _vectors_of(path):
    lines = []
    words, rows = vectors.read_vectors(path, report=lines.append)
    assert rows.shape[0] == len(words) == len(set(words)) and np.isfinite(rows).all()
    assert all(line.startswith(path + ": ") and len(line) < len(path) + 200 for line in lines)
    kept = [row for row, word in enumerate(words) if not re.search("[ \t\n\r\v\f\0]", word)]
    words, rows = [words[row] for row in kept], rows[kept]
    copy = path + ".copy.txt"
    if not words:
        return
    try:
        vectors.write_vectors(copy, words, rows)
        again, same = vectors.read_vectors(copy, report=lines.append)
    finally:
        if os.path.exists(copy):
            os.remove(copy)
    assert again == words and np.array_equal(same, rows)


def _pairs_of(path):
    for first, second, score in evaluation_sets.read_similarity(path):
        assert first and second and np.isfinite(score)


def _with_columns(path):
    log = events.read_log(path, _COLUMNS, categorical=["kind"])
    assert log.times is None or np.isfinite(log.times).all()
    assert (log.users >= 0).all() and (log.items >= 0).all()


def _times(path):
    with open(path, encoding="latin-1") as stream:
        lines = stream.read().split("\n")
    for line in lines:
        try:
            assert np.isfinite(times.parse(line))
        except ValueError:
            pass
    column = times.Column()
    try:
        seconds, _ = column.seconds(column.read(lines))
        assert not np.isinf(seconds).any()
    except ValueError:
        pass


def _log():
    ids = np.array([0, 1, 2], np.int32)
    return events.Log(ids, ids, None, {}, ["7", "8", "9"], ["10", "20", "30"])


def _pieces(path):
    encoding = text.check_encoding(os.path.basename(path).split(".")[0])
    for piece in text.pieces(finding.find([path], "path"), encoding, []):
        assert "\0" not in piece and "\r" not in piece


def _corpus(path):
    cache = tempfile.mkdtemp(dir=os.path.dirname(path))
    try:
        joined = phrases.Options(1, connectors=("the",))
        options = corpus.ReadOptions(encoded.Form("utf-8", True, True, joined), min_count=1)
        with corpus.read_corpus([path], options, cache, report=len) as found:
            tokens = found.read(0, found.num_positions)
        assert (tokens >= -1).all() and (tokens < len(found.words)).all()
    finally:
        shutil.rmtree(cache)


def _unigrams(path):
    with tf.Graph().as_default():
        labels = tf.placeholder(tf.int64, [1, 1])
        samplers.fixed_unigram_candidate_sampler(labels, 1, 2, False, 4, vocab_file=path)


def _names(path):
    names = warm_start.read_names(os.path.dirname(path))
    assert names.users is None or all(isinstance(name, str) for name in names.users)


def _numbers(*values):
    return struct.pack("<%df" % len(values), *values)


_TEXT_VECTORS = b"3 2\nthe 1 -2.5\n\xc3\xa9t\xc3\xa9 0.1 1e-3\n</s> 4 5\n"
_BINARY_VECTORS = b"3 2\n" + b"".join(word + b" " + _numbers(1, 2.5) + b"\n" for word in (
    b"the", b"\xc3\xa9t\xc3\xa9", b"</s>"))
_GLOVE = (b"the 0.418 0.24968 -0.41242\n. . . 1 2 3\nat name@domain.com 1e-3 -2 .5\n\xc2\xa0 1 2 3\n"
          b" 4 5 6\n")
_LIES = tuple(header + rows
              for header in (b"1000000000 300\n", b"3 1000000000\n", b"3 99999999999999999\n",
                             b"99999999999999999 2\n", b"-1 2\n", b"1e3 2\n")
              for rows in (_TEXT_VECTORS[4:], _BINARY_VECTORS[4:]))

READERS = [
    Reader("read_log", ["e.csv"], _RATINGS + _HEADERLESS, _logs_of, {}),
    Reader("read_log_columns", ["e.csv"], _RATINGS,
           lambda path: events.read_log(path, **_FURTHER), {}),
    Reader("read_logs", ["e.csv"], _RATINGS + _HEADERLESS,
           lambda path: events.read_logs([path, os.path.join(os.path.dirname(path), "train.txt")]),
           {"train.txt": b"1 10 20\n2 30\n"}),
    Reader("read_log_formats", ["e.csv"], _OTHER_FORMATS, _logs_of, {}),
    Reader("read_log_options", ["e.csv"], _KINDS,
           lambda path: events.read_log(path, _OPTIONS, numeric=["stars"]), {}),
    Reader("read_log_no_header", ["e.csv"],
           [b"1,tv,2 3 4,7\n2,,5,8\n3,x,6,9\n", b"u\tk\ta b\t2018-09-20\nv\tk\tc\t2018-09-21\n"],
           _with_columns, {}),
    Reader("times", ["t.txt"],
           [b"2018-09-20\n20180920\n\n2014-04-07T10:51:09.277Z\n", b"1500000000\nNA\n1e12\n",
            b"2018-09-20 12:00:00 UTC\nSun Jul 30 07:44:10 -0700 2017\n"], _times, {}),
    Reader("read_titles", ["t.csv"], _TITLES, tables.read_titles, {}),
    Reader("read_side_table", ["s.csv"], _SIDE,
           lambda path: tables.read_side_table(path, "item", **_FURTHER), {}),
    Reader("with_user_columns", ["s.csv"], _SIDE,
           lambda path: tables.with_user_columns(_log(), path, **_FURTHER), {}),
    Reader("read_items", ["i.tsv"],
           [b"item\ttitle\tevents\nos.walk\tWalks\t3\na\\tb\t=1+1\t0\n\\=x\t\t2\n"
            b"\xf0\x9f\x98\x80\t\\\\\t1\n"],
           lambda path: _write_and_read(path, items.write_items, items.read_items,
                                        *items.read_items(path)), {}),
    Reader("read_names", ["names.json"],
           [json.dumps(dict(users=users, categories=categories, features=features)).encode("utf-8")
            for users, categories, features in (
                (None, {}, None), (["a", "é\n"], {"c": ["", "x"]}, ['["c", "x"]']))]
           + [b'{"users": ["\\ud800"], "categories": {"c": ["", 3]}}', b"[" * 3000, b"9" * 6000],
           _names, {"items.tsv": b"item\ttitle\tevents\na\tA\t1\n"}),
    Reader("named_checkpoint", ["best"],
           [b'model_checkpoint_path: "model.ckpt-7"\nall_model_checkpoint_paths: "model.ckpt-7"\n'],
           lambda path: file_names.best(os.path.dirname(path)), {"model.ckpt-7.index": b"x"}),
    Reader("pieces", [encoding + ".txt" for encoding in _ENCODINGS],
           [example.encode(encoding, "ignore") for example in _TEXTS for encoding in (
               "utf-8", "utf-16", "latin-1", "utf-7", "gb18030", "iso2022_jp")], _pieces, {}),
    Reader("read_corpus", ["c.txt", "c.xml"],
           [example.encode("utf-8") for example in (*_TEXTS, _DUMP)], _corpus, {}),
    Reader("read_phrases", ["phrases.txt"], [b"1 new york\n1 bank of the west\n2 new_york city\n"],
           lambda path: phrases.Phrases.read(path).save(path), {}),
    Reader("text_vectors", ["v.txt"], (_TEXT_VECTORS,) * 6 + _LIES, _vectors_of, {}),
    Reader("glove_vectors", ["v.vec", "v.bin.gz"], [_GLOVE, _GLOVE[:-1], b"4 3\n" + _GLOVE], _vectors_of,
           {}),
    Reader("binary_vectors", ["v.bin"], (_BINARY_VECTORS,) * 6 + _LIES, _vectors_of, {}),
    Reader("read_vocabulary", ["w.txt"], [b"</s> 0\nthe 50\n\xc3\xa9t\xc3\xa9 7\na_b 7\nnew 0\n"],
           lambda path: _write_and_read(path, vocabulary.save_vocabulary, vocabulary.read_vocabulary,
                                        *vocabulary.read_vocabulary(path)), {}),
    Reader("vocab_file", ["u.csv"], [b"a,10\nb,2.5\nc,0\nd,1e3\n", b"1\n2\n3\n4\n"], _unigrams, {}),
    Reader("read_similarity", ["p.tsv"],
           [b"Word 1\tWord 2\tHuman (mean)\ntiger\tcat\t7.35\ntiger\ttiger\t10\n",
            b"# x\nsun sunlight 50.0\n",
            b"word1\tword2\tPOS\tSimLex999\nold\tnew\tA\t1.58\n", b"a,b,1\nc,d,2\n",
            b'"a";"b";"1,5"\n"c";"d";"2,5"\n', b"take\tremove\tV\t6.81\tSYNONYMS\n",
            b"Word 1,Word 2,Human (mean),1,2\nlove,sex,6.77,9,6\nTiger,cat,7.00,9,8\n"],
           _pairs_of, {}),
    Reader("read_similarity_columns", ["p.csv"],
           [b"id,a,b,gold\n1,king,man,9\n2,man,woman,3\n3,king,apple,1\n"],
           lambda path: evaluation_sets.read_similarity(path, ["2", "3", "gold"]), {}),
    Reader("read_analogies", ["q.txt"],
           [b": capitals\nathens greece oslo norway\n\n: family\nboy girl he she\n",
            b"# x\na b c d\n:y\ne f g h\n"], evaluation_sets.read_analogies, {}),
]


# The long run.

Count = collections.namedtuple(
    "Count", "inputs results errors tracebacks hangs others megabytes seconds")


def run(reader, numbers, show=print):
    """Return a Count of the inputs of these numbers, and show the faults."""
    begin = time.process_time()
    results, wrong = 0, collections.Counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder, limits():
        place = Place(reader, folder)
        for number in numbers:
            path = place.put(*make_input(random_lib.Random("%s %d" % (reader.name, number)), reader))
            try:
                results += outcome(reader, path) is None
                place.clear(path)
            except Wrong as e:
                wrong[str(e).split()[1]] += 1
                show("%s: input %d (%s): %s" % (reader.name, number, os.path.basename(path), e))
                if os.path.exists(path):
                    os.remove(path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    tracebacks, hangs = wrong.pop("traceback:", 0), wrong.pop("hang:", 0)
    others = sum(wrong.values())
    errors = len(numbers) - results - tracebacks - hangs - others
    return Count(len(numbers), results, errors, tracebacks, hangs, others, peak / 1024,
                 time.process_time() - begin)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=20000, help="number of inputs of each reader")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--readers", default=",".join(reader.name for reader in READERS))
    arguments = parser.parse_args()
    form = "%-18s" + "%11s" * len(Count._fields)
    print(form % (("reader",) + Count._fields), flush=True)
    chosen = arguments.readers.split(",")
    failed = False
    for reader in READERS:
        if reader.name in chosen:
            # A separate process, so that its peak of memory is its own.
            child = os.fork()
            if not child:
                count = run(reader, range(arguments.first, arguments.first + arguments.inputs))
                shown = ["%.0f" % number for number in count]
                print(form % (reader.name, *shown), flush=True)
                os._exit(int(count.tracebacks + count.hangs + count.others > 0))
            failed |= os.waitpid(child, 0)[1] != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
