"""Steps of layered quasi-geostrophic flow in spectral space, for `quasigeostrophic`.

Derivatives are exact products with ik and il; products of fields are taken on the grid
(Orszag, 1971). What stands here is numerics; the physics is told in `quasigeostrophic`.
"""

import math
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import NamedTuple

import torch
from tqdm import tqdm

from course_lib.threads import torch_threads

AB3 = (23 / 12, -16 / 12, 5 / 12)  # Adams–Bashforth: weights of the last three slopes
CACHED = 2**15  # numbers of a state that stay in a core's cache with all they need
WORKERS = min(4, os.cpu_count() or 1)
AB3_LIMIT = 0.72  # largest stable frequency × time step of a pure oscillation
CUT_OFF, STEEPNESS = 0.65 * math.pi, 23.6  # of the filter, those of pyqg


class Operators(NamedTuple):
    """What spectra are multiplied by, and the numbers of each layer.

    The last entry of `flow` and `gradient` belongs to a passive tracer in layer 1.
    """

    d_dx: torch.Tensor  # ik, (1, n/2 + 1)
    d_dy: torch.Tensor  # il, (n, 1)
    laplacian: torch.Tensor  # −(k² + l²), (n, n/2 + 1)
    inversion: torch.Tensor  # ψᵢ = Σⱼ inversionᵢⱼ qⱼ, (layers, layers, n, n/2 + 1)
    smooth: torch.Tensor  # applied after each step, (n, n/2 + 1)
    flow: torch.Tensor  # Uᵢ, m/s, (layers + 1, 1, 1)
    gradient: torch.Tensor  # ∂Qᵢ/∂y, (layers + 1, 1, 1)
    drag: float  # on the lowest layer, 1/s


def wavenumbers(n: int, length: float) -> tuple[torch.Tensor, torch.Tensor]:
    """k, (1, n/2 + 1), and l, (n, 1), in radians per metre."""
    unit = 2 * math.pi * n / length
    k = unit * torch.fft.rfftfreq(n, dtype=torch.float64)[None, :]
    return k, unit * torch.fft.fftfreq(n, dtype=torch.float64)[:, None]


def derivative(wavenumber: torch.Tensor) -> torch.Tensor:
    """ik; zero for the shortest wave, whose derivative has no place on the grid."""
    shortest = wavenumber.abs() == wavenumber.abs().max()
    return 1j * torch.where(shortest, 0.0, wavenumber)


def exponential_filter(
    k: torch.Tensor,
    l: torch.Tensor,
    spacing: float,
) -> torch.Tensor:
    """1 up to 0.65 of the shortest wave, then exp(−23.6 (κ Δx − 0.65 π)⁴)."""
    beyond = ((k**2 + l**2).sqrt() * spacing - CUT_OFF).clamp(min=0)
    return torch.exp(-STEEPNESS * beyond**4)


def two_thirds(k: torch.Tensor, l: torch.Tensor) -> torch.Tensor:
    """1 where products of two waves leave no alias, 0 beyond."""
    most = 2 / 3 * k.max()
    return ((k.abs() < most) & (l.abs() < most)).double()


def inversion(laplacian: torch.Tensor, stretching: tuple[float, ...]) -> torch.Tensor:
    """Solve qᵢ = ∇²ψᵢ + Fᵢ (ψ_other − ψᵢ) for each wave; its mean is set to zero."""
    upper = laplacian - stretching[0]
    if len(stretching) == 1:
        return torch.where(upper == 0, 0.0, 1 / upper)[None, None]
    lower = laplacian - stretching[1]
    determinant = upper * lower - stretching[0] * stretching[1]
    rows = torch.stack(
        [
            torch.stack([lower, torch.full_like(upper, -stretching[0])]),
            torch.stack([torch.full_like(upper, -stretching[1]), upper]),
        ]
    )
    return torch.where(determinant == 0, 0.0, rows / determinant)


