# %% [markdown]
# The bank of unit 02: right answers written in other ways than the reference, and
# mistakes that students make. `course answers 02 -v` grades it through nbgrader.

# %% exercise="ConvEncoder" right="layers as attributes and functional relu"
class ConvEncoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 3 * 3, 128), nn.ReLU(), nn.Linear(128, n_latent))
        self.conv1 = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(16, 32, 3, stride=2)

    def forward(self, x):
        x = nn.functional.relu(self.conv1(x))
        x = nn.functional.relu(self.conv2(x))
        x = torch.relu(self.conv3(x))
        return self.head(x)

# %% exercise="ConvEncoder" right="a loop over a ModuleList and one relu in place"
class ConvEncoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 3 * 3, 128), nn.ReLU(), nn.Linear(128, n_latent))
        sizes, paddings = [1, 8, 16, 32], [1, 1, 0]
        self.convolutions = nn.ModuleList()
        for n_in, n_out, p in zip(sizes[:-1], sizes[1:], paddings):
            self.convolutions.append(nn.Conv2d(n_in, n_out, (3, 3), stride=(2, 2), padding=(p, p)))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        for convolution in self.convolutions:
            x = self.relu(convolution(x))
        return self.head(x)

# %% exercise="ConvEncoder" right="zeros laid around by layers, nested blocks, the head at the end"
class ConvEncoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 3 * 3, 128), nn.ReLU(), nn.Linear(128, n_latent))

        def block(n_in, n_out, border):
            return nn.Sequential(nn.ZeroPad2d(border), nn.Conv2d(n_in, n_out, 3, 2), nn.ReLU())

        self.network = nn.Sequential(block(1, 8, 1), block(8, 16, 1), block(16, 32, 0), self.head)

    def forward(self, x):
        return self.network(x)

# %% exercise="ConvEncoder" wrong="no activation after the convolutions"
class ConvEncoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 3 * 3, 128), nn.ReLU(), nn.Linear(128, n_latent))
        self.blocks = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.Conv2d(16, 32, 3, stride=2))

    def forward(self, x):
        return self.head(self.blocks(x))

# %% exercise="ConvEncoder" wrong="no relu after the last convolution"
class ConvEncoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 3 * 3, 128), nn.ReLU(), nn.Linear(128, n_latent))
        self.blocks = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2))

    def forward(self, x):
        return self.head(self.blocks(x))

# %% exercise="ConvEncoder" wrong="the relu before each convolution"
class ConvEncoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 3 * 3, 128), nn.ReLU(), nn.Linear(128, n_latent))
        self.blocks = nn.Sequential(
            nn.ReLU(), nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2))

    def forward(self, x):
        return self.head(self.blocks(x))

# %% exercise="ConvEncoder" wrong="a relu on the code"
class ConvEncoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 3 * 3, 128), nn.ReLU(), nn.Linear(128, n_latent))
        self.blocks = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2), nn.ReLU())

    def forward(self, x):
        return torch.relu(self.head(self.blocks(x)))

# %% exercise="ConvEncoder" wrong="a tanh on the code"
class ConvEncoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 3 * 3, 128), nn.ReLU(), nn.Linear(128, n_latent))
        self.blocks = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2), nn.ReLU())

    def forward(self, x):
        return torch.tanh(self.head(self.blocks(x)))

# %% exercise="ConvEncoder" wrong="max pooling instead of the stride"
class ConvEncoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 3 * 3, 128), nn.ReLU(), nn.Linear(128, n_latent))
        self.blocks = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))

    def forward(self, x):
        return self.head(self.blocks(x))

# %% exercise="ConvEncoder" wrong="no padding in the second layer instead of the third"
class ConvEncoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 3 * 3, 128), nn.ReLU(), nn.Linear(128, n_latent))
        self.blocks = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU())

    def forward(self, x):
        return self.head(self.blocks(x))

# %% exercise="ConvEncoder" wrong="kernels of 5 with more padding"
class ConvEncoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 3 * 3, 128), nn.ReLU(), nn.Linear(128, n_latent))
        self.blocks = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(8, 16, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(16, 32, 5, stride=2, padding=1), nn.ReLU())

    def forward(self, x):
        return self.head(self.blocks(x))

