"""Words of running text: punctuation left out, letters made small.

    normalise = normaliser(lowercase=True, tokenize=True)
    normalise("Don\u2019t panic, Mr. Smith-Jones (aged 42)!")     "don't panic mr smith jones aged 42"

A word is a run of letters, their marks and digits, also with single apostrophes inside, which are all
written "'". All else separates words. Text without blanks between the words (Chinese, Japanese, Thai)
needs another program first.
"""
import functools
import re
import unicodedata

_APOSTROPHES = "'\u2019\u02bc\uff07"


def normaliser(lowercase=False, tokenize=False):
    """Return a function of a text that returns the text as it is to be split at white space.

    Args:
      lowercase: boolean, whether letters become small.
      tokenize: boolean, whether what is not in words is left out; line ends stay.

    Returns:
      function of a string.
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
    # \w has letters and digits, but not the marks that Indic and Arabic letters carry. The two joiners
    # (U+200C, U+200D) change how letters look that they stand between.
    letter = r"(?:[^\W_]|[%s\u200c\u200d])" % _marks()
    return re.compile(r"\n|[^\W_]%s*(?:[%s]%s+)*" % (letter, _APOSTROPHES, letter))


def _marks():
    """Return the characters of Unicode's category M as ranges of a pattern."""
    points = [point for point in range(0x300, 0xe0200)
              if unicodedata.category(chr(point)).startswith("M")]
    breaks = [i for i in range(1, len(points)) if points[i] != points[i - 1] + 1]
    starts, ends = [0] + breaks, breaks + [len(points)]
    return "".join("%c-%c" % (points[a], points[b - 1]) for a, b in zip(starts, ends))
