"""The skip-gram model as a graph: a run of tokens in, blocks of centres, contexts and their pairs out.

A run of tokens is cut into blocks. The centre rows of a block meet the block's context tokens in one
matrix product, and a band mask says which of them are pairs:

    tokens     W | K centres | K centres | ... | W            W = window, K = block
    block g      |<-- W + K + W tokens -->|                   J = K + 2W labels

    windows = skip_gram(embeddings(10000, 128), tokens, window=5)
    loss = nce_loss(weights, biases, windows.labels, windows.inputs, ..., pairs=windows.pairs)

The model knows no loss; a loss takes its windows as a group of pairs (see `logits`).
"""
import collections

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks, distributions
from tf1_sampled.initializers import filled
from tf1_sampled.word2vec.corpus import BLOCK, END

Windows = collections.namedtuple("Windows", "inputs labels label_mask pairs centres")
Windows.__doc__ = """The blocks of a run of tokens.

  inputs: float32 [G, K, D], the rows of the centre words.
  labels: int32 [G, K + 2W], the words of the block and of W more on each side.
  label_mask: boolean [G, K + 2W], False where END stands, whose label is 0.
  pairs: float32 [G, K, K + 2W], 1 where the label is in the centre's window.
  centres: int32 [G, K], the centre words.
"""


def embeddings(vocab_size, dim, seed=None):
    """The table of word vectors: float32 [V, D], uniform in +-1/(2D) at first, as in word2vec.c."""
    return tf.get_variable(
        "embeddings", [vocab_size, dim], use_resource=True,
        initializer=tf.random_uniform_initializer(-0.5 / dim, 0.5 / dim, seed=seed))


def output_table(counts, dim, log_frequencies=True):
    """The table of classes: weights float32 [V, D], 0 at first, and biases float32 [V], not trained.

    The biases are those of `distributions.log_frequency_biases`: the weights have to say only how a
    context changes a word's probability, which is what makes them good word vectors.

    Args:
      counts: integer [V], how often each word comes.
      dim: integer D.
      log_frequencies: boolean; False for biases of 0, with a loss whose scores are relative to the
        noise's frequencies already (negative sampling).
    """
    weights = tf.get_variable("output_weights", [len(counts), dim], use_resource=True,
                              initializer=filled(0))
    if log_frequencies:
        return weights, distributions.log_frequency_biases("output_biases", counts)
    return weights, tf.get_variable("output_biases", [len(counts)], use_resource=True, trainable=False,
                                    initializer=filled(0))


def skip_gram(table, tokens, window, seed=None, block=BLOCK):
    """The blocks of a run of tokens, each centre with a window that shrinks by chance.

    The half width of a centre's window is uniform in 1 .. window, so that near words count more. A
    window ends at the ends of its sentence.

    Args:
      table: float32 [V, D].
      tokens: int32 [G * block + 2 * window], its length known; words, and END between sentences.
        The first and the last `window` tokens are context only.
      window: integer W, the largest half width.
      seed: integer or None.
      block: integer K, centres per block.

    Returns:
      Windows.

    Raises:
      InputError: a number of tokens that is not a number of blocks and two windows.

    Reference: Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space",
      section 3.2, for the window.
    """
    num_centres = tokens.shape.as_list()[0] - 2 * window
    checks.argument(num_centres > 0 and num_centres % block == 0, "skip_gram", "tokens",
                    "a length of blocks of %d and 2 * %d more" % (block, window), tokens.shape)
    num_blocks, width = num_centres // block, block + 2 * window
    frame = np.arange(num_blocks)[:, None] * block + np.arange(width)[None, :]  # [G, J]
    reach = tf.random_uniform([num_blocks, block, 1], 1, window + 1, dtype=tf.int32, seed=seed)
    distance = np.abs(np.arange(width)[None, :] - window - np.arange(block)[:, None])[None]
    sentence = tf.gather(tf.cumsum(tf.cast(tf.equal(tokens, END), tf.int32)), frame)
    words = tf.gather(tokens, frame)
    inner = slice(window, window + block)
    pairs = tf.logical_and(distance <= reach, distance > 0)
    pairs = tf.logical_and(pairs, tf.equal(sentence[:, inner, None], sentence[:, None, :]))
    is_word = tf.not_equal(words, END)
    pairs = tf.logical_and(pairs, tf.logical_and(is_word[:, inner, None], is_word[:, None, :]))
    words = tf.maximum(words, 0)  # END has no row; no pair has END
    centres = words[:, inner]
    return Windows(tf.gather(table, centres), words, is_word, tf.cast(pairs, tf.float32), centres)
