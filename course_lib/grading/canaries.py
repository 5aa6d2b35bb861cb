"""Cells that must fail, and other evidence that a submission has disarmed its checks.

Before each check, and after the last one, the executed copy gets a canary: a cell that
tries the comparison functions on inputs that they must refuse, takes fingerprints of
everything that the check uses and of the shell, and raises an error with a number that
nobody can foresee. The reference solution has run with the same canaries, so that all
must look alike. This raises the bar and proves nothing: what differs is shown to a human.
"""

import ast
import inspect
import json
import secrets
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from course_lib import checks

CANARY, THE_END = "canary-", "the end"
MUST_FAIL = {  # a call of every check with what it must refuse
    "fail": 'checks.fail(what, "", "")',
    "holds": 'checks.holds(False, what, seen="", expected="")',
    "array": "checks.array(None, what)",
    "unpack": 'checks.unpack(1, ["one"], what)',
    "same_shape": "checks.same_shape(np.zeros(2), (3,), what)",
    "close": "checks.close(1.0, 1.1, what)",
    "orthonormal_rows": "checks.orthonormal_rows(2 * np.eye(2), what)",
    "same_axes": "checks.same_axes(np.eye(2)[::-1], np.eye(2), what)",
    "rank_at_most": "checks.rank_at_most(np.eye(3), 1, what)",
    "inputs_unchanged": "checks.inputs_unchanged(lambda x: x.__iadd__(1), np.zeros(2))",
    "gradients_everywhere": (
        "checks.gradients_everywhere(torch.nn.Linear(1, 1), torch.zeros(1), what)"
    ),
    "keeps_device_and_dtype": (
        "checks.keeps_device_and_dtype(lambda x: x.double(), torch.zeros(2))"
    ),
    "affine": "checks.affine(lambda x: x**2, torch.tensor([[0.0], [2.0]]), what)",
    "not_affine": "checks.not_affine(lambda x: x, torch.tensor([[0.0], [2.0]]), what)",
    "unbounded": "checks.unbounded(np.zeros(2), what)",
}
SPIES = {  # names with which an answer reads or rewires what surrounds it
    *("_getframe", "currentframe", "f_back", "f_locals", "f_globals", "get_objects"),
    *("get_referrers", "ast_transformers", "input_transformers_post", "set_custom_exc"),
    *("input_transformers_cleanup", "input_transformer_manager", "history_manager"),
}


# --- in the kernel ----------------------------------------------------------------------


def probe(nonce, names, must_fail, here):
    """Raise an error with all that a canary finds. Runs in the student's kernel."""
    import builtins
    import hashlib
    import json
    import sys

    import numpy as np
    import torch

    from course_lib import checks

    def looks(thing, deep=True):  # the same text in every healthy kernel
        code = getattr(thing, "__code__", None)
        if hasattr(code, "co_code"):
            thing = (code.co_code, code.co_names, code.co_varnames, code.co_freevars)
            return hashlib.sha256(repr(thing).encode()).hexdigest()[:16]
        text = f"{type(thing).__module__}.{type(thing).__qualname__}"
        if isinstance(thing, type | type(sys)) or callable(thing):
            text += f" {getattr(thing, '__qualname__', getattr(thing, '__name__', ''))}"
        if deep and (isinstance(thing, type) or thing is builtins or thing is checks):
            inside = [
                (k, looks(v, False)) for k, v in vars(thing).items() if callable(v)
            ]
            text += hashlib.sha256(repr(sorted(inside)).encode()).hexdigest()[:16]
        return text

    def resolve(path):
        first, *rest = path.split(".")
        ours = {"np": np, "torch": torch, "checks": checks} | vars(builtins)
        thing = here.get(first, ours.get(first))
        for name in rest:
            if isinstance(thing, type | type(sys)):
                thing = getattr(thing, name, None)
        return looks(thing)

    def refuses(call):
        try:
            eval(call, {"checks": checks, "np": np, "torch": torch, "what": nonce})
        except AssertionError:
            return "refuses"
        return "accepts everything"

    def asserts():
        try:
            assert not nonce, nonce
        except AssertionError:
            return "refuses"
        return "accepts everything"

    shell = get_ipython()  # noqa: F821
    family = [*type(shell).__mro__, *type(shell.kernel).__mro__]
    known = ("IPython", "ipykernel", "matplotlib_inline", "ipywidgets", "comm")
    hooks = [f for fs in shell.events.callbacks.values() for f in fs]
    transforms = shell.input_transformer_manager
    found = {name: resolve(name) for name in names}
    found |= {f"checks.{name}": refuses(call) for name, call in must_fail.items()}
    found |= {
        "assert": asserts(),
        "the module checks": looks(checks),
        "the module builtins": looks(builtins),
        "the shell's methods": str([looks(cls) for cls in family]),
        "methods set on the shell": str(
            sorted(
                name
                for thing in (shell, shell.kernel)
                for name, value in vars(thing).items()
                if type(value) is type(probe) and hasattr(type(thing), name)
            )
        ),
        "AST transformers": str([looks(x) for x in shell.ast_transformers]),
        "input transformers": str(
            [
                looks(x)
                for x in transforms.cleanup_transforms + transforms.line_transforms
            ]
            + [str(x) for x in shell.input_transformers_post]
        ),
        "hooks on cells": str(
            [looks(x) for x in hooks if not str(x.__module__).startswith(known)]
        ),
        "handlers of errors": str(shell.custom_exceptions),
        "traces": str([looks(sys.gettrace()), looks(sys.getprofile())]),
    }
    failed = AssertionError(nonce + json.dumps(found))
    failed._render_traceback_ = list  # or IPython would spend its time on a traceback
    raise failed


