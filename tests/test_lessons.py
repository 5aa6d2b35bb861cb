"""The form of a lesson (DESIGN): short cells, fixed skeleton, no leaking answers."""

import ast
import itertools
import re
from pathlib import Path

import pytest

from course_lib import build, source

ROOT = Path(__file__).parents[1]
NOT_PROSE = re.compile(r"<[^>]+>|\$\$.*?\$\$|\$[^$]*\$|\(https?:[^)]*\)", flags=re.S)
UNITS = [unit.name for unit in build.find_units(ROOT)]
SKELETON = [
    "You will learn", "**Time**", "**Prerequisites**", "### Exercise 1", "Hint 1",
    "Hint 2", "Hint 3", "**Predict.**", "**What do we observe?**", "Limits",
    "## Takeaways", "## Going further", "doi.org",
]  # fmt: skip


@pytest.fixture(params=UNITS)
def cells(request):
    return source.read(build.Unit(ROOT, request.param).source)


def where(cell) -> str:
    return f"line {cell.line}: {cell.source[:50]!r}"


def test_code_cells_are_short(cells):
    """A check is two cells in this respect; what no student sees may be longer."""
    for cell in (cell for cell in cells if not cell.markdown):
        shown, *hidden = cell.source.split("### BEGIN HIDDEN TESTS")
        for part in (shown, *hidden):
            lines = [line for line in part.splitlines() if line.strip()]
            long = "class " in part or cell.role == "check"
            most = 40 if part in hidden else 25 if long else 15
            assert len(lines) <= most, where(cell)
            assert max(map(len, lines)) <= 110, where(cell)


def test_markdown_cells_are_short(cells):
    for cell in (cell for cell in cells if cell.markdown and cell.role == "lesson"):
        text = NOT_PROSE.sub(" ", cell.source)
        assert len(text.split()) <= 85, where(cell)


def test_at_most_two_lesson_code_cells_in_a_row(cells):
    run = 0
    for cell in cells:
        run = run + 1 if cell.role == "lesson" and not cell.markdown else 0
        assert run <= 2, where(cell)


def test_the_skeleton_is_there_in_order(cells):
    text = "\n".join(cell.source for cell in cells)
    positions = [text.find(mark) for mark in SKELETON]
    missing = [m for m, p in zip(SKELETON, positions, strict=True) if p < 0]
    assert not missing
    first_check = text.index("### Exercise 1")
    assert (
        positions[0] < first_check < text.rindex("Limits") < text.index("## Takeaways")
    )


def test_three_to_six_exercises_with_hints_and_one_question(cells):
    exercises = [cell for cell in cells if cell.role == "exercise"]
    hints = [cell for cell in cells if "Hint 1" in cell.source]
    assert 3 <= len(exercises) <= 6
    assert len(hints) == len(exercises)
    assert all(f"Hint {n}" in cell.source for cell in hints for n in (1, 2, 3))
    assert sum(cell.role == "question" for cell in cells) == 1


def test_every_exercise_is_followed_by_its_check(cells):
    for cell, following in itertools.pairwise(cells):
        if cell.role == "exercise":
            assert (following.role, following.name) == ("check", cell.name)


def test_checks_say_that_they_passed_and_hide_some_tests(cells):
    for cell in (cell for cell in cells if cell.role == "check"):
        visible = cell.source.split("### BEGIN HIDDEN TESTS")[0].strip()
        assert visible.endswith(f'checks.passed("{cell.name}")')
        assert "BEGIN HIDDEN TESTS" in cell.source


def test_no_exclamation_and_no_clearly(cells):
    for cell in (cell for cell in cells if cell.markdown):
        prose = re.sub(r"\$[^$]*\$|!\[", "", cell.source)
        assert "!" not in prose.replace("!=", ""), where(cell)
        assert "clearly see" not in prose


def defined(nodes) -> set[tuple[str, ...]]:
    """The names of classes, and those of functions with their arguments."""
    nodes = list(nodes)
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    classes = {(node.name,) for node in nodes if isinstance(node, ast.ClassDef)}
    return classes | {(f.name, *(a.arg for a in f.args.args)) for f in functions}


def test_no_answer_stands_in_the_library(cells):
    answers = [ast.parse(c.source) for c in cells if c.role == "exercise"]
    asked = set().union(*(defined(answer.body) for answer in answers))
    for path in (ROOT / "course_lib").rglob("*.py"):
        assert not asked & defined(ast.walk(ast.parse(path.read_text()))), path
