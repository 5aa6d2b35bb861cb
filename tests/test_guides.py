"""Every command of the guides is typed, and prints what the guides show."""

import pytest

from tests.guide import BOOK, LANGUAGES, Walk, blocks, pattern, program, sections, tidy
from tests.guide_class import GIVEN

GUIDES = ("student_guide", "instructor_guide")
TEXTS = {name: (BOOK / f"{name}.md").read_text() for name in GUIDES}
STEPS = [(name, title) for name in GUIDES for title, _ in sections(TEXTS[name])]
NOT_RUN = {  # what a test cannot do, or others do; nothing else may be left out
    "git clone": "it needs the network",
    "source .venv/bin/activate": "the test has its own environment",
    "course answers": "tests/test_answers.py grades the banks of all units",
    "jupyter lab": "it opens a browser",
    "sudo useradd": "it installs system-wide",
    "py -3.11": "it is for Windows",
}


@pytest.fixture(scope="module")
def walks(tmp_path_factory):
    """One reader for each guide."""
    walks = {name: Walk(tmp_path_factory.mktemp(name), GIVEN) for name in GUIDES}
    yield walks
    for walk in walks.values():
        walk.stack.close()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "title"), STEPS)
def test_what_a_guide_says_comes_true(walks, name, title):
    """The sections build on one another, as for a reader who begins at the top."""
    for block in dict(sections(TEXTS[name]))[title]:
        walks[name].follow(block)


@pytest.mark.parametrize("name", GUIDES)
def test_no_section_is_told_apart_by_its_place_alone(name):
    titles = [title for title, _ in sections(TEXTS[name])]
    assert len(titles) == len(set(titles))


def test_what_is_not_run_is_known_and_says_why():
    found = {
        program(block.commands[0][0]): block.notes["not run"]
        for text in TEXTS.values()
        for block in blocks(text)
        if "not run" in block.notes
    }
    assert found == NOT_RUN


def test_every_command_stands_in_a_block_that_is_typed():
    for text in TEXTS.values():
        for block in blocks(text):
            assert block.language in LANGUAGES, block
            if block.language == "console":
                assert block.text.startswith("$ "), block
            elif block.language == "text":
                assert "$ " not in block.text, block
            elif block.language == "python":
                assert {"file", "add to"} & set(block.notes), block


def test_everything_given_is_known_and_used():
    used = {b.notes.get("given") for text in TEXTS.values() for b in blocks(text)}
    assert used - {None} == set(GIVEN)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("one\ntwo", "one\ntwo\n", True),
        ("one", "one\ntwo\n", False),
        ("one\ntwo", "one two\n", True),
        ("one two", "one\ntwo\n", False),
        ("one\n…", "one\ntwo\nthree\n", True),
        ("…\nthree", "one\ntwo\nthree\n", True),
        ("a … c", "a b c\n", True),
        ("a … c", "a b\nc\n", False),
        ("5 points", "6 points\n", False),
        ("", "anything\n", False),
    ],
)
def test_output_is_compared_to_the_letter(shown, printed, same):
    assert bool(pattern(shown).fullmatch(printed)) is same


def test_progress_is_no_output():
    bar = "⠋ Grading 01 ━━━━━━ 100% 0:00:00 0:00:05\n\n  2 graded now.  \n"
    assert tidy(bar) == "2 graded now.\n"
