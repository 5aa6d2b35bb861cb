"""The decks say one thing a slide, drift from nothing, and fit."""

import contextlib
import json
import re
import shutil
import sys
import zlib

import pytest

from .conftest import ROOT

SLIDES = ROOT / "slides"
sys.path.insert(0, str(SLIDES))

# A folder named build at the root would change the order that ruff asks for.
# isort: off
import build  # noqa: E402
import figures  # noqa: E402
import markers  # noqa: E402
# isort: on

DECKS = sorted(path.stem for path in SLIDES.glob("[0-9]*.md"))
ALTS = {f"{name}.svg": "drawn" for name in figures.recipes()}
ALTS |= {f"{name}.png": "taken" for name in figures.TAKEN}
NOTE = re.compile(r"<!-- (?!_|code: )(.+?) -->", re.S)


def text_of(deck: str) -> str:
    """A deck without its front matter."""
    return (SLIDES / f"{deck}.md").read_text().split("\n---\n", 1)[1]


def slides_of(deck: str) -> list[str]:
    """The slides of a deck; the line with its total belongs to none."""
    slides = text_of(deck).split("\n---\n")
    slides[0] = slides[0].split("-->", 1)[1]
    return slides


def shown(slide: str) -> str:
    """What stands on a slide as prose: no notes, code, formulas or figures."""
    for gone in (r"<!--.+?-->", r"!\[\[\w+\]\]", r"`[^`]+`", r"\$\$.+?\$\$"):
        slide = re.sub(gone, " ", slide, flags=re.S)
    slide = re.sub(r"\]\([^)]+\)", "]", slide)  # where a link leads
    return re.sub(r"\$[^$]+\$", "x", slide)


@pytest.mark.parametrize("deck", DECKS)
def test_a_slide_has_one_heading_and_at_most_40_words(deck):
    for slide in slides_of(deck):
        headings = re.findall(r"^#+ (.+)$", slide, re.M)
        assert len(headings) == 1, headings
        prose = markers.NUMBER.sub("1", shown(slide))
        words = re.findall(r"[^\W_][\w'’.,-]*", re.sub(r"^[#|:\-\s]+$", "", prose))
        assert len(words) <= 40, f"{headings[0]}: {len(words)} words"
        assert "!" not in prose


@pytest.mark.parametrize("deck", DECKS)
def test_notes_give_minutes_and_the_sum_stands_at_the_top(deck):
    total = re.search(r"<!-- (\d+) min in all, (\d+) slides", text_of(deck))
    slides = slides_of(deck)
    minutes = []
    for slide in slides:
        notes = NOTE.findall(slide)
        assert len(notes) == 1, slide[:80]
        assert re.match(r"\d+ min\. \S", notes[0]), notes[0][:60]
        assert len(notes[0].split()) > 8, notes[0]
        minutes.append(int(notes[0].split()[0]))
    assert (sum(minutes), len(slides)) == tuple(map(int, total.groups()))


@pytest.mark.parametrize("deck", DECKS)
@pytest.mark.parametrize("folder", ["", "handouts/"])
def test_markers_resolve(deck, folder):
    done = markers.resolve((SLIDES / f"{folder}{deck}.md").read_text(), ALTS)
    assert "{{" not in done
    assert "![[" not in done
    assert "<!-- code:" not in done


@pytest.mark.parametrize("deck", DECKS)
def test_measured_numbers_come_from_markers(deck):
    """No decimal, percentage or ratio is typed, but published ones and questions."""
    for slide in slides_of(deck):
        if "_class: predict" in slide:
            continue
        prose = markers.NUMBER.sub("", shown(slide))
        prose = re.sub(
            r"\[[^\]]+\]|DINCAE 2\.0|published network: [\d.]+", "", prose, flags=re.I
        )
        typed = re.findall(r"\d+[.,]\d+|\d+\s*%|\d+ times", prose)
        assert not typed, f"{typed} in {slide[:90]}"


def test_every_deck_has_a_handout_and_every_figure_a_slide():
    handouts = sorted(path.stem for path in (SLIDES / "handouts").glob("*.md"))
    assert handouts == DECKS
    used = {name for deck in DECKS for name in markers.FIGURE.findall(text_of(deck))}
    assert used == {file.partition(".")[0] for file in ALTS}


@pytest.mark.parametrize("deck", DECKS)
def test_things_to_know_close_a_deck(deck):
    assert "## Things to know" in slides_of(deck)[-1]
    assert "## Things to know" in (SLIDES / "handouts" / f"{deck}.md").read_text()


