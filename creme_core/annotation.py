"""Genes and their transcription start sites: reading gene tables, finding a gene by what a person types."""

import contextlib
import difflib
import gzip
import itertools
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

__all__ = [
    "GENE_COLUMNS",
    "declared_assembly",
    "find_tss",
    "interval_tss",
    "parse_position",
    "read_genes",
    "search_genes",
]

GENE_COLUMNS = ["gene", "gene_id", "chrom", "tss", "strand"]

_POSITION = re.compile(r"^\s*([^:\s]+):([\d,]+):([+-])\s*$")
_LOOKS_LIKE_POSITION = re.compile(r"^\s*[^:\s]+:.*\d")
_PLACE = re.compile(r"^\s*(?P<chrom>[^:\s]+):(?P<start>[\d,]*\d)(?:-(?P<end>[\d,]*\d)|:[+-])?\s*$")
_ASSEMBLY_SIGNS = {
    "hg38": re.compile(r"GRCh38|\bhg38"),
    "hg19": re.compile(r"GRCh37|\bhg19"),
    "mm10": re.compile(r"GRCm38|\bmm10"),
    "mm39": re.compile(r"GRCm39|\bmm39"),
    "T2T-CHM13": re.compile(r"CHM13|\bhs1\b"),
}
_GTF_ATTRIBUTE = re.compile(r'(\w+) "([^"]*)"')


