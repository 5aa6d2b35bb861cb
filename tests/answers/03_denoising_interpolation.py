# %% [markdown]
# The bank of unit 03: right answers written in other ways than the reference, and
# mistakes that students make. `course answers 03 -v` grades it through nbgrader.

# %% exercise="add_noise" right="an empty tensor, filled in place"
def add_noise(x, sigma, generator):
    noise = torch.empty(x.shape, dtype=x.dtype).normal_(0, sigma, generator=generator)
    return x + noise.to(x.device)

# %% exercise="add_noise" right="image by image"
def add_noise(x, sigma, generator):
    noisy = []
    for image in x:
        noise = torch.randn(image.shape, generator=generator, dtype=x.dtype)
        noisy.append(image + sigma * noise.to(image))
    return torch.stack(noisy)

# %% exercise="add_noise" right="two uniform numbers after Box and Muller"
def add_noise(x, sigma, generator):
    u, v = torch.rand((2, *x.shape), generator=generator, dtype=torch.float64)
    noise = torch.sqrt(-2 * torch.log(1 - u)) * torch.cos(2 * torch.pi * v)
    return x + (sigma * noise).to(x)

# %% exercise="add_noise" right="a flat list of numbers, folded"
def add_noise(x, sigma, generator):
    noise = torch.randn(x.numel(), generator=generator, dtype=torch.float64)
    return torch.add(x, noise.reshape(x.shape).to(x), alpha=sigma)

# %% exercise="add_noise" right="torch.normal around x"
def add_noise(x, sigma, generator):
    return torch.normal(x, sigma, generator=generator)

# %% exercise="add_noise" wrong="sigma taken for the variance"
def add_noise(x, sigma, generator):
    return x + sigma**0.5 * torch.randn(x.shape, generator=generator, dtype=x.dtype)

# %% exercise="add_noise" wrong="uniform noise of the same deviation"
def add_noise(x, sigma, generator):
    noise = torch.rand(x.shape, generator=generator, dtype=x.dtype) - 0.5
    return x + sigma * 12**0.5 * noise

# %% exercise="add_noise" wrong="clipped to 0 and 1"
def add_noise(x, sigma, generator):
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return (x + sigma * noise).clamp(0, 1)

# %% exercise="add_noise" wrong="one noise for the whole batch"
def add_noise(x, sigma, generator):
    return x + sigma * torch.randn(x.shape[1:], generator=generator, dtype=x.dtype)

# %% exercise="add_noise" wrong="the channels share their noise"
def add_noise(x, sigma, generator):
    noise = torch.randn(x[:, :1].shape, generator=generator, dtype=x.dtype)
    return x + sigma * noise

# %% exercise="add_noise" wrong="the generator only gives its seed"
def add_noise(x, sigma, generator):
    torch.manual_seed(generator.initial_seed())
    return x + sigma * torch.randn_like(x)

# %% exercise="add_noise" wrong="seeds the generator itself"
def add_noise(x, sigma, generator):
    generator.manual_seed(SEED)
    return x + sigma * torch.randn(x.shape, generator=generator, dtype=x.dtype)

# %% exercise="add_noise" wrong="changes x in place"
def add_noise(x, sigma, generator):
    x += sigma * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return x

# %% exercise="add_noise" wrong="always single precision"
def add_noise(x, sigma, generator):
    return x.float() + sigma * torch.randn(x.shape, generator=generator)

# %% exercise="psnr" right="NumPy in double precision"
def psnr(x, x_hat, data_range=1.0):
    truth, guess = (np.asarray(values.detach().cpu(), dtype="float64") for values in (x, x_hat))
    squared_error = np.mean((truth - guess) ** 2)
    return float(10 * np.log10(data_range**2 / squared_error))

# %% exercise="psnr" right="a difference of logarithms"
import math

def psnr(x, x_hat, data_range=1.0):
    squared_error = torch.mean(torch.square(x_hat - x))
    return 20 * math.log10(data_range) - 10 * torch.log10(squared_error).item()

# %% exercise="psnr" right="factor 20 with the root"
def psnr(x, x_hat, data_range=1.0):
    root = torch.linalg.vector_norm(x - x_hat) / x.numel() ** 0.5
    return (20 * torch.log10(data_range / root)).item()

