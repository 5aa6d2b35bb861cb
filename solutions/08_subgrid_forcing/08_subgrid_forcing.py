# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The forcing of eddies that a model cannot see
#
# **Can a network tell from a blurred ocean what the eddies lost in the blur do to it?**
#
# A climate model blurs small eddies away. They push the currents all the same. Bolton and Zanna (2019)
# taught a network to tell this push from the blurred flow alone. We repeat it, and ask of it what one asks of a law of physics.

# %% [markdown]
# **You will learn**
# - to filter eddies, and to compute the *sub-grid forcing* that a coarse model misses;
# - to train a convolutional network for it, against three classical closures, here and in another regime;
# - to build conservation and invariance into a network, to measure what they buy, and to look inside with a control.
#
# **Time** 4 hours. **Prerequisites** units 00 to 04.

# %%
import torch
from torch import nn

from course_lib import checks, plots, results
from course_lib.datasets import samples
from course_lib.spectral import gradient

SEED = 0
torch.set_num_threads(1)  # small networks: two threads would wait for each other

# %% [markdown]
# ## A turbulent sea
#
# A two-layer quasi-geostrophic model on a periodic square of 1000 km, with points every 8 km. Its upper layer gives four
# independent seas (members) with 15 snapshots each, 20 days apart. A second sample has a larger deformation radius and twice the shear:
# another regime, kept for later.
#
# **Predict.** Look at the currents. How much of their kinetic energy does a blur of 30 km keep?

# %%
eddies, other = samples.load("qg_eddies"), samples.load("qg_eddies_other")
model = samples.model(eddies)
DX, LENGTH = model.spacing, 30e3                              # m
psi, psi_other = (torch.from_numpy(s.psi.values.astype("float32")) for s in (eddies, other))
u, v = model.velocity(psi)                                   # m/s, (4, 15, 128, 128)
u_other, v_other = model.velocity(psi_other)
plots.plane_maps({"radius 15 km": u[0, 0], "radius 25 km, twice the shear": u_other[0, 0]}, DX / 1000,
                 "zonal velocity (m/s)", shared=False,
                 alt="Zonal velocity in two turbulent seas: small eddies, and larger, faster ones.")

# %% [markdown]
# **What do we observe?** Eddies everywhere, a few tens of kilometres across in the first sea, larger and faster in the second.
#
# Their size can be measured: by the distance at which the streamfunction $\psi$ no longer resembles itself. And so can what they do:
# $\Pi(K)$ is the energy that the flow's own advection passes on to waves *shorter* than $K$: what all
# longer ones lose, added up wave by wave.
#
# **Predict.** In a room, turbulence breaks large eddies into small ones: $\Pi > 0$. And here?

# %%
def autocorrelation(psi: torch.Tensor) -> torch.Tensor:
    """Of fields (…, 128, 128), at distances of 0 to 24 points along x."""
    spectrum = torch.fft.rfft(psi - psi.mean((-2, -1), keepdim=True)).abs().square()
    curve = torch.fft.irfft(spectrum.flatten(0, -2).mean(0))[:25]
    return curve / curve[0]

def energy_flux(psi: torch.Tensor) -> list[float]:
    """Π beyond 1 to 30 cycles along the side, m²/s³: −Σ Re ψ̂* Ĵ over the longer waves, J = u·∇ζ."""
    u, v = model.velocity(psi)
    zeta = model.velocity(v)[1] + model.velocity(u)[0]        # vorticity: ∂v/∂x − ∂u/∂y
    advection = u * model.velocity(zeta)[1] - v * model.velocity(zeta)[0]
    gain = (torch.fft.fft2(psi).conj() * torch.fft.fft2(advection)).real.flatten(0, -3).mean(0) / 128**4
    cycles = torch.fft.fftfreq(128, 1 / 128)
    return [-float(gain[torch.hypot(cycles[:, None], cycles) < most].sum()) for most in range(1, 31)]

# %%
seas = {"radius 15 km": psi, "radius 25 km, twice the shear": psi_other}
plots.line_panels(
    [("distance along x (km)", "autocorrelation of ψ (1)",
      {name: ([DX / 1000 * i for i in range(25)], autocorrelation(field)) for name, field in seas.items()}),
     ("wavenumber (cycles per 1000 km)", "energy flux (10⁻⁹ m²/s³)",
      {name: (range(1, 31), [1e9 * f for f in energy_flux(field)]) for name, field in seas.items()})],
    alt="Left, autocorrelations that vanish at about 65 and 100 km; right, energy fluxes, mostly negative.")

# %% [markdown]
# **What do we observe?** The autocorrelation vanishes after some four deformation radii, in both seas. The flux is *negative* over the scales of the eddies:
# energy goes to larger ones, an **inverse cascade**, which altimetry sees in the ocean, too (Scott and Wang, 2005). So the small eddies that a coarse model
# lacks do not only brake; they also push. Next we blur them.

# %% [markdown]
# ### Exercise 1 — A Gaussian filter, in wavenumbers
#
# Averaging with a Gaussian of standard deviation $\ell$ (the `length`) multiplies each wave by
#
# $$\hat G(\boldsymbol\kappa) = \exp\bigl(-\tfrac12 \kappa^2 \ell^2\bigr), \qquad \kappa^2 = k_x^2 + k_y^2, \quad k_x, k_y \text{ in rad/m}.$$
#
# Apply it to periodic fields (…, ny, nx); any leading dimensions. Return real fields in the input's precision. (Large-eddy simulation writes $\exp(-\kappa^2 \Delta^2/24)$: the same
# with $\Delta = \sqrt{12}\,\ell$.) `gradient`, imported above, does with derivatives what you do with a blur: `gradient??` in a cell of your own shows how.

# %% exercise="gaussian_filter_spectral"
def gaussian_filter_spectral(field: torch.Tensor, length: float, dx: float) -> torch.Tensor:
    """Periodic fields (…, ny, nx) blurred by a Gaussian; length: its standard deviation, dx: spacing, m."""
    ### BEGIN SOLUTION
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    response = torch.exp(-(k**2 + l[:, None] ** 2) * length**2 / 2)
    return torch.fft.ifft2(response * torch.fft.fft2(field)).real
    ### END SOLUTION

# %% check="gaussian_filter_spectral" points=2
spacing_toy = 2 * torch.pi / 48
x_toy = spacing_toy * torch.arange(48.0, dtype=torch.float64)
y_toy = spacing_toy * torch.arange(32.0, dtype=torch.float64)[:, None]
wave_toy = torch.cos(2 * x_toy) * torch.sin(3 * y_toy)             # (32, 48), κ² = 4 + 9
checks.inputs_unchanged(lambda f: gaussian_filter_spectral(f, 0.4, spacing_toy), wave_toy)
blurred_toy = gaussian_filter_spectral(wave_toy, 0.4, spacing_toy)
checks.same_shape(blurred_toy, (32, 48), "a filtered field")
checks.holds(blurred_toy.dtype == wave_toy.dtype, "real, in the input's precision",
             seen=f"{blurred_toy.dtype}", expected=f"{wave_toy.dtype}", look_at=".real; dtype=…")
checks.close(blurred_toy, wave_toy * torch.exp(torch.tensor(-13 * 0.16 / 2)),
             "a wave is multiplied by exp(−κ² length² / 2)", tolerance=1e-6,
             look_at="κ in rad/m (2π times cycles per m); length squared, over 2; both wavenumbers")
checks.close(gaussian_filter_spectral(7 + 0 * wave_toy, 0.4, spacing_toy), 7 + 0 * wave_toy,
             "a uniform field is left alone")
checks.passed("gaussian_filter_spectral")
### BEGIN HIDDEN TESTS
dice_toy = torch.Generator().manual_seed(0)
noise_toy = torch.randn(3, 2, 24, 40, generator=dice_toy, dtype=torch.float64)
many_toy = gaussian_filter_spectral(noise_toy, 1.5, 2.0)
checks.same_shape(many_toy, (3, 2, 24, 40), "a filtered batch")
checks.close(many_toy[1, 1], gaussian_filter_spectral(noise_toy[1, 1], 1.5, 2.0), "each field by itself")
checks.close(gaussian_filter_spectral(torch.cos(3 * x_toy) + 0 * y_toy, 0.5, spacing_toy),
             (torch.cos(3 * x_toy) + 0 * y_toy) * torch.exp(torch.tensor(-9 * 0.125)), "a wave along x alone",
             look_at="x is the last axis")
checks.close(gaussian_filter_spectral(many_toy, 2.0, 2.0), gaussian_filter_spectral(noise_toy, 2.5, 2.0),
             "twice filtered: 1.5² + 2² = 2.5²", tolerance=1e-6)
checks.close(gaussian_filter_spectral(noise_toy, 0.0, 2.0), noise_toy, "length 0 changes nothing",
             tolerance=1e-12, look_at="float64 fields are worked on in float64")
checks.close(gaussian_filter_spectral(noise_toy, 1500.0, 2000.0), many_toy, "units do not matter")
checks.close(gaussian_filter_spectral(noise_toy.roll((3, 5), (-2, -1)), 1.5, 2.0),
             many_toy.roll((3, 5), (-2, -1)), "a shifted field is filtered alike, across the edge too")
checks.inputs_unchanged(lambda f: gaussian_filter_spectral(f, 1.5, 2.0), noise_toy)
odd_toy = gaussian_filter_spectral(noise_toy[..., :23, :39], 1.5, 2.0)
checks.same_shape(odd_toy, (3, 2, 23, 39), "fields with odd sides")
checks.close(gaussian_filter_spectral(noise_toy.float(), 1.5, 2.0), many_toy, "float32 as well",
             tolerance=1e-5)
checks.holds(gaussian_filter_spectral(noise_toy.float(), 1.5, 2.0).dtype == torch.float32, "float32 stays",
             seen="another precision", expected="float32", look_at="wave numbers in the field's dtype")
checks.same_shape(gaussian_filter_spectral(noise_toy[:1, :1], 1.5, 2.0), (1, 1, 24, 40), "axes of length one")
checks.holds(torch.get_default_dtype() == torch.float32, "torch's default precision stays as it was",
             seen=f"{torch.get_default_dtype()}", expected="torch.float32", look_at="set_default_dtype?")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Transform, multiply, transform back: like <code>gradient</code>, with another factor. </details>
