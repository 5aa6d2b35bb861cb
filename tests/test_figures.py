"""Figures that everybody can read: labels, units, room, and colours that differ."""

import ast
import inspect
import itertools
import os
from collections.abc import Callable, Iterator
from types import FunctionType, SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import build, plots
from course_lib.datasets import sea_level
from course_lib.plots.legibility import has_unit, problems

from .conftest import ROOT

SOURCES = sorted(ROOT.glob("solutions/*/*.py"))
ALT = "A line that rises from zero to one, and a dashed one that falls."
LABELS = {"xlabel": "time (days)", "ylabel": "speed (m/s)", "alt": ALT}
PENS = {"matplotlib", "pyplot", "pylab", "seaborn", "plotly"}
METHODS = ("plot", "imshow", "contourf")  # of axes, and of xarray's own
LABELLED = ("xlabel", "ylabel", "label", "shared")
DRAWERS = {
    name: member
    for name, member in vars(plots).items()
    if name in plots.__all__ and isinstance(member, FunctionType)
}


# --- the lessons draw with course_lib.plots, and label what they draw -----------------


def foreign(text: str) -> list[str]:
    """What a source draws with, other than course_lib.plots."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(a.name for a in node.names)]
            parts = {part for name in names for part in name.split(".")}
            found += parts & PENS
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem[:2])
def test_lessons_draw_with_our_plots_alone(source):
    assert foreign(source.read_text()) == []


def test_another_pen_is_noticed():
    assert foreign("import matplotlib.pyplot as plt")
    assert foreign("from matplotlib import pyplot")
    assert foreign("ocean.ssh[0].plot()")


def spoken(text: str) -> dict[str, list[str]]:
    """Labels and alternative texts that a source gives to plots, word for word."""
    found = {"labels": [], "alts": []}
    for name, call in calls(text):
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        bound = inspect.signature(DRAWERS[name]).bind(*call.args, **given).arguments
        words = {role: getattr(node, "value", None) for role, node in bound.items()}
        found["labels"] += [words[role] for role in LABELLED if words.get(role)]
        found["alts"] += [words["alt"]] if words.get("alt") else []
        if name == "line_panels" and isinstance(call.args[0], ast.List):
            pairs = [panel.elts[:2] for panel in call.args[0].elts]
            found["labels"] += [label.value for label in itertools.chain(*pairs)]
    return found


def calls(text: str) -> Iterator[tuple[str, ast.Call]]:
    """The calls of our plots in a source, each with the name of the plot."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="plots"), attr=name)):
                yield name, node


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem[:2])
def test_every_label_of_a_lesson_has_a_unit(source):
    """What is written into the call; nbval looks at the drawn figures themselves."""
    text = source.read_text()
    labels = spoken(text)["labels"]
    assert labels
    assert [label for label in labels if not has_unit(label)] == []
    alts = spoken(text)["alts"]
    assert len(set(alts)) == len(alts) >= 3


def test_a_label_without_a_unit_is_noticed():
    text = 'plots.time_series(t, {"a": y}, "speed", alt="…")\n'
    text += 'plots.line_panels([("x (km)", "ψ", {})], "…")'
    assert spoken(text) == {"labels": ["speed", "x (km)", "ψ"], "alts": ["…", "…"]}
    for label in ("speed (m/s)", "PSNR (dB)", "forcing (10⁻⁷ m/s²)", "k (1)", "e (%)"):
        assert has_unit(label), label
    for label in ("speed", "variance (validation sea)", "(m) of it", "a ()", "a (x)"):
        assert not has_unit(label), label


# --- whatever our plots draw is legible -----------------------------------------------


