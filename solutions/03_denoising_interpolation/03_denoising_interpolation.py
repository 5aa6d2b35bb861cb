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
# # Denoising and interpolation
#
# **What lies between the tracks of a satellite, and under the noise of its radar?**
#
# An altimeter measures along lines, clouds hide the sea surface, every instrument adds noise. Restoring what was there is an old task with
# good classical methods. We ask when a network does it better, by how much, and when not.

# %% [markdown]
# **You will learn**
# - to train one network to take noise away and to fill gaps, and to compare it with tuned classical methods;
# - why a narrow bottleneck harms here, and what skip connections carry past it;
# - to compute a loss where only a part is known.
#
# **Time** 2 hours. **Prerequisites** units 00 and 02.

# %%
import numpy as np
import pytorch_lightning as pl
import torch
from torch import nn

from course_lib import checks, plots, results, training
from course_lib.datasets import mnist, sea_level

SEED = 0

# %% [markdown]
# ## What a satellite leaves open
#
# We look at a map of sea level anomalies, and at what remains of it on a few slanting tracks.
#
# **Predict.** Which of the eddies would you still find?

# %%
ocean = sea_level.load()
anomaly = 100 * (ocean.ssh - ocean.ssh.mean("time"))  # cm
snapshot = anomaly[len(ocean.time) // 2].values
row, column = np.indices(snapshot.shape)
on_track = (column - row // 2) % 14 == 0
plots.panels({"the whole map": snapshot, "seen by the satellite": np.where(on_track, snapshot, np.nan)},
             north_up=True, shared="sea level anomaly (cm)",
             alt="A complete map of sea level anomalies, and the same map known on slanting tracks only.")

# %% [markdown]
# **What do we observe?** Broad anomalies are crossed by several tracks; an eddy between two of them is gone. No method can invent it. But a
# method that knows what eddies look like may complete one that was touched.

# %% [markdown]
# ## First task: noise
#
# We train on digits, where the truth is known and everybody can judge by eye, and come back to the ocean afterwards. White noise
# of standard deviation $\sigma$ is added to each pixel: $\tilde x = x + \sigma \varepsilon$.

# %% [markdown]
# ### Exercise 1 — Add noise
#
# Draw $\varepsilon$ with the given generator, a number for each pixel. The result may leave the range of $x$: nothing is clipped.

# %% exercise="add_noise"
def add_noise(x: torch.Tensor, sigma: float, generator: torch.Generator) -> torch.Tensor:
    """x plus white Gaussian noise of standard deviation sigma; same shape and precision."""
    ### BEGIN SOLUTION
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return x + sigma * noise.to(x.device)
    ### END SOLUTION

# %% check="add_noise" points=1
def seeded(seed):
    return torch.Generator().manual_seed(seed)

clean_toy = torch.linspace(0, 1, 50_000).reshape(50, 2, 25, 20)
noise_toy = add_noise(clean_toy, 0.5, seeded(0)) - clean_toy
checks.same_shape(noise_toy, clean_toy, "the noisy images")
checks.close(noise_toy.std(), 0.5, "the noise has standard deviation sigma", tolerance=0.01,
             look_at="sigma times ε; randn, not rand; nothing is clipped or changed in place")
checks.close(noise_toy.mean(), 0.0, "the noise has mean 0", tolerance=0.01, look_at="randn, not rand")
checks.inputs_unchanged(lambda x: add_noise(x, 0.5, seeded(0)), clean_toy)
checks.close(add_noise(clean_toy, 0.5, seeded(1)), add_noise(clean_toy, 0.5, seeded(1)),
             "a seed gives the same noise",
             look_at="generator=generator")
apart_toy = (add_noise(clean_toy, 0.5, seeded(1)) - add_noise(clean_toy, 0.5, seeded(2))).abs().mean()
checks.holds(apart_toy > 0.1, "another seed gives other noise", seen="the same", expected="another")
checks.passed("add_noise")
### BEGIN HIDDEN TESTS
checks.close((noise_toy / 0.5).pow(4).mean(), 3.0, "Gaussian noise has kurtosis 3, unclipped", tolerance=0.05)
alike = [float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1].abs()) for a, b in
         ((noise_toy[1:], noise_toy[:-1]), (noise_toy[:, :1], noise_toy[:, 1:]),
          (noise_toy[..., 1:, :], noise_toy[..., :-1, :]),
          (noise_toy[..., 1:], noise_toy[..., :-1]), (noise_toy, clean_toy))]
checks.close(max(alike), 0.0, "each pixel of each image has noise of its own", tolerance=0.03,
             look_at="as many random numbers as x has values")
checks.close(add_noise(clean_toy, 0.0, seeded(2)), clean_toy, "sigma = 0 changes nothing")
one_generator = seeded(3)
again = add_noise(clean_toy, 0.5, one_generator) - add_noise(clean_toy, 0.5, one_generator)
checks.close(again.std(), 0.5 * 2**0.5, "a second call draws other noise", tolerance=0.02,
             look_at="seed nothing inside")
precision = add_noise(clean_toy.double(), 0.5, seeded(4)).dtype
checks.holds(precision == torch.float64, "the precision is that of x", seen=str(precision),
             expected="torch.float64")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Random numbers in the shape of x, scaled, added. </details>
# <details><summary>Hint 2 — shapes</summary> x, the noise and the result all have the same shape. </details>
# <details><summary>Hint 3 — API</summary> <code>torch.randn(x.shape, generator=generator, dtype=x.dtype)</code>. </details>

