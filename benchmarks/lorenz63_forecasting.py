"""Unit 06's best network against the set-up of the course that it grew from.

    python benchmarks/lorenz63_forecasting.py [--rounds 3]

The set-up, rebuilt: 12,000 states of one series, 10,000 overlapping windows of 30
steps, a 3–20–3 network inside a Runge–Kutta step, loss over 5 steps, batches of 32,
Adam at 0.01, 20 epochs. Ours: the residual network of unit 06, 3,200 batches of 256
pairs of the same states. Both are tested on the same unseen trajectories, and trained
in turn on one thread; medians. Last line: training_time_ratio R. Timings are for
reading only.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from course_lib.datasets import lorenz63

DT, LEADS = 0.01, 28
THRESHOLD = 0.4  # of the valid time, in standard deviations


class Residual(nn.Module):
    """The state plus a change: from one call of the network, or from four stages."""

    def __init__(self, network: nn.Module, h: float, runge_kutta: bool):
        super().__init__()
        self.network, self.h, self.runge_kutta = network, h, runge_kutta

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        k1 = self.network(x)
        if not self.runge_kutta:
            return x + self.h * k1
        k2 = self.network(x + self.h / 2 * k1)
        k3 = self.network(x + self.h / 2 * k2)
        k4 = self.network(x + self.h * k3)
        return x + self.h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def free_run(model: nn.Module, x: torch.Tensor, n_steps: int) -> torch.Tensor:
    """Leads 1 to n_steps from states (b, 3): (b, n_steps, 3)."""
    states = []
    for _ in range(n_steps):
        x = model(x)
        states.append(x)
    return torch.stack(states, 1)


def published(series: torch.Tensor, seed: int) -> nn.Module:
    """The set-up that the course grew from."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(3, 20), nn.ReLU(), nn.Linear(20, 3))
    model = Residual(network, DT, runge_kutta=True)
    adam = torch.optim.Adam(model.parameters(), 0.01)
    starts = torch.randperm(len(series) - 30)[:10_000]
    for _ in range(20):
        for batch in starts[torch.randperm(len(starts))].split(32):
            windows = series[batch[:, None] + torch.arange(6)]
            adam.zero_grad()
            error = free_run(model, windows[:, 0], 5) - windows[:, 1:]
            error.square().mean().backward()
            adam.step()
    return model


def ours(series: torch.Tensor, seed: int) -> nn.Module:
    """The residual network of unit 06: one step, large batches, a falling rate."""
    torch.manual_seed(seed)
    sizes = nn.Linear(3, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 3)
    model = Residual(nn.Sequential(*sizes), 0.1, runge_kutta=False)
    adam = torch.optim.Adam(model.parameters(), 2e-2, betas=(0.9, 0.99))
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(adam, 3200)
    for _ in range(3200):
        batch = torch.randint(len(series) - 1, (256,))
        adam.zero_grad()
        error = model(series[batch]) - series[batch + 1]
        (1e3 * error.square().mean()).backward()
        adam.step()
        cosine.step()
    return model


@torch.no_grad()
def judge(model: nn.Module, truth: torch.Tensor) -> tuple[float, float]:
    """Explained variance after 28 steps, and valid time in Lyapunov times."""
    forecast = free_run(model, truth[:, 0], truth.shape[1] - 1)
    truth = truth[:, 1:]
    error = (forecast - truth).square()
    spread = (truth - truth.mean(0)).square()
    explained = 1 - error[:, LEADS - 1].sum() / spread[:, LEADS - 1].sum()
    valid = (error / truth.var((0, 1))).mean(-1).sqrt() <= THRESHOLD
    steps = valid.long().cumprod(1).sum(1).float().mean()
    return float(explained), float(steps) * DT / lorenz63.LYAPUNOV_TIME


def timed(train: Callable, series: torch.Tensor, seed: int) -> tuple[nn.Module, float]:
    """A trained model and the seconds that it took."""
    start = time.perf_counter()
    model = train(series, seed)
    return model, time.perf_counter() - start


def main(rounds: int) -> None:
    """One line for each training; then the ratio of the medians."""
    torch.set_num_threads(1)
    took = {published: [], ours: []}
    for seed in range(rounds):
        series = lorenz63.trajectories(1, 11_999, DT, seed=seed)[0]
        truth = lorenz63.trajectories(400, 700, DT, seed=seed + 100)
        mean, std = series.mean(0), series.std(0)
        for train in (published, ours):
            model, seconds = timed(train, (series - mean) / std, seed)
            explained, valid = judge(model, (truth - mean) / std)
            took[train].append(seconds)
            print(
                f"seed {seed}  {train.__name__:<10}{seconds:6.1f} s  explained after "
                f"{LEADS} steps {explained:.6f}  valid {valid:.2f} Lyapunov times"
            )
    ratio = statistics.median(took[ours]) / statistics.median(took[published])
    print(f"training_time_ratio {ratio:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args().rounds)
