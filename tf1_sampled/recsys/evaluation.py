"""How well scores rank what the user took next, over the whole catalogue.

Every item that the user has not had is a candidate: metrics over a sample of the catalogue can put
models in another order (Krichene and Rendle 2020, "On Sampled Metrics for Item Recommendation").
Models and baselines go through the same `evaluate`:

    evaluate(model_scores, users, targets, seen, num_items)
    evaluate(popularity_baseline(events.item_counts), users, targets, seen, num_items)
    evaluate(random_baseline(num_items, seed=1), users, targets, seen, num_items)

Ties count against the target everywhere: equal scores for all items earn no credit.

Axes: B users, C items, P targets. Rows of ids, one row for each user, are either a list of id
sequences or `events.Rows` (items, begin, end), as `events.histories` gives it.
"""
import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import events


def _pairs(function, name, rows, num_rows, num_items):
    """(row int64 [n], id int64 [n]) of rows of ids."""
    if isinstance(rows, tuple):
        checks.argument(len(rows) == 3, function, name, "(items, begin, end)",
                        "%d arrays" % len(rows))
        items, begin, end = (np.asarray(part) for part in rows)
        lengths = end.astype(np.int64) - begin
        ids = items[events.ranges(begin, lengths)]
    else:
        lengths = np.array([len(row) for row in rows], np.int64)
        # An empty list would become floats, and make floats of all.
        ids = np.concatenate([lengths[:0]] + [np.asarray(row) for row in rows if len(row)])
    checks.argument(len(lengths) == num_rows, function, name, "%d rows of ids" % num_rows,
                    "%d rows" % len(lengths))
    return (np.repeat(np.arange(num_rows), lengths),
            _checked_ids(function, name, ids, num_items))


def _checked_ids(function, name, ids, num_items):
    """int64 ids in [0, num_items)."""
    ids = np.asarray(ids)
    checks.argument(ids.dtype.kind in "iu", function, name, "integer ids", ids.dtype.name)
    outside = (ids < 0) | (ids >= num_items)
    if outside.any():
        checks.argument(False, function, name, "ids from 0 to %d" % (num_items - 1),
                        ids[outside][0].item())
    return ids.astype(np.int64)


def _checked_scores(function, scores):
    """scores as a float array [B, C] without NaN."""
    scores = np.asarray(scores)
    checks.argument(scores.ndim == 2 and scores.shape[1] > 0, function, "scores",
                    "shape [users, items]", scores.shape)
    if scores.dtype.kind != "f":
        scores = scores.astype(np.float64)
    # The minimum of an array with a NaN is NaN: no second array of that size is needed.
    if scores.size and np.isnan(np.min(scores)):
        row, item = np.argwhere(np.isnan(scores))[0]
        checks.argument(False, function, "scores[%d, %d]" % (row, item), "a number",
                        float(scores[row, item]))
    return scores


def _unseen(function, scores, seen):
    """bool [B, C], False where the user has had the item."""
    unseen = np.ones(scores.shape, np.bool_)
    if seen is not None:
        unseen[_pairs(function, "seen", seen, *scores.shape)] = False
    return unseen


def rank_of_targets(scores, targets, seen=None, rows=None):
    """The place of each target among the items that its user has not had, 0 for the best.

        rank = #{unseen j that is no target of the user: s_j >= s_t}
             + #{other targets j of the user: s_j > s_t, or s_j = s_t and j is listed before t}

    A tie counts against the target: an item of equal score comes before it. A target always is a
    candidate, also where `seen` has it.

    Args:
      scores: float [B, C].
      targets: int [B], or int [P] with `rows`.
      seen: rows of ids, B of them, to be left out of the ranking; None for none.
      rows: int [P], the row of each target where users have several; None for one per row.

    Returns:
      int64 [B] or [P].

    Raises:
      InputError: shapes that do not fit, ids outside [0, C), a NaN score, a repeated target.
    """
    function = "rank_of_targets"
    scores = _checked_scores(function, scores)
    num_rows, num_items = scores.shape
    targets = _checked_ids(function, "targets", targets, num_items)
    several = rows is not None
    rows = _checked_ids(function, "rows", rows, num_rows) if several else np.arange(num_rows)
    checks.argument(targets.shape == rows.shape, function, "targets", "shape %s" % (rows.shape,),
                    targets.shape)
    candidates = _unseen(function, scores, seen)
    candidates[rows, targets] = True
    if not several:
        ahead = scores >= scores[rows, targets][:, np.newaxis]
        ahead &= candidates
        return np.count_nonzero(ahead, axis=1) - 1

    distinct = len(np.unique(rows * num_items + targets))
    checks.argument(distinct == len(targets), function, "targets", "different ids in each row",
                    "%d repeated" % (len(targets) - distinct))
    ranks = np.empty(len(targets), np.int64)
    for low in range(0, len(targets), max(num_rows, 1)):  # at a time as many as users
        row, target = rows[low:low + num_rows], targets[low:low + num_rows]
        ahead = scores[row] >= scores[row, target][:, np.newaxis]
        ahead &= candidates[row]
        ranks[low:low + num_rows] = np.count_nonzero(ahead, axis=1) - 1
    # Targets of one row have one rank now where they tie: the last listed keeps it.
    order = np.lexsort((ranks, rows))
    tied = rows[order] * num_items + ranks[order]
    last = np.searchsorted(tied, tied, side="right") - 1
    ranks[order] -= last - np.arange(len(order))
    return ranks


