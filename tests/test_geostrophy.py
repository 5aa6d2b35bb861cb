"""Derivatives are those of the sphere, and currents those of the maps' makers."""

import numpy as np
import pytest
import xarray as xr

from course_lib.datasets import altimetry, geostrophy

R, G, OMEGA = 6.371e6, 9.81, 7.2921e-5  # written again
GLOBAL = "nrt_global_allsat_phy_l4_20190223*.nc"


def on_sphere(function, latitude, longitude, name=None) -> xr.DataArray:
    """A function of latitude and longitude in radians, on a grid in degrees."""
    coords = {"latitude": latitude, "longitude": longitude}
    phi, lam = np.meshgrid(np.deg2rad(latitude), np.deg2rad(longitude), indexing="ij")
    return xr.DataArray(function(phi, lam), coords, ("latitude", "longitude"), name)


def grid(step, south=20.0, north=60.0):
    return np.arange(south, north + 1e-9, step), np.arange(-20.0, 20 + 1e-9, step)


def inner(field):
    return field.sel(latitude=slice(30, 50), longitude=slice(-10, 10))


def error(field, exact):
    return float(abs(inner(field - exact)).max() / abs(inner(exact)).max())


def test_geostrophic_velocity_is_exact_to_fourth_order():
    """η = sin²φ turns as a solid does; sin 2φ cos λ adds a flow in both directions."""
    errors, c = [], G / (OMEGA * R)

    def height(p, q):
        return np.sin(p) ** 2 + np.sin(2 * p) * np.cos(q)

    def east(p, q):
        return -c * (np.cos(p) + np.cos(2 * p) * np.cos(q) / np.sin(p))

    def north(_, q):
        return -c * np.sin(q)

    for step in (2.0, 1.0, 0.5):
        lat, lon = grid(step)
        flow = altimetry.geostrophic_velocity(on_sphere(height, lat, lon))
        u, v = on_sphere(east, lat, lon), on_sphere(north, lat, lon)
        errors.append([error(flow.u, u), error(flow.v, v)])
    order = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(order, 4, atol=0.1)
    assert np.max(errors[-1]) < 1e-6


@pytest.mark.parametrize("tilt", [0.0, 50.0])
def test_a_solid_that_turns_has_vorticity_and_no_strain(tilt):
    """Turning by w about an axis tilted from the pole: ζ = 2 w · r, OW = −ζ²."""
    lat, lon = grid(0.5)
    a, w = np.deg2rad(tilt), 1e-6
    u = on_sphere(
        lambda p, q: (
            w * R * (np.cos(a) * np.cos(p) - np.sin(a) * np.sin(p) * np.cos(q))
        ),
        lat,
        lon,
    )
    v = on_sphere(lambda p, q: w * R * np.sin(a) * np.sin(q), lat, lon)
    zeta = on_sphere(
        lambda p, q: (
            2 * w * (np.cos(a) * np.sin(p) + np.sin(a) * np.cos(p) * np.cos(q))
        ),
        lat,
        lon,
    )
    assert error(altimetry.vorticity(u, v), zeta) < 1e-6
    assert error(altimetry.okubo_weiss(u, v), -(zeta**2)) < 1e-6


def test_okubo_weiss_of_a_jet_and_of_a_flow_to_the_north():
    """u(φ): OW = 4 u_y u tan φ / R; v(φ) alone: OW = (v_y + v tan φ / R)²."""
    lat, lon = grid(0.5)
    jet = on_sphere(lambda p, _: np.sin(3 * p), lat, lon)
    slope = on_sphere(lambda p, _: 3 * np.cos(3 * p) / R, lat, lon)
    turn = on_sphere(lambda p, _: np.tan(p) / R, lat, lon)
    exact = 4 * slope * jet * turn
    assert error(altimetry.okubo_weiss(jet, 0 * jet), exact) < 1e-5
    exact = (slope + jet * turn) ** 2
    assert error(altimetry.okubo_weiss(0 * jet, jet), exact) < 1e-5