def test_a_marker_that_fits_nothing_or_too_much_is_an_error():
    for text in ("{{01 | auto-encoder | .0f}}", "{{01 | no such | .0f}}",
                 "{{01 > never | .1f}}",
                 "<!-- code: 01 no_such -->", "<!-- code: 01 fit_pca no_such -->",
                 "![[no_such]]"):  # fmt: skip
        with pytest.raises(LookupError):
            markers.resolve(text, ALTS)


def test_numbers_are_spelt_as_people_write_them():
    assert markers.spelt(0.25, ".0%") == "25\u00a0%"
    assert markers.spelt(-0.146, ".1f") == "−0.1"
    assert markers.spelt(7.4e-8, ".1e") == "7.4\u00a0×\u00a010<sup>−8</sup>"
    assert markers.spelt(1e-6, ".0e") == "10<sup>−6</sup>"
    assert markers.spelt(1.5e6, ".1e") == "1.5\u00a0×\u00a010<sup>6</sup>"
    assert markers.spelt(0.25, "1/.0f") == "4"


def test_code_on_a_slide_is_that_of_the_solution():
    assert markers.code("07", "euler_step") == (
        "def euler_step(f, x, dt):\n    return x + dt * f(x)"
    )
    block = markers.code("02", "ConvEncoder.__init__", "self.blocks")
    assert "# (b, 8, 14, 14)" in block
    assert '"""' not in markers.code("04", "ResidualBlock")


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, WCAG 2.1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def variables(theme: str, selector: str) -> dict[str, str]:
    """The colours that a rule of a theme sets."""
    rule = re.search(rf"^{re.escape(selector)} \{{(.+?)^\}}", theme, re.M | re.S)[1]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", rule))


def test_contrast_is_computed_as_wcag_does():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(
    ("theme", "selector"),
    [("theme", "section"), ("theme", "section.dark"), ("handout", "section")],
)
def test_text_stands_out_in_every_variant(theme, selector):
    colours = variables((SLIDES / f"{theme}.css").read_text(), selector)
    pairs = [(name, "paper") for name in ("ink", "quiet", "accent", "warm")]
    pairs += [
        (n, "code-paper")
        for n in colours
        if n.startswith("code-") and n != "code-paper"
    ]
    for text, ground in pairs:
        if text in colours:
            ratio = contrast(colours[text], colours[ground])
            assert ratio >= 4.5, f"{text} on {ground}: {ratio:.2f}"


def test_figures_use_the_ground_of_their_variant():
    theme = (SLIDES / "theme.css").read_text()
    for palette, selector in (
        (figures.LIGHT, "section"),
        (figures.DARK, "section.dark"),
    ):
        colours = variables(theme, selector)
        assert (palette.paper, palette.ink) == (colours["paper"], colours["ink"])
        for words in (palette.quiet, *palette.words):
            assert contrast(words, palette.paper) >= 4.5


def test_nothing_is_loaded_from_elsewhere():
    texts = [*SLIDES.glob("*.md"), *SLIDES.glob("handouts/*.md"), *SLIDES.glob("*.css")]
    for path in texts:
        text = path.read_text()
        assert not re.search(r"<(script|link|img|iframe)\b|@import|url\(", text), (
            path.name
        )
        assert not re.search(r"!\[[^\]]*\]\(", text), (
            f"{path.name}: figures come by name"
        )


def test_drawings_carry_alternative_text():
    for draw in figures.DRAWINGS:
        assert len(draw(figures.LIGHT).alt) > 40, draw.__name__
    for _, _, alt, _ in figures.BARS.values():
        assert len(alt) > 40
    for number, start in figures.TAKEN.values():
        assert len(markers.png(number, start)[1]) > 30


