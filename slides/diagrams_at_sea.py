"""Drawings of the ocean case studies: what a blur loses, edges, a stack of days.

Coordinates are laid out by hand: inches from the lower left corner.
"""
# fmt: off

from ink import Palette, arrow, box, canvas, path, ring, say, slab
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from course_lib.plots import Picture

BLUR, ADVECT = ("blur", 4), ("advect", 0)


def two_orders(p: Palette) -> Picture:
    """Blur and advection do not commute: their difference is the forcing."""
    picture, ax = canvas(
        "The full current takes two ways: blurred, then advected, as a coarse model "
        "does; advected, then blurred, as in nature. The first less the second is S.",
        11.4, 4.0,
    )
    lanes = (
        (2.95, (BLUR, ADVECT), r"$(\bar{u}\cdot\nabla)\,\bar{u}$", "a coarse model"),
        (0.95, (ADVECT, BLUR), r"$\overline{(u\cdot\nabla)\,u}$", "nature, blurred"),
    )
    slab(ax, p, (0.85, 1.95), (1.1, 1.1), colour=6)
    say(ax, 0.85, 1.95, r"$u$", 22)
    for y, boxes, result, whose in lanes:
        path(ax, p, [(0.85, 2.5 if y > 2 else 1.4), (0.85, y), (1.93, y)])
        for x, (text, colour) in zip((2.7, 4.7), boxes, strict=True):
            box(ax, p, (x, y), text, colour, (1.5, 0.8), 16)
        arrow(ax, p, (3.47, y), (3.93, y))
        arrow(ax, p, (5.47, y), (6.0, y))
        say(ax, 6.95, y, result, 18)
        say(ax, 6.95, y + (0.62 if y > 2 else -0.62), whose, 14, color=p.quiet)
    path(ax, p, [(7.95, 2.95), (8.9, 2.95), (8.9, 2.22)])
    path(ax, p, [(7.95, 0.95), (8.9, 0.95), (8.9, 1.68)])
    ring(ax, p, (8.9, 1.95), "+", font=21)
    say(ax, 9.13, 1.4, "−", 18)
    arrow(ax, p, (9.18, 1.95), (9.85, 1.95))
    box(ax, p, (10.5, 1.95), r"$S$", 1, (1.1, 0.9), 24)
    return picture


def window(ax, p: Palette, corner, size, colour: int) -> None:
    """A rectangle that a network looks at."""
    edge = p.colours[colour]
    face = to_rgba(edge, 0.4)
    ax.add_patch(Rectangle(corner, *size, facecolor=face, edgecolor=edge, lw=1.6))


def patch_or_ring(p: Palette) -> Picture:
    """What a window needs at the edge of a patch, and of a periodic sea."""
    picture, ax = canvas(
        "Left, a window at the edge of a patch reaches beyond it, where there is no "
        "input. Right, on a periodic sea it goes on at the opposite edge.", 10.6, 3.9,
    )
    side, low = 2.4, 0.85
    left, right = 1.6, 6.8
    for x in (left, right):
        slab(ax, p, (x + side / 2, low + side / 2), (side, side), colour=6)
    window(ax, p, (left + 1.95, low + 1.15), (0.45, 0.9), 0)
    beyond = Rectangle((left + side, low + 1.15), 0.45, 0.9, facecolor="none",
                       edgecolor=p.colours[1], lw=1.8, ls="--", hatch="///")
    ax.add_patch(beyond)
    say(ax, left + side + 0.6, low + 1.6, "not in\nthe input", 13, ha="left",
        color=p.words[1])
    window(ax, p, (right + 1.95, low + 1.15), (0.45, 0.9), 0)
    window(ax, p, (right, low + 1.15), (0.45, 0.9), 0)
    arrow(ax, p, (right + side + 0.1, low + 1.6), (right + side + 0.6, low + 1.6), 0)
    arrow(ax, p, (right - 0.6, low + 1.6), (right - 0.1, low + 1.6), 0)
    for x, title, note in (
        (left, "a patch of 40 × 40", "dense layer: each place learns anew"),
        (right, "a periodic sea, of any size", "convolutions: one law, everywhere"),
    ):
        say(ax, x + side / 2, low + side + 0.35, title, 16)
        say(ax, x + side / 2, 0.4, note, 14, color=p.quiet)
    return picture


def day(ax, p: Palette, at, side: float, slope: float) -> None:
    """One map of a stack: grey, unseen, but for a slanting track."""
    (x, y), half = at, side / 2
    slab(ax, p, at, (side, side), colour=6)
    ends = (x - slope * half, x + slope * half)
    ax.plot(ends, (y - half, y + half), color=p.colours[1], lw=3.2, zorder=1)


def stack_of_days(p: Palette) -> Picture:
    """Eleven days of tracks and a first guess enter; a correction comes out."""
    picture, ax = canvas(
        "Eleven maps of tracks, their masks and three optimal interpolations enter a "
        "residual network; its output is added to the interpolation of the day.",
        11.4, 4.2,
    )
    for i, slope in enumerate((0.8, -0.75, 0.7, -0.8, 0.55)):
        day(ax, p, (0.75 + 0.27 * i, 1.9 - 0.19 * i), 1.15, slope)
    say(ax, 1.3, 0.22, "11 maps of tracks, 11 masks", 13)
    slab(ax, p, (1.3, 3.35), (0.95, 0.95), 3, 2)
    say(ax, 2.05, 3.75, "3 interpolations", 13, ha="left", color=p.words[2])
    arrow(ax, p, (2.4, 1.5), (3.2, 1.5))
    arrow(ax, p, (1.9, 3.0), (3.2, 1.95))
    stages = ((3.95, "conv,\nstride 2", 0), (5.75, "3 residual\nblocks", 0),
              (7.55, "conv,\nshuffle", 0))
    for x, text, colour in stages:
        box(ax, p, (x, 1.6), text, colour, (1.4, 1.0), 14)
    for x in (4.67, 6.47):
        arrow(ax, p, (x, 1.6), (x + 0.36, 1.6))
    arrow(ax, p, (8.27, 1.6), (8.83, 1.6))
    path(ax, p, [(2.0, 3.35), (9.1, 3.35), (9.1, 1.86)], 2, 2.6)
    say(ax, 6.2, 3.6, "the interpolation of the day", 14, color=p.words[2])
    say(ax, 5.75, 0.75, "a correction, zero at the start", 14, color=p.words[0])
    ring(ax, p, (9.1, 1.6), "+")
    arrow(ax, p, (9.36, 1.6), (9.78, 1.6))
    slab(ax, p, (10.5, 1.6), (1.25, 1.25), 1, 1)
    say(ax, 10.5, 1.6, r"$\hat\eta$", 24)
    say(ax, 10.5, 0.72, "sea level", 14)
    return picture


ALL = (two_orders, patch_or_ring, stack_of_days)
