"""What tests of word vectors share: sentences with a known answer."""
import numpy as np

# Two sets of words that never stand in one sentence.
TOPICS = ("apple bread cheese dates eggs".split(), "anvil bolt chisel drill engine".split())


def sentences(number=2000, words=12, seed=1):
    """Sentences, lists of words, each of the words of one topic."""
    random = np.random.RandomState(seed)
    drawn = []
    for _ in range(number):
        topic = TOPICS[random.randint(len(TOPICS))]
        drawn.append([topic[i] for i in random.randint(0, len(topic), words)])
    return drawn
