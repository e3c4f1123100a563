"""Read the data of a training: from files, frames or arrays to training, validation and test events.

    data = read(settings, ["ratings.csv"])
    data.events, data.valid, data.test
"""
import os
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from tf1_sampled import checks, default_data
from tf1_sampled.files import finding
from tf1_sampled.recsys import (
    batches,
    events as event_files,
    item_categories,
    item_features,
    items as item_files,
    leaks,
    protocols,
    splits,
    summary,
    tables,
)
from tf1_sampled.recsys.settings import RecsysSettings


class Sources(NamedTuple):
    """The origin of events: paths, lists of paths, frames, or (users, items, times) arrays.

    events: training events, or all events; None for the files in the settings.
    valid, test: validation and test events; None for a part of `events`.
    """

    events: Any = None
    valid: Any = None
    test: Any = None


class Data(NamedTuple):
    """The data of a training and its evaluation.

    events: splits.Events.
    valid, test: splits.HeldOut, or None without such events.
    protocol: string, the test events in words.
    titles: {item name: title}, of the items that have one.
    item_tables: {column: {item name: text}}, see item_categories.read.
    summary: {fact: value}, see summary.of_data; also the protocol and the number of examples.
    features: item_features.ItemFeatures, or None.
    leaks: list of leaks.Leak, the allowed context columns that reveal the item.
    """

    events: splits.Events
    valid: Optional[splits.HeldOut]
    test: Optional[splits.HeldOut]
    protocol: str
    titles: Dict[str, str]
    features: Any = None
    leaks: Sequence[Any] = ()
    item_tables: Optional[Dict[str, Dict[str, str]]] = None
    summary: Optional[Dict[str, Any]] = None


def read(settings: RecsysSettings, sources: Sources, report: Callable[[str], None]) -> Data:
    """Read and split the events of a training.

    Args:
      settings: RecsysSettings.
      sources: Sources; without events, the settings name files.
      report: function of a line of text.

    Returns:
      Data.

    Raises:
      InputError: sources that cannot be read or split, too few items, missing times.
    """
    titles = tables.read_titles(settings.titles) if settings.titles else {}
    item_tables = item_categories.read(
        [path for path in (settings.items, settings.titles) if path], settings.item_column)
    log, part = read_log(settings, sources, report)
    events, protocol = protocols.split(settings, log, part)
    events = _with_earlier_items(settings, events, report)
    events, features = item_features.joined(settings, events, log.item_names, item_tables, report)
    valid, test = splits.held_out(events)
    if settings.repeats:  # earlier items may be offered again
        valid, test = (part and part._replace(seen=None) for part in (valid, test))
    facts = dict(summary.of_data(log, events, valid, test, titles), protocol=protocol,
                 order=protocols.order(settings, log))
    for line in summary.lines(facts):
        report(line)
    examples = num_examples(settings, events)
    settings.check(examples, "split" if part is None else "train",
                   "a user with at least two training events (--split=none trains on all events)",
                   "%d training events of %d users" % (
                       facts["events"]["train"], len(events.user_names)))
    report("Training: %s in an epoch" % checks.counted(examples, "example"))
    most = len(events.item_names)
    settings.check(max(settings.k) <= most, "k", "at most %d items" % most, max(settings.k))
    settings.check(events.times is not None or not settings.example_age, "example_age",
                   "events with times", None)
    found = leaks.check(settings, events, report)
    return Data(events, valid, test, protocol, titles, features=features, leaks=found,
                item_tables=item_tables, summary=dict(
                    facts, examples=examples, leaks=[leak._asdict() for leak in found]))


def _with_earlier_items(settings: RecsysSettings, events: splits.Events,
                        report: Callable[[str], None]) -> splits.Events:
    """Return events with the items of `init_from` in the catalogue."""
    if not settings.init_from:
        return events
    path = os.path.join(settings.init_from, "items.tsv")
    checks.file(os.path.isfile(path), settings.init_from, "a folder with a model",
                "one without items.tsv")
    more = splits.with_items(events, item_files.read_items(path)[0])
    report("Items of %s without events in this data: %s" % (
        settings.init_from, format(len(more.item_names) - len(events.item_names), ",")))
    return more


def num_examples(settings: RecsysSettings, events: splits.Events) -> int:
    """Return the number of training examples in an epoch."""
    return batches.num_examples(events, settings.context, settings.max_examples_per_user or None)


