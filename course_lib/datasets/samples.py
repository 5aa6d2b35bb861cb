"""Small samples of the simulators that ship with the course.

    >>> eddies = samples.load("qg_eddies")      # an xarray.Dataset, CF names and units
    >>> model = samples.model(eddies)           # the Model that made it
    >>> q = samples.start(eddies)               # the states to go on from

`recipes` says how each is made; `course data NAME --rebuild` makes it again.
"""

import json
from pathlib import Path

import torch
import xarray as xr

from course_lib.datasets import quasigeostrophic
from course_lib.datasets.recipes import RECIPES, Recipe

FOLDER = Path(__file__).parent / "files"


def recipe(name: str) -> Recipe:
    """How a sample is made. Raises ValueError for an unknown name."""
    if name not in RECIPES:
        raise ValueError(f"no sample {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]


def path(name: str) -> Path:
    """Where a sample stands. Raises ValueError for an unknown name."""
    recipe(name)
    return FOLDER / f"{name}.nc"


def load(name: str | Path) -> xr.Dataset:
    """Open a sample by its name, or a file that `course data --output` wrote.

    Returns `psi(member, time, y, x)`, the streamfunction of the upper layer in m²/s, or
    `psi(member, time, layer, y, x)`, and `restart(member, layer, y, x)`, that of all
    layers at the first time. Prints one line on what it is.

    Raises FileNotFoundError or ValueError with the mend where the file is absent or
    damaged.
    """
    file = Path(name) if str(name).endswith(".nc") else path(str(name))
    known = file.stem in RECIPES and file == path(file.stem)
    mend = f"course data {file.stem if known else 'NAME'} --rebuild"
    mend += "" if known else f" --output {file}"
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing; mend: {mend}")
    try:
        with xr.open_dataset(file) as opened:
            dataset = opened.load()
        title, shape = dataset.attrs["title"], dict(dataset.psi.sizes)
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{file} is no sample, or damaged; mend: {mend}") from error
    sizes = ", ".join(f"{n} {axis}" for axis, n in shape.items())
    print(f"{title}: {sizes}.")
    return dataset


def model(dataset: xr.Dataset) -> quasigeostrophic.Model:
    """The model that made a sample."""
    parameters = json.loads(dataset.attrs["model"])
    return quasigeostrophic.Model(**parameters | {"flow": tuple(parameters["flow"])})


def start(dataset: xr.Dataset) -> torch.Tensor:
    """Potential vorticity at a sample's first time, (members, layers, y, x), in 1/s."""
    psi = torch.from_numpy(dataset.restart.values)
    return model(dataset).potential_vorticity(psi)
