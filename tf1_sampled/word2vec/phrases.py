"""Find and join phrases: pairs of words that occur together more often than by chance.

    score(a, b) = (count(a b) - min_count) / (count(a) count(b)) * number of words

Up to two connectors (of, the) may stand between a and b, but not at the ends: bank_of_america. Pairs
with different connectors are counted separately. No phrase crosses the end of a line. n passes, each
over the output of the previous pass, give phrases of up to 2^n words without the connectors.

    joined = Phrases.read("model/phrases.txt").apply(["the", "new", "york", "times"])
    python -m tf1_sampled.word2vec.phrases model/phrases.txt < text > joined

Reference: Mikolov et al. 2013, "Distributed Representations of Words and Phrases", eq. 6; word2phrase.c.
"""
import argparse
import collections
import sys

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import reading, streams, writing

FILE_NAME = "phrases.txt"  # in the folder of a model
MAX_CONNECTORS = 50
_MAX_BETWEEN = 2  # connectors in a phrase of two words
_HELP = """Join phrases in the text of standard input, and write the text to standard output.

    python -m tf1_sampled.word2vec.phrases runs/word2vec-1/phrases.txt < text > joined

Text is UTF-8. A line of text gives a line of words with one blank between them.
"""
_MAX_PAIRS = 1 << 24  # different pairs that are counted at a time; 12 bytes each

Options = collections.namedtuple(
    "Options", "passes threshold min_count connectors", defaults=(0, 100.0, 5, ()))
Options.__doc__ = """Options for finding phrases.

  passes: integer of 0 or more.
  threshold: float, the score that a phrase must exceed.
  min_count: integer of 1 or more, the discount in the score; rarer words are in no phrase.
  connectors: strings.
"""

Pairs = collections.namedtuple("Pairs", "first between second counts")
Pairs.__doc__ = """Pairs of consecutive words.

  first, second: int64 [P], the ids of the words, in rising order of (first, between, second).
  between: int64 [P], the connectors between the words: 0 for none, else the number in `_Connectors`.
  counts: int32 [P], the number of occurrences.
"""


class _Connectors:
    """A numbering of the sequences of up to two connectors.

    Args:
      ids: list of C integers, the ids of the connectors in the text.
      num_ids: integer N, the number of ids.

    Attributes:
      num_sequences: integer, the number of sequences of zero, one or two connectors.
    """

    def __init__(self, ids, num_ids):
        self._ids = list(ids)
        size = len(self._ids)
        self.num_sequences = 1 + size + size * size
        self._rank = np.full(num_ids, -1, np.int16)
        self._rank[self._ids] = np.arange(size)

    def neighbours(self, ids):
        """Find the words of a text that are not connectors, and the connectors between them.

        Args:
          ids: integer [S].

        Returns:
          (int64 [W], the places of these words; int64 [W - 1], the number of the sequence of connectors
          between each word and the next, -1 for more than two connectors).
        """
        if not self._ids:
            return np.arange(len(ids)), np.zeros(max(len(ids) - 1, 0), np.int64)
        rank = self._rank[ids].astype(np.int64)
        at = np.flatnonzero(rank < 0)
        distance = np.diff(at)
        between = np.where(distance == 1, 0, -1)
        one, two = np.flatnonzero(distance == 2), np.flatnonzero(distance == 3)
        between[one] = 1 + rank[at[one] + 1]
        between[two] = 1 + len(self._ids) * (1 + rank[at[two] + 1]) + rank[at[two] + 2]
        return at, between

    def ids(self, number):
        """Return the ids of the connectors in a sequence, a list of integers."""
        size = len(self._ids)
        if number <= size:
            return [self._ids[number - 1]] if number else []
        first, second = divmod(number - 1 - size, size)
        return [self._ids[first], self._ids[second]]


def connectors_of(words, wanted):
    """Return the _Connectors of a text.

    Args:
      words: list of N strings, the word of each id.
      wanted: strings, the connectors. Connectors that the text lacks are ignored.

    Raises:
      InputError: too many connectors and words for int64 pair numbers.
    """
    wanted = set(wanted)
    found = _Connectors([i for i, word in enumerate(words) if word in wanted] if wanted else [],
                        len(words))
    checks.argument(len(words) ** 2 * found.num_sequences < 1 << 63, "read_corpus", "phrase_connectors",
                    "fewer for %d different words" % len(words), len(wanted))
    return found


