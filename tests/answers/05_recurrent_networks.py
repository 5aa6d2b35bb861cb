# %% [markdown]
# The bank of unit 05: right answers written in other ways than the reference, and
# mistakes that students make. `course answers 05 -v` grades it through nbgrader.

# %% exercise="rnn_step" right="functional linear layers"
def rnn_step(x, h, w_xh, w_hh, b):
    return (nn.functional.linear(x, w_xh) + nn.functional.linear(h, w_hh, b)).tanh()

# %% exercise="rnn_step" right="einsum"
def rnn_step(x, h, w_xh, w_hh, b):
    a = torch.einsum("bi,hi->bh", x, w_xh) + torch.einsum("bk,hk->bh", h, w_hh)
    return torch.tanh(a + b[None])

# %% exercise="rnn_step" right="one sample at a time, one stacked matrix"
def rnn_step(x, h, w_xh, w_hh, b):
    w = torch.cat([w_xh, w_hh], 1)
    return torch.stack([torch.tanh(w @ torch.cat([x_i, h_i]) + b) for x_i, h_i in zip(x, h)])

# %% exercise="rnn_step" wrong="w_hh transposed"
def rnn_step(x, h, w_xh, w_hh, b):
    return torch.tanh(x @ w_xh.T + h @ w_hh + b)

# %% exercise="rnn_step" wrong="forgotten offset"
def rnn_step(x, h, w_xh, w_hh, b):
    return torch.tanh(x @ w_xh.T + h @ w_hh.T)

# %% exercise="rnn_step" wrong="sigmoid instead of tanh"
def rnn_step(x, h, w_xh, w_hh, b):
    return torch.sigmoid(x @ w_xh.T + h @ w_hh.T + b)

# %% exercise="rnn_step" wrong="no activation"
def rnn_step(x, h, w_xh, w_hh, b):
    return x @ w_xh.T + h @ w_hh.T + b

# %% exercise="rnn_step" wrong="the state is left out"
def rnn_step(x, h, w_xh, w_hh, b):
    return torch.tanh(x @ w_xh.T + b)

# %% exercise="rnn_step" wrong="the old state is added"
def rnn_step(x, h, w_xh, w_hh, b):
    return h + torch.tanh(x @ w_xh.T + h @ w_hh.T + b)

# %% exercise="rnn_step" wrong="the state changed in place"
def rnn_step(x, h, w_xh, w_hh, b):
    new = torch.tanh(x @ w_xh.T + h @ w_hh.T + b)
    h.data.copy_(new)
    return new

# %% exercise="rnn_step" wrong="detached"
def rnn_step(x, h, w_xh, w_hh, b):
    return torch.tanh(x @ w_xh.T + h.detach() @ w_hh.T + b)

# %% exercise="rnn_step" wrong="always in single precision"
def rnn_step(x, h, w_xh, w_hh, b):
    x, h, w_xh, w_hh, b = (v.float() for v in (x, h, w_xh, w_hh, b))
    return torch.tanh(x @ w_xh.T + h @ w_hh.T + b)

# %% exercise="SimpleRNN" right="torch's own layer"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.layer = nn.RNN(n_in, n_hidden, batch_first=True)
        self.read = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        states, last = self.layer(x, None if h is None else h[None])
        return self.read(states), last[0]

# %% exercise="SimpleRNN" right="a cell in a loop, outputs as it goes"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.n_hidden = n_hidden
        self.cell = nn.RNNCell(n_in, n_hidden)
        self.head = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        if h is None:
            h = torch.zeros(x.shape[0], self.n_hidden, dtype=x.dtype, device=x.device)
        y = []
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
            y.append(self.head(h))
        return torch.stack(y, dim=1), h

# %% exercise="SimpleRNN" right="two linear layers, one offset, a normal draw"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.enter = nn.Linear(n_in, n_hidden, bias=False)
        self.again = nn.Linear(n_hidden, n_hidden)
        self.leave = nn.Linear(n_hidden, n_out)
        nn.init.orthogonal_(self.again.weight, 0.9)

    def forward(self, x, h=None):
        entered = self.enter(x)
        if h is None:
            h = torch.zeros_like(entered[:, 0])
        states = []
        for t in range(x.size(1)):
            h = (entered[:, t] + self.again(h)).tanh()
            states += [h[:, None]]
        return self.leave(torch.cat(states, 1)), h

