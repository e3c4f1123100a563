"""The settings of any training: passes over the data, threads, checkpoints."""
import dataclasses
from typing import Optional

from tf1_sampled import registry
from tf1_sampled.settings import setting
from tf1_sampled.training import policy


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TrainingSettings(registry.ObjectiveSettings):
    """What is trained how long, where its checkpoints go, and when they are made."""

    decay: str = setting("linear", "How the learning rate falls: linearly to 0, or not at all.",
                         "training", choices=("linear", "none"))
    epochs: int = setting(5, "Passes over the data.", "training", least=1, may_change=True)
    seed: int = setting(1, "Seed of all random numbers.", "training", least=0)
    device: str = setting(
        "auto", "Where to train. auto takes a GPU if TensorFlow sees one and the model has 4 million "
        "numbers or more, else the CPU.", "training", choices=("auto", "cpu", "gpu"), may_change=True)
    threads: int = setting(
        0, "Steps at a time, each on a core of its own. With 1 the same seed gives the same model. "
        "Default: one for each core; 1 on a GPU.", "training", least=0, may_change=True)
    model_dir: str = setting(
        "", "Folder for checkpoints and results. A training that it holds goes on where it ended. "
        "Default: the programs take the next free runs/<program>-N, the classes a temporary folder.",
        "training", may_change=True)
    restart: bool = setting(False, "Start anew in a model_dir that holds a training.", "training",
                            may_change=True)
    save_seconds: float = setting(
        600.0, "Seconds between checkpoints; one more is made at the end, also where the training is "
        "stopped.", "training", least=0, may_change=True)
    keep: int = setting(2, "How many of the newest checkpoints to keep, beside the best.", "training",
                        least=1, may_change=True)
    profile: Optional[int] = setting(
        None, "Write the trace of this step, counted from 0, to trace-<step>.json in the model_dir, for "
        "chrome://tracing.", "training", least=0, may_change=True)

    def saving(self, model_dir: str) -> policy.Saving:
        """Return when checkpoints are made in a folder, and which of them stay."""
        return policy.Saving(model_dir, self.save_seconds, self.keep)
