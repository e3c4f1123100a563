"""From text of any size to word ids: encoded once, kept on the disk, read in pieces.

    text = read_corpus(["books/", "news.txt.gz"], min_count=5)
    text.words[0], text.counts[0]           the most frequent word and how often it comes
    text.read(0, 1000)                      int32, the beginning of the text in ids; END after each line

A line is a sentence: a window never reaches across its end. Memory is that of the different words.
"""
import collections
import contextlib
import hashlib
import itertools
import json
import os
import shutil
import tempfile
import threading
import time
import weakref
import zlib

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import cache, reading, writing
from tf1_sampled.word2vec import phrases as phrases_lib, text as text_lib, vocabulary as vocabulary_lib

END = -1  # after each line of a corpus
BLOCK = 32  # centres whose contexts meet in one product: the more, the more of it is no pair
GROUP = 128  # centres that share negatives: the more, the squarer the product and the fewer the rows

_LEFT_OUT = -2  # the rank of a word that is not in the vocabulary
_SLICE = 1 << 20  # ids that are read at a time

# An encoded text is a folder of these. The ids are little-endian int32 in the order in which words are
# first seen; 0 is the end of a line.
_VERSION = 2
_IDS, _WORDS, _COUNTS, _INFO = "ids.int32", "words.txt", "counts.int64", "info.json"
_LOOK_BYTES = 1 << 16  # at each end of a file, to tell whether it has changed


_Encoding = collections.namedtuple("_Encoding", "read counts crc32")
_Encoding.__doc__ = """A text in the ids of its encoding.

  read: function of (begin, end), returns that part as int32 [end - begin].
  counts: integer [N], how often each id occurs; that of 0 is the number of lines.
  crc32: integer, of all ids as int32.
"""


class Corpus:
    """A text in word ids, read from the disk piece by piece.

    Attributes:
      words: list of V strings, in falling order of frequency (equal counts: the earlier one first).
      counts: int64 [V].
      num_raw_words: integer, the words of the text, those that are not in `words` included, each phrase
        one word.
      num_positions: integer, the ids of the encoded text: raw words and ends of lines.
    """

    def __init__(self, words, counts, encoding, ranks, join_lines=False, close=None):
        """Make one of its parts, as `read_corpus` and `from_tokens` do.

        Args:
          words, counts: see above.
          encoding: _Encoding, of the text.
          ranks: int32 [N], the token of each id: its place in `words`, END, or -2 for a word left out.
          join_lines: boolean, whether the ends of lines are left out.
          close: function that `close` calls, or None.
        """
        self.words = words
        self.counts = counts
        self.num_positions = int(np.sum(encoding.counts))
        self.num_raw_words = self.num_positions - int(encoding.counts[0])
        self._encoding = encoding
        self._ranks = np.where(ranks == END, np.int32(_LEFT_OUT), ranks) if join_lines else ranks
        # Also called when nobody holds the corpus any more, and at exit.
        self._finalize = weakref.finalize(self, close or (lambda: None))

    @classmethod
    def from_tokens(cls, words, counts, tokens, join_lines=False):
        """Return a corpus in memory.

        Args:
          words: list of V strings.
          counts: integer [V].
          tokens: integer [N], places in `words`, and END.
          join_lines: as in `read_corpus`.

        Returns:
          Corpus.
        """
        ids = np.asarray(tokens, np.int32) + np.int32(1)
        ranks = np.arange(END, len(words), dtype=np.int32)
        encoding = _Encoding(lambda begin, end: ids[begin:end], np.bincount(ids, minlength=1),
                             zlib.crc32(ids.tobytes()))
        return cls(list(words), np.array(counts, np.int64), encoding, ranks, join_lines=join_lines)

    @property
    def digest(self):
        """A string that only a corpus of the same text and vocabulary has, too."""
        return cache.digest(self.words, self.counts, self._ranks, self._encoding.crc32)

    def read(self, begin, end):
        """Return a part of the text without the words that are not in the vocabulary.

        Args:
          begin, end: integers, positions, 0 <= begin <= end <= num_positions.

        Returns:
          int32 [at most end - begin], places in `words`; END after each line unless lines are joined.

        Raises:
          InputError: positions outside the text.
        """
        checks.argument(0 <= begin <= end <= self.num_positions, "read", "begin, end",
                        "0 <= begin <= end <= %d" % self.num_positions, (begin, end))
        tokens = self._ranks[self._encoding.read(begin, end)]
        return tokens[tokens != _LEFT_OUT]

    def close(self):
        """Close its file; what standard input was encoded to is deleted. Also done at exit."""
        self._finalize()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


