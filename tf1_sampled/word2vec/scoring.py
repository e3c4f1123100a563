"""Score word vectors on evaluation files, which are read once for any number of vectors.

    judgements = Judgements(["wordsim353.tsv"], ["questions-words.txt"])
    scores = judgements.scores(words, rows)
    print("\\n".join(judgements.lines(scores)))
    json.dumps(as_json(scores))
"""
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np

from tf1_sampled import checks
from tf1_sampled.word2vec import evaluation, evaluation_sets

TOP_OF_SIMILARITY = 300000  # gensim's defaults
TOP_OF_ANALOGIES = 30000

_NAMED = 8  # the largest number of words in a line

Score = Union[evaluation.Similarity, evaluation.Analogies]


class Judgements:
    """The contents of evaluation files.

    Args:
      similarity: list of paths, for evaluation_sets.read_similarity.
      analogies: list of paths, for evaluation_sets.read_analogies.
      columns: three columns, see evaluation_sets.read_similarity; None or empty to detect them.
      top: integer, the number of first words that are known; None for 300,000 in pairs and 30,000 in
        analogies.

    Raises:
      InputError: a file that cannot be read, top below 1, a file in both lists.
    """

    def __init__(self, similarity: Sequence[str] = (), analogies: Sequence[str] = (),
                 columns: Sequence[str] = (), top: Optional[int] = None):
        self._tops = top or TOP_OF_SIMILARITY, top or TOP_OF_ANALOGIES
        if top is not None:
            checks.positive("Judgements", "top", top)
        both = sorted(set(similarity) & set(analogies))
        checks.argument(not both, "Judgements", "analogies", "files that are not in similarity",
                        ", ".join(both))
        self._pairs = {path: evaluation_sets.read_similarity(path, columns) for path in similarity}
        self._sections = {path: evaluation_sets.read_analogies(path) for path in analogies}

    def scores(self, words: Sequence[str], vectors: np.ndarray) -> Dict[str, Score]:
        """Compute the scores of vectors on all files.

        Args:
          words: list of V strings, in falling order of frequency.
          vectors: [V, D] of floats.

        Returns:
          {path: evaluation.Similarity or evaluation.Analogies}.
        """
        scores: Dict[str, Score] = {
            path: evaluation.similarity(words, vectors, pairs, self._tops[0])
            for path, pairs in self._pairs.items()}
        scores.update((path, evaluation.analogies(words, vectors, sections, self._tops[1]))
                      for path, sections in self._sections.items())
        return scores

    def lines(self, scores: Dict[str, Score]) -> List[str]:
        """Format scores as a table, followed by notes on unknown words.

        Args:
          scores: as from `scores`.

        Returns:
          list of strings, the lines.
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
                    "%d of %d pairs have two known words" % (score.num_pairs, total)
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
                notes.append("%s: no score, as 0 of %d questions have four known words" % (
                    path, answers.total.num_left_out))
            notes += _missing(path, answers, self._tops[1], len(answers.missing_words))
        return lines + (_table("analogies: correct", "questions", rows) if rows else []) + notes


def as_json(scores: Dict[str, Score]) -> Dict[str, Any]:
    """Convert scores to JSON values, by the path of the file.

        {"wordsim353.tsv": {"spearman": 0.68, "pairs": 343, "left_out": 10},
         "questions-words.txt": {"accuracy": 0.365, "questions": 12268, "left_out": 7276, "sections": [
             {"name": "family", "accuracy": 0.8, "questions": 306, "left_out": 200}, ...]}}

    A score is null if no pairs or questions were used.

    Args:
      scores: as from `Judgements.scores`.

    Returns:
      dict.
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
    """Join the first words to a line of text, with the number of words left out."""
    more = " and %d more" % (len(words) - number) if len(words) > number else ""
    return (", ".join(words[:number]) or "none") + more


def _missing(path: str, score: Score, top: int, number: int) -> List[str]:
    if not number:
        return []
    return ["%s: %s not among the first %s of the vocabulary: %s" % (
        path, checks.counted(number, "word"), format(top, ","), some(score.missing_words))]


def _table(title: str, used: str, rows: Sequence[Any]) -> List[str]:
    """Format rows (name, score, used, left out) as the lines of a table."""
    width = max([len(title)] + [len(row[0]) for row in rows])
    return ["%-*s %9s %10s %9s" % (width, *row)
            for row in [(title, "score", used, "left out")] + list(rows)]
