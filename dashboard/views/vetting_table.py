"""The whole worklist as a table, some hundred rows at a time."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from creme_core.vetting.decisions import Desk
from dashboard.state import PageState

__all__ = ["whole_list"]

ROWS = 500


def whole_list(desk: Desk, state: PageState, move: Callable[[str], None]) -> None:
    """The list, read only while it is open; a row that is chosen comes onto the desk."""
    opened = st.expander("The whole list", icon=":material/list:", key="whole list", on_change="rerun")
    if not opened.open:
        return
    with opened:
        total = desk.progress(state.worklist, state.reviewer).total
        place = desk.position(state.worklist, state.element)
        first = place // ROWS * ROWS
        if total > ROWS:
            pages = range(0, total, ROWS)
            first = st.selectbox(
                "Elements",
                pages,
                index=place // ROWS,
                format_func=lambda start: f"{start + 1:,} to {min(start + ROWS, total):,}",
                key=f"page of {state.worklist} {place // ROWS}",
            )
        table = desk.elements(state.worklist, state.reviewer, first, ROWS)
        key = f"list {state.worklist} {first}"
        st.dataframe(
            shown(table, first),
            hide_index=True,
            height=360,
            on_select=lambda: _choose(key, table["element_id"].tolist(), move),
            selection_mode="single-row",
            key=key,
            column_config={"score": st.column_config.NumberColumn("score", format="%.3g")},
        )


def shown(table: pd.DataFrame, first: int) -> pd.DataFrame:
    """For people: numbered from 1, places 1-based and inclusive."""
    places = [f"{row.chrom}:{row.start + 1:,}–{row.end:,}" for row in table.itertuples()]
    numbered = pd.DataFrame({"no.": range(first + 1, first + 1 + len(table)), "place (1-based)": places})
    rest = ["gene", "cell_line", "kind", "score", "name", "decision", "reason"]
    return pd.concat([numbered, table[rest].rename(columns={"cell_line": "cell line"})], axis=1)


def _choose(key: str, names: list[str], move: Callable[[str], None]) -> None:
    rows = st.session_state[key].selection.rows
    if rows and rows[0] < len(names):
        move(names[rows[0]])
