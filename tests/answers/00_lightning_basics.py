# %% [markdown]
# The bank of unit 00: right answers written in other ways than the reference, and
# mistakes that students make. `course answers 00 -v` grades it through nbgrader.

# %% exercise="conv2d" right="two loops"
def conv2d(x, kernel):
    (h, w), (p, q) = x.shape, kernel.shape
    y = torch.zeros(h - p + 1, w - q + 1)
    for i in range(h - p + 1):
        for j in range(w - q + 1):
            y[i, j] = (x[i : i + p, j : j + q] * kernel).sum()
    return y

# %% exercise="conv2d" right="a sum of shifted images"
def conv2d(x, kernel):
    p, q = kernel.shape
    h, w = x.shape[0] - p + 1, x.shape[1] - q + 1
    return sum(kernel[a, b] * x[a : a + h, b : b + w] for a in range(p) for b in range(q))

# %% exercise="conv2d" right="NumPy windows"
def conv2d(x, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(x), tuple(kernel.shape))
    return np.einsum("ijab,ab->ij", windows, np.asarray(kernel))

# %% exercise="conv2d" right="im2col"
def conv2d(x, kernel):
    columns = F.unfold(x[None, None], tuple(kernel.shape))[0]
    shape = [n - k + 1 for n, k in zip(x.shape, kernel.shape)]
    return (kernel.flatten() @ columns).reshape(shape)

# %% exercise="conv2d" wrong="a true convolution: the kernel is flipped"
def conv2d(x, kernel):
    kernel = kernel.flip(0, 1)
    windows = x.unfold(0, kernel.shape[0], 1).unfold(1, kernel.shape[1], 1)
    return (windows * kernel).sum((2, 3))

