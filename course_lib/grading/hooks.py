"""How the kernel of a submission starts, and which of its cells run."""

from collections.abc import Callable

from nbformat import NotebookNode

# nbgrader gives 0 points to a test cell with any text on stderr, where warnings and
# lines of log go; correct code may write them. Kernels that grade have one stream.
ONE_STREAM = "import os, sys; sys.stderr = sys.stdout; os.dup2(1, 2)"
KERNEL_ARGUMENTS = [
    "--IPKernelApp.log_level=ERROR",
    f"--IPKernelApp.exec_lines={ONE_STREAM}",
]
SKIP = "skip-execution"  # nbclient does not run a cell with this tag


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
