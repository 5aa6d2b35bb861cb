"""All prose of the course, and what stands in it: headings, images, links."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NamedTuple

import nbformat
from markdown_it import MarkdownIt
from markdown_it.token import Token

from .conftest import ROOT

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.S)
BARE = re.compile(r"\bhttps?://[^\s<>()\[\]\"'`]+[^\s<>()\[\]\"'`.,;:]")
MATHS = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.S)


class Page(NamedTuple):
    """A Markdown text and the file in which it stands."""

    path: str
    text: str


class Prose(NamedTuple):
    """Headings as (level, text), images as (address, alternative text), links."""

    headings: list[tuple[int, str]]
    images: list[tuple[str, str]]
    links: list[str]


class Embedded(HTMLParser):
    """Images, links and headings that are written as HTML, and names of anchors."""

    def __init__(self, text: str):
        super().__init__()
        self.images, self.links, self.headings = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        if tag == "img":
            self.images.append((given.get("src", ""), given.get("alt", "")))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), "?"))


def notebooks() -> list[Page]:
    """The Markdown cells of each lesson, solution and student notebook, as one text."""
    found = []
    for path in sorted(ROOT.glob("[sn]o*s/*/*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
        found.append(Page(str(path.relative_to(ROOT)), "\n\n".join(texts)))
    return found


def files(*patterns: str) -> list[Page]:
    """Markdown files of the project, but for those that only include another one."""
    paths = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    pages = [Page(str(path.relative_to(ROOT)), path.read_text()) for path in paths]
    return [page for page in pages if not page.text.startswith("```{include}")]


def read(text: str) -> Prose:
    """What a reader of Markdown finds in it; formulas are not links."""
    text = MATHS.sub("x", FRONT_MATTER.sub("", text))
    found = Prose([], [], [])
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open":
            found.headings.append((int(token.tag[1]), following.content))
        for part in [token, *(token.children or [])]:
            collect(part, found)
    return found


def collect(token: Token, found: Prose) -> None:
    """Add what a token of Markdown or a piece of HTML brings."""
    if token.type == "image":
        found.images.append((token.attrs["src"], token.content))
    if token.type == "link_open":
        found.links.append(token.attrs["href"])
    if token.type == "text":
        found.links.extend(BARE.findall(token.content))
    if token.type in ("html_block", "html_inline"):
        html = Embedded(token.content)
        found.headings.extend(html.headings)
        found.images.extend(html.images)
        found.links.extend(html.links)


def anchors(text: str) -> Iterator[str]:
    """The anchors that GitHub makes of headings."""
    for _, title in read(text).headings:
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
