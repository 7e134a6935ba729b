"""Borzoi on mutants of shared backgrounds: what an edit cannot reach is not computed again.

As for Enformer (see `incremental`), trunk columns are found or computed one by one, and every column goes through the
transformer. The decoder is computed at the eight central bins only; the finer activations of the trunk that it adds
there depend on 1,030 bases round the TSS at most, which most mutants share, and are kept by these bases.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from borzoi_pytorch import Borzoi
from borzoi_pytorch.pytorch_borzoi_transformer import get_positional_embed
from torch import nn

from creme_core.models.borzoi_decoder import BorzoiDecoder, Reading, reading_of
from creme_core.models.borzoi_tracks import BorzoiOutputs
from creme_core.models.borzoi_trunk import COARSE, FINE, BorzoiTrunk
from creme_core.models.columns import BackgroundCache
from creme_core.models.incremental import Caches, IncrementalColumns, Window
from creme_core.models.transformer import Transformer
from creme_core.mutant import Background, Mutant

__all__ = ["BINS_PER_COLUMN", "TSS_BINS", "BorzoiCaches", "IncrementalBorzoi", "position_features"]

BINS_PER_COLUMN = 4
# Bins of 32 bp whose mean is the TSS activity (creme, estimate_TSS_activity.py).
TSS_BINS = 8
# The length in columns that borzoi_pytorch's position features are scaled by, whatever the sequence's.
TRAINED_COLUMNS = 4096
# The wild type, ten shuffles of it and one more; a sequence's columns are 25 MB at full size in float32.
LEAST_BACKGROUNDS = 12
MOST_BACKGROUNDS = 64
# For single columns, and for what the decoder adds at the TSS.
COLUMN_BYTES = 64 * 2**20
SKIP_BYTES = 16 * 2**20


def position_features(attention: nn.Module, columns: int) -> torch.Tensor:
    """Features of the relative positions 1 - columns to columns - 1: (2 * columns - 1, features)."""
    weight = attention.to_rel_k.weight
    features = get_positional_embed(columns, TRAINED_COLUMNS, attention.num_rel_pos_features, weight.device)
    return features.to(weight.dtype)


class BorzoiCaches(Caches):
    """Columns, and beside them what the decoder adds at the TSS; see `Caches` for the arguments."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.skips = BackgroundCache(SKIP_BYTES)

    def __bool__(self) -> bool:
        return super().__bool__() or bool(self.skips)

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self.skips.clear()


