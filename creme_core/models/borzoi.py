"""Borzoi (Linder et al., 2025) as a SequenceModel: any `borzoi_pytorch.Borzoi`, or several averaged."""

import hashlib
import json
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from borzoi_pytorch import Borzoi

from creme_core import downloads
from creme_core.effects import BORZOI_CUTOFFS, Cutoffs
from creme_core.models.base import PAPER_CELL_LINES, list_cell_lines, resolve_readout
from creme_core.models.batched import HALF_PRECISIONS, BatchedModel
from creme_core.models.borzoi_incremental import BINS_PER_COLUMN, TSS_BINS, BorzoiCaches, IncrementalBorzoi
from creme_core.models.borzoi_replicates import Replicates
from creme_core.models.borzoi_tracks import BorzoiOutputs
from creme_core.models.borzoi_weights import BorzoiCheckpoint, BorzoiWeights, InMemory, check_flash
from creme_core.models.device import choose_device, free_memory, matmul_precision
from creme_core.models.layout import CONFIG, TARGETS
from creme_core.models.target_table import BORZOI_TRACKS, read_borzoi_targets
from creme_core.mutant import Mutant
from creme_core.sequence import one_hot

__all__ = ["SEQUENCE_LENGTH", "BorzoiModel", "load_borzoi", "public_table"]

SEQUENCE_LENGTH = 524_288
BIN_SIZE = 32
REPLICATES = (0, 1, 2, 3)
NAME = re.compile(r"(borzoi|flashzoi)(?:-(\d+))?")
# What `return_center_bins_only=False` keeps (borzoi_pytorch).
BINS_WITHOUT_CENTRE = 16384 - 32
# Share of a device's free memory for the cached columns of all replicates together.
CACHE_SHARE = 0.15
# Several replicates are all kept on a device where they take no more than this share of its free memory.
KEPT_SHARE = 0.25


