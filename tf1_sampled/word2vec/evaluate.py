"""Score word vectors by human judgements, without a training and without TensorFlow.

    python -m tf1_sampled.word2vec.evaluate vectors.bin --similarity=wordsim353.tsv,simlex999.txt
    python -m tf1_sampled.word2vec.evaluate a.bin glove.txt --analogies=questions-words.txt --top=30000

The command prints a table for each file of vectors. The score of --similarity is Spearman's rank
correlation of cosines with human scores. The score of --analogies is the share of correct answers by
3CosAdd. The other columns count the pairs or questions that were used, and those left out because of an
out-of-vocabulary word. The scores equal those of gensim's evaluate_word_pairs and
evaluate_word_analogies.

VECTORS is a file of any name (word2vec text or binary, GloVe, fastText .vec). FOLDER is the model_dir of
a training, or a folder that Word2Vec.save wrote.
"""
import argparse
import json
from typing import Any, Dict, List

from tf1_sampled import checks
from tf1_sampled.files import places, writing
from tf1_sampled.word2vec import commands, scoring


def _arguments(argv: List[str]) -> argparse.Namespace:
    """Parse the command line.

    Args:
      argv: list of strings, without the program's name.
    """
    def listed(text: str) -> List[str]:
        return text.split(",") if text else []

    parser = argparse.ArgumentParser(
        prog="evaluate.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="python -m tf1_sampled.word2vec.evaluate VECTORS|FOLDER ... [--similarity=...] "
              "[--analogies=...]")
    parser.add_argument("vectors", nargs="*", metavar="VECTORS|FOLDER",
                        help="Files of word vectors, or folders of models.")
    parser.add_argument("--similarity", type=listed, default=[], metavar="FILE,...",
                        help="Files of word pairs with human scores (WordSim-353, SimLex-999, MEN).")
    parser.add_argument("--similarity_columns", type=listed, default=[], metavar="WORD,WORD,SCORE",
                        help="Columns of the --similarity files: names in the header, or numbers from "
                        "1. Default: detected from header and content.")
    parser.add_argument("--analogies", type=listed, default=[], metavar="FILE,...",
                        help="Files of analogy questions (questions-words.txt).")
    parser.add_argument("--top", type=int, metavar="N", help="Evaluate only the first N words. "
                        "Default: %d for analogies, %d for similarity." % (
                            scoring.TOP_OF_ANALOGIES, scoring.TOP_OF_SIMILARITY))
    parser.add_argument("--max_rows", type=int, metavar="N", help=commands.MAX_ROWS_HELP)
    parser.add_argument("--json", default="", metavar="FILE",
                        help="File for the scores as JSON. Default: none.")
    return parser.parse_intermixed_args(argv)


def evaluate(argv: List[str]) -> int:
    """Print the scores of all vectors on all evaluation files.

    Args:
      argv: list of strings, without the program's name.

    Returns:
      The exit code, 0.

    Raises:
      InputError: no vectors, no evaluation file, a file that cannot be read, a --json that is one of the
        inputs or cannot be written.
    """
    asked = _arguments(argv)
    checks.argument(asked.vectors, "evaluate", "VECTORS", "files of word vectors", "none")
    checks.argument(asked.similarity or asked.analogies, "evaluate", "--similarity, --analogies",
                    "at least one evaluation file", "none")
    if asked.json:
        places.check_apart({"--json": asked.json}, {}, {
            "VECTORS": asked.vectors, "--similarity": asked.similarity, "--analogies": asked.analogies})
        places.check_writable(asked.json)
    judgements = scoring.Judgements(asked.similarity, asked.analogies, asked.similarity_columns,
                                    asked.top)
    content: Dict[str, Any] = {}
    for path in dict.fromkeys(asked.vectors):
        found = commands.open_vectors(path, "evaluate", asked.max_rows)
        scores = judgements.scores(found.words, found.vectors)
        print("%s: %s words, %d dimensions" % (path, format(len(found), ","), found.vectors.shape[1]))
        print("\n".join("  " + line for line in judgements.lines(scores)), flush=True)
        content[path] = scoring.as_json(scores)
    if asked.json:
        with writing.writing(asked.json) as stream:
            json.dump(content, stream, indent=1, ensure_ascii=False)
            stream.write("\n")
    return 0


def main() -> None:
    """Run the command with sys.argv, and exit."""
    commands.run("evaluate.py", evaluate)


if __name__ == "__main__":
    main()
