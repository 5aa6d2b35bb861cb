"""Drawings of auto-encoders and their layers, each a function of the palette.

Coordinates are laid out by hand: inches from the lower left corner.
"""
# fmt: off

from itertools import pairwise, product

from ink import Palette, arrow, box, canvas, cells, funnel, path, ring, say, slab
from matplotlib.patches import Circle

from course_lib.plots import Picture


def dot(ax, at, face: str, edge: str, radius: float = 0.13) -> None:
    """A neuron, or a number of a series."""
    ax.add_patch(Circle(at, radius, facecolor=face, edgecolor=edge, zorder=3))


def autoencoder(p: Palette) -> Picture:
    """Encoder, bottleneck, decoder."""
    picture, ax = canvas(
        "An image enters a narrowing encoder, becomes four numbers z, and leaves a "
        "widening decoder as its reconstruction.", 10.4, 3.6,
    )
    y = 1.85
    slab(ax, p, (1.0, y), (1.4, 1.4), colour=6)
    slab(ax, p, (9.4, y), (1.4, 1.4), colour=6)
    funnel(ax, p, (2.5, 4.3), y, (2.6, 0.9), 0)
    funnel(ax, p, (6.1, 7.9), y, (0.9, 2.6), 2)
    for i in range(4):
        box(ax, p, (5.2, y - 0.54 + 0.36 * i), "", 1, (0.5, 0.3))
    say(ax, 3.35, y, "encoder", 16)
    say(ax, 7.05, y, "decoder", 16)
    for x, text in ((1, r"$x$"), (5.2, r"$z$"), (9.4, r"$\hat x$")):
        say(ax, x, 0.3, text, 21)
    for start, end in ((1.75, 2.45), (4.35, 4.9), (5.5, 6.05), (7.95, 8.65)):
        arrow(ax, p, (start, y), (end, y))
    return picture


def dense(p: Palette) -> Picture:
    """Layers of neurons: 784 – 128 – 4 – 128 – 784."""
    picture, ax = canvas(
        "Five columns of neurons: 784, 128, 4, 128 and 784, each joined to all of the "
        "next.", 10, 4.1,
    )
    columns = [(1, 9, 784, 6), (3, 6, 128, 0), (5, 4, 4, 1), (7, 6, 128, 2),
               (9, 9, 784, 6)]
    places = [[(x, 2.35 + 0.37 * (i - (n - 1) / 2)) for i in range(n)]
              for x, n, _, _ in columns]
    for left, right in pairwise(places):
        for a, b in product(left, right):
            ax.plot(*zip(a, b, strict=True), color=p.quiet, lw=0.5, alpha=0.55)
    for (x, _, size, colour), column in zip(columns, places, strict=True):
        for at in column:
            dot(ax, at, p.colours[colour], p.paper, 0.13)
        say(ax, x, 0.28, str(size), 16)
    return picture


def conv_autoencoder(p: Palette) -> Picture:
    """Maps that shrink and multiply, and grow again."""
    picture, ax = canvas(
        "Maps of 28, 14, 7 and 3 pixels, 1, 8, 16 and 32 of them, four numbers, and "
        "the same sizes backwards.", 11.6, 3.7,
    )
    stages = [
        (0.95, 1.5, 1, "28 × 28\n1 map", 6), (2.65, 1.0, 3, "14 × 14\n8 maps", 0),
        (4.07, 0.62, 5, "7 × 7\n16 maps", 0), (5.02, 0.36, 7, "3 × 3\n32", 0),
        (6.58, 0.36, 7, "3 × 3\n32", 2), (7.53, 0.62, 5, "7 × 7\n16 maps", 2),
        (8.95, 1.0, 3, "14 × 14\n8 maps", 2), (10.65, 1.5, 1, "28 × 28\n1 map", 6),
    ]
    for x, side, n, text, colour in stages:
        slab(ax, p, (x, 2.3), (side, side), n, colour)
        say(ax, x, 0.72, text, 12.5)
    for i in range(4):
        box(ax, p, (5.8, 1.9 + 0.27 * i), "", 1, (0.36, 0.24))
    say(ax, 5.8, 0.85, r"$z$", 18)
    for x in (1.89, 3.42, 8.18, 9.71):
        arrow(ax, p, (x - 0.14, 2.3), (x + 0.14, 2.3))
    say(ax, 3.0, 3.5, "convolutions, stride 2", 14, color=p.words[0])
    say(ax, 8.6, 3.5, "transposed convolutions, stride 2", 14, color=p.words[2])
    return picture


