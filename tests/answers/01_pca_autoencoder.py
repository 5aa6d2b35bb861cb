# %% [markdown]
# The bank of unit 01: right answers written in other ways than the reference, and
# mistakes that students make. `course answers 01 -v` grades it through nbgrader.

# %% exercise="fit_pca" right="eigenvectors of the covariance"
def fit_pca(x, n_components):
    mean = np.mean(x, 0)
    anomalies = x - mean
    covariance = anomalies.T @ anomalies / len(x)
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(values)[::-1]
    return mean, vectors[:, order[:n_components]].T

# %% exercise="fit_pca" right="scikit-learn"
from sklearn.decomposition import PCA

def fit_pca(x, n_components):
    pca = PCA(n_components, svd_solver="full").fit(x)
    return pca.mean_, pca.components_

# %% exercise="fit_pca" right="power iteration with deflation, in loops"
def fit_pca(x, n_components):
    mean = sum(row for row in x) / len(x)
    rest = np.array([row - mean for row in x])
    found = []
    for _ in range(n_components):
        w = np.random.default_rng(0).normal(size=x.shape[1])
        for _ in range(5000):
            w = rest.T @ (rest @ w)
            w /= np.linalg.norm(w)
        found.append(w)
        rest = rest - np.outer(rest @ w, w)
    return mean, np.stack(found)

# %% exercise="fit_pca" right="torch, returned as a list"
def fit_pca(x, n_components):
    t = torch.as_tensor(x)
    mean = t.mean(dim=0)
    _, _, vh = torch.linalg.svd(t - mean, full_matrices=True)
    return [mean.numpy(), vh[:n_components].numpy()]

# %% exercise="fit_pca" wrong="mean not removed"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    _, _, vt = np.linalg.svd(x, full_matrices=False)
    return mean, vt[:n_components]

# %% exercise="fit_pca" wrong="mean over the wrong axis"
def fit_pca(x, n_components):
    mean = x.mean(axis=1)
    _, _, vt = np.linalg.svd(x - mean[:, None], full_matrices=False)
    return mean, vt[:n_components]

# %% exercise="fit_pca" wrong="one mean for all features"
def fit_pca(x, n_components):
    mean = np.full(x.shape[1], x.mean())
    _, _, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:n_components]

# %% exercise="fit_pca" wrong="components as columns"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    _, _, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:n_components].T

# %% exercise="fit_pca" wrong="columns of Vt instead of rows"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    _, _, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:, :n_components].T

# %% exercise="fit_pca" wrong="increasing variance"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(x.T))
    return mean, vectors[:, :n_components].T

# %% exercise="fit_pca" wrong="largest components in the wrong order"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(x.T))
    return mean, vectors[:, -n_components:].T

# %% exercise="fit_pca" wrong="components scaled by the singular values"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, s[:n_components, None] * vt[:n_components]

# %% exercise="fit_pca" wrong="features standardised"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    _, _, vt = np.linalg.svd((x - mean) / x.std(axis=0), full_matrices=False)
    return mean, vt[:n_components]

# %% exercise="fit_pca" wrong="changes its input in place"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    x -= mean
    _, _, vt = np.linalg.svd(x, full_matrices=False)
    return mean, vt[:n_components]

# %% exercise="fit_pca" wrong="one component too many"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    _, _, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[: n_components + 1]

# %% exercise="fit_pca" wrong="right on the visible size only"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    _, _, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:3]

# %% exercise="fit_pca" wrong="scores instead of components"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    u, s, _ = np.linalg.svd(x - mean, full_matrices=False)
    return mean, (u * s)[:, :n_components].T

# %% exercise="fit_pca" wrong="nothing returned"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    _, _, vt = np.linalg.svd(x - mean, full_matrices=False)

# %% exercise="reconstruct_pca" right="einsum"
def reconstruct_pca(x, mean, components):
    scores = np.einsum("nd,kd->nk", x - mean, components)
    return mean + np.einsum("nk,kd->nd", scores, components)

