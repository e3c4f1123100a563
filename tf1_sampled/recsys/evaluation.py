"""Measure how well models and baselines rank the later items of users, over the whole catalogue.

Metrics over a sample of the catalogue can order models differently (Krichene and Rendle 2020, "On
Sampled Metrics for Item Recommendation"). A ranker is a model in a graph or a baseline in NumPy; one
evaluation serves all of them:

    evaluate(model_ranker, test, num_items, [10, 20])
    evaluate(baselines.popularity(events.item_counts), test, num_items, [10, 20])

    ranker(part, k), a generator: for consecutive blocks of users, which together cover `part` in order,
    yields pairs (items, ranks):
        items  int [b, <= k]  the best k candidates, best first; -1 at the end where fewer are left
        ranks  int [p]        of the targets of the block's users, in order; k or more if a target is not
                              among the first k

The candidates of a user are the items that the user has not seen, and the targets, seen or not. With
scores s, and 0 for the best place, the rank of a target t is

    rank(t) = #{candidates j other than t: s_j >= s_t}

Ties count against the target, so that equal scores for all items earn nothing. The list of offered items
orders ties by the smaller id. So with ties, a target can be at a better place in the list than its rank.

Axes: V users, b of them in a block; C items; P targets, p of them in a block.
"""
import collections

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import splits

Ranking = collections.namedtuple("Ranking", "ranks rows targets first_offered k")
Ranking.__doc__ = """The result of a ranker, cut at k: the input of `metrics`.

  ranks: int64 [P], the place of each target among its user's candidates, 0 for the best; k if it is not
    among the first k.
  rows: int64 [P], the user of each target, from 0 to V - 1, not falling.
  targets: int64 [P], item ids.
  first_offered: int64 [C], the best place at which an item was offered to any user; k if to none.
  k: int.
"""

Judgement = collections.namedtuple("Judgement", "scores full_loss ranking vectors")
Judgement.__doc__ = """The scores of a model on held-out events.

  scores: {metric: float}, see `metrics`.
  full_loss: float, the mean full softmax loss of its targets, in nats.
  ranking: Ranking.
  vectors: float32 [V, D'], the user vectors.
"""

Bucket = collections.namedtuple("Bucket", "label num_targets recall")
Bucket.__doc__ = """The recall of targets of similar popularity.

  label: string, the popularity ranks of the bucket's items, such as "1-25".
  num_targets: int.
  recall: float, the share of these targets in the top k; NaN without targets.
"""


def _pairs(function, name, rows, num_rows, num_items):
    """Return (row int64 [n], id int64 [n]) of splits.Rows of item ids."""
    begin, end = (np.asarray(bound, np.int64) for bound in (rows.begin, rows.end))
    checks.argument(begin.shape == end.shape == (num_rows,), function, name,
                    "%d rows of ids" % num_rows, (begin.shape, end.shape))
    ids = np.asarray(rows.items)[splits.ranges(begin, end - begin)]
    return (np.repeat(np.arange(num_rows), end - begin),
            _checked_integers(function, name, ids, 0, num_items - 1))


def _checked_integers(function, name, values, least, most=None):
    """Return values as int64; raise InputError for one below `least` or above `most`."""
    values = np.asarray(values)
    checks.argument(values.dtype.kind in "iu", function, name, "integers", values.dtype.name)
    outside = values < least
    if most is not None:
        outside |= values > most
    if outside.any():
        limits = "%d or more" % least if most is None else "from %d to %d" % (least, most)
        checks.argument(False, function, name, "integers " + limits, values[outside][0].item())
    return values.astype(np.int64)


def _check_k(function, name, k, most):
    """Raise InputError unless k is an integer from 1 to `most`."""
    checks.positive(function, name, k)
    checks.argument(k <= most, function, name, "at most %d items" % most, k)


