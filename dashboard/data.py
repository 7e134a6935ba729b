"""What the pages read, kept for the whole process: the only st.cache_* wrappers."""

import sys
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

import creme_core as creme
from creme_core.home import store_path
from creme_core.locus import Locus
from creme_core.sources import Source
from creme_core.store import MemoryStore, Store
from creme_core.vetting.decisions import Desk
from creme_core.vetting.desk_file import vetting_path
from dashboard.engine import Engines
from dashboard.options import OWN_MODEL, Options, parse_options
from dashboard.tracks import OfferedTrack, genes_between
from dashboard.tracks import offered_tracks as tracks_of
from dashboard.transfers import Transfers

__all__ = [
    "desk",
    "engines",
    "gene_names",
    "locus",
    "model_argument",
    "models",
    "options",
    "source",
    "store",
    "transfers",
    "tss_names",
    "warm_up",
]

SWITCH_SECONDS = 0.0005
_reading = threading.Lock()  # one file handle serves every session


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
        return read_locus(opened, gene, length)
    choices = opened.tss_choices(gene)
    known = choices[choices["name"] == tss]
    if known.empty:
        raise ValueError(f"{tss!r} is no TSS of {gene}; it has {', '.join(choices['name'].head(5))}.")
    row = known.iloc[0]
    return replace(read_locus(opened, tss, length), gene=row["gene"], gene_id=row["gene_id"])


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


def read_locus(opened: Source, gene: str, length: int) -> Locus:
    """Read a window from a source that several threads share."""
    with _reading:
        return opened.locus(gene, length=length)


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


@st.cache_data(show_spinner=False, max_entries=64, ttl=3600)
def offered_tracks(source_name: str, cell_line: str) -> tuple[OfferedTrack, ...]:
    """Signal tracks of a cell line; ENCODE is asked anew after an hour."""
    return tracks_of(source(source_name), cell_line)


@st.cache_data(show_spinner=False, max_entries=256)
def genes_around(source_name: str, chrom: str, start: int, end: int) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Genes of a view for the overlay: gene, start, end, strand and, where known, exons."""
    return genes_between(source(source_name), chrom, start, end)


@st.cache_resource(show_spinner=False)
def transfers() -> Transfers:
    """The downloads of this process."""
    # What could not be opened, or was opened window by window over the network, is opened anew from the files.
    return Transfers(on_change=source.clear)


def warm_up() -> None:
    """Start loading the default source's model, so that it is there when somebody wants it."""
    engines().begin("demo")
