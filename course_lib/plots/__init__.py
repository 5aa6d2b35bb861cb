"""Data in, Picture out: the figures of the lessons, drawn without pyplot.

A Picture is a Matplotlib figure that carries the text for those who cannot see it.
Colours are those of Okabe and Ito (2008), which colour-blind readers tell apart.
"""

from course_lib.plots.fields import (
    image_rows,
    maps,
    matrices,
    panels,
    plane_maps,
    recurrence,
)
from course_lib.plots.lines import (
    curves,
    latent_map,
    learning_curves,
    line_panels,
    loss_curves,
    time_series,
    traces,
)
from course_lib.plots.picture import COLOURS, MARKERS, STRICT, Picture

__all__ = [
    "COLOURS",
    "MARKERS",
    "STRICT",
    "Picture",
    "curves",
    "image_rows",
    "latent_map",
    "learning_curves",
    "line_panels",
    "loss_curves",
    "maps",
    "matrices",
    "panels",
    "plane_maps",
    "recurrence",
    "time_series",
    "traces",
]
