"""Find items by text: the exact title or name first, then prefixes, then all words in any order.

    search = ItemSearch(["2", "2571"], ["Jumanji (1995)", "Matrix, The (1999)"])
    search.find("the matrix 1999", limit=20)    # [1], ids
    search.find("2", limit=20)                  # [0, 1]: the item "2", then one with a 2 in it

All texts are one string, which regular expressions search: a search takes a few passes over it, and
stops when it has enough items. Case and the amount of blank space are ignored. A pass handles some
thousand items at a time, because other threads wait during a regular expression search.
"""
import bisect
import itertools
import re

_LEVELS = (r"\b%s\b", r"\b%s", "%s")  # a word, the beginning of a word, any part
_ITEMS = 4096  # items that a search handles at a time
_AROUND = ",;:.!?()[]{}\"'"  # characters ignored around a word of a query


class ItemSearch:
    """A text index of items; equally good matches are found in the order of ids.

    Args:
      names, titles: lists of C strings.
    """

    def __init__(self, names, titles):
        self._exact = {}
        lines, self._starts, start = [], [], 0
        for i, (title, name) in enumerate(zip(titles, names)):
            title, name = _folded(title), _folded(name)
            for text in {title, name}:
                self._exact.setdefault(text, []).append(i)
            lines.append("\n%s\t%s" % (title, name))
            self._starts.append(start)
            start += len(lines[-1])
        self._text = "".join(lines)

    def find(self, query, limit):
        """Return the ids of the items that match a text.

        Args:
          query: string; "" finds all items.
          limit: integer above 0, the largest number of items.

        Returns:
          list of integers: items whose title or name is the text, then those whose title or name begins
          with it, then those with all of its words in title and name together: as whole words, as
          prefixes, anywhere; within each group in the order of ids.
        """
        query = _folded(query)
        if not query:
            return list(range(min(limit, len(self._starts))))
        found = dict.fromkeys(self._exact.get(query, ()))  # ordered
        self._add(found, limit, "[\n\t]" + re.escape(query), [])
        words = [word.strip(_AROUND) or word for word in query.split()]
        longest = max(words, key=len)
        words.remove(longest)
        for level in _LEVELS:
            self._add(found, limit, level % re.escape(longest), [level % re.escape(w) for w in words])
        return list(found)[:limit]

    def _add(self, found, limit, pattern, others):
        """Add items that match a pattern and all others to a dict of ids, until it has enough."""
        if len(found) >= limit:
            return
        pattern, others = re.compile(pattern), [re.compile(other) for other in others]
        ends = self._starts[_ITEMS::_ITEMS] + [len(self._text)]
        for match in itertools.chain.from_iterable(
                pattern.finditer(self._text, begin, end) for begin, end in zip([0] + ends, ends)):
            i = bisect.bisect_right(self._starts, match.start()) - 1
            if i in found:
                continue
            begin = self._starts[i]
            end = self._starts[i + 1] if i + 1 < len(self._starts) else len(self._text)
            if all(other.search(self._text, begin, end) for other in others):
                found[i] = None
                if len(found) >= limit:
                    return


def _folded(text):
    return " ".join(text.casefold().split())
