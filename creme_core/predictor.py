"""The one place that calls a model: look up, deduplicate, batch, predict, save."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from creme_core.models.base import SequenceModel
from creme_core.mutant import Mutant
from creme_core.store import MemoryStore, Store

__all__ = ["Cancel", "Cancelled", "Predictor", "Progress"]


class Cancel(Protocol):
    """Anything that says whether to stop, such as a threading.Event."""

    def is_set(self) -> bool:
        """Whether to stop."""


class Cancelled(Exception):
    """The run was stopped on request; every batch before that is in the store."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        done, total: mutants with a prediction, mutants in all.
        reused: those of `done` that the model was not asked for: found in the store, or equal to another mutant.
        activity: float32 (total, tracks), read-only, NaN in the rows still to come; it goes on filling.
        result: what an experiment can already say, of its own Result type; None from the predictor itself.
    """

    done: int
    total: int
    reused: int
    activity: np.ndarray = field(repr=False, compare=False)
    result: Any = field(default=None, repr=False, compare=False)


class Predictor:
    """Predicts TSS activity, each different sequence once.

    Args:
        model: the network.
        store: where predictions are looked up and kept; None keeps them in memory.
        turn: called for a context manager around every model call, so that several runs can share a device in turns.

    Attributes:
        computed: sequences the model was asked for since this was made.
        reused: sequences it was not asked for, since they were stored or equal to another.
    """

    def __init__(
        self,
        model: SequenceModel,
        store: Store | MemoryStore | None = None,
        turn: Callable[[], AbstractContextManager] | None = None,
    ):
        self.model = model
        self.store = MemoryStore() if store is None else store
        self.computed = 0
        self.reused = 0
        self._turn = nullcontext if turn is None else turn

    def predict(
        self,
        mutants: Sequence[Mutant],
        on_progress: Callable[[Progress], None] | None = None,
        cancel: Cancel | None = None,
    ) -> np.ndarray:
        """TSS activity of every mutant on every track.

        Args:
            mutants: windows of the model's input length.
            on_progress: called with a Progress after the look-up and after each batch.
            cancel: looked at before each batch.

        Returns:
            float32 (len(mutants), tracks), in the order asked.

        Raises:
            Cancelled: when cancel was set; finished batches are stored.
            ValueError: a mutant of another length than the model's input.
        """
        for mutant in mutants:
            if mutant.length != self.model.input_length:
                raise ValueError(
                    f"A sequence of {mutant.length:,} bp was given to {self.model.name}, which takes "
                    f"{self.model.input_length:,} bp; make the locus with length=model.input_length."
                )
        rows: dict[str, list[int]] = {}
        for row, mutant in enumerate(mutants):
            rows.setdefault(mutant.digest, []).append(row)
        activity = np.full((len(mutants), len(self.model.tracks)), np.nan, dtype=np.float32)
        view = activity.view()
        view.flags.writeable = False
        done = reused = 0

        def fill(digest: str, values: np.ndarray) -> None:
            nonlocal done
            activity[rows[digest]] = values
            done += len(rows[digest])

        def report() -> None:
            if on_progress is not None:
                on_progress(Progress(done=done, total=len(mutants), reused=reused, activity=view))

        def take_stored(digests: list[str]) -> list[str]:
            """Fill in what the store has; return the rest."""
            nonlocal reused
            found = self.store.load(self.model.fingerprint, self.model.precision, digests)
            for digest, values in found.items():
                fill(digest, values)
                reused += len(rows[digest])
                self.reused += len(rows[digest])
            return [digest for digest in digests if digest not in found]

        waiting = take_stored(list(rows))
        report()
        while waiting:
            _stop_if(cancel)
            with self._turn():
                _stop_if(cancel)
                batch, waiting = waiting[: self.model.batch_size], waiting[self.model.batch_size :]
                # Another run may have stored them while this one waited for its turn.
                batch = take_stored(batch)
                if batch:
                    values = self.model.tss_activity([mutants[rows[digest][0]] for digest in batch])
                    self.store.save(self.model.fingerprint, self.model.precision, batch, values)
                    for digest, value in zip(batch, values, strict=True):
                        fill(digest, value)
                    repeats = sum(len(rows[digest]) - 1 for digest in batch)
                    reused += repeats
                    self.computed += len(batch)
                    self.reused += repeats
            report()
        return activity

    def gradient(self, codes: np.ndarray, readout: str | int) -> np.ndarray:
        """Gradient of a readout's TSS activity by the one-hot input: codes (length,) to (length, 4). Not stored."""
        with self._turn():
            return self.model.gradient(codes, readout)


def _stop_if(cancel: Cancel | None) -> None:
    if cancel is not None and cancel.is_set():
        raise Cancelled("The run was cancelled; what it had computed is kept.")
