"""A study of settings: `python -m tf1_sampled.study` shows with numbers what they do."""
