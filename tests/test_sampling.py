"""Masks are where geometry says; errors and clouds have the statistics asked for."""

import math

import numpy as np
import pytest
import torch

from course_lib.datasets import sampling

LENGTH, N = 1e6, 64
R = 6.371e6


def square(n=N):
    centres = (np.arange(n) + 0.5) * LENGTH / n
    return sampling.plane(centres, centres)


def test_tracks_are_lines_of_that_angle_that_far_apart():
    """A straight line is fitted to the points under each track."""
    grid = square(200)
    tracks = sampling.ground_tracks(grid, 1, angle=20, spacing=400e3, repeat=1, seed=3)
    y, x = (f.expand(200, 200).numpy() for f in (grid.y, grid.x))
    for direction, sign in ((0, 1), (1, -1)):
        across, line = (f[direction, 0] for f in (tracks.across, tracks.line))
        starts = []
        for number in line.unique():
            under = ((across.abs() < 3e3) & (line == number)).numpy()
            if under.sum() < 50:
                continue
            slope, start = np.polyfit(y[under], x[under], 1)
            assert math.degrees(math.atan(slope)) == pytest.approx(sign * 20, abs=0.3)
            starts.append(start)
        np.testing.assert_allclose(np.diff(starts), 400e3, rtol=0.01)
    # across the track one walks `across` metres along `sign * 20°` from the east
    moved = torch.gradient(tracks.across[0, 0], spacing=LENGTH / 200, dim=1)[0]
    assert moved.median().item() == pytest.approx(math.cos(math.radians(20)), abs=1e-4)
    along = torch.gradient(tracks.along[1, 0], spacing=LENGTH / 200)
    assert along[0].mean().item() == pytest.approx(math.cos(math.radians(20)), abs=1e-4)
    assert along[1].mean().item() == pytest.approx(
        -math.sin(math.radians(20)), abs=1e-4
    )


def test_a_cycle_flies_every_line_once_and_comes_again():
    tracks = sampling.ground_tracks(square(), 10, spacing=200e3, repeat=5, seed=1)
    masks = sampling.nadir_mask(tracks)
    assert masks.shape == (10, N, N)
    assert torch.equal(masks[:5], masks[5:])
    once = sampling.ground_tracks(square(), 1, spacing=200e3, repeat=1, seed=1)
    of_cycle = (tracks.across[:, :5].abs() < 10e3).sum(
        1
    )  # how often each point is seen
    assert of_cycle.max() == 1
    share = (once.across.abs() < 10e3).float().mean().item()
    assert of_cycle.float().mean().item() == pytest.approx(share, rel=0.05)
    for direction in range(2):
        across = tracks.across[direction, :5]
        nearest = across.abs().amin(0)
        assert nearest.max() <= 100e3 * math.cos(math.radians(29)) + 1


def test_the_simulators_square_has_one_or_two_tracks():
    """11 maps two days apart; a track is as long as the square, and 64 rows high."""
    masks = [
        sampling.nadir_mask(sampling.ground_tracks(square(), 11, seed=seed))
        for seed in range(20)
    ]
    tracks = torch.stack(masks).float().sum((-1, -2)) / N
    assert 1 < tracks.mean().item() < 2.2
    assert tracks.min() > 0.3
    assert not torch.equal(masks[0], masks[1])
    again = sampling.nadir_mask(sampling.ground_tracks(square(), 11, seed=0))
    assert torch.equal(masks[0], again)


def test_a_track_crosses_all_rows_without_holes():
    tracks = sampling.ground_tracks(square(), 5, angle=29, spacing=50e3, repeat=4)
    for direction in range(2):
        one = sampling.Tracks(
            tracks.across[direction, None],
            tracks.along[direction, None],
            tracks.line[direction, None],
            tracks.half,
        )
        rows = sampling.nadir_mask(one).sum(-1)  # 1000 km of row, a track each 200 km
        assert rows.min() >= 4
        assert rows.max() <= 12


