"""Write recommendations for many users of an exported recommender, from their stored histories.

    python -m tf1_sampled.recsys.recommend runs/recsys-1 --output=offers.jsonl.gz
    python -m tf1_sampled.recsys.recommend runs/recsys-1 --output=offers.tsv --to=users.txt --k=20

The output file is JSON Lines (.jsonl), {"user", "recommendations": [{"item", "score", "title"}, ...]},
or tab-separated lines of user, item and score (.tsv). A further .gz, .bz2 or .xz compresses it. The
context of each user is that of the last event. Earlier items of a user are not recommended, unless the
model was trained with --repeats. Memory is bounded for any number of users.
"""
import argparse
import sys

from tf1_sampled import checks
from tf1_sampled.files import places
from tf1_sampled.programs import quiet, running
from tf1_sampled.recsys import model_files, offers


def parse_arguments(arguments):
    """Parse the command line.

    Args:
      arguments: list of strings, without the program name.

    Returns:
      Namespace with folder, output, to, k and trust_model.

    Raises:
      InputError: an unknown option, an invalid value, no folder or several, no output.
      SystemExit: --help, after it is printed.
    """
    parser = running.ArgumentParser(
        prog="recommend.py",
        usage="python -m tf1_sampled.recsys.recommend MODEL_DIR --output=FILE [options]",
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="*", metavar="MODEL_DIR",
                        help="Folder of an exported recommender.")
    parser.add_argument("--output", default="", metavar="FILE", help="Output file, .jsonl or .tsv.")
    parser.add_argument("--to", default="", metavar="FILE",
                        help="Text file of user names, one on each line. Default: all users.")
    parser.add_argument("--k", type=int, default=10, help="Items for each user. Default: %(default)s.")
    parser.add_argument("--trust_model", action="store_true", help=model_files.TRUST_HELP)
    values = parser.parse_intermixed_args(arguments)
    checks.argument(len(values.folder) == 1, "recommend", "MODEL_DIR",
                    "one folder of an exported recommender", values.folder)
    values.folder = values.folder[0]
    checks.argument(values.output, "recommend", "--output", "the name of a file", values.output)
    checks.argument(values.k > 0, "recommend", "--k", "an integer above 0", values.k)
    return values


def main(argv):
    """Write recommendations.

    Args:
      argv: the program name, the folder and options.

    Raises:
      InputError: see `parse_arguments`; a folder without a model, files that cannot be read or written.
    """
    values = parse_arguments(argv[1:])
    offers.check_writable(values.output)
    places.check_apart({"--output": values.output}, {"MODEL_DIR": values.folder},
                       {"--to": [values.to] if values.to else []})
    users = offers.read_users(values.to) if values.to else None
    quiet.import_tensorflow()  # without its messages; not needed for --help
    from tf1_sampled.recsys import recommender
    with recommender.Recommender(values.folder, values.trust_model) as model:
        offers.write_stored(values.output, model, users, values.k)


if __name__ == "__main__":
    with running.report_errors():
        main(sys.argv)
