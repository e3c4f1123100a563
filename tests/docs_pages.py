"""The pages of the documentation, and the parts of a page: prose, headings, links, code.

    for path in docs_pages.paths():
        for block in docs_pages.blocks(docs_pages.read(path)):
            print(path, block.line, block.language)
"""
import glob
import os
import re
import textwrap
from typing import NamedTuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

_FENCE = re.compile(r"^( *)(```+|~~~+) *(.*)$")
_LIST_ITEM = re.compile(r"^ *([-*+]|\d+\.) ")
_COMMENT = re.compile(r"(?s)<!--.*?-->")


# Bazel's trees have no benchmarks, and links and commands lead there.
IS_WHOLE_TREE = os.path.isdir(os.path.join(ROOT, "benchmarks"))


class Block(NamedTuple):
    """A block of code.

      line: integer, where its first line is on the page, from 1 on.
      language: string, the info string of a fence; "" of an indented block and a fence without one.
      code: string, without the indentation that all lines share.
      comment: string, the HTML comment in the line above it; "" for none.
    """

    line: int
    language: str
    code: str
    comment: str = ""


def paths():
    """Return the paths of all pages, relative to ROOT."""
    found = [os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs", "*.md"))]
    return ["README.md", "CONTRIBUTING.md"] + sorted(found)


def read(path):
    """Return the text of a page, or of another file, by its path relative to ROOT."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
        return stream.read()


def blocks(text):
    """Return the Blocks of a page."""
    return _parts(text)[1]


def prose(text):
    """Return a page without its blocks of code and its comments, a line for each of its lines."""
    return _COMMENT.sub(lambda comment: "\n" * comment.group().count("\n"), _parts(text)[0])


def headings(text):
    """Return the texts of a page's headings, without backticks and links."""
    found = re.findall(r"(?m)^#+ +(.*?) *#*$", prose(text))
    return [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "") for heading in found]


def anchors(text):
    """Return the anchors of a page that GitHub and the site both give its headings."""
    found = []
    for heading in headings(text):
        plain = re.sub(r"[^\w\s-]", "", heading).strip().lower()
        on_github, on_site = plain.replace(" ", "-"), re.sub(r"[-\s]+", "-", plain)
        if on_github == on_site and on_site.isascii() and on_site not in found:
            found.append(on_site)
    return found


def links(text):
    """Return the targets of a page's links and pictures."""
    plain = re.sub(r"`[^`\n]*`", "``", prose(text))
    return (re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", plain)
            + re.findall(r"(?m)^\[[^]]+\]: *(\S+)", plain)
            + re.findall(r"<(?:img|a)\b[^>]*\b(?:src|href)=\"([^\"]+)\"", plain))


def sentences(text):
    """Return the sentences of a page's prose: of paragraphs, items of lists and cells of tables.

    Inline code is one word, and a link is its text.
    """
    plain = re.sub(r"`[^`]*`", "code", prose(text))
    plain = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", plain).replace("*", "")
    found = []
    for paragraph in re.split(r"\n\s*\n|\n(?= *(?:[-+#|>]|\d+\.) ?)|\|", plain):
        found += re.split(r"(?<=[.!?])[\")]*\s+", " ".join(paragraph.split()))
    return [sentence for sentence in found if re.search(r"\w", sentence)]


def _parts(text):
    """Return (prose, Blocks) of a page."""
    outside, found, lines, indent = [], [], text.splitlines(), 4
    i = 0
    while i < len(lines):
        fence, end = _FENCE.match(lines[i]), i + 1
        if fence:
            while end < len(lines) and not re.match(r" *%s+ *$" % re.escape(fence.group(2)), lines[end]):
                end += 1
            language, first, code, end = fence.group(3).strip(), i + 2, lines[i + 1:end], end + 1
        elif _is_indented(lines[i], indent) and (i == 0 or not lines[i - 1].strip()):
            while end < len(lines) and (not lines[end].strip() or _is_indented(lines[end], indent)):
                end += 1
            language, first, code = "", i + 1, lines[i:end]
        else:
            if _LIST_ITEM.match(lines[i]):
                indent = 6
            elif re.match(r"\S", lines[i]) and (i == 0 or not lines[i - 1].strip()):
                indent = 4
            outside.append(lines[i])
            i += 1
            continue
        above = [line for line in lines[:i] if line][-1:]
        comment = re.match(r" *<!-- *(.*?) *-->$", "".join(above))
        found.append(Block(first, language, textwrap.dedent("\n".join(code)).strip("\n") + "\n",
                           comment.group(1) if comment else ""))
        outside += [""] * (end - i)
        i = end
    return "\n".join(outside) + "\n", found


def _is_indented(line, indent):
    return line.startswith(" " * indent) and bool(line.strip())
