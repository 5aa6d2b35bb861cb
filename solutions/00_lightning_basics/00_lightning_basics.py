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
# # Convolutions, training and Lightning
#
# **What does a network learn that a regression cannot?**
#
# This unit recalls what the course builds on: gradients that PyTorch computes for us, convolutions, and a training
# that we can trust. Its network reads digits; the tools are those of every ocean case study that follows.

# %% [markdown]
# **You will learn**
# - what a convolution computes, and to predict the size of its output and its number of weights;
# - to write a `LightningModule`, train it, keep its best weights and use them on new data;
# - to see over-fitting on a learning curve, and three remedies: augmentation, dropout, fine-tuning.
#
# **Time** 2 hours. **Prerequisites** Python, NumPy, derivatives, linear regression.

# %%
import numpy as np
import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional as F

from course_lib import checks, plots, results, training
from course_lib.datasets import mnist, sea_level

SEED = 0

# %% [markdown]
# ## A derivative is a small convolution
#
# Where sea level slopes, the ocean flows: in *geostrophic* balance the current across a section is proportional to the slope along it. We slide
# the three numbers $(-\frac12, 0, \frac12)$ over a map, row by row: multiply, add, move on by one point.
#
# **Predict.** What becomes of a wide bump of sea level? Of a sharp front?

# %%
ocean = sea_level.load()
ssh = 100 * (ocean.ssh - ocean.ssh.mean("time"))[0]  # cm
slope = (ssh.shift(longitude=-1) - ssh.shift(longitude=1)) / 2  # −½ on the left, ½ on the right
plots.panels({"sea level anomaly (cm)": ssh.values, "slope to the east (cm per point)": slope.values},
             north_up=True,
             alt="A map of sea level, and its slope to the east, which outlines its eddies in two signs.")

# %% [markdown]
# **What do we observe?** Wide bumps fade; fronts and the flanks of eddies stand out, in the sign of their slope. Three
# numbers were enough, the same three everywhere. A convolutional network slides many such kernels, and
# instead of choosing their numbers it **learns** them.

# %% [markdown]
# ## Gradients for free
#
# To learn is to go downhill. PyTorch records what we compute from a tensor with `requires_grad=True`; `backward()` then
# applies the chain rule and leaves the derivative in `.grad`. We check it on a line $y = a x$, where
#
# $$\frac{d}{da}\,\overline{(a x - y)^2} = \overline{2\,x\,(a x - y)} .$$

# %%
x_line = torch.linspace(0, 2, 50)
y_line = 3 * x_line
a = torch.tensor(1.0, requires_grad=True)
loss = ((a * x_line - y_line) ** 2).mean()
loss.backward()
by_hand = (2 * x_line * (1.0 * x_line - y_line)).mean()
print(f"autograd {a.grad:.4f}, by hand {by_hand:.4f}")

# %% [markdown]
# **Predict.** We go downhill with a step of 0.2 times the gradient. How many steps until $a$ is within 1 % of 3? And with
# a step of 0.8?

# %%
def descend(rate: float, n_steps: int = 12) -> list[float]:
    """The slope a after each step of gradient descent."""
    a, path = torch.tensor(1.0, requires_grad=True), []
    for _ in range(n_steps):
        loss = ((a * x_line - y_line) ** 2).mean()
        (gradient,) = torch.autograd.grad(loss, a)
        with torch.no_grad():
            a -= rate * gradient
        path.append(float(a.detach()))
    return path

plots.curves(range(1, 13), {f"rate {rate}": descend(rate) for rate in (0.05, 0.2, 0.8)}, doubling=False,
             xlabel="step of gradient descent (1)", ylabel="slope a (1)",
             alt="Slope a against the step: slow for a small rate, quick for 0.2, wild swings for 0.8.")

# %% [markdown]
# **What do we observe?** The middle rate arrives in half a dozen steps, the small one is still on its way, and the large one jumps
# over the minimum, further each time. The *learning rate* is the first number to look at when a training
# fails.

# %% [markdown]
# ## What a convolution computes
#
# At each position the kernel is laid on the map, multiplied with what lies under it, and summed:
#
# $$y_{ij} = \sum_{u}\sum_{v} k_{uv}\; x_{i+u,\,j+v} .$$
#
# Mathematicians call this a *cross-correlation* (a convolution would flip the kernel); deep learning does not mind.
# Only positions where the whole kernel fits count: an image of $h \times w$ and a kernel of $p \times q$ give
# $(h-p+1) \times (w-q+1)$ numbers.

# %% [markdown]
# ### Exercise 1 — A convolution by hand
#
# Write it with loops, slices or whatever you like, but without a convolution of a library. It must work for any image
# and any kernel that fits, also when neither is square.

