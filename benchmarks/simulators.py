"""The simulators against independent implementations, side by side.

    python benchmarks/simulators.py [--rounds 5]

Lorenz-63: member-steps of 0.01 per second of `lorenz63.integrate`, for batches of 1 to
10,000, against a loop over SciPy's `odeint` (LSODA at its default tolerance, the usual
way to make such series). Both are compared with a tight reference after one time unit,
so that neither is fast by being wrong. They alternate; medians. Last line of this part:
lorenz63_ratio R. Timings are for reading only.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.integrate import odeint

from course_lib.datasets import lorenz63

DT, N_STEPS, LOOP_MEMBERS = 0.01, 500, 20


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def slope(s, _):
    """The Lorenz equations, once more, for SciPy."""
    return 10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]


def odeint_loop(starts: np.ndarray, n_steps: int = N_STEPS, **options) -> np.ndarray:
    """One trajectory after the other, (n, n_steps + 1, 3)."""
    times = DT * np.arange(n_steps + 1)
    return np.stack([odeint(slope, start, times, **options) for start in starts])


def lorenz(rounds: int) -> None:
    """Throughput and error of both ways."""
    starts = lorenz63.trajectories(10_000, 1, seed=0, dtype=torch.float64)[:, 0]
    few = starts[:LOOP_MEMBERS]
    sizes = (1, 10, 100, 1000, 10_000)
    took: dict[int | str, list[float]] = {name: [] for name in (*sizes, "odeint")}
    for _ in range(rounds):
        took["odeint"].append(seconds(lambda: odeint_loop(few.numpy())) / len(few))
        for n in sizes:
            took[n].append(seconds(lambda n=n: ours(starts[:n].float())) / n)
    rate = {name: N_STEPS / statistics.median(values) for name, values in took.items()}
    table = Table("method", "batch", "member-steps a second", "against odeint")
    table.add_row("odeint, one by one", str(LOOP_MEMBERS), f"{rate['odeint']:,.0f}", "")
    for n in sizes:
        ratio = f"{rate[n] / rate['odeint']:.1f}"
        table.add_row("integrate, float32", f"{n:,}", f"{rate[n]:,.0f}", ratio)
    Console().print(table)
    exact = odeint_loop(few.numpy(), 100, rtol=1e-12, atol=1e-12)
    for name, series in (
        ("odeint", odeint_loop(few.numpy(), 100)),
        ("integrate, float64", lorenz63.integrate(few, 100, DT).numpy()),
        ("integrate, float32", lorenz63.integrate(few.float(), 100, DT).numpy()),
    ):
        error = np.abs(series[:, -1] - exact[:, -1]).max()
        print(f"largest error after 1 time unit: {error:.1e}  {name}")
    print(f"lorenz63_ratio {rate[10_000] / rate['odeint']:.0f}")


def ours(starts: torch.Tensor) -> torch.Tensor:
    """The same series at once."""
    return lorenz63.integrate(starts, N_STEPS, DT)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    lorenz(parser.parse_args().rounds)
