"""Word vectors: the class Word2Vec and its modules.

    from tf1_sampled.word2vec import Word2Vec
"""
import typing

if typing.TYPE_CHECKING:
    from tf1_sampled.word2vec.word2vec import Word2Vec

__all__ = ["Word2Vec"]


def __getattr__(name: str) -> typing.Any:
    if name != "Word2Vec":
        raise AttributeError("module 'tf1_sampled.word2vec' has no attribute %r" % name)
    from tf1_sampled.word2vec import word2vec
    return word2vec.Word2Vec
