"""The tests' results as the published tables allow them: means without replicates, places where they are known."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from creme_core.effects import Cutoffs, Interval, classify_context, crosses, fold_change, mean_interval
from creme_core.experiments.context import ContextResult, context_table
from creme_core.experiments.distance import DistanceResult
from creme_core.experiments.embedded import EmbeddedResult
from creme_core.experiments.fine_tile import FineTileResult
from creme_core.experiments.interaction import InteractionResult
from creme_core.experiments.necessity import NecessityResult
from creme_core.experiments.result import tile_columns
from creme_core.experiments.set_sufficiency import SetSufficiencyResult
from creme_core.experiments.sufficiency import SufficiencyResult
from creme_core.experiments.swap import SwapResult
from creme_core.locus import Locus
from creme_core.sequence import N

__all__ = [
    "Place",
    "PublishedContext",
    "PublishedDistance",
    "PublishedFineTile",
    "PublishedInteraction",
    "PublishedNecessity",
    "PublishedSetSufficiency",
    "PublishedSufficiency",
    "PublishedSwap",
    "unknown_bases",
]

UNKNOWN = -1  # of a tile whose place was not published


@lru_cache(maxsize=4)
def unknown_bases(length: int) -> np.ndarray:
    """A window of N, uint8 (length,), read-only so that all loci share it."""
    codes = np.full(length, N, dtype=np.uint8)
    codes.flags.writeable = False
    return codes


@dataclass(frozen=True, eq=False)
class Place(Locus):
    """A locus of which only the place is known: every base is N, and the digest is that of the place."""

    def __post_init__(self):
        if self.codes.flags.writeable:
            super().__post_init__()  # shared bases need no copy of their own

    @cached_property
    def digest(self) -> str:
        """Content address of the place, since all of these windows have the same letters."""
        place = f"{self.chrom}:{self.start}-{self.end}:{self.strand}"
        return hashlib.blake2b(place.encode(), digest_size=16).hexdigest()


class _Means:
    """What results of published means share.

    The arrays hold one replicate, the published mean over settings.shuffles shuffles; its uncertainty was not
    published, so sem and the ends of the intervals are NaN, and no call is marked as uncertain.
    """

    @property
    def notes(self) -> tuple[str, ...]:
        """Plain sentences on what was published and what was not."""
        return tuple(self.provenance["notes"])

    def effects(self, *args, **named) -> pd.DataFrame:
        """As the test's own; n is how many shuffles the published mean is of, 0 where there is none."""
        table = super().effects(*args, **named)
        table["n"] = np.where(table["n"] > 0, self.settings.shuffles, 0)
        return table.assign(uncertain=False) if "uncertain" in table else table


@dataclass(frozen=True, eq=False)
class PublishedContext(_Means, ContextResult):
    """Context Dependence Test with the published mean and standard deviation over its shuffles.

    Attributes:
        mutant_effect: float64 (tracks,), the published effect, which its activities give but for the last digits.
        mutant_deviation: float64 (tracks,), standard deviation of TSS activity over the shuffles; NaN where unknown.
    """

    test: ClassVar[str] = "published_context_dependence"

    mutant_effect: np.ndarray = field(repr=False)
    mutant_deviation: np.ndarray = field(repr=False)

    def mutants(self, readout: str | int) -> np.ndarray:
        """Empty: the single shuffles were not published."""
        return self._readout(self.mutant_activity[:0], readout)

    def effects(self, readout: str | int, cutoffs: Cutoffs | None = None) -> pd.DataFrame:
        """As ContextResult.effects; the interval follows from the published standard deviation."""
        cutoffs, shuffles = cutoffs or self.cutoffs, self.settings.shuffles
        wild_type = self.wild_type(readout)
        mutant = self._readout(self.mutant_activity, readout)
        effect = self._readout(self.mutant_effect, readout).reshape(1)
        sem = fold_change(self._readout(self.mutant_deviation, readout) / np.sqrt(shuffles), abs(wild_type))
        half = stdtrit(shuffles - 1, 0.975) * sem
        interval = Interval(effect, np.full(1, sem), effect - half, effect + half, np.full(1, shuffles))
        return pd.DataFrame(
            {
                "wild_type": wild_type,
                "mutant": mutant,
                "effect": effect,
                "sem": interval.sem,
                "ci_low": interval.low,
                "ci_high": interval.high,
                "n": interval.n,
                "call": classify_context(effect, cutoffs),
                "uncertain": crosses(interval, cutoffs.context) & np.isfinite(sem),
            }
        )


