"""What was measured, annotated and found in the sequence around an element on the desk. No Streamlit in here."""

import time
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from creme_core.evidence import chromatin_of
from creme_core.motifs import find_hits
from creme_core.sequence import digest
from creme_core.signals.characterise import tile_signals
from creme_core.signals.enrichment import promoters
from creme_core.signals.regions import read_regions
from creme_core.vetting.element import Element
from dashboard.background import Background, settled
from dashboard.desk import Case
from dashboard.figures.overlay import Lane
from dashboard.tracks import OfferedTrack, is_grch38, read_lanes

__all__ = ["Signals", "Surroundings", "overlapping", "signals_around", "surroundings", "view_of"]

AROUND = 30_000  # bp of the picture on either side of the element
TSS_MARGIN = 5_000
BINS = 800
LONGEST_SCAN = 20_000  # bp that motif hits are looked for in; a stretch as long as a window holds all of them
NAMED_TRACKS = 2  # that can't be read: most often all of them for one reason
ANNOTATIONS = {"ccres": "cCRE", "rmsk": "repeat"}
PROMOTER = "promoter of another gene"


@dataclass(frozen=True, eq=False)
class Signals:
    """Signal tracks over a view: lanes to draw, a sentence for each that can't be read, and the element's own tile.

    chromatin is the table of `creme_core.evidence.chromatin_of`, or None without a tile or tracks.
    """

    lanes: Sequence[Lane]
    problems: Sequence[str]
    chromatin: pd.DataFrame | None


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What is known so far.

    Attributes:
        signals: None while they are read, or where there is no view.
        overlaps: kind, name and bp of the annotations that the element overlaps; None while none has been read.
        kinds: of annotations that were read.
        motifs: hits in the element, or None.
        problems: a sentence for each thing that can't be had.
        awaited: what is still being read: "chromatin", "overlaps", "motifs".
    """

    signals: Signals | None = None
    overlaps: pd.DataFrame | None = field(default=None, repr=False)
    kinds: tuple[str, ...] = ()
    motifs: pd.DataFrame | None = field(default=None, repr=False)
    problems: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()


def view_of(case: Case, chrom_sizes: Mapping[str, int]) -> tuple[int, int] | None:
    """What the picture shows, [start, end) of the chromosome: the element, and the TSS where that is in its window.

    None where the element is on another chromosome than the gene, or beyond its end.
    """
    element, locus = case.element, case.locus
    size = chrom_sizes.get(element.chrom, element.end + AROUND)
    if element.chrom != locus.chrom or element.start >= size:
        return None
    start, end = element.start - AROUND, element.end + AROUND
    if abs(locus.tss - element.start) < locus.length:
        start, end = min(start, locus.tss - TSS_MARGIN), max(end, locus.tss + TSS_MARGIN)
    return max(start, 0), min(end, size)


def signals_around(
    case: Case, tracks: Sequence[OfferedTrack], view: tuple[int, int], chrom_sizes: Mapping[str, int]
) -> Signals:
    """Read the tracks over a view and over every tile of the window; waits for files and servers."""
    lanes, problems = read_lanes(tracks, case.locus.chrom, *view, bins=BINS)
    read = {lane.name for lane in lanes}
    usable = [track for track in tracks if track.name in read]
    if case.place.tile is None or not usable:
        return Signals(lanes, problems, None)
    tiles = pd.DataFrame(
        [(case.locus.chrom, *case.locus.to_genome(tile.start, tile.end)) for tile in case.grid.tiles],
        columns=["chrom", "genome_start", "genome_end"],
    )
    chromatin = None
    try:
        values = tile_signals(tiles, {track.name: track.read for track in usable}, chrom_sizes=chrom_sizes)
        chromatin = chromatin_of(values, case.place.number)
    except (ValueError, OSError) as error:
        problems = [*problems, str(error)]
    return Signals(lanes, problems, chromatin)


def overlapping(element: Element, regions: pd.DataFrame, kind: str, names: str = "name") -> pd.DataFrame:
    """Regions (chrom, start, end) that share bases with the element: kind, name, bp, the longest stretch first."""
    near = regions[(regions["start"] < element.end) & (regions["end"] > element.start)]
    near = near[near["chrom"] == element.chrom]
    shared = np.minimum(near["end"], element.end) - np.maximum(near["start"], element.start)
    found = pd.DataFrame({"kind": kind, "name": near[names].astype(str), "bp": shared.astype(float)})
    return found.sort_values("bp", ascending=False, kind="stable", ignore_index=True)


def _promoters(case: Case, genes: pd.DataFrame) -> pd.DataFrame:
    """Promoters that the element overlaps; the judged gene's own are told from those of others."""
    genes = genes[genes["chrom"] == case.element.chrom]
    found = overlapping(case.element, promoters(genes).assign(name=genes["gene"].to_numpy()), PROMOTER)
    own = "promoter of the gene itself"
    return found.assign(
        kind=[own if name == case.locus.gene else kind for kind, name in found[["kind", "name"]].values]
    )


