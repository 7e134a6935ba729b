"""The overlay: tile effects, genes, signals and regions on one genomic axis, and what the called tiles are made of."""

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from creme_core.experiments.result import Result
from creme_core.locus import Locus
from creme_core.models.base import SequenceModel
from creme_core.signals.bigwig import read_signal
from creme_core.signals.characterise import tile_signals
from creme_core.tiles import TileGrid
from dashboard import data
from dashboard.engine import Engine
from dashboard.figures.overlay import Profile, overlay
from dashboard.figures.style import chart_config
from dashboard.state import PageState
from dashboard.tracks import OfferedTrack, read_lanes
from dashboard.views.regions_box import region_strips
from dashboard.views.run_panel import follow
from dashboard.views.uploads import uploaded_tracks, uploads_box
from dashboard.widgets import palette, plain, put, seeded, toggle

__all__ = ["chromatin_panel"]

CHART = "overlay"
LEAST_VIEW = 200  # bp
_REGION = re.compile(r"^\s*(?:[^:\s]+:)?([\d,]+)\s*[-–]\s*([\d,]+)\s*$")


def read_region(text: str, locus: Locus, size: int) -> tuple[int, int] | None:
    """A typed region (1-based, both ends included) as [start, end), kept within the chromosome; None for no region."""
    match = _REGION.match(text)
    if match is None:
        return None
    first, last = (int(number.replace(",", "") or 0) for number in match.groups())
    if last < first or last > 10**9:
        return None
    start, end = first - 1, last
    if end - start < LEAST_VIEW:
        middle = (start + end) // 2
        start, end = middle - LEAST_VIEW // 2, middle + LEAST_VIEW // 2
    start, end = max(start, locus.start, 0), min(end, locus.end, size)
    return (start, end) if end - start >= LEAST_VIEW // 2 else None


def shown_region(start: int, end: int) -> str:
    """[start, end) as a person reads it."""
    return f"{start + 1:,}-{end:,}"


def whole_view(locus: Locus, size: int) -> tuple[int, int]:
    """The part of the window that lies on the chromosome."""
    return max(locus.start, 0), min(locus.end, size)


def chromatin_panel(
    state: PageState, source, locus: Locus, effects: pd.DataFrame | None, result: Result | None, engine: Engine | None
) -> PageState:
    """The section below a test; returns the state with its choices.

    Args:
        state: of the page.
        source: for genes and signals.
        locus: the window.
        effects: tiles to draw on top, as the Necessity or Sufficiency Test gives them, or None.
        result: where they are from, for the cut-offs.
        engine: for the model's own profile; None where nothing is computed.
    """
    shown = toggle(
        "Chromatin and genes", "overlay", state.overlay, "signal tracks, genes and regions on the axis of the genome"
    )
    if not shown:
        # Its choices come back when it does.
        return replace(state, overlay=False, region="")
    size = source.chrom_sizes.get(locus.chrom, locus.end)
    key, first = seeded("region", state.region)
    typed = st.session_state.get(key, first)
    view = read_region(typed, locus, size) or whole_view(locus, size)
    if typed and read_region(typed, locus, size) is None:
        st.warning(
            f"{plain(typed[:60])} is no region of this window; write START-END, 1-based, such as "
            f"{shown_region(*whole_view(locus, size))}."
        )
    _navigation(key, first, view, locus, size)

    with st.container(horizontal=True, vertical_alignment="bottom"):
        shared = st.toggle("Shared scale", key="shared scale", help="tracks of one kind get one scale")
        log = st.toggle("log(1 + x)", key="log scale")
        profiled = engine is not None and st.toggle(
            "Predicted profile", key="profile", help="the model's own prediction along its output window"
        )

    def draw() -> None:
        profile = _profile(state, locus, engine) if profiled else None
        _section(state, source, locus, effects, result, view, profile, shared, log)

    follow(draw, lambda: profiled and _profile_pending(state, locus, engine))
    text = "" if view == whole_view(locus, size) else shown_region(*view)
    return replace(state, overlay=True, region=text)


def _navigation(key: str, first: str, view: tuple[int, int], locus: Locus, size: int) -> None:
    """Where in the window: a box to type in, and steps; dragging over the picture zooms too."""
    start, end = view
    width = end - start
    whole = whole_view(locus, size)

    def go(new_start: float, new_end: float) -> None:
        span = max(int(new_end - new_start), LEAST_VIEW)
        low = int(min(max(new_start, whole[0]), max(whole[1] - span, whole[0])))
        high = min(low + span, whole[1])
        put("region", "" if (low, high) == whole else shown_region(low, high))

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Region (1-based)",
            value=first,
            key=key,
            placeholder=shown_region(*whole),
            width=240,
            help="START-END on the chromosome. Dragging over the picture zooms in.",
        )
        steps = (
            ("Zoom in", ":material/zoom_in:", (start + width * 0.3, end - width * 0.3)),
            ("Zoom out", ":material/zoom_out:", (start - width * 0.75, end + width * 0.75)),
            ("Left", ":material/arrow_back:", (start - width * 0.5, end - width * 0.5)),
            ("Right", ":material/arrow_forward:", (start + width * 0.5, end + width * 0.5)),
            ("Whole window", ":material/fit_width:", whole),
        )
        for label, icon, place in steps:
            st.button(label, key=f"view {label}", icon=icon, on_click=go, args=place)


