"""The table of units says what the executed solutions measured."""

import nbformat
import pytest
from typer.testing import CliRunner

from course_lib import build, headlines, results, source
from course_lib.cli import app
from tests.conftest import ROOT

UNIT = build.Unit(ROOT, "07_neural_integration_schemes")
GAIN = results.Result("gain", 20.34, "points", "at least 15", "")
ERROR = results.Result("error", -7.4e-8, "", "at most 1e-06", "")


@pytest.mark.parametrize("unit", build.find_units(ROOT), ids=lambda unit: unit.name)
def test_every_unit_has_a_headline_that_bears_a_number(unit):
    cells = [cell for cell in source.read(unit.source) if "headline" in cell.tags]
    assert 1 <= len(cells) <= 3
    assert all("{" in cell.tags["headline"] for cell in cells)


def test_the_readme_holds_the_table_as_measured(root):
    page = root / "README.md"
    expected = headlines.renewed(page, build.find_units(root))
    assert page.read_text() == expected, "mend: course results --readme"


def test_the_command_renews_the_table_and_nothing_else(course):
    page = course / "README.md"
    page.write_text("before\n<!-- units -->\nformer rows\n<!-- /units -->\nafter\n")
    outcome = CliRunner().invoke(app, ["results", "--readme"])
    assert outcome.exit_code == 0, outcome.output
    head, table = page.read_text().split("<!-- units -->\n")
    table, tail = table.split("<!-- /units -->\n")
    assert (head, tail) == ("before\n", "after\n")
    assert "former" not in table
    assert len(table.splitlines()) == 2 + len(build.find_units(course))


def test_a_page_without_a_place_for_the_table_is_named(course):
    (course / "README.md").write_text("no markers")
    outcome = CliRunner().invoke(app, ["results", "--readme"])
    assert outcome.exit_code == 1
    assert "README.md has no lines <!-- units -->" in outcome.output.replace("\n", " ")


def test_a_sentence_takes_the_numbers_that_it_names_and_their_bounds():
    sentence = headlines.filled("errs by {1:.0e}", [GAIN, ERROR], UNIT)
    assert sentence == "errs by -7e-08 *(at most 1e-06)*"
    assert headlines.spelt(sentence) == "errs by −7\u00a0×\u00a010⁻⁸ *(at most 10⁻⁶)*"
    assert headlines.filled("{0:.0f} more", [GAIN], UNIT).startswith("20 more")


@pytest.mark.parametrize("sentence", ["{2:.0f} more", "{gain:.0f}", "{0:.0q}"])
def test_a_sentence_that_does_not_fit_is_named(sentence):
    with pytest.raises(headlines.HeadlineError, match=r"07_neural.*does not fit"):
        headlines.filled(sentence, [GAIN, ERROR], UNIT)


def test_only_what_a_unit_recorded_can_be_said(tmp_path):
    unit = build.Unit(tmp_path, "98_small")
    unit.source.parent.mkdir(parents=True)
    unit.source.write_text(
        "# %%\nfrom course_lib import results\n\n"
        '# %% claim="gain" headline="{0:.0f} points"\n'
        'results.record("gain", 3, at_least=1)\n'
    )
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell() for _ in range(2)]
    nbformat.write(notebook, unit.solution)
    with pytest.raises(headlines.HeadlineError, match="does not fit its results"):
        headlines.headlines(unit)
