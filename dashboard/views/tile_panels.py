"""Necessity and sufficiency: an effect for every tile along the window."""

import numpy as np
import pandas as pd
import streamlit as st

from creme_core.experiments import necessity
from creme_core.experiments.necessity import NecessityResult
from creme_core.experiments.sufficiency import SufficiencyResult
from creme_core.locus import Locus
from creme_core.tiles import TileGrid
from dashboard import answer_key, exports
from dashboard.figures.sufficiency_track import sufficiency_track
from dashboard.figures.tile_track import tile_track
from dashboard.views.panel import Panel, chart, figure_file, repeat_tabs, table_file, tile_line
from dashboard.widgets import Download, effect_columns, palette, plain

__all__ = ["necessity_panel", "sufficiency_panel"]

TRACK = "tile track"  # of both tests, so that a zoom and the bars' place stay when the test changes


def not_computed(locus: Locus, grid: TileGrid) -> NecessityResult:
    """A result without numbers, to draw the tiles before a test has run."""
    settings = necessity.Settings(tile_size=grid.tile_size, shuffles=1)
    tracks = pd.DataFrame(
        [(0, "", "CAGE", "", "", "")],
        columns=["index", "identifier", "assay", "cell_line", "strand", "description"],
    )
    count = 1 + len(grid.context_tiles)
    return necessity.summarise(locus, settings, tracks, np.full((count, 1), np.nan, np.float32), {})


def necessity_panel(panel: Panel) -> None:
    """The tile track, and below it the chosen tile, the answer key, the table and the files."""
    state, known = panel.state, panel.result is not None
    result = panel.result if known else not_computed(panel.locus, panel.grid)
    effects = result.effects(state.cell_line if known else 0)
    drawing = {"axis": state.axis, "truth": panel.truth, "selected": state.tile, "cutoffs": result.cutoffs}

    def draw(colours):
        return tile_track(effects, panel.grid, panel.locus, colours, **drawing)

    chart(
        draw(palette()),
        TRACK,
        exports.file_stem(result, state.cell_line, "necessity"),
        f"Effect of shuffling each tile on {panel.locus.gene} in {state.cell_line}; the table has the numbers.",
        tiles_of=(0,),
    )
    _counts(effects)
    _notes(panel.result)
    tile_line(panel, effects)
    _answers(panel, result)
    if panel.whole:
        repeat_tabs(panel, [("", effects)], _files(panel, effects, "(WT - MUT) / WT, mean over shuffles", draw))


def sufficiency_panel(panel: Panel) -> None:
    """The same for sufficiency, above necessity where that was run."""
    state, result = panel.state, panel.result
    if result is None:
        tile_line(panel)
        return
    effects = result.effects(state.cell_line, normalisation=state.normalisation)
    beside = panel.finished("necessity")

    def draw(colours):
        return sufficiency_track(
            result,
            state.cell_line,
            colours,
            necessity=beside,
            axis=state.axis,
            normalisation=state.normalisation,
            selected=state.tile,
            truth=panel.truth,
        )

    chart(
        draw(palette()),
        "sufficiency track",
        panel.stem,
        f"Effect of each tile on its own on {panel.locus.gene} in {state.cell_line}; the table has the numbers.",
        tiles_of=(0,) if beside is None else (0, 2),
    )
    _counts(effects)
    _chosen_divisor(result, state.cell_line, state.normalisation)
    if beside is None:
        st.caption("Run the Necessity Test with these settings and it is drawn below on the same axis.")
    elif panel.whole:
        _both(effects, beside.effects(state.cell_line))
    tile_line(panel, effects)
    _answers(panel, result)
    if panel.whole:
        divisor = {"wild_type": "WT", "control": "CONTROL"}[effects["normalisation"].iloc[0]]
        description = f"(MUT - CONTROL) / {divisor}, mean over shuffles"
        repeat_tabs(panel, [("", effects)], _files(panel, effects, description, draw))


def _files(panel: Panel, effects: pd.DataFrame, description: str, draw) -> list[Download]:
    name = f"{panel.locus.gene} {panel.entry.key} {panel.state.cell_line}"
    track = exports.bedgraph(effects, name, description)
    calls = exports.bed(effects, f"{panel.locus.gene} calls {panel.state.cell_line}")
    return [
        table_file(panel.stem, effects),
        Download("Effects (bedGraph)", f"{panel.stem}.bedgraph", "text/plain", track),
        Download("Calls (BED)", f"{panel.stem}.bed", "text/plain", calls),
        figure_file(panel.stem, draw),
    ]


def _counts(effects: pd.DataFrame) -> None:
    computed = effects[effects["effect"].notna()]
    counts = computed["call"].value_counts()
    unsure = int(computed["uncertain"].sum())
    found = f"{counts.get('enhancer', 0)} enhancer and {counts.get('silencer', 0)} silencer tiles"
    spent = int(effects["n"].sum())
    most = int(effects["n"].max())
    drawn = f" {spent:,} shuffles, 5 to {most} a tile." if computed["n"].nunique() > 1 else ""
    st.caption(
        f"**{found}** of {len(effects)}, {unsure} uncertain.{drawn} Bars are means over shuffles with 95% t intervals; "
        "pale bars are uncertain: their interval holds a cut-off. Click a bar to choose its tile."
    )


def _notes(result: NecessityResult | None) -> None:
    for note in () if result is None else result.notes:
        st.info(plain(note), icon=":material/info:")


def _chosen_divisor(result: SufficiencyResult, cell_line: str, asked: str) -> None:
    context = result.context(cell_line)["call"].iloc[0]
    used = {"wild_type": "the wild type", "control": "the TSS tile alone"}[result.normalisation(cell_line, asked=asked)]
    why = f", since the context is {context}" if asked == "auto" and context else ""
    st.caption(f"The effect is over {used}{why}.")


def _both(sufficient: pd.DataFrame, needed: pd.DataFrame) -> None:
    """Which tiles the two tests agree on, in a sentence."""
    alone = set(sufficient.loc[sufficient["call"] == "enhancer", "tile"])
    necessary = set(needed.loc[needed["call"] == "enhancer", "tile"])

    def listed(tiles: set[int]) -> str:
        return ", ".join(map(str, sorted(tiles))) or "none"

    st.markdown(
        f"Enhancer tiles that are **sufficient and necessary**: {listed(alone & necessary)} · **sufficient only** "
        f"(something stands in for them): {listed(alone - necessary)} · **necessary only** (they need others): "
        f"{listed(necessary - alone)}"
    )


def _answers(panel: Panel, result: NecessityResult | SufficiencyResult) -> None:
    if panel.truth is None:
        return
    st.markdown("**Planted truth and what the test found**")
    if panel.truth.empty:
        st.caption(f"Nothing was planted for {panel.locus.gene} in {panel.state.cell_line}: no tile should be called.")
        return
    compared = answer_key.compare(panel.truth, result, panel.state.cell_line if panel.result is not None else 0)
    in_kb = compared.assign(distance=compared["distance"] / 1000)
    st.dataframe(in_kb, hide_index=True, column_config=effect_columns())
