"""What a student sees in JupyterLab, as `make lab` starts it, in a real browser."""

import re
import shutil
from itertools import pairwise

import nbformat
import pytest

from course_lib import build
from course_lib.grading import answers, demo
from tests import browser
from tests.conftest import ROOT
from tests.test_build import SMALL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), browser.TWICE]

UNITS = [unit.name for unit in build.find_units(ROOT)]
TRAINING = """\
import torch
import pytorch_lightning as pl
from course_lib import training

class Line(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def loss(self, batch, name):
        loss = (self.layer(batch) - 2 * batch).square().mean()
        self.log(name, loss)
        return loss

    def training_step(self, batch, i): return self.loss(batch, "loss")
    def validation_step(self, batch, i): return self.loss(batch, "val_loss")
    def configure_optimizers(self): return torch.optim.SGD(self.parameters(), 0.1)

x = torch.linspace(-1, 1, 256)[:, None]
fitted = training.fit(Line(), x, x, steps=300)
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The course as a student has it, a small unit, and a notebook that trains."""
    folder = tmp_path_factory.mktemp("course")
    for name in ("notebooks", "lab"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    small = build.Unit(folder, "99_small")
    small.source.parent.mkdir(parents=True)
    small.source.write_text(SMALL)
    build.build(small)
    cell = nbformat.v4.new_code_cell(TRAINING)
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata=build.METADATA)
    nbformat.write(notebook, folder / "notebooks" / "training.ipynb")
    return small


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as one:
        yield one


@pytest.fixture(scope="module")
def server(course, chromium, tmp_path_factory):
    home = tmp_path_factory.mktemp("home") / "jupyter"
    with browser.serve(course.root, browser.lab_command(), home) as one:
        yield one


@pytest.fixture
def lab(server, chromium, request):
    with browser.window(server, chromium, request) as one:
        yield one
        assert one.questions == []


def test_make_lab_shows_the_units_and_nothing_that_a_student_has_no_use_for(lab):
    lab.open()
    items = lab.page.locator(".jp-DirListing-itemText")
    items.filter(has_text="99_small").wait_for()
    assert set(UNITS) < set(items.all_text_contents())
    assert lab.page.get_by_role("menuitem", name="Nbgrader").count() == 0
    assert lab.page.get_by_text("Create Assignment").count() == 0


# --- every notebook -------------------------------------------------------------------

RENDERED = """
number => document.querySelectorAll('.jp-MarkdownOutput').length === number
  && ![...document.querySelectorAll('.jp-MarkdownOutput')].some(
       cell => cell.textContent.includes('$'))
"""
DEFECTS = r"""
() => [...document.querySelectorAll('.jp-MarkdownOutput')].flatMap(cell => {
  const found = [], text = cell.textContent.slice(0, 80);
  const say = what => found.push(`${what}: ${text}`);
  if (cell.querySelector('mjx-merror, [data-mjx-error]')) say('a formula in error');
  for (const image of cell.querySelectorAll('img'))
    if (!image.naturalWidth || !image.alt) say('an image unseen or without text');
  const prose = cell.cloneNode(true);
  prose.querySelectorAll('code, pre, mjx-container').forEach(part => part.remove());
  if (/\*\*|`|<\/?[a-z]+>|\]\(|\\[a-z]+/.test(prose.textContent)) say('raw Markdown');
  return found;
})
"""
HEADINGS = """
() => [...document.querySelectorAll('.jp-MarkdownOutput :is(h1, h2, h3, h4, h5, h6)')]
  .map(one => [Number(one.tagName[1]), one.textContent.replace('¶', '').trim()])
"""


def headings_of(cells) -> list[tuple[int, str]]:
    """Level and text of the headings of Markdown cells, without emphasis."""
    lines = [line for cell in cells for line in cell.source.splitlines()]
    found = [re.match(r"(#+) (.+)", line) for line in lines]
    return [(len(m[1]), re.sub(r"[*`]", "", m[2])) for m in found if m]


@pytest.mark.parametrize("unit", UNITS)
def test_a_notebook_opens_and_every_cell_is_rendered(lab, unit):
    path = lab.server.folder / "notebooks" / unit / f"{unit}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    texts = [cell for cell in cells if cell.cell_type == "markdown"]
    assert all(cell.source.strip() for cell in cells), "an empty cell"
    lab.open(f"{unit}/{unit}.ipynb")
    lab.page.wait_for_function(RENDERED, arg=len(texts))
    assert lab.cells.count() == len(cells)
    assert lab.page.evaluate(DEFECTS) == []
    shown = lab.page.evaluate(HEADINGS)
    levels = [level for level, _ in shown]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(b - a for a, b in pairwise(levels)) <= 1
    for (level, text), expected in zip(shown, headings_of(texts), strict=True):
        assert level == expected[0]
        assert text == expected[1] or "$" in expected[1]
    kernel = lab.page.locator(".jp-KernelName")
    assert kernel.text_content() == "Python 3 (ipykernel)"


def test_the_measurement_sees_what_is_not_rendered(lab):
    lab.open("99_small/99_small.ipynb")
    lab.page.wait_for_function(RENDERED, arg=2)
    lab.page.evaluate(
        "document.querySelector('.jp-MarkdownOutput').insertAdjacentHTML('beforeend',"
        "'<p>**raw** $x$</p><mjx-merror>x</mjx-merror><img src=\"data:,\">')"
    )
    found = " ".join(lab.page.evaluate(DEFECTS))
    for symptom in ("raw Markdown", "a formula in error", "an image unseen"):
        assert symptom in found
    assert not lab.page.evaluate(RENDERED, 2)