def convolution(p: Palette) -> Picture:
    """A kernel on an image, and the number that it makes."""
    picture, ax = canvas(
        "A 3 by 3 window of an image, times a kernel, summed, gives one number of the "
        "output, 4.", 10.6, 3.7,
    )
    image = [[0, 0, 1, 2, 1, 0], [0, 1, 2, 3, 2, 0], [1, 2, 4, 4, 2, 1],
             [0, 2, 3, 4, 2, 0], [0, 1, 2, 1, 1, 0]]
    kernel = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    output = [[sum(kernel[u][v] * image[i + u][j + v]
                   for u, v in product(range(3), range(3))) for j in range(4)]
              for i in range(3)]
    window = list(product(range(1, 4), range(1, 4)))
    cells(ax, p, (0.3, 3.35), image, 0.52, window)
    cells(ax, p, (4.7, 2.85), kernel, 0.52, list(product(range(3), range(3))), 0)
    cells(ax, p, (7.9, 2.85), output, 0.52, [(1, 1)])
    for x, text in ((4.1, r"$\ast$"), (7.05, "=")):
        say(ax, x, 2.05, text, 24)
    for x, text in ((1.86, "image, 5 × 6"), (5.48, "kernel, 3 × 3"),
                    (8.94, "output, 3 × 4")):
        say(ax, x, 0.3, text, 14)
    return picture


def rows_of_dots(p: Palette, ax, x: float, sizes, links, title: str) -> None:
    """Inputs below, outputs above, and who hears whom; a hollow dot is padding."""
    n_in, n_out, padding = sizes
    step = 0.42
    ins = [x + step * (i - (n_in - 1) / 2) for i in range(n_in)]
    outs = links["x"](ins)
    for k, place in enumerate(outs):
        for i in links["from"](k):
            ax.plot([ins[i], place], [1.15, 2.55], color=p.quiet, lw=1.2)
    for i, place in enumerate(ins):
        hollow = i < padding or i >= n_in - padding
        face = p.paper if hollow else p.ink
        dot(ax, (place, 1.15), face, p.ink)
    for place in outs:
        dot(ax, (place, 2.55), p.colours[1], p.colours[1])
    say(ax, x, 3.15, title, 15)
    hollow = " + 2 of padding" if padding else ""
    say(ax, x, 0.5, f"{n_in - 2 * padding}{hollow} → {n_out}", 14)


def padding_and_stride(p: Palette) -> Picture:
    """Seven inputs under a kernel of three, in three ways."""
    picture, ax = canvas(
        "Seven inputs, kernel 3: five outputs; with padding seven; with padding and "
        "stride 2 four.", 11.4, 3.5,
    )
    for x, n_in, padding, stride, title in (
        (1.6, 7, 0, 1, "kernel 3"), (5.4, 9, 1, 1, "padding 1"),
        (9.4, 9, 1, 2, "padding 1, stride 2"),
    ):
        starts = range(0, n_in - 2, stride)
        links = {
            "x": lambda ins, starts=starts: [ins[s + 1] for s in starts],
            "from": lambda k, stride=stride: range(k * stride, k * stride + 3),
        }
        rows_of_dots(p, ax, x, (n_in, len(starts), padding), links, title)
    return picture


def layers(p: Palette) -> Picture:
    """ReLU, max pooling and dropout on a table of numbers."""
    picture, ax = canvas(
        "A table of numbers; its negative ones set to 0 by ReLU; the largest of each "
        "block kept by pooling; some set to 0, others doubled, by dropout.", 11.2, 3.2,
    )
    table = [[-1, 1, 2, -3], [4, 0, -2, 3], [1, -1, 0, 2], [2, 3, 1, -4]]
    kept = [[1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0], [0, 1, 1, 0]]
    relu = [[max(v, 0) for v in row] for row in table]
    pool = [[max(relu[2 * i + a][2 * j + b] for a, b in product((0, 1), (0, 1)))
             for j in (0, 1)] for i in (0, 1)]
    drop = [[2 * v * k for v, k in zip(*rows, strict=True)]
            for rows in zip(relu, kept, strict=True)]
    gone = [(i, j) for i in range(4) for j in range(4) if not kept[i][j]]
    below = [(i, j) for i in range(4) for j in range(4) if table[i][j] < 0]
    cells(ax, p, (0.3, 3.0), table, 0.5, below)
    cells(ax, p, (3.4, 3.0), relu, 0.5, below)
    cells(ax, p, (6.5, 2.5), pool, 0.5, [(0, 0), (0, 1), (1, 0), (1, 1)], 2)
    cells(ax, p, (8.8, 3.0), drop, 0.5, gone, 3)
    for x, text in ((1.3, "input"), (4.4, "ReLU"), (7.0, "max pooling"),
                    (9.8, "dropout, training")):
        say(ax, x, 0.45, text, 15)
    return picture


def transposed(p: Palette) -> Picture:
    """Three inputs that lay copies of a kernel of 3, two steps apart."""
    picture, ax = canvas(
        "Three inputs each reach three outputs, two steps apart; every second inner "
        "output hears two of them.", 9, 3.4,
    )
    ins, outs = (2.5, 4.5, 6.5), [1.5 + i for i in range(7)]
    heard = [0] * 7
    for k, (x, colour) in enumerate(zip(ins, (0, 1, 2), strict=True)):
        for i in range(2 * k, 2 * k + 3):
            heard[i] += 1
            ax.plot([x, outs[i]], [2.75, 1.2], color=p.colours[colour], lw=2)
        dot(ax, (x, 2.75), p.colours[colour], p.colours[colour], 0.17)
    for x, n in zip(outs, heard, strict=True):
        face = p.colours[4] if n > 1 else p.paper
        dot(ax, (x, 1.2), face, p.ink, 0.17)
        say(ax, x, 0.7, str(n), 15)
    say(ax, 4.5, 3.2, "input", 15)
    say(ax, 4.5, 0.25, "copies that each output receives", 15)
    return picture


