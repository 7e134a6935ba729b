"""The reviewer's side of the vetting desk: decision, reason, taking back, what others decided."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from creme_core.vetting.decisions import Desk
from creme_core.vetting.element import Element
from creme_core.vetting.versions import DECISIONS, LONGEST_REASON
from dashboard.views.live_text import live_text
from dashboard.widgets import plain

__all__ = ["SAID", "attempt", "decision_box", "last_step"]

KEYS = {"enhancer": "E", "silencer": "S", "neither": "N", "unsure": "U"}
SAID, PROBLEM, UNSAVED = "desk said", "desk problem", "decision problem"


def attempt(act: Callable[..., Any], *arguments: Any, problem: str = PROBLEM) -> bool:
    """Do something to the desk from a widget's callback; where that fails, the page says why until the next step.

    problem: where the sentence is kept.
    """
    for key in (SAID, PROBLEM, UNSAVED):
        st.session_state.pop(key, None)
    try:
        act(*arguments)
    except (ValueError, OSError) as error:
        st.session_state[problem] = str(error)
        return False
    return True


def last_step() -> None:
    """What the last step did, or why it failed."""
    if SAID in st.session_state:
        st.success(plain(st.session_state[SAID]))
    if PROBLEM in st.session_state:
        st.error(plain(st.session_state[PROBLEM]), icon=":material/error:")


def decision_box(desk: Desk, worklist: str, element: Element, reviewer: str) -> None:
    """Decision by button or key, the reason saved as it is typed, and how far the reviewer is."""
    if not reviewer:
        st.info("Write your name at the left; decisions are kept under it.", icon=":material/person:")
        return

    save = partial(attempt, problem=UNSAVED)

    def decide(decision: str) -> None:
        # The reason as it is now: it may have been typed since the page was drawn.
        now = desk.decision(worklist, element.element_id, reviewer)
        desk.decide(worklist, element.element_id, reviewer, decision, now.reason)

    def undo() -> None:
        desk.undo(worklist, reviewer, element.element_id)

    @st.fragment
    def box() -> None:
        if UNSAVED in st.session_state:
            st.error(f"Not saved. {plain(st.session_state[UNSAVED])}", icon=":material/error:")
        try:
            now = desk.decision(worklist, element.element_id, reviewer)
            progress = desk.progress(worklist, reviewer)
            others = desk.history(worklist, element.element_id)
        except (ValueError, OSError) as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        done = f"{progress.done:,} of {progress.total:,} decided by {plain(reviewer)}"
        st.progress(progress.done / progress.total, text=done)
        for decision in DECISIONS:
            st.button(
                decision.capitalize(),
                key=f"decide {decision}",
                type="primary" if now.decision == decision else "secondary",
                icon=":material/check:" if now.decision == decision else None,
                on_click=save,
                args=(decide, decision),
                shortcut=KEYS[decision],
                width="stretch",
            )
        live_text(
            "Reason",
            json.dumps([worklist, element.element_id, reviewer]),
            now.reason,
            partial(save, _save_reason, desk),
            placeholder="Why? Saved as you type.",
            longest=LONGEST_REASON,
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Undo",
                icon=":material/undo:",
                key="undo decision",
                on_click=save,
                args=(undo,),
                help="takes back your last step on this element",
            )
            if now.updated:
                st.caption(f"Saved {now.updated[:10]} {now.updated[11:19]} UTC")
        others = others[others["reviewer"] != reviewer].drop_duplicates("reviewer", keep="last")
        for row in others.itertuples():
            if row.decision:
                st.caption(f"{plain(row.reviewer)}: **{row.decision}**. {plain(row.reason)}")

    box()


def _save_reason(desk: Desk, about: str, reason: str) -> None:
    """Keep a reason with the decision that stands; `about` says whose it is and of what, as JSON."""
    worklist, element_id, reviewer = json.loads(about)
    now = desk.decision(worklist, element_id, reviewer)
    desk.decide(worklist, element_id, reviewer, now.decision, reason)
