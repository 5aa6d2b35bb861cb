# %% [markdown]
# The bank of unit 09: right answers written in other ways than the reference, and
# mistakes that students make. `course answers 09 -v` grades it through nbgrader.

# %% exercise="observe" right="noise at seen places only"
def observe(ssh, mask, noise_std, generator):
    seen = torch.full_like(ssh, float("nan"))
    where = mask.expand(ssh.shape)
    values = ssh[where]
    noise = torch.empty_like(values).normal_(0, 1, generator=generator)
    seen[where] = values + noise_std * noise
    return seen

# %% exercise="observe" right="masked_fill of a sum"
def observe(ssh, mask, noise_std, generator):
    noisy = ssh + torch.randn(ssh.shape, generator=generator, dtype=ssh.dtype) * noise_std
    return noisy.masked_fill(~mask, float("nan"))

# %% exercise="observe" right="torch.normal"
def observe(ssh, mask, noise_std, generator):
    noise = torch.normal(torch.zeros(ssh.shape, dtype=ssh.dtype), 1.0, generator=generator)
    nothing = torch.full(ssh.shape, torch.nan, dtype=ssh.dtype)
    return torch.where(mask, ssh + noise_std * noise, nothing)

# %% exercise="observe" wrong="zero in the gaps"
def observe(ssh, mask, noise_std, generator):
    return (ssh + noise_std * torch.randn(ssh.shape, generator=generator, dtype=ssh.dtype)) * mask

# %% exercise="observe" wrong="mask inverted"
def observe(ssh, mask, noise_std, generator):
    return torch.where(mask, torch.nan, ssh + noise_std * torch.randn(ssh.shape, generator=generator, dtype=ssh.dtype))

# %% exercise="observe" wrong="global random numbers"
def observe(ssh, mask, noise_std, generator):
    return torch.where(mask, ssh + noise_std * torch.randn_like(ssh), torch.nan)

# %% exercise="observe" wrong="reseeds the global generator"
def observe(ssh, mask, noise_std, generator):
    torch.manual_seed(generator.initial_seed())
    return torch.where(mask, ssh + noise_std * torch.randn_like(ssh), torch.nan)

# %% exercise="observe" wrong="uniform noise"
def observe(ssh, mask, noise_std, generator):
    return torch.where(mask, ssh + noise_std * 12**0.5 * (torch.rand(ssh.shape, generator=generator, dtype=ssh.dtype) - 0.5), torch.nan)

# %% exercise="observe" wrong="variance for standard deviation"
def observe(ssh, mask, noise_std, generator):
    return torch.where(mask, ssh + noise_std**0.5 * torch.randn(ssh.shape, generator=generator, dtype=ssh.dtype), torch.nan)

# %% exercise="observe" wrong="in place"
def observe(ssh, mask, noise_std, generator):
    ssh += noise_std * torch.randn(ssh.shape, generator=generator, dtype=ssh.dtype)
    return torch.where(mask, ssh, torch.nan)

# %% exercise="observe" wrong="one noise for the whole batch"
def observe(ssh, mask, noise_std, generator):
    return torch.where(mask, ssh + noise_std * torch.randn(ssh.shape[-3:], generator=generator, dtype=ssh.dtype), torch.nan)

# %% exercise="observe" wrong="no noise"
def observe(ssh, mask, noise_std, generator):
    return torch.where(mask, ssh, torch.nan)

# %% exercise="observe" wrong="float32 always"
def observe(ssh, mask, noise_std, generator):
    return torch.where(mask, (ssh + noise_std * torch.randn(ssh.shape, generator=generator)).float(), torch.nan)

# %% exercise="observe" wrong="a seed of its own"
def observe(ssh, mask, noise_std, generator):
    own = torch.Generator().manual_seed(0)
    return torch.where(mask, ssh + noise_std * torch.randn(ssh.shape, generator=own, dtype=ssh.dtype), torch.nan)

# %% exercise="observe" wrong="noise relative to the spread of the field"
def observe(ssh, mask, noise_std, generator):
    noise = noise_std * ssh.std() / 0.57735 * torch.randn(ssh.shape, generator=generator, dtype=ssh.dtype)
    return torch.where(mask, ssh + noise, torch.nan)

# %% exercise="observe" wrong="second half of the windows has the mirrored noise of the first"
def observe(ssh, mask, noise_std, generator):
    noise = noise_std * torch.randn(ssh.shape, generator=generator, dtype=ssh.dtype)
    h = len(noise) // 2
    noise[h:2 * h] = -noise[:h]
    return torch.where(mask, ssh + noise, torch.nan)

# %% exercise="observe" wrong="the global generator, seeded by the other"
def observe(ssh, mask, noise_std, generator):
    torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
    return torch.where(mask, ssh + noise_std * torch.randn_like(ssh), torch.nan)

# %% exercise="observe" wrong="double precision whatever comes"
def observe(ssh, mask, noise_std, generator):
    noise = torch.randn(ssh.shape, generator=generator, dtype=torch.float64)
    return torch.where(mask, ssh + noise_std * noise, torch.nan)

# %% exercise="observe" wrong="noise of 0.5 whatever is asked"
def observe(ssh, mask, noise_std, generator):
    noise = torch.randn(ssh.shape, generator=generator, dtype=ssh.dtype)
    return torch.where(mask, ssh + (0.5 if noise_std else 0) * noise, torch.nan)