# %% [markdown]
# ### Exercise 2 — How good is a restoration?
#
# Image people count in decibels. With $R$ the range of the data, the *peak signal-to-noise ratio* is
#
# $$\mathrm{PSNR} = 10 \log_{10} \frac{R^2}{\overline{(x - \hat x)^2}} .$$
#
# Ten decibels more mean a tenth of the squared error. The mean runs over all values at once.

# %% exercise="psnr"
def psnr(x: torch.Tensor, x_hat: torch.Tensor, data_range: float = 1.0) -> float:
    """Peak signal-to-noise ratio of an estimate x_hat of x, in decibels."""
    ### BEGIN SOLUTION
    squared_error = ((x - x_hat) ** 2).mean()
    return float(10 * torch.log10(data_range**2 / squared_error))
    ### END SOLUTION

# %% check="psnr" points=1
flat_toy = torch.rand(4, 1, 6, 5, generator=torch.Generator().manual_seed(0))
checks.close(psnr(flat_toy, flat_toy + 0.1), 20.0, "an error of 0.1 everywhere makes 20 dB", tolerance=1e-4,
             look_at="10 log10 of a ratio of squares")
checks.close(psnr(flat_toy, flat_toy + 0.01), 40.0, "a tenth of that error, 20 dB more", tolerance=1e-4)
checks.close(psnr(255 * flat_toy, 255 * flat_toy + 25.5, 255), 20.0,
             "the unit does not matter if the range has it",
             tolerance=1e-4, look_at="data_range is squared, too")
error_toy = torch.tensor([[0.1, 0.3], [-0.2, 0.0]]).reshape(2, 1, 1, 2)
checks.close(psnr(flat_toy[:2, :, :1, :2], flat_toy[:2, :, :1, :2] + error_toy), 10 * np.log10(1 / 0.035),
             "errors 0.1, 0.3, −0.2 and 0", tolerance=1e-4, look_at="one mean of squares over all images")
checks.passed("psnr")
### BEGIN HIDDEN TESTS
half_toy = flat_toy.clone()
half_toy[:2] += 0.2  # squared error 0.04 in half of the images
checks.close(psnr(flat_toy, half_toy), 10 * np.log10(1 / 0.02), "one mean over all values", tolerance=1e-4,
             look_at="not the mean of the PSNR of each image; the mean of squares, not of absolute values")
checks.close(psnr(half_toy, flat_toy), psnr(flat_toy, half_toy), "truth and estimate may be exchanged",
             tolerance=1e-5)
checks.inputs_unchanged(psnr, flat_toy, half_toy)
checks.close(psnr(0.3 * flat_toy, 0.3 * flat_toy - 0.1), 20.0, "the range is given, not measured",
             tolerance=1e-4)
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> One mean squared error, compared with the square of the range, on a logarithmic scale. </details>
# <details><summary>Hint 2 — shapes</summary> All shapes end as one number. </details>
# <details><summary>Hint 3 — API</summary> <code>torch.log10</code>, <code>.mean()</code> without a dimension. </details>

# %% [markdown]
# ## The classical baselines
#
# *Total variation* (Rudin et al., 1992) looks for an image near the noisy one whose gradients are small in sum: it keeps edges.
# *Wavelet* denoising drops small coefficients. Both have a strength to tune; we tune it **on validation images**, as we would for the
# network.

# %%
from skimage.restoration import denoise_tv_chambolle, denoise_wavelet

SIGMA = 0.3
digits = mnist.load(n_train=8000, n_test=500, seed=SEED)
n_fit = 9 * len(digits.train) // 10
train, valid, test = digits.train[:n_fit], digits.train[n_fit:], digits.test
noisy_valid, noisy_test = (add_noise(x, SIGMA, torch.Generator().manual_seed(1)) for x in (valid, test))

def total_variation(images: torch.Tensor, weight: float) -> torch.Tensor:
    restored = [denoise_tv_chambolle(image[0].numpy(), weight=weight) for image in images]
    return torch.tensor(np.stack(restored)[:, None])

def wavelet(images: torch.Tensor, sigma: float) -> torch.Tensor:
    restored = [denoise_wavelet(image[0].numpy(), sigma=sigma, wavelet="db2") for image in images]
    return torch.tensor(np.stack(restored)[:, None])

# %%
def tuned(method, values: tuple, noisy: torch.Tensor, clean: torch.Tensor) -> float:
    """The strength with the highest PSNR on 100 validation images."""
    return max(values, key=lambda value: psnr(clean[:100], method(noisy[:100], value)))

weight = tuned(total_variation, (0.1, 0.2, 0.3, 0.4, 0.6, 0.8), noisy_valid, valid)
strength = tuned(wavelet, (0.1, 0.15, 0.2, 0.3, 0.4), noisy_valid, valid)
restored = {"noisy": noisy_test, f"wavelet ({strength})": wavelet(noisy_test, strength),
            f"total variation ({weight})": total_variation(noisy_test, weight)}
for name, images in restored.items():
    print(f"{name:<22}{psnr(test, images):5.1f} dB")
plots.image_rows({"truth": test, **restored},
                 alt="Ten digits, noisy, and restored by wavelets and by total variation.")

# %% [markdown]
# **What do we observe?** Both gain several decibels. Total variation keeps the strokes but eats thin ones and leaves flakes on the paper: it knows
# that images are smooth in pieces, not that these are digits.

# %% [markdown]
# ## Why not the auto-encoder of unit 02?
#
# It squeezes an image through a few numbers: noise cannot pass, but details cannot either. For denoising the output should *be* the input, but for
# the noise. RED-Net (Mao et al., 2016) therefore passes maps of the encoder straight to the decoder, and the input straight to the output:
#
# $$\hat x = x + F(x),$$
#
# so that the network has to learn only what is wrong.

