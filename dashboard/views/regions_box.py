"""Which annotated regions are drawn below the signals."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from creme_core import downloads, web
from creme_core.signals.classes import CCRE_COLOURS, REPEAT_COLOURS
from creme_core.signals.regions import read_regions
from dashboard import data
from dashboard.background import settled
from dashboard.figures.overlay import Strip
from dashboard.widgets import seeded

__all__ = ["REGION_NAMES", "Regions", "ask_regions", "pick_regions", "region_strips"]

REGION_NAMES = {"ccres": "ENCODE cCREs", "rmsk": "Repeats"}
DEFAULT = ("ccres",)
NONE = ("none",)
LOCAL_PATIENCE, REMOTE_PATIENCE = 1.5, 0.3  # seconds the page waits before it is drawn without an answer


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of a view, some still to come.

    Attributes:
        asked: name of REGION_NAMES -> its table, once it is here.
        own: name and table of the visitor's files.
    """

    asked: dict[str, Future] = field(repr=False)
    own: Sequence[tuple[str, pd.DataFrame]] = field(repr=False)

    @property
    def unfinished(self) -> bool:
        """Whether there is more to come."""
        return not all(future.done() for future in self.asked.values())


def pick_regions(chosen: tuple[str, ...], known: bool) -> tuple[str, ...]:
    """Which annotations; chosen and the answer as `PageState.regions` has them, () where none are known."""
    if not known:
        return chosen
    first = DEFAULT if not chosen else tuple(name for name in chosen if name in REGION_NAMES)
    key, first = seeded("regions", first)
    picked = st.pills(
        "Regions",
        list(REGION_NAMES),
        selection_mode="multi",
        default=list(first),
        format_func=REGION_NAMES.__getitem__,
        key=key,
    )
    return () if tuple(picked) == DEFAULT else tuple(picked) or NONE


def ask_regions(names: Sequence[str], chrom: str, start: int, end: int) -> dict[str, Future]:
    """Tables of annotations over [start, end), 0-based half-open, from the download or from UCSC's server."""
    asked = {}
    for name in names:
        local = downloads.state(name).complete
        key = ("regions", name, local, web.is_offline(), chrom, start, end)
        (asked[name],) = data.background("local" if local else "remote").ask(
            {key: lambda name=name: read_regions(name, chrom, start, end)}
        )
        settled([asked[name]], LOCAL_PATIENCE if local else REMOTE_PATIENCE)
    return asked


def region_strips(regions: Regions, chrom: str, start: int, end: int) -> tuple[list[Strip], list[str]]:
    """The strips of a view [start, end), 0-based half-open, and a sentence for each that can't be had."""
    strips, problems = [], []
    empty = pd.DataFrame({"start": [], "end": [], "name": []})
    for name, future in regions.asked.items():
        title, colours = REGION_NAMES[name], REPEAT_COLOURS if name == "rmsk" else CCRE_COLOURS
        if not future.done():
            strips.append(Strip(title, empty, note="being read"))
        elif future.exception() is not None:
            strips.append(Strip(title, empty, note="could not be read"))
            problems.append(f"{title}: {future.exception()}")
        else:
            strips.append(Strip(title, future.result(), by_kind=name == "rmsk", colours=colours))
    for name, table in regions.own:
        strips.append(Strip(name, read_regions(table, chrom, start, end)))
    return strips, problems
