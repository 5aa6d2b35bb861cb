"""Data in, Picture out: the figures of the lessons, drawn without pyplot.

A Picture is a Matplotlib figure that carries the text for those who cannot see it.
Colours are those of Okabe and Ito (2008), which colour-blind readers tell apart.
"""

import base64
import io
from collections.abc import Mapping, Sequence

import cmocean
import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DPI = 72  # keeps an executed notebook small


class Picture(Figure):
    """A figure with its alternative text, which notebooks and pages pass on."""

    def __init__(self, alt: str, width: float = 9.0, height: float = 3.0):
        super().__init__(figsize=(width, height), layout="constrained", dpi=DPI)
        self.alt = alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        png = base64.b64encode(self.png()).decode()
        data = {"image/png": png, "text/plain": f"[figure] {self.alt}"}
        return data, {"image/png": {"alt": self.alt}}

    def png(self) -> bytes:
        """The figure in 64 colours of its own: half the size, no visible difference."""
        drawn, packed = io.BytesIO(), io.BytesIO()
        self.savefig(drawn, format="png", dpi=DPI)
        image = Image.open(drawn).convert("RGB").quantize(64, dither=Image.Dither.NONE)
        image.save(packed, format="png", optimize=True)
        return packed.getvalue()


def image_rows(rows: Mapping[str, torch.Tensor], alt: str, n: int = 10) -> Picture:
    """The first n images of each row, (m, 1, h, w) in [0, 1], under one another."""
    picture = Picture(alt, 9.0, 0.95 * len(rows))
    axes = picture.subplots(len(rows), n, squeeze=False)
    for line, (label, images) in zip(axes, rows.items(), strict=True):
        for ax in line:
            ax.set_axis_off()
        for ax, image in zip(line, images, strict=False):
            ax.imshow(image.squeeze(0).numpy(), cmap="gray_r", vmin=0, vmax=1)
        line[0].text(
            -0.15, 0.5, label, transform=line[0].transAxes, ha="right", va="center"
        )
    return picture


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str,
    alt: str,
    percent: bool = False,
    doubling: bool = True,
    ylog: bool = False,
) -> Picture:
    """One line with markers for each entry; x is logarithmic where it is a doubling."""
    picture = Picture(alt, 6.5, 3.6)
    ax = picture.subplots()
    for (label, y), colour, marker in zip(
        lines.items(), COLOURS, MARKERS, strict=False
    ):
        ax.plot(x, y, color=colour, marker=marker, label=label)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if doubling:
        ax.set_xscale("log", base=2)
        ax.set_xticks(x, [f"{value:g}" for value in x])
    if ylog:
        ax.set_yscale("log")
    if percent:
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    finish(ax)
    return picture


def loss_curves(
    training,
    *,
    baseline: float,
    baseline_name: str,
    ylabel: str = "squared error per image (1)",
) -> Picture:
    """Training and validation loss against steps, with the baseline to beat."""
    picture = Picture(
        "Training and validation loss against optimisation steps; "
        f"the dashed line is {baseline_name}.",
        6.5,
        3.2,
    )
    ax = picture.subplots()
    names = {"loss": "training", "val_loss": "validation"}
    for (key, label), colour in zip(names.items(), COLOURS, strict=False):
        steps, values = training.curves[key]
        ax.plot(steps, values, color=colour, label=label)
    ax.axhline(baseline, color="0.3", linestyle="--", label=baseline_name)
    ax.set(xlabel="optimisation step", ylabel=ylabel)
    finish(ax)
    return picture


def learning_curves(trainings: Mapping, *, ylabel: str, alt: str) -> Picture:
    """The validation loss of each training against optimisation steps."""
    picture = Picture(alt, 6.5, 3.2)
    ax = picture.subplots()
    for (label, training), colour in zip(trainings.items(), COLOURS, strict=False):
        ax.plot(*training.curves["val_loss"], color=colour, label=label)
    ax.set(xlabel="optimisation step", ylabel=ylabel)
    finish(ax)
    return picture


def finish(ax) -> None:
    """Light grid, no box, a legend where it covers nothing."""
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="best")


def maps(fields: xr.DataArray, titles: Sequence[str], label: str, alt: str) -> Picture:
    """Maps (n, latitude, longitude) on one symmetric colour scale."""
    picture = Picture(alt, 3.2 * len(fields), 2.7)
    axes = picture.subplots(1, len(fields), squeeze=False, sharey=True)[0]
    limit = float(np.nanquantile(np.abs(fields), 0.995))
    for ax, field, title in zip(axes, fields, titles, strict=True):
        image = ax.pcolormesh(
            field.longitude,
            field.latitude,
            field,
            cmap=cmocean.cm.balance,
            vmin=-limit,
            vmax=limit,
            rasterized=True,
        )
        ax.set_facecolor("0.85")  # land
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("longitude (°E)")
    axes[0].set_ylabel("latitude (°N)")
    picture.colorbar(image, ax=axes, label=label, shrink=0.9)
    return picture


