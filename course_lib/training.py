"""fit(): Lightning's Trainer with the choices that every lesson shares."""

import atexit
import csv
import logging
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from course_lib.threads import torch_threads


@dataclass(frozen=True)
class Training:
    """What a training left behind."""

    curves: dict[str, tuple[np.ndarray, np.ndarray]]  # name -> (steps, values)
    best: float  # lowest validation loss, that of the weights kept
    seconds: float
    folder: Path  # metrics.csv and the best checkpoint


def fit(
    module: pl.LightningModule,
    train: Dataset | torch.Tensor,
    validation: Dataset | torch.Tensor,
    *,
    steps: int = 1500,
    batch_size: int = 128,
    seed: int = 0,
    threads: int = 1,
    folder: str | Path | None = None,
) -> Training:
    """Train a LightningModule and leave it with its best weights.

    module: logs "loss" in training_step and "val_loss" in validation_step.
    steps: optimisation steps, whatever the size of the data.
    seed: decides the order of the batches (and dropout); seed the weights, with
        torch.manual_seed, before the network is built.
    threads: on the CPU. One is best for small networks: threads wait for each other
        at every operation, and where cores are shared that can cost 20 times the work.
    folder: for the log and the checkpoint; if None, a temporary one until Python ends.

    Runs on a GPU where there is one. Raises ValueError for empty data, or for fewer
    steps than there are batches; Lightning says so if no "val_loss" is logged.
    """
    if len(train) == 0 or len(validation) == 0:
        raise ValueError("fit needs at least one training and one validation sample")
    folder = Path(folder or temporary_folder())
    pl.seed_everything(seed, verbose=False)
    batches = DataLoader(train, batch_size, shuffle=True)
    checkpoint = ModelCheckpoint(folder, "best", monitor="val_loss")
    start = time.perf_counter()
    with quiet(), torch_threads(threads):
        trainer = make_trainer(folder, checkpoint, steps, len(batches))
        trainer.fit(module, batches, DataLoader(validation, 4 * batch_size))
    load_best(module, checkpoint)
    curves = read_curves(folder / "metrics.csv")
    seconds = time.perf_counter() - start
    return Training(curves, float(checkpoint.best_model_score), seconds, folder)


def temporary_folder() -> str:
    """A folder that lives as long as this process."""
    folder = tempfile.mkdtemp(prefix="course-training-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def make_trainer(
    folder: Path, checkpoint: ModelCheckpoint, steps: int, steps_an_epoch: int
) -> pl.Trainer:
    """Lightning's Trainer: one device, some 25 validations, one plain progress bar."""
    return pl.Trainer(
        accelerator="auto",
        devices=1,
        max_steps=steps,
        max_epochs=-1,
        check_val_every_n_epoch=max(1, steps // (25 * steps_an_epoch)),
        num_sanity_val_steps=0,
        logger=CSVLogger(folder, name="", version=""),
        callbacks=[checkpoint, StepBar()],
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def load_best(module: pl.LightningModule, checkpoint: ModelCheckpoint) -> None:
    """Give the module the weights of the checkpoint with the lowest validation loss."""
    if not checkpoint.best_model_path:
        raise ValueError(
            "the training ended before a validation: give it at least as many steps "
            "as there are batches, and log 'val_loss' in validation_step"
        )
    best = torch.load(checkpoint.best_model_path, weights_only=True)
    module.load_state_dict(best["state_dict"])
    module.cpu().eval()


def read_curves(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Lightning's metrics.csv as name -> (steps, values)."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    curves = {}
    for name in rows[0].keys() - {"step", "epoch"}:
        points = [(int(row["step"]), float(row[name])) for row in rows if row[name]]
        curves[name] = tuple(np.array(points).T)
    return curves


class StepBar(Callback):
    """One progress bar of optimisation steps, as plain text that stays readable."""

    def on_train_start(self, trainer, module):
        # On stdout: notebooks show stderr in red, nbgrader takes it for a failure.
        self.bar = tqdm(
            total=trainer.max_steps,
            file=sys.stdout,
            ncols=79,
            unit=" steps",
            mininterval=0.5,
        )

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.bar.update(trainer.global_step - self.bar.n)

    def on_validation_end(self, trainer, module):
        loss = trainer.callback_metrics.get("val_loss")
        if loss is not None:
            self.bar.set_postfix(val_loss=f"{float(loss):.4g}")

    def on_train_end(self, trainer, module):
        self.bar.close()

    def on_exception(self, trainer, module, exception):
        self.bar.close()


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what a student need not see: hardware notes and tuning advice."""
    log = logging.getLogger("pytorch_lightning")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(pytorch_)?lightning.*")
            yield
    finally:
        log.setLevel(level)
