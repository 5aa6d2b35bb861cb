"""Shallow water against waves, balances and budgets that are known exactly."""

import dataclasses
import math

import pytest
import torch

from course_lib.datasets import shallow_water
from course_lib.datasets.shallow_water import Model, State

STILL = {"drag": 0.0, "viscosity": 0.0, "wind": 0.0}
FLAT = {**STILL, "f0": 0.0, "beta": 0.0}


def random_state(model: Model, n: int = 2, seed: int = 0) -> State:
    """Rough currents of 0.1 m/s and a thickness rough by 20 m, in float64."""
    u, v, h = model.rest(n, noise=20.0, seed=seed).to(torch.float64)
    generator = torch.Generator().manual_seed(seed)
    for field in (u[..., 1:-1], v[..., 1:-1, :]):
        noise = torch.randn(field.shape, generator=generator, dtype=torch.float64)
        field.copy_(0.1 * noise)
    return State(u, v, h)


def same(seen: torch.Tensor, expected: torch.Tensor) -> None:
    """Equal but for round-off, at the scale of the values, which may be 1e-8."""
    torch.testing.assert_close(
        seen, expected, rtol=0, atol=1e-10 * expected.abs().max()
    )


def smooth_state(model: Model) -> State:
    """A basin at rest but for long waves of thickness, 30 m high, in float64."""
    y, x = (
        (torch.arange(n, dtype=torch.float64) + 0.5) / n for n in (model.ny, model.nx)
    )
    long = torch.cos(math.pi * x) * torch.cos(2 * math.pi * y[:, None])
    waves = 20 * long + 10 * torch.cos(2 * math.pi * x)
    return model.rest().to(torch.float64)._replace(h=model.depth + waves[None])


@pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-14), ("float32", 1e-6)])
def test_mass_is_kept_to_round_off(dtype, bound):
    model = Model(ny=20, nx=30)
    start = random_state(model).to(getattr(torch, dtype))
    mass = model.mass(model.run(start, 200, every=200))
    assert (mass[:, 0] / (model.density * model.depth) - 1).abs().max() < 1e-6
    assert ((mass[:, 1] - mass[:, 0]) / mass[:, 0]).abs().max() < bound


@pytest.mark.parametrize("axis", [-1, -2])
def test_gravity_waves_travel_at_the_root_of_g_h(axis):
    """A seiche h = H + a cos(mπx/L) keeps its shape and swings as cos(ckt)."""
    shape = {-1: {"ny": 4, "nx": 40}, -2: {"ny": 40, "nx": 4}}[axis]
    model = Model(**shape, **FLAT)
    u, v, h = model.rest().to(torch.float64)
    phase = math.pi * 3 * (torch.arange(40, dtype=torch.float64) + 0.5) / 40
    mode = (phase if axis == -1 else phase[:, None]).cos().expand_as(h)
    series = model.run(State(u, v, h + 1e-3 * mode), 400).h - model.depth
    swing = (series * mode[:, None]).mean((-2, -1)) / (1e-3 * mode.square().mean())
    crossing = (swing[0, :-1] * swing[0, 1:] < 0).nonzero()[:, 0]
    between = swing[0, crossing] / (swing[0, crossing] - swing[0, crossing + 1])
    time = (crossing + between) * model.dt
    period = 2 * (time[-1] - time[0]) / (len(time) - 1)
    wavelength = 2 * 40 * model.dx / 3
    speed = wavelength / period
    assert speed == pytest.approx(math.sqrt(0.02 * 500), rel=0.01)
    assert (series - 1e-3 * swing[:, :, None, None] * mode).abs().max() < 1e-6