def panels(
    fields: Mapping[str, np.ndarray], alt: str, *, north_up: bool = False
) -> Picture:
    """Arrays (h, w), each with its label, its unit and a scale of its own.

    They stand side by side, five and more in two rows, wide ones under one another. A
    field of both signs is drawn on a symmetric scale; NaN is grey.
    north_up: the first row is the southernmost, as in ocean data; not so in images.
    """
    n = len(fields)
    wide = max(np.shape(field)[1] / np.shape(field)[0] for field in fields.values()) > 2
    columns = 1 if wide else n if n < 5 else (n + 1) // 2
    rows = -(-n // columns)
    size = (6.5, 2.5 * rows) if wide else (min(3.2 * columns, 11), 2.7 * rows)
    picture = Picture(alt, *size)
    axes = picture.subplots(rows, columns, squeeze=False).flat
    for ax in axes[n:]:
        ax.set_axis_off()
    for ax, (label, field) in zip(axes, fields.items(), strict=False):
        low, high = np.nanquantile(field, (0.002, 0.998))
        signed = low < 0 < high
        limit = max(-low, high)
        image = ax.imshow(
            field,
            cmap=cmocean.cm.balance if signed else cmocean.cm.dense,
            vmin=-limit if signed else low,
            vmax=limit if signed else high,
            origin="lower" if north_up else "upper",
            aspect="equal",
        )
        ax.set_facecolor("0.85")
        ax.set_title(label, fontsize=10)
        ax.set(xlabel="column", ylabel="row")
        picture.colorbar(image, ax=ax, shrink=0.8)
    return picture


def time_series(
    time: xr.DataArray, series: Mapping[str, np.ndarray], ylabel: str, alt: str
) -> Picture:
    """Series against time, one line each."""
    picture = Picture(alt, 9.0, 2.8)
    ax = picture.subplots()
    styles = ("-", "--", "-.", ":")
    for (name, values), colour, style in zip(
        series.items(), COLOURS, styles, strict=False
    ):
        ax.plot(time, values, color=colour, linestyle=style, label=name)
    ax.set(xlabel="time", ylabel=ylabel)
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    picture.legend(loc="outside right upper", frameon=False)
    return picture


def matrices(panels: Mapping[str, np.ndarray], label: str, alt: str) -> Picture:
    """Square matrices of |cosine| in [0, 1], written into their cells."""
    picture = Picture(alt, 3.0 * len(panels), 3.0)
    axes = picture.subplots(1, len(panels), squeeze=False)[0]
    for ax, (title, matrix) in zip(axes, panels.items(), strict=True):
        image = ax.imshow(matrix, cmap=cmocean.cm.dense, vmin=0, vmax=1)
        for (i, j), value in np.ndenumerate(matrix):
            shade = "white" if value > 0.5 else "black"
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", color=shade)
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="EOF number", ylabel="axis number")
        numbers = range(1, len(matrix) + 1)
        ax.set_xticks(range(len(matrix)), numbers)
        ax.set_yticks(range(len(matrix)), numbers)
    picture.colorbar(image, ax=axes, label=label, shrink=0.8)
    return picture


def latent_map(
    panels: Mapping[str, np.ndarray], labels: np.ndarray, shown: Sequence[int], alt: str
) -> Picture:
    """First two latent coordinates of each sample, (n, ≥ 2), for a few classes."""
    picture = Picture(alt, 4.5 * len(panels), 3.8)
    axes = picture.subplots(1, len(panels), squeeze=False)[0]
    for ax, (title, z) in zip(axes, panels.items(), strict=True):
        for digit, colour, marker in zip(shown, COLOURS, MARKERS, strict=False):
            points = z[labels == digit]
            ax.scatter(
                points[:, 0], points[:, 1], s=14, alpha=0.7, color=colour,
                marker=marker, label=str(digit), linewidths=0,
            )  # fmt: skip
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="latent coordinate 1 (1)", ylabel="latent coordinate 2 (1)")
        ax.grid(alpha=0.3)
    picture.legend(
        *axes[0].get_legend_handles_labels(), loc="outside right", title="digit"
    )
    return picture


