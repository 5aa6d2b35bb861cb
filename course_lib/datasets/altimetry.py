"""Maps of sea level from Copernicus (DUACS): open, cut, and derive the currents.

    >>> maps = altimetry.open_maps("downloads/dt_global_*.nc")
    >>> maps = altimetry.box(maps, latitude=(30, 45), longitude=(-75, -50))
    >>> flow = altimetry.geostrophic_velocity(maps.ssh)
    >>> zeta = altimetry.vorticity(flow.u, flow.v)

Maps are functions of latitude and longitude, in degrees, and so are the derivatives:
on the plane of a simulator use its own.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from glob import glob
from pathlib import Path

import numpy as np
import xarray as xr

from course_lib.datasets.geostrophy import (
    EQUATOR_BAND,
    derivative,
    geostrophic_velocity,
    okubo_weiss,
    vorticity,
)

__all__ = [
    "box",
    "geostrophic_velocity",
    "okubo_weiss",
    "open_maps",
    "sea_box",
    "vorticity",
]

HEIGHTS = ("adt", "sla", "ssh", "ssha", "zos")  # the first that a file has is taken
VELOCITIES = ("ugos", "vgos", "ugosa", "vgosa")  # of adt, and of its anomaly sla
AXES = {
    "time": ("time", "time_counter"),
    "latitude": ("latitude", "lat", "degrees_north", "degree_north"),
    "longitude": ("longitude", "lon", "degrees_east", "degree_east"),
}
METRES = {"m": 1.0, "meter": 1.0, "metre": 1.0, "cm": 0.01, "mm": 0.001}
FILL = 1e4  # larger values are fill values that a file does not declare


def open_maps(
    paths: str | Path | Sequence[str | Path], variable: str | None = None
) -> xr.Dataset:
    """Sea surface height `ssh(time, latitude, longitude)`: float32, m, NaN on land.

    paths: a file, several, or a pattern such as "maps/*.nc". variable: the height to
    take, by default the first of HEIGHTS that is there. Latitude, longitude and time
    ascend whatever the files do, and a time comes once; a map that has no time gets the
    dimension. The files' own VELOCITIES (m/s) come along. Values are read by dask when
    they are needed; `.load()` reads them all.

    Raises FileNotFoundError for a missing file, ValueError for one that is not netCDF,
    that has no such height or no latitude and longitude, and for files of unequal grids
    or different heights.
    """
    files, heights = find(paths), {}
    for file in files:
        check_readable(file)

    def one(file: xr.Dataset) -> xr.Dataset:
        maps = standard(file, variable)
        heights.setdefault(maps.ssh.attrs["source_variable"], file.encoding["source"])
        if len(heights) > 1:
            seen = ", ".join(f"{name} in {file}" for name, file in heights.items())
            raise ValueError(f"{seen}: open them apart, or name the variable")
        return maps

    try:
        maps = xr.open_mfdataset(
            files,
            preprocess=one,
            combine="nested",
            concat_dim="time",
            join="exact",
            combine_attrs="override",
        )
    except xr.AlignmentError as error:
        raise ValueError(
            f"{len(files)} files on unequal grids: open them apart"
        ) from error
    dated = "time" in maps.coords
    return maps.sortby("time").drop_duplicates("time") if dated else maps


def find(paths: str | Path | Sequence[str | Path]) -> list[str]:
    """The files that paths and patterns stand for, those of a pattern in order."""
    files = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        names = [str(path)] if Path(path).is_file() else sorted(glob(str(path)))
        names = [name for name in names if Path(name).is_file()]
        if not names:
            raise FileNotFoundError(f"no file {path}: correct the path or the pattern")
        files += names
    if not files:
        raise FileNotFoundError("no file: the list of paths is empty")
    return files


def check_readable(file: str) -> None:
    """Raise ValueError where a file is not netCDF, or is cut short."""
    try:
        xr.open_dataset(file).close()
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{file} is no readable netCDF: download it again") from error


def standard(file: xr.Dataset, variable: str | None = None) -> xr.Dataset:
    """The heights and velocities of one file on (time, latitude, longitude)."""
    source = file.encoding.get("source", "the dataset")
    file = with_axes(file, source)
    names = [variable] if variable else [name for name in HEIGHTS if name in file]
    if not names or names[0] not in file.data_vars:
        wanted = variable or "height (" + ", ".join(HEIGHTS) + ")"
        there = ", ".join(map(str, file.data_vars))
        raise ValueError(f"{source} has no {wanted}; it has {there}: name one of these")
    maps = file[[names[0], *(name for name in VELOCITIES if name in file)]]
    maps = maps.rename({names[0]: "ssh"}).transpose("time", "latitude", "longitude")
    for name in maps.data_vars:
        maps[name] = in_metres(maps[name])
    surface = "sea_level" if names[0] in ("sla", "ssha") else "geoid"
    maps.ssh.attrs.setdefault("standard_name", f"sea_surface_height_above_{surface}")
    maps.ssh.attrs["source_variable"] = names[0]
    return maps.reset_coords(drop=True)


def with_axes(file: xr.Dataset, source: str) -> xr.Dataset:
    """Dimensions time, latitude, longitude by these names, ascending, and no other."""
    names = {axis: find_axis(file, aliases) for axis, aliases in AXES.items()}
    names = {name: axis for axis, name in names.items() if name is not None}
    grid = {
        d for name, axis in names.items() if axis != "time" for d in file[name].dims
    }
    if len(grid) != 2:
        raise ValueError(
            f"{source} is no map on one-dimensional latitude and longitude; it has "
            f"dimensions {', '.join(map(str, file.dims))}: regrid it first"
        )
    file = file.set_coords(list(names)).rename(names)
    on = {file[axis].dims[0]: axis for axis in names.values() if file[axis].ndim}
    file = file.swap_dims({dim: axis for dim, axis in on.items() if dim != axis})
    if "time" not in file.dims:
        file = file.expand_dims("time")
    file = file.squeeze([d for d in file.dims if d not in AXES and file.sizes[d] == 1])
    for axis in ("latitude", "longitude"):
        file = file.assign_coords({axis: ascending(file[axis], axis)}).sortby(axis)
    return file


def ascending(degrees: xr.DataArray, axis: str) -> tuple[str, np.ndarray, dict]:
    """An axis in float64, its attributes; longitudes without a jump by 360 inside."""
    values = degrees.values.astype("float64").round(5)  # float32 errs by 1e-5
    if axis == "longitude":
        values = np.unwrap(values, period=360)
        values = values - 360 * (values.max() > 360)
    attrs = {"units": AXES[axis][2], "standard_name": axis, "long_name": axis.title()}
    return axis, values, attrs


def find_axis(file: xr.Dataset, aliases: tuple[str, ...]) -> str | None:
    """The variable with such a name, standard name or unit, and one dimension."""
    names = [name for name in file.variables if str(name).lower() in aliases]
    for name, values in file.variables.items():
        described = values.attrs.get("standard_name"), values.attrs.get("units")
        names += [name] if set(aliases) & set(described) else []
    return next((name for name in names if file[name].ndim <= 1), None)


def in_metres(field: xr.DataArray) -> xr.DataArray:
    """A height in metres or a velocity in m/s, float32, NaN for all fill values."""
    unit = field.attrs.get("units", "m")
    length, *rest = re.split(r"[/ .]", unit, maxsplit=1)
    if length.rstrip("s") not in METRES:
        raise ValueError(f"{field.name} is in {unit!r}; known are {', '.join(METRES)}")
    values = (field.where(abs(field) < FILL) * METRES[length.rstrip("s")]).astype("f4")
    return values.assign_attrs(field.attrs | {"units": "m/s" if rest else "m"})


def box(
    maps: xr.Dataset, latitude: tuple[float, float], longitude: tuple[float, float]
) -> xr.Dataset:
    """The part between two latitudes and from a western to an eastern longitude.

    Longitudes may be given in -180..180 or 0..360 whatever the maps have; (-10, 20) and
    (350, 20) are the same box. Those of the result ascend, from the western one given
    where the maps go round the world. Raises ValueError where the maps have no point in
    the box, or the box would leave out their middle.
    """
    west, east = longitude
    width = 360 if east - west >= 360 else (east - west) % 360
    offset = (maps.longitude.values - west + 1e-4) % 360 - 1e-4  # 1e-4: rounding
    columns = [i for i in np.argsort(offset) if offset[i] <= width + 1e-4]
    south, north = min(latitude) - 1e-4, max(latitude) + 1e-4
    part = maps.isel(longitude=columns).sel(latitude=slice(south, north))
    if not part.latitude.size or not part.longitude.size:
        lat, lon = maps.latitude.values, maps.longitude.values
        raise ValueError(
            f"no map in latitude {latitude}, longitude {longitude}: the maps cover "
            f"{lat.min():g} to {lat.max():g} and {lon.min():g} to {lon.max():g}"
        )
    degrees = west + offset[columns]
    if first := behind_a_hole(degrees):  # the maps begin west of the box's west
        degrees = np.concatenate([degrees[first:] - 360, degrees[:first]])
        part = part.roll(longitude=-first)
        if behind_a_hole(degrees):
            raise ValueError(
                f"longitude {longitude} leaves out the middle of the maps: give the "
                "western one first"
            )
    place = ("longitude", degrees.round(5), maps.longitude.attrs)
    return part.assign_coords(longitude=place)


def behind_a_hole(degrees: np.ndarray) -> int:
    """The column after a gap of more than five usual steps; 0 where there is none."""
    steps = np.diff(degrees)
    if len(steps) and steps.max() > 5 * np.median(steps):
        return int(steps.argmax()) + 1
    return 0


def sea_box(maps: xr.Dataset, size: tuple[int, int] = (64, 64)) -> xr.Dataset:
    """The box of (rows, columns) without land at any time that has the most eddies.

    That is, with the largest mean |∇η|²: a choice without chance. Boxes keep out of
    EQUATOR_BAND. Raises ValueError where there is none, with the largest square.
    """
    ssh = maps.ssh.transpose("latitude", "longitude", ...)
    others = ssh.dims[2:]
    sea = ssh.notnull().all(others) & (abs(ssh.latitude) >= EQUATOR_BAND)
    slope = derivative(ssh, "longitude") ** 2 + derivative(ssh, "latitude") ** 2
    land = (~sea).values.astype(float)
    free = window_sums(land, size) == 0
    if not free.any():
        largest = largest_square(land)
        raise ValueError(
            f"no box of {size[0]} × {size[1]} points is sea at all times and beyond "
            f"{EQUATOR_BAND:g}° of the equator; "
            f"the largest square has {largest} × {largest}"
        )
    energy = window_sums(slope.mean(others).fillna(0).values.astype(float), size)
    i, j = np.unravel_index(np.where(free, energy, -1).argmax(), free.shape)
    return maps.isel(latitude=slice(i, i + size[0]), longitude=slice(j, j + size[1]))


def window_sums(field: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Sum over each window of (rows, columns) of a field, from cumulative sums.

    Raises ValueError where the window is larger than the field.
    """
    rows, columns = size
    if not (0 < rows <= field.shape[0] and 0 < columns <= field.shape[1]):
        raise ValueError(
            f"no box of {rows} × {columns} in maps of {field.shape} points"
        )
    s = np.pad(field, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    low, high = s[:-rows], s[rows:]
    return high[:, columns:] - high[:, :-columns] - low[:, columns:] + low[:, :-columns]


def largest_square(land: np.ndarray) -> int:
    """Side of the largest square without land; it holds smaller ones of all sizes."""
    sides = range(1, min(land.shape) + 1)
    return bisect_left(
        sides, True, key=lambda side: bool(window_sums(land, (side, side)).all())
    )
