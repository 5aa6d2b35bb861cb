"""Advection against exact solutions: translation, rotation, diffusion."""

import math
from itertools import pairwise

import pytest
import torch

from course_lib.datasets import UnstableStep, advection

ONE = torch.ones(1, 1, dtype=torch.float64)


def pattern(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """A smooth pattern of period 2π, different in x and y."""
    return torch.exp(torch.sin(x) + torch.cos(2 * y[:, None]))


def points(n: int) -> torch.Tensor:
    return 2 * math.pi * torch.arange(n, dtype=torch.float64) / n


@pytest.fixture(scope="module")
def rough() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 12, 17, generator=generator, dtype=torch.float64)


def test_translation_by_whole_cells_is_a_roll(rough):
    series = advection.advect(rough, 3 * ONE, -2 * ONE, 5, dt=4.0, dx=2.0)
    assert series.shape == (3, 6, 12, 17)
    assert torch.equal(series[:, 0], rough)
    for n in range(6):
        exact = rough.roll((-4 * n, 6 * n), (-2, -1))
        assert (series[:, n] - exact).abs().max() < 1e-12


def test_the_exact_translation_is_exact(rough):
    moved = advection.translated(rough, 6.0, -2.0, dx=2.0)
    assert (moved - rough.roll((-1, 3), (-2, -1))).abs().max() < 1e-12
    x = points(32)
    moved = advection.translated(pattern(x, x), 1.0, 0.7, dx=2 * math.pi / 32)
    assert (moved - pattern(x - 1, x - 0.7)).abs().max() < 1e-5


def test_translation_by_fractions_converges_at_third_order_in_dx():
    """Cubic splines err by dx⁴ a step, and twice the grid takes twice the steps."""
    errors = []
    for n in (64, 128, 256):
        x, dx, n_steps = points(n), 2 * math.pi / n, n // 4
        end = advection.advect(pattern(x, x), ONE, 0.7 * ONE, n_steps, 1 / n_steps, dx)
        errors.append((end[-1] - pattern(x - 1, x - 0.7)).abs().max().item())
    assert errors[1] < 5e-4
    for coarse, fine in pairwise(errors):
        assert math.log2(coarse / fine) > 2.9


def test_one_turn_of_a_gaussian():
    """Error, and its order in dx at fixed Courant number (dt falls with dx)."""
    errors = []
    for n in (32, 64, 128):
        tracer, u, v = advection.turning_gaussian(n, 0.0)
        end = advection.advect(tracer, u, v, 2 * n, 1 / (2 * n), 1 / n)[-1]
        errors.append((end - tracer).abs().max().item())
        assert end.min() > -5e-4
    assert errors[1] < 0.01
    assert errors[2] < 0.0015
    assert math.log2(errors[1] / errors[2]) > 2.5


def test_a_quarter_turn_is_anticlockwise_and_spreads():
    """v > 0 east of the middle; with diffusion the Gaussian grows by 2Dt."""
    start, u, v = advection.turning_gaussian(64, 0.0)
    exact, *_ = advection.turning_gaussian(64, 0.25, diffusivity=2e-3)
    end = advection.advect(start, u, v, 64, 0.25 / 64, 1 / 64, 2e-3)[-1]
    row, column = divmod(end.argmax().item(), 64)
    assert (row + 0.5) / 64 == pytest.approx(0.7, abs=0.02)
    assert (column + 0.5) / 64 == pytest.approx(0.5, abs=0.02)
    assert exact.max() == pytest.approx(0.06**2 / (0.06**2 + 1e-3), rel=0.02)
    assert (end - exact).abs().max() < 0.003
    assert exact.sum() == pytest.approx(start.sum().item(), rel=1e-3)


def test_trajectories_are_fourth_order_in_time():
    """A Gaussian turned with few steps lands where Runge–Kutta puts it."""
    errors = []
    for n_steps in (16, 32):
        tracer, u, v = advection.turning_gaussian(128, 0.0)
        end = advection.advect(tracer, u, v, n_steps, 1 / n_steps, 1 / 128)[-1]
        errors.append((end - tracer).abs().max().item())
    assert math.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.4)
    assert errors[1] < 5e-4


