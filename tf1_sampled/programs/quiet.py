"""TensorFlow without what it writes to standard error while it is imported: for processes of our own."""
import contextlib
import os
import re
import sys
import tempfile
import warnings
from typing import Any


def import_tensorflow() -> Any:
    """Return tensorflow.compat.v1, without what it writes to standard error while it is imported.

    TensorFlow 2's libraries log before they look at TF_CPP_MIN_LOG_LEVEL. Lines that are no such
    information (I... or its announcement) are passed on, and all of them if the import fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning, module="tensor")
    # A running sum of a batch, whose gradient is dense and small, is meant.
    warnings.filterwarnings("ignore", message="Converting sparse IndexedSlices to a dense")
    sys.stderr.flush()
    kept = os.dup(2)
    information = re.compile(rb"I\d{4} |WARNING: All log messages before absl::InitializeLog")
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            import tensorflow.compat.v1 as tf
        except BaseException:
            information = re.compile(rb"(?!)")
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            log.seek(0)
            with contextlib.suppress(OSError):  # who would read it has left, or its disk is full
                os.write(2, b"".join(line for line in log if not information.match(line)))
    tf.logging.set_verbosity(tf.logging.ERROR)
    return tf
