"""Every right answer of every bank is accepted, every wrong one rejected."""

import pytest
from rich.console import Console

from course_lib import build
from course_lib.grading import answers
from tests.conftest import ROOT

UNITS = {unit.name: unit for unit in build.find_units(ROOT)}


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
