"""Measures of a forecast or a reconstruction: small, typed, each with its equation."""

import numpy as np
from numpy.typing import ArrayLike


def rmse(truth: ArrayLike, estimate: ArrayLike) -> float:
    """Root mean squared error, √⟨(truth − estimate)²⟩, in the unit of the data.

    Positions where either is NaN (land) do not count. Raises ValueError for different
    shapes, or where no position is left.
    """
    truth, estimate = np.asarray(truth, float), np.asarray(estimate, float)
    if truth.shape != estimate.shape:
        raise ValueError(f"rmse of shapes {truth.shape} and {estimate.shape}")
    error = truth - estimate
    error = error[~np.isnan(error)]
    if error.size == 0:
        raise ValueError("rmse of no value: all are NaN")
    return float(np.sqrt(np.mean(error**2)))


def isotropic_spectrum(
    field: ArrayLike, spacing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Power spectral density by wavenumber, averaged over directions and fields.

    E(κ) Δκ = Σ |f̂|² / n⁴ over waves with |κ| within Δκ/2, Δκ = 1 / (n · spacing);
    the sum of E Δκ is the variance, but for the corners beyond the Nyquist wavenumber.

    field: (…, n, n), periodic; spacing: between points, m. Returns κ in cycles per
    metre, (n/2,), without zero and up to the Nyquist wavenumber, and E in the field's
    unit squared times m. Raises ValueError where the last two axes differ or hold NaN.
    """
    field = np.asarray(field, float)
    n = field.shape[-1]
    if field.ndim < 2 or field.shape[-2] != n or np.isnan(field).any():
        raise ValueError(f"a spectrum needs squares without NaN; seen {field.shape}")
    power = np.abs(np.fft.fft2(field)) ** 2 / n**4
    power = power.reshape(-1, n, n).mean(0)
    cycles = np.fft.fftfreq(n, 1 / n)
    ring = np.rint(np.hypot(cycles[:, None], cycles)).astype(int)
    density = np.bincount(ring.ravel(), power.ravel())[1 : n // 2 + 1]
    step = 1 / (n * spacing)
    return step * np.arange(1, n // 2 + 1), density / step
