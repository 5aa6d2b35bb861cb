"""The simulators against independent implementations, side by side.

    python benchmarks/simulators.py [--rounds 9]

Lorenz-63: member-steps of 0.01 per second of `lorenz63.integrate`, for batches of 1 to
10,000, against a loop over SciPy's `odeint` (LSODA at its default tolerance, the usual
way to make such series). Both are compared with a tight reference after one time unit,
so that neither is fast by being wrong.

Two-layer turbulence: member-steps per second of `quasigeostrophic` for grids of 32² to
256² and batches of 1 to 32, against the plainest NumPy version of the same scheme, in
double precision and one member at a time. All start from the same state and must agree
after 100 steps, or nothing is printed. Both use one thread. (pyqg 0.4 wants NumPy 1, so
it cannot stand here. From one state of `qg_turbulence` it differs from us by 8e-5 after
120 steps, by 1e-3 after 1200: pyqg begins with steps of lower order.)

Ways alternate; medians. Timings are for reading only. Last line: qg_ratio R, the
member-steps of a batch of 8 at 64² over those of the NumPy version.
"""

import argparse
import itertools
import math
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.integrate import odeint

from course_lib.datasets import lorenz63
from course_lib.datasets.quasigeostrophic import Model

DT, N_STEPS, LOOP_MEMBERS = 0.01, 500, 20
GRIDS, BATCHES, QG_STEPS = (32, 64, 128, 256), (1, 8, 32), 60


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


class PlainNumpy:
    """Two-layer turbulence, one member in double precision, the first way to write it.

    The same equations, filter and scheme as `quasigeostrophic`, from the textbook.
    """

    def __init__(self, model: Model, q: np.ndarray):
        self.model, self.q_hat, self.past = model, np.fft.rfft2(q), []
        n, dx = model.size, model.spacing
        self.k = 2 * np.pi * np.fft.rfftfreq(n, dx)[None, :]
        self.l = 2 * np.pi * np.fft.fftfreq(n, dx)[:, None]
        self.k2 = self.k**2 + self.l**2
        self.k[0, -1] = self.l[n // 2, 0] = 0  # no derivative of the shortest wave
        self.f1 = model.deformation_radius**-2 / (1 + model.depth_ratio)
        self.f2 = model.depth_ratio * self.f1
        beyond = np.clip(np.sqrt(self.k2) * dx - 0.65 * np.pi, 0, None)
        self.filter = np.exp(-23.6 * beyond**4)

    def streamfunction(self, q_hat: np.ndarray) -> np.ndarray:
        """Cramer's rule for the two layers of each wave."""
        a, b = -self.k2 - self.f1, -self.k2 - self.f2
        determinant = a * b - self.f1 * self.f2
        determinant[0, 0] = np.inf
        upper = (b * q_hat[0] - self.f1 * q_hat[1]) / determinant
        lower = (a * q_hat[1] - self.f2 * q_hat[0]) / determinant
        return np.stack([upper, lower])

    def tendency(self, q_hat: np.ndarray) -> np.ndarray:
        """Advection by the flow and of the mean gradient, layer by layer, and drag."""
        model, psi, result = self.model, self.streamfunction(q_hat), []
        shear = model.flow[0] - model.flow[1]
        gradients = model.beta + self.f1 * shear, model.beta - self.f2 * shear
        for i in range(2):
            u = np.fft.irfft2(-1j * self.l * psi[i]) + model.flow[i]
            v = np.fft.irfft2(1j * self.k * psi[i])
            q = np.fft.irfft2(q_hat[i])
            flux = 1j * self.k * np.fft.rfft2(u * q) + 1j * self.l * np.fft.rfft2(v * q)
            result.append(-flux - 1j * self.k * gradients[i] * psi[i])
        result[1] += model.drag * self.k2 * psi[1]
        return np.stack(result)

    def step(self) -> None:
        """Adams–Bashforth of order 3, after two steps of Runge–Kutta."""
        dt, q = self.model.time_step, self.q_hat
        slope = self.tendency(q)
        if len(self.past) < 2:
            second = self.tendency(self.filter * (q + dt / 2 * slope))
            third = self.tendency(self.filter * (q + dt / 2 * second))
            fourth = self.tendency(self.filter * (q + dt * third))
            q = q + dt / 6 * (slope + 2 * second + 2 * third + fourth)
        else:
            older, old = self.past
            q = q + dt / 12 * (23 * slope - 16 * old + 5 * older)
        self.q_hat = self.filter * q
        self.past = [*self.past[-1:], slope]

    def run(self, n_steps: int) -> np.ndarray:
        """Potential vorticity after so many steps."""
        for _ in range(n_steps):
            self.step()
        return np.fft.irfft2(self.q_hat)


def same_physics(model: Model, q: torch.Tensor, n_steps: int = 100) -> None:
    """Stop unless all ways end in the same state; says by how much they differ."""
    exact = PlainNumpy(model, q[0].double().numpy()).run(n_steps)
    ends = {"float32": model.run(q, n_steps, every=n_steps)[0, -1].numpy()}
    ends["float64"] = model.run(q[:1].double(), n_steps, every=n_steps)[0, -1].numpy()
    bounds = {"float32": 1e-4, "float64": 1e-10}
    for name, end in ends.items():
        error = np.linalg.norm(end - exact) / np.linalg.norm(exact)
        print(f"difference from NumPy after {n_steps} steps: {error:.1e}  {name}")
        if error > bounds[name]:
            raise SystemExit(f"{name} and NumPy do not compute the same")


def turbulence(rounds: int) -> None:
    """Throughput against grid and batch, and of the other ways."""
    models = {n: Model(size=n, time_step=7200 * 64 / max(n, 64)) for n in GRIDS}
    starts = {n: models[n].random_state(max(BATCHES), seed=0) for n in GRIDS}
    for model, q in ((models[n], starts[n]) for n in (32, 64)):
        settled = model.run(q[:8], 2000, every=2000)[:, -1]
        same_physics(model, settled)
    ways = [("NumPy", 1), *(("torch", n) for n in BATCHES)]
    took = {(*way, n): [] for way in ways for n in GRIDS}
    for _ in range(rounds):
        for name, batch, n in took:
            work = qg_work(name, models[n], starts[n][:batch])
            took[name, batch, n].append(seconds(work) / QG_STEPS / batch)
    cost = {key: statistics.median(values) for key, values in took.items()}
    table = Table("grid", "way", "batch", "member-steps a second", "against NumPy")
    for (name, batch, n), value in sorted(cost.items(), key=lambda item: item[0][2]):
        ratio = cost["NumPy", 1, n] / value
        table.add_row(f"{n}²", name, str(batch), f"{1 / value:,.0f}", f"{ratio:.1f}")
    Console().print(table)
    for small, large in itertools.pairwise(GRIDS):
        growth = cost["torch", 8, large] / cost["torch", 8, small]
        n_log_n = large**2 * math.log(large) / (small**2 * math.log(small))
        print(f"cost of {large}² over {small}²: {growth:.1f}; N log N: {n_log_n:.1f}")
    print(f"qg_ratio {cost['NumPy', 1, 64] / cost['torch', 8, 64]:.1f}")


def qg_work(name: str, model: Model, q: torch.Tensor) -> Callable[[], object]:
    """QG_STEPS steps of one way, ready to be timed."""
    if name == "torch":
        return lambda: model.run(q, QG_STEPS, every=QG_STEPS)
    first = q[0].double().numpy()
    return lambda: PlainNumpy(model, first).run(QG_STEPS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    n_rounds = parser.parse_args().rounds
    lorenz(n_rounds)
    turbulence(n_rounds)