# %% exercise="psnr" right="natural logarithm over that of 10, summed in a loop"
def psnr(x, x_hat, data_range=1.0):
    total = sum(((a - b) ** 2).sum() for a, b in zip(x, x_hat, strict=True))
    ratio = data_range**2 * x.numel() / total
    return float(10 * torch.log(ratio)) / float(np.log(10))

# %% exercise="psnr" wrong="natural logarithm"
def psnr(x, x_hat, data_range=1.0):
    return float(10 * torch.log(data_range**2 / ((x - x_hat) ** 2).mean()))

# %% exercise="psnr" wrong="factor 20 without a root"
def psnr(x, x_hat, data_range=1.0):
    return float(20 * torch.log10(data_range**2 / ((x - x_hat) ** 2).mean()))

# %% exercise="psnr" wrong="the range is not squared"
def psnr(x, x_hat, data_range=1.0):
    return float(10 * torch.log10(data_range / ((x - x_hat) ** 2).mean()))

# %% exercise="psnr" wrong="the mean over images of their decibels"
def psnr(x, x_hat, data_range=1.0):
    squared_error = ((x - x_hat) ** 2).flatten(1).mean(1)
    return float((10 * torch.log10(data_range**2 / squared_error)).mean())

# %% exercise="psnr" wrong="absolute errors"
def psnr(x, x_hat, data_range=1.0):
    return float(20 * torch.log10(data_range / (x - x_hat).abs().mean()))

# %% exercise="psnr" wrong="the square of the mean error"
def psnr(x, x_hat, data_range=1.0):
    return float(10 * torch.log10(data_range**2 / (x - x_hat).mean() ** 2))

# %% exercise="psnr" wrong="the largest error"
def psnr(x, x_hat, data_range=1.0):
    return float(10 * torch.log10(data_range**2 / ((x - x_hat) ** 2).max()))

# %% exercise="psnr" wrong="summed over an image"
def psnr(x, x_hat, data_range=1.0):
    squared_error = ((x - x_hat) ** 2).flatten(1).sum(1).mean()
    return float(10 * torch.log10(data_range**2 / squared_error))

# %% exercise="psnr" wrong="the sign is turned"
def psnr(x, x_hat, data_range=1.0):
    return float(10 * torch.log10(((x - x_hat) ** 2).mean() / data_range**2))

# %% exercise="SkipAutoencoder" right="lists of layers, skips on a stack"
from torch.nn import functional as F

class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        steps = [(width, 2 * width), (2 * width, 4 * width)]
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in steps)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 4, stride=2, padding=1) for a, b in steps[::-1])
        self.last = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, x):
        maps = [F.relu(self.first(x))]
        for layer in self.down:
            maps.append(F.relu(layer(maps[-1])))
        y = maps.pop()
        for layer in self.up:
            y = F.relu(layer(y) + maps.pop())
        return self.last(y) + x[:, : self.last.out_channels]

# %% exercise="SkipAutoencoder" right="blocks with in-place ReLU, the decoder written first"
class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        self.n_out = out_channels
        self.final = nn.Conv2d(width, out_channels, kernel_size=(3, 3), padding="same")
        self.to_full = nn.ConvTranspose2d(2 * width, width, kernel_size=4, stride=2, padding=1)
        self.to_half = nn.ConvTranspose2d(4 * width, 2 * width, kernel_size=4, stride=2, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.encoder = nn.ModuleList([
            nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(inplace=True)),
            nn.Sequential(nn.Conv2d(width, 2 * width, 4, 2, 1), nn.ReLU(inplace=True)),
            nn.Sequential(nn.Conv2d(2 * width, 4 * width, 4, 2, 1), nn.ReLU(inplace=True))])

    def forward(self, x):
        full = self.encoder[0](x)
        half = self.encoder[1](full)
        y = self.to_half(self.encoder[2](half))
        y += half
        y = self.to_full(self.relu(y))
        y += full
        y = self.final(self.relu(y))
        y += x.narrow(1, 0, self.n_out)
        return y

