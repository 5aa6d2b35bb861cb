"""The vocabulary of the checks: what passes, what fails, and what it says."""

import contextlib
import io
import re

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from torch import nn

from course_lib import checks


def message(function, *arguments, **options) -> str:
    with pytest.raises(checks.CheckFailed) as failure:
        function(*arguments, **options)
    return str(failure.value)


def test_a_failure_says_seen_expected_and_where_to_look():
    x = np.zeros((3, 4))
    x[2, 1] = 1.37
    text = message(checks.close, x, np.zeros((3, 4)), "nothing moves", look_at="here")
    assert text.splitlines() == [
        "nothing moves",
        "  seen      largest difference 1.37 (at 2, 1)",
        "  expected  less than 1e-06",
        "  look at   here",
    ]
    assert checks.CheckFailed(text)._render_traceback_()[1] == "nothing moves"


def test_close_takes_arrays_tensors_lists_and_numbers():
    lazy = torch.full((2,), 1 - 1j).conj().imag  # not yet negated
    ones = torch.ones(2, requires_grad=True)
    for value in (np.ones(2), ones, lazy, [1, 1], (1.0, 1)):
        checks.close(value, np.ones(2), "ones")
    checks.close(1e6 + 1e-2, 1e6, "relative to what is expected", tolerance=1e-7)


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (None, "return"),
        ("text", "str: 'text'"),
        (np.array([1.0, np.nan]), "1 NaN or infinite"),
        (np.ones(3), "shape (3,)"),
        ([1.0, 2.0], "largest difference 1 (at 1)"),
        (nn.Linear(1, 1), "Linear"),
        ((torch.ones(1, requires_grad=True),) * 2, "tuple"),
    ],
)
def test_close_names_what_is_not_close(value, part):
    assert part in message(checks.close, value, np.ones(2), "ones")


def test_shapes():
    checks.same_shape(torch.zeros(2, 3), (2, 3), "a tensor")
    checks.same_shape([[1, 2]], np.zeros((1, 2)), "a list")
    assert "(3, 2)" in message(checks.same_shape, np.zeros((3, 2)), (2, 3), "x")


def test_axes():
    toy = checks.random_subspace(n=20, d=5, k=2, seed=0)
    checks.orthonormal_rows(toy.components, "w")
    checks.same_axes(-toy.components, toy.components, "up to sign")
    message(checks.orthonormal_rows, 2 * toy.components, "w")
    message(checks.same_axes, toy.components[::-1], toy.components, "order")
    message(checks.same_axes, toy.components[:1], toy.components, "number")
    checks.rank_at_most(toy.components, 2, "w")
    checks.rank_at_most(
        np.float32(1e3 * toy.x @ toy.components[:1].T @ toy.components[:1]), 1, "w"
    )
    message(checks.rank_at_most, np.eye(3), 2, "w")
    message(checks.rank_at_most, np.diag([1.0, 1.0, 1e-4]), 2, "w")


def test_inputs_unchanged():
    def in_place(x):
        x += 1
        return x

    checks.inputs_unchanged(np.cumsum, np.ones(3))
    x = np.ones(3)
    text = message(checks.inputs_unchanged, in_place, x)
    assert "argument 1 has changed by up to 1" in text
    assert (x == 1).all()
    checks.inputs_unchanged(nn.Linear(3, 1), torch.ones(2, 3))
    assert "in_place" in message(checks.inputs_unchanged, in_place, torch.ones(3))
    text = message(checks.inputs_unchanged, lambda x: in_place(x), torch.ones(3))
    assert "the function must not" in text


def test_gradients_everywhere():
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    x = torch.randn(5, 3)
    checks.gradients_everywhere(net, net(x), "all")
    cut = net[1](net[0](x).detach())
    assert "0.weight, 0.bias" in message(checks.gradients_everywhere, net, cut, "all")
    assert "graph" in message(checks.gradients_everywhere, net, cut.detach(), "all")


