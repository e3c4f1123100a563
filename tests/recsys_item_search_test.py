"""Tests of the search of items by text: exact matches, prefixes, words and parts, in this order."""
from unittest import mock

from absl.testing import absltest, parameterized

from tf1_sampled.recsys import item_search
from tf1_sampled.recsys.item_search import ItemSearch

# The most frequent item comes first.
_TITLES = ["Film, the 16", "Film, the 1", "Matrix Reloaded, The (2003)", "Matrix, The (1999)",
           "Toy Story 2 (1999)", "Toy Story (1995)", "2", "The 100th", "Café Lumière", "日本の映画"]
_NAMES = ["7", "1", "6365", "2571", "3114", "11", "60", "2", "c++", "jp"]


class ItemSearchTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.search = ItemSearch(_NAMES, _TITLES)

    def found(self, query, limit=20):
        return [_TITLES[i] for i in self.search.find(query, limit)]

    @parameterized.parameters(
        ("the 1", ["The 100th", "Film, the 1", "Film, the 16", "Matrix, The (1999)"]),
        ("2", ["2", "The 100th", "Matrix, The (1999)", "Toy Story 2 (1999)",
               "Matrix Reloaded, The (2003)"]),
        ("matrix the 1999", ["Matrix, The (1999)"]), ("the matrix", ["Matrix Reloaded, The (2003)",
                                                                     "Matrix, The (1999)"]),
        ("toy story 1995", ["Toy Story (1995)"]), ("1995, toy", ["Toy Story (1995)"]),
        ("toy story", ["Toy Story 2 (1999)", "Toy Story (1995)"]), ("2571", ["Matrix, The (1999)"]),
        ("  TOY   sto", ["Toy Story 2 (1999)", "Toy Story (1995)"]), ("c++", ["Café Lumière"]),
        ("映", ["日本の映画"]), ("CAFÉ", ["Café Lumière"]), ("nothing", []), (".*", []),
        ("matrix toy", []), ("(1995)", ["Toy Story (1995)"]))
    def test_matches_are_ordered_best_first(self, query, wanted):
        self.assertEqual(wanted, self.found(query))

    def test_blocks_of_items_give_the_same_result(self):
        queries = ["the 1", "2", "matrix the 1999", "toy story", "1995, toy", "c++", "(1995)", "toy"]
        whole = [self.found(query) for query in queries]
        for number in (1, 2, 3):
            with mock.patch.object(item_search, "_ITEMS", number):
                self.assertEqual(whole, [self.found(query) for query in queries])

    def test_empty_query_gives_the_most_frequent_items(self):
        self.assertEqual(_TITLES[:3], self.found("", 3))
        self.assertEqual(_TITLES, self.found("  ", 100))

    def test_results_are_limited(self):
        for limit in (1, 2, 3):
            self.assertEqual(self.found("the")[:limit], self.found("the", limit))

    def test_match_does_not_span_two_items(self):
        self.assertEqual([], self.found("16 2571"))
        self.assertEqual(["Film, the 16"], self.found("7 film")[:1])


if __name__ == "__main__":
    absltest.main()