# %% exercise="conv2d"
def conv2d(x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Valid cross-correlation of an image and a kernel.

    x: (h, w); kernel: (p, q), not larger than x. Returns (h - p + 1, w - q + 1).
    """
    ### BEGIN SOLUTION
    windows = x.unfold(0, kernel.shape[0], 1).unfold(1, kernel.shape[1], 1)
    return (windows * kernel).sum((2, 3))  # windows: (h - p + 1, w - q + 1, p, q)
    ### END SOLUTION

# %% check="conv2d" points=3
ramp = torch.arange(30.0).reshape(5, 6)  # grows by 1 to the right, by 6 downwards
east = torch.tensor([[-0.5, 0.0, 0.5]])
checks.inputs_unchanged(conv2d, ramp, east)
checks.same_shape(conv2d(ramp, east), (5, 4), "the result for an image (5, 6) and a kernel (1, 3)")
checks.close(conv2d(ramp, east), torch.ones(5, 4), "the slope of a ramp is 1 everywhere",
             look_at="is the kernel flipped?")
checks.close(conv2d(ramp, east.T), 6 * torch.ones(3, 6), "downwards it is 6", look_at="rows and columns")
checks.close(conv2d(ramp, torch.ones(1, 1)), ramp, "the kernel 1 changes nothing")
spot = torch.zeros(3, 4)
spot[1, 2] = 1.0
checks.close(conv2d(spot, torch.arange(6.0).reshape(2, 3)), [[5.0, 4.0], [2.0, 1.0]],
             "a single point under a kernel (2, 3)", look_at="x[i + u, j + v] times kernel[u, v]")
checks.passed("conv2d")
### BEGIN HIDDEN TESTS
torch.manual_seed(1)
for h, w, p, q in ((7, 9, 3, 3), (4, 8, 2, 5), (6, 5, 6, 5), (9, 4, 4, 1)):
    image, kernel = torch.randn(h, w), torch.randn(p, q)
    expected = F.conv2d(image[None, None], kernel[None, None])[0, 0]
    checks.close(conv2d(image, kernel), expected, f"image ({h}, {w}), kernel ({p}, {q})", tolerance=1e-5,
                 look_at="each output is the sum of p · q products; the kernel is not flipped")
point = torch.zeros(7, 7)
point[3, 3] = 1.0
kernel = torch.arange(9.0).reshape(3, 3)
checks.close(conv2d(point, kernel)[1:4, 1:4], kernel.flip(0, 1),
             "a single point returns the kernel, turned round")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> For each output position: cut a window of the kernel's size, multiply, sum. </details>
# <details><summary>Hint 2 — shapes</summary> The window at (i, j) is <code>x[i:i + p, j:j + q]</code>, of shape (p, q). </details>
# <details><summary>Hint 3 — API</summary> <code>torch.zeros(h - p + 1, w - q + 1)</code> for the result, two loops, and <code>(window * kernel).sum()</code>. </details>

# %% [markdown]
# With your function we look at kernels that people designed before networks learnt them: an average, two derivatives, and
# the Laplacian, which is strongly negative on peaks.
#
# **Predict.** Which of them will be near zero inside the thick part of a stroke?

# %%
digits = mnist.load(n_train=8000, n_test=2000, seed=SEED)
image = digits.test[0, 0]
kernels = {"average": torch.full((3, 3), 1 / 9), "slope →": torch.tensor([[-0.5, 0, 0.5]]),
           "slope ↓": torch.tensor([[-0.5], [0], [0.5]]),
           "Laplacian": torch.tensor([[0, 1.0, 0], [1, -4, 1], [0, 1, 0]])}
panels = {"digit (1)": image} | {f"{name} (1)": conv2d(image, k) for name, k in kernels.items()}
plots.panels({label: field.numpy() for label, field in panels.items()},
             alt="A digit, blurred by its average, outlined by its slopes and its Laplacian.")

# %% [markdown]
# **What do we observe?** The average blurs. The slopes and the Laplacian vanish where the image is constant and mark the edges of the
# stroke. From edges, a second layer can make corners and arcs, a third one digits or eddies.

# %% [markdown]
# ## Size, padding, stride
#
# *Padding* $p$ adds a frame of zeros, so that maps need not shrink. *Stride* $s$ moves on by $s$ points at a time, so that
# they do. *Dilation* $d$ spreads the kernel: its $k$ points then span $d\,(k-1) + 1$ pixels. Along each axis,
#
# $$n_\mathrm{out} = \left\lfloor \frac{n + 2p - d\,(k-1) - 1}{s} \right\rfloor + 1 .$$
#
# Pooling (below) follows the same rule.

# %% [markdown]
# ### Exercise 2 — Predict the size
#
# Every second error message in deep learning is about a size. Write the rule once, and you will not need to guess.

# %% exercise="conv_output_size"
def conv_output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Number of outputs of a convolution along one axis."""
    ### BEGIN SOLUTION
    span = dilation * (kernel - 1) + 1
    return (size + 2 * padding - span) // stride + 1
    ### END SOLUTION

# %% check="conv_output_size" points=2
checks.close(conv_output_size(28, 3), 26, "28 pixels, kernel 3")
checks.close(conv_output_size(28, 3, padding=1), 28, "with padding 1 the size stays",
             look_at="both sides are padded")
checks.close(conv_output_size(28, 3, stride=2, padding=1), 14, "with stride 2 it halves",
             look_at="the last step may not fit: round down")
checks.close(conv_output_size(28, 3, dilation=2), 24, "dilation 2 spreads three points over five",
             look_at="d (k − 1) + 1")
checks.passed("conv_output_size")
### BEGIN HIDDEN TESTS
for size in (7, 28, 31):
    for kernel, stride, padding, dilation in ((1, 1, 0, 1), (2, 2, 0, 1), (3, 2, 0, 1), (5, 3, 2, 1),
                                              (3, 1, 2, 2),
                                              (3, 2, 1, 3), (4, 3, 1, 1), (7, 4, 3, 1)):
        layer = nn.Conv1d(1, 1, kernel, stride, padding, dilation)
        seen = conv_output_size(size, kernel, stride, padding, dilation)
        case = f"size {size}, kernel {kernel}, stride {stride}, padding {padding}, dilation {dilation}"
        checks.close(seen, layer(torch.zeros(1, 1, size)).shape[-1], case,
                     look_at="⌊…⌋ before + 1; d (k − 1) + 1")
        checks.holds(isinstance(seen, int), "a size is a whole number", seen=type(seen).__name__,
                     expected="int",
                     look_at="// divides and rounds down")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> How many places are there to start, if the last one must still fit? </details>
# <details><summary>Hint 2 — shapes</summary> There are size + 2 · padding pixels; the kernel spans dilation · (kernel − 1) + 1 of them. </details>
# <details><summary>Hint 3 — API</summary> <code>//</code> divides integers and rounds down. </details>

# %% [markdown]
# ## How far does an output see?
#
# One output of a 3 × 3 convolution depends on 9 pixels. Stack layers, and it depends on more: its *receptive field* grows.
# Autograd measures it: the gradient of **one** output is zero wherever the input has no influence.
#
# **Predict.** How many pixels wide is the receptive field of three 3 × 3 layers? And with stride 2 in each?

# %%
def receptive_field(stride: int) -> torch.Tensor:
    """|Gradient| of the central output of three 3 × 3 layers, on 31 × 31 pixels."""
    layers = [nn.Conv2d(1, 1, 3, stride, padding=1) for _ in range(3)]
    for layer in layers:
        nn.init.constant_(layer.weight, 1 / 9)
    pixels = torch.zeros(1, 1, 31, 31, requires_grad=True)
    output = nn.Sequential(*layers)(pixels)[0, 0]
    output[output.shape[0] // 2, output.shape[1] // 2].backward()
    return pixels.grad[0, 0].abs()

fields = {stride: receptive_field(stride) for stride in (1, 2)}
widths = {stride: int((field.sum(0) > 0).sum()) for stride, field in fields.items()}
plots.panels({f"stride {stride}: {widths[stride]} pixels wide (1)": field for stride,
              field in fields.items()},
             alt="Influence of the pixels on one output: a square, larger with stride 2 than with 1.")

# %% [markdown]
# **What do we observe?** Seven pixels with stride 1, two more for each layer; fifteen with stride 2, since each layer walks on a
# coarser grid. An eddy that spans 20 grid points is never seen whole by a network that sees seven.

# %% [markdown]
# ## Few weights, used everywhere
#
# A layer from $c_\mathrm{in}$ to $c_\mathrm{out}$ channels has a $k \times k$ kernel for each pair of channels and an offset
# for each output. Its size does not depend on the image. A dense layer between the same maps would need a weight for each
# pair of *pixels*.

# %% [markdown]
# ### Exercise 3 — Count the weights
#
# Count the numbers that training may change. A parameter whose `requires_grad` is false is *frozen*: it does not count.

# %% exercise="count_parameters"
def count_parameters(module: nn.Module) -> int:
    """Number of trainable weights of a module, its submodules included."""
    ### BEGIN SOLUTION
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
    ### END SOLUTION

# %% check="count_parameters" points=1
checks.close(count_parameters(nn.Linear(4, 3)), 4 * 3 + 3,
             "a dense layer has one weight per pair, and offsets",
             look_at="all entries of each tensor: numel()")
checks.close(count_parameters(nn.Conv2d(2, 5, 3)), 5 * 2 * 9 + 5,
             "a convolution has one kernel per pair, and offsets",
             look_at="numel() of each tensor")
nested = nn.Sequential(nn.Linear(4, 3), nn.ReLU(),
                       nn.Sequential(nn.Conv2d(1, 2, 5, bias=False), nn.BatchNorm2d(2)))
checks.close(count_parameters(nested), 15 + 50 + 4, "layers inside layers count",
             look_at="module.parameters()")
nested[0].weight.requires_grad_(False)
checks.close(count_parameters(nested), 3 + 50 + 4, "frozen weights do not count", look_at="requires_grad")
checks.passed("count_parameters")
### BEGIN HIDDEN TESTS
seen = count_parameters(nested)
checks.holds(isinstance(seen, int), "a number of weights is a whole number", seen=type(seen).__name__,
             expected="int")
checks.close(count_parameters(nn.ReLU()), 0, "an activation has no weight")
twin = nn.Linear(6, 6)
checks.close(count_parameters(nn.Sequential(twin, nn.Tanh(), twin)), 42, "a layer used twice is one layer")
flags = [p.requires_grad for p in nested.parameters()]
checks.holds(not flags[0] and all(flags[1:]), "counting freezes nothing", seen=f"requires_grad: {flags}",
             expected="as before the call")
own = nn.Module()
own.scale = nn.Parameter(torch.ones(3, 2))
checks.close(count_parameters(own), 6, "a parameter without a layer counts too",
             look_at="every tensor in parameters()")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> A module hands out its parameters, those of its parts included. </details>
# <details><summary>Hint 2 — shapes</summary> A parameter of shape (5, 2, 3, 3) holds 90 numbers. </details>
# <details><summary>Hint 3 — API</summary> <code>module.parameters()</code>, <code>p.requires_grad</code>, <code>p.numel()</code>. </details>

# %%
convolution = nn.Conv2d(1, 8, 3, padding=1)  # 28 × 28 -> 8 maps of 28 × 28
n_pixels = 28 * 28
print(f"convolution, 1 to 8 maps of 28 × 28: {count_parameters(convolution):>10,} weights")
print(f"dense layer between the same maps:   {n_pixels * 8 * n_pixels + 8 * n_pixels:>10,} weights")

# %% [markdown]
# **What do we observe?** Eighty against five million. The convolution assumes that what matters here matters there too
# (*equivariance to translation*: shift the input, and the output shifts with it) and that neighbours matter most. For the ocean that is good physics: the same equations
# hold at every point. For digits in a frame, too.

# %% [markdown]
# ## The other layers
#
# - **Activation**: without one, two layers are one matrix. ReLU, $\max(0, x)$, lets the positive part pass.
# - **Pooling**: the largest (or the mean) of each 2 × 2 block; half the size, and it matters less *where exactly* an edge lies.
# - **Dropout**: during training a share of the values, drawn anew each time, is set to zero, so that no layer relies
#   on a single one.

# %%
torch.manual_seed(SEED)
values = torch.tensor([[-2.0, 1.0, 0.5, 3.0], [4.0, -1.0, 2.0, 0.0]])
print("ReLU       ", torch.relu(values).tolist())
print("max pooling", F.max_pool2d(values[None], 2)[0].tolist())
dropout = nn.Dropout(0.5)
print("dropout in training  ", dropout(torch.ones(8)).tolist())
print("dropout in evaluation", dropout.eval()(torch.ones(8)).tolist())

# %% [markdown]
# **What do we observe?** In training, dropout doubles what it keeps, so that the mean stays; in evaluation it does nothing. A module
# has these two moods, `.train()` and `.eval()`. Lightning switches them for you; whoever forgets it by hand
# measures a network with half its values missing.

# %% [markdown]
# ## The baseline: a regression on pixels
#
# Before any network: what does the plain model give? *Multinomial logistic regression* weighs each pixel for each digit,
# adds up, and turns the ten sums (*logits*) into probabilities; `C=0.1` keeps its weights small. We keep a tenth of the training digits for validation; the
# test digits only measure.
#
# **Predict.** How many of 100 test digits does it get right?

# %%
from sklearn.linear_model import LogisticRegression
from torch.utils.data import TensorDataset

n_fit = 9 * len(digits.train) // 10
train = TensorDataset(digits.train[:n_fit], digits.train_labels[:n_fit])
valid = TensorDataset(digits.train[n_fit:], digits.train_labels[n_fit:])
regression = LogisticRegression(C=0.1, max_iter=300)
regression.fit(train.tensors[0].flatten(1).numpy(), train.tensors[1].numpy())
right = regression.predict(digits.test.flatten(1).numpy()) == digits.test_labels.numpy()
error_regression = 1 - right.mean()
n_weights = regression.coef_.size + 10
print(f"logistic regression: {n_weights:,} weights, {error_regression:.1%} of the test digits wrong")

# %% [markdown]
# **What do we observe?** A regression without a single hidden layer reads most digits. It is the number to beat; a network that does
# not beat it has learnt nothing that a regression could not.

# %% [markdown]
# ## Anatomy of a LightningModule
#
# Lightning owns the loop: batches, devices, logs, checkpoints. The module says only what is *ours*:
#
# - `training_step(batch, batch_idx)` returns the loss of a batch;
# - `validation_step(batch, batch_idx)` logs the loss on data that do not train;
# - `configure_optimizers()` says who goes downhill, and how fast.

# %% [markdown]
# ### Exercise 4 — A classifier of digits
#
# A batch is a pair: images $(b, 1, 28, 28)$ and labels $(b,)$. `self(images)` gives the logits, $(b, 10)$. The loss is the mean
# *cross-entropy*, $-\log p_\mathrm{label}$, where $p$ is the softmax of the logits: PyTorch's takes **logits**. Log it as `"loss"` in
# training and `"val_loss"` in validation, and train all weights with Adam at the learning rate `self.lr`.

# %% exercise="DigitClassifier"
class DigitClassifier(pl.LightningModule):
    """Trains a network, by default a small CNN, to tell digits."""

    def __init__(self, network: nn.Module | None = None, lr: float = 3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),   # (b, 8, 14, 14)
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),  # (b, 16, 7, 7)
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))                     # (b, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images)

    def training_step(self, batch: tuple, batch_idx: int) -> torch.Tensor:
        ### BEGIN SOLUTION
        loss = F.cross_entropy(self(batch[0]), batch[1])
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss
        ### END SOLUTION

    def validation_step(self, batch: tuple, batch_idx: int) -> None:
        ### BEGIN SOLUTION
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))
        ### END SOLUTION

    def configure_optimizers(self) -> torch.optim.Optimizer:
        ### BEGIN SOLUTION
        return torch.optim.Adam(self.parameters(), lr=self.lr)
        ### END SOLUTION

