"""Read and write the files beside an exported SavedModel: names, query settings, arrays and JSON.

    write_about("runs/recsys-1", About(repeats=False, is_ordered=True, history_length=50))
    read_about("runs/recsys-1").is_ordered
"""
import collections
import json
import os

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import places, reading, writing

USERS, CATEGORIES, ABOUT, INDEX = "users", "item_categories.npz", "recommender.json", "items.faiss"

TRUST_HELP = ("Load a model whose graph may do more than compute: read and write files, open "
              "connections, run programs. Use it only if you would also run programs of its author.")

About = collections.namedtuple("About", "repeats is_ordered history_length")
About.__doc__ = """The query settings of a model.

Fields:
  repeats: boolean, whether it was trained with repeated events.
  is_ordered: boolean, whether the order of a history matters.
  history_length: integer, the number of latest items to use; 0 for all.
"""


def write_about(folder, about):
    """Write recommender.json into a folder, whole or not at all."""
    with writing.writing(os.path.join(folder, ABOUT)) as stream:
        json.dump(about._asdict(), stream)
        stream.write("\n")


def read_about(folder):
    """Read the About in a folder.

    Raises:
      InputError: a missing file, a link, other contents.
    """
    path, wanted = places.kept(folder, ABOUT), "the query settings of a recommender"
    found = read_json(path, wanted, dict)
    fits = set(found) == set(About._fields) and [type(found[name]) for name in About._fields] == [
        bool, bool, int] and found["history_length"] >= 0
    checks.file(fits, path, wanted, checks.show(found))
    return About(**found)


def map_array(path, wanted):
    """Map the array in a .npy file into memory.

    Args:
      path: string.
      wanted: string, the expected contents, for errors.

    Raises:
      InputError: a file that cannot be read or has other contents.
    """
    checks.file(os.path.isfile(path), path, wanted, "none")
    try:
        try:
            values = np.load(path, mmap_mode="r", allow_pickle=False)
        except ValueError:  # an array without elements cannot be mapped
            values = np.load(path, allow_pickle=False)
    except (EOFError, OSError, ValueError) as e:
        raise checks.InputError("%s: wanted %s, got: %s" % (path, wanted, str(e)[:200])) from e
    checks.file(isinstance(values, np.ndarray), path, wanted, "something else")
    return np.asarray(values)


def read_json(path, wanted, kind):
    """Read a JSON file.

    Args:
      path: string.
      wanted: string, the expected contents, for errors.
      kind: type of the value.

    Raises:
      InputError: a file that cannot be read, not JSON in UTF-8, a value of another type.
    """
    with reading.open_binary(path) as stream:
        content = stream.read()
    try:
        found = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as e:
        raise checks.InputError("%s: wanted %s, got: %s" % (path, wanted, str(e)[:200])) from e
    checks.file(isinstance(found, kind), path, wanted, checks.show(found))
    return found
