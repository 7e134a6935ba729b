"""What elements are made of: the signal in each tile, and enhancers against silencers track by track.

Source: Toneyan & Koo, Methods (Biochemical characterization of CREs) and Fig. 2e-g.
"""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, mannwhitneyu

__all__ = [
    "CORRECTIONS",
    "PSEUDO_COUNT",
    "SMALLEST_GROUP",
    "adjust",
    "compare",
    "intervals",
    "stars",
    "tile_signals",
    "usual_statistic",
]

CORRECTIONS = ("benjamini-hochberg", "bonferroni")
# Added to both group values before their ratio is taken, so that 0 against 0 is no fold and nothing is infinite: small
# beside 1, which is "as much as the control" on ENCODE's scale.
PSEUDO_COUNT = 0.01
# With fewer values than this in a group there is no p value: one or two elements say nothing of their kind.
SMALLEST_GROUP = 3
# Read at once at most; signals.bigwig reads so many bases of a remote file exactly.
MOST_BASES = 2**20
# The paper's stars (Fig. 2): p below each.
STARS = ((0.0001, "****"), (0.001, "***"), (0.01, "**"), (0.05, "*"))
_MEAN_TRACK = re.compile(r"(DNase|ATAC|H[1-4][A-Z]\d|H2A\.?F?Z|H2AF|H3F3A|H3\.3)", re.IGNORECASE)

Reader = Callable[[str, int, int, int, str], np.ndarray]


def usual_statistic(track: str) -> str:
    """How the paper sums up a tile of a track: "mean" of histone marks and accessibility, "max" of factors.

    Told by the name: H3K27ac, H2AFZ, DNase-seq, ATAC and the like against anything else.
    """
    return "mean" if _MEAN_TRACK.match(track) else "max"


