"""One element on the vetting desk: the evidence on one screen."""

import math
from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from creme_core.evidence import Statement, summarise
from creme_core.vetting.element import Element
from dashboard import data
from dashboard.desk import Bench, Case
from dashboard.figures.overlay import Strip, overlay
from dashboard.figures.style import chart_config
from dashboard.jobs import Snapshot
from dashboard.state import PageState
from dashboard.surroundings import Surroundings, surroundings, view_of
from dashboard.views.run_panel import follow
from dashboard.widgets import palette, plain, signed

__all__ = ["element_screen", "look_ahead"]

TONES = {
    "finding": ":material/check:",
    "uncertain": ":orange[:material/help:]",
    "missing": ":gray[:material/hourglass_empty:]",
    "contradiction": ":red[:material/warning:]",
}
QUICK_SECONDS = 20  # tests that take no longer are run unasked
# What is read within this is on the screen at once; the rest comes by itself. Most of a second feels like waiting.
PATIENCE = 0.35
AHEAD_SECONDS = 60.0
MOST_TRACKS = 12
MOST_LANES = 6


def element_screen(element: Element, state: PageState, bench: Bench) -> None:
    """Place, numbers, sentences and picture; runs what is missing where that is quick."""
    _heading(element)
    try:
        case = bench.case(element, PATIENCE)
        if case is not None:
            _around(case, state, bench, PATIENCE)
    except (ValueError, OSError) as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if case is not None and not case.awaited and bench.engine is not None:
        _run_missing(case, bench)

    def draw() -> None:
        try:
            case = bench.case(element, 0)
            if case is None:
                st.caption("Reading the sequence of its window.")
                return
            under_way = _under_way(case, bench)
            if under_way:
                done, total = sum(run.done for run in under_way), sum(run.total for run in under_way)
                st.progress(done / total if total else 0.0, text=f"Testing: {done:,} of {total:,} sequences")
            _evidence(case, _around(case, state, bench, 0), state, bench)
        except (ValueError, OSError) as error:
            st.error(plain(str(error)), icon=":material/error:")

    follow(draw, partial(_pending, element, state, bench))


def _heading(element: Element) -> None:
    claim = f"listed as {element.kind}" if element.kind else "listed without a kind"
    score = f", score {element.score:.3g}" if math.isfinite(element.score) else ""
    line = f", {element.cell_line}" if element.cell_line else ""
    name = f" · {element.name}" if element.name and element.name != element.label else ""
    with st.container(gap="xxsmall"):
        st.markdown(f"#### {plain(element.label)}")
        st.caption(plain(f"{claim}{line}{score} in {element.source or 'the list'}{name}"))


def _around(case: Case, state: PageState, bench: Bench, patience: float) -> Surroundings:
    tracks = data.offered_tracks(state.source, case.cell_line)[:MOST_TRACKS]
    known = case.locus.n_fraction < 1
    return surroundings(case, bench.opened, tracks, bench.background, patience, known)


def _under_way(case: Case, bench: Bench) -> list[Snapshot]:
    """Tests of this element that are running."""
    if bench.engine is None:
        return []
    runs = [bench.engine.snapshot(bench.request(test, case), bench.session) for test in case.tests]
    return [run for run in runs if run is not None and run.unfinished]


def _pending(element: Element, state: PageState, bench: Bench) -> bool:
    """Whether there is more to come by itself."""
    try:
        case = bench.case(element, 0)
        if case is None:
            return True
        return bool(case.awaited or _under_way(case, bench) or _around(case, state, bench, 0).awaited)
    except (ValueError, OSError):
        return False


def look_ahead(elements: Sequence[Element], state: PageState, bench: Bench) -> None:
    """Read what is known of the elements that are likely to come next, while this one is looked at."""

    ahead = data.background("ahead")

    def read(element: Element, key: tuple) -> None:
        try:
            case = bench.case(element, AHEAD_SECONDS)
            if case is not None:
                _around(case, state, bench, 0)
        finally:
            ahead.forget(key)  # its answers are kept where they are looked for

    keys = [("ahead", bench.opened, bench.settings, bench.cell_line, element.element_id) for element in elements]
    ahead.ask({key: partial(read, element, key) for key, element in zip(keys, elements, strict=True)})


def _run_missing(case: Case, bench: Bench) -> None:
    """Start the tests that have not been run: unasked where they are quick, else by a button."""
    requests = [bench.request(test, case) for test in case.missing]
    runs = [bench.engine.snapshot(request, bench.session) for request in requests]
    failed = [run.error for run in runs if run is not None and run.state == "failed"]
    requests = [request for request, run in zip(requests, runs, strict=True) if run is None or not run.unfinished]
    for error in dict.fromkeys(failed):
        st.error(plain(error or "A test failed."), icon=":material/error:")
    if not requests:
        return
    rate = bench.engine.jobs.last_rate
    sequences = sum(request.sequences for request in requests)
    quick = bench.engine.model.name.startswith("Demo") if rate is None else sequences / rate < QUICK_SECONDS

    def start() -> None:
        for request in requests:
            bench.engine.start(request, bench.session)

    if not failed and quick:
        start()
        return
    pace = "" if rate is None else f" at {rate:.1f}/s"
    tests = "1 missing test" if len(requests) == 1 else f"{len(requests)} missing tests"
    st.button(f"Run its {tests}, {sequences:,} sequences{pace}", key="run element", on_click=start)


