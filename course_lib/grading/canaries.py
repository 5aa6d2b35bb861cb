"""Cells that must fail, to show whether a submission has disarmed its checks.

Before each check, and after the last one, the executed copy gets a canary: a cell that
tries the comparison functions on inputs that they must refuse, takes fingerprints of
everything that the check uses and of the shell, and raises an error with a number that
nobody can foresee. The reference solution has run with the same canaries, so that all
must look alike. Each check ends with such a number too: only one that has come to its
end has passed. This raises the bar and proves nothing; a human is shown what differs.
"""

import ast
import secrets
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib import checks
from course_lib.grading.names import NO_CODE, used

CANARY, THE_END = "canary-", "the end"
MUST_FAIL = {  # a call of every comparison with what it must refuse
    "abs": "abs(-1.0) == -1.0",
    "all": "all([True, False])",
    "any": "any([False])",
    "isinstance": "isinstance(1, str)",
    "np.allclose": "np.allclose(0.0, 1.0)",
    "np.array_equal": "np.array_equal([0.0], [1.0])",
    "np.isclose": "np.isclose(0.0, 1.0)",
    "np.testing.assert_allclose": "np.testing.assert_allclose(0.0, 1.0)",
    "np.testing.assert_array_equal": "np.testing.assert_array_equal([0.0], [1.0])",
    "torch.allclose": "torch.allclose(torch.zeros(1), torch.ones(1))",
    "torch.equal": "torch.equal(torch.zeros(1), torch.ones(1))",
    "checks.fail": 'checks.fail(what, "", "")',
    "checks.holds": 'checks.holds(False, what, seen="", expected="")',
    "checks.array": "checks.array(None, what)",
    "checks.unpack": 'checks.unpack(1, ["one"], what)',
    "checks.same_shape": "checks.same_shape(np.zeros(2), (3,), what)",
    "checks.close": "checks.close(1.0, 1.1, what)",
    "checks.orthonormal_rows": "checks.orthonormal_rows(2 * np.eye(2), what)",
    "checks.same_axes": "checks.same_axes(np.eye(2)[::-1], np.eye(2), what)",
    "checks.rank_at_most": "checks.rank_at_most(np.eye(3), 1, what)",
    "checks.inputs_unchanged": (
        "checks.inputs_unchanged(lambda x: x.__iadd__(1), np.zeros(2))"
    ),
    "checks.gradients_everywhere": (
        "checks.gradients_everywhere(torch.nn.Linear(1, 1), torch.zeros(1), what)"
    ),
    "checks.keeps_device_and_dtype": (
        "checks.keeps_device_and_dtype(lambda x: x.double(), torch.zeros(2))"
    ),
    "checks.affine": (
        "checks.affine(lambda x: x**2, torch.tensor([[0.0], [2.0]]), what)"
    ),
    "checks.not_affine": (
        "checks.not_affine(lambda x: x, torch.tensor([[0.0], [2.0]]), what)"
    ),
    "checks.unbounded": "checks.unbounded(np.zeros(2), what)",
    "checks.raises": "checks.raises(dict, what)",
    "checks.not_negative": "checks.not_negative(-np.ones(2), what)",
}
UNDEFINED = "builtins.NoneType 0"  # a name that the check gives its value itself
PROBE = (Path(__file__).parent / "probe.py").read_text()  # it runs in the kernel


def with_canaries(
    notebook: NotebookNode, own: set[str]
) -> tuple[NotebookNode, dict[str, str]]:
    """A copy with a canary before each check, and all numbers by the id of their cell.

    own: the names that the exercises define; they differ from answer to answer.
    """
    copy = nbformat.from_dict({**notebook, "cells": []})
    nonces = {}
    last = [cell for cell in notebook.cells if is_check(cell)][-1:]
    for cell in notebook.cells:
        copy.cells.append(nbformat.from_dict(cell))
        if is_check(cell):
            name = cell.metadata.nbgrader.grade_id.removeprefix("check_")
            names = {
                path for path in used(cell.source) if path.split(".")[0] not in own
            }
            copy.cells.insert(-1, canary(name, names | used_by_checks(), nonces))
            nonces[cell.id] = secrets.token_hex(16)
            copy.cells[-1].source += ending(nonces[cell.id])
        if cell in last:
            copy.cells.append(canary(THE_END, used_by_checks(), nonces))
    return copy, nonces