def invert(op: Operators, q: torch.Tensor) -> torch.Tensor:
    """ψ of q, both spectra (…, layers, n, n/2 + 1)."""
    if len(op.inversion) == 1:
        return op.inversion[0, 0] * q
    (a, b), (c, d) = op.inversion
    upper, lower = q.unbind(-3)
    return torch.stack([a * upper + b * lower, c * upper + d * lower], dim=-3)


def tendency(op: Operators, now: torch.Tensor) -> torch.Tensor:
    """∂q/∂t = −∂((u + U) q)/∂x − ∂(v q)/∂y − v ∂Q/∂y − r ∇²ψ (lowest layer only).

    now: spectra (n, layers, …), or (n, layers + 1, …) with a tracer last.
    """
    n, layers = now.shape[-2], len(op.inversion)
    psi = invert(op, now[:, :layers])
    drag = op.drag * op.laplacian * psi[:, -1]
    if now.shape[1] > layers:  # the tracer goes with layer 1
        psi = torch.cat([psi, psi[:, :1]], dim=1)
    spectra = psi.new_empty(3, *psi.shape)  # of u, v and q, side by side
    torch.mul(psi, -op.d_dy, out=spectra[0])
    torch.mul(psi, op.d_dx, out=spectra[1])
    spectra[2] = now
    grid = torch.fft.irfft2(spectra, s=(n, n))
    grid[0] += op.flow[: now.shape[1]]
    flux_x, flux_y = torch.fft.rfft2(grid[:2] * grid[2])
    slope = flux_x.mul_(-op.d_dx).addcmul_(flux_y, op.d_dy, value=-1)
    slope -= op.gradient[: now.shape[1]] * spectra[1]
    slope[:, layers - 1] -= drag
    return slope


def runge_kutta(
    op: Operators, now: torch.Tensor, first: torch.Tensor, dt: float
) -> torch.Tensor:
    """The mean slope of the classical scheme of order 4; first: the slope now."""
    second = tendency(op, op.smooth * (now + dt / 2 * first))
    third = tendency(op, op.smooth * (now + dt / 2 * second))
    fourth = tendency(op, op.smooth * (now + dt * third))
    return (first + 2 * second + 2 * third + fourth) / 6


def march(
    op: Operators, state: torch.Tensor, n_steps: int, dt: float, every: int, show: bool
) -> torch.Tensor:
    """Fields (n, channels, y, x) from step to step, (n, kept, channels, y, x).

    On a CPU a few members at a time, so that all of their fields stay in a core's
    cache, and several such groups side by side. They need not wait for each other, as
    the threads of one operation do.
    """
    kept = state.new_empty(len(state), n_steps // every + 1, *state.shape[1:])
    kept[:, 0] = state
    few = len(state) if state.is_cuda else max(1, CACHED // state[:1].numel())
    groups = state.split(few), kept.split(few)
    total = n_steps * len(groups[0])
    bar = tqdm(total=total, disable=not show, file=sys.stdout, ncols=79)
    with bar, torch_threads(1), ThreadPoolExecutor(WORKERS) as pool:
        stop = Event()
        work = partial(
            march_together, op, n_steps=n_steps, dt=dt, every=every, bar=bar, stop=stop
        )
        try:
            list(pool.map(work, *groups))
        except BaseException:  # Ctrl-C reaches this thread alone
            stop.set()
            raise
    return kept


@torch.no_grad()
def march_together(
    op: Operators,
    state: torch.Tensor,
    kept: torch.Tensor,
    n_steps: int,
    dt: float,
    every: int,
    bar: tqdm,
    stop: Event,
) -> None:
    """The steps of some members; fills in what is kept of them."""
    now, past = torch.fft.rfft2(state), []
    for step in range(1, n_steps + 1):
        if stop.is_set():
            return
        slope = tendency(op, now)
        if len(past) < 2:
            now = now + dt * runge_kutta(op, now, slope, dt)
        else:
            now = now.add(slope, alpha=dt * AB3[0])
            now.add_(past[1], alpha=dt * AB3[1]).add_(past[0], alpha=dt * AB3[2])
        now *= op.smooth
        past = [*past[-1:], slope]
        if step % every == 0:
            kept[:, step // every] = torch.fft.irfft2(now, s=state.shape[-2:])
        bar.update()
