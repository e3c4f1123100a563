"""Files in and out: packed text, results that are whole, caches, checks of paths."""
