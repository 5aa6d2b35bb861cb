"""What the code of a cell reads, defines and imports, without running it."""

import ast
import re

NO_CODE = (SyntaxError, ValueError, RecursionError, MemoryError)
MAGIC = re.compile(r"^([ \t]*)(?:[\w.]+ *= *)?[%!?].*|^()[\w.*]+\?+ *$", re.MULTILINE)


def parse(source: str) -> ast.AST:
    """The syntax tree of a cell without its magics; an empty one if it has none."""
    for text in (source, MAGIC.sub(r"\1pass", source)):
        try:
            return ast.parse(text)
        except NO_CODE:
            continue
    return ast.Module([], [])


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


def imported(tree: ast.AST) -> set[str]:
    """The names of the modules that a cell imports."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        or (isinstance(node, ast.ImportFrom) and node.module == "course_lib")
        for alias in node.names
    }