# %% check="DigitClassifier" points=4
class Certain(nn.Module):
    """Logits that do not depend on the image: `gap` for class 3, 0 for the nine others."""

    def __init__(self, gap: float):
        super().__init__()
        self.gap = nn.Parameter(torch.tensor(gap))

    def forward(self, images):
        return self.gap * F.one_hot(torch.full((len(images),), 3), 10).float()

threes = (torch.rand(6, 1, 28, 28), torch.full((6,), 3))
with training.quiet():  # Lightning would remark that nobody trains
    loss_toy = DigitClassifier(Certain(0.0)).training_step(threes, 0)
    sure_toy = DigitClassifier(Certain(30.0)).training_step(threes, 0)
checks.same_shape(loss_toy, (), "the loss that training_step returns")
checks.close(loss_toy, np.log(10), "ten equal logits cost log 10", tolerance=1e-5)
checks.close(sure_toy, 0.0, "certain and right costs nothing",
             tolerance=1e-4, look_at="cross_entropy takes logits: no softmax before it")
adam_toy = DigitClassifier(Certain(0.0), lr=0.02).configure_optimizers()
checks.holds(adam_toy is not None, "the optimiser", seen="nothing", expected="Adam", look_at="return it")
checks.passed("DigitClassifier")
### BEGIN HIDDEN TESTS
from torch.utils.data import TensorDataset

