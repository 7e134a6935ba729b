"""What a finished or filling result looks like: chart, table, downloads, and the lines that repeat it."""

import math
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from creme_core.effects import shuffle_effect
from creme_core.experiments.context import ContextResult
from creme_core.experiments.necessity import NecessityResult
from creme_core.experiments.result import Result
from dashboard import answer_key, exports
from dashboard.figures.context_scale import context_activity, context_scale
from dashboard.figures.style import LIGHT, chart_config
from dashboard.figures.tile_track import tile_track
from dashboard.state import PageState
from dashboard.widgets import Download, download_row, effect_columns, effect_table, palette, put

__all__ = ["Repeat", "context_panel", "context_sentence", "necessity_panel"]

TRACK_KEY = "tile track"
CLASS_MEANING = {
    "enhancing": "the surroundings supply nearly all of the activity",
    "neutral": "the surroundings make no difference",
    "silencing": "the surroundings hold the activity back",
    "unclassified": "between the classes",
}


@dataclass(frozen=True)
class Repeat:
    """What the exported script and provenance need besides the result."""

    model_name: str
    source_label: str
    synthetic: bool
    fasta: str | None
    genes: str | None


def necessity_panel(
    result: NecessityResult, state: PageState, truth: pd.DataFrame | None, repeat: Repeat | None
) -> None:
    """The tile track, and below it the table, the answer key and the files.

    Args:
        result: whole, partial, or with nothing computed yet.
        state: what the page shows.
        truth: planted elements to overlay, or None.
        repeat: for the table and the files; None while there is more to come.
    """
    effects = result.effects(state.cell_line)
    colours = palette()
    drawing = {"axis": state.axis, "truth": truth, "selected": state.tile}
    figure = tile_track(effects, result.grid, result.locus, colours, **drawing)
    st.plotly_chart(
        figure,
        theme=None,
        key=TRACK_KEY,
        on_select=_take_selection,
        selection_mode="points",
        config=chart_config(exports.file_stem(result, state.cell_line, "necessity")),
        alt=f"Effect of shuffling each tile on {result.locus.gene} in {state.cell_line}; the table has the numbers.",
    )
    if st.session_state.pop("tile clicked", False):
        st.rerun()
    _legend(effects)
    if state.tile is not None:
        _tile_line(effects, state.tile)
    if truth is not None:
        _answer_key(truth, result, state.cell_line)
    if repeat is None:
        return
    table, files, code = st.tabs(["Table", "Download", "Python"])
    with table:
        st.dataframe(effect_table(effects), hide_index=True, column_config=effect_columns(), height=320)
    with files:
        st.caption("Tables and tracks hold 0-based half-open positions, as BED does; the page shows 1-based ones.")
        stem = exports.file_stem(result, state.cell_line, "necessity")

        def page() -> str:
            return exports.html(tile_track(effects, result.grid, result.locus, LIGHT, **drawing))

        download_row(
            [
                Download("Table (TSV)", f"{stem}.tsv", "text/tab-separated-values", exports.tsv(effects)),
                Download(
                    "Effects (bedGraph)", f"{stem}.bedgraph", "text/plain", exports.bedgraph(result, state.cell_line)
                ),
                Download("Calls (BED)", f"{stem}.bed", "text/plain", exports.bed(result, state.cell_line)),
                Download("Figure (HTML)", f"{stem}.html", "text/html", page, "one file, works offline"),
                _provenance(result, state, repeat, stem),
            ]
        )
        st.caption("The camera above the chart saves it as SVG.")
    with code:
        _python(result, state, repeat)


def signed(number: float, digits: int = 3) -> str:
    """A number with its sign, a real minus, and no minus before a rounded zero."""
    text = f"{number:+.{digits}f}"
    return text.replace("-", "−") if float(text) else f"{0:.{digits}f}"


def _take_selection() -> None:
    """A click on a bar chooses its tile; a click elsewhere leaves the choice alone."""
    points = st.session_state[TRACK_KEY].selection.points
    tiles = [point["customdata"] for point in points if point.get("curve_number") == 0]
    if tiles:
        tile = tiles[0]
        put("tile", int(tile[0] if isinstance(tile, list | tuple) else tile))
        st.session_state["tile clicked"] = True


def _legend(effects: pd.DataFrame) -> None:
    computed = effects[effects["effect"].notna()]
    counts = computed["call"].value_counts()
    unsure = int(computed["uncertain"].sum())
    found = f"{counts.get('enhancer', 0)} enhancer and {counts.get('silencer', 0)} silencer tiles"
    st.caption(
        f"**{found}** of {len(effects)}, {unsure} uncertain. Bars are means over shuffles with 95% t intervals; "
        "pale bars are uncertain: their interval holds a cut-off. Click a bar to choose its tile."
    )


