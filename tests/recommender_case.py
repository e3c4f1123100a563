"""A small recommender as a file, its oracle in NumPy, and a test case that loads it."""
import contextlib
import os
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from tf1_sampled.recsys import (
    columns,
    item_categories,
    items as item_files,
    model_files,
    recommender,
    splits,
    user_table,
)

# Items have places on a line; a user is at the mean of the history, and the nearest items are best.
NAMES = ["alien", "heat", "日本", "<script>alert(1)</script>", "a\tb", "naïve \\ café", "casino"]
TITLES = ["Alien (1979)", "Heat (1995)", "日本の映画", "<script>alert(1)</script>", "Tab", "Naïve",
          "Casino (1995)"]
COUNTS = [900, 80, 70, 60, 50, 40, 30]
PLACES = [0.0, 1.0, 2.5, 4.5, 7.0, 10.0, 13.5]
USERS = {"ann": 20.0}  # places of users without items
HISTORIES = {"ann": [], "bob": ["heat", "alien"], "cid": ["casino"]}  # the stored histories
GENRES = {"alien": "Horror|Space", "heat": "Crime", "casino": "Crime", "日本": "Space"}


def oracle(names, k, seen=(), user="", shift=0.0):
    """Return the expected [(name, score)]: by distance, without terms that all items share."""
    mean = np.mean([PLACES[NAMES.index(n)] for n in names]) if names else USERS.get(user, 0.0)
    scores = {n: 2 * place * (mean + shift) - place ** 2
              for n, place in zip(NAMES, PLACES) if n not in seen}
    return sorted(scores.items(), key=lambda scored: -scored[1])[:k]


def stored_events(with_context=False):
    """Return the splits.Events of HISTORIES, optionally with the columns mood (per user) and shift."""
    lists = [[NAMES.index(name) for name in names] for names in HISTORIES.values()]
    ends = np.cumsum([0] + [len(some) for some in lists])
    moods, shifts = columns.Categorical(["", "far", "日本"]), columns.Numeric(0.0, 1.0)
    further = {"mood": columns.Column(np.int32([0, 1, 1]), moods),
               "shift": columns.Column(np.float32([3, 1.5, -2]), shifts)} if with_context else {}
    return splits.Events(
        items=np.array(sum(lists, []), np.int32), starts=ends, train_ends=ends[1:], valid_ends=ends[1:],
        times=None, columns=further, user_names=list(HISTORIES), item_names=NAMES,
        item_counts=np.array(COUNTS), left_out={})


def write_model(folder, with_users=False, with_context=False, with_rounds=False, repeats=False,
                writes=""):
    """Export a recommender of few ops, without a table of names.

    Args:
      folder: string, the target folder.
      with_users: whether it has user rows.
      with_context: whether it takes the columns mood (string, "far" shifts by 5) and shift (a number).
      with_rounds: whether it takes the column rounds, the number of slow matrix products.
      repeats: whether it was trained with repeated events.
      writes: string, path of a file that it writes in each run; "" for none.
    """
    item_files.write_items(os.path.join(folder, "items.tsv"), NAMES, TITLES, COUNTS)
    places = np.float32(PLACES)
    np.save(os.path.join(folder, "item_vectors.npy"), np.stack([2 * places, 0 * places], 1))
    np.save(os.path.join(folder, "item_biases.npy"), -places ** 2)
    user_table.write(os.path.join(folder, model_files.USERS), stored_events(with_context), ["mood"])
    item_categories.write(os.path.join(folder, model_files.CATEGORIES), NAMES, {"genres": GENRES})
    model_files.write_about(folder, model_files.About(repeats, is_ordered=True, history_length=0))
    with tf.Graph().as_default(), tf.Session() as session:
        places = tf.get_variable("places", initializer=tf.constant(PLACES), use_resource=False)
        inputs = {"items": tf.placeholder(tf.int64, [None, None])}
        known = tf.one_hot(inputs["items"], len(NAMES))  # [B, L, C]; zeros for -1
        counts = tf.reduce_sum(known, [1, 2])
        point = tf.reduce_sum(known * places, [1, 2]) / tf.maximum(counts, 1)
        if with_users:
            inputs["user"] = tf.placeholder(tf.int64, [None])
            homes = tf.constant([USERS.get(name, 0.0) for name in HISTORIES])
            home = tf.where(inputs["user"] < 0, tf.zeros_like(counts),
                            tf.gather(homes, tf.maximum(inputs["user"], 0)))
            point += tf.where(counts > 0, tf.zeros_like(home), home)
        if with_context:
            inputs["shift"] = tf.placeholder(tf.float32, [None])
            inputs["mood"] = tf.placeholder(tf.string, [None])
            shift = inputs["shift"]  # NaN if missing
            point += tf.where(tf.is_nan(shift), tf.zeros_like(shift), shift)
            point += 5 * tf.cast(tf.equal(inputs["mood"], "far"), tf.float32)
        if with_rounds:
            inputs["rounds"] = tf.placeholder(tf.float32, [None])
            point += tf.while_loop(lambda i, _: i < inputs["rounds"][0],
                                   lambda i, x: (i + 1, tf.matmul(x, x)),
                                   (0.0, tf.zeros([100, 100])))[1][0, 0]
        if writes:
            with tf.control_dependencies([tf.io.write_file(writes, "written by the graph")]):
                point = tf.identity(point)
        signature = tf.saved_model.predict_signature_def
        session.run(tf.global_variables_initializer())
        builder = tf.saved_model.Builder(os.path.join(folder, "saved_model"))
        builder.add_meta_graph_and_variables(session, [tf.saved_model.SERVING], {
            "embed_user_ids": signature(inputs, {"vectors": tf.stack([point, counts], 1)})})
        builder.save()


class ModelCase(parameterized.TestCase):
    """Tests that share one model, written with these arguments of `write_model`."""

    arguments = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stack = contextlib.ExitStack()
        cls.folder = cls.stack.enter_context(tempfile.TemporaryDirectory())
        write_model(cls.folder, **cls.arguments)
        cls.model = recommender.Recommender(cls.folder)
        cls.stack.callback(cls.model.close)

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()
        super().tearDownClass()