# %% exercise="ConvEncoder" wrong="layers in a plain list that no optimiser finds"
class ConvEncoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 3 * 3, 128), nn.ReLU(), nn.Linear(128, n_latent))
        self.blocks = [
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2), nn.ReLU()]

    def forward(self, x):
        for layer in self.blocks:
            x = layer(x)
        return self.head(x)

# %% exercise="ConvDecoder" right="layers as attributes, sizes asked for in forward"
class ConvDecoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(n_latent, 128), nn.ReLU(), nn.Linear(128, 32 * 3 * 3), nn.ReLU(),
                                  nn.Unflatten(1, (32, 3, 3)))
        self.up1 = nn.ConvTranspose2d(32, 16, 3, stride=2)
        self.up2 = nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1)
        self.up3 = nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1)

    def forward(self, z):
        maps = self.head(z)
        maps = nn.functional.relu(self.up1(maps, output_size=(7, 7)))
        maps = nn.functional.relu(self.up2(maps, output_size=(14, 14)))
        return self.up3(maps, output_size=(28, 28))

# %% exercise="ConvDecoder" right="a loop over a ModuleList"
class ConvDecoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(n_latent, 128), nn.ReLU(), nn.Linear(128, 32 * 3 * 3), nn.ReLU(),
                                  nn.Unflatten(1, (32, 3, 3)))
        sizes = [32, 16, 8, 1]
        self.layers = nn.ModuleList()
        for i in range(3):
            extra = min(i, 1)
            self.layers.append(nn.ConvTranspose2d(sizes[i], sizes[i + 1], 3, 2, extra, extra))

    def forward(self, z):
        y = self.head(z)
        for i, layer in enumerate(self.layers):
            y = layer(y)
            if i < 2:
                y = y.relu()
        return y

# %% exercise="ConvDecoder" right="named steps after the head in one Sequential, relu in place"
class ConvDecoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(n_latent, 128), nn.ReLU(), nn.Linear(128, 32 * 3 * 3), nn.ReLU(),
                                  nn.Unflatten(1, (32, 3, 3)))
        self.network = nn.Sequential()
        self.network.add_module("maps", self.head)
        self.network.add_module("to7", nn.ConvTranspose2d(32, 16, kernel_size=3, stride=2))
        self.network.add_module("relu7", nn.ReLU(inplace=True))
        self.network.add_module("to14", nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1))
        self.network.add_module("relu14", nn.ReLU(inplace=True))
        self.network.add_module("to28", nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1))

    def forward(self, z):
        return self.network(z)

# %% exercise="ConvDecoder" wrong="a sigmoid at the end"
class ConvDecoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(n_latent, 128), nn.ReLU(), nn.Linear(128, 32 * 3 * 3), nn.ReLU(),
                                  nn.Unflatten(1, (32, 3, 3)))
        self.blocks = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 3, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1), nn.Sigmoid())

    def forward(self, z):
        return self.blocks(self.head(z))

# %% exercise="ConvDecoder" wrong="a relu at the end"
class ConvDecoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(n_latent, 128), nn.ReLU(), nn.Linear(128, 32 * 3 * 3), nn.ReLU(),
                                  nn.Unflatten(1, (32, 3, 3)))
        self.blocks = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 3, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1), nn.ReLU())

    def forward(self, z):
        return self.blocks(self.head(z))

# %% exercise="ConvDecoder" wrong="no activation between the transposed convolutions"
class ConvDecoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(n_latent, 128), nn.ReLU(), nn.Linear(128, 32 * 3 * 3), nn.ReLU(),
                                  nn.Unflatten(1, (32, 3, 3)))
        self.blocks = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 3, stride=2),
            nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1),
            nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1))

    def forward(self, z):
        return self.blocks(self.head(z))

# %% exercise="ConvDecoder" wrong="no relu after the second layer"
class ConvDecoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(n_latent, 128), nn.ReLU(), nn.Linear(128, 32 * 3 * 3), nn.ReLU(),
                                  nn.Unflatten(1, (32, 3, 3)))
        self.blocks = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 3, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1),
            nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1))

    def forward(self, z):
        return self.blocks(self.head(z))

# %% exercise="ConvDecoder" wrong="no output padding"
class ConvDecoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(n_latent, 128), nn.ReLU(), nn.Linear(128, 32 * 3 * 3), nn.ReLU(),
                                  nn.Unflatten(1, (32, 3, 3)))
        self.blocks = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 3, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1))

    def forward(self, z):
        return self.blocks(self.head(z))

