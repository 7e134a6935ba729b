"""Where an element lies on the tiles that the tests speak of."""

from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from creme_core.evidence.statement import Statement, written
from creme_core.locus import Locus
from creme_core.tiles import Tile, TileGrid

# A tile that holds more of an element than this holds it as far as anybody cares: published elements are one base off.
WHOLE = 0.99

__all__ = ["ElementLike", "TilePlace", "place_statements", "row_of", "tile_of"]


class ElementLike(Protocol):
    """What is read of an element: place (0-based half-open), gene, cell line, and what its list claims."""

    chrom: str
    start: int
    end: int
    gene: str
    cell_line: str
    kind: str


@dataclass(frozen=True)
class TilePlace:
    """Where an element lies on the tiles of a window.

    Attributes:
        tile: the tile that holds most of it; None when no tile holds any. Of two that hold as much, the one nearer to
            the TSS.
        number: of that tile in the `tile` column of effects tables; None without a tile.
        is_tss: whether that is the TSS tile, which no test shuffles or moves.
        share: of the element's bases that are in that tile.
        tile_share: of the tile's bases that are the element's.
        tiles: every tile that it overlaps, left to right, with the share of the element in it.
        outside: share of the element's bases that are in no tile of the window.
        notes: plain sentences on what follows from that.
    """

    tile: Tile | None
    number: int | None
    is_tss: bool
    share: float
    tile_share: float
    tiles: tuple[tuple[Tile, float], ...]
    outside: float
    notes: tuple[str, ...]


def tile_of(element: ElementLike, locus: Locus, grid: TileGrid) -> TilePlace:
    """Map an element of the chromosome to the tiles of a window.

    Args:
        element: where; coordinates of the chromosome.
        locus: the window, on either strand.
        grid: its tiles, `result.grid`.
    """
    if element.chrom != locus.chrom:
        return _nowhere(
            f"The element is on {element.chrom}, the window of {locus.gene} on {locus.chrom}, so no test of this window"
            " speaks of it."
        )
    start, end = locus.from_genome(element.start, element.end)
    size = end - start
    shared = [(tile, min(end, tile.end) - max(start, tile.start)) for tile in grid.tiles]
    held = [(tile, bases) for tile, bases in shared if bases > 0]
    if not held:
        where = (
            "beyond the window" if end <= 0 or start >= locus.length else "in the window's rim, which no tile covers"
        )
        return _nowhere(
            f"The element lies {where} of {locus.gene} ({locus.chrom}:{locus.start + 1:,}-{locus.end:,}, 1-based),"
            " so no test of this window speaks of it."
        )
    tile, bases = max(held, key=lambda pair: (pair[1], -abs(pair[0].centre - grid.tss_tile.centre)))
    is_tss = tile == grid.tss_tile
    outside = 1 - sum(bases for _, bases in held) / size
    notes = []
    if is_tss:
        notes.append("Most of the element is in the TSS tile, which no test shuffles or moves, so it is not tested.")
    if outside > 1 - WHOLE:
        notes.append(f"A share of {outside:.2f} of the element is in no tile of the window.")
    if len(held) > 1 and bases / size < WHOLE:
        notes.append(f"The element lies across {len(held)} tiles; the tests speak of the one that holds most of it.")
    return TilePlace(
        tile=tile,
        number=(tile.start - grid.tiles[0].start) // grid.tile_size,
        is_tss=is_tss,
        share=bases / size,
        tile_share=bases / tile.size,
        tiles=tuple((tile, bases / size) for tile, bases in held),
        outside=outside,
        notes=tuple(notes),
    )


def _nowhere(note: str) -> TilePlace:
    return TilePlace(None, None, False, 0.0, 0.0, (), 1.0, (note,))


def row_of(effects: pd.DataFrame, place: TilePlace) -> pd.Series | None:
    """The row of an effects table that speaks of the tile; None where there is none (no tile, or the TSS tile)."""
    rows = effects[effects["tile"] == place.number] if place.number is not None else effects.iloc[:0]
    return None if rows.empty else rows.iloc[0]


def place_statements(place: TilePlace | None) -> list[Statement]:
    """What the place means for what the tests can say."""
    if place is None:
        return []
    numbers = {"share": place.share, "tile_share": place.tile_share, "outside": place.outside}
    texts = list(place.notes)
    if place.tile is not None and not place.is_tss and place.tile_share < WHOLE:
        texts.insert(
            0,
            f"A share of {written(place.share)} of the element is in its tile, of which it is"
            f" {written(place.tile_share)}; the tests speak of the whole tile.",
        )
    tone = "missing" if place.tile is None or place.is_tss else "finding"
    return [Statement(" ".join(texts), "tile", numbers, tone)] if texts else []
