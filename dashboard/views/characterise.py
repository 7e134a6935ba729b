"""Chromatin of many: what the elements of many loci are made of, enhancers against silencers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from creme_core import downloads
from creme_core.signals.characterise import compare, usual_statistic
from creme_core.signals.enrichment import distance_histogram
from dashboard import data
from dashboard.catalogue import LOCUS_TESTS
from dashboard.engine import Engine, Request
from dashboard.figures.enrichment import distance_bars, overlap_bars, signal_boxes, volcano
from dashboard.figures.style import Palette
from dashboard.many import KINDS, OverlapRun, SignalRun, called_tiles, published_elements
from dashboard.state import MANY_PAGE, PageState
from dashboard.tracks import OfferedTrack, Unconfirmed, is_grch38
from dashboard.views.made_of import comparison_columns
from dashboard.views.panel import chart, figure_file, table_file
from dashboard.views.run_panel import follow
from dashboard.views.sidebar import (
    await_engine,
    begin_page,
    cell_line_box,
    end_page,
    link_warnings,
    model_name,
    settings_box,
    source_box,
    store_notes,
)
from dashboard.widgets import choice, download_row, palette, plain, radio

TESTS = {"necessity": "Necessity Test", "sufficiency": "Sufficiency Test"}
MOST_GENES = 40  # of a source, that are offered to be tested at once; as many results are kept
WORDS = {"ccres": "cCREs", "rmsk": "repeats"}


@dataclass(frozen=True, eq=False)
class Elements:
    """What is characterised.

    Attributes:
        table: gene, chrom, start, end (0-based half-open), kind, effect, distance; a row an element.
        told: where they are from, for people.
        stem: beginning of the names of files.
    """

    table: pd.DataFrame = field(repr=False)
    told: str
    stem: str

    @property
    def key(self) -> tuple:
        """What makes two lists the same list."""
        return (self.stem, len(self.table), int(pd.util.hash_pandas_object(self.table, index=False).sum()))


def computed_elements(engine: Engine, opened, state: PageState, test: str) -> Elements:
    """The calls of finished tests of this source's genes, with the settings of each."""
    runs = [run for run in engine.finished((test,)) if run.result.locus.chrom in opened.chrom_sizes]
    results = [run.result for run in runs]
    genes = sorted({result.locus.gene for result in results})
    told = f"{len(results)} finished {TESTS[test]}s of {len(genes)} genes" if results else ""
    return Elements(called_tiles(results, state.cell_line), told, f"{test}_{state.cell_line}")


def test_every_gene(engine: Engine, opened, state: PageState, test: str) -> None:
    """A button that runs the test on each gene of a small source, and how far that is."""
    genes = opened.genes
    if len(genes) > MOST_GENES:
        st.caption("Run the test on genes of interest on the page Explore a locus; their calls are gathered here.")
        return
    session = st.session_state["session"]
    entry = LOCUS_TESTS[test]
    requests = []
    settings = entry.settings(state, engine.model.input_length)
    for name in data.gene_names(state.source):
        try:
            locus = data.locus(state.source, name, engine.model.input_length)
            requests.append(Request(entry, (locus,), settings))
        except (ValueError, OSError):
            continue  # its page says why; the window of one gene of the demo runs off the chromosome
    runs = [engine.snapshot(request, session) for request in requests]
    missing = [request for request, run in zip(requests, runs, strict=True) if run is None or run.state != "done"]
    if not missing:
        return
    sequences = sum(request.sequences for request in missing)

    def start() -> None:
        for request in missing:
            engine.start(request, session)

    def standing() -> list:
        return [engine.snapshot(request, session) for request in missing]

    def draw() -> None:
        now = standing()
        under_way = [run for run in now if run is not None and run.unfinished]
        if under_way:
            done = sum(run is not None and run.state == "done" for run in now)
            with st.container(horizontal=True, vertical_alignment="center"):
                st.progress(done / len(missing), text=f"{done} of {len(missing)} genes")
                if st.button("Cancel", icon=":material/stop:", key="cancel all"):
                    for request in missing:
                        engine.cancel(request, session)
                    st.rerun()
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                f"Run the {entry.title} on {len(missing)} more genes"
                if len(missing) < len(requests)
                else f"Run the {entry.title} on all {len(requests)} genes",
                type="primary",
                icon=":material/play_arrow:",
                key="run all",
                on_click=start,
            )
            st.caption(f"{sequences:,} sequences to predict, fewer where some are stored.")

    follow(draw, lambda: any(run is not None and run.unfinished for run in standing()))


