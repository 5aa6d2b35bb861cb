"""The pens of the slides: boxes, slabs, arrows, bars, on light or on dark ground.

Colours are those of Okabe and Ito, as in course_lib.plots; on dark ground the same
hues, lighter. Lengths are inches, so that type is as large on every slide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle
from matplotlib.text import Text

from course_lib import plots


@dataclass(frozen=True)
class Palette:
    """What a variant of the theme draws with."""

    name: str
    ink: str
    quiet: str
    paper: str
    colours: tuple[str, ...]  # blue, vermilion, green, purple, orange, sky, ink
    words: tuple[str, ...]  # the first three for text, which needs more contrast


LIGHT = Palette(
    "light", "#1b2733", "#52616e", "#ffffff", plots.COLOURS,
    ("#00598c", "#a84300", "#00664b"),
)  # fmt: skip
DARK = Palette(
    "dark", "#edf2f5", "#a9b8c3", "#0f1c26",
    ("#3394ca", "#f5935a", "#31c499", "#e0a8c8", "#ffdb54", "#93e4ff", "#edf2f5"),
    ("#6cc0f2", "#f5a25d", "#5fd3b0"),
)  # fmt: skip


def settings(p: Palette) -> dict:
    """Matplotlib's defaults for a palette."""
    inked = ("text", "axes.edge", "axes.label", "axes.title", "xtick.", "ytick.")
    colours = {f"{k}color": p.ink for k in inked if k not in ("text", "axes.edge")}
    colours |= {"text.color": p.ink, "axes.edgecolor": p.ink, "axes.labelcolor": p.ink}
    colours = {k: v for k, v in colours.items() if k in mpl.rcParams}
    return colours | {
        "figure.facecolor": "none", "axes.facecolor": "none", "savefig.dpi": 200,
        "mathtext.fontset": "cm", "svg.hashsalt": "slides", "grid.color": p.quiet,
        "font.family": ["Source Sans 3", "DejaVu Sans"], "font.size": 13,
    }  # fmt: skip


def recolour(picture: plots.Picture, p: Palette) -> plots.Picture:
    """A picture of course_lib.plots in the colours of a palette."""
    swap = {to_hex(a): b for a, b in zip(plots.COLOURS, p.colours, strict=True)}
    swap |= {to_hex("0.3"): p.quiet, to_hex("0.75"): p.quiet}
    for ax in picture.axes:
        ax.title.set_fontsize(13)
    for artist in picture.findobj(lambda a: hasattr(a, "get_color")):
        colour = artist.get_color()
        if isinstance(colour, str) and to_hex(colour) in swap:
            artist.set_color(swap[to_hex(colour)])
    for text in picture.findobj(Text):
        if text.get_bbox_patch():
            text.get_bbox_patch().set(facecolor=to_rgba(p.colours[5], 0.3), ec=p.ink)
        arrow = getattr(text, "arrow_patch", None)
        if arrow:
            colour = to_hex(arrow.get_edgecolor())
            arrow.set_color(swap.get(colour, colour))
    return picture


def canvas(alt: str, width: float, height: float):
    """A picture and its only axes, which count in inches."""
    picture = plots.Picture(alt, width, height)
    picture.set_layout_engine("none")
    ax = picture.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.set_axis_off()
    return picture, ax


def say(ax, x: float, y: float, text: str, size: float = 14, **options) -> None:
    """Text centred at a point."""
    options = {"ha": "center", "va": "center"} | options
    ax.text(x, y, text, fontsize=1.15 * size, **options)


def box(ax, p: Palette, at, text: str, colour: int = 0, size=(1.3, 0.7), font=14):
    """A rounded box with its centre at a point."""
    (x, y), (w, h), edge = at, size, p.colours[colour]
    patch = FancyBboxPatch(
        (x - w / 2 + 0.08, y - h / 2 + 0.08), w - 0.16, h - 0.16,
        boxstyle="round,pad=0.08", facecolor=to_rgba(edge, 0.2), edgecolor=edge, lw=1.8,
    )  # fmt: skip
    ax.add_patch(patch)
    say(ax, x, y, text, font)