def test_inertia_gravity_waves_obey_poincare_dispersion():
    """From rest, h = a cos kx swings between itself and the balance that stays.

    h(t) = a (f² + c²k² cos ωt) / ω²,  ω² = f² + c²k²

    at mid-latitude of a basin so long in y that its walls are not felt in a period.
    """
    model = Model(ny=120, nx=20, **STILL, f0=2e-5, beta=0.0)
    u, v, h = model.rest().to(torch.float64)
    k = 2 * math.pi / (20 * model.dx)
    x = (torch.arange(20, dtype=torch.float64) + 0.5) * model.dx
    c2 = model.gravity * model.depth
    omega = math.sqrt(model.f0**2 + c2 * k**2)
    n_steps = int(2 * math.pi / omega / model.dt)
    series = model.run(State(u, v, h + 1e-3 * (k * x).cos()), n_steps)
    swing = 2e3 * ((series.h[0, :, 60] - model.depth) * (k * x).cos()).mean(-1)
    time = torch.arange(n_steps + 1, dtype=torch.float64) * model.dt
    exact = (model.f0**2 + c2 * k**2 * (omega * time).cos()) / omega**2
    assert exact.min() < -0.2  # the rotation matters and so do gravity waves
    assert (swing - exact).abs().max() < 0.03
    # northward flow, of which f makes the sign: dv/dt = −fu < 0 where u > 0
    assert (series.v[0, n_steps // 4, 60] * series.u[0, n_steps // 4, 60, 1:]).sum() < 0


def geostrophic(model: Model, psi: torch.Tensor) -> State:
    """u = −∂ψ/∂y, v = ∂ψ/∂x, h = H + f₀ψ/g of ψ at corners, 0 at the walls."""
    centre = (psi[1:, 1:] + psi[1:, :-1] + psi[:-1, 1:] + psi[:-1, :-1]) / 4
    h = model.depth + model.f0 / model.gravity * centre
    return State(-psi.diff(dim=0) / model.dx, psi.diff(dim=1) / model.dx, h)


@pytest.mark.parametrize("amplitude", [1.0, 0.01])
def test_geostrophic_balance_is_kept(amplitude):
    """On an f-plane the linear scheme keeps it exactly: what is left is (u/fL)²."""
    model = Model(ny=24, nx=32, **STILL, beta=0.0)
    generator = torch.Generator().manual_seed(0)
    psi = torch.zeros(25, 33, dtype=torch.float64)
    psi[1:-1, 1:-1] = torch.randn(23, 31, generator=generator, dtype=torch.float64)
    start = geostrophic(model, amplitude * psi)
    end = model.run(start, 200, every=200)
    for before, after, size in zip(
        start, end, (start.u, start.v, start.h), strict=True
    ):
        swing = (size - size.mean()).abs().max()
        assert (after[-1] - before).abs().max() < 1e-3 * amplitude * swing
    unbalanced = model.run(start._replace(h=2 * model.depth - start.h), 200, every=200)
    assert (unbalanced.h[-1] - unbalanced.h[0]).std() > 0.5 * start.h.std()


def test_a_steady_jet_feels_coriolis_on_the_beta_plane():
    """v = 0 and f u = −g ∂h/∂y hold for a zonal jet in the middle of the basin."""
    model = Model(ny=30, nx=30, **STILL)
    y = torch.arange(31, dtype=torch.float64)[:, None] * model.dx
    f = model.f0 + model.beta * (y[1:] - model.dx / 2)
    u = 1e-6 * torch.sin(math.pi * (y[1:] - model.dx / 2) / y[-1]) ** 2
    slope = -(f * u)[:-1] - (f * u)[1:]
    h = torch.cat([torch.zeros(1, 1), (slope / 2 * model.dx / model.gravity)]).cumsum(0)
    state = State(
        u.expand(30, 31), torch.zeros(31, 30).double(), 500 + h.expand(30, 30)
    )
    rate = model.tendency(state)
    assert rate.v[1:-1, 1:-1].abs().max() < 0.01 * (f * u).max()
    eastward = model.tendency(state._replace(h=torch.full_like(h, 500).expand(30, 30)))
    assert eastward.v[15, 15] == pytest.approx(-(f * u)[14:16].mean().item(), rel=1e-2)


@pytest.mark.parametrize("changes", [STILL, {"viscosity": 800.0, "drag": 1e-6}])
def test_energy_changes_by_the_power_of_the_forces(changes):
    """dE/dt along the tendency, by automatic differentiation, closes the budget."""
    model = Model(ny=16, nx=24, **changes)
    state = random_state(model)
    _, change = torch.func.jvp(
        lambda *fields: model.energy(State(*fields)),
        tuple(state),
        tuple(model.tendency(state)),
    )
    budget = model.energy_budget(state)
    scale = 1e-4 * model.energy(state).max()  # of the terms that cancel, per second
    assert (change - sum(budget.values())).abs().max() < 1e-11 * scale
    assert (budget["drag"] <= 0).all()
    assert (budget["viscosity"] <= 0).all()
    if model.drag:
        drag = -2 * model.drag * model.kinetic_energy(state)
        same(budget["drag"], drag)


def test_energy_is_conserved_the_better_the_shorter_the_step():
    drift = []
    for dt in (1800.0, 900.0):
        model, n = Model(ny=20, nx=20, dt=dt, **STILL), round(5 * 86400 / dt)
        energy = model.energy(model.run(smooth_state(model), n, every=n))[0]
        drift.append(abs(energy[1] / energy[0] - 1).item())
    assert drift[0] < 1e-3
    assert drift[1] < drift[0] / 6  # third order: 8


def test_the_budget_closes_over_a_spin_up():
    model = Model(viscosity=800.0)
    states = model.run(model.rest(noise=1.0).to(torch.float64), 960)
    energy = model.energy(states)[0]
    power = sum(model.energy_budget(states).values())[0]
    work = torch.trapezoid(power, dx=model.dt)
    assert energy[-1] - energy[0] == pytest.approx(work.item(), rel=1e-3)
    assert model.energy_budget(states)["wind"][0, 480:].min() > 0


def test_water_that_turns_is_flung_outward():
    """u = −Ωy, v = Ωx at even thickness, f = 0: ∂u/∂t = −u·∇u = Ω²x, ∂v/∂t = Ω²y."""
    model, turn = Model(ny=12, nx=14, **FLAT), 1e-6
    x = (torch.arange(15, dtype=torch.float64) - 7) * model.dx
    y = (torch.arange(13, dtype=torch.float64)[:, None] - 6) * model.dx
    u, v = -turn * (y[1:] - model.dx / 2), turn * (x[1:] - model.dx / 2)
    h = torch.full((12, 14), 500.0, dtype=torch.float64)
    rate = model.tendency(State(u.expand(12, 15), v.expand(13, 14), h))
    same(rate.u[2:-2, 2:-2], (turn**2 * x[2:-2]).expand(8, 11))
    same(rate.v[2:-2, 2:-2], (turn**2 * y[2:-2]).expand(9, 10))
    assert rate.h[1:-1, 1:-1].abs().max() < 1e-12


def test_wind_drag_and_viscosity_one_by_one():
    """Uniform drag slows by e^{−rt}; a shear between free-slip walls by e^{−νk²t}."""
    model = Model(ny=8, nx=8, f0=0.0, beta=0.0, wind=0.15, viscosity=100.0, drag=1e-6)
    state = random_state(model)
    forces = model.forces(state)
    y = (torch.arange(8, dtype=torch.float64)[:, None] + 0.5) / 8
    wind = -0.15 / (1000 * 500) * torch.cos(2 * math.pi * y)
    same(forces["wind"][0], wind)
    same(forces["drag"][0], -1e-6 * state.u[..., 1:-1])
    x = torch.arange(9, dtype=torch.float64) / 8
    u = torch.sin(math.pi * x) * torch.cos(math.pi * y)
    v = torch.cos(math.pi * y.T) * torch.sin(math.pi * x[:, None])
    bend = model.forces(State(u, v, torch.ones(8, 8)))["viscosity"]
    rate = -100.0 * 2 * (2 / model.dx * math.sin(math.pi / 16)) ** 2
    same(bend[0], rate * u[:, 1:-1])
    same(bend[1], rate * v[1:-1])


def test_order_of_the_time_scheme_is_three():
    ends = []
    for n in (24, 48, 192):
        model = Model(ny=10, nx=10, dt=86400.0 / n)
        ends.append(model.run(smooth_state(model), n, every=n).u[0, -1])
    errors = [(end - ends[-1]).abs().max().item() for end in ends[:-1]]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(3, abs=0.25)


@pytest.mark.parametrize(
    ("changes", "sharp"),
    [
        ({}, True),
        ({"depth": 50.0}, False),
        ({"f0": 3e-4}, False),
        ({"drag": 1e-3}, False),
    ],
)
def test_the_stability_limit_is_safe_and_sharp(changes, sharp):
    """Rough small motions never grow below it; above, the fastest wave does."""
    still = {"ny": 12, "nx": 16, **STILL, "beta": 0.0, **changes}
    limit = Model(dt=1.0, **still).longest_step
    below = Model(dt=0.95 * limit, **still)
    u, v, h = (1e-4 * field for field in random_state(below))
    start = State(u, v, below.depth + h - h.mean())
    energy = below.energy(below.run(start, 500, every=500))
    assert (energy[:, 1] < energy[:, 0]).all()
    with pytest.raises(ValueError, match=r"stability limit of .*longest_step"):
        dataclasses.replace(below, dt=1.3 * limit)
    object.__setattr__(below, "dt", (1.06 if sharp else 1.5) * limit)  # by force
    with pytest.raises(shallow_water.UnstableStep, match="blew up"):
        below.run(start, 800, every=800)


@pytest.fixture(scope="module")
def gyres() -> tuple[Model, State]:
    model = Model(dt=3600.0, viscosity=800.0)
    return model, model.run(model.rest(2, noise=0.1), 24 * 90, every=24 * 90)


def test_two_gyres_turn_against_each_other(gyres):
    """The wind raises the south and lowers the north, as the Sverdrup flow wants."""
    _, states = gyres
    h = states.h[0, -1]
    assert h[5:18].mean() > 510
    assert h[22:35].mean() < 490
    u = states.u[0, -1]
    assert u[18:22, 5:20].mean() > 0.1  # the jet between them, eastward
    assert u[:4, 5:20].mean() < -0.05  # and what comes back along the walls
    assert u[-4:, 5:20].mean() < -0.05


def test_currents_are_strong_in_the_west(gyres):
    """Western intensification: Stommel's, from β. On an f-plane there is none."""
    _, states = gyres
    v = states.v[0, -1]
    south, north = v[5:17], v[23:35]
    assert south[:, :2].mean() > 5 * south[:, 5:].mean().abs()
    assert south[:, :2].mean() > 0.1
    assert north[:, :2].mean() < -0.1
    assert south[:, :2].abs().mean() > 3 * south[:, -2:].abs().mean()


def test_members_and_stored_states(gyres):
    model, states = gyres
    assert states.u.shape == (2, 2, 40, 41)
    assert states.v.shape == (2, 2, 41, 40)
    assert not torch.equal(states.h[0, -1], states.h[1, -1])
    start = State(*(field[:, -1] for field in states))
    both = model.run(start, 6)
    alone = model.run(State(*(field[1] for field in start)), 6, every=2)
    for pair, single in zip(both, alone, strict=True):
        torch.testing.assert_close(pair[1, ::2], single, rtol=0, atol=1e-3)
    assert both.h.dtype is torch.float32
    rerun = model.run(State(*(field[:, 3] for field in both)), 3)
    assert torch.equal(rerun.h[:, -1], both.h[:, -1])  # a step needs no past


def test_an_added_forcing_replaces_the_wind():
    windy, calm = Model(ny=12, nx=12), Model(ny=12, nx=12, wind=0.0)
    start = random_state(windy)

    def wind(state):
        force = windy.forces(state)["wind"][0]
        return torch.nn.functional.pad(force, (1, 1)), torch.zeros_like(state.v)

    expected = windy.tendency(start)
    for rate, exact in zip(calm.tendency(start, wind(start)), expected, strict=True):
        same(rate, exact)
    by_call = calm.run(start, 50, forcing=wind)
    by_model = windy.run(start, 50)
    assert (by_call.u - by_model.u).abs().max() < 1e-4 * by_model.u.abs().max()
    assert (calm.run(start, 50).u - by_model.u).abs().max() > 0.01


def test_a_forcing_at_centres_and_its_gradient():
    model = Model(ny=6, nx=8, **FLAT)
    start = model.rest().to(torch.float64)
    field = torch.zeros(2, 6, 8, dtype=torch.float64)
    field[0], field[1, 2] = 1e-6, 2e-6
    rate = model.tendency(start, field.requires_grad_())
    same(rate.u[0, :, 1:-1], torch.full((6, 7), 1e-6, dtype=torch.float64))
    same(rate.v[0, :, 3], 1e-6 * torch.tensor([0, 0, 1, 1, 0, 0, 0]).double())
    assert rate.u[..., 0].abs().max() == 0
    (gradient,) = torch.autograd.grad(model.step(start, field).u.sum(), field)
    assert gradient[0, 3, 3] > 0.9 * model.dt


def test_fields_at_centres():
    model = Model(ny=5, nx=7)
    u, v, h = state = random_state(model)
    centred = shallow_water.at_centres(state)
    assert centred.shape == (2, 3, 5, 7)
    same(centred[:, 0], (u[..., 1:] + u[..., :-1]) / 2)
    same(centred[:, 1], (v[:, 1:] + v[:, :-1]) / 2)
    assert torch.equal(centred[:, 2], h)


def test_bad_input_is_named():
    for name in ("ny", "dx", "dt", "depth", "gravity", "density"):
        with pytest.raises(ValueError, match=f"{name} must be positive; seen 0"):
            Model(**{name: 0.0})
    with pytest.raises(ValueError, match="viscosity must be positive; seen -1"):
        Model(viscosity=-1.0)
    model = Model(ny=6, nx=8)
    state = model.rest()
    with pytest.raises(ValueError, match=r"u is \(1, 6, 9\); seen \(1, 6, 8\)"):
        model.run(state._replace(u=state.h), 1)
    with pytest.raises(ValueError, match="every >= 1; seen 3, 0"):
        model.run(state, 3, every=0)
    with pytest.raises(shallow_water.UnstableStep, match="ran dry before step 300"):
        dataclasses.replace(model, wind=500.0).run(state, 300, every=300)


def test_a_gpu_gives_what_the_cpu_gives():
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    model = Model(ny=20, nx=20)
    start = random_state(model)
    there = model.run(start.to("cuda"), 100, every=100)
    assert there.h.device.type == "cuda"
    here = model.run(start, 100, every=100)
    assert (there.h.cpu() - here.h).abs().max() < 1e-6