def _section(
    state: PageState,
    source,
    locus: Locus,
    effects: pd.DataFrame | None,
    result: Result | None,
    view: tuple[int, int],
    profile: Profile | None,
    shared: bool,
    log: bool,
) -> None:
    with st.spinner("Reading the tracks"):
        uploads_box(source.chrom_sizes)
        tracks = (*data.offered_tracks(state.source, state.cell_line), *uploaded_tracks())
        chosen = _pick(tracks)
        lanes, problems = read_lanes(chosen, locus.chrom, *view)
        strips, told = region_strips(state.source, locus.chrom, *view)
    genes, exons = data.genes_around(state.source, locus.chrom, *view)
    figure = overlay(
        locus,
        palette(),
        view=view,
        effects=effects,
        effect_name="Effect of each tile" + ("" if result is None else f" ({result.test.replace('_', ' ')})"),
        **({} if result is None else {"cutoffs": result.cutoffs}),
        profile=profile,
        lanes=lanes,
        strips=strips,
        genes=genes,
        exons=exons,
        selected=state.tile,
        shared_scale=shared,
        log=log,
    )
    st.plotly_chart(
        figure,
        theme=None,
        key=CHART,
        on_select=partial(_take, locus, source.chrom_sizes.get(locus.chrom, locus.end)),
        selection_mode=("points", "box"),
        config=chart_config(f"{locus.gene}_{state.cell_line}_overlay"),
        alt=f"Signals, genes and regions around {locus.gene} in {state.cell_line}",
    )
    if st.session_state.pop("view dragged", False):
        st.rerun()
    if not tracks:
        st.caption(
            f"No signal tracks are known for {plain(state.cell_line)}; ENCODE defaults are for K562, GM12878 and PC-3. "
            "Bring bigWig files of your own below."
        )
    for sentence in (*problems, *told):
        st.warning(plain(sentence), icon=":material/signal_disconnected:")
    if effects is not None and lanes:
        _made_of(effects, [track for track in chosen if track.name in {lane.name for lane in lanes}])


def _pick(tracks: tuple[OfferedTrack, ...]) -> list[OfferedTrack]:
    """Which tracks, in which order."""
    by_name = {track.name: track for track in tracks}
    if not by_name:
        return []
    names = st.multiselect(
        "Tracks, in the order they are drawn",
        list(by_name),
        default=list(by_name)[:12],
        key=f"tracks {' '.join(by_name)}",
        placeholder="Choose tracks",
    )
    return [by_name[name] for name in names]


def _take(locus: Locus, size: int) -> None:
    """A dragged stretch becomes the region; a clicked bar the chosen tile."""
    selection = st.session_state[CHART].selection
    if selection.box:
        x = sorted(selection.box[0]["x"])
        view = read_region(f"{max(int(x[0]), 1)}-{max(int(x[1]), 1)}", locus, size)
        if view is not None:
            put("region", shown_region(*view))
            st.session_state["view dragged"] = True
        return
    tiles = [point["customdata"] for point in selection.points if "customdata" in point]
    if tiles:
        put("tile", int(tiles[0][0] if isinstance(tiles[0], list | tuple) else tiles[0]))
        st.session_state["view dragged"] = True


def _profile_pending(state: PageState, locus: Locus, engine: Engine) -> bool:
    run = engine.profile(locus, state.cell_line, _tile(state, locus), state.seed, st.session_state["session"])
    return run.unfinished


def _tile(state: PageState, locus: Locus) -> tuple[int, int] | None:
    if state.tile is None:
        return None
    tile = TileGrid(locus.length, state.tile_size).tiles[state.tile]
    return tile.start, tile.end


def _profile(state: PageState, locus: Locus, engine: Engine) -> Profile | None:
    """The model's prediction along its output window, with the chosen tile shuffled where there is one."""
    tile = _tile(state, locus)
    run = engine.profile(locus, state.cell_line, tile, state.seed, st.session_state["session"])
    if run.state == "failed":
        st.warning(plain(run.error or "The profile could not be computed."))
    if run.state != "done":
        return None
    wild_type, perturbed = run.result
    start, end = output_window(engine.model, locus, len(wild_type))
    backwards = slice(None, None, 1 if locus.strand == "+" else -1)
    told = "" if tile is None else f"tile {state.tile} shuffled"
    return Profile(start, end, wild_type[backwards], None if perturbed is None else perturbed[backwards], told)


def output_window(model: SequenceModel, locus: Locus, bins: int) -> tuple[int, int]:
    """Where a profile of so many bins lies on the chromosome, [start, end)."""
    margin = (model.input_length - bins * model.bin_size) // 2
    return locus.to_genome(margin, model.input_length - margin)


def _made_of(effects: pd.DataFrame, tracks: list[OfferedTrack]) -> None:
    """The signal in every called tile, beside the mean of all others."""
    inside = effects[(effects["genome_start"] >= 0) & effects["effect"].notna()]
    called = inside[inside["call"].isin(["enhancer", "silencer"])]
    if called.empty:
        st.caption("No tile is called an enhancer or a silencer, so there is nothing to characterise.")
        return
    try:
        values = tile_signals(inside, {track.name: partial(_read, track.path) for track in tracks})
    except (ValueError, OSError) as error:
        st.warning(plain(f"The tiles could not be characterised. {error}"))
        return
    others = values[~inside["call"].isin(["enhancer", "silencer"])].mean()
    table = called[["tile", "call", "effect"]].join(values)
    middle = pd.DataFrame([{"tile": None, "call": "all other tiles (mean)", "effect": np.nan, **others}])
    st.markdown("**What the called tiles are made of**: mean signal of marks, maximum of factors")
    st.dataframe(
        pd.concat([table, middle.astype({"tile": "Int64"})], ignore_index=True).round(3),
        hide_index=True,
        column_config={"effect": st.column_config.NumberColumn("Effect", format="%+.3f")},
    )


def _read(path: str, chrom: str, start: int, end: int, bins: int, statistic: str) -> np.ndarray:
    return read_signal(path, chrom, start, end, bins, statistic)
