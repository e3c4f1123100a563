"""Convert events (user, item, time) from files or Python objects to one form of arrays.

    log = read_log("ratings.csv", numeric=["rating"])
    log, part = read_logs(["train.txt.gz", "valid.txt.gz", "test.txt.gz"])
    log = read_log("events.csv", roles.Options(event_column="kind", events_kept=["buy:3", "view"]))
    log = log_of_frame(pandas.read_parquet("events.parquet"), categorical=["device"])
    log, part = merge_logs([log_of_arrays(users, items, times) for users, items, times in parts])

Implicit feedback: only the fact that the user chose the item counts, whatever its rating, unless
Options.min_rating leaves out low ratings. Axes: N events.
"""
import collections
import itertools
import operator
import os

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import reading
from tf1_sampled.recsys import arrays, columns, layouts, parquet, roles, rows, times as times_lib

Log = collections.namedtuple("Log", "users items times columns user_names item_names weights sources",
                             defaults=[None, ()])
Log.__doc__ = """Events in their order; ids number the names in order of appearance.

Fields:
  users, items: int32 [N].
  times: float64 [N], seconds, since 1970 if the times are dates; None for events without times.
  columns: {name: `columns.Column`} of [N] values: the requested context columns.
  user_names, item_names: lists of str, by id.
  weights: float32 [N], above 0, the weight of each event as an example; None if all are 1.
  sources: tuple of `Source`, one for each file or frame, in reading order.
"""

Source = collections.namedtuple("Source", "name form roles ignored num_events left_out")
Source.__doc__ = """A description of how a file, a frame or arrays were read.

Fields:
  name: str, the path; "-" for standard input, "data frame" or "arrays".
  form: str, the format in words, such as "CSV with a header, times in seconds"; "in memory" for a frame.
  roles: {"user", "item", "time", "rating" or "event": name of its column, "context": list of names}.
  ignored: list of str, the unused columns.
  num_events: int, events of this source in the log.
  left_out: {reason: int}, the number of rows that are not in the log.
"""

_Reader = collections.namedtuple("_Reader", "field index read wanted")
_Reader.__doc__ = """A reader of one column of a file.

Fields:
  field: string, "users", "items", "times", "ratings", "weights", or ("context", name).
  index: int, the position of the column.
  read: function of a list of n strings -> array [n]; ValueError for an invalid text.
  wanted: string, the description of a valid cell, for errors.
"""


class _Weights(dict):
    """A dict from event kind to weight: 0 for a kind that is not kept, -1 for a missing one.

    Args:
      kept: strings, see roles.Options.
    """

    def __init__(self, kept):
        super().__init__()
        self.kept = roles.kind_weights(kept)

    def __missing__(self, text):
        name = text.strip()
        weight = self[text] = self.kept.get(name, -1.0 if arrays.is_missing_text(name) else 0.0)
        return weight

    def unknown(self):
        """Return the kept kinds that no event has."""
        return sorted(set(self.kept) - set(map(str.strip, self)))


def read_log(path, options=roles.DEFAULTS, **names_by_type):
    """Read events from a file.

    Formats: CSV, TSV and other separators with a header; lines without a header that `shapes` recognises
    (such as u.data, ratings.dat or lines of a user and items) or that Options.columns describes; JSON
    Lines; Parquet. The file may be compressed.

    Args:
      path: string, the file; "-" for standard input.
      options: roles.Options.
      **names_by_type: context columns: categorical=[names] of columns of categories, numeric=[names] of
        columns of numbers. Names are those of the header or of Options.columns, else "1", "2", ...

    Returns:
      `Log`.

    Raises:
      InputError: a file without the columns or without events, a line (with its number) that has another
        form or an invalid number or time, fewer than two items.
    """
    return _read_logs("read_log", [path], options, names_by_type)[0]


def read_logs(paths, options=roles.DEFAULTS, **names_by_type):
    """Read several files with one numbering of users, items and categories.

    Args:
      paths: strings, the files; see `read_log` for their formats.
      options: roles.Options.
      **names_by_type: categorical=[names], numeric=[names] of columns of each file.

    Returns:
      (`Log` of all events, one file after the other; int32 [N], the index of each event's path).

    Raises:
      InputError: see `read_log`; no path, times in some of the files only, a kept event kind that no
        file has.
    """
    checks.argument(len(paths) > 0, "read_logs", "paths", "at least one file", paths)
    return _read_logs("read_logs", paths, options, names_by_type)


