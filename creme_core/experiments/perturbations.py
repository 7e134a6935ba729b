"""The perturbations that the tests are made of: a tile shuffled, a context shuffled around a kept TSS tile."""

from functools import lru_cache

import numpy as np

from creme_core.locus import Locus
from creme_core.mutant import Background, Edit
from creme_core.shuffle import dinucleotide_shuffle, shuffle_rng
from creme_core.tiles import Tile, TileGrid

__all__ = ["can_be_shuffled", "check_element", "control", "piece", "shuffled_tile"]

# A tile whose first few shuffles all give it back is taken for one that has no other order.
PROBES = 3


def piece(codes: np.ndarray, tile: Tile, at: int | None = None) -> Edit:
    """The edit that puts a tile of a window codes (length,) into another sequence, at its own place or at `at`."""
    return Edit(tile.start if at is None else at, codes[tile.start : tile.end])


def shuffled_tile(codes: np.ndarray, tile: Tile, seed: int, replicate: int) -> Edit:
    """The edit that shuffles one tile of a window codes (length,)."""
    rng = shuffle_rng(seed, tile.start, tile.end, replicate)
    return Edit(tile.start, dinucleotide_shuffle(codes[tile.start : tile.end], rng))


def can_be_shuffled(codes: np.ndarray, tile: Tile) -> bool:
    """Whether a shuffle of a tile can differ from it; one letter (N, say) or a plain repeat has no other order."""
    own = codes[tile.start : tile.end]
    if (own == own[0]).all():
        return False
    return any((shuffled_tile(codes, tile, seed=0, replicate=r).codes != own).any() for r in range(PROBES))


def control(locus: Locus, tile_size: int, seed: int, replicate: int) -> Background:
    """The TSS tile alone in a shuffled context: the whole window is shuffled, then the TSS tile is put back.

    This is the mutant of the Context Dependence Test and the CONTROL and background of every test that embeds tiles
    (paper, Methods). One seed gives one set of them, in whatever test.
    """
    return _control(locus, TileGrid(locus.length, tile_size).tss_tile, seed, replicate)


# A locus compares by identity; a run asks for the same few controls again and again.
@lru_cache(maxsize=64)
def _control(locus: Locus, tss_tile: Tile, seed: int, replicate: int) -> Background:
    codes = dinucleotide_shuffle(locus.codes, shuffle_rng(seed, 0, locus.length, replicate))
    codes[tss_tile.start : tss_tile.end] = locus.codes[tss_tile.start : tss_tile.end]
    return Background(codes)


def check_element(start: int, end: int, grid: TileGrid, what: str = "The CRE") -> Tile:
    """An oriented interval [start, end) as a Tile, when it can be moved about around the TSS tile.

    Raises:
        ValueError: outside the window, over the TSS tile, or longer than a tile's place.
    """
    if not 0 <= start < end <= grid.length:
        raise ValueError(
            f"{what} covers {start:,} to {end:,}; it must be within the window, 0 to {grid.length:,}, and not be empty."
        )
    element = Tile(start, end)
    if element.overlaps(grid.tss_tile):
        raise ValueError(
            f"{what} covers {start:,} to {end:,}, which overlaps the TSS tile "
            f"({grid.tss_tile.start:,} to {grid.tss_tile.end:,}); choose an interval outside it."
        )
    if element.size > grid.tile_size:
        raise ValueError(
            f"{what} is {element.size:,} bp long, longer than its places of {grid.tile_size:,} bp; "
            "choose a shorter interval or a larger tile size."
        )
    return element
