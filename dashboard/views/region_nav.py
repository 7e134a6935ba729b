"""Where in the window the overlay looks: a box to type in, steps, and what a drag over the picture means."""

import re

import streamlit as st

from creme_core.locus import Locus
from dashboard.widgets import put

__all__ = ["navigation", "read_region", "shown_region", "whole_view"]

LEAST_VIEW = 200  # bp
_REGION = re.compile(r"^\s*(?:([^:\s]+):)?([\d,]+)\s*[-–]\s*([\d,]+)\s*$", re.ASCII)


def read_region(text: str, locus: Locus, size: int) -> tuple[int, int] | None:
    """A typed region (1-based, both ends included) as [start, end), kept within the window and the chromosome.

    None for no region, one of another chromosome, or one outside of the window.
    """
    match = _REGION.match(text)
    if match is None or match[1] not in (None, locus.chrom):
        return None
    first, last = (int(number.replace(",", "")[:12] or 0) for number in match.groups()[1:])
    if last < first or last > 10**9:
        return None
    low, high = whole_view(locus, size)
    if last <= low or first > high:
        return None
    start, end = max(first - 1, low), min(last, high)
    if end - start < LEAST_VIEW:
        start = (start + end) // 2 - LEAST_VIEW // 2
        end = start + LEAST_VIEW
    return _within(start, end, low, high)


def _within(start: float, end: float, low: int, high: int) -> tuple[int, int]:
    """As wide as wanted where that fits, moved into [low, high)."""
    span = min(max(int(end - start), LEAST_VIEW), high - low)
    start = int(min(max(start, low), high - span))
    return start, start + span


def shown_region(start: int, end: int) -> str:
    """[start, end) as a person reads it."""
    return f"{start + 1:,}-{end:,}"


def whole_view(locus: Locus, size: int) -> tuple[int, int]:
    """The part of the window that lies on the chromosome."""
    return max(locus.start, 0), min(locus.end, size)


def navigation(key: str, first: str, view: tuple[int, int], locus: Locus, size: int) -> None:
    """The box and its steps; each changes the widget of the region."""
    start, end = view
    width = end - start
    whole = whole_view(locus, size)

    def go(new_start: float, new_end: float) -> None:
        there = _within(new_start, new_end, *whole)
        put("region", "" if there == whole else shown_region(*there))

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Region (1-based)",
            value=first,
            key=key,
            placeholder=shown_region(*whole),
            width=240,
            help="START-END on the chromosome; dragging over the picture zooms in too, and everything is read again at "
            "the finer scale",
        )
        steps = (
            ("Zoom in", ":material/zoom_in:", (start + width * 0.3, end - width * 0.3), width <= LEAST_VIEW),
            ("Zoom out", ":material/zoom_out:", (start - width * 0.75, end + width * 0.75), view == whole),
            ("Left", ":material/arrow_back:", (start - width * 0.5, end - width * 0.5), start == whole[0]),
            ("Right", ":material/arrow_forward:", (start + width * 0.5, end + width * 0.5), end == whole[1]),
            ("Whole window", ":material/fit_width:", whole, view == whole),
        )
        for label, icon, place, nowhere in steps:
            st.button(label, key=f"view {label}", icon=icon, on_click=go, args=place, disabled=nowhere)
