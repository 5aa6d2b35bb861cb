"""The book's page of lectures, and the decks behind it."""

import re
import shutil
from pathlib import Path

from course_lib.build import Unit

SLIDES = Path(__file__).parents[1] / "slides"
BUILT = SLIDES / "build"
EDITIONS = {
    "slides": ".html",
    "dark slides": "-dark.html",
    "slides with notes (PDF)": ".pdf",
    "handout (PDF)": "-handout.pdf",
}
OWN = re.compile(r"<!-- \d+ min in all.*?\bunits? (\d\d)(?: (?:to|and) (\d\d))?")
PAGE = """# Lectures

Each deck is text: Marp Markdown in `slides/`, its figures, numbers and code taken from
the executed lessons. The PDF holds the speaker's notes with their minutes; the handout
is one page. Some decks show as code what an exercise asks for: a lecture that precedes
the exercises may skip those slides.

{decks}
"""
MISSING = """This book was built without the decks. `make slides` builds them (it needs
Node and Chromium), then `make book` takes them in."""


def lay(folder: Path, decks: Path) -> None:
    """Writes the page, and copies the decks that are built to where it leads."""
    built = [deck for deck in every_deck() if is_built(deck, decks)]
    listed = "\n\n".join(entry(deck) for deck in built) or MISSING
    (folder / "lectures.md").write_text(PAGE.format(decks=listed))
    target = folder / "_extra" / "slides"
    target.mkdir(parents=True)
    for deck in built:
        for ending in EDITIONS.values():
            shutil.copy(decks / f"{deck}{ending}", target)


def every_deck() -> list[str]:
    """The names of the decks, in the order of the lectures."""
    return sorted(path.stem for path in SLIDES.glob("[0-9]*.md"))


def units_of(deck: str) -> list[str]:
    """The numbers of the units that follow a deck, as its first comment says."""
    found = OWN.search((SLIDES / f"{deck}.md").read_text())
    if not found:
        return []
    first, last = int(found[1]), int(found[2] or found[1])
    return [f"{number:02d}" for number in range(first, last + 1)]


def is_built(deck: str, decks: Path) -> bool:
    """Whether every edition of a deck is there."""
    return all((decks / f"{deck}{ending}").exists() for ending in EDITIONS.values())


def title(deck: str) -> str:
    """What a deck calls itself."""
    return re.search(r"^title: (.+)$", (SLIDES / f"{deck}.md").read_text(), re.M)[1]


def entry(deck: str) -> str:
    """A deck on the page of lectures."""
    numbers = units_of(deck)
    own = f"  \nWith {spoken(numbers)}." if numbers else ""
    return f"## {title(deck)}\n\n{editions(deck, '')}{own}"


def spoken(numbers: list[str]) -> str:
    """`unit 05`, or `units 05, 06`."""
    return f"unit{'s' * (len(numbers) > 1)} {', '.join(numbers)}"


def editions(deck: str, up: str) -> str:
    """Links to a deck from a page; up: the way from its folder to the book's root."""
    links = [
        f'<a href="{up}slides/{deck}{ending}">{name}</a>'
        for name, ending in EDITIONS.items()
    ]
    return " · ".join(links)


def links_of(unit: Unit, decks: Path) -> str:
    """The line of a lesson that leads to its lecture."""
    own = [deck for deck in every_deck() if unit.name[:2] in units_of(deck)]
    lines = [
        f"**Lecture** {title(deck)}: {editions(deck, '../../')}"
        for deck in own
        if is_built(deck, decks)
    ]
    return "  \n".join(lines) or "**Lecture** [all decks](../../lectures.md)"
