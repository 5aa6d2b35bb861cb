"""The samples that ship with the course: what they are, and that they can be remade."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from typer.testing import CliRunner

from course_lib.cli import app
from course_lib.datasets import recipes, samples
from course_lib.datasets.quasigeostrophic import Model

SMALL = recipes.Recipe(
    "A puddle", Model(size=16), members=2, snapshots=3, spin_up=10.0, interval=5.0
)


def test_samples_are_small_and_complete():
    sizes = [samples.path(name).stat().st_size for name in samples.RECIPES]
    assert max(sizes) <= 2e6
    assert sum(sizes) <= 15e6
    assert {p.stem for p in samples.FOLDER.glob("*.nc")} == set(samples.RECIPES)


@pytest.mark.parametrize("name", samples.RECIPES)
def test_a_sample_is_what_its_recipe_says(name, capsys):
    recipe, dataset = samples.recipe(name), samples.load(name)
    assert recipe.title in capsys.readouterr().out
    assert samples.model(dataset) == recipe.model
    assert dataset.attrs == recipes.describe(recipe)
    assert dataset.sizes["member"] == recipe.members
    assert dataset.sizes["time"] == recipe.snapshots
    assert dataset.psi.dtype == "float32"
    assert {dataset[v].attrs["units"] for v in ("psi", "restart")} == {"m2 s-1"}
    assert {dataset[v].attrs["units"] for v in ("x", "y")} == {"m"}
    gaps = np.diff(dataset.time.values) / np.timedelta64(1, "D")
    assert np.allclose(gaps, recipe.interval)
    upper = dataset.psi if recipe.layers == 1 else dataset.psi.isel(layer=0)
    top, whole = upper.isel(time=0).values, dataset.restart.isel(layer=0).values
    assert np.allclose(whole, top, atol=2e-4 * abs(top).max())


@pytest.mark.parametrize("name", samples.RECIPES)
def test_the_model_goes_on_as_the_sample_does(name):
    """From the first snapshot to the second: nearly the same eddies.

    What is lost is the rounding to 16 bits, which the flow has amplified since: 1e-8 of
    the variance over 20 days, while half of it has changed.
    """
    recipe, dataset = samples.recipe(name), samples.load(name)
    q = recipe.run(samples.start(dataset))
    psi = recipe.model.streamfunction(q)[:, 0].numpy()
    upper = dataset.psi if recipe.layers == 1 else dataset.psi.isel(layer=0)
    first, second = upper.values[:, 0], upper.values[:, 1]
    variance = np.square(second).mean()
    assert np.square(psi - second).mean() < 1e-3 * variance
    assert np.square(psi - first).mean() > 0.02 * variance  # it has moved


def test_rebuilding_gives_the_same(tmp_path):
    steps = []
    recipes.rebuild(SMALL, tmp_path / "a.nc", lambda *n: steps.append(n))
    recipes.rebuild(SMALL, tmp_path / "b.nc")
    first, second = (samples.load(tmp_path / f"{n}.nc") for n in "ab")
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert first.identical(second)
    assert first.psi.shape == (2, 3, 16, 16)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.nc", "b.nc"]


def stopping_at(interval):
    """A progress that presses Ctrl-C when an interval is done."""

    def stop(done, total):
        if done == interval:
            raise KeyboardInterrupt

    return stop


def test_a_stopped_run_goes_on(tmp_path):
    file, whole = tmp_path / "a.nc", tmp_path / "whole.nc"
    with pytest.raises(KeyboardInterrupt):
        recipes.rebuild(SMALL, file, stopping_at(3))
    assert not file.exists()
    (tmp_path / "a.parts/00003.npy").write_bytes(b"half a fi")  # and the power failed
    steps = []
    recipes.rebuild(SMALL, file, lambda done, total: steps.append(done))
    assert steps == [3, 4]
    recipes.rebuild(SMALL, whole)
    assert samples.load(file).identical(samples.load(whole))


def test_a_part_too_many_does_no_harm(tmp_path):
    """A run that was killed between writing a part and removing the one before."""
    file, whole = tmp_path / "a.nc", tmp_path / "whole.nc"
    with pytest.raises(KeyboardInterrupt):
        recipes.rebuild(SMALL, file, stopping_at(2))
    second = tmp_path / "a.parts" / "00002.npy"
    shutil.copy(second, second.with_name("00001.npy"))
    recipes.rebuild(SMALL, file)
    recipes.rebuild(SMALL, whole)
    assert samples.load(file).identical(samples.load(whole))


def test_parts_of_another_recipe_are_not_taken(tmp_path):
    (tmp_path / "a.parts").mkdir()
    recipes.claim(tmp_path / "a.parts", SMALL)
    with pytest.raises(ValueError, match="another recipe"):
        recipes.rebuild(replace(SMALL, seed=1), tmp_path / "a.nc")


def test_a_larger_sample_keeps_the_physics():
    recipe = samples.recipe("qg_turbulence").larger(128, None, 5)
    assert (recipe.model.size, recipe.members, recipe.snapshots) == (128, 8, 5)
    assert recipe.model.time_step == 3600.0
    assert replace(recipe.model, size=64, time_step=7200.0) == Model()


def test_damaged_and_missing_files_are_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no sample 'eddies'; there are qg_"):
        samples.load("eddies")
    monkeypatch.setattr(samples, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="course data qg_eddies --rebuild"):
        samples.load("qg_eddies")
    (tmp_path / "qg_eddies.nc").write_bytes(b"not a netCDF file")
    with pytest.raises(ValueError, match="damaged; mend: course data qg_eddies"):
        samples.load("qg_eddies")
    xr.Dataset({"adt": ("x", [1.0])}).to_netcdf(tmp_path / "other.nc")
    with pytest.raises(ValueError, match=r"is no sample.*NAME.*--output .*other.nc"):
        samples.load(tmp_path / "other.nc")


class TestCommand:
    @pytest.fixture
    def course_data(self, tmp_path, monkeypatch):
        monkeypatch.setattr(samples, "FOLDER", tmp_path)
        monkeypatch.setitem(recipes.RECIPES, "puddle", SMALL)
        return lambda *words: CliRunner().invoke(app, ["data", *words])

    def test_list(self, course_data):
        shown = course_data().stdout
        assert "puddle" in shown
        assert "missing" in shown
        assert "qg_eddies" not in course_data("puddle").stdout

    def test_rebuild(self, course_data, tmp_path):
        outcome = course_data("puddle", "--rebuild")
        assert outcome.exit_code == 0
        assert samples.load("puddle").sizes["x"] == 16

    def test_larger(self, course_data, tmp_path):
        refused = course_data("puddle", "--rebuild", "--members", "3")
        assert refused.exit_code == 1
        assert "--output" in refused.stderr
        file = tmp_path / "more.nc"
        words = ("puddle", "--rebuild", "--members", "3", "--output", str(file))
        assert course_data(*words).exit_code == 0
        assert samples.load(file).sizes["member"] == 3

    def test_options_that_would_be_lost(self, course_data):
        for words, mend in (
            (("puddle", "--size", "32"), "--rebuild"),
            (("puddle", "--rebuild", "--output", "more"), "--output more.nc"),
        ):
            outcome = course_data(*words)
            assert outcome.exit_code == 1
            assert mend in outcome.stderr
        assert course_data("puddle", "--rebuild", "--members", "-1").exit_code == 2

    def test_a_full_disk(self, course_data, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(recipes, "save", full)
        outcome = course_data("puddle", "--rebuild")
        assert outcome.exit_code == 1
        assert "puddle: [Errno 28] No space left" in outcome.stderr.replace("\n", " ")

    def test_unknown(self, course_data):
        outcome = course_data("puddles", "--rebuild")
        assert outcome.exit_code == 1
        assert "no sample 'puddles'; there are" in outcome.stderr


def test_start_is_in_the_state_of_the_model():
    q = samples.start(samples.load("qg_turbulence"))
    assert q.shape == (8, 2, 64, 64)
    assert q.dtype == torch.float32
    model = samples.recipe("qg_turbulence").model
    assert model.run(q, 12).isfinite().all()
