"""The paper's published results: read, not computed, drawn by the same panels."""

from dataclasses import replace

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from creme_core.experiments.result import Result
from creme_core.published import PublishedSource
from dashboard import data
from dashboard.catalogue import LOCUS_TESTS
from dashboard.state import PageState, fit_to_grid, quoted
from dashboard.views.chromatin_panel import chromatin_panel
from dashboard.views.inputs import controls, offer_genes
from dashboard.views.panel import Panel
from dashboard.views.panels import PANELS
from dashboard.views.run_panel import introduce
from dashboard.views.sidebar import link_warnings, repeat_of
from dashboard.widgets import choice, gene_picker, plain, put, radio

__all__ = ["published_page"]

TILE_TESTS = ("necessity", "sufficiency")  # whose effects are of tiles
CRE_TESTS = ("distance", "fine_tile")
DRAWN_HERE = ("axis", "shown")  # what the row above a picture may still choose when nothing is computed
HEADLINES = (
    ("enhancing_contexts", "enhancing contexts"),
    ("neutral_contexts", "neutral contexts"),
    ("silencing_contexts", "silencing contexts"),
    ("necessary_enhancers", "necessary enhancers"),
    ("necessary_silencers", "necessary silencers"),
    ("sufficient_enhancers", "sufficient enhancers"),
    ("sufficient_silencers", "sufficient silencers"),
)


def published_page(state: PageState, opened: PublishedSource, top: DeltaGenerator) -> PageState:
    """Side bar and page; returns the state with the choices made."""
    with st.sidebar:
        gene = gene_picker(data.gene_names(state.source), state.source, state.gene)
        lines = opened.cell_lines
        wanted = state.cell_line if state.cell_line in lines else lines[0]
        if state.cell_line and wanted != state.cell_line:
            st.session_state["warnings"] += (
                f"There are no published results of the cell line {quoted(state.cell_line)} here; {wanted} is used.",
            )
        line = choice("Cell line", "cell_line", lines, wanted)
        test = radio("Test", "test", {key: entry.title for key, entry in LOCUS_TESTS.items()}, state.test)
        st.caption("Nothing is computed here: these are the numbers the paper's authors published.")
    state = replace(state, gene=gene, cell_line=line, test=test)
    with top:
        link_warnings()
    if not state.gene:
        _overview(opened, line)
        return state
    try:
        locus = opened.locus(state.gene)
        available = opened.tests(locus.gene, line)
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        offer_genes(state.source, opened, state.gene)
        _overview(opened, line)
        return state
    _heading(opened, locus, line)
    entry = LOCUS_TESTS[test]
    introduce(entry)
    if available.get(test) is not None:
        st.info(plain(available[test]), icon=":material/info:")
        st.markdown("Published for this gene and cell line:")
        with st.container(horizontal=True):
            for key, missing in available.items():
                if missing is None and key in LOCUS_TESTS:
                    st.button(LOCUS_TESTS[key].title, key=f"published {key}", on_click=put, args=("test", key))
        return state
    try:
        cre = _chosen_cre(opened, test, locus.gene, line)
        result = opened.result(test, locus.gene, line, **({} if cre is None else {"cre": cre}))
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return state
    state, wrong = fit_to_grid(state, result.grid)
    for sentence in wrong:
        st.warning(sentence, icon=":material/link_off:")
    drawn = replace(entry, controls=tuple(name for name in entry.controls if name in DRAWN_HERE))
    state = controls(state, drawn, result.grid, False)
    for note in getattr(result, "notes", ()):
        st.caption(plain(note))

    def finished(other: str) -> Result | None:
        return opened.result(other, locus.gene, line) if available.get(other, "") is None else None

    PANELS[test](
        Panel(
            entry=entry,
            state=state,
            opened=opened,
            locus=result.locus,
            grid=result.grid,
            result=result,
            whole=True,
            repeat=repeat_of(state, opened),
            finished=finished,
        )
    )
    tiles = result if test in TILE_TESTS else finished("necessity")
    effects = None if tiles is None else tiles.effects(line)
    return chromatin_panel(state, opened, result.locus, effects, tiles, None)


def _chosen_cre(opened: PublishedSource, test: str, gene: str, line: str) -> tuple[int, int] | None:
    """Which of the gene's published CREs, for the tests that follow one."""
    if test not in CRE_TESTS:
        return None
    elements = opened.elements(test, gene, line)
    if len(elements) < 2:
        return None
    names = {f"{start}-{end}": (start, end) for start, end in elements}
    key = choice("CRE, oriented in the window", f"cre {test} {gene}", tuple(names), next(iter(names)), width=240)
    return names[key]


def _heading(opened: PublishedSource, locus, line: str) -> None:
    st.markdown(
        f"### {plain(locus.gene)}  :gray[TSS {plain(locus.chrom)}\\:{locus.tss + 1:,} (1-based) · "
        f"{'+' if locus.strand == '+' else '−'} strand · {plain(line)}]"
    )
    st.caption(f"{plain(opened.label)}. Results are what the model says about this sequence, not measurements.")
    rows = opened.loci[(opened.loci["gene"] == locus.gene) & (opened.loci["cell_line"] == line)]
    if rows.empty:
        return
    row = rows.iloc[0]
    columns = st.columns(3)
    columns[0].metric(f"Predicted activity, {line}", f"{row['wild_type']:.4g}", border=True)
    columns[1].metric("Context", str(row["context"]), help=f"effect {row['context_effect']:+.2f}", border=True)
    columns[2].metric("Model", "Enformer · published", border=True)


def _overview(opened: PublishedSource, line: str) -> None:
    """What was published for a cell line: the paper's figures, and every locus to choose from."""
    st.markdown(f"## Published results, {plain(line)}")
    st.caption(plain(opened.label))
    headline = opened.headline(line)
    told = [(words, headline[key]) for key, words in HEADLINES if key in headline]
    if told:
        counts = " · ".join(f"**{count:,}** {words}" for words, count in told)
        st.markdown(f"The paper's counts, computed here from its raw tables: {counts}.")
    if missing := opened.missing:
        with st.expander(f"{len(missing)} of the published tables are not here; what rests on them is left out"):
            st.markdown("\n".join(f"- {plain(holds)}: {plain(path)}" for path, holds in missing.items()))
    for problem in opened.problems.values():
        st.warning(plain(problem), icon=":material/broken_image:")
    loci: pd.DataFrame = opened.loci[opened.loci["cell_line"] == line]
    st.markdown(f"**{len(loci):,} loci.** Click a row to open its gene.")
    shown = loci[["gene", "chrom", "tss_base", "strand", "context", "wild_type", "context_effect"]]
    shown = shown.assign(tss_base=loci["tss_base"] + 1).reset_index(drop=True)
    picked = st.dataframe(
        shown,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"loci {line}",
        column_config={
            "tss_base": st.column_config.NumberColumn("TSS (1-based)", format="localized"),
            "wild_type": st.column_config.NumberColumn("Activity, wild type", format="%.1f"),
            "context_effect": st.column_config.NumberColumn("Context effect", format="%+.3f"),
        },
    )
    if picked.selection.rows:
        put("gene published", shown["gene"].iloc[picked.selection.rows[0]])
        st.rerun()
