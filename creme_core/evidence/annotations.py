"""Sentences on what was measured or annotated where an element lies."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from creme_core.evidence.statement import Statement, percent, written

__all__ = ["chromatin_of", "chromatin_statements", "motif_statements", "overlap_statements"]

MOST_NAMED = 3
ACCESSIBILITY = ("dnase", "atac")
ACTIVE = ("h3k27ac",)
MOST_TRACKS = 5  # that a sentence names; what tells an enhancer first
OTHER_PROMOTERS = ("promoter of another", "pls")
HIGH = 90  # percent of the other tiles: what lies below is not worth a word


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
    covered = table[table["value"].notna()].copy()
    if "percentile" not in covered:
        covered["percentile"] = math.nan
    said = []
    if len(covered):
        said.append(_measured(covered))
    bare = table["track"][table["value"].isna()].tolist()
    if bare:
        text = f"No signal is known over the tile for {', '.join(map(str, bare))}."
        said.append(Statement(text, "chromatin", tone="missing"))
    for mark, words in ((ACCESSIBILITY, "open chromatin"), (ACTIVE, "the mark of active enhancers")):
        low = covered[_named(covered, mark)]
        if not called_by or low.empty or not (low["percentile"] < 50).all():
            continue
        which = ", ".join(f"{row.track} above {percent(row.percentile)} of the tiles" for row in low.itertuples())
        numbers = {f"{row.track}.percentile": float(row.percentile) for row in low.itertuples()}
        text = (
            f"The model predicts an enhancer by {' and '.join(called_by)}, but {words} is measured in the lower half of"
            f" this window's tiles ({which})."
        )
        said.append(Statement(text, " + ".join([*called_by, "chromatin"]), numbers, "contradiction"))
    return said


def _named(table: pd.DataFrame, marks: tuple[str, ...]) -> pd.Series:
    """Which tracks are of these marks."""
    return table["track"].map(lambda track: str(track).lower().startswith(marks)).astype(bool)


def _measured(covered: pd.DataFrame) -> Statement:
    """The tracks that tell most: accessibility, H3K27ac, then those that stand out most among the tiles."""
    numbers = {}
    for track, value, percentile in zip(covered["track"], covered["value"], covered["percentile"], strict=True):
        numbers[f"{track}.value"] = float(value)
        if math.isfinite(percentile):
            numbers[f"{track}.percentile"] = float(percentile)
    usual = _named(covered, ACCESSIBILITY + ACTIVE)
    ranked = covered["percentile"].notna().any()
    high = covered[~usual & (covered["percentile"] >= HIGH)] if ranked else covered[~usual]
    high = high.sort_values("percentile", ascending=False, kind="stable")
    shown = pd.concat([covered[usual], high]).head(MOST_TRACKS)
    parts, unit = [], " of the window's other tiles"
    for track, value, percentile in zip(shown["track"], shown["value"], shown["percentile"], strict=True):
        if not math.isfinite(percentile):
            parts.append(f"{track} {written(value)}")
            continue
        parts.append(f"{track} {written(value)} (above {percent(percentile)}{unit})")
        unit = ""
    text = f"Measured signal over the tile: {', '.join(parts)}." if parts else "Signal was measured over the tile."
    rest = covered.drop(index=shown.index)
    if len(rest):
        numbers["others"] = float(len(rest))
        which = f"{len(rest)} other track" + ("" if len(rest) == 1 else "s")
        if ranked and (rest["percentile"] < HIGH).all():
            numbers["high"] = float(HIGH)
            which = which.replace("other track", "further track")
            text += f" By {which} it does not stand out: above less than {HIGH}% of them."
        else:
            text += f" Signal is known in {which}."
    return Statement(text, "chromatin", numbers)


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


def overlap_statements(
    regions: pd.DataFrame | None, called_by: list[str], annotated: Sequence[str] = ()
) -> list[Statement]:
    """Of a table with kind, name and bp; `called_by` are the tests that call an enhancer.

    annotated: kinds that were looked for.
    """
    if regions is None:
        return []
    if regions.empty and not annotated:
        return [Statement("It overlaps none of the annotated regions that were looked at.", "overlaps")]
    said = []
    without = [kind for kind in annotated if kind not in set(regions["kind"])]
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
        if called_by and str(kind).lower().startswith(OTHER_PROMOTERS):
            text = (
                f"The model predicts an enhancer by {' and '.join(called_by)} at a promoter: it may be the promoter of"
                " another gene that acts here."
            )
            said.append(Statement(text, " + ".join([*called_by, "overlaps"]), tone="contradiction"))
    if without:
        said.append(Statement(f"It overlaps no {' and no '.join(without)}.", "overlaps"))
    return said
