"""The Interaction Test: the greedy trajectory, what it means, and where its tiles are."""

import pandas as pd
import streamlit as st

from creme_core.experiments.additivity import Additivity, compare
from dashboard import answer_key, exports
from dashboard.figures.trajectory import tile_order, trajectory
from dashboard.views.panel import Panel, chart, drawn, figure_file, go_to, repeat_tabs, table_file, tile_line
from dashboard.widgets import Download, effect_columns

__all__ = ["interaction_panel", "interaction_sentence"]

MEANING = {
    ("superadditive", "enhancer"): "together less is lost than adding up what each costs alone: the tiles need each "
    "other, so losing one already loses what they do together",
    ("subadditive", "enhancer"): "together more is lost than adding up what each costs alone: the tiles can stand in "
    "for each other",
    ("superadditive", "silencer"): "together more is gained than adding up what each holds back alone",
    ("subadditive", "silencer"): "together less is gained than adding up what each holds back alone",
}


def interaction_sentence(comparison: Additivity, search: str) -> str:
    """The class in words."""
    call = comparison.additive_class
    match call:
        case "":
            return "The class is not defined: the wild type has no activity."
        case "additive":
            meaning = "what the tiles do together is what they do alone, added up"
        case "unclassified":
            meaning = "the trajectory is neither close to the additive line nor clearly to one side of it"
        case _:
            meaning = MEANING[call, search]
    return f"**{call.capitalize()}**: {meaning}."


def interaction_panel(panel: Panel) -> None:
    """Trajectory, class, order of tiles, and the way on to set sufficiency."""
    result = panel.result
    if result is None:
        return
    comparison = compare(result)
    effects = result.effects()
    models = effects.assign(
        additive=comparison.trajectory["additive"], multiplicative=comparison.trajectory["multiplicative"]
    )
    st.markdown(interaction_sentence(comparison, result.settings.search))
    if comparison.missing:
        one = len(comparison.missing) == 1
        st.caption(
            f":material/warning: {len(comparison.missing)} tile{' that matters' if one else 's that matter'} alone "
            f"{'is' if one else 'are'} not in the trajectory yet, so the class may change with more rounds."
        )

    def draw(colours):
        return trajectory(result, comparison, colours)

    def draw_order(colours):
        return tile_order(result, colours)

    chart(
        drawn(panel, "trajectory", draw, len(effects)),
        "trajectory",
        panel.stem,
        "Activity by round; the table has the numbers.",
    )
    # Which tile was shuffled in which round is not among the published tables.
    placed = bool((effects["tile"] >= 0).all())
    if placed:
        st.markdown("**Where the tiles are, in the order they were shuffled**")
        chart(drawn(panel, "tile order", draw_order, len(effects)), "tile order", f"{panel.stem}_order", tiles_of=(1,))
        order = tuple(int(tile) for tile in effects["tile"])
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Are these tiles enough? Set Sufficiency", type="primary", icon=":material/arrow_forward:"):
                go_to("set_sufficiency", tiles=order)
            st.caption(f"In the order {', '.join(map(str, order))}. Click a marker to choose its tile.")
    tile_line(panel)
    _answers(panel)
    if panel.whole:
        files = [table_file(panel.stem, models), figure_file(panel.stem, draw)]
        if placed:
            bed = exports.places(effects, [f"round_{n}" for n in effects["round"]], f"{panel.locus.gene} interaction")
            files.append(Download("Tiles (BED)", f"{panel.stem}.bed", "text/plain", bed))
            files.append(figure_file(f"{panel.stem}_order", draw_order, "Order (HTML)"))
        repeat_tabs(panel, [("", models)], files)


def _answers(panel: Panel) -> None:
    if panel.truth is None:
        return
    st.markdown("**Planted truth and the round that found it**")
    if panel.truth.empty:
        st.caption(f"Nothing was planted for {panel.locus.gene} in {panel.state.cell_line}.")
        return
    found: pd.DataFrame = answer_key.by_round(panel.truth, panel.result)
    in_kb = found.assign(distance=found["distance"] / 1000)
    st.dataframe(in_kb, hide_index=True, column_config=effect_columns())
