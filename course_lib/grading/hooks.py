"""What happens to a submission around its execution (nbclient's hooks)."""

from collections.abc import Callable

from nbformat import NotebookNode

SKIP = "skip-execution"  # nbclient does not run a cell with this tag


def stderr_is_no_failure(cell: NotebookNode, cell_index: int) -> None:
    """Rename stderr to stdout in the outputs of a cell that has run.

    nbgrader gives 0 points to a test cell with any text on stderr, where warnings and
    log lines go. An error is an output of another kind and stays one.
    """
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            output.name = "stdout"


def graded_path(released: NotebookNode) -> Callable[[NotebookNode], None]:
    """A hook that lets a submission run its graded path only.

    Setup, exercises, checks and all that the student added or changed run; lesson
    cells that stand as they were released do not. Tags that a student may have set to
    escape execution are removed.
    """
    lessons = {
        (cell.id, cell.source)
        for cell in released.cells
        if "nbgrader" not in cell.metadata
    }

    def keep_graded_path(notebook: NotebookNode) -> None:
        for cell in notebook.cells:
            untouched = (cell.get("id"), cell.source) in lessons
            is_graded = "nbgrader" in cell.metadata
            cell.metadata["tags"] = [SKIP] if untouched and not is_graded else []

    return keep_graded_path