def _read_logs(function, paths, options, names_by_type):
    """Do the work of `read_logs`, for a caller named `function`."""
    kinds = columns.typed(function, names_by_type)
    weights = _Weights(options.events_kept)
    paths = [os.fspath(path) for path in paths]
    logs = [_read_file(path, options, kinds, weights) for path in paths]
    with_times = [log.times is not None for log in logs]
    if any(with_times) and not all(with_times):
        checks.file(False, paths[with_times.index(False)],
                    "times, as %s has them" % paths[with_times.index(True)], "none")
    checks.file(not weights.unknown(), ", ".join(paths), "events of the kinds " + ", ".join(
        map(checks.show, sorted(weights.kept))), "only " + ", ".join(
            map(checks.show, sorted(set(map(str.strip, weights)))[:20])))
    log, part = merge_logs(logs) if len(logs) > 1 else (logs[0], np.zeros(len(logs[0].users), np.int32))
    checks.file(len(log.item_names) > 1, ", ".join(paths), "at least two different items",
                "only " + checks.show(log.item_names[0]))
    return log, part


def _read_file(path, options, kinds, weights):
    """Return the `Log` of one file; `kinds`: {name: subclass of ColumnType}."""
    if parquet.is_parquet(path):
        title = _Title(path, "Parquet", path)
        return _log_of_frame(title, parquet.Table(path), options, kinds, weights)
    latin1_before = reading.latin1_bytes()
    building = _Building(options)
    with reading.open_text(path, options.encoding, errors=reading.LATIN1) as lines:
        first = rows.first_lines(lines)
        layout = layouts.of_events(path, first, options)
        building.check_columns(path, layout.places, layout.names)
        times = times_lib.Column(layout.month_first)
        readers, kind_readers = _readers(path, layout, building, kinds, (times, weights))
        for chunk in rows.read(path, itertools.chain(first, lines), layout):
            building.add(_read_chunk(path, chunk, readers))
    checks.file(building.num_events, path, "events", building.nothing())
    form = [layout.form]
    if reading.latin1_bytes() > latin1_before:
        form.append("invalid UTF-8 as Latin-1")
    log = building.log({name: reader.kind() for name, reader in kind_readers.items()})
    if log.times is not None:
        seconds, unit = times.seconds(log.times)
        if layout.kind == "mind":
            seconds = times_lib.after_histories(seconds)
        log = log._replace(times=seconds)
        form.append(unit)
    source = building.source(_Title(path, ", ".join(form), path), layout.names, layout.places, kinds)
    return log._replace(sources=(source,))


def _readers(path, layout, building, kinds, times_and_weights):
    """Return (list of `_Reader` of a file's columns, {name: columns.Reader} of the context columns)."""
    times, weights = times_and_weights
    places = dict(layout.places)
    places.setdefault("item", places.get("items"))
    missing = building.missing
    found = [_Reader("users", places["user"], _mapped(building.users, np.int32), "a name"),
             _Reader("items", places["item"], _mapped(building.items, np.int32), "a name")]
    if "time" in places:
        found.append(_Reader("times", places["time"], times.read, times_lib.WANTED))
    if building.uses("rating"):
        found.append(_Reader("ratings", places["rating"], columns.read_numbers, "a number"))
    if building.uses("event"):
        found.append(_Reader("weights", places["event"], _mapped(weights, np.float32), "text"))
    kind_readers = {name: kind.reader(missing) for name, kind in kinds.items()}
    for index, (name, reader) in zip(layouts.indexes(path, layout, kinds), kind_readers.items()):
        found.append(_Reader(("context", name), index, reader.read, kinds[name].wanted))
    return [reader._replace(wanted="%s in column %s" % (reader.wanted, checks.show(
        layout.names[reader.index]))) for reader in found], kind_readers


def _mapped(table, dtype):
    """Return a function of a list of n texts -> array [n] of their values in a dict."""
    return lambda texts: np.fromiter(map(table.__getitem__, texts), dtype, len(texts))