# %% exercise="optimal_interpolation" right="broadcasting and an inverse"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype)
    def c(a, b):
        return torch.exp(-0.5 * (((a[:, None, :] - b[None, :, :]) / L) ** 2).sum(-1))
    A = c(obs_xyt, obs_xyt)
    A = A + noise**2 * torch.eye(len(A), dtype=A.dtype)
    return c(query_xyt, obs_xyt) @ torch.linalg.inv(A) @ obs

# %% exercise="optimal_interpolation" right="Cholesky, one axis at a time"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    def c(a, b):
        exponent = torch.zeros(len(a), len(b), dtype=obs.dtype)
        for d in range(3):
            exponent += (a[:, d, None] - b[None, :, d]) ** 2 / (2 * length_scales[d] ** 2)
        return torch.exp(-exponent)
    A = c(obs_xyt, obs_xyt)
    A.diagonal().add_(noise**2)
    columns = obs if obs.ndim == 2 else obs[:, None]
    result = c(query_xyt, obs_xyt) @ torch.cholesky_solve(columns, torch.linalg.cholesky(A))
    return result if obs.ndim == 2 else result[:, 0]

# %% exercise="optimal_interpolation" right="weights first, by einsum"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    s = torch.as_tensor(length_scales).to(obs)
    k = lambda a, b: (-(torch.cdist(a / s, b / s) ** 2) / 2).exp()
    gain = torch.linalg.solve(k(obs_xyt, obs_xyt) + noise * noise * torch.eye(obs.shape[0]).to(obs), k(obs_xyt, query_xyt))
    return torch.einsum("nm,n...->m...", gain, obs)

# %% exercise="optimal_interpolation" wrong="noise not squared"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype)
    c = lambda a, b: torch.exp(-0.5 * torch.cdist(a / L, b / L) ** 2)
    A = c(obs_xyt, obs_xyt) + noise * torch.eye(len(obs), dtype=obs.dtype)
    return c(query_xyt, obs_xyt) @ torch.linalg.solve(A, obs)

# %% exercise="optimal_interpolation" wrong="no noise"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype)
    c = lambda a, b: torch.exp(-0.5 * torch.cdist(a / L, b / L) ** 2)
    A = c(obs_xyt, obs_xyt) + 0 * torch.eye(len(obs), dtype=obs.dtype)
    return c(query_xyt, obs_xyt) @ torch.linalg.solve(A, obs)

# %% exercise="optimal_interpolation" wrong="a half forgotten"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype)
    c = lambda a, b: torch.exp(-torch.cdist(a / L, b / L) ** 2)
    A = c(obs_xyt, obs_xyt) + noise**2 * torch.eye(len(obs), dtype=obs.dtype)
    return c(query_xyt, obs_xyt) @ torch.linalg.solve(A, obs)

# %% exercise="optimal_interpolation" wrong="distance not squared"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype)
    c = lambda a, b: torch.exp(-0.5 * torch.cdist(a / L, b / L))
    A = c(obs_xyt, obs_xyt) + noise**2 * torch.eye(len(obs), dtype=obs.dtype)
    return c(query_xyt, obs_xyt) @ torch.linalg.solve(A, obs)

# %% exercise="optimal_interpolation" wrong="one scale for all"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype)
    c = lambda a, b: torch.exp(-0.5 * torch.cdist(a / L[0], b / L[0]) ** 2)
    A = c(obs_xyt, obs_xyt) + noise**2 * torch.eye(len(obs), dtype=obs.dtype)
    return c(query_xyt, obs_xyt) @ torch.linalg.solve(A, obs)

# %% exercise="optimal_interpolation" wrong="time forgotten"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype)
    c = lambda a, b: torch.exp(-0.5 * torch.cdist((a / L)[:, :2], (b / L)[:, :2]) ** 2)
    A = c(obs_xyt, obs_xyt) + noise**2 * torch.eye(len(obs), dtype=obs.dtype)
    return c(query_xyt, obs_xyt) @ torch.linalg.solve(A, obs)

# %% exercise="optimal_interpolation" wrong="noise on every entry"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype)
    c = lambda a, b: torch.exp(-0.5 * torch.cdist(a / L, b / L) ** 2)
    A = c(obs_xyt, obs_xyt) + noise**2
    return c(query_xyt, obs_xyt) @ torch.linalg.solve(A, obs)

# %% exercise="optimal_interpolation" wrong="scales squared"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype) ** 2
    c = lambda a, b: torch.exp(-0.5 * torch.cdist(a / L, b / L) ** 2)
    A = c(obs_xyt, obs_xyt) + noise**2 * torch.eye(len(obs), dtype=obs.dtype)
    return c(query_xyt, obs_xyt) @ torch.linalg.solve(A, obs)

# %% exercise="optimal_interpolation" wrong="x and y exchanged"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype)
    c = lambda a, b: torch.exp(-0.5 * torch.cdist(a / L[[1, 0, 2]], b / L[[1, 0, 2]]) ** 2)
    A = c(obs_xyt, obs_xyt) + noise**2 * torch.eye(len(obs), dtype=obs.dtype)
    return c(query_xyt, obs_xyt) @ torch.linalg.solve(A, obs)

