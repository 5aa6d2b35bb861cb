"""Links lead somewhere: those inside are followed, those outside only read."""

import os
import re
from urllib.parse import unquote, urlsplit

import pytest

from . import prose
from .conftest import ROOT
from .prose import Page

PAGES = prose.notebooks() + prose.files(
    "*.md", "book/*.md", "slides/*.md", "slides/handouts/*.md"
)
HOST = re.compile(r"([a-z0-9-]+\.)+[a-z]{2,}")
DOI = re.compile(r"/10\.\d{4,9}/[^\s?#]+")


def links(page: Page) -> list[str]:
    """Where the links and images of a page lead."""
    found = prose.read(page.text)
    return found.links + [address for address, _ in found.images]


def outside(link: str) -> bool:
    return bool(urlsplit(link).scheme or urlsplit(link).netloc)


def broken(page: Page, link: str) -> str:
    """Why a link inside the project leads nowhere; empty if it does lead somewhere."""
    path, _, anchor = unquote(link).partition("#")
    target = ROOT / page.path if not path else ROOT / os.path.dirname(page.path) / path
    if not target.resolve().exists():
        return f"{link}: no such file"
    if not target.resolve().is_relative_to(ROOT):
        return f"{link}: leaves the project"
    if anchor and target.suffix in (".md", ".ipynb"):
        text = target.read_text() if path else page.text
        if anchor not in prose.anchors(text):
            return f"{link}: no such heading"
    return ""


def malformed(link: str) -> str:
    """Why an address outside cannot be right; empty if it may be."""
    parts = urlsplit(link)
    if parts.scheme != "https":
        return f"{link}: not https"
    if not HOST.fullmatch(parts.netloc):
        return f"{link}: no host"
    if parts.netloc.endswith("doi.org") and not DOI.fullmatch(parts.path):
        return f"{link}: no DOI"
    return f"{link}: a blank" if re.search(r"\s", link) else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_links_lead_somewhere(page):
    found = links(page)
    inside = [broken(page, link) for link in found if not outside(link)]
    assert [*filter(None, inside)] == []
    assert [*filter(None, (malformed(link) for link in found if outside(link)))] == []


def test_all_links_outside_are_listed():
    """For whoever wants to try them, in a browser: no test leaves this machine."""
    where: dict[str, set[str]] = {}
    for page in PAGES:
        for link in filter(outside, links(page)):
            where.setdefault(link, set()).add(page.path)
    lines = [f"{link}  {', '.join(sorted(where[link]))}\n" for link in sorted(where)]
    path = ROOT / "build" / "links.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(lines))
    assert sum("https://doi.org/" in line for line in lines) >= 30


def test_links_to_nowhere_are_noticed():
    text = "# A guide\n\n## What to do\n\n[a](b.md) <img src=c>, $[a](b)$"
    page = Page("slides/README.md", text + "\n\nhttp://example.org/eddy, `http://x`")
    assert links(page) == ["b.md", "http://example.org/eddy", "c"]
    for good in ("../README.md", "#what-to-do", "../README.md#layout", "../slides/"):
        assert not broken(page, good), good
    for bad in ("no.md", "#why", "../README.md#why", "../../../tmp", "Makefile"):
        assert broken(page, bad), bad
    for good in (
        "https://doi.org/10.1029/2019MS001965",
        "https://www.example.org/a?b#c",
    ):
        assert not malformed(good), good
    for bad in (
        *(
            "http://example.org",
            "https://example",
            "https://exam ple.org",
            "ftp://a.bc",
        ),
        *("https://doi.org/eddy", "https://doi.org/10.12/x", "mailto:a@example.org"),
    ):
        assert malformed(bad), bad
