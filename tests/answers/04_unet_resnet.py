# %% [markdown]
# The bank of unit 04: right answers written in other ways than the reference, and
# mistakes that students make. `course answers 04 -v` grades it through nbgrader.

# %% exercise="gradient_norms" right="zero_grad and backward, as in the hints"
def gradient_norms(module, loss):
    module.zero_grad()
    loss.backward()
    return {name: 0.0 if p.grad is None else p.grad.norm().item() for name, p in module.named_parameters()}

# %% exercise="gradient_norms" right="a loop that keeps the graph"
def gradient_norms(module, loss):
    for p in module.parameters():
        p.grad = None
    loss.backward(retain_graph=True)
    norms = {}
    for name, p in module.named_parameters():
        norms[name] = 0.0
        if p.grad is not None:
            norms[name] = float(torch.linalg.vector_norm(p.grad))
    return norms

# %% exercise="gradient_norms" right="one parameter at a time"
def gradient_norms(module, loss):
    norms = {}
    for name, p in module.named_parameters():
        (gradient,) = torch.autograd.grad(loss, p, retain_graph=True, allow_unused=True)
        if gradient is None:
            gradient = torch.zeros_like(p)
        norms[name] = gradient.double().square().sum().sqrt().item()
    return norms

# %% exercise="gradient_norms" right="old gradients put back afterwards"
import numpy as np

def gradient_norms(module, loss):
    old = {name: p.grad for name, p in module.named_parameters()}
    module.zero_grad(set_to_none=True)
    loss.backward(retain_graph=True)
    norms = {}
    for name, p in module.named_parameters():
        norms[name] = float(np.linalg.norm(p.grad.numpy())) if p.grad is not None else 0.0
        p.grad = old[name]
    return norms

# %% exercise="gradient_norms" wrong="old gradients are added up"
def gradient_norms(module, loss):
    loss.backward(retain_graph=True)
    return {name: 0.0 if p.grad is None else float(p.grad.norm()) for name, p in module.named_parameters()}

# %% exercise="gradient_norms" wrong="cleared afterwards instead of before"
def gradient_norms(module, loss):
    loss.backward(retain_graph=True)
    norms = {name: 0.0 if p.grad is None else float(p.grad.norm()) for name, p in module.named_parameters()}
    module.zero_grad()
    return norms

# %% exercise="gradient_norms" wrong="squared norm"
def gradient_norms(module, loss):
    module.zero_grad()
    loss.backward(retain_graph=True)
    return {name: 0.0 if p.grad is None else float((p.grad**2).sum())
            for name, p in module.named_parameters()}

# %% exercise="gradient_norms" wrong="mean absolute value"
def gradient_norms(module, loss):
    module.zero_grad()
    loss.backward(retain_graph=True)
    return {name: 0.0 if p.grad is None else float(p.grad.abs().mean())
            for name, p in module.named_parameters()}

# %% exercise="gradient_norms" wrong="unused parameters are missing"
def gradient_norms(module, loss):
    module.zero_grad()
    loss.backward(retain_graph=True)
    return {name: float(p.grad.norm()) for name, p in module.named_parameters() if p.grad is not None}

# %% exercise="gradient_norms" wrong="tensors instead of floats"
def gradient_norms(module, loss):
    module.zero_grad()
    loss.backward(retain_graph=True)
    zero = torch.tensor(0.0)
    return {name: zero if p.grad is None else p.grad.norm() for name, p in module.named_parameters()}

# %% exercise="gradient_norms" wrong="weights only"
def gradient_norms(module, loss):
    module.zero_grad()
    loss.backward(retain_graph=True)
    return {name: 0.0 if p.grad is None else float(p.grad.norm())
            for name, p in module.named_parameters() if name.endswith("weight")}

# %% exercise="gradient_norms" wrong="norms of the parameters themselves"
def gradient_norms(module, loss):
    module.zero_grad()
    loss.backward(retain_graph=True)
    return {name: 0.0 if p.grad is None else float(p.detach().norm())
            for name, p in module.named_parameters()}

# %% exercise="gradient_norms" wrong="a step of the optimiser inside"
def gradient_norms(module, loss):
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    norms = {name: 0.0 if p.grad is None else float(p.grad.norm()) for name, p in module.named_parameters()}
    optimizer.step()
    return norms