# %% exercise="conv2d" wrong="padded to the size of the image"
def conv2d(x, kernel):
    p, q = kernel.shape
    return F.conv2d(x[None, None], kernel[None, None], padding=(p // 2, q // 2))[0, 0]

# %% exercise="conv2d" wrong="one position short"
def conv2d(x, kernel):
    (h, w), (p, q) = x.shape, kernel.shape
    y = torch.zeros(h - p, w - q)
    for i in range(h - p):
        for j in range(w - q):
            y[i, j] = (x[i : i + p, j : j + q] * kernel).sum()
    return y

# %% exercise="conv2d" wrong="the last row and column stay zero"
def conv2d(x, kernel):
    (h, w), (p, q) = x.shape, kernel.shape
    y = torch.zeros(h - p + 1, w - q + 1)
    for i in range(h - p):
        for j in range(w - q):
            y[i, j] = (x[i : i + p, j : j + q] * kernel).sum()
    return y

# %% exercise="conv2d" wrong="the mean instead of the sum"
def conv2d(x, kernel):
    windows = x.unfold(0, kernel.shape[0], 1).unfold(1, kernel.shape[1], 1)
    return (windows * kernel).mean((2, 3))

# %% exercise="conv2d" wrong="the kernel is transposed"
def conv2d(x, kernel):
    kernel = kernel.T
    windows = x.unfold(0, kernel.shape[0], 1).unfold(1, kernel.shape[1], 1)
    return (windows * kernel).sum((2, 3))

# %% exercise="conv2d" wrong="works for square kernels only"
def conv2d(x, kernel):
    k = kernel.shape[0]
    windows = x.unfold(0, k, 1).unfold(1, k, 1)
    return (windows * kernel).sum((2, 3))

# %% exercise="conv2d" wrong="writes into the image"
def conv2d(x, kernel):
    (h, w), (p, q) = x.shape, kernel.shape
    for i in range(h - p + 1):
        for j in range(w - q + 1):
            x[i, j] = (x[i : i + p, j : j + q] * kernel).sum()
    return x[: h - p + 1, : w - q + 1]

# %% exercise="conv_output_size" right="counted"
def conv_output_size(size, kernel, stride=1, padding=0, dilation=1):
    last = size + 2 * padding - (dilation * (kernel - 1) + 1)
    return len(range(0, last + 1, stride))

# %% exercise="conv_output_size" right="math.floor"
import math

def conv_output_size(size, kernel, stride=1, padding=0, dilation=1):
    return math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1)

# %% exercise="conv_output_size" right="asks PyTorch"
def conv_output_size(size, kernel, stride=1, padding=0, dilation=1):
    layer = nn.Conv1d(1, 1, kernel, stride=stride, padding=padding, dilation=dilation)
    return layer(torch.zeros(1, 1, size)).shape[2]

# %% exercise="conv_output_size" wrong="padded on one side"
def conv_output_size(size, kernel, stride=1, padding=0, dilation=1):
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1

# %% exercise="conv_output_size" wrong="rounded up"
def conv_output_size(size, kernel, stride=1, padding=0, dilation=1):
    return -(-(size + 2 * padding - dilation * (kernel - 1) - 1) // stride) + 1

# %% exercise="conv_output_size" wrong="one too few"
def conv_output_size(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride

# %% exercise="conv_output_size" wrong="no dilation"
def conv_output_size(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - kernel) // stride + 1

# %% exercise="conv_output_size" wrong="dilation times the kernel"
def conv_output_size(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * kernel) // stride + 1

# %% exercise="conv_output_size" wrong="no rounding"
def conv_output_size(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1

# %% exercise="conv_output_size" wrong="a whole number as a float"
def conv_output_size(size, kernel, stride=1, padding=0, dilation=1):
    return np.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1)

# %% exercise="conv_output_size" wrong="right on what is seen"
def conv_output_size(size, kernel, stride=1, padding=0, dilation=1):
    return 26 if padding == 0 else 28 // stride

# %% exercise="count_parameters" right="a loop"
def count_parameters(module):
    total = 0
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            total += parameter.numel()
    return total

# %% exercise="count_parameters" right="products of shapes"
def count_parameters(module):
    free = filter(lambda p: p.requires_grad, module.parameters())
    return sum(int(np.prod(p.shape)) for p in free)

# %% exercise="count_parameters" wrong="frozen ones too"
def count_parameters(module):
    return sum(p.numel() for p in module.parameters())

# %% exercise="count_parameters" wrong="tensors instead of numbers"
def count_parameters(module):
    return sum(1 for p in module.parameters() if p.requires_grad)

# %% exercise="count_parameters" wrong="first dimension only"
def count_parameters(module):
    return sum(len(p) for p in module.parameters() if p.requires_grad)

# %% exercise="count_parameters" wrong="weights without offsets"
def count_parameters(module):
    return sum(p.numel() for n, p in module.named_parameters() if p.requires_grad and "weight" in n)

# %% exercise="count_parameters" wrong="direct children only"
def count_parameters(module):
    parts = [module, *module.children()]
    return sum(p.numel() for m in parts for p in m.parameters(recurse=False) if p.requires_grad)

# %% exercise="count_parameters" wrong="buffers too"
def count_parameters(module):
    return sum(t.numel() for t in module.state_dict().values())

# %% exercise="count_parameters" wrong="counts a shared layer twice"
def count_parameters(module):
    if not list(module.children()):
        return sum(p.numel() for p in module.parameters() if p.requires_grad)
    total = sum(p.numel() for p in module.parameters(recurse=False) if p.requires_grad)
    return total + sum(count_parameters(child) for child in module._modules.values())

# %% exercise="count_parameters" wrong="known layers only"
def count_parameters(module):
    known = (nn.Linear, nn.Conv2d, nn.BatchNorm2d)
    return sum(p.numel() for m in module.modules() if isinstance(m, known)
               for p in m.parameters() if p.requires_grad)

# %% exercise="count_parameters" wrong="unfreezes"
def count_parameters(module):
    module.requires_grad_(True)
    return sum(p.numel() for p in module.parameters())

# %% exercise="DigitClassifier" right="log_softmax and nll_loss, SGD-free, shared step"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        if network is None:
            network = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                nn.Flatten(), nn.Linear(16 * 7 * 7, 10))
        self.network, self.lr = network, lr

    def forward(self, images):
        return self.network(images)

    def step(self, batch, name):
        images, labels = batch
        loss = F.nll_loss(F.log_softmax(self.forward(images), dim=1), labels)
        self.log(name, loss, prog_bar=True, on_step=False, on_epoch=True)
        return loss

    def training_step(self, batch, batch_idx):
        return self.step(batch, "loss")

    def validation_step(self, batch, batch_idx):
        return self.step(batch, "val_loss")

    def configure_optimizers(self):
        return {"optimizer": torch.optim.Adam(self.network.parameters(), self.lr)}

# %% exercise="DigitClassifier" right="a criterion, log_dict, a dictionary as result"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.criterion = nn.CrossEntropyLoss()
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = self.criterion(self(x), y)
        self.log_dict({"loss": loss})
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        self.log_dict({"val_loss": self.criterion(logits, y),
                       "accuracy": (logits.argmax(1) == y).float().mean()})

    def configure_optimizers(self):
        return [torch.optim.Adam([p for p in self.parameters() if p.requires_grad], lr=self.lr)]

# %% exercise="DigitClassifier" wrong="softmax before the cross-entropy"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self(batch[0]).softmax(1), batch[1])
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="DigitClassifier" wrong="squared error to one-hot labels"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        loss = F.mse_loss(self(batch[0]), F.one_hot(batch[1], 10).float())
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="DigitClassifier" wrong="the sum over the batch"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self(batch[0]), batch[1], reduction="sum")
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="DigitClassifier" wrong="its own predictions as labels"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        logits = self(batch[0])
        loss = F.cross_entropy(logits, logits.argmax(1))
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="DigitClassifier" wrong="the loss is detached"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self(batch[0]), batch[1])
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss.detach().requires_grad_()

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="DigitClassifier" wrong="nothing is returned"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self(batch[0]), batch[1])
        self.log("loss", loss, on_step=False, on_epoch=True)

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="DigitClassifier" wrong="the training loss is not logged"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self(batch[0]), batch[1])
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="DigitClassifier" wrong="the accuracy as val_loss"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self(batch[0]), batch[1])
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", (self(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="DigitClassifier" wrong="softmax in the validation only"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self(batch[0]), batch[1])
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.cross_entropy(self(batch[0]).softmax(1), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="DigitClassifier" wrong="validation in training mood on noisy images"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self(batch[0]), batch[1])
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        noisy = batch[0] + torch.rand_like(batch[0])
        self.log("val_loss", F.cross_entropy(self(noisy), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="DigitClassifier" wrong="the learning rate is ignored"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self(batch[0]), batch[1])
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)

