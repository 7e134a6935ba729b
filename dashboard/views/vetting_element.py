"""One element on the vetting desk: its decision, and the evidence on one screen."""

import math
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from creme_core.evidence import Statement, chromatin_of, summarise
from creme_core.signals.bigwig import read_signal
from creme_core.signals.characterise import tile_signals
from creme_core.tiles import TileGrid
from creme_core.vetting.decisions import Desk
from creme_core.vetting.element import Element
from creme_core.vetting.versions import DECISIONS
from dashboard import data
from dashboard.catalogue import LOCUS_TESTS
from dashboard.desk import DESK_TESTS, Case, gene_of, make_case
from dashboard.engine import Engine, Request
from dashboard.figures.overlay import Strip, overlay
from dashboard.figures.style import chart_config
from dashboard.jobs import Snapshot
from dashboard.state import PageState
from dashboard.tracks import read_lanes
from dashboard.views.live_text import live_text
from dashboard.views.run_panel import follow
from dashboard.widgets import palette, plain, signed

__all__ = ["decision_box", "element_screen", "prepare", "test_request"]

KEYS = {"enhancer": "E", "silencer": "S", "neither": "N", "unsure": "U"}
TONES = {
    "finding": ":material/check:",
    "uncertain": ":orange[:material/help:]",
    "missing": ":gray[:material/hourglass_empty:]",
    "contradiction": ":red[:material/warning:]",
}
AROUND = 30_000  # bp of the picture on either side of the element
QUICK_SECONDS = 20  # tests that take no longer are run unasked


def decision_box(desk: Desk, state: PageState, element: Element) -> None:
    """Decision by button or key, the reason saved as it is typed."""
    if not state.reviewer:
        st.info("Write your name at the left; decisions are kept under it.", icon=":material/person:")
        return

    @st.fragment
    def box() -> None:
        now = desk.decision(state.worklist, element.element_id, state.reviewer)
        st.markdown("**Your decision**" + (f": {now.decision}" if now.decision else ""))

        def decide(decision: str) -> None:
            desk.decide(state.worklist, element.element_id, state.reviewer, decision, now.reason)

        for decision in DECISIONS:
            st.button(
                decision.capitalize(),
                key=f"decide {decision}",
                type="primary" if now.decision == decision else "secondary",
                on_click=decide,
                args=(decision,),
                shortcut=KEYS[decision],
                width="stretch",
            )

        def save(about: str, reason: str) -> None:
            said = desk.decision(state.worklist, about, state.reviewer)
            desk.decide(state.worklist, about, state.reviewer, said.decision, reason)

        live_text("Reason", element.element_id, now.reason, save, placeholder="Why? Saved as you type.")
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Undo", icon=":material/undo:", key="undo decision", help="takes back your last step here"):
                desk.undo(state.worklist, state.reviewer, element.element_id)
                st.rerun()
            if now.updated:
                st.caption(f"Saved {now.updated[11:19]} UTC")
        others = desk.history(state.worklist, element.element_id)
        others = others[others["reviewer"] != state.reviewer].drop_duplicates("reviewer", keep="last")
        for row in others.itertuples():
            if row.decision:
                st.caption(f"{plain(row.reviewer)}: {row.decision}. {plain(row.reason)}")

    box()


def prepare(element: Element, state: PageState, opened, engine: Engine | None) -> Case:
    """What is known of an element, from runs that have ended.

    Raises:
        ValueError: a gene that the source does not have, or a window that is refused.
    """
    gene, guessed = gene_of(element, opened.genes)
    if engine is None:
        locus, line = opened.locus(gene), element.cell_line
        line = line if line in opened.cell_lines else state.cell_line
        available = opened.tests(locus.gene, line)

        def find(test, place):
            if available.get(test, "") is not None:
                return None
            if test != "distance":
                return opened.result(test, locus.gene, line)
            cre = (place.tile.start, place.tile.end)
            known = cre in opened.elements(test, locus.gene, line)
            return opened.result(test, locus.gene, line, cre=cre) if known else None

        return make_case(element, gene, guessed, line, locus, 5000, find)
    locus = data.locus(state.source, gene, engine.model.input_length)
    line = element.cell_line if element.cell_line in engine.cell_lines else state.cell_line

    def ended(test, place):
        if test == "distance" and place.tile is None:
            return None
        run = engine.snapshot(_request(test, locus, place, state), st.session_state.get("session"))
        return run.result if run is not None and run.state == "done" else None

    return make_case(element, gene, guessed, line, locus, state.tile_size, ended)


