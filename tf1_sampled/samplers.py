"""Candidate samplers: a distribution, a number of draws, and what a class may expect of them.

A sampler returns `SampledValues`, in the order of `tf.nn`'s samplers, so that each side's losses take
the other's triples. An expected count is the expected number of times that a class stands among the
sampled candidates, given how many draws were made. `unique` says what becomes of repeats:

    unique=False      they stay                 Q(k) = S P(k)
    unique="masked"   they are masked           Q(k) = 1 - (1 - P(k))^S
    unique=True       drawing goes on instead   Q(k) = 1 - (1 - P(k))^T

With False and "masked" the S draws are all that is made: static shapes, no loop, and exact counts.
Draws that repeat are what NCE and negative sampling have in mind; a sampled softmax wants each class
once. "masked" leaves it in once, so that S candidates hold fewer different ones where some classes are
likely. A masked repeat has the largest float32 as its expected count, which no class can have: the
losses here leave it out, those of `tf.nn` see its logit lowered by 88.7.

With True draws are made one after the other until S different classes are there, and T is the number of
draws that this took. That is what `tf.nn` does, at the price of a loop and of counts that are an
estimate, as T depends on what was drawn: a class that is in nearly every sample is overrated by up to 3%
in the counted tests, by less where S is a small share of C. (`tf.nn` says S P(k) when T happens to be S,
which can exceed 1; this is the one difference in what the counts say.) Take "masked" where speed or
exactness counts, True where S different classes have to be there or a result be as upstream's.

    labels = tf.placeholder(tf.int64, [None, 1])
    sampled = log_uniform_candidate_sampler(labels, 1, num_sampled=64, unique=True, range_max=10000)
    loss = tf.nn.sampled_softmax_loss(..., sampled_values=sampled)      # or tf1_sampled's

Everything is built of ordinary graph ops on `distributions`, all of which have GPU and XLA kernels; the
samplers of TensorFlow run on a CPU only.

In every sampler: `true_classes` is an int32 or int64 tensor [B, num_true] ([B] will do when num_true
is 1), and an id out of range is an error of the session's; `seed` makes the draws of a session
repeatable, and as an int tensor [2], of which the low 31 bits count, those of a run; `num_groups=G`
draws a set of its own for each of G groups of examples, B / G consecutive ones each: candidates and
their counts are then [G, S]; `label_mask`, boolean of the shape of true_classes, is False where a place
holds no label but padding, which may then be any number: it is not counted, not drawn, and has an
expected count of 1.

Reference: Jean et al. 2015, "On Using Very Large Target Vocabulary for Neural Machine Translation";
  the signatures are those of TensorFlow's candidate_sampling_ops.
"""
import collections

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import assertions, checks, distributions, files, tables

MASKED_COUNT = np.finfo(np.float32).max  # the expected count of a candidate that is none

_MAX_TURNS = 1000  # of drawing unique candidates: an error, rather than a program that hangs

SampledValues = collections.namedtuple(
    "SampledValues", "sampled_candidates true_expected_count sampled_expected_count")
SampledValues.__doc__ = """What a sampler returns and a loss takes as `sampled_values`.

  sampled_candidates: int64 [S] or [G, S], the sampled class ids.
  true_expected_count: float32, of the shape of true_classes.
  sampled_expected_count: float32, of the shape of sampled_candidates; the largest one where a
    candidate is masked.
"""


def uniform_candidate_sampler(true_classes, num_true, num_sampled, unique, range_max, seed=None,
                              name=None, num_groups=None, label_mask=None):
    """Samples from P(k) = 1 / range_max.

    Args:
      true_classes: int32 or int64 [B, num_true].
      num_true: integer T.
      num_sampled: integer S; at most range_max when unique is True.
      unique: True, False or "masked", what becomes of repeats: see the module's description.
      range_max: integer, the number of classes.
      seed: integer, None, or an integer tensor [2].
      name: string or None.
      num_groups: integer or None, see the module's description.
      label_mask: None, or boolean of the shape of true_classes: False for padding.

    Returns:
      SampledValues.

    Raises:
      InputError: an argument out of its range, or true_classes of another shape.

    Reference: tf.random.uniform_candidate_sampler.
    """
    with tf.name_scope(name, "uniform_candidate_sampler"):
        return _sample("uniform_candidate_sampler", distributions.Uniform, true_classes, num_true,
                       num_sampled, unique, range_max, seed, num_groups, label_mask)


