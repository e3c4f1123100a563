"""Word vectors: corpus, skip-gram model, evaluation, and files of vectors."""