def test_request(test: str, case: Case, state: PageState) -> Request:
    """A test of the element's window, or of its tile."""
    return _request(test, case.locus, case.place, state)


def _request(test: str, locus, place, state: PageState) -> Request:
    entry = LOCUS_TESTS[test]
    settings = {"tile_size": state.tile_size, "shuffles": _shuffles(state), "seed": state.seed}
    if test == "distance":
        settings["cre"] = (place.tile.start, place.tile.end)
    return Request(entry, (locus,), entry.settings_type(**settings))


def _shuffles(state: PageState) -> int:
    return 10 if isinstance(state.shuffles, str) else state.shuffles


def element_screen(element: Element, state: PageState, opened, engine: Engine | None) -> None:
    """Place, numbers, sentences and picture; runs what is missing where that is quick."""
    st.markdown(f"#### {plain(element.label)}")
    claim = f"listed as {element.kind}" if element.kind else "listed without a kind"
    score = f", score {element.score:.3g}" if math.isfinite(element.score) else ""
    st.caption(plain(f"{claim}{score} in {element.source or 'the list'}. {element.name}"))
    try:
        case = prepare(element, state, opened, engine)
    except (ValueError, OSError) as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if case.guessed:
        st.caption(f"The list names no gene; judged on the nearest TSS, {plain(case.locus.name)}.")
    for note in case.place.notes:
        st.caption(plain(note))
    if engine is not None:
        _run_missing(case, state, engine)

    def runs() -> list[Snapshot]:
        if engine is None:
            return []
        session = st.session_state["session"]
        begun = [engine.snapshot(test_request(test, case, state), session) for test in _wanted(case)]
        return [run for run in begun if run is not None]

    def draw() -> None:
        under_way = [run for run in runs() if run.unfinished]
        if under_way:
            done, total = sum(run.done for run in under_way), sum(run.total for run in under_way)
            st.progress(done / total if total else 0.0, text=f"Testing: {done:,} of {total:,} sequences")
        _evidence(prepare(element, state, opened, engine), state, opened, engine)

    def pending() -> bool:
        return any(run is not None and run.unfinished for run in (*runs(), _motif_run(case, engine)))

    follow(draw, pending)


def _wanted(case: Case) -> list[str]:
    return [test for test in DESK_TESTS if test != "distance" or case.movable]


def _run_missing(case: Case, state: PageState, engine: Engine) -> None:
    """Start the tests that have not been run: unasked where they are quick, else by a button."""
    session = st.session_state["session"]
    missing = [test for test in _wanted(case) if test not in case.results]
    requests = [test_request(test, case, state) for test in missing]
    if not requests:
        return
    under_way = [run for run in (engine.snapshot(r, session) for r in requests) if run is not None]
    failed = [run.error for run in under_way if run.state == "failed"]
    for error in failed:
        st.error(plain(error or "A test failed."), icon=":material/error:")
    if any(run.unfinished for run in under_way):
        return
    rate = engine.jobs.last_rate
    sequences = sum(request.sequences for request in requests)
    quick = engine.model.name.startswith("Demo") if rate is None else sequences / rate < QUICK_SECONDS

    def start() -> None:
        for request in requests:
            engine.start(request, session)

    if failed or not quick:
        told = f", {sequences:,} sequences" if rate is None else f", {sequences:,} sequences at {rate:.1f}/s"
        if st.button(f"Run its {len(requests)} missing tests{told}", key="run element", on_click=start):
            st.rerun()
        return
    start()
    st.rerun()


