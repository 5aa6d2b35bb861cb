"""What a deck takes from the executed solutions, so that nothing on a slide can drift.

    <!-- code: 02 ConvEncoder.__init__ self.blocks -->   a definition, or one assignment
    {{02 | convolutional over dense | .0f}}              a headline number
    {{02 | convolutional over dense | claim}}            its bound, "at least 1"
    {{01 > PCA(4) explains | .1f}}                       a number printed after that
    ![[unet]]                                            a figure, with its text

A piece of a name must fit one headline number only; its beginning counts first. The
format is Python's; `1/.1f` takes the inverse, `x100.0f` a hundred times the value.
"""

import ast
import html
import re
import textwrap
from functools import cache
from pathlib import Path

import nbformat

from course_lib import results

ROOT = Path(__file__).parents[1]
CODE = re.compile(r"<!-- code: (\d\d) (\S+)(?: (\S+))? -->")
NUMBER = re.compile(r"\{\{(\d\d) (\||>) (.+?) \| (\S+?)\}\}")
FIGURE = re.compile(r"!\[\[(\w+)\]\]")
LARGEST_CODE, CODE_WIDTH = 26.0, 1080.0  # px
NUMERAL = re.compile(r"[-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]\d+)?")


def unit(number: str) -> Path:
    """The folder of a unit's solution."""
    return next((ROOT / "solutions").glob(f"{number}_*"))


@cache
def notebook(number: str):
    """The executed solution of a unit."""
    return nbformat.read(unit(number) / f"{unit(number).name}.ipynb", as_version=4)


@cache
def printed(number: str) -> str:
    """All that a unit printed."""
    outputs = [o for c in notebook(number).cells for o in c.get("outputs", [])]
    return "\n".join(o.text for o in outputs if o.get("name") == "stdout")


def png(number: str, alt: str) -> tuple[str, str]:
    """The figure whose alternative text begins like this: base64 and full text."""
    outputs = [o for c in notebook(number).cells for o in c.get("outputs", [])]
    for output in (o for o in outputs if "image/png" in o.get("data", {})):
        text = output.metadata["image/png"]["alt"]
        if text.startswith(alt):
            return output.data["image/png"], text
    raise LookupError(f"unit {number} has no figure whose text begins with {alt!r}")


@cache
def source(number: str) -> str:
    """The solution as written, without the lines that mark the answers."""
    text = (unit(number) / f"{unit(number).name}.py").read_text()
    return re.sub(r"^ *### (BEGIN|END) SOLUTION\n", "", text, flags=re.M)


def definition(number: str, name: str) -> ast.AST:
    """The function, class or method of that (dotted) name."""
    node = ast.parse(source(number))
    for part in name.split("."):
        found = [n for n in node.body if getattr(n, "name", None) == part]
        if not found:
            raise LookupError(f"unit {number} defines no {name}")
        node = found[0]
    return node


def lines_of(number: str, first: int, last: int) -> str:
    """Whole lines of a solution, comments included, to the left margin."""
    return textwrap.dedent("\n".join(source(number).splitlines()[first - 1 : last]))


def signature(node: ast.FunctionDef) -> str:
    """The line that opens a function, without annotations: a slide is narrow."""
    arguments = ast.parse(ast.unparse(node)).body[0].args
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return f"def {node.name}({ast.unparse(arguments)}):"


def plain(text: str) -> str:
    """Code without docstrings and annotations; its comments and its layout stay."""
    lines = text.splitlines()
    for node in sorted(
        ast.walk(ast.parse(text)), key=lambda n: -getattr(n, "lineno", 0)
    ):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        first = node.body[0]
        if ast.get_docstring(node, clean=False) is not None:
            blank = (
                first.end_lineno < len(lines) and not lines[first.end_lineno].strip()
            )
            del lines[first.lineno - 1 : first.end_lineno + blank]
        if isinstance(node, ast.FunctionDef):
            indent = " " * node.col_offset
            lines[node.lineno - 1 : first.lineno - 1] = [indent + signature(node)]
    return "\n".join(lines)


