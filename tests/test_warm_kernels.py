"""Forked kernels behave like started ones, and end with whoever asked for them."""

import inspect
import os
import signal
import subprocess
import sys
import threading
import time

import nbformat
import psutil
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

from course_lib import checks
from course_lib.grading import canaries, provisioner, suspicion, zygote


@pytest.fixture
def warm(monkeypatch):
    """Kernels of jupyter_client are warm, whatever the environment says."""
    from jupyter_client.provisioning import KernelProvisionerFactory

    factory = KernelProvisionerFactory.instance()
    monkeypatch.setattr(factory, "default_provisioner_name", provisioner.NAME)


def run(*cells: str) -> list[str]:
    """The text that each cell prints."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )
    NotebookClient(notebook, timeout=300, coalesce_streams=True).execute()
    return [
        "".join(o.text for o in c.outputs if o.output_type == "stream").strip()
        for c in notebook.cells
    ]


def test_a_warm_kernel_has_imported_what_lessons_import(warm):
    code = "import sys; print({'torch', 'pytorch_lightning'} <= set(sys.modules))"
    assert run(code) == ["True"]


def test_kernels_share_neither_state_nor_random_numbers(warm):
    draw = "import random, numpy, torch; "
    draw += "print(random.random(), numpy.random.rand(), torch.rand(1))"
    first = run("torch_is_mine = 1; import torch; torch.mine = 1", draw)
    second = run("import torch; print(hasattr(torch, 'mine'))", draw)
    assert second[0] == "False"
    assert not set(first[1].split()) & set(second[1].split())


def test_folder_environment_and_logs_are_those_asked_for(warm, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_TRIAL", "here")
    monkeypatch.chdir(tmp_path)
    code = "import os, logging; print(os.getcwd(), os.environ['COURSE_TRIAL'])"
    assert run(code) == [f"{tmp_path} here"]
    log = "import pytorch_lightning as pl; pl.seed_everything(1)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(log)])
    NotebookClient(notebook).execute()
    assert "Seed set to 1" in str(notebook.cells[0].outputs)


def test_what_a_kernel_leaves_in_its_temporary_folder_goes_with_it(warm):
    (place,) = run("import tempfile; print(tempfile.mkdtemp())")
    deadline = time.monotonic() + 60
    while os.path.exists(place) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(place)


def test_interrupt_and_restart(warm):
    manager, client = start_new_kernel()
    try:
        client.execute("import time; time.sleep(60)")
        time.sleep(0.5)
        manager.interrupt_kernel()
        assert (
            client.get_shell_msg(timeout=120)["content"]["ename"] == "KeyboardInterrupt"
        )
        old = manager.provisioner.process.pid
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=120)
        assert manager.provisioner.process.pid != old
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert not psutil.pid_exists(old)


def living() -> set[int]:
    """The processes that run."""
    everybody = psutil.process_iter(["status"])
    return {p.pid for p in everybody if p.info["status"] != psutil.STATUS_ZOMBIE}


def test_a_kernel_ends_with_its_asker():
    """Even one killed by SIGKILL, with the processes that the kernel has started."""
    script = (
        "from course_lib.grading import provisioner as p\n"
        "import os, sys, time\n"
        "request = {'box': p.TRUSTED, 'env': dict(os.environ), 'cwd': '/',"
        " 'arguments': ['-f', sys.argv[1]]}\n"
        "kernel = p.WarmProcess(request)\n"
        "print(kernel.pid, p.zygote().process.pid, flush=True); time.sleep(60)\n"
    )
    path = f"/tmp/course-test-{os.getpid()}.json"
    asker = subprocess.Popen(
        [sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True
    )
    kernel, parent = (int(word) for word in asker.stdout.readline().split())
    asker.send_signal(signal.SIGKILL)
    asker.wait()
    deadline = time.monotonic() + 10
    while {kernel, parent} & living() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not {kernel, parent} & living()
    os.unlink(path)


def test_a_zygote_with_threads_refuses_to_fork():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with pytest.raises(SystemExit, match="threads live in the zygote"):
            zygote.preload([])
    finally:
        stop.set()
        thread.join()


def test_an_error_before_the_start_reaches_the_asker():
    request = {"box": provisioner.TRUSTED, "env": {"HOME": "/"}, "arguments": []}
    request["cwd"] = "/no/such/folder"
    with pytest.raises(RuntimeError, match="/no/such/folder"):
        provisioner.WarmProcess(request)


def test_every_check_has_a_canary():
    """A function that compares must be tried on what it must refuse."""
    compares = {
        name
        for name, function in inspect.getmembers(checks, inspect.isfunction)
        if function.__module__ == checks.__name__
    } - {"passed", "bend", "calls", "random_subspace"}
    assert {f"checks.{name}" for name in compares} <= set(canaries.MUST_FAIL)


def test_a_name_that_a_check_defines_itself_may_have_been_used_before():
    """`except … as error`, or an import: the student may have had an `error`, too."""
    empty = nbformat.v4.new_notebook()
    healthy = {"first": {"error": canaries.UNDEFINED, "np.abs": "as it was"}}
    found = {"first": {"error": "builtins.float 0", "np.abs": "as it was"}}
    assert suspicion.evidence(empty, found, healthy) == []
    found["first"]["np.abs"] = "another"
    assert len(suspicion.evidence(empty, found, healthy)) == 1
