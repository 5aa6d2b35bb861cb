"""A damaged source stops the builder with file, line and mend."""

from pathlib import Path

import jupytext
import nbformat
import pytest

from course_lib import cells, source

GOOD = '''\
# %% [markdown]
# # Title

# %%
import numpy as np
from course_lib import checks, results

# %%
lesson_variable = np.ones(3)

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
results.record("double", float(double(lesson_variable).sum()), at_least=5)

# %% [markdown] question="why" points=4
# ### BEGIN SOLUTION
# Because.
# ### END SOLUTION
'''


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "99_unit.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_source(tmp_path):
    found = source.read(write(tmp_path, GOOD))
    assert [cell.role for cell in found] == [
        "lesson", "setup", "lesson", "exercise", "check", "claim", "question",
    ]  # fmt: skip
    assert [cell.line for cell in found] == [1, 4, 8, 11, 18, 24, 27]
    check = found[4]
    assert (check.name, check.points, check.markdown) == ("double", 2, False)


# what is replaced, by what, the line named, a part of the message, a part of the mend
DAMAGES = {
    "unknown tag": (
        'exercise="double"', 'exercize="double"', 11, 'unknown tag "exercize"',
        "did you mean exercise?",
    ),
    "tag without a value": (
        'check="double" points=2', "check points=2", 18, "header that cannot be read",
        'write tags as name="value"',
    ),
    "check without exercise": (
        'check="double"', 'check="triple"', 18, 'check "triple" has no exercise',
        '# %% exercise="triple"',
    ),
    "exercise without check": (
        'check="double" points=2', "", 11, 'exercise "double" has no check',
        '# %% check="double"',
    ),
    "duplicate id": (
        'question="why"', 'question="double"', 27,
        '"double" is taken by the exercise on line 11', "another name",
    ),
    "an id that nbgrader's own cells take": (
        'question="why"', 'question="check_double"', 27, '"check_double" is taken',
        "another name",
    ),
    "missing END SOLUTION": (
        "    ### END SOLUTION\n\n# %% check", "\n# %% check", 14,
        "BEGIN SOLUTION without END", "add ### END SOLUTION",
    ),
    "missing BEGIN SOLUTION": (
        "    ### BEGIN SOLUTION\n", "", 15, "END SOLUTION without BEGIN",
        "add ### BEGIN SOLUTION",
    ),
    "missing END HIDDEN TESTS": (
        "### END HIDDEN TESTS\n", "", 20, "BEGIN HIDDEN TESTS without END", "add",
    ),
    "hidden tests in a lesson cell": (
        "lesson_variable = np.ones(3)",
        "### BEGIN HIDDEN TESTS\n1\n### END HIDDEN TESTS", 9,
        "HIDDEN TESTS marker in a cell tagged lesson", "move it to a cell tagged check",
    ),
    "no answer": (
        "    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION",
        "    return 2 * x", 11, 'exercise "double" has no answer', "### BEGIN SOLUTION",
    ),
    "points missing": (" points=2", "", 18, "points are missing", "points=2"),
    "points of zero": ("points=2", "points=0", 18, "points=0", "points=2"),
    "points on an exercise": (
        'exercise="double"', 'exercise="double" points=2', 11,
        "points on a cell that is not graded", "check",
    ),
    "two roles": (
        'claim="doubling"', 'claim="doubling" exercise="d"', 24,
        "both exercise and claim", "keep one",
    ),
    "an empty cell": (
        "# %%\nlesson_variable", "# %% [markdown]\n# %%\nlesson_variable", 8,
        "an empty cell", "take its header away",
    ),
    "a headline without a claim": (
        'exercise="double"', 'exercise="double" headline="{0}"', 11,
        "a headline without a claim", "claim that computes",
    ),
    "name with a space": (
        'claim="doubling"', 'claim="twice as much"', 24, '"twice as much"', "letters",
    ),
    "stub that does not parse": (
        "    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION",
        "    y = (\n    ### BEGIN SOLUTION\n    2 * x\n    ### END SOLUTION\n    )\n"
        "    return y", 15, "does not parse", "whole statements",
    ),
    "not Python": ("return 2 * x", "return 2 x", 15, "not Python", "correct the line"),
    "a check leans on a lesson cell": (
        "double(3), 6", "double(lesson_variable), 2 * lesson_variable", 21,
        'check "double" uses "lesson_variable"', "in the cell itself",
    ),
    "an answer leans on a lesson cell": (
        "return 2 * x", "return x + x * lesson_variable[0]", 15,
        'exercise "double" uses "lesson_variable"', "in the cell itself",
    ),
    "a stub that finds no checks": (
        "import checks, results", "import results", 11, 'uses "checks", which neither',
        "import it in the setup cell",
    ),
    "a claim that records nothing": (
        "results.record(", "print(", 24, 'claim "doubling" records nothing',
        "results.record",
    ),
    "a question in code": (
        '# %% [markdown] question="why"', '# %% question="why"', 27,
        "question on a code cell", "make it a markdown cell",
    ),
    "an exercise in markdown": (
        '# %% exercise="double"', '# %% [markdown] exercise="double"', 11,
        "exercise on a markdown cell", "make it a code cell",
    ),
    "no setup cell": (
        "import numpy as np\nfrom course_lib import checks, results",
        "\n".join(f"x{i} = {i}" for i in range(12)), 4, "no setup cell", "8 lines",
    ),
    "a marker that nbgrader does not know": (
        "### BEGIN HIDDEN TESTS\nchecks.close(double(3)",
        "### BEGIN HIDDEN TEST\nchecks.close(double(3)", 20,
        "no marker that nbgrader knows: ### BEGIN HIDDEN TEST", "write one of",
    ),
    "a marker at the wrong indentation": (
        "    ### BEGIN SOLUTION", "### BEGIN SOLUTION", 14, "is not indented like",
        "indent the marker",
    ),
    "markers around nothing": (
        "    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION",
        "    ### BEGIN SOLUTION\n    ### END SOLUTION\n    return 2 * x", 14,
        "around nothing", "apart",
    ),
    "an open string": ('"twice")', '"""twice)', 19, "not Python", "correct the line"),
    "a header without its blank": (
        '# %% claim="doubling"', '#%% claim="doubling"', 24, "looks like a header",
        'with "# %%"',
    ),
    "a return outside a function": (
        "lesson_variable = np.ones(3)", "return 3", 9, "not Python", "correct",
    ),
    "the same tag twice": (
        "points=2", "points=2 points=20", 18, "the same tag twice", "keep one",
    ),
    "a check behind nothing visible": (
        'checks.close(double(np.ones(2)), [2, 2], "twice")\n', "", 18,
        "shows no test", "at least one",
    ),
    "text before the first cell": (
        "# %% [markdown]\n# # Title", "import os\n\n# %% [markdown]\n# # Title", 1,
        "belongs to no cell", "# %%",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_with_line_and_mend(tmp_path, damage):
    old, new, line, what, mend = DAMAGES[damage]
    assert GOOD.count(old) == 1
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(source.SourceError) as error:
        source.read(path)
    lines = str(error.value).splitlines()
    where = next(i for i, text in enumerate(lines) if what in text)
    assert lines[where].startswith(f"{path}:{line}: ")
    assert lines[where + 1].startswith("    mend: ")
    assert mend in lines[where + 1]


def test_all_problems_are_listed_at_once(tmp_path):
    text = GOOD.replace("points=2", "").replace("points=4", "points=x")
    with pytest.raises(source.SourceError) as error:
        source.read(write(tmp_path, text))
    assert [problem.line for problem in error.value.problems] == [18, 27]


def test_a_check_before_its_exercise(tmp_path):
    head, rest = GOOD.split("# %% exercise")
    exercise, rest = rest.split("# %% check")
    check, rest = rest.split("# %% claim")
    text = f"{head}# %% check{check}# %% exercise{exercise}# %% claim{rest}"
    with pytest.raises(source.SourceError, match="stands before its exercise"):
        source.read(write(tmp_path, text))


@pytest.mark.parametrize("text", ["", "\n\n", "# ---\n# a: b\n# ---\n"])
def test_a_file_without_cells(tmp_path, text):
    with pytest.raises(source.SourceError, match="no cell in this file"):
        source.read(write(tmp_path, text))


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path):
    path = tmp_path / "unit.py"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert source.read(path) == source.read(write(tmp_path, GOOD))


def test_comments_that_look_like_commands_stay_comments(tmp_path):
    text = GOOD.replace("lesson_variable =", "# ls -l\n# %timeit\nlesson_variable =")
    assert source.read(write(tmp_path, text))[2].source.startswith("# ls -l\n# %timeit")


def test_it_reads_what_jupytext_reads(root):
    """The source is py:percent, as JupyterLab's jupytext would open it."""
    for path in root.glob("solutions/*/*.py"):
        theirs = jupytext.read(path, fmt="py:percent").cells
        ours = source.read(path)
        assert [cell.source for cell in ours] == [cell.source for cell in theirs]


def test_a_file_in_another_encoding(tmp_path):
    path = tmp_path / "unit.py"
    path.write_bytes(GOOD.replace("Title", "Océan").encode("latin-1"))
    with pytest.raises(source.SourceError, match=r"unit.py:2: not UTF-8"):
        source.read(path)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("y = [a for a in b]", {"b"}),
        ("def f(x, d=c):\n    return x + e", {"c", "e"}),
        ("class A(B):\n    z = w\n    def m(self):\n        return v", set("Bwv")),
        ("x = 1\nf = lambda y: x + y + z", {"z"}),
        ("for i in n:\n    print(i)", {"n", "print"}),
        ('f"{a + 1}"', {"a"}),
    ],
)
def test_names_that_a_cell_needs(code, names):
    assert source.needed(code) == names


def test_the_stub_is_what_nbgrader_writes(root):
    from nbgrader.preprocessors import ClearSolutions

    text = GOOD[GOOD.index("def double") : GOOD.index("# %% check")].rstrip()
    cell = nbformat.v4.new_code_cell(text)
    clear = ClearSolutions(code_stub={"python": cells.STUB})
    clear._replace_solution_region(cell, "python")
    assert cells.stub(text) == cell.source
