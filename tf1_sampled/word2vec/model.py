"""Skip-gram and CBOW as graphs: a run of tokens in, blocks of inputs, labels and their pairs out.

A run of tokens is cut into blocks. In skip-gram the centre rows of a block meet the block's context
tokens in one matrix product, and a band mask says which of them are pairs:

    tokens     W | K centres | K centres | ... | W            W = window, K = block
    block g      |<-- W + K + W tokens -->|                   J = K + 2W labels

    windows = skip_gram(embeddings(10000, 128), tokens, window=5)
    loss = nce_loss(weights, biases, windows.labels, windows.inputs, ..., pairs=windows.pairs)

In CBOW the same mask adds up the context rows, in one product too, and the centres are the labels.
The model knows no loss; a loss takes its windows as a group of pairs (see `logits`).
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

  inputs: float32 [G, K, D]: rows of the centre words; of CBOW, means of rows of their contexts.
  labels: int32 [G, J]: the words of the block and of W more on each side; of CBOW, the centre words.
  label_mask: boolean [G, J], False where END stands, whose label is 0.
  pairs: float32 [G, K, J], 1 where the label goes with the input.
  input_words: int32 [G, K], or [G, K + 2W] of CBOW: the words whose rows make the inputs.
"""


def embeddings(vocab_size, dim, seed=None, initial=None):
    """Return the table of word vectors: float32 [V, D], uniform in +-1/(2D) at first, as in word2vec.c.

    Args:
      vocab_size: integer V.
      dim: integer D.
      seed: integer or None.
      initial: None, or float32 [V, D] to start from; rows of NaN start as they would without.
    """
    if initial is None:
        start = random_uniform(0.5 / dim, seed)
    else:
        random = np.random.RandomState(seed).uniform(-0.5 / dim, 0.5 / dim, initial.shape)
        start = from_memory(np.where(np.isnan(initial), random, initial).astype(np.float32))
    return _table(EMBEDDINGS, [vocab_size, dim], start, initial)


def output_table(counts, dim, log_frequencies=True, initial=None):
    """Return the table of classes: weights float32 [V, D], 0 at first, biases float32 [V], not trained.

    The biases are those of `distributions.log_frequency_biases`: the weights have to say only how a
    context changes a word's probability, which is what makes them good word vectors.

    Args:
      counts: integer [V], how often each word comes.
      dim: integer D.
      log_frequencies: boolean; False for biases of 0, with a loss whose scores are relative to the
        noise's frequencies already (negative sampling).
      initial: None, or float32 [V, D] to start from; rows of NaN start at 0.
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
    """Compute what negative sampling's scores are relative to: the log-probabilities of words as noise.

    A score tends to log P(y | x) - log Q(y) - log k; with log Q(y) as its bias it is comparable with
    that of another loss.

    Args:
      sampler: string, a key of SAMPLERS. Those that take labels of the batch follow their frequencies.
      counts: integer [V], in falling order.
      distortion: float, of fixed_unigram.

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
        weights = np.maximum(counts, 0.5) ** power  # a word that was never seen has a finite one
    return np.log(weights / np.sum(weights)).astype(np.float32)


def skip_gram(table, tokens, window, seed=None, block=BLOCK, shrink=True):
    """Return the blocks of a run of tokens for predicting the words around each centre word.

    A window ends at the ends of its sentence.

    Args:
      table: float32 [V, D].
      tokens: int32 [G * block + 2 * window], its length known; words, and END between sentences.
        The first and the last `window` tokens are context only. Or [P, G / P * block + 2 * window],
        runs from P places.
      window: integer W, the largest half width.
      seed: integer, None, or an integer tensor [2], as of a sampler.
      block: integer K, centres per block.
      shrink: whether the half width of each centre's window is uniform in 1 .. window, so that near
        words count more; else it is `window`.

    Returns:
      Windows.

    Raises:
      InputError: a number of tokens that is not a number of blocks and two windows.

    Reference: Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space",
      section 3.2, also for the window.
    """
    words, is_word, pairs = _blocks("skip_gram", tokens, window, seed, block, shrink=shrink)
    centres = words[:, window:window + block]
    return Windows(lookup(table, centres), words, is_word, tf.cast(pairs, tf.float32), centres)


def cbow(table, tokens, window, seed=None, block=BLOCK, shrink=True):
    """Return the blocks of a run of tokens for predicting each centre word from those around it.

    Args, Returns, Raises: as `skip_gram`. A centre without any context has no pair.

    Reference: Mikolov et al. 2013, as `skip_gram`, section 3.1. word2vec.c gives each context word the
      gradient of the mean undivided; this is the gradient.
    """
    words, is_word, pairs = _blocks("cbow", tokens, window, seed, block, shrink=shrink)
    inner = slice(window, window + block)
    band = tf.cast(pairs, tf.float32)
    size = tf.reduce_sum(band, 2, keepdims=True)  # [G, K, 1]
    means = tf.matmul(band, lookup(table, words)) / tf.maximum(size, 1)
    own = np.eye(block, dtype=np.float32) * tf.cast(size > 0, tf.float32)
    return Windows(means, words[:, inner], is_word[:, inner], own, words)


def _blocks(function, tokens, window, seed, block, shrink):
    """Words int32 [G, J], 0 for END; boolean, whether they are words; pairs with centres [G, K, J]."""
    num_places, size = ([1] + tokens.shape.as_list())[-2:]
    num_centres = size - 2 * window
    checks.argument(num_centres > 0 and num_centres % block == 0, function, "tokens",
                    "a length of blocks of %d and 2 * %d more" % (block, window), tokens.shape)
    num_blocks, width = num_places * num_centres // block, block + 2 * window
    begin = size * np.arange(num_places)[:, None] + np.arange(0, num_centres, block)[None, :]
    frame = begin.reshape([-1, 1]) + np.arange(width)[None, :]  # [G, J]
    tokens = tf.reshape(tokens, [-1])
    distance = np.abs(np.arange(width)[None, :] - window - np.arange(block)[:, None])[None]
    reach = window
    if shrink:
        reach = tf.random.stateless_uniform([num_blocks, block, 1], distributions.stateless_seed(seed),
                                            1, window + 1, tf.int32)
    # Words of a sentence have its even number, and each END an odd one of its own: no pair has END.
    is_end = tf.cast(tf.equal(tokens, END), tf.int32)
    sentence = tf.gather(2 * tf.cumsum(is_end) - is_end, frame)
    same = tf.equal(sentence[:, window:window + block, None], sentence[:, None, :])
    pairs = tf.logical_and(tf.logical_and(distance <= reach, distance > 0), same)
    words = tf.gather(tokens, frame)
    return tf.maximum(words, 0), tf.not_equal(words, END), pairs  # END has no row
