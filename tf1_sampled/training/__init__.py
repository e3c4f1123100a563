"""Training of a loss on one machine: plan, steps, loop, checkpoints, the model's folder.

    from tf1_sampled import training

    plan = training.Plan(
        training.Objective(loss, shown_loss=loss),
        training.Data(batches, num_units=10000, unit="examples"),
        training.Optimization(tf1_sampled.AdagradOptimizer, learning_rate=0.1),
        training.Saving("runs/mine"))
    result = training.train(plan)
    with training.restored_session("runs/mine") as session:
        ...

`batches(position)` returns an iterator of (feed_dict, progress, position): see `Data`. A training that
was stopped, for example by Ctrl-C, resumes when the same graph is trained in the same folder.
"""
import importlib
import typing

if typing.TYPE_CHECKING:
    from tf1_sampled.training.loop import restored_session, train
    from tf1_sampled.training.model_dir import ModelDir
    from tf1_sampled.training.plans import Data, Objective, Optimization, Plan, TrainingResult
    from tf1_sampled.training.policy import Saving, Validation
    from tf1_sampled.training.steps import step_seed

# Public name -> its module. Imported at first use, as not all need TensorFlow.
_HOME = {
    "Data": "plans", "ModelDir": "model_dir", "Objective": "plans", "Optimization": "plans",
    "Plan": "plans", "Saving": "policy", "TrainingResult": "plans", "Validation": "policy",
    "restored_session": "loop", "step_seed": "steps", "train": "loop",
}

__all__ = [
    "Data", "ModelDir", "Objective", "Optimization", "Plan", "Saving", "TrainingResult", "Validation",
    "restored_session", "step_seed", "train",
]


def __getattr__(name: str) -> typing.Any:
    if name not in _HOME:
        raise AttributeError("module 'tf1_sampled.training' has no attribute %r" % name)
    return getattr(importlib.import_module("tf1_sampled.training." + _HOME[name]), name)
