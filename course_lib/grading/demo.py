"""The course's main job on a class of six: build, grade, feedback, marks."""

import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
from rich.console import Console

from course_lib import build
from course_lib.build import Unit
from course_lib.console import advancing
from course_lib.grading import answers, classes, feedback, report
from course_lib.grading.plan import Options
from course_lib.grading.sandbox import Limits

CELL_TIMEOUT = 20  # seconds
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
        bar.update(task, completed=1)
        bar.print(f"{unit.name}: {'built' if outcome else 'up to date'}")
        desk = classes.new_class(folder, unit)
        for student, notebook in example_class(unit).items():
            classes.hand_in(desk, student, notebook)
        outcome = classes.grade(
            desk,
            Options(Limits(cell=CELL_TIMEOUT), second_pass=False),
            tell=advancing(bar, "Grading the class"),
        )
        pages = feedback.write_all(desk, None)
    console.print(classes.table(desk, outcome))
    for line in outcome.remarks:
        console.print(line, soft_wrap=True)
    page, marks = report.write_all(desk, csv=True)
    console.print(f"Marks:    {marks}", soft_wrap=True)
    console.print(f"Report:   {page}", soft_wrap=True)
    console.print(f"Feedback: {pages[0].parents[2]}", soft_wrap=True)


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
