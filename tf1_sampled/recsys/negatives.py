"""Choose and check the number of negatives of a step, without TensorFlow."""
import numpy as np

from tf1_sampled.recsys.settings import RecsysSettings


def number(settings: RecsysSettings, item_counts: np.ndarray) -> int:
    """Return the number of negatives of a step: num_sampled, or by default at most half of the items.

    Args:
      settings: RecsysSettings.
      item_counts: int [C], the number of training events of each item.

    Raises:
      InputError: a given num_sampled above the number of items that the sampler can draw.
    """
    given, sampler, most = settings.num_sampled, settings.sampler, len(item_counts)
    if sampler == "all":
        return most
    if sampler.startswith("in_batch") or not settings.is_sampled:
        return given  # these samplers draw with repetition, or draw nothing
    if sampler == "fixed_unigram":  # by frequency, items without training events are never drawn
        most = int((item_counts > 0).sum())
    if not settings.is_given("num_sampled"):
        return max(1, min(given, most // 2))
    settings.check(given <= most, "num_sampled", "at most the items that %s=%s draws, %d" % (
        settings.label("sampler"), sampler, most), given)
    return given


def check_at_k(settings: RecsysSettings, item_counts: np.ndarray) -> None:
    """Raise InputError if a step has fewer negatives than at_k needs."""
    if settings.loss != "softmax_at_k":
        return
    drawn = settings.hard_negatives
    if settings.sampler != "in_batch":
        drawn += number(settings, item_counts)
    if settings.sampler.startswith("in_batch"):
        drawn += settings.batch_size or 256  # the labels, approximately
    settings.check(settings.at_k <= drawn, "at_k", "at most the number of negatives, %d" % drawn,
                   settings.at_k)
