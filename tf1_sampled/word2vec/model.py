"""Build skip-gram and CBOW graphs: from a run of tokens to blocks of inputs, labels and pairs.

A run of tokens is cut into blocks. In skip-gram, one matrix product scores all centres of a block
against all its context tokens, and a band mask selects the pairs:

    tokens     W | K centres | K centres | ... | W            W = window, K = block
    block g      |<-- W + K + W tokens -->|                   J = K + 2W labels

    windows = skip_gram(embeddings(10000, 128), tokens, window=5)
    loss = nce_loss(weights, biases, windows.labels, windows.inputs, ..., pairs=windows.pairs)

In CBOW, a product with the same mask sums the context rows, and the centres are the labels. The model is
independent of the loss, which takes the windows as groups of pairs (see `logits`).
"""
import collections

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks, distributions
from tf1_sampled.initializers import filled, from_memory, random_uniform
from tf1_sampled.logits import lookup
from tf1_sampled.word2vec.corpus import END
from tf1_sampled.word2vec.runs import BLOCK

EMBEDDINGS, OUTPUT_WEIGHTS = "embeddings", "output_weights"  # names of the variables

Windows = collections.namedtuple("Windows", "inputs labels label_mask pairs input_words")
Windows.__doc__ = """The blocks of a run of tokens.

  inputs: float32 [G, K, D], the rows of the centre words; in CBOW, the means of their context rows.
  labels: int32 [G, J], the words of the block and W more on each side; in CBOW, the centre words.
  label_mask: boolean [G, J], False at END, whose label is 0.
  pairs: float32 [G, K, J], 1 if the input and the label are a pair, else 0.
  input_words: int32 [G, K], in CBOW [G, K + 2W], the words whose rows make the inputs.
"""


def embeddings(vocab_size, dim, seed=None, initial=None):
    """Create the table of word vectors, initially uniform in +-1/(2D) as in word2vec.c.

    Args:
      vocab_size: integer V.
      dim: integer D.
      seed: integer or None.
      initial: None, or float32 [V, D], the initial values; rows of NaN are uniform as above.

    Returns:
      A variable, float32 [V, D].
    """
    if initial is None:
        start = random_uniform(0.5 / dim, seed)
    else:
        random = np.random.RandomState(seed).uniform(-0.5 / dim, 0.5 / dim, initial.shape)
        start = from_memory(np.where(np.isnan(initial), random, initial).astype(np.float32))
    return _table(EMBEDDINGS, [vocab_size, dim], start, initial)


def output_table(counts, dim, log_frequencies=True, initial=None):
    """Create the output weights, initially 0, and the biases of the classes, which are not trained.

    The biases come from `distributions.log_frequency_biases`. So the weights learn only how a context
    changes the probability of a word, which makes better word vectors.

    Args:
      counts: integer [V], the count of each word.
      dim: integer D.
      log_frequencies: boolean. False for biases of 0, which suit negative sampling: its scores are
        relative to the frequencies of the noise already.
      initial: None, or float32 [V, D], the initial weights; rows of NaN start at 0.

    Returns:
      (weights, a variable float32 [V, D]; biases, a variable float32 [V]).
    """
    start = filled(0) if initial is None else from_memory(np.nan_to_num(initial).astype(np.float32))
    weights = _table(OUTPUT_WEIGHTS, [len(counts), dim], start, initial)
    if log_frequencies:
        return weights, distributions.log_frequency_biases("output_biases", counts)
    return weights, tf.get_variable("output_biases", [len(counts)], use_resource=True, trainable=False,
                                    initializer=filled(0))


def _table(name, shape, start, initial):
    if initial is not None:
        checks.argument(initial.shape == tuple(shape), name, "initial", "shape %s" % shape,
                        initial.shape)
    return tf.get_variable(name, shape, initializer=start, use_resource=True)


def noise_log_prob(sampler, counts, distortion):
    """Compute the log-probabilities of the noise, to which scores of negative sampling are relative.

    A score tends to log P(y | x) - log Q(y) - log k. With log Q(y) added, it is comparable with the
    score of another loss.

    Args:
      sampler: string, a key of SAMPLERS. Samplers that take the labels of the batch follow their
        frequencies.
      counts: integer [V], in falling order.
      distortion: float, the power of the counts for fixed_unigram.

    Returns:
      float32 [V].

    Reference: Levy and Goldberg 2014, "Neural Word Embedding as Implicit Matrix Factorization", eq. 9.
    """
    if sampler in ("uniform", "all"):
        weights = np.ones(len(counts))
    elif sampler == "log_uniform":
        weights = np.log1p(1 / np.arange(1.0, len(counts) + 1))
    else:
        power = distortion if sampler == "fixed_unigram" else 1
        weights = np.maximum(counts, 0.5) ** power  # a count of 0 would have an infinite logarithm
    return np.log(weights / np.sum(weights)).astype(np.float32)


