"""Swap contexts: every chosen gene's promoter in every other gene's surroundings."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from creme_core.experiments.swap import SwapResult
from creme_core.locus import Locus
from creme_core.sources import Source
from creme_core.tiles import TileGrid
from dashboard import data
from dashboard.catalogue import MOST_SWAPPED, SWAP
from dashboard.engine import Engine, Request
from dashboard.figures.swap_matrix import swap_boxes, swap_matrix
from dashboard.state import SWAP_PAGE, PageState
from dashboard.views.panel import Panel, chart, figure_file, repeat_tabs, table_file
from dashboard.views.run_panel import follow, introduce, run_panel
from dashboard.views.sidebar import (
    await_engine,
    begin_page,
    cell_line_box,
    end_page,
    link_warnings,
    model_name,
    repeat_of,
    settings_box,
    source_box,
    store_notes,
)
from dashboard.widgets import palette, plain, several

# Of the demo: contexts that enhance, hold down, do nothing, and depend on the cell line.
DEMO_GENES = ("SOLO1", "MANY1", "HUSH1", "HOUSE1", "FLIP1", "MINUS1")


def pick_genes(state: PageState) -> tuple[str, ...]:
    """The genes of the swap."""
    names = {name: name for name in data.gene_names(state.source)}
    first = state.genes or (tuple(name for name in DEMO_GENES if name in names) if state.source == "demo" else ())
    names |= {name: name for name in first if name not in names}  # of a link; the source says what is wrong with it
    return several(
        "Genes",
        f"genes {state.source}",
        names,
        first,
        help=f"2 to {MOST_SWAPPED}; each gives its promoter and its context",
        placeholder="Choose genes",
    )


def read(state: PageState, length: int) -> tuple[Locus, ...]:
    """The windows of the chosen genes.

    Raises:
        ValueError: too few or too many genes, an unknown one, or a window that is refused.
    """
    if len(state.genes) < 2:
        raise ValueError("A swap needs at least two genes; choose them above.")
    if len(state.genes) > MOST_SWAPPED:
        raise ValueError(
            f"{len(state.genes)} genes are chosen; this page takes at most {MOST_SWAPPED}, as it predicts every pair; "
            "take some out, or run creme.context_swap from Python."
        )
    return tuple(data.locus(state.source, gene, length) for gene in state.genes)


def swap_sentence(result: SwapResult, cell_line: str) -> str:
    """How far the surroundings move a promoter, in words."""
    pairs = result.effects(cell_line)
    pairs = pairs[pairs["source"] != pairs["target"]]
    if not len(pairs) or pairs["fold_over_wild_type"].isna().all():
        return "Nothing is computed yet."
    least = pairs.loc[pairs["fold_over_wild_type"].idxmin()]
    most = pairs.loc[pairs["fold_over_wild_type"].idxmax()]
    return (
        f"{plain(least['source'])} falls to **{least['fold_over_wild_type']:.2g}** of its activity in the context of "
        f"{plain(least['target'])}; {plain(most['source'])} has **{most['fold_over_wild_type']:.2g} times** its own in "
        f"that of {plain(most['target'])}."
    )


def swap_panel(panel: Panel) -> None:
    """The matrix, the boxes by class, tables and files."""
    result, line = panel.result, panel.state.cell_line
    if result is None:
        return

    def draw(colours):
        return swap_matrix(result, line, colours)

    def draw_boxes(colours):
        return swap_boxes(result, line, colours)

    st.markdown(swap_sentence(result, line))
    chart(draw(palette()), "swap matrix", panel.stem, "Activity of each promoter in each context; see the table.")
    if panel.whole:
        st.markdown("**By the class of the context they go into**")
        chart(draw_boxes(palette()), "swap boxes", f"{panel.stem}_boxes")
        pairs = result.effects(line)
        matrix: pd.DataFrame = result.matrix(line).rename_axis("source").reset_index()
        files = [
            table_file(panel.stem, pairs, "Pairs (TSV)"),
            table_file(f"{panel.stem}_matrix", matrix, "Matrix (TSV)"),
            figure_file(panel.stem, draw),
            figure_file(f"{panel.stem}_boxes", draw_boxes, "Boxes (HTML)"),
        ]
        repeat_tabs(panel, [("", pairs)], files)


def draw_run(engine: Engine, opened: Source, state: PageState, request: Request) -> None:
    """The run and its result."""
    session = st.session_state["session"]
    first = request.loci[0]

    def pending() -> bool:
        run = engine.snapshot(request, session)
        return run is not None and run.unfinished

    def draw() -> None:
        run = engine.snapshot(request, session)
        run_panel(run, request, engine, session)
        result = None if run is None else run.result
        swap_panel(
            Panel(
                entry=SWAP,
                state=state,
                opened=opened,
                locus=first,
                grid=TileGrid(first.length, request.settings.tile_size),
                result=result,
                whole=result is not None and not run.unfinished,
                repeat=repeat_of(state, opened),
                finished=lambda _: None,
            )
        )

    follow(draw, pending)


def page() -> None:
    """The whole page."""
    state, sources = begin_page()
    top = st.container()
    state, opened, loading = source_box(state, tuple(name for name in sources if name != "published"))
    line_place = st.sidebar.empty()
    state = settings_box(state, None)
    st.markdown("### Swap contexts")
    st.caption(
        f"{'**synthetic** · ' if opened.synthetic else ''}{plain(opened.label)}. Results are what the model says about "
        "these sequences, not measurements."
    )
    introduce(SWAP)
    state = replace(state, genes=pick_genes(state))
    engine = await_engine(loading, model_name(state, opened), lambda: None)
    with line_place.container():
        state = replace(state, cell_line=cell_line_box(state.cell_line, engine))
    with top:
        store_notes()
        link_warnings()
    try:
        loci = read(state, engine.model.input_length)
        settings = SWAP.settings(state, engine.model.input_length)
        draw_run(engine, opened, state, Request(SWAP, loci, settings))
    except (ValueError, OSError) as error:
        st.error(plain(str(error)), icon=":material/error:")
    end_page(state, SWAP_PAGE)


page()
