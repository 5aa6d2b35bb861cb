"""An executed notebook -> nbgrader's gradebook and the autograded/ tree.

nbgrader's own Autograde writes both, so that all its tools go on as usual; only its
Execute is replaced, by one that reads what the sandbox has returned. formgrader and the
commands of nbgrader use it too: there it runs the sandbox itself.
"""

import base64
import json
import logging
import re
import shutil
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry, SubmittedNotebook
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute
from nbgrader.utils import parse_utc
from sqlalchemy.exc import SAWarning, SQLAlchemyError
from traitlets import Unicode
from traitlets.config import Config

from course_lib.build import Unit, nbgrader_config
from course_lib.grading.canaries import is_check
from course_lib.grading.execute import execute, task
from course_lib.grading.marks import Grade
from course_lib.grading.sandbox import Limits
from course_lib.grading.sanitize import Sanitized, Template


class RecordError(Exception):
    """The gradebook cannot be written."""


class SandboxedExecute(Execute):
    """Puts in the outputs that the sandbox returned, or runs the sandbox for them."""

    executed = Unicode(help="The executed notebook; empty to run it now.").tag(
        config=True
    )

    def preprocess(self, nb: NotebookNode, resources: dict, **_) -> tuple:
        if self.executed:
            ran = json.loads(Path(self.executed).read_text(encoding="utf-8"))
        else:
            limits = Limits(cell=self.timeout)
            result = execute(task(nb, {}, limits, hidden=str(Path.cwd())))
            ran = json.loads(result)["notebook"]
        ran = nbformat.from_dict(ran)
        outputs = {cell.id: cell.get("outputs", []) for cell in ran.cells}
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs = outputs.get(cell.id, [])
        return nb, resources


class LastError(logging.Handler):
    """Keeps what the last traceback that was logged says, without its explanations."""

    text = "nbgrader gave no reason"

    def emit(self, record: logging.LogRecord) -> None:
        if "Traceback" in record.getMessage():
            lines = record.getMessage().strip().splitlines()
            frames = [n for n, line in enumerate(lines) if line.startswith("  ")]
            self.text = lines[frames[-1] + 1]


