"""Sampled losses, and the full ones that they stand for.

With s(x, k) = <x, w_k> + b_k, an example x of class y, S candidates c, Q the expected counts, and
l_k = s(x, k) - log Q(k):

    nce                      softplus(-l_y) + sum_c softplus(l_c)
    sampled_softmax          log(exp l_y + sum_c exp l_c) - l_y
    refined_sampled_softmax  (1 - P(y | x)) [log(sum_c exp l_c) - s(x, y)]
    softmax_at_k             sigmoid((s(x, y) - beta) / t) sampled_softmax
    negative_sampling        softplus(-s(x, y)) + k/S sum_c softplus(s(x, c))
    gbce                     [beta softplus(-s(x, y)) + sum_c softplus(s(x, c))] / (S + 1)
    full_sigmoid             softplus(-s(x, y)) + sum_{k != y} softplus(s(x, k))
    full_softmax             log(sum_k exp s(x, k)) - s(x, y)

    weights = tf.get_variable("weights", [10000, 64])
    biases = tf.get_variable("biases", [10000], initializer=tf.zeros_initializer(), trainable=False)
    loss = tf.reduce_mean(nce_loss(weights, biases, labels, inputs, 64, 10000))

The signatures are those of `tf.nn`, and for its two losses so are the values. The full losses have the
same arguments without those of the sampling, so that one can replace the other. Beyond them, `pairs`
gives the form for groups of pairs (see `logits`): inputs [G, K, D], labels [G, J], pairs [G, K, J]; and
`label_mask` says which places of `labels` hold one where examples have different numbers of labels.

Losses are per example and not reduced; they are float64 where weights or inputs are, else float32. The
values of losses of different kinds, or of one kind with different S, do not compare: compare models by
`full_softmax_loss` on held-out data.
"""
from typing import Any, Callable, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from tf1_sampled import blocks, checks, class_ids, graph_checks, registry, samplers
from tf1_sampled.logits import (
    MASKED_LOGIT,
    Table,
    check_batch,
    check_tables,
    compute_pair_logits,
    compute_sampled_logits,
    dtype_of,
    lookup,
    of_groups,
    rows_and_biases,
    whole_table,
)
from tf1_sampled.type_names import (
    Integer,
    Number,
    PartitionStrategy,
    SampledLike,
    Seed,
    Tensor,
    TensorLike,
)


def loss_by_name(loss: str, weights: Table, biases: Optional[Table], labels: TensorLike,
                 inputs: TensorLike, num_classes: Integer, sampled_values: Optional[SampledLike] = None,
                 pairs: Optional[TensorLike] = None, **options: Any) -> Tensor:
    """The loss of a name, sampled or full.

    Args:
      loss: string, a key of LOSSES, or one of registry.FULL_LOSSES.
      weights, biases, labels, inputs, num_classes, pairs: as `nce_loss`.
      sampled_values: what a sampler returned; not read by a full loss.
      options: what only that loss takes.

    Returns:
      float [B]; with pairs [G, K, J].

    Raises:
      InputError: an unknown name, a sampled loss without sampled_values, or what the loss says.
    """
    if loss in registry.FULL_LOSSES:
        return full_softmax_loss(weights, biases, labels, inputs, num_classes, pairs=pairs, **options)
    checks.one_of("loss_by_name", "loss", loss, registry.LOSSES)
    checks.argument(sampled_values is not None, "loss_by_name", "sampled_values",
                    "those of a sampler", sampled_values)
    return registry.LOSSES[loss](weights, biases, labels, inputs, num_sampled=None,
                                 num_classes=num_classes, sampled_values=sampled_values, pairs=pairs,
                                 **options)


