"""What the pages of students and of instructors share: marks, look, and safety.

Whatever stands on a page was written by a student or came out of their code. It is
escaped, no page holds a script, and a policy forbids the browser to run or to load any.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from jinja2 import DictLoader, Environment, StrictUndefined, Template
from nbgrader import api

from course_lib.grading import submissions
from course_lib.grading.marks import Mark
from course_lib.grading.plan import Desk, RunError
from course_lib.grading.record import RecordError, Register

RECEIPT = ("timestamp.txt", "submission_secret.txt")
LONGEST_RECEIPT = 1000  # characters

LAYOUT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% block title %}{% endblock %}</title>
<style>{% include 'style' %}</style>
</head>
<body>
<main class="{% block width %}{% endblock %}">
{% block page %}{% endblock %}
</main>
</body>
</html>
"""

STYLE = """
:root { color-scheme: light; --ink: #1c2733; --soft: #51606f; --line: #d5dde4;
  --sea: #0076ae; --pale: #f2f6f9; --good: #1b5747; --bad: #c1421b; --warn: #512800; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
main { max-width: 50rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
main.wide { max-width: 72rem; }
h1, h2, h3 { line-height: 1.25; text-wrap: balance; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: .9rem; margin: 1.25rem 0 .4rem; color: var(--soft); }
p { margin: .5rem 0; overflow-wrap: anywhere; }
a { color: var(--sea); }
.kicker, .note, footer { color: var(--soft); font-size: .9rem; margin: 0; }
footer { margin-top: 3rem; padding-top: .75rem; border-top: 1px solid var(--line); }
.score { font-size: 1.5rem; font-weight: 650; margin: 1rem 0 0; }
.score small { font-size: 1rem; font-weight: 400; color: var(--soft); }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.box { background: var(--pale); border-left: .25rem solid var(--sea);
  padding: .6rem 1rem; margin: 1rem 0; }
.box.bad, .box.warn { border-color: currentColor; }
.box > * { color: var(--ink); } .box p, .box ul { margin: .2rem 0; }
.counts { display: flex; flex-wrap: wrap; gap: .5rem; padding: 0; list-style: none; }
.counts li { background: var(--pale); border-radius: .3rem; padding: .4rem .8rem; }
.counts strong { font-size: 1.25rem; margin-right: .25rem; }
.scroll { overflow-x: auto; } .scroll table { min-width: 56rem; }
.scroll tbody th { min-width: 7rem; }
.bar { display: block; width: 100%; max-width: 9rem; min-width: 4rem; height: .5rem;
  background: var(--line); margin: .4rem 0 .2rem; }
.bar span { display: block; height: 100%; background: var(--sea); }
svg { display: block; width: 100%; max-width: 32rem; height: auto; }
svg text { fill: var(--ink); font-size: 11px; } svg rect { fill: var(--sea); }
svg line { stroke: var(--soft); }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
caption { text-align: left; color: var(--soft); font-size: .9rem; padding: 0 0 .4rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .75rem .45rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
th:last-child, td:last-child { padding-right: 0; } td.free { overflow-wrap: anywhere; }
thead th { color: var(--soft); font-size: .85rem; }
tbody th { font-weight: 500; } tfoot * { font-weight: 650; border-bottom: 0; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
ul { padding-left: 1.2rem; } li { overflow-wrap: anywhere; }
pre { font: .85rem/1.5 ui-monospace, "SF Mono", Consolas, "Liberation Mono", monospace;
  margin: 0 0 .5rem; padding: .6rem .8rem; border: 1px solid var(--line);
  border-radius: .3rem; overflow-x: auto; tab-size: 4; }
pre.code { background: var(--pale); }
pre.text, pre.error { white-space: pre-wrap; overflow-wrap: anywhere; }
pre.error { color: var(--bad); border-left: .25rem solid var(--bad); }
pre.prose { font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; }
.lines { white-space: pre-line; }
img { display: block; max-width: 100%; height: auto; margin: 0 0 .5rem; }
@media (max-width: 34rem) {
  main { padding: 1.25rem 1rem 2rem; } h1 { font-size: 1.45rem; }
  .stack thead { display: none; } .stack :is(tr, th, td) { display: block; }
  .stack :is(th, td) { border: 0; padding: 0; text-align: left; }
  .stack tr { border-top: 1px solid var(--line); padding: .6rem 0; }
  .stack td[data-label]::before { content: attr(data-label) " "; color: var(--soft); }
}
@media print {
  body { font-size: 10pt; } main { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; } tr, img, svg, .box { break-inside: avoid; }
  .screen { display: none; } .scroll { overflow: visible; }
  table, .scroll table { min-width: 0; font-size: 9pt; }
  pre { white-space: pre-wrap; font-size: 8pt; }
  .bar, .bar span { print-color-adjust: exact; }
}
"""


class Points(NamedTuple):
    """Points, the most that could be had so far, and those that wait for a human."""

    score: float
    so_far: float
    waiting: float

    @property
    def most(self) -> float:
        """All points of the unit."""
        return self.so_far + self.waiting


