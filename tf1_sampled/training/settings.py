"""Settings that every training has: epochs, seed, device, threads, checkpoints."""
import dataclasses
from typing import Optional

from tf1_sampled import registry
from tf1_sampled.settings import setting
from tf1_sampled.training import policy


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TrainingSettings(registry.ObjectiveSettings):
    """Settings of the length of a training, its device, and its checkpoints."""

    decay: str = setting("linear", "Schedule of the learning rate: linear falls to 0, none keeps it.",
                         "training", choices=("linear", "none"))
    epochs: int = setting(5, "Passes over the data.", "training", least=1, may_change=True)
    seed: int = setting(1, "Seed of all random numbers.", "training", least=0)
    device: str = setting(
        "auto", "Device to train on. auto takes a GPU if TensorFlow sees one and the model has at least "
        "4 million parameters, else the CPU.", "training", choices=("auto", "cpu", "gpu"),
        may_change=True)
    threads: int = setting(
        0, "Number of training threads. 1 thread and the same seed give the same model. "
        "Default: one per core on a CPU, 1 on a GPU.", "training", least=0, may_change=True)
    model_dir: str = setting(
        "", "Folder for checkpoints and results. If it holds a training, that training resumes. "
        "Default: programs use the next free runs/<program>-N, Python classes a temporary folder.",
        "training", may_change=True)
    restart: bool = setting(False, "Delete the training in --model_dir and start again.", "training",
                            may_change=True)
    save_seconds: float = setting(
        600.0, "Seconds between checkpoints. The last one is written when the training ends or is "
        "stopped.", "training", least=0, may_change=True)
    keep: int = setting(2, "Number of newest checkpoints to keep, in addition to the best one.",
                        "training", least=1, may_change=True)
    profile: Optional[int] = setting(
        None, "Number of a step, counted from 0, to trace. The trace goes to trace-<step>.json in "
        "--model_dir, for chrome://tracing. Default: no trace.", "training", least=0, may_change=True)

    def saving(self, model_dir: str) -> policy.Saving:
        """Return the rule for writing and keeping checkpoints in a folder."""
        return policy.Saving(model_dir, self.save_seconds, self.keep)