# %% exercise="ResidualBlock" right="layers as attributes, functional relu"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.first = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1)
        self.second = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1)
        self.projection = None
        if stride != 1 or in_channels != out_channels:
            self.projection = nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride)

    def forward(self, x):
        change = self.second(nn.functional.relu(self.first(x)))
        if self.projection is not None:
            x = self.projection(x)
        return nn.functional.relu(x + change)

# %% exercise="ResidualBlock" right="empty sequential as identity, in-place relu"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.convolutions = nn.ModuleList([
            nn.Conv2d(in_channels, out_channels, (3, 3), (stride, stride), (1, 1)),
            nn.Conv2d(out_channels, out_channels, (3, 3), padding=(1, 1))])
        self.shortcut = nn.Sequential()
        if (in_channels, 1) != (out_channels, stride):
            self.shortcut.append(nn.Conv2d(in_channels, out_channels, 1, stride=stride))

    def forward(self, x):
        y = self.relu(self.convolutions[0](x))
        y = self.convolutions[1](y)
        return self.relu(torch.add(y, self.shortcut(x)))

# %% exercise="ResidualBlock" right="with batch normalisation"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(out_channels)
        changes = in_channels != out_channels or stride > 1
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride=stride) if changes else nn.Identity()

    def forward(self, x):
        y = torch.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return torch.relu(self.shortcut(x) + y)

# %% exercise="ResidualBlock" right="padding by a layer of its own"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        layers = [nn.ZeroPad2d(1), nn.Conv2d(in_channels, out_channels, 3, stride), nn.ReLU()]
        layers += [nn.ZeroPad2d(1), nn.Conv2d(out_channels, out_channels, 3)]
        self.change = nn.Sequential(*layers)
        self.end = nn.ReLU()
        self.projects = not (in_channels == out_channels and stride == 1)
        if self.projects:
            self.project = nn.Conv2d(in_channels, out_channels, 1, stride)

    def forward(self, x):
        shortcut = self.project(x) if self.projects else x
        return self.end(self.change(x) + shortcut)

# %% exercise="ResidualBlock" wrong="shortcut forgotten"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1), nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1))

    def forward(self, x):
        return self.branch(x).relu()

# %% exercise="ResidualBlock" wrong="relu on the branch before the sum"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1), nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1), nn.ReLU())
        same = in_channels == out_channels and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, stride)

    def forward(self, x):
        return (self.shortcut(x) + self.branch(x)).relu()

# %% exercise="ResidualBlock" wrong="no relu between the convolutions"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1),
            nn.Conv2d(out_channels, out_channels, 3, padding=1))
        same = in_channels == out_channels and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, stride)

    def forward(self, x):
        return (self.shortcut(x) + self.branch(x)).relu()

# %% exercise="ResidualBlock" wrong="no relu after the sum"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1), nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1))
        same = in_channels == out_channels and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, stride)

    def forward(self, x):
        return self.shortcut(x) + self.branch(x)

# %% exercise="ResidualBlock" wrong="always a projection"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1), nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride)

    def forward(self, x):
        return (self.shortcut(x) + self.branch(x)).relu()

# %% exercise="ResidualBlock" wrong="no projection for stride alone"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1), nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1))
        same = in_channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, stride)

    def forward(self, x):
        return (self.shortcut(x) + self.branch(x)).relu()

# %% exercise="ResidualBlock" wrong="the stride in the second convolution"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, stride, padding=1))
        same = in_channels == out_channels and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, stride)

    def forward(self, x):
        return (self.shortcut(x) + self.branch(x)).relu()

# %% exercise="ResidualBlock" wrong="the shortcut is detached"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1), nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1))
        same = in_channels == out_channels and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, stride)

    def forward(self, x):
        return (self.shortcut(x.detach()) + self.branch(x)).relu()

# %% exercise="ResidualBlock" wrong="pooling and channels of zeros instead of a projection"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1), nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.stride, self.more = stride, out_channels - in_channels

    def forward(self, x):
        shortcut = nn.functional.max_pool2d(x, self.stride, ceil_mode=True)
        shortcut = nn.functional.pad(shortcut, (0, 0, 0, 0, 0, self.more))
        return (shortcut + self.branch(x)).relu()

