"""For pytest, which does not go through absl's main(): its temporary folders want parsed flags."""
import sys

import pytest
from absl import flags
from absl.testing import absltest  # noqa: F401  defines the flags

flags.FLAGS.mark_as_parsed()


@pytest.fixture(scope="session", autouse=True)
def quick_graphs():
    """Spare the CPU a tenth of what it costs to build graphs."""
    if "tensorflow" not in sys.modules:
        yield
        return
    from tensorflow.python.util import deprecation

    # Else each op that is made has the arguments of create_op bound by `inspect`, for a warning or none.
    with deprecation.silence():
        yield
