"""A network's convolutions on a stretch of sequence: exactly the columns a full pass would give there.

A column is the trunk's output for one bin. It depends on the bases of its bin and `reach` more on each side, no others.
"""

from typing import Protocol

import numpy as np
import torch
from enformer_pytorch import Enformer
from torch import nn
from torch.nn import functional

from creme_core.sequence import ALPHABET, one_hot

__all__ = ["OUTSIDE", "Trunk", "WindowTrunk", "conv_weights", "convolution", "fold_norm"]

# What lies beyond either end of the sequence: no base at all, the network's own zero padding.
OUTSIDE = len(ALPHABET)
# enformer_pytorch's GELU is x * sigmoid(1.702 x), that is silu(1.702 x) / 1.702.
GELU_SLOPE = 1.702


class Stage(Protocol):
    """One halving of the resolution: (windows, positions, channels) in, half the positions out.

    Attributes:
        half_width: positions on each side that the wide convolution sees.
        margin: positions on each side of a window that this and all later stages use up; WindowTrunk sets it.
    """

    half_width: int
    margin: int

    def activate(self, x: torch.Tensor) -> torch.Tensor:
        """What the wide convolution is given, before padding; not called for the first stage."""
        ...

    def convolve(self, x: torch.Tensor) -> torch.Tensor:
        """The wide convolution and what follows at its resolution, `half_width` used up on each side."""
        ...

    def pool(self, x: torch.Tensor) -> torch.Tensor:
        """Neighbouring positions made one."""
        ...


