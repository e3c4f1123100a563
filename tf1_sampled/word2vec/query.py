"""Answers questions about word vectors: the nearest words, and what is to c as b is to a.

    python -m tf1_sampled.word2vec.query vectors.bin --neighbours=king,paris --k=10
    python -m tf1_sampled.word2vec.query vectors.bin --analogy=man:king:woman
    python -m tf1_sampled.word2vec.query vectors.bin < questions.txt

A line per question: its words, then the best words with their cosines. Without --neighbours and
--analogy the questions are lines of standard input: "king" for neighbours, "man king woman" for an
analogy.
The vectors are a word2vec file, binary if it ends with .bin (or .bin.gz and the like), else text.
"""
import collections
import difflib
import os
import sys

from absl import flags

from tf1_sampled import checks
from tf1_sampled.programs import program
from tf1_sampled.word2vec import evaluation, vectors

_COMPARED = 50000  # first words among which close spellings are looked for
_LONGEST = 40  # characters of a word for which they are

Asked = collections.namedtuple("Asked", "neighbours analogy k")


def define_flags():
    """Defines the flags of this program; not on import, since others may have the same.

    Returns:
      An Asked of flag holders, whose `value` is to be read in `main`.
    """
    return Asked(
        flags.DEFINE_list("neighbours", [], "Words whose nearest words to print."),
        flags.DEFINE_list("analogy", [], "Questions a:b:c to answer: a is to b as c is to which word?"),
        flags.DEFINE_integer("k", 10, "How many words for each.", lower_bound=1))


def known_rows(words, wanted, name="word"):
    """The rows of some words, so that an unknown one is told before any work.

    Args:
      words: list of V strings; of equal ones the first counts.
      wanted: the words to look up, as they are.
      name: string, the flag or the like where they come from.

    Returns:
      list of integers in 0 .. V - 1, one for each of `wanted`.

    Raises:
      InputError: a word that is not there; tells up to three words that look like it.
    """
    rows = []
    for word in wanted:
        try:
            rows.append(words.index(word))
        except ValueError:
            close = close_words(words, word)
            hint = " (close: %s)" % ", ".join(close) if close else ""
            checks.argument(False, "query", name, "a word of the vectors" + hint, word)
    return rows


def close_words(words, word, number=3):
    """Words that look like a word: those that differ in case, then those of the first 50,000.

    Args:
      words: list of V strings.
      word: string.
      number: integer, at most so many.

    Returns:
      list of strings, the closest first; none for a word of more than 40 characters.
    """
    if not 0 < len(word) <= _LONGEST:
        return []
    lower = word.lower()
    close = [other for other in words if other.lower() == lower]
    # Comparing takes a while, and a word of much another length is no misspelling.
    near = [other for other in words[:_COMPARED] if abs(len(other) - len(word)) <= 2]
    close += difflib.get_close_matches(word, near, number, 0.7)
    return list(dict.fromkeys(close))[:number]


def neighbour_lines(words, unit, wanted, k):
    """A line for each word, with its k nearest words and their cosines.

    Args:
      words: list of V strings; of equal ones the first counts.
      unit: [V, D], rows of length 1 as from `evaluation.unit_rows`.
      wanted: the words to ask for.
      k: integer, how many.

    Returns:
      list of strings.

    Raises:
      InputError: a word that is not there, k below 1.
    """
    return [_line(words, word, *evaluation.nearest(unit, row, k))
            for word, row in zip(wanted, known_rows(words, wanted))]


def analogy_lines(words, unit, wanted, k):
    """A line for each question (a, b, c), with the k words d of the largest cos(d, b - a + c).

    Args:
      words: list of V strings; of equal ones the first counts.
      unit: [V, D], rows of length 1 as from `evaluation.unit_rows`.
      wanted: [(a, b, c)], words.
      k: integer, how many.

    Returns:
      list of strings.

    Raises:
      InputError: a word that is not there, k below 1.
    """
    return [_line(words, ":".join(question),
                  *evaluation.analogy(unit, *known_rows(words, question), k=k))
            for question in wanted]


def _line(words, asked, rows, cosines):
    return "  %-16s %s" % (asked, "  ".join(
        "%s %.2f" % (words[row], cosine) for row, cosine in zip(rows, cosines)))


def _questions(stream):
    """The lines of standard input; asked for by a prompt on a terminal."""
    if not (stream.isatty() and sys.stdout.isatty()):
        yield from stream
        return
    print("A word for its neighbours, three words a b c for \"a is to b as c is to\"; Ctrl-D ends.")
    while True:
        try:
            yield input("> ")
        except EOFError:
            print()
            return


def _answer(words, unit, line, k):
    """The answer to a line of standard input: a string, which may be what is wrong with it."""
    asked = line.split()
    try:
        checks.argument(len(asked) in (1, 3), "query", "line", "one word, or three words a b c",
                        line.strip())
        lines = neighbour_lines if len(asked) == 1 else analogy_lines
        return lines(words, unit, asked if len(asked) == 1 else [asked], k)[0]
    except checks.InputError as e:
        return str(e)


def main(argv, asked):
    """Answers what the flags ask, else what standard input asks.

    Args:
      argv: the program's name and the file of the vectors.
      asked: an Asked, as from `define_flags`.

    Raises:
      InputError: another number of arguments, a file that is none, a word that is not there.
    """
    checks.argument(len(argv) == 2, "query", "VECTORS", "one file of word vectors", argv[1:])
    neighbours, k = asked.neighbours.value, asked.k.value
    questions = [question.split(":") for question in asked.analogy.value]
    for question in questions:
        checks.argument(len(question) == 3, "query", "--analogy", "three words a:b:c",
                        ":".join(question))

    words, rows = evaluation.distinct_words(*vectors.read_vectors(argv[1]))
    unit = evaluation.unit_rows(rows)
    del rows
    try:
        if neighbours or questions:
            known_rows(words, neighbours, "--neighbours")
            known_rows(words, sum(questions, []), "--analogy")
            for line in (neighbour_lines(words, unit, neighbours, k)
                         + analogy_lines(words, unit, questions, k)):
                print(line)
        else:
            sys.stdin.reconfigure(errors="replace")
            for line in _questions(sys.stdin):
                if line.strip():
                    print(_answer(words, unit, line, k), flush=True)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads, such as head, has enough; the flush at exit must not fail too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    _ASKED = define_flags()
    program.run(lambda argv: main(argv, _ASKED))
