"""Training of a loss on one machine: plan, steps, loop, checkpoints, the model's folder."""
