"""Questions about words in a line of text, and their answers as lines.

    king                      the nearest words
    king queen                the cosine of two words
    man king woman            man : king = woman : ?, the analogy
    king - man + woman        the words nearest to a sum
    odd: breakfast lunch car  the word that is unlike the others
    vector: king              the numbers, to six digits

A phrase goes in quotes: "new york" is the word of that name, or else new_york. So does a word + or -.
"""
import re
from typing import List, NamedTuple, Sequence

from tf1_sampled import checks
from tf1_sampled.word2vec import word_vectors

FORMS = ("one word, two words, three words a b c, words with + and - between, 'odd:' and words, or "
         "'vector:' and a word; a phrase in quotes")

_TOKEN = re.compile(r'"([^"]+)"(?=\s|$)|(\S+)')


class Question(NamedTuple):
    """What a line asks.

    kind: string, "nearest", "similarity", "analogy", "sum", "odd" or "vector".
    words: list of strings.
    signs: list of 1 and -1, of "sum" one for each word.
    """

    kind: str
    words: Sequence[str]
    signs: Sequence[int] = ()

    @property
    def label(self) -> str:
        """The question as it is understood, which an answer begins with."""
        words = self.words
        if self.kind == "similarity":
            return "%s, %s: cosine" % tuple(words)
        if self.kind == "analogy":
            return "%s : %s = %s : ?" % tuple(words)
        if self.kind == "odd":
            return "odd one out of %s:" % ", ".join(words)
        if self.kind == "sum":
            rest = ["%s %s" % ("+" if sign > 0 else "-", word)
                    for word, sign in zip(words[1:], self.signs[1:])]
            return " ".join([words[0]] + rest)
        return words[0]


def parse(line: str) -> Question:
    """Return the Question of a line.

    Args:
      line: string, of a form as above.

    Raises:
      InputError: a line of none of these forms.
    """
    tokens = [(quoted or plain, bool(quoted)) for quoted, plain in _TOKEN.findall(line)]
    words = [text for text, _ in tokens]
    is_sign = [text in ("+", "-") and not is_quoted for text, is_quoted in tokens]
    first = words[0] if tokens and not tokens[0][1] else ""
    if first == "odd:" and len(words) > 3:
        return Question("odd", words[1:])
    if first == "vector:" and len(words) == 2:
        return Question("vector", words[1:])
    if any(is_sign) and len(words) > 1:
        alternate = len(words) % 2 == 1 and is_sign == [False, True] * (len(words) // 2) + [False]
        checks.argument(alternate, "query", "line", FORMS, line.strip())
        return Question("sum", words[::2], [1] + [1 if sign == "+" else -1 for sign in words[1::2]])
    kind = {1: "nearest", 2: "similarity", 3: "analogy"}.get(len(words), "")
    checks.argument(kind and first not in ("odd:", "vector:"), "query", "line", FORMS, line.strip())
    return Question(kind, words)


def answer(found: word_vectors.WordVectors, question: Question, k: int, name: str = "word") -> List[str]:
    """Return the lines of an answer, the first of which begins with the question's label.

    Args:
      found: WordVectors.
      question: Question.
      k: integer, how many words.
      name: string, the flag or the like where the words come from.

    Returns:
      list of strings; of "odd" further lines name words without a vector.

    Raises:
      InputError: k below 1; of "odd" fewer than three words with a vector.
      UnknownWordError: a word without a vector.
    """
    checks.positive("query", "k", k)
    words = [word_vectors.spelled(found.index, word) for word in question.words]
    unknown: List[str] = []
    if question.kind == "odd":
        words, unknown = found.known_words(words, name)
    found.rows(words, name)
    if question.kind == "vector":
        return ["%s %s" % (words[0], " ".join("%.6g" % number for number in found[words[0]]))]
    question = question._replace(words=words)
    if question.kind == "similarity":
        answers = "%.2f" % found.similarity(*words)
    elif question.kind == "odd":
        answers = found.odd_one_out(words)
    else:
        if question.kind == "analogy":
            words, signs = [words[1], words[2], words[0]], (1, 1, -1)
        else:
            signs = tuple(question.signs) or (1,)
        pairs = found.most_similar([word for word, sign in zip(words, signs) if sign > 0],
                                   [word for word, sign in zip(words, signs) if sign < 0], k)
        answers = "  ".join("%s %.2f" % pair for pair in pairs)
    return ["  %-16s %s" % (question.label, answers)] + unknown