# %% exercise="SkipAutoencoder" right="one level around another"
class Level(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.down = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.inner = inner
        self.up = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)

    def forward(self, x):
        y = self.inner(torch.relu(self.down(x)))
        return torch.relu(x + self.up(y))

class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        self.kept = list(range(out_channels))
        self.change = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(),
            Level(width, Level(2 * width, nn.Identity())),
            nn.Conv2d(width, out_channels, 3, padding=1))

    def forward(self, x):
        return torch.add(x[:, self.kept], self.change(x))

# %% exercise="SkipAutoencoder" wrong="the inner skip is missing"
class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        self.out_channels = out_channels
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down1 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.last = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, x):
        full = self.first(x).relu()
        half = self.down1(full).relu()
        quarter = self.down2(half).relu()
        half = self.up2(quarter).relu()
        full = (self.up1(half) + full).relu()
        return x[:, : self.out_channels] + self.last(full)

# %% exercise="SkipAutoencoder" wrong="the outer skip is missing"
class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        self.out_channels = out_channels
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down1 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.last = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, x):
        full = self.first(x).relu()
        half = self.down1(full).relu()
        quarter = self.down2(half).relu()
        half = (self.up2(quarter) + half).relu()
        full = self.up1(half).relu()
        return x[:, : self.out_channels] + self.last(full)

# %% exercise="SkipAutoencoder" wrong="maps joined as channels"
class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        self.out_channels = out_channels
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down1 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(4 * width, width, 4, stride=2, padding=1)
        self.last = nn.Conv2d(2 * width, out_channels, 3, padding=1)

    def forward(self, x):
        full = self.first(x).relu()
        half = self.down1(full).relu()
        quarter = self.down2(half).relu()
        half = torch.cat([self.up2(quarter), half], 1).relu()
        full = torch.cat([self.up1(half), full], 1).relu()
        return x[:, : self.out_channels] + self.last(full)

# %% exercise="SkipAutoencoder" wrong="skips added after the ReLU"
class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        self.out_channels = out_channels
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down1 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.last = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, x):
        full = self.first(x).relu()
        half = self.down1(full).relu()
        quarter = self.down2(half).relu()
        half = self.up2(quarter).relu() + half
        full = self.up1(half).relu() + full
        return x[:, : self.out_channels] + self.last(full)

# %% exercise="SkipAutoencoder" wrong="a ReLU after the last convolution"
class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        self.out_channels = out_channels
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down1 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.last = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, x):
        full = self.first(x).relu()
        half = self.down1(full).relu()
        quarter = self.down2(half).relu()
        half = (self.up2(quarter) + half).relu()
        full = (self.up1(half) + full).relu()
        return x[:, : self.out_channels] + self.last(full).relu()

# %% exercise="SkipAutoencoder" wrong="the input is not added"
class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        self.out_channels = out_channels
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down1 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.last = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, x):
        full = self.first(x).relu()
        half = self.down1(full).relu()
        quarter = self.down2(half).relu()
        half = (self.up2(quarter) + half).relu()
        full = (self.up1(half) + full).relu()
        return self.last(full)

# %% exercise="SkipAutoencoder" wrong="the last channels of the input are added"
class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        self.out_channels = out_channels
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down1 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.last = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, x):
        full = self.first(x).relu()
        half = self.down1(full).relu()
        quarter = self.down2(half).relu()
        half = (self.up2(quarter) + half).relu()
        full = (self.up1(half) + full).relu()
        return x[:, -self.out_channels :] + self.last(full)

# %% exercise="SkipAutoencoder" wrong="kernel 3 where the size changes"
class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        self.out_channels = out_channels
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down1 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 3, stride=2, padding=1, output_padding=1)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1)
        self.last = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, x):
        full = self.first(x).relu()
        half = self.down1(full).relu()
        quarter = self.down2(half).relu()
        half = (self.up2(quarter) + half).relu()
        full = (self.up1(half) + full).relu()
        return x[:, : self.out_channels] + self.last(full)

