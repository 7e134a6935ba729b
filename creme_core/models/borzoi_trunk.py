"""Borzoi's convolutions on a stretch of sequence: seven stages to columns of 128 bp, tapped for its decoder."""

import torch
from borzoi_pytorch import Borzoi
from torch import nn
from torch.nn import functional

from creme_core.models.trunk import WindowTrunk, conv_weights, convolution, fold_norm

__all__ = ["COARSE", "FINE", "BorzoiTrunk"]

# The stages whose output, before pooling, the decoder adds to what comes back from the transformer.
FINE = 5  # bins of 32 bp
COARSE = 6  # bins of 64 bp


class BorzoiTrunk(WindowTrunk):
    """Every convolution of a Borzoi up to its transformer, with batch norms folded.

    Args:
        network: in eval mode; not changed.
        dtype: of weights and activations.
    """

    def __init__(self, network: Borzoi, dtype: torch.dtype):
        tower = [block for block in network.res_tower if not isinstance(block, nn.MaxPool1d)]
        blocks = [network.conv_dna, *tower, network.unet1[1]]
        weights = [sum(parameter.numel() for parameter in block.parameters()) for block in blocks]
        first, last = blocks[0].conv_layer, blocks[-1].conv_layer
        stages = [_Stage(block, dtype) for block in blocks]
        super().__init__(stages, last.out_channels, first.out_channels, weights, first.weight.device, dtype)


class _Stage:
    """Batch norm and GELU (not in the first), a wide convolution, the larger of each two neighbours."""

    def __init__(self, block: nn.Module, dtype: torch.dtype):
        self.margin = 0
        self.half_width = block.conv_layer.kernel_size[0] // 2
        self._weights = conv_weights(block.conv_layer, dtype)
        self._norm = fold_norm(block.norm, dtype) if hasattr(block, "norm") else None

    def activate(self, x: torch.Tensor) -> torch.Tensor:
        scale, shift = self._norm
        return functional.gelu(torch.addcmul(shift, x, scale), approximate="tanh")

    def convolve(self, x: torch.Tensor) -> torch.Tensor:
        return convolution(x, *self._weights)

    def pool(self, x: torch.Tensor) -> torch.Tensor:
        pairs = x.unflatten(1, (-1, 2))
        first, second = pairs[:, :, 0], pairs[:, :, 1]
        if x.requires_grad:
            # Of two equal neighbours, as in a run of one base, the network's pooling passes the gradient to the first.
            return torch.where(first >= second, first, second)
        return torch.maximum(first, second)
