"""Context Swap Test: one gene's TSS tile in another's context (paper, Methods, Context Swap Test)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from creme_core.effects import Cutoffs, fold_change
from creme_core.experiments.context import context_table
from creme_core.experiments.execution import OnProgress
from creme_core.experiments.files import read_result, write_result
from creme_core.experiments.perturbations import control, piece
from creme_core.experiments.result import Settings, cutoffs_of, provenance
from creme_core.locus import Locus
from creme_core.models.base import resolve_readout
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Cancel, Predictor, Progress
from creme_core.tiles import TileGrid

__all__ = ["Settings", "SwapResult", "plan", "run"]


@dataclass(frozen=True, eq=False)
class SwapResult:
    """Result of the Context Swap Test.

    Attributes:
        sources: loci that give their TSS tile.
        targets: loci that give their context.
        settings: how; shuffles and seed are those of the context classes.
        tracks: the model's track table.
        provenance: of each source, by its place in `sources`.
        wild_type_activity: float32 (sources, tracks).
        source_control_activity: float32 (sources, shuffles, tracks), TSS tile alone in shuffled contexts.
        target_wild_type_activity, target_control_activity: the same of the targets.
        mutant_activity: float32 (sources, targets, tracks), that source's TSS tile in that target's context.
    """

    test: ClassVar[str] = "context_swap"

    sources: tuple[Locus, ...] = field(repr=False)
    targets: tuple[Locus, ...] = field(repr=False)
    settings: Settings
    tracks: pd.DataFrame = field(repr=False)
    provenance: list[dict[str, Any]] = field(repr=False)
    wild_type_activity: np.ndarray = field(repr=False)
    source_control_activity: np.ndarray = field(repr=False)
    target_wild_type_activity: np.ndarray = field(repr=False)
    target_control_activity: np.ndarray = field(repr=False)
    mutant_activity: np.ndarray = field(repr=False)

    @property
    def cutoffs(self) -> Cutoffs:
        """Where the paper draws its lines for this model."""
        return cutoffs_of(self.provenance[0] if self.provenance else {})

    def effects(self, readout: str | int, cutoffs: Cutoffs | None = None) -> pd.DataFrame:
        """One row a pair: source, target, source_context, target_context, fold_over_wild_type (MUT / WT of the source).

        Raises:
            ValueError: an unknown readout.
        """
        cutoffs = cutoffs or self.cutoffs
        fold = fold_change(
            self._mean(self.mutant_activity, readout), self._mean(self.wild_type_activity, readout)[:, None]
        )
        source_contexts = self._contexts(self.wild_type_activity, self.source_control_activity, readout, cutoffs)
        target_contexts = self._contexts(self.target_wild_type_activity, self.target_control_activity, readout, cutoffs)
        return pd.DataFrame(
            [
                (source.gene, target.gene, source_contexts[i], target_contexts[j], fold[i, j])
                for i, source in enumerate(self.sources)
                for j, target in enumerate(self.targets)
            ],
            columns=["source", "target", "source_context", "target_context", "fold_over_wild_type"],
        )

    def matrix(self, readout: str | int) -> pd.DataFrame:
        """Fold change over wild type, sources down and targets across."""
        fold = fold_change(
            self._mean(self.mutant_activity, readout), self._mean(self.wild_type_activity, readout)[:, None]
        )
        return pd.DataFrame(fold, [s.gene for s in self.sources], [t.gene for t in self.targets])

    def by_context(self, readout: str | int, cutoffs: Cutoffs | None = None) -> pd.DataFrame:
        """Median fold change and number of pairs by the context classes of source and target, own contexts left out."""
        pairs = self.effects(readout, cutoffs)
        pairs = pairs[pairs["source"] != pairs["target"]]
        grouped = pairs.groupby(["source_context", "target_context"])["fold_over_wild_type"]
        return grouped.agg(median="median", pairs="size").reset_index()

    def save(self, path: str | Path) -> Path:
        """Write the result to one .npz file, which `load` reads back; no pickle.

        Raises:
            ValueError: a path that does not end in .npz.
        """
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name.endswith("_activity")}
        loci = (*self.sources, *self.targets)
        return write_result(path, self.test, loci, self.settings, self.tracks, self.provenance, arrays)

    @classmethod
    def load(cls, path: str | Path) -> "SwapResult":
        """Read a result that `save` wrote.

        Raises:
            ValueError: a file that is missing, damaged, or the result of another test.
        """
        saved = read_result(path, cls.test)
        count = len(saved.arrays["wild_type_activity"])
        return cls(
            sources=saved.loci[:count],
            targets=saved.loci[count:],
            settings=Settings(**saved.settings),
            tracks=saved.tracks,
            provenance=saved.provenance,
            **saved.arrays,
        )

    def _mean(self, activity: np.ndarray, readout: str | int) -> np.ndarray:
        return activity[..., resolve_readout(self.tracks, readout)].astype(np.float64).mean(axis=-1)

    def _contexts(self, wild_type: np.ndarray, controls: np.ndarray, readout: str | int, cutoffs: Cutoffs) -> list[str]:
        return [
            context_table(one, many, cutoffs)["call"].iloc[0]
            for one, many in zip(self._mean(wild_type, readout), self._mean(controls, readout), strict=True)
        ]


def plan(sources: Sequence[Locus], targets: Sequence[Locus], settings: Settings) -> list[Mutant]:
    """For each source its wild type and controls, the same for each target, then every pair, sources outermost.

    Raises:
        ValueError: no loci, loci of different lengths, a tile size that does not fit.
    """
    if not sources or not targets:
        raise ValueError("A context swap needs at least one source and one target locus.")
    lengths = {locus.length: locus.name for locus in (*sources, *targets)}
    if len(lengths) > 1:
        named = ", ".join(f"{name} with {length:,} bp" for length, name in lengths.items())
        raise ValueError(f"The loci have different lengths ({named}); make them all with length=model.input_length.")
    tss_tile = TileGrid(sources[0].length, settings.tile_size).tss_tile
    own = [
        mutant
        for locus in (*sources, *targets)
        for mutant in (
            Mutant(Background(locus.codes)),
            *(Mutant(control(locus, settings.tile_size, settings.seed, i)) for i in range(settings.shuffles)),
        )
    ]
    contexts = [Background(target.codes) for target in targets]
    return own + [Mutant(context, (piece(source.codes, tss_tile),)) for source in sources for context in contexts]


def run(
    predict: Predictor,
    sources: Sequence[Locus],
    targets: Sequence[Locus],
    *,
    tile_size: int = 5000,
    shuffles: int = 10,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
) -> SwapResult:
    """How does a gene do in other genes' contexts? Puts every source's TSS tile into every target's context.

    Args:
        predict: the model and its store.
        sources, targets: loci of the model's input length; the same list twice is all against all.
        tile_size: bp of the TSS tile that is moved.
        shuffles, seed: for the context class of each locus, as in the Context Dependence Test.
        on_progress: called after each batch; its `result` is the partial SwapResult.
        cancel: anything with is_set(), looked at before each batch.

    Raises:
        ValueError: settings out of range, no loci, loci of different or wrong lengths.
        Cancelled: when cancel was set.
    """
    settings = Settings(tile_size=tile_size, shuffles=shuffles, seed=seed)
    sources, targets = tuple(sources), tuple(targets)
    mutants = plan(sources, targets, settings)
    origin = [provenance(SwapResult.test, predict.model, locus, settings) for locus in sources]

    def conclude(activity: np.ndarray) -> SwapResult:
        count = len(sources) + len(targets)
        own, pairs = np.split(activity, [count * (1 + settings.shuffles)])
        own = own.reshape(count, 1 + settings.shuffles, -1)
        of_sources, of_targets = own[: len(sources)], own[len(sources) :]
        return SwapResult(
            sources,
            targets,
            settings,
            predict.model.tracks,
            origin,
            of_sources[:, 0],
            of_sources[:, 1:],
            of_targets[:, 0],
            of_targets[:, 1:],
            pairs.reshape(len(sources), len(targets), -1),
        )

    def report(progress: Progress) -> None:
        on_progress(replace(progress, result=conclude(progress.activity)))

    return conclude(predict.predict(mutants, None if on_progress is None else report, cancel))
