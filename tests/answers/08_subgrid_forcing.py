# %% [markdown]
# The bank of unit 08: right answers written in other ways than the reference, and
# mistakes that students make. `course answers 08 -v` grades it through nbgrader.

# %% exercise="gaussian_filter_spectral" right="real transforms and NumPy's wavenumbers"
import numpy as np

def gaussian_filter_spectral(field, length, dx):
    ny, nx = field.shape[-2:]
    k = torch.tensor(2 * np.pi * np.fft.rfftfreq(nx, dx), dtype=field.dtype)
    l = torch.tensor(2 * np.pi * np.fft.fftfreq(ny, dx), dtype=field.dtype)
    response = torch.exp(-0.5 * (length * torch.hypot(k[None, :], l[:, None])) ** 2)
    return torch.fft.irfft2(torch.fft.rfft2(field) * response, s=(ny, nx))

# %% exercise="gaussian_filter_spectral" right="one axis after the other"
def gaussian_filter_spectral(field, length, dx):
    for axis in (-1, -2):
        n = field.shape[axis]
        k = 2 * torch.pi * torch.fft.fftfreq(n, dx, dtype=torch.float64)
        g = torch.exp(-k**2 * length**2 / 2)
        g = g if axis == -1 else g[:, None]
        field = torch.fft.ifft(torch.fft.fft(field, dim=axis) * g, dim=axis).real.to(field.dtype)
    return field

# %% exercise="gaussian_filter_spectral" right="LES width, a loop over the batch"
def gaussian_filter_spectral(field, length, dx):
    flat = field.reshape(-1, *field.shape[-2:])
    width2 = 12 * length**2
    out = []
    for f in flat:
        l, k = torch.meshgrid(torch.fft.fftfreq(f.shape[0], dx), torch.fft.fftfreq(f.shape[1], dx), indexing="ij")
        kappa2 = (2 * torch.pi) ** 2 * (k.double() ** 2 + l.double() ** 2)
        out.append(torch.real(torch.fft.ifft2(torch.fft.fft2(f) * torch.exp(-kappa2 * width2 / 24))).to(f.dtype))
    return torch.stack(out).reshape(field.shape)

# %% exercise="gaussian_filter_spectral" wrong="cycles instead of radians"
def gaussian_filter_spectral(field, length, dx):
    k, l = (torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    response = torch.exp(-(k**2 + l[:, None] ** 2) * length**2 / 2)
    return torch.fft.ifft2(response * torch.fft.fft2(field)).real

# %% exercise="gaussian_filter_spectral" wrong="no square of the length"
def gaussian_filter_spectral(field, length, dx):
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    response = torch.exp(-(k**2 + l[:, None] ** 2) * length / 2)
    return torch.fft.ifft2(response * torch.fft.fft2(field)).real

# %% exercise="gaussian_filter_spectral" wrong="without the half"
def gaussian_filter_spectral(field, length, dx):
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    response = torch.exp(-(k**2 + l[:, None] ** 2) * length**2)
    return torch.fft.ifft2(response * torch.fft.fft2(field)).real

# %% exercise="gaussian_filter_spectral" wrong="the width of LES taken for the length"
def gaussian_filter_spectral(field, length, dx):
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    response = torch.exp(-(k**2 + l[:, None] ** 2) * length**2 / 24)
    return torch.fft.ifft2(response * torch.fft.fft2(field)).real

# %% exercise="gaussian_filter_spectral" wrong="only the zonal wavenumber"
def gaussian_filter_spectral(field, length, dx):
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    response = torch.exp(-(k**2 + 0 * l[:, None]) * length**2 / 2)
    return torch.fft.ifft2(response * torch.fft.fft2(field)).real

# %% exercise="gaussian_filter_spectral" wrong="axes exchanged"
def gaussian_filter_spectral(field, length, dx):
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    response = torch.exp(-(k[:, None]**2 + l ** 2) * length**2 / 2)
    return torch.fft.ifft2(response * torch.fft.fft2(field)).real

# %% exercise="gaussian_filter_spectral" wrong="the magnitude instead of the real part"
def gaussian_filter_spectral(field, length, dx):
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    response = torch.exp(-(k**2 + l[:, None] ** 2) * length**2 / 2)
    return torch.fft.ifft2(response * torch.fft.fft2(field)).abs()

# %% exercise="gaussian_filter_spectral" wrong="a high-pass: the rest"
def gaussian_filter_spectral(field, length, dx):
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    response = torch.exp(-(k**2 + l[:, None] ** 2) * length**2 / 2)
    return field - torch.fft.ifft2(response * torch.fft.fft2(field)).real

# %% exercise="gaussian_filter_spectral" wrong="the wave number not squared"
def gaussian_filter_spectral(field, length, dx):
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    response = torch.exp(-(k**2 + l[:, None] ** 2).sqrt() * length**2 / 2)
    return torch.fft.ifft2(response * torch.fft.fft2(field)).real

# %% exercise="gaussian_filter_spectral" wrong="the mean lost"
def gaussian_filter_spectral(field, length, dx):
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    response = torch.exp(-(k**2 + l[:, None] ** 2) * length**2 / 2)
    response[0, 0] = 0
    return torch.fft.ifft2(response * torch.fft.fft2(field)).real

# %% exercise="gaussian_filter_spectral" wrong="returns the input"
def gaussian_filter_spectral(field, length, dx):
    return field

# %% exercise="gaussian_filter_spectral" wrong="in place"
def gaussian_filter_spectral(field, length, dx):
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    response = torch.exp(-(k**2 + l[:, None] ** 2) * length**2 / 2)
    field.copy_(torch.fft.ifft2(response * torch.fft.fft2(field)).real)
    return field

# %% exercise="gaussian_filter_spectral" wrong="the grid is taken for a square"
def gaussian_filter_spectral(field, length, dx):
    k = 2 * torch.pi * torch.fft.fftfreq(field.shape[-1], dx).to(field)
    l = 2 * torch.pi * torch.fft.fftfreq(field.shape[-2], dx * field.shape[-1] / field.shape[-2]).to(field)
    response = torch.exp(-(k**2 + l[:, None] ** 2) * length**2 / 2)
    return torch.fft.ifft2(response * torch.fft.fft2(field)).real

# %% exercise="gaussian_filter_spectral" wrong="a Gaussian blur in space that is not periodic"
def gaussian_filter_spectral(field, length, dx):
    n = 8
    r = dx * torch.arange(-n, n + 1).to(field)
    g = torch.exp(-r**2 / (2 * max(length, 1e-9)**2))
    g = g / g.sum()
    f = field.reshape(-1, 1, *field.shape[-2:])
    f = nn.functional.conv2d(nn.functional.conv2d(f, g[None, None, None], padding=(0, n)), g[None, None, :, None], padding=(n, 0))
    return f.reshape(field.shape)

# %% exercise="gaussian_filter_spectral" wrong="float32 fields come back in float64"
def gaussian_filter_spectral(field, length, dx):
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx, dtype=torch.float64) for n in field.shape[:-3:-1])
    return torch.fft.ifft2(torch.exp(-0.5 * length**2 * (k**2 + l[:, None] ** 2)) * torch.fft.fft2(field.double())).real