def count_pairs(pieces, counts, connectors, min_count=5, max_pairs=_MAX_PAIRS):
    """Count the pairs of consecutive words.

    If there are more than max_pairs different pairs, the rarest are dropped until half of max_pairs
    remain. A dropped pair that occurs again starts from 0, so counts of rare pairs may be too low, as in
    word2phrase.c.

    Args:
      pieces: iterable of integer arrays, the text in ids, 0 at the ends of lines.
      counts: integer [N], the count of each id.
      connectors: _Connectors.
      min_count: integer; words with a smaller count are in no pair.
      max_pairs: integer.

    Returns:
      Pairs.
    """
    frequent = np.asarray(counts) >= min_count
    frequent[0] = False
    table = np.zeros(0, np.int64), np.zeros(0, np.int32)
    fresh, num_fresh = [], 0
    rest = np.zeros(0, np.int64)
    for piece in pieces:
        ids = np.concatenate([rest, piece])
        at, between = connectors.neighbours(ids)
        rest = ids[_begin_of_rest(ids, at):]
        may = frequent[ids[at]]
        may = may[:-1] & may[1:] & (between >= 0)
        fresh.append(_keys(ids[at[:-1][may]], between[may], ids[at[1:][may]], connectors, len(counts)))
        num_fresh += len(fresh[-1])
        if num_fresh > max_pairs // 4:
            table = _prune(_merge(table, fresh), max_pairs)
            fresh, num_fresh = [], 0
    keys, pair_counts = _merge(table, fresh)
    keys, second = np.divmod(keys, len(counts))
    first, between = np.divmod(keys, connectors.num_sequences)
    return Pairs(first, between, second, pair_counts)


def _begin_of_rest(ids, at):
    """Return the place of a last word that may form a pair with the next piece; else the length."""
    return at[-1] if len(at) and len(ids) - at[-1] <= 1 + _MAX_BETWEEN else len(ids)


def _keys(first, between, second, connectors, num_ids):
    return (first.astype(np.int64) * connectors.num_sequences + between) * num_ids + second


def _merge(table, fresh):
    """Add keys to a table of (keys in rising order, their counts)."""
    keys, counts = np.unique(np.concatenate(fresh + [np.zeros(0, np.int64)]), return_counts=True)
    keys = np.concatenate([table[0], keys])
    counts = np.concatenate([table[1], counts.astype(np.int32)])
    order = np.argsort(keys, kind="stable")  # fast where it joins two sorted halves
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[starts], np.add.reduceat(counts[order], starts) if len(starts) else counts


