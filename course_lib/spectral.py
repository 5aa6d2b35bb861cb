"""Derivatives of fields on a doubly periodic plane, exact for the waves that it holds.

>>> psi_x, psi_y = spectral.gradient(psi, dx=8e3)
"""

import torch


def gradient(field: torch.Tensor, dx: float) -> tuple[torch.Tensor, torch.Tensor]:
    """∂/∂x and ∂/∂y of periodic fields (…, ny, nx), per unit of dx.

    Each wave exp(i(kx + ly)) is multiplied by ik, and by il; k and l in rad per unit of
    dx. Source: Trefethen (2000), Spectral Methods in MATLAB, chapter 3.
    """
    k, l = (
        2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1]
    )
    spectrum = torch.fft.fft2(field)
    d_dx, d_dy = 1j * k * spectrum, 1j * l[:, None] * spectrum
    return torch.fft.ifft2(d_dx).real, torch.fft.ifft2(d_dy).real