def nce_loss(
        weights: Table, biases: Optional[Table], labels: TensorLike, inputs: TensorLike,
        num_sampled: Optional[Integer], num_classes: Integer, num_true: Integer = 1,
        sampled_values: Optional[SampledLike] = None, remove_accidental_hits: bool = False,
        partition_strategy: PartitionStrategy = "mod", name: str = "nce_loss",
        seed: Seed = None, pairs: Optional[TensorLike] = None,
        label_mask: Optional[TensorLike] = None) -> Tensor:
    """Noise-contrastive estimation: tells an example's label from the sampled noise.

        loss = sum_t [softplus(l_t) - l_t / T] + sum_c softplus(l_c),   l_k = s(x, k) - log Q(k)

    At the optimum s(x, k) = log P(k | x): the model is normalised without a sum over all classes.

    Args:
      weights: float [C, D], a list of shards of that, a PartitionedVariable, or logits.UnitRows. It may
        have more rows than num_classes, as a padded table has.
      biases: float [C], in the form of the weights, or None for none.
      labels: integers, or floats that are whole numbers, [B, num_true] or flat, [B * num_true]; of
        sequences [B, L], or [B, L, num_true]; [G, J] with pairs.
      inputs: float [B, D]; of sequences [B, L, D]; [G, K, D] with pairs.
      num_sampled: integer S; not read where sampled_values are given.
      num_classes: integer C.
      num_true: integer T; each label has the target 1 / T. 1 with pairs.
      sampled_values: what a sampler returned (`tf.nn`'s or ours); by default that of
        log_uniform_candidate_sampler, unique. Candidates are [S], or [G, S] with a set for each group
        of B / G consecutive examples (of B L / G consecutive places of sequences, whose labels a sampler
        takes as [B, L, num_true]). With pairs, those of a sampler with num_groups=G, or fewer sets, each
        for some consecutive groups.
      remove_accidental_hits: boolean, whether candidates that are a label of the example are left
        out. False is what the theory wants.
      partition_strategy: "mod" or "div" for a list of shards.
      name: string.
      seed: integer, None or an integer tensor [2], for the default sampler.
      pairs: None, or float or boolean [G, K, J]: the weight of each pair of an input and a label of
        its group as an example of its own; 0 where the two do not belong together.
      label_mask: None, or boolean of the shape of labels, False where a place holds padding: T is
        then an example's own number of labels, and without any its loss is 0. None with pairs.

    Returns:
      float [B], the loss of each example; of sequences [B, L]; with pairs [G, K, J], times the pair's
      weight.

    Raises:
      InputError: an argument out of its range, or a tensor of another type or shape.
      tf.errors.InvalidArgumentError: in the session, a label that is not in 0 .. num_classes - 1, or a
        float that is not whole.

    Reference: Gutmann and Hyvarinen 2010; Mnih and Teh 2012, eq. 6-8; tf.nn.nce_loss.
    """
    with tf.name_scope(name, "nce_loss"):
        terms = _terms("nce_loss", _Classes(weights, biases, num_classes, partition_strategy),
                       _Batch(labels, inputs, num_true, label_mask, pairs),
                       _Sampling(num_sampled, sampled_values, remove_accidental_hits, seed))
        # By softplus rather than sigmoid_cross_entropy_with_logits: its gradient is one op, not eight.
        return terms.mean(terms.num_labels * tf.nn.softplus(terms.true) - terms.true
                          + terms.noise(tf.nn.softplus))


def sampled_softmax_loss(
        weights: Table, biases: Optional[Table], labels: TensorLike, inputs: TensorLike,
        num_sampled: Optional[Integer], num_classes: Integer, num_true: Integer = 1,
        sampled_values: Optional[SampledLike] = None, remove_accidental_hits: bool = True,
        partition_strategy: PartitionStrategy = "mod", name: str = "sampled_softmax_loss",
        seed: Seed = None, pairs: Optional[TensorLike] = None,
        label_mask: Optional[TensorLike] = None) -> Tensor:
    """Cross-entropy of a softmax over an example's labels and the sampled classes.

        loss = log(sum_t exp l_t + sum_c exp l_c) - mean_t l_t,   l_k = s(x, k) - log Q(k)

    An estimate of the full softmax's loss from below, whose gradient's bias falls as 1 / S where repeats
    are masked or redrawn. Where they stay (unique=False), the label's part of the sum is
    exp s(x, y) / Q(y) with a Q(y) = S P(y) that grows beyond 1, so that a bias remains where S P(y) is
    large: 11% in benchmarks/gradient_bias.py. `refined_sampled_softmax_loss` has no such part.

    Args:
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true] or another shape that `nce_loss`
        takes.
      inputs: float [B, D]; of sequences [B, L, D]; [G, K, D] with pairs.
      num_sampled: integer S; not read where sampled_values are given.
      num_classes: integer C.
      num_true: integer T. 1 with pairs.
      sampled_values: the values that a sampler returned; by default those of
        log_uniform_candidate_sampler, unique.
      remove_accidental_hits: boolean, whether candidates that are a label of the example are left out.
      partition_strategy: "mod" or "div" for a list of shards.
      name: string.
      seed: integer, None or an integer tensor [2], for the default sampler.
      pairs: None, or float or boolean [G, K, J], the weight of each pair of an input and a label.
      label_mask: None, or boolean of the shape of labels, False where a place holds padding.

    Returns:
      float [B], the loss of each example; of sequences [B, L]; with pairs [G, K, J], times the pair's
      weight.

    Raises:
      InputError: an argument out of its range, or a tensor of another type or shape.
      tf.errors.InvalidArgumentError: in the session, a label that is not in 0 .. num_classes - 1, or a
        float that is not whole.

    Reference: Bengio and Senecal 2008; Jean et al. 2015, section 3; tf.nn.sampled_softmax_loss.
    """
    with tf.name_scope(name, "sampled_softmax_loss"):
        terms = _terms("sampled_softmax_loss",
                       _Classes(weights, biases, num_classes, partition_strategy),
                       _Batch(labels, inputs, num_true, label_mask, pairs),
                       _Sampling(num_sampled, sampled_values, remove_accidental_hits, seed))
        return terms.mean(_softmax(terms))


