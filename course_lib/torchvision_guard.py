"""Keeps `import torchvision` alive where its compiled operators cannot be loaded.

A torchvision wheel built for CUDA cannot load its operators beside a CPU-only torch.
Its import then fails on the first operator that it tries to extend
("operator torchvision::nms does not exist"), and `import pytorch_lightning` with it,
although the course uses none of these operators.

torch calls `install` at the end of its own import (entry point group
`torch.backends`), hence before anyone can import torchvision. Where the two wheels
match, the operators load and nothing else happens.
"""

import importlib.util
from pathlib import Path

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_library = None  # the schemas live as long as the object that defined them


def install() -> None:
    """Define the two operator schemas that torchvision extends, if it lacks them."""
    global _library
    import torch

    compiled = compiled_operators()
    if compiled is None or _library is not None:
        return
    try:
        torch.ops.load_library(str(compiled))
    except OSError:
        _library = torch.library.Library("torchvision", "DEF")
        for schema in SCHEMAS:
            _library.define(schema)


def compiled_operators() -> Path | None:
    """The file of torchvision's compiled operators; None without torchvision."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    found = sorted([*folder.glob("_C*.so"), *folder.glob("_C*.pyd")])
    return found[0] if found else None
