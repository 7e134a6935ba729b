"""The demo's answer key next to what a test found."""

import pandas as pd

from creme_core.experiments.necessity import NecessityResult
from creme_core.locus import Locus
from creme_core.tiles import Tile

__all__ = ["compare", "planted"]


def planted(truth: pd.DataFrame, locus: Locus, cell_line: str) -> pd.DataFrame:
    """Elements planted for this gene and cell line that lie in the window, upstream first."""
    rows = truth[(truth["gene"] == locus.gene) & (truth["cell_line"] == cell_line) & (truth["chrom"] == locus.chrom)]
    rows = rows[(rows["start"] >= locus.start) & (rows["end"] <= locus.end)].copy()
    rows["strength"] = rows["strength"].astype(float)
    rows["group"] = rows["group"].astype(str)
    places = [locus.from_genome(start, end) for start, end in zip(rows["start"], rows["end"], strict=True)]
    rows["distance"] = [locus.distance(start, end) for start, end in places]
    return rows.sort_values("distance", ignore_index=True)


def compare(elements: pd.DataFrame, result: NecessityResult, cell_line: str) -> pd.DataFrame:
    """Each planted element with the tile it lies in.

    Args:
        elements: from `planted`.
        result: a Necessity Test of the same locus.
        cell_line: the readout.

    Returns:
        DataFrame with planted, strength, rule, group, distance, tile, effect, call, agreement, one row an element; the
        tile is the one that holds the element's centre.
    """
    effects = result.effects(cell_line).set_index("tile")
    numbers = {tile: number for number, tile in enumerate(result.grid.tiles)}
    rows = []
    for element in elements.itertuples():
        start, end = result.locus.from_genome(element.start, element.end)
        centre = (start + end) / 2
        tile = next((tile for tile in result.grid.tiles if tile.start <= centre < tile.end), None)
        found = None if tile is None or tile == result.grid.tss_tile else effects.loc[numbers[tile]]
        rows.append(
            {
                "planted": element.kind,
                "strength": element.strength,
                "rule": element.rule,
                "group": element.group,
                "distance": element.distance,
                "tile": None if tile is None else numbers[tile],
                "effect": float("nan") if found is None else found["effect"],
                "call": "" if found is None else found["call"],
                "agreement": _agreement(element.kind, element.rule, tile, result.grid.tss_tile, found),
            }
        )
    return pd.DataFrame(
        rows, columns=["planted", "strength", "rule", "group", "distance", "tile", "effect", "call", "agreement"]
    ).astype({"tile": "Int64"})


def _agreement(kind: str, rule: str, tile: Tile | None, tss_tile: Tile, found: pd.Series | None) -> str:
    if tile == tss_tile:
        return "in the TSS tile: not testable"
    if found is None:
        return "outside every tile"
    if found["call"] == "":
        return "not computed yet"
    if found["call"] == kind:
        return "found"
    right_sign = (found["effect"] > 0) == (kind == "enhancer")
    if found["call"] != "none":
        return "the opposite was called"
    if rule == "redundant":
        return "not needed alone: redundant"
    return "right sign, below the cut-off" if right_sign else "wrong sign, below the cut-off"