def refined_sampled_softmax_loss(
        weights: Table, biases: Optional[Table], labels: TensorLike, inputs: TensorLike,
        num_sampled: Optional[Integer], num_classes: Integer, num_true: Integer = 1,
        sampled_values: Optional[SampledLike] = None, remove_accidental_hits: bool = True,
        partition_strategy: PartitionStrategy = "mod", name: str = "refined_sampled_softmax_loss",
        seed: Seed = None, pairs: Optional[TensorLike] = None,
        label_mask: Optional[TensorLike] = None) -> Tensor:
    """Sampled softmax with the refined log Q correction: candidates stand for the other classes only.

        loss = w [log(sum_c exp l_c) - s(x, y)],   l_c = s(x, c) - log Q(c)
        w = 1 - P(y | x), taken as a constant,   P(y | x) = exp s(x, y) / (exp s(x, y) + sum_c exp l_c)

    The full softmax's gradient is 1 - P(y | x) times that of the other classes' mean score less y's, by
    which candidates, which are random, need a correction and the label, which is always there, none.
    Of the mean over labels where there are several.

    P wants the sum over the other classes, of which sum_c exp l_c with hits removed is an unbiased
    estimate. The paper's, with draws that repeat, is that times E[n] / n, n the candidates that are no
    hits.

    Args:
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true] or another shape that `nce_loss`
        takes.
      inputs: float [B, D]; of sequences [B, L, D]; [G, K, D] with pairs.
      num_sampled: integer S; not read where sampled_values are given.
      num_classes: integer C.
      num_true: integer T. 1 with pairs.
      sampled_values: the values that a sampler returned; by default those of
        log_uniform_candidate_sampler, unique.
      remove_accidental_hits: boolean, whether candidates that are a label of the example are left out.
        The formula is for True.
      partition_strategy: "mod" or "div" for a list of shards.
      name: string.
      seed: integer, None or an integer tensor [2], for the default sampler.
      pairs: None, or float or boolean [G, K, J], the weight of each pair of an input and a label.
      label_mask: None, or boolean of the shape of labels, False where a place holds padding.

    Returns:
      float [B], the loss of each example; of sequences [B, L]; with pairs [G, K, J], times the pair's
      weight.

    Raises:
      InputError: an argument out of its range, or a tensor of another type or shape.
      tf.errors.InvalidArgumentError: in the session, a label that is not in 0 .. num_classes - 1, or a
        float that is not whole.

    Reference: Correcting the LogQ Correction: Revisiting Sampled Softmax for Large-Scale Retrieval,
      RecSys 2025.
    """
    with tf.name_scope(name, "refined_sampled_softmax_loss"):
        terms = _terms("refined_sampled_softmax_loss",
                       _Classes(weights, biases, num_classes, partition_strategy),
                       _Batch(labels, inputs, num_true, label_mask, pairs),
                       _Sampling(num_sampled, sampled_values, remove_accidental_hits, seed))
        margin = terms.log_noise() - terms.true_scores()
        return terms.mean(tf.stop_gradient(tf.sigmoid(margin)) * margin)


def softmax_at_k_loss(
        weights: Table, biases: Optional[Table], labels: TensorLike, inputs: TensorLike,
        num_sampled: Optional[Integer], num_classes: Integer, num_true: Integer = 1,
        sampled_values: Optional[SampledLike] = None, remove_accidental_hits: bool = True,
        partition_strategy: PartitionStrategy = "mod", name: str = "softmax_at_k_loss",
        seed: Seed = None, pairs: Optional[TensorLike] = None, label_mask: Optional[TensorLike] = None,
        k: Integer = 20, weight_temperature: Number = 10.0) -> Tensor:
    """SL@K: sampled softmax, weighted by how far a label's score is above the top K's threshold.

        loss = sigmoid((s(x, y) - beta) / t) sampled_softmax_loss

    with beta the K-th largest of the scores s of the label and the candidates, and a constant weight.
    Labels that are far below the top K, where Recall@K and NDCG@K do not see them, count for little.

    Two differences to the authors' code: there the label is not in the softmax's sum and log Q, for
    uniform negatives the same for all, is left out; and the gradient of the weight is taken, which
    pushes a label's score down.

    Args:
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true] or another shape that `nce_loss`
        takes.
      inputs: float [B, D]; of sequences [B, L, D]; [G, K, D] with pairs.
      num_sampled: integer S; not read where sampled_values are given.
      num_classes: integer C.
      num_true: integer T. 1 with pairs.
      sampled_values: the values that a sampler returned; by default those of
        log_uniform_candidate_sampler, unique.
      remove_accidental_hits: boolean, whether candidates that are a label of the example are left out.
      partition_strategy: "mod" or "div" for a list of shards.
      name: string.
      seed: integer, None or an integer tensor [2], for the default sampler.
      pairs: None, or float or boolean [G, K, J], the weight of each pair of an input and a label.
      label_mask: None, or boolean of the shape of labels, False where a place holds padding.
      k: integer K, at most S. Where only the running graph knows S, it may be less: a label is then one
        of the K best.
      weight_temperature: float t above 0, in units of scores. Of cosines that are divided by a
        temperature, the authors' second temperature is that one times t: 0.2 and 2.25 in their example.

    Returns:
      float [B], the loss of each example; of sequences [B, L]; with pairs [G, K, J], times the pair's
      weight.

    Raises:
      InputError: an argument out of its range, or a tensor of another type or shape.
      tf.errors.InvalidArgumentError: in the session, a label that is not in 0 .. num_classes - 1, or a
        float that is not whole.

    Reference: SL@K in "Breaking the Top-K Barrier: Advancing Top-K Ranking Metrics Optimization in
      Recommender Systems", KDD 2025.
    """
    checks.positive("softmax_at_k_loss", "k", k)
    checks.argument(weight_temperature > 0, "softmax_at_k_loss", "weight_temperature",
                    "a number above 0", weight_temperature)
    with tf.name_scope(name, "softmax_at_k_loss"):
        terms = _terms("softmax_at_k_loss", _Classes(weights, biases, num_classes, partition_strategy),
                       _Batch(labels, inputs, num_true, label_mask, pairs),
                       _Sampling(num_sampled, sampled_values, remove_accidental_hits, seed))
        size = tf.compat.dimension_value(terms.sampled.shape[-1])
        checks.argument(size is None or k <= size, "softmax_at_k_loss", "k",
                        "at most the number of candidates, %s" % size, k)
        score = tf.stop_gradient(terms.true_scores())
        top = terms.top_scores(k)
        # The label takes its place among them: the K-th of all is it, or the K-th or the one above.
        threshold = tf.maximum(score, top[..., k - 1])
        if k > 1:
            threshold = tf.minimum(threshold, top[..., k - 2])
        return terms.mean(tf.sigmoid((score - threshold) / weight_temperature) * _softmax(terms))


