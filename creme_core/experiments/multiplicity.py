"""Multiplicity Test: more and more copies of one CRE (paper, Methods, Multiplicity Test)."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from creme_core.effects import fold_change, mean_interval
from creme_core.experiments import result as shared
from creme_core.experiments.execution import OnProgress
from creme_core.experiments.interaction import SEARCHES
from creme_core.experiments.perturbations import check_element, control, piece
from creme_core.experiments.result import Result, check_choice, provenance, tile_columns
from creme_core.greedy import Round, greedy_search
from creme_core.locus import Locus
from creme_core.models.base import resolve_readout
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Cancel, Predictor, Progress
from creme_core.tiles import TileGrid

__all__ = ["MultiplicityResult", "Settings", "run"]


@dataclass(frozen=True, kw_only=True)
class Settings(shared.Settings):
    """Adds what is copied and what the copies are placed for.

    Attributes:
        cre: the element, an oriented interval (start, end) of the window, 0-based half-open.
        readout: whose TSS activity decides where a copy goes.
        search: "enhancer" places each copy where activity is highest, "silencer" where it is lowest.
        copies: how many.
    """

    cre: tuple[int, int]
    readout: str | int
    search: str = "enhancer"
    copies: int = 15

    def __post_init__(self):
        super().__post_init__()
        self._check_interval("cre")
        check_choice("search", self.search, SEARCHES)
        self._check_whole("copies", 1)


@dataclass(frozen=True, eq=False)
class MultiplicityResult(Result):
    """Result of the Multiplicity Test.

    Attributes:
        tss_activity: float32 (shuffles, tracks), predicted TSS activity of the TSS tile alone.
        control_activity: float32 (shuffles, tracks), with one CRE at its own place (CONTROL).
        chosen: int (copies,), indices into the grid's context tiles in the order they were filled.
        mutant_activity: float32 (copies, shuffles, tracks), with the copies so far.
    """

    test: ClassVar[str] = "multiplicity"
    settings_type: ClassVar[type] = Settings

    tss_activity: np.ndarray = field(repr=False)
    control_activity: np.ndarray = field(repr=False)
    chosen: np.ndarray
    mutant_activity: np.ndarray = field(repr=False)

    def effects(self, readout: str | int | None = None) -> pd.DataFrame:
        """One row a copy.

        Args:
            readout: whose activity to report; None is the one that placed the copies.

        Returns:
            DataFrame with copies (from 1), the columns of `tile_columns` of the place filled, fold_over_control (mean
            over shuffles of MUT / CONTROL, each with its own background's control), sem, ci_low, ci_high (95%), n.

        Raises:
            ValueError: an unknown readout.
        """
        readout = self.settings.readout if readout is None else readout
        mutants, controls = (self._readout(a, readout) for a in (self.mutant_activity, self.control_activity))
        fold = mean_interval(fold_change(mutants, controls))
        places = tuple(self.grid.context_tiles[i] for i in self.chosen)
        return pd.DataFrame(
            {"copies": np.arange(1, len(self.chosen) + 1)}
            | tile_columns(self.locus, self.grid, places)
            | {
                "fold_over_control": fold.mean,
                "sem": fold.sem,
                "ci_low": fold.low,
                "ci_high": fold.high,
                "n": fold.n,
            }
        )


def run(
    predict: Predictor,
    locus: Locus,
    *,
    cre: tuple[int, int],
    readout: str | int,
    search: str = "enhancer",
    copies: int = 15,
    tile_size: int = 5000,
    shuffles: int = 10,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
) -> MultiplicityResult:
    """Does the gene saturate? Adds copies of a CRE to the TSS tile in shuffled contexts, each at the best free place.

    Args:
        cre, readout, search, copies: see Settings.

    The other arguments are those of `necessity.run`. The `result` of a Progress holds the copies placed so far.

    Raises:
        ValueError: settings out of range, more copies than places, a CRE that can't be moved about, an unknown readout.
        Cancelled: when cancel was set.
    """
    settings = Settings(
        tile_size=tile_size, shuffles=shuffles, seed=seed, cre=cre, readout=readout, search=search, copies=copies
    )
    grid = TileGrid(locus.length, settings.tile_size)
    element = check_element(*settings.cre, grid)
    places = grid.context_tiles
    if settings.copies > len(places):
        raise ValueError(f"copies is {copies}, but there are {len(places)} places beside the TSS tile; ask for fewer.")
    tracks = resolve_readout(predict.model.tracks, readout)
    origin = provenance(MultiplicityResult.test, predict.model, locus, settings)
    backgrounds = tuple(control(locus, settings.tile_size, settings.seed, i) for i in range(settings.shuffles))
    at_home = piece(locus.codes, element)
    first = predict.predict(
        [Mutant(Background(locus.codes)), *map(Mutant, backgrounds), *(Mutant(b, (at_home,)) for b in backgrounds)],
        cancel=cancel,
    )
    tss_activity, control_activity = np.split(first[1:], 2)
    found: list[Round] = []

    def trial(state: tuple[Background, ...], place: int) -> list[Mutant]:
        copy = piece(locus.codes, element, at=places[place].start)
        return [Mutant(background, (copy,)) for background in state]

    def keep(state: tuple[Background, ...], last: Round) -> tuple[Background, ...]:
        return tuple(Background(mutant.render()) for mutant in trial(state, last.candidates[last.chosen[0]]))

    def conclude() -> MultiplicityResult | None:
        if not found:
            return None
        return MultiplicityResult(
            locus,
            settings,
            predict.model.tracks,
            origin,
            first[0],
            tss_activity,
            control_activity,
            np.array([last.candidates[last.chosen[0]] for last in found]),
            np.stack([last.activity[last.chosen[0]] for last in found]),
        )

    def report(progress: Progress) -> None:
        on_progress(replace(progress, result=conclude()))

    greedy_search(
        predict,
        backgrounds,
        range(len(places)),
        trial=trial,
        score=lambda activity: activity[..., tracks].astype(np.float64).mean(axis=-1),
        best="max" if settings.search == "enhancer" else "min",
        keep=keep,
        rounds=settings.copies,
        on_round=found.append,
        on_progress=None if on_progress is None else report,
        cancel=cancel,
    )
    return conclude()
