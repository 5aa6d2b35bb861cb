"""Warm kernels for everything that speaks jupyter_client: nbval, nbclient, nbgrader.

JUPYTER_DEFAULT_PROVISIONER_NAME=course-warm makes them the default. A kernelspec may
also name the provisioner, with a sandbox as its configuration; see execute.py.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from jupyter_client.provisioning import KernelProvisionerBase, LocalProvisioner
from traitlets import Dict, List

from course_lib.grading.sandbox import FULL, NONE, REDUCED, VARIABLES, Box

NAME = "course-warm"
WORTH_TRYING = (FULL, REDUCED)
PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
TRUSTED = {"level": NONE, "hidden": "", "memory": 0, "disk": 0}
SLOW = (  # what lessons import and takes long
    *("pytorch_lightning", "torchvision", "xarray", "sklearn", "scipy", "ipywidgets"),
    *("course_lib.training", "course_lib.plots", "course_lib.datasets"),
)


def slow_imports(source: str) -> list[str]:
    """The modules that a lesson mentions and a zygote should import before it forks."""
    return [name for name in SLOW if name.split(".")[-1] in source]


class Zygote:
    """The asker's side of zygote.py, which is started when first needed."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        self.lock, self.process, self.modules = threading.Lock(), None, modules

    def boot(self) -> None:
        """Start the process without waiting for its imports."""
        here, there = socket.socketpair()
        self.socket = here
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        code = [sys.executable, "-P", "-m", "course_lib.grading.zygote"]
        with there:
            self.process = subprocess.Popen(
                [*code, str(there.fileno()), *self.modules],
                pass_fds=[there.fileno()],
                env=visible_environment(),
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=self.log,
                start_new_session=True,
            )
        self.ready = False
        atexit.register(here.close)

    def warm_up(self) -> None:
        """Start the process early, so that it imports while the caller does."""
        with self.lock:
            if self.process is None:
                self.boot()

    def connect(self) -> socket.socket:
        """A socket at whose other end a supervisor waits for its request."""
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                self.boot()
            if not self.ready and self.socket.recv(6) != b"ready\n":
                self.process.wait()
                self.log.seek(0)
                text = self.log.read().decode(errors="replace").strip()
                raise RuntimeError(f"no warm kernel can start: {text[-2000:]}")
            self.ready = True
            here, there = socket.socketpair()
            with there:
                socket.send_fds(self.socket, [b"k"], [there.fileno()])
            return here


def visible_environment() -> dict[str, str]:
    """What forks show in /proc/self/environ for good: nothing that is secret."""
    names = (*VARIABLES, "HOME", "PYTHONPATH", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in names if name in os.environ}


@lru_cache
def zygote_of(process: int, modules: tuple[str, ...]) -> Zygote:
    """The zygote of this process; a forked child gets its own."""
    return Zygote(modules)


def zygote(modules: Iterable[str] = SLOW) -> Zygote:
    """The zygote with these modules that serves the calling process."""
    return zygote_of(os.getpid(), tuple(modules))


class WarmProcess:
    """A forked kernel, with the manners of a subprocess.Popen."""

    stdin = stdout = stderr = None

    def __init__(self, request: dict):
        """Fork it; raises RuntimeError with the reason if that cannot be done."""
        self.line = zygote(request.get("modules", SLOW)).connect()
        self.buffer, self.ended = b"", {}
        self.line.sendall(json.dumps(request).encode() + b"\n")
        started = self.hear()
        if "error" in started:
            raise RuntimeError(started["error"])
        self.pid, self.folder = started["pid"], started["folder"]

    def hear(self) -> dict:
        """The next line of the supervisor; its sudden end counts as a kill."""
        while b"\n" not in self.buffer:
            received = self.line.recv(65536)
            if not received:
                return {"exit": -9, "reason": "its supervisor was killed", "peak": 0}
            self.buffer += received
        first, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(first)

    def poll(self) -> int | None:
        """The exit code, negative for a signal, or None while it runs."""
        if not self.ended:
            self.line.setblocking(False)
            try:
                self.ended = self.hear()
            except BlockingIOError:
                return None
            finally:
                self.line.setblocking(True)
        return self.ended["exit"]

    def wait(self) -> int:
        """The exit code, once it has ended and left nothing behind."""
        if not self.ended:
            self.ended = self.hear()
        return self.ended["exit"]

    def send_signal(self, number: int) -> None:
        """Interrupt the kernel, or kill it."""
        with suppress(OSError):  # it may have ended
            self.line.sendall(b"i" if number == signal.SIGINT else b"k")

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    terminate = kill


class WarmProvisioner(LocalProvisioner):
    """Forks kernels instead of starting them, into a sandbox if one is configured."""

    box = Dict(help="The fields of sandbox.Box; empty for trusted code.")
    files = Dict(help="Files for the scratch folder: base64 by relative path.")
    modules = List(list(SLOW), help="What the zygote has imported.")

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        if not self.box:
            return await super().pre_launch(**kwargs)
        arguments = kwargs.pop("extra_arguments", [])
        self.connection_info = {
            "transport": "ipc",
            "signature_scheme": "hmac-sha256",
            "key": self.parent.session.key,
            **{name: number for number, name in enumerate(PORTS, start=1)},
        }
        return await KernelProvisionerBase.pre_launch(self, cmd=arguments, **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        if self.box:
            connection = self.connection_info
            request = {
                "box": self.box,
                "files": self.files,
                "modules": self.modules,
                "arguments": cmd,
                "connection": connection | {"key": connection["key"].decode()},
            }
        else:
            request = {
                "box": TRUSTED,
                "env": kwargs.get("env") or dict(os.environ),
                "cwd": kwargs.get("cwd") or os.getcwd(),
                "arguments": cmd[cmd.index("-f") :],
            }
        self.process = WarmProcess(request)
        self.pid = self.process.pid
        if self.box:
            self.connection_info["ip"] = f"{self.process.folder}/.kernel"
        return self.connection_info


@lru_cache
def best_level(
    hidden: str, modules: tuple[str, ...] = SLOW
) -> tuple[str, tuple[str, ...]]:
    """The best sandbox that this machine can build, and what stood in the way of more.

    modules: of the zygote that will be used. Each level is entered for the trial; none
    is left where even Landlock fails.
    """
    obstacles = []
    for level in WORTH_TRYING:
        box = Box(level, hidden, memory=4, disk=1)
        try:
            request = {"box": vars(box), "files": {}, "modules": modules}
            request |= {"probe": True, "arguments": [], "connection": {}}
            process = WarmProcess(request)
            process.wait()
            return level, tuple(obstacles)
        except RuntimeError as error:
            obstacles.append(f"{level}: {error}")
    return NONE, tuple(obstacles)
