"""Charts as PNG files, by matplotlib: lines, bars, the loss of a training, a map of vectors.

    charts.check_available()                            # before the work
    charts.loss("runs/word2vec-1", history, "words")    # history: [(words, seconds, loss)]
    charts.map_of_points("runs/word2vec-1/map.png", vectors[:300], words[:300], "Frequent words")

matplotlib is imported when a chart is drawn. Its settings and windows do not change: pyplot is not used,
and a matplotlibrc of the user is ignored.
"""
import collections
import contextlib
import os
import warnings

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import writing

_SIZE = (8.0, 6.0)  # inches, of 150 dots
_DPI = 150
_PANEL_SIZE, _PANEL_DPI = (5.0, 4.0), 110
# Paul Tol's "muted" colours, which colour-blind readers can distinguish.
_COLOURS = ("#332288", "#cc6677", "#117733", "#88ccee", "#aa4499", "#ddcc77", "#44aa99", "#882255")
_ONLY, _REST = "#6699cc", "#bbbbbb"  # colours of points without groups, and of points in small groups
_STYLE = {
    "axes.edgecolor": "#888888", "axes.labelcolor": "#333333", "axes.titlecolor": "#222222",
    "axes.axisbelow": True, "axes.grid": True, "axes.spines.right": False, "axes.spines.top": False,
    "axes.titlelocation": "left", "axes.titlepad": 12.0, "axes.titlesize": 12.0,
    "font.family": ["DejaVu Sans"], "font.size": 10.0,
    "grid.color": "#e6e6e6", "legend.frameon": False,
    "xtick.color": "#555555", "ytick.color": "#555555",
}
_LONGEST_LABEL = 24  # characters


def check_available():
    """Raise InputError if matplotlib is not installed. Call it before the work."""
    try:
        import matplotlib.backends.backend_agg
        import matplotlib.figure
        import matplotlib.style  # noqa: F401
    except ImportError as e:
        checks.argument(False, "plots", "matplotlib",
                        "it installed, as by pip install 'tf1_sampled[plots]'", str(e))


def curves(path, series, x_label, y_label, title):
    """Draw lines with a legend.

    Args:
      path: string, the path of the chart, which ends in .png. It is written completely or not at all.
      series: {name: (x, y)}, x and y float [N].
      x_label, y_label, title: strings.

    Raises:
      InputError: no matplotlib, a path that cannot be written, no series, a series without points or
        with different numbers of x and y.
    """
    with _drawing("curves", path) as figure:
        series = _checked_series(series)
        axes = figure.add_subplot()
        handles = [_line(axes, x, y, _COLOURS[i % len(_COLOURS)]) for i, (x, y) in enumerate(
            series.values())]
        if len(series) > 1:
            axes.legend(handles, _legend_names(series))
        _label(axes, x_label, y_label, title)


def bars(path, labels, series, x_label, y_label, title):
    """Draw groups of bars. Each group has one bar per series.

    Args:
      path: string, the path of the chart, which ends in .png. It is written completely or not at all.
      labels: list of N strings, the names of the groups.
      series: {name: float [N]}; NaN for a missing bar.
      x_label, y_label, title: strings.

    Raises:
      InputError: no matplotlib, a path that cannot be written, no series or groups, a series with
        another number of bars.
    """
    with _drawing("bars", path) as figure:
        labels = list(labels)
        checks.argument(series and labels, "bars", "series", "a series with at least one group", series)
        axes = figure.add_subplot()
        width = 0.8 / len(series)
        for number, (name, values) in enumerate(series.items()):
            heights = np.array(list(values), np.float64)
            checks.argument(heights.shape == (len(labels),), "bars", "series[%r]" % name,
                            "%d numbers" % len(labels), heights.shape)
            places = np.arange(len(labels)) + (number - (len(series) - 1) / 2) * width
            axes.bar(places, np.nan_to_num(heights), width * 0.9, color=_COLOURS[number % len(_COLOURS)])
        _label(axes, x_label, y_label, title)
        axes.set_xticks(np.arange(len(labels)))
        axes.set_xticklabels([_plain(label) for label in labels], fontsize=8)
        axes.grid(axis="x", visible=False)
        if len(series) > 1:
            handles = [patch[0] for patch in axes.containers]
            axes.legend(handles, _legend_names(series))


