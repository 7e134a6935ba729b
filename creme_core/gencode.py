"""GENCODE: every transcript of the protein-coding genes with its TSS, and which TSS stands for a gene.

The file is read once, line by line, and what is wanted of it is kept beside it as two small Parquet files.
"""

import contextlib
import gzip
import hashlib
import json
import re
import zlib
from array import array
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from creme_core.annotation import GENE_COLUMNS, interval_tss
from creme_core.home import write_whole

__all__ = [
    "EXON_COLUMNS",
    "TRANSCRIPT_COLUMNS",
    "NoTranscripts",
    "one_tss_a_gene",
    "paper_candidates",
    "read_exons",
    "read_gencode",
    "tss_choices",
]

TRANSCRIPT_COLUMNS = [
    *GENE_COLUMNS,
    "transcript_id",
    "transcripts",
    "canonical",
    "tag",
    "level",
    "alias",
    "start",
    "end",
    "gene_start",
    "gene_end",
    "par",
]
EXON_COLUMNS = ["gene", "gene_id", "chrom", "start", "end", "strand", "transcript_id"]

# Tags that say which transcript stands for a gene, the best first.
TAGS = ("MANE_Select", "Ensembl_canonical", "MANE_Plus_Clinical", "appris_principal_1", "basic")
CANONICAL = TAGS[:2]
# Changes when the kept tables do, so that older ones are made anew.
FORMAT = 1

_GTF_ATTRIBUTE = re.compile(r'(\w+) "?([^";]*)"?(?:;|$)')
_GTF_TRANSCRIPT = re.compile(rb'transcript_id "([^"]+)"')
_GFF3_PARENT = re.compile(rb"Parent=([^;\r\n]+)")
_KINDS = ("gtf", "gff3")


class NoTranscripts(ValueError):
    """An annotation without the transcript lines and gene types that GENCODE's have."""


def read_gencode(path: str | Path) -> pd.DataFrame:
    """All transcripts of protein-coding genes in a GENCODE annotation, a row each, in the order of the file.

    The gene's type counts, not the transcript's, as in the paper. Some seconds a million lines on the first reading.

    Args:
        path: GTF or GFF3, plain or .gz.

    Returns:
        DataFrame with TRANSCRIPT_COLUMNS: gene (symbol), gene_id and transcript_id (with version), chrom, tss
        (0-based), strand; transcripts (how many of the gene share this TSS); canonical (tagged MANE_Select or
        Ensembl_canonical); tag (the best of TAGS, or ""); level (GENCODE's 1 validated, 2 manual, 3 automatic; 0
        unknown); alias (comma-separated; "" where the file has none, and GENCODE's have none); start and end of the
        transcript, gene_start and gene_end over its transcripts here (0-based half-open); par (the chrY copy of a
        pseudoautosomal gene, that is, one whose symbol is on chrX too).

    Raises:
        ValueError: no such file, another ending, a file that is cut short or damaged, a line that can't be read (by its
            number), or no protein-coding transcript.
    """
    return _table(Path(path), "transcripts")


def read_exons(path: str | Path) -> pd.DataFrame:
    """Exons of the transcript that stands for each gene (see `one_tss_a_gene`), for drawing genes.

    Returns:
        DataFrame with EXON_COLUMNS, start and end 0-based half-open, by transcript and then along the chromosome.

    Raises:
        ValueError: as `read_gencode`.
    """
    return _table(Path(path), "exons")


def one_tss_a_gene(
    table: pd.DataFrame, activity: np.ndarray | pd.Series | None = None, by: str = "gene_id"
) -> pd.DataFrame:
    """One row of a transcript table for each gene, in the order in which the genes first come.

    Args:
        table: as `read_gencode` gives it.
        activity: (rows,) a measure of each row, such as the predicted or measured CAGE at its TSS; the highest row of a
            gene is taken, the first of equals, and rows without a number come last. None takes the row of the best tag
            (MANE_Select, then Ensembl_canonical, ...), of equals the TSS that most transcripts share, of equals the
            first in the file.
        by: "gene_id", or "gene" to take one row a symbol, as the paper does.

    Raises:
        ValueError: an activity of another length, or an unknown `by`.
    """
    if by not in ("gene_id", "gene"):
        raise ValueError(f"by={by!r} is not known; it is 'gene_id' or 'gene'.")
    if activity is None:
        order = _preference(table)
    else:
        values = np.asarray(activity, dtype=float)
        if values.shape != (len(table),):
            raise ValueError(f"activity has shape {values.shape} for {len(table):,} rows; it needs one number a row.")
        order = np.argsort(-np.where(np.isnan(values), -np.inf, values), kind="stable")
    return table.iloc[_first_of_each(table[by], order)].reset_index(drop=True)


