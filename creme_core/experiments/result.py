"""What every experiment shares: its checked settings, its shuffles, its provenance, how it reports while it runs."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from creme_core import __version__
from creme_core.locus import Locus
from creme_core.models.base import SequenceModel, resolve_readout
from creme_core.mutant import Background, Edit, Mutant
from creme_core.predictor import Cancel, Predictor, Progress
from creme_core.shuffle import dinucleotide_shuffle, shuffle_rng
from creme_core.tiles import Tile, TileGrid

__all__ = ["Result", "Settings", "execute", "shuffled_background", "shuffled_tile"]

MAXIMUM_SHUFFLES = 1000


@dataclass(frozen=True)
class Settings:
    """How a test is done; the defaults are the paper's.

    Attributes:
        tile_size: bp; the TSS tile has this size too.
        shuffles: replicates of every shuffle.
        seed: whole number, 0 or more; the same seed draws the same shuffles in every test.

    Raises:
        ValueError: a number that is not whole or out of range.
    """

    tile_size: int = 5000
    shuffles: int = 10
    seed: int = 0

    def __post_init__(self):
        for name, lowest in (("tile_size", 1), ("shuffles", 1), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise ValueError(f"{name} is {value!r}; it must be a whole number, {lowest} or more.")
            if value < lowest:
                raise ValueError(f"{name} is {value}; it must be {lowest} or more.")
            object.__setattr__(self, name, int(value))
        if self.shuffles > MAXIMUM_SHUFFLES:
            raise ValueError(f"shuffles is {self.shuffles}; at most {MAXIMUM_SHUFFLES} are allowed.")


def shuffled_tile(codes: np.ndarray, tile: Tile, seed: int, replicate: int) -> Edit:
    """The edit that shuffles one tile of a window codes (length,)."""
    rng = shuffle_rng(seed, tile.start, tile.end, replicate)
    return Edit(tile.start, dinucleotide_shuffle(codes[tile.start : tile.end], rng))


def shuffled_background(codes: np.ndarray, seed: int, replicate: int) -> Background:
    """The whole window codes (length,) shuffled: the background of every test that works outside the wild type."""
    return Background(dinucleotide_shuffle(codes, shuffle_rng(seed, 0, codes.size, replicate)))


@dataclass(frozen=True, eq=False)
class Result:
    """What a test found on one locus, for every track of the model.

    Attributes:
        locus: where.
        settings: how.
        tracks: the model's track table, one row a column of the activities.
        wild_type_activity: float32 (tracks,), predicted TSS activity of the unchanged window.
        provenance: what is needed to repeat it: model, sequence, settings, versions.
    """

    locus: Locus
    settings: Settings
    tracks: pd.DataFrame = field(repr=False)
    wild_type_activity: np.ndarray = field(repr=False)
    provenance: dict[str, Any] = field(repr=False)

    @property
    def grid(self) -> TileGrid:
        """The tiles of the window."""
        return TileGrid(self.locus.length, self.settings.tile_size)

    def wild_type(self, readout: str | int) -> float:
        """Predicted TSS activity of the unchanged window; NaN while it is still to come."""
        return float(self._readout(self.wild_type_activity, readout))

    def _readout(self, activity: np.ndarray, readout: str | int) -> np.ndarray:
        """Mean over the readout's tracks of activity (..., tracks), as float64."""
        return activity[..., resolve_readout(self.tracks, readout)].astype(np.float64).mean(axis=-1)


def _provenance(test: str, model: SequenceModel, locus: Locus, settings: Settings) -> dict[str, Any]:
    packages = ("numpy", "torch", "enformer-pytorch")
    return {
        "test": test,
        "settings": asdict(settings),
        "seed": settings.seed,
        "locus": {
            "gene": locus.gene,
            "gene_id": locus.gene_id,
            "chrom": locus.chrom,
            "tss": locus.tss,
            "strand": locus.strand,
            "length": locus.length,
            "convention": locus.convention,
        },
        "sequence_digest": locus.digest,
        "model": {"name": model.name, "fingerprint": model.fingerprint, "precision": model.precision},
        "versions": {"creme_core": __version__, "python": platform.python_version()}
        | {name: version(name) for name in packages},
    }


def execute(
    test: str,
    predict: Predictor,
    locus: Locus,
    settings: Settings,
    mutants: Sequence[Mutant],
    summarise: Callable[[Locus, Settings, pd.DataFrame, np.ndarray, dict[str, Any]], Result],
    on_progress: Callable[[Progress], None] | None,
    cancel: Cancel | None,
) -> Result:
    """Predict planned mutants and summarise them, reporting a partial result after every batch."""
    provenance = _provenance(test, predict.model, locus, settings)

    def conclude(activity: np.ndarray) -> Result:
        return summarise(locus, settings, predict.model.tracks, activity, provenance)

    def report(progress: Progress) -> None:
        on_progress(replace(progress, result=conclude(progress.activity)))

    return conclude(predict.predict(mutants, None if on_progress is None else report, cancel))
