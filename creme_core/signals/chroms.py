"""Chromosomes by any of the names they go by."""

from creme_core.genome import other_style

__all__ = ["same_chrom"]


def same_chrom(chrom: str) -> list[str]:
    """The names a chromosome may go by in a file, the given one first: "1" for "chr1", "M" and "MT" for "chrM"."""
    if chrom.removeprefix("chr") in ("M", "MT"):
        return [chrom, *(name for name in ("chrM", "MT", "M", "chrMT") if name != chrom)]
    return [chrom, other_style(chrom)]
