"""How many negatives a step draws: checked before TensorFlow is there."""
import numpy as np

from tf1_sampled.recsys.settings import RecsysSettings


def number(settings: RecsysSettings, item_counts: np.ndarray) -> int:
    """Return how many negatives a step draws: num_sampled, or by default at most half of the items.

    Args:
      settings: RecsysSettings.
      item_counts: int [C], how often each item comes as a label.

    Raises:
      InputError: a num_sampled that was given and is more than there are items to draw.
    """
    given, sampler, most = settings.num_sampled, settings.sampler, len(item_counts)
    if sampler == "all":
        return most
    if sampler.startswith("in_batch") or not settings.is_sampled:
        return given  # draws may come again, or there are none
    if sampler == "fixed_unigram":  # an item without an event to train on is never drawn by frequency
        most = int((item_counts > 0).sum())
    if not settings.is_given("num_sampled"):
        return max(1, min(given, most // 2))
    settings.check(given <= most, "num_sampled", "at most the items that %s=%s draws, %d" % (
        settings.label("sampler"), sampler, most), given)
    return given


def check_at_k(settings: RecsysSettings, item_counts: np.ndarray) -> None:
    """Raise InputError unless a step has as many negatives as at_k wants."""
    if settings.loss != "softmax_at_k":
        return
    drawn = settings.hard_negatives
    if settings.sampler != "in_batch":
        drawn += number(settings, item_counts)
    if settings.sampler.startswith("in_batch"):
        drawn += settings.batch_size or 256  # the labels, more or less
    settings.check(settings.at_k <= drawn, "at_k", "at most the number of negatives, %d" % drawn,
                   settings.at_k)
