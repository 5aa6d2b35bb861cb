"""Source -> executed solution and student notebook.

solutions/<unit>/<unit>.py  ->  solutions/<unit>/<unit>.ipynb   executed
                                notebooks/<unit>/<unit>.ipynb   for students
"""

import hashlib
import itertools
import logging
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib import source
from course_lib.compare import differences

CELL_TIMEOUT = 300  # seconds
LARGEST_SOLUTION = 600_000  # bytes
STRICT = {"COURSE_STRICT_FIGURES": "1"}  # an illegible figure is an error
QUIET_KERNEL = ["--IPKernelApp.log_level=ERROR"]  # it would warn about its transport
METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"file_extension": ".py", "name": "python"},
}


class BuildError(Exception):
    """A unit that cannot be built, or products that do not match their source."""


@dataclass(frozen=True)
class Unit:
    """The files of one unit of the course at `root`."""

    root: Path
    name: str

    @property
    def source(self) -> Path:
        return self.root / "solutions" / self.name / f"{self.name}.py"

    @property
    def solution(self) -> Path:
        return self.source.with_suffix(".ipynb")

    @property
    def student(self) -> Path:
        return self.root / "notebooks" / self.name / f"{self.name}.ipynb"


def course_root() -> Path:
    """The nearest folder upwards that holds a course; BuildError without one."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "nbgrader_config.py").is_file():
            return folder
    raise BuildError(f"{here} is in no course: go to the folder with the README")


def find_units(root: Path, names: list[str] | None = None) -> list[Unit]:
    """The named units, or all of them in reading order.

    A name may be shortened as long as it stays unique: 01 for 01_pca_autoencoder.
    """
    known = sorted(
        path.stem
        for path in (root / "solutions").glob("*/*.py")
        if path.stem == path.parent.name
    )
    if not known:
        raise BuildError(f"{root / 'solutions'} holds no <unit>/<unit>.py")
    chosen = []
    for name in names or known:
        matches = [unit for unit in known if unit == name] or [
            unit for unit in known if unit.startswith(name)
        ]
        if len(matches) != 1:
            what = "is not unique" if matches else "is no unit"
            raise BuildError(f"{name!r} {what}; the units are: {', '.join(known)}")
        chosen.append(Unit(root, matches[0]))
    return list(dict.fromkeys(chosen))


# --- cells ----------------------------------------------------------------------------


def solution_notebook(cells: list[source.Cell]) -> NotebookNode:
    """The unexecuted solution: nbgrader's metadata, and ids that never change."""
    notebook = nbformat.v4.new_notebook(metadata=METADATA)
    seen: Counter[str] = Counter()
    for cell in cells:
        v4 = nbformat.v4
        make = v4.new_markdown_cell if cell.markdown else v4.new_code_cell
        node = make(cell.source)
        node.metadata = nbformat.from_dict(nbgrader_metadata(cell))
        node.id = cell_id(cell)
        seen[node.id] += 1
        if seen[node.id] > 1:  # the same text twice
            node.id += f"-{seen[node.id]}"
        notebook.cells.append(node)
    return notebook


def cell_id(cell: source.Cell) -> str:
    """The grade id of a graded cell, else a digest of its text."""
    return cell.grade_id or hashlib.sha256(cell.source.encode()).hexdigest()[:12]


def nbgrader_metadata(cell: source.Cell) -> dict:
    """nbgrader's schema 3 for a tagged cell; empty for a lesson cell."""
    flags = {  # role: (grade, solution, locked)
        "setup": (False, False, True),
        "exercise": (False, True, False),
        "check": (True, False, True),
        "question": (True, True, False),
    }
    if cell.role not in flags:
        return {}
    grade, solution, locked = flags[cell.role]
    metadata = {
        "schema_version": 3,
        "cell_type": "markdown" if cell.markdown else "code",
        "grade_id": cell.grade_id,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,
    }
    return {"nbgrader": metadata | ({"points": cell.points} if grade else {})}


def student_notebook(unit: Unit, solution: NotebookNode) -> NotebookNode:
    """The student version, made by nbgrader's own converter."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory

    with tempfile.TemporaryDirectory() as folder:
        copy = Unit(Path(folder), unit.name)
        copy.solution.parent.mkdir(parents=True)
        nbformat.write(solution, copy.solution)
        config = nbgrader_config(unit.root)
        config.CourseDirectory.root = folder
        config.CourseDirectory.assignment_id = unit.name
        config.SaveCells.enabled = False
        config.GenerateAssignment.no_database = True
        course = CourseDirectory(config=config)
        GenerateAssignment(coursedir=course, config=config).start()
        return nbformat.read(copy.student, as_version=4)


def nbgrader_config(root: Path):
    """nbgrader's settings for the course, quiet on the console."""
    from traitlets.config import PyFileConfigLoader

    logging.getLogger("traitlets").setLevel(logging.CRITICAL)
    return PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()


# --- execution ------------------------------------------------------------------------


