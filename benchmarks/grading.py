"""The grader against plain nbgrader, side by side; last line: ratio R.

    python benchmarks/grading.py [--submissions 12] [--rounds 3] [--large 100 1000]

The same submissions, all correct and all different, import torch and Lightning and
train for 0.1 s. Plain is nbgrader out of the box: `nbgrader autograde`, in the
instructor's own environment. Ours is `course grade` with sandbox, canaries, self-test
and log. They alternate, each time in a class of its own. Timings are for reading only.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from course_lib import build
from course_lib.build import Unit
from course_lib.grading import answers, classes
from course_lib.grading.plan import Desk

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PLAIN = "c = get_config()\nc.CourseDirectory.source_directory = 'solutions'\n"
PLAIN += "c.CourseDirectory.ignore = ['*.py']\nc.Execute.timeout = 300\n"
IMPORTS = "import pytorch_lightning as pl\nimport torch\n"
FIT = """
    ### BEGIN SOLUTION
    slope = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([slope], lr=0.1)
    for _ in range(600):
        optimizer.zero_grad()
        ((slope * x - y) ** 2).mean().backward()
        optimizer.step()
    return float(slope)
    ### END SOLUTION
"""
TINY = "\n    ### BEGIN SOLUTION\n    return (x @ y) / (x @ x)\n    ### END SOLUTION\n"
SOURCE = """# %% [markdown]
# # A line through points

# %%
{imports}import numpy as np
from course_lib import checks

# %% exercise="fit_slope"
def fit_slope(x, y):
    '''The slope of y = a x.'''{answer}
# %% check="fit_slope" points=2
{data}
checks.close(fit_slope(x, 3 * x), 3, "the slope", tolerance=1e-2)
### BEGIN HIDDEN TESTS
checks.close(fit_slope(x, -x), -1, "a falling line", tolerance=1e-2)
### END HIDDEN TESTS
"""


def unit_of(folder: Path, *, training: bool) -> Unit:
    """A unit with one exercise, which trains or is tiny."""
    unit = Unit(folder, "98_benchmark")
    unit.source.parent.mkdir(parents=True)
    (folder / "nbgrader_config.py").write_bytes(
        (ROOT / "nbgrader_config.py").read_bytes()
    )
    unit.source.write_text(
        SOURCE.format(
            imports=IMPORTS if training else "",
            answer=FIT if training else TINY,
            data="x = torch.linspace(0, 2, 50)" if training else "x = np.arange(5.0)",
        )
    )
    build.build(unit)
    return unit


def class_of(unit: Unit, folder: Path, submissions: int) -> Desk:
    """A class of correct submissions, no two alike."""
    desk = classes.new_class(folder, unit)
    right = answers.reference(unit)
    for number in range(submissions):
        own = {name: f"{code}\n# student {number}" for name, code in right.items()}
        classes.hand_in(desk, f"student-{number:04}", answers.filled(unit, own))
    return desk


def timed(command: list[str], folder: Path) -> tuple[float, int]:
    """Seconds of a command, and the most memory that its own process held."""
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    peak, start = 0, time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = psutil.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log
        )
        while process.poll() is None:
            try:
                peak = max(peak, process.memory_info().rss)
            except psutil.Error:
                break
            time.sleep(0.02)
        if process.wait():
            log.seek(0)
            raise SystemExit(log.read().decode()[-3000:])
    return time.perf_counter() - start, peak


def release(desk: Desk) -> None:
    """The unit in the gradebook, as after `nbgrader generate_assignment`; not timed."""
    command = [str(BIN / "nbgrader"), "generate_assignment", desk.unit.name, "--force"]
    subprocess.run(command, cwd=desk.unit.root, check=True, capture_output=True)


def plain(desk: Desk) -> float:
    """Seconds of `nbgrader autograde`."""
    (desk.unit.root / "nbgrader_config.py").write_text(PLAIN)
    release(desk)
    command = [str(BIN / "nbgrader"), "autograde", desk.unit.name]
    return timed(command, desk.unit.root)[0]


def ours(desk: Desk, *options: str) -> tuple[float, int]:
    """Seconds and peak memory of `course grade`, whose marks must all be full."""
    command = [str(BIN / "course"), "grade", desk.unit.name, *options]
    seconds, peak = timed(command, desk.unit.root)
    marks = desk.ledger.latest(desk.unit.name).values()
    wrong = [mark for mark in marks if mark.score < mark.max_score or mark.evidence]
    if wrong:
        raise SystemExit(f"{len(wrong)} correct submissions lost points: {wrong[0]}")
    return seconds, peak


def side_by_side(unit: Unit, folder: Path, submissions: int, rounds: int) -> float:
    """Alternate both graders; the median of each, and the ratio of the medians."""
    taken = {"plain": [], "course": []}
    for number in range(rounds):
        desk = class_of(unit, folder / f"plain-{number}", submissions)
        taken["plain"].append(plain(desk))
        desk = class_of(unit, folder / f"course-{number}", submissions)
        release(desk)
        taken["course"].append(ours(desk)[0])
        print(f"  round {number + 1}: plain {taken['plain'][-1]:6.1f} s, "
              f"course grade {taken['course'][-1]:6.1f} s", flush=True)  # fmt: skip
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    return medians["plain"] / medians["course"]


def large(unit: Unit, folder: Path, submissions: int) -> None:
    """Wall time and memory of a large class of tiny notebooks, and of its regrading."""
    desk = class_of(unit, folder / f"large-{submissions}", submissions)
    release(desk)
    seconds, peak = ours(desk)
    again, _ = ours(desk)
    print(f"{submissions:12}{seconds:10.1f} s{peak / 2**20:10.0f} MiB{again:14.2f} s"
          f"{seconds / again:10.0f}", flush=True)  # fmt: skip


def overhead(unit: Unit, folder: Path) -> float:
    """Milliseconds that the sandbox adds to one submission: median of ten of each."""
    import json

    import nbformat

    from course_lib.grading import execute
    from course_lib.grading.sandbox import Limits

    notebook = nbformat.read(unit.solution, as_version=4)
    taken: dict[bool, list[float]] = {False: [], True: []}
    for number in range(22):
        unsafe = bool(number % 2)
        task = execute.task(notebook, {}, Limits(), hidden=str(folder), unsafe=unsafe)
        result = json.loads(execute.execute(task))
        taken[unsafe].append(result["seconds"])
    safe, unsafe = (statistics.median(taken[kind][1:]) for kind in (False, True))
    return 1000 * (safe - unsafe)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--real", type=int, default=0, help="submissions of unit 01")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny = unit_of(folder / "tiny", training=False)
        print(f"sandbox: {overhead(tiny, folder):.0f} ms a submission")
        if given.large:
            print(f"{'submissions':>12}{'wall':>12}{'grader':>14}{'unchanged':>16}"
                  f"{'ratio':>10}")  # fmt: skip
        for submissions in given.large:
            large(tiny, folder, submissions)
        if given.real:
            unit = Unit(ROOT, "01_pca_autoencoder")
            ratio = side_by_side(unit, folder / "real", given.real, 1)
            print(f"{given.real} submissions of {unit.name}: ratio {ratio:.1f}")
        unit = unit_of(folder / "training", training=True)
        ratio = side_by_side(unit, folder, given.submissions, given.rounds)
    print(f"ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
