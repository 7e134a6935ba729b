"""How far two reviewers agree beyond chance: Cohen's kappa."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import ndtri

__all__ = ["Agreement", "agreement"]

CATEGORIES = ("enhancer", "silencer", "neither", "unsure")


@dataclass(frozen=True, eq=False)
class Agreement:
    """Two reviewers' decisions side by side.

    Attributes:
        first, second: the reviewers.
        n: elements that both decided.
        only_first, only_second: elements that one of them decided and the other did not.
        table: int64 DataFrame, how often `first` (rows) said this and `second` (columns) said that.
        observed: share of the n elements with equal decisions, po; NaN for n = 0.
        expected: share to expect by chance, pe, the sum over decisions of the product of both reviewers' shares.
        kappa: (po - pe) / (1 - pe); NaN where it is not defined.
        sem: its large-sample standard error; NaN where kappa is.
        low, high: 95% interval, kappa -/+ 1.96 sem, cut at -1 and 1.
        disagreements: ids of the elements with different decisions, sorted.
        notes: plain sentences on what the numbers can't say.
    """

    first: str
    second: str
    n: int
    only_first: int
    only_second: int
    table: pd.DataFrame = field(repr=False)
    observed: float
    expected: float
    kappa: float
    sem: float
    low: float
    high: float
    disagreements: tuple[str, ...] = field(repr=False)
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        if not self.n:
            return f"{self.first} and {self.second} have no element that both decided."
        equal = self.n - len(self.disagreements)
        start = f"{self.first} and {self.second} decided {self.n:,} elements both, {equal:,} of them alike"
        if math.isnan(self.kappa):
            return f"{start}; Cohen's kappa is not defined."
        return f"{start}: Cohen's kappa {self.kappa:.2f} (95% interval {self.low:.2f} to {self.high:.2f})."


def agreement(
    first: str,
    first_decisions: Mapping[str, str],
    second: str,
    second_decisions: Mapping[str, str],
    leave_out: tuple[str, ...] = (),
) -> Agreement:
    """Compare two reviewers over the elements that both decided.

    kappa = (po - pe) / (1 - pe) (Cohen, Educational and Psychological Measurement 20:37, 1960). Its standard error is
    that of Fleiss, Cohen and Everitt (Psychological Bulletin 72:323, 1969), with p_ij the share of elements that
    `first` put in i and `second` in j, p_i. and p_.i their marginal shares:

        sem = sqrt(A + B - C) / ((1 - pe) sqrt(n))
        A = sum_i p_ii (1 - (p_i. + p_.i)(1 - kappa))^2
        B = (1 - kappa)^2 sum_{i != j} p_ij (p_.i + p_j.)^2
        C = (kappa - pe (1 - kappa))^2

    Args:
        first, second: names of the reviewers.
        first_decisions, second_decisions: element id -> decision ("enhancer", "silencer", "neither", "unsure"); "" and
            absent ids are undecided.
        leave_out: decisions that count as undecided here, such as ("unsure",).

    Raises:
        ValueError: one reviewer twice, or a decision that is none.
    """
    if first == second:
        raise ValueError(f"Agreement compares two reviewers; got {first!r} twice.")
    categories = [category for category in CATEGORIES if category not in leave_out]
    one, other = (_decided(decisions, leave_out) for decisions in (first_decisions, second_decisions))
    both = sorted(one.keys() & other.keys())
    counts = np.zeros((len(categories), len(categories)), dtype=np.int64)
    for element in both:
        counts[categories.index(one[element]), categories.index(other[element])] += 1
    observed, expected, kappa, sem = _kappa(counts)
    half_width = ndtri(0.975) * sem
    return Agreement(
        first=first,
        second=second,
        n=len(both),
        only_first=len(one) - len(both),
        only_second=len(other) - len(both),
        table=pd.DataFrame(counts, index=pd.Index(categories, name=first), columns=pd.Index(categories, name=second)),
        observed=observed,
        expected=expected,
        kappa=kappa,
        sem=sem,
        low=max(kappa - half_width, -1.0) if math.isfinite(kappa) else math.nan,
        high=min(kappa + half_width, 1.0) if math.isfinite(kappa) else math.nan,
        disagreements=tuple(element for element in both if one[element] != other[element]),
        notes=tuple(_notes(first, second, counts, categories, sem)),
    )


def _decided(decisions: Mapping[str, str], leave_out: tuple[str, ...]) -> dict[str, str]:
    for decision in decisions.values():
        if decision not in (*CATEGORIES, ""):
            raise ValueError(f"The decision {decision!r} is not known; it can be {', '.join(CATEGORIES)} or empty.")
    return {element: decision for element, decision in decisions.items() if decision and decision not in leave_out}


def _kappa(counts: np.ndarray) -> tuple[float, float, float, float]:
    """Observed and expected agreement, kappa and its standard error of a table (categories, categories)."""
    n = int(counts.sum())
    if not n:
        return math.nan, math.nan, math.nan, math.nan
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    # In whole numbers first, so that "certain to agree by chance" is exact.
    by_chance = int((rows * columns).sum())
    observed, expected = float(np.trace(counts) / n), by_chance / n**2
    if by_chance == n**2:
        return observed, expected, math.nan, math.nan
    shares, rows, columns = counts / n, rows / n, columns / n
    kappa = (observed - expected) / (1 - expected)
    diagonal = np.diag(shares)
    a = (diagonal * (1 - (rows + columns) * (1 - kappa)) ** 2).sum()
    weights = (columns[:, None] + rows[None, :]) ** 2
    b = (1 - kappa) ** 2 * ((shares * weights).sum() - (diagonal * np.diag(weights)).sum())
    c = (kappa - expected * (1 - kappa)) ** 2
    variance = a + b - c
    sem = math.sqrt(variance) / ((1 - expected) * math.sqrt(n)) if variance > 1e-12 else 0.0  # below: rounding
    return observed, expected, kappa, sem


def _notes(first: str, second: str, counts: np.ndarray, categories: list[str], sem: float) -> list[str]:
    n = int(counts.sum())
    if not n:
        return ["There is no element that both decided, so there is nothing to compare."]
    used = [
        (name, [category for category, count in zip(categories, counts.sum(axis=axis), strict=True) if count])
        for name, axis in ((first, 1), (second, 0))
    ]
    single = [(name, decisions[0]) for name, decisions in used if len(decisions) == 1]
    if len(single) == 2 and single[0][1] == single[1][1]:
        return [
            f"Both reviewers decided {single[0][1]} every time, so agreement by chance is certain and kappa is not"
            " defined."
        ]
    notes = [
        f"{name} decided {decision} every time, so kappa is 0 whatever the share of equal decisions."
        for name, decision in single
    ]
    if sem == 0:
        notes.append("The standard error is 0 for this table, so the interval says nothing about other elements.")
    elif n < 30:
        notes.append(f"{n} elements are few for an interval that rests on large samples; take it as rough.")
    return notes
