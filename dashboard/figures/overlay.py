"""Tile effects, predicted profile, genes, signals and regions on one genomic axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs
from creme_core.locus import Locus
from dashboard.figures.gene_row import escape, gene_row
from dashboard.figures.style import Palette, finish, translucent

__all__ = ["Lane", "Profile", "Strip", "overlay"]

# Heights in px; a row is what its content needs.
EFFECT_ROW, PROFILE_ROW, LANE_ROW, STRIP_ROW, GENE_ROW = 150, 110, 46, 22, 24
GAP, TOP, BOTTOM = 8, 24, 44
MOST_REGIONS = 3000  # of a strip; beyond, a browser is slow and nothing can be told apart


@dataclass(frozen=True, eq=False)
class Lane:
    """A binned signal over [start, end) of the chromosome, 0-based half-open.

    Attributes:
        name: of the track.
        values: float (bins,), NaN where uncovered.
        highest: the largest value of each bin, drawn pale behind, or None.
        group: lanes of one group share their scale when scales are shared.
        source: where it is from, for the hover.
    """

    name: str
    start: int
    end: int
    values: np.ndarray = field(repr=False)
    highest: np.ndarray | None = field(default=None, repr=False)
    group: str = ""
    source: str = ""


@dataclass(frozen=True, eq=False)
class Strip:
    """Regions on one line: start, end (0-based half-open on the chromosome), name and colour, one row a region."""

    name: str
    regions: pd.DataFrame = field(repr=False)


@dataclass(frozen=True, eq=False)
class Profile:
    """The model's prediction along the window: float (bins,) over [start, end) of the chromosome, left to right.

    Attributes:
        wild_type, perturbed: perturbed is None where nothing was perturbed.
        told: what was perturbed, for the legend.
    """

    start: int
    end: int
    wild_type: np.ndarray = field(repr=False)
    perturbed: np.ndarray | None = field(default=None, repr=False)
    told: str = ""


def overlay(
    locus: Locus,
    palette: Palette,
    *,
    view: tuple[int, int] | None = None,
    effects: pd.DataFrame | None = None,
    effect_name: str = "Effect",
    cutoffs: Cutoffs = ENFORMER_CUTOFFS,
    profile: Profile | None = None,
    lanes: Sequence[Lane] = (),
    strips: Sequence[Strip] = (),
    genes: pd.DataFrame | None = None,
    exons: pd.DataFrame | None = None,
    selected: int | None = None,
    shared_scale: bool = False,
    log: bool = False,
) -> go.Figure:
    """Everything that is known about a window, one row a kind of evidence, on the chromosome (1-based).

    Args:
        locus: the window.
        palette: colours.
        view: what to show, [start, end) of the chromosome; None is the whole window.
        effects: tiles with genome_start, genome_end, effect, ci_low, ci_high, call, uncertain, tile; the trace "tiles".
        effect_name: what the effect is.
        cutoffs: where a tile is called.
        profile: predicted activity along the window.
        lanes, strips: in the order they are drawn, from the top.
        genes: gene, start, end, strand on the chromosome, 0-based half-open.
        exons: gene, start, end likewise.
        selected: number of a tile to shade through all rows.
        shared_scale: lanes of one group get one scale.
        log: lanes show log(1 + x).
    """
    low, high = view or (locus.start, locus.end)
    rows = _Rows(palette)
    if effects is not None:
        _effect_row(rows, effects, effect_name, cutoffs, palette, selected)
    if profile is not None:
        _profile_row(rows, profile, palette)
    if genes is not None:
        row = gene_row(genes, exons, (low, high), palette)
        axis = {"range": [-row.depth + 0.55, 0.95], "showticklabels": False, "showgrid": False}
        name = "Genes" if row.labels else "Genes: none here"
        rows.add(GENE_ROW * row.depth + 10, name, row.traces, axis | _NO_LINE, row.labels)
    tops = _tops(lanes, shared_scale, log)
    for lane, top in zip(lanes, tops, strict=True):
        _lane_row(rows, lane, top, log, palette)
    for strip in strips:
        _strip_row(rows, strip, (low, high), palette)
    figure, height = rows.figure()
    shapes = [_line(locus.tss + 0.5, palette)]
    if effects is not None and selected is not None:
        chosen = effects[effects["tile"] == selected]
        if len(chosen):
            tile = chosen.iloc[0]
            shapes.append(_shade(tile["genome_start"], tile["genome_end"], palette))
    figure.update_layout(
        shapes=[*(figure.layout.shapes or ()), *shapes], barmode="overlay", bargap=0, hovermode="closest"
    )
    figure.update_xaxes(
        title=f"Position on {locus.chrom} (1-based); the TSS of {locus.gene} is the dashed line",
        range=[low + 0.5, high + 0.5],
        tickformat=",d",
        showgrid=False,
        anchor="free",
        position=0,
    )
    finish(figure, palette, height=height, revision=f"{locus.digest} {low} {high}")
    return figure.update_layout(dragmode="select", selectdirection="h", clickmode="event+select")


class _Rows:
    """Rows stacked from the top, each with a y axis of its own."""

    def __init__(self, palette: Palette):
        self._palette = palette
        self._rows: list[tuple[int, str, dict]] = []
        self._traces: list[go.Bar | go.Scatter] = []
        self._notes: list[dict] = []

    def add(self, height: int, name: str, traces: Sequence, axis: dict, notes: Sequence[dict] = ()) -> None:
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


def _effect_row(rows: _Rows, effects: pd.DataFrame, name: str, cutoffs: Cutoffs, palette: Palette, selected) -> None:
    colours = [palette.call(call) for call in effects["call"]]
    sure = ~effects["uncertain"].to_numpy(bool)
    largest = np.nanmax(np.abs(effects[["effect", "ci_low", "ci_high"]].to_numpy(float)), initial=0.0)
    limit = max(0.5, math.ceil(largest * 1.1 / 0.25) * 0.25)
    bars = go.Bar(
        name="tiles",
        x=((effects["genome_start"] + 1 + effects["genome_end"]) / 2).tolist(),
        width=(0.86 * (effects["genome_end"] - effects["genome_start"])).tolist(),
        y=_listed(effects["effect"]),
        error_y={
            "type": "data",
            "symmetric": False,
            "array": _listed(effects["ci_high"] - effects["effect"]),
            "arrayminus": _listed(effects["effect"] - effects["ci_low"]),
            "color": palette.text,
            "thickness": 1,
            "width": 1,
        },
        marker={
            "color": [c if certain else translucent(c, 0.35) for c, certain in zip(colours, sure, strict=True)],
            "line": {
                "color": [palette.text if t == selected else c for t, c in zip(effects["tile"], colours, strict=True)],
                "width": [2 if t == selected else 1 for t in effects["tile"]],
            },
        },
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        customdata=effects["tile"].tolist(),
        hovertext=[
            f"<b>tile {r.tile}</b> {r.chrom}:{r.genome_start + 1:,}–{r.genome_end:,}<br>"
            f"effect {r.effect:+.3f}, {r.call}"
            for r in effects.itertuples()
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    rows.add(
        EFFECT_ROW,
        name,
        [bars],
        {
            "range": [-limit, limit],
            "zeroline": True,
            "zerolinecolor": palette.muted,
            "tickvals": [-limit, cutoffs.silencer, 0, cutoffs.enhancer, limit],
            "ticktext": [
                f"{v:+.2g}".replace("-", "−") if v else "0"
                for v in (-limit, cutoffs.silencer, 0, cutoffs.enhancer, limit)
            ],
        },
    )


def _profile_row(rows: _Rows, profile: Profile, palette: Palette) -> None:
    x = _centres(profile.start, profile.end, len(profile.wild_type))
    traces = [_area("wild type", x, profile.wild_type, palette.neutral, "wild type", step=True)]
    if profile.perturbed is not None:
        traces.append(
            go.Scatter(
                name="perturbed",
                x=x,
                y=_float32(profile.perturbed),
                mode="lines",
                line={"color": palette.enhancer, "width": 1.4, "shape": "hvh"},
                hovertemplate="%{x:,.0f}: %{y:.3g}<extra>" + profile.told + "</extra>",
            )
        )
    name = "Predicted by the model: wild type (grey)" + (f", {profile.told} (orange)" if profile.told else "")
    rows.add(PROFILE_ROW, name, traces, {"rangemode": "tozero", "zeroline": False, "nticks": 3})


def _tops(lanes: Sequence[Lane], shared: bool, log: bool) -> list[float]:
    """Upper end of each lane's scale."""
    own = []
    for lane in lanes:
        values = lane.values if lane.highest is None else lane.highest
        top = float(np.nanmax(values, initial=0.0)) if np.isfinite(values).any() else 0.0
        own.append(math.log1p(max(top, 0.0)) if log else top)
    if not shared:
        return own
    largest: dict[str, float] = {}
    for lane, top in zip(lanes, own, strict=True):
        largest[lane.group] = max(largest.get(lane.group, 0.0), top)
    return [largest[lane.group] for lane in lanes]


