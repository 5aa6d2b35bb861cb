# %% [markdown]
# The bank of unit 07: right answers written in other ways than the reference, and
# mistakes that students make. `course answers 07 -v` grades it through nbgrader.

# %% exercise="euler_step" right="torch.add with a factor"
def euler_step(f, x, dt):
    return torch.add(x, f(x), alpha=dt)

# %% exercise="euler_step" right="a stack of two summed"
def euler_step(f, x, dt):
    tendency = f(x)
    change = tendency * dt
    return torch.stack([x, change]).sum(0)

# %% exercise="euler_step" wrong="no step length"
def euler_step(f, x, dt):
    return x + f(x)

# %% exercise="euler_step" wrong="the change without the shortcut"
def euler_step(f, x, dt):
    return dt * f(x)

# %% exercise="euler_step" wrong="the wrong sign"
def euler_step(f, x, dt):
    return x - dt * f(x)

# %% exercise="euler_step" wrong="in place"
def euler_step(f, x, dt):
    x += dt * f(x)
    return x

# %% exercise="euler_step" wrong="the field is asked at the scaled state"
def euler_step(f, x, dt):
    return x + f(dt * x)

# %% exercise="euler_step" wrong="detached shortcut"
def euler_step(f, x, dt):
    return x.detach() + dt * f(x)

# %% exercise="euler_step" wrong="no gradient at all"
def euler_step(f, x, dt):
    with torch.no_grad():
        return x + dt * f(x)

# %% exercise="euler_step" wrong="a midpoint step"
def euler_step(f, x, dt):
    return x + dt * f(x + dt / 2 * f(x))

# %% exercise="euler_step" wrong="the absolute step"
def euler_step(f, x, dt):
    return x + abs(dt) * f(x)

# %% exercise="euler_step" wrong="squeezes a batch of one"
def euler_step(f, x, dt):
    return (x + dt * f(x)).squeeze(0)

# %% exercise="rk4_step" right="a loop over weights and reaches"
def rk4_step(f, x, dt):
    total, slope = torch.zeros_like(x), torch.zeros_like(x)
    for weight, reach in ((1, 0.0), (2, 0.5), (2, 0.5), (1, 1.0)):
        slope = f(x + reach * dt * slope)
        total = total + weight * slope
    return x + dt * total / 6

# %% exercise="rk4_step" right="increments, stacked and weighted"
def rk4_step(f, x, dt):
    a = dt * f(x)
    b = dt * f(x + 0.5 * a)
    c = dt * f(x + 0.5 * b)
    d = dt * f(x + c)
    weights = torch.tensor([1.0, 2.0, 2.0, 1.0], dtype=x.dtype, device=x.device) / 6
    return x + torch.einsum("i,i...->...", weights, torch.stack([a, b, c, d]))

# %% exercise="rk4_step" right="through the stages themselves"
def rk4_step(f, x, dt):
    f1 = f(x)
    x2 = x + 0.5 * dt * f1
    f2 = f(x2)
    x3 = x + 0.5 * dt * f2
    f3 = f(x3)
    x4 = x + dt * f3
    return (x2 + 2 * x3 + x4 - x) / 3 + dt * f(x4) / 6

# %% exercise="rk4_step" wrong="one weight too many: all of them 2 in the middle, divided by 4"
def rk4_step(f, x, dt):
    k1 = f(x)
    k2 = f(x + dt / 2 * k1)
    k3 = f(x + dt / 2 * k2)
    k4 = f(x + dt * k3)
    return x + dt / 4 * (k1 + 2 * k2 + 2 * k3 + k4)

# %% exercise="rk4_step" wrong="equal weights"
def rk4_step(f, x, dt):
    k1 = f(x)
    k2 = f(x + dt / 2 * k1)
    k3 = f(x + dt / 2 * k2)
    k4 = f(x + dt * k3)
    return x + dt / 4 * (k1 + k2 + k3 + k4)

