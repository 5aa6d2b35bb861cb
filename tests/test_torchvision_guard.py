"""The guard lets torchvision and Lightning be imported, whatever comes first."""

import subprocess
import sys

import pytest

PROBE = """
import {first}
import pytorch_lightning, torch, torchvision
from torchvision.datasets import MNIST
print(hasattr(torch.ops.torchvision, "nms"))
"""

# As where the wheels match: loading the operators succeeds and defines the schemas.
MATCHING = """
import torch
from course_lib import torchvision_guard
loaded = []
torch.ops.load_library = loaded.append
torchvision_guard._library = None
torchvision_guard.install()
assert loaded == [str(torchvision_guard.compiled_operators())], loaded
print(torchvision_guard._library)
"""

BROKEN = """
import torch
from course_lib import torchvision_guard
def fail(path):
    raise RuntimeError("not an OSError")
torch.ops.load_library = fail
torchvision_guard._library = None
torchvision_guard.install()
"""


def run(code: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=400
    )


@pytest.mark.parametrize(
    "first", ["torch", "torchvision", "pytorch_lightning", "course_lib.training"]
)
def test_imports_in_any_order(first):
    result = run(PROBE.format(first=first))
    assert result.stdout.strip() == "True", result.stderr


def test_it_defines_nothing_where_the_wheels_match():
    result = run(MATCHING)
    assert result.stdout.strip() == "None", result.stderr


def test_it_hides_no_other_error():
    result = run(BROKEN)
    assert "not an OSError" in result.stderr


def test_without_torchvision_it_does_nothing(monkeypatch):
    from course_lib import torchvision_guard

    monkeypatch.setattr(
        torchvision_guard.importlib.util, "find_spec", lambda name: None
    )
    assert torchvision_guard.compiled_operators() is None


def test_importing_the_library_imports_nothing_heavy():
    heavy = "{'torch', 'numpy', 'matplotlib', 'nbgrader', 'pytorch_lightning'}"
    result = run(f"import course_lib, sys; print(set(sys.modules) & {heavy})")
    assert result.stdout.strip() == "set()", result.stderr