def _read_chunk(path, chunk, readers):
    """Return {field: array} of a rows.Chunk."""
    try:
        return {reader.field: reader.read(list(map(operator.itemgetter(reader.index), chunk.rows)))
                for reader in readers}
    except ValueError:
        pass
    for number, row in enumerate(chunk.rows):
        for reader in readers:
            try:
                reader.read([row[reader.index]])
            except ValueError:
                checks.line(False, path, chunk.line_of(number), reader.wanted, row[reader.index])
    raise AssertionError("%s: a chunk is invalid, but none of its rows" % path)


class _Building:
    """A Log under construction, chunk by chunk, without the rows that are left out.

    Args:
      options: roles.Options.

    Attributes:
      users, items: arrays.Numbering.
      missing: set of strings that are not names.
      num_events: int, the number of events kept.
      left_out: {reason: int}.
    """

    def __init__(self, options):
        self._options = options
        self.missing = frozenset([""]) if options.keep_missing else arrays.MISSING
        self.users, self.items = (arrays.Numbering(missing=self.missing) for _ in range(2))
        self.num_events, self.left_out = 0, collections.Counter()
        self._parts = {}

    def uses(self, role):
        """Return whether the column of ratings or of kinds of events is used."""
        if role == "rating":
            return self._options.min_rating is not None
        return bool(self._options.events_kept)

    def check_columns(self, path, places, names):
        """Raise InputError if a column that the options need is missing."""
        for role, option in (("rating", "min_rating"), ("event", "events_kept")):
            checks.file(role in places or not self.uses(role), path,
                        "a column for --%s (--%s_column names it)" % (option, role),
                        layouts.shown(names))

    def add(self, values):
        """Add rows: {field: array [n]}, with the fields of `_Reader`."""
        stays = np.ones(len(values["users"]), bool)
        for reason, is_wrong in self._reasons(values):
            wrong = is_wrong & stays
            if wrong.any():
                self.left_out[reason] += int(wrong.sum())
                stays &= ~wrong
        everything = stays.all()
        self.num_events += int(stays.sum())
        for field, array in values.items():
            if field != "ratings":
                self._parts.setdefault(field, []).append(array if everything else array[stays])

    def _reasons(self, values):
        """Yield (reason, boolean [n]: the rows that it leaves out)."""
        yield "user missing", values["users"] < 0
        yield "item missing", values["items"] < 0
        if "times" in values:
            yield "time missing", np.isnan(values["times"])
        if "ratings" in values:
            yield "rating missing", np.isnan(values["ratings"])
            with np.errstate(invalid="ignore"):  # NumPy before 1.20 warns about NaN in comparisons
                is_low = values["ratings"] < self._options.min_rating
            yield "rating below %g" % self._options.min_rating, is_low
        if "weights" in values:
            yield "event kind missing", values["weights"] < 0
            yield "event kind not kept", values["weights"] == 0

    def nothing(self):
        """Describe why no event is left."""
        reasons = ", ".join("%s %d" % pair for pair in self.left_out.items())
        return "none" + (" of %d rows: %s" % (sum(self.left_out.values()), reasons) if reasons else "")

    def log(self, kinds):
        """Return the `Log`, without a source; `kinds`: {name: ColumnType} of the context columns."""
        whole = {}
        for field in list(self._parts):
            parts = self._parts.pop(field)
            whole[field] = parts[0] if len(parts) == 1 else np.concatenate(parts)
        users, user_names = self._named(whole["users"], self.users.names)
        items, item_names = self._named(whole["items"], self.items.names)
        weights = whole.get("weights")
        if weights is not None and (weights == 1).all():
            weights = None
        return Log(users, items, whole.get("times"), {
            name: columns.Column(whole["context", name], kind) for name, kind in kinds.items()},
                   user_names, item_names, weights)

    def _named(self, ids, names):
        """Return (ids, names) of the names that events have, in order of appearance."""
        if self.left_out:
            found, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
            order = np.argsort(first)
            places = np.empty(len(found), np.int32)
            places[order] = np.arange(len(found))
            ids, names = places[inverse.reshape(-1)], [names[n] for n in found[order].tolist()]
        return ids, arrays.whole_names(names)

    def source(self, title, names, places, kinds):
        """Return the `Source`.

        Args:
          title: `_Title`.
          names: list of str, all columns.
          places: {role: index of a column}.
          kinds: {name: subclass of ColumnType}, of the context columns.
        """
        used = {role: place for role, place in places.items()
                if role not in ("rating", "event") or self.uses(role)}
        if "items" in used:
            used.setdefault("item", used["items"])
        by_role = {role: roles.column_name(names, place) for role, place in used.items()}
        if kinds:
            by_role["context"] = list(kinds)
        ignored = [roles.column_name(names, place) for place, name in enumerate(names)
                   if place not in used.values() and name not in kinds]
        return Source(title.name, title.form, by_role, ignored, self.num_events, dict(self.left_out))


