"""Read the articles of a Wikipedia dump (pages-articles.xml) as a stream of plain text.

    if is_dump(stream.read(1000)):
        for title, text in Articles(name, stream): ...

Redirects and pages of other namespaces (talk, templates, files, categories) are left out. The last of
several revisions of a page in the file counts. Memory is bounded by the size of the largest page.
"""
import collections
import html
import re
from xml.parsers import expat

from tf1_sampled import checks

_CHUNK = 1 << 16
_START = re.compile(
    br"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)?<mediawiki[\s>]", re.S)
_LONGEST_PAGE = 1 << 26  # characters
# Every language accepts the English names besides its own, which the dump lists.
_NOT_IN_TEXT = ("file", "image", "category", "media")
_REDIRECT = re.compile(r"\s*#\w+[\s:]*\[\[")


def is_dump(start):
    """Return whether a file that begins with the bytes `start` is a MediaWiki dump."""
    return _START.match(start) is not None


class Articles:
    """The articles of a dump: an iterable of (title, plain text).

    Args:
      name: string, the name of the file, for errors.
      stream: binary stream.
      start: bytes that were read from the stream before.

    Attributes:
      num_articles, num_left_out: integers, the numbers of pages read and left out so far.

    Raises:
      InputError: in the iteration: truncated or damaged XML, a document type (no dump has one), a page
        of more than 64 million characters.
    """

    def __init__(self, name, stream, start=b""):
        self._name, self._stream, self._start = name, stream, start
        self.num_articles = self.num_left_out = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._add
        self._parser.StartDoctypeDeclHandler = self._refuse  # its entities could expand without bound
        self._parts, self._size, self._is_kept = [], 0, False
        self._page = {}
        self._key = None
        self._prefixes = set(_NOT_IN_TEXT)
        self._found = collections.deque()

    def __iter__(self):
        data = self._start or self._stream.read(_CHUNK)
        while True:
            try:
                self._parser.Parse(data, not data)
            except expat.ExpatError as e:
                checks.file(False, self._name, "the XML of a complete Wikipedia dump",
                            "an error: %s" % e)
            while self._found:
                title, text = self._found.popleft()
                yield title, plain_text(text, self._prefixes)
            if not data:
                return
            data = self._stream.read(_CHUNK)

    def note(self):
        """Return a line for the user with the numbers of pages so far."""
        return checks.printable(
            "%s: a Wikipedia dump of %s; left out %s (redirects and others)" % (
                self._name, checks.counted(self.num_articles, "article"),
                checks.counted(self.num_left_out, "page")))

    def _begin(self, tag, attributes):
        tag = tag.rpartition(" ")[2]
        self._is_kept = tag in ("title", "ns", "text", "namespace")
        self._parts, self._size = [], 0
        if tag == "page":
            self._page = {}
        elif tag == "redirect":
            self._page["redirect"] = ""
        elif tag == "namespace":
            self._key = attributes.get("key")

    def _add(self, text):
        if self._is_kept:
            self._parts.append(text)
            self._size += len(text)
            checks.file(self._size <= _LONGEST_PAGE, self._name, "pages of at most %d characters" %
                        _LONGEST_PAGE, "a longer one: %s" % checks.show(self._page.get("title")))

    def _end(self, tag):
        tag = tag.rpartition(" ")[2]
        if tag in ("title", "ns", "text"):
            self._page[tag] = "".join(self._parts)
        elif tag == "namespace" and self._key in ("-2", "6", "14"):  # media, files, categories
            self._prefixes.add("".join(self._parts).lower())
        elif tag == "page":
            text = self._page.get("text", "")
            is_article = (self._page.get("ns", "0").strip() == "0" and "redirect" not in self._page
                          and not _REDIRECT.match(text) and text.strip())
            self.num_articles += bool(is_article)
            self.num_left_out += not is_article
            if is_article:
                self._found.append((self._page.get("title", ""), text))
        self._is_kept = False

    def _refuse(self, *_):
        checks.file(False, self._name, "the XML of a Wikipedia dump", "XML with a document type")


