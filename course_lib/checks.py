"""What the checks of an exercise say to a student: seen, expected, where to look.

A check states a property that every right answer has. When it does not hold, it raises
CheckFailed, which a notebook shows as these lines alone, without a traceback:

    projecting twice must change nothing
      seen      largest difference 1.37 (at 12, 3)
      expected  less than 1e-06
      look at   is the mean removed before the projection and added back after it?

An error in the answer itself shows its lines: functions that call it hide their own.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


class CheckFailed(AssertionError):
    """A property that the student's answer does not have."""

    def _render_traceback_(self) -> list[str]:
        return ["", *str(self).splitlines()]


class NotAnswered(NotImplementedError):
    """What the stub of an exercise raises, and a notebook shows as one line."""

    def __str__(self) -> str:
        return f"{self.where()} is waiting for you: write your answer in its cell."

    def where(self) -> str:
        """The function or method that holds the stub."""
        trace = self.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        return trace.tb_frame.f_code.co_qualname if trace else "An exercise"

    def _render_traceback_(self) -> list[str]:
        return ["", f"✎ {self}"]


def fail(what: str, seen: str, expected: str, look_at: str = "") -> None:
    """Raise CheckFailed with its message laid out in columns."""
    rows = [("seen", seen), ("expected", expected), ("look at", look_at)]
    lines = [f"  {label:<10}{text}" for label, text in rows if text]
    raise CheckFailed("\n".join([what, *lines]))


def passed(exercise: str) -> None:
    """Say that the checks a student can see have passed; graders have more."""
    print(f"✓ {exercise}: every check that you can see here passes.")


def holds(condition: Any, what: str, *, seen: str, expected: str, look_at: str = ""):
    """The condition is true; for properties that no other function here covers."""
    if not bool(condition):
        fail(what, seen, expected, look_at)


def array(value: Any, what: str) -> np.ndarray:
    """The numbers of an array, a tensor or a list, in float64."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().resolve_conj().resolve_neg().numpy()
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tuple of tensors
        numbers = None
    if numbers is None or value is None:
        seen = f"{type(value).__name__}: {value!r}"[:120]
        hint = "does the function end with a return?" if value is None else ""
        fail(what, seen, "an array of numbers", hint)
    return numbers


def unpack(value: Any, names: Sequence[str], what: str) -> tuple:
    """The parts of a function's result, which must be as many as their names."""
    expected = f"{len(names)} results: {', '.join(names)}"
    if not isinstance(value, tuple | list):
        fail(what, f"one {type(value).__name__}", expected, "what is returned?")
    if len(value) != len(names):
        fail(what, f"{len(value)} results", expected, "what is returned?")
    return tuple(value)


def same_shape(seen: Any, expected: Any, what: str, *, look_at: str = "") -> None:
    """An array or tensor has the shape of another one, or the given shape."""
    wanted = expected if isinstance(expected, tuple) else np.shape(expected)
    shape = tuple(seen.shape) if hasattr(seen, "shape") else array(seen, what).shape
    if shape != tuple(wanted):
        fail(f"shape of {what}", str(shape), str(tuple(wanted)), look_at)


def close(
    seen: Any, expected: Any, what: str, *, tolerance: float = 1e-6, look_at: str = ""
) -> None:
    """Numbers agree: |seen − expected| ≤ tolerance · max(1, largest |expected|)."""
    seen, expected = array(seen, what), array(expected, what)
    if seen.shape != expected.shape:
        fail(what, f"shape {seen.shape}", f"shape {expected.shape}", look_at)
    if not np.isfinite(seen).all():
        fail(what, f"{(~np.isfinite(seen)).sum()} NaN or infinite", "numbers", look_at)
    difference = np.abs(seen - expected)
    limit = tolerance * max(1.0, np.abs(expected).max(initial=0.0))
    if difference.max(initial=0.0) <= limit:
        return
    if seen.size == 1:
        fail(what, f"{seen.item():.6g}", f"{expected.item():.6g}", look_at)
    worst = np.unravel_index(difference.argmax(), difference.shape)
    where = ", ".join(str(index) for index in worst)
    seen = f"largest difference {difference.max():.3g} (at {where})"
    fail(what, seen, f"less than {limit:.0e}", look_at)


