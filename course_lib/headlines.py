"""The units in one table: question, headline results as measured, and their bounds.

A claim that speaks for its unit says so in its header; {0} is the first number that its
cell records, {1} the second:

    # %% claim="dense_beats_pca" headline="… explains {0:.0f} points more than PCA"

`course results --readme` writes the table into the README, and a test compares the two.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import nbformat

from course_lib import results, source
from course_lib.build import Unit
from course_lib.results import Result

RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
STRETCH = re.compile(r"(<!-- units -->\n).*?(<!-- /units -->)", re.DOTALL)


class HeadlineError(Exception):
    """A headline or a page that cannot be filled in; the message says why."""


def headlines(unit: Unit) -> list[str]:
    """The sentences of a unit, each with its numbers and the bounds behind them."""
    notebook = nbformat.read(unit.solution, as_version=4)
    cells = zip(source.read(unit.source), notebook.cells, strict=True)
    return [
        spelt(filled(cell.tags["headline"], results.of_cell(executed), unit))
        for cell, executed in cells
        if "headline" in cell.tags
    ]


def filled(sentence: str, found: list[Result], unit: Unit) -> str:
    """A headline with the results that it names, and what was claimed of them."""
    try:
        named = [int(place) for _, place, *_ in Formatter().parse(sentence) if place]
        claims = ", ".join(found[place].claim for place in named)
        return f"{sentence.format(*(r.value for r in found))} *({claims})*"
    except (IndexError, ValueError) as error:
        problem = f"the headline {sentence!r} does not fit its results: {error}"
        raise HeadlineError(f"{unit.source}: {problem}") from None


def spelt(text: str) -> str:
    """Numbers as people write them: 7 × 10⁻⁸ for 7e-08, −0.1 for -0.1."""

    def power(match: re.Match) -> str:
        exponent = f"{int(match[2])}".translate(RAISED)
        factor = "" if match[1] == "1" else f"{match[1]}\u00a0×\u00a0"
        return f"{factor}10{exponent}"

    text = re.sub(r"\b([\d.]+)e([+-]\d+)", power, text)
    return re.sub(r"(?<!\w)-(?=\d)", "−", text)


def opening(unit: Unit) -> tuple[str, str]:
    """Title and question of a unit, from its first cell."""
    first = source.read(unit.source)[0].source
    return re.search(r"^# (.+)$", first, re.M)[1], re.search(r"\*\*(.+?)\*\*", first)[1]


def rows(units: list[Unit], to: str) -> Iterator[str]:
    """The table in Markdown; to: where the name of a unit leads, with {unit}."""
    yield "| | unit and its question | headline result, measured *(claimed)* |"
    yield "|---|---|---|"
    for unit in units:
        title, question = opening(unit)
        link = f"[{title}]({to.format(unit=unit.name)})"
        found = "; ".join(headlines(unit))
        yield f"| {unit.name[:2]} | {link}<br>{question} | {found} |"


def table(units: list[Unit], to: str = "notebooks/{unit}/{unit}.ipynb") -> str:
    """The rows as one text."""
    return "\n".join(rows(units, to)) + "\n"


def renewed(page: Path, units: list[Unit]) -> str:
    """The text of a page whose stretch between the markers is the table."""
    text = page.read_text(encoding="utf-8")
    if not STRETCH.search(text):
        markers = "<!-- units --> and <!-- /units -->"
        raise HeadlineError(f"{page} has no lines {markers} to put the table between")
    return STRETCH.sub(lambda m: m[1] + table(units) + m[2], text)
