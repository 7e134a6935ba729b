"""What the pages with sources share: their frame, what they ask for at the side, and the model they wait for."""

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace

import streamlit as st

from creme_core.experiments.replicates import AUTO
from creme_core.sources import Source
from dashboard import data
from dashboard.catalogue import FIXED_SHUFFLES
from dashboard.engine import Engine
from dashboard.options import MODEL_NAMES, OWN_MODEL
from dashboard.state import PageState, enter, leave, quoted
from dashboard.views.panel import Repeat
from dashboard.widgets import choice, compact, plain, settle_widgets, toggle, whole_number

__all__ = [
    "SOURCE_NAMES",
    "await_engine",
    "begin_page",
    "cell_line_box",
    "end_page",
    "link_warnings",
    "model_name",
    "repeat_of",
    "settings_box",
    "source_box",
    "stop_with",
    "store_notes",
]

SOURCE_NAMES = {
    "demo": "Demo (synthetic)",
    "hg38": "Human genome (GRCh38)",
    "published": "Published results",
    "fasta": "Own genome",
}
LINES_NAMED = 8  # cell lines a warning lists
MODEL_SECONDS = 300  # longest wait for a model to load


def stop_with(sentence: str) -> None:
    """End the page with one plain sentence."""
    st.error(plain(sentence), icon=":material/error:")
    st.stop()


def begin_page() -> tuple[PageState, tuple[str, ...]]:
    """What every page with sources begins with: what it is to show, and the names of the sources."""
    compact()
    try:
        sources = data.options().sources
    except ValueError as error:
        stop_with(str(error))
    st.session_state.setdefault("session", uuid.uuid4().hex)
    data.warm_up()
    state, _ = enter(st.session_state, st.query_params, sources)
    return state, sources


def end_page(state: PageState, names: Sequence[str]) -> None:
    """What every such page ends with: its state, of the fields it names, goes to the address."""
    address = leave(st.session_state, state, names)
    if st.query_params.to_dict() != address:
        st.query_params.from_dict(address)
    settle_widgets()


def stop_for_data(sentence: str) -> None:
    """End the page with one plain sentence and the way to the page where data and models are had."""
    st.error(plain(sentence), icon=":material/error:")
    st.page_link("views/downloads.py", label="Open Data and models", icon=":material/download:")
    st.stop()


def link_warnings() -> None:
    """What was wrong with the link that led here."""
    for warning in st.session_state["warnings"]:
        st.warning(warning, icon=":material/link_off:")


def model_name(state: PageState, opened: Source) -> str:
    """The model on screen, as `data.engines` knows it."""
    return state.model or opened.model_name


def repeat_of(state: PageState, opened: Source) -> Repeat:
    """What an exported script says about source and model; files are named without their folders."""
    options = data.options()
    given = f"{state.source!r}"
    if state.source == "fasta":
        given = f"{options.fasta.name!r}, genes={options.genes.name!r}"
    model = None if opened.model_name is None else model_name(state, opened)
    if model == OWN_MODEL:
        model = options.model.name
    return Repeat(opened=given, model_name=model, source_label=opened.label, synthetic=opened.synthetic)


def store_notes() -> None:
    """What is wrong with the file of predictions, if anything is."""
    for note in data.store().notes:
        st.warning(plain(note), icon=":material/database_off:")


