"""Exact incremental inference: what an edit cannot reach is not computed again.

The convolutional trunk sees a few hundred bases each way (`Trunk.reach`), so a mutant shares nearly all of its columns
with its background. Columns are found in this order:

1. a column none of whose bases differ from the background is the background's;
2. a column whose bases have been seen before, in any mutant, is taken from the `ColumnCache`;
3. the rest are computed in windows of neighbouring columns.

The columns of a background cost as much as a full pass. They are computed, and kept, when that spares at least two
thirds of this cost within the batch; one mutant with small edits is enough. Alone it then costs a full pass and its
windows (a 5 kb edit: 3% more), but the next batch, which may well be of the same background, pays for windows only.
Mutants of a background that is neither known nor worth it get one window of full width.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from enformer_pytorch import Enformer

from creme_core.models.columns import BackgroundCache, ColumnCache, column_keys, touched_columns
from creme_core.models.transformer import Transformer
from creme_core.models.trunk import OUTSIDE, Trunk, WindowTrunk
from creme_core.mutant import Background, Mutant

__all__ = ["Caches", "IncrementalColumns", "IncrementalEnformer", "Window"]

CACHE_BYTES = 256 * 2**20
CACHED_COLUMNS = 100_000
# Largest activation of the trunk: what a CPU's caches hold; a GPU wants more work at once.
ACTIVATION_BYTES = {"cpu": 4 * 2**20, "cuda": 2**31, "mps": 2**28}
# But never windows so narrow that their margins weigh.
LEAST_COLUMNS_AT_ONCE = 64
# Windows narrower than this share of the widest in their batch wait for a batch of their own.
WIDENED_SHARE = 0.75
# Share of the columns that a tile of 5 kb of 196,608 bp reaches.
TYPICAL_SHARE = 0.03
# A background's columns are computed when that spares this share of their cost at once.
WORTHWHILE_SHARE = 2 / 3


class Window(NamedTuple):
    """Columns start to stop of one mutant of the batch, to be computed."""

    row: int
    start: int
    stop: int

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.stop - self.start


class _Change(NamedTuple):
    """Columns of one mutant that differ from its background's, their keys, and where they are kept if they are."""

    row: int
    columns: list[int]
    keys: list[bytes]
    slots: list[int | None]


