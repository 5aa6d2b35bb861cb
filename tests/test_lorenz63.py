"""Lorenz-63 against an independent integrator, and against what is known of it."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from course_lib.datasets import lorenz63


def reference(start, times) -> np.ndarray:
    """SciPy's DOP853 at a relative tolerance of 1e-10, with equations of its own."""

    def slope(_, s):
        return 10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]

    limits = (0.0, times[-1])
    options = {"t_eval": times, "rtol": 1e-10, "atol": 1e-12}
    return solve_ivp(slope, limits, start, "DOP853", **options).y.T


@pytest.fixture(scope="module")
def starts():
    return lorenz63.trajectories(5, 1, seed=3, dtype=torch.float64)[:, 0]


def test_equal_to_scipy_before_divergence(starts):
    times = np.arange(0, 3.001, 0.005)
    ours = lorenz63.integrate(starts, 600, dt=0.005)
    for start, series in zip(starts, ours, strict=True):
        difference = np.abs(series.numpy() - reference(start.numpy(), times))
        assert difference[:200].max() < 1e-4
        assert difference.max() < 3e-3


def test_order_of_convergence_is_four(starts):
    errors, steps = [], (10, 20, 40, 80)
    exact = [reference(s.numpy(), np.array([0.0, 0.5]))[-1] for s in starts]
    for n in steps:
        last = lorenz63.integrate(starts, n, dt=0.5 / n, every=n)[:, -1]
        errors.append(np.abs(last.numpy() - exact).mean())
    slope = -np.polyfit(np.log(steps[1:]), np.log(errors[1:]), 1)[0]
    assert slope == pytest.approx(4, abs=0.2)


def test_statistics_of_the_attractor():
    """Mean z and symmetry; <x²> = <xy> and β<z> = <xy> hold since averages rest."""
    x, y, z = lorenz63.trajectories(500, 5000, every=5, seed=1).double().unbind(-1)
    assert z.mean().item() == pytest.approx(23.55, abs=0.1)
    assert abs(x.mean()) < 0.15
    assert abs(y.mean()) < 0.15
    assert (x * y).mean().item() == pytest.approx((x * x).mean().item(), rel=5e-3)
    assert (8 / 3 * z).mean().item() == pytest.approx((x * y).mean().item(), rel=5e-3)
    # the equations do not change under (x, y, z) -> (−x, −y, z): neither do the tails
    low, high = np.quantile(x, (0.05, 0.95))
    assert high == pytest.approx(-low, rel=0.03)


def test_largest_lyapunov_exponent():
    """Growth of a tiny error, shortened again and again (Benettin et al., 1980)."""
    states = lorenz63.trajectories(200, 1, seed=2, dtype=torch.float64)[:, 0]
    generator = torch.Generator().manual_seed(0)
    tiny = 1e-7 * torch.randn(states.shape, generator=generator, dtype=torch.float64)
    growth, rounds, span = [], 60, 100
    for _ in range(rounds):
        both = lorenz63.integrate(
            torch.stack([states, states + tiny]), span, every=span
        )
        states, moved = both[:, :, -1]
        growth.append((moved - states).norm(dim=1) / tiny.norm(dim=1))
        tiny = 1e-7 * torch.nn.functional.normalize(moved - states, dim=1)
    exponent = torch.stack(growth[5:]).log().mean() / (span * 0.01)
    assert exponent.item() == pytest.approx(0.906, abs=0.02)
    assert exponent.item() * lorenz63.LYAPUNOV_TIME == pytest.approx(1, abs=0.03)


def test_a_seed_gives_the_same_trajectories_and_another_one_others():
    a, b, c = (lorenz63.trajectories(4, 10, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert (a[:, 0] - c[:, 0]).abs().min() > 1e-3
    assert a.dtype is torch.float32


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3)])
def test_any_leading_shape_and_kept_steps(shape):
    start = torch.randn(shape, dtype=torch.float64, generator=torch.Generator())
    every_step = lorenz63.integrate(start, 12)
    assert every_step.shape == (*shape[:-1], 13, 3)
    assert torch.equal(every_step[..., 0, :], start)
    assert torch.equal(lorenz63.integrate(start, 12, every=4), every_step[..., ::4, :])


