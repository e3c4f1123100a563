"""Import TensorFlow without its log lines on standard error, in the processes of the programs."""
import contextlib
import os
import re
import sys
import tempfile
import warnings
from typing import Any


def import_tensorflow() -> Any:
    """Import tensorflow.compat.v1 and drop the information lines that the import logs.

    TensorFlow 2's libraries log before they read TF_CPP_MIN_LOG_LEVEL. Warnings and errors still go to
    standard error. If the import fails, all lines do.

    Returns:
      The module tensorflow.compat.v1.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning, module="tensor")
    # The warning is for the running sum of a batch, whose dense gradient is small.
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
            with contextlib.suppress(OSError):  # the reader has gone, or the disk is full
                os.write(2, b"".join(line for line in log if not information.match(line)))
    tf.logging.set_verbosity(tf.logging.ERROR)
    return tf