def negative_sampling_loss(
        weights: Table, biases: Optional[Table], labels: TensorLike, inputs: TensorLike,
        num_sampled: Optional[Integer], num_classes: Integer, num_true: Integer = 1,
        sampled_values: Optional[SampledLike] = None, remove_accidental_hits: bool = True,
        partition_strategy: PartitionStrategy = "mod", name: str = "negative_sampling_loss",
        seed: Seed = None, pairs: Optional[TensorLike] = None, label_mask: Optional[TensorLike] = None,
        num_negatives: Optional[Number] = None) -> Tensor:
    """Negative sampling: word2vec's simplified NCE, without log Q.

        loss = softplus(-s(x, y)) + k/S sum_c softplus(s(x, c))

    At the optimum s(x, y) = log P(y | x) - log P(y) - log k, with P that of the candidates: not a
    model of the classes, but good for vectors. k is the paper's; S draws, shared by many examples maybe,
    estimate the mean over c. The paper draws with repeats: unique=False. Of the mean over labels where
    there are several.

    Args:
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true] or another shape that `nce_loss`
        takes.
      inputs: float [B, D]; of sequences [B, L, D]; [G, K, D] with pairs.
      num_sampled: integer S; not read where sampled_values are given.
      num_classes: integer C.
      num_true: integer T. 1 with pairs.
      sampled_values: the values that a sampler returned; by default those of
        log_uniform_candidate_sampler with repeats.
      remove_accidental_hits: boolean, whether candidates that are a label of the example are left out.
      partition_strategy: "mod" or "div" for a list of shards.
      name: string.
      seed: integer, None or an integer tensor [2], for the default sampler.
      pairs: None, or float or boolean [G, K, J], the weight of each pair of an input and a label.
      label_mask: None, or boolean of the shape of labels, False where a place holds padding.
      num_negatives: float k above 0, the weight of the noise; by default S, masked candidates included.

    Returns:
      float [B], the loss of each example; of sequences [B, L]; with pairs [G, K, J], times the pair's
      weight.

    Raises:
      InputError: an argument out of its range, or a tensor of another type or shape.
      tf.errors.InvalidArgumentError: in the session, a label that is not in 0 .. num_classes - 1, or a
        float that is not whole.

    Reference: Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their
      Compositionality", eq. 4; Levy and Goldberg 2014 for the optimum.
    """
    if num_negatives is not None:
        checks.argument(num_negatives > 0, "negative_sampling_loss", "num_negatives",
                        "a number above 0", num_negatives)
    with tf.name_scope(name, "negative_sampling_loss"):
        terms = _terms("negative_sampling_loss",
                       _Classes(weights, biases, num_classes, partition_strategy),
                       _Batch(labels, inputs, num_true, label_mask, pairs),
                       _Sampling(num_sampled, sampled_values, remove_accidental_hits, seed,
                                 subtract_log_q=False, unique=False))
        noise = terms.noise(tf.nn.softplus)
        if num_negatives is not None:
            noise *= num_negatives / terms.num_candidates()
        return terms.mean(tf.nn.softplus(-terms.true) + noise)


