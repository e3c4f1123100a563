"""Training on many machines: parameter servers, workers, and a launcher for one machine."""