# %% exercise="UNet" right="recursive"
class Level(nn.Module):
    def __init__(self, n_in, n, depth):
        super().__init__()
        self.before = UNet.twice(n_in, n)
        self.below = None
        if depth > 0:
            self.below = nn.Sequential(nn.MaxPool2d(2), Level(n, 2 * n, depth - 1),
                                       nn.ConvTranspose2d(2 * n, n, 2, stride=2))
            self.after = UNet.twice(2 * n, n)

    def forward(self, x):
        skip = self.before(x)
        if self.below is None:
            return skip
        return self.after(torch.cat([skip, self.below(skip)], dim=1))

class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=16, depth=3):
        super().__init__()
        self.block = 2**depth
        self.top = Level(in_channels, width, depth)
        self.last = nn.Conv2d(width, out_channels, 1)

    @staticmethod
    def twice(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU())

    def forward(self, x):
        h, w = x.shape[-2:]
        if h % self.block != 0 or w % self.block != 0:
            raise ValueError(f"height {h} and width {w} must be divisible by 2**depth = {self.block}")
        return self.last(self.top(x))

# %% exercise="UNet" right="loops, MaxPool2d, the skip behind the enlarged maps"
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=16, depth=3):
        super().__init__()
        self.depth = depth
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.encoder, self.decoder, self.transposed = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_channels
        for i in range(depth + 1):
            self.encoder.append(self.twice(channels, 2**i * width))
            channels = 2**i * width
        for _ in range(depth):
            self.transposed.append(nn.ConvTranspose2d(channels, channels // 2, kernel_size=2, stride=2))
            self.decoder.append(self.twice(channels, channels // 2))
            channels = channels // 2
        self.head = nn.Conv2d(channels, out_channels, kernel_size=1)

    @staticmethod
    def twice(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU())

    def forward(self, x):
        factor = 2**self.depth
        if x.shape[2] % factor:
            raise ValueError(f"the height {x.shape[2]} is not divisible by {factor}")
        if x.shape[3] % factor:
            raise ValueError(f"the width {x.shape[3]} is not divisible by {factor}")
        maps = []
        for i in range(self.depth + 1):
            if i > 0:
                x = self.pool(x)
            x = self.encoder[i](x)
            maps.append(x)
        for i in range(self.depth):
            x = self.transposed[i](x)
            x = torch.cat((x, maps[self.depth - 1 - i]), dim=1)
            x = self.decoder[i](x)
        return self.head(x)

# %% exercise="UNet" right="pooling inside the levels, convolutions written out"
def convolutions(n_in, n_out):
    return [nn.Conv2d(n_in, n_out, (3, 3), padding="same"), nn.ReLU(inplace=True),
            nn.Conv2d(n_out, n_out, (3, 3), padding="same"), nn.ReLU(inplace=True)]

class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=16, depth=3):
        super().__init__()
        self.start = nn.Sequential(*convolutions(in_channels, width))
        self.down = nn.ModuleList([
            nn.Sequential(nn.MaxPool2d(2), *convolutions(width * 2**i, width * 2 ** (i + 1)))
            for i in range(depth)])
        self.enlarge = nn.ModuleDict()
        self.join = nn.ModuleDict()
        for i in reversed(range(depth)):
            n = width * 2**i
            self.enlarge[str(i)] = nn.ConvTranspose2d(2 * n, n, 2, 2)
            self.join[str(i)] = nn.Sequential(*convolutions(2 * n, n))
        self.finish = nn.Conv2d(width, out_channels, 1)
        self.depth = depth

    def forward(self, x):
        h, w = x.size(2), x.size(3)
        if (h % 2**self.depth, w % 2**self.depth) != (0, 0):
            raise ValueError(f"{h} x {w}: both must be divisible by {2**self.depth}")
        skips = {0: self.start(x)}
        for i, level in enumerate(self.down, start=1):
            skips[i] = level(skips[i - 1])
        y = skips[self.depth]
        for i in range(self.depth - 1, -1, -1):
            y = self.join[str(i)](torch.cat([skips[i], self.enlarge[str(i)](y)], 1))
        return self.finish(y)

# %% exercise="UNet" wrong="skips added instead of concatenated"
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=16, depth=3):
        super().__init__()
        maps = [width * 2**i for i in range(depth + 1)]
        self.down = nn.ModuleList(map(self.twice, [in_channels, *maps[:-1]], maps))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * m, m, 2, stride=2) for m in maps[:-1])
        self.up = nn.ModuleList(self.twice(m, m) for m in maps[:-1])
        self.last = nn.Conv2d(width, out_channels, 1)

    @staticmethod
    def twice(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU())

    def forward(self, x):
        block = 2 ** len(self.up)
        if x.shape[2] % block or x.shape[3] % block:
            raise ValueError(f"height and width must be divisible by {block}")
        skips = [self.down[0](x)]
        for level in self.down[1:]:
            skips.append(level(nn.functional.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for enlarge, level in zip(self.enlarge[::-1], self.up[::-1], strict=True):
            x = level(skips.pop() + enlarge(x))
        return self.last(x)

# %% exercise="UNet" wrong="the enlarged maps twice, no skip"
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=16, depth=3):
        super().__init__()
        maps = [width * 2**i for i in range(depth + 1)]
        self.down = nn.ModuleList(map(self.twice, [in_channels, *maps[:-1]], maps))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * m, m, 2, stride=2) for m in maps[:-1])
        self.up = nn.ModuleList(self.twice(2 * m, m) for m in maps[:-1])
        self.last = nn.Conv2d(width, out_channels, 1)

    @staticmethod
    def twice(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU())

    def forward(self, x):
        block = 2 ** len(self.up)
        if x.shape[2] % block or x.shape[3] % block:
            raise ValueError(f"height and width must be divisible by {block}")
        x = self.down[0](x)
        for level in self.down[1:]:
            x = level(nn.functional.max_pool2d(x, 2))
        for enlarge, level in zip(self.enlarge[::-1], self.up[::-1], strict=True):
            x = enlarge(x)
            x = level(torch.cat([x, x], 1))
        return self.last(x)

