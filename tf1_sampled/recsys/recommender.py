"""Asks an exported recommender from Python: recommendations, similar items, user vectors.

    from tf1_sampled.recsys import recommender

    with recommender.Recommender("runs/recsys-1") as model:
        model.recommend(["Alien", "Heat"], k=3)                  # [(name, score), ...], best first
        model.recommend_many([["Alien"], ["Heat", "Casino"]])    # a list of these for each history
        model.similar_items("Alien", k=5)                        # [(name, cosine), ...]
        model.embed(["Alien", "Heat"])                           # float32 [D]
        model.search("ali")                                      # names

The folder holds saved_model/, items.tsv and, for similar_items, item_vectors.npy, as `export` writes
them.
"""
import collections
import os

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.recsys import columns, items as item_files, queries, similar

_OWN_INPUTS = ("items", "seen", "k", "user")
_BLOCK_ROWS = 1024  # histories that the model gets at once, at most
_BLOCK_SCORES = 1 << 24  # scores of them

_Query = collections.namedtuple("_Query", "items seen user context")
_Query.__doc__ = """One row for the model.

Fields:
  items: list of names that the model knows, in the order of time.
  seen: list of names that the model knows.
  user: string, "" for none.
  context: {column: string or number}, a value for each column of the model.
"""


class Recommender:
    """An exported model, which any number of threads may ask at once.

    It has a session and a graph of its own, and works with and without TensorFlow 2's eager execution.

    Attributes:
      names, titles, counts: lists of C strings, strings and integers: each item's name, title and
        events in training, in the order of ids.
      has_users: boolean, whether the model takes a user.
      context: {column: "string" or "number"}, the columns that each query must give a value for.
    """

    def __init__(self, folder):
        """Load a model.

        Args:
          folder: string, holds saved_model/ with the signatures recommend and embed_user, and items.tsv.

        Raises:
          InputError: a folder without these, a SavedModel of another kind.
        """
        self._folder = os.fspath(folder)
        table = os.path.join(self._folder, "items.tsv")
        path = os.path.join(self._folder, "saved_model")
        for name in (table, os.path.join(path, "saved_model.pb")):
            checks.file(os.path.isfile(name), name, "a file of an exported recommender", "none")
        self.names, self.titles, self.counts = item_files.read_items(table)
        checks.file(self.names, table, "items", "none")
        self._ids = {name: i for i, name in enumerate(self.names)}
        self._folded = [(title.casefold(), name.casefold())
                        for title, name in zip(self.titles, self.names)]
        self._vectors = None  # mapped when they are first asked for
        self._session = tf.Session(graph=tf.Graph())
        try:
            self._load(path)
            self._warm_up()
        except (OSError, RuntimeError, TypeError, ValueError, KeyError, tf.errors.OpError) as e:
            self._session.close()
            raise checks.InputError("%s: wanted a recommender's SavedModel, got: %s" % (
                path, " ".join(str(e).split())[:200])) from e

    def _load(self, path):
        """Load the SavedModel, and find out what its signatures take."""
        signatures = tf.saved_model.load(self._session, [tf.saved_model.SERVING], path).signature_def
        for name in ("recommend", "embed_user"):
            if name not in signatures:  # a protobuf map makes missing keys on access
                raise ValueError("no signature " + name)
        self._recommend, self._embed = signatures["recommend"], signatures["embed_user"]
        self.has_users = "user" in self._recommend.inputs
        self.context = _column_kinds(self._recommend.inputs)

    def _warm_up(self):
        """Run both signatures: the first run takes far longer, and a broken model fails here."""
        first = _Query(self.names[:1], [], "", {
            name: "" if kind == "string" else 0 for name, kind in self.context.items()})
        for name, _ in self._best([first], 1, repeat=True)[0]:
            self.title(name)
        self._run(self._embed, [first])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the session, and the runs in it. A closed Recommender cannot be asked again."""
        self._session.close()
        self._vectors = None

    def knows(self, name):
        """Return whether the model has an item of that name."""
        return name in self._ids

    def title(self, name):
        """Return the title of an item that the model knows."""
        return self.titles[self._ids[name]]

    def count(self, name):
        """Return the events in training of an item that the model knows."""
        return self.counts[self._ids[name]]

    def search(self, query, limit=20):
        """Find the most frequent items whose title or name contains a text, in any case.

        Args:
          query: string.
          limit: integer above 0, the number of items at most.

        Returns:
          list of names, the most frequent first.

        Raises:
          InputError: a query that is not a string, a limit that is not an integer above 0.
        """
        queries.want(isinstance(query, str), "query", "a string", query)
        _check_count("limit", limit)
        query, found = query.casefold(), []
        for i, (title, name) in enumerate(self._folded):
            if query in title or query in name:
                found.append(self.names[i])
                if len(found) == limit:
                    break
        return found

    def recommend(self, items, k=10, seen=None, user="", context=None, repeat=False):
        """Return the k best items for one history.

        Args:
          items: list of names, oldest first; those that the model does not know are passed over.
          k: integer above 0.
          seen: list of names to leave out.
          user: string; "" for none.
          context: {column: string or number}, a value for each column of the model.
          repeat: boolean, whether names of `items` may be recommended.

        Returns:
          list of (name, score), best first; shorter than k where the items run out.

        Raises:
          InputError: an argument that is not as above, neither an item that the model knows nor a user.
        """
        _check_count("k", k)
        _check_flag("repeat", repeat)
        query = self._query(items, seen, user, context)
        self._check_known(query, items)
        return self._best([query], k, repeat)[0]

    def recommend_many(self, histories, k=10, seen=None, users=None, contexts=None, repeat=False):
        """Return the k best items for each of many histories, in blocks of bounded memory.

        Args:
          histories: list of B lists of names, as `items` of `recommend`.
          k: integer above 0.
          seen: list of B lists of names to leave out; None for none.
          users: list of B strings; None for none.
          contexts: list of B dicts, as `context` of `recommend`; None where the model has no columns.
          repeat: boolean, whether names of a history may be recommended.

        Returns:
          list of B lists of (name, score), best first. That of a history without an item that the
          model knows, and without a user, is empty.

        Raises:
          InputError: as `recommend`, with the number of the row; lists of other lengths.
        """
        function = "recommend_many"
        _check_count("k", k)
        _check_flag("repeat", repeat)
        histories = list(histories)
        arguments = [histories]
        for name, values, none in (("seen", seen, None), ("users", users, ""),
                                   ("contexts", contexts, None)):
            values = [none] * len(histories) if values is None else list(values)
            checks.argument(len(values) == len(histories), function, name,
                            "one for each of the %d histories" % len(histories), len(values))
            arguments.append(values)
        rows = []
        for number, row in enumerate(zip(*arguments)):
            try:
                rows.append(self._query(*row))
            except checks.InputError as e:
                raise checks.InputError("row %d: %s" % (number, e)) from e

        best = [[] for _ in rows]
        answered = [i for i, row in enumerate(rows) if row.items or row.user]
        size = max(1, min(_BLOCK_ROWS, _BLOCK_SCORES // len(self.names)))
        for low in range(0, len(answered), size):
            block = answered[low:low + size]
            for i, one in zip(block, self._best([rows[i] for i in block], k, repeat)):
                best[i] = one
        return best

    def similar_items(self, item, k=10):
        """Return the items whose vectors have the largest cosines with that of an item.

        Args:
          item: string, a name that the model knows.
          k: integer above 0.

        Returns:
          list of (name, cosine), the most similar first, without the item itself; shorter than k where
          the items run out.

        Raises:
          InputError: an unknown item, a k that is not an integer above 0, a folder without
            item_vectors.npy or with one of another model.
        """
        queries.want(isinstance(item, str) and self.knows(item), "item", "a name that the model knows",
                     item)
        _check_count("k", k)
        row = self._ids[item]
        path = os.path.join(self._folder, "item_vectors.npy")
        vectors = self._vectors
        if vectors is None:
            vectors = self._vectors = _map_vectors(path, len(self.names))
        try:
            ids, cosines = similar.nearest(vectors, [row], k)
        except checks.InputError as e:  # numbers that are not finite
            raise checks.InputError("%s: %s" % (path, e)) from e
        return [(self.names[i], float(cosine)) for i, cosine in zip(ids[0], cosines[0])]

    def embed(self, items, user="", context=None):
        """Return the user vector of a history.

        Args:
          items: list of names, oldest first; those that the model does not know are passed over.
          user: string; "" for none.
          context: {column: string or number}, a value for each column of the model.

        Returns:
          float32 [D].

        Raises:
          InputError: an argument that is not as above, neither an item that the model knows nor a user.
        """
        query = self._query(items, None, user, context)
        self._check_known(query, items)
        return self._run(self._embed, [query])["vectors"][0]

    def _query(self, items, seen, user, context):
        """Return the checked _Query of arguments as `recommend` has them."""
        items, seen = queries.check_names("items", items), queries.check_names("seen", seen)
        queries.check_user(user, self.has_users)
        context = queries.check_context(context, self.context)
        return _Query([name for name in items if name in self._ids],
                      [name for name in seen if name in self._ids], user, context)

    def _check_known(self, query, items):
        """Raise InputError where a query has neither items nor a user."""
        queries.want(query.items or query.user, "items", "a name that the model knows" + (
            ", or a user" if self.has_users else ""), items)

    def _best(self, rows, k, repeat):
        """Return [(name, score)] for each _Query."""
        seen = [row.seen if repeat else row.seen + row.items for row in rows]
        answer = self._run(self._recommend, rows, seen=_padded(seen), k=min(k, len(self.names)))
        return [[(name.decode("utf-8"), float(score)) for name, score in zip(*row) if name]
                for row in zip(answer["items"], answer["scores"])]

    def _run(self, signature, rows, **values):
        """Return {output: array} of one run of a signature for some _Query."""
        values["items"] = _padded([row.items for row in rows])
        if self.has_users:
            values["user"] = _encoded([row.user for row in rows])
        for name, kind in self.context.items():
            column = [row.context[name] for row in rows]
            values[name] = _encoded(column) if kind == "string" else column
        return self._session.run(
            {name: info.name for name, info in signature.outputs.items()},
            {signature.inputs[name].name: value for name, value in values.items()})


def _column_kinds(inputs):
    """Return {column: "string" or "number"} of a signature's inputs."""
    # Sorted, since a protobuf map has no order.
    return {name: columns.asked_as(tf.as_dtype(info.dtype).name)
            for name, info in sorted(inputs.items()) if name not in _OWN_INPUTS}


