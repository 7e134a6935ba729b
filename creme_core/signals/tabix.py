"""Lines of a window from a BED file compressed by bgzip and indexed by tabix (.tbi), without reading the rest.

Index layout: the tabix specification, https://samtools.github.io/hts-specs/tabix.pdf. Of the index, its linear part is
used: for each 16,384 bases, where in the file the first region that reaches into them stands.
"""

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from Bio import bgzf

__all__ = ["index_of", "window_lines"]

WINDOW_BITS = 14
MOST_INDEX_BYTES = 2**28
END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
BED_COLUMNS = (0x10000, 1, 2, 3)  # counted from 0, half-open; chromosome, start and end columns


def index_of(path: Path) -> Path | None:
    """The tabix index beside a file, or None."""
    index = path.with_name(f"{path.name}.tbi")
    return index if index.is_file() else None


def window_lines(path: Path, names: list[str], start: int, end: int, most: int) -> Iterator[tuple[int, str]]:
    """Lines of the regions that overlap [start, end), numbered from 1 within the answer.

    Args:
        path: the .gz file, whose index stands beside it.
        names: what the chromosome may be called; the first that the file has is taken.
        start, end: 0-based half-open.
        most: lines to read at most.

    Raises:
        ValueError: a damaged file or index, an index of another kind of file, a file without the chromosome, or too
            many lines.
    """
    name = path.name
    try:
        _check_end(path)
        offsets = _offsets(path, names)
        offset = next((place for place in offsets[start >> WINDOW_BITS :] if place), None)
        if offset is None:
            return
        number = 0
        with bgzf.BgzfReader(str(path), "rb") as file:
            file.seek(offset)
            for line in file:
                fields = line.split(b"\t", 3)
                if len(fields) < 3 or fields[0].decode() not in names or int(fields[1]) >= end:
                    return
                if int(fields[2]) > start:
                    number += 1
                    yield number, line.decode().rstrip("\r\n")
                if number > most:
                    raise ValueError(f"{name} holds more than {most:,} regions in this window; choose a narrower one.")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8 text; save it as UTF-8 and index it again.") from error
    except (OSError, EOFError, zlib.error, struct.error, OverflowError, AssertionError) as error:
        raise ValueError(f"{name} or its index {name}.tbi is damaged ({error}); index it again with tabix.") from error


def _check_end(path: Path) -> None:
    """Refuse a file without bgzip's last, empty block: at its cut, lines would seem to end."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(END)))
        if file.read() != END:
            raise ValueError(
                f"{path.name} is cut short, or not compressed by bgzip; copy it again, or compress it again."
            )


def _offsets(path: Path, names: list[str]) -> tuple[int, ...]:
    """The linear index of the chromosome: a virtual offset for each 16,384 bases, 0 where there is nothing."""
    with gzip.open(path.with_name(f"{path.name}.tbi")) as file:
        content = file.read(MOST_INDEX_BYTES)
    magic, count, preset, chrom, first, last, _, _, length = struct.unpack_from("<4s8i", content)
    if magic != b"TBI\1":
        raise ValueError(f"{path.name}.tbi is no tabix index; index the file again with tabix -p bed.")
    if (preset, chrom, first, last) != BED_COLUMNS:
        raise ValueError(f"{path.name} is indexed as another kind of file than BED; index it again with tabix -p bed.")
    chroms = content[36 : 36 + length].decode().split("\0")[:count]
    place = 36 + length
    wanted = next((name for name in names if name in chroms), None)
    if wanted is None:
        raise ValueError(f"{path.name} has no chromosome {names[0]!r}; it has {', '.join(chroms[:5])[:200]}.")
    for chrom_name in chroms:
        (bins,) = struct.unpack_from("<i", content, place)
        place += 4
        for _ in range(bins):
            _, chunks = struct.unpack_from("<Ii", content, place)
            place += 8 + 16 * max(chunks, 0)
        (windows,) = struct.unpack_from("<i", content, place)
        if chrom_name == wanted:
            return struct.unpack_from(f"<{max(windows, 0)}Q", content, place + 4)
        place += 4 + 8 * max(windows, 0)
    return ()
