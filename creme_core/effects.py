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
    "additive_model",
    "classify_additivity",
    "classify_context",
    "classify_multiplicativity",
    "classify_tile",
    "crosses",
    "fold_change",
    "fold_over_best",
    "mean_interval",
    "mean_squared_error",
    "multiplicative_model",
    "shuffle_effect",
    "tile_effect",
]


@dataclass(frozen=True)
class Cutoffs:
    """Where the paper draws its lines (Methods: Analysis of the Context Dependence and Sufficiency Tests).

    Attributes:
        enhancing: a context effect above it is an enhancing context.
        neutral: a context effect closer to 0 than it is a neutral context.
        silencing: a context effect below it is a silencing context.
        enhancer, silencer: a tile effect above, below it.
        nonadditive: a mean squared error above it, from the additive model, is super- or subadditive.
        additive: one below it is additive.
        multiplicative_enhancers, multiplicative_silencers: an error above it is non-multiplicative.
    """

    enhancing: float = 0.95
    neutral: float = 0.05
    silencing: float = -0.3
    enhancer: float = 0.3
    silencer: float = -0.3
    nonadditive: float = 0.1
    additive: float = 0.05
    multiplicative_enhancers: float = 0.04
    multiplicative_silencers: float = 0.01

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


def fold_change(mutant: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """MUT / WT, or MUT / CONTROL: fold change over wild type or over control. Arrays broadcast; NaN over 0."""
    return _ratio(mutant, reference)


def tile_effect(mutant: np.ndarray, control: np.ndarray, divisor: np.ndarray) -> np.ndarray:
    """(MUT - CONTROL) / divisor: the tile effect of the Sufficiency Test.

    Over wild type (divisor WT) for an enhancing context, 1 being full recovery; over control (divisor CONTROL)
    otherwise, 1 being twice the intrinsic activity. Arrays broadcast; NaN over 0.
    """
    return _ratio(np.asarray(mutant, float) - np.asarray(control, float), divisor)


def fold_over_best(mutant: np.ndarray, best: str) -> np.ndarray:
    """MUT over the best position's, replicate by replicate: fold change over max (or min) of the Distance Test.

    Args:
        mutant: activity (positions, replicates); NaN is a position still to come.
        best: "max", as for enhancers, or "min", as for silencers.
    """
    mutant = np.asarray(mutant, float)
    extreme = np.fmax.reduce(mutant, axis=0) if best == "max" else np.fmin.reduce(mutant, axis=0)
    return _ratio(mutant, extreme)


def additive_model(wild_type: float, singles: np.ndarray) -> np.ndarray:
    """(WT + cumulative sum of (MUT - WT)) / WT: the activity to expect if effects add up, by number of tiles.

    Args:
        wild_type: WT.
        singles: activity (rounds,) with one tile shuffled alone, in the order that the greedy search fixed them.
    """
    singles = np.asarray(singles, float)
    return _ratio(wild_type + np.cumsum(singles - wild_type), wild_type)


def multiplicative_model(wild_type: float, singles: np.ndarray) -> np.ndarray:
    """The additive model on natural logarithms, turned back: the product of MUT / WT, by number of tiles.

    The paper compares after taking logarithms "of all the values"; it is turned back here so that the three
    trajectories share an axis, as in its Fig. 6e. NaN where an activity is 0, whose logarithm is not defined.
    """
    folds = fold_change(singles, wild_type)
    return np.cumprod(np.where(folds > 0, folds, np.nan))


def mean_squared_error(greedy: np.ndarray, model: np.ndarray) -> float:
    """Mean over rounds of (greedy - model) squared, both as fold change over wild type."""
    return float(np.mean((np.asarray(greedy, float) - np.asarray(model, float)) ** 2))


def classify_additivity(greedy: np.ndarray, additive: np.ndarray, cutoffs: Cutoffs = ENFORMER_CUTOFFS) -> str:
    """Name how a greedy trajectory compares with the additive model (Methods, Comparison to additive effects).

    Returns:
        superadditive (error above 0.1, greedy above the model on average), subadditive (below it), additive (error
        below 0.05), unclassified (between), or "" when an activity is not defined.
    """
    error = mean_squared_error(greedy, additive)
    if np.isnan(error):
        return ""
    if error > cutoffs.nonadditive:
        return "superadditive" if np.mean(greedy) > np.mean(additive) else "subadditive"
    return "additive" if error < cutoffs.additive else "unclassified"


def classify_multiplicativity(
    greedy: np.ndarray, multiplicative: np.ndarray, search: str, cutoffs: Cutoffs = ENFORMER_CUTOFFS
) -> str:
    """multiplicative or non-multiplicative, by the cut for the kind of search; "" when an activity is not defined."""
    error = mean_squared_error(greedy, multiplicative)
    if np.isnan(error):
        return ""
    cut = cutoffs.multiplicative_enhancers if search == "enhancer" else cutoffs.multiplicative_silencers
    return "non-multiplicative" if error > cut else "multiplicative"


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


def mean_interval(samples: np.ndarray, level: float = 0.95, pilot: int | None = None) -> Interval:
    """Mean, standard error and t interval over the last axis.

    Args:
        samples: (..., replicates); NaN marks a missing one.
        level: of the interval.
        pilot: take the spread, and its degrees of freedom, from the first so many replicates only.
    """
    samples = np.asarray(samples, float)
    mean, n, _ = _moments(samples)
    _, spread_n, variance = _moments(samples if pilot is None else samples[..., :pilot])
    sem = np.sqrt(_ratio(variance, n))
    half_width = stdtrit(np.maximum(spread_n - 1, 1), 0.5 + level / 2) * sem
    return Interval(mean=mean, sem=sem, low=mean - half_width, high=mean + half_width, n=n)


def _moments(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, number and sample variance of those present on the last axis."""
    present = np.isfinite(samples)
    n = present.sum(axis=-1)
    mean = _ratio(np.where(present, samples, 0.0).sum(axis=-1), n)
    squares = np.where(present, (samples - mean[..., None]) ** 2, 0.0).sum(axis=-1)
    return mean, n, _ratio(squares, np.where(n > 1, n - 1, 0))


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
