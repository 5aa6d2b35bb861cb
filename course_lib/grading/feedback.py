"""A page for each student: points, what each check said, and what their code printed.

Nobody reads the hidden checks here: no source of a check is shown, no traceback, and no
line of output that repeats one of theirs.
"""

import base64
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from course_lib.build import Unit
from course_lib.grading import pages
from course_lib.grading.canaries import is_check
from course_lib.grading.execute import PICTURES, is_picture
from course_lib.grading.marks import (
    KILLED,
    MISSING,
    OUT_OF_MEMORY,
    TAMPERED,
    TIMED_OUT,
    UNREADABLE,
    Mark,
)
from course_lib.grading.plan import Desk, RunError
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

LABELS = {TAMPERED: "graded, to be looked at by your teacher"}
ADVICE = {
    TIMED_OUT: "A cell ran for longer than it may. Look for a loop that never ends, or "
    "for work that one array operation could do at once.",
    OUT_OF_MEMORY: "Your notebook asked for more memory than it may have. Look for an "
    "array that is larger than it needs to be, or a list that grows for ever.",
    KILLED: "Your notebook ended before its last cell. Restart the kernel, run all "
    "cells, and look where it stops.",
    UNREADABLE: "Open the file that you handed in with JupyterLab. If it opens, save "
    "it and hand it in once more; if not, begin with a fresh copy of the unit's "
    "notebook and paste your answers into it.",
    MISSING: "Hand in the notebook of this unit. If you have done so already, tell "
    "your teacher: it has not arrived where the grader looks.",
}
BEFORE = "Before the first exercise"

PAGE = """{% extends "layout" %}
{% macro piece(cell) %}
{% if cell.kind == "code" %}
<pre class="code" tabindex="0">{{ cell.source }}</pre>
{% else %}
<pre class="prose">{{ cell.source }}</pre>
{% endif %}
{{ printed(cell.outputs) }}
{% endmacro %}

{% macro printed(outputs) %}
{% for output in outputs %}
{% if output.kind == "picture" %}
<img src="{{ output.content }}" alt="{{ output.alt }}">
{% else %}
<pre class="{{ output.kind }}">{{ output.content }}</pre>
{% endif %}
{% endfor %}
{% endmacro %}

{% block title %}{{ lesson.title }} – {{ mark.student }}{% endblock %}

{% block page %}
<p class="kicker">Feedback · {{ mark.unit }}</p>
<h1>{{ lesson.title }}</h1>
<p>{{ mark.student }}</p>
{% if mark.grades %}
{% set total = mark | points %}
<p class="score">{{ total.score | number }} of {{ total.most | number }} points
{% if total.waiting %}
<small>so far; {{ total.waiting | number }} wait for your teacher</small>
{% endif %}
</p>
{% endif %}
<div class="box {{ "warn" if advice }}">
<p><strong>{{ label[0] | upper }}{{ label[1:] }}</strong>{{ ": " if why }}{{ why }}</p>
{% if advice %}
<p>{{ advice }}</p>
{% endif %}
</div>
{% if mark.grades %}
<h2>Points</h2>
<table>
<thead>
<tr><th scope="col">Exercise</th>
<th scope="col" class="number">Points</th>
<th scope="col">What the check says</th></tr>
</thead>
<tbody>
{% for grade in mark.grades %}
<tr><th scope="row">
{% if grade.name in sections %}
<a href="#{{ grade.name }}">{{ lesson.name(grade.name) }}</a>
{% else %}
{{ lesson.name(grade.name) }}
{% endif %}
</th>
<td class="number">{{ "–" if grade.waiting else grade.score | number }}
of {{ grade.max_score | number }}</td>
<td class="free">
{% if grade.waiting %}
waits for your teacher
{% elif grade.message %}
{{ grade.message }}
{% elif grade.name in sections and not sections[grade.name].answer %}
not answered
{% elif grade.by_hand %}
graded by hand
{% elif grade.score >= grade.max_score %}
<span class="good">✓ right</span>
{% endif %}
</td></tr>
{% endfor %}
</tbody>
</table>
{% endif %}
{% if notes %}
<h2>What was mended before grading</h2>
<ul>
{% for note in notes %}
<li>{{ note }}</li>
{% endfor %}
</ul>
{% endif %}
{% for name, section in sections.items() %}
<section{% if name %} id="{{ name }}"{% endif %}>
<h2>{{ lesson.name(name) }}</h2>
{% if name in comments %}
<div class="box">
<p><strong>Your teacher writes</strong></p>
<p class="lines">{{ comments[name] }}</p>
</div>
{% endif %}
{% if section.answer %}
<h3>Your answer</h3>
{{ piece(section.answer) }}
{% elif name and not section.check %}
<p>Not answered.</p>
{% endif %}
{% if section.check %}
<h3>What the check says</h3>
{{ printed(section.check) }}
{% endif %}
{% for cell in section.own %}
<h3>Your own cell</h3>
{{ piece(cell) }}
{% endfor %}
</section>
{% endfor %}
<footer>
{% if mark.grades %}
Checks that your notebook does not show count too: this page says what they found.
{% endif %}
Written from the mark of {{ mark.time | when }}.
</footer>
{% endblock %}
"""


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


def write_all(desk: Desk, students: list[str] | None) -> list[Path]:
    """Write feedback/<student>/<unit>/<unit>.html for these students, or for everybody.

    Raises RunError where there is no mark to write about.
    """
    marks, comments = pages.marks_of(desk), pages.comments_of(desk)
    unknown = set(students or ()) - set(marks)
    if unknown:
        names, mend = ", ".join(sorted(unknown)), f"course grade {desk.unit.name} first"
        raise RunError(f"there is no mark for {names}; mend: {mend}")
    lesson = Lesson.of(desk.unit)
    written = []
    for student in sorted(set(students or marks)):
        path = pages.feedback_path(desk, student)
        text = page(desk, lesson, marks[student], comments.get(student, {}))
        written.append(pages.write(path, text))
        pages.write_receipt(desk, student, path.parent)
    return written


def page(desk: Desk, lesson: Lesson, mark: Mark, comments: dict[str, str]) -> str:
    """The page of one student."""
    notebook = autograded(desk, mark)
    lesson = replace(lesson, hidden=lesson.hidden | hidden_lines(notebook.cells))
    grades = [
        replace(grade, message=censored(grade.message, lesson.hidden))
        for grade in mark.grades
    ]
    return pages.render(
        PAGE,
        lesson=lesson,
        mark=replace(mark, grades=grades),
        label=LABELS.get(mark.status, mark.status),
        why=censored(reason(mark), lesson.hidden),
        advice=ADVICE.get(mark.status, ""),
        notes=[censored(note, lesson.hidden) for note in mark.notes],
        sections=sections(notebook, lesson),
        comments=comments,
    )


def reason(mark: Mark) -> str:
    """Why a student got a mark, without the advice to the teacher."""
    return mark.why.removesuffix("; ask for the file again")


def autograded(desk: Desk, mark: Mark) -> NotebookNode:
    """What was executed; without cells if nothing was, or if it is gone."""
    folder = desk.unit.root / "autograded" / mark.student / desk.unit.name
    try:
        if mark.grades:
            return nbformat.read(folder / desk.unit.student.name, as_version=4)
    except BROKEN:
        pass
    return nbformat.v4.new_notebook()


# --- what a student may see of an executed notebook -----------------------------------


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