# %% exercise="SimpleRNN" wrong="the given state is ignored"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.layer = nn.RNN(n_in, n_hidden, batch_first=True)
        self.read = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        states, last = self.layer(x)
        return self.read(states), last[0]

# %% exercise="SimpleRNN" wrong="batch_first forgotten"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.layer = nn.RNN(n_in, n_hidden)
        self.read = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        h = x.new_zeros(len(x), self.layer.hidden_size) if h is None else h
        states, last = self.layer(x, h[None, : x.shape[1]])
        return self.read(states), h

# %% exercise="SimpleRNN" wrong="the state begins with noise"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.layer = nn.RNN(n_in, n_hidden, batch_first=True)
        self.read = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        if h is None:
            h = torch.randn(len(x), self.layer.hidden_size).to(x)
        states, last = self.layer(x, h[None])
        return self.read(states), last[0]

# %% exercise="SimpleRNN" wrong="the first state is returned"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.layer = nn.RNN(n_in, n_hidden, batch_first=True)
        self.read = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        states, last = self.layer(x, None if h is None else h[None])
        return self.read(states), states[:, 0]

# %% exercise="SimpleRNN" wrong="outputs read the state before the step"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.cell = nn.RNNCell(n_in, n_hidden)
        self.read = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        h = x.new_zeros(len(x), self.cell.hidden_size) if h is None else h
        y = []
        for x_t in x.unbind(1):
            y.append(self.read(h))
            h = self.cell(x_t, h)
        return torch.stack(y, 1), h

# %% exercise="SimpleRNN" wrong="tanh on the output"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.layer = nn.RNN(n_in, n_hidden, batch_first=True)
        self.read = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        states, last = self.layer(x, None if h is None else h[None])
        return torch.tanh(self.read(states)), last[0]

# %% exercise="SimpleRNN" wrong="the state is detached at each step"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.cell = nn.RNNCell(n_in, n_hidden)
        self.read = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        h = x.new_zeros(len(x), self.cell.hidden_size) if h is None else h
        y = []
        for x_t in x.unbind(1):
            h = self.cell(x_t, h.detach())
            y.append(self.read(h))
        return torch.stack(y, 1), h

# %% exercise="SimpleRNN" wrong="no loop: each step from the same first state"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.cell = nn.RNNCell(n_in, n_hidden)
        self.read = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        h = x.new_zeros(len(x), self.cell.hidden_size) if h is None else h
        states = torch.stack([self.cell(x_t, h) for x_t in x.unbind(1)], 1)
        return self.read(states), states[:, -1]

# %% exercise="SimpleRNN" wrong="relu instead of tanh"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.layer = nn.RNN(n_in, n_hidden, batch_first=True, nonlinearity="relu")
        self.read = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        states, last = self.layer(x, None if h is None else h[None])
        return self.read(states), last[0]

# %% exercise="SimpleRNN" wrong="bidirectional: the future is known"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.layer = nn.RNN(n_in, n_hidden, batch_first=True)
        self.read = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        states, last = self.layer(x, None if h is None else h[None])
        back = self.layer(x.flip(1), None if h is None else h[None])[0].flip(1)
        return self.read(states + back), last[0]

# %% exercise="SimpleRNN" wrong="all weights are zero at the start"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.w_xh = nn.Parameter(torch.zeros(n_hidden, n_in))
        self.w_hh = nn.Parameter(torch.zeros(n_hidden, n_hidden))
        self.b = nn.Parameter(torch.zeros(n_hidden))
        self.read = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        h = x.new_zeros(len(x), len(self.b)) if h is None else h
        states = []
        for x_t in x.unbind(1):
            h = rnn_step(x_t, h, self.w_xh, self.w_hh, self.b)
            states.append(h)
        return self.read(torch.stack(states, 1)), h

# %% exercise="SimpleRNN" wrong="weights that no optimiser finds"
class SimpleRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.w_xh = 0.3 * torch.randn(n_hidden, n_in).double()
        self.w_hh = 0.3 * torch.randn(n_hidden, n_hidden).double()
        self.b = torch.zeros(n_hidden).double()
        self.read = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        h = x.new_zeros(len(x), len(self.b)) if h is None else h
        states = []
        for x_t in x.unbind(1):
            h = rnn_step(x_t, h, self.w_xh.to(x), self.w_hh.to(x), self.b.to(x))
            states.append(h)
        return self.read(torch.stack(states, 1)), h