# %% exercise="DigitClassifier" wrong="only the last layer is trained"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self(batch[0]), batch[1])
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.network[-1].parameters() if isinstance(self.network, nn.Sequential) else self.parameters(), lr=self.lr)

# %% exercise="DigitClassifier" wrong="trains uphill"
class DigitClassifier(pl.LightningModule):
    def __init__(self, network=None, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.network = network or nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 10))

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self(batch[0]), batch[1])
        self.log("loss", loss, on_step=False, on_epoch=True)
        return -loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="freeze" right="by slices"
def freeze(module, except_last):
    layers = [c for c in module.children() if sum(1 for _ in c.parameters()) > 0]
    cut = max(len(layers) - except_last, 0)
    for layer in layers[:cut]:
        for p in layer.parameters():
            p.requires_grad = False
    for layer in layers[cut:]:
        for p in layer.parameters():
            p.requires_grad = True

# %% exercise="freeze" right="all frozen, then counted from the end"
def freeze(module, except_last):
    module.requires_grad_(False)
    left = except_last
    for child in reversed(list(module.children())):
        if left == 0:
            break
        if any(True for _ in child.parameters()):
            child.requires_grad_()
            left -= 1

# %% exercise="freeze" wrong="slice with -0"
def freeze(module, except_last):
    layers = [c for c in module.children() if list(c.parameters())]
    module.requires_grad_(True)
    for layer in layers[:-except_last]:
        layer.requires_grad_(False)

# %% exercise="freeze" wrong="counts activations"
def freeze(module, except_last):
    layers = list(module.children())
    for i, layer in enumerate(layers):
        layer.requires_grad_(i >= len(layers) - except_last)

# %% exercise="freeze" wrong="counts tensors"
def freeze(module, except_last):
    tensors = list(module.parameters())
    for i, p in enumerate(tensors):
        p.requires_grad_(i >= len(tensors) - except_last)

# %% exercise="freeze" wrong="freezes the last layers"
def freeze(module, except_last):
    layers = [c for c in module.children() if list(c.parameters())]
    for i, layer in enumerate(layers):
        layer.requires_grad_(i < len(layers) - except_last)

# %% exercise="freeze" wrong="never thaws"
def freeze(module, except_last):
    layers = [c for c in module.children() if list(c.parameters())]
    for layer in layers[: max(len(layers) - except_last, 0)]:
        layer.requires_grad_(False)

# %% exercise="freeze" wrong="weights only"
def freeze(module, except_last):
    layers = [c for c in module.children() if list(c.parameters())]
    module.requires_grad_(True)
    for layer in layers[: max(len(layers) - except_last, 0)]:
        for name, p in layer.named_parameters():
            p.requires_grad_("weight" not in name)

# %% exercise="freeze" wrong="freezes everything"
def freeze(module, except_last):
    module.requires_grad_(False)

# %% exercise="freeze" wrong="evaluation mood instead"
def freeze(module, except_last):
    for layer in list(module.children())[:-except_last]:
        layer.eval()

# %% exercise="freeze" wrong="looks into blocks"
def freeze(module, except_last):
    layers = [m for m in module.modules() if list(m.parameters(recurse=False))]
    for i, layer in enumerate(layers):
        layer.requires_grad_(i >= len(layers) - except_last)