# %% exercise="UNet" wrong="skips taken after the pooling and stretched"
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=16, depth=3):
        super().__init__()
        maps = [width * 2**i for i in range(depth + 1)]
        self.down = nn.ModuleList(map(self.twice, [in_channels, *maps[:-1]], maps))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * m, m, 2, stride=2) for m in maps[:-1])
        self.up = nn.ModuleList(self.twice(2 * m, m) for m in maps[:-1])
        self.last = nn.Conv2d(width, out_channels, 1)

    @staticmethod
    def twice(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU())

    def forward(self, x):
        block = 2 ** len(self.up)
        if x.shape[2] % block or x.shape[3] % block:
            raise ValueError(f"height and width must be divisible by {block}")
        skips = []
        for level in self.down[:-1]:
            x = nn.functional.max_pool2d(level(x), 2)
            skips.append(x)
        x = self.down[-1](x)
        for enlarge, level in zip(self.enlarge[::-1], self.up[::-1], strict=True):
            x = enlarge(x)
            skip = nn.functional.interpolate(skips.pop(), size=x.shape[2:])
            x = level(torch.cat([skip, x], 1))
        return self.last(x)

# %% exercise="UNet" wrong="assert instead of a ValueError"
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=16, depth=3):
        super().__init__()
        maps = [width * 2**i for i in range(depth + 1)]
        self.down = nn.ModuleList(map(self.twice, [in_channels, *maps[:-1]], maps))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * m, m, 2, stride=2) for m in maps[:-1])
        self.up = nn.ModuleList(self.twice(2 * m, m) for m in maps[:-1])
        self.last = nn.Conv2d(width, out_channels, 1)

    @staticmethod
    def twice(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU())

    def forward(self, x):
        block = 2 ** len(self.up)
        assert x.shape[2] % block == 0 and x.shape[3] % block == 0, f"must be divisible by {block}"
        skips = [self.down[0](x)]
        for level in self.down[1:]:
            skips.append(level(nn.functional.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for enlarge, level in zip(self.enlarge[::-1], self.up[::-1], strict=True):
            x = level(torch.cat([skips.pop(), enlarge(x)], 1))
        return self.last(x)

# %% exercise="UNet" wrong="only the height is checked"
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=16, depth=3):
        super().__init__()
        maps = [width * 2**i for i in range(depth + 1)]
        self.down = nn.ModuleList(map(self.twice, [in_channels, *maps[:-1]], maps))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * m, m, 2, stride=2) for m in maps[:-1])
        self.up = nn.ModuleList(self.twice(2 * m, m) for m in maps[:-1])
        self.last = nn.Conv2d(width, out_channels, 1)

    @staticmethod
    def twice(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU())

    def forward(self, x):
        block = 2 ** len(self.up)
        if x.shape[2] % block:
            raise ValueError(f"height and width must be divisible by {block}")
        skips = [self.down[0](x)]
        for level in self.down[1:]:
            skips.append(level(nn.functional.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for enlarge, level in zip(self.enlarge[::-1], self.up[::-1], strict=True):
            x = level(torch.cat([skips.pop(), enlarge(x)], 1))
        return self.last(x)

# %% exercise="UNet" wrong="asks for multiples of twice the depth"
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=16, depth=3):
        super().__init__()
        maps = [width * 2**i for i in range(depth + 1)]
        self.down = nn.ModuleList(map(self.twice, [in_channels, *maps[:-1]], maps))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * m, m, 2, stride=2) for m in maps[:-1])
        self.up = nn.ModuleList(self.twice(2 * m, m) for m in maps[:-1])
        self.last = nn.Conv2d(width, out_channels, 1)

    @staticmethod
    def twice(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU())

    def forward(self, x):
        block = 2 * len(self.up)
        if x.shape[2] % block or x.shape[3] % block:
            raise ValueError(f"height and width must be divisible by {block}")
        skips = [self.down[0](x)]
        for level in self.down[1:]:
            skips.append(level(nn.functional.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for enlarge, level in zip(self.enlarge[::-1], self.up[::-1], strict=True):
            x = level(torch.cat([skips.pop(), enlarge(x)], 1))
        return self.last(x)

# %% exercise="UNet" wrong="pads silently and cuts"
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=16, depth=3):
        super().__init__()
        maps = [width * 2**i for i in range(depth + 1)]
        self.down = nn.ModuleList(map(self.twice, [in_channels, *maps[:-1]], maps))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * m, m, 2, stride=2) for m in maps[:-1])
        self.up = nn.ModuleList(self.twice(2 * m, m) for m in maps[:-1])
        self.last = nn.Conv2d(width, out_channels, 1)

    @staticmethod
    def twice(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU())

    def forward(self, x):
        (h, w), block = x.shape[2:], 2 ** len(self.up)
        x = nn.functional.pad(x, (0, -w % block, 0, -h % block))
        skips = [self.down[0](x)]
        for level in self.down[1:]:
            skips.append(level(nn.functional.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for enlarge, level in zip(self.enlarge[::-1], self.up[::-1], strict=True):
            x = level(torch.cat([skips.pop(), enlarge(x)], 1))
        return self.last(x)[..., :h, :w]

# %% exercise="UNet" wrong="relu on the output"
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=16, depth=3):
        super().__init__()
        maps = [width * 2**i for i in range(depth + 1)]
        self.down = nn.ModuleList(map(self.twice, [in_channels, *maps[:-1]], maps))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * m, m, 2, stride=2) for m in maps[:-1])
        self.up = nn.ModuleList(self.twice(2 * m, m) for m in maps[:-1])
        self.last = nn.Conv2d(width, out_channels, 1)

    @staticmethod
    def twice(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU())

    def forward(self, x):
        block = 2 ** len(self.up)
        if x.shape[2] % block or x.shape[3] % block:
            raise ValueError(f"height and width must be divisible by {block}")
        skips = [self.down[0](x)]
        for level in self.down[1:]:
            skips.append(level(nn.functional.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for enlarge, level in zip(self.enlarge[::-1], self.up[::-1], strict=True):
            x = level(torch.cat([skips.pop(), enlarge(x)], 1))
        return self.last(x).relu()

# %% exercise="UNet" wrong="average pooling"
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=16, depth=3):
        super().__init__()
        maps = [width * 2**i for i in range(depth + 1)]
        self.down = nn.ModuleList(map(self.twice, [in_channels, *maps[:-1]], maps))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * m, m, 2, stride=2) for m in maps[:-1])
        self.up = nn.ModuleList(self.twice(2 * m, m) for m in maps[:-1])
        self.last = nn.Conv2d(width, out_channels, 1)

    @staticmethod
    def twice(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU())

    def forward(self, x):
        block = 2 ** len(self.up)
        if x.shape[2] % block or x.shape[3] % block:
            raise ValueError(f"height and width must be divisible by {block}")
        skips = [self.down[0](x)]
        for level in self.down[1:]:
            skips.append(level(nn.functional.avg_pool2d(skips[-1], 2)))
        x = skips.pop()
        for enlarge, level in zip(self.enlarge[::-1], self.up[::-1], strict=True):
            x = level(torch.cat([skips.pop(), enlarge(x)], 1))
        return self.last(x)

