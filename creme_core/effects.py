"""The paper's normalisations, cut-offs and uncertainty: arrays of TSS activity in, effects and classes out.

Source: Toneyan & Koo, Methods. A division by an activity of zero is not defined and gives NaN, never infinity.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

__all__ = [
    "BORZOI_CUTOFFS",
    "ENFORMER_CUTOFFS",
    "Cutoffs",
    "Interval",
    "classify_context",
    "classify_tile",
    "crosses",
    "mean_interval",
    "shuffle_effect",
]


@dataclass(frozen=True)
class Cutoffs:
    """Where the paper draws its lines (Methods: Analysis of the Context Dependence and Sufficiency Tests).

    Attributes:
        enhancing: a context effect above it is an enhancing context.
        neutral: a context effect closer to 0 than it is a neutral context.
        silencing: a context effect below it is a silencing context.
        enhancer, silencer: a tile effect above, below it.
    """

    enhancing: float = 0.95
    neutral: float = 0.05
    silencing: float = -0.3
    enhancer: float = 0.3
    silencer: float = -0.3

    @property
    def context(self) -> tuple[float, ...]:
        """Every line between two context classes."""
        return (self.silencing, -self.neutral, self.neutral, self.enhancing)

    @property
    def tile(self) -> tuple[float, ...]:
        """Every line between two tile calls."""
        return (self.silencer, self.enhancer)


ENFORMER_CUTOFFS = Cutoffs()
BORZOI_CUTOFFS = Cutoffs(enhancing=0.9, silencing=-0.2, silencer=-0.15)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    numerator, denominator = np.broadcast_arrays(np.asarray(numerator, float), np.asarray(denominator, float))
    result = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator != 0)


def shuffle_effect(wild_type: np.ndarray, mutant: np.ndarray) -> np.ndarray:
    """(WT - MUT) / WT: the normalised context effect and the normalised shuffle effect of the Necessity Test.

    Positive: the shuffle lowers activity, so what it destroyed was enhancing; 1 is all of it. Negative: silencing.
    Arrays broadcast; NaN where WT is 0.
    """
    return _ratio(np.asarray(wild_type, float) - np.asarray(mutant, float), wild_type)


@dataclass(frozen=True)
class Interval:
    """Means over replicates with their uncertainty, arrays of one shape.

    Attributes:
        mean: over the replicates present.
        sem: standard error of the mean (sample standard deviation / sqrt(n)); NaN below two replicates.
        low, high: two-sided t interval of the stated level; NaN below two replicates.
        n: replicates present.
    """

    mean: np.ndarray
    sem: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray


def mean_interval(samples: np.ndarray, level: float = 0.95) -> Interval:
    """Mean, standard error and t interval over the last axis of samples (..., replicates); NaN marks a missing one."""
    samples = np.asarray(samples, float)
    present = np.isfinite(samples)
    n = present.sum(axis=-1)
    total = np.where(present, samples, 0.0).sum(axis=-1)
    mean = _ratio(total, n)
    squares = np.where(present, (samples - mean[..., None]) ** 2, 0.0).sum(axis=-1)
    variance = _ratio(squares, np.where(n > 1, n - 1, 0))
    sem = np.sqrt(_ratio(variance, n))
    half_width = stdtrit(np.maximum(n - 1, 1), 0.5 + level / 2) * sem
    return Interval(mean=mean, sem=sem, low=mean - half_width, high=mean + half_width, n=n)


def crosses(interval: Interval, cutoffs: tuple[float, ...]) -> np.ndarray:
    """Whether each interval holds a cut-off, so that its call is uncertain; an interval that is unknown does."""
    lines = np.asarray(cutoffs)
    inside = (interval.low[..., None] <= lines) & (lines <= interval.high[..., None])
    return inside.any(axis=-1) | ~np.isfinite(interval.low)


def classify_context(effect: np.ndarray, cutoffs: Cutoffs = ENFORMER_CUTOFFS) -> np.ndarray:
    """Name the class of each context effect: enhancing, neutral, silencing, unclassified, or "" where it is NaN."""
    effect = np.asarray(effect, float)
    return np.select(
        [
            np.isnan(effect),
            effect > cutoffs.enhancing,
            np.abs(effect) < cutoffs.neutral,
            effect < cutoffs.silencing,
        ],
        ["", "enhancing", "neutral", "silencing"],
        default="unclassified",
    )


def classify_tile(effect: np.ndarray, cutoffs: Cutoffs = ENFORMER_CUTOFFS) -> np.ndarray:
    """Call each tile effect: enhancer, silencer, none, or "" where it is NaN."""
    effect = np.asarray(effect, float)
    return np.select(
        [np.isnan(effect), effect > cutoffs.enhancer, effect < cutoffs.silencer],
        ["", "enhancer", "silencer"],
        default="none",
    )
