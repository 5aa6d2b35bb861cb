"""Drawings of networks in time, and of four papers in boxes.

Coordinates are laid out by hand: inches from the lower left corner.
"""
# fmt: off

from ink import Palette, arrow, box, canvas, path, ring, say

from course_lib.plots import Picture


def lstm(p: Palette) -> Picture:
    """The cell runs along the top; three gates and the new content below."""
    picture, ax = canvas(
        "The cell c runs straight through: times the forget gate, plus input gate "
        "times new content. The output gate times its tanh is h.", 10.8, 4.6,
    )
    top, low = 3.85, 1.45
    names = ((2.2, r"$f$", 1, "forget"), (4.1, r"$i$", 1, "input"),
             (5.6, r"$g$", 4, "new content"), (7.6, r"$o$", 1, "output"))
    for x, text, colour, note in names:
        box(ax, p, (x, low), text, colour, (0.9, 0.65), 19)
        say(ax, x, 0.92, note, 13)
        arrow(ax, p, (x, 0.45), (x, 0.75))
    arrow(ax, p, (1.0, top), (10.0, top), 0, width=3.2)
    arrow(ax, p, (2.2, 1.8), (2.2, top - 0.25))
    path(ax, p, [(4.1, 1.8), (4.1, 2.75), (4.62, 2.75)])
    path(ax, p, [(5.6, 1.8), (5.6, 2.75), (5.1, 2.75)])
    arrow(ax, p, (4.86, 3.0), (4.86, top - 0.25))
    path(ax, p, [(8.9, top), (8.9, 2.68)])
    path(ax, p, [(7.6, 1.8), (7.6, 2.4), (8.65, 2.4)])
    path(ax, p, [(8.9, 2.15), (8.9, 1.45), (10.0, 1.45)], 2, 2.6)
    for at, sign in (((2.2, top), "×"), ((4.86, 2.75), "×"), ((4.86, top), "+"),
                     ((8.9, 2.4), "×")):
        ring(ax, p, at, sign)
    say(ax, 9.2, 3.25, "tanh", 13, ha="left")
    say(ax, 5.2, 0.22, r"each from $x_t$ and $h_{t-1}$, with weights of its own", 14)
    for x, y, text in ((0.6, top, r"$c_{t-1}$"), (10.4, top, r"$c_t$"),
                       (10.4, 1.45, r"$h_t$")):
        say(ax, x, y, text, 20)
    return picture


def euler_chain(p: Palette) -> Picture:
    """Residual blocks in a row are steps in time."""
    picture, ax = canvas(
        "Three blocks in a row; each adds h f of its input to its input, as Euler's "
        "scheme adds a tendency.", 11.2, 2.7,
    )
    y = 0.9
    for k in range(3):
        x = 1.0 + 3.55 * k
        say(ax, x - 0.36, y, ("$x_t$", "$x_{t+1}$", "$x_{t+2}$")[k], 18)
        box(ax, p, (x + 1.15, y), r"$h\,f$", 0, (1.0, 0.75), 18)
        ring(ax, p, (x + 2.3, y), "+")
        arrow(ax, p, (x, y), (x + 0.62, y))
        arrow(ax, p, (x + 1.67, y), (x + 2.06, y))
        corners = [(x + 0.25, y), (x + 0.25, 2.0), (x + 2.3, 2.0), (x + 2.3, y + 0.24)]
        path(ax, p, corners, 1, 2.4)
        arrow(ax, p, (x + 2.54, y), (x + 2.82, y))
    return picture


def runge_kutta(p: Palette) -> Picture:
    """Four calls of one field, wired by hand."""
    picture, ax = canvas(
        "Four boxes with the same field f in a chain; their outputs k1 to k4, weighted "
        "1, 2, 2, 1 sixths, are added to x.", 11, 3.9,
    )
    say(ax, 0.4, 2.9, r"$x_t$", 20)
    steps = (r"$h/2$", r"$h/2$", r"$h$")
    for k in range(4):
        x = 2.0 + 2.05 * k
        box(ax, p, (x, 2.9), r"$f$", 0, (0.9, 0.75), 20)
        path(ax, p, [(x, 2.5), (x, 1.18)], 1)
        say(ax, x + 0.14, 1.9, rf"$k_{k + 1} \times$ {'1221'[k]}/6", 14, ha="left")
        if k < 3:
            arrow(ax, p, (x + 0.47, 2.9), (x + 1.56, 2.9))
            say(ax, x + 1.0, 3.2, steps[k], 15)
    arrow(ax, p, (0.75, 2.9), (1.52, 2.9))
    path(ax, p, [(0.4, 2.6), (0.4, 0.9), (9.9, 0.9)], None, 2.4)
    for k in range(4):
        ring(ax, p, (2.0 + 2.05 * k, 0.9), "+")
    say(ax, 10.45, 0.9, r"$x_{t+1}$", 20)
    say(ax, 5.2, 0.25, "four layers, one set of weights", 15)
    return picture