def signal_tracks(state: PageState) -> tuple[tuple[OfferedTrack, ...], str]:
    """The tracks of the cell line, as ENCODE has them where they are its, and a sentence where it can't be asked."""
    tracks = data.offered_tracks(state.source, state.cell_line)
    asked = data.confirmed(state.source, state.cell_line)
    if asked is None or not asked.done():
        return tracks, ""
    error = asked.exception()
    if error is None:
        return asked.result(), ""
    return (error.tracks if isinstance(error, Unconfirmed) else tracks), str(error)


def figure_with_files(name: str, draw: Callable[[Palette], go.Figure], stem: str, table: pd.DataFrame) -> None:
    """A figure and what it shows as files."""
    chart(draw(palette()), name, stem)
    download_row([table_file(stem, table), figure_file(stem, draw)])


def distances_section(elements: Elements) -> None:
    """How far from their TSSs the elements lie."""
    st.markdown("#### How far from the TSS?")
    table = distance_histogram(elements.table)
    figure_with_files("distances", lambda colours: distance_bars(table, colours), f"{elements.stem}_distances", table)


def overlaps_section(elements: Elements, opened, state: PageState) -> None:
    """What the elements overlap; annotations by the download, since asking a server for each would take hours."""
    st.markdown("#### What do they overlap?")
    here = tuple(name for name in WORDS if is_grch38(opened) and downloads.state(name).complete)
    runs = data.runs()
    key = ("overlaps", elements.key, here)
    if key not in runs:
        runs[key] = OverlapRun(elements.table, data.known_genes(state.source), here)
    run: OverlapRun = runs[key]

    def draw() -> None:
        if run.unfinished:
            st.progress(min(run.done / run.total, 1.0), text=f"Looking up {run.done:,} of {run.total:,} places")
            return
        for problem in run.problems:
            st.warning(plain(problem))
        if run.table is None:
            return
        stem = f"{elements.stem}_overlaps"
        figure_with_files("overlaps", lambda colours: overlap_bars(run.table, colours), stem, run.table)

    follow(draw, lambda: run.unfinished)
    genes = len(data.known_genes(state.source))
    st.caption(
        f"A promoter reaches from 1,000 bp before a TSS to 500 bp after it, here of {genes:,} genes. One common base "
        "is an overlap."
    )
    missing = [WORDS[name] for name in WORDS if is_grch38(opened) and name not in here]
    if missing:
        st.caption(f"Not looked up: {' and '.join(missing)}; get them once on the page Data and models.")
        st.page_link("views/downloads.py", label="Open Data and models", icon=":material/download:")


def signals_section(elements: Elements, opened, state: PageState) -> None:
    """Signals of enhancers against those of silencers."""
    st.markdown("#### What are they made of?")
    tracks, silence = signal_tracks(state)
    if not tracks:
        st.caption(f"No signal tracks are known for {plain(state.cell_line)}.")
        return
    runs = data.runs()
    key = ("signals", elements.key, state.cell_line, state.source)
    run: SignalRun | None = runs.get(key)
    remote = any(track.remote for track in tracks)

    def start() -> None:
        runs[key] = SignalRun(elements.table, tracks, opened.chrom_sizes)

    if run is None and not remote:
        start()
        run = runs[key]
    if run is None or (run.cancelled and not run.unfinished):
        if silence:
            st.warning(plain(silence), icon=":material/cloud_off:")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                f"Read {len(tracks)} tracks over {len(elements.table):,} tiles",
                key="read many",
                type="primary",
                icon=":material/play_arrow:",
                on_click=start,
            )
            if remote:
                st.caption(
                    "Each tile is a few requests to ENCODE's files: this may take an hour, and goes on by itself."
                )
        return

    def draw() -> None:
        _signals(run, elements)

    follow(draw, lambda: run.unfinished)


def _signals(run: SignalRun, elements: Elements) -> None:
    if run.unfinished:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(min(run.done / run.total, 1.0), text=f"{run.done:,} of {run.total:,} signals of tiles are read")
            st.button("Cancel", key="cancel many", icon=":material/stop:", on_click=run.cancel)
    for problem in run.problems:
        st.warning(plain(problem), icon=":material/signal_disconnected:")
    values = run.table
    if values.empty or not len(values.columns):
        return
    kinds = elements.table["kind"].to_numpy()
    marks = [name for name in values if usual_statistic(name) == "mean"]
    factors = [name for name in values if name not in marks]
    for names, title, what in (
        (marks, "Marks and accessibility, mean of each tile", "marks"),
        (factors, "Factors, maximum of each tile", "factors"),
    ):
        if not names:
            continue
        # The paper corrects its factors among themselves.
        table = compare(values.loc[kinds == "enhancer", names], values.loc[kinds == "silencer", names])
        st.markdown(f"**{title}**: enhancers against silencers, Mann-Whitney U, corrected after Benjamini and Hochberg")
        stem = f"{elements.stem}_{what}"
        part = values[names]
        figure_with_files(what, lambda colours, t=table, p=part: signal_boxes(p, kinds, t, colours), stem, table)
        if what == "factors" and np.isfinite(table["neg_log10_p"]).any():
            chart(volcano(table, palette(), p_name="Benjamini-Hochberg"), "volcano", f"{stem}_volcano")
        st.dataframe(
            table, hide_index=True, column_config=comparison_columns(), column_order=list(comparison_columns())
        )
        for note in dict.fromkeys(filter(None, table["note"])):
            st.caption(plain(note))
    whole = elements.table.join(values.set_axis(elements.table.index))
    download_row([table_file(f"{elements.stem}_signals", whole, "Signals of every tile (TSV)")])


