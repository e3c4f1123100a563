"""Normalise running text: drop punctuation, convert to lower case.

    normalise = normaliser(lowercase=True, tokenize=True)
    normalise("Don\u2019t panic, Mr. Smith-Jones (aged 42)!")     "don't panic mr smith jones aged 42"

A word is a run of letters, their marks and digits, with single apostrophes inside, which all become "'".
All other characters separate words. Text without blanks between words (Chinese, Japanese, Thai) needs
another program first.
"""
import functools
import re
import unicodedata

_APOSTROPHES = "'\u2019\u02bc\uff07"


def normaliser(lowercase=False, tokenize=False):
    """Return a function that prepares a text for splitting at white space.

    Args:
      lowercase: boolean, whether to convert to lower case.
      tokenize: boolean, whether to drop all characters that are not in words; line ends stay.

    Returns:
      function that takes and returns a string.
    """
    def normalise(text):
        if tokenize:
            text = _as_words(text)
        return text.lower() if lowercase else text

    return normalise


def _as_words(text):
    text = " ".join(_word_or_line_end().findall(text))
    return re.sub("[%s]" % _APOSTROPHES[1:], "'", text)


@functools.lru_cache(maxsize=None)
def _word_or_line_end():
    """Return the pattern of a word, or a line end."""
    # \w matches letters and digits, but not the marks of Indic and Arabic letters. The two joiners
    # (U+200C, U+200D) change the shapes of the letters around them.
    letter = r"(?:[^\W_]|[%s\u200c\u200d])" % _marks()
    return re.compile(r"\n|[^\W_]%s*(?:[%s]%s+)*" % (letter, _APOSTROPHES, letter))


def _marks():
    """Return the characters of Unicode's category M as ranges of a pattern."""
    points = [point for point in range(0x300, 0xe0200)
              if unicodedata.category(chr(point)).startswith("M")]
    breaks = [i for i in range(1, len(points)) if points[i] != points[i - 1] + 1]
    starts, ends = [0] + breaks, breaks + [len(points)]
    return "".join("%c-%c" % (points[a], points[b - 1]) for a, b in zip(starts, ends))
