"""`course demo`: the whole course on a class of six."""

import csv

import pytest
from typer.testing import CliRunner

from course_lib.cli import app
from course_lib.grading import demo
from tests.conftest import ROOT

UNIT = "01_pca_autoencoder"
EXPECTED = {
    "ada": ("13/13", "graded", "all 5 exercises are right"),
    "ben": ("5/13", "graded", "explained_variance: not answered"),
    "chloe": ("0/13", "graded", "no exercise was answered"),
    "dmitri": ("0/13", "graded", "fit_pca: each component"),
    "emma": ("–", "unreadable", "breaks off"),
    "farid": ("10/13", "timed out", "timed out after 20 s"),
}


@pytest.mark.slow
def test_the_demo(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    folder = tmp_path / "class"
    result = CliRunner().invoke(app, ["demo", "--folder", str(folder)])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    for student, parts in EXPECTED.items():
        line = next(line for line in lines if f" {student} " in line)
        assert all(part in line for part in parts), line
    assert f"Report:   {folder / f'report-{UNIT}.html'}" in result.stdout
    page = (folder / f"report-{UNIT}.html").read_text()
    assert all(student in page for student in EXPECTED)
    for student in set(EXPECTED) - {"emma"}:
        link = f"feedback/{student}/{UNIT}/{UNIT}.html"
        assert (folder / link).is_file()
        assert link in page
    rows = list(csv.DictReader((folder / f"marks-{UNIT}.csv").open()))
    assert [row["student"] for row in rows] == list(EXPECTED)
    assert rows[0]["fit_pca"] == "3"


def test_it_never_empties_a_foreign_folder(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(demo.DemoError, match="name another --folder"):
        demo.prepare(tmp_path)
    assert (tmp_path / "thesis.tex").exists()