def traces(
    panels: Mapping[str, Mapping[str, tuple]],
    *,
    xlabel: str,
    ylabel: str,
    alt: str,
    wide: str = "",
    dots: str = "",
    log: bool = False,
    equal: bool = False,
) -> Picture:
    """Lines (x, y) by label in panels side by side, all with the same labels.

    wide, dots: labels drawn as a broad grey line under the others, and as points.
    log: both axes logarithmic; equal: one scale for both, as on a chart.
    """
    picture = Picture(alt, min(6.5 + 2.0 * len(panels), 11.0), 3.2)
    axes = picture.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    scale = "log" if log else "linear"
    looks = {
        wide: {"color": "0.75", "linewidth": 5, "zorder": 1},
        dots: {"color": "0", "linestyle": "", "marker": "o", "markersize": 4},
    }
    styles = zip(COLOURS, ("-", "--", "-.", ":"), MARKERS, strict=False)
    for label in [label for label in next(iter(panels.values())) if label not in looks]:
        colour, line, marker = next(styles)
        looks[label] = {"color": colour, "linestyle": line, "marker": log * marker}
    for ax, (title, lines) in zip(axes, panels.items(), strict=True):
        for label, (x, y) in lines.items():
            ax.plot(x, y, label=label, **looks[label])
        ax.set(xlabel=xlabel, title=title, xscale=scale, yscale=scale)
        ax.set_aspect("equal" if equal else "auto", adjustable="datalim")
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel(ylabel)
    entries = axes[0].get_legend_handles_labels()
    picture.legend(*entries, loc="outside right upper", frameon=False)
    return picture


def recurrence(n_steps: int, alt: str) -> Picture:
    """A recurrent layer: folded (one box and a loop), and unfolded over n_steps."""
    picture = Picture(alt, 9.0, 2.9)
    ax = picture.subplots()
    ax.set(xlim=(-0.5, 2 * n_steps + 3.5), ylim=(-0.5, 4.4), aspect="equal")
    ax.set_axis_off()
    arrow = {"arrowstyle": "-|>", "color": COLOURS[6]}
    again = {"arrowstyle": "-|>", "color": COLOURS[1]}
    box = {"boxstyle": "round,pad=0.4", "facecolor": COLOURS[5]}
    for i in range(n_steps + 1):  # column 0 is the folded view
        x, t = (0, "t") if i == 0 else (2 * i + 3, i)
        for y, name in ((0, "x"), (2, "h"), (4, "y")):
            frame = box if name == "h" else None
            ax.text(x, y, f"${name}_{t}$", ha="center", va="center", bbox=frame)
        for y, name in ((0.3, "W_{xh}"), (2.6, "W_{hy}")):
            ax.annotate("", (x, y + 1.1), (x, y), arrowprops=arrow)
            ax.text(x - 0.1, y + 0.5, f"${name}$", ha="right", va="center")
        if i > 0:
            ax.annotate("", (x - 0.4, 2), (x - 1.5, 2), arrowprops=again)
            ax.text(x - 1, 2.2, "$W_{hh}$", color=COLOURS[1], ha="center")
    loop = again | {"connectionstyle": "arc3,rad=-2.5"}
    ax.annotate("", (0.4, 1.7), (0.4, 2.3), arrowprops=loop)
    ax.text(1.3, 2, "$W_{hh}$", color=COLOURS[1], va="center")
    ax.text(3.4, 2, "$h_0$", ha="right", va="center")
    ax.text(2.2, 4, "unfolded:", ha="center", va="center")
    return picture


def line_panels(
    panels: Sequence[tuple[str, str, Mapping[str, tuple]]],
    alt: str,
    *,
    ylog: Sequence[int] = (),
) -> Picture:
    """Panels side by side, each (xlabel, ylabel, {label: (x, y)}), x with its own y.

    Orbits, distributions and spectra alike: nothing is sorted, NaN is left out. Panels
    with the same labels share their axes; ylog: numbers of those with logarithmic y.
    """
    n = len(panels)
    picture = Picture(alt, 9.0 if n < 3 else min(3.4 * n, 11), 3.2)
    alike = len({panel[:2] for panel in panels}) == 1
    axes = picture.subplots(1, n, squeeze=False, sharex=alike, sharey=alike)[0]
    styles = ("-", "--", "-.", ":")
    for number, (ax, panel) in enumerate(zip(axes, panels, strict=True)):
        xlabel, ylabel, lines = panel
        for i, (label, (x, y)) in enumerate(lines.items()):
            colour, style = COLOURS[i % len(COLOURS)], styles[i % len(styles)]
            ax.plot(x, y, color=colour, linestyle=style, linewidth=1.2, label=label)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        if number in ylog:
            ax.set_yscale("log")
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return picture
