"""Search the best items of a large catalogue approximately, without scoring all of them.

    index.build("runs/recsys-1/item.faiss", vectors, biases, user_vectors)
    ids, scores = index.search(index.load("runs/recsys-1/item.faiss"), user_vectors, k=20)

The index is a graph; a search walks from item to item towards larger scores (HNSW). faiss builds it, and
programs of faiss can use the file too: a query is a user vector and a 1. The bias is one more dimension:

    score = <u, x> + b = <(u, s, t), (x, (b - m) / s, m / t)>,   m = mean of the biases

Any s gives the same scores, but not the same graph. With raw log frequencies (s = 1, m = 0), all items
would lie in one direction and the walk would miss most of them. So s is the length of a user vector, and
items are near each other as users see them. The third part, a constant, offsets the scores. Its scale t
is so large that it does not affect the distances.

On 41,000 items of 64 dimensions in 400 clusters, with the log frequencies of Zipf's law as biases,
recall@20 was .9997 for a cosine model of temperature 1 / 12, and .992 for dot products with items of
lognormal lengths; with s = 1 and m = 0 it was .27 and .83.

Reference: Malkov and Yashunin 2018, "Efficient and Robust Approximate Nearest Neighbor Search Using
  Hierarchical Navigable Small World Graphs".
"""
import collections
import os
import re
import time

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import reading, writing

try:
    import faiss
except ImportError:  # an optional dependency
    faiss = None

_NEIGHBOURS = 32  # of each item in the graph (M)
_BUILD_BEAM = 200  # candidates for an item's neighbours (efConstruction)
_SEARCH_BEAM = 128  # candidates of a search, or k if larger (efSearch)
_CONSTANT_SCALE = 100  # t, in lengths of a user vector
_BLOCK = 1 << 16  # items at a time

Recall = collections.namedtuple("Recall", "recall queries_per_second exact_queries_per_second")
Recall.__doc__ = """The quality and speed of an index.

  recall: float, the share of the k best items that the index finds.
  queries_per_second: float, with the index.
  exact_queries_per_second: float, with a search of all scores.
"""


def is_available():
    """Return whether faiss is installed."""
    return faiss is not None


def check_available():
    """Raise InputError, which names the extra to install, unless faiss is installed."""
    checks.argument(is_available(), "index", "faiss", "faiss: pip install 'tf1_sampled[ann]'", None)


