"""The base class of Word2Vec and YouTubeDNN: folder of the training, save, load, and measurements.

    class Word2Vec(Estimator, Word2VecSettings):
        PROGRAM = "word2vec"

TensorFlow is not imported.
"""
import fnmatch
import json
import os
import shutil
import tempfile
import weakref
from typing import Any, ClassVar, Dict, List, Tuple, Type, TypeVar

from tf1_sampled import checks
from tf1_sampled.files import places, writing
from tf1_sampled.training import file_names, host, model_dir
from tf1_sampled.training.settings import TrainingSettings

_Self = TypeVar("_Self", bound="Estimator")
_MACHINE = ("device", "threads", "steps_per_call", "batch_size")
_GIVEN = "given"  # key in settings.json: names of the settings that the user gave


class Estimator(TrainingSettings):
    """A model with `fit`. Its attributes are its settings, which do not change, and measurements.

    Attributes:
      folder: string, the folder of the model and its checkpoints; "" before `fit` or `load`.
      history: list of (units, seconds, loss), the losses that were shown during the training.
      seconds: float, time of the training alone.
      is_whole: boolean, False if the training was stopped before its end.
      cpu_seconds: float, CPU time of all cores during the training.
      machine: dict with the keys device, threads, steps_per_call and batch_size.
    """

    PROGRAM: ClassVar[str] = ""  # the value of "program" in settings.json
    KEPT: ClassVar[Tuple[str, ...]] = ()  # files that `save` copies too, beside those of any model

    folder: str
    history: List[Any]
    seconds: float
    is_whole: bool
    cpu_seconds: float
    machine: Dict[str, Any]
    _temporary: Dict[str, Any]  # {folder: weakref.finalize that deletes it}

    def __post_init__(self) -> None:
        super().__post_init__()
        self.folder, self.history, self.seconds, self.is_whole = "", [], 0.0, False
        self.cpu_seconds, self.machine = 0.0, {}
        self._temporary = {}

    def save(self, folder: str) -> None:
        """Copy the model to a folder, completely or not at all. `load` reads it, to query or to resume.

        Args:
          folder: string, a new or empty folder, or one with a model of this class, which is replaced.

        Raises:
          InputError: a model without `fit` or `load`; a folder with other files, or that cannot be
            created; a link or a pipe in the folder of the model.
        """
        self._check_fitted("save")
        folder = os.fspath(folder)
        if os.path.realpath(folder) == os.path.realpath(self.folder):
            return
        is_replaced = os.path.exists(os.path.join(folder, file_names.SETTINGS))
        if is_replaced:
            self._read_settings(folder)
            others = [name for name in sorted(os.listdir(folder)) if not any(
                fnmatch.fnmatchcase(name, pattern) for pattern in file_names.KEPT + self.KEPT)]
            checks.file(not others, folder, "a new or empty folder, or one with only a model in it",
                        "a folder that also has %s" % ", ".join(others[:3]))
        with writing.writing_folder(folder, is_replaced) as temporary:
            os.mkdir(temporary)
            for name in os.listdir(self.folder):
                if name in self.KEPT or file_names.is_of_checkpoints(name) or name in (
                        file_names.SETTINGS, file_names.METRICS):
                    source = places.kept_tree(self.folder, name)
                    # Copy times too: they tell which of two files is newer.
                    copy = shutil.copytree if os.path.isdir(source) else shutil.copy2
                    copy(source, os.path.join(temporary, name))

    @classmethod
    def load(cls: Type[_Self], folder: str, **changes: Any) -> _Self:
        """Return the model in a folder that `save` or the program wrote.

        Its `fit` resumes the training in that folder on the same data, for example with more epochs.

        Args:
          folder: string.
          **changes: settings with new values, such as epochs. Settings on which the model depends cannot
            change without restart=True.

        Raises:
          InputError: a folder without a model of this class, a setting that cannot change.
        """
        folder = os.fspath(folder)
        before = cls._read_settings(folder)
        checks.argument("model_dir" not in changes, cls.__name__, "model_dir", "the folder itself",
                        changes.get("model_dir"))
        defaults, given = cls().values(), before.get(_GIVEN) or ()
        values = {name: value for name, value in before.items()
                  if name in defaults and (value != defaults[name] or name in given)}
        values.update(restart=False, model_dir=folder)
        values.update(changes)
        model = cls(**values)
        for name in set(changes) - model.changeable():
            now = model.recorded()[name]
            model.check(model.restart or now == before.get(name), name, "%s, as the model in %s has" % (
                checks.show(before.get(name)), folder), now)
        model.folder = folder
        model._load(_metrics(folder))
        return model

    @classmethod
    def _read_settings(cls, folder: str) -> Dict[str, Any]:
        """Return the settings in settings.json; raise InputError for a folder of another program."""
        found = model_dir.read(folder)
        checks.file(found["program"] == cls.PROGRAM, folder, "a model of " + cls.PROGRAM,
                    "a model of " + found["program"])
        return found["settings"]

    def _load(self, metrics: Dict[str, Any]) -> None:
        """Set the measurements from metrics.json. Subclasses extend it to load the model."""
        self.history = [tuple(row) for row in metrics.get("history") or ()]
        self.seconds = float((metrics.get("seconds") or {}).get("train") or 0.0)
        self.is_whole = bool(metrics.get("is_whole", metrics))  # a stopped program writes none
        self.cpu_seconds = float(metrics.get("cpu_seconds") or 0.0)
        self.machine = {name: metrics[name] for name in _MACHINE if name in metrics}

    def _open_folder(self, who: host.OneMachine) -> model_dir.ModelDir:
        """Return the folder of a training: model_dir, or a temporary one that this object deletes."""
        path = self.model_dir if who.is_chief else ""
        if not path and who.is_chief and who.uses_temporary_folder():
            path = tempfile.mkdtemp(prefix="tf1_sampled-")
            self._temporary[path] = weakref.finalize(self, _delete, path, os.getpid())
        recorded = dict(self.recorded(), **{_GIVEN: sorted(self.given())})
        return model_dir.ModelDir(path, self.PROGRAM, recorded, self.changeable() | {_GIVEN},
                                  restart=self.restart, early=self.KEPT)

    def recorded(self) -> Dict[str, Any]:
        """Return the settings that settings.json keeps."""
        return self.values()

    def used(self) -> Dict[str, Any]:
        """Return {name: value} of the settings, with the values of the training for defaults."""
        return dict(self.recorded(), learning_rate=self.chosen_learning_rate(), **self.machine)

    def _take(self, result: Any, folder: str) -> None:
        """Set the measurements from the result of a training.

        Args:
          result: plans.TrainingResult.
          folder: string, the folder of the training.
        """
        self.folder, self.history, self.seconds = folder, list(result.history), result.seconds
        self.is_whole, self.cpu_seconds = result.is_whole, result.cpu_seconds
        self.machine = dict(zip(_MACHINE, (
            result.device, result.threads, result.steps_per_call, result.step_size)))
        for path in set(self._temporary) - {folder}:
            self._temporary.pop(path)()

    def _check_fitted(self, method: str) -> None:
        checks.argument(self.folder, type(self).__name__, method, "a model after fit or load", None)


def _delete(folder: str, process: int) -> None:
    """Delete a temporary folder, but not at the end of a process that was forked from its creator."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _metrics(folder: str) -> Dict[str, Any]:
    """Return the dict in metrics.json, or {} if it cannot be read. A link or pipe is an InputError."""
    path = places.kept(folder, file_names.METRICS)
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
