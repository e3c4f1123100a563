"""A text cut into runs of tokens: subsampled, in every pass anew, from where a training goes on.

    options = RunOptions(keep_probability(text.counts, 1e-4), 2048, window=5, epochs=3, seed=1)
    for run, share_done, position in runs(text, [(0, text.num_positions)], options):
        ...
"""
import collections

import numpy as np

from tf1_sampled.word2vec.corpus import END

BLOCK = 32  # centres whose contexts meet in one product: the more, the more of it is no pair
GROUP = 128  # centres that share negatives: the more, the squarer the product and the fewer the rows

_SLICE = 1 << 20  # ids that are read at a time
_KEPT_OCCURRENCES = 5  # of each word in a pass, on average


def keep_probability(counts, sample):
    """Compute the probability that subsampling keeps an occurrence of each word.

        min(1, max(sqrt(sample / f) + sample / f, 5 / count)),   f the word's share of all words

    The second term keeps 5 occurrences of each word on average, so that short texts train. It has an
    effect in texts of fewer than 2.5 / sample words, of the default sample 25,000.

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
    counts = np.maximum(counts, 0.5)  # a word that the text lacks has a finite ratio
    ratio = sample * np.sum(counts) / counts
    keep = np.maximum(np.sqrt(ratio) + ratio, _KEPT_OCCURRENCES / counts)
    return np.minimum(1, keep).astype(np.float32)


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

    def cut(line, num_runs):
        """Return all runs of a line as views of it: [num_runs, P, length + 2 * window]."""
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
        # take and compress do what keep[part] and part[...] do, in a fraction of the time.
        kept = part.compress((random.random_sample(len(part)) < keep.take(part, mode="wrap"))
                             | (part == END))
        # The last END is a centre, too: so the last run of all comes after the last slice.
        line = np.concatenate([rest, kept, np.full(int(high in ends_of_pieces), END, np.int32)])
        num_runs = max(len(line) - 2 * window, 0) // num_centres
        all_runs = cut(line, num_runs)
        for i in range(first, num_runs):
            yield (all_runs[i], (done + (high - low) * (i + 1) / num_runs) / total,
                   (number, i + 1, rest, skipped))
        done += high - low
        first, skipped, rest = 0, 0, line[num_runs * num_centres:]
    # What is left over, as if one more slice came that is empty.
    line = np.concatenate([rest, np.full(size, END, np.int32)])
    num_runs = -(-(len(rest) - window) // num_centres)
    all_runs = cut(line, num_runs)
    for i in range(first, num_runs):
        yield all_runs[i], done / total, (last_slice, i + 1, rest, 0)


def batch_size(num_words, threads, is_gpu=False):
    """Choose the words per step: 4096 under way at a time; or fewer, for 100 steps in a pass.

    Words under way do not see what the others teach, which costs accuracy; smaller steps cost time.

    Args:
      num_words: integer, of the text.
      threads: integer, steps at a time; each has 256 words at least where the text is long.
      is_gpu: boolean, whether a GPU makes the steps, which gains by larger ones.

    Returns:
      integer: 32, 64, 96, or a multiple of GROUP up to 2048, on a GPU 4096.
    """
    most = min(max(4096 // threads // GROUP * GROUP, 256), 4096 if is_gpu else 2048)
    size = num_words // 100
    unit = GROUP if size >= GROUP else BLOCK
    return min(max(size // unit * unit, BLOCK), most)


def num_places(batch_size):
    """Return in how many places the words of a step are: GROUP in each, or all in one."""
    return max(batch_size // GROUP, 1)
