"""What every experiment shares: its checked settings, its result, its provenance."""

import json
import platform
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from creme_core import __version__
from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs, Interval, mean_interval
from creme_core.experiments.files import read_result, write_result
from creme_core.locus import Locus
from creme_core.models.base import SequenceModel, resolve_readout
from creme_core.tiles import Tile, TileGrid

__all__ = [
    "Result",
    "Settings",
    "check_choice",
    "cutoffs_of",
    "interval_columns",
    "provenance",
    "tile_columns",
    "whole_interval",
]

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
            self._check_whole(name, lowest)
        if self.shuffles > MAXIMUM_SHUFFLES:
            raise ValueError(f"shuffles is {self.shuffles}; at most {MAXIMUM_SHUFFLES} are allowed.")

    def _check_whole(self, name: str, lowest: int) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise ValueError(f"{name} is {value!r}; it must be a whole number, {lowest} or more.")
        if value < lowest:
            raise ValueError(f"{name} is {value}; it must be {lowest} or more.")
        object.__setattr__(self, name, int(value))

    def _check_interval(self, name: str) -> None:
        object.__setattr__(self, name, whole_interval(name, getattr(self, name)))


def whole_interval(name: str, value: Any) -> tuple[int, int]:
    """An oriented interval as two plain whole numbers; ValueError when it is something else."""
    try:
        start, end = value
    except (TypeError, ValueError):
        start = end = None
    for number in (start, end):
        if isinstance(number, bool) or not isinstance(number, int | np.integer):
            raise ValueError(f"{name} is {value!r}; it must be two whole numbers, start and end, 0-based half-open.")
    return int(start), int(end)


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise a ValueError that lists what is allowed."""
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}; it must be {' or '.join(map(repr, allowed))}.")


@dataclass(frozen=True, eq=False)
class Result:
    """What a test found on one locus, for every track of the model.

    Subclasses add arrays of predicted activity; from these, `effects` makes what the paper reports.

    Attributes:
        locus: where.
        settings: how.
        tracks: the model's track table, one row a column of the activities.
        provenance: what is needed to repeat it: model, sequence, settings, versions.
        wild_type_activity: float32 (tracks,), predicted TSS activity of the unchanged window.
    """

    test: ClassVar[str]
    settings_type: ClassVar[type[Settings]] = Settings

    locus: Locus
    settings: Settings
    tracks: pd.DataFrame = field(repr=False)
    provenance: dict[str, Any] = field(repr=False)
    wild_type_activity: np.ndarray = field(repr=False)

    @property
    def grid(self) -> TileGrid:
        """The tiles of the window."""
        return TileGrid(self.locus.length, self.settings.tile_size)

    @property
    def cutoffs(self) -> Cutoffs:
        """Where the paper draws its lines for this model."""
        return cutoffs_of(self.provenance)

    def wild_type(self, readout: str | int) -> float:
        """Predicted TSS activity of the unchanged window; NaN while it is still to come."""
        return float(self._readout(self.wild_type_activity, readout))

    def effects(self, readout: str | int) -> pd.DataFrame:
        """The test's table for a readout."""
        raise NotImplementedError

    def _readout(self, activity: np.ndarray, readout: str | int) -> np.ndarray:
        """Mean over the readout's tracks of activity (..., tracks), as float64."""
        return activity[..., resolve_readout(self.tracks, readout)].astype(np.float64).mean(axis=-1)

    def save(self, path: str | Path) -> Path:
        """Write the result to one .npz file of plain arrays and JSON text, which `load` reads back; no pickle.

        Raises:
            ValueError: a path that does not end in .npz.
        """
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NOT_ARRAYS}
        return write_result(path, self.test, [self.locus], self.settings, self.tracks, self.provenance, arrays)

    @classmethod
    def load(cls, path: str | Path) -> "Result":
        """Read a result of this class that `save` wrote.

        Raises:
            ValueError: a file that is missing, damaged, or the result of another test.
        """
        saved = read_result(path, cls.test)
        settings = cls.settings_type(**saved.settings)
        return cls(
            locus=saved.loci[0], settings=settings, tracks=saved.tracks, provenance=saved.provenance, **saved.arrays
        )


_NOT_ARRAYS = ("locus", "settings", "tracks", "provenance")


def provenance(test: str, model: SequenceModel, locus: Locus, settings: Settings) -> dict[str, Any]:
    """What repeats a run, in plain JSON types."""
    packages = ("numpy", "torch", "enformer-pytorch")
    return {
        "test": test,
        "settings": json.loads(json.dumps(asdict(settings))),
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
        "model": {
            "name": model.name,
            "fingerprint": model.fingerprint,
            "precision": model.precision,
            "cutoffs": asdict(getattr(model, "cutoffs", ENFORMER_CUTOFFS)),
        },
        "versions": {"creme_core": __version__, "python": platform.python_version()}
        | {name: version(name) for name in packages},
    }


def cutoffs_of(origin: dict[str, Any]) -> Cutoffs:
    """The cut-offs of the model that a provenance names; the paper's for Enformer where it names none."""
    return Cutoffs(**origin.get("model", {}).get("cutoffs", {}))


def tile_columns(locus: Locus, grid: TileGrid, tiles: tuple[Tile, ...]) -> dict[str, Any]:
    """The columns that place tiles in a table.

    tile (number on the grid, the TSS tile counted), start, end (oriented, 0-based half-open), chrom, genome_start,
    genome_end (0-based half-open), distance (bp, tile centre minus TSS, in the gene's direction).
    """
    on_genome = [locus.to_genome(tile.start, tile.end) for tile in tiles]
    first = grid.tiles[0].start
    return {
        "tile": [(tile.start - first) // grid.tile_size for tile in tiles],
        "start": [tile.start for tile in tiles],
        "end": [tile.end for tile in tiles],
        "chrom": locus.chrom,
        "genome_start": [start for start, _ in on_genome],
        "genome_end": [end for _, end in on_genome],
        "distance": [locus.distance(tile.start, tile.end) for tile in tiles],
    }


def interval_columns(samples: np.ndarray, pilot: int | None = None) -> tuple[dict[str, np.ndarray], Interval]:
    """Mean over the last axis with its uncertainty, as the columns effect, sem, ci_low, ci_high, and as it is."""
    interval = mean_interval(samples, pilot=pilot)
    columns = {"effect": interval.mean, "sem": interval.sem, "ci_low": interval.low, "ci_high": interval.high}
    return columns, interval
