"""Training of a loss on one machine: plan, steps, loop, checkpoints, folder of the model."""
