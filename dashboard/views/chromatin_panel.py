"""The overlay: tile effects, genes, signals and regions on one genomic axis, and what the called tiles are made of."""

from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd
import streamlit as st

from creme_core.experiments.result import Result
from creme_core.locus import Locus
from creme_core.models.base import SequenceModel
from creme_core.tiles import TileGrid
from dashboard import data
from dashboard.engine import Engine
from dashboard.figures.overlay import Profile, overlay
from dashboard.figures.style import chart_config
from dashboard.state import PageState
from dashboard.tracks import is_grch38
from dashboard.views.made_of import MadeOf, ask_made_of, draw_made_of
from dashboard.views.region_nav import navigation, read_region, shown_region, whole_view
from dashboard.views.regions_box import Regions, ask_regions, pick_regions, region_strips
from dashboard.views.run_panel import follow
from dashboard.views.tracks_box import Reading, Tracks, pick_tracks, read_tracks, search_box
from dashboard.views.uploads import uploads_box
from dashboard.widgets import palette, plain, put, seeded, switch, toggle

__all__ = ["chromatin_panel", "output_window"]

CHART = "overlay"
MOUSE = {"zoom": "Drag to zoom in", "tile": "Click to choose a tile"}
MOST_NAMED = 3  # sentences shown before the others are folded away


@dataclass(frozen=True, eq=False)
class _View:
    """What is drawn, gathered once for each run of the page; some of it is still to come."""

    state: PageState
    locus: Locus
    size: int
    view: tuple[int, int]
    effects: pd.DataFrame | None
    result: Result | None
    engine: Engine | None
    tracks: Tracks = field(repr=False)
    reading: Reading = field(repr=False)
    regions: Regions = field(repr=False)
    made_of: MadeOf | None = field(repr=False)
    searching: tuple = field(default=(), repr=False)
    mouse: str = "zoom"

    @property
    def unfinished(self) -> bool:
        """Whether the picture will change by itself."""
        waited = (*self.tracks.waiting, *self.searching)
        return (
            any(not future.done() for future in waited)
            or self.reading.unfinished
            or self.regions.unfinished
            or (self.made_of is not None and self.made_of.unfinished)
            or (self.engine is not None and self.state.profile and _profile_run(self).unfinished)
        )


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
    whole = whole_view(locus, size)
    key, first = seeded("region", state.region)
    typed = st.session_state.get(key, first)
    view = read_region(typed, locus, size)
    if typed and view is None:
        st.warning(
            f"{plain(typed[:60])} is no region of this window; write START-END, 1-based, such as "
            f"{shown_region(*whole)}."
        )
    view = view or whole
    navigation(key, first, view, locus, size)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        shared = toggle("Shared scale", "shared scale", state.shared, "tracks of one kind get one scale")
        log = toggle("log(1 + x)", "log scale", state.log, "shows weak signal beside strong; mirrored below 0")
        profiled = engine is not None and toggle(
            "Predicted profile",
            "profile",
            state.profile,
            "the model's own prediction along its output window, beside that with the chosen tile shuffled",
        )
        annotations = pick_regions(state.regions, is_grch38(source))
    mouse = "zoom"
    if effects is not None:
        # One or the other: Streamlit passes no clicks on while a drag selects.
        mouse = switch("The mouse", "mouse", MOUSE, mouse, help="what it does in the picture")
    uploads = uploads_box(state.source)
    searching = tuple(search_box(state, source))
    tracks = pick_tracks(state, source, uploads)
    state = replace(
        state,
        overlay=True,
        region="" if view == whole else shown_region(*view),
        tracks=tracks.state,
        regions=annotations,
        shared=shared,
        log=log,
        profile=profiled,
    )
    reading = read_tracks(tracks, locus.chrom, *view)
    names = _annotations(annotations) if is_grch38(source) else ()
    gathered = _View(
        state,
        locus,
        size,
        view,
        effects,
        result,
        engine,
        tracks,
        reading,
        Regions(ask_regions(names, locus.chrom, *view), uploads.regions),
        None if effects is None or tracks.waiting else ask_made_of(effects, tracks.chosen, source),
        searching,
        mouse,
    )
    follow(lambda: _draw(gathered), lambda: gathered.unfinished)
    return state


def _annotations(chosen: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in chosen or ("ccres",) if name != "none")


