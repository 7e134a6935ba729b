"""Context Dependence Test: shuffle all but the TSS tile (paper, Methods, Context Dependence Test)."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs, classify_context, crosses, mean_interval, shuffle_effect
from creme_core.experiments.execution import OnProgress, execute
from creme_core.experiments.perturbations import control
from creme_core.experiments.result import Result, Settings, interval_columns
from creme_core.locus import Locus
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Cancel, Predictor

__all__ = ["ContextResult", "Settings", "context_table", "plan", "run", "summarise"]


@dataclass(frozen=True, eq=False)
class ContextResult(Result):
    """Result of the Context Dependence Test.

    Attributes:
        mutant_activity: float32 (shuffles, tracks), predicted TSS activity of the TSS tile in each shuffled context.
    """

    test: ClassVar[str] = "context_dependence"

    mutant_activity: np.ndarray = field(repr=False)

    def mutants(self, readout: str | int) -> np.ndarray:
        """Predicted TSS activity in each shuffled context, float64 (shuffles,); NaN where it is still to come."""
        return self._readout(self.mutant_activity, readout)

    def effects(self, readout: str | int, cutoffs: Cutoffs | None = None) -> pd.DataFrame:
        """One row; `cutoffs` are the model's unless others are given.

        Returns:
            DataFrame with wild_type and mutant (predicted TSS activity, the latter the mean over shuffles), effect
            (mean over shuffles of (WT - MUT) / WT), sem, ci_low, ci_high (95%), n (shuffles so far), call (enhancing,
            neutral, silencing, unclassified), uncertain (the interval holds a cut-off, or is unknown).

        Raises:
            ValueError: an unknown readout.
        """
        return context_table(self.wild_type(readout), self.mutants(readout), cutoffs or self.cutoffs)


def context_table(wild_type: float, mutants: np.ndarray, cutoffs: Cutoffs = ENFORMER_CUTOFFS) -> pd.DataFrame:
    """The one-row table of ContextResult.effects from activities: wild type, and mutants (shuffles,)."""
    columns, interval = interval_columns(shuffle_effect(wild_type, mutants)[None])
    return pd.DataFrame(
        {"wild_type": wild_type, "mutant": mean_interval(mutants[None]).mean}
        | columns
        | {
            "n": interval.n,
            "call": classify_context(interval.mean, cutoffs),
            "uncertain": crosses(interval, cutoffs.context),
        }
    )


def plan(locus: Locus, settings: Settings) -> list[Mutant]:
    """The wild type, then the TSS tile alone in each shuffled context.

    Raises:
        ValueError: a tile size that does not fit the window.
    """
    return [Mutant(Background(locus.codes))] + [
        Mutant(control(locus, settings.tile_size, settings.seed, replicate)) for replicate in range(settings.shuffles)
    ]


def summarise(
    locus: Locus, settings: Settings, tracks: pd.DataFrame, activity: np.ndarray, provenance: dict[str, Any]
) -> ContextResult:
    """Part the predictions of `plan`, activity (1 + shuffles, tracks), into wild type and shuffles."""
    return ContextResult(locus, settings, tracks, provenance, activity[0].copy(), activity[1:].copy())


def run(
    predict: Predictor,
    locus: Locus,
    *,
    tile_size: int = 5000,
    shuffles: int = 10,
    seed: int = 0,
    on_progress: OnProgress | None = None,
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
    mutants = plan(locus, settings)
    return execute(ContextResult.test, predict, locus, settings, mutants, summarise, on_progress, cancel)