def gbce_loss(
        weights: Table, biases: Optional[Table], labels: TensorLike, inputs: TensorLike,
        num_sampled: Optional[Integer], num_classes: Integer, num_true: Integer = 1,
        sampled_values: Optional[SampledLike] = None, remove_accidental_hits: bool = False,
        partition_strategy: PartitionStrategy = "mod", name: str = "gbce_loss",
        seed: Seed = None, pairs: Optional[TensorLike] = None, label_mask: Optional[TensorLike] = None,
        calibration: Number = 0.75) -> Tensor:
    """Generalised binary cross-entropy, which corrects the overconfidence of few negatives.

        loss = [beta softplus(-s(x, y)) + sum_c softplus(s(x, c))] / (S + 1)
        beta = a (t (1 - 1/a) + 1/a),   a = S / (C - 1)

    With calibration t = 1 the sigmoid of a score tends to P(y | x) as if all classes were negatives,
    with t = 0 beta is 1 and the loss plain binary cross-entropy. For uniform candidates with repeats,
    the default. Of the mean over labels where there are several.

    Args:
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true] or another shape that `nce_loss`
        takes.
      inputs: float [B, D]; of sequences [B, L, D]; [G, K, D] with pairs.
      num_sampled: integer S; not read where sampled_values are given.
      num_classes: integer C.
      num_true: integer T. 1 with pairs.
      sampled_values: the values that a sampler returned; by default those of
        uniform_candidate_sampler with repeats.
      remove_accidental_hits: boolean, whether candidates that are a label of the example are left out.
      partition_strategy: "mod" or "div" for a list of shards.
      name: string.
      seed: integer, None or an integer tensor [2], for the default sampler.
      pairs: None, or float or boolean [G, K, J], the weight of each pair of an input and a label.
      label_mask: None, or boolean of the shape of labels, False where a place holds padding.
      calibration: float t in [0, 1]. S counts masked candidates too.

    Returns:
      float [B], the loss of each example; of sequences [B, L]; with pairs [G, K, J], times the pair's
      weight.

    Raises:
      InputError: an argument out of its range, or a tensor of another type or shape.
      tf.errors.InvalidArgumentError: in the session, a label that is not in 0 .. num_classes - 1, or a
        float that is not whole.

    Reference: Petrov and Macdonald 2023, "gSASRec: Reducing Overconfidence in Sequential
      Recommendation Trained with Negative Sampling".
    """
    checks.argument(0 <= calibration <= 1, "gbce_loss", "calibration", "a number from 0 to 1",
                    calibration)
    num_classes = checks.positive("gbce_loss", "num_classes", num_classes)
    with tf.name_scope(name, "gbce_loss"):
        terms = _terms("gbce_loss", _Classes(weights, biases, num_classes, partition_strategy),
                       _Batch(labels, inputs, num_true, label_mask, pairs),
                       _Sampling(num_sampled, sampled_values, remove_accidental_hits, seed,
                                 subtract_log_q=False, unique=False,
                                 default_sampler=samplers.uniform_candidate_sampler))
        size = terms.num_candidates()
        rate = size / max(num_classes - 1, 1)
        beta = 1 - calibration * (1 - rate)  # the formula, multiplied out
        cross_entropy = beta * tf.nn.softplus(-terms.true) + terms.noise(tf.nn.softplus)
        return terms.mean(cross_entropy / (size + 1))


def full_softmax_loss(
        weights: Table, biases: Optional[Table], labels: TensorLike, inputs: TensorLike,
        num_classes: Integer, num_true: Integer = 1, partition_strategy: PartitionStrategy = "mod",
        name: str = "full_softmax_loss", label_mask: Optional[TensorLike] = None,
        pairs: Optional[TensorLike] = None, block_size: Optional[Integer] = None) -> Tensor:
    """Cross-entropy of the softmax over all classes: what runs of different losses compare by.

        loss = log(sum_k exp s(x, k)) - mean_t s(x, y_t)

    Args:
      weights, biases, labels, inputs, label_mask, partition_strategy, name: as `nce_loss`.
      num_classes: integer C; rows beyond, of a padded table, are no classes.
      num_true: integer T; 1 with pairs.
      pairs: None, or float or boolean [G, K, J], as in `nce_loss`.
      block_size: None, or integer: how many classes are scored at a time.

    Returns:
      float [B], in nats; of sequences [B, L]; with pairs [G, K, J], times the pair's weight. Memory is
      that of [B, C] logits (or [B L, C], or [G K, C]), of [B, block_size] with block_size, in the
      gradient too. With block_size there are no second derivatives.

    Raises:
      InputError: an argument out of its range, tensors whose static shapes do not go together.
      tf.errors.InvalidArgumentError: in the session, a label that is not in 0 .. num_classes - 1.
    """
    function = "full_softmax_loss"
    with tf.name_scope(name, function):
        classes = _Classes(weights, biases, num_classes, partition_strategy)
        full = _full(function, classes, _Batch(labels, inputs, num_true, label_mask, pairs))
        flat = tf.reshape(full.inputs, tf.stack([-1, tf.shape(full.inputs)[-1]]))
        flat.set_shape([None, full.inputs.shape[-1]])
        if block_size is None:
            log_sum = _log_sum_exp(_all_scores(classes, flat))
        else:
            log_sum = blocks.log_sum_exp(weights, biases, flat, num_classes, block_size,
                                         partition_strategy=partition_strategy)
        if pairs is not None:
            return full.weight * (tf.reshape(log_sum, tf.concat([tf.shape(full.inputs)[:2], [1]], 0))
                                  - full.true_scores)
        losses = full.weight * (tf.reshape(log_sum, [-1, 1]) - full.true_scores)
        return tf.reshape(tf.reduce_sum(losses, 1), full.shape)


def full_sigmoid_loss(
        weights: Table, biases: Optional[Table], labels: TensorLike, inputs: TensorLike,
        num_classes: Integer, num_true: Integer = 1, partition_strategy: PartitionStrategy = "mod",
        name: str = "full_sigmoid_loss", label_mask: Optional[TensorLike] = None) -> Tensor:
    """Sum over all classes of the logistic loss of "is this class the label": what NCE's form
    tends to with all classes as candidates.

        loss = sum_k softplus(s(x, k)) - mean_t s(x, y_t)

    Args:
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true], flat or of sequences.
      inputs: float [B, D]; of sequences [B, L, D].
      num_classes: integer C; rows beyond, of a padded table, are no classes.
      num_true: integer T.
      partition_strategy: "mod" or "div" for a list of shards.
      name: string.
      label_mask: None, or boolean of the shape of labels, False where a place holds padding.

    Returns:
      float [B], in nats; of sequences [B, L].

    Raises:
      InputError: an argument out of its range, tensors whose static shapes do not go together.
      tf.errors.InvalidArgumentError: in the session, a label that is not in 0 .. num_classes - 1.
    """
    function = "full_sigmoid_loss"
    with tf.name_scope(name, function):
        classes = _Classes(weights, biases, num_classes, partition_strategy)
        full = _full(function, classes, _Batch(labels, inputs, num_true, label_mask, pairs=None))
        scores = _all_scores(classes, full.inputs)
        noise = tf.reduce_sum(tf.nn.softplus(scores), 1, keepdims=True)
        return tf.reshape(tf.reduce_sum(full.weight * (noise - full.true_scores), 1), full.shape)


