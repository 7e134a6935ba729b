"""Fine-Tile Search: the few bases of a CRE that carry its effect (paper, Methods, Fine-Tile Search)."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from creme_core.effects import fold_change, mean_interval
from creme_core.experiments import result as shared
from creme_core.experiments.execution import OnProgress
from creme_core.experiments.fine_tile_baselines import Baselines, predict_baselines
from creme_core.experiments.interaction import SEARCHES
from creme_core.experiments.perturbations import check_element, control, piece, shuffled_tile
from creme_core.experiments.result import Result, check_choice, provenance
from creme_core.greedy import Round, greedy_search
from creme_core.locus import Locus
from creme_core.models.base import resolve_readout
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Cancel, Predictor, Progress
from creme_core.tiles import MINIMUM_TILE_SIZE, Tile, TileGrid

__all__ = ["FineTileResult", "Settings", "recovered_share", "run"]


@dataclass(frozen=True, kw_only=True)
class Settings(shared.Settings):
    """Adds what is pruned and how; the defaults are the paper's.

    Attributes:
        cre: the element, an oriented interval (start, end) of the window, 0-based half-open.
        readout: whose TSS activity counts.
        search: "enhancer", or "silencer" (not in the paper), for which CONTROL / MUT is what is recovered.
        coarse, fine: bp of the pieces pruned in the first and the second stage.
        coarse_threshold, fine_threshold: a stage ends before less than this share of the effect is recovered.
        step: fine pieces pruned at once, by their independent effects; one coarse piece is pruned at a time.
    """

    cre: tuple[int, int]
    readout: str | int
    search: str = "enhancer"
    coarse: int = 500
    fine: int = 50
    coarse_threshold: float = 0.9
    fine_threshold: float = 0.7
    step: int = 10

    def __post_init__(self):
        super().__post_init__()
        self._check_interval("cre")
        check_choice("search", self.search, SEARCHES)
        for name, lowest in (("coarse", MINIMUM_TILE_SIZE), ("fine", MINIMUM_TILE_SIZE), ("step", 1)):
            self._check_whole(name, lowest)
        if self.coarse % self.fine:
            raise ValueError(f"coarse is {self.coarse} and fine {self.fine}; coarse must be a multiple of fine.")
        for name in ("coarse_threshold", "fine_threshold"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be between 0 and 1, such as 0.7.")


@dataclass(frozen=True, eq=False)
class FineTileResult(Result):
    """Result of the Fine-Tile Search.

    Attributes:
        tss_activity: float32 (shuffles, tracks), predicted TSS activity of the TSS tile alone.
        control_activity: float32 (shuffles, tracks), with the whole CRE (CONTROL).
        stages: int (steps,), bp of the pieces pruned in that step.
        bases: int (steps,), bases of the CRE left after it.
        mutant_activity: float32 (steps, shuffles, tracks), predicted TSS activity after it.
        kept: int (pieces, 2), the surviving pieces, oriented, 0-based half-open, left to right.
        baseline_names, baseline_bases, baseline_activity: what other ways of choosing bases recover, on the same
            backgrounds: name (rows,), number of bases (rows,), activity (rows, shuffles, tracks).
        saliency: float64 (bases of the CRE,), gradient x input.
        motif_covered: bool (bases of the CRE,), whether a motif hit covers the base.
    """

    test: ClassVar[str] = "fine_tile"
    settings_type: ClassVar[type] = Settings

    tss_activity: np.ndarray = field(repr=False)
    control_activity: np.ndarray = field(repr=False)
    stages: np.ndarray = field(repr=False)
    bases: np.ndarray
    mutant_activity: np.ndarray = field(repr=False)
    kept: np.ndarray
    baseline_names: np.ndarray = field(repr=False)
    baseline_bases: np.ndarray = field(repr=False)
    baseline_activity: np.ndarray = field(repr=False)
    saliency: np.ndarray = field(repr=False)
    motif_covered: np.ndarray = field(repr=False)

    def effects(self, readout: str | int | None = None) -> pd.DataFrame:
        """One row a point of a curve: the search's steps from the whole CRE on, then the baselines'.

        Args:
            readout: whose activity to report; None is the one that was searched.

        Returns:
            DataFrame with method ("search", "saliency", "motifs", "random"), stage (bp of the pieces; 0 for baselines
            and the start), bases (kept), recovered (mean MUT / mean CONTROL), ci_low, ci_high (95%, of that ratio,
            each background being compared with itself), n.

        Raises:
            ValueError: an unknown readout.
        """
        readout = self.settings.readout if readout is None else readout
        controls = self._readout(self.control_activity, readout)
        length = self.settings.cre[1] - self.settings.cre[0]
        activity = np.vstack(
            [
                controls[None],
                self._readout(self.mutant_activity, readout),
                self._readout(self.baseline_activity, readout),
            ]
        )
        recovered = mean_interval(_paired_shares(activity, controls, self.settings.search))
        baselines = len(self.baseline_names)
        return pd.DataFrame(
            {
                "method": ["search"] * (1 + len(self.stages)) + [str(name) for name in self.baseline_names],
                "stage": [0, *self.stages, *[0] * baselines],
                "bases": [length, *self.bases, *self.baseline_bases],
                "recovered": recovered.mean,
                "ci_low": recovered.low,
                "ci_high": recovered.high,
                "n": recovered.n,
            }
        )

    def pieces(self) -> pd.DataFrame:
        """The kept pieces: start, end (oriented), chrom, genome_start, genome_end, distance; all 0-based half-open."""
        places = [self.locus.to_genome(start, end) for start, end in self.kept]
        return pd.DataFrame(
            {
                "start": self.kept[:, 0],
                "end": self.kept[:, 1],
                "chrom": self.locus.chrom,
                "genome_start": [start for start, _ in places],
                "genome_end": [end for _, end in places],
                "distance": [self.locus.distance(start, end) for start, end in self.kept],
            }
        )


def recovered_share(activity: np.ndarray, controls: np.ndarray, search: str) -> np.ndarray:
    """CRE effect recovered: mean MUT / mean CONTROL, a silencer's the other way round; activity (..., replicates)."""
    mutant, whole = activity.mean(axis=-1), controls.mean(axis=-1)
    return fold_change(mutant, whole) if search == "enhancer" else fold_change(whole, mutant)


