"""Encode text as ids on the disk, once for as long as its files are unchanged.

    form = Form(encoding="utf-8", lowercase=True)
    with encode(finding.find(["books/"], "corpus"), form, "cache", report=print).ids as stream:
        ids = np.fromfile(stream, "<i4", 1000)

A folder of the cache holds the words, in the order of their first occurrence, and the text as ids of 4
bytes for each word and line. Each pass of phrases makes another folder.
"""
import collections
import hashlib
import itertools
import json
import os
import time
import zlib

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import cache, finding, places, reading
from tf1_sampled.word2vec import phrases as phrases_lib, text as text_lib, tokens

_SLICE = 1 << 20  # ids that are read at a time

# The files of an encoded text. The ids are little-endian int32; 0 is the end of a line.
_VERSION = 3
_IDS, _WORDS, _COUNTS, _INFO = "ids.int32", "words.txt", "counts.int64", "info.json"
_LOOK_BYTES = 1 << 16  # bytes at each end of a file that show whether it has changed

Form = collections.namedtuple(
    "Form", "encoding lowercase tokenize phrases",
    defaults=("utf-8", False, False, phrases_lib.Options()))
Form.__doc__ = """The form of a text: how it is decoded and split into words.

  encoding: string from text.check_encoding.
  lowercase, tokenize: booleans, see tokens.normaliser.
  phrases: phrases.Options.
"""

Encoded = collections.namedtuple("Encoded", "ids words counts notes ids_crc32 phrases")
Encoded.__doc__ = """The content of a folder of the cache. Id 0 is the end of a line.

  ids: a binary stream of int32.
  words: list of N strings, the word of each id; the first is empty.
  counts: int64 [N], the count of each id.
  notes: list of lines for the user.
  ids_crc32: integer, the CRC-32 of the bytes of `ids`.
  phrases: phrases.Phrases that were joined.
"""


def encode(sources, form, cache_dir, report):
    """Encode the text of sources, or read it from the cache if the files have not changed.

    Args:
      sources: list of finding.Source.
      form: Form.
      cache_dir: string, an existing folder.
      report: function that takes a line of text for the user.

    Returns:
      Encoded. The caller closes its `ids`.

    Raises:
      InputError: sources that cannot be read as text, a cache_dir that cannot be written.
    """
    def make(folder):
        begin = time.monotonic()
        about = {"inputs": [os.path.abspath(source.path) for source in sources],
                 "form": _described(form)}
        if form.phrases.passes:
            before = encode(sources, _with_passes(form, form.phrases.passes - 1), cache_dir, report)
            with before.ids:
                num_phrases, counts = _join_phrases(before, form.phrases, folder, about)
            made = "Joined %s; encoded" % checks.counted(num_phrases, "different phrase")
        else:
            counts = _encode(sources, form, folder, about)
            made = "Encoded"
        report("%s %s in %.1f s: %s" % (
            made, checks.counted(int(counts[1:].sum()), "word"), time.monotonic() - begin, path))

    path = os.path.join(cache_dir, _fingerprint(sources, form))
    encoded, is_new = cache.cached_folder(path, make, _load)
    if not is_new:
        report("Read from cache: " + path)
    return encoded


def has_standard_input(sources):
    """Return whether one of the sources is standard input."""
    return any(source.path == finding.STANDARD_INPUT for source in sources)


def _with_passes(form, passes):
    return form._replace(phrases=form.phrases._replace(passes=passes))


def _described(form):
    """Return the form as JSON: all that the encoded text depends on besides the sources."""
    phrases = form.phrases._asdict() if form.phrases.passes else {}
    return dict(form._asdict(), phrases=phrases)


def _fingerprint(sources, form):
    """Return the name of the folder for the current state of the sources in this form."""
    if has_standard_input(sources):
        return "%d" % form.phrases.passes  # standard input has a temporary cache_dir of its own
    digest = hashlib.sha256(json.dumps([_VERSION, _described(form)], sort_keys=True).encode())
    for path, named in sources:
        with reading.open_members(path), open(path, "rb") as stream:
            status = os.fstat(stream.fileno())
            digest.update(json.dumps([
                os.path.abspath(path), named, status.st_size, status.st_mtime_ns]).encode())
            digest.update(stream.read(_LOOK_BYTES))
            stream.seek(max(status.st_size - _LOOK_BYTES, 0))
            digest.update(stream.read(_LOOK_BYTES))
    return digest.hexdigest()[:32]


def _encode(sources, form, folder, about):
    """Encode the text of the sources into `folder`; return int64 [N], the count of each id."""
    # A word gets the next id at its first occurrence, so that one pass both counts and encodes.
    index = collections.defaultdict(itertools.count().__next__)
    line_end = "\0"  # text_lib.pieces removes it from texts
    assert index[line_end] == 0
    spaced = " %s " % line_end
    notes = []
    normalise = tokens.normaliser(form.lowercase, form.tokenize)

    def ids():
        for piece in text_lib.pieces(sources, form.encoding, notes):
            words = normalise(piece).replace("\n", spaced).split()
            yield np.fromiter(map(index.__getitem__, words), np.int32, len(words))

    counts, ids_crc32 = _write_ids(folder, ids(), lambda: len(index))
    words = list(index)
    words[0] = ""
    _write_words(folder, Encoded(None, words, counts, notes, ids_crc32, phrases_lib.Phrases()), about)
    return counts


