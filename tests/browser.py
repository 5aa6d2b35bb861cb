"""JupyterLab in Chromium: a server as a user starts it, and what a user does there."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import psutil
import pytest

from .conftest import ROOT

PATIENCE = 180_000  # ms; a busy machine is no failure
TOKEN = "a-token-of-the-tests"
# A browser and a server of others, on a busy machine: a hiccup of theirs does not come
# back, a defect does. What was seen stands among pytest's warnings.
TWICE = pytest.mark.flaky(reruns=1)
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
# In every Python process of the server: note who is asked for that is not this machine.
WATCH = """\
import os, sys

def watch(event, arguments):
    if event not in ("socket.connect", "socket.getaddrinfo"):
        return
    host = arguments[1] if event == "socket.connect" else arguments[0]
    host = host[0] if isinstance(host, tuple) else host
    if isinstance(host, str) and not host.startswith(("/", "127.", "localhost", "::1")):
        with open(os.environ["WATCH_LOG"], "a") as log:
            print(host, file=log)

sys.addaudithook(watch)
"""


@dataclass(frozen=True)
class Server:
    """A JupyterLab that runs."""

    url: str
    folder: Path  # where its command was started
    log: Path
    asked: Path  # hosts other than this machine, one a line

    def hosts(self) -> list[str]:
        """The other machines that the server or one of its kernels asked for."""
        return self.asked.read_text().split() if self.asked.exists() else []


def lab_command() -> list[str]:
    """The command of `make lab`, with the programs of this environment."""
    rule = re.search(r"^lab: .*?; (.+)$", (ROOT / "Makefile").read_text(), re.M)
    program, *options = shlex.split(rule[1])
    return [str(Path(sys.executable).parent / Path(program).name), *options]


@contextmanager
def serve(folder: Path, command: list[str], home: Path) -> Iterator[Server]:
    """Start JupyterLab in a folder, with settings and files of its own in `home`."""
    home.mkdir()
    (home / "sitecustomize.py").write_text(WATCH)
    names = {f"JUPYTER_{kind}_DIR": kind.lower() for kind in ("CONFIG", "DATA")}
    places = {name: str(home / place) for name, place in names.items()}
    runtime, log, asked = home / "runtime", home / "server.log", home / "asked.log"
    places |= {"JUPYTER_RUNTIME_DIR": str(runtime), "WATCH_LOG": str(asked)}
    # A student's kernels are plain, and a server that waits for warm ones is deaf.
    places["JUPYTER_DEFAULT_PROVISIONER_NAME"] = "local-provisioner"
    options = ["--no-browser", "--port=0", f"--IdentityProvider.token={TOKEN}"]
    options += ["--allow-root"] if os.geteuid() == 0 else []
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, *options],
            cwd=folder,
            env=os.environ | places | {"PYTHONPATH": str(home)},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Server(address(process, runtime, log), folder, log, asked)
    finally:
        end(process)


def address(process: subprocess.Popen, runtime: Path, log: Path) -> str:
    """The URL of a server, once it serves; shows its log if it never does."""
    deadline = time.monotonic() + PATIENCE / 1000
    while process.poll() is None and time.monotonic() < deadline:
        for path in runtime.glob("jpserver-*.json"):
            if text := path.read_text():
                return json.loads(text)["url"]
        time.sleep(0.1)
    end(process)
    raise RuntimeError(f"JupyterLab does not start:\n{log.read_text()}")


def end(process: subprocess.Popen) -> None:
    """Kill a server with its kernels, which have sessions of their own."""
    family = [process]
    if process.poll() is None:
        family += psutil.Process(process.pid).children(recursive=True)
    for member in family:
        try:
            member.kill()
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    process.wait()


@contextmanager
def chromium() -> Iterator:
    """Chromium, without its sandbox, as root in a container needs it, or a skip."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not shutil.which("chromium"):
        pytest.skip("chromium is missing: JupyterLab is not opened")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=QUIET, timeout=PATIENCE
        )
        yield browser
        browser.close()


