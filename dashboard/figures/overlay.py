"""Tile effects, predicted profile, genes, signals and regions on one genomic axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs
from creme_core.locus import Locus
from dashboard.figures.gene_row import gene_row
from dashboard.figures.rows import NO_LINE, Lane, Rows, Strip, add_lanes, add_strip, area, bin_places, float32, scaled
from dashboard.figures.set_curve import numbers
from dashboard.figures.style import Palette, finish, translucent

__all__ = ["Lane", "Profile", "Strip", "overlay"]

# Heights in px; a row is what its content needs.
EFFECT_ROW, PROFILE_ROW, GENE_ROW = 150, 110, 24


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
    shaded: tuple[int, int] | None = None,
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
        selected: number of a tile to outline, and to shade through all rows.
        shaded: interval [start, end) of the chromosome to shade, where no effects tell where the tile is.
        shared_scale: lanes of one group get one scale.
        log: lanes show log(1 + x).
    """
    low, high = view or (locus.start, locus.end)
    rows = Rows(palette)
    if effects is not None:
        _effect_row(rows, effects, effect_name, cutoffs, palette, selected)
    if profile is not None:
        _profile_row(rows, profile, (low, high), log, palette)
    if genes is not None:
        row = gene_row(genes, exons, (low, high), palette)
        axis = {"range": [-row.depth + 0.55, 0.95], "showticklabels": False, "showgrid": False}
        name = "Genes" if row.labels else "Genes: none here"
        rows.add(GENE_ROW * row.depth + 10, name, row.traces, axis | NO_LINE, row.labels)
    add_lanes(rows, lanes, palette, shared=shared_scale, log=log)
    for strip in strips:
        add_strip(rows, strip, (low, high), palette)
    figure, height = rows.figure()
    shapes = [_line(locus.tss + 0.5, palette)]
    if effects is not None and selected is not None:
        chosen = effects[effects["tile"] == selected]
        if len(chosen):
            shaded = tuple(chosen.iloc[0][["genome_start", "genome_end"]])
    if shaded is not None:
        shapes.append(_shade(*shaded, palette))
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


def _effect_row(rows: Rows, effects: pd.DataFrame, name: str, cutoffs: Cutoffs, palette: Palette, selected) -> None:
    colours = [palette.call(call) for call in effects["call"]]
    sure = ~effects["uncertain"].to_numpy(bool)
    limit = _limit(effects)
    bars = go.Bar(
        name="tiles",
        x=((effects["genome_start"] + 1 + effects["genome_end"]) / 2).tolist(),
        width=(0.86 * (effects["genome_end"] - effects["genome_start"])).tolist(),
        y=numbers(effects["effect"]),
        error_y={
            "type": "data",
            "symmetric": False,
            "array": numbers(effects["ci_high"] - effects["effect"]),
            "arrayminus": numbers(effects["effect"] - effects["ci_low"]),
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
            f"<b>tile {r.tile}</b> {r.chrom}:{r.genome_start + 1:,}–{r.genome_end:,}<br>{_told(r)}"
            for r in effects.itertuples()
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    # A tile without an effect has a bar that nobody can hit: the whole column of a tile takes the click.
    columns = go.Bar(
        name="columns",
        x=bars.x,
        width=(effects["genome_end"] - effects["genome_start"]).tolist(),
        base=-limit,
        y=[2 * limit] * len(effects),
        marker={"color": "rgba(0,0,0,0)", "line": {"width": 0}},
        customdata=bars.customdata,
        hovertext=bars.hovertext,
        hovertemplate="%{hovertext}<extra></extra>",
    )
    rows.add(
        EFFECT_ROW,
        name,
        [bars, columns],
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


def _limit(effects: pd.DataFrame) -> float:
    """Half the height of the axis: symmetric, in steps of 0.25."""
    tallest = np.nanmax(np.abs(effects["effect"].to_numpy(float)), initial=0.0)
    widest = np.nanmax(np.abs(effects[["ci_low", "ci_high"]].to_numpy(float)), initial=0.0)
    # An interval from two shuffles can be huge; it may leave the picture rather than flatten the bars.
    return max(0.5, math.ceil(1.1 * max(tallest, min(widest, 1.6 * tallest)) / 0.25) * 0.25)


def _told(row) -> str:
    """A tile's effect for the hover."""
    if not math.isfinite(row.effect):
        return "no effect is known"
    interval = f" [{row.ci_low:+.3f}, {row.ci_high:+.3f}]" if math.isfinite(row.ci_low) else ""
    return f"effect {row.effect:+.3f}{interval}, {row.call}" + (" (uncertain)" if row.uncertain else "")


def _profile_row(rows: Rows, profile: Profile, view: tuple[int, int], log: bool, palette: Palette) -> None:
    bins = len(profile.wild_type)
    place = bin_places(profile.start, profile.end, bins)
    wild_type = scaled(profile.wild_type, log)
    traces = [area("wild type", place, wild_type, palette.neutral, "wild type", step=True)]
    lines = [wild_type]
    if profile.perturbed is not None:
        lines.append(scaled(profile.perturbed, log))
        traces.append(
            go.Scatter(
                name="perturbed",
                **place,
                y=float32(lines[1]),
                mode="lines",
                line={"color": palette.enhancer, "width": 1.4, "shape": "hvh"},
                hovertemplate="%{x:,.0f}: %{y:.3g}<extra>" + profile.told + "</extra>",
            )
        )
    # The scale is that of what is in view: a TSS outside of it would flatten the rest.
    first, last = ((end - profile.start) * bins // (profile.end - profile.start) for end in view)
    seen = np.concatenate([line[max(first, 0) : max(last + 1, 0)] for line in lines])
    name = "Predicted by the model: wild type (grey)" + (f", {profile.told} (orange)" if profile.told else "")
    if not seen.size:
        name = "Predicted by the model: the output window does not reach here"
    top = float(seen.max(initial=0.0)) or 1.0
    name += " log(1 + x)" if log else ""
    rows.add(PROFILE_ROW, name, traces, {"range": [min(0.0, float(seen.min(initial=0.0))), 1.15 * top], "nticks": 3})


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
