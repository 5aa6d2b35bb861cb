"""Reads a unit's source (jupytext py:percent with short tags) and says what is wrong.

    # %% exercise="fit_pca"                     autograded answer
    # %% check="fit_pca" points=3               locked tests of that exercise
    # %% [markdown] question="review" points=4  free text, graded by hand
    # %% claim="dense_beats_pca"                a headline number

The first code cell is the setup. Everything else is lesson.
"""

import ast
import builtins
import difflib
import re
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jupytext

ROLES = ("exercise", "check", "question", "claim")
GRADED = ("exercise", "check", "question")
TAGS = (*ROLES, "points")
SETUP_LINES = 8
HEADER = re.compile(r"# %%(?P<markdown> \[markdown\])?(?P<tags>.*)")
TAG = re.compile(r'\s+(\w+)=("[^"]*"|\S+)')
NAME = re.compile(r"[A-Za-z]\w*")
STUB = "# YOUR CODE HERE\nraise checks.NotAnswered"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a source, where it stands, and how to mend it."""

    line: int
    what: str
    mend: str


class SourceError(Exception):
    """A source that cannot be built; the message lists every problem found."""

    def __init__(self, path: Path, problems: list[Problem]):
        self.problems = problems
        lines = [
            f"{path}:{problem.line}: {problem.what}\n    mend: {problem.mend}"
            for problem in sorted(problems, key=lambda problem: problem.line)
        ]
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class Cell:
    """One cell of a source; `line` is that of its header, counted from 1."""

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

    def line_of(self, fragment: str) -> int:
        """Line of the source file on which a fragment first stands in this cell."""
        lines = self.source.splitlines()
        inside = next((i for i, text in enumerate(lines) if fragment in text), -1)
        return self.line + 1 + inside


def read(path: Path) -> list[Cell]:
    """The cells of a source; raises SourceError where it cannot be built."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        mend = "save the file as UTF-8"
        raise SourceError(path, [Problem(1, str(error), mend)]) from None
    cells, problems = split(text)
    if not problems:
        problems = list(find_problems(cells))
    if problems:
        raise SourceError(path, problems)
    return cells


def split(text: str) -> tuple[list[Cell], list[Problem]]:
    """Cells by jupytext, with the lines and the tags of their headers."""
    headers = [
        (number, HEADER.fullmatch(line.rstrip()))
        for number, line in enumerate(text.splitlines(), start=1)
        if line.startswith("# %%")
    ]
    notebook = jupytext.reads(text, fmt="py:percent")
    if not headers or len(headers) != len(notebook.cells):
        mend = 'begin every cell, the first one too, with a line "# %%"'
        return [], [Problem(1, "text that belongs to no cell", mend)]
    cells, problems, seen_code = [], [], False
    for (number, header), node in zip(headers, notebook.cells, strict=True):
        tags = {name: value.strip('"') for name, value in TAG.findall(header["tags"])}
        problems += header_problems(number, header["tags"], tags)
        markdown = node.cell_type == "markdown"
        setup = not markdown and not seen_code
        seen_code = seen_code or not markdown
        cells.append(Cell(number, markdown, node.source, tags, setup))
    return cells, problems


def header_problems(line: int, text: str, tags: dict[str, str]) -> Iterator[Problem]:
    """What is wrong with the tags of one header."""
    if TAG.sub("", text).strip():
        mend = 'write tags as name="value", for example: # %% check="fit_pca" points=2'
        yield Problem(line, f"header that cannot be read: {text.strip()}", mend)
    for tag in tags:
        if tag not in TAGS:
            close = difflib.get_close_matches(tag, TAGS, n=1)
            mend = f"did you mean {close[0]}?" if close else f"use {', '.join(TAGS)}"
            yield Problem(line, f'unknown tag "{tag}"', mend)
    roles = [role for role in ROLES if role in tags]
    if len(roles) > 1:
        mend = "keep one of them, and move the rest into a cell of its own"
        yield Problem(line, f"a cell cannot be both {' and '.join(roles)}", mend)
    for role in roles:
        if not NAME.fullmatch(tags[role]):
            mend = "use letters, digits and underscores, beginning with a letter"
            yield Problem(line, f'{role} has the name "{tags[role]}"', mend)
    graded = bool({"check", "question"} & set(roles))
    if graded and not re.fullmatch(r"[1-9]\d*", tags.get("points", "")):
        seen = tags.get("points")
        what = f"points={seen}" if seen else "points are missing"
        yield Problem(line, what, "say what the cell is worth: points=2")
    if "points" in tags and not graded:
        mend = "give the points to the check of the exercise"
        yield Problem(line, "points on a cell that is not graded", mend)


def find_problems(cells: list[Cell]) -> Iterator[Problem]:
    """Everything that is wrong in the cells, beyond their headers."""
    yield from structure_problems(cells)
    for cell in cells:
        markers = list(marker_problems(cell))
        yield from markers or code_problems(cell)
    code = [cell.source for cell in cells if not cell.markdown]
    if all(parses(text) and parses(stub(text)) for text in code):
        yield from graded_path_problems(cells)


