"""The figure that all plots return, with what they share."""

import base64
import io
import os

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from course_lib.plots.legibility import problems

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STRICT = "COURSE_STRICT_FIGURES"  # set where figures are made for others to read
DPI = 72  # keeps an executed notebook small


class Picture(Figure):
    """A figure with its alternative text, which notebooks and pages pass on."""

    def __init__(self, alt: str, width: float = 9.0, height: float = 3.0):
        super().__init__(figsize=(width, height), layout="constrained", dpi=DPI)
        self.alt = alt

    def draw(self, renderer) -> None:
        """Laid out once: a second time, labels would move beyond the border."""
        super().draw(renderer)
        self.set_layout_engine("none")

    def _repr_mimebundle_(self, include=None, exclude=None):
        if os.environ.get(STRICT) and (found := problems(self)):
            raise ValueError(f"an illegible figure: {'; '.join(found)}")
        png = base64.b64encode(self.png()).decode()
        data = {"image/png": png, "text/plain": f"[figure] {self.alt}"}
        return data, {"image/png": {"alt": self.alt}}

    def png(self) -> bytes:
        """The figure in 256 colours of its own: smaller, and without visible steps."""
        drawn, packed = io.BytesIO(), io.BytesIO()
        self.savefig(drawn, format="png", dpi=DPI)
        image = Image.open(drawn).convert("RGB")
        style = {"method": Image.Quantize.MAXCOVERAGE, "kmeans": 2}
        image = image.quantize(256, **style, dither=Image.Dither.NONE)
        image.save(packed, format="png", optimize=True)
        return packed.getvalue()


def finish(ax: Axes) -> None:
    """Light grid, no box, a legend that covers nothing."""
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    legend_above(ax)


def legend_above(ax: Axes) -> None:
    """A legend over the axes, in as many columns as fit their width."""
    labels = ax.get_legend_handles_labels()[1]
    side_by_side = ax.get_subplotspec().get_gridspec().ncols
    room = ax.get_figure().get_figwidth() / side_by_side - 0.6  # inches
    widths = [0.67 + 0.074 * len(label) for label in labels]  # line, text and space
    in_a_row = sum(widths) < room
    columns = len(labels) if in_a_row else int(room / max(widths))
    ax.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=max(columns, 1),
        borderpad=0, borderaxespad=0.3,
    )  # fmt: skip