def _lane_row(rows: _Rows, lane: Lane, top: float, log: bool, palette: Palette) -> None:
    x = _centres(lane.start, lane.end, len(lane.values))

    def scaled(values: np.ndarray) -> np.ndarray:
        return np.log1p(np.clip(values, 0, None)) if log else values

    traces = []
    if lane.highest is not None:
        traces.append(
            _area(lane.name, x, scaled(lane.highest), translucent(palette.silencer, 0.25), f"{lane.name}, largest")
        )
    traces.append(_area(lane.name, x, scaled(lane.values), palette.silencer, f"{lane.name}<br>{lane.source}"))
    covered = np.isfinite(lane.values).any()
    name = lane.name if covered else f"{lane.name}: not covered here"
    unit = "log(1 + x)" if log else ""
    axis = {"range": [0, (top or 1.0) * 1.05], "tickvals": [top] if top else [], "tickformat": ".3~g"}
    rows.add(LANE_ROW, f"{name} {unit}".strip(), traces, axis | {"zeroline": False, "showgrid": False})


def _area(name: str, x: np.ndarray, y: np.ndarray, colour: str, told: str, step: bool = False) -> go.Scatter:
    return go.Scatter(
        name=name,
        x=x,
        y=_float32(y),
        mode="lines",
        fill="tozeroy",
        fillcolor=colour,
        line={"width": 0.5, "color": colour, "shape": "hvh" if step else "linear"},
        connectgaps=False,
        hovertemplate="%{x:,.0f}: %{y:.3g}<extra>" + told + "</extra>",
    )


