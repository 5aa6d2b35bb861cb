"""fit: reproducible, keeps the best weights, logs, and is quiet."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import nn

from course_lib import training


class Line(pl.LightningModule):
    """Fits y = 3x + 1."""

    def __init__(self, rate: float = 0.05):
        super().__init__()
        self.layer, self.rate = nn.Linear(1, 1), rate

    def loss(self, batch):
        return ((self.layer(batch) - 3 * batch - 1) ** 2).mean()

    def training_step(self, batch, batch_idx):
        loss = self.loss(batch)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), self.rate)


@pytest.fixture
def data():
    return torch.linspace(-1, 1, 96)[:, None]


def fit(data, rate=0.05, **options):
    torch.manual_seed(0)
    line = Line(rate)
    return line, training.fit(line, data[::2], data[1::2], batch_size=8, **options)


def test_it_learns_and_keeps_the_best_weights(data):
    line, result = fit(data, steps=300)
    assert result.best < 1e-3
    assert line.loss(data[1::2]).item() == pytest.approx(result.best, rel=1e-3)
    assert not line.training
    # With a rate that diverges at the end, the best weights are not the last ones.
    line, result = fit(data, rate=20.0, steps=60)
    assert result.best == pytest.approx(result.curves["val_loss"][1].min(), rel=1e-4)
    assert line.loss(data[1::2]).item() == pytest.approx(result.best, rel=1e-3)


def test_it_is_reproducible(data):
    first, again = fit(data, steps=50), fit(data, steps=50)
    other = fit(data, steps=50, seed=1)
    assert first[1].best == again[1].best != other[1].best


def test_curves_come_from_the_log(data, tmp_path):
    _, result = fit(data, steps=60, folder=tmp_path)
    assert (tmp_path / "metrics.csv").is_file()
    assert list(tmp_path.glob("best*.ckpt"))
    steps, losses = result.curves["val_loss"]
    assert len(steps) == len(losses) >= 10
    assert np.all(np.diff(steps) > 0)
    assert steps[-1] == 59


def test_its_temporary_folder_is_kept_until_python_ends(data, monkeypatch):
    ends = []
    monkeypatch.setattr(
        training.atexit, "register", lambda *a, **k: ends.append((a, k))
    )
    _, result = fit(data, steps=12)
    assert (result.folder / "metrics.csv").is_file()
    (remove, *arguments), options = ends[-1]
    remove(*arguments, **options)
    assert not result.folder.exists()


def test_it_says_one_line_on_stdout_and_nothing_else(data, capfd, recwarn):
    fit(data, steps=30)
    out, err = capfd.readouterr()
    assert "30/30" in out
    assert "val_loss" in out
    assert err == ""
    assert not [w for w in recwarn if "lightning" in str(w.filename)]


def test_threads_are_given_back(data):
    before = torch.get_num_threads()
    fit(data, steps=6)
    assert torch.get_num_threads() == before


def test_bad_input_is_named(data):
    with pytest.raises(ValueError, match="at least one training and one validation"):
        training.fit(Line(), data, data[:0])
    with pytest.raises(ValueError, match="as there are batches"):
        training.fit(Line(), data, data, batch_size=8, steps=3)


class Silent(Line):
    def validation_step(self, batch, batch_idx):
        pass


def test_a_module_without_val_loss_is_named(data):
    with pytest.raises(MisconfigurationException, match="val_loss"):
        training.fit(Silent(), data, data, steps=5)
