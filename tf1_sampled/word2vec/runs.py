"""Cut a text into subsampled runs of tokens, from the start or from the position of a resumed training.

    options = RunOptions(keep_probability(text.counts, 1e-4), 2048, window=5, epochs=3, seed=1)
    for run, share_done, position in runs(text, [(0, text.num_positions)], options):
        ...
"""
import collections

import numpy as np

from tf1_sampled.word2vec.corpus import END

BLOCK = 32  # centres in a matrix product with their contexts; larger blocks compute more non-pairs
GROUP = 128  # centres that share negatives; larger groups make faster products of fewer rows

_SLICE = 1 << 20  # ids that are read at a time
_KEPT_OCCURRENCES = 5  # average number of occurrences that each word keeps in an epoch


def keep_probability(counts, sample):
    """Compute the probability that subsampling keeps an occurrence of each word.

        min(1, max(sqrt(sample / f) + sample / f, 5 / count)),   f the word's share of all words

    The term 5 / count keeps 5 occurrences of each word on average, so that short texts can be trained.
    It matters in texts of fewer than 2.5 / sample words: 25,000 words with the default sample.

    Args:
      counts: integer [V], 0 for words that the text lacks.
      sample: float; 0 keeps all words.

    Returns:
      float32 [V].

    Reference: word2vec.c; Mikolov et al. 2013, "Distributed Representations of Words and Phrases",
      eq. 5 drops a word with probability 1 - sqrt(sample / f).
    """
    if not sample:
        return np.ones(len(counts), np.float32)
    counts = np.maximum(counts, 0.5)  # a count of 0 would have an infinite ratio
    ratio = sample * np.sum(counts) / counts
    keep = np.maximum(np.sqrt(ratio) + ratio, _KEPT_OCCURRENCES / counts)
    return np.minimum(1, keep).astype(np.float32)


RunOptions = collections.namedtuple(
    "RunOptions", "keep num_centres window epochs seed num_places", defaults=(None,))
RunOptions.__doc__ = """Options for cutting a text into runs.

  keep: float32 [V], see `keep_probability`.
  num_centres: integer, centres per run.
  window: integer, words on each side of a centre.
  epochs: integer, passes over the text.
  seed: integer, not negative. Each epoch drops other words.
  num_places: integer P, a divisor of num_centres. A step gets P shorter runs, from places spread over
    the next million ids. None for one run.
"""


def runs(text, pieces, options, position=None, begin=0.0, end=1.0):
    """Yield subsampled runs of tokens with `window` more on each side, for `epochs` passes over a text.

    Each run begins with the last 2 * window tokens of the previous run, so every token of the subsampled
    text is a centre once. END follows each piece, and pads the last run.

    Several places spread the uses of a word over the steps. A word often occurs again soon, and two uses
    in one step do not see each other's update, so together they overshoot.

    Args:
      text: Corpus.
      pieces: list of (begin, end), the positions to read.
      options: RunOptions.
      position: the position after the last used run, to resume; None to start.
      begin, end: floats in [0, 1], the part of the text of all epochs to read. Windows do not cross the
        ends of the part.

    Yields:
      (int32 [num_centres + 2 * window], or [P, num_centres / P + 2 * window] with num_places; float in
      (0, 1], the share of all the text that is used after this run; the position after this run).
    """
    keep, num_centres, window, epochs, seed, num_places = options
    size = num_centres + 2 * window
    length = num_centres // (num_places or 1)  # centres in a place

    def cut(line, num_runs):
        """Return all runs of a line of tokens as views: [num_runs, P, length + 2 * window]."""
        step = line.strides[0]
        found = np.lib.stride_tricks.as_strided(
            line, (num_runs, num_places or 1, length + 2 * window),
            (length * step, num_runs * length * step, step), writeable=False)
        return found if num_places else found[:, 0]

    slices = [(at, min(at + _SLICE, end)) for begin, end in pieces for at in range(begin, end, _SLICE)]
    ends_of_pieces = {end for _, end in pieces}
    lengths = [end - begin for begin, end in slices]
    total = epochs * sum(lengths)
    ends = np.cumsum(lengths)

    def place(share):
        """Return (slice, counted over all epochs; number of its tokens before) a share of the text."""
        epoch, token = divmod(int(round(share * total)), sum(lengths))
        number = int(np.searchsorted(ends, token, side="right"))
        return epoch * len(slices) + number, token - sum(lengths[:number])

    first_slice, skipped = place(begin)
    last_slice, last_tokens = place(end)
    first, rest = 0, np.full(window, END, np.int32)  # used runs of the slice; tokens before the slice
    if position is not None:
        first_slice, first, rest, skipped = position
        rest = np.asarray(rest, np.int32)
    done = first_slice // len(slices) * sum(lengths) + sum(lengths[:first_slice % len(slices)]) + skipped
    for number in range(first_slice, last_slice + bool(last_tokens)):
        at, slice_end = slices[number % len(slices)]
        low, high = at + skipped, at + last_tokens if number == last_slice else slice_end
        part = text.read(low, high)
        # keep[END] is the probability of the last word, but the second test keeps every END.
        random = np.random.RandomState([seed, number] + [skipped] * bool(skipped))
        # take and compress are much faster than keep[part] and part[...].
        kept = part.compress((random.random_sample(len(part)) < keep.take(part, mode="wrap"))
                             | (part == END))
        # The last END is also a centre, so the last run comes after the last slice.
        line = np.concatenate([rest, kept, np.full(int(high in ends_of_pieces), END, np.int32)])
        num_runs = max(len(line) - 2 * window, 0) // num_centres
        all_runs = cut(line, num_runs)
        for i in range(first, num_runs):
            yield (all_runs[i], (done + (high - low) * (i + 1) / num_runs) / total,
                   (number, i + 1, rest, skipped))
        done += high - low
        first, skipped, rest = 0, 0, line[num_runs * num_centres:]
    # The rest, as if an empty slice followed.
    line = np.concatenate([rest, np.full(size, END, np.int32)])
    num_runs = -(-(len(rest) - window) // num_centres)
    all_runs = cut(line, num_runs)
    for i in range(first, num_runs):
        yield all_runs[i], done / total, (last_slice, i + 1, rest, 0)


def batch_size(num_words, threads, is_gpu=False):
    """Choose the words per step: 4096 in all threads together; fewer for at least 100 steps per epoch.

    Words that are trained at the same time do not see each other's updates, which costs accuracy.
    Smaller steps cost time.

    Args:
      num_words: integer, the number of words in the text.
      threads: integer, steps at a time. In a long text each step has at least 256 words.
      is_gpu: boolean, whether a GPU trains, which is faster with larger steps.

    Returns:
      integer: 32, 64, 96, or a multiple of GROUP up to 2048; on a GPU up to 4096.
    """
    most = min(max(4096 // threads // GROUP * GROUP, 256), 4096 if is_gpu else 2048)
    size = num_words // 100
    unit = GROUP if size >= GROUP else BLOCK
    return min(max(size // unit * unit, BLOCK), most)


def num_places(batch_size):
    """Return the number of places of a step: one for each GROUP of words, at least one."""
    return max(batch_size // GROUP, 1)
