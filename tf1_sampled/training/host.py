"""The host of a training: output of lines, requests to stop, and the machines of the training.

The Python API trains with OneMachine. The programs have another host, which prints lines, stops at a
signal and may be a worker of a cluster. Only `import_tensorflow` imports TensorFlow.
"""
import logging
from typing import Any, Dict


class OneMachine:
    """The host of a training in the user's own process, whose state it does not change."""

    is_chief = True  # whether this process writes, validates and exports
    allows_gpu = True  # whether the training may use a GPU

    def report(self, line: str) -> None:
        """Report a line of text to the user, here by the logger "tf1_sampled" at the level INFO."""
        logging.getLogger("tf1_sampled").info("%s", line)

    def stop(self) -> bool:
        """Return whether the training must stop at its next step."""
        return False

    def import_tensorflow(self) -> Any:
        """Import and return tensorflow.compat.v1, before any module that needs it is imported."""
        import tensorflow.compat.v1 as tf
        return tf

    def prepare_graph(self) -> None:
        """Prepare the default graph before ops are added to it."""

    def uses_temporary_folder(self) -> bool:
        """Return whether a training without a model_dir uses a temporary folder instead of runs/."""
        return True

    def begun(self, folder: str) -> None:
        """Record the folder in which the training has started."""

    def train(self, plan: Any, units_per_step: int, unchanging: Dict[str, Any]) -> Any:
        """Train, and return the plans.TrainingResult.

        Args:
          plan: plans.Plan.
          units_per_step: integer, the same for all workers. A cluster divides the work into pieces of
            this size.
          unchanging: {name: JSON value}, the settings that must be equal for all workers of a cluster.
        """
        from tf1_sampled.training import loop
        return loop.train(plan)