def _check_count(name, value):
    """Raise InputError unless a value is an integer above 0."""
    queries.want(isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value > 0,
                 name, "an integer above 0", value)


def _check_flag(name, value):
    """Raise InputError unless a value is a boolean."""
    queries.want(isinstance(value, (bool, np.bool_)), name, "true or false", value)


def _encoded(names):
    """Return UTF-8 [N]: objects, since an array of strings would lose NULs at their ends."""
    return np.array([name.encode("utf-8") for name in names], object)


def _padded(lists):
    """Return UTF-8 [B, N], the names of B lists with "" to the right of them."""
    padded = np.full([len(lists), max(map(len, lists))], b"", object)
    for row, names in zip(padded, lists):
        row[:len(names)] = _encoded(names)
    return padded


def _map_vectors(path, num_items):
    """Return the item vectors in a file, [C, D], mapped into memory.

    Raises:
      InputError: no such file, or one of other contents.
    """
    wanted = "vectors of %d items" % num_items
    checks.file(os.path.isfile(path), path, wanted, "none")
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (EOFError, OSError, ValueError) as e:
        raise checks.InputError("%s: wanted %s, got: %s" % (path, wanted, str(e)[:200])) from e
    is_table = isinstance(vectors, np.ndarray) and vectors.ndim == 2 and vectors.dtype.kind == "f"
    checks.file(is_table and len(vectors) == num_items, path, wanted,
                "shape %s" % (vectors.shape,) if is_table else "something else")
    return vectors
