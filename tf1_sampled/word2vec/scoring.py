"""Score word vectors by files of human judgements: the files are read first, then any vectors scored.

    judgements = Judgements(["wordsim353.tsv"], ["questions-words.txt"])
    scores = judgements.scores(words, rows)
    print("\\n".join(judgements.lines(scores)))
    json.dumps(as_json(scores))
"""
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np

from tf1_sampled import checks
from tf1_sampled.word2vec import evaluation, evaluation_sets

TOP_OF_SIMILARITY = 300000  # as gensim's
TOP_OF_ANALOGIES = 30000

_NAMED = 8  # words that a line names

Score = Union[evaluation.Similarity, evaluation.Analogies]


class Judgements:
    """Files of human judgements.

    Args:
      similarity: list of paths, for evaluation_sets.read_similarity.
      analogies: list of paths, for evaluation_sets.read_analogies.
      columns: as of evaluation_sets.read_similarity; None or empty to find them.
      top: integer, how many of the first words count; None for 300,000 in pairs and 30,000 in analogies.

    Raises:
      InputError: a file that cannot be read, top below 1, one file among both kinds.
    """

    def __init__(self, similarity: Sequence[str] = (), analogies: Sequence[str] = (),
                 columns: Sequence[str] = (), top: Optional[int] = None):
        self._tops = top or TOP_OF_SIMILARITY, top or TOP_OF_ANALOGIES
        if top is not None:
            checks.positive("Judgements", "top", top)
        both = sorted(set(similarity) & set(analogies))
        checks.argument(not both, "Judgements", "analogies", "other files than those of similarity",
                        ", ".join(both))
        self._pairs = {path: evaluation_sets.read_similarity(path, columns) for path in similarity}
        self._sections = {path: evaluation_sets.read_analogies(path) for path in analogies}

    def scores(self, words: Sequence[str], vectors: np.ndarray) -> Dict[str, Score]:
        """Return {path: evaluation.Similarity or Analogies} of vectors.

        Args:
          words: list of V strings, in falling order of frequency.
          vectors: [V, D] of floats.
        """
        scores: Dict[str, Score] = {
            path: evaluation.similarity(words, vectors, pairs, self._tops[0])
            for path, pairs in self._pairs.items()}
        scores.update((path, evaluation.analogies(words, vectors, sections, self._tops[1]))
                      for path, sections in self._sections.items())
        return scores

    def lines(self, scores: Dict[str, Score]) -> List[str]:
        """Return a table of scores, as lines; below it, which words have no vector.

        Args:
          scores: as from `scores`.
        """
        pairs = {path: score for path, score in scores.items()
                 if isinstance(score, evaluation.Similarity)}
        questions = {path: score for path, score in scores.items()
                     if isinstance(score, evaluation.Analogies)}
        rows, notes = [], []
        for path, score in pairs.items():
            shown = "none" if score.spearman is None else "%.3f" % score.spearman
            rows.append((path, shown, score.num_pairs, score.num_left_out))
            if score.spearman is None:
                total = score.num_pairs + score.num_left_out
                notes.append("%s: no score, as %s" % (path, (
                    "%d of %d pairs have both words" % (score.num_pairs, total)
                    if score.num_pairs < 2 else "all cosines or all human scores are equal")))
            notes += _missing(path, score, self._tops[0], len(pairs[path].missing_words))
        lines = _table("similarity: Spearman", "pairs", rows) if rows else []
        rows = []
        for path, answers in questions.items():
            for section in [answers.total] + list(answers.sections):
                shown = "none" if section.accuracy is None else "%.1f%%" % (100 * section.accuracy)
                name = path if section is answers.total else "  " + (section.name or "(no section)")
                rows.append((name, shown, section.num_questions, section.num_left_out))
            if answers.total.accuracy is None:
                notes.append("%s: no score, as 0 of %d questions have all words" % (
                    path, answers.total.num_left_out))
            notes += _missing(path, answers, self._tops[1], len(answers.missing_words))
        return lines + (_table("analogies: right", "questions", rows) if rows else []) + notes


def as_json(scores: Dict[str, Score]) -> Dict[str, Any]:
    """Return scores as JSON has them, by the path of the file.

        {"wordsim353.tsv": {"spearman": 0.68, "pairs": 343, "left_out": 10},
         "questions-words.txt": {"accuracy": 0.365, "questions": 12268, "left_out": 7276, "sections": [
             {"name": "family", "accuracy": 0.8, "questions": 306, "left_out": 200}, ...]}}

    A score is null where nothing was left to score.

    Args:
      scores: as from `Judgements.scores`.
    """
    def of(section: evaluation.Section) -> Dict[str, Any]:
        return {"accuracy": section.accuracy, "questions": section.num_questions,
                "left_out": section.num_left_out}

    found: Dict[str, Any] = {}
    for path, score in scores.items():
        if isinstance(score, evaluation.Similarity):
            found[path] = {"spearman": score.spearman, "pairs": score.num_pairs,
                           "left_out": score.num_left_out}
        else:
            found[path] = dict(of(score.total), sections=[
                dict(of(section), name=section.name) for section in score.sections])
    return found


def some(words: Sequence[str], number: int = _NAMED) -> str:
    """Return words in a line, not too many of them."""
    more = " and %d more" % (len(words) - number) if len(words) > number else ""
    return (", ".join(words[:number]) or "none") + more


def _missing(path: str, score: Score, top: int, number: int) -> List[str]:
    if not number:
        return []
    return ["%s: %s words are not among the first %s: %s" % (
        path, format(number, ","), format(top, ","), some(score.missing_words))]


def _table(title: str, used: str, rows: Sequence[Any]) -> List[str]:
    """Return a table of rows (name, score, used, left out), as lines."""
    width = max([len(title)] + [len(row[0]) for row in rows])
    return ["%-*s %9s %10s %9s" % (width, *row)
            for row in [(title, "score", used, "left out")] + list(rows)]