def _evidence(case: Case, around: Surroundings, state: PageState, bench: Bench) -> None:
    for note in _notes(case):
        st.caption(plain(note))
    with st.container(key="numbers"):
        _numbers(case)
    awaited = [*case.awaited, *around.awaited]
    cutoffs = [found.cutoffs for found in case.findings.values()]
    sentences = summarise(
        case.element,
        gene=case.locus.gene,
        readout=f"{case.cell_line} CAGE",
        place=case.place,
        necessity=case.row("necessity"),
        sufficiency=case.row("sufficiency"),
        distance=case.effects("distance"),
        context=case.context,
        chromatin=None if around.signals is None else around.signals.chromatin,
        motifs=around.motifs,
        overlaps=around.overlaps,
        annotated=around.kinds,
        awaited=[*awaited, *(["context"] if "sufficiency" in awaited else [])],
        **({"cutoffs": cutoffs[0]} if cutoffs else {}),
    )
    with st.container(key="sentences", gap="xsmall"):
        for sentence in sentences:
            _say(sentence)
        if awaited:
            st.caption(f"Still being read: {', '.join(awaited)}.")
    _picture(case, around, state, bench)
    for problem in dict.fromkeys(around.problems):
        st.caption(f":material/signal_disconnected: {plain(problem)}")


def _notes(case: Case) -> list[str]:
    notes = []
    if case.guessed:
        notes.append(f"The list names no gene; judged on the nearest TSS, {case.locus.gene} at {case.gene} (1-based).")
    if case.element.cell_line and case.element.cell_line != case.cell_line:
        notes.append(f"{case.element.cell_line} is not known here; judged in {case.cell_line}.")
    return notes


def _numbers(case: Case) -> None:
    columns = st.columns(4)
    for column, test in zip(columns, ("necessity", "sufficiency"), strict=False):
        row = case.row(test)
        if row is not None:
            value = signed(row["effect"], 2) if math.isfinite(row["effect"]) else "unknown"
            told = f"{row['call']}{' (uncertain)' if row['uncertain'] else ''}"
        elif not case.movable:
            value, told = "–", "the TSS tile" if case.place.is_tss else "in no tile"
        else:
            value, told = "–", "being read" if test in case.awaited else "not known"
        _number(column, test.capitalize(), value, told)
    if case.element.chrom == case.locus.chrom:
        away = (case.element.start + case.element.end) / 2 - case.locus.tss
        away = away if case.locus.strand == "+" else -away
        value, told = f"{abs(away) / 1000:,.1f} kb", "upstream" if away < 0 else "downstream"
    else:
        value, told = "–", "another chromosome"
    _number(columns[2], "From the TSS", value, told)
    context = case.context
    value = "–" if context is None else str(context["call"] or "no class")
    _number(columns[3], "Context", value, f"in {case.cell_line}")


def _number(column, label: str, value: str, told: str) -> None:
    column.metric(label, value, delta=told or None, delta_color="off", delta_arrow="off")


def _say(sentence: Statement) -> None:
    numbers = ", ".join(f"{name} = {value:.6g}" for name, value in sentence.numbers.items())
    told = f"from: {sentence.source}" + (f" ({numbers})" if numbers else "")
    st.markdown(f"{TONES[sentence.tone]} {plain(sentence.text)}", help=plain(told))


def _picture(case: Case, around: Surroundings, state: PageState, bench: Bench) -> None:
    view = view_of(case, bench.opened.chrom_sizes)
    if view is None:
        return  # a sentence says where the element is
    genes, exons = data.genes_around(state.source, case.locus.chrom, *view)
    listed = pd.DataFrame(
        [(case.element.start, case.element.end, case.element.name or case.element.label, palette().accent)],
        columns=["start", "end", "name", "colour"],
    )
    figure = overlay(
        case.locus,
        palette(),
        view=view,
        effects=case.effects("necessity"),
        effect_name="Necessity of each tile",
        genes=genes,
        exons=exons,
        strips=[Strip("The element", listed)],
        lanes=[] if around.signals is None else around.signals.lanes[:MOST_LANES],
        selected=case.place.number,
    )
    st.plotly_chart(
        figure,
        theme=None,
        key="element picture",
        config=chart_config(case.element.element_id),
        alt=f"Tiles, genes and signals around {case.element.label}",
    )
