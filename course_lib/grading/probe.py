"""What a canary finds in the kernel of a student; its source travels there as text.

It compares with no healthy state of its own: it describes what it sees, in words that
are the same in every healthy kernel, and the instructor's process compares.
"""

import asyncio
import builtins
import signal
import sys
import threading
from collections.abc import Iterator
from types import CodeType, FrameType, FunctionType, ModuleType

import ipykernel
import IPython
import numpy as np
import torch

from course_lib import checks

KNOWN = {"np": np, "torch": torch, "checks": checks}
SIMPLE = (int, float, complex, str, bytes, bool, type(None), type(...))
SHELLS = [
    *(IPython.core.interactiveshell, IPython.core.compilerop, ipykernel.ipkernel),
    *(ipykernel.kernelbase, ipykernel.zmqshell),
]
OWN_HOOKS = ("IPython", "ipykernel", "matplotlib", "ipywidgets", "comm")


def probe(
    nonce: str, names: list[str], must_fail: dict[str, str], asserts: str
) -> AssertionError:
    """An error with all that a canary finds. Called by a cell in the student's kernel.

    names: what the next check uses; must_fail: calls that must be refused; asserts:
    what became of an assertion there.
    """
    cell = sys._getframe(1)
    found = {name: looks(resolve(name, cell)) for name in names}
    found |= {
        f"{name}, tried": refuses(call, nonce) for name, call in must_fail.items()
    }
    found |= {
        "assert": asserts,
        "the module checks": looks(checks),
        "the module builtins": looks(builtins),
        "what runs beside the cells": str(list(waiting(cell))),
        "traces": str([looks(sys.gettrace()), looks(sys.getprofile())]),
        **shell_looks(IPython.get_ipython()),
    }
    failed = AssertionError(f"{nonce}{found!r}")
    failed._render_traceback_ = list  # or IPython would spend its time on a traceback
    return failed


def shell_looks(shell: IPython.InteractiveShell) -> dict[str, str]:
    """The shell, its parts, and all that it calls around a cell."""
    kernel, session = shell.kernel, shell.kernel.session
    manager = shell.input_transformer_manager
    parts = [
        *(shell, kernel, session, shell.compile, shell.events, shell.displayhook),
        *(shell.display_pub, shell.InteractiveTB, manager),
        *(kernel.iopub_socket, kernel.iopub_thread, kernel.shell_stream),
    ]
    classes = dict.fromkeys(cls for part in parts for cls in type(part).__mro__)
    hooks = [f for fs in shell.events.callbacks.values() for f in fs]
    others = [f for f in hooks if not str(f.__module__).startswith(OWN_HOOKS)]
    transforms = [
        *(*manager.cleanup_transforms, *manager.line_transforms),
        *(*manager.token_transformers, *shell.input_transformers_post),
    ]
    return {
        "the shell": all_look(SHELLS),
        "the shell's methods": all_look(classes),
        "methods set on the shell": str([name for part in parts for name in own(part)]),
        "what writes messages": all_look([session.pack, session.unpack]),
        "AST transformers": all_look(shell.ast_transformers),
        "input transformers": all_look(transforms),
        "hooks on cells": all_look(others),
        "handlers of errors": str(shell.custom_exceptions),
    }


def own(part: object) -> list[str]:
    """The methods of its class that an object has replaced for itself."""
    return [
        name
        for name, value in sorted(getattr(part, "__dict__", {}).items())
        if callable(value) and hasattr(type(part), name)
    ]


def all_look(things) -> str:
    """How each of them looks."""
    return str([looks(thing) for thing in things])


def looks(thing: object, deep: bool = True) -> str:
    """Kind, name and code of a thing: the same text in every healthy kernel."""
    kind = type(thing)
    by_class_statement = kind.__flags__ >> 9 & 1
    text = f"{kind.__module__}.{kind.__qualname__} {by_class_statement}"
    inner = getattr(thing, "_implementation", thing)  # of NumPy's dispatchers
    if type(inner) is FunctionType:
        code = inner.__code__
        text += f" {plain(code)!r} {code.co_varnames!r} {code.co_freevars!r}"
        text += f" {plain(inner.__defaults__)!r} {plain(inner.__kwdefaults__)!r}"
    elif isinstance(thing, type | ModuleType) or callable(thing):
        text += f" {getattr(thing, '__qualname__', getattr(thing, '__name__', ''))}"
    modules = [builtins, checks, *SHELLS]
    if deep and (isinstance(thing, type) or any(thing is m for m in modules)):
        for name, value in sorted(vars(thing).items()):
            value = getattr(value, "__func__", getattr(value, "fget", value))
            if callable(value):
                text += f" {name} {looks(value, False)}"
    if len(text) < 100:
        return text
    number = (0).from_bytes(text.encode("utf-8", "replace"), "big")
    return f"{number % (2**89 - 1):x}"


def plain(value: object) -> object:
    """A constant of a function without addresses, which differ between kernels."""
    if type(value) is tuple:
        return [plain(part) for part in value]
    if type(value) is dict:
        return [(key, plain(value[key])) for key in sorted(value)]
    if hasattr(value, "co_code"):
        return value.co_code, value.co_names, plain(value.co_consts)
    return value if type(value) in SIMPLE else type(value).__qualname__


def resolve(path: str, cell: FrameType) -> object:
    """What a dotted name means in the next cell."""
    first, *rest = path.split(".")
    usual = KNOWN.get(first, getattr(builtins, first, None))
    thing = cell.f_globals.get(first, usual)
    for name in rest:
        if isinstance(thing, type | ModuleType):
            thing = getattr(thing, name, None)
    return thing


def refuses(call: str, nonce: str) -> str:
    """What becomes of a comparison that must fail."""
    try:
        answer = eval(call, {**KNOWN, "what": nonce})
    except AssertionError:
        return "refuses"
    except Exception as error:
        return f"raises {type(error).__name__}"
    return "accepts everything" if answer is None or answer else "refuses"


def waiting(cell: FrameType) -> Iterator[str]:
    """What code of cells could run between this cell and the check."""
    loop = asyncio.get_event_loop()
    calls = [*getattr(loop, "_ready", []), *getattr(loop, "_scheduled", [])]
    things = [getattr(call, "_callback", None) for call in calls]
    things += [task.get_coro() for task in asyncio.all_tasks(loop)]
    things += [signal.getsignal(number) for number in range(1, 32)]
    for thing in things:
        inner = getattr(thing, "__func__", getattr(thing, "func", thing))
        code = getattr(inner, "__code__", getattr(inner, "cr_code", None))
        if of_cells(code, cell):
            yield code.co_name
    for thread, frame in sys._current_frames().items():
        while frame and thread != threading.get_ident():
            if of_cells(frame.f_code, cell):
                yield frame.f_code.co_name
            frame = frame.f_back


def of_cells(code: CodeType | None, cell: FrameType) -> bool:
    """Compiled from a cell of this notebook."""
    folder, _, name = cell.f_code.co_filename.rpartition("/")
    return getattr(code, "co_filename", "").startswith(folder or name[:4])