def _join_phrases(before, options, folder, about):
    """Make one pass of phrases over an Encoded into `folder`; return (number of phrases, counts)."""
    def ids():
        before.ids.seek(0)
        piece = np.fromfile(before.ids, "<i4", _SLICE)
        while len(piece):
            yield piece
            piece = np.fromfile(before.ids, "<i4", _SLICE)

    connectors = phrases_lib.connectors_of(before.words, options.connectors)
    pairs = phrases_lib.count_pairs(ids(), before.counts, connectors, options.min_count)
    pairs = phrases_lib.find(pairs, before.counts, options.min_count, options.threshold)
    found = phrases_lib.words_of(pairs, before.words, connectors)
    phrase_ids, new_words = phrases_lib.name(found, before.words)
    words = before.words + new_words
    joined = phrases_lib.join(ids(), pairs, phrase_ids, connectors, num_ids=len(before.words))
    counts, ids_crc32 = _write_ids(folder, joined, lambda: len(words))
    _write_words(folder, Encoded(None, words, counts, before.notes, ids_crc32,
                                 phrases_lib.Phrases(before.phrases.passes + [found])), about)
    return len(phrase_ids), counts


def _write_ids(folder, arrays, num_ids):
    """Write int32 arrays; return (int64 [num_ids()], the count of each id; the CRC-32 of all ids)."""
    counts, crc = np.zeros(1, np.int64), 0
    with open(os.path.join(folder, _IDS), "wb") as stream:
        for block in _blocks(arrays):
            block = block.astype("<i4", copy=False)
            stream.write(block.data)
            crc = zlib.crc32(block, crc)
            more = np.bincount(block)
            if len(more) > len(counts):
                counts = np.concatenate([counts, np.zeros(2 * len(more) - len(counts), np.int64)])
            counts[:len(more)] += more
    return np.concatenate([counts, np.zeros(num_ids(), np.int64)])[:num_ids()], crc


def _blocks(arrays):
    """Yield the same numbers in larger arrays, which are faster to count and write."""
    held, num_held = [], 0
    for array in arrays:
        held.append(array)
        num_held += len(array)
        if num_held >= _SLICE:
            yield np.concatenate(held)
            held, num_held = [], 0
    if num_held:
        yield np.concatenate(held)


def _write_words(folder, encoded, about):
    """Complete a folder that has the ids; info.json, which marks it as complete, comes last."""
    try:
        content = {_WORDS: "\n".join(encoded.words).encode("utf-8")}
    except UnicodeEncodeError as e:
        checks.argument(False, "read_corpus", "encoding", "an encoding that decodes to Unicode "
                        "characters", e.object[e.start:e.end])
    content[_COUNTS] = encoded.counts.astype("<i8").tobytes()
    content[phrases_lib.FILE_NAME] = encoded.phrases.text().encode("utf-8")
    info = dict(about, version=_VERSION, notes=encoded.notes, words=int(encoded.counts[1:].sum()),
                different_words=len(encoded.words) - 1, bytes={}, crc32={_IDS: encoded.ids_crc32})
    info["bytes"][_IDS] = os.path.getsize(os.path.join(folder, _IDS))
    for name, data in content.items():
        info["bytes"][name] = len(data)
        info["crc32"][name] = zlib.crc32(data)
    content[_INFO] = json.dumps(info, indent=1).encode("utf-8")
    for name, data in content.items():
        with open(os.path.join(folder, name), "wb") as stream:
            stream.write(data)


def _load(folder):
    """Return the Encoded of a folder; None if the folder is incomplete or of another version."""
    try:
        with open(places.kept(folder, _INFO), "rb") as stream:
            info = json.loads(stream.read().decode("utf-8"))
        content = {}
        for name in (_WORDS, _COUNTS, phrases_lib.FILE_NAME):
            with open(places.kept(folder, name), "rb") as stream:
                content[name] = stream.read()
            if zlib.crc32(content[name]) != info["crc32"][name]:
                return None
        words = content[_WORDS].decode("utf-8").split("\n")
        counts = np.frombuffer(content[_COUNTS], "<i8").astype(np.int64)
        num_bytes = os.path.getsize(places.kept(folder, _IDS))
        if info["version"] != _VERSION or num_bytes != info["bytes"][_IDS]:
            return None
        lines = content[phrases_lib.FILE_NAME].decode("utf-8").split("\n")[:-1]
        return Encoded(open(places.kept(folder, _IDS), "rb"), words, counts, list(info["notes"]),
                       info["crc32"][_IDS], phrases_lib.Phrases.parse(lines, folder))
    except (OSError, ValueError, KeyError, TypeError):
        return None