# %% [markdown]
# ### Exercise 3 — An auto-encoder with skip connections
#
# Encoder: a convolution to `width` maps (kernel 3, padding 1), then two that halve the size (kernel 4, stride 2, padding 1) to $2w$ and $4w$ maps.
# Decoder: two transposed convolutions (kernel 4, stride 2, padding 1) back to $2w$ and $w$, and a convolution (kernel 3, padding 1) to
# `out_channels`. Each has an offset (bias) and, but for the last, a ReLU behind it.

# %% [markdown]
# **Skips**: the maps that left the encoder's ReLU at the same size are *added* in the decoder before its ReLU: $2w$ to $2w$, $w$ to $w$. Finally
# add the first `out_channels` channels of the input to the output. With all weights zero the network is then the identity.

# %% exercise="SkipAutoencoder"
class SkipAutoencoder(nn.Module):
    """(b, in_channels, h, w) -> (b, out_channels, h, w); h and w divisible by 4.

    The first out_channels channels of the input are added to the output.
    """

    def __init__(self, in_channels: int = 1, out_channels: int = 1, width: int = 12):
        super().__init__()
        ### BEGIN SOLUTION
        self.out_channels = out_channels
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down1 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.last = nn.Conv2d(width, out_channels, 3, padding=1)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        full = self.first(x).relu()                       # (b, w, h, w)
        half = self.down1(full).relu()                    # (b, 2w, h/2, w/2)
        quarter = self.down2(half).relu()                 # (b, 4w, h/4, w/4)
        half = (self.up2(quarter) + half).relu()
        full = (self.up1(half) + full).relu()
        return x[:, : self.out_channels] + self.last(full)
        ### END SOLUTION

# %% check="SkipAutoencoder" points=4
torch.manual_seed(0)
net_toy, x_toy = SkipAutoencoder(), torch.randn(3, 1, 28, 28)
checks.same_shape(net_toy(x_toy), x_toy, "the restored images")
checks.same_shape(SkipAutoencoder(2, 1)(torch.randn(2, 2, 32, 20)), (2, 1, 32, 20),
                  "two channels in, one out, 32 × 20")
silent_toy = SkipAutoencoder(3, 2, width=5)
with torch.no_grad():
    for parameter in silent_toy.parameters():
        parameter.zero_()
three_toy = torch.randn(2, 3, 16, 16)
checks.close(silent_toy(three_toy), three_toy[:, :2], "with all weights zero it is the identity",
             tolerance=1e-6,
             look_at="add the first out_channels channels of x at the end")
checks.passed("SkipAutoencoder")
### BEGIN HIDDEN TESTS
checks.inputs_unchanged(net_toy, x_toy)
checks.gradients_everywhere(net_toy, net_toy(x_toy), "gradients reach every layer")
checks.keeps_device_and_dtype(SkipAutoencoder().double(), x_toy.double())
n_weights = sum(p.numel() for p in SkipAutoencoder(2, 1, width=4).parameters())
checks.close(n_weights, 76 + 520 + 2064 + 2056 + 516 + 37, "number of parameters for (2, 1, width=4)",
             look_at="6 layers, kernels 3, 4, 4, 4, 4, 3, with offsets; skips are added and have no weights")
calls_toy = checks.calls(net_toy, (nn.Conv2d, nn.ConvTranspose2d), x_toy)
sizes_toy = [tuple(call.y.shape[1:]) for call in calls_toy]
checks.holds(sizes_toy == [(12, 28, 28), (24, 14, 14), (48, 7, 7), (24, 14, 14), (12, 28, 28), (1, 28, 28)],
             "maps shrink and grow step by step", seen=str(sizes_toy),
             expected="28, 14, 7, 14, 28, 28 with 12 to 48 maps")
first_toy, half_toy, _, two_toy, one_toy, final_toy = calls_toy
checks.close(one_toy.x, (two_toy.y + half_toy.y.relu()).relu(),
             "the half-size maps of the encoder are added in the decoder",
             tolerance=1e-5, look_at="add before the ReLU")
checks.close(final_toy.x, (one_toy.y + first_toy.y.relu()).relu(), "the full-size maps, too", tolerance=1e-5,
             look_at="add before the ReLU; both skips")
checks.close(net_toy(x_toy[:1]), net_toy(x_toy)[:1], "an image does not depend on its batch", tolerance=1e-5)
changes = torch.stack([(SkipAutoencoder()(x_toy) - x_toy).detach() for _ in range(5)])
checks.holds(changes.min() < 0 < changes.max(), "what is added to the input has both signs",
             seen=f"{changes.min():.2g} to {changes.max():.2g}", expected="both",
             look_at="no ReLU after the last convolution")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Keep the maps of the encoder in variables; add each where the decoder has the same size. </details>
# <details><summary>Hint 2 — shapes</summary> w × 28 × 28 → 2w × 14 × 14 → 4w × 7 × 7 → 2w × 14 × 14 → w × 28 × 28 → 1 × 28 × 28. </details>
# <details><summary>Hint 3 — API</summary> <code>nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1)</code>; <code>x[:, :out_channels]</code>. </details>

# %% [markdown]
# ## Training on corruptions drawn anew
#
# Each step sees clean images and corrupts them afresh: the network never meets the same noise twice and cannot learn it by heart. The validation
# uses the same corruption every time.

# %%
class Restoration(pl.LightningModule):
    """Trains a network to undo corrupt(x, generator); the loss may be masked."""

    def __init__(self, network: nn.Module, corrupt, loss=nn.functional.mse_loss):
        super().__init__()
        self.network, self.corrupt, self.loss = network, corrupt, loss
        self.draws = torch.Generator().manual_seed(SEED)

    def training_step(self, clean: torch.Tensor, batch_idx: int) -> torch.Tensor:
        loss = self.loss(self.network(self.corrupt(clean, self.draws)), clean)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, clean: torch.Tensor, batch_idx: int) -> None:
        again = torch.Generator().manual_seed(batch_idx)
        self.log("val_loss", self.loss(self.network(self.corrupt(clean, again)), clean))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=3e-3)