def _strip_row(rows: _Rows, strip: Strip, view: tuple[int, int], palette: Palette) -> None:
    inside = strip.regions[(strip.regions["end"] > view[0]) & (strip.regions["start"] < view[1])]
    left_out = max(len(inside) - MOST_REGIONS, 0)
    inside = inside.head(MOST_REGIONS)
    name = strip.name + (f" (the first {MOST_REGIONS:,} of {len(inside) + left_out:,})" if left_out else "")
    if inside.empty:
        name += ": none here"
    colours = inside["colour"].tolist() if "colour" in inside else [palette.neutral] * len(inside)
    bars = go.Bar(
        name=strip.name,
        orientation="h",
        base=(inside["start"] + 0.5).tolist(),
        x=(inside["end"] - inside["start"]).tolist(),
        y=[0.0] * len(inside),
        width=0.8,
        marker={"color": [c or palette.neutral for c in colours], "line": {"width": 0}},
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        hovertext=[f"{escape(r.name)}<br>{r.start + 1:,}–{r.end:,}" for r in inside.itertuples(index=False)],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    rows.add(STRIP_ROW, name, [bars], {"range": [-0.5, 1.1], "showticklabels": False, "showgrid": False} | _NO_LINE)


_NO_LINE = {"zeroline": False, "showline": False, "ticks": ""}


def _line(x: float, palette: Palette) -> dict:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": palette.text, "width": 1, "dash": "dash"},
    }


def _shade(start: float, end: float, palette: Palette) -> dict:
    place = {"x0": start + 0.5, "x1": end + 0.5, "y0": 0, "y1": 1, "yref": "paper"}
    return {
        "type": "rect",
        "layer": "below",
        "line": {"width": 0},
        "fillcolor": translucent(palette.accent, 0.12),
    } | place


def _centres(start: int, end: int, bins: int) -> np.ndarray:
    """Middle of each bin, 1-based."""
    return start + (np.arange(bins) + 0.5) * (end - start) / max(bins, 1) + 0.5


def _float32(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float32)


def _listed(values: pd.Series) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]
