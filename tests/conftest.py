"""For pytest, which does not go through absl's main(): its temporary folders want parsed flags."""
from absl import flags
from absl.testing import absltest  # noqa: F401  defines the flags

flags.FLAGS.mark_as_parsed()
