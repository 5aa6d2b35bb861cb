"""Maps open whatever their convention, and are cut where they are asked to."""

import numpy as np
import pytest
import xarray as xr

from course_lib.datasets import altimetry

MED = "dt_med_allsat_phy_l4_2005T2.nc"


def on_sphere(function, latitude, longitude, name=None) -> xr.DataArray:
    """A function of latitude and longitude in radians, on a grid in degrees."""
    coords = {"latitude": latitude, "longitude": longitude}
    phi, lam = np.meshgrid(np.deg2rad(latitude), np.deg2rad(longitude), indexing="ij")
    return xr.DataArray(function(phi, lam), coords, ("latitude", "longitude"), name)


def sea(t=2, latitude=None, longitude=None) -> xr.DataArray:
    """A sea level with an island at 33–34°N, 3–5°E, as (time, latitude, longitude)."""
    latitude = np.arange(30.125, 40, 0.25) if latitude is None else latitude
    longitude = np.arange(-4.875, 10, 0.25) if longitude is None else longitude
    field = on_sphere(
        lambda phi, lam: 0.1 * np.sin(40 * phi) * np.cos(30 * lam), latitude, longitude
    )
    east = (field.longitude + 180) % 360 - 180
    land = abs(field.latitude - 33.5) < 0.5
    field = field.where(~(land & (abs(east - 4) < 1)))
    time = np.datetime64("2011-05-03", "ns") + np.arange(t) * np.timedelta64(1, "D")
    return field.expand_dims(time=time) * xr.DataArray(1.0 + np.arange(t), dims="time")


def packed(path, field, name="adt", **attrs):
    """Write a height as DUACS does: int16 with a scale factor and a fill value."""
    attrs = {"units": "m"} | attrs
    maps = field.rename(name).assign_attrs(attrs).to_dataset()
    lat = next(d for d in field.dims if d.startswith("lat"))
    maps["lat_bnds"] = ((lat, "nv"), np.stack([field[lat], field[lat]], 1))
    maps["lat_bnds"].attrs["units"] = "degrees_north"
    maps["crs"] = 0
    coding = {"dtype": "int16", "scale_factor": 1e-4, "_FillValue": np.int16(-32767)}
    maps.to_netcdf(path, encoding={name: coding})
    return path


def forms():
    """The same sea as files of many conventions."""
    short = {"latitude": "lat", "longitude": "lon"}
    east = sea().assign_coords(longitude=sea().longitude % 360)
    plain = sea().drop_attrs()
    cm = sea().assign_attrs(units="cm") * 100
    return {
        "plain": (plain, "adt"),
        "short names, sla": (sea().rename(short), "sla"),
        "0..360, jump inside": (east, "adt"),
        "0..360, sorted apart": (east.sortby("longitude"), "adt"),
        "north first, ssh": (sea().isel(latitude=slice(None, None, -1)), "ssh"),
        "east first": (sea().isel(longitude=slice(None, None, -1)), "adt"),
        "transposed": (sea().transpose("longitude", "latitude", "time"), "adt"),
        "float32 coordinates": (
            sea().assign_coords({d: sea()[d].astype("f4") for d in short}),
            "adt",
        ),
        "centimetres": (cm.assign_attrs(units="cm"), "ssh"),
        "dimensions y and x": (
            sea()
            .rename({"latitude": "y", "longitude": "x"})
            .assign_coords(
                nav_lat=("y", sea().latitude.values, {"units": "degrees_north"})
            )
            .assign_coords(
                nav_lon=("x", sea().longitude.values, {"units": "degrees_east"})
            )
            .drop_vars(["y", "x"]),
            "adt",
        ),
    }


@pytest.mark.parametrize("form", forms())
def test_all_conventions_open_alike(tmp_path, form):
    field, name = forms()[form]
    if field.attrs.get("units") == "cm":
        field.rename(name).to_netcdf(tmp_path / "maps.nc")
    elif "nav_lat" in field.coords:
        field.rename(name).assign_attrs(units="m").to_netcdf(tmp_path / "maps.nc")
    else:
        packed(tmp_path / "maps.nc", field, name)
    maps = altimetry.open_maps(tmp_path / "maps.nc")
    assert maps.ssh.dims == ("time", "latitude", "longitude")
    assert maps.ssh.dtype == np.float32
    assert set(maps.variables) == {"ssh", "time", "latitude", "longitude"}
    assert maps.ssh.attrs["units"] == "m"
    assert maps.ssh.attrs["source_variable"] == name
    np.testing.assert_allclose(np.diff(maps.longitude), 0.25, atol=1e-4)
    maps = altimetry.box(maps, (0, 90), (-5, 11))
    np.testing.assert_allclose(maps.latitude, sea().latitude, atol=1e-5)
    np.testing.assert_allclose(maps.longitude, sea().longitude, atol=1e-5)
    np.testing.assert_allclose(maps.ssh, sea(), atol=6e-5)  # NaN where NaN


