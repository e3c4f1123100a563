"""Build the graph of a training: join a model of word vectors with a loss.

    runs of ids -> windows: inputs and labels -> sampled negatives -> loss of their pairs

    graph = build(settings, text, batch_size=2048)
    session.run(graph.mean_loss, {graph.tokens: run})
"""
from typing import Any, Dict, NamedTuple, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import distributions, logits, losses, samplers
from tf1_sampled.training import steps
from tf1_sampled.word2vec import model, runs
from tf1_sampled.word2vec.reading import Text
from tf1_sampled.word2vec.settings import Word2VecSettings


class Tables(NamedTuple):
    """The variables of a model.

    embeddings: float32 [V, D], the word vectors.
    weights: float32 [V, D], the output vectors: the weights of words as classes.
    biases: float32 [V], not trained.
    """

    embeddings: Any
    weights: Any
    biases: Any


class Graph(NamedTuple):
    """The tensors of a training.

    tokens: placeholder, int32 [P, batch_size / P + 2 * window], a run of tokens from each of P places.
    labels: int32 [G, J], see model.Windows.
    loss: float scalar to minimise, the sum over all pairs plus the L2 loss.
    mean_loss: float scalar, the mean over pairs, without the L2 loss.
    watch: {name: scalar}, more values for TensorBoard.
    held_out: placeholder, int32 [K + 2 * window], a run of held-out text.
    held_out_loss: float scalar, the sum of the full softmax loss over the pairs of `held_out`.
    held_out_pairs: float scalar, the number of these pairs.
    """

    tokens: Any
    labels: Any
    loss: Any
    mean_loss: Any
    watch: Dict[str, Any]
    held_out: Any
    held_out_loss: Any
    held_out_pairs: Any


def build(settings: Word2VecSettings, text: Text, batch_size: int, held_out_shape: Any) -> Graph:
    """Build the graph of a training in the default graph.

    Args:
      settings: Word2VecSettings.
      text: reading.Text.
      batch_size: integer, words per step; see runs.batch_size.
      held_out_shape: list of one integer, the shape of a run of held-out text.

    Returns:
      Graph.

    Raises:
      InputError: initial vectors of another dimension, an at_k above the number of negatives.
    """
    tables = _tables(settings, text)
    num_places = runs.num_places(batch_size)
    tokens = tf.placeholder(tf.int32, [num_places, batch_size // num_places + 2 * settings.window])
    seed = steps.step_seed(settings.seed)
    windows_of = {"cbow": model.cbow, "skipgram": model.skip_gram}[settings.model]
    windows = windows_of(tables.embeddings, tokens, settings.window,
                         distributions.fold_in(seed, "windows"), shrink=settings.shrink_window)
    sampled = None
    if settings.is_sampled:
        sampled = samplers.sample_by_name(
            settings.sampler, windows.labels, settings.num_sampled, text.corpus.counts,
            distortion=settings.distortion, seed=seed, num_groups=num_places,
            label_mask=windows.label_mask)
        _check_at_k(settings, sampled)
    # The sum, not the mean: each pair changes the vectors by a full step, as in word2vec.c.
    pair_loss = tf.reduce_sum(losses.loss_by_name(
        settings.loss, tables.weights, tables.biases, windows.labels, windows.inputs,
        num_classes=len(text.corpus.words), sampled_values=sampled, pairs=windows.pairs,
        **settings.loss_options()))
    mean_loss = pair_loss / tf.maximum(tf.reduce_sum(windows.pairs), 1)
    watch = {}
    if sampled:
        watch["accidental_hit_rate"] = logits.accidental_hit_rate(
            windows.labels, sampled.sampled_candidates, windows.label_mask)
    loss = _with_l2(settings, pair_loss, tables, windows, sampled)
    held_out = tf.placeholder(tf.int32, held_out_shape)
    seen = windows_of(tables.embeddings, held_out, settings.window, shrink=False)
    return Graph(tokens, windows.labels, loss, mean_loss, watch, held_out,
                 _full_softmax_loss(settings, text, tables, seen), tf.reduce_sum(seen.pairs))


def _tables(settings: Word2VecSettings, text: Text) -> Tables:
    words, counts, initial = text.corpus.words, text.corpus.counts, text.initial
    embeddings = model.embeddings(len(words), text.dim, settings.seed, initial=initial.inputs(words))
    weights, biases = model.output_table(
        counts, text.dim, log_frequencies=not settings.is_relative_to_noise,
        initial=initial.outputs(words))
    return Tables(embeddings, weights, biases)


def _check_at_k(settings: Word2VecSettings, sampled: Any) -> None:
    num_negatives = sampled.sampled_candidates.shape.as_list()[-1]
    fits = settings.loss != "softmax_at_k" or settings.at_k <= num_negatives
    settings.check(fits, "at_k", "at most the number of negatives, %d" % num_negatives, settings.at_k)


def _with_l2(settings: Word2VecSettings, loss: Any, tables: Tables, windows: model.Windows,
             sampled: Optional[Any]) -> Any:
    """Return the loss plus the L2 loss of the rows that a step uses."""
    if not settings.l2:
        return loss
    loss += settings.l2 * losses.l2_loss_of_rows(tables.embeddings, windows.input_words)
    loss += settings.l2 * losses.l2_loss_of_rows(tables.weights, windows.labels)
    if sampled:
        loss += settings.l2 * losses.l2_loss_of_rows(tables.weights, sampled.sampled_candidates)
    return loss


def _full_softmax_loss(settings: Word2VecSettings, text: Text, tables: Tables,
                       windows: model.Windows) -> Any:
    """Return the sum of the full softmax loss over all pairs, comparable between trained losses."""
    offset: Any = 0.0
    if settings.is_relative_to_noise:
        offset = model.noise_log_prob(settings.sampler, text.corpus.counts, settings.distortion)
    return tf.reduce_sum(losses.full_softmax_loss(
        tables.weights, tables.biases + np.float32(offset), windows.labels, windows.inputs,
        len(text.corpus.words), pairs=windows.pairs))
