"""TSS-CRE Distance Test: one CRE at every place of a shuffled window (paper, Methods, TSS-CRE Distance Test)."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from creme_core.effects import Cutoffs, fold_over_best, mean_interval
from creme_core.experiments.embedded import EmbeddedResult
from creme_core.experiments.execution import OnProgress, execute, part_controls
from creme_core.experiments.perturbations import check_element, control, piece
from creme_core.experiments.replicates import ReplicatedSettings, initial_counts, pairs, spend
from creme_core.experiments.result import interval_columns, tile_columns
from creme_core.locus import Locus
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Cancel, Predictor
from creme_core.tiles import Tile, TileGrid

__all__ = ["DistanceResult", "Settings", "plan", "run", "summarise"]


@dataclass(frozen=True, kw_only=True)
class Settings(ReplicatedSettings):
    """Adds cre: the element to move, an oriented interval (start, end) of the window, 0-based half-open."""

    cre: tuple[int, int]

    def __post_init__(self):
        super().__post_init__()
        self._check_interval("cre")


@dataclass(frozen=True, eq=False)
class DistanceResult(EmbeddedResult):
    """Result of the TSS-CRE Distance Test.

    Attributes:
        control_activity: float32 (shuffles, tracks), predicted TSS activity of the TSS tile alone.
        mutant_activity: float32 (positions, shuffles, tracks), with the CRE at that position.
    """

    test: ClassVar[str] = "distance"
    settings_type: ClassVar[type] = Settings

    @property
    def positions(self) -> tuple[Tile, ...]:
        """Where the CRE was put, left to right: it starts where each context tile starts."""
        return self.grid.context_tiles

    def effects(self, readout: str | int, cutoffs: Cutoffs | None = None, normalisation: str = "auto") -> pd.DataFrame:
        """One row a position, left to right.

        Args:
            readout: see `resolve_readout`.
            cutoffs: for the context class; None is the model's.
            normalisation: what `effect` divides by, as in the Sufficiency Test.

        Returns:
            DataFrame with the columns of `tile_columns` (of the position), own_place (the position overlaps the CRE's
            own most), then effect, sem, ci_low, ci_high (the sufficiency effect there), n, fold_over_max and
            fold_over_min (mean over shuffles of MUT / that shuffle's highest or lowest) with their _low and _high
            (95%), normalisation.

        Raises:
            ValueError: an unknown readout or normalisation.
        """
        normalisation = self.normalisation(readout, cutoffs, normalisation)
        columns, interval = interval_columns(self.samples(readout, cutoffs, normalisation), self.settings.pilot)
        mutants = self._readout(self.mutant_activity, readout)
        folds = {}
        for best in ("max", "min"):
            fold = mean_interval(fold_over_best(mutants, best))
            name = f"fold_over_{best}"
            folds |= {name: fold.mean, f"{name}_low": fold.low, f"{name}_high": fold.high}
        table = pd.DataFrame(
            tile_columns(self.locus, self.grid, self.positions)
            | columns
            | {"n": interval.n}
            | folds
            | {"normalisation": normalisation}
        )
        cre = Tile(*self.settings.cre)
        nearest = min(range(len(table)), key=lambda i: abs(self.positions[i].start - cre.start))
        table.insert(7, "own_place", [i == nearest for i in range(len(table))])
        return table


def plan(locus: Locus, settings: Settings, counts: np.ndarray | None = None) -> list[Mutant]:
    """The wild type, the controls, then for each position, left to right, the CRE put there in each control.

    Args:
        locus, settings: what the test is of.
        counts: shuffles for each position, int (positions,); None is what the settings start with.

    Raises:
        ValueError: a tile size that does not fit, or a CRE that can't be moved about (see `check_element`).
    """
    grid = TileGrid(locus.length, settings.tile_size)
    cre = check_element(*settings.cre, grid)
    places = grid.context_tiles
    counts = initial_counts(settings, len(places)) if counts is None else counts
    controls = [control(locus, settings.tile_size, settings.seed, replicate) for replicate in range(counts.max())]
    return [
        Mutant(Background(locus.codes)),
        *map(Mutant, controls),
        *(Mutant(controls[r], (piece(locus.codes, cre, at=places[p].start),)) for p, r in pairs(counts)),
    ]


def summarise(
    locus: Locus,
    settings: Settings,
    tracks: pd.DataFrame,
    activity: np.ndarray,
    provenance: dict[str, Any],
    counts: np.ndarray | None = None,
) -> DistanceResult:
    """Part the predictions of `plan`, activity (mutants, tracks)."""
    places = TileGrid(locus.length, settings.tile_size).context_tiles
    counts = initial_counts(settings, len(places)) if counts is None else counts
    return DistanceResult(locus, settings, tracks, provenance, *part_controls(activity, counts))


def run(
    predict: Predictor,
    locus: Locus,
    *,
    cre: tuple[int, int],
    tile_size: int = 5000,
    shuffles: int | str = 10,
    seed: int = 0,
    half_width: float = 0.05,
    budget: int = 50,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
) -> DistanceResult:
    """How does a CRE's effect depend on where it stands? Puts it at every place beside the TSS tile.

    Args:
        cre: oriented interval (start, end) of the window, 0-based half-open, at most a tile long.

    The other arguments and errors are those of `necessity.run`.
    """
    settings = Settings(
        tile_size=tile_size, shuffles=shuffles, seed=seed, half_width=half_width, budget=budget, cre=cre
    )

    def run_with(counts: np.ndarray) -> DistanceResult:
        conclude = partial(summarise, counts=counts)
        mutants = plan(locus, settings, counts)
        return execute(DistanceResult.test, predict, locus, settings, mutants, conclude, on_progress, cancel)

    places = TileGrid(locus.length, settings.tile_size).context_tiles
    return spend(predict, settings, len(places), run_with, DistanceResult.samples)
