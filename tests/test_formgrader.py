"""What an instructor does in formgrader, in a real browser, after `course grade`."""

import re
import shutil
from contextlib import chdir

import pytest
from nbgrader.api import Gradebook
from typer.testing import CliRunner

from course_lib import build
from course_lib.cli import app
from course_lib.grading import answers, classes, demo
from tests import browser
from tests.conftest import ROOT
from tests.test_build import SMALL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), browser.TWICE]

# All that formgrader wants from elsewhere: without it, formulas stay as typed.
MATHJAX = re.compile("cdnjs.cloudflare.com/ajax/libs/mathjax|MathJax is not defined")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A class of two: one exercise and one question, graded by `course grade`."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    unit = build.Unit(folder, "99_small")
    unit.source.parent.mkdir(parents=True)
    unit.source.write_text(SMALL)
    build.build(unit)
    desk = classes.new_class(tmp_path_factory.mktemp("class"), unit)
    for student, code in (("ada", "return x + x"), ("ben", "return x")):
        notebook = answers.filled(unit, {"double": f"def double(x):\n    {code}"})
        demo.write_something(notebook)
        classes.hand_in(desk, student, notebook)
    with chdir(desk.unit.root):
        result = CliRunner().invoke(app, ["grade", "99"])
    assert result.exit_code == 0, result.output
    return desk


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as one:
        yield one


@pytest.fixture
def lab(desk, chromium, request, tmp_path):
    """JupyterLab in the folder of the class."""
    command = browser.lab_command()[:2]
    with (
        browser.serve(desk.unit.root, command, tmp_path / "home") as server,
        browser.window(server, chromium, request) as one,
    ):
        yield one
        one.complaints[:] = [
            text for text in one.complaints if not MATHJAX.search(text)
        ]
        assert server.hosts() == []


def test_a_graded_class_is_listed_and_takes_a_manual_grade(lab, desk):
    lab.open()
    lab.menu("Nbgrader", "Formgrader")
    frame = lab.page.frame_locator("iframe")
    row = frame.locator("tr", has_text="99_small")
    assert row.locator(".num-submissions").inner_text() == "2"

    frame.get_by_role("link", name="Manual Grading").click()
    frame.get_by_role("link", name="99_small").click()  # the unit
    scores = frame.locator("tr", has_text="1 / 2")  # the class's mean
    scores.get_by_role("link", name="99_small").click()  # its notebook
    marks = frame.locator("tbody tr", has_text="Submission #")
    marks.nth(1).wait_for()
    assert set(marks.locator(".code-score").all_inner_texts()) == {"0 / 2", "2 / 2"}

    marks.filter(has_text="2 / 2").get_by_role("link").first.click()
    frame.get_by_text("return x + x").wait_for()
    frame.locator("#check_double[placeholder='2']").wait_for()
    browser.grade_by_hand(lab.page, frame, "why", "3", "Well seen.")

    place = "why", desk.unit.name, desk.unit.name, "ada"
    with Gradebook(desk.database) as gradebook:
        assert gradebook.find_grade(*place).manual_score == 3
        assert gradebook.find_comment(*place).manual_comment == "Well seen."
        assert gradebook.find_submission(desk.unit.name, "ada").score == 2 + 3