def orthonormal_rows(
    w: Any, what: str, *, tolerance: float = 1e-5, look_at: str = ""
) -> None:
    """The rows of w, shape (k, d), have length 1 and are at right angles: WWᵀ = I."""
    w = array(w, what)
    gram = w @ w.T
    close(gram, np.eye(len(w)), what, tolerance=tolerance, look_at=look_at)


def same_axes(w: Any, axes: Any, what: str, *, look_at: str = "") -> None:
    """The rows of w, (k, d), are the given orthonormal axes, up to their signs."""
    same_shape(w, axes, what, look_at=look_at)
    cosines = np.abs(array(w, what) @ array(axes, what).T)
    close(cosines, np.eye(len(cosines)), what, tolerance=1e-5, look_at=look_at)


def rank_at_most(x: Any, rank: int, what: str, *, look_at: str = "") -> None:
    """The rows of x, shape (n, d), span at most `rank` dimensions.

    A direction with less than 1e-5 of the largest singular value is rounding, in single
    precision too.
    """
    seen = int(np.linalg.matrix_rank(array(x, what), rtol=1e-5))
    if seen > rank:
        fail(what, f"rank {seen}", f"rank {rank} at most", look_at)


def inputs_unchanged(function: Callable, *inputs: Any, look_at: str = "") -> None:
    """Calling the function leaves its inputs as they were."""
    __tracebackhide__ = True
    name = getattr(function, "__name__", type(function).__name__)
    name = "the function" if name == "<lambda>" else name
    what = f"{name} must not change its inputs"
    hint = look_at or "operators such as -= work in place; write x = x - … instead"
    given = [copy.deepcopy(x) for x in inputs]  # what the cell needs later stays clean
    function(*given)
    for i, (old, new) in enumerate(zip(inputs, given, strict=True), start=1):
        change = np.abs(array(new, what) - array(old, what)).max(initial=0.0)
        if change > 0:
            seen = f"argument {i} has changed by up to {change:.2g}"
            fail(what, seen, "no change", hint)


def gradients_everywhere(module: Any, output: Any, what: str) -> None:
    """A gradient of `output` reaches every parameter of a torch module."""
    module.zero_grad()
    if not output.requires_grad:
        fail(what, "an output without a graph", "a gradient", "detach() or no_grad()?")
    output.pow(2).sum().backward()
    without = [
        name
        for name, parameter in module.named_parameters()
        if parameter.grad is None or not bool(parameter.grad.abs().sum() > 0)
    ]
    if without:
        hint = "is each layer used, and is nothing detached on the way?"
        fail(what, f"none in {', '.join(without)}", "a gradient everywhere", hint)


def keeps_device_and_dtype(function: Callable, x: Any) -> None:
    """A torch function answers where x lives and in its precision.

    torch's "meta" device stands for the GPU: it computes nothing, and like a GPU it
    refuses to be mixed with tensors of the CPU.
    """
    __tracebackhide__ = True
    what = "device and precision follow the input"
    dtype = function(x).dtype
    if dtype != x.dtype:
        fail(what, f"{dtype} for {x.dtype}", f"{x.dtype}", "dtype=…, device=…")
    on_device = copy.deepcopy(function)
    if hasattr(on_device, "to"):
        on_device = on_device.to("meta")
    try:
        y = on_device(x.to("meta"))
    except RuntimeError as error:
        fail(what, str(error)[:80], "no tensor left on the CPU", "dtype=…, device=…")
    if y.device.type != "meta":
        fail(what, f"a result on {y.device}", "where the input is", "dtype=…, device=…")