def l2_loss_of_rows(params: Table, ids: TensorLike, partition_strategy: PartitionStrategy = "mod",
                    name: str = "l2_loss_of_rows") -> Tensor:
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
      float scalar, of the type of `logits.dtype_of`.
    """
    with tf.name_scope(name, "l2_loss_of_rows"):
        rows = lookup(params, ids, partition_strategy)
        return tf.nn.l2_loss(tf.cast(rows, dtype_of(rows, rows)))


class _Classes(NamedTuple):
    """The classes that a loss is over, as `nce_loss` takes them: a row and a bias of each."""

    weights: Table
    biases: Optional[Table]
    num_classes: Integer
    partition_strategy: PartitionStrategy


class _Batch(NamedTuple):
    """The examples that a loss is of, as `nce_loss` takes them."""

    labels: TensorLike
    inputs: TensorLike
    num_true: Integer
    label_mask: Optional[TensorLike]
    pairs: Optional[TensorLike]


class _Sampling(NamedTuple):
    """How a loss samples, and what it makes of the sample.

      num_sampled, sampled_values, remove_accidental_hits, seed: as `nce_loss` takes them.
      subtract_log_q: boolean, whether logits are scores less log Q.
      unique, default_sampler: the values where none are given are default_sampler's with that `unique`.
    """

    num_sampled: Optional[Integer]
    sampled_values: Optional[SampledLike]
    remove_accidental_hits: bool
    seed: Seed
    subtract_log_q: bool = True
    unique: bool = True
    default_sampler: Callable[..., SampledLike] = samplers.log_uniform_candidate_sampler


class _Terms(NamedTuple):
    """What losses are made of, for examples and for pairs: `true` is [B, T] or [G, K, J].

      true, sampled: logits; sampled is [B, S] or [G, K, S].
      true_log_count, sampled_log_count: what was subtracted from a score to make the logit, or 0.
      weight: of each label in the loss of its example, or of the pair; broadcasts to `true`.
      num_labels: of an example, broadcasts to `true`.
      hits: None, or boolean [G, J, S]: what to leave out of a sum over candidates beyond what is masked.
      shape: int32 vector, of the losses of examples; None of pairs.
      of_pairs: boolean.
    """

    true: Tensor
    sampled: Tensor
    true_log_count: Tensor
    sampled_log_count: Tensor
    weight: Tensor
    num_labels: Tensor = 1.0
    hits: Tensor = None
    shape: Tensor = None
    of_pairs: bool = False

    def noise(self, function):
        """Sum over the candidates of function(logit), 0 for a masked one: [B, 1] or [G, K, 1 or J]."""
        return self._sum(function(self.sampled))

    def log_noise(self):
        """log(sum over the candidates of exp(logit)), finite also where none is left."""
        if self.hits is None:
            return _log_sum_exp(self.sampled)
        # The largest of the candidates and of all the group's labels would do too, but then one far
        # label could make the sum of a nearer one vanish.
        largest = tf.stop_gradient(tf.reduce_max(self.sampled, -1, keepdims=True))
        total = self._sum(tf.exp(self.sampled - largest))
        # All candidates removed: a sum of 0, whose logarithm has to be finite, with gradient 0.
        return tf.log(tf.maximum(total, tf.constant(1e-30, total.dtype))) + largest

    def true_scores(self):
        """The labels' logits without the correction."""
        return self.true + self.true_log_count

    def top_scores(self, k):
        """The k highest of the candidates' scores, constants: [B, 1, k] or [G, K, 1 or J, k]."""
        scores, log_count = self.sampled, self.sampled_log_count
        if not self.of_pairs and log_count.shape.rank == 2:  # of groups of examples
            shape = tf.shape(log_count)
            scores = tf.reshape(scores, tf.stack([shape[0], -1, shape[1]])) + log_count[:, None]
            scores = tf.reshape(scores, tf.shape(self.sampled))
        else:
            scores += log_count
        scores = scores[..., None, :]
        if self.hits is not None:
            lowest = tf.fill(tf.shape(self.hits), tf.constant(MASKED_LOGIT[scores.dtype], scores.dtype))
            scores += tf.where(self.hits, lowest, tf.zeros_like(lowest))[:, None]
        if scores.shape[-1:].as_list() == [None]:
            missing = tf.maximum(k - tf.shape(scores)[-1], 0)
            scores = tf.pad(scores, [[0, 0]] * (scores.shape.rank - 1) + [[0, missing]],
                            constant_values=MASKED_LOGIT[scores.dtype])
        return tf.nn.top_k(tf.stop_gradient(scores), k).values

    def num_candidates(self):
        """S, masked ones included: an integer where the graph knows it, else a float scalar."""
        size = tf.compat.dimension_value(self.sampled.shape[-1])
        return tf.cast(tf.shape(self.sampled)[-1], self.sampled.dtype) if size is None else size

    def mean(self, losses):
        """The loss of each example from those of its labels; of each pair, times its weight."""
        if self.of_pairs:
            return losses * self.weight
        if tf.is_tensor(self.weight):  # padding, whose loss may be infinite
            losses = tf.where(self.weight > 0, losses, tf.zeros_like(losses))
        return tf.reshape(tf.reduce_sum(losses * self.weight, 1), self.shape)

    def _sum(self, values):
        if self.hits is None:
            return tf.reduce_sum(values, -1, keepdims=True)
        return tf.matmul(values, 1 - tf.cast(self.hits, values.dtype), transpose_b=True)