ReadOptions = collections.namedtuple(
    "ReadOptions", "encoding min_count max_vocab vocabulary join_lines phrases more_words",
    defaults=("utf-8", 5, None, None, False, 0, ()))
ReadOptions.__doc__ = """How a text is read, and which words are its vocabulary.

  encoding: string, that of all the text. Bytes that it cannot decode become U+FFFD.
  min_count: integer >= 1, leave out words that occur less often.
  max_vocab: integer >= 2, take the most frequent words, so many at most; or None.
  vocabulary: (list of words, their counts), as `vocabulary.read_vocabulary` returns them, to be taken
    instead of the text's, in falling order of the counts; min_count and max_vocab have no effect then. A
    word of the text whose count is 0 counts 1. Or None.
  join_lines: boolean, whether windows may reach across the ends of lines.
  phrases: integer, how many passes of `phrases` go over the text.
  more_words: strings that are in the vocabulary also where the text lacks them or has them too rarely,
    with the count that they have in the text, which may be 0. They come after the others, in falling
    order of their counts.
"""


_DEFAULTS = ReadOptions()


def read_corpus(inputs, options=_DEFAULTS, cache_dir=None, report=print):
    """Read text of any size: words between white space, a sentence per line.

    The text is encoded once, to 4 bytes per word and line in a folder of `cache_dir` (one more for each
    pass of phrases), from which it is read the next time as long as the files stay the same: names,
    sizes, times, first and last bytes. Old folders stay until you delete them.

    Args:
      inputs: string or list of strings: files, folders, globs, "-" for standard input, as in
        `text.find`. Files may be .gz .bz2 .xz .zip.
      options: ReadOptions.
      cache_dir: folder; default: tf1_sampled in $XDG_CACHE_HOME or ~/.cache, or where that cannot be
        written a temporary folder, deleted at exit. What comes from standard input is deleted at
        exit anyway.
      report: function of a string, a line for the user.

    Returns:
      Corpus.

    Raises:
      InputError: inputs that cannot be read as text, fewer than two words for the vocabulary, a
        vocabulary without a word of the text, an option outside its range, a cache_dir that
        cannot be written.
    """
    checks.positive("read_corpus", "min_count", options.min_count)
    checks.argument(options.max_vocab is None or _is_at_least(options.max_vocab, 2), "read_corpus",
                    "max_vocab", "an integer above 1", options.max_vocab)
    checks.argument(_is_at_least(options.phrases, 0), "read_corpus", "phrases",
                    "an integer of 0 or more", options.phrases)
    encoding = text_lib.check_encoding(options.encoding)
    sources = text_lib.find(inputs)
    name = sources[0].path if sources[0].path != text_lib.STANDARD_INPUT else "standard input"
    name += " and %d more" % (len(sources) - 1) if len(sources) > 1 else ""
    with contextlib.ExitStack() as stack:
        cache_dir = _cache_folder(cache_dir, _has_standard_input(sources), stack, report)
        encoded = _encoded(sources, encoding, options.phrases, cache_dir, report)
        ids = stack.enter_context(encoded.ids)
        for note in encoded.notes:
            report(note)
        words, counts, ranks = _choose(name, encoded, options)
        lock = threading.Lock()

        def read_ids(begin, end):
            with lock:
                ids.seek(4 * begin)
                return np.fromfile(ids, "<i4", end - begin)

        return Corpus(words, counts, _Encoding(read_ids, encoded.counts, encoded.ids_crc32), ranks,
                      join_lines=options.join_lines, close=stack.pop_all().close)


def _has_standard_input(sources):
    return any(source.path == text_lib.STANDARD_INPUT for source in sources)


def _is_at_least(value, least):
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= least


def _cache_folder(cache_dir, is_temporary, stack, report):
    """The folder for encoded texts; `stack` gets what deletes a temporary one."""
    if cache_dir:
        _check_folder(cache_dir)
    else:
        home = os.environ.get("XDG_CACHE_HOME", "")
        home = home if os.path.isabs(home) else os.path.join(os.path.expanduser("~"), ".cache")
        cache_dir = os.path.join(home, "tf1_sampled")
        try:
            _check_folder(cache_dir)
        except checks.InputError as e:
            report("%s; the encoded text goes to a temporary folder" % e)
            cache_dir, is_temporary = tempfile.gettempdir(), True
    if is_temporary:
        cache_dir = tempfile.mkdtemp(prefix=writing.MAKING, dir=cache_dir)
        stack.callback(shutil.rmtree, cache_dir, ignore_errors=True)
    return os.path.abspath(cache_dir)


