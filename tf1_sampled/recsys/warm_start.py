"""Warm-start a model from an earlier one on more events: rows are matched by name, not by position.

    names = Names(item_names, user_names, {"device": device_names})
    training.train(..., initialise=Earlier("runs/recsys-1").loader(names, print))
    write_names("runs/recsys-2", names)

Each row has a name: an item, a user, a category of a context column. A row with a name of the earlier
model starts from its values, a new one from random numbers; rows of other names are dropped. Layers are
copied. Optimizer slots are not.
"""
import collections
import contextlib
import json
import os

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.files import places, reading, writing
from tf1_sampled.recsys import items, model
from tf1_sampled.training import checkpoints

Names = collections.namedtuple("Names", "items users categories features", defaults=[None])
Names.__doc__ = """The names of the rows of a model.

  items: list of str, by id.
  users: list of str, by id; None for a model without user rows.
  categories: {context column: list of str, by id}.
  features: list of str, by id, the item features; None for a model without them.
"""


def write_names(folder, names):
    """Write names.json: the names that are not in items.tsv, of users and of context columns.

    Args:
      folder: string, the target folder.
      names: Names.
    """
    with writing.writing(os.path.join(folder, "names.json")) as stream:
        json.dump({"users": names.users, "categories": names.categories, "features": names.features},
                  stream)
        stream.write("\n")


def read_names(folder):
    """Read a file of `write_names`, and the items in items.tsv beside it.

    Args:
      folder: string, a folder that run_recsys.py wrote.

    Returns:
      Names.

    Raises:
      InputError: one of the two files cannot be read or has other contents.
    """
    item_names = items.read_items(places.kept(folder, "items.tsv"))[0]
    path = places.kept(folder, "names.json")
    wanted = "the names of an earlier model"
    with reading.open_binary(path) as stream:  # the whole file is one line
        content = stream.read()
    try:
        # The file has no integers; as floats, very long ones take no time.
        found = json.loads(content.decode("utf-8"), parse_int=float)
    except (ValueError, RecursionError) as e:
        checks.file(False, path, wanted, "%s: %s" % (type(e).__name__, e))
    fits = isinstance(found, dict) and {"users", "categories", "features"} <= set(found)
    checks.file(fits, path, wanted, checks.show(found))
    users, categories, features = found["users"], found["categories"], found["features"]
    for what, names in (("users", users), ("features", features)):
        checks.file(names is None or _are_names(names), path, wanted, "%s: %s" % (
            what, checks.show(names)))
    checks.file(isinstance(categories, dict) and all(map(_are_names, categories.values())), path, wanted,
                "categories: " + checks.show(categories))
    return Names(item_names, users, categories, features)


def _are_names(values):
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


class Earlier:
    """An earlier model and its names.

    Args:
      model_dir: string, a folder that run_recsys.py wrote.

    Raises:
      InputError: a folder without a checkpoint or names, or with damaged ones.
    """

    def __init__(self, model_dir):
        self._path = model_dir
        checkpoint = checkpoints.chosen(model_dir)
        checks.file(checkpoint, model_dir, "a folder with a model", "one without a checkpoint")
        with self._errors_named():
            self._reader = tf.train.load_checkpoint(checkpoint)
        self._names = read_names(model_dir)

    def loader(self, names, report):
        """Return the function that sets the variables of a graph to their earlier values.

        Args:
          names: Names of the new model.
          report: function of a line of text, called for each table.

        Returns:
          A function of a session with initialised variables.

        Raises:
          InputError: the earlier model lacks a variable of the default graph, or has it in another
            shape: its settings differ.
        """
        shapes = self._reader.get_variable_to_shape_map()
        places = []  # the input of load for each variable
        for variable in tf.trainable_variables():
            name, shape, first = variable.op.name, variable.shape.as_list(), 0
            part = variable._get_save_slice_info()
            if part is not None:  # a part of a PartitionedVariable
                name, shape, first = part.full_name, part.full_shape, part.var_offset[0]
            before, now = _names_of_rows(name, self._names), _names_of_rows(name, names)
            # Check the earlier model too: a column of numbers has one row and no names.
            wanted = shape if now is None or before is None else [len(before)] + shape[1:]
            checks.file(shapes.get(name) == wanted and (now is None) == (before is None), self._path,
                        "a model with %s of shape %s" % (name, wanted), shapes.get(name))
            rows = slice(first, first + variable.shape.as_list()[0]) if shape else Ellipsis
            places.append((variable, name, rows, before, now))

        def load(session):
            for variable, name, here, before, now in places:
                with self._errors_named():
                    values = self._reader.get_tensor(name)
                if now is None:
                    values = values[here]
                else:
                    place = {text: row for row, text in enumerate(before)}
                    rows = np.array([place.get(text, -1) for text in now])
                    if not here.start:  # once for all parts
                        report("%s: %d of %d rows start from %s" % (
                            name, np.count_nonzero(rows >= 0), len(now), self._path))
                    rows = rows[here]
                    old, values = values, session.run(variable)
                    values[rows >= 0] = old[rows[rows >= 0]]
                variable.load(values, session)
        return load

    @contextlib.contextmanager
    def _errors_named(self):
        try:
            yield
        except (ValueError, IndexError, tf.errors.OpError) as e:  # IndexError: a truncated file
            raise checks.InputError("%s: wanted a checkpoint, got: %s" % (
                self._path, str(e).split("\n")[0])) from e


def _names_of_rows(variable, names):
    """Return the names of a table's rows, or None for a variable without names."""
    tables = {model.context_variable(column): texts for column, texts in names.categories.items()}
    tables.update(item_embeddings=names.items, class_weights=names.items, user_embeddings=names.users)
    tables.update({model.feature_table(name): names.features for name in model.ITEM_TABLES})
    return tables.get(variable)
