"""Docstrings, which are plain text for a terminal, as reStructuredText.

Words in `backticks` become code; indented blocks and columns stay as they stand. Of the
line breaks in a paragraph those stay that no filling up to the margin would have made:
between equations, and before the next parameter.
"""

import re
from itertools import groupby, pairwise
from typing import get_type_hints

MARGIN = 88  # the length of a line in the sources
INDENTED = {"module": 0, "method": 8, "property": 8, "attribute": 8}
COLUMNS = re.compile(r"\S {3,}\S")
PARAMETER = re.compile(r"[a-z]\w*(, [a-z]\w*)*: ")
CODE = re.compile(r"`([^`]+)`")


def process(app, what, name, obj, options, lines) -> None:
    """Sphinx's hook: replaces the lines of a docstring, in place."""
    lines[:] = to_rst(lines, MARGIN - INDENTED.get(what, 4))


def without_options(app, obj, bound_method) -> None:
    """Sphinx's hook: types of a command's options, without what typer says of them."""
    if "Annotated" in str(getattr(obj, "__annotations__", "")):
        obj.__annotations__ = get_type_hints(obj)


def skips(app, what, name, obj, skip, options) -> bool | None:
    """Sphinx's hook: the fields of a named tuple stand in its signature already."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def to_rst(lines: list[str], width: int) -> list[str]:
    """A docstring whose source had so many columns beside its indentation."""
    groups = groupby(lines, key=lambda line: bool(line.strip()))
    blocks = [list(group) for filled, group in groups if filled]
    return [line for block in blocks for line in [*rendered(block, width), ""]]


def rendered(block: list[str], width: int) -> list[str]:
    """One block: as it stands, as lines, or as a paragraph."""
    session = block[0].lstrip().startswith(">>>")
    indented = all(line.startswith("  ") for line in block)
    if session or indented or any(map(COLUMNS.search, block)):
        language = "pycon" if session else "text"
        return [f".. code-block:: {language}", "", *(f"   {line}" for line in block)]
    rows = [escaped(row) for row in unwrapped(block, width)]
    return rows if len(rows) == 1 else [f"| {row}" for row in rows]


def unwrapped(block: list[str], width: int) -> list[str]:
    """The lines of a paragraph, joined where only the margin has parted them."""
    rows = [block[0]]
    for above, line in pairwise(block):
        first_word = line.split()[0]
        full = len(above) + 1 + len(first_word) > width
        if line.startswith(" ") or (full and not PARAMETER.match(line)):
            rows[-1] += " " + line.strip()
        else:
            rows.append(line)
    return rows


def escaped(text: str) -> str:
    """Text in which reStructuredText finds no markup but code and **headings**."""
    if re.fullmatch(r"\*\*[\w ]+\*\*", text):
        return text
    parts = CODE.split(text)
    parts[::2] = [re.sub(r"([\\*|_`])", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [rf"\ ``{part}``\ " for part in parts[1::2]]
    return "".join(parts)
