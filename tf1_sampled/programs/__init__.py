"""The two programs: flags made from settings, signals, one-line errors, results."""
