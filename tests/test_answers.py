"""Every right answer of every bank is accepted, every wrong one rejected."""

import os

import pytest
from rich.console import Console

from course_lib import build
from course_lib.grading import answers, classes
from course_lib.grading.marks import GRADED
from course_lib.grading.plan import Options
from course_lib.grading.sandbox import Limits
from tests.conftest import ROOT

UNITS = {unit.name: unit for unit in build.find_units(ROOT)}
THOROUGH = bool(os.environ.get("COURSE_THOROUGH"))  # whole lessons: minutes each
LESSONS = UNITS if THOROUGH else ["01_pca_autoencoder", "05_recurrent_networks"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", UNITS)
def test_the_mutation_table(name):
    unit = UNITS[name]
    outcomes = answers.grade_bank(unit, answers.read_bank(unit))
    Console().print(answers.table(unit, outcomes))
    misjudged = [
        (outcome.answer.exercise, outcome.answer.name, outcome.score, outcome.message)
        for outcome in outcomes
        if not outcome.as_it_should
    ]
    assert misjudged == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", LESSONS)
def test_the_graded_path_and_the_whole_lesson_give_equal_points(name, tmp_path):
    """One notebook: right answers to every second exercise, wrong ones elsewhere."""
    unit, points = UNITS[name], []
    bank = answers.read_bank(unit)
    patient = Limits(cell=900, notebook=1700)  # other tests run beside this one
    for full in (False, True):
        desk = classes.new_class(tmp_path / str(full), unit)
        exercises = list(dict.fromkeys(answer.exercise for answer in bank))
        codes = {
            answer.exercise: answer.code
            for answer in bank  # the last one of its kind
            if answer.right == (exercises.index(answer.exercise) % 2 == 0)
        }
        classes.hand_in(desk, "ada", answers.filled(unit, codes))
        options = Options(patient, full=full, second_pass=False)
        marks = classes.grade(desk, options).marks
        assert {mark.status for mark in marks} == {GRADED}
        points.append({m.student: [(g.name, g.score) for g in m.grades] for m in marks})
        assert {mark.full for mark in marks} == {full}
    assert points[0] == points[1]
