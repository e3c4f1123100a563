"""Charts: their contents, their side effects, and their errors."""
import logging
import os
import struct
import sys
import unittest
import warnings
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import charts, checks

try:
    import matplotlib
    import matplotlib.backends.backend_agg
    import matplotlib.colors
except ImportError:
    matplotlib = None
try:
    import sklearn
except ImportError:
    sklearn = None


def clusters(seed=3, of=20, dimension=8):
    """Return (points, cluster of each point): three directions, with random lengths."""
    rng = np.random.RandomState(seed)
    points = np.repeat(3 * np.eye(3, dimension), of, axis=0)
    points += 0.3 * rng.standard_normal(points.shape)
    return points * rng.uniform(0.1, 10, (3 * of, 1)), np.repeat(np.arange(3), of)


class AvailableTest(absltest.TestCase):

    def test_without_matplotlib_the_error_says_what_to_install(self):
        folder = self.create_tempdir().full_path
        with mock.patch.dict(sys.modules, {
                name: None for name in list(sys.modules) + ["matplotlib"]
                if name.split(".")[0] == "matplotlib"}):
            for call in (charts.check_available, lambda: charts.loss(folder, [(1, 2, 3)], "words")):
                with self.assertRaisesRegex(
                        checks.InputError, "^plots: matplotlib: wanted it installed, as by pip install "
                        "'tf1_sampled\\[plots\\]', got "):
                    call()
        self.assertEmpty(os.listdir(folder))