# %% exercise="gaussian_filter_spectral" wrong="squeezes leading dimensions of one"
def gaussian_filter_spectral(field, length, dx):
    field = field.squeeze()
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    return torch.fft.ifft2(torch.exp(-0.5 * length**2 * (k**2 + l[:, None] ** 2)) * torch.fft.fft2(field)).real

# %% exercise="gaussian_filter_spectral" wrong="complex result"
def gaussian_filter_spectral(field, length, dx):
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(field) for n in field.shape[:-3:-1])
    return torch.fft.ifft2(torch.exp(-0.5 * length**2 * (k**2 + l[:, None] ** 2)) * torch.fft.fft2(field))

# %% exercise="gaussian_filter_spectral" wrong="single precision inside"
def gaussian_filter_spectral(field, length, dx):
    f = field.float()
    k, l = (2 * torch.pi * torch.fft.fftfreq(n, dx).to(f) for n in field.shape[:-3:-1])
    g = torch.exp(-(k**2 + l[:, None] ** 2) * length**2 / 2)
    return torch.fft.ifft2(g * torch.fft.fft2(f)).real.to(field.dtype)

# %% exercise="eddy_forcing" right="flux form"
def eddy_forcing(u, v, length, dx):
    def bar(f):
        return gaussian_filter_spectral(f, length, dx)

    ub, vb = bar(u), bar(v)
    xx, xy, yy = ub * ub - bar(u * u), ub * vb - bar(u * v), vb * vb - bar(v * v)
    return torch.stack([gradient(xx, dx)[0] + gradient(xy, dx)[1], gradient(xy, dx)[0] + gradient(yy, dx)[1]], -3)

# %% exercise="eddy_forcing" right="a loop over the components"
def eddy_forcing(u, v, length, dx):
    ub = gaussian_filter_spectral(u, length, dx)
    vb = gaussian_filter_spectral(v, length, dx)
    parts = []
    for full, coarse in ((u, ub), (v, vb)):
        f_x, f_y = gradient(full, dx)
        c_x, c_y = gradient(coarse, dx)
        product = u * f_x + v * f_y
        parts.append(ub * c_x + vb * c_y - gaussian_filter_spectral(product, length, dx))
    return torch.stack(parts, dim=u.ndim - 2)

# %% exercise="eddy_forcing" right="einsum over a gradient tensor"
def eddy_forcing(u, v, length, dx):
    flow = torch.stack([u, v])
    smooth = gaussian_filter_spectral(flow, length, dx)

    def push(w):
        grads = torch.stack(gradient(w, dx))        # (d, component, ...)
        return torch.einsum("d...,dc...->c...", w, grads)

    s = push(smooth) - gaussian_filter_spectral(push(flow), length, dx)
    return s.movedim(0, -3)

# %% exercise="eddy_forcing" wrong="the sign"
def eddy_forcing(u, v, length, dx):
    ub = gaussian_filter_spectral(u, length, dx)
    vb = gaussian_filter_spectral(v, length, dx)
    parts = []
    for full, coarse in ((u, ub), (v, vb)):
        f_x, f_y = gradient(full, dx)
        c_x, c_y = gradient(coarse, dx)
        product = u * f_x + v * f_y
        parts.append(gaussian_filter_spectral(product, length, dx) - ub * c_x - vb * c_y)
    return torch.stack(parts, dim=u.ndim - 2)

# %% exercise="eddy_forcing" wrong="the factors filtered, not the product"
def eddy_forcing(u, v, length, dx):
    ub = gaussian_filter_spectral(u, length, dx)
    vb = gaussian_filter_spectral(v, length, dx)
    parts = []
    for full, coarse in ((u, ub), (v, vb)):
        f_x, f_y = gradient(full, dx)
        c_x, c_y = gradient(coarse, dx)
        product = u * f_x + v * f_y
        parts.append(ub * c_x + vb * c_y - (ub * gaussian_filter_spectral(f_x, length, dx) + vb * gaussian_filter_spectral(f_y, length, dx)))
    return torch.stack(parts, dim=u.ndim - 2)

# %% exercise="eddy_forcing" wrong="the product not filtered"
def eddy_forcing(u, v, length, dx):
    ub = gaussian_filter_spectral(u, length, dx)
    vb = gaussian_filter_spectral(v, length, dx)
    parts = []
    for full, coarse in ((u, ub), (v, vb)):
        f_x, f_y = gradient(full, dx)
        c_x, c_y = gradient(coarse, dx)
        product = u * f_x + v * f_y
        parts.append(ub * c_x + vb * c_y - product)
    return torch.stack(parts, dim=u.ndim - 2)

# %% exercise="eddy_forcing" wrong="only du/dx and dv/dx"
def eddy_forcing(u, v, length, dx):
    ub = gaussian_filter_spectral(u, length, dx)
    vb = gaussian_filter_spectral(v, length, dx)
    parts = []
    for full, coarse in ((u, ub), (v, vb)):
        f_x, f_y = gradient(full, dx)
        c_x, c_y = gradient(coarse, dx)
        product = u * f_x + v * f_x
        parts.append(ub * c_x + vb * c_x - gaussian_filter_spectral(product, length, dx))
    return torch.stack(parts, dim=u.ndim - 2)

# %% exercise="eddy_forcing" wrong="derivatives exchanged"
def eddy_forcing(u, v, length, dx):
    ub = gaussian_filter_spectral(u, length, dx)
    vb = gaussian_filter_spectral(v, length, dx)
    parts = []
    for full, coarse in ((u, ub), (v, vb)):
        f_y, f_x = gradient(full, dx)
        c_y, c_x = gradient(coarse, dx)
        product = u * f_x + v * f_y
        parts.append(ub * c_x + vb * c_y - gaussian_filter_spectral(product, length, dx))
    return torch.stack(parts, dim=u.ndim - 2)

# %% exercise="eddy_forcing" wrong="components exchanged"
def eddy_forcing(u, v, length, dx):
    ub = gaussian_filter_spectral(u, length, dx)
    vb = gaussian_filter_spectral(v, length, dx)
    parts = []
    for full, coarse in ((v, vb), (u, ub)):
        f_x, f_y = gradient(full, dx)
        c_x, c_y = gradient(coarse, dx)
        product = u * f_x + v * f_y
        parts.append(ub * c_x + vb * c_y - gaussian_filter_spectral(product, length, dx))
    return torch.stack(parts, dim=u.ndim - 2)

