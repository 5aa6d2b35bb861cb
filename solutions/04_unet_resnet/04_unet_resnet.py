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
# # ResNet and UNet
#
# **Why do deep networks need shortcuts?**
#
# Depth brings a wide view and rich features, yet a plain stack of twenty layers often learns nothing. Two ideas mended that: add the input of a
# block to its output (ResNet), and carry fine maps around the coarse ones (UNet). We measure what each is for.

# %% [markdown]
# **You will learn**
# - to measure gradients layer by layer, and to see them vanish and return;
# - to write a residual block and a UNet, and to say what their shortcuts carry;
# - to test what "equivariant to translation" means, and what breaks it.
#
# **Time** 2 hours. **Prerequisites** units 00 and 03.

# %%
import pytorch_lightning as pl
import torch
from torch import nn

from course_lib import checks, plots, results, training
from course_lib.datasets import mnist, sea_level

SEED = 0

# %% [markdown]
# ## An ocean of many scales
#
# We average a map of sea level anomalies over blocks of 4 × 4 and of 8 × 8 points.
#
# **Predict.** Which features survive in each?

# %%
ocean = sea_level.load()
anomaly = 100 * (ocean.ssh - ocean.ssh.mean("time"))  # cm
snapshot = torch.tensor(anomaly[len(ocean.time) // 2].values)
views = {"as it is": snapshot}
for block in (4, 8):
    h, w = (block * (n // block) for n in snapshot.shape)
    blocks = snapshot[:h, :w].reshape(h // block, block, w // block, block)
    views[f"averaged over {block} × {block}"] = blocks.nanmean((1, 3))
plots.panels({name: field.numpy() for name, field in views.items()}, north_up=True,
             shared="sea level anomaly (cm)",
             alt="A map of sea level and two coarser ones: eddies blur first, basin-wide patterns stay.")

# %% [markdown]
# **What do we observe?** The coarse maps keep the basin and lose the eddies; the fine one has both, but a small kernel sees only a piece of it.
# A network for the ocean needs the wide view *and* the detail. Depth gives the first, shortcuts keep the second.

# %% [markdown]
# ## Gradients on their way down
#
# A gradient reaches the first layer through all others: it is a product of as many factors as there are layers. If each factor is a little less
# than 1, nothing arrives; if it is more, too much does. We do not believe it, we measure it.

# %% [markdown]
# ### Exercise 1 — The size of each gradient
#
# Return the Euclidean norm of the gradient of the loss with respect to each parameter, by the parameter's name. A parameter that the loss does not
# reach has norm 0. Gradients that were there before must not count.

# %% exercise="gradient_norms"
def gradient_norms(module: nn.Module, loss: torch.Tensor) -> dict[str, float]:
    """Norm of the gradient of the loss for each of module.named_parameters()."""
    ### BEGIN SOLUTION
    module.zero_grad()
    loss.backward()
    return {name: 0.0 if p.grad is None else float(p.grad.norm()) for name, p in module.named_parameters()}
    ### END SOLUTION

# %% check="gradient_norms" points=2
pair_toy = nn.ModuleDict({"used": nn.Linear(3, 1), "idle": nn.Linear(2, 2)})
x_toy = torch.tensor([[1.0, 2.0, 2.0]])
norms_toy = gradient_norms(pair_toy, pair_toy["used"](x_toy).sum())
checks.holds(set(norms_toy) == {name for name, _ in pair_toy.named_parameters()},
             "one entry for each parameter",
             seen=str(sorted(norms_toy)), expected="the names of named_parameters()")
checks.close(norms_toy["used.weight"], 3.0, "the gradient of w·x is x = (1, 2, 2), of norm 3",
             look_at="√(1 + 4 + 4)")
checks.close(norms_toy["used.bias"], 1.0, "that of the offset is 1")
checks.close(norms_toy["idle.weight"], 0.0, "a layer that is not used has norm 0",
             look_at="its .grad is None")
again_toy = gradient_norms(pair_toy, pair_toy["used"](x_toy).sum())
checks.close(again_toy["used.weight"], 3.0, "asked twice, the same answer",
             look_at="gradients add up: zero_grad")
checks.passed("gradient_norms")
### BEGIN HIDDEN TESTS
for parameter in pair_toy.parameters():
    parameter.grad = torch.ones_like(parameter)
again_toy = gradient_norms(pair_toy, pair_toy["used"](x_toy).sum())
checks.close(again_toy["idle.weight"], 0.0, "old gradients do not count", look_at="clear them before")
checks.close(again_toy["used.weight"], 3.0, "measured twice, the same", look_at="backward() adds to .grad")
checks.close(gradient_norms(pair_toy, -2 * pair_toy["used"](x_toy).sum())["used.weight"], 6.0,
             "−2 times the loss: twice the norm")
kinds = {type(value) for value in again_toy.values()}
checks.holds(kinds == {float}, "norms are plain numbers", seen=str(kinds), expected="float",
             look_at="float(…) or .item()")
before_toy = [p.detach().clone() for p in pair_toy.parameters()]
gradient_norms(pair_toy, pair_toy["used"](x_toy).sum())
same = all(torch.equal(p, q) for p, q in zip(pair_toy.parameters(), before_toy, strict=True))
checks.holds(same, "measuring changes no weight", seen="other weights", expected="the same weights")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Clear old gradients, go backwards once, collect the norms by name. </details>
# <details><summary>Hint 2 — shapes</summary> Each gradient has the shape of its parameter; its norm is one number. </details>
# <details><summary>Hint 3 — API</summary> <code>module.zero_grad()</code>, <code>loss.backward()</code>, <code>p.grad.norm()</code>, <code>p.grad is None</code>. </details>

# %% [markdown]
# ## A block with a shortcut
#
# He et al. (2016) let a block learn the *change*: with two convolutions $F$ and a shortcut $S$,
#
# $$y = \mathrm{ReLU}\bigl(S(x) + F(x)\bigr), \qquad F(x) = W_2 * \mathrm{ReLU}(W_1 * x) .$$
#
# On the way back the gradient passes through $S$ and, where the sum is positive, through the last ReLU unharmed. $S$ is the identity; only where the shape changes (other channels, or stride) it
# is a 1 × 1 convolution, the *projection*. Their *pre-activation* variant moves the ReLU to the front of each convolution. Both often
# carry batch normalisation.

# %% [markdown]
# ### Exercise 2 — A residual block
#
# Write the formula: convolutions 3 × 3 with padding 1, the stride in the first one; a projection only where it is needed, with the same stride; offsets in all.

# %% exercise="ResidualBlock"
class ResidualBlock(nn.Module):
    """(b, in_channels, h, w) -> (b, out_channels, h / stride, w / stride)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        ### BEGIN SOLUTION
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1), nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1))
        same = in_channels == out_channels and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, stride)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        return (self.shortcut(x) + self.branch(x)).relu()
        ### END SOLUTION

# %% check="ResidualBlock" points=4
def silenced(module, kernel):
    """The module with zeros in its convolutions of this kernel size."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (kernel, kernel):
            layer.requires_grad_(False).weight.zero_()
            if layer.bias is not None:
                layer.bias.zero_()
    return module

torch.manual_seed(0)
maps_toy = torch.rand(2, 6, 12, 10)  # not negative, like the output of a block
block_toy = ResidualBlock(6, 6)
checks.same_shape(block_toy(maps_toy), maps_toy, "the output of a block 6 → 6")
checks.same_shape(ResidualBlock(6, 9)(maps_toy), (2, 9, 12, 10), "the output of a block 6 → 9")
checks.same_shape(ResidualBlock(6, 9, stride=2)(maps_toy), (2, 9, 6, 5), "the output with stride 2")
checks.same_shape(ResidualBlock(6, 6, stride=2)(maps_toy), (2, 6, 6, 5), "a block 6 → 6 with stride 2")
checks.not_negative(ResidualBlock(6, 6)(torch.randn(9, 6, 8, 8)), "the output", look_at="the last ReLU")
checks.close(silenced(ResidualBlock(6, 6), 3)(maps_toy), maps_toy,
             "with a silent branch the block passes x on",
             look_at="the shortcut is the identity; nothing but the sum enters the last ReLU")
checks.passed("ResidualBlock")
### BEGIN HIDDEN TESTS
def kernels_of(module):
    return sorted(m.kernel_size[0] for m in module.modules() if isinstance(m, nn.Conv2d))

checks.holds(kernels_of(block_toy) == [3, 3], "a block 6 → 6 has two 3 × 3 convolutions and no projection",
             seen=f"kernels {kernels_of(block_toy)}", expected="[3, 3]")
for shaped in (ResidualBlock(6, 9), ResidualBlock(6, 6, stride=2), ResidualBlock(6, 9, stride=2)):
    checks.holds(kernels_of(shaped) == [1, 3, 3], "where the shape changes a 1 × 1 projection joins",
                 seen=f"kernels {kernels_of(shaped)}", expected="[1, 3, 3]")
    checks.gradients_everywhere(shaped, shaped(maps_toy), "gradients reach every layer")
changes = torch.stack([(ResidualBlock(6, 6)(maps_toy) - maps_toy).detach() for _ in range(4)])
checks.holds(changes.min() < -1e-3 and changes.max() > 1e-3, "the branch adds and takes away",
             seen=f"{changes.min():.2g} to {changes.max():.2g}", expected="both signs",
             look_at="no ReLU on the branch before the sum")
first_toy, second_toy = [call for call in checks.calls(ResidualBlock(6, 9, stride=2), nn.Conv2d, maps_toy)
                         if call.layer.kernel_size == (3, 3)]
checks.same_shape(first_toy.y, (2, 9, 6, 5), "what leaves the first convolution", look_at="it has the stride")
checks.not_negative(second_toy.x, "what enters the second one", look_at="a ReLU between the convolutions")
through_toy = (maps_toy + 0.1).requires_grad_()
silenced(ResidualBlock(6, 6), 3)(through_toy).sum().backward()
checks.holds(through_toy.grad is not None, "a gradient passes the shortcut", seen="none",
             expected="1 everywhere", look_at="detach?")
checks.close(through_toy.grad, torch.ones_like(through_toy), "the gradient passes the shortcut unharmed",
             tolerance=1e-5)
point_toy = torch.zeros(1, 6, 11, 11, requires_grad=True)
ResidualBlock(6, 6).eval()(point_toy + 1.0)[0, :, 5, 5].sum().backward()
reach = (point_toy.grad[0].abs().sum(0) > 0).nonzero()
checks.holds(reach.min() == 3 and reach.max() == 7, "one output sees 5 × 5 points",
             seen=f"rows and columns {reach.min()} to {reach.max()}",
             expected="3 to 7", look_at="two convolutions of 3 × 3 in a row, padding 1")
checks.not_affine(ResidualBlock(6, 6), torch.randn(7, 6, 8, 8), "the block bends",
                  look_at="ReLU between the convolutions")
checks.inputs_unchanged(block_toy, maps_toy)
checks.keeps_device_and_dtype(block_toy.double(), maps_toy.double())
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Two paths from x, one sum, one ReLU. </details>
# <details><summary>Hint 2 — shapes</summary> Both paths must give (b, out_channels, h / stride, w / stride), or they cannot be added. </details>
# <details><summary>Hint 3 — API</summary> <code>nn.Identity()</code>, <code>nn.Conv2d(in_channels, out_channels, 1, stride)</code> for the projection. </details>

# %% [markdown]
# ## Twenty-four layers, with and without
#
# Two networks of 24 convolutions (behind a first one) with as many weights in each layer: one plain, one in twelve residual blocks. Their task is easy: tell the ten
# digits apart, on images of 14 × 14.
#
# **Predict.** In the plain network, how much smaller is the gradient in the first layer than in the last: ten times, a thousand times,
# more?

# %%
def deep(residual: bool, n_blocks: int = 12, width: int = 8) -> nn.Sequential:
    """Images (b, 1, 14, 14) -> logits (b, 10), through 2 n_blocks convolutions."""
    torch.manual_seed(SEED)
    body = [ResidualBlock(width, width) for _ in range(n_blocks)]
    if not residual:
        pairs = [(nn.Conv2d(width, width, 3, padding=1), nn.ReLU()) for _ in range(2 * n_blocks)]
        body = [layer for pair in pairs for layer in pair]
    return nn.Sequential(nn.Conv2d(1, width, 3, padding=1), *body, nn.AvgPool2d(7), nn.Flatten(),
                         nn.Linear(4 * width, 10))

digits = mnist.load(n_train=8000, n_test=2000, seed=SEED)
small = {"train": digits.train, "test": digits.test}
small = {name: nn.functional.avg_pool2d(images, 2) for name, images in small.items()}

# %%
networks, norms = {"plain": deep(residual=False), "residual": deep(residual=True)}, {}
for name, network in networks.items():
    loss = nn.functional.cross_entropy(network(small["train"][:128]), digits.train_labels[:128])
    every = gradient_norms(network, loss)
    norms[name] = [norm for parameter, norm in every.items() if parameter.endswith("weight")][1:-1]
plots.curves(range(1, 25), norms, doubling=False, ylog=True, xlabel="convolution, from input to output (1)",
             ylabel="norm of the gradient (1)",
             alt="Gradient norm in each of 24 layers; in the plain network it falls by many orders.")

# %% claim="gradients_vanish"
fade = {name: values[0] / values[-1] for name, values in norms.items()}
results.record("gradient of the first over that of the last of 24 layers: residual over plain network",
               fade["residual"] / max(fade["plain"], 1e-30), unit="times", at_least=1e3)

# %% [markdown]
# **What do we observe?** In the plain network the gradient shrinks by a constant factor a layer, many orders of magnitude in all; with shortcuts it
# keeps its size. Early layers of the plain network cannot learn, and what they do not learn the later ones never see.

# %% [markdown]
# **Predict.** Will the plain network learn slowly, learn to a worse level, or not learn at all?

# %%
class Classification(pl.LightningModule):
    """Trains logits with the cross-entropy."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def loss(self, batch: tuple) -> torch.Tensor:
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def training_step(self, batch: tuple, batch_idx: int) -> torch.Tensor:
        loss = self.loss(batch)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: tuple, batch_idx: int) -> None:
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=2e-3)

# %%
from torch.utils.data import TensorDataset

sets = (TensorDataset(small["train"][:1200], digits.train_labels[:1200]),
        TensorDataset(small["train"][1200:1400], digits.train_labels[1200:1400]))
runs = {name: training.fit(Classification(network), *sets, steps=200, batch_size=64, seed=SEED)
        for name, network in networks.items()}
plots.learning_curves(runs, ylabel="validation cross-entropy (1)",
                      alt="Validation loss: flat for the plain network, falling for the residual one.")

# %% claim="residual_trains" headline="with 24 layers, {0:.2f} times the loss of the same network without shortcuts"
results.record("24 layers after the same steps: validation loss of the residual over the plain network",
               runs["residual"].best / runs["plain"].best, unit="times", at_most=0.5)

# %% [markdown]
# **What do we observe?** The plain network stays near $\log 10 = 2.3$, the cost of guessing. The residual one learns. The cause is partly
# that PyTorch's default weights are small: better initial weights or normalisation also help plain networks. At this depth, shortcuts do without.

# %% [markdown]
# ## UNet: down for the view, up for the detail
#
# Ronneberger et al. (2015) halve the maps `depth` times by pooling and double their number, so that the coarsest layer sees all. On the way up, each level
# takes the maps from below, enlarged, and **beside them** (concatenated as channels, not added) the maps of the same size from the way
# down.

# %% [markdown]
# ### Exercise 3 — Build a UNet
#
# A *double convolution* is twice a 3 × 3 convolution (padding 1) with ReLU; all convolutions have offsets. Going down, level $i = 0 \dots$ `depth` has $2^i$ `width` maps and starts, but for
# the first, with a 2 × 2 max-pooling. Going up, a transposed convolution (kernel 2, stride 2) halves the number of maps; the skip joins; a
# double convolution follows. Last comes a 1 × 1 convolution.

# %% [markdown]
# Height and width must be divisible by $2^\mathrm{depth}$: raise a `ValueError` that says so where they are not. An `nn.ModuleList` holds as many
# levels as `depth` asks for.

# %% exercise="UNet"
def twice(n_in, n_out):
    return nn.Sequential(*(f for n in (n_in, n_out) for f in (nn.Conv2d(n, n_out, 3, padding=1), nn.ReLU())))


class UNet(nn.Module):
    """(b, in_channels, h, w) -> (b, out_channels, h, w); ValueError unless 2**depth divides h and w."""

    def __init__(self, in_channels: int, out_channels: int, width: int = 16, depth: int = 3):
        super().__init__()
        ### BEGIN SOLUTION
        maps = [width * 2**i for i in range(depth + 1)]
        self.down = nn.ModuleList(map(twice, [in_channels, *maps[:-1]], maps))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * m, m, 2, stride=2) for m in maps[:-1])
        self.up = nn.ModuleList(twice(2 * m, m) for m in maps[:-1])
        self.last = nn.Conv2d(width, out_channels, 1)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        if any(size % 2 ** len(self.up) for size in x.shape[2:]):
            raise ValueError(f"{2 ** len(self.up)} must divide height and width; seen {tuple(x.shape[2:])}")
        skips = [self.down[0](x)]
        for level in self.down[1:]:
            skips.append(level(nn.functional.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for enlarge, level in zip(self.enlarge[::-1], self.up[::-1], strict=True):
            x = level(torch.cat([skips.pop(), enlarge(x)], 1))
        return self.last(x)
        ### END SOLUTION

# %% check="UNet" points=5
torch.manual_seed(0)
unet_toy = UNet(2, 3, width=4, depth=2)
checks.same_shape(unet_toy(torch.randn(2, 2, 16, 24)), (2, 3, 16, 24), "the output for 16 × 24")
checks.raises(lambda: unet_toy(torch.randn(1, 2, 18, 24)), "18 × 24 is not divisible by 4",
              look_at="x.shape[2:] and 2 ** depth, before anything else")
checks.raises(lambda: unet_toy(torch.randn(1, 2, 24, 18)), "neither is 24 × 18")
n_toy = sum(p.numel() for p in unet_toy.parameters())
checks.holds(n_toy == 7443, "number of parameters of UNet(2, 3, width=4, depth=2)", seen=f"{n_toy:,}",
             expected="7,443", look_at="nn.ModuleList, not a list; skips double what enters on the way up")
checks.passed("UNet")
### BEGIN HIDDEN TESTS
for depth, size in ((1, (6, 10)), (3, (24, 16)), (4, (32, 32))):
    checks.same_shape(UNet(1, 1, 2, depth)(torch.randn(1, 1, *size)), (1, 1, *size),
                      f"the output for {size}, depth {depth}")
for size in ((16, 20), (20, 16), (12, 12)):
    checks.raises(lambda size=size: UNet(1, 1, 2, 3)(torch.randn(1, 1, *size)),
                  f"{size} is not divisible by 8")
fields_toy = torch.randn(3, 2, 16, 16)
checks.gradients_everywhere(unet_toy, unet_toy(fields_toy), "gradients reach every layer")
checks.unbounded(unet_toy(1e5 * fields_toy), "the output",
                 look_at="no activation after the 1 × 1 convolution")
checks.not_affine(unet_toy, fields_toy, "the network bends",
                  look_at="ReLU after each convolution of the double ones")
checks.inputs_unchanged(unet_toy, fields_toy)
checks.close(unet_toy(fields_toy[:1]), unet_toy(fields_toy)[:1], "a field does not depend on its batch",
             tolerance=1e-4)
calls_toy = checks.calls(unet_toy, nn.Conv2d, fields_toy)
sizes_toy = [(call.x.shape[1], *call.y.shape[1:]) for call in calls_toy]
down_toy = [(2, 4, 16, 16), (4, 4, 16, 16), (4, 8, 8, 8), (8, 8, 8, 8), (8, 16, 4, 4), (16, 16, 4, 4)]
up_toy = [(16, 8, 8, 8), (8, 8, 8, 8), (8, 4, 16, 16), (4, 4, 16, 16), (4, 3, 16, 16)]
checks.holds(sizes_toy == down_toy + up_toy, "channels in, and maps out, of each convolution",
             seen=str(sizes_toy), expected="4, 8, 16 maps down; 8, 4 up; then 3")
fine_toy = calls_toy[1].y.relu()  # the maps of the first level
checks.close(calls_toy[2].x, nn.functional.max_pool2d(fine_toy, 2),
             "the second level starts with the largest of 2 × 2 points",
             tolerance=1e-5, look_at="max-pooling of what the first level gives")
halves = [float((half - fine_toy).abs().max()) for half in calls_toy[8].x.split(4, 1)]
checks.close(min(halves), 0.0, "the last level up gets the maps of the first level down", tolerance=1e-5,
             look_at="take the skip before the pooling")
with torch.no_grad():
    for layer in unet_toy.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            layer.weight.zero_()
            layer.bias.zero_()
change = (unet_toy(fields_toy) - unet_toy(0 * fields_toy)).std()
checks.holds(change > 1e-4, "with nothing from below, the skips still carry the input",
             seen=f"a change of {change:.1e}",
             expected="more than 0.0001", look_at="torch.cat([skip, x], 1)")
checks.keeps_device_and_dtype(UNet(1, 1, 2, 2).double(), torch.randn(1, 1, 8, 8).double())
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Keep the maps of each level in a list on the way down; take them off its end on the way up. </details>
# <details><summary>Hint 2 — shapes</summary> With width 16: 16 → 32 → 64 → 128 maps down; up, 128 → 64 by enlarging, 64 + 64 = 128 with the skip, 64 after the double convolution. </details>
# <details><summary>Hint 3 — API</summary> <code>nn.ModuleList</code>, <code>nn.ConvTranspose2d(2 * m, m, 2, stride=2)</code>, <code>torch.cat([skip, x], 1)</code>. </details>

# %% [markdown]
# ## What are the skips worth?
#
# We give noisy maps of the sea to a UNet and to a plain convolutional auto-encoder: the same levels and channels without skips, with **a
# tenth fewer weights**. The windows come from the first two thirds of the series, the tests from the last. The noisy map itself is the
# baseline of doing nothing; a *Gaussian filter*, tuned on the validation windows, is the classical one. (Land, as zero, counts for all alike.)

# %%
NOISE = 0.7  # in standard deviations of the sea
n_known = 2 * len(anomaly.time) // 3
scale = float(anomaly[:n_known].std())

def noisy(x: torch.Tensor, seed: int) -> torch.Tensor:
    return x + NOISE * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))

parts = {"train": (slice(n_known - 10), 2000), "valid": (slice(n_known - 10, n_known), 300),
         "test": (slice(n_known, None), 400)}
sea = {name: torch.tensor(sea_level.windows(anomaly[part] / scale, n, seed=SEED))[:, :1]
       for name, (part, n) in parts.items()}

# %% [markdown]
# The rival: all levels of a UNet, but nothing goes round the coarse maps.

# %%
def plain_autoencoder(width: int, depth: int = 3) -> nn.Sequential:
    """The levels of a UNet without its skips."""
    maps, layers = [width * 2**i for i in range(depth + 1)], []
    for n_in, n_out in zip([1, *maps[:-1]], maps, strict=True):
        layers += [nn.MaxPool2d(2)] if layers else []
        layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.Conv2d(n_out, n_out, 3, padding=1),
                   nn.ReLU()]
    for m in maps[-2::-1]:
        layers += [nn.ConvTranspose2d(2 * m, m, 2, stride=2), nn.Conv2d(m, m, 3, padding=1), nn.ReLU(),
                   nn.Conv2d(m, m, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 1))

# %%
class Denoising(pl.LightningModule):
    """Trains a network to take noise away, drawn anew at each step."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def error(self, clean: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return nn.functional.mse_loss(self.network(clean + NOISE * noise), clean)

    def training_step(self, clean: torch.Tensor, batch_idx: int) -> torch.Tensor:
        loss = self.error(clean, torch.randn_like(clean))
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, clean: torch.Tensor, batch_idx: int) -> None:
        draws = torch.Generator().manual_seed(batch_idx)
        self.log("val_loss", self.error(clean, torch.randn(clean.shape, generator=draws).to(clean)))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=2e-3)

# %% [markdown]
# **Predict.** By how much will the skips lower the error: not at all, by a fifth, by half?

# %%
torch.manual_seed(SEED)
candidates = {"plain auto-encoder": plain_autoencoder(width=8), "UNet": UNet(1, 1, width=8, depth=3)}
curves = {name: training.fit(Denoising(network), sea["train"], sea["valid"], steps=800, batch_size=16,
                             seed=SEED)
          for name, network in candidates.items()}
plots.learning_curves(curves, ylabel="validation error (sea variance)",
                      alt="Validation error of both networks; the UNet lies lower from the first steps on.")

# %%
from scipy.ndimage import gaussian_filter


def smoothed(x: torch.Tensor, width: float) -> torch.Tensor:
    return torch.tensor(gaussian_filter(x.numpy(), (0, 0, width, width), mode="nearest"))

widths = (0.5, 0.75, 0.9, 1.0, 1.25, 1.5, 2.0)
best = min(widths, key=lambda w: float(((smoothed(noisy(sea["valid"], 1), w) - sea["valid"]) ** 2).mean()))
seen = noisy(sea["test"], 2)
restored = {"noisy": seen, f"Gaussian filter ({best})": smoothed(seen, best)}
with torch.no_grad():
    restored |= {name: network(seen) for name, network in candidates.items()}
rmse = {name: scale * float(((field - sea["test"]) ** 2).mean()) ** 0.5 for name, field in restored.items()}
for name, error in rmse.items():
    n_weights = sum(p.numel() for p in candidates[name].parameters()) if name in candidates else 0
    print(f"{name:<24}rmse {error:5.2f} cm   {n_weights:>8,} weights")

# %% claim="unet_beats_plain"
results.record("denoising sea level: rmse of the UNet over the same network without skips",
               rmse["UNet"] / rmse["plain auto-encoder"], unit="times", at_most=0.9)

# %% claim="unet_beats_filter"
results.record("denoising sea level: rmse of the UNet over the tuned Gaussian filter",
               rmse["UNet"] / rmse[f"Gaussian filter ({best})"], unit="times", at_most=1.15)

# %%
fields = {"truth": sea["test"], **restored}
plots.panels({name: scale * field[3, 0].numpy() for name, field in fields.items()}, north_up=True,
             shared="sea level anomaly (cm)",
             alt="A window of the sea: truth, with noise, and restored by the filter and both networks.")

# %% [markdown]
# **What do we observe?** Without skips the detail has to pass the coarse maps, and after the same training it comes back blurred; the UNet takes it from the fine
# ones. The filter has one number to tune, and on the Mediterranean it is as good as the UNet, or nearly so: smoothness is most of what there is to know.

# %% [markdown]
# ## Equivariant, or not?
#
# If the eddies move, the answer should move along: $f(T x) = T f(x)$ for a translation $T$. We measure how far a network is from it, on a
# periodic domain.

# %% [markdown]
# ### Exercise 4 — The translation error
#
# Move the input by `shift` columns to the right, round the edge (`torch.roll` along the last axis), and compare with the moved output:
#
# $$e = \frac{\mathrm{rms}\bigl(f(Tx) - T f(x)\bigr)}{\mathrm{rms}\bigl(f(x)\bigr)} .$$

# %% exercise="translation_error"
def translation_error(module: nn.Module, x: torch.Tensor, shift: int) -> float:
    """Relative rms difference of f(T x) and T f(x), T a periodic shift along the last axis."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        still = module(x)
        moved = module(x.roll(shift, -1))
    difference = moved - still.roll(shift, -1)
    return float(difference.square().mean().sqrt() / still.square().mean().sqrt())
    ### END SOLUTION

# %% check="translation_error" points=2
class TimesRamp(nn.Module):
    """Multiplies column j by j: not equivariant at all."""

    def forward(self, x):
        return x * torch.arange(x.shape[-1])

wave_toy = torch.randn(3, 2, 6, 8, generator=torch.Generator().manual_seed(0))
checks.close(translation_error(nn.Tanh(), wave_toy, 3), 0.0, "an activation moves along", tolerance=1e-5)
ring_toy = nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular")
checks.close(translation_error(ring_toy, wave_toy, 5), 0.0, "so does a convolution on a ring", tolerance=1e-5,
             look_at="input and output move the same way")
ones_toy = torch.ones(1, 1, 2, 4)
checks.close(translation_error(TimesRamp(), ones_toy, 1), (12 / 14) ** 0.5,
             "columns times (0, 1, 2, 3), moved by one",
             tolerance=1e-5, look_at="(0, 1, 2, 3) against (3, 0, 1, 2): root of the mean of squares")
step_toy = torch.tensor([2.0, 1.0, 1.0, 1.0]).reshape(1, 1, 1, 4)
checks.close(translation_error(TimesRamp(), step_toy, 1), (15 / 14) ** 0.5,
             "(2, 1, 1, 1), moved to the right",
             tolerance=1e-5, look_at="x becomes (1, 2, 1, 1); the output moves as well")
checks.passed("translation_error")
### BEGIN HIDDEN TESTS
checks.close(translation_error(TimesRamp(), 7 * ones_toy, 1), (12 / 14) ** 0.5,
             "the size of x does not matter", tolerance=1e-5,
             look_at="divide by the rms of f(x)")
checks.close(translation_error(TimesRamp(), ones_toy, 2), (16 / 14) ** 0.5, "moved by two", tolerance=1e-5)
checks.close(translation_error(TimesRamp(), ones_toy, 4), 0.0, "once round changes nothing", tolerance=1e-5)
right_toy = translation_error(TimesRamp(), wave_toy, 1)
still_toy, away_toy = TimesRamp()(wave_toy), TimesRamp()(wave_toy.roll(1, 3))
checks.close(right_toy, ((away_toy - still_toy.roll(1, 3)) ** 2).mean().sqrt() / (still_toy**2).mean().sqrt(),
             "a random field, moved to the right by one", tolerance=1e-4,
             look_at="roll(+shift), and one mean over all values")
rows_toy = torch.arange(4.0).reshape(1, 1, 4, 1).expand(1, 1, 4, 3)
zero_rows = nn.Conv2d(1, 1, (3, 1), padding=(1, 0))
checks.close(translation_error(zero_rows, rows_toy, 1), 0.0, "the move is along the last axis",
             tolerance=1e-5)
seen = translation_error(TimesRamp(), ones_toy, 1)
checks.holds(isinstance(seen, float), "the error is a plain number", seen=type(seen).__name__,
             expected="float")
checks.inputs_unchanged(lambda x: translation_error(TimesRamp(), x, 1), ones_toy)
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Two orders of the same two steps: move then apply, apply then move. </details>
# <details><summary>Hint 2 — shapes</summary> All fields have the shape of f(x); the result is one number. </details>
# <details><summary>Hint 3 — API</summary> <code>x.roll(shift, -1)</code>; <code>y.square().mean().sqrt()</code>. </details>

# %% [markdown]
# **Predict.** Three networks: a stack of convolutions padded with zeros, the same padded round the ring, and our UNet padded round the ring. Which shifts will
# the UNet follow?

# %%
def on_a_ring(network: nn.Module) -> nn.Module:
    """The same network with circular padding."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.padding_mode = "circular"
    return network

def five_layers() -> nn.Sequential:
    torch.manual_seed(SEED)
    return nn.Sequential(*[nn.Conv2d(1 if i == 0 else 4, 4, 3, padding=1) for i in range(5)])

# %%
import copy

ring_unet = on_a_ring(copy.deepcopy(candidates["UNet"]))
shifts, x = range(0, 17), sea["test"][:50]
moves = {"convolutions, zeros": five_layers(), "convolutions, ring": on_a_ring(five_layers()),
         "UNet, ring": ring_unet}
errors = {name: [translation_error(network, x, s) for s in shifts] for name, network in moves.items()}
plots.curves(shifts, errors, doubling=False, xlabel="shift (grid points)", ylabel="translation error (1)",
             alt="Translation error against shift: zero on the ring; for the UNet, at multiples of 8 only.")

# %% claim="unet_follows_multiples_of_8"
results.record("UNet of depth 3 on a ring: translation error for a shift by 8 over that by 1",
               errors["UNet, ring"][8] / errors["UNet, ring"][1], unit="times", at_most=0.01)

# %% [markdown]
# **What do we observe?** Zeros at the edge tell the network where it is. On a ring, convolutions follow any shift; the UNet only multiples of
# $2^\mathrm{depth} = 8$, since pooling looks at a fixed grid of blocks. Between them it is off by a little: **"convolutional" is not yet "equivariant"**.

# %% [markdown]
# ## Bug clinic: the shrinking output
#
# This head stands, in other words, in published code: the last convolution lacks the padding of the others. Its output is two pixels smaller,
# so the author also cut the target, at the end of its rows and columns. **Symptom**: a head that should copy its input
# has a small loss, and copies it one pixel off.

# %%
def head_published(in_channels: int, out_channels: int, width: int = 8) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, out_channels, 3))  # then: loss(head(x), target[..., :-2, :-2])

# %%
clean, later = sea["train"][:200], sea["test"][:200]
torch.manual_seed(SEED)
copier = head_published(1, 1)
adam = torch.optim.Adam(copier.parameters(), 1e-2)
for _ in range(150):
    adam.zero_grad()
    nn.functional.mse_loss(copier(clean), clean[..., :-2, :-2]).backward()
    adam.step()
with torch.no_grad():
    for name, cut in (("its own cut", later[..., :-2, :-2]), ("the same places", later[..., 1:-1, 1:-1])):
        print(f"squared error against {name:<16}{nn.functional.mse_loss(copier(later), cut):.3f}")

# %% [markdown]
# ### Exercise 5 — Repair the head
#
# Three convolutions 3 × 3, in → width → width → out, with ReLU between them. The output has the size of the input, pixel for pixel in its place,
# so that no target needs to be cut. Every convolution has an offset.

# %% exercise="make_head"
def make_head(in_channels: int, out_channels: int, width: int = 8) -> nn.Sequential:
    """(b, in_channels, h, w) -> (b, out_channels, h, w), three 3 × 3 convolutions."""
    ### BEGIN SOLUTION
    return nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, out_channels, 3, padding=1))
    ### END SOLUTION