# %% exercise="ConvDecoder" wrong="kernels of 4 for the right size"
class ConvDecoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(n_latent, 128), nn.ReLU(), nn.Linear(128, 32 * 3 * 3), nn.ReLU(),
                                  nn.Unflatten(1, (32, 3, 3)))
        self.blocks = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 3, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1))

    def forward(self, z):
        return self.blocks(self.head(z))

# %% exercise="ConvDecoder" wrong="over 6 pixels instead of 7"
class ConvDecoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(n_latent, 128), nn.ReLU(), nn.Linear(128, 32 * 3 * 3), nn.ReLU(),
                                  nn.Unflatten(1, (32, 3, 3)))
        self.blocks = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 3, stride=2, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1))

    def forward(self, z):
        return self.blocks(self.head(z))

# %% exercise="ConvDecoder" wrong="8 maps, then 16"
class ConvDecoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(n_latent, 128), nn.ReLU(), nn.Linear(128, 32 * 3 * 3), nn.ReLU(),
                                  nn.Unflatten(1, (32, 3, 3)))
        self.blocks = nn.Sequential(
            nn.ConvTranspose2d(32, 8, 3, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(8, 16, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 3, stride=2, padding=1, output_padding=1))

    def forward(self, z):
        return self.blocks(self.head(z))

# %% exercise="ConvDecoder" wrong="enlarged, then an ordinary convolution"
class ConvDecoder(nn.Module):
    def __init__(self, n_latent):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(n_latent, 128), nn.ReLU(), nn.Linear(128, 32 * 3 * 3), nn.ReLU(),
                                  nn.Unflatten(1, (32, 3, 3)))
        self.blocks = nn.Sequential(
            nn.Upsample(size=(7, 7)), nn.Conv2d(32, 16, 3, padding=1), nn.ReLU(),
            nn.Upsample(size=(14, 14)), nn.Conv2d(16, 8, 3, padding=1), nn.ReLU(),
            nn.Upsample(size=(28, 28)), nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, z):
        return self.blocks(self.head(z))

# %% exercise="LitAutoencoder" right="a criterion, a shared step, the loss in the progress bar"
class LitAutoencoder(pl.LightningModule):
    def __init__(self, encoder, decoder, lr=1e-3):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.lr = lr
        self.criterion = nn.MSELoss()

    def forward(self, x):
        z = self.encoder(x)
        return self.decoder(z)

    def step(self, images, name):
        loss = self.criterion(self.forward(images), images)
        self.log(name, loss, prog_bar=True, on_step=False, on_epoch=True)
        return loss

    def training_step(self, batch, batch_idx):
        return self.step(batch, "loss")

    def validation_step(self, batch, batch_idx):
        self.step(batch, "val_loss")

    def configure_optimizers(self):
        return torch.optim.Adam(params=self.parameters(), lr=self.lr)

# %% exercise="LitAutoencoder" right="squares by hand, log_dict, two groups of weights"
class LitAutoencoder(pl.LightningModule):
    def __init__(self, encoder, decoder, lr=1e-3):
        super().__init__()
        self.encoder, self.decoder, self.lr = encoder, decoder, lr

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def error(self, batch):
        return ((batch - self(batch)) ** 2).mean()

    def training_step(self, batch, batch_idx):
        loss = self.error(batch)
        self.log_dict({"loss": loss})
        return loss

    def validation_step(self, batch, batch_idx):
        self.log_dict({"val_loss": self.error(batch)})

    def configure_optimizers(self):
        groups = [{"params": self.encoder.parameters()}, {"params": self.decoder.parameters()}]
        return torch.optim.Adam(groups, lr=self.lr)