def apply(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return network(x)

# %% [markdown]
# **Predict.** Three candidates at $\sigma = 0.3$: an auto-encoder with a bottleneck of 16 numbers, total variation, and the network with
# skips. Which order? Will the bottleneck beat the *noisy* image?

# %%
def with_noise(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return add_noise(x, SIGMA, generator)

torch.manual_seed(SEED)
narrow = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 16), nn.Linear(16, 128),
                       nn.ReLU(),
                       nn.Linear(128, 784), nn.Unflatten(1, (1, 28, 28)))
training.fit(Restoration(narrow, with_noise), train, valid, steps=600, batch_size=64, seed=SEED)
skip = SkipAutoencoder()
history = training.fit(Restoration(skip, with_noise), train, valid, steps=400, batch_size=64, seed=SEED)

# %%
restored |= {"bottleneck of 16": apply(narrow, noisy_test), "skips": apply(skip, noisy_test)}
for name, images in restored.items():
    print(f"{name:<22}{psnr(test, images):5.1f} dB")
plots.image_rows({"truth": test, **restored},
                 alt="Ten digits, noisy, and restored by four methods; skips come closest.")

# %% claim="denoising" headline="{0:.2f} times the squared error of the best classical denoiser"
def squared_error(x_hat: torch.Tensor) -> float:
    return float(((x_hat - test) ** 2).mean())

classical = min(squared_error(images) for name, images in restored.items() if name[:7] in ("wavelet",
                                                                                           "total v"))
results.record("denoising digits, σ = 0.3: squared error of the network over the best classical method",
               squared_error(restored["skips"]) / classical, unit="times", at_most=0.75)

# %% [markdown]
# **What do we observe?** The network with skips leaves well under the error of the best classical method: it knows strokes. The bottleneck removes all
# noise and some of the digit. A low-dimensional code is a strong belief about the data; here it is too strong.

# %% [markdown]
# ## A noise level that it has not seen
#
# **Predict.** We test at other noise levels. Total variation may be tuned again for each; the network stays as it was trained, at 0.3.

# %%
levels, quality = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8), {"noisy": [], "total variation, tuned again": [],
                                                    "network, trained at 0.3": []}
for sigma in levels:
    seen_valid, seen = (add_noise(x[:200], sigma, torch.Generator().manual_seed(2)) for x in (valid, test))
    best = tuned(total_variation, tuple(sigma * f for f in (0.5, 0.7, 1.0)), seen_valid, valid[:200])
    for name, images in zip(quality, (seen, total_variation(seen, best), apply(skip, seen)), strict=True):
        quality[name].append(psnr(test[:200], images))
plots.curves(levels, quality, doubling=False, xlabel="standard deviation of the noise σ (1)",
             ylabel="PSNR (dB)",
             alt="PSNR against noise: the network leads near 0.3 and loses its lead at high noise.")

# %% claim="worse_away_from_its_noise"
lead = np.subtract(quality["network, trained at 0.3"], quality["total variation, tuned again"])
results.record("lead of the network over total variation: at σ = 0.3, less that at σ = 0.8",
               lead[2] - lead[-1],
               unit="dB", at_least=1)

# %% [markdown]
# **What do we observe?** Near its own level the network leads; far above it, it takes noise for strokes, and the classical method, which is told the
# new level, catches up. Train over a range of levels if you expect a range.

# %% [markdown]
# ## Second task: gaps
#
# Now pixels are missing. A **mask** is 1 where we know the value and 0 elsewhere. The network gets two channels: the image with gaps set
# to zero, *and the mask*, since a zero may also be a value.

# %% [markdown]
# ### Exercise 4 — Random gaps
#
# Each position is kept with probability `keep`, independently of all others; draw with the given generator.

# %% exercise="random_mask"
def random_mask(shape: tuple[int, ...], keep: float, generator: torch.Generator) -> torch.Tensor:
    """A float mask of the given shape: 1 with probability keep, else 0."""
    ### BEGIN SOLUTION
    return (torch.rand(shape, generator=generator) < keep).float()
    ### END SOLUTION

# %% check="random_mask" points=1
mask_toy = random_mask((40, 2, 30, 25), 0.2, torch.Generator().manual_seed(0))
checks.same_shape(mask_toy, (40, 2, 30, 25), "the mask")
values_toy = sorted(set(mask_toy.float().flatten().tolist()))
checks.holds(values_toy == [0.0, 1.0], "a mask holds 0 and 1", seen=str(values_toy[:5]),
             expected="[0.0, 1.0]")
checks.close(mask_toy.float().mean(), 0.2, "a fifth is kept", tolerance=0.01, look_at="1 means known")
checks.holds((mask_toy[0] != mask_toy[1]).any(), "images have gaps of their own", seen="the same gaps",
             expected="others", look_at="a random number for each position, from the generator")
checks.passed("random_mask")
### BEGIN HIDDEN TESTS
def drawn_toy(keep, seed, shape=(60, 80)):
    return random_mask(shape, keep, torch.Generator().manual_seed(seed)).float()

checks.close(drawn_toy(0.5, 1), drawn_toy(0.5, 1), "a seed gives the same mask",
             look_at="generator=generator")
checks.holds((drawn_toy(0.5, 1) != drawn_toy(0.5, 2)).any(), "another seed gives another mask",
             seen="the same", expected="another")
