"""A series of sea level maps for EOFs: the Mediterranean, or an analytic ocean.

>>> ocean = sea_level.load()
Simulated ocean (seasonal cycle, Rossby waves, eddies): 156 maps of 41 × 61.
"""

from typing import Literal

import numpy as np
import xarray as xr

from course_lib.datasets import folders

MEDITERRANEAN = "dt_med_allsat_phy_l4_2005T2.nc"

EARTH_RADIUS = 6.371e6  # m
BETA = 1.95e-11  # 1/(m s), df/dy at 31.5°N
DEFORMATION_RADIUS = 40e3  # m
YEAR = 365.25 * 86400  # s


def load(source: Literal["auto", "mediterranean", "simulated"] = "auto") -> xr.Dataset:
    """Sea surface height `ssh(time, latitude, longitude)` in metres, NaN on land.

    source: "mediterranean" needs the DUACS file in $COURSE_DATA/altimetry (91 daily
    maps, every second grid point: 1/4°); "simulated" is `simulate()`; "auto" takes the
    first if it is there.

    Raises FileNotFoundError if "mediterranean" is asked for and is not there,
    ValueError for another source.
    """
    if source not in ("auto", "mediterranean", "simulated"):
        raise ValueError(
            f'source is "auto", "mediterranean" or "simulated"; seen {source!r}'
        )
    folder = None if source == "simulated" else folders.real_data("altimetry")
    path = folder / MEDITERRANEAN if folder else None
    if path is not None and path.is_file():
        ocean = mediterranean(path)
    elif source == "mediterranean":
        raise FileNotFoundError(f"no {MEDITERRANEAN} in $COURSE_DATA/altimetry")
    else:
        ocean = simulate()
    n, ny, nx = ocean.ssh.shape
    print(f"{ocean.attrs['title']}: {n} maps of {ny} × {nx}.")
    return ocean


def mediterranean(path: str) -> xr.Dataset:
    """Absolute dynamic topography of the Mediterranean, at every second grid point."""
    with xr.open_dataset(path) as file:
        ssh = file.adt[:, ::2, ::2].astype("float32").load()
    ssh.attrs["standard_name"] = "sea_surface_height_above_geoid"
    ocean = ssh.to_dataset(name="ssh")
    return ocean.assign_attrs(title="Mediterranean altimetry (DUACS, April–June 2005)")


def windows(maps: xr.DataArray, n: int, *, size: int = 32, seed: int = 0) -> np.ndarray:
    """Random windows of maps (time, latitude, longitude), at least 60 % of them sea.

    Returns (n, 2, size, size), float32: the field, 0 on land, and 1 on the sea. Raises
    ValueError where the maps are smaller than a window or hold too little sea.
    """
    field, generator, found = maps.values, np.random.default_rng(seed), []
    room = np.array(field.shape) - (0, size - 1, size - 1)
    for _ in range(50 * n if room.min() > 0 else 0):
        t, i, j = generator.integers(0, room)
        window = field[t, i : i + size, j : j + size]
        if np.isfinite(window).mean() >= 0.6:
            found.append(np.stack([np.nan_to_num(window), np.isfinite(window)]))
        if len(found) == n:
            return np.stack(found).astype("float32")
    raise ValueError(f"{field.shape} maps have no {n} windows of {size} with 60 % sea")


def simulate(n_times: int = 156, seed: int = 0) -> xr.Dataset:
    """An analytic subtropical ocean: season + Rossby waves + drifting eddies + noise.

    η = 0.03 cos(2πt / 1 year) + Σ aᵢ cos(kᵢx + lᵢy − ωᵢt + φᵢ) + Σ Gaussian eddies,
    ω = −βk / (k² + l² + 1/R²)   (baroclinic Rossby waves, R = 40 km)

    Weekly maps at 1/2°, 20–40°N, 330–360°E; ssh in metres. Eddies drift westward with
    the long waves, βR², and come back in at the eastern side.
    Sources: Chelton and Schlax (1996) for the waves; Vallis (2017), §6.4.
    """
    generator = np.random.default_rng(seed)
    longitude, latitude = np.arange(330.0, 360.25, 0.5), np.arange(20.0, 40.25, 0.5)
    x = np.deg2rad(longitude - 330) * EARTH_RADIUS * np.cos(np.deg2rad(30))
    y = np.deg2rad(latitude - 20) * EARTH_RADIUS
    t = np.arange(n_times) * 7 * 86400.0
    tt, yy, xx = t[:, None, None], y[None, :, None], x[None, None, :]
    ssh = 0.03 * np.cos(2 * np.pi * tt / YEAR) + rossby_waves(tt, yy, xx)
    ssh = ssh + eddies(tt, yy, xx, generator)
    ssh = ssh + 0.005 * generator.standard_normal(ssh.shape)
    time = np.datetime64("2000-01-01", "ns") + (t * 1e9).astype("timedelta64[ns]")
    return as_dataset(ssh, time, latitude, longitude)


def rossby_waves(tt: np.ndarray, yy: np.ndarray, xx: np.ndarray) -> np.ndarray:
    """Three long baroclinic Rossby waves, in metres; crests move to the west."""
    field = np.zeros(np.broadcast_shapes(tt.shape, yy.shape, xx.shape))
    for amplitude, length_x, length_y, phase in (
        (0.06, 600e3, np.inf, 0.0),  # period 262 days, well apart from the season
        (0.02, 420e3, 2200e3, 1.0),
        (0.015, 900e3, -1500e3, 2.0),
    ):
        k, l = 2 * np.pi / length_x, 2 * np.pi / length_y
        omega = -BETA * k / (k**2 + l**2 + DEFORMATION_RADIUS**-2)
        field += amplitude * np.cos(k * xx + l * yy - omega * tt + phase)
    return field


def eddies(
    tt: np.ndarray, yy: np.ndarray, xx: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Twelve Gaussian eddies of either sign, radius 60–110 km, drifting at −βR²."""
    width = xx.max() - xx.min()
    drift = -BETA * DEFORMATION_RADIUS**2
    field = np.zeros(np.broadcast_shapes(tt.shape, yy.shape, xx.shape))
    for _ in range(12):
        x0, y0 = generator.uniform(0, width), generator.uniform(yy.min(), yy.max())
        radius = generator.uniform(60e3, 110e3)
        amplitude = generator.choice([-1, 1]) * generator.uniform(0.05, 0.15)
        dx = (xx - x0 - drift * tt + width / 2) % width - width / 2
        field += amplitude * np.exp(-(dx**2 + (yy - y0) ** 2) / (2 * radius**2))
    return field


def as_dataset(
    ssh: np.ndarray, time: np.ndarray, latitude: np.ndarray, longitude: np.ndarray
) -> xr.Dataset:
    """The simulated field with CF names and units."""
    degrees = {"latitude": "degrees_north", "longitude": "degrees_east"}
    ocean = xr.Dataset(
        {"ssh": (("time", "latitude", "longitude"), ssh.astype("float32"))},
        {"time": time, "latitude": latitude, "longitude": longitude},
        {"title": "Simulated ocean (seasonal cycle, Rossby waves, eddies)"},
    )
    for name, units in degrees.items():
        ocean[name].attrs = {"units": units, "standard_name": name}
    ocean.ssh.attrs = {
        "units": "m",
        "standard_name": "sea_surface_height_above_geoid",
        "long_name": "Sea surface height",
    }
    return ocean