# %% exercise="SkipAutoencoder" wrong="the maps stop doubling"
class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        self.out_channels = out_channels
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down1 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * width, 2 * width, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(2 * width, 2 * width, 4, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.last = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, x):
        full = self.first(x).relu()
        half = self.down1(full).relu()
        quarter = self.down2(half).relu()
        half = (self.up2(quarter) + half).relu()
        full = (self.up1(half) + full).relu()
        return x[:, : self.out_channels] + self.last(full)

# %% exercise="SkipAutoencoder" wrong="width is ignored"
class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        width, self.out_channels = 12, out_channels
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down1 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.last = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, x):
        full = self.first(x).relu()
        half = self.down1(full).relu()
        quarter = self.down2(half).relu()
        half = (self.up2(quarter) + half).relu()
        full = (self.up1(half) + full).relu()
        return x[:, : self.out_channels] + self.last(full)

# %% exercise="SkipAutoencoder" wrong="no bias"
class SkipAutoencoder(nn.Module):
    def __init__(self, in_channels=1, out_channels=1, width=12):
        super().__init__()
        self.out_channels = out_channels
        self.first = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.down1 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1, bias=False)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1, bias=False)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False)
        self.last = nn.Conv2d(width, out_channels, 3, padding=1, bias=False)

    def forward(self, x):
        full = self.first(x).relu()
        half = self.down1(full).relu()
        quarter = self.down2(half).relu()
        half = (self.up2(quarter) + half).relu()
        full = (self.up1(half) + full).relu()
        return x[:, : self.out_channels] + self.last(full)

# %% exercise="random_mask" right="a Bernoulli draw for each position"
def random_mask(shape, keep, generator):
    return torch.bernoulli(torch.full(shape, float(keep)), generator=generator)

# %% exercise="random_mask" right="filled in place, chosen by where"
def random_mask(shape, keep, generator):
    chance = torch.empty(shape).uniform_(0, 1, generator=generator)
    return torch.where(chance < keep, torch.ones(shape), torch.zeros(shape))

# %% exercise="random_mask" right="NumPy in a flat list"
def random_mask(shape, keep, generator):
    count = int(np.prod(shape))
    chance = torch.rand(count, generator=generator, dtype=torch.float64).numpy()
    return torch.tensor((chance < keep).astype("float32")).reshape(shape)

# %% exercise="random_mask" right="zeros, then ones by their index"
def random_mask(shape, keep, generator):
    mask = torch.zeros(shape)
    mask[torch.rand(shape, generator=generator) >= 1 - keep] = 1.0
    return mask

# %% exercise="random_mask" wrong="keep is the part that is lost"
def random_mask(shape, keep, generator):
    return (torch.rand(shape, generator=generator) > keep).float()

# %% exercise="random_mask" wrong="an exact number of positions"
def random_mask(shape, keep, generator):
    count = int(np.prod(shape))
    order = torch.randperm(count, generator=generator)
    return (order < round(keep * count)).float().reshape(shape)

# %% exercise="random_mask" wrong="one draw for each row"
def random_mask(shape, keep, generator):
    chance = torch.rand((*shape[:-1], 1), generator=generator)
    return (chance < keep).float().expand(shape).clone()

# %% exercise="random_mask" wrong="one mask for the whole batch"
def random_mask(shape, keep, generator):
    chance = torch.rand(shape[1:], generator=generator)
    return (chance < keep).float().expand(shape).clone()

# %% exercise="random_mask" wrong="the channels share their gaps"
def random_mask(shape, keep, generator):
    chance = torch.rand((shape[0], 1, *shape[2:]), generator=generator)
    return (chance < keep).float().expand(shape).clone()

# %% exercise="random_mask" wrong="global random numbers"
def random_mask(shape, keep, generator):
    return (torch.rand(shape) < keep).float()

# %% exercise="random_mask" wrong="seeds the generator itself"
def random_mask(shape, keep, generator):
    generator.manual_seed(SEED)
    return (torch.rand(shape, generator=generator) < keep).float()

# %% exercise="random_mask" wrong="always a fifth"
def random_mask(shape, keep, generator):
    return (torch.rand(shape, generator=generator) < 0.2).float()

# %% exercise="random_mask" wrong="a regular grid without chance"
def random_mask(shape, keep, generator):
    count = int(np.prod(shape))
    return (torch.arange(count) % round(1 / keep) == 0).float().reshape(shape)