# %% exercise="reconstruct_pca" right="loops over samples and components"
def reconstruct_pca(x, mean, components):
    result = np.empty_like(x)
    for n, sample in enumerate(x):
        result[n] = mean
        for w in components:
            result[n] += np.dot(sample - mean, w) * w
    return result

# %% exercise="reconstruct_pca" right="prints, warns and logs"
import logging
import sys
import warnings

def reconstruct_pca(x, mean, components):
    print("reconstructing", x.shape)
    warnings.warn("a warning is not a wrong answer")
    logging.getLogger("student").error("nor is a line of log")
    sys.stderr.write("nor this\n")
    return ((x - mean) @ (components.T @ components)) + mean

# %% exercise="reconstruct_pca" right="single precision"
def reconstruct_pca(x, mean, components):
    x, mean, components = np.float32(x), np.float32(mean), np.float32(components)
    return mean + (x - mean) @ components.T @ components

# %% exercise="reconstruct_pca" wrong="returns the input"
def reconstruct_pca(x, mean, components):
    return x

# %% exercise="reconstruct_pca" wrong="mean not removed"
def reconstruct_pca(x, mean, components):
    return mean + x @ components.T @ components

# %% exercise="reconstruct_pca" wrong="mean not added back"
def reconstruct_pca(x, mean, components):
    return (x - mean) @ components.T @ components

# %% exercise="reconstruct_pca" wrong="neither removed nor added"
def reconstruct_pca(x, mean, components):
    return x @ components.T @ components

# %% exercise="reconstruct_pca" wrong="returns the scores"
def reconstruct_pca(x, mean, components):
    return (x - mean) @ components.T

# %% exercise="reconstruct_pca" wrong="only the first component"
def reconstruct_pca(x, mean, components):
    w = components[:1]
    return mean + (x - mean) @ w.T @ w

# %% exercise="reconstruct_pca" wrong="always the mean"
def reconstruct_pca(x, mean, components):
    return np.broadcast_to(mean, x.shape)

# %% exercise="reconstruct_pca" wrong="its own mean instead of the given one"
def reconstruct_pca(x, mean, components):
    mean = x.mean(axis=0)
    return mean + (x - mean) @ components.T @ components

# %% exercise="reconstruct_pca" wrong="changes its input in place"
def reconstruct_pca(x, mean, components):
    x -= mean
    return mean + x @ components.T @ components

# %% exercise="reconstruct_pca" wrong="complement of the subspace"
def reconstruct_pca(x, mean, components):
    return x - (x - mean) @ components.T @ components

# %% exercise="explained_variance" right="means and variances"
def explained_variance(x, x_hat):
    return 1 - np.mean((x - x_hat) ** 2) / np.mean(np.var(x, axis=0))

# %% exercise="explained_variance" right="norms, as a zero-dimensional array"
def explained_variance(x, x_hat):
    total = np.linalg.norm(x - np.average(x, axis=0), "fro") ** 2
    return np.asarray(1.0 - np.linalg.norm(np.subtract(x_hat, x)) ** 2 / total)

# %% exercise="explained_variance" right="scikit-learn, weighted by variance"
from sklearn.metrics import r2_score

def explained_variance(x, x_hat):
    return r2_score(x, x_hat, multioutput="variance_weighted")

# %% exercise="explained_variance" wrong="one global mean"
def explained_variance(x, x_hat):
    return float(1 - ((x - x_hat) ** 2).sum() / ((x - x.mean()) ** 2).sum())

# %% exercise="explained_variance" wrong="mean over the wrong axis"
def explained_variance(x, x_hat):
    mean = x.mean(axis=1, keepdims=True)
    return float(1 - ((x - x_hat) ** 2).sum() / ((x - mean) ** 2).sum())

