"""A class through `course grade`: marks, reasons, and what changes them."""

import json
import shutil
from dataclasses import replace

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.validator import Validator
from typer.testing import CliRunner

from course_lib import build
from course_lib.cli import app
from course_lib.grading import answers, classes, demo
from course_lib.grading.plan import Options, RunError
from course_lib.grading.record import Register
from course_lib.grading.sandbox import Limits
from tests.conftest import ROOT
from tests.test_build import SMALL

QUICK = Options(Limits(cell=5, notebook=30))
CODES = {
    "right": ("def double(x):\n    return x + x", 2, "all 1 exercises are right"),
    "noisy": (
        "import os, sys, warnings, logging\ndef double(x):\n    print('hello')\n"
        "    warnings.warn('careful')\n    logging.error('a line of log')\n"
        "    print('to stderr', file=sys.stderr)\n"
        "    os.write(2, b'from C')\n    return 2 * x",
        2, "all 1 exercises are right",
    ),
    "wrong": ("def double(x):\n    return x", 0, "double: twice; seen: "),
    "hard-coded": ("def double(x):\n    return [2, 2]", 0, "double: twice three; seen"),
    "syntax": ("def double(x:\n    return x", 0, "double: NameError"),
    "endless": ("def double(x):\n    while True: pass", 0, "timed out after 5 s"),
    "markup": ("def double(x):\n    raise ValueError('<script>')", 0, "ValueError"),
    "leaning": ("def double(x):\n    return x * (number - 1)", 2, "all 1 exercises"),
    "workers": (
        "import multiprocessing, torch\nfrom torch.utils.data import DataLoader\n"
        "def double(x):\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "        assert pool.map(abs, [-1, -2]) == [1, 2]\n"
        "    loader = DataLoader(torch.arange(4.0), num_workers=2)\n"
        "    assert sum(float(batch) for batch in loader) == 6\n"
        "    return 2 * x",
        2, "all 1 exercises are right",
    ),
    "untouched": (None, 0, "no exercise was answered"),
}  # fmt: skip
BROKEN = {
    "truncated": (lambda text: text[:300], "breaks off or is damaged"),
    "empty": (lambda text: "", "is empty"),
    "no-notebook": (lambda text: "[1, 2]", "is no notebook"),
    "web-page": (lambda text: "<html></html>", "is damaged"),
}


def answered(unit, code):
    return answers.filled(unit, {} if code is None else {"double": code})


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    """A unit of one exercise, built once."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    unit = build.Unit(folder, "99_small")
    unit.source.parent.mkdir(parents=True)
    unit.source.write_text(SMALL)
    build.build(unit)
    return unit


@pytest.fixture(scope="module")
def graded(unit, tmp_path_factory):
    """A class with every answer above and every broken file, graded once."""
    desk = classes.new_class(tmp_path_factory.mktemp("class"), unit)
    for name, (code, _, _) in CODES.items():
        classes.hand_in(desk, name, answered(unit, code))
    for name, (damage, _) in BROKEN.items():
        classes.hand_in(desk, name, damage(unit.student.read_text()))
    marks = classes.grade(desk, QUICK).marks
    return desk, {mark.student: mark for mark in marks}


@pytest.fixture
def desk(unit, tmp_path):
    """An empty class."""
    return classes.new_class(tmp_path / "class", unit)


def regrade(desk, **options):
    return {m.student: m for m in classes.grade(desk, replace(QUICK, **options)).marks}


@pytest.mark.parametrize("name", CODES)
def test_marks_and_reasons(graded, name):
    _, points, why = CODES[name]
    mark = graded[1][name]
    assert (mark.score, mark.max_score) == (points, 2)
    assert why in mark.why
    assert mark.status == ("timed out" if name == "endless" else "graded")
    assert mark.evidence == []
    assert mark.sandbox == "full"
    assert [(g.name, g.max_score, g.by_hand) for g in mark.grades] == [
        ("double", 2, False),
        ("why", 4, True),
    ]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_unreadable_and_says_why(graded, name):
    mark = graded[1][name]
    assert mark.status == "unreadable"
    assert BROKEN[name][1] in mark.why
    assert mark.grades == []


def test_only_who_loses_points_is_run_in_full(graded):
    """An answer that leans on a lesson's variable gets its points all the same."""
    full = {name for name, mark in graded[1].items() if mark.full}
    assert full == {"wrong", "hard-coded", "syntax", "markup", "leaning"}


