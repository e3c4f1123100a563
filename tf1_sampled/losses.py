"""Sampled losses, and the full ones that they stand for.

With s(x, k) = <x, w_k> + b_k, an example x of class y, S candidates c and Q the expected counts:

    nce              softplus(-l_y) + sum_c softplus(l_c)             l_k = s(x, k) - log Q(k)
    sampled_softmax  log(exp l_y + sum_c exp l_c) - l_y               l_k = s(x, k) - log Q(k)
    full_sigmoid     softplus(-s(x, y)) + sum_{k != y} softplus(s(x, k))
    full_softmax     log(sum_k exp s(x, k)) - s(x, y)

    weights = tf.get_variable("weights", [10000, 64])
    biases = tf.get_variable("biases", [10000], initializer=tf.zeros_initializer(), trainable=False)
    loss = tf.reduce_mean(nce_loss(weights, biases, labels, inputs, 64, 10000))

The signatures are those of `tf.nn`, and so are the values. Beyond them, `pairs` gives the form for
groups of pairs (see `logits`): inputs [G, K, D], labels [G, J], pairs [G, K, J].

Losses are per example and not reduced; the values of losses of different kinds, or of one kind with
different S, do not compare: compare models by `full_softmax_loss` on held-out data.
"""
import tensorflow.compat.v1 as tf

from tf1_sampled import checks, samplers
from tf1_sampled.logits import compute_pair_logits, compute_sampled_logits, lookup, whole_table


def nce_loss(weights, biases, labels, inputs, num_sampled, num_classes, num_true=1,
             sampled_values=None, remove_accidental_hits=False, partition_strategy="mod",
             name="nce_loss", seed=None, pairs=None):
    """Noise-contrastive estimation: tells an example's label from the sampled noise.

        loss = sum_t [softplus(l_t) - l_t / T] + sum_c softplus(l_c),   l_k = s(x, k) - log Q(k)

    At the optimum s(x, k) = log P(k | x): the model is normalised without a sum over all classes.

    Args:
      weights: float [C, D], a list of shards of that, a PartitionedVariable, or logits.UnitRows.
      biases: float [C], in the form of the weights.
      labels: int32 or int64 [B, num_true], or [B] where num_true is 1; [G, J] with pairs.
      inputs: float [B, D]; [G, K, D] with pairs.
      num_sampled: integer S.
      num_classes: integer C.
      num_true: integer T; each label has the target 1 / T. 1 with pairs.
      sampled_values: what a sampler returned (`tf.nn`'s or ours); by default that of
        log_uniform_candidate_sampler, unique. With pairs, that of a sampler with num_groups=G.
      remove_accidental_hits: boolean, whether candidates that are a label of the example are left
        out. False is what the theory wants.
      partition_strategy: "mod" or "div" for a list of shards.
      name: string.
      seed: integer or None, for the default sampler.
      pairs: None, or float or boolean [G, K, J]: the weight of each pair of an input and a label of
        its group as an example of its own; 0 where the two do not belong together.

    Returns:
      float [B], the loss of each example; with pairs [G, K, J], times the pair's weight.

    Raises:
      InputError: an argument out of its range, or a tensor of another type or shape.

    Reference: Gutmann and Hyvarinen 2010; Mnih and Teh 2012, eq. 6-8; tf.nn.nce_loss.
    """
    with tf.name_scope(name):
        if pairs is not None:
            return _pair_loss(_nce_of_pairs, "nce_loss", weights, biases, labels, inputs,
                              num_sampled, num_classes, num_true, sampled_values,
                              remove_accidental_hits, partition_strategy, seed, pairs)
        logits, targets = compute_sampled_logits(
            weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
            True, remove_accidental_hits, partition_strategy, "nce_loss", seed)
        return _sigmoid_loss(logits, targets)


def sampled_softmax_loss(weights, biases, labels, inputs, num_sampled, num_classes, num_true=1,
                         sampled_values=None, remove_accidental_hits=True,
                         partition_strategy="mod", name="sampled_softmax_loss", seed=None,
                         pairs=None):
    """Cross-entropy of a softmax over an example's labels and the sampled classes.

        loss = log(sum_t exp l_t + sum_c exp l_c) - mean_t l_t,   l_k = s(x, k) - log Q(k)

    An estimate of the full softmax's loss from below, whose gradient's bias falls as 1 / S.

    Args, Returns, Raises: as `nce_loss`, with hits removed by default.

    Reference: Bengio and Senecal 2008; Jean et al. 2015, section 3; tf.nn.sampled_softmax_loss.
    """
    with tf.name_scope(name):
        if pairs is not None:
            return _pair_loss(_softmax_of_pairs, "sampled_softmax_loss", weights, biases, labels,
                              inputs, num_sampled, num_classes, num_true, sampled_values,
                              remove_accidental_hits, partition_strategy, seed, pairs)
        logits, targets = compute_sampled_logits(
            weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
            True, remove_accidental_hits, partition_strategy, "sampled_softmax_loss", seed)
        return tf.nn.softmax_cross_entropy_with_logits_v2(
            labels=tf.stop_gradient(targets), logits=logits)