class PublishedNecessity(_Means, NecessityResult):
    """Necessity Test of published means."""

    test: ClassVar[str] = "published_necessity"

    @cached_property
    def testable(self) -> tuple[bool, ...]:
        """All of them: the bases are not here to look at, and the paper tested every tile."""
        return (True,) * len(self.tiles)


class _Embedded(_Means, EmbeddedResult):
    """The published class of the context decides what an effect is divided by, as it did in the paper."""

    def context(self, readout: str | int, cutoffs: Cutoffs | None = None) -> pd.DataFrame:
        """The Context Dependence Test's table by the mean CONTROL of this test; the call is the published one."""
        controls = self._readout(self.control_activity, readout)
        control = mean_interval(controls.reshape(1, -1)).mean
        table = context_table(self.wild_type(readout), control, cutoffs or self.cutoffs)
        return table.assign(n=self.settings.shuffles, call=self.provenance["context"] or table["call"], uncertain=False)


class PublishedSufficiency(_Embedded, SufficiencyResult):
    """Sufficiency Test of published means; control_activity is (context tiles, 1, tracks), each tile having its own."""

    test: ClassVar[str] = "published_sufficiency"


class PublishedDistance(_Embedded, DistanceResult):
    """TSS-CRE Distance Test of published means."""

    test: ClassVar[str] = "published_distance"


@dataclass(frozen=True, eq=False)
class PublishedInteraction(_Means, InteractionResult):
    """Higher-order Interaction Test; which tile a round fixed was not published, so `chosen` holds -1.

    Attributes:
        alone_activity: float64 (rounds, 1, tracks), with only that round's tile shuffled.
        replicates: int (rounds,), shuffles behind the activity of a round: 1 where it is the representative one's.
        first_five: int (5,) or (0,), indices into `tiles` of those fixed in the first five rounds, left to right.
    """

    test: ClassVar[str] = "published_interaction"

    alone_activity: np.ndarray = field(repr=False)
    replicates: np.ndarray = field(repr=False)
    first_five: np.ndarray

    @property
    def order(self) -> list[tuple[int, int]]:
        """Empty: the order of the tiles was not published."""
        return []

    @property
    def first_tiles(self) -> pd.DataFrame:
        """The tiles of the first five rounds, left to right, with the columns of `tile_columns`."""
        return pd.DataFrame(tile_columns(self.locus, self.grid, tuple(self.tiles[i] for i in self.first_five)))

    def effects(self, readout: str | int | None = None) -> pd.DataFrame:
        """As InteractionResult.effects; tile, start, end and their like are -1, distance NaN: not published."""
        readout = self.settings.readout if readout is None else readout
        wild_type = self.wild_type(readout)
        fold = mean_interval(fold_change(self._readout(self.mutant_activity, readout), wild_type))
        return pd.DataFrame(
            {"round": np.arange(1, len(self.chosen) + 1)}
            | dict.fromkeys(("tile", "start", "end"), UNKNOWN)
            | {"chrom": self.locus.chrom}
            | dict.fromkeys(("genome_start", "genome_end"), UNKNOWN)
            | {
                "distance": np.nan,
                "fold_over_wild_type": fold.mean,
                "sem": fold.sem,
                "ci_low": fold.low,
                "ci_high": fold.high,
                "n": self.replicates,
                "single": fold_change(self._readout(self.alone_activity, readout)[:, 0], wild_type),
            }
        )


class PublishedSetSufficiency(_Means, SetSufficiencyResult):
    """Set sufficiency; which tile was added when was not published, so settings.tiles holds (-1, -1) for each."""

    test: ClassVar[str] = "published_set_sufficiency"

    def effects(self, readout: str | int) -> pd.DataFrame:
        """As SetSufficiencyResult.effects; places are -1, distance NaN: not published."""
        table = super().effects(readout)
        table[["start", "end", "genome_start", "genome_end"]] = UNKNOWN
        return table.assign(distance=np.nan)


class PublishedFineTile(_Means, FineTileResult):
    """Fine-Tile Search; activities are shares of that with the whole CRE, and `kept` is empty: not published."""

    test: ClassVar[str] = "published_fine_tile"

    pieces_known = False


class PublishedSwap(SwapResult):
    """Context Swap Test of published fold changes."""

    test: ClassVar[str] = "published_context_swap"

    @property
    def notes(self) -> tuple[str, ...]:
        """Plain sentences on what was published and what was not."""
        return tuple(self.provenance[0]["notes"])
