"""Sampled losses, and the full losses that they estimate.

An example x has the class y and S candidates c. Q(k) is the expected count of the class k, and

    s(x, k) = <x, w_k> + b_k
    l_k = s(x, k) - log Q(k)

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

The signatures are those of `tf.nn`. `nce_loss` and `sampled_softmax_loss` also return the same values as
`tf.nn`. The full losses take the same arguments except those of the sampling, so that one loss can
replace another. Two arguments are new:

    pairs         groups of pairs (see `logits`): inputs [G, K, D], labels [G, J], pairs [G, K, J]
    label_mask    False marks padding in `labels`, where examples have different numbers of labels

A loss has one value per example and is not reduced. It is float64 where weights or inputs are float64,
else float32. Do not compare the values of different losses, or of one loss with different S: compare
models by `full_softmax_loss` on held-out data.
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
    """Compute the loss that has this name, sampled or full.

    Example:

        weights = tf.get_variable("weights", [1000, 16])
        labels, inputs = tf.constant([[3], [1], [4]]), tf.random_normal([3, 16])
        sampled = tf1_sampled.log_uniform_candidate_sampler(labels, 1, 64, False, 1000)
        loss = tf1_sampled.loss_by_name("gbce", weights, None, labels, inputs, 1000, sampled,
                                        calibration=0.5)

    Args:
      loss: string, a key of LOSSES, or one of registry.FULL_LOSSES.
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, 1] or another shape that `nce_loss` takes.
      inputs: float [B, D]; for sequences [B, L, D]; with pairs [G, K, D].
      num_classes: integer C.
      sampled_values: the return value of a sampler. A full loss ignores it.
      pairs: None, or float or boolean [G, K, J], the weight of each pair of an input and a label.
      options: further keywords of that loss.

    Returns:
      float [B], the loss of each example; for sequences [B, L]; with pairs [G, K, J].

    Raises:
      InputError: an unknown name, a sampled loss without sampled_values, or an error of the loss.
    """
    if loss in registry.FULL_LOSSES:
        return full_softmax_loss(weights, biases, labels, inputs, num_classes, pairs=pairs, **options)
    checks.one_of("loss_by_name", "loss", loss, registry.LOSSES)
    checks.argument(sampled_values is not None, "loss_by_name", "sampled_values",
                    "the return value of a sampler", sampled_values)
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
    """Compute the noise-contrastive estimation loss: a logistic loss of label against sampled noise.

        loss = sum_t [softplus(l_t) - l_t / T] + sum_c softplus(l_c),   l_k = s(x, k) - log Q(k)

    At the optimum s(x, k) = log P(k | x): the model is normalised without a sum over all classes.

    Example:

        weights, biases = tf.get_variable("weights", [1000, 16]), tf.get_variable("biases", [1000])
        labels, inputs = tf.constant([[3], [1], [4]]), tf.random_normal([3, 16])
        sampled = tf1_sampled.log_uniform_candidate_sampler(labels, 1, 64, False, 1000)
        loss = tf1_sampled.nce_loss(weights, biases, labels, inputs, 64, 1000, sampled_values=sampled)

    Args:
      weights: float [C, D], a list of shards of that, a PartitionedVariable, or logits.UnitRows. It may
        have more rows than num_classes (padding).
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true] or flat, [B * num_true]; for
        sequences [B, L], or [B, L, num_true]; with pairs [G, J].
      inputs: float [B, D]; for sequences [B, L, D]; with pairs [G, K, D].
      num_sampled: integer S; ignored where sampled_values are given.
      num_classes: integer C.
      num_true: integer T; each label has the target 1 / T. It must be 1 with pairs.
      sampled_values: the return value of a sampler of `tf.nn` or of this package. Default:
        log_uniform_candidate_sampler with unique=True. Candidates are [S], or [G, S] with one set for
        each group of B / G consecutive examples. For sequences, a group is B L / G consecutive places,
        and the sampler takes the labels as [B, L, num_true]. With pairs, candidates are [G, S], or
        [H, S] with one set for each G / H consecutive groups.
      remove_accidental_hits: boolean, whether to mask candidates that are a label of the example. The
        theory assumes False.
      partition_strategy: "mod" or "div", how a list of shards is divided.
      name: string, of the name scope.
      seed: integer, None or an integer tensor [2], for the default sampler.
      pairs: None, or float or boolean [G, K, J], the weight of each pair of an input and a label. A
        pair is an example of its own. The weight is 0 where the two do not belong together.
      label_mask: None, or boolean of the shape of labels, False for padding. T is then the example's
        number of labels; an example without labels has the loss 0. It must be None with pairs.

    Returns:
      float [B], the loss of each example; for sequences [B, L]; with pairs [G, K, J], the loss of each
      pair times its weight.

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
        # softplus(l) - z l is the cross-entropy with target z. The gradient of softplus is one op; the
        # gradient of sigmoid_cross_entropy_with_logits is eight.
        return terms.mean(terms.num_labels * tf.nn.softplus(terms.true) - terms.true
                          + terms.noise(tf.nn.softplus))


