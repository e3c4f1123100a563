"""Training on many machines: parameter servers and workers, and a launcher for one machine."""
