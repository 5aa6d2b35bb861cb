"""The `course` command. Each subcommand explains itself: `course build --help`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from course_lib.console import Units, advancing, chosen, console, progress, stop
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
def results_command(
    units: Units = None,
    readme: Annotated[
        bool, typer.Option("--readme", help="Write the table of units in README.md.")
    ] = False,
) -> None:
    """Print the headline numbers that the executed solutions hold, as one table.

    **Examples**

    `course results` prints those of all units.

    `course results 01` prints those of unit 01.

    `course results --readme` renews the table of units in README.md.
    """
    from rich.table import Table

    from course_lib import results

    if readme:
        return renew_readme()

    table = Table("unit", "result", "value", "claim", "reference")
    for unit in chosen(units):
        if not unit.solution.is_file():
            stop(f"{unit.solution} is missing; mend: course build {unit.name}")
        for row in results.read(unit.solution):
            value = f"{row.value:.3g} {row.unit}"
            table.add_row(unit.name[:2], row.name, value, row.claim, row.reference)
    console.print(table)


def renew_readme() -> None:
    """Write the table of units into the README of the course."""
    from course_lib import build, headlines

    try:
        page = build.course_root() / "README.md"
        page.write_text(headlines.renewed(page, build.find_units(page.parent)))
    except (build.BuildError, headlines.HeadlineError, OSError) as error:
        stop(str(error))
    console.print(f"{page.name}: the table of units is that of the solutions.")


Rebuild = Annotated[
    bool, typer.Option("--rebuild", help="Simulate it again from its seed.")
]
Size = Annotated[int | None, typer.Option(help="Points along a side.", min=1)]
Members = Annotated[int | None, typer.Option(help="Seas, each on its own.", min=1)]
Snapshots = Annotated[int | None, typer.Option(help="Kept of each sea.", min=1)]
Output = Annotated[Path | None, typer.Option(help="Write to this .nc file instead.")]


@app.command("data")
def data_command(
    name: Annotated[
        str | None, typer.Argument(help="A sample; all are listed if none is given.")
    ] = None,
    rebuild: Rebuild = False,
    size: Size = None,
    members: Members = None,
    snapshots: Snapshots = None,
    output: Output = None,
) -> None:
    """List the simulated samples of the course, or make one again.

    A run that was stopped goes on where it was, and the file is written whole or not at
    all. A larger sample needs a file of its own.

    **Examples**

    `course data` lists the samples.

    `course data qg_turbulence --rebuild` makes one again (about a minute).

    `course data qg_eddies --rebuild --members 16 --output many.nc` makes a larger one.
    """
    if not rebuild and any((size, members, snapshots, output)):
        stop("Another size, or file, is for a new simulation; mend: --rebuild")
    try:
        if name is None or not rebuild:
            list_samples(name)
        else:
            rebuild_sample(name, (size, members, snapshots), output)
    except ValueError as error:
        stop(str(error))
    except OSError as error:  # a full disk
        stop(f"{output or name}: {error}; what is done stays: run it again to go on")


def rebuild_sample(
    name: str, larger: tuple[int | None, int | None, int | None], output: Path | None
) -> None:
    """Simulate a sample again; larger: its points, members and snapshots if changed."""
    from course_lib.datasets import recipes, samples

    recipe = samples.recipe(name).larger(*larger)
    file = output or samples.path(name)
    if output is None and recipe != samples.recipe(name):
        stop("A larger sample needs a file of its own; mend: --output FILE.nc")
    if file.suffix != ".nc":
        stop(f"{file} is no netCDF name; mend: --output {file}.nc")
    with progress() as bar:
        recipes.rebuild(recipe, file, advancing(bar, f"Simulating {name}"))
    console.print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


def list_samples(name: str | None) -> None:
    """One line a sample: what it is and how large."""
    from rich.table import Table

    from course_lib.datasets import samples

    table = Table("sample", "what", "members", "snapshots", "points", "MB")
    for known in [name] if name else samples.RECIPES:
        recipe, file = samples.recipe(known), samples.path(known)
        megabytes = f"{file.stat().st_size / 1e6:.1f}" if file.is_file() else "missing"
        numbers = (recipe.members, recipe.snapshots, f"{recipe.model.size}²")
        table.add_row(known, recipe.title, *map(str, numbers), megabytes)
    console.print(table)


commands.register(app)

if __name__ == "__main__":
    app()
