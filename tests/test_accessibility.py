"""What those need who do not see a figure, or read a page by its headings."""

import itertools
import re
from copy import deepcopy

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from matplotlib.colors import to_rgb
from skimage.color import rgb2xyz

from course_lib.grading import feedback, pages, report
from course_lib.grading.marks import MISSING, TAMPERED, TIMED_OUT, UNREADABLE

from . import prose, test_feedback
from .conftest import ROOT

LESSONS = prose.notebooks()
TEXTS = prose.files("*.md", "book/*.md", "slides/*.md", "slides/handouts/*.md")
SOLUTIONS = sorted(ROOT.glob("solutions/*/*.ipynb"))
desk = test_feedback.desk

# --- alternative texts ----------------------------------------------------------------


def silent(alts: list[str]) -> list[str]:
    """What is wrong with the alternative texts of the figures of one unit."""
    found = [f"too short: {alt!r}" for alt in alts if len(alt) <= 30]
    empty = re.compile(r"(an? )?(figure|image|picture|plot)\b", re.I)
    found += [f"says nothing: {alt!r}" for alt in alts if empty.match(alt)]
    return found + [f"twice: {alt!r}" for alt in set(alts) if alts.count(alt) > 1]


@pytest.mark.parametrize("page", LESSONS + TEXTS, ids=lambda page: page.path)
def test_images_in_prose_have_alternative_texts(page):
    badges = ("https://mybinder.org/badge", "https://colab.research.google.com/assets")
    images = prose.read(page.text).images
    assert all(alt for _, alt in images)
    assert silent([alt for src, alt in images if not src.startswith(badges)]) == []


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem[:2])
def test_figures_of_the_lessons_have_alternative_texts(path):
    outputs = [
        output
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    alts = [output.metadata.get("image/png", {}).get("alt", "") for output in outputs]
    assert len(alts) >= 4
    assert silent(alts) == []


def test_a_figure_without_words_is_noticed():
    good = "Sea level in May: two eddies, one high and one low."
    assert silent([good]) == []
    assert silent([good, good]) == [f"twice: {good!r}"]
    assert silent(["An eddy."])
    assert silent(["Figure of the sea level against the longitude and the latitude"])
    text = "![An eddy](eddy.png)\n\n<img src='b.png'>\n\nIn a line ![](c.png)."
    assert [alt for _, alt in prose.read(text).images] == ["An eddy", "", ""]


# --- headings -------------------------------------------------------------------------


def disorder(levels: list[int]) -> list[str]:
    """One h1, at the top, and no level left out on the way down."""
    found = [] if levels[:1] == [1] and levels.count(1) == 1 else ["not one h1 on top"]
    steps = itertools.pairwise(levels)
    return found + [f"h{a}, then h{b}" for a, b in steps if b > a + 1]


@pytest.mark.parametrize("page", LESSONS + TEXTS, ids=lambda page: page.path)
def test_headings_are_in_order(page):
    headings = prose.read(page.text).headings
    assert disorder([level for level, _ in headings]) == []
    assert all(title.strip() for _, title in headings)


def test_headings_out_of_order_are_noticed():
    assert disorder([1, 2, 3, 3, 2]) == []
    for levels in ([], [2, 3], [1, 2, 1], [1, 3], [2, 1]):
        assert disorder(levels), levels
    text = "---\ntitle: Eddies\n---\n# Eddies\n<h3>Rings</h3>\n\n## Jets\n"
    assert [level for level, _ in prose.read(text).headings] == [1, 3, 2]


# --- the pages of students and instructors --------------------------------------------


def barriers(html: str) -> list[str]:
    """What keeps somebody from reading a page."""
    page = BeautifulSoup(html, "html.parser")
    titles = page.find_all(re.compile("^h[1-6]$"))
    found = disorder([int(title.name[1]) for title in titles])
    if not (page.html and page.html.get("lang")):
        found.append("no language")
    if not (page.title and page.title.text.strip()):
        found.append("no title")
    if not page.main:
        found.append("no main part")
    for cell in page.find_all("th"):
        if cell.get("scope") not in ("col", "row") or not cell.text.strip():
            found.append(f"a header without scope or text: {cell}")
    for table in page.find_all("table"):
        if not table.select("thead th") or not table.select("tbody th"):
            found.append("a table without headers of columns and rows")
    for image in page.select("img, svg"):
        if not (image.get("alt") or image.get("aria-label")):
            found.append("an image without text")
    for link in page.find_all("a"):
        if not (link.text.strip() or link.get("aria-label")):
            found.append("a link without text")
    for scrolled in page.select(".scroll, [tabindex]"):
        if scrolled.name != "pre" and not scrolled.get("aria-label"):
            found.append("a part to scroll without a name")
    return found + colour_alone(page)


def colour_alone(page: BeautifulSoup) -> list[str]:
    """Coloured parts that no word and no number explains."""
    coloured = page.select(".good, .bad, .warn, pre.error")
    found = [str(part) for part in coloured if not re.search(r"\w", part.text)]
    bars = page.select(".bar")
    return found + [str(bar) for bar in bars if not re.search(r"\d", bar.parent.text)]


@pytest.fixture
def written(desk) -> dict[str, str]:
    """The pages of a small class in which everything happens."""
    outputs = [test_feedback.text("5"), test_feedback.error("NameError", "no sea")]
    outputs.append(test_feedback.picture(test_feedback.PIXEL_TEXT))
    outputs.append(deepcopy(outputs[-1]))
    outputs[-1].data["text/plain"] = "[figure] Two eddies."
    answer = test_feedback.notebook("pass", test_feedback.CHECK, "So.", outputs)
    for name, status, message in (
        ("ada", "graded", ""), ("ben", "graded", "twice"), ("cem", TAMPERED, ""),
        ("dia", TIMED_OUT, "not run"), ("eve", UNREADABLE, ""), ("fay", MISSING, ""),
    ):  # fmt: skip
        absent = status in (UNREADABLE, MISSING)
        more = {"grades": [], "sandbox": ""} if absent else {}
        more["evidence"] = ["cell double: uses gc"] if status == TAMPERED else []
        test_feedback.grade(desk, name, status, message, why=status, **more)
        if not absent:
            test_feedback.hand_in(desk, name, answer)
    paths = [*feedback.write_all(desk, None), *report.write_all(desk, csv=False)]
    return {path.as_posix(): path.read_text() for path in paths}


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_pages_are_open_to_everybody(written):
    assert len(written) == 7
    for path, html in written.items():
        assert barriers(html) == [], path
    everything = BeautifulSoup("".join(written.values()), "html.parser")
    alts = {image["alt"] for image in everything.find_all("img")}
    assert alts == {"A figure that this cell has drawn", "Two eddies."}
    for part in ("table", "img", "svg", ".bar", ".good", ".box.bad", "pre.error"):
        assert everything.select(part), f"no page holds {part}"


def test_barriers_are_noticed():
    html = (
        '<html lang="en"><title>Marks</title><main><h1>Marks</h1><h2>All</h2><table>'
        '<thead><tr><th scope="col">Who</th></tr></thead><tbody><tr>'
        '<th scope="row">Ada</th></tr></tbody></table><img alt="A"><a href="#">b</a>'
        '<p><span class="bar"></span>3</p><b class="good">✓ right</b></main></html>'
    )
    assert barriers(html) == []
    for good, bad in (
        (' lang="en"', ""), ("<title>Marks</title>", ""), ("h2", "h3"), ("h1", "h2"),
        (' scope="col"', ""), (' scope="row"', ""), ("tbody", "tfoot"), ("Who", " "),
        (' alt="A"', ""), (">b<", "><"), (">3<", "><"), ("✓ right", "✓"),
        ("<main>", '<main><p tabindex="0"></p>'), ("main", "div"),
    ):  # fmt: skip
        assert barriers(html.replace(good, bad)), good


def contrast(colour: str, ground: str) -> float:
    """WCAG's contrast of two colours, 1 to 21; Y is the relative luminance."""
    y = [rgb2xyz(np.array(to_rgb(one)))[1] for one in (colour, ground)]
    return float((max(y) + 0.05) / (min(y) + 0.05))


def test_words_stand_out_on_pages():
    """At least 4.5, WCAG's AA, on white and on the pale ground of boxes and code."""
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", pages.STYLE))
    used = set(re.findall(r"(?<!-)\bcolor: var\(--(\w+)\)", pages.STYLE))
    assert used == {"ink", "soft", "sea", "good", "bad", "warn"}
    for name in used:
        for ground in ("#ffffff", colours["pale"]):
            assert contrast(colours[name], ground) >= 4.5, f"{name} on {ground}"
    assert not re.search(r"(?<![\w-])color: (?!var)", pages.STYLE)
    assert contrast("#000000", "#ffffff") == pytest.approx(21, abs=0.01)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
