"""What all tests share: no network, one thread a process, a copy of the course."""

import os
import shutil
import socket
from pathlib import Path

import pytest

# What helpers of tests assert is told in full, as in the tests themselves.
HELPERS = ("browser", "guide", "guide_class", "prose")
pytest.register_assert_rewrite(*(f"tests.{name}" for name in HELPERS))

ROOT = Path(__file__).parents[1]

# Kernels inherit both. Two processes with two threads each would only wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["COURSE_OFFLINE"] = "1"
# nbval runs every lesson, and an illegible figure in it is an error.
os.environ["COURSE_STRICT_FIGURES"] = "1"
# nbval forks its kernels too; COURSE_COLD=1 measures what that saves.
if not os.environ.get("COURSE_COLD"):
    os.environ["JUPYTER_DEFAULT_PROVISIONER_NAME"] = "course-warm"


def pytest_collection_modifyitems(items):
    """nbval's items, a whole lesson, are slow."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Connections to another machine fail; kernels talk over the loopback."""
    connect = socket.socket.connect

    def local_only(self, address):
        local = isinstance(address, str | bytes) or address[0] in ("127.0.0.1", "::1")
        assert local, f"a test wants the network: {address}"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)


@pytest.fixture
def root() -> Path:
    """The folder of the course."""
    return ROOT


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """A copy of the course to damage, as the current folder."""
    for name in ("solutions", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def no_course_data(monkeypatch):
    """As on a machine without the real data."""
    monkeypatch.delenv("COURSE_DATA", raising=False)


@pytest.fixture
def course_data() -> Path:
    """The folder of the real data; skips where COURSE_DATA is unset."""
    if not os.environ.get("COURSE_DATA"):
        pytest.skip("COURSE_DATA is unset: this test uses real data")
    return Path(os.environ["COURSE_DATA"])