def panels(path, content, title):
    """Draw pictures side by side, each with lines that may have a spread.

    Args:
      path: where to, a name that ends in .png; written whole or not at all.
      content: list of Panel.
      title: string, above the first.

    Raises:
      InputError: no matplotlib, a path that cannot be written, no panel, and as `curves`.
    """
    checks.argument(content, "panels", "content", "one panel or more", content)
    with _drawing("panels", path, (_PANEL_SIZE[0] * len(content), _PANEL_SIZE[1])) as figure:
        figure.set_dpi(_PANEL_DPI)
        for i, panel in enumerate(content):
            axes = figure.add_subplot(1, len(content), i + 1)
            series = _checked_series({name: line[:2] for name, line in panel.series.items()})
            handles = []
            for number, (name, (x, y)) in enumerate(series.items()):
                colour = _COLOURS[number % len(_COLOURS)]
                spread = panel.series[name][2] if len(panel.series[name]) > 2 else None
                handles.append(axes.errorbar(
                    x, y, None if spread is None else np.nan_to_num(spread), color=colour, linewidth=1.6,
                    linestyle="-" if panel.is_joined else "", marker="o" if len(x) <= 30 else None,
                    markersize=4, capsize=3))
            _label(axes, panel.x_label, panel.y_label, "" if i else title)
            _set_ticks(axes, panel)
            # One legend for neighbours with the same names: it may hide lines.
            is_last = i + 1 == len(content) or list(content[i + 1].series) != list(series)
            if len(series) > 1 and is_last:
                axes.legend(handles, _legend_names(series), fontsize=8)


Panel = collections.namedtuple("Panel", "series x_label y_label labels is_joined is_log",
                               defaults=[(), True, False])
Panel.__doc__ = """A picture of a row of pictures.

  series: {name: (x, y) or (x, y, spread)}, [N] of numbers each; a spread is drawn on both sides.
  x_label, y_label: strings.
  labels: strings, of x = 0, 1, ...; empty where x is a number.
  is_joined: boolean, whether a line joins the points of a series.
  is_log: boolean, whether the y axis is logarithmic.
"""


def loss(folder, history, unit, title="Loss while training"):
    """Draw the loss of a training, by units of progress and by time, as loss.png.

    The thin line is the loss, and the thick line is its running mean if there are enough points.

    Args:
      folder: string, the folder of the chart.
      history: list of (units, seconds, loss), units and seconds rising.
      unit: string, the name of the units ("words").
      title: string.

    Returns:
      string, the path of the chart.

    Raises:
      InputError: no matplotlib, a folder that cannot be written, no history.
    """
    path = os.path.join(folder, "loss.png")
    with _drawing("loss", path, (10.0, 5.0)) as figure:
        history = np.array(list(history), np.float64)
        checks.argument(history.ndim == 2 and history.shape[1] == 3 and len(history), "loss", "history",
                        "at least one row of units, seconds and loss", history.shape)
        units, seconds, losses = history.T
        mean = _running_mean(losses)
        for column, (x, label) in enumerate(((units, unit), _time(seconds))):
            axes = figure.add_subplot(1, 2, column + 1)
            if mean is None:
                _line(axes, x, losses, _COLOURS[0])
            else:
                axes.plot(x, losses, color=_COLOURS[3], linewidth=0.7, alpha=0.7)
                axes.plot(x, mean, color=_COLOURS[0], linewidth=1.8)
            _label(axes, label, "" if column else "loss", "" if column else title)
            axes.tick_params(labelleft=not column)
    return path


def map_of_points(path, points, labels, title, colours=None, seed=0):
    """Draw vectors as labelled points in two dimensions, so that similar vectors are near each other.

    Vectors are compared by direction, not by length. The method is t-SNE if scikit-learn is installed
    (minutes for 10,000 points), else the two principal components. The title names the method.

    A label is drawn if there is room. Earlier labels have priority. A label in a script for which the
    machine has no font is left out, but its point is drawn.

    Args:
      path: string, the path of the chart, which ends in .png. It is written completely or not at all.
      points: float [N, D].
      labels: list of N strings; an empty string is not drawn.
      title: string.
      colours: None, or list of N strings, the group of each point. Each of the largest groups has a
        colour.
      seed: integer, the seed of t-SNE.

    Raises:
      InputError: no matplotlib, a path that cannot be written, no points, points that are not finite,
        a number of labels or colours that differs from the number of points.
    """
    with _drawing("map_of_points", path) as figure:
        points = np.array(points, np.float64)
        checks.argument(points.ndim == 2 and points.size, "map_of_points", "points",
                        "an array [N, D] with at least one point and dimension", points.shape)
        checks.argument(np.isfinite(points).all(), "map_of_points", "points", "finite numbers",
                        points[~np.isfinite(points).all(axis=1)][:1].tolist())
        labels = list(labels)
        checks.argument(len(labels) == len(points), "map_of_points", "labels",
                        "as many as points, %d" % len(points), len(labels))
        groups = [""] * len(points) if colours is None else list(colours)
        checks.argument(len(groups) == len(points), "map_of_points", "colours",
                        "as many as points, %d" % len(points), len(groups))

        places, method = _in_two_dimensions(points, seed)
        axes = figure.add_axes([0.02, 0.02, 0.96, 0.9])
        axes.set(xticks=[], yticks=[], title=_plain("%s, %s" % (title, method)))
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.margins(0.05)
        count = collections.Counter(groups)
        names = sorted(count, key=lambda name: (-count[name], name))[:len(_COLOURS)]
        colour_of = dict(zip(names, _COLOURS)) if colours is not None else {"": _ONLY}
        point_colours = [colour_of.get(group, _REST) for group in groups]
        axes.scatter(places[:, 0], places[:, 1], s=9, color=point_colours, linewidths=0)
        legend = _legend(axes, colour_of, len(count) > len(names)) if colours is not None else None
        figure.canvas.draw()  # determines the layout
        taken = [legend.get_window_extent().extents] if legend else []
        _draw_labels(axes, places, labels, point_colours, taken)