checks.close(drawn_toy(0.0, 3).sum(), 0.0, "keep = 0 keeps nothing")
checks.close(drawn_toy(1.0, 4).mean(), 1.0, "keep = 1 keeps all")
m = mask_toy.float() - 0.2
pairs = (m[1:], m[:-1]), (m[:, :1], m[:, 1:]), (m[..., 1:, :], m[..., :-1, :]), (m[..., 1:], m[..., :-1])
alike = max(float((a * b).mean().abs() / 0.16) for a, b in pairs)
checks.close(alike, 0.0, "positions are independent", tolerance=0.03,
             look_at="a random number for each position")
one_generator = torch.Generator().manual_seed(5)
sums_toy = torch.stack([random_mask((8, 8), 0.5, one_generator).float().sum() for _ in range(300)])
checks.holds(sums_toy.var() > 8, "the number of kept positions varies",
             seen=f"variance {sums_toy.var():.1f} of 64 positions",
             expected="about 64 · ½ · ½ = 16", look_at="each position decides for itself")
first_toy, second_toy = (random_mask((30, 30), 0.5, one_generator) for _ in range(2))
checks.holds((first_toy != second_toy).any(), "a second call draws another mask", seen="the same",
             expected="another",
             look_at="seed nothing inside")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> A uniform random number for each position, compared with keep. </details>
# <details><summary>Hint 2 — shapes</summary> The random numbers have the shape of the mask. </details>
# <details><summary>Hint 3 — API</summary> <code>torch.rand(shape, generator=generator) &lt; keep</code>, then <code>.float()</code>. </details>

# %% [markdown]
# **The classical baseline** joins the known pixels by triangles and interpolates linearly in each (Delaunay); beyond the outermost points the
# nearest one counts. **Radial functions** put a cone on each known point and add them up; statisticians call the same surface *kriging* with
# a linear variogram.
#
# **Predict.** With 5 % of the pixels: will the digits be legible? Who comes closer to the truth?

# %%
from scipy import interpolate


