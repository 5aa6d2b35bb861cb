"""One page for the instructor: who needs a look, how the class fared, every mark."""

import io
from collections import Counter
from csv import writer
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from urllib.parse import quote

from course_lib.grading import pages
from course_lib.grading.marks import (
    CUT_OFF,
    MISSING,
    TAMPERED,
    UNREADABLE,
    Grade,
    Mark,
)
from course_lib.grading.plan import Desk

FAILED = (UNREADABLE, *reversed(CUT_OFF), MISSING)
MOST_FREQUENT = 3  # messages of an exercise
BARS, TALLEST = 10, 110  # of the histogram, in its own units
MIB = 2**20

PAGE = """{% extends "layout" %}
{% block title %}Marks of {{ unit }}{% endblock %}
{% block width %}wide{% endblock %}

{% block page %}
<p class="kicker">Report for instructors · last run {{ last | when }}</p>
<h1>{{ unit }}</h1>
<ul class="counts">
<li><strong>{{ marks | length }}</strong> students</li>
{% for name, count in statuses %}
<li><strong>{{ count }}</strong> {{ name }}</li>
{% endfor %}
<li><strong>{{ waiting }}</strong> to be graded by hand</li>
</ul>

{% if flagged or failed %}
<h2>To be looked at</h2>
{% for mark in flagged %}
<div class="box warn">
<p><strong>{{ mark.student }}</strong>: {{ mark.status }},
{{ (mark | points).score | number }} of {{ (mark | points).most | number }} points.
The evidence proves nothing: read the notebook, then decide.</p>
<ul>
{% for line in mark.evidence %}
<li>{{ line }}</li>
{% endfor %}
</ul>
</div>
{% endfor %}
{% for status, reasons in failed.items() %}
<div class="box bad">
<p><strong>{{ status[0] | upper }}{{ status[1:] }}</strong></p>
<ul>
{% for why, students in reasons.items() %}
<li><strong>{{ students | join(", ") }}</strong>: {{ why }}</li>
{% endfor %}
</ul>
</div>
{% endfor %}
{% endif %}

{% if shares %}
<h2>Distribution of marks</h2>
<p class="note">{{ shares | length }} students with points, those of the answers that
wait for a human left out; mean {{ average }} %, median {{ middle }} %.</p>
<svg viewBox="0 0 360 190" role="img" aria-label="{{ description }}">
<text x="8" y="14">students</text>
{% for bar in bars %}
{% set x = 30 + 32 * loop.index0 %}
{% if bar.count %}
<rect x="{{ x + 2 }}" y="{{ 145 - bar.height }}" width="28" height="{{ bar.height }}"/>
<text x="{{ x + 16 }}" y="{{ 140 - bar.height }}" text-anchor="middle">
{{ bar.count }}</text>
{% endif %}
{% endfor %}
<line x1="30" y1="145" x2="350" y2="145"/>
{% for tick in range(0, 101, 10) %}
{% set x = 30 + 3.2 * tick %}
<line x1="{{ x }}" y1="145" x2="{{ x }}" y2="149"/>
<text x="{{ x }}" y="162" text-anchor="middle">{{ tick }}</text>
{% endfor %}
<text x="190" y="182" text-anchor="middle">share of the points, in %</text>
</svg>
{% endif %}

{% if exercises %}
<h2>Exercises</h2>
<table class="stack">
<thead>
<tr><th scope="col">Exercise</th><th scope="col">Full points</th>
<th scope="col" class="number">Mean</th>
<th scope="col">Most frequent messages</th></tr>
</thead>
<tbody>
{% for exercise in exercises %}
<tr><th scope="row">{{ exercise.name }}</th>
<td>{% if exercise.graded %}
<span class="bar"><span style="width: {{ exercise.rate }}%"></span></span>
{{ exercise.right }} of {{ exercise.graded }} ({{ exercise.rate }}&nbsp;%)
{% endif %}
{% if exercise.waiting %}
<br>{{ exercise.waiting }} to be graded by hand
{% endif %}
</td>
<td class="number" data-label="Mean">
{{ exercise.mean | number if exercise.graded else "–" }}
of {{ exercise.most | number }}</td>
<td>
{% for message, count in exercise.messages %}
<div>{{ count }} × {{ message }}</div>
{% endfor %}
</td></tr>
{% endfor %}
</tbody>
</table>
{% endif %}

<h2>Students</h2>
<div class="scroll" tabindex="0" role="region" aria-label="All students">
<table>
<thead>
<tr><th scope="col">Student</th><th scope="col" class="number">Mark</th>
<th scope="col">Status</th><th scope="col">Why</th>
<th scope="col" class="screen">Feedback</th>
<th scope="col" class="screen">Cells run</th>
<th scope="col" class="screen number">Seconds</th>
<th scope="col" class="screen number">Peak MiB</th>
<th scope="col" class="screen">Sandbox</th></tr>
</thead>
<tbody>
{% for mark in marks %}
{% set total = mark | points %}
<tr><th scope="row">{{ mark.student }}</th>
<td class="number">
{% if mark.grades %}
{{ total.score | number }} of {{ total.most | number }}
{% if total.waiting %}
<br>{{ total.waiting | number }} waiting
{% endif %}
{% else %}
–
{% endif %}
</td>
<td>{{ mark.status }}</td><td class="free">{{ mark.why }}</td>
<td class="screen">
{% if mark.student in links %}
<a href="{{ links[mark.student] }}" aria-label="Feedback of {{ mark.student }}">open</a>
{% endif %}
</td>
{% if mark.sandbox %}
<td class="screen">{{ "all" if mark.full else "graded" }}</td>
<td class="screen number">{{ "%.1f" | format(mark.seconds) }}</td>
<td class="screen number">{{ "%.0f" | format(mark.peak / mib) }}</td>
<td class="screen">{{ mark.sandbox }}</td>
{% else %}
<td class="screen" colspan="4"></td>
{% endif %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
<footer>Points are those of the gradebook when this page was written; answers that wait
for a human count nothing yet.</footer>
{% endblock %}
"""


