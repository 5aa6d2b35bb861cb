"""Colours that every eye tells apart, and maps in order of lightness."""

import itertools
import re
import sys

import cmocean
import numpy as np
import pytest
from colorspacious import cspace_convert
from matplotlib.colors import to_rgb
from skimage.color import deltaE_ciede2000, rgb2lab

from course_lib import plots
from course_lib.grading import pages

from .conftest import ROOT

sys.path.insert(0, str(ROOT / "slides"))

import ink

VISIONS = ("normal", "deuteranomaly", "protanomaly", "tritanomaly")
PAGE = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", pages.STYLE))
PALETTES = {
    "notebooks": (*plots.COLOURS, "#ffffff"),
    "light slides": (*ink.LIGHT.colours, ink.LIGHT.paper),
    "dark slides": (*ink.DARK.colours, ink.DARK.paper),
    "light bars": (ink.LIGHT.colours[0], ink.LIGHT.quiet),
    "dark bars": (ink.DARK.colours[0], ink.DARK.quiet),
    "pages": [PAGE[name] for name in ("good", "bad", "warn", "sea", "ink")],
}


def nearest(colours, vision: str) -> float:
    """The smallest colour difference, ΔE 2000, between two colours of a palette.

    Full deuteranopia, protanopia and tritanopia as Machado et al. (2009) simulate them.
    """
    seen = np.array([to_rgb(colour) for colour in colours])
    if vision != "normal":
        space = {"name": "sRGB1+CVD", "cvd_type": vision, "severity": 100}
        seen = cspace_convert(seen, space, "sRGB1").clip(0, 1)
    pairs = itertools.combinations(rgb2lab(seen), 2)
    return min(float(deltaE_ciede2000(one, other)) for one, other in pairs)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("palette", PALETTES)
def test_colours_differ_for_every_eye(palette, vision):
    """A difference of 2 is just seen between colours side by side; we ask for more."""
    assert nearest(PALETTES[palette], vision) >= 10


def test_red_and_green_are_alike_for_some_eyes():
    assert nearest(("#d62728", "#2ca02c"), "normal") > 60
    assert nearest(("#8c4a1c", "#5a6b14"), "deuteranomaly") < 10


def lightness(name: str) -> np.ndarray:
    """CIELAB's L* along one of cmocean's maps."""
    return rgb2lab(cmocean.cm.cmap_d[name](np.linspace(0, 1, 64))[:, :3])[:, 0]


def test_maps_are_ordered_by_lightness():
    assert (np.diff(lightness("dense")) < 0).all()
    low, high = np.split(lightness("balance"), 2)
    assert (np.diff(low) > 0).all()
    assert (np.diff(high) < 0).all()
    assert not (np.diff(rgb2lab(np.eye(3)[[2, 1, 0]])[:, 0]) < 0).all()  # a rainbow
