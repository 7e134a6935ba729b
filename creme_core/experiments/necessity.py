"""Necessity Test: shuffle one tile at a time and see what the gene loses (paper, Methods, Necessity Test)."""

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from creme_core.effects import Cutoffs, classify_tile, crosses, shuffle_effect
from creme_core.experiments.execution import OnProgress, execute
from creme_core.experiments.perturbations import can_be_shuffled, shuffled_tile
from creme_core.experiments.replicates import ReplicatedSettings as Settings
from creme_core.experiments.replicates import initial_counts, pairs, scatter, spend
from creme_core.experiments.result import Result, interval_columns, tile_columns
from creme_core.locus import Locus
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Cancel, Predictor
from creme_core.tiles import Tile, TileGrid

__all__ = ["NecessityResult", "Settings", "plan", "run", "summarise"]


@dataclass(frozen=True, eq=False)
class NecessityResult(Result):
    """Result of the Necessity Test.

    Attributes:
        mutant_activity: float32 (context tiles, shuffles, tracks), predicted TSS activity with that tile shuffled.
    """

    test: ClassVar[str] = "necessity"
    settings_type: ClassVar[type] = Settings

    mutant_activity: np.ndarray = field(repr=False)

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The tiles that were shuffled, left to right."""
        return self.grid.context_tiles

    @cached_property
    def testable(self) -> tuple[bool, ...]:
        """Whether each tile has a shuffle that differs from it; where it has none, its effect of 0 says nothing."""
        return tuple(can_be_shuffled(self.locus.codes, tile) for tile in self.tiles)

    @property
    def notes(self) -> tuple[str, ...]:
        """Plain sentences on tiles that the test can say nothing about."""
        still = [f"{tile.start:,}" for tile, testable in zip(self.tiles, self.testable, strict=True) if not testable]
        if not still:
            return ()
        which = "The tile that starts at" if len(still) == 1 else f"The {len(still)} tiles that start at"
        return (
            f"{which} {', '.join(still)} of the window cannot be shuffled into anything else, so nothing is tested.",
        )

    def samples(self, readout: str | int) -> np.ndarray:
        """The effect of each shuffle: float64 (context tiles, shuffles), NaN where there is none."""
        return shuffle_effect(self.wild_type(readout), self._readout(self.mutant_activity, readout))

    def effects(self, readout: str | int, cutoffs: Cutoffs | None = None) -> pd.DataFrame:
        """One row a context tile, left to right; `cutoffs` are the model's unless others are given.

        Returns:
            DataFrame with the columns of `tile_columns`, then effect (mean over shuffles of (WT - MUT) / WT), sem,
            ci_low, ci_high (95%), n (shuffles so far), call, uncertain (the interval holds a cut-off of the call, or
            is unknown), testable (whether a shuffle of the tile can differ from it).

        Raises:
            ValueError: an unknown readout.
        """
        cutoffs = cutoffs or self.cutoffs
        columns, interval = interval_columns(self.samples(readout), self.settings.pilot)
        return pd.DataFrame(
            tile_columns(self.locus, self.grid, self.tiles)
            | columns
            | {
                "n": interval.n,
                "call": classify_tile(interval.mean, cutoffs),
                "uncertain": crosses(interval, cutoffs.tile),
                "testable": self.testable,
            }
        )


def _nearest_first(grid: TileGrid) -> list[int]:
    """Indices into context_tiles from the TSS outwards: what matters most is drawn first."""
    tiles = grid.context_tiles
    return sorted(range(len(tiles)), key=lambda i: (abs(tiles[i].centre - grid.tss_tile.centre), i))


def plan(locus: Locus, settings: Settings, counts: np.ndarray | None = None) -> list[Mutant]:
    """The wild type, then for each context tile from the TSS outwards its shuffles.

    Args:
        locus, settings: what the test is of.
        counts: shuffles of each context tile, int (tiles,); None is what the settings start with.

    Raises:
        ValueError: a tile size that does not fit the window.
    """
    grid = TileGrid(locus.length, settings.tile_size)
    tiles = grid.context_tiles
    counts = initial_counts(settings, len(tiles)) if counts is None else counts
    wild_type = Background(locus.codes)
    return [Mutant(wild_type)] + [
        Mutant(wild_type, (shuffled_tile(locus.codes, tiles[tile], settings.seed, replicate),))
        for tile, replicate in pairs(counts, _nearest_first(grid))
    ]


def summarise(
    locus: Locus,
    settings: Settings,
    tracks: pd.DataFrame,
    activity: np.ndarray,
    provenance: dict[str, Any],
    counts: np.ndarray | None = None,
) -> NecessityResult:
    """Lay out the predictions of `plan`, activity (mutants, tracks), by tile and shuffle."""
    grid = TileGrid(locus.length, settings.tile_size)
    counts = initial_counts(settings, len(grid.context_tiles)) if counts is None else counts
    mutant_activity = scatter(activity[1:], counts, _nearest_first(grid))
    return NecessityResult(locus, settings, tracks, provenance, activity[0].copy(), mutant_activity)


def run(
    predict: Predictor,
    locus: Locus,
    *,
    tile_size: int = 5000,
    shuffles: int | str = 10,
    seed: int = 0,
    half_width: float = 0.05,
    budget: int = 50,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
) -> NecessityResult:
    """Which tiles does the gene need? Shuffles each tile but the TSS tile, `shuffles` times, one at a time.

    Args:
        predict: the model and its store.
        locus: the window; its length must be the model's input length.
        tile_size, seed: see Settings.
        shuffles: of each tile; "auto" adds them tile by tile (see `replicates`), by half_width and budget.
        on_progress: called after each batch with a Progress whose `result` is the partial NecessityResult.
        cancel: anything with is_set(), looked at before each batch.

    Raises:
        ValueError: settings out of range, a tile size that does not fit, a locus of another length.
        Cancelled: when cancel was set.
    """
    settings = Settings(tile_size=tile_size, shuffles=shuffles, seed=seed, half_width=half_width, budget=budget)

    def run_with(counts: np.ndarray) -> NecessityResult:
        conclude = partial(summarise, counts=counts)
        mutants = plan(locus, settings, counts)
        return execute(NecessityResult.test, predict, locus, settings, mutants, conclude, on_progress, cancel)

    tiles = TileGrid(locus.length, settings.tile_size).context_tiles
    return spend(predict, settings, len(tiles), run_with, NecessityResult.samples)
