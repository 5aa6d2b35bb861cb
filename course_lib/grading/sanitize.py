"""A submission, whatever is in it -> a notebook that may be executed.

The notebook is built anew from the course's own: locked cells, points, ids, tags and
metadata are ours, hidden tests included; from the student come the answers, the lesson
cells that they changed and the cells that they added. Nothing else passes.
"""

import ast
import base64
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib import build
from course_lib.build import Unit
from course_lib.grading.canaries import is_answer
from course_lib.grading.names import parse
from course_lib.grading.outputs import is_picture, plain

NEW = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
SKIP = "skip-execution"  # nbclient does not run a cell with this tag
LARGEST_NOTEBOOK = 64_000_000  # bytes
LARGEST_FILES = 16_000_000  # bytes of all other files of a submission
LONGEST_CELL = 200_000  # characters
LONGEST_TEXT = 2_000_000  # characters in all cells
MOST_CELLS = 1000


class Unreadable(ValueError):
    """A submission that is no notebook."""


@dataclass(frozen=True)
class Template:
    """What a unit's notebook looks like to the grader.

    cells: locked ones with their hidden tests, answers as the stub that was released.
    released: the text of each cell as students have it, by id. own: the names that
    the stubs define. files: support files of the unit, base64.
    """

    unit: str
    cells: list[NotebookNode]
    released: dict[str, str]
    own: set[str]
    files: dict[str, str]

    @classmethod
    def of(cls, unit: Unit) -> "Template":
        """Read both products of a unit; Unreadable if one of them is missing."""
        for path in (unit.solution, unit.student):
            if not path.is_file():
                raise Unreadable(f"{path} is missing; mend: course build {unit.name}")
        solution = nbformat.read(unit.solution, as_version=4)
        student = nbformat.read(unit.student, as_version=4)
        released = {cell.id: cell for cell in student.cells}
        if list(released) != [cell.id for cell in solution.cells]:
            raise Unreadable(f"the products differ; mend: course build {unit.name}")
        cells = [
            blank(released[cell.id] if is_solution(cell) else cell, released[cell.id])
            for cell in solution.cells
        ]
        own = {
            name for cell in cells if is_answer(cell) for name in defined(cell.source)
        }
        texts = {name: cell.source for name, cell in released.items()}
        files = support_files(unit.solution.parent, ["*.py"])
        return cls(unit.name, cells, texts, own, files)

    @property
    def unlike_others(self) -> set[str]:
        """The cells but the setup and the questions, which other units have too."""
        return {
            cell.id
            for cell in self.cells
            if cell.id != "setup"
            and not (cell.cell_type == "markdown" and "nbgrader" in cell.metadata)
        }


@dataclass
class Sanitized:
    """A notebook that may be executed, with what was mended on the way."""

    notebook: NotebookNode
    files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def blank(cell: NotebookNode, released: NotebookNode) -> NotebookNode:
    """A cell without outputs, with nbgrader's metadata as it was released."""
    copy = NEW[cell.cell_type](cell.source, id=cell.id)
    if "nbgrader" in released.metadata:
        copy.metadata["nbgrader"] = nbformat.from_dict(released.metadata.nbgrader)
    return copy


