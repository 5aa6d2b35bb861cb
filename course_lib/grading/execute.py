"""Run one sanitized notebook in a sandbox: text in, text out, on any machine.

execute(task) takes and returns JSON; nothing else passes between the instructor and
whoever runs the code, be it a thread or a Dask worker.

    task    {"notebook", "files", "limits", "hidden", "unsafe", "modules"}
    result  {"notebook", "status", "why", "level", "seconds", "peak"}
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict

import nbformat
import zmq.asyncio
from jupyter_client.client import KernelClient
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

from course_lib.grading import provisioner
from course_lib.grading.marks import GRADED, KILLED, OUT_OF_MEMORY, TIMED_OUT
from course_lib.grading.outputs import LONGEST, clean, error_output, joined, plain
from course_lib.grading.sandbox import NONE, Box, Limits

LARGEST_MESSAGE = 32_000_000  # bytes that a kernel may send at once
STARTUP = 60  # seconds until a warm kernel answers
GRACE = 5  # seconds that an interrupted kernel has to come back
CUT = "… the output is cut here: the notebook has printed too much\n"
MEMORY_ERRORS = ("MemoryError", "_ArrayMemoryError", "OutOfMemoryError")
NO_MEMORY = "can't allocate memory"  # torch says so in a RuntimeError


class Refused(RuntimeError):
    """This machine cannot build a sandbox."""


def task(
    notebook: NotebookNode,
    files: dict[str, str],
    limits: Limits,
    *,
    hidden: str,
    unsafe: bool = False,
    modules: Sequence[str] = provisioner.SLOW,
) -> str:
    """The JSON that execute takes; modules: those that are imported beforehand."""
    return json.dumps(
        {
            "notebook": notebook,
            "files": files,
            "limits": asdict(limits),
            "hidden": hidden,
            "unsafe": unsafe,
            "modules": modules,
        }
    )


def execute(text: str) -> str:
    """Run a task; whatever the code in it does ends as a status in the result."""
    given = json.loads(text)
    limits = Limits(**given["limits"])
    level, obstacles = provisioner.best_level(given["hidden"], tuple(given["modules"]))
    if given["unsafe"]:
        level = NONE
    elif level == NONE:
        raise Refused("; ".join(obstacles))
    box = Box(level, given["hidden"], limits.memory, limits.disk)
    notebook = nbformat.from_dict(given["notebook"])
    run = Run(notebook, limits, box, given)
    start = time.perf_counter()
    asyncio.run(run.start())
    result = {
        "notebook": notebook,
        "status": run.status,
        "why": run.why,
        "level": level,
        "seconds": round(time.perf_counter() - start, 2),
        "peak": run.peak,
    }
    return json.dumps(result)


class WarmSpec(KernelSpecManager):
    """A kernelspec that no file holds: a warm kernel in a box."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return self.spec


class Manager(AsyncKernelManager):
    """Both sides know their connection: no file holds its key."""

    def write_connection_file(self, **_: object) -> None:
        pass


class Client(NotebookClient):
    """nbclient, with an end to the output that it keeps, and no wait at the start."""

    left = 0  # bytes

    async def async_start_new_kernel_client(self) -> KernelClient:
        self.kc = self.km.client()
        self.kc.start_channels()
        self.kc.allow_stdin = False
        await self.kc.get_iopub_msg(timeout=STARTUP)  # its welcome: it hears us
        return self.kc

    def process_message(self, msg, cell, cell_index):
        msg["content"].pop("transient", None)  # a display has no name to grow by
        if msg["msg_type"].startswith(("comm", "update_display")):  # widgets
            return None
        return super().process_message(msg, cell, cell_index)

    def output(self, outs, msg, display_id, cell_index):
        errors = [output for output in outs if output.output_type == "error"]
        if msg["msg_type"] == "error" and not errors:  # a cell has one
            return super().output(outs, msg, display_id, cell_index)
        size = 200 + len(json.dumps(msg["content"]))
        self.left, had = self.left - size, self.left
        if self.left >= 0:
            return super().output(outs, msg, display_id, cell_index)
        if had >= 0:
            outs.append(nbformat.v4.new_output("stream", name="stdout", text=CUT))
        return None


