"""The commands of instructors: grade, feedback, report, answers, demo."""

import os
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from course_lib.console import Units, advancing, chosen, console, progress, stop

CORES, DEMO = os.cpu_count() or 1, Path("demo")
Unit = Annotated[str, Argument(help="A unit, full name or beginning (01).")]
Students = Annotated[
    list[str] | None, Option("--student", help="Only this student; may be repeated.")
]
Source = Annotated[
    Path | None, Option("--from", help="Collect a folder or zip of notebooks first.")
]
Workers = Annotated[int, Option(help="Submissions executed at a time.", min=1)]
Scheduler = Annotated[
    str | None, Option(help="Execute on a Dask cluster: tcp://host:8786.")
]
Database = Annotated[
    str | None,
    Option(
        help="Gradebook, a URL of SQLAlchemy; else nbgrader_config's, else sqlite:///gradebook.db."
    ),
]
Timeout = Annotated[float, Option(help="Seconds that a cell may take.", min=1)]
Memory = Annotated[float, Option(help="GiB that a submission may hold.", min=0.5)]
Regrade = Annotated[
    bool, Option("--regrade", help="Also what the course has changed, or was cut off.")
]
DryRun = Annotated[
    bool, Option("--dry-run", help="Say what would be graded; write nothing.")
]
Unsafe = Annotated[
    bool, Option("--unsafe", help="Run students' code without a sandbox, as yourself.")
]
Full = Annotated[bool, Option("--full", help="Run all lesson cells for everybody.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for function in (grade, feedback, report, answers, demo):
        app.command(function.__name__)(function)


def desk_of(unit: str, database: str | None):
    """The unit of a command line, and its gradebook."""
    from course_lib.build import nbgrader_config
    from course_lib.grading.plan import Desk

    (found,) = chosen([unit])
    default = f"sqlite:///{found.root / 'gradebook.db'}"
    configured = nbgrader_config(found.root).CourseDirectory.get("db_url", default)
    return Desk(found, database or configured)


def grade(
    unit: Unit,
    student: Students = None,
    source: Source = None,
    workers: Workers = CORES,
    scheduler: Scheduler = None,
    db: Database = None,
    timeout: Timeout = 120,
    memory: Memory = 4,
    regrade: Regrade = False,
    dry_run: DryRun = False,
    unsafe: Unsafe = False,
    full: Full = False,
) -> None:
    """Grade the submissions of a unit: sandboxed, side by side, and resumable.

    Submissions are read from submitted/STUDENT/UNIT/. Marks go to nbgrader's gradebook,
    and each into grades.jsonl. What was graded before and has not changed is left
    alone; a run that was interrupted goes on where it stopped.

    **Examples**

    `course grade 01` grades all that is new in unit 01.

    `course grade 01 --from moodle.zip --workers 8` collects an LMS's zip first.

    `course grade 01 --regrade --student ada` grades ada once more.
    """
    from course_lib.grading import classes
    from course_lib.grading.plan import Options, RunError
    from course_lib.grading.sandbox import Limits
    from course_lib.grading.submissions import NoSubmissions

    limits = Limits(cell=timeout, notebook=5 * timeout, memory=memory)
    options = Options(limits, regrade=regrade, full=full, unsafe=unsafe)
    desk = desk_of(unit, db)
    try:
        with progress() as bar:
            outcome = classes.grade(
                desk,
                options,
                students=student,
                source=source,
                workers=workers,
                scheduler=scheduler,
                dry_run=dry_run,
                tell=advancing(bar, f"Grading {desk.unit.name}"),
            )
    except (RunError, NoSubmissions) as error:
        stop(str(error))
    except KeyboardInterrupt:
        console.print("Interrupted. The marks so far stand; run it again to go on.")
        os._exit(130)  # without waiting for the submissions that still run
    if outcome.marks:
        console.print(classes.table(desk, outcome))
    for line in outcome.remarks:
        console.print(line, soft_wrap=True)


def feedback(
    unit: Unit,
    student: Students = None,
    db: Database = None,
) -> None:
    """Write a page for each student: points, messages, and outputs.

    **Examples**

    `course feedback 01` writes feedback/STUDENT/UNIT/UNIT.html for everybody.

    `course feedback 01 --student ada` writes ada's.
    """
    from course_lib.grading import feedback as pages
    from course_lib.grading.plan import RunError

    try:
        written = pages.write_all(desk_of(unit, db), student)
    except RunError as error:
        stop(str(error))
    console.print(f"{len(written)} page(s) in {written[0].parents[2]}", soft_wrap=True)


def report(
    unit: Unit,
    db: Database = None,
    csv: Annotated[bool, Option("--csv", help="Write a table too.")] = False,
) -> None:
    """Write a page for the instructor: marks, exercises, messages, flags, costs.

    **Examples**

    `course report 01` writes report-UNIT.html.

    `course report 01 --csv` writes marks-UNIT.csv too.
    """
    from course_lib.grading import report as pages
    from course_lib.grading.plan import RunError

    try:
        written = pages.write_all(desk_of(unit, db), csv=csv)
    except RunError as error:
        stop(str(error))
    for path in written:
        console.print(str(path), soft_wrap=True)


def answers(
    units: Units = None,
    verbose: Annotated[
        bool, Option("--verbose", "-v", help="One line for each answer.")
    ] = False,
) -> None:
    """Grade the bank of right and wrong answers, and print the mutation table.

    Every right answer must get all points, every wrong one must lose the points of its
    exercise, and the untouched notebook must get none; the exit code says whether.

    **Examples**

    `course answers` grades the banks of all units.

    `course answers 01 -v` shows each answer of unit 01, and the message it got.
    """
    from course_lib.grading import answers as bank_of

    right = True
    for unit in chosen(units):
        try:
            bank = bank_of.read_bank(unit)
        except bank_of.BankError as error:
            stop(str(error))
        with progress() as bar:
            tell = advancing(bar, f"Grading answers of {unit.name}")
            outcomes = bank_of.grade_bank(unit, bank, tell=tell)
        if verbose:
            console.print(bank_of.listing(outcomes))
        console.print(bank_of.table(unit, outcomes))
        right = right and all(outcome.as_it_should for outcome in outcomes)
    raise typer.Exit(0 if right else 1)


def demo(
    folder: Annotated[Path, Option(help="Where the class is graded.")] = DEMO,
) -> None:
    """Build unit 01, grade a small class, write feedback, and print the marks.

    **Examples**

    `course demo` works in the folder demo/, which it makes anew.

    `course demo --folder /tmp/class` works elsewhere.
    """
    from course_lib.grading import demo as example

    try:
        example.run(chosen(["01"])[0], folder.resolve(), console, progress)
    except example.DemoError as error:
        stop(str(error))