def test_short_waves_do_not_grow():
    """A spline alone makes 2.8 into 80 in 600 steps of these patterns, unseen."""
    first, flow = advection.moving_patterns(1, 1, size=64, seed=1)
    first, (u, v) = first[0, 0].double(), flow[0].double()
    series = advection.advect(first, u, v, 600, 1.0, 1.0, every=100)
    assert series.abs().amax((-2, -1)).max() < 1.1 * first.abs().max()
    tracer, u, v = advection.turning_gaussian(64, 0.0)
    end = advection.advect(tracer, u, v, 256, 1 / 128, 1 / 64, every=256)[-1]
    assert (end - tracer).abs().max() < 0.03  # two turns, with a jump at the edges


def test_a_step_far_too_long_is_named():
    first, flow = advection.moving_patterns(1, 1, size=32, seed=1)
    u, v = 50 * flow[0]
    with pytest.raises(UnstableStep, match=r"after \d+ steps of 1 s.*dt \|∇u\| < 1"):
        advection.advect(first[0, 0], u, v, 3000, 1.0, 1.0, every=50)


@pytest.mark.parametrize(("k_x", "k_y"), [(2, 0), (0, 3), (1, 2)])
def test_diffusion_damps_a_wave_exactly(k_x, k_y):
    n, dx, diffusivity, dt = 16, 500.0, 30.0, 4000.0
    x = points(n)
    wave = torch.cos(k_x * x + k_y * x[:, None])
    series = advection.advect(wave, 0 * ONE, 0 * ONE, 6, dt, dx, diffusivity, every=3)
    k2 = (k_x**2 + k_y**2) * (2 * math.pi / (n * dx)) ** 2
    for row, time in zip(series, (0, 3 * dt, 6 * dt), strict=True):
        exact = math.exp(-diffusivity * k2 * time) * wave
        torch.testing.assert_close(row, exact, rtol=0, atol=1e-12)
    assert math.exp(-diffusivity * k2 * 6 * dt) < 0.9


def test_an_edge_overshoots_by_no_more_than_stated():
    """The worst there is for a cubic spline: an edge between 0 and 1."""
    box = torch.zeros(64, 64, dtype=torch.float64)
    box[:, 20:40] = 1
    slow = advection.advect(box, 0.05 * ONE, 0 * ONE, 400, 1.0, 1.0)
    fast = advection.advect(box, 0.4 * ONE, 0 * ONE, 1, 1.0, 1.0)
    assert 0.05 < fast.max() - 1 < 0.12
    assert max(slow.max() - 1, -slow.min()) < 0.25
    box[:20] = box[40:] = 0
    slow = advection.advect(box, 0.05 * ONE, 0.05 * ONE, 400, 1.0, 1.0)
    fast = advection.advect(box, 0.4 * ONE, 0.4 * ONE, 1, 1.0, 1.0)
    assert fast.max() - 1 < 0.25
    assert max(slow.max() - 1, -slow.min()) < 0.55


def test_a_uniform_flow_keeps_the_mean(rough):
    series = advection.advect(rough, 0.3 * ONE, -0.8 * ONE, 50, 1.0, 1.0, 0.01)
    mean = series.mean((-2, -1))
    assert (mean - mean[:, :1]).abs().max() < 1e-13


def test_a_flow_that_evolves():
    """u = 3 cos 2πt moves a pattern by 3 sin(2πt)/2π and back, v = 2t by t²."""
    n, n_steps = 64, 40
    x = points(n)
    series = advection.advect(
        pattern(x, x),
        lambda t: 3 * math.cos(2 * math.pi * t) * ONE,
        lambda t: torch.tensor(2 * t),
        n_steps,
        1 / n_steps,
        2 * math.pi / n,
        every=10,
    )
    for row, t in zip(series, (0, 0.25, 0.5, 0.75, 1), strict=True):
        move = 3 * math.sin(2 * math.pi * t) / (2 * math.pi)
        assert (row - pattern(x - move, x - t**2)).abs().max() < 0.01


def test_axes_units_and_broadcast(rough):
    """A flow for all tracers, and one for each; shear in y moves along x alone."""
    wave = torch.cos(2 * points(16)).expand(3, 32, 16)  # long enough not to be damped
    series = advection.advect(wave, points(32).cos()[:, None], 0 * ONE, 4, 1.0, 1.0)
    for j, cells in ((0, 4), (8, 0), (16, -4)):
        assert (series[:, -1, j] - wave[:, j].roll(cells, -1)).abs().max() < 0.02
    each = torch.tensor([1.0, 0.0, -2.0], dtype=torch.float64)[:, None, None]
    series = advection.advect(rough, 0 * each, each, 1, 1.0, 1.0)
    for tracer, moved, cells in zip(rough, series[:, 1], (1, 0, -2), strict=True):
        assert (moved - tracer.roll(cells, 0)).abs().max() < 1e-12


