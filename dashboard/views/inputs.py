"""The row above a picture: what the test looks at, and how it is drawn."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from creme_core.experiments.result import Result
from creme_core.tiles import TileGrid
from dashboard import data
from dashboard.catalogue import Entry
from dashboard.state import AXES, SHOWN, PageState
from dashboard.widgets import optional, plain, put, several, signed, switch, toggle, whole_number

__all__ = ["controls", "offer_genes", "offer_tile", "suggested_tile"]

MOST_OFFERED = 6  # genes after one that was not found

SEARCH_NAMES = {"enhancer": "Enhancers", "silencer": "Silencers"}
NORMALISATION_NAMES = {"auto": "Paper's rule", "wild_type": "Over wild type", "control": "Over control"}
HIDDEN = {"label_visibility": "collapsed"}


def controls(state: PageState, entry: Entry, grid: TileGrid, key_known: bool) -> PageState:
    """The widgets a test asks for, side by side; returns the state with their values.

    key_known: whether the source has an answer key to show.
    """
    tss = grid.tiles.index(grid.tss_tile)
    tiles = {number: f"Tile {number}" for number in range(len(grid.tiles)) if number != tss}
    free, chosen = len(grid.context_tiles), {}
    if not entry.controls:
        return state
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name in entry.controls:
            match name:
                case "axis":
                    chosen[name] = switch("Axis", "axis", AXES, state.axis, **HIDDEN)
                case "normalisation":
                    names = dict(NORMALISATION_NAMES)
                    if entry.key == "set_sufficiency":
                        del names["auto"]
                    first = state.normalisation if state.normalisation in names else next(iter(names))
                    picked = switch("Effect", f"normalisation {entry.key}", names, first, **HIDDEN)
                    if picked != first:
                        chosen[name] = picked
                case "shown":
                    chosen[name] = switch("Curve", "shown", SHOWN, state.shown, **HIDDEN)
                case "search":
                    chosen[name] = switch("Search for", "search", SEARCH_NAMES, state.search, **HIDDEN)
                case "truth" if key_known:
                    chosen[name] = toggle(
                        "Show planted truth", "truth", state.truth, "the answer key of the demo world"
                    )
                case "tile":
                    chosen[name] = optional(
                        "Tile", "tile", tiles, state.tile, placeholder="Choose a tile", width=160, **HIDDEN
                    )
                case "tiles":
                    chosen[name] = several(
                        "Tiles, in the order they are added", "tiles", tiles, state.tiles, placeholder="Choose tiles"
                    )
                case "rounds":
                    told = f"tiles to shuffle one on top of the other; at most {free} here"
                    chosen[name] = whole_number(
                        "Rounds", "rounds", state.rounds, 1, told, min_value=1, max_value=free, width=150
                    )
                case "copies":
                    told = f"15 in the paper; at most {free} here"
                    chosen[name] = whole_number(
                        "Copies", "copies", state.copies, 1, told, min_value=1, max_value=free, width=150
                    )
    return replace(state, **chosen)


def offer_genes(source_name: str, opened: Any, typed: str) -> None:
    """Buttons for the genes that a text may mean: those whose name holds it, or that are nearest to a place."""
    found = opened.search(typed, MOST_OFFERED)
    if found.empty:
        return
    known = data.gene_names(source_name)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Do you mean", width="content")
        for row in found.itertuples():
            place = f"{row.chrom}:{row.tss + 1}:{row.strand}"
            name = next((name for name in (row.gene, row.gene_id) if name in known), place)
            label = row.gene if name == row.gene else f"{row.gene} · {name}"
            st.button(plain(label), key=f"offered {place}", on_click=put, args=(f"gene {source_name}", name))


def suggested_tile(finished: Callable[[str], Result | None], cell_line: str) -> tuple[int, float, str] | None:
    """The tile with the largest effect that is known: its number, its effect, and the title of the test."""
    for key, title in (("necessity", "Necessity Test"), ("sufficiency", "Sufficiency Test")):
        result = finished(key)
        if result is None:
            continue
        effects = result.effects(cell_line).dropna(subset=["effect"])
        if len(effects):
            row = effects.loc[effects["effect"].abs().idxmax()]
            return int(row["tile"]), float(row["effect"]), title
    return None


def offer_tile(sentence: str, suggestion: tuple[int, float, str] | None) -> None:
    """Say that a tile is missing and offer the one that matters most."""
    st.info(sentence, icon=":material/touch_app:")
    if suggestion is None:
        return
    tile, effect, title = suggestion
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(f"Use tile {tile}", type="primary", key="use suggested tile"):
            put("tile", tile)
            put("search", "silencer" if effect < 0 else "enhancer")
            st.rerun()
        st.caption(f"It has the largest effect of the {title}: {signed(effect)}.")
