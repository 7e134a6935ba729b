"""Regions by window: genes with exons, ENCODE's cCREs, repeats, and any BED or bigBed a person brings."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from creme_core import downloads, web
from creme_core.signals import bigwig, indexed, tabix
from creme_core.signals.bed import REGION_COLUMNS, Bed, Rows, read_bed
from creme_core.signals.chroms import same_chrom
from creme_core.signals.classes import CCRE_COLOURS, REPEAT_COLOURS, ccre_class, repeat_class

__all__ = ["KNOWN", "genes_with_exons", "read_regions"]

# Annotations of GRCh38 by name: UCSC's track where the download is not here.
KNOWN = {"ccres": "encodeCcreCombined", "rmsk": "rmsk"}
UCSC = "https://api.genome.ucsc.edu/getData/track"
MOST_REGIONS = 200_000
BIGBED_ENDINGS = (".bb", ".bigbed")
BIGBED_START = (b"\xeb\xf2\x89\x87", b"\x87\x89\xf2\xeb")

_UCSC_COLUMNS = {
    "encodeCcreCombined": ("chrom", "chromStart", "chromEnd", "name", "score", "strand", "ccre"),
    "rmsk": ("genoName", "genoStart", "genoEnd", "repName", "swScore", "strand", "repClass"),
}


def read_regions(source: str | Path | pd.DataFrame | Bed, chrom: str, start: int, end: int) -> pd.DataFrame:
    """Regions that overlap a window, by start.

    Args:
        source: one of

            - "ccres": ENCODE's candidate cis-regulatory elements of GRCh38, version 4 of the registry from the download
              of that name; else version 3 from UCSC's server, a window at a time;
            - "rmsk": RepeatMasker's repeats of GRCh38, from the download; else from UCSC's server;
            - the path of a BED file (see `read_bed`; one beside its tabix index .tbi is read by window) or of a bigBed;
            - the http or https address of a bigBed, of which only the parts needed are read (a name in it ends at its
              first blank);
            - a table with chrom, start and end, such as `Bed.table` or GENCODE's exons; its further columns stay.
        chrom: chromosome, in either naming style.
        start, end: 0-based half-open.

    Returns:
        DataFrame with chrom, start, end (0-based half-open), name, score (NaN where there is none), strand ("+", "-" or
        "."), kind (a cCRE's class, a repeat's class with the doubtful and the rare ones simplified, else ""), colour
        ("#RRGGBB" or ""), and the chromosome's name as asked for.

    Raises:
        ValueError: a source that can't be read, an unknown chromosome, an interval that is none, or a BED file that
            seems to count from 1 (read it by `read_bed`, which takes the answer).
        Offline: it takes a server, which can't be reached.
    """
    if isinstance(start, bool) or isinstance(end, bool) or not 0 <= start < end:
        raise ValueError(f"{chrom}:{start}-{end} is no interval: 0 <= start < end is needed.")
    if isinstance(source, Bed):
        source = source.table
    if isinstance(source, pd.DataFrame):
        table = _overlapping(source, chrom, start, end)
    elif source in KNOWN:
        table = _known(str(source), chrom, start, end)
    elif isinstance(source, str) and source.lower().startswith(("http://", "https://")):
        table = _bigbed(source, chrom, start, end)
    else:
        table = _file(Path(source).expanduser(), chrom, start, end)
    return _finished(table, chrom)


def genes_with_exons(exons: pd.DataFrame, chrom: str, start: int, end: int) -> pd.DataFrame:
    """Genes that overlap a window, a row each, by start.

    Args:
        exons: a row an exon, with gene, gene_id, chrom, start, end and strand (as `creme_core.gencode.read_exons`).
        chrom: chromosome, in either naming style.
        start, end: 0-based half-open.

    Returns:
        The columns of `read_regions` (name is the gene's symbol, start and end its first and last exon's), gene_id,
        and exons, a list of (start, end).
    """
    near = exons[exons["chrom"].isin(same_chrom(chrom))]
    spans = near.groupby("gene_id", sort=False).agg(start=("start", "min"), end=("end", "max"))
    spans = spans[(spans["start"] < end) & (spans["end"] > start)]
    near = near[near["gene_id"].isin(spans.index)].sort_values("start")
    rows = []
    for gene_id, group in near.groupby("gene_id", sort=False):
        pairs = list(zip(group["start"].tolist(), group["end"].tolist(), strict=True))
        first = group.iloc[0]
        rows.append((chrom, *spans.loc[gene_id], first["gene"], first["strand"], gene_id, pairs))
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "name", "strand", "gene_id", "exons"])
    return _finished(table, chrom)


def _overlapping(table: pd.DataFrame, chrom: str, start: int, end: int) -> pd.DataFrame:
    missing = [column for column in ("chrom", "start", "end") if column not in table.columns]
    if missing:
        raise ValueError(f"The table of regions has no column {', '.join(missing)}; it needs chrom, start and end.")
    near = (table["start"] < end) & (table["end"] > start)
    near = table[near.to_numpy(dtype=bool)]
    near = near[near["chrom"].isin(same_chrom(chrom)).to_numpy(dtype=bool)]
    return near.rename(columns={"gene": "name"}) if "name" not in near.columns else near


def _finished(table: pd.DataFrame, chrom: str) -> pd.DataFrame:
    """The promised columns first, in the promised types, by start."""
    count = len(table)
    defaults = {"name": "", "score": float("nan"), "strand": ".", "kind": "", "colour": ""}
    table = table.assign(
        chrom=chrom, **{name: [value] * count for name, value in defaults.items() if name not in table.columns}
    )
    table = table.astype({"start": "int64", "end": "int64", "score": "float64"})
    table = table[REGION_COLUMNS + [column for column in table.columns if column not in REGION_COLUMNS]]
    return table.sort_values(["start", "end"], kind="stable").reset_index(drop=True)


def _file(path: Path, chrom: str, start: int, end: int) -> pd.DataFrame:
    if not path.is_file():
        raise ValueError(
            f"There is no file at {path}; give the path of a BED or bigBed file, or a name: 'ccres', 'rmsk'."
        )
    try:
        with open(path, "rb") as file:
            head = file.read(4)
    except OSError as error:
        raise ValueError(f"{path.name} can't be opened ({error.strerror}).") from error
    if head in BIGBED_START or path.name.lower().endswith(BIGBED_ENDINGS):
        return _bigbed(path, chrom, start, end)
    if head.startswith(b"\x1f\x8b") and tabix.index_of(path) is not None:
        rows = Rows()
        rows.add(tabix.window_lines(path, same_chrom(chrom), start, end, MOST_REGIONS))
        return rows.table()
    status = path.stat()
    bed = _bed(path, status.st_mtime_ns, status.st_size)
    if bed.questions:
        raise ValueError(bed.questions[0])
    return _overlapping(bed.table, chrom, start, end)


@lru_cache(maxsize=4)
def _bed(path: Path, _changed: int, _size: int) -> Bed:
    return read_bed(path)


def _bigbed(source: str | Path, chrom: str, start: int, end: int) -> pd.DataFrame:
    request = {"action": "entries", "names": same_chrom(chrom), "start": start, "end": end}
    _, body = bigwig.ask(source, request)
    # The columns of a bigBed are those of a BED.
    rows = Rows()
    entries = enumerate(json.loads(body), start=1)
    rows.add((number, "\t".join((chrom, str(first), str(last), rest))) for number, (first, last, rest) in entries)
    return rows.table()


def _known(name: str, chrom: str, start: int, end: int) -> pd.DataFrame:
    if downloads.state(name).complete:
        path = downloads.folder(name) / downloads.find(name).files[0].name
        table = indexed.read_window(path, name, chrom, start, end)
    else:
        table = _ucsc(name, chrom, start, end)
    if name == "rmsk":
        kinds = [repeat_class(kind) for kind in table["kind"]]
        colours = [REPEAT_COLOURS[kind] for kind in kinds]
    else:
        kinds = [ccre_class(kind) or str(kind) for kind in table["kind"]]
        colours = [CCRE_COLOURS.get(kind, "") for kind in kinds]
    return table.assign(kind=kinds, colour=colours)


@lru_cache(maxsize=256)
def _ucsc(name: str, chrom: str, start: int, end: int) -> pd.DataFrame:
    """A window of a track from UCSC's server (https://api.genome.ucsc.edu), which counts as we do."""
    track = KNOWN[name]
    styled = next(other for other in same_chrom(chrom) if other.startswith("chr"))
    url = f"{UCSC}?genome=hg38;track={track};chrom={quote(styled, safe='')};start={start};end={end}"
    try:
        answer = web.fetch_json(url)
    except web.Offline as error:
        raise web.Offline(f"{error} Or get them once: `python -m creme_core data get {name}`.") from error
    rows = answer.get(track) if isinstance(answer, dict) else None
    if isinstance(rows, dict):
        rows = rows.get(styled)
    if not isinstance(rows, list):
        said = f" ({str(answer['error'])[:200]})" if isinstance(answer, dict) and "error" in answer else ""
        raise ValueError(
            f"UCSC's server gave no regions of its track {track}{said}; get the download {name!r} instead."
        )
    if answer.get("maxItemsLimit"):
        raise ValueError(f"The window has more regions than UCSC's server gives at once; get the download {name!r}.")
    try:
        return pd.DataFrame([_region(row, _UCSC_COLUMNS[track]) for row in rows], columns=_REGION)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"UCSC's track {track} does not have the columns known of it ({error!r}); get the download {name!r}."
        ) from error


_REGION = ["chrom", "start", "end", "name", "score", "strand", "kind"]


def _region(row: dict[str, Any], columns: tuple[str, ...]) -> tuple:
    chrom, start, end, name, score, strand, kind = (row[column] for column in columns)
    strand = strand if strand in ("+", "-") else "."
    return str(chrom), int(start), int(end), str(name), float(score), strand, str(kind)
