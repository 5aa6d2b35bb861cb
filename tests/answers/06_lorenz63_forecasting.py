# %% [markdown]
# The bank of unit 06: right answers written in other ways than the reference, and
# mistakes that students make. `course answers 06 -v` grades it through nbgrader.

# %% exercise="forecast_skill" right="a loop over the leads"
def forecast_skill(truth, forecast):
    skills = []
    for j in range(truth.shape[1]):
        x, f = truth[:, j], forecast[:, j]
        skills.append(1 - ((f - x) ** 2).sum() / ((x - x.mean(dim=0, keepdim=True)) ** 2).sum())
    return torch.stack(skills)

# %% exercise="forecast_skill" right="mean square over variance"
def forecast_skill(truth, forecast):
    mse = ((truth - forecast) ** 2).mean(dim=0).sum(dim=-1)
    return 1.0 - mse / truth.var(dim=0, unbiased=False).sum(dim=-1)

# %% exercise="forecast_skill" right="einsum"
def forecast_skill(truth, forecast):
    error, spread = forecast - truth, truth - truth.mean(0, keepdim=True)
    return 1 - torch.einsum("ntd,ntd->t", error, error) / torch.einsum("ntd,ntd->t", spread, spread)

# %% exercise="forecast_skill" wrong="one number for all leads"
def forecast_skill(truth, forecast):
    return 1 - (forecast - truth).square().sum() / (truth - truth.mean(0)).square().sum()

# %% exercise="forecast_skill" wrong="without one minus"
def forecast_skill(truth, forecast):
    return (forecast - truth).square().sum((0, 2)) / (truth - truth.mean(0)).square().sum((0, 2))

# %% exercise="forecast_skill" wrong="the mean over everything"
def forecast_skill(truth, forecast):
    return 1 - (forecast - truth).square().sum((0, 2)) / (truth - truth.mean()).square().sum((0, 2))

# %% exercise="forecast_skill" wrong="the mean over forecasts and leads"
def forecast_skill(truth, forecast):
    return 1 - (forecast - truth).square().sum((0, 2)) / (truth - truth.mean((0, 1))).square().sum((0, 2))

# %% exercise="forecast_skill" wrong="skills of the components averaged"
def forecast_skill(truth, forecast):
    return (1 - (forecast - truth).square().sum(0) / (truth - truth.mean(0)).square().sum(0)).mean(-1)

# %% exercise="forecast_skill" wrong="variance of the error, which forgets its mean"
def forecast_skill(truth, forecast):
    return 1 - (forecast - truth).var(0).sum(-1) / truth.var(0).sum(-1)

# %% exercise="forecast_skill" wrong="the mean of the forecast"
def forecast_skill(truth, forecast):
    return 1 - (forecast - truth).square().sum((0, 2)) / (truth - forecast.mean(0)).square().sum((0, 2))

# %% exercise="forecast_skill" wrong="skill of each forecast"
def forecast_skill(truth, forecast):
    return 1 - (forecast - truth).square().sum((1, 2)) / (truth - truth.mean(0)).square().sum((1, 2))

# %% exercise="forecast_skill" wrong="no mean removed"
def forecast_skill(truth, forecast):
    return 1 - (forecast - truth).square().sum((0, 2)) / truth.square().sum((0, 2))

# %% exercise="forecast_skill" wrong="a root too many"
def forecast_skill(truth, forecast):
    return 1 - ((forecast - truth).square().sum((0, 2)) / (truth - truth.mean(0)).square().sum((0, 2))).sqrt()

# %% exercise="forecast_skill" wrong="changes the truth in place"
def forecast_skill(truth, forecast):
    error = (forecast - truth).square().sum((0, 2))
    truth -= truth.mean(0)
    return 1 - error / truth.square().sum((0, 2))