def sampled_softmax_loss(
        weights: Table, biases: Optional[Table], labels: TensorLike, inputs: TensorLike,
        num_sampled: Optional[Integer], num_classes: Integer, num_true: Integer = 1,
        sampled_values: Optional[SampledLike] = None, remove_accidental_hits: bool = True,
        partition_strategy: PartitionStrategy = "mod", name: str = "sampled_softmax_loss",
        seed: Seed = None, pairs: Optional[TensorLike] = None,
        label_mask: Optional[TensorLike] = None) -> Tensor:
    """Compute the cross-entropy of a softmax over an example's labels and the sampled classes.

        loss = log(sum_t exp l_t + sum_c exp l_c) - mean_t l_t,   l_k = s(x, k) - log Q(k)

    The loss estimates the full softmax loss from below. The bias of its gradient falls as 1 / S where
    repeats are masked or redrawn. With unique=False the label's term of the sum is exp s(x, y) / Q(y),
    and Q(y) = S P(y) can exceed 1: a bias remains where S P(y) is large, 11% in
    benchmarks/gradient_bias.py. `refined_sampled_softmax_loss` has no such term.

    Example:

        weights, biases = tf.get_variable("weights", [1000, 16]), tf.get_variable("biases", [1000])
        labels, inputs = tf.constant([[3], [1], [4]]), tf.random_normal([3, 16])
        loss = tf1_sampled.sampled_softmax_loss(weights, biases, labels, inputs, 64, 1000)

    Args:
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true] or another shape that `nce_loss`
        takes.
      inputs: float [B, D]; for sequences [B, L, D]; with pairs [G, K, D].
      num_sampled: integer S; ignored where sampled_values are given.
      num_classes: integer C.
      num_true: integer T. It must be 1 with pairs.
      sampled_values: the return value of a sampler. Default: log_uniform_candidate_sampler with
        unique=True.
      remove_accidental_hits: boolean, whether to mask candidates that are a label of the example.
      partition_strategy: "mod" or "div", how a list of shards is divided.
      name: string, of the name scope.
      seed: integer, None or an integer tensor [2], for the default sampler.
      pairs: None, or float or boolean [G, K, J], the weight of each pair of an input and a label.
      label_mask: None, or boolean of the shape of labels, False for padding.

    Returns:
      float [B], the loss of each example; for sequences [B, L]; with pairs [G, K, J], the loss of each
      pair times its weight.

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
    """Compute the sampled softmax loss with the refined log Q correction.

        loss = w [log(sum_c exp l_c) - s(x, y)],   l_c = s(x, c) - log Q(c)
        w = 1 - P(y | x), taken as a constant,   P(y | x) = exp s(x, y) / (exp s(x, y) + sum_c exp l_c)

    The gradient of the full softmax loss is 1 - P(y | x) times the gradient of
    log(sum_{k != y} exp s(x, k)) - s(x, y). Candidates are drawn at random, so the correction by log Q
    applies to their scores. The label is always there, so its score needs no correction. With several
    labels the loss is the mean over them.

    sum_c exp l_c without accidental hits is an unbiased estimate of sum_{k != y} exp s(x, k). The paper
    draws with repeats and multiplies this estimate by E[n] / n, where n is the number of candidates that
    are not hits.

    Example:

        weights = tf.get_variable("weights", [1000, 16])
        labels, inputs = tf.constant([[3], [1], [4]]), tf.random_normal([3, 16])
        loss = tf1_sampled.refined_sampled_softmax_loss(weights, None, labels, inputs, 64, 1000)

    Args:
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true] or another shape that `nce_loss`
        takes.
      inputs: float [B, D]; for sequences [B, L, D]; with pairs [G, K, D].
      num_sampled: integer S; ignored where sampled_values are given.
      num_classes: integer C.
      num_true: integer T. It must be 1 with pairs.
      sampled_values: the return value of a sampler. Default: log_uniform_candidate_sampler with
        unique=True.
      remove_accidental_hits: boolean, whether to mask candidates that are a label of the example. The
        formula assumes True.
      partition_strategy: "mod" or "div", how a list of shards is divided.
      name: string, of the name scope.
      seed: integer, None or an integer tensor [2], for the default sampler.
      pairs: None, or float or boolean [G, K, J], the weight of each pair of an input and a label.
      label_mask: None, or boolean of the shape of labels, False for padding.

    Returns:
      float [B], the loss of each example; for sequences [B, L]; with pairs [G, K, J], the loss of each
      pair times its weight.

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
    """Compute SL@K: the sampled softmax loss, weighted by the label's score above the top-K threshold.

        loss = sigmoid((s(x, y) - beta) / t) sampled_softmax_loss

    beta is the K-th largest score s among the label and the candidates. The weight has no gradient.
    Labels far below the top K do not change Recall@K and NDCG@K, and have a small weight.

    The authors' code differs in two points. Its softmax leaves out the label's term and log Q, which is
    one constant for uniform negatives. It has the gradient of the weight, which pushes down the label's
    score.

    Example:

        weights = tf.get_variable("weights", [1000, 16])
        labels, inputs = tf.constant([[3], [1], [4]]), tf.random_normal([3, 16])
        loss = tf1_sampled.softmax_at_k_loss(weights, None, labels, inputs, 64, 1000, k=10)

    Args:
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true] or another shape that `nce_loss`
        takes.
      inputs: float [B, D]; for sequences [B, L, D]; with pairs [G, K, D].
      num_sampled: integer S; ignored where sampled_values are given.
      num_classes: integer C.
      num_true: integer T. It must be 1 with pairs.
      sampled_values: the return value of a sampler. Default: log_uniform_candidate_sampler with
        unique=True.
      remove_accidental_hits: boolean, whether to mask candidates that are a label of the example.
      partition_strategy: "mod" or "div", how a list of shards is divided.
      name: string, of the name scope.
      seed: integer, None or an integer tensor [2], for the default sampler.
      pairs: None, or float or boolean [G, K, J], the weight of each pair of an input and a label.
      label_mask: None, or boolean of the shape of labels, False for padding.
      k: integer K, at most S. Where the graph does not know S, S may be less than K: every label is then
        among the K best.
      weight_temperature: float t above 0, in units of scores. The authors' scores are cosines divided by
        a temperature T, and their second temperature is T t: T = 0.2 and t = 2.25 in their example.

    Returns:
      float [B], the loss of each example; for sequences [B, L]; with pairs [G, K, J], the loss of each
      pair times its weight.

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
        # The K-th largest of label and candidates is the median of the label's score and the candidates'
        # (K-1)-th and K-th.
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
    """Compute the negative sampling loss: word2vec's simplified NCE, without log Q.

        loss = softplus(-s(x, y)) + k/S sum_c softplus(s(x, c))

    At the optimum s(x, y) = log P(y | x) - log P(y) - log k, where P(y) is the probability of y as a
    candidate. The scores do not model P(y | x), but the vectors are useful. k is the number of negatives
    in the paper. The S draws, which many examples may share, estimate the mean over c. The paper draws
    with repeats (unique=False). With several labels the loss is the mean over them.

    Example:

        weights = tf.get_variable("weights", [1000, 16])
        labels, inputs = tf.constant([[3], [1], [4]]), tf.random_normal([3, 16])
        loss = tf1_sampled.negative_sampling_loss(weights, None, labels, inputs, 64, 1000,
                                                  num_negatives=5)

    Args:
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true] or another shape that `nce_loss`
        takes.
      inputs: float [B, D]; for sequences [B, L, D]; with pairs [G, K, D].
      num_sampled: integer S; ignored where sampled_values are given.
      num_classes: integer C.
      num_true: integer T. It must be 1 with pairs.
      sampled_values: the return value of a sampler. Default: log_uniform_candidate_sampler with
        unique=False.
      remove_accidental_hits: boolean, whether to mask candidates that are a label of the example.
      partition_strategy: "mod" or "div", how a list of shards is divided.
      name: string, of the name scope.
      seed: integer, None or an integer tensor [2], for the default sampler.
      pairs: None, or float or boolean [G, K, J], the weight of each pair of an input and a label.
      label_mask: None, or boolean of the shape of labels, False for padding.
      num_negatives: float k above 0, the weight of the noise. Default: S, masked candidates included.

    Returns:
      float [B], the loss of each example; for sequences [B, L]; with pairs [G, K, J], the loss of each
      pair times its weight.

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
    """Compute generalised binary cross-entropy, which corrects the overconfidence due to few negatives.

        loss = [beta softplus(-s(x, y)) + sum_c softplus(s(x, c))] / (S + 1)
        beta = a (t (1 - 1/a) + 1/a),   a = S / (C - 1)

    With calibration t = 1 the sigmoid of a score tends to P(y | x), as if all classes were negatives.
    With t = 0 beta is 1, and the loss is binary cross-entropy. The formula is valid for uniform
    candidates with repeats, which are the default. With several labels the loss is the mean over them.

    Example:

        weights = tf.get_variable("weights", [1000, 16])
        labels, inputs = tf.constant([[3], [1], [4]]), tf.random_normal([3, 16])
        loss = tf1_sampled.gbce_loss(weights, None, labels, inputs, 64, 1000, calibration=0.5)

    Args:
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true] or another shape that `nce_loss`
        takes.
      inputs: float [B, D]; for sequences [B, L, D]; with pairs [G, K, D].
      num_sampled: integer S; ignored where sampled_values are given.
      num_classes: integer C.
      num_true: integer T. It must be 1 with pairs.
      sampled_values: the return value of a sampler. Default: uniform_candidate_sampler with
        unique=False.
      remove_accidental_hits: boolean, whether to mask candidates that are a label of the example.
      partition_strategy: "mod" or "div", how a list of shards is divided.
      name: string, of the name scope.
      seed: integer, None or an integer tensor [2], for the default sampler.
      pairs: None, or float or boolean [G, K, J], the weight of each pair of an input and a label.
      label_mask: None, or boolean of the shape of labels, False for padding.
      calibration: float t in [0, 1]. The S of the formula includes masked candidates.

    Returns:
      float [B], the loss of each example; for sequences [B, L]; with pairs [G, K, J], the loss of each
      pair times its weight.

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
        beta = 1 - calibration * (1 - rate)  # a (t (1 - 1/a) + 1/a) = t a - t + 1
        cross_entropy = beta * tf.nn.softplus(-terms.true) + terms.noise(tf.nn.softplus)
        return terms.mean(cross_entropy / (size + 1))


def full_softmax_loss(
        weights: Table, biases: Optional[Table], labels: TensorLike, inputs: TensorLike,
        num_classes: Integer, num_true: Integer = 1, partition_strategy: PartitionStrategy = "mod",
        name: str = "full_softmax_loss", label_mask: Optional[TensorLike] = None,
        pairs: Optional[TensorLike] = None, block_size: Optional[Integer] = None) -> Tensor:
    """Compute the cross-entropy of the softmax over all classes.

        loss = log(sum_k exp s(x, k)) - mean_t s(x, y_t)

    Compare models that were trained with different losses by this loss on held-out data.

    Memory holds [B, C] logits ([B L, C] for sequences, [G K, C] with pairs). With block_size it holds
    [B, block_size] logits, in the gradient too, and there are no second derivatives.

    Example:

        weights, biases = tf.get_variable("weights", [1000, 16]), tf.get_variable("biases", [1000])
        labels, inputs = tf.constant([[3], [1], [4]]), tf.random_normal([3, 16])
        loss = tf1_sampled.full_softmax_loss(weights, biases, labels, inputs, 1000, block_size=256)

    Args:
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true] or another shape that `nce_loss`
        takes.
      inputs: float [B, D]; for sequences [B, L, D]; with pairs [G, K, D].
      num_classes: integer C. Further rows of the weights are padding.
      num_true: integer T. It must be 1 with pairs.
      partition_strategy: "mod" or "div", how a list of shards is divided.
      name: string, of the name scope.
      label_mask: None, or boolean of the shape of labels, False for padding. It must be None with pairs.
      pairs: None, or float or boolean [G, K, J], the weight of each pair of an input and a label.
      block_size: None, or integer, the number of classes that are scored at a time.

    Returns:
      float [B], in nats, the loss of each example; for sequences [B, L]; with pairs [G, K, J], the loss
      of each pair times its weight.

    Raises:
      InputError: an argument out of its range, or static shapes that do not fit together.
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
    """Compute the logistic loss of "is this class a label", summed over all classes.

        loss = sum_k softplus(s(x, k)) - mean_t s(x, y_t)

    `nce_loss` with `all_candidate_sampler` and remove_accidental_hits=True has the same value.

    Example:

        weights, biases = tf.get_variable("weights", [1000, 16]), tf.get_variable("biases", [1000])
        labels, inputs = tf.constant([[3], [1], [4]]), tf.random_normal([3, 16])
        loss = tf1_sampled.full_sigmoid_loss(weights, biases, labels, inputs, 1000)

    Args:
      weights: float [C, D], or another form that `nce_loss` takes.
      biases: float [C], in the form of the weights, or None.
      labels: integers, or floats that are whole numbers, [B, num_true] or flat, [B * num_true]; for
        sequences [B, L], or [B, L, num_true].
      inputs: float [B, D]; for sequences [B, L, D].
      num_classes: integer C. Further rows of the weights are padding.
      num_true: integer T.
      partition_strategy: "mod" or "div", how a list of shards is divided.
      name: string, of the name scope.
      label_mask: None, or boolean of the shape of labels, False for padding.

    Returns:
      float [B], in nats, the loss of each example; for sequences [B, L].

    Raises:
      InputError: an argument out of its range, or static shapes that do not fit together.
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
    """Compute half the sum of squares of the rows that a batch uses.

        loss = 1/2 sum_i ||params[ids_i]||^2

    A row counts once for each occurrence of its id. The gradient is sparse. Summed over an epoch, the
    loss decays a row in proportion to its use. The gradient of tf.nn.l2_loss of the whole table is
    dense, and the time of each step grows with C.

    Example:

        weights = tf.get_variable("weights", [1000, 16])
        loss = 1e-4 * tf1_sampled.l2_loss_of_rows(weights, tf.constant([3, 1, 4]))

    Args:
      params: float [C, D], a list of shards of that, or a PartitionedVariable.
      ids: int32 or int64, of any shape.
      partition_strategy: "mod" or "div", how a list of shards is divided.
      name: string, of the name scope.

    Returns:
      float scalar, of the type of `logits.dtype_of`.
    """
    with tf.name_scope(name, "l2_loss_of_rows"):
        rows = lookup(params, ids, partition_strategy)
        return tf.nn.l2_loss(tf.cast(rows, dtype_of(rows, rows)))


class _Classes(NamedTuple):
    """The tables of a loss, as `nce_loss` takes them: a row and a bias for each class."""

    weights: Table
    biases: Optional[Table]
    num_classes: Integer
    partition_strategy: PartitionStrategy


class _Batch(NamedTuple):
    """The examples of a loss, as `nce_loss` takes them."""

    labels: TensorLike
    inputs: TensorLike
    num_true: Integer
    label_mask: Optional[TensorLike]
    pairs: Optional[TensorLike]


class _Sampling(NamedTuple):
    """The sampling of a loss: its arguments, and its defaults.

      num_sampled, sampled_values, remove_accidental_hits, seed: as `nce_loss` takes them.
      subtract_log_q: boolean, whether log Q is subtracted from the scores.
      unique, default_sampler: if sampled_values is None, default_sampler draws with this `unique`.
    """

    num_sampled: Optional[Integer]
    sampled_values: Optional[SampledLike]
    remove_accidental_hits: bool
    seed: Seed
    subtract_log_q: bool = True
    unique: bool = True
    default_sampler: Callable[..., SampledLike] = samplers.log_uniform_candidate_sampler


class _Terms(NamedTuple):
    """The terms of a sampled loss, for examples or for pairs.

      true: logits of the labels, [B, T] or [G, K, J].
      sampled: logits of the candidates, [B, S] or [G, K, S].
      true_log_count, sampled_log_count: log Q, which was subtracted from the scores, or 0.
      weight: weight of a label in the loss of its example, or of the pair; broadcasts to `true`.
      num_labels: number of labels of an example; broadcasts to `true`.
      hits: None, or boolean [G, J, S]: candidates to leave out of the sums in addition to masked ones.
      shape: int32 vector, the shape of the losses of examples; None for pairs.
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
        """Compute log(sum over the candidates of exp(logit)), finite also where all are removed."""
        if self.hits is None:
            return _log_sum_exp(self.sampled)
        # log(sum exp l) = m + log(sum exp(l - m)). m is the largest logit of the candidates only: with
        # the labels in it, the large logit of one label could make the sum of another label underflow.
        largest = tf.stop_gradient(tf.reduce_max(self.sampled, -1, keepdims=True))
        total = self._sum(tf.exp(self.sampled - largest))
        # With all candidates removed the sum is 0: its logarithm must be finite and have the gradient 0.
        return tf.log(tf.maximum(total, tf.constant(1e-30, total.dtype))) + largest

    def true_scores(self):
        """Return the scores of the labels: their logits without the correction by log Q."""
        return self.true + self.true_log_count

    def top_scores(self, k):
        """Return the k highest scores of candidates, constants: [B, 1, k] or [G, K, 1 or J, k]."""
        scores, log_count = self.sampled, self.sampled_log_count
        if not self.of_pairs and log_count.shape.rank == 2:  # [G, S] for groups of examples
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
        """Return S, masked candidates included: an integer if it is static, else a float scalar."""
        size = tf.compat.dimension_value(self.sampled.shape[-1])
        return tf.cast(tf.shape(self.sampled)[-1], self.sampled.dtype) if size is None else size

    def mean(self, losses):
        """Return the weighted sum over the labels of each example; for pairs, the weighted losses."""
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
    """Return the _Terms of a loss with the arguments _Classes, _Batch and _Sampling."""
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
    """Return the _Terms of groups of pairs. log_counts: [log Q of labels, log Q of candidates], or 0."""
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
    """Return the _Terms of examples. log_counts: [log Q of labels, log Q of candidates], or 0."""
    logits = compute_sampled_logits(
        classes.weights, classes.biases, batch.labels, batch.inputs, num_sampled=sampling.num_sampled,
        num_classes=classes.num_classes, num_true=batch.num_true, sampled_values=sampling.sampled_values,
        subtract_log_q=sampling.subtract_log_q, remove_accidental_hits=sampling.remove_accidental_hits,
        partition_strategy=classes.partition_strategy, name=function, seed=sampling.seed,
        label_mask=batch.label_mask)
    true_log_count, sampled_log_count = log_counts
    if sampling.subtract_log_q:
        true_log_count = tf.reshape(true_log_count, [-1, batch.num_true])
        if batch.label_mask is not None:  # padding may have any count
            is_label = tf.reshape(batch.label_mask, [-1, batch.num_true])
            true_log_count = tf.where(is_label, true_log_count, tf.zeros_like(true_log_count))
    weight, num_labels = _weights_of_labels(batch, logits.true_logits.dtype)
    return _Terms(logits.true_logits, logits.sampled_logits, true_log_count, sampled_log_count, weight,
                  num_labels=num_labels)