# %% exercise="LitAutoencoder" right="both halves in one Sequential, the sum over the count"
class LitAutoencoder(pl.LightningModule):
    def __init__(self, encoder, decoder, lr=1e-3):
        super().__init__()
        self.encoder, self.decoder, self.lr = encoder, decoder, lr
        self.both = nn.Sequential(encoder, decoder)

    def forward(self, x):
        return self.both(x)

    def training_step(self, batch, batch_idx):
        difference = self.forward(batch).flatten(1) - batch.flatten(1)
        loss = difference.square().sum() / difference.numel()
        self.log("loss", loss.detach(), on_step=True, on_epoch=False)
        return loss

    def validation_step(self, batch, batch_idx):
        squares = nn.functional.mse_loss(self.forward(batch), batch, reduction="none")
        loss = squares.mean()
        self.log("val_loss", loss, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam([*self.encoder.parameters(), *self.decoder.parameters()], self.lr)

# %% exercise="LitAutoencoder" wrong="only the decoder is trained"
class LitAutoencoder(pl.LightningModule):
    def __init__(self, encoder, decoder, lr=1e-3):
        super().__init__()
        self.encoder, self.decoder, self.lr = encoder, decoder, lr

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self(batch), batch)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.mse_loss(self(batch), batch))

    def configure_optimizers(self):
        return torch.optim.Adam(self.decoder.parameters(), lr=self.lr)

# %% exercise="LitAutoencoder" wrong="the loss is detached"
class LitAutoencoder(pl.LightningModule):
    def __init__(self, encoder, decoder, lr=1e-3):
        super().__init__()
        self.encoder, self.decoder, self.lr = encoder, decoder, lr

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self(batch), batch)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss.detach().requires_grad_()

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.mse_loss(self(batch), batch))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="LitAutoencoder" wrong="the absolute error"
class LitAutoencoder(pl.LightningModule):
    def __init__(self, encoder, decoder, lr=1e-3):
        super().__init__()
        self.encoder, self.decoder, self.lr = encoder, decoder, lr

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.l1_loss(self(batch), batch)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.l1_loss(self(batch), batch))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="LitAutoencoder" wrong="the training loss is not logged"
class LitAutoencoder(pl.LightningModule):
    def __init__(self, encoder, decoder, lr=1e-3):
        super().__init__()
        self.encoder, self.decoder, self.lr = encoder, decoder, lr

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self(batch), batch)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.mse_loss(self(batch), batch))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="LitAutoencoder" wrong="the square root as val_loss"
class LitAutoencoder(pl.LightningModule):
    def __init__(self, encoder, decoder, lr=1e-3):
        super().__init__()
        self.encoder, self.decoder, self.lr = encoder, decoder, lr

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self(batch), batch)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.mse_loss(self(batch), batch).sqrt())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="LitAutoencoder" wrong="the learning rate is ignored"
class LitAutoencoder(pl.LightningModule):
    def __init__(self, encoder, decoder, lr=1e-3):
        super().__init__()
        self.encoder, self.decoder, self.lr = encoder, decoder, lr

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self(batch), batch)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.mse_loss(self(batch), batch))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)

# %% exercise="LitAutoencoder" wrong="plain gradient descent instead of adam"
class LitAutoencoder(pl.LightningModule):
    def __init__(self, encoder, decoder, lr=1e-3):
        super().__init__()
        self.encoder, self.decoder, self.lr = encoder, decoder, lr

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self(batch), batch)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.mse_loss(self(batch), batch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr)

# %% exercise="LitAutoencoder" wrong="compares codes instead of images"
class LitAutoencoder(pl.LightningModule):
    def __init__(self, encoder, decoder, lr=1e-3):
        super().__init__()
        self.encoder, self.decoder, self.lr = encoder, decoder, lr

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self.encoder(self(batch)), self.encoder(batch))
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.mse_loss(self(batch), batch))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="LitAutoencoder" wrong="only the first image of the batch"
class LitAutoencoder(pl.LightningModule):
    def __init__(self, encoder, decoder, lr=1e-3):
        super().__init__()
        self.encoder, self.decoder, self.lr = encoder, decoder, lr

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def training_step(self, batch, batch_idx):
        images = batch[0]
        loss = nn.functional.mse_loss(self(images), images)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        images = batch[0]
        self.log("val_loss", nn.functional.mse_loss(self(images), images))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)

# %% exercise="sample_latent" right="eigenvectors instead of cholesky"
def sample_latent(latents, n, generator):
    k = latents.shape[1]
    values, vectors = torch.linalg.eigh(torch.cov(latents.T).reshape(k, k))
    factor = vectors * values.clamp(min=0).sqrt()
    noise = torch.randn(n, k, generator=generator, dtype=latents.dtype)
    return latents.mean(0) + noise @ factor.T

