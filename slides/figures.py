"""Every figure of the slides, by name, drawn for light and for dark ground.

Three kinds: drawings of networks (diagrams.py); lesson cells run again, where they
take a moment; and, where a training stands behind them, bars of the numbers that the
executed solution printed, or its own picture. So no figure can differ from its lesson.
"""

import ast
import base64
import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import diagrams
import diagrams_in_time
import markers
import matplotlib as mpl
import torch
from figures_of_lessons import BARS, LOGARITHMIC, REDRAWN, TAKEN
from ink import DARK, LIGHT, Palette, bars, recolour, settings
from matplotlib import font_manager

from course_lib import plots

DRAWINGS = diagrams.ALL + diagrams_in_time.ALL
FONT = Path(__file__).parent / "node_modules/@fontsource/source-sans-3/files"


@cache
def cells(number: str) -> list[str]:
    """The code cells of a unit, as written."""
    parts = re.split(r"^# %%(.*)\n", markers.source(number), flags=re.M)
    return [c for h, c in zip(parts[1::2], parts[2::2], strict=True) if "[" not in h]


def cell(number: str, phrase: str) -> ast.Module:
    """The first cell of a unit that holds a phrase."""
    found = [text for text in cells(number) if phrase in text]
    if not found:
        raise LookupError(f"no cell of unit {number} holds {phrase!r}")
    return ast.parse(found[0])


def defined(number: str, names: tuple[str, ...]) -> ast.Module:
    """All imports of a unit, its constants in capitals, and the definitions named."""
    body = []
    for node in ast.parse(markers.source(number)).body:
        targets = [ast.unparse(t) for t in getattr(node, "targets", [])]
        name = getattr(node, "name", targets[0] if targets else "")
        wanted = isinstance(node, ast.Import | ast.ImportFrom) or name in names
        if wanted or name == "SEED":
            body.append(node)
    return ast.Module(body, [])


def square_panels(fields: dict, alt: str, **options) -> plots.Picture:
    """plots.panels, where a wide map gives way to a square part of it, shown larger."""
    parts = {}
    for label, field in fields.items():
        (h, w), wide = field.shape, field.shape[1] > 2 * field.shape[0]
        left = 3 * (w - h) // 4 if wide else 0
        parts[label] = field[:, left : left + h] if wide else field
    return plots.panels(parts, alt, **options)


def redraw(number: str, names: tuple[str, ...], phrases: tuple[str, ...]):
    """The picture at the end of the last cell, after all that it needs."""
    space = {"__name__": "lesson"}
    exec(compile(defined(number, names), number, "exec"), space)
    space["plots"] = SimpleNamespace(**vars(plots) | {"panels": square_panels})
    value = None
    for phrase in phrases:
        module = cell(number, phrase)
        shown = module.body.pop() if isinstance(module.body[-1], ast.Expr) else None
        exec(compile(module, number, "exec"), space)
        if shown:
            value = eval(compile(ast.Expression(shown.value), number, "eval"), space)
    return value


def drawn_bars(p: Palette, *, name: str) -> plots.Picture:
    """A ladder of printed numbers."""
    number, xlabel, alt, rows = BARS[name]
    values = {
        label.lstrip("*"): markers.after(number, f"{start}#{place}")
        for label, start, place in rows
    }
    ours = [label[1:] for label, _, _ in rows if label.startswith("*")]
    return bars(p, values, alt, xlabel=xlabel, ours=ours, log=name in LOGARITHMIC)


def aside(picture: plots.Picture) -> plots.Picture:
    """Long legends, which a slide has room for, move out of the data."""
    for ax in picture.axes:
        legend = ax.get_legend()
        if legend and len(legend.get_texts()) > 4:
            handles, labels = ax.get_legend_handles_labels()
            ax.legend(
                handles,
                labels,
                frameon=False,
                loc="center left",
                bbox_to_anchor=(1, 0.5),
            )
            picture.set_size_inches(8.6, 3.6)
    return picture


def surge() -> plots.Picture:
    """The table of forecast errors at the tide gauge, as curves."""
    rows = ("harmonic analysis", "tides + residual", "regression   ",
            "expert regression", "LSTM on residual")  # fmt: skip
    lines = {
        row.strip(): [markers.after("05", f"^{row}#{i}") for i in range(6)]
        for row in rows
    }
    return plots.curves(
        (1, 3, 6, 12, 24, 48), lines, xlabel="lead time (hours)",
        ylabel="rms error (cm)",
        alt="Error against lead: harmonic analysis flat; regressions and the LSTM on "
        "the residual low at first, meeting it at 48 hours.",
    )  # fmt: skip


def recipes() -> dict[str, Callable[[Palette], plots.Picture]]:
    """What draws each figure on a palette, by its name."""
    every = {draw.__name__: draw for draw in DRAWINGS}
    every |= {name: partial(drawn_bars, name=name) for name in BARS}
    lessons = {name: partial(redraw, *how) for name, how in REDRAWN.items()}
    lessons["surge"] = surge
    for name, how in lessons.items():
        every[name] = lambda p, how=how: recolour(aside(how()), p)
    return every


def add_font() -> None:
    """The slides' own font, where npm has brought it; DejaVu Sans otherwise."""
    from fontTools.ttLib import TTFont

    for weight in (400, 700):
        woff = FONT / f"source-sans-3-latin-{weight}-normal.woff"
        if woff.exists():
            font = TTFont(woff)
            font.flavor = None
            path = FONT.parents[3] / "build" / f"{woff.stem}.ttf"
            path.parent.mkdir(exist_ok=True)
            font.save(path)
            font_manager.fontManager.addfont(path)


def draw(name: str, how, p: Palette, folder: Path) -> str:
    """Writes one figure for one ground; returns its alternative text."""
    with mpl.rc_context(settings(p)):
        picture = how(p)
        ending = "" if p is LIGHT else "-dark"
        path = folder / f"{name}{ending}.svg"
        picture.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    return picture.alt


def draw_all(folder: Path) -> dict[str, str]:
    """Writes every figure in both variants; returns {file name: alternative text}."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    add_font()
    alts = {}
    for name, how in recipes().items():
        for p in (LIGHT, DARK):
            alts[f"{name}.svg"] = draw(name, how, p, folder)
    for name, (number, start) in TAKEN.items():
        data, alts[f"{name}.png"] = markers.png(number, start)
        (folder / f"{name}.png").write_bytes(base64.b64decode(data))
    return alts
