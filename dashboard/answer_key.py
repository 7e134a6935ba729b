"""The demo's answer key next to what a test found."""

import numpy as np
import pandas as pd

from creme_core.experiments.fine_tile import FineTileResult
from creme_core.experiments.interaction import InteractionResult
from creme_core.experiments.necessity import NecessityResult
from creme_core.experiments.sufficiency import SufficiencyResult
from creme_core.locus import Locus
from creme_core.tiles import Tile, TileGrid

__all__ = ["by_round", "compare", "planted", "planted_sites", "recovered_words"]


def planted(truth: pd.DataFrame, locus: Locus, cell_line: str) -> pd.DataFrame:
    """Elements planted for this gene and cell line that lie in the window, upstream first."""
    rows = truth[(truth["gene"] == locus.gene) & (truth["cell_line"] == cell_line) & (truth["chrom"] == locus.chrom)]
    rows = rows[(rows["start"] >= locus.start) & (rows["end"] <= locus.end)].copy()
    rows["strength"] = rows["strength"].astype(float)
    rows["group"] = rows["group"].astype(str)
    places = [locus.from_genome(start, end) for start, end in zip(rows["start"], rows["end"], strict=True)]
    rows["distance"] = [locus.distance(start, end) for start, end in places]
    return rows.sort_values("distance", ignore_index=True)


def compare(elements: pd.DataFrame, result: NecessityResult | SufficiencyResult, cell_line: str) -> pd.DataFrame:
    """Each planted element with the tile it lies in.

    Args:
        elements: from `planted`.
        result: a Necessity or Sufficiency Test of the same locus.
        cell_line: the readout.

    Returns:
        DataFrame with planted, strength, rule, group, distance, tile, effect, call, agreement, one row an element; the
        tile is the one that holds the element's centre.
    """
    effects = result.effects(cell_line).set_index("tile")
    tss = result.grid.tiles.index(result.grid.tss_tile)
    table = _placed(elements, result.locus, result.grid)
    found = [None if pd.isna(tile) or tile == tss else effects.loc[tile] for tile in table["tile"]]
    rows = zip(table.itertuples(), found, strict=True)
    return table.assign(
        effect=[float("nan") if row is None else row["effect"] for row in found],
        call=["" if row is None else row["call"] for row in found],
        agreement=[
            _agreement(
                element.planted, element.rule, result.test, not pd.isna(element.tile) and element.tile == tss, row
            )
            for element, row in rows
        ],
    )


def by_round(elements: pd.DataFrame, result: InteractionResult) -> pd.DataFrame:
    """Each planted element with its tile and the round that fixed it, columns as in `compare`, then round."""
    rounds = {int(row.tile): int(row.round) for row in result.effects().itertuples()}
    table = _placed(elements, result.locus, result.grid)
    found = [None if pd.isna(tile) else rounds.get(int(tile)) for tile in table["tile"]]
    return table.assign(round=pd.array(found, dtype="Int64"))


def _placed(elements: pd.DataFrame, locus: Locus, grid: TileGrid) -> pd.DataFrame:
    """Planted, strength, rule, group, distance and tile of each element; the tile is NA outside every one."""
    rows = []
    for element in elements.itertuples():
        start, end = locus.from_genome(element.start, element.end)
        centre = (start + end) / 2
        tile = next((number for number, tile in enumerate(grid.tiles) if tile.start <= centre < tile.end), None)
        rows.append((element.kind, element.strength, element.rule, element.group, element.distance, tile))
    columns = ["planted", "strength", "rule", "group", "distance", "tile"]
    return pd.DataFrame(rows, columns=columns).astype({"tile": "Int64"})


def planted_sites(
    truth: pd.DataFrame, motif_sites: pd.DataFrame, locus: Locus, cre: Tile, cell_line: str
) -> pd.DataFrame:
    """Planted words within a CRE whose element acts on the gene in the cell line; columns as in motif_sites."""
    acting = set(truth.loc[(truth["gene"] == locus.gene) & (truth["cell_line"] == cell_line), "element"])
    first, last = locus.to_genome(cre.start, cre.end)
    here = (motif_sites["chrom"] == locus.chrom) & (motif_sites["start"] >= first) & (motif_sites["end"] <= last)
    return motif_sites[here & motif_sites["element"].isin(acting)]


def recovered_words(sites: pd.DataFrame, result: FineTileResult) -> pd.DataFrame:
    """How well each way of choosing bases hits planted words.

    Args:
        sites: from `planted_sites`.
        result: of the Fine-Tile Search; whole.

    Returns:
        DataFrame with method, bases (chosen), precision (share of the chosen bases that lie in a planted word), recall
        (share of the words' bases that are chosen); the most salient bases are as many as the search kept, and chance
        is what as many random bases hit on average.
    """
    start, end = result.settings.cre
    words, kept = np.zeros(end - start, dtype=bool), np.zeros(end - start, dtype=bool)
    for site in sites.itertuples():
        left, right = result.locus.from_genome(site.start, site.end)
        words[left - start : right - start] = True
    for left, right in result.kept:
        kept[left - start : right - start] = True
    salient = np.zeros_like(kept)
    salient[np.argsort(-result.saliency, kind="stable")[: kept.sum()]] = True
    rows = []
    for method, chosen in (("search", kept), ("most salient bases", salient), ("motif hits", result.motif_covered)):
        rows.append((method, int(chosen.sum()), *_shares((chosen & words).sum(), chosen.sum(), words.sum())))
    rows.append(("chance", int(kept.sum()), words.mean() if len(words) else np.nan, kept.mean()))
    return pd.DataFrame(rows, columns=["method", "bases", "precision", "recall"])


def _shares(both: int, chosen: int, wanted: int) -> tuple[float, float]:
    return (both / chosen if chosen else np.nan, both / wanted if wanted else np.nan)


def _agreement(kind: str, rule: str, test: str, in_tss_tile: bool, found: pd.Series | None) -> str:
    if in_tss_tile:
        return "in the TSS tile: not testable"
    if found is None:
        return "outside every tile"
    if found["call"] == "":
        return "not computed yet"
    if found["call"] == kind:
        return "found"
    if found["call"] != "none":
        return "the opposite was called"
    if rule == "redundant" and test == "necessity":
        return "not needed alone: redundant"
    if rule == "cooperative" and test == "sufficiency":
        return "not enough alone: cooperative"
    # An enhancer raises activity where it is added and lowers it where it is shuffled: both effects are positive.
    right_sign = (found["effect"] > 0) == (kind == "enhancer")
    return "right sign, below the cut-off" if right_sign else "wrong sign, below the cut-off"
