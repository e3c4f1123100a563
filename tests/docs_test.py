"""Links and anchors of all pages lead somewhere, and the site has every page."""
import os
import re
import unittest

from absl.testing import absltest

from tests import docs_pages


def _target(path, link):
    """Return (path, anchor) of the link on a page, the path relative to the root."""
    target, _, anchor = link.partition("#")
    return (os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path), anchor


class PartsTest(absltest.TestCase):

    TEXT = (
        "# One `two`, three\n\nA [link](a.md#b) and `[no](link)`.\n\n    make x\n\n"
        "- An item,\n  and more\n\n    A paragraph.\n\n        python x.py\n\n"
        "```python\n# no heading\nx = 1\n```\n\nAn end. [Two](c.png)! And (three.)\n\n"
        "| `a\\|b` | [d](d.md) |\n|---|---|\n| Cell. | Other |\n\n"
        "<!-- [e](e.md) -->\n\n## One two-three\n")

    def test_parts_of_a_page(self):
        self.assertEqual(docs_pages.blocks(self.TEXT), [
            docs_pages.Block(5, "", "make x\n"), docs_pages.Block(12, "", "python x.py\n"),
            docs_pages.Block(15, "python", "# no heading\nx = 1\n")])
        self.assertEqual(docs_pages.headings(self.TEXT), ["One two, three", "One two-three"])
        self.assertEqual(docs_pages.anchors(self.TEXT), ["one-two-three"])
        self.assertEqual(docs_pages.links(self.TEXT), ["a.md#b", "c.png", "d.md"])
        self.assertEqual(docs_pages.prose(self.TEXT).count("\n"), self.TEXT.count("\n"))

    def test_sentences_of_a_page(self):
        self.assertEqual(docs_pages.sentences(self.TEXT), [
            "# One code, three", "A link and code.", "- An item, and more", "A paragraph.",
            "An end.", "Two!", "And (three.)", "code", "d", "Cell.", "Other", "## One two-three"])


@unittest.skipUnless(docs_pages.IS_WHOLE_TREE, "the tree is not whole")
class LinksTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.pages = {path: docs_pages.read(path) for path in docs_pages.paths()}

    def test_each_link_leads_to_a_file_and_a_heading(self):
        wrong = []
        for path, text in self.pages.items():
            for link in docs_pages.links(text):
                target, anchor = _target(path, link)
                if re.match(r"[a-z]+:", link):
                    continue
                if not os.path.exists(os.path.join(docs_pages.ROOT, target)):
                    wrong.append("%s: %s: no such file" % (path, link))
                elif anchor and anchor not in docs_pages.anchors(self.pages.get(target, "")):
                    wrong.append("%s: %s: no heading with this anchor" % (path, link))
        self.assertEqual(wrong, [])

    def test_files_and_tests_that_pages_name_exist(self):
        """Files of this project are in backticks with their folder, as `tests/docs_test.py`."""
        names = sorted(os.listdir(os.path.join(docs_pages.ROOT, "tests")))
        tests = [docs_pages.read("tests/" + name) for name in names if name.endswith(".py")]
        wrong = []
        for path, text in self.pages.items():
            code = re.findall(r"`([^`\n]+)`", docs_pages.prose(text))
            wrong += ["%s: %s" % (path, name) for name in code if re.match(
                r"(tests|tools|benchmarks|tf1_sampled|docs)/[\w/]+\.\w+$", name)
                and not os.path.exists(os.path.join(docs_pages.ROOT, name))]
            if path.startswith("docs/"):
                wrong += ["%s: %s" % (path, name) for name in re.findall(r"\btest_\w+", " ".join(code))
                          if not any("def %s(" % name in test for test in tests)]
        self.assertEqual(wrong, [])

    def test_the_site_has_each_page_once(self):
        settings = docs_pages.read("mkdocs.yml")
        listed = re.findall(r"(?m)^ +- .*?([\w.]+\.md)$", settings[settings.index("\nnav:"):])
        self.assertCountEqual(["docs/" + name for name in listed],
                              [path for path in self.pages if path.startswith("docs/")])

    def test_text_in_angle_brackets_is_shown(self):
        for path, text in self.pages.items():
            plain = re.sub(r"`[^`\n]*`", "", docs_pages.prose(text))
            self.assertEqual(re.findall(r"<(?!/?(?:img|a|br|p|sub|sup)\b)/?\w[^>]*>", plain), [], path)

    def test_a_page_begins_with_its_title(self):
        for path, text in self.pages.items():
            self.assertLen(re.findall(r"(?m)^# ", docs_pages.prose(text)), 1, path)


if __name__ == "__main__":
    absltest.main()
