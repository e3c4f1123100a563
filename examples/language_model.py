"""A language model with a very large vocabulary: an LSTM that is trained with sampled softmax.

    python examples/language_model.py                   # on the docstrings of the installed packages
    python examples/language_model.py --corpus=text.txt --model_dir=runs/lm
    python examples/language_model.py --corpus=text.txt --model_dir=runs/lm --generate=the,king

A step costs what its words and candidates cost, whatever the size of the vocabulary. Perplexity is that
of the full softmax on held-out text. Ctrl-C saves the training; the same command with --model_dir goes
on. Words beyond the vocabulary are one class, <unk>, and the end of a line is the class </s>. The method
is that of Jean et al. 2015, "On Using Very Large Target Vocabulary for Neural Machine Translation".
"""
import dataclasses
from typing import Optional, Sequence

import numpy as np

import tf1_sampled as ts
from tf1_sampled import default_data, training
from tf1_sampled.programs import quiet, running
from tf1_sampled.settings import Settings, inherited, setting
from tf1_sampled.training.settings import TrainingSettings
from tf1_sampled.word2vec import corpus, sequences
from tf1_sampled.word2vec.settings import Word2VecSettings

tf = quiet.import_tensorflow()  # tensorflow.compat.v1

NUM_LANES, LENGTH = 32, 20  # of a step: sequences, and the words of each


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Flags(Settings):
    corpus: Sequence[str] = inherited(Word2VecSettings, "corpus")
    min_count: int = inherited(Word2VecSettings, "min_count")
    max_vocab: Optional[int] = inherited(Word2VecSettings, "max_vocab")
    dim: int = setting(128, "Size of the word vectors and of the LSTM's state.", "model", least=1)
    tied: bool = setting(False, "Use one table for words as inputs and words as classes.", "model")
    loss: str = inherited(TrainingSettings, "loss", choices=("full_softmax", "nce", "sampled_softmax"))
    sampler: str = inherited(TrainingSettings, "sampler")
    num_sampled: int = inherited(TrainingSettings, "num_sampled", default=2000)
    learning_rate: float = setting(0.2, "That of Adagrad.", "training", above=0, may_change=True)
    epochs: int = inherited(TrainingSettings, "epochs")
    seed: int = inherited(TrainingSettings, "seed")
    model_dir: str = inherited(TrainingSettings, "model_dir")
    restart: bool = inherited(TrainingSettings, "restart")
    generate: Sequence[str] = setting((), "Continue these words by 30.", "results", may_change=True)


