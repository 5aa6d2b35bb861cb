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
# # PCA, EOF and auto-encoders
#
# **How many numbers does it take to tell one map of the ocean from another?**
#
# A map of sea level has thousands of grid points, a picture of a digit has 784 pixels. Neighbours
# resemble each other and the same shapes return, so far fewer numbers should do. How few, and how do we
# find them?

# %% [markdown]
# **You will learn**
# - to compute principal components (the oceanographer's EOFs) and to say in which sense they are optimal;
# - to build a dense auto-encoder, and to measure what its curvature buys over PCA;
# - why a linear auto-encoder finds the same subspace as PCA but other axes, and which constraints mend that.
#
# **Time** 2 hours. **Prerequisites** NumPy, variance and covariance, one trained network (unit 00).

# %%
import numpy as np
import pytorch_lightning as pl
import torch
from torch import nn

from course_lib import checks, metrics, plots, results, training
from course_lib.datasets import mnist, sea_level

SEED = 0

# %% [markdown]
# ## A sea that repeats itself
#
# We open a series of sea level maps, take the time mean away, and look at three dates. The line below says
# which ocean it is: real Mediterranean altimetry where your teacher installed it, a simulated one otherwise.

# %%
ocean = sea_level.load()
anomaly = ocean.ssh - ocean.ssh.mean("time")
dates = anomaly.isel(time=[0, len(ocean.time) // 2, -1])
titles = [str(date)[:10] for date in dates.time.values]
plots.maps(100 * dates, titles, "sea level anomaly (cm)",
           alt="Sea level anomaly on three dates: broad rises and falls, with small eddies on them.")

# %% [markdown]
# **What do we observe?** Broad areas rise and fall together, and rounded eddies sit on top of them. Knowing
# the anomaly at one point, you could guess that of its neighbours: the grid points are many, but they are
# not independent. We want the few numbers behind the many.

# %% [markdown]
# ## Data: digits first, then the sea
#
# Handwritten digits are a good place to learn this: everybody can judge a reconstruction by eye. We keep a
# tenth of the training images aside, for *validation*: it decides when a network is at its best. The test
# images decide nothing; they only measure.

# %%
digits = mnist.load(n_train=8000, n_test=2000, seed=SEED)
n_fit = 9 * len(digits.train) // 10
train, valid, test = digits.train[:n_fit], digits.train[n_fit:], digits.test
x_train, x_valid, x_test = (part.flatten(1).numpy() for part in (train, valid, test))
plots.image_rows({"train": train, "test": test},
                 alt="Ten handwritten digits of the training set, and ten of the test set.")

# %% [markdown]
# ## How many numbers does a digit need?
#
# An image of 28 × 28 pixels is a point in a space of 784 dimensions. Yet most points of that space look like
# noise: digits live on a much thinner set. We first ask how thin a *flat* set can be.
#
# Principal component analysis (PCA) takes the mean $\bar x$ away and looks for the $k$ orthonormal directions
# $w_1, \dots, w_k$ along which the data vary most.

# %% [markdown]
# They come from the singular value decomposition of the centred data, one sample per row:
#
# $$X - \bar x = U S V^\top .$$
#
# The rows of $V^\top$ are the directions; the variance along the $i$-th is $s_i^2 / n$. Eckart and Young (1936)
# proved that **no other flat set of $k$ dimensions comes closer to the data** in the sense of the squared
# error. This is our baseline for the whole lesson.

# %% [markdown]
# ### Exercise 1 — Find the principal components
#
# Return the mean of the samples and the first `n_components` principal directions as orthonormal **rows**, the
# one with the largest variance first. The sign of a direction does not matter. It must also work when there
# are more features than samples (so it is with maps of the ocean), and leave `x` as it was.

# %% exercise="fit_pca"
def fit_pca(x: np.ndarray, n_components: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and principal components of samples.

    x: (n, d), one sample per row; n_components: k, at most n - 1 and at most d.
    Returns the mean, (d,), and the components, (k, d): orthonormal rows,
    by decreasing variance.
    """
    ### BEGIN SOLUTION
    mean = x.mean(axis=0)
    _, _, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:n_components]
    ### END SOLUTION

# %% check="fit_pca" points=3
cloud = checks.random_subspace(n=60, d=8, k=3, seed=1)  # its principal axes are known
checks.inputs_unchanged(fit_pca, cloud.x, 3)
result = checks.unpack(fit_pca(cloud.x, 3), ["mean", "components"], "result of fit_pca")
checks.close(result[0], cloud.mean, "the mean is taken over the samples", look_at="along which axis?")
checks.same_shape(result[1], (3, 8), "the components", look_at="one per row: (n_components, d)")
checks.orthonormal_rows(result[1], "the components are orthonormal rows", look_at="rows of Vᵀ, not columns")
checks.same_axes(result[1], cloud.components, "each component is a principal axis, in order",
                 look_at="is the mean taken away first? do the variances decrease?")
checks.passed("fit_pca")
### BEGIN HIDDEN TESTS
for n, d, k in ((12, 40, 4), (200, 5, 1), (30, 6, 6)):
    hidden, size = checks.random_subspace(n=n, d=d, k=k, seed=n, offset=10.0), f"{n} samples of {d} features"
    centre, axes = fit_pca(hidden.x, k)
    checks.close(centre, hidden.mean, f"the mean of {size}")
    checks.same_axes(axes, hidden.components, f"|cosines| with the first {k} principal axes of {size}",
                     look_at="are they sorted by variance, and does it work for any size?")
near = checks.random_subspace(n=80, d=50, k=2, seed=7, noise=0.9)  # variances 4, 1, 0.81, 0.81, …
checks.same_axes(fit_pca(near.x, 2)[1], near.components, "an axis of little more variance than the next",
                 look_at="an approximate algorithm is not enough")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Centre the samples, decompose, keep the first rows. </details>
# <details><summary>Hint 2 — shapes</summary> With one sample per row, V<sup>T</sup> is (min(n, d), d): its rows live in the space of the features. </details>
# <details><summary>Hint 3 — API</summary> <code>np.linalg.svd(a, full_matrices=False)</code> returns U, s and V<sup>T</sup>, with s in decreasing order. </details>

# %% [markdown]
# ### Exercise 2 — Project and come back
#
# Given the mean $\bar x$ and orthonormal components $W$ (rows), the best reconstruction of $x$ is
# $\hat x = \bar x + (x - \bar x)\,W^\top W$. Write it for a whole batch; a loop is accepted, but slow.

# %% exercise="reconstruct_pca"
def reconstruct_pca(x: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Project samples on the components and map them back.

    x: (n, d) samples; mean: (d,); components: (k, d), orthonormal rows.
    Returns the reconstruction, (n, d).
    """
    ### BEGIN SOLUTION
    scores = (x - mean) @ components.T
    return mean + scores @ components
    ### END SOLUTION

# %% check="reconstruct_pca" points=2
toy = checks.random_subspace(n=50, d=6, k=2, seed=0)
checks.inputs_unchanged(reconstruct_pca, toy.x, toy.mean, toy.components)
w, toy_hat = toy.components, reconstruct_pca(toy.x, toy.mean, toy.components)
checks.same_shape(toy_hat, toy.x, "the reconstruction")
checks.close(reconstruct_pca(toy.mean[None], toy.mean, w), toy.mean[None], "the mean comes back as the mean",
             look_at="remove the mean before the projection, add it back after it")
checks.close(reconstruct_pca(toy_hat, toy.mean, w), toy_hat, "projecting twice must change nothing",
             look_at="multiply by Wᵀ to project, then by W to come back")
checks.close((toy.x - toy_hat) @ w.T, np.zeros((50, 2)), "what is lost is orthogonal to W",
             look_at="multiply by Wᵀ to project, then by W to come back")
checks.passed("reconstruct_pca")
### BEGIN HIDDEN TESTS
checks.close(reconstruct_pca(toy.x[:9], toy.mean, w), toy_hat[:9], "a sample does not depend on its batch",
             look_at="use the mean that is given, not that of the batch")
checks.rank_at_most(toy_hat - toy.mean, 2, "the reconstructions lie in the span of 2 components")
wide = checks.random_subspace(n=7, d=30, k=5, seed=3)
inside = wide.mean + 2 * wide.components
checks.close(reconstruct_pca(inside, wide.mean, wide.components), inside, "a sample in the span comes back")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Two matrix products: into the small space, and back. </details>
# <details><summary>Hint 2 — shapes</summary> (n, d) @ (d, k) gives the scores (n, k). </details>
# <details><summary>Hint 3 — API</summary> <code>components.T</code> transposes; broadcasting subtracts the mean from every row. </details>

# %% [markdown]
# ### Exercise 3 — How good is a reconstruction?
#
# We want one number, 1 for a perfect reconstruction and 0 for one that always answers the mean:
#
# $$\mathrm{EV} = 1 - \frac{\sum_{n,i} (x_{ni} - \hat x_{ni})^2}{\sum_{n,i} (x_{ni} - \bar x_i)^2},
# \qquad \bar x_i = \text{mean of feature } i \text{ over the samples in } x .$$
#
# Both sums run over all samples and all features. The number is negative for a reconstruction worse than the mean.

# %% exercise="explained_variance"
def explained_variance(x: np.ndarray, x_hat: np.ndarray) -> float:
    """Share of the variance of x that its reconstruction x_hat explains.

    x, x_hat: (n, d). The variance is taken about the mean of each feature of x.
    Returns a number of at most 1.
    """
    ### BEGIN SOLUTION
    squared_error = ((x - x_hat) ** 2).sum()
    variance = ((x - x.mean(axis=0)) ** 2).sum()
    return float(1 - squared_error / variance)
    ### END SOLUTION

# %% check="explained_variance" points=2
toy = checks.random_subspace(n=80, d=5, k=2, seed=2)
anomalies = toy.x - toy.mean
checks.inputs_unchanged(explained_variance, toy.x, toy.mean + anomalies / 2)
checks.close(explained_variance(toy.x, toy.x), 1.0, "a perfect reconstruction explains everything")
checks.close(explained_variance(toy.x, toy.x - anomalies), 0.0, "the mean of each feature explains 0",
             look_at="one mean per feature, not one for all; the same n in both sums (ddof=0)")
checks.close(explained_variance(toy.x, toy.mean + anomalies / 2), 0.75, "half the anomaly explains ¾",
             look_at="are the errors squared, and is x the one that gives the variance?")
checks.passed("explained_variance")
### BEGIN HIDDEN TESTS
x_hat = toy.mean + anomalies @ toy.components[:1].T @ toy.components[:1]
total = anomalies.var(axis=0).sum()
share = toy.variances[0] / total
checks.close(explained_variance(toy.x, x_hat), share, "one component explains its share of the variance",
             look_at="sum over all features first, divide then")
checks.close(explained_variance(toy.x, toy.mean - anomalies), -3.0, "worse than the mean is negative",
             look_at="no max, no clip, no absolute value")
checks.close(explained_variance(5 * toy.x + 7, 5 * x_hat + 7), share, "units and offset do not matter")
checks.close(explained_variance(toy.x, x_hat + 1), share - 5 / total, "a bias is an error",
             look_at="the mean of the error is part of the error")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Error over variance, taken from one. </details>
# <details><summary>Hint 2 — shapes</summary> The mean has one entry per feature, (d,); both sums end as one number. </details>
# <details><summary>Hint 3 — API</summary> <code>x.mean(axis=0)</code>, then <code>(… ** 2).sum()</code> without an axis. </details>

# %% [markdown]
# ## Four numbers per digit
#
# **Predict.** With 4 numbers per digit, how much of the variance of the *test* digits will PCA explain:
# 10 %, 30 %, 50 % or more?

# %%
mean, components = fit_pca(x_train, n_components=4)
x_pca = reconstruct_pca(x_test, mean, components)
ev_pca = explained_variance(x_test, x_pca)
global_variance = ((x_test - x_test.mean()) ** 2).sum()  # about one mean for all pixels
ev_pca_global = 1 - ((x_test - x_pca) ** 2).sum() / global_variance
print(f"PCA(4) explains {ev_pca:.1%} of the variance about the mean of each pixel,")
print(f"            and {ev_pca_global:.1%} of the variance about one mean for all pixels.")

# %% [markdown]
# **What do we observe?** One reconstruction, two numbers, both called "explained variance" in papers. The second
# is larger because it gives credit for knowing that corners are white and centres are dark, which the mean
# image alone knows. The course that this one grew from printed the second; we keep the first. **Before you
# compare two numbers, compare their denominators.**

# %% claim="pca_definitions"
results.record("PCA, 4 dimensions: share about one global mean, less the share about each pixel's mean",
               100 * (ev_pca_global - ev_pca), unit="points", at_least=15,
               reference="trial on MNIST: 50.5 − 29.3 = 21.2")

# %%
_, best = fit_pca(x_train, n_components=64)
rows = {f"k = {k}": reconstruct_pca(x_test, mean, best[:k]) for k in (1, 4, 16, 64)}
images = {label: torch.tensor(row).reshape(-1, 1, 28, 28) for label, row in rows.items()}
plots.image_rows({"original": test, **images},
                 alt="Ten test digits; their reconstructions from 1, 4, 16 and 64 components, ever sharper.")

# %% [markdown]
# **What do we observe?** Four numbers carry slant and roundness, but unlike digits come back as the same ghost,
# an average that no one would write. At 64 every digit can be read. Ghosts are the price of a flat set of few
# dimensions: it contains all averages of its points. We computed the components once: they are *nested*,
# the best 4 are the first 4 of the best 64. We shall need that.

# %% [markdown]
# ## Is it really the best flat set?
#
# Eckart and Young say so for the *training* data. We put two rivals beside PCA on the test data: $k$ random
# directions, and the directions spanned by $k$ training digits.
#
# **Predict.** Which rival comes closer to PCA?

# %%
def flat_set(directions: np.ndarray) -> float:
    """Explained variance of the test digits in the span of the directions (k, 784)."""
    orthonormal_rows = np.linalg.qr(directions.T)[0].T
    return explained_variance(x_test, reconstruct_pca(x_test, mean, orthonormal_rows))

sizes = [1, 2, 4, 8, 16, 32, 64]
noise = np.random.default_rng(SEED).standard_normal((64, 784))
flat = {"PCA": [flat_set(best[:k]) for k in sizes],
        "span of k digits": [flat_set(x_train[:k] - mean) for k in sizes],
        "random directions": [flat_set(noise[:k]) for k in sizes]}
plots.curves(sizes, flat, xlabel="number of dimensions k (1)", ylabel="explained variance (%)", percent=True,
             alt="Explained variance against k: PCA highest, digits below it, random directions near zero.")

# %% [markdown]
# **What do we observe?** PCA is on top everywhere, on data that it has not seen. Digits themselves make fair
# directions; random ones are nearly useless: 64 of 784 dimensions catch about 64/784 of the variance.

# %% [markdown]
# ## EOFs are the PCA of a field
#
# In oceanography the same components are called *empirical orthogonal functions*. A sample is a map, a feature
# is a grid point. Points are weighted by $\sqrt{\cos \text{latitude}}$, so that each square kilometre counts the
# same. The scores, one series per component, are the *principal components* in the oceanographer's sense.

# %%
points = (100 * anomaly).stack(point=("latitude", "longitude")).dropna("point")  # cm, sea only
weight = np.sqrt(np.cos(np.deg2rad(points.latitude)))
weighted = (points * weight).transpose("time", "point").values
_, eofs = fit_pca(weighted, n_components=3)
scores = weighted @ eofs.T  # (time, 3)
share = scores.var(axis=0) / weighted.var(axis=0).sum()
patterns = points[:3].copy(data=eofs * scores.std(axis=0)[:, None]) / weight
titles = [f"EOF {i + 1} ({s:.0%} of the variance)" for i, s in enumerate(share)]
plots.maps(patterns.unstack("point").reindex_like(anomaly[:3]), titles, "EOF (cm per standard deviation)",
           alt="Maps of the first three EOFs of sea level: large patterns of one or two signs.")

# %%
series = {f"PC {i + 1}": scores[:, i] / scores[:, i].std() for i in range(3)}
plots.time_series(ocean.time, series, "standard deviations (1)",
                  alt="Time series of the three principal components, slow and smooth.")

# %% [markdown]
# **What do we observe?** Nothing told PCA about waves or seasons. In the simulated ocean, EOFs 1 and 2 are alike but for
# a quarter of a wavelength, and so are their series in time: **one travelling wave needs two EOFs**; EOF 3 is
# mostly the season. In the Mediterranean, EOF 1 has one sign nearly everywhere and rises through spring; three months
# cannot tell a season from a trend.

# %% [markdown]
# ## How good are they on maps that they have not seen?
#
# We fit EOFs three times: on all maps, on two thirds drawn at random, and on the first two thirds of the series.
# Each time we reconstruct the maps that were left out (or all, the first time).
#
# **Predict.** Which of the three errors will be the largest, and by how much?

# %%
n_maps, third = len(weighted), len(weighted) // 3
order = np.random.default_rng(SEED).permutation(n_maps)
splits = {"the same maps": (slice(None), slice(None)),
          "a third at random": (order[third:], order[:third]),
          "the last third": (slice(0, -third), slice(-third, None))}
scale, last_errors = np.sqrt((weight**2).mean().item()), {}  # the scale makes them cm again
for name, (known, new) in splits.items():
    fits = [reconstruct_pca(weighted[new], *fit_pca(weighted[known], k)) for k in (1, 3, 10)]
    errors = [metrics.rmse(weighted[new], fit) / scale for fit in fits]
    last_errors[name] = errors[-1]
    print(f"{name:<18} error with 1, 3, 10 EOFs: {errors[0]:.2f}, {errors[1]:.2f}, {errors[2]:.2f} cm")

# %% [markdown]
# **What do we observe?** On known maps, and on maps drawn at random, ten numbers a day seem to do. On the last third the
# error is far larger. Maps of neighbouring days are nearly equal, so a random third holds nothing new: the
# split, not the method, looks good. **Test on a later stretch of the series.**

# %% claim="random_split_flatters"
results.record("10 EOFs: error on the last third of the series over that on a random third",
               last_errors["the last third"] / last_errors["a third at random"], unit="times", at_least=1.3)

# %% [markdown]
# Ninety daily maps hold perhaps ten independent ones. That is also why EOFs of nearly equal variance mix from one
# sample to the next (North et al., 1982), as EOFs 2 and 3 of the Mediterranean would, and why the network that
# follows learns from digits: thousands of independent samples, where the sea gives us ten.

# %% [markdown]
# ## From flat to curved: the auto-encoder
#
# PCA encodes with a matrix and decodes with its transpose. An **auto-encoder** replaces both by networks,
#
# $$z = \mathrm{enc}(x) \in \mathbb{R}^k, \qquad \hat x = \mathrm{dec}(z),$$
#
# trained together to make $\hat x$ close to $x$. With activations in between, the set $\{\mathrm{dec}(z)\}$ may
# bend. The *latent* $z$ is the bottleneck: without it, copying the input would be perfect and useless.

# %% [markdown]
# ### Exercise 4 — Write a dense auto-encoder
#
# Encoder: `n_features → n_hidden → n_latent`; decoder: `n_latent → n_hidden → n_features`. Each arrow is an
# `nn.Linear` with bias, with an activation (ReLU here) after each **hidden** layer only: the latent and the output
# must be free to take any value. With `linear=True` the two activations are left out.

# %% [markdown]
# Inputs come as flat samples `(n, 784)`, as images `(n, 1, 28, 28)` or with further leading dimensions: whatever
# the shape, `n_features` consecutive values make one sample. `encode` takes any of these, flattens it to
# `(n, n_features)` and returns `(n, n_latent)`; `decode` returns `(n, n_features)`; `forward` gives the
# reconstruction **the shape that the input had**.

# %% exercise="DenseAutoencoder"
class DenseAutoencoder(nn.Module):
    """n_features - n_hidden - n_latent - n_hidden - n_features."""

    def __init__(self, n_features: int, n_latent: int, n_hidden: int = 128, linear: bool = False):
        super().__init__()
        self.n_features = n_features
        ### BEGIN SOLUTION
        first, last = nn.Linear(n_features, n_hidden), nn.Linear(n_hidden, n_features)
        activation = nn.Identity() if linear else nn.ReLU()
        self.encoder = nn.Sequential(first, activation, nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), activation, last)
        ### END SOLUTION

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        return self.encoder(x.reshape(-1, self.n_features))  # (n, n_latent)
        ### END SOLUTION

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        return self.decoder(z)  # (n, n_features)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        return self.decode(self.encode(x)).reshape(x.shape)
        ### END SOLUTION

# %% check="DenseAutoencoder" points=4
torch.manual_seed(3)
net = DenseAutoencoder(30, 3, n_hidden=16)
straight = DenseAutoencoder(30, 3, n_hidden=16, linear=True)
x_toy = 10 * torch.randn(7, 30)
checks.same_shape(net.encode(x_toy), (7, 3), "the latent code of 7 samples")
turned = x_toy.reshape(7, 1, 6, 5).rot90(1, (2, 3))  # images whose pixels do not lie in a row in memory
checks.close(net.encode(turned), net.encode(turned.flatten(1)), "images are encoded like flat samples")
checks.same_shape(net(turned), (7, 1, 5, 6), "the reconstruction of 7 images")
checks.same_shape(net(x_toy[:6].reshape(2, 3, 30)), (2, 3, 30), "the reconstruction of 2 × 3 samples")
n_weights = 30 * 16 + 16 * 3 + 3 * 16 + 16 * 30 + (16 + 3 + 16 + 30)
checks.close(sum(p.numel() for p in net.parameters()), n_weights, "number of parameters",
             look_at="four nn.Linear with bias, nothing else with weights")
checks.affine(straight, x_toy, "linear=True: the middle of two inputs goes to the middle of their outputs")
checks.not_affine(net, x_toy, "linear=False bends", look_at="a ReLU after each hidden layer")
checks.passed("DenseAutoencoder")
### BEGIN HIDDEN TESTS
checks.same_shape(net.decode(torch.randn(4, 3)), (4, 30), "the decoded samples")
n_default = sum(p.numel() for p in DenseAutoencoder(10, 2).parameters())
checks.close(n_default, 2 * 10 * 128 + 4 * 128 + 2 * 128 + 12, "number of parameters with n_hidden = 128")
checks.close(net(x_toy), net.decode(net.encode(x_toy)), "forward encodes, then decodes",
             look_at="the same input must give the same output twice")
checks.close(net.encode(x_toy[:1]), net.encode(x_toy)[:1], "a code is that of its sample", tolerance=1e-4)
checks.inputs_unchanged(net, x_toy)
checks.not_affine(net.encode, x_toy, "the encoder bends", look_at="a ReLU in the middle")
checks.not_affine(net.decode, 10 * torch.randn(7, 3), "the decoder bends", look_at="a ReLU in the middle")
low = net.encode(-x_toy.abs()).std(0).min()
checks.holds(low > 0.01, "negative inputs are seen", seen="no effect", expected="no activation on the input")
checks.unbounded(net.encode(100 * x_toy), "the latent", look_at="no activation after the latent layer")
checks.unbounded(net.decode(100 * torch.randn(50, 3)), "the output", look_at="no activation at the end")
checks.gradients_everywhere(net, net(x_toy), "gradients reach every layer")
checks.keeps_device_and_dtype(net.double(), x_toy.double())
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Two <code>nn.Sequential</code>, mirror images of each other. </details>
# <details><summary>Hint 2 — shapes</summary> (n, 1, 28, 28) → (n, 784) → (n, 128) → (n, 4) → (n, 128) → (n, 784) → (n, 1, 28, 28). </details>
# <details><summary>Hint 3 — API</summary> <code>x.reshape(-1, self.n_features)</code> flattens, <code>.reshape(x.shape)</code> restores; <code>nn.Identity()</code> is an activation that does nothing. </details>

# %% [markdown]
# ## Training it
#
# A `LightningModule` says what a step of training is; `training.fit` does the rest: batches, progress, log, and at
# the end the weights with the lowest validation loss. `error` is the squared error per image, given its latent
# code. The learning rate rises and then falls to zero, so that the weights come to rest.

# %%
class Reconstruction(pl.LightningModule):
    """Trains a network to give back its input."""

    max_rate = 3e-3  # of learning

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def error(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return ((self.network.decode(z) - x.flatten(1)) ** 2).sum(1).mean()

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        return self.error(x, self.network.encode(x))

    def training_step(self, x: torch.Tensor, batch_idx: int) -> torch.Tensor:
        loss = self.loss(x)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, x: torch.Tensor, batch_idx: int) -> None:
        self.log("val_loss", self.loss(x))

    def configure_optimizers(self) -> dict:
        adam = torch.optim.Adam(self.parameters())
        n_steps = self.trainer.max_steps
        rate = torch.optim.lr_scheduler.OneCycleLR(adam, self.max_rate, n_steps)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": rate, "interval": "step"}}

# %% [markdown]
# **Predict.** Same four numbers per digit, but a curved set. Will the dense auto-encoder explain less than PCA, a
# little more, or much more?

# %%
torch.manual_seed(SEED)  # for the weights
dense = DenseAutoencoder(784, 4)
history = training.fit(Reconstruction(dense), train, valid, steps=1500, seed=SEED)
error_pca = ((x_valid - reconstruct_pca(x_valid, mean, components)) ** 2).sum(1).mean()
plots.loss_curves(history, baseline=error_pca, baseline_name="PCA(4) on the same images")

# %%
def reconstruct(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Reconstruction without gradients."""
    with torch.no_grad():
        return network(images)

x_dense = reconstruct(dense, test)
ev_dense = explained_variance(x_test, x_dense.flatten(1).numpy())
n_weights = sum(p.numel() for p in dense.parameters())
print(f"PCA(4) {ev_pca:.1%} with {mean.size + components.size:,} numbers learnt")
print(f"dense auto-encoder(4) {ev_dense:.1%} with {n_weights:,}, of the variance of the test digits")
pca_images = torch.tensor(x_pca).reshape(-1, 1, 28, 28)
plots.image_rows({"original": test, "PCA(4)": pca_images, "dense(4)": x_dense},
                 alt="Ten test digits, blurred by PCA, and drawn with sharper strokes by the auto-encoder.")

# %% [markdown]
# **What do we observe?** The loss drops below the line of PCA within a few hundred steps and stays there. With the same four
# numbers per digit the reconstructions have definite strokes, though not always those of the *right* digit. A
# curved set can follow the digits where a flat one has to cut through the empty space between them. It costs
# fifty times as many weights.

# %% claim="dense_beats_pca" headline="with 4 numbers a digit, a dense auto-encoder explains {0:.0f} points of variance more than PCA"
results.record("dense auto-encoder over PCA, 4 dimensions", 100 * (ev_dense - ev_pca),
               unit="points of variance", at_least=15, reference="trial on MNIST: +21")

# %% [markdown]
# ## Take the activations away
#
# With `linear=True` the decoder is one matrix and an offset, in two factors. What it can reach is a flat set of 4
# dimensions, and we know which one is best.
#
# **Predict.** Will training, which knows nothing of singular vectors, find the same explained variance as PCA? The same
# subspace? The same axes?

# %%
def axes_of(network: nn.Module, n_latent: int = 4) -> torch.Tensor:
    """Directions of a linear decoder, (n_latent, n_features): a unit step in each latent."""
    device = next(network.parameters()).device
    steps, origin = torch.eye(n_latent, device=device), torch.zeros(1, n_latent, device=device)
    return network.decode(steps) - network.decode(origin)

torch.manual_seed(SEED)
linear = DenseAutoencoder(784, 4, linear=True)
history = training.fit(Reconstruction(linear), train, valid, steps=1500, seed=SEED)
ev_linear = explained_variance(x_test, reconstruct(linear, test).flatten(1).numpy())
print(f"PCA(4) {ev_pca:.2%}, linear auto-encoder(4) {ev_linear:.2%} of the variance of the test digits")

# %% claim="linear_equals_pca"
results.record("linear auto-encoder against PCA, 4 dimensions: difference of explained variance",
               100 * abs(ev_linear - ev_pca), unit="points of variance", at_most=1.0)

# %% [markdown]
# Two subspaces are compared by their *principal angles*: 0° when one contains the other's directions, 90° when some
# direction of one is orthogonal to all of the other.

# %%
basis = np.linalg.qr(axes_of(linear).detach().numpy().T)[0].T  # orthonormal rows
cosines = np.linalg.svd(basis @ components.T, compute_uv=False)
largest_angle = np.degrees(np.arccos(cosines.min().clip(max=1)))
print("principal angles:", np.degrees(np.arccos(cosines.clip(max=1))).round(1), "degrees")

# %% claim="linear_finds_subspace"
results.record("linear auto-encoder against PCA: largest principal angle of the subspaces",
               largest_angle, unit="degrees", at_most=15)

# %%
def alignment(network: nn.Module) -> np.ndarray:
    """|cosine| between each decoder axis (row) and each principal component (column)."""
    directions = axes_of(network).detach().numpy()
    return np.abs(directions @ components.T) / np.linalg.norm(directions, axis=1, keepdims=True)

plots.matrices({"linear auto-encoder": alignment(linear)}, "|cosine| (1)",
               alt="Cosines between latent axes and EOFs, with several large entries off the diagonal.")

# %% [markdown]
# **What do we observe?** The same variance, the same subspace to a few degrees, but other axes: most of them mix several
# components. Any invertible matrix $A$ can slip between the factors, $(DA)(A^{-1}E) = DE$, and the loss does
# not notice (Baldi and Hornik, 1989). The subspace is determined; the coordinates in it are not.

# %% [markdown]
# ## Which additional constraint?
#
# EOFs are *orthonormal*. Let $W$ hold the axes of the decoder as rows and punish the distance of $WW^\top$ from the
# identity:
#
# $$P(W) = \lVert WW^\top - I \rVert_F^2 .$$
#
# The squared Frobenius norm is the sum of the squares of all entries.

# %% [markdown]
# ### Exercise 5 — Punish axes that are not orthonormal
#
# Write the penalty so that gradients flow through it and it works for any number of rows. Its device and its
# precision are those of the weight.

# %% exercise="orthonormality_penalty"
def orthonormality_penalty(weight: torch.Tensor) -> torch.Tensor:
    """Squared Frobenius norm of WWᵀ − I.

    weight: W, (k, d), one axis per row. Returns a scalar tensor, 0 for orthonormal rows.
    """
    ### BEGIN SOLUTION
    gram = weight @ weight.T  # (k, k)
    identity = torch.eye(len(weight), dtype=weight.dtype, device=weight.device)
    return ((gram - identity) ** 2).sum()
    ### END SOLUTION

# %% check="orthonormality_penalty" points=2
frame = torch.tensor(checks.random_subspace(n=20, d=9, k=3, seed=5).components)  # orthonormal rows
checks.inputs_unchanged(orthonormality_penalty, 3 * frame)
checks.close(orthonormality_penalty(frame), 0.0, "orthonormal rows cost nothing", look_at="W Wᵀ is (k, k)")
checks.close(orthonormality_penalty(2 * frame), 27.0, "3 orthogonal rows of length 2 cost 3 · (4 − 1)²",
             look_at="a sum of squares: no mean, no square root")
checks.passed("orthonormality_penalty")
### BEGIN HIDDEN TESTS
checks.close(orthonormality_penalty(frame[[0, 0]]), 2.0, "the same row twice costs 2",
             look_at="the entries off the diagonal count too")
checks.close(orthonormality_penalty(frame[:1] / 2), 0.5625, "one row of length ½ costs (¼ − 1)²")
weight = torch.randn(4, 9, dtype=torch.float64, requires_grad=True)
cost = orthonormality_penalty(weight)
checks.same_shape(cost, (), "the penalty")
checks.holds(getattr(cost, "grad_fn", None), "a gradient flows", seen="a number without a graph",
             expected="a tensor with one", look_at="detach(), .item() or torch.tensor() on the way?")
checks.keeps_device_and_dtype(orthonormality_penalty, weight.detach())
cost.backward()
slope = 4 * (weight @ weight.T - torch.eye(4, dtype=torch.float64)) @ weight
checks.close(weight.grad, slope, "the gradient is 4 (WWᵀ − I) W", look_at="is a factor detached?")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> All scalar products of rows at once, compared with the identity. </details>
# <details><summary>Hint 2 — shapes</summary> (k, d) @ (d, k) gives (k, k); the result has no dimension left. </details>
# <details><summary>Hint 3 — API</summary> <code>torch.eye(k, dtype=…, device=…)</code> takes both from the weight. </details>

# %% [markdown]
# Is that enough? A *rotation* of the axes within the subspace keeps them orthonormal and costs nothing. EOFs are also
# nested, hence **ordered**: the first is the best single axis, the first two the best pair. We write that
# down as it stands: average the error over reconstructions from the first 1, 2, 3 and 4 latents, the
# others set to zero.
#
# **Predict.** Which axes will the penalty alone give, and which the penalty with the order?

# %%
class Constrained(Reconstruction):
    """Orthonormal axes; the error is averaged over the given numbers of latents."""

    max_rate = 1e-2  # the axes are long in turning

    def __init__(self, network: nn.Module, n_kept: tuple[int, ...]):
        super().__init__(network)
        self.n_kept = n_kept

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        z = self.network.encode(x)  # (n, 4)
        index = torch.arange(z.shape[1], device=z.device)
        errors = [self.error(x, z * (index < k)) for k in self.n_kept]  # the first k, then zeros
        return sum(errors) / len(errors) + orthonormality_penalty(axes_of(self.network))

# %%
def train_constrained(n_kept: tuple[int, ...]) -> nn.Module:
    torch.manual_seed(SEED)
    network = DenseAutoencoder(784, 4, linear=True)
    training.fit(Constrained(network, n_kept), train, valid, steps=1000, seed=SEED)
    return network

orthonormal, ordered = train_constrained(n_kept=(4,)), train_constrained(n_kept=(1, 2, 3, 4))
plots.matrices({"free": alignment(linear), "orthonormal": alignment(orthonormal),
                "orthonormal and ordered": alignment(ordered)}, "|cosine| (1)",
               alt="Cosines of latent axes and EOFs: mixed, but the identity when orthonormal and ordered.")

# %% [markdown]
# **What do we observe?** Orthonormality alone gives a rotated frame. With the order, each axis is one EOF: gradient
# descent has rediscovered PCA without a singular value. *Which additional constraint?* The order fixes the
# directions, orthonormality their lengths, and together they train quickly. (Orthonormal axes whose scores
# are uncorrelated are the EOFs too, in any order.)

# %% claim="constraints_find_eofs"
results.record("linear auto-encoder, orthonormal and ordered: smallest |cosine| of an axis with its EOF",
               np.diag(alignment(ordered)).min(), at_least=0.9)

# %% [markdown]
# ## What does the latent space look like?
#
# We draw the first two coordinates of the test digits 0, 1, 4 and 9.
#
# **Predict.** Which pair will overlap most?

# %%
with torch.no_grad():
    z_dense = dense.encode(test).numpy()
z_pca = (x_test - mean) @ components.T
panels = {"PCA scores": z_pca, "dense auto-encoder": z_dense}
plots.latent_map(panels, digits.test_labels.numpy(), shown=(0, 1, 4, 9),
                 alt="Two latent coordinates of four digits: 0 and 1 lie apart, 4 and 9 overlap.")

# %% [markdown]
# **What do we observe?** Zeros and ones lie mostly apart in both maps; 4 and 9, which differ by one short stroke, share their place
# in these two coordinates (the other two help). As we saw, the axes of an unconstrained auto-encoder are
# arbitrary: **do not read physics into a single one.**

# %%
line = torch.linspace(0, 1, 10)[:, None]
start, end = torch.tensor(z_dense[:1]), torch.tensor(z_dense[1:2])
with torch.no_grad():
    walk = dense.decode((1 - line) * start + line * end).reshape(-1, 1, 28, 28)
pixels = (1 - line[..., None, None]) * test[:1] + line[..., None, None] * test[1:2]
plots.image_rows({"average of images": pixels, "decoded latents": walk},
                 alt="From one digit to another in ten steps: averages fade, decoded latents change shape.")

# %% [markdown]
# **What do we observe?** Averaging images fades one digit out and the other in. Walking in the latent space *deforms* one
# into the other. Think of an eddy that drifts: the average of two of its maps shows two half eddies. An
# auto-encoder trained on eddies could show one eddy on its way.

# %% [markdown]
# ## Limits: digits that it has never seen
#
# The auto-encoder has learnt *these* digits. We turn the test digits by 90° and exchange black and white, which
# changes nothing for a human reader.
#
# **Predict.** Who suffers more, PCA or the auto-encoder?

# %%
cases = {"as trained": test, "turned by 90°": test.rot90(1, (2, 3)), "inverted": 1 - test}
scores = {}
for name, images in cases.items():
    pixels = images.flatten(1).numpy()
    answers = {"training mean": np.broadcast_to(mean, pixels.shape),
               "PCA(4)": reconstruct_pca(pixels, mean, components),
               "dense(4)": reconstruct(dense, images).flatten(1).numpy()}
    scores[name] = {model: explained_variance(pixels, answer) for model, answer in answers.items()}
    print(f"{name:<14}" + "".join(f"{model:>16} {ev:7.0%}" for model, ev in scores[name].items()))

# %%
turned, inverted = cases["turned by 90°"], cases["inverted"]
plots.image_rows({"turned": turned, "dense(4)": reconstruct(dense, turned),
                  "inverted": inverted, "dense(4) ": reconstruct(dense, inverted)},
                 alt="Turned and inverted digits; their reconstructions resemble other, upright digits.")

# %% claim="fails_when_turned"
gain = scores["turned by 90°"]["dense(4)"] - scores["turned by 90°"]["PCA(4)"]
results.record("dense auto-encoder over PCA on digits turned by 90°, 4 dimensions",
               100 * gain, unit="points of variance", at_most=7)

# %% [markdown]
# **What do we observe?** Turned digits are read as other digits that stand upright, and the advantage over PCA is gone.
# Inverted digits break every model, the plain mean first: most of that error is the mean image itself. A
# network interpolates among what it was shown; beyond that its curved set is no better than a flat one, and
# sometimes far worse.

# %% [markdown]
# The ocean does this to us too: another basin, another season, another instrument. Before you trust a compression,
# test it on data that differ in the way in which the future will. Unit 02 gives the network convolutions, which know
# that a shape may move.

# %% [markdown]
# ## Question (graded by hand)
#
# A colleague compresses 20 years of weekly sea level maps of the Gulf Stream with a dense auto-encoder of 10 latents;
# training and test maps are drawn at random from the series. "It explains 93 % of the variance, and 10 EOFs only
# 71 %. Latent 3 is the meandering of the jet." In at most 150 words: name three things to ask or
# test before you believe it, and say what each could reveal.

# %% [markdown] question="review" points=4
# ### BEGIN SOLUTION
# One point for each of three sound tests with what it reveals, one for clarity. For example:
#
# 1. *Neighbouring weeks are nearly equal*, so a random split leaks: split by years and the 93 % may fall towards, or below, the EOFs.
# 2. *Which denominator?* About one global mean or the mean of each grid point; weighted by area or not; the same test maps for both?
# 3. *A latent axis is arbitrary*: train with three seeds. Does "latent 3" come back? Does it correlate with an index of the path of the jet?
# 4. *Number of parameters and baselines*: EOFs with more modes, a linear auto-encoder, persistence.
# ### END SOLUTION

# %% [markdown]
# ## Takeaways
#
# 1. PCA, alias EOF analysis, is the best **flat** set of $k$ dimensions; it is the baseline of every compression.
# 2. An auto-encoder **bends** that set: with the same four numbers it explained some twenty points more of the
#    digits' variance. On digits unlike those it was trained on, that advantage was gone.
# 3. A **linear** auto-encoder finds the subspace of PCA, not its axes; an order and orthonormality make
#    them EOFs.

# %% [markdown]
# ## Going further
#
# - Eckart and Young (1936), the optimality of the SVD, [10.1007/BF02288367](https://doi.org/10.1007/BF02288367).
# - Baldi and Hornik (1989), linear auto-encoders have no bad minima, [10.1016/0893-6080(89)90014-2](https://doi.org/10.1016/0893-6080%2889%2990014-2).
# - Kramer (1991), *nonlinear PCA* before it was called auto-encoder, [10.1002/aic.690370209](https://doi.org/10.1002/aic.690370209).
# - North et al. (1982), when EOFs mix, [10.1175/1520-0493(1982)110<0699:SEITEO>2.0.CO;2](https://doi.org/10.1175/1520-0493%281982%29110%3C0699%3ASEITEO%3E2.0.CO%3B2).

# %% [markdown]
# - Monahan et al. (2009), what EOFs are and are not, [10.1175/2009JCLI3062.1](https://doi.org/10.1175/2009JCLI3062.1).
# - Hinton and Salakhutdinov (2006), deep auto-encoders, [10.1126/science.1127647](https://doi.org/10.1126/science.1127647):
#   three hidden layers a side and 60,000 images, where we have one layer and some thousands.
# - Rippel et al. (2014), latents made to have an order by *nested dropout*, [arXiv:1402.0915](https://arxiv.org/abs/1402.0915):
#   they draw the number of latents at random, we average over it.