def read_genes(path: str | Path) -> pd.DataFrame:
    """Read a gene table into one row a gene.

    Args:
        path: BED (six columns or more: chrom, start, end, name, score, strand, then perhaps an Ensembl id), GTF, GFF3,
            or TSV with at least the columns of GENE_COLUMNS (tss 0-based); each also as .gz. In GTF and GFF3 the `gene`
            features count, or the `transcript` (`mRNA`) features of a file without any.

    Returns:
        DataFrame with the columns gene, gene_id, chrom, tss (0-based), strand first, in the order of the file.

    Raises:
        ValueError: no such file, an unknown ending, or a line that can't be read, named by its number.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no gene table at {path}; give the path of a BED, GTF, GFF3 or TSV file.")
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    readers = {"bed": _read_bed, "gtf": _read_gtf, "gff3": _read_gff3, "gff": _read_gff3, "tsv": _read_tsv}
    if kind not in readers:
        raise ValueError(f"{path.name} ends in .{kind}; a gene table is .bed, .gtf, .gff3 or .tsv, plain or .gz.")
    try:
        genes = readers[kind](path)
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path.name} can't be read as {kind.upper()} text ({error}); check the file.") from error
    if genes.empty:
        raise ValueError(f"{path.name} holds no gene; check that it is a {kind.upper()} file with gene lines.")
    return genes


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Numbered, tab-split lines, from 1, without comments, blank lines and track lines."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip() and not line.startswith(("#", "track", "browser")):
                yield number, line.rstrip("\r\n").split("\t")


def interval_tss(path: Path, number: int, start_text: str, end_text: str, strand: str, first_base: int) -> int:
    """0-based TSS of a line's interval, whose first base counts as `first_base` (BED 0, GTF 1) and whose last is `end`.

    Raises:
        ValueError: no interval or no strand, naming the file and the line.
    """
    try:
        start, end = int(start_text) - first_base, int(end_text)
    except ValueError:
        raise ValueError(
            f"{path.name}, line {number}: start {start_text!r} and end {end_text!r} must be whole numbers."
        ) from None
    if not 0 <= start < end:
        raise ValueError(f"{path.name}, line {number}: start {start_text} must come before end {end_text}.")
    if strand not in ("+", "-"):
        raise ValueError(f"{path.name}, line {number}: the strand is {strand!r}; a gene needs + or -.")
    return start if strand == "+" else end - 1


def _table(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=GENE_COLUMNS).astype({"tss": "int64"})


def _read_bed(path: Path) -> pd.DataFrame:
    rows = []
    for number, fields in _lines(path):
        if len(fields) < 6:
            raise ValueError(
                f"{path.name}, line {number}: {len(fields)} tab-separated columns; a BED gene needs six "
                "(chrom, start, end, name, score, strand)."
            )
        chrom, start, end, name, _, strand = fields[:6]
        gene_id = fields[6] if len(fields) > 6 and fields[6].startswith("ENS") else name
        rows.append((name, gene_id, chrom, interval_tss(path, number, start, end, strand, first_base=0), strand))
    return _table(rows)


def _read_features(path: Path, attributes_of) -> pd.DataFrame:
    """Genes of a GTF or GFF3 file; the two differ in how they write their ninth column."""
    genes, transcripts = [], []
    for number, fields in _lines(path):
        if len(fields) != 9:
            raise ValueError(f"{path.name}, line {number}: {len(fields)} tab-separated columns; this format has nine.")
        chrom, _, feature, start, end, _, strand, _, text = fields
        if feature not in ("gene", "transcript", "mRNA"):
            continue
        attributes = attributes_of(text)
        gene_id = attributes.get("gene_id") or attributes.get("ID", "").removeprefix("gene:")
        name = attributes.get("gene_name") or attributes.get("Name") or gene_id
        if not name:
            raise ValueError(f"{path.name}, line {number}: no gene_id, gene_name, ID or Name among its attributes.")
        row = (name, gene_id or name, chrom, interval_tss(path, number, start, end, strand, first_base=1), strand)
        (genes if feature == "gene" else transcripts).append(row)
    return _table(genes or transcripts)


def _read_gtf(path: Path) -> pd.DataFrame:
    return _read_features(path, lambda text: dict(_GTF_ATTRIBUTE.findall(text)))


def _read_gff3(path: Path) -> pd.DataFrame:
    return _read_features(path, lambda text: dict(pair.split("=", 1) for pair in text.split(";") if "=" in pair))


def _read_tsv(path: Path) -> pd.DataFrame:
    genes = pd.read_csv(path, sep="\t", dtype={"gene": str, "gene_id": str, "chrom": str, "strand": str})
    missing = [column for column in GENE_COLUMNS if column not in genes.columns]
    if missing:
        raise ValueError(f"{path.name} has no column {', '.join(missing)}; it needs {', '.join(GENE_COLUMNS)}.")
    if not pd.api.types.is_integer_dtype(genes["tss"]) or not genes["strand"].isin(["+", "-"]).all():
        raise ValueError(f"{path.name} needs whole numbers (0-based) in tss and + or - in strand, in every row.")
    return genes[GENE_COLUMNS + [column for column in genes.columns if column not in GENE_COLUMNS]]


def parse_position(text: str) -> tuple[str, int, str] | None:
    """Read "chr2:264,926:+" as (chrom, 0-based TSS, strand); the typed position is 1-based, as browsers show it.

    Returns None for text that is no position.

    Raises:
        ValueError: text that looks like a position but is not one, or position 0.
    """
    match = _POSITION.match(text)
    if match is None:
        if _LOOKS_LIKE_POSITION.match(text):
            raise ValueError(
                f"{text.strip()!r} is not a position; "
                "write chromosome:position:strand, such as chr2:264,926:+ (1-based)."
            )
        return None
    chrom, digits, strand = match.groups()
    position = int(digits.replace(",", "") or 0)
    if position < 1:
        raise ValueError(f"{text.strip()!r} has position {position}; positions are counted from 1.")
    return chrom, position - 1, strand


def declared_assembly(path: str | Path) -> str | None:
    """The assembly that the comments at the head of a gene table name, such as GENCODE's: "hg38", "hg19", ...

    None for a file whose head names none, or several.
    """
    path = Path(path)
    found = set()
    with contextlib.suppress(OSError, EOFError, UnicodeDecodeError, zlib.error):
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as file:
            for line in itertools.takewhile(lambda line: line.startswith("#"), itertools.islice(file, 100)):
                # GENCODE's lifted releases name both: "... human genome (GRCh38), ... - mapped to GRCh37 with ...".
                _, mapped, rest = line.partition("mapped to")
                found |= {name for name, sign in _ASSEMBLY_SIGNS.items() if sign.search(rest if mapped else line)}
    return found.pop() if len(found) == 1 else None


def search_genes(
    genes: pd.DataFrame, text: str, limit: int = 20, transcripts: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Genes that a text may mean: exact matches first, then those it starts, then those that hold it.

    Args:
        genes: one row a gene.
        text: part of a symbol, alias, or Ensembl gene or transcript id, whatever its case; or a place, "chr3:128493187"
            (the nearest TSSs first) or "chr3:128,000,000-129,000,000" (the TSSs in it), 1-based.
        limit: most rows.
        transcripts: rows with gene_id and transcript_id, to be found by transcript.

    Returns:
        Rows of `genes`.
    """
    if genes.empty:
        return genes
    place = _PLACE.match(text)
    if place and place["chrom"] in set(genes["chrom"]):
        return _at_place(genes[genes["chrom"] == place["chrom"]], place).head(limit)
    wanted = text.strip().upper()
    symbols, ids = genes["gene"].str.upper(), genes["gene_id"].str.upper()
    exact = (symbols == wanted) | (ids == wanted) | (ids.str.partition(".")[0] == wanted)
    starts = symbols.str.startswith(wanted) | ids.str.startswith(wanted)
    holds = symbols.str.contains(wanted, regex=False)
    if "alias" in genes and wanted:
        aliases = "," + genes["alias"].fillna("").str.upper().str.replace(" ", "") + ","
        exact |= aliases.str.contains(f",{wanted},", regex=False)
        starts |= aliases.str.contains(f",{wanted}", regex=False)
    if transcripts is not None and len(wanted) > 4 and wanted.startswith("ENST"):
        named = transcripts["transcript_id"].str.upper()
        starts |= genes["gene_id"].isin(transcripts.loc[named.str.startswith(wanted), "gene_id"])
        named = named.str.partition(".")[0]
        exact |= genes["gene_id"].isin(transcripts.loc[named == wanted.partition(".")[0], "gene_id"])
    rank = 3 - exact.astype(int) - (exact | starts).astype(int) - (exact | starts | holds).astype(int)
    order = rank[rank < 3].sort_values(kind="stable").index
    return genes.loc[order].head(limit)