# %% check="make_head" points=2
torch.manual_seed(0)
head_toy, input_toy = make_head(2, 3), torch.rand(4, 2, 9, 7)
checks.same_shape(head_toy(input_toy), (4, 3, 9, 7), "the output of the head",
                  look_at="padding in every convolution")
n_toy = [sum(p.numel() for p in m.parameters()) for m in head_toy.modules() if isinstance(m, nn.Conv2d)]
checks.close(n_toy, [152, 584, 219], "the weights of the three convolutions",
             look_at="2 → 8 → 8 → 3, kernel 3 × 3")
copier_toy = make_head(1, 1, width=1).requires_grad_(False)
for layer in copier_toy.modules():
    if isinstance(layer, nn.Conv2d):
        layer.bias.zero_()
        layer.weight.zero_()[0, 0, 1, 1] = 1.0
checks.close(copier_toy(input_toy[:, :1]), input_toy[:, :1],
             "with kernels that copy, every pixel stays in its place",
             look_at="pad both sides of each convolution alike; do not pad or shift the result")
checks.passed("make_head")
### BEGIN HIDDEN TESTS
calls_toy = checks.calls(make_head(2, 3, width=5), nn.Conv2d, input_toy)
n_toy = [sum(p.numel() for p in call.layer.parameters()) for call in calls_toy]
checks.close(n_toy, [95, 230, 138], "the weights with width=5", look_at="width")
for call in calls_toy[1:]:
    checks.not_negative(call.x, "what enters the second and third convolution",
                        look_at="ReLU between the convolutions")
