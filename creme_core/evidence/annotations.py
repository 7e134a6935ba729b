"""Sentences on what was measured or annotated where an element lies."""

import math
from typing import Any

import pandas as pd

from creme_core.evidence.statement import Statement, written

__all__ = ["chromatin_of", "chromatin_statements", "motif_statements", "overlap_statements"]

MOST_NAMED = 3
ACCESSIBILITY = ("dnase", "atac")


def chromatin_of(signals: pd.DataFrame, row: Any) -> pd.DataFrame:
    """What `summarise` takes as chromatin, from the signals of all tiles of a window.

    Args:
        signals: (tiles, tracks), such as `signals.characterise.tile_signals` gives.
        row: label of the element's tile in its index.

    Returns:
        DataFrame track, value, percentile: percent of the window's other tiles with signal there that lie below it,
        half of those that are equal counted; NaN without others or without a value.
    """
    values, others = signals.loc[row], signals.drop(index=row)
    below = (others < values).sum() + 0.5 * (others == values).sum()
    known = others.notna().sum()
    percentile = (100 * below / known.where(known > 0)).where(values.notna())
    return pd.DataFrame({"track": signals.columns, "value": values.to_numpy(), "percentile": percentile.to_numpy()})


def chromatin_statements(table: pd.DataFrame | None, called_by: list[str]) -> list[Statement]:
    """Of a table with track, value and perhaps percentile; `called_by` are the tests that call an enhancer."""
    if table is None:
        return []
    covered = table[table["value"].notna()]
    said = []
    if len(covered):
        percentiles = covered["percentile"] if "percentile" in covered else pd.Series(math.nan, index=covered.index)
        parts, numbers = [], {}
        for track, value, percentile in zip(covered["track"], covered["value"], percentiles, strict=True):
            numbers[f"{track}.value"] = float(value)
            rank = ""
            if math.isfinite(percentile):
                numbers[f"{track}.percentile"] = float(percentile)
                rank = f" (above {written(percentile)}% of the window's other tiles)"
            parts.append(f"{track} {written(value)}{rank}")
        said.append(Statement(f"Measured signal over the tile: {', '.join(parts)}.", "chromatin", numbers))
    bare = table["track"][table["value"].isna()].tolist()
    if bare:
        text = f"No signal is known over the tile for {', '.join(map(str, bare))}."
        said.append(Statement(text, "chromatin", tone="missing"))
    for mark, words in ((ACCESSIBILITY, "open chromatin"), (("h3k27ac",), "the mark of active enhancers")):
        tracks = covered["track"].astype(str).str.lower().str.startswith(mark) if len(covered) else []
        low = covered[tracks] if len(covered) else covered
        if not called_by or low.empty or "percentile" not in low or not (low["percentile"] < 50).all():
            continue
        which = ", ".join(f"{row.track} above {written(row.percentile, 50)}% of the tiles" for row in low.itertuples())
        numbers = {f"{row.track}.percentile": float(row.percentile) for row in low.itertuples()}
        text = (
            f"The model predicts an enhancer by {' and '.join(called_by)}, but {words} is measured in the lower half of"
            f" this window's tiles ({which})."
        )
        said.append(Statement(text, " + ".join([*called_by, "chromatin"]), numbers, "contradiction"))
    return said


def motif_statements(hits: pd.DataFrame | None) -> list[Statement]:
    """Of a table with motif and p_value, a row a hit."""
    if hits is None:
        return []
    if hits.empty:
        return [Statement("No motif hit was found in the element.", "motifs", {"hits": 0.0})]
    best = hits.groupby("motif")["p_value"].min().sort_values(kind="stable")
    named = ", ".join(f"{motif} (p {p_value:.0e})" for motif, p_value in best.head(MOST_NAMED).items())
    numbers = {"hits": float(len(hits)), "motifs": float(len(best))}
    numbers |= {f"{motif}.p_value": float(p_value) for motif, p_value in best.head(MOST_NAMED).items()}
    text = (
        f"{len(hits):,} motif hits of {len(best):,} motifs, the strongest {named}. A hit is a match of the sequence and"
        " does not show that a factor binds."
    )
    return [Statement(text, "motifs", numbers)]


def overlap_statements(regions: pd.DataFrame | None, called_by: list[str]) -> list[Statement]:
    """Of a table with kind, name and bp; `called_by` are the tests that call an enhancer."""
    if regions is None:
        return []
    if regions.empty:
        return [Statement("It overlaps none of the annotated regions that were looked at.", "overlaps")]
    said = []
    for kind, group in regions.groupby("kind", sort=False):
        shown = group.sort_values("bp", ascending=False, kind="stable").head(MOST_NAMED)
        named = ", ".join(
            f"{row.name_} ({row.bp:,.0f} bp)" for row in shown.rename(columns={"name": "name_"}).itertuples()
        )
        more = f" and {len(group) - len(shown):,} more" if len(group) > len(shown) else ""
        numbers = {f"{kind}.{name}.bp": float(bp) for name, bp in zip(shown["name"], shown["bp"], strict=True)}
        said.append(
            Statement(f"It overlaps {kind}: {named}{more}.", "overlaps", numbers | {f"{kind}.n": float(len(group))})
        )
        if called_by and str(kind).lower().startswith(("promoter", "pls")):
            text = (
                f"The model predicts an enhancer by {' and '.join(called_by)} at a promoter: it may be the promoter of"
                " another gene that acts here."
            )
            said.append(Statement(text, " + ".join([*called_by, "overlaps"]), tone="contradiction"))
    return said
