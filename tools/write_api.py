"""Write docs/api.md, the docstrings of all public names: python tools/write_api.py"""
import ast
import importlib
import inspect
import os
import re
import sys
import textwrap

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PATH = os.path.join(_ROOT, "docs", "api.md")
_HEAD = """# API

All public names, with their docstrings. Axes have the same letters everywhere: B batch, T `num_true`,
S `num_sampled`, C `num_classes`, D dimension; see the [glossary](glossary.md) and
[losses and samplers](losses_and_samplers.md). A wrong argument gives an `InputError`, a `ValueError`.

This file is written by `python tools/write_api.py` from the code.
"""
# (title, introduction, modules): the public names of tf1_sampled by their modules.
_GROUPS = (
    ("Losses", "They return the loss of each example and reduce nothing.", ("losses",)),
    ("Samplers", "A sampler returns the candidates and their expected counts.", ("samplers",)),
    ("Distributions", "One object may serve many samplers.", ("distributions",)),
    ("Candidates", "What a sampler returns, and functions that change it.", ("candidates",)),
    ("Logits and tables", "The parts of a loss, for your own losses.", ("logits", "blocks")),
    ("Optimizers and steps", "Steps cost what the batch costs, whatever the number of classes.",
     ("optimizers", "training.steps", "training.checkpoints")),
    ("Names and errors", "Tables of losses, samplers and optimizers by name.", ("registry", "checks")),
)
# (title, introduction, objects): objects that are not in tf1_sampled itself.
_MORE = (
    ("Word vectors", "See [word vectors](word2vec.md), and [settings](settings.md) for keywords.",
     ("word2vec.word2vec.Word2Vec", "word2vec.word_vectors.WordVectors",
      "word2vec.vectors.read_vectors")),
    ("Recommenders", "See [recommenders](recommenders.md), and [settings](settings.md) for keywords.",
     ("recsys.youtube_dnn.YouTubeDNN", "recsys.recommender.Recommender")),
    ("Training", "The loop that both classes use, for a loss of your own.",
     ("training.estimator.Estimator", "training.loop.train", "training.plans.Plan",
      "training.plans.Objective", "training.plans.Data", "training.plans.Optimization",
      "training.policy.Saving", "training.policy.Validation", "training.plans.TrainingResult")),
)
_METHODS = {
    "LearnedUnigram": ("observe",),
    "StreamingFrequency": ("observe",),
    "Word2Vec": ("fit", "most_similar", "similarity", "odd_one_out", "evaluate_similarity",
                 "evaluate_analogies", "save_word2vec_format", "save", "load", "metrics"),
    "WordVectors": ("most_similar", "similarity", "odd_one_out", "evaluate_similarity",
                    "evaluate_analogies", "save_word2vec_format"),
    "YouTubeDNN": ("fit", "recommend", "similar_items", "recommend_all", "evaluate", "save", "load",
                   "metrics"),
    "Recommender": ("recommend", "recommend_many", "recommend_stored", "similar_items", "popular",
                    "embed", "search", "knows", "title", "count", "close"),
}
_LISTS = ("Args", "Attributes", "Raises")
_HIDDEN = ("Settings",)  # docs/settings.md has them


def text():
    """Return what the file has to hold."""
    import tf1_sampled

    parts = [_HEAD]
    for title, introduction, modules in _GROUPS:
        homes = [item for module in modules for item in tf1_sampled._HOME.items() if item[1] == module]
        parts += ["## %s\n\n%s\n" % (title, introduction)]
        parts += [_entry(name, getattr(tf1_sampled, name), "tf1_sampled." + name) for name, _ in homes]
    for title, introduction, paths in _MORE:
        parts += ["## %s\n\n%s\n" % (title, introduction)]
        for path in paths:
            module, _, name = path.rpartition(".")
            found = getattr(importlib.import_module("tf1_sampled." + module), name)
            # word2vec.Word2Vec is word2vec.word2vec.Word2Vec.
            shown = re.sub(r"^(word2vec|recsys)\.\w+\.(?=Word2Vec|YouTubeDNN)", r"\1.", path)
            parts.append(_entry(name, found, "tf1_sampled." + shown))
    return "\n".join(parts)