def full_softmax_loss(weights, biases, labels, inputs, num_classes, num_true=1,
                      partition_strategy="mod", name="full_softmax_loss"):
    """Cross-entropy of the softmax over all classes: what runs of different losses compare by.

        loss = log(sum_k exp s(x, k)) - mean_t s(x, y_t)

    Args:
      weights, biases, partition_strategy, name: as `nce_loss`.
      labels: int32 or int64 [B, num_true], or [B] where num_true is 1.
      inputs: float [B, D].
      num_classes: integer C.
      num_true: integer T.

    Returns:
      float [B], in nats. Memory and time are those of [B, C] logits.

    Raises:
      InputError: labels of another type or shape.
    """
    with tf.name_scope(name):
        logits, true_logits = _full_logits("full_softmax_loss", weights, biases, labels, inputs,
                                           num_classes, num_true, partition_strategy)
        return tf.reduce_logsumexp(logits, 1) - tf.reduce_mean(true_logits, 1)


def full_sigmoid_loss(weights, biases, labels, inputs, num_classes, num_true=1,
                      partition_strategy="mod", name="full_sigmoid_loss"):
    """Sum over all classes of the logistic loss of "is this class the label": what NCE's form
    tends to with all classes as candidates.

        loss = sum_k softplus(s(x, k)) - mean_t s(x, y_t)

    Args, Returns, Raises: as `full_softmax_loss`.
    """
    with tf.name_scope(name):
        logits, true_logits = _full_logits("full_sigmoid_loss", weights, biases, labels, inputs,
                                           num_classes, num_true, partition_strategy)
        return tf.reduce_sum(tf.nn.softplus(logits), 1) - tf.reduce_mean(true_logits, 1)


def l2_loss_of_rows(params, ids, partition_strategy="mod", name="l2_loss_of_rows"):
    """Half the sum of squares of the rows that a batch uses, each as often as it is used.

        loss = 1/2 sum_i ||params[ids_i]||^2

    Its gradient is sparse. Summed over an epoch it decays a row in proportion to the row's use; a
    tf.nn.l2_loss of the whole table would make every step as long as the table.

    Args:
      params: float [C, D], a list of shards of that, or a PartitionedVariable.
      ids: int32 or int64, any shape.
      partition_strategy: "mod" or "div" for a list of shards.
      name: string.

    Returns:
      float scalar.
    """
    with tf.name_scope(name):
        return tf.nn.l2_loss(lookup(params, ids, partition_strategy))


def _sigmoid_loss(logits, targets):
    # By softplus rather than sigmoid_cross_entropy_with_logits: its gradient is one op, not eight.
    return tf.reduce_sum(tf.nn.softplus(logits) - logits * targets, 1)


def _pair_loss(loss_of_logits, function, weights, biases, labels, inputs, num_sampled, num_classes,
               num_true, sampled_values, remove_accidental_hits, partition_strategy, seed, pairs):
    checks.argument(num_true == 1, function, "num_true", "1 with pairs", num_true)
    if sampled_values is None:
        labels = tf.convert_to_tensor(labels)
        sampled_values = samplers.log_uniform_candidate_sampler(
            labels, num_true, num_sampled, unique=True, range_max=num_classes, seed=seed,
            num_groups=tf.compat.dimension_value(labels.shape[0]))
    logits = compute_pair_logits(weights, biases, labels, inputs, sampled_values,
                                 partition_strategy=partition_strategy)
    loss = loss_of_logits(logits, remove_accidental_hits)
    return loss * tf.cast(pairs, loss.dtype)


def _nce_of_pairs(logits, remove_accidental_hits):
    noise = _sum_over_candidates(tf.nn.softplus(logits.sampled_logits), logits.hits,
                                 remove_accidental_hits)
    return tf.nn.softplus(-logits.true_logits) + noise


def _softmax_of_pairs(logits, remove_accidental_hits):
    # The largest of the candidates and of all the group's labels would do too, but then one far
    # label could make the sum of a nearer one vanish.
    largest = tf.stop_gradient(tf.reduce_max(logits.sampled_logits, 2, keepdims=True))
    total = _sum_over_candidates(tf.exp(logits.sampled_logits - largest), logits.hits,
                                 remove_accidental_hits)
    # All candidates removed: a sum of 0, whose logarithm has to be finite, with gradient 0.
    total = tf.maximum(total, tf.constant(1e-30, total.dtype))
    return tf.nn.softplus(tf.log(total) + largest - logits.true_logits)


def _sum_over_candidates(values, hits, remove_accidental_hits):
    """[G, K, S] -> [G, K, J] or [G, K, 1], the sum over the candidates that are not the label."""
    if not remove_accidental_hits:
        return tf.reduce_sum(values, 2, keepdims=True)
    return tf.matmul(values, 1 - tf.cast(hits, values.dtype), transpose_b=True)


def _full_logits(function, weights, biases, labels, inputs, num_classes, num_true,
                 partition_strategy):
    """Logits [B, C] for all classes and [B, T] for the labels."""
    labels = samplers.label_tensor(function, "labels", labels, num_true)
    labels = tf.reshape(labels, [-1, num_true])
    logits = tf.matmul(inputs, whole_table(weights, num_classes, partition_strategy),
                       transpose_b=True)
    logits += whole_table(biases, num_classes, partition_strategy)
    rows = tf.cast(tf.range(tf.shape(labels)[0]), labels.dtype)
    places = tf.stack([tf.tile(rows[:, None], [1, num_true]), labels], 2)
    return logits, tf.gather_nd(logits, places)
