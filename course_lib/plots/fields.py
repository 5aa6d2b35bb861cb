"""Images, matrices and maps."""

import re
from collections.abc import Mapping, Sequence

import cmocean
import numpy as np
import torch
import xarray as xr
from matplotlib.ticker import MaxNLocator

from course_lib.plots.picture import COLOURS, Picture

LAND = "0.85"  # grey


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
        ax.set_facecolor(LAND)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("longitude (°E)")
    axes[0].set_ylabel("latitude (°N)")
    picture.colorbar(image, ax=axes, label=label, shrink=0.9)
    return picture


def panels(
    fields: Mapping[str, np.ndarray],
    alt: str,
    *,
    north_up: bool = False,
    shared: str = "",
) -> Picture:
    """Arrays (h, w), each under its name with its unit, "slope (1)", on its own scale.

    They stand side by side, five and more in two rows, wide ones under one another. NaN
    is grey.
    north_up: the first row is the southernmost, as in ocean data; not so in images.
    shared: the label of one scale for all, whose names then need no unit.
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
    points = "grid points" if north_up else "pixels"
    for ax, (name, field) in zip(axes, fields.items(), strict=False):
        style = colours(*fields.values()) if shared else colours(field)
        image = ax.imshow(field, origin="lower" if north_up else "upper", **style)
        title, unit = (name, "") if shared else re.findall(r"(.+) (\(.*)|$", name)[0]
        ax.set_title(title, fontsize=10)
        ax.set(xlabel=f"column ({points})", ylabel=f"row ({points})", facecolor=LAND)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MaxNLocator(6, integer=True))
        if not shared:
            picture.colorbar(image, ax=ax, label=unit, shrink=0.8)
    if shared:
        picture.colorbar(image, ax=picture.axes, label=shared, shrink=0.8)
    return picture


def colours(*fields: np.ndarray) -> dict:
    """Colour map and ends of a scale for fields: symmetric if they have both signs.

    Few values lie beyond its ends; fields of one sign begin at zero.
    """
    values = np.concatenate([np.ravel(field) for field in fields])
    low, high = np.nanquantile(values, (0.002, 0.998))
    if low < 0 < high:
        end = max(-low, high)
        return {"cmap": cmocean.cm.balance, "vmin": -end, "vmax": end}
    return {"cmap": cmocean.cm.dense, "vmin": min(low, 0), "vmax": max(high, 0)}


def matrices(panels: Mapping[str, np.ndarray], label: str, alt: str) -> Picture:
    """Square matrices of |cosine| in [0, 1], written into their cells."""
    picture = Picture(alt, 2.8 * len(panels) + 0.8, 3.0)
    axes = picture.subplots(1, len(panels), squeeze=False)[0]
    for ax, (title, matrix) in zip(axes, panels.items(), strict=True):
        image = ax.imshow(matrix, cmap=cmocean.cm.dense, vmin=0, vmax=1)
        for (i, j), value in np.ndenumerate(matrix):
            shade = "white" if value > 0.5 else "black"
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", color=shade)
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="EOF number (1)", ylabel="axis number (1)")
        numbers = range(1, len(matrix) + 1)
        ax.set_xticks(range(len(matrix)), numbers)
        ax.set_yticks(range(len(matrix)), numbers)
    picture.colorbar(image, ax=axes, label=label, shrink=0.8)
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


def plane_maps(
    fields: Mapping[str, np.ndarray | torch.Tensor],
    spacing_km: float,
    label: str,
    alt: str,
    *,
    shared: bool = True,
) -> Picture:
    """Maps (y, x) of a plane in km, NaN on land; five and more stand in two rows.

    Wide ones stand under one another. Colours are centred on zero and end at the 99.5 %
    quantile of |field|. shared: one scale for all, or one for each map.
    """
    arrays = {title: np.asarray(field) for title, field in fields.items()}
    n, (ny, nx) = len(arrays), next(iter(arrays.values())).shape
    columns = 1 if nx > 1.8 * ny else n if n < 5 else (n + 1) // 2
    rows = -(-n // columns)
    width = 7.0 if columns == 1 else min(3.1 * columns + 0.6, 11)
    picture = Picture(alt, width, 2.8 * rows)
    axes = picture.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    ends = {
        title: np.nanquantile(np.abs(field), 0.995) for title, field in arrays.items()
    }
    for ax, (title, field) in zip(axes.flat, arrays.items(), strict=False):
        end = max(ends.values()) if shared else ends[title]
        extent = (0, nx * spacing_km, 0, ny * spacing_km)
        style = {"cmap": cmocean.cm.balance, "vmin": -end, "vmax": end}
        image = ax.imshow(field, origin="lower", extent=extent, **style)
        ax.set_title(title, fontsize=10)
        ax.set_facecolor(LAND)
        if not shared:
            picture.colorbar(image, ax=ax, label=label, shrink=0.8)
    for ax in axes.flat[n:]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xlabel("x (km)")
    for ax in axes[:, 0]:
        ax.set_ylabel("y (km)")
    if shared:
        picture.colorbar(image, ax=axes, label=label, shrink=0.8)
    return picture