def test_straight_and_bent():
    x = torch.randn(9, 4)
    checks.affine(nn.Linear(4, 2), x, "straight")
    checks.not_affine(torch.relu, x, "bent")
    message(checks.affine, torch.relu, x, "straight")
    message(checks.not_affine, nn.Linear(4, 2), x, "bent")
    checks.unbounded(torch.tensor([-5.0, 5.0]), "x")
    assert "[0, 5]" in message(checks.unbounded, torch.tensor([0.0, 5.0]), "x")


def test_device_and_dtype():
    x = torch.ones(2, 3, dtype=torch.float64)
    checks.keeps_device_and_dtype(nn.Linear(3, 1).double(), x)
    checks.keeps_device_and_dtype(lambda x: x + torch.ones(3).to(x), x)
    function = checks.keeps_device_and_dtype
    assert "float32 for torch.float64" in message(function, lambda x: x.float(), x)
    cpu = torch.ones(3, dtype=torch.float64)
    assert "CPU" in message(
        function, lambda x: x.outer(cpu) if x.ndim < 2 else x + cpu, x
    )
    assert "a result on cpu" in message(function, lambda x: cpu, x)


def test_unpack():
    assert checks.unpack((1, 2), ["a", "b"], "r") == (1, 2)
    assert "one ndarray" in message(checks.unpack, np.ones(2), ["a", "b"], "r")
    assert "3 results" in message(checks.unpack, [1, 2, 3], ["a", "b"], "r")


@pytest.mark.parametrize(("n", "d", "k"), [(60, 8, 3), (12, 40, 4), (30, 6, 6)])
def test_random_subspace_is_what_it_says(n, d, k):
    toy = checks.random_subspace(n=n, d=d, k=k, seed=4)
    np.testing.assert_allclose(toy.x.mean(0), toy.mean, atol=1e-10)
    covariance = (toy.x - toy.mean).T @ (toy.x - toy.mean) / n
    np.testing.assert_allclose(
        toy.components @ covariance @ toy.components.T,
        np.diag(toy.variances),
        atol=1e-9,
    )
    assert (np.linalg.eigvalsh(covariance)[::-1][:k] / toy.variances).round(
        9
    ).min() == 1


def test_an_unanswered_exercise_says_so_in_one_line():
    class Network:
        def encode(self):
            raise checks.NotAnswered

    with pytest.raises(NotImplementedError) as error:
        Network().encode()
    assert "Network.encode is waiting for you" in str(error.value)
    assert len(error.value._render_traceback_()) == 2


def test_calls_are_copies_in_order_and_leave_no_hook():
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Linear(3, 1))
    x = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    first, last = checks.calls(network, nn.Linear, x)
    assert first.layer is network[0]
    assert torch.equal(first.y, network[0](x))  # as it left, before the ReLU
    assert torch.equal(last.x, first.y.relu())
    assert not last.y.requires_grad
    assert not any(layer._forward_hooks for layer in network)


def test_raises_wants_a_value_error():
    def wrong():
        raise TypeError("something else")

    checks.raises(lambda: int("x"), "a word is no number")
    with pytest.raises(checks.CheckFailed, match="no error"):
        checks.raises(lambda: None, "nothing happens")
    with pytest.raises(checks.CheckFailed, match="TypeError: something else"):
        checks.raises(wrong, "another error")


def test_not_negative_tells_the_smallest_value():
    checks.not_negative([0.0, 2.0], "a ReLU")
    with pytest.raises(checks.CheckFailed, match=r"-0\.5"):
        checks.not_negative([-0.5, 2.0], "a ReLU")


def test_an_error_in_an_answer_shows_the_lines_of_the_answer():
    shell = InteractiveShell.instance()
    shell.run_cell("def join(a, b):\n    return a @ b\n")
    shell.user_ns["checks"] = checks
    run = "checks.inputs_unchanged(join, *checks.np.ones((2, 3, 2)))"
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        outcome = shell.run_cell(run)
    text = re.sub(r"\x1b\[[\d;]*m", "", shown.getvalue())
    assert isinstance(outcome.error_in_exec, ValueError)
    assert "return a @ b" in text
    assert "operators such as" not in text
