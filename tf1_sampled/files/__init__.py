"""Input and output files: compressed text, atomic results, caches, checks of paths."""