# %% exercise="translation_error" right="norms, the output moved back"
def translation_error(module, x, shift):
    with torch.no_grad():
        still = module(x)
        back = torch.roll(module(torch.roll(x, shift, dims=-1)), -shift, dims=-1)
    return (torch.linalg.vector_norm(back - still) / torch.linalg.vector_norm(still)).item()

# %% exercise="translation_error" right="columns by index, mse_loss"
def translation_error(module, x, shift):
    def move(y):
        return y[..., (torch.arange(y.shape[-1]) - shift) % y.shape[-1]]

    still = module(x).detach()
    moved = module(move(x)).detach()
    error = nn.functional.mse_loss(moved, move(still))
    return (error / (still**2).mean()).sqrt().item()

# %% exercise="translation_error" right="NumPy"
import numpy as np

def translation_error(module, x, shift):
    def rms(y):
        return np.sqrt(np.mean(y**2))

    with torch.no_grad():
        still = module(x).numpy()
        moved = module(torch.roll(x, shifts=shift, dims=x.ndim - 1)).numpy()
    return float(rms(moved - np.roll(still, shift, axis=-1)) / rms(still))

# %% exercise="translation_error" right="two pieces joined"
def translation_error(module, x, shift):
    def move(y):
        cut = y.shape[-1] - shift % y.shape[-1]
        return torch.cat([y[..., cut:], y[..., :cut]], dim=-1)

    with torch.no_grad():
        still = module(x)
        difference = module(move(x)) - move(still)
    return float(difference.pow(2).mean() ** 0.5 / still.pow(2).mean() ** 0.5)

