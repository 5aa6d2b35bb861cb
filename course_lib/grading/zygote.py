"""The process from which warm kernels are forked: the imports are paid once.

    python -m course_lib.grading.zygote SOCKET [MODULE ...]

SOCKET, an inherited descriptor, brings one connected socket for each kernel wanted; the
MODULEs are imported beside those that every kernel needs. The zygote forks a
supervisor, which reads the request from its socket (one line of JSON), forks the
kernel, and answers with lines of JSON: {"pid": …} once it has started, {"exit": …,
"reason": …, "peak": bytes} when it has ended. The letter i interrupts the kernel; k
kills it, and so does the end of the socket, hence of whoever asked for it.

The zygote itself never runs code of a student, and has one thread: a fork copies no
other.
"""

import base64
import ctypes
import gc
import importlib
import json
import logging
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from course_lib.grading import sandbox
from course_lib.grading.sandbox import FULL, NONE, Box

ALWAYS = (
    *("torch", "course_lib.checks", "course_lib.results", "course_lib.metrics"),
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger"),
)
WATCH = 0.1  # seconds between two looks at the memory
PR_SET_CHILD_SUBREAPER = 36


def serve(server: socket.socket, modules: list[str]) -> None:
    """Fork a supervisor for each socket that arrives, until the asker has gone."""
    preload([*ALWAYS, *modules])
    gc.freeze()  # children share these pages for good
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the supervisors
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the asker
    server.sendall(b"ready\n")
    while True:
        message, descriptors, _, _ = socket.recv_fds(server, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            server.close()
            with socket.socket(fileno=descriptors[0]) as line:
                supervise(line)
            os._exit(0)
        os.close(descriptors[0])


def preload(modules: list[str]) -> None:
    """Import what kernels will need; refuse if that has started threads."""
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as error:  # the self-test of the environment will name it
            print(f"{name} cannot be imported: {error}", file=sys.stderr)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise SystemExit(f"{threads} threads live in the zygote: it cannot be forked")


# --- the supervisor: trusted, outside the sandbox -----------------------------------


def supervise(line: socket.socket) -> None:
    """Start the kernel that the socket asks for, watch it, and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request = json.loads(line.makefile("rb").readline())
    box = Box(**request["box"])
    folder = tempfile.mkdtemp(prefix="course-")
    os.chmod(folder, 0o755)
    try:
        child, failed = start(request, box, folder, line)
        error = os.read(failed, 10_000)
        os.close(failed)
        if error:
            tell(line, error=error.decode())
            os.waitpid(child, 0)
            return
        tell(line, pid=child, folder=f"/proc/{child}/root" + sandbox.HOME
             if box.level == FULL else folder)  # fmt: skip
        tell(line, **watch(child, line, int(box.memory * sandbox.GIB), box.level))
    except OSError as error:
        tell(line, error=str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tell(line: socket.socket, **what: object) -> None:
    """One line of JSON to the asker, if it still listens."""
    with suppress(OSError):
        line.sendall(json.dumps(what).encode() + b"\n")


def start(request: dict, box: Box, folder: str, line: socket.socket) -> tuple[int, int]:
    """Fork the kernel: its process id, and a pipe with the error that kept it out."""
    sandbox.new_processes(box.level)
    user = 60_000 + os.getpid() % 5000
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    errors, report = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(errors)
        line.close()
        try:
            os.setsid()  # signals reach all of it; the scheduler takes it for one
            sandbox.enter(box, folder, user)
            arguments = prepare(request, box, folder, report)
            if box.level != NONE:
                sandbox.verify(box)
            if request.get("probe"):
                os._exit(0)
            run_kernel(arguments, report)
        except BaseException as error:
            os.write(report, f"{type(error).__name__}: {error}".encode())
            os._exit(1)
    os.close(report)
    return child, errors


def watch(child: int, line: socket.socket, memory: int, level: str) -> dict:
    """Wait for the end of the kernel; keep its processes within the memory."""
    import psutil

    descriptor, reason, peak, gone = os.pidfd_open(child), "", 0, False
    kernel = psutil.Process(child)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.register(line, select.POLLIN)
    while not gone:
        for ready, _ in poll.poll(1000 * WATCH):
            if ready == descriptor:
                gone = True
            elif received(line) == b"i":
                os.killpg(child, signal.SIGINT)
            else:
                reason = reason or "killed by the grader"
                poll.unregister(line)
                os.kill(child, signal.SIGKILL)
        if level != NONE and not gone:
            used = memory_of(kernel, memory)
            peak = max(peak, used)
            if used > memory:
                reason = "out of memory"
                os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    kill_orphans()
    return {"exit": os.waitstatus_to_exitcode(status), "reason": reason, "peak": peak}


def received(line: socket.socket) -> bytes:
    """The next letter from the asker; empty if it has gone."""
    try:
        return line.recv(1)
    except OSError:
        return b""


def memory_of(kernel, limit: int) -> int:
    """Bytes that a process and its children hold; shared ones once, when it matters."""
    import psutil

    total = shared_once = 0
    try:
        family = [kernel, *kernel.children(recursive=True)]
        total = sum(process.memory_info().rss for process in family)
        if total > limit and len(family) > 1:
            for process in family:
                shared_once += process.memory_full_info().pss
    except psutil.Error:  # one has just ended
        pass
    return shared_once or total


def kill_orphans() -> None:
    """End what a kernel has left running; in `full` its end has ended them all."""
    import psutil

    while family := psutil.Process().children(recursive=True):
        for process in family:
            with suppress(psutil.Error):
                process.kill()
                process.wait(timeout=5)


# --- the kernel: in the sandbox -----------------------------------------------------


def prepare(request: dict, box: Box, folder: str, keep: int) -> list[str]:
    """Environment, files and arguments of the kernel; no file of the zygote stays."""
    for number in (int(name) for name in os.listdir("/proc/self/fd")):
        if number > 2 and number != keep:
            with suppress(OSError):  # the one that listed them
                os.close(number)
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    home = sandbox.HOME if box.level == FULL else folder
    sandboxed = not request.get("env")
    environment = sandbox.environment(home)
    if not sandboxed:  # what it leaves behind in its temporary folder goes with it
        environment = request["env"] | {"TMPDIR": folder}
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(home if sandboxed else request["cwd"])
    tempfile.tempdir = None  # it may have been found before
    if not sandboxed:
        return request["arguments"]
    for name, content in request["files"].items():
        path = Path(home, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(content))
    connection = Path(home, ".kernel.json")
    connection.write_text(json.dumps(request["connection"] | {"ip": f"{home}/.kernel"}))
    return ["-f", str(connection), *request["arguments"]]


def run_kernel(arguments: list[str], started: int) -> None:
    """Become an ipykernel; close `started` once it listens. Never returns."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for module in ("random", "numpy.random", "torch.random"):
        if module in sys.modules:  # or all kernels would draw the same numbers
            sys.modules[module].seed()
    sys.argv = ["ipykernel_launcher", *arguments]
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    app.initialize(arguments)
    refresh_logs()
    os.close(started)
    try:
        app.start()
    finally:
        os._exit(0)


def refresh_logs() -> None:
    """Handlers made during the imports write to the zygote's stderr: give them ours."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    for handler in (h for log in loggers for h in getattr(log, "handlers", [])):
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(sys.stderr)


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # debugpy would warn
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
