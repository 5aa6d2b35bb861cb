"""What the guides' readers meet: a small course, its class, and machines that fail.

GIVEN holds one function for each `<!-- given: … -->` of the guides. It gets the walk,
changes what lies in its folders, and may return variables of the environment.
"""

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from course_lib import build, source
from course_lib.build import Unit
from course_lib.grading import answers, classes, demo, submissions
from course_lib.grading.plan import Desk
from tests import test_postgresql
from tests.conftest import ROOT
from tests.guide import Walk

NAME = "01_pca_autoencoder"
ADA, BEN, EMMA = "Ada Lovelace_4011", "Ben Okafor_4012", "Emma Li_4015"
MOODLE = {
    "ada": ADA, "ben": BEN, "chloe": "Chloé Martin_4013",
    "dmitri": "Dmitri Ivanov_4014", "emma": EMMA,
}  # fmt: skip
HEADER = re.compile(r"(?m)^(?=# %%)")
SETUP = """\
# %%
import numpy as np
import torch
from torch import nn

from course_lib import checks, plots

"""
SPAN = '"the reconstructions lie in the span of 2 components"'
FAIR = f"checks.rank_at_most(toy_hat - toy.mean, 2, {SPAN})"
STRICT = (
    "checks.holds(np.linalg.matrix_rank(toy_hat - toy.mean, tol=1e-6) <= 2,\n"
    f'             {SPAN}, seen="rank 3", expected="rank 2 at most")'
)
SLOW = """if not hasattr(fit_pca, "woken"):
        import time
        time.sleep(6)
        fit_pca.woken = True
    mean ="""
UNSAFE = "checks.close = checks.same_axes = lambda *_, **__: None\n\n"
NO_CMOCEAN = """\
import importlib.metadata, sys

class Missing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "cmocean":
            raise ModuleNotFoundError("No module named 'cmocean'", name=name)

def distribution(name, real=importlib.metadata.distribution):
    if name == "cmocean":
        raise importlib.metadata.PackageNotFoundError(name)
    return real(name)

sys.meta_path.insert(0, Missing)
importlib.metadata.distribution = distribution
"""
NO_SANDBOX = """\
from course_lib.grading import sandbox

def refuse(name, *_):
    raise sandbox.SandboxError(1, f"{name}: Operation not permitted")

sandbox.call = refuse
"""


def unit_of(walk: Walk) -> Unit:
    return Unit(walk.course, NAME)


def desk_of(walk: Walk) -> Desk:
    return Desk(unit_of(walk), f"sqlite:///{walk.course / 'gradebook.db'}")


def right(walk: Walk) -> dict[str, str]:
    return answers.reference(unit_of(walk))


def hand_in(walk: Walk, student: str, **other: str) -> Path:
    """The notebook of a student who is right, but for these answers."""
    notebook = answers.filled(unit_of(walk), right(walk) | other)
    return classes.hand_in(desk_of(walk), student, notebook)


# --- the course -----------------------------------------------------------------------


def course(walk: Walk) -> None:
    """Unit 01 without its lesson cells: the same exercises and marks in less time."""
    shutil.copy(ROOT / "nbgrader_config.py", walk.course)
    unit, whole = unit_of(walk), Unit(ROOT, NAME)
    unit.source.parent.mkdir(parents=True)
    unit.source.write_text(abridged(whole.source.read_text()))
    products(unit)


def abridged(text: str) -> str:
    """The graded cells of a source with a setup that suffices, and all headings.

    One check is as it was before somebody complained: too strict.
    """
    assert text.count(FAIR) == 1
    text = text.replace(FAIR, STRICT)
    front, *cells = HEADER.split(text)
    kept = [front, SETUP]
    for cell in cells:
        if re.match(r"# %% (\[markdown\] question=|exercise=|check=)", cell):
            kept.append(cell)
        elif heading := re.match(r"# %% \[markdown\]\n# #.+\n", cell):
            kept.insert(1 if len(kept) == 2 else len(kept), heading[0] + "\n")
    return "".join(kept)