def source_box(state: PageState, sources: tuple[str, ...]) -> tuple[PageState, Source, Future[Engine] | None]:
    """Choose a source and a model, which begins to load; None for a source whose results are only read."""
    with st.sidebar:
        name = choice("Source", "source", sources, state.source, format_func=SOURCE_NAMES.__getitem__)
    if name != state.source:
        state = replace(state, source=name, model="", gene="", genes=(), cell_line="", tile=None, tiles=())
    try:
        with st.spinner(f"Opening {SOURCE_NAMES[name]}; reading a genome's genes for the first time takes a while."):
            opened = data.source(name)
    except (ValueError, OSError) as error:
        # The other sources stay within reach: the picker above is already on the page.
        stop_for_data(f"The source {SOURCE_NAMES[name]} can't be opened. {error}")
    if opened.model_name is None:
        return replace(state, model=""), opened, None
    offered = data.models(name)
    if len(offered) > 1:
        if state.model and state.model not in offered:
            not_offered(state.model, offered[0])
        with st.sidebar:
            chosen = choice(
                "Model", f"model {name}", offered, state.model or offered[0], format_func=MODEL_NAMES.__getitem__
            )
        if chosen != (state.model or offered[0]):
            state = replace(state, cell_line="")  # each model has cell lines of its own
        state = replace(state, model="" if chosen == opened.model_name else chosen)
    else:
        if state.model not in ("", *offered):
            not_offered(state.model, offered[0])
        state = replace(state, model="")
    return state, opened, data.engines().begin(model_name(state, opened))


def not_offered(wanted: str, used: str) -> None:
    """Say that the link's model is not to be had with the source on screen."""
    st.session_state["warnings"] += (
        f"The model {quoted(wanted)} does not go with this source; {MODEL_NAMES[used]} is used.",
    )


def settings_box(state: PageState, automatic: bool | None) -> PageState:
    """Tile size, shuffles and seed.

    automatic: whether the test on screen may choose the number of shuffles itself; None leaves that choice out.
    """
    with st.sidebar.container(border=True):
        tile_size = whole_number("Tile size, bp", "tile_size", state.tile_size, 500, "5,000 in the paper")
        left, right = st.columns(2)
        auto = state.shuffles == AUTO
        place = left.empty()
        with right:
            seed = whole_number("Seed", "seed", state.seed, 1, "the same seed draws the same shuffles")
        if automatic is not None:
            auto = toggle(
                "As many shuffles as needed",
                "auto shuffles",
                auto,
                "Necessity, Sufficiency and Distance: 5 shuffles a tile, then more where its 95% interval reaches "
                f"further than 0.05, up to 50. The other tests use {FIXED_SHUFFLES}.",
            )
        with place:
            fixed = FIXED_SHUFFLES if state.shuffles == AUTO else state.shuffles
            number = whole_number(
                "Shuffles",
                "shuffles",
                fixed,
                1,
                "replicates of every shuffle; 10 in the paper",
                disabled=auto and automatic is not None,
            )
        if auto and automatic is False:
            st.caption(f"This test takes a fixed number: {FIXED_SHUFFLES}.")
    return replace(state, tile_size=tile_size, shuffles=AUTO if auto else number, seed=seed)


def await_engine(loading: Future[Engine], named: str, placeholder: Callable[[], None]) -> Engine:
    """The model, once it is there; the page ends with a sentence where it can't be had."""
    try:
        if not loading.done():
            placeholder()
            with st.spinner("Loading the model; the first time takes some seconds, a full-size one a minute."):
                loading.result(MODEL_SECONDS)
        return loading.result(MODEL_SECONDS)
    except NotYet:
        stop_with(f"The model {named} is still loading after {MODEL_SECONDS} seconds; reload the page in a while.")
    except (ValueError, OSError, MemoryError) as error:
        stop_for_data(f"The model {named} can't be loaded. {error}")


def cell_line_box(wanted: str, engine: Engine) -> str:
    """Choose a cell line; a link may ask for one that the model does not have."""
    lines = engine.cell_lines
    if wanted and wanted not in lines:
        shown = ", ".join(lines[:LINES_NAMED]) + (
            f" and {len(lines) - LINES_NAMED} more" if lines[LINES_NAMED:] else ""
        )
        st.session_state["warnings"] += (
            f"The link asks for the cell line {quoted(wanted)}, which this model does not have; it has {shown}. "
            f"{lines[0]} is used.",
        )
        wanted = lines[0]
    return choice("Cell line", "cell_line", lines, wanted or lines[0])
