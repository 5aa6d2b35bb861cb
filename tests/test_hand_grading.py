"""What a teacher enters by hand outlives every later run of the grader."""

import pytest
from nbgrader.api import Gradebook

from course_lib.grading import answers, classes, demo, pages
from tests.test_grading import regrade, unit  # noqa: F401 (a fixture)

RIGHT, WRONG = "def double(x):\n    return 2 * x", "def double(x):\n    return x"


@pytest.fixture
def desk(unit, tmp_path):  # noqa: F811
    """Ada has answered the question, and a human has given her 3 points for it."""
    desk = classes.new_class(tmp_path, unit)
    hand_in(desk, RIGHT)
    assert regrade(desk)["ada"].grades[1].waiting
    with Gradebook(desk.database) as gradebook:
        grade = gradebook.find_grade("why", unit.name, unit.name, "ada")
        grade.manual_score, grade.needs_manual_grade = 3, False
        gradebook.db.commit()
    return desk


def hand_in(desk, code: str, words: str = "") -> None:
    notebook = answers.filled(desk.unit, {"double": code})
    demo.write_something(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "nbgrader" in cell.metadata:
            cell.source += words
    classes.hand_in(desk, "ada", notebook)


def test_what_is_graded_by_hand_does_not_wait_again(desk):
    again = regrade(desk, regrade=True, full=True)["ada"]
    assert again.score == 2
    hand_in(desk, WRONG)
    for mark in (regrade(desk)["ada"], pages.marks_of(desk)["ada"]):
        assert [(g.score, g.waiting) for g in mark.grades] == [(0, False), (3, False)]


def test_a_new_answer_to_the_question_waits(desk):
    hand_in(desk, RIGHT, " And I would test three seeds.")
    assert regrade(desk)["ada"].grades[1].waiting
