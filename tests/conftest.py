"""For pytest, which does not call absl's main(): temporary folders of absl need parsed flags."""
import sys

import pytest
from absl import flags
from absl.testing import absltest  # noqa: F401  defines the flags

flags.FLAGS.mark_as_parsed()


@pytest.fixture(scope="session", autouse=True)
def quick_graphs():
    """Disable an inspection in create_op, which takes a tenth of the time of graph building."""
    if "tensorflow" not in sys.modules:
        yield
        return
    from tensorflow.python.util import deprecation

    # Otherwise `inspect` binds the arguments of create_op for each op, to check for a deprecation.
    with deprecation.silence():
        yield