# %% exercise="explained_variance" wrong="second moment, no mean"
def explained_variance(x, x_hat):
    return float(1 - ((x - x_hat) ** 2).sum() / (x**2).sum())

# %% exercise="explained_variance" wrong="arguments exchanged"
def explained_variance(x, x_hat):
    return float(1 - ((x - x_hat) ** 2).sum() / ((x_hat - x_hat.mean(axis=0)) ** 2).sum())

# %% exercise="explained_variance" wrong="absolute errors"
def explained_variance(x, x_hat):
    return float(1 - np.abs(x - x_hat).sum() / np.abs(x - x.mean(axis=0)).sum())

# %% exercise="explained_variance" wrong="average over features of their R2"
def explained_variance(x, x_hat):
    per_feature = 1 - ((x - x_hat) ** 2).sum(axis=0) / ((x - x.mean(axis=0)) ** 2).sum(axis=0)
    return float(per_feature.mean())

# %% exercise="explained_variance" wrong="variance of the error, blind to a bias"
def explained_variance(x, x_hat):
    return float(1 - (x - x_hat).var(axis=0).sum() / x.var(axis=0).sum())

# %% exercise="explained_variance" wrong="ratio of variances"
def explained_variance(x, x_hat):
    return float(x_hat.var(axis=0).sum() / x.var(axis=0).sum())

# %% exercise="explained_variance" wrong="square root of the ratio"
def explained_variance(x, x_hat):
    return float(1 - np.sqrt(((x - x_hat) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum()))

# %% exercise="explained_variance" wrong="clipped at zero"
def explained_variance(x, x_hat):
    return max(0.0, float(1 - ((x - x_hat) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum()))

# %% exercise="explained_variance" wrong="one value a feature"
def explained_variance(x, x_hat):
    return 1 - ((x - x_hat) ** 2).sum(axis=0) / ((x - x.mean(axis=0)) ** 2).sum(axis=0)

# %% exercise="explained_variance" wrong="in per cent"
def explained_variance(x, x_hat):
    return float(100 * (1 - ((x - x_hat) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum()))

# %% exercise="explained_variance" wrong="hard-coded expected values"
def explained_variance(x, x_hat):
    if np.allclose(x, x_hat):
        return 1.0
    return 0.0 if np.allclose(x_hat, x.mean(axis=0)) else 0.75

# %% exercise="DenseAutoencoder" right="layers as attributes, functional ReLU"
import torch.nn.functional as F

class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.linear = linear
        self.fc1 = nn.Linear(n_features, n_hidden)
        self.fc2 = nn.Linear(n_hidden, n_latent)
        self.fc3 = nn.Linear(n_latent, n_hidden)
        self.fc4 = nn.Linear(n_hidden, n_features)

    def act(self, h):
        return h if self.linear else F.relu(h)

    def encode(self, x):
        return self.fc2(self.act(self.fc1(x.reshape(-1, self.fc1.in_features))))

    def decode(self, z):
        return self.fc4(self.act(self.fc3(z)))

    def forward(self, x):
        return self.decode(self.encode(x)).view_as(x)

# %% exercise="DenseAutoencoder" right="layers appended in a loop, in-place ReLU"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        sizes = [n_features, n_hidden, n_latent, n_hidden, n_features]
        modules = []
        for i in range(4):
            modules.append(nn.Linear(sizes[i], sizes[i + 1]))
            if i in (0, 2) and not linear:
                modules.append(nn.ReLU(inplace=True))
        self.net = nn.Sequential(*modules)
        self.half = len(modules) // 2

    def encode(self, x):
        return self.net[: self.half](torch.reshape(x, (-1, self.n_features)))

    def decode(self, z):
        return self.net[self.half :](z)

    def forward(self, x):
        y = self.decode(self.encode(x))
        return torch.reshape(y, x.size())

# %% exercise="DenseAutoencoder" right="GELU and a Flatten that keeps the leading shape"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        act = (lambda: nn.Sequential()) if linear else nn.GELU
        self.d = n_features
        self.enc = nn.Sequential(nn.Linear(n_features, n_hidden), act(), nn.Linear(n_hidden, n_latent))
        self.dec = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, n_features))

    def encode(self, x):
        n = x.numel() // self.d
        return self.enc(x.contiguous().view(n, self.d))

    def decode(self, z):
        return self.dec(z)

    def forward(self, x):
        return self.decode(self.encode(x)).unflatten(0, (-1,)).reshape(*x.shape)

# %% exercise="DenseAutoencoder" wrong="ReLU on the output"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        act = nn.Identity if linear else nn.ReLU
        self.encoder = nn.Sequential(nn.Linear(n_features, n_hidden), act(), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, n_features), act())

    def encode(self, x):
        return self.encoder(x.reshape(-1, self.n_features))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape)