def batch_size(settings: RecsysSettings, events: splits.Events) -> int:
    """Return the number of examples in a step, from the settings or the default for the events."""
    return settings.batch_size or min(1024, max(256, num_examples(settings, events) // 64))


def batch_plan(settings: RecsysSettings, events: splits.Events) -> batches.Plan:
    """Return the plan of the training examples: their context, batch size and epochs."""
    return batches.Plan(
        settings.context, settings.history_length, batch_size(settings, events),
        settings.max_examples_per_user or None, epochs=settings.epochs, seed=settings.seed)


def read_log(settings: RecsysSettings, sources: Sources,
             report: Callable[[str], None]) -> Tuple[Any, Optional[np.ndarray]]:
    """Read events.

    Returns:
      (events.Log; int [N], the part of each event: splits.TRAIN, VALID or TEST, or None if the log is
      not yet split).
    """
    parts: List[Any] = [sources.events, sources.valid, sources.test]
    if all(part is None for part in parts) and settings.train:
        parts = [list(part) or None for part in (settings.train, settings.valid, settings.test)]
    elif sources.events is None:
        settings.check(sources.valid is None and sources.test is None, "events",
                       "training events for valid and test", None)
        parts[0] = settings.events or default_data.call_histories(report=report)
    is_given = any(part is not None for part in parts[1:]) or bool(
        sources.events is None and settings.train)
    log, number = _merged(settings, parts)
    return _with_user_columns(settings, log), number if is_given else None


def _merged(settings: RecsysSettings, parts: Any) -> Tuple[Any, np.ndarray]:
    """Return (one Log of all parts, int [N] the part of each event)."""
    if all(part is None or is_paths(part) for part in parts):
        paths = [_listed(part) for part in parts]
        log, file_number = _read_files(settings, sum(paths, []))
        return log, np.repeat(np.arange(len(parts)), [len(some) for some in paths])[file_number]
    there = [(number, _own_log_of(settings, part)) for number, part in enumerate(parts)
             if part is not None]
    log, number = event_files.merge_logs([log for _, log in there])
    return log, np.array([place for place, _ in there])[number]


def log_of(settings: RecsysSettings, source: Any) -> Any:
    """Return the events.Log of a path, a list of paths, a frame or arrays, with the user columns.

    Args:
      settings: RecsysSettings.
      source: a value for a field of Sources.

    Raises:
      InputError: another type, or invalid events.
    """
    return _with_user_columns(settings, _own_log_of(settings, source))


def _with_user_columns(settings: RecsysSettings, log: Any) -> Any:
    """Return a log with the user columns of the setting `users`."""
    if not settings.users:
        return log
    return tables.with_user_columns(log, settings.users, settings.user_column, **settings.user_columns())


def _own_log_of(settings: RecsysSettings, source: Any) -> Any:
    """Return the events.Log of a source, without user columns."""
    if is_paths(source):
        return _read_files(settings, _listed(source))[0]
    options = settings.reading_options()
    if hasattr(source, "columns"):
        return event_files.log_of_frame(source, options, **settings.event_columns())
    is_arrays = isinstance(source, (tuple, list)) and len(source) in (2, 3)
    settings.check(is_arrays, "events",
                   "a path, a list of paths, a data frame, or (users, items, times)",
                   type(source).__name__)
    needed = dict(settings.event_columns(), events_kept=settings.events_kept,
                  min_rating=() if settings.min_rating is None else (settings.min_rating,))
    settings.check(not any(needed.values()), ", ".join(name for name in needed if needed[name]),
                   "a file or a data frame, which has columns", type(source).__name__)
    users, items, times = (*source, None)[:3]
    return event_files.log_of_arrays(users, items, times, options=options)


def _read_files(settings: RecsysSettings, paths: List[str]) -> Tuple[Any, np.ndarray]:
    """Return (events.Log of files; int [N], the index of each event's path)."""
    return event_files.read_logs(paths, settings.reading_options(), **settings.event_columns())


def is_paths(source: Any) -> bool:
    """Return whether events are given by a path or a list of paths."""
    def is_path(value: Any) -> bool:
        return isinstance(value, str) or hasattr(value, "__fspath__")

    is_list = isinstance(source, (list, tuple)) and bool(source)
    return is_path(source) or is_list and all(map(is_path, source))


def _listed(source: Any) -> List[str]:
    """Return the paths of the files in a source: paths of files, folders or globs."""
    if source is None:
        return []
    return [path for path, _ in finding.find(source, "events")]


def log_of_events(events: splits.Events, after: Any = None) -> Any:
    """Return the events.Log of split events, each user's in their order.

    Args:
      events: splits.Events.
      after: events.Log, or None; its events are left out of the test events.
    """
    users = np.repeat(np.arange(len(events.user_names), dtype=np.int32), np.diff(events.starts))
    log = event_files.Log(users, events.items, events.times, events.columns, events.user_names,
                          events.item_names, events.weights)
    if after is None:
        return log
    tests = splits.ranges(events.valid_ends, events.starts[1:] - events.valid_ends)
    times = log.times is not None and after.times is not None
    wanted = set(_keys(after, slice(None), times))
    stays = np.ones(len(users), bool)
    stays[tests] = [key not in wanted for key in _keys(log, tests, times)]
    columns = {name: column._replace(values=column.values[stays])
               for name, column in log.columns.items()}
    return log._replace(users=users[stays], items=log.items[stays], columns=columns,
                        times=None if log.times is None else log.times[stays],
                        weights=None if log.weights is None else log.weights[stays])


def _keys(log: Any, places: Any, with_times: bool) -> Iterator[Tuple[str, str, float]]:
    """Yield (user, item, time or 0) for events of a log."""
    users, items = log.users[places].tolist(), log.items[places].tolist()
    times = log.times[places].tolist() if with_times else [0.0] * len(users)
    for user, item, time in zip(users, items, times):
        yield log.user_names[user], log.item_names[item], time