fours = (threes[0], torch.tensor([3, 4, 4, 4, 4, 4]))
with training.quiet():
    wrong_toy = DigitClassifier(Certain(30.0)).training_step(fours, 0)
checks.close(wrong_toy, 25.0, "certain and wrong costs the gap",
             tolerance=1e-3, look_at="the mean over the batch; the labels of the batch")
torch.manual_seed(0)
images_toy = torch.rand(96, 1, 28, 28) / 4
labels_toy = torch.arange(96) % 4
for i, label in enumerate(labels_toy):
    images_toy[i, 0, 7 * label : 7 * label + 7] += 0.5  # the class is the height of a bright band
sets = TensorDataset(images_toy[:64], labels_toy[:64]), TensorDataset(images_toy[64:], labels_toy[64:])
model_toy = DigitClassifier(lr=0.01)
before = {name: p.detach().clone() for name, p in model_toy.named_parameters()}
run = training.fit(model_toy, *sets, steps=60, batch_size=32)
checks.holds({"loss", "val_loss"} <= set(run.curves), "both losses are logged", seen=str(sorted(run.curves)),
             expected="loss and val_loss", look_at="self.log(name, value)")
with torch.no_grad():
    cost = F.cross_entropy(model_toy.network(images_toy[64:]), labels_toy[64:])