# %% exercise="rk4_step" wrong="the third slope starts from the first again"
def rk4_step(f, x, dt):
    k1 = f(x)
    k2 = f(x + dt / 2 * k1)
    k3 = f(x + dt / 2 * k1)
    k4 = f(x + dt * k3)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

# %% exercise="rk4_step" wrong="the last slope from half-way"
def rk4_step(f, x, dt):
    k1 = f(x)
    k2 = f(x + dt / 2 * k1)
    k3 = f(x + dt / 2 * k2)
    k4 = f(x + dt / 2 * k3)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

# %% exercise="rk4_step" wrong="stages added to each other instead of to x"
def rk4_step(f, x, dt):
    k1 = f(x)
    y = x + dt / 2 * k1
    k2 = f(y)
    y = y + dt / 2 * k2
    k3 = f(y)
    y = y + dt * k3
    k4 = f(y)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

# %% exercise="rk4_step" wrong="midpoint, of order 2"
def rk4_step(f, x, dt):
    return x + dt * f(x + dt / 2 * f(x))

# %% exercise="rk4_step" wrong="Heun, of order 2"
def rk4_step(f, x, dt):
    k1 = f(x)
    k2 = f(x + dt * k1)
    return x + dt / 2 * (k1 + k2)

# %% exercise="rk4_step" wrong="Kutta's third order"
def rk4_step(f, x, dt):
    k1 = f(x)
    k2 = f(x + dt / 2 * k1)
    k3 = f(x + dt * (2 * k2 - k1))
    return x + dt / 6 * (k1 + 4 * k2 + k3)

# %% exercise="rk4_step" wrong="four Euler steps of a quarter"
def rk4_step(f, x, dt):
    for _ in range(4):
        x = x + dt / 4 * f(x)
    return x

# %% exercise="rk4_step" wrong="the field called anew for each use of a slope"
def rk4_step(f, x, dt):
    def k2():
        return f(x + dt / 2 * f(x))

    def k3():
        return f(x + dt / 2 * k2())

    return x + dt / 6 * (f(x) + 2 * k2() + 2 * k3() + f(x + dt * k3()))

# %% exercise="rk4_step" wrong="in place"
def rk4_step(f, x, dt):
    k1 = f(x)
    k2 = f(x + dt / 2 * k1)
    k3 = f(x + dt / 2 * k2)
    k4 = f(x + dt * k3)
    x += dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x

# %% exercise="rk4_step" wrong="slopes detached"
def rk4_step(f, x, dt):
    k1 = f(x).detach()
    k2 = f(x + dt / 2 * k1).detach()
    k3 = f(x + dt / 2 * k2).detach()
    k4 = f(x + dt * k3)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

# %% exercise="rk4_step" wrong="Gill's scheme: of order 4, but not the classical one"
def rk4_step(f, x, dt):
    r = 2**0.5
    k1 = f(x)
    k2 = f(x + dt / 2 * k1)
    k3 = f(x + dt * ((r - 1) / 2 * k1 + (2 - r) / 2 * k2))
    k4 = f(x + dt * (-r / 2 * k2 + (1 + r / 2) * k3))
    return x + dt / 6 * (k1 + (2 - r) * k2 + (2 + r) * k3 + k4)

# %% exercise="LMResBlock" right="as a residual step and a correction"
class LMResBlock(nn.Module):
    def __init__(self, f, dt, k=0.0):
        super().__init__()
        self.field = f
        self.step = dt
        self.weight = nn.Parameter(torch.full((1,), float(k)))

    def forward(self, x, x_previous):
        move = self.step * self.field(x)
        return x + move + self.weight * (x_previous - x + move)

# %% exercise="LMResBlock" right="linear interpolation of two schemes"
class LMResBlock(nn.Module):
    def __init__(self, f, dt, k=0.0):
        super().__init__()
        self.f = f
        self.dt = dt
        self.register_parameter("k", nn.Parameter(torch.ones(()) * k))

    def forward(self, x, x_previous):
        h_f = self.dt * self.f(x)
        euler, leapfrog = x + h_f, x_previous + 2 * h_f
        return euler * (1 - self.k) + leapfrog * self.k

