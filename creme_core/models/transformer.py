"""A transformer with relative positions, computed where it is read: all columns in, the wanted ones out.

Enformer's and Borzoi's layers are the same but for the features that describe a relative position.
"""

from collections.abc import Callable

import torch
from enformer_pytorch.modeling_enformer import get_positional_embed
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from creme_core.models.trunk import convolution

__all__ = ["PositionFeatures", "Transformer"]

# An attention layer and a number of columns, to features (2 * columns - 1, their number) of the relative positions
# 1 - columns to columns - 1.
PositionFeatures = Callable[[nn.Module, int], torch.Tensor]

# Sequences go through all layers together as far as this memory holds what they need: on a CPU, its caches.
BYTES_AT_ONCE = {"cpu": 16 * 2**20, "cuda": 2**33, "mps": 2**30}
# Queries handled at once: their logits stay in a CPU's cache, and only the relative positions they meet are computed.
QUERIES_AT_ONCE = 192
# From here on oneDNN's gain outweighs its sorting the weights anew in each call.
ROWS_FOR_CONVOLUTION = 256


class Transformer:
    """The layers of a network in eval mode for sequences of a fixed number of columns.

    Differences to the network's own forward, none of which changes the result beyond rounding: keys of relative
    positions are computed once; relative logits are computed for the offsets that occur and read through a skewed view
    instead of being shifted; the last layer is computed only for the wanted columns, without keys and values of the
    others when few are wanted.

    Args:
        network: a module with a `transformer` and a `config` as Enformer's, in eval mode; not changed.
        columns: columns of a sequence.
        dtype: of weights and activations.
        features: of relative positions; Enformer's unless told.

    Attributes:
        bytes_per_sequence: roughly what one more sequence of a batch takes while it is computed.
    """

    def __init__(self, network: nn.Module, columns: int, dtype: torch.dtype, features: PositionFeatures | None = None):
        features = features or _enformer_features
        self._layers = [_Layer(layer, columns, dtype, features) for layer in network.transformer]
        # Normalised, residual and attended columns; with more than one layer also keys, values, hidden units, logits.
        dim = network.config.dim
        numbers = 4 * columns * dim
        if len(self._layers) > 1:
            heads = network.config.heads
            numbers += columns * (4 * dim + 2 * heads * network.config.attn_dim_key)
            numbers += heads * min(QUERIES_AT_ONCE, columns) * 4 * columns
        self.bytes_per_sequence = numbers * dtype.itemsize
        self._at_once = max(BYTES_AT_ONCE[network.device.type] // self.bytes_per_sequence, 1)

    def __call__(self, x: torch.Tensor, wanted: range) -> torch.Tensor:
        """Columns x (batch, columns, dim) to the `wanted` ones after every layer: (batch, len(wanted), dim)."""
        return torch.cat([self._through(part, wanted) for part in x.split(self._at_once)])

    def _through(self, x: torch.Tensor, wanted: range) -> torch.Tensor:
        everywhere = range(x.shape[1])
        for layer in self._layers[:-1]:
            # In a gradient, what a layer holds is computed again rather than kept: 1 GB a layer at full size.
            x = checkpoint(layer, x, everywhere, use_reentrant=False) if x.requires_grad else layer(x, everywhere)
        if not self._layers:
            return x[:, wanted.start : wanted.stop]
        return self._layers[-1](x, wanted)


class _Layer:
    """Attention and feed-forward, each with its residual."""

    def __init__(self, layer: nn.Sequential, columns: int, dtype: torch.dtype, features: PositionFeatures):
        norm, attention, _ = layer[0].fn
        self._norm = _LayerNorm(norm, dtype)
        self._attention = _Attention(attention, columns, dtype, features)
        norm, expand, _, _, contract, _ = layer[1].fn
        self._forward_norm = _LayerNorm(norm, dtype)
        self._expand = _Linear(expand, dtype)
        self._contract = _Linear(contract, dtype)

    def __call__(self, x: torch.Tensor, wanted: range) -> torch.Tensor:
        attended = self._attention(self._norm(x), wanted)
        x = attended.add_(x[:, wanted.start : wanted.stop])
        return self._contract(self._expand(self._forward_norm(x)).relu_()).add_(x)


class _Attention:
    def __init__(self, attention: nn.Module, columns: int, dtype: torch.dtype, features: PositionFeatures):
        self._heads = attention.heads
        self._scale = attention.scale
        self._to_query = _Linear(attention.to_q, dtype)
        self._to_key = _Linear(attention.to_k, dtype)
        self._to_value = _Linear(attention.to_v, dtype)
        self._to_out = _Linear(attention.to_out, dtype)
        self._content_bias = attention.rel_content_bias.to(dtype)
        self._position_bias = attention.rel_pos_bias.to(dtype)
        self._position_keys = _position_keys(attention, features(attention, columns), dtype)

    def __call__(self, x: torch.Tensor, wanted: range) -> torch.Tensor:
        """x (batch, columns, dim), already normalised, to (batch, len(wanted), dim)."""
        query = self._split(self._to_query(x[:, wanted.start : wanted.stop])) * self._scale
        few = len(wanted) * 2 <= query.shape[-1]
        attended = self._attend_few(x, query, wanted) if few else self._attend(x, query, wanted)
        return self._to_out(attended.transpose(1, 2).flatten(2))

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, columns, heads * size) to (batch, heads, columns, size)."""
        return x.unflatten(2, (self._heads, -1)).transpose(1, 2)

    def _attend(self, x: torch.Tensor, query: torch.Tensor, wanted: range) -> torch.Tensor:
        key, value = self._split(self._to_key(x)), self._split(self._to_value(x))
        attended = query.new_empty((len(query), len(wanted), self._heads, value.shape[-1])).transpose(1, 2)
        for start in range(0, len(wanted), QUERIES_AT_ONCE):
            block = query[:, :, start : start + QUERIES_AT_ONCE]
            relative = self._relative_logits(block, wanted.start + start)
            stop = start + block.shape[2]
            attended[:, :, start:stop] = _attention(block + self._content_bias, key, value, relative)
        return attended

    def _relative_logits(self, query: torch.Tensor, first: int) -> torch.Tensor:
        """Logits of relative positions for successive queries, the first at column `first`: (batch, heads, queries, n).

        Query i and column j are j - i + n - 1 rows into the position keys. The block's queries together meet n + size
        successive rows, and its row i begins one place further left than the row above it: the wanted logits are the
        product read with a row length of one less.
        """
        batch, heads, size, _ = query.shape
        columns = self._position_keys.shape[1] // 2
        low = columns - first - size
        keys = self._position_keys[:, low : low + columns + size]
        logits = torch.matmul(query + self._position_bias, keys.transpose(1, 2))
        length = columns + size
        strides = (heads * size * length, size * length, length - 1, 1)
        return logits.as_strided((batch, heads, size, columns), strides, size - 1)

    def _attend_few(self, x: torch.Tensor, query: torch.Tensor, wanted: range) -> torch.Tensor:
        """Attention of a few queries with keys and values never written out.

        With k = W x, q.k = (q W).x, and a mean of W x is W times the mean of x: the weights are applied to the queries
        and to the results, not to every column.
        """
        _, heads, few, _ = query.shape
        columns = x.shape[1]
        to_key = self._to_key.weight.unflatten(0, (heads, -1))
        to_value = self._to_value.weight.unflatten(0, (heads, -1))
        asking = torch.matmul(query + self._content_bias, to_key).flatten(1, 2)
        logits = torch.matmul(asking, x.transpose(1, 2)).unflatten(1, (heads, few))
        placed = query + self._position_bias
        for row, column in enumerate(wanted):
            keys = self._position_keys[:, columns - 1 - column : 2 * columns - 1 - column]
            logits[:, :, row] += torch.matmul(placed[:, :, row, None], keys.transpose(1, 2))[:, :, 0]
        mean = torch.matmul(logits.softmax(dim=-1).flatten(1, 2), x).unflatten(1, (heads, few))
        return torch.matmul(mean, to_value.transpose(1, 2))


def _attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, added: torch.Tensor) -> torch.Tensor:
    """Softmax attention with logits added to; all are (batch, heads, queries or columns, size or columns)."""
    if query.device.type != "cpu":
        # Fused attention refuses a mask whose rows are not aligned in memory, as those of a skewed view never are.
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=added.contiguous(), scale=1.0)
    # On a CPU, torch has no fused kernel for values wider than keys, and its substitute reads the logits five times.
    logits = torch.matmul(query, key.transpose(2, 3)).add_(added)
    return torch.matmul(logits.softmax(dim=-1), value)


class _LayerNorm:
    def __init__(self, norm: nn.LayerNorm, dtype: torch.dtype):
        self._arguments = (norm.normalized_shape, norm.weight.to(dtype), norm.bias.to(dtype), norm.eps)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, *self._arguments)


class _Linear:
    def __init__(self, linear: nn.Linear, dtype: torch.dtype):
        self.weight = linear.weight.to(dtype)
        self._bias = None if linear.bias is None else linear.bias.to(dtype)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        few = x.shape[0] * x.shape[1] < ROWS_FOR_CONVOLUTION
        if few or x.device.type != "cpu" or x.dtype != torch.float32:
            return functional.linear(x, self.weight, self._bias)
        rows = convolution(x.flatten(0, 1)[None], self.weight[:, :, None, None], self._bias)
        return rows.unflatten(1, x.shape[:2])[0]


def _position_keys(attention: nn.Module, features: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Keys of the relative positions, and a row of zeros: (heads, 2 * columns, size)."""
    weight = attention.to_rel_k.weight
    keys = functional.linear(features.to(weight), weight).unflatten(1, (attention.heads, -1)).transpose(0, 1)
    return functional.pad(keys, (0, 0, 0, 1)).to(dtype).contiguous()


def _enformer_features(attention: nn.Module, columns: int) -> torch.Tensor:
    weight = attention.to_rel_k.weight
    return get_positional_embed(
        columns,
        attention.num_rel_pos_features,
        weight.device,
        use_tf_gamma=attention.use_tf_gamma,
        dtype=weight.dtype,
    )
