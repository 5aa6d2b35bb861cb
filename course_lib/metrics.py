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
