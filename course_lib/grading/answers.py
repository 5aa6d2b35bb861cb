"""The bank of right and wrong answers, graded as a class: the mutation table.

A bank, tests/answers/<unit>.py, is a py:percent file with one answer a cell:

    # %% exercise="fit_pca" right="eigenvectors of the covariance"
    # %% exercise="fit_pca" wrong="mean not removed"
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from rich.table import Table

from course_lib.build import Unit
from course_lib.cells import split
from course_lib.grading import classes
from course_lib.grading.marks import Mark
from course_lib.grading.plan import Options

FEWEST = {"right": 2, "wrong": 6}  # answers an exercise
STUB = "untouched stub"


class BankError(Exception):
    """A bank that cannot be graded."""


@dataclass(frozen=True)
class Answer:
    """One answer to one exercise, or the untouched notebook (exercise is empty)."""

    exercise: str
    right: bool
    name: str
    code: str


@dataclass(frozen=True)
class Outcome:
    """An answer and the points it got."""

    answer: Answer
    score: float  # of its exercise; of the whole notebook for the stub
    max_score: float
    others: float  # points lost in the other exercises, whose answers are right
    message: str
    evidence: list[str]  # that checks were disarmed; an honest answer gives none

    @property
    def as_it_should(self) -> bool:
        """Right answers get all, wrong ones nothing, and no other exercise suffers."""
        expected = self.max_score if self.answer.right else 0.0
        return self.score == expected and self.others == 0 and not self.evidence


def read_bank(unit: Unit) -> list[Answer]:
    """The answers of a unit; BankError where the bank is incomplete or malformed."""
    path = unit.root / "tests" / "answers" / f"{unit.name}.py"
    if not path.is_file():
        raise BankError(f"{path} is missing: write the bank of the unit")
    bank = []
    for cell in split(path.read_text(encoding="utf-8"))[0]:
        tags = cell.tags
        if not cell.markdown and cell.source:
            if "exercise" not in tags or ("right" in tags) == ("wrong" in tags):
                start = cell.source.splitlines()[0]
                raise BankError(
                    f'{path}: the cell that begins "{start}" needs a header such as '
                    '# %% exercise="fit_pca" wrong="mean not removed"'
                )
            name = tags.get("right") or tags["wrong"]
            bank.append(Answer(tags["exercise"], "right" in tags, name, cell.source))
    problems = bank_problems(bank, exercises(nbformat.read(unit.solution, 4)))
    if problems:
        raise BankError("\n".join(f"{path}: {problem}" for problem in problems))
    return bank


def bank_problems(bank: list[Answer], known: list[str]) -> list[str]:
    """Exercises without enough answers, answers to no exercise, names that repeat."""
    problems = [
        f'"{answer.exercise}" is no exercise; the unit has {", ".join(known)}'
        for answer in bank
        if answer.exercise not in known
    ]
    for exercise in known:
        for kind, fewest in FEWEST.items():
            names = [
                answer.name
                for answer in bank
                if answer.exercise == exercise and answer.right == (kind == "right")
            ]
            if len(set(names)) < fewest:
                problems.append(
                    f"{exercise} has {len(set(names))} {kind} answers with names of "
                    f"their own; it needs {fewest}"
                )
    return problems


def exercises(notebook: NotebookNode) -> list[str]:
    """The names of the exercises of a notebook, in order."""
    return [cell.metadata.nbgrader.grade_id for cell in answer_cells(notebook)]


def answer_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that a student fills with code."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code"
        and cell.metadata.get("nbgrader", {}).get("solution")
    ]


def filled(unit: Unit, answers: dict[str, str]) -> NotebookNode:
    """The student notebook with these answers in it, by exercise."""
    notebook = nbformat.read(unit.student, as_version=4)
    for cell in answer_cells(notebook):
        cell.source = answers.get(cell.metadata.nbgrader.grade_id, cell.source)
    return notebook


def reference(unit: Unit) -> dict[str, str]:
    """The reference answers of a unit, by exercise."""
    cells = answer_cells(nbformat.read(unit.solution, as_version=4))
    return {cell.metadata.nbgrader.grade_id: cell.source for cell in cells}


# --- grading --------------------------------------------------------------------------


def grade_bank(
    unit: Unit,
    bank: list[Answer],
    *,
    tell: Callable[[int, int], None] = lambda done, total: None,
    full: bool = False,
) -> list[Outcome]:
    """Grade every answer and the untouched notebook as one class, in bank order.

    Only the graded path runs, which is what a bank is about; full runs the lessons too.
    """
    everything = [*bank, Answer("", False, STUB, "")]
    options = Options(full=full, second_pass=False)
    with tempfile.TemporaryDirectory() as folder:
        desk = classes.new_class(Path(folder), unit)
        for number, answer in enumerate(everything):
            others = reference(unit) if answer.exercise else {}
            notebook = filled(unit, others | {answer.exercise: answer.code})
            classes.hand_in(desk, f"{number:05}", notebook)
        marks = classes.grade(desk, options, tell=tell).marks
    return [judge(*pair) for pair in zip(everything, marks, strict=True)]


def judge(answer: Answer, mark: Mark) -> Outcome:
    """The points of an answer's own exercise, and those lost elsewhere."""
    own = [g for g in mark.grades if answer.exercise in ("", g.name) and not g.by_hand]
    score, max_score = sum(g.score for g in own), sum(g.max_score for g in own)
    lost = (mark.max_score - mark.score) - (max_score - score)
    message = next((g.message for g in own if g.message), "") if own else mark.why
    return Outcome(answer, score, max_score, lost, message, mark.evidence)


# --- tables ---------------------------------------------------------------------------


def table(unit: Unit, outcomes: list[Outcome]) -> Table:
    """The mutation table: how many answers of each exercise fared as they should."""
    result = Table("exercise", "right accepted", "wrong rejected", title=unit.name)
    names = dict.fromkeys(o.answer.exercise for o in outcomes if o.answer.exercise)
    for name in names:
        own = [o for o in outcomes if o.answer.exercise == name]
        result.add_row(name, tally(own, right=True), tally(own, right=False))
    stub = [o for o in outcomes if not o.answer.exercise]
    result.add_row(STUB, "", tally(stub, right=False))
    return result


def tally(outcomes: list[Outcome], *, right: bool) -> str:
    """So many of so many."""
    own = [outcome for outcome in outcomes if outcome.answer.right == right]
    return f"{sum(outcome.as_it_should for outcome in own)} of {len(own)}"


def listing(outcomes: list[Outcome]) -> Table:
    """One line for each answer, with what its author would read."""
    result = Table("exercise", "answer", "points", "as it should", "message")
    for outcome in outcomes:
        result.add_row(
            outcome.answer.exercise,
            ("right: " if outcome.answer.right else "wrong: ") + outcome.answer.name,
            f"{outcome.score:g}/{outcome.max_score:g}",
            "yes" if outcome.as_it_should else "NO",
            outcome.message,
        )
    return result