def _entry(name, found, path):
    """Return the section of a public object; of a class, its methods too."""
    if not callable(found):
        return "### %s\n\n`%s`: a mapping with the keys %s.\n" % (
            name, path, ", ".join("`%s`" % key for key in found))
    parts = ["### %s\n\n%s\n\n%s" % (name, _code(path, found), _markdown(found))]
    for method in ["%s.%s" % (name, method) for method in _METHODS.get(name, ())]:
        attribute = getattr(found, method.partition(".")[2])
        parts.append("#### %s\n\n%s\n\n%s" % (method, _code(method, attribute), _markdown(attribute)))
    return "\n".join(parts)


def _code(path, found):
    """Return the signature as a block of code: names and defaults, without types."""
    if hasattr(found, "_fields"):
        defaults = getattr(found, "_field_defaults", {})
        arguments = [name + ("=%s" % _default(defaults[name]) if name in defaults else "")
                     for name in found._fields]
    elif hasattr(found, "PROGRAM"):
        arguments = ["**settings"]
    elif inspect.isclass(found) and issubclass(found, Exception):
        arguments = ["message"]
    else:
        arguments = _arguments(found.__init__ if inspect.isclass(found) else found)
    return "```text\n%s\n```" % "\n".join(textwrap.wrap(
        "%s(%s)" % (path, ", ".join(arguments)), 100, subsequent_indent="    ", break_long_words=False))


def _arguments(function):
    """Return the arguments of a function with their defaults, as text."""
    found = []
    for parameter in inspect.signature(function).parameters.values():
        name = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        name += parameter.name
        if parameter.default is not parameter.empty:
            name += "=" + _default(parameter.default)
        if name != "self":
            found.append(name)
    return found


def _default(value):
    return "..." if inspect.isfunction(value) else getattr(value, "__name__", repr(value))


def _markdown(found):
    """Return the docstring of an object as Markdown."""
    document = inspect.cleandoc(found.__doc__)
    if inspect.isclass(found) and "Args:" not in document and "__init__" in vars(found):
        document += "\n\n" + inspect.cleandoc(found.__init__.__doc__ or "")
    blocks = re.split(r"\n\s*\n", document)
    is_record = hasattr(found, "_fields")
    return "\n\n".join(filter(None, (_block(block, is_record) for block in blocks))) + "\n"


def _block(block, is_record):
    """Return a paragraph, a block of code or a section of a docstring as Markdown."""
    section = re.match(r"(\w+):\n(?=  )", block)
    if section:
        title, body = section.group(1), textwrap.dedent(block[section.end():])
        if title in _HIDDEN:
            return ""
        return "**%s**\n\n%s" % (title, _items(body) if title in _LISTS else _escaped(body))
    if block.startswith("    ") or _is_code(block):
        return "\n".join("    " + line for line in textwrap.dedent(block).splitlines())
    body = textwrap.dedent(block)
    if is_record and re.match(r"\w+: ", body):
        return _items(body)
    return re.sub(r"^Reference: ", "**Reference**: ", _escaped(body))


def _is_code(block):
    """Return whether a block without indentation is code, as a docstring's that has nothing else."""
    try:
        return any(isinstance(node, ast.Call) for node in ast.walk(ast.parse(block)))
    except SyntaxError:
        return False


def _items(body):
    """Return lines of "name: text", whose further lines are indented, as a list."""
    lines = []
    for line in re.sub(r"\n +", " ", body).splitlines():
        name, colon, rest = line.partition(": ")
        lines.append("- `%s`: %s" % (name, _escaped(rest)) if colon else "- " + _escaped(line))
    return "\n".join(lines)


def _escaped(words):
    """Return text in which nothing but `code` is Markdown."""
    parts = re.split(r"(`[^`]*`)", words)
    for i in range(0, len(parts), 2):
        plain = parts[i].replace("&", "&amp;").replace("<", "&lt;")
        parts[i] = re.sub(r"\*|(?<!\w)_", r"\\\g<0>", plain)
    return "".join(parts)


if __name__ == "__main__":
    sys.path.insert(0, _ROOT)
    with open(PATH, "w", encoding="utf-8") as stream:
        stream.write(text())