@pytest.fixture(scope="module")
def patterns() -> advection.Patterns:
    return advection.moving_patterns(200, 6, seed=3)


def test_moving_patterns(patterns):
    frames, flows = patterns
    assert frames.shape == (200, 6, 32, 32)
    assert flows.shape == (200, 2, 32, 32)
    assert frames.dtype is flows.dtype is torch.float32
    speed = flows.square().sum(1).sqrt().amax((-2, -1))
    assert speed.min() >= 0.2 - 1e-5
    assert 0.65 < speed.max() < 0.7 + 1e-5
    first = frames[:, 0]
    torch.testing.assert_close(first.square().mean((-2, -1)), torch.ones(200))
    again = advection.moving_patterns(200, 6, seed=3)
    assert torch.equal(again.frames, frames)
    assert not torch.equal(advection.moving_patterns(3, 2, seed=4).flows, flows[:3])


def test_flows_of_patterns_have_no_divergence_and_no_mean(patterns):
    u, v = torch.fft.fft2(patterns.flows.double()).unbind(1)
    k = 2 * math.pi * torch.fft.fftfreq(32, dtype=torch.float64)
    divergence = torch.fft.ifft2(1j * (k * u + k[:, None] * v)).abs().amax((-2, -1))
    vorticity = torch.fft.ifft2(1j * (k * v - k[:, None] * u)).abs().amax((-2, -1))
    assert (divergence / vorticity).max() < 1e-4
    assert patterns.flows.mean((-2, -1)).abs().max() < 1e-6


def test_patterns_obey_the_equation(patterns):
    """Against a spectral Runge–Kutta integration; mean, variance, maximum; movement."""
    frames, (u, v) = patterns.frames.double(), patterns.flows.double().unbind(1)
    k = 2 * math.pi * torch.fft.fftfreq(32, dtype=torch.float64)
    k_x, k_y = k, k[:, None]

    def slope(tracer):
        hat = torch.fft.fft2(tracer)
        d_dx, d_dy = (torch.fft.ifft2(1j * w * hat).real for w in (k_x, k_y))
        spread = torch.fft.ifft2(-0.02 * (k_x**2 + k_y**2) * hat).real
        return spread - u * d_dx - v * d_dy

    now, dt = frames[:, 0], 0.1
    for _ in range(50):
        a = slope(now)
        b = slope(now + dt / 2 * a)
        c = slope(now + dt / 2 * b)
        now = now + dt / 6 * (a + 2 * b + 2 * c + slope(now + dt * c))
    error = (frames[:, -1] - now).square().mean().sqrt()
    moved = (frames[:, -1] - frames[:, 0]).square().mean().sqrt()
    assert error < 0.01 * moved
    assert moved > 0.2
    drift = frames.mean((-2, -1)) - frames[:, :1].mean((-2, -1))
    assert drift.abs().max() < 5e-4
    assert (
        frames[:, 1:].amax((-2, -1)) / frames[:, 0].amax((-2, -1))[:, None]
    ).max() < 1.1


def test_bad_input_is_named(rough):
    with pytest.raises(ValueError, match=r"4 points or more each way.*\(3, 17\)"):
        advection.advect(rough[0, :3], ONE, ONE, 1, 1.0, 1.0)
    land = torch.where(rough > 2, torch.nan, rough)
    with pytest.raises(ValueError, match=r"\d+ values of the tracer are NaN: fill"):
        advection.advect(land, ONE, ONE, 1, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"seen torch\.int64"):
        advection.advect(rough.long(), ONE, ONE, 1, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"dt, dx > 0.*seen 0.0, 1.0"):
        advection.advect(rough, ONE, ONE, 1, 0.0, 1.0)
    with pytest.raises(ValueError, match=r"shape \(3, 12, 17\); seen \(2, 12, 17\)"):
        advection.advect(rough, rough[:2], ONE, 1, 1.0, 1.0)
    with pytest.raises(ValueError, match="size >= 8 pixels; seen 1, 2, 4"):
        advection.moving_patterns(1, 2, size=4)


def test_a_gpu_gives_what_the_cpu_gives(patterns):
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    there = advection.moving_patterns(200, 6, seed=3, device="cuda")
    assert there.frames.device.type == "cuda"
    assert (there.frames.cpu() - patterns.frames).abs().max() < 1e-4
