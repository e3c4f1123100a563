"""A test case for samplers: classes, their distributions, and the expected counts."""
import collections
import functools

import numpy as np
import tensorflow.compat.v1 as tf

from tests import graph_case, oracles
from tf1_sampled import distributions, registry, samplers

C = 60
# Counts of labels in the data and in the session, different for each class and not sorted.
COUNTS = np.random.RandomState(2).permutation(1000 * graph_case.zipf(C))
SEEN = np.random.RandomState(3).permutation(3 * np.arange(C))
DISTORTION = 0.5

NAMES = sorted(registry.SAMPLERS)
DRAWN = [name for name in NAMES if "in_batch" not in name and name != "all"]
IN_BATCH = [name for name in NAMES if "in_batch" in name]
MIXED = [name for name in IN_BATCH if "+" in name]
SEEDED = DRAWN + MIXED
UNIQUE = (False, "masked", True)

_SETUP = "setup"  # the collection of ops that run before a test


def prob(name):
    """Return P of the draws of a sampler, or of the labels for in_batch: float64 [C]."""
    if name == "in_batch":
        return COUNTS / COUNTS.sum()
    if name == "fixed_unigram":
        return COUNTS ** DISTORTION / np.sum(COUNTS ** DISTORTION)
    if name == "learned_unigram":
        return (1 + SEEN) / np.sum(1 + SEEN)
    if name == "log_uniform":
        k = np.arange(C)
        return np.log((k + 2) / (k + 1)) / np.log(C + 1)
    return np.full(C, 1 / C)


def sources(name, num_labels, num_sampled):
    """Return (number of draws, P) of each source of candidates."""
    return [(num_labels if part == "in_batch" else num_sampled, prob(part)) for part in name.split("+")]


def exact(name, unique, num_labels, num_sampled):
    """Return the expected count of each class: float64 [C], or [G, C] where num_labels is [G, 1]."""
    if name == "all":
        return np.ones(C)
    draws = sources(name, num_labels, num_sampled)
    if not unique:
        return sum(oracles.expected_count(of_source, number) for number, of_source in draws)
    missed = 1
    for number, of_source in draws:
        missed = missed * (1 - oracles.expected_count(of_source, None, number))
    return 1 - missed


def distribution(name):
    """Return the distribution that the sampler of a name in DRAWN draws from."""
    return {"fixed_unigram": lambda: distributions.Unigram(COUNTS ** DISTORTION),
            "learned_unigram": lambda: distributions.LearnedUnigram(C),
            "log_uniform": lambda: distributions.LogUniform(C),
            "uniform": lambda: distributions.Uniform(C)}[name]()


def first_of_its_kind(row, candidates=None):
    """Return booleans: whether an element has no equal element to the left among `candidates`."""
    seen, first = set(), []
    for place, k in enumerate(row):
        first.append(k not in seen and (candidates is None or bool(candidates[place])))
        if candidates is None or candidates[place]:
            seen.add(k)
    return first


def new_session(optimized):
    """Return a session with all variables initialized and labels counted SEEN times."""
    session = graph_case.new_session(optimized)
    session.run(tf.get_collection(_SETUP))
    return session


class SamplerCase(graph_case.GraphCase):
    """A case with a new graph for each test, and `sample`."""

    def new_session(self):
        return new_session(self.OPTIMIZED)

    def sample(self, name, labels, num_sampled=None, unique=False, **options):
        return sample(name, labels, num_sampled, unique, **options)

    def assert_fails(self, message, session, fetch, feed):
        with self.assertRaises(tf.errors.InvalidArgumentError) as caught:
            session.run(fetch, feed)
        self.assertRegex(str(caught.exception), "assertion failed: " + message)


def sample(name, labels, num_sampled=None, unique=False, **options):
    """Return SampledValues of a sampler by name. In `new_session` a learned sampler has counted SEEN."""
    options.setdefault("seed", 1)
    if "learned" in name and not tf.get_collection(_SETUP):
        learned = distributions.LearnedUnigram(C)
        tf.add_to_collection(_SETUP, learned.observe(np.repeat(np.arange(C), SEEN)))
    return samplers.sample_by_name(name, labels, num_sampled or num_drawn(name), COUNTS, unique,
                                   distortion=DISTORTION, **options)


def num_drawn(name):
    """Return the default number of candidates that `sample` draws."""
    return C if name == "all" else 30


def num_candidates(name, num_labels):
    """Return the number of candidates, of num_drawn draws and of the labels."""
    return {"all": C, "in_batch": num_labels}.get(
        name, num_labels * name.startswith("in_batch") + num_drawn(name))


def kinds_of_unique(name):
    """Return the values of `unique` with different results for a sampler."""
    return {"all": (False,), "in": (False, "masked")}.get(name if name == "all" else name[:2], UNIQUE)


# 12 rows of labels; with groups, three labels in each row.
LABELS = {None: np.random.RandomState(4).choice(C, [12, 1], p=prob("in_batch")),
          4: np.random.RandomState(4).choice(C, [12, 3], p=prob("in_batch"))}
_Sampled = collections.namedtuple("_Sampled", "unique values static_shapes tf_nn_loss")


@functools.lru_cache(maxsize=None)
def sampled(name, num_groups):
    """Return a list of _Sampled, for int32 and int64 labels in turn, without unique=True in groups."""
    with tf.Graph().as_default():
        labels, result = LABELS[num_groups], []
        for place, unique in enumerate(kinds_of_unique(name)[:2 if num_groups else 3]):
            values = sample(name, tf.constant(labels, [tf.int32, tf.int64][place % 2]), None, unique,
                            num_groups=num_groups)
            loss = tf.zeros([])
            if num_groups is None:
                loss = tf.nn.nce_loss(tf.ones([C, 4]), tf.zeros([C]), tf.constant(labels, tf.int64),
                                      tf.ones([12, 4]), num_candidates(name, 12), C,
                                      sampled_values=values)
            result.append(_Sampled(unique, values, [v.shape.as_list() for v in values], loss))
        with new_session(optimized=False) as session:
            values, losses = session.run([[r.values for r in result], [r.tf_nn_loss for r in result]])
        return [r._replace(values=v, tf_nn_loss=loss) for r, v, loss in zip(result, values, losses)]
