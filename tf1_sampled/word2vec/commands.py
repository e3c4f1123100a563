"""Parts that the commands query and evaluate share: open word vectors, run and exit."""
import os
import sys
from typing import Callable, List, Optional

from tf1_sampled import checks
from tf1_sampled.files import streams
from tf1_sampled.word2vec import vectors, word2vec, word_vectors

MAX_ROWS_HELP = "Read only the first N words, which are the most frequent. Default: all."


def open_vectors(path: str, asker: str, max_rows: Optional[int] = None) -> word_vectors.WordVectors:
    """Read the WordVectors of a file or of the folder of a model, as unit vectors only.

    Repairs in a file are reported on standard error.

    Args:
      path: the file, see vectors.read_vectors; or a model_dir, or a folder that Word2Vec.save wrote.
      asker: string, the command that errors name.
      max_rows: integer, the largest number of words to read, or None for all.

    Returns:
      WordVectors.

    Raises:
      InputError: as vectors.read_vectors and Word2Vec.load.
    """
    if max_rows is not None:
        checks.positive(asker, "--max_rows", max_rows)
    if os.path.isdir(path):
        model = word2vec.Word2Vec.load(path)
        words, rows = model.words[:max_rows], model.vectors[:max_rows]
    else:
        words, rows = vectors.read_vectors(path, max_rows, _report)
    return word_vectors.WordVectors(words, rows, asker=asker, keeps_rows=False)


def _report(line: str) -> None:
    print(line, file=sys.stderr)


def run(name: str, command: Callable[[List[str]], int]) -> None:
    """Run a command with sys.argv and exit.

    An InputError becomes one line on standard error and exit code 1. If output cannot be printed, only
    the exit code changes; see streams.

    Args:
      name: string, the file name of the command.
      command: function that takes the arguments and returns the exit code.
    """
    streams.settle()
    try:
        code = command(sys.argv[1:])
        streams.check()
    except checks.InputError as e:
        sys.exit("%s: error: %s" % (name, e))
    except KeyboardInterrupt:
        print("%s: stopped by SIGINT" % name, file=sys.stderr)
        sys.exit(130)  # the convention of shells
    sys.exit(code)
