"""What models that compute mutants in batches share: batches that fit, and half precision only where it is harmless."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import pandas as pd
import torch

from creme_core.models.batching import SECONDS_PER_BATCH, BatchSize
from creme_core.models.device import choose_device, choose_precision, cpu_threads, is_out_of_memory, matmul_precision
from creme_core.mutant import Background, Edit, Mutant

__all__ = ["HALF_PRECISIONS", "LARGEST_EFFECT_ERROR", "BatchedModel", "Engine"]

HALF_PRECISIONS = {"float16": torch.float16, "bfloat16": torch.bfloat16}
# A half precision is used only if it changes no effect (WT - MUT) / WT by more than this at load.
LARGEST_EFFECT_ERROR = 0.002
# Where the mutants of that check have their edits, as shares of the sequence: at the TSS, near it, far on both sides.
CHECKED_PLACES = (0.04, 0.3, 0.45, 0.5, 0.56, 0.9)
CHECKED_SHARE = 0.025
# Share of free memory that batches may take, and the speed a device is first thought to have (it is measured later).
MEMORY_SHARE = 0.5
FIRST_GUESS_FLOPS = {"cpu": 1e10, "cuda": 2e13, "mps": 2e12}
# Below this a mutant's work is too little to share among CPU threads: they wait for each other at every small step, and
# on a machine that does anything else besides, ten times longer than they work.
SHARED_FLOPS = 1e9


class Engine(Protocol):
    """What computes TSS activity: (n, tracks) of mutants."""

    def tss_activity(self, mutants: Sequence[Mutant]) -> torch.Tensor:
        """In the order given."""
        ...


class BatchedModel:
    """Device, precision and batches of a model whose engines compute mutants together.

    Args:
        name: what people call the model.
        device, precision: as `device.choose_device` and `device.choose_precision` take them.
        input_length: bases of an input sequence.

    A subclass sets `tracks` and `tss_bins`, calls `_plan_batches`, and defines `forward_full`, `_activity`, `_forget`.

    Attributes:
        name, input_length, device: as above.
        precision: in use.
        precision_report: requested, used, checked (whether effects were compared), largest_difference, limit, message.
    """

    tracks: pd.DataFrame
    tss_bins: tuple[int, ...]

    def __init__(self, name: str, device: str | torch.device, precision: str, input_length: int):
        self.name = name
        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self.input_length = int(input_length)
        self.precision_report = {
            "requested": precision,
            "used": self.precision,
            "checked": False,
            "largest_difference": 0.0,
            "limit": LARGEST_EFFECT_ERROR,
            "message": f"All numbers are computed in {self.precision}.",
        }
        self._lock = threading.RLock()
        self._threads: int | None = None
        self._batch = BatchSize(1, 1)

    @property
    def batch_size(self) -> int:
        """Mutants best handed over at once; follows the measured speed, so ask again for each batch."""
        return self._batch.size

    @property
    def dtype(self) -> torch.dtype:
        """Of the network's weights, and of what is predicted: float64 with precision="float64", else float32."""
        return torch.float64 if self.precision == "float64" else torch.float32

    def tss_activity(self, mutants: Sequence[Mutant]) -> np.ndarray:
        """Mean prediction over `tss_bins` (and replicates, where there are several), for every mutant and track.

        Args:
            mutants: any number; more than `batch_size` are computed in several batches.

        Returns:
            float32 (n, tracks) in the order given; float64 with precision="float64".

        Raises:
            ValueError: a mutant whose length is not `input_length`.
            MemoryError: not even one mutant fits into memory.
        """
        for mutant in mutants:
            self._check_length(mutant.length)
        if not mutants:
            return np.empty((0, len(self.tracks)), np.float64 if self.precision == "float64" else np.float32)
        with self._lock, self._settings():
            return self._activity(mutants).numpy()

    def plain_tss_activity(self, mutants: Sequence[Mutant]) -> np.ndarray:
        """What `tss_activity` returns, by whole forward passes of the network itself: slow, for comparison."""
        activity = [self.forward_full(mutant.render()[None])[0, self.tss_bins, :].mean(axis=0) for mutant in mutants]
        return np.array(activity).reshape(len(mutants), len(self.tracks))

    def _activity(self, mutants: Sequence[Mutant]) -> torch.Tensor:
        """TSS activity (n, tracks) on the CPU of at least one mutant, all of the right length."""
        raise NotImplementedError

    def _plan_batches(self, flops_per_mutant: float, bytes_per_mutant: float, free_bytes: float) -> None:
        """Begin with batches as a device of this kind is thought to manage."""
        guess = SECONDS_PER_BATCH * FIRST_GUESS_FLOPS[self.device.type] / flops_per_mutant
        self._threads = 1 if self.device.type == "cpu" and flops_per_mutant < SHARED_FLOPS else None
        self._batch = BatchSize(guess, MEMORY_SHARE * free_bytes / bytes_per_mutant)

    def _in_batches(
        self, engine: Engine, mutants: Sequence[Mutant], times: int = 1, fixed: float = 0.0
    ) -> torch.Tensor:
        """TSS activity (n, tracks) on the CPU, in batches that take a moment and fit into memory.

        Args:
            engine: asked once a batch.
            mutants: at least one.
            times: how often a mutant is computed in all, if by several engines.
            fixed: seconds that a batch takes besides, whatever its size.

        Raises:
            MemoryError: not even one mutant fits.
        """
        parts, done = [], 0
        while done < len(mutants):
            batch = mutants[done : done + self._batch.size]
            started = time.perf_counter()
            values = self._try_batch(engine, batch)
            if values is None:
                self._make_room(len(batch))
                continue
            self._batch.observe(len(batch), times * (time.perf_counter() - started), fixed)
            parts.append(values)
            done += len(batch)
        return torch.cat(parts)

    @contextmanager
    def _settings(self) -> Iterator[None]:
        """What torch is told about precision and threads, inside the block only."""
        with matmul_precision(self.precision, self.device), cpu_threads(self._threads):
            yield

    def _try_batch(self, engine: Engine, mutants: Sequence[Mutant]) -> torch.Tensor | None:
        """TSS activity of one batch, or None where memory ran out."""
        try:
            return engine.tss_activity(mutants).cpu()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _make_room(self, failed: int) -> None:
        """After memory ran out on `failed` mutants: forget what is cached, and go on with half as many."""
        if not self._forget() and failed == 1:
            raise MemoryError(
                f"There is not enough memory on {self.device} for one sequence of {self.name}; "
                "close other programs, or choose another device."
            )
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self._batch.halve(failed)

    def _forget(self) -> bool:
        """Drop what is cached; say whether there was anything."""
        raise NotImplementedError

    def _accept_half(self, exact: Callable[[list[Mutant]], torch.Tensor], half: Callable[..., torch.Tensor]) -> bool:
        """Whether the effects of a few edits to a random sequence come out the same in half precision.

        Args:
            exact, half: TSS activity (n, tracks) of mutants.
        """
        mutants = _checked_mutants(self.input_length)
        with matmul_precision("float32", self.device):
            difference = float((_effects(exact(mutants)) - _effects(half(mutants))).abs().max())
        # Written so that a difference that is no number counts as too large.
        within = difference <= LARGEST_EFFECT_ERROR
        outcome = "so it is used" if within else "so float32 is used instead"
        message = (
            f"{self.precision} changes the effects of {len(mutants) - 1} test edits by at most {difference:.5f} "
            f"against float32 (allowed: {LARGEST_EFFECT_ERROR}), {outcome}."
        )
        if not within:
            self.precision = "float32"
        self.precision_report |= {"checked": True, "largest_difference": difference, "message": message}
        self.precision_report["used"] = self.precision
        return within

    def _check_length(self, length: int) -> None:
        if length != self.input_length:
            raise ValueError(
                f"A sequence has {length:,} bases but {self.name} takes {self.input_length:,}; "
                f"make the locus with length={self.input_length}."
            )


def _checked_mutants(length: int) -> list[Mutant]:
    """A random sequence, and edits of it at CHECKED_PLACES; always the same ones."""
    generator = np.random.Generator(np.random.Philox(0))
    background = Background(generator.integers(0, 4, length, dtype=np.uint8))
    size = max(int(length * CHECKED_SHARE), 1)
    starts = [int((length - size) * place) for place in CHECKED_PLACES]
    edits = [Edit(start, generator.integers(0, 4, size, dtype=np.uint8)) for start in starts]
    return [Mutant(background), *(Mutant(background, (edit,)) for edit in edits)]


def _effects(activity: torch.Tensor) -> torch.Tensor:
    """(WT - MUT) / WT of rows 1 onwards against row 0, the wild type."""
    wild_type = activity[0].double()
    return (wild_type - activity[1:].double()) / wild_type
