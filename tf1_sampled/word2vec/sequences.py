"""Text as batches of contiguous sequences, as a language model reads it.

    sequences = Sequences(text, num_lanes=32, length=20)
    for tokens, progress, position in sequences.batches(num_epochs=3):
        tokens[:, :-1], tokens[:, 1:]       inputs and labels, int32 [32, 20]

    training.Data(sequences.feeds(placeholder, 3), 3 * sequences.num_trained, "words")

The text is divided into equal parts, and lane i reads part i from its beginning to its end: the state
that a model carries from one step to the next is that of the text before. In the next pass lane i reads
part i + 1. The end of each part is held out.

A class is a word, the end of a line, or any word that is not in the vocabulary:

    UNKNOWN = 0, END_OF_LINE = 1, and the words of the text from 2 on, in falling order of frequency
"""
from typing import Any, Callable, Iterator, Optional, Tuple

import numpy as np

from tf1_sampled import checks
from tf1_sampled.word2vec.corpus import END, LEFT_OUT, Corpus

UNKNOWN, END_OF_LINE = 0, 1

_FIRST = -LEFT_OUT  # added to the tokens of a Corpus gives classes: LEFT_OUT is 0, END is 1
_NAMES = ["<unk>", "</s>"]
_MOST_HELD_OUT = 20000  # classes
_SLICE = 1 << 20  # classes that are read at a time, in all lanes
assert END + _FIRST == END_OF_LINE


class Sequences:
    """A text in lanes of classes.

    Args:
      text: Corpus, whose lines are not joined.
      num_lanes: integer B, sequences in a batch.
      length: integer T, labels in a sequence.
      held_out: float in (0, 1), the share of the text that is held out: whole batches, one or more, of
        at most 20,000 labels in all.

    Attributes:
      words: list of C strings, the names of the classes: "<unk>", "</s>", and the words.
      counts: int64 [C], how often each class occurs in the text.
      steps_per_epoch: integer, the batches of one pass.
      num_trained: integer, the labels of one pass.
      num_held_out: integer, the held-out batches.

    Raises:
      InputError: an argument out of its range, a text without two batches.
    """

    def __init__(self, text: Corpus, num_lanes: int, length: int, held_out: float = 0.01):
        self._text = text
        self._num_lanes = checks.positive("Sequences", "num_lanes", num_lanes)
        self._length = checks.positive("Sequences", "length", length)
        checks.argument(0 < held_out < 1, "Sequences", "held_out", "a number between 0 and 1", held_out)
        self.words = _NAMES + list(text.words)
        of_words = text.counts_in_text()
        num_lines = text.num_positions - text.num_raw_words
        self.counts = np.concatenate([[text.num_raw_words - of_words.sum(), num_lines], of_words])
        self._part = text.num_positions // num_lanes
        needed = 2 * (length + 1)  # a batch to train on, and one that is held out
        checks.argument(self._part >= needed, "Sequences", "text", "%d words and line ends or more, for "
                        "%d lanes of %d" % (needed * num_lanes, num_lanes, length), text.num_positions)
        most = min(self._part * held_out, _MOST_HELD_OUT / num_lanes, self._part - needed)
        self.num_held_out = max(int(most) // length, 1)
        self._trained = self._part - self.num_held_out * length - 1  # classes of a part
        self.steps_per_epoch = (self._trained - 1) // length
        self.num_trained = self.steps_per_epoch * num_lanes * length
        self._classes = {word: number for number, word in enumerate(self.words)}

    def batches(self, num_epochs: int = 1, position: Optional[Tuple[int]] = None) -> Iterator[
            Tuple[np.ndarray, float, Tuple[int]]]:
        """Yield the batches of the training, in the form that plans.Data requires.

        Args:
          num_epochs: integer, passes over the text.
          position: the position that came with the last used batch; None to start at the beginning.

        Yields:
          (int32 [B, T + 1], classes of which the first T are inputs and the last T their labels; the
          share of all batches done after this one: float in (0, 1]; position after it).
        """
        total, done = num_epochs * self.steps_per_epoch, int(position[0]) if position else 0
        while done < total:
            epoch, first = divmod(done, self.steps_per_epoch)
            last = min(self.steps_per_epoch, first + total - done)
            for tokens in self._read(epoch, first * self._length, last - first):
                done += 1
                yield tokens, done / total, (done,)

    def feeds(self, placeholder: Any, num_epochs: int = 1) -> Callable[[Any], Iterator[Any]]:
        """Return the `batches` of a training.Data, which feed a placeholder.

            training.Data(sequences.feeds(tokens, 3), 3 * sequences.num_trained, "words")

        Args:
          placeholder: int32 [B, T + 1].
          num_epochs: integer, passes over the text.

        Returns:
          function of a position, or None for the beginning, that returns an iterator of (feed_dict,
          share of all batches done after it, position after it).
        """
        return lambda position: (
            ({placeholder: tokens}, progress, after)
            for tokens, progress, after in self.batches(num_epochs, position))

    def held_out(self) -> Iterator[np.ndarray]:
        """Yield the held-out batches, int32 [B, T + 1], contiguous from one to the next."""
        return self._read(0, self._trained, self.num_held_out)

    def class_of(self, word: str) -> int:
        """Return the class of a word; UNKNOWN of one that is not in the vocabulary."""
        return self._classes.get(word, UNKNOWN)

    def unigram_loss(self) -> float:
        """Compute the loss on the held-out batches of a model that knows how frequent classes are.

            mean over the labels y of -log((n_y + 1) / (n + C))

        Returns:
          float, in nats per label: what a language model has to be below.
        """
        log_prob = np.log((self.counts + 1) / (self.counts.sum() + len(self.counts)))
        return float(-np.mean([log_prob[tokens[:, 1:]] for tokens in self.held_out()]))

    def _read(self, shift: int, begin: int, num_batches: int) -> Iterator[np.ndarray]:
        """Yield batches from `begin` of each part on; lane i reads part i + shift."""
        length, at_a_time = self._length, max(_SLICE // (self._num_lanes * self._length), 1)
        begins = [begin + (lane + shift) % self._num_lanes * self._part
                  for lane in range(self._num_lanes)]
        for first in range(0, num_batches, at_a_time):
            size = min(num_batches - first, at_a_time) * length
            classes = np.stack([self._text.read_all(at, at + size + 1) for at in (
                begin + first * length for begin in begins)]) + np.int32(_FIRST)
            for at in range(0, size, length):
                yield classes[:, at:at + length + 1]