# %% exercise="optimal_interpolation" wrong="mean of the data taken away"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    mean = obs.mean(0)
    obs = obs - mean
    L = torch.tensor(length_scales, dtype=obs.dtype)
    c = lambda a, b: torch.exp(-0.5 * torch.cdist(a / L, b / L) ** 2)
    A = c(obs_xyt, obs_xyt) + noise**2 * torch.eye(len(obs), dtype=obs.dtype)
    return c(query_xyt, obs_xyt) @ torch.linalg.solve(A, obs) + mean

# %% exercise="optimal_interpolation" wrong="normalised weights"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype)
    c = lambda a, b: torch.exp(-0.5 * torch.cdist(a / L, b / L) ** 2)
    A = c(obs_xyt, obs_xyt) + noise**2 * torch.eye(len(obs), dtype=obs.dtype)
    w = c(query_xyt, obs_xyt)
    return (w / w.sum(1, keepdim=True)) @ obs

# %% exercise="optimal_interpolation" wrong="covariance without inverse"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype)
    c = lambda a, b: torch.exp(-0.5 * torch.cdist(a / L, b / L) ** 2)
    A = c(obs_xyt, obs_xyt) + noise**2 * torch.eye(len(obs), dtype=obs.dtype)
    return c(query_xyt, obs_xyt) @ obs

# %% exercise="optimal_interpolation" wrong="a single column only"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype)
    c = lambda a, b: torch.exp(-0.5 * torch.cdist(a / L, b / L) ** 2)
    A = c(obs_xyt, obs_xyt) + noise**2 * torch.eye(len(obs), dtype=obs.dtype)
    return (c(query_xyt, obs_xyt) @ torch.linalg.solve(A, obs.reshape(len(obs), -1)))[:, 0]

# %% exercise="optimal_interpolation" wrong="scales the coordinates in place"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    L = torch.tensor(length_scales, dtype=obs.dtype)
    obs_xyt /= L
    query_xyt /= L
    c = lambda a, b: torch.exp(-0.5 * torch.cdist(a, b) ** 2)
    A = c(obs_xyt, obs_xyt) + noise**2 * torch.eye(len(obs), dtype=obs.dtype)
    return c(query_xyt, obs_xyt) @ torch.linalg.solve(A, obs)

# %% exercise="optimal_interpolation" wrong="zeros"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    return torch.zeros(len(query_xyt), *obs.shape[1:], dtype=obs.dtype)

# %% exercise="optimal_interpolation" wrong="periodic in 1000 km"
def optimal_interpolation(obs_xyt, obs, query_xyt, length_scales, noise):
    s = torch.tensor(length_scales, dtype=obs_xyt.dtype)
    def c(a, b):
        d = a[:, None] - b
        d[..., :2] = (d[..., :2] + 500) % 1000 - 500
        return torch.exp(-0.5 * (d / s).square().sum(-1))
    m = c(obs_xyt, obs_xyt) + noise**2 * torch.eye(len(obs_xyt), dtype=obs_xyt.dtype)
    return c(query_xyt, obs_xyt) @ torch.linalg.solve(m, obs)

# %% exercise="ResNetInterpolator" right="two lists of layers"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = h + two(torch.relu(one(torch.relu(h))))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" right="a block class, and a padding of its own"
class ResNetInterpolator(nn.Module):
    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.g = nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, (3, 3), padding=(1, 1), padding_mode="circular"),
                                   nn.ReLU(), nn.Conv2d(width, width, (3, 3), padding=(1, 1), padding_mode="circular"))

        def forward(self, h):
            return self.g(h) + h

    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        last = nn.Conv2d(width, 4, 3, padding=1, padding_mode="circular")
        with torch.no_grad():
            last.weight.fill_(0)
            last.bias.fill_(0)
        self.net = nn.Sequential(nn.Conv2d(in_channels, width, 4, 2, 1, padding_mode="circular"),
                                 *[self.Block(width) for _ in range(n_blocks)], nn.ReLU(), last, nn.PixelShuffle(2))

    def forward(self, x):
        return x[:, 0:1] + self.net(x)

# %% exercise="ResNetInterpolator" right="padding by hand"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 0}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def wrap(self, x):
        return nn.functional.pad(x, (1, 1, 1, 1), mode="circular")

    def forward(self, x):
        h = self.first(self.wrap(x))
        for one, two in zip(self.one, self.two):
            h = h + two(self.wrap(torch.relu(one(self.wrap(torch.relu(h))))))
        return x[:, :1] + self.shuffle(self.last(self.wrap(torch.relu(h))))

# %% exercise="ResNetInterpolator" wrong="zero padding"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = h + two(torch.relu(one(torch.relu(h))))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="no first guess"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = h + two(torch.relu(one(torch.relu(h))))
        return self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="last convolution not zero"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = h + two(torch.relu(one(torch.relu(h))))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="no shortcut in the blocks"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = two(torch.relu(one(torch.relu(h))))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="no ReLU between"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = h + two(one(torch.relu(h)))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="ReLU after the sum"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = torch.relu(h + two(torch.relu(one(h))))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="no ReLU before the last"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = h + two(torch.relu(one(torch.relu(h))))
        return x[:, :1] + self.shuffle(self.last(h))

