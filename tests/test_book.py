"""What the book is made from: lessons without answers, works, words, docstrings."""

import inspect
import re
import sys

import nbformat
import pytest
import yaml

from course_lib import build, source

from .conftest import ROOT

sys.path.insert(0, str(ROOT / "book"))

import docstrings
import lectures
import reference
import stage

UNITS = build.find_units(ROOT)
BIBLIOGRAPHY = stage.references(UNITS).entries
SECRET = ("### BEGIN", "### END")


@pytest.fixture(scope="module", params=UNITS, ids=lambda unit: unit.name)
def unit(request):
    return request.param


@pytest.fixture(scope="module")
def lesson(unit):
    """A lesson as the book has it; no deck is built."""
    return stage.lesson(unit, ROOT / "none")


# --- lessons --------------------------------------------------------------------------


def test_a_lesson_is_the_student_notebook(unit, lesson):
    released = nbformat.read(unit.student, as_version=4).cells
    cells = [cell for cell in lesson.cells if cell.id != "book"]
    assert [cell.id for cell in cells] == [cell.id for cell in released]
    for cell, original in zip(cells, released, strict=True):
        if cell.cell_type == "code":
            assert cell.source == original.source
    assert cells[0].source.startswith(f"# {unit.name[:2]} · ")
    assert not any(mark in cell.source for cell in cells for mark in SECRET)


def test_a_lesson_has_the_outputs_of_the_solution(unit, lesson):
    executed = nbformat.read(unit.solution, as_version=4).cells
    outputs = {cell.id: cell.get("outputs", []) for cell in executed}
    for cell in (cell for cell in lesson.cells if cell.cell_type == "code"):
        expected = [o for o in outputs[cell.id] if o.get("name") != "stderr"]
        assert len(cell.outputs) == len(expected)
    printed = str([cell.get("outputs") for cell in lesson.cells])
    for cell in source.read(unit.source):
        if cell.role == "check":
            assert f"✓ {cell.name}" in printed


def test_checks_are_folded_and_stubs_are_not(lesson):
    for cell in (cell for cell in lesson.cells if cell.cell_type == "code"):
        folded = "hide-input" in cell.metadata.get("tags", [])
        assert folded == cell.id.startswith("check_")


def test_a_lesson_leads_to_its_lecture(tmp_path):
    for ending in lectures.EDITIONS.values():
        (tmp_path / f"01_autoencoders{ending}").touch()
    unit = next(unit for unit in UNITS if unit.name.startswith("01"))
    assert lectures.links_of(unit, tmp_path).count('"../../slides/01_') == 4
    assert "lectures.md" in lectures.links_of(unit, tmp_path / "none")


def test_a_book_without_decks_says_how_to_build_them(tmp_path):
    lectures.lay(tmp_path, tmp_path / "none")
    assert "make slides" in (tmp_path / "lectures.md").read_text()


def test_every_lesson_has_a_lecture():
    assert lectures.units_of("01_autoencoders") == ["01", "02", "03", "04"]
    assert lectures.units_of("07_integration_schemes") == ["07"]
    lectured = {
        number for d in lectures.every_deck() for number in lectures.units_of(d)
    }
    assert {unit.name[:2] for unit in UNITS} <= lectured


def test_a_figure_that_no_solution_has_is_an_error():
    with pytest.raises(LookupError):
        stage.figure(UNITS, "no such figure")


def test_links_out_of_the_book_lead_to_the_repository():
    mended = stage.to_repository("[a](Makefile) [b](notebooks) [c](#x)", ROOT)
    assert re.match(r"\[a\]\(https://\S+/blob/main/Makefile\) \[b\]\(notebooks", mended)
    assert mended.endswith("[c](#x)")


# --- references -----------------------------------------------------------------------


def works() -> set[str]:
    """The DOIs and arXiv numbers of the bibliography."""
    fields = [entry.fields for entry in BIBLIOGRAPHY.values()]
    names = ("doi", "eprint")
    return {f[name].lower() for f in fields for name in names if name in f}


def texts() -> list[str]:
    """Everything in which the course cites."""
    patterns = ("solutions/*/*.py", "slides/*.md", "slides/handouts/*.md", "book/*.md")
    return [p.read_text() for pattern in patterns for p in ROOT.glob(pattern)]


def test_every_work_that_is_cited_stands_in_the_bibliography():
    cited = set().union(*map(stage.cited, texts()))
    assert len(cited) > 30
    assert not cited - works()


def test_the_works_that_the_course_rebuilds_stand_there_too():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    dois = {r["doi"].lower() for r in citation["references"] if "doi" in r}
    assert dois <= works()


