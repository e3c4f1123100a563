"""The folder of a model: one program at a time, with fixed settings and data.

    folder = ModelDir(path, "recsys", settings, may_change={"epochs"})   early: checks the settings
    with folder:
        folder.begin({"events": digest})                     before training: creates, locks the folder
        folder.path
    # Other processes may use the folder now; a ModelDir of the same path resumes the training.

`settings.json` holds the settings of the model, `lock` the id of the process that trains it.
TensorFlow is not imported, so that errors are reported at once.
"""
import atexit
import contextlib
import itertools
import json
import os

from tf1_sampled import checks
from tf1_sampled.files import places, reading, writing
from tf1_sampled.training import file_names

try:
    import fcntl
except ImportError:  # Windows: no locks
    fcntl = None


class ModelDir:
    """The folder of a new or a resumed training. As a context manager it is closed at the end.

    Args:
      path: string; "" for the next free one of runs/<program>-1, -2, ...
      program: string, name of the program that writes such models.
      settings: {name: JSON value}, the settings of the training.
      may_change: names of the settings that may change when a training is resumed.
      restart: boolean, whether to start over if the folder has a model.
      early: names of the files that may be written between `begin` and the first checkpoint.

    Raises:
      InputError: a folder with a model of other settings or of another program, a folder in use, or a
        path that is not text.
    """

    def __init__(self, path, program, settings, may_change=(), restart=False, early=()):
        places.check_text(path)
        self.path = path
        self._program, self._settings = program, json.loads(json.dumps(settings))
        self._may_change, self._restart = frozenset(may_change), restart
        self._early = {file_names.SETTINGS, file_names.LOCK, *early}
        self._lock_stream = None
        self._was_made = False  # whether this process created the folder
        if path and os.path.isdir(path) and not restart:
            self._check_settings()
            self._lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def is_resumed(self):
        """Return whether the folder holds a training, which is resumed."""
        return not self._restart and bool(self.path) and os.path.exists(self._file(file_names.SETTINGS))

    def earlier(self, name):
        """Return the earlier value of a setting in the folder; None if it cannot be read."""
        with contextlib.suppress(checks.InputError):
            if self.path and os.path.exists(self._file(file_names.SETTINGS)):
                return read(self.path)["settings"].get(name)
        return None

    def unchanging(self, data):
        """Return {name: value} of the settings that must not change, of the program and of the data.

        Args:
          data: {name: digest}, the digests of the training data.
        """
        kept = {name: value for name, value in self._settings.items() if name not in self._may_change}
        return dict(kept, program=self._program, data=data)

    def begin(self, data):
        """Create the folder, lock it until `close` or the end of the process, and write its settings.

        Incomplete files of a killed process are deleted. With `restart` the first `begin` also deletes
        the checkpoints of an earlier model; a second `begin` resumes.

        Args:
          data: {name: digest}, the digests of the training data.

        Raises:
          InputError: a folder that cannot be created or is in use, or changed data.
        """
        if not os.path.isdir(self.path):
            self._make()
            self._was_made = True
        self._lock()
        before = {}
        if self.is_resumed:
            self._check_settings()
            self._check_data(data)
            before = read(self.path)["settings"]
        self._clean()
        self._restart = False
        with writing.writing(self._file(file_names.SETTINGS)) as stream:
            json.dump({"program": self._program, "settings": dict(before, **self._settings),
                       "data": data}, stream, indent=2, sort_keys=True)
            stream.write("\n")

    def close(self):
        """Unlock the folder. Delete it if this process created it and it has no model.

        The end of the process has the same effect.
        """
        if self._was_made:
            self._delete_if_empty()
            self._was_made = False
        if self._lock_stream:
            self._lock_stream.close()
            self._lock_stream = None
        atexit.unregister(self.close)

    def _check_settings(self):
        if not os.path.exists(self._file(file_names.SETTINGS)):
            has_checkpoints = any(file_names.step_of(name, ".*") is not None
                                  for name in os.listdir(self.path))
            checks.file(not has_checkpoints, self.path, "a folder of this program or a new folder",
                        "a model without settings.json")
            return
        before = read(self.path)
        checks.file(before["program"] == self._program, self.path, "a model of %s" % self._program,
                    "a model of %s" % before["program"])
        changed = [name for name in sorted(set(self._settings) - self._may_change)
                   if name in before["settings"] and before["settings"][name] != self._settings[name]]
        checks.file(not changed, self.path, "the settings that its model is trained with", "%s; choose "
                    "another --model_dir, or start over with --restart" % ", ".join(
                        "--%s=%s for %s" % (name, _shown(self._settings[name]),
                                            _shown(before["settings"][name])) for name in changed))

    def _check_data(self, data):
        before = read(self.path)["data"]
        changed = sorted(name for name in data if before.get(name) != data[name])
        checks.file(not changed, self.path, "the data that its model is trained on",
                    "other %s; --restart starts over" % " and ".join(changed))

    def _make(self):
        try:
            if self.path:
                os.makedirs(self.path, exist_ok=True)
                return
            for number in itertools.count(1):
                path = os.path.join("runs", "%s-%d" % (self._program, number))
                try:
                    os.makedirs(path)
                except FileExistsError:
                    if not os.path.isdir("runs"):
                        raise
                else:
                    self.path = path
                    return
        except OSError as e:
            raise checks.InputError("%s: wanted a folder for the model, got: %s" % (
                self.path or "runs", e.strerror)) from e

    def _lock(self):
        """Lock the folder for this process. The lock ends with the process, however it ends."""
        if self._lock_stream:
            return
        path = places.kept(self.path, file_names.LOCK)
        try:
            # O_NOFOLLOW: the file could have been replaced by a link since the check.
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
            stream = open(handle, "r+", encoding="ascii", errors="replace")
        except OSError as e:
            raise checks.InputError("%s: wanted a writable path, got: %s" % (
                self.path, e.strerror)) from e
        try:
            if fcntl:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            with stream:
                raise checks.InputError(
                    "%s: wanted a model_dir that no other program uses, got one in use by process %s" % (
                        self.path, stream.read(20).strip())) from e
        stream.truncate()
        stream.write("%d\n" % os.getpid())
        stream.flush()
        self._lock_stream = stream
        atexit.register(self.close)

    def _delete_if_empty(self):
        with contextlib.suppress(OSError):
            if not set(os.listdir(self.path)) - self._early:
                writing.delete(self.path)

    def _clean(self):
        """Delete incomplete files of a killed process, and with `restart` the checkpoints."""
        for name in os.listdir(self.path):
            is_of_model = file_names.is_of_checkpoints(name)
            if name.startswith(writing.MAKING) or self._restart and is_of_model:
                writing.delete(self._file(name))

    def _file(self, name):
        return os.path.join(self.path, name)


def read(folder):
    """Read settings.json in the folder of a model: a dict with "program", "settings" and "data".

    Args:
      folder: string.

    Raises:
      InputError: a missing file, a link, or other contents.
    """
    path = places.kept(folder, file_names.SETTINGS)
    with reading.open_text(path) as stream:
        try:
            found = json.load(stream)
            return {"program": str(found["program"]), "settings": dict(found["settings"]),
                    "data": dict(found["data"])}
        except (ValueError, KeyError, TypeError, RecursionError) as e:
            raise checks.InputError("%s: wanted the settings of a model, got: %s: %s" % (
                path, type(e).__name__, e)) from e


def _shown(value):
    return ",".join(map(str, value)) if isinstance(value, list) else value
