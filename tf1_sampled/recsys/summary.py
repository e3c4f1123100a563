"""Summarise the data of a training: the events that were read, left out and split, with reasons.

    facts = of_data(log, events, data...)          # JSON values, as in metrics.json
    for line in lines(facts): print(line)
"""
from typing import Any, Dict, Iterable, List, Optional

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import splits, times

_MOST_FILES = 4  # files shown one by one
_MOST_NAMES = 8  # column names shown
_ROLES = ("user", "item", "time", "rating", "event")


def of_data(log: Any, events: splits.Events, valid: Optional[splits.HeldOut],
            test: Optional[splits.HeldOut], titles: Dict[str, str]) -> Dict[str, Any]:
    """Return the facts about the data of a training.

    Args:
      log: events.Log, as read.
      events: splits.Events of the log.
      valid, test: splits.HeldOut, or None.
      titles: {item name: title}; empty without a file of titles.

    Returns:
      {fact: value}, with values that JSON can hold.
    """
    known = set(log.item_names)
    in_catalogue = set(events.item_names)
    return {
        "sources": [dict(source._asdict(), roles=dict(source.roles), left_out=dict(source.left_out))
                    for source in log.sources],
        "times": _span(log.times),
        "read": {"events": len(log.users), "users": len(log.user_names), "items": len(log.item_names)},
        "left_out": dict(events.left_out),
        "events": {name: int(np.sum(ends - starts)) for name, starts, ends in (
            ("train", events.starts[:-1], events.train_ends),
            ("valid", events.train_ends, events.valid_ends),
            ("test", events.valid_ends, events.starts[1:]))},
        "users": {"train": len(events.user_names), "valid": _num_users(valid), "test": _num_users(test)},
        "items": {"catalogue": len(events.item_names),
                  "without_training_event": int(np.count_nonzero(events.item_counts == 0)),
                  "not_in_the_log": len(in_catalogue - known)},
        "titles": None if not titles else {
            "items": sum(name in titles for name in events.item_names),
            "of_unknown_items": sum(name not in known and name not in in_catalogue for name in titles)},
    }


def _span(values: Optional[np.ndarray]) -> Optional[List[Any]]:
    """Return [first, last] of times, as ISO dates if they look like seconds since 1970."""
    if values is None:
        return None
    ends = [float(values.min()), float(values.max())]
    return list(map(times.shown, ends)) if all(map(times.is_date, ends)) else ends


def _num_users(part: Optional[splits.HeldOut]) -> int:
    return 0 if part is None else len(part.users)


def lines(facts: Dict[str, Any]) -> List[str]:
    """Return the facts as lines of text for a user."""
    read, users, items = facts["read"], facts["users"], facts["items"]
    shown = _sources(facts["sources"])
    if facts["times"] is None:
        shown.append("No times: the file order is used (--time_column names the time column)")
    else:
        shown.append("Times: %s to %s" % tuple(
            value + " UTC" if isinstance(value, str) else "%.10g" % value for value in facts["times"]))
    shown.append("Read: %s of %s and %s" % tuple(
        checks.counted(read[noun + "s"], noun) for noun in ("event", "user", "item")))
    left_out = dict(facts["left_out"])
    untrained = left_out.pop(splits.UNTRAINED_TEST_USERS, 0)
    shown.append("Left out: " + (_reasons(left_out) or "nothing"))
    if untrained:
        shown.append("Test: %s of %s users have no history and are left out" % (
            _number(untrained), _number(untrained + users["test"])))
    if facts["titles"]:
        shown.append("Titles: %s of %s; %s of unknown items" % (
            _number(facts["titles"]["items"]), checks.counted(items["catalogue"], "item"),
            checks.counted(facts["titles"]["of_unknown_items"], "title")))
    shown.append("Events: %s train; %s; %s" % (
        _number(facts["events"]["train"]),
        _part(facts, "valid", "validate", "no validation (the last state is kept)"),
        _part(facts, "test", "test", "no test")))
    shown.append("Catalogue: %s items%s" % (_number(items["catalogue"]), _behind(items)))
    return shown


def _part(facts: Dict[str, Any], part: str, verb: str, none: str) -> str:
    """Describe the number of events and users of a part."""
    if not facts["users"][part]:
        return none
    return "%s (of %s) %s" % (
        _number(facts["events"][part]), checks.counted(facts["users"][part], "user"), verb)


def _behind(items: Dict[str, int]) -> str:
    """Describe the items without training events."""
    if not items["without_training_event"]:
        return ""
    text = ", %s of them without a training event" % _number(items["without_training_event"])
    if items["not_in_the_log"]:
        text += " (%s in no event at all)" % _number(items["not_in_the_log"])
    return text


def _sources(sources: List[Dict[str, Any]]) -> List[str]:
    """Return the lines for the first sources, and the number of further sources."""
    shown = []
    for source in sources[:_MOST_FILES]:
        roles = ["%s %s" % (role, source["roles"][role]) for role in _ROLES if role in source["roles"]]
        parts = [source["form"], ", ".join(roles)]
        for what, names in (("context", source["roles"].get("context")),
                            ("not used:", source["ignored"])):
            if names:
                parts.append("%s %s" % (what, _names(names)))
        shown.append("%s: %s" % (source["name"], "; ".join(filter(None, parts))))
        left_out = _reasons(source["left_out"])
        if left_out:
            shown.append("  %s events; left out: %s" % (_number(source["num_events"]), left_out))
    if len(sources) > _MOST_FILES:
        rest = sources[_MOST_FILES:]
        total: Dict[str, int] = {}
        for source in rest:
            for reason, count in source["left_out"].items():
                total[reason] = total.get(reason, 0) + count
        left_out = _reasons(total)
        num_events = sum(source["num_events"] for source in rest)
        shown.append("%s with %s%s" % (
            checks.counted(len(rest), "more file"), checks.counted(num_events, "event"),
            "; left out: " + left_out if left_out else ""))
    return shown


def _reasons(counts: Dict[str, int]) -> str:
    """Return the counts of left-out rows, in words; empty for none."""
    return ", ".join("%s %s" % (_number(count), reason) for reason, count in counts.items() if count)


def _names(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (" and %d more" % more if more > 0 else "")


def _number(value: int) -> str:
    return format(value, ",")
