"""Explore a locus: choose a gene and a cell line, run a test, read the result."""

import uuid
from collections.abc import Callable
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from creme_core.experiments import necessity
from creme_core.experiments.result import Settings
from creme_core.locus import Locus
from creme_core.models.base import resolve_readout
from creme_core.sources import Source
from creme_core.tiles import TileGrid
from dashboard import answer_key, data
from dashboard.engine import MOST_GENES, Engine, planned_sequences, settings_of
from dashboard.jobs import Snapshot
from dashboard.state import AXES, TESTS, PageState, enter, leave, quoted
from dashboard.views.result_panels import Repeat, context_panel, necessity_panel
from dashboard.views.run_panel import run_panel
from dashboard.widgets import (
    choice,
    compact,
    gene_picker,
    optional,
    plain,
    put,
    radio,
    settle_widgets,
    switch,
    toggle,
    whole_number,
)

SOURCE_NAMES = {"demo": "Demo (synthetic)", "fasta": "Own genome"}
GALLERY_COLUMNS = 3
POLL_SECONDS = 0.4
LINES_NAMED = 8  # cell lines a warning lists
MODEL_SECONDS = 300  # longest wait for a model to load


def stop_with(sentence: str) -> None:
    """End the page with one plain sentence."""
    st.error(plain(sentence), icon=":material/error:")
    st.stop()


def choose(state: PageState, sources: tuple[str, ...]) -> tuple[PageState, Source, Engine]:
    """The side bar: everything that decides what is computed."""
    with st.sidebar:
        name = choice("Source", "source", sources, state.source, format_func=SOURCE_NAMES.__getitem__)
    if name != state.source:
        state = replace(state, source=name, gene="", cell_line="", tile=None)
    try:
        opened = data.source(name)
    except (ValueError, OSError) as error:
        # The other sources stay within reach: the picker above is already on the page.
        stop_with(f"The source {name} can't be opened. {error}")
    loading = data.engines().begin(opened.model_name)
    with st.sidebar:
        gene = gene_picker(data.gene_names(name), name, state.gene)
        line_place = st.empty()
        test = radio("Test", "test", TESTS, state.test)
        with st.container(border=True):
            tile_size = whole_number("Tile size, bp", "tile_size", state.tile_size, 500, "5,000 in the paper")
            left, right = st.columns(2)
            with left:
                shuffles = whole_number(
                    "Shuffles", "shuffles", state.shuffles, 1, "replicates of every shuffle; 10 in the paper"
                )
            with right:
                seed = whole_number("Seed", "seed", state.seed, 1, "the same seed draws the same shuffles")
    try:
        if not loading.done():
            line_place.selectbox("Cell line", [], placeholder="waiting for the model", disabled=True)
            with st.spinner("Loading the model; the first time takes some seconds."):
                loading.result(MODEL_SECONDS)
        engine = loading.result(MODEL_SECONDS)
    except (ValueError, OSError, NotYet) as error:
        stop_with(f"The model {opened.model_name} can't be loaded. {error}")
    with line_place.container():
        cell_line = choice("Cell line", "cell_line", engine.cell_lines, known_cell_line(state.cell_line, engine))
    chosen = replace(
        state,
        source=name,
        gene=gene,
        cell_line=cell_line,
        test=test,
        tile_size=tile_size,
        shuffles=shuffles,
        seed=seed,
    )
    return chosen, opened, engine


def known_cell_line(wanted: str, engine: Engine) -> str:
    """The wanted cell line, or the first with a warning when the model has no such line."""
    lines = engine.cell_lines
    if wanted and wanted not in lines:
        shown = ", ".join(lines[:LINES_NAMED]) + (
            f" and {len(lines) - LINES_NAMED} more" if lines[LINES_NAMED:] else ""
        )
        st.session_state["warnings"] += (
            f"The link asks for the cell line {quoted(wanted)}, which this model does not have; it has {shown}. "
            f"{lines[0]} is used.",
        )
        return lines[0]
    return wanted or lines[0]


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


def wild_types(engine: Engine, opened: Source, locus: Locus) -> tuple[Snapshot, Snapshot | None]:
    """Activity of this gene and, for the percentile, of all; both are computed in the background."""
    everyone = engine.all_wild_types(opened, lambda gene: data.read_locus(opened, gene, engine.model.input_length))
    return engine.wild_type(locus, st.session_state["session"]), everyone


def facts(engine: Engine, opened: Source, locus: Locus, state: PageState, settings: Settings | None) -> None:
    """One row of numbers that is always there."""
    own, everyone = wild_types(engine, opened, locus)
    readout = resolve_readout(engine.model.tracks, state.cell_line)
    value = own.result[readout].mean() if own.state == "done" else None
    label, percentile, told = "Percentile", "…", "computed in the background"
    if everyone is None:
        percentile, told = "not computed", f"the source has more than {MOST_GENES} genes"
    elif everyone.state == "done" and value is not None:
        values = everyone.result[:, readout].mean(axis=1)
        label = f"Percentile of {len(values)} genes"
        percentile = f"{100 * np.mean(values <= value):.0f}%"
        told = "share of this source's genes whose predicted activity is no higher"
    elif everyone.state in ("failed", "cancelled"):
        percentile, told = "unknown", plain(everyone.error or "The run was stopped.")
    context, told_context = "not tested", "run the Context Dependence Test with these settings to see it"
    run = None
    if settings is not None:
        same = settings_of("context", settings.tile_size, settings.shuffles, settings.seed)
        run = engine.snapshot("context", locus, same, st.session_state["session"])
    if run is not None and run.state == "done":
        row = run.result.effects(state.cell_line).iloc[0]
        context = row["call"] + (" ?" if row["uncertain"] else "")
        told_context = f"effect {row['effect']:+.2f}" + (", uncertain" if row["uncertain"] else "")
    columns = st.columns([1.2, 1.1, 1, 1.5])
    columns[0].metric(
        f"Predicted activity, {state.cell_line}",
        "…" if value is None else f"{value:.4g}",
        help="mean of the output bins at the TSS, unchanged sequence" + (f". {plain(own.error)}" if own.error else ""),
        border=True,
    )
    columns[1].metric(label, percentile, help=told, border=True)
    columns[2].metric("Context", context, help=told_context, border=True)
    columns[3].metric(
        "Model", f"{engine.model.name} · {engine.device}", help=f"arithmetic: {engine.model.precision}", border=True
    )


