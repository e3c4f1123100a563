"""The programs: flags made of settings, signals, one-line errors, results."""
