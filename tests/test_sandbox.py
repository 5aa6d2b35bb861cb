"""What a student's code can reach at each level, as root and as an ordinary user."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest

from course_lib.grading import provisioner
from course_lib.grading.execute import Refused, execute, task
from course_lib.grading.sandbox import FULL, NONE, REDUCED, Limits

LIMITS = Limits(cell=30, notebook=90, memory=2, disk=0.1)
ATTEMPTS = {  # what code tries; each must raise, or print what follows
    "read the course": "open(COURSE + '/secret.txt').read()",
    "list the course": "os.listdir(COURSE)",
    "write the course": "open(COURSE + '/new.txt', 'w')",
    "read the home of others": "os.listdir('/root') and open('/root/.bashrc')",
    "write a package": "open(np.__file__, 'a')",
    "write the system": "open('/usr/new.txt', 'w')",
    "read passwords": "open('/etc/shadow').read()",
    "become root": "os.setuid(0)",
    "open a device": "open('/dev/mem', 'rb')",
    "look into another process": "open(f'/proc/{OUTSIDE}/environ').read()",
    "connect": "socket.create_connection(('127.0.0.1', PORT), timeout=2)",
    "mount": "assert libc.mount(b'none', b'/tmp', b'tmpfs', 0, b'') == 0",
    "new user namespace": "assert libc.unshare(0x10000000) == 0",
}
ONLY_FULL = {"new user namespace"}  # Landlock leaves namespaces, which give nothing
WORKS = {  # what honest code does
    "write a file": "open('mine.txt', 'w').write('x'); open('mine.txt').read()",
    "a temporary file": "tempfile.TemporaryFile().write(b'x')",
    "worker processes": (
        "list(torch.utils.data.DataLoader(torch.arange(4), num_workers=2))"
    ),
    "a pool": "multiprocessing.get_context('fork').Pool(2).map(abs, [-1])",
    "a thread": "t = threading.Thread(target=print); t.start(); t.join()",
    "a subprocess": "subprocess.run(['ls', '/usr'], check=True, capture_output=True)",
    "a figure": "plt.figure().savefig('figure.png')",
    "its own limits": "resource.getrlimit(resource.RLIMIT_DATA)",
}
SETUP = """
import ctypes, multiprocessing, os, resource, socket, subprocess, tempfile, threading
import matplotlib.pyplot as plt, numpy as np, torch
libc = ctypes.CDLL(None)
COURSE, PORT, OUTSIDE = {course!r}, {port}, {outside}
"""


def trial(course: Path, port: int) -> str:
    """A task that makes every attempt and does all that must work, a cell each."""
    cells = [
        SETUP.format(course=str(course), port=port, outside=os.getpid()),
        *ATTEMPTS.values(),
    ]
    cells = [nbformat.v4.new_code_cell(cell) for cell in [*cells, *WORKS.values()]]
    notebook = nbformat.v4.new_notebook(cells=cells)
    return task(notebook, {}, LIMITS, hidden=str(course))


def failed(result: dict) -> set[str]:
    """The names of attempts and works whose cell ended with an error."""
    cells = result["notebook"]["cells"][1:]
    names = [*ATTEMPTS, *WORKS]
    errors = [any(o["output_type"] == "error" for o in c["outputs"]) for c in cells]
    return {name for name, error in zip(names, errors, strict=True) if error}


@pytest.fixture
def course_folder(tmp_path):
    """A course with a secret, in a folder that everybody may enter."""
    (tmp_path / "nbgrader_config.py").touch()
    (tmp_path / "secret.txt").write_text("the marks")
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o055)
    return tmp_path


@pytest.fixture
def port():
    """A server on the loopback that would welcome anybody."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def run_as(user: str, script: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python as root or as a user without rights.

    Where Python lies in root's home, that is opened, in a tree of files of its own.
    """
    python = Path(sys.base_prefix)
    prepare = "exec"
    if python.is_relative_to("/root"):
        prepare = (
            f"mount --bind {python} /mnt && mount -t tmpfs -o mode=755 none /root && "
            f"mkdir -p {python} && mount --move /mnt {python} && exec"
        )
    rights = "--reuid 12345 --regid 12345 --clear-groups --inh-caps=-all"
    user = "" if user == "root" else f"setpriv {rights}"
    command = ["unshare", "--mount", "sh", "-c", f'{prepare} {user} env HOME=/tmp "$@"']
    return subprocess.run(
        [*command, "sh", sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=600,
    )


SCRIPT = """
import sys
from course_lib.grading import execute, provisioner
provisioner.WORTH_TRYING = (sys.argv[1],)
print(execute.execute(open(sys.argv[2]).read()))
"""
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="sandboxes need Linux")


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize("level", [FULL, REDUCED])
@pytest.mark.parametrize("user", ["root", "ordinary"])
def test_nothing_can_be_reached_and_work_can_be_done(
    course_folder, port, level, user, tmp_path_factory
):
    if os.geteuid() != 0:
        pytest.skip("both users can be tried by root only")
    path = tmp_path_factory.mktemp("task") / "task.json"
    path.write_text(trial(course_folder, port))
    for folder in (path, *path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o055)
    ran = run_as(user, SCRIPT, level, str(path))
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    assert (result["level"], result["status"]) == (level, "graded"), result["why"]
    expected = set(ATTEMPTS) - (ONLY_FULL if level == REDUCED else set())
    assert failed(result) - ONLY_FULL >= expected - ONLY_FULL
    assert failed(result) <= set(ATTEMPTS)
    assert "the marks" not in ran.stdout
    assert not (course_folder / "new.txt").exists()


@LINUX
def test_without_any_sandbox_it_refuses(course_folder, monkeypatch):
    monkeypatch.setattr(provisioner, "WORTH_TRYING", ())
    provisioner.best_level.cache_clear()
    with pytest.raises(Refused):
        execute(trial(course_folder, 1))
    provisioner.best_level.cache_clear()


@LINUX
def test_unsafe_is_written_down(course_folder):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    text = task(notebook, {}, LIMITS, hidden=str(course_folder), unsafe=True)
    assert json.loads(execute(text))["level"] == NONE


@LINUX
def test_nothing_is_left_behind(course_folder, tmp_path_factory):
    """Daemons end with their sandbox, and so do its files."""
    daemon = "import subprocess; subprocess.Popen(['sleep', '98765'])"
    daemon += "\nopen('left.txt', 'w').write('x')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(daemon)])
    temporary = tmp_path_factory.mktemp("t")  # other tests use the common one
    script = "import sys; from course_lib.grading.execute import execute"
    run = subprocess.run(
        [sys.executable, "-c", f"{script}; print(execute(sys.stdin.read()))"],
        input=task(notebook, {}, LIMITS, hidden=str(course_folder)),
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert json.loads(run.stdout)["status"] == "graded", run.stderr
    commands = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
    assert not any("98765" in (command or []) for command in commands)
    assert os.listdir(temporary) == []