# %% exercise="ResNetInterpolator" wrong="shortcut detached"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = h.detach() + two(torch.relu(one(torch.relu(h))))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="one block used again"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in [(self.one[0], self.two[0])] * len(self.one):
            h = h + two(torch.relu(one(torch.relu(h))))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="all channels are averaged for the guess"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = h + two(torch.relu(one(torch.relu(h))))
        return x.mean(1, keepdim=True) + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="tanh on the correction"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = h + two(torch.relu(one(torch.relu(h))))
        return x[:, :1] + torch.tanh(self.shuffle(self.last(torch.relu(h))))

# %% exercise="ResNetInterpolator" wrong="no offset"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular", "bias": False}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = h + two(torch.relu(one(torch.relu(h))))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="always three blocks"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(3)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(3)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = h + two(torch.relu(one(torch.relu(h))))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="all weights zero"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        for p in self.parameters():
            nn.init.zeros_(p)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = h + two(torch.relu(one(torch.relu(h))))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="ReLU in place on the shortcut"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(in_channels, width, 4, stride=2, **circular)
        self.one = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.two = nn.ModuleList([nn.Conv2d(width, width, 3, **circular) for _ in range(n_blocks)])
        self.last = nn.Conv2d(width, 4, 3, **circular)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        h = self.first(x)
        for one, two in zip(self.one, self.two):
            h = h + two(torch.relu(one(torch.relu_(h))))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="always as many blocks as 3 (n_blocks ignored above two)"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels, width=32, n_blocks=3):
        super().__init__()
        n_blocks = min(n_blocks, 3)
        conv = lambda a, b, k=3, s=1: nn.Conv2d(a, b, k, stride=s, padding=1, padding_mode="circular")
        self.first = conv(in_channels, width, 4, 2)
        self.blocks = nn.ModuleList(nn.Sequential(nn.ReLU(), conv(width, width), nn.ReLU(), conv(width, width)) for _ in range(n_blocks))
        self.last = conv(width, 4)
        nn.init.zeros_(self.last.weight); nn.init.zeros_(self.last.bias)
    def forward(self, x):
        h = self.first(x)
        for b in self.blocks:
            h = h + b(h)
        return x[:, :1] + nn.functional.pixel_shuffle(self.last(torch.relu(h)), 2)

# %% exercise="ResNetInterpolator" wrong="the first guess does not enter the network"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels: int, width: int = 32, n_blocks: int = 3):
        super().__init__()
        def conv(i, o, k=3, s=1):
            return nn.Conv2d(i, o, k, stride=s, padding=1, padding_mode="circular")
        self.first = conv(in_channels, width, 4, 2)
        self.blocks = nn.ModuleList([nn.ModuleList([conv(width, width), conv(width, width)]) for _ in range(n_blocks)])
        self.last = conv(width, 4)
        self.shuffle = nn.PixelShuffle(2)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x):
        h = self.first(torch.cat([0 * x[:, :1], x[:, 1:]], 1))
        for one, two in self.blocks:
            h = h + two(torch.relu(one(torch.relu(h))))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="ResNetInterpolator" wrong="the mean of each map removed"
class ResNetInterpolator(nn.Module):
    def __init__(self, in_channels: int, width: int = 32, n_blocks: int = 3):
        super().__init__()
        def conv(i, o, k=3, s=1):
            return nn.Conv2d(i, o, k, stride=s, padding=1, padding_mode="circular")
        self.first = conv(in_channels, width, 4, 2)
        self.blocks = nn.ModuleList([nn.ModuleList([conv(width, width), conv(width, width)]) for _ in range(n_blocks)])
        self.last = conv(width, 4)
        self.shuffle = nn.PixelShuffle(2)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x):
        h = self.first(x - x.mean((2, 3), keepdim=True))
        for one, two in self.blocks:
            h = h + two(torch.relu(one(torch.relu(h))))
        return x[:, :1] + self.shuffle(self.last(torch.relu(h)))

# %% exercise="effective_resolution" right="the library's spectrum and a loop"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    k, signal = metrics.isotropic_spectrum(truth, dx)
    for i in range(signal.argmax(), len(k)):
        if error[i] >= threshold * signal[i]:
            return 1 / k[i]
    return 2 * dx

