"""Vetting desk: putative elements one by one, the evidence on each, a decision and why."""

from dataclasses import replace

import streamlit as st

from creme_core.vetting.decisions import Desk
from creme_core.vetting.element import Element
from creme_core.vetting.versions import clean_name
from dashboard import data
from dashboard.desk import Bench
from dashboard.state import VETTING_PAGE, PageState, quoted
from dashboard.views.sidebar import (
    await_engine,
    begin_page,
    cell_line_box,
    end_page,
    link_warnings,
    model_name,
    settings_box,
    source_box,
    stop_with,
    store_notes,
)
from dashboard.views.vetting_decision import attempt, decision_box, last_step
from dashboard.views.vetting_element import element_screen, look_ahead
from dashboard.views.vetting_lists import lists_box
from dashboard.views.vetting_runs import list_run
from dashboard.views.vetting_table import whole_list
from dashboard.widgets import choice, plain, seeded

# The decision stays in sight while the evidence is scrolled; sentences are set close, so that most fit on one screen.
STYLE = """<style>
.stColumn:has(.st-key-decision) {position: sticky; top: 4rem; align-self: flex-start;}
.st-key-sentences [data-testid="stMarkdownContainer"] {margin-bottom: 0;}
.st-key-sentences p {font-size: 0.875rem; line-height: 1.35; margin-bottom: 0;}
.st-key-numbers [data-testid="stMetricValue"] {font-size: 1.4rem;}
</style>"""


def pick_list(desk: Desk, state: PageState) -> PageState:
    """The worklist on the desk and who sits at it."""
    lists = desk.worklists()
    names = {row.worklist_id: f"{row.name} ({row.elements:,})" for row in lists.itertuples()}
    with st.sidebar:
        key, first = seeded("reviewer", state.reviewer)
        typed = st.text_input("Reviewer", value=first, key=key, placeholder="Your name", max_chars=100)
        wanted = state.worklist if state.worklist in names else ""
        if state.worklist and not wanted:
            st.warning("That worklist is not on this desk; choose another.", icon=":material/link_off:")
        worklist = choice(
            "Worklist", "worklist", ("", *names), wanted, format_func=lambda name: names.get(name, "Choose a list")
        )
    worklist = worklist if worklist in names else ""  # the box may still hold one that was deleted meanwhile
    if worklist != state.worklist:
        state = replace(state, worklist=worklist, element="")
    # One person's name may be typed in two Unicode forms.
    return replace(state, reviewer=clean_name(typed, "The reviewer's name") if typed.strip() else "")


def on_desk(desk: Desk, state: PageState) -> PageState:
    """The element on the desk: that of the address, else the first that is undecided, else the first."""
    wanted, unknown = st.session_state.pop("desk moved", "") or state.element, ""
    if wanted:
        try:
            desk.position(state.worklist, wanted)
        except ValueError:
            unknown, wanted = wanted, ""
    if not wanted:
        wanted = desk.next_undecided(state.worklist, state.reviewer) if state.reviewer else None
        wanted = wanted or desk.elements(state.worklist, count=1)["element_id"].iloc[0]
        if unknown:
            st.session_state["not on list"] = (unknown, wanted)
    st.session_state["desk at"] = wanted
    lost, shown = st.session_state.get("not on list", ("", ""))
    if lost and shown == wanted:
        st.warning(f"The link names the element {quoted(lost)}, which is not on this list; this is another one.")
    return replace(state, element=wanted)


def way_through(desk: Desk, state: PageState) -> None:
    """Previous and next, by button and key."""
    place, total = desk.position(state.worklist, state.element), desk.progress(state.worklist, state.reviewer).total

    def go(by: int) -> None:
        # From where the desk is now: a second press may come before the page has been drawn for the first.
        at = st.session_state["desk at"]
        _move(desk.step(state.worklist, at, by))

    def go_undecided() -> None:
        _move(desk.next_undecided(state.worklist, state.reviewer, st.session_state["desk at"]) or "")

    with st.container(horizontal=True, vertical_alignment="center"):
        for label, icon, by, key, off in (
            ("Previous", ":material/chevron_left:", -1, "Left", place == 0),
            ("Next", ":material/chevron_right:", 1, "Right", place == total - 1),
        ):
            st.button(label, icon=icon, on_click=attempt, args=(go, by), shortcut=key, key=label.lower(), disabled=off)
        st.button(
            "Next undecided",
            on_click=attempt,
            args=(go_undecided,),
            shortcut="Down",
            key="next undecided",
            disabled=not state.reviewer,
        )
        st.markdown(f"Element **{place + 1:,}** of {total:,}")


def _move(element_id: str) -> None:
    if element_id:
        st.session_state["desk moved"] = st.session_state["desk at"] = element_id


def at_work(desk: Desk, state: PageState, bench: Bench) -> PageState:
    """The element on the desk with everything about it."""
    state = on_desk(desk, state)
    way_through(desk, state)
    element = desk.element(state.worklist, state.element)
    evidence, decision = st.columns([7, 3], gap="medium")
    with decision.container(key="decision"):
        decision_box(desk, state.worklist, element, state.reviewer)
    with evidence:
        element_screen(element, state, bench)
    look_ahead(_coming(desk, state), state, bench)
    whole_list(desk, state, _move)
    return state


def _coming(desk: Desk, state: PageState) -> list[Element]:
    """What is likely to be on the desk next."""
    names = [desk.step(state.worklist, state.element, 1)]
    if state.reviewer:
        names.append(desk.next_undecided(state.worklist, state.reviewer, state.element) or "")
    names = dict.fromkeys(name for name in names if name and name != state.element)
    return [desk.element(state.worklist, name) for name in names]


def page() -> None:
    """The whole page."""
    state, sources = begin_page()
    st.html(STYLE)
    try:
        desk = data.desk()
    except (ValueError, OSError) as error:
        stop_with(str(error))
    top = st.container()
    state, opened, loading = source_box(state, sources)
    try:
        state = pick_list(desk, state)
    except (ValueError, OSError) as error:
        stop_with(str(error))
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
    bench = Bench(
        opened,
        engine,
        data.background("desk"),
        st.session_state["session"],
        state.cell_line,
        state.tile_size,
        10 if isinstance(state.shuffles, str) else state.shuffles,
        state.seed,
    )
    with top:
        store_notes()
        link_warnings()
        for note in desk.notes:
            st.warning(plain(note), icon=":material/database_off:")
        last_step()
    try:
        if state.worklist:
            if engine is not None:
                with st.sidebar:
                    list_run(desk, state.worklist, bench)
            state = at_work(desk, state, bench)
        else:
            st.markdown("### Vetting desk")
            st.markdown(
                "A list of putative enhancers and silencers, one after another: what the model predicts for each, what "
                "was measured there, your decision and your reason. Make a list below, or bring one."
            )
        lists_box(desk, state, bench)
    except (ValueError, OSError) as error:  # such as a list that was deleted in another tab
        st.error(plain(str(error)), icon=":material/error:")
    end_page(state, VETTING_PAGE)


page()
