"""Explore a locus: choose a gene and a cell line, run a test, read the result."""

from concurrent.futures import Future
from dataclasses import replace

import streamlit as st

from creme_core.experiments.result import Result
from creme_core.locus import Locus
from creme_core.sources import Source
from creme_core.tiles import TileGrid
from dashboard import answer_key, data
from dashboard.catalogue import LOCUS_TESTS
from dashboard.engine import Engine, Request
from dashboard.state import LOCUS_PAGE, PageState, fit_to_grid
from dashboard.views.chromatin_panel import chromatin_panel
from dashboard.views.facts import draw_facts
from dashboard.views.inputs import controls, offer_genes, offer_tile, suggested_tile
from dashboard.views.panel import Panel
from dashboard.views.panels import PANELS
from dashboard.views.published import published_page
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
from dashboard.widgets import choice, gene_picker, plain, put, radio

GALLERY_COLUMNS = 3
TILE_TESTS = ("necessity", "sufficiency")  # whose effects are of tiles


def choose(state: PageState, opened: Source, loading: Future[Engine]) -> tuple[PageState, Engine]:
    """The side bar below source and model: everything else that decides what is computed."""
    with st.sidebar:
        gene = gene_picker(data.gene_names(state.source), state.source, state.gene)
        tss = tss_box(state, gene)
        line_place = st.empty()
        test = radio("Test", "test", {key: entry.title for key, entry in LOCUS_TESTS.items()}, state.test)
    state = settings_box(replace(state, gene=gene, tss=tss, test=test), LOCUS_TESTS[test].auto)
    engine = await_engine(
        loading,
        model_name(state, opened),
        lambda: line_place.selectbox("Cell line", [], placeholder="waiting for the model", disabled=True),
    )
    with line_place.container():
        state = replace(state, cell_line=cell_line_box(state.cell_line, engine))
    return state, engine


def tss_box(state: PageState, gene: str) -> str:
    """Which of the gene's TSSs; "" for the one its name means, and where there is no choice."""
    names = data.tss_names(state.source, gene) if gene else {}
    if len(names) < 2:
        return ""
    wanted = state.tss if gene == state.gene and state.tss in names else next(iter(names))
    chosen = choice(f"TSS, one of {len(names)}", f"tss {gene}", tuple(names), wanted, format_func=names.__getitem__)
    return "" if chosen == next(iter(names)) else chosen


def welcome(opened: Source, name: str) -> None:
    """What is shown before a gene is chosen."""
    st.markdown("## What drives a gene, according to a network?")
    st.markdown(
        "Choose a gene on the left and run a test: stretches of its surroundings are shuffled, a "
        "sequence-to-expression network predicts the gene's activity again, and the difference says what the "
        "network thinks those stretches do."
    )
    if "description" not in opened.genes:
        st.caption(f"{len(opened.genes):,} genes in {plain(opened.label)}.")
        return
    st.markdown("**Each gene of the demo world was made to show one thing.**")
    genes = list(opened.genes[["gene", "description"]].itertuples(index=False))
    for first in range(0, len(genes), GALLERY_COLUMNS):
        # A row at a time, so that the cards of a row are of one height.
        for column, (gene, description) in zip(st.columns(GALLERY_COLUMNS), genes[first:], strict=False):
            with column.container(border=True, gap=None, height="stretch"):
                st.button(
                    gene,
                    key=f"open {gene}",
                    type="tertiary",
                    icon=":material/arrow_forward:",
                    on_click=put,
                    args=(f"gene {name}", gene),
                )
                st.caption(plain(description))


def finished_result(engine: Engine, locus: Locus, state: PageState, test: str) -> Result | None:
    """The result of a test of this locus with the settings on screen, if it has been run to its end."""
    entry = LOCUS_TESTS[test]
    try:
        request = Request(entry, (locus,), entry.settings(state, locus.length))
    except ValueError:
        return None
    run = engine.snapshot(request, st.session_state["session"])
    return run.result if run is not None and run.state == "done" else None


def known_context(engine: Engine, locus: Locus, state: PageState):
    """The table of the context class: of the Context Dependence Test, or of one that has the same mutants."""
    result = finished_result(engine, locus, state, "context")
    if result is not None:
        return result.effects(state.cell_line)
    for test in ("sufficiency", "distance"):
        result = finished_result(engine, locus, state, test)
        if result is not None:
            return result.context(state.cell_line)
    return None