checks.close(run.best, cost, "val_loss is the mean cross-entropy on the validation data", tolerance=2e-3,
             look_at="the same loss as in training, of the batch that is given")
checks.holds(run.best < 0.7 * np.log(4), "60 steps at rate 0.01 learn a simple task", seen=f"{run.best:.2f}",
             expected=f"less than {0.7 * np.log(4):.2f}", look_at="is the loss returned, with its graph?")
still = [name for name, p in model_toy.named_parameters() if torch.equal(p.detach(), before[name])]
checks.holds(not still, "every weight is trained", seen=f"{', '.join(still)} never moved",
             expected="all of them",
             look_at="self.parameters()")
one_step = DigitClassifier(Certain(0.0), lr=0.02)
training.fit(one_step, TensorDataset(*threes), TensorDataset(*threes), steps=1, batch_size=6)
checks.close(one_step.network.gap, 0.02, "the first step of Adam is as long as the learning rate",
             tolerance=1e-3,
             look_at="torch.optim.Adam(self.parameters(), lr=self.lr)")
frozen_toy = DigitClassifier(lr=0.0)
start = [p.detach().clone() for p in frozen_toy.parameters()]
training.fit(frozen_toy, *sets, steps=4, batch_size=32)
moved = max(float((p - q).detach().abs().max()) for p, q in zip(frozen_toy.parameters(), start, strict=True))
checks.close(moved, 0.0, "at learning rate 0 nothing moves", look_at="lr=self.lr")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Three short methods: unpack the batch, compare logits with labels, log. </details>
# <details><summary>Hint 2 — shapes</summary> Logits (b, 10) and labels (b,) give one number. </details>
# <details><summary>Hint 3 — API</summary> <code>F.cross_entropy(logits, labels)</code>, <code>self.log("loss", loss)</code>, <code>torch.optim.Adam(self.parameters(), lr=self.lr)</code>. </details>

# %% [markdown]
# ## Training, with an eye on the validation
#
# `training.fit` runs Lightning's `Trainer`: it counts optimisation steps, validates after every epoch or less often, writes a *checkpoint* whenever the
# validation loss is the lowest so far, and gives the module these best weights back at the end.
#
# **Predict.** The network has about as many weights as the regression. How many of 100 test digits will it get wrong?

