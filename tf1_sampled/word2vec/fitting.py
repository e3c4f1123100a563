"""Train word vectors: build the graph and the plan, run it, and read tables from checkpoints.

    result = train(settings, text, folder, host)
    rows = saved_table(folder.path, model.EMBEDDINGS, num_words)
"""
import math
import os
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.training import checkpoints, devices, metrics, plans
from tf1_sampled.training.host import OneMachine
from tf1_sampled.training.model_dir import ModelDir
from tf1_sampled.word2vec import objective, phrases, runs, vocabulary
from tf1_sampled.word2vec.corpus import Corpus
from tf1_sampled.word2vec.reading import Text
from tf1_sampled.word2vec.settings import Word2VecSettings

_FEW_STEPS = 100


def train(settings: Word2VecSettings, text: Text, folder: ModelDir,
          host: OneMachine) -> plans.TrainingResult:
    """Train word vectors in a new graph and session.

    Args:
      settings: Word2VecSettings.
      text: reading.Text.
      folder: ModelDir; the function calls its `begin`.
      host: host.OneMachine.

    Returns:
      plans.TrainingResult.

    Raises:
      InputError: initial vectors of another dimension, an at_k above the number of negatives, settings
        or data that differ from the training in the folder, and as loop.train.
    """
    device = devices.chosen(settings.device, settings.threads, 2 * len(text.corpus.words) * text.dim,
                            host.allows_gpu)
    size = settings.batch_size or runs.batch_size(text.num_words, device.threads, device.name == "GPU")
    if host.is_chief:
        host.report("Training on the %s: steps of %s words" % (device.description, format(size, ",")))
    with tf.Graph().as_default():
        tf.set_random_seed(settings.seed)
        host.prepare_graph()
        graph = objective.build(settings, text, size, text.held_out.shape[1:])
        num_steps = -(-text.num_words * settings.epochs // size)
        if num_steps < _FEW_STEPS and host.is_chief:
            host.report("Only %d steps in all, which train little; raise %s" % (
                num_steps, settings.label("epochs")))
        data = {"text": text.corpus.digest}
        if host.is_chief:
            folder.begin(data)
            _save_words(folder.path, text.corpus)
            host.begun(folder.path)

        def held_out_loss(session: Any) -> float:
            return metrics.ratio_of_sums(session, graph.held_out_loss, graph.held_out_pairs,
                                         [{graph.held_out: run} for run in text.held_out])

        plan = plans.Plan(
            plans.Objective(graph.loss, graph.mean_loss,
                            held_out_loss if len(text.held_out) else None, graph.watch,
                            max_loss=1000 * math.log(len(text.corpus.words))),
            _data(settings, text, graph, size),
            plans.Optimization(settings.make_optimizer, settings.chosen_learning_rate(), settings.decay,
                               device, filled={}),
            settings.saving(folder.path),
            profile_step=settings.profile, stop=host.stop, report=host.report)
        # A fixed number, as batch_size may differ between the machines of a cluster.
        return host.train(plan, 2048, folder.unchanging(data))


def _save_words(folder: str, corpus: Corpus) -> None:
    """Write the vocabulary and the phrases, which belong to each checkpoint.

    Args:
      folder: string, the folder of the training.
      corpus: Corpus.
    """
    vocabulary.save_vocabulary(os.path.join(folder, vocabulary.FILE_NAME), corpus.words, corpus.counts)
    path = os.path.join(folder, phrases.FILE_NAME)
    if any(corpus.phrases.passes):
        corpus.phrases.save(path)
    elif os.path.lexists(path):
        os.remove(path)


def _data(settings: Word2VecSettings, text: Text, graph: objective.Graph, batch_size: int) -> plans.Data:
    """Return the plans.Data of all epochs: the feeds of the steps, in order."""
    options = runs.RunOptions(
        runs.keep_probability(text.corpus.counts, settings.sample), batch_size, settings.window,
        settings.epochs, settings.seed, num_places=runs.num_places(batch_size))

    def batches(position: Any, *share: float) -> Any:
        found = runs.runs(text.corpus, text.pieces, options, position, *share)
        return (({graph.tokens: run}, progress, after) for run, progress, after in found)

    return plans.Data(batches, text.num_words * settings.epochs, "words", settings.epochs, batch_size)


def saved_table(model_dir: str, name: str, num_rows: int) -> np.ndarray:
    """Read a table of a trained model from its checkpoint.

    Args:
      model_dir: string, the folder of the training.
      name: string, model.EMBEDDINGS or model.OUTPUT_WEIGHTS.
      num_rows: integer V.

    Returns:
      float32 [V, D].

    Raises:
      InputError: a folder without a checkpoint.
    """
    path = checkpoints.chosen(model_dir)
    checks.file(path, model_dir, "a checkpoint", "none")
    return tf.train.load_variable(path, name)[:num_rows]
