"""Query an exported recommender from Python: recommendations, similar items, user vectors.

    from tf1_sampled.recsys import recommender

    with recommender.Recommender("runs/recsys-1") as model:
        model.recommend(["Alien", "Heat"], k=3)                  # [(name, score), ...], best first
        model.recommend(user="u12", category={"genres": "War"})  # from the stored history of u12
        model.recommend_many([["Alien"], ["Heat", "Casino"]])    # one such list for each history
        model.similar_items("Alien", k=5)                        # [(name, cosine), ...]
        model.popular(3)                                         # [(name, events), ...]
        model.embed(["Alien", "Heat"])                           # float32 [D]
        model.search("ali")                                      # names

The folder is one that run_recsys.py or YouTubeDNN wrote. Its SavedModel computes user vectors; NumPy
scores the item vectors beside it, see `scoring`.
"""
import collections
import os

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.files import places
from tf1_sampled.recsys import (
    columns,
    index,
    item_categories,
    item_search,
    items as item_files,
    model_files,
    queries,
    questions,
    scoring,
    similar,
    trust,
    user_table,
)
from tf1_sampled.training import file_names

_EMBED, _RECOMMEND = "embed_user_ids", "recommend_ids"
_OWN_INPUTS = ("items", "user")
_BLOCK_ROWS = 1024  # most users in one run of the model
_BLOCK_SCORES = 1 << 24  # most scores in one run
_LEAST_INDEXED = 20000  # items; with fewer, scoring all of them is as fast as the index

Answer = collections.namedtuple("Answer", "best source unknown")
Answer.__doc__ = """The answer to a question.

Fields:
  best: list of (name, score), best first; (name, None) if `source` is "popular".
  source: "model", or "popular" if the model knows neither the user nor an item.
  unknown: questions.Unknown.
"""

