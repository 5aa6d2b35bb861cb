"""Currents from sea level, and their rotation and strain, on the sphere.

Fields are functions of latitude and longitude, in degrees, in either order and with any
other dimension, as `altimetry.open_maps` gives them.
"""

import numpy as np
import xarray as xr

OMEGA = 7.2921e-5  # rad/s, rotation of the Earth
GRAVITY = 9.81  # m/s²
EARTH_RADIUS = 6.371e6  # m
METRE = ("m", "meter", "metre", "meters", "metres")
EQUATOR_BAND = 5.0  # degrees; f vanishes at the equator, and geostrophy with it


def geostrophic_velocity(ssh: xr.DataArray) -> xr.Dataset:
    """Surface geostrophic velocity of a sea surface height field.

    u = −(g/f) ∂η/∂y,  v = (g/f) ∂η/∂x,  f = 2Ω sin(latitude)

    ssh: metres on (latitude, longitude) in degrees; NaN on land stays NaN. Returns u
    and v in m/s, by differences that shrink beside land and edges (see `derivative`).
    Raises ValueError within 5° of the equator, where f vanishes: cut a box first; and
    for a height whose attribute `units` is not metres.
    Source: Vallis (2017), §2.8.
    """
    if ssh.attrs.get("units", "m") not in METRE:
        raise ValueError(
            f"a height in metres; seen units {ssh.attrs['units']!r}: convert it"
        )
    nearest = float(abs(latitude_of(ssh)).min())
    if nearest < EQUATOR_BAND:
        raise ValueError(
            f"geostrophy needs |latitude| >= {EQUATOR_BAND}°; found {nearest:.1f}°: "
            "take a box on one side of the equator"
        )
    f = 2 * OMEGA * np.sin(np.deg2rad(latitude_of(ssh)))
    u = -GRAVITY / f * derivative(ssh, "latitude")
    v = GRAVITY / f * derivative(ssh, "longitude")
    name = "surface_geostrophic_{}_sea_water_velocity"
    return xr.Dataset(
        {
            "u": described(u, ssh, "m/s", "East velocity", name.format("eastward")),
            "v": described(v, ssh, "m/s", "North velocity", name.format("northward")),
        }
    )


def vorticity(u: xr.DataArray, v: xr.DataArray) -> xr.DataArray:
    """Relative vorticity ζ = ∂v/∂x − ∂u/∂y + u tan(latitude)/R, in 1/s.

    u, v: m/s on latitude and longitude in degrees. Source: Vallis (2017), §2.2.
    """
    _, u_y, v_x, _ = velocity_gradient(u, v)
    return described(v_x - u_y, u, "s-1", "Vorticity", "ocean_relative_vorticity")


def okubo_weiss(u: xr.DataArray, v: xr.DataArray) -> xr.DataArray:
    """Okubo–Weiss parameter W = s_n² + s_s² − ζ², in 1/s²: negative inside eddies.

    s_n = u_x − v_y (normal strain), s_s = v_x + u_y (shear strain), ζ = v_x − u_y, with
    the gradient of the sphere (`velocity_gradient`). u, v: m/s.
    Sources: Okubo (1970), Deep-Sea Res. 17, 445–454; Weiss (1991), Physica D 48.
    """
    u_x, u_y, v_x, v_y = velocity_gradient(u, v)
    w = (u_x - v_y) ** 2 + (v_x + u_y) ** 2 - (v_x - u_y) ** 2
    return described(w, u, "s-2", "Okubo-Weiss parameter")


def velocity_gradient(u: xr.DataArray, v: xr.DataArray) -> tuple[xr.DataArray, ...]:
    """Gradient of a velocity on the sphere, in 1/s: u_x, u_y, v_x, v_y.

    u_x = ∂u/∂x − v tan(latitude)/R,  u_y = ∂u/∂y,
    v_x = ∂v/∂x + u tan(latitude)/R,  v_y = ∂v/∂y

    The terms in tan(latitude) are there because "east" turns as one goes east.
    """
    turn = np.tan(np.deg2rad(latitude_of(u))) / EARTH_RADIUS
    u_x = derivative(u, "longitude") - turn * v
    v_x = derivative(v, "longitude") + turn * u
    return u_x, derivative(u, "latitude"), v_x, derivative(v, "latitude")


def derivative(field: xr.DataArray, dim: str) -> xr.DataArray:
    """Derivative per metre to the north (dim "latitude") or the east ("longitude").

    ∂/∂y = (1/R) ∂/∂φ,  ∂/∂x = 1/(R cos φ) ∂/∂λ

    Centred differences of fourth order, (−f₂ + 8f₁ − 8f₋₁ + f₋₂) / 12h; those of second
    order would lose some 5 % of the speed of eddies on maps of 1/4°. Where land or the
    edge is two points away, of second order; beside it, one-sided of second order, or
    of first where the sea is two points wide; NaN between land and land. A global map
    joins at its first and last longitude.
    """
    degrees = latitude_of(field) if dim == "latitude" else field[dim].astype("float64")
    step = (degrees.roll({dim: -1}, roll_coords=False) - degrees + 180) % 360 - 180
    usual = float(step.median())
    step = (
        np.deg2rad(step.where((step / usual > 0) & (step / usual < 5))) * EARTH_RADIUS
    )
    if dim == "longitude":
        step = step * np.cos(np.deg2rad(latitude_of(field)))
    forward = (field.roll({dim: -1}, roll_coords=False) - field) / step
    backward = forward.roll({dim: 1}, roll_coords=False)
    before, after = (forward.roll({dim: i}, roll_coords=False) for i in (2, -1))
    slope = (7 * (forward + backward) - before - after) / 12
    slope = slope.fillna((forward + backward) / 2)
    slope = slope.fillna((3 * forward - after) / 2).fillna((3 * backward - before) / 2)
    slope = slope.fillna(forward).fillna(backward)
    return slope.transpose(*field.dims)


def latitude_of(field: xr.DataArray) -> xr.DataArray:
    """Latitudes in degrees; ValueError where a field has no latitude and longitude."""
    if not {"latitude", "longitude"} <= set(field.coords):
        raise ValueError(
            f"a field on latitude and longitude, in degrees; seen {field.dims}: "
            "open maps with altimetry.open_maps, or rename the coordinates"
        )
    return field.latitude.astype("float64")


def described(
    field: xr.DataArray, like: xr.DataArray, units: str, long_name: str, name: str = ""
) -> xr.DataArray:
    """The field with CF attributes, in the floating type and order of another one."""
    field = field.transpose(*like.dims).astype(like.dtype).rename(None)
    field.attrs = {"units": units, "long_name": long_name}
    if name:
        field.attrs["standard_name"] = name
    return field
