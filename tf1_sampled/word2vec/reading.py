"""Read the text of a training into ids: sentences, files or the default data.

    with open_text(settings, [["the", "king"], ["the", "queen"]], report=print) as text:
        text.corpus.words, text.pieces
"""
import contextlib
import os
import shutil
import tempfile
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from tf1_sampled import checks, default_data
from tf1_sampled.word2vec import corpus as corpus_lib, hold_out, vectors, vocabulary
from tf1_sampled.word2vec.settings import Word2VecSettings


class Text(NamedTuple):
    """The text of a training.

    corpus: corpus.Corpus.
    pieces: list of (begin, end), the positions to train on.
    held_out: int32 [R, K + 2 * window], runs of held-out tokens for the loss; see hold_out.blocks. R is
    0 without held-out text.
    num_words: integer, the number of words to train on in one epoch.
    initial: vectors.InitialVectors.
    dim: integer D, the dimension of the word vectors.
    held_out_tokens: int32 [H], all held-out tokens; `held_out` is a part of them.
    """

    corpus: corpus_lib.Corpus
    pieces: List[Tuple[int, int]]
    held_out: np.ndarray
    num_words: int
    initial: vectors.InitialVectors
    dim: int
    held_out_tokens: np.ndarray = np.zeros(0, np.int32)


class _Inputs(NamedTuple):
    paths: Sequence[str]
    encoding: str
    cache_dir: str


_NAMED_WORDS = 8


def initial_vectors(settings: Word2VecSettings,
                    report: Optional[Callable[[str], None]] = None) -> vectors.InitialVectors:
    """Read the vectors of the setting init_from.

    Args:
      settings: Word2VecSettings.
      report: function that takes a line of text for the user; None for `warnings.warn`.

    Raises:
      InputError: an invalid file, vectors of another dimension than the setting dim.
    """
    dim = settings.dim if settings.is_given("dim") else None
    return vectors.InitialVectors(settings.init_from, dim, report)


@contextlib.contextmanager
def open_text(settings: Word2VecSettings, sentences: Any = None,
              report: Callable[[str], None] = print,
              initial: Optional[vectors.InitialVectors] = None) -> Iterator[Text]:
    """Read a text and keep it open: a context manager.

    Args:
      settings: Word2VecSettings.
      sentences: a path, a list of paths and globs, or an iterable of lists of words. None for the
        setting `corpus`, or if that is empty the docstrings of the installed Python packages.
      report: function that takes a line of text for the user.
      initial: InitialVectors from `initial_vectors`, or None to read them here.

    Yields:
      Text.

    Raises:
      InputError: sentences of another type, a word that is empty or has white space, and as
        corpus.read_corpus.
    """
    initial = initial_vectors(settings, report) if initial is None else initial
    known = vocabulary.read_vocabulary(settings.read_vocab) if settings.read_vocab else None
    with _inputs(settings, sentences, report) as inputs:
        options = corpus_lib.ReadOptions(
            settings.text_form()._replace(encoding=inputs.encoding), settings.min_count,
            settings.max_vocab, vocabulary=known, join_lines=settings.join_lines,
            more_words=initial.words)
        with corpus_lib.read_corpus(inputs.paths, options, inputs.cache_dir, report) as corpus:
            report("Text: %s; vocabulary: %s" % (
                checks.counted(corpus.num_raw_words, "word"), checks.counted(len(corpus.words), "word")))
            pieces, held_out, tokens = _split(settings, corpus, report)
            share = sum(end - begin for begin, end in pieces) / corpus.num_positions
            yield Text(corpus, pieces, held_out, int(corpus.num_raw_words * share), initial,
                       dim=initial.dim or settings.dim, held_out_tokens=tokens)


