"""Build the graph of a training: the model, its negatives and its loss.

    graph = build(settings, events)
    session.run(graph.loss, model.feed(graph.inputs, ...))

Axes: P examples of a step, C items, D' size of user vectors and class rows.
"""
from typing import Any, Dict, NamedTuple, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import candidates, distributions, logits, losses, samplers
from tf1_sampled.recsys import feeds, model, negatives, ranking, splits
from tf1_sampled.recsys.settings import RecsysSettings
from tf1_sampled.training import steps


class Graph(NamedTuple):
    """The tensors of a training and of queries to its model.

    network: model.Network.
    inputs: model.Inputs of placeholders, P training examples.
    labels: int32 [P] placeholder, the item of each example.
    known: feeds.Known of placeholders, or None.
    weights: float32 [P] placeholder, the weight of each example's loss; None for equal weights.
    loss: float scalar, to be minimised.
    mean_loss: float scalar, without the L2 loss.
    watch: {name: float scalar}, for TensorBoard.
    asked: model.Inputs of placeholders, users at query time.
    asked_users: float32 [P, D'], their vectors.
    ranking: ranking.ItemRanking.
    vectors: float32 [P, D'] placeholder, user vectors.
    full_losses: float32 [P], the full softmax loss of `labels` given `vectors`.
    """

    network: Any
    inputs: Any
    labels: tf.Tensor
    known: Any
    weights: Optional[tf.Tensor]
    loss: tf.Tensor
    mean_loss: tf.Tensor
    watch: Dict[str, tf.Tensor]
    asked: Any
    asked_users: tf.Tensor
    ranking: Any
    vectors: tf.Tensor
    full_losses: tf.Tensor


def build(settings: RecsysSettings, events: splits.Events, features: Any = None,
          is_weighted: bool = False) -> Graph:
    """Build the graph of a training in the default graph.

    Args:
      settings: RecsysSettings.
      events: splits.Events, for the counts of the items and the columns of the context.
      features: item_features.ItemFeatures, or None.
      is_weighted: boolean, whether examples have weights even if events have none.

    Returns:
      Graph.
    """
    num_items = len(events.item_names)
    network = make_network(settings, events, features)
    inputs = model.placeholders(network, training=True)
    labels = tf.placeholder(tf.int32, [None], "labels")
    seed = steps.step_seed(settings.seed)
    users = network.user_vectors(inputs, True, distributions.fold_in(seed, "dropout"))
    weights, biases = network.class_table()
    sampled, known = draw_negatives(settings, events, labels, users, classes=(weights, biases),
                                    seed=seed)
    example_weights = None
    if is_weighted or events.weights is not None:
        example_weights = tf.placeholder(tf.float32, [None], "weights")
    mean_loss = weighted_mean(losses.loss_by_name(
        settings.loss, weights, biases, labels, users, num_classes=num_items, sampled_values=sampled,
        **settings.loss_options()), example_weights)
    watch = {}
    if sampled:
        watch["accidental_hit_rate"] = logits.accidental_hit_rate(labels, sampled.sampled_candidates)
    loss = mean_loss + l2_loss(settings, network, inputs, labels, sampled) if settings.l2 else mean_loss
    asked = model.placeholders(network)
    asked_users = network.user_vectors(asked)
    item_ranking = ranking.ItemRanking(weights, biases, num_items, network.vector_size)
    vectors = tf.placeholder(tf.float32, [None, network.vector_size])
    full_losses = losses.full_softmax_loss(weights, biases, labels, vectors, num_items)
    return Graph(network, inputs, labels, known, example_weights, loss=loss, mean_loss=mean_loss,
                 watch=watch, asked=asked, asked_users=asked_users, ranking=item_ranking,
                 vectors=vectors, full_losses=full_losses)


def weighted_mean(values: tf.Tensor, weights: Optional[tf.Tensor]) -> tf.Tensor:
    """Return sum(weights values) / sum(weights), or the mean without weights: float scalar.

    Args:
      values: float [P].
      weights: float32 [P], above 0, or None.
    """
    if weights is None:
        return tf.reduce_mean(values)
    weights = tf.cast(weights, values.dtype)
    return tf.reduce_sum(weights * values) / tf.reduce_sum(weights)


def make_network(settings: RecsysSettings, events: splits.Events, features: Any = None) -> Any:
    """Return the model.Network of the settings."""
    age_unit = np.ptp(feeds.training_span(events)) if settings.example_age else 0
    return model.Network(
        events.item_counts,
        model.Architecture(
            settings.dim, settings.hidden, settings.similarity, settings.chosen_temperature(),
            settings.pooling_power, settings.chosen_class_rows(), settings.dropout,
            settings.frequency_bias, num_positions=settings.num_positions(),
            num_poolings=settings.num_poolings),
        num_users=len(events.user_names) + len(events.further_users) if settings.user_rows else 0,
        context=feeds.context_columns(events), age_unit=age_unit, seed=settings.seed,
        features=features)


def draw_negatives(settings: RecsysSettings, events: splits.Events, labels: tf.Tensor, users: tf.Tensor,
                   classes: Tuple[Any, Any], seed: Any) -> Tuple[Any, Any]:
    """Draw the negatives of a step.

    Args:
      settings: RecsysSettings.
      events: splits.Events.
      labels: int32 [P].
      users: float32 [P, D'].
      classes: (weights, biases) of the items.
      seed: integer tensor [2], of the step.

    Returns:
      (candidates.SampledValues, or None with a full loss; feeds.Known of placeholders, or None).
    """
    if not settings.is_sampled:
        return None, None
    num_items, known = len(events.item_names), None
    sampled = samplers.sample_by_name(
        settings.sampler, labels, negatives.number(settings, events.item_counts), events.item_counts,
        unique=True, distortion=settings.distortion, seed=seed)
    if settings.hard_negatives:
        hard = ranking.best_items(*classes, users, num_items, settings.hard_negatives)
        sampled = candidates.with_certain(sampled, labels, hard, num_items)
    if settings.remove_known:
        known = feeds.Known(*(tf.placeholder(tf.int32, [None]) for _ in feeds.Known._fields))
        sampled = candidates.without_known(sampled, *known)
    return sampled, known


def l2_loss(settings: RecsysSettings, network: Any, inputs: Any, labels: tf.Tensor,
            sampled: Optional[Any]) -> tf.Tensor:
    """Return the weighted L2 loss of the rows that a step uses, per example: float scalar."""
    used = tf.cast(labels, tf.int64)
    if sampled:
        used = tf.concat([used, sampled.sampled_candidates], 0)
    l2 = losses.l2_loss_of_rows(network.item_embeddings(), inputs.items)
    l2 += losses.l2_loss_of_rows(network.class_rows(), used)
    return settings.l2 * l2 / tf.cast(tf.size(labels), tf.float32)
