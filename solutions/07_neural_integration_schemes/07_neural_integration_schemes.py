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
# # Neural integration schemes
#
# **Is a residual network a time step in disguise?**
#
# A residual block adds a small change to its input. So does every ocean model, tens of thousands of times a year. We take the likeness at its word: we build networks out of
# integration schemes, let them learn the equations of Lorenz from data, and put what they learnt to work in data assimilation.

# %% [markdown]
# **You will learn**
# - to read residual, multi-step and Runge–Kutta networks as integration schemes, and to measure their order;
# - to learn a model, or the parameters of a known one, from clean and from noisy series;
# - to write weak-constraint 4DVar, and to judge a learned model inside it.
#
# **Time** 3 hours. **Prerequisites** units 04 and 06.

# %%
import numpy as np
import torch
from torch import nn

from course_lib import checks, plots, results
from course_lib.datasets import lorenz63

SEED = 0

# %% [markdown]
# ## A drifter that goes in circles
#
# The wind stops, the water goes on: at latitude 45° a drifter circles under the Coriolis force alone, $\dot u = f v$, $\dot v = -f u$. Written as $w = u + iv$ this is
# $\dot w = -i f w$. A step of length $h$ multiplies $w$ by a number: $e^z$ with $z = -ifh$ in nature, $1 + z$ in Euler's scheme, five terms of the exponential series in Runge–Kutta's.
#
# **Predict.** With steps of one hour, where is Euler's drifter after a day and a half?

# %%
f, h, hours = 1.03e-4, 3600.0, np.arange(37)  # 1/s, s
z = -1j * f * h
factors = {"nature": np.exp(z), "Euler": 1 + z,
           "Runge–Kutta": 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24}
chart = {}
for name, factor in factors.items():
    position = 1j * 0.2 * factor**hours / f / 1000  # km; it sets out eastward at 0.2 m/s
    chart[name] = (position.real, position.imag)
plots.traces({"36 hours, one step an hour": chart}, wide="nature", equal=True,
             xlabel="eastward (km)", ylabel="northward (km)",
             alt="A drifter's path: a circle in nature and for Runge–Kutta, a growing spiral for Euler.")

# %% [markdown]
# **What do we observe?** Euler's drifter spirals outward: $|1 + z| > 1$, so each step adds energy that no wind supplied. Runge–Kutta stays on the circle. The equation was the same;
# the *scheme* made the difference. It will do so again when the equation is a network.

# %% [markdown]
# ## A residual block is an Euler step
#
# A residual block of unit 04 computes $x + F(x)$. Call $F = h f$, and a stack of blocks with shared weights is a trajectory:
#
# $$x_{t+1} = x_t + h\, f(x_t) ,$$
#
# where $f(x) = \dot x$ is the tendency, from here on no longer the Coriolis parameter; the step $h$ is `dt` in code. A function that gives tendencies is a *vector field*, or field: an equation or an `nn.Module`.
# Twice as many blocks at half the step should halve the error.

# %% [markdown]
# ### Exercise 1 — The Euler step
#
# One step of length `dt` from the states `x`, of any shape; `f` returns tendencies of the same shape.

# %% exercise="euler_step"
def euler_step(f, x: torch.Tensor, dt: float) -> torch.Tensor:
    """One step of order 1: x(t + dt) = x + dt f(x).

    f: maps states to tendencies of the same shape; x: (…, n). Returns (…, n).
    """
    ### BEGIN SOLUTION
    return x + dt * f(x)
    ### END SOLUTION

# %% check="euler_step" points=1
state_toy = torch.tensor([[1.0, 2.0], [-3.0, 0.5]])
checks.inputs_unchanged(lambda x: euler_step(torch.sin, x, 0.3), state_toy)
checks.close(euler_step(lambda x: -2 * x, state_toy, 0.1), 0.8 * state_toy,
             "decay at rate 2, a step of 0.1: × 0.8", look_at="dt before f(x); is x changed in place?")
checks.close(euler_step(torch.ones_like, state_toy, 0.5), state_toy + 0.5, "a constant tendency of 1 for 0.5")
checks.close(euler_step(lambda x: x**2, state_toy, 0.0), state_toy, "a step of length 0 goes nowhere")
checks.passed("euler_step")
### BEGIN HIDDEN TESTS
for shape_toy in ((1, 2), (2,), (1,)):
    checks.same_shape(euler_step(torch.sin, torch.ones(shape_toy), 0.1), shape_toy,
                      f"a step from a state of shape {shape_toy}")
checks.close(euler_step(torch.square, state_toy, -0.25), state_toy - state_toy**2 / 4,
             "a step may go backwards")
many_toy = torch.linspace(-2, 2, 24, dtype=torch.float64).reshape(2, 4, 3)
checks.close(euler_step(torch.cos, many_toy, 0.2), many_toy + 0.2 * many_toy.cos(),
             "states of shape (2, 4, 3)")
for kept_toy in (many_toy, many_toy.float()):
    checks.keeps_device_and_dtype(lambda x: euler_step(torch.sin, x, 0.1), kept_toy)
block_toy = nn.Linear(2, 2)
checks.gradients_everywhere(block_toy, euler_step(block_toy, state_toy, 0.1),
                            "gradients reach the field's weights")
leaf_toy = state_toy.clone().requires_grad_()
euler_step(lambda x: -2 * x, leaf_toy, 0.1).sum().backward()
checks.close(leaf_toy.grad, 0.8 * torch.ones(2, 2), "the gradient passes both ways, shortcut and block")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> The shortcut carries x; the block adds a small change. </details>
# <details><summary>Hint 2 — shapes</summary> x and f(x) have the same shape, whatever it is. </details>
# <details><summary>Hint 3 — API</summary> <code>f(x)</code> calls a function and a module alike. Write no <code>+=</code> on x. </details>

# %% [markdown]
# ## Four looks ahead: Runge–Kutta
#
# Euler looks at the slope once, where it stands. The classical Runge–Kutta scheme looks four times, twice from half-way:
#
# $$k_1 = f(x),\; k_2 = f\left(x + \tfrac{h}{2} k_1\right),\; k_3 = f\left(x + \tfrac{h}{2} k_2\right),\; k_4 = f(x + h k_3),$$
# $$x_{t+1} = x_t + \tfrac{h}{6}\,(k_1 + 2 k_2 + 2 k_3 + k_4) .$$
#
# Read as an architecture: four blocks with **shared weights**, whose wiring is fixed and not learnt.

# %% [markdown]
# ### Exercise 2 — The Runge–Kutta step
#
# Write the formula for any field and any shape of states. The check measures the order: half the step must give a sixteenth of the error. Other schemes of order 4 exist (the 3/8 rule, Gill's); take the classical one, as written above.

# %% exercise="rk4_step"
def rk4_step(f, x: torch.Tensor, dt: float) -> torch.Tensor:
    """One step of the classical Runge–Kutta scheme of order 4.

    f: maps states to tendencies of the same shape; x: (…, n). Returns (…, n).
    """
    ### BEGIN SOLUTION
    k1 = f(x)
    k2 = f(x + dt / 2 * k1)
    k3 = f(x + dt / 2 * k2)
    k4 = f(x + dt * k3)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    ### END SOLUTION

# %% check="rk4_step" points=2
def error_of_steps(n):
    """Error at t = 1 of dx/dt = −x², whose solution is x₀ / (1 + x₀ t), in n steps."""
    start = now = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    for _ in range(n):
        now = rk4_step(lambda x: -(x**2), now, 1 / n)
    return float((now - start / (1 + start)).abs().max())

order_toy = np.log2(error_of_steps(16) / max(error_of_steps(32), 1e-300))
checks.close(order_toy, 4.0, "the order, measured with 16 and 32 steps", tolerance=0.06,
             look_at="where is each slope taken, and with which weight?")
checks.close(rk4_step(lambda x: -(x**2), torch.ones(1, dtype=torch.float64), 1.0), [0.4856364],
             "the classical scheme: one step of 1 from x = 1 with f(x) = −x²",
             look_at="of order 4, but another scheme? Slopes and weights as in the formula")
checks.close(rk4_step(torch.ones_like, torch.zeros(2, 3), 0.5), torch.full((2, 3), 0.5),
             "a constant tendency of 1 for 0.5", look_at="the weights add up to 1")
