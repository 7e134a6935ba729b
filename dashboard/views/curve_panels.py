"""Tests that end in a curve: distance, set sufficiency, multiplicity."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import exports
from dashboard.figures.distance_curve import distance_curve, distance_decay
from dashboard.figures.dosage_curve import dosage_curve
from dashboard.figures.set_curve import set_curve
from dashboard.views.panel import Panel, chart, drawn, figure_file, repeat_tabs, table_file, tile_line
from dashboard.widgets import Download, palette, signed

__all__ = ["distance_panel", "multiplicity_panel", "set_sufficiency_panel"]

ENOUGH = 0.9  # of the wild type, to say that a set restores the gene
SATURATED = 0.95  # of the highest fold


def distance_panel(panel: Panel) -> None:
    """The effect at every place, and both directions folded on one axis."""
    state, result = panel.state, panel.result
    if result is None:
        tile_line(panel)
        return
    effects = result.effects(state.cell_line)

    def draw(colours):
        return distance_curve(result, state.cell_line, colours, shown=state.shown)

    def draw_decay(colours):
        return distance_decay(result, state.cell_line, colours, state.shown)

    if effects["effect"].notna().any():
        st.markdown(_reach(effects))
    chart(draw(palette()), "distance curve", panel.stem, "The effect by distance; the table has the numbers.")
    st.markdown("**How fast it decays on either side**")
    chart(draw_decay(palette()), "distance decay", f"{panel.stem}_decay")
    tile_line(panel)
    if panel.whole:
        name = f"{panel.locus.gene} tile {state.tile} moved {state.cell_line}"
        track = exports.bedgraph(effects, name, "effect of the tile at that place, mean over shuffles")
        files = [
            table_file(panel.stem, effects),
            Download("Effect by place (bedGraph)", f"{panel.stem}.bedgraph", "text/plain", track),
            figure_file(panel.stem, draw),
            figure_file(f"{panel.stem}_decay", draw_decay, "Decay (HTML)"),
        ]
        repeat_tabs(panel, [("", effects)], files)


def _reach(effects: pd.DataFrame) -> str:
    """The strongest place on each side and how much is left at the ends."""
    strongest = effects.loc[effects["effect"].abs().idxmax()]
    parts = []
    for side, rows in (
        ("upstream", effects[effects["distance"] < 0].sort_values("distance", ascending=False)),
        ("downstream", effects[effects["distance"] > 0].sort_values("distance")),
    ):
        known = rows["effect"].dropna()
        if known.empty or not strongest["effect"]:
            continue
        below = rows[rows["effect"] / strongest["effect"] < 0.5]
        reach = f"{abs(below.iloc[0]['distance']) / 1000:.0f} kb" if len(below) else "nowhere in the window"
        parts.append(f"{side} at {reach}" if len(below) else f"{side} {reach}")
    where = f"{abs(strongest['distance']) / 1000:.0f} kb {'upstream' if strongest['distance'] < 0 else 'downstream'}"
    halves = f"; it is first below half of that {' and '.join(parts)}" if parts else ""
    return f"The tile does most {where} (effect {signed(strongest['effect'], 2)}){halves}."


def set_sufficiency_panel(panel: Panel) -> None:
    """Activity by number of tiles."""
    state, result = panel.state, panel.result
    if result is None:
        return
    effects = result.effects(state.cell_line)
    known = effects["fold_over_wild_type"].notna().any()  # the published sets of silencers are over CONTROL only
    shown = "wild_type" if state.normalisation != "control" and known else "control"

    def draw(colours):
        return set_curve(result, state.cell_line, colours, shown=shown)

    restored = effects["fold_over_wild_type"]
    if restored.notna().all():
        enough = effects.loc[restored >= ENOUGH, "tiles"]
        words = (
            f"{enough.iloc[0]} of them are enough for {ENOUGH:.0%} of the wild type"
            if len(enough)
            else f"they do not reach {ENOUGH:.0%} of the wild type"
        )
        st.markdown(
            f"The TSS tile alone has **{restored.iloc[0]:.0%}** of the wild type's activity, with all "
            f"{len(effects) - 1} tiles **{restored.iloc[-1]:.0%}**; {words}."
        )
    chart(draw(palette()), "set curve", panel.stem, "Activity by number of tiles; the table has the numbers.")
    if panel.whole:
        in_order = effects[effects["tiles"] > 0]
        bed = exports.places(in_order, [f"added_{n}" for n in in_order["tiles"]], f"{panel.locus.gene} set")
        files = [
            table_file(panel.stem, effects),
            Download("Tiles (BED)", f"{panel.stem}.bed", "text/plain", bed),
            figure_file(panel.stem, draw),
        ]
        repeat_tabs(panel, [("", effects)], files)


def multiplicity_panel(panel: Panel) -> None:
    """Activity by number of copies."""
    state, result = panel.state, panel.result
    if result is None:
        tile_line(panel)
        return
    effects = result.effects(state.cell_line)

    def draw(colours):
        return dosage_curve(result, state.cell_line, colours)

    fold = effects["fold_over_control"].to_numpy()
    if panel.whole and np.isfinite(fold).all():
        st.markdown(_dosage(fold, result.settings.search))
    chart(
        drawn(panel, "dosage curve", draw, len(effects)),
        "dosage curve",
        panel.stem,
        "Activity by number of copies; the table has the numbers.",
    )
    tile_line(panel)
    if panel.whole:
        bed = exports.places(effects, [f"copy_{n}" for n in effects["copies"]], f"{panel.locus.gene} copies")
        files = [
            table_file(panel.stem, effects),
            Download("Places (BED)", f"{panel.stem}.bed", "text/plain", bed),
            figure_file(panel.stem, draw),
        ]
        repeat_tabs(panel, [("", effects)], files)


def _dosage(fold: np.ndarray, search: str) -> str:
    if search == "silencer":
        return f"{len(fold)} copies bring activity to **{fold[-1]:.2f}** of what one copy at its own place leaves."
    reached = int(np.argmax(fold >= SATURATED * fold.max())) + 1
    words = (
        f"{SATURATED:.0%} of that is there with {reached}, so the gene saturates"
        if reached < 0.8 * len(fold)
        else "it was still rising at the last copy"
    )
    copies = int(fold.argmax()) + 1
    return (
        f"Activity is highest with {copies} cop{'y' if copies == 1 else 'ies'}, **{fold.max():.2f} times** that of one "
        f"copy at its own place; {words}."
    )
