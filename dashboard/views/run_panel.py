"""The part of a page that starts, follows and stops a run."""

from collections.abc import Callable

import streamlit as st

from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs
from creme_core.experiments.replicates import AUTO
from dashboard.catalogue import Entry
from dashboard.engine import Engine, Request
from dashboard.jobs import Snapshot
from dashboard.widgets import plain

__all__ = ["duration", "follow", "introduce", "run_panel"]

POLL_SECONDS = 0.4


def duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 1:
        return "a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def follow(draw: Callable[[], None], pending: Callable[[], bool]) -> None:
    """Redraw a part of the page by itself while something in it is under way, then settle with one whole run.

    A click inside the part starts something while nobody follows it yet: then the whole page runs, which does.
    """
    started = pending()

    def part() -> None:
        still = pending()
        if still and not started:
            st.rerun()
        draw()
        if started and not still:
            st.rerun()

    st.fragment(part, run_every=POLL_SECONDS if started else None)()


def introduce(entry: Entry, cutoffs: Cutoffs = ENFORMER_CUTOFFS) -> None:
    """What a test does, in two sentences and a drawing, and how to read its numbers."""
    with st.container(border=True):
        words, drawing = st.columns([4, 5], gap="medium", vertical_alignment="center")
        with words:
            st.markdown(f"**{entry.title}: {entry.question[0].lower()}{entry.question[1:]}** {entry.what}")
            st.caption(entry.reading(cutoffs))
        with drawing:
            st.image(str(entry.picture), width="stretch", alt=f"What the {entry.title} shuffles and what it keeps")


def run_panel(run: Snapshot | None, request: Request, engine: Engine, session: str) -> None:
    """Say how the run stands and offer what can be done about it.

    Args:
        run: the run, or None before it was started (or when it has been forgotten).
        request: what is run.
        engine: where.
        session: of the visitor.
    """
    name, sequences = request.entry.title, request.sequences

    def start() -> None:
        engine.start(request, session)

    if run is None:
        rate = engine.jobs.last_rate
        estimate = f", {request.entry.bound or 'about '}{duration(sequences / rate)} on this machine" if rate else ""
        settings = request.settings
        drawn = "shuffles as needed, 5 or more" if settings.shuffles == AUTO else f"{settings.shuffles} shuffles"
        bound = "at least " if settings.shuffles == AUTO else request.entry.bound
        with st.container(horizontal=True, vertical_alignment="center"):
            _button(f"Run the {name}", start, ":material/play_arrow:")
            st.caption(f"{bound}{sequences:,} sequences to predict{estimate}. {drawn}, seed {settings.seed}.")
    elif run.unfinished:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(min(run.done / run.total, 1.0) if run.total else 0.0, text=_standing(run))
            _button(
                "Cancel", lambda: engine.cancel(request, session), ":material/stop:", key="cancel", kind="secondary"
            )
    elif run.state == "done":
        reused = f", {run.reused:,} of them from the store" if run.reused else ""
        # A search that is not planned to its end counts each of its stages by itself.
        done = "done" if request.entry.bound else f"{run.done:,} sequences"
        st.caption(
            f":material/check: {name}: {done} in {duration(run.seconds)}{'' if request.entry.bound else reused}."
        )
    elif run.state == "cancelled":
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(f"Cancelled after {run.done:,} of {run.total or sequences:,} sequences; those are kept.")
            _button("Continue", start, ":material/play_arrow:")
    else:
        st.error(f"The {name} did not finish. {plain(run.error or '')}")
        _button("Try again", start, ":material/replay:")


def _button(label: str, act: Callable[[], None], icon: str, key: str = "run", kind: str = "primary") -> None:
    """A button that acts before the page is drawn again: a redraw that comes in between can't lose the click."""
    if st.button(label, type=kind, icon=icon, key=key, on_click=act):
        st.rerun()


def _standing(run: Snapshot) -> str:
    """One line on an unfinished run."""
    if run.state == "queued":
        return f"In the queue, place {run.place}" if run.place else "In the queue"
    if not run.total:
        return "Drawing the shuffles"
    if run.note:
        return run.note.capitalize()
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
