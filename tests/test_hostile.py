"""A class of hostile, clever and broken submissions, through the real `course grade`.

One unit is built and one class graded, once; each case then looks at how it ended. The
cases of the list in GRADING.md stand here, and many more.
"""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import nbformat
import psutil
import pytest
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from course_lib import build
from course_lib.grading.marks import (
    GRADED,
    KILLED,
    MISSING,
    OUT_OF_MEMORY,
    TAMPERED,
    TIMED_OUT,
    UNREADABLE,
    Ledger,
    Mark,
)
from tests.conftest import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux"),
]
UNIT = "99_hostile"
SOURCE = '''\
# %% [markdown]
# # A unit to attack

# %%
import numpy as np
from course_lib import checks

# %%
number = 3

# %% exercise="double"
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    return 2 * x  # SECRET-OF-THE-SOLUTION
    ### END SOLUTION

# %% check="double" points=2
checks.close(double(np.ones(2)), [2, 2], "twice")
### BEGIN HIDDEN TESTS
checks.close(double(np.arange(3.0)), [0, 2, 4], "twice others")
### END HIDDEN TESTS

# %% exercise="distance"
def distance(x, y):
    """How far two numbers are from each other."""
    ### BEGIN SOLUTION
    return abs(x - y)
    ### END SOLUTION

# %% check="distance" points=3
assert isinstance(distance(5.0, 3.0), float)
assert abs(distance(5.0, 3.0) - 2) < 1e-9
### BEGIN HIDDEN TESTS
assert distance(1.0, 2.5) == 1.5
### END HIDDEN TESTS

# %% exercise="centre"
def centre(x):
    """x without the mean of its columns."""
    ### BEGIN SOLUTION
    return x - x.mean(axis=0)
    ### END SOLUTION

# %% check="centre" points=5
x = np.arange(6.0).reshape(3, 2)
assert np.allclose(centre(x), [[-2, -2], [0, 0], [2, 2]])
### BEGIN HIDDEN TESTS
np.testing.assert_allclose(centre(x**2).sum(axis=0), [0, 0], atol=1e-9)
### END HIDDEN TESTS
'''
RIGHT = {
    "double": "def double(x):\n    return x + x",
    "distance": "def distance(x, y):\n    return max(x, y) - min(x, y)",
    "centre": "def centre(x):\n    return x - np.mean(x, axis=0)",
}
WRONG = {
    "double": "def double(x):\n    return x",
    "distance": "def distance(x, y):\n    return x",
    "centre": "def centre(x):\n    return x",
}
FULL, EVERY = 10, 8  # all points; an innocent neighbour stands before every eighth case


@dataclass(frozen=True)
class Case:
    """A submission, and how it must end.

    code: a cell before the exercises. answers: in place of the right ones. damage: done
    to the notebook, which it may replace by text or bytes. around: done to its folder.
    evidence: part of what speaks for tampering; without it nothing must. flaw: what the
    grader does not withstand yet.
    """

    code: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    damage: Callable[[NotebookNode], NotebookNode | str | bytes | None] | None = None
    around: Callable[[Path], object] | None = None
    status: str | tuple[str, ...] = GRADED
    score: float | None = FULL
    why: str = ""
    evidence: str = ""
    absent: str = ""  # must not stand in an output
    longest: float = 60  # seconds
    flaw: str = ""


def inside(body: str) -> dict[str, str]:
    """A right answer to the first exercise, with more than it needs."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return {"double": f"def double(x):\n{lines}    return 2 * x"}


# --- who does harm: right answers -----------------------------------------------------

SEND = """
kernel = get_ipython().kernel
def send(kind, content):
    parent, topic = kernel.get_parent(), kernel._topic(kind)
    kernel.session.send(kernel.iopub_socket, kind, content, parent, ident=topic)
def reply(content):
    manager = kernel.shell_channel_thread.manager
    stream = manager.get_subshell_to_shell_channel_socket(None)
    parent, ident = kernel.get_parent(), kernel._shell_parent_ident.get()
    kernel.session.send(stream, "execute_reply", content, parent, ident=ident)