# %% exercise="valid_time" right="a loop with break"
def valid_time(truth, forecast, threshold):
    sigma = truth.reshape(-1, truth.shape[-1]).std(dim=0)
    times = []
    for x, f in zip(truth, forecast):
        count = 0
        for a, b in zip(x, f):
            if torch.sqrt((((b - a) / sigma) ** 2).mean()) > threshold:
                break
            count += 1
        times.append(count)
    return torch.tensor(times)

# %% exercise="valid_time" right="argmax, with never treated apart"
def valid_time(truth, forecast, threshold):
    sigma = truth.std(dim=(0, 1), unbiased=False)
    beyond = (((truth - forecast) / sigma) ** 2).mean(dim=2) > threshold**2
    first = beyond.int().argmax(dim=1)
    return torch.where(beyond.any(dim=1), first, torch.full_like(first, truth.shape[1]))

# %% exercise="valid_time" right="a sentinel column"
def valid_time(truth, forecast, threshold):
    error = ((forecast - truth) / truth.flatten(0, 1).std(0)).norm(dim=-1) / truth.shape[-1] ** 0.5
    beyond = torch.cat([error > threshold, torch.ones(len(truth), 1, dtype=torch.bool)], 1)
    return beyond.float().argmax(1)

# %% exercise="valid_time" wrong="argmax says 0 where the threshold is never exceeded"
def valid_time(truth, forecast, threshold):
    error = ((forecast - truth) / truth.std((0, 1))).square().mean(-1).sqrt()
    return (error > threshold).int().argmax(1)

# %% exercise="valid_time" wrong="counts from 1"
def valid_time(truth, forecast, threshold):
    error = ((forecast - truth) / truth.std((0, 1))).square().mean(-1).sqrt()
    return ((error <= threshold).long().cumprod(1).sum(1) + 1).clamp(max=truth.shape[1])

# %% exercise="valid_time" wrong="all valid leads, also after the first error"
def valid_time(truth, forecast, threshold):
    error = ((forecast - truth) / truth.std((0, 1))).square().mean(-1).sqrt()
    return (error <= threshold).sum(1)

# %% exercise="valid_time" wrong="mean square without the root"
def valid_time(truth, forecast, threshold):
    error = ((forecast - truth) / truth.std((0, 1))).square().mean(-1)
    return (error <= threshold).long().cumprod(1).sum(1)

# %% exercise="valid_time" wrong="one standard deviation for all components"
def valid_time(truth, forecast, threshold):
    error = ((forecast - truth) / truth.std()).square().mean(-1).sqrt()
    return (error <= threshold).long().cumprod(1).sum(1)

# %% exercise="valid_time" wrong="norm: sum over the components instead of the mean"
def valid_time(truth, forecast, threshold):
    error = ((forecast - truth) / truth.std((0, 1))).norm(dim=-1)
    return (error <= threshold).long().cumprod(1).sum(1)

# %% exercise="valid_time" wrong="any component beyond the threshold"
def valid_time(truth, forecast, threshold):
    error = ((forecast - truth) / truth.std((0, 1))).abs().amax(-1)
    return (error <= threshold).long().cumprod(1).sum(1)

# %% exercise="valid_time" wrong="one valid time for all, from the mean error"
def valid_time(truth, forecast, threshold):
    error = ((forecast - truth) / truth.std((0, 1))).square().mean((0, 2)).sqrt()
    return (error <= threshold).long().cumprod(0).sum().expand(len(truth))

# %% exercise="valid_time" wrong="signed errors"
def valid_time(truth, forecast, threshold):
    error = ((forecast - truth) / truth.std((0, 1))).mean(-1)
    return (error <= threshold).long().cumprod(1).sum(1)

# %% exercise="valid_time" wrong="standard deviation of each lead"
def valid_time(truth, forecast, threshold):
    error = ((forecast - truth) / truth.std(0)).square().mean(-1).sqrt()
    return (error <= threshold).long().cumprod(1).sum(1)

# %% exercise="valid_time" wrong="not normalised"
def valid_time(truth, forecast, threshold):
    error = (forecast - truth).square().mean(-1).sqrt()
    return (error <= threshold).long().cumprod(1).sum(1)

