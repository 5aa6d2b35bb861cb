"""Outputs of students' code, made harmless for whoever shows or records them."""

import base64

import nbformat
from nbformat import NotebookNode

LONGEST = 20_000  # characters of an error
PICTURES = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff"}


def error_output(name: str, value: str) -> NotebookNode:
    """An error without a traceback."""
    return nbformat.v4.new_output(
        "error", ename=name, evalue=value, traceback=[f"{name}: {value}"]
    )


def clean(output: NotebookNode, check: bool) -> NotebookNode | None:
    """An output in which nothing can run, neither in a browser nor in nbgrader.

    Text and pictures stay. What goes to stderr is no failure, and the value of a check
    is no mark: nbgrader would take both for it.
    """
    kind = output.get("output_type")
    if kind == "stream":
        return nbformat.v4.new_output("stream", name="stdout", text=plain(output.text))
    if kind == "error":
        lines = [plain(line)[:LONGEST] for line in output.get("traceback") or []][:100]
        value = plain(output.get("evalue"))[:LONGEST]
        name = plain(output.get("ename"))[:100]
        return nbformat.v4.new_output(
            "error", ename=name, evalue=value, traceback=lines
        )
    if kind not in ("display_data", "execute_result"):
        return None
    data = {}
    for mime, content in output.data.items():
        if mime == "text/plain" or is_picture(mime, content):
            data[mime] = plain(content)
    kept = {"output_type": "display_data" if check else kind}
    if kept["output_type"] == "execute_result":
        kept["execution_count"] = None
    return nbformat.from_dict(kept | {"data": data, "metadata": {}})


def plain(text: object) -> str:
    """Text that every later step can encode."""
    return str(text).encode("utf-8", "replace").decode().replace("\0", "")


def joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs in which pieces of text that follow each other are one."""
    result: list[NotebookNode] = []
    pieces: list[str] = []
    for output in [*outputs, None]:
        if output and output.output_type == "stream":
            pieces.append(output.text)
            continue
        if pieces:
            text = "".join(pieces)
            result.append(nbformat.v4.new_output("stream", name="stdout", text=text))
            pieces = []
        if output:
            result.append(output)
    return result


def is_picture(mime: str, content: object) -> bool:
    """Whether this is base64 of such a picture."""
    try:
        plain = str(content).replace("\n", "")
        return base64.b64decode(plain, validate=True).startswith(PICTURES[mime])
    except (KeyError, ValueError):
        return False
