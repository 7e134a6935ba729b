"""The Context Dependence Test: what the surroundings as a whole do."""

import math

import pandas as pd
import streamlit as st

from creme_core.effects import shuffle_effect
from creme_core.experiments.context import ContextResult
from dashboard.figures.context_scale import context_activity, context_scale
from dashboard.views.panel import Panel, chart, figure_file, repeat_tabs, table_file
from dashboard.widgets import palette, plain, signed

__all__ = ["context_panel", "context_sentence"]

CLASS_MEANING = {
    "enhancing": "the surroundings supply nearly all of the activity",
    "neutral": "the surroundings make no difference",
    "silencing": "the surroundings hold the activity back",
    "unclassified": "between the classes",
}


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
        f"With its surroundings shuffled, {plain(result.locus.gene)} {change} {share:.0%} of its predicted activity in "
        f"{plain(cell_line)}{interval}: {CLASS_MEANING[row['call']]}."
    )
    if row["uncertain"]:
        sentence += " The interval holds a cut-off, so the class is uncertain; more shuffles narrow it."
    return sentence


def context_panel(panel: Panel) -> None:
    """Activity with and without context, the class, and the files."""
    state, result = panel.state, panel.result
    if result is None:
        return
    effects = result.effects(state.cell_line)
    row = effects.iloc[0]
    left, right = st.columns([5, 6], gap="medium")
    with left:
        chart(context_activity(result, state.cell_line, palette()), "context activity", panel.stem)
    with right:
        if row["call"]:
            unsure = " :gray[(uncertain)]" if row["uncertain"] else ""
            st.markdown(f"#### {row['call'].capitalize()} context{unsure}")
        st.markdown(context_sentence(result, state.cell_line))
        chart(context_scale(result, state.cell_line, palette()), "context scale", f"{panel.stem}_scale")
        cut = result.cutoffs
        st.caption(
            f"Classes and cut-offs of the paper: enhancing above {cut.enhancing:g}, neutral within {cut.neutral:g} of "
            f"0, silencing below −{-cut.silencing:g}."
        )
    if not panel.whole:
        return
    mutants = result.mutants(state.cell_line)
    each = pd.DataFrame(
        {
            "shuffle": range(len(mutants)),
            "mutant": mutants,
            "effect": shuffle_effect(result.wild_type(state.cell_line), mutants),
        }
    )
    files = [
        table_file(panel.stem, effects),
        figure_file(panel.stem, lambda colours: context_activity(result, state.cell_line, colours)),
    ]
    repeat_tabs(panel, [("", effects), ("Each shuffle", each)], files)
