"""What every result panel is given, and the parts that all of them have: chart, chosen tile, tables, files, code."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from creme_core.experiments.result import Result
from creme_core.experiments.swap import SwapResult
from creme_core.locus import Locus
from creme_core.sources import Source
from creme_core.tiles import TileGrid
from dashboard import exports
from dashboard.catalogue import LOCUS_TESTS, Entry
from dashboard.figures.style import LIGHT, Palette, chart_config
from dashboard.state import PageState
from dashboard.widgets import Download, download_row, effect_columns, effect_table, palette, put, signed

__all__ = [
    "Panel",
    "Repeat",
    "chart",
    "drawn",
    "figure_file",
    "go_to",
    "repeat_tabs",
    "table_file",
    "tile_line",
]

NEXT = {
    "sufficiency": "Is it enough alone?",
    "distance": "How far does it reach?",
    "multiplicity": "Do copies of it add up?",
    "fine_tile": "Which of its bases matter?",
}


@dataclass(frozen=True)
class Repeat:
    """What the exported script and provenance need besides the result.

    Attributes:
        opened: what open_source is given in Python.
        model_name: what load_model is given; None where results are read, not computed.
        source_label: the source, for people.
        synthetic: whether its sequence is made up.
    """

    opened: str
    model_name: str | None
    source_label: str
    synthetic: bool


@dataclass(frozen=True, eq=False)
class Panel:
    """What a panel draws.

    Attributes:
        entry, state: the test and what the page shows.
        opened, locus, grid: where.
        result: whole or partial; None where there is nothing yet.
        whole: whether the run has come to its end; a partial result gets no table and no files.
        repeat: for the files.
        finished: the result of another test of this locus with these settings, or None.
        truth: planted elements to show, or None.
    """

    entry: Entry
    state: PageState
    opened: Source
    locus: Locus
    grid: TileGrid
    result: Any
    whole: bool
    repeat: Repeat
    finished: Callable[[str], Result | None] = field(repr=False)
    truth: pd.DataFrame | None = None

    @property
    def stem(self) -> str:
        """Beginning of the names of its files."""
        return exports.file_stem(self.result, self.state.cell_line, self.entry.key)


def go_to(test: str, **values: Any) -> None:
    """Switch to another test with these values in its widgets."""
    put("test", test)
    for name, value in values.items():
        put(name, value)
    st.rerun()


def drawn(panel: Panel, name: str, draw: Callable[[Palette], go.Figure], steps: int) -> go.Figure:
    """The figure of an adaptive search, drawn anew only when there is something new in it.

    A page that follows a run is redrawn far more often than a search takes a step, and drawing takes the processor
    from the run.

    steps: how many the result holds.
    """
    kept = st.session_state.setdefault("figures", {})
    now = (panel.entry.key, panel.locus.digest, panel.result.settings, steps, panel.whole, panel.state, palette())
    if name not in kept or kept[name][0] != now:
        kept[name] = (now, draw(palette()))
    return kept[name][1]


def chart(
    figure: go.Figure, name: str, file: str, alt: str | None = None, tiles_of: Sequence[int] | None = None
) -> None:
    """A chart; where tiles_of names traces whose customdata is a tile, a click on a point of them chooses it."""
    if tiles_of is None:
        st.plotly_chart(figure, theme=None, key=name, config=chart_config(file), alt=alt)
        return
    st.plotly_chart(
        figure,
        theme=None,
        key=name,
        on_select=lambda: _take_selection(name, tiles_of),
        selection_mode="points",
        config=chart_config(file),
        alt=alt,
    )
    if st.session_state.pop("tile clicked", False):
        st.rerun()


def _take_selection(name: str, traces: Sequence[int]) -> None:
    """A click on a tile chooses it; a click elsewhere leaves the choice alone."""
    points = st.session_state[name].selection.points
    tiles = [point["customdata"] for point in points if point.get("curve_number") in traces]
    if tiles:
        tile = tiles[0]
        put("tile", int(tile[0] if isinstance(tile, list | tuple) else tile))
        st.session_state["tile clicked"] = True


def tile_line(panel: Panel, effects: pd.DataFrame | None = None) -> None:
    """The chosen tile: where it is, what is known of it, and the tests that make sense for it.

    effects: a table with tile, effect, ci_low, ci_high, n, call and uncertain, of the test on screen.
    """
    number = panel.state.tile
    if number is None:
        return
    tile = panel.grid.tiles[number]
    first, last = panel.locus.to_genome(tile.start, tile.end)
    away = panel.locus.distance(tile.start, tile.end)
    words = f"{abs(away) / 1000:.1f} kb {'upstream' if away < 0 else 'downstream'} of the TSS"
    row = None
    if effects is not None:
        rows = effects[effects["tile"] == number]
        row = None if rows.empty or not math.isfinite(rows.iloc[0]["effect"]) else rows.iloc[0]
    if row is not None:
        words += f" · effect {signed(row['effect'])}"
        if math.isfinite(row["ci_low"]):
            words += f" [{signed(row['ci_low'])}, {signed(row['ci_high'])}]"
        words += f" · n = {row['n']} · call: {row['call']}" + (" (uncertain)" if row["uncertain"] else "")
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Tile {number}**", width="content")
            st.code(f"{panel.locus.chrom}:{first + 1}-{last}", language=None, width="content")
            st.markdown(words)
        search = panel.state.search if row is None else ("silencer" if row["effect"] < 0 else "enhancer")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Go on with it:", width="content")
            for key, question in NEXT.items():
                if key == panel.entry.key or (key == "sufficiency" and panel.finished(key) is not None):
                    continue
                title = LOCUS_TESTS[key].title
                if st.button(title, key=f"go to {key}", icon=":material/arrow_forward:", help=question):
                    go_to(key, search=search)


def table_file(name: str, table: pd.DataFrame, label: str = "Table (TSV)") -> Download:
    """A table as it is."""
    return Download(label, f"{name}.tsv", "text/tab-separated-values", exports.tsv(table))


def figure_file(name: str, draw: Callable[[Palette], go.Figure], label: str = "Figure (HTML)") -> Download:
    """A figure on white, made when somebody asks for it."""
    return Download(label, f"{name}.html", "text/html", lambda: exports.html(draw(LIGHT)), "one file, works offline")


def repeat_tabs(panel: Panel, tables: Sequence[tuple[str, pd.DataFrame]], files: Sequence[Download]) -> None:
    """Table, download and Python below a chart, once the run has ended.

    Args:
        panel: of the result.
        tables: heading ("" for none) and table; those with genomic intervals are shown with 1-based positions.
        files: besides the whole result and its provenance.
    """
    if not panel.whole:
        return
    state, result, repeat = panel.state, panel.result, panel.repeat
    shown, download, code = st.tabs(["Table", "Download", "Python"])
    with shown:
        for heading, table in tables:
            if heading:
                st.markdown(f"**{heading}**")
            readable = effect_table(table) if "genome_start" in table else table
            height = 320 if len(readable) > 9 else "auto"
            # A fold has no sign to show.
            columns = effect_columns() if "effect" in table else effect_columns(interval="%.3f")
            st.dataframe(readable, hide_index=True, column_config=columns, height=height)
    with download:
        st.caption("Tables and tracks hold 0-based half-open positions, as BED does; the page shows 1-based ones.")
        swap = isinstance(result, SwapResult)
        whole = Download(
            "Whole result (npz)",
            f"{panel.stem}.npz",
            "application/octet-stream",
            lambda: exports.npz(result),
            "activity of every sequence on every track, for creme_core",
        )
        extra = {"source": repeat.source_label, "synthetic": repeat.synthetic, "cell_line": state.cell_line}
        origin = Download(
            "Provenance (JSON)", f"{panel.stem}.json", "application/json", exports.provenance(result, extra)
        )
        download_row([*files, whole, origin])
        st.caption("The camera above a chart saves it as SVG.")
    with code:
        if repeat.model_name is None:
            lines = exports.published_lines(panel.entry, state.gene, state.cell_line, repeat.opened)
        else:
            lines = exports.python_lines(
                result,
                entry=panel.entry,
                genes=state.genes if swap else (state.tss or state.gene,),
                cell_line=state.cell_line,
                model_name=repeat.model_name,
                opened=repeat.opened,
            )
        st.code(lines, language="python")