# %% exercise="LMResBlock" wrong="no factor 1 + k"
class LMResBlock(nn.Module):
    def __init__(self, f, dt, k=0.0):
        super().__init__()
        self.f, self.dt = f, dt
        self.k = nn.Parameter(torch.tensor(float(k)))

    def forward(self, x, x_previous):
        return (1 - self.k) * x + self.k * x_previous + self.dt * self.f(x)

# %% exercise="LMResBlock" wrong="the factor 1 − k before the field"
class LMResBlock(nn.Module):
    def __init__(self, f, dt, k=0.0):
        super().__init__()
        self.f, self.dt = f, dt
        self.k = nn.Parameter(torch.tensor(float(k)))

    def forward(self, x, x_previous):
        return (1 - self.k) * x + self.k * x_previous + (1 - self.k) * self.dt * self.f(x)

# %% exercise="LMResBlock" wrong="now and before exchanged"
class LMResBlock(nn.Module):
    def __init__(self, f, dt, k=0.0):
        super().__init__()
        self.f, self.dt = f, dt
        self.k = nn.Parameter(torch.tensor(float(k)))

    def forward(self, x, x_previous):
        return (1 - self.k) * x_previous + self.k * x + (1 + self.k) * self.dt * self.f(x)

# %% exercise="LMResBlock" wrong="the field is asked at the previous state"
class LMResBlock(nn.Module):
    def __init__(self, f, dt, k=0.0):
        super().__init__()
        self.f, self.dt = f, dt
        self.k = nn.Parameter(torch.tensor(float(k)))

    def forward(self, x, x_previous):
        return (1 - self.k) * x + self.k * x_previous + (1 + self.k) * self.dt * self.f(x_previous)

# %% exercise="LMResBlock" wrong="k is no parameter"
class LMResBlock(nn.Module):
    def __init__(self, f, dt, k=0.0):
        super().__init__()
        self.f, self.dt, self.k = f, dt, k

    def forward(self, x, x_previous):
        k = torch.tensor(self.k, requires_grad=True)
        return (1 - k) * x + k * x_previous + (1 + k) * self.dt * self.f(x)

# %% exercise="LMResBlock" wrong="k always starts at 0"
class LMResBlock(nn.Module):
    def __init__(self, f, dt, k=0.0):
        super().__init__()
        self.f, self.dt = f, dt
        self.k = nn.Parameter(torch.zeros(1))

    def forward(self, x, x_previous):
        return (1 - self.k) * x + self.k * x_previous + (1 + self.k) * self.dt * self.f(x)

# %% exercise="LMResBlock" wrong="k squeezed into (0, 1) by a sigmoid"
class LMResBlock(nn.Module):
    def __init__(self, f, dt, k=0.0):
        super().__init__()
        self.f, self.dt = f, dt
        self.k = nn.Parameter(torch.tensor(float(k)))

    def forward(self, x, x_previous):
        k = torch.sigmoid(self.k)
        return (1 - k) * x + k * x_previous + (1 + k) * self.dt * self.f(x)

# %% exercise="LMResBlock" wrong="dt forgotten"
class LMResBlock(nn.Module):
    def __init__(self, f, dt, k=0.0):
        super().__init__()
        self.f, self.dt = f, dt
        self.k = nn.Parameter(torch.tensor(float(k)))

    def forward(self, x, x_previous):
        return (1 - self.k) * x + self.k * x_previous + (1 + self.k) * self.f(x)

# %% exercise="LMResBlock" wrong="k detached in one term"
class LMResBlock(nn.Module):
    def __init__(self, f, dt, k=0.0):
        super().__init__()
        self.f, self.dt = f, dt
        self.k = nn.Parameter(torch.tensor(float(k)))

    def forward(self, x, x_previous):
        k = self.k
        return (1 - k) * x + k * x_previous + (1 + k.item()) * self.dt * self.f(x)

