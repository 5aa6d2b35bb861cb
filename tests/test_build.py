"""The builder: deterministic, incremental, and honest about what differs."""

import json
import re

import nbformat
import pytest
from typer.testing import CliRunner

from course_lib import build, source
from course_lib.cli import app

SMALL = '''\
# %% [markdown]
# # A small unit

# %%
import numpy as np
from course_lib import checks, results

# %%
number = 3

# %%
number = 3

# %% exercise="double"
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% check="double" points=2
checks.close(double(np.ones(2)), [2, 2], "twice")
### BEGIN HIDDEN TESTS
checks.close(double(3), 6, "twice three")
### END HIDDEN TESTS

# %% claim="doubling"
results.record("double", double(number), at_least=5)

# %% [markdown] question="why" points=4
# ### BEGIN SOLUTION
# Because.
# ### END SOLUTION
'''


@pytest.fixture
def small(course) -> build.Unit:
    unit = build.Unit(course, "99_small")
    unit.source.parent.mkdir()
    unit.source.write_text(SMALL)
    return unit


def read(path):
    return nbformat.read(path, as_version=4)


def test_the_committed_notebooks_match_their_sources(root):
    for unit in build.find_units(root):
        build.check(unit)


def test_two_products(small):
    assert build.build(small)
    solution, student = read(small.solution), read(small.student)
    nbformat.validate(solution)
    nbformat.validate(student)
    code = "".join(cell.source for cell in student.cells)
    assert "return 2 * x" not in code
    assert "Because" not in code
    assert "twice three" not in code
    assert "raise checks.NotAnswered" in code
    assert all(not cell.get("outputs") for cell in student.cells)
    assert all(
        cell.execution_count for cell in solution.cells if cell.cell_type == "code"
    )
    assert [cell.id for cell in solution.cells] == [cell.id for cell in student.cells]
    assert student.metadata == nbformat.from_dict(build.METADATA)
    assert not list(small.student.parent.glob("*.py"))


def test_nbgrader_metadata(small):
    build.build(small)
    tags = {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader
        for cell in read(small.student).cells
        if "nbgrader" in cell.metadata
    }
    assert list(tags) == ["setup", "double", "check_double", "why"]
    assert tags["check_double"]["points"] == 2
    assert tags["setup"]["locked"]
    assert not tags["setup"]["grade"]
    assert tags["double"]["solution"]
    assert not tags["double"]["grade"]
    assert tags["why"]["solution"]
    assert tags["why"]["grade"]
    assert all(tag["schema_version"] == 3 for tag in tags.values())


def test_building_twice_changes_nothing(small):
    build.build(small)
    first = small.student.read_bytes(), read(small.solution)
    assert build.build(small) is False
    assert build.build(small, force=True)
    second = small.student.read_bytes(), read(small.solution)
    assert first[0] == second[0]
    assert first[1].cells == second[1].cells  # nothing here prints a time


def test_equal_cells_get_different_ids(small):
    cells = build.solution_notebook(source.read(small.source)).cells
    ids = [cell.id for cell in cells]
    assert len(set(ids)) == len(ids)
    assert ids[3] == f"{ids[2]}-2"


def test_an_inserted_cell_leaves_the_other_ids_alone(small):
    before = build.solution_notebook(source.read(small.source)).cells
    small.source.write_text(
        SMALL.replace("# %%\nnumber", "# %%\n1 + 1\n\n# %%\nnumber", 1)
    )
    after = build.solution_notebook(source.read(small.source)).cells
    assert {cell.id for cell in before} < {cell.id for cell in after}


CHANGES = {
    "source": (lambda nb: nb.cells[1].update(source="import os"), "cell 2 (setup)"),
    "deleted": (lambda nb: nb.cells.pop(2), "cell 3"),
    "appended": (
        lambda nb: nb.cells.append(nbformat.v4.new_markdown_cell("more")),
        "cell 9 is not in the source: 'more'",
    ),
    "points": (
        lambda nb: nb.cells[5].metadata.nbgrader.update(points=20),
        "cell 6 (check_double) differs in its metadata",
    ),
    "kernel": (lambda nb: nb.metadata.kernelspec.update(name="julia"), "metadata"),
}


@pytest.mark.parametrize("product", ["solution", "student"])
@pytest.mark.parametrize("change", CHANGES)
def test_check_names_the_first_difference(small, product, change):
    build.build(small)
    path = getattr(small, product)
    notebook = read(path)
    damage, message = CHANGES[change]
    damage(notebook)
    nbformat.write(notebook, path)
    with pytest.raises(build.BuildError, match=re.escape(message)) as error:
        build.check(small)
    assert str(path) in str(error.value)
    assert "mend: carry what should stay into 99_small.py" in str(error.value)
    assert build.build(small)
    build.check(small)