# %% exercise="sample_latent" right="one draw at a time, the covariance by hand"
def sample_latent(latents, n, generator):
    m, k = latents.shape
    mean = latents.mean(dim=0)
    anomalies = latents - mean
    factor = torch.linalg.cholesky(anomalies.T @ anomalies / (m - 1))
    draws = torch.zeros(n, k, dtype=latents.dtype)
    for i in range(n):
        noise = torch.empty(k, dtype=latents.dtype).normal_(generator=generator)
        draws[i] = mean + factor @ noise
    return draws

# %% exercise="sample_latent" right="singular values of the anomalies"
def sample_latent(latents, n, generator):
    mean = latents.mean(0, keepdim=True)
    _, s, vh = torch.linalg.svd(latents - mean, full_matrices=False)
    deviation = s / (len(latents) - 1) ** 0.5
    scores = torch.normal(0.0, 1.0, (n, len(s)), generator=generator, dtype=latents.dtype)
    return mean + (scores * deviation) @ vh

# %% exercise="sample_latent" right="NumPy and the symmetric root"
def sample_latent(latents, n, generator):
    x = latents.detach().numpy().astype(np.float64)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(x, rowvar=False)))
    root = vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T
    noise = torch.randn((n, x.shape[1]), generator=generator, dtype=torch.float64).numpy()
    return torch.from_numpy(x.mean(axis=0) + noise @ root).to(latents.dtype)

# %% exercise="sample_latent" wrong="the variance of each latent only"
def sample_latent(latents, n, generator):
    noise = torch.randn(n, latents.shape[1], generator=generator, dtype=latents.dtype)
    return latents.mean(0) + noise * latents.std(0)

# %% exercise="sample_latent" wrong="the factor on the wrong side"
def sample_latent(latents, n, generator):
    factor = torch.linalg.cholesky(torch.cov(latents.T).reshape(latents.shape[1], -1))
    noise = torch.randn(n, latents.shape[1], generator=generator, dtype=latents.dtype)
    return latents.mean(0) + noise @ factor

# %% exercise="sample_latent" wrong="global random numbers"
def sample_latent(latents, n, generator):
    factor = torch.linalg.cholesky(torch.cov(latents.T).reshape(latents.shape[1], -1))
    noise = torch.randn(n, latents.shape[1], dtype=latents.dtype)
    return latents.mean(0) + noise @ factor.T

# %% exercise="sample_latent" wrong="seeds the generator inside"
def sample_latent(latents, n, generator):
    generator.manual_seed(0)
    factor = torch.linalg.cholesky(torch.cov(latents.T).reshape(latents.shape[1], -1))
    noise = torch.randn(n, latents.shape[1], generator=generator, dtype=latents.dtype)
    return latents.mean(0) + noise @ factor.T

# %% exercise="sample_latent" wrong="seeds the global numbers and draws from them"
def sample_latent(latents, n, generator):
    torch.manual_seed(generator.initial_seed())
    covariance = torch.cov(latents.T).reshape(latents.shape[1], -1)
    cloud = torch.distributions.MultivariateNormal(latents.mean(0), covariance)
    return cloud.sample((n,))

# %% exercise="sample_latent" wrong="uniform noise of variance one"
def sample_latent(latents, n, generator):
    factor = torch.linalg.cholesky(torch.cov(latents.T).reshape(latents.shape[1], -1))
    uniform = torch.rand(n, latents.shape[1], generator=generator, dtype=latents.dtype)
    noise = (uniform - 0.5) * 12**0.5
    return latents.mean(0) + noise @ factor.T

# %% exercise="sample_latent" wrong="the mean is forgotten"
def sample_latent(latents, n, generator):
    factor = torch.linalg.cholesky(torch.cov(latents.T).reshape(latents.shape[1], -1))
    noise = torch.randn(n, latents.shape[1], generator=generator, dtype=latents.dtype)
    return noise @ factor.T

# %% exercise="sample_latent" wrong="picks some of the latents themselves"
def sample_latent(latents, n, generator):
    chosen = torch.randint(len(latents), (n,), generator=generator)
    return latents[chosen]

# %% exercise="sample_latent" wrong="right for three latents only"
def sample_latent(latents, n, generator):
    factor = torch.linalg.cholesky(torch.cov(latents.T).reshape(latents.shape[1], -1))
    noise = torch.randn(n, 3, generator=generator, dtype=latents.dtype)
    return latents.mean(0) + noise @ factor.T

