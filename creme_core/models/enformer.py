"""Enformer (Avsec et al., 2021) as a SequenceModel: any `enformer_pytorch.Enformer`, of any width and depth."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from enformer_pytorch import Enformer
from enformer_pytorch.modeling_enformer import Attention

from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs
from creme_core.models.base import check_tracks, list_cell_lines, resolve_readout
from creme_core.models.batched import HALF_PRECISIONS, BatchedModel
from creme_core.models.device import free_memory, matmul_precision
from creme_core.models.incremental import IncrementalEnformer
from creme_core.models.weights import address, frozen_copy, named_tensors
from creme_core.mutant import Mutant
from creme_core.sequence import one_hot

__all__ = [
    "SEQUENCE_LENGTH",
    "EnformerModel",
    "attentions",
    "check_tf_gammas",
    "fingerprint",
    "frozen_copy",
]

SEQUENCE_LENGTH = 196_608
# What the table of position features that comes with enformer_pytorch (its TF gammas) was made for.
TF_COLUMNS = 1536
TF_FEATURES = 192


class EnformerModel(BatchedModel):
    """Predicts tracks with an Enformer; see `base.SequenceModel` for the attributes it shares with other models.

    What an edit does not reach is not computed again (`incremental`). Calls from several threads wait for each other.

    Args:
        module: any enformer_pytorch.Enformer, in train or eval mode, on any device. It is read, never changed; weights
            are shared where device and precision allow, so do not train it further while this model is in use.
        tracks: one row an output of `head`, with the columns base.TRACK_COLUMNS.
        device: "auto" (CUDA, else Apple MPS, else CPU), "cpu", "cuda", "mps", or a torch.device.
        precision: "auto" (TF32 on CUDA, else float32), "float32", "float64", "tf32", "float16" or "bfloat16". The last
            two are checked at once, and given up for float32 where they change effects.
        input_length: bases of an input sequence; a multiple of twice the bin size.
        name: what people call the model.
        head: which of the module's output heads to read.

    Attributes:
        device: the torch.device in use.
        output_bins: bins of a profile.
        cell_lines: those with CAGE tracks, in the order to offer them in.
        cutoffs: the paper's, for Enformer.
        precision_report: requested, used, checked (whether effects were compared), largest_difference, limit, message.

    Raises:
        ValueError: arguments that do not fit the module or this machine.
    """

    cutoffs: Cutoffs = ENFORMER_CUTOFFS

    def __init__(
        self,
        module: Enformer,
        tracks: pd.DataFrame,
        *,
        device: str | torch.device = "auto",
        precision: str = "auto",
        input_length: int = SEQUENCE_LENGTH,
        name: str = "Enformer",
        head: str = "human",
    ):
        if not isinstance(module, Enformer):
            raise ValueError(f"EnformerModel wraps an enformer_pytorch.Enformer, not a {type(module).__name__}.")
        if head not in module.heads:
            raise ValueError(f"The network has no head {head!r}; it has {', '.join(module.heads)}.")
        super().__init__(name, device, precision, input_length)
        self.head = head
        self.tracks = check_tracks(tracks, module.output_heads[head])
        self.cell_lines = list_cell_lines(self.tracks)
        self.bin_size = 2 ** (1 + len(module.conv_tower))
        crop = _crop(self.input_length, self.bin_size, module.crop_final.target_length)
        check_tf_gammas(module, self.input_length)
        self.output_bins = self.input_length // self.bin_size - 2 * crop
        self.tss_bins = (self.output_bins // 2 - 1, self.output_bins // 2)
        self.fingerprint = fingerprint(module, self.input_length, head)
        self._network = frozen_copy(module, self.device, self.dtype)
        self._exact = self._engine = IncrementalEnformer(self._network, head, self.input_length, crop, self.dtype)
        if self.precision in HALF_PRECISIONS:
            half = HALF_PRECISIONS[self.precision]
            engine = IncrementalEnformer(self._network, head, self.input_length, crop, half)
            if self._accept_half(self._exact.tss_activity, engine.tss_activity):
                self._engine = engine
            self._exact.clear()
        self._plan_batches(self._engine.flops_per_mutant, self._engine.bytes_per_mutant, free_memory(self.device))

    def _activity(self, mutants: Sequence[Mutant]) -> torch.Tensor:
        return self._in_batches(self._engine, mutants)

    def forward_full(self, codes: np.ndarray) -> np.ndarray:
        """The network's own forward on codes (n, input_length) as one batch, nothing reused: (n, output bins, tracks).

        In float32 where a half precision is in use.
        """
        self._check_length(codes.shape[1])
        bases = torch.from_numpy(one_hot(codes)).to(self.device, self.dtype)
        with self._lock, torch.inference_mode(), matmul_precision(self.precision, self.device):
            return self._network(bases)[self.head].cpu().numpy()

    def profile(self, codes: np.ndarray, readouts: Sequence[str | int]) -> np.ndarray:
        """Prediction along codes (input_length,): float32 (output_bins, len(readouts)), a readout's tracks averaged."""
        self._check_length(len(codes))
        indices = [resolve_readout(self.tracks, readout) for readout in readouts]
        with self._lock, self._settings():
            every = self._engine.profile(codes).cpu().numpy()
        columns = [every[:, index].mean(axis=1) for index in indices]
        return np.array(columns, dtype=np.float32).reshape(len(indices), self.output_bins).T

    def gradient(self, codes: np.ndarray, readout: str | int) -> np.ndarray:
        """Gradient of the readout's TSS activity by the one-hot input at codes: (input_length, 4), float32 or float64.

        Never in half precision, in which small gradients vanish.
        """
        self._check_length(len(codes))
        tracks = torch.from_numpy(resolve_readout(self.tracks, readout)).to(self.device)
        with self._lock, self._settings():
            return self._exact.gradient(codes, tracks).cpu().numpy()

    def _forget(self) -> bool:
        anything = self._engine.caching
        self._engine.clear()
        return anything


