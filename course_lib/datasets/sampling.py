"""Where satellites look: ground tracks, swaths, gaps between clouds, and their errors.

    >>> grid = sampling.plane(y, x)  # metres, or sampling.sphere(latitude, longitude)
    >>> tracks = sampling.ground_tracks(grid, n_times=11, seed=0)
    >>> mask = sampling.nadir_mask(tracks)  # (11, ny, nx), True where it is seen
    >>> seen = torch.where(mask, ssh + sampling.nadir_noise(ssh.shape), torch.nan)

Geometry only: the field is not known here. Tensors are on the CPU, the same for a seed
everywhere. For xarray: `maps.ssh.where(mask.numpy())`.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

EARTH_RADIUS = 6.371e6  # m
N_WAVES = 32  # random waves that make an error along a track


@dataclass(frozen=True)
class Grid:
    """Points in a plane where the tracks are straight, float64.

    y, x: (ny, 1), (1, nx), metres from the middle; scale: (ny, 1), ground over plane.
    """

    y: torch.Tensor
    x: torch.Tensor
    scale: torch.Tensor


def plane(y: ArrayLike, x: ArrayLike) -> Grid:
    """Grid of a plane; y (ny,) and x (nx,) in metres."""
    y, x = axis(y, "y"), axis(x, "x")
    y, x = y - (y[0] + y[-1]) / 2, x - (x[0] + x[-1]) / 2
    return Grid(y[:, None], x[None, :], torch.ones_like(y)[:, None])


def sphere(latitude: ArrayLike, longitude: ArrayLike) -> Grid:
    """Grid of a map; latitude (ny,) and longitude (nx,) in degrees, |latitude| <= 85.

    The Mercator projection, true at the middle latitude φ₀: it keeps angles, so a track
    of constant heading is straight, and lengths are scaled by cos φ / cos φ₀.
    """
    latitude, longitude = axis(latitude, "latitude"), axis(longitude, "longitude")
    if latitude.abs().max() > 85:
        raise ValueError(f"|latitude| <= 85°; seen {latitude.abs().max():.1f}°: cut")
    phi, lam = latitude.deg2rad(), longitude.deg2rad()
    unit = EARTH_RADIUS * torch.cos((phi[0] + phi[-1]) / 2)
    flat = plane(unit * torch.asinh(torch.tan(phi)), unit * lam)
    return Grid(flat.y, flat.x, (EARTH_RADIUS * torch.cos(phi) / unit)[:, None])


def axis(values: ArrayLike, name: str) -> torch.Tensor:
    """One axis of a grid in float64; ValueError where it does not rise or fall."""
    values = values.cpu().numpy() if torch.is_tensor(values) else values
    values = torch.tensor(np.array(values), dtype=torch.float64)
    steps = values.diff() if values.ndim == 1 else values.new_zeros(1)
    if not len(steps) or not ((steps > 0).all() or (steps < 0).all()):
        shape = tuple(values.shape)
        raise ValueError(f"{name}: (n,) with n >= 2, rising or falling; seen {shape}")
    return values


def track_angle(
    latitude: float, inclination: float = 66.04, revolutions: float = 12.8
) -> float:
    """Angle between north and an ascending ground track, in degrees, east positive.

    tan α = (cos i − cos²φ / n) / √(cos²φ − cos²i),  n revolutions a day

    for the Earth turns meanwhile. Defaults: Jason; SWOT: 77.6, 14.0; Sentinel-3: 98.65,
    14.27. Raises ValueError at latitudes that the satellite does not reach.
    """
    cos_i, cos_phi = (
        math.cos(math.radians(inclination)),
        math.cos(math.radians(latitude)),
    )
    if abs(cos_phi) <= abs(cos_i):
        raise ValueError(
            f"an orbit of {inclination}° does not reach latitude {latitude}"
        )
    east = cos_i - cos_phi**2 / revolutions
    return math.degrees(math.atan2(east, math.sqrt(cos_phi**2 - cos_i**2)))


@dataclass(frozen=True)
class Tracks:
    """Every point of a grid seen from the nearest ascending and descending track.

    across (signed), along: (…, 2, time, ny, nx), metres; line: the same shape, which of
    the parallel tracks; half: (ny, 1), half the distance of two columns, metres.
    """

    across: torch.Tensor
    along: torch.Tensor
    line: torch.Tensor
    half: torch.Tensor


def ground_tracks(
    grid: Grid,
    n_times: int,
    *,
    angle: float = 29.0,
    spacing: float = 240e3,
    repeat: int = 5,
    batch: tuple[int, ...] = (),
    seed: int = 0,
) -> Tracks:
    """Straight tracks of one satellite, ascending (index 0) and descending (1).

    Tracks of one direction are parallel, `spacing` metres apart along y = 0 at `angle`
    degrees from north (`track_angle`). Each is flown once in `repeat` times, so at one
    time they are repeat · spacing apart; the order in which neighbours are flown and
    the place of the first are drawn, anew for each member of `batch`. Defaults: Jason
    at 40° in steps of two days (cycle 10 days): a square of 1000 km sees 1–2 at a time.
    Raises ValueError for numbers out of range.
    """
    if spacing <= 0 or min(repeat, n_times) < 1 or abs(angle) >= 80:
        raise ValueError(
            "spacing > 0, repeat and n_times >= 1, |angle| < 80; "
            f"seen {spacing}, {repeat}, {n_times}, {angle}"
        )
    generator = torch.Generator().manual_seed(seed)
    phase = torch.rand(*batch, 2, 1, generator=generator, dtype=torch.float64)
    order = torch.rand(*batch, 2, repeat, generator=generator).argsort(-1)
    flown = order[..., torch.arange(n_times) % repeat]  # (…, 2, time)
    first = spacing * (flown + repeat * phase)[..., None, None]
    alpha = math.radians(angle) * torch.tensor([1.0, -1.0]).double().view(2, 1, 1, 1)
    period = repeat * spacing
    east = grid.x - grid.y * torch.tan(alpha) - first
    line = torch.round(east / period)
    across = (east - period * line) * torch.cos(alpha) * grid.scale
    along = grid.x * torch.sin(alpha) + grid.y * torch.cos(alpha)
    along = along.expand_as(across).float()
    half = grid.scale * grid.x.diff().abs().mean() / 2
    return Tracks(across.float(), along, line.long(), half)


def nadir_mask(tracks: Tracks, width: float | None = None) -> torch.Tensor:
    """True under a track, (…, time, ny, nx); width in metres, or one grid column."""
    half = tracks.half if width is None else width / 2
    return (tracks.across.abs() <= half).any(-4)


def swath_mask(
    tracks: Tracks, width: float = 120e3, gap: float = 20e3, nadir: bool = False
) -> torch.Tensor:
    """True in a wide swath but for the gap under the satellite, (…, time, ny, nx).

    width, gap: metres, those of SWOT; nadir: add the altimeter's line in the gap.
    """
    if not 0 <= gap < width:
        raise ValueError(f"0 <= gap < width; seen gap {gap} m, width {width} m")
    distance = tracks.across.abs()
    mask = ((distance >= gap / 2) & (distance <= width / 2)).any(-4)
    return mask | nadir_mask(tracks) if nadir else mask


def nadir_noise(
    shape: tuple[int, ...], std: float = 0.02, seed: int = 0
) -> torch.Tensor:
    """White noise of an altimeter, metres: of the order of 2–3 cm each 7 km (1 Hz)."""
    generator = torch.Generator().manual_seed(seed)
    return std * torch.randn(shape, generator=generator)


def swath_noise(
    tracks: Tracks,
    *,
    white: float = 0.005,
    roll: float = 0.03,
    length: float = 500e3,
    width: float = 120e3,
    seed: int = 0,
) -> torch.Tensor:
    """Error of a wide swath in metres, (…, time, ny, nx): white noise + roll.

    e = white ε + roll a(s) d / (width/2),  <a(s) a(s')> = exp(−(s − s')² / 2 length²)

    d: distance across the track, s: along it. An instrument that rolls tilts the sea;
    `roll` is the standard deviation at the edge, and each pass has its own a. Zero
    beyond the edge; of the nearer track where two swaths cross. Defaults of the order
    of SWOT's: some mm of noise in a cell of 10 km, some cm of roll.
    """
    generator = torch.Generator().manual_seed(seed)
    nearest = tracks.across.abs().argmin(-4, keepdim=True)
    each = (tracks.across, tracks.along, 2 * tracks.line + nearest)
    across, along, line = (f.gather(-4, nearest).squeeze(-4) for f in each)
    tilt = along_track(along, line, length, generator) / (width / 2)
    noise = white * torch.randn(across.shape, generator=generator)
    return torch.where(across.abs() <= width / 2, roll * tilt * across + noise, 0.0)


def along_track(
    along: torch.Tensor, line: torch.Tensor, length: float, generator: torch.Generator
) -> torch.Tensor:
    """A Gaussian process of unit variance for each line, at each point.

    a(s) = √(2/N) Σ cos(k_n s + p_n),  k_n ~ N(0, 1/length²),  p_n uniform in [0, 2π)

    Source: Rahimi and Recht (2007), Random features for large-scale kernel machines.
    """
    line = (line - line.min()).flatten(-2)
    n_lines = int(line.max()) + 1
    process = torch.zeros_like(along)
    for _ in range(N_WAVES):
        draw = torch.randn(*line.shape[:-1], n_lines, generator=generator) / length
        phase = 2 * math.pi * torch.rand(draw.shape, generator=generator)
        k, p = (f.gather(-1, line).view_as(process) for f in (draw, phase))
        process += torch.cos(k * along + p)
    return process * math.sqrt(2 / N_WAVES)


def cloud_mask(
    shape: tuple[int, ...],
    cover: float = 0.6,
    *,
    scale: float = 6.0,
    persistence: float = 1.0,
    drift: tuple[int, int] = (0, 2),
    seed: int = 0,
) -> torch.Tensor:
    """True under clouds, for a shape (…, time, ny, nx): a Gaussian field, cut.

    cloud where z < Φ⁻¹(cover),  z_t(x) = ρ z_{t−1}(x − drift) + √(1 − ρ²) w_t(x),
    ρ = exp(−1 / persistence),  <w(x) w(x + r)> ≈ exp(−r / scale)

    Each point is cloudy with probability `cover`, some 0.7 over the oceans (King et
    al., 2013, IEEE Trans. Geosci. Remote Sens. 51); one map may be clear. scale: grid
    points; persistence: times; drift: rows and columns a time.
    """
    if not 0 < cover < 1 or scale <= 0 or persistence <= 0 or len(shape) < 3:
        seen = f"seen {cover}, {scale}, {persistence}, {shape}"
        raise ValueError("0 < cover < 1, scale and persistence > 0, 3 axes; " + seen)
    *batch, n_times, ny, nx = shape
    generator = torch.Generator().manual_seed(seed)
    wide = tuple(n + math.ceil(4 * scale) for n in (ny, nx))  # its edges are joined
    rho, z = math.exp(-1 / persistence), rough_field((*batch, *wide), scale, generator)
    limit, clouds = torch.special.ndtri(torch.tensor(cover)), []
    for _ in range(n_times):
        clouds.append(z[..., :ny, :nx] < limit)
        new = rough_field(z.shape, scale, generator)
        z = rho * z.roll(drift, (-2, -1)) + math.sqrt(1 - rho**2) * new
    return torch.stack(clouds, -3)


def rough_field(
    shape: tuple[int, ...], scale: float, generator: torch.Generator
) -> torch.Tensor:
    """Periodic Gaussian field of unit variance, spectrum (1 + (k scale)²)^(−3/2)."""
    l, k = (2 * math.pi * torch.fft.fftfreq(n).double() for n in shape[-2:])
    shaping = (1 + scale**2 * (l[:, None] ** 2 + k**2)) ** (-3 / 4)
    shaping = (shaping / shaping.square().mean().sqrt()).float()
    noise = torch.randn(shape, generator=generator)
    return torch.fft.ifft2(shaping * torch.fft.fft2(noise)).real
