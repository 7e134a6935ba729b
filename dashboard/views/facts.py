"""The row of numbers that is always on screen: activity, percentile, context, model."""

import numpy as np
import pandas as pd
import streamlit as st

from creme_core.locus import Locus
from creme_core.models.base import PAPER_CELL_LINES, resolve_readout
from creme_core.models.target_table import ENFORMER_TRACKS
from creme_core.sources import Source
from dashboard import data
from dashboard.engine import MOST_GENES, Engine
from dashboard.jobs import Snapshot
from dashboard.state import PageState
from dashboard.views.run_panel import follow
from dashboard.widgets import plain

__all__ = ["draw_facts"]


def wild_types(engine: Engine, opened: Source, locus: Locus) -> tuple[Snapshot, Snapshot | None]:
    """Activity of this gene and, for the percentile, of all; both are computed in the background."""
    everyone = engine.all_wild_types(opened, lambda gene: opened.locus(gene, length=engine.model.input_length))
    return engine.wild_type(locus, st.session_state["session"]), everyone


def draw_facts(engine: Engine, opened: Source, locus: Locus, state: PageState, context: pd.DataFrame | None) -> None:
    """The row of facts, following the background work it needs.

    context: the one-row table of the context class, where a test that gives it has been run.
    """

    def pending() -> bool:
        return any(run is not None and run.unfinished for run in wild_types(engine, opened, locus))

    follow(lambda: _facts(engine, opened, locus, state, context), pending)


def _published(engine: Engine, cell_line: str) -> np.ndarray | None:
    """What Enformer said of the most active genes, ascending, for a model that may be compared with it."""
    if len(engine.model.tracks) != ENFORMER_TRACKS or cell_line not in PAPER_CELL_LINES:
        return None
    return data.published_activities(cell_line)


def _facts(engine: Engine, opened: Source, locus: Locus, state: PageState, context: pd.DataFrame | None) -> None:
    own, everyone = wild_types(engine, opened, locus)
    readout = resolve_readout(engine.model.tracks, state.cell_line)
    value = own.result[readout].mean() if own.state == "done" else None
    label, percentile, told = "Percentile", "…", "computed in the background"
    if everyone is None:
        percentile, told = "not computed", f"the source has more than {MOST_GENES} genes"
        known = _published(engine, state.cell_line) if opened.name == "hg38" else None
        if known is not None:
            label = f"Percentile of {len(known):,} genes"
            percentile = (
                "…" if value is None else f"{100 * np.searchsorted(known, value, side='right') / len(known):.0f}%"
            )
            told = (
                "share of the most active genes of this cell line whose published activity is no higher; 0% is less "
                "than any of them"
            )
    elif everyone.state == "done" and value is not None:
        values = everyone.result[:, readout].mean(axis=1)
        label = f"Percentile of {len(values)} genes"
        percentile = f"{100 * np.mean(values <= value):.0f}%"
        told = "share of this source's genes whose predicted activity is no higher"
    elif everyone.state in ("failed", "cancelled"):
        percentile, told = "unknown", plain(everyone.error or "The run was stopped.")
    call, told_context = "not tested", "run the Context Dependence Test with these settings to see it"
    if context is not None:
        row = context.iloc[0]
        call = row["call"] + (" ?" if row["uncertain"] else "")
        told_context = f"effect {row['effect']:+.2f}" + (", uncertain" if row["uncertain"] else "")
    columns = st.columns([1.2, 1.1, 1, 1.5])
    columns[0].metric(
        f"Predicted activity, {state.cell_line}",
        "…" if value is None else f"{value:.4g}",
        help="mean of the output bins at the TSS, unchanged sequence" + (f". {plain(own.error)}" if own.error else ""),
        border=True,
    )
    columns[1].metric(label, percentile, help=told, border=True)
    columns[2].metric("Context", call, help=told_context, border=True)
    columns[3].metric(
        "Model", f"{engine.model.name} · {engine.device}", help=f"arithmetic: {engine.model.precision}", border=True
    )