def execute(unit: Unit, notebook: NotebookNode, cells: list[source.Cell]) -> None:
    """Run a notebook in an empty folder; BuildError names the line that failed.

    cells: those of the source that the notebook's cells were made from, one each.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import (
        CellExecutionError,
        CellTimeoutError,
        DeadKernelError,
    )

    running = {}
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            extra_arguments=QUIET_KERNEL,
            record_timing=False,
            coalesce_streams=True,
            on_cell_start=lambda cell, cell_index: running.update(index=cell_index),
        )
        try:
            client.execute(env=os.environ | STRICT)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            index = running["index"]
            broken = cells[index], notebook.cells[index], error
            raise BuildError(complaint(unit, *broken)) from None
    for cell, node in zip(cells, notebook.cells, strict=True):
        if errors(node):  # of something that cannot be shown; the cell itself goes on
            raise BuildError(complaint(unit, cell, node, None))
    notebook.metadata = nbformat.from_dict(METADATA)


def complaint(
    unit: Unit, cell: source.Cell, node: NotebookNode, error: Exception | None
) -> str:
    """What an author reads on a cell that failed."""
    line, reason = failure(cell, node, error)
    mend = f"correct the cell, then course build {unit.name}"
    return f"{unit.source}:{line}: the cell fails: {reason}\n    mend: {mend}"


def errors(node: NotebookNode) -> list[NotebookNode]:
    """The outputs of a cell that are errors."""
    return [o for o in node.get("outputs", []) if o.output_type == "error"]


def failure(
    cell: source.Cell, node: NotebookNode, error: Exception | None
) -> tuple[int, str]:
    """Line of the source on which a cell failed, and the error without its colours.

    A check that failed has no traceback: its line is that of its header.
    """
    outputs = errors(node)
    if not outputs:
        return cell.line, str(error).strip().splitlines()[-1]
    trace = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(outputs[0].traceback))
    found = re.search(r"(?:Cell In\[\d+\]|<cell>), line (\d+)", trace)
    line = cell.line + (int(found[1]) if found else 0)
    return line, f"{outputs[0].ename}: {outputs[0].evalue}"


def graded_path(solution: NotebookNode) -> NotebookNode:
    """Setup, exercises and checks of a solution alone: what a grader runs first.

    The other cells stay, as Markdown, so that each keeps its place.
    """
    notebook = nbformat.v4.new_notebook(metadata=METADATA)
    for cell in solution.cells:
        runs = cell.cell_type == "code" and "nbgrader" in cell.metadata
        other = nbformat.v4.new_markdown_cell(cell.source)
        notebook.cells.append(nbformat.from_dict(cell) if runs else other)
    return notebook


# --- products -------------------------------------------------------------------------


def build(unit: Unit, *, force: bool = False) -> bool:
    """Make both products of a unit unless they match its source; whether it did.

    Raises source.SourceError or BuildError, and then leaves the products alone.
    """
    cells = source.read(unit.source)
    solution = solution_notebook(cells)
    student = student_notebook(unit, solution)
    if not force and first_difference(unit, solution, student) is None:
        return False
    execute(unit, graded_path(solution), cells)
    execute(unit, solution, cells)
    size = len(nbformat.writes(solution).encode())
    if size > LARGEST_SOLUTION:
        largest = max(solution.cells, key=lambda cell: len(str(cell.get("outputs"))))
        raise BuildError(
            f"{unit.solution} would have {size / 1e3:.0f} kB, more than "
            f"{LARGEST_SOLUTION / 1e3:.0f}: draw or print less, most of all in the "
            f"cell that begins {largest.source.splitlines()[0]!r}"
        )
    write(student, unit.student)
    write(solution, unit.solution)
    return True


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook so that a reader finds the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    nbformat.write(notebook, part)
    os.replace(part, path)


def build_all(units: list[Unit], *, force: bool) -> Iterator[tuple[Unit, bool | str]]:
    """Build units side by side; yields each with whether it was built, or its error."""
    workers = max(1, min(len(units), os.cpu_count() or 1))
    with ProcessPoolExecutor(workers) as pool:
        jobs = {pool.submit(attempt, build, unit, force=force): unit for unit in units}
        for job in as_completed(jobs):
            yield jobs[job], job.result()


def attempt(action: Callable, unit: Unit, **options: bool) -> bool | str | None:
    """What build or check returns, or, as a text, what went wrong."""
    try:
        return action(unit, **options)
    except (BuildError, source.SourceError) as error:
        return str(error)
    except Exception as error:
        return f"{unit.source}: {type(error).__name__}: {error}"


def check(unit: Unit) -> None:
    """Prove that the committed products match the source; BuildError if not."""
    solution = solution_notebook(source.read(unit.source))
    student = student_notebook(unit, solution)
    difference = first_difference(unit, solution, student)
    if difference is not None:
        mend = f"carry what should stay into {unit.source.name}, then "
        raise BuildError(f"{difference}\n    mend: {mend}course build {unit.name}")


def first_difference(
    unit: Unit, solution: NotebookNode, student: NotebookNode
) -> str | None:
    """How the committed products first differ from fresh ones; None if they match."""
    found = itertools.chain(
        differences(unit.solution, solution, executed=True),
        differences(unit.student, student, executed=False),
    )
    return next(found, None)