def fingerprint(module: Enformer, input_length: int, head: str) -> str:
    """32 hex digits over the weights that take part and the settings that decide a prediction, not the device."""
    facts = {
        "input_length": input_length,
        "head": head,
        "target_length": module.crop_final.target_length,
        "use_tf_gamma": [attention.use_tf_gamma for attention in attentions(module)],
        "heads": [attention.heads for attention in attentions(module)],
    }
    # The other heads take no part. named_tensors lists each tensor once, though the module lists its trunk twice.
    used = ((name, tensor) for name, tensor in named_tensors(module).items() if not _of_other_head(name, head))
    return address(json.dumps(facts), b"creme-enformer", used)


def check_tf_gammas(module: Enformer, input_length: int) -> None:
    """Refuse position features from TensorFlow where they do not fit: they are a table for one size only.

    Raises:
        ValueError: a layer that uses them with another number of columns or of features a head.
    """
    columns = input_length // 2 ** (1 + len(module.conv_tower))
    for attention in attentions(module):
        if not attention.use_tf_gamma:
            continue
        features = attention.num_rel_pos_features
        if (columns, features) != (TF_COLUMNS, TF_FEATURES):
            raise ValueError(
                f"The network's use_tf_gamma takes position features that exist only for {TF_COLUMNS:,} columns and "
                f"{TF_FEATURES} features a head (dim / heads); here are {columns:,} and {features}."
            )


def attentions(module: Enformer) -> list[Attention]:
    """The attention layers, first to last."""
    return [layer[0].fn[1] for layer in module.transformer]


def _of_other_head(name: str, head: str) -> bool:
    return name.startswith("_heads.") and not name.startswith(f"_heads.{head}.")


def _crop(input_length: int, bin_size: int, target_length: int) -> int:
    """Columns dropped on each side before the head, as enformer_pytorch's TargetLengthCrop does."""
    if input_length < 2 * bin_size or input_length % (2 * bin_size):
        raise ValueError(
            f"input_length={input_length:,} does not fit bins of {bin_size}; it must be a multiple of {2 * bin_size}, "
            "so that two bins meet at the centre."
        )
    columns = input_length // bin_size
    if target_length == -1:
        return 0
    if not 2 <= target_length <= columns:
        raise ValueError(
            f"The network keeps {target_length:,} of {columns:,} bins; it must keep 2 to {columns:,}, or -1 for all."
        )
    return (columns - target_length + 1) // 2