def follow(draw: Callable[[], None], pending: Callable[[], bool]) -> None:
    """Redraw a part of the page by itself while something in it is under way, then settle with one whole run."""
    started = pending()

    def part() -> None:
        still = pending()
        draw()
        if started and not still:
            st.rerun()

    st.fragment(part, run_every=POLL_SECONDS if started else None)()


def draw_facts(engine: Engine, opened: Source, locus: Locus, state: PageState, settings: Settings | None) -> None:
    """The row of facts, following the background work it needs."""

    def pending() -> bool:
        return any(run is not None and run.unfinished for run in wild_types(engine, opened, locus))

    follow(lambda: facts(engine, opened, locus, state, settings), pending)


def not_computed(engine: Engine, locus: Locus, settings: Settings) -> necessity.NecessityResult:
    """A result without numbers, to draw the tiles before the test has run."""
    planned = replace(settings, shuffles=1)
    count = 1 + len(TileGrid(locus.length, settings.tile_size).context_tiles)
    tracks = engine.model.tracks
    return necessity.summarise(locus, planned, tracks, np.full((count, len(tracks)), np.nan, np.float32), {})


def draw_run(engine: Engine, opened: Source, locus: Locus, state: PageState, settings: Settings, truth) -> None:
    """The run and its result."""
    session = st.session_state["session"]
    sequences = planned_sequences(state.test, settings, locus.length)
    repeat = Repeat(
        model_name=opened.model_name,
        source_label=opened.label,
        synthetic=opened.synthetic,
        fasta=None if state.source == "demo" else data.options().fasta.name,
        genes=None if state.source == "demo" else data.options().genes.name,
    )

    def pending() -> bool:
        run = engine.snapshot(state.test, locus, settings, session)
        return run is not None and run.unfinished

    def draw() -> None:
        run = engine.snapshot(state.test, locus, settings, session)
        run_panel(
            run,
            state.test,
            settings,
            sequences,
            engine.jobs.last_rate,
            start=lambda: engine.start(state.test, locus, settings, session),
            cancel=lambda: engine.cancel(state.test, locus, settings, session),
        )
        result = None if run is None else run.result
        # Files of a run that goes on would be out of date, and their links dead, before anybody could click them.
        files = None if run is None or run.unfinished else repeat
        if state.test == "context":
            if result is not None:
                context_panel(result, state, files)
        elif result is None:
            necessity_panel(not_computed(engine, locus, settings), state, truth, None)
        else:
            necessity_panel(result, state, truth, files)

    follow(draw, pending)


def view_controls(state: PageState, opened: Source, grid: TileGrid) -> PageState:
    """How the tile track is drawn: nothing here computes anything."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        axis = switch("Axis", "axis", AXES, state.axis, label_visibility="collapsed")
        truth = state.truth
        if hasattr(opened, "truth"):
            truth = toggle("Show planted truth", "truth", state.truth, "the answer key of the demo world")
        tiles = {number: f"Tile {number}" for number, tile in enumerate(grid.tiles) if tile != grid.tss_tile}
        tile = optional(
            "Tile",
            "tile",
            tiles,
            state.tile,
            placeholder="Choose a tile",
            label_visibility="collapsed",
            width=160,
        )
    return replace(state, axis=axis, truth=truth, tile=tile)


def show(state: PageState, opened: Source, engine: Engine) -> PageState:
    """Everything about one gene; returns the state with the choices made here."""
    try:
        locus = data.locus(state.source, state.gene, engine.model.input_length)
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
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
    try:
        settings = settings_of(state.test, state.tile_size, state.shuffles, state.seed)
        grid = TileGrid(locus.length, settings.tile_size)
    except ValueError as error:
        draw_facts(engine, opened, locus, state, None)
        st.error(plain(str(error)), icon=":material/error:")
        return state
    draw_facts(engine, opened, locus, state, settings)
    truth: pd.DataFrame | None = None
    if state.test == "necessity":
        state = view_controls(state, opened, grid)
        if state.truth and hasattr(opened, "truth"):
            truth = answer_key.planted(opened.truth, locus, state.cell_line)
    draw_run(engine, opened, locus, state, settings, truth)
    return state


def page() -> None:
    """The whole page."""
    compact()
    try:
        sources = data.options().sources
    except ValueError as error:
        stop_with(str(error))
    st.session_state.setdefault("session", uuid.uuid4().hex)
    data.warm_up()
    state, _ = enter(st.session_state, st.query_params, sources)
    top = st.container()
    state, opened, engine = choose(state, sources)
    for warning in st.session_state["warnings"]:
        top.warning(warning, icon=":material/link_off:")
    if state.gene:
        state = show(state, opened, engine)
    else:
        welcome(opened, state.source)
    address = leave(st.session_state, state)
    if st.query_params.to_dict() != address:
        st.query_params.from_dict(address)
    settle_widgets()


page()
