"""The categories of items: item columns, such as genres, by which a query may filter.

    tables = read(["movies.csv"])                   # {"genres": {"1": "Adventure|Children", ...}}
    write("runs/recsys-1/item_categories.npz", item_names, tables)
    categories = ItemCategories("runs/recsys-1/item_categories.npz", num_items)
    categories.names                                # {"genres": ["Action", "Adventure", ...]}
    categories.ids("genres", "Action")              # integers, rising

A cell may hold several values separated by |. A column holds categories if it has at most 1,000 distinct
values with at least 1.5 items each on average; titles and prices do not.
"""
import json
import zipfile
from typing import Any, Dict, List

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import writing
from tf1_sampled.recsys import tables as tables_lib

SEPARATOR = "|"
_MOST_VALUES = 1000
_LEAST_ITEMS = 1.5  # mean number of items of a value
_WANTED = "the categories of a recommender's items"


def values_of(cell):
    """Return the distinct values in a cell, in order: list of strings, none empty."""
    return [value for value in dict.fromkeys(part.strip() for part in cell.split(SEPARATOR)) if value]


def read(paths, key_column=""):
    """Read the columns of item files.

    Args:
      paths: list of strings, CSV or TSV files whose header has an item column. If several files have a
        column, the first file counts; a file without a header has no columns.
      key_column: string, the name of the item column, see tables.read_side_table.

    Returns:
      {column: {item name: text}}, for all columns except the item and the title.

    Raises:
      InputError: see tables.read_side_table.
    """
    found = {}
    for path in paths:
        names = [name for name in tables_lib.side_columns(path, "item", key_column)
                 if name not in found]
        if names:
            found.update(tables_lib.read_side_table(path, "item", key_column, categorical=names))
    return found


def write(path, item_names, tables):
    """Write those of some columns that hold categories, whole or not at all.

    Args:
      path: string, a file name that ends in .npz.
      item_names: C strings.
      tables: {column: {item name: text}}.

    Raises:
      InputError: a path that cannot be written.
    """
    names: Dict[str, Any] = {}
    arrays: Dict[str, Any] = {}
    for column, texts in tables.items():
        items_of: Dict[str, List[int]] = {}
        for i, name in enumerate(item_names):
            for value in values_of(texts.get(name, "")):
                items_of.setdefault(value, []).append(i)
        num_pairs = sum(len(some) for some in items_of.values())
        if not items_of or len(items_of) > _MOST_VALUES or num_pairs < _LEAST_ITEMS * len(items_of):
            continue
        number, names[column] = len(names), sorted(items_of)
        lists = [items_of[value] for value in names[column]]
        arrays["ids_%d" % number] = np.concatenate(lists).astype(np.int32)
        arrays["ends_%d" % number] = np.cumsum([0] + [len(some) for some in lists])
    text = json.dumps(names).encode("utf-8")
    with writing.writing(path, "wb") as stream:
        np.savez(stream, names=np.frombuffer(text, np.uint8), **arrays)


class ItemCategories:
    """The categories in a file; none if there is no file.

    Args:
      path: string.
      num_items: integer, the number of items of the model.

    Attributes:
      names: {column: list of values}.

    Raises:
      InputError: a file that cannot be read or has other contents.
    """

    def __init__(self, path, num_items):
        self.names, self._ids, self._num_items = {}, {}, num_items
        try:
            with np.load(path, allow_pickle=False) as arrays:
                names = json.loads(arrays["names"].tobytes().decode("utf-8"))
                for number, (column, values) in enumerate(names.items()):
                    ids, ends = arrays["ids_%d" % number], arrays["ends_%d" % number]
                    fits = len(ends) == len(values) + 1 and ends[0] == 0 and ends[-1] == len(ids) and (
                        ids.ndim == 1 and ids.dtype == np.int32
                        and (not len(ids) or (ids.min() >= 0 and ids.max() < num_items)))
                    checks.file(fits, path, _WANTED, "other numbers of items")
                    self.names[column] = list(values)
                    for value, begin, end in zip(values, ends, ends[1:]):
                        self._ids[column, value] = ids[begin:end]
        except FileNotFoundError:
            pass
        except checks.InputError:
            raise
        except (AttributeError, EOFError, KeyError, OSError, RecursionError, TypeError, ValueError,
                zipfile.BadZipFile) as e:
            raise checks.InputError("%s: wanted %s, got: %s" % (path, _WANTED, str(e)[:200])) from e

    def ids(self, column, value):
        """Return the ids of the items that have a value, rising; None for an unknown value."""
        return self._ids.get((column, value))

    def allowed(self, wanted):
        """Return the items that pass a filter.

        Args:
          wanted: {column: list of values}; an item has one of the values in each column.

        Returns:
          (ids, rising; unknown: list of (column, value)).
        """
        unknown, is_left = [], np.ones(self._num_items, bool)
        for column, values in wanted.items():
            has_value = np.zeros(self._num_items, bool)
            for value in values:
                ids = self.ids(column, value)
                if ids is None:
                    unknown.append((column, value))
                else:
                    has_value[ids] = True
            is_left &= has_value
        return np.flatnonzero(is_left), unknown
