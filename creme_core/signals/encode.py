"""ENCODE: which signal files there are for a cell line, and the files this project starts from.

The search is the paper's (Methods, Biochemical characterization of CREs): GRCh38, released, "fold change over control",
and "read-depth normalized signal" for DNase-seq; one file an experiment, and the experiments of one assay and target
are averaged. Answers are kept under home()/"encode" and stand in when the portal can't be asked.

Not tried on the real portal: this very combination of search parameters, each of which is in public use.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd

from creme_core import web
from creme_core.signals.encode_portal import (
    COLUMNS,
    PORTAL,
    UNTRIED,
    answer,
    check_file,
    check_list,
    download_url,
    file_row,
    replicates,
    superseded,
)

__all__ = [
    "ASSAYS",
    "COLUMNS",
    "KINDS",
    "Track",
    "average",
    "confirm",
    "confirm_defaults",
    "default_tracks",
    "groups",
    "read_average",
    "search",
]

ASSEMBLY = "GRCh38"
FOLD_CHANGE = "fold change over control"
DEPTH_NORMALISED = "read-depth normalized signal"
# One file's record is small: who waits longer for it waits for nothing.
FILE_SECONDS = 20.0
# The portal's assay titles -> what their signal is called; and the paper's three kinds of track.
ASSAYS = {
    "DNase-seq": DEPTH_NORMALISED,
    "ATAC-seq": FOLD_CHANGE,
    "Histone ChIP-seq": FOLD_CHANGE,
    "TF ChIP-seq": FOLD_CHANGE,
}
KINDS = {
    "DNase-seq": "accessibility",
    "ATAC-seq": "accessibility",
    "Histone ChIP-seq": "histone",
    "TF ChIP-seq": "factor",
}
# What is asked of the portal for each file; its own pages ask for these.
FIELDS = (
    "accession",
    "status",
    "assembly",
    "file_format",
    "output_type",
    "assay_title",
    "target.label",
    "biosample_ontology.term_name",
    "biological_replicates",
    "technical_replicates",
    "preferred_default",
    "analyses.status",
    "dataset",
    "file_size",
    "md5sum",
    "href",
    "cloud_metadata.url",
)
_ACCESSION = re.compile(r"ENCFF\d{3}[A-Z]{3}")

# Mark -> accessions in K562, GM12878, PC-3: the paper's track list where it has the mark, else ENCODE SCREEN's choice
# (GM12878 CTCF) or the newest experiment (GM12878 EP300, PC-3 CTCF). ENCODE has no EP300 in PC-3.
_CELL_LINES = ("K562", "GM12878", "PC-3")
_DEFAULTS = {
    "DNase": ("DNase-seq", "ENCFF414OGC", "ENCFF428XFI", "ENCFF835RBO"),
    "ATAC": ("ATAC-seq", "ENCFF754EAC", "ENCFF603BJO", "ENCFF124ZQJ"),
    "H3K27ac": ("Histone ChIP-seq", "ENCFF381NDD", "ENCFF469WVA", "ENCFF537PUA"),
    "H3K4me1": ("Histone ChIP-seq", "ENCFF607SUJ", "ENCFF564KBE", "ENCFF734QNV"),
    "H3K4me3": ("Histone ChIP-seq", "ENCFF806YEZ", "ENCFF280PUF", "ENCFF319OET"),
    "H3K9ac": ("Histone ChIP-seq", "ENCFF286WRJ", "ENCFF599TRR", "ENCFF611FMK"),
    "H3K9me3": ("Histone ChIP-seq", "ENCFF601JGK", "ENCFF683HCZ", "ENCFF302MER"),
    "H3K27me3": ("Histone ChIP-seq", "ENCFF242ENK", "ENCFF919DOR", "ENCFF682MGB"),
    "H3K36me3": ("Histone ChIP-seq", "ENCFF317VHO", "ENCFF312MUY", "ENCFF519YBG"),
    "CTCF": ("TF ChIP-seq", "ENCFF736UDR", "ENCFF644EEX", "ENCFF756ESH"),
    "EP300": ("TF ChIP-seq", "ENCFF636VVR", "ENCFF545BXW", ""),
}


@dataclass(frozen=True)
class Track:
    """The signal of one assay and target in one cell line: the average of its files.

    Attributes:
        cell_line, assay, target: as the portal writes them; no target for DNase-seq and ATAC-seq.
        accessions, urls: of the files, in one order.
    """

    cell_line: str
    assay: str
    target: str
    accessions: tuple[str, ...]
    urls: tuple[str, ...]

    @property
    def name(self) -> str:
        """What a picture calls it: the target, or the assay without "-seq"."""
        return self.target or self.assay.removesuffix("-seq")

    @property
    def kind(self) -> str:
        """histone, accessibility or factor, the paper's three classes."""
        return KINDS.get(self.assay, "factor")

    @property
    def statistic(self) -> str:
        """How the paper sums up a tile: the maximum of a factor, the mean of anything else."""
        return "max" if self.kind == "factor" else "mean"


