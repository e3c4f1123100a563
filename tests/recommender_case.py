"""A small recommender as a file, a NumPy oracle of it, and a test case that has it loaded."""
import contextlib
import os
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from tf1_sampled.recsys import items as item_files, recommender

# A place on a line; who had some items is at their mean, and the nearest items are the best.
NAMES = ["alien", "heat", "日本", "<script>alert(1)</script>", "a\tb", "naïve \\ café", "casino"]
TITLES = ["Alien (1979)", "Heat (1995)", "日本の映画", "<script>alert(1)</script>", "Tab", "Naïve",
          "Casino (1995)"]
COUNTS = [900, 80, 70, 60, 50, 40, 30]
PLACES = [0.0, 1.0, 2.5, 4.5, 7.0, 10.0, 13.5]
USERS = {"ann": 20.0}  # where who has no items is
# By length no neighbours: the cosines must not depend on it.
VECTORS = np.float32([[1, 0], [30, 3], [0, 2], [-1, 0.5], [1e-3, 1e-3], [0, 0], [-2, -1]])


def oracle(names, k, seen=(), user="", shift=0.0):
    """[(name, score)] that the model should give."""
    mean = np.mean([PLACES[NAMES.index(n)] for n in names]) if names else USERS.get(user, 0.0)
    scores = {n: -(place - mean - shift) ** 2 for n, place in zip(NAMES, PLACES) if n not in seen}
    return sorted(scores.items(), key=lambda scored: -scored[1])[:k]


def write_model(folder, with_users=False, with_context=False, with_rounds=False):
    """Exports a recommender by few ops, without a table: a string is compared with all names.

    Args:
      folder: string, where to.
      with_users: whether it takes a user.
      with_context: whether it takes the columns mood (string, "far" shifts by 5) and shift (a number).
      with_rounds: whether it takes the column rounds, how many matrices to multiply, which takes time.
    """
    item_files.write_items(os.path.join(folder, "items.tsv"), NAMES, TITLES, COUNTS)
    np.save(os.path.join(folder, "item_vectors.npy"), VECTORS)
    with tf.Graph().as_default(), tf.Session() as session:
        all_names = tf.constant([name.encode("utf-8") for name in NAMES])
        places = tf.get_variable("places", initializer=tf.constant(PLACES), use_resource=False)
        inputs = {"items": tf.placeholder(tf.string, [None, None])}
        known = tf.cast(tf.equal(inputs["items"][:, :, None], all_names), tf.float32)  # [B, L, C]
        counts = tf.reduce_sum(known, [1, 2])
        point = tf.reduce_sum(known * places, [1, 2]) / tf.maximum(counts, 1)
        if with_users:
            inputs["user"] = tf.placeholder(tf.string, [None])
            is_user = tf.cast(tf.equal(inputs["user"][:, None], list(USERS)), tf.float32)
            home = tf.reduce_sum(is_user * tf.constant(list(USERS.values())), 1)
            point += tf.where(counts > 0, tf.zeros_like(home), home)
        if with_context:
            inputs["shift"] = tf.placeholder(tf.float32, [None])
            inputs["mood"] = tf.placeholder(tf.string, [None])
            point += inputs["shift"] + 5 * tf.cast(tf.equal(inputs["mood"], "far"), tf.float32)
        if with_rounds:
            inputs["rounds"] = tf.placeholder(tf.float32, [None])
            point += tf.while_loop(lambda i, _: i < inputs["rounds"][0],
                                   lambda i, x: (i + 1, tf.matmul(x, x)),
                                   (0.0, tf.zeros([100, 100])))[1][0, 0]
        asked = dict(inputs, seen=tf.placeholder(tf.string, [None, None]),
                     k=tf.placeholder(tf.int32, []))
        is_seen = tf.reduce_any(tf.equal(asked["seen"][:, :, None], all_names), 1)
        scores = -tf.square(places - point[:, None])
        scores = tf.where(is_seen, tf.fill(tf.shape(scores), -np.inf), scores)
        best, ids = tf.nn.top_k(scores, tf.minimum(asked["k"], len(NAMES)))
        words = tf.where(tf.is_inf(best), tf.fill(tf.shape(ids), ""), tf.gather(all_names, ids))
        signature = tf.saved_model.predict_signature_def
        session.run(tf.global_variables_initializer())
        builder = tf.saved_model.Builder(os.path.join(folder, "saved_model"))
        builder.add_meta_graph_and_variables(session, [tf.saved_model.SERVING], {
            "recommend": signature(asked, {"items": words, "scores": best}),
            "embed_user": signature(inputs, {"vectors": tf.stack([point, counts], 1)})})
        builder.save()


class ModelCase(parameterized.TestCase):
    """Tests with one model for all of them, made with these arguments of `write_model`."""

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