checks.passed("rk4_step")
### BEGIN HIDDEN TESTS
spin_toy = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.5], [0.2, 0.0, -1.0]], dtype=torch.float64)
three_toy = torch.linspace(-2, 3, 24, dtype=torch.float64).reshape(2, 4, 3)
errors_toy = []
for step_toy in (0.2, 0.1):
    exact_toy = three_toy @ torch.linalg.matrix_exp(step_toy * spin_toy)
    errors_toy.append(float((rk4_step(lambda x: x @ spin_toy, three_toy, step_toy) - exact_toy).abs().max()))
checks.close(np.log2(errors_toy[0] / max(errors_toy[1], 1e-300)), 5.0,
             "one step on linear equations errs as dt⁵", tolerance=0.06)
checks.close(rk4_step(lambda x: x @ spin_toy, three_toy, -0.1),
             three_toy @ torch.linalg.matrix_exp(-0.1 * spin_toy), "a step may go backwards")
weather_toy = torch.tensor([[1.0, 2.0, 20.0], [-8.0, -3.0, 31.0]], dtype=torch.float64)
checks.close(rk4_step(lorenz63.tendency, weather_toy, 0.01), lorenz63.integrate(weather_toy, 1)[:, 1],
             "one step of the Lorenz equations, as the library takes it")
checks.inputs_unchanged(lambda x: rk4_step(torch.sin, x, 0.3), three_toy)
for shape_toy in ((1, 2), (2,), (1,)):
    checks.same_shape(rk4_step(torch.sin, torch.ones(shape_toy), 0.1), shape_toy,
                      f"a step from a state of shape {shape_toy}")
checks.keeps_device_and_dtype(lambda x: rk4_step(torch.sin, x, 0.1), three_toy.float())
calls_toy = []
rk4_step(lambda x: calls_toy.append(1) or -x, three_toy, 0.1)
checks.holds(len(calls_toy) == 4, "the field is called four times", seen=f"{len(calls_toy)} times",
             expected="4", look_at="a network is expensive: keep its slopes in variables")
shared_toy = nn.Linear(3, 3).double()
checks.gradients_everywhere(shared_toy, rk4_step(shared_toy, three_toy, 0.1),
                            "gradients reach the field's weights")
grown_toy = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)
rk4_step(lambda x: x, grown_toy, 1.0).sum().backward()
checks.close(grown_toy.grad, [[65 / 24]], "the gradient passes all four slopes: 1 + 1 + 1/2 + 1/6 + 1/24")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Each slope is taken where the one before it points to, always starting from x. </details>
# <details><summary>Hint 2 — shapes</summary> k1 to k4 all have the shape of x. </details>
# <details><summary>Hint 3 — API</summary> Plain arithmetic: <code>k2 = f(x + dt / 2 * k1)</code>, and so on; 2 stands before k2 and k3. </details>

# %% [markdown]
# ## Remember where you came from: LM-ResNet
#
# A *linear multi-step* scheme also uses the state before. Lu et al. (2018) turned the simplest one into a block with a single learnt number $k$:
#
# $$x_{t+1} = (1 - k)\, x_t + k\, x_{t-1} + (1 + k)\, h\, f(x_t) .$$
#
# They let $f$ absorb the factor $1 + k$; we write it out. It makes the block *consistent*: a constant tendency is carried exactly, whatever $k$. With $k = 0$ it is a residual block; with $k = 1$ it is the **leapfrog** that has carried
# ocean models for half a century.

# %% [markdown]
# ### Exercise 3 — A block with a memory
#
# Write the block. `k` is a trainable parameter (one number) that starts at the given value; the weights of `f`, if it has any, are trained as well.

# %% exercise="LMResBlock"
class LMResBlock(nn.Module):
    """x(t + dt) = (1 − k) x(t) + k x(t − dt) + (1 + k) dt f(x(t)), with a learnt k."""

    def __init__(self, f, dt: float, k: float = 0.0):
        super().__init__()
        ### BEGIN SOLUTION
        self.f, self.dt = f, dt
        self.k = nn.Parameter(torch.tensor(float(k)))
        ### END SOLUTION

    def forward(self, x: torch.Tensor, x_previous: torch.Tensor) -> torch.Tensor:
        """x, x_previous: the states now and one step ago, (…, n). Returns the next, (…, n)."""
        ### BEGIN SOLUTION
        k = self.k
        return (1 - k) * x + k * x_previous + (1 + k) * self.dt * self.f(x)
        ### END SOLUTION

# %% check="LMResBlock" points=3
now_toy, ago_toy = torch.tensor([[1.0, -2.0], [0.5, 4.0]]), torch.tensor([[0.5, 1.0], [2.0, 3.0]])
checks.close(LMResBlock(torch.square, 0.1)(now_toy, ago_toy).detach(), now_toy + 0.1 * now_toy**2,
             "k = 0 is a residual block",
             look_at="the block begins with the k that it is given, 0 by default")
checks.close(LMResBlock(torch.square, 0.1, k=1.0)(now_toy, ago_toy).detach(), ago_toy + 0.2 * now_toy**2,
             "k = 1 is the leapfrog: from the previous state, over two steps",
             look_at="the factor 1 + k before dt f(x); which state does k weigh?")
steady_toy = LMResBlock(lambda x: 0 * x + 3.0, 0.1, k=0.3)(now_toy, now_toy - 0.3).detach()
checks.close(steady_toy, now_toy + 0.3, "a constant tendency is carried exactly, whatever k",
             look_at="the factor 1 + k before dt f(x)")
named_toy = dict(LMResBlock(torch.square, 0.1, k=0.5).named_parameters())
checks.holds(len(named_toy) == 1 and all(p.requires_grad for p in named_toy.values()),
             "k is the one trainable parameter of the block", seen=", ".join(named_toy) or "none",
             expected="k", look_at="self.k = nn.Parameter(…)")
checks.passed("LMResBlock")
### BEGIN HIDDEN TESTS
own_toy = nn.Linear(2, 2)
whole_toy = LMResBlock(own_toy, 0.1, k=1)
shared_with = {id(p) for p in whole_toy.parameters()}
checks.holds({id(p) for p in own_toy.parameters()} <= shared_with, "the block trains the weights of f itself",
             seen="a copy", expected="the same tensors", look_at="self.f = f, not copied")
later_toy = whole_toy(ago_toy, now_toy).detach()
whole_toy(3 * now_toy, ago_toy)
checks.close(whole_toy(ago_toy, now_toy).detach(), later_toy, "the same answer at each call",
             look_at="no state is kept: x_previous is given")
pair_toy = [now_toy.clone().requires_grad_(), ago_toy.clone().requires_grad_()]
LMResBlock(torch.zeros_like, 0.1, k=0.25)(*pair_toy).sum().backward()
for leaf_toy, part_toy in zip(pair_toy, (0.75, 0.25), strict=True):
    checks.close(0 if leaf_toy.grad is None else leaf_toy.grad, part_toy * torch.ones(2, 2),
                 "the gradient reaches both states", look_at="nothing detached")
memory_toy = LMResBlock(nn.Linear(2, 2), 0.1, k=0.4)
count_toy = sum(p.numel() for p in memory_toy.parameters() if p.requires_grad)
checks.close(count_toy, 7, "trainable numbers: 6 of the field and k", look_at="nn.Parameter; self.f = f")
checks.gradients_everywhere(memory_toy, memory_toy(now_toy, ago_toy), "gradients reach k and the field")
free_toy = LMResBlock(torch.square, 0.1, k=0.25)
free_toy(now_toy, ago_toy).sum().backward()
slope_toy = sum(float(p.grad.sum()) for p in free_toy.parameters())
checks.close(slope_toy, float((ago_toy - now_toy + 0.1 * now_toy**2).sum()),
             "the derivative with respect to k is x(t − dt) − x(t) + dt f(x)", tolerance=1e-5,
             look_at="k stands in three places")
for share_toy in (-0.5, 0.2, 0.8):
    checks.close(LMResBlock(torch.zeros_like, 0.1, k=share_toy)(now_toy, ago_toy).detach(),
                 (1 - share_toy) * now_toy + share_toy * ago_toy,
                 f"without a field, k = {share_toy} mixes two states")
wide_toy = torch.linspace(-1, 1, 24).reshape(2, 4, 3)
checks.same_shape(LMResBlock(torch.sin, 0.1)(wide_toy, wide_toy), (2, 4, 3), "the next of states (2, 4, 3)")
checks.inputs_unchanged(lambda x, y: LMResBlock(torch.sin, 0.1, 0.5)(x, y), now_toy, ago_toy)
double_toy = LMResBlock(torch.sin, 0.1, k=0.5).double()(wide_toy.double(), wide_toy.double()).dtype
checks.holds(double_toy == torch.float64, "double precision is kept", seen=str(double_toy),
             expected="torch.float64")
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Three terms: now, before, and the slope; k shares the weight among them. </details>
# <details><summary>Hint 2 — shapes</summary> k is one number, all else has the shape of x. </details>
# <details><summary>Hint 3 — API</summary> <code>self.k = nn.Parameter(torch.tensor(float(k)))</code>; <code>self.f = f</code> registers a module's weights. </details>

