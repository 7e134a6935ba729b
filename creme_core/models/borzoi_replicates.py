"""Several trained networks asked the same: all kept in memory, or one loaded after the other."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from borzoi_pytorch import Borzoi

from creme_core.models.borzoi_incremental import BorzoiCaches, IncrementalBorzoi
from creme_core.models.borzoi_weights import BorzoiWeights, frozen_network

__all__ = ["Replicates"]

T = TypeVar("T")
# (network, dtype of trunk and transformer, caches from before or None)
MakeEngine = Callable[[Borzoi, torch.dtype, BorzoiCaches | None], IncrementalBorzoi]


class Replicates:
    """Engines over the weights of several replicates.

    Args:
        weights: of each.
        make_engine: makes the engine for a network.
        device: of the networks.
        dtype: of the networks; engines may compute in half of it.
        streamed: hold the weights of no more than one replicate at a time. The columns that engines have cached stay,
            since they cost more to compute than weights to read.

    Attributes:
        streamed: as above.
        reload_seconds: what getting all replicates ready takes each time; 0 where they are kept.
    """

    def __init__(
        self,
        weights: Sequence[BorzoiWeights],
        make_engine: MakeEngine,
        device: torch.device,
        dtype: torch.dtype,
        streamed: bool,
    ):
        self._weights = list(weights)
        self._make_engine = make_engine
        self._device = device
        self._dtype = dtype
        self.streamed = streamed
        self.reload_seconds = 0.0
        self._networks: dict[int, Borzoi] = {}
        self._engines: dict[tuple[int, torch.dtype], IncrementalBorzoi] = {}
        self._caches: dict[tuple[int, torch.dtype], BorzoiCaches] = {}

    def __len__(self) -> int:
        return len(self._weights)

    def ask(self, question: Callable[[IncrementalBorzoi], T], dtype: torch.dtype | None = None) -> T:
        """The mean of what replicates answer, each asked once, in order; no reference to an engine may be kept.

        Args:
            question: asked of each engine; its answers can be added and divided.
            dtype: of the engine's trunk and transformer, where not the networks'.
        """
        dtype = self._dtype if dtype is None else dtype
        total = self._answer(0, dtype, question)
        for number in range(1, len(self)):
            total = total + self._answer(number, dtype, question)
        return total / len(self)

    def ask_first(self, question: Callable[[IncrementalBorzoi], T]) -> T:
        """What the first replicate answers."""
        return self._answer(0, self._dtype, question)

    @property
    def caching(self) -> bool:
        """Whether there is anything that `clear` would forget."""
        return any(self._caches.values())

    def clear(self) -> None:
        """Forget every cached column, to free memory."""
        for caches in self._caches.values():
            caches.clear()

    def _answer(self, number: int, dtype: torch.dtype, question: Callable[[IncrementalBorzoi], T]) -> T:
        # The engine is a variable of this call alone, so that its weights go before the next one's come.
        engine = self._engines.get((number, dtype))
        if engine is None:
            started = time.perf_counter()
            engine = self._load(number, dtype)
            if self.streamed:
                self.reload_seconds = len(self) * (time.perf_counter() - started)
        return question(engine)

    def _load(self, number: int, dtype: torch.dtype) -> IncrementalBorzoi:
        network = self._networks.get(number)
        if network is None:
            network = frozen_network(self._weights[number], self._device, self._dtype)
        key = (number, dtype)
        engine = self._make_engine(network, dtype, self._caches.get(key))
        self._caches[key] = engine.caches
        if not self.streamed:
            self._networks[number], self._engines[key] = network, engine
        return engine
