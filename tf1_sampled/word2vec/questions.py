"""Parse questions about word vectors from lines of text, and answer them in lines of text.

    king                      the nearest words
    king queen                the cosine of two words
    man king woman            the analogy man : king = woman : ?
    king - man + woman        the words nearest to a sum
    odd: breakfast lunch car  the word that is least like the other words
    vector: king              the numbers of the vector, to six digits

Quotes mark a phrase: "new york" is the word "new york" or, without one, new_york. The words + and - also
need quotes.
"""
import re
from typing import List, NamedTuple, Sequence

from tf1_sampled import checks
from tf1_sampled.word2vec import word_vectors

FORMS = ("one word, two words, three words a b c, words joined by + and -, 'odd:' and words, or "
         "'vector:' and a word; a phrase in quotes")

_TOKEN = re.compile(r'"([^"]+)"(?=\s|$)|(\S+)')


class Question(NamedTuple):
    """A parsed question.

    kind: string, "nearest", "similarity", "analogy", "sum", "odd" or "vector".
    words: list of strings.
    signs: for "sum" a list of 1 or -1 for each word, else empty.
    """

    kind: str
    words: Sequence[str]
    signs: Sequence[int] = ()

    @property
    def label(self) -> str:
        """Return the question in words, a string: the beginning of its answer."""
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
    """Parse a line into a Question.

    Args:
      line: string, in one of the forms of the module docstring.

    Raises:
      InputError: a line of another form.
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
    """Answer a question in lines of text.

    Args:
      found: WordVectors.
      question: Question.
      k: integer, the number of words in the answer.
      name: string, the source of the words in errors, such as a flag.

    Returns:
      list of strings. The first begins with the question's label. For "odd", more lines name the
      out-of-vocabulary words.

    Raises:
      InputError: k below 1; for "odd", fewer than three words that have a vector.
      UnknownWordError: an out-of-vocabulary word, except for "odd".
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