# %%
def error_of(model: pl.LightningModule, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of images that the model names wrongly."""
    with torch.no_grad():
        return float((model(images).argmax(1) != labels).float().mean())

torch.manual_seed(SEED)  # for the weights
model = DigitClassifier()
history = training.fit(model, train, valid, steps=800, seed=SEED)
error_cnn = error_of(model, digits.test, digits.test_labels)
print(f"CNN: {count_parameters(model):,} weights, {error_cnn:.1%} of the test digits wrong "
      f"(regression {error_regression:.1%})")

# %% claim="cnn_beats_regression" headline="a small CNN makes {0:.2f} times the mistakes of a logistic regression"
results.record("small CNN against logistic regression on the same digits: wrong answers",
               error_cnn / error_regression, unit="times as many", at_most=0.85)

# %%
valid_loss = F.cross_entropy(torch.tensor(regression.predict_log_proba(valid.tensors[0].flatten(1).numpy())),
                             valid.tensors[1])
plots.loss_curves(history, baseline=float(valid_loss), baseline_name="logistic regression",
                  ylabel="cross-entropy (1)")

# %% [markdown]
# **What do we observe?** With hardly more weights than the regression, the network makes a fraction of its mistakes: a weight that is used at
# every position learns from every position. The gap between training and validation is small and stays so.
# Keep this picture in mind; the next one is its opposite.

# %% [markdown]
# ## Save it, load it, use it
#
# The checkpoint holds the weights, not the code. To use a trained network elsewhere: build the module, load the weights,
# switch to evaluation. Always **check that the reloaded model answers as the saved one did.**

# %%
weights = torch.load(history.folder / "best.ckpt", weights_only=True)["state_dict"]
reloaded = DigitClassifier()
reloaded.load_state_dict(weights)
reloaded.eval()
with torch.no_grad():
    difference = (reloaded(digits.test) - model(digits.test)).abs().max()
print(f"largest difference of the logits: {difference:.1e}")

# %% [markdown]
# The `Trainer` also runs the test. In your work: once, at the very end, when all decisions are made; here we look more often, to learn. It needs a `test_step`; a subclass
# adds one and inherits the rest.

# %%
class Tested(DigitClassifier):
    def test_step(self, batch: tuple, batch_idx: int) -> None:
        images, labels = batch
        self.log("test_error", (self(images).argmax(1) != labels).float().mean())

tested = Tested(model.network)
test_set = torch.utils.data.DataLoader(TensorDataset(digits.test, digits.test_labels), 500)
with training.quiet():
    trainer = pl.Trainer(logger=False, enable_progress_bar=False, enable_model_summary=False)
    (measured,) = trainer.test(tested, test_set, verbose=False)
print(f"test error {measured['test_error']:.1%}")

# %% [markdown]
# ## Over-fitting, seen
#
# Now we are poor: 100 labelled digits. The same network trains for as long as it likes. (We keep the large validation set to watch it;
# someone really poor would have to share the 100.)
#
# **Predict.** What will the training loss do? And the validation loss?

# %%
few = TensorDataset(digits.train[:100], digits.train_labels[:100])

torch.manual_seed(SEED)
poor = DigitClassifier()
history_poor = training.fit(poor, few, valid, steps=600, batch_size=25, seed=SEED)
plots.loss_curves(history_poor, baseline=float(valid_loss), ylabel="cross-entropy (1)",
                  baseline_name="logistic regression, all digits")

# %% [markdown]
# **What do we observe?** The training loss goes to zero: the network knows its 100 digits by heart. The validation loss falls, turns and
# **rises**: what it still learns is true of these 100 only. The checkpoint at the lowest point (*early
# stopping*) is the cheapest remedy, and `training.fit` applies it always.

# %% claim="overfitting"
steps_poor, curve_poor = history_poor.curves["val_loss"]
results.record("100 digits: last validation loss over the lowest one", curve_poor[-1] / curve_poor.min(),
               unit="times", at_least=1.1)

# %% [markdown]
# ## Two remedies: more data from the same, and dropout
#
# *Augmentation* shows each digit shifted by up to two pixels, anew at each step: a shifted 5 is a 5. *Dropout*
# silences half of the features.
#
# **Predict.** Which helps more?

# %%
class Shifted(torch.utils.data.Dataset):
    """Images shifted by up to two pixels each way, anew at each visit."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor):
        self.images, self.labels = F.pad(images, (2, 2, 2, 2)), labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple:
        top, left = torch.randint(0, 5, (2,)).tolist()
        return self.images[i, :, top : top + 28, left : left + 28], self.labels[i]

# %%
import copy

torch.manual_seed(SEED)
dropped = DigitClassifier()
moved = copy.deepcopy(dropped)  # the same weights at the start
dropped.network.insert(7, nn.Dropout(0.5))  # before the last layer
options = {"steps": 600, "batch_size": 25, "seed": SEED}
runs = {"as it is": history_poor, "dropout": training.fit(dropped, few, valid, **options),
        "shifted digits": training.fit(moved, Shifted(*few.tensors), valid, **options)}
for name, trained in zip(runs, (poor, dropped, moved), strict=True):
    print(f"{name:<16}{error_of(trained, digits.test, digits.test_labels):.1%} of the test digits wrong")
plots.learning_curves(runs, ylabel="validation cross-entropy (1)",
                      alt="Validation loss of three trainings on 100 digits; the plain one turns up first.")

# %% [markdown]
# **What do we observe?** Shifted digits help most: they tell the network something true about digits which 100 examples do not show. Dropout
# helps less, or little. For the ocean, think twice before you augment: a map shifted in longitude is plausible, one
# seen in a mirror has its Coriolis force on the wrong side.

# %% [markdown]
# ## Fine-tuning: a new domain and few labels
#
# Another instrument delivers: its images are faint, on grey ground, and noisy. Only 100 of them have labels. What our first
# network knows of strokes may still be useful. In *fine-tuning* we start from its weights, may *freeze* the first layers, and
# train the last ones gently.

# %% [markdown]
# ### Exercise 5 — Freeze all but the last layers
#
# The *layers* of a module are its children that have parameters, in their order: in `nn.Sequential(conv, relu, linear)` there are two.
# Freeze all of them except the last `except_last`; these become trainable, whatever they were before.

# %% exercise="freeze"
def freeze(module: nn.Module, except_last: int) -> None:
    """Leave only the last `except_last` layers trainable.

    A layer is a child of the module (module.children()) that has parameters;
    activations and pooling do not count. With 0, all are frozen.
    """
    ### BEGIN SOLUTION
    layers = [child for child in module.children() if list(child.parameters())]
    first_trained = len(layers) - except_last
    for i, layer in enumerate(layers):
        layer.requires_grad_(i >= first_trained)
    ### END SOLUTION

# %% check="freeze" points=2
def trainable(module):
    return [p.requires_grad for p in module.parameters()]

stack = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2), nn.Softmax(1))
freeze(stack, 1)
checks.close(trainable(stack), [0, 0, 0, 0, 1, 1], "except_last=1 trains weight and offset of the last layer",
             look_at="layers without parameters do not count")