def test_swath_has_its_width_and_its_gap():
    grid = square(500)  # steps of 2 km
    tracks = sampling.ground_tracks(grid, 1, angle=13, spacing=900e3, repeat=1, seed=2)
    upward = sampling.Tracks(tracks.across[:1], tracks.along, tracks.line, tracks.half)
    swath, distance = sampling.swath_mask(upward), tracks.across[0].abs()
    assert distance[swath].min() == pytest.approx(10e3, abs=100)
    assert distance[swath].max() == pytest.approx(60e3, abs=100)
    share = swath.float().mean().item()
    period = 900e3 * math.cos(math.radians(13))
    width = swath[0, 250].sum().item() * 2e3
    assert width * math.cos(math.radians(13)) == pytest.approx(100e3, abs=5e3)
    assert share == pytest.approx(100e3 / period, rel=0.15)
    swath, with_line = (sampling.swath_mask(tracks, nadir=n) for n in (False, True))
    assert torch.equal(with_line & ~swath, sampling.nadir_mask(tracks) & ~swath)
    assert (with_line & ~swath).any()


def test_on_the_sphere_distances_are_those_on_the_ground():
    """Great-circle distances (haversine) to the points where `across` changes sign."""
    lat, lon = np.arange(30.0, 46, 0.02), np.arange(-6.0, 37, 0.125)
    grid = sampling.sphere(lat, lon)
    tracks = sampling.ground_tracks(grid, 1, angle=25, spacing=800e3, repeat=1, seed=1)
    across = tracks.across[0, 0].double().numpy()
    left, right = across[:, :-1], across[:, 1:]
    i, j = np.nonzero((left < 0) & (right >= 0) & (right - left < 20e3))
    share = -left[i, j] / (right - left)[i, j]
    s, t = np.deg2rad(lat[i]), np.deg2rad(lon[j] + 0.125 * share)
    near = np.argwhere((np.abs(across) < 60e3) & (np.abs(across) > 10e3))
    near = near[(near[:, 0] > 100) & (near[:, 0] < 700)][::97]
    p, q = (np.deg2rad(lat[near[:, :1]]), np.deg2rad(lon[near[:, 1:]]))
    half = np.sin((p - s) / 2) ** 2 + np.cos(p) * np.cos(s) * np.sin((q - t) / 2) ** 2
    ground = (2 * R * np.arcsin(np.sqrt(half))).min(1)
    ours = np.abs(across[near[:, 0], near[:, 1]])
    inside = (q[:, 0] > np.deg2rad(-5)) & (q[:, 0] < np.deg2rad(36))
    assert inside.sum() > 200
    np.testing.assert_allclose(ours[inside], ground[inside], rtol=0.02, atol=300)


def test_heading_on_the_ground_is_the_angle_at_all_latitudes():
    lat, lon = np.arange(30.0, 60, 0.05), np.arange(0.0, 20, 0.05)
    tracks = sampling.ground_tracks(sampling.sphere(lat, lon), 1, angle=25, repeat=1)
    across = tracks.across[0, 0].double().numpy()
    for row in (50, 300, 550):
        north = np.gradient(across, R * np.deg2rad(0.05), axis=0)[row]
        east = np.gradient(across, R * np.deg2rad(0.05), axis=1)[row]
        east = east / np.cos(np.deg2rad(lat[row]))
        angle = np.degrees(np.arctan2(-north, east))
        assert np.median(angle) == pytest.approx(25, abs=1.0)
        assert np.median(np.hypot(north, east)) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("inclination", "revolutions"), [(66.04, 12.8), (77.6, 14.0), (98.65, 14.27)]
)
def test_track_angle_against_an_orbit(inclination, revolutions):
    """Positions on an inclined circle, over an Earth that turns."""
    i, t = math.radians(inclination), np.linspace(0, 0.25 / revolutions, 100_001)
    u = 2 * np.pi * revolutions * t  # from the equator to the northernmost point
    phi = np.arcsin(np.sin(i) * np.sin(u))
    lam = np.arctan2(np.cos(i) * np.sin(u), np.cos(u)) - 2 * np.pi * t
    at = np.searchsorted(phi, math.radians(40))
    north = phi[at + 1] - phi[at - 1]
    east = (lam[at + 1] - lam[at - 1]) * np.cos(phi[at])
    angle = sampling.track_angle(40, inclination, revolutions)
    assert angle == pytest.approx(math.degrees(math.atan2(east, north)), abs=0.01)