def _paired_shares(activity: np.ndarray, controls: np.ndarray, search: str) -> np.ndarray:
    """Samples (..., replicates) whose mean is the recovered share and whose spread is the ratio estimator's.

    Backgrounds differ in what they allow the whole CRE to do; the linearised residuals take that out (Cochran,
    Sampling Techniques, 1977, section 6.4).
    """
    above, below = (
        (activity, controls) if search == "enhancer" else (np.broadcast_to(controls, activity.shape), activity)
    )
    whole = below.mean(axis=-1, keepdims=True)
    share = fold_change(above.mean(axis=-1, keepdims=True), whole)
    return share + fold_change(above - share * below, whole)


def split(tile: Tile, size: int) -> list[Tile]:
    """A tile in pieces of a size from its start; the last may be shorter."""
    return [Tile(start, min(start + size, tile.end)) for start in range(tile.start, tile.end, size)]


def run(
    predict: Predictor,
    locus: Locus,
    *,
    cre: tuple[int, int],
    readout: str | int,
    search: str = "enhancer",
    coarse: int = 500,
    fine: int = 50,
    coarse_threshold: float = 0.9,
    fine_threshold: float = 0.7,
    step: int = 10,
    motifs: dict[str, np.ndarray] | None = None,
    baselines: bool = True,
    tile_size: int = 5000,
    shuffles: int = 10,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
) -> FineTileResult:
    """Which bases of a CRE carry its effect? Prunes its least needed pieces in shuffled contexts, coarse, then fine.

    A pruned piece is dinucleotide-shuffled on its own, as the Methods say (creme-nn puts the background's bases
    there instead). The step that falls below a stage's threshold is undone.

    Args:
        cre, readout, search, coarse, fine, coarse_threshold, fine_threshold, step: see Settings.
        motifs: name -> (4, width) probabilities for the motif baseline; None is JASPAR's human CORE collection.
        baselines: whether to predict saliency, motif hits and random bases too.

    The other arguments are those of `necessity.run`. The `result` of a Progress holds the steps done so far.

    Raises:
        ValueError: settings out of range, a CRE that can't be moved about, an unknown readout.
        Cancelled: when cancel was set.
    """
    settings = Settings(
        tile_size=tile_size,
        shuffles=shuffles,
        seed=seed,
        cre=cre,
        readout=readout,
        search=search,
        coarse=coarse,
        fine=fine,
        coarse_threshold=coarse_threshold,
        fine_threshold=fine_threshold,
        step=step,
    )
    element = check_element(*settings.cre, TileGrid(locus.length, settings.tile_size))
    tracks = resolve_readout(predict.model.tracks, readout)
    origin = provenance(FineTileResult.test, predict.model, locus, settings)
    backgrounds = [control(locus, settings.tile_size, settings.seed, i) for i in range(settings.shuffles)]
    whole = tuple(Background(Mutant(b, (piece(locus.codes, element),)).render()) for b in backgrounds)
    first = predict.predict(list(map(Mutant, (Background(locus.codes), *backgrounds, *whole))), cancel=cancel)
    tss_activity, control_activity = np.split(first[1:], 2)

    steps: list[_Step] = []
    choice = Baselines.none(len(first[0]), settings.shuffles, element.size)

    def conclude() -> FineTileResult:
        left = steps[-1].left if steps else [element]
        return FineTileResult(
            locus,
            settings,
            predict.model.tracks,
            origin,
            first[0],
            tss_activity,
            control_activity,
            np.array([done.size for done in steps], dtype=int),
            np.array([done.bases for done in steps], dtype=int),
            np.array([done.activity for done in steps]).reshape(-1, *control_activity.shape),
            np.array([(tile.start, tile.end) for tile in left], dtype=int).reshape(-1, 2),
            choice.names,
            choice.bases,
            choice.activity,
            choice.saliency,
            choice.motif_covered,
        )

    def report(progress: Progress) -> None:
        on_progress(replace(progress, result=conclude()))

    state, left = whole, [element]
    for size, threshold, per_round in (
        (settings.coarse, settings.coarse_threshold, 1),
        (settings.fine, settings.fine_threshold, settings.step),
    ):
        pieces = [part for tile in left for part in split(tile, size)]
        stage = _Stage(predict, locus, settings, tracks, control_activity, size, threshold, cancel, pieces)
        state = greedy_search(
            predict,
            state,
            pieces,
            trial=stage.trial,
            score=stage.score,
            best="max" if settings.search == "enhancer" else "min",
            keep=stage.keep,
            rounds=len(pieces),
            per_round=per_round,
            go_on=stage.go_on,
            on_round=lambda found, stage=stage: steps.append(stage.step(found)),
            on_progress=None if on_progress is None else report,
            cancel=cancel,
        )
        left = stage.left
    if baselines:
        kept = sum(tile.size for tile in left)
        choice = predict_baselines(predict, locus, element, backgrounds, readout, seed, kept, motifs, cancel)
    return conclude()