class Caches:
    """What one network's columns are kept in, as long as it has the same weights.

    Args:
        trunk: whose columns.
        dtype, device: of the columns.
        column_bytes: for single columns.
        background_bytes: for columns of whole backgrounds.
    """

    def __init__(
        self,
        trunk: WindowTrunk,
        dtype: torch.dtype,
        device: torch.device,
        column_bytes: int,
        background_bytes: int,
    ):
        capacity = min(CACHED_COLUMNS, max(column_bytes // (trunk.dim * dtype.itemsize), 1))
        self.seen = ColumnCache(capacity, trunk.dim, dtype, device)
        self.backgrounds = BackgroundCache(background_bytes)

    def __bool__(self) -> bool:
        return bool(self.seen) or bool(self.backgrounds)

    def clear(self) -> None:
        """Forget everything."""
        self.seen.clear()
        self.backgrounds.clear()


class IncrementalColumns:
    """Trunk columns of mutants, reusing what they share.

    Not for several threads at once: its caches change while it computes.

    Args:
        trunk: of the network.
        count: columns of a sequence.
        dtype, device: of the trunk.
        caches: kept from an earlier one of the same weights; made anew unless given.

    Attributes:
        computed_columns: trunk columns computed so far, margins aside, whole backgrounds included.
    """

    def __init__(
        self, trunk: WindowTrunk, count: int, dtype: torch.dtype, device: torch.device, caches: Caches | None = None
    ):
        self._trunk = trunk
        self._count = count
        self._dtype = dtype
        self._device = device
        self.computed_columns = 0
        self._caches = caches if caches is not None else Caches(trunk, dtype, device, CACHE_BYTES, CACHE_BYTES)
        # How many bases a call of the trunk is given, and the widest window that still fits.
        margin, bin_size = 2 * trunk.reach, trunk.bin_size
        bases = ACTIVATION_BYTES[device.type] // (trunk.first_channels * dtype.itemsize)
        self._bases_at_once = max(bases, LEAST_COLUMNS_AT_ONCE * bin_size + margin)
        self._widest = (self._bases_at_once - margin) // bin_size

    @property
    def column_bytes(self) -> int:
        """Memory of the columns of one sequence."""
        return self._count * self._trunk.dim * self._dtype.itemsize

    @property
    def edit_flops(self) -> float:
        """Arithmetic of the columns that a tile reaches."""
        return self._count * TYPICAL_SHARE * self._trunk.flops_per_column

    @property
    def caching(self) -> bool:
        """Whether there is anything that `clear` would forget."""
        return bool(self._caches)

    def clear(self) -> None:
        """Forget every cached column, to free memory."""
        self._caches.clear()

    def columns(self, mutants: Sequence[Mutant]) -> torch.Tensor:
        """Trunk columns of mutants: (n, columns, dim), a new tensor."""
        padded = self._padding(len(mutants))
        changes = []
        by_background = defaultdict(list)
        for row, mutant in enumerate(mutants):
            codes = mutant.render()
            self._fill(padded[row], codes)
            changes.append(self._change(row, padded[row], np.flatnonzero(codes != mutant.background.codes)))
            by_background[mutant.background.digest].append(changes[-1])
        out = torch.empty((len(mutants), self._count, self._trunk.dim), dtype=self._dtype, device=self._device)
        windows, hits, repeats, owners = [], [], [], {}
        for group in by_background.values():
            shared = self._background_columns(mutants[group[0].row].background, group)
            for change in group:
                if shared is None:
                    windows.append(Window(change.row, 0, self._count))
                    continue
                out[change.row] = shared
                windows += self._sort_out(change, hits, repeats, owners)
        if hits:
            rows, columns, slots = zip(*hits, strict=True)
            out[self._index(rows), self._index(columns)] = self._caches.seen.read(slots)
        self._compute(padded, windows, out)
        if repeats:
            rows, columns, source_rows, source_columns = zip(*repeats, strict=True)
            source = out[self._index(source_rows), self._index(source_columns)]
            out[self._index(rows), self._index(columns)] = source
        if owners:
            rows, columns = zip(*owners.values(), strict=True)
            self._caches.seen.add(list(owners), out[self._index(rows), self._index(columns)])
        return out

    def gradient_by_base(self, codes: np.ndarray, by_column: torch.Tensor) -> torch.Tensor:
        """Chain rule through the trunk, no more than one window of it held at a time.

        Args:
            codes: (length,).
            by_column: gradient by the columns of codes: (1, columns, dim).

        Returns:
            Gradient by the one-hot input: (length, 4).
        """
        trunk = self._trunk
        bases = self._padded_one_hot(codes)
        by_base = torch.zeros_like(bases)
        for window in self._split([Window(0, 0, self._count)]):
            span = slice(window.start * trunk.bin_size, window.stop * trunk.bin_size + 2 * trunk.reach)
            part = bases[None, span].clone().requires_grad_()
            computed = trunk.columns(part, [window.start], self._count)
            (gradient,) = torch.autograd.grad(computed, part, by_column[:, window.start : window.stop])
            by_base[span] += gradient[0]
        return by_base[trunk.reach : len(by_base) - trunk.reach]

    def _padded_one_hot(self, codes: np.ndarray) -> torch.Tensor:
        """(reach + length + reach, 4), zeros beyond the ends."""
        padded = self._padding(1)[0]
        self._fill(padded, codes)
        return self._trunk.one_hot(torch.from_numpy(padded))

    def _change(self, row: int, padded: np.ndarray, positions: np.ndarray) -> _Change:
        bin_size, reach = self._trunk.bin_size, self._trunk.reach
        columns = touched_columns(positions, self._count, bin_size, reach)
        keys = column_keys(padded, columns, bin_size, reach)
        return _Change(row, columns.tolist(), keys, self._caches.seen.slots(keys))

    def _background_columns(self, background: Background, group: list[_Change]) -> torch.Tensor | None:
        """Columns of a background that a group of mutants shares, or None where full passes are cheaper."""
        known = self._caches.backgrounds.get(background.digest)
        if known is not None:
            return known
        spared = sum(self._count - change.slots.count(None) for change in group)
        if spared < WORTHWHILE_SHARE * self._count:
            return None
        padded = self._padding(1)
        self._fill(padded[0], background.codes)
        columns = torch.empty((1, self._count, self._trunk.dim), dtype=self._dtype, device=self._device)
        self._compute(padded, [Window(0, 0, self._count)], columns)
        self._caches.backgrounds.put(background.digest, columns[0])
        return columns[0]

    def _sort_out(self, change: _Change, hits: list, repeats: list, owners: dict) -> list[Window]:
        """Note which changed columns are kept or already under way in this batch; return windows over the others."""
        missing = []
        for column, key, slot in zip(change.columns, change.keys, change.slots, strict=True):
            if slot is not None:
                hits.append((change.row, column, slot))
            elif key in owners:
                repeats.append((change.row, column, *owners[key]))
            else:
                owners[key] = (change.row, column)
                missing.append(column)
        # Two windows cost two margins, so a narrower gap than that is computed along.
        widest_gap = 2 * self._trunk.reach // self._trunk.bin_size
        windows = []
        for column in missing:
            if windows and column - windows[-1].stop <= widest_gap:
                windows[-1] = windows[-1]._replace(stop=column + 1)
            else:
                windows.append(Window(change.row, column, column + 1))
        return windows

    def _compute(self, padded: np.ndarray, windows: list[Window], out: torch.Tensor) -> None:
        """Write the columns of windows, rows of padded (n, reach + length + reach), into out (n, columns, dim)."""
        bin_size, margin = self._trunk.bin_size, 2 * self._trunk.reach
        pieces = sorted(self._split(windows), key=lambda piece: -piece.width)
        while pieces:
            width = pieces[0].width
            room = max(self._bases_at_once // (width * bin_size + margin), 1)
            batch = [piece for piece in pieces[:room] if piece.width >= WIDENED_SHARE * width]
            pieces = pieces[len(batch) :]
            # A narrower piece is widened to its right, or to its left where the sequence ends.
            starts = [min(piece.start, self._count - width) for piece in batch]
            codes = np.stack(
                [
                    padded[piece.row, start * bin_size : (start + width) * bin_size + margin]
                    for piece, start in zip(batch, starts, strict=True)
                ]
            )
            computed = self._trunk.columns(self._trunk.one_hot(torch.from_numpy(codes)), starts, self._count)
            self.computed_columns += width * len(batch)
            for piece, start, columns in zip(batch, starts, computed, strict=True):
                out[piece.row, piece.start : piece.stop] = columns[piece.start - start : piece.stop - start]

    def _split(self, windows: list[Window]) -> list[Window]:
        """Cut windows that are too wide for one call into nearly equal pieces."""
        pieces = []
        for row, start, stop in windows:
            parts = -(-(stop - start) // self._widest)
            cuts = [start + (stop - start) * part // parts for part in range(parts + 1)]
            pieces += [Window(row, *cut) for cut in pairwise(cuts)]
        return pieces

    def _padding(self, rows: int) -> np.ndarray:
        """Room for codes with what lies beyond the ends: (rows, reach + length + reach)."""
        return np.full((rows, self._count * self._trunk.bin_size + 2 * self._trunk.reach), OUTSIDE, np.uint8)

    def _fill(self, padded: np.ndarray, codes: np.ndarray) -> None:
        padded[self._trunk.reach : len(padded) - self._trunk.reach] = codes

    def _index(self, numbers: Sequence[int]) -> torch.Tensor:
        return torch.tensor(numbers, device=self._device)


class IncrementalEnformer(IncrementalColumns):
    """Activity and gradients of mutants under one Enformer, reusing what they share.

    Args:
        network: in eval mode, without gradients, on the device to use; float32 or float64. Not changed.
        head: which output head to read.
        input_length: bases of a sequence.
        crop: columns that the network drops on each side before its head.
        dtype: of trunk and transformer; head and what precedes it run in the network's own.

    Attributes:
        tss_columns: the two central columns, of all of the sequence's.
        bytes_per_mutant, flops_per_mutant: rough cost of one more mutant in a batch.
    """

    def __init__(self, network: Enformer, head: str, input_length: int, crop: int, dtype: torch.dtype):
        with torch.no_grad():
            trunk = Trunk(network, dtype)
            count = input_length // trunk.bin_size
            self._transformer = Transformer(network, count, dtype)
        super().__init__(trunk, count, dtype, next(network.parameters()).device)
        self._network = network
        self._head = head
        self._kept = range(crop, count - crop)
        self.tss_columns = range(count // 2 - 1, count // 2 + 1)
        self.bytes_per_mutant = self.column_bytes + self._transformer.bytes_per_sequence
        weights = sum(parameter.numel() for parameter in network.transformer[:-1].parameters())
        self.flops_per_mutant = 2 * count * weights + self.edit_flops

    def tss_activity(self, mutants: Sequence[Mutant]) -> torch.Tensor:
        """Mean over the two central bins: (n, tracks), in the order given."""
        with torch.no_grad():
            return self._predict(self.columns(mutants), self.tss_columns).mean(dim=1)

    def profile(self, codes: np.ndarray) -> torch.Tensor:
        """Every output bin and track of codes (input_length,): (output bins, tracks)."""
        with torch.no_grad():
            return self._predict(self.columns([Mutant(Background(codes))]), self._kept)[0]

    def gradient(self, codes: np.ndarray, tracks: torch.Tensor) -> torch.Tensor:
        """Gradient of the mean TSS activity of tracks by the one-hot input: (input_length, 4)."""
        with torch.no_grad():
            columns = self.columns([Mutant(Background(codes))])
        columns.requires_grad_()
        activity = self._predict(columns, self.tss_columns).mean(dim=1)[0, tracks].mean()
        (by_column,) = torch.autograd.grad(activity, columns)
        return self.gradient_by_base(codes, by_column)

    def _predict(self, columns: torch.Tensor, wanted: range) -> torch.Tensor:
        x = self._transformer(columns, wanted).to(next(self._network.parameters()).dtype)
        return self._network.heads[self._head](self._network.final_pointwise(x))