# %% exercise="eddy_forcing" wrong="the new axis in front"
def eddy_forcing(u, v, length, dx):
    ub = gaussian_filter_spectral(u, length, dx)
    vb = gaussian_filter_spectral(v, length, dx)
    parts = []
    for full, coarse in ((u, ub), (v, vb)):
        f_x, f_y = gradient(full, dx)
        c_x, c_y = gradient(coarse, dx)
        product = u * f_x + v * f_y
        parts.append(ub * c_x + vb * c_y - gaussian_filter_spectral(product, length, dx))
    return torch.stack(parts, dim=0)

# %% exercise="eddy_forcing" wrong="the new axis at the end"
def eddy_forcing(u, v, length, dx):
    ub = gaussian_filter_spectral(u, length, dx)
    vb = gaussian_filter_spectral(v, length, dx)
    parts = []
    for full, coarse in ((u, ub), (v, vb)):
        f_x, f_y = gradient(full, dx)
        c_x, c_y = gradient(coarse, dx)
        product = u * f_x + v * f_y
        parts.append(ub * c_x + vb * c_y - gaussian_filter_spectral(product, length, dx))
    return torch.stack(parts, dim=-1)

# %% exercise="eddy_forcing" wrong="the spacing forgotten in the gradients"
def eddy_forcing(u, v, length, dx):
    ub = gaussian_filter_spectral(u, length, dx)
    vb = gaussian_filter_spectral(v, length, dx)
    parts = []
    for full, coarse in ((u, ub), (v, vb)):
        f_x, f_y = gradient(full, 1.0)
        c_x, c_y = gradient(coarse, 1.0)
        product = u * f_x + v * f_y
        parts.append(ub * c_x + vb * c_y - gaussian_filter_spectral(product, length, dx))
    return torch.stack(parts, dim=u.ndim - 2)

# %% exercise="eddy_forcing" wrong="the mean removed, twice the forcing"
def eddy_forcing(u, v, length, dx):
    ub = gaussian_filter_spectral(u, length, dx)
    vb = gaussian_filter_spectral(v, length, dx)
    parts = []
    for full, coarse in ((u, ub), (v, vb)):
        f_x, f_y = gradient(full, dx)
        c_x, c_y = gradient(coarse, dx)
        product = u * f_x + v * f_y
        parts.append(2 * ub * c_x + vb * c_y - 2 * gaussian_filter_spectral(product, length, dx))
    return torch.stack(parts, dim=u.ndim - 2)

# %% exercise="eddy_forcing" wrong="advected by the full flow"
def eddy_forcing(u, v, length, dx):
    ub = gaussian_filter_spectral(u, length, dx)
    vb = gaussian_filter_spectral(v, length, dx)
    parts = []
    for full, coarse in ((u, ub), (v, vb)):
        f_x, f_y = gradient(full, dx)
        c_x, c_y = gradient(coarse, dx)
        product = u * f_x + v * f_y
        parts.append(u * c_x + v * c_y - gaussian_filter_spectral(product, length, dx))
    return torch.stack(parts, dim=u.ndim - 2)

# %% exercise="eddy_forcing" wrong="the second component is the first"
def eddy_forcing(u, v, length, dx):
    ub = gaussian_filter_spectral(u, length, dx)
    vb = gaussian_filter_spectral(v, length, dx)
    parts = []
    for full, coarse in ((u, ub), (u, ub)):
        f_x, f_y = gradient(full, dx)
        c_x, c_y = gradient(coarse, dx)
        product = u * f_x + v * f_y
        parts.append(ub * c_x + vb * c_y - gaussian_filter_spectral(product, length, dx))
    return torch.stack(parts, dim=u.ndim - 2)

# %% exercise="eddy_forcing" wrong="zero"
def eddy_forcing(u, v, length, dx):
    return torch.zeros(*u.shape[:-2], 2, *u.shape[-2:], dtype=u.dtype)

# %% exercise="eddy_forcing" wrong="the gradient model"
def eddy_forcing(u, v, length, dx):
    u, v = gaussian_filter_spectral(u, length, dx), gaussian_filter_spectral(v, length, dx)
    (u_x, u_y), (v_x, v_y) = gradient(u, dx), gradient(v, dx)
    xx, xy, yy = u_x**2 + u_y**2, u_x * v_x + u_y * v_y, v_x**2 + v_y**2
    return -length**2 * torch.stack([gradient(xx, dx)[0] + gradient(xy, dx)[1],
                                     gradient(xy, dx)[0] + gradient(yy, dx)[1]], -3)

# %% exercise="eddy_forcing" right="vorticity form"
def eddy_forcing(u, v, length, dx):
    def lamb(a, b):
        zeta = gradient(b, dx)[0] - gradient(a, dx)[1]
        kx, ky = gradient((a**2 + b**2) / 2, dx)
        return torch.stack([kx - zeta * b, ky + zeta * a], -3)
    f = lambda q: gaussian_filter_spectral(q, length=length, dx=dx)
    return lamb(f(u), f(v)) - f(lamb(u, v))

# %% exercise="eddy_forcing" wrong="float32 inside"
def eddy_forcing(u, v, length, dx):
    u, v = u.float(), v.float()
    def adv(a, b, q):
        qx, qy = gradient(q, dx)
        return a * qx + b * qy
    f = lambda q: gaussian_filter_spectral(q, length, dx)
    U, V = f(u), f(v)
    return torch.stack([adv(U, V, U) - f(adv(u, v, u)), adv(U, V, V) - f(adv(u, v, v))], -3)

# %% exercise="eddy_forcing" right="vmap over the leading dimensions"
def eddy_forcing(u, v, length, dx):
    ny, nx = u.shape[-2:]
    def one(w):
        a, b = w
        def adv(a, b):
            (a_x, a_y), (b_x, b_y) = gradient(a, dx), gradient(b, dx)
            return torch.stack([a * a_x + b * a_y, a * b_x + b * b_y])
        blur = lambda f: gaussian_filter_spectral(f, length, dx)
        return adv(blur(a), blur(b)) - blur(adv(a, b))
    w = torch.stack([u, v], -3).reshape(-1, 2, ny, nx)
    return torch.vmap(one)(w).reshape(*u.shape[:-2], 2, ny, nx)

# %% exercise="eddy_forcing" wrong="axes of length one are lost"
def eddy_forcing(u, v, length, dx):
    def adv(a, b):
        (a_x, a_y), (b_x, b_y) = gradient(a, dx), gradient(b, dx)
        return torch.stack([a * a_x + b * a_y, a * b_x + b * b_y], -3)
    blur = lambda f: gaussian_filter_spectral(f, length, dx)
    return (adv(blur(u), blur(v)) - blur(adv(u, v))).squeeze()

# %% exercise="eddy_forcing" wrong="double precision from NumPy"
def eddy_forcing(u, v, length, dx):
    import numpy as np
    d = lambda t: torch.from_numpy(t.numpy().astype("float64"))
    u, v = d(u), d(v)
    blur = lambda f: gaussian_filter_spectral(f, length, dx)
    ub, vb = blur(u), blur(v)
    out = []
    for f in (u, v):
        f_x, f_y = gradient(f, dx)
        out.append(ub * blur(f_x) + vb * blur(f_y) - blur(u * f_x) - blur(v * f_y))
    return torch.stack(out, -3)

