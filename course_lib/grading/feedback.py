"""A page for each student: points, what each check said, and what their code printed.

Nobody reads the hidden checks here: no source of a check is shown, no traceback, and no
line of output that repeats one of theirs (views.py).
"""

from dataclasses import replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.grading import pages
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
from course_lib.grading.views import BROKEN, Lesson, censored, hidden_lines, sections

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
