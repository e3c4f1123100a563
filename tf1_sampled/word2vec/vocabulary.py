"""Choose a vocabulary, and read and write its file in the format of the word2vec program.

    word count\n        per word, in falling order of the counts
"""
import os

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import reading, writing

FILE_NAME = "vocab.txt"  # in the folder of a model

_LINE_END = "</s>"  # word2vec.c's word for the end of a line, the first word of its files


def most_frequent(counts, min_count=1, max_vocab=None):
    """Return the ids of the most frequent words.

    Args:
      counts: integer [N], the count of each id.
      min_count: integer, the smallest count to keep.
      max_vocab: integer, the largest number of words to keep, or None.

    Returns:
      int64 [V], in falling order of the counts; equal counts by the smaller id.
    """
    order = np.argsort(-counts, kind="stable")
    order = order[:np.searchsorted(-counts[order], -min_count, side="right")]
    return order if max_vocab is None else order[:max_vocab]


def save_vocabulary(path, words, counts):
    """Write words and their counts to a file, whole or not at all.

    Args:
      path: string, the file to write.
      words: V non-empty strings without white space.
      counts: integer [V], of 0 or more.

    Raises:
      InputError: a path that cannot be written, different numbers of words and counts, a word or a count
        that the file cannot hold.
    """
    words = list(words)
    counts = np.asarray(counts)
    checks.argument(counts.shape == (len(words),), "save_vocabulary", "counts",
                    "one for each of %d words" % len(words), counts.shape)
    with writing.writing(path) as stream:
        for row, (word, count) in enumerate(zip(words, counts.tolist())):
            checks.argument(isinstance(word, str) and word.split() == [word], "save_vocabulary",
                            "words", "non-empty words without white space", word)
            checks.argument(isinstance(count, int) and count >= 0, "save_vocabulary", "counts",
                            "integers of 0 or more", count)
            if row == 0 and word.startswith("\ufeff"):
                stream.write("\ufeff")  # readers skip the first one of a file
            stream.write("%s %d\n" % (word, count))


def read_vocabulary(path, leaves_out_line_end=True):
    """Read a vocabulary that `save_vocabulary` or word2vec.c wrote.

    Args:
      path: the file, UTF-8; .gz .bz2 .xz .zip are unpacked.
      leaves_out_line_end: boolean, whether to drop a first word `</s>`, word2vec.c's word for the end of
        a line.

    Returns:
      (list of V strings, int64 [V], their counts).

    Raises:
      InputError: a file that cannot be read or holds no words, a line without a count, a count that is
        not an integer of 0 or more, a repeated word; names the line.
    """
    path = os.fspath(path)
    lines = {}  # word: number of its line
    counts = []
    with reading.open_text(path) as stream:
        for number, line in enumerate(stream, 1):
            fields = line.split(None, 2)
            checks.line(len(fields) == 2, path, number, "a word, a blank and its count",
                        line.rstrip("\n"))
            word, count = fields
            fits = count.isdecimal() and len(count) < 19
            checks.line(fits, path, number, "an integer as the count of " + checks.show(word), count)
            checks.line(word not in lines, path, number,
                        "another word than in line %d" % lines.get(word, 0), word)
            lines[word] = number
            counts.append(int(count))
    words = list(lines)
    if leaves_out_line_end and words[:1] == [_LINE_END]:
        del words[0], counts[0]
    checks.file(words, path, "words and their counts", "none")
    return words, np.array(counts, np.int64)