# %% exercise="eddy_forcing" wrong="single precision from torch.zeros"
def eddy_forcing(u, v, length, dx):
    out = torch.zeros(*u.shape[:-2], 2, *u.shape[-2:])
    blur = lambda f: gaussian_filter_spectral(f, length, dx)
    ub, vb = blur(u), blur(v)
    for i, f in enumerate((u, v)):
        f_x, f_y = gradient(f, dx)
        out[..., i, :, :] = ub * blur(f_x) + vb * blur(f_y) - blur(u * f_x + v * f_y)
    return out

# %% exercise="ForcingCNN" right="a loop"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3, padding=1, padding_mode="circular"))
            if i < 3:
                layers.append(nn.GELU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" right="padding by hand and functional gelu"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        self.a, self.b = nn.Conv2d(n_in, width, 3), nn.Conv2d(width, width, 3)
        self.c, self.d = nn.Conv2d(width, width, 3), nn.Conv2d(width, n_out, 3)

    def forward(self, x):
        for i, layer in enumerate((self.a, self.b, self.c, self.d)):
            x = layer(nn.functional.pad(x, (1, 1, 1, 1), mode="circular"))
            x = nn.functional.gelu(x) if i < 3 else x
        return x

# %% exercise="ForcingCNN" right="blocks in a ModuleList, padding same"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        self.layers = nn.ModuleList(
            [nn.Conv2d(a, b, (3, 3), padding="same", padding_mode="circular")
             for a, b in ((n_in, width), (width, width), (width, width), (width, n_out))])
        self.act = nn.GELU(approximate="tanh")

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.act(layer(x))
        return self.layers[-1](x)

# %% exercise="ForcingCNN" wrong="zeros beyond the edge"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3, padding=1))
            if i < 3:
                layers.append(nn.GELU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" wrong="reflected at the edge"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3, padding=1, padding_mode="reflect"))
            if i < 3:
                layers.append(nn.GELU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" wrong="no activation"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3, padding=1, padding_mode="circular"))
            if i < 0:
                layers.append(nn.GELU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" wrong="an activation at the end"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3, padding=1, padding_mode="circular"))
            if i < 4:
                layers.append(nn.GELU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" wrong="ReLU"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3, padding=1, padding_mode="circular"))
            if i < 3:
                layers.append(nn.ReLU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" wrong="kernel 5"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 5, padding=2, padding_mode="circular"))
            if i < 3:
                layers.append(nn.GELU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" wrong="no offsets"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3, padding=1, padding_mode="circular", bias=False))
            if i < 3:
                layers.append(nn.GELU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" wrong="one layer too few"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3, padding=1, padding_mode="circular"))
            if i < 3:
                layers.append(nn.GELU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" wrong="no padding"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3))
            if i < 3:
                layers.append(nn.GELU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" wrong="a width of its own"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, 24, 24, 24, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3, padding=1, padding_mode="circular"))
            if i < 3:
                layers.append(nn.GELU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" wrong="channels of the output ignored"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, 2]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3, padding=1, padding_mode="circular"))
            if i < 3:
                layers.append(nn.GELU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" wrong="detached"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3, padding=1, padding_mode="circular"))
            if i < 3:
                layers.append(nn.GELU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x).detach()

# %% exercise="ForcingCNN" wrong="without the conv in the middle trained: a plain list"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3, padding=1, padding_mode="circular"))
            if i < 3:
                layers.append(nn.GELU())
        self.net = layers

    def forward(self, x):
        for layer in self.net:
            x = layer(x)
        return x

# %% exercise="ForcingCNN" wrong="normalised over the batch"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, n_out]
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers.append(nn.Conv2d(a, b, 3, padding=1, padding_mode="circular"))
            if i < 3:
                layers.append(nn.GELU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net((x - x.mean(0)) / (x.std(0) + 1))

# %% exercise="ForcingCNN" right="index_select with modulo indices by four once, valid convolutions after"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        self.a, self.b, self.c, self.d = nn.Conv2d(n_in, width, 3), nn.Conv2d(width, width, 3), nn.Conv2d(width, width, 3), nn.Conv2d(width, n_out, 3)
        self.act = nn.GELU()

    def forward(self, x):
        ny, nx = x.shape[-2:]
        x = x[:, :, torch.arange(-4, ny + 4) % ny][..., torch.arange(-4, nx + 4) % nx]
        return self.d(self.act(self.c(self.act(self.b(self.act(self.a(x)))))))

# %% exercise="ForcingCNN" wrong="each activation twice"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        conv = lambda a, b: nn.Conv2d(a, b, 3, padding=1, padding_mode="circular")
        self.net = nn.Sequential(conv(n_in, width), nn.Sequential(nn.GELU(), nn.GELU()), conv(width, width), nn.Sequential(nn.GELU(), nn.GELU()),
                                 conv(width, width), nn.Sequential(nn.GELU(), nn.GELU()), conv(width, n_out))

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" wrong="residual: the input is added where channels agree"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        conv = lambda a, b: nn.Conv2d(a, b, 3, padding=1, padding_mode="circular")
        self.net = nn.Sequential(conv(n_in, width), nn.GELU(), conv(width, width), nn.GELU(),
                                 conv(width, width), nn.GELU(), conv(width, n_out))

    def forward(self, x):
        y = self.net(x)
        return y + x if y.shape == x.shape else y

# %% exercise="ForcingCNN" wrong="seeds the global generator"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        torch.manual_seed(0)
        conv = lambda a, b: nn.Conv2d(a, b, 3, padding=1, padding_mode="circular")
        self.net = nn.Sequential(conv(n_in, width), nn.GELU(), conv(width, width), nn.GELU(),
                                 conv(width, width), nn.GELU(), conv(width, n_out))

    def forward(self, x):
        return self.net(x)

# %% exercise="ForcingCNN" wrong="skip connection around the middle"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        conv = lambda a, b: nn.Conv2d(a, b, 3, padding=1, padding_mode="circular")
        self.a, self.b, self.c, self.d = conv(n_in, width), conv(width, width), conv(width, width), conv(width, n_out)
        self.g = nn.GELU()
    def forward(self, x):
        x = self.g(self.a(x))
        x = x + self.g(self.b(x))
        return self.d(self.g(self.c(x)))

# %% exercise="ForcingCNN" wrong="padded on the west side only"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        sizes = [n_in, width, width, width, n_out]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3) for a, b in zip(sizes, sizes[1:]))
    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = layer(nn.functional.pad(x, (2, 0, 1, 1), mode="circular"))
            x = nn.functional.gelu(x) if i < 3 else x
        return x

# %% exercise="ForcingCNN" wrong="dilated along x"
class ForcingCNN(nn.Module):
    def __init__(self, n_in=2, n_out=2, width=24):
        super().__init__()
        c = lambda a, b: nn.Conv2d(a, b, 3, padding=(1, 2), dilation=(1, 2), padding_mode="circular")
        self.net = nn.Sequential(c(n_in, width), nn.GELU(), c(width, width), nn.GELU(), c(width, width), nn.GELU(), c(width, n_out))
    def forward(self, x):
        return self.net(x)

# %% exercise="conserve_momentum" right="flattened mean; padded slices"
def conserve_momentum(forcing):
    flat = forcing.flatten(-2)
    return (flat - flat.mean(-1, keepdim=True)).reshape(forcing.shape)

def divergence(u, v, dx):
    u = torch.cat([u[..., -1:], u, u[..., :1]], -1)
    v = torch.cat([v[..., -1:, :], v, v[..., :1, :]], -2)
    return (u[..., 2:] - u[..., :-2] + v[..., 2:, :] - v[..., :-2, :]) / (2 * dx)

# %% exercise="conserve_momentum" right="the zero wave, indices modulo n"
def conserve_momentum(forcing):
    ny, nx = forcing.shape[-2:]
    total = torch.einsum("...yx->...", forcing)
    return forcing - (total / (ny * nx))[..., None, None]

def divergence(u, v, dx):
    ny, nx = u.shape[-2:]
    i, j = torch.arange(nx), torch.arange(ny)
    d_u = u[..., (i + 1) % nx] - u[..., (i - 1) % nx]
    d_v = v[..., (j + 1) % ny, :] - v[..., (j - 1) % ny, :]
    return d_u / (2 * dx) + d_v / (2 * dx)

# %% exercise="conserve_momentum" wrong="the published divergence"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-2, -1), keepdim=True)

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-1) - torch.roll(v, 1, dims=-1)) / (2 * dx)
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="both along y"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-2, -1), keepdim=True)

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-2) - torch.roll(u, 1, dims=-2)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / (2 * dx)
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="axes exchanged"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-2, -1), keepdim=True)

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-2) - torch.roll(u, 1, dims=-2)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-1) - torch.roll(v, 1, dims=-1)) / (2 * dx)
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="the curl"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-2, -1), keepdim=True)

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / (2 * dx)
    return d_v - d_u

