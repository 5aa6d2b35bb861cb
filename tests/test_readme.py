"""What the README says of the course is so."""

import re
import tomllib

import pytest
import yaml

from course_lib import build
from course_lib.grading import answers
from tests import test_hostile


@pytest.fixture
def readme(root) -> str:
    return (root / "README.md").read_text()


def test_the_banks_have_as_many_answers_as_it_says(root, readme):
    bank = [a for unit in build.find_units(root) for a in answers.read_bank(unit)]
    right = sum(answer.right for answer in bank)
    said = re.search(r"(\d+) right and (\d+) wrong answers", readme)
    assert tuple(map(int, said.groups())) == (right, len(bank) - right)


def test_there_are_as_many_hostile_submissions_as_it_says(readme):
    said = re.search(r"(\d+) hostile\s+submissions", readme)
    assert int(said[1]) == len(test_hostile.CASES)


def test_the_message_of_a_check_is_the_one_that_the_student_guide_proves(root, readme):
    block = re.search(r"```\n(the mean comes back.+?)```", readme, re.S)[1]
    assert block in (root / "book" / "student_guide.md").read_text()


def test_it_counts_the_lessons_that_there_are(root, readme):
    words = ("eight", "nine", "ten", "eleven", "twelve", "thirteen")
    number = words[len(build.find_units(root)) - 8]
    assert f"\n{number.capitalize()} lessons on deep learning" in readme


def test_it_shows_a_lesson_and_what_it_shows_is_small(root, readme):
    pictures = re.findall(r"!\[([^\]]{30,})\]\((book/images/[^)]+)\)", readme)
    assert pictures
    for _, path in pictures:
        assert (root / path).stat().st_size < 150_000


def test_who_cites_it_finds_version_and_address(root, readme):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert f"version {citation['version']}" in readme
    assert str(citation["version"]) == project["version"]
    assert project["urls"]["Repository"] in readme
    assert f"({str(citation['date-released'])[:4]})" in readme