def log_uniform_candidate_sampler(true_classes, num_true, num_sampled, unique, range_max,
                                  seed=None, name=None, num_groups=None, label_mask=None):
    """Samples from P(k) = log((k + 2) / (k + 1)) / log(range_max + 1), a Zipfian distribution.

    Right only where ids are in falling order of frequency: id 0 is the most frequent class.

    Args, Returns, Raises: as `uniform_candidate_sampler`.

    Reference: tf.random.log_uniform_candidate_sampler.
    """
    with tf.name_scope(name, "log_uniform_candidate_sampler"):
        return _sample("log_uniform_candidate_sampler", distributions.LogUniform, true_classes,
                       num_true, num_sampled, unique, range_max, seed, num_groups, label_mask)


def learned_unigram_candidate_sampler(true_classes, num_true, num_sampled, unique, range_max,
                                      seed=None, name=None, num_groups=None, label_mask=None,
                                      decay=1.0):
    """Samples from P(k) = (1 + n_k) / (range_max + n), n_k the true classes k counted so far.

    The counts are the non-trainable variable `name` (default "learned_unigram"), found again by
    that name in the same variable scope. Sampling does not count: the op that counts this batch's
    `true_classes`, after its draws, is added to the collection tf.GraphKeys.UPDATE_OPS, and the
    training step runs it, as for batch normalization:

        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            train_op = optimizer.apply_gradients(...)

    Args, Returns, Raises: as `uniform_candidate_sampler`, and
      decay: float in (0, 1], the weight that an old label keeps with each step; 1 keeps all.

    Reference: tf.random.learned_unigram_candidate_sampler, which counts on every run, in a kernel.
    """
    function = "learned_unigram_candidate_sampler"

    def distribution(size):
        return distributions.LearnedUnigram(size, name or "learned_unigram", decay)

    with tf.name_scope(name, function):
        return _sample(function, distribution, true_classes, num_true, num_sampled, unique, range_max,
                       seed, num_groups, label_mask)