class WindowTrunk:
    """Convolutional stages of a network in eval mode, on windows of a sequence.

    Activations are (windows, positions, channels), so that a 1-wide convolution is one matrix product. Convolutions are
    run without padding on windows that carry their own margin; positions beyond the sequence's ends are set to zero
    before each of them, as the network's padding does.

    Args:
        stages: from the bases to the columns.
        dim: channels of a column.
        first_channels: channels at full resolution, where memory is spent.
        weights: parameters of each stage.
        device, dtype: of weights and activations.

    Attributes:
        bin_size: bases of a bin.
        reach: bases on each side of a bin that its column depends on.
        dim, first_channels: as above.
        flops_per_column: arithmetic of a column, margins aside.
    """

    def __init__(
        self,
        stages: list[Stage],
        dim: int,
        first_channels: int,
        weights: list[int],
        device: torch.device,
        dtype: torch.dtype,
    ):
        self.bin_size = 2 ** len(stages)
        self.dim = dim
        self.first_channels = first_channels
        self.flops_per_column = sum(2 * count * self.bin_size >> level for level, count in enumerate(weights))
        table = np.vstack([one_hot(np.arange(OUTSIDE)), np.zeros((1, 4))])
        self._table = torch.from_numpy(table).to(device, dtype)
        self._stages = stages
        margin = 0
        for stage in reversed(stages):
            stage.margin = 2 * margin + stage.half_width
            margin = stage.margin
        self.reach = margin

    def one_hot(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes (..., length), OUTSIDE among them, to (..., length, 4) in the trunk's precision."""
        return functional.embedding(codes.to(self._table.device, torch.int32), self._table)

    def columns(
        self,
        bases: torch.Tensor,
        starts: list[int],
        total: int,
        tapped: dict[int, torch.Tensor | None] | None = None,
    ) -> torch.Tensor:
        """Columns of equally wide windows.

        Args:
            bases: one-hot (windows, width * bin_size + 2 * reach, 4): the window's bins and `reach` on each side, zeros
                beyond the sequence's ends.
            starts: first bin of each window, all inside the sequence as their last bins are.
            total: bins of the whole sequence.
            tapped: its keys are numbers of stages, whose output before pooling is put there: (windows, positions,
                channels), the window's positions only.

        Returns:
            (windows, width, dim)
        """
        width = (bases.shape[1] - 2 * self.reach) // self.bin_size
        x = bases
        per_bin = self.bin_size
        for level, stage in enumerate(self._stages):
            if level > 0:
                # The bases come with their padding; from there on each stage's activations are padded anew.
                x = stage.activate(x)
                for window, start in enumerate(starts):
                    before = stage.margin - start * per_bin
                    after = stage.margin - (total - start - width) * per_bin
                    if before > 0:
                        x[window, :before] = 0
                    if after > 0:
                        x[window, x.shape[1] - after :] = 0
            x = stage.convolve(x)
            if tapped is not None and level in tapped:
                outside = (x.shape[1] - width * per_bin) // 2
                tapped[level] = x[:, outside : outside + width * per_bin]
            x = stage.pool(x)
            per_bin //= 2
        return x


class Trunk(WindowTrunk):
    """Stem and tower of an Enformer, with batch norm and the slope of GELU folded into the weights.

    Args:
        network: in eval mode; not changed.
        dtype: of weights and activations.
    """

    def __init__(self, network: Enformer, dtype: torch.dtype):
        blocks = [network.stem, *network.conv_tower]
        weights = [sum(parameter.numel() for parameter in block.parameters()) for block in blocks]
        first = network.stem[0]
        stages = [_Stage(block, dtype) for block in blocks]
        super().__init__(stages, network.dim, first.out_channels, weights, first.weight.device, dtype)


class _Stage:
    """Wide convolution, residual 1-wide convolution, attention pooling of neighbours."""

    def __init__(self, stage: nn.Sequential, dtype: torch.dtype):
        wide, residual, pool = stage
        if pool.pool_size != 2:
            raise ValueError(f"The network pools {pool.pool_size} positions at a time; only 2 is supported.")
        self.margin = 0
        # The stem begins with a bare convolution of the bases, the tower's stages with batch norm and GELU.
        if isinstance(wide, nn.Conv1d):
            self._wide = conv_weights(wide, dtype)
            self.half_width = wide.kernel_size[0] // 2
        else:
            self._before = fold_norm(wide[0], dtype, GELU_SLOPE)
            self._wide = conv_weights(wide[2], dtype, 1 / GELU_SLOPE)
            self.half_width = wide[2].kernel_size[0] // 2
        self._between = fold_norm(residual.fn[0], dtype, GELU_SLOPE)
        self._narrow = conv_weights(residual.fn[2], dtype, 1 / GELU_SLOPE)
        self._pool = pool.to_attn_logits.weight.to(dtype)

    def activate(self, x: torch.Tensor) -> torch.Tensor:
        return _gelu(x, self._before)

    def convolve(self, x: torch.Tensor) -> torch.Tensor:
        x = convolution(x, *self._wide)
        return convolution(_gelu(x, self._between), *self._narrow).add_(x)

    def pool(self, x: torch.Tensor) -> torch.Tensor:
        pairs = x.unflatten(1, (-1, 2))
        first, second = pairs[:, :, 0], pairs[:, :, 1]
        # A softmax over two logits is a sigmoid of their difference, and the logits are linear in x.
        difference = first - second
        share = convolution(difference, self._pool, None).sigmoid_()
        return torch.addcmul(second, share, difference)


def convolution(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Convolve x (windows, positions, channels) without padding; weight (channels out, channels, 1, width).

    On a CPU, oneDNN's convolution in this channels-last layout is about 1.4 times faster than the matrix product that
    torch uses for a linear layer, so 1-wide ones go this way too.
    """
    image = x.unsqueeze(1).permute(0, 3, 1, 2)
    return functional.conv2d(image, weight, bias).permute(0, 2, 3, 1).squeeze(1)


def _gelu(x: torch.Tensor, norm: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    scale, shift = norm
    return functional.silu(torch.addcmul(shift, x, scale), inplace=True)


def fold_norm(norm: nn.BatchNorm1d, dtype: torch.dtype, factor: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift (channels,) that a batch norm's running statistics amount to, times a factor."""
    # In double precision, which Apple's devices lack: on the CPU, then.
    weight, bias, mean, variance = (
        tensor.cpu().double() for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    scale = weight / torch.sqrt(variance + norm.eps)
    folded = scale * factor, (bias - mean * scale) * factor
    return tuple(tensor.to(norm.weight.device, dtype) for tensor in folded)


def conv_weights(layer: nn.Conv1d, dtype: torch.dtype, factor: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight (channels out, channels, 1, width) times a factor, and bias, as `convolution` takes them."""
    weight = (layer.weight * factor).to(dtype)[:, :, None, :]
    return weight.contiguous(memory_format=torch.channels_last), layer.bias.to(dtype)