def _at_place(genes: pd.DataFrame, place: re.Match) -> pd.DataFrame:
    start = int(place["start"].replace(",", "")) - 1
    if place["end"] is None:
        return genes.loc[(genes["tss"] - start).abs().sort_values(kind="stable").index]
    end = int(place["end"].replace(",", ""))
    return genes[genes["tss"].between(start, end - 1)].sort_values("tss", kind="stable")


def find_tss(genes: pd.DataFrame, text: str, transcripts: pd.DataFrame | None = None) -> tuple[str, str, str, int, str]:
    """The one TSS that a person means.

    Args:
        genes: one row a gene, or a TSS.
        text: a symbol, an alias where the table has them, an Ensembl gene id (with or without version), or
            chrom:position:strand (1-based); with `transcripts` an Ensembl transcript id too.
        transcripts: further TSSs of the genes, with the columns of `genes` and transcript_id.

    Returns:
        (gene, gene_id, chrom, tss, strand), the TSS 0-based. A position that is one gene's TSS has that gene's name;
        any other is its own name.

    Raises:
        ValueError: nothing of that name (the nearest names are given), or several TSSs of that name.
    """
    if not isinstance(text, str) or not text.strip():
        raise ValueError("No gene was named; give a symbol, an Ensembl id, or chromosome:position:strand (1-based).")
    position = parse_position(text)
    if position is not None:
        chrom, tss, strand = position
        known = genes if transcripts is None else transcripts
        here = known[(known["tss"] == tss) & (known["chrom"] == chrom) & (known["strand"] == strand)]
        here = here.drop_duplicates("gene_id")
        name = f"{chrom}:{tss + 1}:{strand}"
        named = here.iloc[0][["gene", "gene_id"]] if len(here) == 1 else (name, name)
        return *named, chrom, tss, strand
    wanted = text.strip()
    for match in _matches(genes, wanted, transcripts):
        found = match.drop_duplicates(["chrom", "tss", "strand"])
        if len(found) > 1 and "par" in found:
            found = found[~found["par"]]  # the copy on chrX stands for both
        if len(found) == 1:
            row = found.iloc[0]
            return row["gene"], row["gene_id"], row["chrom"], int(row["tss"]), row["strand"]
        if len(found) > 1:
            places = "; ".join(f"{r.chrom}:{r.tss + 1}:{r.strand} ({r.gene_id})" for r in found.head(5).itertuples())
            raise ValueError(f"{wanted!r} names {len(found)} TSSs; choose one by its id or position: {places}.")
    near = difflib.get_close_matches(wanted.upper(), genes["gene"].str.upper().unique().tolist(), n=3)
    names = [genes.loc[genes["gene"].str.upper() == name, "gene"].iloc[0] for name in near]
    hint = (
        f"nearest are {', '.join(names)}" if names else f"it has {len(genes):,} genes, such as {genes['gene'].iloc[0]}"
    )
    raise ValueError(
        f"No gene {wanted!r} in this source; {hint}. "
        "Give a symbol, an Ensembl id, or chromosome:position:strand (1-based)."
    )


def _matches(genes: pd.DataFrame, wanted: str, transcripts: pd.DataFrame | None) -> Iterator[pd.DataFrame]:
    """Rows that a name may mean, by one rule after another."""
    upper, bare = wanted.upper(), wanted.upper().partition(".")[0]
    # The symbol as written comes before other cases of it: mouse and human style symbols may share a table.
    yield genes[genes["gene"] == wanted]
    yield genes[genes["gene_id"] == wanted]
    ids = genes["gene_id"].str.upper()
    if transcripts is not None and upper.startswith("ENST"):
        names = transcripts["transcript_id"].str.upper()
        yield transcripts[names == upper]
        yield transcripts[names.str.partition(".")[0] == bare]
    yield genes[ids.str.partition(".")[0] == bare]
    yield genes[genes["gene"].str.upper() == upper]
    if "alias" in genes:
        aliases = "," + genes["alias"].fillna("").str.upper().str.replace(" ", "") + ","
        yield genes[aliases.str.contains(f",{upper},", regex=False)]
