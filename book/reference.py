"""The API reference: a page for each public module of `course_lib`."""

import ast
from pathlib import Path

LIBRARY = Path(__file__).parents[1] / "course_lib"
SHOWN = (ast.FunctionDef, ast.ClassDef)
LESSONS = ("checks", "metrics", "plots", "results", "threads", "training")
PAGE = """{title}
{line}

.. automodule:: course_lib.{name}
   :members:
   :ignore-module-all:
"""
GROUPS = {  # heading -> whether a module stands under it; the first that fits counts
    "What lessons call": lambda name: name.split(".")[0] in LESSONS,
    "Data sets": lambda name: name.startswith("datasets."),
    "Models": lambda name: name.startswith("models."),
    "Grading": lambda name: name.startswith("grading."),
    "The builder and the command line": lambda name: True,
}


def modules() -> dict[str, str]:
    """The modules that define something, each with what it says of itself."""
    found = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        tree = ast.parse(path.read_text())
        place = path.parent if path.name == "__init__.py" else path.with_suffix("")
        if any(isinstance(node, SHOWN) for node in tree.body):
            name = ".".join(place.relative_to(LIBRARY).parts)
            found[name] = ast.get_docstring(tree).partition("\n")[0]
    return found


def lay(folder: Path) -> None:
    """Writes the pages and their index."""
    folder.mkdir()
    found = modules()
    for name in found:
        title = name.replace("_", r"\_")
        page = PAGE.format(title=title, line="=" * len(title), name=name)
        (folder / f"{name}.rst").write_text(page)
    (folder / "index.md").write_text(index(found))


def index(found: dict[str, str]) -> str:
    """The modules by group, and the table of contents that holds them."""
    groups = {heading: [] for heading in GROUPS}
    for name in found:
        heading = next(heading for heading, fits in GROUPS.items() if fits(name))
        groups[heading].append(name)
    parts = ["# API reference\n\nThe library behind the lessons, `course_lib`."]
    for heading, names in groups.items():
        if names:
            lines = [f"- [{name}]({name}.rst): {found[name]}" for name in names]
            parts.append("\n".join([f"## {heading}\n", *lines]))
    parts.append("\n".join(["```{toctree}", ":hidden:", "", *found, "```\n"]))
    return "\n\n".join(parts)