def fixed_unigram_candidate_sampler(true_classes, num_true, num_sampled, unique, range_max,
                                    vocab_file="", distortion=1.0, num_reserved_ids=0,
                                    num_shards=1, shard=0, unigrams=(), seed=None, name=None,
                                    num_groups=None, label_mask=None):
    """Samples from P(k) in proportion to count_k ** distortion.

    The counts come from `unigrams` or from `vocab_file`, one per id, after `num_reserved_ids` ids that
    are never drawn. An id that is never drawn may not be a label, as its log Q is not finite: an
    InputError where labels are constant, else an error of the session's. Counts are kept in local
    variables, not in the GraphDef: run `tf.local_variables_initializer()` too in a plain Session.

    Args:
      true_classes, num_true, num_sampled, unique, range_max, seed, name, num_groups, label_mask: as
        `uniform_candidate_sampler`; num_sampled is at most the number of counts above 0 when unique is
        True.
      vocab_file: string, path of a file with a line per id in order, whose last comma-separated
        field is the count.
      distortion: float, 1 for the counts themselves, 0 for uniform; 0.75 in word2vec.
      num_reserved_ids: integer, ids before the first of the counts.
      num_shards, shard: only 1 and 0: sharding is not offered, as upstream's numbers reserved ids
        differently in each shard.
      unigrams: float [range_max - num_reserved_ids], counts in memory, any sequence or array.

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
    checks.argument(bool(vocab_file) != (len(unigrams) > 0), function, "vocab_file, unigrams",
                    "one of them", "both" if vocab_file else "neither")
    checks.argument(num_reserved_ids >= 0, function, "num_reserved_ids", "an integer >= 0",
                    num_reserved_ids)
    num_counts = range_max - num_reserved_ids
    wanted = "a count for each of range_max - num_reserved_ids = %d ids" % num_counts
    if vocab_file:
        counts = _read_counts(vocab_file, num_counts, wanted)
    else:
        counts = np.asarray(unigrams, np.float64)
        checks.argument(counts.shape == (num_counts,), function, "unigrams", wanted, counts.shape)
        usable = np.isfinite(counts) & (np.nan_to_num(counts) >= 0)
        checks.argument(np.all(usable) and np.any(counts), function, "unigrams",
                        "finite counts >= 0, not all 0", counts[~usable][:5].tolist() or "only 0")
    weights = np.concatenate([np.zeros(num_reserved_ids), _distorted(counts, distortion)])
    nonzero = np.count_nonzero(weights)
    checks.argument(unique is not True or num_sampled <= nonzero, function, "num_sampled",
                    "at most %d, the counts above 0, when unique" % nonzero, num_sampled)
    with tf.name_scope(name, function):
        return _sample(function, lambda size: distributions.Unigram(weights, "tables"),
                       true_classes, num_true, num_sampled, unique, range_max, seed, num_groups,
                       label_mask)


def all_candidate_sampler(true_classes, num_true, num_sampled, unique, seed=None, name=None,
                          range_max=None, num_groups=None, label_mask=None):
    """All the classes 0 .. num_sampled - 1, each with the expected count 1.

    With it a sampled loss is the full loss, at its full cost: for tests and comparisons.

    Args:
      true_classes: int32 or int64 [B, num_true].
      num_true: integer T.
      num_sampled: integer S, the number of classes.
      unique, seed: no difference; they are there as in the other samplers.
      name: string or None.
      range_max: None or integer, which has to be num_sampled: as in the other samplers.
      num_groups: integer or None, see the module's description.
      label_mask: None, or boolean of the shape of true_classes: False for padding.

    Returns:
      SampledValues.

    Raises:
      InputError: as `uniform_candidate_sampler`.

    Reference: tf.nn.all_candidate_sampler.
    """
    del unique, seed
    function = "all_candidate_sampler"
    with tf.name_scope(name, function):
        checks.positive(function, "num_sampled", num_sampled)
        checks.argument(range_max in (None, num_sampled), function, "num_sampled",
                        "all the classes, range_max = %s" % range_max, num_sampled)
        labels = _labels(function, true_classes, num_true, num_sampled, num_groups, label_mask)
        return _everything(num_sampled, labels, num_groups)


def in_batch_candidate_sampler(true_classes, num_true, unique, range_max, frequencies, name=None,
                               num_groups=None, label_mask=None):
    """The labels of the batch are its candidates: S = B num_true of them.

        Q(k) = S P(k), or 1 - (1 - P(k))^S when repeats are masked; P(k) the frequency of k as a label

    Each example's own label is among the candidates, so take it out: remove_accidental_hits=True. With
    num_groups=G the candidates of a group are the labels of another one, S = B num_true / G.

    Args:
      true_classes: int32 or int64 [B, num_true].
      num_true: integer T.
      unique: False or "masked", whether a label that comes twice in the batch is two candidates or one.
      range_max: integer, the number of classes.
      frequencies: P, an object with num_classes = range_max and log_prob(ids): `Unigram` of counts in
        memory, or `LearnedUnigram` or `StreamingFrequency`, which learn it. The op that lets one learn
        from this batch is added to tf.GraphKeys.UPDATE_OPS, as `learned_unigram_candidate_sampler` does.
      name: string or None.
      num_groups: integer or None, see the module's description.
      label_mask: None, or boolean of the shape of true_classes: False for padding.

    Returns:
      SampledValues.

    Raises:
      InputError: an argument out of its range, or true_classes of another shape.

    Reference: Yi et al. 2019, "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
      Recommendations", section 3.
    """
    function = "in_batch_candidate_sampler"
    with tf.name_scope(name, function):
        return _sample_in_batch(function, true_classes, num_true, unique, range_max, frequencies,
                                num_groups, label_mask)


def mixed_candidate_sampler(true_classes, num_true, num_sampled, unique, range_max, frequencies,
                            distribution, seed=None, name=None, num_groups=None, label_mask=None):
    """The labels of the batch and num_sampled draws of any other distribution together.

        Q(k) = N P_batch(k) + S P(k), or 1 - (1 - P_batch(k))^N (1 - P(k))^S when repeats are masked

    with N labels in the batch: the expected count among all N + S candidates. Draws of their own give a
    class that is seldom a label its chance to be a candidate too.

    Args:
      true_classes, num_true, unique, range_max, frequencies, name, num_groups, label_mask: as
        `in_batch_candidate_sampler`.
      num_sampled: integer S, the draws.
      distribution: what is drawn from: `Uniform`, `LogUniform`, `Unigram` or `LearnedUnigram`, with
        num_classes = range_max.
      seed: integer, None, or an integer tensor [2].

    Returns:
      SampledValues.

    Raises:
      InputError: an argument out of its range, or true_classes of another shape.

    Reference: Yang et al. 2020, "Mixed Negative Sampling for Learning Two-tower Neural Networks in
      Recommendations", with the expected count of the union.
    """
    function = "mixed_candidate_sampler"
    with tf.name_scope(name, function):
        checks.positive(function, "num_sampled", num_sampled)
        _of_range(function, "distribution", distribution, range_max)
        if num_groups is not None:
            checks.positive(function, "num_groups", num_groups)
        drawn = _draw(distribution, num_sampled, False, seed, num_groups)
        return _sample_in_batch(function, true_classes, num_true, unique, range_max, frequencies,
                                num_groups, label_mask, [drawn])


def sample_by_name(sampler, true_classes, num_sampled, counts, unique=False, distortion=1.0,
                   seed=None, num_groups=None, label_mask=None):
    """Samples by the sampler of a name in `SAMPLERS`, whatever that one wants to be told.

    Args:
      sampler: string, a key of SAMPLERS. "in_batch+uniform" is the mixed sampler of the two.
      true_classes, num_sampled, unique, seed, num_groups, label_mask: as `uniform_candidate_sampler`,
        with num_true 1. The labels of the batch are as many as they are, and so are all classes:
        "in_batch" alone and "all" do not read num_sampled. Where labels are candidates, repeats are
        masked when unique is True.
      counts: float [C], how often each class comes as a label.
      distortion: float, of fixed_unigram.

    Returns:
      SampledValues.

    Raises:
      InputError: a name that is not in SAMPLERS, or what the sampler says.
    """
    checks.one_of("sample_by_name", "sampler", sampler, tables.SAMPLERS)
    options = {"range_max": len(counts), "num_groups": num_groups, "label_mask": label_mask}
    if sampler.startswith("in_batch"):
        options["unique"] = "masked" if unique is True else unique
        options["frequencies"] = distributions.Unigram(counts, "frequencies")
        other = sampler.partition("+")[2]
        if not other:
            return in_batch_candidate_sampler(true_classes, 1, **options)
        if other == "fixed_unigram":
            distribution = distributions.Unigram(_distorted(counts, distortion), "tables")
        else:
            distribution = {"learned_unigram": distributions.LearnedUnigram,
                            "log_uniform": distributions.LogUniform,
                            "uniform": distributions.Uniform}[other](len(counts))
        return mixed_candidate_sampler(true_classes, 1, num_sampled, distribution=distribution,
                                       seed=seed, **options)
    if sampler == "all":
        num_sampled = len(counts)
    if sampler == "fixed_unigram":
        options.update(unigrams=counts, distortion=distortion)
    return tables.SAMPLERS[sampler](true_classes, 1, num_sampled, unique, seed=seed, **options)


def without_known(sampled_values, known_classes, known_rows, rows):
    """Leaves out of each example's candidates the classes that are known to be right for it too.

    A recommender's user, say, took many items: each of them is the label of one example, and a
    candidate that is another of them is no negative.

    Args:
      sampled_values: what a sampler returned, candidates [S].
      known_classes: int32 or int64 [K], classes that are right for some examples.
      known_rows: int32 or int64 [K], for which of them: R rows (users, say), numbered from 0.
      rows: int32 or int64 [B], the row of each example.

    Returns:
      SampledValues with sampled_expected_count [B, S]: the largest float32 where the candidate is left
      out for the example. For the losses of this package.

    Raises:
      InputError: candidates of another shape.
    """
    with tf.name_scope("without_known"):
        sampled, true_count, sampled_count = _of_one_set("without_known", sampled_values)
        known_classes = id_tensor("without_known", "known_classes", known_classes)
        known_classes = tf.cast(known_classes, sampled.dtype)
        rows = tf.cast(rows, tf.int64)
        known_rows = tf.cast(known_rows, tf.int64)
        num_rows = tf.reduce_max(tf.concat([[-1], rows, known_rows], 0)) + 1
        # Few of the pairs are equal: only those are counted, by row and candidate.
        hits = tf.where(tf.equal(known_classes[:, None], sampled))  # [H, 2]
        places = tf.stack([tf.gather(known_rows, hits[:, 0]), hits[:, 1]], 1)
        shape = tf.stack([num_rows, tf.size(sampled, out_type=tf.int64)])
        known = tf.scatter_nd(places, tf.ones(tf.shape(places)[:1]), shape)
        largest = tf.constant(MASKED_COUNT, sampled_count.dtype)
        counts = tf.where(known > 0, tf.fill(tf.shape(known), largest),
                          tf.broadcast_to(sampled_count, tf.shape(known)))
        counts = tf.ensure_shape(tf.gather(counts, rows), [None, sampled.shape[0]])
        return SampledValues(sampled, true_count, counts)


def _of_one_set(function, sampled_values):
    """sampled_values; InputError where groups have candidates of their own."""
    shape = sampled_values[0].shape
    checks.argument(shape.rank == 1, function, "sampled_values", "candidates of shape [S]", shape)
    return sampled_values


def with_certain(sampled_values, true_classes, certain_classes, num_classes):
    """Adds candidates that are there in any case, as a model's hardest negatives.

    With the classes H in any case, the sum over all classes of exp(s) is split into that over H, exact,
    and that over the others, which the draws estimate: a class of H has an expected count of 1, and a
    draw that is one of them is masked. So the losses estimate what they did before, with less noise
    where the classes of H have much of the sum.

    Args:
      sampled_values: what a sampler returned for true_classes, candidates [S].
      true_classes: int32 or int64 [B, num_true] or [B].
      certain_classes: int32 or int64 [H]; a repeat is masked.
      num_classes: integer C.

    Returns:
      SampledValues, candidates [H + S].

    Raises:
      InputError: candidates of another shape.
    """
    with tf.name_scope("with_certain"):
        sampled, true_count, sampled_count = _of_one_set("with_certain", sampled_values)
        certain = tf.cast(id_tensor("with_certain", "certain_classes", certain_classes), sampled.dtype)
        labels = tf.cast(true_classes, sampled.dtype)

        def is_certain(ids):
            return tf.reduce_any(tf.equal(ids[..., None], certain), -1)

        def masked(count, mask):
            largest = tf.constant(MASKED_COUNT, count.dtype)
            return tf.where(mask, tf.fill(tf.shape(count), largest), count)

        counts = masked(tf.ones(tf.shape(certain), sampled_count.dtype),
                        tf.logical_not(first_of_its_kind(certain, num_classes)))
        return SampledValues(
            tf.concat([certain, sampled], 0),
            tf.where(is_certain(tf.reshape(labels, tf.shape(true_count))), tf.ones_like(true_count),
                     true_count),
            tf.concat([counts, masked(sampled_count, is_certain(sampled))], 0))


def label_tensor(function, name, labels, num_true, num_classes, label_mask=None):
    """`labels` as a tensor: its type, its last dimension and its ids checked, padding 0.

    Args:
      function, name: strings, for the message.
      labels: what should be int32 or int64 [..., num_true], or [B] when num_true is 1.
      num_true: integer T.
      num_classes: integer C.
      label_mask: None, or boolean of the shape of labels: False for padding.

    Returns:
      int32 or int64, of the shape of labels.

    Raises:
      InputError: another type, another last dimension than num_true, a mask of another type or shape, or
        a constant id out of range.
    """
    checks.positive(function, "num_true", num_true)
    labels = id_tensor(function, name, labels)
    rank, shape = labels.shape.rank, labels.shape
    last = None if not rank else tf.compat.dimension_value(shape[-1])
    fits = rank is None or (rank == 1 and num_true == 1) or (rank >= 2 and last in (None, num_true))
    checks.argument(fits, function, name, "shape [B, num_true] with num_true = %d" % num_true,
                    labels.shape.as_list() if rank is not None else None)
    return _without_padding(function, name, labels, num_classes, label_mask)


def id_tensor(function, name, ids):
    """`ids` as a tensor, which has to be of int32 or int64.

    Raises:
      InputError: another type.
    """
    ids = tf.convert_to_tensor(ids)
    checks.argument(ids.dtype in (tf.int32, tf.int64), function, name, "int32 or int64 ids",
                    ids.dtype.name)
    return ids


_Labels = collections.namedtuple("_Labels", "ids mask")  # mask: boolean, or None where all are labels

# Candidates of one source: ids int64 [N] or [G, N], masked boolean of that shape or None, and how many
# draws from the distribution they stand for, a float, a float scalar or float [G, 1].
_Draws = collections.namedtuple("_Draws", "ids masked number distribution")


def _labels(function, true_classes, num_true, range_max, num_groups, label_mask):
    """_Labels, checked."""
    checks.positive(function, "range_max", range_max)
    if num_groups is None:
        ids = label_tensor(function, "true_classes", true_classes, num_true, range_max, label_mask)
    else:
        # Where labels are those of a group, [G, J], num_true says nothing of their shape.
        checks.positive(function, "num_true", num_true)
        checks.positive(function, "num_groups", num_groups)
        ids = id_tensor(function, "true_classes", true_classes)
        size = None if not ids.shape.rank else tf.compat.dimension_value(ids.shape[0])
        checks.argument(size is None or size % num_groups == 0, function, "true_classes",
                        "a first dimension that is a multiple of num_groups = %d" % num_groups, size)
        ids = _without_padding(function, "true_classes", ids, range_max, label_mask)
    return _Labels(ids, None if label_mask is None else tf.convert_to_tensor(label_mask))


def _without_padding(function, name, labels, num_classes, label_mask):
    if label_mask is not None:
        label_mask = tf.convert_to_tensor(label_mask)
        checks.argument(label_mask.dtype == tf.bool, function, "label_mask", "booleans",
                        label_mask.dtype.name)
        checks.argument(label_mask.shape.is_compatible_with(labels.shape), function, "label_mask",
                        "the shape of %s, %s" % (name, labels.shape), label_mask.shape)
        labels = tf.where(label_mask, labels, tf.zeros_like(labels))
    return assertions.ids_below(labels, num_classes, function, name)


def _sample(function, make_distribution, true_classes, num_true, num_sampled, unique, range_max,
            seed, num_groups, label_mask):
    """What the samplers share that draw from one distribution."""
    checks.positive(function, "num_sampled", num_sampled)
    checks.argument(_is_boolean(unique) or unique == "masked", function, "unique",
                    'True, False or "masked"', unique)
    unique = bool(unique) if _is_boolean(unique) else unique
    checks.positive(function, "range_max", range_max)
    checks.argument(unique is not True or num_sampled <= range_max, function, "num_sampled",
                    "at most range_max = %d when unique" % range_max, num_sampled)
    labels = _labels(function, true_classes, num_true, range_max, num_groups, label_mask)
    distribution = make_distribution(range_max)
    if unique is True and num_sampled == range_max:
        # All of them: to draw until the least likely one comes could take for ever.
        values = _everything(num_sampled, labels, num_groups)
    else:
        drawn = _draw(distribution, num_sampled, unique, seed, num_groups)
        values = _values(function, labels, drawn.ids, drawn.masked, [drawn], bool(unique), num_groups)
    return _learn(values, labels, [distribution])


def _sample_in_batch(function, true_classes, num_true, unique, range_max, frequencies, num_groups,
                     label_mask, others=()):
    """What the samplers share whose candidates are labels, maybe beside other draws."""
    checks.argument(unique == "masked" or _is_boolean(unique) and not unique, function, "unique",
                    'False or "masked"', unique)
    _of_range(function, "frequencies", frequencies, range_max)
    labels = _labels(function, true_classes, num_true, range_max, num_groups, label_mask)
    sources = [_labels_as_draws(labels, frequencies, num_groups)] + list(others)
    if not others:  # of no label at all no candidate is left: any finite logarithm will do
        sources = [sources[0]._replace(number=tf.maximum(sources[0].number, 1))]
    ids = tf.concat([source.ids for source in sources], -1)
    masked = tf.concat([tf.zeros_like(source.ids, tf.bool) if source.masked is None else source.masked
                        for source in sources], -1)
    if unique:
        # A place that is masked anyhow must not be the first of its kind.
        kinds = tf.where(masked, tf.fill(tf.shape(ids), np.int64(range_max)), ids)
        masked = tf.logical_or(masked, tf.logical_not(first_of_its_kind(kinds, range_max + 1)))
    values = _values(function, labels, ids, masked, sources, bool(unique), num_groups)
    return _learn(values, labels, [source.distribution for source in sources])


def _is_boolean(value):
    return isinstance(value, (bool, np.bool_))


def _of_range(function, argument, distribution, range_max):
    checks.argument(distribution.num_classes == range_max, function, argument,
                    "one of range_max = %d classes" % range_max, distribution.num_classes)


def _draw(distribution, num_sampled, unique, seed, num_groups):
    """_Draws of num_sampled candidates."""
    shape = [num_sampled] if num_groups is None else [num_groups, num_sampled]
    seed = distributions.stateless_seed(seed)
    if unique is True:
        ids, num_tries = _draw_unique(distribution, num_groups or 1, num_sampled, seed)
        number = tf.cast(num_tries[0] if num_groups is None else num_tries[:, None], tf.float32)
        return _Draws(tf.reshape(ids, shape), None, number, distribution)
    if unique == "masked" and distribution.rises:
        # A set of draws has no order: in a rising one, repeats stand side by side.
        ids = distribution.ids_of(distributions.sorted_uniforms(shape, seed))
        masked = tf.concat([tf.zeros_like(ids[..., :1], tf.bool),
                            tf.equal(ids[..., 1:], ids[..., :-1])], -1)
    else:
        ids = distribution.ids_of(distributions.uniforms(shape, seed))
        masked = None
        if unique == "masked":
            masked = tf.logical_not(first_of_its_kind(ids, distribution.num_classes))
    return _Draws(ids, masked, float(num_sampled), distribution)


def _labels_as_draws(labels, frequencies, num_groups):
    """_Draws of the labels of the batch."""
    shape = [-1]
    if num_groups is not None:
        size = labels.ids.shape.num_elements()
        shape = [num_groups, -1 if size is None else size // num_groups]
    ids = tf.reshape(tf.cast(labels.ids, tf.int64), shape)
    padding = None if labels.mask is None else tf.reshape(tf.logical_not(labels.mask), shape)
    if num_groups is not None:
        # A group's own labels are what its negatives should not be: it gets those of another group.
        ids, padding = [None if x is None else tf.roll(x, num_groups // 2, 0) for x in (ids, padding)]
    number = tf.cast(tf.shape(ids)[-1], tf.float32)
    if padding is not None:
        number -= tf.reduce_sum(tf.cast(padding, tf.float32), -1, keepdims=num_groups is not None)
    return _Draws(ids, padding, number, frequencies)


def _values(function, labels, ids, masked, sources, once, num_groups):
    """SampledValues of candidates from all sources together; once: whether a class counts once."""
    def expected_count(of):
        grouped = of if num_groups is None else tf.reshape(of, [num_groups, -1])
        # Rounding must not make a probability of 1 exceed it.
        probs = [tf.exp(tf.minimum(source.distribution.log_prob(grouped), 0)) for source in sources]
        if once:
            # Times -1 rather than negated: TensorFlow fuses unary ops into a loop without SIMD.
            missed = [source.number * tf.math.log1p(prob * -1.0) for source, prob in zip(sources, probs)]
            count = tf.math.expm1(sum(missed[1:], missed[0])) * -1.0
        else:
            counts = [source.number * prob for source, prob in zip(sources, probs)]
            count = sum(counts[1:], counts[0])
        if num_groups is not None:
            count = tf.reshape(count, tf.shape(of))
            count.set_shape(of.shape)
        return count

    true_count, sampled_count = _after(labels, expected_count(labels.ids)), expected_count(ids)
    if labels.mask is not None:
        true_count = tf.where(labels.mask, true_count, tf.ones_like(true_count))
    if masked is not None:
        sampled_count = tf.where(masked, tf.fill(tf.shape(ids), MASKED_COUNT), sampled_count)
    nevers = [getattr(source.distribution, "never", None) for source in sources]
    if all(never is not None for never in nevers):
        true_count = assertions.ids_with_counts(labels.ids, true_count, np.logical_and.reduce(nevers),
                                                function, "true_classes")
    return SampledValues(ids, true_count, sampled_count)


def _everything(num_classes, labels, num_groups):
    """SampledValues of all classes, each once."""
    ids = tf.range(num_classes, dtype=tf.int64)
    if num_groups is not None:
        ids = tf.tile(ids[None], [num_groups, 1])
    return SampledValues(ids, _after(labels, tf.ones(tf.shape(labels.ids))), tf.ones(tf.shape(ids)))


def _after(labels, true_count):
    """`true_count` once the labels are checked, also where it is the same for all of them."""
    with tf.control_dependencies([labels.ids]):
        return tf.identity(true_count)


def _learn(values, labels, distributions_used):
    """`values`; what learns counts the labels when the training step runs, after the draws."""
    for i, distribution in enumerate(distributions_used):
        # One that is both the frequencies and what is drawn from counts once.
        if hasattr(distribution, "observe") and distribution not in distributions_used[:i]:
            with tf.control_dependencies(values):
                ids = labels.ids if labels.mask is None else tf.boolean_mask(labels.ids, labels.mask)
                tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, distribution.observe(ids))
    return values


def _distorted(counts, distortion):
    """counts ** distortion; a count of 0 stays 0 also where distortion is 0 (0 ** 0 is 1)."""
    counts = np.asarray(counts, np.float64)
    return np.where(counts > 0, np.power(np.maximum(counts, 1e-300), distortion), 0)


def first_of_its_kind(ids, num_kinds):
    """Whether no element to the left in the same row is equal.

    Args:
      ids: int64 [N] or [G, N], in 0 .. num_kinds - 1.
      num_kinds: integer.

    Returns:
      boolean, of the shape of ids.
    """
    kind = tf.reshape(_kinds(ids, num_kinds), [-1])
    size = tf.size(kind) if kind.shape.num_elements() is None else kind.shape.num_elements()
    position = tf.range(size)
    first = tf.gather(tf.math.unsorted_segment_min(position, kind, size), kind)
    return tf.reshape(tf.equal(first, position), tf.shape(ids))


def _kinds(ids, num_kinds):
    """int32 numbers of the different ids, 0, 1, ... as they come, going on from row to row."""
    keys = ids
    if ids.shape.rank == 2 and ids.shape.as_list()[0] != 1:
        keys += num_kinds * tf.range(tf.cast(tf.shape(ids)[0], tf.int64))[:, None]
    kinds = tf.reshape(tf.unique(tf.reshape(keys, [-1])).idx, tf.shape(ids))
    kinds.set_shape(ids.shape)
    return kinds


def _draw_unique(distribution, num_groups, num_sampled, seed):
    """Draws one after the other, skipping repeats, until num_sampled different ids are there.

    Draws come in chunks of twice num_sampled and some, of which one is enough as a rule. Where it is
    not, others follow in a loop, each beside the ids that are there already.

    Args:
      distribution: see `distributions`.
      num_groups, num_sampled: integers G and S.
      seed: int64 [2].

    Returns:
      ids: int64 [G, S], in the order drawn.
      num_tries: int64 [G], how many draws that took, repeats included.
    """
    chunk = 2 * num_sampled + 16
    none = distribution.num_classes  # the id of a place that holds none yet

    def turn(number, ids, num_tries):
        draws = distribution.ids_of(distributions.uniforms(
            [num_groups, chunk], seed + tf.stack([number, tf.zeros_like(number)])))
        everything = draws if ids is None else tf.concat([ids, draws], 1)
        # The n-th different id of its group goes to the group's place n; the last place takes the rest.
        place = _kinds(everything, none + 1)
        place -= place[:, :1]
        if ids is not None:
            # Where places are empty, all of them are one kind, which is no id.
            num_found = tf.reduce_sum(tf.cast(ids < none, tf.int32), 1, keepdims=True)
            place -= tf.cast(place > num_found, tf.int32)
            place = tf.where(everything < none, place, tf.fill(tf.shape(place), num_sampled))
        place = tf.minimum(place, num_sampled) + (num_sampled + 1) * tf.range(num_groups)[:, None]
        before = 0 if ids is None else num_sampled
        position = tf.tile(tf.range(1 - before, chunk + 1)[None], [num_groups, 1])

        def first_of_place(values, of_none):
            first = tf.math.unsorted_segment_min(values, place, num_groups * (num_sampled + 1))
            return tf.minimum(tf.reshape(first, [num_groups, num_sampled + 1])[:, :num_sampled], of_none)

        # Ids as float64, which has kernels on every device that int64 has not.
        new_ids = tf.cast(first_of_place(tf.cast(everything, tf.float64), none), tf.int64)
        used = tf.maximum(first_of_place(position, chunk)[:, -1], 0)
        return number + 1, new_ids, num_tries + tf.cast(used, tf.int64)

    def more(number, ids, _):
        return tf.logical_and(tf.reduce_any(tf.equal(ids, none)), number < _MAX_TURNS)

    state = turn(tf.constant(0, tf.int64), None, tf.zeros([num_groups], tf.int64))
    _, ids, num_tries = tf.while_loop(more, turn, state, back_prop=False)
    found = tf.reduce_min(tf.reduce_sum(tf.cast(ids < none, tf.int32), 1))
    return assertions.holds(
        tf.equal(found, num_sampled), found, ids, "unique candidates", "num_sampled",
        "as many different ids as come in %d draws" % (_MAX_TURNS * chunk)), num_tries


def _read_counts(path, number, wanted):
    """The counts of a vocab file, float64 [number]: the last comma-separated field of each line."""
    counts = []
    with files.open_text(path) as lines:
        for line_number, line in enumerate(lines, 1):
            checks.line(line_number <= number, path, line_number, wanted + ", and then the end",
                        line.rstrip("\n"))
            field = line.rstrip("\n").rsplit(",", 1)[-1]
            try:
                count = float(field)
            except ValueError:
                count = -1
            checks.line(0 <= count < np.inf, path, line_number,
                        "a finite count >= 0 as the last comma-separated field", field)
            counts.append(count)
    checks.file(len(counts) == number, path, wanted, len(counts))
    checks.file(any(counts), path, "counts that are not all 0", "only 0")
    return np.array(counts)