# <details><summary>Hint 2 — shapes</summary> k is (nx,) and l[:, None] is (ny, 1): together (ny, nx), as the last axes of the spectrum. </details>
# <details><summary>Hint 3 — API</summary> <code>torch.fft.fft2</code>, <code>torch.fft.ifft2(…).real</code>, <code>torch.exp</code>. </details>

# %%
u_bar, v_bar = (gaussian_filter_spectral(f, LENGTH, DX) for f in (u, v))
kept = float((u_bar**2 + v_bar**2).mean() / (u**2 + v**2).mean())
fits = torch.fft.fftfreq(128, DX).abs() < 1 / (2 * 4 * DX)    # waves that every fourth point resolves
power = torch.fft.fft2(u).abs().square() + torch.fft.fft2(v).abs().square()
carried = float(power[..., fits[:, None] & fits].sum() / power.sum())
print(f"the blurred sea holds {kept:.0%} of the kinetic energy; points every 31 km could carry {carried:.0%}")
plots.plane_maps({"all": u[0, 0], "blurred by 30 km": u_bar[0, 0], "lost": (u - u_bar)[0, 0]}, DX / 1000,
                 "zonal velocity (m/s)",
                 alt="Zonal velocity, its blurred version and the rest, which holds most of it.")

# %% [markdown]
# **What do we observe?** Most of the energy is gone, and what is left looks like a calm sea. The *blur* did this, not a coarse grid: points
# every 31 km could carry nearly all of it. Keep this for the *Limits*. But the eddies that we no longer see still carry momentum.

# %% [markdown]
# ## What the blurred sea misses
#
# Filter the momentum equation and compare it with that of a model that knows the blurred velocity $\bar{\mathbf u}$ only. The difference is
# the **sub-grid forcing**, in m/s²,
#
# $$\mathbf S = (\bar{\mathbf u}\cdot\nabla)\,\bar{\mathbf u} - \overline{(\mathbf u\cdot\nabla)\,\mathbf u},$$
#
# which the coarse model has to *add* to $\partial \bar{\mathbf u}/\partial t$. For a flow without divergence it is also
# $\nabla\cdot(\bar{\mathbf u}\,\bar{\mathbf u} - \overline{\mathbf u\,\mathbf u})$: a transport, which moves momentum and makes none.

# %% [markdown]
# ### Exercise 2 — Eddy momentum forcing
#
# Compute $\mathbf S$ from the full flow, in the first form or, for flows without divergence, in the second. Use `gradient` and
# `gaussian_filter_spectral`. The two components, $x$ first, stand on a new axis before the grid.

# %% exercise="eddy_forcing"
def eddy_forcing(u: torch.Tensor, v: torch.Tensor, length: float, dx: float) -> torch.Tensor:
    """Sub-grid momentum forcing S of a periodic flow without divergence.

    u, v: (…, ny, nx), m/s, not filtered; length, dx: as in the filter.
    Returns (…, 2, ny, nx), m/s², in the precision of the flow.
    """
    ### BEGIN SOLUTION
    def advection(a, b):
        return torch.stack([a * f_x + b * f_y for f_x, f_y in (gradient(a, dx), gradient(b, dx))], dim=-3)

    coarse = advection(gaussian_filter_spectral(u, length, dx), gaussian_filter_spectral(v, length, dx))
    return coarse - gaussian_filter_spectral(advection(u, v), length, dx)
    ### END SOLUTION

# %% check="eddy_forcing" points=3
import numpy as np
from scipy.ndimage import gaussian_filter


def library_filter(field, length, dx):  # nearly the same, in space: a slip in Exercise 1 costs nothing here
    rows, columns = (torch.tensor(gaussian_filter(np.eye(n), (length / dx, 0), mode="wrap", truncate=8))
                     .to(field) for n in field.shape[-2:])
    return rows @ field @ columns.T

def forced(*inputs):
    own, globals()["gaussian_filter_spectral"] = gaussian_filter_spectral, library_filter
    try:
        return eddy_forcing(*inputs)
    finally:
        globals()["gaussian_filter_spectral"] = own

spacing_toy = 2 * torch.pi / 40
x_toy = spacing_toy * torch.arange(40.0, dtype=torch.float64)
y_toy = spacing_toy * torch.arange(40.0, dtype=torch.float64)[:, None]
u_toy = -2 * torch.sin(3 * x_toy) * torch.cos(2 * y_toy)            # of ψ = sin 3x sin 2y
v_toy = 3 * torch.cos(3 * x_toy) * torch.sin(2 * y_toy)

both, x_only, y_only = torch.tensor([-13 * 0.04, -18 * 0.04, -8 * 0.04]).double().exp()
s_toy = forced(u_toy, v_toy, 0.2, spacing_toy)
checks.same_shape(s_toy, (2, 40, 40), "the forcing of one flow")
checks.close(s_toy[0], 6 * torch.sin(6 * x_toy) * (both - x_only) + 0 * y_toy,
             "for ψ = sin 3x sin 2y, S in x is known", tolerance=1e-5,
             look_at="(u·∇)u = u ∂u/∂x + v ∂u/∂y; the sign of S; the filter acts on the whole product")
checks.close(s_toy[1], 9 * torch.sin(4 * y_toy) * (both - y_only) + 0 * x_toy, "and S in y", tolerance=1e-5)
checks.passed("eddy_forcing")
### BEGIN HIDDEN TESTS
dice_toy = torch.Generator().manual_seed(1)
noise_toy = torch.randn(2, 3, 24, 36, generator=dice_toy, dtype=torch.float64)
psi_x, psi_y = gradient(library_filter(noise_toy, 1.5, 1.0), 1.0)
flows_toy = 20 * torch.stack([-psi_y, psi_x])                       # (2, 2, 3, 24, 36)
batch_toy = forced(*flows_toy, 1.5, 1.0)
checks.same_shape(batch_toy, (2, 3, 2, 24, 36), "the forcing of a batch (2, 3)")
checks.same_shape(forced(*flows_toy[:, :1, :1], 1.5, 1.0), (1, 1, 2, 24, 36), "axes of length one")
checks.inputs_unchanged(lambda a, b: forced(a, b, 1.5, 1.0), *flows_toy)
for dtype_toy in (torch.float32, torch.float64):
    seen_toy = forced(*flows_toy.to(dtype_toy), 1.5, 1.0).dtype
    checks.holds(seen_toy == dtype_toy, "in the precision of the flow", seen=f"{seen_toy}",
                 expected=f"{dtype_toy}", look_at="torch.zeros, NumPy and .double() choose their own")
checks.close(batch_toy[1, 2], forced(*flows_toy[:, 1, 2], 1.5, 1.0), "each flow by itself")
checks.close(batch_toy.mean((-2, -1)), torch.zeros(2, 3, 2), "no momentum is made: the mean is zero",
             tolerance=1e-4)
checks.close(forced(*(flows_toy + 3), 1.5, 1.0), batch_toy, "a uniform current changes nothing",
             tolerance=1e-8, look_at="float64 fields are worked on in float64")
checks.close(forced(*(2 * flows_toy), 1.5, 1.0), 4 * batch_toy, "twice the flow: four times as much",
             tolerance=1e-4)
checks.close(forced(*flows_toy, 1500.0, 1000.0), batch_toy / 1000, "in metres instead of kilometres",
             tolerance=1e-7)
checks.close(forced(*flows_toy, 0.0, 1.0), 0 * batch_toy, "without a filter nothing is missed",
             tolerance=1e-6)
swapped_toy = forced(*flows_toy.flip(0).transpose(-1, -2), 1.5, 1.0)
checks.close(swapped_toy.transpose(-1, -2).flip(-3), batch_toy, "with x and y exchanged, S is exchanged",
             tolerance=1e-5)
big_toy = batch_toy.abs().max()
checks.holds(big_toy > 0.01, "S is not zero for a turbulent flow", seen=f"{big_toy:.1g}", expected="more")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Write the advection of a flow by itself once, and use it for both flows. </details>
# <details><summary>Hint 2 — shapes</summary> Each component is (…, ny, nx); stacked on axis −3 they are (…, 2, ny, nx). </details>
# <details><summary>Hint 3 — API</summary> <code>torch.stack([s_x, s_y], dim=-3)</code>; the filter takes leading dimensions as they are. </details>

# %%
forcing = eddy_forcing(u, v, LENGTH, DX)                      # (4, 15, 2, 128, 128)
mean_share = float(forcing.mean((-2, -1)).abs().max() / forcing.std())
print(f"largest domain mean over the standard deviation: {mean_share:.0e}")
per_day = 100 * 86400 * forcing.abs()                         # cm/s per day
print(f"typical push {per_day.square().mean().sqrt():.1f}, largest {per_day.max():.1f} cm/s per day,",
      f"of a blurred flow of typically {100 * u_bar.std():.1f} cm/s")
plots.plane_maps({"in x": 1e7 * forcing[0, 0, 0], "in y": 1e7 * forcing[0, 0, 1]}, DX / 1000,
                 "sub-grid forcing (10⁻⁷ m/s²)",
                 alt="The sub-grid forcing: patches of both signs, some tens of kilometres wide.")

# %% [markdown]
# **What do we observe?** Patches of both signs, with no mean: eddies take momentum here and give it there. The line above has the size:
# within a week, a typical push could make or undo the blurred current.

# %% [markdown]
# ## Data
#
# The coarse model has every fourth point: 31 km. Input: $\bar{\mathbf u}$ there, (2, 32, 32). Target: $\mathbf S$ there. Training takes
# members 1 and 2 and two thirds of member 3, validation the rest of member 3, and the test the whole of member 4, a sea that no training has
# seen. Training data set the scales.

# %%
COARSE = 4 * DX

def coarse(u, v) -> tuple[torch.Tensor, torch.Tensor]:
    """Blurred velocity and forcing, (member · time, 2, 32, 32), at every fourth point."""
    flow = gaussian_filter_spectral(torch.stack([u, v], -3), LENGTH, DX)
    return tuple(f[..., ::4, ::4].flatten(0, 1).contiguous() for f in (flow, eddy_forcing(u, v, LENGTH, DX)))

x, y = coarse(u, v)
SPEED, STRENGTH = float(x[:40].std()), float(y[:40].std())    # m/s, m/s²
x, y = x / SPEED, y / STRENGTH
train_set, valid_set, test_set = [(x[part], y[part]) for part in (slice(40), slice(40, 45), slice(45, None))]
x_other, y_other = coarse(u_other, v_other)
other_set = (x_other / SPEED, y_other / STRENGTH)
print(f"typical blurred velocity {SPEED:.3f} m/s, forcing {STRENGTH:.1e} m/s²")

