"""Marks in the gradebook of a PostgreSQL server, whose password nobody gets to see."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest
from nbgrader.api import Gradebook

from course_lib.grading import answers, classes, demo
from tests.test_cluster import eventually
from tests.test_grading import unit  # noqa: F401 (a fixture)
from tests.test_resume import COMMAND

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
PASSWORD = "ein Geheimnis: 100%/@"
# What SQLAlchemy takes by itself depends on its version.
SCHEME = "postgresql" if find_spec("psycopg") else "postgresql+psycopg2"
RIGHT, WRONG = "def double(x):\n    return 2 * x", "def double(x):\n    return x"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (PROGRAMS / "postgres").exists(), reason="no PostgreSQL 15 of Debian's"
    ),
]


def owner() -> dict:
    """Who runs the server, which refuses to be root's."""
    root = {"user": "postgres", "group": "postgres", "extra_groups": []}
    return root if os.geteuid() == 0 else {}


@contextmanager
def postgresql(folder: Path):
    """The address of a server that keeps all it has in a folder."""
    if owner():
        shutil.chown(folder, "postgres", "postgres")
    secret = folder / "password"
    secret.write_text(PASSWORD)
    if owner():
        shutil.chown(secret, "postgres", "postgres")
    cluster = ["-D", str(folder / "data")]
    login = ["--username=course", "--auth=scram-sha-256", f"--pwfile={secret}"]
    plain = ["--no-sync", "--no-locale", "--encoding=UTF8"]
    subprocess.run(
        [PROGRAMS / "initdb", *cluster, *login, *plain],
        cwd=folder, check=True, capture_output=True, **owner(),
    )  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = ["-k", str(folder), "-p", str(port), "-h", "127.0.0.1", "-F"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [PROGRAMS / "postgres", *cluster, *where],
            cwd=folder, stdout=log, stderr=log, **owner(),
        )  # fmt: skip
    try:
        ready = [PROGRAMS / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        eventually(lambda: subprocess.run(ready).returncode == 0)
        yield f"127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGQUIT)  # at once
        try:
            server.wait(timeout=90)
        finally:
            server.kill()


def url(address: str, database: str = "postgres", password: str = PASSWORD) -> str:
    return f"{SCHEME}://course:{quote(password, safe='')}@{address}/{database}"


@pytest.fixture(scope="module")
def server():
    folder = Path(
        tempfile.mkdtemp(prefix="postgresql-")
    )  # pytest's own is root's alone
    try:
        with postgresql(folder) as address:
            yield address
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def desk(unit, tmp_path):  # noqa: F811
    """A class of three; ann has answered the question too."""
    desk = classes.new_class(tmp_path / "class", unit)
    for student, code in {"ann": RIGHT, "bob": WRONG, "eve": RIGHT}.items():
        notebook = answers.filled(unit, {"double": code})
        if student == "ann":
            demo.write_something(notebook)
        classes.hand_in(desk, student, notebook)
    return desk


def grade(desk, database: str, *arguments: str, code: int = 0) -> str:
    """What a run says; nothing that it says or writes gives the password away."""
    run = subprocess.run(
        [*COMMAND, "--db", database, *arguments],
        cwd=desk.unit.root, capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    output = run.stdout + run.stderr
    assert run.returncode == code, output
    assert "Traceback" not in output
    files = [path for path in desk.unit.root.rglob("*") if path.is_file()]
    for secret in (PASSWORD, quote(PASSWORD, safe=""), "Geheimnis"):
        assert secret not in output
        assert not [path for path in files if secret.encode() in path.read_bytes()]
    assert not (desk.unit.root / "gradebook.db").exists()
    return output


def scores(desk, database: str) -> dict[str, float]:
    """Everybody's points in the gradebook."""
    with Gradebook(database) as gradebook:
        submissions = gradebook.assignment_submissions(desk.unit.name)
        return {entry.student_id: entry.score for entry in submissions}


def test_marks_stand_on_the_server(desk, server):
    database = url(server)
    assert "3 graded now, 0 unchanged" in grade(desk, database)
    assert scores(desk, database) == {"ann": 2, "bob": 0, "eve": 2}
    log = desk.ledger.path.read_bytes()
    assert server.encode() in log
    assert "0 graded now, 3 unchanged" in grade(desk, database)
    assert desk.ledger.path.read_bytes() == log

    with Gradebook(database) as gradebook:
        names = "why", desk.unit.name, desk.unit.name, "ann"
        answer = gradebook.find_grade(*names)
        assert answer.needs_manual_grade
        answer.manual_score, answer.needs_manual_grade = 3, False
        gradebook.find_comment(*names).manual_comment = "well said"
        gradebook.db.commit()
    hidden = f"{SCHEME}://{server}/postgres?user=course&password={quote(PASSWORD)}"
    again = grade(desk, hidden, "--regrade", "--student", "ann")
    assert "1 graded now, 0 unchanged" in again
    assert desk.ledger.path.read_bytes().startswith(log)
    assert scores(desk, database) == {"ann": 5, "bob": 0, "eve": 2}
    with Gradebook(database) as gradebook:
        assert gradebook.find_grade(*names).manual_score == 3
        assert gradebook.find_comment(*names).manual_comment == "well said"


def test_a_server_that_refuses_is_named(desk, server):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"
    wrong = url(server, password="Geheimnis, falsch")
    refusals = {
        url(nobody): "Connection refused",
        wrong: "password authentication failed",
        url(server, "other"): 'database "other" does not exist',
        f"unheard://course:Geheimnis@{server}/postgres": "Can't load plugin",
        f"mysql://course:Geheimnis@{server}/postgres": "No module named",
        f"{SCHEME}://course:Geheimnis@127.0.0.1:port/postgres": "invalid literal",
    }
    for database, why in refusals.items():
        output = grade(desk, database, "--dry-run", code=1)
        assert "the gradebook does not open" in output
        assert why in output
    assert "the gradebook does not open" in grade(desk, url(nobody), code=1)
    assert not desk.ledger.path.exists()