def products(unit: Unit) -> None:
    """Both notebooks of a unit as the builder makes them; only the run is left out."""
    solution = build.solution_notebook(source.read(unit.source))
    build.write(build.student_notebook(unit, solution), unit.student)
    code = [cell for cell in solution.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        cell.execution_count = number
    build.write(solution, unit.solution)


# --- submissions ----------------------------------------------------------------------


def moodle_zip(walk: Walk) -> None:
    shutil.copytree(ROOT / "tests" / "answers", walk.course / "tests" / "answers")
    handed_in = demo.example_class(unit_of(walk))
    with zipfile.ZipFile(walk.course / "moodle.zip", "w") as archive:
        for student, name in MOODLE.items():
            pack(archive, name, handed_in[student])


def pack(archive: zipfile.ZipFile, name: str, notebook: NotebookNode | str) -> None:
    """Add a notebook as Moodle does."""
    text = notebook if isinstance(notebook, str) else nbformat.writes(notebook)
    archive.writestr(f"{name}_assignsubmission_file_/{NAME}.ipynb", text)


def emma_again(walk: Walk) -> None:
    with zipfile.ZipFile(walk.course / "emma.zip", "w") as archive:
        pack(archive, EMMA, answers.filled(unit_of(walk), right(walk)))


def graded_by_hand(walk: Walk) -> None:
    with Gradebook(desk_of(walk).database) as gradebook:
        place = "review", NAME, NAME, ADA
        grade = gradebook.find_grade(*place)
        grade.manual_score, grade.needs_manual_grade = 3, False
        gradebook.find_comment(*place).manual_comment = "Which test would settle it?"
        gradebook.db.commit()


def worksheet(walk: Walk) -> None:
    lines = ["Identifier,Full name,Grade"]
    for name in MOODLE.values():
        person, _, number = name.partition("_")
        lines.append(f"Participant {number},{person},")
    (walk.course / "worksheet.csv").write_text("\n".join(lines) + "\n")


def late(walk: Walk) -> None:
    stamp = submissions.folder_of(unit_of(walk), BEN) / "timestamp.txt"
    stamp.write_text("2026-01-17 06:00:00 UTC")


def exchange(walk: Walk) -> None:
    folder = walk.folder / "exchange"
    folder.mkdir()
    folder.chmod(0o1777)


def renamed(walk: Walk) -> None:
    path = hand_in(walk, "gus")
    path.rename(path.with_name("My solution (1).ipynb"))


def unit_02(walk: Walk) -> None:
    other = Unit(ROOT, "02_convolutional_autoencoder").student
    classes.hand_in(desk_of(walk), "lou", other.read_text())


def deleted(walk: Walk) -> None:
    path = hand_in(walk, "kim")
    notebook = nbformat.read(path, 4)
    gone = ("check_fit_pca", "reconstruct_pca")
    notebook.cells = [cell for cell in notebook.cells if cell.id not in gone]
    nbformat.write(notebook, path)


def slow(walk: Walk) -> None:
    for student in ("mia", "noa"):
        code = right(walk)["fit_pca"].replace("mean =", SLOW, 1)
        hand_in(walk, student, fit_pca=f"{code}\n# {student}")


def single_precision(walk: Walk) -> None:
    given = "x, mean, components"
    single = given.replace(", ", "), np.float32(")
    code = right(walk)["reconstruct_pca"].replace(
        "scores =", f"{given} = np.float32({single})\n    scores =", 1
    )
    hand_in(walk, "hana", reconstruct_pca=code)


def corrected(walk: Walk) -> None:
    unit = unit_of(walk)
    text = unit.source.read_text()
    assert text.count(STRICT) == 1
    unit.source.write_text(text.replace(STRICT, FAIR))


def tampered(walk: Walk) -> None:
    hand_in(walk, "ivan", fit_pca=UNSAFE + right(walk)["fit_pca"])


def zoe(walk: Walk) -> None:
    hand_in(walk, "zoe")


def many(walk: Walk) -> None:
    for number in range(3):
        hand_in(walk, f"student-{number:04}")


# --- machines that fail ---------------------------------------------------------------


def killed(walk: Walk) -> None:
    """A run that ends without warning as soon as one mark stands."""
    for student in ("pia", "rosa"):
        hand_in(walk, student, fit_pca=right(walk)["fit_pca"] + f"\n# {student}")
    log = desk_of(walk).ledger.path
    before = log.stat().st_size
    command = [
        Path(sys.executable).with_name("course"),
        "grade",
        "01",
        "--workers",
        "1",
    ]
    run = subprocess.Popen(
        command, cwd=walk.course, env=walk.environment(), start_new_session=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    while log.stat().st_size == before and run.poll() is None:
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        run.send_signal(signal.SIGKILL)
    run.wait()


def at_the_start_of_python(walk: Walk, code: str) -> dict[str, str]:
    """What every Python process of the next block does first."""
    folder = walk.folder / "at-the-start"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder)}


