"""What the pages read, kept for the whole process: the only st.cache_* wrappers."""

import sys
import threading
from pathlib import Path

import streamlit as st

import creme_core as creme
from creme_core.home import store_path
from creme_core.locus import Locus
from creme_core.sources import Source
from creme_core.store import MemoryStore, Store
from dashboard.engine import Engines
from dashboard.options import Options, parse_options

__all__ = ["engines", "gene_names", "locus", "options", "source", "store", "warm_up"]

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
    """Open the source of this name: "demo", or "fasta" for the operator's own genome.

    Raises:
        ValueError: its files can't be read.
    """
    if name == "demo":
        return creme.open_source("demo")
    return creme.open_source(options().fasta, genes=options().genes)


@st.cache_resource(show_spinner=False, max_entries=64)
def locus(source_name: str, gene: str, length: int) -> Locus:
    """The window of a gene; a Locus is never changed, so sessions share it.

    Raises:
        ValueError: an unknown gene, or a window that is refused.
    """
    return read_locus(source(source_name), gene, length)


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


@st.cache_resource(show_spinner=False)
def engines() -> Engines:
    """The models of this process."""
    # A run hands the interpreter over at every look-up and digest; it should not wait 5 ms each time to get it back
    # from a page that is being drawn.
    sys.setswitchinterval(SWITCH_SECONDS)
    return Engines(creme.load_model, store())


def warm_up() -> None:
    """Start loading the default source's model, so that it is there when somebody wants it."""
    engines().begin("demo")
