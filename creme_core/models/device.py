"""Where and how exactly to compute: device, precision, free memory."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

__all__ = [
    "PRECISIONS",
    "choose_device",
    "choose_precision",
    "cpu_threads",
    "free_memory",
    "is_out_of_memory",
    "matmul_precision",
]

PRECISIONS = ("auto", "float32", "float64", "tf32", "float16", "bfloat16")
# Taken as free where the machine does not say.
UNKNOWN_MEMORY = 4 * 2**30


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """The torch device meant by "auto" (CUDA, else Apple MPS, else CPU), "cpu", "cuda", "mps" or a torch.device.

    Raises:
        ValueError: no such device, or not on this machine.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if isinstance(device, str) and device == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"{device!r} is no device; it is 'auto', 'cpu', 'cuda' or 'mps'.") from error
    if not available.get(chosen.type, False):
        there = ", ".join(kind for kind, there in available.items() if there)
        raise ValueError(f"This machine has no {chosen.type} device; choose 'auto' or one of: {there}.")
    return chosen


def choose_precision(precision: str, device: torch.device) -> str:
    """What "auto" means on a device (TF32 on CUDA, else float32), or the precision asked for.

    Raises:
        ValueError: an unknown precision, or one the device does not have.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r} is not known; it is one of {', '.join(PRECISIONS)}.")
    if precision == "auto":
        return "tf32" if device.type == "cuda" else "float32"
    if precision == "tf32" and device.type != "cuda":
        raise ValueError("precision='tf32' needs a CUDA device; choose 'auto' or 'float32'.")
    if precision == "float64" and device.type == "mps":
        raise ValueError("Apple MPS has no float64; choose precision='auto', or device='cpu'.")
    return precision


@contextmanager
def matmul_precision(precision: str, device: torch.device) -> Iterator[None]:
    """Allow TF32 inside the block for precision "tf32" and forbid it for any other; torch's settings are put back."""
    if device.type != "cuda":
        yield
        return
    settings = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
    before = [setting.fp32_precision for setting in settings]
    try:
        for setting in settings:
            setting.fp32_precision = "tf32" if precision == "tf32" else "ieee"
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setting.fp32_precision = value


def free_memory(device: torch.device) -> int:
    """Bytes that can be allocated on a device now, as far as the machine tells."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return UNKNOWN_MEMORY


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out; torch has no class of its own for the CPU."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


@contextmanager
def cpu_threads(count: int | None) -> Iterator[None]:
    """Let the calling thread compute with so many CPU threads meanwhile; None leaves the number alone."""
    before = torch.get_num_threads()
    try:
        if count is not None:
            torch.set_num_threads(count)
        yield
    finally:
        if count is not None:
            torch.set_num_threads(before)
