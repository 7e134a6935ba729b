"""Sufficiency Test: one tile and the TSS tile in an otherwise shuffled window (paper, Methods, Sufficiency Test)."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from creme_core.effects import Cutoffs, classify_tile, crosses, mean_interval
from creme_core.experiments.embedded import EmbeddedResult
from creme_core.experiments.execution import OnProgress, execute, part_controls
from creme_core.experiments.perturbations import control, piece
from creme_core.experiments.replicates import ReplicatedSettings as Settings
from creme_core.experiments.replicates import initial_counts, pairs, spend
from creme_core.experiments.result import interval_columns, tile_columns
from creme_core.locus import Locus
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Cancel, Predictor
from creme_core.tiles import Tile, TileGrid

__all__ = ["Settings", "SufficiencyResult", "plan", "run", "summarise"]


@dataclass(frozen=True, eq=False)
class SufficiencyResult(EmbeddedResult):
    """Result of the Sufficiency Test.

    Attributes:
        control_activity: float32 (shuffles, tracks), predicted TSS activity of the TSS tile alone (CONTROL).
        mutant_activity: float32 (context tiles, shuffles, tracks), with that tile added at its own place (MUTANT).
    """

    test: ClassVar[str] = "sufficiency"
    settings_type: ClassVar[type] = Settings

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The tiles that were embedded, left to right."""
        return self.grid.context_tiles

    def effects(self, readout: str | int, cutoffs: Cutoffs | None = None, normalisation: str = "auto") -> pd.DataFrame:
        """One row a context tile, left to right.

        Args:
            readout: see `resolve_readout`.
            cutoffs: for the context class and the calls; None is the model's.
            normalisation: what `effect` divides by: "wild_type", "control", or "auto", the paper's rule: the wild
                type where the context is enhancing, the control otherwise. Both are always in the table.

        Returns:
            DataFrame with the columns of `tile_columns`, then effect, sem, ci_low, ci_high, n, call, uncertain,
            over_wild_type and over_control (mean over shuffles of (MUT - CONTROL) / divisor), normalisation.

        Raises:
            ValueError: an unknown readout or normalisation.
        """
        cutoffs = cutoffs or self.cutoffs
        normalisation = self.normalisation(readout, cutoffs, normalisation)
        columns, interval = interval_columns(self.samples(readout, cutoffs, normalisation), self.settings.pilot)
        return pd.DataFrame(
            tile_columns(self.locus, self.grid, self.tiles)
            | columns
            | {
                "n": interval.n,
                "call": classify_tile(interval.mean, cutoffs),
                "uncertain": crosses(interval, cutoffs.tile),
                "over_wild_type": mean_interval(self.samples(readout, cutoffs, "wild_type")).mean,
                "over_control": mean_interval(self.samples(readout, cutoffs, "control")).mean,
                "normalisation": normalisation,
            }
        )


def plan(locus: Locus, settings: Settings, counts: np.ndarray | None = None) -> list[Mutant]:
    """The wild type, the controls, then for each context tile, left to right, its mutants.

    Args:
        locus, settings: what the test is of.
        counts: shuffles for each context tile, int (tiles,); None is what the settings start with.

    Raises:
        ValueError: a tile size that does not fit the window.
    """
    tiles = TileGrid(locus.length, settings.tile_size).context_tiles
    counts = initial_counts(settings, len(tiles)) if counts is None else counts
    controls = [control(locus, settings.tile_size, settings.seed, replicate) for replicate in range(counts.max())]
    return [
        Mutant(Background(locus.codes)),
        *map(Mutant, controls),
        *(Mutant(controls[r], (piece(locus.codes, tiles[t]),)) for t, r in pairs(counts)),
    ]


def summarise(
    locus: Locus,
    settings: Settings,
    tracks: pd.DataFrame,
    activity: np.ndarray,
    provenance: dict[str, Any],
    counts: np.ndarray | None = None,
) -> SufficiencyResult:
    """Part the predictions of `plan`, activity (mutants, tracks)."""
    tiles = TileGrid(locus.length, settings.tile_size).context_tiles
    counts = initial_counts(settings, len(tiles)) if counts is None else counts
    return SufficiencyResult(locus, settings, tracks, provenance, *part_controls(activity, counts))


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
) -> SufficiencyResult:
    """Which tiles are enough to drive the gene? Adds one tile at a time to the TSS tile in shuffled contexts.

    Arguments and errors are those of `necessity.run`.
    """
    settings = Settings(tile_size=tile_size, shuffles=shuffles, seed=seed, half_width=half_width, budget=budget)

    def run_with(counts: np.ndarray) -> SufficiencyResult:
        conclude = partial(summarise, counts=counts)
        mutants = plan(locus, settings, counts)
        return execute(SufficiencyResult.test, predict, locus, settings, mutants, conclude, on_progress, cancel)

    tiles = TileGrid(locus.length, settings.tile_size).context_tiles
    return spend(predict, settings, len(tiles), run_with, SufficiencyResult.samples)
