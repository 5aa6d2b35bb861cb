"""Quasi-geostrophic turbulence: the mid-latitude ocean, in one or two layers.

    ∂qᵢ/∂t + J(ψᵢ, qᵢ) + Uᵢ ∂qᵢ/∂x + Qᵢ ∂ψᵢ/∂x = −δᵢ_bottom r ∇²ψᵢ  (+ filter)

    >>> model = Model(size=64)                     # a doubly periodic square
    >>> q = model.random_state(8, seed=0)          # (8, 2, 64, 64), potential vorticity
    >>> series = model.run(q, 4800, every=12)      # 400 days, one state a day
    >>> psi = model.streamfunction(series)         # (8, 401, 2, 64, 64), m²/s
    >>> u, v = model.velocity(psi)                 # m/s; model.ssh(psi) in m

Fields have y on the axis before the last and x on the last. Members advance together,
on CPU or GPU, in float32 or float64.

Sources: Phillips (1951); Vallis (2017), §5.3 and §9.6. Notation, time scheme and filter
are those of pyqg (Abernathey et al., 2022).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch

from course_lib.datasets import UnstableStep
from course_lib.datasets import pseudospectral as spectral

GRAVITY = 9.81  # m/s²


@dataclass(frozen=True)
class Model:
    """A square of ocean with its stratification, mean flow, drag and time step.

    size: grid points along a side, even; length: of a side, m.
    layers: 2, or 1 (ψ of a single active layer over an ocean at rest).
    deformation_radius: m; infinite, in one layer, for a barotropic ocean.
    depth_ratio: H₁/H₂, upper over lower layer.
    flow: imposed zonal velocity of each layer, m/s; the first suffices for one layer.
    beta: df/dy, 1/(m s); coriolis: f₀, 1/s, which only `ssh` needs.
    drag: linear drag r on the lowest layer, 1/s. time_step: s.
    dissipation: "filter", which damps the smallest third of scales at each step, or
        "none", which only removes aliases (two-thirds rule) and conserves energy.
    tracer_gradient: ∂C/∂y of a passive tracer's mean, tracer unit per m.

    The step is stable while (π size / length) · max|u| · time_step < 0.72, with the
    imposed flow included; `longest_step` says so for a given state. The filter acts
    once a step, as in pyqg: shorter steps damp the smallest scales more often.
    """

    size: int = 64
    length: float = 1e6
    layers: int = 2
    deformation_radius: float = 15e3
    depth_ratio: float = 0.25
    flow: tuple[float, float] = (0.025, 0.0)
    beta: float = 1.5e-11
    coriolis: float = 1e-4
    drag: float = 5.787e-7
    time_step: float = 7200.0
    dissipation: str = "filter"
    tracer_gradient: float = 0.0

    def __post_init__(self):
        # A list or an array is welcome too; a frozen model must be hashable.
        object.__setattr__(self, "flow", tuple(map(float, self.flow)))
        if self.size < 8 or self.size % 2 or self.layers not in (1, 2):
            raise ValueError(
                f"size is even and at least 8, layers 1 or 2; seen {self.size} points, "
                f"{self.layers} layers"
            )
        positive = (self.length, self.deformation_radius, self.depth_ratio)
        if min(*positive, self.time_step) <= 0 or self.drag < 0:
            raise ValueError(
                "length, deformation radius, depth ratio and time step are positive, "
                f"drag is not negative; seen {self}"
            )
        if self.layers == 2 and math.isinf(self.deformation_radius):
            raise ValueError("two layers need a finite deformation radius")
        if len(self.flow) < self.layers:
            raise ValueError(f"one imposed velocity a layer; seen flow={self.flow}")
        if self.dissipation not in ("filter", "none"):
            raise ValueError(
                f'dissipation is "filter" or "none"; seen {self.dissipation!r}'
            )

    @property
    def spacing(self) -> float:
        """Distance between grid points, m."""
        return self.length / self.size

    @property
    def stretching(self) -> tuple[float, ...]:
        """Fᵢ of each layer, 1/m²: F₁ = R⁻²/(1 + δ), F₂ = δ F₁; R⁻² in one layer."""
        total = self.deformation_radius**-2
        if self.layers == 1:
            return (total,)
        upper = total / (1 + self.depth_ratio)
        return upper, self.depth_ratio * upper

    @property
    def thickness(self) -> tuple[float, ...]:
        """Share of each layer in the depth."""
        if self.layers == 1:
            return (1.0,)
        return self.depth_ratio / (1 + self.depth_ratio), 1 / (1 + self.depth_ratio)

    # ------------------------------------------------------------ from q to the rest

    def streamfunction(self, q: torch.Tensor) -> torch.Tensor:
        """ψ, m²/s, of the potential vorticity q, 1/s; both (…, layers, size, size)."""
        op = self.operators(q)
        return self.to_grid(spectral.invert(op, torch.fft.rfft2(q)))

    def potential_vorticity(self, psi: torch.Tensor) -> torch.Tensor:
        """qᵢ = ∇²ψᵢ + Fᵢ (ψ_other − ψᵢ), 1/s; in one layer q = ∇²ψ − ψ/R²."""
        op = self.operators(psi)
        vorticity = self.to_grid(op.laplacian * torch.fft.rfft2(psi))
        other = psi.flip(-3) if self.layers == 2 else 0
        stretching = psi.new_tensor(self.stretching)[:, None, None]
        return vorticity + stretching * (other - psi)

    def velocity(self, psi: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """u = −∂ψ/∂y, v = ∂ψ/∂x, m/s, for fields (…, size, size) of any kind.

        The imposed flow is not in it: add `flow[i]` to u for the whole current.
        """
        self.check_grid(psi)
        op, spectrum = operators(self, psi.device, psi.dtype), torch.fft.rfft2(psi)
        return self.to_grid(-op.d_dy * spectrum), self.to_grid(op.d_dx * spectrum)

    def ssh(self, psi: torch.Tensor) -> torch.Tensor:
        """Sea surface height η = f₀ ψ₁ / g, m, (…, size, size), of ψ with layers."""
        self.check_layers(psi)
        return self.coriolis / GRAVITY * psi[..., 0, :, :]

    def energy(self, q: torch.Tensor) -> torch.Tensor:
        """Kinetic and available potential energy of a unit mass, m²/s², (…).

        E = ½ Σ hᵢ ⟨|∇ψᵢ|²⟩ + ½ h₁F₁ ⟨(ψ₁ − ψ₂)²⟩ = −½ Σ hᵢ ⟨ψᵢ qᵢ⟩, hᵢ: thickness.
        """
        share = q.new_tensor(self.thickness)
        return -0.5 * (share * (self.streamfunction(q) * q).mean((-2, -1))).sum(-1)

    def enstrophy(self, q: torch.Tensor) -> torch.Tensor:
        """Potential enstrophy ½ Σ hᵢ ⟨qᵢ²⟩, 1/s², (…)."""
        self.check_layers(q)
        return 0.5 * (q.new_tensor(self.thickness) * q.square().mean((-2, -1))).sum(-1)

    def longest_step(self, q: torch.Tensor) -> float:
        """Stability limit of the time step for a state, s."""
        u, v = self.velocity(self.streamfunction(q))
        u = u + u.new_tensor(self.flow[: self.layers])[:, None, None]
        fastest = float(torch.maximum(u.abs(), v.abs()).max())
        return (
            spectral.AB3_LIMIT
            * self.length
            / (math.pi * self.size * max(fastest, 1e-12))
        )

    # --------------------------------------------------------------------- in time

    def random_state(
        self,
        n: int,
        *,
        seed: int = 0,
        speed: float = 0.15,
        wavenumber: float = 6.0,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> torch.Tensor:
        """Potential vorticity of n random seas, (n, layers, size, size), to start from.

        Waves of random phase around `wavenumber` cycles along a side, with a root mean
        square velocity of `speed` m/s in the upper layer and depth_ratio times that
        below. A seed means the same on every device and in every precision.
        """
        generator = torch.Generator().manual_seed(seed)
        shape = (n, self.layers, self.size, self.size)
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        op = operators(self, torch.device("cpu"), torch.float64)
        cycles = (-op.laplacian).sqrt() * self.length / (2 * math.pi)
        ring = torch.exp(-((cycles - wavenumber) ** 2)) * (cycles > 0)
        psi = self.to_grid(ring * torch.fft.rfft2(noise))
        u, v = self.velocity(psi)
        rms = (u.square() + v.square()).mean((-2, -1), keepdim=True).sqrt()
        shares = psi.new_tensor([1.0, self.depth_ratio][: self.layers])[:, None, None]
        return self.potential_vorticity(psi / rms * speed * shares).to(device, dtype)

    def run(
        self, q: torch.Tensor, n_steps: int, *, every: int = 1, progress: bool = False
    ) -> torch.Tensor:
        """States (n, n_steps // every + 1, layers, size, size), the first included.

        q: (n, layers, size, size), potential vorticity in 1/s, of any device and
        floating type. every: keep one state in so many. progress: show a bar.

        Third-order Adams–Bashforth, begun with two steps of Runge–Kutta. Raises
        ValueError for another shape, UnstableStep where the result is not finite.
        """
        self.check_layers(q)
        return self.march(q, n_steps, every, progress)

    def run_with_tracer(
        self,
        q: torch.Tensor,
        tracer: torch.Tensor,
        n_steps: int,
        *,
        every: int = 1,
        progress: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As `run`, with a passive tracer (n, size, size) in the upper layer.

        ∂c/∂t + (u₁ + U₁, v₁)·∇c + v₁ ∂C/∂y = 0 (+ filter). Returns the states and the
        tracer, (n, n_steps // every + 1, size, size).
        """
        self.check_layers(q)
        self.check_grid(tracer)
        both = torch.cat([q, tracer[:, None]], dim=1)
        series = self.march(both, n_steps, every, progress)
        return series[:, :, :-1], series[:, :, -1]

    def march(
        self, state: torch.Tensor, n_steps: int, every: int, progress: bool
    ) -> torch.Tensor:
        """Layers, and a tracer after them if there is one, from step to step."""
        if state.ndim != 4 or n_steps < 0 or every < 1:
            raise ValueError(
                "run wants (n, layers, size, size), n_steps >= 0 and every >= 1; seen "
                f"{tuple(state.shape)}, {n_steps}, {every}"
            )
        op, dt = operators(self, state.device, state.dtype), self.time_step
        kept = spectral.march(op, state, n_steps, dt, every, progress)
        if not kept[:, -1].isfinite().all():
            layers = kept[:, 0, : self.layers]
            raise UnstableStep(
                f"the integration blew up with a time step of {dt:.0f} s; at its start "
                f"the limit was {self.longest_step(layers):.0f} s: take a smaller one"
            )
        return kept

    # --------------------------------------------------------------------- details

    def operators(self, field: torch.Tensor) -> spectral.Operators:
        """The operators on the device and in the precision of a field with layers."""
        self.check_layers(field)
        return operators(self, field.device, field.dtype)

    def to_grid(self, spectrum: torch.Tensor) -> torch.Tensor:
        """From spectral to physical space."""
        return torch.fft.irfft2(spectrum, s=(self.size, self.size))

    def check_grid(self, field: torch.Tensor) -> None:
        """Raise ValueError unless the last axes are those of the grid."""
        if field.shape[-2:] != (self.size, self.size) or not field.is_floating_point():
            raise ValueError(
                f"the model has {self.size} × {self.size} points; seen a field of "
                f"shape {tuple(field.shape)} and type {field.dtype}"
            )

    def check_layers(self, field: torch.Tensor) -> None:
        """Raise ValueError unless the last axes are layers and grid."""
        self.check_grid(field)
        if field.ndim < 3 or field.shape[-3] != self.layers:
            raise ValueError(
                f"{self.layers} layers on the axis before y and x; seen a field of "
                f"shape {tuple(field.shape)}"
            )


@lru_cache(maxsize=8)
def operators(
    model: Model, device: torch.device, dtype: torch.dtype
) -> spectral.Operators:
    """All that a model's step needs, computed once in double precision."""
    k, l = spectral.wavenumbers(model.size, model.length)
    laplacian = -(k**2 + l**2)
    if model.dissipation == "filter":
        smooth = spectral.exponential_filter(k, l, model.spacing)
    else:
        smooth = spectral.two_thirds(k, l)
    flow = torch.tensor(model.flow[: model.layers], dtype=torch.float64)
    below = flow.flip(0) if model.layers == 2 else torch.zeros(1)
    gradient = model.beta + flow.new_tensor(model.stretching) * (flow - below)
    flow = torch.cat([flow, flow[:1]])
    gradient = torch.cat([gradient, flow.new_tensor([model.tracer_gradient])])
    tensors = [
        spectral.derivative(k),
        spectral.derivative(l),
        laplacian,
        spectral.inversion(laplacian, model.stretching),
        smooth,
        flow[:, None, None],
        gradient[:, None, None],
    ]
    pair = (dtype, torch.complex128 if dtype == torch.float64 else torch.complex64)
    cast = [t.to(device, pair[t.is_complex()]) for t in tensors]
    return spectral.Operators(*cast, drag=model.drag)
