"""What the pages read, kept for the whole process: the only st.cache_* wrappers."""

import contextlib
import sys
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

import creme_core as creme
from creme_core import downloads, web
from creme_core.home import store_path
from creme_core.locus import Locus
from creme_core.signals import bigwig
from creme_core.sources import GENCODE_DOWNLOADS, Source
from creme_core.store import MemoryStore, Store
from creme_core.vetting.decisions import Desk
from creme_core.vetting.desk_file import vetting_path
from dashboard.background import Background
from dashboard.engine import Engines
from dashboard.list_runs import ListRuns
from dashboard.many import Runs
from dashboard.options import OWN_MODEL, Options, parse_options
from dashboard.tracks import OfferedTrack, confirmed_tracks, genes_between
from dashboard.tracks import offered_tracks as tracks_of
from dashboard.transfers import Transfers
from dashboard.uploads import Uploads

__all__ = [
    "background",
    "confirmed",
    "desk",
    "engines",
    "forget_files",
    "gene_names",
    "genes_around",
    "list_runs",
    "locus",
    "model_argument",
    "models",
    "offered_tracks",
    "options",
    "published_activities",
    "runs",
    "source",
    "store",
    "transfers",
    "tss_names",
    "uploads",
    "warm_up",
]

SWITCH_SECONDS = 0.0005


@st.cache_resource(show_spinner=False)
def options() -> Options:
    """The operator's command line.

    Raises:
        ValueError: it can't be read.
    """
    # Streamlit puts the script and what follows `--` here; under a test runner the arguments are not ours.
    ours = Path(sys.argv[0]).name == "app.py"
    return parse_options(sys.argv[1:] if ours else [])


@st.cache_resource(show_spinner=False)
def source(name: str) -> Source:
    """Open the source of this name: "demo", "hg38", "published", or "fasta" for the operator's own genome.

    Raises:
        ValueError: its files can't be read.
    """
    if name == "published":
        return creme.open_source("published", path=options().published)
    if name != "fasta":
        return creme.open_source(name)
    return creme.open_source(options().fasta, genes=options().genes)


@st.cache_resource(show_spinner=False, max_entries=64)
def locus(source_name: str, gene: str, length: int, tss: str = "") -> Locus:
    """The window of a gene, at the TSS named or at the one its name means; it is never changed, so sessions share it.

    Raises:
        ValueError: an unknown gene, or a window that is refused.
    """
    opened = source(source_name)
    if not tss:
        return opened.locus(gene, length=length)
    choices = opened.tss_choices(gene)
    known = choices[choices["name"] == tss]
    if known.empty:
        raise ValueError(f"{tss!r} is no TSS of {gene}; it has {', '.join(choices['name'].head(5))}.")
    row = known.iloc[0]
    return replace(opened.locus(tss, length=length), gene=row["gene"], gene_id=row["gene_id"])


@st.cache_data(show_spinner=False, max_entries=512)
def tss_names(source_name: str, gene: str) -> dict[str, str]:
    """The TSSs of a gene, the one its name means first: name -> the line shown for it; empty for an unknown gene."""
    try:
        choices = source(source_name).tss_choices(gene)
    except ValueError:
        return {}
    names = {}
    for row in choices.itertuples():
        ids = getattr(row, "transcript_ids", "").split(", ")
        more = f" and {len(ids) - 1} more" if len(ids) > 1 else ""
        names[row.name] = f"{row.chrom}:{row.tss + 1:,} {row.strand}" + (f" · {ids[0]}{more}" if ids[0] else "")
    return names


@st.cache_data(show_spinner=False, max_entries=8)
def published_activities(cell_line: str) -> np.ndarray | None:
    """Enformer's activity of the 10,000 most active genes of a cell line, ascending; None where that is not here."""
    try:
        return source("published").activities(cell_line)
    except (ValueError, OSError):
        return None


@st.cache_data(show_spinner=False, max_entries=8)
def gene_names(source_name: str) -> dict[str, str]:
    """What the gene picker offers: a name that means one TSS -> the line shown for it (position 1-based)."""
    genes = source(source_name).genes
    repeated = genes["gene"].duplicated(keep=False)
    repeated_id = genes["gene_id"].duplicated(keep=False)
    names = {}
    for row, by_id, by_place in zip(genes.itertuples(), repeated, repeated & repeated_id, strict=True):
        place = f"{row.chrom}:{row.tss + 1}:{row.strand}"
        name = place if by_place else row.gene_id if by_id else row.gene
        identifier = f" · {row.gene_id}" if row.gene_id != row.gene else ""
        names[name] = f"{row.gene} · {row.chrom}:{row.tss + 1:,} {row.strand}{identifier}"
    return names


