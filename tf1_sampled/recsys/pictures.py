"""Draw the training of a recommender: full loss, validation, popularity, a map of the items.

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
    """Draw the full softmax loss and the validation scores over the number of examples.

    Args:
      folder: string, the target folder.
      units: [n], the number of examples at each validation.
      seconds: [n], the training time until then.
      full_losses: [n].
      scores: n dicts by name, from evaluation.metrics.

    Returns:
      list of strings, the paths of loss.png and validation.png.

    Raises:
      InputError: see `charts`.
    """
    path = os.path.join(folder, "validation.png")
    charts.curves(path, {name: (units, [values[name] for values in scores])
                        for name in scores[0] if not name.startswith("Coverage")},
                 "examples", "", "Scores on validation")
    return [charts.loss(folder, list(zip(units, seconds, full_losses)), "examples",
                       "Full softmax loss on validation"), path]


def popularity(folder, rankings, item_counts, k):
    """Draw the share of targets found, from popular to rare items: popularity.png.

    Args:
      folder: string, the target folder.
      rankings: {name of a system: evaluation.Ranking}.
      item_counts: int [C].
      k: integer.

    Returns:
      string, the path.

    Raises:
      InputError: see `charts` and `evaluation.recall_by_popularity`.
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
        y_label="share found in the top %d" % k, title="Share of targets found, by item popularity")
    return path


def item_map(folder, vectors, names, categories, seed=0):
    """Draw the most frequent items, with similar vectors near each other: map.png.

    Args:
      folder: string, the target folder.
      vectors: [C, D], by falling frequency.
      names: C strings.
      categories: None, or C strings, which colour the points; of "Action|Comedy" the first is used.
      seed: integer.

    Returns:
      string, the path.

    Raises:
      InputError: see `charts`.
    """
    path = os.path.join(folder, "map.png")
    colours = None
    if categories is not None:
        colours = [category.split("|")[0] for category in categories[:_MAP_ITEMS]]
    charts.map_of_points(path, np.asarray(vectors[:_MAP_ITEMS]), names[:_MAP_ITEMS],
                         title="The most frequent items", colours=colours, seed=seed)
    return path