def points(mark: Mark) -> Points:
    """The points of all exercises, those graded by hand included."""
    graded = [grade for grade in mark.grades if not grade.waiting]
    return Points(
        score=sum(grade.score for grade in graded),
        so_far=sum(grade.max_score for grade in graded),
        waiting=sum(grade.max_score for grade in mark.grades if grade.waiting),
    )


def number(value: float) -> str:
    """Points without needless digits."""
    return f"{round(value, 2):g}"


def when(time: str) -> str:
    """A time of the log as people read it."""
    return time.replace("T", " ").replace("Z", " UTC")


# --- the marks as they stand ----------------------------------------------------------


def marks_of(desk: Desk) -> dict[str, Mark]:
    """The latest mark of each student, with the points that the gradebook holds now.

    A human may have graded since, or changed a point. RunError if there is no mark.
    """
    latest = desk.ledger.latest(desk.unit.name)
    if not latest:
        name = desk.unit.name
        raise RunError(f"{name} has no marks yet; mend: course grade {name} first")
    now = ask(desk, api.Grade, api.Grade.score, api.Grade.needs_manual_grade)
    return {student: refreshed(latest[student], now) for student in sorted(latest)}


def refreshed(mark: Mark, now: dict[tuple[str, str], tuple]) -> Mark:
    """A mark with the points of the gradebook, for all exercises that it knows."""
    grades = []
    for grade in mark.grades:
        known = mark.student, grade.name
        score, waiting = now.get(known, (grade.score, grade.waiting))
        grades.append(replace(grade, score=score, waiting=waiting))
    return replace(mark, grades=grades)


def comments_of(desk: Desk) -> dict[str, dict[str, str]]:
    """What the teacher has written, by student and exercise."""
    comments: dict[str, dict[str, str]] = {}
    found = ask(desk, api.Comment, api.Comment.manual_comment)
    for (student, exercise), (text,) in found.items():
        if text:
            comments.setdefault(student, {})[exercise] = text
    return comments


def penalties(desk: Desk) -> dict[str, float]:
    """What nbgrader takes off for lateness, by student."""
    submission = api.SubmittedAssignment
    columns = submission.student_id, submission.late_submission_penalty
    rows = of_unit(desk, lambda gradebook: gradebook.query(*columns))
    return {student: penalty or 0.0 for student, penalty in rows}


def ask(desk: Desk, table: type[api.Base], *columns) -> dict[tuple[str, str], tuple]:
    """Columns of a table of the gradebook, by student and exercise of the unit."""

    def query(gradebook):
        names = api.SubmittedAssignment.student_id, api.BaseCell.name
        wanted = gradebook.query(*names, *columns).select_from(table)
        wanted = wanted.join(table.cell).join(table.notebook)
        return wanted.join(api.SubmittedNotebook.assignment)

    return {
        (student, name.removeprefix("check_")): tuple(values)
        for student, name, *values in of_unit(desk, query)
    }


def of_unit(desk: Desk, query: Callable) -> list[tuple]:
    """The rows of a query on the gradebook's submissions that belong to the unit."""
    if desk.sqlite and not desk.sqlite.exists():
        return []  # to open it would make one
    try:
        gradebook = Register(desk.unit, desk.database).open()
    except RecordError as error:
        raise RunError(str(error)) from None
    with gradebook:
        rows = query(gradebook.db).join(api.SubmittedAssignment.assignment)
        return rows.filter(api.Assignment.name == desk.unit.name).all()


# --- writing --------------------------------------------------------------------------


def render(template: str, **values: object) -> str:
    """A page from a template that extends the layout; every value is escaped."""
    return compiled(template).render(values)


@cache
def compiled(template: str) -> Template:
    """A template that may be rendered for many students."""
    environment = Environment(
        autoescape=True,
        loader=DictLoader({"layout": LAYOUT, "style": STYLE, "page": template}),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "points": points, "when": when}
    return environment.get_template("page")


def write(path: Path, text: str) -> Path:
    """Put a file into place at once: whoever reads it finds the old one or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(text.encode("utf-8", "replace"))
    os.replace(part, path)
    return path


def write_receipt(desk: Desk, student: str, folder: Path) -> None:
    """The files that `nbgrader release_feedback` wants beside a page.

    The exchange gave them to a submission; who handed in elsewhere gets some that open
    nothing, for without any nbgrader would release no page at all.
    """
    submitted = submissions.folder_of(desk.unit, student)
    for name in RECEIPT:
        try:
            with open(submitted / name, opener=no_link, errors="replace") as file:
                text = file.read(LONGEST_RECEIPT)
        except OSError:
            text = uuid4().hex
        write(folder / name, text)


def no_link(path: str, flags: int) -> int:
    """Opens a file of a student, but not what a link leads to."""
    return os.open(path, flags | os.O_NOFOLLOW)


def feedback_path(desk: Desk, student: str) -> Path:
    """Where the page of a student lies; RunError for a name that leaves the folder."""
    if student in ("", ".", "..") or Path(student).name != student:
        raise RunError(
            f"{student!r} can be no folder; mend: give the student another id"
        )
    name = desk.unit.name
    return desk.unit.root / "feedback" / student / name / f"{name}.html"
