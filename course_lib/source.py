"""Reads a unit's source, and says what is wrong with it: file, line and mend.

What cannot be seen without running (a check that reaches a lesson cell by `exec`, say)
the builder finds when it runs the graded path.
"""

import ast
import builtins
import re
import symtable
from collections.abc import Iterable, Iterator
from pathlib import Path

from course_lib.cells import Cell, Problem, split, stub

SETUP_LINES = 8
OWNERS = {"SOLUTION": ("exercise", "question"), "HIDDEN TESTS": ("check",)}
MARKERS = {f"### {edge} {word}" for edge in ("BEGIN", "END") for word in OWNERS}
NEAR_MARKER = re.compile(r"#+\s*(BEGIN|END)\b.*", re.IGNORECASE)


class SourceError(Exception):
    """A source that cannot be built; the message lists the problems by line."""

    def __init__(self, path: Path, problems: list[Problem]):
        self.problems = sorted(problems, key=lambda problem: problem.line)
        lines = [
            f"{path}:{problem.line}: {problem.what}\n    mend: {problem.mend}"
            for problem in self.problems
        ]
        super().__init__("\n".join(lines))


def read(path: Path) -> list[Cell]:
    """The cells of a source; raises SourceError where it cannot be built."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SourceError(
            path, [Problem(line, "not UTF-8", "save the file as UTF-8")]
        ) from None
    cells, problems = split(text)
    problems = problems or list(find_problems(cells))
    if problems:
        raise SourceError(path, problems)
    return cells


def find_problems(cells: list[Cell]) -> Iterator[Problem]:
    """Everything that is wrong in the cells, beyond their headers."""
    yield from structure_problems(cells)
    code = [cell for cell in cells if not cell.markdown]
    for cell in cells:
        yield from list(marker_problems(cell)) or code_problems(cell)
    if all(parses(cell.source) and parses(stub(cell.source)) for cell in code):
        yield from graded_path_problems(code)


# --- structure ------------------------------------------------------------------------


def structure_problems(cells: list[Cell]) -> Iterator[Problem]:
    """Cells that miss their partner, share an id or are of the wrong kind."""
    yield from id_problems(cells)
    lines = {(cell.role, cell.name): cell.line for cell in reversed(cells)}
    for (role, name), line in lines.items():
        partner = lines.get(
            ({"exercise": "check", "check": "exercise"}.get(role), name)
        )
        if role == "exercise" and partner is None:
            mend = f'add # %% check="{name}" points=… after it'
            yield Problem(line, f'exercise "{name}" has no check', mend)
        if role == "check" and partner is None:
            mend = f'put # %% exercise="{name}" before it, or correct the name'
            yield Problem(line, f'check "{name}" has no exercise', mend)
        if role == "check" and partner is not None and partner > line:
            what = f'check "{name}" stands before its exercise (line {partner})'
            yield Problem(line, what, "move it behind the exercise")
    for cell in cells:
        yield from form_problems(cell)


def id_problems(cells: list[Cell]) -> Iterator[Problem]:
    """Two cells that nbgrader would give one id, or two claims of one name."""
    taken: dict[str, Cell] = {}
    for cell in cells:
        grade_id = cell.grade_id or (cell.name and f"claim {cell.name}")
        if grade_id in taken:
            other = taken[grade_id]
            what = f'"{grade_id}" is taken by the {other.role} on line {other.line}'
            yield Problem(cell.line, what, "give one of them another name")
        elif grade_id:
            taken[grade_id] = cell


def form_problems(cell: Cell) -> Iterator[Problem]:
    """A cell that is empty, or not what its role asks for."""
    if not cell.source.strip():
        yield Problem(cell.line, "an empty cell", "fill it, or take its header away")
    if cell.tags and cell.markdown != (cell.role == "question"):
        seen, wanted = (
            ("a markdown", "code") if cell.markdown else ("a code", "markdown")
        )
        what = f"{cell.role} on {seen} cell"
        yield Problem(cell.line, what, f"make it a {wanted} cell")
    if cell.role == "claim" and "results.record(" not in cell.source:
        mend = "compute the number and pass it to results.record(…, at_least=…)"
        yield Problem(cell.line, f'claim "{cell.name}" records nothing', mend)
    visible = cell.source.split("### BEGIN HIDDEN TESTS")[0].strip()
    if cell.role == "check" and not visible:
        mend = "let students see at least one test"
        yield Problem(cell.line, f'check "{cell.name}" shows no test', mend)
    lines = [text for _, text in cell.numbered if text.strip()]
    if cell.setup and (cell.tags or len(lines) > SETUP_LINES):
        mend = f"begin with an untagged code cell of at most {SETUP_LINES} lines"
        yield Problem(cell.line, "the first code cell is no setup cell", mend)


# --- markers --------------------------------------------------------------------------


def marker_problems(cell: Cell) -> Iterator[Problem]:
    """BEGIN and END markers that do not pair, or stand where they do not belong."""
    for number, text in cell.numbered:
        if NEAR_MARKER.fullmatch(text.strip()) and text.strip() not in MARKERS:
            mend = f"write one of {', '.join(sorted(MARKERS))}"
            yield Problem(
                number, f"no marker that nbgrader knows: {text.strip()}", mend
            )
    for word, roles in OWNERS.items():
        marks = [
            (number, f"BEGIN {word}" in text)
            for number, text in cell.numbered
            if text.strip() in MARKERS and text.endswith(word)
        ]
        if marks and cell.role not in roles:
            mend = f"move it to a cell tagged {' or '.join(roles)}"
            yield Problem(
                marks[0][0], f"{word} marker in a cell tagged {cell.role}", mend
            )
        if not marks and word == "SOLUTION" and cell.role in roles:
            mend = "put the answer between ### BEGIN SOLUTION and ### END SOLUTION"
            yield Problem(cell.line, f'{cell.role} "{cell.name}" has no answer', mend)
        yield from unpaired(marks, word)
        yield from misplaced(cell, word)


def unpaired(marks: list[tuple[int, bool]], word: str) -> Iterator[Problem]:
    """Markers (line, is it a BEGIN) that do not alternate."""
    opened = None
    for line, begins in marks:
        if begins and opened:
            yield Problem(opened, f"BEGIN {word} without END", f"add ### END {word}")
        if not begins and not opened:
            yield Problem(line, f"END {word} without BEGIN", f"add ### BEGIN {word}")
        opened = line if begins else None
    if opened:
        yield Problem(opened, f"BEGIN {word} without END", f"add ### END {word}")


def misplaced(cell: Cell, word: str) -> Iterator[Problem]:
    """Markers around nothing, or not indented like what they enclose."""
    for (number, text), (_, following) in zip(
        cell.numbered, cell.numbered[1:], strict=False
    ):
        if text.strip() != f"### BEGIN {word}":
            continue
        indent = len(text) - len(text.lstrip())
        if following.strip() == f"### END {word}":
            yield Problem(number, f"{word} markers around nothing", "move them apart")
        elif following.strip() and len(following) - len(following.lstrip()) != indent:
            mend = "indent the marker like the line below it"
            yield Problem(number, f"BEGIN {word} is not indented like its text", mend)


# --- code -----------------------------------------------------------------------------


def code_problems(cell: Cell) -> Iterator[Problem]:
    """A cell, or the stub that students get of it, that is not Python."""
    if cell.markdown:
        return
    try:
        compiled(cell.source)
    except (SyntaxError, ValueError) as error:
        line = cell.line + (getattr(error, "lineno", 0) or 0)
        mend = "correct the line; magics (%, !) are not used in sources"
        yield Problem(line, f"not Python: {getattr(error, 'msg', error)}", mend)
        return
    if cell.role == "exercise" and not parses(stub(cell.source)):
        mend = "let the markers enclose whole statements, indented like them"
        line = next(number for number, text in cell.numbered if "BEGIN SOL" in text)
        yield Problem(line, "what is left for the student does not parse", mend)


def compiled(source: str):
    """The source as code; SyntaxError where Python or a notebook would refuse it."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return compile(source, "cell", "exec", flags, dont_inherit=True)


def parses(source: str) -> bool:
    """Whether this is Python."""
    try:
        compiled(source)
    except (SyntaxError, ValueError):
        return False
    return True


# --- the graded path ------------------------------------------------------------------


def graded_path_problems(cells: list[Cell]) -> Iterator[Problem]:
    """Checks and answers that use a name which a lesson cell, or nobody, defines.

    Setup, exercises and checks must run alone: that is how submissions are graded.
    """
    known = set(dir(builtins)) | {"display", "get_ipython"}
    told = set()
    for cell in cells:
        if cell.role in ("setup", "exercise"):
            known |= defined(cell.source)
        if cell.role not in ("exercise", "check"):
            continue
        names = needed(cell.source) | needed(stub(cell.source))
        for name in sorted(names - known - told):
            told.add(name)
            what = f'{cell.role} "{cell.name}" uses "{name}", which neither it, the '
            what += "setup nor an exercise above defines"
            mend = f"define {name} in the cell itself, or import it in the setup cell"
            yield Problem(line_of_name(cell, name), what, mend)


def defined(source: str) -> set[str]:
    """Names that a cell binds at its top level."""
    symbols = symtable.symtable(source, "cell", "exec").get_symbols()
    return {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}


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
