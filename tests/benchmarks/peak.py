"""On a GPU: what share of the measured matrix-multiply peak a prediction reaches."""

import statistics
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.benchmarks.engines import timed

__all__ = ["floating_point_operations", "matmul_peak"]

SIDE = 8_192


def matmul_peak(precision: str) -> float:
    """Return the operations a second of a large square matrix product on the GPU, in the precision in use."""
    dtype = {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(precision, torch.float32)
    a, b = (torch.randn(SIDE, SIDE, device="cuda", dtype=dtype) for _ in range(2))
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    try:
        a @ b  # the first product also loads the library
        seconds = statistics.median(timed(lambda: a @ b, "cuda")[0] for _ in range(10))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    return 2 * SIDE**3 / seconds


def floating_point_operations(action: Callable[[], object]) -> int:
    """Count the operations of the matrix products, convolutions and attention in `action`."""
    with FlopCounterMode(display=False) as counter:
        action()
    return counter.get_total_flops()