def skip_gram(table, tokens, window, seed=None, block=BLOCK, shrink=True):
    """Build the blocks of a run of tokens for skip-gram: predict the words around each centre word.

    A window ends at the ends of its sentence.

    Args:
      table: float32 [V, D].
      tokens: int32 [G * block + 2 * window] of static length: words, and END between sentences. The
        first and the last `window` tokens are context only. Or [P, G / P * block + 2 * window], runs
        from P places.
      window: integer W, the largest number of context words on each side.
      seed: integer, None, or an integer tensor [2], as for a sampler.
      block: integer K, centres per block.
      shrink: boolean, whether each centre draws its window size uniformly from 1 .. window, so that near
        words weigh more; else it is `window`.

    Returns:
      Windows.

    Raises:
      InputError: tokens whose length is not a whole number of blocks plus two windows.

    Reference: Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space",
      section 3.2, also for the window.
    """
    words, is_word, pairs = _blocks("skip_gram", tokens, window, seed, block, shrink=shrink)
    centres = words[:, window:window + block]
    return Windows(lookup(table, centres), words, is_word, tf.cast(pairs, tf.float32), centres)


def cbow(table, tokens, window, seed=None, block=BLOCK, shrink=True):
    """Build the blocks of a run of tokens for CBOW: predict each centre word from its context words.

    A centre without context words has no pair.

    Args:
      table: float32 [V, D].
      tokens: int32 [G * block + 2 * window] or [P, G / P * block + 2 * window], see `skip_gram`.
      window: integer W, the largest number of context words on each side.
      seed: integer, None, or an integer tensor [2], as for a sampler.
      block: integer K, centres per block.
      shrink: boolean, whether each centre draws its window size uniformly from 1 .. window.

    Returns:
      Windows.

    Raises:
      InputError: tokens whose length is not a whole number of blocks plus two windows.

    Reference: Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space",
      section 3.1. word2vec.c gives each context word the undivided gradient of the mean; this function
      has the exact gradient.
    """
    words, is_word, pairs = _blocks("cbow", tokens, window, seed, block, shrink=shrink)
    inner = slice(window, window + block)
    band = tf.cast(pairs, tf.float32)
    size = tf.reduce_sum(band, 2, keepdims=True)  # [G, K, 1]
    means = tf.matmul(band, lookup(table, words)) / tf.maximum(size, 1)
    own = np.eye(block, dtype=np.float32) * tf.cast(size > 0, tf.float32)
    return Windows(means, words[:, inner], is_word[:, inner], own, words)


def _blocks(function, tokens, window, seed, block, shrink):
    """Return (words int32 [G, J], 0 for END; boolean [G, J], True for words; pairs bool [G, K, J])."""
    num_places, size = ([1] + tokens.shape.as_list())[-2:]
    num_centres = size - 2 * window
    checks.argument(num_centres > 0 and num_centres % block == 0, function, "tokens",
                    "a multiple of %d plus 2 * %d tokens" % (block, window), tokens.shape)
    num_blocks, width = num_places * num_centres // block, block + 2 * window
    begin = size * np.arange(num_places)[:, None] + np.arange(0, num_centres, block)[None, :]
    frame = begin.reshape([-1, 1]) + np.arange(width)[None, :]  # [G, J]
    tokens = tf.reshape(tokens, [-1])
    distance = np.abs(np.arange(width)[None, :] - window - np.arange(block)[:, None])[None]
    reach = window
    if shrink:
        reach = tf.random.stateless_uniform([num_blocks, block, 1], distributions.stateless_seed(seed),
                                            1, window + 1, tf.int32)
    # Words have the even number of their sentence, each END an odd number: so no pair contains END.
    is_end = tf.cast(tf.equal(tokens, END), tf.int32)
    sentence = tf.gather(2 * tf.cumsum(is_end) - is_end, frame)
    same = tf.equal(sentence[:, window:window + block, None], sentence[:, None, :])
    pairs = tf.logical_and(tf.logical_and(distance <= reach, distance > 0), same)
    words = tf.gather(tokens, frame)
    return tf.maximum(words, 0), tf.not_equal(words, END), pairs  # END has no row