class IncrementalBorzoi(IncrementalColumns):
    """Activity and gradients of mutants under one Borzoi, reusing what they share.

    Args:
        network: in eval mode, without gradients, on the device to use; float32 or float64. Not changed.
        outputs: what the network's outputs stand for.
        input_length: bases of a sequence.
        output_bins: central bins that a profile has.
        dtype: of trunk and transformer; the decoder runs in the network's own.
        caches: kept from an earlier engine of the same weights and dtype; made anew unless given.
        cache_bytes: for the columns of backgrounds; LEAST_BACKGROUNDS are kept even so, and MOST_BACKGROUNDS at most.

    Attributes:
        network, caches: as above.
        bytes_per_mutant, flops_per_mutant: rough cost of one more mutant in a batch.
    """

    def __init__(
        self,
        network: Borzoi,
        outputs: BorzoiOutputs,
        input_length: int,
        output_bins: int,
        dtype: torch.dtype,
        caches: BorzoiCaches | None = None,
        cache_bytes: int | None = None,
    ):
        device = network.human_head.weight.device
        with torch.no_grad():
            trunk = BorzoiTrunk(network, dtype)
            count = input_length // trunk.bin_size
            layers = network.transformer
            self._transformer = (
                _OwnLayers(layers) if network.flashed else Transformer(network, count, dtype, position_features)
            )
            self._decoder = BorzoiDecoder(network)
        if caches is None:
            sequence = count * trunk.dim * dtype.itemsize
            kept = min(max(cache_bytes or 0, LEAST_BACKGROUNDS * sequence), MOST_BACKGROUNDS * sequence)
            caches = BorzoiCaches(trunk, dtype, device, COLUMN_BYTES, kept)
        self.caches = caches
        super().__init__(trunk, count, dtype, device, self.caches)
        self.network = network
        self._outputs = outputs
        total = BINS_PER_COLUMN * count
        self._kept = _central(output_bins, total)
        self._tss = reading_of(_central(TSS_BINS, total), total)
        sequence_bytes = getattr(self._transformer, "bytes_per_sequence", 2 * self.column_bytes)
        self.bytes_per_mutant = self.column_bytes + sequence_bytes + TSS_BINS * len(outputs) * 16
        weights = sum(parameter.numel() for parameter in network.transformer[:-1].parameters())
        config = network.config
        logits = config.heads * (2 * config.attn_dim_key + config.attn_dim_value) * count
        self.flops_per_mutant = 2 * count * (weights + max(config.depth - 1, 0) * logits) + self.edit_flops

    def tss_activity(self, mutants: Sequence[Mutant]) -> torch.Tensor:
        """Mean over the eight central bins, strands of CAGE summed: (n, tracks), in the order given."""
        with torch.no_grad():
            columns = self.columns(mutants)
            raw = self._decode(columns, *self._tss_skips(mutants), self._tss)
            return self._outputs.sum_strands(self._outputs.undo_squashing(raw).mean(dim=1))

    def profile(self, codes: np.ndarray, outputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Outputs (n,) of codes (input_length,) in every central bin, times weights (n, readouts): (bins, readouts)."""
        total = BINS_PER_COLUMN * self._count
        reading = reading_of(self._kept, total)
        columns = reading.columns
        with torch.no_grad():
            bases = self._padded_one_hot(codes)
            parts = []
            for window in self._split([Window(0, columns.start, columns.stop)]):
                parts.append(self._decoder.skips(*self._taps(bases[None, self._span(window)], window.start)))
            coarse, fine = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
            coarse, fine = _cut(coarse, columns, reading.coarse), _cut(fine, columns, reading.fine)
            x = self.columns([Mutant(Background(codes))])
            raw = self._decode(x, coarse, fine, reading, outputs)
            return self._outputs.undo_squashing(raw, outputs)[0] @ weights.to(raw)

    def gradient(self, codes: np.ndarray, outputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Gradient by the one-hot input of the TSS activity of outputs (n,) times weights (n,): (input_length, 4)."""
        window = Window(0, self._tss.columns.start, self._tss.columns.stop)
        with torch.no_grad():
            columns = self.columns([Mutant(Background(codes))])
            bases = self._padded_one_hot(codes)[None, self._span(window)].clone()
        bases.requires_grad_()
        taps = self._taps(bases, window.start)
        leaves = [columns, *(tap.detach() for tap in taps)]
        for leaf in leaves:
            leaf.requires_grad_()
        skips = self._decoder.skips(*leaves[1:])
        raw = self._decode(columns, *self._at_tss(*skips), self._tss, outputs)
        activity = self._outputs.undo_squashing(raw, outputs).mean(dim=1)[0] @ weights.to(raw)
        by_column, *by_tap = torch.autograd.grad(activity, leaves)
        (by_window,) = torch.autograd.grad(taps, bases, by_tap)
        by_base = self.gradient_by_base(codes, by_column)
        reach = self._trunk.reach
        start = window.start * self._trunk.bin_size - reach
        inside = slice(max(-start, 0), min(by_window.shape[1], len(by_base) - start))
        by_base[start + inside.start : start + inside.stop] += by_window[0, inside]
        return by_base

    def full(self, bases: torch.Tensor) -> torch.Tensor:
        """The network's own forward on one-hot bases (n, 4, input_length): raw outputs (n, outputs, bins).

        Step by step, because its `forward` takes the head's input as float32 whatever the network is.
        """
        network = self.network
        for layer in network.transformer:
            if not network.flashed:
                # Which it would make at its first forward, in float32.
                layer[0].fn[1].positions = position_features(layer[0].fn[1], self._count)
        with torch.inference_mode(), _autocast(network):
            x = network.final_joined_convs(network.get_embs_after_crop(bases))
            return network.final_softplus(network.human_head(x.to(network.human_head.weight.dtype)))

    def _decode(
        self,
        columns: torch.Tensor,
        coarse: torch.Tensor,
        fine: torch.Tensor,
        reading: Reading,
        outputs: torch.Tensor | None = None,
    ) -> torch.Tensor:
        own = self.network.human_head.weight.dtype
        x = self._transformer(columns, reading.columns)
        return self._decoder(x.to(own), coarse, fine, reading, outputs)

    def _tss_skips(self, mutants: Sequence[Mutant]) -> tuple[torch.Tensor, torch.Tensor]:
        """What the decoder adds at the TSS of each mutant: (n, coarse bins, dim) and (n, fine bins, dim)."""
        window = Window(0, self._tss.columns.start, self._tss.columns.stop)
        span = self._span(window)
        padded = self._padding(1)[0]
        wanted, codes = [], {}
        for mutant in mutants:
            self._fill(padded, mutant.render())
            part = padded[span].copy()
            wanted.append(hashlib.blake2b(part, digest_size=16).hexdigest())
            codes[wanted[-1]] = part
        rows = {digest: self.caches.skips.get(digest) for digest in codes}
        missing = [digest for digest, row in rows.items() if row is None]
        room = max(self._bases_at_once // len(range(*span.indices(len(padded)))), 1)
        for first in range(0, len(missing), room):
            some = missing[first : first + room]
            bases = self._trunk.one_hot(torch.from_numpy(np.stack([codes[digest] for digest in some])))
            skips = self._at_tss(*self._decoder.skips(*self._taps(bases, *[window.start] * len(some))))
            for digest, row in zip(some, torch.cat(skips, dim=1), strict=True):
                rows[digest] = row.clone()
                self.caches.skips.put(digest, rows[digest])
        every = torch.stack([rows[digest] for digest in wanted])
        return every[:, : len(self._tss.coarse)], every[:, len(self._tss.coarse) :]

    def _at_tss(self, coarse: torch.Tensor, fine: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The bins of the TSS's columns cut to those that are read."""
        return _cut(coarse, self._tss.columns, self._tss.coarse), _cut(fine, self._tss.columns, self._tss.fine)

    def _taps(self, bases: torch.Tensor, *starts: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The trunk at 64 bp and at 32 bp in windows that begin at columns `starts`, in the network's own precision."""
        tapped: dict[int, torch.Tensor | None] = {COARSE: None, FINE: None}
        self._trunk.columns(bases, list(starts), self._count, tapped)
        own = self.network.human_head.weight.dtype
        return tapped[COARSE].to(own), tapped[FINE].to(own)

    def _span(self, window: Window) -> slice:
        """A window's bases and its margins in padded codes."""
        bin_size = self._trunk.bin_size
        return slice(window.start * bin_size, window.stop * bin_size + 2 * self._trunk.reach)


class _OwnLayers:
    """Flashzoi's transformer as it is: its attention runs in half precision, on CUDA, for every column."""

    def __init__(self, layers: nn.Sequential):
        self._layers = layers

    def __call__(self, x: torch.Tensor, wanted: range) -> torch.Tensor:
        with torch.autocast(x.device.type, torch.float16, enabled=x.device.type == "cuda"):
            attended = self._layers(x)
        return attended[:, wanted.start : wanted.stop].to(x.dtype)


def _autocast(network: Borzoi) -> torch.autocast:
    kind = network.human_head.weight.device.type
    return torch.autocast(kind, torch.float16, enabled=network.flashed and kind == "cuda")


def _central(bins: int, total: int) -> range:
    """The central `bins` of `total`, both even."""
    return range(total // 2 - bins // 2, total // 2 + bins // 2)


def _cut(x: torch.Tensor, columns: range, bins: range) -> torch.Tensor:
    """x (batch, the bins of `columns`, dim) cut to `bins`, counted from the start of the sequence."""
    skipped = bins.start - columns.start * (x.shape[1] // len(columns))
    return x[:, skipped : skipped + len(bins)]
