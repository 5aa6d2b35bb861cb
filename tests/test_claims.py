"""Claims hold over seeds, on real MNIST and on the embedded digits.

nbval runs every solution as it stands, with seed 0 and the real data if there are any.
Here those that use real data run again without them, with another seed; with
COURSE_THOROUGH=1 all units do, with all seeds, on both.
"""

import os

import nbformat
import pytest
from nbclient import NotebookClient

from course_lib import build, results
from tests.conftest import ROOT

CLAIMS = {  # how many headline numbers a unit records
    "00_lightning_basics": 4,
    "01_pca_autoencoder": 7,
    "02_convolutional_autoencoder": 5,
    "03_denoising_interpolation": 5,
    "04_unet_resnet": 6,
    "05_recurrent_networks": 13,
    "06_lorenz63_forecasting": 12,
    "07_neural_integration_schemes": 22,
    "08_subgrid_forcing": 18,
    "09_ssh_interpolation": 8,
}
OPENS_REAL_DATA = ("mnist.load", "sea_level.load", "folders.real_data")
THOROUGH = bool(os.environ.get("COURSE_THOROUGH"))  # all seeds: an hour


def uses_real_data(name: str) -> bool:
    """Whether a lesson opens MNIST or altimetry where there are any."""
    text = build.Unit(ROOT, name).source.read_text()
    return any(f"{opens}(" in text for opens in OPENS_REAL_DATA)


def run(name: str, seed: int, tmp_path) -> list[results.Result]:
    notebook = nbformat.read(build.Unit(ROOT, name).solution, as_version=4)
    setup = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert "SEED = 0" in setup.source
    setup.source = setup.source.replace("SEED = 0", f"SEED = {seed}")
    options = {"timeout": 300, "extra_arguments": build.QUIET_KERNEL}
    NotebookClient(notebook, **options).execute()
    nbformat.write(notebook, tmp_path / "run.ipynb")
    return results.read(tmp_path / "run.ipynb")


@pytest.mark.slow
@pytest.mark.skipif(not THOROUGH, reason="set COURSE_THOROUGH=1 to run all seeds")
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.usefixtures("course_data")
def test_on_real_data(name, seed, tmp_path):
    assert len(run(name, seed, tmp_path)) == CLAIMS[name]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2] if THOROUGH else [2])
@pytest.mark.parametrize("name", [n for n in CLAIMS if THOROUGH or uses_real_data(n)])
@pytest.mark.usefixtures("no_course_data")
def test_on_embedded_and_simulated_data(name, seed, tmp_path):
    assert len(run(name, seed, tmp_path)) == CLAIMS[name]


def test_the_lessons_that_use_real_data_are_found():
    found = {name[:2] for name in CLAIMS if uses_real_data(name)}
    assert found == {"00", "01", "02", "03", "04", "08", "09"}


def test_every_unit_is_listed(root):
    units = {unit.name for unit in build.find_units(root)}
    assert units == set(CLAIMS)