# %% exercise="gradient_through_time" right="autograd's jacobian of the rest of the run"
def gradient_through_time(w_hh, h0, n_steps):
    w_hh, h, norms = w_hh.detach(), h0.detach(), []

    def rest(h, n):
        for _ in range(n):
            h = torch.tanh(w_hh @ h)
        return h

    for t in range(n_steps + 1):
        jacobian = torch.autograd.functional.jacobian(lambda h: rest(h, n_steps - t), h)
        norms.append(torch.linalg.svdvals(jacobian)[0])
        h = rest(h, 1)
    return torch.stack(norms)

# %% exercise="gradient_through_time" right="products with diag, from the left"
def gradient_through_time(w_hh, h0, n_steps):
    with torch.no_grad():
        steps, h = [], h0
        for _ in range(n_steps):
            h = torch.tanh(w_hh @ h)
            steps.append(torch.diag(1 - h * h) @ w_hh)
        norms = torch.ones(n_steps + 1, dtype=h0.dtype)
        for t in range(n_steps):
            product = torch.eye(len(h0), dtype=h0.dtype)
            for step in steps[t:]:
                product = step @ product
            norms[t] = torch.linalg.norm(product, ord=2)
    return norms

# %% exercise="gradient_through_time" right="slopes from cosh, norms from the eigenvalues of J^T J"
def gradient_through_time(w_hh, h0, n_steps):
    w, h, slopes = w_hh.detach().clone(), h0.detach().clone(), []
    for _ in range(n_steps):
        a = w @ h
        slopes.append(1 / torch.cosh(a) ** 2)
        h = torch.tanh(a)
    j, norms = torch.eye(h.numel(), dtype=h.dtype), [torch.ones((), dtype=h.dtype)]
    for s in reversed(slopes):
        j = (j * s) @ w
        norms.append(torch.linalg.eigvalsh(j.T @ j).max().sqrt())
    return torch.stack(norms).flip(0)

# %% exercise="gradient_through_time" wrong="Frobenius norm"
def gradient_through_time(w_hh, h0, n_steps):
    w, states = w_hh.detach(), [h0.detach()]
    for _ in range(n_steps):
        states.append(torch.tanh(w @ states[-1]))
    jacobians = [torch.eye(len(h0), dtype=h0.dtype)]
    for h in states[:0:-1]:
        jacobians.append(jacobians[-1] @ ((1 - h**2)[:, None] * w))
    return torch.linalg.matrix_norm(torch.stack(jacobians[::-1]))

# %% exercise="gradient_through_time" wrong="time the wrong way round"
def gradient_through_time(w_hh, h0, n_steps):
    w, states = w_hh.detach(), [h0.detach()]
    for _ in range(n_steps):
        states.append(torch.tanh(w @ states[-1]))
    jacobians = [torch.eye(len(h0), dtype=h0.dtype)]
    for h in states[:0:-1]:
        jacobians.append(jacobians[-1] @ ((1 - h**2)[:, None] * w))
    return torch.linalg.matrix_norm(torch.stack(jacobians), 2)

# %% exercise="gradient_through_time" wrong="slopes at the old state"
def gradient_through_time(w_hh, h0, n_steps):
    w, states = w_hh.detach(), [h0.detach()]
    for _ in range(n_steps):
        states.append(torch.tanh(w @ states[-1]))
    jacobians = [torch.eye(len(h0), dtype=h0.dtype)]
    for h in states[-2::-1]:
        jacobians.append(jacobians[-1] @ ((1 - h**2)[:, None] * w))
    return torch.linalg.matrix_norm(torch.stack(jacobians[::-1]), 2)

# %% exercise="gradient_through_time" wrong="no slope of tanh: powers of W"
def gradient_through_time(w_hh, h0, n_steps):
    powers = [torch.linalg.matrix_power(w_hh.detach(), n_steps - t) for t in range(n_steps + 1)]
    return torch.linalg.matrix_norm(torch.stack(powers), 2)

# %% exercise="gradient_through_time" wrong="slopes on the columns instead of the rows"
def gradient_through_time(w_hh, h0, n_steps):
    w, states = w_hh.detach(), [h0.detach()]
    for _ in range(n_steps):
        states.append(torch.tanh(w @ states[-1]))
    jacobians = [torch.eye(len(h0), dtype=h0.dtype)]
    for h in states[:0:-1]:
        jacobians.append(jacobians[-1] @ ((1 - h**2) * w))
    return torch.linalg.matrix_norm(torch.stack(jacobians[::-1]), 2)

