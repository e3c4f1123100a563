"""Who trains: where its lines go, when it is asked to stop, which machines take part.

The Python API trains by OneMachine. The programs have a host of their own, which prints, stops at a
signal and may be one worker of a cluster. TensorFlow is imported by `import_tensorflow` only.
"""
import logging
from typing import Any, Dict


class OneMachine:
    """The host of a training in the user's own process, in which it leaves everything as it is."""

    is_chief = True  # whether this process writes, validates and exports
    allows_gpu = True  # whether a GPU may train

    def report(self, line: str) -> None:
        """Give the user a line of text: here to the logger "tf1_sampled", at the level INFO."""
        logging.getLogger("tf1_sampled").info("%s", line)

    def stop(self) -> bool:
        """Return whether the training is to end at its next step."""
        return False

    def import_tensorflow(self) -> Any:
        """Return tensorflow.compat.v1; called before the first module that needs it is imported."""
        import tensorflow.compat.v1 as tf
        return tf

    def prepare_graph(self) -> None:
        """Prepare the default graph before anything is built in it."""

    def uses_temporary_folder(self) -> bool:
        """Return whether a training without a model_dir has a temporary folder, or one in runs/."""
        return True

    def begun(self, folder: str) -> None:
        """Take note of the folder in which the training has begun."""

    def train(self, plan: Any, units_per_step: int, unchanging: Dict[str, Any]) -> Any:
        """Train, and return the TrainingResult.

        Args:
          plan: plans.Plan.
          units_per_step: integer, of which a cluster cuts the work into pieces, the same for all
            workers.
          unchanging: {name: value as of JSON} of what must be the same for all workers of a cluster.
        """
        from tf1_sampled.training import loop
        return loop.train(plan)