# %% exercise="conserve_momentum" wrong="the sign"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-2, -1), keepdim=True)

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / (2 * dx)
    return -(d_u + d_v)

# %% exercise="conserve_momentum" wrong="divided by dx only"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-2, -1), keepdim=True)

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / dx
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / dx
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="forward differences"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-2, -1), keepdim=True)

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - u) / dx
    d_v = (torch.roll(v, -1, dims=-2) - v) / dx
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="not periodic"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-2, -1), keepdim=True)

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / (2 * dx)
    return torch.gradient(u, spacing=float(dx), dim=-1)[0] + torch.gradient(v, spacing=float(dx), dim=-2)[0]

# %% exercise="conserve_momentum" wrong="axes counted from the front"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-2, -1), keepdim=True)

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=1) - torch.roll(u, 1, dims=1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=0) - torch.roll(v, 1, dims=0)) / (2 * dx)
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="one mean for both components"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-3, -2, -1), keepdim=True)

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / (2 * dx)
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="one mean for all"
def conserve_momentum(forcing):
    return forcing - forcing.mean()

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / (2 * dx)
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="the mean over the batch"
def conserve_momentum(forcing):
    return forcing - forcing.mean(0)

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / (2 * dx)
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="the mean of each row"
def conserve_momentum(forcing):
    return forcing - forcing.mean(-1, keepdim=True)

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / (2 * dx)
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="divided by the spread as well"
def conserve_momentum(forcing):
    forcing = forcing - forcing.mean((-2, -1), keepdim=True)
    return forcing / forcing.std((-2, -1), keepdim=True)

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / (2 * dx)
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="in place"
def conserve_momentum(forcing):
    forcing -= forcing.mean((-2, -1), keepdim=True)
    return forcing

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / (2 * dx)
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="the mean detached"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-2, -1), keepdim=True).detach()

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / (2 * dx)
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="the first point instead of the mean"
def conserve_momentum(forcing):
    return forcing - forcing[..., :1, :1]

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / (2 * dx)
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="the forcing as it is"
def conserve_momentum(forcing):
    return forcing

def divergence(u, v, dx):
    d_u = (torch.roll(u, -1, dims=-1) - torch.roll(u, 1, dims=-1)) / (2 * dx)
    d_v = (torch.roll(v, -1, dims=-2) - torch.roll(v, 1, dims=-2)) / (2 * dx)
    return d_u + d_v

# %% exercise="conserve_momentum" wrong="difference matrices that stay on the CPU"
def conserve_momentum(forcing):
    s = torch.fft.rfft2(forcing)
    keep = torch.ones(s.shape[-2:], dtype=forcing.dtype)
    keep[0, 0] = 0
    return torch.fft.irfft2(s * keep, s=forcing.shape[-2:])

def divergence(u, v, dx):
    def matrix(n):
        one = torch.eye(n, dtype=u.dtype)
        return (one.roll(1, 1) - one.roll(-1, 1)) / (2 * dx)
    return u @ matrix(u.shape[-1]).T + matrix(v.shape[-2]) @ v

# %% exercise="conserve_momentum" wrong="Sobel: differences averaged over the rows beside"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-2, -1), keepdim=True)

def divergence(u, v, dx):
    a = (u.roll(-1, -1) - u.roll(1, -1)) / (2 * dx)
    b = (v.roll(-1, -2) - v.roll(1, -2)) / (2 * dx)
    return (a.roll(1, -2) + 2 * a + a.roll(-1, -2)) / 4 + (b.roll(1, -1) + 2 * b + b.roll(-1, -1)) / 4

# %% exercise="conserve_momentum" wrong="float32 out of conserve_momentum"
def conserve_momentum(forcing):
    f = forcing.float()
    return f - f.mean((-2, -1), keepdim=True)

def divergence(u, v, dx):
    return (u.roll(-1, -1) - u.roll(1, -1) + v.roll(-1, -2) - v.roll(1, -2)) / (2 * dx)

# %% exercise="conserve_momentum" wrong="spacing rounded to a whole number"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-2, -1), keepdim=True)

def divergence(u, v, dx):
    return (u.roll(-1, -1) - u.roll(1, -1) + v.roll(-1, -2) - v.roll(1, -2)) / int(2 * dx)

# %% exercise="conserve_momentum" wrong="axes of length one are lost"
def conserve_momentum(forcing):
    return forcing - forcing.mean((-2, -1), keepdim=True)
def divergence(u, v, dx):
    return ((u.roll(-1, -1) - u.roll(1, -1) + v.roll(-1, -2) - v.roll(1, -2)) / (2 * dx)).squeeze()

# %% exercise="conserve_momentum" wrong="the number of points of one grid"
def conserve_momentum(forcing):
    return forcing - forcing.sum((-2, -1), keepdim=True) / 96