def test_the_graded_path_and_the_whole_lesson_give_equal_marks(unit, graded, desk):
    shutil.copytree(graded[0].unit.root / "submitted", desk.unit.root / "submitted")
    for name, mark in regrade(desk, full=True).items():
        assert mark.score == graded[1][name].score, name


def test_marks_stand_in_the_gradebook(unit, desk):
    notebook = answered(unit, CODES["right"][0])
    demo.write_something(notebook)
    classes.hand_in(desk, "ada", notebook)
    mark = regrade(desk)["ada"]
    assert [grade.waiting for grade in mark.grades] == [False, True]
    with Gradebook(desk.database) as gradebook:
        submission = gradebook.find_submission(unit.name, "ada")
        assert (submission.score, submission.max_score) == (2, 6)
        assert submission.needs_manual_grade


def test_changed_checks_and_points_are_restored(unit, desk):
    notebook = answered(unit, "def double(x):\n    return 0")
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "check_double":
            cell.source = "pass"
            cell.metadata.nbgrader.points = 100
            cell.metadata["tags"] = ["skip-execution"]
    classes.hand_in(desk, "cheat", notebook)
    mark = regrade(desk)["cheat"]
    assert (mark.score, mark.max_score) == (0, 2)
    assert mark.notes == ["check_double was changed; it was put back"]


class TestAgain:
    """What a second run does, and what it leaves alone."""

    def graded(self, unit, desk):
        for student, name in (("ada", "right"), ("ben", "wrong")):
            notebook = answered(unit, CODES[name][0])
            demo.write_something(notebook)
            classes.hand_in(desk, student, notebook)
        return regrade(desk)

    def test_nothing_changed_nothing_done(self, unit, desk):
        first = self.graded(unit, desk)
        log = desk.ledger.path.read_bytes()
        assert regrade(desk) == first
        assert desk.ledger.path.read_bytes() == log

    def test_a_new_version_is_graded_and_the_old_mark_kept_in_the_log(self, unit, desk):
        self.graded(unit, desk)
        classes.hand_in(desk, "ben", answered(unit, CODES["right"][0]))
        assert regrade(desk)["ben"].score == 2
        scores = [mark.score for mark in desk.ledger.marks() if mark.student == "ben"]
        assert scores == [0, 2]

    def test_a_corrected_check_counts_with_regrade_only(self, unit, desk):
        """ben's answer is right once the check asks for the number itself."""
        self.graded(unit, desk)
        for path in (desk.unit.solution, desk.unit.student):
            text = path.read_text()
            assert "[2, 2]" in text
            text = text.replace("[2, 2]", "[1, 1]")
            path.write_text(text.replace("double(3), 6", "double(3), 3"))
        assert regrade(desk)["ben"].score == 0
        remarks = classes.grade(desk, QUICK).remarks
        assert any("--regrade" in line for line in remarks)
        with pytest.raises(RunError, match=r"reference solution .* full marks"):
            regrade(desk, regrade=True)  # the solution is not right any more
        text = desk.unit.solution.read_text()
        desk.unit.solution.write_text(text.replace("return 2 * x", "return x"))
        marks = regrade(desk, regrade=True)
        assert (marks["ada"].score, marks["ben"].score) == (0, 2)

    def test_what_a_human_entered_stays(self, unit, desk):
        self.graded(unit, desk)
        with Gradebook(desk.database) as gradebook:
            place = "why", unit.name, unit.name, "ada"
            gradebook.find_grade(*place).manual_score = 3
            gradebook.find_comment(*place).manual_comment = "well seen"
            gradebook.find_grade("check_double", *place[1:]).extra_credit = 1
            gradebook.db.commit()
        classes.hand_in(desk, "ada", answered(unit, "def double(x): return 2 * x"))
        regrade(desk)
        regrade(desk, regrade=True)
        with Gradebook(desk.database) as gradebook:
            assert gradebook.find_submission(unit.name, "ada").score == 2 + 3 + 1
            assert gradebook.find_comment(*place).manual_comment == "well seen"

    def test_a_lost_gradebook_is_filled_again(self, unit, desk):
        first = self.graded(unit, desk)
        desk.sqlite.unlink()
        again = regrade(desk)
        assert {s: m.score for s, m in again.items()} == {"ada": 2, "ben": 0}
        assert again["ada"].seconds == first["ada"].seconds  # nothing ran again
        with Gradebook(desk.database) as gradebook:
            assert gradebook.find_submission(unit.name, "ada").score == 2

    def test_who_hands_in_nothing_is_missing(self, unit, desk):
        self.graded(unit, desk)
        with Gradebook(desk.database) as gradebook:
            gradebook.add_student("zoe")
        assert regrade(desk)["zoe"].status == "missing"
        lines = len(list(desk.ledger.marks()))
        regrade(desk)
        assert len(list(desk.ledger.marks())) == lines

    def test_two_runs_at_once_are_refused(self, unit, desk):
        with desk.locked(), pytest.raises(RunError, match="another run"):
            classes.grade(desk, QUICK)