# %% exercise="LMResBlock" wrong="the field hidden in a list"
class LMResBlock(nn.Module):
    def __init__(self, f, dt, k=0.0):
        super().__init__()
        self.f, self.dt = [f], dt
        self.k = nn.Parameter(torch.tensor(float(k)))

    def forward(self, x, x_previous):
        return (1 - self.k) * x + self.k * x_previous + (1 + self.k) * self.dt * self.f[0](x)

# %% exercise="LMResBlock" wrong="one k for each component"
class LMResBlock(nn.Module):
    def __init__(self, f, dt, k=0.0):
        super().__init__()
        self.f, self.dt = f, dt
        self.k = nn.Parameter(torch.full((2,), float(k)))

    def forward(self, x, x_previous):
        return (1 - self.k) * x + self.k * x_previous + (1 + self.k) * self.dt * self.f(x)

# %% exercise="LMResBlock" wrong="remembers x itself and ignores x_previous after the first call"
class LMResBlock(nn.Module):
    def __init__(self, f, dt: float, k: float = 0.0):
        super().__init__()
        self.k, self.f, self.dt = nn.Parameter(torch.tensor(float(k))), f, dt
        self.last = None

    def forward(self, x, x_previous):
        before = x_previous if self.last is None else self.last
        self.last = x
        return (1 - self.k) * x + self.k * before + (1 + self.k) * self.dt * self.f(x)

# %% exercise="LMResBlock" wrong="a copy of the field: weights are not shared with the caller's"
class LMResBlock(nn.Module):
    def __init__(self, f, dt: float, k: float = 0.0):
        super().__init__()
        import copy
        self.k, self.f, self.dt = nn.Parameter(torch.tensor(float(k))), copy.deepcopy(f), dt

    def forward(self, x, x_previous):
        return (1 - self.k) * x + self.k * x_previous + (1 + self.k) * self.dt * self.f(x)

# %% exercise="LMResBlock" wrong="the previous state is detached: no gradient through the memory"
class LMResBlock(nn.Module):
    def __init__(self, f, dt: float, k: float = 0.0):
        super().__init__()
        self.k, self.f, self.dt = nn.Parameter(torch.tensor(float(k))), f, dt

    def forward(self, x, x_previous):
        return (1 - self.k) * x + self.k * x_previous.detach() + (1 + self.k) * self.dt * self.f(x)

# %% exercise="BilinearField" right="one wide layer, cut in three"
class BilinearField(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.all = nn.Linear(n, 3 * n)

    def forward(self, x):
        w, a, b = self.all(x).chunk(3, dim=-1)
        return w + a * b

# %% exercise="BilinearField" right="a ModuleDict and torch.addcmul"
class BilinearField(nn.Module):
    def __init__(self, n: int = 3):
        super().__init__()
        self.layers = nn.ModuleDict({name: nn.Linear(n, n) for name in ("w", "a", "b")})

    def forward(self, x):
        layers = self.layers
        return torch.addcmul(layers["w"](x), layers["a"](x), layers["b"](x))

# %% exercise="BilinearField" right="bare parameters and einsum"
class BilinearField(nn.Module):
    def __init__(self, n: int = 3):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, n, n) / n**0.5)
        self.offset = nn.Parameter(0.1 * torch.randn(3, n))

    def forward(self, x):
        w, a, b = (x @ self.weight[i].T + self.offset[i] for i in range(3))
        return w + a * b