# %% [markdown]
# ## Three classical closures
#
# A *closure*, or parameterisation, computes $\mathbf S$ from the blurred flow.
# **Smagorinsky**: a viscosity $(C\ell)^2 |D|$; $D$, the rate of strain, is how fast the flow deforms. **Gradient model** ([Clark et al., 1979](https://doi.org/10.1017/S002211207900001X)): the first term
# of the Taylor series of the filter,
#
# $$S_i = -\ell^2\, \partial_j \textstyle\sum_k \partial_k \bar u_i\, \partial_k \bar u_j .$$
#
# **Linear regression** on the 5 × 5 points around. All are fitted on the training data. The first two may use the *fine*
# blurred field, more than the network gets.
#
# **Predict.** Order them by their correlation with the truth.

# %%
def smagorinsky(flow: torch.Tensor, dx: float) -> torch.Tensor:
    """∇·(|D| D), D the rate of strain of a flow (n, 2, ny, nx) without divergence."""
    (u_x, u_y), (v_x, v_y) = (gradient(f, dx) for f in flow.unbind(-3))
    normal, shear = u_x - v_y, v_x + u_y
    size = (normal**2 + shear**2).sqrt()
    (a_x, a_y), (b_x, b_y) = gradient(size * normal, dx), gradient(size * shear, dx)
    return torch.stack([a_x + b_y, b_x - a_y], -3)

def gradient_model(flow: torch.Tensor, dx: float) -> torch.Tensor:
    """−∂ⱼ Σₖ ∂ₖuᵢ ∂ₖuⱼ of a flow (n, 2, ny, nx)."""
    (u_x, u_y), (v_x, v_y) = (gradient(f, dx) for f in flow.unbind(-3))
    xx, xy, yy = u_x**2 + u_y**2, u_x * v_x + u_y * v_y, v_x**2 + v_y**2
    return -torch.stack([gradient(xx, dx)[0] + gradient(xy, dx)[1],
                         gradient(xy, dx)[0] + gradient(yy, dx)[1]], -3)

# %%
def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    """Of all points and components."""
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])

def stencil(flow: torch.Tensor) -> torch.Tensor:
    """A one and the 5 × 5 points around of both components, (n · ny · nx, 51)."""
    around = nn.functional.unfold(nn.functional.pad(flow, (2, 2, 2, 2), mode="circular"), 5)
    around = around.transpose(1, 2).reshape(-1, 50)
    return torch.cat([torch.ones(len(around), 1), around], 1)

targets = train_set[1].permute(0, 2, 3, 1).reshape(-1, 2)
weights = torch.linalg.lstsq(stencil(train_set[0]), targets).solution    # (51, 2)

def linear(flow: torch.Tensor) -> torch.Tensor:
    return (stencil(flow) @ weights).unflatten(0, (-1, 32, 32)).permute(0, 3, 1, 2)

# %% [markdown]
# A fitted factor changes no correlation but its sign, so we need it only for the maps.

# %%
def closure(formula, u, v, c: float = 1.0) -> torch.Tensor:
    """A closure from the fine blurred flow, at every fourth point, scaled like the targets."""
    flow = gaussian_filter_spectral(torch.stack([u, v], -3), LENGTH, DX).flatten(0, 1)
    return c * formula(flow, DX)[..., ::4, ::4] / STRENGTH

ladder, ladder_other, classical = {}, {}, {}
for name, formula in (("Smagorinsky", smagorinsky), ("gradient model", gradient_model)):
    known = closure(formula, u[:3], v[:3])[:40]
    c = float((known * train_set[1]).sum() / known.square().sum())
    classical[name] = closure(formula, u[3:], v[3:], c)
    ladder[name] = correlation(classical[name], test_set[1])
    ladder_other[name] = correlation(closure(formula, u_other, v_other, c), other_set[1])
    print(f"{name}: fitted factor {c / LENGTH**2:.2f} ℓ²")
ladder["linear, 5 × 5"] = correlation(linear(test_set[0]), test_set[1])
print("correlation on unseen times:", {name: round(r, 2) for name, r in ladder.items()})

# %% [markdown]
# **What do we observe?** Smagorinsky is of no use: made to drain energy, it gets a factor *below* zero, as these eddies feed the flow. Linear
# regression gets little: turn the flow around, and $\mathbf S$ stays as it is, while a linear map would turn it around, too. The gradient model,
# from 1979, is quadratic as it must be, and good: the one to beat. Its formula says 1 ℓ²; the fit doubles it, to make up
# for the missing terms of the series.

# %% [markdown]
# ## A network that slides over a periodic sea
#
# The physics is the same everywhere, and the sea is periodic. So we take convolutions only, with *circular* padding:
# whatever leaves at the east comes in at the west.

# %% [markdown]
# ### Exercise 3 — A fully convolutional network
#
# Four convolutions, kernel 3, stride 1, circular padding: `n_in` → `width` → `width` → `width` → `n_out` channels, each with an offset. An
# `nn.GELU` after the first three (a smooth ReLU), nothing after the last. Every size of grid (from 3 points on) must work, and give a field of its own size.

# %% exercise="ForcingCNN"
class ForcingCNN(nn.Module):
    """Fields (b, n_in, ny, nx) on a periodic grid -> fields (b, n_out, ny, nx)."""

    def __init__(self, n_in: int = 2, n_out: int = 2, width: int = 24):
        super().__init__()
        ### BEGIN SOLUTION
        def conv(a, b):
            return nn.Conv2d(a, b, 3, padding=1, padding_mode="circular")

        self.layers = nn.Sequential(conv(n_in, width), nn.GELU(), conv(width, width), nn.GELU(),
                                    conv(width, width), nn.GELU(), conv(width, n_out))
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        return self.layers(x)
        ### END SOLUTION

# %% check="ForcingCNN" points=3
torch.manual_seed(0)
net_toy, flow_toy = ForcingCNN(), torch.randn(3, 2, 20, 16)
checks.same_shape(net_toy(flow_toy), (3, 2, 20, 16), "the forcing of 3 flows")
checks.not_affine(net_toy, 5 * flow_toy, "the network is not linear", look_at="an activation between layers")
checks.close(net_toy(flow_toy.roll((4, 9), (2, 3))), net_toy(flow_toy).roll((4, 9), (2, 3)),
             "a flow moved across the edge moves its forcing", tolerance=1e-4, look_at="circular padding")
n_toy = sum(p.numel() for p in net_toy.parameters())
checks.close(n_toy, 2 * 9 * 24 + 24 + 2 * (24 * 9 * 24 + 24) + 24 * 9 * 2 + 2, "the number of weights",
             look_at="kernel 3; 2 → 24 → 24 → 24 → 2 channels, with an offset each")
point_toy = flow_toy.clone()
point_toy[:, :, 10, 8] += 5.0
reach_toy = (net_toy(point_toy) - net_toy(flow_toy)).abs().amax((0, 1)) > 1e-7
checks.holds(reach_toy.any(), "the answer depends on the flow", seen="a constant", expected="a forcing")
rows_toy, columns_toy = (reach_toy.any(axis).nonzero().flatten().tolist() for axis in (1, 0))
checks.holds((rows_toy, columns_toy) == (list(range(6, 15)), list(range(4, 13))),
             "a point reaches 4 rows and 4 columns to either side",
             seen=f"a point at (10, 8) reaches rows {rows_toy[0]} to {rows_toy[-1]}, "
             f"columns {columns_toy[0]} to {columns_toy[-1]}", expected="rows 6 to 14, columns 4 to 12",
             look_at="four convolutions with kernel 3, padded by 1 on every side; no means, no normalisation")
checks.passed("ForcingCNN")
### BEGIN HIDDEN TESTS
checks.unbounded(net_toy(1e4 * flow_toy), "the forcing", look_at="no activation at the end")
for call in checks.calls(net_toy, nn.Conv2d, 3 * flow_toy)[1:]:
    lowest_toy = float(call.x.min())
    checks.holds(-0.171 < lowest_toy < -1e-4, "a GELU goes before the next convolution",
                 seen=f"a smallest value of {lowest_toy:.2g}", expected="between −0.17 and 0")
single_toy = ForcingCNN(1, 1, 1)
even_toy = torch.linspace(-2, 3, 6)[:, None, None, None].expand(6, 1, 5, 7)
for weight_toy in single_toy.parameters():
    weight_toy.data.fill_(1 / 9 if weight_toy.numel() == 9 else 0)      # the mean of nine points
bent_toy = nn.functional.gelu(nn.functional.gelu(nn.functional.gelu(even_toy)))
checks.close(single_toy(even_toy), bent_toy, "one channel that averages: three GELUs, and nothing else",
             tolerance=3e-3, look_at="one GELU after each of the first three; no shortcut")
first_toy, second_toy = (ForcingCNN()(flow_toy) for _ in range(2))
checks.holds((first_toy - second_toy).abs().max() > 1e-4, "two networks start from different weights",
             seen="the same ones", expected="a new draw", look_at="no seed in the constructor")
checks.same_shape(ForcingCNN(1, 3, 8)(torch.randn(2, 1, 11, 7)), (2, 3, 11, 7), "1 → 3 channels, 11 × 7")
checks.same_shape(ForcingCNN(1, 3, 8)(torch.randn(2, 1, 3, 3)), (2, 3, 3, 3), "three points a side")
n_toy = sum(p.numel() for p in ForcingCNN(1, 3, 8).parameters())
checks.close(n_toy, 80 + 2 * 584 + 219, "the weights for 1 → 8 → 8 → 8 → 3")
checks.close(net_toy(flow_toy[:1]), net_toy(flow_toy)[:1], "each flow by itself", tolerance=1e-4)
checks.close(net_toy(flow_toy.repeat(1, 1, 2, 1)), net_toy(flow_toy).repeat(1, 1, 2, 1),
             "a sea twice as large, with the same waves", tolerance=1e-4, look_at="circular padding")
checks.gradients_everywhere(net_toy, net_toy(flow_toy), "gradients reach every layer")
checks.inputs_unchanged(net_toy, flow_toy)
checks.keeps_device_and_dtype(ForcingCNN().double(), flow_toy.double())
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Seven modules in one nn.Sequential. </details>
# <details><summary>Hint 2 — shapes</summary> (b, 2, 32, 32) → (b, 24, 32, 32), three times → (b, 2, 32, 32). </details>
# <details><summary>Hint 3 — API</summary> <code>nn.Conv2d(a, b, 3, padding=1, padding_mode="circular")</code>. </details>

