"""Every figure of the slides, by name, drawn for light and for dark ground.

Three kinds: drawings (diagrams*.py); lesson cells run again, where they take seconds;
and, where a longer training or simulation stands behind them, bars or curves of the
numbers that the executed solution printed, or its own picture. So no figure can differ
from its lesson.
"""

import ast
import base64
import re
from collections.abc import Callable, Collection
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import diagrams
import diagrams_at_sea
import diagrams_in_time
import figures_at_sea as at_sea
import figures_of_lessons as of_lessons
import markers
import matplotlib as mpl
import torch
from ink import DARK, LIGHT, Palette, bars, recolour, settings
from matplotlib import font_manager

from course_lib import plots

DRAWINGS = diagrams.ALL + diagrams_in_time.ALL + diagrams_at_sea.ALL
REDRAWN = of_lessons.REDRAWN | at_sea.REDRAWN
TAKEN = of_lessons.TAKEN | at_sea.TAKEN
CURVES = of_lessons.CURVES | at_sea.CURVES
BARS = of_lessons.BARS | at_sea.BARS
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


def run(module: ast.Module, space: dict):
    """Runs a cell in a space of names; returns what it shows, as Jupyter would."""
    shown = module.body.pop() if isinstance(module.body[-1], ast.Expr) else None
    exec(compile(module, "cell", "exec"), space)
    if shown:
        return eval(compile(ast.Expression(shown.value), "cell", "eval"), space)
    return None


@cache
def known(number: str, names: tuple[str, ...], phrases: tuple[str, ...]) -> dict:
    """The names that a unit has given after these cells; what they compute is kept."""
    if phrases:
        space = dict(known(number, names, phrases[:-1]))
        run(cell(number, phrases[-1]), space)
    else:
        space = {"__name__": "lesson"}
        run(defined(number, names), space)
        space["plots"] = SimpleNamespace(**vars(plots) | {"panels": square_panels})
    return space


def redraw(number: str, names: tuple[str, ...], phrases: tuple[str, ...]):
    """The picture at the end of the last cell, after all that it needs."""
    return run(cell(number, phrases[-1]), dict(known(number, names, phrases[:-1])))


def drawn_bars(p: Palette, *, name: str) -> plots.Picture:
    """A ladder of printed numbers."""
    number, xlabel, alt, rows = BARS[name]
    values = {
        label.lstrip("*"): markers.after(number, f"{start}#{place}")
        for label, start, place in rows
    }
    ours = [label[1:] for label, _, _ in rows if label.startswith("*")]
    style = {"log": name in of_lessons.LOGARITHMIC, "digits": at_sea.DIGITS.get(name)}
    return bars(p, values, alt, xlabel=xlabel, ours=ours, **style)


def enlarge(picture: plots.Picture, maps: list) -> None:
    """Gives maps the room of a slide; maps of one size share their labels."""
    rows, columns = maps[0].get_subplotspec().get_gridspec().get_geometry()
    each_its_scale = len(picture.axes) >= 2 * len(maps)
    width = min(3.4 * columns + 0.8, 10.4) if rows == 1 else 9.4
    height = rows * width / columns * (0.62 if each_its_scale else 0.8) + 0.9
    picture.set_size_inches(width, height)
    if len({ax.images[0].get_array().shape for ax in maps}) == 1:
        for ax in maps:
            ax.label_outer()


def for_a_slide(picture: plots.Picture) -> plots.Picture:
    """Longer legends stand beside the data, maps fill the room that a slide has."""
    for ax in picture.axes:
        legend = ax.get_legend()
        if legend and len(legend.get_texts()) > 2:
            entries = ax.get_legend_handles_labels()
            ax.legend(
                *entries, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5)
            )
            picture.set_size_inches(8.6, 3.6)
    if maps := [ax for ax in picture.axes if ax.images]:
        enlarge(picture, maps)
    return picture


def drawn_curves(*, name: str) -> plots.Picture:
    """Printed numbers against what was varied."""
    number, x, xlabel, ylabel, alt, places = CURVES[name]
    lines = {
        label: [markers.after(number, place) for place in points]
        for label, points in places.items()
    }
    return plots.curves(x, lines, xlabel=xlabel, ylabel=ylabel, alt=alt)


def recipes() -> dict[str, Callable[[Palette], plots.Picture]]:
    """What draws each figure on a palette, by its name."""
    every = {draw.__name__: draw for draw in DRAWINGS}
    every |= {name: partial(drawn_bars, name=name) for name in BARS}
    lessons = {name: partial(redraw, *how) for name, how in REDRAWN.items()}
    lessons |= {name: partial(drawn_curves, name=name) for name in CURVES}
    for name, how in lessons.items():
        every[name] = lambda p, how=how: recolour(for_a_slide(how()), p)
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


def draw_all(folder: Path, wanted: Collection[str]) -> dict[str, str]:
    """Writes the figures wanted, in both variants; {file name: alternative text}."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    add_font()
    alts = {}
    for name, how in recipes().items():
        for p in (LIGHT, DARK) if name in wanted else ():
            alts[f"{name}.svg"] = draw(name, how, p, folder)
    for name in TAKEN.keys() & set(wanted):
        data, alts[f"{name}.png"] = markers.png(*TAKEN[name])
        (folder / f"{name}.png").write_bytes(base64.b64decode(data))
    return alts