_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
# Elements whose content is not running text.
_HOLDS_NO_TEXT = ("ref", "references", "math", "chem", "ce", "gallery", "timeline", "syntaxhighlight",
                  "source", "score", "imagemap", "hiero", "graph", "mapframe", "maplink", "templatedata",
                  "code", "pre", "style", "inputbox")
# The delimiters of parts to leave out: elements, templates {{ }}, tables {| |}.
_ENDS = re.compile(r"<(/?)(%s)\b[^<>]*?(/?)>|\{\{|\}\}|^[ \t:*#]*\{\||^[ \t]*\|\}(?!\})" %
                   "|".join(_HOLDS_NO_TEXT), re.M | re.I)
_BREAK = re.compile(r"</?(?:br|p|div|li|tr|td|th|blockquote|center|hr)\b[^<>]*>", re.I)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_EXTERNAL = re.compile(r"\[(?:[a-z]+:)?//[^\s\]\[<>]+[ \t]*([^\]\[\n]*)\]")
_LINK = re.compile(r"\[\[([^\[\]]*)\]\]")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*|simple")
_URL = re.compile(r"\b(?:https?|ftp)://\S+")
_LINE = re.compile(r"^[ \t]*(?:=.*=[ \t]*$|-{4,}|[|!].*$|[*#:;]+)", re.M)
_SWITCH = re.compile(r"__[A-Z]+__")
_QUOTES = re.compile(r"'{2,}")


def plain_text(text, prefixes=_NOT_IN_TEXT):
    """Extract the running text of an article, one paragraph or list item per line.

    Templates, tables, references, formulas, code, comments, files, categories, headings, HTML tags and
    addresses are left out. The words of links and of marked text stay.

    Args:
      text: string, wikitext.
      prefixes: strings in lower case, the names of namespaces whose links are not text.

    Returns:
      string.
    """
    text = _without_nested(_COMMENT.sub("", text))
    text = _TAG.sub("", _BREAK.sub("\n", text))
    text = _EXTERNAL.sub(r"\1", text)
    for _ in range(10):  # links in the captions of files: the inner ones first
        text, number = _LINK.subn(lambda match: _text_of_link(match.group(1), prefixes), text)
        if not number:
            break
    text = _LINE.sub("", _QUOTES.sub("", _SWITCH.sub("", text)))
    text = _URL.sub(" ", html.unescape(text))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _without_nested(text):
    """Remove elements, templates and tables, also nested; the text after an unclosed one stays."""
    kept, at = [], 0
    opened, number_of = [], collections.Counter()  # opened: (kind, number of parts before it)
    for match in _ENDS.finditer(text):
        kept.append(text[at:match.start()])
        at = match.end()
        kind, is_start = _kind_of(match)
        if is_start:
            opened.append((kind, len(kept)))
            number_of[kind] += 1
        elif number_of[kind]:
            closed = None
            while closed != kind:  # this also closes unclosed parts inside
                closed, number = opened.pop()
                number_of[closed] -= 1
            del kept[number:]
            kept.append(" ")
    kept.append(text[at:])
    return "".join(kept)


def _kind_of(match):
    """Return (the kind of the part that a match of _ENDS delimits, whether the match begins it)."""
    slash, name, is_empty = match.groups()
    if name:
        return "empty" if is_empty else name.lower(), not slash and not is_empty
    token = match.group().strip(" \t:*#")
    return {"}}": "{{", "|}": "{|"}.get(token, token), token in ("{{", "{|")


def _text_of_link(link, prefixes):
    """Return the text of [[link]]; empty for links to files, categories and other languages."""
    target, bar, label = link.partition("|")
    prefix, colon, _ = target.partition(":")
    prefix = prefix.strip().replace("_", " ")
    if colon and prefix and (prefix.lower() in prefixes or not bar and _LANGUAGE.fullmatch(prefix)):
        return ""
    return label if label.strip() else target.lstrip(" :")