@contextlib.contextmanager
def _drawing(function, path, size=_SIZE):
    """Yield a new figure, and write it to `path` at the end."""
    check_available()
    from matplotlib import style
    from matplotlib.backends import backend_agg
    from matplotlib.figure import Figure

    path = os.fspath(path)
    checks.argument(path.lower().endswith(".png"), function, "path", "a name that ends in .png", path)
    with style.context(["default", _STYLE]), warnings.catch_warnings():
        # Warnings of missing glyphs, and of future changes in scikit-learn.
        warnings.simplefilter("ignore")
        figure = Figure(figsize=size, dpi=_DPI)
        canvas = backend_agg.FigureCanvasAgg(figure)
        yield figure
        if function != "map_of_points":
            figure.tight_layout(pad=1.5)
        with writing.writing(path, "wb") as stream:
            canvas.print_png(stream)


def _checked_series(series):
    """Check the series of `curves`, and return them as {name: (x, y)} of arrays."""
    checks.argument(len(series) > 0, "curves", "series", "at least one series", {})
    found = {}
    for name, (x, y) in series.items():
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        checks.argument(x.ndim == 1 and x.shape == y.shape and x.size, "curves", "series",
                        "x and y of the same length above 0 for %r" % name, (x.shape, y.shape))
        found[name] = x, y
    return found


def _line(axes, x, y, colour):
    """Draw a line, with markers if it has few points."""
    return axes.plot(x, y, color=colour, linewidth=1.8, marker="o" if len(x) <= 30 else None,
                     markersize=4)[0]


def _label(axes, x_label, y_label, title):
    from matplotlib import ticker

    axes.set(xlabel=_plain(x_label), ylabel=_plain(y_label), title=_plain(title))
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        axis.set_major_locator(ticker.MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(ticker.FuncFormatter(_number_format(max(map(abs, limits)))))


def _set_ticks(axes, panel):
    """Name the places of x, and make y logarithmic, as a Panel says."""
    from matplotlib import ticker

    if panel.labels:
        axes.set_xticks(np.arange(len(panel.labels)))
        axes.set_xticklabels([_plain(label) for label in panel.labels],
                             fontsize=8, rotation=0 if max(map(len, panel.labels)) < 8 else 20)
        axes.set_xlim(-0.3, len(panel.labels) - 0.7)
    if panel.is_log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: "%g" % value))
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())


def _number_format(largest):
    """Return a function (number, position) -> text, for the ticks of an axis up to `largest`."""
    for factor, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if largest >= (10 * factor if letter == "k" else factor):
            return lambda value, _: "%g%s" % (value / factor, letter) if value else "0"
    return lambda value, _: "{:,.10g}".format(round(value, 9))


def _time(seconds):
    """Return (array, unit), the seconds in a unit that suits the last one."""
    for length, unit in ((3600, "hours"), (60, "minutes")):
        if seconds[-1] >= 3 * length:
            return seconds / length, unit
    return seconds, "seconds"


def _running_mean(values):
    """Return the running mean of the values, [N], or None if there are few."""
    half = len(values) // 40
    if half < 2:
        return None
    total = np.concatenate([[0], np.cumsum(values)])
    at = np.arange(len(values))
    # Windows are symmetric and shorter at the ends, so that the mean of a straight line is the line.
    around = np.minimum(half, np.minimum(at, len(values) - 1 - at))
    return (total[at + around + 1] - total[at - around]) / (2 * around + 1)


def _in_two_dimensions(points, seed):
    """Return ([N, 2], name of the method) for the directions of points [N, D]."""
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    unit = points / np.where(lengths > 0, lengths, 1)
    centred = unit - unit.mean(axis=0)
    try:
        from sklearn import manifold
    except ImportError:
        manifold = None
    if manifold is not None and len(points) > 4 and np.abs(centred).max() > 1e-6 and points.shape[1] > 1:
        tsne = manifold.TSNE(2, perplexity=min(30, (len(points) - 1) / 3), init="pca",
                             random_state=seed)
        return tsne.fit_transform(unit.astype(np.float32)), "t-SNE"
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(points), 2))
    places[:, :min(2, len(sizes))] = (left * sizes)[:, :2]
    total = np.sum(sizes ** 2)
    share = 100 * np.sum(sizes[:2] ** 2) / total if total else 100
    return places, "two principal components (%.0f%% of the variance)" % share