freeze(stack, 2)
checks.close(trainable(stack), [0, 0, 1, 1, 1, 1], "a second call with 2 trains two layers",
             look_at="a frozen layer may thaw")
freeze(stack, 0)
checks.close(trainable(stack), [0] * 6, "except_last=0 trains none", look_at="in Python, x[-0:] is all of x")
checks.passed("freeze")
### BEGIN HIDDEN TESTS
for n, expected in ((3, [True] * 3), (7, [True] * 3)):
    freeze(stack, n)
    flags = [p.requires_grad for p in stack.parameters()]
    doubled = [flag for flag in expected for _ in range(2)]
    checks.holds(flags == doubled, f"except_last={n}", seen=f"requires_grad: {flags}", expected=f"{doubled}")
block = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), nn.Flatten(),
                      nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)))
weights_toy = [p.detach().clone() for p in block.parameters()]
freeze(block, 1)
flags = [p.requires_grad for p in block.parameters()]
checks.holds(flags == [False, False, True, True, True, True], "a block of layers is one child",
             seen=f"requires_grad: {flags}", expected="the last child trainable as a whole")
same = all(torch.equal(p, q) for p, q in zip(block.parameters(), weights_toy, strict=True))
checks.holds(same, "freezing changes no weight", seen="other weights", expected="the same weights")
block(torch.rand(5, 1, 4, 4)).sum().backward()
checks.holds(block[0][0].weight.grad is None, "a frozen layer gets no gradient", seen="a gradient",
             expected="none",
             look_at="requires_grad_(False)")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> List the children that have parameters; decide for each by its place in the list. </details>
# <details><summary>Hint 2 — shapes</summary> With n layers, those from number n − except_last on are trained. </details>
# <details><summary>Hint 3 — API</summary> <code>module.children()</code>, and <code>layer.requires_grad_(True)</code> for a whole layer. </details>