@dataclass(frozen=True)
class Exercise:
    """How the class fared in one exercise; those who wait are not among the graded."""

    name: str
    most: float
    graded: int
    waiting: int
    right: int
    mean: float
    messages: list[tuple[str, int]]

    @property
    def rate(self) -> int:
        """Percent of those graded who have all points."""
        return round(100 * self.right / self.graded)


@dataclass(frozen=True)
class Bar:
    """One bar of the histogram."""

    count: int
    height: float


def write_all(desk: Desk, *, csv: bool) -> list[Path]:
    """Write report-<unit>.html, and marks-<unit>.csv if asked for.

    Raises RunError where there is no mark to write about.
    """
    marks = list(pages.marks_of(desk).values())
    root, name = desk.unit.root, desk.unit.name
    written = [pages.write(root / f"report-{name}.html", page(desk, marks))]
    if csv:
        rows = table(marks, pages.penalties(desk))
        written.append(pages.write(root / f"marks-{name}.csv", rows))
    return written


def page(desk: Desk, marks: list[Mark]) -> str:
    """The page of the class."""
    shares = [share(mark) for mark in marks if pages.points(mark).so_far]
    return pages.render(
        PAGE,
        unit=desk.unit.name,
        last=max(mark.time for mark in marks),
        marks=marks,
        statuses=Counter(mark.status for mark in marks).most_common(),
        waiting=sum(grade.waiting for mark in marks for grade in mark.grades),
        flagged=[mark for mark in marks if mark.status == TAMPERED],
        failed={status: who for status in FAILED if (who := reasons(marks, status))},
        shares=shares,
        average=round(mean(shares)) if shares else 0,
        middle=round(median(shares)) if shares else 0,
        bars=histogram(shares),
        description=in_words(shares),
        exercises=exercises(marks),
        links=links(desk, marks),
        mib=MIB,
    )


