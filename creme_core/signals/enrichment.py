"""Where elements lie: their distance from the promoter, and what they overlap.

Source: Toneyan & Koo, Fig. 2d (distances) and Results (overlap with promoters, enhancers and repeats).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from creme_core.genome import other_style
from creme_core.signals.characterise import intervals

__all__ = ["distance_histogram", "distances", "overlaps", "promoters"]

PAPERS_BIN = 5000


def distances(elements: pd.DataFrame) -> np.ndarray:
    """Centre of each element minus its TSS, bp in the gene's direction: upstream is negative. float (n,).

    Args:
        elements: `distance`, or chrom, start, end (or genome_start, genome_end), tss (0-based) and strand.

    Raises:
        ValueError: neither can be had, a distance that is no number, or a strand that is not + or -.
    """
    if "distance" in elements:
        found = pd.to_numeric(elements["distance"], errors="coerce").to_numpy(float)
        if not np.isfinite(found).all():
            at = int(np.flatnonzero(~np.isfinite(found))[0])
            raise ValueError(
                f"Row {at + 1}: the distance is {str(elements['distance'].iloc[at])!r}; it must be a number."
            )
        return found
    missing = [name for name in ("tss", "strand") if name not in elements]
    if missing:
        raise ValueError(f"The elements have no column {', '.join(missing)}; give distance, or tss and strand.")
    start, end = intervals(elements)
    tss = pd.to_numeric(elements["tss"], errors="coerce").to_numpy(float)
    strand = elements["strand"].to_numpy(str)
    bad = ~np.isfinite(tss) | ~np.isin(strand, ["+", "-"])
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"Row {at + 1}: TSS {str(elements['tss'].iloc[at])!r}, strand {str(strand[at])!r}; "
            "it needs a position, and + or -."
        )
    return ((start + end) / 2 - tss) * np.where(strand == "+", 1.0, -1.0)


def distance_histogram(elements: pd.DataFrame, bins: float | Sequence[float] = PAPERS_BIN) -> pd.DataFrame:
    """How many elements of each kind lie how far from their TSS.

    Args:
        elements: as `distances` takes them; `kind` (enhancer, silencer) splits them, where there is one.
        bins: the width of a bin in bp, bins being centred on 0 so that the paper's tiles fall into their middles; or
            the edges, rising, each bin half-open, the last closed.

    Returns:
        DataFrame, a row a bin: start, end, centre (bp), then for each kind its number and, as `KIND_share`, its share
        of all elements of that kind. `.attrs["outside"]` is how many elements lie beyond the edges.

    Raises:
        ValueError: as `distances`, and bins that are none.
    """
    found, kinds = distances(elements), _kinds(elements)
    if np.ndim(bins) == 0:
        if not (np.isfinite(bins) and bins > 0):
            raise ValueError(f"The bins are {bins} bp wide; they must be wider than 0.")
        reach = np.floor(np.abs(found).max(initial=0.0) / bins + 0.5) + 0.5
        if reach > 50_000:
            raise ValueError(
                f"Bins of {bins} bp give {2 * reach:,.0f} of them; at most 100,000 are drawn, so widen them."
            )
        edges = np.arange(-reach, reach + 1) * bins
    else:
        edges = np.asarray(bins, float)
        if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all():
            raise ValueError("The edges of the bins must be two or more numbers that rise.")
    table = pd.DataFrame({"start": edges[:-1], "end": edges[1:], "centre": (edges[:-1] + edges[1:]) / 2})
    for kind in dict.fromkeys(kinds):
        count = np.histogram(found[kinds == kind], edges)[0]
        table[kind] = count
        table[f"{kind}_share"] = count / (kinds == kind).sum()
    table.attrs["outside"] = int(((found < edges[0]) | (found > edges[-1])).sum())
    return table


def promoters(genes: pd.DataFrame, upstream: int = 1000, downstream: int = 500) -> pd.DataFrame:
    """Promoters as intervals: chrom, start, end (0-based half-open), from `upstream` bp before the TSS's base to
    `downstream` bp after it.

    Args:
        genes: chrom, tss (0-based), strand. The paper does not tell how wide its promoters are.
        upstream, downstream: bp, in the gene's direction.
    """
    tss, plus = genes["tss"].to_numpy(np.int64), genes["strand"].to_numpy(str) == "+"
    start = np.maximum(0, tss - np.where(plus, upstream, downstream))
    end = tss + 1 + np.where(plus, downstream, upstream)
    return pd.DataFrame({"chrom": genes["chrom"].to_numpy(), "start": start, "end": end})


def overlaps(elements: pd.DataFrame, regions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What share of the elements overlaps each set of regions by a base or more, and what share of their bases.

    Args:
        elements: chrom, start, end (or genome_start, genome_end), 0-based half-open; `kind` splits them.
        regions: name -> chrom, start, end; with a column `class`, or `kind` as tables of regions have it, each class is
            a row of its own, so that {"promoters": ..., "repeats": rmsk} has a row each for LINE, SINE, LTR and so on.

    Returns:
        DataFrame, a row a kind and region set: kind ("element" where there is none), region (the name), class ("" where
        there is none), elements (all of that kind: the denominator of share), overlapping, share, bases (of all
        elements of that kind, counted once an element: the denominator of base_share), bases_covered, base_share.

    Raises:
        ValueError: intervals that are none, or chromosomes in two naming styles ("chr22" against "22").
    """
    start, end = intervals(elements)
    chroms, kinds = elements["chrom"].to_numpy(str), _kinds(elements)
    rows = []
    for name, table in regions.items():
        named = set(table["chrom"].astype(str)) if len(table) else set()
        if not named & set(chroms) and (same := {other_style(chrom) for chrom in named} & set(chroms)):
            example = str(min(same))
            raise ValueError(
                f"{name} writes {other_style(example)!r} where the elements write {example!r}; rename one of them."
            )
        column = next((column for column in ("class", "kind") if column in table and len(table)), None)
        sets = table.groupby(column, sort=True) if column else [("", table)]
        for label, part in sets:
            covered = _covered(chroms, start, end, part)
            for kind in dict.fromkeys(kinds):
                of = kinds == kind
                bases = int((end - start)[of].sum())
                rows.append(
                    {
                        "kind": kind,
                        "region": name,
                        "class": str(label),
                        "elements": int(of.sum()),
                        "overlapping": int((covered[of] > 0).sum()),
                        "share": float((covered[of] > 0).mean()),
                        "bases": bases,
                        "bases_covered": int(covered[of].sum()),
                        "base_share": float(covered[of].sum() / bases),
                    }
                )
    return pd.DataFrame(rows, columns=_OVERLAP_COLUMNS)