# %%
def other_instrument(images: torch.Tensor, seed: int) -> torch.Tensor:
    """Faint strokes on a grey ground, and noise."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return (0.3 + 0.4 * images + 0.2 * noise).clamp(0, 1)

new_train, new_test = other_instrument(digits.train[-100:], 1), other_instrument(digits.test, 2)
new_labels = digits.train_labels[-100:]
print(f"our network on the new images: {error_of(model, new_test, digits.test_labels):.0%} wrong")
plots.image_rows({"first instrument": digits.train[-100:], "second instrument": new_train},
                 alt="Ten digits as we know them, and as the second instrument sees them: grey and noisy.")

# %% [markdown]
# **Predict.** Without a label, the old network is lost (the line above). With 100 labels: from scratch, or from the old
# weights? Should the last layer learn alone, or all?

# %%
new_domain = (TensorDataset(new_train[:80], new_labels[:80]), TensorDataset(new_train[80:], new_labels[80:]))

def adapt(network: nn.Module, except_last: int, lr: float) -> float:
    """Error on the new test images after training the last layers with 100 labels."""
    freeze(network, except_last)
    learner = DigitClassifier(network, lr)
    training.fit(learner, *new_domain, steps=300, batch_size=20, seed=SEED)
    return error_of(learner, new_test, digits.test_labels)

torch.manual_seed(SEED)
errors = {"from scratch": adapt(DigitClassifier().network, except_last=3, lr=3e-3)}
for n, name in ((1, "last layer"), (2, "two layers"), (3, "all layers")):
    errors[f"old weights, {name} trained"] = adapt(copy.deepcopy(model.network), n, lr=1e-3)
for name, error in errors.items():
    print(f"{name:<34}{error:.1%} of the new test digits wrong")

# %% claim="fine_tuning"
tuned = errors["old weights, all layers trained"]
results.record("100 labels of a new domain: wrong answers, fine-tuned against from scratch",
               tuned / errors["from scratch"], unit="times as many", at_most=0.75)

# %% [markdown]
# **What do we observe?** Started from the old weights, the network makes about half as many mistakes: a stroke is a stroke, on white or on grey. The last
# layer alone does nearly as well as all of them, since the new domain is near; the nearer it is, the less has to thaw. Try images turned by a
# quarter, `images.rot90(1, (2, 3))`: do old features always help?

# %% [markdown]
# ## Limits: sure of itself
#
# We show the first network something that is no digit at all: sea level with its coasts, cut into pieces of 28 × 28 and scaled to the
# range of pixels. It must answer with one of ten digits.
#
# **Predict.** How sure will it be of its answers: 10 % (it has no idea), 50 % or more?

# %%
field = torch.tensor(ocean.ssh.values)
tiles = field.unfold(1, 28, 14).unfold(2, 28, 14).flatten(0, 2)[:, None]  # (n, 1, 28, 28)
tiles = tiles[tiles.isfinite().float().mean((1, 2, 3)) > 0.7][::5].nan_to_num()  # mostly sea
low, high = tiles.amin((1, 2, 3), keepdim=True), tiles.amax((1, 2, 3), keepdim=True)
tiles = ((tiles - low) / (high - low)).float()
with torch.no_grad():
    sure = {"test digits": model(digits.test).softmax(1).amax(1),
            "pieces of ocean": model(tiles).softmax(1).amax(1)}
for name, confidence in sure.items():
    above = (confidence > 0.9).float().mean()
    print(f"{name:<16} mean confidence {confidence.mean():.0%}, above 90 % in {above:.0%}")
plots.image_rows({"ocean": tiles[torch.linspace(0, len(tiles) - 1, 10).long()]},
                 alt="Ten pieces of sea level maps with their coasts, which resemble no digit.")

# %% claim="sure_of_nonsense"
results.record("confidence in pieces of ocean, which are no digits",
               100 * float(sure["pieces of ocean"].mean()),
               unit="%", at_least=40)

# %% [markdown]
# **What do we observe?** It reads digits in the sea, and is often quite sure of them. The softmax says how the ten classes compare, not
# whether any of them applies. **A network's confidence means something only on data like those it was trained on**;
# later units measure their errors where the data are new.

# %% [markdown]
# ## Question (graded by hand)
#
# A colleague trains a CNN to find eddies in sea level maps of one year. It reaches a training error of 1 % and a validation error of 2 %;
# the validation maps are every tenth day of the same year. On another ocean basin it finds nonsense. In at most 150 words:
# which two mistakes would you look for first, how would you test for each, and which of the remedies of this unit would you try?

# %% [markdown] question="review" points=4
# ### BEGIN SOLUTION
# One point for each sound item, up to four. For example:
#
# 1. *The validation is not independent*: neighbouring days are nearly the same map, so memorising looks like skill. Test: validate on another year; the error will jump if the network had over-fitted.
# 2. *Another domain*: other amplitudes, scales, sign of the Coriolis force. Test: compare the distributions of the inputs; normalise per basin; look where the errors are.
# 3. *Remedies*: augmentation by what physics allows (shifts; north–south mirror with a change of sign), early stopping on the independent year, dropout.
# 4. *Fine-tuning*: label some maps of the new basin, start from the trained weights, freeze the first layers, compare with training from scratch and with a classical baseline.
# ### END SOLUTION

# %% [markdown]
# ## Takeaways
#
# 1. A convolution slides **few weights over all positions**; its output size, receptive field and number of weights are simple arithmetic.
# 2. A `LightningModule` says what is ours: loss, log, optimiser. Keep the weights of the lowest **validation** loss,
#    reload them, and keep the test for the end.
# 3. With about as many weights as a regression, a small CNN made far fewer mistakes; with few labels, it over-fits, and
#    **augmentation** and **fine-tuning** help because they bring knowledge in.

# %% [markdown]
# ## Going further
#
# - LeCun et al. (1998), convolutional networks for digits, [10.1109/5.726791](https://doi.org/10.1109/5.726791): LeNet-5, trained on
#   60,000 images, less than 1 % of the test digits wrong.
# - Srivastava et al. (2014), dropout, [jmlr.org](https://jmlr.org/papers/v15/srivastava14a.html).
# - Yosinski et al. (2014), how transferable are features?, [arXiv:1411.1792](https://arxiv.org/abs/1411.1792).
# - Guo et al. (2017), on the confidence of networks, [arXiv:1706.04599](https://arxiv.org/abs/1706.04599).
# - Dumoulin and Visin (2016), a guide to convolution arithmetic, [arXiv:1603.07285](https://arxiv.org/abs/1603.07285).
