"""Whatever a submission is, it ends as our notebook with its answers, or unreadable."""

import contextlib
import copy
import io
import json
import os
import zipfile

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_lib import build
from course_lib.grading import answers, submissions, suspicion
from course_lib.grading.sanitize import (
    LONGEST_CELL,
    SKIP,
    Sanitized,
    Template,
    Unreadable,
    graded_path,
    sanitize,
)
from tests.conftest import ROOT

UNIT = build.find_units(ROOT, ["01"])[0]
TEMPLATE = Template.of(UNIT)
ANSWER = "def fit_pca(x, n_components):\n    return 'mine'"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YA"


def submission() -> dict:
    """The JSON of a notebook in which the first exercise is answered."""
    return json.loads(nbformat.writes(answers.filled(UNIT, {"fit_pca": ANSWER})))


def cell_of(content: dict, name: str) -> dict:
    return next(cell for cell in content["cells"] if cell["id"] == name)


@pytest.fixture
def clean(tmp_path):
    """Sanitize a content or a text, written to a file."""

    def write_and_sanitize(content: dict | str) -> Sanitized:
        path = tmp_path / "01_pca_autoencoder.ipynb"
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text)
        return sanitize(TEMPLATE, path)

    return write_and_sanitize


def check_ours(notebook) -> None:
    """All that is ours stands there as we have it, in our order, and once."""
    known = {cell.id for cell in TEMPLATE.cells}
    cells = [cell for cell in notebook.cells if cell.id in known]
    assert [cell.id for cell in cells] == [cell.id for cell in TEMPLATE.cells]
    for cell, ours in zip(cells, TEMPLATE.cells, strict=True):
        assert cell.metadata == ours.metadata
        assert cell.cell_type == ours.cell_type
        if "nbgrader" in ours.metadata and not ours.metadata.nbgrader.solution:
            assert cell.source == ours.source
    nbformat.validate(notebook)


def duplicated(content):
    answer = cell_of(content, "fit_pca")
    content["cells"].append(copy.deepcopy(answer))
    answer["source"] = "def fit_pca(x, n_components):\n    return 'an earlier one'"


def renumbered(content):
    answer = cell_of(content, "fit_pca")
    answer["metadata"]["nbgrader"]["grade_id"] = "reconstruct_pca_2"


def without_metadata(content):
    for cell in content["cells"]:
        cell["metadata"] = {}


def without_ids(content):
    for cell in content["cells"]:
        del cell["id"]
    content["nbformat_minor"] = 4


def without_anything(content):
    without_ids(content)
    without_metadata(content)