# %% exercise="BilinearField" wrong="no affine part"
class BilinearField(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.left, self.right = nn.Linear(n, n), nn.Linear(n, n)

    def forward(self, x):
        return self.left(x) * self.right(x)

# %% exercise="BilinearField" wrong="no product"
class BilinearField(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.linear, self.left, self.right = nn.Linear(n, n), nn.Linear(n, n), nn.Linear(n, n)

    def forward(self, x):
        return self.linear(x) + self.left(x) + self.right(x)

# %% exercise="BilinearField" wrong="a square instead of a product"
class BilinearField(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.linear, self.left, self.right = nn.Linear(n, n), nn.Linear(n, n), nn.Linear(n, n)

    def forward(self, x):
        return self.linear(x) + self.left(x) ** 2

# %% exercise="BilinearField" wrong="a tanh on the product"
class BilinearField(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.linear, self.left, self.right = nn.Linear(n, n), nn.Linear(n, n), nn.Linear(n, n)

    def forward(self, x):
        return self.linear(x) + torch.tanh(self.left(x) * self.right(x))

# %% exercise="BilinearField" wrong="relu before the product"
class BilinearField(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.linear, self.left, self.right = nn.Linear(n, n), nn.Linear(n, n), nn.Linear(n, n)

    def forward(self, x):
        return self.linear(x) + self.left(x).relu() * self.right(x).relu()

# %% exercise="BilinearField" wrong="no offsets"
class BilinearField(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.linear, self.left, self.right = (nn.Linear(n, n, bias=False) for _ in range(3))

    def forward(self, x):
        return self.linear(x) + self.left(x) * self.right(x)

# %% exercise="BilinearField" wrong="three for every n"
class BilinearField(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.linear, self.left, self.right = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        return self.linear(x) + self.left(x) * self.right(x)

# %% exercise="BilinearField" wrong="one layer used for both factors"
class BilinearField(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.linear, self.left = nn.Linear(n, n), nn.Linear(n, n)
        self.right = self.left

    def forward(self, x):
        return self.linear(x) + self.left(x) * self.right(x)

# %% exercise="BilinearField" wrong="the sum of the products in each component"
class BilinearField(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.linear, self.left, self.right = nn.Linear(n, n), nn.Linear(n, n), nn.Linear(n, n)

    def forward(self, x):
        return self.linear(x) + (self.left(x) * self.right(x)).sum(-1, keepdim=True)

# %% exercise="BilinearField" wrong="a step instead of a tendency: x added"
class BilinearField(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.linear, self.left, self.right = nn.Linear(n, n), nn.Linear(n, n), nn.Linear(n, n)

    def forward(self, x):
        x += self.linear(x) + self.left(x) * self.right(x)
        return x

# %% exercise="BilinearField" wrong="the Lorenz equations typed in"
class BilinearField(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.numbers = nn.Parameter(torch.tensor([1.0, 2.0, 0.5]))

    def forward(self, x):
        return lorenz63.tendency(x, *self.numbers)

# %% exercise="BilinearField" wrong="seeds inside: every start is the same"
class BilinearField(nn.Module):
    def __init__(self, n: int = 3):
        super().__init__()
        torch.manual_seed(0)
        self.w, self.a, self.b = nn.Linear(n, n), nn.Linear(n, n), nn.Linear(n, n)

    def forward(self, x):
        return self.w(x) + self.a(x) * self.b(x)

# %% exercise="BilinearField" wrong="dropout between"
class BilinearField(nn.Module):
    def __init__(self, n: int = 3):
        super().__init__()
        self.w, self.a, self.b = (nn.Linear(n, n) for _ in range(3))
        self.drop = nn.Dropout(0.001)

    def forward(self, x):
        return self.w(x) + self.drop(self.a(x) * self.b(x))

# %% exercise="weak_4dvar_cost" right="gaps filled with x itself before the difference"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    known = torch.where(mask, obs, x.detach())
    misfit = torch.where(mask, x - known, torch.zeros_like(x))
    jump = x[..., 1:, :] - model(x[..., :-1, :])
    return misfit.square().sum() / obs_variance + jump.square().sum() / model_variance

# %% exercise="weak_4dvar_cost" right="masked_select and a loop over time"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    difference = torch.masked_select(x, mask) - torch.masked_select(obs, mask)
    cost = (difference * difference).sum() / obs_variance
    for t in range(x.shape[-2] - 1):
        cost = cost + ((x[..., t + 1, :] - model(x[..., t, :])) ** 2).sum() / model_variance
    return cost

# %% exercise="weak_4dvar_cost" right="narrow, masked_fill and mse_loss with sums"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    t = x.shape[-2]
    y = obs.masked_fill(~mask, 0.0)
    first = nn.functional.mse_loss(x.masked_fill(~mask, 0.0), y, reduction="sum")
    second = nn.functional.mse_loss(model(x.narrow(-2, 0, t - 1)), x.narrow(-2, 1, t - 1), reduction="sum")
    return first / obs_variance + second / model_variance

# %% exercise="weak_4dvar_cost" wrong="as published: zeros are observations"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    obs = torch.nan_to_num(obs)
    misfit = ((x - obs) ** 2).sum() / obs_variance
    jump = ((x[..., 1:, :] - model(x[..., :-1, :])) ** 2).sum() / model_variance
    return misfit + jump

# %% exercise="weak_4dvar_cost" wrong="the mask times NaN"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    misfit = (mask * (x - obs) ** 2).sum() / obs_variance
    jump = ((x[..., 1:, :] - model(x[..., :-1, :])) ** 2).sum() / model_variance
    return misfit + jump

# %% exercise="weak_4dvar_cost" wrong="where after the square: a NaN gradient"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    square = (x - obs) ** 2
    misfit = torch.where(mask, square, torch.zeros_like(square)).sum() / obs_variance
    jump = ((x[..., 1:, :] - model(x[..., :-1, :])) ** 2).sum() / model_variance
    return misfit + jump

# %% exercise="weak_4dvar_cost" wrong="the mask on x only"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    misfit = ((mask * x - torch.nan_to_num(obs)) ** 2).sum() / obs_variance
    jump = ((x[..., 1:, :] - model(x[..., :-1, :])) ** 2).sum() / model_variance
    return misfit + jump

# %% exercise="weak_4dvar_cost" wrong="NaN as mask, the mask itself ignored"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    misfit = (x - obs)[~obs.isnan()].pow(2).sum() / obs_variance
    jump = ((x[..., 1:, :] - model(x[..., :-1, :])) ** 2).sum() / model_variance
    return misfit + jump

# %% exercise="weak_4dvar_cost" wrong="zeros taken for gaps"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    obs = torch.nan_to_num(obs)
    misfit = (x - obs)[obs != 0].pow(2).sum() / obs_variance
    jump = ((x[..., 1:, :] - model(x[..., :-1, :])) ** 2).sum() / model_variance
    return misfit + jump

# %% exercise="weak_4dvar_cost" wrong="means instead of sums"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    misfit = (x - obs)[mask].pow(2).mean() / obs_variance
    jump = (x[..., 1:, :] - model(x[..., :-1, :])).pow(2).mean() / model_variance
    return misfit + jump

# %% exercise="weak_4dvar_cost" wrong="the model runs backwards in time"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    misfit = (x - obs)[mask].pow(2).sum() / obs_variance
    jump = (x[..., :-1, :] - model(x[..., 1:, :])).pow(2).sum() / model_variance
    return misfit + jump

# %% exercise="weak_4dvar_cost" wrong="time is the first axis"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    misfit = (x - obs)[mask].pow(2).sum() / obs_variance
    jump = (x[1:] - model(x[:-1])).pow(2).sum() / model_variance
    return misfit + jump

# %% exercise="weak_4dvar_cost" wrong="the model's forecast detached"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    misfit = (x - obs)[mask].pow(2).sum() / obs_variance
    jump = (x[..., 1:, :] - model(x[..., :-1, :]).detach()).pow(2).sum() / model_variance
    return misfit + jump

# %% exercise="weak_4dvar_cost" wrong="the variances exchanged"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    misfit = (x - obs)[mask].pow(2).sum() / model_variance
    jump = (x[..., 1:, :] - model(x[..., :-1, :])).pow(2).sum() / obs_variance
    return misfit + jump

# %% exercise="weak_4dvar_cost" wrong="standard deviations for variances"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    misfit = (x - obs)[mask].pow(2).sum() / obs_variance**2
    jump = (x[..., 1:, :] - model(x[..., :-1, :])).pow(2).sum() / model_variance**2
    return misfit + jump

# %% exercise="weak_4dvar_cost" wrong="the last observation forgotten"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    now, y, seen = x[..., :-1, :], obs[..., :-1, :], mask[..., :-1, :]
    misfit = (now - y)[seen].pow(2).sum() / obs_variance
    return misfit + (x[..., 1:, :] - model(now)).pow(2).sum() / model_variance

# %% exercise="weak_4dvar_cost" wrong="the model term masked as well"
def weak_4dvar_cost(x, obs, mask, model, obs_variance=2.0, model_variance=0.1):
    misfit = (x - obs)[mask].pow(2).sum() / obs_variance
    jump = (x[..., 1:, :] - model(x[..., :-1, :]))[mask[..., 1:, :]].pow(2).sum() / model_variance
    return misfit + jump

# %% exercise="weak_4dvar_cost" wrong="observation variance fixed at 2"
def weak_4dvar_cost(x, obs, mask, model, obs_variance: float = 2.0, model_variance: float = 0.1):
    jump = x[..., 1:, :] - model(x[..., :-1, :])
    return (x - obs)[mask].pow(2).sum() / 2 + (jump**2).sum() / model_variance

# %% exercise="weak_4dvar_cost" right="the model is applied to all states and the last forecast dropped"
def weak_4dvar_cost(x, obs, mask, model, obs_variance: float = 2.0, model_variance: float = 0.1):
    jump = x[..., 1:, :] - model(x)[..., :-1, :]
    return (x - obs)[mask].pow(2).sum() / obs_variance + jump.pow(2).sum() / model_variance

# %% exercise="assimilate" right="L-BFGS, one call of step"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.detach().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=n_steps, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = cost(x)
        value.backward()
        return value

    optimizer.step(closure)
    return x.detach()

# %% exercise="assimilate" wrong="Adam by the book: too slow for a stiff cost"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=0.1)
    for _ in range(n_steps):
        optimizer.zero_grad()
        (cost(x)).backward()
        optimizer.step()
    return x.detach()

# %% exercise="assimilate" right="a parameter, L-BFGS in short bursts"
def assimilate(cost, first_guess, n_steps=200):
    x = nn.Parameter(torch.clone(first_guess))
    optimizer = torch.optim.LBFGS([x], max_iter=20, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = cost(x)
        value.backward()
        return value

    for _ in range((n_steps + 19) // 20):
        optimizer.step(closure)
    return x.data.clone()

# %% exercise="assimilate" right="the correction is the variable, its gradient by autograd.grad"
def assimilate(cost, first_guess, n_steps=200):
    base = first_guess.detach()
    change = torch.zeros_like(base, requires_grad=True)
    lbfgs = torch.optim.LBFGS([change], lr=1, max_iter=n_steps, line_search_fn="strong_wolfe")

    def closure():
        value = cost(base + change)
        (change.grad,) = torch.autograd.grad(value, change)
        return value.detach()

    lbfgs.step(closure)
    return (base + change).detach()

# %% exercise="assimilate" wrong="the first guess itself"
def assimilate(cost, first_guess, n_steps=200):
    return first_guess.clone()

# %% exercise="assimilate" wrong="from noise instead of the first guess"
def assimilate(cost, first_guess, n_steps=200):
    x = torch.randn_like(first_guess).requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=n_steps, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = cost(x)
        value.backward()
        return value

    optimizer.step(closure)
    return x.detach()

# %% exercise="assimilate" wrong="from zeros instead of the first guess"
def assimilate(cost, first_guess, n_steps=200):
    x = torch.zeros_like(first_guess).requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=n_steps, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = cost(x)
        value.backward()
        return value

    optimizer.step(closure)
    return x.detach()

# %% exercise="assimilate" wrong="the first guess changed in place"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=n_steps, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = cost(x)
        value.backward()
        return value

    optimizer.step(closure)
    return x.detach()

# %% exercise="assimilate" wrong="gradients pile up"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.detach().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=n_steps, line_search_fn="strong_wolfe")

    def closure():
        value = cost(x)
        value.backward()
        return value

    optimizer.step(closure)
    return x.detach()

# %% exercise="assimilate" wrong="the analysis keeps its graph"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.detach().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=n_steps, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = cost(x)
        value.backward()
        return value

    optimizer.step(closure)
    return x

# %% exercise="assimilate" wrong="plain gradient descent with a tiny step"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.detach().clone().requires_grad_()
    optimizer = torch.optim.SGD([x], lr=1e-4)
    for _ in range(n_steps):
        optimizer.zero_grad()
        (cost(x)).backward()
        optimizer.step()
    return x.detach()

# %% exercise="assimilate" wrong="a fixed number of steps"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.detach().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = cost(x)
        value.backward()
        return value

    optimizer.step(closure)
    return x.detach()

# %% exercise="assimilate" wrong="uphill"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.detach().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=n_steps, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = -cost(x)
        value.backward()
        return value

    optimizer.step(closure)
    return x.detach()

# %% exercise="assimilate" wrong="a learning rate for networks"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=1e-3)
    for _ in range(n_steps):
        optimizer.zero_grad()
        (cost(x)).backward()
        optimizer.step()
    return x.detach()

# %% exercise="assimilate" wrong="a learning rate far too large"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=5.0)
    for _ in range(n_steps):
        optimizer.zero_grad()
        (cost(x)).backward()
        optimizer.step()
    return x.detach()

# %% exercise="assimilate" wrong="one step only"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.detach().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=min(n_steps, 1), line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = cost(x)
        value.backward()
        return value

    optimizer.step(closure)
    return x.detach()

# %% exercise="assimilate" wrong="single precision"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.detach().float().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=n_steps, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = cost(x)
        value.backward()
        return value

    optimizer.step(closure)
    return x.detach()

# %% exercise="assimilate" wrong="the cost instead of the trajectory"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.detach().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=n_steps, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = cost(x)
        value.backward()
        return value

    optimizer.step(closure)
    return cost(x).detach()

# %% exercise="assimilate" wrong="a flat list of numbers"
def assimilate(cost, first_guess, n_steps=200):
    x = first_guess.detach().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=n_steps, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = cost(x)
        value.backward()
        return value

    optimizer.step(closure)
    return x.detach().flatten()

# %% exercise="assimilate" wrong="sets the global seed"
def assimilate(cost, first_guess, n_steps: int = 200):
    torch.manual_seed(0)
    x = first_guess.detach().clone().requires_grad_()
    lbfgs = torch.optim.LBFGS([x], max_iter=n_steps, line_search_fn="strong_wolfe")

    def closure():
        lbfgs.zero_grad()
        value = cost(x)
        value.backward()
        return value

    lbfgs.step(closure)
    return x.detach()

# %% exercise="assimilate" wrong="clone without detach: fails for a guess that has a graph"
def assimilate(cost, first_guess, n_steps: int = 200):
    x = first_guess.clone().requires_grad_()
    lbfgs = torch.optim.LBFGS([x], max_iter=n_steps, line_search_fn="strong_wolfe")

    def closure():
        lbfgs.zero_grad()
        value = cost(x)
        value.backward()
        return value

    lbfgs.step(closure)
    return x.detach()

# %% exercise="assimilate" wrong="L-BFGS, n_steps calls of step with one iteration each: the curvature is not learnt"
def assimilate(cost, first_guess, n_steps: int = 200):
    x = nn.Parameter(first_guess.detach().clone())
    lbfgs = torch.optim.LBFGS([x], max_iter=1, line_search_fn="strong_wolfe")

    def closure():
        lbfgs.zero_grad()
        loss = cost(x)
        loss.backward()
        return loss

    for _ in range(n_steps):
        lbfgs.step(closure)
    return x.detach().clone()