def _check_folder(folder):
    """Makes the folder if need be; raises InputError unless files can be made in it."""
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as e:
        raise checks.InputError(
            "%s: wanted a place to write, got: %s" % (folder, e.strerror or e)) from e


_Encoded = collections.namedtuple("_Encoded", "ids words counts notes ids_crc32")
_Encoded.__doc__ = """What a folder of the cache holds: N different words, the first for a line's end.

  ids: a binary stream of int32.
  words: list of N strings, the first one empty.
  counts: int64 [N].
  notes: list of lines for the user.
  ids_crc32: integer, of the bytes of `ids`.
"""


def _encoded(sources, encoding, num_passes, cache_dir, report):
    """The _Encoded of the sources, from the cache where they have not changed."""
    def make(folder):
        begin = time.time()
        about = {"inputs": [os.path.abspath(source.path) for source in sources], "encoding": encoding,
                 "phrases": num_passes}
        if num_passes:
            before = _encoded(sources, encoding, num_passes - 1, cache_dir, report)
            with before.ids:
                num_phrases, counts = _join_phrases(before, folder, about)
            made = "Joined %s different phrases, which leaves" % format(num_phrases, ",")
        else:
            counts = _encode(sources, encoding, folder, about)
            made = "Encoded"
        report("%s %s words in %.1f s: %s" % (
            made, format(int(counts[1:].sum()), ","), time.time() - begin, path))

    path = os.path.join(cache_dir, _fingerprint(sources, encoding, num_passes))
    encoded, is_new = cache.cached_folder(path, make, _load)
    if not is_new:
        report("Read from cache: " + path)
    return encoded


def _fingerprint(sources, encoding, num_passes):
    """The name of a folder for the sources as they are now, and all that the encoded text depends on."""
    if _has_standard_input(sources):
        return "%d" % num_passes  # its folder is its own
    settings = [phrases_lib.MIN_COUNT, phrases_lib.THRESHOLD] if num_passes else []
    digest = hashlib.sha256(json.dumps([_VERSION, encoding, num_passes, settings]).encode())
    for path, named in sources:
        with reading.open_members(path), open(path, "rb") as stream:
            status = os.fstat(stream.fileno())
            digest.update(json.dumps([
                os.path.abspath(path), named, status.st_size, status.st_mtime_ns]).encode())
            digest.update(stream.read(_LOOK_BYTES))
            stream.seek(max(status.st_size - _LOOK_BYTES, 0))
            digest.update(stream.read(_LOOK_BYTES))
    return digest.hexdigest()[:32]


def _encode(sources, encoding, folder, about):
    """Encodes the text of the sources into `folder`; gives int64 [N], how often each id comes."""
    # A word gets the next id when it is first seen, so that one pass both counts and encodes.
    index = collections.defaultdict(itertools.count().__next__)
    line_end = "\0"  # no text has it
    assert index[line_end] == 0
    spaced = " %s " % line_end
    notes = []

    def ids():
        for piece in text_lib.pieces(sources, encoding, notes):
            words = piece.replace("\n", spaced).split()
            yield np.fromiter(map(index.__getitem__, words), np.int32, len(words))

    counts, ids_crc32 = _write_ids(folder, ids(), lambda: len(index))
    words = list(index)
    words[0] = ""
    _write_words(folder, words, counts, notes, about, ids_crc32=ids_crc32)
    return counts


def _join_phrases(before, folder, about):
    """One pass of phrases over an _Encoded, into `folder`: (number of phrases, int64 [N] counts)."""
    def ids():
        before.ids.seek(0)
        piece = np.fromfile(before.ids, "<i4", _SLICE)
        while len(piece):
            yield piece
            piece = np.fromfile(before.ids, "<i4", _SLICE)

    pairs = phrases_lib.find(phrases_lib.count_pairs(ids(), before.counts), before.counts)
    phrase_ids, new_words = phrases_lib.name(pairs, before.words)
    words = before.words + new_words
    joined = phrases_lib.join(ids(), pairs, phrase_ids, len(before.words))
    counts, ids_crc32 = _write_ids(folder, joined, lambda: len(words))
    _write_words(folder, words, counts, before.notes, about, ids_crc32=ids_crc32)
    return len(phrase_ids), counts


