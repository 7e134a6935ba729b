"""Set sufficiency: tiles added one after another to the TSS tile in a shuffled window.

Source: paper, Methods, Sufficiency of CREs identified through higher-order interaction test.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from creme_core.effects import fold_change, mean_interval
from creme_core.experiments import result as shared
from creme_core.experiments.execution import OnProgress, execute, part_controls
from creme_core.experiments.perturbations import check_element, control, piece
from creme_core.experiments.result import Result, whole_interval
from creme_core.locus import Locus
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Cancel, Predictor
from creme_core.tiles import TileGrid

__all__ = ["SetSufficiencyResult", "Settings", "plan", "run", "summarise"]


@dataclass(frozen=True, kw_only=True)
class Settings(shared.Settings):
    """Adds tiles: oriented intervals (start, end) of the window, 0-based half-open, in the order they are added."""

    tiles: tuple[tuple[int, int], ...]

    def __post_init__(self):
        super().__post_init__()
        tiles = (whole_interval(f"Tile {i}", tile) for i, tile in enumerate(self.tiles, start=1))
        object.__setattr__(self, "tiles", tuple(tiles))


@dataclass(frozen=True, eq=False)
class SetSufficiencyResult(Result):
    """Result of the set sufficiency test.

    Attributes:
        control_activity: float32 (shuffles, tracks), predicted TSS activity of the TSS tile alone.
        mutant_activity: float32 (tiles, shuffles, tracks), with the tiles up to and with that one added.
    """

    test: ClassVar[str] = "set_sufficiency"
    settings_type: ClassVar[type] = Settings

    control_activity: np.ndarray = field(repr=False)
    mutant_activity: np.ndarray = field(repr=False)

    def effects(self, readout: str | int) -> pd.DataFrame:
        """One row a number of tiles, from 0 (the control).

        Returns:
            DataFrame with tiles (how many are in), start, end (of the one added last, oriented, 0-based half-open; -1
            for none), chrom, genome_start, genome_end, distance, n, fold_over_wild_type and fold_over_control (mean
            over shuffles of MUT / WT and MUT / CONTROL, the paper's choices for enhancing and for silencing contexts)
            with their _low and _high (95%).

        Raises:
            ValueError: an unknown readout.
        """
        controls = self._readout(self.control_activity, readout)
        mutants = np.vstack([controls[None], self._readout(self.mutant_activity, readout)])
        places = [self.locus.to_genome(*tile) for tile in self.settings.tiles]
        table = {
            "tiles": range(len(mutants)),
            "start": [-1, *(start for start, _ in self.settings.tiles)],
            "end": [-1, *(end for _, end in self.settings.tiles)],
            "chrom": self.locus.chrom,
            "genome_start": [-1, *(start for start, _ in places)],
            "genome_end": [-1, *(end for _, end in places)],
            "distance": [np.nan, *(self.locus.distance(*tile) for tile in self.settings.tiles)],
            "n": mean_interval(mutants).n,
        }
        for name, reference in (("wild_type", self.wild_type(readout)), ("control", controls)):
            fold = mean_interval(fold_change(mutants, reference))
            column = f"fold_over_{name}"
            table |= {column: fold.mean, f"{column}_low": fold.low, f"{column}_high": fold.high}
        return pd.DataFrame(table)


def plan(locus: Locus, settings: Settings) -> list[Mutant]:
    """The wild type, the controls, then for each number of tiles the sets embedded in each control.

    Raises:
        ValueError: no tiles, a tile that overlaps the TSS tile or another, or one outside the window.
    """
    grid = TileGrid(locus.length, settings.tile_size)
    if not settings.tiles:
        raise ValueError(
            "No tiles were given; give at least one (start, end), such as the order of an interaction search."
        )
    tiles = [check_element(*tile, grid, what=f"Tile {i}") for i, tile in enumerate(settings.tiles, start=1)]
    for left, right in zip(sorted(tiles), sorted(tiles)[1:], strict=False):
        if left.overlaps(right):
            raise ValueError(f"Two of the tiles overlap at {right.start:,}; give tiles that do not.")
    controls = [control(locus, settings.tile_size, settings.seed, replicate) for replicate in range(settings.shuffles)]
    pieces = [piece(locus.codes, tile) for tile in tiles]
    return [
        Mutant(Background(locus.codes)),
        *map(Mutant, controls),
        *(Mutant(background, tuple(pieces[:count])) for count in range(1, len(pieces) + 1) for background in controls),
    ]


def summarise(
    locus: Locus, settings: Settings, tracks: pd.DataFrame, activity: np.ndarray, provenance: dict[str, Any]
) -> SetSufficiencyResult:
    """Part the predictions of `plan`, activity (1 + shuffles + tiles * shuffles, tracks)."""
    counts = np.full(len(settings.tiles), settings.shuffles)
    return SetSufficiencyResult(locus, settings, tracks, provenance, *part_controls(activity, counts))


def run(
    predict: Predictor,
    locus: Locus,
    *,
    tiles: list[tuple[int, int]],
    tile_size: int = 5000,
    shuffles: int = 10,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
) -> SetSufficiencyResult:
    """How many of these tiles does it take to restore the gene? Adds them one after another to the TSS tile.

    Args:
        tiles: oriented intervals (start, end), 0-based half-open, in the order to add them, such as
            `InteractionResult.order`.

    The other arguments and errors are those of `necessity.run`.
    """
    settings = Settings(tile_size=tile_size, shuffles=shuffles, seed=seed, tiles=tuple(tiles))
    mutants = plan(locus, settings)
    return execute(SetSufficiencyResult.test, predict, locus, settings, mutants, summarise, on_progress, cancel)
