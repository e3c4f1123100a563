"""Recommend items to many users from the stored histories of a model, and write them to a file.

    write_stored("offers.jsonl.gz", recommender, users=["u12", "u13"], k=10)

TensorFlow is not imported.
"""
import json
import os
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from tf1_sampled import checks
from tf1_sampled.files import places, reading, writing
from tf1_sampled.recsys import items

_USERS_AT_A_TIME = 4096


def recommend_stored(recommender: Any, users: Optional[Sequence[int]], k: int,
                     context: Optional[Dict[str, Any]] = None
                     ) -> Iterator[Tuple[str, List[Tuple[str, float]]]]:
    """Yield (user, [(item, score)]), best first, from stored histories, in blocks of bounded memory.

    A user's earlier items are offered if the model was trained with repeated events.

    Args:
      recommender: recommender.Recommender.
      users: integers, positions from `users.find`; None for all users.
      k: integer above 0.
      context: {column: value}, for all users; missing columns are those of each user's last event.
    """
    users = range(len(recommender.users)) if users is None else users
    for low in range(0, len(users), _USERS_AT_A_TIME):
        block = users[low:low + _USERS_AT_A_TIME]
        best = recommender.recommend_stored(block, k, context=context)
        yield from zip(map(recommender.users.name, block), best)


def read_users(path: str) -> List[str]:
    """Read the names in a text file, one on each line, each once; empty lines are skipped.

    Raises:
      InputError: a file that cannot be read or has no name.
    """
    with reading.open_text(path) as lines:
        names = list(dict.fromkeys(name for name in map(str.strip, lines) if name))
    checks.file(names, path, "names of users, one on each line", "none")
    return names


def places_of(recommender: Any, names: Sequence[str]) -> Tuple[List[int], List[str]]:
    """Return (the positions of the users that a model knows, the names that it does not know)."""
    found = [recommender.users.find(name) for name in names]
    return ([place for place in found if place >= 0],
            [name for name, place in zip(names, found) if place < 0])


def check_writable(path: str) -> None:
    """Raise InputError unless `write` can create a file of this name."""
    _format(path)
    places.check_writable(path)


def write(path: str, best: Iterator[Tuple[str, List[Tuple[str, float]]]],
          title: Optional[Callable[[str], str]] = None) -> int:
    """Write recommendations to a file, whole or not at all.

    The file name selects the format: .tsv for tab-separated lines of user, item and score, with names
    escaped as in items.tsv; .jsonl for a line of JSON for each user, {"user", "recommendations":
    [{"item", "score", "title"}, ...]}. A further .gz, .bz2 or .xz compresses the file.

    Args:
      path: string.
      best: iterator of (user, [(item, score)]), such as from `recommend_stored`.
      title: function of an item's name, for .jsonl; None for no titles.

    Returns:
      integer, the number of users.

    Raises:
      InputError: a name with another ending, a path that cannot be written.
    """
    is_json, num_users = _format(path) == ".jsonl", 0
    with writing.writing(path) as stream:
        if not is_json:
            stream.write("user\titem\tscore\n")
        for user, row in best:
            num_users += 1
            if is_json:
                offers = [dict({"item": item, "score": score}, **{"title": title(item)} if title else {})
                          for item, score in row]
                stream.write(json.dumps({"user": user, "recommendations": offers}) + "\n")
            else:
                stream.writelines("%s\t%s\t%.6g\n" % (items.escaped(user), items.escaped(item), score)
                                  for item, score in row)
    return num_users


def write_stored(path: str, recommender: Any, users: Optional[Sequence[str]], k: int,
                 report: Callable[[str], None] = print) -> None:
    """Write recommendations from stored histories to a file, see `write`.

    Args:
      path: string.
      recommender: recommender.Recommender.
      users: names; None for all users. Unknown names are left out.
      k: integer above 0.
      report: function of a line of text, for the number of users and the unknown names.

    Raises:
      InputError: see `write`; a k below 1.
    """
    found, unknown = (None, []) if users is None else places_of(recommender, users)
    number = write(path, recommend_stored(recommender, found, k), recommender.title)
    report("%s: recommendations for %s" % (path, checks.counted(number, "user")))
    if unknown:
        report("%s of %s users left out, as the model does not know them: %s" % (
            format(len(unknown), ","), format(len(users or ()), ","),
            ", ".join(unknown[:10]) + (", ..." if unknown[10:] else "")))


def _format(path: str) -> str:
    """Return the format of a file by its name: ".tsv" or ".jsonl"."""
    stem, ending = os.path.splitext(os.fspath(path))
    if ending.lower() in (".gz", ".bz2", ".xz"):
        ending = os.path.splitext(stem)[1]
    checks.file(ending in (".tsv", ".jsonl"), path, "a name that ends in .tsv or .jsonl, optionally "
                "followed by .gz, .bz2 or .xz", ending)
    return ending