@pytest.mark.parametrize("scalar", [True, False])
def test_a_map_without_a_time_gets_the_dimension(tmp_path, scalar):
    one = sea(1)[0] if scalar else sea(1)[0].drop_vars("time")
    maps = altimetry.open_maps(packed(tmp_path / "one.nc", one))
    assert maps.ssh.shape == (1, *one.shape)
    assert ("time" in maps.coords) == scalar
    assert altimetry.sea_box(maps, (8, 8)).ssh.shape == (1, 8, 8)


def test_many_files_in_any_order_once_each(tmp_path):
    field = sea(5)
    for name, part in (("a", slice(3, 5)), ("b", slice(0, 2)), ("c", slice(1, 4))):
        packed(tmp_path / f"{name}.nc", field[part])
    for paths in (
        tmp_path / "*.nc",
        str(tmp_path / "*.nc"),
        [tmp_path / "c.nc", str(tmp_path / "[ab].nc")],
    ):
        maps = altimetry.open_maps(paths)
        np.testing.assert_array_equal(maps.time, field.time)
        np.testing.assert_allclose(maps.ssh, field, atol=6e-5)


def test_undeclared_fill_values_and_velocities(tmp_path):
    flow = sea().assign_attrs(units="cm/s")
    maps = xr.Dataset({"adt": sea().fillna(9.96e36), "sla": sea(), "ugos": 100 * flow})
    maps.ugos.attrs["units"] = "cm/s"
    maps.to_netcdf(tmp_path / "maps.nc")
    opened = altimetry.open_maps(tmp_path / "maps.nc")
    xr.testing.assert_allclose(opened.ssh.drop_attrs(), sea().astype("f4"))
    np.testing.assert_allclose(opened.ugos, sea(), atol=1e-6)
    assert opened.ugos.attrs["units"] == "m/s"
    sla = altimetry.open_maps(tmp_path / "maps.nc", "sla").ssh
    assert sla.attrs["standard_name"] == "sea_surface_height_above_sea_level"


def test_heights_of_two_kinds_are_not_mixed(tmp_path):
    files = [
        packed(tmp_path / f"{name}.nc", sea(2)[i : i + 1], name)
        for i, name in enumerate(("adt", "sla"))
    ]
    with pytest.raises(ValueError, match=r"adt in .*adt.nc, sla in .*sla.nc: open"):
        altimetry.open_maps(files)


