"""Tests of Wikipedia dumps: articles only, and only the running text of their markup."""
import io
import tracemalloc
from unittest import mock

from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.word2vec import wikipedia

_HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="de">
  <siteinfo><sitename>Wikipedia</sitename><namespaces>
    <namespace key="-2" case="first-letter">Medium</namespace>
    <namespace key="0" case="first-letter" />
    <namespace key="6" case="first-letter">Datei</namespace>
    <namespace key="14" case="first-letter">Kategorie</namespace>
  </namespaces></siteinfo>
"""


def page(title, text, ns=0, more=""):
    return ("  <page><title>%s</title><ns>%d</ns><id>1</id>%s<revision><id>2</id><contributor><username>"
            "Somebody</username></contributor><comment>a comment</comment><text bytes=\"9\" "
            "xml:space=\"preserve\">%s</text><sha1>abc</sha1></revision></page>\n" % (
                title, ns, more, text))


def dump(*pages):
    return (_HEAD + "".join(pages) + "</mediawiki>\n").encode("utf-8")


def articles(data):
    """Read a dump: return (list of (title, text), the Articles)."""
    found = wikipedia.Articles("dump.xml", io.BytesIO(data))
    return list(found), found


class ArticlesTest(parameterized.TestCase):

    def test_articles_without_redirects_and_other_namespaces(self):
        found, about = articles(dump(
            page("A", "Text &amp; more.&lt;ref&gt;x&lt;/ref&gt;"), page("Talk:A", "Chat", ns=1),
            page("B", "#REDIRECT [[A]]", more='<redirect title="A" />'),
            page("C", "#WEITERLEITUNG [[A]]"), page("Empty", " \n"), page("\u00c4", "\u4e2d\u6587")))
        self.assertEqual(found, [("A", "Text & more."), ("\u00c4", "\u4e2d\u6587")])
        self.assertEqual((about.num_articles, about.num_left_out), (2, 4))
        self.assertEqual(about.note(), "dump.xml: a Wikipedia dump of 2 articles; left out 4 pages "
                         "(redirects and others)")

    def test_names_of_namespaces_come_from_the_dump(self):
        (_, text), = articles(dump(page("A", "a [[Datei:X.jpg|mini|caption]] b [[Kategorie:K]] c "
                                        "[[Medium:x]] [[Image:y]] [[Star Trek: Picard]] [[k:l|m]]")))[0]
        self.assertEqual(text, "a b c Star Trek: Picard m")

    def test_the_last_of_several_revisions_counts(self):
        two = page("A", "old").replace("</page>", "<revision><text>new</text></revision></page>")
        self.assertEqual(articles(dump(two))[0], [("A", "new")])

    @parameterized.parameters(1, 7, 100, 1 << 16)
    def test_the_chunk_size_does_not_change_the_result(self, size):
        with mock.patch.object(wikipedia, "_CHUNK", size):
            found, _ = articles(dump(page("A", "one &lt;!-- no --&gt; two"), page("B", "three")))
        self.assertEqual(found, [("A", "one two"), ("B", "three")])

    @parameterized.named_parameters(
        ("cut_off", dump(page("A", "x"))[:-20], "the XML of a complete Wikipedia dump, got an error: "),
        ("damaged", dump(page("A", "x < y")), "the XML of a complete Wikipedia dump, got an error: "),
        ("document_type", b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + dump(), "got XML with a document type"))
    def test_a_damaged_dump_is_an_error_that_names_it(self, data, message):
        with self.assertRaisesRegex(InputError, "^dump.xml: wanted .*" + message):
            articles(data)

    def test_a_page_that_is_too_long_is_an_error_that_names_it(self):
        with mock.patch.object(wikipedia, "_LONGEST_PAGE", 1000):
            with self.assertRaisesRegex(InputError, "pages of at most 1000 char.*longer one: 'Long'"):
                articles(dump(page("Long", "word " * 300)))

    def test_memory_does_not_grow_with_the_dump(self):
        text = "Some [[words]] of a page. " * 200
        peaks = []
        for number in (30, 120):
            stream = io.BytesIO(dump(*[page("P%d" % i, text) for i in range(number)]))
            tracemalloc.start()
            self.assertEqual(sum(1 for _ in wikipedia.Articles("x", stream)), number)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        self.assertLess(peaks[1], 1.2 * peaks[0])

    def test_dumps_are_detected_by_their_first_bytes(self):
        self.assertTrue(wikipedia.is_dump(dump()[:100]))
        self.assertTrue(wikipedia.is_dump(b'\xef\xbb\xbf<?xml version="1.0"?>\n<mediawiki>'))
        for start in (b"", b"text <mediawiki>", b"<html>", b"<mediawikis>"):
            self.assertFalse(wikipedia.is_dump(start))


class PlainTextTest(parameterized.TestCase):

    @parameterized.parameters(
        ("'''Bold''' and ''italic'', it's", "Bold and italic, it's"),
        ("[[a]] [[b|c d]] [[e]]s [[f#g|]] [[:Category:H]]", "a c d es f#g Category:H"),
        ("x {{a|b={{c|{{d}}}}\n|e=[[f]]}} y", "x y"),
        ("x {{unclosed y", "x unclosed y"), ("x }} y |} z", "x y |} z"), ("x {{a}} y {{b", "x y b"),
        ("a\n{| class=\"b\"\n! c\n|-\n| d {{e\n|}} || f\n|}\ng", "a\ng"),
        ("a\n{|\n| b\n{|\n| c\n|}\n|}\nd", "a\nd"), ("{{a|b=\n{|\n|c\n|}\n}}d", "d"),
        ("a<ref>b</ref> c<ref name=\"d\" /> e<ref name=f>{{g}}\nh</ref>.", "a c e ."),
        ("a <math>\\frac{b}{{c}}</math> d <code>e</code> <gallery>\nf.jpg|g\n</gallery>", "a d"),
        ("{{a|<math>b_{c}}</math>}} d", "d"), ("a <ref>b {{c}} d", "a b d"),
        ("a<!-- b\n-->c <!-- d", "ac"),
        ("a<br />b <b>c</b> H<sub>2</sub>O <div class=\"d\">e</div>", "a\nb c H2O\ne"),
        ("a < b > c &lt;d&gt; &nbsp; e&ndash;f &amp;amp;", "a < b > c <d> e\u2013f &amp;"),
        ("[http://a.b/c d e] f [https://g.h] [//i.j k] http://l.m/n o", "d e f k o"),
        ("[[File:a.jpg|thumb|b [[c|d]] [http://e f] g]] h", "h"), ("[[Category:a]][[de:B]] c", "c"),
        ("== a ==\nb\n=== c ===\n----\nd", "b\nd"), ("* a\n** b\n# c\n: d\n; e", "a\nb\nc\nd\ne"),
        ("__NOTOC__ a __b__", "a __b__"), ("a\n\n\nb  c\n", "a\nb c"), ("", ""))
    def test_words_stay_and_markup_is_removed(self, text, wanted):
        self.assertEqual(wikipedia.plain_text(text), wanted)

    def test_hostile_markup_takes_linear_time(self):
        # Quadratic time would be minutes.
        for text in ("{{" * 100000, "}}" * 100000, "{{\n|}" * 50000, "<ref>" * 60000, "[[" * 50000,
                     "[" * 50000, "<!--" * 50000, "'" * 100000, "{|\n" * 50000, "=" * 100000,
                     "[[a|" * 50000 + "]]" * 50000, "<" * 50000, "<a " * 50000, "[http://a " * 30000):
            wikipedia.plain_text(text)


if __name__ == "__main__":
    absltest.main()