def _prune(table, max_pairs):
    keys, counts = table
    least = 1
    while len(keys) > max_pairs or (least > 1 and len(keys) > max_pairs // 2):
        keep = counts > least
        keys, counts = keys[keep], counts[keep]
        least += 1
    return keys, counts


def find(pairs, counts, min_count=5, threshold=100.0):
    """Find the pairs whose score is above the threshold.

    Args:
      pairs: Pairs.
      counts: integer [N], the count of each id; id 0 is the end of a line.
      min_count: integer, the discount, which prevents phrases of rare words by chance.
      threshold: float.

    Returns:
      Pairs.
    """
    counts = np.asarray(counts, np.float64)
    score = (pairs.counts - float(min_count)) / (counts[pairs.first] * counts[pairs.second])
    chosen = score * np.sum(counts[1:]) > threshold
    return Pairs(*[column[chosen] for column in pairs])


def words_of(pairs, words, connectors):
    """Return the words of each phrase, a list of tuples of strings.

    Args:
      pairs: Pairs.
      words: list of N strings.
      connectors: _Connectors.
    """
    return [(words[a], *[words[i] for i in connectors.ids(between)], words[b])
            for a, between, b in zip(*[column.tolist() for column in pairs[:3]])]


def name(phrases, words):
    """Assign ids to phrases.

    Args:
      phrases: list of P tuples of strings.
      words: list of N strings.

    Returns:
      (int64 [P], the id of each phrase; list of strings, the new words, whose ids begin at N). Phrases
      with the same name share an id. A phrase with the name of a word in the text has that word's id.
    """
    named = {word: i for i, word in enumerate(words) if "_" in word}
    new = []
    ids = np.empty(len(phrases), np.int64)
    for i, phrase in enumerate(phrases):
        word = "_".join(phrase)
        ids[i] = named.setdefault(word, len(words) + len(new))
        if ids[i] == len(words) + len(new):
            new.append(word)
    return ids, new


def join(pieces, pairs, phrase_ids, connectors, num_ids):
    """Join the phrases of a text from left to right; no word is in two phrases.

    Args:
      pieces: iterable of integer arrays, the text in ids.
      pairs: Pairs, in rising order.
      phrase_ids: integer [P], the new id of each pair.
      connectors: _Connectors.
      num_ids: integer N, the number of ids in the text.

    Yields:
      int32 arrays, the new text in ids.
    """
    keys = _keys(pairs.first, pairs.between, pairs.second, connectors, num_ids)
    begins, ends = np.zeros(num_ids, bool), np.zeros(num_ids, bool)
    begins[pairs.first] = True
    ends[pairs.second] = True
    rest = np.zeros(0, np.int32)
    for piece in pieces:
        ids = np.concatenate([rest, piece]).astype(np.int32)
        at, between = connectors.neighbours(ids)
        index = np.flatnonzero(begins[ids[at[:-1]]] & ends[ids[at[1:]]] & (between >= 0))
        place = np.zeros(0, np.int64)
        if len(keys):
            key = _keys(ids[at[index]], between[index], ids[at[index + 1]], connectors, num_ids)
            place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
            index, place = index[keys[place] == key], place[keys[place] == key]
        # In a run of overlapping phrases, every second one is joined.
        order = np.arange(len(index))
        is_first = np.diff(index, prepend=-2) != 1
        taken = (order - np.maximum.accumulate(np.where(is_first, order, 0))) % 2 == 0
        index, place = index[taken], place[taken]
        ids[at[index]] = phrase_ids[place]
        keep = np.ones(len(ids), bool)
        for distance in range(1, 2 + _MAX_BETWEEN):
            keep[(at[index] + distance)[at[index] + distance <= at[index + 1]]] = False
        # The last word may form a phrase with the next piece, unless it is in a phrase already.
        begin = _begin_of_rest(ids, at)
        begin = begin if keep[begin:begin + 1].all() else len(ids)
        yield ids[:begin][keep[:begin]]
        rest = ids[begin:]
    yield rest


class Phrases:
    """The phrases of a text, which can be joined in other texts.

    Args:
      passes: a list per pass of the phrases, tuples of two to four words: first, connectors, last.
    """

    def __init__(self, passes=()):
        self.passes = [list(map(tuple, phrases)) for phrases in passes]
        self._tables = [set(phrases) for phrases in self.passes]

    def apply(self, words):
        """Join the phrases of a sentence.

        Args:
          words: list of strings, a sentence in the form of the training text, such as lower case.

        Returns:
          list of strings.
        """
        words = list(words)
        for table in self._tables:
            joined, i = [], 0
            while i < len(words):
                lengths = [n for n in range(2, 3 + _MAX_BETWEEN) if tuple(words[i:i + n]) in table]
                length = lengths[0] if lengths else 1
                joined.append("_".join(words[i:i + length]))
                i += length
            words = joined
        return words

    def text(self):
        """Return the content of a file of phrases: lines of a pass number and the words of a phrase."""
        return "".join("%d %s\n" % (number, " ".join(phrase))
                       for number, phrases in enumerate(self.passes, 1) for phrase in phrases)

    def save(self, path):
        """Write the phrases to a file, whole or not at all.

        Raises:
          InputError: a path that cannot be written.
        """
        with writing.writing(path) as stream:
            stream.write(self.text())

    @classmethod
    def read(cls, path):
        """Read a file that `save` wrote.

        Args:
          path: string.

        Returns:
          Phrases.

        Raises:
          InputError: a file that cannot be read, a line that is not a number and two to four words.
        """
        with reading.open_text(path) as stream:
            return cls.parse(stream, path)

    @classmethod
    def parse(cls, lines, path):
        """Parse the lines of `text`; an InputError names the path and the line."""
        passes = []
        for number, line in enumerate(lines, 1):
            first, *words = line.split() or [""]
            fits = first.isdecimal() and len(first) < 3 and int(first) > 0
            checks.line(fits and 2 <= len(words) <= 2 + _MAX_BETWEEN, path, number,
                        "the number of a pass and two to four words", line.rstrip("\n"))
            passes += [[] for _ in range(int(first) - len(passes))]
            passes[int(first) - 1].append(tuple(words))
        return cls(passes)


def main():
    """Join phrases in standard input; an InputError becomes one line and exit code 1."""
    streams.settle()
    parser = argparse.ArgumentParser(
        prog="phrases.py", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="python -m tf1_sampled.word2vec.phrases PHRASES < TEXT")
    parser.add_argument("phrases", nargs="*", metavar="PHRASES",
                        help="phrases.txt, which run_word2vec.py --phrases=N writes to its --model_dir.")
    try:
        paths = parser.parse_args().phrases
        checks.argument(len(paths) == 1, "phrases", "PHRASES", "one file of phrases (and text on "
                        "standard input)", paths)
        phrases = Phrases.read(paths[0])
        reading.check_input()
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
        for line in sys.stdin:
            # Bytes, as the encoding of standard output may lack characters of the text.
            sys.stdout.buffer.write((" ".join(phrases.apply(line.split())) + "\n").encode("utf-8"))
            if streams.is_lost():
                break
        streams.check()
    except checks.InputError as e:
        sys.exit("phrases.py: error: %s" % e)
    except KeyboardInterrupt:
        sys.exit(130)  # the convention of shells


if __name__ == "__main__":
    main()