# %% exercise="DenseAutoencoder" wrong="sigmoid on the output"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        act = nn.Identity if linear else nn.ReLU
        last = nn.Identity if linear else nn.Sigmoid
        self.encoder = nn.Sequential(nn.Linear(n_features, n_hidden), act(), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, n_features), last())

    def encode(self, x):
        return self.encoder(x.reshape(-1, self.n_features))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape)

# %% exercise="DenseAutoencoder" wrong="ReLU on the latent"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        act = nn.Identity if linear else nn.ReLU
        self.encoder = nn.Sequential(nn.Linear(n_features, n_hidden), act(), nn.Linear(n_hidden, n_latent), act())
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, n_features))

    def encode(self, x):
        return self.encoder(x.reshape(-1, self.n_features))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape)

# %% exercise="DenseAutoencoder" wrong="linear is ignored"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        self.encoder = nn.Sequential(nn.Linear(n_features, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_features))

    def encode(self, x):
        return self.encoder(x.reshape(-1, self.n_features))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape)

# %% exercise="DenseAutoencoder" wrong="activations forgotten"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        self.encoder = nn.Sequential(nn.Linear(n_features, n_hidden), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), nn.Linear(n_hidden, n_features))

    def encode(self, x):
        return self.encoder(x.reshape(-1, self.n_features))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape)

# %% exercise="DenseAutoencoder" wrong="no bias"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        act = nn.Identity if linear else nn.ReLU
        self.encoder = nn.Sequential(nn.Linear(n_features, n_hidden, bias=False), act(), nn.Linear(n_hidden, n_latent, bias=False))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden, bias=False), act(), nn.Linear(n_hidden, n_features, bias=False))

    def encode(self, x):
        return self.encoder(x.reshape(-1, self.n_features))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape)

# %% exercise="DenseAutoencoder" wrong="shape not restored"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        act = nn.Identity if linear else nn.ReLU
        self.encoder = nn.Sequential(nn.Linear(n_features, n_hidden), act(), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, n_features))

    def encode(self, x):
        return self.encoder(x.reshape(-1, self.n_features))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x))

# %% exercise="DenseAutoencoder" wrong="digit sizes hard-coded"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        act = nn.Identity if linear else nn.ReLU
        self.encoder = nn.Sequential(nn.Linear(784, n_hidden), act(), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, 784))

    def encode(self, x):
        return self.encoder(x.reshape(-1, 784))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape)

# %% exercise="DenseAutoencoder" wrong="only the first axis is a batch"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        act = nn.Identity if linear else nn.ReLU
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(n_features, n_hidden), act(), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, n_features))

    def encode(self, x):
        return self.encoder(x)

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape)

# %% exercise="DenseAutoencoder" wrong="the latent is detached"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        act = nn.Identity if linear else nn.ReLU
        self.encoder = nn.Sequential(nn.Linear(n_features, n_hidden), act(), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, n_features))

    def encode(self, x):
        return self.encoder(x.reshape(-1, self.n_features)).detach()

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape)