def code(number: str, name: str, target: str | None = None) -> str:
    """A definition without its docstring, or its assignment to the target."""
    node = definition(number, name)
    if not target:
        return plain(lines_of(number, node.lineno, node.end_lineno))
    for part in node.body:
        if isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == target:
            return lines_of(number, part.lineno, part.end_lineno)
    raise LookupError(f"{name} in unit {number} does not assign {target}")


def headline(number: str, piece: str) -> results.Result:
    """The one headline number whose name begins with the piece, or holds it."""
    every = results.read(unit(number) / f"{unit(number).name}.ipynb")
    first = [r for r in every if r.name.startswith(piece)]
    found = first if len(first) == 1 else [r for r in every if piece in r.name]
    if len(found) != 1:
        raise LookupError(f"unit {number}: {len(found)} numbers are named {piece!r}")
    return found[0]


def spelt(value: float, spec: str) -> str:
    """A number as people write it: 53 %, −0.1, 1.2 × 10⁻⁵."""
    if spec.startswith("1/"):
        value, spec = 1 / value, spec[2:]
    if spec.startswith("x100"):
        value, spec = 100 * value, spec[4:]
    text = format(value, spec).replace("%", "\u00a0%").replace("-", "−")
    digits, _, power = text.partition("e")
    if not power:
        return text
    power = power.replace("+", "").replace("−0", "−").lstrip("0")
    factor = "" if digits == "1" else f"{digits} × "
    return f"{factor}10<sup>{power}</sup>".replace(" ", "\u00a0")


def after(number: str, phrase: str) -> float:
    """A number that a unit printed in one line, after a phrase.

    ^ before the phrase: at the start of a line; #2 after it: the third such number.
    """
    phrase, _, index = phrase.partition("#")
    pattern = re.escape(phrase).replace(r"\^", "^", 1)
    found = re.search(pattern, printed(number), re.M)
    if not found:
        raise LookupError(f"unit {number} never printed {phrase!r}")
    rest = printed(number)[found.end() :].split("\n", 1)[0]
    numerals = NUMERAL.findall(rest)
    return float(numerals[int(index or 0)].replace(",", "").replace("−", "-"))


def number(match: re.Match) -> str:
    """What stands for a marker of a number."""
    unit_number, kind, text, spec = match.groups()
    if kind == ">":
        return spelt(after(unit_number, text), spec)
    found = headline(unit_number, text)
    if spec == "claim":
        return re.sub(r"1e[-+]\d+", lambda m: spelt(float(m[0]), ".0e"), found.claim)
    return spelt(found.value, spec)


def figure(name: str, alts: dict[str, str]) -> str:
    """The image of that name, with its alternative text.

    As HTML: Marp would take words of a Markdown image, such as blur, for orders.
    """
    found = [file for file in alts if Path(file).stem == name]
    if not found:
        raise LookupError(f"figures.py draws no {name}")
    text = html.escape(alts[found[0]])
    return f'<p><img src="figures/{found[0]}" alt="{text}"></p>'


def with_code(slide: str) -> str:
    """A slide with its code, as large as its longest line allows."""
    blocks = [code(*m.groups()) for m in CODE.finditer(slide)]
    if not blocks:
        return slide
    longest = max(len(line) for block in blocks for line in block.splitlines())
    size = min(LARGEST_CODE, CODE_WIDTH / (0.6 * longest))
    slide = CODE.sub(lambda m: f"```python\n{code(*m.groups())}\n```", slide)
    style = f"<style scoped>pre {{ font-size: {size:.1f}px; }}</style>"
    return f"{slide.rstrip()}\n\n{style}\n"


def resolve(deck: str, alts: dict[str, str]) -> str:
    """A deck with its code, its numbers and its figures.

    alts: {file: alternative text}, from figures.draw_all.
    """
    deck = "\n---\n".join(with_code(slide) for slide in deck.split("\n---\n"))
    deck = FIGURE.sub(lambda m: figure(m[1], alts), deck)
    return NUMBER.sub(number, deck)
