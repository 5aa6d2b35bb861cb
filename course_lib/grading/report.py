"""One page for the instructor: every student's mark, and what went wrong how often."""

import csv
from collections import Counter
from pathlib import Path

from jinja2 import Environment

from course_lib.grading.classroom import Classroom, Mark

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Marks of {{ unit }}</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;
         padding: 0 1rem; color: #1a1a1a; }
  table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
  th, td { text-align: left; padding: .4rem .8rem; border-bottom: 1px solid #ddd;
           vertical-align: top; }
  td.number { text-align: right; white-space: nowrap; }
  meter { width: 10rem; }
</style>
<h1>{{ unit }}</h1>
<p>{{ marks | length }} submissions.
{{ waiting }} to be graded by hand.</p>
<h2>Students</h2>
<table>
<tr><th>Student<th>Mark<th>Status<th>Why<th>Feedback</tr>
{% for mark in marks %}
<tr><td>{{ mark.student }}
<td class="number">{% if mark.grades %}{{ "%g" | format(mark.score) }} /
{{ "%g" | format(mark.max_score) }}{% else %}–{% endif %}
<td>{{ mark.status }}<td>{{ mark.why }}
<td>{% if mark.grades %}<a href="{{ links[mark.student] }}">open</a>{% endif %}</tr>
{% endfor %}
</table>
<h2>Exercises</h2>
<table>
<tr><th>Exercise<th>Solved by<th>Most frequent message</tr>
{% for name, solved, tried, message in exercises %}
<tr><td>{{ name }}
<td><meter min="0" max="{{ tried }}" value="{{ solved }}"></meter>
{{ solved }} of {{ tried }}
<td>{{ message }}</tr>
{% endfor %}
</table>
</html>
"""


def write(classroom: Classroom, marks: list[Mark]) -> Path:
    """Write report.html into the folder of the class, and return its path."""
    links = {
        mark.student: classroom.path("feedback", mark.student, ".html")
        .relative_to(classroom.folder)
        .as_posix()
        for mark in marks
    }
    page = Environment(autoescape=True).from_string(PAGE)
    path = classroom.folder / "report.html"
    text = page.render(
        unit=classroom.unit.name,
        marks=marks,
        links=links,
        waiting=sum(grade.waiting for mark in marks for grade in mark.grades),
        exercises=list(by_exercise(marks)),
    )
    path.write_text(text, encoding="utf-8")
    return path


def write_csv(classroom: Classroom, marks: list[Mark]) -> Path:
    """Write marks.csv into the folder of the class, and return its path."""
    names = dict.fromkeys(grade.name for mark in marks for grade in mark.grades)
    path = classroom.folder / "marks.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "status", "score", "max_score", *names, "why"])
        for mark in marks:
            points = {g.name: "" if g.by_hand else f"{g.score:g}" for g in mark.grades}
            scores = [f"{mark.score:g}", f"{mark.max_score:g}"]
            cells = [points.get(name, "") for name in names]
            writer.writerow([mark.student, mark.status, *scores, *cells, mark.why])
    return path


def by_exercise(marks: list[Mark]):
    """Name, how many solved it, how many were graded, most frequent message."""
    grades = [grade for mark in marks for grade in mark.grades if not grade.by_hand]
    for name in dict.fromkeys(grade.name for grade in grades):
        own = [grade for grade in grades if grade.name == name]
        messages = Counter(g.message for g in own if g.message)
        frequent = messages.most_common(1)[0][0] if messages else ""
        yield name, sum(g.score == g.max_score for g in own), len(own), frequent