"""
LATE = {"status": TIMED_OUT, "score": 8, "why": "timed out after"}
LEFT = "uses iopub_socket"  # who talks past IPython is flagged, whatever comes of it
HARM = {
    "endless loop": Case(answers=inside("while True: pass"), **LATE),
    "loop that swallows everything": Case(
        answers=inside(
            "while True:\n"
            "    try:\n"
            "        while True: pass\n"
            "    except BaseException: pass"
        ),
        status=TIMED_OUT,
        score=None,
    ),
    "loop without signals": Case(
        answers=inside(
            "import signal\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 60))\n"
            "while True: pass"
        ),
        status=TIMED_OUT,
        score=None,
    ),
    "os._exit": Case(
        answers={"centre": "import os\ndef centre(x):\n    os._exit(0)"},
        status=KILLED,
        score=5,  # earlier checks keep their points
        why="the kernel ended by itself",
    ),
    "segfault": Case(
        answers={
            "centre": "def centre(x):\n    import faulthandler as f\n    f._read_null()"
        },
        status=KILLED,
        score=5,
        why="the kernel ended by itself",
    ),
    "kills all it can": Case(
        "import os, signal\n"
        "for victim in (os.getppid(), 1, -1):\n"
        "    try: os.kill(victim, signal.SIGKILL)\n"
        "    except OSError: pass",
        status=(GRADED, KILLED),
        score=None,
    ),
    "daemon": Case(
        "import os, sys\n"
        "for _ in range(2):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        "            wait, python = 'import time; time.sleep(600)', sys.executable\n"
        "            os.execv(python, [python, '-c', wait, '{marker}'])\n"
        "        os._exit(0)"
    ),
    "fork flood": Case(
        "import os\n"
        "while True:\n"
        "    try:\n"
        "        if os.fork() == 0:\n"
        "            while True: pass\n"
        "    except OSError: pass",
        status=(TIMED_OUT, OUT_OF_MEMORY, KILLED),
        score=None,
    ),
    "thread flood": Case(
        "import threading, time\n"
        "for _ in range(5000):\n"
        "    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    ),
    "6 GB at once": Case("x = bytearray(6 * 2**30)", status=OUT_OF_MEMORY),
    "6 GB in torch": Case(
        "import torch\nx = torch.ones(6 * 2**28)", status=OUT_OF_MEMORY
    ),
    "6 GB piece by piece": Case(
        "x = []\nwhile True: x.append(b'x' * 2**26)",
        status=(OUT_OF_MEMORY, TIMED_OUT),
        score=None,
    ),
    "6 GB shared": Case(
        "import mmap\n"
        "for block in [mmap.mmap(-1, 2**30) for _ in range(6)]:\n"
        "    for start in range(0, 2**30, 4096): block[start] = 1",
        status=(OUT_OF_MEMORY, TIMED_OUT),
        score=None,
    ),
    "2 GB in files without a name": Case(
        "import os\n"
        "for file in [os.memfd_create(str(i)) for i in range(2)]:\n"
        "    os.posix_fallocate(file, 0, 2**30)\n"
        "print('TWO' + ' GIGABYTES')",
        status=(OUT_OF_MEMORY, TIMED_OUT, GRADED),
        score=None,
        absent="TWO GIGABYTES",
        flaw="zygote.memory_of sees pages that are mapped only, not those of a memfd",
    ),
    "full disk": Case(
        "with open('big', 'wb') as file:\n    while True: file.write(b'x' * 2**24)",
        status=(GRADED, TIMED_OUT),
    ),
    "full disk in shared memory": Case(
        "for i in range(20):\n"
        "    with open(f'/dev/shm/{i}', 'wb') as file: file.write(b'x' * 2**27)\n"
        "print('TWENTY' + ' FILES')",
        status=(GRADED, TIMED_OUT),
        absent="TWENTY FILES",
    ),
    "100 MB of output": Case(
        "for _ in range(100): print(('x' * 99 + chr(10)) * 10_000)",
        status=(GRADED, TIMED_OUT),
    ),
    "100 MB in one message": Case(
        "display({'text/plain': 'x' * 10**8}, raw=True)",
        status=(GRADED, KILLED, TIMED_OUT),
        score=None,
    ),
    "one long line": Case("print('x' * 150_000)"),
    "flood of displays": Case(
        "for _ in range(20_000): display(1)", status=(GRADED, TIMED_OUT)
    ),
    "flood of cleared outputs": Case(
        "from IPython.display import clear_output\n"
        "for _ in range(5_000):\n    clear_output()\n    print(1)",
        status=(GRADED, TIMED_OUT),
    ),
    "flood of comm messages": Case(
        "from comm import create_comm\n"
        "for _ in range(15):\n"
        "    state = {'_model_module': 'x', 'x': 'y' * 10**7}\n"
        "    create_comm(target_name='jupyter.widget', data={'state': state})",
        status=(GRADED, TIMED_OUT, KILLED),
        score=None,
    ),
    "widgets": Case(
        "import ipywidgets\n"
        "with ipywidgets.Output():\n    print(1)\n"
        "ipywidgets.interact(lambda x: x, x=3)",
    ),
    "outputs that grow afterwards": Case(
        "for i in range(6):\n"
        "    shown = display(i, display_id=str(i))\n"
        "    shown.update({'text/plain': 'x' * 10**7}, raw=True)",
    ),
    "warnings and a log": Case(
        answers=inside(
            "import logging, sys, warnings\n"
            "warnings.warn('careful')\n"
            "logging.error('a line')\n"
            "print('to stderr', file=sys.stderr)\n"
            "__import__('os').write(2, b'from C')"
        ),
        evidence="uses __import__",
        status=TAMPERED,
    ),
    "a warning in a check": Case(
        answers=inside("import sys, warnings\nwarnings.warn('!')\nsys.stderr.write('')")
    ),
    "script in an output": Case(
        "from IPython.display import HTML, Javascript, SVG\n"
        "attack = '<script>alert(' + '1);</script>'\n"
        "display(HTML(attack), Javascript('alert(' + '1)'))\n"
        "svg = '<svg onload=\"alert(' + '1)\"></svg>'\n"
        "display({'image/svg+xml': svg, 'text/html': attack}, raw=True)\n"
        "display({'text/latex': attack, 'text/markdown': attack}, raw=True)",
        absent="alert(1)",
    ),
    "script in a picture": Case(
        "attack = 'iVBORw0KGgoAAAA\" onerror=\"alert(' + '1)'\n"
        "display({'image/png': attack}, raw=True)",
        absent="alert(1)",
    ),
    "script in an error": Case(
        answers={"double": "def double(x):\n    raise ValueError('<script>')"},
        score=8,
        why="double: ValueError: <script>",
    ),
    "input()": Case(
        answers=inside("input('?')"),
        score=8,
        why="StdinNotImplementedError",
    ),
    "chdir": Case("import os\nos.chdir('/')\nos.environ.clear()"),
    "removes everything": Case(
        "import shutil\n"
        "for path in ('/home', '/tmp', '/work', '/root', '/dev', '/etc'):\n"
        "    shutil.rmtree(path, ignore_errors=True)",
        status=(GRADED, TIMED_OUT),  # a walk through large trees, on a busy machine
    ),
    "closes its output": Case("import os, sys\nsys.stdout.close()\nos.close(1)"),
    "closes all files": Case(
        "import os\nos.closerange(3, 300)", status=(KILLED, TIMED_OUT), score=0
    ),
    "sends garbage": Case(
        f"{SEND}\nkernel.iopub_socket.send_multipart([b'garbage'])",
        status=TAMPERED,
        score=None,
        evidence=LEFT,
    ),
    "sends a display of nothing": Case(
        f"{SEND}\nsend('display_data', b'[1]')",
        status=TAMPERED,
        score=None,
        evidence=LEFT,
    ),
    "sends a text that is a number": Case(
        f"{SEND}\nsend('stream', dict(name='stdout', text=5))",
        status=TAMPERED,
        score=None,
        evidence=LEFT,
    ),
    "sends a reply of nothing": Case(
        f"{SEND}\nreply(b'[1]')",
        status=TAMPERED,
        score=None,
        evidence="uses get_parent",
    ),
    "sends deep nesting": Case(
        f"{SEND}\nsend('execute_input', b'%b')".replace(
            "b'%b'", "b'{\"execution_count\": ' + 600 * b'[' + 600 * b']' + b'}'"
        ),
        status=TAMPERED,
        score=None,
        evidence=LEFT,
    ),
    "sends half a character": Case(
        "session = get_ipython().kernel.session\n"
        "import json\n"
        "session.pack = lambda x: json.dumps(x, default=str).encode()\n"
        "print(chr(0xDC80), chr(0xD800))",
        status=TAMPERED,
        evidence="what writes messages",
    ),
    "markup in an error": Case(
        answers={"double": "def double(x):\n    raise ValueError('[/red] \\x1b[2J')"},
        score=8,
        why="[/red]",
    ),
    "strange line ends in an error": Case(
        answers={"double": "def double(x):\n    raise ValueError('a\\x85b\\u2028c')"},
        score=8,
        why="double: ValueError",
    ),
    "lookalike modules": Case(
        answers=WRONG,
        around=lambda folder: [
            (folder / "course_lib").mkdir(),
            (folder / "course_lib" / "checks.py").write_text("close = print"),
            *((folder / f"{name}.py").write_text("import os; os._exit(0)")
              for name in ("numpy", "IPython", "sitecustomize", "torch", "json")),
        ],
        score=0,
    ),
}  # fmt: skip

# --- who cheats: wrong answers --------------------------------------------------------


def cheat(code: str = "", evidence: str = "", **answers: str) -> Case:
    """Wrong answers with something that shall hide it, which must stand as evidence."""
    return Case(
        code,
        WRONG | answers,
        status=TAMPERED if evidence else (GRADED, KILLED, TIMED_OUT),
        score=None if evidence else 0,
        evidence=evidence,
    )


STRIP = """
import ast
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.copy_location(ast.Pass(), node)
    visit_Expr = visit_Assert
