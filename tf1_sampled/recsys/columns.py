"""Types of context columns: everything that differs between categories and numbers.

    TYPES                                                            # {"categorical": Categorical, ...}
    column = Column(np.int32([1, 0]), Categorical(["", "phone"]))    # of two events
    net = Network(..., context={"device": column.kind, "hour": Numeric(12.0, 5.0)})

To add a type, add a subclass of ColumnType and its row in TYPES; no other module depends on the type of
a column. TensorFlow is not imported, so that readers of files work without it. A type that needs ops
calls methods of the network or of the exported query that it receives.
"""
import collections
import math
import sys

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import arrays

LARGEST_FLOAT32 = float(np.finfo(np.float32).max)

Column = collections.namedtuple("Column", "values kind")
Column.__doc__ = """A context column: a value for each event.

Fields:
  values: [N], of the dtype of its type.
  kind: ColumnType.
"""

Reader = collections.namedtuple("Reader", "read kind")
Reader.__doc__ = """A reader for the cells of one column of a file.

Fields:
  read: function of a list of N strings -> array [N]; ValueError for an invalid text.
  kind: function () -> the ColumnType of all cells read so far.
"""


class ColumnType:
    """The contract of a type; an instance describes one column, such as its categories.

    Class attributes:
      dtype: of the values and of the placeholder.
      wanted: string, the description of a valid cell, for errors.
      serving_dtype: string, the name of the TensorFlow type of its input in a SavedModel.
      asked_as: "string" or "number", the type of its value in an HTTP request.

    Attributes:
      num_rows: integer, the rows of its table in a model.
      row_names: list of str, the name of each row; None for a table without names, whose rows a warm
        start copies by position.
    """

    @classmethod
    def reader(cls, missing=arrays.MISSING):
        """Return a new Reader.

        Args:
          missing: set of strings that mean a missing value.
        """
        raise NotImplementedError

    @classmethod
    def value(cls, cell):
        """Return the value of a cell without ids: str, or float, NaN if missing.

        Raises:
          ValueError: an invalid text.
        """
        raise NotImplementedError

    @classmethod
    def of_array(cls, function, argument, values, missing=arrays.MISSING):
        """Return the Column of a sequence or array [N]; `function` and `argument` are for errors.

        Raises:
          InputError: an invalid value, with its position.
        """
        raise NotImplementedError

    @classmethod
    def merged(cls, columns):
        """Concatenate several Columns."""
        raise NotImplementedError

    def fitted(self, values):
        """Return the type with what a model needs from the values of training events."""
        raise NotImplementedError

    def embedded(self, network, table, values):
        """Return the column's part of a user vector.

        Args:
          network: model.Network, which makes the rows.
          table: string, the name of the variable.
          values: tensor [P] of `dtype`.

        Returns:
          float32 [P, D].
        """
        raise NotImplementedError

    def asked(self, value):
        """Return the value in a request for a value of `dtype`: str, or float, None if missing."""
        raise NotImplementedError

    def served(self, query, name):
        """Return the values of its input in a SavedModel, [B] of `dtype`, from a query of `export`."""
        raise NotImplementedError


class Categorical(ColumnType, collections.namedtuple("Categorical", "categories")):
    """A column of text: each value is a category with its own row.

      categories: list of str by id; the first is "", for an empty cell and for unknown text.
    """

    dtype = np.int32
    wanted = "text"
    serving_dtype = "string"
    asked_as = "string"

    @classmethod
    def reader(cls, missing=arrays.MISSING):
        numbering = arrays.Numbering([""], missing)
        return Reader(
            lambda cells: np.fromiter(map(numbering.__getitem__, cells), cls.dtype, len(cells)),
            lambda: cls(numbering.names))

    @classmethod
    def value(cls, cell):
        return "" if arrays.is_missing_text(cell) else cell.strip()

    @classmethod
    def of_array(cls, function, argument, values, missing=arrays.MISSING):
        numbering = arrays.Numbering([""], missing)
        return Column(arrays.name_ids(function, argument, values, numbering), cls(numbering.names))

    @classmethod
    def merged(cls, columns):
        numbering = arrays.Numbering([""], missing=frozenset())
        # By the categories of each column, not by its events, to save time.
        new_ids = [np.array([numbering[name] for name in column.kind.categories], cls.dtype)
                   for column in columns]
        values = np.concatenate([ids[column.values] for ids, column in zip(new_ids, columns)])
        return Column(values, cls(numbering.names))

    @property
    def num_rows(self):
        return len(self.categories)

    @property
    def row_names(self):
        return self.categories

    def fitted(self, values):
        return self

    def embedded(self, network, table, values):
        return network.rows_of(table, self.num_rows, values)

    def asked(self, value):
        return self.categories[value]

    def served(self, query, name):
        return query.category_ids(name)