def published_factors(opened, line: str) -> None:
    """The paper's own volcano."""
    if not hasattr(opened, "factors"):
        return
    st.markdown("#### The paper's factors")
    try:
        factors = opened.factors(line)
    except ValueError as error:
        st.caption(plain(str(error)))
        return
    table = factors.rename(columns={"mark": "track", "minus_log10_adjusted": "neg_log10_p"})
    st.caption(
        f"{len(table):,} transcription factors of ENCODE at the sufficient enhancers against the sufficient silencers, "
        "as published: maximum of each tile, Mann-Whitney U, p values Bonferroni-corrected. Hover for names."
    )

    def draw(colours: Palette) -> go.Figure:
        return volcano(table, colours, p_name="Bonferroni, as published")

    figure_with_files("published volcano", draw, f"published_factors_{line}", table)
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        height=300,
        column_config={
            "track": "Factor",
            "ratio": number("Enhancers / silencers", format="%.2f"),
            "log_ratio": number("ln of that", format="%+.2f"),
            "pvalue": number("p", format="scientific"),
            "neg_log10_p": number("−log10 p, corrected", format="%.2f"),
        },
    )


def show(elements: Elements, opened, state: PageState) -> None:
    """Everything about a list of elements."""
    table = elements.table
    counts = {kind: int((table["kind"] == kind).sum()) for kind in KINDS}
    st.markdown(
        f"**{counts['enhancer']:,} enhancers and {counts['silencer']:,} silencers** in {plain(state.cell_line)}, from "
        f"{plain(elements.told)}."
    )
    if table.empty:
        return
    with st.expander(f"All {len(table):,} elements"):
        readable = table.assign(start=table["start"] + 1, distance=table["distance"] / 1000)
        st.dataframe(
            readable,
            hide_index=True,
            column_config={
                "start": st.column_config.NumberColumn("Start (1-based)", format="localized"),
                "end": st.column_config.NumberColumn("End", format="localized"),
                "distance": st.column_config.NumberColumn("Distance, kb", format="%.1f"),
                "effect": st.column_config.NumberColumn("Effect", format="%+.3f"),
            },
        )
        download_row([table_file(elements.stem, table, "Elements (TSV)")])
    distances_section(elements)
    overlaps_section(elements, opened, state)
    signals_section(elements, opened, state)


def page() -> None:
    """The whole page."""
    state, sources = begin_page()
    top = st.container()
    state, opened, loading = source_box(state, sources)
    st.markdown("### Chromatin of many")
    st.caption(
        f"{'**synthetic** · ' if opened.synthetic else ''}{plain(opened.label)}. What tiles that a test calls have in "
        "common: the calls are what the model says, the signals are measurements."
    )
    if loading is None:
        with st.sidebar:
            lines = opened.cell_lines
            wanted = state.cell_line if state.cell_line in lines else lines[0]
            state = replace(state, cell_line=choice("Cell line", "cell_line", lines, wanted))
        with top:
            link_warnings()
        try:
            elements = Elements(
                published_elements(opened.cres(state.cell_line)),
                "the paper's sufficient CREs",
                f"published_{state.cell_line}",
            )
            show(elements, opened, state)
        except ValueError as error:
            st.info(plain(str(error)), icon=":material/info:")
        published_factors(opened, state.cell_line)
    else:
        line_place = st.sidebar.empty()
        with st.sidebar:
            test = radio("Calls of the", "many test", TESTS, "necessity")
        state = settings_box(state, None)
        engine = await_engine(loading, model_name(state, opened), lambda: None)
        with line_place.container():
            state = replace(state, cell_line=cell_line_box(state.cell_line, engine))
        with top:
            store_notes()
            link_warnings()
        try:
            test_every_gene(engine, opened, state, test)
        except ValueError as error:
            st.error(plain(str(error)), icon=":material/error:")
        elements = computed_elements(engine, opened, state, test)
        if elements.told:
            show(elements, opened, state)
        else:
            st.info(f"No {TESTS[test]} has been run yet.", icon=":material/info:")
    end_page(state, MANY_PAGE)


page()
