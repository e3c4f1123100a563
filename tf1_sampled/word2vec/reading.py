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
from tf1_sampled.word2vec import corpus as corpus_lib, vectors, vocabulary
from tf1_sampled.word2vec.settings import Word2VecSettings


class Text(NamedTuple):
    """The text of a training.

    corpus: corpus.Corpus.
    pieces: list of (begin, end), the positions to train on.
    held_out: int32 [R, K + 2 * window], runs of tokens that are not trained on; see
    corpus.held_out_runs. They are trained on, too, where the text is too short to hold any out.
    num_words: integer, the words to train on, in one pass.
    initial: vectors.InitialVectors.
    dim: integer D, the size of the word vectors.
    """

    corpus: corpus_lib.Corpus
    pieces: List[Tuple[int, int]]
    held_out: np.ndarray
    num_words: int
    initial: vectors.InitialVectors
    dim: int


class _Inputs(NamedTuple):
    paths: Sequence[str]
    encoding: str
    cache_dir: str


def initial_vectors(settings: Word2VecSettings) -> vectors.InitialVectors:
    """Read the vectors of --init_from.

    Args:
      settings: Word2VecSettings.

    Raises:
      InputError: a file that is none, vectors of another dimension than --dim.
    """
    return vectors.InitialVectors(settings.init_from, settings.dim if settings.is_given("dim") else None)


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
    initial = initial_vectors(settings) if initial is None else initial
    known = vocabulary.read_vocabulary(settings.read_vocab) if settings.read_vocab else None
    with _inputs(settings, sentences, report) as inputs:
        options = corpus_lib.ReadOptions(
            encoding=inputs.encoding, min_count=settings.min_count, max_vocab=settings.max_vocab,
            vocabulary=known, join_lines=settings.join_lines, phrases=settings.phrases,
            more_words=initial.words)
        with corpus_lib.read_corpus(inputs.paths, options, inputs.cache_dir, report) as corpus:
            report("%s words, %s different ones in the vocabulary" % (
                format(corpus.num_raw_words, ","), format(len(corpus.words), ",")))
            pieces, held_out = _split(settings, corpus)
            share = sum(end - begin for begin, end in pieces) / corpus.num_positions
            yield Text(corpus, pieces, held_out, int(corpus.num_raw_words * share), initial,
                       dim=initial.dim or settings.dim)


def _split(settings: Word2VecSettings,
           corpus: corpus_lib.Corpus) -> Tuple[List[Tuple[int, int]], np.ndarray]:
    """Return (the positions to train on, the runs of held-out tokens)."""
    pieces, tokens = corpus_lib.split_held_out(corpus)
    runs = corpus_lib.held_out_runs(tokens, len(corpus.words), settings.window)
    if not _has_pairs(runs):
        pieces, tokens = [(0, corpus.num_positions)], corpus.read(0, min(corpus.num_positions, 50000))
        runs = corpus_lib.held_out_runs(tokens, len(corpus.words), settings.window)
        settings.check(_has_pairs(runs), "corpus", "two words of the vocabulary side by side in a line, "
                       "or " + settings.label("join_lines"), "none")
    return pieces, runs


def _has_pairs(runs: np.ndarray) -> bool:
    """Return whether two words are side by side in runs of tokens."""
    is_word = runs != corpus_lib.END
    return bool(np.any(is_word[:, 1:] & is_word[:, :-1]))


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