def test_batches_differ_and_keep_their_shape():
    tracks = sampling.ground_tracks(square(), 3, batch=(4, 2), seed=5)
    masks = sampling.swath_mask(tracks)
    assert masks.shape == (4, 2, 3, N, N)
    assert len({m.numpy().tobytes() for m in masks.flatten(0, 1)}) == 8
    noise = sampling.swath_noise(tracks, seed=5)
    assert noise.shape == masks.shape
    assert torch.equal(noise, sampling.swath_noise(tracks, seed=5))


def test_noise_of_nadir_and_swath():
    noise = sampling.nadir_noise((50, 40, 40), std=0.03, seed=1)
    assert noise.std().item() == pytest.approx(0.03, rel=0.02)
    assert torch.equal(noise, sampling.nadir_noise((50, 40, 40), std=0.03, seed=1))
    options = {"angle": 13, "spacing": 700e3, "repeat": 1, "batch": (400,)}
    tracks = sampling.ground_tracks(square(32), 1, seed=1, **options)
    roll = sampling.swath_noise(tracks, white=0, roll=0.03, seed=2)
    white = sampling.swath_noise(tracks, white=0.005, roll=0, seed=2)
    distance = tracks.across.abs().amin(-4)
    for far in (20e3, 40e3, 55e3):  # linear across the swath
        there = (distance - far).abs() < 4e3
        expected = 0.03 * distance[there].square().mean().sqrt().item() / 60e3
        assert roll[there].std().item() == pytest.approx(expected, rel=0.12)
    assert white[distance <= 60e3].std().item() == pytest.approx(0.005, rel=0.02)
    assert (roll[distance > 60e3] == 0).all()
    assert (white[distance > 60e3] == 0).all()


def test_roll_is_antisymmetric_and_correlated_along_its_own_track():
    options = {"angle": 0, "spacing": 400e3, "repeat": 1, "batch": (600,)}
    tracks = sampling.ground_tracks(square(32), 1, seed=1, **options)
    roll = sampling.swath_noise(tracks, white=0, roll=1, length=250e3, seed=2)[:, 0]
    across, line = tracks.across[:, 0, 0], tracks.line[:, 0, 0]
    # angle 0: ascending and descending differ in place, take where ascending is nearer
    nearer = (across.abs() < tracks.across[:, 1, 0].abs()) & (across.abs() < 60e3)
    angle = torch.where(nearer, roll / across * 60e3, torch.nan)
    columns = [angle[:, :, j] for j in range(32)]
    column = torch.cat(columns)[torch.cat(columns).isfinite().all(1)]  # (n, 32 rows)
    for lag in (4, 8, 16):  # 125, 250, 500 km
        measured = (column[:, lag:] * column[:, :-lag]).mean().item()
        expected = math.exp(-((lag * LENGTH / 32) ** 2) / 2 / 250e3**2)
        assert measured == pytest.approx(expected, abs=0.12)
    left = torch.where(across < 0, angle, torch.nan)[:, 16]  # the row in the middle
    right = torch.where(across > 0, angle, torch.nan)[:, 16]
    means = torch.full((2, 600, 5), torch.nan)  # by side, member and line
    for k in range(5):
        there = line[:, 16] == k - 2
        means[0, :, k] = torch.where(there, left, torch.nan).nanmean(1)
        means[1, :, k] = torch.where(there, right, torch.nan).nanmean(1)
    both = means.isfinite().all(0)
    assert both.sum() > 500
    torch.testing.assert_close(means[0][both], means[1][both], atol=1e-3, rtol=1e-3)
    pairs = [means[0][:, [k, k + 1]] for k in range(4)]  # neighbours: each its own
    pairs = torch.cat(pairs)
    pairs = pairs[pairs.isfinite().all(1)]
    assert len(pairs) > 200
    assert abs((pairs[:, 0] * pairs[:, 1]).mean().item()) < 0.25


