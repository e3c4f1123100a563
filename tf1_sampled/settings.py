"""Settings. Each is declared once, with its default, its range and its help.

    @dataclasses.dataclass(frozen=True, eq=False, repr=False)
    class MySettings(Settings):
        dim: int = setting(128, "Size of the embeddings.", "model", least=1)

    MySettings(dim=64).dim             64
    MySettings(dim=0)                  InputError: MySettings: dim: wanted an integer of 1 or more, got 0
    MySettings(dim=64).is_given("dim") True

The Python API takes settings as keywords; the programs create flags from them (programs/flags.py).
TensorFlow is not imported.
"""
import dataclasses
import difflib
import inspect
import json
import math
import operator
import os
import textwrap
from typing import Any, ClassVar, Dict, FrozenSet, List, Optional, Sequence, Tuple, Type, TypeVar

from tf1_sampled import checks

GROUPS = ("study", "data", "model", "training", "results", "cluster")  # in the order of --help

_Self = TypeVar("_Self", bound="Settings")


@dataclasses.dataclass(frozen=True)
class Setting:
    """The properties of a setting other than its name, type and default.

    Attributes:
      help: string, one or more sentences, which name other settings as --other.
      group: string, one of GROUPS.
      least, above, most: None, or number: the range of a number, or of each number in a list.
      choices: strings, the allowed values; empty for any value.
      may_change: boolean, whether the value may change when a training is resumed.
    """

    help: str
    group: str
    least: Optional[float] = None
    above: Optional[float] = None
    most: Optional[float] = None
    choices: Sequence[str] = ()
    may_change: bool = False


@dataclasses.dataclass(frozen=True)
class Kind:
    """The type of a setting: "boolean", "integer", "number" or "string", or a list of these."""

    name: str
    is_list: bool


def setting(default: Any, help: str, group: str, **details: Any) -> Any:
    """Return the dataclass field of a setting.

    Args:
      default: the value if the user gives none; a tuple for a list.
      help, group: see Setting.
      **details: further fields of Setting.
    """
    return dataclasses.field(default=default, metadata={"setting": Setting(help, group, **details)})


def inherited(base: type, name: str, **changes: Any) -> Any:
    """Return the field of a setting of a base class, with changes.

    Args:
      base: a Settings class.
      name: string, the name of the setting.
      **changes: `default`, or fields of Setting.
    """
    field = next(field for field in dataclasses.fields(base) if field.name == name)
    default = changes.pop("default", field.default)
    kept = dataclasses.replace(field.metadata["setting"], **changes)
    return dataclasses.field(default=default, metadata={"setting": kept})


class _Signature:
    """The signature of a class of settings: keywords with their defaults, as notebooks show them."""

    def __get__(self, instance: Any, owner: Any) -> inspect.Signature:
        return inspect.Signature([
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default,
                              annotation=field.type) for field in fields_of(owner)])


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Settings:
    """The base class of settings: dataclasses with values that are checked and do not change.

    Args:
      **values: settings by name; all other settings have their defaults.

    Raises:
      InputError: an unknown name, or a value of another type or out of its range.
    """

    __signature__ = _Signature()

    SEVERAL_FILES: ClassVar[str] = "--flag=a,b"  # the syntax for several files, for errors

    ELSEWHERE: ClassVar[Dict[str, str]] = {}  # {flag of another program: its name here}

    _given: ClassVar[FrozenSet[str]]  # the names of the given settings; one set per object
    _named: ClassVar[Tuple[str, str]]  # (name of the object, prefix of settings), for errors

    def __new__(cls, *args: Any, **values: Any) -> Any:
        checks.argument(not args, cls.__name__, "settings", "keywords alone", args)
        names = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            near = [cls.ELSEWHERE[name].replace("--", "")] if name in cls.ELSEWHERE else (
                difflib.get_close_matches(name, names, 1))
            checks.argument(name in names, cls.__name__, name, "a setting%s" % (
                ", maybe " + near[0] if near else ""), values[name])
        self = super().__new__(cls)
        object.__setattr__(self, "_given", frozenset(values))
        if not hasattr(self, "_named"):
            object.__setattr__(self, "_named", (cls.__name__, ""))
        return self

    @classmethod
    def of_program(cls: Type[_Self], program: str, values: Dict[str, Any]) -> _Self:
        """Return the settings of the flags of a program. Errors name them as flags.

        Args:
          program: string, the name of the program.
          values: {name: value} of the given flags.

        Raises:
          InputError: "run_word2vec: --dim: wanted ..., got ...".
        """
        self = cls.__new__(cls, **values)
        object.__setattr__(self, "_named", (program, "--"))
        self.__init__(**values)
        return self

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                object.__setattr__(self, field.name, self._checked(field, value))
        self._check_together()

    def _check_together(self) -> None:
        """Check settings that depend on each other. Subclasses extend it."""

    def is_given(self, name: str) -> bool:
        """Return whether the user gave a setting, even with its default value."""
        return name in self._given

    def label(self, name: str) -> str:
        """Return the name of a setting in errors: the keyword, or the flag that the user gave."""
        return self._named[1] + name

    def check(self, condition: Any, name: str, wanted: str, got: Any) -> None:
        """Raise InputError "Word2Vec: dim: wanted X, got Y" unless `condition` holds."""
        checks.argument(condition, self._named[0], self.label(name), wanted, got)

    def values(self) -> Dict[str, Any]:
        """Return {name: JSON value} of all settings."""
        return json.loads(json.dumps({f.name: getattr(self, f.name) for f in dataclasses.fields(self)}))

    def changeable(self) -> FrozenSet[str]:
        """Return the names of the settings that may change when a training is resumed."""
        return frozenset(field.name for field in dataclasses.fields(self)
                         if field.metadata["setting"].may_change)

    def given(self) -> Dict[str, Any]:
        """Return {name: value} of the settings that the user gave."""
        return {name: getattr(self, name) for name in sorted(self._given)}

    def __repr__(self) -> str:
        given = ", ".join("%s=%r" % pair for pair in self.given().items())
        return "%s(%s)" % (type(self).__name__, given)

    def _checked(self, field: Any, value: Any) -> Any:
        """Return the value converted to the type of its field, or raise InputError."""
        about, kind = field.metadata["setting"], kind_of(field)
        if kind.is_list:
            is_one = isinstance(value, str) or hasattr(value, "__fspath__")
            values = [value] if is_one else value
            is_list = isinstance(values, (list, tuple)) or getattr(values, "ndim", 0) == 1
            self.check(is_list, field.name, "a list of %ss" % kind.name, value)
            return tuple(self._checked_one(field.name, about, kind.name, one) for one in values)
        return self._checked_one(field.name, about, kind.name, value)

    def _checked_one(self, name: str, about: Any, kind: str, value: Any) -> Any:
        if kind == "boolean":
            self.check(type(value).__name__ in ("bool", "bool_"), name, "True or False", value)
            return bool(value)
        if kind == "string":
            if not isinstance(value, str) and hasattr(value, "__fspath__"):
                value = os.fspath(value)
            self.check(isinstance(value, str), name, "a string", value)
            fits = not about.choices or value in about.choices
            self.check(fits, name, "one of " + ", ".join(about.choices), value)
            return str(value)  # also for a NumPy string
        number = _number(kind, value)
        fits = (number is not None and (about.least is None or number >= about.least)
                and (about.above is None or number > about.above)
                and (about.most is None or number <= about.most))
        self.check(fits, name, _range(kind, about), value)
        return number