@dataclass(frozen=True, eq=False)
class _Step:
    """A step of the search that was kept: bp of its pieces, what is left of the CRE, activity (shuffles, tracks)."""

    size: int
    left: list[Tile]
    activity: np.ndarray

    @property
    def bases(self) -> int:
        return sum(tile.size for tile in self.left)


@dataclass
class _Stage:
    """One length scale of the search: how a piece is pruned, and whether enough is left afterwards."""

    predict: Predictor
    locus: Locus
    settings: Settings
    tracks: np.ndarray
    control_activity: np.ndarray
    size: int
    threshold: float
    cancel: Cancel | None
    left: list[Tile]
    activity: np.ndarray | None = None

    def score(self, activity: np.ndarray) -> np.ndarray:
        return activity[..., self.tracks].astype(np.float64).mean(axis=-1)

    def trial(self, state: tuple[Background, ...], tile: Tile) -> list[Mutant]:
        return self._prune(state, [tile])

    def keep(self, state: tuple[Background, ...], found: Round) -> tuple[Background, ...]:
        pruned = self._prune(state, [found.candidates[i] for i in found.chosen])
        return tuple(Background(mutant.render()) for mutant in pruned)

    def go_on(self, state: tuple[Background, ...]) -> bool:
        # Pruned one at a time this is one of the trials, and the store has it.
        self.activity = self.predict.predict(list(map(Mutant, state)), cancel=self.cancel)
        controls = self.score(self.control_activity)
        return bool(recovered_share(self.score(self.activity), controls, self.settings.search) > self.threshold)

    def step(self, found: Round) -> _Step:
        gone = {found.candidates[i] for i in found.chosen}
        self.left = [tile for tile in self.left if tile not in gone]
        return _Step(self.size, self.left, self.activity)

    def _prune(self, state: tuple[Background, ...], tiles: list[Tile]) -> list[Mutant]:
        return [
            Mutant(
                background,
                tuple(shuffled_tile(self.locus.codes, tile, self.settings.seed, replicate) for tile in tiles),
            )
            for replicate, background in enumerate(state)
        ]