# %% exercise="track_mask" right="whole numbers only, in two loops"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    last = max(h - 1, 1)
    mask = torch.zeros(h, w)
    for start, end in torch.randint(w, (n_tracks, 2), generator=generator).tolist():
        for row in range(h):
            column = (2 * (start * (last - row) + end * row) + last) // (2 * last)
            mask[row, column] = 1
    return mask

# %% exercise="track_mask" right="the nearest column by its distance, all tracks at once"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    start, end = torch.randint(w, (n_tracks, 2), generator=generator).double().unbind(1)
    part = torch.linspace(0, 1, h, dtype=torch.float64)
    line = start[:, None] + (end - start)[:, None] * part
    distance = (torch.arange(w) - line[..., None]).abs()
    covered = nn.functional.one_hot(distance.argmin(-1), w).sum(0)
    return covered.clamp(max=1).float()

# %% exercise="track_mask" right="ends by multinomial, half added and rounded down"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    mask, part = torch.zeros(h, w), torch.linspace(0, 1, h)
    for _ in range(n_tracks):
        start, end = torch.multinomial(torch.ones(w), 2, replacement=True, generator=generator)
        columns = (start + (end - start) * part + 0.5).floor().long()
        mask[range(h), columns.tolist()] = 1
    return mask

# %% exercise="track_mask" right="NumPy"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    mask = np.zeros((h, w), dtype="float32")
    for start, end in torch.randint(0, w, (n_tracks, 2), generator=generator).numpy():
        columns = np.rint(np.linspace(start, end, h)).astype(int)
        mask[np.arange(h), columns] = 1
    return torch.from_numpy(mask)

# %% exercise="track_mask" wrong="rounded down"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    mask = torch.zeros(h, w)
    ends = torch.randint(0, w, (n_tracks, 2), generator=generator)
    for start, end in ends.tolist():
        columns = torch.linspace(start, end, h).long()
        mask[torch.arange(h), columns] = 1
    return mask

# %% exercise="track_mask" wrong="a curve"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    mask = torch.zeros(h, w)
    ends = torch.randint(0, w, (n_tracks, 2), generator=generator)
    for start, end in ends.tolist():
        columns = (start + (end - start) * torch.linspace(0, 1, h) ** 2).round().long()
        mask[torch.arange(h), columns] = 1
    return mask

# %% exercise="track_mask" wrong="the last column is never drawn"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    mask = torch.zeros(h, w)
    ends = torch.randint(0, w - 1, (n_tracks, 2), generator=generator)
    for start, end in ends.tolist():
        columns = torch.linspace(start, end, h).round().long()
        mask[torch.arange(h), columns] = 1
    return mask

# %% exercise="track_mask" wrong="vertical tracks"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    mask = torch.zeros(h, w)
    ends = torch.randint(0, w, (n_tracks, 1), generator=generator).expand(-1, 2)
    for start, end in ends.tolist():
        columns = torch.linspace(start, end, h).round().long()
        mask[torch.arange(h), columns] = 1
    return mask

# %% exercise="track_mask" wrong="from the first to the last column"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    mask = torch.zeros(h, w)
    ends = torch.randint(0, h, (n_tracks, 2), generator=generator)
    for start, end in ends.tolist():
        rows = torch.linspace(start, end, w).round().long()
        mask[rows, torch.arange(w)] = 1
    return mask

# %% exercise="track_mask" wrong="crossings count twice"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    mask = torch.zeros(h, w)
    ends = torch.randint(0, w, (n_tracks, 2), generator=generator)
    for start, end in ends.tolist():
        columns = torch.linspace(start, end, h).round().long()
        mask[torch.arange(h), columns] += 1
    return mask

# %% exercise="track_mask" wrong="only the last track remains"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    mask = torch.zeros(h, w)
    ends = torch.randint(0, w, (n_tracks, 2), generator=generator)
    for start, end in ends.tolist():
        mask = torch.zeros(h, w)
        columns = torch.linspace(start, end, h).round().long()
        mask[torch.arange(h), columns] = 1
    return mask