# %% exercise="gradient_through_time" wrong="the product in the wrong order"
def gradient_through_time(w_hh, h0, n_steps):
    w, states = w_hh.detach(), [h0.detach()]
    for _ in range(n_steps):
        states.append(torch.tanh(w @ states[-1]))
    jacobians = [torch.eye(len(h0), dtype=h0.dtype)]
    for h in states[:0:-1]:
        jacobians.append(((1 - h**2)[:, None] * w) @ jacobians[-1])
    return torch.linalg.matrix_norm(torch.stack(jacobians[::-1]), 2)

# %% exercise="gradient_through_time" wrong="spectral radius instead of the norm"
def gradient_through_time(w_hh, h0, n_steps):
    w, states = w_hh.detach(), [h0.detach()]
    for _ in range(n_steps):
        states.append(torch.tanh(w @ states[-1]))
    jacobians = [torch.eye(len(h0), dtype=h0.dtype)]
    for h in states[:0:-1]:
        jacobians.append(jacobians[-1] @ ((1 - h**2)[:, None] * w))
    return torch.linalg.eigvals(torch.stack(jacobians[::-1])).abs().amax(-1)

# %% exercise="gradient_through_time" wrong="the norms of single steps multiplied"
def gradient_through_time(w_hh, h0, n_steps):
    h, norms = h0.detach(), []
    for _ in range(n_steps):
        h = torch.tanh(w_hh.detach() @ h)
        norms.append(torch.linalg.matrix_norm((1 - h**2)[:, None] * w_hh.detach(), 2))
    norms.append(torch.ones((), dtype=h0.dtype))
    return torch.stack(norms).flip(0).cumprod(0).flip(0)

# %% exercise="gradient_through_time" wrong="one entry too few"
def gradient_through_time(w_hh, h0, n_steps):
    w, states = w_hh.detach(), [h0.detach()]
    for _ in range(n_steps):
        states.append(torch.tanh(w @ states[-1]))
    jacobians = [torch.eye(len(h0), dtype=h0.dtype)]
    for h in states[:0:-1]:
        jacobians.append(jacobians[-1] @ ((1 - h**2)[:, None] * w))
    return torch.linalg.matrix_norm(torch.stack(jacobians[:0:-1]), 2)

# %% exercise="gradient_through_time" wrong="the graph is kept"
def gradient_through_time(w_hh, h0, n_steps):
    states = [h0]
    for _ in range(n_steps):
        states.append(torch.tanh(w_hh @ states[-1]))
    jacobians = [torch.eye(len(h0), dtype=h0.dtype)]
    for h in states[:0:-1]:
        jacobians.append(jacobians[-1] @ ((1 - h**2)[:, None] * w_hh))
    return torch.linalg.matrix_norm(torch.stack(jacobians[::-1]), 2)

# %% exercise="clip_gradients" right="torch's own function"
def clip_gradients(parameters, max_norm):
    return float(torch.nn.utils.clip_grad_norm_(parameters, max_norm))

# %% exercise="clip_gradients" right="one long vector, factor by min"
def clip_gradients(parameters, max_norm):
    parameters = [p for p in parameters if p.grad is not None]
    norm = torch.cat([p.grad.flatten() for p in parameters]).norm().item()
    factor = min(1.0, max_norm / norm) if norm > 0 else 1.0
    for p in parameters:
        p.grad *= factor
    return norm

# %% exercise="clip_gradients" right="the norm of norms"
def clip_gradients(parameters, max_norm):
    grads = []
    for p in parameters:
        if p.grad is not None:
            grads.append(p.grad)
    total = torch.stack([torch.linalg.vector_norm(g) for g in grads]).norm()
    if total > max_norm:
        with torch.no_grad():
            for g in grads:
                g.div_(total / max_norm)
    return float(total)

