"""`course grade`: plan, collect, run, and say how everybody fared."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

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
    with desk.locked():
        if source and not dry_run:
            submissions.collect(desk.unit, source)
        names = class_list(desk, students)
        work = plan(desk, names, bool(students), options)
        if dry_run:
            return Outcome(list(work.standing.values()), preview(desk, work, source))
        marks = dict(work.standing)
        if work.todo:
            for mark in run(desk, options, work.todo, workers, scheduler):
                marks[mark.student] = mark
                tell(len(marks), len(names))
    return Outcome([marks[name] for name in names], remarks(work, marks))


def run(desk: Desk, options: Options, todo: list[str], workers, scheduler):
    """The marks of those who have to be graded, as they come."""
    from course_lib.grading import pools, provisioner
    from course_lib.grading.execute import Refused
    from course_lib.grading.run import Run

    if not scheduler:
        provisioner.zygote().warm_up()  # it imports while we do
    pool = pools.Cluster(scheduler) if scheduler else pools.Threads(workers)
    try:
        yield from Run(desk, options, pool).grade(todo)
    except Refused as error:
        raise RunError(
            f"no sandbox can be built here: {error}. Run on Linux 5.14 or later with user "
            "namespaces (or as root), or trust every submission and give --unsafe"
        ) from None
    finally:
        pool.close()


def preview(desk: Desk, work: Plan, source: Path | None) -> list[str]:
    """What a run would do."""
    lines = [f"would grade {name}" for name in work.todo]
    if source:
        lines.append(f"would first collect {source}")
    return [*lines, f"{len(work.todo)} to grade; nothing was written"]


def remarks(work: Plan, marks: dict[str, Mark]) -> list[str]:
    """What the table does not say."""
    levels = Counter(mark.sandbox for mark in marks.values() if mark.sandbox)
    lines = [f"{len(work.todo)} graded now, {len(work.standing)} unchanged."]
    if levels:
        counts = ", ".join(f"{level} ({count})" for level, count in levels.items())
        lines.append(f"Sandbox: {counts}")
    if work.outdated:
        lines.append(
            f"{work.outdated} marks rest on an earlier version of the unit, the packages "
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
        result.add_row(mark.student, mark.points, mark.status, mark.why)
    return result