def _write_ids(folder, arrays, num_ids):
    """Writes int32 arrays; gives int64 [num_ids()], how often each id comes, and the CRC-32 of all."""
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
    """The same numbers in larger arrays, for which counting and writing pay."""
    held, num_held = [], 0
    for array in arrays:
        held.append(array)
        num_held += len(array)
        if num_held >= _SLICE:
            yield np.concatenate(held)
            held, num_held = [], 0
    if num_held:
        yield np.concatenate(held)


def _write_words(folder, words, counts, notes, about, ids_crc32):
    """Completes a folder in which the ids are; what tells that it is whole, and `about`, comes last."""
    try:
        content = {_WORDS: "\n".join(words).encode("utf-8")}
    except UnicodeEncodeError as e:
        checks.argument(False, "read_corpus", "encoding", "one that gives Unicode characters", e.object[
            e.start:e.end])
    content[_COUNTS] = counts.astype("<i8").tobytes()
    info = dict(about, version=_VERSION, notes=notes, words=int(counts[1:].sum()),
                different_words=len(words) - 1, bytes={}, crc32={_IDS: ids_crc32})
    info["bytes"][_IDS] = os.path.getsize(os.path.join(folder, _IDS))
    for name, data in content.items():
        info["bytes"][name] = len(data)
        info["crc32"][name] = zlib.crc32(data)
    content[_INFO] = json.dumps(info, indent=1).encode("utf-8")
    for name, data in content.items():
        with open(os.path.join(folder, name), "wb") as stream:
            stream.write(data)


def _load(folder):
    """The _Encoded that a folder holds, or None where it is not whole or of another version."""
    try:
        with open(os.path.join(folder, _INFO), "rb") as stream:
            info = json.loads(stream.read().decode("utf-8"))
        content = {}
        for name in (_WORDS, _COUNTS):
            with open(os.path.join(folder, name), "rb") as stream:
                content[name] = stream.read()
            if zlib.crc32(content[name]) != info["crc32"][name]:
                return None
        words = content[_WORDS].decode("utf-8").split("\n")
        counts = np.frombuffer(content[_COUNTS], "<i8").astype(np.int64)
        num_bytes = os.path.getsize(os.path.join(folder, _IDS))
        if info["version"] != _VERSION or num_bytes != info["bytes"][_IDS]:
            return None
        return _Encoded(open(os.path.join(folder, _IDS), "rb"), words, counts, list(info["notes"]),
                        info["crc32"][_IDS])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _choose(name, encoded, options):
    """Return (list of V words, int64 [V] counts, int32 [N] their places by id) of the vocabulary."""
    vocabulary, more_words = options.vocabulary, list(options.more_words)
    words, counts = encoded.words, encoded.counts.copy()
    counts[0] = 0
    checks.file(counts.any(), name, "words", "none")
    ranks = np.full(len(words), _LEFT_OUT, np.int32)
    if vocabulary is None:
        order = vocabulary_lib.most_frequent(counts, options.min_count, options.max_vocab)
        num_different = np.count_nonzero(counts)
        chosen, chosen_counts = [words[i] for i in order], counts[order]
        ranks[order] = np.arange(len(order))
        wanted = "at least 2 different words that come min_count = %d times" % options.min_count
    else:
        chosen, chosen_counts = _in_falling_order(*_seen(vocabulary, words))
        wanted = "at least 2 different words in the vocabulary"
        num_different = len(chosen)
    num_chosen = len(chosen)
    if vocabulary is not None or more_words:
        rows = {word: row for row, word in enumerate(chosen)}
        checks.argument(len(rows) == len(chosen), "read_corpus", "vocabulary",
                        "words that come once", "%d of %d different" % (len(rows), len(chosen)))
        wanted_ids = {word: 0 for word in itertools.chain(rows, more_words)}
        for i, word in enumerate(words):
            if word in wanted_ids:
                wanted_ids[word] = i
        more = [word for word in dict.fromkeys(more_words) if word not in rows]
        more_counts = counts[np.array([wanted_ids[word] for word in more], np.int64)]
        more, more_counts = _in_falling_order(more, more_counts)
        chosen = chosen + more
        chosen_counts = np.concatenate([chosen_counts, more_counts])
        for row, word in enumerate(chosen):
            ranks[wanted_ids[word]] = row
    ranks[0] = END
    checks.file(len(chosen) > 1, name, wanted, "%d of %d different words" % (num_chosen, num_different))
    checks.file(np.any(counts[ranks >= 0]), name, "words of the vocabulary", "none")
    return chosen, chosen_counts, ranks