# %% [markdown]
# ## The order of an architecture
#
# We let each network carry the drifter once around the inertial circle, with 16 to 1024 blocks, in double precision. The leapfrog also needs a state one step earlier: we give it nature's, exact.
#
# **Predict.** From 512 to 1024 blocks, by which factor do the errors of the three fall?

# %%
def coriolis(w: torch.Tensor) -> torch.Tensor:
    """Tendency of the velocity (u, v), with the Coriolis parameter as unit."""
    return torch.stack([w[..., 1], -w[..., 0]], -1)

error = {"Euler (ResNet)": [], "leapfrog (LM-ResNet, k = 1)": [], "Runge–Kutta": []}
start = torch.tensor([1.0, 0.0], dtype=torch.float64)
for depth in (depths := 2 ** np.arange(4, 11)):  # 16 to 1024
    step = 2 * np.pi / depth
    leap = LMResBlock(coriolis, step, k=1.0).double().requires_grad_(False)
    euler = rk4 = now = start
    before = torch.tensor([np.cos(step), np.sin(step)])  # nature, one step earlier
    for _ in range(depth):
        euler, rk4 = euler_step(coriolis, euler, step), rk4_step(coriolis, rk4, step)
        now, before = leap(now, before), now
    for values, end in zip(error.values(), (euler, now, rk4), strict=True):
        values.append(float((end - start).norm()))

# %%
lines = {name: (depths, values) for name, values in error.items()}
plots.traces({"once around the circle": lines}, log=True, xlabel="blocks (1)",
             ylabel="error of the velocity (1)",
             alt="Error against depth on logarithmic axes: three straight lines of slope −1, −2 and −4.")

# %% claim="doubling_the_depth"
for name, expected in zip(error, (2, 4, 16), strict=True):
    results.record(f"{name}: error with 512 over 1024 blocks", error[name][-2] / error[name][-1],
                   unit="times", at_least=0.8 * expected, at_most=1.2 * expected,
                   reference=f"theory: {expected}")

# %% [markdown]
# **What do we observe?** Straight lines of slopes 1, 2 and 4. A residual network of twice the depth is half as wrong; the leapfrog gains four, for one number more and no extra call of the field.
# Runge–Kutta pays four calls a step and wins by orders of magnitude. **Wiring is knowledge** that no weight has to learn.

# %% [markdown]
# ## Let the data choose k
#
# Now Lorenz's equations of unit 06, sampled every 0.01 time units,
#
# $$\dot x = \sigma (y - x), \quad \dot y = x (\rho - z) - y, \quad \dot z = x y - \beta z .$$
#
# The field is known; only $k$ is learnt, from triples of states.
#
# **Predict.** Which $k$ will it find? And is that a good scheme for a long forecast?

# %%
DT = 0.01
series = lorenz63.trajectories(30, 1000, DT, seed=SEED, dtype=torch.float64)  # (30, 1001, 3)
train, test = series[:10], series[10:]

block = LMResBlock(lorenz63.tendency, DT).double()
adam = torch.optim.Adam(block.parameters(), lr=0.02)
rmse = []
for _ in range(200):
    adam.zero_grad()
    loss = (block(train[:, 1:-1], train[:, :-2]) - train[:, 2:]).pow(2).mean()
    loss.backward()
    adam.step()
    rmse.append(loss.detach().sqrt())
learnt_k = float(block.k.detach())
print(f"k = {learnt_k:.3f}; error of one step {rmse[0]:.4f} with k = 0, {rmse[-1]:.4f} with this k")

# %%
def leapfrog_run(k: float, n: int = 330) -> torch.Tensor:
    """x of a test trajectory, forecast with one k."""
    block = LMResBlock(lorenz63.tendency, DT, k).double().requires_grad_(False)
    run = [test[0, 0], test[0, 1]]
    for _ in range(n - 2):
        run.append(block(run[-1], run[-2]))
    x = torch.stack(run)[:, 0]
    return torch.where(x.abs() < 25, x, torch.nan)  # what leaves the chart is not drawn

time = DT * np.arange(330) / lorenz63.LYAPUNOV_TIME
forecasts = {"truth": test[0, :330, 0]} | {f"k = {k:g}": leapfrog_run(k) for k in (0.0, 0.7, 1.0)}
lines = {name: (time, x) for name, x in forecasts.items()}
plots.traces({"the same block, three values of k": lines}, wide="truth",
             xlabel="time (Lyapunov times)", ylabel="x of Lorenz (1)",
             alt="Forecasts of x with three values of k: k = 1 follows the truth, then jitters and bursts.")

# %% claim="learnt_k"
apart = (forecasts["k = 1"] - forecasts["truth"]).abs().nan_to_num(99.0) > 2
print(f"k = 1 is within 2 of the truth for {time[int(apart.int().argmax())]:.1f} Lyapunov times")
results.record("LM-ResNet on Lorenz: error of one step, learnt k over k = 0", float(rmse[-1] / rmse[0]),
               unit="times", at_most=0.25)
results.record("LM-ResNet on Lorenz: the learnt k", learnt_k, at_least=0.9, at_most=1.1,
               reference="leapfrog: 1")

# %% [markdown]
# **What do we observe?** From data alone the block rediscovers the leapfrog, $k \approx 1$. Yet run freely, $k = 1$ follows the truth for the short time printed above, then jitters and bursts: the scheme has a second solution, a *computational mode* that changes sign
# each step and grows where the flow is damped. With $k = 0.7$ it dies out. Ocean models know the disease and the cure (the Robert–Asselin filter). **The best step is not the best run.**

# %% [markdown]
# ## Learn the field itself
#
# The classical competitor is **analog forecasting**: find the 50 past states most like today's, fit a weighted straight line to how they moved on, and follow it. No training, only memory. Its errors, and those of the
# true equations, frame what a network can reach. We forecast 1, 4 and 8 steps, as in Fablet et al. (2017).

# %%
from scipy.spatial import cKDTree

LEADS = (1, 4, 8)  # steps

def analog_step(past: torch.Tensor, k: int = 50):
    """The forecast of one step by a local linear fit to k analogs in the past series."""
    library, moves = past[:, :-1].reshape(-1, 3), past.diff(dim=1).reshape(-1, 3)
    tree = cKDTree(library.numpy())

    def step(x):
        distance, near = tree.query(x.numpy(), k)
        distance = torch.tensor(distance)[..., None]
        weight = torch.exp(-0.5 * (distance / distance.median(-2, keepdim=True).values) ** 2)
        offset = library[near] - x[..., None, :]
        design = torch.cat([torch.ones_like(weight), offset], -1)  # (…, k, 4)
        line = torch.linalg.lstsq(weight * design, weight * moves[near], driver="gelsd").solution
        return x + line[..., 0, :]

    return step

# %%
def errors(step, series: torch.Tensor = test) -> dict[int, float]:
    """RMSE of forecasts over 1, 4 and 8 steps, from 100 states of each test series."""
    state, found = series[:, :-8:10], {}
    for lead in range(1, 9):
        state = step(state)
        found[lead] = float((state - series[:, lead::10][:, : state.shape[1]]).pow(2).mean().sqrt())
    return {lead: found[lead] for lead in LEADS}

def show(table: dict) -> None:
    """A table of errors, one line for each model."""
    print(f"{'rmse after':<34}" + "".join(f"{f'{n} step' + 's' * (n > 1):<9}" for n in LEADS))
    for name, row in table.items():
        print(f"{name:<34}" + "".join(f"{value:<9.1e}" for value in row.values()))

table = {"persistence": errors(lambda x: x), "analogs": errors(analog_step(train)),
         "true equations, Euler": errors(lambda x: euler_step(lorenz63.tendency, x, DT))}
show(table)

# %% [markdown]
# **What do we observe?** Analogs know nothing of Lorenz and beat the true equations stepped by Euler. A good scheme can matter more than the right equation.
#
# The equations of Lorenz hold products of two variables, as the equations of the ocean do: $u\,\partial_x u$. A network of tanh units can only approximate a product. So let us build one in.

