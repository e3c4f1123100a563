"""Tests of leaks: context columns that reveal the item are found; hours, users and sessions pass."""
import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import events as event_files, leaks, reading, splits
from tf1_sampled.recsys.settings import RecsysSettings

_ITEMS = 50


def _columns(users, items, random):
    """Return ({name: [N] values} of events, the names of the functions of the item)."""
    size, user = len(items), np.unique(users, return_inverse=True)[1]
    genres = items % 10
    noisy = np.where(random.rand(size) < 0.2, random.permutation(genres), genres)
    leaking = {"item": items, "genres": genres, "flag": items % 2, "noisy": noisy}
    harmless = {
        "hour": random.randint(24, size=size), "device": random.choice(3, size, p=[0.8, 0.15, 0.05]),
        "region": user % 5, "zip": user,  # of the user
        "session": user * 100 + np.arange(size) // 3, "event": np.arange(size),
        "one": np.zeros(size, int)}
    return leaking, harmless


def _events(num_users=60, each=20, seed=1):
    """Return (users, items); each user prefers some of the items."""
    random = np.random.RandomState(seed)
    users = np.repeat(np.arange(num_users), each)
    taste = random.permutation(_ITEMS)
    popular = np.minimum((random.rand(len(users)) ** 2 * _ITEMS).astype(int), _ITEMS - 1)
    items = np.where(random.rand(len(users)) < 0.5, taste[(popular + users * 7) % _ITEMS], popular)
    return users, items, random


def _split(log, part=None):
    return splits.split_given(log, np.zeros(len(log.users), int) if part is None else part,
                              splits.Rules(repeats=True))


def _read(users, items, **values):
    log = event_files.log_of_arrays(
        users, items, np.arange(len(users)),
        categorical={name: column for name, column in values.items() if column.dtype.kind != "f"},
        numeric={name: column for name, column in values.items() if column.dtype.kind == "f"})
    return _split(log)


class FindTest(parameterized.TestCase):

    @parameterized.parameters((600, 20), (30, 20), (100, 5), (30, 5), (5, 3))
    def test_only_functions_of_the_item_are_found(self, num_users, each):
        users, items, random = _events(num_users, each)
        leaking, harmless = _columns(users, items, random)
        found = {leak.column for leak in leaks.find(
            _read(users, items, **leaking, **harmless), list(leaking) + list(harmless))}
        self.assertEmpty(found & set(harmless))
        if num_users > 5:  # 15 events are too few to decide
            self.assertEqual(found, set(leaking))

    def test_chance_in_few_events_is_not_a_leak(self):
        for seed in range(40):
            users, items, random = _events(6, 4, seed)
            harmless = _columns(users, items, random)[1]
            self.assertEmpty(leaks.find(_read(users, items, **harmless), list(harmless), seed), seed)

    def test_taste_for_a_group_of_items_is_not_a_leak(self):
        users, _, random = _events(30, 20)
        items = users % 5 * 10 + random.randint(10, size=len(users))  # each region has its own items
        self.assertEmpty(leaks.find(_read(users, items, region=users % 5), ["region"]))

    def test_numbers_of_the_item_are_found(self):
        users, items, random = _events()
        price = random.lognormal(size=_ITEMS)[items]
        columns = {"price": price, "paid": price * random.uniform(0.95, 1, len(items)),
                   "hour": random.randint(24, size=len(items)).astype(float),
                   "discount": np.where(items % 3 > 0, np.nan, price),
                   "none": np.full(len(items), np.nan),
                   "rating": np.clip(np.round(random.randn(len(items)) + items % 3 + 2), 1, 5),
                   "time": np.arange(len(items), dtype=float)}
        found = leaks.find(_read(users, items, **columns), list(columns))
        self.assertEqual([leak.column for leak in found], ["price", "paid", "discount"])

    def test_leak_has_share_and_median_items(self):
        users, items, _ = _events(600)
        leak, = leaks.find(_read(users, items, genres=items % 10), ["genres"])
        self.assertAlmostEqual(leak.share, 1)
        self.assertEqual(leak.median_items, 5)  # 50 items of 10 genres
        self.assertGreater(leak.nats, 1)
        self.assertLess(leak.nats, np.log(10))

    def test_held_out_events_are_not_used(self):
        users, items, random = _events(30, 20)
        genres = items % 10
        log = event_files.log_of_arrays(users, items, np.arange(len(users)),
                                        categorical={"genres": genres})
        part = np.tile(np.repeat([0, 2], [4, 16]), 30)
        genres[part == 0] = random.randint(10, size=120)
        mixed = event_files.log_of_arrays(users, items, np.arange(len(users)),
                                          categorical={"genres": genres})
        for of_log, number in ((log, 1), (mixed, 0)):
            self.assertLen(leaks.find(_split(of_log, part), ["genres"]), number)


class CheckTest(absltest.TestCase):

    def _read(self, **values):
        users, items, random = _events(30, 20)
        lines = []
        log = event_files.log_of_arrays(
            users, items, np.arange(len(users)), categorical={"genres": items % 10},
            numeric={"hour": random.randint(24, size=len(items)).astype(float)})
        settings = RecsysSettings.of_program("run_recsys.py", dict(
            dict(categorical=["genres"], numeric=["hour"]), **values))
        return leaks.check(settings, _split(log), lines.append), lines

    def test_a_leak_is_refused_in_one_line(self):
        with self.assertRaises(checks.InputError) as caught:
            self._read()
        message = str(caught.exception)
        for part in ("--categorical: wanted columns that are known before the event",
                     "--item_categorical", "--allow_leaks", "genres", "5 of 50 items"):
            self.assertIn(part, message)
        self.assertNotIn("\n", message)

    def test_reading_refuses_or_reports_a_leak(self):
        users, items, _ = _events(30, 20)
        lines = ["user,item,time,genre"] + ["%d,%d,%d,g%d" % (user, item, time, item % 10)
                                            for time, (user, item) in enumerate(zip(users, items))]
        path = self.create_tempfile(content="\n".join(lines) + "\n").full_path
        values = dict(events=path, categorical=["genre"], split="none", repeats=True)
        with self.assertRaisesRegex(checks.InputError, "^categorical: wanted columns that are known"):
            reading.read(RecsysSettings(**values), reading.Sources(), print)
        data = reading.read(RecsysSettings(allow_leaks=True, **values), reading.Sources(), lines.append)
        leak, = data.leaks
        self.assertEqual(leak.column, "genre")
        self.assertEqual(data.summary["leaks"], [leak._asdict()])  # as in metrics.json

    def test_an_allowed_leak_is_reported(self):
        found, lines = self._read(allow_leaks=True)
        self.assertEqual([leak.column for leak in found], ["genres"])
        self.assertLen(lines, 1)
        self.assertIn("--categorical: 'genres', of which the item explains 100%", lines[0])

    def test_other_columns_pass_without_a_report(self):
        self.assertEqual(self._read(categorical=[]), ([], []))


if __name__ == "__main__":
    absltest.main()