# %% exercise="interpolate" right="one code at a time with lerp"
def interpolate(model, x0, x1, n_steps):
    images = []
    with torch.no_grad():
        first, last = model.encoder(x0[None]), model.encoder(x1[None])
        for share in torch.linspace(0, 1, n_steps, dtype=torch.float64):
            images.append(model.decoder(torch.lerp(first, last, float(share))))
    return torch.cat(images)

# %% exercise="interpolate" right="NumPy linspace between the codes"
@torch.no_grad()
def interpolate(model, x0, x1, n_steps):
    codes = model.encoder(torch.stack((x0, x1)))
    path = np.linspace(codes[0].numpy(), codes[1].numpy(), n_steps)
    return model.decoder(torch.as_tensor(path, dtype=codes.dtype))

# %% exercise="interpolate" right="equal steps from the first code, detached at the end"
def interpolate(model, x0, x1, n_steps):
    z0 = model.encoder(x0.unsqueeze(0))
    z1 = model.encoder(x1.unsqueeze(0))
    step = (z1 - z0) / max(n_steps - 1, 1)
    codes = torch.cat([z0 + i * step for i in range(n_steps)], dim=0)
    return model.decoder(codes).detach()

# %% exercise="interpolate" wrong="mixes the images"
def interpolate(model, x0, x1, n_steps):
    with torch.no_grad():
        share = torch.linspace(0, 1, n_steps, dtype=x0.dtype)[:, None, None, None]
        images = (1 - share) * x0 + share * x1
        return model.decoder(model.encoder(images))

# %% exercise="interpolate" wrong="mixes the two reconstructions"
def interpolate(model, x0, x1, n_steps):
    with torch.no_grad():
        y0, y1 = model.decoder(model.encoder(torch.stack([x0, x1])))
        share = torch.linspace(0, 1, n_steps, dtype=y0.dtype)[:, None, None, None]
        return (1 - share) * y0 + share * y1

# %% exercise="interpolate" wrong="stops before the second image"
def interpolate(model, x0, x1, n_steps):
    with torch.no_grad():
        z0, z1 = model.encoder(torch.stack([x0, x1]))
        share = torch.arange(n_steps, dtype=z0.dtype)[:, None] / n_steps
        return model.decoder((1 - share) * z0 + share * z1)

# %% exercise="interpolate" wrong="leaves both ends out"
def interpolate(model, x0, x1, n_steps):
    with torch.no_grad():
        z0, z1 = model.encoder(torch.stack([x0, x1]))
        share = torch.linspace(0, 1, n_steps + 2, dtype=z0.dtype)[1:-1, None]
        return model.decoder((1 - share) * z0 + share * z1)

# %% exercise="interpolate" wrong="from the second image to the first"
def interpolate(model, x0, x1, n_steps):
    with torch.no_grad():
        z0, z1 = model.encoder(torch.stack([x0, x1]))
        share = torch.linspace(0, 1, n_steps, dtype=z0.dtype)[:, None]
        return model.decoder(share * z0 + (1 - share) * z1)

# %% exercise="interpolate" wrong="keeps the graph"
def interpolate(model, x0, x1, n_steps):
    z0, z1 = model.encoder(torch.stack([x0, x1]))
    share = torch.linspace(0, 1, n_steps, dtype=z0.dtype)[:, None]
    return model.decoder((1 - share) * z0 + share * z1)

# %% exercise="interpolate" wrong="always five steps"
def interpolate(model, x0, x1, n_steps):
    with torch.no_grad():
        z0, z1 = model.encoder(torch.stack([x0, x1]))
        share = torch.linspace(0, 1, 5, dtype=z0.dtype)[:, None]
        return model.decoder((1 - share) * z0 + share * z1)

# %% exercise="interpolate" wrong="slow at both ends"
def interpolate(model, x0, x1, n_steps):
    with torch.no_grad():
        z0, z1 = model.encoder(torch.stack([x0, x1]))
        share = torch.linspace(0, 1, n_steps, dtype=z0.dtype)[:, None]
        share = share**2 * (3 - 2 * share)
        return model.decoder((1 - share) * z0 + share * z1)

# %% exercise="interpolate" wrong="the images themselves at both ends"
def interpolate(model, x0, x1, n_steps):
    with torch.no_grad():
        z0, z1 = model.encoder(torch.stack([x0, x1]))
        share = torch.linspace(0, 1, n_steps, dtype=z0.dtype)[:, None]
        walk = model.decoder((1 - share) * z0 + share * z1)
        return torch.cat([x0[None], walk[1:-1], x1[None]])