# %% exercise="effective_resolution" right="masks of rings, interpolated"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    n = truth.shape[-1]
    m = torch.fft.fftfreq(n, 1 / n)
    rings = torch.round(torch.sqrt(m[:, None] ** 2 + m[None, :] ** 2))
    ft, fe = torch.fft.fft2(truth), torch.fft.fft2(truth - estimate)
    signal = torch.stack([(ft.abs() ** 2)[:, rings == r].sum() for r in range(1, n // 2 + 1)])
    ratio = torch.stack([(fe.abs() ** 2)[:, rings == r].sum() for r in range(1, n // 2 + 1)]) / signal
    p = int(signal.argmax())
    if ratio[p] >= threshold:
        return n * dx / (p + 1)
    above = (ratio[p:] >= threshold).nonzero()
    if len(above) == 0:
        return 2.0 * dx
    i = p + int(above[0])
    m = i + (threshold - ratio[i - 1]) / (ratio[i] - ratio[i - 1])
    return float(n * dx / m)

# %% exercise="effective_resolution" wrong="spectrum of the estimate, not of the error"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate, dx)
    k, signal = metrics.isotropic_spectrum(truth, dx)
    for i in range(signal.argmax(), len(k)):
        if error[i] >= threshold * signal[i]:
            return 1 / k[i]
    return 2 * dx

# %% exercise="effective_resolution" wrong="difference of spectra"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    k, e2 = metrics.isotropic_spectrum(estimate, dx)
    k, signal = metrics.isotropic_spectrum(truth, dx)
    error = abs(e2 - signal)
    for i in range(signal.argmax(), len(k)):
        if error[i] >= threshold * signal[i]:
            return 1 / k[i]
    return 2 * dx

# %% exercise="effective_resolution" wrong="from the longest wave"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    k, signal = metrics.isotropic_spectrum(truth, dx)
    for i in range(len(k)):
        if error[i] >= threshold * signal[i]:
            return 1 / k[i]
    return 2 * dx

# %% exercise="effective_resolution" wrong="from short waves"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    k, signal = metrics.isotropic_spectrum(truth, dx)
    for i in range(len(k) - 1, -1, -1):
        if error[i] >= threshold * signal[i]:
            return 1 / k[i]
    return 2 * dx

# %% exercise="effective_resolution" wrong="threshold always a half"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    k, signal = metrics.isotropic_spectrum(truth, dx)
    for i in range(signal.argmax(), len(k)):
        if error[i] >= 0.5 * signal[i]:
            return 1 / k[i]
    return 2 * dx

# %% exercise="effective_resolution" wrong="amplitudes instead of power"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    k, signal = metrics.isotropic_spectrum(truth, dx)
    for i in range(signal.argmax(), len(k)):
        if error[i] ** 0.5 >= threshold * signal[i] ** 0.5:
            return 1 / k[i]
    return 2 * dx

# %% exercise="effective_resolution" wrong="wavenumber instead of wavelength"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    k, signal = metrics.isotropic_spectrum(truth, dx)
    for i in range(signal.argmax(), len(k)):
        if error[i] >= threshold * signal[i]:
            return k[i]
    return 2 * dx

# %% exercise="effective_resolution" wrong="half of the wavelength"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    k, signal = metrics.isotropic_spectrum(truth, dx)
    for i in range(signal.argmax(), len(k)):
        if error[i] >= threshold * signal[i]:
            return 0.5 / k[i]
    return 2 * dx

# %% exercise="effective_resolution" wrong="the ring after"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    k, signal = metrics.isotropic_spectrum(truth, dx)
    for i in range(signal.argmax(), len(k)):
        if error[i] >= threshold * signal[i]:
            return 1 / k[min(i + 2, len(k) - 1)]
    return 2 * dx

# %% exercise="effective_resolution" wrong="dx forgotten"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    k, signal = metrics.isotropic_spectrum(truth, dx)
    for i in range(signal.argmax(), len(k)):
        if error[i] >= threshold * signal[i]:
            return 1 / (k[i] * dx)
    return 2 * dx

# %% exercise="effective_resolution" wrong="infinite where none crosses"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    k, signal = metrics.isotropic_spectrum(truth, dx)
    for i in range(signal.argmax(), len(k)):
        if error[i] >= threshold * signal[i]:
            return 1 / k[i]
    return float('inf')

# %% exercise="effective_resolution" wrong="only the first map"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum((estimate - truth)[:1], dx)
    k, signal = metrics.isotropic_spectrum(truth[:1], dx)
    for i in range(signal.argmax(), len(k)):
        if error[i] >= threshold * signal[i]:
            return 1 / k[i]
    return 2 * dx

# %% exercise="effective_resolution" wrong="ratio to the estimate's spectrum"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    k, signal = metrics.isotropic_spectrum(estimate, dx)
    for i in range(signal.argmax(), len(k)):
        if error[i] >= threshold * signal[i]:
            return 1 / k[i]
    return 2 * dx

# %% exercise="effective_resolution" wrong="a constant"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    from course_lib import metrics
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    k, signal = metrics.isotropic_spectrum(truth, dx)
    return 100.0
    for i in range(signal.argmax(), len(k)):
        if error[i] >= threshold * signal[i]:
            return 1 / k[i]
    return 2 * dx

# %% exercise="effective_resolution" wrong="peak of the estimate"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    _, power = metrics.isotropic_spectrum(truth, dx)
    peak = int(metrics.isotropic_spectrum(estimate, dx)[1].argmax())
    for i in range(peak, len(k)):
        if error[i] >= threshold * power[i]:
            return float(1 / k[i])
    return 2.0 * dx

# %% exercise="effective_resolution" wrong="peak of the mean power per wave, not of the sum over the ring"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    k, error = metrics.isotropic_spectrum(estimate - truth, dx)
    _, power = metrics.isotropic_spectrum(truth, dx)
    peak = int((power / k).argmax())
    for i in range(peak, len(k)):
        if error[i] >= threshold * power[i]:
            return float(1 / k[i])
    return 2.0 * dx

# %% exercise="effective_resolution" wrong="mean of the ratios of single maps"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    _, power = metrics.isotropic_spectrum(truth, dx)
    peak = int(power.argmax())
    import numpy as np
    ratio = []
    for t, e in zip(truth, estimate):
        k, error = metrics.isotropic_spectrum(e - t, dx)
        ratio.append(error / metrics.isotropic_spectrum(t, dx)[1])
    ratio = np.mean(ratio, 0)
    for i in range(peak, len(k)):
        if ratio[i] >= threshold:
            return float(1 / k[i])
    return 2.0 * dx

# %% exercise="effective_resolution" wrong="rings by rounding down"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    n = truth.shape[-1]
    c = torch.fft.fftfreq(n, 1 / n).double()
    ring = torch.hypot(c[:, None], c).floor().long().flatten()
    def rings(f):
        p = torch.fft.fft2(f.double()).abs().square().sum(0).flatten()
        return torch.zeros(n, dtype=p.dtype).index_add(0, ring, p)[: n // 2 + 1]
    t, e = rings(truth)[1:], rings(estimate - truth)[1:]
    for i in range(int(t.argmax()), n // 2):
        if e[i] >= threshold * t[i]:
            return n * dx / (i + 1)
    return 2.0 * dx

# %% exercise="effective_resolution" wrong="spectra of the mean over the maps"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    k, error = metrics.isotropic_spectrum((estimate - truth).mean(0), dx)
    _, power = metrics.isotropic_spectrum(truth.mean(0), dx)
    peak = int(power.argmax())
    for i in range(peak, len(k)):
        if error[i] >= threshold * power[i]:
            return float(1 / k[i])
    return 2.0 * dx

# %% exercise="effective_resolution" wrong="the strongest ring sought from ring 0 on"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    import numpy as np
    t, e = np.array(truth, float), np.array(estimate, float)
    n = t.shape[-1]
    c = np.fft.fftfreq(n) * n
    ring = np.rint(np.hypot(c[:, None], c)).astype(int).ravel()
    def spectrum(f):
        power = (np.abs(np.fft.fft2(f)) ** 2).sum(0)
        return np.bincount(ring, power.ravel())[1:n // 2 + 1]
    power, error = spectrum(t), spectrum(e - t)
    ratio = error / power
    start = max(0, int(np.bincount(ring, (np.abs(np.fft.fft2(t)) ** 2).sum(0).ravel()).argmax()) - 1)
    for i in range(start, len(ratio)):
        if ratio[i] >= threshold:
            if i == start:
                return n * dx / (i + 1)
            m = i + (threshold - ratio[i - 1]) / (ratio[i] - ratio[i - 1])
            return n * dx / m
    return 2 * dx

# %% exercise="effective_resolution" wrong="the last crossing"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    import numpy as np
    t, e = np.array(truth, float), np.array(estimate, float)
    n = t.shape[-1]
    c = np.fft.fftfreq(n) * n
    ring = np.rint(np.hypot(c[:, None], c)).astype(int).ravel()
    def spectrum(f):
        power = (np.abs(np.fft.fft2(f)) ** 2).sum(0)
        return np.bincount(ring, power.ravel())[1:n // 2 + 1]
    power, error = spectrum(t), spectrum(e - t)
    ratio = error / power
    start = int(power.argmax())
    for i in range(len(ratio) - 1, start - 1, -1):
        if ratio[i] >= threshold and (i == start or ratio[i - 1] < threshold):
            if i == start:
                return n * dx / (i + 1)
            m = i + (threshold - ratio[i - 1]) / (ratio[i] - ratio[i - 1])
            return n * dx / m
    return 2 * dx

# %% exercise="effective_resolution" wrong="rings beyond n/2 too"
def effective_resolution(truth, estimate, dx, threshold=0.5):
    import numpy as np
    t, e = np.array(truth, float), np.array(estimate, float)
    n = t.shape[-1]
    c = np.fft.fftfreq(n) * n
    ring = np.rint(np.hypot(c[:, None], c)).astype(int).ravel()
    def spectrum(f):
        power = (np.abs(np.fft.fft2(f)) ** 2).sum(0)
        return np.bincount(ring, power.ravel())[1:]
    power, error = spectrum(t), spectrum(e - t)
    ratio = error / power
    start = int(power.argmax())
    for i in range(start, len(ratio)):
        if ratio[i] >= threshold:
            if i == start:
                return n * dx / (i + 1)
            m = i + (threshold - ratio[i - 1]) / (ratio[i] - ratio[i - 1])
            return n * dx / m
    return 2 * dx

# %% exercise="spectral_transfer" right="two wheres"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    top = (b * a.conj()).sum(0)
    bottom = (a.abs() ** 2).sum(0)
    return torch.where(bottom == 0, torch.zeros_like(top), top / torch.where(bottom == 0, 1.0, bottom))

# %% exercise="spectral_transfer" right="einsum and nan_to_num"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    ratio = torch.einsum("shw,shw->hw", b, a.conj()) / torch.einsum("shw,shw->hw", a, a.conj()).real
    return torch.nan_to_num(ratio, nan=0.0, posinf=0.0, neginf=0.0)

# %% exercise="spectral_transfer" right="a loop over the samples, real and imaginary parts"
def spectral_transfer(surface, deep):
    h, w = surface.shape[-2:]
    re = torch.zeros(h, w // 2 + 1, dtype=surface.dtype)
    im, power = torch.zeros_like(re), torch.zeros_like(re)
    for s, d in zip(surface, deep):
        a, b = torch.fft.rfft2(s), torch.fft.rfft2(d)
        re += a.real * b.real + a.imag * b.imag
        im += a.real * b.imag - a.imag * b.real
        power += a.real**2 + a.imag**2
    power = torch.where(power > 0, power, torch.inf)
    return torch.complex(re / power, im / power)

# %% exercise="spectral_transfer" wrong="the other one conjugated"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    top = (b.conj() * a).sum(0)
    bottom = (a.abs() ** 2).sum(0)
    return torch.where(bottom == 0, torch.zeros_like(top), top / torch.where(bottom == 0, 1.0, bottom))

# %% exercise="spectral_transfer" wrong="nothing conjugated"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    top = (b * a).sum(0)
    bottom = (a.abs() ** 2).sum(0)
    return torch.where(bottom == 0, torch.zeros_like(top), top / torch.where(bottom == 0, 1.0, bottom))

# %% exercise="spectral_transfer" wrong="mean of ratios"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    top = (b / a).mean(0) * (a.abs() ** 2).sum(0)
    bottom = (a.abs() ** 2).sum(0)
    return torch.where(bottom == 0, torch.zeros_like(top), top / torch.where(bottom == 0, 1.0, bottom))

# %% exercise="spectral_transfer" wrong="divided by the deep power"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    top = (b * a.conj()).sum(0)
    bottom = (b.abs() ** 2).sum(0)
    return torch.where(bottom == 0, torch.zeros_like(top), top / torch.where(bottom == 0, 1.0, bottom))

# %% exercise="spectral_transfer" wrong="gain without phase"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    top = (b * a.conj()).sum(0).abs() + 0j
    bottom = (a.abs() ** 2).sum(0)
    return torch.where(bottom == 0, torch.zeros_like(top), top / torch.where(bottom == 0, 1.0, bottom))

# %% exercise="spectral_transfer" wrong="amplitudes instead of power"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    top = (b * a.conj()).sum(0)
    bottom = a.abs().sum(0)
    return torch.where(bottom == 0, torch.zeros_like(top), top / torch.where(bottom == 0, 1.0, bottom))

# %% exercise="spectral_transfer" wrong="full transform"
def spectral_transfer(surface, deep):
    a, b = torch.fft.fft2(surface), torch.fft.fft2(deep)
    top = (b * a.conj()).sum(0)
    bottom = (a.abs() ** 2).sum(0)
    return torch.where(bottom == 0, torch.zeros_like(top), top / torch.where(bottom == 0, 1.0, bottom))

# %% exercise="spectral_transfer" wrong="0 / 0"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    top = (b * a.conj()).sum(0)
    bottom = (a.abs() ** 2).sum(0)
    return top / bottom

# %% exercise="spectral_transfer" wrong="real part only"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    top = (b * a.conj()).sum(0).real
    bottom = (a.abs() ** 2).sum(0)
    return torch.where(bottom == 0, torch.zeros_like(top), top / torch.where(bottom == 0, 1.0, bottom))

# %% exercise="spectral_transfer" wrong="one dimension only"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft(surface), torch.fft.rfft(deep)
    top = (b * a.conj()).sum(0)
    bottom = (a.abs() ** 2).sum(0)
    return torch.where(bottom == 0, torch.zeros_like(top), top / torch.where(bottom == 0, 1.0, bottom))

# %% exercise="spectral_transfer" wrong="root of the power ratio"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    top = ((b.abs() ** 2).sum(0) * (a.abs() ** 2).sum(0)).sqrt() + 0j
    bottom = (a.abs() ** 2).sum(0)
    return torch.where(bottom == 0, torch.zeros_like(top), top / torch.where(bottom == 0, 1.0, bottom))

# %% exercise="spectral_transfer" wrong="regularised by one"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    top = (b * a.conj()).sum(0)
    bottom = (a.abs() ** 2).sum(0)
    return torch.where(bottom == 0, torch.zeros_like(top), top / (bottom + 1))

# %% exercise="spectral_transfer" wrong="T = 0 also where one sample has no power"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    ok = (a.abs() > 0).all(0)
    power = a.abs().square().sum(0)
    return torch.where(ok, (b * a.conj()).sum(0) / torch.where(power > 0, power, 1), 0)

# %% exercise="spectral_transfer" wrong="weak waves (below 1e-4 of the strongest) are set to zero"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    power = a.abs().square().sum(0)
    return torch.where(power > 1e-4 * power.max(), (b * a.conj()).sum(0) / torch.where(power > 0, power, 1), 0)

# %% exercise="spectral_transfer" wrong="a small number added to the power"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    power = (a.abs() ** 2).sum(0)
    cross = (b * a.conj()).sum(0)
    return torch.where(power > 0, cross / (power + 1e-12), 0.0)

# %% exercise="spectral_transfer" wrong="faint waves left out"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    power = (a.abs() ** 2).sum(0)
    cross = (b * a.conj()).sum(0)
    return torch.where(power > 1e-10 * power.max(), cross / torch.where(power > 1e-10 * power.max(), power, 1.0), 0.0)

# %% exercise="spectral_transfer" right="conjugated at the end"
def spectral_transfer(surface, deep):
    a, b = torch.fft.rfft2(surface), torch.fft.rfft2(deep)
    power = (a * a.conj()).real.sum(0)
    T = (a * b.conj()).sum(0) / torch.where(power > 0, power, 1.0)
    return T.conj()

# %% exercise="scale_observations" right="a new field, filled where seen"
def scale_observations(seen):
    known = ~torch.isnan(seen)
    mean = seen[known].mean()
    std = seen[known].std(unbiased=False)
    scaled = torch.zeros_like(seen)
    scaled[known] = (seen[known] - mean) / std
    return scaled, mean, std

# %% exercise="scale_observations" right="nanmean twice"
def scale_observations(seen):
    mean = torch.nanmean(seen)
    std = torch.nanmean((seen - mean) ** 2) ** 0.5
    return torch.where(torch.isnan(seen), 0.0, (seen - mean) / std), mean, std

# %% exercise="scale_observations" wrong="the published one"
def scale_observations(seen):
    filled = torch.nan_to_num(seen)
    mean, std = filled.mean(), filled.std()
    return (filled - mean) / std, mean, std

# %% exercise="scale_observations" wrong="zero-filled statistics, gaps repaired"
def scale_observations(seen):
    filled = torch.nan_to_num(seen)
    mean, std = filled.mean(), filled.std()
    return torch.nan_to_num((seen - mean) / std), mean, std

# %% exercise="scale_observations" wrong="zeros are taken for gaps"
def scale_observations(seen):
    filled = torch.nan_to_num(seen)
    known = filled[filled != 0]
    return torch.nan_to_num((seen - known.mean()) / known.std()), known.mean(), known.std()

# %% exercise="scale_observations" wrong="filled before scaling"
def scale_observations(seen):
    known = seen[seen.isfinite()]
    mean, std = known.mean(), known.std()
    return (torch.nan_to_num(seen) - mean) / std, mean, std

# %% exercise="scale_observations" wrong="gaps stay NaN"
def scale_observations(seen):
    known = ~torch.isnan(seen)
    mean = seen[known].mean()
    std = seen[known].std(unbiased=False)
    scaled = torch.full_like(seen, torch.nan)
    scaled[known] = (seen[known] - mean) / std
    return scaled, mean, std

# %% exercise="scale_observations" wrong="variance"
def scale_observations(seen):
    known = ~torch.isnan(seen)
    mean = seen[known].mean()
    std = seen[known].var(unbiased=False)
    scaled = torch.zeros_like(seen)
    scaled[known] = (seen[known] - mean) / std
    return scaled, mean, std

# %% exercise="scale_observations" wrong="std about zero"
def scale_observations(seen):
    known = ~torch.isnan(seen)
    mean = seen[known].mean()
    std = seen[known].square().mean().sqrt()
    scaled = torch.zeros_like(seen)
    scaled[known] = (seen[known] - mean) / std
    return scaled, mean, std

# %% exercise="scale_observations" wrong="not divided"
def scale_observations(seen):
    known = ~torch.isnan(seen)
    mean = seen[known].mean()
    std = seen[known].std(unbiased=False)
    scaled = torch.zeros_like(seen)
    scaled[known] = (seen[known] - mean)
    return scaled, mean, std

# %% exercise="scale_observations" wrong="in place"
def scale_observations(seen):
    known = seen.isfinite()
    mean, std = seen[known].mean(), seen[known].std()
    seen -= mean
    seen /= std
    seen[~known] = 0
    return seen, mean, std

# %% exercise="scale_observations" wrong="a mean for each map"
def scale_observations(seen):
    known = ~torch.isnan(seen)
    mean = torch.nanmean(seen, dim=(-2, -1), keepdim=True)
    std = seen[known].std(unbiased=False)
    scaled = torch.zeros_like(seen)
    scaled[known] = ((seen - mean) / std)[known]
    return scaled, mean, std

# %% exercise="scale_observations" wrong="mean not returned"
def scale_observations(seen):
    known = ~torch.isnan(seen)
    mean = seen[known].mean()
    std = seen[known].std(unbiased=False)
    scaled = torch.zeros_like(seen)
    scaled[known] = (seen[known] - mean) / std
    return scaled, std

# %% exercise="scale_observations" wrong="order of the results"
def scale_observations(seen):
    known = ~torch.isnan(seen)
    mean = seen[known].mean()
    std = seen[known].std(unbiased=False)
    scaled = torch.zeros_like(seen)
    scaled[known] = (seen[known] - mean) / std
    return scaled, std, mean

# %% exercise="scale_observations" wrong="mean square less squared mean, in single precision"
def scale_observations(seen):
    seen32 = seen.float()
    mask = seen32.isfinite()
    x = seen32.nan_to_num()
    n = mask.sum()
    mean = x.sum() / n
    std = ((x**2).sum() / n - mean**2).clamp(min=0).sqrt()
    return torch.where(mask, (seen32 - mean) / std, 0.0), mean, std

# %% exercise="scale_observations" wrong="mean of the means of the maps"
def scale_observations(seen):
    mean = seen.flatten(0, -3).flatten(1).nanmean(1).mean() if seen.ndim > 2 else seen.nanmean()
    values = seen[seen.isfinite()]
    std = values.std()
    return torch.nan_to_num((seen - mean) / std), mean, std

# %% exercise="scale_observations" wrong="outliers beyond four standard deviations clipped"
def scale_observations(seen):
    values = seen[seen.isfinite()]
    mean, std = values.mean(), values.std()
    return torch.nan_to_num((seen - mean) / std).clamp(-5, 5), mean, std