def tile_signals(
    tiles: pd.DataFrame,
    signals: Mapping[str, Reader | np.ndarray],
    statistic: str | Mapping[str, str] = "usual",
    chrom_sizes: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """One number a tile and track: the mean, or the maximum, of the signal over the tile.

    Args:
        tiles: chrom, genome_start, genome_end (0-based half-open), as `effects` tables have them; of one locus or many.
        signals: track name -> `read(chrom, start, end, bins, statistic) -> (bins,)`, such as
            functools.partial(read_signal, path), or an array (tiles,) or (tiles, points), whose points are summed up.
        statistic: "mean", "max", "usual" (see `usual_statistic`), or a mapping from track name to one of them.
        chrom_sizes: what sticks out of a chromosome is not asked for, as at the ends of a locus that reaches over it.

    Returns:
        float DataFrame (tiles, tracks) with the index of `tiles`. Uncovered bases, and those before base 0, are left
        out; NaN where a tile has no other.

    Raises:
        ValueError: a missing column, an interval that is none, an unknown statistic, an array of another length, and
            what the reader raises, as does OSError.
    """
    start, end = intervals(tiles)
    chroms = tiles["chrom"].to_numpy(str)
    start = np.maximum(start, 0)
    if chrom_sizes is not None:
        end = np.minimum(end, [chrom_sizes.get(chrom, np.iinfo(np.int64).max) for chrom in chroms])
    found = {}
    for name, signal in signals.items():
        chosen = statistic if isinstance(statistic, str) else statistic.get(name, "usual")
        if chosen not in ("mean", "max", "usual"):
            raise ValueError(f"The statistic of {name} is {chosen!r}; it is 'mean', 'max' or 'usual'.")
        chosen = usual_statistic(name) if chosen == "usual" else chosen
        if callable(signal):
            found[name] = _read_tiles(signal, chroms, start, end, chosen)
        else:
            found[name] = _sum_up(name, np.asarray(signal, float), len(tiles), chosen)
    return pd.DataFrame(found, index=tiles.index, columns=list(signals), dtype=float)


def intervals(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of a table's rows, int64: genome_start and genome_end where it has them, else start and end.

    Raises:
        ValueError: a missing column, a value that is no whole number, or an end that is not after its start.
    """
    names = ("genome_start", "genome_end") if "genome_start" in table else ("start", "end")
    missing = [name for name in ("chrom", *names) if name not in table]
    if missing:
        raise ValueError(f"The table has no column {', '.join(missing)}; it needs chrom, start and end.")
    columns = []
    for name in names:
        values = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
        bad = ~(np.isfinite(values) & (values == np.floor(values)))
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            raise ValueError(f"Row {at + 1}: {name} is {str(table[name].iloc[at])!r}; it must be a whole number.")
        columns.append(values.astype(np.int64))
    start, end = columns
    if (start >= end).any():
        at = int(np.flatnonzero(start >= end)[0])
        raise ValueError(f"Row {at + 1}: it ends at {end[at]}, not after its start {start[at]}; swap or drop it.")
    return start, end


def compare(
    enhancers: pd.DataFrame,
    silencers: pd.DataFrame,
    *,
    correction: str = "benjamini-hochberg",
    centre: str = "mean",
    pseudo_count: float = PSEUDO_COUNT,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Enhancers against silencers, track by track, ready for a volcano plot (log_ratio against neg_log10_p).

    Two-sided Mann-Whitney U test, exact for up to eight untied values a group, else with the normal approximation,
    corrected for ties. p values are corrected over all tracks given: give the factors on their own, as the paper does.

    Args:
        enhancers, silencers: of `tile_signals`, (elements, tracks), with the same tracks.
        correction: one of CORRECTIONS; the published table of factors has "bonferroni".
        centre: "mean" or "median" of a group, for log_ratio.
        pseudo_count: added to both centres before the ratio.
        alpha: corrected p value below which a track is called.

    Returns:
        DataFrame, a row a track in the order given: track, n_enhancers, n_silencers, mean_enhancers, mean_silencers,
        median_enhancers, median_silencers, log_ratio (natural logarithm; above 0: more in enhancers), u (of the
        enhancers), superiority (share of pairs in which the enhancer has more, ties half: 0.5 is no difference), p,
        p_adjusted, neg_log10_p (of p_adjusted), stars (of p_adjusted), higher_in ("enhancers" or "silencers" below
        alpha, else ""), note (why there is no p value, or ""). `.attrs` holds correction, centre, pseudo_count, alpha.

    Raises:
        ValueError: other tracks in one table than in the other, infinite values, unknown settings.
    """
    if correction not in CORRECTIONS or centre not in ("mean", "median"):
        raise ValueError(
            f"correction={correction!r}, centre={centre!r}: the first is one of {', '.join(CORRECTIONS)}, the second "
            "'mean' or 'median'."
        )
    if not (np.isfinite(pseudo_count) and pseudo_count >= 0 and 0 < alpha < 1):
        raise ValueError(f"pseudo_count={pseudo_count} must be 0 or more, and alpha={alpha} between 0 and 1.")
    tracks = list(enhancers.columns)
    if (
        len(set(tracks)) != len(tracks)
        or set(tracks) != set(silencers.columns)
        or len(silencers.columns) != len(tracks)
    ):
        raise ValueError(
            f"The enhancers have {len(tracks)} tracks and the silencers {len(silencers.columns)}, and they must have "
            "the same ones, each once; make both with the same signals."
        )
    rows = [
        {"track": track, **_compare(track, _values(enhancers[track]), _values(silencers[track]))} for track in tracks
    ]
    table = pd.DataFrame(rows, columns=["track", *_COMPARED])
    sides = [table[f"{centre}_{group}"].to_numpy(float) + pseudo_count for group in ("enhancers", "silencers")]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.log(sides[0] / sides[1])
    table.insert(table.columns.get_loc("u"), "log_ratio", np.where(np.isfinite(log_ratio), log_ratio, np.nan))
    table["p_adjusted"] = adjust(table["p"].to_numpy(float), correction)
    table["neg_log10_p"] = -np.log10(np.maximum(table["p_adjusted"], np.finfo(float).tiny)) + 0.0
    table["stars"] = stars(table["p_adjusted"])
    side = np.where(table["superiority"] > 0.5, "enhancers", "silencers")
    table["higher_in"] = np.where(table["p_adjusted"] < alpha, side, "")
    table["note"] = table.pop("note")
    table.attrs.update(correction=correction, centre=centre, pseudo_count=pseudo_count, alpha=alpha)
    return table


def adjust(p: np.ndarray, correction: str = "benjamini-hochberg") -> np.ndarray:
    """p values corrected for their number; NaN stays NaN and does not count.

    Args:
        p: (n,) between 0 and 1.
        correction: "benjamini-hochberg" (false discovery rate) or "bonferroni" (p times their number, at most 1).

    Raises:
        ValueError: a value outside 0 to 1, or an unknown correction.
    """
    p = np.asarray(p, float)
    there = ~np.isnan(p)
    if correction not in CORRECTIONS:
        raise ValueError(f"The correction is {correction!r}; it is one of {', '.join(CORRECTIONS)}.")
    if ((p[there] < 0) | (p[there] > 1)).any():
        raise ValueError("A p value is below 0 or above 1; corrected are p values, not their logarithms.")
    found = np.full(p.shape, np.nan)
    if there.any():
        if correction == "bonferroni":
            found[there] = np.minimum(1.0, p[there] * there.sum())
        else:
            found[there] = false_discovery_control(p[there])
    return found


def stars(p: np.ndarray) -> np.ndarray:
    """The paper's signs for p values: * below 0.05, ** 0.01, *** 0.001, **** 0.0001, else "ns"; "" for NaN."""
    p = np.asarray(p, float)
    return np.select([np.isnan(p), *(p < cut for cut, _ in STARS)], ["", *(sign for _, sign in STARS)], default="ns")


_COMPARED = (
    "n_enhancers",
    "n_silencers",
    "mean_enhancers",
    "mean_silencers",
    "median_enhancers",
    "median_silencers",
    "u",
    "superiority",
    "p",
    "note",
)


def _values(column: pd.Series) -> np.ndarray:
    """A track's values that are there."""
    values = pd.to_numeric(column, errors="coerce").to_numpy(float)
    if np.isinf(values).any():
        raise ValueError(f"{column.name} holds an infinite value; a signal is a number or missing.")
    return values[~np.isnan(values)]


def _compare(track: str, one: np.ndarray, two: np.ndarray) -> dict[str, float | int | str]:
    row: dict[str, float | int | str] = {"n_enhancers": one.size, "n_silencers": two.size}
    for what, function in (("mean", np.mean), ("median", np.median)):
        for group, values in (("enhancers", one), ("silencers", two)):
            row[f"{what}_{group}"] = float(function(values)) if values.size else np.nan
    row.update(u=np.nan, superiority=np.nan, p=np.nan, note="")
    if not one.size or not two.size:
        row["note"] = f"{track} covers none of the {'silencers' if one.size else 'enhancers'}."
        return row
    both = np.concatenate([one, two])
    if (both == both[0]).all():
        # Nothing differs: the test's normal approximation would divide by 0.
        u, p = one.size * two.size / 2, 1.0
        row["note"] = f"{track} has the same value in every element."
    else:
        u, p = mannwhitneyu(one, two, alternative="two-sided")
    row.update(u=float(u), superiority=float(u) / (one.size * two.size), p=float(p))
    if min(one.size, two.size) < SMALLEST_GROUP:
        row["p"] = np.nan
        row["note"] = f"{one.size} enhancers and {two.size} silencers are too few to test; {SMALLEST_GROUP} each are."
    return row


def _read_tiles(read: Reader, chroms: np.ndarray, start: np.ndarray, end: np.ndarray, statistic: str) -> np.ndarray:
    """Read tile by tile, but equal tiles that touch in one go: a locus is one request, not 39."""
    found = np.full(start.size, np.nan)
    order = np.lexsort((start, chroms))
    order = order[start[order] < end[order]]
    touching = (
        (chroms[order][1:] == chroms[order][:-1])
        & (start[order][1:] == end[order][:-1])
        & (np.diff(end[order] - start[order]) == 0)
    )
    edges = [0, *(np.flatnonzero(~touching) + 1), order.size] if order.size else [0]
    for first, last in pairwise(edges):
        at_once = max(1, MOST_BASES // int(end[order[first]] - start[order[first]]))
        for run in np.split(order[first:last], range(at_once, last - first, at_once)):
            values = np.asarray(
                read(str(chroms[run[0]]), int(start[run[0]]), int(end[run[-1]]), run.size, statistic), float
            )
            if values.shape != (run.size,):
                raise ValueError(f"A reader gave {values.shape} values for {run.size} tiles; it must give one a bin.")
            found[run] = values
    return found


def _sum_up(name: str, values: np.ndarray, tiles: int, statistic: str) -> np.ndarray:
    if values.ndim not in (1, 2) or values.shape[0] != tiles:
        raise ValueError(f"{name} is an array of shape {values.shape}; {tiles} tiles need ({tiles},) or ({tiles}, n).")
    if values.ndim == 1:
        return values
    covered = ~np.isnan(values)
    if statistic == "max":
        found = np.where(covered, values, -np.inf).max(axis=1, initial=-np.inf)
    else:
        number = np.maximum(covered.sum(axis=1), 1)
        found = np.where(covered, values, 0.0).sum(axis=1) / number
    return np.where(covered.any(axis=1), found, np.nan)