# %% [markdown]
# ## Training
#
# Batches of four snapshots, 400 steps of Adam, and a learning rate that rises and falls (*one cycle*). Each training has the same number of steps,
# whatever its data. `rotate` turns each batch by 0, 90, 180 or 270 degrees; a rotated velocity field is more than rotated maps:
# its components turn, too. We use it later.

# %%
def turn(field: torch.Tensor, quarters: int) -> torch.Tensor:
    """Vector fields (n, 2, ny, nx) on a square, turned by quarters to the left."""
    for _ in range(quarters):
        a, b = torch.rot90(field, 1, (-1, -2)).unbind(1)
        field = torch.stack([-b, a], 1)
    return field

def skill(net, data) -> float:
    """Explained variance: 1 is perfect, 0 is what zero would get."""
    with torch.no_grad():
        return float(1 - (net(data[0]) - data[1]).square().sum() / data[1].square().sum())

# %%
def train(net: nn.Module, data, *, steps: int = 400, rotate: bool = False) -> list[float]:
    """Trains in place; returns the explained variance of the validation data every 50 steps."""
    dice, curve = torch.Generator().manual_seed(SEED), []
    adam = torch.optim.Adam(net.parameters())
    rate = torch.optim.lr_scheduler.OneCycleLR(adam, 1e-2, total_steps=steps, pct_start=0.1)
    for step in range(1, steps + 1):
        chosen = torch.randint(len(data[0]), (4,), generator=dice)
        quarters = int(torch.randint(4, (1,), generator=dice)) if rotate else 0
        a, b = (turn(field[chosen], quarters) for field in data)
        adam.zero_grad()
        nn.functional.mse_loss(net(a), b).backward()
        adam.step()
        rate.step()
        curve += [skill(net, valid_set)] if step % 50 == 0 else []
    return curve

# %% [markdown]
# **Predict.** The network sees the blurred velocity at 9 × 9 coarse points. Will it beat the gradient model, which sees the fine grid?

# %%
torch.manual_seed(SEED)
plain = ForcingCNN()
curve = train(plain, train_set)
c = classical["gradient model"]
flat = float(1 - (c - test_set[1]).square().sum() / test_set[1].square().sum())
plots.curves(range(50, 401, 50), {"network (validation)": curve, "gradient model (test)": [flat] * 8},
             doubling=False, xlabel="optimisation step (1)", ylabel="explained variance (1)",
             alt="Explained variance against steps: the network passes the gradient model early.")

# %%
def predict(net, data) -> torch.Tensor:
    with torch.no_grad():
        return net(data[0])

ladder["network"] = correlation(predict(plain, test_set), test_set[1])
fields = {"truth": test_set[1], "gradient model": classical["gradient model"],
          "network": predict(plain, test_set), "truth − network": test_set[1] - predict(plain, test_set)}
plots.plane_maps({name: 1e7 * STRENGTH * f[5, 0] for name, f in fields.items()}, COARSE / 1000,
                 "forcing in x (10⁻⁷ m/s²)",
                 alt="Forcing in x: truth, gradient model, network, and the small error of the network.")

# %% [markdown]
# **Does the push drive or brake?** Its mean work on the blurred flow, $\langle\bar{\mathbf u}\cdot\mathbf S\rangle$, tells.

# %%
for name in ("truth", "gradient model", "network"):
    work = SPEED * STRENGTH * float((test_set[0] * fields[name]).sum(1).mean())
    print(f"{name:<14} {1e10 * work:+.2f} · 10⁻¹⁰ m²/s³")

# %% [markdown]
# **What do we observe?** Above zero: the lost eddies give energy *back* (*backscatter*), as the inverse cascade let us expect. The gradient model gives
# none, whatever its factor: in two dimensions, without divergence, that is an identity. Right in place, it is wrong in energy. The
# network learnt the work, too, though nobody asked it to.

# %% claim="correlation_on_unseen_times"
results.record("sub-grid forcing in an unseen sea: correlation of the network", ladder["network"],
               at_least=0.9)

# %% claim="above_every_baseline" headline="{0:.2f} times the unexplained variance of the best of three closures"
best = max(r for name, r in ladder.items() if name != "network")
results.record("unexplained variance, 1 − r²: network over the best of three closures",
               (1 - ladder["network"] ** 2) / (1 - best**2), at_most=0.35)

# %% [markdown]
# **What do we observe?** The network finds the patches in place, sign and size, from a coarse view. The gradient model has the
# right neighbourhoods but too much fine structure: it is only the first term of a series. Keep that series in mind for the *Limits*.

# %% [markdown]
# ## The published network, and the edge of a patch
#
# Bolton and Zanna cut the ocean into patches of 40 × 40 fine points. From $\bar\psi$ on a patch, three convolutions *without padding* and a dense
# layer with 1600 outputs give $S_x$ on the same patch; a second network gives $S_y$. (`SELU`: a smooth ReLU that keeps variances near 1;
# `MaxPool2d(2)`: the largest of each 2 × 2.)
#
# **Predict.** Where in the patch will the errors be largest, and why?

# %%
def deep_eddy() -> nn.Sequential:
    """The published architecture: (b, 1, 40, 40) -> (b, 40, 40)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 8, stride=2), nn.SELU(),             # (b, 16, 17, 17)
        nn.Conv2d(16, 8, 4), nn.SELU(),                       # (b, 8, 14, 14)
        nn.Conv2d(8, 8, 4), nn.SELU(), nn.MaxPool2d(2),       # (b, 8, 5, 5)
        nn.Flatten(), nn.Linear(200, 1600), nn.Unflatten(1, (40, 40)))

def patches(field: torch.Tensor) -> torch.Tensor:
    """Patches of 40 × 40, 11 points apart, of fields (…, 128, 128), scaled by the training part's spread."""
    scaled = field / field[:3].std()
    return scaled.unfold(-2, 40, 11).unfold(-2, 40, 11).flatten(1, 3)     # (4, 15 · 81, 40, 40)

psi_patches = patches(gaussian_filter_spectral(psi, LENGTH, DX))
s_patches = patches(forcing[:, :, 0])
print(f"{sum(p.numel() for p in deep_eddy().parameters()):,} weights in the published network,",
      f"{sum(p.numel() for p in plain.parameters()):,} in ours")

# %%
def train_published(known, seed: int) -> nn.Module:
    """One network, trained on 500 batches of 32 patches."""
    torch.manual_seed(seed)
    net, dice = deep_eddy(), torch.Generator().manual_seed(seed)
    adam = torch.optim.Adam(net.parameters())
    rate = torch.optim.lr_scheduler.OneCycleLR(adam, 3e-3, total_steps=500, pct_start=0.1)
    for _ in range(500):
        chosen = torch.randint(len(known[0]), (32,), generator=dice)
        adam.zero_grad()
        nn.functional.mse_loss(net(known[0][chosen]), known[1][chosen]).backward()
        adam.step()
        rate.step()
    return net

# %% [markdown]
# We train it three times from different starts, and take the mean of the three answers: what we see should not hang on one draw of
# the weights.

# %%
known = psi_patches[:3].reshape(-1, 1, 40, 40), s_patches[:3].reshape(-1, 40, 40)
published = [train_published(known, 10 * SEED + number) for number in range(3)]
found = sum(predict(net, (psi_patches[3][:, None],)) for net in published) / 3       # of the unseen sea
inner = slice(10, 30)
print(f"correlation on whole patches {correlation(found, s_patches[3]):.2f}, in their central 20 × 20",
      f"{correlation(found[:, inner, inner], s_patches[3][:, inner, inner]):.2f}")

# %% [markdown]
# Now the error by distance from the edge, over the typical forcing at that distance. For comparison: our network, which has no edge.

# %%
steps_in = torch.minimum(torch.arange(40), 39 - torch.arange(40))
distance = torch.minimum(steps_in[:, None], steps_in)                     # (40, 40), points from the edge
error, size = (found - s_patches[3]).square().mean(0), s_patches[3].square().mean(0)
by_distance = [float((error[distance == d].mean() / size[distance == d].mean()).sqrt()) for d in range(20)]
ours = (1 - skill(plain, test_set)) ** 0.5
plots.curves([d * DX / 1000 for d in range(20)],
             {"published network": by_distance, "ours, everywhere": [ours] * 20},
             doubling=False, xlabel="distance from the patch edge (km)",
             ylabel="error over size of the forcing (1)",
             alt="Error of the published network against distance from the edge: largest at the edge.")

# %% claim="patch_edges_are_wrong"
results.record("published network: error at the patch edge over error 120 km inside",
               by_distance[0] / by_distance[15], unit="times", at_least=1.15)

# %% [markdown]
# **What do we observe?** The error is largest at the edge. The forcing there depends on the flow *outside* the patch, as far as the
# filter reaches and derivatives ask; nothing can restore what is not in the input. Convolutions without padding may make it worse:
# they look at border points less often. And the dense layer must learn the same physics again at each of 1600 places. Our
# network has no edge and shares its weights. Both had short trainings.

# %% [markdown]
# ## Momentum may not come from nowhere
#
# A parameterisation with a mean, however small, pushes the whole ocean, day after day, in a climate run of centuries. The simplest
# constraint removes the mean. It acts at a distance: a wrong push in one corner is paid for by all.
#
# Physics is stricter: forcing is the divergence of a momentum flux, so what one cell loses its neighbour gains. For this
# *flux form* we need a divergence. Here is one from published code.

# %% [markdown]
# ## Bug clinic: a current that flows apart
#
# **Symptom.** We give this function the velocity of an eddy, which turns and neither gathers nor spreads. It reports a strong divergence.

# %%
def divergence_published(u: torch.Tensor, v: torch.Tensor, dx: float) -> torch.Tensor:
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-1) - torch.roll(v, 1, dims=-1)) / (2 * dx)
    return d_u + d_v

place = (torch.arange(64.0) - 31.5) * DX
bell = torch.exp(-(place[:, None] ** 2 + place**2) / (2 * 60e3**2))
u_eddy, v_eddy = -place[:, None] * bell / 60e3, place * bell / 60e3       # m/s, turns to the left
vorticity = gradient(v_eddy, DX)[0] - gradient(u_eddy, DX)[1]
plots.plane_maps({"its vorticity": 1e5 * vorticity,
                  "its reported divergence": 1e5 * divergence_published(u_eddy, v_eddy, DX)},
                 DX / 1000, "vorticity or divergence (10⁻⁵ s⁻¹)",
                 alt="The vorticity of an eddy, and a false divergence of the same order.")

