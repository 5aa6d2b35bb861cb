"""A class through nbgrader: marks, reasons, feedback, and broken files."""

import json

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.validator import Validator

from course_lib import build
from course_lib.grading import answers, demo, hooks
from course_lib.grading.classroom import Classroom, Unreadable, read_notebook
from tests.test_build import SMALL


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    """A unit of one exercise, built once."""
    from tests.conftest import ROOT

    folder = tmp_path_factory.mktemp("course")
    (folder / "nbgrader_config.py").write_text(
        (ROOT / "nbgrader_config.py").read_text()
    )
    unit = build.Unit(folder, "99_small")
    unit.source.parent.mkdir(parents=True)
    unit.source.write_text(SMALL)
    build.build(unit)
    return unit


@pytest.fixture(scope="module")
def classroom(unit, tmp_path_factory):
    return Classroom(tmp_path_factory.mktemp("class"), unit, cell_timeout=5)


def answered(unit, code):
    return answers.filled(unit, {"double": code})


CODES = {
    "right": ("def double(x):\n    return x + x", 2, "all 1 exercises are right"),
    "noisy": (
        "import sys, warnings, logging\ndef double(x):\n    print('hello')\n"
        "    warnings.warn('careful')\n    logging.error('a line of log')\n"
        "    print('to stderr', file=sys.stderr)\n"
        "    __import__('os').write(2, b'from C')\n    return 2 * x",
        2, "all 1 exercises are right",
    ),
    "wrong": ("def double(x):\n    return x", 0, "double: twice; seen: "),
    "hard coded": ("def double(x):\n    return [2, 2]", 0, "double: twice three; seen"),
    "syntax error": ("def double(x:\n    return x", 0, "double: NameError"),
    "endless": ("def double(x):\n    while True: pass", 0, "timed out after 5 s"),
    "markup": ("def double(x):\n    raise ValueError('<script>')", 0, "ValueError"),
}  # fmt: skip


@pytest.mark.parametrize("name", CODES)
def test_marks_and_reasons(unit, classroom, name):
    code, points, why = CODES[name]
    student = name.replace(" ", "-")
    classroom.submit(student, answered(unit, code))
    mark = classroom.grade(student)
    assert mark.score == points
    assert mark.max_score == 2
    assert why in mark.why
    assert mark.status == ("timed out" if name == "endless" else "graded")
    assert [(g.name, g.max_score, g.by_hand) for g in mark.grades] == [
        ("double", 2, False),
        ("why", 4, True),
    ]


def test_the_untouched_notebook_gets_nothing(unit, classroom):
    classroom.submit("untouched", answers.filled(unit, {}))
    mark = classroom.grade("untouched")
    assert (mark.score, mark.why) == (0, "no exercise was answered")


def test_marks_stand_in_the_gradebook(unit, classroom):
    notebook = answered(unit, CODES["right"][0])
    demo.write_something(notebook)
    classroom.submit("ledger", notebook)
    assert [grade.waiting for grade in classroom.grade("ledger").grades] == [
        False,
        True,
    ]
    with Gradebook(classroom.config.CourseDirectory.db_url) as gradebook:
        submission = gradebook.find_submission(unit.name, "ledger")
        assert (submission.score, submission.max_score) == (2, 6)
        assert submission.needs_manual_grade


