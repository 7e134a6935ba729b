"""Any PyTorch network as a SequenceModel."""

import json
import re
import threading
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn

from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs
from creme_core.models.base import check_tracks, list_cell_lines, make_tracks, resolve_readout
from creme_core.models.device import choose_device, choose_precision, is_out_of_memory, matmul_precision
from creme_core.models.weights import address, frozen_copy, named_tensors
from creme_core.mutant import Mutant
from creme_core.sequence import ALPHABET, one_hot

__all__ = ["TorchModel"]

PRECISIONS = ("float32", "float64", "tf32")


class TorchModel:
    """Predicts with a PyTorch network: subclass it, and say in `forward` how the network is called.

    Args:
        network: in train or eval mode, on any device; it is read, never changed. Weights are shared where device and
            precision allow, so do not train it further while this model is in use.
        tracks: one row an output track, with the columns base.TRACK_COLUMNS; or the cell lines' names alone.
        input_length: bases of an input sequence.
        name: what people call the model; None takes the network's class.
        bin_size: bases of an output bin; None where the bins cover the whole input.
        tss_bins: output bins whose mean is the TSS activity; None takes the two central ones (the one, if odd).
        batch_size: sequences predicted at once; halved where memory runs out.
        cutoffs: where to draw the lines between calls.
        version: any text. Predictions are filed under the weights, the settings and what print(network) shows: where
            `forward` changes and none of these does, change the version.
        device: "auto" (CUDA, else Apple MPS, else CPU), "cpu", "cuda", "mps", or a torch.device.
        precision: "auto" (TF32 on CUDA, else float32), "float32", "float64" or "tf32".

    Attributes:
        network: a copy in eval mode, on the device.
        output_bins: bins of a profile.
        cell_lines: those with CAGE tracks, in the order to offer them in.

    Raises:
        ValueError: arguments that do not fit the network or this machine; `forward` is tried once to find out.
    """

    def __init__(
        self,
        network: nn.Module,
        tracks: pd.DataFrame | Sequence[str],
        *,
        input_length: int,
        name: str | None = None,
        bin_size: int | None = None,
        tss_bins: Sequence[int] | None = None,
        batch_size: int = 8,
        cutoffs: Cutoffs = ENFORMER_CUTOFFS,
        version: str = "",
        device: str | torch.device = "auto",
        precision: str = "auto",
    ):
        self.name = type(network).__name__ if name is None else name
        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision={precision!r} is not for a TorchModel; choose 'auto', {', '.join(PRECISIONS)}."
            )
        self.input_length = int(input_length)
        self.batch_size = max(int(batch_size), 1)
        self.cutoffs = cutoffs
        self._dtype = torch.float64 if self.precision == "float64" else torch.float32
        self._lock = threading.RLock()
        self.network = frozen_copy(network, self.device, self._dtype)
        unknown = np.full((1, self.input_length), ALPHABET.index("N"), np.uint8)
        with torch.inference_mode():
            self.output_bins, outputs = self._predict(self.bases(unknown)).shape[1:]
        table = tracks if isinstance(tracks, pd.DataFrame) else make_tracks(tracks)
        self.tracks = check_tracks(table, outputs)
        self.cell_lines = list_cell_lines(self.tracks)
        self.bin_size = self.input_length // self.output_bins if bin_size is None else int(bin_size)
        centre = range((self.output_bins - 1) // 2, self.output_bins // 2 + 1)
        self.tss_bins = tuple(centre if tss_bins is None else (int(index) for index in tss_bins))
        if not self.tss_bins or not all(0 <= index < self.output_bins for index in self.tss_bins):
            raise ValueError(
                f"tss_bins={self.tss_bins} do not fit; {self.name} has bins 0 to {self.output_bins - 1:,}."
            )
        kind = f"{type(self).__module__}.{type(self).__qualname__}"
        # What is shown of a function inside a network has its place in memory, which is another every time.
        shown = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(network))
        facts = [kind, version, shown, self.input_length, self.tss_bins]
        self.fingerprint = address(json.dumps(facts), b"creme-torch", named_tensors(network).items())

    def forward(self, bases: torch.Tensor) -> torch.Tensor:
        """Call the network; override it unless it takes and gives exactly this.

        Args:
            bases: one-hot (sequences, input_length, 4) in the order A, C, G, T; an N is 0.25 everywhere.

        Returns:
            (sequences, bins, tracks), or (sequences, tracks) where there are no bins.
        """
        return self.network(bases)

    def bases(self, codes: np.ndarray) -> torch.Tensor:
        """One-hot of codes (..., length) on the model's device: (..., length, 4)."""
        return torch.from_numpy(one_hot(codes)).to(self.device, self._dtype)

    def tss_activity(self, mutants: Sequence[Mutant]) -> np.ndarray:
        """Mean prediction over `tss_bins` for every mutant and track: float32 (n, tracks), float64 with "float64".

        Override it to make use of `mutant.background` and `mutant.edits`: what edits do not reach need not be computed
        again.

        Raises:
            ValueError: a mutant whose length is not `input_length`.
            MemoryError: not even one mutant fits into memory.
        """
        parts = []
        waiting = list(mutants)
        while waiting:
            batch = waiting[: self.batch_size]
            activity = self._try_batch(batch)
            if activity is not None:
                parts.append(activity)
                waiting = waiting[len(batch) :]
            elif len(batch) == 1:
                raise MemoryError(f"There is not enough memory on {self.device} for one sequence of {self.name}.")
            else:
                self.batch_size = len(batch) // 2
        if not parts:
            return np.empty((0, len(self.tracks)), np.float64 if self.precision == "float64" else np.float32)
        return np.concatenate(parts)

    def profile(self, codes: np.ndarray, readouts: Sequence[str | int]) -> np.ndarray:
        """Prediction along codes (input_length,): (output_bins, len(readouts)), a readout's tracks averaged."""
        indices = [resolve_readout(self.tracks, readout) for readout in readouts]
        with torch.inference_mode():
            every = self._predict(self.bases(codes[None]))[0].cpu().numpy()
        columns = [every[:, index].mean(axis=1) for index in indices]
        return np.array(columns, dtype=every.dtype).reshape(len(indices), self.output_bins).T

    def gradient(self, codes: np.ndarray, readout: str | int) -> np.ndarray:
        """Gradient of the readout's TSS activity by the one-hot input at codes: (input_length, 4)."""
        tracks = resolve_readout(self.tracks, readout)
        bases = self.bases(codes[None]).requires_grad_()
        activity = self._predict(bases)[0, self.tss_bins, :][:, tracks].mean()
        return torch.autograd.grad(activity, bases)[0][0].cpu().numpy()

    def _try_batch(self, mutants: Sequence[Mutant]) -> np.ndarray | None:
        """TSS activity of one batch, or None where memory ran out."""
        codes = [mutant.render() for mutant in mutants]
        lengths = {len(code) for code in codes} - {self.input_length}
        if lengths:
            raise ValueError(
                f"A sequence has {lengths.pop():,} bases but {self.name} takes {self.input_length:,}; "
                f"make the locus with length={self.input_length}."
            )
        try:
            with torch.inference_mode():
                return self._predict(self.bases(np.stack(codes)))[:, self.tss_bins].mean(dim=1).cpu().numpy()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _predict(self, bases: torch.Tensor) -> torch.Tensor:
        """`forward`, with its shape checked: (sequences, bins, tracks)."""
        if bases.shape[1] != self.input_length:
            raise ValueError(f"A sequence has {bases.shape[1]:,} bases but {self.name} takes {self.input_length:,}.")
        with self._lock, matmul_precision(self.precision, self.device):
            output = self.forward(bases)
        if not isinstance(output, torch.Tensor) or output.dim() not in (2, 3) or len(output) != len(bases):
            got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
            raise ValueError(
                f"forward of {type(self).__name__} gave {got} for {len(bases)} sequences; it must give a tensor "
                "(sequences, bins, tracks) or (sequences, tracks)."
            )
        return output if output.dim() == 3 else output[:, None]
