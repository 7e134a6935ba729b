"""Worklists: putative elements from a test's calls, from a table, or from a file that somebody brings."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from creme_core.signals.bed import Rows
from creme_core.vetting.columns import by_header, by_order, looks_like_number, plain_number
from creme_core.vetting.element import (
    ELEMENT_COLUMNS,
    KINDS,
    LONGEST_TEXT,
    MAXIMUM_COORDINATE,
    counted,
    element_id,
    plain_text,
)
from creme_core.vetting.table_lines import Line, table_lines

__all__ = ["MAXIMUM_ROWS", "Question", "Worklist", "elements_from_effects", "elements_from_table", "read_worklist"]

MAXIMUM_ROWS = 200_000
# Lines looked at to find out what a file without a header is.
_TRIED = 20


class Question(NamedTuple):
    """Something that only the reader's owner knows.

    argument: the argument of `read_worklist` that answers it; text: to ask with; choices: answer -> its words, empty
    where it is free text.
    """

    argument: str
    text: str
    choices: dict[Any, str]


class Worklist(NamedTuple):
    """Elements to vet (a table with ELEMENT_COLUMNS), plain sentences on how they were read, and what to ask."""

    elements: pd.DataFrame
    notes: tuple[str, ...]
    questions: tuple[Question, ...]


def elements_from_effects(
    effects: pd.DataFrame, gene: str, cell_line: str, test: str, uncertain: bool = True
) -> pd.DataFrame:
    """The tiles that a Necessity or Sufficiency Test called enhancer or silencer, with their effect as score.

    Args:
        effects: `result.effects(readout)`.
        gene, cell_line: of the result and its readout.
        test: its name, which becomes the source.
        uncertain: whether calls whose interval crosses a cut-off are in.

    Returns:
        Table with ELEMENT_COLUMNS, strongest effect first.

    Raises:
        ValueError: the table has no calls.
    """
    missing = [c for c in ("chrom", "genome_start", "genome_end", "effect", "call") if c not in effects.columns]
    if missing:
        raise ValueError(f"The table has no column {', '.join(missing)}; give the effects of a test that calls tiles.")
    called = effects[effects["call"].isin(["enhancer", "silencer"]) & (effects["genome_end"] > 0)]
    if not uncertain and "uncertain" in called.columns:
        called = called[~called["uncertain"].astype(bool)]
    called = called.sort_values("effect", key=abs, ascending=False, kind="stable")
    rows = [
        # A window may reach beyond the chromosome's start, an element can't.
        (row.chrom, max(int(row.genome_start), 0), int(row.genome_end), gene, cell_line, row.call, float(row.effect))
        for row in called.itertuples()
    ]
    names = [f"{gene} tile {tile}" for tile in called["tile"]] if "tile" in called.columns else [gene] * len(rows)
    return _table([(*row, test, name) for row, name in zip(rows, names, strict=True)])


def elements_from_table(
    table: pd.DataFrame, source: str, gene: str = "", cell_line: str = "", limit: int = MAXIMUM_ROWS
) -> Worklist:
    """Elements from a table with the usual column names, such as the paper's table of sufficient CREs (0-based).

    Arguments and errors are those of `read_worklist`; what it writes of lines is of rows, the header being line 1.
    """
    columns = by_header([str(column) for column in table.columns])
    if columns is None:
        raise ValueError(
            f"The table's columns are {', '.join(map(str, table.columns))}; it needs a chromosome, a start and an end."
        )
    texts = {field: table.iloc[:, place] for field, place in columns.items()}
    cells = [map(plain_text, column.astype(object).where(column.notna(), "").astype(str)) for column in texts.values()]
    lines = (Line(number, list(row)) for number, row in enumerate(zip(*cells, strict=True), start=2))
    places = {field: place for place, field in enumerate(texts)}
    return _read_rows(lines, places, source, {"gene": gene, "cell_line": cell_line, "kind": ""}, False, None, limit)


def read_worklist(
    content: bytes,
    name: str,
    *,
    one_based: bool | None = None,
    gene: str = "",
    cell_line: str = "",
    kind: str = "",
    chrom_sizes: Mapping[str, int] | None = None,
    limit: int = MAXIMUM_ROWS,
) -> Worklist:
    """Read a list of elements that somebody brings: BED, bedpe (element in columns 1-3, gene TSS in 4-6), or a table.

    A table (TSV, CSV) has a header with the usual names: chr or chrom, start, end, and perhaps TargetGene or gene,
    CellType, ABC.Score or score, name, TargetGeneTSS. Rows that can't be read are left out, counted, and named in the
    notes by their line; swapped ends are put right, and said; equal rows (place, gene, cell line) become one. Texts
    are kept as they are, whatever is in them.

    Args:
        content: the file, UTF-8 or UTF-16 text, plain or gzip.
        name: its name, which becomes the elements' source.
        one_based: whether starts count from 1; None reads them as BED's (0-based half-open), and asks where lengths
            speak for the other.
        gene, cell_line, kind: for rows that do not say. A gene is a symbol, an Ensembl id or chrom:position:strand;
            a bedpe without a gene's name but with its strand names its gene by the position.
        chrom_sizes: bases by chromosome of the source that is open; rows elsewhere are left out. None checks nothing.
        limit: most rows; more are refused.

    Raises:
        ValueError: no such file, no line of it is an element, too many rows, or a start of 0 that counts from 1.
    """
    if kind not in KINDS:
        raise ValueError(f'The kind is {kind!r}; it can be "enhancer", "silencer" or "".')
    lines = table_lines(content)
    tried = list(itertools.islice(lines, _TRIED))
    columns, header = _columns(tried)
    lines = (line for line in itertools.chain(tried, lines) if line.number > header)
    defaults = {"gene": gene.strip(), "cell_line": cell_line.strip(), "kind": kind}
    return _read_rows(lines, columns, plain_text(name)[:LONGEST_TEXT], defaults, one_based, chrom_sizes, limit)


def _columns(lines: list[Line]) -> tuple[dict[str, int], int]:
    """What each column is, and the number of the header line, 0 when there is none."""
    for line in lines:
        columns = by_header(line.cells)
        if columns:
            return columns, line.number
        if not line.cells[0].startswith("#"):
            break
    rows = [line.cells for line in lines if not line.cells[0].startswith("#")]
    for cells in rows:
        columns = by_order(cells)
        if columns:
            return columns, 0
    if not rows:
        raise ValueError("The file holds comments only; choose a BED, bedpe or TSV file with at least one element.")
    raise ValueError(
        f"The file is no list of elements: its first line is {' '.join(rows[0])[:80]!r}. A BED or bedpe line begins"
        " with chromosome, start and end; a table's first line names the columns chrom, start and end."
    )


def _read_rows(
    lines: Iterable[Line],
    columns: Mapping[str, int],
    name: str,
    defaults: Mapping[str, str],
    one_based: bool | None,
    chrom_sizes: Mapping[str, int] | None = None,
    limit: int = MAXIMUM_ROWS,
) -> Worklist:
    """Elements of the lines; places are read, put right and judged by `signals.bed`, as every region is."""
    kept: list[list[str]] = []
    short: list[int] = []
    at_chrom, at_start, at_end = columns["chrom"], columns["start"], columns["end"]

    def as_bed() -> Iterator[tuple[int, str]]:
        for line in lines:
            if line.cells[0].startswith("#"):
                continue
            if len(line.cells) <= max(at_chrom, at_start, at_end) or not line.cells[at_chrom].strip():
                short.append(line.number)
                continue
            if len(kept) == limit:
                raise ValueError(
                    f"{name} has more than {limit:,} rows; keep those that are worth a look, or split it into several"
                    " lists."
                )
            chrom, start, end = line.cells[at_chrom].strip(), line.cells[at_start].strip(), line.cells[at_end].strip()
            # The number of the row goes where a BED has its name, to find the row's other cells again.
            yield line.number, f"{chrom}\t{plain_number(start)}\t{plain_number(end)}\t{len(kept)}"
            kept.append(line.cells)

    rows = Rows(chrom_sizes)
    rows.add(as_bed())
    if not kept:
        raise ValueError(f"{name} holds no row with a chromosome, a start and an end; there is nothing to vet.")
    bed = rows.finish(name, one_based)
    notes = list(bed.notes)
    if short:
        notes.append(
            f"Left out of {name} for want of a chromosome, start or end: {counted(len(short), 'row')}; the first is"
            f" line {short[0]:,}."
        )
    if bed.lines < len(kept):
        notes.append(f"Left out of {name} as comments or track lines: {counted(len(kept) - bed.lines, 'row')}.")
    table = bed.table[bed.table["end"] <= MAXIMUM_COORDINATE]
    places = [column.tolist() for _, column in table[["chrom", "start", "end"]].items()]
    cells = [kept[int(row)] for row in table["name"].tolist()]
    found = list(zip(*places, *_texts(cells, columns, places[0], defaults), [name] * len(cells), strict=True))
    if len(table) < len(bed.table):
        notes.append(f"Left out of {name}, beyond any chromosome: {counted(len(bed.table) - len(table), 'row')}.")
    merged = list({row[:5]: row for row in reversed(found)}.values())[::-1]
    if len(merged) < len(found):
        notes.append(
            f"Merged with an earlier row of {name} of the same place, gene and cell line:"
            f" {counted(len(found) - len(merged), 'row')}."
        )
    if one_based is None and not bed.questions:
        notes.append("Coordinates were read as BED's: 0-based, the end not included.")
    questions = [
        Question("one_based", text, {False: "No, from 0 (BED)", True: "Yes, from 1"}) for text in bed.questions
    ]
    without = sum(not row[3] for row in merged)
    if without:
        which = "of this list" if without == len(merged) else f"of the {counted(without, 'element')} without one"
        questions.append(Question("gene", f"Which gene do the elements {which} act on?", {}))
    return Worklist(_table([(*row[:7], row[8], row[7]) for row in merged]), tuple(notes), tuple(questions))


def _texts(
    rows: list[list[str]], columns: Mapping[str, int], chroms: list[str], defaults: Mapping[str, str]
) -> tuple[list, ...]:
    """Columns gene, cell_line, kind, score and name of rows of cells."""

    def column(field: str) -> list[str]:
        place = columns.get(field, -1)
        return [cells[place][:LONGEST_TEXT] if place < len(cells) else "" for cells in rows] if place >= 0 else empty

    empty = [""] * len(rows)
    genes = [gene.strip() or defaults["gene"] for gene in column("gene")]
    if "tss_strand" in columns and not all(genes):
        targets = zip(genes, chroms, *map(column, ("tss_chrom", "tss_start", "tss_strand")), strict=True)
        genes = [gene or _gene_position(*target) for gene, *target in targets]
    kinds = [kind.strip().lower() for kind in column("kind")]
    return (
        genes,
        [cell_line.strip() or defaults["cell_line"] for cell_line in column("cell_line")],
        [kind if kind in ("enhancer", "silencer") else defaults["kind"] for kind in kinds],
        [_score(score) for score in column("score")],
        column("name"),
    )


def _gene_position(chrom: str, tss_chrom: str, tss: str, strand: str) -> str:
    """The gene as chrom:position:strand, 1-based as people type it, where its TSS and strand are given; else ""."""
    tss, strand = plain_number(tss.strip()), strand.strip()
    if strand not in ("+", "-") or not looks_like_number(tss) or len(tss) > 10:
        return ""
    return f"{tss_chrom.strip() or chrom}:{int(tss) + 1}:{strand}"


def _score(text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        return math.nan
    return score if math.isfinite(score) else math.nan


def _table(rows: list[tuple]) -> pd.DataFrame:
    """Rows of ELEMENT_COLUMNS but the id, which is worked out."""
    columns = dict(zip(ELEMENT_COLUMNS[1:], zip(*rows, strict=True), strict=True)) if rows else {}
    table = pd.DataFrame({"element_id": [element_id(*row[:5]) for row in rows]}, dtype=object)
    for column in ELEMENT_COLUMNS[1:]:
        kind = {"start": "int64", "end": "int64", "score": "float64"}.get(column, object)
        table[column] = pd.Series(columns.get(column, ()), dtype=kind, index=table.index)
    return table
