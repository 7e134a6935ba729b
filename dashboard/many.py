"""Elements of many loci and their signals, read in the background with progress. No Streamlit in here."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from creme_core.experiments.result import Result
from creme_core.signals.characterise import tile_signals
from creme_core.signals.enrichment import overlaps, promoters
from creme_core.signals.regions import read_regions
from dashboard.tracks import OfferedTrack

__all__ = ["COLUMNS", "KINDS", "OverlapRun", "Runs", "SignalRun", "called_tiles", "published_elements"]

logger = logging.getLogger(__name__)

KINDS = ("enhancer", "silencer")
COLUMNS = ["gene", "chrom", "start", "end", "kind", "effect", "distance"]
READ_AT_ONCE = 4
KEPT_RUNS = 16


def called_tiles(results: Sequence[Result], cell_line: str) -> pd.DataFrame:
    """The tiles that results call: COLUMNS, start and end on the chromosome (0-based half-open), distance in bp.

    A tile that several results of one gene call is listed once, as the first of them calls it.
    """
    tables = []
    for result in results:
        effects = result.effects(cell_line)
        effects = effects[effects["call"].isin(KINDS)]
        effects = effects.drop(columns=["start", "end"]).rename(
            columns={"genome_start": "start", "genome_end": "end", "call": "kind"}
        )
        tables.append(effects.assign(gene=result.locus.gene)[COLUMNS])
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    listed = pd.concat(tables, ignore_index=True)
    return listed.drop_duplicates(["gene", "chrom", "start", "end"], ignore_index=True)


def published_elements(cres: pd.DataFrame) -> pd.DataFrame:
    """The published CREs as COLUMNS; their distance runs along the gene, upstream negative."""
    middle = (cres["start"] + cres["end"]) / 2
    away = (middle - cres["tss"]) * np.where(cres["strand"] == "+", 1, -1)
    return cres.assign(distance=away)[COLUMNS].reset_index(drop=True)


class _Stopped(Exception):
    """The run was told to stop."""


class _Run:
    """Work of several parts, in a thread of its own.

    Attributes:
        total, done: how much there is to do, and how much is done, in its own units.
        problems: a sentence for each part that failed.
    """

    def __init__(self, total: int):
        self.total = max(total, 1)
        self.done = 0
        self.problems: list[str] = []
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._thread = threading.Thread(target=self._work, name="many", daemon=True)

    @property
    def unfinished(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    @property
    def cancelled(self) -> bool:
        """Whether it was told to stop."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Stop after what is being read."""
        self._cancel.set()

    def _count(self, number: int) -> None:
        with self._lock:
            self.done += number
        if self._cancel.is_set():
            raise _Stopped

    def _work(self) -> None:
        raise NotImplementedError

    def _part(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except _Stopped:
            pass
        except (ValueError, OSError) as error:
            self.problems.append(f"{name}: {error}")
        except Exception:
            logger.exception("Reading %s failed", name)
            self.problems.append(f"{name}: it stopped on an unexpected error; the details are in the terminal.")


class SignalRun(_Run):
    """One number for each element and track: the mean of marks, the maximum of factors.

    Args:
        elements: chrom, start, end.
        tracks: whose signals; several are read at once.
        chrom_sizes: of the genome, bases.

    Attributes:
        values: track name -> float (elements,), of the tracks that were read to their end.
    """

    def __init__(self, elements: pd.DataFrame, tracks: Sequence[OfferedTrack], chrom_sizes: Mapping[str, int]):
        super().__init__(len(elements) * len(tracks))
        self.tracks = tuple(tracks)
        self.values: dict[str, np.ndarray] = {}
        self._elements = elements[["chrom", "start", "end"]]
        self._sizes = dict(chrom_sizes)
        self._thread.start()

    @property
    def table(self) -> pd.DataFrame:
        """What is read so far: (elements, tracks), in the order of the tracks."""
        names = [track.name for track in self.tracks if track.name in self.values]
        return pd.DataFrame({name: self.values[name] for name in names}, index=self._elements.index)

    def _work(self) -> None:
        with ThreadPoolExecutor(READ_AT_ONCE) as threads:
            list(threads.map(lambda track: self._part(track.name, lambda: self._read(track)), self.tracks))

    def _read(self, track: OfferedTrack) -> None:
        counted = 0

        def read(chrom: str, start: int, end: int, bins: int, statistic: str) -> np.ndarray:
            nonlocal counted
            values = track.read(chrom, start, end, bins, statistic)
            counted += bins
            self._count(bins)
            return values

        values = tile_signals(self._elements, {track.name: read}, chrom_sizes=self._sizes)[track.name].to_numpy()
        self._count(len(self._elements) - counted)  # those that could not be asked for
        self.values[track.name] = values


class OverlapRun(_Run):
    """What share of the elements overlaps promoters and annotations of GRCh38.

    Args:
        elements: chrom, start, end, kind.
        genes: chrom, tss, strand, for the promoters.
        annotations: names of `read_regions` to look up around each element.

    Attributes:
        table: as `creme_core.signals.enrichment.overlaps` gives it, once it is done; annotations that could not be read
            are left out.
    """

    def __init__(self, elements: pd.DataFrame, genes: pd.DataFrame, annotations: Sequence[str] = ()):
        super().__init__(len(elements) * len(annotations))
        self.table: pd.DataFrame | None = None
        self._elements = elements
        self._genes = genes
        self._annotations = tuple(annotations)
        self._thread.start()

    def _work(self) -> None:
        regions = {"Promoters": promoters(self._genes)}
        for name in self._annotations:
            self._part(name, lambda name=name: regions.__setitem__(TITLES.get(name, name), self._read(name)))
        if not self.cancelled:
            self._part("Overlaps", lambda: self._summarise(regions))

    def _read(self, name: str) -> pd.DataFrame:
        found = []
        for row in self._elements.itertuples():
            found.append(read_regions(name, row.chrom, max(row.start, 0), row.end)[["chrom", "start", "end", "kind"]])
            self._count(1)
        return pd.concat(found, ignore_index=True).drop_duplicates(ignore_index=True)

    def _summarise(self, regions: dict[str, pd.DataFrame]) -> None:
        self.table = overlaps(self._elements, regions)


TITLES = {"ccres": "cCREs", "rmsk": "Repeats"}


class Runs(OrderedDict):
    """The latest runs by what they read; an older one is stopped and dropped."""

    def __setitem__(self, key: Hashable, run: _Run) -> None:
        """Keep a run as the latest."""
        super().__setitem__(key, run)
        while len(self) > KEPT_RUNS:
            self.popitem(last=False)[1].cancel()