def default_tracks(cell_line: str | None = None) -> pd.DataFrame:
    """The files this project starts from: cell_line, mark, assay, accession, url (of the portal, which redirects).

    Raises:
        ValueError: a cell line without defaults.
    """
    if cell_line not in (None, *_CELL_LINES):
        raise ValueError(
            f"There are no default ENCODE tracks for {cell_line!r}, only for {', '.join(_CELL_LINES)}; search for them."
        )
    rows = [
        (line, mark, assay, accessions[column], download_url(accessions[column]))
        for column, line in enumerate(_CELL_LINES)
        if cell_line in (None, line)
        for mark, (assay, *accessions) in _DEFAULTS.items()
        if accessions[column]
    ]
    return pd.DataFrame(rows, columns=["cell_line", "mark", "assay", "accession", "url"])


def search(cell_line: str, assay: str, target: str | None = None, *, refresh: bool = False) -> pd.DataFrame:
    """Released GRCh38 signal files of an assay in a cell line, one an experiment.

    Of an experiment's files the one over most replicates is taken, as the paper does; superseded analyses are left out.

    Args:
        cell_line: the portal's biosample term, such as "K562".
        assay: one of ASSAYS.
        target: such as "H3K27ac"; None for every target.
        refresh: ask the portal even where a fresh answer is kept.

    Returns:
        DataFrame with COLUMNS, by target and accession; empty when the portal has none. size in bytes (0: not told);
        biological_replicates as text, "1, 2". `.attrs["note"]` is a sentence to show, or "".

    Raises:
        ValueError: an unknown assay, and an answer of another shape than the portal's documentation gives.
        OSError: the portal can't be asked and nothing is kept.
    """
    if assay not in ASSAYS:
        raise ValueError(f"{assay!r} is no assay of this search; it is one of {', '.join(ASSAYS)}.")
    asked = [
        ("type", "File"),
        ("status", "released"),
        ("file_format", "bigWig"),
        ("assembly", ASSEMBLY),
        ("output_type", ASSAYS[assay]),
        ("assay_title", assay),
        ("biosample_ontology.term_name", _text("cell line", cell_line)),
        *([] if target is None else [("target.label", _text("target", target))]),
        ("format", "json"),
        ("limit", "all"),
        *(("field", name) for name in FIELDS),
    ]
    found, note = answer(f"{PORTAL}/search/?{urlencode(asked)}", check_list, refresh)
    table, left_out = _table(found["@graph"], cell_line, assay)
    if left_out:
        note = f"{note} {left_out} files that do not match the search, or lack an address, were left out.".strip()
    table.attrs["note"] = note
    return table


def confirm(accession: str, *, cell_line: str = "", target: str = "", refresh: bool = False) -> dict[str, Any]:
    """What the portal says of one file, as a row of COLUMNS and `note`, when it is fit for use.

    Args:
        accession: ENCFF and six characters.
        cell_line, target: what it should be of; "" is not checked.
        refresh: ask the portal even where a fresh answer is kept.

    Raises:
        ValueError: it is not there, not released any more, of another assembly, output type, cell line or target, or
            no bigWig.
        OSError: the portal can't be asked and nothing is kept.
    """
    if not _ACCESSION.fullmatch(str(accession)):
        raise ValueError(f"{accession!r} is no accession of an ENCODE file; one looks like ENCFF381NDD.")
    try:
        url = f"{PORTAL}/files/{accession}/?format=json"
        record, note = answer(url, check_file, refresh, timeout=FILE_SECONDS, attempts=2)
    except web.HTTPStatus as error:
        if error.status == 404:
            raise ValueError(f"ENCODE has no file {accession}; search for another.") from None
        raise
    if record.get("accession") != accession:
        raise ValueError(f"ENCODE answers for {accession} with {record.get('accession')!r}; search for another file.")
    row = file_row(record)
    if row["status"] != "released":
        raise ValueError(f"{accession} is {row['status']} at ENCODE, so it is not used; search for a released file.")
    if row["assembly"] != ASSEMBLY:
        raise ValueError(f"{accession} is of assembly {row['assembly']!r}; only {ASSEMBLY} fits here.")
    allowed = [ASSAYS[row["assay"]]] if row["assay"] in ASSAYS else sorted(set(ASSAYS.values()))
    if row["output_type"] not in allowed:
        raise ValueError(f"{accession} holds {row['output_type']!r}; only {' or '.join(allowed)} is used.")
    if record.get("file_format", "bigWig") != "bigWig":
        raise ValueError(f"{accession} is a {record['file_format']} file; only a bigWig can be read here.")
    for what, expected in (("cell_line", cell_line), ("target", target)):
        if expected and row[what] and row[what] != expected:
            raise ValueError(f"{accession} is of {row[what]}, not of {expected}; search for another.")
    if superseded(record):
        note = f"{note} ENCODE has put the analysis that {accession} is from away for a newer one.".strip()
    return {**row, "note": note}