def old_schema(content):
    for cell in content["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["schema_version"] = 0


def points_changed(content):
    check = cell_of(content, "check_fit_pca")
    check["metadata"]["nbgrader"]["points"] = 100
    check["metadata"]["tags"] = [SKIP]


DAMAGES = {
    "duplicated": duplicated,
    "duplicate cell id": lambda c: c["cells"][-1].update(id="fit_pca"),
    "reordered": lambda c: c["cells"].reverse(),
    "retyped": lambda c: cell_of(c, "fit_pca").update(cell_type="raw"),
    "renumbered": renumbered,
    "without metadata": without_metadata,
    "without ids": without_ids,
    "without anything": without_anything,
    "an old schema": old_schema,
    "another kernel": lambda c: c["metadata"].update(kernelspec={"name": "bash"}),
    "points and tags": points_changed,
    "a check deleted": lambda c: c["cells"].remove(cell_of(c, "check_fit_pca")),
    "a check emptied": lambda c: cell_of(c, "check_fit_pca").update(source=["pass"]),
    "lines as a list": lambda c: cell_of(c, "fit_pca").update(
        source=ANSWER.splitlines(keepends=True)
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_mended_and_the_answer_counts(clean, name):
    content = submission()
    DAMAGES[name](content)
    sanitized = clean(content)
    check_ours(sanitized.notebook)
    answer = next(cell for cell in sanitized.notebook.cells if cell.id == "fit_pca")
    assert answer.source == ANSWER
    assert answer.cell_type == "code"


TOO_MUCH = {  # what no student writes, and what would take the grader long
    "a number of 5000 digits": ('{"cells": [], "nbformat": ' + "4" * 5000, "damaged"),
    "nested too deeply": ('{"cells": ' + "[" * 100_000, "damaged"),
    "sheets of nothing": ('{"worksheets": [{"cells": 5}, 6]}', "no cell of"),
    "cells without an end": (json.dumps({"cells": [{}] * 5000}), "1000 cells"),
    "three million characters": (
        json.dumps({"cells": [{"cell_type": "code", "source": "x" * 3_000_000}]}),
        "2 million characters",
    ),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_is_too_much_is_unreadable_and_says_why(clean, name):
    text, why = TOO_MUCH[name]
    with pytest.raises(Unreadable, match=why):
        clean(text)


def test_a_huge_cell_is_cut(clean):
    content = submission()
    cell_of(content, "fit_pca")["source"] = "x" * (LONGEST_CELL + 1)
    notebook = clean(content).notebook
    assert max(len(cell.source) for cell in notebook.cells) == LONGEST_CELL
    check_ours(notebook)


def test_notebooks_of_format_3_are_read(clean):
    cells = [{"cell_type": "code", "language": "python", "input": ANSWER, "outputs": [],
              "collapsed": False, "metadata": {}}]  # fmt: skip
    sanitized = clean({"nbformat": 3, "nbformat_minor": 0, "metadata": {},
                       "worksheets": [{"cells": cells}]})  # fmt: skip
    check_ours(sanitized.notebook)
    assert ANSWER in [cell.source for cell in sanitized.notebook.cells]


def test_what_a_student_adds_stays_where_it_was(clean):
    content = submission()
    index = content["cells"].index(cell_of(content, "fit_pca"))
    added = {"cell_type": "code", "source": "helper = 1", "metadata": {"tags": [SKIP]}}
    content["cells"].insert(index, added)
    notebook = clean(content).notebook
    ids = [cell.id for cell in notebook.cells]
    mine = next(cell for cell in notebook.cells if cell.source == "helper = 1")
    assert ids.index(mine.id) == ids.index("fit_pca") - 1
    assert mine.metadata == {}


def test_the_graded_path_skips_untouched_lessons_only(clean):
    content = submission()
    lessons = [c for c in TEMPLATE.cells if c.cell_type == "code" and not c.metadata]
    cell_of(content, lessons[0].id)["source"] = "changed = 1"
    path = graded_path(TEMPLATE, clean(content).notebook)
    skipped = {cell.id for cell in path.cells if SKIP in cell.metadata.get("tags", [])}
    assert skipped == {cell.id for cell in lessons[1:]}


def test_pictures_of_an_essay_stay_and_nothing_else(clean):
    content = submission()
    essay = next(
        cell for cell in content["cells"]
        if cell["cell_type"] == "markdown" and "nbgrader" in cell["metadata"]
    )  # fmt: skip
    essay["attachments"] = {"a.png": {"image/png": PIXEL}, "b": {"text/html": "<p>"}}
    notebook = clean(content).notebook
    kept = next(cell for cell in notebook.cells if cell.id == essay["id"])
    assert kept.attachments == {"a.png": {"image/png": PIXEL}}


def test_broken_characters_do_not_reach_the_kernel(clean):
    content = submission()
    cell_of(content, "fit_pca")["source"] = "a = '\ud800'\0"
    sources = [cell.source for cell in clean(content).notebook.cells]
    assert "a = '?'" in sources


class TestFiles:
    """Files beside the notebook, links, other names."""

    @pytest.fixture
    def unit(self, tmp_path):
        return build.Unit(tmp_path, UNIT.name)

    def folder(self, unit, name="ada"):
        folder = submissions.folder_of(unit, name)
        folder.mkdir(parents=True)
        return folder

    def test_helpers_come_along_and_links_do_not(self, unit):
        folder = self.folder(unit)
        (folder / "mine.py").write_text("x = 1")
        (folder / "link.txt").symlink_to("/etc/passwd")
        path = folder / f"{unit.name}.ipynb"
        path.write_text(json.dumps(submission()))
        assert list(sanitize(TEMPLATE, path).files) == ["mine.py"]

    def test_a_renamed_notebook_is_found(self, unit):
        folder = self.folder(unit)
        (folder / f"{unit.name} (1).ipynb").write_text("{}")
        (folder / "scratch.ipynb").write_text("{}")
        assert submissions.notebook_of(unit, "ada").name == f"{unit.name} (1).ipynb"

    def test_what_cannot_be_graded_is_named(self, unit):
        self.folder(unit)
        with pytest.raises(submissions.NoSubmissions, match="no notebook"):
            submissions.notebook_of(unit, "ada")
        with pytest.raises(submissions.NoSubmissions, match="rename it"):
            submissions.notebook_of(unit, "a*b")

    def test_a_folder_without_a_notebook_says_so(self, unit):
        (self.folder(unit) / "essay.txt").write_text("x")
        with pytest.raises(submissions.NoSubmissions, match="no notebook"):
            submissions.notebook_of(unit, "ada")

    def test_a_link_for_a_folder_is_refused_and_not_followed(self, unit, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        folder = submissions.folder_of(unit, "ada")
        folder.parent.mkdir(parents=True)
        folder.symlink_to(tmp_path / "elsewhere")
        before = submissions.digest(unit, "ada")
        (tmp_path / "elsewhere" / "new.txt").write_text("x")
        assert submissions.digest(unit, "ada") == before
        with pytest.raises(submissions.NoSubmissions, match="link"):
            submissions.notebook_of(unit, "ada")

    def test_a_link_is_refused(self, unit, tmp_path):
        (tmp_path / "secret.ipynb").write_text("{}")
        folder = self.folder(unit)
        (folder / f"{unit.name}.ipynb").symlink_to(tmp_path / "secret.ipynb")
        with pytest.raises(submissions.NoSubmissions, match="link"):
            submissions.notebook_of(unit, "ada")

    @pytest.mark.parametrize(
        ("name", "student"),
        [
            ("ada.ipynb", "ada"),
            ("ada (2).ipynb", "ada"),
            ("01_pca_autoencoder_ada.ipynb", "ada"),
            ("Lovelace Ada_4711_assignsubmission_file_/x.ipynb", "Lovelace Ada_4711"),
            ("ada/01_pca_autoencoder/01_pca_autoencoder.ipynb", "ada"),
            ("a*b.ipynb", "a_b"),
        ],
    )
    def test_who_is_who_in_a_zip(self, unit, tmp_path, name, student):
        with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
            archive.writestr(name, json.dumps(submission()))
        submissions.collect(unit, tmp_path / "all.zip")
        assert submissions.students(unit) == [student]

    def test_a_zip_cannot_leave_its_folder(self, unit, tmp_path):
        with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
            archive.writestr("../../evil.ipynb", "{}")
        with pytest.raises(submissions.NoSubmissions, match="leaves it"):
            submissions.collect(unit, tmp_path / "all.zip")

    def test_an_earlier_version_is_kept(self, unit, tmp_path):
        inbox = tmp_path / "inbox"
        inbox.mkdir()
        for text in ("one", "one", "two"):
            (inbox / "ada.ipynb").write_text(text)
            submissions.collect(unit, inbox)
        kept = list((tmp_path / "earlier").rglob("ada.ipynb"))
        assert [path.read_text() for path in kept] == ["one"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(thing, path=()):
    """Every place in a JSON value."""
    yield path
    items = thing.items() if isinstance(thing, dict) else []
    items = enumerate(thing) if isinstance(thing, list) else items
    for key, value in items:
        yield from places(value, (*path, key))


def mutate(content, path, action, value):
    """Replace, delete or repeat what stands at a place."""
    *before, last = path
    for key in before:
        content = content[key]
    if action == "replace":
        content[last] = value
    elif action == "delete":
        del content[last]
    elif isinstance(content, list):
        content.append(copy.deepcopy(content[last]))


PLACES = [path for path in places(submission()) if path]


@pytest.mark.slow
@settings(max_examples=500, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_five_hundred_mutated_notebooks(tmp_path, data):
    content = submission()
    for _ in range(data.draw(st.integers(0, 6))):
        path = data.draw(st.sampled_from(PLACES))
        action = data.draw(st.sampled_from(["replace", "delete", "repeat"]))
        try:
            mutate(content, path, action, data.draw(ANYTHING))
        except (KeyError, IndexError, TypeError):  # the place is gone
            continue
    raw = bytearray(json.dumps(content).encode())
    if data.draw(st.booleans()):
        for position in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=5)):
            raw[position] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.sampled_from([len(raw)] * 4 + [len(raw) // 2, 0]))]
    path = tmp_path / "fuzz.ipynb"
    path.write_bytes(raw)
    try:
        sanitized = sanitize(TEMPLATE, path)
    except Unreadable:
        return
    check_ours(sanitized.notebook)
    json.dumps(sanitized.notebook)
    for cell in sanitized.notebook.cells:
        suspicion.suspicious(cell.source)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(max_examples=50, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_mutated_zips(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("zips")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in data.draw(st.lists(st.text(min_size=1, max_size=12), max_size=4)):
            try:
                archive.writestr(f"{name}.ipynb", "{}")
            except (UnicodeEncodeError, ValueError):
                continue
    raw = bytearray(buffer.getvalue())
    for position in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=3)):
        raw[position] = data.draw(st.integers(0, 255))
    (folder / "all.zip").write_bytes(raw)
    course = folder / "course"
    course.mkdir()
    with contextlib.suppress(submissions.NoSubmissions):
        submissions.collect(build.Unit(course, UNIT.name), folder / "all.zip")
    assert set(os.listdir(folder)) == {"all.zip", "course"}


HONEST = [  # what looks like tampering and is none
    "model.eval()\nre.compile('x')\ntorch.compile(model)",
    "for _i in range(3):\n    print(_i)",
    "global_step = 0\ndef step():\n    global global_step\n    global_step += 1",
    "torch.backends.cudnn.deterministic = True",
    "plt.rcParams['figure.figsize'] = 4, 3\nplt.rcParams.update({'font.size': 9})",
    "import os\nos.environ['OMP_NUM_THREADS'] = '1'",
    "layer.affine = False\nself.close = self.array = 3",
    "class A(dict):\n    def __init__(self, **k):\n        self.__dict__.update(k)",
    "data['close'] = prices.array",
    "setattr(model, 'name', 'x')\ngetattr(cost, 'grad_fn', None)",
    "import gc, inspect\ngc.collect()\ninspect.signature(print)",
    "%matplotlib inline\nx = %timeit -o 1\nfiles = !ls\n!pip list\nnp.abs?",
    "%%time\ntype = 'cnn'",
    "mock = [1, 2]\nprint('mock')",
    "nn = Net()\nnn.training = False",
]
TAMPERING = {
    "np.allclose = f": "assigns np.allclose",
    "import numpy\nnumpy.testing.assert_allclose = f": "assigns numpy.testing.assert_",
    "from course_lib import checks as c\nc.close = f": "assigns c.close",
    "c = checks\nc.array = f": "assigns c.array",
    "setattr(checks, 'close', f)": "calls setattr",
    "object.__setattr__(checks, 'close', f)": "calls object.__setattr__",
    "vars(np)['allclose'] = f": "assigns vars(np)",
    "np.__dict__.update(allclose=f)": "calls np.__dict__.update",
    "sys.modules['course_lib.checks'].close = f": "assigns sys.modules",
    "globals()['checks'] = f": "assigns globals()",
    "def f():\n    global np": "declares global np",
    "checks.close.__code__ = f": "uses __code__",
    "from sys import _getframe as look": "uses _getframe",
    "getattr(sys, '_get' + 'frame')": "uses _getframe",
    "exec(text)": "uses exec",
    "print(In[-1])": "uses In",
    "import ctypes": "imports ctypes",
    "from unittest.mock import patch": "imports unittest.mock",
    "from unittest import mock": "imports mock",
    "class A(float):\n    def __eq__(self, x): return True": "defines __eq__",
    "class A(float):\n    __lt__ = yes": "defines __lt__",
    "type('A', (float,), {'__eq__': yes})": "defines __eq__",
    "%time 1\nnp.allclose = f": "assigns np.allclose",
}


@pytest.mark.parametrize("source", HONEST)
def test_honest_code_is_not_suspicious(source):
    assert suspicion.suspicious(source) == []


@pytest.mark.parametrize("source", TAMPERING)
def test_tampering_is_named(source):
    assert TAMPERING[source] in " ".join(suspicion.suspicious(source))


@pytest.mark.parametrize(
    "source",
    ["(" * 10**5, "-" * 10**5 + "1", "a" + ".b" * 2900 + " = 1", "%time 1\n" * 9000,
     "1+" * 60_000 + "1", "a" + "()" * 50_000, "\0", "\ud800", "'\\N{x}'"],
    ids=range(9),
)  # fmt: skip
def test_no_code_stops_the_search(source):
    assert isinstance(suspicion.suspicious(source), list)