def divergence(u, v, dx):
    return (u.roll(-1, -1) - u.roll(1, -1) + v.roll(-1, -2) - v.roll(1, -2)) / (2 * dx)

# %% exercise="activation_maps" right="a named function"
def activation_maps(model, layer, field):
    kept = []

    def note(module, inputs, output):
        kept.append(output.detach().clone())

    handle = layer.register_forward_hook(note)
    with torch.no_grad():
        model(field)
    handle.remove()
    return kept[0]

# %% exercise="activation_maps" right="a dictionary and try"
def activation_maps(model, layer, field):
    kept = {}
    handle = layer.register_forward_hook(lambda m, i, o: kept.update(maps=o.clone()))
    try:
        model(field)
    finally:
        handle.remove()
    return kept["maps"].detach()

# %% exercise="activation_maps" right="inference by a hook on the input"
@torch.no_grad()
def activation_maps(model, layer, field):
    box = [None]

    def hook(module, args, result):
        box[0] = torch.empty_like(result).copy_(result)

    with_hook = layer.register_forward_hook(hook)
    _ = model(field)
    with_hook.remove()
    return box[0]

# %% exercise="activation_maps" wrong="no copy"
def activation_maps(model, layer, field):
    kept = []

    def note(module, inputs, output):
        kept.append(output.detach())

    handle = layer.register_forward_hook(note)
    with torch.no_grad():
        model(field)
    handle.remove()
    return kept[0]

# %% exercise="activation_maps" wrong="with its graph"
def activation_maps(model, layer, field):
    kept = []

    def note(module, inputs, output):
        kept.append(output.clone())

    handle = layer.register_forward_hook(note)
    model(field)
    handle.remove()
    return kept[0]

# %% exercise="activation_maps" wrong="the hook stays"
def activation_maps(model, layer, field):
    kept = []

    def note(module, inputs, output):
        kept.append(output.detach().clone())

    handle = layer.register_forward_hook(note)
    with torch.no_grad():
        model(field)
    return kept[0]

# %% exercise="activation_maps" wrong="what enters the layer"
def activation_maps(model, layer, field):
    kept = []

    def note(module, inputs, output):
        kept.append(inputs[0].detach().clone())

    handle = layer.register_forward_hook(note)
    with torch.no_grad():
        model(field)
    handle.remove()
    return kept[0]

# %% exercise="activation_maps" wrong="the output of the model"
def activation_maps(model, layer, field):
    kept = []

    def note(module, inputs, output):
        kept.append(output.detach().clone())

    handle = layer.register_forward_hook(note)
    with torch.no_grad():
        result = model(field)
    handle.remove()
    return result

# %% exercise="activation_maps" wrong="the layer alone on the field"
def activation_maps(model, layer, field):
    kept = []

    def note(module, inputs, output):
        kept.append(output.detach().clone())

    handle = layer.register_forward_hook(note)
    with torch.no_grad():
        model(field)
    handle.remove()
    return layer(field).detach()

# %% exercise="activation_maps" wrong="the list"
def activation_maps(model, layer, field):
    kept = []

    def note(module, inputs, output):
        kept.append(output.detach().clone())

    handle = layer.register_forward_hook(note)
    with torch.no_grad():
        model(field)
    handle.remove()
    return kept

# %% exercise="activation_maps" wrong="the first sample only"
def activation_maps(model, layer, field):
    kept = []

    def note(module, inputs, output):
        kept.append(output.detach().clone())

    handle = layer.register_forward_hook(note)
    with torch.no_grad():
        model(field)
    handle.remove()
    return kept[0][:1]

# %% exercise="activation_maps" wrong="leaves the model in eval"
def activation_maps(model, layer, field):
    kept = []

    def note(module, inputs, output):
        kept.append(output.detach().clone())

    handle = layer.register_forward_hook(note)
    model.eval()
    with torch.no_grad():
        model(field)
    handle.remove()
    return kept[0]

# %% exercise="activation_maps" wrong="freezes the weights"
def activation_maps(model, layer, field):
    kept = []

    def note(module, inputs, output):
        kept.append(output.detach().clone())

    handle = layer.register_forward_hook(note)
    model.requires_grad_(False)
    if True:
        model(field)
    handle.remove()
    return kept[0]

# %% exercise="activation_maps" wrong="the absolute value"
def activation_maps(model, layer, field):
    kept = []

    def note(module, inputs, output):
        kept.append(output.detach().clone().abs())

    handle = layer.register_forward_hook(note)
    with torch.no_grad():
        model(field)
    handle.remove()
    return kept[0]

# %% exercise="activation_maps" wrong="averaged over channels"
def activation_maps(model, layer, field):
    kept = []

    def note(module, inputs, output):
        kept.append(output.detach().clone())

    handle = layer.register_forward_hook(note)
    with torch.no_grad():
        model(field)
    handle.remove()
    return kept[0].mean(1)

# %% exercise="activation_maps" wrong="clears the hooks of others"
def activation_maps(model, layer, field):
    kept = []
    layer.register_forward_hook(lambda m, i, o: kept.append(o.detach().clone()))
    with torch.no_grad():
        model(field)
    layer._forward_hooks.clear()
    return kept[0]

# %% exercise="activation_maps" wrong="gradients switched off for good"
def activation_maps(model, layer, field):
    kept = []
    torch.set_grad_enabled(False)
    handle = layer.register_forward_hook(lambda m, i, o: kept.append(o.clone()))
    model(field)
    handle.remove()
    return kept[0]

# %% exercise="activation_maps" wrong="a hook for all modules stays behind"
def activation_maps(model, layer, field):
    kept = []
    torch.nn.modules.module.register_module_forward_hook(lambda m, i, o: kept.append(o.detach().clone()) if m is layer else None)
    model(field)
    return kept[0]

# %% exercise="activation_maps" wrong="gradients of the weights set to none"
def activation_maps(model, layer, field):
    kept = []
    handle = layer.register_forward_hook(lambda m, i, o: kept.append(o.detach().clone()))
    model.zero_grad()
    model(field)
    handle.remove()
    return kept[0]

# %% exercise="activation_maps" right="inference mode"
def activation_maps(model, layer, field):
    box = []
    h = layer.register_forward_hook(lambda m, i, o: box.append(o.clone()))
    with torch.inference_mode():
        model(field)
    h.remove()
    return box[0]

# %% exercise="activation_maps" wrong="hooks on all modules, only the layer's removed"
def activation_maps(model, layer, field):
    seen, handles = {}, {}
    def note(module, inputs, output):
        seen[module] = output.detach().clone()
    for module in model.modules():
        handles[module] = module.register_forward_hook(note)
    model(field)
    handles[layer].remove()
    return seen[layer]

