"""metrics, results and plots."""

import io

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import metrics, plots, results
from course_lib.datasets import sea_level


def test_rmse():
    assert metrics.rmse([1.0, 2.0], [1.0, 4.0]) == pytest.approx(np.sqrt(2))
    assert metrics.rmse([1.0, np.nan], [2.0, 5.0]) == 1.0  # land does not count
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\)"):
        metrics.rmse([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="all are NaN"):
        metrics.rmse([np.nan], [1.0])


def test_the_spectrum_of_a_wave_is_one_line_with_its_variance():
    x = np.arange(32)
    field = 1.0 + 3 * np.cos(2 * np.pi * (3 * x[:, None] + 4 * x) / 32)
    wavenumber, density = metrics.isotropic_spectrum(field[None], 10.0)
    assert wavenumber == pytest.approx(np.arange(1, 17) / 320)
    assert density / 320 == pytest.approx(np.where(np.arange(1, 17) == 5, 4.5, 0))
    with pytest.raises(ValueError, match="seen"):
        metrics.isotropic_spectrum(np.zeros((4, 6)), 1.0)
    with pytest.raises(ValueError, match="NaN"):
        metrics.isotropic_spectrum(np.full((4, 4), np.nan), 1.0)


class TestResults:
    def test_a_result_is_shown_and_read_back(self, tmp_path, monkeypatch):
        shown = []
        monkeypatch.setattr(
            "IPython.display.display", lambda data, raw: shown.append(data)
        )
        results.record("gain", 20.3, unit="points", at_least=15, reference="trial: 21")
        assert shown[0]["text/plain"] == "✓ gain: 20.3 points (at least 15; trial: 21)"
        notebook = nbformat.v4.new_notebook()
        cell = nbformat.v4.new_code_cell("results.record(…)")
        cell.outputs = [nbformat.v4.new_output("display_data", data=shown[0])]
        notebook.cells = [nbformat.v4.new_markdown_cell("# title"), cell]
        nbformat.write(notebook, tmp_path / "unit.ipynb")
        (row,) = results.read(tmp_path / "unit.ipynb")
        assert row == results.Result("gain", 20.3, "points", "at least 15", "trial: 21")

    @pytest.mark.parametrize("value", [14.9, float("nan"), -1e9])
    def test_a_claim_can_fail(self, value):
        with pytest.raises(results.ClaimFailed, match="at least 15"):
            results.record("gain", value, at_least=15)
        with pytest.raises(results.ClaimFailed, match="at most 1"):
            results.record("gain", abs(value) if value == value else value, at_most=1)

    def test_a_claim_needs_a_bound(self):
        with pytest.raises(ValueError, match="at_least or at_most"):
            results.record("gain", 3.0)


def test_a_picture_carries_its_alt_text_and_is_small():
    picture = plots.curves([1, 2], {"a": [0, 1]}, xlabel="x", ylabel="y", alt="A line.")
    data, metadata = picture._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == "A line."
    assert "A line." in data["text/plain"]
    buffer = io.BytesIO()
    picture.savefig(buffer)
    assert Image.open(buffer).size[0] < 800


def pictures():
    ssh = sea_level.simulate(3).ssh
    images = torch.rand(10, 1, 28, 28)
    curve = ([1, 2], {"a": [0, 1], "b": [1, 0]})
    training = type(
        "T", (), {"curves": {k: ([1, 2], [2, 1]) for k in ("loss", "val_loss")}}
    )
    z = np.random.default_rng(0).normal(size=(20, 2))
    return {
        "curves": plots.curves(*curve, xlabel="k", ylabel="share", alt="alt"),
        "loss": plots.loss_curves(training, baseline=1.5, baseline_name="PCA"),
        "maps": plots.maps(ssh, ["1", "2", "3"], "sea level (m)", "alt"),
        "series": plots.time_series(ssh.time, {"a": ssh[:, 0, 0]}, "cm", "alt"),
        "learning": plots.learning_curves({"a": training}, ylabel="loss", alt="alt"),
        "traces": plots.traces(
            {"a": {"b": ([1, 2], [1, 2])}}, xlabel="m", ylabel="m", alt="alt"
        ),
        "recurrence": plots.recurrence(3, "alt"),
        "lines": plots.line_panels([("x", "y", {"a": ([0, 1], [1, 2])})], "alt"),
        "five": plots.panels({f"{n} (1)": np.eye(5) for n in range(5)}, "alt"),
        "panels": plots.panels({"a (1)": np.eye(5), "b (1)": -np.eye(5)}, "alt"),
        "wide": plots.panels({"a (1)": np.eye(2, 9), "b (1)": np.eye(2, 9)}, "alt"),
        "log": plots.curves(
            *curve, xlabel="k", ylabel="y", alt="alt", doubling=False, ylog=True
        ),
        "matrices": plots.matrices({"a": np.eye(2)}, "|cosine|", "alt"),
        "latent": plots.latent_map({"a": z}, np.repeat([0, 1], 10), (0, 1), "alt"),
        "images": plots.image_rows({"a": images, "b": images}, "alt"),
        "plane": plots.plane_maps(dict.fromkeys("abc", np.eye(4)), 8, "u (m/s)", "alt"),
        "own": plots.plane_maps({"a": np.eye(2, 9)}, 8, "cm", "alt", shared=False),
    }


@pytest.mark.parametrize("name", pictures())
def test_every_axis_is_labelled(name):
    picture = pictures()[name]
    assert picture.alt
    visible = [
        ax for ax in picture.axes if ax.axison and ax.get_label() != "<colorbar>"
    ]
    assert visible or name in ("images", "recurrence")
    assert all(ax.get_xlabel() for ax in visible)
    assert visible == [] or visible[0].get_ylabel()
