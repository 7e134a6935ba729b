"""Rows of the overlay: what stacks them, and those of signals and regions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.gene_row import escape
from dashboard.figures.style import Palette, translucent

__all__ = ["NO_LINE", "Lane", "Rows", "Strip", "add_lanes", "add_strip", "area", "bin_places", "float32", "scaled"]

# Heights in px; a row is what its content needs.
LANE_ROW, STRIP_ROW, KIND_ROW = 46, 30, 13
GAP, TOP, BOTTOM = 8, 24, 44
MOST_REGIONS = 3000  # of a strip; beyond, a browser is slow and nothing can be told apart
NO_LINE = {"zeroline": False, "showline": False, "ticks": ""}
SHORT = {"Simple_repeat": "Simple", "Low_complexity": "Low cplx"}


@dataclass(frozen=True, eq=False)
class Lane:
    """A binned signal over [start, end) of the chromosome, 0-based half-open.

    Attributes:
        name: of the track.
        values: float (bins,), NaN where uncovered.
        highest: the largest value of each bin, drawn pale behind, or None.
        group: lanes of one group share their scale when scales are shared.
        source: where it is from, for the hover.
        note: what is said beside the name, such as why there is nothing to see.
    """

    name: str
    start: int
    end: int
    values: np.ndarray = field(repr=False)
    highest: np.ndarray | None = field(default=None, repr=False)
    group: str = ""
    source: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class Strip:
    """Annotated regions.

    Attributes:
        name: of all of them.
        regions: start, end (0-based half-open on the chromosome), name, and where there are some kind and colour.
        by_kind: whether each kind gets a line of its own, named at the left; else they share one.
        colours: kind -> colour, for a legend beside the name, of those that are in view.
        note: why there is nothing to see.
    """

    name: str
    regions: pd.DataFrame = field(repr=False)
    by_kind: bool = False
    colours: Mapping[str, str] = field(default_factory=dict, repr=False)
    note: str = ""


class Rows:
    """Rows stacked from the top, each with a y axis of its own."""

    def __init__(self, palette: Palette):
        self._palette = palette
        self._rows: list[tuple[int, str, dict]] = []
        self._traces: list[go.Bar | go.Scatter] = []
        self._notes: list[dict] = []

    def add(self, height: int, name: str, traces: Sequence, axis: dict, notes: Sequence[dict] = ()) -> None:
        """Put a row below those before: its height in px, its name, what is in it, its y axis and further words."""
        number = len(self._rows) + 1
        reference = "y" if number == 1 else f"y{number}"
        self._rows.append((height, name, axis))
        self._traces += [trace.update(yaxis=reference) for trace in traces]
        self._notes += [note | {"yref": reference, "xref": "x", "showarrow": False} for note in notes]
        self._notes.append(
            {
                "text": name,
                "xref": "paper",
                "x": 0.002,
                "xanchor": "left",
                "yref": f"{reference} domain",
                "y": 1,
                "yanchor": "top",
                "showarrow": False,
                "bgcolor": translucent(self._palette.background, 0.75),
                "font": {"size": 11, "color": self._palette.muted},
            }
        )

    def figure(self) -> tuple[go.Figure, int]:
        """The figure and its height, px."""
        total = sum(height + GAP for height, _, _ in self._rows) or LANE_ROW
        figure = go.Figure(self._traces)
        top = 1.0
        for number, (height, _, axis) in enumerate(self._rows, start=1):
            bottom = top - height / total
            key = "yaxis" if number == 1 else f"yaxis{number}"
            figure.update_layout({key: {"domain": [max(bottom, 0.0), top], "fixedrange": True, "anchor": "x"} | axis})
            top = bottom - GAP / total
        figure.update_layout(annotations=self._notes)
        return figure, total + TOP + BOTTOM


def add_lanes(rows: Rows, lanes: Sequence[Lane], palette: Palette, *, shared: bool = False, log: bool = False) -> None:
    """A row for each signal; shared and log as `overlay` has them."""
    for lane, ends in zip(lanes, _ranges(lanes, shared, log), strict=True):
        _lane_row(rows, lane, ends, log, palette)


def scaled(values: np.ndarray, log: bool) -> np.ndarray:
    """log(1 + x), mirrored below 0, where a logarithm is wanted."""
    return np.sign(values) * np.log1p(np.abs(values)) if log else values


def _ranges(lanes: Sequence[Lane], shared: bool, log: bool) -> list[tuple[float, float]]:
    """Both ends of each lane's scale; 0 is always within."""
    own = []
    for lane in lanes:
        ends = [0.0, 0.0]
        for values in (lane.values, lane.highest):
            if values is not None and np.isfinite(values).any():
                ends = [min(ends[0], float(np.nanmin(values))), max(ends[1], float(np.nanmax(values)))]
        own.append(tuple(scaled(np.array(ends), log).tolist()))
    if not shared:
        return own
    widest: dict[str, tuple[float, float]] = {}
    for lane, (low, high) in zip(lanes, own, strict=True):
        before = widest.get(lane.group, (0.0, 0.0))
        widest[lane.group] = min(before[0], low), max(before[1], high)
    return [widest[lane.group] for lane in lanes]