def _of_pairs(function, batch, num_classes):
    """Check a _Batch of pairs, and return it with labels [G, J] and inputs [G, K, D] as tensors."""
    checks.argument(batch.num_true == 1, function, "num_true", "1 with pairs", batch.num_true)
    checks.argument(batch.label_mask is None, function, "label_mask", "None with pairs",
                    batch.label_mask)
    labels, inputs = _as_tensors(function, batch)
    checks.argument(labels.shape.rank == 2, function, "labels", "shape [G, J]", labels.shape)
    checks.argument(inputs.shape.rank == 3, function, "inputs", "shape [G, K, D]", inputs.shape)
    labels = graph_checks.ids_below(labels, num_classes, function, "labels")
    return batch._replace(labels=labels, inputs=inputs)


def _as_tensors(function, batch):
    """Return the labels, int32 or int64, and the inputs of a _Batch as tensors."""
    return class_ids.id_tensor(function, "labels", batch.labels), tf.convert_to_tensor(batch.inputs)


def _examples(function, batch):
    """Return a _Batch of examples. The places of sequences become examples.

    Returns:
      _Batch: labels integer, for sequences [B L, num_true]; inputs float [B, D], for sequences [B L, D];
        label_mask None, or boolean of the shape of labels.
      shape: int32 vector, the shape of the losses: [-1], for sequences [B, L].
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
    """Return (weights 1 / T of labels, T): floats, or with a mask [B, num_true] and [B, 1]."""
    if batch.label_mask is None:
        return 1 / batch.num_true, float(batch.num_true)
    is_label = tf.cast(tf.reshape(batch.label_mask, [-1, batch.num_true]), dtype)
    num_labels = tf.reduce_sum(is_label, 1, keepdims=True)
    return is_label / tf.maximum(num_labels, 1), num_labels


def _softmax(terms):
    """Compute log(sum over labels and candidates of exp(logit)) - logit, for each label or pair."""
    log_noise = terms.log_noise()
    # With one label: log(exp l + exp n) - l = softplus(n - l).
    if terms.of_pairs or terms.true.shape.as_list()[1] == 1:
        return tf.nn.softplus(log_noise - terms.true)
    everything = tf.concat([terms.true, log_noise], 1)
    return tf.reduce_logsumexp(everything, 1, keepdims=True) - terms.true


def _log_sum_exp(logits):
    """Compute log(sum exp(logits)) over the last axis, which stays with size 1."""
    largest = tf.stop_gradient(tf.reduce_max(logits, -1, keepdims=True))
    return tf.log(tf.reduce_sum(tf.exp(logits - largest), -1, keepdims=True)) + largest


class _Full(NamedTuple):
    """The terms of a full loss, for examples or for pairs.

      inputs: float, as `_of_pairs` and `_examples` return them.
      true_scores: [B, T], or for pairs [G, K, J].
      weight: weight of a label in the loss of its example, or of the pair.
      shape: int32 vector, the shape of the losses of examples; None for pairs.
    """

    inputs: Tensor
    true_scores: Tensor
    weight: Tensor
    shape: Tensor


def _full(function, classes, batch):
    """Return the _Full of a full loss with the arguments _Classes and _Batch."""
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
    """Return the scores [B, C] of all classes. `inputs` have the type of the scores."""
    def table(params):
        return whole_table(params, classes.num_classes, classes.partition_strategy, inputs.dtype)

    scores = tf.matmul(inputs, table(classes.weights), transpose_b=True)
    return scores if classes.biases is None else scores + table(classes.biases)
