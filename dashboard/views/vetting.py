"""Vetting desk: putative elements one by one, the evidence on each, a decision and why."""

import uuid
from dataclasses import replace

import streamlit as st

from creme_core.vetting.decisions import Desk
from dashboard import data
from dashboard.desk import DESK_TESTS, ListRun
from dashboard.engine import Engine
from dashboard.state import VETTING_PAGE, PageState, enter, leave
from dashboard.views.run_panel import follow
from dashboard.views.sidebar import (
    await_engine,
    cell_line_box,
    link_warnings,
    model_name,
    settings_box,
    source_box,
    stop_with,
    store_notes,
)
from dashboard.views.vetting_element import decision_box, element_screen, prepare, test_request
from dashboard.views.vetting_lists import lists_box
from dashboard.widgets import choice, compact, plain, seeded, settle_widgets


def pick_list(desk: Desk, state: PageState) -> PageState:
    """The worklist on the desk and who sits at it."""
    lists = desk.worklists()
    names = {row.worklist_id: f"{row.name} ({row.elements:,})" for row in lists.itertuples()}
    with st.sidebar:
        key, first = seeded("reviewer", state.reviewer)
        reviewer = st.text_input("Reviewer", value=first, key=key, placeholder="Your name", max_chars=100).strip()
        wanted = state.worklist if state.worklist in names else ""
        if state.worklist and not wanted:
            st.warning("That worklist is not on this desk; choose another.", icon=":material/link_off:")
        worklist = choice(
            "Worklist", "worklist", ("", *names), wanted, format_func=lambda name: names.get(name, "Choose a list")
        )
    if worklist != state.worklist:
        state = replace(state, worklist=worklist, element="")
    return replace(state, reviewer=reviewer)


def on_desk(desk: Desk, state: PageState) -> PageState:
    """The element on the desk: that of the address, else the first that is undecided, else the first."""
    known = desk.elements(state.worklist)["element_id"]
    moved = st.session_state.pop("desk moved", "")
    wanted = moved or state.element
    if wanted not in set(known):
        wanted = desk.next_undecided(state.worklist, state.reviewer) if state.reviewer else None
        wanted = wanted or known.iloc[0]
    return replace(state, element=wanted)


def list_run(desk: Desk, state: PageState, opened, engine: Engine) -> None:
    """Tests that are missing, for the whole list, in the background."""
    runs = st.session_state.setdefault("list runs", {})
    running: ListRun | None = runs.get(state.worklist)
    session = ("list", st.session_state["session"])

    def run(element, cancel) -> None:
        case = prepare(element, state, opened, engine)
        for test in DESK_TESTS:
            if cancel.is_set():
                return
            if test != "distance" or case.movable:
                engine.finish(test_request(test, case, state), session, cancel)

    def start() -> None:
        table = desk.elements(state.worklist)
        elements = [desk.element(state.worklist, name) for name in table["element_id"]]
        runs[state.worklist] = ListRun(elements, run)

    def draw() -> None:
        now = runs.get(state.worklist)
        if now is None or not now.unfinished:
            with st.container(horizontal=True, vertical_alignment="center"):
                if st.button("Run missing tests for the whole list", icon=":material/playlist_play:", on_click=start):
                    st.rerun()
                if now is not None:
                    stopped = "stopped" if now.cancelled else "done"
                    st.caption(f"{stopped.capitalize()}: {now.done:,} of {now.total:,} elements tested.")
        else:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.progress(now.done / max(now.total, 1), text=f"{now.done:,} of {now.total:,} elements tested")
                st.button("Stop", key="stop list", on_click=now.cancel)
        if now is not None and now.problems:
            with st.expander(f"{len(now.problems)} elements could not be tested"):
                for problem in now.problems[:50]:
                    st.caption(plain(problem))

    follow(draw, lambda: running is not None and running.unfinished)