def _draw(now: _View) -> None:
    """The picture as far as it is known."""
    state, locus = now.state, now.locus
    lanes, problems = now.reading.lanes()
    strips, told = region_strips(now.regions, locus.chrom, *now.view)
    genes, exons = data.genes_around(state.source, locus.chrom, *now.view)
    result = now.result
    figure = overlay(
        locus,
        palette(),
        view=now.view,
        effects=now.effects,
        effect_name="Effect of each tile" + ("" if result is None else f" ({result.test.replace('_', ' ')})"),
        **({} if result is None else {"cutoffs": result.cutoffs}),
        profile=_profile(now) if state.profile else None,
        lanes=lanes,
        strips=strips,
        genes=genes,
        exons=exons,
        selected=state.tile,
        shaded=None if state.tile is None else locus.to_genome(*_tile(state, locus)),
        shared_scale=state.shared,
        log=state.log,
    )
    if now.mouse == "tile":
        figure.update_layout(dragmode="pan").update_xaxes(fixedrange=True)
    # A dragged box belongs to the view that it was drawn on.
    chart = f"{CHART} {now.mouse} {now.view[0]} {now.view[1]}"
    st.plotly_chart(
        figure,
        theme=None,
        key=chart,
        on_select=partial(_take, chart, locus, now.size),
        selection_mode="points" if now.mouse == "tile" else "box",
        config=_config(f"{locus.gene}_{state.cell_line}_overlay"),
        alt=f"Signals, genes and regions around {locus.gene} in {state.cell_line}",
    )
    if st.session_state.pop("view dragged", False):
        st.rerun()
    if now.mouse == "zoom":
        st.caption("Drag over the picture to zoom in: everything is read again at the finer scale.")
    if not now.tracks.offered and not now.tracks.waiting:
        st.caption(
            f"No signal tracks are known for {plain(state.cell_line)}; ENCODE defaults are for K562, GM12878 and PC-3. "
            "Bring bigWig files of your own above."
        )
    _say((*now.tracks.notes, *problems, *told))
    if now.made_of is not None:
        draw_made_of(now.made_of)


def _say(sentences: tuple[str, ...]) -> None:
    """What could not be had; one box, however many there are."""
    if not sentences:
        return
    lines = [f"- {plain(sentence)}" for sentence in sentences]
    st.warning("\n".join(lines[:MOST_NAMED]), icon=":material/signal_disconnected:")
    if len(lines) > MOST_NAMED:
        with st.expander(f"{len(lines) - MOST_NAMED} more that could not be had"):
            st.markdown("\n".join(lines[MOST_NAMED:]))


def _config(filename: str) -> dict:
    """The chart's buttons without plotly's own zooms, which would stretch the picture and read nothing."""
    config = chart_config(filename)
    own = ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]
    return config | {"modeBarButtonsToRemove": [*config["modeBarButtonsToRemove"], *own], "doubleClick": False}


def _take(chart: str, locus: Locus, size: int) -> None:
    """A dragged stretch becomes the region; a clicked bar the chosen tile."""
    selection = st.session_state[chart].selection
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


def _tile(state: PageState, locus: Locus) -> tuple[int, int] | None:
    if state.tile is None:
        return None
    tile = TileGrid(locus.length, state.tile_size).tiles[state.tile]
    return tile.start, tile.end


def _profile_run(now: _View):
    tile = _tile(now.state, now.locus)
    session = st.session_state["session"]
    return now.engine.profile(now.locus, now.state.cell_line, tile, now.state.seed, session)


def _profile(now: _View) -> Profile | None:
    """The model's prediction along its output window, with the chosen tile shuffled where there is one."""
    run = _profile_run(now)
    if run.state == "failed":
        st.warning(plain(run.error or "The profile could not be computed."))
    if run.state != "done":
        return None
    wild_type, perturbed = run.result
    start, end = output_window(now.engine.model, now.locus, len(wild_type))
    backwards = slice(None, None, 1 if now.locus.strand == "+" else -1)
    told = "" if now.state.tile is None else f"tile {now.state.tile} shuffled"
    return Profile(start, end, wild_type[backwards], None if perturbed is None else perturbed[backwards], told)


def output_window(model: SequenceModel, locus: Locus, bins: int) -> tuple[int, int]:
    """Where a profile of so many bins lies on the chromosome, [start, end)."""
    margin = (model.input_length - bins * model.bin_size) // 2
    return locus.to_genome(margin, model.input_length - margin)
