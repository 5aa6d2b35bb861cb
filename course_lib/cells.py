"""The cells of a source (jupytext's py:percent) and the short tags in their headers.

    # %% exercise="fit_pca"                     autograded answer
    # %% check="fit_pca" points=3               locked tests of that exercise
    # %% [markdown] question="review" points=4  free text, graded by hand
    # %% claim="dense_beats_pca"                a number that the lesson vouches for

A claim may add headline="… {0:.0f} …", the sentence with its number for the README.
The first code cell is the setup. Everything else is lesson. The file is cut here, not
by jupytext, which keeps no line numbers and takes comments such as `# ls` for commands;
jupytext opens the same file in JupyterLab.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

ROLES = ("exercise", "check", "question", "claim")
GRADED = ("exercise", "check", "question")
TAGS = (*ROLES, "points", "headline")
HEADER = re.compile(r"# %%(?P<markdown> \[markdown\])?(?P<tags>.*)")
NEAR_HEADER = re.compile(r"(\s+#|#\s*)\s*%%")
TAG = re.compile(r'\s+(\w+)=("[^"]*"|[^\s"]+)')
NAME = re.compile(r"[A-Za-z]\w{0,49}", re.ASCII)
STUB = "# YOUR CODE HERE\nraise checks.NotAnswered"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a source, where it stands, and how to mend it."""

    line: int
    what: str
    mend: str


@dataclass(frozen=True)
class Cell:
    """One cell of a source; `line` is the one above its text, counted from 1."""

    line: int
    markdown: bool
    source: str
    tags: dict[str, str] = field(default_factory=dict)
    setup: bool = False

    @property
    def role(self) -> str:
        """exercise, check, question, claim, setup or lesson."""
        default = "setup" if self.setup else "lesson"
        return next((role for role in ROLES if role in self.tags), default)

    @property
    def name(self) -> str:
        """The name given with the role; empty for setup and lesson."""
        return self.tags.get(self.role, "")

    @property
    def grade_id(self) -> str:
        """What nbgrader calls the cell; empty where it does not care."""
        ids = {"setup": "setup", "check": f"check_{self.name}"}
        return ids.get(self.role, self.name if self.role in GRADED else "")

    @property
    def points(self) -> int:
        """What the cell is worth."""
        return int(self.tags["points"])

    @property
    def numbered(self) -> list[tuple[int, str]]:
        """The lines of the cell with their numbers in the file."""
        return list(enumerate(self.source.split("\n"), start=self.line + 1))


def split(text: str) -> tuple[list[Cell], list[Problem]]:
    """The cells between the headers, and what is wrong with the headers."""
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("# %%")]
    first = after_front_matter(lines)
    if not starts or first < starts[0]:
        what = "text that belongs to no cell" if starts else "no cell in this file"
        mend = 'begin every cell, the first one too, with a line "# %%"'
        return [], [Problem(first + 1, what, mend)]
    cells: list[Cell] = []
    problems: list[Problem] = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        header = HEADER.fullmatch(lines[start].rstrip())
        tags = {name: value.strip('"') for name, value in TAG.findall(header["tags"])}
        body, markdown = lines[start + 1 : end], bool(header["markdown"])
        if markdown:
            body = [re.sub("^# ?", "", line) for line in body]
        setup = not markdown and all(cell.markdown for cell in cells)
        source = "\n".join(body).strip("\n")
        blank = next((i for i, line in enumerate(body) if line.strip()), 0)
        cells.append(Cell(start + 1 + blank, markdown, source, tags, setup))
        problems += header_problems(start + 1, header["tags"], tags)
        problems += near_headers(cells[-1])
    return cells, problems


def after_front_matter(lines: list[str]) -> int:
    """Index of the first line of text behind jupytext's YAML header, if any."""
    start = 0
    if lines[:1] == ["# ---"] and "# ---" in lines[1:]:
        start = lines.index("# ---", 1) + 1
    return next((i for i in range(start, len(lines)) if lines[i].strip()), 0)


def near_headers(cell: Cell) -> Iterator[Problem]:
    """Lines that were meant to begin a cell and do not."""
    for number, line in cell.numbered:
        if not cell.markdown and NEAR_HEADER.match(line):
            mend = 'begin a cell with "# %%" at the start of the line'
            yield Problem(number, f"looks like a header: {line.strip()}", mend)


def header_problems(line: int, text: str, tags: dict[str, str]) -> Iterator[Problem]:
    """What is wrong with the tags of one header."""
    names = [name for name, _ in TAG.findall(text)]
    unknown = [name for name in tags if name not in TAGS]
    if TAG.sub("", text).strip():
        mend = 'write tags as name="value", for example: # %% check="fit_pca" points=2'
        yield Problem(line, f"header that cannot be read: {text.strip()}", mend)
    for tag in unknown:
        close = difflib.get_close_matches(tag, TAGS, n=1)
        mend = f"did you mean {close[0]}?" if close else f"use {', '.join(TAGS)}"
        yield Problem(line, f'unknown tag "{tag}"', mend)
    if len(names) > len(set(names)):
        yield Problem(line, "the same tag twice", "keep one of them")
    roles = [role for role in ROLES if role in tags]
    if len(roles) > 1:
        mend = "keep one of them, and move the rest into a cell of its own"
        yield Problem(line, f"a cell cannot be both {' and '.join(roles)}", mend)
    for role in roles:
        if not NAME.fullmatch(tags[role]):
            mend = "use up to 50 letters (a–z), digits and underscores, a letter first"
            yield Problem(line, f'{role} has the name "{tags[role]}"', mend)
    if "headline" in tags and "claim" not in tags:
        mend = 'give it to the claim that computes its number: claim="…" headline="…"'
        yield Problem(line, "a headline without a claim", mend)
    if not unknown:
        yield from points_problems(line, tags)


def points_problems(line: int, tags: dict[str, str]) -> Iterator[Problem]:
    """Points that are missing, no positive number, or where they do not belong."""
    graded = "check" in tags or "question" in tags
    if graded and not re.fullmatch(r"[1-9][0-9]*", tags.get("points", "")):
        seen = tags.get("points")
        what = f"points={seen}" if seen else "points are missing"
        yield Problem(line, what, "say what the cell is worth: points=2")
    if "points" in tags and not graded:
        mend = "give the points to the check of the exercise"
        yield Problem(line, "points on a cell that is not graded", mend)


def stub(source: str) -> str:
    """The source with each solution replaced by what nbgrader puts there."""
    lines, inside = [], False
    for line in source.splitlines():
        if "BEGIN SOLUTION" in line:
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + text for text in STUB.splitlines()]
            inside = True
        elif not inside:
            lines.append(line)
        elif "END SOLUTION" in line:
            inside = False
    return "\n".join(lines)
