"""The `course` command. Each subcommand explains itself: `course build --help`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

app = typer.Typer(
    help="Build, check and grade the Ocean Deep Learning Course.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
console = Console(highlight=False, emoji=False)  # in rich, :100: is an emoji
errors = Console(stderr=True, highlight=False, emoji=False)

Units = Annotated[
    list[str] | None,
    typer.Argument(help="Units, full names or beginnings (01); all if none is given."),
]


def stop(message: str) -> None:
    """Print an error and end with exit code 1."""
    errors.print(message, markup=False, style="red", soft_wrap=True)
    raise typer.Exit(1)


def progress() -> Progress:
    """A bar with what is going on and the time it has taken."""
    return Progress(
        SpinnerColumn(),
        *Progress.get_default_columns()[:3],
        TimeElapsedColumn(),
        console=console,
    )


def chosen(units: list[str] | None):
    """The units that a command line names; ends the command where there is none."""
    from course_lib import build

    try:
        return build.find_units(build.course_root(), units)
    except build.BuildError as error:
        stop(str(error))


@app.command("build")
def build_command(
    units: Units = None,
    force: Annotated[
        bool, typer.Option(help="Build what has not changed too.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Compare only, and write nothing.")
    ] = False,
) -> None:
    """Make the executed solutions and the student notebooks from their sources.

    **Examples**

    `course build` builds all units whose source has changed.

    `course build 01 --force` builds unit 01 whatever has changed.

    `course build --check` proves that the committed notebooks match their sources.
    """
    from course_lib import build

    found = chosen(units)
    failures = []
    with progress() as bar:
        task = bar.add_task("Checking" if check else "Building", total=len(found))
        if check:
            for unit in found:
                outcome = build.attempt(build.check, unit)
                if isinstance(outcome, str):
                    failures.append(outcome)
                bar.advance(task)
        else:
            for unit, outcome in build.build_all(found, force=force):
                if isinstance(outcome, str):
                    failures.append(outcome)
                else:
                    bar.print(f"{unit.name}: {'built' if outcome else 'up to date'}")
                bar.advance(task)
    if failures:
        stop("\n".join(failures))
    if check:
        console.print(f"{len(found)} unit(s): the notebooks match their sources.")


@app.command("results")
def results_command(units: Units = None) -> None:
    """Print the headline numbers that the executed solutions hold, as one table.

    **Examples**

    `course results` prints those of all units.

    `course results 01` prints those of unit 01.
    """
    from rich.table import Table

    from course_lib import results

    table = Table("unit", "result", "value", "claim", "reference")
    for unit in chosen(units):
        if not unit.solution.is_file():
            stop(f"{unit.solution} is missing; mend: course build {unit.name}")
        for row in results.read(unit.solution):
            value = f"{row.value:.3g} {row.unit}"
            table.add_row(unit.name[:2], row.name, value, row.claim, row.reference)
    console.print(table)


@app.command("answers")
def answers_command(
    units: Units = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="One line for each answer.")
    ] = False,
) -> None:
    """Grade the bank of right and wrong answers, and print the mutation table.

    Every right answer must get all points, every wrong one must lose the points of its
    exercise, and the untouched notebook must get none; the exit code says whether.

    **Examples**

    `course answers` grades the banks of all units.

    `course answers 01 -v` shows each answer of unit 01, and the message it got.
    """
    from course_lib.grading import answers

    right = True
    for unit in chosen(units):
        try:
            bank = answers.read_bank(unit)
        except answers.BankError as error:
            stop(str(error))
        with progress() as bar:
            task = bar.add_task(f"Grading answers of {unit.name}", total=len(bank) + 1)
            outcomes = answers.grade_bank(
                unit, bank, advance=lambda task=task, bar=bar: bar.advance(task)
            )
        if verbose:
            console.print(answers.listing(outcomes))
        console.print(answers.table(unit, outcomes))
        right = right and all(outcome.as_it_should for outcome in outcomes)
    raise typer.Exit(0 if right else 1)


@app.command("demo")
def demo_command(
    folder: Annotated[Path, typer.Option(help="Where the class is graded.")] = Path(
        "demo"
    ),
) -> None:
    """Build unit 01, grade a small class, write feedback, and print the marks.

    **Examples**

    `course demo` works in the folder demo/, which it makes anew.

    `course demo --folder /tmp/class` works elsewhere.
    """
    from course_lib.grading import demo

    try:
        demo.run(chosen(["01"])[0], folder.resolve(), console, progress)
    except demo.DemoError as error:
        stop(str(error))


if __name__ == "__main__":
    app()
