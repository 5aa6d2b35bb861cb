"""Cells that must fail, and other evidence that a submission has disarmed its checks.

Before each check, and after the last one, the executed copy gets a canary: a cell that
tries the comparison functions on inputs that they must refuse, takes fingerprints of
everything that the check uses and of the shell, and raises an error with a number that
nobody can foresee. The reference solution has run with the same canaries, so that all
must look alike. Each check ends with such a number too: only one that has come to its
end has passed. This raises the bar and proves nothing; a human is shown what differs.
"""

import ast
import re
import secrets
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib import checks

CANARY, THE_END = "canary-", "the end"
MOST, LONGEST = 30, 200  # lines of evidence, and characters in one
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
SPIES = {  # names with which an answer reads or rewires what surrounds it
    *("_getframe", "_current_frames", "currentframe", "getouterframes", "tb_frame"),
    *("f_back", "f_locals", "f_globals", "f_trace", "gi_frame", "settrace"),
    *("setprofile", "addaudithook", "get_objects", "get_referrers", "get_referents"),
    *("ast_transformers", "input_transformers_post", "input_transformers_cleanup"),
    *("input_transformer_manager", "set_custom_exc", "custom_exceptions", "_ih"),
    *("history_manager", "user_ns", "get_parent", "parent_header", "_showtraceback"),
    *("showtraceback", "iopub_socket", "shell_stream", "__code__", "__closure__"),
    *("__globals__", "__builtins__", "__subclasses__", "__defaults__"),
    *("__kwdefaults__", "__getattribute__", "_render_traceback_", "import_module"),
}
BY_NAME = {"exec", "eval", "compile", "__import__"}  # model.eval() is another thing
LIES = {  # methods with which an object passes for what it is not
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__"),
    *("__abs__", "__array__", "__array_function__", "__array_ufunc__"),
    *("__torch_function__", "__instancecheck__", "__class__"),
}
TOOLS = {"ctypes", "unittest.mock", "mock", "linecache", "bdb"}  # of no answer
COMPARISONS = {path.rpartition(".")[2] for path in MUST_FAIL} - {
    *("abs", "all", "any", "array", "affine", "fail"),  # things have these, too
}
UNDEFINED = "builtins.NoneType 0"  # a name that the check gives its value itself
NO_CODE = (SyntaxError, ValueError, RecursionError, MemoryError)
HISTORY = re.compile(r"In|_i|_ii|_iii|_i\d+")  # where IPython keeps the cells
PROBE = (Path(__file__).parent / "probe.py").read_text()  # it runs in the kernel
MAGIC = re.compile(r"^([ \t]*)(?:[\w.]+ *= *)?[%!?].*|^()[\w.*]+\?+ *$", re.MULTILINE)


# --- the cells that must fail, and what they found ----------------------------------


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


def evidence(
    notebook: NotebookNode, found: dict[str, dict], healthy: dict[str, dict]
) -> list[str]:
    """What speaks for tampering, one line each; empty for an honest submission."""
    lines = []
    for check, said in found.items():
        where = "after the last check" if check == THE_END else f"before check {check}"
        if "end" in said:
            lines.append(f"check {check}: {said.pop('end')}")
        if "canary" in said:
            lines.append(f"{where}: the canary {said['canary']}")
        elif said:
            for name, look in healthy.get(check, {}).items():
                if said.get(name) != look and look != UNDEFINED:
                    open_to_all = said.get(name) == "accepts everything"
                    what = "accepts everything" if open_to_all else "is not what it was"
                    lines.append(f"{where}: {name} {what}")
    for cell in notebook.cells:
        if cell.cell_type == "code" and not is_locked(cell):
            lines += [f"cell {cell.id}: {line}" for line in suspicious(cell.source)]
    return [line[:LONGEST] for line in dict.fromkeys(lines)][:MOST]


# --- what an answer has no reason to do ---------------------------------------------


