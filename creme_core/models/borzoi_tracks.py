"""What Borzoi's outputs stand for: squashing undone by the track table, the two strands of CAGE made one track."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from creme_core.models.base import CAGE, check_tracks

__all__ = ["BorzoiOutputs"]

# How coverage was summed into bins, and whether its 3/4 power was taken then (RNA).
SUM_STATS = {"sum": False, "mean": False, "sum_sqrt": True, "mean_sqrt": True}
POWER = 4 / 3


class BorzoiOutputs:
    """From a network's raw outputs to tracks in the units of the experiment.

    The published Borzoi was trained on scale * y, where y is the coverage or, for RNA, its power of 3/4, and whatever y
    has above clip_soft counts by its square root (baskerville, untransform_preds1; all tracks: calico/borzoi issue 57).

    Args:
        targets: one row an output, from `target_table.read_borzoi_targets`: columns as base.TRACK_COLUMNS, and
            clip_soft, scale, sum_stat, strand_pair.

    Attributes:
        tracks: one row a track: the two strands of a CAGE sample are one, `identifier` without its sign, `strand` ".";
            the strands of RNA stay apart. `targets` holds the outputs' numbers, such as "872&873".

    Raises:
        ValueError: a row whose squashing is not known, or whose strands do not belong together.
    """

    def __init__(self, targets: pd.DataFrame):
        missing = [name for name in ("clip_soft", "scale", "sum_stat", "strand_pair") if name not in targets.columns]
        if missing:
            raise ValueError(
                f"The table of outputs has no column {', '.join(missing)}; give Borzoi's targets_human.txt."
            )
        targets = check_tracks(targets, len(targets))
        for name in ("clip_soft", "scale"):
            numbers = pd.to_numeric(targets[name], errors="coerce").to_numpy(float)
            wrong = np.flatnonzero(~(np.isfinite(numbers) & (numbers > 0)))
            if wrong.size:
                raise ValueError(f"Output {wrong[0]} has {name}={numbers[wrong[0]]:g}; it must be a number above 0.")
        unknown = sorted(set(targets["sum_stat"]) - SUM_STATS.keys())
        if unknown:
            raise ValueError(f"sum_stat is {unknown[0]!r} for some outputs; known are {', '.join(SUM_STATS)}.")
        self._scale = targets["scale"].to_numpy(float).copy()
        self._clip_soft = targets["clip_soft"].to_numpy(float).copy()
        self._powered = targets["sum_stat"].map(SUM_STATS).to_numpy(bool).copy()
        self._members = _members(targets)
        first = targets.iloc[[members[0] for members in self._members]].reset_index(drop=True)
        paired = np.array([len(members) == 2 for members in self._members])
        first.loc[paired, "identifier"] = first.loc[paired, "identifier"].str.removesuffix("+")
        first.loc[paired, "strand"] = "."
        first["index"] = np.arange(len(first))
        first["targets"] = ["&".join(map(str, members)) for members in self._members]
        self.tracks = check_tracks(first.drop(columns="strand_pair"), len(first))
        self._tensors: dict[tuple, tuple[torch.Tensor, ...]] = {}

    def __len__(self) -> int:
        """Number of the network's outputs."""
        return len(self._scale)

    @property
    def facts(self) -> list:
        """What of this decides a prediction, for a fingerprint."""
        return [self._scale.tolist(), self._clip_soft.tolist(), self._powered.tolist(), self._members]

    def undo_squashing(self, x: torch.Tensor, outputs: torch.Tensor | None = None) -> torch.Tensor:
        """Coverage in each bin from raw outputs (..., n); `outputs` (n,) says which they are where not all."""
        scale, clip_soft, powered, *_ = self._on(x)
        if outputs is not None:
            scale, clip_soft, powered = scale[outputs], clip_soft[outputs], powered[outputs]
        x = x / scale
        above = x - clip_soft
        x = torch.where(above > 0, above * above + clip_soft, x)
        return torch.where(powered, x**POWER, x)

    def sum_strands(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs (..., outputs) to tracks (..., tracks)."""
        *_, first, paired, second = self._on(x)
        tracks = x[..., first]
        tracks[..., paired] += x[..., second]
        return tracks

    def weigh(self, readouts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The outputs that readouts need, and how they add up to each readout, the mean of its tracks.

        Args:
            readouts: track indices of each.

        Returns:
            Numbers of outputs (n,), ascending, and weights (n, len(readouts)).
        """
        outputs = sorted({output for tracks in readouts for track in tracks for output in self._members[track]})
        row = {output: number for number, output in enumerate(outputs)}
        weights = np.zeros((len(outputs), len(readouts)))
        for column, tracks in enumerate(readouts):
            for track in tracks:
                weights[[row[output] for output in self._members[track]], column] += 1 / len(tracks)
        return np.array(outputs, dtype=np.int64), weights

    def _on(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The table's numbers as tensors beside x."""
        key = (x.device, x.dtype)
        if key not in self._tensors:
            # In the right precision first: not every device has float64.
            numbers = [torch.tensor(values, dtype=x.dtype).to(x.device) for values in (self._scale, self._clip_soft)]
            pairs = [(track, members[1]) for track, members in enumerate(self._members) if len(members) == 2]
            indices = np.array(pairs, dtype=np.int64).reshape(-1, 2)
            first = np.array([members[0] for members in self._members])
            parts = (self._powered, first, indices[:, 0].copy(), indices[:, 1].copy())
            self._tensors[key] = (*numbers, *(torch.from_numpy(part).to(x.device) for part in parts))
        return self._tensors[key]


def _members(targets: pd.DataFrame) -> list[tuple[int, ...]]:
    """The outputs that make up each track, in the order of their first."""
    pairs = targets["strand_pair"].to_numpy()
    assays, identifiers = targets["assay"].to_numpy(), targets["identifier"].to_numpy()
    members = []
    for output, pair in enumerate(pairs):
        if assays[output] != CAGE or pair == output:
            members.append((output,))
            continue
        plus, minus = (output, pair) if identifiers[output].endswith("+") else (pair, output)
        sample = identifiers[plus].removesuffix("+")
        if not 0 <= pair < len(pairs) or pairs[pair] != output or identifiers[minus] != f"{sample}-":
            raise ValueError(
                f"Output {output} ({identifiers[output]}) has strand_pair {pair}, which is not its other strand; "
                "get Borzoi's table again."
            )
        if output < pair:
            members.append((int(plus), int(minus)))
    return members
