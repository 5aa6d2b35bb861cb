"""Digits: every source, reproducible splits, and damaged files."""

import gzip
import shutil

import numpy as np
import pytest
import torch

from course_lib.datasets import mnist

TEST_FILES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(mnist.folders, "cache", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache"


@pytest.mark.usefixtures("no_course_data", "empty_cache")
class TestEmbedded:
    def test_auto_falls_back_to_it_with_one_line(self, capsys):
        digits = mnist.load()
        assert digits.source == "embedded"
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 1
        assert "scikit-learn" in lines[0]

    def test_shapes_range_and_labels(self):
        digits = mnist.load("embedded")
        assert digits.train.shape == (1438, 1, 28, 28)
        assert digits.test.shape == (359, 1, 28, 28)
        assert digits.train.dtype == torch.float32
        assert digits.train.min() == 0
        assert 0.9 < digits.train.max() <= 1
        assert set(digits.test_labels.tolist()) == set(range(10))

    def test_resampling_keeps_the_picture(self):
        from sklearn.datasets import load_digits

        small = torch.nn.functional.avg_pool2d(mnist.read_embedded(0)[1].train, 7, 7)
        assert small.shape[2:] == (4, 4)
        means = load_digits().images.mean((1, 2)) / 16
        digits = mnist.read_embedded(0)[1]
        resampled = torch.cat([digits.train, digits.test]).mean((1, 2, 3)).numpy()
        np.testing.assert_allclose(np.sort(resampled), np.sort(means), atol=0.03)

    def test_split_is_reproducible_and_disjoint(self):
        first, again = mnist.load("embedded", seed=1), mnist.load("embedded", seed=1)
        other = mnist.load("embedded", seed=2)
        assert torch.equal(first.train, again.train)
        assert torch.equal(first.test_labels, again.test_labels)
        assert not torch.equal(first.train, other.train)
        train = {image.numpy().tobytes() for image in first.train}
        assert sum(image.numpy().tobytes() in train for image in first.test) == 0

    def test_sizes(self):
        digits = mnist.load("embedded", n_train=100, n_test=10)
        assert (len(digits.train), len(digits.test_labels)) == (100, 10)

    def test_real_ones_cannot_be_had(self):
        with pytest.raises(FileNotFoundError, match="COURSE_DATA"):
            mnist.load("mnist")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"source": "mnits"}, "seen 'mnits'"), ({"n_train": 0}, "n_train .* seen 0")],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        mnist.load(**arguments)


def test_course_data_must_be_a_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"COURSE_DATA is set to .*nowhere"):
        mnist.load()


class TestReal:
    def test_test_files_alone_are_split_80_20(self, course_data, empty_cache, capsys):
        digits = mnist.load("mnist", seed=3)
        assert (len(digits.train), len(digits.test)) == (8000, 2000)
        assert "test files only" in capsys.readouterr().out
        assert digits.train.shape[1:] == (1, 28, 28)
        assert digits.train.max() == 1
        counts = torch.cat([digits.train_labels, digits.test_labels]).bincount()
        assert counts.tolist() == [
            980,
            1135,
            1032,
            1010,
            982,
            892,
            958,
            1028,
            974,
            1009,
        ]

    def test_the_cache_is_used(self, course_data, empty_cache, monkeypatch):
        raw = empty_cache / "mnist" / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for name in TEST_FILES:
            shutil.copy(course_data / "mnist" / name, raw)
        monkeypatch.delenv("COURSE_DATA")
        assert mnist.load().source == "mnist"

    def test_both_splits_keep_their_roles(
        self, course_data, tmp_path, monkeypatch, empty_cache
    ):
        """With training files beside the test files, no digit changes sides."""
        folder = tmp_path / "mnist"
        folder.mkdir()
        for name in TEST_FILES:
            shutil.copy(course_data / "mnist" / name, folder)
            train = folder / name.replace("t10k", "train")
            shutil.copy(course_data / "mnist" / name, train)
        monkeypatch.setattr(mnist, "verify", lambda path: None)
        monkeypatch.setenv("COURSE_DATA", str(tmp_path))
        digits = mnist.load(n_test=500)
        assert (len(digits.train), len(digits.test)) == (10_000, 500)

    @pytest.mark.parametrize("damage", ["changed", "truncated", "not gzip", "empty"])
    @pytest.mark.parametrize("name", TEST_FILES)
    def test_a_damaged_file_is_named(
        self, course_data, tmp_path, monkeypatch, empty_cache, damage, name
    ):
        folder = tmp_path / "mnist"
        shutil.copytree(course_data / "mnist", folder)
        packed = (folder / name).read_bytes()
        (folder / name).chmod(0o644)
        content = {
            "changed": gzip.compress(gzip.decompress(packed)[:-1] + b"\x01"),
            "truncated": packed[: len(packed) // 2],
            "not gzip": b"<html>not found</html>",
            "empty": b"",
        }
        (folder / name).write_bytes(content[damage])
        monkeypatch.setenv("COURSE_DATA", str(tmp_path))
        with pytest.raises(mnist.CorruptFile, match=f"{name} is damaged"):
            mnist.load("auto")
        assert (folder / name).read_bytes() == content[damage]
