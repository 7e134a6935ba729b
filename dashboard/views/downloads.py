"""Data and models: what is here, what it costs, one button each."""

import shutil

import streamlit as st

from creme_core import downloads, web
from creme_core.downloads import in_words
from creme_core.home import home
from creme_core.models.layout import forget_converted
from dashboard import data
from dashboard.transfers import Standing
from dashboard.views.check_panel import check_panel
from dashboard.views.run_panel import duration, follow
from dashboard.widgets import compact, plain

# Heading -> what is shown at once, and what only on request.
GROUPS = {
    "Genes and genome": (("gencode", "hg38"), ("gencode-50",)),
    "Models": (
        ("enformer", "enformer-tracks", *(f"borzoi-{number}" for number in range(4))),
        ("borzoi-tracks", *(f"flashzoi-{number}" for number in range(4))),
    ),
    "Published results": (("published",), ()),
    "Regions": (("ccres", "rmsk"), ()),
}


def size_of(item: downloads.Download) -> str:
    """What it costs, in words."""
    if item.size is None:
        return "size not known before"
    return ("" if item.is_exact else "about ") + in_words(item.size)


def told(standing: Standing) -> str:
    """One line on a download under way."""
    if standing.stopping:
        return "Stopping; what came so far is kept"
    if standing.state == "waiting":
        return "Waiting for its turn"
    parts = [in_words(standing.done) + (f" of {in_words(standing.total)}" if standing.total else "")]
    if standing.rate:
        parts.append(f"{in_words(int(standing.rate))}/s")
    if standing.seconds_left is not None:
        parts.append(f"{duration(standing.seconds_left)} left")
    if standing.file:
        parts.append(plain(standing.file))
    return " · ".join(parts)


def entry(item: downloads.Download) -> None:
    """One download: what it is, how it stands, and what can be done."""
    transfers = data.transfers()
    standing, here = transfers.standing(item.name), downloads.state(item.name)
    busy = standing is not None and standing.unfinished
    with st.container(border=True):
        words, button = st.columns([5, 1.3], vertical_alignment="center")
        with words:
            badge = ":green[:material/check_circle: here]" if here.complete else ""
            st.markdown(f"**{plain(item.title)}** · {size_of(item)} {badge}")
            note = f" {plain(item.note)}" if item.note else ""
            st.caption(f"{plain(item.purpose)} Licence: {plain(item.licence)}.{note}")
        with button:
            if busy:
                st.button(
                    "Cancel",
                    key=f"cancel {item.name}",
                    on_click=transfers.cancel,
                    args=(item.name,),
                    width="stretch",
                    disabled=standing.stopping,
                )
            elif here.complete:
                with st.popover("Remove", width="stretch"):
                    st.markdown(f"This deletes {in_words(here.bytes_here)}; it can be fetched again.")
                    st.button("Delete", key=f"remove {item.name}", on_click=remove, args=(item.name,))
            else:
                begun = here.partial_bytes or here.bytes_here
                st.button(
                    "Go on" if begun else "Get",
                    key=f"get {item.name}",
                    icon=":material/download:",
                    on_click=transfers.start,
                    args=(item.name,),
                    width="stretch",
                    disabled=web.is_offline(),
                )
        if busy:
            share = min(standing.done / standing.total, 1.0) if standing.total else 0.0
            st.progress(share, text=told(standing))
        elif standing is not None and standing.state == "failed":
            st.error(plain(standing.error), icon=":material/error:")
        elif standing is not None and standing.state == "cancelled" and not here.complete:
            st.caption("Stopped; what came so far is kept.")


def remove(name: str) -> None:
    """Delete a download and what was made of it, and forget what was read from it."""
    try:
        downloads.remove(name)
        forget_converted(downloads.folder(name))
    except OSError as error:
        st.session_state["not removed"] = str(error)
    data.forget_files()


def free_space() -> str:
    """Room on the disk of the folder that keeps everything, which may not exist yet."""
    folder = next(parent for parent in (home(), *home().parents) if parent.is_dir())
    return in_words(shutil.disk_usage(folder).free)


def page() -> None:
    """The whole page."""
    compact()
    st.markdown("## Data and models")
    st.markdown(
        "The demo needs nothing. For real genes, get **genes** first (the sequence around a gene can be fetched by "
        "itself while you are online) and then a **model**. Everything is kept in one folder and fetched once."
    )
    st.caption(
        f"Folder: `{home()}` (set by CREME_HOME), {free_space()} free. From a shell: `python -m creme_core data list`."
    )
    if problem := st.session_state.pop("not removed", ""):
        st.error(plain(problem), icon=":material/error:")
    if web.is_offline():
        st.info("CREME_OFFLINE is set, so nothing is fetched; unset it to download.", icon=":material/cloud_off:")

    def draw() -> None:
        for heading, (first, more) in GROUPS.items():
            st.markdown(f"### {heading}")
            for name in first:
                entry(downloads.CATALOGUE[name])
            if more:
                with st.expander(f"More: {', '.join(more)}"):
                    for name in more:
                        entry(downloads.CATALOGUE[name])

    follow(draw, lambda: data.transfers().unfinished)
    st.markdown("### Self-check")
    check_panel()


page()
