"""What a training of a recommender looks like: full loss, validation, popularity, a map of the items.

    pictures.training("plots", units, seconds, judgements)    # loss.png, validation.png
    pictures.popularity("plots", {"this model": ranking, ...}, item_counts, 10)    # popularity.png
    pictures.item_map("plots", vectors, names, categories)    # map.png
"""
import os

import numpy as np

from tf1_sampled import charts
from tf1_sampled.recsys import evaluation

_MAP_ITEMS = 500


def training(folder, units, seconds, full_losses, scores):
    """Draws the full softmax loss and the scores on validation over the examples trained on.

    Args:
      folder: where to.
      units: [n], examples trained on at each validation.
      seconds: [n], of training until then.
      full_losses: [n].
      scores: n dicts by name, as evaluation.metrics gives them.

    Returns:
      list of string, the paths of loss.png and validation.png.

    Raises:
      InputError: as `plots`.
    """
    path = os.path.join(folder, "validation.png")
    charts.curves(path, {name: (units, [values[name] for values in scores])
                        for name in scores[0] if not name.startswith("Coverage")},
                 "examples", "", "Scores on validation")
    return [charts.loss(folder, list(zip(units, seconds, full_losses)), "examples",
                       "Full softmax loss on validation"), path]


def popularity(folder, rankings, item_counts, k):
    """Draws how often targets are found, from the popular items to the rare: popularity.png.

    Args:
      folder: where to.
      rankings: {name of a system: evaluation.Ranking}.
      item_counts: int [C].
      k: integer.

    Returns:
      string, the path.

    Raises:
      InputError: as `plots` and `evaluation.recall_by_popularity`.
    """
    path = os.path.join(folder, "popularity.png")
    buckets = {name: evaluation.recall_by_popularity(ranking, item_counts, k)
               for name, ranking in rankings.items()}
    labels = ["%s\n%d targets" % (bucket.label, bucket.num_targets)
              for bucket in next(iter(buckets.values()))]
    charts.bars(
        path, labels,
        {name: [bucket.recall for bucket in of_system] for name, of_system in buckets.items()},
        x_label="items by popularity, with a fifth of the events each",
        y_label="share found in the top %d" % k, title="What is found of popular and of rare items")
    return path


def item_map(folder, vectors, names, categories, seed=0):
    """Draws the most frequent items so that those with like vectors are near: map.png.

    Args:
      folder: where to.
      vectors: [C, D], in falling frequency.
      names: C strings.
      categories: None, or C strings, which colour the points; of "Action|Comedy" the first counts.
      seed: integer.

    Returns:
      string, the path.

    Raises:
      InputError: as `plots`.
    """
    path = os.path.join(folder, "map.png")
    colours = None
    if categories is not None:
        colours = [category.split("|")[0] for category in categories[:_MAP_ITEMS]]
    charts.map_of_points(path, np.asarray(vectors[:_MAP_ITEMS]), names[:_MAP_ITEMS],
                         title="The most frequent items", colours=colours, seed=seed)
    return path
