"""For pytest, which does not go through absl's main(): its temporary folders want parsed flags."""
import gc
import sys

import pytest
from absl import flags
from absl.testing import absltest  # noqa: F401  defines the flags

flags.FLAGS.mark_as_parsed()


@pytest.fixture(scope="session", autouse=True)
def quick_graphs():
    """Spare the CPU a fifth of the cost of building graphs."""
    if "tensorflow" not in sys.modules:
        yield
        return
    from tensorflow.python.util import deprecation

    gc.set_threshold(20000, 10, 10)  # a graph has many small objects, few of which are garbage

    # Else each op that is made has the arguments of create_op bound by `inspect`, for a warning or none.
    with deprecation.silence():
        yield
