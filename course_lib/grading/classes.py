"""`course grade`: plan, collect, run, and say how everybody fared."""

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from rich.table import Table
from rich.text import Text

from course_lib.build import Unit
from course_lib.grading import submissions
from course_lib.grading.marks import TAMPERED, Mark
from course_lib.grading.plan import Desk, Options, Plan, RunError, class_list, plan


@dataclass(frozen=True)
class Outcome:
    """The mark of each student, whether new or standing, and what else to say."""

    marks: list[Mark]
    remarks: list[str]


def grade(
    desk: Desk,
    options: Options,
    *,
    students: list[str] | None = None,
    source: Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    dry_run: bool = False,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Grade a class; RunError or NoSubmissions where that is impossible."""
    if students and options.regrade:
        options = replace(options, afresh=True)
    with desk.locked():
        if source and not dry_run:
            submissions.collect(desk.unit, source)
        names = class_list(desk, students)
        work = plan(desk, names, bool(students), options)
        if dry_run:
            return Outcome(list(work.standing.values()), preview(desk, work, source))
        marks = dict(work.standing)
        tell(len(marks), len(names))
        if work.todo:
            for mark in run(desk, options, work.todo, workers, scheduler):
                marks[mark.student] = mark
                tell(len(marks), len(names))
    return Outcome([marks[name] for name in names], remarks(work, marks))


def run(desk: Desk, options: Options, todo: list[str], workers, scheduler):
    """The marks of those who have to be graded, as they come."""
    from course_lib.grading import provisioner

    if not scheduler:
        provisioner.zygote(desk.modules).warm_up()  # it imports while we do
    from course_lib.grading import pools
    from course_lib.grading.execute import Refused
    from course_lib.grading.run import Run

    pool = pools.Cluster(scheduler) if scheduler else pools.Threads(workers)
    try:
        yield from Run(desk, options, pool).grade(todo)
    except Refused as error:
        raise RunError(
            f"no sandbox can be built here: {error}. Run on Linux 5.14 or later with "
            "user namespaces (or as root), or trust every submission: --unsafe"
        ) from None
    finally:
        pool.close()


def new_class(folder: Path, unit: Unit) -> Desk:
    """A folder of its own for a class that works on one unit."""
    for path in (unit.source, unit.solution, unit.student):
        target = folder / path.relative_to(unit.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    shutil.copy(unit.root / "nbgrader_config.py", folder)
    database = f"sqlite:///{folder / 'gradebook.db'}"
    return Desk(Unit(folder, unit.name), database)


def hand_in(desk: Desk, student: str, notebook: NotebookNode | str) -> Path:
    """Put a notebook, or the text of a file, where nbgrader looks for a submission."""
    text = notebook if isinstance(notebook, str) else nbformat.writes(notebook)
    folder = submissions.folder_of(desk.unit, student)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / desk.unit.student.name
    path.write_text(text, encoding="utf-8")
    return path


def preview(desk: Desk, work: Plan, source: Path | None) -> list[str]:
    """What a run would do."""
    inside = submissions.authors(desk.unit, source) if source else []
    others = [name for name in work.todo if name not in inside]
    lines = [f"would first collect {name}" for name in inside]
    lines += [f"would grade {name}" for name in others]
    count = f"{len(inside)} to collect from {source}, " if source else ""
    what = f"{len(others)} others to grade" if source else f"{len(others)} to grade"
    return [*lines, f"{count}{what}; nothing was written"]


def remarks(work: Plan, marks: dict[str, Mark]) -> list[str]:
    """What the table does not say."""
    levels = Counter(mark.sandbox for mark in marks.values() if mark.sandbox)
    if not marks:
        return ["Nobody has handed in anything: submitted/STUDENT/UNIT/ is empty."]
    lines = [f"{len(work.todo)} graded now, {len(work.standing)} unchanged."]
    if levels:
        counts = ", ".join(f"{level} ({count})" for level, count in levels.items())
        lines.append(f"Sandbox: {counts}")
    if work.outdated:
        lines.append(
            f"{work.outdated} marks rest on an earlier version of the unit, a package "
            "or the limits; --regrade gives them anew."
        )
    flagged = [mark.student for mark in marks.values() if mark.status == TAMPERED]
    if flagged:
        lines.append(f"Look at what speaks for tampering: {', '.join(flagged)}")
    return lines


def table(desk: Desk, outcome: Outcome) -> Table:
    """One line a student, which says why."""
    waiting = sum(grade.waiting for mark in outcome.marks for grade in mark.grades)
    result = Table(
        *("student", "mark", "status", "why"),
        title=desk.unit.name,
        caption=f"to be graded by hand: {waiting}",
    )
    for mark in outcome.marks:
        look = [f"{line}; decide yourself" for line in mark.evidence[:1]]
        row = mark.student, mark.points, mark.status, *(look or [mark.why])
        result.add_row(*map(Text, map(printable, row)))  # no markup of students
    return result


def printable(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)
