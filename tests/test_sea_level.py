"""The simulated ocean obeys its equations; the real one opens as the simulated."""

import numpy as np
import pytest

from course_lib.datasets import sea_level


def test_simulation_is_cf_and_reproducible():
    ocean, again = sea_level.simulate(8), sea_level.simulate(8)
    assert ocean.ssh.dims == ("time", "latitude", "longitude")
    assert ocean.ssh.attrs["units"] == "m"
    assert ocean.latitude.attrs["units"] == "degrees_north"
    assert ocean.equals(again)
    assert not ocean.equals(sea_level.simulate(8, seed=1))
    assert 0.03 < float(ocean.ssh.std()) < 0.15


def test_waves_obey_the_dispersion_relation():
    """A wave alone repeats after its period and moves west at its phase speed."""
    k = 2 * np.pi / 600e3
    speed = sea_level.BETA / (k**2 + sea_level.DEFORMATION_RADIUS**-2)
    x = np.linspace(0, 3000e3, 301)[None, None, :]
    y = np.zeros((1, 1, 1))
    t = np.array([0.0, 10e3 / speed])[:, None, None]  # one grid step of 10 km
    only_first = sea_level.rossby_waves(t, y, x) - others(t, y, x)
    np.testing.assert_allclose(only_first[1, 0, :-1], only_first[0, 0, 1:], atol=1e-6)
    assert 0.01 < speed < 0.05  # m/s, as altimetry sees them at 30°N


def others(t, y, x):
    """The second and third wave, from the dispersion relation written again."""
    field = 0.0
    for a, lx, ly, phase in ((0.02, 420e3, 2200e3, 1.0), (0.015, 900e3, -1500e3, 2.0)):
        k, ell = 2 * np.pi / lx, 2 * np.pi / ly
        inverse = k**2 + ell**2 + sea_level.DEFORMATION_RADIUS**-2
        field = field + a * np.cos(
            k * x + ell * y + sea_level.BETA * k / inverse * t + phase
        )
    return field


def test_a_travelling_wave_needs_two_eofs():
    """EOFs 1 and 2 are the wave in quadrature, EOF 3 the season, as the lesson says."""
    ssh = sea_level.simulate(seed=0).ssh
    anomaly = (ssh - ssh.mean("time")).values.reshape(len(ssh), -1)
    u, s, vt = np.linalg.svd(anomaly, full_matrices=False)
    share = s**2 / (s**2).sum()
    assert share[1] > 0.8 * share[0]
    assert share[1] > 1.4 * share[2]
    pcs = u[:, :2] * np.sqrt(len(u))
    assert np.abs(np.hypot(*pcs.T) - np.sqrt(2)).max() < 0.4  # cosine and sine
    days = np.arange(len(ssh)) * 7
    season = np.cos(2 * np.pi * days / 365.25)
    assert abs(np.corrcoef(u[:, 2], season)[0, 1]) > 0.9
    assert np.sign(vt[2]).mean() in (
        pytest.approx(1, abs=0.2),
        pytest.approx(-1, abs=0.2),
    )


@pytest.mark.usefixtures("no_course_data")
def test_without_real_data_the_simulation_is_opened(capsys):
    ocean = sea_level.load()
    assert ocean.ssh.shape == (156, 41, 61)
    assert "Simulated ocean" in capsys.readouterr().out
    with pytest.raises(FileNotFoundError, match=sea_level.MEDITERRANEAN):
        sea_level.load("mediterranean")
    with pytest.raises(ValueError, match="seen 'pacific'"):
        sea_level.load("pacific")


@pytest.mark.usefixtures("course_data")
def test_the_mediterranean():
    ocean = sea_level.load("mediterranean")
    assert ocean.ssh.shape == (91, 64, 172)
    assert 0.02 < float(ocean.ssh.std("time").mean()) < 0.05  # 3 cm
    assert bool(ocean.ssh.isnull().any())  # land


def test_windows_are_sea_and_come_again():
    ssh = sea_level.simulate(4).ssh
    ssh[:, :, :10] = np.nan
    found = sea_level.windows(ssh, 20, size=16, seed=1)
    assert found.shape == (20, 2, 16, 16)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert found[:, 1].mean((1, 2)).min() >= 0.6
    assert (found[:, 0][found[:, 1] == 0] == 0).all()
    assert (sea_level.windows(ssh, 20, size=16, seed=1) == found).all()


@pytest.mark.parametrize("size", [16, 100])
def test_no_windows_where_there_is_no_sea_or_no_room(size):
    land = sea_level.simulate(2).ssh * np.nan
    with pytest.raises(ValueError, match=f"windows of {size} with 60 % sea"):
        sea_level.windows(land, 3, size=size)