_KINDS = {bool: "boolean", int: "integer", float: "number", str: "string"}


def kind_of(field: Any) -> Any:
    """Return the Kind of a dataclass field: bool, int, float, str, Optional or Sequence of these."""
    arguments = [t for t in getattr(field.type, "__args__", ()) if t is not type(None)]
    if not arguments:
        return Kind(_KINDS[field.type], False)
    return Kind(_KINDS[arguments[0]], isinstance(field.default, tuple))


def fields_of(settings_class: type) -> List[Any]:
    """Return the dataclass fields of a Settings class, group after group."""
    return sorted(dataclasses.fields(settings_class),
                  key=lambda field: GROUPS.index(field.metadata["setting"].group))


def described(field: Any, default: Any = None) -> str:
    """Return the help of a field, with its choices and its default unless the help states them.

    Args:
      field: dataclasses.Field.
      default: another default than that of the field and of its help; None for theirs.
    """
    about, text = field.metadata["setting"], field.metadata["setting"].help
    if about.choices:
        text += " One of %s." % ", ".join(about.choices)
    if default is not None:
        return "%s Default: %s." % (text.split(" Default: ")[0], default)
    if "Default:" in text or field.default in (None, "", ()):
        return text
    default = field.default
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    elif isinstance(default, bool):
        default = "on" if default else "off"
    elif isinstance(default, float):
        default = "%g" % default
    return "%s Default: %s." % (text, default)


def documented(cls: Type[_Self]) -> Type[_Self]:
    """Add the settings of a class to its docstring. A class decorator, for help()."""
    lines = ["", "", "    Settings:"]
    for field in fields_of(cls):
        lines += textwrap.wrap("%s: %s" % (field.name, described(field).replace("--", "")), 100,
                               initial_indent=" " * 6, subsequent_indent=" " * 8)
    cls.__doc__ = (cls.__doc__ or "").rstrip() + "\n".join(lines) + "\n"
    return cls


def _number(kind: str, value: Any) -> Any:
    """Return an int or a finite float, or None for other values."""
    is_array = getattr(value, "ndim", 0) > 0
    if is_array or type(value).__name__ in ("bool", "bool_", "str", "str_", "bytes"):
        return None  # float() would accept some of them
    try:
        number = operator.index(value) if kind == "integer" else float(value)
        return number if math.isfinite(number) else None  # OverflowError: larger than any float
    except (TypeError, ValueError, OverflowError):
        return None


def _range(kind: str, about: Any) -> str:
    """Return the range of a number in words."""
    what = {"integer": "an integer", "number": "a number"}[kind]
    if about.least is not None and about.most is not None:
        return "%s from %g to %g" % (what, about.least, about.most)
    if about.least is not None:
        return "%s of %g or more" % (what, about.least)
    if about.above is not None:
        return "%s above %g" % (what, about.above) + (
            "" if about.most is None else " and at most %g" % about.most)
    return what if about.most is None else "%s of %g or less" % (what, about.most)