def test_hints_are_closed_and_open_one_by_one(lab):
    lab.open(f"{UNITS[0]}/{UNITS[0]}.ipynb")
    hints = lab.page.locator("details")
    first, second = hints.nth(0), hints.nth(1)
    assert lab.page.locator("details[open]").count() == 0
    closed = first.bounding_box()["height"]
    first.locator("summary").click()
    assert first.get_attribute("open") is not None
    assert second.get_attribute("open") is None
    assert first.bounding_box()["height"] > closed
    first.locator("summary").click()
    assert first.get_attribute("open") is None


# --- exercises ------------------------------------------------------------------------

NOTHING_IS_QUEUED = """
() => [...document.querySelectorAll('.jp-InputPrompt')].every(
  prompt => prompt.textContent !== '[*]:')
"""


@pytest.mark.parametrize("unit", [UNITS[n] for n in (1, 5, 8)])
def test_run_all_stops_at_the_first_exercise_and_says_so(lab, unit):
    path = lab.server.folder / "notebooks" / unit / f"{unit}.ipynb"
    name = answers.exercises(nbformat.read(path, as_version=4))[0]
    place = browser.index(path, f"check_{name}")
    lab.open(f"{unit}/{unit}.ipynb")
    lab.menu("Run", "Run All Cells")
    waiting = f"✎ {name} is waiting for you: write your answer in its cell."
    lab.page.get_by_text(waiting).wait_for(state="attached")
    lab.page.wait_for_function(NOTHING_IS_QUEUED)
    assert browser.printed(lab.cells.nth(place)) == waiting
    errors = lab.page.locator("[data-mime-type='application/vnd.jupyter.stderr']")
    assert errors.count() == 1
    prompts = lab.cells.locator(".jp-InputArea-prompt").all_text_contents()
    assert "[ ]:" not in prompts[:place]
    assert not any(re.search(r"\d", prompt) for prompt in prompts[place + 1 :])


def test_a_wrong_answer_is_explained_and_the_right_one_praised(lab):
    unit = build.find_units(ROOT, ["05"])[0]
    exercise, check = (
        browser.index(unit.student, f"{kind}rnn_step") for kind in ("", "check_")
    )
    right = answers.reference(unit)["rnn_step"]
    wrong = right.replace("w_hh.T", "w_hh")
    lab.open(f"{unit.name}/{unit.name}.ipynb")
    lab.run(lab.cells.nth(2))  # the setup
    lab.write(lab.cells.nth(exercise), wrong)
    assert lab.run(lab.cells.nth(exercise)) == ""
    message = lab.run(lab.cells.nth(check))
    first, *rows = message.splitlines()
    assert first == "the step of torch.nn.RNNCell"
    assert [row.split()[0] for row in rows] == ["seen", "expected", "look"]
    lab.write(lab.cells.nth(exercise), right)
    assert lab.run(lab.cells.nth(exercise)) == ""
    message = lab.run(lab.cells.nth(check))
    assert message == "✓ rnn_step: every check that you can see here passes."


# --- Validate -------------------------------------------------------------------------

NOISY = """\
import sys, warnings
def double(x):
    warnings.warn("careful")
    print("a line of log", file=sys.stderr)
    return x + x
"""


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (NOISY, "Success! Your notebook passes all the tests."),
        ("def double(x):\n    return x\n", "seen      largest difference 1"),
        (None, "double is waiting for you"),
    ],
    ids=["right", "wrong", "untouched"],
)
def test_validate_says_what_the_checks_say(lab, course, code, verdict):
    filled = answers.filled(course, {"double": code} if code else {})
    if code:
        demo.write_something(filled)
    path = course.student.with_name("mine.ipynb")
    nbformat.write(filled, path)
    lab.open("99_small/mine.ipynb")
    lab.page.get_by_role("button", name="Validate").click()
    dialog = lab.page.locator(".jp-Dialog")
    dialog.get_by_text(verdict).wait_for()
    dialog.get_by_role("button").last.click()
    dialog.wait_for(state="detached")


# --- training -------------------------------------------------------------------------

KEEP_OUTPUTS = """
() => {
  window.states = [];
  new MutationObserver(() => {
    const shown = document.querySelector('.jp-OutputArea-output')?.textContent;
    if (shown && shown !== window.states.at(-1)) window.states.push(shown);
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}
"""
BAR = r" *\d+%\|[█▏▎▍▌▋▊▉ ]+\| \d+/300 \[[^\]\r\x1b]+\]"


def test_training_shows_one_bar_that_fills(lab):
    lab.open("training.ipynb")
    lab.page.evaluate(KEEP_OUTPUTS)
    lab.menu("Run", "Run All Cells")
    output = lab.page.locator(".jp-OutputArea-output")
    output.get_by_text("100%").wait_for()
    lab.page.locator(".jp-InputPrompt", has_text="[1]:").wait_for()
    assert output.count() == 1  # neither a warning nor a second bar
    assert output.get_attribute("data-mime-type") == "application/vnd.jupyter.stdout"
    assert re.fullmatch(BAR, output.text_content().rstrip("\n"))
    states = lab.page.evaluate("window.states")
    assert all(re.fullmatch(BAR, state.rstrip("\n")) for state in states)
    counts = [int(re.search(r"(\d+)/300", state)[1]) for state in states]
    assert counts == sorted(counts)


def test_nobody_outside_was_asked_for_anything(server):
    assert server.hosts() == []
