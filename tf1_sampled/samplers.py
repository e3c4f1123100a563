"""Candidate samplers: a distribution, a number of draws, and what a class may expect of them.

A sampler returns `SampledValues`, in the order of `tf.nn`'s samplers, so that each side's losses take
the other's triples. An expected count is the expected number of times that a class stands among the
sampled candidates, given how many draws were made:

    unique=False    Q(k) = S P(k)
    unique=True     Q(k) = 1 - (1 - P(k))^T

where unique candidates are drawn by rejection, until S different ones are there, and T is the number
of draws that this took. (`tf.nn` says S P(k) also for unique candidates when T happens to be S, which
can exceed 1; this is the one difference in what the counts say.) The first is exact. The second is an
estimate, as T depends on what was drawn: a class that is in nearly every sample is overrated by up to 3%
in the counted tests, by less where S is a small share of C.

    labels = tf.placeholder(tf.int64, [None, 1])
    sampled = log_uniform_candidate_sampler(labels, 1, num_sampled=64, unique=True, range_max=10000)
    loss = tf.nn.sampled_softmax_loss(..., sampled_values=sampled)      # or tf1_sampled's

Everything is built of ordinary graph ops on `distributions`, not of TensorFlow's own sampler kernels,
which run on a CPU only.

In every sampler: `true_classes` is an int32 or int64 tensor [B, num_true] ([B] will do when num_true
is 1); `seed` makes the draws of a session repeatable; `num_groups=G` draws a set of its own for each of
G groups of examples: candidates and counts are then [G, S], and `true_classes` is [G, ...].

Reference: Jean et al. 2015, "On Using Very Large Target Vocabulary for Neural Machine Translation";
  the signatures are those of TensorFlow's candidate_sampling_ops.
"""
import collections

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks, distributions, files, tables

SampledValues = collections.namedtuple(
    "SampledValues", "sampled_candidates true_expected_count sampled_expected_count")
SampledValues.__doc__ = """What a sampler returns and a loss takes as `sampled_values`.

  sampled_candidates: int64 [S] or [G, S], the sampled class ids.
  true_expected_count: float32, of the shape of true_classes.
  sampled_expected_count: float32, of the shape of sampled_candidates.
"""


def uniform_candidate_sampler(true_classes, num_true, num_sampled, unique, range_max, seed=None,
                              name=None, num_groups=None):
    """Samples from P(k) = 1 / range_max.

    Args:
      true_classes: int32 or int64 [B, num_true].
      num_true: integer T.
      num_sampled: integer S; at most range_max when unique.
      unique: boolean, whether the S candidates are all different.
      range_max: integer, the number of classes.
      seed: integer or None.
      name: string or None.
      num_groups: integer or None, see the module's description.

    Returns:
      SampledValues.

    Raises:
      InputError: an argument out of its range, or true_classes of another shape.

    Reference: tf.random.uniform_candidate_sampler.
    """
    with tf.name_scope(name, "uniform_candidate_sampler"):
        return _sample("uniform_candidate_sampler", distributions.Uniform, true_classes, num_true,
                       num_sampled, unique, range_max, seed, num_groups)


def log_uniform_candidate_sampler(true_classes, num_true, num_sampled, unique, range_max,
                                  seed=None, name=None, num_groups=None):
    """Samples from P(k) = log((k + 2) / (k + 1)) / log(range_max + 1), a Zipfian distribution.

    Right only where ids are in falling order of frequency: id 0 is the most frequent class.

    Args, Returns, Raises: as `uniform_candidate_sampler`.

    Reference: tf.random.log_uniform_candidate_sampler.
    """
    with tf.name_scope(name, "log_uniform_candidate_sampler"):
        return _sample("log_uniform_candidate_sampler", distributions.LogUniform, true_classes,
                       num_true, num_sampled, unique, range_max, seed, num_groups)


def learned_unigram_candidate_sampler(true_classes, num_true, num_sampled, unique, range_max,
                                      seed=None, name=None, num_groups=None):
    """Samples from P(k) = (1 + n_k) / (range_max + n), n_k the true classes k counted so far.

    The counts are the non-trainable variable `name` (default "learned_unigram"), found again by
    that name in the same variable scope. Sampling does not count: the op that counts this batch's
    `true_classes`, after its draws, is added to the collection tf.GraphKeys.UPDATE_OPS, and the
    training step runs it, as for batch normalization:

        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            train_op = optimizer.apply_gradients(...)

    Args, Returns, Raises: as `uniform_candidate_sampler`.

    Reference: tf.random.learned_unigram_candidate_sampler, which counts on every run, in a kernel.
    """
    function = "learned_unigram_candidate_sampler"
    learned = []

    def distribution(size):
        learned.append(distributions.LearnedUnigram(size, name or "learned_unigram"))
        return learned[0]

    with tf.name_scope(name, function):
        values = _sample(function, distribution, true_classes, num_true, num_sampled, unique,
                         range_max, seed, num_groups)
        with tf.control_dependencies(values):
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, learned[0].observe(true_classes))
        return values


