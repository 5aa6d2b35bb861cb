"""The built book: nothing leaks, every link holds, every page fits a telephone."""

import functools
import http.server
import re
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import nbformat
import pytest

from course_lib import build, source

from .browser import chromium
from .conftest import ROOT

sys.path.insert(0, str(ROOT / "book"))
import lectures
import stage

UNITS = build.find_units(ROOT)
ANSWER = re.compile(r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.+?)### END", re.S)
HINT = re.compile(r"<details class=\"mathjax_process\">(.+?)</details>", re.S)
STRAIGHT = str.maketrans("‘’“”", "''\"\"")
REPOSITORY = "ocean-deep-learning/course"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The folder of the book; placeholders stand for the decks, see test_slides."""
    if not stage.MATHJAX.exists():
        pytest.skip("MathJax is missing: npm ci --prefix slides")
    folder = tmp_path_factory.mktemp("book")
    (folder / "decks").mkdir()
    for deck in lectures.every_deck():
        for ending in lectures.EDITIONS.values():
            (folder / "decks" / f"{deck}{ending}").write_text("a placeholder")
    stage.stage(folder / "source", folder / "decks")
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    command = [*sphinx, "-c", ROOT / "book", folder / "source", folder / "html"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "html"


class Page(HTMLParser):
    """What a page shows and where it leads; headings are those of its article."""

    def __init__(self, path: Path):
        super().__init__()
        self.ids, self.links, self.images, self.headings = set(), [], [], []
        self.parts, self.silent, self.article = [], False, False
        self.feed(path.read_text())
        self.text = "".join(self.parts)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.silent = tag in ("script", "style")
        self.article |= tag == "article"
        self.ids.add(attrs.get("id"))
        self.links += [attrs[name] for name in ("href", "src") if attrs.get(name)]
        if tag == "img":
            self.images.append(attrs)
        if self.article and re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_data(self, data):
        if not self.silent:
            self.parts.append(data)

    def handle_endtag(self, tag):
        self.silent = False
        self.article &= tag != "article"


@pytest.fixture(scope="module")
def pages(built) -> dict[Path, Page]:
    """Every page that Sphinx has made, read."""
    found = [
        p for p in built.rglob("*.html") if p.parent.name not in ("slides", "_static")
    ]
    return {path: Page(path) for path in found}


def page_of(built: Path, unit: build.Unit) -> Path:
    """The page of a lesson."""
    return built / unit.student.relative_to(ROOT).with_suffix(".html")


# --- what nobody may read -------------------------------------------------------------


def squeezed(text: str) -> str:
    """Text without what a layout changes: blanks, emphasis and the form of quotes."""
    text = re.sub(r"[*`]|</?(code|su[bp]|em)>|^ *\d+\. ", "", text, flags=re.M)
    return " ".join(text.translate(STRAIGHT).split())


@pytest.fixture(scope="module")
def secrets() -> dict[str, set[str]]:
    """By unit, lines of answers and hidden tests that nobody is shown on purpose."""
    read = [nbformat.read(unit.student, as_version=4).cells for unit in UNITS]
    shown = squeezed("\n".join(cell.source for cells in read for cell in cells))
    found = {}
    for unit in UNITS:
        texts = ANSWER.findall(
            "\n".join(cell.source for cell in source.read(unit.source))
        )
        lines = {squeezed(line) for text in texts for line in text.splitlines()}
        found[unit.name] = {s for s in lines if len(s) > 15 and s not in shown}
    return found


def leaks(secrets: set[str], text: str) -> list[str]:
    """The secrets that stand in a text."""
    text = squeezed(text)
    return [secret for secret in secrets if secret in text]


def test_no_answer_and_no_hidden_test_is_on_a_page(pages, secrets):
    assert all(len(lines) > 20 for lines in secrets.values())
    text = "\n".join(page.text for page in pages.values())
    assert leaks(set().union(*secrets.values()), text) == []


def test_none_is_in_the_sources_and_in_the_search_index(built, secrets):
    files = [*(built / "_sources").rglob("*.*"), built / "searchindex.js"]
    texts = [path.read_text() for path in files]
    for path in (path for path in files if path.suffix == ".ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        texts += [cell.source for cell in cells]
    text = "\n".join(texts)
    assert "### BEGIN" not in text
    assert leaks(set().union(*secrets.values()), text) == []


def test_the_test_would_see_a_leak(secrets):
    for unit in UNITS:
        found = leaks(secrets[unit.name], unit.source.read_text().replace("# ", ""))
        assert len(found) > 0.9 * len(secrets[unit.name])


# --- what everybody shall find --------------------------------------------------------


def test_links_and_anchors_hold(built, pages):
    away = set()
    for path, page in pages.items():
        for link in page.links:
            if re.match("(https?|mailto|data|javascript):", link):
                away.add(link)
                continue
            address, anchor = urldefrag(urljoin(path.as_uri(), link))
            target = Path(unquote(address.removeprefix("file://")).partition("?")[0])
            assert target.is_file(), f"{path.relative_to(built)}: {link}"
            if anchor and target in pages:
                assert unquote(anchor) in pages[target].ids, f"{path}: {link}"
    (built / "links-to-elsewhere.txt").write_text("\n".join(sorted(away)))
    assert not [link for link in away if link.startswith("http:")]


def test_every_page_has_one_title_and_its_headings_descend(built, pages):
    for path, page in pages.items():
        if path.name == "search.html":  # the theme's own, without an article
            continue
        assert page.headings.count(1) == 1, path.relative_to(built)
        steps = zip(page.headings, page.headings[1:], strict=False)
        assert all(low <= high + 1 for high, low in steps), path.relative_to(built)


def test_every_image_has_its_text(built, pages):
    for path, page in pages.items():
        assert all(image.get("alt") for image in page.images), path.relative_to(built)
    for unit in UNITS:
        cells = nbformat.read(unit.solution, as_version=4).cells
        data = [
            o.metadata for c in cells for o in c.get("outputs", []) if "metadata" in o
        ]
        expected = [m["image/png"]["alt"] for m in data if "image/png" in m]
        alts = [image["alt"] for image in pages[page_of(built, unit)].images]
        assert [alt for alt in alts if alt in expected] == expected


def test_launch_buttons_open_notebooks_that_exist(built, pages):
    for unit in UNITS:
        links = pages[page_of(built, unit)].links
        path = f"notebooks/{unit.name}/{unit.name}.ipynb"
        assert (ROOT / path).is_file()
        hub = f"https://mybinder.org/v2/gh/{REPOSITORY}/main?urlpath=lab/tree/{path}"
        colab = (
            f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/{path}"
        )
        assert {hub, colab} <= set(links)


def test_every_lesson_leads_to_its_deck_and_handout(built, pages):
    for unit in UNITS:
        decks = [
            d for d in lectures.every_deck() if unit.name[:2] in lectures.units_of(d)
        ]
        for deck in decks:
            for ending in lectures.EDITIONS.values():
                link = f"../../slides/{deck}{ending}"
                assert link in pages[page_of(built, unit)].links


def test_docstrings_are_rendered_whole(built):
    text = (built / "api" / "datasets.geostrophy.html").read_text()
    assert re.search(
        r'"line">u_x = [^<]+ u_y = ∂u/∂y,</div>\s*<div class="line">v_x', text
    )
    text = (built / "api" / "grading.commands.html").read_text()
    assert "typer.models" not in text
    assert not re.search("Alias for field|system-message|problematic", text)


def test_hints_have_formatted_words(built):
    for unit in UNITS:
        hints = HINT.findall(page_of(built, unit).read_text())
        assert len(hints) >= 9
        texts = [re.sub(r"<[^>]+>", "", hint) for hint in hints]
        assert not [text for text in texts if re.search(r"`|\*\*\w|&lt;/", text)]


# --- in a browser ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def phone(browser):
    """A page as wide as a small telephone, and the addresses that it asks for."""
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.requests = []
    page.on("request", lambda request: page.requests.append(request.url))
    yield page
    page.close()


WIDE = r"""
() => {
  const found = [], width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) found.push('the page scrolls');
  const scrolls = part => part && part !== document.documentElement &&
    (/auto|scroll/.test(getComputedStyle(part).overflowX)
     || scrolls(part.parentElement));
  for (const part of document.querySelectorAll('main article *')) {
    const box = part.getBoundingClientRect();
    if (box.width && box.right > width + 1 && !part.closest('svg') && !scrolls(part))
      found.push(`${part.tagName} ${part.className}: ${part.textContent.slice(0, 40)}`);
  }
  return found;
}
"""
TYPESET = r"""
async () => {
  if (!document.querySelector('.math')) return [0, 0];
  await MathJax.startup.promise;
  document.querySelectorAll('details').forEach(part => part.open = true);
  const bare = [...document.querySelectorAll('.math, details.mathjax_process')]
    .filter(part => /\\\(|\\\[|\$/.test(part.innerText)
                    || part.querySelector('mjx-merror')
                    || part.matches('.math') && !part.querySelector('mjx-container'));
  return [document.querySelectorAll('mjx-container svg').length, bare.length];
}
"""


def test_every_page_fits_a_telephone_and_asks_for_nothing_elsewhere(
    built, pages, phone
):
    formulas, wide, raw = 0, {}, []
    for path in pages:
        phone.goto(path.as_uri())
        typeset, bare = phone.evaluate(TYPESET)
        formulas += typeset
        raw += [path.name] * bare
        wide[path.name] = phone.evaluate(WIDE)[:3]
    assert raw == []
    assert {name: found for name, found in wide.items() if found} == {}
    assert formulas > 300
    assert {
        url for url in phone.requests if not url.startswith((built.as_uri(), "data:"))
    } == set()


def test_the_measurement_sees_what_is_too_wide_and_what_is_not_typeset(built, phone):
    phone.goto(page_of(built, UNITS[1]).as_uri())
    phone.evaluate("document.querySelector('article h1').style.width = '500px'")
    assert "H1" in " ".join(phone.evaluate(WIDE))
    phone.evaluate("document.querySelector('.math').innerHTML = '<b>$x$</b>'")
    assert phone.evaluate(TYPESET)[1] == 1


@pytest.fixture(scope="module")
def address(built):
    """Where the book is served, on the loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            """Says nothing."""

    handler = functools.partial(Quiet, directory=built)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_search_finds_words_of_lessons_library_and_glossary(address, phone):
    for word, hit in (("Lyapunov", "06_lorenz63_forecasting.html"),
                      ("okubo_weiss", "datasets.geostrophy.html"),
                      ("Backscatter", "glossary.html")):  # fmt: skip
        phone.goto(f"{address}/search.html?q={word}")
        phone.wait_for_selector(f"#search-results a[href*='{hit}']")
        phone.wait_for_selector("#search-results p.context")
        shown = phone.text_content("#search-results")
        assert "Binder" not in shown  # a button of the theme


def test_a_reader_goes_on_switches_to_dark_and_finds_the_rocket(address, phone):
    first, second = UNITS[:2]
    phone.goto(f"{address}/notebooks/{first.name}/{first.name}.html")
    phone.click("a.right-next")
    assert second.name in phone.url
    phone.click("button.theme-switch-button >> visible=true")
    phone.click("button[data-mode=dark] >> visible=true")
    ground = phone.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(15, 28, 38)"
    phone.click(".dropdown-launch-buttons button")
    assert phone.is_visible(".dropdown-launch-buttons a[href*='colab']")