class Numeric(ColumnType, collections.namedtuple("Numeric", "mean deviation")):
    """A column of numbers: standard scores times a weight row, or a second row for a missing number.

      mean, deviation: floats, the mean and the standard deviation over training events.
    """

    dtype = np.float32
    wanted = "a number of float32"
    serving_dtype = "float32"
    asked_as = "number"
    num_rows = 2
    row_names = None

    @classmethod
    def reader(cls, missing=arrays.MISSING):
        def read(cells):
            return read_numbers(cells, LARGEST_FLOAT32).astype(cls.dtype)

        return Reader(read, lambda: cls(0.0, 1.0))

    @classmethod
    def value(cls, cell):
        return float(read_numbers([cell], LARGEST_FLOAT32)[0])

    @classmethod
    def of_array(cls, function, argument, values, missing=arrays.MISSING):
        found = arrays.numbers(function, argument, values, LARGEST_FLOAT32, cls.wanted)
        return Column(found.astype(cls.dtype), cls(0.0, 1.0))

    @classmethod
    def merged(cls, columns):
        return Column(np.concatenate([column.values for column in columns]), cls(0.0, 1.0))

    def fitted(self, values):
        values = np.asarray(values, np.float64)
        values = values[~np.isnan(values)]
        if not len(values):
            return Numeric(0.0, 1.0)
        return Numeric(float(values.mean()), float(values.std()) or 1.0)

    def embedded(self, network, table, values):
        return network.scaled_or_missing(table, (values - self.mean) / self.deviation)

    def asked(self, value):
        return None if np.isnan(value) else float(value)

    def served(self, query, name):
        return query.numbers_or_nan(name)


TYPES = {"categorical": Categorical, "numeric": Numeric}


def typed(function, names_by_type):
    """Return the type of each requested column.

    Args:
      function: string, the caller, for errors.
      names_by_type: {key of TYPES: list of names, or dict by name}.

    Returns:
      {name: subclass of ColumnType}, in the order of TYPES.

    Raises:
      InputError: a type that is not in TYPES, a string instead of a list, a repeated name.
    """
    for role, names in names_by_type.items():
        checks.one_of(function, "columns", role, TYPES)
        checks.argument(not isinstance(names, str), function, role, "a list of column names", names)
    asked = [(name, kind) for role, kind in TYPES.items() for name in names_by_type.get(role, ())]
    twice = [name for name, n in collections.Counter(name for name, _ in asked).items() if n > 1]
    checks.argument(not twice, function, ", ".join(TYPES), "each column once", twice)
    return dict(asked)


def row_names(kinds):
    """Return {name: list of str} of the columns, {name: ColumnType}, whose rows have names."""
    return {name: kind.row_names for name, kind in kinds.items() if kind.row_names is not None}


def asked_as(serving_dtype):
    """Return the request type of a column by its input type in the SavedModel: "string" or "number".

    Raises:
      InputError: a type that no column has.
    """
    found = {kind.serving_dtype: kind.asked_as for kind in TYPES.values()}
    checks.one_of("asked_as", "serving_dtype", serving_dtype, found)
    return found[serving_dtype]


def read_numbers(texts, largest=sys.float_info.max):
    """Convert texts to numbers: list of N strings -> float64 [N], NaN for missing ones.

    Raises:
      ValueError: a text that is not a number, or whose magnitude is above `largest`.
    """
    try:
        values = np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        values = np.array([math.nan if arrays.is_missing_text(text) else float(text) for text in texts])
    with np.errstate(invalid="ignore"):  # NumPy before 1.20 warns about NaN in comparisons
        if (np.abs(values) > largest).any():
            raise ValueError("a number that is too large")
    return values


def is_number(text, largest=sys.float_info.max):
    """Return whether a text is a finite number of at most this magnitude."""
    try:
        return abs(float(text)) <= largest
    except ValueError:
        return False
