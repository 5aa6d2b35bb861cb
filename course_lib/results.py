"""Headline numbers of a unit: computed in a claim cell, kept in its outputs.

    results.record("dense auto-encoder over PCA, 4 dimensions", 100 * gain,
                   unit="points of variance", at_least=15)

`course results` reads them back from the executed solutions.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

MIME = "application/vnd.ocean-dl-course.result+json"


class ClaimFailed(AssertionError):
    """A headline number that is not what the lesson says."""

    def _render_traceback_(self) -> list[str]:
        return ["", *str(self).splitlines()]


@dataclass(frozen=True)
class Result:
    """One headline number, with the bounds that the lesson claims."""

    name: str
    value: float
    unit: str
    claim: str  # "at least 15"
    reference: str  # where the number was published or first measured


def record(
    name: str,
    value: float,
    *,
    unit: str = "",
    at_least: float | None = None,
    at_most: float | None = None,
    reference: str = "",
) -> None:
    """Show a headline number and keep it in the notebook's outputs.

    Raises ClaimFailed where the value lies outside its bounds, ValueError where no
    bound is given: a number that cannot fail is no claim.
    """
    from IPython.display import display

    if at_least is None and at_most is None:
        raise ValueError(f"the claim {name!r} needs at_least or at_most")
    low = [] if at_least is None else [f"at least {at_least:g}"]
    high = [] if at_most is None else [f"at most {at_most:g}"]
    result = Result(name, float(value), unit, ", ".join(low + high), reference)
    if not is_within(result.value, at_least, at_most):
        raise ClaimFailed(
            f"the claim does not hold here: {name}\n"
            f"  seen      {result.value:.3g} {unit}\n"
            f"  expected  {result.claim}\n"
            "  look at   the exercises above: do all their checks pass?"
        )
    display({"text/plain": sentence(result), MIME: asdict(result)}, raw=True)


def is_within(value: float, at_least: float | None, at_most: float | None) -> bool:
    """Whether at_least ≤ value ≤ at_most; NaN is not."""
    return (at_least is None or value >= at_least) and (
        at_most is None or value <= at_most
    )


def sentence(result: Result) -> str:
    """One line for a reader: the number, what was claimed, where it comes from."""
    note = f"; {result.reference}" if result.reference else ""
    return f"✓ {result.name}: {result.value:.3g} {result.unit} ({result.claim}{note})"


def read(notebook: Path) -> list[Result]:
    """The headline numbers in the outputs of an executed notebook."""
    import nbformat

    cells = nbformat.read(notebook, as_version=4).cells
    return [result for cell in cells for result in of_cell(cell)]


def of_cell(cell: Mapping) -> list[Result]:
    """The headline numbers in the outputs of one cell."""
    found = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [Result(**data[MIME]) for data in found if MIME in data]
