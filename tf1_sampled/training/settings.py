"""The settings of every training: passes over the data, threads, checkpoints."""
import dataclasses
from typing import Optional

from tf1_sampled import registry
from tf1_sampled.settings import setting
from tf1_sampled.training import policy


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TrainingSettings(registry.ObjectiveSettings):
    """The settings of the training loop: epochs, device, threads, folder and checkpoints."""

    decay: str = setting("linear", "Decay of the learning rate: linearly to 0, or none.",
                         "training", choices=("linear", "none"))
    epochs: int = setting(5, "Passes over the data.", "training", least=1, may_change=True)
    seed: int = setting(1, "Seed of all random numbers.", "training", least=0)
    device: str = setting(
        "auto", "Device of the training. auto selects a GPU if TensorFlow sees one and the model has at "
        "least 4 million numbers, else the CPU.", "training", choices=("auto", "cpu", "gpu"),
        may_change=True)
    threads: int = setting(
        0, "Number of steps at a time, each on one core. With 1 the same seed gives the same model. "
        "Default: one for each core; 1 on a GPU.", "training", least=0, may_change=True)
    model_dir: str = setting(
        "", "Folder for checkpoints and results. A training in the folder is resumed. Default: the next "
        "free runs/<program>-N for programs, a temporary folder for classes.",
        "training", may_change=True)
    restart: bool = setting(False, "Start over in a model_dir that holds a training.", "training",
                            may_change=True)
    save_seconds: float = setting(
        600.0, "Seconds between checkpoints. One more is written when the training ends or is stopped.",
        "training", least=0, may_change=True)
    keep: int = setting(2, "Number of the newest checkpoints to keep, beside the best.", "training",
                        least=1, may_change=True)
    profile: Optional[int] = setting(
        None, "Write the trace of this step, counted from 0, to trace-<step>.json in the model_dir, for "
        "chrome://tracing.", "training", least=0, may_change=True)

    def saving(self, model_dir: str) -> policy.Saving:
        """Return the policy.Saving of a folder."""
        return policy.Saving(model_dir, self.save_seconds, self.keep)
