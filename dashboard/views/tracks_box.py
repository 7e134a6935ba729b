"""Which signal tracks are drawn, in which order, and the search for more of them at ENCODE."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from creme_core import web
from creme_core.signals import encode
from dashboard import data
from dashboard.background import settled
from dashboard.figures.overlay import Lane
from dashboard.state import PageState
from dashboard.tracks import (
    OfferedTrack,
    Unconfirmed,
    found_tracks,
    is_accessions,
    is_grch38,
    read_lane,
    track_of_accessions,
)
from dashboard.uploads import Uploads
from dashboard.views.uploads import NEW_TRACKS
from dashboard.widgets import plain, put, several

__all__ = ["Reading", "Tracks", "pick_tracks", "read_tracks", "search_box"]

DRAWN_FIRST = 12
NONE = ("none",)
FOUND = "found tracks"  # of searches and links, in the session: label -> track
LOCAL_PATIENCE, REMOTE_PATIENCE = 1.5, 0.3  # seconds the page waits before it is drawn without an answer
ENCODE_PATIENCE = 0.5


@dataclass(frozen=True, eq=False)
class Tracks:
    """What is drawn.

    Attributes:
        chosen: in the order they are drawn.
        offered: how many there are to choose from.
        state: as `PageState.tracks` has them.
        waiting: answers of ENCODE that are still to come.
        notes: sentences on what could not be had.
    """

    chosen: tuple[OfferedTrack, ...]
    offered: int
    state: tuple[str, ...]
    waiting: tuple[Future, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Reading:
    """Tracks over a view, some still to come."""

    tracks: tuple[OfferedTrack, ...]
    view: tuple[int, int]
    futures: tuple[Future, ...] = field(repr=False)

    @property
    def unfinished(self) -> bool:
        """Whether there is more to come."""
        return not all(future.done() for future in self.futures)

    def lanes(self) -> tuple[list[Lane], list[str]]:
        """A lane for each track, empty where there is nothing (yet), and a sentence for each that can't be read."""
        lanes, problems = [], []
        for track, future in zip(self.tracks, self.futures, strict=True):
            if future.done() and future.exception() is None:
                lanes.append(future.result())
                continue
            note = "being read" if not future.done() else "could not be read"
            lanes.append(Lane(track.name, *self.view, _NOTHING, group=track.group, source=track.told, note=note))
            if future.done():
                problems.append(f"{track.name}: {future.exception()}")
        return lanes, problems


_NOTHING = pd.Series([float("nan")]).to_numpy()


