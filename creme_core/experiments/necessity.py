"""Necessity Test: shuffle one tile at a time and see what the gene loses (paper, Methods, Necessity Test)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs, classify_tile, crosses, mean_interval, shuffle_effect
from creme_core.experiments.result import Result, Settings, execute, shuffled_tile
from creme_core.locus import Locus
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Cancel, Predictor, Progress
from creme_core.tiles import Tile, TileGrid

__all__ = ["NecessityResult", "plan", "run", "summarise"]


@dataclass(frozen=True, eq=False)
class NecessityResult(Result):
    """Result of the Necessity Test.

    Attributes:
        tiles: the context tiles, left to right.
        mutant_activity: float32 (tiles, shuffles, tracks), predicted TSS activity with that tile shuffled.
    """

    tiles: tuple[Tile, ...] = field(repr=False, kw_only=True)
    mutant_activity: np.ndarray = field(repr=False, kw_only=True)

    def effects(self, readout: str | int, cutoffs: Cutoffs = ENFORMER_CUTOFFS) -> pd.DataFrame:
        """One row a context tile, left to right.

        Returns:
            DataFrame with tile (number on the grid, the TSS tile counted), start, end (oriented, 0-based half-open),
            chrom, genome_start, genome_end (0-based half-open), distance (bp, tile centre minus TSS in the gene's
            direction), effect (mean over shuffles of (WT - MUT) / WT), sem, ci_low, ci_high (95%), n (shuffles so
            far), call, uncertain (the interval holds a cut-off of the call, or is unknown).

        Raises:
            ValueError: an unknown readout.
        """
        samples = shuffle_effect(self.wild_type(readout), self._readout(self.mutant_activity, readout))
        interval = mean_interval(samples)
        on_genome = [self.locus.to_genome(tile.start, tile.end) for tile in self.tiles]
        numbers = {tile: number for number, tile in enumerate(self.grid.tiles)}
        return pd.DataFrame(
            {
                "tile": [numbers[tile] for tile in self.tiles],
                "start": [tile.start for tile in self.tiles],
                "end": [tile.end for tile in self.tiles],
                "chrom": self.locus.chrom,
                "genome_start": [start for start, _ in on_genome],
                "genome_end": [end for _, end in on_genome],
                "distance": [self.locus.distance(tile.start, tile.end) for tile in self.tiles],
                "effect": interval.mean,
                "sem": interval.sem,
                "ci_low": interval.low,
                "ci_high": interval.high,
                "n": interval.n,
                "call": classify_tile(interval.mean, cutoffs),
                "uncertain": crosses(interval, cutoffs.tile),
            }
        )


def _nearest_first(grid: TileGrid) -> list[int]:
    """Indices into context_tiles from the TSS outwards: what matters most is drawn first."""
    tiles = grid.context_tiles
    return sorted(range(len(tiles)), key=lambda i: (abs(tiles[i].centre - grid.tss_tile.centre), i))


def plan(locus: Locus, settings: Settings) -> list[Mutant]:
    """The wild type, then for each context tile from the TSS outwards its shuffles.

    Raises:
        ValueError: a tile size that does not fit the window.
    """
    grid = TileGrid(locus.length, settings.tile_size)
    wild_type = Background(locus.codes)
    tiles = grid.context_tiles
    return [Mutant(wild_type)] + [
        Mutant(wild_type, (shuffled_tile(locus.codes, tiles[i], settings.seed, replicate),))
        for i in _nearest_first(grid)
        for replicate in range(settings.shuffles)
    ]


def summarise(
    locus: Locus, settings: Settings, tracks: pd.DataFrame, activity: np.ndarray, provenance: dict[str, Any]
) -> NecessityResult:
    """Lay out the predictions of `plan`, activity (1 + tiles * shuffles, tracks), by tile and shuffle."""
    grid = TileGrid(locus.length, settings.tile_size)
    by_plan = activity[1:].reshape(len(grid.context_tiles), settings.shuffles, activity.shape[-1])
    mutant_activity = np.empty_like(by_plan)
    mutant_activity[_nearest_first(grid)] = by_plan
    return NecessityResult(
        locus,
        settings,
        tracks,
        activity[0].copy(),
        provenance,
        tiles=grid.context_tiles,
        mutant_activity=mutant_activity,
    )


def run(
    predict: Predictor,
    locus: Locus,
    *,
    tile_size: int = 5000,
    shuffles: int = 10,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: Cancel | None = None,
) -> NecessityResult:
    """Which tiles does the gene need? Shuffles each tile but the TSS tile, `shuffles` times, one at a time.

    Args:
        predict: the model and its store.
        locus: the window; its length must be the model's input length.
        tile_size, shuffles, seed: see Settings.
        on_progress: called after each batch with a Progress whose `result` is the partial NecessityResult.
        cancel: anything with is_set(), looked at before each batch.

    Raises:
        ValueError: settings out of range, a tile size that does not fit, a locus of another length.
        Cancelled: when cancel was set.
    """
    settings = Settings(tile_size=tile_size, shuffles=shuffles, seed=seed)
    return execute("necessity", predict, locus, settings, plan(locus, settings), summarise, on_progress, cancel)
