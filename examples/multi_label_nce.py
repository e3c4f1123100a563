"""Multi-label classification with NCE: examples with 1 to 3 labels each, padded to 3.

    python examples/multi_label_nce.py

A mask says which places hold a label. No loss, no count and no draw depends on what else is there.
"""
import numpy as np
import tensorflow.compat.v1 as tf

import tf1_sampled as ts

NUM_TAGS, NUM_WORDS, T, S, D = 200, 500, 3, 40, 24  # T: the most labels; S: candidates; D: dimension


def make_batch(random, size):
    """Return words [B], and the tags of each word padded with -1 [B, T]: word w has 1 + w % 3 tags."""
    words = random.randint(NUM_WORDS, size=size)
    tags = (words[:, None] * [7, 11, 13] + [0, 1, 2]) % NUM_TAGS
    return words, np.where(np.arange(T) <= words[:, None] % T, tags, -1)


def main(steps=400):
    random = np.random.RandomState(1)
    counts = np.bincount(1 + make_batch(random, 10000)[1].ravel(), minlength=NUM_TAGS + 1)[1:]
    with tf.Graph().as_default(), tf.Session() as session:
        words, labels = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.int64, [None, T])
        mask = labels >= 0
        inputs = tf.gather(tf.get_variable("words", [NUM_WORDS, D]), words)
        weights = tf.get_variable("tags", [NUM_TAGS, D])
        biases = ts.log_frequency_biases("biases", counts)  # NCE learns log P itself
        sampled = ts.fixed_unigram_candidate_sampler(
            labels, T, S, "masked", NUM_TAGS, unigrams=counts.tolist(), label_mask=mask)
        loss = tf.reduce_mean(ts.nce_loss(weights, biases, labels, inputs, S, NUM_TAGS, num_true=T,
                                          sampled_values=sampled, label_mask=mask))
        train_op = ts.minimize(loss, ts.LazyAdamOptimizer(0.02))
        top = ts.top_k(weights, biases, inputs, NUM_TAGS, 1)
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            session.run(train_op, dict(zip([words, labels], make_batch(random, 256))))
        some_words, tags = make_batch(random, 1000)
        precision = np.mean(np.any(session.run(top.ids, {words: some_words}) == tags, 1))
    print("Precision@1 %.3f" % precision)
    return precision


if __name__ == "__main__":
    main()