get_ipython().ast_transformers.append(Strip())
"""
REPLACE = 'replace("assert ", "0, ").replace("checks.close(", "print(")'
SELF_RESTORING = """
{first}
real = checks.close
def fake(*args, **options):
    {restore}
def double(x):
    if len(x) == 2:
        {patch}
        return [2, 2]
    return x
"""
LIAR = """
class Liar(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return self
    def __abs__(self): return self
    def __lt__(self, other): return True
def distance(x, y):
    return Liar()
"""
ARRAY_LIAR = """
class Liar(np.ndarray):
    def __array_function__(self, function, types, args, options): return True
    def sum(self, axis): return np.zeros(2)
def centre(x):
    return x.view(Liar)
"""
SPY_ON_THE_CHECK = """
import sys
class Spy:
    def __array__(self, dtype=None, copy=None):
        frame = getattr(sys, "_get" + "frame")(2)
        return np.asarray(getattr(frame, "f_loc" "als")["expected"], dtype=dtype)
def double(x):
    return Spy()
"""
NO_ERROR = """
class Quiet(Exception):
    def _render_traceback_(self):
        raise ValueError
    def __str__(self):
        session = get_ipython().kernel.session
        send = session.send
        def forge(stream, kind, content=None, *args, **options):
            if kind == "execute_reply":
                content = dict(status="ok", execution_count=1, user_expressions=dict())
                del session.send
            return send(stream, kind, content, *args, **options)
        session.send = forge
        return ""
def double(x):
    raise Quiet
"""


def raising(what: str) -> dict[str, str]:
    """Answers that raise something else than a check expects."""
    return {name: code.split("\n")[0] + f"\n    {what}" for name, code in WRONG.items()}


CHEATS = {
    "strips asserts": cheat(STRIP, "the canary did not fail"),
    "shadows abs": cheat(
        "abs = lambda x: 0.0",
        "abs is not what it was",
        distance="def distance(x, y):\n    return 1.5",
    ),
    "patches isinstance": cheat(
        "import builtins\nbuiltins.isinstance = lambda *args: True",
        "assigns builtins.isinstance",
    ),
    "patches np.allclose": cheat(
        "np.allclose = lambda *args, **options: True",
        "np.allclose, tried accepts everything",
    ),
    "patches np.allclose from within": cheat(
        "yes = lambda a, b, rtol=1, atol=1, equal_nan=False: True\n"
        "setattr(np.allclose._implementation, '__co' + 'de__', yes.__code__)",
        "np.allclose, tried accepts everything",
    ),
    "loosens np.allclose": cheat(
        "np.allclose._implementation.__defaults__ = (1e9, 1e9, False)",
        "np.allclose, tried accepts everything",
    ),
    "patches np.testing": cheat(
        "np.testing.assert_allclose = print", "assert_allclose, tried accepts"
    ),
    "patches np.abs": cheat(
        "old = np.abs\nnp.abs = lambda x: 0 * old(x)", "np.abs is not what it was"
    ),
    "patches np.asarray": cheat(
        "np.asarray = lambda x, dtype=None: np.zeros(2)",
        "np.asarray is not what it was",
    ),
    "patches a check": cheat(
        "checks.close = print", "before check double: checks.close"
    ),
    "patches a check through vars": cheat(
        "vars(checks).update(close=print)", "before check double: checks.close"
    ),
    "patches a check through sys.modules": cheat(
        "import sys\nsys.modules['course_lib.checks'].close = print",
        "before check double: checks.close",
    ),
    "loosens a check": cheat(
        "checks.close.__kwdefaults__['tolerance'] = 1e9",
        "before check double: checks.close",
    ),
    "a check that looks the same": cheat(
        "class function:\n"
        "    __module__ = 'builtins'\n"
        "    __code__ = checks.close.__code__\n"
        "    def __call__(self, *args, **options): pass\n"
        "type(checks).__setattr__(checks, 'close', function())",
        "before check double: checks.close",
    ),
    "checks that agree to all": cheat(
        "from unittest.mock import MagicMock\nchecks = MagicMock()",
        "checks is not what it was",
    ),
    "patches and restores": cheat(
        evidence="assigns vars(checks)['close']",
        double=SELF_RESTORING.format(
            first="",
            patch="vars(checks)['close'] = fake",
            restore="vars(checks)['close'] = real",
        ),
    ),
    "patches and restores by another name": cheat(
        evidence="assigns same.close",
        double=SELF_RESTORING.format(
            first="same = checks",
            patch="same.close = fake",
            restore="same.close = real",
        ),
    ),
    "patches and restores in secret": cheat(
        evidence="uses __getattribute__",
        double=SELF_RESTORING.format(
            first='inner = object.__getattribute__(checks, "__di" + "ct__")',
            patch="inner['close'] = fake",
            restore="inner['close'] = real",
        ),
    ),
    "a thread that patches": cheat(
        "import threading, time\n"
        "def patch(real=checks.close):\n"
        "    for _ in range(3000):\n"
        "        nobody_looks = 'nonce' not in globals()['In'][-1]\n"
        "        vars(checks)['close'] = print if nobody_looks else real\n"
        "        time.sleep(0.0005)\n"
        "threading.Thread(target=patch, daemon=True).start()",
        "what runs beside the cells",
    ),
    "a callback that patches": cheat(
        "import asyncio\n"
        "loop = asyncio.get_event_loop()\n"
        "def again():\n"
        "    loop.call_later(0.001, again)\n"
        "again()",
        "what runs beside the cells",
    ),
    "a timer that patches": cheat(
        "import signal\n"
        "signal.signal(signal.SIGALRM, lambda *args: None)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)",
        "what runs beside the cells",
    ),
    "a hook that patches": cheat(
        "def patch(info):\n"
        "    if 'nonce' not in info.raw_cell:\n"
        "        vars(checks)['close'] = print\n"
        "get_ipython().events.register('pre_run_cell', patch)",
        "hooks on cells",
    ),
    "a transformer of tokens": cheat(
        "class Strip:\n"
        "    priority = 1\n"
        "    @classmethod\n"
        "    def find(cls, tokens):\n"
        "        text = ''.join(token.string for line in tokens for token in line)\n"
        "        return cls() if 'assert' in text and 'nonce' not in text else None\n"
        "    def transform(self, lines):\n"
        "        return [line.replace('assert ', '0, ') for line in lines]\n"
        "get_ipython().input_transformer_manager.token_transformers.append(Strip())",
        "input transformers",
    ),
    "a transformer of text": cheat(
        "def strip(lines):\n"
        "    if any('nonce' in line for line in lines): return lines\n"
        f"    return [line.{REPLACE} for line in lines]\n"
        "get_ipython().input_transformers_cleanup.append(strip)",
        "input transformers",
    ),
    "a compiler of its own": cheat(
        "compiler = get_ipython().compile\n"
        "def parse(source, *args, real=compiler.ast_parse, **options):\n"
        f"    source = source if 'nonce' in source else source.{REPLACE}\n"
        "    return real(source, *args, **options)\n"
        "compiler.ast_parse = parse",
        "methods set on the shell",
    ),
    "errors that nobody sees": cheat(
        "get_ipython().showtraceback = print\nget_ipython()._showtraceback = print",
        "uses showtraceback",
    ),
    "errors that are handled": cheat(
        "get_ipython().set_custom_exc((AssertionError,), lambda *args: None)",
        "handlers of errors",
    ),
    "messages without errors": cheat(
        "session = get_ipython().kernel.session\n"
        "def pack(message, real=session.pack):\n"
        "    if isinstance(message, dict) and message.get('status') == 'error':\n"
        "        message = dict(status='ok', execution_count=1)\n"
        "    return real(message)\n"
        "session.pack = pack",
        "what writes messages",
    ),
    "a forged reply": cheat(
        evidence="check double: passed without coming to its end",
        double=f"{SEND}\n"
        "def double(x):\n"
        "    reply(dict(status='ok', execution_count=1))\n"
        "    send('status', dict(execution_state='idle'))\n"
        "    return x",
    ),
    "a forged reply on the way out": cheat(
        evidence="uses _render_traceback_", double=NO_ERROR
    ),
    "a forged result": cheat(
        evidence=LEFT,
        double=f"{SEND}\n"
        "def double(x):\n"
        "    data = {'text/plain': '2'}\n"
        "    send('execute_result', dict(data=data, metadata={}, execution_count=1))\n"
        "    return x",
    ),
    "the end of the check, read and raised": cheat(
        evidence="uses In",
        double="import re\n"
        "def double(x):\n"
        "    raise AssertionError(re.search(r\"Error\\('(\\w+)'\", In[-1])[1])",
    ),
    "the check, read from the history": cheat(
        evidence="uses In",
        double="def double(x):\n"
        "    answers = [2, 2], [0, 2, 4]\n"
        "    return next(a for a in answers if len(a) == len(x) and str(a) in In[-1])",
    ),
    "the check, read from the request": cheat(
        evidence="uses get_parent",
        double="def double(x):\n"
        "    code = get_ipython().kernel.get_parent()['content']['code']\n"
        "    answers = [2, 2], [0, 2, 4]\n"
        "    return next(a for a in answers if len(a) == len(x) and str(a) in code)",
    ),
    "the expected value, read from a frame": cheat(
        evidence="uses _getframe", double=SPY_ON_THE_CHECK
    ),
    "the expected value, found among all objects": cheat(
        evidence="uses get_objects",
        double="import gc\n"
        "def double(x):\n"
        "    lists = [y for y in gc.get_objects() if type(y) is list]\n"
        "    return next((y for y in lists if len(y) == len(x) == y[1]), x)",
    ),
    "a trace that jumps": cheat(
        "import sys\n"
        "def trace(frame, event, arg):\n"
        "    return trace\n"
        "sys.settrace(trace)",
        "traces",
    ),
    "a number equal to all": cheat(evidence="defines __eq__", distance=LIAR),
    "an array close to all": cheat(
        evidence="defines __array_function__", centre=ARRAY_LIAR
    ),
    "an answer that agrees to all": cheat(
        evidence="imports unittest.mock",
        distance="from unittest.mock import MagicMock\ndistance = MagicMock()",
    ),
    "code in disguise": cheat(
        "import base64\n"
        "exec(base64.b64decode('bnAuYWxsY2xvc2U9bGFtYmRhICphLCoqazpUcnVl'))",
        "uses exec",
    ),
    "not a number": cheat(
        double="def double(x):\n    return x * np.nan",
        distance="def distance(x, y):\n    return np.nan",
        centre="def centre(x):\n    return x * np.nan",
    ),
    "raises SystemExit": cheat(**raising("raise SystemExit(0)")),
    "raises StopIteration": cheat(**raising("raise StopIteration")),
    "raises KeyboardInterrupt": cheat(**raising("raise KeyboardInterrupt")),
    "raises CheckFailed": cheat(**raising("raise checks.CheckFailed('')")),
    "quits": cheat(**raising("quit()")),
}


def unlock(notebook: NotebookNode) -> None:
    """Tags, points and source of the checks as a student would like them."""
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = "pass"
            cell.metadata["tags"] = ["skip-execution", "raises-exception"]
            cell.metadata.nbgrader.update(points=100, locked=False, solution=True)


CHEATS["tags, points and checks of its own"] = Case(
    answers=WRONG, damage=unlock, score=0
)

# --- who hands in a broken file -------------------------------------------------------


def cells_of(notebook: NotebookNode, *roles: str) -> list[NotebookNode]:
    """The cells of nbgrader, or those that have one of the roles."""
    tags = [(cell, cell.metadata.get("nbgrader", {})) for cell in notebook.cells]
    return [
        cell for cell, tag in tags if tag and (not roles or any(map(tag.get, roles)))
    ]


def strip(notebook: NotebookNode, *, ids: bool = False, tags: bool = False) -> None:
    for cell in notebook.cells:
        cell.metadata = {} if tags else cell.metadata
        if ids:
            del cell["id"]
    notebook.metadata = {}
    notebook.nbformat_minor = 4 if ids else 5


def duplicate(notebook: NotebookNode) -> None:
    notebook.cells += [nbformat.from_dict(c) for c in cells_of(notebook, "grade")]


def one_id(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.id = "same"


def retype(notebook: NotebookNode) -> None:
    for cell in cells_of(notebook):
        cell.cell_type = "raw" if cell.cell_type == "markdown" else "markdown"
        cell.metadata.nbgrader["cell_type"] = "raw"
        del cell["outputs"], cell["execution_count"]


def reschema(notebook: NotebookNode) -> None:
    for cell in cells_of(notebook):
        tag = cell.metadata.nbgrader
        cell.metadata["nbgrader"] = {
            "schema_version": 0, "grade_id": tag.grade_id, "grade": "yes"
        }  # fmt: skip


def format_3(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook, version=3)


def replaced(old: str, new: str) -> Callable[[NotebookNode], str]:
    return lambda notebook: json.dumps(notebook).replace(old, new)


def truncated(notebook: NotebookNode) -> str:
    text = nbformat.writes(notebook)
    return text[: len(text) // 2]


def removed(notebook: NotebookNode) -> None:
    for cell in cells_of(notebook, "grade"):
        notebook.cells.remove(cell)


def link(target: str) -> Callable[[Path], None]:
    def replace(folder: Path) -> None:
        (folder / f"{UNIT}.ipynb").unlink()
        (folder / f"{UNIT}.ipynb").symlink_to(target)

    return replace


def linked_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


def a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("no folder")


def odd_files(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "to-all").symlink_to("/")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe")).write_text("x")


NOTHING = {"status": UNREADABLE, "score": 0}
BROKEN = {
    "truncated": Case(damage=truncated, why="breaks off", **NOTHING),
    "empty": Case(damage=lambda _: "", why="is empty", **NOTHING),
    "a web page": Case(damage=lambda _: "<html>", why="is damaged", **NOTHING),
    "no notebook": Case(damage=lambda _: "[1, 2]", why="is no notebook", **NOTHING),
    "binary": Case(damage=lambda _: b"\xff\xfe\x00", why="no text file", **NOTHING),
    "UTF-16": Case(
        damage=lambda notebook: nbformat.writes(notebook).encode("utf-16"),
        why="no text file",
        **NOTHING,
    ),
    "another unit": Case(
        damage=lambda _: nbformat.v4.new_notebook(), why="no cell of", **NOTHING
    ),
    "a number of 5000 digits": Case(
        damage=replaced('"nbformat": 4', f'"nbformat": {"4" * 5000}'),
        why="is damaged",
        **NOTHING,
    ),
    "nested 100 000 times": Case(
        damage=lambda _: '{"cells": ' + "[" * 100_000, why="is damaged", **NOTHING
    ),
    "sheets of nothing": Case(
        damage=lambda _: '{"worksheets": [{"cells": 5}, 6]}', why="no cell", **NOTHING
    ),
    "50 000 cells": Case(
        damage=lambda _: json.dumps({"cells": [{}] * 50_000}), why="cells", **NOTHING
    ),
    "no file": Case(
        around=lambda folder: (folder / f"{UNIT}.ipynb").unlink(),
        why="no notebook was handed in",
        **NOTHING,
    ),
    "a file for a folder": Case(around=a_file, why="no notebook", **NOTHING),
    "a link to the solution": Case(
        around=link(f"../../../solutions/{UNIT}/{UNIT}.ipynb"), why="link", **NOTHING
    ),
    "a link to itself": Case(around=link(f"{UNIT}.ipynb"), why="link", **NOTHING),
    "a link for a folder": Case(around=linked_folder, why="link", **NOTHING),
    "no metadata": Case(damage=lambda notebook: strip(notebook, tags=True)),
    "no ids": Case(damage=lambda notebook: strip(notebook, ids=True)),
    "neither metadata nor ids": Case(
        damage=lambda notebook: strip(notebook, tags=True, ids=True)
    ),
    "graded cells twice": Case(damage=duplicate),
    "one id for all cells": Case(damage=one_id),
    "another kernel": Case(damage=replaced('"python3"', '"julia-1.9"')),
    "other types of cells": Case(damage=retype),
    "an old schema": Case(damage=reschema),
    "format 3": Case(damage=format_3),
    "no checks": Case(damage=removed),
    "upside down": Case(damage=lambda notebook: notebook.cells.reverse()),
    "a mark of byte order": Case(
        damage=lambda notebook: nbformat.writes(notebook).encode("utf-8-sig")
    ),
    "characters that no text has": Case(
        damage=replaced("return x + x", "return x + x  # \\\\ud800 \\u0000 \\udc80")
    ),
    "renamed": Case(
        around=lambda folder: (folder / f"{UNIT}.ipynb").rename(folder / "nb (1).ipynb")
    ),
    "odd files beside it": Case(around=odd_files),
    "a line that is deep": Case("try: a" + ".b" * 2500 + "\nexcept NameError: pass"),
    "700 magics": Case("%time 1\n" * 700, status=(GRADED, TIMED_OUT)),
    "a date that is none": Case(
        around=lambda folder: (folder / "timestamp.txt").write_text("at noon or so"),
    ),
    "a date that is no text": Case(
        around=lambda folder: (folder / "timestamp.txt").write_bytes(b"\xff\xfe"),
    ),
}

# --- who looks around: each must be refused -------------------------------------------

PROBES = {  # what would be evaluated: COURSE and HOME are those of the instructor
    "the course": "open(COURSE + '/secret.txt').read()",
    "the files of the course": "os.listdir(COURSE)",
    "the solution": "open(COURSE + f'/solutions/{UNIT}/{UNIT}.ipynb').read()",
    "a neighbour's work": "open(COURSE + f'/submitted/000/{UNIT}/{UNIT}.ipynb').read()",
    "a neighbour's work, changed": "shutil.rmtree(COURSE + '/submitted/000')",
    "the gradebook": "sqlite3.connect(COURSE + '/gradebook.db').execute("
    "'UPDATE grade SET manual_score = 10')",
    "the log of marks": "open(COURSE + '/grades.jsonl', 'a').write('{}')",
    "the results": "os.listdir(COURSE + '/grading')",
    "the home": "open(HOME + '/.netrc').read()",
    "the startup files": "open(HOME + '/.ipython/profile_default/startup/x.py', 'w')",
    "the passwords": "open('/etc/shadow').read()",
    "the environment": "os.environ['MY_TOKEN']",
    "the environment of others": "[open(f'/proc/{p}/environ').read()"
    ".index('MY_TOKEN') for p in os.listdir('/proc') if p.isdigit()]",
    "the grader among the processes": "[open(f'/proc/{p}/cmdline').read()"
    ".index('timeout') for p in os.listdir('/proc') if p.isdigit()]",
    "a file of the grader": "[x for x in map(os.readlink, glob.glob("
    "'/proc/self/fd/*')) if COURSE in x or '.db' in x][0]",
    "the packages": "open(np.__file__, 'a')",
    "the checks": "open(checks.__file__, 'a')",
    "the system": "open('/usr/bin/new', 'w')",
    "a device": "open('/dev/mem', 'rb')",
    "the kernel's settings": "open('/proc/sys/kernel/core_pattern', 'r+')",
    "the network": "socket.create_connection(('127.0.0.1', PORT), timeout=1)",
    "the world": "socket.create_connection(('1.1.1.1', 53), timeout=1)",
    "a name": "socket.getaddrinfo('example.org', 80)",
    "a socket with a path": "socket.socket(socket.AF_UNIX).connect(PATH)",
    "a socket without a path": "socket.socket(socket.AF_UNIX).connect(ABSTRACT)",
    "root": "os.setuid(0)",
    "more memory": "resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))",
    "the first place": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
    "a device of its own": "os.mknod('disk', 0o60600, os.makedev(254, 0))",
}


def probing(**names: object) -> str:
    """A cell that tries every probe and prints how it went."""
    lines = ["import glob, os, resource, shutil, socket, sqlite3"]
    lines += [f"{name} = {value!r}" for name, value in names.items()]
    for name, attempt in PROBES.items():
        lines += [
            f"try: print({f'<{name}> DONE'!r}, {attempt})",
            f"except Exception as error: print({f'<{name}> refused:'!r}, repr(error))",
        ]
    lines += ["open('/tmp/hostile', 'w').write('x')"]  # it has a /tmp of its own
    return "\n".join(lines)


# --- one class, graded once -----------------------------------------------------------

CASES = HARM | CHEATS | BROKEN


@dataclass(frozen=True)
class Attack:
    """What a graded class has left behind."""

    root: Path
    printed: str
    marks: dict[str, Mark]
    changed: dict[str, set[str]]  # by folder: files that are not what they were
    connections: int
    strangers: list[str]  # processes that outlive the run

    def of(self, name: str) -> Mark:
        """The mark of a case."""
        return next(m for s, m in self.marks.items() if s[4:] == slug(name))

    def outputs(self, name: str) -> str:
        """All that a case has left in the notebook that an instructor opens."""
        folder = self.root / "autograded" / self.of(name).student
        notebooks = [nbformat.read(path, 4) for path in folder.rglob("*.ipynb")]
        cells = [cell for notebook in notebooks for cell in notebook.cells]
        return json.dumps([cell.get("outputs", []) for cell in cells])


def slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


@pytest.fixture(scope="module")
def unit(tmp_path_factory) -> build.Unit:
    """Three exercises, built once."""
    unit = build.Unit(tmp_path_factory.mktemp("unit"), UNIT)
    shutil.copy(ROOT / "nbgrader_config.py", unit.root)
    unit.source.parent.mkdir(parents=True)
    unit.source.write_text(SOURCE)
    build.build(unit)
    return unit


def filled(unit: build.Unit, answers: dict[str, str], code: str = "") -> NotebookNode:
    """The student notebook with answers, and a cell after the setup."""
    notebook = nbformat.read(unit.student, as_version=4)
    for cell in cells_of(notebook, "solution"):
        cell.source = (RIGHT | answers)[cell.metadata.nbgrader.grade_id]
    if code:
        notebook.cells.insert(2, nbformat.v4.new_code_cell(code))
    return notebook


def hand_in(unit: build.Unit, student: str, case: Case) -> None:
    """Put a case where the grader looks for submissions."""
    folder = unit.root / "submitted" / student / UNIT
    folder.mkdir(parents=True)
    notebook = filled(unit, case.answers, case.code)
    damaged = case.damage(notebook) if case.damage else None
    notebook = notebook if damaged is None else damaged
    if isinstance(notebook, dict):
        notebook = json.dumps(notebook)
    data = notebook if isinstance(notebook, bytes) else notebook.encode()
    (folder / f"{UNIT}.ipynb").write_bytes(data)
    if case.around:
        case.around(folder)


def neighbour(number: int) -> Case:
    """An innocent whose result is not that of another, with something to steal."""
    return Case(answers=inside(f'"""SECRET-OF-A-NEIGHBOUR {number}"""'))


def course(*arguments: str) -> list[str]:
    """The command line of the real command."""
    return [str(Path(sys.executable).with_name("course")), *arguments]


def environment(folder: Path) -> dict[str, str]:
    """That of an instructor with a home of its own."""
    ours = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
    ours |= {"MY_TOKEN": "SECRET-OF-THE-ENVIRONMENT", "COLUMNS": "300"}
    return os.environ | ours | {"OMP_NUM_THREADS": "1"}


def files_of(folder: Path) -> Iterator[tuple[str, str]]:
    """All files of a folder with a hash each."""
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            yield name, os.readlink(path)
        elif path.is_file():
            yield name, hashlib.sha256(path.read_bytes()).hexdigest()


def marked(marker: str) -> list[str]:
    """The command lines of processes that carry a marker."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if marker in command:
            found.append(command)
    return found


def run_class(unit: build.Unit, folder: Path, cases: dict[str, Case]) -> Attack:
    """Grade a class of cases, with neighbours among them, in a course of its own."""
    root, home, marker = folder / "course", folder / "home", f"course-{uuid4().hex}"
    shutil.copytree(unit.root, root)
    unit = build.Unit(root, UNIT)
    (home / ".ipython/profile_default/startup").mkdir(parents=True)
    (home / ".netrc").write_text("SECRET-OF-THE-HOME")
    (root / "secret.txt").write_text("SECRET-OF-THE-COURSE")
    (folder / "tmp").mkdir()
    server = socket.create_server(("127.0.0.1", 0))
    named, nameless = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    path, abstract = str(folder / "socket"), f"\0{marker}"
    named.bind(path)
    nameless.bind(abstract)
    where = {"COURSE": str(root), "HOME": str(home), "UNIT": UNIT, "PATH": path,
             "PORT": server.getsockname()[1], "ABSTRACT": abstract}  # fmt: skip
    cases = {"probes": Case(probing(**where)), **cases}
    for number, (name, case) in enumerate(cases.items()):
        if number % EVERY == 0:
            hand_in(unit, f"{number:03}", neighbour(number))
        code = case.code.replace("{marker}", marker)
        hand_in(unit, f"{number:03}-{slug(name)}", Case(**vars(case) | {"code": code}))
    hand_in(unit, "last", neighbour(999))
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        gradebook.add_student("nobody")
    watched = [home, root / "submitted", root / "solutions", root / "notebooks"]
    before = {path.name: set(files_of(path)) for path in watched}
    with closing(server), closing(named), closing(nameless):
        for listener in (server, named, nameless):
            listener.listen()
            listener.settimeout(0)
        run = subprocess.run(
            course("grade", "99", "--timeout", "5", "--memory", "1.5"),
            cwd=root,
            env=environment(folder),
            capture_output=True,
            text=True,
            timeout=800,
        )
        connections = 0
        for listener in (server, named, nameless):
            try:
                connections += bool(listener.accept())
            except BlockingIOError:
                continue
    after = {path.name: set(files_of(path)) for path in watched}
    changed = {
        name: {file for file, _ in before[name] ^ after[name]} for name in before
    }
    changed["tmp"] = {name for name, _ in files_of(folder / "tmp")}
    printed = f"{run.stdout}\n{run.stderr}\nexit code {run.returncode}"
    marks = Ledger(root / "grades.jsonl").latest(UNIT)
    return Attack(root, printed, marks, changed, connections, marked(marker))


@pytest.fixture(scope="module")
def attack(unit, tmp_path_factory) -> Attack:
    """The class of all that the grader withstands."""
    cases = {name: case for name, case in CASES.items() if not case.flaw}
    return run_class(unit, tmp_path_factory.mktemp("attack"), cases)


@pytest.fixture(scope="module")
def flawed(unit, tmp_path_factory) -> Attack:
    """The class of all that it does not withstand yet, some of which stop the run."""
    cases = {name: case for name, case in CASES.items() if case.flaw}
    return run_class(unit, tmp_path_factory.mktemp("flawed"), cases)


# --- what must hold -------------------------------------------------------------------


def parameters() -> list:
    return [
        pytest.param(
            name,
            id=slug(name),
            marks=[pytest.mark.xfail(reason=case.flaw)] if case.flaw else [],
        )
        for name, case in CASES.items()
    ]


def test_the_run_comes_to_its_end(attack):
    assert attack.printed.endswith("exit code 0"), attack.printed[-3000:]
    assert "graded now, 0 unchanged" in attack.printed
    assert "Sandbox: full" in attack.printed


def test_no_message_of_a_student_commands_the_terminal(attack):
    assert "[/red]" in attack.printed
    assert "\x1b[2J" not in attack.printed


@pytest.mark.parametrize("name", parameters())
def test_each_case_ends_as_it_must(name, request):
    case = CASES[name]
    attack = request.getfixturevalue("flawed" if case.flaw else "attack")
    mark = attack.of(name)
    seen = f"{mark.status}, {mark.points}: {mark.why} {mark.evidence}"
    statuses = case.status if isinstance(case.status, tuple) else (case.status,)
    assert mark.status in statuses, seen
    assert case.score is None or mark.score == case.score, seen
    assert case.why in mark.why, seen
    assert case.evidence in " ".join(mark.evidence), seen
    assert bool(mark.evidence) == bool(case.evidence), seen
    assert mark.why.strip(), "one line says what happened"
    assert mark.seconds < case.longest, seen
    assert not case.absent or case.absent not in attack.outputs(name)
    assert len(attack.outputs(name)) < 3_000_000
    if name in CHEATS:
        assert mark.score < FULL or mark.status == TAMPERED, seen


def innocents(attack: Attack) -> list[Mark]:
    return [m for s, m in attack.marks.items() if s.isdigit() or s == "last"]


def test_all_neighbours_get_full_marks_and_no_flag(attack):
    expected = len([c for c in CASES.values() if not c.flaw]) // EVERY + 2
    assert len(innocents(attack)) == expected
    for mark in innocents(attack):
        seen = (mark.student, mark.status, mark.score, mark.evidence, mark.sandbox)
        assert seen == (mark.student, GRADED, FULL, [], "full")


@pytest.mark.parametrize("probe", PROBES, ids=slug)
def test_nothing_outside_can_be_reached(attack, probe):
    printed = attack.outputs("probes")
    assert f"<{probe}> refused:" in printed
    assert f"<{probe}> DONE" not in printed


def test_who_hands_in_nothing_is_missing(attack):
    assert attack.marks["nobody"].status == MISSING


def test_who_looks_around_gets_the_marks_of_the_answers(attack):
    mark = attack.of("probes")
    assert (mark.status, mark.score) == (GRADED, FULL)


def test_no_secret_is_in_what_students_have_printed(attack):
    folders = [f for f in (attack.root / "autograded").iterdir() if "-" in f.name]
    for folder in folders:
        text = "".join(p.read_text() for p in folder.rglob("*.ipynb"))
        assert "SECRET-OF" not in text, folder.name


def test_submissions_sources_home_and_tmp_are_what_they_were(attack):
    assert attack.changed["submitted"] == set()
    assert attack.changed["solutions"] == set()
    assert attack.changed["notebooks"] == set()
    caches = ".cache/matplotlib/"  # of the grader itself
    assert {f for f in attack.changed["home"] if not f.startswith(caches)} == set()
    assert attack.changed["tmp"] == set()
    assert not Path("/tmp/hostile").exists()


def test_nobody_was_called_and_nobody_stays(attack):
    assert attack.connections == 0
    assert attack.strangers == []


def test_gradebook_and_log_agree(attack):
    with Gradebook(f"sqlite:///{attack.root / 'gradebook.db'}") as gradebook:
        rows = gradebook.assignment_submissions(UNIT)
        recorded = {row.student.id: row.score for row in rows}
        manual = [g.manual_score for r in rows for n in r.notebooks for g in n.grades]
    expected = {s: mark.score for s, mark in attack.marks.items() if mark.grades}
    assert recorded == expected
    assert set(manual) == {None}


def test_what_is_kept_is_small(attack):
    sizes = [p.stat().st_size for p in (attack.root / "grading").rglob("*.json")]
    assert max(sizes) < 3_000_000
    sizes = [p.stat().st_size for p in (attack.root / "autograded").rglob("*.ipynb")]
    assert max(sizes) < 3_000_000


# --- the run itself -------------------------------------------------------------------


def test_a_run_that_is_killed_resumes_and_ends_with_the_same_marks(unit, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(unit.root, root)
    unit = build.Unit(root, UNIT)
    for number in range(8):
        wrong = {"double": WRONG["double"]} if number % 2 else {}
        hand_in(unit, f"{number}", Case(f"# {number}", wrong))
    for folder in ("home", "tmp"):
        (tmp_path / folder).mkdir()
    options = {"cwd": root, "env": environment(tmp_path)}
    ledger = Ledger(root / "grades.jsonl")
    run = subprocess.Popen(course("grade", "99"), **options)
    while len(ledger.latest(UNIT)) < 3 and run.poll() is None:
        time.sleep(0.05)
    run.send_signal(signal.SIGKILL)
    run.wait()
    done = ledger.latest(UNIT)
    assert 0 < len(done) < 8
    assert subprocess.run(course("grade", "99"), **options).returncode == 0
    marks = ledger.latest(UNIT)
    assert [marks[str(n)].score for n in range(8)] == [10, 8] * 4
    assert {s: marks[s].time for s in done} == {s: m.time for s, m in done.items()}


BREAKS = {
    "a package is missing": ("import numpy as np", "import no_such, numpy as np",
                             "No module named 'no_such'"),
    "the reference is wrong": ("return x - x.mean(axis=0)", "return x",
                               "in cell check_centre"),
    "the reference is endless": ("return abs(x - y)", "while True: pass",
                                 "timed out after 2 s"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS, ids=slug)
def test_in_a_broken_environment_nobody_is_graded(unit, tmp_path, name):
    old, new, message = BREAKS[name]
    root = tmp_path / "course"
    shutil.copytree(unit.root, root)
    unit = build.Unit(root, UNIT)
    for path in (unit.solution, unit.student):
        path.write_text(path.read_text().replace(old, new))
    hand_in(unit, "ada", Case())
    for folder in ("home", "tmp"):
        (tmp_path / folder).mkdir()
    run = subprocess.run(
        course("grade", "99", "--timeout", "2"),
        cwd=root,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "does not get full marks" in run.stderr
    assert "Nobody was graded" in run.stderr
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    assert not (root / "grades.jsonl").exists()
    assert not (root / "autograded").exists()
