"""Assign roles (user, item, time, ...) to the columns of a file, a table or a frame.

    named_places(["userId", "movieId", "when"], EVENT_ROLES, Options(time_column="when"))
    # {"user": 0, "item": 1, "time": 2}
"""
import collections
import re

from tf1_sampled import checks

# Column names, lower case and without punctuation; if a header has several, the first one here is used.
COLUMNS = {
    "user": ("userid", "user", "uid", "username", "userprocid", "reviewerid", "customerid", "visitorid",
             "memberid", "accountid", "clientid", "buyerid", "sessionid", "session"),
    "item": ("itemid", "item", "iid", "movieid", "movie", "productid", "product", "parentasin", "asin",
             "isbn", "bookid", "songid", "trackid", "artistid", "videoid", "articleid", "businessid",
             "recipeid", "gameid", "game", "appid", "animeid", "newsid", "courseid", "venueid",
             "locationid", "poiid", "gmapid", "itemprocid"),
    "items": ("itemidlist",),
    "time": ("timestamp", "time", "ts", "unixtime", "unixreviewtime", "datetime", "createdat",
             "eventtime", "createdutc", "created", "dateadded", "date", "tdat", "reviewdate"),
    "rating": ("rating", "stars", "starrating", "score", "overall", "bookrating"),
    "event": ("event", "eventtype", "eventname", "behavior", "behaviour", "behaviortype", "action",
              "actiontype"),
    "title": ("title", "itemtitle", "movietitle", "booktitle", "name", "itemname", "moviename"),
}
EVENT_ROLES = ("user", "item", "items", "time", "rating", "event")
NOTHING = "_"  # in --columns an ignored column; as --time_column no column

# A space is a separator only if no other one fits.
SEPARATORS = ("\t", "::", ",", ";", "|", " ")
SEPARATOR_NAMES = {"tab": "\t", "comma": ",", "space": " ", "semicolon": ";"}

Options = collections.namedtuple(
    "Options", "user_column item_column time_column rating_column event_column columns separator "
    "encoding min_rating events_kept keep_missing",
    defaults=("", "", "", "", "", (), "", "", None, (), False))
Options.__doc__ = """Options for reading files and data frames of events; settings have the same names.

Fields:
  user_column, item_column, time_column, rating_column, event_column: strings, names of columns; "" for
    names in COLUMNS, "_" for no times, ratings or event kinds.
  columns: strings, the columns of a file without a header, in order: "user", "item", "items", "time",
    "rating", "event", "_" or the name of a context column.
  separator: string, one of SEPARATORS or of SEPARATOR_NAMES; "" to detect it.
  encoding: string; "" for UTF-8, with invalid bytes read as Latin-1.
  min_rating: float, or None; events with a lower rating are left out.
  events_kept: strings, "kind" or "kind:weight"; events of other kinds are left out. Empty for all.
  keep_missing: boolean, whether texts such as "NA" are names.
"""

DEFAULTS = Options()


def check_options(options, check):
    """Raise InputError for options that contradict each other.

    Args:
      options: Options.
      check: function of (condition, name of the option, wanted, got) that raises it.
    """
    by_role = named(options)
    given = sorted(name for name in by_role.values() if name not in ("", NOTHING))
    for role, name in by_role.items():
        check(name != NOTHING or role not in ("user", "item"), role + "_column", "the name of a column",
              name)
        check(given.count(name) < 2, role + "_column", "a separate column", name)
    names = list(options.columns)
    if names:
        check(not any(by_role.values()), "columns", "no names of header columns with it", given)
        check("user" in names and ("item" in names or "items" in names), "columns",
              "user and item among them", names)
    check(all(names) and all(names.count(name) == 1 for name in names if name != NOTHING), "columns",
          "each name once", names)
    known = sorted(SEPARATOR_NAMES) + [separator for separator in SEPARATORS if separator.strip()]
    check(separator_of(options.separator) in ("",) + SEPARATORS, "separator",
          "one of " + " ".join(known), options.separator)
    try:
        kind_weights(options.events_kept)
        fits = True
    except ValueError:
        fits = False
    check(fits, "events_kept", "kinds with weights above 0, such as buy:3, each kind once",
          list(options.events_kept))


def separator_of(option):
    """Return the separator of an option, "" for none."""
    return SEPARATOR_NAMES.get(option, option)


def roles_of(names, roles):
    """Return {role: column index} for the roles found in a header.

    Args:
      names: list of str.
      roles: some keys of COLUMNS.
    """
    plain = [re.sub(r":.*|[^0-9a-z]", "", name.lower()) for name in names]
    found = {}
    for role in roles:
        known = [name for name in COLUMNS[role] if name in plain]
        if known:
            found[role] = plain.index(known[0])
    return found


def named_places(names, roles, named):
    """Return {role: index} by the names in the options, else by COLUMNS.

    Args:
      names: list of str, the columns.
      roles: keys of COLUMNS.
      named: {role: name, "" or "_"}.

    Returns:
      dict, or None if a name in the options is not among the names.
    """
    places = roles_of(names, roles)
    for role, name in named.items():
        if name == NOTHING:
            places.pop(role, None)
        elif name:
            if names.count(name) != 1:
                return None
            places[role] = names.index(name)
    # A column that the options name has only that role.
    taken = {places[role]: role for role, name in named.items() if name not in ("", NOTHING)}
    return {role: place for role, place in places.items() if taken.get(place, role) == role}


def places_in(names, roles, named):
    """Return `named_places`, or the places by COLUMNS alone if a named column is missing."""
    places = named_places(names, roles, named)
    return roles_of(names, roles) if places is None else places


def of_frame(function, names, options):
    """Return {role: index} for the columns of a data frame.

    Args:
      function: string, the caller, for errors.
      names: list of str.
      options: Options.

    Raises:
      InputError: a named column is missing or repeated, no column for users or items.
    """
    for role, name in named(options).items():
        checks.argument(name in ("", NOTHING) or names.count(name) == 1, function, role + "_column",
                        "one column " + checks.show(name), names)
    places = named_places(names, [role for role in EVENT_ROLES if role != "items"], named(options))
    for role in ("user", "item"):
        checks.argument(role in places, function, role + "_column", wanted([role]), names)
        checks.argument(names.count(names[places[role]]) == 1, function, role + "_column",
                        "one column " + checks.show(names[places[role]]), names)
    return places


def kind_weights(kept):
    """Return {event kind: weight} of texts such as "buy:3" and "view".

    Raises:
      ValueError: a repeated or empty kind, a weight that is not a finite number above 0.
    """
    found = {}
    for text in kept:
        kind, colon, weight = text.rpartition(":")
        kind, number = (kind.strip(), float(weight)) if colon else (text.strip(), 1.0)
        if not kind or kind in found or not 0 < number < 1e30:
            raise ValueError("not a kind with a weight above 0: " + text)
        found[kind] = number
    return found


def column_name(names, place):
    """Return the name of a column, or "column 3" if the file does not name it."""
    return names[place] if names[place] != "%d" % (place + 1) else "column " + names[place]


def named(options):
    """Return {role: the name of its column in the options}."""
    return {role: getattr(options, role + "_column") for role in EVENT_ROLES if role != "items"}


def wanted(roles):
    """Describe the columns of roles that a header must have."""
    return " and ".join("a column for the %s (%s, ...)" % (role, ", ".join(COLUMNS[role][:5]))
                        for role in roles)
