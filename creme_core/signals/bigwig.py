"""Signal tracks: bigWig files of this machine or of a server, read by window and binned for a picture.

Files are opened in child processes, so that a damaged or malicious one can neither crash nor hang this one.
"""

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from creme_core import web
from creme_core.genome import assembly
from creme_core.signals import isolated
from creme_core.signals.chroms import same_chrom

__all__ = [
    "BINS",
    "STATISTICS",
    "Header",
    "ask",
    "check_assembly",
    "describe",
    "read_mean_and_max",
    "read_signal",
    "read_signals",
    "warm_up",
]

BINS = 2000
MOST_BINS = 1_000_000
STATISTICS = ("mean", "max")
LOCAL_SECONDS = 20.0
REMOTE_SECONDS = 60.0
_PROXIES = [f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")]
NETWORK_VARIABLES = ["CREME_MIRROR", *_PROXIES, *map(str.upper, _PROXIES)]
warm_up = isolated.warm_up


@dataclass(frozen=True)
class Header:
    """What a bigWig or bigBed file says of itself.

    Attributes:
        format: "bigWig" or "bigBed".
        chroms: length of every chromosome, bases, under the file's own names.
    """

    format: str
    chroms: dict[str, int]


class _Cache:
    """The latest answers, the oldest forgotten first; for many threads."""

    def __init__(self, size: int):
        self._size = size
        self._kept: OrderedDict[tuple, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple) -> Any:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: tuple, value: Any) -> None:
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)


_windows = _Cache(1024)
_headers = _Cache(256)
_refused = _Cache(256)
CACHED_BINS = 10_000


def read_signal(
    path_or_url: str | Path, chrom: str, start: int, end: int, bins: int = BINS, statistic: str = "mean"
) -> np.ndarray:
    """A window of a bigWig, binned.

    Bin i spans the bases from start + i·n // bins up to start + (i + 1)·n // bins, n being end − start; where there are
    more bins than bases, a bin has the value of the base it falls on. The mean is over covered bases only, as bigWig
    tools compute it. Both statistics are exact, from every base, up to 4,194,304 bases (1,048,576 of a remote file);
    a wider window is read from the file's zoom levels and is approximate at the bins' edges.

    Args:
        path_or_url: a bigWig file, or its http or https address; of a remote file only the parts needed are read.
        chrom: chromosome; "chr1" and "1" find each other.
        start, end: 0-based half-open interval within the chromosome.
        bins: length of the answer.
        statistic: "mean" or "max" of the covered bases of a bin.

    Returns:
        float32 (bins,), NaN where no base of a bin is covered.

    Raises:
        ValueError: a file that is missing, damaged or no bigWig; an unknown chromosome or an interval outside of it;
            an unknown statistic or number of bins.
        Offline: a remote file's server can't be reached, or the network is switched off.
    """
    if statistic not in STATISTICS:
        raise ValueError(f"statistic={statistic!r} is not known; it is 'mean' or 'max'.")
    return _read(path_or_url, chrom, start, end, bins, (statistic,))[0]


def read_mean_and_max(
    path_or_url: str | Path, chrom: str, start: int, end: int, bins: int = BINS
) -> tuple[np.ndarray, np.ndarray]:
    """Both statistics of a window for one reading of the file; arguments, values and errors as `read_signal`."""
    mean, highest = _read(path_or_url, chrom, start, end, bins, STATISTICS)
    return mean, highest


def _read(
    path_or_url: str | Path, chrom: str, start: int, end: int, bins: int, statistics: tuple[str, ...]
) -> np.ndarray:
    """float32 (statistics, bins)."""
    start, end = _interval(chrom, start, end)
    if not _is_whole(bins) or not 1 <= bins <= MOST_BINS:
        raise ValueError(f"bins={bins!r} is not allowed; it is a whole number from 1 to {MOST_BINS:,}.")
    request = {
        "action": "signal",
        "names": same_chrom(chrom),
        "start": start,
        "end": end,
        "bins": int(bins),
        "statistics": list(statistics),
    }
    source, identity = _source(path_or_url)
    key = (*identity, chrom, start, end, int(bins), statistics)
    values = _windows.get(key)
    if values is None:
        _, body = _ask(source, identity, request)
        values = np.frombuffer(body, dtype="<f4").reshape(len(statistics), int(bins))
        if bins <= CACHED_BINS:
            _windows.put(key, values)
    return values.astype(np.float32)  # a copy, and writable


def read_signals(
    paths: Sequence[str | Path],
    chrom: str,
    start: int,
    end: int,
    bins: int = BINS,
    statistic: str = "mean",
) -> list[np.ndarray | ValueError | OSError]:
    """The same window of many bigWigs, several at a time; arguments as `read_signal`.

    Returns:
        For each path what `read_signal` returns, or the error it raises: one bad track must not take the others away.
    """

    def read(path: str | Path) -> np.ndarray | ValueError | OSError:
        try:
            return read_signal(path, chrom, start, end, bins, statistic)
        except (ValueError, OSError) as error:
            return error

    if len(paths) < 2:
        return [read(path) for path in paths]
    # Reading a local file takes a processor, a remote one patience.
    local = min(isolated.CHILDREN, os.cpu_count() or 1)
    with ThreadPoolExecutor(isolated.CHILDREN if any(map(_is_url, paths)) else local) as threads:
        return list(threads.map(read, paths))