# %% [markdown]
# ### Exercise 4 — A field that can multiply
#
# Three linear layers with offsets, $W$, $A$ and $B$, from $n$ to $n$ numbers, and an elementwise product:
#
# $$f(x) = (W x + a) + (A x + b) \circ (B x + c) .$$
#
# With the right weights this *is* the Lorenz system, exactly. The form is prescribed; how you write it (three layers, one wide layer cut in three, bare parameters) and how the weights start is free. The check trains your class and asks whether it gets there.

# %% exercise="BilinearField"
class BilinearField(nn.Module):
    """Tendencies (…, n) of states (…, n): affine plus the product of two affine maps."""

    def __init__(self, n: int = 3):
        super().__init__()
        ### BEGIN SOLUTION
        self.linear, self.left, self.right = nn.Linear(n, n), nn.Linear(n, n), nn.Linear(n, n)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        return self.linear(x) + self.left(x) * self.right(x)
        ### END SOLUTION

# %% check="BilinearField" points=3
def fitted_to(target, x, starts=8):
    """The smallest mean squared error to target(x) that L-BFGS finds."""
    found = []
    for seed in range(starts):
        torch.manual_seed(seed)
        field = BilinearField().double()
        lbfgs = torch.optim.LBFGS(field.parameters(), max_iter=200, line_search_fn="strong_wolfe")
        lbfgs.step(lambda field=field, lbfgs=lbfgs: fit_closure(field, lbfgs, target, x))
        found.append(float((field(x) - target(x)).detach().pow(2).mean().nan_to_num(1e9)))
        if found[-1] < 1e-6:
            break
    return min(found)

def fit_closure(field, optimizer, target, x):
    optimizer.zero_grad()
    (loss := (field(x) - target(x)).pow(2).mean()).backward()
    return loss

cloud_toy = torch.randn(200, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
checks.same_shape(BilinearField().double()(cloud_toy), (200, 3), "the tendencies of 200 states")
left_toy = fitted_to(lambda x: lorenz63.tendency(x - 1.0, 1.0, 2.0, 0.5), cloud_toy)
checks.holds(left_toy < 1e-6, "trained, it becomes a Lorenz system in shifted units",
             seen=f"an error of {left_toy:.1e}", expected="less than 1e-6",
             look_at="an affine part, a product of affine maps, all with offsets and trained")
checks.passed("BilinearField")
### BEGIN HIDDEN TESTS
torch.manual_seed(0)
field_toy, five_toy = BilinearField().double(), BilinearField(5)
checks.close(sum(p.numel() for p in field_toy.parameters()), 36, "36 weights for n = 3",
             look_at="three nn.Linear(n, n)")
checks.close(sum(p.numel() for p in five_toy.parameters()), 90, "90 weights for n = 5", look_at="use n")
checks.same_shape(field_toy(cloud_toy.reshape(4, 50, 3)), (4, 50, 3), "tendencies of states (4, 50, 3)")
checks.close(field_toy(cloud_toy[0]), field_toy(cloud_toy)[0], "the tendency of one state, (3,)")
checks.same_shape(five_toy(torch.randn(7, 5)), (7, 5), "tendencies of 7 states of 5 numbers")
along_toy = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None] * cloud_toy[:1] + cloud_toy[1:2]
rise_toy = field_toy(along_toy).detach().diff(dim=0, n=2)
checks.close(rise_toy.diff(dim=0), torch.zeros(4, 3), "third differences vanish: the field is quadratic",
             tolerance=1e-9, look_at="no activation")
checks.holds(rise_toy.abs().min() > 1e-6, "second differences do not: the field bends",
             seen=f"{rise_toy.abs().min():.1e}", expected="more than 0 in each component",
             look_at="a product of two different affine maps, both of x")
slant_toy = fitted_to(lambda x: x @ torch.arange(9.0).double().reshape(3, 3) - 2.0, cloud_toy)
checks.holds(slant_toy < 1e-6, "trained, it becomes any affine field", seen=f"an error of {slant_toy:.1e}",
             expected="less than 1e-6", look_at="the affine part")
checks.gradients_everywhere(field_toy, field_toy(cloud_toy), "gradients reach every weight")
wide_toy = cloud_toy.repeat(20, 1)
checks.close(field_toy(wide_toy), field_toy(wide_toy), "the same states, the same answer",
             tolerance=0, look_at="no dropout, nothing random")
starts_toy = []
for seed_toy in (1, 2):
    torch.manual_seed(seed_toy)
    starts_toy.append(BilinearField()(torch.ones(3)))
checks.holds((starts_toy[0] - starts_toy[1]).abs().max() > 1e-4, "two seeds, two starts",
             seen="the same weights", expected="others", look_at="set no seed in the class")
checks.holds(starts_toy[0].dtype == torch.float32, "weights are of the default type",
             seen=str(starts_toy[0].dtype), expected="torch.float32")
checks.inputs_unchanged(field_toy, cloud_toy)
checks.keeps_device_and_dtype(field_toy, cloud_toy)
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Three layers see the same x; two of their outputs are multiplied, one is added. </details>
# <details><summary>Hint 2 — shapes</summary> All three map (…, n) to (…, n); the product is elementwise. </details>
# <details><summary>Hint 3 — API</summary> <code>nn.Linear(n, n)</code> three times; <code>*</code>, not <code>@</code>. </details>

# %% [markdown]
# ## Fit by the curvature
#
# The network is small and its loss smooth, so we use **L-BFGS**, which estimates the curvature; Adam would crawl. Two details matter. States enter *whitened* (rotated and scaled: no correlation, variance 1), since Lorenz's $x$ and $y$ are
# nearly twins. And some starts end in a poor minimum, so we take the best of a few by the *training* loss, summed over the steps of a window.

# %%
flat = train.reshape(-1, 3)
mean, whiten = flat.mean(0), torch.linalg.inv(torch.linalg.cholesky(torch.cov(flat.T)))
pace = (train.diff(dim=1) / DT).std((0, 1))

