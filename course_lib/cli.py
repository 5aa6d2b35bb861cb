"""The `course` command. Each subcommand explains itself: `course build --help`."""

import os
from typing import Annotated

import typer

from course_lib.console import Units, chosen, console, progress, stop
from course_lib.grading import commands

app = typer.Typer(
    help="Build, check and grade the Ocean Deep Learning Course.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


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

    os.environ.setdefault("JUPYTER_DEFAULT_PROVISIONER_NAME", "course-warm")
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


commands.register(app)

if __name__ == "__main__":
    app()
