"""How committed notebooks differ from those that their source makes.

Cells are compared (kind, text, id, metadata), outputs are not: they may differ from
machine to machine.
"""

import itertools
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode


def differences(path: Path, fresh: NotebookNode, *, executed: bool) -> Iterator[str]:
    """How the notebook at `path` differs from a fresh one.

    executed: whether it must hold outputs (a solution) or must not (for students).
    """
    try:
        committed = read(path)
    except FileNotFoundError:
        yield f"{path} is missing"
        return
    except Exception as error:
        yield f"{path} cannot be read: {str(error).splitlines()[0]}"
        return
    yield from cell_differences(path, committed, fresh)
    if executed:
        yield from unexecuted(path, committed)
    elif any(c.get("outputs") or c.get("execution_count") for c in committed.cells):
        yield f"{path} holds outputs"


def read(path: Path) -> NotebookNode:
    """A committed notebook as it stands: valid, and no id mended on the way."""
    notebook = nbformat.v4.reads(path.read_text(encoding="utf-8"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing or repeated id
        nbformat.validate(notebook)
    return notebook


def cell_differences(
    path: Path, committed: NotebookNode, fresh: NotebookNode
) -> Iterator[str]:
    """The first cell that is missing, superfluous or different, and how."""
    for key in {**committed.metadata, **fresh.metadata}:
        if committed.metadata.get(key) != fresh.metadata.get(key):
            yield f"{path}: the notebook's metadata differ in {key}"
    old_ids = [cell.get("id") for cell in committed.cells]
    new_ids = [cell.id for cell in fresh.cells]
    for number, cell in enumerate(fresh.cells, start=1):
        if cell.id not in old_ids:
            yield f"{path}: cell {number} is missing: {cell.source[:60]!r}"
    for number, cell in enumerate(committed.cells, start=1):
        if cell.get("id") not in new_ids:
            yield f"{path}: cell {number} is not in the source: {cell.source[:60]!r}"
    if old_ids != new_ids:
        yield f"{path}: the cells stand in another order"
        return
    for number, (old, new) in enumerate(
        zip(committed.cells, fresh.cells, strict=True), start=1
    ):
        for key in ("cell_type", "source", "metadata", "attachments"):
            if old.get(key) != new.get(key):
                where = f"{path}: cell {number} ({new.id}) differs in its {key}"
                yield f"{where}\n{first_difference(old.get(key), new.get(key))}"


def first_difference(old: object, new: object) -> str:
    """The first line that differs, as committed and as built, from where it differs."""
    texts = [
        value if isinstance(value, str) else json.dumps(value, sort_keys=True, indent=1)
        for value in (old, new)
    ]
    lines = [text.split("\n") for text in texts]
    pairs = itertools.zip_longest(*lines, fillvalue="(no line)")
    before, after = next((a, b) for a, b in pairs if a != b)
    letters = enumerate(zip(before, after, strict=False))
    start = max(0, next((i for i, (a, b) in letters if a != b), 0) - 40)
    cut = [line[start : start + 120] for line in (before, after)]
    return f"    committed  {cut[0]}\n    source     {cut[1]}"


def unexecuted(path: Path, notebook: NotebookNode) -> Iterator[str]:
    """Code cells of a solution that did not run in order, failed, or lost a claim."""
    code = [c for c in enumerate(notebook.cells, start=1) if c[1].cell_type == "code"]
    for count, (number, cell) in enumerate(code, start=1):
        kinds = [output.output_type for output in cell.outputs]
        if cell.execution_count != count:
            yield f"{path}: cell {number} ({cell.id}) was not executed in order"
        if "error" in kinds:
            yield f"{path}: cell {number} ({cell.id}) holds an error"
        if "results.record(" in cell.source and not kinds:
            yield f"{path}: cell {number} ({cell.id}) has lost its output"