def _terms(function, classes, batch, sampling):
    """_Terms of a loss's arguments: _Classes, _Batch and _Sampling."""
    batch = batch._replace(num_true=checks.positive(function, "num_true", batch.num_true))
    classes = classes._replace(num_classes=checks.positive(function, "num_classes", classes.num_classes))
    groups, shape = None, None
    if batch.pairs is not None:
        batch = _of_pairs(function, batch, classes.num_classes)
        groups = tf.compat.dimension_value(batch.labels.shape[0])
    else:
        batch, shape = _examples(function, batch)
    check_tables(function, classes.weights, classes.biases, batch.inputs, classes.num_classes)
    if sampling.sampled_values is None:
        sampling = sampling._replace(sampled_values=sampling.default_sampler(
            batch.labels, batch.num_true, sampling.num_sampled, sampling.unique, classes.num_classes,
            seed=sampling.seed, num_groups=groups, label_mask=batch.label_mask))
    dtype = dtype_of(classes.weights, batch.inputs)

    def log_count(count):
        return tf.log(tf.cast(tf.stop_gradient(count), dtype)) if sampling.subtract_log_q else 0.0

    log_counts = [log_count(count) for count in sampling.sampled_values[1:]]
    if batch.pairs is not None:
        return _terms_of_pairs(function, classes, batch, sampling, log_counts)
    return _terms_of_examples(function, classes, batch, sampling, log_counts)._replace(shape=shape)


def _terms_of_pairs(function, classes, batch, sampling, log_counts):
    """Return the _Terms of groups of pairs; log_counts are those of labels and of candidates, or 0."""
    logits = compute_pair_logits(
        classes.weights, classes.biases, batch.labels, batch.inputs, sampling.sampled_values,
        subtract_log_q=sampling.subtract_log_q, partition_strategy=classes.partition_strategy,
        name=function)
    true_log_count, sampled_log_count = log_counts
    if sampling.subtract_log_q:
        true_log_count = true_log_count[:, None]
        sampled_log_count = of_groups(sampled_log_count, batch.labels)[:, None]
    weight = tf.cast(batch.pairs, logits.true_logits.dtype)
    return _Terms(logits.true_logits, logits.sampled_logits, true_log_count, sampled_log_count, weight,
                  hits=logits.hits if sampling.remove_accidental_hits else None, of_pairs=True)


def _terms_of_examples(function, classes, batch, sampling, log_counts):
    """Return the _Terms of examples, as `_terms_of_pairs`."""
    logits = compute_sampled_logits(
        classes.weights, classes.biases, batch.labels, batch.inputs, num_sampled=sampling.num_sampled,
        num_classes=classes.num_classes, num_true=batch.num_true, sampled_values=sampling.sampled_values,
        subtract_log_q=sampling.subtract_log_q, remove_accidental_hits=sampling.remove_accidental_hits,
        partition_strategy=classes.partition_strategy, name=function, seed=sampling.seed,
        label_mask=batch.label_mask)
    true_log_count, sampled_log_count = log_counts
    if sampling.subtract_log_q:
        true_log_count = tf.reshape(true_log_count, [-1, batch.num_true])
        if batch.label_mask is not None:  # whatever count padding has
            is_label = tf.reshape(batch.label_mask, [-1, batch.num_true])
            true_log_count = tf.where(is_label, true_log_count, tf.zeros_like(true_log_count))
    weight, num_labels = _weights_of_labels(batch, logits.true_logits.dtype)
    return _Terms(logits.true_logits, logits.sampled_logits, true_log_count, sampled_log_count, weight,
                  num_labels=num_labels)


def _of_pairs(function, batch, num_classes):
    """Return a _Batch of pairs, checked: labels [G, J] and inputs [G, K, D] are tensors."""
    checks.argument(batch.num_true == 1, function, "num_true", "1 with pairs", batch.num_true)
    checks.argument(batch.label_mask is None, function, "label_mask", "None with pairs",
                    batch.label_mask)
    labels, inputs = _as_tensors(function, batch)
    checks.argument(labels.shape.rank == 2, function, "labels", "shape [G, J]", labels.shape)
    checks.argument(inputs.shape.rank == 3, function, "inputs", "shape [G, K, D]", inputs.shape)
    labels = graph_checks.ids_below(labels, num_classes, function, "labels")
    return batch._replace(labels=labels, inputs=inputs)