class Run:
    """One execution: its notebook is filled with outputs as they come."""

    def __init__(self, notebook: NotebookNode, limits: Limits, box: Box, given: dict):
        self.notebook, self.limits, self.box = notebook, limits, box
        self.files, self.modules = given["files"], given["modules"]
        self.status, self.why, self.peak = GRADED, "", 0
        self.replies: dict[int, dict] = {}

    async def start(self) -> None:
        """Run every cell that is not skipped, and say how it ended."""
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
        manager = Manager(
            context=context, kernel_spec_manager=self.spec(), kernel_name="python3"
        )
        client = Client(
            self.notebook,
            km=manager,
            timeout=self.limits.cell,
            allow_errors=True,
            interrupt_on_timeout=True,
            error_on_timeout={"ename": "TimedOut", "evalue": "", "traceback": []},
            record_timing=False,
            store_widget_state=False,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            on_cell_executed=self.keep_reply,
        )
        client.left = self.limits.output
        try:
            async with asyncio.timeout(self.limits.notebook):
                await client.async_start_new_kernel()
                await client.async_start_new_kernel_client()
                await self.run_cells(client)
        except TimeoutError:
            self.stopped(TIMED_OUT, f"took more than {self.limits.notebook:g} s in all")
        except DeadKernelError:
            pass  # end() says why
        except Exception as error:
            self.stopped(KILLED, f"{type(error).__name__}: {error}"[:300])
        finally:
            await self.end(client, manager)
            context.destroy(linger=0)
        self.tidy()

    def spec(self) -> WarmSpec:
        """The kernelspec of our provisioner, with the box as configuration."""
        config = {
            "box": asdict(self.box),
            "files": self.files,
            "modules": self.modules,
        }
        stanza = {"provisioner_name": provisioner.NAME, "config": config}
        manager = WarmSpec()
        manager.spec = KernelSpec(
            argv=["python", "-m", "ipykernel_launcher"],
            language="python",
            metadata={"kernel_provisioner": stanza},
        )
        return manager

    async def run_cells(self, client: Client) -> None:
        """One cell after the other; a kernel that cannot be interrupted is killed."""
        for index, cell in enumerate(self.notebook.cells):
            if cell.cell_type != "code":
                continue
            await client.async_execute_cell(cell, index)
            if self.late(index):
                seconds = f"{self.limits.cell:g} s"
                self.stopped(TIMED_OUT, f"a cell took more than {seconds}")
                if not await answers(client.kc):
                    return

    def keep_reply(self, cell: NotebookNode, cell_index: int, execute_reply: dict):
        """Remember how the kernel says that a cell ended."""
        said = execute_reply["content"]
        forged = {"status": "error", "ename": "BadReply", "evalue": "no answer"}
        self.replies[cell_index] = said if isinstance(said, dict) else forged

    def late(self, index: int) -> bool:
        """Whether a cell was interrupted for taking too long."""
        return self.replies.get(index, {}).get("ename") == "TimedOut"

    def stopped(self, status: str, why: str) -> None:
        """Keep the first reason for which the notebook did not run to its end."""
        if self.status == GRADED:
            self.status, self.why = status, why

    async def end(self, client: Client, manager: AsyncKernelManager) -> None:
        """Kill the kernel with all that it has started, and ask how it had fared."""
        if client.kc is not None:
            client.kc.stop_channels()
        process = getattr(manager.provisioner, "process", None)
        if process is None:
            return
        process.kill()
        code = process.wait()
        self.peak = process.ended["peak"]
        if process.ended["reason"] == "out of memory":
            gigabytes = f"{self.limits.memory:g} GiB"
            self.status, self.why = OUT_OF_MEMORY, f"held more than {gigabytes}"
        elif code != -9 or process.ended["reason"] != "killed by the grader":
            self.stopped(KILLED, f"the kernel ended by itself (exit code {code})")
        await manager.shutdown_kernel(now=True)

    def tidy(self) -> None:
        """Clean all outputs, and give each check that did not run an error."""
        for index, cell in enumerate(self.notebook.cells):
            if cell.cell_type != "code":
                continue
            reply = self.replies.get(index)
            cell.execution_count = None
            if "canary" in cell.metadata:
                cell.metadata["ran"] = bool(reply)
            check = cell.metadata.get("nbgrader", {}).get("grade", False)
            outputs = (clean(output, check) for output in cell.get("outputs", []))
            cell.outputs = joined([output for output in outputs if output])
            if reply and reply.get("status") == "error":
                self.note_error(cell, reply)
            elif not reply and check and cell.source.strip():
                cell.outputs = [error_output("NotRun", f"not run: {self.why}")]

    def note_error(self, cell: NotebookNode, reply: dict) -> None:
        """The error that a cell ended with stands last in its outputs."""
        name, value = plain(reply.get("ename")), plain(reply.get("evalue"))[:LONGEST]
        if name == "TimedOut":
            value = f"timed out after {self.limits.cell:g} s"
        if name in MEMORY_ERRORS or NO_MEMORY in value:
            gigabytes = f"{self.limits.memory:g} GiB"
            self.stopped(OUT_OF_MEMORY, f"asked for more than {gigabytes}")
        if name == "TimedOut" or not any(
            o.output_type == "error" for o in cell.outputs
        ):
            cell.outputs.append(error_output(name, value))


def never_ran(text: str, why: str) -> str:
    """The result of a task that took down whoever ran it."""
    given = json.loads(text)
    notebook = nbformat.from_dict(given["notebook"])
    run = Run(notebook, Limits(**given["limits"]), Box(NONE, "", 0, 0), given)
    run.stopped(KILLED, why)
    run.tidy()
    outcome = {"status": run.status, "why": why, "level": "", "seconds": 0.0, "peak": 0}
    return json.dumps({"notebook": notebook, **outcome})


async def answers(client) -> bool:
    """Whether a kernel that was interrupted takes requests again."""
    request = client.kernel_info()
    try:
        async with asyncio.timeout(GRACE):
            while True:
                message = await client.get_shell_msg()
                if message["parent_header"].get("msg_id") == request:
                    return True
    except TimeoutError:
        return False
