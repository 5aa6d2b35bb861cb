"""Grading on a Dask cluster: a real scheduler, and real workers, which may die."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import nbformat
import psutil
import pytest

from course_lib.grading import answers, classes, pools
from course_lib.grading.execute import task
from course_lib.grading.marks import Mark
from course_lib.grading.plan import RunError
from course_lib.grading.sandbox import Limits
from tests.test_grading import unit  # noqa: F401 (a fixture)
from tests.test_resume import COMMAND

pytestmark = pytest.mark.slow

RIGHT = "def double(x):\n    return 2 * x"
CODES = {
    "right": RIGHT,
    "leaning": "def double(x):\n    return x * (number - 1)",
    "wrong": "def double(x):\n    return x",
    "quitter": "import os\nos._exit(3)",
}
# A process of the sandbox that is seen from outside: here is the slow submission.
SLOW = f"import subprocess\nsubprocess.run(['sleep', '4.125'])\n{RIGHT}"
KILLER = f"""\
import psutil
worker = psutil.Process().parents()[2]  # of the kernel, its supervisor, the zygote
if worker.ppid() in NANNIES:
    worker.kill()
{RIGHT}"""
PRETENCE = """\
import os, time
from course_lib.grading import pools

def execute(text):
    time.sleep(1)
    if "killer" in text:
        os.kill(os.getpid(), 9)
    time.sleep(2)
    return text

pools.execute = execute
"""
DASK = [sys.executable, "-m", "dask"]
LOOPBACK = ["--host", "127.0.0.1", "--no-dashboard"]
HIDDEN = b"twice three"  # of the hidden test, and nowhere else


class Dask:
    """A scheduler and its workers, on the loopback, each in an empty folder."""

    def __init__(self, folder: Path):
        self.folder, self.running = folder, {}

    def start(self, name: str, *arguments: object) -> None:
        home = self.folder / name
        home.mkdir()
        with (self.folder / f"{name}.log").open("w") as log:
            self.running[name] = subprocess.Popen(
                [*DASK, name.split("-")[0], *LOOPBACK, *map(str, arguments)],
                cwd=home,
                env=os.environ | {"TMPDIR": str(home)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_all(self, workers: int, *arguments: object) -> None:
        file = self.folder / "scheduler.json"
        self.start("scheduler", "--port", 0, "--scheduler-file", file)
        self.address = eventually(lambda: json.loads(file.read_text())["address"])
        for number in range(workers):
            self.start(f"worker-{number}", self.address, *arguments)
        log = "Register worker"
        eventually(lambda: self.log("scheduler").count(log) >= workers)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    @property
    def nannies(self) -> list[psutil.Process]:
        workers = [name for name in self.running if name.startswith("worker")]
        return [psutil.Process(self.running[name].pid) for name in workers]

    def sleeping(self) -> psutil.Process | None:
        """The worker on which the slow submission is just running."""
        for nanny in self.nannies:
            for process in nanny.children(recursive=True):
                if process.cmdline() == ["sleep", "4.125"]:
                    line = [process, *process.parents()]
                    return line[line.index(nanny) - 1]
        return None

    def deaths(self) -> int:
        """How many workers were killed so far."""
        logs = [self.log(name) for name in self.running]
        return sum(log.count("was killed by signal 9") for log in logs)

    def stop(self, *names: str) -> None:
        """End processes with all that they have started, at once."""
        family = []
        for name in names or tuple(self.running):
            process = self.running.pop(name)
            family += psutil.Process(process.pid).children(recursive=True)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert not psutil.wait_procs(family, timeout=90)[1]


def eventually(probe, seconds=200):
    """The first value of a probe that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(OSError, ValueError, psutil.Error):
            if value := probe():
                return value
        time.sleep(0.05)
    return pytest.fail("it did not happen in time")


@contextmanager
def dask(folder: Path, workers: int, *arguments: object):
    """A cluster that ends with the test, whatever happens."""
    cluster = Dask(folder)
    try:
        cluster.start_all(workers, *(arguments or ("--nthreads", 1)))
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with dask(tmp_path_factory.mktemp("dask"), workers=2) as running:
        yield running


@pytest.fixture
def desk(unit, tmp_path):  # noqa: F811
    """An empty class."""
    return classes.new_class(tmp_path / "class", unit)


def hand_in(desk, codes: dict[str, str]) -> None:
    for student, code in codes.items():
        notebook = answers.filled(desk.unit, {"double": code})
        classes.hand_in(desk, student, notebook)