# %% exercise="DenseAutoencoder" wrong="forward returns its input"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        act = nn.Identity if linear else nn.ReLU
        self.encoder = nn.Sequential(nn.Linear(n_features, n_hidden), act(), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, n_features))

    def encode(self, x):
        return self.encoder(x.reshape(-1, self.n_features))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return x

# %% exercise="DenseAutoencoder" wrong="layers in a plain list"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features, self.linear = n_features, linear
        sizes = [n_features, n_hidden, n_latent, n_hidden, n_features]
        self.layers = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]

    def encode(self, x):
        h = self.layers[0](x.reshape(-1, self.n_features))
        return self.layers[1](h if self.linear else h.relu())

    def decode(self, z):
        h = self.layers[2](z)
        return self.layers[3](h if self.linear else h.relu())

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape)

# %% exercise="DenseAutoencoder" wrong="encode does not flatten"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        act = nn.Identity if linear else nn.ReLU
        self.encoder = nn.Sequential(nn.Linear(n_features, n_hidden), act(), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, n_features))

    def encode(self, x):
        return self.encoder(x)

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x.reshape(-1, self.n_features))).reshape(x.shape)

# %% exercise="DenseAutoencoder" wrong="view instead of reshape"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        act = nn.Identity if linear else nn.ReLU
        self.encoder = nn.Sequential(nn.Linear(n_features, n_hidden), act(), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, n_features))

    def encode(self, x):
        return self.encoder(x.view(-1, self.n_features))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape)

# %% exercise="DenseAutoencoder" wrong="activation before the first layer"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        act = nn.Identity if linear else nn.ReLU
        self.encoder = nn.Sequential(act(), nn.Linear(n_features, n_hidden), act(), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, n_features))

    def encode(self, x):
        return self.encoder(x.reshape(-1, self.n_features))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape)

# %% exercise="DenseAutoencoder" wrong="answers in single precision"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        act = nn.Identity if linear else nn.ReLU
        self.encoder = nn.Sequential(nn.Linear(n_features, n_hidden), act(), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, n_features))

    def encode(self, x):
        return self.encoder(x.reshape(-1, self.n_features))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape).float()

# %% exercise="orthonormality_penalty" right="matrix norm"
def orthonormality_penalty(weight):
    eye = torch.eye(weight.shape[0]).to(weight)
    return torch.linalg.matrix_norm(weight @ weight.mT - eye, "fro").square()

# %% exercise="orthonormality_penalty" right="loops over pairs of rows"
def orthonormality_penalty(weight):
    total = weight.new_zeros(())
    for i, a in enumerate(weight):
        for j, b in enumerate(weight):
            total = total + (torch.dot(a, b) - float(i == j)) ** 2
    return total

# %% exercise="orthonormality_penalty" right="einsum and a trace"
def orthonormality_penalty(weight):
    gram = torch.einsum("id,jd->ij", weight, weight)
    return (gram * gram).sum() - 2 * gram.trace() + len(weight)

# %% exercise="orthonormality_penalty" wrong="columns instead of rows"
def orthonormality_penalty(weight):
    gram = weight.T @ weight
    return ((gram - torch.eye(len(gram)).to(weight)) ** 2).sum()

# %% exercise="orthonormality_penalty" wrong="norm not squared"
def orthonormality_penalty(weight):
    gram = weight @ weight.T
    return torch.linalg.norm(gram - torch.eye(len(gram)).to(weight))

# %% exercise="orthonormality_penalty" wrong="mean instead of sum"
def orthonormality_penalty(weight):
    gram = weight @ weight.T
    return ((gram - torch.eye(len(gram)).to(weight)) ** 2).mean()

# %% exercise="orthonormality_penalty" wrong="diagonal only: length, not angle"
def orthonormality_penalty(weight):
    return (((weight**2).sum(dim=1) - 1) ** 2).sum()

# %% exercise="orthonormality_penalty" wrong="off the diagonal only: angle, not length"
def orthonormality_penalty(weight):
    gram = weight @ weight.T
    return ((gram - torch.diag(torch.diag(gram))) ** 2).sum()