class Register:
    """The gradebook of a course, and the autograded notebooks beside it."""

    def __init__(self, unit: Unit, database: str):
        """database: a URL of SQLAlchemy. Raises RecordError if it does not answer."""
        self.unit, self.database = unit, database
        self.config = nbgrader_config(unit.root)
        self.config.CourseDirectory.root = str(unit.root)
        self.config.CourseDirectory.db_url = database

    def open(self) -> Gradebook:
        """The gradebook, made if there is none yet."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SAWarning)
                return Gradebook(self.database)
        except (SQLAlchemyError, OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise RecordError(f"the gradebook does not open: {reason}") from None

    def convert(self, converter: type, student: str = "*", **folders: str) -> None:
        """Run one of nbgrader's converters; RecordError with the error it only logs."""
        config = Config(self.config)
        config.CourseDirectory.update(folders)
        config.CourseDirectory.assignment_id = self.unit.name
        config.CourseDirectory.student_id = student
        course = CourseDirectory(config=config)
        converter = converter(coursedir=course, config=config, force=True)
        converter.log = logging.Logger("nbgrader")
        converter.log.addHandler(log := LastError())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SAWarning)  # nbgrader's own affair
                converter.start()
        except NbGraderException:
            raise RecordError(log.text) from None

    def enrol(self, template: Template) -> None:
        """Make sure that the gradebook knows the cells of the unit as they are now."""
        if self.knows(template):
            return
        with tempfile.TemporaryDirectory() as folder:
            try:
                self.convert(GenerateAssignment, release_directory=folder)
            except RecordError as error:
                if "Cannot add or remove" not in str(error):
                    raise
                raise RecordError(
                    f"{self.unit.name} has gained or lost a graded cell since the "
                    "first marks; begin another gradebook: --db sqlite:///new.db"
                ) from None

    def knows(self, template: Template) -> bool:
        """Whether text and points of all graded cells stand in the gradebook."""
        ours = {
            cell.id: (cell.source, cell.metadata.nbgrader.get("points"))
            for cell in template.cells
            if "nbgrader" in cell.metadata
        }
        with self.open() as gradebook:
            try:
                notebook = gradebook.find_notebook(self.unit.name, self.unit.name)
            except MissingEntry:
                return False
            points = {cell.name: cell.max_score for cell in notebook.grade_cells}
            known = {
                c.name: (c.source, points.get(c.name)) for c in notebook.source_cells
            }
        return known == ours

    def save(
        self, student: str, sanitized: Sanitized, executed: NotebookNode
    ) -> list[Grade]:
        """Record an executed submission; its grades, messages included."""
        settled = self.settled(student, sanitized.notebook)
        with tempfile.TemporaryDirectory() as folder:
            self.stage(Path(folder), student, sanitized)
            path = Path(folder, "executed.json")
            path.write_text(json.dumps(executed), encoding="utf-8")
            self.config.SandboxedExecute.executed = str(path)
            self.convert(Autograde, student, submitted_directory=folder)
        self.settle(student, settled)
        return self.grades(student, executed)

    def settled(self, student: str, notebook: NotebookNode) -> set[str]:
        """The cells that a human has graded and that stand as they stood then."""
        folder = self.unit.root / "autograded" / student / self.unit.name
        try:
            earlier = nbformat.read(folder / self.unit.student.name, as_version=4)
        except (OSError, ValueError, AttributeError, nbformat.ValidationError):
            return set()
        texts = {cell.id: cell.source for cell in earlier.cells}
        same = {cell.id for cell in notebook.cells if texts.get(cell.id) == cell.source}
        with self.open() as gradebook, suppress(MissingEntry):
            return {
                grade.name
                for grade in self.submitted(gradebook, student).grades
                if grade.manual_score is not None and not grade.needs_manual_grade
            } & same
        return set()

    def settle(self, student: str, names: set[str]) -> None:
        """Keep what a human has graded from waiting for another look.

        nbgrader asks for one whenever a notebook is graded again.
        """
        if not names:
            return
        with self.open() as gradebook:
            for grade in self.submitted(gradebook, student).grades:
                if grade.name in names:
                    grade.needs_manual_grade = False
            gradebook.db.commit()

    def submitted(self, gradebook: Gradebook, student: str) -> SubmittedNotebook:
        """What the gradebook holds of a student's notebook; MissingEntry if nothing."""
        name = self.unit.name
        return gradebook.find_submission_notebook(name, name, student)

    def stage(self, folder: Path, student: str, sanitized: Sanitized) -> None:
        """The sanitized submission where Autograde is told to look for it."""
        target = folder / student / self.unit.name
        target.mkdir(parents=True)
        nbformat.write(sanitized.notebook, target / self.unit.student.name)
        for name, content in sanitized.files.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(base64.b64decode(content))
        stamp = (
            self.unit.root / "submitted" / student / self.unit.name / "timestamp.txt"
        )
        with suppress(OSError, ValueError, OverflowError):  # else it has no date
            if not stamp.is_symlink() and parse_utc(stamp.read_text().strip()):
                shutil.copy(stamp, target)

    def grades(self, student: str, executed: NotebookNode) -> list[Grade]:
        """The grades in the gradebook, with the messages of the checks that failed."""
        names = [
            cell.metadata.nbgrader.grade_id
            for cell in executed.cells
            if cell.metadata.get("nbgrader", {}).get("grade")
        ]
        failures = {c.metadata.nbgrader.grade_id: failure(c) for c in executed.cells
                    if is_check(c)}  # fmt: skip
        with self.open() as gradebook:
            found = {
                grade.name: Grade(
                    grade.name.removeprefix("check_"),
                    grade.score or 0.0,
                    grade.max_score,
                    by_hand=grade.cell_type == "markdown",
                    waiting=bool(grade.needs_manual_grade),
                    message=failures.get(grade.name, ""),
                )
                for grade in self.submitted(gradebook, student).grades
            }
        return [found[name] for name in names]


def failure(cell: NotebookNode) -> str:
    """Why a check failed, in one line; empty where it passed."""
    failed = [o for o in cell.get("outputs", []) if o.output_type == "error"]
    if not failed:
        return ""
    last = failed[-1]
    if last.ename == "TimedOut":
        return f"{last.evalue}; look for a loop that never ends"
    if last.ename == "NotRun":
        return last.evalue
    if last.ename == "NotAnswered":
        return "not answered"
    lines = failed[0].evalue.splitlines()
    text = "; ".join(re.sub(r"^  (seen|expected|look at) +", r"\1: ", x) for x in lines)
    name = failed[0].ename
    return (text if name == "CheckFailed" else f"{name}: {text}")[:500]