class Lab:
    """A window with JupyterLab, and what it asked for and complained about."""

    def __init__(self, server: Server, browser, **options):
        self.server = server
        options = {"viewport": {"width": 1280, "height": 900}} | options
        self.page = browser.new_page(**options)
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.page.on("request", self.note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self.listen)

    def note(self, request) -> None:
        """Keep requests that would leave the machine."""
        host = urlsplit(request.url).hostname
        if host and host not in ("localhost", "127.0.0.1"):
            self.complaints.append(f"a request for {request.url}")

    def listen(self, message) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} {message.location}")

    def open(self, path: str = "") -> None:
        """Open JupyterLab on a notebook, or on its launcher, in an empty workspace."""
        place = f"lab/tree/{path}" if path else "lab"
        self.page.goto(f"{self.server.url}{place}?reset&token={TOKEN}")
        if path:
            self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        else:
            self.page.locator(".jp-LauncherCard").first.wait_for()

    @property
    def cells(self):
        return self.page.locator(".jp-Notebook .jp-Cell")

    @property
    def questions(self) -> list[str]:
        """What JupyterLab asks or announces unasked."""
        return self.page.locator(".jp-Dialog, .Toastify__toast").all_inner_texts()

    def menu(self, *names: str) -> None:
        """Choose an entry of the menus."""
        for name in names:
            self.page.get_by_role("menuitem", name=name, exact=True).click()

    def run(self, cell) -> str:
        """Run a cell by keyboard; what it prints."""
        prompt = cell.locator(".jp-InputPrompt").element_handle()
        before = prompt.text_content()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_function(
            """([prompt, before]) => ![before, '[*]:'].includes(prompt.textContent)""",
            arg=[prompt, before],
        )
        return printed(cell)

    def write(self, cell, text: str) -> None:
        """Type a cell's text anew, as on a keyboard."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        for number, line in enumerate(text.splitlines()):
            if number:
                self.page.keyboard.press("Enter")
                self.page.keyboard.press("Shift+Home")  # what the editor has indented
                self.page.keyboard.press("Delete")
            self.page.keyboard.type(line)

    def close(self) -> None:
        """Close the window, and end its kernels."""
        headers = {"Authorization": f"token {TOKEN}"}
        api, ask = f"{self.server.url}api/sessions", self.page.context.request
        for session in ask.get(api, headers=headers).json():
            ask.delete(f"{api}/{session['id']}", headers=headers)
        self.page.context.close()


def printed(cell) -> str:
    """The text of a cell's outputs."""
    return "".join(cell.locator(".jp-OutputArea-output").all_text_contents()).strip()


def grade_by_hand(page, frame, name: str, points: str, comment: str) -> None:
    """Enter points and a comment in formgrader, which saves each when it is left."""
    field, text = frame.locator(f"#{name}"), frame.locator(f"#{name}-comment")
    for known in (f"#{name}_extra_credit", f"#{name}-comment"):
        frame.locator(f"{known}[placeholder]").wait_for()  # or loading would undo it
    for place, value, kind in ((field, points, "grade"), (text, comment, "comment")):
        place.fill(value)
        with page.expect_response(re.compile(f"/api/{kind}/")):
            place.press("Tab")


@contextmanager
def window(server: Server, browser, request) -> Iterator[Lab]:
    """A window for a test, which must complain of nothing and ask nobody outside.

    If the test fails, its picture stays in build/screenshots and the log is shown.
    """
    lab, failed = Lab(server, browser), request.session.testsfailed
    try:
        yield lab
        if lab.complaints:
            warnings.warn(f"the browser complains: {lab.complaints}", stacklevel=2)
        assert lab.complaints == []
    finally:
        if request.session.testsfailed > failed:
            name = re.sub(r"\W+", "-", request.node.name).strip("-")
            lab.page.screenshot(path=ROOT / "build" / "screenshots" / f"{name}.png")
            print(server.log.read_text()[-5000:])
        lab.close()


def index(notebook: Path, grade_id: str) -> int:
    """The place of nbgrader's cell in a notebook."""
    cells = nbformat.read(notebook, as_version=4).cells
    ids = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in cells]
    return ids.index(grade_id)
