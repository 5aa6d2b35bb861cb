"""Quasi-geostrophic turbulence against linear theory, invariants, known behaviour."""

import itertools
import math
import os
import signal
import threading

import numpy as np
import pytest
import torch

from course_lib.datasets import quasigeostrophic as qg
from course_lib.datasets import samples

DAY = 86400.0
FREE = {"drag": 0.0, "flow": (0.0, 0.0), "dissipation": "none"}  # nothing in or out


def wave(model: qg.Model, k: int, l: int, shares=(1.0,)) -> torch.Tensor:
    """Streamfunction of a plane wave, (1, layers, size, size), in double precision."""
    x = 2 * math.pi * torch.arange(model.size, dtype=torch.float64) / model.size
    phase = k * x[None, :] + l * x[:, None]
    return torch.stack([share * torch.cos(phase) for share in shares])[None]


def complex_amplitude(psi: torch.Tensor, k: int, l: int) -> np.ndarray:
    """The coefficient of exp(i(kx + ly)) in fields (…, size, size)."""
    return torch.fft.fft2(psi)[..., l, k].numpy() / psi.shape[-1] ** 2


@pytest.mark.parametrize(("k", "l"), [(1, 0), (3, 2), (2, -5)])
@pytest.mark.parametrize(
    ("layers", "radius", "shares", "stretching"),
    [
        (1, math.inf, [1.0], 0.0),
        (1, 40e3, [1.0], 40e3**-2),
        (2, 40e3, [1.0, 1.0], 0.0),  # the barotropic mode does not feel the layers
        (2, 40e3, [1.0, -0.25], 40e3**-2),  # the baroclinic one carries no transport
    ],
)
def test_rossby_waves_have_the_right_frequency(
    k, l, layers, radius, shares, stretching
):
    """ω = −βk / (k² + l² + F), after a third of a period."""
    model = qg.Model(
        size=16, layers=layers, deformation_radius=radius, time_step=20e3, **FREE
    )
    unit = 2 * math.pi / model.length
    omega = -model.beta * k * unit / ((k**2 + l**2) * unit**2 + stretching)
    n_steps = round(2 * math.pi / abs(omega) / 3 / model.time_step)
    q = model.run(model.potential_vorticity(wave(model, k, l, shares)), n_steps)
    amplitude = complex_amplitude(model.streamfunction(q), k, l)[0, :, 0]
    seen = -np.angle(amplitude[-1] / amplitude[0]) / (n_steps * model.time_step)
    assert seen == pytest.approx(omega, rel=1e-3)
    assert abs(amplitude[-1]) == pytest.approx(abs(amplitude[0]), rel=1e-3)


def phillips_growth_rate(model: qg.Model, k: float, l: float) -> float:
    """Largest growth rate of a wave, 1/s: an eigenvalue problem, written from scratch.

    With q = Mψ the linear equations are M dψ/dt = −ik (U M + Q) ψ + drag.
    """
    total = k**2 + l**2
    f1 = model.deformation_radius**-2 / (1 + model.depth_ratio)
    f2 = model.depth_ratio * f1
    u1, u2 = model.flow
    m = np.array([[-total - f1, f1], [f2, -total - f2]])
    flow = np.diag([u1, u2])
    gradient = np.diag([model.beta + f1 * (u1 - u2), model.beta - f2 * (u1 - u2)])
    right = -1j * k * (flow @ m + gradient) + np.diag([0, model.drag * total])
    return float(np.linalg.eigvals(np.linalg.solve(m, right)).real.max())