def shown_tiles(engine: Engine, locus: Locus, state: PageState) -> Result | None:
    """The result whose tiles the overlay draws: of the test on screen, else of the Necessity Test, if it was run."""
    for test in dict.fromkeys((state.test, "necessity")):
        if test in TILE_TESTS:
            result = finished_result(engine, locus, state, test)
            if result is not None:
                return result
    return None


def draw_run(engine: Engine, opened: Source, locus: Locus, state: PageState, request: Request) -> None:
    """The run and its result."""
    session = st.session_state["session"]
    truth = None
    if state.truth and "truth" in request.entry.controls and hasattr(opened, "truth"):
        truth = answer_key.planted(opened.truth, locus, state.cell_line)

    def pending() -> bool:
        run = engine.snapshot(request, session)
        return run is not None and run.unfinished

    def draw() -> None:
        run = engine.snapshot(request, session)
        run_panel(run, request, engine, session)
        result = None if run is None else run.result
        panel = Panel(
            entry=request.entry,
            state=state,
            opened=opened,
            locus=locus,
            grid=TileGrid(locus.length, request.settings.tile_size),
            result=result,
            # Files of a run that goes on would be out of date, and their links dead, before anybody could click them.
            whole=result is not None and not run.unfinished,
            repeat=repeat_of(state, opened),
            finished=lambda test: finished_result(engine, locus, state, test),
            truth=truth,
        )
        PANELS[request.entry.key](panel)

    follow(draw, pending)


def show(state: PageState, opened: Source, engine: Engine) -> PageState:
    """Everything about one gene; returns the state with the choices made here."""
    try:
        with st.spinner("Reading the sequence; over the network it takes some seconds."):
            locus = data.locus(state.source, state.gene, engine.model.input_length, state.tss)
    except (ValueError, OSError) as error:
        st.error(plain(str(error)), icon=":material/error:")
        if isinstance(error, ValueError):
            offer_genes(state.source, opened, state.gene)
        welcome(opened, state.source)
        return state
    st.markdown(
        f"### {plain(locus.gene)}  :gray[TSS {plain(locus.chrom)}\\:{locus.tss + 1:,} (1-based) · "
        f"{'+' if locus.strand == '+' else '−'} strand · {plain(state.cell_line)}]"
    )
    world = "**synthetic** · " if opened.synthetic else ""
    st.caption(
        f"{world}{plain(opened.label)}. Results are what the model says about this sequence, not measurements. "
        + plain(" ".join(locus.notes))
    )
    entry = LOCUS_TESTS[state.test]
    draw_facts(engine, opened, locus, state, known_context(engine, locus, state))
    introduce(entry, engine.cutoffs)
    try:
        # A tile may be missing still; its place among the settings is looked at below.
        LOCUS_TESTS["necessity"].settings(state, locus.length)
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return state
    grid = TileGrid(locus.length, state.tile_size)
    state, wrong = fit_to_grid(state, grid)
    for sentence in wrong:
        st.warning(sentence, icon=":material/link_off:")
    st.session_state["warnings"] += wrong  # from the next run on they stand at the top
    state = controls(state, entry, grid, hasattr(opened, "truth"))
    lacking = entry.lacks(state)
    if lacking:
        offered = None
        if "cre" in entry.needs:
            offered = suggested_tile(lambda test: finished_result(engine, locus, state, test), state.cell_line)
        offer_tile(lacking, offered)
        return state
    try:
        request = Request(entry, (locus,), entry.settings(state, locus.length))
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return state
    draw_run(engine, opened, locus, state, request)
    result = shown_tiles(engine, locus, state)
    effects = None if result is None else result.effects(state.cell_line)
    return chromatin_panel(state, opened, locus, effects, result, engine)


def page() -> None:
    """The whole page."""
    state, sources = begin_page()
    top = st.container()
    state, opened, loading = source_box(state, sources)
    if loading is None:
        state = published_page(state, opened, top)
    else:
        state, engine = choose(state, opened, loading)
        with top:
            store_notes()
            link_warnings()
        if state.gene:
            state = show(state, opened, engine)
        else:
            welcome(opened, state.source)
    end_page(state, LOCUS_PAGE)


page()