# %% exercise="valid_time" wrong="a share of the leads"
def valid_time(truth, forecast, threshold):
    error = ((forecast - truth) / truth.std((0, 1))).square().mean(-1).sqrt()
    return (error <= threshold).double().cumprod(1).mean(1)

# %% exercise="analog_forecast" right="loops"
def analog_forecast(library, x0, n_steps, k):
    forecasts = []
    for x in x0:
        candidates = []
        for s, series in enumerate(library):
            for i in range(len(series) - n_steps):
                candidates.append((float(((series[i] - x) ** 2).sum()), s, i))
        best = sorted(candidates)[:k]
        forecasts.append(sum(library[s, i + 1:i + 1 + n_steps] for _, s, i in best) / len(best))
    return torch.stack(forecasts)

# %% exercise="analog_forecast" right="indices of series and time"
def analog_forecast(library, x0, n_steps, k):
    m, t, d = library.shape
    eligible = t - n_steps
    candidates = library[:, :eligible].reshape(-1, d)
    distance = ((x0[:, None, :] - candidates[None]) ** 2).sum(-1)
    nearest = distance.argsort(dim=1)[:, :k]
    which, when = nearest // eligible, nearest % eligible
    times = when[..., None] + 1 + torch.arange(n_steps)
    return library[which[..., None], times].mean(dim=1)

# %% exercise="analog_forecast" right="distances of the useless states set to infinity"
def analog_forecast(library, x0, n_steps, k):
    m, t, d = library.shape
    flat = library.reshape(m * t, d)
    distance = (x0[:, None] - flat).norm(dim=-1)
    useless = torch.arange(m * t) % t >= t - n_steps
    distance = distance.masked_fill(useless, torch.inf)
    nearest = distance.topk(k, dim=1, largest=False).indices
    return torch.stack([flat[nearest + lead].mean(1) for lead in range(1, n_steps + 1)], 1)

# %% exercise="analog_forecast" wrong="the analog itself as lead 1"
def analog_forecast(library, x0, n_steps, k):
    windows = library.unfold(1, n_steps + 1, 1).flatten(0, 1)
    nearest = torch.cdist(x0, windows[..., 0]).topk(k, largest=False).indices
    return windows[nearest].mean(1)[..., :-1].transpose(1, 2)

# %% exercise="analog_forecast" wrong="the farthest states"
def analog_forecast(library, x0, n_steps, k):
    windows = library.unfold(1, n_steps + 1, 1).flatten(0, 1)
    nearest = torch.cdist(x0, windows[..., 0]).topk(k).indices
    return windows[nearest].mean(1)[..., 1:].transpose(1, 2)

# %% exercise="analog_forecast" wrong="the nearest one only"
def analog_forecast(library, x0, n_steps, k):
    windows = library.unfold(1, n_steps + 1, 1).flatten(0, 1)
    nearest = torch.cdist(x0, windows[..., 0]).argmin(1, keepdim=True)
    return windows[nearest].mean(1)[..., 1:].transpose(1, 2)

# %% exercise="analog_forecast" wrong="runs on into the next series"
def analog_forecast(library, x0, n_steps, k):
    flat = library.flatten(0, 1)
    nearest = torch.cdist(x0, flat[:len(flat) - n_steps]).topk(k, largest=False).indices
    return flat[nearest[..., None] + torch.arange(1, n_steps + 1)].mean(1)

# %% exercise="analog_forecast" wrong="one eligible state too few in each series"
def analog_forecast(library, x0, n_steps, k):
    windows = library[:, :-1].unfold(1, n_steps + 1, 1).flatten(0, 1)
    nearest = torch.cdist(x0, windows[..., 0]).topk(k, largest=False).indices
    return windows[nearest].mean(1)[..., 1:].transpose(1, 2)

# %% exercise="analog_forecast" wrong="displacement added to the start"
def analog_forecast(library, x0, n_steps, k):
    windows = library.unfold(1, n_steps + 1, 1).flatten(0, 1)
    nearest = torch.cdist(x0, windows[..., 0]).topk(k, largest=False).indices
    change = (windows[nearest][..., 1:] - windows[nearest][..., :1]).mean(1)
    return x0[:, None] + change.transpose(1, 2)

