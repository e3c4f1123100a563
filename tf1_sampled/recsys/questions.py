"""Convert a question to the ids of a model: the history, the user, and the items that may be offered.

    resolver = Resolver(item_ids, users, categories, context={"device": "string"}, has_user_rows=False,
                        repeats=False)
    row = resolver.resolve(queries.Question(user="u12", k=5, category={"genres": "War"}))
    row.history, row.wanted.hidden, row.wanted.allowed, row.unknown

TensorFlow is not imported.
"""
import collections

import numpy as np

from tf1_sampled.recsys import queries, scoring

Unknown = collections.namedtuple("Unknown", "items users categories")
Unknown.__doc__ = """The names of a question that the model does not know.

Fields:
  items, users: lists of names, each once.
  categories: list of (column, value), of items and of the context.
"""

Row = collections.namedtuple("Row", "history user context wanted unknown is_known")
Row.__doc__ = """A question as ids of a model.

Fields:
  history: integers [n], ids of items, oldest first.
  user: integer, the user's row; -1 for none.
  context: {column: string or number}, complete if `is_known`.
  wanted: scoring.Wanted.
  unknown: Unknown.
  is_known: boolean, whether there is a history or a user row.
"""


class Resolver:
    """A converter of questions for one model.

    Args:
      item_ids: {name: id}.
      users: user_table.UserTable.
      categories: item_categories.ItemCategories.
      context: {column: "string" or "number"}, the columns of the model.
      has_user_rows: boolean, whether the model has a row for each user.
      repeats: boolean, whether it was trained with repeated events.
    """

    def __init__(self, item_ids, users, categories, context, has_user_rows, repeats):
        self._ids, self._users, self._categories = item_ids, users, categories
        self._context, self._has_user_rows, self._repeats = context, has_user_rows, repeats
        self._context_values = {name: frozenset(values) for name, (values, _) in users.columns.items()
                                if values is not None}

    def resolve(self, question, longest=None, most=None):
        """Return the Row of a question.

        Args:
          question: queries.Question.
          longest: integer, the largest number of characters of a name; None for any number.
          most: integer, the largest number of names in a list; None for any number.

        Raises:
          InputError: an invalid field, see queries.Question; a context without a column of the model.
        """
        queries.check_count("k", question.k)
        items, exclude = (queries.check_names(field, getattr(question, field), longest, most)
                          for field in ("items", "exclude"))
        user = queries.check_name("user", question.user, longest, least=0)
        place = self._users.find(user) if user else -1
        candidates, allowed, unknown = self._allowed(question, longest, most)
        history, had = self._known_ids(items), self._users.items(place) if place >= 0 else []
        is_known = bool(history or len(had) or (self._has_user_rows and place >= 0))
        context = queries.check_context(question.context, self._context, longest)
        unknown += [(name, value) for name, value in context.items()
                    if name in self._context_values and value not in self._context_values[name]]
        if place >= 0:
            context = dict(self._users.context(place, of_user=True), **context)
        if is_known:
            queries.check_complete(context, self._context)
        hidden = [self._known_ids(exclude)]
        if not self._may_repeat(question.repeat):
            hidden += [history, had]
        names = [name for name in items + exclude + candidates if name not in self._ids]
        return Row(history or had, place if self._has_user_rows else -1, context,
                   scoring.Wanted(question.k, np.concatenate(hidden).astype(np.int64), allowed),
                   Unknown(list(dict.fromkeys(names)), [user] if user and place < 0 else [], unknown),
                   is_known)

    def given(self, question):
        """Return the Row of a question with its `items` as the history, ignoring stored histories.

        Args:
          question: queries.Question; only items, user, k, exclude, context and repeat are used.

        Raises:
          InputError: see `resolve`.
        """
        queries.check_count("k", question.k)
        items = self._known_ids(queries.check_names("items", question.items))
        hidden = self._known_ids(queries.check_names("exclude", question.exclude))
        user = queries.check_name("user", question.user, least=0)
        context = queries.check_context(question.context, self._context)
        place = self._users.find(user) if user and self._has_user_rows else -1
        is_known = bool(items or place >= 0)
        if is_known:
            queries.check_complete(context, self._context)
        hidden = np.array(hidden if self._may_repeat(question.repeat) else hidden + items, np.int64)
        return Row(items, place, context, scoring.Wanted(question.k, hidden, None), None, is_known)

    def stored(self, place, k, repeat=None, context=None):
        """Return the Row of a user with the stored history.

        Args:
          place: integer, from UserTable.find.
          k: integer above 0.
          repeat: see queries.Question.
          context: {column: value}; missing columns are those of the user's last event.

        Raises:
          InputError: an invalid argument, a column that is not stored.
        """
        queries.check_count("k", k)
        had = self._users.items(place)
        context = dict(self._users.context(place), **queries.check_context(context, self._context))
        is_known = bool(len(had) or self._has_user_rows)
        if is_known:
            queries.check_complete(context, self._context)
        hidden = had[:0] if self._may_repeat(repeat) else had
        return Row(had, place if self._has_user_rows else -1, context, scoring.Wanted(k, hidden, None),
                   None, is_known)

    def _may_repeat(self, repeat):
        repeat = self._repeats if repeat is None else repeat
        queries.check_flag("repeat", repeat)
        return repeat

    def _known_ids(self, names):
        """Return the ids of the known names."""
        ids = self._ids
        return [ids[name] for name in names if name in ids]

    def _allowed(self, question, longest, most):
        """Return (names of candidates, allowed ids or None, unknown (column, value)) of a question."""
        category = queries.check_category(question.category, self._categories.names, longest, most)
        ids, unknown = self._categories.allowed(category) if category else (None, [])
        if question.candidates is None:
            return [], ids, unknown
        names = queries.check_names("candidates", question.candidates, longest, most)
        some = np.unique(np.array(self._known_ids(names), np.int64))
        return names, some if ids is None else np.intersect1d(ids, some, True), unknown
