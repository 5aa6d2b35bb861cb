"""Handwritten digits: real MNIST where it can be had, else the digits of scikit-learn.

    >>> digits = mnist.load(n_train=8000, n_test=2000, seed=0)
    MNIST (test files only): 8,000 digits to train on, 2,000 to test on.

Sources: LeCun, Cortes and Burges (MNIST), through torchvision; Alpaydin and Kaynak
(1998), UCI repository (the 8 × 8 digits that scikit-learn embeds).
"""

import gzip
import hashlib
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from course_lib.datasets import folders

TEST_SHARE = 0.2  # of a set that comes without a split of its own


class CorruptFile(ValueError):
    """A data file that is there but is not what it should be."""


@dataclass(frozen=True)
class Digits:
    """Images in [0, 1], shape (n, 1, 28, 28), float32, and their labels 0–9, (n,)."""

    train: torch.Tensor
    train_labels: torch.Tensor
    test: torch.Tensor
    test_labels: torch.Tensor
    source: Literal["mnist", "embedded"]


def load(
    source: Literal["auto", "mnist", "embedded"] = "auto",
    *,
    n_train: int | None = None,
    n_test: int | None = None,
    seed: int = 0,
) -> Digits:
    """Load digits, shuffled and split reproducibly, and say in one line which ones.

    source: "mnist" looks in COURSE_DATA, then in the cache, then downloads; "embedded"
    takes scikit-learn's 1,797 digits, resampled to 28 × 28; "auto" prefers the first.
    n_train, n_test: at most so many images; all of them if None.
    seed: decides the order, and the split of a set that comes without one.

    Raises CorruptFile for a damaged MNIST file, FileNotFoundError if source is "mnist"
    and it cannot be had, ValueError for another source or a size below 1.
    """
    if source not in ("auto", "mnist", "embedded"):
        raise ValueError(f'source is "auto", "mnist" or "embedded"; seen {source!r}')
    for name, size in (("n_train", n_train), ("n_test", n_test)):
        if size is not None and size < 1:
            raise ValueError(f"{name} is None or at least 1; seen {size}")
    folder = None if source == "embedded" else mnist_folder()
    if folder is None and source == "mnist":
        raise FileNotFoundError(
            "no MNIST in COURSE_DATA or in the cache, and no network to download it: "
            'put the four idx files in $COURSE_DATA/mnist, or use source="auto"'
        )
    name, digits = read_embedded(seed) if folder is None else read_mnist(folder, seed)
    digits = first(digits, n_train, n_test)
    print(
        f"{name}: {len(digits.train):,} digits to train on, "
        f"{len(digits.test):,} to test on."
    )
    return digits


def first(digits: Digits, n_train: int | None, n_test: int | None) -> Digits:
    """The first images of each part, all of them where a size is None."""
    return Digits(
        digits.train[:n_train],
        digits.train_labels[:n_train],
        digits.test[:n_test],
        digits.test_labels[:n_test],
        digits.source,
    )


# --- real MNIST ---------------------------------------------------------------------


def mnist_folder() -> Path | None:
    """The folder that holds MNIST's idx files, after a download if need be."""
    cached = folders.cache("mnist") / "MNIST" / "raw"
    for folder in (folders.real_data("mnist"), cached):
        if folder is not None and split_files(folder, train=False):
            return folder
    return cached if download(folders.cache("mnist")) else None


def download(root: Path) -> bool:
    """Fetch MNIST through torchvision; False where there is no network."""
    if os.environ.get("COURSE_OFFLINE"):
        return False
    from torchvision import datasets

    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(10)
    try:
        datasets.MNIST(root, download=True)
    except (OSError, RuntimeError):  # torchvision: RuntimeError when each mirror failed
        return False
    finally:
        socket.setdefaulttimeout(patience)
    return True


def split_files(folder: Path, *, train: bool) -> tuple[Path, Path] | None:
    """The image and label files (gzip) of one split; None unless both are there."""
    stem = "train" if train else "t10k"
    pair = (
        folder / f"{stem}-images-idx3-ubyte.gz",
        folder / f"{stem}-labels-idx1-ubyte.gz",
    )
    return pair if all(path.is_file() for path in pair) else None


def read_mnist(folder: Path, seed: int) -> tuple[str, Digits]:
    """Read both splits, or cut the test files 80/20 where only these are there."""
    test = read_split(*split_files(folder, train=False))
    training_files = split_files(folder, train=True)
    if training_files is None:
        return "MNIST (test files only)", shuffle_and_split(*test, "mnist", seed)
    train, test = shuffled(*read_split(*training_files), seed), shuffled(*test, seed)
    return "MNIST", Digits(*train, *test, "mnist")


def read_split(images: Path, labels: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Read one split with torchvision's own readers, after a check of each file."""
    from torchvision.datasets.mnist import read_image_file, read_label_file

    with unpacked(images) as path:
        pixels = read_image_file(path)
    with unpacked(labels) as path:
        return pixels.unsqueeze(1).float() / 255, read_label_file(path)


@contextmanager
def unpacked(path: Path) -> Iterator[str]:
    """A verified gzip file, unpacked for as long as it is being read."""
    verify(path)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.stem
        copy.write_bytes(gzip.decompress(path.read_bytes()))
        yield str(copy)


def verify(path: Path) -> None:
    """Raise CorruptFile unless the file has the MD5 sum that torchvision publishes."""
    from torchvision import datasets

    expected = dict(datasets.MNIST.resources)[path.name]
    seen = hashlib.md5(path.read_bytes()).hexdigest()
    if seen != expected:
        raise CorruptFile(
            f"{path} is damaged or incomplete (MD5 {seen}, expected {expected}): "
            "delete it and fetch it again"
        )


# --- embedded digits ----------------------------------------------------------------


def read_embedded(seed: int) -> tuple[str, Digits]:
    """scikit-learn's real 8 × 8 digits, resampled to 28 × 28 by antialiased cubics."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.tensor(bunch.images / 16, dtype=torch.float32).unsqueeze(1)
    images = torch.nn.functional.interpolate(
        images, size=(28, 28), mode="bicubic", antialias=True
    ).clamp(0, 1)
    digits = shuffle_and_split(images, torch.tensor(bunch.target), "embedded", seed)
    return "Embedded 8 × 8 digits of scikit-learn, resampled to 28 × 28", digits


def shuffled(
    images: torch.Tensor, labels: torch.Tensor, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels in the same random order."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator)
    return images[order], labels[order]


def shuffle_and_split(
    images: torch.Tensor, labels: torch.Tensor, source: str, seed: int
) -> Digits:
    """Cut a set that has no split of its own: the last fifth is for the test."""
    images, labels = shuffled(images, labels, seed)
    cut = round(len(images) * (1 - TEST_SHARE))
    return Digits(images[:cut], labels[:cut], images[cut:], labels[cut:], source)