# %% [markdown]
# ### Exercise 4 — Conserve momentum, twice
#
# `conserve_momentum`: remove from each forcing, and from each of its components, its mean over the domain. `divergence`: repair it,
#
# $$\nabla\cdot\mathbf u = \partial u/\partial x + \partial v/\partial y, \qquad \partial f/\partial x \approx (f_{i+1} - f_{i-1}) / 2\,\Delta x ,$$
#
# on a periodic grid; $x$ is the last axis, $y$ the one before it, and both grow with the index. Both work on the input's device, in its precision,
# and networks must be able to train through them.

# %% exercise="conserve_momentum"
def conserve_momentum(forcing: torch.Tensor) -> torch.Tensor:
    """The forcing without its domain mean: (…, 2, ny, nx) -> (…, 2, ny, nx)."""
    ### BEGIN SOLUTION
    return forcing - forcing.mean((-2, -1), keepdim=True)
    ### END SOLUTION

def divergence(u: torch.Tensor, v: torch.Tensor, dx: float) -> torch.Tensor:
    """∂u/∂x + ∂v/∂y by centred differences; fields (…, ny, nx), periodic."""
    ### BEGIN SOLUTION
    d_u = (u.roll(-1, -1) - u.roll(1, -1)) / (2 * dx)
    d_v = (v.roll(-1, -2) - v.roll(1, -2)) / (2 * dx)
    return d_u + d_v
    ### END SOLUTION

# %% check="conserve_momentum" points=3
dice_toy = torch.Generator().manual_seed(2)
forcing_toy = torch.randn(3, 2, 8, 12, generator=dice_toy, dtype=torch.float64)
forcing_toy = forcing_toy + torch.tensor([5.0, -3.0])[:, None, None] * torch.arange(3.0)[:, None, None, None]
kept_toy = conserve_momentum(forcing_toy)
checks.same_shape(kept_toy, (3, 2, 8, 12), "3 forcings")
checks.close(kept_toy.mean((-2, -1)), torch.zeros(3, 2), "each component of each forcing has mean zero",
             look_at="the mean over the grid only")
checks.close(kept_toy.diff(dim=-1), forcing_toy.diff(dim=-1), "differences in space are left alone",
             look_at="subtract one number per component, change nothing else")
east_toy, north_toy = torch.arange(10.0).expand(8, 10), torch.arange(8.0)[:, None].expand(8, 10)
inside_toy = (slice(1, -1), slice(1, -1))
turning_toy = divergence(-north_toy, east_toy, 1.0)[inside_toy]
checks.close(turning_toy, torch.zeros(6, 8), "a solid rotation has no divergence",
             look_at="v is differentiated along y, the axis before the last")
checks.close(divergence(3 * east_toy, 5 * north_toy, 1.0)[inside_toy], torch.full((6, 8), 8.0),
             "u = 3x, v = 5y spreads at 3 + 5")
checks.close(divergence(3 * east_toy, 5 * north_toy, 0.5)[inside_toy], torch.full((6, 8), 16.0),
             "on half the spacing, twice as fast", look_at="divide by 2 dx")
phase_toy = 2 * torch.pi * torch.arange(12.0, dtype=torch.float64) / 12
along_x, along_y = torch.sin(phase_toy).expand(12, 12), torch.sin(2 * phase_toy)[:, None].expand(12, 12)
known_toy = 0.5 * torch.cos(phase_toy) + 0.75**0.5 * torch.cos(2 * phase_toy)[:, None]
checks.close(divergence(along_x, along_y, 1.0), known_toy, "waves, across the edge too",
             look_at="centred differences over two spacings; periodic in x and y")
checks.passed("conserve_momentum")
### BEGIN HIDDEN TESTS
checks.close(kept_toy.diff(dim=-2), forcing_toy.diff(dim=-2), "differences in y as well")
checks.close(conserve_momentum(kept_toy), kept_toy, "a second time changes nothing")
checks.close(conserve_momentum(forcing_toy[1]), kept_toy[1], "a single forcing (2, ny, nx)")
deep_toy = forcing_toy.reshape(3, 1, 2, 8, 12).repeat(1, 4, 1, 1, 1)
checks.close(conserve_momentum(deep_toy)[:, 2], kept_toy, "more leading dimensions")
checks.close(conserve_momentum(forcing_toy[..., :5, :7].clone()).mean((-2, -1)), torch.zeros(3, 2),
             "mean zero on another grid, to rounding in float64", tolerance=1e-12)
checks.same_shape(conserve_momentum(forcing_toy[:1]), (1, 2, 8, 12), "a batch of one forcing")
checks.inputs_unchanged(conserve_momentum, forcing_toy)
free_toy = forcing_toy.clone().requires_grad_()
checks.holds(conserve_momentum(free_toy).requires_grad, "a network can be trained through it",
             seen="no gradient", expected="a graph", look_at="no detach, no NumPy")
conserve_momentum(free_toy)[..., 0, 0].sum().backward()
checks.close(free_toy.grad.sum((-2, -1)), torch.zeros(3, 2), "the gradient has no mean either",
             look_at="is the mean detached?")
checks.keeps_device_and_dtype(conserve_momentum, torch.randn(2, 2, 6, 6))
checks.keeps_device_and_dtype(conserve_momentum, torch.randn(2, 2, 6, 6, dtype=torch.float64))
flux_toy = torch.randn(2, 3, 4, 8, 10, generator=dice_toy, dtype=torch.float64)
spread_toy = divergence(*flux_toy, 0.5)
checks.same_shape(spread_toy, (3, 4, 8, 10), "the divergence of a batch (3, 4)")
checks.same_shape(divergence(*flux_toy[:, :1, :1], 0.5), (1, 1, 8, 10), "axes of length one")
checks.close(spread_toy.mean((-2, -1)), torch.zeros(3, 4), "what one cell loses its neighbour gains",
             look_at="periodic in x and in y")
checks.close(spread_toy[1, 2], divergence(*flux_toy[:, 1, 2], 0.5), "each field by itself")
east_toy, north_toy = (flux_toy.roll(-1, axis) - flux_toy.roll(1, axis) for axis in (-1, -2))
checks.close(divergence(*flux_toy, 0.3), (east_toy[0] + north_toy[1]) / 0.6, "any field, any spacing",
             tolerance=1e-12, look_at="the formula as it stands: no smoothing, dx not rounded, float64 kept")
checks.close(divergence(along_y, along_x, 1.0), torch.zeros(12, 12), "u(y) and v(x) have no divergence")
checks.inputs_unchanged(lambda a, b: divergence(a, b, 0.5), *flux_toy)
checks.holds(divergence(*flux_toy.clone().requires_grad_(), 0.5).requires_grad,
             "a network can be trained through the divergence",
             seen="no gradient", expected="a graph", look_at="no detach, no NumPy")
for dtype_toy in (torch.float32, torch.float64):
    checks.keeps_device_and_dtype(lambda f: divergence(f, f, 0.5), torch.randn(6, 6, dtype=dtype_toy))
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Subtract a mean that knows its sample and its component. Which axis does each line of the published function differentiate along? Which should it? </details>
# <details><summary>Hint 2 — shapes</summary> The means are (…, 2, 1, 1). In (…, ny, nx), x is axis −1 and y is axis −2. </details>
# <details><summary>Hint 3 — API</summary> <code>forcing.mean((-2, -1), keepdim=True)</code>; <code>f.roll(-1, -2)</code> puts f at j + 1 in place of f at j. </details>

# %% [markdown]
# Now the network gives three fluxes $(\tau_{xx}, \tau_{xy}, \tau_{yy})$, and their divergence is the forcing.
#
# **Predict.** Two constraints, mean removal and flux form: do they cost accuracy?

# %%
class FluxForm(nn.Module):
    """A forcing that is the divergence of the network's three fluxes."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        xx, xy, yy = self.net(x).unbind(-3)
        return torch.stack([divergence(xx, xy, 1.0), divergence(xy, yy, 1.0)], -3)

torch.manual_seed(SEED)
flux_form = FluxForm(ForcingCNN(n_out=3))
train(flux_form, train_set)
made = {"plain": predict(plain, test_set), "flux form": predict(flux_form, test_set)}
made["mean removed"] = conserve_momentum(made["plain"])
for name, f in made.items():
    mean = float(f.mean((-2, -1)).abs().max() / test_set[1].std())
    print(f"{name:<13} correlation {correlation(f, test_set[1]):.4f}, largest mean over std {mean:.0e}")

# %% claim="momentum_is_conserved"
worst = max(float(made[n].mean((-2, -1)).abs().max()) for n in ("mean removed", "flux form"))
results.record("domain mean of a constrained forcing over the standard deviation, largest",
               worst / float(test_set[1].std()), at_most=1e-6)

# %% claim="conservation_costs_little"
cost = {n: ladder["network"] - correlation(made[n], test_set[1]) for n in ("mean removed", "flux form")}
results.record("correlation lost by removing the mean", cost["mean removed"], at_most=0.002)
results.record("correlation lost by the flux form", cost["flux form"], at_most=0.015)

# %% [markdown]
# **What do we observe?** The mean falls to round-off, and the correlation hardly moves: conservation is true, and the truth costs nothing here. The
# plain network's mean is small but never zero.

# %% [markdown]
# ## Symmetries for free
#
# The forcing has symmetries that nobody told the network:
#
# - *Galilean*: a uniform current changes nothing, $\mathbf S(\mathbf u + \mathbf c) = \mathbf S(\mathbf u)$;
# - *scaling*: $\mathbf S(a\,\mathbf u) = a^2\,\mathbf S(\mathbf u)$;
# - *rotation*: a turned flow has a turned forcing.
#
# Frezat et al. (2021) build such symmetries in for tracer fluxes. We get the first two exactly, by subtracting the mean velocity of the domain and dividing
# by the size of the rest (both act at a distance, like the removed mean above); the third approximately, by turning training batches.

# %% [markdown]
# The symmetries hold for $\mathbf S(\mathbf u)$, with the full flow. From $\bar{\mathbf u}$ alone, the best guess turns with the flow only if all directions are alike in the statistics;
# $\beta$ and a mean zonal flow break that. So the third is a good approximation here, not a law.

# %%
class Invariant(nn.Module):
    """Sees velocity without its mean and its size, those of the whole domain; gets the size back squared."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x - x.mean((-2, -1), keepdim=True)
        size = x.square().mean((-3, -2, -1), keepdim=True).sqrt()
        return size**2 * self.net(x / size)