# %% exercise="translation_error" wrong="rows moved instead of columns"
def translation_error(module, x, shift):
    with torch.no_grad():
        still = module(x)
        moved = module(x.roll(shift, -2))
    difference = moved - still.roll(shift, -2)
    return float(difference.square().mean().sqrt() / still.square().mean().sqrt())

# %% exercise="translation_error" wrong="the output moved in the other direction"
def translation_error(module, x, shift):
    with torch.no_grad():
        still = module(x)
        moved = module(x.roll(shift, -1))
    difference = moved - still.roll(-shift, -1)
    return float(difference.square().mean().sqrt() / still.square().mean().sqrt())

# %% exercise="translation_error" wrong="both moved to the left"
def translation_error(module, x, shift):
    with torch.no_grad():
        still = module(x)
        moved = module(x.roll(-shift, -1))
    difference = moved - still.roll(-shift, -1)
    return float(difference.square().mean().sqrt() / still.square().mean().sqrt())

# %% exercise="translation_error" wrong="not divided"
def translation_error(module, x, shift):
    with torch.no_grad():
        still = module(x)
        moved = module(x.roll(shift, -1))
    difference = moved - still.roll(shift, -1)
    return float(difference.square().mean().sqrt())

# %% exercise="translation_error" wrong="no root"
def translation_error(module, x, shift):
    with torch.no_grad():
        still = module(x)
        moved = module(x.roll(shift, -1))
    difference = moved - still.roll(shift, -1)
    return float(difference.square().mean() / still.square().mean())

# %% exercise="translation_error" wrong="divided by the rms of the input"
def translation_error(module, x, shift):
    with torch.no_grad():
        still = module(x)
        moved = module(x.roll(shift, -1))
    difference = moved - still.roll(shift, -1)
    return float(difference.square().mean().sqrt() / x.square().mean().sqrt())

# %% exercise="translation_error" wrong="divided by the rms of the answer to the moved input"
def translation_error(module, x, shift):
    with torch.no_grad():
        still = module(x)
        moved = module(x.roll(shift, -1))
    difference = moved - still.roll(shift, -1)
    return float(difference.square().mean().sqrt() / moved.square().mean().sqrt())

# %% exercise="translation_error" wrong="zeros enter at the edge"
def translation_error(module, x, shift):
    def move(y):
        z = torch.zeros_like(y)
        z[..., shift:] = y[..., : y.shape[-1] - shift]
        return z

    with torch.no_grad():
        still = module(x)
        moved = module(move(x))
    difference = moved - move(still)
    return float(difference.square().mean().sqrt() / still.square().mean().sqrt())