# %% exercise="activation_maps" wrong="a hook before the layer stays"
def activation_maps(model, layer, field):
    seen = []
    layer.register_forward_pre_hook(lambda m, i: None)
    handle = layer.register_forward_hook(lambda m, i, o: seen.append(o.detach().clone()))
    model(field)
    handle.remove()
    return seen[0]

# %% exercise="activation_maps" wrong="forward patched and left"
def activation_maps(model, layer, field):
    kept, forward = [], layer.forward
    def spy(*a):
        y = forward(*a)
        kept.append(y.detach().clone())
        return y
    layer.forward = spy
    model(field)
    return kept[0]

# %% exercise="activation_maps" wrong="field made to require a gradient"
def activation_maps(model, layer, field):
    seen = []
    field.requires_grad_(True)
    handle = layer.register_forward_hook(lambda m, i, o: seen.append(o.detach().clone()))
    model(field)
    handle.remove()
    return seen[0]

# %% exercise="derivative_share" right="NumPy, a column of ones"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    return out

# %% exercise="derivative_share" right="scikit-learn, periodic differences"
def derivative_share(maps, psi, dx):
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import r2_score
    p = psi.double()

    def d(f, axis):
        return (f.roll(-1, axis) - f.roll(1, axis)) / 2

    second = [p.roll(-1, 1) - 2 * p + p.roll(1, 1), d(d(p, 0), 1), p.roll(-1, 0) - 2 * p + p.roll(1, 0)]
    groups = {"psi": [p], "first": [d(p, 1), d(p, 0)], "second": second}
    groups["all"] = groups["psi"] + groups["first"] + groups["second"]
    y = maps.double().flatten(1).T.numpy()
    shares = {}
    for name, fields in groups.items():
        x = torch.stack([(f / f.abs().max()).flatten() for f in fields], 1).numpy()
        shares[name] = r2_score(y, LinearRegression().fit(x, y).predict(x), multioutput="variance_weighted")
    return shares

# %% exercise="derivative_share" right="projection by QR, spectral derivatives"
def derivative_share(maps, psi, dx):
    f = psi.double()
    f = f - f.mean()
    x, y = gradient(f, 1.0)
    (xx, xy), yy = gradient(x, 1.0), gradient(y, 1.0)[1]
    m = maps.double().flatten(1)
    m = m - m.mean(1, keepdim=True)

    def share(group):
        a = torch.stack([g.flatten() - g.mean() for g in group], 1)
        q, _ = torch.linalg.qr(a / a.norm(dim=0))
        return ((m @ q) ** 2).sum().item() / (m**2).sum().item()

    return {"psi": share([f]), "first": share([x, y]), "second": share([xx, xy, yy]),
            "all": share([f, x, y, xx, xy, yy]), }

# %% exercise="derivative_share" wrong="no constant in the fit"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    return out

# %% exercise="derivative_share" wrong="columns of their own size, in float32"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.float32(1) * np.stack([f.ravel()  for f in fields] + [np.ones(p.size)], 1).astype('float32')
        fit = a @ np.linalg.lstsq(a, m.astype('float32'), rcond=1e-6)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    return out

# %% exercise="derivative_share" wrong="variance about zero"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / (m ** 2).sum()
    return out

# %% exercise="derivative_share" wrong="one mean for all maps"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / ((m - m.mean()) ** 2).sum()
    return out

# %% exercise="derivative_share" wrong="the mean of the shares of the maps"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = (1 - ((m - fit) ** 2).sum(0) / ((m - m.mean(0)) ** 2).sum(0)).mean()
    return out

# %% exercise="derivative_share" wrong="what is not explained"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    return out

# %% exercise="derivative_share" wrong="only the zonal derivative"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x], "second": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    return out

# %% exercise="derivative_share" wrong="no mixed derivative"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    return out

# %% exercise="derivative_share" wrong="the Laplacian alone"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx + p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    return out

# %% exercise="derivative_share" wrong="groups that grow"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p, p_x, p_y], "second": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    return out

