"""Comparison of a greedy search to additive and multiplicative effects (paper, Methods, sections of these names).

Pure: everything is in the InteractionResult.
"""

from dataclasses import dataclass

import pandas as pd

from creme_core.effects import (
    Cutoffs,
    additive_model,
    classify_additivity,
    classify_multiplicativity,
    classify_tile,
    mean_squared_error,
    multiplicative_model,
)
from creme_core.experiments.interaction import InteractionResult

__all__ = ["Additivity", "compare"]


@dataclass(frozen=True, eq=False)
class Additivity:
    """How a greedy trajectory compares with what its tiles do alone.

    Attributes:
        trajectory: DataFrame, one row a round: round, greedy, additive, multiplicative (fold change over wild type).
        additive_error, multiplicative_error: mean squared errors of the models over the rounds.
        additive_class: superadditive, subadditive, additive, unclassified, or "" where not defined.
        multiplicative_class: multiplicative, non-multiplicative, or "".
        missing: tiles, oriented (start, end), that matter alone by the tile cut-offs but are not among the rounds, so
            that the classes may still change with more of them.
    """

    trajectory: pd.DataFrame
    additive_error: float
    multiplicative_error: float
    additive_class: str
    multiplicative_class: str
    missing: tuple[tuple[int, int], ...]


def compare(
    result: InteractionResult,
    readout: str | int | None = None,
    *,
    rounds: int | None = None,
    cutoffs: Cutoffs | None = None,
) -> Additivity:
    """Compare the greedy trajectory with the additive and the multiplicative model, both in the greedy order.

    Args:
        result: of the Higher-order Interaction Test.
        readout: None is the one that was searched.
        rounds: the first so many rounds only; None is all that were run.
        cutoffs: for the classes; None is the model's.

    Raises:
        ValueError: an unknown readout, or rounds outside 1 to those run.
    """
    cutoffs = cutoffs or result.cutoffs
    table = result.effects(readout)
    if rounds is not None and not 1 <= rounds <= len(table):
        raise ValueError(f"rounds is {rounds}; the search has 1 to {len(table)} of them.")
    table = table.head(len(table) if rounds is None else rounds)
    greedy, singles = table["fold_over_wild_type"].to_numpy(), table["single"].to_numpy()
    # Both models are homogeneous in WT, so folds go in with a wild type of 1.
    additive, multiplicative = additive_model(1.0, singles), multiplicative_model(1.0, singles)
    return Additivity(
        trajectory=pd.DataFrame(
            {"round": table["round"], "greedy": greedy, "additive": additive, "multiplicative": multiplicative}
        ),
        additive_error=mean_squared_error(greedy, additive),
        multiplicative_error=mean_squared_error(greedy, multiplicative),
        additive_class=classify_additivity(greedy, additive, cutoffs),
        missing=_missing(result, readout, len(table), cutoffs),
        multiplicative_class=classify_multiplicativity(greedy, multiplicative, result.settings.search, cutoffs),
    )


def _missing(
    result: InteractionResult, readout: str | int | None, rounds: int, cutoffs: Cutoffs
) -> tuple[tuple[int, int], ...]:
    """Tiles with an effect of their own that the rounds looked at do not hold."""
    fixed = set(result.chosen[:rounds].tolist())
    calls = classify_tile(1 - result.singles(readout), cutoffs)
    wanted = result.settings.search
    return tuple((tile.start, tile.end) for i, tile in enumerate(result.tiles) if calls[i] == wanted and i not in fixed)