_OVERLAP_COLUMNS = [
    "kind",
    "region",
    "class",
    "elements",
    "overlapping",
    "share",
    "bases",
    "bases_covered",
    "base_share",
]


def _kinds(elements: pd.DataFrame) -> np.ndarray:
    if "kind" not in elements:
        return np.full(len(elements), "element", dtype=object)
    return elements["kind"].astype(str).replace("", "element").to_numpy(object)


def _covered(chroms: np.ndarray, start: np.ndarray, end: np.ndarray, regions: pd.DataFrame) -> np.ndarray:
    """Bases of each interval that regions cover, int64: regions that overlap each other count once."""
    found = np.zeros(start.size, np.int64)
    region_start, region_end = intervals(regions)
    region_chroms = regions["chrom"].to_numpy(str)
    for chrom in set(chroms) & set(region_chroms):
        at, here = chroms == chrom, region_chroms == chrom
        merged = _merged(region_start[here], region_end[here])
        found[at] = _covered_before(end[at], *merged) - _covered_before(start[at], *merged)
    return found


def _covered_before(position: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Bases before each position that regions cover, which rise and do not touch: int64."""
    whole = np.concatenate([[0], np.cumsum(ends - starts)])
    number = np.searchsorted(starts, position, side="left")
    sticking_out = np.maximum(0, ends[np.maximum(number - 1, 0)] - position)
    return whole[number] - np.where(number > 0, sticking_out, 0)


def _merged(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(start, kind="stable")
    start, reach = start[order], np.maximum.accumulate(end[order])
    first = np.concatenate([[True], start[1:] > reach[:-1]])
    return start[first], reach[np.concatenate([first[1:], [True]])]
