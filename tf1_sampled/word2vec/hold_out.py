"""The part of a text that is held out for a loss, and the pieces that are trained on.

    pieces, tokens = split(text, share=0.01, window=5)
    held_out = blocks(tokens, len(text.words), window=5)
    auc(held_out, (embeddings, output_vectors), text.counts, window=5)

Each word that has a neighbour in its line keeps an occurrence with a neighbour in the pieces.
"""
import numpy as np

from tf1_sampled.word2vec import runs as runs_lib
from tf1_sampled.word2vec.corpus import END, LEFT_OUT, Corpus

_AT_MOST = 50000  # positions to hold out
_AT_LEAST = 20  # fewer give no loss that says anything: then none are held out
_PLACES = 20  # at equal distances; fewer where they would be short
_SHORTEST = 50  # positions in a place
_SLICE = 1 << 20  # positions that are read at a time
AUC_CENTRES = 8192  # of which `auc` takes some pairs, in place of the 512 of the loss
_NOISE_WORDS, _MOST_PAIRS = 200, 20000  # of `auc`


def split(text, share, window):
    """Split a text into pieces to train on and tokens that are held out.

    The held-out tokens are from places all over the text, at most 50,000 positions in all. Around a word
    that the pieces would lack otherwise they are given back to the pieces.

    Args:
      text: Corpus.
      share: float in [0, 1), of the positions to hold out. Where that is fewer than 20, none are.
      window: integer, words on each side of a centre.

    Returns:
      (list of (begin, end), the positions to train on, in rising order; int32 [H], the held-out tokens,
      with END where they were cut apart).
    """
    total = min(int(text.num_positions * share), _AT_MOST)
    if total < _AT_LEAST:
        return [(0, text.num_positions)], np.zeros(0, np.int32)
    num_places = max(min(_PLACES, total // _SHORTEST), 1)
    size, period = total // num_places, text.num_positions // num_places
    places = [((i + 1) * period - size, (i + 1) * period) for i in range(num_places)]
    lacking = text.counts_in_text() > 0
    lacking &= ~words_with_neighbours(text, _between(places, text.num_positions))
    places = [part for place in places for part in _without(text, place, lacking, window)]
    tokens = [np.append(text.read(*place), np.int32(END)) for place in places]
    return _between(places, text.num_positions), np.concatenate(tokens or [np.zeros(0, np.int32)])


def words_with_neighbours(text, pieces):
    """Find the words that are next to another in a line.

    Args:
      text: Corpus.
      pieces: list of (begin, end), the positions to look at; no line reaches from one to the next.

    Returns:
      boolean [V].
    """
    found = np.zeros(len(text.words), bool)
    wanted = text.counts_in_text() > 0
    for begin, end in pieces:
        last = np.zeros(0, np.int32)
        for at in range(begin, end, _SLICE):
            if found[wanted].all():
                return found
            tokens = np.concatenate([last, text.read(at, min(at + _SLICE, end))])
            is_pair = (tokens[1:] != END) & (tokens[:-1] != END)
            found[tokens[1:][is_pair]] = True
            found[tokens[:-1][is_pair]] = True
            last = tokens[-1:]
    return found


def _between(places, num_positions):
    """Return the (begin, end) that are not in the places, without empty ones."""
    begins = [0] + [end for _, end in places]
    ends = [begin for begin, _ in places] + [num_positions]
    return [(begin, end) for begin, end in zip(begins, ends) if begin < end]


def _without(text, place, lacking, window):
    """Return the parts (begin, end) of a place without the windows around the lacking words."""
    begin, end = place
    first, last = max(begin - 8 * window, 0), min(end + 8 * window, text.num_positions)
    tokens = text.read_all(first, last)
    at = np.flatnonzero(tokens != LEFT_OUT)
    tokens = tokens[at]
    is_lacking = (tokens != END) & lacking[tokens]
    is_given = is_lacking.copy()
    line = np.cumsum(tokens == END)
    for distance in range(1, min(window, len(tokens) - 1) + 1) if is_lacking.any() else ():
        is_same = line[distance:] == line[:-distance]
        is_given[distance:] |= is_lacking[:-distance] & is_same
        is_given[:-distance] |= is_lacking[distance:] & is_same
    given = np.zeros(last - first, bool)
    given[at[is_given]] = True
    given = given[begin - first:end - first]
    edges = begin + np.flatnonzero(np.diff(np.concatenate([[True], given, [True]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2])]


def blocks(tokens, vocab_size, window, num_centres=512, snippet=32):
    """Cut held-out tokens into runs for the full softmax, with few centres each of many classes.

    Args:
      tokens: int32 [H], word ids and END.
      vocab_size: integer V.
      window: integer.
      num_centres: integer, about so many in all, at most.
      snippet: integer, at most so many tokens in one place: they are from all over the text.

    Returns:
      int32 [R, K + 2 * window], K a multiple of BLOCK with K * V about 32 million at most; R is 0 where
      the runs have no two words side by side.
    """
    tokens = tokens if len(tokens) else np.full(1, END, np.int32)
    number = max(min(num_centres, len(tokens)) // snippet, 1)
    begins = np.arange(number) * len(tokens) // number
    pieces = [(begin, min(begin + snippet - 1, len(tokens))) for begin in begins]  # END comes after it
    text = Corpus.from_tokens([""] * vocab_size, np.zeros(vocab_size, np.int64), tokens)
    size = runs_lib.BLOCK * min(max((1 << 25) // vocab_size // runs_lib.BLOCK, 1),
                                num_centres // runs_lib.BLOCK)
    options = runs_lib.RunOptions(np.ones(vocab_size, np.float32), size, window, epochs=1, seed=0)
    cut = np.stack([run for run, _, _ in runs_lib.runs(text, pieces, options)])
    is_word = cut != END
    return cut if np.any(is_word[:, 1:] & is_word[:, :-1]) else cut[:0]


def auc(runs, tables, counts, window, is_cbow=False):
    """Compute how often a held-out pair scores above the same input with a word drawn by frequency.

        mean over pairs (x, y) of P(x . w_y > x . w_n) + P(x . w_y = x . w_n) / 2,   n drawn by counts

    0.5 is what vectors that know nothing beyond the frequencies of words have. No bias is part of the
    scores, so the number is the same whatever the loss makes scores relative to. The noise is 200 words,
    the same in each call with the same counts.

    Args:
      runs: int32 [R, K + 2 * window], as of `blocks`.
      tables: (float32 [V, D], the word vectors; float32 [V, D], the output vectors).
      counts: integer [V], of words.
      window: integer.
      is_cbow: boolean. False for pairs of a centre and a word of its context; True for pairs of the mean
        of a context and its centre.

    Returns:
      float in [0, 1]; NaN without a pair.
    """
    embeddings, weights = tables
    random = np.random.RandomState(1)
    noise = random.choice(len(counts), _NOISE_WORDS, p=np.asarray(counts) / np.sum(counts))
    inputs, labels = examples(
        runs, embeddings, window, is_cbow=is_cbow, most=_MOST_PAIRS, random=random)
    if not len(labels):
        return float("nan")
    scores = np.sum(inputs * weights[labels], 1)[:, None]
    noise_scores = inputs.dot(weights[noise].T)
    return float(np.mean(scores > noise_scores) + np.mean(scores == noise_scores) / 2)


def examples(runs, embeddings, window, is_cbow, most, random):
    """Return the inputs and the labels of held-out pairs.

    Args:
      runs, window, is_cbow: as of `auc`.
      embeddings: float32 [V, D], the word vectors.
      most: integer, so many pairs at most, drawn at random; all of CBOW.
      random: np.random.RandomState.

    Returns:
      (float32 [N, D], int32 [N]).
    """
    at, beside = _pairs(runs, window)
    tokens = runs.ravel()
    if not is_cbow:
        some = random.permutation(len(at))[:most]
        return embeddings[tokens[at[some]]], tokens[beside[some]]
    centres, group = np.unique(at, return_inverse=True)
    inputs = np.zeros([len(centres), embeddings.shape[1]], np.float32)
    np.add.at(inputs, group, embeddings[tokens[beside]])
    return inputs / np.bincount(group)[:, None], tokens[centres]


def _pairs(runs, window):
    """Return the places in runs.ravel() of the centres and the context words of all pairs."""
    size = runs.shape[1]
    tokens, line = runs.ravel(), np.cumsum(runs == END)
    middle = np.arange(window, size - window)
    centres = (size * np.arange(len(runs))[:, None] + middle).ravel()
    found = []
    for distance in [d for d in range(-window, window + 1) if d]:
        beside = centres + distance
        is_pair = (tokens[centres] != END) & (tokens[beside] != END) & (line[centres] == line[beside])
        found.append((centres[is_pair], beside[is_pair]))
    return tuple(np.concatenate(places) for places in zip(*found))