# %% exercise="standardize" right="scikit-learn, which divides by n"
from sklearn.preprocessing import StandardScaler

def standardize(train_part, test_part):
    def table(x):
        return x.reshape(len(x), -1).numpy()

    scaler = StandardScaler().fit(table(train_part))
    parts = (train_part, test_part)
    return [torch.from_numpy(scaler.transform(table(x))).reshape(x.shape) for x in parts]

# %% exercise="standardize" right="std_mean with kept dimension, ones written by a mask"
def standardize(train_part, test_part):
    std, mean = torch.std_mean(train_part, dim=0, keepdim=True)
    std[std == 0] = 1.0
    return tuple((part - mean) / std for part in (train_part, test_part))

# %% exercise="standardize" right="position by position, largest against smallest value"
def standardize(train_part, test_part):
    a, b = train_part.reshape(len(train_part), -1), test_part.reshape(len(test_part), -1)
    scaled_a, scaled_b = torch.empty_like(a), torch.empty_like(b)
    for j in range(a.shape[1]):
        position = a[:, j]
        deviation = position.std() if position.max() > position.min() else 1.0
        scaled_a[:, j] = (position - position.mean()) / deviation
        scaled_b[:, j] = (b[:, j] - position.mean()) / deviation
    return scaled_a.reshape(train_part.shape), scaled_b.reshape(test_part.shape)

# %% exercise="standardize" right="variance without Bessel, on clones"
def standardize(train_part, test_part):
    mean = train_part.mean(dim=0)
    std = train_part.std(dim=0, correction=0)
    std = std + (std == 0)
    a, b = train_part.clone(), test_part.clone()
    for part in (a, b):
        part -= mean
        part /= std
    return a, b

# %% exercise="standardize" wrong="statistics of both parts together"
def standardize(train_part, test_part):
    everything = torch.cat([train_part, test_part])
    mean, std = everything.mean(0), everything.std(0)
    std = torch.where(std > 0, std, torch.ones_like(std))
    return (train_part - mean) / std, (test_part - mean) / std

# %% exercise="standardize" wrong="each part by its own statistics"
def standardize(train_part, test_part):
    def scale(x):
        std = x.std(0)
        return (x - x.mean(0)) / torch.where(std > 0, std, torch.ones_like(std))

    return scale(train_part), scale(test_part)

# %% exercise="standardize" wrong="one mean and one deviation for all positions"
def standardize(train_part, test_part):
    mean, std = train_part.mean(), train_part.std()
    std = torch.where(std > 0, std, torch.ones_like(std))
    return (train_part - mean) / std, (test_part - mean) / std

# %% exercise="standardize" wrong="divides by zero"
def standardize(train_part, test_part):
    mean, std = train_part.mean(0), train_part.std(0)
    return (train_part - mean) / std, (test_part - mean) / std

# %% exercise="standardize" wrong="a tiny number added to each deviation"
def standardize(train_part, test_part):
    mean, std = train_part.mean(0), train_part.std(0)
    std = std + 1e-8
    return (train_part - mean) / std, (test_part - mean) / std

# %% exercise="standardize" wrong="mends NaN after the division"
def standardize(train_part, test_part):
    mean, std = train_part.mean(0), train_part.std(0)
    scaled = (train_part - mean) / std, (test_part - mean) / std
    return scaled[0].nan_to_num(), scaled[1].nan_to_num()

# %% exercise="standardize" wrong="no deviation below one"
def standardize(train_part, test_part):
    mean, std = train_part.mean(0), train_part.std(0)
    std = std.clamp(min=1.0)
    return (train_part - mean) / std, (test_part - mean) / std

# %% exercise="standardize" wrong="changes its inputs in place"
def standardize(train_part, test_part):
    mean, std = train_part.mean(0), train_part.std(0)
    std = torch.where(std > 0, std, torch.ones_like(std))
    for part in (train_part, test_part):
        part -= mean
        part /= std
    return train_part, test_part

# %% exercise="standardize" wrong="the test part stays as it is"
def standardize(train_part, test_part):
    mean, std = train_part.mean(0), train_part.std(0)
    std = torch.where(std > 0, std, torch.ones_like(std))
    return (train_part - mean) / std, test_part