def _as_tensors(function, batch):
    """Return the labels, of an integer type, and the inputs of a _Batch as tensors."""
    return class_ids.id_tensor(function, "labels", batch.labels), tf.convert_to_tensor(batch.inputs)


def _examples(function, batch):
    """Return a _Batch of examples, those of sequences one after the other.

    Returns:
      _Batch: labels integer, of sequences [B L, num_true]; inputs float [B, D], of sequences [B L, D];
        label_mask None, or boolean of the shape of labels.
      shape: int32 vector, that of the losses: [-1], of sequences [B, L].
    """
    labels, inputs = _as_tensors(function, batch)
    num_true = batch.num_true
    checks.argument(inputs.shape.rank in (2, 3, None), function, "inputs", "shape [B, D] or [B, L, D]",
                    inputs.shape)
    if inputs.shape.rank != 3:
        return batch._replace(labels=labels, inputs=inputs), tf.constant([-1])
    shape = tf.shape(inputs)[:2]
    wanted = inputs.shape[:2]
    fits = labels.shape.is_compatible_with(wanted.concatenate([num_true])) or (
        num_true == 1 and labels.shape.is_compatible_with(wanted))
    checks.argument(fits, function, "labels", "shape [B, L, num_true], inputs being %s" % inputs.shape,
                    labels.shape)
    label_mask = batch.label_mask
    if label_mask is not None:
        mask = tf.convert_to_tensor(label_mask)
        checks.argument(mask.shape.is_compatible_with(labels.shape), function, "label_mask",
                        "the shape of labels, %s" % labels.shape, mask.shape)
        label_mask = tf.reshape(mask, [-1, num_true])
    flat = tf.reshape(inputs, tf.stack([-1, tf.shape(inputs)[2]]))
    flat.set_shape([None, inputs.shape[2]])
    labels = tf.reshape(labels, [-1, num_true])
    return batch._replace(labels=labels, inputs=flat, label_mask=label_mask), shape


def _weights_of_labels(batch, dtype):
    """(1 / T for each of an example's T labels, T): floats, or [B, num_true] and [B, 1] with a mask."""
    if batch.label_mask is None:
        return 1 / batch.num_true, float(batch.num_true)
    is_label = tf.cast(tf.reshape(batch.label_mask, [-1, batch.num_true]), dtype)
    num_labels = tf.reduce_sum(is_label, 1, keepdims=True)
    return is_label / tf.maximum(num_labels, 1), num_labels


def _softmax(terms):
    """log(sum over labels and candidates of exp(logit)) - logit, of each label or pair."""
    log_noise = terms.log_noise()
    if terms.of_pairs or terms.true.shape.as_list()[1] == 1:
        return tf.nn.softplus(log_noise - terms.true)
    everything = tf.concat([terms.true, log_noise], 1)
    return tf.reduce_logsumexp(everything, 1, keepdims=True) - terms.true


def _log_sum_exp(logits):
    """log(sum exp(logits)) over the last axis, which is kept."""
    largest = tf.stop_gradient(tf.reduce_max(logits, -1, keepdims=True))
    return tf.log(tf.reduce_sum(tf.exp(logits - largest), -1, keepdims=True)) + largest


class _Full(NamedTuple):
    """What full losses are made of, for examples and for pairs.

      inputs: float, as `_of_pairs` and `_examples` return them.
      true_scores: [B, T], or [G, K, J] of pairs.
      weight: of each label in the loss of its example, or of the pair.
      shape: int32 vector, of the losses of examples; None of pairs.
    """

    inputs: Tensor
    true_scores: Tensor
    weight: Tensor
    shape: Tensor


def _full(function, classes, batch):
    """_Full of a full loss's arguments: _Classes and _Batch."""
    num_true = checks.positive(function, "num_true", batch.num_true)
    num_classes = checks.positive(function, "num_classes", classes.num_classes)
    batch, shape = batch._replace(num_true=num_true), None
    if batch.pairs is not None:
        batch = _of_pairs(function, batch, num_classes)
        labels = batch.labels
    else:
        batch, shape = _examples(function, batch)
        labels = class_ids.label_tensor(function, "labels", batch.labels, num_true, num_classes,
                                        label_mask=batch.label_mask)
        labels = tf.reshape(labels, [-1, num_true])
        check_batch(function, labels, batch.inputs)
    check_tables(function, classes.weights, classes.biases, batch.inputs, num_classes)
    dtype = dtype_of(classes.weights, batch.inputs)
    inputs = tf.cast(batch.inputs, dtype)
    (rows, bias), = rows_and_biases(classes.weights, classes.biases, [labels],
                                    classes.partition_strategy, dtype)
    if batch.pairs is not None:
        scores = tf.matmul(inputs, rows, transpose_b=True) + bias[:, None]
        return _Full(inputs, scores, tf.cast(batch.pairs, dtype), shape)
    scores = tf.reduce_sum(inputs[:, None] * rows, 2) + bias
    return _Full(inputs, scores, _weights_of_labels(batch, dtype)[0], shape)


def _all_scores(classes, inputs):
    """The scores [B, C] of all classes, of inputs of their type."""
    def table(params):
        return whole_table(params, classes.num_classes, classes.partition_strategy, inputs.dtype)

    scores = tf.matmul(inputs, table(classes.weights), transpose_b=True)
    return scores if classes.biases is None else scores + table(classes.biases)
