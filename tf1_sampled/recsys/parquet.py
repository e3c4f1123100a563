"""Read Parquet files with pyarrow, an extra: pip install tf1_sampled[parquet].

    table = Table("events.parquet")
    table.columns                # ["user_id", "item_id", "timestamp"]
    table["user_id"]             # pyarrow.ChunkedArray
"""
import contextlib
import os

from tf1_sampled import checks
from tf1_sampled.files import reading

_MAGIC = b"PAR1"


def is_parquet(path):
    """Return whether a file is Parquet, by its first bytes."""
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


class Table:
    """A Parquet file as a data frame that reads each column on access.

    Args:
      path: string.

    Attributes:
      columns: list of str.

    Raises:
      InputError: pyarrow is not installed, the file is damaged or changes while it is read.
    """

    def __init__(self, path):
        try:
            from pyarrow import parquet
        except ImportError as e:
            raise checks.InputError(
                "%s: wanted pyarrow to read Parquet (pip install 'tf1_sampled[parquet]'), got none"
                % path) from e
        self._path = path
        with _errors(path):
            self._status = os.stat(path)
            self._file = parquet.ParquetFile(path)
            self.columns = list(self._file.schema_arrow.names)

    def __getitem__(self, name):
        with _errors(self._path):
            column, status = self._file.read(columns=[name]).column(0), os.stat(self._path)
        reading.check_unchanged(self._path, self._status, status)
        return column


@contextlib.contextmanager
def _errors(path):
    """Convert pyarrow's exceptions for a damaged file to InputError."""
    import pyarrow
    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError, KeyError, MemoryError) as e:
        raise checks.InputError("%s: wanted a whole Parquet file, got: %s" % (path, str(e)[:200])) from e