flow = x[45:47] * SPEED
turned = eddy_forcing(*turn(flow, 1).unbind(1), LENGTH, COARSE)
gap = turned - turn(eddy_forcing(*flow.unbind(1), LENGTH, COARSE), 1)
print(f"the truth turns with the flow up to {float(gap.abs().max() / STRENGTH):.0e} of its size")

# %% [markdown]
# We train plain and invariant networks with 10 %, 20 % and all of the snapshots, and test each on the unseen sea and on the other regime. The
# invariant one sees turned batches; so does a second plain one, to tell apart what turning does. A network trained *in* the other regime says how
# hard that one is.
#
# **Predict.** Where will invariance help most?

# %%
amounts, table = (4, 8, 40), {"plain": {}, "plain, turned": {}, "invariant": {}}
for n in amounts:
    part = tuple(f[torch.linspace(0, 39, n).long()] for f in train_set)
    for name in table:
        torch.manual_seed(SEED)
        net = Invariant(ForcingCNN()) if name == "invariant" else ForcingCNN()
        net = plain if (name, n) == ("plain", 40) else net                # that one is trained
        if net is not plain:
            train(net, part, rotate=name != "plain")
        table[name][n] = [correlation(predict(net, d), d[1]) for d in (test_set, other_set)]
    print(f"{n:>2} snapshots:", {k: [round(r, 3) for r in rows[n]] for k, rows in table.items()})
invariant = net
torch.manual_seed(SEED)
native, home = ForcingCNN(), tuple(f[12:] for f in other_set)             # tested on the first sea of the two
_ = train(native, home)

# %%
places = ("the known regime", "the other regime")
panels = [(f"training snapshots, test in {place} (1)", "correlation (1)",
           {name: (amounts, [table[name][n][i] for n in amounts]) for name in table}
           | {"gradient model": (amounts, [r["gradient model"]] * 3)})
          for i, (place, r) in enumerate(zip(places, (ladder, ladder_other), strict=True))]
first = tuple(f[:12] for f in other_set)
print(f"first sea of the other regime: trained there {correlation(predict(native, first), first[1]):.3f},",
      f"plain {correlation(predict(plain, first), first[1]):.3f},",
      f"invariant {correlation(predict(invariant, first), first[1]):.3f}")
plots.line_panels(panels, alt="Correlation against data, left the known regime, right the other: "
                  "turned batches help, "
                  "and the invariant network leads, most so with little data in the other regime.")

# %% claim="drop_in_another_regime"
drop = {name: table[name][40][0] - table[name][40][1] for name in table}
results.record("correlation lost in the other regime, plain network", drop["plain"], at_most=0.12)
results.record("correlation lost in the other regime, invariant network", drop["invariant"], at_most=0.05)

# %% claim="invariance_saves_data"
results.record("with 10 % of the data, other regime: correlation gained by all three symmetries",
               table["invariant"][4][1] - table["plain"][4][1], at_least=0.05)
results.record("with 10 % of the data, other regime: correlation gained by turned batches alone",
               table["plain, turned"][4][1] - table["plain"][4][1], at_least=0.05)
results.record("with 10 % of the data, unseen sea: correlation of the invariant network",
               table["invariant"][4][0], at_least=0.9)

# %% [markdown]
# **What do we observe?** In the known regime (left) symmetries matter with little data. In the other regime (right), with faster currents, the plain network needs all its data to draw level with the
# gradient model. Turned batches alone bring most of what is gained with little data. The invariant network stays ahead with all data, too: it never
# learnt how fast eddies are, so it cannot be surprised.

# %% [markdown]
# (The published network, a plain one, is said to do with 10–20 % of its data; our plain one loses.) The gradient model even *gains* in the other regime: a law has no training set, and larger eddies suit its truncated series.

# %% [markdown]
# ## A ship that moves
#
# From a ship that drifts, the same eddies are seen with a uniform current on top.
#
# **Predict.** Add a uniform current to the test sea. The truth does not change. What do the networks say?

# %%
currents = (0.0, 0.02, 0.05, 0.1, 0.2)                                    # m/s
kept_skill = {"plain network": [], "invariant network": []}
for current in currents:
    moved = test_set[0] + torch.tensor([current / SPEED, 0.0])[:, None, None]
    kept_skill["plain network"].append(skill(plain, (moved, test_set[1])))
    kept_skill["invariant network"].append(skill(invariant, (moved, test_set[1])))
plots.curves(currents, kept_skill, doubling=False, xlabel="uniform current added (m/s)",
             ylabel="explained variance (1)",
             alt="Explained variance against a current: the plain network loses it, the invariant not.")

# %% claim="galilean_invariance"
plain_lost, invariant_lost = (s[0] - s[3] for s in kept_skill.values())
results.record("explained variance lost in a current of 0.1 m/s, plain network", plain_lost, at_least=0.2)
results.record("explained variance lost in a current of 0.1 m/s, invariant network", abs(invariant_lost),
               at_most=1e-3)

# %% [markdown]
# **What do we observe?** A tenth of a metre per second, slow for an ocean current but some five times the typical blurred velocity of the training,
# spoils the plain network. The mean flow of our own model,
# 0.025 m/s, which the sample leaves out, would already harm it. Invariance makes the question go away.

# %% [markdown]
# ## What does the first layer see?
#
# Bolton and Zanna showed their network a *synthetic* Gaussian eddy, and found that the maps of the first layer resemble first and second
# derivatives: the network has "learnt to take derivatives". A striking picture. We measure it, and then ask an *untrained* network as well.

# %% [markdown]
# ### Exercise 5 — Activation maps
#
# Run the model on a field and return a *copy* of what left the given layer, without a graph. Use a forward hook, remove it afterwards, and
# leave the model as it was, in the mode (train or eval) that it is in.

# %% exercise="activation_maps"
def activation_maps(model: nn.Module, layer: nn.Module, field: torch.Tensor) -> torch.Tensor:
    """What leaves `layer`, a module of the model, when the model runs on the field."""
    ### BEGIN SOLUTION
    seen = []
    hook = layer.register_forward_hook(lambda module, x, y: seen.append(y.detach().clone()))
    with torch.no_grad():
        model(field)
    hook.remove()
    return seen[0]
    ### END SOLUTION

# %% check="activation_maps" points=2
torch.manual_seed(4)
chain_toy = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Conv2d(3, 2, 3))
image_toy = torch.randn(2, 1, 9, 9)
maps_toy = activation_maps(chain_toy, chain_toy[0], image_toy)
checks.same_shape(maps_toy, (2, 3, 7, 7), "the maps of the first layer")
checks.close(maps_toy, nn.functional.conv2d(image_toy, chain_toy[0].weight, chain_toy[0].bias),
             "what left the layer", look_at="copy it: a later layer may work in place")
checks.holds(not maps_toy.requires_grad, "the maps carry no graph", seen="a graph", expected="none")
checks.holds(not any(layer._forward_hooks or layer._forward_pre_hooks for layer in chain_toy.modules()),
             "the hook is removed", seen="a hook", expected="none, on any layer", look_at="handle.remove()")
checks.passed("activation_maps")
### BEGIN HIDDEN TESTS
checks.holds(torch.is_grad_enabled(), "gradients stay switched on", seen="off", expected="on",
             look_at="with torch.no_grad(): ends by itself; set_grad_enabled does not")
checks.holds(not torch.nn.modules.module._global_forward_hooks, "no hook for all modules stays behind",
             seen="a hook", expected="none")
checks.holds(all(p.requires_grad for p in chain_toy.parameters()), "the weights can still be trained",
             seen="frozen weights", expected="requires_grad as before", look_at="torch.no_grad() or detach()")
checks.holds(not any("forward" in vars(layer) for layer in chain_toy.modules()), "the model stays as it was",
             seen="a layer with another forward", expected="its own", look_at="a hook, removed afterwards")
checks.holds(not image_toy.requires_grad, "the field stays as it was", seen="requires_grad", expected="none")
chain_toy(image_toy).square().sum().backward()
slopes_toy, others_toy = [p.grad.clone() for p in chain_toy.parameters()], []
others_toy.append(chain_toy[0].register_forward_hook(lambda *_: None))
activation_maps(chain_toy, chain_toy[0], image_toy)
checks.holds(list(chain_toy[0]._forward_hooks) == [others_toy[0].id], "somebody else's hook stays",
             seen=f"{len(chain_toy[0]._forward_hooks)} hooks", expected="that one", look_at="handle.remove()")
checks.close(activation_maps(chain_toy, chain_toy[2], image_toy), chain_toy(image_toy), "the last layer")
checks.close(activation_maps(chain_toy, chain_toy[1], image_toy), maps_toy.clamp(min=0), "behind the ReLU")
checks.holds(chain_toy.training, "the model stays as it was", seen="another mode", expected="training")
checks.close(activation_maps(chain_toy, chain_toy[0], 2 * image_toy),
             nn.functional.conv2d(2 * image_toy, chain_toy[0].weight, chain_toy[0].bias), "another field")
checks.holds(all(p.requires_grad and p.grad is not None and bool((p.grad == slope).all())
                 for p, slope in zip(chain_toy.parameters(), slopes_toy, strict=True)),
             "weights and their gradients stay as they were", seen="a change", expected="none",
             look_at="no zero_grad(), no backward(), no freezing")
checks.inputs_unchanged(lambda f: activation_maps(chain_toy, chain_toy[0], f), image_toy)
class Branch(nn.Module):
    """Two layers that see the field in turn, the later one first in the list."""
    def __init__(self):
        super().__init__()
        self.after, self.before = nn.Conv2d(3, 1, 1), nn.Conv2d(1, 3, 5, stride=2)
    def forward(self, x):
        return self.after(torch.tanh(self.before(x)))
branch_toy = Branch().eval()
before_toy = activation_maps(branch_toy, branch_toy.before, image_toy)
checks.same_shape(before_toy, (2, 3, 3, 3), "the maps of a layer inside another module")
checks.close(before_toy, branch_toy.before(image_toy), "what left it, in the order of forward")
checks.close(activation_maps(branch_toy, branch_toy.after, image_toy), branch_toy(image_toy),
             "and what left the layer after it", look_at="the layer's own input is not the field")