_Title = collections.namedtuple("_Title", "name form function")
_Title.__doc__ = """A source: name and form as in `Source`; function: its name in errors."""


def log_of_arrays(users, items, times=None, options=roles.DEFAULTS, **values_by_type):
    """Return the log of events in Python, equal to `read_log` of a file with the same rows.

        log_of_arrays(["ann", "ann", "bob"], [7, 8, 7], categorical={"device": ["tv", None, "tv"]})

    Args:
      users, items: sequences or arrays [N]; a name is `str` of its value, without surrounding spaces.
      times: None, or sequence or array [N] of numbers, dates and times, or text of these.
      options: roles.Options; only keep_missing is used.
      **values_by_type: context columns: categorical={name: [N] values}, in which a missing value becomes
        "", and numeric={name: [N] numbers}, in which it becomes NaN.

    Returns:
      `Log`; it may have only one item, as it may be a part of the data.

    Raises:
      InputError: no events, lengths that differ; an invalid name, number or time, with its position.
    """
    function = "log_of_arrays"
    kinds = columns.typed(function, values_by_type)
    context = {name: values for of_type in values_by_type.values() for name, values in of_type.items()}
    values = {"users": users, "items": items}
    if times is not None:
        values["times"] = times
    building = _Building(options._replace(min_rating=None, events_kept=()))
    labels = {name: name for name in values}
    log, unit = _log_of_values(function, labels, values, building, (kinds, context))
    places = {role: place for place, role in enumerate(("user", "item", "time")[:len(values)])}
    title = _Title("arrays", "in memory" + unit, function)
    source = building.source(title, list(values), places, kinds)
    return log._replace(sources=(source,))


def log_of_frame(frame, options=roles.DEFAULTS, **names_by_type):
    """Return the log of a pandas DataFrame, equal to `read_log` of a file with the same rows.

    Args:
      frame: pandas.DataFrame, pyarrow.Table, or an object with `columns` and columns with `to_numpy()`.
      options: roles.Options; columns are named there, or found by the usual names of a file's header.
      **names_by_type: context columns: categorical=[names], in which a missing value becomes "", and
        numeric=[names], in which it becomes NaN.

    Returns:
      `Log`; it may have only one item, as it may be a part of the data.

    Raises:
      InputError: a column that is missing or repeated, no rows; an invalid name, number or time, with
        its row, counted from 0.
    """
    function = "log_of_frame"
    kinds = columns.typed(function, names_by_type)
    return _log_of_frame(_Title("data frame", "in memory", function), frame, options, kinds,
                         _Weights(options.events_kept))


def _log_of_frame(title, frame, options, kinds, weights):
    """Do the work of `log_of_frame`; `title`: `_Title`; `weights`: `_Weights`."""
    function = title.function
    names = list(getattr(frame, "column_names", None) or frame.columns)
    texts = list(map(str, names))
    places = roles.of_frame(function, texts, options)
    for name in kinds:
        checks.argument(texts.count(name) == 1, function, "columns", "one column " + checks.show(name),
                        texts)
    building = _Building(options)
    building.check_columns(function, places, texts)
    fields = {"users": "user", "items": "item", "times": "time"}
    fields.update({field: role for field, role in (("ratings", "rating"), ("weights", "event"))
                   if building.uses(role)})
    fields = {field: names[places[role]] for field, role in fields.items() if role in places}
    values = {field: frame[name] for field, name in fields.items()}
    if "weights" in values:
        kinds_of_events = arrays.as_texts(function, "events", values["weights"])
        values["weights"] = [weights[text] for text in kinds_of_events]
    labels = {field: "column " + checks.show(name) for field, name in fields.items()}
    context = {name: frame[names[texts.index(name)]] for name in kinds}
    log, unit = _log_of_values(function, labels, values, building, (kinds, context))
    title = title._replace(form=title.form + unit)
    return log._replace(sources=(building.source(title, texts, places, kinds),))


