"""Lorenz (1963): three equations whose weather cannot be forecast for long.

    >>> series = lorenz63.trajectories(n=100, n_steps=500, seed=0)  # (100, 501, 3)
    >>> data = lorenz63.windows(n_train=1000, n_valid=100, n_test=100, length=30)

Thousands of trajectories advance at once, on CPU or GPU.

Source: Lorenz (1963), Deterministic nonperiodic flow, J. Atmos. Sci. 20, 130–141.
"""

from dataclasses import dataclass

import torch

from course_lib.datasets import UnstableStep

SIGMA, RHO, BETA = 10.0, 28.0, 8.0 / 3.0
LYAPUNOV_TIME = 1 / 0.9056  # an error grows e-fold in this time (Viswanath, 1998)
SPIN_UP = 20.0  # time units after which a trajectory has forgotten where it began
SPREAD = 8.0  # standard deviation of the states where trajectories begin


def tendency(
    state: torch.Tensor,
    sigma: float = SIGMA,
    rho: float = RHO,
    beta: float = BETA,
) -> torch.Tensor:
    """The Lorenz equations: dx/dt = σ(y − x), dy/dt = x(ρ − z) − y, dz/dt = xy − βz.

    state: (…, 3), without units. Returns the time derivative, (…, 3).
    """
    x, y, z = state.unbind(-1)
    return torch.stack([sigma * (y - x), x * (rho - z) - y, x * y - beta * z], dim=-1)


@torch.no_grad()
def integrate(
    state: torch.Tensor,
    n_steps: int,
    dt: float = 0.01,
    *,
    every: int = 1,
    parameters: tuple[float, float, float] = (SIGMA, RHO, BETA),
) -> torch.Tensor:
    """Trajectories from given states by the classical Runge–Kutta scheme of order 4.

    state: (…, 3), on any device and in any floating type, both of which are kept.
    n_steps: number of steps of length dt; every: keep one state in so many.
    parameters: σ, ρ, β. Returns (…, n_steps // every + 1, 3), the first state included.

    Raises ValueError for another shape or a step that is not positive, UnstableStep
    where the result is not finite.
    """
    if state.shape[-1:] != (3,):
        raise ValueError(f"a state has 3 components last; seen {tuple(state.shape)}")
    if dt <= 0 or n_steps < 0 or every < 1:
        raise ValueError(
            f"dt > 0, n_steps >= 0, every >= 1; seen {dt}, {n_steps}, {every}"
        )
    now = state.movedim(-1, 0).contiguous()  # components first: fast
    kept = now.new_empty(n_steps // every + 1, *now.shape)
    kept[0] = now
    for step in range(1, n_steps + 1):
        now = advance(now, dt, *parameters)
        if step % every == 0:
            kept[step // every] = now
    if not now.isfinite().all():
        raise UnstableStep(f"the integration blew up: take dt below {dt}")
    return kept.movedim((0, 1), (-2, -1)).contiguous()


def advance(
    now: torch.Tensor, dt: float, sigma: float, rho: float, beta: float
) -> torch.Tensor:
    """One step of all states (3, …): the weighted mean of four slopes."""
    total, place = torch.zeros_like(now), now
    for weight, reach in ((1, 0.5), (2, 0.5), (2, 1.0), (1, 0.0)):
        slope = torch.empty_like(now)
        x, y, z = place
        torch.sub(y, x, out=slope[0]).mul_(sigma)
        torch.sub(rho, z, out=slope[1]).mul_(x).sub_(y)
        torch.mul(x, y, out=slope[2]).sub_(z, alpha=beta)
        total.add_(slope, alpha=weight)
        place = torch.add(now, slope, alpha=dt * reach)
    return torch.add(now, total, alpha=dt / 6)


def trajectories(
    n: int,
    n_steps: int,
    dt: float = 0.01,
    *,
    every: int = 1,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> torch.Tensor:
    """Independent trajectories on the attractor, (n, n_steps // every + 1, 3).

    Each begins at random and runs for SPIN_UP time units before its first state. The
    random numbers come from the CPU, so that a seed means the same on every device.
    """
    generator = torch.Generator().manual_seed(seed)
    start = SPREAD * torch.randn(n, 3, generator=generator, dtype=torch.float64)
    start = (start + torch.tensor([0.0, 0.0, 25.0])).to(device, dtype)
    spin_up = max(1, round(SPIN_UP / dt))
    settled = integrate(start, spin_up, dt, every=spin_up)[:, -1]
    return integrate(settled, n_steps, dt, every=every)


@dataclass(frozen=True)
class Windows:
    """Short series for training, (n, length, 3), scaled by those of the training part.

    mean, std: (3,), in the units of the model; dt: time between two states.
    """

    train: torch.Tensor
    valid: torch.Tensor
    test: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor
    dt: float

    def restore(self, scaled: torch.Tensor) -> torch.Tensor:
        """States (…, 3) in the units of the Lorenz model."""
        return scaled * self.std.to(scaled) + self.mean.to(scaled)


def windows(
    n_train: int,
    n_valid: int,
    n_test: int,
    length: int,
    dt: float = 0.01,
    *,
    every: int = 1,
    noise: float = 0.0,
    seed: int = 0,
) -> Windows:
    """Windows for training, validation and test that share nothing.

    Each window is a trajectory of its own, so no two of them overlap. The training part
    alone gives mean and standard deviation. noise: standard deviation of the Gaussian
    noise on training and validation windows, in the units of the model; the test is
    clean, since it is the truth that we want to forecast.
    """
    if min(n_train, n_valid, n_test) < 1 or length < 2:
        raise ValueError(
            "at least 1 window in each part and 2 states in each window; seen "
            f"{n_train}, {n_valid}, {n_test} windows of {length}"
        )
    n_learn = n_train + n_valid
    steps = (length - 1) * every
    series = trajectories(n_learn + n_test, steps, dt, every=every, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    series[:n_learn] += noise * torch.randn(series[:n_learn].shape, generator=generator)
    mean, std = series[:n_train].mean((0, 1)), series[:n_train].std((0, 1))
    parts = ((series - mean) / std).split([n_train, n_valid, n_test])
    return Windows(*parts, mean=mean, std=std, dt=dt * every)


def observe(
    truth: torch.Tensor,
    *,
    every: int = 8,
    variance: float = 2.0,
    components: tuple[int, ...] = (0, 1, 2),
    irregular: bool = False,
    seed: int = 0,
) -> torch.Tensor:
    """What instruments see of trajectories (n, t, 3): noisy, partial, NaN in between.

    every: one time in so many is observed, at times 0, every, 2 every, …, or, where
    irregular, as many at random times of each trajectory. variance: of the noise.
    components: those observed. Returns (n, t, 3) with NaN where nobody looked: a zero
    would be an observation.
    """
    if not 1 <= every <= truth.shape[1] or variance < 0:
        raise ValueError(
            f"1 <= every <= {truth.shape[1]} steps and variance >= 0; "
            f"seen {every}, {variance}"
        )
    generator = torch.Generator().manual_seed(seed)
    n, n_times = truth.shape[:2]
    seen = torch.zeros(n, n_times, dtype=torch.bool)
    seen[:, ::every] = True
    if irregular:
        order = torch.rand(n, n_times, generator=generator).argsort(1)
        seen = seen.gather(1, order)
    mask = seen[..., None] & torch.isin(torch.arange(3), torch.tensor(components))
    noise = torch.randn(truth.shape, generator=generator, dtype=truth.dtype)
    noisy = truth + variance**0.5 * noise.to(truth.device)
    return torch.where(mask.to(truth.device), noisy, torch.nan)