def _lane_row(rows: Rows, lane: Lane, ends: tuple[float, float], log: bool, palette: Palette) -> None:
    place = bin_places(lane.start, lane.end, len(lane.values))
    name = escape(lane.name)
    told = f"{name}<br>{escape(lane.source)}"
    traces = []
    if lane.highest is not None:
        pale = translucent(palette.silencer, 0.25)
        traces.append(area(name, place, scaled(lane.highest, log), pale, f"{name}, largest"))
    traces.append(area(name, place, scaled(lane.values, log), palette.silencer, told))
    note = lane.note or ("" if np.isfinite(lane.values).any() else "not covered here")
    low, high = ends
    ticks = [end for end in (low, high) if end]
    room = 0.05 * ((high - low) or 1.0)
    axis = {"range": [low - (room if low else 0), (high if high > low else 1.0) + room], "tickvals": ticks}
    heading = name + (f": {escape(note)}" if note else " log(1 + x)" if log else "")
    rows.add(LANE_ROW, heading, traces, axis | {"tickformat": ".3~g", "zeroline": bool(low), "showgrid": False})


def area(name: str, place: dict, y: np.ndarray, colour: str, told: str, step: bool = False) -> go.Scatter:
    """A filled signal, y (bins,), at `bin_places`; told is what a hover adds."""
    return go.Scatter(
        name=name,
        **place,
        y=float32(y),
        mode="lines",
        fill="tozeroy",
        fillcolor=colour,
        line={"width": 0.5, "color": colour, "shape": "hvh" if step else "linear"},
        connectgaps=False,
        hovertemplate="%{x:,.0f}: %{y:.3g}<extra>" + told + "</extra>",
    )


def add_strip(rows: Rows, strip: Strip, view: tuple[int, int], palette: Palette) -> None:
    """A row of regions that lie in the view [start, end)."""
    inside = strip.regions[(strip.regions["end"] > view[0]) & (strip.regions["start"] < view[1])]
    left_out = max(len(inside) - MOST_REGIONS, 0)
    inside = inside.head(MOST_REGIONS)
    heading = escape(strip.name) + (f" (the first {MOST_REGIONS:,} of {len(inside) + left_out:,})" if left_out else "")
    if inside.empty:
        heading += f": {escape(strip.note or 'none here')}"
    kinds = inside["kind"].astype(str).tolist() if "kind" in inside else [""] * len(inside)
    seen = [kind for kind in strip.colours if kind in set(kinds)]
    lines = (seen or [""]) if strip.by_kind else [""]
    colours = inside["colour"].tolist() if "colour" in inside else [palette.neutral] * len(inside)
    if not strip.by_kind:
        heading += "".join(f"  <span style='color:{strip.colours[kind]}'>■</span> {escape(kind)}" for kind in seen)
    bars = go.Bar(
        name=strip.name,
        orientation="h",
        base=(inside["start"] + 0.5).tolist(),
        x=(inside["end"] - inside["start"]).tolist(),
        y=[-lines.index(kind) if strip.by_kind and kind in lines else 0 for kind in kinds],
        width=0.8,
        marker={"color": [c or palette.neutral for c in colours], "line": {"width": 0}},
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        hovertext=[
            escape(r.name or "no name") + (f", {escape(kind)}" if kind else "") + f"<br>{r.start + 1:,}–{r.end:,}"
            for r, kind in zip(inside.itertuples(index=False), kinds, strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    axis = {"range": [-len(lines) + 0.5, 1.1], "showticklabels": False, "showgrid": False} | NO_LINE
    if lines != [""]:
        words = [f"<span style='font-size:9px'>{escape(SHORT.get(kind, kind))}</span>" for kind in lines]
        axis |= {"showticklabels": True, "tickvals": [-level for level in range(len(lines))], "ticktext": words}
    rows.add(STRIP_ROW + KIND_ROW * (len(lines) - 1), heading, [bars], axis)


def bin_places(start: int, end: int, bins: int) -> dict[str, float]:
    """Where the middles of bins lie, 1-based: the first, and the way to the next; a third of what a list would take."""
    width = (end - start) / max(bins, 1)
    return {"x0": start + 0.5 * width + 0.5, "dx": width}


def float32(values: np.ndarray) -> np.ndarray:
    """Values at the precision that a picture needs."""
    return np.asarray(values, dtype=np.float32)