def suspicious(source: str) -> list[str]:
    """What speaks for tampering in an answer; empty for code that does not parse."""
    tree = parse(source)
    own = bound(source)
    modules = (imported(tree) | {"np", "nn", "torch", "checks", "builtins"}) - own
    for node in ast.walk(tree):
        match node:
            case ast.Assign([ast.Name(name)], value) if dotted(value) in modules:
                modules.add(name)
    try:
        return [line for node in ast.walk(tree) for line in told_by(node, own, modules)]
    except RecursionError:
        return ["is nested too deeply to be read"]


def told_by(node: ast.AST, own: set[str], modules: set[str]) -> Iterator[str]:
    """What one node of a syntax tree says about its author."""
    yield from (f"uses {name}" for name in names_in(node) if name in SPIES)
    yield from (f"defines {name}" for name in defined_by(node) if name in LIES)
    match node:
        case ast.Name(name) if name in BY_NAME - own or HISTORY.fullmatch(name):
            if name not in own:
                yield f"uses {name}"
        case ast.Import(names) | ast.ImportFrom(names=names):
            module = getattr(node, "module", None)
            for path in [module, *(alias.name for alias in names)]:
                if {path, f"{module}.{path}"} & TOOLS:
                    yield f"imports {path}"
        case ast.Attribute(inner, ctx=use) | ast.Subscript(inner, ctx=use):
            compares = getattr(node, "attr", "") in COMPARISONS
            if not isinstance(use, ast.Load) and (
                surrounds(inner, modules) or (compares and dotted(inner) != "self")
            ):
                yield f"assigns {ast.unparse(node)}"
        case ast.Call() if rewires(node, modules):
            yield f"calls {ast.unparse(node)}"
        case ast.Global(names) if modules & set(names):
            yield f"declares global {', '.join(names)}"


def names_in(node: ast.AST) -> Iterator[str]:
    """The names in a node itself, those that are written as a text included."""
    match node:
        case ast.Name(name) | ast.Attribute(attr=name) | ast.FunctionDef(name):
            yield name
        case ast.Constant(str(name)) | ast.alias(name):
            yield name
        case ast.BinOp(ast.Constant(str(one)), ast.Add(), ast.Constant(str(other))):
            yield one + other


def defined_by(node: ast.AST) -> Iterator[str]:
    """The methods that a node gives to a class; a text may do it through type()."""
    match node:
        case ast.ClassDef(body=body):
            yield from (getattr(statement, "name", "") for statement in body)
            yield from (n.id for n in ast.walk(node) if isinstance(n, ast.Name)
                        and isinstance(n.ctx, ast.Store))  # fmt: skip
        case ast.Constant(str(name)):
            yield name


def surrounds(node: ast.AST, modules: set[str]) -> bool:
    """Whether an expression is a module, or the namespace of one."""
    match node:
        case ast.Call(ast.Name("globals" | "locals"), []):
            return True
        case ast.Call(ast.Name("vars"), [inner]) | ast.Attribute(inner, "__dict__"):
            return dotted(inner) != "self"
        case ast.Subscript(inner):
            return dotted(inner) == "sys.modules"
    return dotted(node) in modules | {"sys.modules"}


def rewires(call: ast.Call, modules: set[str]) -> bool:
    """Whether a call sets something in a module, or in its namespace."""
    match call:
        case ast.Call(ast.Attribute(inner, name)) if surrounds(inner, modules):
            return name in ("update", "setdefault", "__setitem__", "__setattr__")
        case ast.Call(function, [first, ast.Constant(name), *_]):
            sets = dotted(function).rpartition(".")[2].strip("_")
            known = surrounds(first, modules) or name in COMPARISONS
            return known and sets in ("setattr", "delattr", "setitem")
    return False


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
    """The syntax tree of a cell without its magics; an empty one if it has none."""
    for text in (source, MAGIC.sub(r"\1pass", source)):
        try:
            return ast.parse(text)
        except NO_CODE:
            continue
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
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *parts[::-1]]) if isinstance(node, ast.Name) else ""


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