@pytest.mark.parametrize(("k", "l"), [(7, 0), (8, 3)])
@pytest.mark.parametrize(
    "changes",
    [{}, {"drag": 0.0, "flow": (0.05, 0.0)}, {"depth_ratio": 1.0}],
)
def test_phillips_waves_grow_as_the_eigenvalues_say(changes, k, l):
    model = qg.Model(size=32, time_step=28800.0, dissipation="none", **changes)
    unit = 2 * math.pi / model.length
    rate = phillips_growth_rate(model, k * unit, l * unit)
    assert rate > 0
    tiny = model.potential_vorticity(1e-6 * wave(model, k, l, [1.0, 0.3]))
    n_steps = round(6 / rate / model.time_step)  # the other mode is forgotten
    psi = model.streamfunction(model.run(tiny, n_steps, every=n_steps // 4))
    size = np.log(np.abs(complex_amplitude(psi, k, l)[0, :, 0]))
    seen = (size[-1] - size[-2]) / (n_steps // 4 * model.time_step)
    assert seen == pytest.approx(rate, rel=0.01)


def test_short_waves_do_not_grow():
    """Without drag they are neutral: the eigenvalues say so, and the model."""
    model = qg.Model(size=64, drag=0.0, dissipation="none")
    unit = 2 * math.pi / model.length
    assert phillips_growth_rate(model, 15 * unit, 0) == pytest.approx(0, abs=1e-15)
    tiny = model.potential_vorticity(1e-6 * wave(model, 15, 0, [1.0, 0.0]))
    energy = model.energy(model.run(tiny, 600))[0]
    assert energy.max() < 4 * energy[0]


@pytest.mark.slow
@pytest.mark.parametrize("layers", [1, 2])
def test_energy_and_enstrophy_are_conserved(layers):
    """Over 200 turnover times of the eddies that it starts from, 2.1 days each."""
    model = qg.Model(size=32, layers=layers, time_step=3600.0, **FREE)
    q = model.random_state(1, seed=1, dtype=torch.float64)
    turnover = model.length / (2 * math.pi * 6) / 0.15
    n_steps = round(200 * turnover / model.time_step)
    series = model.run(q, n_steps, every=n_steps)
    for quantity in (model.energy, model.enstrophy):
        first, last = quantity(series)[0]
        assert abs(last / first - 1) < 1e-4
    assert (series[0, 1] - q[0]).abs().max() > q.abs().max() / 2  # it moved


def test_drag_takes_energy_from_the_lowest_layer():
    """A barotropic wave without β: dE/dt = −2 r h₂ E of the lower layer's share."""
    changes = FREE | {"drag": 1e-7, "beta": 0.0}
    model = qg.Model(size=16, layers=1, deformation_radius=math.inf, **changes)
    q = model.potential_vorticity(wave(model, 2, 1))
    energy = model.energy(model.run(q, 240, every=240))[0]
    expected = math.exp(-2 * model.drag * 240 * model.time_step)
    assert float(energy[1] / energy[0]) == pytest.approx(expected, rel=1e-6)


def test_the_time_scheme_is_of_third_order():
    """The difference of steps h and h/2 falls eightfold where h is halved."""
    runs = []
    for halvings in range(4):
        step = 14400 / 2**halvings
        model = qg.Model(size=32, time_step=step, dissipation="none")
        q = model.random_state(1, seed=0, dtype=torch.float64, speed=0.1)
        runs.append(model.run(q, 60 * 2**halvings, every=60 * 2**halvings)[0, -1])
    gaps = [float((a - b).norm()) for a, b in itertools.pairwise(runs)]
    orders = [math.log2(a / b) for a, b in itertools.pairwise(gaps)]
    assert orders[-1] == pytest.approx(3, abs=0.2)


def test_a_tracer_that_equals_potential_vorticity_stays_equal():
    changes = FREE | {"beta": 0.0}
    model = qg.Model(size=32, layers=1, deformation_radius=40e3, **changes)
    q = model.random_state(2, seed=3, dtype=torch.float64)
    states, tracer = model.run_with_tracer(q, q[:, 0], 200, every=100)
    assert torch.allclose(tracer, states[:, :, 0], atol=1e-12)
    assert torch.equal(states, model.run(q, 200, every=100))


def test_a_tracer_gains_variance_from_its_mean_gradient():
    """Fluid from the south carries the value of the south: c = −C_y v Δt at first."""
    model = qg.Model(size=32, time_step=600.0, tracer_gradient=1e-5)
    q = model.random_state(1, seed=0, dtype=torch.float64)
    _, v = model.velocity(model.streamfunction(q))
    _, tracer = model.run_with_tracer(q, torch.zeros_like(q[:, 0]), 1)
    assert torch.allclose(tracer[:, 1], -1e-5 * 600 * v[:, 0], atol=2e-3 * 1e-5 * 600)


def test_inversion_is_the_inverse():
    for layers in (1, 2):
        model = qg.Model(size=32, layers=layers)
        q = model.random_state(3, seed=0, dtype=torch.float64)
        again = model.potential_vorticity(model.streamfunction(q))
        assert torch.allclose(again, q, atol=1e-12 * float(q.abs().max()))


def test_velocity_and_height_of_a_wave():
    model = qg.Model(size=32)
    unit = 2 * math.pi / model.length
    psi = wave(model, 3, -2, [1e3, 0.0])[0]
    u, v = model.velocity(psi[0])
    x = torch.arange(32, dtype=torch.float64) * model.spacing * unit
    slope = -1e3 * torch.sin(3 * x[None, :] - 2 * x[:, None])
    assert torch.allclose(v, 3 * unit * slope, atol=1e-12)
    assert torch.allclose(u, 2 * unit * slope, atol=1e-12)
    assert float(model.ssh(psi).max()) == pytest.approx(1e3 * 1e-4 / 9.81)


def test_energy_is_kinetic_plus_potential():
    model = qg.Model(size=32)
    q = model.random_state(2, seed=5, dtype=torch.float64)
    psi = model.streamfunction(q)
    u, v = model.velocity(psi)
    kinetic = 0.5 * (u**2 + v**2).mean((-2, -1)) @ torch.tensor([0.2, 0.8]).double()
    thickness = (psi[:, 0] - psi[:, 1]).square().mean((-2, -1))
    potential = 0.5 * 0.2 * 0.8 * thickness / model.deformation_radius**2
    assert torch.allclose(model.energy(q), kinetic + potential, rtol=1e-10)


def test_a_random_state_is_as_fast_as_asked():
    model = qg.Model()
    u, v = model.velocity(model.streamfunction(model.random_state(3, seed=0)))
    speed = (u**2 + v**2).mean((-2, -1)).sqrt()
    assert torch.allclose(speed, torch.tensor([0.15, 0.0375]), rtol=1e-3)
    double = model.random_state(3, seed=0, dtype=torch.float64)
    assert torch.equal(double.float(), model.random_state(3, seed=0))
    assert not torch.equal(double.float(), model.random_state(3, seed=1))


def test_members_do_not_meet_and_types_are_kept():
    model = qg.Model(size=32)
    q = model.random_state(3, seed=0, dtype=torch.float64)
    before = q.clone()
    together = model.run(q, 50, every=25)
    assert together.shape == (3, 3, 2, 32, 32)
    assert together.dtype == torch.float64
    assert model.run(q.float(), 2).dtype == torch.float32
    assert torch.equal(q, before)
    alone = model.run(q[1:2], 50, every=25)
    assert torch.allclose(alone, together[1:2], atol=1e-15)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_same_on_a_gpu():
    model = qg.Model(size=32)
    q = model.random_state(2, seed=0, dtype=torch.float64)
    there = model.run(q.cuda(), 50, every=50)
    assert there.is_cuda
    assert torch.allclose(there.cpu(), model.run(q, 50, every=50), rtol=1e-9)


def test_the_stability_limit_is_one():
    """The stated step holds for 500 steps; twelve times it blows up and says so."""
    model = qg.Model(size=32)
    q = model.random_state(1, seed=0, dtype=torch.float64)
    limit = model.longest_step(q)
    allowed = qg.Model(size=32, time_step=limit).run(q, 500, every=500)
    assert allowed.abs().max() < 2 * q.abs().max()
    with pytest.raises(qg.UnstableStep, match="take a smaller one"):
        qg.Model(size=32, time_step=12 * limit).run(q, 500)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 63},
        {"size": 4},
        {"layers": 3},
        {"deformation_radius": 0.0},
        {"deformation_radius": math.inf},
        {"time_step": -1.0},
        {"drag": -1e-7},
        {"flow": (0.1,)},
        {"dissipation": "viscous"},
    ],
)
def test_impossible_models_are_refused(wrong):
    with pytest.raises(ValueError, match=r"seen|need"):
        qg.Model(**wrong)


