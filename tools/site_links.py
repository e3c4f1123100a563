"""A hook of mkdocs: the site has docs/ alone, so a link to another file becomes its text."""
import re


def on_page_markdown(markdown, **_):
    """Return the text of a page, in which [text](../file) is text."""
    return re.sub(r"(?<!!)\[([^]]*)\]\(\.\./[^)]*\)", r"\1", markdown)
