"""The part of a page that starts, follows and stops a run."""

from collections.abc import Callable

import streamlit as st

from creme_core.experiments.result import Settings
from dashboard.jobs import Snapshot
from dashboard.state import TESTS
from dashboard.widgets import plain

__all__ = ["duration", "run_panel"]

WHAT_IT_DOES = {
    "necessity": (
        "The Necessity Test shuffles one tile of the window at a time and asks the network again. "
        "Where activity drops, the gene needed what was in that tile; where it rises, the tile held it back."
    ),
    "context": (
        "The Context Dependence Test keeps the tile around the TSS and shuffles everything else. "
        "What activity is lost came from the surroundings; what is gained, they held back."
    ),
}


def duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 1:
        return "a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def run_panel(
    run: Snapshot | None,
    test: str,
    settings: Settings,
    sequences: int,
    rate: float | None,
    start: Callable[[], None],
    cancel: Callable[[], None],
) -> None:
    """Say how the run stands and offer what can be done about it.

    Args:
        run: the run, or None before it was started (or when it has been forgotten).
        test: key of TESTS.
        settings: of the test.
        sequences: how many the test asks for.
        rate: sequences a second seen so far on this device.
        start, cancel: what the buttons do.
    """
    name = TESTS[test]
    if run is None:
        with st.container(border=True):
            st.markdown(WHAT_IT_DOES[test])
            estimate = f", about {duration(sequences / rate)} on this machine" if rate else ""
            with st.container(horizontal=True, vertical_alignment="center"):
                _button(f"Run the {name}", start, ":material/play_arrow:")
                st.caption(f"{sequences:,} sequences to predict{estimate}. Seed {settings.seed}.")
    elif run.unfinished:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(run.done / run.total if run.total else 0.0, text=_standing(run))
            if st.button("Cancel", icon=":material/stop:", key="cancel"):
                cancel()
                st.rerun()
    elif run.state == "done":
        reused = f", {run.reused:,} of them from the store" if run.reused else ""
        st.caption(f":material/check: {name}: {run.total:,} sequences in {duration(run.seconds)}{reused}.")
    elif run.state == "cancelled":
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(f"Cancelled after {run.done:,} of {run.total or sequences:,} sequences; those are kept.")
            _button("Continue", start, ":material/play_arrow:")
    else:
        st.error(f"The {name} did not finish. {plain(run.error or '')}")
        _button("Try again", start, ":material/replay:")


def _button(label: str, start: Callable[[], None], icon: str) -> None:
    if st.button(label, type="primary", icon=icon, key="run"):
        start()
        st.rerun()


def _standing(run: Snapshot) -> str:
    """One line on an unfinished run."""
    if run.state == "queued":
        return f"In the queue, place {run.place}" if run.place else "In the queue"
    if not run.total:
        return "Drawing the shuffles"
    parts = [f"{run.done:,} of {run.total:,} sequences"]
    if run.rate:
        parts.append(f"{run.rate:,.0f}/s" if run.rate >= 10 else f"{run.rate:.1f}/s")
    if run.seconds_left is not None:
        parts.append(f"{duration(run.seconds_left)} left")
    if run.reused:
        parts.append(f"{run.reused:,} from the store")
    if run.others:
        parts.append(f"taking turns with {run.others} other run{'s' if run.others > 1 else ''}")
    return " · ".join(parts)