def test_clouds_have_their_cover_and_correlation():
    """Of a Gaussian field cut at its median, the signs correlate as 2/π arcsin ρ."""
    clouds = sampling.cloud_mask((200, 3, 48, 48), 0.5, scale=5, drift=(0, 0), seed=1)
    assert clouds.dtype == torch.bool
    assert clouds.float().mean().item() == pytest.approx(0.5, abs=0.015)
    sign = 2.0 * clouds - 1
    for lag, rho in ((5, math.exp(-1)), (10, math.exp(-2))):
        for moved in (sign.roll(lag, -1)[..., lag:], sign.roll(lag, -2)[..., lag:, :]):
            still = sign[..., lag:] if moved.shape[-1] < 48 else sign[..., lag:, :]
            measured = (moved * still).mean().item()
            assert measured == pytest.approx(2 / math.pi * math.asin(rho), abs=0.05)
    after = (sign[:, 0] * sign[:, 1]).mean().item()
    assert after == pytest.approx(2 / math.pi * math.asin(math.exp(-1)), abs=0.03)


@pytest.mark.parametrize("cover", [0.2, 0.6, 0.9])
def test_each_point_and_time_has_the_cover_asked_for(cover):
    clouds = sampling.cloud_mask((1500, 4, 12, 10), cover, scale=2, seed=4).float()
    assert clouds.shape == (1500, 4, 12, 10)
    np.testing.assert_allclose(clouds.mean(0), cover, atol=0.06)
    np.testing.assert_allclose(clouds.mean((0, 2, 3)), cover, atol=0.015)


def test_clouds_drift_and_come_again():
    options = {"persistence": 8.0, "drift": (1, 3), "seed": 2}
    clouds = sampling.cloud_mask((50, 2, 40, 40), 0.5, **options)
    sign = 2.0 * clouds - 1
    moved = (sign[:, 1, 1:, 3:] * sign[:, 0, :-1, :-3]).mean()
    other = (sign[:, 1, :-1, :-3] * sign[:, 0, 1:, 3:]).mean()
    assert moved > other + 0.2
    assert torch.equal(clouds, sampling.cloud_mask((50, 2, 40, 40), 0.5, **options))
    alone = sampling.cloud_mask((2, 40, 40), 0.5, **options)
    assert alone.shape == (2, 40, 40)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"y: \(n,\) .* seen \(1,\)"):
        sampling.plane([0.0], [0.0, 1.0])
    with pytest.raises(ValueError, match=r"longitude: .*rising or falling"):
        sampling.sphere([30, 31], [359.0, 0.0, 1.0])
    with pytest.raises(ValueError, match=r"seen 89.0"):
        sampling.sphere([80.0, 89.0], [0.0, 1.0])
    with pytest.raises(ValueError, match="spacing > 0"):
        sampling.ground_tracks(square(), 3, spacing=0)
    with pytest.raises(ValueError, match="gap 130000"):
        sampling.swath_mask(sampling.ground_tracks(square(), 1), gap=130_000)
    with pytest.raises(ValueError, match="does not reach latitude 70"):
        sampling.track_angle(70)
    with pytest.raises(ValueError, match="0 < cover < 1"):
        sampling.cloud_mask((2, 8, 8), 1.0)
    with pytest.raises(ValueError, match="3 axes"):
        sampling.cloud_mask((8, 8))
