"""Candidate samplers: draw classes from a distribution, and return the expected count of each class.

A sampler returns `SampledValues` in the order of `tf.nn`'s samplers. The losses of this package take the
values of `tf.nn`'s samplers, and the losses of `tf.nn` take the values of these samplers. The expected
count Q(k) is the expected number of times that class k is among the sampled candidates, given the number
of draws. `unique` chooses what happens to repeats:

    unique=False      repeats stay              Q(k) = S P(k)
    unique="masked"   repeats are masked        Q(k) = 1 - (1 - P(k))^S
    unique=True       repeats are redrawn       Q(k) = 1 - (1 - P(k))^T

With False and "masked" there are exactly S draws: static shapes, no loop, and exact counts. NCE and
negative sampling assume draws with repeats. A sampled softmax assumes that each class occurs once.
"masked" keeps the first of equal candidates, so that fewer than S different classes remain where some
classes are likely. A masked repeat has the largest float32 as its expected count, which no class can
have. The losses of this package leave it out; the losses of `tf.nn` lower its logit by 88.7.

With True the sampler draws until it has S different classes, in T draws. `tf.nn` does the same. This
needs a loop, and Q is an estimate, as T depends on the classes drawn: in the tests that count draws, Q
of a class that is in nearly every sample is up to 3% too high, less where S is a small share of C.
(`tf.nn` returns S P(k) when T equals S, which can exceed 1. This is the only difference between the
counts.) Use "masked" for speed or exact counts. Use True where there must be S different classes, or
where results must be like those of `tf.nn`.

    labels = tf.placeholder(tf.int64, [None, 1])
    sampled = log_uniform_candidate_sampler(labels, 1, num_sampled=64, unique=True, range_max=10000)
    loss = tf.nn.sampled_softmax_loss(..., sampled_values=sampled)      # or a loss of this package

Samplers are built from ordinary graph ops on `distributions`, all of which have GPU and XLA kernels. The
samplers of TensorFlow run on CPUs only.

Arguments of every sampler:

    true_classes   [B, num_true], or flat, [B * num_true], of any integer type, or floats that are whole
                   numbers. An id out of range is an error in the session.
    seed           an integer gives each session the same sequence of draws. An int tensor [2], of which
                   the low 31 bits count, gives each run of the graph the same draws.
    num_groups     G: each of G groups of B / G consecutive examples has a set of candidates of its own.
                   Candidates and their counts are [G, S].
    label_mask     boolean, of the shape of true_classes: False for padding, which may be any number.
                   Padding is not counted, not drawn, and has an expected count of 1.

`LearnedUnigram` and `StreamingFrequency` learn from the labels. Drawing alone does not count labels. The
op that counts the `true_classes` of a batch, after its draws, is in the collection
tf.GraphKeys.UPDATE_OPS, and the training step must run it, as for batch normalization (`steps.minimize`
does). `learn=False` adds no such op, for evaluation. `learn=None` adds it unless the variable scope has
reuse=True, as in the second tower of a model. In eager mode and in a tf.function there is no collection:
labels are counted whenever candidates are drawn, unless learn=False. In a loop or a condition of a graph
counting cannot work: an InputError names the alternative.

Reference: Jean et al. 2015, "On Using Very Large Target Vocabulary for Neural Machine Translation";
  the signatures are those of TensorFlow's candidate_sampling_ops.
"""
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, NamedTuple, Optional, Union

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import (
    checks,
    class_counts,
    class_ids,
    distributions,
    draws,
    expected_counts,
    learning,
    registry,
)
from tf1_sampled.candidates import SampledValues
from tf1_sampled.type_names import (
    Distribution,
    Frequencies,
    Integer,
    Number,
    Numbers,
    SamplerOptions,
    Seed,
    TensorLike,
    Unique,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

_OPTIONS = ("label_mask", "learn", "num_groups", "seed")  # of `sample_by_name`


def uniform_candidate_sampler(
        true_classes: TensorLike, num_true: Integer, num_sampled: Integer, unique: Unique,
        range_max: Integer, seed: Seed = None, name: Optional[str] = None,
        num_groups: Optional[Integer] = None, label_mask: Optional[TensorLike] = None) -> SampledValues:
    """Sample from the uniform distribution, P(k) = 1 / range_max.

    Example:

        labels = tf.constant([[3], [1], [4]])
        sampled = tf1_sampled.uniform_candidate_sampler(labels, 1, 64, "masked", 1000)

    Args:
      true_classes: integer [B, num_true], the labels.
      num_true: integer T.
      num_sampled: integer S; at most range_max when unique is True.
      unique: True, False or "masked", what happens to repeats: see the module's description.
      range_max: integer, the number of classes.
      seed: integer, None, or an integer tensor [2].
      name: string or None, of the name scope.
      num_groups: integer or None, see the module's description.
      label_mask: None, or boolean of the shape of true_classes: False for padding.

    Returns:
      SampledValues.

    Raises:
      InputError: an argument out of its range, or true_classes of another shape.

    Reference: tf.random.uniform_candidate_sampler.
    """
    with tf.name_scope(name, "uniform_candidate_sampler"):
        true = _TrueClasses(true_classes, num_true, num_groups, label_mask)
        return _sample("uniform_candidate_sampler", distributions.Uniform, true, num_sampled=num_sampled,
                       unique=unique, range_max=range_max, seed=seed)


def log_uniform_candidate_sampler(
        true_classes: TensorLike, num_true: Integer, num_sampled: Integer, unique: Unique,
        range_max: Integer, seed: Seed = None, name: Optional[str] = None,
        num_groups: Optional[Integer] = None, label_mask: Optional[TensorLike] = None) -> SampledValues:
    """Sample from P(k) = log((k + 2) / (k + 1)) / log(range_max + 1), a Zipfian distribution.

    Valid only where ids are sorted by falling frequency: id 0 is the most frequent class.

    Example:

        labels = tf.constant([[3], [1], [4]])
        sampled = tf1_sampled.log_uniform_candidate_sampler(labels, 1, 64, True, 1000, seed=1)

    Args:
      true_classes: integer [B, num_true], the labels.
      num_true: integer T.
      num_sampled: integer S; at most range_max when unique is True.
      unique: True, False or "masked", what happens to repeats: see the module's description.
      range_max: integer, the number of classes.
      seed: integer, None, or an integer tensor [2].
      name: string or None, of the name scope.
      num_groups: integer or None, see the module's description.
      label_mask: None, or boolean of the shape of true_classes: False for padding.

    Returns:
      SampledValues.

    Raises:
      InputError: an argument out of its range, or true_classes of another shape.

    Reference: tf.random.log_uniform_candidate_sampler.
    """
    with tf.name_scope(name, "log_uniform_candidate_sampler"):
        true = _TrueClasses(true_classes, num_true, num_groups, label_mask)
        return _sample("log_uniform_candidate_sampler", distributions.LogUniform, true,
                       num_sampled=num_sampled, unique=unique, range_max=range_max, seed=seed)


def learned_unigram_candidate_sampler(
        true_classes: TensorLike, num_true: Integer, num_sampled: Integer, unique: Unique,
        range_max: Integer, seed: Seed = None, name: Optional[str] = None,
        num_groups: Optional[Integer] = None, label_mask: Optional[TensorLike] = None,
        decay: Number = 1.0, learn: Optional[bool] = None) -> SampledValues:
    """Sample from P(k) = (1 + n_k) / (range_max + n), where n_k counts the labels k so far.

    The counts are the non-trainable variable `name` (default "learned_unigram"). A second call in the
    same variable scope finds it by this name. The training step must run the op that counts.

    Example:

        labels = tf.constant([[3], [1], [4]])
        sampled = tf1_sampled.learned_unigram_candidate_sampler(labels, 1, 64, "masked", 1000)
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            train_op = tf.no_op()  # optimizer.apply_gradients(...)

    Args:
      true_classes: integer [B, num_true], the labels.
      num_true: integer T.
      num_sampled: integer S; at most range_max when unique is True.
      unique: True, False or "masked", what happens to repeats: see the module's description.
      range_max: integer, the number of classes.
      seed: integer, None, or an integer tensor [2].
      name: string or None, name of the counts.
      num_groups: integer or None, see the module's description.
      label_mask: None, or boolean of the shape of true_classes: False for padding.
      decay: float in (0, 1], the factor of all earlier counts in each step; 1 keeps them.
      learn: True, False or None, see the module's description.

    Returns:
      SampledValues.

    Raises:
      InputError: an argument out of its range, or true_classes of another shape; counts of this name
        with another number of classes or another decay; counting in a loop or a condition; eager mode,
        which has no variables by name: pass a `LearnedUnigram` to `candidate_sampler` there.

    Reference: tf.random.learned_unigram_candidate_sampler, whose kernel counts on every run.
    """
    function = "learned_unigram_candidate_sampler"
    with tf.init_scope():
        checks.argument(not tf.executing_eagerly(), function, "mode",
                        "a graph; in eager mode candidate_sampler with a LearnedUnigram", "eager mode")

    def distribution(size):
        return distributions.LearnedUnigram(size, name or "learned_unigram", decay)

    with tf.name_scope(name, function):
        true = _TrueClasses(true_classes, num_true, num_groups, label_mask)
        return _sample(function, distribution, true, num_sampled=num_sampled, unique=unique,
                       range_max=range_max, seed=seed, learn=learn)


def fixed_unigram_candidate_sampler(
        true_classes: TensorLike, num_true: Integer, num_sampled: Integer, unique: Unique,
        range_max: Integer, vocab_file: Optional[str] = "", distortion: Number = 1.0,
        num_reserved_ids: Integer = 0, num_shards: Integer = 1, shard: Integer = 0,
        unigrams: Optional[Union[Numbers, Iterable[Number]]] = (), seed: Seed = None,
        name: Optional[str] = None, num_groups: Optional[Integer] = None,
        label_mask: Optional[TensorLike] = None) -> SampledValues:
    """Sample from P(k) in proportion to count_k ** distortion.

    The counts come from `unigrams` or from `vocab_file`, one per id, after `num_reserved_ids` ids that
    are never drawn. An id that is never drawn must not be a label, as its log Q is not finite: this is
    an InputError where labels are constant, else an error in the session. The tables need no
    initialization: they are constants of the graph, or files beyond 8 million classes (see `frozen`).

    Example:

        labels, counts = tf.constant([[3], [1], [4]]), [100, 50, 20, 10, 5]
        sampled = tf1_sampled.fixed_unigram_candidate_sampler(labels, 1, 64, False, 5, distortion=0.75,
                                                              unigrams=counts)

    Args:
      true_classes: integer [B, num_true], the labels.
      num_true: integer T.
      num_sampled: integer S; at most the number of counts above 0 when unique is True.
      unique: True, False or "masked", what happens to repeats: see the module's description.
      range_max: integer, the number of classes.
      vocab_file: string, path of a file with a line per id in order, whose last comma-separated
        field is the count.
      distortion: float, the power of the counts: 1 draws by frequency, 0 uniformly, word2vec uses 0.75.
      num_reserved_ids: integer, the number of ids before the first count.
      num_shards, shard: 1 and 0 only. Sharding is not supported, as `tf.nn`'s sharding numbers reserved
        ids differently in each shard.
      unigrams: float [range_max - num_reserved_ids], counts in memory, any sequence or array.
      seed: integer, None, or an integer tensor [2].
      name: string or None, of the name scope.
      num_groups: integer or None, see the module's description.
      label_mask: None, or boolean of the shape of true_classes: False for padding.

    Returns:
      SampledValues.

    Raises:
      InputError: an argument out of its range; neither or both of vocab_file and unigrams; counts
        that are not range_max - num_reserved_ids finite numbers >= 0, or are all 0.

    Reference: tf.random.fixed_unigram_candidate_sampler; Mikolov et al. 2013 for 0.75.
    """
    function = "fixed_unigram_candidate_sampler"
    checks.argument(num_shards == 1 and shard == 0, function, "num_shards, shard", "1, 0",
                    (num_shards, shard))
    weights = class_counts.weights_of(function, range_max, num_reserved_ids, vocab_file, unigrams)
    with tf.name_scope(name, function):
        true = _TrueClasses(true_classes, num_true, num_groups, label_mask)
        return _sample(function, lambda _: distributions.Unigram(weights, "tables", distortion), true,
                       num_sampled=num_sampled, unique=unique, range_max=range_max, seed=seed)


def candidate_sampler(
        true_classes: TensorLike, num_true: Integer, num_sampled: Integer, unique: Unique,
        distribution: Distribution, seed: Seed = None, name: Optional[str] = None,
        num_groups: Optional[Integer] = None, label_mask: Optional[TensorLike] = None,
        learn: Optional[bool] = None) -> SampledValues:
    """Sample from a distribution object, which several samplers may share.

    Use it in eager mode and in a tf.function, where the object holds the state, and for distributions of
    your own (see `distributions` for their attributes).

    Example:

        labels = tf.constant([[3], [1], [4]])
        unigram = tf1_sampled.LearnedUnigram(1000)
        sampled = tf1_sampled.candidate_sampler(labels, 1, 64, True, unigram)

    Args:
      true_classes: integer [B, num_true], the labels.
      num_true: integer T.
      num_sampled: integer S; at most the number of classes that can be drawn when unique is True.
      unique: True, False or "masked", what happens to repeats: see the module's description.
      distribution: `Uniform`, `LogUniform`, `Unigram`, `LearnedUnigram`, or one of your own.
      seed: integer, None, or an integer tensor [2].
      name: string or None, of the name scope.
      num_groups: integer or None, see the module's description.
      label_mask: None, or boolean of the shape of true_classes: False for padding.
      learn: True, False or None, see the module's description.

    Returns:
      SampledValues.

    Raises:
      InputError: an argument out of its range, or true_classes of another shape; counting in a loop or a
        condition of a graph.
    """
    function = "candidate_sampler"
    with tf.name_scope(name, function):
        true = _TrueClasses(true_classes, num_true, num_groups, label_mask)
        return _sample(function, lambda _: distribution, true, num_sampled=num_sampled, unique=unique,
                       range_max=distribution.num_classes, seed=seed, learn=learn)


def all_candidate_sampler(
        true_classes: TensorLike, num_true: Integer, num_sampled: Integer, unique: Unique,
        seed: Seed = None, name: Optional[str] = None, range_max: Optional[Integer] = None,
        num_groups: Optional[Integer] = None,
        label_mask: Optional[TensorLike] = None) -> SampledValues:
    """Return all the classes 0 .. num_sampled - 1, each with the expected count 1.

    With these candidates a sampled loss is the full loss, at its full cost. Use it in tests and
    comparisons.

    Example:

        labels = tf.constant([[3], [1], [4]])
        sampled = tf1_sampled.all_candidate_sampler(labels, 1, 1000, True)

    Args:
      true_classes: integer [B, num_true], the labels.
      num_true: integer T.
      num_sampled: integer S, the number of classes.
      unique, seed: ignored; the other samplers have them.
      name: string or None, of the name scope.
      range_max: None, or num_sampled; the other samplers have it.
      num_groups: integer or None, see the module's description.
      label_mask: None, or boolean of the shape of true_classes: False for padding.

    Returns:
      SampledValues.

    Raises:
      InputError: an argument out of its range, or true_classes of another shape.

    Reference: tf.nn.all_candidate_sampler.
    """
    del unique, seed
    function = "all_candidate_sampler"
    with tf.name_scope(name, function):
        num_sampled = checks.positive(function, "num_sampled", num_sampled)
        checks.argument(range_max in (None, num_sampled), function, "num_sampled",
                        "range_max = %s, the number of classes" % range_max, num_sampled)
        num_groups = _checked_groups(function, num_groups)
        labels = class_ids.labels_of(function, true_classes, num_true, range_max=num_sampled,
                                     num_groups=num_groups, label_mask=label_mask)
        return expected_counts.all_classes(num_sampled, labels, num_groups)


def in_batch_candidate_sampler(
        true_classes: TensorLike, num_true: Integer, unique: Unique, range_max: Integer,
        frequencies: Frequencies, name: Optional[str] = None, num_groups: Optional[Integer] = None,
        label_mask: Optional[TensorLike] = None, learn: Optional[bool] = None) -> SampledValues:
    """Return the S = B num_true labels of the batch as its candidates.

        Q(k) = S P(k), or 1 - (1 - P(k))^S when repeats are masked

    P(k) is the frequency of k as a label. Each example's own label is among the candidates: use a loss
    with remove_accidental_hits=True. With num_groups=G the candidates of a group are the labels of
    another group, and S = B num_true / G.

    Example:

        labels = tf.constant([[3], [1], [4]])
        frequencies = tf1_sampled.StreamingFrequency(1000, labels_per_step=3)
        sampled = tf1_sampled.in_batch_candidate_sampler(labels, 1, "masked", 1000, frequencies)

    Args:
      true_classes: integer [B, num_true], the labels.
      num_true: integer T.
      unique: False keeps a label that occurs twice in the batch as two candidates; "masked" masks the
        second.
      range_max: integer, the number of classes.
      frequencies: P, an object with num_classes = range_max and log_prob(ids): `Unigram` of counts in
        memory, or `LearnedUnigram` or `StreamingFrequency`, which learn P.
      name: string or None, of the name scope.
      num_groups: integer or None, see the module's description.
      label_mask: None, or boolean of the shape of true_classes: False for padding.
      learn: True, False or None, whether `frequencies` learns; see the module's description.

    Returns:
      SampledValues.

    Raises:
      InputError: an argument out of its range, or true_classes of another shape.

    Reference: Yi et al. 2019, "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
      Recommendations", section 3.
    """
    function = "in_batch_candidate_sampler"
    with tf.name_scope(name, function):
        true = _TrueClasses(true_classes, num_true, num_groups, label_mask)
        return _sample_in_batch(function, true, unique=unique, range_max=range_max,
                                frequencies=frequencies, learn=learn)


def mixed_candidate_sampler(
        true_classes: TensorLike, num_true: Integer, num_sampled: Integer, unique: Unique,
        range_max: Integer, frequencies: Frequencies, distribution: Distribution,
        seed: Seed = None, name: Optional[str] = None, num_groups: Optional[Integer] = None,
        label_mask: Optional[TensorLike] = None, learn: Optional[bool] = None) -> SampledValues:
    """Return the labels of the batch and num_sampled draws from a distribution as candidates.

        Q(k) = N P_batch(k) + S P(k), or 1 - (1 - P_batch(k))^N (1 - P(k))^S when repeats are masked

    N is the number of labels in the batch, and Q(k) the expected count among all N + S candidates. The
    draws add classes that are seldom labels.

    Example:

        labels, counts = tf.constant([[3], [1], [4]]), [100, 50, 20, 10, 5]
        sampled = tf1_sampled.mixed_candidate_sampler(
            labels, 1, 64, "masked", 5, tf1_sampled.Unigram(counts), tf1_sampled.Uniform(5))

    Args:
      true_classes: integer [B, num_true], the labels.
      num_true: integer T.
      num_sampled: integer S, the number of draws.
      unique: False keeps repeats; "masked" masks all but the first of equal candidates.
      range_max: integer, the number of classes.
      frequencies: P_batch, an object with num_classes = range_max and log_prob(ids): `Unigram` of counts
        in memory, or `LearnedUnigram` or `StreamingFrequency`, which learn P_batch.
      distribution: `Uniform`, `LogUniform`, `Unigram` or `LearnedUnigram`, with num_classes = range_max.
      seed: integer, None, or an integer tensor [2].
      name: string or None, of the name scope.
      num_groups: integer or None, see the module's description.
      label_mask: None, or boolean of the shape of true_classes: False for padding.
      learn: True, False or None, whether `frequencies` and `distribution` learn; see the module's
        description.

    Returns:
      SampledValues.

    Raises:
      InputError: an argument out of its range, or true_classes of another shape.

    Reference: Yang et al. 2020, "Mixed Negative Sampling for Learning Two-tower Neural Networks in
      Recommendations", with the expected count of the union.
    """
    function = "mixed_candidate_sampler"
    with tf.name_scope(name, function):
        num_sampled = checks.positive(function, "num_sampled", num_sampled)
        _check_range(function, "distribution", distribution, range_max)
        num_groups = _checked_groups(function, num_groups)
        drawn = draws.draw(distribution, num_sampled, False, seed, num_groups)
        true = _TrueClasses(true_classes, num_true, num_groups, label_mask)
        return _sample_in_batch(function, true, unique=unique, range_max=range_max,
                                frequencies=frequencies, learn=learn, others=[drawn])


def sample_by_name(sampler: str, true_classes: TensorLike, num_sampled: Integer, counts: Numbers,
                   unique: Unique = False, distortion: Number = 1.0,
                   **options: "Unpack[SamplerOptions]") -> SampledValues:
    """Sample with the sampler that has this name in `SAMPLERS`.

    Example:

        labels, counts = tf.constant([[3], [1], [4]]), [100, 50, 20, 10, 5]
        sampled = tf1_sampled.sample_by_name("in_batch+uniform", labels, 64, counts, "masked", seed=1)

    Args:
      sampler: string, a key of SAMPLERS. "in_batch+uniform" is `mixed_candidate_sampler` with `Uniform`.
      true_classes: integer [B, 1] or [B], the labels.
      num_sampled: integer S. "in_batch" and "all" ignore it.
      counts: float [C], how often each class is a label.
      unique: True, False or "masked", what happens to repeats: see the module's description. Where
        labels are candidates, True masks repeats too.
      distortion: float, the power of the counts for "fixed_unigram".
      options: seed, num_groups, label_mask and learn, as `candidate_sampler` takes them.

    Returns:
      SampledValues.

    Raises:
      InputError: a name that is not in SAMPLERS, an unknown option, or an error of the sampler.
    """
    checks.one_of("sample_by_name", "sampler", sampler, registry.SAMPLERS)
    checks.argument(set(options) <= set(_OPTIONS), "sample_by_name", "options",
                    "some of " + ", ".join(_OPTIONS), sorted(options))
    settings: Dict[str, Any] = dict(**options)
    if sampler == "all":
        settings.pop("learn", None)
        return all_candidate_sampler(true_classes, 1, len(counts), unique, **settings)
    if not sampler.startswith("in_batch"):
        function = sampler + "_candidate_sampler"
        with tf.name_scope(function):
            true = _TrueClasses(true_classes, 1, settings.pop("num_groups", None),
                                settings.pop("label_mask", None))
            return _sample(function, lambda _: _distribution_by_name(sampler, counts, distortion), true,
                           num_sampled=num_sampled, unique=unique, range_max=len(counts), **settings)
    unique = "masked" if unique is True else unique
    frequencies = distributions.Unigram(counts, "frequencies")
    if sampler == "in_batch":
        settings.pop("seed", None)
        return in_batch_candidate_sampler(true_classes, 1, unique, len(counts), frequencies, **settings)
    return mixed_candidate_sampler(
        true_classes, 1, num_sampled, unique, len(counts), frequencies=frequencies,
        distribution=_distribution_by_name(sampler.partition("+")[2], counts, distortion), **settings)


def _distribution_by_name(name: str, counts: Numbers, distortion: Number) -> Distribution:
    """Return the distribution that a sampler of this name draws from."""
    if name == "fixed_unigram":
        return distributions.Unigram(counts, "tables", distortion)
    makers: Dict[str, Callable[[int], Distribution]] = {
        "learned_unigram": distributions.LearnedUnigram,
        "log_uniform": distributions.LogUniform,
        "uniform": distributions.Uniform,
    }
    return makers[name](len(counts))


class _TrueClasses(NamedTuple):
    """The labels for which a sampler samples, as its caller passed them."""

    ids: TensorLike
    num_true: Integer
    num_groups: Optional[Integer]
    label_mask: Optional[TensorLike]


def _labels(function, true, range_max):
    """Check _TrueClasses, and return (Labels, num_groups)."""
    num_groups = _checked_groups(function, true.num_groups)
    return class_ids.labels_of(function, true.ids, true.num_true, range_max=range_max,
                               num_groups=num_groups, label_mask=true.label_mask), num_groups


def _sample(function, make_distribution, true, num_sampled, unique, range_max, seed=None, learn=None):
    """Return the SampledValues of draws from one distribution.

    Args:
      function: string, for messages.
      make_distribution: function of range_max, called after range_max is checked.
      true: _TrueClasses.
      num_sampled, unique, range_max, seed, learn: as the samplers take them.
    """
    num_sampled = checks.positive(function, "num_sampled", num_sampled)
    checks.argument(_is_boolean(unique) or unique == "masked", function, "unique",
                    'True, False or "masked"', unique)
    unique = bool(unique) if _is_boolean(unique) else unique
    range_max = checks.positive(function, "range_max", range_max)
    checks.argument(unique is not True or num_sampled <= range_max, function, "num_sampled",
                    "at most range_max = %d when unique" % range_max, num_sampled)
    labels, num_groups = _labels(function, true, range_max)
    distribution = make_distribution(range_max)
    never = getattr(distribution, "never", None)
    most = range_max if never is None else range_max - np.count_nonzero(never)
    checks.argument(unique is not True or num_sampled <= most, function, "num_sampled",
                    "at most %d, the counts above 0, when unique" % most, num_sampled)
    if unique is True and num_sampled == range_max:
        # All classes, without draws: the least likely class may need too many.
        values = expected_counts.all_classes(num_sampled, labels, num_groups)
    else:
        drawn = draws.draw(distribution, num_sampled, unique, seed, num_groups)
        values = expected_counts.sampled_values(function, labels, [drawn], drawn.ids, drawn.masked,
                                                once=bool(unique), num_groups=num_groups)
    return learning.count_labels(function, labels, [distribution], values, learn)


def _sample_in_batch(function, true, unique, range_max, frequencies, learn, others=()):
    """Return the SampledValues of the labels of the batch, followed by other draws.

    Args:
      function: string, for messages.
      true: _TrueClasses.
      unique, range_max, frequencies, learn: as `in_batch_candidate_sampler`.
      others: list of Draws.
    """
    checks.argument(unique == "masked" or _is_boolean(unique) and not unique, function, "unique",
                    'False or "masked"', unique)
    range_max = checks.positive(function, "range_max", range_max)
    _check_range(function, "frequencies", frequencies, range_max)
    labels, num_groups = _labels(function, true, range_max)
    in_batch = draws.labels_as_draws(labels, frequencies, num_groups)
    if not others:  # a batch without labels has no candidates, but log Q must be finite
        in_batch = in_batch._replace(number=tf.maximum(in_batch.number, 1))
    sources = [in_batch] + list(others)
    ids, masked = draws.joined(sources, unique, range_max)
    values = expected_counts.sampled_values(function, labels, sources, ids, masked, once=bool(unique),
                                            num_groups=num_groups)
    return learning.count_labels(function, labels, [source.distribution for source in sources], values,
                                 learn)


def _checked_groups(function, num_groups):
    """Return num_groups as an int above 0, or None."""
    return None if num_groups is None else checks.positive(function, "num_groups", num_groups)


def _check_range(function, argument, distribution, range_max):
    """Raise InputError unless the distribution has range_max classes."""
    checks.argument(distribution.num_classes == range_max, function, argument,
                    "a distribution of range_max = %d classes" % range_max, distribution.num_classes)


def _is_boolean(value):
    return isinstance(value, (bool, np.bool_))
