"""A sentence with the numbers that it rests on, and how numbers are written.

Effects, folds, shares and signals have two decimals, and as many more (up to five) as it takes to see on which side of
a cut-off they lie; percents are whole and rounded down, p values have one significant digit, distances none after the
point.
`Statement.numbers` holds them as they stand in the table, unrounded.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

__all__ = [
    "TONES",
    "Row",
    "Statement",
    "crossed_cutoffs",
    "interval_text",
    "measured",
    "percent",
    "present",
    "with_article",
    "written",
]

# What a statement does: reports a finding, says that a finding is not certain, that something was not looked at, or
# that two findings don't go together.
TONES = ("finding", "uncertain", "missing", "contradiction")
MOST_DECIMALS = 5

Row = Mapping[str, Any] | pd.Series


@dataclass(frozen=True)
class Statement:
    """One sentence, or two that belong together.

    Attributes:
        text: the words.
        source: where its numbers stand: "necessity", "sufficiency", "distance", "context", "chromatin", "motifs",
            "overlaps", "tile", or several joined by " + ".
        numbers: every number in the text, by its column in that table, unrounded.
        tone: one of TONES.
    """

    text: str
    source: str
    numbers: dict[str, float] = field(default_factory=dict)
    tone: str = "finding"


def written(value: float, *cutoffs: float) -> str:
    """A number as the statements write it; see the module's first lines."""
    if not math.isfinite(value):
        return "unknown"
    for decimals in range(2, MOST_DECIMALS + 1):
        text = f"{value:.{decimals}f}"
        if all((float(text) > cut) == (value > cut) and (float(text) < cut) == (value < cut) for cut in cutoffs):
            break
    return "0.00" if text == "-0.00" else text


def percent(value: float) -> str:
    """A percent as the statements write it: whole and never rounded up, so that "above 97%" is true of 97.4."""
    return f"{math.floor(value)}%"


def with_article(kind: str) -> str:
    """An enhancer, a silencer."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def present(row: Row, *columns: str) -> dict[str, float]:
    """The numbers that a row has."""
    found = {column: row.get(column) for column in columns}
    return {column: float(value) for column, value in found.items() if value is not None and math.isfinite(value)}


def interval_text(low: float, high: float, *cutoffs: float) -> str:
    """The interval in brackets after a blank, or nothing when it is unknown."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f" (95% interval {written(low, *cutoffs)} to {written(high, *cutoffs)})"


def crossed_cutoffs(row: Row, cutoffs: tuple[float, ...]) -> list[float] | None:
    """The cut-offs in a row's interval, [] when the interval is unknown; None when its call is certain."""
    low, high = row.get("ci_low", math.nan), row.get("ci_high", math.nan)
    if not (math.isfinite(low) and math.isfinite(high)):
        return []
    return [cut for cut in cutoffs if low <= cut <= high] or None


def measured(row: Row, cutoffs: tuple[float, ...]) -> tuple[tuple[str, str], dict[str, float], str]:
    """(the effect with its interval, a sentence on how certain the call is or ""), the numbers, the tone."""
    numbers = present(row, "effect", "ci_low", "ci_high", "n")
    between = interval_text(row.get("ci_low", math.nan), row.get("ci_high", math.nan), *cutoffs)
    shuffles = f" over {numbers['n']:.0f} shuffles" if "n" in numbers else ""
    effect = f"{written(row['effect'], *cutoffs)}{shuffles}{between}"
    crossed = crossed_cutoffs(row, cutoffs)
    if crossed is None:
        return (effect, ""), numbers, "finding"
    if not crossed:
        return (effect, " No interval is known, so how certain this is can't be said."), numbers, "uncertain"
    numbers |= {f"cutoff {cut:g}": cut for cut in crossed}
    lines = " and ".join(f"{cut:g}" for cut in crossed)
    return (effect, f" The interval crosses {lines}, so the call is uncertain."), numbers, "uncertain"
