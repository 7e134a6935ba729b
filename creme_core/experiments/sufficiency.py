"""Sufficiency Test: one tile and the TSS tile in an otherwise shuffled window (paper, Methods, Sufficiency Test)."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs, classify_tile, crosses, mean_interval, tile_effect
from creme_core.experiments.context import context_table
from creme_core.experiments.execution import OnProgress, execute, part_controls
from creme_core.experiments.perturbations import control, piece
from creme_core.experiments.result import Result, Settings, check_choice, interval_columns, tile_columns
from creme_core.locus import Locus
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Cancel, Predictor
from creme_core.tiles import Tile, TileGrid

__all__ = ["NORMALISATIONS", "Settings", "SufficiencyResult", "plan", "run", "summarise"]

NORMALISATIONS = ("auto", "wild_type", "control")


@dataclass(frozen=True, eq=False)
class SufficiencyResult(Result):
    """Result of the Sufficiency Test.

    Attributes:
        control_activity: float32 (shuffles, tracks), predicted TSS activity of the TSS tile alone (CONTROL).
        mutant_activity: float32 (context tiles, shuffles, tracks), with that tile added at its own place (MUTANT).
    """

    test: ClassVar[str] = "sufficiency"

    control_activity: np.ndarray = field(repr=False)
    mutant_activity: np.ndarray = field(repr=False)

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The tiles that were embedded, left to right."""
        return self.grid.context_tiles

    def context(self, readout: str | int, cutoffs: Cutoffs = ENFORMER_CUTOFFS) -> pd.DataFrame:
        """The Context Dependence Test's table: its mutants are this test's controls, so it comes for free."""
        return context_table(self.wild_type(readout), self._readout(self.control_activity, readout), cutoffs)

    def effects(
        self, readout: str | int, cutoffs: Cutoffs = ENFORMER_CUTOFFS, normalisation: str = "auto"
    ) -> pd.DataFrame:
        """One row a context tile, left to right.

        Args:
            readout: see `resolve_readout`.
            cutoffs: for the context class and the calls.
            normalisation: what `effect` divides by: "wild_type", "control", or "auto", the paper's rule: the wild
                type where the context is enhancing, the control otherwise. Both are always in the table.

        Returns:
            DataFrame with the columns of `tile_columns`, then effect, sem, ci_low, ci_high, n, call, uncertain,
            over_wild_type and over_control (mean over shuffles of (MUT - CONTROL) / divisor), normalisation.

        Raises:
            ValueError: an unknown readout or normalisation.
        """
        check_choice("normalisation", normalisation, NORMALISATIONS)
        wild_type = self.wild_type(readout)
        controls = self._readout(self.control_activity, readout)
        mutants = self._readout(self.mutant_activity, readout)
        if normalisation == "auto":
            enhancing = self.context(readout, cutoffs)["call"].iloc[0] == "enhancing"
            normalisation = "wild_type" if enhancing else "control"
        samples = {
            "wild_type": tile_effect(mutants, controls, wild_type),
            "control": tile_effect(mutants, controls, controls),
        }
        columns, interval = interval_columns(samples[normalisation])
        return pd.DataFrame(
            tile_columns(self.locus, self.grid, self.tiles)
            | columns
            | {
                "n": interval.n,
                "call": classify_tile(interval.mean, cutoffs),
                "uncertain": crosses(interval, cutoffs.tile),
                "over_wild_type": mean_interval(samples["wild_type"]).mean,
                "over_control": mean_interval(samples["control"]).mean,
                "normalisation": normalisation,
            }
        )


def plan(locus: Locus, settings: Settings) -> list[Mutant]:
    """The wild type, the controls, then for each context tile, left to right, its mutants.

    Raises:
        ValueError: a tile size that does not fit the window.
    """
    tiles = TileGrid(locus.length, settings.tile_size).context_tiles
    controls = [control(locus, settings.tile_size, settings.seed, replicate) for replicate in range(settings.shuffles)]
    return [
        Mutant(Background(locus.codes)),
        *map(Mutant, controls),
        *(Mutant(background, (piece(locus.codes, tile),)) for tile in tiles for background in controls),
    ]


def summarise(
    locus: Locus, settings: Settings, tracks: pd.DataFrame, activity: np.ndarray, provenance: dict[str, Any]
) -> SufficiencyResult:
    """Part the predictions of `plan`, activity (1 + shuffles + tiles * shuffles, tracks)."""
    return SufficiencyResult(locus, settings, tracks, provenance, *part_controls(activity, settings.shuffles))


def run(
    predict: Predictor,
    locus: Locus,
    *,
    tile_size: int = 5000,
    shuffles: int = 10,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
) -> SufficiencyResult:
    """Which tiles are enough to drive the gene? Adds one tile at a time to the TSS tile in shuffled contexts.

    Arguments and errors are those of `necessity.run`.
    """
    settings = Settings(tile_size=tile_size, shuffles=shuffles, seed=seed)
    mutants = plan(locus, settings)
    return execute(SufficiencyResult.test, predict, locus, settings, mutants, summarise, on_progress, cancel)