@unittest.skipIf(matplotlib is None, "matplotlib is not installed")
class PlotsTestCase(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.path = os.path.join(self.folder, "picture.png")

    def check_png(self, path, size):
        with open(path, "rb") as stream:
            start = stream.read(24)
        self.assertEqual(start[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">II", start[16:]), size)
        self.assertEqual(os.listdir(self.folder), [os.path.basename(path)])

    def figure_of(self, draw, *arguments, **options):
        """Return the figure that draw(...) writes."""
        canvas = matplotlib.backends.backend_agg.FigureCanvasAgg
        real, figures = canvas.print_png, []

        def print_png(self, stream):
            figures.append(self.figure)
            real(self, stream)

        with mock.patch.object(canvas, "print_png", print_png):
            draw(*arguments, **options)
        return figures[0]

    def shown(self, text):
        """Return (the drawn text, whether matplotlib reads it as a formula)."""
        return text._preprocess_math(text.get_text())


class CurvesTest(PlotsTestCase):

    def test_lines_have_their_points_and_names(self):
        series = {"nce": ([0, 1, 2], [3, 2, 1]), "_$a$": (np.arange(40), np.arange(40.0))}
        figure = self.figure_of(charts.curves, self.path, series, "words", "loss", "A $ and $ B")
        self.check_png(self.path, (1200, 900))
        axes, = figure.axes
        for line, (x, y) in zip(axes.lines, series.values()):
            np.testing.assert_array_equal(line.get_xdata(), x)
            np.testing.assert_array_equal(line.get_ydata(), y)
        names = [self.shown(text) for text in axes.get_legend().get_texts()]
        self.assertEqual(names, [("nce", False), ("\u200a_$a$", False)])
        self.assertEqual((axes.get_xlabel(), axes.get_ylabel()), ("words", "loss"))
        self.assertEqual(axes.get_title(loc="left"), "A \\$ and \\$ B")

    @parameterized.parameters(
        (20e6, [0, 2.5e6, 5e6], ["0", "2.5M", "5M"]), (3e9, [1e9], ["1B"]), (40000, [10000], ["10k"]),
        (4000, [500, 1000, -2000], ["500", "1,000", "-2,000"]), (0.6, [0.1 + 0.2], ["0.3"]))
    def test_numbers_of_an_axis_have_one_unit(self, largest, values, wanted):
        write = charts._number_format(largest)
        self.assertEqual([write(value, None) for value in values], wanted)

    def test_invalid_input_is_an_error_that_names_it(self):
        for series, message in (({}, "series: wanted at least one series"),
                                ({"a": ([1, 2], [1])}, "series: wanted .* of .* length above 0 for 'a'"),
                                ({"b": ([], [])}, "series: wanted .* of .* length above 0 for 'b'")):
            with self.assertRaisesRegex(checks.InputError, "curves: " + message):
                charts.curves(self.path, series, "", "", "")
        for path in ("picture.pdf", "picture"):
            with self.assertRaisesRegex(checks.InputError, "path: wanted a name that ends in .png, got"):
                charts.curves(path, {"a": ([1], [1])}, "", "", "")
        with self.assertRaisesRegex(checks.InputError, "wanted a writable path"):
            charts.curves(os.path.join(self.create_tempfile().full_path, "a.png"), {"a": ([1], [1])}, "",
                         "", "")
        self.assertEmpty(os.listdir(self.folder))

    def test_an_error_leaves_the_old_file(self):
        charts.curves(self.path, {"a": ([1], [1])}, "", "", "")
        with open(self.path, "rb") as stream:
            before = stream.read()
        with mock.patch.object(matplotlib.backends.backend_agg.FigureCanvasAgg, "print_png",
                               side_effect=RuntimeError("broken")):
            with self.assertRaisesRegex(RuntimeError, "broken"):
                charts.curves(self.path, {"b": ([1, 2], [1, 5])}, "", "", "")
        with open(self.path, "rb") as stream:
            self.assertEqual(stream.read(), before)
        self.assertEqual(os.listdir(self.folder), ["picture.png"])

    def test_settings_of_the_user_are_kept_and_ignored(self):
        with matplotlib.rc_context({"text.usetex": True, "figure.dpi": 20, "lines.linewidth": 17}):
            before = dict(matplotlib.rcParams)
            figure = self.figure_of(charts.curves, self.path, {"a": ([1], [1])}, "x", "y", "title")
            self.assertEqual(dict(matplotlib.rcParams), before)
        self.check_png(self.path, (1200, 900))
        self.assertFalse(figure.axes[0].title.get_usetex())


class PanelsTest(PlotsTestCase):

    def test_each_panel_has_its_lines_with_their_spread(self):
        content = [charts.Panel({"a": ([0, 1], [2.0, 3.0], [0.5, np.nan]), "b": ([0, 1], [4.0, 5.0])},
                                "negatives", "loss", ["10", "$1$"]),
                   charts.Panel({"": ([1, 2, 3], [0.1, 1.0, 30.0])}, "x", "bias", is_joined=False,
                                is_log=True)]
        figure = self.figure_of(charts.panels, self.path, content, "A title")
        self.check_png(self.path, (1100, 440))
        left, right = figure.axes
        line, bars = left.containers[0][0], left.containers[0][2][0]
        np.testing.assert_array_equal(line.get_ydata(), [2, 3])
        np.testing.assert_array_equal(bars.get_segments(), [[[0, 1.5], [0, 2.5]], [[1, 3], [1, 3]]])
        self.assertEqual([text.get_text() for text in left.get_xticklabels()], ["10", "\\$1\\$"])
        self.assertEqual([text.get_text() for text in left.get_legend().get_texts()], ["a", "b"])
        self.assertEqual((left.get_title(loc="left"), right.get_title(loc="left")), ("A title", ""))
        self.assertEqual((left.get_yscale(), right.get_yscale()), ("linear", "log"))
        self.assertEqual(right.containers[0][0].get_linestyle(), "None")
        self.assertIsNone(right.get_legend())

    def test_invalid_input_is_an_error_that_names_it(self):
        with self.assertRaisesRegex(checks.InputError, "^panels: content: wanted one panel or more"):
            charts.panels(self.path, [], "")
        with self.assertRaisesRegex(
                checks.InputError, "series: wanted x and y of the same length above 0 for 'a'"):
            charts.panels(self.path, [charts.Panel({"a": ([1, 2], [1])}, "", "")], "")
        self.assertEmpty(os.listdir(self.folder))


class BarsTest(PlotsTestCase):

    def _bars(self, labels, series):
        return charts.bars(self.path, labels, series, "items $", "share", "A title")

    def _rectangles(self, axes):
        """Return {position of a series: [(middle, height, colour)]}."""
        return [[(bar.get_x() + bar.get_width() / 2, bar.get_height(),
                  matplotlib.colors.to_hex(bar.get_facecolor())) for bar in container]
                for container in axes.containers]

    def test_bars_are_in_groups_with_their_names(self):
        series = {"this model": [0.5, 0.25, 0.1], "_$p$": [0.4, float("nan"), 0.0]}
        figure = self.figure_of(self._bars, ["1-3", "$4", "_5\n6 targets"], series)
        self.check_png(self.path, (1200, 900))
        axes, = figure.axes
        ours, theirs = self._rectangles(axes)
        np.testing.assert_allclose([x for x, _, _ in ours], [-0.2, 0.8, 1.8])
        np.testing.assert_allclose([x for x, _, _ in theirs], [0.2, 1.2, 2.2])
        self.assertEqual([y for _, y, _ in ours], [0.5, 0.25, 0.1])
        self.assertEqual([y for _, y, _ in theirs], [0.4, 0.0, 0.0])  # a missing bar has no height
        self.assertLen({colour for _, _, colour in ours}, 1)
        self.assertNotEqual(ours[0][2], theirs[0][2])
        widths = [bar.get_width() for container in axes.containers for bar in container]
        self.assertLess(max(widths), 0.4)  # bars beside each other do not overlap
        names = [self.shown(text) for text in axes.get_legend().get_texts()]
        self.assertEqual(names, [("this model", False), ("\u200a_$p$", False)])
        handles = axes.get_legend().get_patches()
        self.assertEqual([matplotlib.colors.to_hex(handle.get_facecolor()) for handle in handles],
                         [ours[0][2], theirs[0][2]])
        np.testing.assert_array_equal(axes.get_xticks(), [0, 1, 2])
        self.assertEqual([self.shown(text) for text in axes.get_xticklabels()],
                         [("1-3", False), ("$4", False), ("_5\n6 targets", False)])
        self.assertEqual((axes.get_xlabel(), axes.get_ylabel()), ("items \\$", "share"))
        self.assertEqual(axes.get_title(loc="left"), "A title")

    def test_one_series_is_centred_on_its_label_without_a_legend(self):
        axes, = self.figure_of(self._bars, ["a", "b"], {"x": iter([3, 5])}).axes
        self.assertEqual([bar[:2] for bar in self._rectangles(axes)[0]], [(0, 3), (1, 5)])
        self.assertIsNone(axes.get_legend())

    def test_invalid_input_is_an_error_that_names_it(self):
        for labels, series, message in [
                ([], {"a": []}, "series: wanted a series with at least one group"),
                (["a"], {}, "series: wanted a series with at least one group"),
                (["a", "b"], {"x": [1, 2], "y": [1]}, r"series\['y'\]: wanted 2 numbers, got \(1,\)")]:
            with self.assertRaisesRegex(checks.InputError, "^bars: " + message):
                self._bars(labels, series)
        with self.assertRaisesRegex(checks.InputError, "^bars: path: wanted a name that ends in .png"):
            charts.bars("bars.svg", ["a"], {"x": [1]}, "", "", "")
        self.assertEmpty(os.listdir(self.folder))


class LossTest(PlotsTestCase):

    def test_loss_has_two_panels_on_one_scale(self):
        history = [(1e6 * i, 100.0 * i, 5 - i) for i in range(4)]
        figure = self.figure_of(charts.loss, self.folder, history, "examples")
        self.assertEqual(charts.loss(self.folder, history, "examples"),
                         os.path.join(self.folder, "loss.png"))
        self.check_png(os.path.join(self.folder, "loss.png"), (1500, 750))
        left, right = figure.axes
        self.assertEqual((left.get_xlabel(), left.get_ylabel()), ("examples", "loss"))
        self.assertEqual(right.get_xlabel(), "minutes")
        self.assertEqual(left.get_title(loc="left"), "Loss while training")
        self.assertEqual(left.get_ylim(), right.get_ylim())
        for axes, x in ((left, [0, 1e6, 2e6, 3e6]), (right, np.arange(4) * 100 / 60)):
            line, = axes.lines
            np.testing.assert_allclose(line.get_xdata(), x)
            np.testing.assert_array_equal(line.get_ydata(), [5, 4, 3, 2])

    def test_a_title_replaces_the_default(self):
        figure = self.figure_of(charts.loss, self.folder, [(1, 2, 3)], "words", title="Held-out $")
        self.assertEqual([axes.get_title(loc="left") for axes in figure.axes], ["Held-out \\$", ""])

    @parameterized.parameters((179, 1, "seconds"), (180, 60, "minutes"), (10800, 3600, "hours"))
    def test_time_has_the_unit_that_suits_it(self, last, length, unit):
        values, name = charts._time(np.array([0, last]))
        self.assertEqual((values[-1], name), (last / length, unit))

    def test_many_points_have_a_running_mean(self):
        noise = np.random.RandomState(1).standard_normal(400)
        line = np.linspace(5, 1, 400)
        history = np.stack([np.arange(400)] * 2 + [line + noise], axis=1)
        figure = self.figure_of(charts.loss, self.folder, history, "words")
        raw, mean = figure.axes[0].lines
        np.testing.assert_array_equal(raw.get_ydata(), line + noise)
        self.assertLess(np.abs(mean.get_ydata() - line)[20:-20].max(), 1)
        np.testing.assert_allclose(charts._running_mean(line), line)
        values = np.random.RandomState(1).uniform(size=100)
        self.assertAlmostEqual(charts._running_mean(values)[50], values[48:53].mean())

    def test_one_point_is_drawn_and_no_point_is_an_error(self):
        charts.loss(self.folder, [(10, 1.0, 3.0)], "words")
        for history in ([], [(1, 2)]):
            with self.assertRaisesRegex(checks.InputError, "history: wanted at least one row of units"):
                charts.loss(self.folder, history, "words")


class MapTest(PlotsTestCase):

    def setUp(self):
        super().setUp()
        # Equal charts on all machines, and fast tests.
        patch = mock.patch.dict(sys.modules, {"sklearn": None})
        patch.start()
        self.addCleanup(patch.stop)

    def test_near_directions_are_near_on_the_map(self):
        points, cluster = clusters()
        figure = self.figure_of(charts.map_of_points, self.path, points, [""] * 60, "Title")
        self.check_png(self.path, (1200, 900))
        places = np.asarray(figure.axes[0].collections[0].get_offsets())
        self.check_separated(places, cluster)
        self.assertIn("Title, two principal components (", figure.axes[0].get_title(loc="left"))

    def check_separated(self, places, cluster):
        centres = np.stack([places[cluster == i].mean(axis=0) for i in range(3)])
        distances = np.linalg.norm(places[:, None] - centres, axis=2)
        np.testing.assert_array_equal(np.argmin(distances, axis=1), cluster)

    def test_principal_components_keep_distances_of_directions(self):
        # Directions e1, e1, e2 and -e2 of three axes; lengths do not count.
        points = np.array([[1, 0, 0], [5, 0, 0], [0, 2, 0], [0, -9, 0]])
        places, method = charts._in_two_dimensions(points, seed=0)
        unit = np.array([[1, 0], [1, 0], [0, 1], [0, -1]])
        np.testing.assert_allclose(np.linalg.norm(places[:, None] - places, axis=2),
                                   np.linalg.norm(unit[:, None] - unit, axis=2), atol=1e-12)
        self.assertEqual(method, "two principal components (100% of the variance)")

    @unittest.skipIf(sklearn is None, "scikit-learn is not installed")
    def test_t_sne_is_used_where_scikit_learn_is_installed(self):
        points, cluster = clusters()
        with mock.patch.dict(sys.modules, {"sklearn": sklearn}):
            places, method = charts._in_two_dimensions(points, seed=4)
            np.testing.assert_array_equal(places, charts._in_two_dimensions(points, seed=4)[0])
        self.check_separated(places, cluster)
        self.assertEqual(method, "t-SNE")

    @parameterized.parameters(((1, 1),), ((1, 5),), ((2, 1),), ((7, 1),), ((3, 2),))
    def test_few_points_and_equal_ones_have_finite_places(self, shape):
        for points in (np.zeros(shape), np.ones(shape), np.random.RandomState(1).standard_normal(shape)):
            figure = self.figure_of(charts.map_of_points, self.path, points, ["a"] * shape[0], "few")
            self.check_png(self.path, (1200, 900))
            places = np.asarray(figure.axes[0].collections[0].get_offsets())
            self.assertEqual(places.shape, (shape[0], 2))
            self.assertTrue(np.isfinite(places).all())
            self.assertGreaterEqual(len(figure.axes[0].texts), 1)

    def test_labels_do_not_overlap_and_earlier_ones_have_priority(self):
        points = np.random.RandomState(5).standard_normal((600, 3))
        labels = ["label%d" % i for i in range(600)]
        figure = self.figure_of(charts.map_of_points, self.path, points, labels, "crowded")
        texts = figure.axes[0].texts
        self.assertBetween(len(texts), 100, 500)
        self.assertEqual([text.get_text() for text in texts[:20]], labels[:20])
        boxes = np.array([text.get_window_extent().extents for text in texts])
        inner = boxes + [1, 1, -1, -1]  # text is placed on whole dots
        overlap = ((inner[:, None, :2] < inner[None, :, 2:]) &
                   (inner[None, :, :2] < inner[:, None, 2:])).all(axis=2)
        np.testing.assert_array_equal(overlap, np.eye(len(texts), dtype=bool))
        self.assertGreater(boxes.min(), 0)
        self.assertLess(boxes[:, 2].max(), 1200)
        self.assertLess(boxes[:, 3].max(), 900)

    def test_a_label_is_beside_its_point(self):
        points = np.random.RandomState(5).standard_normal((9, 3))
        figure = self.figure_of(charts.map_of_points, self.path, points, list("abcdefghi"), "few")
        axes, = figure.axes
        dots = axes.transData.transform(axes.collections[0].get_offsets())
        self.assertLen(axes.texts, 9)
        for text, dot in zip(axes.texts, dots):
            box = text.get_window_extent().extents
            away = np.maximum(box[:2] - dot, 0) + np.maximum(dot - box[2:], 0)
            self.assertBetween(np.linalg.norm(away), 4, 6)

    def test_words_with_any_characters_are_drawn_without_a_warning(self):
        no_font_has = "\U000f1234"
        labels = ["$x^2$", "\\$", "a$b$", "_c", "naïve", "привет", "日本語", "😀", "\x01", no_font_has,
                  "", "long" * 9, "^", "\\frac"]
        points = np.random.RandomState(2).standard_normal((len(labels), 3))
        records = []
        handler = logging.Handler(logging.WARNING)
        handler.emit = records.append
        logging.getLogger("matplotlib").addHandler(handler)
        self.addCleanup(logging.getLogger("matplotlib").removeHandler, handler)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            figure = self.figure_of(charts.map_of_points, self.path, points, labels, "$odd$ 日本語")
        self.assertEmpty([str(warning.message) for warning in caught])
        self.assertEmpty([record.getMessage() for record in records])
        shown = [self.shown(text) for text in figure.axes[0].texts]
        for label in ("$x^2$", "\\$", "a$b$", "_c", "naïve", "привет", "^", "\\frac"):
            self.assertIn((label, False), shown)
        self.assertIn(("longlonglonglonglonglon…", False), shown)
        self.assertNotIn((no_font_has, False), shown)
        self.assertLen(figure.axes[0].collections[0].get_offsets(), len(labels))

    def test_groups_have_colours_and_the_small_ones_share_one(self):
        groups = ["big"] * 3 + ["_second"] * 2 + [str(i) for i in range(8)]
        points = np.random.RandomState(2).standard_normal((len(groups), 3))
        figure = self.figure_of(charts.map_of_points, self.path, points, [""] * len(groups), "groups",
                                colours=groups)
        colours = [tuple(c) for c in figure.axes[0].collections[0].get_facecolors()]
        self.assertLen(set(colours[:3]), 1)
        self.assertLen(set(colours[3:5]), 1)
        self.assertLen(set(colours), 9)
        self.assertEqual(colours[-1], colours[-2])
        names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        self.assertEqual(names, ["big", "\u200a_second"] + list("012345") + ["others"])

    def test_invalid_input_is_an_error_that_names_it(self):
        for points, labels, colours, message in (
                (np.ones((2, 2)), ["a"], None, "labels: wanted as many as points, 2, got 1"),
                (np.ones((2, 2)), ["a", "b"], ["c"], "colours: wanted as many as points, 2, got 1"),
                (np.ones((0, 2)), [], None, "points: wanted an array \\[N, D\\]"),
                (np.ones(2), ["a", "b"], None, "points: wanted an array \\[N, D\\]"),
                ([[1, 2], [3, np.inf]], ["a", "b"], None, "points: wanted finite numbers")):
            with self.assertRaisesRegex(checks.InputError, "map_of_points: " + message):
                charts.map_of_points(self.path, points, labels, "", colours)
        self.assertEmpty(os.listdir(self.folder))


if __name__ == "__main__":
    absltest.main()
