"""A study of settings: `python -m tf1_sampled.study` measures their effect."""
