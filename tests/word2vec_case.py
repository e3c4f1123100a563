"""Parts that tests of word vectors share: sentences with a known answer, temporary corpora."""
import os
import struct

import numpy as np
from absl.testing import parameterized

from tf1_sampled.word2vec import corpus, encoded, phrases

# Two sets of words that never occur in the same sentence.
TOPICS = ("apple bread cheese dates eggs".split(), "anvil bolt chisel drill engine".split())


def binary_row(word, *numbers):
    """Return a row of a binary word2vec file without a line end; `word` is bytes."""
    return word + b" " + struct.pack("<%df" % len(numbers), *numbers)


def sentences(number=2000, words=12, seed=1):
    """Return sentences, lists of words of one topic each."""
    random = np.random.RandomState(seed)
    drawn = []
    for _ in range(number):
        topic = TOPICS[random.randint(len(TOPICS))]
        drawn.append([topic[i] for i in random.randint(0, len(topic), words)])
    return drawn


def whole(read):
    """Return all tokens of a Corpus."""
    return read.read(0, read.num_positions)


def from_tokens(tokens):
    """Return a Corpus in memory in which each token is a word."""
    num_words = int(np.max(tokens, initial=-1)) + 1
    return corpus.Corpus.from_tokens(range(num_words), np.ones(num_words), tokens)


class CorpusTestCase(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.cache = os.path.join(self.folder, "cache")
        self.lines = []

    def path(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as stream:
            stream.write(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    def read_path(self, inputs, min_count=1, **options):
        to = dict(cache_dir=self.cache, report=self.lines.append)
        to.update((name, options.pop(name)) for name in list(options) if name in to)
        form = {name: options.pop(name) for name in encoded.Form._fields if name in options}
        form["phrases"] = phrases.Options(form.get("phrases", 0), **{
            name: options.pop(name) for name in phrases.Options._fields if name in options})
        options["form"] = encoded.Form(**form)
        read = corpus.read_corpus(inputs, corpus.ReadOptions(min_count=min_count, **options), **to)
        self.addCleanup(read.close)
        return read

    def read(self, content, min_count=1, **options):
        return self.read_path(self.path("text.txt", content), min_count, **options)

    def entries(self):
        return sorted(os.listdir(self.cache)) if os.path.isdir(self.cache) else []

    def was_encoded(self):
        """Return whether the last text was encoded, not read from the cache."""
        last = [line for line in self.lines if line.startswith(("Encoded", "Read from cache"))][-1]
        return last.startswith("Encoded")
