"""The cells of a text table that somebody brings, line by line: whatever its line ends, mark, or compression."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

__all__ = ["Line", "table_lines"]

LONGEST_LINE = 100_000
_SNIFFED = 4096
_NOT_TEXT = (
    (b"PK\x03\x04", "a spreadsheet or zip archive; save the sheet as tab-separated text first"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet; save the sheet as tab-separated text first"),
    (b"%PDF", "a PDF document; save the table as tab-separated text first"),
    (b"BZh", "compressed with bzip2; unpack it, or compress it with gzip"),
    (b"\xfd7zXZ", "compressed with xz; unpack it, or compress it with gzip"),
    (b"SQLite format 3", "a database; export the table as tab-separated text first"),
    (b"\x26\xfc\x8f\x88", "a bigWig; a list of elements is BED, bedpe or TSV text"),
    (b"\xeb\xf2\x89\x87", "a bigBed; convert it to BED text first (bigBedToBed)"),
)


_BROWSER_LINE = re.compile(r"(track|browser)(\s|$)")
_WEB_PAGE = re.compile(rb"\s*<(!doctype|html|\?xml|head|body)", re.IGNORECASE)


class Line(NamedTuple):
    """A line of a table: its number in the file, from 1, and its cells."""

    number: int
    cells: list[str]


def table_lines(content: bytes) -> Iterator[Line]:
    """Yield the lines that hold something, read (and unpacked) as they are asked for.

    UTF-8 with or without its mark, or UTF-16 with it; plain or gzip; any line ends; cells parted by tabs, or by commas
    or white space where the first line has no tab. Blank, track and browser lines are left out; comment lines (#) are
    yielded, for one of them may be the header.

    Raises:
        ValueError: it is empty, no text, damaged, or has a line of more than LONGEST_LINE bytes.
    """
    separator = None
    for number, raw in enumerate(_raw_lines(content), start=1):
        try:
            text = raw.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise ValueError(f"Line {number:,} of the file is not UTF-8 text; save the file as UTF-8.") from None
        if not text.strip() or _BROWSER_LINE.match(text):
            continue
        mark = separator or _separator(text)
        if mark == "\t":
            cells = text.split("\t")
        elif mark == ",":
            cells = _comma_separated(text)
        else:
            cells = text.split()
        if not text.startswith("#"):  # a comment says nothing on how the table is written
            separator = mark
        yield Line(number, cells)


def _separator(text: str) -> str:
    if "\t" in text:
        return "\t"
    return "," if text.count(",") >= 2 else " "


def _comma_separated(text: str) -> list[str]:
    try:
        return next(csv.reader([text]), [])
    except csv.Error:
        return text.split(",")


def _raw_lines(content: bytes) -> Iterator[bytes]:
    """Yield the lines of bytes of a file that looks like text, with their ends."""
    try:
        file = _text_file(content)
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise ValueError(
                    f"Line {number:,} of the file has more than {LONGEST_LINE:,} bytes, so it is no list of elements;"
                    " choose a BED, bedpe or TSV file."
                )
            yield line
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"The file can't be unpacked ({error}); it is damaged or cut short.") from None


def _text_file(content: bytes) -> BinaryIO:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):  # "Unicode text" of some spreadsheets
        content = content.decode("utf-16", errors="replace").encode("utf-8", errors="replace")
    packed = content.startswith(b"\x1f\x8b")
    file: BinaryIO = gzip.GzipFile(fileobj=io.BytesIO(content)) if packed else io.BytesIO(content)
    start = file.read(_SNIFFED)
    mark = len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0
    start = start[mark:]
    if not start.strip():
        raise ValueError("The file is empty; choose a BED, bedpe or TSV file with at least one element.")
    for magic, what in _NOT_TEXT:
        if start.startswith(magic):
            raise ValueError(f"The file is {what}.")
    if _WEB_PAGE.match(start):
        raise ValueError("The file is a web page, not a table; a download may have failed. Fetch it again.")
    if b"\0" in start:
        raise ValueError("The file is not text; choose a BED, bedpe or TSV file.")
    if not packed and b"\r" in start and b"\n" not in start:  # line ends of the Mac OS of old
        file = io.BytesIO(content.replace(b"\r", b"\n"))
    file.seek(mark)
    return file
