"""The folder of a model: one program at a time, of one setting, on the same data.

    folder = ModelDir(path, "recsys", settings, may_change={"epochs"})   early: refuses another setting
    with folder:
        folder.begin({"events": digest})                     before training: makes the folder, locks it
        folder.path
    # Others may use the folder now; a ModelDir of the same path goes on with the training.

`settings.json` says what the model in a folder was trained with, `lock` which process trains it now.
TensorFlow is not imported, so that errors show at once.
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
    """A folder for a model, new or to go on in. As a context manager it is closed at the end.

    Args:
      path: string; "" for the next free one of runs/<program>-1, -2, ...
      program: string, which program makes such models.
      settings: dict of what the model depends on, values as of JSON.
      may_change: the names of settings that may be others when a training goes on.
      restart: boolean, whether to start anew where the folder holds a model.

    Raises:
      InputError: the folder holds a model of other settings or of another program, or is in use; or its
        path is not text.
    """

    def __init__(self, path, program, settings, may_change=(), restart=False):
        places.check_text(path)
        self.path = path
        self._program, self._settings = program, json.loads(json.dumps(settings))
        self._may_change, self._restart = frozenset(may_change), restart
        self._lock_stream = None
        self._was_made = False  # by this process
        if path and os.path.isdir(path) and not restart:
            self._check_settings()
            self._lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def goes_on(self):
        """Whether the folder holds a training of these settings, which goes on."""
        return not self._restart and bool(self.path) and os.path.exists(self._file(file_names.SETTINGS))

    def earlier(self, name):
        """Return the setting that the folder's training had before; None where none can be read."""
        with contextlib.suppress(checks.InputError):
            if self.path and os.path.exists(self._file(file_names.SETTINGS)):
                return read(self.path)["settings"].get(name)
        return None

    def unchanging(self, data):
        """Return {name: value} of the settings that must not change, the program and the data.

        Args:
          data: {name: digest}, of the files that are trained on.
        """
        kept = {name: value for name, value in self._settings.items() if name not in self._may_change}
        return dict(kept, program=self._program, data=data)

    def begin(self, data):
        """Make the folder, lock it until `close` or the end of the process, and write its settings.

        What a kill left half written is deleted; with `restart` also an earlier model's checkpoints,
        once: a second `begin` goes on.

        Args:
          data: {name: digest}, of the files that are trained on.

        Raises:
          InputError: a folder that cannot be made or is in use, other data than before.
        """
        if not os.path.isdir(self.path):
            self._make()
            self._was_made = True
        self._lock()
        before = {}
        if self.goes_on:
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
        """Unlock the folder; delete it if this process made it and left nothing in it.

        The end of the process does the same.
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
            checks.file(not has_checkpoints, self.path, "a folder that this program made, or a new one",
                        "a model without settings.json")
            return
        before = read(self.path)
        checks.file(before["program"] == self._program, self.path, "a model of %s" % self._program,
                    "one of %s" % before["program"])
        changed = [name for name in sorted(set(self._settings) - self._may_change)
                   if name in before["settings"] and before["settings"][name] != self._settings[name]]
        checks.file(not changed, self.path, "the settings that its model is trained with", "%s; another "
                    "--model_dir is for another model, --restart starts this one anew" % ", ".join(
                        "--%s=%s for %s" % (name, _shown(self._settings[name]),
                                            _shown(before["settings"][name])) for name in changed))

    def _check_data(self, data):
        before = read(self.path)["data"]
        changed = sorted(name for name in data if before.get(name) != data[name])
        checks.file(not changed, self.path, "the data that its model is trained on",
                    "other %s; --restart starts anew" % " and ".join(changed))

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
        """Keep other processes out of the folder; the lock goes with the process, however it ends."""
        if self._lock_stream:
            return
        path = places.kept(self.path, file_names.LOCK)
        try:
            # A link that comes meanwhile is not followed.
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
            stream = open(handle, "r+", encoding="ascii", errors="replace")
        except OSError as e:
            raise checks.InputError("%s: wanted a place to write, got: %s" % (
                self.path, e.strerror)) from e
        try:
            if fcntl:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            with stream:
                raise checks.InputError(
                    "%s: wanted a model_dir for this program alone, got one in use by process %s" % (
                        self.path, stream.read(20).strip())) from e
        stream.truncate()
        stream.write("%d\n" % os.getpid())
        stream.flush()
        self._lock_stream = stream
        atexit.register(self.close)

    def _delete_if_empty(self):
        with contextlib.suppress(OSError):
            if not set(os.listdir(self.path)) - {file_names.SETTINGS, file_names.LOCK}:
                writing.delete(self.path)

    def _clean(self):
        """Delete what a kill left half written, and with `restart` the checkpoints."""
        for name in os.listdir(self.path):
            is_of_model = file_names.is_of_checkpoints(name)
            if name.startswith(writing.MAKING) or self._restart and is_of_model:
                writing.delete(self._file(name))

    def _file(self, name):
        return os.path.join(self.path, name)


def read(folder):
    """Return what settings.json of a model's folder holds: {"program", "settings", "data"}.

    Args:
      folder: string.

    Raises:
      InputError: no such file, a link, or one that holds something else.
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