def test_links_with_parentheses_are_read_whole():
    text = "[x](https://doi.org/10.1175/1520-0469(1963)020%3C0130:DNF%3E2.0.CO;2): y"
    assert stage.cited(text) == {"10.1175/1520-0469(1963)020<0130:dnf>2.0.co;2"}
    assert stage.cited("([a](https://arxiv.org/abs/1606.08921)).") == {"1606.08921"}


def test_entries_are_complete_and_say_who_cites_them():
    for key, entry in BIBLIOGRAPHY.items():
        assert entry.persons["author"], key
        assert {"title", "year"} <= set(entry.fields), key
        assert {"doi", "eprint", "url"} & set(entry.fields), key
    assert BIBLIOGRAPHY["barth2022"].fields["note"].startswith("Cited in units 03")


# --- glossary -------------------------------------------------------------------------


def glossary() -> list[tuple[list[str], str]]:
    """The names of each term, and its definition."""
    text = (ROOT / "book" / "glossary.md").read_text()
    body = text.split("```{glossary}")[1].split("```")[0]
    entries = []
    for block in body.strip().split("\n\n")[1:]:
        lines = block.splitlines()
        names = [line for line in lines if not line.startswith(" ")]
        entries.append((names, " ".join(lines[len(names) :]).strip()))
    return entries


@pytest.fixture(scope="module")
def prose() -> dict[str, str]:
    """What each lesson says, by its number, in small letters and without marks."""
    found = {}
    for unit in UNITS:
        cells = nbformat.read(unit.student, as_version=4).cells
        text = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
        found[unit.name[:2]] = " ".join(text.replace("*", "").lower().split())
    return found


def test_every_term_occurs_in_the_lesson_that_it_names(prose):
    assert len(glossary()) >= 60
    for names, definition in glossary():
        unit = re.fullmatch(r".+ \(unit (\d\d)\)\.", definition)
        assert unit, names
        for name in names:
            assert re.search(rf"\b{name.lower()}", prose[unit[1]]), name


def test_definitions_are_short_and_no_term_comes_twice():
    names = [name.lower() for names, _ in glossary() for name in names]
    assert len(names) == len(set(names))
    for names, definition in glossary():
        assert len(re.findall(r"[.?](?= |$)", definition)) <= 3, names
        assert len(definition.split()) <= 50, names


# --- the library ----------------------------------------------------------------------


def test_every_module_that_defines_something_has_a_page():
    found = reference.modules()
    assert {"checks", "datasets.geostrophy", "grading.run", "plots.lines"} <= set(found)
    assert not {"plots", "models", ""} & set(found)
    assert all(sentence.endswith(".") or ":" in sentence for sentence in found.values())


def test_the_index_of_the_library_lists_each_page_once(tmp_path):
    reference.lay(tmp_path / "api")
    index = (tmp_path / "api" / "index.md").read_text()
    for name in reference.modules():
        assert index.count(f"]({name}.rst)") == 1
        assert (tmp_path / "api" / f"{name}.rst").exists()


def test_line_breaks_between_equations_stay():
    from course_lib.datasets import geostrophy

    lines = inspect.getdoc(geostrophy.velocity_gradient).splitlines()
    rst = docstrings.to_rst(lines, 84)
    assert r"| u\_x = ∂u/∂x − v tan(latitude)/R,  u\_y = ∂u/∂y," in rst
    assert r"| v\_x = ∂v/∂x + u tan(latitude)/R,  v\_y = ∂v/∂y" in rst


def test_line_breaks_at_the_margin_go():
    full = ["a " * 40 + "b", "longword and the rest"]
    assert docstrings.to_rst(full, 84) == [f"{full[0]} {full[1]}", ""]


def test_parameters_begin_a_line():
    lines = ["seed: " + "x" * 76, "n_steps, dt: number and length"]
    assert docstrings.to_rst(lines, 84)[1] == r"| n\_steps, dt: number and length"


def test_indented_blocks_and_columns_stay_as_they_are():
    session = ["    >>> model.run(q)"]
    assert docstrings.to_rst(session, 88)[:3] == [
        ".. code-block:: pycon", "", "       >>> model.run(q)",
    ]  # fmt: skip
    assert (
        docstrings.to_rst(["full      namespaces"], 88)[2] == "   full      namespaces"
    )


def test_nothing_in_a_docstring_is_taken_for_markup():
    assert docstrings.escaped("|x| * y_ is `f(x)`") == r"\|x\| \* y\_ is \ ``f(x)``\ "
    assert docstrings.escaped("**Examples**") == "**Examples**"