def test_packages_are_pinned():
    package = json.loads((SLIDES / "package.json").read_text())
    lock = json.loads((SLIDES / "package-lock.json").read_text())
    for name, version in package["dependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    assert all("integrity" in p for name, p in lock["packages"].items() if name)


# With node and Chromium: the pages themselves.


@pytest.fixture(scope="module")
def built():
    """The folder of the built decks; skips where a tool is missing."""
    for tool in ("node", "chromium"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is missing: the decks are not built")
    if not build.MARP.exists():
        pytest.skip("marp is missing: npm ci --prefix slides")
    build.main([])
    return build.BUILD


@pytest.fixture(scope="module")
def browser():
    """Chromium, without sandbox, as root in a container needs it."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not shutil.which("chromium"):
        pytest.skip("chromium is missing")
    with playwright.sync_playwright() as p:
        options = ["--no-sandbox", "--disable-gpu"]
        yield p.chromium.launch(executable_path=shutil.which("chromium"), args=options)


OVERFLOW = """
() => [...document.querySelectorAll('section')].flatMap(section => {
  const box = section.getBoundingClientRect(), found = [];
  const scale = box.width / section.offsetWidth;
  const name = section.querySelector('h1, h2').textContent;
  if (section.scrollHeight > section.clientHeight + 1) found.push(name + ': too high');
  if (section.scrollWidth > section.clientWidth + 1) found.push(name + ': too wide');
  const foot = section.querySelector('footer').getBoundingClientRect().top;
  const parts = 'h1, h2, p, ul, ol, pre, pre code, table, img, mjx-container svg';
  for (const part of section.querySelectorAll(parts)) {
    const inner = part.getBoundingClientRect();
    const aside = inner.right > box.right + 1 || inner.left < box.left - 1;
    if (inner.bottom > foot + 2 * scale || aside)
      found.push(`${name}: ${part.tagName} leaves the slide`);
    if (part.scrollWidth > part.clientWidth + 1 && part.tagName === 'PRE')
      found.push(`${name}: code is cut`);
    if (part.tagName === 'IMG' && part.alt.length < 30)
      found.push(`${name}: an image without text`);
    if (part.tagName === 'IMG' && getComputedStyle(part).filter !== 'none')
      found.push(`${name}: an image that Marp has changed`);
    if (part.tagName === 'IMG' && (!part.naturalWidth || inner.height < 60 * scale))
      found.push(`${name}: an image that nobody sees`);
  }
  return found;
})
"""


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["", "-dark"])
@pytest.mark.parametrize("deck", DECKS)
def test_nothing_overflows_and_no_request_leaves(built, browser, deck, variant):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((built / f"{deck}{variant}.html").as_uri())
    # bespoke hides all slides but one; for the measurement they are all laid out
    page.add_style_tag(
        content="svg.bespoke-marp-slide{content-visibility:visible!important}"
    )
    page.wait_for_function("[...document.images].every(image => image.complete)")
    page.evaluate("document.fonts.ready")
    assert len(page.query_selector_all("section")) == len(slides_of(deck))
    assert page.evaluate(OVERFLOW) == []
    dark = page.evaluate(
        "getComputedStyle(document.querySelector('section')).backgroundColor"
    )
    assert dark == ("rgb(15, 28, 38)" if variant else "rgb(255, 255, 255)")
    away = [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
    assert away == []
    assert len([url for url in requests if url.startswith("file:")]) == 1
    page.close()


@pytest.mark.slow
def test_the_measurement_sees_what_does_not_fit(built, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto((built / f"{DECKS[0]}.html").as_uri())
    page.evaluate(
        "document.querySelectorAll('section')[1].insertAdjacentHTML('beforeend',"
        "'<pre>' + 'x'.repeat(200) + '</pre>' + '<p>word</p>'.repeat(20) + '<img>')"
    )
    found = " ".join(page.evaluate(OVERFLOW))
    for symptom in ("too high", "code is cut", "P leaves the slide", "without text"):
        assert symptom in found
    page.close()


def pages_of(pdf: bytes) -> int:
    """The number of pages, whose descriptions lie in compressed streams."""
    texts = [pdf]
    for stream in re.findall(rb"stream\r?\n(.+?)endstream", pdf, re.S):
        with contextlib.suppress(zlib.error):
            texts.append(zlib.decompressobj().decompress(stream))
    return sum(len(re.findall(rb"/Type\s*/Page\b", text)) for text in texts)


@pytest.mark.slow
@pytest.mark.parametrize("deck", DECKS)
def test_html_is_whole_and_pdfs_have_their_pages(built, deck):
    for variant in ("", "-dark"):
        html = (built / f"{deck}{variant}.html").read_text()
        opened = r"(?:<script[^>]+src=|<link[^>]+href=|<img[^>]+src=|url\()"
        assert re.findall(opened + r"""["']?(?!data:|#)[^"')>]+""", html) == []
        assert 'lang="en-GB"' in html
    pages = {"": len(slides_of(deck)), "-dark": len(slides_of(deck)), "-handout": 1}
    for variant, n in pages.items():
        assert pages_of((built / f"{deck}{variant}.pdf").read_bytes()) == n


@pytest.mark.slow
@pytest.mark.parametrize("deck", DECKS)
def test_a_handout_fits_its_page(built, browser, deck):
    build.marp([built / f"{deck}-handout.md"], "--output", f"{deck}-handout.html")
    page = browser.new_page(viewport={"width": 794, "height": 1123})
    page.goto((built / f"{deck}-handout.html").as_uri())
    assert page.evaluate(OVERFLOW) == []
    page.close()
