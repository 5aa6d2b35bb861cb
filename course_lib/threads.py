"""How many threads torch uses on the CPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_threads(n: int) -> Iterator[None]:
    """Let torch use n threads on the CPU, for a while.

    One is best for small operations: threads wait for each other at every one of them,
    and where cores are shared that can cost twenty times the work.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
