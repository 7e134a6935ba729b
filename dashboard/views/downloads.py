"""Data and models: what is here, what it costs, one button each."""

import streamlit as st

from creme_core import downloads, web
from creme_core.home import home
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


def amount(count: int | None) -> str:
    """Bytes for people."""
    if count is None:
        return "size not known before"
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def told(standing: Standing) -> str:
    """One line on a download under way."""
    if standing.state == "waiting":
        return "Waiting for its turn"
    parts = [f"{amount(standing.done)} of {amount(standing.total)}" if standing.total else amount(standing.done)]
    if standing.rate:
        parts.append(f"{amount(int(standing.rate))}/s")
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
            st.markdown(f"**{plain(item.title)}** · {amount(item.size)} {badge}")
            note = f" {plain(item.note)}" if item.note else ""
            st.caption(f"{plain(item.purpose)} Licence: {plain(item.licence)}.{note}")
        with button:
            if busy:
                st.button(
                    "Cancel", key=f"cancel {item.name}", on_click=transfers.cancel, args=(item.name,), width="stretch"
                )
            elif here.complete:
                with st.popover("Remove", width="stretch"):
                    st.markdown(f"This deletes {amount(here.bytes_here)}; it can be fetched again.")
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
    """Delete a download, and forget what was read from it."""
    downloads.remove(name)
    data.source.clear()


def page() -> None:
    """The whole page."""
    compact()
    st.markdown("## Data and models")
    st.markdown(
        "The demo needs nothing. For real genes, get **genes** first (the sequence around a gene can be fetched by "
        "itself while you are online) and then a **model**. Everything is kept in one folder and fetched once."
    )
    st.caption(f"Folder: `{home()}` (set by CREME_HOME). From a shell: `python -m creme_core data list`.")
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