def fixed_unigram_candidate_sampler(true_classes, num_true, num_sampled, unique, range_max,
                                    vocab_file="", distortion=1.0, num_reserved_ids=0,
                                    num_shards=1, shard=0, unigrams=(), seed=None, name=None,
                                    num_groups=None):
    """Samples from P(k) in proportion to count_k ** distortion.

    The counts come from `unigrams` or from `vocab_file`, one per id, after `num_reserved_ids` ids
    that are never drawn (and so may not be labels: log 0). They are kept in local variables, not in
    the GraphDef: run `tf.local_variables_initializer()` too where a plain Session is used.

    Args:
      true_classes, num_true, num_sampled, unique, range_max, seed, name, num_groups: as
        `uniform_candidate_sampler`; num_sampled is at most the number of counts above 0 when unique.
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
    counts = _read_counts(vocab_file) if vocab_file else np.asarray(unigrams, np.float64)
    checks.argument(counts.shape == (range_max - num_reserved_ids,), function,
                    "vocab_file" if vocab_file else "unigrams",
                    "a count for each of range_max - num_reserved_ids = %d ids"
                    % (range_max - num_reserved_ids), counts.shape)
    usable = np.isfinite(counts) & (np.nan_to_num(counts) >= 0)
    checks.argument(np.all(usable) and np.any(counts), function,
                    "vocab_file" if vocab_file else "unigrams",
                    "finite counts >= 0, not all 0", counts[~usable][:5].tolist() or "only 0")
    # A count of 0 stays 0 also where distortion is 0 (0 ** 0 is 1).
    weights = np.where(counts > 0, np.power(np.maximum(counts, 1e-300), distortion), 0)
    weights = np.concatenate([np.zeros(num_reserved_ids), weights])
    nonzero = np.count_nonzero(weights)
    checks.argument(not unique or num_sampled <= nonzero, function, "num_sampled",
                    "at most %d, the counts above 0, when unique" % nonzero, num_sampled)
    with tf.name_scope(name, function):
        return _sample(function, lambda size: distributions.Unigram(weights, "tables"),
                       true_classes, num_true, num_sampled, unique, range_max, seed, num_groups)


def all_candidate_sampler(true_classes, num_true, num_sampled, unique, seed=None, name=None,
                          range_max=None, num_groups=None):
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
        if num_groups is None:
            true_classes = label_tensor(function, "true_classes", true_classes, num_true)
        ids = tf.range(num_sampled, dtype=tf.int64)
        if num_groups is not None:
            ids = tf.tile(ids[None], [num_groups, 1])
        return SampledValues(ids, tf.ones(tf.shape(true_classes)), tf.ones(tf.shape(ids)))


def sample_by_name(sampler, true_classes, num_sampled, counts, unique=False, distortion=1.0,
                   seed=None, num_groups=None):
    """Samples by the sampler of a name in `SAMPLERS`, whatever that one wants to be told.

    Args:
      sampler: string, a key of SAMPLERS.
      true_classes, num_sampled, unique, seed, num_groups: as `uniform_candidate_sampler`, with
        num_true 1.
      counts: float [C], how often each class comes; only fixed_unigram reads more than its length.
      distortion: float, of fixed_unigram.

    Returns:
      SampledValues.

    Raises:
      InputError: a name that is not in SAMPLERS, or what the sampler says.
    """
    checks.one_of("sample_by_name", "sampler", sampler, tables.SAMPLERS)
    options = {}
    if sampler == "fixed_unigram":
        options = {"unigrams": counts, "distortion": distortion}
    return tables.SAMPLERS[sampler](true_classes, 1, num_sampled, unique, range_max=len(counts),
                                    seed=seed, num_groups=num_groups, **options)


def label_tensor(function, name, labels, num_true):
    """`labels` as a tensor, its type and its last dimension checked against num_true.

    Returns:
      int32 or int64 [..., num_true], or [B] as given when num_true is 1.

    Raises:
      InputError: another type, or another last dimension than num_true.
    """
    checks.positive(function, "num_true", num_true)
    labels = tf.convert_to_tensor(labels)
    checks.argument(labels.dtype in (tf.int32, tf.int64), function, name, "int32 or int64 ids",
                    labels.dtype.name)
    rank, shape = labels.shape.rank, labels.shape
    last = None if not rank else tf.compat.dimension_value(shape[-1])
    fits = rank is None or (rank == 1 and num_true == 1) or (rank >= 2 and last in (None, num_true))
    checks.argument(fits, function, name, "shape [B, num_true] with num_true = %d" % num_true,
                    labels.shape.as_list() if rank is not None else None)
    return labels


def _sample(function, make_distribution, true_classes, num_true, num_sampled, unique, range_max,
            seed, num_groups):
    """The checks and the arithmetic that all samplers share."""
    checks.positive(function, "num_sampled", num_sampled)
    checks.positive(function, "range_max", range_max)
    checks.argument(not unique or num_sampled <= range_max, function, "num_sampled",
                    "at most range_max = %d when unique" % range_max, num_sampled)
    if num_groups is None:
        true_classes = label_tensor(function, "true_classes", true_classes, num_true)
    distribution = make_distribution(range_max)
    shape = [num_sampled] if num_groups is None else [num_groups, num_sampled]
    if unique:
        sampled, num_tries = _draw_unique(distribution, num_groups or 1, num_sampled, seed)
        sampled = tf.reshape(sampled, shape)
        tries = num_tries[0] if num_groups is None else num_tries
    else:
        sampled, tries = distribution.draw(shape, seed), None

    def expected_count(ids):
        log_prob = distribution.log_prob(ids)
        if tries is None:
            return tf.exp(log_prob) * num_sampled
        power = tf.cast(tries, tf.float32)
        if num_groups is not None:
            power = tf.reshape(power, [num_groups] + [1] * (ids.shape.rank - 1))
        return -tf.math.expm1(power * tf.math.log1p(-tf.exp(log_prob)))

    return SampledValues(sampled, expected_count(tf.convert_to_tensor(true_classes)),
                         expected_count(sampled))


def _draw_unique(distribution, num_groups, num_sampled, seed):
    """Draws one after the other, skipping repeats, until num_sampled different ids are there.

    Draws come in chunks. In each turn of the loop the ids kept so far and a chunk of new draws are
    sorted by id, then by position, so that the first of its kind is known, and the first num_sampled
    of these by position are kept. An id and a position are packed into one integer, so that sorting
    needs no indices and no look-ups.

    Returns:
      ids: int64 [num_groups, num_sampled], in the order drawn.
      num_tries: int64 [num_groups], how many draws that took, repeats included.
    """
    chunk = 2 * num_sampled + 16
    width = num_sampled + chunk
    empty = distribution.num_classes  # the id of a place that holds none yet
    position = tf.range(width, dtype=tf.int64)

    def ascending(keys, k):
        return -tf.nn.top_k(-keys, k).values

    def more(ids, _):
        return tf.reduce_any(tf.equal(ids, empty))

    def turn(ids, num_tries):
        ids = tf.concat([ids, distribution.draw([num_groups, chunk], seed)], 1)
        by_id = ascending(ids * width + position, width)
        ids, place = by_id // width, by_id % width
        first = tf.concat([tf.ones([num_groups, 1], tf.bool),
                           tf.not_equal(ids[:, 1:], ids[:, :-1])], 1)
        # What is not kept goes to the end: a place beyond the last, and the empty id.
        kept = tf.logical_and(first, ids < empty)
        ids = tf.where(kept, ids, tf.fill(tf.shape(ids), tf.constant(empty, tf.int64)))
        place = tf.where(kept, place, tf.fill(tf.shape(ids), tf.constant(width, tf.int64)))
        by_place = ascending(place * (empty + 1) + ids, num_sampled)
        ids, place = by_place % (empty + 1), by_place // (empty + 1)
        # The place of the last one kept: in the chunk, beyond it (all of it was used and is too
        # little), or before it (the group was complete already).
        used = tf.clip_by_value(place[:, -1] - num_sampled + 1, 0, chunk)
        return ids, num_tries + used

    start = (tf.fill([num_groups, num_sampled], tf.constant(empty, tf.int64)),
             tf.zeros([num_groups], tf.int64))
    ids, num_tries = tf.while_loop(more, turn, start, back_prop=False)
    return ids, num_tries


def _read_counts(path):
    """The counts of a vocab file: the last comma-separated field of each line."""
    counts = []
    with files.open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            field = line.rstrip("\n").rsplit(",", 1)[-1]
            try:
                counts.append(float(field))
            except ValueError:
                checks.line(False, path, number, "a count as the last comma-separated field", field)
    return np.array(counts)
