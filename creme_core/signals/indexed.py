"""Genome-wide annotations that were downloaded, sorted once into a Parquet file beside them and read by window."""

import contextlib
import os
import threading
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from creme_core.signals.chroms import same_chrom

__all__ = ["LAYOUTS", "index_path", "read_window"]

# Changes when the kept table does, so that older ones are made anew.
FORMAT = 1
GROUP_ROWS = 2**14
# What each file's tab-separated columns are called here; the files themselves have no line of names.
_RMSK = "bin score div del ins chrom start end left strand name kind family from to unaligned id"
LAYOUTS = {"ccres": ("chrom", "start", "end", "region", "name", "kind"), "rmsk": tuple(_RMSK.split())}
_TYPES = {
    "chrom": pa.dictionary(pa.int32(), pa.string()),
    "start": pa.int64(),
    "end": pa.int64(),
    "name": pa.string(),
    "kind": pa.dictionary(pa.int32(), pa.string()),
    "score": pa.float64(),
    "strand": pa.string(),
}

_building = threading.Lock()


def index_path(path: Path) -> Path:
    """Where the sorted copy of a file is kept."""
    return path.with_name(f"{path.name}.regions.parquet")


def read_window(path: Path, layout: str, chrom: str, start: int, end: int) -> pd.DataFrame:
    """Regions of a downloaded file that overlap [start, end), 0-based half-open; the first reading sorts the file.

    Args:
        path: the file, plain or .gz.
        layout: a name of LAYOUTS.
        chrom: chromosome, by any of its names.
        start, end: 0-based half-open.

    Returns:
        DataFrame with chrom, start, end and those of name, kind, score and strand that the layout has.

    Raises:
        ValueError: the file is not laid out as known.
        OSError: the sorted copy can't be written.
    """
    table = _open(path, layout)
    window = [("chrom", "in", same_chrom(chrom)), ("start", "<", end), ("end", ">", start)]
    return pq.read_table(table, filters=window).to_pandas()


def _open(path: Path, layout: str) -> Path:
    """The sorted copy, made when there is none, or none of this very file."""
    status, copy = path.stat(), index_path(path)
    key = f"{FORMAT} {layout} {status.st_size} {status.st_mtime_ns}".encode()
    with _building:
        if _key(copy) != key:
            _build(path, layout, copy, key)
    return copy


def _key(copy: Path) -> bytes | None:
    try:
        return (pq.read_schema(copy).metadata or {}).get(b"creme")
    except (OSError, pa.ArrowException):
        return None


def _build(path: Path, layout: str, copy: Path, key: bytes) -> None:
    columns = LAYOUTS[layout]
    wanted = [column for column in columns if column in _TYPES]
    try:
        table = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(column_names=list(columns), block_size=2**22),
            parse_options=pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=pyarrow.csv.ConvertOptions(include_columns=wanted, column_types=_TYPES),
        )
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0][:200]
        raise ValueError(
            f"{path.name} is not laid out as known, in {len(columns)} tab-separated columns ({reason}); download "
            f"{layout!r} again, or use it as a BED file."
        ) from error
    if not table.num_rows:
        raise ValueError(f"{path.name} holds no region; download {layout!r} again.")
    if pc.any(pc.or_(pc.less(table["start"], 0), pc.greater_equal(table["start"], table["end"]))).as_py():
        raise ValueError(f"{path.name} is not laid out as known: a start does not come before its end.")
    # Row groups of dictionaries keep no smallest and largest value, by which a window is found.
    place = table.column_names.index("chrom")
    table = table.set_column(place, "chrom", table["chrom"].cast(pa.string()))
    table = table.sort_by([("chrom", "ascending"), ("start", "ascending")])
    part = copy.with_name(f"{copy.name}.{os.getpid()}.part")
    try:
        pq.write_table(table.replace_schema_metadata({"creme": key}), part, row_group_size=GROUP_ROWS)
        os.replace(part, copy)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