checks.holds(not branch_toy.training, "a model in eval mode stays there", seen="training", expected="eval")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> A hook is a function that the layer calls with (module, inputs, output) each time it has run. </details>
# <details><summary>Hint 2 — shapes</summary> The maps have the layer's own shape: (b, channels, rows, columns) for a convolution. </details>
# <details><summary>Hint 3 — API</summary> <code>handle = layer.register_forward_hook(f)</code>, <code>handle.remove()</code>, <code>y.detach().clone()</code>. </details>

# %% [markdown]
# ### Exercise 6 — What explains the maps?
#
# Fit each map $m_c$ by least squares, $m_c \approx a_c + \sum_i b_{ci} f_i$. The share that a group of fields $f_i$ explains is, over all maps together,
#
# $$1 - \textstyle\sum_c \lVert \text{residual}_c \rVert^2 \big/ \sum_c \lVert m_c - \overline{m_c} \rVert^2 .$$
#
# Give it for each group *alone*: "psi" ($\psi$), "first" ($\psi_x, \psi_y$), "second" ($\psi_{xx}, \psi_{xy}, \psi_{yy}$), and "all" six. Any sensible
# differences will do: central ones in the inside, one-sided or none at the edge. Mind the sizes: $\psi_{xx}$ is tiny beside $\psi$.

# %% exercise="derivative_share"
def derivative_share(maps: torch.Tensor, psi: torch.Tensor, dx: float) -> dict[str, float]:
    """Shares of the variance of maps (c, ny, nx) that psi (ny, nx) and its derivatives explain.

    dx: grid spacing. Returns numbers under "psi", "first", "second" and "all"."""
    ### BEGIN SOLUTION
    psi, y = psi.double(), maps.double().flatten(1).T - maps.double().mean((1, 2))        # y: (ny · nx, c)
    psi_y, psi_x = torch.gradient(psi, spacing=float(dx))
    second = [*torch.gradient(psi_x, spacing=float(dx)), torch.gradient(psi_y, spacing=float(dx))[0]]

    def share(*fields):
        f = torch.stack([(f - f.mean()).flatten() / f.std() for f in fields], 1)
        residual = y - f @ torch.linalg.lstsq(f, y).solution
        return float(1 - residual.square().sum() / y.square().sum())

    return {"psi": share(psi), "first": share(psi_x, psi_y), "second": share(*second),
            "all": share(psi, psi_x, psi_y, *second)}
    ### END SOLUTION

# %% check="derivative_share" points=3
r_toy = (torch.arange(48.0) - 24) * 1e4
psi_toy = 2e4 * torch.exp(-(r_toy[:, None] ** 2 + r_toy**2) / (2 * 5e4**2))     # m²/s
psi_x = -r_toy / 5e4**2 * psi_toy
psi_yy = (r_toy[:, None] ** 2 / 5e4**2 - 1) / 5e4**2 * psi_toy
shares_toy = derivative_share(torch.stack([psi_toy, -3 * psi_toy + 7]), psi_toy, 1e4)
checks.holds({"psi", "first", "second", "all"} <= set(shares_toy), "four shares",
             seen=str(sorted(shares_toy)), expected="psi, first, second, all")
checks.close(shares_toy["psi"], 1.0, "maps that are ψ, with a factor and an offset", tolerance=1e-3)
checks.close(shares_toy["first"], 0.0, "of which first derivatives explain nothing", tolerance=0.02)
checks.close(derivative_share(psi_x[None], psi_toy, 1e4)["first"], 1.0, "a map that is ∂ψ/∂x", tolerance=0.03)
noisy_toy = psi_toy / psi_toy.std() + torch.randn(48, 48, generator=torch.Generator().manual_seed(6))
checks.close(derivative_share(noisy_toy[None], psi_toy, 1e4)["all"], 0.5, "half ψ, half noise",
             tolerance=0.05, look_at="one fit with all six fields; shares of the groups do not add up")
checks.passed("derivative_share")
### BEGIN HIDDEN TESTS
psi_xy = r_toy[:, None] * r_toy / 5e4**4 * psi_toy
for second_toy, name in ((psi_yy, "∂²ψ/∂y²"), (psi_xy, "∂²ψ/∂x∂y"), (psi_yy.T, "∂²ψ/∂x²")):
    checks.close(derivative_share(second_toy[None], psi_toy, 1e4)["second"], 1.0, f"a map that is {name}",
                 tolerance=0.06)
checks.close(derivative_share(psi_x[None], psi_toy, 1e4)["second"], 0.0, "nor second a first", tolerance=0.02)
checks.close(derivative_share(psi_x.T[None], psi_toy, 1e4)["first"], 1.0, "a map ∂ψ/∂y", tolerance=0.03)
one_toy, x_toy = (f / f.std() for f in (psi_toy, psi_x))
checks.close(derivative_share(100 + x_toy[None], psi_toy, 1e4)["first"], 1.0, "an offset is no variance",
             tolerance=0.03, look_at="fit a constant as well")
both_toy = torch.stack([one_toy, 2 * x_toy, psi_yy / psi_yy.std()])
far_toy = derivative_share(both_toy, psi_toy + 1e4, 1e4)
near_toy = derivative_share(both_toy, psi_toy * 1e-4, 1.0)
for name in ("psi", "first", "second", "all"):
    checks.close(far_toy[name], near_toy[name], "units and offset of ψ do not matter", tolerance=0.02,
                 look_at="float64, and columns of equal size, before least squares")
row_toy, col_toy = torch.arange(60.0).double()[:, None], torch.arange(80.0).double()
bells_toy = sum(a * torch.exp(-((row_toy - y) / s) ** 2 / 2 - ((col_toy - x) / 8) ** 2 / 2)
                for a, y, x, s in ((1, 28, 36, 6), (-0.7, 33, 46, 7), (0.5, 26, 41, 6)))
b_y, b_x = torch.gradient(bells_toy)
fields_toy = [bells_toy, b_x, b_y, *torch.gradient(b_x), torch.gradient(b_y)[0]]
columns_toy = torch.stack([((f - f.mean()) / f.std()).flatten() for f in fields_toy], 1)
factors_toy = torch.tensor([[3, 2, 0, 3, 0, 1], [0, 0, 2, 0, -1, 1], [0.5, 1, 1, 0, 1, 0]])
noise_toy = torch.randn(3, 60 * 80, generator=torch.Generator().manual_seed(7))
mix_toy = (factors_toy.double() @ columns_toy.T + 1.5 * noise_toy) * torch.tensor([1, 3, 1])[:, None]
shares_toy = derivative_share(mix_toy.unflatten(1, (60, 80)), bells_toy, 1.0)
mix_toy = mix_toy - mix_toy.mean(1, keepdim=True)
for name, part in {"psi": slice(1), "first": slice(1, 3), "second": slice(3, 6), "all": slice(6)}.items():
    basis_toy = torch.linalg.qr(columns_toy[:, part])[0]
    checks.close(shares_toy[name], (mix_toy @ basis_toy).square().sum() / mix_toy.square().sum(),
                 f"{name}: three mixed and noisy maps of a lopsided ψ on 60 × 80 points", tolerance=0.027,
                 look_at="residuals and variances are added up over all maps, then divided")
noise_toy = torch.randn(4, 48, 40, generator=torch.Generator().manual_seed(5))
few_toy = noise_toy[:, :5, :6] - noise_toy[:, :5, :6].mean((1, 2), keepdim=True)
few_toy = nn.functional.pad(few_toy, (2, 2, 2, 2))                  # zeros around: no edge matters
few_toy[1:] += few_toy[0]
known_toy = (few_toy[1:] * few_toy[0]).sum((1, 2)).square().sum() / few_toy[0].square().sum()
checks.close(derivative_share(few_toy[1:], few_toy[0], 1.0)["psi"], known_toy / few_toy[1:].square().sum(),
             "ψ in maps of few points", tolerance=1e-5, look_at="the formula: no damping, no correction")
checks.inputs_unchanged(lambda m, p: derivative_share(m, p, 1e4), noise_toy, psi_toy[:, 4:44])
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> One least-squares fit for each group, all maps at once; a share is one minus residual over variance. </details>
# <details><summary>Hint 2 — shapes</summary> Fields as columns (ny · nx, 1, 2, 3 or 6), maps as columns (ny · nx, c); subtract the mean of every column first. </details>
# <details><summary>Hint 3 — API</summary> <code>torch.gradient(psi, spacing=dx)</code> gives ∂/∂y, then ∂/∂x; divide columns by their spread, work in float64, <code>torch.linalg.lstsq</code>. </details>

# %% [markdown]
# The eddy: $\psi = \exp(-r^2/2\sigma^2)$ with $\sigma$ = 8 fine points. The first layer takes every second point, so we compare its maps with $\psi$ at the
# centres of its windows. Each map gets variance 1, lest one loud map decide.
#
# **Predict.** Which share of the first layer's maps will all six fields explain, in the trained and in an *untrained* network?

# %%
def bell_on(points: torch.Tensor) -> torch.Tensor:
    """The synthetic eddy at points (n,) to either side of its centre, in fine grid spacings."""
    return torch.exp(-(points[:, None] ** 2 + points**2) / (2 * 8.0**2))

eddy, seen_psi = bell_on(torch.arange(40.0) - 19.5), bell_on(2 * torch.arange(17.0) - 16)
networks = {f"trained {number}": net for number, net in enumerate(published, 1)}
for number in range(1, 6):
    torch.manual_seed(10 * SEED + 4 + number)
    networks[f"untrained {number}"] = deep_eddy()
maps = {name: activation_maps(net, net[0], eddy[None, None])[0] for name, net in networks.items()}
maps = {name: m / m.std((1, 2), keepdim=True) for name, m in maps.items()}            # (16, 17, 17)
shares = {name: derivative_share(m, seen_psi, 2 * DX) for name, m in maps.items()}
for name, share in shares.items():
    print(f"{name:<12}", "  ".join(f"{group} {value:.2f}" for group, value in share.items()))

# %%
plots.plane_maps({f"{name}, map {i + 1}": m - m.mean() for name in ("trained 1", "untrained 1")
                  for i, m in enumerate(maps[name][:4])}, 2 * DX / 1000, "activation (standard deviations)",
                 alt="Four maps of a trained network and four of an untrained: dipoles and blobs.")

# %% claim="everything_looks_like_derivatives"
control, taught = ([share for name, share in shares.items() if name.startswith(kind)]
                   for kind in ("untrained", "trained"))