checks.unbounded(make_head(2, 2)(1e4 * torch.randn(7, 2, 6, 6)), "the output",
                 look_at="no activation at the end")
checks.gradients_everywhere(head_toy, head_toy(input_toy), "gradients reach every layer")
with torch.no_grad():
    for layer in head_toy.modules():
        if isinstance(layer, nn.Conv2d):
            layer.bias.fill_(1.0)
            layer.weight.fill_(0.1)
edge = float(head_toy(torch.ones(1, 2, 9, 7))[0, 0, 0, 3].detach())
checks.holds(edge > 1.0, "the edge is computed like the rest", seen=f"{edge:.2f} at the edge",
             expected="more than its offset",
             look_at="pad the inputs of the convolutions, not the result")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> All three convolutions need the same treatment. </details>
# <details><summary>Hint 2 — shapes</summary> With kernel 3, padding 1 keeps h and w (unit 00). </details>
# <details><summary>Hint 3 — API</summary> <code>nn.Conv2d(width, out_channels, 3, padding=1)</code>. </details>

# %% [markdown]
# ## Limits: a sea of another scale
#
# A UNet has learnt the eddies of its training maps. We enlarge the test windows: the centre 16 × 16 points stretched to 32 × 32, as if the
# grid were twice as fine.
#
# **Predict.** The fields are smoother than before. Will denoising become easier for the filter? For the network?