# %% exercise="analog_forecast" wrong="weighted by distance"
def analog_forecast(library, x0, n_steps, k):
    windows = library.unfold(1, n_steps + 1, 1).flatten(0, 1)
    near = torch.cdist(x0, windows[..., 0]).topk(k, largest=False)
    weights = 1 / (near.values + 1e-6)
    weights = (weights / weights.sum(1, keepdim=True))[..., None, None]
    return (weights * windows[near.indices]).sum(1)[..., 1:].transpose(1, 2)

# %% exercise="analog_forecast" wrong="distance in the first component only"
def analog_forecast(library, x0, n_steps, k):
    windows = library.unfold(1, n_steps + 1, 1).flatten(0, 1)
    nearest = (x0[:, None, 0] - windows[None, :, 0, 0]).abs().topk(k, largest=False).indices
    return windows[nearest].mean(1)[..., 1:].transpose(1, 2)

# %% exercise="analog_forecast" wrong="city-block distance"
def analog_forecast(library, x0, n_steps, k):
    windows = library.unfold(1, n_steps + 1, 1).flatten(0, 1)
    nearest = torch.cdist(x0, windows[..., 0], p=1).topk(k, largest=False).indices
    return windows[nearest].mean(1)[..., 1:].transpose(1, 2)

# %% exercise="analog_forecast" wrong="a new analog at every step"
def analog_forecast(library, x0, n_steps, k):
    now, nexts = library[:, :-1].flatten(0, 1), library[:, 1:].flatten(0, 1)
    states = [x0]
    for _ in range(n_steps):
        states.append(nexts[torch.cdist(states[-1], now).topk(k, largest=False).indices].mean(1))
    return torch.stack(states[1:], 1)

# %% exercise="analog_forecast" wrong="axes of time and component swapped"
def analog_forecast(library, x0, n_steps, k):
    windows = library.unfold(1, n_steps + 1, 1).flatten(0, 1)
    nearest = torch.cdist(x0, windows[..., 0]).topk(k, largest=False).indices
    return windows[nearest].mean(1)[..., 1:]

# %% exercise="analog_forecast" wrong="only the first series"
def analog_forecast(library, x0, n_steps, k):
    windows = library[:1].unfold(1, n_steps + 1, 1).flatten(0, 1)
    nearest = torch.cdist(x0, windows[..., 0]).topk(min(k, len(windows)), largest=False).indices
    return windows[nearest].mean(1)[..., 1:].transpose(1, 2)

# %% exercise="make_windows" right="a loop and two lists"
def make_windows(series, n_in, n_out, stride=1):
    inputs, targets = [], []
    start = 0
    while start + n_in + n_out <= len(series):
        inputs.append(series[start:start + n_in])
        targets.append(series[start + n_in:start + n_in + n_out])
        start += stride
    return torch.stack(inputs), torch.stack(targets)

# %% exercise="make_windows" right="unfold, views of the series"
def make_windows(series, n_in, n_out, stride=1):
    windows = series.unfold(0, n_in + n_out, stride).movedim(-1, 1)
    return windows.split([n_in, n_out], dim=1)

# %% exercise="make_windows" right="through NumPy's sliding windows"
def make_windows(series, n_in, n_out, stride=1):
    import numpy as np

    view = np.lib.stride_tricks.sliding_window_view(series.numpy(), n_in + n_out, axis=0)[::stride]
    windows = torch.from_numpy(view.transpose(0, 2, 1).copy())
    return windows[:, :n_in], windows[:, n_in:]

# %% exercise="make_windows" wrong="in random order, as published"
def make_windows(series, n_in, n_out, stride=1):
    starts = torch.arange(0, len(series) - n_in - n_out + 1, stride)
    starts = starts[torch.randperm(len(starts), generator=torch.Generator().manual_seed(0))]
    windows = series[starts[:, None] + torch.arange(n_in + n_out)]
    return windows[:, :n_in], windows[:, n_in:]