def bend(function: Callable, x: Any) -> float:
    """Distance of f(middle of inputs) from the middle of f(inputs), per unit of f."""
    __tracebackhide__ = True
    y = function(x).detach()
    distance = (
        (function(x.mean(0, keepdim=True)).detach() - y.mean(0, keepdim=True))
        .abs()
        .max()
    )
    return float(distance / y.abs().max().clamp(min=1e-12))


def affine(function: Callable, x: Any, what: str, *, look_at: str = "") -> None:
    """A torch function maps the middle of samples x, (n, d), to that of its values."""
    __tracebackhide__ = True
    if bend(function, x) > 1e-4:
        fail(what, f"off by {bend(function, x):.1%}", "no difference", look_at)


def not_affine(function: Callable, x: Any, what: str, *, look_at: str = "") -> None:
    """A torch function does not map the middle of samples to that of its values."""
    __tracebackhide__ = True
    if bend(function, x) < 1e-3:
        fail(what, "a straight map", "a map that bends", look_at)


def unbounded(values: Any, what: str, *, look_at: str = "") -> None:
    """Values of large inputs take both signs and exceed 2 in size."""
    values = array(values, what)
    if values.min() > -2 or values.max() < 2:
        seen = f"values in [{values.min():.2g}, {values.max():.2g}]"
        fail(f"{what} can take any value", seen, "both signs, no bound", look_at)


def raises(function: Callable, what: str, *, look_at: str = "") -> None:
    """Calling the function ends in a ValueError, the word for a value that is wrong."""
    try:
        function()
        seen = "no error"
    except ValueError:
        return
    except Exception as error:
        seen = f"{type(error).__name__}: {error}"[:80]
    fail(what, seen, "a ValueError that says so", look_at)


@dataclass(frozen=True)
class Call:
    """What entered and what left a layer of a network, copied and without a graph."""

    layer: Any
    x: Any
    y: Any


def calls(module: Any, kinds: type | tuple[type, ...], *inputs: Any) -> list[Call]:
    """The calls of the layers of these kinds, in their order, for these inputs."""
    __tracebackhide__ = True
    seen: list[Call] = []

    def note(layer, x, y):
        seen.append(Call(layer, x[0].detach().clone(), y.detach().clone()))

    hooks = [
        layer.register_forward_hook(note)
        for layer in module.modules()
        if isinstance(layer, kinds)
    ]
    module(*inputs)
    for hook in hooks:
        hook.remove()
    return seen


def not_negative(values: Any, what: str, *, look_at: str = "") -> None:
    """Values are 0 or more, as behind a ReLU."""
    lowest = array(values, what).min()
    if lowest < 0:
        fail(what, f"a smallest value of {lowest:.2g}", "0 or more", look_at)


@dataclass(frozen=True)
class Subspace:
    """Samples around a known subspace; see random_subspace."""

    x: np.ndarray  # (n, d)
    mean: np.ndarray  # (d,)
    components: np.ndarray  # (k, d), orthonormal rows, by decreasing variance
    variances: np.ndarray  # (k,), of x along each component (divided by n)


def random_subspace(
    n: int, d: int, k: int, seed: int, *, offset: float = 3.0, noise: float = 0.1
) -> Subspace:
    """Samples whose principal components are known exactly.

    x = mean + Σᵢ √λᵢ sᵢ eᵢ, with exactly uncorrelated scores s, orthonormal axes e,
    λ = k², …, 4, 1 on the first k axes and noise² or less on the others.
    """
    generator = np.random.default_rng(seed)
    rank = min(n - 1, d)
    scores = generator.standard_normal((n, rank))
    scores = np.linalg.qr(scores - scores.mean(0))[0] * np.sqrt(n)
    axes = np.linalg.qr(generator.standard_normal((d, d)))[0][:rank]
    deviation = np.concatenate([np.arange(k, 0.0, -1.0), np.full(rank - k, noise)])
    mean = offset * generator.standard_normal(d)
    x = mean + (scores * deviation) @ axes
    return Subspace(x, mean, axes[:k], deviation[:k] ** 2)