def test_a_long_run_can_be_interrupted():
    """Ctrl-C reaches the thread that waits; those that compute must hear of it."""
    model = qg.Model(size=32)
    start = model.random_state(4, seed=0)
    threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        model.run(start, 10**7, every=10**7)


def test_the_imposed_flow_may_be_a_list():
    model = qg.Model(flow=(0.02, 0.0))
    assert qg.Model(flow=[0.02, 0]) == model
    assert hash(qg.Model(flow=np.array([0.02, 0.0]))) == hash(model)


def test_wrong_shapes_are_named():
    model = qg.Model(size=32)
    q = model.random_state(1, seed=0)
    for work in (
        lambda: model.run(q[0], 1),
        lambda: model.run(q[:, :1], 1),
        lambda: model.run(q[..., :16], 1),
        lambda: model.run(q, 1, every=0),
        lambda: model.run(q.int(), 1),
        lambda: model.streamfunction(q[:, :, 0]),
        lambda: model.ssh(q[0, 0]),
        lambda: model.run_with_tracer(q, q[:, 0, :4], 1),
    ):
        with pytest.raises(ValueError, match="seen"):
            work()


# ----------------------------------------------------------------- what turbulence does


def autocorrelation_zero(psi: np.ndarray, spacing: float) -> float:
    """Where along x the mean autocorrelation of (…, y, x) changes sign, m."""
    power = np.abs(np.fft.rfft(psi, axis=-1)) ** 2
    correlation = np.fft.irfft(power.reshape(-1, power.shape[-1]).mean(0))
    below = int(np.argmax(correlation < 0))
    left, right = correlation[below - 1 : below + 1]
    return spacing * (below - 1 + left / (left - right))