def test_bad_files_are_named(tmp_path):
    good = packed(tmp_path / "good.nc", sea())
    with pytest.raises(FileNotFoundError, match=r"none.nc: correct the path"):
        altimetry.open_maps([good, tmp_path / "none.nc"])
    with pytest.raises(FileNotFoundError, match="empty"):
        altimetry.open_maps([])
    content = good.read_bytes()
    for name, part in (("empty", b""), ("cut", content[: len(content) // 2])):
        (tmp_path / f"{name}.nc").write_bytes(part)
        with pytest.raises(ValueError, match=f"{name}.nc is no readable netCDF"):
            altimetry.open_maps([good, tmp_path / f"{name}.nc"])
    with pytest.raises(ValueError, match=r"good.nc has no depth; it has .*adt"):
        altimetry.open_maps(good, "depth")
    packed(tmp_path / "salt.nc", sea(), "salinity")
    with pytest.raises(ValueError, match=r"salt.nc has no height .*it has .*salinity"):
        altimetry.open_maps(tmp_path / "salt.nc")
    packed(tmp_path / "unit.nc", sea(), units="furlong")
    with pytest.raises(ValueError, match="is in 'furlong'; known are m, "):
        altimetry.open_maps(tmp_path / "unit.nc")
    sea().isel(latitude=0, drop=True).rename("adt").to_netcdf(tmp_path / "line.nc")
    with pytest.raises(ValueError, match=r"line.nc is no map .*longitude"):
        altimetry.open_maps(tmp_path / "line.nc")
    packed(tmp_path / "other.nc", sea()[:, 1:])
    with pytest.raises(ValueError, match="2 files on unequal grids"):
        altimetry.open_maps([good, tmp_path / "other.nc"])


@pytest.mark.parametrize("west", [-180.0, 0.0])
def test_boxes_in_either_convention(west):
    longitude = west + np.arange(0.5, 360)
    field = on_sphere(
        lambda phi, lam: np.cos(lam) + phi, np.arange(-60.5, 61), longitude
    )
    maps = field.to_dataset(name="ssh")
    for edges in ((-10, 20), (350, 20), (350, 380), (170, 200), (170, -160), (0, 360)):
        part = altimetry.box(maps, (40, 30), edges)
        width = (edges[1] - edges[0]) % 360 or 360
        assert part.sizes == {"latitude": 10, "longitude": width}
        assert part.longitude[0] == edges[0] + 0.5
        np.testing.assert_array_equal(np.diff(part.longitude), 1)
        again = on_sphere(
            lambda phi, lam: np.cos(lam) + phi, part.latitude, part.longitude
        )
        np.testing.assert_allclose(part.ssh, again)
    with pytest.raises(ValueError, match=r"cover -60.5 to 60.5"):
        altimetry.box(maps, (70, 80), (0, 10))


def test_a_box_wider_than_the_maps_keeps_them_whole():
    maps = on_sphere(lambda p, q: q + 0 * p, np.arange(30.0, 40), np.arange(-40.0, 21))
    maps = maps.to_dataset(name="ssh")
    part = altimetry.box(maps, (30, 35), (0, 360))
    np.testing.assert_array_equal(part.longitude, maps.longitude)
    np.testing.assert_array_equal(part.ssh, maps.ssh[:6])
    with pytest.raises(ValueError, match=r"leaves out the middle.*western one first"):
        altimetry.box(maps, (30, 35), (10, -30))


def test_sea_box_is_free_of_land_at_all_times_and_the_most_energetic():
    field = sea(3)
    field[1, 5, 5] = np.nan  # ice for a day
    eddy = np.exp(-((field.latitude - 37) ** 2 + (field.longitude - 7) ** 2))
    maps = (field * 0 + eddy).to_dataset(name="ssh")
    part = altimetry.sea_box(maps, (12, 16))
    assert part.sizes == {"time": 3, "latitude": 12, "longitude": 16}
    assert bool(part.ssh.notnull().all())
    assert part.latitude.mean() == pytest.approx(37, abs=0.3)
    assert part.longitude.mean() == pytest.approx(7, abs=0.3)
    maps.ssh[1, 28, 47] = np.nan  # ice in the eddy for a day
    part = altimetry.sea_box(maps, (12, 16))
    assert bool(part.ssh.notnull().all())
    whole = maps.isel(time=1, latitude=slice(5, None), longitude=slice(5, None))
    land = whole.ssh.isnull().values
    largest = max(
        n
        for n in range(1, 36)
        if any(
            not land[i : i + n, j : j + n].any()
            for i in range(land.shape[0] - n + 1)
            for j in range(land.shape[1] - n + 1)
        )
    )
    with pytest.raises(ValueError, match=f"square has {largest} × {largest}$"):
        altimetry.sea_box(whole, (30, 30))
    with pytest.raises(ValueError, match="no box of 50 × 5 in maps"):
        altimetry.sea_box(maps, (50, 5))
    with pytest.raises(ValueError, match="largest square has 0 × 0"):
        altimetry.sea_box(maps * np.nan, (2, 2))


def test_sea_box_keeps_out_of_the_equator():
    field = on_sphere(
        lambda p, _: np.sin(4 * p), np.arange(-9.5, 25), np.arange(9.5, 30)
    )
    part = altimetry.sea_box(field.to_dataset(name="ssh"), (10, 10))
    assert part.latitude.min() >= 5
    altimetry.geostrophic_velocity(part.ssh)


def test_the_mediterranean(course_data):
    maps = altimetry.open_maps(course_data / "altimetry" / MED)
    assert maps.ssh.shape == (91, 128, 344)
    part = altimetry.sea_box(maps.isel(time=slice(0, None, 10)), (32, 32)).load()
    assert bool(part.ssh.notnull().all())
    flow = altimetry.geostrophic_velocity(part.ssh)
    assert 0.05 < float(np.sqrt((flow.u**2 + flow.v**2).mean())) < 0.5
    zeta = altimetry.vorticity(flow.u, flow.v)
    assert 0.01 < float(zeta.std()) / 8e-5 < 0.5  # Rossby number
    with pytest.raises(ValueError, match="the largest square has"):
        altimetry.sea_box(maps.isel(time=[0]), (100, 100))
