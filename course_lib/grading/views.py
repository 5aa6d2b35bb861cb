"""What students may see of an executed notebook: no line of a hidden check."""

import base64
import re
from dataclasses import dataclass, field
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from course_lib.build import Unit
from course_lib.grading.canaries import is_check
from course_lib.grading.outputs import PICTURES, is_picture
from course_lib.grading.plan import RunError
from course_lib.grading.sanitize import Template, is_solution

SHORTEST = 15  # characters; a shorter line of a hidden check gives nothing away
WITHHELD = "[a line of the grader's own check]"
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS(.*?)### END HIDDEN TESTS", re.S)
HEADING = re.compile(r"^#+ +(.+)$", re.M)
ANSI = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.?)")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
SPOKEN = ("CheckFailed", "NotAnswered", "NotRun", "TimedOut")  # need no name before

# what nbformat raises on a file that is no notebook
BROKEN = (OSError, ValueError, KeyError, AttributeError, nbformat.ValidationError)
BEFORE = "Before the first exercise"


class Output(NamedTuple):
    """Something that a cell has put out: "text", "error" or "picture"."""

    kind: str
    content: str
    alt: str = ""


@dataclass(frozen=True)
class Piece:
    """A cell of the student's: "code" or "prose"."""

    kind: str
    source: str
    outputs: list[Output]


@dataclass
class Section:
    """An exercise: the answer if there is one, the check, the student's cells after."""

    answer: Piece | None = None
    check: list[Output] = field(default_factory=list)
    own: list[Piece] = field(default_factory=list)


@dataclass(frozen=True)
class Lesson:
    """A unit as its students know it, and the lines that they must not know.

    titles: the heading above each graded cell. released: id and text of every cell.
    """

    title: str
    titles: dict[str, str]
    released: set[tuple[str, str]]
    hidden: set[str]

    @classmethod
    def of(cls, unit: Unit) -> "Lesson":
        """What the grader knows of a unit; RunError if a product is damaged."""
        try:
            template = Template.of(unit)
        except BROKEN:
            mend = f"course build {unit.name}"
            raise RunError(f"{unit.name} is missing or damaged; mend: {mend}") from None
        headings, titles = [unit.name], {"": BEFORE}
        for cell in template.cells:
            if "nbgrader" in cell.metadata:
                titles[cell.metadata.nbgrader.grade_id] = headings[-1]
            elif cell.cell_type == "markdown":
                headings += HEADING.findall(cell.source)
        released = {(name, text.strip()) for name, text in template.released.items()}
        return cls(headings[:2][-1], titles, released, hidden_lines(template.cells))

    def name(self, exercise: str) -> str:
        """The heading of an exercise."""
        return self.titles.get(exercise, exercise)


def hidden_lines(cells: list[NotebookNode]) -> set[str]:
    """The lines of the hidden checks, squeezed, but for those that say nothing."""
    return {
        squeezed(line)
        for cell in cells
        if is_check(cell)
        for block in HIDDEN.findall(cell.source)
        for line in block.splitlines()
        if len(line.strip()) > SHORTEST
    }


def squeezed(line: str) -> str:
    """A line as it may be recognised in a repr or with another indent."""
    return re.sub(r"[\s\\]", "", line)


def sections(notebook: NotebookNode, lesson: Lesson) -> dict[str, Section]:
    """The student's work by exercise; the first one holds what stands before them."""
    found = {"": Section()}
    for cell in notebook.cells:
        ours = cell.metadata.get("nbgrader", {})
        theirs = (cell.get("id"), cell.source.strip()) not in lesson.released
        last = found[next(reversed(found))]
        if is_solution(cell):
            answer = piece(cell, lesson.hidden) if theirs else None
            found[ours["grade_id"]] = Section(answer)
        elif is_check(cell):
            last.check += outputs(cell, lesson.hidden)
        elif theirs and not ours:
            last.own.append(piece(cell, lesson.hidden))
    return found if found[""].own else dict(list(found.items())[1:])


def piece(cell: NotebookNode, hidden: set[str]) -> Piece:
    """A cell of the student's, with what it put out."""
    kind = "code" if cell.cell_type == "code" else "prose"
    return Piece(kind, cell.source, outputs(cell, hidden))


def outputs(cell: NotebookNode, hidden: set[str]) -> list[Output]:
    """Text, pictures, and errors without their tracebacks; nothing else."""
    found = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if output.output_type == "error":
            named = "" if output.ename in SPOKEN else f"{output.ename}: "
            found.append(Output("error", censored(named + output.evalue, hidden)))
        elif source := picture(data):
            found.append(Output("picture", source, censored(said(data), hidden)))
        elif text := output.get("text") or data.get("text/plain"):
            found.append(Output("text", censored(str(text), hidden)))
    return found


def picture(data: dict) -> str:
    """A data: URI of the picture in an output, encoded anew; empty without one."""
    for mime in PICTURES:
        if is_picture(mime, data.get(mime)):
            content = base64.b64encode(base64.b64decode(data[mime])).decode()
            return f"data:{mime};base64,{content}"
    return ""


def said(data: dict) -> str:
    """The alternative text of a picture, which the course's own figures bring."""
    mark, _, text = str(data.get("text/plain")).partition("[figure] ")
    return "A figure that this cell has drawn" if mark or not text else text


def censored(text: str, hidden: set[str]) -> str:
    """Plain text as a terminal would leave it, without a line of a hidden check."""
    text = CONTROL.sub("", ANSI.sub("", text).replace("\r\n", "\n"))
    lines = (line.rpartition("\r")[2] for line in text.rstrip().split("\n"))
    return "\n".join(WITHHELD if repeats(line, hidden) else line for line in lines)


def repeats(line: str, hidden: set[str]) -> bool:
    """Whether a line holds one of a hidden check."""
    flat = squeezed(line)
    return any(one in flat for one in hidden)
