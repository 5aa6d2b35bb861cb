"""How the samples that ship with the course are made, and made again.

A recipe is a model, a seed and a number of snapshots. It is followed interval by
interval, so that a run which was stopped goes on where it was. Turbulence amplifies
round-off: another machine finds other eddies, of the same kind.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from course_lib.datasets import quasigeostrophic

DAY = 86400.0  # s


@dataclass(frozen=True)
class Recipe:
    """How a sample of quasi-geostrophic turbulence is made.

    members: seas of their own. spin_up: days until the first snapshot; snapshots: kept,
    every `interval` days; layers: kept at each, from the top (the first snapshot has
    all of them as `restart`).
    """

    title: str
    model: quasigeostrophic.Model
    members: int
    snapshots: int
    layers: int = 1
    spin_up: float = 1460.0
    interval: float = 20.0
    seed: int = 0

    @property
    def n_runs(self) -> int:
        """Runs of one interval from the random start to the last snapshot."""
        return round(self.spin_up / self.interval) + self.snapshots - 1

    def run(self, q: torch.Tensor) -> torch.Tensor:
        """The potential vorticity one interval later."""
        n_steps = round(self.interval * DAY / self.model.time_step)
        return self.model.run(q, n_steps, every=n_steps)[:, -1].clone()

    def larger(self, size: int | None, members: int | None, snapshots: int | None):
        """The same sea with more points (and shorter steps), members or snapshots."""
        size = size or self.model.size
        step = self.model.time_step * min(1, self.model.size / size)
        return replace(
            self,
            model=replace(self.model, size=size, time_step=step),
            members=members or self.members,
            snapshots=snapshots or self.snapshots,
        )


RECIPES = {
    "qg_turbulence": Recipe(
        "Two-layer turbulence at 16 km, both layers, to simulate from",
        quasigeostrophic.Model(),
        members=8,
        snapshots=2,
        layers=2,
        interval=5.0,
    ),
    "qg_eddies": Recipe(
        "Mesoscale eddies at 8 km, deformation radius 15 km",
        quasigeostrophic.Model(size=128, time_step=3600.0),
        members=4,
        snapshots=15,
    ),
    "qg_eddies_other": Recipe(
        "Mesoscale eddies at 8 km, deformation radius 25 km, twice the shear",
        quasigeostrophic.Model(
            size=128, deformation_radius=25e3, flow=(0.05, 0.0), time_step=2400.0
        ),
        members=2,
        snapshots=12,
    ),
}


def rebuild(
    recipe: Recipe, file: Path, progress: Callable[[int, int], None] = lambda *_: None
) -> None:
    """Make a sample and write it to `file`, whole or not at all.

    Each interval is kept in a folder beside the file, so that a run that was stopped
    goes on where it was. progress: told how many intervals are done, of how many.
    Raises ValueError where that folder holds parts of another recipe.
    """
    parts = file.with_suffix(".parts")
    parts.mkdir(parents=True, exist_ok=True)
    claim(parts, recipe)
    first_kept = recipe.n_runs - recipe.snapshots + 1
    done, q = latest(parts, recipe)
    for number in range(done + 1, recipe.n_runs + 1):
        q = recipe.run(q)
        save(q, parts / f"{number:05d}.npy")
        if number <= first_kept:
            (parts / f"{number - 1:05d}.npy").unlink(missing_ok=True)
        progress(number, recipe.n_runs)
    numbers = range(first_kept, recipe.n_runs + 1)
    kept = [np.load(parts / f"{number:05d}.npy") for number in numbers]
    write(as_dataset(recipe, torch.from_numpy(np.stack(kept, axis=1))), file)
    for leftover in parts.iterdir():
        leftover.unlink()
    parts.rmdir()


def claim(parts: Path, recipe: Recipe) -> None:
    """Make sure that a folder of parts belongs to this recipe, and to no other."""
    note, text = parts / "recipe.json", json.dumps(asdict(recipe), indent=1)
    if not note.is_file():
        note.with_suffix(".new").write_text(text)
        os.replace(note.with_suffix(".new"), note)
    if note.read_text() != text:
        raise ValueError(
            f"{parts} holds parts of another recipe: remove it, or write elsewhere "
            "(--output)"
        )


def latest(parts: Path, recipe: Recipe) -> tuple[int, torch.Tensor]:
    """The last interval that is whole on disk and its state; else 0 and the start."""
    for file in sorted(parts.glob("?????.npy"), reverse=True):
        try:
            return int(file.stem), torch.from_numpy(np.load(file))
        except (ValueError, EOFError):
            file.unlink()  # the machine went down while it was written
    return 0, recipe.model.random_state(recipe.members, seed=recipe.seed)


def save(q: torch.Tensor, file: Path) -> None:
    """Write a state, whole or not at all."""
    with file.with_suffix(".new").open("wb") as opened:
        np.save(opened, q.numpy())
    os.replace(file.with_suffix(".new"), file)


def as_dataset(recipe: Recipe, q: torch.Tensor) -> xr.Dataset:
    """Potential vorticity (members, snapshots, layers, y, x) as a sample."""
    psi = recipe.model.streamfunction(q)
    days = recipe.spin_up + recipe.interval * np.arange(recipe.snapshots)
    along = recipe.model.spacing * np.arange(recipe.model.size)
    dims, shown = ["member", "time", "layer", "y", "x"], psi[:, :, : recipe.layers]
    if recipe.layers == 1:
        dims.remove("layer")
        shown = shown[:, :, 0]
    dataset = xr.Dataset(
        {
            "psi": (dims, shown.numpy()),
            "restart": (["member", "layer", "y", "x"], psi[:, 0].numpy()),
        },
        {
            "time": ("time", days, {"units": "days since 2000-01-01", "axis": "T"}),
            "layer": ("layer", np.arange(1, recipe.model.layers + 1)),
            "y": ("y", along, {"units": "m", "axis": "Y"}),
            "x": ("x", along, {"units": "m", "axis": "X"}),
        },
        describe(recipe),
    )
    dataset.psi.attrs = {"units": "m2 s-1", "long_name": "streamfunction"}
    dataset.restart.attrs = {
        "units": "m2 s-1",
        "long_name": "streamfunction of all layers at the first time",
    }
    dataset.layer.attrs = {"units": "1", "positive": "down", "long_name": "layer"}
    return dataset


def describe(recipe: Recipe) -> dict[str, str]:
    """The attributes of the file: what it is, and all that made it."""
    numbers = asdict(recipe)
    return {
        "Conventions": "CF-1.10",
        "title": numbers.pop("title"),
        "source": "course_lib.datasets.quasigeostrophic, simulated",
        "references": "Phillips (1951), J. Meteorol. 8, 381–394",
        "model": json.dumps(numbers.pop("model")),
        "recipe": json.dumps(numbers),
    }


def write(dataset: xr.Dataset, file: Path) -> None:
    """Write a sample as compressed netCDF, fields as 16-bit integers, atomically."""
    encoding = {}
    for name in dataset.data_vars:
        largest = float(abs(dataset[name]).max())
        encoding[name] = {
            "dtype": "int16",
            "scale_factor": np.float32(largest / 32767),
            "_FillValue": -32768,
            "zlib": True,
            "complevel": 9,
            "shuffle": True,
        }
    dataset.to_netcdf(file.with_suffix(".new"), encoding=encoding)
    os.replace(file.with_suffix(".new"), file)