# %% exercise="clip_gradients" wrong="the published bug: each tensor by its own norm"
def clip_gradients(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = float(sum(g.square().sum() for g in gradients)) ** 0.5
    for g in gradients:
        own = float(g.norm())
        if own > max_norm:
            g.mul_(max_norm / own)
    return norm

# %% exercise="clip_gradients" wrong="values clipped one by one"
def clip_gradients(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = float(sum(g.square().sum() for g in gradients)) ** 0.5
    for g in gradients:
        g.clamp_(-max_norm, max_norm)
    return norm

# %% exercise="clip_gradients" wrong="short gradients made longer"
def clip_gradients(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = float(sum(g.square().sum() for g in gradients)) ** 0.5
    for g in gradients:
        g.mul_(max_norm / max(norm, 1e-12))
    return norm

# %% exercise="clip_gradients" wrong="the iterator is read twice"
def clip_gradients(parameters, max_norm):
    norm = float(sum(p.grad.square().sum() for p in parameters if p.grad is not None)) ** 0.5
    if norm > max_norm:
        for p in parameters:
            if p.grad is not None:
                p.grad.mul_(max_norm / norm)
    return norm

# %% exercise="clip_gradients" wrong="no gradient is an error"
def clip_gradients(parameters, max_norm):
    gradients = [p.grad for p in parameters]
    norm = float(sum(g.square().sum() for g in gradients)) ** 0.5
    if norm > max_norm:
        for g in gradients:
            g.mul_(max_norm / norm)
    return norm

# %% exercise="clip_gradients" wrong="the norm after clipping is returned"
def clip_gradients(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = float(sum(g.square().sum() for g in gradients)) ** 0.5
    if norm > max_norm:
        for g in gradients:
            g.mul_(max_norm / norm)
    return min(norm, float(max_norm))

# %% exercise="clip_gradients" wrong="sum of norms instead of the joint norm"
def clip_gradients(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = float(sum(g.norm() for g in gradients))
    if norm > max_norm:
        for g in gradients:
            g.mul_(max_norm / norm)
    return norm

# %% exercise="clip_gradients" wrong="scaled copies that nobody keeps"
def clip_gradients(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = float(sum(g.square().sum() for g in gradients)) ** 0.5
    if norm > max_norm:
        gradients = [g * max_norm / norm for g in gradients]
    return norm

# %% exercise="clip_gradients" wrong="the weights are scaled"
def clip_gradients(parameters, max_norm):
    parameters = [p for p in parameters if p.grad is not None]
    norm = float(sum(p.grad.square().sum() for p in parameters)) ** 0.5
    if norm > max_norm:
        for p in parameters:
            p.data.mul_(max_norm / norm)
    return norm

# %% exercise="clip_gradients" wrong="a tensor is returned"
def clip_gradients(parameters, max_norm):
    return torch.nn.utils.clip_grad_norm_(parameters, max_norm)

# %% exercise="clip_gradients" wrong="the square root is forgotten"
def clip_gradients(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = float(sum(g.square().sum() for g in gradients))
    if norm > max_norm:
        for g in gradients:
            g.mul_(max_norm / norm)
    return norm

# %% exercise="lstm_step" right="gates cut by slices"
def lstm_step(x, h, c, w_ih, w_hh, b):
    n = h.shape[1]
    a = nn.functional.linear(x, w_ih) + nn.functional.linear(h, w_hh, b)
    i, f = torch.sigmoid(a[:, :n]), torch.sigmoid(a[:, n : 2 * n])
    g, o = torch.tanh(a[:, 2 * n : 3 * n]), torch.sigmoid(a[:, 3 * n :])
    new = f * c + i * g
    return o * torch.tanh(new), new

# %% exercise="lstm_step" right="weights cut first, one gate at a time"
def lstm_step(x, h, c, w_ih, w_hh, b):
    parts = zip(w_ih.chunk(4), w_hh.chunk(4), b.chunk(4))
    a = [x @ u.T + h @ v.T + offset for u, v, offset in parts]
    c = torch.addcmul(a[1].sigmoid() * c, a[0].sigmoid(), a[2].tanh())
    return (a[3].sigmoid() * c.tanh(), c)

# %% exercise="lstm_step" right="reshaped to (b, 4, n)"
def lstm_step(x, h, c, w_ih, w_hh, b):
    a = (torch.einsum("bi,gi->bg", x, w_ih) + torch.einsum("bi,gi->bg", h, w_hh) + b).view(len(x), 4, -1)
    c = torch.sigmoid(a[:, 1]) * c + torch.sigmoid(a[:, 0]) * torch.tanh(a[:, 2])
    return [torch.sigmoid(a[:, 3]) * torch.tanh(c), c]

# %% exercise="lstm_step" wrong="order i, f, o, g"
def lstm_step(x, h, c, w_ih, w_hh, b):
    i, f, o, g = (x @ w_ih.T + h @ w_hh.T + b).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c

# %% exercise="lstm_step" wrong="input and forget gate exchanged"
def lstm_step(x, h, c, w_ih, w_hh, b):
    f, i, g, o = (x @ w_ih.T + h @ w_hh.T + b).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c

# %% exercise="lstm_step" wrong="h from the old cell"
def lstm_step(x, h, c, w_ih, w_hh, b):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b).chunk(4, dim=1)
    new = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), new

# %% exercise="lstm_step" wrong="no tanh on the cell"
def lstm_step(x, h, c, w_ih, w_hh, b):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c, c

# %% exercise="lstm_step" wrong="sigmoid for the new content"
def lstm_step(x, h, c, w_ih, w_hh, b):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.sigmoid()
    return o.sigmoid() * c.tanh(), c

# %% exercise="lstm_step" wrong="c and h exchanged on return"
def lstm_step(x, h, c, w_ih, w_hh, b):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return c, o.sigmoid() * c.tanh()

# %% exercise="lstm_step" wrong="only h is returned"
def lstm_step(x, h, c, w_ih, w_hh, b):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh()

# %% exercise="lstm_step" wrong="the offset is forgotten"
def lstm_step(x, h, c, w_ih, w_hh, b):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c

# %% exercise="lstm_step" wrong="the cell changed in place"
def lstm_step(x, h, c, w_ih, w_hh, b):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b).chunk(4, dim=1)
    new = f.sigmoid() * c + i.sigmoid() * g.tanh()
    c.data.copy_(new)
    return o.sigmoid() * new.tanh(), new

# %% exercise="lstm_step" wrong="the cell is detached"
def lstm_step(x, h, c, w_ih, w_hh, b):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b).chunk(4, dim=1)
    c = f.sigmoid() * c.detach() + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c

# %% exercise="lstm_step" wrong="forget gate tied to the input gate"
def lstm_step(x, h, c, w_ih, w_hh, b):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b).chunk(4, dim=1)
    c = (1 - i.sigmoid()) * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c

# %% exercise="gru_step" right="gates cut by slices"
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    n = h.size(1)
    a = nn.functional.linear(x, w_ih, b_ih)
    u = nn.functional.linear(h, w_hh, b_hh)
    rz = torch.sigmoid(a[:, : 2 * n] + u[:, : 2 * n])
    new = torch.tanh(a[:, 2 * n :] + rz[:, :n] * u[:, 2 * n :])
    return new + rz[:, n:] * (h - new)

# %% exercise="gru_step" right="weights cut first"
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    (wr, wz, wn), (ur, uz, un) = w_ih.chunk(3), w_hh.chunk(3)
    (br, bz, bn), (cr, cz, cn) = b_ih.chunk(3), b_hh.chunk(3)
    r = torch.sigmoid(x @ wr.T + br + h @ ur.T + cr)
    z = torch.sigmoid(x @ wz.T + bz + h @ uz.T + cz)
    n = torch.tanh(x @ wn.T + bn + r * (h @ un.T + cn))
    return torch.lerp(n, h, z)

# %% exercise="gru_step" right="einsum and a view"
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    a = (torch.einsum("bi,gi->bg", x, w_ih) + b_ih).reshape(len(x), 3, -1)
    u = (torch.einsum("bi,gi->bg", h, w_hh) + b_hh).reshape(len(x), 3, -1)
    keep = torch.sigmoid(a[:, 1] + u[:, 1])
    new = torch.tanh(a[:, 2] + torch.sigmoid(a[:, 0] + u[:, 0]) * u[:, 2])
    return keep * h + (1 - keep) * new

# %% exercise="gru_step" wrong="z exchanged: the paper's other convention"
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    r_x, z_x, n_x = (x @ w_ih.T + b_ih).chunk(3, dim=1)
    r_h, z_h, n_h = (h @ w_hh.T + b_hh).chunk(3, dim=1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    return z * torch.tanh(n_x + r * n_h) + (1 - z) * h

# %% exercise="gru_step" wrong="order z, r, n"
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    z_x, r_x, n_x = (x @ w_ih.T + b_ih).chunk(3, dim=1)
    z_h, r_h, n_h = (h @ w_hh.T + b_hh).chunk(3, dim=1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    return (1 - z) * torch.tanh(n_x + r * n_h) + z * h

# %% exercise="gru_step" wrong="r multiplies the state before the product"
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    r_x, z_x, n_x = (x @ w_ih.T + b_ih).chunk(3, dim=1)
    r_h, z_h, _ = (h @ w_hh.T + b_hh).chunk(3, dim=1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    n = torch.tanh(n_x + (r * h) @ w_hh.chunk(3)[2].T + b_hh.chunk(3)[2])
    return (1 - z) * n + z * h

# %% exercise="gru_step" wrong="the offset outside of r"
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    r_x, z_x, n_x = (x @ w_ih.T + b_ih + b_hh).chunk(3, dim=1)
    r_h, z_h, n_h = (h @ w_hh.T).chunk(3, dim=1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    return (1 - z) * torch.tanh(n_x + r * n_h) + z * h

# %% exercise="gru_step" wrong="r multiplies everything"
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    r_x, z_x, n_x = (x @ w_ih.T + b_ih).chunk(3, dim=1)
    r_h, z_h, n_h = (h @ w_hh.T + b_hh).chunk(3, dim=1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    return (1 - z) * torch.tanh(r * (n_x + n_h)) + z * h

# %% exercise="gru_step" wrong="sigmoid for the new content"
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    r_x, z_x, n_x = (x @ w_ih.T + b_ih).chunk(3, dim=1)
    r_h, z_h, n_h = (h @ w_hh.T + b_hh).chunk(3, dim=1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    return (1 - z) * torch.sigmoid(n_x + r * n_h) + z * h

# %% exercise="gru_step" wrong="b_hh is forgotten"
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    r_x, z_x, n_x = (x @ w_ih.T + b_ih).chunk(3, dim=1)
    r_h, z_h, n_h = (h @ w_hh.T).chunk(3, dim=1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    return (1 - z) * torch.tanh(n_x + r * n_h) + z * h

# %% exercise="gru_step" wrong="no reset gate"
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    _, z_x, n_x = (x @ w_ih.T + b_ih).chunk(3, dim=1)
    _, z_h, n_h = (h @ w_hh.T + b_hh).chunk(3, dim=1)
    z = torch.sigmoid(z_x + z_h)
    return (1 - z) * torch.tanh(n_x + n_h) + z * h

# %% exercise="gru_step" wrong="the state changed in place"
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    r_x, z_x, n_x = (x @ w_ih.T + b_ih).chunk(3, dim=1)
    r_h, z_h, n_h = (h @ w_hh.T + b_hh).chunk(3, dim=1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    new = (1 - z) * torch.tanh(n_x + r * n_h) + z * h
    h.data.copy_(new)
    return new

# %% exercise="gru_step" wrong="a graph that ends here"
@torch.no_grad()
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    r_x, z_x, n_x = (x @ w_ih.T + b_ih).chunk(3, dim=1)
    r_h, z_h, n_h = (h @ w_hh.T + b_hh).chunk(3, dim=1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    return (1 - z) * torch.tanh(n_x + r * n_h) + z * h

# %% exercise="rnn_step" wrong="tanh by exponentials, NaN for large inputs"
def rnn_step(x, h, w_xh, w_hh, b):
    a = x @ w_xh.T + h @ w_hh.T + b
    return (torch.exp(2 * a) - 1) / (torch.exp(2 * a) + 1)

# %% exercise="rnn_step" wrong="always double"
def rnn_step(x, h, w_xh, w_hh, b):
    return torch.tanh(x.double() @ w_xh.double().T + h.double() @ w_hh.double().T + b.double())

# %% exercise="SimpleRNN" wrong="the state returned is detached"
class SimpleRNN(nn.Module):
    def __init__(self, n_in: int, n_hidden: int, n_out: int):
        super().__init__()
        self.cell, self.out = nn.RNNCell(n_in, n_hidden), nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        states = []
        for step in x.unbind(1):
            h = self.cell(step, h)
            states.append(h)
        return self.out(torch.stack(states, 1)), h.detach()

# %% exercise="SimpleRNN" wrong="weights of size 1"
class SimpleRNN(nn.Module):
    def __init__(self, n_in: int, n_hidden: int, n_out: int):
        super().__init__()
        self.w_xh = nn.Parameter(torch.randn(n_hidden, n_in))
        self.w_hh = nn.Parameter(torch.randn(n_hidden, n_hidden))
        self.b = nn.Parameter(torch.zeros(n_hidden))
        self.out = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        h = x.new_zeros(len(x), len(self.b)) if h is None else h
        states = []
        for step in x.unbind(1):
            h = torch.tanh(step @ self.w_xh.T + h @ self.w_hh.T + self.b)
            states.append(h)
        return self.out(torch.stack(states, 1)), h

# %% exercise="SimpleRNN" wrong="the seed of everybody is set"
class SimpleRNN(nn.Module):
    def __init__(self, n_in: int, n_hidden: int, n_out: int):
        super().__init__()
        torch.manual_seed(0)
        self.cell, self.out = nn.RNNCell(n_in, n_hidden), nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        states = []
        for step in x.unbind(1):
            h = self.cell(step, h)
            states.append(h)
        return self.out(torch.stack(states, 1)), h

# %% exercise="SimpleRNN" wrong="remembers the last batch in eval mode"
class SimpleRNN(nn.Module):
    def __init__(self, n_in: int, n_hidden: int, n_out: int):
        super().__init__()
        self.cell, self.out, self.n = nn.RNNCell(n_in, n_hidden), nn.Linear(n_hidden, n_out), n_hidden
        self.kept = None

    def forward(self, x, h=None):
        if h is None and self.kept is not None and self.kept.shape[0] == len(x) and not self.training:
            h = self.kept
        states = []
        for step in x.unbind(1):
            h = self.cell(step, h)
            states.append(h)
        self.kept = h.detach()
        return self.out(torch.stack(states, 1)), h

# %% exercise="SimpleRNN" wrong="a state handed in is cut from its graph"
class SimpleRNN(nn.Module):
    def __init__(self, n_in: int, n_hidden: int, n_out: int):
        super().__init__()
        self.cell, self.out = nn.RNNCell(n_in, n_hidden), nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        h = None if h is None else h.clone().detach().requires_grad_(h.requires_grad)
        states = []
        for step in x.unbind(1):
            h = self.cell(step, h)
            states.append(h)
        return self.out(torch.stack(states, 1)), h

# %% exercise="gradient_through_time" wrong="switches gradients off for everybody"
def gradient_through_time(w_hh, h0, n_steps):
    torch.set_grad_enabled(False)
    states = [h0]
    for _ in range(n_steps):
        states.append(torch.tanh(w_hh @ states[-1]))
    j = torch.eye(len(h0), dtype=h0.dtype)
    norms = [torch.linalg.matrix_norm(j, 2)]
    for h in states[:0:-1]:
        j = j @ ((1 - h**2)[:, None] * w_hh)
        norms.append(torch.linalg.matrix_norm(j, 2))
    return torch.stack(norms[::-1])

# %% exercise="clip_gradients" wrong="matrices by their spectral norm"
def clip_gradients(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = float(sum((torch.linalg.norm(g, ord=2) if g.dim() == 2 else g.norm()) ** 2 for g in grads)) ** 0.5
    if norm > max_norm:
        for g in grads:
            g.mul_(max_norm / norm)
    return norm

# %% exercise="clip_gradients" wrong="the parameters are moved as well"
def clip_gradients(parameters, max_norm):
    keep = [p for p in parameters if p.grad is not None]
    norm = float(sum(p.grad.square().sum() for p in keep)) ** 0.5
    if norm > max_norm:
        for p in keep:
            p.grad.mul_(max_norm / norm)
            p.data.mul_(max_norm / norm)
    return norm

# %% exercise="lstm_step" wrong="sigmoid by exponentials that overflow"
def lstm_step(x, h, c, w_ih, w_hh, b):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b).chunk(4, 1)
    sigma = lambda a: a.exp() / (1 + a.exp())
    new = sigma(f) * c + sigma(i) * torch.tanh(g)
    return sigma(o) * torch.tanh(new), new

# %% exercise="gru_step" wrong="a batch of one is squeezed"
def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    a, k = (x @ w_ih.T + b_ih).chunk(3, 1), (h @ w_hh.T + b_hh).chunk(3, 1)
    r, z = torch.sigmoid(a[0] + k[0]), torch.sigmoid(a[1] + k[1])
    out = (1 - z) * torch.tanh(a[2] + r * k[2]) + z * h
    return out if out.numel() == 1 else out.squeeze(0)