def describe(path_or_url: str | Path) -> Header:
    """The format and chromosomes of a bigWig or bigBed file.

    Raises:
        ValueError: a file that is missing, damaged or of another format.
        Offline: a remote file's server can't be reached, or the network is switched off.
    """
    source, identity = _source(path_or_url)
    header = _headers.get(identity)
    if header is None:
        head, body = _ask(source, identity, {"action": "header"})
        header = Header(head["format"], {str(chrom): int(size) for chrom, size in json.loads(body).items()})
        _headers.put(identity, header)
    return Header(header.format, dict(header.chroms))


def check_assembly(path_or_url: str | Path, chrom_sizes: Mapping[str, int]) -> None:
    """Refuse a bigWig or bigBed file of another assembly than the genome's.

    Args:
        path_or_url: the file.
        chrom_sizes: length of the genome's chromosomes, bases; naming style does not matter.

    Raises:
        ValueError: a chromosome of another length, or none in common; and what `describe` raises.
    """
    name, chroms = _label(path_or_url), describe(path_or_url).chroms
    shared = {
        chrom: next(other for other in same_chrom(chrom) if other in chrom_sizes)
        for chrom in chroms
        if any(other in chrom_sizes for other in same_chrom(chrom))
    }
    if not shared:
        raise ValueError(
            f"{name} has no chromosome of this genome (it has {_some(chroms)}; the genome has {_some(chrom_sizes)}); "
            "use a file of the genome's own assembly."
        )
    for chrom, own in shared.items():
        if chroms[chrom] != chrom_sizes[own]:
            known = assembly(chroms)
            raise ValueError(
                f"{name} is of another assembly{f', {known}' if known else ''}: its {chrom} has {chroms[chrom]:,} "
                f"bases, this genome's {chrom_sizes[own]:,}; use a file of the genome's own assembly."
            )


def ask(path_or_url: str | Path, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Ask a child process about a file; the request as `creme_core.signals.reading` takes it.

    Args:
        path_or_url: the file.
        request: "action" and its arguments.

    Raises:
        ValueError: the file can't be read.
        Offline: a remote file's server can't be reached, or the network is switched off.
    """
    source, identity = _source(path_or_url)
    return _ask(source, identity, request)


def _ask(source: str, identity: tuple, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    label, remote = _label(source), _is_url(source)
    if (sentence := _refused.get(identity)) is not None:
        raise ValueError(sentence)
    if remote:
        if web.is_offline():
            raise web.Offline(f"{label} was not asked for, because CREME_OFFLINE is set; unset it to use the network.")
        source = web.address(source)
    # A child may be older than what the environment says now.
    around = {
        "source": source,
        "remote": remote,
        "environment": {name: os.environ.get(name) for name in NETWORK_VARIABLES},
        "backoff": web.BACKOFF_SECONDS,
    }
    seconds = REMOTE_SECONDS if remote else LOCAL_SECONDS
    try:
        head, body = isolated.ask({**request, **around}, seconds)
    except isolated.ChildFailed as error:
        if remote and error.slow:
            raise web.Offline(
                f"{label} can't be read: it took more than {seconds:g} seconds; check the connection."
            ) from error
        why = f"reading it took more than {seconds:g} seconds" if error.slow else "reading it fails"
        sentence = f"{label} can't be read: it is damaged ({why}); copy or download it again."
        _refused.put(identity, sentence)  # crashing over it again would take as long again
        raise ValueError(sentence) from error
    if "error" in head:
        if head["network"]:
            raise web.Offline(f"{label} can't be read: {head['error']}.")
        raise ValueError(f"{label} can't be read: {head['error']}.")
    return head, body


def _source(path_or_url: str | Path) -> tuple[str, tuple]:
    """What the child opens, and what stays the same while it means the same content."""
    if _is_url(path_or_url):
        return str(path_or_url), (web.address(str(path_or_url)),)
    text = os.fspath(path_or_url)
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(f"{text!r} is no path of a file; give a path, or an http or https address.")
    if "://" in text:
        raise ValueError(f"{text} can't be read: only http and https addresses are; or save it and give its path.")
    path = Path(text).expanduser()
    try:
        status = path.stat()
        is_file = path.is_file()
    except OSError:
        is_file = False
    if not is_file:
        raise ValueError(f"There is no file at {path}; give the path of a file, or an http or https address.")
    path = path.absolute()
    return str(path), (str(path), status.st_mtime_ns, status.st_size, status.st_ino)


def _interval(chrom: str, start: int, end: int) -> tuple[int, int]:
    if not isinstance(chrom, str) or not chrom:
        raise ValueError(f"chrom={chrom!r} is not the name of a chromosome, such as 'chr1'.")
    if not (_is_whole(start) and _is_whole(end)) or not 0 <= start < end < 2**32:
        raise ValueError(f"{chrom}:{start}-{end} is no interval: 0 <= start < end is needed, both whole numbers.")
    return int(start), int(end)


def _is_whole(number: Any) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def _is_url(source: str | Path) -> bool:
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


def _label(source: str | Path) -> str:
    """A file's name, or a URL's host and path: the query may hold a signature."""
    if _is_url(source):
        parts = urlsplit(str(source))
        return f"{parts.netloc}{parts.path}"
    return Path(source).name


def _some(names: Mapping[str, int]) -> str:
    listed = list(names)[:3]
    return ", ".join(name[:40] for name in listed) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