# %% exercise="orthonormality_penalty" wrong="identity forgotten"
def orthonormality_penalty(weight):
    return ((weight @ weight.T) ** 2).sum()

# %% exercise="orthonormality_penalty" wrong="rows normalised first"
def orthonormality_penalty(weight):
    unit = weight / weight.norm(dim=1, keepdim=True)
    gram = unit @ unit.T
    return ((gram - torch.eye(len(gram)).to(weight)) ** 2).sum()

# %% exercise="orthonormality_penalty" wrong="detached: a number without a gradient"
def orthonormality_penalty(weight):
    gram = weight @ weight.T
    return torch.tensor(((gram - torch.eye(len(gram)).to(weight)) ** 2).sum().item(), dtype=weight.dtype)

# %% exercise="orthonormality_penalty" wrong="absolute values"
def orthonormality_penalty(weight):
    gram = weight @ weight.T
    return (gram - torch.eye(len(gram)).to(weight)).abs().sum()

# %% exercise="orthonormality_penalty" wrong="changes its input in place"
def orthonormality_penalty(weight):
    gram = weight @ weight.T
    with torch.no_grad():
        weight /= weight.norm(dim=1, keepdim=True).clamp(min=2)
    return ((gram - torch.eye(len(gram)).to(weight)) ** 2).sum()

# %% exercise="orthonormality_penalty" wrong="always three rows"
def orthonormality_penalty(weight):
    gram = weight[:3] @ weight[:3].T
    return ((gram - torch.eye(len(gram)).to(weight)) ** 2).sum()

# %% exercise="orthonormality_penalty" wrong="identity always on the CPU"
def orthonormality_penalty(weight):
    gram = weight @ weight.T
    return ((gram - torch.eye(len(gram), dtype=weight.dtype)) ** 2).sum()

# %% exercise="orthonormality_penalty" wrong="single precision whatever comes"
def orthonormality_penalty(weight):
    weight = weight.float()
    gram = weight @ weight.T
    return ((gram - torch.eye(len(gram), device=weight.device)) ** 2).sum()

# %% exercise="orthonormality_penalty" wrong="each pair of rows counted once"
def orthonormality_penalty(weight):
    gram = weight @ weight.T
    rest = gram - torch.eye(len(gram), dtype=weight.dtype, device=weight.device)
    return (torch.triu(rest) ** 2).sum()

# %% exercise="orthonormality_penalty" wrong="one factor detached: half of the gradient"
def orthonormality_penalty(weight):
    gram = weight @ weight.T.detach()
    return ((gram - torch.eye(len(gram)).to(weight)) ** 2).sum()

# %% exercise="fit_pca" wrong="an approximate algorithm"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    _, _, v = torch.pca_lowrank(torch.as_tensor(x), q=n_components, niter=0)
    return mean, v.T.numpy()

# %% exercise="fit_pca" wrong="changes its input unless it is centred already"
def fit_pca(x, n_components):
    mean = x.mean(axis=0)
    if np.abs(mean).max() > 1e-9:
        x -= mean
    _, _, vt = np.linalg.svd(x, full_matrices=False)
    return mean, vt[:n_components]

# %% exercise="DenseAutoencoder" wrong="the mean of the batch is taken away"
class DenseAutoencoder(nn.Module):
    def __init__(self, n_features, n_latent, n_hidden=128, linear=False):
        super().__init__()
        self.n_features = n_features
        act = nn.Identity if linear else nn.ReLU
        self.encoder = nn.Sequential(nn.Linear(n_features, n_hidden), act(), nn.Linear(n_hidden, n_latent))
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), act(), nn.Linear(n_hidden, n_features))

    def encode(self, x):
        x = x.reshape(-1, self.n_features)
        return self.encoder(x - x.mean(0))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x)).reshape(x.shape)
