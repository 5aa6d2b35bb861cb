"""A run that is killed at any moment, and started again, ends with the same marks."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from nbgrader.api import Gradebook

from course_lib.grading import answers, classes
from tests.test_grading import CODES, unit  # noqa: F401 (a fixture)

THOROUGH = bool(os.environ.get("COURSE_THOROUGH"))
KILLS = 50 if THOROUGH else 15
STUDENTS = 12
SCRIPT = "import sys; from course_lib.cli import app; sys.argv[0] = 'course'; app()"
COMMAND = [sys.executable, "-c", SCRIPT, "grade", "99", "--timeout", "60"]


def everything(desk) -> dict:
    """Marks, statuses and comments of everybody, in gradebook and log."""
    with Gradebook(desk.database) as gradebook:
        rows = {
            submission.student_id: sorted(
                (
                    grade.name,
                    grade.auto_score,
                    grade.manual_score,
                    grade.score,
                    grade.needs_manual_grade,
                    grade.max_score,
                )
                for notebook in submission.notebooks
                for grade in notebook.grades
            )
            + sorted(
                (comment.name, comment.auto_comment or "", comment.manual_comment or "")
                for notebook in submission.notebooks
                for comment in notebook.comments
            )
            for submission in gradebook.assignment_submissions(desk.unit.name)
        }
    latest = desk.ledger.latest(desk.unit.name)
    marks = {
        name: (m.status, m.why, m.grades, m.evidence) for name, m in latest.items()
    }
    return {"gradebook": rows, "log": marks}


def a_class(desk, unit):  # noqa: F811
    """Different submissions, so that none shares its result with another."""
    names = ["right", "wrong", "leaning", "untouched"]
    for number in range(STUDENTS):
        code = CODES[names[number % 4]][0] or "raise NotImplementedError"
        notebook = answers.filled(unit, {"double": f"{code}\n# {number}"})
        classes.hand_in(desk, f"student-{number:02}", notebook)


@pytest.mark.slow
def test_many_kills(unit, tmp_path):  # noqa: F811
    calm = classes.new_class(tmp_path / "calm", unit)
    a_class(calm, unit)
    start = time.monotonic()
    assert subprocess.run(COMMAND, cwd=calm.unit.root).returncode == 0
    duration = time.monotonic() - start
    expected = everything(calm)
    assert len(expected["gradebook"]) == STUDENTS

    desk = classes.new_class(tmp_path / "killed", unit)
    a_class(desk, unit)
    moments = random.Random(0)
    for _ in range(KILLS):
        run = subprocess.Popen(COMMAND, cwd=desk.unit.root, start_new_session=True)
        try:
            run.wait(timeout=moments.uniform(0.2, 0.6 * duration))
        except subprocess.TimeoutExpired:
            os.kill(run.pid, signal.SIGKILL)
            run.wait()
        if len(desk.ledger.latest(unit.name)) > 0.8 * STUDENTS:  # begin again
            shutil.rmtree(desk.unit.root / "grading", ignore_errors=True)
            shutil.rmtree(desk.unit.root / "autograded", ignore_errors=True)
            desk.ledger.path.unlink()
            desk.sqlite.unlink()
    assert subprocess.run(COMMAND, cwd=desk.unit.root).returncode == 0
    assert everything(desk) == expected


def test_a_torn_line_of_the_log_is_passed_over(unit, tmp_path):  # noqa: F811
    desk = classes.new_class(tmp_path, unit)
    classes.hand_in(desk, "ada", answers.filled(unit, {"double": CODES["right"][0]}))
    first = classes.grade(desk, classes.Options()).marks
    whole = desk.ledger.path.read_bytes()
    desk.ledger.path.write_bytes(whole + whole[: len(whole) // 2])
    assert classes.grade(desk, classes.Options()).marks == first
    classes.hand_in(desk, "ben", answers.filled(unit, {"double": CODES["wrong"][0]}))
    classes.grade(desk, classes.Options())
    assert set(desk.ledger.latest(unit.name)) == {"ada", "ben"}
    lines = desk.ledger.path.read_text().splitlines()
    assert [json.loads(line)["student"] for line in (lines[0], lines[2])] == [
        "ada",
        "ben",
    ]
