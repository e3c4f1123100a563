"""For pytest, which does not call absl's main(): temporary folders of absl need parsed flags."""
import gc
import sys

import pytest
from absl import flags
from absl.testing import absltest  # noqa: F401  defines the flags

flags.FLAGS.mark_as_parsed()


@pytest.fixture(scope="session", autouse=True)
def quick_graphs():
    """Spare the CPU a fifth of the time of graph building."""
    if "tensorflow" not in sys.modules:
        yield
        return
    from tensorflow.python.util import deprecation

    gc.set_threshold(20000, 10, 10)  # a graph has many small objects, and few of them are garbage

    # Otherwise `inspect` binds the arguments of create_op for each op, to check for a deprecation.
    with deprecation.silence():
        yield
