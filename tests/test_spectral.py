"""Derivatives of periodic fields: exact on waves, whatever the grid."""

import math

import pytest
import torch

from course_lib import spectral


def test_the_gradient_of_waves_is_exact():
    dx = 2 * math.pi / 12  # a side of 2π along x, of 4π along y
    x, y = dx * torch.arange(12.0).double(), dx * torch.arange(24.0).double()[:, None]
    field = torch.stack([torch.sin(3 * x) * torch.cos(2.5 * y), 7 + torch.cos(y - x)])
    d_dx, d_dy = spectral.gradient(field[:, None], dx)
    assert d_dx.shape == d_dy.shape == (2, 1, 24, 12)
    exact_x = torch.stack([3 * torch.cos(3 * x) * torch.cos(2.5 * y), torch.sin(y - x)])
    exact_y = torch.stack(
        [-2.5 * torch.sin(3 * x) * torch.sin(2.5 * y), -torch.sin(y - x)]
    )
    torch.testing.assert_close(d_dx[:, 0], exact_x)
    torch.testing.assert_close(d_dy[:, 0], exact_y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_precision_is_kept(dtype):
    d_dx, d_dy = spectral.gradient(torch.rand(3, 8, 10, dtype=dtype), 0.5)
    assert d_dx.dtype == d_dy.dtype == dtype
    assert d_dx.mean((-2, -1)).abs().max() < 1e-5