def _seen(vocabulary_and_counts, words):
    """Return a vocabulary and its counts, where one of 0 is 1 if the text has the word."""
    vocabulary, counts = vocabulary_and_counts
    vocabulary, counts = list(vocabulary), np.array(counts, np.int64)
    if counts.shape == (len(vocabulary),):  # else an error names it
        never = {vocabulary[row] for row in np.flatnonzero(counts == 0)}
        never.intersection_update(words)
        counts += [word in never for word in vocabulary]
    return vocabulary, counts


def _in_falling_order(words, counts):
    """(list of words, int64 counts) with the most frequent ones first."""
    words, counts = list(words), np.asarray(counts, np.int64)
    checks.argument(counts.shape == (len(words),), "read_corpus", "vocabulary",
                    "a count for each of %d words" % len(words), counts.shape)
    order = vocabulary_lib.most_frequent(counts, 0)
    return [words[i] for i in order], counts[order]


def keep_probability(counts, sample):
    """The probability that subsampling keeps an occurrence of each word.

        min(1, sqrt(sample / f) + sample / f),   f the word's share of all words

    Args:
      counts: integer [V], 0 for words that the text lacks.
      sample: float; 0 keeps every word.

    Returns:
      float32 [V].

    Reference: word2vec.c; Mikolov et al. 2013, "Distributed Representations of Words and Phrases",
      eq. 5 gives 1 - sqrt(sample / f) for what is dropped.
    """
    if not sample:
        return np.ones(len(counts), np.float32)
    with np.errstate(divide="ignore"):  # a count of 0: the ratio is infinite
        ratio = sample * max(np.sum(counts, dtype=np.float64), 1) / np.asarray(counts)
    return np.minimum(1, np.sqrt(ratio) + ratio).astype(np.float32)


