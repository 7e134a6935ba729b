"""Tiles: the fixed pieces of a window that a test shuffles, moves or keeps."""

from dataclasses import dataclass

__all__ = ["MINIMUM_TILE_SIZE", "Tile", "TileGrid"]

# Below this a dinucleotide shuffle has next to nothing to rearrange.
MINIMUM_TILE_SIZE = 10


@dataclass(frozen=True, order=True)
class Tile:
    """A piece of the oriented window, 0-based half-open: bases start to end - 1."""

    start: int
    end: int

    def __post_init__(self):
        if not 0 <= self.start < self.end:
            raise ValueError(f"Tile({self.start}, {self.end}) is empty or negative; it needs 0 <= start < end.")

    @property
    def size(self) -> int:
        """Length in bases."""
        return self.end - self.start

    @property
    def centre(self) -> float:
        """The middle, in the same coordinates as start and end."""
        return (self.start + self.end) / 2

    def overlaps(self, other: "Tile") -> bool:
        """Whether the two share a base."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class TileGrid:
    """All non-overlapping tiles of one size that fit in a window, laid outwards from the tile centred on the TSS.

    The TSS base is at index length // 2 (see Locus), the TSS tile starts tile_size // 2 bases before it. A window of
    196,608 bp gives 39 tiles of 5,000 bp, the first at 804; 524,288 bp gives 103 (paper, Methods, CREME
    investigation of Enformer: 38 and 102 besides the TSS tile).

    Raises:
        ValueError: when the tile size is below MINIMUM_TILE_SIZE or leaves no room for a tile on each side.
    """

    length: int
    tile_size: int

    def __post_init__(self):
        largest = self.length // 3
        if not isinstance(self.tile_size, int) or isinstance(self.tile_size, bool):
            raise ValueError(f"The tile size is {self.tile_size!r}; it must be a whole number of bases, such as 5000.")
        fits = self.tile_size >= MINIMUM_TILE_SIZE and self.tss_start >= self.tile_size
        if not fits or self.tss_start + 2 * self.tile_size > self.length:
            raise ValueError(
                f"A tile size of {self.tile_size:,} bp does not fit a window of {self.length:,} bp; choose "
                f"{MINIMUM_TILE_SIZE} to {largest:,} bp, so that a tile fits on each side of the TSS tile."
            )

    @property
    def tss_start(self) -> int:
        """Where the TSS tile starts."""
        return self.length // 2 - self.tile_size // 2

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """Every tile from left to right, the TSS tile included."""
        first = self.tss_start % self.tile_size
        starts = range(first, self.length - self.tile_size + 1, self.tile_size)
        return tuple(Tile(start, start + self.tile_size) for start in starts)

    @property
    def tss_tile(self) -> Tile:
        """The tile centred on the TSS."""
        return Tile(self.tss_start, self.tss_start + self.tile_size)

    @property
    def context_tiles(self) -> tuple[Tile, ...]:
        """Every tile but the TSS tile, from left to right."""
        return tuple(tile for tile in self.tiles if tile != self.tss_tile)
