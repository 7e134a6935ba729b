"""Running a plan: predict the mutants, summarise, and report a partial result after every batch."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from creme_core.experiments.replicates import scatter
from creme_core.experiments.result import Result, Settings, provenance
from creme_core.locus import Locus
from creme_core.mutant import Mutant
from creme_core.predictor import Cancel, Predictor, Progress

__all__ = ["OnProgress", "execute", "part_controls"]

OnProgress = Callable[[Progress], None]
Summarise = Callable[[Locus, Settings, pd.DataFrame, np.ndarray, dict[str, Any]], Result]


def execute(
    test: str,
    predict: Predictor,
    locus: Locus,
    settings: Settings,
    mutants: Sequence[Mutant],
    summarise: Summarise,
    on_progress: OnProgress | None,
    cancel: Cancel | None,
) -> Result:
    """Predict planned mutants and summarise them.

    The Progress that `on_progress` gets holds the partial result: NaN where a mutant is still to come.
    """
    origin = provenance(test, predict.model, locus, settings)

    def conclude(activity: np.ndarray) -> Result:
        return summarise(locus, settings, predict.model.tracks, activity, origin)

    def report(progress: Progress) -> None:
        on_progress(replace(progress, result=conclude(progress.activity)))

    return conclude(predict.predict(mutants, None if on_progress is None else report, cancel))


def part_controls(activity: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Part predictions that come as wild type, one control a replicate, then every unit's replicates.

    Args:
        activity: (1 + most replicates + sum of counts, tracks).
        counts: replicates of each unit, int (units,).

    Returns:
        Copies: wild type (tracks,), controls (most replicates, tracks), mutants (units, most replicates, tracks), NaN
        where a unit has fewer.
    """
    controls, mutants = np.split(activity[1:], [int(counts.max())])
    return activity[0].copy(), controls.copy(), scatter(mutants, counts)
