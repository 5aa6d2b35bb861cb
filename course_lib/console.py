"""What the commands share: how they find units, show progress, and stop."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

# To check web addresses, which no notebook has, jsonschema would build a grammar: 1.2 s
# at each import of nbformat.
sys.modules.setdefault("rfc3987_syntax", None)

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
    """A bar with what is going on, and the time that remains and has passed."""
    return Progress(
        SpinnerColumn(),
        *Progress.get_default_columns(),  # the last one estimates what remains
        TimeElapsedColumn(),
        console=console,
    )


def advancing(bar: Progress, description: str) -> Callable[[int, int], None]:
    """A new line of the bar; call it with what is done and how much there is."""
    task = bar.add_task(description, total=None)
    return lambda done, total: bar.update(task, completed=done, total=total)


def chosen(units: list[str] | None):
    """The units that a command line names; ends the command where there is none."""
    from course_lib import build

    try:
        return build.find_units(build.course_root(), units)
    except build.BuildError as error:
        stop(str(error))