# %% exercise="make_windows" wrong="the last window is missing"
def make_windows(series, n_in, n_out, stride=1):
    starts = torch.arange(0, len(series) - n_in - n_out, stride)
    windows = series[starts[:, None] + torch.arange(n_in + n_out)]
    return windows[:, :n_in], windows[:, n_in:]

# %% exercise="make_windows" wrong="round the end: windows that cross it"
def make_windows(series, n_in, n_out, stride=1):
    starts = torch.arange(0, len(series), stride)
    windows = series[(starts[:, None] + torch.arange(n_in + n_out)) % len(series)]
    return windows[:, :n_in], windows[:, n_in:]

# %% exercise="make_windows" wrong="the target begins with the last input"
def make_windows(series, n_in, n_out, stride=1):
    starts = torch.arange(0, len(series) - n_in - n_out + 1, stride)
    windows = series[starts[:, None] + torch.arange(n_in + n_out)]
    return windows[:, :n_in], windows[:, n_in - 1:-1]

# %% exercise="make_windows" wrong="a gap between input and target"
def make_windows(series, n_in, n_out, stride=1):
    starts = torch.arange(0, len(series) - n_in - n_out, stride)
    windows = series[starts[:, None] + torch.arange(n_in + n_out + 1)]
    return windows[:, :n_in], windows[:, n_in + 1:]

# %% exercise="make_windows" wrong="stride ignored"
def make_windows(series, n_in, n_out, stride=1):
    windows = series.unfold(0, n_in + n_out, 1).transpose(1, 2)
    return windows[:, :n_in], windows[:, n_in:]

# %% exercise="make_windows" wrong="stride inside the window"
def make_windows(series, n_in, n_out, stride=1):
    starts = torch.arange(0, len(series) - stride * (n_in + n_out - 1))
    windows = series[starts[:, None] + stride * torch.arange(n_in + n_out)]
    return windows[:, :n_in], windows[:, n_in:]

# %% exercise="make_windows" wrong="unfold without moving time to the second axis"
def make_windows(series, n_in, n_out, stride=1):
    windows = series.unfold(0, n_in + n_out, stride)
    return windows[..., :n_in], windows[..., n_in:]

# %% exercise="make_windows" wrong="reshaped instead of transposed"
def make_windows(series, n_in, n_out, stride=1):
    windows = series.unfold(0, n_in + n_out, stride)
    windows = windows.reshape(len(windows), n_in + n_out, -1)
    return windows[:, :n_in], windows[:, n_in:]

# %% exercise="make_windows" wrong="targets and inputs swapped"
def make_windows(series, n_in, n_out, stride=1):
    windows = series.unfold(0, n_in + n_out, stride).transpose(1, 2)
    return windows[:, n_in:], windows[:, :n_in]

# %% exercise="make_windows" wrong="windows that never overlap, whatever the stride"
def make_windows(series, n_in, n_out, stride=1):
    windows = series.unfold(0, n_in + n_out, n_in + n_out).transpose(1, 2)
    return windows[:, :n_in], windows[:, n_in:]

# %% exercise="make_windows" wrong="standardised with the mean of the whole series"
def make_windows(series, n_in, n_out, stride=1):
    series = (series - series.mean(0)) / series.std(0)
    windows = series.unfold(0, n_in + n_out, stride).transpose(1, 2)
    return windows[:, :n_in], windows[:, n_in:]

# %% exercise="make_windows" wrong="from the end backwards"
def make_windows(series, n_in, n_out, stride=1):
    starts = torch.arange(len(series) - n_in - n_out, -1, -stride).flip(0)
    windows = series[starts[:, None] + torch.arange(n_in + n_out)]
    return windows[:, :n_in], windows[:, n_in:]

# %% exercise="rollout" right="one state at a time, concatenated"
def rollout(model, x0, n_steps):
    out, x = [], x0
    for _ in range(n_steps):
        x = model(x)
        out.append(x.unsqueeze(1))
    return torch.cat(out, dim=1)

