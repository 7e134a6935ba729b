"""Signal tracks on offer for a source and a cell line, and what was read of them. No Streamlit in here."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from creme_core.genome import assembly
from creme_core.signals import encode
from creme_core.signals.bigwig import read_mean_and_max, read_signal
from creme_core.signals.characterise import usual_statistic
from dashboard.figures.overlay import Lane

__all__ = [
    "BINS",
    "OfferedTrack",
    "Unconfirmed",
    "confirmed_tracks",
    "found_tracks",
    "genes_between",
    "is_accessions",
    "is_grch38",
    "offered_tracks",
    "read_lane",
    "read_lanes",
    "track_of_accessions",
]

BINS = 2000  # the most points a track is drawn with
STUB_SHARE = 0.015  # of the view that stands for a gene whose end is not known
READ_AT_ONCE = 4
_ACCESSIONS = re.compile(r"ENCFF\d{3}[A-Z]{3}(\+ENCFF\d{3}[A-Z]{3})*")


@dataclass(frozen=True)
class OfferedTrack:
    """A signal that can be drawn: a bigWig, or the average of several.

    Attributes:
        name: of the assay, the mark or the factor, as it is drawn.
        paths: of the files, or their addresses.
        told: where it is from, for people.
        key: what a link calls it; "" is its name.
        problem: a sentence, where something is known to be wrong with it.
        refused: whether it must not be used.
        own: whether the reader brought it.
    """

    name: str
    paths: tuple[str, ...]
    told: str
    key: str = ""
    problem: str = ""
    refused: bool = False
    own: bool = False

    @property
    def path(self) -> str:
        """Of its only file, or the first."""
        return self.paths[0]

    @property
    def label(self) -> str:
        """What a link calls it."""
        return self.key or self.name

    @property
    def remote(self) -> bool:
        """Whether a server is asked for it."""
        return any(path.lower().startswith(("http://", "https://")) for path in self.paths)

    @property
    def group(self) -> str:
        """Tracks of one group may share a scale: their numbers mean the same."""
        if self.own:
            return "own files"
        if self.name.upper().startswith(("DNASE", "ATAC")):
            return self.name[:4].upper()
        return "histone marks" if usual_statistic(self.name) == "mean" else "factors"

    def read(self, chrom: str, start: int, end: int, bins: int, statistic: str) -> np.ndarray:
        """float32 (bins,); arguments and errors as `creme_core.signals.bigwig.read_signal`, averaged over the files."""
        self.check()
        return encode.average([read_signal(path, chrom, start, end, bins, statistic) for path in self.paths])

    def check(self) -> None:
        """Raise a ValueError where it must not be used."""
        if self.refused:
            raise ValueError(self.problem)


def is_grch38(source: Any) -> bool:
    """Whether what is known of GRCh38 holds for a source: it is that, or a genome with its chromosome lengths."""
    return source.name in ("hg38", "published") or assembly(source.chrom_sizes) == "hg38"


def offered_tracks(source: Any, cell_line: str) -> tuple[OfferedTrack, ...]:
    """Tracks of a cell line: the source's own signals where it has some, else ENCODE's files for the paper's three.

    Nobody is asked: see `confirmed_tracks`.
    """
    signals = getattr(source, "signals", None)
    if signals is not None:
        mine = signals[signals["cell_line"] == cell_line]
        return tuple(OfferedTrack(row.assay, (str(row.path),), Path(row.path).name) for row in mine.itertuples())
    if not is_grch38(source):
        return ()
    try:
        table = encode.default_tracks(cell_line)
    except ValueError:
        return ()
    return _defaults(table.assign(problem="", refused=False))


class Unconfirmed(OSError):
    """ENCODE's portal can't be asked.

    Attributes:
        tracks: as they are known here, each with the sentence that says why.
    """

    def __init__(self, tracks: tuple[OfferedTrack, ...]):
        self.tracks = tracks
        super().__init__(next(track.problem for track in tracks if track.problem and not track.refused))


def confirmed_tracks(cell_line: str) -> tuple[OfferedTrack, ...]:
    """ENCODE's default files of a cell line, as the portal has them now; those it has put away are refused.

    Takes as long as the portal does.

    Raises:
        ValueError: a cell line without defaults.
        Unconfirmed: the portal did not answer for all of them.
    """
    tracks = _defaults(encode.confirm_defaults(cell_line))
    if any(track.problem and not track.refused for track in tracks):
        raise Unconfirmed(tracks)
    return tracks


def _defaults(table: pd.DataFrame) -> tuple[OfferedTrack, ...]:
    return tuple(
        OfferedTrack(
            row.mark, (row.url,), f"ENCODE {row.accession}, {row.assay}", problem=row.problem, refused=row.refused
        )
        for row in table.itertuples()
    )


def found_tracks(table: pd.DataFrame) -> tuple[OfferedTrack, ...]:
    """The tracks of a search of ENCODE: replicate experiments of one assay and target are one."""
    return tuple(_found(track) for track in encode.groups(table))


def _found(track: encode.Track) -> OfferedTrack:
    files = f"{len(track.accessions)} experiments averaged: " if len(track.accessions) > 1 else ""
    told = f"ENCODE {track.assay}, {track.cell_line}, {files}{', '.join(track.accessions)}"
    return OfferedTrack(f"{track.name} ({track.cell_line})", track.urls, told, key="+".join(track.accessions))


def is_accessions(key: str) -> bool:
    """Whether a key of a link names files of ENCODE."""
    return bool(_ACCESSIONS.fullmatch(key))


def track_of_accessions(key: str) -> OfferedTrack:
    """The track that a link names by the accessions of its files; the portal is asked about each.

    Raises:
        ValueError: a file that can't be used, or files of several tracks.
        OSError: the portal can't be asked.
    """
    rows = pd.DataFrame([encode.confirm(accession) for accession in key.split("+")])
    found = encode.groups(rows)
    if len(found) > 1:
        raise ValueError(f"The files {key} are of {len(found)} different tracks, so they are not averaged.")
    return _found(found[0])


def read_lane(track: OfferedTrack, chrom: str, start: int, end: int, bins: int = BINS) -> Lane:
    """A track over a view, by mean and by maximum.

    Args:
        track: which.
        chrom, start, end: 0-based half-open, within the chromosome.
        bins: points; never more than the view has bases.

    Raises:
        ValueError: it must not be used, or can't be read.
        Offline: its server can't be reached.
    """
    track.check()
    bins = max(min(bins, end - start), 1)
    read = [read_mean_and_max(path, chrom, start, end, bins) for path in track.paths]
    mean, high = (encode.average([values[statistic] for values in read]) for statistic in (0, 1))
    return Lane(track.name, start, end, mean, _above(mean, high), track.group, track.told)


def read_lanes(
    tracks: Sequence[OfferedTrack], chrom: str, start: int, end: int, bins: int = BINS
) -> tuple[list[Lane], list[str]]:
    """The tracks over a view in their order, and a sentence for each that can't be read; waits for all of them."""

    def read(track: OfferedTrack) -> Lane | str:
        try:
            return read_lane(track, chrom, start, end, bins)
        except (ValueError, OSError) as error:
            return f"{track.name}: {error}"

    with ThreadPoolExecutor(READ_AT_ONCE) as threads:
        found = list(threads.map(read, tracks))
    return [one for one in found if isinstance(one, Lane)], [one for one in found if isinstance(one, str)]


