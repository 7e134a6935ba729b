"""Trunk columns kept for reuse: whole backgrounds, and single columns by the bases that decide them."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch

__all__ = ["BackgroundCache", "ColumnCache", "column_keys", "touched_columns"]


def touched_columns(positions: np.ndarray, columns: int, bin_size: int, reach: int) -> np.ndarray:
    """The columns that depend on any of the given positions, ascending.

    Args:
        positions: 0-based positions in the sequence.
        columns: bins of the sequence.
        bin_size: bases of a bin.
        reach: bases on each side of a bin that its column depends on.
    """
    if positions.size == 0:
        return np.empty(0, dtype=np.int64)
    first = np.maximum((positions - reach) // bin_size, 0)
    last = np.minimum((positions + reach) // bin_size, columns - 1)
    opened = np.bincount(first, minlength=columns + 1) - np.bincount(last + 1, minlength=columns + 1)
    return np.flatnonzero(np.cumsum(opened[:columns]))


def column_keys(padded: np.ndarray, columns: np.ndarray, bin_size: int, reach: int) -> list[bytes]:
    """Content addresses of columns: equal keys have equal bases in their bin and reach, and so equal columns.

    Args:
        padded: uint8 codes (reach + length + reach,), with OUTSIDE beyond the sequence.
        columns: column numbers.
        bin_size: bases of a bin.
        reach: bases on each side of a bin that its column depends on.
    """
    view = memoryview(padded)
    size = bin_size + 2 * reach
    starts = (columns * bin_size).tolist()
    return [hashlib.blake2b(view[start : start + size], digest_size=16).digest() for start in starts]


class BackgroundCache:
    """Columns of whole sequences, the least recently used dropped when they exceed a number of bytes."""

    def __init__(self, max_bytes: int):
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[str, torch.Tensor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, digest: str) -> torch.Tensor | None:
        """Columns (columns, dim) of the sequence with this digest, or None."""
        if digest in self._entries:
            self._entries.move_to_end(digest)
        return self._entries.get(digest)

    def put(self, digest: str, columns: torch.Tensor) -> None:
        """Keep columns (columns, dim) that no one will change; one entry stays even if it is over the cap alone."""
        self._bytes += columns.nbytes
        self._entries[digest] = columns
        while self._bytes > self._max_bytes and len(self._entries) > 1:
            self._bytes -= self._entries.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._bytes = 0


class ColumnCache:
    """Single columns by key, in one block of memory that is written round and round: the oldest go first."""

    def __init__(self, capacity: int, dim: int, dtype: torch.dtype, device: torch.device):
        self._rows = torch.empty((capacity, dim), dtype=dtype, device=device)
        self._key_of: list[bytes | None] = [None] * capacity
        self._slot_of: dict[bytes, int] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._slot_of)

    def slots(self, keys: Sequence[bytes]) -> list[int | None]:
        """Where the columns of keys lie, None for those that are not kept; valid until the next `add`."""
        return [self._slot_of.get(key) for key in keys]

    def read(self, slots: Sequence[int]) -> torch.Tensor:
        """Columns at slots: (len(slots), dim), a copy."""
        return self._rows[torch.tensor(slots, device=self._rows.device)]

    def add(self, keys: Sequence[bytes], columns: torch.Tensor) -> None:
        """Keep columns (len(keys), dim), or the last of them that fit."""
        capacity = len(self._key_of)
        surplus = max(len(keys) - capacity, 0)
        slots = [(self._next + offset) % capacity for offset in range(len(keys) - surplus)]
        for slot, key in zip(slots, keys[surplus:], strict=True):
            replaced = self._key_of[slot]
            if replaced is not None and self._slot_of.get(replaced) == slot:
                del self._slot_of[replaced]
            self._key_of[slot] = key
            self._slot_of[key] = slot
        self._rows[torch.tensor(slots, device=self._rows.device, dtype=torch.int64)] = columns[surplus:]
        self._next = (self._next + len(slots)) % capacity

    def clear(self) -> None:
        """Forget everything."""
        self._key_of = [None] * len(self._key_of)
        self._slot_of.clear()