# %% exercise="rollout" right="itertools.accumulate"
def rollout(model, x0, n_steps):
    import itertools

    states = itertools.accumulate(range(n_steps), lambda x, _: model(x), initial=x0)
    return torch.stack(list(states)[1:], 1)

# %% exercise="rollout" right="recursion"
def rollout(model, x0, n_steps):
    x1 = model(x0)
    if n_steps == 1:
        return x1[:, None]
    return torch.cat([x1[:, None], rollout(model, x1, n_steps - 1)], 1)

# %% exercise="rollout" wrong="the start is the first state"
def rollout(model, x0, n_steps):
    states = [x0]
    for _ in range(n_steps - 1):
        states.append(model(states[-1]))
    return torch.stack(states, 1)

# %% exercise="rollout" wrong="start included, one state more"
def rollout(model, x0, n_steps):
    states = [x0]
    for _ in range(n_steps):
        states.append(model(states[-1]))
    return torch.stack(states, 1)

# %% exercise="rollout" wrong="time is the first axis"
def rollout(model, x0, n_steps):
    states = []
    for _ in range(n_steps):
        x0 = model(x0)
        states.append(x0)
    return torch.stack(states)

# %% exercise="rollout" wrong="always from the start"
def rollout(model, x0, n_steps):
    return torch.stack([model(x0) for _ in range(n_steps)], 1)

# %% exercise="rollout" wrong="without gradients"
def rollout(model, x0, n_steps):
    states = [x0]
    with torch.no_grad():
        for _ in range(n_steps):
            states.append(model(states[-1]))
    return torch.stack(states[1:], 1)

# %% exercise="rollout" wrong="detached between the steps"
def rollout(model, x0, n_steps):
    states = [x0]
    for _ in range(n_steps):
        states.append(model(states[-1].detach()))
    return torch.stack(states[1:], 1)

# %% exercise="rollout" wrong="only the last state"
def rollout(model, x0, n_steps):
    for _ in range(n_steps):
        x0 = model(x0)
    return x0

# %% exercise="rollout" wrong="adds the output to the state"
def rollout(model, x0, n_steps):
    states = [x0]
    for _ in range(n_steps):
        states.append(states[-1] + model(states[-1]))
    return torch.stack(states[1:], 1)

# %% exercise="rollout" wrong="written into a float32 array, in place"
def rollout(model, x0, n_steps):
    states = torch.zeros(len(x0), n_steps, x0.shape[1])
    x = x0
    for j in range(n_steps):
        x = model(x)
        states[:, j] = x
    return states

# %% exercise="rollout" wrong="one start at a time"
def rollout(model, x0, n_steps):
    rows = []
    for x in x0:
        states = [x]
        for _ in range(n_steps):
            states.append(model(states[-1]))
        rows.append(torch.stack(states[1:]))
    return torch.stack(rows)

# %% exercise="rollout" wrong="overwrites the start"
def rollout(model, x0, n_steps):
    states = []
    for _ in range(n_steps):
        x0.data[:] = model(x0).detach()
        states.append(x0.clone())
    return torch.stack(states, 1)

# %% exercise="rollout" wrong="bounded for safety"
def rollout(model, x0, n_steps):
    states = [x0]
    for _ in range(n_steps):
        states.append(model(states[-1]).clamp(-3, 3))
    return torch.stack(states[1:], 1)

# %% exercise="LSTMForecaster" right="other names, the change computed apart"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.memory = nn.LSTM(input_size=n_state, hidden_size=n_hidden, num_layers=1, batch_first=True)
        self.change = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        if state is None:
            outputs, new_state = self.memory(x)
        else:
            outputs, new_state = self.memory(x, state)
        return torch.add(self.change(outputs), x), new_state

# %% exercise="LSTMForecaster" right="time first inside"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, n_hidden)
        self.head = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        outputs, state = self.lstm(x.transpose(0, 1), state)
        return x + self.head(outputs).transpose(0, 1), state

