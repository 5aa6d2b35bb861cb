"""The guides of the book as scripts: what a reader types, and what must come back.

A fenced `console` block is typed line by line after its `$`, and what is shown below a
command is compared with all that it prints: `…` stands for anything within a line, and
on a line of its own for any lines; a line that is too long may go on below. `bash`
blocks have no output to compare. What the test needs to know stands in comments right
above the block, which no reader sees:

    <!-- given: a zip from Moodle -->   something of test_guides.GIVEN is done before
    <!-- in: student -->                typed in another folder than the course
    <!-- exit: 1 -->                    the last command ends with this code
    <!-- file: jupyterhub_config.py --> the block is a file, written there
    <!-- add to: nbgrader_config.py --> the block is added to a file
    <!-- not run: it opens a browser --> nothing is done, for this reason

/srv/ocean of the guides is the folder of the walk, /etc/jupyter lies inside it, and
another port stands for Dask's.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path

from markdown_it import MarkdownIt

from tests.conftest import ROOT

BOOK = ROOT / "book"
LANGUAGES = ("console", "bash", "python", "text")
NOTE = re.compile(r"<!-- (given|in|exit|file|add to|not run): (.+) -->")
BAR = re.compile(r"^\s*\S?\s*(Grading|Building|Checking|Simulating) .*\d:\d\d$", re.M)
COLOUR = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
PATIENCE = 180  # seconds a command; a busy machine is no failure
WIDTH = 70  # columns of the terminal, as in the guides


@dataclass(frozen=True)
class Block:
    """A fenced block with the notes above it, and the heading that it stands under."""

    line: int
    section: str
    language: str
    text: str
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Each command with the output that the guide shows below it."""
        if self.language != "console":
            return [(self.text, "…")]
        parts = re.split(r"^\$ ", self.text, flags=re.M)[1:]
        joined = [part.replace("\\\n", "") for part in parts]
        return [part.partition("\n")[::2] for part in joined]


def blocks(text: str) -> list[Block]:
    """All fenced blocks of a guide, in order, but no directives of Sphinx."""
    found, section, notes = [], "", {}
    tokens = MarkdownIt().parse(text)
    for token, following in pairwise(tokens):
        if token.type == "heading_open":
            section = following.content
        elif token.type == "html_block":
            notes = notes | dict(NOTE.findall(token.content))
        elif token.type == "fence" and not token.info.startswith("{"):
            own = token.content.removesuffix("\n")
            found.append(Block(token.map[0] + 1, section, token.info, own, notes))
        if token.type != "html_block":
            notes = {}
    return found


def sections(text: str) -> list[tuple[str, list[Block]]]:
    """The headings of a guide with the blocks below them that do something."""
    doing = [block for block in blocks(text) if does_something(block)]
    return [(name, list(own)) for name, own in groupby(doing, lambda b: b.section)]


def does_something(block: Block) -> bool:
    """Whether a block is typed or written to a file."""
    typed = block.language in ("console", "bash")
    return "not run" not in block.notes and (typed or bool(writes(block)))


def writes(block: Block) -> str:
    """The file that a block is written or added to."""
    return block.notes.get("file") or block.notes.get("add to", "")


def pattern(shown: str) -> re.Pattern:
    """What matches all output that the guide shows like this."""
    parts = []
    for line in shown.strip().splitlines():
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(re.escape(line.strip()).replace("…", ".*?") + r"\s+")
    return re.compile("".join(parts))


def tidy(printed: str) -> str:
    """Output without progress bars, and without space around its lines."""
    text = BAR.sub(
        "", re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", printed).replace("\r", "\n")
    )
    lines = [line.strip() for line in text.splitlines()]
    return "".join(f"{line}\n" for line in lines if line)


class Walk:
    """A reader who does what a guide says, in a folder that holds a small course."""

    def __init__(self, folder: Path, given: dict[str, Callable]):
        self.folder, self.given, self.stack = folder, given, ExitStack()
        self.course = folder / "course"
        self.names = {"/srv/ocean": str(folder), "/etc/jupyter": f"{folder}/jupyter"}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.names["8786"] = str(free.getsockname()[1])
        for name in ("course", "home", "jupyter", "student"):
            (folder / name).mkdir()

    def follow(self, block: Block) -> None:
        """Do what a block says; AssertionError where something else comes back."""
        setting = {}
        if state := block.notes.get("given"):
            setting = self.given[state](self) or {}
        if name := writes(block):
            self.write(name, block.text, "ab" if "add to" in block.notes else "wb")
            return
        *_, last = commands = block.commands
        for number, (command, shown) in enumerate(commands):
            end = int(block.notes.get("exit", 0)) if commands[number] is last else 0
            self.type(command, shown, end, self.place(block), setting)

    def place(self, block: Block) -> Path:
        return self.folder / block.notes.get("in", "course")

    def write(self, name: str, text: str, mode: str) -> None:
        with (self.course / self.here(name)).open(mode) as file:
            file.write(f"{self.here(text)}\n".encode())

    def here(self, text: str) -> str:
        """A text of the guide with the names of this machine."""
        for name, own in self.names.items():
            text = text.replace(name, own)
        return text

    def there(self, text: str) -> str:
        """A text of this machine with the names of the guide."""
        for name, own in reversed(self.names.items()):
            text = text.replace(own, name)
        return text

    def type(
        self, command: str, shown: str, end: int, place: Path, setting: dict
    ) -> None:
        """Run one command, and compare what it prints."""
        log = self.folder / "log"
        with log.open("w") as file:
            process = subprocess.Popen(
                ["bash", "-c", "set -e\n" + self.here(command.removesuffix("&"))],
                cwd=place, env=self.environment() | setting, stdin=subprocess.DEVNULL,
                stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        if command.rstrip().endswith("&"):
            self.stack.callback(stop, process)
            self.wait_for(shown, log, command)
            return
        try:
            code = process.wait(PATIENCE)
        finally:
            stop(process)
        printed = tidy(self.there(log.read_text(errors="replace")))
        assert code == end, f"$ {command}\n{printed}"
        assert pattern(shown).fullmatch(printed), (
            f"$ {command}\n{printed}\n--- but the guide shows ---\n{shown}"
        )

    def wait_for(self, shown: str, log: Path, command: str) -> None:
        """Go on once a program in the background has said what the guide shows."""
        until = time.monotonic() + PATIENCE
        while not pattern(shown).match(tidy(self.there(log.read_text()))):
            assert time.monotonic() < until, f"$ {command}\n{log.read_text()}"
            time.sleep(0.1)
        log.rename(log.with_suffix(f".{time.monotonic_ns()}"))

    def environment(self) -> dict[str, str]:
        """That of a reader: no real data, nothing of this machine's own settings."""
        kept = {n: os.environ[n] for n in ("LANG", "TMPDIR") if n in os.environ}
        return kept | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "JUPYTER_CONFIG_DIR": str(self.folder / "jupyter"),
            "COLUMNS": str(WIDTH),
            "OMP_NUM_THREADS": "1",
            "COURSE_OFFLINE": "1",
            "PYTHONUTF8": "1",
        }


def stop(process: subprocess.Popen) -> None:
    """End a process with all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def program(command: str) -> str:
    """The first words of a command, which say what it does."""
    return " ".join(command.splitlines()[0].split()[:2])
