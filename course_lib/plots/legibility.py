"""What keeps a reader from reading a figure: problems(picture) is empty for a good one.

Checked wherever figures are made for others to read: `course build` and the tests set
COURSE_STRICT_FIGURES, and then a Picture with a problem is an error. Students' kernels
do not set it: their figures are their own.
"""

import itertools
import re
from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.transforms import Bbox

SHORTEST = 30  # characters of an alternative text
SMALLEST = 7  # points of 1/72 inch on a page of 96 pixels an inch, as browsers count
EDGE = 2  # pixels by which a text may miss the canvas or meet another one
COLOUR_BAR = "<colorbar>"  # Matplotlib's own label for such axes

WORD = (
    r"(?:1|%|1000|10[⁻⁰¹²³⁴-⁹]+|(?:[cdkm]?m|s|h|B|dB|std|°[EN]|UTC)[⁻¹²³]*"
    r"|days?|hours?|cycles|steps?|pixels?|(?:grid )?points?|tracks"
    r"|(?:time|Lyapunov) (?:times?|units?)|standard deviations?|sea variance)"
)
UNIT = re.compile(rf"\({WORD}(?:(?:/| per | ){WORD})*\)$")


class Reader(RendererAgg):
    """Draws as for a PNG, and keeps the texts that are drawn."""

    def __init__(self, figure: Figure):
        super().__init__(figure.bbox.width, figure.bbox.height, figure.dpi)
        self.texts: list[Text] = []
        figure.draw(self)

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        if mtext is not None:
            self.texts.append(mtext)


def problems(picture: Figure) -> list[str]:
    """What a reader cannot read; a unit stands in parentheses, "(1)" for a number."""
    texts = Reader(picture).texts
    found = [silent(picture), small(picture, texts), clipped(picture, texts)]
    found += [crowded(texts), covered(picture)]
    found += [unlabelled(ax) for ax in picture.axes if ax.axison]
    found += [alike(ax) for ax in picture.axes]
    return [*itertools.chain(*found), *without_scale(picture)]


def has_unit(label: str) -> bool:
    """Whether a label ends with a unit: "speed (m/s)"."""
    return bool(UNIT.search(label))


def silent(picture: Figure) -> Iterator[str]:
    """The alternative text says what one sees, not that there is a figure."""
    if len(picture.alt) <= SHORTEST:
        yield f"alternative text too short: {picture.alt!r}"
    if re.match(r"(an? )?(figure|image|picture|plot)\b", picture.alt, re.I):
        yield f"alternative text begins with what everybody knows: {picture.alt!r}"


def unlabelled(ax: Axes) -> Iterator[str]:
    """Axes that share a scale share its label; a colour bar has one label."""
    x, y = ax.get_shared_x_axes(), ax.get_shared_y_axes()
    labels = {
        "x": [one.get_xlabel() for one in x.get_siblings(ax)],
        "y": [one.get_ylabel() for one in y.get_siblings(ax)],
    }
    if ax.get_label() == COLOUR_BAR:
        labels = {"colours": [ax.get_ylabel() or ax.get_xlabel()]}
    for name, texts in labels.items():
        if not any(map(has_unit, texts)):
            yield f"{name} without a unit: {' '.join(filter(None, texts))!r}"


def without_scale(picture: Figure) -> Iterator[str]:
    """Colours on axes mean a quantity; images have none and show no axes."""
    maps = [ax for ax in picture.axes if ax.axison and painted(ax)]
    bars = [ax for ax in picture.axes if ax.get_label() == COLOUR_BAR]
    if [ax for ax in maps if ax not in bars] and not bars:
        yield "colours without a colour bar"


def painted(ax: Axes) -> bool:
    """Whether a field is drawn in colours."""
    return bool(ax.images) or any(isinstance(c, QuadMesh) for c in ax.collections)


def small(picture: Figure, texts: list[Text]) -> Iterator[str]:
    """Texts are large enough in a notebook, which shows a figure pixel by pixel."""
    for text in texts:
        if text.get_fontsize() * picture.dpi / 96 < SMALLEST:
            yield f"text of {text.get_fontsize():g} points: {text.get_text()!r}"


def clipped(picture: Figure, texts: list[Text]) -> Iterator[str]:
    """Nothing leaves the canvas."""
    for text in texts:
        if not within(text.get_window_extent(), picture.bbox):
            yield f"text beyond the border: {text.get_text()!r}"
    for ax in picture.axes:
        if not within(ax.get_window_extent(), picture.bbox):
            yield f"axes beyond the border: {ax.get_title()!r}"


def within(box: Bbox, canvas: Bbox) -> bool:
    """Whether a box lies on a canvas."""
    return bool((canvas.padded(EDGE).min <= box.min).all()) and bool(
        (box.max <= canvas.padded(EDGE).max).all()
    )


def crowded(texts: list[Text]) -> Iterator[str]:
    """No text is written over another one."""
    boxes = [(text, text.get_window_extent().padded(-EDGE / 2)) for text in texts]
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        if a.overlaps(b):
            yield f"{one.get_text()!r} is written over {other.get_text()!r}"


def covered(picture: Figure) -> Iterator[str]:
    """No legend hides data."""
    for legend, ax in itertools.product(picture.findobj(Legend), picture.axes):
        under = Bbox.intersection(legend.get_window_extent(), ax.bbox)
        if under and holds_data(ax, under.padded(-1)):
            yield f"the legend covers data: {legend.texts[0].get_text()!r}"


def holds_data(ax: Axes, box: Bbox) -> bool:
    """Whether a line, a point or a field is drawn in a box."""
    paths = [line.get_transform().transform_path(line.get_path()) for line in ax.lines]
    points = [
        c.get_offset_transform().transform(c.get_offsets())
        for c in ax.collections
        if isinstance(c, PathCollection)
    ]
    return (
        painted(ax)
        or any(path.intersects_bbox(box, filled=False) for path in paths)
        or any(box.count_contains(p) for p in points)
    )


def alike(ax: Axes) -> Iterator[str]:
    """Lines differ by dashes, markers or width: colour alone does not tell them."""
    looks: dict[tuple, str] = {}
    for line in ax.lines:
        label = line.get_label()
        look = line.get_linestyle(), line.get_marker(), line.get_linewidth()
        if not label.startswith("_") and looks.setdefault(look, label) != label:
            yield f"only colours tell {label!r} from {looks[look]!r}"
