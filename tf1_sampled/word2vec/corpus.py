"""Read text of any size as word ids: encode it once on the disk, then read it in pieces.

    text = read_corpus(["books/", "news.txt.gz"], ReadOptions(min_count=5))
    text.words[0], text.counts[0]           the most frequent word and its count
    text.read(0, 1000)                      int32, the beginning of the text in ids; END after each line

A line is a sentence: no window crosses its end. Memory grows with the number of different words only.
"""
import collections
import contextlib
import itertools
import os
import shutil
import tempfile
import threading
import weakref
import zlib

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import cache, finding, reading, writing
from tf1_sampled.word2vec import (
    encoded as encoded_lib,
    phrases as phrases_lib,
    text as text_lib,
    vocabulary as vocabulary_lib,
)

END = -1  # after each line of a corpus
LEFT_OUT = -2  # in `Corpus.read_all`, an out-of-vocabulary word

_Encoding = collections.namedtuple("_Encoding", "read counts crc32")
_Encoding.__doc__ = """A text in the ids of its encoding.

  read: function of (begin, end) that returns this part as int32 [end - begin].
  counts: integer [N], the count of each id; counts[0] is the number of lines.
  crc32: integer, the CRC-32 of all ids as int32.
"""


class Corpus:
    """A text in word ids, read from the disk piece by piece.

    Attributes:
      words: list of V strings, in falling order of frequency; words of equal counts in the order of
        their first occurrence.
      counts: int64 [V].
      num_raw_words: integer, the number of words in the text, including out-of-vocabulary words. A
        phrase is one word.
      num_positions: integer, the number of ids in the encoded text: raw words and ends of lines.
      phrases: phrases.Phrases that were joined in the text.
    """

    def __init__(self, words, counts, encoding, ranks, join_lines=False, close=None,
                 phrases=None):
        """Make a corpus from its parts, for `read_corpus` and `from_tokens`.

        Args:
          words, counts: see above.
          encoding: _Encoding of the text.
          ranks: int32 [N], the token of each id: its place in `words`, END, or LEFT_OUT.
          join_lines: boolean, whether the ends of lines are left out.
          close: function that `close` calls, or None.
          phrases: phrases.Phrases, or None for none.
        """
        self.words = words
        self.counts = counts
        self.phrases = phrases or phrases_lib.Phrases()
        self.num_positions = int(np.sum(encoding.counts))
        self.num_raw_words = self.num_positions - int(encoding.counts[0])
        self._encoding = encoding
        self._ranks = np.where(ranks == END, np.int32(LEFT_OUT), ranks) if join_lines else ranks
        # Also called when the corpus is garbage-collected, and at exit.
        self._finalize = weakref.finalize(self, close or (lambda: None))

    @classmethod
    def from_tokens(cls, words, counts, tokens, join_lines=False):
        """Make a corpus in memory.

        Args:
          words: list of V strings.
          counts: integer [V].
          tokens: integer [N], places in `words`, and END.
          join_lines: boolean, whether windows may cross the ends of lines.

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
        """Return a hash of the text and the vocabulary, a string."""
        return cache.digest(self.words, self.counts, self._ranks, self._encoding.crc32)

    def read(self, begin, end):
        """Read a part of the text without its out-of-vocabulary words.

        Args:
          begin, end: integers, positions, 0 <= begin <= end <= num_positions.

        Returns:
          int32 [at most end - begin], places in `words`; END after each line unless lines are joined.

        Raises:
          InputError: positions outside the text.
        """
        tokens = self.read_all(begin, end)
        return tokens.compress(tokens != LEFT_OUT)  # takes a fifth of the time of tokens[...]

    def read_all(self, begin, end):
        """Read a part of the text, with LEFT_OUT for out-of-vocabulary words.

        Args:
          begin, end: integers, positions, 0 <= begin <= end <= num_positions.

        Returns:
          int32 [end - begin], places in `words`, LEFT_OUT, and END after each line. If lines are joined,
          LEFT_OUT stands in place of END.

        Raises:
          InputError: positions outside the text.
        """
        checks.argument(0 <= begin <= end <= self.num_positions, "read", "begin, end",
                        "0 <= begin <= end <= %d" % self.num_positions, (begin, end))
        return self._ranks.take(self._encoding.read(begin, end))

    def counts_in_text(self):
        """Return the count of each word in this text: int64 [V].

        They differ from `counts` if those came with a given vocabulary.
        """
        is_word = self._ranks >= 0
        found = np.zeros(len(self.words), np.int64)
        found[self._ranks[is_word]] = self._encoding.counts[is_word]
        return found

    def close(self):
        """Close the file of ids, and delete it if the text came from standard input.

        This also happens at exit.
        """
        self._finalize()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


ReadOptions = collections.namedtuple(
    "ReadOptions", "form min_count max_vocab vocabulary join_lines more_words",
    defaults=(encoded_lib.Form(), 5, None, None, False, ()))
ReadOptions.__doc__ = """Options for reading a text and choosing its vocabulary.

  form: encoded.Form of the text. Bytes that its encoding cannot decode become U+FFFD.
  min_count: integer >= 1; words with a smaller count are left out.
  max_vocab: integer >= 2, the largest number of words to keep, the most frequent; or None.
  vocabulary: None, or (list of words, their counts), as from `vocabulary.read_vocabulary`, to use
    instead of the text's words. It replaces min_count and max_vocab. A count of 0 becomes 1 if the text
    has the word.
  join_lines: boolean, whether windows may cross the ends of lines.
  more_words: strings that are in the vocabulary even if they are rare in the text or missing from it.
    Their counts are those of the text, possibly 0. They follow the other words, in falling order of
    their counts.
