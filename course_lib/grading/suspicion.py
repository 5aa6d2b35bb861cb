"""What speaks for tampering: what the canaries found, and what no answer has to do.

Evidence for a human to look at, no proof.
"""

import ast
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from course_lib.grading.canaries import MUST_FAIL, THE_END, UNDEFINED, is_locked
from course_lib.grading.names import bound, dotted, imported, parse

MOST, LONGEST = 30, 200  # lines of evidence, and characters in one
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
HISTORY = re.compile(r"In|_i|_ii|_iii|_i\d+")  # where IPython keeps the cells


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
