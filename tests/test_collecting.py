"""What an LMS hands over: whose it is, and whether it is of this unit."""

import zipfile

import nbformat
import pytest

from course_lib.build import Unit
from course_lib.grading import classes, pages, submissions
from course_lib.grading.plan import Desk, Plan
from course_lib.grading.sanitize import Template, Unreadable, sanitize
from tests.conftest import ROOT

UNIT = Unit(ROOT, "01_pca_autoencoder")
TEMPLATE = Template.of(UNIT)
OTHERS = sorted(
    path.stem for path in ROOT.glob("notebooks/*/*.ipynb") if path != UNIT.student
)


def zip_of(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.write(UNIT.student, name)
    return path


@pytest.mark.parametrize(
    ("name", "student"),
    [  # Moodle without folders, and with them
        ("Ada Lovelace_4011_assignsubmission_file_my work.ipynb", "Ada Lovelace_4011"),
        ("Ada Lovelace_4011_assignsubmission_file/x.ipynb", "Ada Lovelace_4011"),
        (f"ada_{UNIT.name}.ipynb", "ada"),
        (f"ada_77_88_{UNIT.name}-1.ipynb", "ada_77_88"),  # Canvas
        (f"{UNIT.name}-4711.ipynb", "4711"),
        (f"ada_{UNIT.name}_final.ipynb", "ada_final"),
    ],
)
def test_whose_a_file_is(tmp_path, name, student):
    assert submissions.authors(UNIT, zip_of(tmp_path / "a.zip", name)) == [student]


def test_a_dry_run_names_everybody_and_writes_nothing(tmp_path):
    unit = Unit(tmp_path / "course", UNIT.name)
    source = zip_of(tmp_path / "all.zip", "ada.ipynb", "ben/x.ipynb")
    lines = classes.preview(Desk(unit, ""), Plan({}, ["ben", "zoe"], 0), source)
    assert lines == [
        *("would first collect ada", "would first collect ben", "would grade zoe"),
        f"2 to collect from {source}, 1 others to grade; nothing was written",
    ]
    assert not unit.root.exists()


@pytest.mark.parametrize("other", OTHERS)
def test_the_notebook_of_another_unit_is_no_answer(other):
    with pytest.raises(Unreadable, match="maybe another unit's"):
        sanitize(TEMPLATE, Unit(ROOT, other).student)


def test_one_exercise_is_enough_to_be_of_this_unit(tmp_path):
    notebook = nbformat.read(UNIT.student, 4)
    notebook.cells = [cell for cell in notebook.cells if cell.id == "fit_pca"]
    nbformat.write(notebook, tmp_path / "rest.ipynb")
    assert sanitize(TEMPLATE, tmp_path / "rest.ipynb").notebook.cells


def test_feedback_gets_the_receipt_of_the_exchange_and_follows_no_link(tmp_path):
    desk = Desk(Unit(tmp_path, UNIT.name), "")
    (tmp_path / "private").write_text("of the teacher")
    folder = submissions.folder_of(desk.unit, "eve")
    folder.mkdir(parents=True)
    (folder / "timestamp.txt").write_text("2026-01-17 06:00:00 UTC")
    (folder / "submission_secret.txt").symlink_to(tmp_path / "private")
    for student in ("eve", "zoe"):
        pages.write_receipt(desk, student, tmp_path / student)
    receipts = [path.read_text() for path in sorted(tmp_path.glob("*/*.txt"))]
    assert receipts[1] == "2026-01-17 06:00:00 UTC"
    assert len(set(receipts)) == 4
    assert "of the teacher" not in receipts
