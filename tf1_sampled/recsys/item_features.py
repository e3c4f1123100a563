"""Item features: categories and numbers from a file, as sparse rows by item id.

    events, features = joined(settings, events, log.item_names, tables, report)
    row = slice(*features.starts[7:9])
    [(features.names[f], w) for f, w in zip(features.ids[row], features.weights[row])]

Each category and each column of numbers has an embedding in the model. The embedding of an item is its
own row plus the rows of its features, times their weights. So an item with few events is placed by the
features that it shares with other items.

Axes: C items, F features, N entries of all items.
"""
import collections
import json

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import cache
from tf1_sampled.recsys import arrays, columns, item_categories, splits

ItemFeatures = collections.namedtuple("ItemFeatures", "starts ids weights names")
ItemFeatures.__doc__ = """The features of the items: item c has ids[starts[c]:starts[c + 1]].

Fields:
  starts: int64 [C + 1], rising from 0.
  ids: int32 [N], of features; an item has each at most once.
  weights: float32 [N].
  names: list of F str from `category_name` and `number_name`, each once.
"""


def category_name(column, category):
    """Return the feature name of a category of a column."""
    return json.dumps([column, category], ensure_ascii=False)


def number_name(column, is_missing=False):
    """Return the feature name of a column of numbers, or of its missing values."""
    return json.dumps([column, None] if is_missing else [column], ensure_ascii=False)


def of_items(settings, tables, item_names, report):
    """Return the features of items.

    Args:
      settings: settings.RecsysSettings, with at least one item column.
      tables: {column: {item name: text}}, with these columns; missing items have "".
      item_names: list of C str, by id.
      report: function of a line of text.

    Returns:
      ItemFeatures.

    Raises:
      InputError: a column without any of the items, an invalid number.
    """
    path = settings.items or settings.titles
    numbering, parts = arrays.Numbering(), []
    for kind, names in settings.item_columns().items():
        for name in names:
            checks.file(any(item in tables[name] for item in item_names), path,
                        "items of the events, such as " + checks.show(item_names[0]),
                        checks.show(next(iter(tables[name]), "")))
            texts = [tables[name].get(item, "") for item in item_names]
            some = _categories(name, texts, numbering) if kind == "categorical" else _numbers(
                path, name, texts, item_names, numbering)
            there = sum(not arrays.is_missing_text(text) for text in texts)
            report("Items: %s of %s have %s" % (
                format(there, ","), format(len(item_names), ","), checks.show(name)))
            parts.append(some)
    rows, ids, weights = (np.concatenate(part) for part in zip(*parts))
    order = np.argsort(rows, kind="stable")
    starts = np.append(0, np.cumsum(np.bincount(rows, minlength=len(item_names))))
    return ItemFeatures(starts.astype(np.int64), ids[order].astype(np.int32),
                        weights[order].astype(np.float32), numbering.names)


def joined(settings, events, item_names, tables, report):
    """Return events with new items in the catalogue, if `new_items` is set, and the features of all.

    Args:
      settings: settings.RecsysSettings.
      events: splits.Events.
      item_names: names of items with events before the split; they are not new.
      tables: {column: {item name: text}}, of the files about items.
      report: function of a line of text.

    Returns:
      (splits.Events, ItemFeatures or None).

    Raises:
      InputError: see `of_items`.
    """
    names = [(kind, name) for kind, of_kind in settings.item_columns().items() for name in of_kind]
    if not names:
        return events, None
    columns.typed(settings.label("items"), settings.item_columns())  # each name once
    for kind, name in names:
        settings.check(name in tables, "item_" + kind, "columns of %s (%s)" % (
            settings.label("items"), ", ".join(tables)), name)
    if settings.new_items:
        known, number = set(item_names), len(events.item_names)
        events = splits.with_items(
            events, [item for _, name in names for item in tables[name] if item not in known])
        report("Items: %s without an event" % format(len(events.item_names) - number, ","))
    return events, of_items(settings, tables, events.item_names, report)


def digest(features):
    """Return a short hash of the contents of ItemFeatures."""
    return cache.digest(*features)


def sums(features, items, rows):
    """Return the sum of the feature rows of each item.

    Args:
      features: ItemFeatures.
      items: int [n], consecutive.
      rows: float32 [F, D], of the features.

    Returns:
      float32 [n, D].
    """
    first, last = features.starts[items[0]], features.starts[items[-1] + 1]
    total = np.zeros([len(items), rows.shape[1]], np.float32)
    some = np.diff(features.starts[items[0]:items[-1] + 2]) > 0  # reduceat has no empty sums
    if some.any():
        total[some] = np.add.reduceat(
            rows[features.ids[first:last]] * features.weights[first:last, None],
            features.starts[items[some]] - first)
    return total


def _categories(column, texts, numbering):
    """Return (item ids, feature ids, weights) of a column of categories, several in a cell or one.

    Each of the n categories of a cell has the weight 1 / sqrt(n): the sum of n orthogonal rows of equal
    length is sqrt(n) times as long as one row.
    """
    rows, ids = [], []
    for row, text in enumerate(texts):
        for category in item_categories.values_of(text):
            rows.append(row)
            ids.append(numbering[category_name(column, category)])
    rows = np.array(rows, np.int64)
    return rows, np.array(ids, np.int64), np.bincount(rows)[rows] ** -0.5


def _numbers(path, column, texts, item_names, numbering):
    """Return (item ids, feature ids, weights): standard scores, and 1 for a missing number."""
    missing = np.array([arrays.is_missing_text(text) for text in texts])
    for item, text, is_missing in zip(item_names, texts, missing):
        checks.file(is_missing or columns.is_number(text, columns.LARGEST_FLOAT32), path,
                    "a number or an empty cell in column %s of item %s" % (
                        checks.show(column), checks.show(item)), checks.show(text))
    there = np.flatnonzero(~missing)
    values = np.array([float(texts[row]) for row in there])
    scores = (values - values.mean()) / (values.std() or 1.0) if len(values) else values
    weights = np.ones(len(texts))
    weights[there] = scores
    number, none = (numbering[number_name(column, is_missing)] for is_missing in (False, True))
    return np.arange(len(texts)), np.where(missing, none, number), weights
