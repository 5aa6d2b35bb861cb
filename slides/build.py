"""Decks to HTML and PDF: `make slides`, or python slides/build.py [DECK…].

    NN_name.md ── markers, figures ──► build/NN_name.md ── marp ──► HTML, PDF

Each deck comes in a light and a dark variant, each handout as one A4 page. Nothing that
they show is loaded from elsewhere: fonts, figures and formulas are inside the files.
"""

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import figures
import markers

HERE = Path(__file__).parent
BUILD = HERE / "build"
MARP = HERE / "node_modules" / ".bin" / "marp"
FONTS = {  # family -> [(package, subset, weight, style)]
    "Source Sans 3": [
        ("source-sans-3", subset, weight, style)
        for subset, weight, style in (
            ("latin", 400, "normal"), ("latin", 600, "normal"),
            ("latin", 700, "normal"), ("latin", 400, "italic"),
            ("greek", 400, "normal"), ("greek", 700, "normal"),
        )
    ],
    "Source Code Pro": [("source-code-pro", "latin", 400, "normal")],
}  # fmt: skip
RANGES = {"latin": "U+0000-02FF, U+2000-22FF", "greek": "U+0370-03FF"}
MIME = {".svg": "image/svg+xml", ".png": "image/png"}


def data_uri(path: Path, mime: str) -> str:
    """A file as text that stands for its address."""
    return f"data:{mime};base64,{base64.b64encode(path.read_bytes()).decode()}"


def font_faces() -> str:
    """The rules that embed the fonts."""
    rules = []
    for family, files in FONTS.items():
        for package, subset, weight, style in files:
            folder = HERE / "node_modules" / "@fontsource" / package / "files"
            path = folder / f"{package}-{subset}-{weight}-{style}.woff2"
            rules.append(
                f'@font-face{{font-family:"{family}";font-weight:{weight};'
                f"font-style:{style};unicode-range:{RANGES[subset]};"
                f"src:url({data_uri(path, 'font/woff2')}) format('woff2')}}"
            )
    return "\n".join(rules)


def decks(names: list[str]) -> list[Path]:
    """The sources of the decks with these names; all of them by default."""
    every = sorted(HERE.glob("[0-9]*.md"))
    unknown = set(names) - {path.stem for path in every}
    if unknown:
        raise SystemExit(f"no such deck: {', '.join(sorted(unknown))}")
    return [path for path in every if not names or path.stem in names]


def darkened(deck: str) -> str:
    """The dark variant: its class on every slide, its drawing of every figure."""
    deck = re.sub(r"^marp: true$", "marp: true\nclass: dark", deck, count=1, flags=re.M)
    deck = re.sub(r"<!-- _class: (.+?) -->", r"<!-- _class: \1 dark -->", deck)
    return re.sub(r'src="figures/(\w+)\.svg"', r'src="figures/\1-dark.svg"', deck)


def assemble(deck: Path, alts: dict[str, str]) -> list[Path]:
    """Writes what marp reads: both variants of a deck, and its handout."""
    light = markers.resolve(deck.read_text(), alts)
    handout = markers.resolve((HERE / "handouts" / deck.name).read_text(), alts)
    texts = {
        f"{deck.stem}.md": light,
        f"{deck.stem}-dark.md": darkened(light),
        f"{deck.stem}-handout.md": handout,
    }
    for name, text in texts.items():
        (BUILD / name).write_text(text)
    return [BUILD / name for name in texts]


def marp(pages: list[Path], *options: str) -> None:
    """Converts pages where they are."""
    browser = shutil.which("chromium") or shutil.which("google-chrome") or ""
    environment = os.environ | {"CHROME_PATH": browser, "CHROME_NO_SANDBOX": "1"}
    themes = [str(BUILD / "theme.css"), str(BUILD / "handout.css")]
    subprocess.run(
        [MARP, "--config-file", HERE / "marp.config.mjs", *options,
         "--theme-set", *themes, "--", *pages],
        env=environment, check=True, cwd=BUILD, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def embed_figures(page: Path) -> None:
    """Puts the figures of an HTML page into it."""

    def embedded(match: re.Match) -> str:
        path = BUILD / match[1]
        return f'src="{data_uri(path, MIME[path.suffix])}"'

    html = re.sub(r'src="(figures/[^"]+)"', embedded, page.read_text())
    page.write_text(html)


def main(names: list[str]) -> None:
    """Builds the decks with these names, or all."""
    if not MARP.exists():
        raise SystemExit("marp is missing: npm ci --prefix slides")
    chosen = decks(names)
    BUILD.mkdir(exist_ok=True)
    fonts = font_faces()
    for theme in ("theme.css", "handout.css"):
        text = (HERE / theme).read_text()
        (BUILD / theme).write_text(f"{text}\n{fonts}\n")
    texts = "".join(path.read_text() for path in chosen)
    alts = figures.draw_all(BUILD / "figures", markers.FIGURE.findall(texts))
    pages = [page for deck in chosen for page in assemble(deck, alts)]
    marp([page for page in pages if not page.stem.endswith("-handout")])
    for page in pages:
        if page.with_suffix(".html").exists():
            embed_figures(page.with_suffix(".html"))
    marp(pages, "--pdf", "--pdf-notes", "--allow-local-files")
    print(f"{len(chosen)} decks in {BUILD}")


if __name__ == "__main__":
    main(sys.argv[1:])