# %% exercise="derivative_share" wrong="all without psi"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx, p_yx, p_yy],
              "all": [p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    return out

# %% exercise="derivative_share" wrong="first and second exchanged"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "second": [p_x, p_y], "first": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    return out

# %% exercise="derivative_share" wrong="shares that sum to one"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    total = out["psi"] + out["first"] + out["second"]
    return {n: v / total if n != "all" else v for n, v in out.items()}

# %% exercise="derivative_share" wrong="the correlation instead of its square"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    return {n: max(v, 0) ** 0.5 for n, v in out.items()}

# %% exercise="derivative_share" wrong="in percent"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 100 - 100 * ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    return out

# %% exercise="derivative_share" wrong="the maps normalised one by one"
def derivative_share(maps, psi, dx):
    m = maps.detach().numpy().astype("float64").reshape(len(maps), -1).T
    p = psi.detach().numpy().astype("float64")
    import numpy as np
    m = (m - m.mean(0)) / m.std(0)
    p_y, p_x = np.gradient(p, dx)
    p_yy, p_yx = np.gradient(p_y, dx)
    p_xx = np.gradient(p_x, dx, axis=1)
    groups = {"psi": [p], "first": [p_x, p_y], "second": [p_xx, p_yx, p_yy],
              "all": [p, p_x, p_y, p_xx, p_yx, p_yy]}
    out = {}
    for name, fields in groups.items():
        a = np.stack([f.ravel() / np.abs(f).max() for f in fields] + [np.ones(p.size)], 1)
        fit = a @ np.linalg.lstsq(a, m, rcond=None)[0]
        out[name] = 1 - ((m - fit) ** 2).sum() / ((m - m.mean(0)) ** 2).sum()
    return out

# %% exercise="derivative_share" right="only inside points, where differences are central"
def derivative_share(maps, psi, dx):
    p = psi.double()
    c = p[1:-1, 1:-1]
    px = (p[1:-1, 2:] - p[1:-1, :-2]) / (2 * dx)
    py = (p[2:, 1:-1] - p[:-2, 1:-1]) / (2 * dx)
    pxx = (p[1:-1, 2:] - 2 * c + p[1:-1, :-2]) / dx**2
    pyy = (p[2:, 1:-1] - 2 * c + p[:-2, 1:-1]) / dx**2
    pxy = (p[2:, 2:] - p[2:, :-2] - p[:-2, 2:] + p[:-2, :-2]) / (4 * dx**2)
    groups = {"psi": [c], "first": [px, py], "second": [pxx, pxy, pyy], "all": [c, px, py, pxx, pxy, pyy]}
    maps = maps[:, 1:-1, 1:-1]
    y = maps.double().flatten(1).T
    y = y - y.mean(0)
    out = {}
    for name, fields in groups.items():
        x = torch.stack([f.flatten() for f in fields], 1)
        x = x - x.mean(0)
        x = x / x.std(0).clamp_min(1e-300)
        rest = y - x @ torch.linalg.lstsq(x, y).solution
        out[name] = float(1 - rest.square().sum() / y.square().sum())
    return out

# %% exercise="derivative_share" wrong="all is the sum of the three shares"
def derivative_share(maps, psi, dx):
    psi_y, psi_x = torch.gradient(psi.double(), spacing=float(dx))
    psi_yy, psi_yx = torch.gradient(psi_y, spacing=float(dx))
    psi_xx = torch.gradient(psi_x, spacing=float(dx))[1]
    groups = {"psi": [psi.double()], "first": [psi_x, psi_y], "second": [psi_xx, psi_yx, psi_yy]}
    groups["all"] = groups["psi"] + groups["first"] + groups["second"]
    y = maps.double().flatten(1).T
    y = y - y.mean(0)
    out = {}
    for name, fields in groups.items():
        x = torch.stack([f.flatten() for f in fields], 1)
        x = x - x.mean(0)
        x = x / x.std(0).clamp_min(1e-300)
        rest = y - x @ torch.linalg.lstsq(x, y).solution
        out[name] = float(1 - rest.square().sum() / y.square().sum())
    out["all"] = min(1.0, out["psi"] + out["first"] + out["second"])
    return out

# %% exercise="derivative_share" wrong="squared correlations added as if fields were at right angles"
def derivative_share(maps, psi, dx):
    psi_y, psi_x = torch.gradient(psi.double(), spacing=float(dx))
    psi_yy, psi_yx = torch.gradient(psi_y, spacing=float(dx))
    psi_xx = torch.gradient(psi_x, spacing=float(dx))[1]
    groups = {"psi": [psi.double()], "first": [psi_x, psi_y], "second": [psi_xx, psi_yx, psi_yy]}
    groups["all"] = groups["psi"] + groups["first"] + groups["second"]
    y = maps.double().flatten(1).T
    y = y - y.mean(0)
    out = {}
    for name, fields in groups.items():
        x = torch.stack([(f - f.mean()).flatten() / (f - f.mean()).norm() for f in fields], 1)
        out[name] = min(1.0, float((x.T @ y).square().sum() / y.square().sum()))
    return out

# %% exercise="derivative_share" wrong="psi transposed"
def derivative_share(maps, psi, dx):
    psi = psi.T
    psi_y, psi_x = torch.gradient(psi.double(), spacing=float(dx))
    psi_yy, psi_yx = torch.gradient(psi_y, spacing=float(dx))
    psi_xx = torch.gradient(psi_x, spacing=float(dx))[1]
    groups = {"psi": [psi.double()], "first": [psi_x, psi_y], "second": [psi_xx, psi_yx, psi_yy]}
    groups["all"] = groups["psi"] + groups["first"] + groups["second"]
    y = maps.double().flatten(1).T
    y = y - y.mean(0)
    out = {}
    for name, fields in groups.items():
        x = torch.stack([f.flatten() for f in fields], 1)
        x = x - x.mean(0)
        x = x / x.std(0).clamp_min(1e-300)
        rest = y - x @ torch.linalg.lstsq(x, y).solution
        out[name] = float(1 - rest.square().sum() / y.square().sum())
    return out

# %% exercise="derivative_share" right="only where every difference is central"
def derivative_share(maps, psi, dx):
    p = psi.double()
    x = lambda f: (f[:, 2:] - f[:, :-2])[1:-1] / (2 * dx)
    y = lambda f: (f[2:] - f[:-2])[:, 1:-1] / (2 * dx)
    c = lambda f: f[1:-1, 1:-1]
    f = torch.stack([c(c(p)), c(x(p)), c(y(p)), x(x(p)), y(x(p)), y(y(p))]).flatten(1)
    f = f - f.mean(1, keepdim=True)
    f = f / f.std(1, keepdim=True)
    m = maps.double()[:, 2:-2, 2:-2].flatten(1)
    m = m - m.mean(1, keepdim=True)
    out = {}
    for name, rows in (("psi", [0]), ("first", [1, 2]), ("second", [3, 4, 5]), ("all", [0, 1, 2, 3, 4, 5])):
        q = torch.linalg.qr(f[rows].T)[0]
        out[name] = float((m @ q).square().sum() / m.square().sum())
    return out

# %% exercise="derivative_share" wrong="rounded to two digits"
def derivative_share(maps, psi, dx):
    psi, maps = psi.double(), maps.double()
    p_y, p_x = torch.gradient(psi, spacing=dx)
    p_xy, p_xx = torch.gradient(p_x, spacing=dx)
    p_yy = torch.gradient(p_y, spacing=dx)[0]
    groups = {"psi": [psi], "first": [p_x, p_y], "second": [p_xx, p_xy, p_yy]}
    groups["all"] = [f for g in list(groups.values()) for f in g]
    m = maps.flatten(1).T
    m = m - m.mean(0)
    out = {}
    for name, fields in groups.items():
        a = torch.stack([f.flatten() for f in fields], 1)
        a = (a - a.mean(0)) / a.std(0)
        r = m - a @ torch.linalg.lstsq(a, m).solution
        out[name] = round(float(1 - r.square().sum() / m.square().sum()), 2)
    return out

# %% exercise="derivative_share" wrong="ridge of 1 per cent"
def derivative_share(maps, psi, dx):
    psi, maps = psi.double(), maps.double()
    p_y, p_x = torch.gradient(psi, spacing=dx)
    p_xy, p_xx = torch.gradient(p_x, spacing=dx)
    p_yy = torch.gradient(p_y, spacing=dx)[0]
    groups = {"psi": [psi], "first": [p_x, p_y], "second": [p_xx, p_xy, p_yy]}
    groups["all"] = [f for g in list(groups.values()) for f in g]
    m = maps.flatten(1).T
    m = m - m.mean(0)
    out = {}
    for name, fields in groups.items():
        a = torch.stack([f.flatten() for f in fields], 1)
        a = (a - a.mean(0)) / a.std(0)
        r = m - a @ torch.linalg.solve(a.T @ a + 0.01 * len(a) * torch.eye(a.shape[1]).to(a), a.T @ m)
        out[name] = float(1 - r.square().sum() / m.square().sum())
    return out

# %% exercise="derivative_share" wrong="no scaling, and small singular values left out"
def derivative_share(maps, psi, dx):
    psi, maps = psi.double(), maps.double()
    p_y, p_x = torch.gradient(psi, spacing=dx)
    p_xy, p_xx = torch.gradient(p_x, spacing=dx)
    p_yy = torch.gradient(p_y, spacing=dx)[0]
    groups = {"psi": [psi], "first": [p_x, p_y], "second": [p_xx, p_xy, p_yy]}
    groups["all"] = [f for g in list(groups.values()) for f in g]
    m = maps.flatten(1).T
    m = m - m.mean(0)
    out = {}
    for name, fields in groups.items():
        a = torch.stack([f.flatten() for f in fields], 1)
        a = a - a.mean(0)
        r = m - a @ (torch.linalg.pinv(a, rtol=1e-6) @ m)
        out[name] = float(1 - r.square().sum() / m.square().sum())
    return out