"""


_DEFAULTS = ReadOptions()


def read_corpus(inputs, options=_DEFAULTS, cache_dir=None, report=print):
    """Read text of any size: words separated by white space, a sentence per line.

    The text is encoded once into a folder of `cache_dir`, with 4 bytes per word and line. Each pass of
    phrases adds a folder. The next call reads these folders if the files have the same names, sizes,
    times, and first and last bytes. Old folders stay until you delete them.

    Args:
      inputs: string or list of strings: files, folders, globs, "-" for standard input, as in
        `finding.find`. Files may be .gz .bz2 .xz .zip.
      options: ReadOptions.
      cache_dir: folder. Default: tf1_sampled in $XDG_CACHE_HOME or ~/.cache. If that is not writable, a
        temporary folder, deleted at exit. Encoded standard input is always deleted at exit.
      report: function that takes a line of text for the user.

    Returns:
      Corpus.

    Raises:
      InputError: inputs that cannot be read as text, a vocabulary of fewer than two words, a vocabulary
        without a word of the text, an option outside its range, a cache_dir that cannot be written.
    """
    checks.positive("read_corpus", "min_count", options.min_count)
    checks.argument(options.max_vocab is None or _is_at_least(options.max_vocab, 2), "read_corpus",
                    "max_vocab", "an integer above 1", options.max_vocab)
    passes = options.form.phrases.passes
    checks.argument(_is_at_least(passes, 0), "read_corpus", "phrases", "an integer of 0 or more", passes)
    form = options.form._replace(encoding=text_lib.check_encoding(options.form.encoding))
    sources = finding.find(inputs, "inputs")
    name = sources[0].path if sources[0].path != finding.STANDARD_INPUT else "standard input"
    name += " and %d more" % (len(sources) - 1) if len(sources) > 1 else ""
    with contextlib.ExitStack() as stack:
        cache_dir = _cache_folder(cache_dir, encoded_lib.has_standard_input(sources), stack,
                                  report)
        encoded = encoded_lib.encode(sources, form, cache_dir, report)
        ids = stack.enter_context(encoded.ids)
        status = os.fstat(ids.fileno())
        for note in encoded.notes:
            report(note)
        words, counts, ranks = _choose(name, encoded, options)
        lock = threading.Lock()

        def read_ids(begin, end):
            with lock:
                ids.seek(4 * begin)
                found = np.fromfile(ids, "<i4", end - begin)
                reading.check_unchanged(ids.name, status, os.fstat(ids.fileno()))
                return found

        return Corpus(words, counts, _Encoding(read_ids, encoded.counts, encoded.ids_crc32), ranks,
                      join_lines=options.join_lines, close=stack.pop_all().close,
                      phrases=encoded.phrases)


def _is_at_least(value, least):
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= least


def _cache_folder(cache_dir, is_temporary, stack, report):
    """Return the folder for encoded texts; `stack` deletes a temporary folder."""
    if cache_dir:
        _check_folder(cache_dir)
    else:
        home = os.environ.get("XDG_CACHE_HOME", "")
        home = home if os.path.isabs(home) else os.path.join(os.path.expanduser("~"), ".cache")
        cache_dir = os.path.join(home, "tf1_sampled")
        try:
            _check_folder(cache_dir)
        except checks.InputError as e:
            report("%s; writing the encoded text to a temporary folder" % e)
            cache_dir, is_temporary = tempfile.gettempdir(), True
    if is_temporary:
        cache_dir = tempfile.mkdtemp(prefix=writing.MAKING, dir=cache_dir)
        stack.callback(shutil.rmtree, cache_dir, ignore_errors=True)
    return os.path.abspath(cache_dir)


def _check_folder(folder):
    """Make the folder if it is missing; raise InputError unless it is writable."""
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as e:
        raise checks.InputError(
            "%s: wanted a writable path, got: %s" % (folder, e.strerror or e)) from e


def _choose(name, encoded, options):
    """Choose the vocabulary: return (list of V words, int64 [V] counts, int32 [N] place of each id)."""
    vocabulary, more_words = options.vocabulary, list(options.more_words)
    words, counts = encoded.words, encoded.counts.copy()
    counts[0] = 0
    checks.file(counts.any(), name, "words", "none")
    ranks = np.full(len(words), LEFT_OUT, np.int32)
    if vocabulary is None:
        order = vocabulary_lib.most_frequent(counts, options.min_count, options.max_vocab)
        num_different = np.count_nonzero(counts)
        chosen, chosen_counts = [words[i] for i in order], counts[order]
        ranks[order] = np.arange(len(order))
        wanted = "at least 2 different words with a count of min_count = %d or more" % options.min_count
    else:
        chosen, chosen_counts = _in_falling_order(*_seen(vocabulary, words))
        wanted = "at least 2 different words in the vocabulary"
        num_different = len(chosen)
    num_chosen = len(chosen)
    if vocabulary is not None or more_words:
        rows = {word: row for row, word in enumerate(chosen)}
        checks.argument(len(rows) == len(chosen), "read_corpus", "vocabulary",
                        "distinct words", "%d distinct of %d" % (len(rows), len(chosen)))
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
    """Return a vocabulary and its counts, with 1 in place of 0 if the text has the word."""
    vocabulary, counts = vocabulary_and_counts
    vocabulary, counts = list(vocabulary), np.array(counts, np.int64)
    if counts.shape == (len(vocabulary),):  # else _in_falling_order raises
        never = {vocabulary[row] for row in np.flatnonzero(counts == 0)}
        never.intersection_update(words)
        counts += [word in never for word in vocabulary]
    return vocabulary, counts


def _in_falling_order(words, counts):
    """Sort words by count: return (list of words, int64 counts), the most frequent first."""
    words, counts = list(words), np.asarray(counts, np.int64)
    checks.argument(counts.shape == (len(words),), "read_corpus", "vocabulary",
                    "a count for each of %d words" % len(words), counts.shape)
    order = vocabulary_lib.most_frequent(counts, 0)
    return [words[i] for i in order], counts[order]
