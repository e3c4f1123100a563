"""Answer questions about word vectors: nearest words, similarity, analogies, sums, the odd one out.

    python -m tf1_sampled.word2vec.query vectors.bin --neighbours=king,paris --k=10
    python -m tf1_sampled.word2vec.query vectors.bin --analogy=man:king:woman
    python -m tf1_sampled.word2vec.query glove.txt --max_rows=50000 --ask="king - man + woman"
    python -m tf1_sampled.word2vec.query vectors.bin < questions.txt

Without --neighbours, --analogy and --ask, the command reads questions from standard input, one per line.
The form of a line is its meaning. Each answer begins with the question.

    king                        the nearest words, with their cosines
    king queen                  the cosine of two words
    man king woman              the analogy man : king = woman : ?
    king - man + woman          the words nearest to the sum
    odd: breakfast lunch car    the word that is least like the other words
    vector: king                the numbers of the vector, to six digits
    "new york"                  a phrase: the word "new york" or, without one, new_york

VECTORS is a file of any name (word2vec text or binary, GloVe, fastText .vec). FOLDER is the model_dir of
a training, or a folder that Word2Vec.save wrote.
"""
import argparse
import sys
from typing import Iterator, List, TextIO, Tuple

from tf1_sampled import checks
from tf1_sampled.files import reading, streams
from tf1_sampled.word2vec import commands, questions


def _arguments(argv: List[str]) -> argparse.Namespace:
    """Parse the command line.

    Args:
      argv: list of strings, without the program's name.
    """
    def words(text: str) -> List[str]:
        return [word.strip() for word in text.split(",")] if text else []

    parser = argparse.ArgumentParser(
        prog="query.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="python -m tf1_sampled.word2vec.query VECTORS|FOLDER [--neighbours=...] [--analogy=...] "
              "[--ask=...]")
    parser.add_argument("vectors", nargs="*", metavar="VECTORS|FOLDER",
                        help="A file of word vectors, or the folder of a model.")
    parser.add_argument("--neighbours", type=words, default=[], metavar="WORD,...",
                        help="Words whose nearest neighbours are printed.")
    parser.add_argument("--analogy", type=words, default=[], metavar="A:B:C,...",
                        help="Analogies to complete: a is to b as c is to which word?")
    parser.add_argument("--ask", action="append", default=[], metavar="LINE",
                        help="A question, in the form of a line above. May be repeated.")
    parser.add_argument("--k", type=int, default=10, metavar="N",
                        help="Number of words per answer. Default: 10.")
    parser.add_argument("--max_rows", type=int, metavar="N", help=commands.MAX_ROWS_HELP)
    return parser.parse_intermixed_args(argv)


def _asked(arguments: argparse.Namespace) -> List[Tuple[str, questions.Question]]:
    """Return the questions of the flags: list of (flag, Question).

    Raises:
      InputError: a question of an unknown form.
    """
    asked = [("--neighbours", questions.Question("nearest", [word])) for word in arguments.neighbours]
    for analogy in arguments.analogy:
        words = analogy.split(":")
        checks.argument(len(words) == 3, "query", "--analogy", "three words a:b:c", analogy)
        asked.append(("--analogy", questions.Question("analogy", words)))
    return asked + [("--ask", questions.parse(line)) for line in arguments.ask]


def _lines(stream: TextIO) -> Iterator[str]:
    """Yield the lines of a stream; on a terminal, print a prompt first."""
    if not (stream.isatty() and sys.stdout.isatty()):
        yield from stream
        return
    print("Type a question: %s. Ctrl-D exits." % questions.FORMS)
    while True:
        try:
            yield input("> ")
        except EOFError:
            print()
            return


def answer(argv: List[str]) -> int:
    """Print the answers to the questions of the flags or, without any, of standard input.

    An out-of-vocabulary word gives a message in place of the answer: on standard error for a flag, else
    on standard output. The command then continues with the next question.

    Args:
      argv: list of strings, without the program's name.

    Returns:
      The exit code: 1 if a question of the flags has no answer, else 0.

    Raises:
      InputError: not exactly one file, as commands.open_vectors, an invalid flag, k below 1.
    """
    arguments = _arguments(argv)
    checks.argument(len(arguments.vectors) == 1, "query", "VECTORS", "one file of word vectors",
                    arguments.vectors)
    k = checks.positive("query", "k", arguments.k)
    asked = _asked(arguments)
    found = commands.open_vectors(arguments.vectors[0], "query", arguments.max_rows)
    code = 0
    for flag, question in asked:
        try:
            print("\n".join(questions.answer(found, question, k, flag)))
        except checks.InputError as e:
            print("query.py: error: %s" % e, file=sys.stderr)
            code = 1
    if asked:
        return code
    reading.check_input()
    sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
    for line in _lines(sys.stdin):
        if streams.is_lost():
            break
        if line.strip():
            try:
                print("\n".join(questions.answer(found, questions.parse(line), k)), flush=True)
            except checks.InputError as e:
                print(e, flush=True)
    return 0


def main() -> None:
    """Run the command with sys.argv, and exit."""
    commands.run("query.py", answer)


if __name__ == "__main__":
    main()