def paper_candidates(table: pd.DataFrame) -> pd.DataFrame:
    """The TSSs that the paper chooses among, in its order and under its numbers.

    CREME drops transcripts that repeat another's chromosome, Start and strand before it takes the TSS. On the + strand
    that leaves one row a TSS; on the - strand, where Start is the 3' end, it may drop a TSS and keep another twice. Its
    TSS is Start (+) or End (-) of the 0-based half-open interval, so on the - strand one more than the true base.
    With each cell line's predictions, its genes are the 10,000 highest rows of
    `one_tss_a_gene(paper_candidates(table), activity, by="gene")`.

    Returns:
        Rows of `table` with paper_tss (CREME's number) and paper_id (its gene_chrom_tss_strand); tss stays the true
        base, which goes with `Source.locus(..., convention="paper")`.
    """
    kept = table.drop_duplicates(["chrom", "start", "strand"]).reset_index(drop=True)
    kept["paper_tss"] = np.where(kept["strand"] == "+", kept["start"], kept["end"])
    fields = zip(kept["gene"], kept["chrom"], kept["paper_tss"], kept["strand"], strict=True)
    kept["paper_id"] = [f"{gene}_{chrom}_{tss}_{strand}" for gene, chrom, tss, strand in fields]
    return kept


def tss_choices(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of one gene, each TSS once under its best transcript, the one that stands for the gene first and the others
    in the gene's direction; transcript_ids lists every transcript of the TSS.
    """
    order = _preference(table)
    best = table.iloc[_first_of_each(table["tss"], order)].sort_values("tss", ascending=(table["strand"] == "+").all())
    default = best["tss"] == table["tss"].iloc[order[0]]
    ids = table.groupby("tss")["transcript_id"].agg(", ".join)
    return pd.concat([best[default], best[~default]], ignore_index=True).assign(
        transcript_ids=lambda choices: choices["tss"].map(ids)
    )


def _preference(table: pd.DataFrame) -> np.ndarray:
    """Positions of the rows, those that best stand for their gene first."""
    rank = table["tag"].map({tag: place for place, tag in enumerate(TAGS)}).fillna(len(TAGS))
    return np.lexsort((-table["transcripts"].to_numpy(), rank.to_numpy()))


def _first_of_each(keys: pd.Series, order: np.ndarray) -> np.ndarray:
    """Position of the first row of each key, going by `order`; the keys as they come in the table."""
    numbers = pd.factorize(keys)[0]
    _, first = np.unique(numbers[order], return_index=True)
    return order[first]


def _table(path: Path, which: str) -> pd.DataFrame:
    """One of the two tables, from beside the file or from the file itself."""
    if not path.is_file():
        raise ValueError(f"There is no annotation at {path}; give the path of a GENCODE .gtf.gz or .gff3.gz file.")
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if kind not in _KINDS:
        raise ValueError(f"{path.name} ends in .{kind}; a GENCODE annotation is .gtf or .gff3, plain or .gz.")
    stat = path.stat()
    key = {"format": FORMAT, "name": path.name, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    kept = _kept(path, key, which)
    if kept is not None:
        return kept
    try:
        tables = dict(zip(("transcripts", "exons"), _parse(path, kind), strict=True))
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path.name} is damaged, cut short, or no such file at all ({error}); download it again."
        ) from error
    _keep(path, key, tables)
    return tables[which]


def _parse(path: Path, kind: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Transcripts and exons of the protein-coding genes."""
    attributes_of = _gtf_attributes if kind == "gtf" else _gff3_attributes
    parent = _GTF_TRANSCRIPT if kind == "gtf" else _GFF3_PARENT
    rows, numbers = [], {}
    exons = array("q")  # transcript, start, end; a transcript's line comes before its exons
    with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if b"\texon\t" in line:
                match = parent.search(line)
                transcript = numbers.get(match[1]) if match else None
                if transcript is not None:
                    exons.extend((transcript, *_interval(path, number, line)))
            elif b"\ttranscript\t" in line and b"protein_coding" in line:
                fields = line.decode("utf-8").rstrip("\r\n").split("\t")
                if len(fields) != 9:
                    raise ValueError(
                        f"{path.name}, line {number:,}: {len(fields)} tab-separated columns; this format has nine."
                    )
                attributes = attributes_of(fields[8])
                if attributes.get("gene_type", attributes.get("gene_biotype")) == "protein_coding":
                    row = _row(path, number, fields, attributes)
                    numbers[attributes["key"].encode()] = len(rows)
                    rows.append(row)
    if kind == "gtf" and rows and not line.rstrip(b" ").endswith((b";", b"\n")):
        raise ValueError(f"{path.name} is cut short: its last line ends in {line[-20:].decode(errors='replace')!r}.")
    if not rows:
        raise NoTranscripts(
            f"{path.name} holds no transcript of a protein-coding gene (a line of the feature 'transcript' with the "
            "gene_type protein_coding); give a GENCODE annotation."
        )
    transcripts = _complete(rows)
    return transcripts, _exons(transcripts, np.frombuffer(exons, dtype=np.int64).reshape(-1, 3))


def _interval(path: Path, number: int, line: bytes) -> tuple[int, int]:
    """0-based half-open interval of a line."""
    fields = line.split(b"\t")
    if len(fields) != 9 or not fields[3].isdigit() or not fields[4].isdigit():
        raise ValueError(f"{path.name}, line {number:,}: no nine columns with an interval in the fourth and fifth.")
    return int(fields[3]) - 1, int(fields[4])


def _row(path: Path, number: int, fields: list[str], attributes: dict[str, str]) -> tuple:
    chrom, _, _, start, end, _, strand, _, _ = fields
    gene_id, transcript_id = attributes.get("gene_id"), attributes.get("transcript_id")
    if not gene_id or not transcript_id:
        raise ValueError(f"{path.name}, line {number:,}: no gene_id or no transcript_id among its attributes.")
    tss = interval_tss(path, number, start, end, strand, first_base=1)
    gene = attributes.get("gene_name") or gene_id
    tags = attributes["tags"].split(",")
    tag = next((known for known in TAGS if known in tags), "")
    level = attributes.get("level", "")
    alias = attributes.get("gene_alias") or attributes.get("Alias") or ""
    level = int(level) if level.isdecimal() else 0
    return gene, gene_id, chrom, tss, strand, transcript_id, tag, level, alias, int(start) - 1, int(end)


def _gtf_attributes(text: str) -> dict[str, str]:
    """Attributes by name, with all tags under "tags" and what exons call the transcript under "key"."""
    pairs = _GTF_ATTRIBUTE.findall(text)
    attributes = dict(pairs)
    attributes["tags"] = ",".join(value for name, value in pairs if name == "tag")
    attributes["key"] = attributes.get("transcript_id", "")
    return attributes


def _gff3_attributes(text: str) -> dict[str, str]:
    attributes = {name: unquote(value) for name, _, value in (pair.partition("=") for pair in text.split(";"))}
    attributes["tags"] = attributes.get("tag", "")
    attributes["key"] = attributes.get("ID", "")
    if attributes["key"].endswith("_PAR_Y"):  # some releases tell the chrY copies apart by ID and Parent only
        for name in ("gene_id", "transcript_id"):
            if name in attributes:
                attributes[name] = attributes[name].removesuffix("_PAR_Y") + "_PAR_Y"
    return attributes


def _complete(rows: list[tuple]) -> pd.DataFrame:
    names = [*GENE_COLUMNS, "transcript_id", "tag", "level", "alias", "start", "end"]
    table = pd.DataFrame(rows, columns=names).astype({"level": "int8"})
    genes = table.groupby(["gene_id", "chrom"], sort=False)
    table["transcripts"] = table.groupby(["gene_id", "chrom", "tss"], sort=False)["tss"].transform("size")
    table["canonical"] = table["tag"].isin(CANONICAL)
    table["gene_start"] = genes["start"].transform("min")
    table["gene_end"] = genes["end"].transform("max")
    on_x = table.loc[table["chrom"].isin(("chrX", "X")), "gene"].unique()
    table["par"] = table["chrom"].isin(("chrY", "Y")) & table["gene"].isin(on_x)
    return table[TRANSCRIPT_COLUMNS]


def _exons(transcripts: pd.DataFrame, found: np.ndarray) -> pd.DataFrame:
    """Exons of the transcripts that stand for their genes; found: (exons, 3) of transcript number, start and end."""
    wanted = _first_of_each(transcripts["gene_id"], _preference(transcripts))
    found = found[np.isin(found[:, 0], wanted)]
    found = found[np.lexsort((found[:, 1], found[:, 0]))]
    exons = transcripts[["gene", "gene_id", "chrom", "strand", "transcript_id"]].iloc[found[:, 0]]
    return exons.reset_index(drop=True).assign(start=found[:, 1], end=found[:, 2])[EXON_COLUMNS]


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}.{ending}")


def _kept(path: Path, key: dict, which: str) -> pd.DataFrame | None:
    """A table made of this very file before; None where there is none, or a damaged one."""
    try:
        noted = json.loads(_beside(path, "tables.json").read_bytes())
        content = _beside(path, f"{which}.parquet").read_bytes()
        digest = noted.pop("sha256")[which]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    # pyarrow trusts what it reads: a damaged file may come back as another table.
    if noted != key or hashlib.sha256(content).hexdigest() != digest:
        return None
    return pq.read_table(pa.BufferReader(content)).to_pandas()


def _keep(path: Path, key: dict, tables: dict[str, pd.DataFrame]) -> None:
    """Write the tables, and last what they are of and their checksums."""
    contents = {}
    for which, table in tables.items():
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), sink, compression="zstd")
        contents[f"{which}.parquet"] = sink.getvalue().to_pybytes()
    digests = {which: hashlib.sha256(contents[f"{which}.parquet"]).hexdigest() for which in tables}
    contents["tables.json"] = json.dumps(key | {"sha256": digests}).encode()
    with contextlib.suppress(OSError):  # a folder that can't be written: the file is read anew next time
        for ending, content in contents.items():
            write_whole(_beside(path, ending), content)