def _split(settings: Word2VecSettings, corpus: corpus_lib.Corpus,
           report: Callable[[str], None]) -> Tuple[List[Tuple[int, int]], np.ndarray, np.ndarray]:
    """Hold out text: return (the positions to train on, runs of held-out tokens, all of them)."""
    pieces, tokens = hold_out.split(corpus, settings.held_out, settings.window)
    blocks = hold_out.blocks(tokens, len(corpus.words), settings.window)
    if not len(blocks):
        pieces, tokens = [(0, corpus.num_positions)], tokens[:0]
    is_trained = hold_out.words_with_neighbours(corpus, pieces)
    settings.check(is_trained.any(), "corpus", "a line with two words of the vocabulary, or %s, as "
                   "windows do not cross the ends of lines" % settings.label("join_lines"), "none")
    alone = [corpus.words[row] for row in np.flatnonzero(~is_trained & (corpus.counts_in_text() > 0))]
    if alone:
        report("%s without a neighbour in a line; the vectors stay at their initial values: %s" % (
            checks.counted(len(alone), "word"), _some(alone)))
    num_held_out = int(np.count_nonzero(tokens != corpus_lib.END))
    report("Held out for the reported loss: " + checks.counted(num_held_out, "word") if num_held_out else
           "No text is held out: the reported loss is the training loss")
    return pieces, blocks, tokens


def _some(words: Sequence[str]) -> str:
    """Join the first words to a line of text, with the number of words left out."""
    more = " and %d more" % (len(words) - _NAMED_WORDS) if len(words) > _NAMED_WORDS else ""
    return ", ".join(words[:_NAMED_WORDS]) + more


def paths_of(sentences: Any) -> Optional[List[str]]:
    """Return `sentences` as a list of paths; None if they are not paths.

    Args:
      sentences: see `open_text`.
    """
    if isinstance(sentences, (str, os.PathLike)):
        return [os.fspath(sentences)]
    if isinstance(sentences, (list, tuple)) and sentences and all(
            isinstance(one, (str, os.PathLike)) for one in sentences):
        return [os.fspath(path) for path in sentences]
    return None


@contextlib.contextmanager
def _inputs(settings: Word2VecSettings, sentences: Any,
            report: Callable[[str], None]) -> Iterator[_Inputs]:
    """Yield the _Inputs of the sentences; sentences in memory are written to a temporary folder."""
    paths = settings.corpus if sentences is None else paths_of(sentences)
    if paths is not None:
        paths = paths or [default_data.docstrings(report=report)]
        yield _Inputs(paths, settings.encoding, settings.cache_dir)
        return
    folder = tempfile.mkdtemp(prefix="tf1_sampled-")
    path = os.path.join(folder, "sentences.txt")
    try:
        _write_sentences(path, sentences, settings)
        yield _Inputs([path], "utf-8", folder)
    except checks.InputError as e:
        if path in str(e):  # the user does not know this file
            raise checks.InputError(str(e).replace(path, "sentences")) from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_sentences(path: str, sentences: Any, settings: Word2VecSettings) -> None:
    """Write a line for each sentence, its words separated by blanks."""
    wanted = "a path, a list of paths, or an iterable of lists of words"
    is_iterable = hasattr(sentences, "__iter__") and not isinstance(sentences, (bytes, dict))
    settings.check(is_iterable, "sentences", wanted, sentences)
    num_words = 0
    with open(path, "w", encoding="utf-8", newline="\n") as stream:
        for number, sentence in enumerate(sentences, 1):
            is_list = hasattr(sentence, "__iter__") and not isinstance(sentence, (str, bytes, dict))
            settings.check(is_list, "sentences", "a list of words as sentence %d" % number, sentence)
            words = list(sentence)
            line = _line(words)
            if line is None:
                line, wrong = "", next(word for word in words if _line([word]) is None)
                settings.check(False, "sentences", "non-empty words of Unicode characters without "
                               "white space in sentence %d" % number, wrong)
            if num_words == 0 and line.startswith("\ufeff"):
                stream.write("\ufeff")  # readers skip the first one of a file
            num_words += len(words)
            stream.write(line + "\n")
    settings.check(num_words, "sentences", "lists of words", "none")


def _line(words: List[Any]) -> Optional[str]:
    """Join words by blanks; return None if splitting the line would not give the same words."""
    try:
        line = " ".join(words)
        line.encode("utf-8")
    except (TypeError, UnicodeEncodeError):
        return None
    return line if line.split() == words and "\0" not in line else None