@pytest.mark.parametrize(
    ("name", "radius"), [("qg_eddies", 15e3), ("qg_eddies_other", 25e3)]
)
def test_eddies_have_the_size_of_a_few_deformation_radii(name, radius):
    eddies = samples.load(name)
    model = samples.model(eddies)
    psi = eddies.psi.values - eddies.psi.values.mean((-2, -1), keepdims=True)
    assert 2 * radius < autocorrelation_zero(psi, model.spacing) < 2 * math.pi * radius


def barotropic_flux(model: qg.Model, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energy that the barotropic flow sends beyond wavenumber K by its own advection.

    Π(K) = Σ_{κ<K} Re⟨ψ̂* Ĵ(ψ, ∇²ψ)⟩, in plain NumPy; K in cycles along a side.
    """
    n = model.size
    k = 2 * np.pi * np.fft.fftfreq(n, model.spacing)
    kx, ky = k[None, :], k[:, None]

    def grid(spectrum):
        return np.fft.ifft2(spectrum).real

    hat = np.fft.fft2(psi)
    zeta = -(kx**2 + ky**2) * hat
    jacobian = grid(1j * kx * hat) * grid(1j * ky * zeta)
    jacobian -= grid(1j * ky * hat) * grid(1j * kx * zeta)
    # −ψ ∂ζ/∂t = ψ J is the gain of energy; what leaves the waves below K is its sum.
    loss = -(np.conj(hat) * np.fft.fft2(jacobian)).real.mean(0) / n**4
    cycles = np.hypot(kx, ky) * model.length / (2 * np.pi)
    edges = np.arange(1, n // 3)
    return edges, np.array([loss[cycles < edge].sum() for edge in edges])


def test_energy_goes_to_larger_scales():
    """The inverse cascade: beyond the deformation radius the flux is negative."""
    start = samples.load("qg_turbulence")
    model = samples.model(start)
    shares = np.array(model.thickness)[:, None, None]
    psi = (start.psi.values * shares).sum(2).reshape(-1, 64, 64)
    wavenumber, flux = barotropic_flux(model, psi.astype(float))
    radius = model.length / (2 * np.pi * model.deformation_radius)  # 10.6 cycles
    large = (wavenumber > 2) & (wavenumber < radius)
    assert flux.min() < 0
    assert large[np.argmin(flux)]
    assert abs(flux.min()) > 3 * flux[wavenumber > 1.5 * radius].max()