def _annotated(case: Case, name: str) -> pd.DataFrame:
    element = case.element
    regions = read_regions(name, element.chrom, element.start, element.end)
    # A cCRE's name is an accession; its class is what says something.
    return overlapping(element, regions, ANNOTATIONS[name], names="kind" if name == "ccres" else "name")


def surroundings(
    case: Case,
    opened: Any,
    tracks: Sequence[OfferedTrack],
    background: Background,
    patience: float,
    sequence_known: bool = True,
) -> Surroundings:
    """What is known of an element's surroundings after at most `patience` seconds; the rest goes on being read.

    Args:
        case: the element in its window.
        opened: the source, for genes, and for whether what is known of GRCh38 holds.
        tracks: to read.
        background: threads that read.
        patience: seconds.
        sequence_known: whether the window's bases are its own.
    """
    element, view = case.element, view_of(case, opened.chrom_sizes)
    where: tuple[Hashable, ...] = (opened, element.element_id, case.locus.name)
    questions: dict[tuple, Any] = {}
    if tracks and view is not None:
        key = ("signals", *where, tuple(tracks), case.grid.tile_size)
        questions[key] = partial(signals_around, case, tuple(tracks), view, opened.chrom_sizes)
    questions["promoter", *where] = partial(_promoters, case, opened.genes)
    if is_grch38(opened):
        for name in ANNOTATIONS:
            questions["annotated", name, element.element_id] = partial(_annotated, case, name)
    codes = _codes(case) if sequence_known else None
    if codes is not None:
        questions["motifs", digest(codes)] = partial(find_hits, codes)
    until = time.monotonic() + patience
    futures = dict(zip(questions, background.ask(questions), strict=True))
    settled(list(futures.values()), max(until - time.monotonic(), 0))
    return _put_together(futures)


def _put_together(futures: Mapping[tuple, Future]) -> Surroundings:
    signals = motifs = None
    regions, kinds, problems, awaited = [], [], [], []
    names = {"signals": "chromatin", "promoter": "overlaps", "annotated": "overlaps", "motifs": "motifs"}
    for (kind, *rest), future in futures.items():
        if not future.done():
            awaited.append(names[kind])
        elif (error := future.exception()) is not None:
            what = {"annotated": f"{ANNOTATIONS.get(rest[0], '')}s: ", "motifs": "Motif hits: "}.get(kind, "")
            problems.append(f"{what}{error}")
        elif kind == "signals":
            signals = future.result()
        elif kind == "motifs":
            motifs = future.result()
        else:
            regions.append(future.result())
            kinds.append(PROMOTER if kind == "promoter" else ANNOTATIONS[rest[0]])
    if signals is not None:
        problems += signals.problems[:NAMED_TRACKS]
        if more := len(signals.problems[NAMED_TRACKS:]):
            problems.append(f"{more} more track{'s' if more > 1 else ''} could not be read.")
    overlaps = pd.concat(regions, ignore_index=True) if regions else None
    return Surroundings(signals, overlaps, tuple(kinds), motifs, tuple(problems), tuple(dict.fromkeys(awaited)))


def _codes(case: Case) -> np.ndarray | None:
    """The element's bases, where they are in the window and not too many."""
    element, locus = case.element, case.locus
    if element.chrom != locus.chrom:
        return None
    start, end = locus.from_genome(element.start, element.end)
    start, end = max(start, 0), min(end, locus.length)
    if not 0 < end - start <= LONGEST_SCAN:
        return None
    return locus.codes[start:end]
