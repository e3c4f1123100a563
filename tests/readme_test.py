"""README.md is a front page: short, with the commands, and with evidence for what it compares."""
import os
import re

from absl.testing import absltest

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_MOST_LINES, _MOST_WORDS = 150, 30
_COMMANDS = ("make demo", "make test", "python run_word2vec.py --loss=nce",
             "python run_recsys.py --num_sampled=10", "bazel test //...")
_LIBRARIES = ("tf1_sampled", "tf.nn", "gensim", "LibRecommender", "DeepMatch", "TFRS", "keras-rs")


def _read(*names):
    with open(os.path.join(_ROOT, *names), encoding="utf-8") as stream:
        return stream.read()


def _sentences(text):
    """Return the sentences of Markdown, without code, tables, headings and the targets of links."""
    text = re.sub(r"(?ms)^```.*?^```", "", text)
    text = re.sub(r"(?m)^[|#].*$", "", re.sub(r"\]\([^)]*\)", "]", text))
    return [" ".join(sentence.split()) for block in re.split(r"\n\s*\n|\n(?=- )", text)
            for sentence in re.split(r"(?<=[.?!:;])\s+", block)]


class ReadmeTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.text = _read("README.md")

    def test_it_is_short(self):
        self.assertLessEqual(len(self.text.splitlines()), _MOST_LINES)

    def test_its_sentences_are_short(self):
        sentences = _sentences(self.text)
        self.assertGreater(len(sentences), 20)
        self.assertEmpty([sentence for sentence in sentences if len(sentence.split()) > _MOST_WORDS])

    def test_it_shows_the_commands(self):
        for command in _COMMANDS:
            self.assertRegex(self.text, r"(?m)^%s(\s|$)" % re.escape(command))

    def test_each_row_of_the_comparison_has_evidence_for_each_library(self):
        table = re.search(r"(?m)^\| \| tf1_sampled \|.*\n\|.*\n((\|.*\n)+)", self.text).group(1)
        evidence = re.split(r"(?m)^## ", _read("docs", "comparison.md"))
        sections = {section.split("\n", 1)[0].lower(): section for section in evidence}
        for row in table.splitlines():
            name, *cells = [cell.strip() for cell in row.strip("|").split(" | ")]
            self.assertLen(cells, len(_LIBRARIES), row)
            for library, cell in zip(_LIBRARIES, cells):
                if cell != "–":
                    self.assertIn("**%s**" % library, sections[name.lower()], row)


if __name__ == "__main__":
    absltest.main()