@st.cache_resource(show_spinner=False, on_release=lambda kept: kept.close())
def store() -> MemoryStore | Store:
    """Where predictions are kept: the operator's file, the one shared with the command line, or memory."""
    if options().no_store:
        return MemoryStore()
    try:
        return Store(options().store or store_path())
    except ValueError as error:
        held = MemoryStore()
        held.notes.append(f"{error} Predictions are kept in memory until the dashboard ends.")
        return held


@st.cache_resource(show_spinner=False, on_release=lambda kept: kept.close())
def desk() -> Desk:
    """The reviewers' decisions, in one file for every session.

    Raises:
        DeskError: the file can't be used.
    """
    return Desk(vetting_path())


@st.cache_resource(show_spinner=False)
def list_runs() -> ListRuns:
    """The tests of whole lists, which go on whoever looks."""
    return ListRuns()


@st.cache_resource(show_spinner=False)
def engines() -> Engines:
    """The models of this process."""
    # A run hands the interpreter over at every look-up and digest; it should not wait 5 ms each time to get it back
    # from a page that is being drawn.
    sys.setswitchinterval(SWITCH_SECONDS)
    return Engines(lambda name: creme.load_model(model_argument(name)), store())


def model_argument(name: str) -> str | Path:
    """What load_model takes for a model of this name."""
    return options().model if name == OWN_MODEL else name


def models(source_name: str) -> tuple[str, ...]:
    """Names of the models that go with a source, the default first."""
    return options().models(source_name)


@st.cache_resource(show_spinner=False)
def background(kind: str) -> Background:  # noqa: ARG001 (each kind has its own)
    """Threads for what pages must not wait for: reading "local" files, or asking "remote" servers."""
    return Background(threads=4)


@st.cache_resource(show_spinner=False)
def runs() -> Runs:
    """What is read over many elements, for every session; the oldest are dropped."""
    return Runs()


@st.cache_data(show_spinner=False, max_entries=64)
def offered_tracks(source_name: str, cell_line: str) -> tuple[OfferedTrack, ...]:
    """Signal tracks of a cell line, as they are known here; see `confirmed`."""
    return tracks_of(source(source_name), cell_line)


@st.cache_resource(scope="session", show_spinner=False, on_release=lambda kept: kept.close())
def uploads(source_name: str) -> Uploads:
    """Files that this visitor brought for the genome of a source; deleted when the session ends."""
    return Uploads(source(source_name).chrom_sizes)


def confirmed(source_name: str, cell_line: str) -> Future | None:
    """The same tracks as ENCODE has them now, once it has answered; None where they are none of ENCODE's."""
    if hasattr(source(source_name), "signals") or not offered_tracks(source_name, cell_line):
        return None
    # Another answer where the network is switched off or on, or another mirror is asked.
    key = ("confirmed", cell_line, web.is_offline(), web.address("https://www.encodeproject.org"))
    return background("remote").ask({key: lambda: confirmed_tracks(cell_line)})[0]


def known_genes(source_name: str) -> pd.DataFrame:
    """The genes of a source, for promoters: GENCODE's for the published results, where it is here."""
    return _with_genes(source_name).genes


def _with_genes(source_name: str) -> Source:
    opened = source(source_name)
    if source_name == "published" and any(downloads.state(name).complete for name in GENCODE_DOWNLOADS):
        with contextlib.suppress(ValueError, OSError):
            return source("hg38")
    return opened


@st.cache_data(show_spinner=False, max_entries=256)
def genes_around(source_name: str, chrom: str, start: int, end: int) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Genes of a view for the overlay: gene, start, end, strand and, where known, exons.

    The published tables name single TSSs; where GENCODE is here, its genes are drawn.
    """
    opened = _with_genes(source_name)
    return genes_between(opened.genes, getattr(opened, "exons", None), chrom, start, end)


@st.cache_resource(show_spinner=False)
def transfers() -> Transfers:
    """The downloads of this process."""
    return Transfers(on_change=forget_files)


def forget_files() -> None:
    """Read anew what depends on which downloads are here.

    What could not be opened, or was opened window by window over the network, is opened from the files that came; what
    was deleted is read no more.
    """
    for kept in (source, locus, tss_names, gene_names, genes_around, offered_tracks, published_activities):
        kept.clear()


def warm_up() -> None:
    """Start loading the default source's model and the reader of signals, so that they are there when wanted."""
    bigwig.warm_up()
    engines().begin("demo")