class Recommender:
    """An exported model, which any number of threads may query at once.

    It has its own session and graph, and works with and without eager execution of TensorFlow 2.

    Example:

        from tf1_sampled.recsys import YouTubeDNN, recommender
        users, items = ["ann", "ann", "bob", "bob"], ["alien", "heat", "heat", "casino"]
        YouTubeDNN(dim=8, epochs=2, split="none", k=[2]).fit((users, items, None)).save("model")
        with recommender.Recommender("model") as model:
            model.recommend(["alien"], k=2)         # [(name, score), ...], best first

    Attributes:
      names, titles, counts: lists of C strings, strings and integers: each item's name, title and number
        of training events, by id.
      users: user_table.UserTable, the stored histories.
      categories: item_categories.ItemCategories.
      has_users: boolean, whether the model has a row for each user.
      context: {column: "string" or "number"}, the context columns of the model.
      repeats: boolean, whether it was trained with repeated events.
      is_ordered: boolean, whether the order of a history matters.
      is_exact: boolean, whether answers without a filter are exact; else the index finds them.
    """

    def __init__(self, folder, trust_model=False):
        """Load a model.

        Args:
          folder: string, a folder that results.export_model wrote. Without its subfolder "users", no
            user is known; without item_categories.npz, no category.
          trust_model: boolean, whether to load a SavedModel whose graph may do more than compute: read
            and write files, open connections, run programs. Trust such a model as you trust a program.

        Raises:
          InputError: a missing or invalid file, an index of other items, a link or a pipe in the folder;
            a graph that may do more than compute, without `trust_model`.
        """
        self._folder = os.fspath(folder)
        table, path = self._path("items.tsv"), places.kept_tree(self._folder, "saved_model")
        for name in (table, os.path.join(path, "saved_model.pb")):
            stopped = os.path.isfile(self._path(file_names.NEWEST))
            checks.file(os.path.isfile(name), name, "a file of an exported recommender",
                        "none, as the training was stopped; resume it" if stopped else "none")
        self.names, self.titles, self.counts = item_files.read_items(table)
        checks.file(self.names, table, "items", "none")
        self._ids = {name: i for i, name in enumerate(self.names)}
        self._popular = np.argsort(-np.array(self.counts, np.int64), kind="stable")
        self.repeats, self.is_ordered, self._history_length = model_files.read_about(self._folder)
        self.users = user_table.UserTable(self._path(model_files.USERS), len(self.names))
        self.categories = item_categories.ItemCategories(self._path(model_files.CATEGORIES),
                                                         len(self.names))
        self._search = None  # built at the first search
        self._vectors, self._scorer = self._load_vectors()
        if not trust_model:
            trust.check(path, [_EMBED, _RECOMMEND])
        self._session = tf.Session(graph=tf.Graph())
        try:
            self._load_model(path)
            last = questions.Row([len(self.names) - 1], len(self.users) - 1, self._first_context(), None,
                                 None, True)
            shapes = self._vectors_of([last]).shape, (1, self._vectors.shape[1])
            if shapes[0] != shapes[1]:
                raise ValueError("user vectors of shape %s instead of %s" % shapes)
        except (OSError, RuntimeError, TypeError, ValueError, KeyError, tf.errors.OpError) as e:
            self._session.close()
            raise checks.InputError("%s: wanted a recommender's SavedModel, got: %s" % (
                path, " ".join(str(e).split())[:200])) from e
        self._resolver = questions.Resolver(self._ids, self.users, self.categories, self.context,
                                            has_user_rows=self.has_users, repeats=self.repeats)

    @property
    def is_exact(self):
        return self._scorer.is_exact

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the session and end its runs. A closed Recommender cannot be queried."""
        self._session.close()

    def knows(self, name):
        """Return whether the model has an item.

        Args:
          name: string.

        Returns:
          boolean.
        """
        return name in self._ids

    def title(self, name):
        """Return the title of a known item.

        Args:
          name: string, the name of a known item.

        Returns:
          string.
        """
        return self.titles[self._ids[name]]

    def count(self, name):
        """Return the number of training events of a known item.

        Args:
          name: string, the name of a known item.

        Returns:
          integer.
        """
        return self.counts[self._ids[name]]

    def search(self, query, limit=20):
        """Find items by text, ignoring case; see item_search.ItemSearch.find.

        Args:
          query: string.
          limit: integer above 0, the largest number of items.

        Returns:
          list of names: exact titles and names first, then those that begin with the text, then those
          with all its words in any order; more frequent items first among equals.

        Raises:
          InputError: a query that is not a string, a limit that is not an integer above 0.
        """
        queries.want(isinstance(query, str), "query", "a string", query)
        queries.check_count("limit", limit)
        if self._search is None:
            self._search = item_search.ItemSearch(self.names, self.titles)
        return [self.names[i] for i in self._search.find(query, limit)]

    def recommend(self, items=(), k=10, user="", exclude=(), candidates=None, category=None,
                  context=None, repeat=None):
        """Return the k best items for one history.

        Args:
          items: list of names, oldest first: the history. Unknown names are ignored. If none is known,
            the stored history of `user` counts. Integers are converted to text, here and below.
          k: integer above 0.
          user: name; "" for none. The user's earlier items are never recommended, whatever `items` is.
          exclude: list of names that are not recommended.
          candidates: list of names, the only ones that may be recommended; None for all.
          category: {column: value or list of values}: a recommended item has one of the values in each
            of these item columns; None for all items.
          context: {column: string or number}, the context columns of the model. Columns of --users are
            optional for a known user.
          repeat: boolean, whether the user's earlier items may be recommended; None for yes if the model
            was trained with --repeats.

        Returns:
          list of (name, score), best first; shorter than k if there are too few items.

        Raises:
          InputError: an argument is invalid, or neither an item nor the user is known.
        """
        row = self.resolve(queries.Question(items, user, k, exclude, candidates, category, context,
                                            repeat))
        self._check_known(row, items)
        return self.answer([row])[0].best

    def resolve(self, question, longest=None, most=None):
        """Return the questions.Row of a queries.Question; see questions.Resolver.resolve."""
        return self._resolver.resolve(question, longest, most)

    def popular(self, k=10, exclude=(), candidates=None, category=None):
        """Return the items with the most training events.

        Args:
          k: integer above 0.
          exclude: list of names to leave out.
          candidates: list of names, the only ones that may be returned; None for all.
          category: {column: value or list of values}, a filter as in `recommend`; None for all items.

        Returns:
          list of (name, number of events), most frequent first.

        Raises:
          InputError: an argument is invalid.
        """
        row = self.resolve(queries.Question((), "", k, exclude, candidates, category))
        return [(self.names[i], self.counts[i]) for i in self._most_popular(row.wanted)]

    def answer(self, rows):
        """Answer questions with one run of the model.

        Args:
          rows: list of questions.Row.

        Returns:
          list of Answer.
        """
        known = [row for row in rows if row.is_known]
        best = iter(self._best(known))
        answers = []
        for row in rows:
            if row.is_known:
                answers.append(Answer(next(best), "model", row.unknown))
            else:
                popular = [(self.names[i], None) for i in self._most_popular(row.wanted)]
                answers.append(Answer(popular, "popular", row.unknown))
        return answers

    def recommend_many(self, histories, k=10, exclude=None, users=None, contexts=None, repeat=False):
        """Return the k best items for each of many histories, in blocks of bounded memory.

        The stored histories of the users are not used.

        Args:
          histories: list of B lists of names, each oldest first.
          k: integer above 0.
          exclude: list of B lists of names to leave out; None for none.
          users: list of B strings; None for none.
          contexts: list of B {column: string or number}; None if the model has no context columns.
          repeat: boolean, whether items of a history may be recommended.

        Returns:
          list of B lists of (name, score), best first; empty for a row without a known item and without
          a known user.

        Raises:
          InputError: an invalid argument, with the number of its row; lists of other lengths.
        """
        histories = list(histories)
        arguments = [histories]
        for name, values, none in (("exclude", exclude, ()), ("users", users, ""),
                                   ("contexts", contexts, None)):
            values = [none] * len(histories) if values is None else list(values)
            checks.argument(len(values) == len(histories), "recommend_many", name,
                            "one for each of the %d histories" % len(histories), len(values))
            arguments.append(values)
        queries.check_count("k", k)
        queries.check_flag("repeat", repeat)
        rows = []
        for number, (items, hidden, user, context) in enumerate(zip(*arguments)):
            try:
                rows.append(self._resolver.given(queries.Question(
                    items, user, k, hidden, context=context, repeat=repeat)))
            except checks.InputError as e:
                raise checks.InputError("row %d: %s" % (number, e)) from e
        return self._best_if_known(rows)

    def recommend_stored(self, places, k=10, repeat=None, context=None):
        """Return the k best items of users, from their stored histories.

        Args:
          places: integers [B], from `users.find`.
          k: integer above 0.
          repeat: boolean, whether the user's earlier items may be recommended; None for yes if the model
            was trained with --repeats.
          context: {column: string or number}, for all users; missing columns are those of each user's
            last event.

        Returns:
          list of B lists of (name, score), best first; empty for a user without a history and a row.

        Raises:
          InputError: an argument is invalid, or a column is not stored.
        """
        return self._best_if_known([self._resolver.stored(place, k, repeat, context)
                                    for place in places])

    def similar_items(self, item, k=10, exclude=(), candidates=None, category=None):
        """Return the items with the largest cosine similarity to an item.

        Args:
          item: name of a known item.
          k: integer above 0.
          exclude: list of names to leave out.
          candidates: list of names, the only ones that may be returned; None for all.
          category: {column: value or list of values}, a filter as in `recommend`; None for all items.

        Returns:
          list of (name, cosine), the most similar first, without the item itself; shorter than k if
          there are too few items.

        Raises:
          InputError: an unknown item, or another invalid argument.
        """
        row = self.resolve(queries.Question((), "", k, exclude, candidates, category))
        item = queries.as_name(item)
        queries.want(isinstance(item, str) and self.knows(item), "item", "a known item", item)
        among = row.wanted.allowed
        if len(row.wanted.hidden):
            among = np.setdiff1d(np.arange(len(self.names)) if among is None else among,
                                 row.wanted.hidden)
        ids, cosines = similar.nearest(self._vectors, [self._ids[item]], k, among)
        return [(self.names[i], float(cosine)) for i, cosine in zip(ids[0], cosines[0])]

    def embed(self, items=(), user="", context=None):
        """Return the user vector of a history.

        Args:
          items: list of names, oldest first. If none is known, the stored history of `user` counts.
          user: name; "" for none.
          context: {column: string or number}, the context columns of the model. Columns of --users are
            optional for a known user.

        Returns:
          float32 [D].

        Raises:
          InputError: an argument is invalid, or neither an item nor the user is known.
        """
        row = self.resolve(queries.Question(items, user, context=context))
        self._check_known(row, items)
        return self.vectors([row])[0]

    def vectors(self, rows):
        """Return the user vectors of questions.Row that are known: float32 [B, D]."""
        return self._vectors_of(rows)

    def _path(self, name):
        return places.kept(self._folder, name)

    def _load_vectors(self):
        """Return (item vectors [C, D], mapped into memory; their ItemScorer)."""
        wanted = "%s of %d items"
        arrays = []
        for name, kind in (("item_vectors.npy", "vectors"), ("item_biases.npy", "biases")):
            path = self._path(name)
            arrays.append(model_files.map_array(path, wanted % (kind, len(self.names))))
            checks.file(arrays[-1].ndim > 0 and len(arrays[-1]) == len(self.names), path,
                        wanted % (kind, len(self.names)), "shape %s" % (arrays[-1].shape,))
        path, found = self._path(model_files.INDEX), None
        if len(self.names) >= _LEAST_INDEXED and os.path.isfile(path) and index.is_available():
            found = index.load(path)
        try:
            return arrays[0], scoring.ItemScorer(arrays[0], arrays[1], found)
        except checks.InputError as e:
            raise checks.InputError("%s: %s" % (self._folder, e)) from e

    def _load_model(self, path):
        """Load the SavedModel and read the inputs of its signature."""
        signatures = tf.saved_model.load(self._session, [tf.saved_model.SERVING], path).signature_def
        if _EMBED not in signatures:  # a protobuf map adds missing keys on access
            raise ValueError("no signature " + _EMBED)
        inputs, outputs = signatures[_EMBED].inputs, signatures[_EMBED].outputs
        self.has_users = "user" in inputs
        # Sorted, since a protobuf map has no order.
        self.context = {name: columns.asked_as(tf.as_dtype(info.dtype).name)
                        for name, info in sorted(inputs.items()) if name not in _OWN_INPUTS}
        graph = self._session.graph
        fed = ["items"] + ["user"] * self.has_users + list(self.context)
        self._embed = self._session.make_callable(
            graph.get_tensor_by_name(outputs["vectors"].name),
            [graph.get_tensor_by_name(inputs[name].name) for name in fed])
        if _RECOMMEND in signatures:  # a SavedModel of another program may lack it
            self._check_num_items(signatures[_RECOMMEND])

    def _check_num_items(self, signature):
        """Raise ValueError unless the model has as many items as items.tsv."""
        none, graph = np.zeros([1, 0], np.int64), self._session.graph
        values = dict({name: [value] for name, value in self._first_context().items()}, items=none,
                      seen=none, k=len(self.names) + 1, user=[-1])
        found = self._session.run(
            graph.get_tensor_by_name(signature.outputs["items"].name),
            {graph.get_tensor_by_name(info.name): values[name]
             for name, info in signature.inputs.items()})
        if found.shape[1] != len(self.names):
            raise ValueError("%s items than the %d of items.tsv" % (
                "more" if found.shape[1] > len(self.names) else "fewer", len(self.names)))

    def _first_context(self):
        return {name: "" if kind == "string" else 0.0 for name, kind in self.context.items()}

    def _check_known(self, row, items):
        """Raise InputError if a Row has neither a history nor a user row."""
        if row.unknown.users and not len(items):
            queries.want(row.is_known, "user", "a known user", row.unknown.users[0])
        queries.want(row.is_known, "items", "a known item or a known user", items)

    def _most_popular(self, wanted):
        """Return the ids of the most frequent items that a scoring.Wanted allows."""
        is_left = np.ones(len(self.names), bool)
        if wanted.allowed is not None:
            is_left[:] = False
            is_left[wanted.allowed] = True
        is_left[wanted.hidden] = False
        return self._popular[is_left[self._popular]][:wanted.k].tolist()

    def _best_if_known(self, rows):
        """Return [(name, score)] for each Row, empty for an unknown one."""
        best = iter(self._best([row for row in rows if row.is_known]))
        return [next(best) if row.is_known else [] for row in rows]

    def _best(self, rows):
        """Return [(name, score)] for each Row, in blocks of bounded memory."""
        names, found = self.names, []
        size = max(1, min(_BLOCK_ROWS, _BLOCK_SCORES // len(names)))
        for low in range(0, len(rows), size):
            block = rows[low:low + size]
            best = self._scorer.best(self._vectors_of(block), [row.wanted for row in block])
            for row, (ids, scores) in zip(block, best):
                _check_numbers(np.isfinite(scores).all(), row)
                found.append([(names[i], score) for i, score in zip(ids.tolist(), scores.tolist())])
        return found

    def _vectors_of(self, rows):
        """Return the user vectors of Rows: float32 [B, D]."""
        histories = [row.history[-self._history_length:] if self._history_length else row.history
                     for row in rows]
        items = np.full([len(rows), max(map(len, histories), default=0)], -1, np.int64)
        for line, history in zip(items, histories):
            line[:len(history)] = history
        fed = [items]
        if self.has_users:
            fed.append(np.array([row.user for row in rows], np.int64))
        for name, kind in self.context.items():
            values = [row.context[name] for row in rows]
            # Object arrays: string arrays would lose trailing NULs.
            fed.append(np.array([value.encode("utf-8") for value in values], object)
                       if kind == "string" else np.array(values, np.float32))
        vectors = self._embed(*fed)
        for row, is_finite in zip(rows, np.isfinite(vectors).all(1)):
            _check_numbers(is_finite, row)
        return vectors


def _check_numbers(are_finite, row):
    """Raise InputError unless the user vector and the scores of a Row are finite."""
    queries.want(are_finite, "context", "numbers that give finite scores", row.context)
