"""Borzoi's way back from 128 bp columns to bins of 32 bp, only where it is read.

Around the wanted bins, each convolution of three bins and each doubling of the resolution needs a little more than it
gives: for the eight central bins, ten bins of 32 bp (1,280 channels of the trunk), eight of 64 bp and four columns.
"""

from typing import NamedTuple

import torch
from borzoi_pytorch import Borzoi
from torch import nn
from torch.nn import functional

from creme_core.models.trunk import fold_norm

__all__ = ["BorzoiDecoder", "Reading", "reading_of"]


class Reading(NamedTuple):
    """What the decoder needs for some bins; every range counts from the start of the sequence.

    Attributes:
        bins: the wanted ones, of 32 bp.
        fine: bins of 32 bp that the last convolution sees.
        halves: bins of 64 bp that are doubled to these.
        coarse: bins of 64 bp that the convolution before sees.
        columns: of 128 bp, doubled to these.
    """

    bins: range
    fine: range
    halves: range
    coarse: range
    columns: range


def reading_of(bins: range, total: int) -> Reading:
    """What the decoder needs for `bins` of a sequence of `total` bins of 32 bp."""
    fine = range(max(bins.start - 1, 0), min(bins.stop + 1, total))
    halves = range(fine.start // 2, -(-fine.stop // 2))
    coarse = range(max(halves.start - 1, 0), min(halves.stop + 1, total // 2))
    return Reading(bins, fine, halves, coarse, range(coarse.start // 2, -(-coarse.stop // 2)))


class BorzoiDecoder:
    """The layers between a network's transformer and its output, in eval mode; activations are (batch, bins, channels).

    Args:
        network: in eval mode; not changed.
    """

    def __init__(self, network: Borzoi):
        self._from_columns = _Narrow(network.upsampling_unet1[0])
        self._beside_coarse = _Narrow(network.horizontal_conv1)
        self._on_coarse = _Separable(network.separable1)
        self._from_halves = _Narrow(network.upsampling_unet0[0])
        self._beside_fine = _Narrow(network.horizontal_conv0)
        self._on_fine = _Separable(network.separable0)
        self._final = _Narrow(network.final_joined_convs[0])
        self._weight = network.human_head.weight[:, :, 0]
        self._bias = network.human_head.bias

    def skips(self, coarse: torch.Tensor, fine: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the trunk's taps add to the decoder: (batch, bins, dim) of 64 bp, and of 32 bp."""
        return self._beside_coarse(coarse), self._beside_fine(fine)

    def __call__(
        self,
        x: torch.Tensor,
        coarse: torch.Tensor,
        fine: torch.Tensor,
        reading: Reading,
        outputs: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Raw outputs in `reading.bins`.

        Args:
            x: the transformer's (batch, reading.columns, dim).
            coarse, fine: from `skips`, for reading.coarse and reading.fine.
            reading: where.
            outputs: numbers of those wanted; all unless given.

        Returns:
            (batch, bins, outputs), squashed as the network gives them.
        """
        x = _doubled(self._from_columns(x), reading.columns, reading.coarse) + coarse
        x = self._on_coarse(x, reading.coarse, reading.halves)
        x = _doubled(self._from_halves(x), reading.halves, reading.fine) + fine
        x = self._on_fine(x, reading.fine, reading.bins)
        x = functional.gelu(self._final(x), approximate="tanh")
        weight, bias = (self._weight, self._bias) if outputs is None else (self._weight[outputs], self._bias[outputs])
        return functional.softplus(functional.linear(x, weight, bias))


def _doubled(x: torch.Tensor, given: range, wanted: range) -> torch.Tensor:
    """Each of the `given` bins twice, cut to the `wanted` ones of half the size."""
    skipped = wanted.start - 2 * given.start
    return x.repeat_interleave(2, dim=1)[:, skipped : skipped + len(wanted)]


class _Narrow:
    """Batch norm, GELU, and a convolution of width 1."""

    def __init__(self, block: nn.Module):
        convolution = block.conv_layer
        self._scale, self._shift = fold_norm(block.norm, convolution.weight.dtype)
        self._weight, self._bias = convolution.weight[:, :, 0], convolution.bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.gelu(torch.addcmul(self._shift, x, self._scale), approximate="tanh")
        return functional.linear(x, self._weight, self._bias)


class _Separable:
    """Three neighbouring bins weighed channel by channel, then mixed; nothing lies beyond the sequence's ends."""

    def __init__(self, block: nn.Module):
        by_channel, mixing = block.conv_layer
        self._before, self._here, self._after = by_channel.weight[:, 0].unbind(1)
        self._weight, self._bias = mixing.weight[:, :, 0], mixing.bias

    def __call__(self, x: torch.Tensor, given: range, wanted: range) -> torch.Tensor:
        """x in the `given` bins to the `wanted` ones, which lack one on a side only where the sequence ends."""
        x = functional.pad(x, (0, 0, given.start - (wanted.start - 1), wanted.stop + 1 - given.stop))
        mixed = self._before * x[:, :-2] + self._here * x[:, 1:-1] + self._after * x[:, 2:]
        return functional.linear(mixed, self._weight, self._bias)
