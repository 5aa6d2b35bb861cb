"""The course's main job on a class of six: build, grade, feedback, marks."""

import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
from rich.console import Console
from rich.table import Table

from course_lib import build
from course_lib.build import Unit
from course_lib.grading import answers, report
from course_lib.grading.classroom import Classroom, Mark

CELL_TIMEOUT = 20  # seconds; the imports of a loaded machine take ten
MARKER = ".made-by-course-demo"


class DemoError(Exception):
    """The demo cannot run."""


def run(unit: Unit, folder: Path, console: Console, progress: Callable) -> None:
    """Grade the bundled class in a folder that is made anew, and print the marks."""
    prepare(folder)
    with progress() as bar:
        task = bar.add_task(f"Building {unit.name}", total=1)
        outcome = build.attempt(build.build, unit)
        if isinstance(outcome, str):
            raise DemoError(outcome)
        bar.advance(task)
        bar.print(f"{unit.name}: {'built' if outcome else 'up to date'}")
        classroom = Classroom(folder, unit, cell_timeout=CELL_TIMEOUT)
        submissions = example_class(unit)
        for student, notebook in submissions.items():
            classroom.submit(student, notebook)
        task = bar.add_task("Grading the class", total=len(submissions))
        marks = []
        for student in submissions:
            marks.append(classroom.grade(student))
            bar.advance(task)
        task = bar.add_task("Writing feedback", total=len(marks))
        for mark in marks:
            if mark.grades:
                classroom.feedback(mark.student)
            bar.advance(task)
    console.print(table(unit, marks))
    console.print(f"Marks:  {report.write_csv(classroom, marks)}", soft_wrap=True)
    console.print(f"Report: {report.write(classroom, marks)}", soft_wrap=True)


def prepare(folder: Path) -> None:
    """An empty folder for the class; never one that holds something else."""
    if folder.exists() and not (folder / MARKER).is_file():
        raise DemoError(
            f"{folder} exists and is not of the demo: name another --folder"
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()


def example_class(unit: Unit) -> dict[str, nbformat.NotebookNode | str]:
    """Six submissions: what a teacher meets in a first week."""
    right = answers.reference(unit)
    first, *others = right
    bank = reversed(answers.read_bank(unit))  # the first wrong answer stays
    wrong = {answer.exercise: answer.code for answer in bank if not answer.right}
    endless = right[first].replace("### BEGIN SOLUTION", "while True:\n        pass")
    perfect = answers.filled(unit, right)
    write_something(perfect)
    whole = nbformat.writes(perfect)
    return {
        "ada": perfect,
        "ben": answers.filled(unit, {first: right[first], others[0]: right[others[0]]}),
        "chloe": answers.filled(unit, {}),
        "dmitri": answers.filled(unit, right | wrong),
        "emma": whole[: len(whole) // 2],  # an upload that broke off
        "farid": answers.filled(unit, right | {first: endless}),
    }


def write_something(notebook: nbformat.NotebookNode) -> None:
    """Answer the questions in free text."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "nbgrader" in cell.metadata:
            cell.source = "Neighbouring weeks are alike: I would split by years."


def table(unit: Unit, marks: list[Mark]) -> Table:
    """The table of marks: one line a student, which says why."""
    waiting = sum(grade.waiting for mark in marks for grade in mark.grades)
    caption = f"to be graded by hand: {waiting}"
    result = Table("student", "mark", "status", "why", title=unit.name, caption=caption)
    for mark in marks:
        points = f"{mark.score:g}/{mark.max_score:g}" if mark.grades else "–"
        result.add_row(mark.student, points, mark.status, mark.why)
    return result