def _evidence(case: Case, state: PageState, opened, engine: Engine | None) -> None:
    columns = st.columns(4)
    for column, test in zip(columns, ("necessity", "sufficiency"), strict=False):
        row = case.row(test)
        value = "not run" if row is None else signed(row["effect"], 2) if math.isfinite(row["effect"]) else "unknown"
        told = "" if row is None else f"{row['call']}{' (uncertain)' if row['uncertain'] else ''}"
        column.metric(test.capitalize(), value, delta=told or None, delta_color="off", delta_arrow="off", border=True)
    away = (case.element.start + case.element.end) / 2 - case.locus.tss
    away = away if case.locus.strand == "+" else -away
    side = "upstream" if away < 0 else "downstream"
    columns[2].metric(
        "Distance to TSS", f"{abs(away) / 1000:.1f} kb", delta=side, delta_color="off", delta_arrow="off", border=True
    )
    context = case.context
    columns[3].metric("Context", "not run" if context is None else str(context["call"] or "no class"), border=True)
    view = _view(case, opened)
    tracks = data.offered_tracks(state.source, case.cell_line)
    lanes, problems = read_lanes(tracks, case.locus.chrom, *view, bins=800)
    chromatin = _chromatin(case, [track for track in tracks if track.name in {lane.name for lane in lanes}])
    hits = _motif_run(case, engine)
    sentences = summarise(
        case.element,
        readout=f"{case.cell_line} CAGE",
        place=case.place,
        necessity=case.row("necessity"),
        sufficiency=case.row("sufficiency"),
        distance=case.effects("distance"),
        context=context,
        chromatin=chromatin,
        motifs=None if hits is None or hits.state != "done" else hits.result,
        **({} if not case.results else {"cutoffs": next(iter(case.results.values())).cutoffs}),
    )
    for sentence in sentences:
        _say(sentence)
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
        lanes=lanes,
        selected=case.place.number,
    )
    st.plotly_chart(figure, theme=None, key="element picture", config=chart_config(f"{case.element.element_id}"))
    for problem in problems[:3]:
        st.caption(plain(problem))


def _say(sentence: Statement) -> None:
    numbers = ", ".join(f"{name} = {value:.6g}" for name, value in sentence.numbers.items())
    told = f"from: {sentence.source}" + (f" ({numbers})" if numbers else "")
    st.markdown(f"{TONES[sentence.tone]} {plain(sentence.text)}", help=plain(told))


def _view(case: Case, opened) -> tuple[int, int]:
    """The element with its surroundings, and the TSS where that is near."""
    size = opened.chrom_sizes.get(case.element.chrom, case.element.end + AROUND)
    start, end = case.element.start - AROUND, case.element.end + AROUND
    if case.element.chrom == case.locus.chrom and abs(case.locus.tss - case.element.start) < case.locus.length:
        start, end = min(start, case.locus.tss - 5000), max(end, case.locus.tss + 5000)
    return max(start, 0), min(end, size)


def _chromatin(case: Case, tracks) -> pd.DataFrame | None:
    """Signal of the element's tile beside that of the window's other tiles."""
    if case.place.tile is None or not tracks:
        return None
    grid: TileGrid = case.grid
    tiles = pd.DataFrame(
        [(case.locus.chrom, *case.locus.to_genome(tile.start, tile.end)) for tile in grid.tiles],
        columns=["chrom", "genome_start", "genome_end"],
    )
    try:
        signals = tile_signals(tiles, {track.name: partial(read_signal, track.path) for track in tracks})
    except (ValueError, OSError):
        return None  # its sentence stands below the picture
    return chromatin_of(signals, case.place.number)


def _motif_run(case: Case, engine: Engine | None) -> Snapshot | None:
    """The search for motif hits in the element, where its sequence is known."""
    codes = _codes(case)
    return None if codes is None or engine is None else engine.motif_hits(codes, st.session_state["session"])


def _codes(case: Case) -> np.ndarray | None:
    start, end = case.locus.from_genome(case.element.start, case.element.end)
    start, end = max(start, 0), min(end, case.locus.length)
    if case.element.chrom != case.locus.chrom or end <= start or case.locus.n_fraction == 1:
        return None
    return case.locus.codes[start:end]
