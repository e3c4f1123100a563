"""Write docs/settings.md, the settings of programs and classes: python tools/write_settings.py"""
import os
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PATH = os.path.join(_ROOT, "docs", "settings.md")
_HEAD = """# Settings

Each setting is a keyword of the Python class and a flag of the program: `Word2Vec(dim=64)` and
`python run_word2vec.py --dim=64`. The settings under "Results" and "Cluster" are flags alone. A boolean
flag is `--repeats` or `--norepeats`, a list is `--hidden=256,128`. `--flagfile=FILE` reads flags from a
file. `--help` prints the same text.

`python tools/write_settings.py` generates this page from the code.
"""


def text():
    """Return the content of the file."""
    from tf1_sampled.cluster.settings import ClusterSettings
    from tf1_sampled.programs import flags, recsys, word2vec
    from tf1_sampled.recsys.settings import RecsysSettings
    from tf1_sampled.word2vec.settings import Word2VecSettings

    parts = [_HEAD]
    for title, classes in (
            ("Word2Vec and run_word2vec.py", [Word2VecSettings, word2vec.ResultSettings]),
            ("YouTubeDNN and run_recsys.py", [RecsysSettings, recsys.ResultSettings])):
        parts.append("## %s\n\n%s" % (title, flags.markdown(classes)))
    parts.append("## Both programs\n\n" + flags.markdown([ClusterSettings]))
    return "\n".join(parts)


if __name__ == "__main__":
    sys.path.insert(0, _ROOT)
    with open(PATH, "w", encoding="utf-8") as stream:
        stream.write(text())