def test_derivatives_beside_land_edges_and_around_the_globe():
    """A straight slope is exact with any stencil; NaN stays NaN, and only there."""
    sea = on_sphere(lambda p, q: 0 * p, np.arange(30.0, 41), np.arange(-5.0, 11))
    sea = sea.where((abs(sea.latitude - 35) > 2) | (abs(sea.longitude - 4) > 1))
    slope = geostrophy.derivative(sea + sea.longitude * np.deg2rad(1) * R, "longitude")
    exact = 1 / np.cos(np.deg2rad(slope.latitude)) + 0 * slope
    np.testing.assert_allclose(slope, exact.transpose(*slope.dims), rtol=1e-9)
    assert bool((slope.isnull() == sea.isnull()).all())
    wave = on_sphere(
        lambda _, q: np.sin(3 * q), np.array([-1.0, 0, 1]), np.arange(360.0)
    )
    slope = geostrophy.derivative(wave, "longitude").sel(latitude=0)
    np.testing.assert_allclose(
        slope * R, 3 * np.cos(3 * np.deg2rad(wave.longitude)), atol=2e-5
    )
    bent = on_sphere(lambda p, q: np.sin(5 * p), np.arange(30.0, 41), np.arange(4.0))
    edge = geostrophy.derivative(bent, "latitude")[0]
    exact = 5 * np.cos(5 * np.deg2rad(30)) / R
    assert abs(edge / exact - 1).max() < 0.01  # 0.05 with two points
    lone = (wave * 0).where((wave.longitude % 2 == 0) & (wave.latitude == 0))
    assert bool(geostrophy.derivative(lone, "longitude").isnull().all())


def test_north_first_and_float32_and_other_dimensions_are_kept():
    lat, lon = grid(1.0)
    ssh = on_sphere(lambda p, q: np.sin(5 * p) * np.cos(4 * q), lat, lon)
    flow = altimetry.geostrophic_velocity(ssh)
    south = altimetry.geostrophic_velocity(ssh[::-1])
    xr.testing.assert_allclose(south.sortby("latitude"), flow)
    many = ssh.astype("f4").expand_dims(member=2).transpose(..., "member")
    flow4 = altimetry.geostrophic_velocity(many)
    assert flow4.u.dims == many.dims
    assert flow4.u.dtype == np.float32
    assert flow4.u.attrs["units"] == flow4.v.attrs["units"] == "m/s"
    eastward = "surface_geostrophic_eastward_sea_water_velocity"
    assert flow4.u.attrs["standard_name"] == eastward
    zeta = altimetry.vorticity(flow4.u, flow4.v)
    assert (zeta.dtype, zeta.dims, zeta.attrs["units"]) == ("float32", many.dims, "s-1")
    assert altimetry.okubo_weiss(flow4.u, flow4.v).attrs["units"] == "s-2"


def test_no_geostrophy_at_the_equator_nor_on_a_plane():
    lat, lon = np.arange(4.0, 20), np.arange(0.0, 10)
    with pytest.raises(ValueError, match=r"found 4.0°: take a box"):
        altimetry.geostrophic_velocity(on_sphere(lambda p, q: p + q, lat, lon))
    high = on_sphere(lambda p, q: p + q, lat + 10, lon).assign_attrs(units="cm")
    with pytest.raises(ValueError, match="in metres; seen units 'cm'"):
        altimetry.geostrophic_velocity(high)
    with pytest.raises(ValueError, match=r"seen \('y', 'x'\)"):
        altimetry.geostrophic_velocity(xr.DataArray(np.zeros((4, 4)), dims=("y", "x")))


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [((25, 45), (-80, -40)), ((-50, -35), (-10, 60)), ((10, 20), (130, 200))],
)
def test_the_velocities_of_the_file(course_data, latitude, longitude):
    maps = altimetry.open_maps(course_data / "altimetry" / GLOBAL)
    part = altimetry.box(maps, latitude, longitude).load()
    flow = altimetry.geostrophic_velocity(part.ssh)
    for ours, theirs in ((flow.u, part.ugos), (flow.v, part.vgos)):
        assert float(xr.corr(ours, theirs)) > 0.99
        slope = float((ours * theirs).sum() / (theirs**2).where(ours.notnull()).sum())
        assert slope == pytest.approx(1, abs=0.05)
