"""Lines and points: training curves, series, spectra, trajectories."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.dates import ConciseDateFormatter
from matplotlib.ticker import PercentFormatter

from course_lib.plots.picture import (
    COLOURS,
    MARKERS,
    STYLES,
    Picture,
    finish,
    legend_above,
)


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
    picture = Picture(alt, 6.5, 3.4 + 0.14 * len(lines))  # its legend stands above
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
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
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
    names = {"loss": "training", "val_loss": "validation"}
    ends = [
        f"{name} ends at {training.curves[key][1][-1]:.2g}"
        for key, name in names.items()
    ]
    alt = (
        "Training and validation loss against optimisation steps; "
        f"the dashed line is {baseline_name}, {baseline:.2g}; {', '.join(ends)}."
    )
    picture = Picture(alt, 6.5, 3.4)
    ax = picture.subplots()
    for (key, name), colour, style in zip(
        names.items(), COLOURS, ("-", "-."), strict=False
    ):
        ax.plot(*training.curves[key], color=colour, linestyle=style, label=name)
    ax.axhline(baseline, color="0.3", linestyle="--", label=baseline_name)
    ax.set(xlabel="optimisation step (1)", ylabel=ylabel)
    finish(ax)
    return picture


def learning_curves(trainings: Mapping, *, ylabel: str, alt: str) -> Picture:
    """The validation loss of each training against optimisation steps."""
    picture = Picture(alt, 6.5, 3.4)
    ax = picture.subplots()
    for (label, training), colour, style in zip(
        trainings.items(), COLOURS, STYLES, strict=False
    ):
        steps, values = training.curves["val_loss"]
        ax.plot(steps, values, color=colour, linestyle=style, label=label)
    ax.set(xlabel="optimisation step (1)", ylabel=ylabel)
    finish(ax)
    return picture


def time_series(
    time: xr.DataArray, series: Mapping[str, np.ndarray], ylabel: str, alt: str
) -> Picture:
    """Series against time, one line each."""
    picture = Picture(alt, 9.0, 2.8)
    ax = picture.subplots()
    for (name, values), colour, style in zip(
        series.items(), COLOURS, STYLES, strict=False
    ):
        ax.plot(time, values, color=colour, linestyle=style, label=name)
    ax.set(xlabel="date (UTC)", ylabel=ylabel)
    locator = ax.xaxis.get_major_locator()
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    picture.legend(loc="outside right upper", frameon=False)
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
                points[:, 0], points[:, 1], s=20, alpha=0.7, color=colour,
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
    styles = zip(COLOURS, STYLES, MARKERS, strict=False)
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
    for number, (ax, panel) in enumerate(zip(axes, panels, strict=True)):
        xlabel, ylabel, lines = panel
        for i, (label, (x, y)) in enumerate(lines.items()):
            colour, style = COLOURS[i % len(COLOURS)], STYLES[i % len(STYLES)]
            ax.plot(x, y, color=colour, linestyle=style, linewidth=1.4, label=label)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        if alike:
            ax.label_outer()
        if number in ylog:
            ax.set_yscale("log")
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
        legend_above(ax)
    return picture
