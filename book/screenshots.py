"""Take the screenshots of the book: python book/screenshots.py [for_students]

Each is taken in a real browser from the committed notebooks and from the class of
`course demo`, into book/images/. COURSE_DATA decides which data the lessons show.
"""

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from PIL import Image
from rich.console import Console

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "book" / "images"
LARGEST = 60_000  # bytes
WINDOW = {"viewport": {"width": 1140, "height": 750}}
LESSON = "09", "Truth, two maps"  # a unit, and words of a figure's text
PAGE = {"viewport": {"width": 1200, "height": 760}}
CLIP = {"x": 0, "y": 0, "width": 1200}
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["JUPYTER_DEFAULT_PROVISIONER_NAME"] = "course-warm"

from course_lib import build  # noqa: E402
from course_lib.console import progress  # noqa: E402
from course_lib.grading import answers, demo  # noqa: E402
from tests.browser import Lab, chromium, grade_by_hand, index, lab_command, serve  # noqa: E402


def save(name: str, png: bytes) -> None:
    """Write a picture as WebP: with all its pixels if that is small, else with less."""
    image, packed = Image.open(io.BytesIO(png)).convert("RGB"), io.BytesIO()
    few = image.quantize(256, dither=Image.Dither.NONE).convert("RGB")  # text has fewer
    few.save(packed, "webp", lossless=True, method=6)
    for quality in range(92, 50, -6):
        if packed.tell() <= LARGEST:
            break
        packed = io.BytesIO()
        image.save(packed, "webp", quality=quality, method=6)
    path = IMAGES / f"{name}.webp"
    path.write_bytes(packed.getvalue())
    size = "×".join(map(str, image.size))
    print(f"{path.relative_to(ROOT)}: {size}, {packed.tell() / 1e3:.0f} kB")


def around(page, *parts, margin: int = 8) -> dict[str, float]:
    """The rectangle of a page that holds these parts, as far as the window shows."""
    boxes = [part.bounding_box() for part in parts]
    left, top = (min(box[side] for box in boxes) for side in "xy")
    right = max(box["x"] + box["width"] for box in boxes) + margin
    bottom = max(box["y"] + box["height"] for box in boxes) + margin
    left, top = max(0, left - margin), max(0, top - margin)
    size = page.viewport_size
    right, bottom = min(right, size["width"]), min(bottom, size["height"])
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


# --- for students ---------------------------------------------------------------------


def lesson(lab: Lab) -> None:
    """A lesson's maps, as they look after *Run All*, with the text around them."""
    unit = build.find_units(ROOT, [LESSON[0]])[0]
    cells = nbformat.read(unit.solution, as_version=4).cells
    alts = [
        " ".join(
            output.get("metadata", {}).get("image/png", {}).get("alt", "")
            for output in cell.get("outputs", [])
        )
        for cell in cells
    ]
    (place,) = [n for n, alt in enumerate(alts) if LESSON[1] in alt]
    lab.open(f"{unit.name}/{unit.name}.ipynb")
    lab.page.keyboard.press("Control+B")
    for _ in range(3):  # cells get their height when they come into view
        for cell, block in (
            (lab.cells.nth(place), "center"),
            (lab.cells.nth(place - 1), "start"),
        ):
            cell.scroll_into_view_if_needed()
            cell.evaluate("(cell, block) => cell.scrollIntoView({block})", block)
    save("lab-lesson", lab.page.screenshot())


def checks(lab: Lab) -> None:
    """A wrong answer and what its check says, then the right one."""
    unit = build.find_units(ROOT, ["05"])[0]
    right = answers.reference(unit)["rnn_step"]
    right = "\n".join(line for line in right.splitlines() if "###" not in line)
    cells = [
        lab.cells.nth(index(unit.student, name))
        for name in ("rnn_step", "check_rnn_step")
    ]
    lab.page.set_viewport_size(WINDOW["viewport"] | {"height": 1000})
    lab.open("05_recurrent_networks/05_recurrent_networks.ipynb")
    lab.page.keyboard.press("Control+B")
    lab.run(lab.cells.nth(2))
    for name, code in (("wrong", right.replace("w_hh.T", "w_hh")), ("right", right)):
        lab.write(cells[0], code)
        lab.run(cells[0])
        lab.run(cells[1])
        cells[0].evaluate("cell => cell.scrollIntoView({block: 'center'})")
        lab.page.mouse.move(0, 0)
        clip = around(lab.page, *cells)
        save(f"lab-check-{name}", lab.page.screenshot(clip=clip))


