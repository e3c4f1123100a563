"""The text of a training: sentences, files or the default data, read into ids.

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
    held_out: int32 [R, K + 2 * window], runs of tokens that are not trained on; see hold_out.blocks. R
    is 0 where none are held out.
    num_words: integer, the words to train on, in one pass.
    initial: vectors.InitialVectors.
    dim: integer D, the size of the word vectors.
    held_out_tokens: int32 [H], all tokens that are held out, of which `held_out` has some.
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
    """Read the vectors of --init_from.

    Args:
      settings: Word2VecSettings.

    Raises:
      InputError: a file that is none, vectors of another dimension than --dim.
    """
    dim = settings.dim if settings.is_given("dim") else None
    return vectors.InitialVectors(settings.init_from, dim, report)


@contextlib.contextmanager
def open_text(settings: Word2VecSettings, sentences: Any = None,
              report: Callable[[str], None] = print,
              initial: Optional[vectors.InitialVectors] = None) -> Iterator[Text]:
    """Read a text, and give it until the end of the context.

    Args:
      settings: Word2VecSettings.
      sentences: a path, a list of paths and globs, or an iterable of lists of words. None for the
        setting `corpus`, or without it the docstrings of the installed Python packages.
      report: function of a line of text for the user.
      initial: None, or what `initial_vectors` returns.

    Yields:
      Text.

    Raises:
      InputError: sentences that are none of this, a word that is empty or has white space, and as
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
            report("%s words, %s different ones in the vocabulary" % (
                format(corpus.num_raw_words, ","), format(len(corpus.words), ",")))
            pieces, held_out, tokens = _split(settings, corpus, report)
            share = sum(end - begin for begin, end in pieces) / corpus.num_positions
            yield Text(corpus, pieces, held_out, int(corpus.num_raw_words * share), initial,
                       dim=initial.dim or settings.dim, held_out_tokens=tokens)


def _split(settings: Word2VecSettings, corpus: corpus_lib.Corpus,
           report: Callable[[str], None]) -> Tuple[List[Tuple[int, int]], np.ndarray, np.ndarray]:
    """Return (the positions to train on, runs of some held-out tokens, all held-out tokens)."""
    pieces, tokens = hold_out.split(corpus, settings.held_out, settings.window)
    blocks = hold_out.blocks(tokens, len(corpus.words), settings.window)
    if not len(blocks):
        pieces, tokens = [(0, corpus.num_positions)], tokens[:0]
    is_trained = hold_out.words_with_neighbours(corpus, pieces)
    settings.check(is_trained.any(), "corpus", "a line with two words of the vocabulary, or %s, as the "
                   "windows end at the ends of lines" % settings.label("join_lines"), "none")
    alone = [corpus.words[row] for row in np.flatnonzero(~is_trained & (corpus.counts_in_text() > 0))]
    if alone:
        report("%s words are never beside another in a line, so that their vectors stay as they are at "
               "the start: %s" % (format(len(alone), ","), _some(alone)))
    num_held_out = np.count_nonzero(tokens != corpus_lib.END)
    report("%s of these words are held out, for the loss that is shown" % format(num_held_out, ",")
           if num_held_out else "No words are held out: the loss that is shown is that of the training")
    return pieces, blocks, tokens


def _some(words: Sequence[str]) -> str:
    """Return words in a line, not too many of them."""
    more = " and %d more" % (len(words) - _NAMED_WORDS) if len(words) > _NAMED_WORDS else ""
    return ", ".join(words[:_NAMED_WORDS]) + more


def paths_of(sentences: Any) -> Optional[List[str]]:
    """Return the paths that `sentences` are; None where they are no paths.

    Args:
      sentences: as of `open_text`.
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
    """Give the _Inputs that hold the sentences; those in memory are in a temporary folder meanwhile."""
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
        if path in str(e):  # where the user has no file
            raise checks.InputError(str(e).replace(path, "sentences")) from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_sentences(path: str, sentences: Any, settings: Word2VecSettings) -> None:
    """Write a line for each sentence, its words with blanks between."""
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
                settings.check(False, "sentences", "words of Unicode characters without white space, "
                               "none empty, in sentence %d" % number, wrong)
            if num_words == 0 and line.startswith("\ufeff"):
                stream.write("\ufeff")  # the first of a file is no text
            num_words += len(words)
            stream.write(line + "\n")
    settings.check(num_words, "sentences", "lists of words", "none")


def _line(words: List[Any]) -> Optional[str]:
    """Return words with blanks between them; None where that is not a line of these words."""
    try:
        line = " ".join(words)
        line.encode("utf-8")
    except (TypeError, UnicodeEncodeError):
        return None
    return line if line.split() == words and "\0" not in line else None