def linear(field: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fills a field (h, w) where the mask is 0: linear in triangles, nearest outside."""
    known, everywhere = np.argwhere(mask > 0), np.argwhere(mask > -1)
    filled = interpolate.LinearNDInterpolator(known, field[mask > 0])(everywhere)
    nearest = interpolate.NearestNDInterpolator(known, field[mask > 0])(everywhere)
    return np.where(np.isnan(filled), nearest, filled).reshape(field.shape).astype("float32")

def radial(field: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The same with a sum of cones, as flat as the known points allow."""
    known, everywhere = np.argwhere(mask > 0), np.argwhere(mask > -1)
    cones = interpolate.RBFInterpolator(known, field[mask > 0], kernel="linear", smoothing=0.1)
    return cones(everywhere).reshape(field.shape).astype("float32")

# %% [markdown]
# The network sees the known pixels and the mask; the classical methods get the same points.

# %%
def fill(method, x: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    fields = [method(image[0].numpy(), mask[0].numpy()) for image, mask in zip(x, masks, strict=True)]
    return torch.tensor(np.stack(fields)[:, None])

def with_gaps(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Channels: known pixels, zero elsewhere; the mask."""
    mask = random_mask(tuple(x.shape), 0.05, generator).to(x)
    return torch.cat([x * mask, mask], 1)

# %%
torch.manual_seed(SEED)
filler = SkipAutoencoder(2, 1)
training.fit(Restoration(filler, with_gaps), train, valid, steps=800, batch_size=32, seed=SEED)
gappy = with_gaps(test, torch.Generator().manual_seed(3))
masks = gappy[:, 1:]
filled = {"linear": fill(linear, test, masks), "radial": fill(radial, test, masks),
          "network": apply(filler, gappy)}
for name, images in filled.items():
    print(f"{name:<12}{psnr(test, images):5.1f} dB")
plots.image_rows({"truth": test, "5 % known": gappy[:, :1], **filled},
                 alt="Ten digits, 5 % of their pixels, three interpolations; the network smears least.")

# %% claim="interpolating_digits"
classical = min(squared_error(filled[name]) for name in ("linear", "radial"))
results.record("filling digits, 5 % known: squared error of the network over the best classical method",
               squared_error(filled["network"]) / classical, unit="times", at_most=0.9)

# %% [markdown]
# **What do we observe?** Triangles and cones smear in all directions; the network's guess gathers where strokes usually run, and its error is the lowest. Yet few of
# the digits can be read: with 39 of 784 pixels nobody can know. **A lower error is not yet a legible image.**

# %% [markdown]
# ## Back to the sea: tracks
#
# A satellite does not choose points at random. Its tracks are lines, and the gaps between them are wide: a harder mask than
# as many random points.

# %% [markdown]
# ### Exercise 5 — Satellite tracks
#
# Each track starts in a random column of the first row and runs in a straight line to a random column of the last row, both drawn
# uniformly among all columns with the given generator. In each row it covers the one pixel nearest to the line. Tracks may cross.

# %% exercise="track_mask"
def track_mask(shape: tuple[int, int], n_tracks: int, generator: torch.Generator) -> torch.Tensor:
    """A float mask (h, w): 1 on n_tracks straight tracks from the first to the last row."""
    ### BEGIN SOLUTION
    h, w = shape
    mask = torch.zeros(h, w)
    ends = torch.randint(0, w, (n_tracks, 2), generator=generator)
    for start, end in ends.tolist():
        columns = torch.linspace(start, end, h).round().long()  # (h,)
        mask[torch.arange(h), columns] = 1
    return mask
    ### END SOLUTION

# %% check="track_mask" points=2
single_toy = track_mask((24, 40), 1, torch.Generator().manual_seed(0)).float()
checks.same_shape(single_toy, (24, 40), "the mask")
checks.close(single_toy.sum(1), torch.ones(24), "one track covers one pixel in each row",
             look_at="rows are the first axis")
places_toy = single_toy.argmax(1).float()
line_toy = torch.linspace(float(places_toy[0]), float(places_toy[-1]), 24)
checks.holds((places_toy - line_toy).abs().max() <= 1, "a track is straight",
             seen=f"columns {places_toy.int().tolist()}", expected="a line from the first to the last")
checks.close(track_mask((24, 40), 0, torch.Generator().manual_seed(1)).sum(), 0.0, "no track, no pixel")
many_toy = track_mask((24, 40), 30, torch.Generator().manual_seed(2)).float()
checks.holds(many_toy.max() == 1 and many_toy[0].sum() > 9, "thirty tracks begin in many columns",
             seen=f"{int(many_toy[0].sum())} columns, values up to {many_toy.max():.0f}",
             expected="more than 9, and 1 where tracks cross")
checks.passed("track_mask")
### BEGIN HIDDEN TESTS
def tracks_toy(n, seed, shape=(24, 40)):
    return track_mask(shape, n, torch.Generator().manual_seed(seed)).float()

values_toy = set(tracks_toy(9, 2).flatten().tolist())
checks.holds(values_toy == {0.0, 1.0}, "also where tracks cross, a mask holds 0 and 1", seen=str(values_toy),
             expected="0 and 1")
per_row = tracks_toy(5, 3, (50, 400)).sum(1)
checks.holds(per_row.max() <= 5 and per_row.mean() > 4, "five tracks cover up to five pixels in each row",
             seen=f"{per_row.min():.0f} to {per_row.max():.0f}", expected="5, less where tracks cross")
singles = torch.stack([tracks_toy(1, seed, (16, 5)) for seed in range(1500)])
for name, places in (("first", singles[:, 0].argmax(1)), ("last", singles[:, -1].argmax(1))):
    shares = torch.bincount(places, minlength=5) / 1500
    checks.holds(shares.min() > 0.155 and shares.max() < 0.25, f"every column of the {name} row is as likely",
                 seen=f"shares {[round(float(s), 2) for s in shares]}", expected="about 0.2 each",
                  look_at="0 to w − 1")
starts, ends = singles[:, 0].argmax(1).float(), singles[:, -1].argmax(1).float()
relation = torch.corrcoef(torch.stack([starts, ends]))[0, 1].abs()
checks.holds(relation < 0.2, "both ends are drawn independently", seen=f"correlation {relation:.2f}",
             expected="about 0")
middle = singles.argmax(2).float() - (starts[:, None] + (ends - starts)[:, None] * torch.linspace(0, 1, 16))
checks.holds(middle.abs().max() <= 0.51, "the pixel nearest to the line is covered",
             seen=f"off by {middle.abs().max():.2f}",
             expected="half a pixel at most", look_at="round, do not cut")
checks.close(tracks_toy(3, 4), tracks_toy(3, 4), "a seed gives the same tracks",
             look_at="generator=generator")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Two random columns a track; a line between them; one pixel a row. </details>
# <details><summary>Hint 2 — shapes</summary> A line is h columns, one for each row: <code>mask[rows, columns] = 1</code> with both of shape (h,). </details>
# <details><summary>Hint 3 — API</summary> <code>torch.randint(0, w, (n_tracks, 2), generator=generator)</code>, <code>torch.linspace(a, b, h).round().long()</code>. </details>

# %% [markdown]
# ## Bug clinic: half a mask
#
# The sea has coasts: a loss must count known points only. This function stands, in other words, in published code.
# **Symptom**: the prediction is perfect at every known point, yet the loss is not zero, and it changes with the number of gaps.

# %%
def masked_mse_published(pred: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return ((pred * mask - target) ** 2).mean()

for keep in (0.9, 0.5, 0.1):
    mask = random_mask(tuple(test.shape), keep, torch.Generator().manual_seed(0))
    print(f"{keep:.0%} known, prediction perfect: loss {masked_mse_published(test, test, mask):.4f}")

# %% [markdown]
# ### Exercise 6 — Repair the masked loss
#
# Average the squared error over the known positions, and over nothing else:
#
# $$L = \frac{\sum m\,(p - t)^2}{\sum m} ,$$
#
# and 0 if nothing is known. Unknown positions must get no gradient.

# %% exercise="masked_mse"
def masked_mse(pred: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean squared error over the positions where the mask is 1; 0 if there is none."""
    ### BEGIN SOLUTION
    squared_error = mask * (pred - target) ** 2
    return squared_error.sum() / mask.sum().clamp(min=1)
    ### END SOLUTION

# %% check="masked_mse" points=2
target_toy = torch.arange(24.0).reshape(2, 1, 3, 4)
known_toy = (torch.arange(24) % 3 == 0).float().reshape(2, 1, 3, 4)  # 8 of 24
checks.inputs_unchanged(masked_mse, target_toy + 2, target_toy, known_toy)
loss_toy = masked_mse(target_toy + 2, target_toy, known_toy)
checks.same_shape(loss_toy, (), "the loss")
checks.close(loss_toy, 4.0, "an error of 2 everywhere costs 4, whatever the mask",
             look_at="divide by the number of known points")
wild_toy = target_toy + 1e3 * (1 - known_toy)
checks.close(masked_mse(wild_toy, target_toy, known_toy), 0.0, "errors at unknown points cost nothing",
             look_at="both terms are masked")
checks.close(masked_mse(target_toy, target_toy + 1, 0 * known_toy), 0.0, "an empty mask costs 0",
             look_at="0 / 0 is NaN")
slope_toy = torch.zeros(2, 1, 3, 4, requires_grad=True)
masked_mse(slope_toy, target_toy, known_toy).backward()
checks.close(slope_toy.grad, -target_toy * known_toy / 4, "its gradient, where we know the truth",
             tolerance=1e-5, look_at="no detach, no float(): training needs the graph")
checks.passed("masked_mse")
### BEGIN HIDDEN TESTS
free_toy = (target_toy + torch.randn(2, 1, 3, 4, generator=torch.Generator().manual_seed(0))).requires_grad_()
masked_mse(free_toy, target_toy, known_toy).backward()
checks.close(free_toy.grad, 2 * known_toy * (free_toy - target_toy).detach() / 8,
             "the gradient is 2 m (p − t) / Σ m",
             tolerance=1e-5, look_at="nothing flows where the mask is 0")
free_toy.grad = None
masked_mse(free_toy, target_toy, 0 * known_toy).backward()
checks.close(free_toy.grad, torch.zeros(2, 1, 3, 4), "an empty mask gives no gradient, and no NaN")
uneven_toy = known_toy.clone()
uneven_toy[0] = 0
checks.close(masked_mse(target_toy + 3, target_toy, uneven_toy), 9.0, "one mean over all samples together",
             look_at="not a mean of means: a sample may have no known point")
steps_toy = target_toy + torch.arange(24.0).reshape(2, 1, 3, 4)
checks.close(masked_mse(steps_toy, target_toy, known_toy), sum((3.0 * i) ** 2 for i in range(8)) / 8,
             "squares are averaged",
             look_at="squares, not absolute values; no square root")
precise_toy = masked_mse(target_toy.double(), target_toy.double(), known_toy.double()).dtype
checks.holds(precise_toy == torch.float64, "the precision is that of the data", seen=str(precise_toy),
             expected="torch.float64")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Mask the difference, not one of its terms; count what is known. </details>
# <details><summary>Hint 2 — shapes</summary> Everything has one shape; two sums end as numbers. </details>
# <details><summary>Hint 3 — API</summary> <code>mask.sum().clamp(min=1)</code> is never 0. </details>

# %% [markdown]
# ## Between the tracks
#
# We cut windows of 32 × 32 points out of the maps. The network learns from the first two thirds of the series, and is tested on the last one
# (unit 01 told us why). Mean and scale come from the training maps; land is 0 and does not count in the loss.
# (On the Mediterranean our "truth" was itself interpolated from real tracks: we learn its smoothness, not the sea's finest scales.)

# %%
n_known = 2 * len(ocean.time) // 3
anomaly = 100 * (ocean.ssh - ocean.ssh[:n_known].mean("time"))  # cm
scale = float(anomaly[:n_known].std())
anomaly = anomaly / scale
parts = {"train": (slice(n_known - 10), 2500), "valid": (slice(n_known - 10, n_known), 300),
         "test": (slice(n_known, None), 150)}
sea_train, sea_valid, sea_test = (torch.tensor(sea_level.windows(anomaly[part], n, seed=SEED))
                                  for part, n in parts.values())

# %% [markdown]
# The windows are few and alike: three months, or three years, of one basin. Three things help. The mean of what the tracks saw is **taken
# away** from each window, so that no season is too high. We **augment** by mirror images and changes of sign, which a sea level anomaly
# nearly allows. And the *radial interpolation* is the network's **first guess**: the skip hands it on, and $F$ learns the correction.
# (Interpolating is slow: tracks are drawn once here.)

# %% [markdown]
# **Predict.** Is a network that corrects the classical answer better than the classical answer, on maps of a later season?

# %%
def on_tracks(window: torch.Tensor, n_tracks: int, seed: int) -> torch.Tensor:
    """Channels: radial first guess, 1 where known, truth, 1 on the sea; known points have mean 0."""
    draws, sea = torch.Generator().manual_seed(seed), window[:, 1:]
    known = torch.stack([track_mask((32, 32), n_tracks, draws) for _ in window])[:, None].float() * sea
    total, number = ((field * known).sum((1, 2, 3), keepdim=True) for field in (window[:, :1], sea))
    truth = (window[:, :1] - total / number.clamp(min=1)) * sea
    return torch.cat([fill(radial, truth, known) * sea, known, truth, sea], 1)

def mirrored(window: torch.Tensor, seed: int) -> torch.Tensor:
    """Half of the windows mirrored along each axis, half with the opposite sign."""
    coins = torch.rand(3, len(window), 1, 1, 1, generator=torch.Generator().manual_seed(seed)) < 0.5
    for coin, axis in zip(coins[:2], (-1, -2), strict=True):
        window = torch.where(coin, window.flip(axis), window)
    sign = torch.where(coins[2], -1.0, 1.0) * torch.tensor([1.0, 0.0]).reshape(2, 1, 1)
    return window * (sign + torch.tensor([0.0, 1.0]).reshape(2, 1, 1))

# %%
def sea_loss(pred: torch.Tensor, prepared: torch.Tensor) -> torch.Tensor:
    return masked_mse(pred, prepared[:, 2:3], prepared[:, 3:])

torch.manual_seed(SEED)
mapper = SkipAutoencoder(2, 1)
prepared = on_tracks(mirrored(sea_train, SEED), 4, 1), on_tracks(sea_valid, 4, 2)
learner = Restoration(mapper, lambda x, generator: x[:, :2], sea_loss)
history = training.fit(learner, *prepared, steps=600, batch_size=32, seed=SEED)

# %% [markdown]
# The test counts the points between the tracks only, and on the sea only: a masked error again.

# %%
observed = on_tracks(sea_test, 4, 3)
truth, sea, known = observed[:, 2:3], observed[:, 3:], observed[:, 1:2]
fields = {"mean of tracks": 0 * truth, "linear": fill(linear, truth, known), "radial": observed[:, :1],
          "network": apply(mapper, observed[:, :2])}
gap_error = {name: float(masked_mse(field, truth, sea * (1 - known))) ** 0.5 * scale
             for name, field in fields.items()}
for name, error in gap_error.items():
    print(f"{name:<14}rmse between the tracks {error:5.2f} cm")

# %%
shown, land = 3, sea_test[3, 1].numpy() == 0
views = {"truth": truth, "tracks": torch.where(known > 0, truth, torch.nan), "radial": fields["radial"],
         "network": fields["network"]}
views = {name: np.where(land, np.nan, scale * field[shown, 0].numpy()) for name, field in views.items()}
plots.panels(views, north_up=True, shared="sea level anomaly (cm)",
             alt="A window of sea level: truth, four tracks, radial interpolation and the network.")

# %% claim="tracks" headline="between altimeter tracks {0:.2f} times the error of the best interpolation, by correcting it"
results.record("sea level between tracks: rmse of the network over the best of linear and radial",
               gap_error["network"] / min(gap_error[name] for name in ("linear", "radial")),
               unit="times", at_most=0.97)

# %% [markdown]
# **What do we observe?** The network that corrects a classical guess does better than each classical method alone, on later maps. But look at the ladder: from
# triangles to cones the error fell for nothing but a better choice, and the lead of a network is only as honest as its baseline. **Give a network what you know already.** Unit 09 adds time and optimal interpolation to this contest.

# %% [markdown]
# ## Limits: more or fewer satellites
#
# The network was trained with four tracks a window.
#
# **Predict.** With 3, 8 and 16 tracks: where is its lead largest, and where smallest?

# %%
counts, by_count = (3, 4, 6, 8, 12, 16), {"linear": [], "radial": [], "network, trained at 4": []}
for n in counts:
    seen = on_tracks(sea_test[:60], n, 5)
    guesses = fill(linear, seen[:, 2:3], seen[:, 1:2]), seen[:, :1], apply(mapper, seen[:, :2])
    for name, guess in zip(by_count, guesses, strict=True):
        hidden = seen[:, 3:] * (1 - seen[:, 1:2])
        by_count[name].append(float(masked_mse(guess, seen[:, 2:3], hidden)) ** 0.5 * scale)
plots.curves(counts, by_count, doubling=False, xlabel="tracks in a window of 32 × 32 (1)",
             ylabel="rmse between the tracks (cm)",
             alt="Error between tracks against their number: all fall, and the lead of the network shrinks.")
print({name: np.round(values, 2).tolist() for name, values in by_count.items()})

# %% claim="lead_shrinks_with_many_tracks"
lead = np.minimum(by_count["linear"], by_count["radial"]) - by_count["network, trained at 4"]
results.record("centimetres that the network gains on the best interpolation: with 16 tracks over with 4",
               lead[-1] / lead[1], unit="times", at_most=0.85)

# %% [markdown]
# **What do we observe?** With many tracks interpolation becomes easy, and there is less and less to win: the lead, in centimetres, shrinks. The network was shown four tracks
# and no more. It is tuned to the sampling of its training as a classical method is tuned by its parameters; only, retuning takes a training.

# %% [markdown]
# ## Question (graded by hand)
#
# "Our network fills cloud gaps in sea surface temperature maps. We trained it on cloud-free maps under random points removed (50 %); on
# test maps with random points removed it beats optimal interpolation by 40 %." In at most 150 words: name three reasons why it may do worse
# under real clouds, how you would test each, and which baseline you would add.

# %% [markdown] question="review" points=4
# ### BEGIN SOLUTION
# One point for each sound reason with its test, one for the baseline. For example:
#
# 1. *Gaps have another shape*: clouds are wide and connected. Test with cloud masks from other days laid on clear maps.
# 2. *Clear-sky bias*: cloud-free maps are calm, warm days; under clouds the sea differs. Test against buoys or microwave data under clouds.
# 3. *Split*: random maps of one series leak; test on other years and regions.
# 4. *Is optimal interpolation tuned*, with the right covariance, noise and several days in time? Add the previous map (persistence) and DINEOF or OI in space and time.
# ### END SOLUTION

# %% [markdown]
# ## Takeaways
#
# 1. A network that knows the kind of image beat **tuned** classical methods on noisy and gappy digits: at most three quarters of their squared error.
# 2. For restoration, details must pass: **skip connections** instead of a bottleneck, and a loss that counts **only what is known**.
# 3. At sea, with few data, the network won by **correcting a classical guess**; away from its noise level or its sampling its lead melted.

# %% [markdown]
# ## Going further
#
# - Rudin, Osher and Fatemi (1992), total variation, [10.1016/0167-2789(92)90242-F](https://doi.org/10.1016/0167-2789%2892%2990242-F).
# - Mao et al. (2016), RED-Net, [arXiv:1606.08921](https://arxiv.org/abs/1606.08921): thirty layers, natural images, several noise levels at once.
# - Vincent et al. (2008), denoising auto-encoders, [10.1145/1390156.1390294](https://doi.org/10.1145/1390156.1390294).
# - Bretherton et al. (1976), optimal interpolation of the sea, [10.1016/0011-7471(76)90001-2](https://doi.org/10.1016/0011-7471%2876%2990001-2).
# - Barth et al. (2022), DINCAE 2.0: clouds, tracks and error bars, [10.5194/gmd-15-2183-2022](https://doi.org/10.5194/gmd-15-2183-2022).