def test_check_sees_missing_broken_and_unexecuted_products(small):
    with pytest.raises(build.BuildError, match="is missing"):
        build.check(small)
    build.build(small)
    whole = small.solution.read_text()
    for damage, message in (
        (lambda cells: cells[1].update(execution_count=None), "was not executed in"),
        (lambda cells: cells[3].update(execution_count=2), "was not executed in order"),
        (lambda cells: cells[6].update(outputs=[]), "has lost its output"),
        (lambda cells: cells[2].pop("outputs"), "cannot be read"),
        (lambda cells: cells[2].pop("id"), "cannot be read"),
        (lambda cells: cells.reverse(), "in another order"),
        (lambda cells: cells[0].update(source="# A small unit\n\n"), r"\(no line\)"),
    ):
        notebook = nbformat.from_dict(json.loads(whole))
        damage(notebook.cells)
        small.solution.write_text(json.dumps(notebook))
        with pytest.raises(build.BuildError, match=message):
            build.check(small)
    small.solution.write_text("{")
    with pytest.raises(build.BuildError, match="cannot be read"):
        build.check(small)


FAILURES = {
    "a wrong solution": ("return 2 * x", "return 3 * x", 21, "CheckFailed: twice"),
    "a claim that fails": ("at_least=5", "at_least=7", 27, "the claim does not hold"),
    "an error": (
        "number = 3\n\n# %% exercise", "1 / 0\n\n# %% exercise", 12, "division",
    ),
    "a dead kernel": (
        "number = 3\n\n# %% exercise", "import os; os._exit(0)\n\n# %% exercise", 11,
        "died",
    ),
    "an illegible figure": (
        "number = 3\n\n# %% exercise",
        "from course_lib import plots\nplots.recurrence(3, 'A loop')\n\n# %% exercise",
        11, "illegible figure: alternative text too short",
    ),
    "a leaning check": (
        "return 2 * x", "return x * len(globals()['number'] * [2]) - x", 22,
        "KeyError: 'number'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_cell_is_named_and_products_stay(small, failure):
    build.build(small)
    before = small.solution.read_bytes(), small.student.read_bytes()
    old, new, line, message = FAILURES[failure]
    assert SMALL.count(old) == 1
    small.source.write_text(SMALL.replace(old, new))
    outcome = build.attempt(build.build, small)
    assert outcome.startswith(f"{small.source}:{line}: the cell fails")
    assert message in outcome
    assert "\x1b" not in outcome
    assert "mend: " in outcome
    assert before == (small.solution.read_bytes(), small.student.read_bytes())


def test_the_command_line(small):
    run = CliRunner().invoke
    assert run(app, ["build", "99", "--check"]).exit_code == 1
    result = run(app, ["build", "99"])
    assert result.exit_code == 0
    assert "99_small: built" in result.stdout
    assert "up to date" in run(app, ["build", "99"]).stdout
    assert run(app, ["build", "--check", "99"]).exit_code == 0
    assert "doubling" not in run(app, ["results", "99"]).stdout
    assert "at least 5" in run(app, ["results", "99"]).stdout


def test_the_command_line_names_units_and_problems(small):
    run = CliRunner().invoke
    result = run(app, ["build", "98"])
    assert result.exit_code == 1
    assert "'98' is no unit; the units are: 00_lightning_basics, 01_" in result.stderr
    small.source.write_text(SMALL.replace(" points=2", ""))
    result = run(app, ["build", "99"])
    assert result.exit_code == 1
    assert f"{small.source}:21: points are missing" in result.stderr
    assert "mend" in result.stderr


def test_one_broken_unit_hides_no_other(small):
    """Line 100 stays a number, and a stray module is no unit."""
    (small.source.parent / "helper.py").write_text("x = 1")
    broken = small.root / "solutions" / "98_broken" / "98_broken.py"
    broken.parent.mkdir()
    broken.write_text(SMALL.replace("# %% [m", "\n" * 79 + "# %% [m", 1))
    text = SMALL.replace(" points=2", "")
    broken.write_text("# %% [markdown]\n# # T\n" + "#\n" * 77 + text)
    small.source.write_text(
        SMALL.replace("at_least", "at_leats").replace("%% [m", "%%[m")
    )
    result = CliRunner().invoke(app, ["build", "--check"])
    assert result.exit_code == 1
    assert f"{broken}:100: points are missing" in result.stderr
    assert str(small.source) in result.stderr
    assert "helper" not in result.stderr


def test_a_course_without_units(tmp_path, monkeypatch):
    (tmp_path / "nbgrader_config.py").touch()
    (tmp_path / "solutions").mkdir()
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["build", "--check"])
    assert result.exit_code == 1
    assert "holds no <unit>/<unit>.py" in result.stderr


def test_outside_a_course(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["build"])
    assert result.exit_code == 1
    assert "is in no course" in result.stderr


@pytest.mark.parametrize("command", ["build", "results", "answers", "demo"])
def test_every_command_has_help_with_examples(command):
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Examples" in result.stdout