def test_other_parameters_rest_at_their_fixed_points():
    """Below ρ = 24.06 the two fixed points attract; x² = β(ρ − 1)."""
    start = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    end = lorenz63.integrate(start, 20_000, parameters=(10, 14, 8 / 3))[0, -1]
    assert end[0].square().item() == pytest.approx(8 / 3 * 13, rel=1e-6)
    assert lorenz63.tendency(end, rho=14).abs().max() < 1e-6


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"3 components last; seen \(4, 2\)"):
        lorenz63.integrate(torch.zeros(4, 2), 5)
    with pytest.raises(ValueError, match="dt > 0"):
        lorenz63.integrate(torch.ones(3), 5, dt=0)
    with pytest.raises(lorenz63.UnstableStep, match=r"below 1\.0"):
        lorenz63.integrate(torch.ones(4, 3), 100, dt=1.0)
    with pytest.raises(ValueError, match="2 states in each window"):
        lorenz63.windows(5, 5, 5, length=1)
    with pytest.raises(ValueError, match="every"):
        lorenz63.observe(torch.zeros(1, 5, 3), every=6)


def test_windows_share_nothing():
    """Each is a trajectory of its own: no state of one is a state of another."""
    data = lorenz63.windows(60, 20, 20, length=12, seed=4)
    assert [len(p) for p in (data.train, data.valid, data.test)] == [60, 20, 20]
    every = torch.cat([data.train, data.valid, data.test]).flatten(0, 1)
    distance = torch.cdist(every, every) + 10 * torch.eye(len(every))
    assert distance.min() > 0


def test_windows_are_scaled_by_the_training_part_alone():
    data = lorenz63.windows(400, 20, 20, length=12, seed=4)
    assert data.train.mean((0, 1)).abs().max() < 1e-5
    assert (data.train.std((0, 1)) - 1).abs().max() < 1e-5
    more = lorenz63.windows(400, 20, 60, length=12, seed=4)
    assert more.test.shape == (60, 12, 3)
    steps = lorenz63.integrate(data.restore(data.test[:, 0]), 11)
    assert (steps - data.restore(data.test)).abs().max() < 0.02


def test_noise_touches_training_and_validation_only():
    clean = lorenz63.windows(300, 100, 50, length=10, seed=5)
    noisy = lorenz63.windows(300, 100, 50, length=10, noise=0.5, seed=5)
    for part, expected in (("train", 0.5), ("valid", 0.5), ("test", 0.0)):
        pair = (data.restore(getattr(data, part)) for data in (noisy, clean))
        difference = next(pair) - next(pair)
        assert difference.std().item() == pytest.approx(expected, rel=0.03, abs=1e-4)


def test_regular_observations():
    truth = lorenz63.trajectories(200, 40, seed=6)
    seen = lorenz63.observe(truth, every=8, variance=2.0, components=(0, 2), seed=1)
    mask = seen.isfinite()
    assert mask[:, ::8, [0, 2]].all()
    assert mask.sum() == 200 * 6 * 2
    error = (seen - truth)[mask]
    assert error.var().item() == pytest.approx(2.0, rel=0.1)
    assert abs(error.mean()) < 0.1


def test_irregular_observations_are_as_many_at_other_times():
    truth = lorenz63.trajectories(50, 39, seed=6)
    seen = lorenz63.observe(truth, every=8, irregular=True, seed=1).isfinite()
    assert (seen.sum((1, 2)) == 3 * 5).all()
    assert len({tuple(row[:, 0].tolist()) for row in seen}) > 40
    assert torch.equal(seen[..., 0], seen[..., 2])


def test_a_gpu_gives_what_the_cpu_gives(starts):
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    there = lorenz63.integrate(starts.cuda(), 300).cpu()
    assert (there - lorenz63.integrate(starts, 300)).abs().max() < 1e-6
    series = lorenz63.trajectories(4, 20, seed=0, device="cuda")
    assert series.device.type == "cuda"