def recipes() -> dict[str, Callable[[], plots.Picture]]:
    """What draws each kind of figure, with all options that lessons use."""
    random = np.random.default_rng(0)
    wave, days = np.sin(np.linspace(0, 9, 200)), np.linspace(0, 9, 200)
    losses = SimpleNamespace(curves={k: ([1, 9], [2, 1]) for k in ("loss", "val_loss")})
    ssh = sea_level.simulate(40).ssh
    images = torch.rand(10, 1, 28, 28)
    seven = {f"network number {n}": wave[::20] * n for n in range(7)}
    sea, land = random.normal(size=(20, 20)), np.full((20, 20), np.nan)
    wide = random.normal(size=(8, 30))
    pair = {"truth": (days, wave), "network": (days, -wave)}
    unit = {"label": "u (m/s)", "alt": ALT}
    two = ("time (days)", "u (m/s)", pair), ("distance (km)", "energy (1)", pair)
    return {
        "curves": lambda: plots.curves(2 ** np.arange(10), seven, **LABELS),
        "log": lambda: plots.curves(
            [1, 2], {"a": [1, 1e5]}, doubling=False, ylog=True, **LABELS
        ),
        "percent": lambda: plots.curves([1, 2], {"a": [0, 1]}, percent=True, **LABELS),
        "loss": lambda: plots.loss_curves(
            losses, baseline=1.5, baseline_name="logistic regression, all digits"
        ),
        "learning": lambda: plots.learning_curves(
            {"plain": losses, "residual": losses}, ylabel="loss (1)", alt=ALT
        ),
        "series": lambda: plots.time_series(
            ssh.time, {"a": ssh[:, 0, 0]}, "ssh (cm)", ALT
        ),
        "latent": lambda: plots.latent_map(
            {"PCA": sea, "network": sea}, np.repeat([0, 1], 10), (0, 1), ALT
        ),
        "traces": lambda: plots.traces(
            {"x": pair | {"seen": (days, wave)}, "y": pair | {"seen": (days, wave)}},
            wide="truth",
            dots="seen",
            **LABELS,
        ),
        "chart": lambda: plots.traces({"36 hours": pair}, equal=True, **LABELS),
        "spectra": lambda: plots.traces(
            {"": {"a": ([1, 9], [1, 9])}}, log=True, **LABELS
        ),
        "lines": lambda: plots.line_panels(two, ALT, ylog=[1]),
        "alike": lambda: plots.line_panels(two[:1] * 4, ALT),
        "images": lambda: plots.image_rows({"truth": images, "network": images}, ALT),
        "maps": lambda: plots.maps(ssh[:3], ["1", "2", "3"], "sea level (m)", ALT),
        "panels": lambda: plots.panels(
            {"average (1)": abs(sea), "slope (1)": sea}, ALT
        ),
        "five": lambda: plots.panels({f"sea {n} (cm)": sea for n in range(5)}, ALT),
        "wide": lambda: plots.panels(
            {"a (m)": wide, "b (m)": wide}, ALT, north_up=True
        ),
        "shared": lambda: plots.panels(
            {"a": sea, "b": land + sea}, ALT, shared="ssh (cm)"
        ),
        "constant": lambda: plots.panels({"even (1)": np.ones((9, 9))}, ALT),
        "matrices": lambda: plots.matrices({"a": np.eye(4)}, "|cosine| (1)", ALT),
        "unfolded": lambda: plots.recurrence(4, ALT),
        "plane": lambda: plots.plane_maps(dict.fromkeys("abcd", sea), 50, **unit),
        "own": lambda: plots.plane_maps(
            dict.fromkeys("ab", sea), 50, **unit, shared=False
        ),
        "eight": lambda: plots.plane_maps(dict.fromkeys("abcdefgh", sea), 50, **unit),
        "coast": lambda: plots.plane_maps({"a": wide, "b": wide}, 50, **unit),
    }


RECIPES = recipes()


@pytest.mark.parametrize("name", RECIPES)
def test_our_figures_are_legible(name):
    assert problems(RECIPES[name]()) == []


@pytest.mark.parametrize("name", ["maps", "five", "plane", "curves"])
def test_a_figure_that_is_shown_twice_looks_the_same(name):
    """Matplotlib's layout, done again, moves what is there."""
    picture = RECIPES[name]()
    assert problems(picture) == []
    assert picture.png() == picture.png() == RECIPES[name]().png()
    assert problems(picture) == []


def test_no_kind_of_figure_is_left_out():
    drawn = inspect.getsource(recipes)
    assert [name for name in DRAWERS if f"plots.{name}(" not in drawn] == []


def damaged(what: str) -> plots.Picture:
    """A good figure with one fault."""
    lines = {"a": range(9), "b": range(9, 0, -1)}
    picture = plots.curves(range(9), lines, doubling=False, **LABELS)
    ax = picture.axes[0]
    match what:
        case "too short":
            picture.alt = "A line."
        case "what everybody knows":
            picture.alt = "Figure of the speed against time, with two lines."
        case "x without a unit":
            ax.set_xlabel("time")
        case "y without a unit":
            ax.set_ylabel("")
        case "of 6 points":
            ax.tick_params(labelsize=6)
        case "beyond the border":
            ax.text(1.2, 0.5, "outside", transform=ax.transAxes)
            picture.set_layout_engine("none")
        case "written over":
            ax.set_xticks(np.linspace(1, 9, 60))
        case "covers data":
            ax.legend(loc="center")
        case "only colours":
            ax.lines[1].set_marker(ax.lines[0].get_marker())
        case "without a colour bar":
            ax.imshow(np.eye(3))
        case "colours without a unit":
            picture.colorbar(ax.imshow(np.eye(3)), ax=ax, label="speed")
    return picture


@pytest.mark.parametrize(
    "symptom",
    ["too short", "what everybody knows", "x without a unit", "y without a unit",
     "of 6 points", "beyond the border", "written over", "covers data", "only colours",
     "without a colour bar", "colours without a unit"],
)  # fmt: skip
def test_a_fault_is_noticed(symptom):
    found = problems(damaged(symptom))
    assert any(symptom in problem for problem in found), found


def test_only_faults_are_noticed():
    assert problems(damaged("nothing")) == []


def test_an_illegible_figure_stops_a_build_but_no_student(monkeypatch):
    monkeypatch.setenv(plots.STRICT, "1")
    damaged("nothing")._repr_mimebundle_()
    with pytest.raises(ValueError, match=r"illegible.*x without a unit"):
        damaged("x without a unit")._repr_mimebundle_()
    monkeypatch.delenv(plots.STRICT)
    damaged("x without a unit")._repr_mimebundle_()


def test_builds_and_tests_are_strict():
    assert build.STRICT == {plots.STRICT: "1"}
    assert os.environ[plots.STRICT] == "1"  # nbval's kernels inherit it


def test_fields_are_drawn_with_maps_of_cmocean():
    used = set()
    for draw in RECIPES.values():
        for ax in draw().axes:
            fields = [*ax.images, *ax.collections]
            used |= {f.get_cmap().name for f in fields if f.get_array() is not None}
    assert used == {"dense", "balance", "gray_r"}