def _log_of_values(function, labels, values, building, kinds_and_context):
    """Return (`Log` of values in Python, string for a source's form: how the times are written).

    Args:
      function: string, for errors.
      labels: {field: its name in errors}.
      values: {field: sequence or array [N]}.
      building: `_Building`.
      kinds_and_context: ({name: subclass of ColumnType}, {name: sequence or array [N]}).
    """
    kinds, context = kinds_and_context
    size = arrays.length(function, labels["users"], values["users"])
    checks.argument(size > 0, function, labels["users"], "at least one event", size)
    labeled = [(labels[field], of_field) for field, of_field in values.items()]
    for label, of_label in labeled + [("column " + checks.show(name), context[name]) for name in kinds]:
        found = arrays.length(function, label, of_label)
        checks.argument(found == size, function, label, "the length of users, %d" % size, found)
    converted = {
        "users": arrays.name_ids(function, labels["users"], values["users"], building.users),
        "items": arrays.name_ids(function, labels["items"], values["items"], building.items)}
    unit = ""
    if "times" in values:
        converted["times"], unit = times_lib.of_values(function, labels["times"], values["times"])
    if "ratings" in values:
        converted["ratings"] = arrays.numbers(function, labels["ratings"], values["ratings"])
    if "weights" in values:
        converted["weights"] = np.array(values["weights"], np.float32)
    made = {name: kind.of_array(function, "column " + checks.show(name), context[name], building.missing)
            for name, kind in kinds.items()}
    converted.update({("context", name): column.values for name, column in made.items()})
    building.add(converted)
    checks.argument(building.num_events > 0, function, labels["users"], "at least one event",
                    building.nothing())
    return building.log({name: column.kind for name, column in made.items()}), unit and ", " + unit


def merge_logs(logs):
    """Merge logs with one numbering of users, items and categories.

        log, part = merge_logs([log_of_frame(frame) for frame in (train, valid, test)])
        events = splits.split_given(log, part)

    Args:
      logs: sequence of `Log`, all with the same columns, and either all or none with times.

    Returns:
      (`Log` of all events, one log after the other; int32 [N], the index of each event's log).

    Raises:
      InputError: no log; times or columns in some logs only.
    """
    function = "merge_logs"
    checks.argument(len(logs) > 0, function, "logs", "at least one log", len(logs))
    kinds = {name: type(column.kind) for name, column in logs[0].columns.items()}
    for number, log in enumerate(logs):
        argument = "logs[%d]" % number
        checks.argument((log.times is None) == (logs[0].times is None), function, argument,
                        "events %s times, like logs[0]" % (
                            "without" if logs[0].times is None else "with"),
                        "events %s times" % ("without" if log.times is None else "with"))
        found = {name: type(column.kind) for name, column in log.columns.items()}
        checks.argument(found == kinds, function, argument, "the columns of logs[0], %s" % (
            _kinds_shown(kinds)), _kinds_shown(found))
    # The logs have already removed missing values: here even "NA" is a name.
    numberings, ids = [arrays.Numbering(missing=frozenset()) for _ in range(2)], []
    for numbering, names, values in zip(numberings, ("user_names", "item_names"), ("users", "items")):
        # By the names of each log, not by its events, to save time.
        ids.append(np.concatenate([
            np.array([numbering[name] for name in getattr(log, names)], np.int32)[getattr(log, values)]
            for log in logs]))
    times = None if logs[0].times is None else np.concatenate([log.times for log in logs])
    further = {name: kind.merged([log.columns[name] for log in logs]) for name, kind in kinds.items()}
    weights = None
    if any(log.weights is not None for log in logs):
        weights = np.concatenate([np.ones(len(log.users), np.float32) if log.weights is None
                                  else log.weights for log in logs])
    log = Log(ids[0], ids[1], times, further, numberings[0].names, numberings[1].names, weights,
              sum((log.sources for log in logs), ()))
    return log, np.repeat(np.arange(len(logs), dtype=np.int32), [len(log.users) for log in logs])


def _kinds_shown(kinds):
    """Describe types of columns."""
    return ", ".join("%s (%s)" % (checks.show(name), kind.__name__.lower())
                     for name, kind in kinds.items()) or "none"
