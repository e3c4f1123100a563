"""Make flags from settings, and the text of --help in the order of the groups.

    values = parse(argv, [Word2VecSettings, ResultSettings])
    print(help_text("run_word2vec.py", __doc__, [Word2VecSettings, ResultSettings]))

absl parses the command line: --dim=64, --dim 64, --norepeats, --corpus='a.txt,"b,c.txt"', --flagfile.
The settings check the values and write the error messages.
"""
import re
import shutil
import textwrap
from typing import Any, Dict, List, Optional, Sequence, Type

from absl import flags

from tf1_sampled import checks, settings

_HELP = ("-h", "-?", "-help", "--help", "--helpshort", "--helpfull")
_PLACEHOLDERS = {"integer": "N", "number": "X", "string": "TEXT"}


class _AnyText(flags.ArgumentParser):
    """A parser that accepts any text; the settings check it.

    Args:
      kind: settings.Kind.
    """

    syntactic_help = ""

    def __init__(self, kind: Any):
        super().__init__()
        self._kind = kind

    def parse(self, argument: Any) -> Any:
        if not self._kind.is_list:
            return _converted(self._kind.name, argument)
        return [_converted(self._kind.name, text) for text in flags.ListParser().parse(argument)]

    def flag_type(self) -> str:
        return self._kind.name


class _AnyBoolean(flags.BooleanParser):
    """A parser of booleans that passes any other text on; the settings check it."""

    def parse(self, argument: Any) -> Any:
        try:
            return super().parse(argument)
        except ValueError:
            return argument


def wants_help(arguments: Sequence[str]) -> bool:
    """Return whether the arguments before a lone "--" ask for help."""
    own = arguments[:arguments.index("--")] if "--" in arguments else arguments
    return any(argument in _HELP for argument in own)


def parse(program: str, argv: Sequence[str], classes: Sequence[Type[settings.Settings]]) -> List[Any]:
    """Parse a command line into settings.

    Args:
      program: string, the program's name in errors.
      argv: strings, the program's path first.
      classes: Settings classes whose settings have distinct names.

    Returns:
      A list of Settings objects, one of each class.

    Raises:
      InputError: an unknown flag, an argument that is not a flag, an invalid value.
    """
    values = flags.FlagValues()
    for field in [field for c in classes for field in settings.fields_of(c)]:
        _define(field, values)
    try:
        rest = values(list(argv), known_only=False)[1:]
    except flags.UnrecognizedFlagError as e:
        hint = _hint(e.flagname, values, classes)
        raise checks.InputError("%s; --help shows all flags" % (
            "unknown flag --%s; use %s" % (e.flagname, hint) if hint
            else " ".join(str(e).split()))) from e
    except (flags.Error, ValueError) as e:  # ValueError: --norepeats=3, a flagfile that is not text
        raise checks.InputError("%s; --help shows all flags" % " ".join(str(e).split())) from e
    checks.argument(not rest, program, "arguments",
                    "only flags (for several files: %s)" % classes[0].SEVERAL_FILES, " ".join(rest))
    return [c.of_program(program, _given(values, c)) for c in classes]


def parse_some(program: str, argv: Sequence[str], settings_class: Type[settings.Settings]) -> Any:
    """Return the settings of one class, of a command line that may have flags of others.

    Args:
      program: string, its name in errors.
      argv: strings, the program's path first.
      settings_class: a Settings class.

    Raises:
      InputError: a value that does not fit.
    """
    values = flags.FlagValues()
    values.set_gnu_getopt()  # the values of other flags may stand between
    for field in settings.fields_of(settings_class):
        _define(field, values)
    try:
        values(list(argv), known_only=True)
    except (flags.Error, ValueError) as e:
        raise checks.InputError("%s; --help shows all flags" % " ".join(str(e).split())) from e
    return settings_class.of_program(program, _given(values, settings_class))


def help_text(program: str, doc: str, classes: Sequence[Type[settings.Settings]],
              defaults: Optional[Dict[str, Any]] = None, refused: Sequence[str] = ()) -> str:
    """Return the text of --help: the docstring, then the flags by groups.

    Args:
      program: string, the program's file name.
      doc: string, the docstring of the program's module.
      classes: Settings classes.
      defaults: {name of a setting: the program's default, where it differs from that of the class}.
      refused: names of settings that the program refuses, which are not shown.
    """
    width = max(60, min(shutil.get_terminal_size().columns, 105))
    lines = [doc.strip(), "", "Flags: %s --flag=value ..." % program]
    for group in settings.GROUPS:
        fields = [f for c in classes for f in settings.fields_of(c)
                  if f.metadata["setting"].group == group and f.name not in refused]
        if fields:
            lines += ["", "%s:" % group.capitalize()]
        for field in fields:
            about = settings.described(field, (defaults or {}).get(field.name))
            lines += ["  " + _syntax(field)] + textwrap.wrap(
                about, width, initial_indent=" " * 6, subsequent_indent=" " * 6,
                break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines + ["", "  -h, --help", "      Show this help.", "  --flagfile=FILE",
                              "      Read flags from a file, one per line."])


def _hint(name: str, values: Any, classes: Sequence[Type[settings.Settings]]) -> str:
    """Return the flag that corresponds to another program's flag; "" if none is known."""
    spelled = name.replace("-", "_").lower()
    for settings_class in classes:
        if spelled in settings_class.ELSEWHERE:
            return settings_class.ELSEWHERE[spelled]
    return "--" + spelled if spelled in values else ""


def _define(field: Any, values: Any) -> None:
    kind, about = settings.kind_of(field), field.metadata["setting"]
    if kind.name == "boolean":
        flag = flags.BooleanFlag(field.name, field.default, about.help)
        flag.parser = _AnyBoolean()
        flags.DEFINE_flag(flag, flag_values=values)
    else:
        flags.DEFINE(_AnyText(kind), field.name, None, about.help, flag_values=values)


def _given(values: Any, settings_class: Type[settings.Settings]) -> Dict[str, Any]:
    """Return the flags that the command line sets: {name: value}."""
    return {field.name: values[field.name].value for field in settings.fields_of(settings_class)
            if values[field.name].present}


def _converted(kind: str, text: Any) -> Any:
    """Convert a text to a number; return any other text as it is, for the settings to refuse."""
    if kind == "string" or not isinstance(text, str):
        return text
    try:
        return int(text) if kind == "integer" else float(text)
    except ValueError:
        return text


def _syntax(field: Any) -> str:
    kind = settings.kind_of(field)
    if kind.name == "boolean":
        return "--[no]%s" % field.name
    placeholder = "NAME" if field.metadata["setting"].choices else _PLACEHOLDERS[kind.name]
    return "--%s=%s" % (field.name, placeholder + (",..." if kind.is_list else ""))


def markdown(classes: Sequence[Type[settings.Settings]]) -> str:
    """Return the settings as Markdown for docs/settings.md, one table per group.

    Args:
      classes: Settings classes.
    """
    lines = []
    for group in settings.GROUPS:
        fields = [f for c in classes for f in settings.fields_of(c)
                  if f.metadata["setting"].group == group]
        if fields:
            lines += ["### %s" % group.capitalize(), "", "| setting | meaning and default |",
                      "|---|---|"]
            lines += ["| `%s` | %s |" % (field.name, _markdown(settings.described(field)))
                      for field in fields] + [""]
    return "\n".join(lines)


def _markdown(text: str) -> str:
    """Return the text of --help for a cell of a table, its flags as code."""
    return re.sub(r"--\w+(=[\w.+]*\w)?", r"`\g<0>`", text.replace("|", "\\|").replace("<", "&lt;"))