def confirm_defaults(cell_line: str, *, refresh: bool = False) -> pd.DataFrame:
    """`default_tracks` of a cell line as the portal has them now: its columns, url from the portal, problem, refused.

    `problem` is a sentence for a file that can't be used, and for all of them when the portal can't be asked; else "".
    `refused` is whether the portal says that a file is not to be used, rather than nothing.
    """
    table = default_tracks(cell_line)
    urls, problems, refused, silent = [], [], [], ""
    for row in table.itertuples():
        if silent:
            urls.append(row.url)
            problems.append(silent)
            refused.append(False)
            continue
        target = row.mark if row.assay.endswith("ChIP-seq") else ""
        try:
            found = confirm(row.accession, cell_line=row.cell_line, target=target, refresh=refresh)
            urls.append(found["url"])
            problems.append("")
            refused.append(False)
        except (OSError, ValueError) as error:
            urls.append(row.url)
            problems.append(str(error))
            refused.append(isinstance(error, ValueError) and not isinstance(error, web.HTTPStatus))
            if isinstance(error, web.Offline) and not web.is_offline():
                silent = str(error)  # the rest would each wait for the same silence
    return table.assign(url=urls, problem=problems, refused=refused)


def groups(table: pd.DataFrame) -> list[Track]:
    """The tracks of a search: files of one cell line, assay and target together, in the order they first come."""
    keys = ["cell_line", "assay", "target"]
    return [
        Track(*map(str, key), tuple(files["accession"]), tuple(files["url"]))
        for key, files in table.groupby(keys, sort=False, dropna=False)
    ]


def read_average(
    track: Track,
    chrom: str,
    start: int,
    end: int,
    bins: int = 2000,
    statistic: str = "mean",
    read: Callable[..., np.ndarray] | None = None,
) -> np.ndarray:
    """The signal of a track: the mean over its files of each bin.

    Args:
        track: of `groups`.
        chrom, start, end: 0-based half-open.
        bins: points.
        statistic: "mean" or "max" of each file's bases in a bin.
        read: `read(url, chrom, start, end, bins, statistic) -> (bins,)`; None for `signals.bigwig.read_signal`.

    Returns:
        float32 (bins,); NaN where no file is covered.

    Raises:
        ValueError, OSError: as `read`; one file that can't be read is not left out silently.
    """
    if read is None:
        from creme_core.signals.bigwig import read_signal as read
    return average([read(url, chrom, start, end, bins, statistic) for url in track.urls])


def average(values: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of replicates, bin by bin, over those that cover the bin.

    Args:
        values: (bins,) of each replicate, NaN where uncovered.

    Returns:
        float32 (bins,), NaN where none is covered.
    """
    stacked = np.stack([np.asarray(one, float) for one in values])
    covered = np.isfinite(stacked)
    number = covered.sum(axis=0)
    total = np.where(covered, stacked, 0.0).sum(axis=0)
    return np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0).astype(np.float32)


def _text(what: str, value: str) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= 100:
        raise ValueError(f"The {what} is {value!r}; it must be a name of up to 100 characters.")
    return value.strip()


def _table(graph: list[dict], cell_line: str, assay: str) -> tuple[pd.DataFrame, int]:
    """The files of a search, one an experiment, and how many records had to be left out."""
    usable = list(_usable(graph, assay))
    if graph and not usable:
        raise ValueError(
            f"None of the {len(graph)} files in the ENCODE portal's answer has the accession, status, assembly and "
            f"output type that were asked for: {UNTRIED}."
        )
    best: dict[str, tuple] = {}
    for record in usable:
        if superseded(record):
            continue
        row = file_row(record)
        row["cell_line"], row["assay"] = row["cell_line"] or cell_line, row["assay"] or assay
        rank = (replicates(record), record.get("preferred_default") is True, row["accession"])
        experiment = row["experiment"] or row["accession"]
        if experiment not in best or rank > best[experiment][0]:
            best[experiment] = rank, row
    rows = [row for _, row in best.values()]
    table = pd.DataFrame(rows, columns=COLUMNS).sort_values(["target", "accession"], ignore_index=True)
    return table.astype({"size": "int64"}), len(graph) - len(usable)


def _usable(graph: list[dict], assay: str) -> Iterator[dict]:
    """Records that are what was asked for: a portal may pass over a parameter that it does not know."""
    for record in graph:
        asked = {"status": "released", "assembly": ASSEMBLY, "output_type": ASSAYS[assay]}
        if (
            _ACCESSION.fullmatch(str(record.get("accession")))
            and all(record.get(name) == value for name, value in asked.items())
            and record.get("file_format", "bigWig") == "bigWig"
            and record.get("assay_title", assay) == assay
        ):
            yield record
