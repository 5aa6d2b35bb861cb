"""One class in one folder: release, submissions, marks and feedback of nbgrader.

classroom = Classroom(folder, unit)       registers the unit in a fresh gradebook
classroom.submit("ada", notebook)         a file in nbgrader's submitted/ tree
classroom.grade("ada")                    -> Mark
classroom.feedback("ada")                 -> an HTML file
"""

import json
import logging
import re
import shutil
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

from course_lib.build import Unit, nbgrader_config
from course_lib.grading import hooks

TIMED_OUT = "CellTimeoutError"


class Unreadable(ValueError):
    """A submission that is no notebook."""


@dataclass(frozen=True)
class Grade:
    """What one graded cell got, and why it lost points."""

    name: str
    score: float
    max_score: float
    by_hand: bool = False
    waiting: bool = False  # for a human
    message: str = ""


@dataclass(frozen=True)
class Mark:
    """How one submission fared: `graded`, `timed out` or `unreadable`, and why."""

    student: str
    status: str
    why: str
    grades: list[Grade] = field(default_factory=list)

    @property
    def score(self) -> float:
        """Points of the autograded cells."""
        return sum(grade.score for grade in self.grades if not grade.by_hand)

    @property
    def max_score(self) -> float:
        """Most points that the autograded cells can give."""
        return sum(grade.max_score for grade in self.grades if not grade.by_hand)


class LastError(logging.Handler):
    """Keeps the last line of the last traceback that was logged."""

    text = "nbgrader gave no reason"

    def emit(self, record: logging.LogRecord) -> None:
        if "Traceback" in record.getMessage():
            self.text = record.getMessage().strip().splitlines()[-1]


class Classroom:
    """A class that works on one unit, in a folder of its own."""

    def __init__(self, folder: Path, unit: Unit, *, cell_timeout: int = 120):
        """Register the unit in the gradebook of the folder.

        cell_timeout: seconds that one cell of a submission may take.
        """
        self.folder, self.unit = folder, unit
        self.config = nbgrader_config(unit.root)
        self.config.CourseDirectory.root = str(folder)
        self.config.CourseDirectory.db_url = f"sqlite:///{folder / 'gradebook.db'}"
        self.config.Execute.timeout = cell_timeout
        released = nbformat.read(unit.student, as_version=4)
        self.released = {cell.id: cell.source for cell in released.cells}
        self.config.Execute.on_notebook_start = hooks.graded_path(released)
        source = folder / "solutions" / unit.name / unit.solution.name
        source.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(unit.solution, source)
        self.run(GenerateAssignment, force=True)

    def run(self, converter: type, student: str = "*", *, force: bool) -> None:
        """Run one of nbgrader's converters for one student.

        Raises NbGraderException with the error that nbgrader only logs.
        """
        config = Config(self.config)
        config.CourseDirectory.assignment_id = self.unit.name
        config.CourseDirectory.student_id = student
        converter = converter(
            coursedir=CourseDirectory(config=config), config=config, force=force
        )
        converter.log = logging.Logger("nbgrader")
        converter.log.addHandler(log := LastError())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SAWarning)  # nbgrader's own affair
                converter.start()
        except NbGraderException:
            raise NbGraderException(log.text) from None

    def path(self, step: str, student: str, suffix: str = ".ipynb") -> Path:
        """Where nbgrader keeps a student's notebook at a step (submitted, …)."""
        name = self.unit.name
        return self.folder / step / student / name / f"{name}{suffix}"

    def submit(self, student: str, notebook: NotebookNode | str) -> None:
        """Put a submission, a notebook or the text of a file, where nbgrader looks."""
        text = notebook if isinstance(notebook, str) else nbformat.writes(notebook)
        path = self.path("submitted", student)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def grade(self, student: str) -> Mark:
        """Autograde one submission; whatever is wrong with it ends as a Mark."""
        try:
            read_notebook(self.path("submitted", student))
            self.run(Autograde, student, force=True)
            executed = nbformat.read(self.path("autograded", student), as_version=4)
        except Unreadable as error:
            return Mark(student, "unreadable", f"{error}: ask for the file again")
        except NbGraderException as error:
            return Mark(student, "unreadable", f"nbgrader could not grade it: {error}")
        grades = self.read_grades(student, executed)
        late = any(grade.message.startswith("timed out") for grade in grades)
        why = self.reason(executed, grades)
        return Mark(student, "timed out" if late else "graded", why, grades)

    def read_grades(self, student: str, executed: NotebookNode) -> list[Grade]:
        """The grades in the gradebook, with the messages of the checks that failed."""
        cells = {c.metadata.nbgrader.grade_id: c for c in graded_cells(executed)}
        with Gradebook(self.config.CourseDirectory.db_url) as gradebook:
            submission = gradebook.find_submission_notebook(
                self.unit.name, self.unit.name, student
            )
            return sorted(
                (
                    Grade(
                        grade.name.removeprefix("check_"),
                        grade.score or 0.0,
                        grade.max_score,
                        by_hand=grade.cell_type == "markdown",
                        waiting=bool(grade.needs_manual_grade),
                        message=failure(cells[grade.name], self.timeout),
                    )
                    for grade in submission.grades
                ),
                key=lambda grade: list(cells).index(
                    grade.name if grade.by_hand else f"check_{grade.name}"
                ),
            )

    @property
    def timeout(self) -> int:
        """Seconds that one cell may take."""
        return self.config.Execute.timeout

    def reason(self, executed: NotebookNode, grades: list[Grade]) -> str:
        """One line on how the mark came about."""
        answers = [
            cell
            for cell in executed.cells
            if cell.cell_type == "code"
            and cell.metadata.get("nbgrader", {}).get("solution")
        ]
        if all(self.released.get(cell.id) == cell.source for cell in answers):
            return "no exercise was answered"
        lost = [grade for grade in grades if grade.message and not grade.by_hand]
        if not lost:
            return f"all {len(answers)} exercises are right"
        more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
        return f"{lost[0].name}: {lost[0].message}{more}"

    def feedback(self, student: str) -> Path:
        """Write nbgrader's feedback page of a graded submission."""
        self.run(GenerateFeedback, student, force=True)
        return self.path("feedback", student, ".html")


def read_notebook(path: Path) -> NotebookNode:
    """A submitted notebook; Unreadable, with the reason, if it is none."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Unreadable(f"{path.name} is missing") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{path.name} is no text file") from None
    except json.JSONDecodeError as error:
        what = "is empty" if path.stat().st_size == 0 else "breaks off or is damaged"
        raise Unreadable(f"{path.name} {what} (line {error.lineno})") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise Unreadable(f"{path.name} is no notebook of format 4")
    return nbformat.from_dict(notebook)


def graded_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that carry points."""
    return [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]


def failure(cell: NotebookNode, timeout: int) -> str:
    """Why a check failed, in one line; empty where it passed."""
    failed = [o for o in cell.get("outputs", []) if o.output_type == "error"]
    if not failed:
        return ""
    names = [output.ename for output in failed]
    if TIMED_OUT in names:
        return f"timed out after {timeout} s; look for a loop that never ends"
    if names[0] == "NotAnswered":
        return "not answered"
    lines = failed[0].evalue.splitlines()
    text = "; ".join(re.sub(r"^  (seen|expected|look at) +", r"\1: ", x) for x in lines)
    return text if names[0] == "CheckFailed" else f"{names[0]}: {text}"
