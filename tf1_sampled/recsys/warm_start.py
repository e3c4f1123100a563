"""Going on from an earlier model on events that have grown: rows are kept by name, not by place.

    names = Names(item_names, user_names, {"device": device_names})
    training.train(..., initialise=Earlier("runs/recsys-1").loader(names, print))
    write_names("runs/recsys-2", names)

What a row belongs to has a name: an item, a user, a category of a context column. A row whose name the
earlier model had starts from its values, a new one from random numbers; the rows of names that are gone
are let go. Layers are copied. Slots of optimizers start anew.
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
Names.__doc__ = """What the rows of a model belong to.

  items: list of str, by id.
  users: list of str, by id; None for a model without rows of users.
  categories: {context column: list of str, by id}.
  features: list of str, by id, of the features of items; None for a model without.
"""


def write_names(folder, names):
    """Writes what items.tsv does not have: names.json, of the users and of context columns.

    Args:
      folder: where to.
      names: Names.
    """
    with writing.writing(os.path.join(folder, "names.json")) as stream:
        json.dump({"users": names.users, "categories": names.categories, "features": names.features},
                  stream)
        stream.write("\n")


def read_names(folder):
    """Reads what `write_names` wrote, and the items of items.tsv beside it.

    Args:
      folder: the folder that run_recsys.py made.

    Returns:
      Names.

    Raises:
      InputError: one of the two files that cannot be read, or that holds something else.
    """
    item_names = items.read_items(places.kept(folder, "items.tsv"))[0]
    path = places.kept(folder, "names.json")
    wanted = "the names of an earlier model"
    with reading.open_binary(path) as stream:  # all of it is one line
        content = stream.read()
    try:
        # There are no integers in it: as floats, very long ones take no time.
        found = json.loads(content.decode("utf-8"), parse_int=float)
    except (ValueError, RecursionError) as e:
        checks.file(False, path, wanted, "%s: %s" % (type(e).__name__, e))
    fits = isinstance(found, dict) and {"users", "categories", "features"} <= set(found)
    checks.file(fits, path, wanted, checks.show(found))
    users, categories, features = found["users"], found["categories"], found["features"]
    for what, names in (("users", users), ("features", features)):
        checks.file(names is None or _are_names(names), path, wanted, "%s that are %s" % (
            what, checks.show(names)))
    checks.file(isinstance(categories, dict) and all(map(_are_names, categories.values())), path, wanted,
                "categories that are " + checks.show(categories))
    return Names(item_names, users, categories, features)


def _are_names(values):
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


class Earlier:
    """An earlier model and its names.

    Args:
      model_dir: the folder that run_recsys.py made.

    Raises:
      InputError: a folder without a checkpoint or the names, or with broken ones.
    """

    def __init__(self, model_dir):
        self._path = model_dir
        checkpoint = checkpoints.chosen(model_dir)
        checks.file(checkpoint, model_dir, "a folder with a model", "one without a checkpoint")
        with self._errors_named():
            self._reader = tf.train.load_checkpoint(checkpoint)
        self._names = read_names(model_dir)

    def loader(self, names, report):
        """What gives the variables of a graph their earlier values.

        Args:
          names: Names of the new model.
          report: function of a line of text, called for each table.

        Returns:
          A function of a session whose variables are initialised.

        Raises:
          InputError: the earlier model has no variable of the default graph's, or one of another shape:
            a model of other settings.
        """
        shapes = self._reader.get_variable_to_shape_map()
        places = []  # what load needs of each variable
        for variable in tf.trainable_variables():
            name, shape, first = variable.op.name, variable.shape.as_list(), 0
            part = variable._get_save_slice_info()
            if part is not None:  # of a PartitionedVariable
                name, shape, first = part.full_name, part.full_shape, part.var_offset[0]
            before, now = _names_of_rows(name, self._names), _names_of_rows(name, names)
            # Of the earlier model, too: a column of numbers has one row, and no names.
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
                        report("%s: %d of %d rows go on from %s" % (
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
        except (ValueError, IndexError, tf.errors.OpError) as e:  # IndexError: a file that ends early
            raise checks.InputError("%s: wanted a checkpoint, got: %s" % (
                self._path, str(e).split("\n")[0])) from e


def _names_of_rows(variable, names):
    """The names of a table's rows, or None of a variable that has none."""
    tables = {model.context_variable(column): texts for column, texts in names.categories.items()}
    tables.update(item_embeddings=names.items, class_weights=names.items, user_embeddings=names.users)
    tables.update({model.feature_table(name): names.features for name in model.ITEM_TABLES})
    return tables.get(variable)