# --- in the instructor's process --------------------------------------------------------


def with_canaries(
    notebook: NotebookNode, own: set[str]
) -> tuple[NotebookNode, dict[str, str]]:
    """A copy with a canary before each check, and the number of each canary by its id.

    own: the names that the exercises define; they differ from answer to answer.
    """
    copy = nbformat.from_dict({**notebook, "cells": []})
    nonces = {}
    last = [cell for cell in notebook.cells if is_check(cell)][-1:]
    for cell in notebook.cells:
        if is_check(cell):
            name = cell.metadata.nbgrader.grade_id.removeprefix("check_")
            names = {
                path for path in used(cell.source) if path.split(".")[0] not in own
            }
            copy.cells.append(canary(name, names | used_by_checks(), nonces))
        copy.cells.append(nbformat.from_dict(cell))
        if cell in last:
            copy.cells.append(canary(THE_END, used_by_checks(), nonces))
    return copy, nonces


def canary(name: str, names: Iterable[str], nonces: dict[str, str]) -> NotebookNode:
    """The canary before a check; its number joins the others."""
    nonce, function = secrets.token_hex(16), f"_{secrets.token_hex(8)}"
    source = inspect.getsource(probe)
    source = source.replace("probe", function)
    call = f"{function}({nonce!r}, {sorted(names)!r}, {MUST_FAIL!r}, globals())"
    cell = nbformat.v4.new_code_cell(f"{source}\n\n{call}")
    cell.id = f"{CANARY}{len(nonces)}"
    cell.metadata["canary"] = name
    nonces[cell.id] = nonce
    return cell


def without_canaries(
    notebook: NotebookNode, nonces: dict[str, str]
) -> tuple[NotebookNode, dict[str, dict[str, str]]]:
    """The executed notebook as it was handed in, and what each canary found, by check.

    A canary that did not fail as it must has found {"canary": "did not fail"}.
    """
    found, cells = {}, []
    for cell in notebook.cells:
        if cell.id in nonces:
            found[cell.metadata["canary"]] = findings(cell, nonces[cell.id])
        else:
            cells.append(cell)
    return nbformat.from_dict({**notebook, "cells": cells}), found


def findings(cell: NotebookNode, nonce: str) -> dict[str, str]:
    """What a canary says; that it did not run is no evidence, that it passed is."""
    errors = [output for output in cell.outputs if output.output_type == "error"]
    for error in errors:
        if error.ename == "AssertionError" and error.evalue.startswith(nonce):
            try:
                said = json.loads(error.evalue.removeprefix(nonce))
                return {str(key): str(value) for key, value in said.items()}
            except (ValueError, AttributeError):
                return {"canary": "was tampered with"}
    if not cell.metadata.ran or {e.ename for e in errors} & {"TimedOut", "MemoryError"}:
        return {}
    return {"canary": "did not fail"}


def evidence(
    notebook: NotebookNode, found: dict[str, dict], healthy: dict[str, dict]
) -> list[str]:
    """What speaks for tampering, one line each; empty for an honest submission."""
    lines = []
    for check, said in found.items():
        where = "after the last check" if check == THE_END else f"before check {check}"
        if "canary" in said:
            lines.append(f"{where}: the canary {said['canary']}")
        elif said:
            for name, look in healthy.get(check, {}).items():
                if said.get(name) != look:
                    open_to_all = said.get(name) == "accepts everything"
                    what = "accepts everything" if open_to_all else "is not what it was"
                    lines.append(f"{where}: {name} {what}")
    for cell in notebook.cells:
        if cell.cell_type == "code" and not is_locked(cell):
            lines += [f"cell {cell.id}: {line}" for line in suspicious(cell.source)]
    return list(dict.fromkeys(lines))


def suspicious(source: str) -> list[str]:
    """What an answer has no reason to do; empty for code that does not parse."""
    tree = parse(source)
    modules = imported(tree) | {"np", "nn", "torch", "checks", "builtins"}
    lines = []
    for node in ast.walk(tree):
        name = getattr(node, "attr", getattr(node, "id", ""))
        if name in SPIES:
            lines.append(f"uses {name}")
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            if dotted(node.value) in modules:
                lines.append(f"assigns {dotted(node)}")
        elif isinstance(node, ast.Call) and dotted(node.func) in ("setattr", "delattr"):
            if node.args and dotted(node.args[0]) in modules:
                lines.append(f"calls {dotted(node.func)} on {dotted(node.args[0])}")
    return lines


def imported(tree: ast.AST) -> set[str]:
    """The names of the modules that a cell imports."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        or (isinstance(node, ast.ImportFrom) and node.module == "course_lib")
        for alias in node.names
    }


def parse(source: str) -> ast.AST:
    """The syntax tree of a cell, magics included; an empty one if it has none."""
    try:
        return ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


@cache
def used_by_checks() -> frozenset[str]:
    """What the module `checks` uses of NumPy: a patch of it would fool every check."""
    source = Path(checks.__file__).read_text(encoding="utf-8")
    return frozenset(path for path in used(source) if path.startswith("np."))


def bound(source: str) -> set[str]:
    """The names that a cell defines, its arguments and local variables included."""
    names = set()
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
    return names


def used(source: str) -> set[str]:
    """The names, with their attributes, that a cell reads and does not define."""
    own, names = bound(source), set()
    for node in ast.walk(parse(source)):
        path = dotted(node)
        if path and path.split(".")[0] not in own:
            names.add(path)
    return names


def dotted(node: ast.AST) -> str:
    """np.linalg.norm as a text; empty for what is no such chain of names."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


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