class InUnits(nn.Module):
    """A network that sees whitened states and answers in the units of Lorenz."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network.double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return pace * self.network((x - mean) @ whiten.T)

def windows(series: torch.Tensor, length: int, stride: int) -> torch.Tensor:
    """Windows (n, length, 3) of series (m, t, 3), one begun every `stride` steps."""
    return series.unfold(1, length, stride).movedim(-1, 2).reshape(-1, length, 3)

# %%
def fit(parameters, field, data: torch.Tensor, n_iter: int, step=rk4_step) -> float:
    """L-BFGS on the forecast error of windows (n, length, 3) from their first state."""
    lbfgs = torch.optim.LBFGS(parameters, max_iter=n_iter, history_size=30, line_search_fn="strong_wolfe",
                              tolerance_grad=1e-13, tolerance_change=1e-16)

    def closure():
        lbfgs.zero_grad()
        state, loss = data[:, 0], 0.0
        for target in data[:, 1:].unbind(1):
            state = step(field, state, DT)
            loss = loss + ((state - target) / pace / DT).pow(2).mean()
        loss.backward()
        return loss

    lbfgs.step(closure)
    return float(closure().detach())

# %% [markdown]
# **Predict.** Three networks learn from the same pairs: a bilinear field inside an Euler step, the same inside Runge–Kutta, and a tanh network with 20 hidden units inside Runge–Kutta. Which errors
# will they reach after 8 steps?

# %%
def best_of(make, data: torch.Tensor, starts: int, step=rk4_step, n_iter=400, enough=1e-13) -> InUnits:
    """The field with the lowest training loss; no more starts once it is low enough."""
    found = []
    for start in range(starts):
        torch.manual_seed(100 * SEED + start)
        field = InUnits(make())
        found.append((fit(field.parameters(), field, data, n_iter, step), start, field))
        if found[-1][0] < enough:
            break
    print("training losses", *(f"{loss:.0e}" for loss, *_ in found))
    return min(found)[2].requires_grad_(False)

def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 20), nn.Tanh(), nn.Linear(20, 3))

# %%
pairs = windows(train, length=2, stride=10)  # (1000, 2, 3)
bilinear_euler = best_of(BilinearField, pairs, 3, step=euler_step, n_iter=100)
bilinear = best_of(BilinearField, pairs, 6)
tanh = best_of(mlp, pairs, 2, n_iter=300)
table["bilinear network, Euler"] = errors(lambda x: euler_step(bilinear_euler, x, DT))
table["tanh network, Runge–Kutta"] = errors(lambda x: rk4_step(tanh, x, DT))
table["bilinear network, Runge–Kutta"] = errors(lambda x: rk4_step(bilinear, x, DT))
show(table)

# %% claim="published_order" headline="a bilinear Runge–Kutta network errs by {0:.0e} after 8 steps (published: below 10⁻⁶)"
after_8 = {name: row[8] for name, row in table.items()}
results.record("bilinear Runge–Kutta network: error after 8 steps", after_8["bilinear network, Runge–Kutta"],
               at_most=1e-6, reference="published: < 1e-6")
results.record("error after 8 steps: tanh network over analogs",
               after_8["tanh network, Runge–Kutta"] / after_8["analogs"], unit="times", at_least=1.2,
               reference="published: 0.044 / 0.005")
results.record("error after 8 steps: bilinear network in Euler over the same in Runge–Kutta",
               after_8["bilinear network, Euler"] / after_8["bilinear network, Runge–Kutta"],
               unit="times", at_least=1e4)

# %% [markdown]
# **What do we observe?** The published order returns: the bilinear Runge–Kutta network far ahead, then analogs, then the tanh network. Analogs, with nothing but memory, beat a tanh network of this width, which must imitate a product (a wider one can come close to them).
# Inside an Euler step the bilinear field does better than the true equations did, since it learns to compensate for the scheme, but it cannot do so exactly.

# %% [markdown]
# ## How long is a forecast valid?
#
# A forecast is *valid* until its error exceeds 40 % of the spread of the attractor. Chaos multiplies an error by e each Lyapunov time.
#
# **Predict.** From the errors of one step in the table, how many Lyapunov times apart will the tanh and the bilinear network fail?

# %%
@torch.no_grad()
def valid_times(field, n_steps: int = 2000) -> torch.Tensor:
    """For each test series: how long its forecast is valid (Lyapunov times), truth, forecast."""
    truth, run = lorenz63.integrate(test[:, 0], n_steps, DT), [test[:, 0]]
    for _ in range(n_steps):
        run.append(rk4_step(field, run[-1], DT))
    run = torch.stack(run, 1)
    wrong = (run - truth).norm(dim=-1) > 0.4 * flat.var(0).sum().sqrt()
    first = torch.where(wrong.any(1), wrong.int().argmax(1), n_steps)
    return first * DT / lorenz63.LYAPUNOV_TIME, truth, run

valid, truth, run_tanh = valid_times(tanh)
valid_bilinear, truth, run_bilinear = valid_times(bilinear)
print(f"median valid time: tanh {valid.median():.1f}, bilinear {valid_bilinear.median():.1f} Lyapunov times")

# %%
time = DT * np.arange(2001) / lorenz63.LYAPUNOV_TIME
shown = {"truth": truth, "bilinear network": run_bilinear, "tanh network": run_tanh}
lines = {name: (time[:1200], run[0, :1200, 0]) for name, run in shown.items()}
plots.traces({"one test forecast": lines}, wide="truth",
             xlabel="time (Lyapunov times)", ylabel="x of Lorenz (1)",
             alt="x of Lorenz: the bilinear forecast covers the truth, the tanh one leaves it early.")

# %% claim="valid_time"
results.record("bilinear Runge–Kutta network: median valid time", float(valid_bilinear.median()),
               unit="Lyapunov times", at_least=8)

# %% [markdown]
# **What do we observe?** The tanh network follows for some turns and then lives another life on the same attractor. The bilinear one keeps to the truth several times longer. Each
# factor $e$ in accuracy buys just one Lyapunov time: a dozen of them cost a factor of $e^{12}$, a hundred and sixty thousand.

# %% [markdown]
# ## Read the equations
#
# If the network holds the equations, we can read them. The Jacobian of Lorenz's field at the origin is
#
# $$\begin{pmatrix} -\sigma & \sigma & 0 \\ \rho & -1 & 0 \\ 0 & 0 & -\beta \end{pmatrix}, \qquad \sigma = 10,\ \rho = 28,\ \beta = 8/3 .$$
#
# The origin is no part of the attractor: this is a test off the data. And where the form of an equation is known, descent *through the scheme* finds its parameters alone.

# %%
jacobian = torch.autograd.functional.jacobian(bilinear, torch.zeros(3, dtype=torch.float64))
jacobian_tanh = torch.autograd.functional.jacobian(tanh, torch.zeros(3, dtype=torch.float64))
print("bilinear network:", *(np.round(row.numpy(), 3) + 0.0 for row in jacobian), sep="\n")
print("tanh network:", *(np.round(row.numpy(), 1) for row in jacobian_tanh), sep="\n")
print(f"distance from the origin to the closest training state: {flat.norm(dim=1).min():.1f}")

def learn_parameters(data: torch.Tensor, guess=(5.0, 15.0, 1.0)) -> torch.Tensor:
    """σ, ρ and β of the Lorenz equations that fit windows of data, from a poor guess."""
    p = torch.tensor(guess, dtype=torch.float64, requires_grad=True)
    fit([p], lambda x: lorenz63.tendency(x, *p), data, n_iter=50)
    return p.detach()

known = torch.tensor([lorenz63.SIGMA, lorenz63.RHO, lorenz63.BETA], dtype=torch.float64)
learnt = learn_parameters(pairs)
print(f"learnt through Runge–Kutta: σ = {learnt[0]:.4f}, ρ = {learnt[1]:.4f}, β = {learnt[2]:.4f}")

# %% claim="parameters"
read = torch.stack([jacobian[0, 1], jacobian[1, 0], -jacobian[2, 2]])
results.record("σ, ρ, β read from the network: largest relative error",
               100 * float((read / known - 1).abs().max()), unit="%", at_most=1)
results.record("σ, ρ, β of the known equations, learnt: largest relative error",
               100 * float((learnt / known - 1).abs().max()), unit="%", at_most=1)

# %% [markdown]
# **What do we observe?** The bilinear network reads like a textbook; the tanh network, which forecasts decently on the attractor, has something else at the origin. It fitted the data, not the law.

# %% [markdown]
# ## Noisy data
#
# Instruments are noisy: we add Gaussian noise of standard deviation 0.5 to the training series. A step of 0.01 moves the state by about as much. We train on pairs as before, and on windows of 16 states.
#
# **Predict.** Analogs average 50 neighbours. Will the bilinear network still beat them?

# %%
generator = torch.Generator().manual_seed(SEED)
noisy = train + 0.5 * torch.randn(train.shape, generator=generator, dtype=train.dtype)
from_pairs = best_of(BilinearField, windows(noisy, 2, 5), 3, n_iter=100)
from_windows = InUnits(BilinearField())
from_windows.load_state_dict(from_pairs.state_dict())
loss = fit(from_windows.parameters(), from_windows, windows(noisy, 16, 16), n_iter=60)
for parameter in from_windows.parameters():
    parameter.requires_grad_(False)

# %%
noisy_table = {f"{k} analogs": errors(analog_step(noisy, k)) for k in (50, 200, 400)}
noisy_table["bilinear, from pairs"] = errors(lambda x: rk4_step(from_pairs, x, DT))
noisy_table["bilinear, from windows"] = errors(lambda x: rk4_step(from_windows, x, DT))
show(noisy_table)
for name, data in {"pairs": windows(noisy, 2, 5), "windows": windows(noisy, 16, 16)}.items():
    off = 100 * (learn_parameters(data) / known - 1).abs().max()
    print(f"σ, ρ, β of the known equations from noisy {name}: off by up to {off:.1f} %")

# %% claim="noise"
best_analogs = min(noisy_table[f"{k} analogs"][8] for k in (50, 200, 400))
results.record("noise 0.5, error after 8 steps: bilinear network from windows over the best analogs",
               noisy_table["bilinear, from windows"][8] / best_analogs, unit="times", at_most=0.55,
               reference="published: 0.14 / 2.2")
results.record("noise 0.5, error after 8 steps: bilinear network, from windows over from pairs",
               noisy_table["bilinear, from windows"][8] / noisy_table["bilinear, from pairs"][8],
               unit="times", at_most=0.5)

# %% [markdown]
# **What do we observe?** From pairs the network *loses* to analogs. Its input is noisy too, and the same noise enters the tendency with the opposite sign, divided by the step: a regression on noisy predictors is biased, however many
# data. Over a window the noise weighs less, and the network wins again. Our analogs err less than the published ones, so our ratio is less extreme.

# %% [markdown]
# ## A model at work: weak-constraint 4DVar
#
# Observations come every 8 steps, with error variance 2. We look for the whole trajectory $x_0 \dots x_T$ that agrees with them *and* nearly with the model $M$:
#
# $$J(x) = \sum_{\text{observed}} \frac{(x - y)^2}{\sigma_o^2} + \sum_t \frac{\lVert x_{t+1} - M(x_t)\rVert^2}{\sigma_q^2} .$$
#
# This is four-dimensional variational assimilation (4DVar). In *strong*-constraint 4DVar the model is exact and only $x_0$ is sought; in the *weak* form it may err, by about $\sigma_q$ a step. $M$ can be an equation or a network.

# %%
def observed(components=(0, 1, 2), n: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    """Fresh trajectories (n, 161, 3), and what is observed of them (NaN in between)."""
    truth = lorenz63.trajectories(n, 160, DT, seed=1000 + SEED, dtype=torch.float64)
    return truth, lorenz63.observe(truth, every=8, variance=2.0, components=components, seed=SEED)

def interpolated(obs: torch.Tensor) -> torch.Tensor:
    """Linear interpolation in time; the training mean for what is never observed."""
    times, series = np.arange(obs.shape[1]), obs.movedim(-1, 1).numpy().copy()  # (n, 3, t)
    for i, j in np.ndindex(series.shape[:2]):
        seen = ~np.isnan(series[i, j])
        known = series[i, j, seen] if seen.any() else [float(mean[j])]
        series[i, j] = np.interp(times, times[seen] if seen.any() else [0], known)
    return torch.tensor(series).movedim(1, -1).contiguous()

# %% [markdown]
# ## Bug clinic: zeros are observations
#
# Published code has filled gaps with zeros and then counted the zeros as data: it took a standard deviation over them. The same slip in a cost looks like this: `mask` is given and ignored. We minimise it from the interpolated observations.
#
# **Symptom**: the whole analysis sinks towards zero.

# %%
def cost_with_zeros(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    obs = torch.nan_to_num(obs)  # "no NaN must enter a network"
    misfit = ((x - obs) ** 2).sum() / obs_variance
    jump = ((x[..., 1:, :] - model(x[..., :-1, :])) ** 2).sum() / model_variance
    return misfit + jump

truth, obs = observed()
x = interpolated(obs).requires_grad_()
adam = torch.optim.Adam([x], lr=0.1)
for _ in range(300):
    adam.zero_grad()
    cost_with_zeros(x, obs, ~obs.isnan(), lambda x: rk4_step(lorenz63.tendency, x, DT)).backward()
    adam.step()

# %%
time = DT * np.arange(161)
shown = {"truth": truth, "zeros observed": x.detach(), "observations": obs}
lines = {name: (time, values[0, :, 2]) for name, values in shown.items()}
plots.traces({"one window": lines}, wide="truth", dots="observations",
             xlabel="time (1)", ylabel="z of Lorenz (1)",
             alt="z of Lorenz: the minimum of this cost runs far below truth and observations.")

# %% [markdown]
# ### Exercise 5 — Repair the cost
#
# Only observed values count: what stands in `obs` where `mask` is false (NaN, 0, −999) must change neither the cost nor its gradient. Both terms are *sums*, over time, components and batch.

# %% exercise="weak_4dvar_cost"
def weak_4dvar_cost(x, obs, mask, model, obs_variance: float = 2.0,
                    model_variance: float = 0.1) -> torch.Tensor:
    """Σ over mask (x − obs)² / obs_variance + Σ (x[t + 1] − model(x[t]))² / model_variance.

    x, obs: (t, 3) or (b, t, 3); mask: boolean, of the same shape, true where observed;
    model: maps states (…, 3) to those one step later. Returns one number, differentiable in x.
    """
    ### BEGIN SOLUTION
    misfit = (x - obs)[mask].pow(2).sum() / obs_variance
    jump = (x[..., 1:, :] - model(x[..., :-1, :])).pow(2).sum() / model_variance
    return misfit + jump
    ### END SOLUTION

# %% check="weak_4dvar_cost" points=3
path_toy = torch.arange(12.0, dtype=torch.float64).reshape(4, 3)  # each step adds 3
mask_toy = torch.zeros(4, 3, dtype=torch.bool)
mask_toy[0], mask_toy[2, 1] = True, True
seen_toy = torch.where(mask_toy, path_toy + 2.0, torch.nan)
checks.close(weak_4dvar_cost(path_toy, path_toy.where(mask_toy, torch.nan), mask_toy, lambda x: x + 3.0), 0.0,
             "a perfect trajectory costs nothing", look_at="NaN times 0 is NaN: choose the observed values")
checks.close(weak_4dvar_cost(path_toy, seen_toy, mask_toy, lambda x: x + 3.0), 8.0,
             "four observations, each off by 2, with variance 2: 4 × 4 / 2", look_at="sums, not means")
checks.close(weak_4dvar_cost(path_toy, path_toy, mask_toy, lambda x: x + 2.0, model_variance=0.5), 18.0,
             "nine jumps of 1, with variance 0.5: 9 / 0.5", look_at="x[t + 1] against model(x[t])")
leaf_toy = torch.stack([path_toy, path_toy - 50.0]).requires_grad_()
both_toy, hole_toy = torch.stack([mask_toy, mask_toy]), torch.stack([seen_toy, seen_toy - 50.0])
pair_cost = weak_4dvar_cost(leaf_toy, hole_toy, both_toy, lambda x: x + 3.0)
checks.close(pair_cost, 16.0, "a batch of two such trajectories, (2, 4, 3)", look_at="time is axis −2")
checks.close(torch.autograd.grad(pair_cost, leaf_toy)[0], -2.0 * both_toy,
             "its gradient: −2 where observed, 0 elsewhere",
             look_at="is there a NaN? choose the observed values before you square")
checks.passed("weak_4dvar_cost")
### BEGIN HIDDEN TESTS
def bent(x):
    return x + 0.1 * torch.sin(x.roll(1, -1)) * x

generator_toy = torch.Generator().manual_seed(0)
batch_toy = torch.randn(2, 5, 3, generator=generator_toy, dtype=torch.float64)
look_toy = torch.rand(2, 5, 3, generator=generator_toy) < 0.5
data_toy = batch_toy + torch.randn(2, 5, 3, generator=generator_toy, dtype=torch.float64)
costs_toy, slopes_toy = [], []
for hidden in (torch.nan, 0.0, -999.0, torch.inf):
    point_toy = batch_toy.clone().requires_grad_()
    cost_toy = weak_4dvar_cost(point_toy, data_toy.where(look_toy, hidden), look_toy, bent, 1.5, 0.3)
    checks.same_shape(cost_toy, (), "the cost, one number")
    slopes_toy.append(torch.autograd.grad(cost_toy, point_toy)[0])
    costs_toy.append(float(cost_toy.detach()))
checks.close(costs_toy, costs_toy[1] * np.ones(4), "hidden values (NaN, 0, −999, ∞) do not count",
             look_at="the mask")
checks.close(torch.stack(slopes_toy), slopes_toy[1].expand(4, 2, 5, 3), "nor in the gradient",
             tolerance=1e-9, look_at="torch.where passes NaN back from the branch not taken: select first")
def cost_of(values):
    return float(weak_4dvar_cost(values.reshape(2, 5, 3), data_toy, look_toy, bent, 1.5, 0.3))

moves_toy = 1e-5 * torch.eye(30, dtype=torch.float64)
flat_toy = batch_toy.flatten()
differences = [(cost_of(flat_toy + move) - cost_of(flat_toy - move)) / 2e-5 for move in moves_toy]
checks.close(slopes_toy[0].flatten(), differences, "the gradient is that of finite differences",
             tolerance=1e-6, look_at="nothing detached, neither x[t] nor x[t + 1]")
parts_toy = [weak_4dvar_cost(batch_toy[i], data_toy[i], look_toy[i], bent, 1.5, 0.3) for i in range(2)]
checks.close(costs_toy[0], float(sum(parts_toy)),
             "a batch costs what its members cost: no jump from one to the next")
none_toy = torch.zeros_like(look_toy)
checks.close(weak_4dvar_cost(batch_toy, data_toy, none_toy, bent),
             10 * (batch_toy[:, 1:] - bent(batch_toy)[:, :-1]).pow(2).sum(),
             "with nothing observed the model remains")
checks.close(weak_4dvar_cost(batch_toy, data_toy, ~none_toy, bent, model_variance=1e30),
             (batch_toy - data_toy).pow(2).sum() / 2,
             "with no trust in the model the observations remain, the last one too")
checks.close(weak_4dvar_cost(batch_toy, data_toy, look_toy, bent, obs_variance=0.25, model_variance=1e30),
             4 * ((batch_toy - data_toy)[look_toy] ** 2).sum(), "observations with variance 0.25")
checks.inputs_unchanged(lambda x, y, m: weak_4dvar_cost(x, y, m, bent), batch_toy, data_toy, look_toy)
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> Select first, subtract and square afterwards. The model term needs no mask: the model holds everywhere. </details>
# <details><summary>Hint 2 — shapes</summary> Time is the last axis but one: <code>x[..., 1:, :]</code> and <code>x[..., :-1, :]</code> are both (…, t − 1, 3). </details>
# <details><summary>Hint 3 — API</summary> <code>(x - obs)[mask]</code> is a list of the observed differences; its <code>.pow(2).sum()</code> knows no NaN. </details>

# %% [markdown]
# ### Exercise 6 — Assimilate
#
# Minimise a cost over the trajectory, starting at `first_guess`, with `n_steps` iterations. The model term is stiff and couples neighbouring times: gradient descent crawls, and Adam needs many times more iterations. So take
# `torch.optim.LBFGS` with `max_iter=n_steps` and `line_search_fn="strong_wolfe"`, and call its `step` once. The check brings costs of its own, so a mistake in exercise 5 does no harm here.

# %% exercise="assimilate"
def assimilate(cost, first_guess, n_steps: int = 200) -> torch.Tensor:
    """The trajectory that minimises a cost, sought from first_guess.

    cost: maps a trajectory to one number; first_guess: (t, 3) or (b, t, 3), left unchanged.
    Returns the analysis, of the shape and type of first_guess, without a graph.
    """
    ### BEGIN SOLUTION
    x = first_guess.detach().clone().requires_grad_()
    lbfgs = torch.optim.LBFGS([x], max_iter=n_steps, history_size=10, line_search_fn="strong_wolfe")

    def closure():
        value = cost(x)
        (x.grad,) = torch.autograd.grad(value, x)
        return value

    lbfgs.step(closure)
    return x.detach()
    ### END SOLUTION

# %% check="assimilate" points=3
goal_toy = torch.linspace(-2, 2, 12, dtype=torch.float64).reshape(4, 3).cos()
def valley(x):
    """A cost with its minimum of −5 at goal_toy, a hundred times steeper in some directions."""
    return (torch.logspace(0, 2, 12).reshape(4, 3) * (x - goal_toy) ** 2).sum() - 5

bottom_toy = assimilate(valley, flat_guess := torch.zeros(4, 3, dtype=torch.float64))
checks.same_shape(bottom_toy, (4, 3), "the analysis")
checks.close(bottom_toy, goal_toy, "the bottom of a steep valley is found", tolerance=0.02,
             look_at="is x a leaf, its gradient cleared in the closure? Or a learning rate too small")
def half_way(x):
    return x + 0.01 * lorenz63.tendency(x + 0.005 * lorenz63.tendency(x))

nature_toy = lorenz63.trajectories(4, 64, seed=1, dtype=torch.float64)  # (4, 65, 3)
obs_toy = lorenz63.observe(nature_toy, every=8, variance=2.0, seed=2)
def weigh(x, seen=2):
    jumps = (x[..., 1:, :] - half_way(x[..., :-1, :])).pow(2).sum()
    return (x - obs_toy[: len(x)])[..., ::8, :seen].pow(2).sum() / 2 + 10 * jumps

line_toy = nn.functional.interpolate(obs_toy[:, ::8].mT, 65, mode="linear", align_corners=True)
guess_toy = line_toy.mT.contiguous()
no_z = torch.cat([guess_toy[..., :2], torch.full((4, 65, 1), 23.0)], -1)
least_toy, limit_toy = float(weigh(assimilate(weigh, no_z)).detach()), float(weigh(nature_toy))
checks.holds(least_toy < limit_toy, "Lorenz, x and y observed: in 200 iterations as cheap as the truth",
             seen=f"{least_toy:.0f}", expected=f"below {limit_toy:.0f}", look_at="L-BFGS, max_iter=n_steps")
checks.passed("assimilate")
### BEGIN HIDDEN TESTS
checks.close(flat_guess, torch.zeros(4, 3), "the first guess stays as it was", look_at="clone it")
checks.holds(not bottom_toy.requires_grad, "the analysis has no graph", seen="a graph", expected="none",
             look_at=".detach()")
checks.holds(bottom_toy.dtype == torch.float64, "its type is that of the first guess",
             seen=str(bottom_toy.dtype), expected="torch.float64")
checks.close(assimilate(valley, flat_guess, n_steps=0), flat_guess, "no step, no change", look_at="n_steps")
checks.close(assimilate(valley, goal_toy), goal_toy, "at the bottom it stays", look_at="start at first_guess")
leaf_guess = flat_guess.clone().requires_grad_()
checks.close(assimilate(valley, leaf_guess), goal_toy, "a first guess that requires a gradient",
             tolerance=0.02, look_at="first_guess.detach().clone()")
single_toy = assimilate(lambda x: ((x - 1) ** 2).sum(), torch.zeros(4, 3)).dtype
checks.holds(single_toy == torch.float32, "single precision is kept", seen=str(single_toy),
             expected="torch.float32")
dice_toy = torch.manual_seed(1234).get_state()
assimilate(valley, flat_guess, n_steps=5)
checks.holds(torch.equal(dice_toy, torch.get_rng_state()), "no random number is drawn, no seed set",
             seen="another state of the generator", expected="the same")
checks.holds(torch.get_default_dtype() == torch.float32, "the default type is left alone",
             seen=str(torch.get_default_dtype()), expected="torch.float32")
def all_seen(x):
    return weigh(x, seen=3)

analysis_toy = assimilate(all_seen, guess_toy)
gain_toy = float((analysis_toy - nature_toy).pow(2).mean() / (guess_toy - nature_toy).pow(2).mean())
checks.holds(gain_toy < 0.6, "the analysis beats linear interpolation", expected="less than 0.6",
             seen=f"a squared error of {gain_toy:.2f} times that of the interpolation",
             look_at="L-BFGS with max_iter=n_steps")
checks.holds(all_seen(analysis_toy) < all_seen(nature_toy), "the minimum costs no more than the truth",
             seen=f"{all_seen(analysis_toy):.0f} against {all_seen(nature_toy):.0f}", expected="less")
checks.close(assimilate(all_seen, guess_toy[:1]), analysis_toy[:1],
             "one trajectory as within a batch", tolerance=0.03)
### END HIDDEN TESTS

# %% [markdown]
# <details><summary>Hint 1 — idea</summary> A training loop whose only "weights" are the states. </details>
# <details><summary>Hint 2 — shapes</summary> x has the shape of first_guess; the cost is one number; its gradient has the shape of x. </details>
# <details><summary>Hint 3 — API</summary> <code>x = first_guess.detach().clone().requires_grad_()</code>; <code>torch.optim.LBFGS([x], max_iter=n_steps, line_search_fn="strong_wolfe")</code>; its <code>step(closure)</code> once, where <code>closure()</code> clears the gradient, calls <code>backward</code> on the cost and returns it; return <code>x.detach()</code>. </details>

# %% [markdown]
# ## The ladder of assimilation
#
# We estimate the same trajectories from the same observations by linear interpolation, by a smoothing spline (its stiffness from cross-validation, no dynamics), and by weak 4DVar with the true equations and with each network.
#
# **Predict.** The forecasts of the tanh network were worse than the bilinear ones by many orders of magnitude. How much worse will its analysis be?

# %%
from scipy.interpolate import make_smoothing_spline

knots, steps = np.arange(0, 161, 8), np.arange(161)

def stepper(field):
    """The model that takes one step with a field."""
    return lambda x: rk4_step(field, x, DT)

def analyse(field, obs, n_steps=200, model_variance=0.1):
    """Weak 4DVar from the interpolated observations (n, t, 3), with a field."""
    def cost(x):
        return weak_4dvar_cost(x, obs, ~obs.isnan(), stepper(field), model_variance=model_variance)

    return assimilate(cost, interpolated(obs), n_steps)

# %%
splines = [make_smoothing_spline(knots, window[::8].numpy())(steps) for window in obs]
analyses = {"linear interpolation": interpolated(obs), "smoothing spline": torch.tensor(np.array(splines))}
fields = {"true equations": lorenz63.tendency, "bilinear": bilinear, "bilinear, noisy windows": from_windows,
          "bilinear, noisy pairs": from_pairs, "tanh": tanh}
for name, field in fields.items():
    analyses[f"4DVar, {name}"] = analyse(field, obs)
mse = {name: float((estimate - truth).pow(2).mean()) for name, estimate in analyses.items()}
for name, value in mse.items():
    print(f"{name:<32}mean squared error {value:.3f}")

# %% [markdown]
# One of the windows, as errors: what is left of the truth in each estimate.

# %%
shown = {name: analyses[name] for name in ("linear interpolation", "4DVar, true equations", "4DVar, tanh")}
lines = {name: (time, (x - truth)[0, :, 2]) for name, x in (shown | {"observations": obs}).items()}
plots.traces({"one window": lines}, wide="4DVar, true equations", dots="observations",
             xlabel="time (1)", ylabel="error of z (1)",
             alt="Errors of z: interpolation follows the noise, both 4DVars err much less.")

# %% claim="assimilation" headline="in 4DVar it has {1:.2f} times the squared error of the true equations"
results.record("weak 4DVar with the true equations over linear interpolation: mean squared error",
               mse["4DVar, true equations"] / mse["linear interpolation"], unit="times", at_most=0.24,
               reference="earlier trial: 0.37 / 1.56")
for name in ("bilinear", "bilinear, noisy windows"):
    results.record(f"weak 4DVar, network ({name}) over true equations: mean squared error",
                   mse[f"4DVar, {name}"] / mse["4DVar, true equations"], unit="times", at_most=1.3)

# %% [markdown]
# **What do we observe?** The dynamics are worth far more than smoothness. The learned bilinear model serves as well as the true one, even when it learnt from noise. And the tanh network is only a little behind: between two
# observations it needs to be right for eight steps, not for ten Lyapunov times. **Assimilation forgives**, if it is told how much.

# %% [markdown]
# ## How much to trust a model
#
# $\sigma_q^2$ says how far a step of the model may be off. **Predict.** For a perfect model less is better. For the network from noisy pairs?

# %%
trusts, by_trust = (1.0, 0.3, 0.1, 0.03, 0.01), {}
for name in ("true equations", "tanh", "bilinear, noisy pairs"):
    by_trust[name] = []
    for variance in trusts:
        estimate = analyse(fields[name], obs[:12], 100, model_variance=variance)
        by_trust[name].append(float((estimate - truth[:12]).pow(2).mean()))
lines = {name: (trusts, values) for name, values in by_trust.items()}
plots.traces({"4DVar with three models": lines}, log=True,
             xlabel="variance of a model step (1)", ylabel="mean squared error (1)",
             alt="Error against model variance: falling for good models, with a minimum for the poor one.")

# %% claim="trust"
results.record("analysis with the network from noisy pairs: error at σ²q = 0.01 over the smallest",
               by_trust["bilinear, noisy pairs"][-1] / min(by_trust["bilinear, noisy pairs"]),
               unit="times", at_least=1.04)
results.record("analysis with the true equations: error at σ²q = 0.01 over that at 0.1",
               by_trust["true equations"][-1] / by_trust["true equations"][2], unit="times", at_most=0.75)

# %% [markdown]
# **What do we observe?** For the good models the error falls as far as we look. For the biased network it has a minimum: beyond it, the model drags the analysis away from good observations. Trust must
# match quality.

# %% [markdown]
# ## Limits: what the observations cannot tell
#
# Lorenz's equations do not change when $x$ and $y$ change sign. **Predict.** We observe only $x$ and $y$, only $x$, or only $z$. In which case does 4DVar fail, even with the true equations?

# %%
partial = {}
for name, components in {"x, y and z": (0, 1, 2), "x and y": (0, 1), "x": (0,), "z": (2,)}.items():
    _, part = observed(components)
    partial[name] = analyse(lorenz63.tendency, part, 400)
    square = (partial[name] - truth).pow(2).mean((0, 1))
    print(f"observed {name:<12}squared error of x {square[0]:6.2f}, y {square[1]:6.2f}, z {square[2]:6.2f}")

# %%
shown = {"truth": truth, "x observed": partial["x"], "z observed": partial["z"]}
panels = {c: {name: (time, run[0, :, i]) for name, run in shown.items()} for i, c in enumerate("xyz")}
plots.traces(panels, wide="truth", xlabel="time (1)", ylabel="x, y and z of Lorenz (1)",
             alt="Components of Lorenz: with x observed all are found; with z observed, x and y are not.")

# %% claim="unobservable"
lost = (partial["z"] - truth)[..., :2].pow(2).mean() / truth[..., :2].pow(2).mean()
results.record("only z observed, true equations: squared error of x and y over their mean square",
               float(lost), unit="times", at_least=0.5)
found = (partial["x and y"] - truth)[..., 2].pow(2).mean() / truth[..., 2].var()
results.record("only x and y observed: squared error of z over its variance", float(found),
               unit="times", at_most=0.03)

# %% [markdown]
# **What do we observe?** From $x$ and $y$ the model infers a $z$ that nobody saw, and from $x$ alone most of it. From $z$ it cannot tell left from right: the data fit two histories equally well, and the analysis takes the wrong one or jumps between them. No model,
# learnt or true, adds what the observations do not determine.

# %% [markdown]
# ## Limits: too good to be true
#
# Our data came from the scheme that the network contains, with the same step: an *identical twin*. Nature does not use Runge–Kutta. We repeat the training on series integrated with a tenth of the step.

# %%
fine = lorenz63.trajectories(30, 10_000, DT / 10, every=10, seed=SEED, dtype=torch.float64)
fine_bilinear = best_of(BilinearField, windows(fine[:10], 2, 10), 6, enough=1e-9)
limits = {"true equations, Runge–Kutta": errors(stepper(lorenz63.tendency), fine[10:]),
          "bilinear network, Runge–Kutta": errors(stepper(fine_bilinear), fine[10:])}
show(limits)

# %% claim="no_identical_twin"
twin, after_8_fine = after_8["bilinear network, Runge–Kutta"], {name: row[8] for name, row in limits.items()}
results.record("data from a finer integration, error after 8 steps: bilinear network over true equations",
               after_8_fine["bilinear network, Runge–Kutta"] / after_8_fine["true equations, Runge–Kutta"],
               unit="times", at_most=0.9)
results.record("bilinear network, error after 8 steps: data from a finer integration over the identical twin",
               after_8_fine["bilinear network, Runge–Kutta"] / twin, unit="times", at_least=10)

# %% [markdown]
# **What do we observe?** The fabulous error grows by orders of magnitude: what remains is the truncation error of the scheme. Yet the network is now *better* than the true equations with the same step, since its weights absorb a part of that error.
# The published figure, like ours, belongs to the twin.

# %% [markdown]
# ## Question (graded by hand)
#
# A group trains a network "inside a Runge–Kutta step" on daily sea surface height, calls the result "the equations of mesoscale dynamics", and uses it in 4DVar, where it does as well as a quasi-geostrophic model. In at most 150 words: what does the
# good analysis prove and what not; which tests would you ask for; how will noise in the data bias the network, and what is the remedy?

# %% [markdown] question="review" points=4
# ### BEGIN SOLUTION
# One point for each sound item. For example:
#
# 1. *What it proves*: the model is right over the gap between observations, with the given σ_q; not that it holds the law: our tanh network also did well and was wrong at the origin. Baselines: interpolation, smoothing, persistence.
# 2. *Tests*: valid time of free runs, statistics of long runs, states outside the training set, another step or sampling, another region; σ_q varied.
# 3. *Noise*: errors in the predictors bias a one-step regression (damping), however many data; train over windows, or estimate states and model together.
# 4. *Closure*: daily surface height is a partial observation; no autonomous equation for it alone need exist (memory, depth, forcing); the Runge–Kutta wiring cannot repair that.
# ### END SOLUTION

# %% [markdown]
# ## Takeaways
#
# 1. A residual block is an **Euler step**; better wiring (leapfrog, Runge–Kutta) has a higher order with the same weights. The best step is not always the best run.
# 2. A network that **can hold the equation** finds it and can be read; one that cannot forecasts for a while. Noise calls for **windows**.
# 3. In **weak 4DVar** a learned model can serve as well as the true one. Count only what was observed; say how far you trust the model.

# %% [markdown]
# ## Going further
#
# - Fablet et al. (2017), bilinear residual networks, [arXiv:1712.07003](https://arxiv.org/abs/1712.07003): the source of our published figures.
# - Lu et al. (2018), beyond finite layer networks, [arXiv:1710.10121](https://arxiv.org/abs/1710.10121): LM-ResNet on images, with half the parameters.
# - Chen et al. (2018), neural ordinary differential equations, [arXiv:1806.07366](https://arxiv.org/abs/1806.07366): the solver chooses its steps.
# - Trémolet (2006), weak-constraint 4DVar, [10.1256/qj.05.224](https://doi.org/10.1256/qj.05.224).
# - Bocquet et al. (2019), learning model and states together from noisy, partial data, [10.5194/npg-26-143-2019](https://doi.org/10.5194/npg-26-143-2019).