def test_feedback_of_nbgrader_shows_the_reason_and_not_the_hidden_test(graded):
    desk = graded[0]
    Register(desk.unit, desk.database).convert(GenerateFeedback, "hard-coded")
    path = desk.unit.root / "feedback" / "hard-coded" / desk.unit.name
    page = (path / f"{desk.unit.name}.html").read_text()
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
    spy = CODES["noisy"][0] + "\nprint('process', os.getpid())"
    path = unit.root / "submitted" / "kim" / unit.name / unit.student.name
    path.parent.mkdir(parents=True)
    nbformat.write(answered(unit, spy), path)
    assert api.autograde(unit.name, "kim")["success"]
    autograded = unit.root / "autograded" / "kim" / unit.name / unit.student.name
    assert "process 1\\n" in autograded.read_text()  # sandboxed
    assert api.generate_feedback(unit.name, "kim")["success"]
    (row,) = api.get_assignments()
    assert (row["name"], row["num_submissions"], row["max_score"]) == (unit.name, 1, 6)
    assert row["average_score"] == 2


class TestCommand:
    """`course grade` as instructors type it."""

    def run(self, *arguments):
        return CliRunner().invoke(app, ["grade", *arguments])

    def test_from_a_folder_then_unchanged(self, unit, desk, tmp_path, monkeypatch):
        monkeypatch.chdir(desk.unit.root)
        inbox = tmp_path / "inbox"
        inbox.mkdir()
        nbformat.write(answered(unit, CODES["right"][0]), inbox / "ada (1).ipynb")
        assert (
            "would first collect"
            in self.run("99", "--from", str(inbox), "--dry-run").stdout
        )
        assert not (desk.unit.root / "submitted").exists()
        result = self.run("99", "--from", str(inbox), "--timeout", "60")
        assert result.exit_code == 0, result.output
        assert "2/2" in result.stdout
        assert "Sandbox: full (1)" in result.stdout
        assert "0 graded now, 1 unchanged" in self.run("99", "--timeout", "60").stdout

    def test_mistakes_are_named(self, desk, tmp_path, monkeypatch):
        monkeypatch.chdir(desk.unit.root)
        for arguments, message in (
            (("98",), "is no unit"),
            (("99", "--student", "nobody"), "no student of that name: nobody"),
            (("99", "--from", str(tmp_path / "nothing.zip")), "nothing.zip is missing"),
            (("99", "--db", "sqlite:////no/such/folder/x.db"), "gradebook"),
        ):
            result = self.run(*arguments)
            assert result.exit_code == 1, arguments
            assert message in result.stderr, result.output

    def test_help_has_three_examples(self):
        assert self.run("--help").stdout.count("course grade 01") == 3


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
        outcomes = answers.grade_bank(unit, [right, wrong])
        assert [outcome.as_it_should for outcome in outcomes] == [False, False, True]
        rows = list(answers.table(unit, outcomes).columns[1].cells)
        assert rows[0] == "0 of 1"


def test_submissions_are_plain_json(unit):
    json.loads(nbformat.writes(answered(unit, "0")))
