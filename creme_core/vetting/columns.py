"""Which column of somebody's table is what: by its usual names, or by the order of BED and bedpe."""

import re
from collections.abc import Sequence

__all__ = ["BED", "BEDPE", "by_header", "by_order", "looks_like_number", "plain_number"]

# What a column may be called, in lower case without spaces, points, underscores and the like; the first found counts.
NAMES = {
    "chrom": ("chrom", "chr", "chromosome", "seqnames", "seqname", "chrom1", "chr1", "contig"),
    "start": ("start", "chromstart", "genomestart", "crestartcoordinate", "begin", "start1", "x1"),
    "end": ("end", "chromend", "genomeend", "creendcoordinate", "stop", "end1", "x2"),
    "gene": ("targetgene", "gene", "genename", "genesymbol", "targetgenesymbol", "measuredgenesymbol", "symbol"),
    "cell_line": ("cellline", "celltype", "biosample", "biosampletermname", "biosamplename"),
    "kind": ("kind", "cretype", "tileclass", "call"),
    "score": ("abcscore", "score", "normalizedeffect", "effect"),
    "name": ("name", "elementname", "element", "creid", "id"),
    "tss_chrom": ("chrom2", "chr2"),
    "tss_start": ("targetgenetss", "tsscoordinate", "tss", "start2", "y1"),
    "tss_strand": ("strand2",),
}
BED = ("chrom", "start", "end", "name", "score")
BEDPE = ("chrom", "start", "end", "tss_chrom", "tss_start", "", "name", "score", "", "tss_strand")

_NUMBER = re.compile(r"\s*[0-9]+(\.0*)?\s*")


def looks_like_number(text: str) -> bool:
    """Whether a text is a position: digits, perhaps with the .0 that some programs add."""
    return _NUMBER.fullmatch(text) is not None


def by_header(cells: Sequence[str]) -> dict[str, int] | None:
    """Field -> column of a header line; None when it does not name a chromosome, start and end.

    Its first cell may begin with #.
    """
    names = [re.sub(r"[^a-z0-9]", "", cell.lower()) for cell in cells]
    found = {}
    for field, known in NAMES.items():
        places = [names.index(name) for name in known if name in names]
        if places:
            found[field] = places[0]
    return found if {"chrom", "start", "end"} <= found.keys() else None


def by_order(cells: Sequence[str]) -> dict[str, int] | None:
    """Field -> column of a BED or bedpe line without a header; None when it is neither.

    bedpe has whole numbers in its fifth and sixth columns, where BED has a score and a strand.
    """
    if len(cells) < 3 or not all(map(looks_like_number, cells[1:3])):
        return None
    is_pair = len(cells) >= 6 and all(map(looks_like_number, cells[4:6])) and not looks_like_number(cells[3])
    fields = BEDPE if is_pair else BED
    return {field: place for place, field in enumerate(fields) if field and place < len(cells)}


def plain_number(text: str) -> str:
    """A position without the .0 that some programs add; other text as it is."""
    return text.partition(".")[0] if "." in text and looks_like_number(text) else text