def split_held_out(text, share=0.01, at_most=50000, pieces=20):
    """The text for training, and pieces from all over it that are held out.

    Args:
      text: Corpus.
      share: float, of the text to hold out.
      at_most: integer, positions to hold out.
      pieces: integer, in how many places, at equal distances; fewer where they would be short.

    Returns:
      list of (begin, end), the positions to train on; int32 [H], the tokens of the others, with END
      where they were cut apart.
    """
    total = max(min(int(text.num_positions * share), at_most), 2)
    pieces = max(min(pieces, total // 50), 1)
    size = total // pieces
    period = max(text.num_positions // pieces, size + 1)
    training, held_out = [], []
    for begin in range(0, text.num_positions, period):
        cut = min(begin + period - size, text.num_positions)
        training.append((begin, cut))
        end = min(begin + period, text.num_positions)
        if cut < end:
            held_out += [text.read(cut, end), np.full(1, END, np.int32)]
    return training, np.concatenate(held_out + [np.zeros(0, np.int32)])


RunOptions = collections.namedtuple(
    "RunOptions", "keep num_centres window epochs seed num_places", defaults=(None,))
RunOptions.__doc__ = """How a text is cut into runs.

  keep: float32 [V], see `keep_probability`.
  num_centres: integer, centres per run.
  window: integer, words on each side of a centre.
  epochs: integer, passes over the text.
  seed: integer, not negative; each pass leaves out words of its own.
  num_places: integer P, a divisor of num_centres: how many shorter runs from all over the next million
    ids are given at a time. None for one run.
"""


def runs(text, pieces, options, position=None, begin=0.0, end=1.0):
    """Yield subsampled runs of tokens, `window` more on each side, for `epochs` passes over the text.

    Each run begins with the last 2 * window tokens of the one before, so that every token of the
    subsampled text is a centre once. END stands after each piece, and fills up the last run of all.

    A word often occurs again soon, and two uses in one step do not see each other's update: together
    they go too far. Where a step has centres from many places, they are spread over many steps.

    Args:
      text: Corpus.
      pieces: list of (begin, end), the positions to read.
      options: RunOptions.
      position: what was given with the last run that was used; None for none.
      begin, end: floats in [0, 1], the share of the text of all passes to read. Windows do not reach
        from one share to the next.

    Yields:
      (int32 [num_centres + 2 * window], or [P, num_centres / P + 2 * window] where num_places is given;
      share of all the text used after this run: float in (0, 1]; position after it).
    """
    keep, num_centres, window, epochs, seed, num_places = options
    size = num_centres + 2 * window
    length = num_centres // (num_places or 1)  # centres in a place
    frame = np.arange(num_places or 1)[:, None], np.arange(length + 2 * window)[None, :]

    def run(line, i, num_runs):
        part = line[(frame[0] * num_runs + i) * length + frame[1]]
        return part if num_places else part[0]

    slices = [(at, min(at + _SLICE, end)) for begin, end in pieces for at in range(begin, end, _SLICE)]
    ends_of_pieces = {end for _, end in pieces}
    lengths = [end - begin for begin, end in slices]
    total = epochs * sum(lengths)
    ends = np.cumsum(lengths)

    def place(share):
        """(slice, counted over all epochs; tokens of it that come before) of a share of the text."""
        epoch, token = divmod(int(round(share * total)), sum(lengths))
        number = int(np.searchsorted(ends, token, side="right"))
        return epoch * len(slices) + number, token - sum(lengths[:number])

    first_slice, skipped = place(begin)
    last_slice, last_tokens = place(end)
    first, rest = 0, np.full(window, END, np.int32)  # runs of the slice that are done; tokens before it
    if position is not None:
        first_slice, first, rest, skipped = position
        rest = np.asarray(rest, np.int32)
    done = first_slice // len(slices) * sum(lengths) + sum(lengths[:first_slice % len(slices)]) + skipped
    for number in range(first_slice, last_slice + bool(last_tokens)):
        at, slice_end = slices[number % len(slices)]
        low, high = at + skipped, at + last_tokens if number == last_slice else slice_end
        part = text.read(low, high)
        # keep[END] reads the last word's probability; the second test keeps every END.
        random = np.random.RandomState([seed, number] + [skipped] * bool(skipped))
        kept = part[(random.random_sample(len(part)) < keep[part]) | (part == END)]
        # The last END is a centre, too: so the last run of all comes after the last slice.
        line = np.concatenate([rest, kept, np.full(int(high in ends_of_pieces), END, np.int32)])
        num_runs = max(len(line) - 2 * window, 0) // num_centres
        for i in range(first, num_runs):
            yield (run(line, i, num_runs), (done + (high - low) * (i + 1) / num_runs) / total,
                   (number, i + 1, rest, skipped))
        done += high - low
        first, skipped, rest = 0, 0, line[num_runs * num_centres:]
    # What is left over, as if one more slice came that is empty.
    line = np.concatenate([rest, np.full(size, END, np.int32)])
    num_runs = -(-(len(rest) - window) // num_centres)
    for i in range(first, num_runs):
        yield run(line, i, num_runs), done / total, (last_slice, i + 1, rest, 0)


def batch_size(num_words, threads):
    """Words per step: 4096 under way at a time; or fewer, so that a short text has 100 steps an epoch.

    Words under way do not see what the others teach, which costs accuracy; smaller steps cost time.

    Args:
      num_words: integer, of the text.
      threads: integer, steps at a time; each has 512 words at least where the text is long.

    Returns:
      integer, a multiple of GROUP, from 256 to 2048.
    """
    most = min(max(4096 // threads // GROUP * GROUP, 512), 2048)
    return min(max(num_words // 100 // GROUP * GROUP, 256), most)


def held_out_runs(tokens, vocab_size, window, num_centres=512, snippet=32):
    """Runs of held-out text for the full softmax, with few centres each where there are many classes.

    Args:
      tokens: int32 [H], word ids and END.
      vocab_size: integer V.
      window: integer.
      num_centres: integer, about so many in all, at most.
      snippet: integer, at most so many tokens in one place: they are from all over the text.

    Returns:
      int32 [R, K + 2 * window], K a multiple of BLOCK with K * V about 32 million at most.
    """
    tokens = tokens if len(tokens) else np.full(1, END, np.int32)
    number = max(min(num_centres, len(tokens)) // snippet, 1)
    begins = np.arange(number) * len(tokens) // number
    pieces = [(begin, min(begin + snippet - 1, len(tokens))) for begin in begins]  # END comes after it
    text = Corpus.from_tokens([""] * vocab_size, np.zeros(vocab_size, np.int64), tokens)
    size = BLOCK * min(max((1 << 25) // vocab_size // BLOCK, 1), num_centres // BLOCK)
    keep = np.ones(vocab_size, np.float32)
    return np.stack([run for run, _, _ in runs(
        text, pieces, RunOptions(keep, size, window, epochs=1, seed=0))])