def metrics(ranks, k_list, num_items, rows=None):
    """Means over users of what the ranks of their relevant items are worth.

    With one relevant item of rank r (0 is the best):

        HR@k   = 1 if r < k, else 0
        NDCG@k = 1 / log2(r + 2) if r < k, else 0
        MRR    = 1 / (r + 1), over the full ranking, not cut at any k

    With n relevant items (`rows` given):

        HR@k     = 1 if any r < k, else 0
        Recall@k = #{r < k} / n
        NDCG@k   = sum_{r < k} 1 / log2(r + 2) / sum_{i < min(k, n)} 1 / log2(i + 2)
        MRR      = 1 / (smallest r + 1)

    Args:
      ranks: int [P], from `rank_of_targets`.
      k_list: ints, up to num_items.
      num_items: int, C.
      rows: int [P], the user of each rank; None for one rank per user. Users without any do not
        count in the means.

    Returns:
      {"HR@k": float, "Recall@k": float (with `rows` only), "NDCG@k": float, ..., "MRR": float}.

    Raises:
      InputError: no ranks, ranks or k outside of what num_items items allow.

    Reference: Jarvelin and Kekalainen 2002, "Cumulated gain-based evaluation of IR techniques".
    """
    checks.positive("metrics", "num_items", num_items)
    ranks = _checked_ids("metrics", "ranks", ranks, num_items)
    checks.argument(ranks.ndim == 1 and len(ranks), "metrics", "ranks", "shape [ranks], not empty",
                    ranks.shape)
    for k in k_list:
        checks.positive("metrics", "k_list", k)
        checks.argument(k <= num_items, "metrics", "k_list", "at most %d items" % num_items, k)
    users = np.arange(len(ranks)) if rows is None else np.asarray(rows)
    checks.argument(users.shape == ranks.shape, "metrics", "rows", "shape %s" % (ranks.shape,),
                    users.shape)
    users, counts = np.unique(users, return_inverse=True, return_counts=True)[1:]
    users = users.reshape(-1)
    best = np.zeros(len(counts))
    np.maximum.at(best, users, 1.0 / (ranks + 1))
    gains = 1.0 / np.log2(ranks + 2)
    result = {}
    for k in k_list:
        hits = np.bincount(users, ranks < k)
        ideal = np.cumsum(1.0 / np.log2(np.arange(min(k, counts.max())) + 2))
        dcg = np.bincount(users, np.where(ranks < k, gains, 0.0))
        result["HR@%d" % k] = float(np.mean(hits > 0))
        if rows is not None:
            result["Recall@%d" % k] = float(np.mean(hits / counts))
        result["NDCG@%d" % k] = float(np.mean(dcg / ideal[np.minimum(k, counts) - 1]))
    result["MRR"] = float(np.mean(best))
    return result


