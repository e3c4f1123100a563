"""From a text file to word ids: one pass over the words, ids in falling order of frequency.

    corpus = read_corpus("text.txt.gz", min_count=5)
    corpus.words[0], corpus.counts[0]       the most frequent word and how often it comes
    corpus.tokens                           int32, the text in ids; END after each line

A line is a sentence: a window never reaches across its end.
"""
import collections
import itertools

import numpy as np

from tf1_sampled import checks, files

END = -1  # after each line of a corpus
BLOCK = 32  # centres that share negatives: enough to make products of matrices, few enough to vary

Corpus = collections.namedtuple("Corpus", "words counts tokens num_raw_words")
Corpus.__doc__ = """A text in word ids.

  words: list of V strings, in falling order of frequency (equal counts: the earlier one first).
  counts: int64 [V].
  tokens: int32 [N], word ids without the words that are not in `words`; END after each line.
  num_raw_words: integer, the words of the text, those that were left out included.
"""

_CHUNK_CHARACTERS = 1 << 22


def read_corpus(path, min_count=5):
    """Reads words separated by white space, and leaves out those that come less than min_count times.

    Memory is that of the encoded text (4 bytes per word) and of its different words.

    Args:
      path: string, UTF-8 text, which may be compressed (.gz .bz2 .xz .zip).
      min_count: integer >= 1.

    Returns:
      Corpus.

    Raises:
      InputError: a file that cannot be read as text, or fewer than two words that come often enough.
    """
    checks.positive("read_corpus", "min_count", min_count)
    # A word gets the next id when it is first seen, so that one pass both counts and encodes.
    index = collections.defaultdict(itertools.count().__next__)
    line_end = "\0"
    assert index[line_end] == 0
    encoded = []
    with files.open_text(path) as text:
        for chunk in _whole_words(text):
            words = chunk.replace("\n", " %s " % line_end).split()
            encoded.append(np.fromiter(map(index.__getitem__, words), np.int32, len(words)))
    encoded.append(np.zeros(1, np.int32))
    return _sort_by_frequency(path, list(index), np.concatenate(encoded), min_count)


def _whole_words(text):
    """The text in large pieces that end between two words."""
    while True:
        piece = [text.read(_CHUNK_CHARACTERS)]
        if not piece[0]:
            return
        while piece[-1] and not piece[-1][-1].isspace():
            piece.append(text.read(1))
        yield "".join(piece)


def _sort_by_frequency(path, words, encoded, min_count):
    """The Corpus of `encoded`, places in `words`, of which the first is a line's end."""
    count = np.bincount(encoded, minlength=len(words))
    num_raw_words = len(encoded) - int(count[0])
    checks.file(num_raw_words > 0, path, "words", "none")
    count[0] = 0
    order = np.argsort(-count, kind="stable")
    order = order[:np.searchsorted(-count[order], -min_count, side="right")]
    checks.file(len(order) > 1, path, "at least 2 different words that come min_count = %d times"
                % min_count, "%d of %d different words" % (len(order), len(words) - 1))
    rank = np.full(len(words), -2, np.int32)  # -2: left out
    rank[order] = np.arange(len(order))
    rank[0] = END
    tokens = rank[encoded]
    tokens = tokens[tokens != -2]
    return Corpus([words[i] for i in order], count[order], tokens, num_raw_words)


def keep_probability(counts, sample):
    """The probability that subsampling keeps an occurrence of each word.

        min(1, sqrt(sample / f) + sample / f),   f the word's share of all words

    Args:
      counts: integer [V].
      sample: float; 0 keeps every word.

    Returns:
      float32 [V].

    Reference: word2vec.c; Mikolov et al. 2013, "Distributed Representations of Words and Phrases",
      eq. 5 gives 1 - sqrt(sample / f) for what is dropped.
    """
    if not sample:
        return np.ones(len(counts), np.float32)
    ratio = sample / (counts / np.sum(counts, dtype=np.float64))
    return np.minimum(1, np.sqrt(ratio) + ratio).astype(np.float32)


def split_held_out(tokens, share=0.01, at_most=50000, pieces=20):
    """The text for training, and pieces from all over it that are held out.

    Args:
      tokens: int32 [N].
      share: float, of the tokens to hold out.
      at_most: integer, tokens to hold out.
      pieces: integer, in how many places, at equal distances; fewer where they would be short.

    Returns:
      training int32 [N'], held out int32 [N'']; END stands where they were cut apart.
    """
    total = max(min(int(len(tokens) * share), at_most), 2)
    pieces = max(min(pieces, total // 50), 1)
    size = total // pieces
    in_piece = (np.arange(len(tokens)) + size) % max(len(tokens) // pieces, size + 1) < size
    last = np.flatnonzero(np.diff(in_piece.astype(np.int8)))  # the last token before each cut
    cut = np.insert(tokens, last + 1, END)
    in_piece = np.insert(in_piece, last + 1, in_piece[last])
    return cut[~in_piece], cut[in_piece]


def runs(tokens, keep, num_centres, window, epochs, rng):
    """Subsampled runs of tokens, `window` more on each side, for `epochs` passes over the text.

    Each run begins with the last 2 * window tokens of the one before, so that every token of the
    subsampled text is a centre once. The last run of all is filled up with END.

    Args:
      tokens: int32 [N], word ids and END.
      keep: float32 [V], see `keep_probability`.
      num_centres: integer, centres per run.
      window: integer.
      epochs: integer.
      rng: numpy.random.RandomState.

    Yields:
      (int32 [num_centres + 2 * window], share of all the text used after this run: float in (0, 1]).
    """
    ends = np.full(window, END, np.int32)
    rest = ends
    slice_size = 1 << 20
    for epoch in range(epochs):
        for begin in range(0, len(tokens), slice_size):
            part = tokens[begin:begin + slice_size]
            # keep[END] reads the last word's probability; the second test keeps every END.
            kept = part[(rng.random_sample(len(part)) < keep[part]) | (part == END)]
            last = begin + slice_size >= len(tokens)
            if last and epoch == epochs - 1:
                kept = np.concatenate([kept, ends])
            text = np.concatenate([rest, kept])
            num_runs = (len(text) - 2 * window) // num_centres
            for i in range(num_runs):
                at = i * num_centres
                done = epoch + (begin + len(part) * (i + 1) / num_runs) / len(tokens)
                yield text[at:at + num_centres + 2 * window], done / epochs
            rest = text[num_runs * num_centres:]
    if len(rest) > 2 * window:
        size = num_centres + 2 * window
        yield np.concatenate([rest, np.full(size - len(rest), END, np.int32)]), 1.0


def sample_pairs(tokens, window, num_pairs, rng):
    """Pairs of a centre and a context word of held-out text, drawn evenly from all its pairs.

    Args:
      tokens: int32 [N], word ids and END.
      window: integer, the half width of the window (not shrunk).
      num_pairs: integer, at most so many.
      rng: numpy.random.RandomState.

    Returns:
      centres: int32 [P], contexts: int32 [P]; P may be 0 for a very short text.
    """
    sentence = np.cumsum(tokens == END)
    is_word = tokens != END
    centres, contexts = [], []
    for distance in range(1, window + 1):
        pair = is_word[:-distance] & is_word[distance:]
        pair &= sentence[:-distance] == sentence[distance:]
        left, right = tokens[:-distance][pair], tokens[distance:][pair]
        centres += [left, right]
        contexts += [right, left]
    centres, contexts = np.concatenate(centres), np.concatenate(contexts)
    chosen = rng.permutation(len(centres))[:num_pairs]
    return centres[chosen], contexts[chosen]