# %% exercise="LSTMForecaster" right="a loop over the times"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, n_hidden, batch_first=True)
        self.head = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        forecasts = []
        for i in range(x.shape[1]):
            out, state = self.lstm(x[:, i:i + 1], state)
            forecasts.append(x[:, i:i + 1] + self.head(out))
        return torch.cat(forecasts, dim=1), state

# %% exercise="LSTMForecaster" right="an LSTMCell"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.cell = nn.LSTMCell(n_state, n_hidden)
        self.head = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        forecasts = []
        for now in x.unbind(1):
            state = self.cell(now, state)
            forecasts.append(now + self.head(state[0]))
        return torch.stack(forecasts, 1), state

# %% exercise="LSTMForecaster" wrong="batch_first forgotten"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, n_hidden)
        self.head = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        hidden, state = self.lstm(x, state)
        return x + self.head(hidden), state

# %% exercise="LSTMForecaster" wrong="the state is not handed in"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, n_hidden, batch_first=True)
        self.head = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        hidden, state = self.lstm(x)
        return x + self.head(hidden), state

# %% exercise="LSTMForecaster" wrong="returns the state that it was given"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, n_hidden, batch_first=True)
        self.head = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        hidden, _ = self.lstm(x, state)
        return x + self.head(hidden), state

# %% exercise="LSTMForecaster" wrong="not residual"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, n_hidden, batch_first=True)
        self.head = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        hidden, state = self.lstm(x, state)
        return self.head(hidden), state

# %% exercise="LSTMForecaster" wrong="only the last forecast"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, n_hidden, batch_first=True)
        self.head = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        hidden, state = self.lstm(x, state)
        return x[:, -1:] + self.head(hidden[:, -1:]), state

# %% exercise="LSTMForecaster" wrong="bidirectional: sees the future"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, n_hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * n_hidden, n_state)

    def forward(self, x, state=None):
        hidden, state = self.lstm(x, state)
        return x + self.head(hidden), state

# %% exercise="LSTMForecaster" wrong="a tanh after the head"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, n_hidden, batch_first=True)
        self.head = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        hidden, state = self.lstm(x, state)
        return x + torch.tanh(self.head(hidden)), state

# %% exercise="LSTMForecaster" wrong="keeps its state between calls"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, n_hidden, batch_first=True)
        self.head = nn.Linear(n_hidden, n_state)
        self.state = None

    def forward(self, x, state=None):
        state = self.state if state is None else state
        if state is not None and state[0].shape[1] != len(x):
            state = None
        hidden, state = self.lstm(x, state)
        self.state = tuple(s.detach() for s in state)
        return x + self.head(hidden), state

# %% exercise="LSTMForecaster" wrong="a GRU"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.GRU(n_state, n_hidden, batch_first=True)
        self.head = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        hidden, state = self.lstm(x, state)
        return x + self.head(hidden), state

# %% exercise="LSTMForecaster" wrong="the width is fixed"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, 10, batch_first=True)
        self.head = nn.Linear(10, n_state)

    def forward(self, x, state=None):
        hidden, state = self.lstm(x, state)
        return x + self.head(hidden), state

# %% exercise="LSTMForecaster" wrong="detached before the head"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, n_hidden, batch_first=True)
        self.head = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        hidden, state = self.lstm(x, state)
        return x + self.head(hidden.detach()), state

# %% exercise="LSTMForecaster" wrong="the forecasts alone, without the state"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, n_hidden, batch_first=True)
        self.head = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        return x + self.head(self.lstm(x, state)[0])

# %% exercise="LSTMForecaster" wrong="two layers"
class LSTMForecaster(nn.Module):
    def __init__(self, n_state=3, n_hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(n_state, n_hidden, num_layers=2, batch_first=True)
        self.head = nn.Linear(n_hidden, n_state)

    def forward(self, x, state=None):
        hidden, state = self.lstm(x, state)
        return x + self.head(hidden), state