def reasons(marks: list[Mark], status: str) -> dict[str, list[str]]:
    """Why submissions ended like this, and whose."""
    found: dict[str, list[str]] = {}
    for mark in marks:
        if mark.status == status:
            found.setdefault(mark.why, []).append(mark.student)
    return found


def links(desk: Desk, marks: list[Mark]) -> dict[str, str]:
    """Where the feedback of each student lies, if it has been written."""
    paths = {mark.student: pages.feedback_path(desk, mark.student) for mark in marks}
    return {
        student: quote(path.relative_to(desk.unit.root).as_posix())
        for student, path in paths.items()
        if path.is_file()
    }


# --- figures ------------------------------------------------------------------------


def share(mark: Mark) -> float:
    """Percent of the points, out of those that have been given so far."""
    total = pages.points(mark)
    return 100 * total.score / total.so_far


def counts(shares: list[float]) -> list[int]:
    """How many shares fall into each tenth; all points belong to the last one."""
    tenths = Counter(min(int(one * BARS / 100), BARS - 1) for one in shares)
    return [tenths[tenth] for tenth in range(BARS)]


def histogram(shares: list[float]) -> list[Bar]:
    """The bars; the tallest one has the height of the figure."""
    tall = counts(shares)
    return [Bar(count, round(TALLEST * count / max(1, *tall), 1)) for count in tall]


def in_words(shares: list[float]) -> str:
    """The histogram for those who do not see it."""
    parts = [
        f"{count} between {10 * tenth} and {10 * tenth + 10} %"
        for tenth, count in enumerate(counts(shares))
        if count
    ]
    return f"Students by share of the points: {', '.join(parts)}"


def exercises(marks: list[Mark]) -> list[Exercise]:
    """How the class fared in each exercise, in the order of the unit."""
    by_name: dict[str, list[Grade]] = {}
    for mark in marks:
        for grade in mark.grades:
            by_name.setdefault(grade.name, []).append(grade)
    return [exercise(name, grades) for name, grades in by_name.items()]


def exercise(name: str, grades: list[Grade]) -> Exercise:
    """Messages are alike if they name the same failure, whatever numbers were seen."""
    graded = [grade for grade in grades if not grade.waiting]
    messages = Counter(g.message.partition("; seen: ")[0] for g in grades if g.message)
    return Exercise(
        name,
        most=grades[-1].max_score,
        graded=len(graded),
        waiting=len(grades) - len(graded),
        right=sum(grade.score >= grade.max_score for grade in graded),
        mean=mean(grade.score for grade in graded) if graded else 0.0,
        messages=messages.most_common(MOST_FREQUENT),
    )


# --- the table for spreadsheets -----------------------------------------------------


def table(marks: list[Mark], penalties: dict[str, float]) -> str:
    """CSV, one line a student; empty where there are no points yet.

    The score is what was earned; what lateness costs stands in a column of its own.
    """
    names = list(dict.fromkeys(g.name for mark in marks for g in mark.grades))
    costs = ["late_penalty", "seconds", "peak_mib", "sandbox", "why"]
    rows = [["student", "status", "score", "max_score", *names, *costs]]
    for mark in marks:
        total, known = pages.points(mark), {g.name: g for g in mark.grades}
        given = [known.get(name) for name in names]
        rows.append(
            [
                *(mark.student, mark.status),
                *((total.score, total.most) if mark.grades else ("", "")),
                *("" if g is None or g.waiting else g.score for g in given),
                penalties.get(mark.student, 0.0) if mark.grades else "",
                *((mark.seconds, round(mark.peak / MIB)) if mark.sandbox else ("", "")),
                *(mark.sandbox, mark.why),
            ]
        )
    file = io.StringIO()
    writer(file).writerows([cell(value) for value in row] for row in rows)
    return file.getvalue()


def cell(value: str | float) -> str:
    """A cell that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return pages.number(value)
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
