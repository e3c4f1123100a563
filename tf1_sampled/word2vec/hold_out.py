"""Hold out a part of a text for evaluation, and compute the held-out AUC.

    pieces, tokens = split(text, share=0.01, window=5)
    held_out = blocks(tokens, len(text.words), window=5)
    auc(held_out, (embeddings, output_vectors), text.counts, window=5)

`pieces` are the parts to train on. A word that has a neighbour in the text also has one in the pieces.
"""
import numpy as np

from tf1_sampled.word2vec import runs as runs_lib
from tf1_sampled.word2vec.corpus import END, LEFT_OUT, Corpus

_AT_MOST = 50000  # positions to hold out
_AT_LEAST = 20  # the loss of fewer positions is too noisy, so then none are held out
_PLACES = 20  # number of held-out places, at equal distances; fewer in a short text
_SHORTEST = 50  # positions in a place
_SLICE = 1 << 20  # positions that are read at a time
AUC_CENTRES = 8192  # centres from which `auc` draws pairs; the loss uses 512
_NOISE_WORDS, _MOST_PAIRS = 200, 20000  # words and pairs that `auc` uses


def split(text, share, window):
    """Split a text into pieces to train on and tokens that are held out.

    The held-out places are spread over the text, with at most 50,000 positions in all. A word that would
    be missing from the pieces is not held out, nor are the words in its window.

    Args:
      text: Corpus.
      share: float in [0, 1), the share of positions to hold out; none if that is fewer than 20.
      window: integer, words on each side of a centre.

    Returns:
      (list of (begin, end), the positions to train on, in rising order; int32 [H], the held-out tokens,
      with END between places).
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
    """Find the words that have a neighbour in a line.

    Args:
      text: Corpus.
      pieces: list of (begin, end), the positions to search; lines end at the ends of pieces.

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
    """Return the non-empty (begin, end) between the places."""
    begins = [0] + [end for _, end in places]
    ends = [begin for begin, _ in places] + [num_positions]
    return [(begin, end) for begin, end in zip(begins, ends) if begin < end]


def _without(text, place, lacking, window):
    """Return the parts (begin, end) of a place outside the windows around lacking words."""
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
    """Cut held-out tokens into runs for the full softmax; runs of a large vocabulary are short.

    Args:
      tokens: int32 [H], word ids and END.
      vocab_size: integer V.
      window: integer, words on each side of a centre.
      num_centres: integer, the approximate largest number of centres in all runs.
      snippet: integer, the largest number of consecutive tokens, so that runs cover the whole text.

    Returns:
      int32 [R, K + 2 * window], K a multiple of BLOCK with K * V at most about 32 million; R is 0 if no
      two words of the runs are neighbours.
    """
    tokens = tokens if len(tokens) else np.full(1, END, np.int32)
    number = max(min(num_centres, len(tokens)) // snippet, 1)
    begins = np.arange(number) * len(tokens) // number
    pieces = [(begin, min(begin + snippet - 1, len(tokens))) for begin in begins]  # `runs` adds an END
    text = Corpus.from_tokens([""] * vocab_size, np.zeros(vocab_size, np.int64), tokens)
    size = runs_lib.BLOCK * min(max((1 << 25) // vocab_size // runs_lib.BLOCK, 1),
                                num_centres // runs_lib.BLOCK)
    options = runs_lib.RunOptions(np.ones(vocab_size, np.float32), size, window, epochs=1, seed=0)
    cut = np.stack([run for run, _, _ in runs_lib.runs(text, pieces, options)])
    is_word = cut != END
    return cut if np.any(is_word[:, 1:] & is_word[:, :-1]) else cut[:0]


def auc(runs, tables, counts, window, is_cbow=False):
    """Compute the held-out AUC: how often a pair scores above the same input with a random word.

        mean over pairs (x, y) of P(x . w_y > x . w_n) + P(x . w_y = x . w_n) / 2,   n drawn by counts

    Vectors that hold only the frequencies of words have 0.5. Scores contain no bias, so the AUC of
    different losses can be compared. The random words are 200 draws by frequency, the same in each call
    with the same counts.

    Args:
      runs: int32 [R, K + 2 * window], as from `blocks`.
      tables: (float32 [V, D], the word vectors; float32 [V, D], the output vectors).
      counts: integer [V], the count of each word.
      window: integer, words on each side of a centre.
      is_cbow: boolean. False for pairs of a centre and a context word; True for pairs of the mean of the
        context words and their centre.

    Returns:
      float in [0, 1]; NaN if there is no pair.
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
    """Return (centres, context words) of all pairs, as places in runs.ravel()."""
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