results.record("untrained networks: share of ψ and its derivatives together, the lowest of five",
               min(share["all"] for share in control), at_least=0.95)

# %% claim="training_turns_away_from_psi"
results.record("share of ψ alone in the first layer: mean of three trained over mean of five untrained",
               5 / 3 * sum(s["psi"] for s in taught) / sum(s["psi"] for s in control), at_most=0.65)

# %% [markdown]
# **What do we observe?** *Together* the six fields explain nearly everything, **in the untrained networks as well**: a small window on a smooth eddy
# sees little more than the first terms of its Taylor series. So the fit alone proves nothing. But one thing does differ: on average the trained
# layers have turned away from $\psi$ itself, towards first derivatives, the velocities. That is what training did, in one network more than
# in another. Without the control we could not say which is which.

# %% [markdown]
# ## Real currents
#
# Geostrophic velocities of the Mediterranean from altimetry (or of a simulated stand-in, where the data are missing: the line below says which), interpolated to 31 km, with land set to zero.
#
# **Predict.** There is no truth here. What would you need, to believe the map?

# %%
import numpy as np

from course_lib.datasets import geostrophy, sea_level

ocean = sea_level.load()
current = geostrophy.geostrophic_velocity(ocean.ssh[len(ocean.time) // 2])
middle = float(current.latitude.mean())
step = np.rad2deg(COARSE / geostrophy.EARTH_RADIUS)                       # 31 km, in degrees of latitude
lat = np.arange(current.latitude.min(), current.latitude.max(), step)
lon = np.arange(current.longitude.min(), current.longitude.max(), step / np.cos(np.deg2rad(middle)))
current = current.interp(latitude=lat, longitude=lon)
land = np.isnan(current.u.values) | np.isnan(current.v.values)
real = torch.tensor(np.nan_to_num(np.stack([current.u, current.v])), dtype=torch.float32)[None]
sea = torch.tensor(~land)
print(f"typical velocity {100 * real[0][:, sea].std():.0f} cm/s, in training {100 * SPEED:.0f} cm/s")

# %%
def on_sea(field: torch.Tensor) -> np.ndarray:
    return np.where(land, np.nan, field.numpy())

smoother = gaussian_filter_spectral(real, 40e3, COARSE)                   # the same sea, mapped more smoothly
pushes = {name: STRENGTH * predict(invariant, (flow / SPEED,))[0]
          for name, flow in (("this map", real), ("a smoother map", smoother))}     # m/s²
pushes["gradient model"] = LENGTH**2 * gradient_model(real, COARSE)[0]
for name, push in pushes.items():
    print(f"{name}: typical push {100 * 86400 * push[:, sea].std():.2g} cm/s per day,",
          f"correlation with the network {correlation(push[:, sea], pushes['this map'][:, sea]):.2f}")
plots.plane_maps({name: on_sea(1e6 * pushes[name][0]) for name in ("this map", "a smoother map")},
                 COARSE / 1000, "S in x (10⁻⁶ m/s²)", shared=False,
                 alt="Two maps of the forcing that the network draws for one sea, each on its own scale.")

# %% [markdown]
# **What do we observe?** The network draws a map, as it would for any input. It assumes a Gaussian filter of 30 km on a periodic sea without coasts. Altimetry
# was smoothed by another filter, unknown to us: *the same sea*, mapped more smoothly, gets a push many times weaker (mind the two scales), and hardly of the same
# pattern. Not even the gradient model agrees (see the lines).

# %% [markdown]
# And the mean and the size that the network divides out are those of the whole map, land zeros
# included: a current off Egypt changes the push off Spain, and land moves at minus the mean.

# %% [markdown]
# **What may not be concluded**: that this is the forcing of the Mediterranean, or its size; that coasts are treated rightly; that a
# model with it would run better, or at all.

# %% [markdown]
# ## Limits: when the simple method wins
#
# A Gaussian filter removes nothing: it multiplies each wave by a number above zero. So divide by that number, get the full flow back,
# and compute $\mathbf S$ with the formula. No training. This is **deconvolution**, of which the gradient model is the first term.
#
# **Predict.** Will it beat the network? And with a little noise on the input, 1 % of the typical velocity?

# %% [markdown]
# Noise calls for damping: times $P/(P+N)$ for each wave, with its power $P$ in the *training* data and the power $N$ of the noise (*Wiener's filter*).

# %%
k, l = (2 * torch.pi * torch.fft.fftfreq(n, COARSE) for n in (32, 32))
sharpen = torch.exp((k**2 + l[:, None] ** 2) * LENGTH**2 / 2)            # one over the filter
known_power = torch.fft.fft2(train_set[0]).abs().square().mean((0, 1)) / 32**2

def deconvolution(flow: torch.Tensor, level: float = 0.0) -> torch.Tensor:
    """The forcing from a blurred flow (n, 2, 32, 32), its filter undone, damped for noise of a level."""
    damping = (known_power + 1e-20) / (known_power + 1e-20 + level**2)
    full = torch.fft.ifft2(damping * sharpen * torch.fft.fft2(flow)).real
    return eddy_forcing(*full.unbind(1), LENGTH, COARSE)

# %%
levels, hold = (0.0, 0.01, 0.02, 0.05, 0.1), {}
noise = torch.randn(test_set[0].shape, generator=torch.Generator().manual_seed(SEED))
for level in levels:
    noisy = test_set[0] + level * noise
    answers = {"network": predict(plain, (noisy,)),
               "gradient model, coarse points": gradient_model(noisy, COARSE),
               "exact deconvolution": deconvolution(noisy),
               "damped, told the noise": deconvolution(noisy, level),
               "damped for 1 %, come what may": deconvolution(noisy, 0.01)}
    for name, answer in answers.items():
        hold.setdefault(name, []).append(correlation(answer, test_set[1]))
plots.curves(levels, hold, doubling=False, xlabel="noise over typical velocity (1)", ylabel="correlation (1)",
             alt="Correlation against noise: the exact inverse falls to zero at one per cent, the damped one "
             "holds as long as it knows the noise, and the network holds without knowing.")

# %% claim="deconvolution_wins_without_noise"
exact, learnt = (1 - hold[name][0] ** 2 for name in ("exact deconvolution", "network"))
results.record("unexplained variance without noise, 1 − r²: exact deconvolution over network",
               exact / learnt, unit="times", at_most=1)

# %% claim="exact_deconvolution_fails_with_noise"
results.record("correlation with 1 % noise: network minus exact deconvolution",
               hold["network"][1] - hold["exact deconvolution"][1], at_least=0.3)

# %% claim="damped_deconvolution_holds" headline="a damped inverse of the blur, told the noise, is level with it ({0:+.3f} in correlation)"
results.record("correlation with 1 % noise: damped deconvolution, told the noise, minus network",
               hold["damped, told the noise"][1] - hold["network"][1], at_least=-0.02)

# %% [markdown]
# **What do we observe?** On clean input the formula wins, without a training: the network has learnt to *approximate* an inverse that we could write
# down. So was anything sub-grid at all? Only the waves that noise, or a coarser grid, hides. The *exact* inverse multiplies the noise of the shortest
# waves by thousands, and drowns.

# %% [markdown]
# Damped, it does not drown. An inverse that is told the noise, and the statistics of the sea, is level with the network or better. Told the wrong
# noise, it fails as well. The network was told nothing and trained without noise. It holds because it learnt the statistics from data: what
# eddies look like, and so what is noise. That is what it offers over the formula, more than its score.

# %% [markdown]
# And there is a greater limit: all of this is **offline**. In a running model, the forcing changes the flow, which changes the forcing. A
# high correlation does not tell whether that loop is stable, or whether energy goes the right way.

# %% [markdown]
# ## Question (graded by hand)
#
# Read Bolton and Zanna (2019) or Frezat et al. (2021). In at most 200 words: which problem do they solve, with which architecture, against
# which baseline, and what would *you* change, and why? Use what you measured here.

# %% [markdown] question="review" points=4
# ### BEGIN SOLUTION
# One point for each of: problem, architecture, baseline, a well-founded change. For Bolton and Zanna, for example:
#
# 1. *Problem*: the eddy momentum forcing (and the flow below the surface) from the filtered streamfunction of a quasi-geostrophic double gyre; does training in one region carry over to others and to other Reynolds numbers?
# 2. *Architecture*: patches of 40 × 40, three unpadded convolutions with SELU, pooling, a dense head, one network per component; momentum is conserved by a constraint on the output.
# 3. *Baseline*: physics-based closures are discussed more than raced; a gradient model and a deconvolution on the same data are the ones to ask for.
# 4. *Change*: a fully convolutional network (no patch edge, shared weights); velocity instead of ψ, with Galilean and scaling invariance; flux form; an untrained control beside each activation map; noise on the input; an online test.
#
# For Frezat et al.: sub-grid scalar flux in three-dimensional turbulence; a product of a network of mean-removed velocity and a bias-free one of the scalar, so that symmetries hold exactly; a plain network and dynamic models as baselines; change: other filters, coasts, rotation exactly and not by augmentation.
# ### END SOLUTION

# %% [markdown]
# ## Takeaways
#
# 1. A small fully convolutional network tells the sub-grid forcing with a correlation **above 0.9**; the best closure leaves several times more
#    unexplained. Patches cost their edges.
# 2. **Constraints and symmetries** are cheap: zero mean at no loss, skill in a moving frame, most with little data elsewhere.
# 3. **Ask for the control and for the formula**: an untrained layer looks like derivatives, too; an exact inverse wins until noise comes, a damped one
#    holds even then.

# %% [markdown]
# ## Going further
#
# - Bolton and Zanna (2019), sub-grid forcing by a network, [10.1029/2018MS001472](https://doi.org/10.1029/2018MS001472). They had wind-driven gyres with
#   boundaries, and years of data.
# - Frezat et al. (2021), physical invariance, [10.1103/PhysRevFluids.6.024607](https://doi.org/10.1103/PhysRevFluids.6.024607): three dimensions, and an *online* test.
# - Zanna and Bolton (2020), an equation instead of a network, [10.1029/2020GL088376](https://doi.org/10.1029/2020GL088376).
# - Scott and Wang (2005), the inverse cascade seen by altimetry, [10.1175/JPO2771.1](https://doi.org/10.1175/JPO2771.1).
# - Guillaumin and Zanna (2021), a forcing with its uncertainty in a global model, [10.1029/2021MS002534](https://doi.org/10.1029/2021MS002534).
