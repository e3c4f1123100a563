"""Answer questions about word vectors: the nearest words, and what is to c as b is to a.

    python -m tf1_sampled.word2vec.query vectors.bin --neighbours=king,paris --k=10
    python -m tf1_sampled.word2vec.query vectors.bin --analogy=man:king:woman
    python -m tf1_sampled.word2vec.query vectors.bin < questions.txt

A line per question: its words, then the best words with their cosines. Without --neighbours and
--analogy the questions are lines of standard input: "king" for neighbours, "man king woman" for an
analogy.
The vectors are a word2vec file, binary if it ends with .bin (or .bin.gz and the like), else text; or the
model_dir of a training, or a folder that Word2Vec.save wrote.
"""
import argparse
import os
import sys
from typing import Iterator, List, TextIO

from tf1_sampled import checks
from tf1_sampled.word2vec import vectors, word2vec, word_vectors


def _arguments(argv: List[str]) -> argparse.Namespace:
    """Return the parsed command line.

    Args:
      argv: list of strings, without the program's name.
    """
    def words(text: str) -> List[str]:
        return [word.strip() for word in text.split(",")] if text else []

    parser = argparse.ArgumentParser(
        prog="query.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="python -m tf1_sampled.word2vec.query VECTORS|FOLDER [--neighbours=...] [--analogy=...]")
    parser.add_argument("vectors", nargs="*", metavar="VECTORS|FOLDER",
                        help="A file of word vectors, or the folder of a model.")
    parser.add_argument("--neighbours", type=words, default=[], metavar="WORD,...",
                        help="Words whose nearest words to print.")
    parser.add_argument("--analogy", type=words, default=[], metavar="A:B:C,...",
                        help="Questions a:b:c to answer: a is to b as c is to which word?")
    parser.add_argument("--k", type=int, default=10, metavar="N", help="How many words for each. "
                        "Default: 10.")
    return parser.parse_intermixed_args(argv)


def _read(path: str) -> word_vectors.WordVectors:
    """Return the WordVectors of a file, or of the folder of a model."""
    if os.path.isdir(path):
        model = word2vec.Word2Vec.load(path)
        words, rows = model.words, model.vectors
    else:
        words, rows = vectors.read_vectors(path)
    return word_vectors.WordVectors(words, rows, asker="query", keeps_rows=False)


def _questions(stream: TextIO) -> Iterator[str]:
    """Yield the lines of standard input; on a terminal with a prompt."""
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


def _answer(found: word_vectors.WordVectors, line: str, k: int) -> str:
    """Return the answer to a line of standard input: a string, which may be what is wrong with it."""
    asked = line.split()
    try:
        checks.argument(len(asked) in (1, 3), "query", "line", "one word, or three words a b c",
                        line.strip())
        lines = found.neighbour_lines(asked, k) if len(asked) == 1 else found.analogy_lines([asked], k)
        return lines[0]
    except checks.InputError as e:
        return str(e)


def answer(argv: List[str]) -> None:
    """Print the answers to what the command line asks, else to what standard input asks.

    Args:
      argv: list of strings, without the program's name.

    Raises:
      InputError: another number of files, a file that is none, a word that is not there, k below 1.
    """
    asked = _arguments(argv)
    checks.argument(len(asked.vectors) == 1, "query", "VECTORS", "one file of word vectors",
                    asked.vectors)
    checks.positive("query", "k", asked.k)
    questions = [question.split(":") for question in asked.analogy]
    for question in questions:
        checks.argument(len(question) == 3, "query", "--analogy", "three words a:b:c",
                        ":".join(question))
    found = _read(asked.vectors[0])
    try:
        if asked.neighbours or questions:
            for line in (found.neighbour_lines(asked.neighbours, asked.k, "--neighbours")
                         + found.analogy_lines(questions, asked.k, "--analogy")):
                print(line)
        else:
            sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
            for line in _questions(sys.stdin):
                if line.strip():
                    print(_answer(found, line, asked.k), flush=True)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads, such as head, has enough; the flush at exit must not fail too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Answer what sys.argv asks; an InputError is one line on standard error and exit code 1."""
    try:
        answer(sys.argv[1:])
    except checks.InputError as e:
        sys.exit("query.py: error: %s" % e)
    except KeyboardInterrupt:
        print("query.py: stopped by SIGINT", file=sys.stderr)
        sys.exit(130)  # as of a shell


if __name__ == "__main__":
    main()