def build(path, vectors, biases, user_vectors):
    """Write an index, whole or not at all.

    Args:
      path: string, the file to write.
      vectors: float32 [C, D], as `export.write_item_vectors` writes them; may be a mapped file.
      biases: float32 [C].
      user_vectors: float32 [n, D], a sample of the queries, for their length.

    Raises:
      InputError: faiss is missing, shapes that do not fit, numbers that are not finite, no item, a path
        that cannot be written.
    """
    check_available()
    checks.argument(np.ndim(vectors) == 2 and min(np.shape(vectors)) > 0, "build", "vectors",
                    "shape [C, D]", np.shape(vectors))
    num_items, width = vectors.shape
    biases = np.asarray(biases, np.float32)
    checks.argument(biases.shape == (num_items,), "build", "biases", "shape [%d]" % num_items,
                    biases.shape)
    checks.argument(np.isfinite(biases).all(), "build", "biases", "finite numbers",
                    biases[~np.isfinite(biases)][:5].tolist())
    user_vectors = _checked_users("build", user_vectors, width)
    checks.argument(len(user_vectors) > 0, "build", "user_vectors", "a sample of users",
                    len(user_vectors))
    length = float(np.sqrt(np.mean(np.einsum("nd,nd->n", user_vectors, user_vectors, dtype=np.float64))))
    scale = length or 1.0  # if all user vectors are zero
    mean, constant_scale = float(biases.mean(dtype=np.float64)), _CONSTANT_SCALE * scale

    graph = faiss.IndexHNSWFlat(width + 2, _NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction, graph.hnsw.efSearch = _BUILD_BEAM, _SEARCH_BEAM
    for low in range(0, num_items, _BLOCK):
        part = slice(low, low + _BLOCK)
        rows = np.empty([len(biases[part]), width + 2], np.float32)
        rows[:, :width] = vectors[part]
        rows[:, width] = (biases[part] - mean) / scale
        rows[:, width + 1] = mean / constant_scale
        wrong = ~np.isfinite(rows).all(axis=1)
        checks.argument(not wrong.any(), "build", "vectors", "finite numbers", rows[wrong][:1].tolist())
        graph.add(rows)

    # Converts the query (u, 1) to (u, s, t).
    matrix = np.eye(width + 2, width + 1, dtype=np.float32)
    matrix[width:, width] = scale, constant_scale
    transform = faiss.LinearTransform(width + 1, width + 2)
    faiss.copy_array_to_vector(matrix.ravel(), transform.A)
    transform.is_trained = True
    with writing.writing(path, "wb") as stream:
        faiss.write_index(faiss.IndexPreTransform(transform, graph),
                          faiss.PyCallbackIOWriter(stream.write))


def load(path):
    """Load the faiss index in a file that `build` wrote.

    Raises:
      InputError: faiss is missing, a file that cannot be read or is not such an index.
    """
    check_available()
    path = os.fspath(path)
    with reading.open_binary(path):  # a missing or changing file raises our own errors
        try:
            index = faiss.read_index(path)
        except RuntimeError as e:
            reason = re.sub(r".*\.cpp:\d+: ", "", str(e).strip().split("\n")[-1])
            raise checks.InputError("%s: wanted an index of items, got: %s" % (path, reason)) from e
    is_ours = isinstance(index, faiss.IndexPreTransform) and isinstance(
        faiss.downcast_index(index.index), faiss.IndexHNSWFlat)
    checks.file(is_ours, path, "an index of items", "a faiss " + type(index).__name__)
    return index


def search(index, user_vectors, k):
    """Return the k items of the largest scores, approximately.

    Args:
      index: from `load`.
      user_vectors: float32 [n, D].
      k: integer.

    Returns:
      (ids int64 [n, k], scores float32 [n, k]), best first; -1 and -inf if the index finds fewer.

    Raises:
      InputError: user vectors of another width or not finite, a k that is not an integer above 0.
    """
    checks.positive("search", "k", k)
    queries = _queries("search", index, user_vectors)
    _graph(index).hnsw.efSearch = max(int(k), _SEARCH_BEAM)
    return _best(index, queries, k)


def rows(index, ids):
    """Return the item vectors in an index.

    Args:
      index: from `load`.
      ids: integer [n], from 0 to the number of items - 1.

    Returns:
      float32 [n, D].
    """
    storage = faiss.downcast_index(_graph(index).storage)
    return np.array([storage.reconstruct(int(i)) for i in ids], np.float32)[:, :index.d - 1]


def recall(index, user_vectors, k):
    """Measure the share of the k best items that the index finds, and its speed beside exact search.

    Args:
      index: from `load`.
      user_vectors: float32 [n, D], n above 0.
      k: integer, at most the number of items.

    Returns:
      Recall.

    Raises:
      InputError: see `search`; no users, a k above the number of items.
    """
    queries = _queries("recall", index, user_vectors)
    checks.argument(len(queries) > 0, "recall", "user_vectors", "at least one user", len(queries))
    checks.positive("recall", "k", k)
    checks.argument(k <= index.ntotal, "recall", "k", "at most %d items" % index.ntotal, k)
    start = time.perf_counter()
    found = search(index, user_vectors, k)[0]
    between = time.perf_counter()
    exact = faiss.downcast_index(_graph(index).storage)
    best = _best(exact, index.chain.at(0).apply(queries), k)[0]
    end = time.perf_counter()
    hits = sum(np.isin(ids, wanted).sum() for ids, wanted in zip(found, best))
    return Recall(float(hits / best.size), len(queries) / (between - start),
                  len(queries) / (end - between))


def _graph(index):
    """Return the HNSW graph behind the transform of queries."""
    return faiss.downcast_index(index.index)


def _best(index, queries, k):
    scores, ids = index.search(queries, int(k))
    return ids, np.where(ids < 0, np.float32(-np.inf), scores)


def _queries(function, index, user_vectors):
    """Return user vectors with a 1 appended: float32 [n, D + 1]."""
    users = _checked_users(function, user_vectors, index.d - 1)
    return np.concatenate([users, np.ones([len(users), 1], np.float32)], 1)


def _checked_users(function, user_vectors, width):
    users = np.asarray(user_vectors, np.float32)
    checks.argument(users.ndim == 2 and users.shape[1] == width, function, "user_vectors",
                    "shape [n, %d]" % width, users.shape)
    finite = np.isfinite(users).all(axis=1)
    checks.argument(finite.all(), function, "user_vectors", "finite numbers",
                    users[~finite][:1].tolist())
    return users