def genes_between(
    genes: pd.DataFrame, exons: pd.DataFrame | None, chrom: str, start: int, end: int
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Genes that a view [start, end) holds part of: gene, start, end (0-based half-open), strand; and their exons.

    A gene whose end the table does not know is drawn as a stub that begins at its TSS. Exons are gene, start, end, or
    None.
    """
    genes = genes[genes["chrom"] == chrom]
    if not {"start", "end"} <= set(genes.columns):
        stub = max(int((end - start) * STUB_SHARE), 1)
        plus = genes["strand"] == "+"
        first = np.where(plus, genes["tss"], genes["tss"] + 1 - stub)
        genes = genes.assign(start=first, end=first + stub)
    inside = genes[(genes["end"] > start) & (genes["start"] < end)]
    if exons is not None:
        near = (exons["end"] > start) & (exons["start"] < end) & (exons["chrom"] == chrom)
        exons = exons.loc[near, ["gene", "start", "end"]] if near.any() else None
    return inside[["gene", "start", "end", "strand"]].reset_index(drop=True), exons


def _above(mean: np.ndarray, high: np.ndarray) -> np.ndarray | None:
    """The largest values, or None where they are the means: one base a bin, or one value over each bin."""
    return None if np.array_equal(mean, high, equal_nan=True) else high