# %% exercise="translation_error" wrong="mean over the samples of their ratios"
def translation_error(module, x, shift):
    with torch.no_grad():
        still = module(x)
        moved = module(x.roll(shift, -1))
    difference = moved - still.roll(shift, -1)
    axes = tuple(range(1, still.ndim))
    ratios = difference.square().mean(axes).sqrt() / still.square().mean(axes).sqrt()
    return float(ratios.mean())

# %% exercise="make_head" right="a loop, no ReLU after the last"
def make_head(in_channels, out_channels, width=8):
    channels = [in_channels, width, width, out_channels]
    layers = []
    for n_in, n_out in zip(channels[:-1], channels[1:]):
        layers.append(nn.Conv2d(n_in, n_out, 3, padding=1))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers[:-1])

# %% exercise="make_head" right="padding same, layers with names"
from collections import OrderedDict

def make_head(in_channels, out_channels, width=8):
    return nn.Sequential(OrderedDict(
        first=nn.Conv2d(in_channels, width, (3, 3), padding="same"), relu1=nn.ReLU(),
        second=nn.Conv2d(width, width, (3, 3), padding="same"), relu2=nn.ReLU(),
        third=nn.Conv2d(width, out_channels, (3, 3), padding="same")))

# %% exercise="make_head" right="zeros around each map by a layer of its own"
def make_head(in_channels, out_channels, width=8):
    head = nn.Sequential()
    head.append(nn.ZeroPad2d(1)).append(nn.Conv2d(in_channels, width, 3)).append(nn.ReLU())
    head.append(nn.ZeroPad2d(1)).append(nn.Conv2d(width, width, 3)).append(nn.ReLU())
    return head.append(nn.ZeroPad2d(1)).append(nn.Conv2d(width, out_channels, 3))

# %% exercise="make_head" right="edges repeated instead of zeros"
def make_head(in_channels, out_channels, width=8):
    options = {"kernel_size": 3, "padding": 1, "padding_mode": "replicate"}
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(in_channels, width, **options), nn.ReLU()),
        nn.Sequential(nn.Conv2d(width, width, **options), nn.ReLU()),
        nn.Conv2d(width, out_channels, **options))

# %% exercise="make_head" wrong="last padding missing"
def make_head(in_channels, out_channels, width=8):
    return nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, out_channels, 3))

# %% exercise="make_head" wrong="zeros put around the result"
def make_head(in_channels, out_channels, width=8):
    return nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, out_channels, 3), nn.ZeroPad2d(1))

# %% exercise="make_head" wrong="the result stretched to the size"
class Stretched(nn.Sequential):
    def forward(self, x):
        return nn.functional.interpolate(super().forward(x), size=x.shape[2:], mode="bilinear")

def make_head(in_channels, out_channels, width=8):
    return Stretched(nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(),
                     nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
                     nn.Conv2d(width, out_channels, 3))

# %% exercise="make_head" wrong="too much padding in the last, cut at the end"
class Cut(nn.Sequential):
    def forward(self, x):
        return super().forward(x)[..., :-2, :-2]

def make_head(in_channels, out_channels, width=8):
    return Cut(nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(),
               nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
               nn.Conv2d(width, out_channels, 3, padding=2))

# %% exercise="make_head" wrong="padding on one side"
def make_head(in_channels, out_channels, width=8):
    return nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
                         nn.ZeroPad2d((0, 2, 0, 2)), nn.Conv2d(width, out_channels, 3))

# %% exercise="make_head" wrong="kernel 1 at the end"
def make_head(in_channels, out_channels, width=8):
    return nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, out_channels, 1))

# %% exercise="make_head" wrong="one relu missing"
def make_head(in_channels, out_channels, width=8):
    return nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, width, 3, padding=1),
                         nn.Conv2d(width, out_channels, 3, padding=1))

# %% exercise="make_head" wrong="relu at the end"
def make_head(in_channels, out_channels, width=8):
    return nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(width, out_channels, 3, padding=1), nn.ReLU())

# %% exercise="make_head" wrong="width is always 8"
def make_head(in_channels, out_channels, width=8):
    return nn.Sequential(nn.Conv2d(in_channels, 8, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(8, out_channels, 3, padding=1))
