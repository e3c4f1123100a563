"""Phrases: two words that come together more often than their counts let expect become one.

    score(a, b) = (count(a b) - min_count) / (count(a) count(b)) * number of words

All works on ids in pieces, where 0 is the end of a line, which no phrase crosses. Phrases of up to 2^n
words come of n passes, each over the output of the one before.

Reference: Mikolov et al. 2013, "Distributed Representations of Words and Phrases", eq. 6; word2phrase.c.
"""
import collections

import numpy as np

MIN_COUNT = 5
THRESHOLD = 100.0
_MAX_PAIRS = 1 << 24  # different pairs that are counted at a time: 12 bytes each

Pairs = collections.namedtuple("Pairs", "first second counts")
Pairs.__doc__ = """Pairs of words that follow each other.

  first, second: int64 [P], their ids, in rising order of (first, second).
  counts: int32 [P], how often they come.
"""


def count_pairs(pieces, counts, min_count=MIN_COUNT, max_pairs=_MAX_PAIRS):
    """Counts the words that follow each other.

    When there are more than max_pairs different pairs, the rarest so far are forgotten, as many as
    bring them down to half of it; those that come again begin at 0. So a count may be too low where a
    pair is rare, as in word2phrase.c.

    Args:
      pieces: iterable of integer arrays, the text in ids, 0 at the ends of lines.
      counts: integer [N], how often each id comes.
      min_count: integer; words that come less often are in no pair.
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
        rest = ids[-1:]
        may = frequent[ids]
        may = may[:-1] & may[1:]
        fresh.append(_keys(ids[:-1][may], ids[1:][may], len(counts)))
        num_fresh += len(fresh[-1])
        if num_fresh > max_pairs // 4:
            table = _prune(_merge(table, fresh), max_pairs)
            fresh, num_fresh = [], 0
    keys, pair_counts = _merge(table, fresh)
    return Pairs(keys // len(counts), keys % len(counts), pair_counts)


def _keys(first, second, num_ids):
    return first.astype(np.int64) * num_ids + second


def _merge(table, fresh):
    """Adds keys to a table of (keys in rising order, their counts)."""
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


def find(pairs, counts, min_count=MIN_COUNT, threshold=THRESHOLD):
    """The pairs whose score is above the threshold.

    Args:
      pairs: Pairs.
      counts: integer [N], how often each id comes; 0 is the end of a line.
      min_count: integer, the discount, which keeps rare words from being phrases by chance.
      threshold: float.

    Returns:
      Pairs.
    """
    counts = np.asarray(counts, np.float64)
    score = (pairs.counts - float(min_count)) / (counts[pairs.first] * counts[pairs.second])
    chosen = score * np.sum(counts[1:]) > threshold
    return Pairs(*[column[chosen] for column in pairs])


def name(pairs, words):
    """The words a_b that phrases become.

    Args:
      pairs: Pairs.
      words: list of N strings.

    Returns:
      (int64 [P], the id of each phrase; list of strings, the new words, whose ids begin at N). Phrases
      of the same name, and a phrase and a word of the text, have one id.
    """
    named = {word: i for i, word in enumerate(words) if "_" in word}
    new = []
    ids = np.empty(len(pairs.first), np.int64)
    for i, (a, b) in enumerate(zip(pairs.first.tolist(), pairs.second.tolist())):
        word = "%s_%s" % (words[a], words[b])
        ids[i] = named.setdefault(word, len(words) + len(new))
        if ids[i] == len(words) + len(new):
            new.append(word)
    return ids, new


def join(pieces, pairs, phrase_ids, num_ids):
    """Joins the phrases of a text from left to right; no word is in two of them.

    Args:
      pieces: iterable of integer arrays, the text in ids.
      pairs: Pairs, in rising order.
      phrase_ids: integer [P], what they become.
      num_ids: integer N, the ids of the text are below.

    Yields:
      int32 arrays, the new text in ids.
    """
    keys = _keys(pairs.first, pairs.second, num_ids)
    begins, ends = np.zeros(num_ids, bool), np.zeros(num_ids, bool)
    begins[pairs.first] = True
    ends[pairs.second] = True
    rest = np.zeros(0, np.int32)
    for piece in pieces:
        ids = np.concatenate([rest, piece]).astype(np.int32)
        at = np.flatnonzero(begins[ids[:-1]] & ends[ids[1:]])
        key = _keys(ids[at], ids[at + 1], num_ids)
        place = np.searchsorted(keys, key)
        is_phrase = np.zeros(len(at), bool)
        if len(keys):
            is_phrase = keys[np.minimum(place, len(keys) - 1)] == key
        at, place = at[is_phrase], place[is_phrase]
        # In a run of phrases that overlap, each the next one's neighbour, every other is taken.
        index = np.arange(len(at))
        is_first = np.diff(at, prepend=-2) != 1
        taken = (index - np.maximum.accumulate(np.where(is_first, index, 0))) % 2 == 0
        at, place = at[taken], place[taken]
        ids[at] = phrase_ids[place]
        keep = np.ones(len(ids), bool)
        keep[at + 1] = False
        # The last word may begin a phrase that the next piece ends, unless it is in one already.
        rest = ids[-1:][keep[-1:]]
        keep[-1:] = False
        yield ids[keep]
    yield rest
