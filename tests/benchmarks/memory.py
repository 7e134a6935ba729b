"""Peak memory of one way above the network's weights, each in a process of its own."""

import gc
import multiprocessing
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from tests.benchmarks import engines
from tests.benchmarks.networks import make_locus, make_model, make_module

__all__ = ["peak_bytes"]

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


def peak_bytes(name: str, way: str, device: str, threads: int) -> int:
    """Return the peak bytes of "published", "plain" or "ours" above what was in use once the network was loaded."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(_measure, name, way, device, threads).result()


def _measure(name: str, way: str, device: str, threads: int) -> int:
    torch.set_num_threads(threads)
    module, locus = make_module(name).to(device), make_locus(name)
    if way == "ours":
        model = make_model(name, module, device)
        run = engines.run_ours
    else:
        model = module
        run = engines.run_published if way == "published" else engines.run_plain
    gc.collect()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run(name, model, locus, device)
        return torch.cuda.max_memory_allocated() - before
    before = _start_resident_peak()
    run(name, model, locus, device)
    return _resident_peak() - before


def _start_resident_peak() -> int:
    """Make the high-water mark of resident memory start now, where the system can; return its value in bytes."""
    if CLEAR_REFS.exists():
        CLEAR_REFS.write_text("5")
    return _resident_peak()


def _resident_peak() -> int:
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