def bilinear(p: Palette) -> Picture:
    """Three linear layers, one product, one sum."""
    picture, ax = canvas(
        "x enters three linear layers; the outputs of two are multiplied, that of the "
        "third is added: the tendency f of x.", 9.4, 3.6,
    )
    say(ax, 0.5, 1.8, r"$x$", 22)
    for y, text in ((3.0, r"$Ax+b$"), (1.8, r"$Bx+c$"), (0.6, r"$Wx+a$")):
        box(ax, p, (3.0, y), text, 0, (1.9, 0.8), 18)
        arrow(ax, p, (0.8, 1.8), (1.98, y))
    path(ax, p, [(4.0, 3.0), (5.6, 3.0), (5.6, 2.05)])
    arrow(ax, p, (4.0, 1.8), (5.36, 1.8))
    arrow(ax, p, (5.84, 1.8), (6.86, 1.8))
    path(ax, p, [(4.0, 0.6), (7.1, 0.6), (7.1, 1.55)])
    ring(ax, p, (5.6, 1.8), "×")
    ring(ax, p, (7.1, 1.8), "+")
    arrow(ax, p, (7.34, 1.8), (8.1, 1.8))
    say(ax, 8.65, 1.8, r"$f(x)$", 22)
    return picture


def flow(p: Palette, alt: str, stages, *, width: float = 11.2) -> Picture:
    """Columns of boxes with arrows between neighbours: (text, colour) each."""
    picture, ax = canvas(alt, width, 3.0)
    step = width / len(stages)
    for k, column in enumerate(stages):
        x = step * (k + 0.5)
        for i, (text, colour) in enumerate(column):
            y = 1.5 + 1.3 * ((len(column) - 1) / 2 - i)
            box(ax, p, (x, y), text, colour, (step - 0.75, 1.05), 14)
            n_next = len(stages[k + 1]) if k + 1 < len(stages) else 0
            for j in [i] if n_next == len(column) else range(n_next):
                end = 1.5 + 1.3 * ((n_next - 1) / 2 - j)
                arrow(ax, p, (x + step / 2 - 0.35, y), (x + step / 2 + 0.35, end))
    return picture


def dincae(p: Palette) -> Picture:
    """DINCAE 2.0 in boxes."""
    alt = ("Gappy fields and their error variances enter a UNet, which gives a mean "
           "and a variance at each point.")
    return flow(p, alt, [
        [("SST with clouds,\nday before, day after", 6),
         ("error variance,\nwind, chlorophyll", 6)],
        [("UNet, two passes,\nsummed skips", 0)],
        [("mean of SST", 2), ("its variance", 1)],
    ])


def bolton_zanna(p: Palette) -> Picture:
    """Bolton and Zanna (2019) in boxes."""
    alt = ("A coarse streamfunction enters three convolutions and a dense layer, which "
           "give the subgrid forcing.")
    return flow(p, alt, [
        [("filtered\nstreamfunction", 6)], [("three\nconvolutions", 0)],
        [("dense layer", 0)], [("subgrid\nmomentum\nforcing", 2)],
    ])


def manucharyan(p: Palette) -> Picture:
    """Manucharyan et al. (2021) in boxes."""
    alt = ("A series of altimeter tracks enters a residual network, which gives sea "
           "surface height and the deep flow.")
    return flow(p, alt, [
        [("tracks of sea level\nat several times", 6)], [("convolutional\nResNet", 0)],
        [("sea surface height\neverywhere", 2), ("deep flow,\nnever observed", 1)],
    ])


def invariant(p: Palette) -> Picture:
    """Frezat et al. (2021) in boxes."""
    alt = ("Velocity, its mean removed, and the scalar enter two branches; their "
           "product gives the subgrid flux.")
    return flow(p, alt, [
        [("velocity,\nmean removed", 6), ("scalar", 6)],
        [("convolutions", 0), ("convolutions\nwithout offset", 0)],
        [("product", 1)], [("subgrid flux\nof the scalar", 2)],
    ])


def conv_lstm(p: Palette) -> Picture:
    """A ConvLSTM in boxes."""
    alt = ("A map and the maps of the last state enter convolutions, which make the "
           "gates; the new state is again maps.")
    return flow(p, alt, [
        [("map $x_t$", 6), ("state, as maps\n$h_{t-1},\\ c_{t-1}$", 6)],
        [("convolutions\n$W * x_t + U * h_{t-1}$", 0)],
        [("gates and content\nat each pixel", 1)],
        [("state, as maps\n$h_t,\\ c_t$", 2)],
    ])


ALL = (
    lstm, euler_chain, runge_kutta, bilinear, dincae, bolton_zanna, manucharyan,
    invariant, conv_lstm,
)
