"""Store the users of a model in files: their histories and their column values.

    user_table.write("runs/recsys-1/users", events, user_columns=["country"])
    table = user_table.UserTable("runs/recsys-1/users", num_items)
    place = table.find("u12")               # -1 for an unknown user
    table.items(place)                      # int32 [n], ids of items, oldest first
    table.context(place)                    # {"country": "FR", "hour": 17.0}, as of the last event

The files are mapped into memory. Loading reads them once to check them, and needs little memory.

    names.npy, name_ends.npy    uint8 and int64 [U + 1]: name u is names[name_ends[u]:name_ends[u + 1]],
                                in UTF-8
    order.npy                   int64 [U], the users sorted by the bytes of their names
    items.npy, item_ends.npy    int32 and int64 [U + 1]: user u had items[item_ends[u]:item_ends[u + 1]]
    columns.json                [{"name", "categories": list or null, "of_user": bool}, ...]
    column_0.npy, ...           [U] of each column: the number of a category, or a number; -1 or NaN
                                for a missing value of the last event

Users are in the order of the model's user rows. TensorFlow is not imported.

Axes: U users.
"""
import json
import os

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import places, writing
from tf1_sampled.recsys import model_files

_WANTED = "the users of a recommender"
_LONE = "surrogatepass"  # names with a lone surrogate are stored too


def write(folder, events, user_columns=()):
    """Write the users of a training over earlier ones, whole or not at all.

    Args:
      folder: string, the target folder.
      events: splits.Events; all events of a user are the history, held out or not.
      user_columns: names of the columns of `events` that depend on the user alone.
    """
    names = [name.encode("utf-8", _LONE) for name in [*events.user_names, *events.further_users]]
    starts = np.concatenate([events.starts, np.repeat(events.starts[-1:], len(events.further_users))])
    order = np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)
    last = starts[1:] - 1
    has_event = last >= starts[:-1]
    with writing.writing_folder(folder, replaces=True) as made:
        os.mkdir(made)

        def save(name, values):
            np.save(os.path.join(made, name + ".npy"), values, allow_pickle=False)

        save("names", np.frombuffer(b"".join(names), np.uint8))
        save("name_ends", np.cumsum([0] + [len(name) for name in names], dtype=np.int64))
        save("order", order)
        save("items", np.asarray(events.items, np.int32))
        save("item_ends", starts.astype(np.int64))
        described = []
        for number, (name, column) in enumerate(sorted(events.columns.items())):
            categories = column.kind.row_names
            none, dtype = (np.nan, np.float32) if categories is None else (-1, np.int32)
            values = np.full(len(names), none, dtype)
            values[has_event] = column.values[last[has_event]]
            save("column_%d" % number, values)
            described.append({"name": name, "categories": categories, "of_user": name in user_columns})
        with open(os.path.join(made, "columns.json"), "w", encoding="utf-8") as stream:
            json.dump(described, stream)


class UserTable:
    """The users in a folder; no users if there is no folder.

    Args:
      folder: string.
      num_items: integer, the number of items of the model.

    Attributes:
      columns: {name: (categories or None, whether it depends on the user alone)}.

    Raises:
      InputError: missing files or other contents, ids of other items.
    """

    def __init__(self, folder, num_items):
        self._folder, self.columns, self._values = folder, {}, {}
        if not os.path.isdir(folder):
            self._names, self._items = np.empty(0, np.uint8), np.empty(0, np.int32)
            self._name_ends = self._item_ends = np.zeros(1, np.int64)
            self._order = np.empty(0, np.int64)
            return
        self._names, self._name_ends = self._load("names", np.uint8), self._load("name_ends", np.int64)
        self._items, self._item_ends = self._load("items", np.int32), self._load("item_ends", np.int64)
        self._order = self._load("order", np.int64)
        for name, ends, values in (("name_ends", self._name_ends, self._names),
                                   ("item_ends", self._item_ends, self._items)):
            fits = len(ends) == len(self._order) + 1 and ends[0] == 0 and ends[-1] == len(values) and (
                np.diff(ends) >= 0).all()
            checks.file(fits, self._path(name), _WANTED, "ends that do not fit")
        in_range = not len(self) or (self._order.min() >= 0 and self._order.max() < len(self))
        checks.file(in_range, self._path("order"), _WANTED, "invalid numbers of users")
        fits = not len(self._items) or (self._items.min() >= 0 and self._items.max() < num_items)
        checks.file(fits, self._path("items"), "ids of the model's %d items" % num_items, "others")
        self._load_columns()

    def __len__(self):
        return len(self._order)

    def name(self, place):
        """Return the name of the user at a position."""
        return self._bytes(place).decode("utf-8", _LONE)

    def find(self, name):
        """Return the position of a user by name; -1 for an unknown user."""
        wanted, low, high = name.encode("utf-8", _LONE), 0, len(self._order)
        while low < high:
            middle = (low + high) // 2
            found = self._bytes(int(self._order[middle]))
            if found == wanted:
                return int(self._order[middle])
            if found < wanted:
                low = middle + 1
            else:
                high = middle
        return -1

    def items(self, place):
        """Return the ids of a user's items, oldest first: int32 [n]."""
        return self._items[self._item_ends[place]:self._item_ends[place + 1]]

    def context(self, place, of_user=False):
        """Return the column values of a user's last event, as a question takes them.

        Args:
          place: integer.
          of_user: boolean, whether to return only columns that depend on the user alone.

        Returns:
          {column: string or float}; "" and None for missing values.
        """
        found = {}
        for name, (categories, is_of_user) in self.columns.items():
            if is_of_user or not of_user:
                found[name] = _asked(self._values[name][place], categories)
        return found

    def _bytes(self, place):
        return self._names[self._name_ends[place]:self._name_ends[place + 1]].tobytes()

    def _path(self, name):
        return places.kept(self._folder, name + ".npy")

    def _load(self, name, dtype):
        """Return the array [n] in a file, mapped into memory."""
        path = self._path(name)
        values = model_files.map_array(path, _WANTED)
        checks.file(values.dtype == dtype and values.ndim == 1, path, _WANTED, "%s %s" % (
            values.dtype, values.shape))
        return values

    def _load_columns(self):
        """Read columns.json and map the files of its columns."""
        path = places.kept(self._folder, "columns.json")
        for number, one in enumerate(model_files.read_json(path, _WANTED, list)):
            checks.file(_is_column(one), path, _WANTED, checks.show(one))
            categories, name = one["categories"], "column_%d" % number
            values = self._load(name, np.float32 if categories is None else np.int32)
            checks.file(len(values) == len(self), self._path(name), _WANTED, "%d users" % len(values))
            fits = categories is None or not len(values) or (
                values.min() >= -1 and values.max() < len(categories))
            checks.file(fits, self._path(name), _WANTED, "invalid numbers of categories")
            self.columns[one["name"]] = categories, one["of_user"]
            self._values[one["name"]] = values


def _asked(value, categories):
    """Return the text or the number of a stored value; "" and None for a missing one."""
    if categories is None:
        return None if np.isnan(value) else float(value)
    return "" if value < 0 else categories[value]


def _is_column(value):
    """Return whether a value is the description of a column, as `write` writes it."""
    if not isinstance(value, dict) or set(value) != {"name", "categories", "of_user"}:
        return False
    categories = value["categories"]
    return isinstance(value["name"], str) and isinstance(value["of_user"], bool) and (
        categories is None or isinstance(categories, list)
        and all(isinstance(category, str) for category in categories))
