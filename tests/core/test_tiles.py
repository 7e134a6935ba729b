from itertools import pairwise

import pytest

from creme_core.tiles import Tile, TileGrid


def test_enformers_window_has_the_papers_tiles():
    grid = TileGrid(196_608, 5_000)
    assert len(grid.tiles) == 39
    assert len(grid.context_tiles) == 38
    assert grid.tiles[0] == Tile(804, 5_804)
    assert grid.tss_tile == Tile(95_804, 100_804)
    assert grid.tss_tile.centre == 196_608 // 2
    assert sum(tile < grid.tss_tile for tile in grid.context_tiles) == 19


def test_borzois_window_has_the_papers_tiles():
    grid = TileGrid(524_288, 5_000)
    assert len(grid.context_tiles) == 102
    assert sum(tile < grid.tss_tile for tile in grid.context_tiles) == 51


def test_the_last_tile_that_fits_exactly_is_kept():
    # TSS at 50, tile 40..60: 0..20, 20..40, 40..60, 60..80, 80..100.
    assert TileGrid(100, 20).tiles == tuple(Tile(start, start + 20) for start in range(0, 100, 20))


def test_tiles_neither_overlap_nor_leave_gaps_when_the_size_is_odd():
    grid = TileGrid(101, 11)
    assert all(left.end == right.start for left, right in pairwise(grid.tiles))
    assert grid.tiles[0].start >= 0
    assert grid.tiles[-1].end <= 101
    assert grid.tss_tile.start <= 101 // 2 < grid.tss_tile.end


def test_three_tiles_are_the_largest_that_fit():
    assert len(TileGrid(90, 30).tiles) == 3


@pytest.mark.parametrize("size", [9, 31, 90, 0, -5])
def test_a_tile_size_that_does_not_fit_is_refused_with_the_range(size):
    with pytest.raises(ValueError, match=r"does not fit a window of 90 bp; choose 10 to 30 bp"):
        TileGrid(90, size)


@pytest.mark.parametrize("size", [20.0, "20", True])
def test_a_tile_size_that_is_no_whole_number_is_refused(size):
    with pytest.raises(ValueError, match="whole number"):
        TileGrid(100, size)


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5), (-1, 5)])
def test_an_empty_or_negative_tile_is_refused(start, end):
    with pytest.raises(ValueError, match="0 <= start < end"):
        Tile(start, end)


def test_overlap_is_of_half_open_intervals():
    assert Tile(0, 10).overlaps(Tile(9, 12))
    assert not Tile(0, 10).overlaps(Tile(10, 12))