def is_solution(cell: NotebookNode) -> bool:
    """A cell that a student fills, with code or with text."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def is_ours(cell: NotebookNode) -> bool:
    """A cell of which nothing is taken from the student."""
    return "nbgrader" in cell.metadata and not is_solution(cell)


def defined(source: str) -> set[str]:
    """The functions and classes that a cell defines at its top level."""
    kinds = ast.FunctionDef | ast.ClassDef
    return {node.name for node in parse(source).body if isinstance(node, kinds)}


# --- reading ------------------------------------------------------------------------


def read_notebook(path: Path) -> list[dict]:
    """The cells of a submitted notebook; Unreadable, with the reason, without any."""
    try:
        if path.stat().st_size > LARGEST_NOTEBOOK:
            megabytes = LARGEST_NOTEBOOK // 10**6
            raise Unreadable(
                f"{path.name} has more than {megabytes} MB: clear its outputs"
            )
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise Unreadable(f"{path.name} is missing") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{path.name} is no text file") from None
    except (ValueError, RecursionError, MemoryError) as error:
        what = "is empty" if path.stat().st_size == 0 else "breaks off or is damaged"
        line = f" (line {error.lineno})" if hasattr(error, "lineno") else ""
        raise Unreadable(f"{path.name} {what}{line}") from None
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read: {error.strerror}") from None
    return cells_of(content, path.name)


def cells_of(content: object, name: str) -> list[dict]:
    """Type, source, ids of each cell: all that is taken from a file of any format."""
    if isinstance(content, dict) and isinstance(content.get("worksheets"), list):
        sheets = [sheet for sheet in content["worksheets"] if isinstance(sheet, dict)]
        lists = [s["cells"] for s in sheets if isinstance(s.get("cells"), list)]
        content = {"cells": [cell for cells in lists for cell in cells]}
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise Unreadable(f"{name} is no notebook")
    if len(content["cells"]) > MOST_CELLS:
        raise Unreadable(f"{name} has more than {MOST_CELLS} cells")
    cells = []
    for cell in content["cells"]:
        if not isinstance(cell, dict):
            continue
        source = cell.get("source", cell.get("input", ""))
        if isinstance(source, list):
            source = "".join(part for part in source if isinstance(part, str))
        metadata = cell.get("metadata")
        graded = metadata.get("nbgrader") if isinstance(metadata, dict) else None
        grade_id = graded.get("grade_id") if isinstance(graded, dict) else None
        cells.append(
            {
                "type": cell.get("cell_type"),
                "source": plain(source) if isinstance(source, str) else "",
                "id": cell.get("id"),
                "grade_id": grade_id,
                "attachments": cell.get("attachments"),
            }
        )
    if sum(len(cell["source"]) for cell in cells) > LONGEST_TEXT:
        millions = LONGEST_TEXT // 10**6
        raise Unreadable(f"{name} has more than {millions} million characters of text")
    return cells


def support_files(folder: Path, but: list[str]) -> dict[str, str]:
    """The files beside a notebook, base64 by relative path; links are left out."""
    files, size = {}, 0
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        hidden = any(part.startswith((".", "__pycache__")) for part in inner.parts)
        links = any((folder / p).is_symlink() for p in [inner, *inner.parents])
        unwanted = any(path.match(pattern) for pattern in ["*.ipynb", *but])
        if hidden or links or unwanted or not path.is_file():
            continue
        size += path.stat().st_size
        if size > LARGEST_FILES:
            megabytes = LARGEST_FILES // 10**6
            raise Unreadable(f"its other files have more than {megabytes} MB")
        files[str(inner)] = base64.b64encode(path.read_bytes()).decode()
    return files


# --- matching -----------------------------------------------------------------------


def sanitize(template: Template, path: Path) -> Sanitized:
    """The notebook to execute for a submitted file; Unreadable if it is none."""
    given = read_notebook(path)
    notes = []
    match = matches(template, given, notes)
    if not template.unlike_others & set(match.values()):
        unit = template.unit
        raise Unreadable(f"{path.name} has no cell of {unit}; maybe another unit's")
    notebook = nbformat.v4.new_notebook(metadata=build.METADATA)
    notebook.cells = assemble(template, given, match, notes)
    # A check file of the student would come before the course's own.
    try:
        files = support_files(path.parent, ["timestamp.txt"]) | template.files
    except OSError as error:
        raise Unreadable(f"a file beside it cannot be read: {error.strerror}") from None
    return Sanitized(notebook, files, notes)


def matches(template: Template, given: list[dict], notes: list[str]) -> dict[int, str]:
    """Which of our cells each given cell is: by grade id, id, source or definition."""
    match: dict[int, str] = {}
    ours = {cell.id: cell for cell in template.cells}
    by_grade = {
        c.metadata.nbgrader.grade_id: c.id
        for c in ours.values()
        if "nbgrader" in c.metadata
    }
    by_name: set[str] = set()
    for key, known in (("grade_id", by_grade), ("id", {i: i for i in ours})):
        for index, cell in enumerate(given):
            name = cell[key] if isinstance(cell[key], str) else None
            taken = key == "id" and known.get(name) in by_name
            if index not in match and name in known and not taken:
                match[index] = known[name]
        by_name = set(match.values())  # a grade id counts more than a cell id
    for same in (same_source, same_definition):
        for identity, cell in ours.items():
            if identity not in match.values():
                found = [
                    i for i, c in enumerate(given) if i not in match and same(cell, c)
                ]
                if found:
                    match[found[-1]] = identity
                    if is_solution(cell):
                        notes.append(f"{identity} was found by its text")
    return keep_one(match, ours, given, notes)


def same_source(ours: NotebookNode, given: dict) -> bool:
    return bool(ours.source.strip()) and ours.source.strip() == given["source"].strip()


def same_definition(ours: NotebookNode, given: dict) -> bool:
    """An answer without its metadata: it defines what the stub defines."""
    if not is_answer(ours):
        return False
    wanted = defined(ours.source)
    return bool(wanted) and wanted <= defined(given["source"])


def keep_one(
    match: dict[int, str], ours: dict[str, NotebookNode], given: list[dict], notes: list
) -> dict[int, str]:
    """Of several copies of a cell the last one that differs from ours counts."""
    for identity, times in Counter(match.values()).items():
        if times == 1:
            continue
        copies = [index for index, name in match.items() if name == identity]
        changed = [i for i in copies if not same_source(ours[identity], given[i])]
        kept = max(changed or copies)
        for index in copies:
            if index != kept:
                del match[index]
                if is_ours(ours[identity]) or same_source(ours[identity], given[index]):
                    given[index]["source"] = ""
        notes.append(f"{identity} stands there {times} times; the last one counts")
    return match


def assemble(
    template: Template, given: list[dict], match: dict[int, str], notes: list[str]
) -> list[NotebookNode]:
    """Our cells in our order, each followed by what the student has added after it."""
    handed_in: dict[str, dict] = {}
    added: dict[str, list[NotebookNode]] = {}
    place = ""
    for index, cell in enumerate(given):
        if index in match:
            place = match[index]
            handed_in[place] = cell
        elif cell["source"].strip() and cell["type"] in ("code", "markdown"):
            added.setdefault(place, []).append(fill(NEW[cell["type"]](), cell))
            added[place][-1].id = f"added-{index}"
    cells = added.get("", [])
    for ours in template.cells:
        cell, theirs = nbformat.from_dict(ours), handed_in.get(ours.id)
        if theirs and not is_ours(ours):
            fill(cell, theirs)
        cells += [cell, *added.get(ours.id, [])]
        if "nbgrader" in ours.metadata and (note := mended(template, ours, theirs)):
            notes.append(f"{ours.id} {note}")
    return cells


def fill(cell: NotebookNode, given: dict) -> NotebookNode:
    """Put the text of a student into a cell, and the pictures pasted into it."""
    cell.source = given["source"][:LONGEST_CELL]
    if cell.cell_type == "markdown" and isinstance(given["attachments"], dict):
        cell["attachments"] = {
            plain(name): {mime: content}
            for name, bundle in given["attachments"].items()
            if isinstance(bundle, dict)
            for mime, content in bundle.items()
            if is_picture(mime, content)
        }
    return cell


def mended(template: Template, ours: NotebookNode, theirs: dict | None) -> str:
    """What had happened to a cell of the course; empty if nothing."""
    if theirs is None:
        return "was missing; it was put back"
    if theirs["type"] != ours.cell_type:
        return "was of another type"
    if is_ours(ours) and theirs["source"].strip() != template.released[ours.id].strip():
        return "was changed; it was put back"
    return ""


def graded_path(template: Template, notebook: NotebookNode) -> NotebookNode:
    """A copy that skips the lesson cells which stand as they were released."""
    lessons = {(c.id, c.source) for c in template.cells if "nbgrader" not in c.metadata}
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.cell_type == "code" and (cell.id, cell.source) in lessons:
            cell.metadata["tags"] = [SKIP]
    return copy
