"""Read text of any size from files, folders, globs and standard input, in pieces of whole words.

    sources = finding.find(["books/", "news-*.txt.gz", "-"], "corpus")
    for piece in pieces(sources, "utf-8", notes=[]):
        words = piece.split()

Memory is bounded by the size of a piece, even if the whole text is one line. A Wikipedia dump (XML) is
detected by its first bytes; its pieces are the text of its articles.
"""
import codecs
import collections
import contextlib
import io
import sys
import threading

from tf1_sampled import checks
from tf1_sampled.files import finding, reading
from tf1_sampled.word2vec import wikipedia

# The words of a small piece stay in the processor's cache, which is twice as fast as pieces of 4 MB.
_PIECE_BYTES = 1 << 17
_LONGEST_WORD = 1 << 20  # characters; the rest up to the next white space is left out
_NOTHING = "nothing"
_BINARY_LOOK = 4096  # bytes at the start; a NUL in them means a binary file


class _Replaced(threading.local):
    """The number of bytes that this thread could not decode."""
    num_bytes = 0


_replaced = _Replaced()


def _replace(error):
    _replaced.num_bytes += error.end - error.start
    return "\ufffd", error.end


_ERRORS = "tf1_sampled.replace"
codecs.register_error(_ERRORS, _replace)


def check_encoding(encoding):
    """Return Python's canonical name of a text encoding.

    Args:
      encoding: string, a name in any spelling, such as "utf-8" or "UTF8".

    Returns:
      string.

    Raises:
      InputError: an unknown encoding, or one that does not decode to text.
    """
    try:
        info = codecs.lookup(encoding)
        fits = isinstance(info.incrementaldecoder(_ERRORS).decode(b"", True), str)
    except (LookupError, ValueError, TypeError, AttributeError, AssertionError):
        fits = False
    checks.argument(fits, "read_corpus", "encoding", "the name of a text encoding", encoding)
    return info.name


def pieces(sources, encoding="utf-8", notes=None):
    """Yield the text of all sources in pieces of about 100,000 characters, cut between words.

    Line ends are "\\n" whatever they are in the file, and each file ends with one. NUL characters become
    blanks, and a byte order mark is dropped. A "word" is cut after a million characters.

    Args:
      sources: list of finding.Source. Empty or binary files are skipped if the user did not name them,
        or in a zip file of several files.
      encoding: string from `check_encoding`. Bytes that it cannot decode become U+FFFD.
      notes: list, or None. The function adds a line for the user for replaced bytes, for skipped files,
        and for each Wikipedia dump.

    Yields:
      strings.

    Raises:
      InputError: a source that cannot be read, is empty or binary, or a damaged Wikipedia dump.
    """
    replaced = collections.OrderedDict()  # name: number of bytes
    left_out, dumps = [], []
    for source in sources:
        with _open_members(source.path) as members:
            checks.file(members or not source.named, source.path, "text", "an empty zip file")
            for name, open_member in members:
                with open_member() as stream:
                    start = stream.read(_PIECE_BYTES)
                    wrong = _wrong_kind(start, encoding)
                    if wikipedia.is_dump(start):
                        articles = wikipedia.Articles(name, stream, start)
                        yield from _articles(articles)
                        dumps.append(articles.note())
                    elif not wrong:
                        for piece, num_bytes in _whole_words(name, stream, start, encoding):
                            if num_bytes:
                                replaced[name] = replaced.get(name, 0) + num_bytes
                            yield piece
                    elif source.named and len(members) == 1:
                        checks.file(False, name, "%s text" % encoding.upper(), wrong)
                    elif wrong != _NOTHING:
                        left_out.append(name)
    if notes is not None:
        notes += dumps + list(_notes(replaced, left_out, encoding))


@contextlib.contextmanager
def _open_members(path):
    """Open the members of a file, as reading.open_members does, or standard input."""
    if path != finding.STANDARD_INPUT:
        with reading.open_members(path) as members:
            yield members
        return
    stream = getattr(sys.stdin, "buffer", None)  # None where a program has no standard input
    checks.file(stream is not None, "standard input", "a stream of bytes", "none")
    yield [("standard input", lambda: contextlib.nullcontext(stream))]


def _wrong_kind(start, encoding):
    """Return the kind of a stream that begins with the bytes `start`; None for text."""
    if not start:
        return _NOTHING
    if b"\0" in start[:_BINARY_LOOK] and not encoding.startswith(("utf-16", "utf-32")):
        is_utf16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return "a binary file" + (", possibly in the encoding utf-16" if is_utf16 else "")
    return None


def _whole_words(name, stream, data, encoding):
    """Decode `data` and the rest of `stream`: yield (piece cut between words, bytes replaced)."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(_ERRORS), True)
    held, num_held = [], 0  # parts of a word that may continue, and their characters
    is_start, line_ended = True, False
    while True:
        before = _replaced.num_bytes
        try:
            piece = decoder.decode(data, not data)
        except UnicodeError as e:  # utf-16 without a byte order mark, and the like
            raise checks.InputError("%s: wanted %s text, got: %s" % (name, encoding.upper(), e)) from e
        num_bytes = _replaced.num_bytes - before
        if is_start and piece:
            is_start = False
            piece = piece[1:] if piece[0] == "\ufeff" else piece
        if "\0" in piece:
            piece = piece.replace("\0", " ")
        if num_held >= _LONGEST_WORD and piece and not piece[0].isspace():
            piece = piece[len(piece.split(None, 1)[0]):]
        cut = _last_break(piece) if data else len(piece)
        if cut or not data:
            held.append(piece[:cut])
            whole = "".join(held)
            line_ended = whole.endswith("\n") if whole else line_ended
            if not data:
                yield whole if line_ended else whole + "\n", num_bytes
                return
            yield whole, num_bytes
            held, num_held, num_bytes = [], 0, 0
        elif num_bytes:
            yield "", num_bytes
        held.append(piece[cut:])
        num_held += len(piece) - cut
        data = stream.read(_PIECE_BYTES)


def _articles(articles):
    """Yield the text of articles in pieces that end with a line."""
    held, num_held = [], 0
    for _, text in articles:
        held.append(text + "\n")
        num_held += len(text)
        if num_held >= _PIECE_BYTES:
            yield "".join(held)
            held, num_held = [], 0
    yield "".join(held)


def _last_break(piece):
    """Return the start of a last word that may continue in the next piece; 0 if all is one word."""
    if not piece or piece[-1].isspace():
        return len(piece)
    return len(piece) - len(piece.rsplit(None, 1)[-1])


def _notes(replaced, left_out, encoding):
    """Yield a line each about replaced bytes and skipped files."""
    if replaced:
        first = next(iter(replaced))
        where = first if len(replaced) == 1 else "%s and %d more" % (first, len(replaced) - 1)
        yield "Replaced %s of invalid %s: %s" % (
            checks.counted(sum(replaced.values()), "byte"), encoding, checks.printable(where))
    if left_out:
        more = len(left_out) - 1
        where = left_out[0] + (" and %d more" % more if more else "")
        yield "Left out %s: %s" % (
            checks.counted(len(left_out), "binary file"), checks.printable(where))