CELL = """\
{box} = {{}}
__import__("builtins").exec({source!r}, {box})
try:
    assert not {nonce!r}
except __import__("builtins").AssertionError:
    {box}["assert"] = "refuses"
{box}["assert"] = {box}.get("assert", "accepts everything")
raise {box}["probe"]({nonce!r}, {names!r}, {must_fail!r}, {box}["assert"])
"""


def canary(name: str, names: Iterable[str], nonces: dict[str, str]) -> NotebookNode:
    """The canary before a check; its number joins the others.

    It finds its names by itself: a student may call a variable `type`.
    """
    nonce = secrets.token_hex(16)
    source = CELL.format(
        box=f"_{secrets.token_hex(8)}",
        source=PROBE,
        nonce=nonce,
        names=sorted(names),
        must_fail=MUST_FAIL,
    )
    cell = nbformat.v4.new_code_cell(source, id=f"{CANARY}{len(nonces)}")
    cell.metadata["canary"] = name
    nonces[cell.id] = nonce
    return cell


def ending(nonce: str) -> str:
    """The last lines of a check: an error that says that it has come to its end."""
    name = f"_{nonce[:16]}"
    error = f"{name} = AssertionError({nonce!r})"
    return f"\n\n{error}\n{name}._render_traceback_ = lambda: []\nraise {name}"


def without_canaries(
    notebook: NotebookNode, nonces: dict[str, str]
) -> tuple[NotebookNode, dict[str, dict[str, str]]]:
    """The executed notebook as it was handed in, and what each canary found, by check.

    A canary that did not fail as it must has found {"canary": "did not fail"}. A check
    that passed without coming to its end has found {"end": …}, and gets an error.
    """
    found, cells = {}, []
    for cell in notebook.cells:
        nonce = nonces.get(cell.id)
        if nonce and "canary" in cell.metadata:
            found[cell.metadata["canary"]] = findings(cell, nonce)
            continue
        cells.append(cell)
        if nonce and not came_to_its_end(cell, nonce):
            name = cell.metadata.nbgrader.grade_id.removeprefix("check_")
            found.setdefault(name, {})["end"] = "passed without coming to its end"
    return nbformat.from_dict({**notebook, "cells": cells}), found


def findings(cell: NotebookNode, nonce: str) -> dict[str, str]:
    """What a canary says; that it did not run is no evidence, that it passed is."""
    errors = [output for output in cell.outputs if output.output_type == "error"]
    for error in errors:
        if error.ename == "AssertionError" and error.evalue.startswith(nonce):
            try:
                said = ast.literal_eval(error.evalue.removeprefix(nonce))
                return {str(key): str(value) for key, value in said.items()}
            except (*NO_CODE, AttributeError, TypeError):
                return {"canary": "was tampered with"}
    if not cell.metadata.ran or {e.ename for e in errors} & {"TimedOut", "MemoryError"}:
        return {}
    return {"canary": "did not fail"}


def came_to_its_end(check: NotebookNode, nonce: str) -> bool:
    """Take the ending out of a check; False if one that passed has not reached it."""
    check.source = check.source.removesuffix(ending(nonce))
    end = [
        output
        for output in check.outputs
        if output.output_type == "error"
        and (output.ename, output.evalue) == ("AssertionError", nonce)
    ]
    errors = [output for output in check.outputs if output.output_type == "error"]
    check.outputs = [output for output in check.outputs if output not in end]
    if not errors:
        why = "the check did not come to its end"
        error = nbformat.v4.new_output("error", ename="NoEnd", evalue=why)
        check.outputs.append(error)
    return bool(errors)


@cache
def used_by_checks() -> frozenset[str]:
    """What the module `checks` uses of NumPy: a patch of it would fool every check."""
    source = Path(checks.__file__).read_text(encoding="utf-8")
    return frozenset(path for path in used(source) if path.startswith("np."))


def is_check(cell: NotebookNode) -> bool:
    """A locked cell with points."""
    of_grader = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and bool(of_grader.get("grade"))


def is_answer(cell: NotebookNode) -> bool:
    """A code cell that a student fills."""
    of_grader = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and bool(of_grader.get("solution"))


def is_locked(cell: NotebookNode) -> bool:
    """A cell that stands as the course has it."""
    of_grader = cell.metadata.get("nbgrader", {})
    return bool(of_grader.get("locked")) and not of_grader.get("solution")
