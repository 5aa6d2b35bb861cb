"""Lays out what Sphinx reads for the book: python book/stage.py FOLDER.

The folder is laid out as the repository is, so that links hold in both:

    index.md, book/, CONTRIBUTING.md   pages, as written
    notebooks/<unit>/<unit>.ipynb      lessons for students, with the solution's outputs
    lectures.md, api/                  pages made here (lectures.py, reference.py)
    references.bib                     works, each with the units that cite it
    _extra/, _static/                  decks; MathJax and fonts
"""

import base64
import re
import shutil
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote

import lectures
import nbformat
import reference
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from pybtex.database import BibliographyData, parse_file

from course_lib import build, headlines, results
from course_lib.build import Unit

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
NODE = ROOT / "slides" / "node_modules"
MATHJAX = NODE / "mathjax" / "es5" / "tex-svg-full.js"  # draws, and needs no font
FONT = re.compile(r"files/[\w.-]+\.woff2")
UNIT = re.compile(r"\(unit \d\d\)")
LINK = re.compile(r"\]\((?!\w+:|#)([^)#]+)")
CITATION = re.compile(r"\]\(https://(?:doi\.org|arxiv\.org/abs)/(\S+?)\)(?![\w%])")
NOTE = """> These are the outputs of a complete run; the exercises are open. Work on
> them in JupyterLab (`make lab`), or behind the rocket above."""


def stage(folder: Path, decks: Path = lectures.BUILT) -> None:
    """Lays everything out in a folder, made anew; decks: where the built ones lie."""
    shutil.rmtree(folder, ignore_errors=True)
    units = build.find_units(ROOT)
    lay_pages(folder, units)
    for unit in units:
        page = folder / unit.student.relative_to(ROOT)
        page.parent.mkdir(parents=True)
        nbformat.write(lesson(unit, decks), page)
    lay_front(folder / "index.md", units)
    lectures.lay(folder, decks)
    reference.lay(folder / "api")
    references(units).to_file(folder / "references.bib", "bibtex")
    lay_assets(folder / "_static")


def lay_pages(folder: Path, units: list[Unit]) -> None:
    """The pages that people write."""
    (folder / "book").mkdir(parents=True)
    if (BOOK / "images").exists():
        shutil.copytree(BOOK / "images", folder / "book" / "images")
    for page in [*BOOK.glob("*.md"), ROOT / "CONTRIBUTING.md"]:
        text = UNIT.sub(lambda m: link_to(m[0], units), page.read_text())
        (folder / page.relative_to(ROOT)).write_text(to_repository(text, page.parent))
    (folder / "book" / "index.md").rename(folder / "index.md")


def lay_front(page: Path, units: list[Unit]) -> None:
    """Completes the front page: the units, what exists of them, and its figure."""
    text = headlines.renewed(page, units).replace("](../", "](")

    def filled(pattern: re.Match) -> str:
        return pattern[0] if any(page.parent.glob(f"{pattern[1]}.*")) else ""

    # The course grows unit by unit; Sphinx warns of a pattern that nothing fits.
    text = re.sub(r"^(\S+\*\S*)\n", filled, text, flags=re.M)
    start = re.search(r":alt: (.+)", text)[1]
    image, alt = figure(units, start)
    (page.parent / "front.png").write_bytes(image)
    page.write_text(text.replace(f":alt: {start}", f":alt: {alt}"))


def figure(units: list[Unit], start: str) -> tuple[bytes, str]:
    """The figure of the solutions whose text begins like this, and its whole text."""
    for unit in units:
        for cell in nbformat.read(unit.solution, as_version=4).cells:
            for output in cell.get("outputs", []):
                alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
                if alt.startswith(start):
                    return base64.b64decode(output.data["image/png"]), alt
    raise LookupError(f"no solution has a figure whose text begins with {start!r}")


def link_to(name: str, units: list[Unit]) -> str:
    """`(unit 01)` as a link to the lesson, from a page in book/."""
    unit = next(unit for unit in units if unit.name[:2] == name[-3:-1])
    words = name[1:-1].replace(" ", "\u00a0")
    return f"([{words}](../{unit.student.relative_to(ROOT)}))"


def to_repository(text: str, folder: Path) -> str:
    """A page of that folder; links to files outside the book lead to the repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    inside = [BOOK, ROOT / "notebooks"]

    def mended(match: re.Match) -> str:
        target = (folder / match[1]).resolve()
        if not target.exists() or any(target.is_relative_to(part) for part in inside):
            return match[0]
        path = target.relative_to(ROOT)
        return f"]({project['urls']['Repository']}/blob/main/{path}"

    return LINK.sub(mended, text)


# --- lessons --------------------------------------------------------------------------


def lesson(unit: Unit, decks: Path) -> NotebookNode:
    """The notebook for students, with what the solution's cells put out, by cell id."""
    notebook = nbformat.read(unit.student, as_version=4)
    executed = nbformat.read(unit.solution, as_version=4)
    outputs = {cell.id: cell.get("outputs", []) for cell in executed.cells}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            show(cell, outputs[cell.id])
        # MathJax shall look into the hints
        cell.source = cell.source.replace(
            "<details>", '<details class="mathjax_process">'
        )
    title = notebook.cells[0]
    title.source = title.source.replace("# ", f"# {unit.name[:2]} · ", 1)
    opening = f"{lectures.links_of(unit, decks)}\n\n{NOTE}"
    notebook.cells.insert(1, new_markdown_cell(opening, id="book"))
    return notebook


def show(cell: NotebookNode, outputs: list[NotebookNode]) -> None:
    """Puts outputs into a cell: figures with their text, checks folded."""
    cell.outputs = [o for o in outputs if o.get("name") != "stderr"]
    for output in cell.outputs:
        output.get("data", {}).pop(results.MIME, None)  # its sentence stays
    images = [o for o in cell.outputs if "image/png" in o.get("data", {})]
    if len(images) > 1:
        raise ValueError(
            f"cell {cell.id} has {len(images)} figures; MyST takes one text"
        )
    for image in images:
        alt = image.metadata["image/png"]["alt"]
        cell.metadata["mystnb"] = {"image": {"alt": alt}}
    if cell.metadata.get("nbgrader", {}).get("points"):
        cell.metadata["tags"] = ["hide-input"]


# --- references and assets ------------------------------------------------------------


def cited(text: str) -> set[str]:
    """The DOIs and arXiv numbers to which a Markdown text links, in small letters."""
    return {unquote(found).lower() for found in CITATION.findall(text)}


def references(units: list[Unit]) -> BibliographyData:
    """The bibliography, each work with the units that cite it."""
    bibliography = parse_file(BOOK / "references.bib")
    for entry in bibliography.entries.values():
        keys = {entry.fields.get(name, "").lower() for name in ("doi", "eprint")}
        numbers = [u.name[:2] for u in units if keys & cited(u.source.read_text())]
        if numbers:
            entry.fields["note"] = f"Cited in {lectures.spoken(numbers)}"
    return bibliography


def lay_assets(static: Path) -> None:
    """MathJax, and the fonts that the style sheet names, from their npm packages."""
    style = (BOOK / "static" / "ocean.css").read_text()
    packages = NODE / "@fontsource"
    fonts = [next(packages.glob(f"*/{f}"), packages / f) for f in FONT.findall(style)]
    for file in [MATHJAX, *fonts]:
        if not file.exists():
            raise SystemExit(f"{file} is missing: npm ci --prefix slides")
        target = static / file.parent.name
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)


if __name__ == "__main__":
    stage(Path(sys.argv[1]))