def pick_tracks(state: PageState, opened, uploads: Uploads) -> Tracks:
    """The tracks on offer, and which of them the reader wants."""
    offered, waiting, notes = _offered(state)
    found = _found(state, waiting, notes) if is_grch38(opened) else []
    options = {track.label: track for track in (*offered, *found, *uploads.tracks)}
    new = [label for label in st.session_state.pop(NEW_TRACKS, ()) if label in options]
    usual = tuple(track.label for track in offered[:DRAWN_FIRST])
    wanted = usual if not state.tracks else tuple(label for label in state.tracks if label in options)
    if not options:
        return Tracks((), 0, state.tracks, tuple(waiting), tuple(notes))
    name = f"tracks {state.source} {state.cell_line} {' '.join(options)}"
    first = tuple(dict.fromkeys((*wanted, *new)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        labels = several(
            "Tracks, in the order they are drawn",
            name,
            {label: track.name for label, track in options.items()},
            first,
            placeholder="Choose tracks",
            wrap=True,
        )
        if len(labels) > 1:
            _order(name, labels, options)
    chosen = () if labels == usual and not waiting else labels or NONE
    if waiting and state.tracks:
        chosen = state.tracks  # a link's tracks may be among those that are still asked for
    return Tracks(tuple(options[label] for label in labels), len(options), chosen, tuple(waiting), tuple(notes))


def _order(name: str, labels: tuple[str, ...], options: dict[str, OfferedTrack]) -> None:
    """Move a track up or down."""
    with st.popover("Order", icon=":material/swap_vert:"):
        moved = st.selectbox("Track", labels, format_func=lambda label: options[label].name, key="track to move")

        def move(by: int) -> None:
            order = list(labels)
            place = order.index(moved)
            order.insert(min(max(place + by, 0), len(order) - 1), order.pop(place))
            put(name, tuple(order))

        for label, icon, by in (
            ("Up", "arrow_upward", -1),
            ("Down", "arrow_downward", 1),
            ("To the top", "first", -99),
        ):
            icon = "vertical_align_top" if icon == "first" else icon
            st.button(label, key=f"track {label}", icon=f":material/{icon}:", on_click=move, args=(by,))


def _offered(state: PageState) -> tuple[tuple[OfferedTrack, ...], list[Future], list[str]]:
    """The source's own tracks, or ENCODE's once it has said which of them are current."""
    tracks = data.offered_tracks(state.source, state.cell_line)
    asked = data.confirmed(state.source, state.cell_line)
    if asked is None:
        return tracks, [], []
    if not settled([asked], ENCODE_PATIENCE):
        return tracks, [asked], []
    error = asked.exception()
    if error is None:
        return asked.result(), [], []
    if isinstance(error, Unconfirmed):
        return error.tracks, [], [f"The tracks are not confirmed with ENCODE: {error}"]
    return tracks, [], [f"The tracks are not confirmed with ENCODE: {error}"]


def _found(state: PageState, waiting: list[Future], notes: list[str]) -> list[OfferedTrack]:
    """Tracks of a search, and those that a link names by their accessions."""
    found: dict[str, OfferedTrack] = st.session_state.setdefault(FOUND, {})
    for key in state.tracks:
        if not is_accessions(key) or key in found:
            continue
        question = ("accessions", key, web.is_offline())
        (asked,) = data.background("remote").ask({question: lambda key=key: track_of_accessions(key)})
        if not settled([asked], ENCODE_PATIENCE):
            waiting.append(asked)
        elif asked.exception() is None:
            found[key] = asked.result()
        else:
            notes.append(f"{key}: {asked.exception()}")
    return list(found.values())


def read_tracks(tracks: Tracks, chrom: str, start: int, end: int) -> Reading:
    """Have the chosen tracks read over [start, end), 0-based half-open; waits a moment for what comes fast."""
    if tracks.waiting:
        # Which files they are is not known yet.
        return Reading(tracks.chosen, (start, end), (tracks.waiting[0],) * len(tracks.chosen))
    by_kind: dict[bool, dict] = {False: {}, True: {}}
    keys = []
    for track in tracks.chosen:
        key = ("lane", track, chrom, start, end, web.is_offline() and track.remote)
        keys.append((track.remote, key))
        by_kind[track.remote][key] = lambda track=track: read_lane(track, chrom, start, end)
    futures = {}
    for remote, questions in by_kind.items():
        asked = data.background("remote" if remote else "local").ask(questions)
        futures |= dict(zip(questions, asked, strict=True))
        settled(asked, REMOTE_PATIENCE if remote else LOCAL_PATIENCE)
    return Reading(tracks.chosen, (start, end), tuple(futures[key] for _, key in keys))


def search_box(state: PageState, opened) -> Sequence[Future]:
    """Ask ENCODE for further tracks and take them into the picture; what is still to come of it."""
    if not is_grch38(opened):
        return ()
    with st.expander("Search ENCODE for more tracks", icon=":material/travel_explore:"):
        with st.form("encode search", border=False):
            line, assay, target = st.columns(3)
            cell_line = line.text_input("Cell line", value=state.cell_line, help="as ENCODE writes it, such as HepG2")
            kind = assay.selectbox("Assay", list(encode.ASSAYS), index=list(encode.ASSAYS).index("TF ChIP-seq"))
            factor = target.text_input("Target", placeholder="GATA1; empty for all", help="a mark or a factor")
            if st.form_submit_button("Search", icon=":material/search:"):
                st.session_state["encode asked"] = cell_line.strip(), kind, factor.strip() or None
        asked = st.session_state.get("encode asked")
        if asked is None:
            return ()
        key = ("search", *asked, web.is_offline())
        (answer,) = data.background("remote").ask({key: lambda: encode.search(*asked)})
        if not settled([answer], ENCODE_PATIENCE):
            st.caption(":material/hourglass_empty: ENCODE is being asked.")
            return (answer,)
        if answer.exception() is not None:
            st.warning(plain(f"ENCODE could not be searched. {answer.exception()}"), icon=":material/cloud_off:")
            return ()
        _offer_found(answer.result(), asked)
    return ()


def _offer_found(table: pd.DataFrame, asked: tuple[str, str, str | None]) -> None:
    found = {track.label: track for track in found_tracks(table)}
    if table.attrs.get("note"):
        st.caption(plain(table.attrs["note"]))
    if not found:
        words = " ".join(filter(None, (asked[0], asked[1], asked[2])))
        st.info(plain(f"ENCODE has no released GRCh38 signal for {words}; try another spelling, or no target."))
        return

    def add() -> None:
        chosen = st.session_state["encode found"]
        st.session_state.setdefault(FOUND, {}).update({label: found[label] for label in chosen})
        st.session_state[NEW_TRACKS] = [*st.session_state.get(NEW_TRACKS, ()), *chosen]

    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            f"{len(found):,} tracks found",
            list(found),
            default=list(found) if len(found) == 1 else [],
            format_func=lambda label: f"{found[label].name}: {found[label].told}",
            key="encode found",
            placeholder="Choose what to add",
        )
        st.button("Add to the picture", key="add found", on_click=add, disabled=not chosen, icon=":material/add:")