# %%
def stretched(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(x[..., 8:24, 8:24], scale_factor=2, mode="bilinear")

zoomed, zoomed_valid = stretched(sea["test"]), stretched(sea["valid"])
zoomed_noisy = noisy(zoomed_valid, 1)
retuned = min((1.0, 1.25, 1.5, 2.0, 3.0),
              key=lambda w: float(((smoothed(zoomed_noisy, w) - zoomed_valid) ** 2).mean()))
with torch.no_grad():
    answers = {"UNet": candidates["UNet"](noisy(zoomed, 2)), "filter": smoothed(noisy(zoomed, 2), retuned)}
zoom_rmse = {name: scale * float(((answer - zoomed) ** 2).mean()) ** 0.5 for name, answer in answers.items()}
old_ratio = rmse["UNet"] / rmse[f"Gaussian filter ({best})"]
new_ratio = zoom_rmse["UNet"] / zoom_rmse["filter"]
print(f"UNet over filter: {old_ratio:.2f} on its own sea, {new_ratio:.2f} on the stretched one")

# %% claim="lead_shrinks_at_another_scale"
results.record("rmse of the UNet over the filter tuned anew: stretched sea less own sea",
               new_ratio - old_ratio,
               at_least=0.05)

# %% [markdown]
# **What do we observe?** The filter is retuned with one number and gains from the smoother sea; the network still expects eddies of the old size, and its
# ratio to the filter worsens. A grid of another resolution is another domain (unit 00).

# %% [markdown]
# ## Question (graded by hand)
#
# "We replaced our 8-layer CNN by a 60-layer UNet with residual blocks. It maps sea level to surface currents and halves the training error. On a tile next to the
# training region the currents show seams every 16 points." In at most 150 words: where may the seams come from and how would you test it; what else
# than depth may explain the lower error; which baseline is missing?

# %% [markdown] question="review" points=4
# ### BEGIN SOLUTION
# One point for each sound item. For example:
#
# 1. *Seams*: pooling grid (four levels make blocks of 16), zero padding of tiles, or transposed convolutions (checkerboards). Test: translation error against the shift; move the tiles by 8 points and see whether the seams move.
# 2. *Lower training error*: more weights, over-fitting. Compare validation on other years and regions, at equal parameters.
# 3. *Baseline*: geostrophy, the derivative of sea level: a 3-point stencil; report the error relative to it.
# 4. *Ablation*: the UNet without residual blocks, the ResNet without UNet, three seeds each.
# ### END SOLUTION

# %% [markdown]
# ## Takeaways
#
# 1. In a plain network of 24 layers the gradient **vanished** on its way down and nothing was learnt; **residual** shortcuts brought it through.
# 2. A **UNet** has the wide view of its coarse maps and the detail of its fine ones; after the same training it beat the same network without skips,
#    and was level with a tuned filter.
# 3. "Equivariant" is a claim to **measure**: padding and pooling break it.

# %% [markdown]
# ## Going further
#
# - He et al. (2016), residual networks, [10.1109/CVPR.2016.90](https://doi.org/10.1109/CVPR.2016.90): up to 152 layers, with batch
#   normalisation, a million images.
# - He et al. (2016), pre-activation, [10.1007/978-3-319-46493-0_38](https://doi.org/10.1007/978-3-319-46493-0_38).
# - Ronneberger et al. (2015), UNet, [10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28): 30 labelled images and much augmentation.
# - Zhang (2019), making convolutional networks shift-invariant again, [arXiv:1904.11486](https://arxiv.org/abs/1904.11486).