def _tile_line(effects: pd.DataFrame, tile: int) -> None:
    rows = effects[effects["tile"] == tile]
    if rows.empty:
        return
    row = rows.iloc[0]
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Tile {tile}**", width="content")
        st.code(f"{row['chrom']}:{row['genome_start'] + 1}-{row['genome_end']}", language=None, width="content")
        side = "upstream" if row["distance"] < 0 else "downstream"
        words = f"{abs(row['distance']) / 1000:.1f} kb {side} of the TSS"
        if math.isfinite(row["effect"]):
            words += f" · effect {signed(row['effect'])}"
            if math.isfinite(row["ci_low"]):
                words += f" [{signed(row['ci_low'])}, {signed(row['ci_high'])}]"
            words += f" · n = {row['n']} · call: {row['call']}" + (" (uncertain)" if row["uncertain"] else "")
        st.markdown(words)


def _answer_key(truth: pd.DataFrame, result: NecessityResult, cell_line: str) -> None:
    st.markdown("**Planted truth and what the test found**")
    if truth.empty:
        st.caption(f"Nothing was planted for {result.locus.gene} in {cell_line}: no tile should be called.")
        return
    compared = answer_key.compare(truth, result, cell_line)
    number, column = st.column_config.NumberColumn, st.column_config.TextColumn
    st.dataframe(
        compared.assign(distance=compared["distance"] / 1000),
        hide_index=True,
        column_config={
            "planted": column("Planted", width="small"),
            "strength": number("Strength", format="%+.2f", width="small", help="log-fold on the gene, as planted"),
            "rule": column("Rule", width="small"),
            "group": column("Group", width="small"),
            "distance": number("Distance, kb", format="%.1f", width="small"),
            "tile": number("Tile", width="small"),
            "effect": number("Effect", format="%+.3f", width="small"),
            "call": column("Call", width="small"),
            "agreement": column("Agreement", width="medium"),
        },
    )


def context_sentence(result: ContextResult, cell_line: str) -> str:
    """The result in words."""
    row = result.effects(cell_line).iloc[0]
    if not math.isfinite(row["effect"]):
        return "Nothing is computed yet."
    change = "loses" if row["effect"] >= 0 else "gains"
    share = abs(row["effect"])
    interval = (
        f" (effect {signed(row['effect'], 2)}, 95% interval {signed(row['ci_low'], 2)} to {signed(row['ci_high'], 2)})"
        if math.isfinite(row["ci_low"])
        else ""
    )
    sentence = (
        f"With its surroundings shuffled, {result.locus.gene} {change} {share:.0%} of its predicted activity in "
        f"{cell_line}{interval}: {CLASS_MEANING[row['call']]}."
    )
    if row["uncertain"]:
        sentence += " The interval holds a cut-off, so the class is uncertain; more shuffles narrow it."
    return sentence


def context_panel(result: ContextResult, state: PageState, repeat: Repeat | None) -> None:
    """Activity with and without context, the class, and the files."""
    effects = result.effects(state.cell_line)
    row = effects.iloc[0]
    colours = palette()
    stem = exports.file_stem(result, state.cell_line, "context")
    activity = context_activity(result, state.cell_line, colours)
    left, right = st.columns([5, 6], gap="medium")
    with left:
        st.plotly_chart(activity, theme=None, key="context activity", config=chart_config(stem))
    with right:
        if row["call"]:
            unsure = " :gray[(uncertain)]" if row["uncertain"] else ""
            st.markdown(f"#### {row['call'].capitalize()} context{unsure}")
        st.markdown(context_sentence(result, state.cell_line))
        st.plotly_chart(
            context_scale(result, state.cell_line, colours),
            theme=None,
            key="context scale",
            config=chart_config(f"{stem}_scale"),
        )
        st.caption(
            "Classes and cut-offs of the paper: enhancing above 0.95, neutral within 0.05 of 0, silencing below −0.3."
        )
    if repeat is None:
        return
    table, files, code = st.tabs(["Table", "Download", "Python"])
    with table:
        st.dataframe(effects, hide_index=True, column_config=effect_columns())
        mutants = result.mutants(state.cell_line)
        effect = shuffle_effect(result.wild_type(state.cell_line), mutants)
        st.dataframe(
            pd.DataFrame({"shuffle": range(len(mutants)), "mutant": mutants, "effect": effect}),
            hide_index=True,
            column_config=effect_columns(),
            height=250,
        )
    with files:

        def page() -> str:
            return exports.html(context_activity(result, state.cell_line, LIGHT))

        download_row(
            [
                Download("Table (TSV)", f"{stem}.tsv", "text/tab-separated-values", exports.tsv(effects)),
                Download("Figure (HTML)", f"{stem}.html", "text/html", page, "one file, works offline"),
                _provenance(result, state, repeat, stem),
            ]
        )
    with code:
        _python(result, state, repeat)


def _provenance(result: Result, state: PageState, repeat: Repeat, stem: str) -> Download:
    extra = {"source": repeat.source_label, "synthetic": repeat.synthetic, "cell_line": state.cell_line}
    return Download("Provenance (JSON)", f"{stem}.json", "application/json", exports.provenance(result, extra))


def _python(result: Result, state: PageState, repeat: Repeat) -> None:
    st.code(
        exports.python_lines(
            result,
            test=state.test,
            gene=state.gene,
            cell_line=state.cell_line,
            model_name=repeat.model_name,
            fasta=repeat.fasta,
            genes=repeat.genes,
        ),
        language="python",
    )
