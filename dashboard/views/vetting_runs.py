"""Tests of whole lists in the background: started, followed and stopped from any tab."""

from collections.abc import Callable, Hashable
from functools import partial

import pandas as pd
import streamlit as st

from creme_core.vetting.decisions import Desk
from creme_core.vetting.element import Element, element_from_row
from creme_core.vetting.worklist import elements_from_effects
from dashboard import data
from dashboard.catalogue import LOCUS_TESTS
from dashboard.desk import DESK_TESTS, Bench
from dashboard.engine import MOST_GENES, Request
from dashboard.list_runs import ListRun
from dashboard.views.run_panel import duration, follow
from dashboard.widgets import plain

__all__ = ["every_gene", "list_run", "stop_runs_of"]

WINDOW_SECONDS = 600.0  # that the sequence of one window may take to come
SHOWN_PROBLEMS = 50
MOST_LINES = 8  # cell lines whose calls are kept of each gene


def list_run(desk: Desk, worklist: str, bench: Bench) -> None:
    """Tests that are missing, for the whole list."""
    key = ("list", worklist, bench.settings)
    mine = Bench(**{**vars(bench), "session": key})
    total = desk.progress(worklist, "").total

    def run(element: Element, cancel) -> None:
        case = mine.case(element, WINDOW_SECONDS)
        if case is None:
            raise ValueError("Its window took too long to read; try again.")
        for test in case.missing:
            request = mine.request(test, case)
            if mine.engine.finish(request, mine.session, cancel) is not None:
                mine.forget(request, case.cell_line)

    def elements() -> list[Element]:
        return [element_from_row(row) for row in desk.elements(worklist).itertuples()]

    sequences = total * _sequences(bench, DESK_TESTS)
    _panel(
        key,
        lambda: ListRun(total, elements, run, lambda element: element.label),
        "Run missing tests for the whole list",
        f"Necessity, sufficiency and distance of each element where they are not stored: at most {sequences:,} "
        f"sequences{_time(sequences, bench)}. It goes on when you leave the page.",
        "elements tested",
    )


def every_gene(bench: Bench, names: list[str], make: Callable[[pd.DataFrame], None]) -> None:
    """The Necessity Test of every gene of a small source, and what it calls as a list; `make` keeps that."""
    if len(names) > MOST_GENES:
        return
    key = ("every gene", bench.settings)
    mine = Bench(**{**vars(bench), "session": key})
    length = bench.engine.model.input_length
    line = bench.cell_line
    lines = bench.engine.cell_lines
    # Which cell line is wanted may change meanwhile, and results are not kept for long.
    lines = lines if len(lines) <= MOST_LINES else (line,)

    def run(name: str, cancel) -> tuple | None:
        locus = mine.opened.locus(name, length=length)
        entry = LOCUS_TESTS["necessity"]
        settings = entry.settings_type(tile_size=mine.tile_size, shuffles=mine.shuffles, seed=mine.seed)
        result = mine.engine.finish(Request(entry, (locus,), settings), mine.session, cancel)
        if result is None:
            return None
        return name, {one: result.effects(one) for one in lines}

    sequences = len(names) * _sequences(bench, ("necessity",))
    done = _panel(
        key,
        lambda: ListRun(len(names), lambda: names, run),
        f"Run the Necessity Test of all {len(names)} genes",
        f"At most {sequences:,} sequences{_time(sequences, bench)}. It goes on when you leave the page.",
        "genes tested",
    )
    if done is None or done.unfinished or not done.found:
        return
    called = [
        elements_from_effects(effects[line], name, line, "necessity") for name, effects in done.found if line in effects
    ]
    if not called:
        st.caption(f"It was run for another cell line than {plain(line)}: run it again.")
        return
    table = pd.concat(called, ignore_index=True)
    if table.empty:
        st.caption(f"It calls no tile in {plain(line)}.")
    else:
        st.button(
            f"Make a list of all {len(table):,} calls in {plain(line)}",
            key="list of every gene",
            on_click=make,
            args=(table,),
        )


def stop_runs_of(worklist: str) -> None:
    """Stop the tests of a list that is no more."""
    data.list_runs().cancel(lambda key: key[:2] == ("list", worklist))


def _sequences(bench: Bench, tests: tuple[str, ...]) -> int:
    """Sequences of these tests of one window, at most."""
    length = bench.engine.model.input_length
    known = {"tile_size": bench.tile_size, "shuffles": bench.shuffles, "seed": bench.seed}
    total = 0
    for test in tests:
        entry = LOCUS_TESTS[test]
        more = {"cre": (0, bench.tile_size)} if test == "distance" else {}
        try:
            total += entry.planned(entry.settings_type(**known, **more), length)
        except ValueError:
            return 0  # the element's own screen says what is wrong with the settings
    return total


def _time(sequences: int, bench: Bench) -> str:
    rate = bench.engine.jobs.last_rate
    return f", {duration(sequences / rate)} on this machine" if rate and sequences else ""


def _panel(key: Hashable, make: Callable[[], ListRun], label: str, help: str, counted: str):
    """A button that begins, or how far it is with a button that stops; the run, or None before there was one."""
    runs = data.list_runs()
    name = str(key[0])

    def draw() -> None:
        now = runs.get(key)
        if now is None or not now.unfinished:
            begin = partial(runs.start, key, make)
            if st.button(
                label, key=f"run {name}", icon=":material/playlist_play:", help=help, on_click=begin, width="stretch"
            ):
                st.rerun()  # so that it is followed
            if now is not None:
                _ended(now, counted)
        else:
            left = now.seconds_left
            pace = "" if left is None else f", {duration(left)} left"
            st.progress(min(now.done / max(now.total, 1), 1.0), text=f"{now.done:,} of {now.total:,} {counted}{pace}")
            st.button("Stopping" if now.cancelled else "Stop", key=f"stop {name}", on_click=now.cancel, width="stretch")
        if now is not None and now.problems:
            with st.expander(f"{now.failed:,} could not be tested"):
                for problem in now.problems[:SHOWN_PROBLEMS]:
                    st.caption(plain(problem))

    follow(draw, lambda: (now := runs.get(key)) is not None and now.unfinished)
    return runs.get(key)


def _ended(run: ListRun, counted: str) -> None:
    if run.error:
        st.error(plain(run.error))
    how = "Stopped" if run.cancelled else "Done"
    st.caption(f"{how}: {run.done - run.failed:,} of {run.total:,} {counted}.")