class LanguageModel:
    """The variables and the graph of a model, by Flags, of a sequences.Sequences."""

    def __init__(self, flags, data):
        self._data, self._dim, num_classes = data, flags.dim, len(data.words)
        initial = tf.random_uniform_initializer(-0.05, 0.05)
        with tf.variable_scope("model", initializer=initial, use_resource=True):
            self._words = tf.get_variable("words", [num_classes, self._dim])
            weights = self._words if flags.tied else tf.get_variable("classes", self._words.shape)
            self._kernel = tf.get_variable("kernel", [2 * self._dim, 4 * self._dim])
            self._bias = tf.get_variable("bias", [4 * self._dim], initializer=tf.zeros_initializer())
            # The state after the last step is a variable, so that checkpoints have it.
            carried = tf.get_variable("state", [2, NUM_LANES, self._dim], trainable=False,
                                      initializer=tf.zeros_initializer())
        biases = ts.log_frequency_biases("biases", data.counts)
        self.tokens = tf.placeholder(tf.int32, [NUM_LANES, LENGTH + 1], "tokens")
        self._state = tf.placeholder_with_default(carried.read_value(), carried.shape)
        outputs, self._state_after = self._lstm(self.tokens[:, :-1], self._state)
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, carried.assign(self._state_after).op)
        labels = self.tokens[:, 1:]
        full = ts.full_softmax_loss(weights, biases, labels, outputs, num_classes, block_size=1 << 15)
        self._full_loss, losses = tf.reduce_mean(full), full
        if flags.loss != "full_softmax":
            sampled = ts.sample_by_name(flags.sampler, labels[..., None], flags.num_sampled, data.counts,
                                        unique="masked", seed=training.step_seed(flags.seed))
            losses = ts.loss_by_name(flags.loss, weights, biases, labels, outputs,
                                     num_classes=num_classes, sampled_values=sampled)
        self.loss, self.mean_loss = tf.reduce_sum(losses) / NUM_LANES, tf.reduce_mean(losses)
        # For a text, one word at a time.
        self._word = tf.placeholder(tf.int32, [1, 1], "word")
        self._word_state = tf.placeholder(tf.float32, [2, 1, self._dim], "word_state")
        output, self._word_state_after = self._lstm(self._word, self._word_state)
        self._best = ts.top_k(weights, biases, output[:, 0], num_classes, k=min(20, num_classes))

    def _lstm(self, words, state):
        """Return the outputs [B, T, D] of words [B, T] after a state [2, B, D], and the next state."""
        inputs = tf.tensordot(ts.lookup(self._words, words), self._kernel[:self._dim], 1) + self._bias
        (hidden, cell), outputs = tf.unstack(state), []
        for gates in tf.unstack(inputs, axis=1):
            new, write, keep, show = tf.split(gates + tf.matmul(hidden, self._kernel[self._dim:]), 4, 1)
            cell = tf.sigmoid(keep + 1) * cell + tf.sigmoid(write) * tf.tanh(new)
            hidden = tf.sigmoid(show) * tf.tanh(cell)
            outputs.append(hidden)
        return tf.stack(outputs, 1), tf.stack([hidden, cell])

    def held_out_loss(self, session):
        """Return the mean full softmax loss of held-out words, in nats."""
        losses, state = [], np.zeros(self._state.shape.as_list())
        for tokens in self._data.held_out():
            loss, state = session.run([self._full_loss, self._state_after],
                                      {self.tokens: tokens, self._state: state})
            losses.append(loss)
        return float(np.mean(losses))

    def text(self, session, words, num_more=30):
        """Return a text that begins with words; each further one is drawn from the 20 most probable."""
        words, state, random = list(words), np.zeros([2, 1, self._dim]), np.random.RandomState(1)
        for place in range(len(words) + num_more - 1):
            best, state = session.run([self._best, self._word_state_after], {
                self._word: [[self._data.class_of(words[place])]], self._word_state: state})
            if place + 1 == len(words):  # Gumbel noise makes the largest one a draw from the softmax
                scores = np.where(best.ids[0] == sequences.UNKNOWN, -np.inf, best.values[0])
                drawn = best.ids[0][np.argmax(scores + random.gumbel(size=len(scores)))]
                words.append(self._data.words[drawn])
        return " ".join(words)


def run(flags, host):
    """Read the text, train, and print the results."""
    paths = flags.corpus or [default_data.docstrings(host.report)]
    options = corpus.ReadOptions(min_count=flags.min_count, max_vocab=flags.max_vocab)
    with corpus.read_corpus(paths, options, report=host.report) as text, training.ModelDir(
            flags.model_dir, "language_model", flags.values(), flags.changeable(), flags.restart
            ) as folder, tf.Graph().as_default():
        data = sequences.Sequences(text, NUM_LANES, LENGTH)
        folder.begin({"text": text.digest})
        host.begun(folder.path)
        tf.set_random_seed(flags.seed)
        model = LanguageModel(flags, data)
        host.report("%d classes. Perplexity of held-out text, by word frequencies alone: %.1f" % (
            len(data.words), np.exp(data.unigram_loss())))

        def score(session, number):
            loss = model.held_out_loss(session)
            host.report("Perplexity of held-out text, after %d of %d epochs: %.1f" % (
                number, flags.epochs, np.exp(loss)))
            return -loss, {}

        host.train(training.Plan(
            training.Objective(model.loss, model.mean_loss),
            training.Data(data.feeds(model.tokens, flags.epochs), flags.epochs * data.num_trained,
                          "words"),
            training.Optimization(lambda rate: ts.ClippedOptimizer(ts.AdagradOptimizer(rate), 5.0),
                                  flags.learning_rate),
            training.Saving(folder.path), training.Validation(score, flags.epochs, patience=0),
            stop=host.stop, report=host.report), 1, {})
        with training.restored_session(folder.path) as session:
            print(model.text(session, flags.generate or data.words[2:3]))


if __name__ == "__main__":
    running.run("language_model", __doc__, [Flags], run)
