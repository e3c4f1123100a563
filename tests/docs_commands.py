"""The commands of the documentation: what they run, and which flags that has.

    for command in docs_commands.commands("make demo\\npython run_recsys.py --dim=8 | head\\n"):
        docs_commands.check(command)

A program's flags are those that its source defines, and of programs made from Settings the values are
read too. Nothing is run.
"""
import os
import re
import runpy
import shlex
import sys
import unittest.mock

from tests import docs_pages
from tf1_sampled.programs import flags

_OURS = r"(?:\S*/)?(?:python3?(?:\.\d+)?|make|pip|run_\w+)"
_LINE = re.compile(r"(?:\$ )?(?:\w+=[\"']|(?:.*\| *)?%s(?: |$))" % _OURS)
_OTHERS = (
    ".", "apt-get", "bash", "bazel", "cat", "cd", "cp", "curl", "echo", "export", "git", "grep",
    "gunzip", "head", "kill", "ls", "mkdir", "saved_model_cli", "sed", "seq", "sh", "ssh", "tar",
    "tensorboard", "ulimit", "unzip", "wget", "xz", "xzcat", "zcat",
)
_MODULES = ("http.server", "mkdocs", "mypy", "pip", "pytest", "ruff", "venv")


def commands(text):
    """Return the simple commands of a shell script, lists of words: no variables, `|`, `>` and `#`."""
    found, variables = [], {}
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        for words in _simple(re.sub(r"^\$ ", "", line)):
            while words and re.match(r"\w+=", words[0]):
                name, _, variables["$" + name] = words.pop(0).partition("=")
            found += [sum([shlex.split(variables.get(word, shlex.quote(word))) for word in words], [])]
    return [words for words in found if words]


def lines_of_output(text):
    """Return the lines of a block without a language that are commands of this project, as a script."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return "".join(line + "\n" for line in lines if _LINE.match(line))


def check(words):
    """Raise ValueError, or an InputError of the program, for a command that cannot be run as it is."""
    program, arguments = os.path.basename(words[0]), words[1:]
    if program == "make":
        targets = re.findall(r"(?m)^(\w+):", docs_pages.read("Makefile"))
        _check_known("target", [word for word in arguments if "=" not in word], targets)
    elif program == "pip":
        extras = re.findall(r'(?m)^    "(\w+)": \[', docs_pages.read("setup.py"))
        named = [extra for word in arguments for extra in re.findall(r"\[([^]]*)\]", word)]
        _check_known("extra", sum([extra.split(",") for extra in named], []), extras)
    elif re.match(_OURS + "$", words[0]):
        if program.startswith("run_"):
            arguments = [program + ".py"] + arguments
        if arguments and arguments[0] != "-c":
            _check_python(arguments)
    else:
        _check_known("program", [program], _OTHERS)


def flags_of(path):
    """Return the names of the flags that a program defines, of the path of its source."""
    classes = _settings_classes(path)
    if classes:
        fields = [field for c in classes for field in flags.settings.fields_of(c)]
        return {field.name for field in fields} | {"flagfile", "help"}
    source = docs_pages.read(path)
    found = {"help", *re.findall(r"(?:\.add_argument|\.DEFINE_\w+)\(\s*\"(?:--)?(\w+)\"", source)}
    for name in re.findall(r"(?m)^import (\w+)$", source):  # a neighbour may define flags too
        neighbour = os.path.join(os.path.dirname(path), name + ".py")
        if os.path.exists(os.path.join(docs_pages.ROOT, neighbour)):
            found |= flags_of(neighbour)
    return found


def _check_python(arguments):
    """Check the arguments of python: a script or -m and a module, and its flags."""
    name, rest = arguments[0], arguments[1:]
    if name == "-m":
        name, rest = rest[0], rest[1:]
        if name in _MODULES:
            return
        name = name.replace(".", "/")
        is_package = os.path.isdir(os.path.join(docs_pages.ROOT, name))
        name += "/__main__.py" if is_package else ".py"
    if not os.path.exists(os.path.join(docs_pages.ROOT, name)):
        raise ValueError("there is no " + name)
    if "--" in rest:  # a program that starts another
        _check_python(rest[rest.index("--") + 1:])
        rest = rest[:rest.index("--")]
    classes = _settings_classes(name, rest)
    if classes and "--help" not in rest:
        flags.parse(name, [name] + rest, classes)
    else:
        given = [re.sub("=.*", "", word)[2:] for word in rest if word.startswith("--")]
        _check_known("flag of " + name, given, flags_of(name))


class _Parsed(BaseException):
    """What a program did until it read its flags; its argument: the Settings classes."""


def _settings_classes(path, arguments=()):
    """Return the Settings classes of a program whose flags flags.parse reads; [] of another program.

    It runs as far as that.
    """
    def stop(_, argv, classes):
        raise _Parsed(classes)

    if not re.search(r"(?m)\brunning\.run\(|\bflags\.parse\(|^from tf1_sampled\.programs import \w+$",
                     docs_pages.read(path)) or path.startswith(("tests", "tf1_sampled/programs")):
        return []
    argv = [path] + [word for word in arguments if word != "--help"]
    with unittest.mock.patch.object(flags, "parse", stop), unittest.mock.patch.object(sys, "argv", argv):
        try:
            runpy.run_path(os.path.join(docs_pages.ROOT, path), run_name="__main__")
        except _Parsed as e:
            return e.args[0]
        except SystemExit as e:
            raise ValueError("%s ends before it has read its flags" % path) from e
    return []


def _check_known(kind, names, known):
    for name in names:
        if name not in known:
            raise ValueError("%s: wanted one of %s, got %s" % (kind, ", ".join(sorted(known)), name))


def _simple(line):
    """Return the simple commands of a line, lists of words."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.wordchars += ",:+%@[]{}$^!"
    found, skip = [[]], False
    for word in lexer:
        if set(word) <= set("|&;()"):
            found.append([])
        elif set(word) <= set("<>"):
            skip = True
        elif skip:
            skip = False
        else:
            found[-1].append(word)
    return found