def red_net(p: Palette) -> Picture:
    """A chain of maps with symmetric sums."""
    picture, ax = canvas(
        "Convolutions shrink a map, transposed ones enlarge it; each enlarged map is "
        "added to the one of its size, the output to the input.", 11, 3.7,
    )
    stages = [(0.8, 1.3, 1, 6), (2.7, 1.3, 2, 0), (4.3, 0.85, 3, 0), (5.5, 0.5, 4, 1),
              (6.7, 0.85, 3, 2), (8.3, 1.3, 2, 2), (10.2, 1.3, 1, 6)]
    for x, side, n, colour in stages:
        slab(ax, p, (x, 1.3), (side, side), n, colour)
    for (a, s, _, _), (b, t, _, _) in pairwise(stages):
        arrow(ax, p, (a + s / 2 + 0.16, 1.3), (b - t / 2 - 0.16, 1.3))
    for a, b, top, low in ((4.3, 6.7, 2.4, 1.98), (2.7, 8.3, 2.9, 2.2),
                           (0.8, 10.2, 3.4, 2.2)):
        path(ax, p, [(a, low), (a, top), (b, top), (b, low + 0.2)], 1)
        ring(ax, p, (b, low), "+", 1, font=14)
    say(ax, 0.8, 0.3, r"$\tilde x$", 19)
    say(ax, 10.2, 0.3, r"$\hat x = \tilde x + F(\tilde x)$", 17)
    return picture


def unet(p: Palette) -> Picture:
    """Down for the view, up for the detail."""
    picture, ax = canvas(
        "Maps go down three levels, ever smaller and more, and up again; at each level "
        "those from the way down are laid beside those from below.", 10.6, 4.5,
    )
    down = [(1.2, 3.7, 1.1, 2), (2.5, 2.5, 0.75, 3), (3.7, 1.45, 0.5, 4)]
    for i, (x, y, side, n) in enumerate(down):
        mirror = 10.6 - x
        slab(ax, p, (x, y), (side, side), n, 0)
        slab(ax, p, (mirror - 0.12 * (3 - i), y), (side, side), n, 0)
        slab(ax, p, (mirror + 0.22, y), (side, side), n, 2)
        path(ax, p, [(x + side / 2 + 0.2, y), (mirror - side / 2 - 0.55, y)], 1)
        text = ("copy, and lay beside", "copy", "copy")[i]
        say(ax, 5.3, y + 0.2, text, 13, color=p.words[1])
    slab(ax, p, (5.3, 0.6), (0.32, 0.32), 6, 4)
    for a, b in (((1.6, 3.0), (2.1, 2.75)), ((2.9, 1.95), (3.3, 1.7)),
                 ((4.0, 1.05), (4.85, 0.7))):
        arrow(ax, p, a, b)
        arrow(ax, p, (10.6 - b[0], b[1]), (10.6 - a[0], a[1]))
    say(ax, 1.15, 2.6, "pool 2 × 2", 13)
    say(ax, 9.45, 2.6, "enlarge", 13)
    return picture


def residual_block(p: Palette) -> Picture:
    """Two convolutions and a shortcut."""
    picture, ax = canvas(
        "x passes two convolutions with a ReLU between them; a shortcut carries x "
        "round them; the sum passes a ReLU.", 11, 3.1,
    )
    y = 1.1
    say(ax, 0.4, y, r"$x$", 21)
    for x, text, colour in ((2.6, "conv 3 × 3", 0), (4.5, "ReLU", 4),
                            (6.4, "conv 3 × 3", 0), (9.3, "ReLU", 4)):
        box(ax, p, (x, y), text, colour, (1.5, 0.75))
    ring(ax, p, (8.0, y), "+")
    for a, b in ((0.65, 1.82), (3.37, 3.72), (5.27, 5.62), (7.17, 7.77), (8.23, 8.52),
                 (10.07, 10.55)):
        arrow(ax, p, (a, y), (b, y))
    path(ax, p, [(1.2, y), (1.2, 2.4), (8.0, 2.4), (8.0, y + 0.24)], 1, 2.6)
    text = "shortcut: the identity, or a 1 × 1 convolution"
    say(ax, 4.6, 2.68, text, 15, color=p.words[1])
    say(ax, 4.5, 0.35, r"$F(x)$", 18)
    say(ax, 10.78, y, r"$y$", 21)
    return picture


ALL = (
    autoencoder, dense, conv_autoencoder, convolution, padding_and_stride, layers,
    transposed, red_net, unet, residual_block,
)
