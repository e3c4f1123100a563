"""A recommender: YouTubeDNN and its modules.

    from tf1_sampled.recsys import YouTubeDNN
"""
import typing

if typing.TYPE_CHECKING:
    from tf1_sampled.recsys.youtube_dnn import YouTubeDNN

__all__ = ["YouTubeDNN"]


def __getattr__(name: str) -> typing.Any:
    if name != "YouTubeDNN":
        raise AttributeError("module 'tf1_sampled.recsys' has no attribute %r" % name)
    from tf1_sampled.recsys import youtube_dnn
    return youtube_dnn.YouTubeDNN