def _legend(axes, colour_of, more):
    """Draw a legend of the colours."""
    from matplotlib.lines import Line2D

    entries = list(colour_of.items()) + ([("others", _REST)] if more else [])
    handles = [Line2D([], [], marker="o", linestyle="", markersize=4, color=c) for _, c in entries]
    return axes.legend(handles, _legend_names(name for name, _ in entries), fontsize=8,
                       loc="lower left", labelspacing=0.3, handletextpad=0.1, borderpad=0)


def _legend_names(names):
    """Return names for a legend, which would leave out names that start with an underscore."""
    return [_plain("\u200a" + name if name.startswith("_") else name) for name in names]


def _draw_labels(axes, places, labels, colours, taken, most=600):
    """Draw labels beside their points unless they overlap each other or the edge.

    Args:
      axes: matplotlib axes.
      places: float [N, 2].
      labels: list of N strings.
      colours: list of N colours.
      taken: list of (left, bottom, right, top) in dots, areas without labels.
      most: integer, the maximum number of labels.
    """
    from matplotlib.font_manager import FontProperties

    renderer = axes.figure.canvas.get_renderer()
    dots = axes.transData.transform(places)
    edge = axes.get_window_extent(renderer).extents
    boxes = np.array(taken, np.float64).reshape(-1, 4)
    fonts = _Fonts()
    gap, drawn = 5, 0
    for i, label in enumerate(labels):
        if drawn == most:
            break
        if len(label) > _LONGEST_LABEL:
            label = label[:_LONGEST_LABEL - 1] + "\u2026"
        path = fonts.path_for(label)
        if not label.strip() or path is None:
            continue
        text = axes.text(0, 0, _plain(label), color=_darker(colours[i]),
                         fontproperties=FontProperties(fname=path, size=7), transform=None)
        extent = text.get_window_extent(renderer)
        width, height = extent.width, extent.height
        x, y = dots[i]
        # To the right, left, above or below, where the label hides the fewest points.
        corners = np.array([(x + gap, y - height / 2), (x - gap - width, y - height / 2),
                            (x - width / 2, y + gap), (x - width / 2, y - gap - height)])
        best = None
        for left, bottom in corners:
            box = np.array([left, bottom, left + width, bottom + height])
            fits = (box[:2] >= edge[:2]).all() and (box[2:] <= edge[2:]).all()
            if not fits or ((box[:2] < boxes[:, 2:]) & (boxes[:, :2] < box[2:])).all(axis=1).any():
                continue
            hidden = ((dots > box[:2]) & (dots < box[2:])).all(axis=1).sum()
            if best is None or hidden < best[0]:
                best = hidden, box
        if best is None:
            text.remove()
            continue
        box = best[1]
        # The position of the box of the text, not of its base line.
        text.set_position((box[0] - extent.x0, box[1] - extent.y0))
        boxes = np.concatenate([boxes, [box]])
        drawn += 1


def _darker(colour):
    """Return a darker colour for text."""
    return "#" + "".join("%02x" % (int(colour[at:at + 2], 16) * 11 // 20) for at in (1, 3, 5))


class _Fonts:
    """The fonts of the machine, to find one with all characters of a text; matplotlib's font first."""

    def __init__(self):
        from matplotlib import font_manager

        self._default = font_manager.findfont("DejaVu Sans")
        # Fonts for many scripts first.
        self._others = sorted(
            {font.fname for font in font_manager.fontManager.ttflist
             if font.style == "normal" and str(font.weight) in ("400", "normal", "regular")},
            key=lambda path: ("noto" not in path.lower(), "cjk" not in path.lower(), path))
        self._characters = {}

    def path_for(self, text):
        """Return the path of a font that has all characters of the text, or None."""
        wanted = {ord(character) for character in text}
        for path in [self._default] + self._others:
            if wanted <= self._has(path):
                return path
        return None

    def _has(self, path):
        if path not in self._characters:
            from matplotlib.ft2font import FT2Font
            try:
                font = FT2Font(path)
                # "Last resort" has only boxes, and bitmap fonts cannot be scaled.
                real = font.scalable and "lastresort" not in path.lower()
                self._characters[path] = set(font.get_charmap()) if real else set()
            except (OSError, RuntimeError):
                self._characters[path] = set()
        return self._characters[path]


def _plain(text):
    """Return text in which matplotlib does not read $ as the start of a formula."""
    return text.replace("$", "\\$")
