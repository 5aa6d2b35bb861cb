"""Rotating shallow water: a wind-driven double gyre in a closed basin, on a C-grid.

    >>> model = shallow_water.Model(viscosity=60.0)  # eddies; 800 m²/s: hardly any
    >>> states = model.run(model.rest(4, noise=0.1), n_steps=17_520, every=48)
    >>> states.h  # (4, 366, 40, 40): a year of daily thickness, the first day included

    ∂u/∂t = +q hv − ∂B/∂x + τ/(ρH) − ru + νΔu + F_u,    q = (f + ∂v/∂x − ∂u/∂y) / h
    ∂v/∂t = −q hu − ∂B/∂y           − rv + νΔv + F_v,    B = gh + (u² + v²)/2
    ∂h/∂t = −∂(hu)/∂x − ∂(hv)/∂y

f = f₀ + βy and τ = −τ₀ cos(2πy/L), y from the southern wall. The wind pushes as on the
mean depth H: divided by h it would blow a thin layer away. Walls let nothing pass and
do not rub (free slip). Sadourny's scheme conserves mass and energy in space; Runge–
Kutta of order 3 needs no past. Basins (leading dimensions) advance together.

Sources: Sadourny (1975), J. Atmos. Sci. 32, 680–689 (finite differences of the shallow
water equations); Shu and Osher (1988), J. Comput. Phys. 77, 439–471.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import torch
from torch import diff
from tqdm import tqdm

from course_lib.datasets import UnstableStep

X, Y = -1, -2  # axes of fields: x eastward is last, y northward before it
REAL_LIMIT, IMAGINARY_LIMIT = 2.5, math.sqrt(3)  # stability of Runge–Kutta, order 3


class State(NamedTuple):
    """What the model steps forward; x eastward is last, y northward before it.

    u: (…, ny, nx + 1), m/s, on western and eastern faces of cells; 0 at the walls.
    v: (…, ny + 1, nx), m/s, on southern and northern faces; 0 at the walls.
    h: (…, ny, nx), m, thickness of the layer at the centres of cells.
    """

    u: torch.Tensor
    v: torch.Tensor
    h: torch.Tensor

    def to(self, kind: torch.dtype | torch.device | str) -> "State":
        """The state in another floating type or on another device."""
        return State(*(field.to(kind) for field in self))


Forces = tuple[torch.Tensor, torch.Tensor]  # m/s², on the faces, as u and v
Forcing = torch.Tensor | Forces | Callable[[State], torch.Tensor | Forces] | None


@dataclass(frozen=True)
class Model:
    """Constants of a basin of ny × nx square cells, in SI units.

    dx, dt: m and s; depth: m, at rest; gravity: m/s², reduced; f0, beta: 1/s at the
    southern wall and 1/(m s); drag: 1/s; wind: N/m²; viscosity: m²/s; density: kg/m³.
    Raises ValueError for an impossible constant and for dt above `longest_step`.
    """

    ny: int = 40
    nx: int = 40
    dx: float = 40e3
    dt: float = 1800.0
    depth: float = 500.0
    gravity: float = 0.02
    f0: float = 3.5e-5
    beta: float = 2.11e-11
    drag: float = 2e-7
    wind: float = 0.15
    viscosity: float = 60.0
    density: float = 1000.0

    def __post_init__(self):
        positive = ("ny", "nx", "dx", "dt", "depth", "gravity", "density")
        for name in (*positive, "drag", "viscosity"):
            value = getattr(self, name)
            if not value >= 0 or (value == 0 and name in positive):
                raise ValueError(f"{name} must be positive; seen {value}")
        if not self.dt <= self.longest_step:
            raise ValueError(
                f"dt = {self.dt:.6g} s is above the stability limit of "
                f"{self.longest_step:.6g} s (Model.longest_step): shorten dt"
            )

    @property
    def longest_step(self) -> float:
        """Stability limit of dt, in seconds, for small motions about rest.

        1/dt = ω/√3 + d/2.5,  ω² = f² + 8 gH/dx²,  d = 8ν/dx² + r

        of the grid's fastest wave and decay. Currents U and h > H shorten it by about
        √(gH) / (U + √(gh)).
        """
        f = max(abs(self.f0), abs(self.f0 + self.beta * self.ny * self.dx))
        wave = math.sqrt(f**2 + 8 * self.gravity * self.depth / self.dx**2)
        decay = 8 * self.viscosity / self.dx**2 + self.drag
        return 1 / (wave / IMAGINARY_LIMIT + decay / REAL_LIMIT)

    def rest(self, n: int = 1, *, noise: float = 0.0, seed: int = 0) -> State:
        """n basins at rest, float32, on the CPU; noise: standard deviation of h, m."""
        generator = torch.Generator().manual_seed(seed)
        bumps = torch.randn(n, self.ny, self.nx, generator=generator)
        h = self.depth + noise * (bumps - bumps.mean((-2, -1), keepdim=True))
        u = torch.zeros(n, self.ny, self.nx + 1)
        return State(u, torch.zeros(n, self.ny + 1, self.nx), h)

    def tendency(
        self, state: State, forcing: torch.Tensor | Forces | None = None
    ) -> State:
        """Time derivatives (∂u/∂t, ∂v/∂t, ∂h/∂t), with shapes as the state's.

        forcing: accelerations F_u and F_v in m/s², as a tensor (…, 2, ny, nx) at the
        centres of cells or as a pair on the faces, like u and v.
        """
        u, v, h = state
        f, _ = profiles(self, h.dtype, h.device)
        transport_u, transport_v = transports(state)
        vorticity = (diff(inner(v, Y), dim=X) - diff(inner(u, X), dim=Y)) / self.dx
        q = (f + vorticity) / mean(mean(h, X), Y)  # (…, ny − 1, nx − 1), inner corners
        bernoulli = self.gravity * h + (mean(u * u, X) + mean(v * v, Y)) / 2
        slope_u, slope_v = (diff(bernoulli / self.dx, dim=axis) for axis in (X, Y))
        du = mean(walled(q * mean(transport_v, X), Y), Y) - slope_u
        dv = -mean(walled(q * mean(transport_u, Y), X), X) - slope_v
        dh = diff(walled(transport_u, X), dim=X) + diff(walled(transport_v, Y), dim=Y)
        added = [] if forcing is None else [on_inner_faces(forcing)]
        for force_u, force_v in [*self.forces(state).values(), *added]:
            du, dv = du + force_u, dv + force_v
        return State(walled(du, X), walled(dv, Y), dh / -self.dx)

    def forces(self, state: State) -> dict[str, Forces]:
        """Accelerations by wind, drag and viscosity in m/s², on inner faces only."""
        u, v, h = state
        _, wind = profiles(self, h.dtype, h.device)
        nu = self.viscosity / self.dx**2
        bend_u = diff(u, 2, X) + diff(walled(diff(inner(u, X), dim=Y), Y), dim=Y)
        bend_v = diff(v, 2, Y) + diff(walled(diff(inner(v, Y), dim=X), X), dim=X)
        return {
            "wind": (wind, torch.zeros_like(wind[0])),
            "drag": (-self.drag * inner(u, X), -self.drag * inner(v, Y)),
            "viscosity": (nu * bend_u, nu * bend_v),  # free slip at the walls
        }

    def step(self, state: State, forcing: Forcing = None) -> State:
        """One step, which gradients can cross; forcing: as in `tendency`, or a callable
        that gives it for a state: called once, its answer holds through the step.
        """
        if callable(forcing):
            forcing = forcing(state)
        now = state
        for weight in (1, 1 / 4, 2 / 3):
            slope = self.tendency(now, forcing)
            ends = map(partial(torch.add, alpha=self.dt), now, slope)
            now = State(*map(torch.lerp, state, ends, (weight,) * 3))
        return now

    @torch.no_grad()
    def run(
        self,
        state: State,
        n_steps: int,
        every: int = 1,
        *,
        forcing: Forcing = None,
        progress: bool = False,
    ) -> State:
        """States stacked in time: u, v, h of (…, n_steps // every + 1, y, x).

        The first state is included; every: keep one in so many; forcing: see `step`.
        Raises ValueError for another shape, UnstableStep for a blow-up or a dry layer.
        """
        self.check(state, n_steps, every)
        kept = [state]
        for n in tqdm(range(1, n_steps + 1), disable=not progress, file=sys.stdout):
            state = self.step(state, forcing)
            if n % every == 0:
                kept.append(state)
                if not state.h.min() > 0:
                    raise UnstableStep(
                        f"the integration blew up or the layer ran dry before step {n}"
                        f": take dt below {self.dt:.6g} s or less wind"
                    )
        return State(*(torch.stack(fields, -3) for fields in zip(*kept, strict=True)))

    def check(self, state: State, n_steps: int, every: int) -> None:
        """Raise ValueError for what `run` cannot take."""
        if n_steps < 0 or every < 1:
            raise ValueError(f"n_steps >= 0, every >= 1; seen {n_steps}, {every}")
        ny, nx, lead = self.ny, self.nx, state.h.shape[:-2]
        shapes = (*lead, ny, nx + 1), (*lead, ny + 1, nx), (*lead, ny, nx)
        for name, shape, field in zip("uvh", shapes, state, strict=True):
            if field.shape != shape:
                raise ValueError(f"{name} is {shape}; seen {tuple(field.shape)}")

    def mass(self, state: State) -> torch.Tensor:
        """Mass per area, ρ<h>, in kg/m²: (…). It never changes."""
        return self.density * state.h.mean((-2, -1))

    def kinetic_energy(self, state: State) -> torch.Tensor:
        """Kinetic energy per area, ρ<h(u² + v²)>/2, in J/m²: (…)."""
        return self.power(state, (inner(state.u, X), inner(state.v, Y))) / 2

    def energy(self, state: State) -> torch.Tensor:
        """Energy per area, ρ<h(u² + v²)>/2 + ρg<(h − H)²>/2, in J/m²: (…)."""
        potential = self.gravity * (state.h - self.depth).square().mean((-2, -1)) / 2
        return self.kinetic_energy(state) + self.density * potential

    def energy_budget(self, state: State) -> dict[str, torch.Tensor]:
        """Power of "wind", "drag" and "viscosity" in W/m²: (…). Their sum is dE/dt."""
        forces = self.forces(state)
        return {name: self.power(state, pair) for name, pair in forces.items()}

    def power(self, state: State, force: Forces) -> torch.Tensor:
        """Power per area of accelerations on inner faces, ρ<hu F_u + hv F_v>: (…)."""
        transport_u, transport_v = transports(state)
        work_u = (transport_u * force[0]).sum((-2, -1))
        work_v = (transport_v * force[1]).sum((-2, -1))
        return self.density * (work_u + work_v) / (self.ny * self.nx)


@lru_cache
def profiles(
    model: Model, dtype: torch.dtype, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """f at inner corners, (ny − 1, 1), and τ/(ρH) at the latitudes of u, (ny, 1)."""
    corner = torch.arange(1, model.ny, dtype=torch.float64)[:, None]
    centre = torch.arange(model.ny, dtype=torch.float64)[:, None] + 0.5
    f = model.f0 + model.beta * model.dx * corner
    wind = (
        -model.wind
        / (model.density * model.depth)
        * torch.cos(2 * math.pi * centre / model.ny)
    )
    return f.to(device, dtype), wind.to(device, dtype)


def transports(state: State) -> tuple[torch.Tensor, torch.Tensor]:
    """hu and hv in m²/s, on inner faces."""
    u, v, h = state
    return mean(h, X) * inner(u, X), mean(h, Y) * inner(v, Y)


def at_centres(state: State) -> torch.Tensor:
    """u, v and h at the centres of cells, (…, 3, ny, nx)."""
    return torch.stack([mean(state.u, X), mean(state.v, Y), state.h], dim=-3)


def on_inner_faces(forcing: torch.Tensor | Forces) -> Forces:
    """F_u, (…, ny, nx − 1), and F_v, (…, ny − 1, nx): the faces that may move."""
    if isinstance(forcing, torch.Tensor):
        return mean(forcing.select(-3, 0), X), mean(forcing.select(-3, 1), Y)
    return inner(forcing[0], X), inner(forcing[1], Y)


def mean(a: torch.Tensor, axis: int) -> torch.Tensor:
    """Mean of neighbours along an axis, which gets one shorter."""
    n = a.shape[axis] - 1
    return torch.lerp(a.narrow(axis, 0, n), a.narrow(axis, 1, n), 0.5)


def inner(a: torch.Tensor, axis: int) -> torch.Tensor:
    """All but the two walls of an axis."""
    return a.narrow(axis, 1, a.shape[axis] - 2)


def walled(a: torch.Tensor, axis: int) -> torch.Tensor:
    """Zeros on the two walls of an axis."""
    return torch.constant_pad_nd(a, (1, 1) if axis == X else (0, 0, 1, 1))