def rank(ranker, part, num_items, k):
    """Return the ranks of a part's targets, and the first place at which each item is offered.

    Args:
      ranker: see the module.
      part: splits.HeldOut; the targets of a user all differ.
      num_items: int, C.
      k: int, up to C.

    Returns:
      Ranking.

    Raises:
      InputError: a part without users or targets, with ids outside of [0, C) or a repeated target; a k
        that is not an integer from 1 to C; a ranker that yields wrong shapes, wrong numbers of users or
        targets, ids outside of [-1, C) or ranks below 0.
    """
    checks.positive("rank", "num_items", num_items)
    _check_k("rank", "k", k, num_items)
    num_users = len(part.users)
    rows, targets = _pairs("rank", "targets", part.targets, num_users, num_items)
    checks.argument(len(targets), "rank", "targets", "at least one", len(targets))
    distinct = len(np.unique(rows * num_items + targets))
    checks.argument(distinct == len(targets), "rank", "targets", "different ids in each row",
                    "%d repeated" % (len(targets) - distinct))
    first_target = np.searchsorted(rows, np.arange(num_users + 1))

    first_offered = np.full(num_items + 1, k, np.int64)  # the last entry takes the places of the -1
    ranks, done = [], 0
    for items, block_ranks in ranker(part, k):
        items = _checked_integers("rank", "ranker's items", items, -1, num_items - 1)
        checks.argument(items.ndim == 2 and items.shape[1] <= k, "rank", "ranker's items",
                        "shape [users, at most k = %d]" % k, items.shape)
        low, done = done, done + len(items)
        checks.argument(done <= num_users, "rank", "ranker", "%d users in all" % num_users, done)
        block_ranks = _checked_integers("rank", "ranker's ranks", block_ranks, 0)
        wanted = (int(first_target[done] - first_target[low]),)
        checks.argument(block_ranks.shape == wanted, "rank", "ranker's ranks",
                        "shape %s, for the targets of users %d to %d" % (wanted, low, done - 1),
                        block_ranks.shape)
        for place, ids in enumerate(items.T):
            first_offered[ids] = np.minimum(first_offered[ids], place)
        ranks.append(np.minimum(block_ranks, k))
    checks.argument(done == num_users, "rank", "ranker", "%d users in all" % num_users, done)
    return Ranking(np.concatenate(ranks), rows, targets, first_offered[:-1], k)


def metrics(ranking, k_list):
    """Return the means of ranking metrics over the users with targets.

    For a user with n targets of ranks r, let q be the least rank, and h(r) the number of targets of rank
    r or less:

        Recall@k    = #{r < k} / n
        Precision@k = #{r < k} / k
        HR@k        = 1 if q < k, else 0; the same as Recall@k where each user has one target
        NDCG@k      = sum_{r < k} 1 / log2(r + 2) / sum_{i < min(k, n)} 1 / log2(i + 2)
        MAP@k       = sum_{r < k} h(r) / (r + 1) / min(k, n)
        MRR@k       = 1 / (q + 1) if q < k, else 0

    and over all users together

        Coverage@k  = #{items offered to any user at a place < k} / C

    Args:
      ranking: Ranking.
      k_list: ints, up to the ranking's k.

    Returns:
      {"Recall@k": float, "Precision@k": ..., "HR@k": ..., "NDCG@k": ..., "MAP@k": ..., "MRR@k": ...,
      "Coverage@k": ...} for the first k, then for the next.

    Raises:
      InputError: an empty ranking; a k that is not an integer from 1 to the ranking's k.

    Reference: Jarvelin and Kekalainen 2002, "Cumulated gain-based evaluation of IR techniques"; Manning
    et al. 2008, "Introduction to Information Retrieval", section 8.4 (MAP).
    """
    ranks = ranking.ranks
    checks.argument(len(ranks), "metrics", "ranking", "at least one target", len(ranks))
    for k in k_list:
        _check_k("metrics", "k_list", k, ranking.k)
    users, counts = np.unique(ranking.rows, return_inverse=True, return_counts=True)[1:]
    best = np.full(len(counts), ranking.k)
    np.minimum.at(best, users, ranks)
    gains = 1.0 / np.log2(ranks + 2)
    precisions = _targets_up_to(users, ranks, counts, ranking.k) / (ranks + 1)
    result = {}
    for k in k_list:
        dcg = np.bincount(users, np.where(ranks < k, gains, 0.0))
        ideal = np.cumsum(1.0 / np.log2(np.arange(k) + 2))[np.minimum(k, counts) - 1]
        found = np.bincount(users, ranks < k)
        values = (("Recall", found / counts),
                  ("Precision", found / k),
                  ("HR", best < k),
                  ("NDCG", dcg / ideal),
                  ("MAP", np.bincount(users, np.where(ranks < k, precisions, 0.0)) / np.minimum(
                      k, counts)),
                  ("MRR", np.where(best < k, 1.0 / (best + 1), 0.0)),
                  ("Coverage", ranking.first_offered < k))
        result.update(("%s@%d" % (name, k), float(np.mean(each))) for name, each in values)
    return result


def _targets_up_to(users, ranks, counts, k):
    """Return the number of targets of the same user with the same rank or a better one: int64 [P].

    Args:
      users: int [P], from 0, not falling.
      ranks: int [P], up to k.
      counts: int [V], the number of targets of each user.
      k: int.
    """
    keys = users * (k + 1) + ranks
    return np.searchsorted(np.sort(keys), keys, side="right") - (np.cumsum(counts) - counts)[users]