def ring(ax, p: Palette, at, text: str, colour: int = 1, font=19):
    """A small circle with a sign in it: a sum, a product."""
    edge = p.colours[colour]
    frame = {"boxstyle": "circle,pad=0.1", "facecolor": p.paper, "edgecolor": edge}
    say(ax, *at, text, font, bbox=frame | {"lw": 1.8}, zorder=3)


def arrow(ax, p: Palette, start, end, colour=None, bend: float = 0.0, width=1.8):
    """An arrow from point to point; bend > 0 curves it."""
    style = {
        "arrowstyle": "-|>,head_width=0.3,head_length=0.6", "lw": width, "shrinkA": 0,
        "shrinkB": 0, "color": p.ink if colour is None else p.colours[colour],
        "connectionstyle": f"arc3,rad={bend}",
    }  # fmt: skip
    ax.annotate("", end, start, arrowprops=style)


def path(ax, p: Palette, points, colour=None, width=1.8, dashed=False):
    """Straight lines through points, with an arrow at the end."""
    ink = p.ink if colour is None else p.colours[colour]
    x, y = zip(*points[:-1], strict=True)
    ax.plot(
        x, y, color=ink, lw=width, ls="--" if dashed else "-", solid_capstyle="butt"
    )
    arrow(ax, p, points[-2], points[-1], colour, width=width)


def slab(ax, p: Palette, at, size, n: int = 1, colour: int = 0) -> None:
    """A pile of n maps, seen from the front, with its centre at a point."""
    (x, y), (w, h), edge, off = at, size, p.colours[colour], 0.07
    for i in reversed(range(n)):
        shift = (i - (n - 1) / 2) * off
        corner = (x - w / 2 + shift, y - h / 2 + shift)
        ax.add_patch(Rectangle(corner, w, h, facecolor=p.paper, edgecolor="none"))
        face = to_rgba(edge, 0.22)
        ax.add_patch(Rectangle(corner, w, h, facecolor=face, edgecolor=edge, lw=1.4))


def funnel(ax, p: Palette, x, y: float, heights, colour: int = 0) -> None:
    """A trapezium between x[0] and x[1] whose sides have these heights."""
    (x0, x1), (h0, h1), edge = x, heights, p.colours[colour]
    corners = [(x0, y - h0 / 2), (x0, y + h0 / 2), (x1, y + h1 / 2), (x1, y - h1 / 2)]
    face = to_rgba(edge, 0.2)
    ax.add_patch(Polygon(corners, facecolor=face, edgecolor=edge, lw=1.8))


def cells(ax, p: Palette, corner, table, side: float = 0.5, marked=(), colour: int = 1):
    """Numbers in squares, from the upper left corner on; some of them marked."""
    for i, row in enumerate(table):
        for j, value in enumerate(row):
            x, y = corner[0] + j * side, corner[1] - (i + 1) * side
            face = to_rgba(p.colours[colour], 0.3) if (i, j) in marked else "none"
            square = Rectangle((x, y), side, side, facecolor=face, edgecolor=p.quiet)
            ax.add_patch(square)
            say(ax, x + side / 2, y + side / 2, str(value).replace("-", "−"), 12.5)


def two_digits(value: float) -> str:
    """A number with two digits that count: 23, 0.40, 7.4 × 10⁻⁸."""
    digits, _, power = f"{value:#.2g}".rstrip(".").partition("e")
    return rf"{digits} × $10^{{{int(power)}}}$" if power else digits


def bars(
    p: Palette, values: Mapping[str, float], alt: str, *, xlabel: str,
    ours: Sequence[str] = (), log: bool = False, digits: str | None = None,
) -> plots.Picture:  # fmt: skip
    """Horizontal bars with their values; `ours` in blue, the baselines in grey.

    digits: the format of the values; two digits that count by default.
    """
    picture = plots.Picture(alt, 7.6, 0.75 + 0.42 * len(values))
    ax = picture.subplots()
    names = list(values)[::-1]
    lengths = [values[name] for name in names]
    fill = [p.colours[0] if name in ours else p.quiet for name in names]
    labels = [format(v, digits) if digits else two_digits(v) for v in lengths]
    drawn = ax.barh(names, lengths, color=fill, height=0.66, log=log)
    ax.bar_label(drawn, labels, padding=5, fontsize=13)
    ax.tick_params(axis="y", length=0, labelsize=13)
    ax.set_xlabel(xlabel, fontsize=12)
    ax.margins(x=0.14)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return picture