def validate(lab: Lab) -> None:
    """What the Validate button says to a wrong answer."""
    lab.open("05_recurrent_networks.ipynb")
    lab.page.keyboard.press("Control+B")
    lab.page.get_by_role("button", name="Validate").click()
    lab.page.locator(".jp-Dialog").get_by_text("seen").wait_for()
    save("lab-validate", lab.page.screenshot())


def graded_path_only(folder: Path) -> None:
    """A notebook of one exercise, answered wrong, for the Validate button."""
    unit = build.find_units(ROOT, ["05"])[0]
    right = answers.reference(unit)["rnn_step"].splitlines()
    wrong = "\n".join(line for line in right if "###" not in line)
    notebook = answers.filled(unit, {"rnn_step": wrong.replace("w_hh.T", "w_hh")})
    notebook.cells = [notebook.cells[n] for n in (2, 12, 13, 14)]
    nbformat.write(notebook, folder / f"{unit.name}.ipynb")


def for_students(browser, folder: Path) -> None:
    """All that shows JupyterLab as `make lab` starts it."""
    for name in ("notebooks", "lab"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    executed = build.find_units(ROOT, [LESSON[0]])[0]
    shutil.copy(executed.solution, build.Unit(folder, executed.name).student)
    graded_path_only(folder / "notebooks")
    with serve(folder, lab_command(), folder / "home") as server:
        for take in (lesson, checks, validate):
            with window(server, browser) as lab:
                take(lab)


@contextmanager
def window(server, browser, **options) -> Iterator[Lab]:
    lab = Lab(server, browser, **(options or WINDOW))
    try:
        yield lab
    finally:
        lab.close()


# --- for instructors ------------------------------------------------------------------


def formgrader(lab: Lab) -> None:
    """The list of units, and the question of one student while it is graded."""
    page = lab.page
    lab.open()
    page.goto(f"{lab.server.url}formgrader")
    page.locator("td.num-submissions").wait_for()
    save("formgrader-units", page.screenshot(clip=CLIP | {"height": 580}))
    unit = page.locator("td.name").first.inner_text()
    page.get_by_role("link", name="Manual Grading").click()
    page.get_by_role("link", name=unit).click()
    page.locator("tbody").get_by_role("link", name=unit).last.click()
    page.locator("tr", has_text="13 / 13").get_by_role("link").first.click()
    comment = "Well seen. Say also what you would test."
    grade_by_hand(page, page, "review", "3", comment)
    page.locator("#review").evaluate("cell => cell.scrollIntoView({block: 'center'})")
    top = page.locator(".navbar-fixed-top").bounding_box()["y"]
    box = page.locator("#review-comment").bounding_box()
    height = box["y"] + box["height"] + 24 - top
    save(
        "formgrader-grading", page.screenshot(clip=CLIP | {"y": top, "height": height})
    )


def document(browser, name: str, path: Path, height: int) -> None:
    """The beginning of a page that the grader wrote."""
    page = browser.new_page(**PAGE)
    page.goto(path.as_uri())
    clip = CLIP | {"height": height}
    save(name, page.screenshot(full_page=True, clip=clip))
    page.close()


def for_instructors(browser, folder: Path) -> None:
    """Grade the class of `course demo`, and show what an instructor sees of it."""
    name = build.find_units(ROOT, ["01"])[0].name
    copied = folder / "course"  # building there leaves the course alone
    for part in (f"solutions/{name}", f"notebooks/{name}", "tests/answers"):
        shutil.copytree(ROOT / part, copied / part)
    shutil.copy(ROOT / "nbgrader_config.py", copied)
    desk = folder / "class"
    demo.run(build.Unit(copied, name), desk, Console(quiet=True), progress)
    document(browser, "report", desk / f"report-{name}.html", 790)
    document(
        browser, "feedback", desk / "feedback" / "dmitri" / name / f"{name}.html", 790
    )
    with (
        serve(desk, lab_command()[:2], folder / "home") as server,
        window(server, browser, **PAGE) as lab,
    ):
        formgrader(lab)


def main(wanted: list[str]) -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for take in (for_students, for_instructors):
            if not wanted or take.__name__ in wanted:
                take(browser, Path(folder, take.__name__))


if __name__ == "__main__":
    main(sys.argv[1:])