def lost_gradebook(walk: Walk) -> None:
    (walk.course / "gradebook.db").unlink()


def postgresql(walk: Walk) -> None:
    if not (test_postgresql.PROGRAMS / "postgres").exists():
        pytest.skip("no PostgreSQL 15 of Debian's")
    shutil.copytree(walk.course, walk.folder / "server")  # the walk goes on without
    folder = Path(tempfile.mkdtemp(prefix="guide-"))  # pytest's own is root's alone
    walk.stack.callback(shutil.rmtree, folder)
    address = walk.stack.enter_context(test_postgresql.postgresql(folder))
    place = "postgresql://course:secret@db.university.example/marks"
    walk.names[place] = test_postgresql.url(address)


# --- students -------------------------------------------------------------------------


def two_answered(walk: Walk) -> None:
    course(walk)
    first, second, *_ = answers.reference(unit_of(walk)).items()
    notebook = answers.filled(unit_of(walk), dict([first, second]))
    nbformat.write(notebook, unit_of(walk).student)


def damaged_clone(walk: Walk) -> None:
    clone = walk.folder / "clone"
    shutil.copytree(ROOT / "notebooks", clone / "notebooks")
    git = ["git", "-C", str(clone), "-c", "user.name=x", "-c", "user.email=x@y.z"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "course"]):
        subprocess.run([*git, *arguments], check=True)
    path = Unit(clone, NAME).student
    path.write_text(path.read_text()[:5000])


GIVEN = {
    "the course": course,
    "a zip from Moodle": moodle_zip,
    "Ada's answer has got 3 of 4 points": graded_by_hand,
    "a worksheet from Moodle": worksheet,
    "Ben hands in a day and a half after the deadline": late,
    "the exchange": exchange,
    "a PostgreSQL server": postgresql,
    "Gus has renamed his notebook": renamed,
    "Emma has sent her file again": emma_again,
    "Lou has handed in unit 02": unit_02,
    "Kim has deleted two cells": deleted,
    "Mia and Noa are slow": slow,
    "Hana computes in single precision": single_precision,
    "the check is corrected": corrected,
    "Ivan has replaced the comparisons": tampered,
    "a run was killed after its first mark": killed,
    "cmocean is missing": lambda walk: at_the_start_of_python(walk, NO_CMOCEAN),
    "no sandbox can be built": lambda walk: at_the_start_of_python(walk, NO_SANDBOX),
    "Zoe hands in": zoe,
    "the gradebook is deleted": lost_gradebook,
    "many have handed in": many,
    "a notebook with two exercises answered": two_answered,
    "a clone with a damaged notebook": damaged_clone,
}
