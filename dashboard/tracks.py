"""Signal tracks on offer for a source and a cell line, and what was read of them. No Streamlit in here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from creme_core.signals.bigwig import read_signals
from creme_core.signals.characterise import usual_statistic
from creme_core.signals.encode import confirm_defaults
from dashboard.figures.overlay import Lane

__all__ = ["BINS", "OfferedTrack", "genes_between", "offered_tracks", "read_lanes"]

BINS = 2000  # the most points a track is drawn with
STUB_SHARE = 0.015  # of the view that stands for a gene whose end is not known


@dataclass(frozen=True)
class OfferedTrack:
    """A bigWig that can be drawn.

    Attributes:
        name: of the assay, the mark or the factor.
        path: of the file, or its address.
        told: where it is from, for people.
        problem: a sentence, where it is known that it can't be used.
    """

    name: str
    path: str
    told: str
    problem: str = ""

    @property
    def group(self) -> str:
        """Tracks that may share a scale: marks by their mean, factors by their maximum."""
        return usual_statistic(self.name)


def offered_tracks(source: Any, cell_line: str) -> tuple[OfferedTrack, ...]:
    """Tracks of a cell line: the source's own signals where it has some, else ENCODE's files for the paper's three.

    The portal is asked whether those are still its released ones; where it can't be asked, each track says so.
    """
    signals = getattr(source, "signals", None)
    if signals is not None:
        mine = signals[signals["cell_line"] == cell_line]
        return tuple(OfferedTrack(row.assay, str(row.path), Path(row.path).name) for row in mine.itertuples())
    try:
        table = confirm_defaults(cell_line)
    except ValueError:
        return ()
    return tuple(
        OfferedTrack(row.mark, row.url, f"ENCODE {row.accession}, {row.assay}", row.problem)
        for row in table.itertuples()
    )


def read_lanes(
    tracks: Sequence[OfferedTrack], chrom: str, start: int, end: int, bins: int = BINS
) -> tuple[list[Lane], list[str]]:
    """The tracks over a view, by mean and by maximum, and a sentence for each that can't be read.

    Args:
        tracks: in the order they are drawn.
        chrom, start, end: 0-based half-open, within the chromosome.
        bins: points; never more than the view has bases.
    """
    bins = max(min(bins, end - start), 1)
    paths = [track.path for track in tracks]
    means, highest = (read_signals(paths, chrom, start, end, bins, statistic) for statistic in ("mean", "max"))
    lanes, problems = [], []
    for track, mean, high in zip(tracks, means, highest, strict=True):
        error = next((found for found in (mean, high) if isinstance(found, Exception)), None)
        if error is not None:
            problems.append(f"{track.name}: {track.problem or error}")
            continue
        lanes.append(Lane(track.name, start, end, mean, _above(mean, high), track.group, track.told))
    return lanes, problems


def genes_between(source: Any, chrom: str, start: int, end: int) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Genes that a view [start, end) holds part of: gene, start, end (0-based half-open), strand; and their exons.

    A gene whose end the source does not know is drawn as a stub that begins at its TSS. Exons are gene, start, end, or
    None.
    """
    genes = source.genes[source.genes["chrom"] == chrom]
    if not {"start", "end"} <= set(genes.columns):
        stub = max(int((end - start) * STUB_SHARE), 1)
        plus = genes["strand"] == "+"
        first = np.where(plus, genes["tss"], genes["tss"] + 1 - stub)
        genes = genes.assign(start=first, end=first + stub)
    inside = genes[(genes["end"] > start) & (genes["start"] < end)]
    exons = getattr(source, "exons", None)
    if exons is not None:
        exons = exons[exons["gene"].isin(inside["gene"]) & (exons["chrom"] == chrom)]
        exons = exons[["gene", "start", "end"]] if len(exons) else None
    return inside[["gene", "start", "end", "strand"]].reset_index(drop=True), exons


def _above(mean: np.ndarray, high: np.ndarray) -> np.ndarray | None:
    """The largest values, or None where they are the means: one base a bin, or one value over each bin."""
    return None if np.array_equal(mean, high, equal_nan=True) else high