def metric_names(k_list):
    """Return the names of the `metrics` at these k, in order."""
    return list(metrics(Ranking(*np.zeros([4, 1], np.int64), k=max(k_list)), k_list))


def evaluate(ranker, part, num_items, k_list):
    """Rank a part with a ranker and return the metrics.

    Args:
      ranker: see the module.
      part: splits.HeldOut; the targets of a user all differ.
      num_items: int, C.
      k_list: ints, up to C.

    Returns:
      {metric: float}, see `metrics`.

    Raises:
      InputError: see `rank` and `metrics`.
    """
    checks.argument(len(k_list), "evaluate", "k_list", "at least one integer", k_list)
    for k in k_list:
        _check_k("evaluate", "k_list", k, num_items)
    return metrics(rank(ranker, part, num_items, max(k_list)), k_list)


def recall_by_popularity(ranking, item_counts, k, num_buckets=5):
    """Return the share of targets in the top k, for buckets of items from popular to rare.

    Items are sorted by falling count, ties by id. An item belongs to bucket

        floor(num_buckets * (events of the items before it) / (events of all items))

    so that the buckets have about equal shares of the events: the first has few items, the last many,
    including all items without an event. A bucket is missing if one item has the events of several.

    Args:
      ranking: Ranking.
      item_counts: int [C], the number of training events of each item.
      k: int, up to the ranking's k.
      num_buckets: int.

    Returns:
      list of Bucket, the most popular items first.

    Raises:
      InputError: counts of another shape, below 0 or all 0; a k that is not an integer from 1 to the
        ranking's k; num_buckets that is not an integer above 0.
    """
    function = "recall_by_popularity"
    _check_k(function, "k", k, ranking.k)
    checks.positive(function, "num_buckets", num_buckets)
    counts = _checked_integers(function, "item_counts", item_counts, 0)
    checks.argument(counts.shape == ranking.first_offered.shape, function, "item_counts",
                    "shape %s" % (ranking.first_offered.shape,), counts.shape)
    total = counts.sum()
    checks.argument(total > 0, function, "item_counts", "at least one event", 0)

    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    place_bucket = np.minimum(num_buckets * before // total, num_buckets - 1)
    item_bucket = np.empty_like(order)
    item_bucket[order] = place_bucket
    of_target = item_bucket[ranking.targets]
    buckets = []
    for bucket in np.unique(place_bucket):
        first, last = np.searchsorted(place_bucket, [bucket, bucket + 1]) + (1, 0)
        found = ranking.ranks[of_target == bucket] < k
        buckets.append(Bucket("%d" % first if first == last else "%d-%d" % (first, last), len(found),
                              float(np.mean(found)) if len(found) else float("nan")))
    return buckets


def score_ranker(score_block, num_items, scores_at_a_time=1 << 24):
    """Return the ranker of a function that scores all items for a block of users.

    Args:
      score_block: function of users (int [b], a slice of `part.users`) -> float [b, C]. Infinite scores,
        -inf included, are ordinary scores.
      num_items: int, C.
      scores_at_a_time: int, the largest size b * C of a block, unless C alone is larger.

    Returns:
      A ranker.

    Raises:
      InputError: num_items or scores_at_a_time not above 0. The ranker raises it for scores of another
        shape or with a NaN, and for ids outside of [0, C).
    """
    function = "score_ranker"
    checks.positive(function, "num_items", num_items)
    checks.positive(function, "scores_at_a_time", scores_at_a_time)

    def ranker(part, k):
        _check_k(function, "k", k, num_items)
        step = max(1, scores_at_a_time // num_items)
        for low in range(0, len(part.users), step):
            users = part.users[low:low + step]
            scores = _checked_scores(score_block(users), (len(users), num_items))
            rows, targets = _pairs(function, "targets", _block(part.targets, low, step), len(users),
                                   num_items)
            always = _by_row(rows, targets, len(users))
            if part.seen is not None:
                never = _by_row(*_pairs(function, "seen", _block(part.seen, low, step), len(users),
                                        num_items), len(users))
            # Negated scores of one user, plus one more so that there are k + 1 for each k. Items that
            # are not candidates are NaN, which NumPy sorts last.
            costs = np.full(num_items + 1, np.nan, scores.dtype)
            items = np.empty((len(users), k), np.int64)
            top_scores = np.empty((len(users), k + 1), scores.dtype)
            for row, row_scores in enumerate(scores):
                np.negative(row_scores, out=costs[:-1])
                if part.seen is not None:
                    costs[never[row]] = np.nan
                costs[always[row]] = -row_scores[always[row]]
                items[row], least = _least(costs, k)
                top_scores[row] = -least
            yield items, ranks_from_top(top_scores, rows, scores[rows, targets], k)
    return ranker


def _block(rows, low, step):
    """Return rows low to low + step of splits.Rows."""
    return splits.Rows(rows.items, rows.begin[low:low + step], rows.end[low:low + step])


def _checked_scores(scores, shape):
    """Return scores as a float array of this shape; raise InputError for a NaN."""
    scores = np.asarray(scores)
    checks.argument(scores.shape == shape, "score_ranker", "score_block",
                    "scores of shape %s" % (shape,), scores.shape)
    if scores.dtype.kind != "f":
        scores = scores.astype(np.float64)
    # The minimum of an array with a NaN is NaN: this needs no second array of the same size.
    if np.isnan(np.min(scores)):
        row, item = np.argwhere(np.isnan(scores))[0]
        checks.argument(False, "score_ranker", "score_block's [%d, %d]" % (row, item), "a number",
                        float(scores[row, item]))
    return scores


def _by_row(rows, ids, num_rows):
    """Return the ids of each row; `rows` must not fall."""
    return np.split(ids, np.searchsorted(rows, np.arange(1, num_rows)))


def _least(costs, k):
    """Return (ids int64 [k] of the least costs, ties by the smaller id; the k + 1 least costs).

    NaN costs are left out: missing ids are -1, missing costs NaN.
    """
    least = np.sort(np.partition(costs, k)[:k + 1])
    limit = np.inf if np.isnan(least[k - 1]) else least[k - 1]
    with np.errstate(invalid="ignore"):  # NumPy before 1.20 warns about NaN in comparisons
        below = np.flatnonzero(costs < limit)
        tied = np.flatnonzero(costs == limit)[:k - len(below)]
    ids = np.full(k, -1, np.int64)
    ids[:len(below)] = below[np.argsort(costs[below], kind="stable")]
    ids[len(below):len(below) + len(tied)] = tied
    return ids, least


def ranks_from_top(top_scores, target_rows, target_scores, k):
    """Return the ranks of targets from each user's k + 1 best scores only.

        rank(t) = min(#{s in the list: s >= s_t} - 1, k)

    This is exact: of the n candidates with scores of s_t or more, including t, the list contains
    min(n, k + 1).

    Args:
      top_scores: float [b, k + 1], the best scores of each user's candidates, in any order. Missing ones
        are NaN or -inf; use NaN if candidates may have the score -inf, as each -inf that fills counts
        against them.
      target_rows: int [p], the row of each target.
      target_scores: float [p], bitwise equal to the same scores in the lists.
      k: int.

    Returns:
      int64 [p], from 0 to k.

    Raises:
      InputError: shapes that do not fit, rows outside of [0, b), a NaN among the target scores, a target
        whose score is above the best score of its row.
    """
    function = "ranks_from_top"
    checks.positive(function, "k", k)
    top_scores, target_scores = np.asarray(top_scores), np.asarray(target_scores)
    checks.argument(top_scores.ndim == 2 and top_scores.shape[1] == k + 1, function, "top_scores",
                    "shape [users, k + 1 = %d]" % (k + 1), top_scores.shape)
    target_rows = _checked_integers(function, "target_rows", target_rows, 0, len(top_scores) - 1)
    checks.argument(target_rows.ndim == 1 and target_scores.shape == target_rows.shape, function,
                    "target_scores", "shape %s" % (target_rows.shape,), target_scores.shape)
    checks.argument(not np.isnan(target_scores).any(), function, "target_scores", "numbers", np.nan)
    as_good = np.zeros(len(target_rows), np.int64)
    with np.errstate(invalid="ignore"):  # NumPy before 1.20 warns about NaN in comparisons
        for place in range(k + 1):  # avoids an array of p (k + 1) numbers
            as_good += top_scores[target_rows, place] >= target_scores
    if not as_good.all():
        checks.argument(False, function, "target_scores", "scores that are in top_scores or below them",
                        target_scores[as_good == 0][0].item())
    return as_good - 1


def table(results):
    """Return a text table of results: a line for each system, a block for the scores at each k.

    Args:
      results: {name: {metric: float}}, all with the same metrics.

    Returns:
      string.
    """
    blocks = collections.OrderedDict()
    for metric in next(iter(results.values())):
        blocks.setdefault(metric.rpartition("@")[2], []).append(metric)
    first = max(map(len, results)) + 2
    lines = []
    for metrics_of_k in blocks.values():
        widths = [max(8, len(metric) + 2) for metric in metrics_of_k]
        lines.append(" " * first + "".join(
            metric.rjust(width) for metric, width in zip(metrics_of_k, widths)))
        for system, values in results.items():
            lines.append(system.ljust(first) + "".join(
                "%*.4f" % (width, values[metric]) for metric, width in zip(metrics_of_k, widths)))
    return "\n".join(lines)
