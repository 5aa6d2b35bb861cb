"""metrics, results and plots."""

import io

import nbformat
import numpy as np
import pytest
from PIL import Image

from course_lib import metrics, plots, results


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
    labels = {
        "xlabel": "x (m)",
        "ylabel": "y (m)",
        "alt": "A line that rises from zero to one.",
    }
    picture = plots.curves([1, 2], {"a": [0, 1]}, **labels)
    data, metadata = picture._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == labels["alt"]
    assert labels["alt"] in data["text/plain"]
    buffer = io.BytesIO()
    picture.savefig(buffer)
    assert Image.open(buffer).size[0] < 800
