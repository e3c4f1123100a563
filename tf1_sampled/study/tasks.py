"""The two tasks of a study: each trains its public class, and judges the result on held-out data.

    with TASKS["word2vec"].opened(base, study_settings, report) as task:
        outcome = task.train(settings, host)

TensorFlow is imported by `train`.
"""
import contextlib
import math
from typing import Any, Callable, Dict, Iterator, NamedTuple, Tuple

import numpy as np

from tf1_sampled.recsys.youtube_dnn import YouTubeDNN
from tf1_sampled.study.gradients import Draws, Output
from tf1_sampled.study.settings import StudySettings
from tf1_sampled.word2vec import Word2Vec, hold_out, reading, scoring

_EXAMPLES = 20000  # held-out pairs of words
_TEST_USERS = 5000  # the most users whose events judge a recommender


class Outcome(NamedTuple):
    """The quality of a trained model, and its output layer.

    full_softmax_loss: float, on held-out data.
    scores: {name: float}, the main one first.
    output: gradients.Output.
    draws: gradients.Draws, as in the training, except that unique=True becomes "masked", whose expected
      counts are exact.
    """

    full_softmax_loss: float
    scores: Dict[str, float]
    output: Output
    draws: Draws


class Words:
    """Word vectors: the text is read once, for all trainings.

    Args:
      text: reading.Text.
      judgements: scoring.Judgements.
    """

    def __init__(self, text: reading.Text, judgements: scoring.Judgements):
        self._text, self._judgements = text, judgements

    @classmethod
    @contextlib.contextmanager
    def opened(cls, base: Word2Vec, study: StudySettings,
               report: Callable[[str], None]) -> Iterator["Words"]:
        """Yield the task.

        Raises:
          InputError: a file that cannot be read, or a text that is too short to hold out a part.
        """
        judgements = scoring.Judgements(study.eval_similarity)
        with reading.open_text(base, report=report) as text:
            base.check(len(text.held_out), "held_out", "a share that holds out some words",
                       base.held_out)
            yield cls(text, judgements)

    def train(self, settings: Word2Vec, host: Any) -> Outcome:
        """Train, and judge by the held-out text.

        Args:
          settings: Word2Vec, not fitted yet.
          host: host.StudyHost.
        """
        with settings.open_folder(host) as folder:
            settings.train(self._text, folder, host)
        from tf1_sampled.word2vec import fitting
        text, words = self._text, settings.words
        runs = hold_out.blocks(text.held_out_tokens, len(words), settings.window,
                               num_centres=hold_out.AUC_CENTRES)
        inputs, labels = hold_out.examples(
            runs, settings.vectors, settings.window, is_cbow=settings.model == "cbow", most=_EXAMPLES,
            random=np.random.RandomState(1))
        biases = fitting.saved_table(settings.folder, "output_biases", len(words))
        scores = {"AUC": settings.held_out_auc}
        for path, score in self._judgements.scores(words, settings.vectors).items():
            spearman = getattr(score, "spearman", None)  # None where no pair of the file is known
            scores[path] = math.nan if spearman is None else spearman
        return Outcome(settings.full_softmax_loss, scores,
                       Output(settings.output_vectors, biases, text.corpus.counts, inputs, labels),
                       Draws(settings.sampler, settings.num_sampled, settings.distortion))


class Items:
    """A recommender: each training reads the events again."""

    @classmethod
    @contextlib.contextmanager
    def opened(cls, base: YouTubeDNN, study: StudySettings,
               report: Callable[[str], None]) -> Iterator["Items"]:
        """Yield the task."""
        yield cls()

    def train(self, settings: YouTubeDNN, host: Any) -> Outcome:
        """Train, and judge by the test events.

        Args:
          settings: YouTubeDNN, not fitted yet.
          host: host.StudyHost.

        Raises:
          InputError: no test events.
        """
        fit = settings.fit(host=host).fitted
        settings.check(fit.data.test is not None, "split", "a split with test events", settings.split)
        from tf1_sampled.recsys import feeds, fitting, negatives, results, splits
        part, events = splits.some_users(fit.data.test, _TEST_USERS), fit.data.events
        with fit.session() as session:
            judged = fitting.judge(session, fit.graph, fit.data, part,
                                   history_length=settings.history_length, cuts=settings.k)
        rows, labels = feeds.some_targets(part)
        vectors, biases = results.item_table(settings.folder)
        names = [kind + "@%d" % cut for cut in settings.k for kind in ("NDCG", "HR")]
        return Outcome(
            float(judged.full_loss), {name: judged.scores[name] for name in names},
            Output(np.array(vectors), np.array(biases), events.item_counts, judged.vectors[rows],
                   labels),
            Draws(settings.sampler, negatives.number(settings, events.item_counts), settings.distortion,
                  unique="masked"))


TASKS: Dict[str, Tuple[Any, Any]] = {"recsys": (YouTubeDNN, Items), "word2vec": (Word2Vec, Words)}