BROKEN = {
    "truncated": (lambda text: text[:300], "breaks off or is damaged"),
    "empty": (lambda text: "", "is empty"),
    "no notebook": (lambda text: "[1, 2]", "is no notebook of format 4"),
    "a web page": (lambda text: "<html></html>", "is damaged"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_harms_nobody_else(unit, classroom, name):
    damage, why = BROKEN[name]
    student = f"broken-{name.replace(' ', '-')}"
    classroom.submit(student, damage(unit.student.read_text()))
    mark = classroom.grade(student)
    assert mark.status == "unreadable"
    assert why in mark.why
    assert mark.grades == []
    classroom.submit("neighbour", answered(unit, CODES["right"][0]))
    assert classroom.grade("neighbour").score == 2


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(Unreadable, match="is missing"):
        read_notebook(tmp_path / "a.ipynb")
    (tmp_path / "b.ipynb").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Unreadable, match="no text file"):
        read_notebook(tmp_path / "b.ipynb")


def test_changed_checks_and_points_are_restored(unit, classroom):
    notebook = answered(unit, "def double(x):\n    return 0")
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "check_double":
            cell.source = "pass"
            cell.metadata.nbgrader.points = 100
            cell.metadata["tags"] = [hooks.SKIP]
    classroom.submit("cheat", notebook)
    mark = classroom.grade("cheat")
    assert (mark.score, mark.max_score) == (0, 2)


def test_the_graded_path_skips_untouched_lessons_only(unit):
    notebook = answers.filled(unit, {})
    lesson = next(c for c in notebook.cells if c.source.startswith("number"))
    added = nbformat.v4.new_code_cell("my_own = 1")
    changed = nbformat.from_dict(lesson) | {"source": "number = 4"}
    notebook.cells += [added, nbformat.from_dict(changed)]
    hooks.graded_path(answers.filled(unit, {}))(notebook)
    skipped = [c for c in notebook.cells if hooks.SKIP in c.metadata.tags]
    assert lesson in skipped
    assert all("nbgrader" not in cell.metadata for cell in skipped)
    assert notebook.cells[-1] not in skipped
    assert added not in skipped


def test_feedback_shows_the_reason_and_not_the_hidden_test(unit, classroom):
    classroom.submit("reader", answered(unit, CODES["hard coded"][0]))
    classroom.grade("reader")
    page = classroom.feedback("reader").read_text()
    assert "twice three" in page  # the message
    assert "double(3), 6" not in page  # the test


@pytest.mark.parametrize(
    ("code", "valid"),
    [(CODES["right"][0], True), (CODES["noisy"][0], True), ("0", False)],
)
def test_nbgrader_validate_agrees(unit, tmp_path, code, valid):
    """What a student sees on pressing Validate."""
    path = tmp_path / "99_small.ipynb"
    notebook = answered(unit, code + "\n")
    demo.write_something(notebook)
    nbformat.write(notebook, path)
    result = Validator(config=build.nbgrader_config(unit.root)).validate(str(path))
    assert ("failed" in result) is not valid
    assert "changed" not in result


def test_formgrader_and_nbgrader_work_on_the_course_folder(unit, monkeypatch):
    """What formgrader calls behind its buttons, with the course's settings alone."""
    monkeypatch.chdir(unit.root)
    config = build.nbgrader_config(unit.root)
    config.CourseDirectory.root = str(unit.root)
    api = NbGraderAPI(CourseDirectory(config=config), config=config)
    released = unit.student.read_bytes()
    assert api.generate_assignment(unit.name)["success"]
    assert unit.student.read_bytes() == released  # nbgrader makes what we committed
    path = unit.root / "submitted" / "kim" / unit.name / unit.student.name
    path.parent.mkdir(parents=True)
    nbformat.write(answered(unit, CODES["noisy"][0]), path)
    assert api.autograde(unit.name, "kim")["success"]
    assert api.generate_feedback(unit.name, "kim")["success"]
    (row,) = api.get_assignments()
    assert (row["name"], row["num_submissions"], row["max_score"]) == (unit.name, 1, 6)
    assert row["average_score"] == 2


class TestBank:
    """Malformed banks; the real ones are graded in test_answers.py."""

    def bank(self, unit, text):
        path = unit.root / "tests" / "answers" / "99_small.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return answers.read_bank(unit)

    def test_problems_are_named(self, unit):
        cell = '# %% exercise="double" {}="{}"\ndef double(x):\n    return 2 * x\n'
        few = "".join(cell.format("right", n) for n in "ab")
        with pytest.raises(answers.BankError, match=r"0 wrong answers .* needs 6"):
            self.bank(unit, few)
        with pytest.raises(answers.BankError, match='"triple" is no exercise'):
            self.bank(unit, few.replace("double", "triple"))
        with pytest.raises(answers.BankError, match="needs a header such as"):
            self.bank(unit, "# %%\nx = 1\n")

    def test_a_bad_bank_is_found_out(self, unit):
        """A wrong answer called right, and a right one called wrong."""
        right = answers.Answer(
            "double", True, "thrice", "def double(x):\n    return 3*x"
        )
        wrong = answers.Answer(
            "double", False, "fine", "def double(x):\n    return 2*x"
        )
        outcomes = answers.grade_bank(unit, [right, wrong], workers=1)
        assert [outcome.as_it_should for outcome in outcomes] == [False, False, True]
        rows = list(answers.table(unit, outcomes).columns[1].cells)
        assert rows[0] == "0 of 1"


def test_submissions_are_plain_json(unit):
    json.loads(nbformat.writes(answered(unit, "0")))
