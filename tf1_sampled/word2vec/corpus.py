"""From text of any size to word ids: encoded once, kept on the disk, read in pieces.

    text = read_corpus(["books/", "news.txt.gz"], min_count=5)
    text.words[0], text.counts[0]           the most frequent word and how often it comes
    text.read(0, 1000)                      int32, the beginning of the text in ids; END after each line

A line is a sentence: a window never reaches across its end. Memory is that of the different words.
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
LEFT_OUT = -2  # in `Corpus.read_all`, a word that is not in the vocabulary

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
      phrases: phrases.Phrases, those that were joined in the text.
    """

    def __init__(self, words, counts, encoding, ranks, join_lines=False, close=None,
                 phrases=None):
        """Make one of its parts, as `read_corpus` and `from_tokens` do.

        Args:
          words, counts: see above.
          encoding: _Encoding, of the text.
          ranks: int32 [N], the token of each id: its place in `words`, END, or -2 for a word left out.
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
        tokens = self.read_all(begin, end)
        return tokens.compress(tokens != LEFT_OUT)  # a fifth of the time of tokens[...]

    def read_all(self, begin, end):
        """Return a part of the text, with LEFT_OUT for words that are not in the vocabulary.

        Args, Raises: as `read`.

        Returns:
          int32 [end - begin], places in `words`, END after each line and LEFT_OUT; the ends of joined
          lines are LEFT_OUT.
        """
        checks.argument(0 <= begin <= end <= self.num_positions, "read", "begin, end",
                        "0 <= begin <= end <= %d" % self.num_positions, (begin, end))
        return self._ranks.take(self._encoding.read(begin, end))

    def counts_in_text(self):
        """Return how often each word occurs in this text: int64 [V].

        `counts` may be those of a vocabulary from elsewhere.
        """
        is_word = self._ranks >= 0
        found = np.zeros(len(self.words), np.int64)
        found[self._ranks[is_word]] = self._encoding.counts[is_word]
        return found

    def close(self):
        """Close its file; what standard input was encoded to is deleted. Also done at exit."""
        self._finalize()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


ReadOptions = collections.namedtuple(
    "ReadOptions", "form min_count max_vocab vocabulary join_lines more_words",
    defaults=(encoded_lib.Form(), 5, None, None, False, ()))
ReadOptions.__doc__ = """How a text is read, and which words are its vocabulary.

  form: encoded.Form, of all the text. Bytes that its encoding cannot decode become U+FFFD.
  min_count: integer >= 1, leave out words that occur less often.
  max_vocab: integer >= 2, take the most frequent words, so many at most; or None.
  vocabulary: (list of words, their counts), as `vocabulary.read_vocabulary` returns them, to be taken
    instead of the text's, in falling order of the counts; min_count and max_vocab have no effect then. A
    word of the text whose count is 0 counts 1. Or None.
  join_lines: boolean, whether windows may reach across the ends of lines.
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
        `finding.find`. Files may be .gz .bz2 .xz .zip.
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
            "%s: wanted a writable path, got: %s" % (folder, e.strerror or e)) from e


def _choose(name, encoded, options):
    """Return (list of V words, int64 [V] counts, int32 [N] their places by id) of the vocabulary."""
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