def structure_problems(cells: list[Cell]) -> Iterator[Problem]:
    """Cells that miss their partner, share an id or are of the wrong kind."""
    yield from id_problems(cells)
    lines = {(cell.role, cell.name): cell.line for cell in reversed(cells)}
    for (role, name), line in lines.items():
        if role == "exercise" and ("check", name) not in lines:
            mend = f'add # %% check="{name}" points=… after it'
            yield Problem(line, f'exercise "{name}" has no check', mend)
        if role == "check" and lines.get(("exercise", name), line) >= line:
            mend = f'put # %% exercise="{name}" before it, or correct the name'
            yield Problem(line, f'check "{name}" has no exercise', mend)
    for cell in cells:
        if cell.tags and cell.markdown != (cell.role == "question"):
            kind = "markdown" if cell.role == "question" else "code"
            what = f"{cell.role} on a cell of another kind"
            yield Problem(cell.line, what, f"make it a {kind} cell")
        if cell.role == "claim" and "results.record(" not in cell.source:
            mend = "compute the number and pass it to results.record(…, at_least=…)"
            yield Problem(cell.line, f'claim "{cell.name}" records nothing', mend)
        if cell.setup and (cell.tags or len(cell.source.split("\n")) > SETUP_LINES + 2):
            mend = f"begin with an untagged code cell of at most {SETUP_LINES} lines"
            yield Problem(cell.line, "the first code cell is no setup cell", mend)


def id_problems(cells: list[Cell]) -> Iterator[Problem]:
    """Two cells that nbgrader would give one id, or two claims of one name."""
    taken: dict[str, Cell] = {}
    for cell in cells:
        grade_id = cell.grade_id or (cell.name and f"claim {cell.name}")
        if grade_id in taken:
            other = taken[grade_id]
            what = f'"{cell.name}" is taken by the {other.role} on line {other.line}'
            yield Problem(cell.line, what, "give one of them another name")
        elif grade_id:
            taken[grade_id] = cell


def marker_problems(cell: Cell) -> Iterator[Problem]:
    """BEGIN and END markers that do not pair, or stand where they do not belong."""
    owners = {"SOLUTION": ("exercise", "question"), "HIDDEN TESTS": ("check",)}
    for word, roles in owners.items():
        lines = [
            (cell.line + 1 + i, f"BEGIN {word}" in text)
            for i, text in enumerate(cell.source.splitlines())
            if f"BEGIN {word}" in text or f"END {word}" in text
        ]
        if lines and cell.role not in roles:
            mend = f"move it to a cell tagged {' or '.join(roles)}"
            yield Problem(lines[0][0], f"{word} marker in a {cell.role} cell", mend)
        if not lines and "SOLUTION" in word and cell.role in roles:
            mend = "put the answer between ### BEGIN SOLUTION and ### END SOLUTION"
            yield Problem(cell.line, f'{cell.role} "{cell.name}" has no answer', mend)
        yield from unpaired(lines, word)


def unpaired(lines: list[tuple[int, bool]], word: str) -> Iterator[Problem]:
    """Markers (line, is it a BEGIN) that do not alternate."""
    opened = None
    for line, begins in lines:
        if begins and opened:
            yield Problem(opened, f"BEGIN {word} without END", f"add ### END {word}")
        if not begins and not opened:
            yield Problem(line, f"END {word} without BEGIN", f"add ### BEGIN {word}")
        opened = line if begins else None
    if opened:
        yield Problem(opened, f"BEGIN {word} without END", f"add ### END {word}")


def code_problems(cell: Cell) -> Iterator[Problem]:
    """A cell, or the stub that students get of it, that is not Python."""
    if cell.markdown:
        return
    try:
        ast.parse(cell.source)
    except SyntaxError as error:
        line = cell.line + (error.lineno or 0)
        yield Problem(line, f"not Python: {error.msg}", "correct the line")
        return
    if cell.role == "exercise" and not parses(stub(cell.source)):
        mend = "let the markers enclose whole statements, indented like them"
        line = cell.line_of("BEGIN SOLUTION")
        yield Problem(line, "what is left for the student does not parse", mend)


def stub(source: str) -> str:
    """The source with each solution replaced by nbgrader's stub."""
    lines, inside = [], False
    for line in source.splitlines():
        if "BEGIN SOLUTION" in line:
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + text for text in STUB.splitlines()]
        if not inside and "BEGIN SOLUTION" not in line:
            lines.append(line)
        inside = ("BEGIN SOLUTION" in line) or (inside and "END SOLUTION" not in line)
    return "\n".join(lines)


def parses(source: str) -> bool:
    """Whether this is Python."""
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def graded_path_problems(cells: list[Cell]) -> Iterator[Problem]:
    """Checks and answers that lean on a lesson cell.

    Setup, exercises and checks must run alone: that is how submissions are graded.
    """
    known = set(dir(builtins))
    for cell in cells:
        if cell.role in ("setup", "exercise"):
            known |= defined(cell.source)
        if cell.role not in ("exercise", "check"):
            continue
        names = needed(cell.source) | needed(stub(cell.source))
        for name in sorted(names - known):
            what = f'{cell.role} "{cell.name}" leans on "{name}" of a lesson cell'
            mend = f"define {name} in the cell itself, or import it in the setup cell"
            yield Problem(line_of_name(cell, name), what, mend)


def defined(source: str) -> set[str]:
    """Names that a cell binds at its top level."""
    table = symtable.symtable(source, "cell", "exec")
    return {s.get_name() for s in table.get_symbols() if s.is_assigned()} | {
        s.get_name() for s in table.get_symbols() if s.is_imported()
    }


def needed(source: str) -> set[str]:
    """Global names that a cell uses and does not bind itself."""
    top = symtable.symtable(source, "cell", "exec")
    used = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    for table in descendants(top.get_children()):
        used |= {s.get_name() for s in table.get_symbols() if s.is_global()}
    return used - defined(source)


def descendants(tables: Iterable) -> Iterator:
    """All symbol tables below the given ones, themselves included."""
    for table in tables:
        yield table
        yield from descendants(table.get_children())


def line_of_name(cell: Cell, name: str) -> int:
    """Line of the source file on which a cell first uses a name."""
    uses = (
        node.lineno
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Name) and node.id == name
    )
    return cell.line + min(uses, default=0)