# %% exercise="track_mask" wrong="stops one step too early"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    mask = torch.zeros(h, w)
    ends = torch.randint(0, w, (n_tracks, 2), generator=generator)
    for start, end in ends.tolist():
        columns = torch.linspace(start, end, h + 1)[:h].round().long()
        mask[torch.arange(h), columns] = 1
    return mask

# %% exercise="track_mask" wrong="global random numbers"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    mask = torch.zeros(h, w)
    ends = torch.randint(0, w, (n_tracks, 2))
    for start, end in ends.tolist():
        columns = torch.linspace(start, end, h).round().long()
        mask[torch.arange(h), columns] = 1
    return mask

# %% exercise="track_mask" wrong="the outermost columns are rarer"
def track_mask(shape, n_tracks, generator):
    h, w = shape
    mask = torch.zeros(h, w)
    ends = ((w - 1) * torch.rand(n_tracks, 2, generator=generator)).round().long()
    for start, end in ends.tolist():
        columns = torch.linspace(start, end, h).round().long()
        mask[torch.arange(h), columns] = 1
    return mask

# %% exercise="masked_mse" right="known values picked out"
def masked_mse(pred, target, mask):
    known = mask > 0
    if not known.any():
        return (0 * pred).sum()
    return torch.mean((pred[known] - target[known]) ** 2)

# %% exercise="masked_mse" right="where instead of a product"
def masked_mse(pred, target, mask):
    difference = torch.where(mask == 1, pred - target, torch.zeros_like(pred))
    return difference.square().sum() / torch.clamp_min(mask.sum(), 1)

# %% exercise="masked_mse" right="both terms masked"
def masked_mse(pred, target, mask):
    total = nn.functional.mse_loss(pred * mask, target * mask, reduction="sum")
    return total / max(int(mask.sum()), 1)

# %% exercise="masked_mse" right="weights that sum to one"
def masked_mse(pred, target, mask):
    known = mask.flatten().to(pred)
    weights = known / known.sum().clamp(min=1)
    return torch.dot(weights, (pred - target).flatten() ** 2)

# %% exercise="masked_mse" right="summed over the images in a loop"
def masked_mse(pred, target, mask):
    total, count = 0 * pred.sum(), 0
    for p, t, m in zip(pred, target, mask, strict=True):
        total = total + (m * (p - t) ** 2).sum()
        count = count + m.sum()
    return total / count if count > 0 else total

# %% exercise="masked_mse" wrong="the published bug"
def masked_mse(pred, target, mask):
    return ((pred * mask - target) ** 2).mean()

# %% exercise="masked_mse" wrong="the published bug over the known count"
def masked_mse(pred, target, mask):
    return ((pred * mask - target) ** 2).sum() / mask.sum().clamp(min=1)

# %% exercise="masked_mse" wrong="the mean over all positions"
def masked_mse(pred, target, mask):
    return (mask * (pred - target) ** 2).mean()

# %% exercise="masked_mse" wrong="NaN if nothing is known"
def masked_mse(pred, target, mask):
    return (mask * (pred - target) ** 2).sum() / mask.sum()

# %% exercise="masked_mse" wrong="NaN removed from the loss, not from its gradient"
def masked_mse(pred, target, mask):
    loss = (mask * (pred - target) ** 2).sum() / mask.sum()
    return torch.nan_to_num(loss, nan=0.0)

# %% exercise="masked_mse" wrong="the mean over images of their means"
def masked_mse(pred, target, mask):
    squared_error = (mask * (pred - target) ** 2).flatten(1).sum(1)
    return (squared_error / mask.flatten(1).sum(1).clamp(min=1)).mean()

# %% exercise="masked_mse" wrong="the square of the mean error"
def masked_mse(pred, target, mask):
    return ((mask * (pred - target)).sum() / mask.sum().clamp(min=1)) ** 2

# %% exercise="masked_mse" wrong="a number without a gradient"
def masked_mse(pred, target, mask):
    squared_error = (mask * (pred - target) ** 2).sum() / mask.sum().clamp(min=1)
    return torch.tensor(squared_error.item())

# %% exercise="masked_mse" wrong="a third is always known"
def masked_mse(pred, target, mask):
    return (mask * (pred - target) ** 2).mean() * 3