def heading(desk: Desk, state: PageState) -> None:
    """Progress, and the way through the list by button and key."""
    progress = desk.progress(state.worklist, state.reviewer)
    place = desk.position(state.worklist, state.element)

    def go(by: int) -> None:
        st.session_state["desk moved"] = desk.step(state.worklist, state.element, by)

    def go_undecided() -> None:
        st.session_state["desk moved"] = desk.next_undecided(state.worklist, state.reviewer, state.element) or ""

    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Previous", icon=":material/chevron_left:", on_click=go, args=(-1,), shortcut="Left", disabled=not place
        )
        st.button(
            "Next",
            icon=":material/chevron_right:",
            on_click=go,
            args=(1,),
            shortcut="Right",
            disabled=place == progress.total - 1,
        )
        st.button("Next undecided", on_click=go_undecided, shortcut="Down", disabled=not state.reviewer)
        done = f"{progress.done:,} of {progress.total:,} decided" + (f" by {state.reviewer}" if state.reviewer else "")
        st.progress(progress.done / progress.total, text=f"Element {place + 1:,} of {progress.total:,} · {plain(done)}")


def at_work(desk: Desk, state: PageState, opened, engine: Engine | None) -> PageState:
    """The element on the desk with everything about it."""
    state = on_desk(desk, state)
    heading(desk, state)
    if engine is not None:
        list_run(desk, state, opened, engine)
    element = desk.element(state.worklist, state.element)
    evidence, decision = st.columns([7, 3], gap="medium")
    with decision:
        decision_box(desk, state, element)
    with evidence:
        element_screen(element, state, opened, engine)
    with st.expander("The whole list", icon=":material/list:"):
        table = desk.elements(state.worklist, state.reviewer)
        picked = st.dataframe(
            table.drop(columns=["element_id", "updated"]),
            hide_index=True,
            height=360,
            on_select="rerun",
            selection_mode="single-row",
            key=f"list {state.worklist}",
        )
        rows = picked.selection.rows
        if rows and st.session_state.get("list row") != (state.worklist, rows[0]):
            st.session_state["list row"] = (state.worklist, rows[0])
            st.session_state["desk moved"] = table["element_id"].iloc[rows[0]]
            st.rerun()
    return state


def page() -> None:
    """The whole page."""
    compact()
    try:
        sources = data.options().sources
        desk = data.desk()
    except (ValueError, OSError) as error:
        stop_with(str(error))
    st.session_state.setdefault("session", uuid.uuid4().hex)
    data.warm_up()
    state, _ = enter(st.session_state, st.query_params, sources)
    top = st.container()
    state, opened, loading = source_box(state, sources)
    state = pick_list(desk, state)
    engine = None
    if loading is None:
        with st.sidebar:
            lines = opened.cell_lines
            line = choice("Cell line", "cell_line", lines, state.cell_line if state.cell_line in lines else lines[0])
        state = replace(state, cell_line=line)
    else:
        line_place = st.sidebar.empty()
        state = settings_box(state, None)
        engine = await_engine(loading, model_name(state, opened), lambda: None)
        with line_place.container():
            state = replace(state, cell_line=cell_line_box(state.cell_line, engine))
    with top:
        store_notes()
        link_warnings()
        for note in desk.notes:
            st.warning(plain(note), icon=":material/database_off:")
        said = st.session_state.pop("desk said", "")
        if said:
            st.success(plain(said))
    st.markdown("### Vetting desk")
    try:
        if state.worklist:
            state = at_work(desk, state, opened, engine)
        else:
            st.markdown(
                "A list of putative enhancers and silencers, one after another: what the model predicts for each, what "
                "was measured there, your decision and your reason. Make a list below, or bring one."
            )
        with st.expander(
            "Lists: make, bring, take along, compare", expanded=not state.worklist, icon=":material/checklist:"
        ):
            lists_box(desk, state, opened, engine)
    except OSError as error:
        st.error(plain(str(error)), icon=":material/error:")
    address = leave(st.session_state, state, VETTING_PAGE)
    if st.query_params.to_dict() != address:
        st.query_params.from_dict(address)
    settle_widgets()


page()