def start(desk, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [*COMMAND, "--timeout", "60", *arguments],
        cwd=desk.unit.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(desk, run: subprocess.Popen) -> dict:
    """The marks of a run that was started."""
    output = run.communicate(timeout=400)[0]
    assert run.returncode == 0, output
    return desk.ledger.latest(desk.unit.name)


def what_counts(mark: Mark) -> Mark:
    """A mark without its costs, and what they were on."""
    costs = {"seconds": 0, "peak": 0, "time": "", "environment": ""}
    return replace(mark, gradebook="", **costs)


def test_marks_are_those_of_local_threads(cluster, desk, unit, tmp_path):  # noqa: F811
    here = classes.new_class(tmp_path / "here", unit)
    for each in (here, desk):
        hand_in(each, CODES)
        classes.hand_in(each, "broken", "{")
    expected = finished(here, start(here))
    marks = finished(desk, start(desk, "--scheduler", cluster.address))
    assert marks.keys() == {*CODES, "broken"}
    for student, mark in marks.items():
        assert what_counts(mark) == what_counts(expected[student])
    assert [marks[name].score for name in CODES] == [2, 2, 0, 0]
    assert HIDDEN in desk.unit.solution.read_bytes()
    files = [path for path in cluster.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if HIDDEN in path.read_bytes()]


def test_a_worker_that_dies_is_replaced(cluster, desk):
    hand_in(desk, {"early": RIGHT, "slow": SLOW, "tardy": RIGHT, "wrong": "0"})
    before = cluster.deaths()
    run = start(desk, "--scheduler", cluster.address)
    worker = eventually(cluster.sleeping)
    holds_nothing_of(desk, worker)
    worker.kill()
    marks = finished(desk, run)
    assert {name: mark.status for name, mark in marks.items()} == dict.fromkeys(
        ["early", "slow", "tardy", "wrong"], "graded"
    )
    assert [marks[name].score for name in ("early", "slow", "tardy")] == [2, 2, 2]
    assert cluster.deaths() == before + 1


def holds_nothing_of(desk, worker: psutil.Process) -> None:
    """A worker has no file of the course open, and knows no path of it."""
    course = str(desk.unit.root)
    for process in [worker, *worker.children(recursive=True)]:
        with suppress(psutil.Error):
            assert course not in str(process.environ())
            assert course not in str(process.cmdline())
            assert not process.cwd().startswith(course)
            assert course not in str(process.open_files())


def test_a_submission_that_kills_workers_is_given_up(cluster, desk):
    neighbours = ("ann", "bob", "zoe")
    killer = f"NANNIES = {[nanny.pid for nanny in cluster.nannies]}\n{KILLER}"
    hand_in(desk, dict.fromkeys(neighbours, RIGHT) | {"killer": killer})
    before = cluster.deaths()
    marks = finished(desk, start(desk, "--unsafe", "--scheduler", cluster.address))
    assert [marks[name].score for name in neighbours] == [2, 2, 2]
    assert marks["killer"].status == "killed"
    assert marks["killer"].score == 0
    assert "took 2 workers down" in marks["killer"].why
    assert cluster.deaths() == before + 2


def empty_task(name: str) -> str:
    return task(nbformat.v4.new_notebook(), {}, Limits(), hidden=name)


def test_who_shares_workers_with_a_killer_is_not_blamed(tmp_path, monkeypatch):
    """Two threads of one worker, which dies while both are busy; Dask gives both up."""
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    preload = tmp_path / "pretence.py"
    preload.write_text(PRETENCE)
    with dask(tmp_path, 1, "--nthreads", 2, "--preload", preload) as shared:
        pool = pools.Cluster(shared.address)
        try:
            assert pool.room == 4
            killer, other = (pool.submit(empty_task(n)) for n in ("killer", "other"))
            assert json.loads(killer.result(timeout=200))["status"] == "killed"
            assert other.result(timeout=200) == empty_task("other")
        finally:
            pool.close()
        assert shared.deaths() == 2


def refused(desk, address: str) -> str:
    """What a run says that cannot begin."""
    hand_in(desk, {"ann": RIGHT})
    begin = time.monotonic()
    run = start(desk, "--scheduler", address)
    output = run.communicate(timeout=400)[0]
    assert time.monotonic() - begin < 30
    assert run.returncode == 1
    assert "Traceback" not in output
    assert not desk.ledger.path.exists()
    return output


def test_nobody_is_there(desk):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
    assert f"no Dask scheduler answers at {address}" in refused(desk, address)
    assert "missing port number" in refused(desk, "tcp://127.0.0.1")


def test_nobody_works_there(desk, tmp_path):
    with dask(tmp_path, workers=0) as idle:
        assert "has no workers; start some" in refused(desk, idle.address)


@pytest.mark.parametrize("loss", ["worker-0", "scheduler"])
def test_a_cluster_is_lost(tmp_path, monkeypatch, loss):
    """What hangs on it ends at once, instead of waiting for ever."""
    monkeypatch.setattr(pools, "PATIENCE", 1)
    with dask(tmp_path, workers=1) as lost:
        pool = pools.Cluster(lost.address)
        try:
            (future,) = pool.everywhere(empty_task("any"))
            lost.stop(loss)
            with pytest.raises(RunError, match=r"fails .* marks so far stand"):
                future.result(timeout=200)
        finally:
            pool.close()


def test_workers_without_the_course(tmp_path, monkeypatch):
    (tmp_path / "course_lib.py").touch()  # no package, whatever is installed
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with dask(tmp_path, workers=1) as strange:
        pool = pools.Cluster(strange.address)
        try:
            with pytest.raises(RunError, match=r"different env.* course_lib included"):
                pool.submit(empty_task("any")).result(timeout=200)
        finally:
            pool.close()
