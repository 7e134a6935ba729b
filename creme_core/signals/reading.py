"""Reading bigWig and bigBed files by window, in the child process: local ones by pyBigWig, remote ones by pybigtools.

Imports little, because the child must start fast.
"""

import contextlib
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from creme_core.signals.structure import CUT_SHORT, Unreadable, check_structure

__all__ = ["EXACT_BASES", "answer", "summarise"]

# Up to here every base is read; wider windows are read from the file's own summaries (its zoom levels).
EXACT_BASES = 2**22
EXACT_REMOTE_BASES = 2**20
MOST_CHROMS = 200_000
MOST_ENTRIES = 200_000
OPEN_REMOTE_FILES = 16


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The answer to one request: JSON and raw bytes.

    Raises:
        Unreadable: the file can't be read, or does not hold what was asked for.
    """
    actions = {"header": _header, "signal": _signal, "entries": _entries}
    with _opened(request) as file:
        return actions[request["action"]](file, request)


class _Local:
    """A file of this machine, by pyBigWig."""

    exact_bases = EXACT_BASES

    def __init__(self, path: str):
        import pyBigWig

        try:
            with open(path, "rb") as content:
                self.kind = check_structure(content, os.fstat(content.fileno()).st_size)
        except OSError as error:
            raise Unreadable(f"it can't be opened ({error.strerror})") from error
        self._file = _guarded(lambda: pyBigWig.open(path))
        self.chroms = _guarded(lambda: dict(self._file.chroms()))

    def values(self, chrom: str, start: int, end: int) -> np.ndarray:
        values = _guarded(lambda: self._file.values(chrom, start, end, numpy=True))
        return np.full(end - start, np.nan) if values is None else values

    def stats(self, chrom: str, start: int, end: int, bins: int, statistic: str) -> np.ndarray:
        return _guarded(lambda: self._file.stats(chrom, start, end, type=statistic, nBins=bins, numpy=True))

    def entries(self, chrom: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        return iter(_guarded(lambda: self._file.entries(chrom, start, end)) or ())

    def close(self) -> None:
        self._file.close()


class _Remote:
    """A file of a server, by pybigtools through our own reading of ranges."""

    exact_bases = EXACT_REMOTE_BASES

    def __init__(self, url: str):
        import pybigtools

        from creme_core.signals.remote_file import RemoteFile

        self.source = RemoteFile(url)
        self.kind = check_structure(self.source, self.source.size)
        self.source.seek(0)
        self._file = self._guarded(lambda: pybigtools.open(self.source))
        self.chroms = self._guarded(lambda: dict(self._file.chroms()))

    def _guarded(self, read: Callable[[], Any]) -> Any:
        """A failure of the network comes through pybigtools as its own error: give back what it was."""
        self.source.failure = None
        try:
            return _guarded(read)
        except Unreadable:
            if self.source.failure is not None:
                raise self.source.failure from None
            raise

    def values(self, chrom: str, start: int, end: int) -> np.ndarray:
        return self._guarded(lambda: self._file.values(chrom, start, end, fillna=None))

    def stats(self, chrom: str, start: int, end: int, bins: int, statistic: str) -> np.ndarray:
        return self._guarded(lambda: self._file.values(chrom, start, end, bins=bins, summary=statistic, fillna=None))

    def entries(self, chrom: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        rows = self._guarded(lambda: iter(self._file.records(chrom, start, end)))
        while (row := self._guarded(lambda: next(rows, None))) is not None:
            yield row[0], row[1], "\t".join(row[2:])


_remote: OrderedDict[str, _Remote] = OrderedDict()


@contextlib.contextmanager
def _opened(request: dict[str, Any]) -> Iterator[_Local | _Remote]:
    if not request["remote"]:
        file = _Local(request["source"])
        try:
            yield file
        finally:
            file.close()
        return
    from creme_core.signals import remote_file

    remote_file.prepare(request)
    url = request["source"]
    # Opening one takes several requests, so those of late stay open.
    file = _remote.pop(url, None) or _Remote(url)
    yield file
    _remote[url] = file
    if len(_remote) > OPEN_REMOTE_FILES:
        _remote.popitem(last=False)


def _guarded(read: Callable[[], Any]) -> Any:
    """What a library returns; whatever it raises, a panic of Rust among them, as Unreadable."""
    try:
        return read()
    except (MemoryError, KeyboardInterrupt, SystemExit, Unreadable):
        raise
    except BaseException as error:
        raise Unreadable(CUT_SHORT, library=True) from error


def _header(file: _Local | _Remote, _request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    if len(file.chroms) > MOST_CHROMS:
        raise Unreadable(f"it names {len(file.chroms):,} chromosomes; at most {MOST_CHROMS:,} are allowed")
    return {"format": file.kind}, json.dumps(file.chroms).encode()


def _place(file: _Local | _Remote, request: dict[str, Any], kind: str) -> tuple[str, int, int]:
    """The chromosome as the file names it, and the interval."""
    if file.kind != kind:
        raise Unreadable(f"it is a {file.kind} file, where a {kind} file is needed")
    start, end = request["start"], request["end"]
    name = next((name for name in request["names"] if name in file.chroms), None)
    if name is None:
        names = [chrom[:40] for chrom in list(file.chroms)[:5]]
        more = len(file.chroms) - len(names)
        shown = ", ".join(names) + (f" and {more:,} more" if more else "") if names else "none"
        raise Unreadable(f"it has no chromosome {request['names'][0]!r}; it has {shown}")
    if not 0 <= start < end <= file.chroms[name]:
        raise Unreadable(
            f"{name}:{start + 1:,}-{end:,} (1-based) is not within its {name}, which has {file.chroms[name]:,} bases"
        )
    return name, start, end


def _signal(file: _Local | _Remote, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    chrom, start, end = _place(file, request, "bigWig")
    bins, statistics = request["bins"], request["statistics"]
    if end - start <= file.exact_bases or bins >= end - start:
        bases = file.values(chrom, start, end)
        found = [summarise(bases, bins, statistic) for statistic in statistics]
    else:
        found = [np.asarray(file.stats(chrom, start, end, bins, name), dtype=np.float64) for name in statistics]
        found = [np.where(np.isfinite(values), values, np.nan) for values in found]
    if any(values.shape != (bins,) for values in found):
        raise Unreadable(CUT_SHORT, library=True)
    with np.errstate(over="ignore"):
        return {}, np.concatenate(found).astype("<f4").tobytes()


def summarise(values: np.ndarray, bins: int, statistic: str) -> np.ndarray:
    """Bins of a window: float64 (bins,), NaN where no base is covered.

    Bin i spans the bases from i·n // bins up to (i + 1)·n // bins. The mean is over covered bases only. More bins than
    bases repeat the base each bin falls on.

    Args:
        values: (n,) one a base, not finite where uncovered.
        bins: how many.
        statistic: "mean" or "max".
    """
    first = np.arange(bins, dtype=np.int64) * values.size // bins
    values = np.asarray(values, dtype=np.float64)
    covered = np.isfinite(values)
    if bins >= values.size:
        return np.where(covered, values, np.nan)[first]
    if statistic == "max":
        highest = np.maximum.reduceat(np.where(covered, values, -np.inf), first)
        return np.where(np.isfinite(highest), highest, np.nan)
    sums = np.add.reduceat(np.where(covered, values, 0.0), first)
    counts = np.add.reduceat(covered.astype(np.int64), first)
    return np.divide(sums, counts, out=np.full(bins, np.nan), where=counts > 0)


def _entries(file: _Local | _Remote, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    chrom, start, end = _place(file, request, "bigBed")
    rows = []
    for row in file.entries(chrom, start, end):
        rows.append(row)
        if len(rows) > MOST_ENTRIES:
            raise Unreadable(f"it holds more than {MOST_ENTRIES:,} regions in this window; choose a narrower one")
    return {}, json.dumps(rows).encode()