class BorzoiModel(BatchedModel):
    """Predicts tracks with the mean of Borzoi replicates; see `base.SequenceModel` for the shared attributes.

    For each replicate, in this order: squashing is undone track by track, the eight central bins of 32 bp are averaged,
    the two strands of a CAGE sample are summed. Replicates are averaged last. What an edit does not reach is not
    computed again (`borzoi_incremental`). Calls from several threads wait for each other.

    An N is 0.25 in each channel, as everywhere in CREME (`sequence.one_hot`): the paper's windows were encoded so.
    borzoi_pytorch leaves the encoding to its user.

    Args:
        networks: one or several borzoi_pytorch.Borzoi of one architecture, in train or eval mode, on any device; or
            `BorzoiCheckpoint`s. Modules are read, never changed; their weights are shared where device and precision
            allow, so do not train them further while this model is in use.
        targets: one row an output, from `target_table.read_borzoi_targets`.
        device: "auto" (CUDA, else Apple MPS, else CPU), "cpu", "cuda", "mps", or a torch.device.
        precision: "auto" (TF32 on CUDA, else float32), "float32", "float64", "tf32", "float16" or "bfloat16". The last
            two are checked at once, and given up for float32 where they change effects.
        input_length: bases of an input sequence; a multiple of 128.
        name: what people call the model.
        streamed: hold the weights of one replicate at a time, at the cost of getting each ready anew for every batch
            (a full-size one: 0.13 s from a warm disk, beside 9 s for one mutant on two CPU cores); batches are made
            large enough that this takes about a tenth of the time at most. None: if there are several on a CPU, or more
            than fit well into a device's memory.

    Attributes:
        tracks: CAGE has one row a sample, its strands summed; `targets` says which outputs a row is made of.
        replicates: how many are averaged.
        streamed: whether one at a time is held.
        output_bins: bins of a profile.
        cell_lines: those with CAGE tracks, in the order to offer them in.
        cutoffs: the paper's, for Borzoi.

    Raises:
        ValueError: arguments that do not fit the networks or this machine.
    """

    cutoffs: Cutoffs = BORZOI_CUTOFFS
    bin_size = BIN_SIZE

    def __init__(
        self,
        networks: Borzoi | BorzoiCheckpoint | Sequence[Borzoi | BorzoiCheckpoint],
        targets: pd.DataFrame,
        *,
        device: str | torch.device = "auto",
        precision: str = "auto",
        input_length: int = SEQUENCE_LENGTH,
        name: str = "Borzoi",
        streamed: bool | None = None,
    ):
        super().__init__(name, device, precision, input_length)
        weights = _wrap(networks)
        config = weights[0].config
        if config.flashed:
            check_flash(self.device)
        self._outputs = BorzoiOutputs(targets)
        if len(self._outputs) != weights[0].outputs:
            raise ValueError(
                f"The table has {len(self._outputs):,} outputs but the network has {weights[0].outputs:,}; "
                "it is of another model."
            )
        kept = config.bins_to_return if config.return_center_bins_only else BINS_WITHOUT_CENTRE
        self.output_bins = _output_bins(self.input_length, kept)
        centre = self.output_bins // 2
        self.tss_bins = tuple(range(centre - TSS_BINS // 2, centre + TSS_BINS // 2))
        self.tracks = self._outputs.tracks
        self.cell_lines = list_cell_lines(self.tracks)
        self.replicates = len(weights)
        self.fingerprint = _fingerprint(weights, self._outputs, self.input_length)
        if streamed is None:
            streamed = self._is_tight(weights)
        self._replicates = Replicates(weights, self._make_engine, self.device, self.dtype, streamed)
        self._engine_dtype = self.dtype
        if self.precision in HALF_PRECISIONS:
            half = HALF_PRECISIONS[self.precision]
            if self._accept_half(lambda mutants: self._ask(mutants, self.dtype), lambda m: self._ask(m, half)):
                self._engine_dtype = half
            self._replicates.clear()
        if config.flashed:
            rest = f"Flashzoi's attention is computed in float16, as it always is; the rest in {self.precision}."
            self.precision_report["message"] = rest
        flops, size = self._replicates.ask_first(lambda engine: (engine.flops_per_mutant, engine.bytes_per_mutant))
        self._plan_batches(self.replicates * flops, size, free_memory(self.device))

    @property
    def streamed(self) -> bool:
        """Whether the weights of one replicate at a time are in memory."""
        return self._replicates.streamed

    def _activity(self, mutants: Sequence[Mutant]) -> torch.Tensor:
        # Every replicate is got ready once for all of them.
        return self._ask(mutants, self._engine_dtype)

    def forward_full(self, codes: np.ndarray) -> np.ndarray:
        """Whole forward passes on codes (n, input_length) as one batch, nothing reused: (n, output bins, tracks).

        In float32 where a half precision is in use.
        """
        self._check_length(codes.shape[1])
        bases = torch.from_numpy(one_hot(codes)).to(self.device, self.dtype).transpose(1, 2)

        def forward(engine: IncrementalBorzoi) -> torch.Tensor:
            raw = engine.full(bases).transpose(1, 2)
            return self._outputs.sum_strands(self._outputs.undo_squashing(raw)).cpu()

        with self._lock, matmul_precision(self.precision, self.device):
            return self._replicates.ask(forward).numpy()

    def profile(self, codes: np.ndarray, readouts: Sequence[str | int]) -> np.ndarray:
        """Prediction along codes (input_length,): float32 (output_bins, len(readouts)), a readout's tracks averaged."""
        self._check_length(len(codes))
        outputs, weights = self._weigh([resolve_readout(self.tracks, readout) for readout in readouts])
        if not len(readouts):
            return np.empty((self.output_bins, 0), np.float32)
        with self._lock, self._settings():
            profile = self._replicates.ask(
                lambda engine: engine.profile(codes, outputs, weights).cpu(), self._engine_dtype
            )
        return profile.float().numpy()

    def gradient(self, codes: np.ndarray, readout: str | int) -> np.ndarray:
        """Gradient of the readout's TSS activity by the one-hot input at codes: (input_length, 4), float32 or float64.

        Never in half precision, in which small gradients vanish.
        """
        self._check_length(len(codes))
        outputs, weights = self._weigh([resolve_readout(self.tracks, readout)])
        with self._lock, self._settings():
            return self._replicates.ask(lambda engine: engine.gradient(codes, outputs, weights[:, 0]).cpu()).numpy()

    def _ask(self, mutants: Sequence[Mutant], dtype: torch.dtype) -> torch.Tensor:
        replicates = self._replicates

        def question(engine: IncrementalBorzoi) -> torch.Tensor:
            return self._in_batches(engine, mutants, len(replicates), replicates.reload_seconds)

        return replicates.ask(question, dtype)

    def _weigh(self, readouts: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        outputs, weights = self._outputs.weigh(readouts)
        return torch.from_numpy(outputs).to(self.device), torch.from_numpy(weights).to(self.dtype).to(self.device)

    def _make_engine(self, network: Borzoi, dtype: torch.dtype, caches: BorzoiCaches | None) -> IncrementalBorzoi:
        share = CACHE_SHARE * free_memory(self.device) / self.replicates
        return IncrementalBorzoi(
            network, self._outputs, self.input_length, self.output_bins, dtype, caches, cache_bytes=int(share)
        )

    def _forget(self) -> bool:
        anything = self._replicates.caching
        self._replicates.clear()
        return anything

    def _is_tight(self, weights: list[BorzoiWeights]) -> bool:
        """Whether one replicate at a time is better held in memory."""
        if len(weights) == 1:
            return False
        numbers = sum(tensor.numel() for tensor in weights[0].tensors().values())
        size = len(weights) * numbers * self.dtype.itemsize
        return self.device.type == "cpu" or size > KEPT_SHARE * free_memory(self.device)


def load_borzoi(
    name_or_folder: str | Path,
    *,
    device: str | torch.device = "auto",
    precision: str = "auto",
    replicates: Sequence[int] | None = None,
    streamed: bool | None = None,
) -> BorzoiModel:
    """Load the published Borzoi or Flashzoi, or one from a folder.

    Args:
        name_or_folder: "borzoi" or "flashzoi" (four replicates averaged), "borzoi-0" and so on (one), from the
            downloads of these names; or a folder with config.json and model.safetensors as on Hugging Face, or one that
            holds several such folders. A folder may have its own table of outputs, targets_human.txt, and an
            `input_length` in its config.json; otherwise the public table and 524,288 bp hold.
        device, precision, streamed: see BorzoiModel.
        replicates: numbers of those to average, for speed, such as (0,); of a folder of folders, in the order of their
            names. None takes all.

    Raises:
        ValueError: a download that is not here, a file that is missing or damaged, another network, no such replicate,
            or a Flashzoi where flash-attn or a CUDA device is missing.
    """
    matched = NAME.fullmatch(name_or_folder) if isinstance(name_or_folder, str) else None
    if matched:
        kind, number = matched[1], matched[2]
        if number is not None and int(number) not in REPLICATES:
            raise ValueError(f"{name_or_folder} is no replicate; there are {kind}-0 to {kind}-{REPLICATES[-1]}.")
        if kind == "flashzoi":
            check_flash(choose_device(device))
        chosen = _choose(replicates, REPLICATES if number is None else (int(number),), str(name_or_folder))
        folders = [downloads.require(f"{kind}-{replicate}") for replicate in chosen]
        name, table = kind.capitalize(), None
    else:
        folder = Path(name_or_folder)
        every = _folders(folder)
        chosen = _choose(replicates, range(len(every)), str(folder))
        folders = [every[number] for number in chosen]
        name = folder.resolve().name
        table = next((path for path in (folder / TARGETS, folders[0] / TARGETS) if path.is_file()), None)
    checkpoints = [BorzoiCheckpoint(path) for path in folders]
    targets = _read_targets(table, checkpoints[0])
    if matched and not set(PAPER_CELL_LINES) <= set(list_cell_lines(targets)):
        raise ValueError(
            "The table of Borzoi's outputs does not have the paper's CAGE tracks (K562, GM12878, PC-3) at their known "
            "places; get it again."
        )
    if matched and len(chosen) < len(REPLICATES):
        name += f" replicate{'s' if len(chosen) > 1 else ''} {', '.join(map(str, chosen))}"
    length = checkpoints[0].input_length
    return BorzoiModel(
        checkpoints,
        targets,
        device=device,
        precision=precision,
        input_length=SEQUENCE_LENGTH if length is None else length,
        name=name,
        streamed=streamed,
    )


def _choose(replicates: Sequence[int] | None, there: Sequence[int], label: str) -> tuple[int, ...]:
    if replicates is None:
        return tuple(there)
    known = ", ".join(map(str, there))
    if isinstance(replicates, (str, int)) or not len(replicates) or len(set(replicates)) < len(replicates):
        raise ValueError(
            f"replicates={replicates!r} is no choice; give some of {known}, each once, such as ({there[0]},)."
        )
    absent = [number for number in replicates if number not in there]
    if absent:
        raise ValueError(f"{label} has no replicate {absent[0]}; it has {known}.")
    return tuple(sorted(int(number) for number in replicates))


def _folders(folder: Path) -> list[Path]:
    """The folder itself if a network is in it, else those in it."""
    if (folder / CONFIG).is_file():
        return [folder]
    inside = sorted(path.parent for path in folder.glob(f"*/{CONFIG}"))
    if not inside:
        raise ValueError(f"There is no {CONFIG} in {folder}, nor in a folder in it; give the folder of a Borzoi.")
    return inside


def _read_targets(table: Path | None, checkpoint: BorzoiCheckpoint) -> pd.DataFrame:
    if table is None and checkpoint.outputs != BORZOI_TRACKS:
        raise ValueError(
            f"{checkpoint.label} predicts {checkpoint.outputs:,} tracks, not the {BORZOI_TRACKS:,} of the public "
            f"table; put a table of its own beside it, {TARGETS} in the same format."
        )
    return read_borzoi_targets(table or public_table(), checkpoint.outputs)


def public_table() -> Path:
    """Borzoi's table of outputs, which comes with borzoi_pytorch byte for byte; else from the download.

    Raises:
        ValueError: it is in neither place.
    """
    shipped = Path(str(resources.files("borzoi_pytorch"))) / "precomputed" / "targets.txt"
    return shipped if shipped.is_file() else downloads.require("borzoi-tracks") / TARGETS


def _wrap(networks: Borzoi | BorzoiCheckpoint | Sequence[Borzoi | BorzoiCheckpoint]) -> list[BorzoiWeights]:
    single = isinstance(networks, (torch.nn.Module, BorzoiCheckpoint))
    weights = [
        each if isinstance(each, BorzoiCheckpoint) else InMemory(each) for each in ([networks] if single else networks)
    ]
    if not weights:
        raise ValueError("A BorzoiModel needs at least one network.")
    for other in weights[1:]:
        if (other.config.to_dict(), other.outputs) != (weights[0].config.to_dict(), weights[0].outputs):
            raise ValueError(
                f"{other.label} is of another architecture than {weights[0].label}; average equal ones only."
            )
    return weights


def _output_bins(input_length: int, kept: int) -> int:
    """Bins of a profile: those that borzoi_pytorch's TargetLengthCrop leaves."""
    column = BINS_PER_COLUMN * BIN_SIZE
    if input_length < column or input_length % column:
        raise ValueError(f"input_length={input_length:,} does not fit Borzoi; it must be a multiple of {column}.")
    total = input_length // BIN_SIZE
    if not TSS_BINS <= kept <= total:
        raise ValueError(f"The network keeps {kept:,} of {total:,} bins; it must keep {TSS_BINS} to {total:,}.")
    return total - 2 * ((total - kept + 1) // 2)


def _fingerprint(weights: list[BorzoiWeights], outputs: BorzoiOutputs, input_length: int) -> str:
    """32 hex digits over the weights and the settings that decide a prediction, not the device nor the order."""
    facts = [sorted(each.digest() for each in weights), outputs.facts, input_length, TSS_BINS]
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16, salt=b"creme-borzoi-all").hexdigest()
