"""Reading a BED file that anybody may bring: what is wrong with it is said, and nothing in it is run or guessed."""

import contextlib
import gzip
import io
import math
import re
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from creme_core.signals.chroms import same_chrom
from creme_core.signals.classes import CCRE_COLOURS, ccre_class

__all__ = ["LINE_LIMIT", "REGION_COLUMNS", "Bed", "Rows", "read_bed"]

REGION_COLUMNS = ["chrom", "start", "end", "name", "score", "strand", "kind", "colour"]
LINE_LIMIT = 1_000_000
PART_BYTES = 2**20
PIECE_ROWS = 50_000
MOST_BYTES = 2**28
MOST_DIGITS = 10

_DISPLAY = re.compile(r"(track|browser)( |$)")
_COLOUR = re.compile(r"(\d{1,3}),(\d{1,3}),(\d{1,3}),?")
_FOREIGN = (
    (b"\x26\xfc\x8f\x88", "a bigWig file, which holds a signal; open it as a signal track"),
    (b"\xeb\xf2\x89\x87", "a bigBed file; give it the ending .bb and open it as regions"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet; unpack it, or save it as tab-separated text"),
    (b"BAM\x01", "a BAM file of reads"),
    (b"CRAM", "a CRAM file of reads"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
)


@dataclass(frozen=True, eq=False)
class Bed:
    """What a BED file holds.

    Attributes:
        name: the file's name.
        table: DataFrame of REGION_COLUMNS in the order of the file: start and end 0-based half-open, score NaN where
            there is none, strand "+", "-" or ".", kind a cCRE class or "", colour "#RRGGBB" or "". Names are as they
            stand in the file: escape them where they are shown or exported.
        notes: sentences on what was left out or put right.
        questions: sentences to answer, with one_based=True or False, before the table is relied on; until then it is
            counted from 0, as BED does.
        lines: how many lines should have held a region.
        bad: how many of them were left out.
    """

    name: str
    table: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...]
    questions: tuple[str, ...]
    lines: int
    bad: int


def read_bed(
    source: str | Path | bytes,
    *,
    name: str | None = None,
    one_based: bool | None = None,
    limit: int = LINE_LIMIT,
    chrom_sizes: Mapping[str, int] | None = None,
) -> Bed:
    """Read BED3 to BED12, narrowPeak, bedGraph or SCREEN's cCRE files, plain or compressed by gzip or bgzip.

    Columns are separated by tabs, or by blanks. Comments, `track` and `browser` lines are passed over, and so is a
    first line of column names. A line that can't be understood is left out, counted, and the first of its kind named.

    Args:
        source: path, or the content.
        name: what to call the content in sentences.
        one_based: whether the file counts its first base 1 and includes its ends, as GFF does; None asks in `questions`
            where that seems so, and counts from 0.
        limit: most lines; more are refused.
        chrom_sizes: length of the genome's chromosomes, bases; names are brought to its style, and regions on other
            chromosomes or beyond a chromosome's end are left out.

    Raises:
        ValueError: no such file; not UTF-8 text; more lines than the limit; no line that holds a region; a region that
            starts at 0 in a file that is said to count from 1. One sentence, with the line's number where there is one.
    """
    if isinstance(source, bytes):
        name = name or "the file"
    else:
        path = Path(source).expanduser()
        name = name or path.name
        if not path.is_file():
            raise ValueError(f"There is no file at {path}; give the path of a BED file.")
    try:
        _count_lines(source, name, limit)
        rows = Rows(chrom_sizes)
        with _open(source) as stream:
            rows.add(_lines(stream, name))
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{name} can't be read ({error}); it is damaged or cut short.") from error
    return rows.finish(name, one_based)


@contextlib.contextmanager
def _open(source: str | Path | bytes) -> Iterator[BinaryIO]:
    with io.BytesIO(source) if isinstance(source, bytes) else Path(source).expanduser().open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        yield gzip.GzipFile(fileobj=raw) if zipped else raw


def _count_lines(source: str | Path | bytes, name: str, limit: int) -> None:
    """Refuse what is no text, or too much of it, before any of it is kept."""
    lines = size = 0
    longest = b""
    with _open(source) as stream:
        while part := stream.read(PART_BYTES):
            if size == 0:
                _refuse_foreign(part, name)
            size += len(part)
            breaks = part.count(b"\n") or part.count(b"\r")
            longest = part if breaks else longest + part
            if b"\0" in part:
                line = lines + part[: part.index(b"\0")].count(b"\n") + 1
                raise ValueError(
                    f"{name}, line {line:,}: holds a zero byte, so it is not a text file; give a BED file."
                )
            lines += breaks
            if lines > limit or size > MOST_BYTES:
                raise ValueError(
                    f"{name} has more than {limit:,} lines or {MOST_BYTES // 2**20:,} MB; "
                    "keep the part that matters, such as one chromosome."
                )
            if len(longest) > 2 * PART_BYTES and not breaks:
                raise ValueError(
                    f"{name}, line {lines + 1:,}: is longer than {PART_BYTES:,} characters; that is no BED."
                )


def _refuse_foreign(part: bytes, name: str) -> None:
    for start, words in _FOREIGN:
        if part.startswith(start):
            raise ValueError(f"{name} is {words}; here a BED file is needed.")
    if part.lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise ValueError(f"{name} is a web page, saved instead of a BED file; download it again.")


def _lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    """Numbered lines, from 1, without their ends, which may be those of Unix, Windows or an old Mac."""
    number, rest = 1, b""
    while True:
        part = stream.read(PART_BYTES)
        whole = rest + part
        # A piece ends at a line's end; a final \r may be half of one.
        cut = max(whole.rfind(b"\n"), whole.rfind(b"\r", 0, -1)) + 1 if part else len(whole)
        piece, rest = whole[:cut], whole[cut:]
        if number == 1 and piece.startswith(b"\xef\xbb\xbf"):
            piece = piece[3:]
        piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        try:
            text = piece.decode("utf-8")
        except UnicodeDecodeError as error:
            line = number + piece.count(b"\n", 0, error.start)
            raise ValueError(
                f"{name}, line {line:,}: byte 0x{piece[error.start]:02X} is not UTF-8 text; save the file as UTF-8."
            ) from error
        # Not splitlines(): it would also break at characters that a name may hold.
        lines = text.split("\n")
        if part and not lines[-1]:
            lines.pop()
        yield from enumerate(lines, start=number)
        number += len(lines)
        if not part:
            return


class Rows:
    """Regions, as lines bring them, and what was wrong with the others.

    Args:
        chrom_sizes: length of the genome's chromosomes, or None when any is allowed.
    """

    def __init__(self, chrom_sizes: Mapping[str, int] | None = None):
        self._sizes = chrom_sizes
        self._columns: tuple[list, ...] = tuple([] for _ in REGION_COLUMNS)
        self._pieces: list[pd.DataFrame] = []
        self._numbers = array("q")
        self._problems: dict[str, list] = {}  # what is wrong -> [count, line of the first, its detail]
        self._chroms: dict[str, tuple[str, float] | None] = {}
        self._colours: dict[str, str] = {}
        self._lines = self._swapped = self._first_swapped = 0
        self._header = ""
        self._gff = False

    def add(self, lines: Iterable[tuple[int, str]]) -> None:
        """Take numbered lines."""
        chroms, starts, ends, names, scores, strands, kinds, colours = self._columns
        for number, line in lines:
            if not line or line[0] == "#" or line.isspace() or (line[0] in "tb" and _DISPLAY.match(line)):
                continue
            fields = line.split("\t")
            if len(fields) < 3:
                fields = line.split()
            self._lines += 1
            if len(fields) < 3:
                self._bad("columns", number, _some(len(fields), "column") + (" and commas" if "," in line else ""))
                continue
            start_text, end_text = fields[1].strip(), fields[2].strip()
            if not (start_text.isdecimal() and end_text.isdecimal() and (start_text + end_text).isascii()):
                self._no_number(number, fields)
                continue
            if len(start_text) > MOST_DIGITS or len(end_text) > MOST_DIGITS:
                self._bad("large", number, f"{start_text[:20]} to {end_text[:20]}")
                continue
            start, end = int(start_text), int(end_text)
            if start > end:
                start, end = end, start
                self._swapped += 1
                self._first_swapped = self._first_swapped or number
            chrom = fields[0].strip()
            own = self._chroms.get(chrom) or self._place(chrom)
            if own is None:
                self._bad("chrom", number, repr(chrom[:40]))
                continue
            if end > own[1]:
                self._bad("beyond", number, f"{chrom} has {int(own[1]):,} bases, the region ends at {end:,}")
                continue
            count = len(fields)
            name = fields[3] if count > 3 else ""
            score = math.nan
            if count > 3:
                try:
                    score = float(fields[4] if count > 4 else name)
                except ValueError:
                    score = math.nan
            strand, kind, colour = ".", "", ""
            if count > 5:
                strand = fields[5] if fields[5] in ("+", "-") else "."
                if count == 6:
                    kind = ccre_class(fields[5])
                elif count > 9:
                    kind = ccre_class(fields[9])
                if count > 8:
                    colour = self._colours.get(fields[8])
                    if colour is None:
                        colour = self._colours[fields[8]] = _colour(fields[8])
            self._numbers.append(number)
            chroms.append(own[0])
            starts.append(start)
            ends.append(end)
            names.append("" if name == "." else name)
            scores.append(score if math.isfinite(score) else math.nan)
            strands.append(strand)
            kinds.append(kind)
            colours.append(colour or CCRE_COLOURS.get(kind, ""))
            if len(starts) == PIECE_ROWS:
                self._pack()

    def table(self) -> pd.DataFrame:
        """The regions so far, as the lines count them; DataFrame of REGION_COLUMNS."""
        self._pack()
        return pd.concat(self._pieces, ignore_index=True)

    def finish(self, name: str, one_based: bool | None = None) -> Bed:
        """The regions, counted from 0; arguments and errors as `read_bed`."""
        table = self.table()
        numbers = np.array(self._numbers, dtype=np.int64)
        questions = ()
        zero = np.flatnonzero(table["start"].to_numpy() == 0)
        if one_based:
            if zero.size:
                raise ValueError(
                    f"{name}, line {numbers[zero[0]]:,}: starts at 0, so the file can't count from 1; read it from 0."
                )
            table["start"] -= 1
        elif one_based is None and not zero.size and (why := _counts_from_one(table, numbers)):
            questions = (
                f"Does {name} count its first base as 1? {why} BED counts from 0, without the end; GFF and most "
                "spreadsheets count from 1, with the end. Answer yes to count from 1, no to count from 0.",
            )
        empty = np.flatnonzero((table["start"] == table["end"]).to_numpy())
        if empty.size:
            self._problems["empty"] = [empty.size, int(numbers[empty[0]]), ""]
            table = table.drop(index=table.index[empty]).reset_index(drop=True)
        if table.empty and not questions:
            raise ValueError(self._nothing(name))
        bad = sum(count for count, *_ in self._problems.values())
        return Bed(name, table, tuple(self._notes(name)), questions, self._lines, bad)

    def _pack(self) -> None:
        """Put rows away as arrays, which take a fraction of what lists of objects take."""
        if self._columns[0] or not self._pieces:
            table = pd.DataFrame(dict(zip(REGION_COLUMNS, self._columns, strict=True)))
            types = dict.fromkeys(REGION_COLUMNS, "str") | {"start": "int64", "end": "int64", "score": "float64"}
            self._pieces.append(table.astype(types))
            for column in self._columns:
                column.clear()

    def _bad(self, problem: str, number: int, detail: str = "") -> None:
        self._problems.setdefault(problem, [0, number, detail])[0] += 1

    def _no_number(self, number: int, fields: list[str]) -> None:
        first, second = fields[1].strip().lower(), fields[2].strip().lower()
        if self._lines == 1 and ("start" in first or "begin" in first) and ("end" in second or "stop" in second):
            self._lines, self._header = 0, f"Line {number} was taken as column names."
            return
        if len(fields) >= 8 and fields[3].isdecimal() and fields[4].isdecimal():
            self._gff = True
        self._bad("number", number, f"{fields[1][:40]!r} and {fields[2][:40]!r}")

    def _place(self, chrom: str) -> tuple[str, float] | None:
        """The chromosome's name in the genome, and its length; remembered when there is one."""
        if self._sizes is None:
            place = (chrom, math.inf) if chrom else None
        else:
            own = next((own for own in same_chrom(chrom) if own in self._sizes), None)
            place = None if own is None else (own, self._sizes[own])
        if place is not None:
            self._chroms[chrom] = place
        return place

    def _notes(self, name: str) -> Iterator[str]:
        if self._header:
            yield self._header
        if self._swapped:
            yield (
                f"{_some(self._swapped, 'line')} of {name} had the start after the end and {_were(self._swapped)} put "
                f"in order; the first is line {self._first_swapped:,}."
            )
        for problem, (count, number, detail) in self._problems.items():
            yield (
                f"{_some(count, 'line')} of {name} {_were(count)} left out: {_reason(problem, detail)}; the first is "
                f"line {number:,}."
            )

    def _nothing(self, name: str) -> str:
        if self._gff:
            return (
                f"{name} looks like GFF or GTF, whose positions stand in columns 4 and 5; convert it to BED "
                "(chromosome, start, end in the first three columns)."
            )
        if not self._problems:
            return f"{name} holds no region; a BED line has chromosome, start and end, separated by tabs."
        problem, (_, number, detail) = min(self._problems.items(), key=lambda item: item[1][1])
        return f"{name} holds no region that can be used; line {number:,}: {_reason(problem, detail)}."


def _reason(problem: str, detail: str) -> str:
    return {
        "columns": f"a region needs chromosome, start and end, separated by tabs, and the line has {detail}",
        "number": f"start and end must be whole numbers, not {detail}",
        "large": f"no chromosome is as long as that ({detail})",
        "chrom": f"the genome has no chromosome {detail}",
        "beyond": f"the region ends beyond its chromosome ({detail}); it may be of another assembly",
        "empty": "start and end are the same, which is no base when counting from 0",
    }[problem]


def _colour(text: str) -> str:
    match = _COLOUR.fullmatch(text)
    if match is None or max(parts := [int(part) for part in match.groups()]) > 255:
        return ""
    return "#{:02X}{:02X}{:02X}".format(*parts)


def _counts_from_one(table: pd.DataFrame, numbers: np.ndarray) -> str:
    """A sentence on what looks like counting from 1; "" where nothing does."""
    starts, ends = table["start"].to_numpy(), table["end"].to_numpy()
    same = np.flatnonzero(starts == ends)
    if same.size:
        return f"{_some(same.size, 'line')}, first line {numbers[same[0]]:,}, with the start the same as the end."
    if len(table) >= 5 and (starts % 10 == 1).all() and (ends % 10 == 0).all():
        return f"Its regions run from ...1 to ...0, such as {starts[0]:,} to {ends[0]:,}."
    chroms = table["chrom"].to_numpy()
    gap = np.where(chroms[1:] == chroms[:-1], starts[1:] - ends[:-1], -1)
    if (gap == 1).sum() >= 3 and not (gap == 0).any():
        place = int(np.flatnonzero(gap == 1)[0])
        return f"Its neighbours leave one base out, such as {ends[place]:,} and {starts[place + 1]:,}."
    return ""


def _some(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
