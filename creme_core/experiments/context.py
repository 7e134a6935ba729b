"""Context Dependence Test: shuffle all but the TSS tile (paper, Methods, Context Dependence Test)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs, classify_context, crosses, mean_interval, shuffle_effect
from creme_core.experiments.result import Result, Settings, execute, shuffled_background
from creme_core.locus import Locus
from creme_core.mutant import Background, Edit, Mutant
from creme_core.predictor import Cancel, Predictor, Progress
from creme_core.tiles import TileGrid

__all__ = ["ContextResult", "plan", "run", "summarise"]


@dataclass(frozen=True, eq=False)
class ContextResult(Result):
    """Result of the Context Dependence Test.

    Attributes:
        mutant_activity: float32 (shuffles, tracks), predicted TSS activity of the TSS tile in each shuffled context.
    """

    mutant_activity: np.ndarray = field(repr=False, kw_only=True)

    def mutants(self, readout: str | int) -> np.ndarray:
        """Predicted TSS activity in each shuffled context, float64 (shuffles,); NaN where it is still to come."""
        return self._readout(self.mutant_activity, readout)

    def effects(self, readout: str | int, cutoffs: Cutoffs = ENFORMER_CUTOFFS) -> pd.DataFrame:
        """One row.

        Returns:
            DataFrame with wild_type and mutant (predicted TSS activity, the latter the mean over shuffles), effect
            (mean over shuffles of (WT - MUT) / WT), sem, ci_low, ci_high (95%), n (shuffles so far), call (enhancing,
            neutral, silencing, unclassified), uncertain (the interval holds a cut-off, or is unknown).

        Raises:
            ValueError: an unknown readout.
        """
        wild_type, mutants = self.wild_type(readout), self.mutants(readout)
        interval = mean_interval(shuffle_effect(wild_type, mutants)[None])
        return pd.DataFrame(
            {
                "wild_type": wild_type,
                "mutant": mean_interval(mutants[None]).mean,
                "effect": interval.mean,
                "sem": interval.sem,
                "ci_low": interval.low,
                "ci_high": interval.high,
                "n": interval.n,
                "call": classify_context(interval.mean, cutoffs),
                "uncertain": crosses(interval, cutoffs.context),
            }
        )


def plan(locus: Locus, settings: Settings) -> list[Mutant]:
    """The wild type, then the shuffled windows with the wild type's TSS tile put back.

    The whole window is shuffled before the tile goes in, so that these backgrounds are those of every other test.

    Raises:
        ValueError: a tile size that does not fit the window.
    """
    tss_tile = TileGrid(locus.length, settings.tile_size).tss_tile
    keep = Edit(tss_tile.start, locus.codes[tss_tile.start : tss_tile.end])
    return [Mutant(Background(locus.codes))] + [
        Mutant(shuffled_background(locus.codes, settings.seed, replicate), (keep,))
        for replicate in range(settings.shuffles)
    ]


def summarise(
    locus: Locus, settings: Settings, tracks: pd.DataFrame, activity: np.ndarray, provenance: dict[str, Any]
) -> ContextResult:
    """Part the predictions of `plan`, activity (1 + shuffles, tracks), into wild type and shuffles."""
    return ContextResult(locus, settings, tracks, activity[0].copy(), provenance, mutant_activity=activity[1:].copy())


def run(
    predict: Predictor,
    locus: Locus,
    *,
    tile_size: int = 5000,
    shuffles: int = 10,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: Cancel | None = None,
) -> ContextResult:
    """How much of the gene's activity comes from its context? Shuffles all but the TSS tile, `shuffles` times.

    Args:
        predict: the model and its store.
        locus: the window; its length must be the model's input length.
        tile_size, shuffles, seed: see Settings.
        on_progress: called after each batch with a Progress whose `result` is the partial ContextResult.
        cancel: anything with is_set(), looked at before each batch.

    Raises:
        ValueError: settings out of range, a tile size that does not fit, a locus of another length.
        Cancelled: when cancel was set.
    """
    settings = Settings(tile_size=tile_size, shuffles=shuffles, seed=seed)
    return execute(
        "context_dependence", predict, locus, settings, plan(locus, settings), summarise, on_progress, cancel
    )
