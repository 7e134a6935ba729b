"""Higher-order Interaction Test: which tiles matter together (paper, Methods, Higher-order Tile Interaction Test)."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from creme_core.effects import fold_change, mean_interval
from creme_core.experiments import result as shared
from creme_core.experiments.execution import OnProgress
from creme_core.experiments.perturbations import shuffled_tile
from creme_core.experiments.result import Result, check_choice, provenance, tile_columns
from creme_core.greedy import Round, greedy_search
from creme_core.locus import Locus
from creme_core.models.base import resolve_readout
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Cancel, Predictor, Progress
from creme_core.tiles import Tile, TileGrid

__all__ = ["SEARCHES", "InteractionResult", "Settings", "run"]

SEARCHES = ("enhancer", "silencer")


@dataclass(frozen=True, kw_only=True)
class Settings(shared.Settings):
    """Adds what the search looks at and for.

    Attributes:
        readout: whose TSS activity is minimised or maximised.
        search: "enhancer" fixes the tile whose shuffle lowers activity most, "silencer" the one that raises it most.
        rounds: how many tiles to fix; None is all of them.
    """

    readout: str | int
    search: str = "enhancer"
    rounds: int | None = None

    def __post_init__(self):
        super().__post_init__()
        check_choice("search", self.search, SEARCHES)
        if self.rounds is not None:
            self._check_whole("rounds", 1)


@dataclass(frozen=True, eq=False)
class InteractionResult(Result):
    """Result of the Higher-order Interaction Test.

    Attributes:
        chosen: int (rounds,), indices into `tiles` in the order they were fixed.
        mutant_activity: float32 (rounds, shuffles, tracks), with the chosen tile's shuffles on top of those before.
        single_activity: float32 (context tiles, shuffles, tracks), every tile shuffled alone: the first round, which
            is the Necessity Test.
    """

    test: ClassVar[str] = "interaction"
    settings_type: ClassVar[type] = Settings

    chosen: np.ndarray
    mutant_activity: np.ndarray = field(repr=False)
    single_activity: np.ndarray = field(repr=False)

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The tiles that were free at the start, left to right."""
        return self.grid.context_tiles

    @property
    def order(self) -> list[tuple[int, int]]:
        """The tiles in the order they were fixed, oriented (start, end), 0-based half-open."""
        return [(self.tiles[i].start, self.tiles[i].end) for i in self.chosen]

    def singles(self, readout: str | int | None = None) -> np.ndarray:
        """Fold over wild type with each tile shuffled alone: float64 (context tiles,), left to right."""
        readout = self.settings.readout if readout is None else readout
        activity = self._readout(self.single_activity, readout)
        return mean_interval(fold_change(activity, self.wild_type(readout))).mean

    def effects(self, readout: str | int | None = None) -> pd.DataFrame:
        """One row a round.

        Args:
            readout: whose activity to report; None is the one that was searched. The order is that search's anyway.

        Returns:
            DataFrame with round (from 1), the columns of `tile_columns` of the tile fixed, fold_over_wild_type (mean
            over shuffles of MUT / WT with the tiles so far shuffled), sem, ci_low, ci_high (95%), n, single
            (the same with that tile alone shuffled).

        Raises:
            ValueError: an unknown readout.
        """
        readout = self.settings.readout if readout is None else readout
        wild_type = self.wild_type(readout)
        fold = mean_interval(fold_change(self._readout(self.mutant_activity, readout), wild_type))
        table = tile_columns(self.locus, self.grid, tuple(self.tiles[i] for i in self.chosen))
        return pd.DataFrame(
            {"round": np.arange(1, len(self.chosen) + 1)}
            | table
            | {
                "fold_over_wild_type": fold.mean,
                "sem": fold.sem,
                "ci_low": fold.low,
                "ci_high": fold.high,
                "n": fold.n,
                "single": self.singles(readout)[self.chosen],
            }
        )


def _representative(scores: np.ndarray) -> int:
    """The replicate whose prediction is nearest to the mean; the first of equals."""
    return int(np.argmin(np.abs(scores - scores.mean())))


def run(
    predict: Predictor,
    locus: Locus,
    *,
    readout: str | int,
    search: str = "enhancer",
    rounds: int | None = None,
    tile_size: int = 5000,
    shuffles: int = 10,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
) -> InteractionResult:
    """Which tiles together drive the gene? Shuffles one more tile a round, the one that matters most on top.

    A fixed tile keeps its most representative shuffle: the one whose prediction is nearest to the mean.

    Args:
        readout: whose activity decides: a cell line, a track identifier or index.
        search, rounds: see Settings.

    The other arguments are those of `necessity.run`. The `result` of a Progress holds the rounds done so far.

    Raises:
        ValueError: settings out of range, more rounds than tiles, an unknown readout, a locus of another length.
        Cancelled: when cancel was set.
    """
    settings = Settings(
        tile_size=tile_size, shuffles=shuffles, seed=seed, readout=readout, search=search, rounds=rounds
    )
    tiles = TileGrid(locus.length, settings.tile_size).context_tiles
    if rounds is not None and rounds > len(tiles):
        raise ValueError(
            f"rounds is {rounds}, but the window has {len(tiles)} tiles besides the TSS tile; ask for fewer."
        )
    tracks = resolve_readout(predict.model.tracks, readout)
    origin = provenance(InteractionResult.test, predict.model, locus, settings)
    wild_type_activity = predict.predict([Mutant(Background(locus.codes))], cancel=cancel)[0]
    found: list[Round] = []

    def trial(background: Background, tile: int) -> list[Mutant]:
        return [
            Mutant(background, (shuffled_tile(locus.codes, tiles[tile], settings.seed, replicate),))
            for replicate in range(settings.shuffles)
        ]

    def keep(background: Background, last: Round) -> Background:
        best = last.chosen[0]
        return Background(trial(background, last.candidates[best])[_representative(last.scores[best])].render())

    def conclude() -> InteractionResult | None:
        if not found:
            return None
        return InteractionResult(
            locus,
            settings,
            predict.model.tracks,
            origin,
            wild_type_activity,
            np.array([last.candidates[last.chosen[0]] for last in found]),
            np.stack([last.activity[last.chosen[0]] for last in found]),
            found[0].activity,
        )

    def report(progress: Progress) -> None:
        on_progress(replace(progress, result=conclude()))

    greedy_search(
        predict,
        Background(locus.codes),
        range(len(tiles)),
        trial=trial,
        score=lambda activity: activity[..., tracks].astype(np.float64).mean(axis=-1),
        best="min" if settings.search == "enhancer" else "max",
        keep=keep,
        rounds=len(tiles) if rounds is None else rounds,
        on_round=found.append,
        on_progress=None if on_progress is None else report,
        cancel=cancel,
    )
    return conclude()