def evaluate(score_block, users, targets, seen, num_items, k_list=(10,), scores_at_a_time=1 << 24):
    """The `metrics` of a model, scored in blocks of users so that memory stays bounded.

    Args:
      score_block: function of users (int [b], a part of `users`) -> float [b, C].
      users: int [B], handed to `score_block` as they are.
      targets: int [B], the relevant item of each user, or rows of ids where users have several.
      seen: rows of ids, B of them, to be left out of the ranking; None for none.
      num_items: int, C.
      k_list: ints.
      scores_at_a_time: int, the size b * C that no block exceeds, unless C alone does.

    Returns:
      As `metrics`.

    Raises:
      InputError: as `rank_of_targets` and `metrics`; scores of another shape.
    """
    checks.positive("evaluate", "num_items", num_items)
    checks.positive("evaluate", "scores_at_a_time", scores_at_a_time)
    users = np.asarray(users)
    checks.argument(len(users), "evaluate", "users", "at least one", users.shape)
    several = isinstance(targets, tuple) or np.ndim(targets[0]) > 0
    if several:
        rows, targets = _pairs("evaluate", "targets", targets, len(users), num_items)
    else:
        rows, targets = np.arange(len(users)), np.asarray(targets)
        checks.argument(targets.shape == users.shape, "evaluate", "targets",
                        "shape %s" % (users.shape,), targets.shape)
    if seen is not None and not isinstance(seen, tuple):
        seen = list(seen)
    ranks = []
    step = max(1, scores_at_a_time // num_items)
    for low in range(0, len(users), step):
        block = users[low:low + step]
        scores = np.asarray(score_block(block))
        checks.argument(scores.shape == (len(block), num_items), "evaluate", "score_block",
                        "scores of shape %s" % ((len(block), num_items),), scores.shape)
        part = slice(*np.searchsorted(rows, [low, low + step]))
        ranks.append(rank_of_targets(scores, targets[part], _block(seen, low, step),
                                     rows[part] - low if several else None))
    return metrics(np.concatenate(ranks), k_list, num_items,
                   rows if several else None)


def _block(rows, low, step):
    """The rows of ids of users low to low + step."""
    if rows is None or not isinstance(rows, tuple):
        return rows and rows[low:low + step]
    return (rows[0], rows[1][low:low + step], rows[2][low:low + step])


def popularity_scores(item_counts):
    """Scores that rank items by how often they occur in training, alike for all users.

    Args:
      item_counts: int [C].

    Returns:
      float64 [C].
    """
    return np.asarray(item_counts, np.float64)


def popularity_baseline(item_counts):
    """`popularity_scores` as a `score_block` for `evaluate`."""
    scores = popularity_scores(item_counts)
    return lambda users: np.broadcast_to(scores, (len(users), len(scores)))


def random_baseline(num_items, seed):
    """Scores drawn at random, as a `score_block` for `evaluate`.

    Args:
      num_items: int, C.
      seed: int; a user's scores depend on it and on the user alone, not on the blocks.

    Returns:
      A function of users (ints [b], not negative) -> float64 [b, C].
    """
    checks.positive("random_baseline", "num_items", num_items)

    def score_block(users):
        return np.stack([np.random.default_rng([seed, user]).random(num_items) for user in users])
    return score_block


def top_k(scores, seen, k):
    """The ids of the k best items that the user has not had, best first, ties by the smaller id.

    Args:
      scores: float [B, C].
      seen: rows of ids, B of them, to be left out; None for none.
      k: int, up to C.

    Returns:
      int64 [B, k]; -1 fills the end of a row where fewer than k items are left.

    Raises:
      InputError: as `rank_of_targets`; k above C.
    """
    scores = _checked_scores("top_k", scores)
    checks.positive("top_k", "k", k)
    checks.argument(k <= scores.shape[1], "top_k", "k", "at most %d items" % scores.shape[1], k)
    best = np.full((len(scores), k), -1, np.int64)
    for row, unseen in enumerate(_unseen("top_k", scores, seen)):
        ids = np.flatnonzero(unseen)
        values = scores[row, ids]
        if len(ids) > k:
            # All that tie with the k-th best stay, so that the sort below decides among them.
            enough = values >= np.partition(values, len(ids) - k)[len(ids) - k]
            ids, values = ids[enough], values[enough]
        ids = ids[np.argsort(-values, kind="stable")][:k]
        best[row, :len(ids)] = ids
    return best


def table(results):
    """Text that shows the results of several systems, one a line.

    Args:
      results: {name: {metric: float}}, all with the same metrics.

    Returns:
      string.
    """
    names = list(next(iter(results.values())))
    lines = ["%-12s" % "" + "".join("%10s" % name for name in names)]
    for system, values in results.items():
        lines.append("%-12s" % system + "".join("%10.4f" % values[name] for name in names))
    return "\n".join(lines)
