"""The tile-effect track: what shuffling each tile does to the gene, along the window."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs
from creme_core.locus import Locus
from creme_core.tiles import Tile, TileGrid
from dashboard.figures.set_curve import numbers
from dashboard.figures.style import Palette, finish, translucent

__all__ = ["tile_track"]

Axis = Literal["distance", "genome"]
MEANING = {
    "enhancer": "shuffling lowers activity: enhancer",
    "silencer": "shuffling raises activity: silencer",
    "none": "within the cut-offs: neither",
    "": "not computed yet",
}
SMALLEST_RANGE = 0.5
TRACK_BOTTOM = 0.17  # share of the height left below the bars for the planted elements, where they are shown


def tile_track(
    effects: pd.DataFrame,
    grid: TileGrid,
    locus: Locus,
    palette: Palette,
    *,
    axis: Axis = "distance",
    truth: pd.DataFrame | None = None,
    selected: int | None = None,
    cutoffs: Cutoffs = ENFORMER_CUTOFFS,
) -> go.Figure:
    """Bars diverging around 0, one a context tile, in the order of the tiles.

    Args:
        effects: as NecessityResult.effects gives them; NaN where a tile is still to come.
        grid: the tiles, for the place of the TSS tile.
        locus: the window.
        palette: colours.
        axis: distance to the TSS in kb along the gene, or position on the chromosome (1-based).
        truth: planted elements to draw below (chrom, start, end on the chromosome, kind, strength, group, rule).
        selected: number of a tile to outline.
        cutoffs: where a tile is called.
    """
    limit = _limit(effects)
    figure = go.Figure(
        [_bars(effects, locus, palette, axis, selected), _tss_tile(grid.tss_tile, locus, palette, axis, limit)]
    )
    shown = truth is not None and not truth.empty
    if shown:
        figure.add_trace(_planted(truth, locus, palette, axis))
    figure.update_layout(
        barmode="overlay",
        bargap=0,
        hovermode="closest",
        clickmode="event+select",
        shapes=_lines(cutoffs, palette),
        annotations=_words(cutoffs, limit, grid, locus, palette, axis),
    )
    figure.update_xaxes(**_x_axis(locus, axis), anchor="y2" if shown else "y")
    figure.update_yaxes(
        title="Effect of shuffling, (WT − MUT) / WT",
        range=[-limit, limit],
        zeroline=False,
        domain=[TRACK_BOTTOM if shown else 0, 1],
        fixedrange=True,
    )
    if shown:
        figure.update_layout(
            yaxis2={
                "domain": [0, TRACK_BOTTOM - 0.04],
                "range": [-1, 1],
                "tickvals": [0],
                "ticktext": ["planted"],
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
                "anchor": "x",
            }
        )
    height = 460 if shown else 400
    return finish(figure, palette, height=height, revision=f"{locus.digest} {grid.tile_size} {axis}")


def _limit(effects: pd.DataFrame) -> float:
    """Half the height of the axis: symmetric, in steps of 0.25 so that it seldom moves while bars arrive."""
    heights = effects["effect"].abs().to_numpy()
    heights = heights[np.isfinite(heights)]
    tallest = float(heights.max(initial=0.0))
    ends = effects[["ci_low", "ci_high"]].abs().to_numpy()
    # An interval from two shuffles can be huge; it may leave the picture rather than flatten the bars.
    widest = min(float(ends[np.isfinite(ends)].max(initial=0.0)), 1.6 * tallest)
    return max(SMALLEST_RANGE, math.ceil(1.12 * max(tallest, widest) / 0.25) * 0.25)


def _x(locus: Locus, axis: Axis, start: float, end: float) -> tuple[float, float]:
    """Middle and width of an oriented interval in the units of the axis."""
    if axis == "distance":
        return locus.distance(start, end) / 1000, (end - start) / 1000
    first, last = locus.to_genome(start, end)
    return (first + 1 + last) / 2, end - start


def _bars(effects: pd.DataFrame, locus: Locus, palette: Palette, axis: Axis, selected: int | None) -> go.Bar:
    places = [_x(locus, axis, row.start, row.end) for row in effects.itertuples()]
    colours = [palette.call(call) for call in effects["call"]]
    sure = ~effects["uncertain"].to_numpy(bool)
    fills = [c if certain else translucent(c, 0.35) for c, certain in zip(colours, sure, strict=True)]
    outlined = effects["tile"].to_numpy() == selected
    return go.Bar(
        name="tiles",
        x=[middle for middle, _ in places],
        width=[0.86 * width for _, width in places],
        y=numbers(effects["effect"]),
        error_y={
            "type": "data",
            "symmetric": False,
            "array": numbers(effects["ci_high"] - effects["effect"]),
            "arrayminus": numbers(effects["effect"] - effects["ci_low"]),
            "color": palette.text,
            "thickness": 1.1,
            "width": 2,
        },
        marker={
            "color": fills,
            "line": {
                "color": [palette.text if chosen else c for c, chosen in zip(colours, outlined, strict=True)],
                "width": [2.5 if chosen else 1.2 for chosen in outlined],
            },
        },
        # A selection dims nothing: every bar stays readable, the chosen one has its outline.
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        customdata=effects["tile"].tolist(),
        hovertext=[_hover(row) for row in effects.itertuples()],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _hover(row) -> str:
    lines = [
        f"<b>{row.chrom}:{row.genome_start + 1:,}–{row.genome_end:,}</b> (1-based)",
        f"tile {row.tile}, {abs(row.distance) / 1000:.1f} kb "
        + ("upstream" if row.distance < 0 else "downstream")
        + " of the TSS",
    ]
    if math.isfinite(row.effect):
        interval = (
            f" [{row.ci_low:+.3f}, {row.ci_high:+.3f}]" if math.isfinite(row.ci_low) else ", interval not known yet"
        )
        lines.append(f"effect <b>{row.effect:+.3f}</b>{interval}")
        lines.append(f"n = {row.n} shuffle{'s' if row.n != 1 else ''}")
        lines.append(MEANING[row.call] + (" (uncertain: the interval holds a cut-off)" if row.uncertain else ""))
    else:
        lines.append(MEANING[""])
    return "<br>".join(lines)


def _tss_tile(tile: Tile, locus: Locus, palette: Palette, axis: Axis, limit: float) -> go.Bar:
    """The TSS tile, hatched over the whole height: the test leaves it alone."""
    middle, width = _x(locus, axis, tile.start, tile.end)
    first, last = locus.to_genome(tile.start, tile.end)
    return go.Bar(
        name="TSS tile",
        x=[middle],
        width=[0.86 * width],
        base=[-limit],
        y=[2 * limit],
        marker={
            "color": translucent(palette.muted, 0.08),
            "line": {"width": 0},
            "pattern": {"shape": "/", "size": 6, "solidity": 0.25, "fgcolor": palette.muted},
        },
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        hovertext=[f"<b>TSS tile</b> {locus.chrom}:{first + 1:,}–{last:,}<br>not testable: it holds the promoter"],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _planted(truth: pd.DataFrame, locus: Locus, palette: Palette, axis: Axis) -> go.Scatter:
    """The answer key: one marker an element, as large as it is strong."""
    x, hover = [], []
    for row in truth.itertuples():
        start, end = locus.from_genome(row.start, row.end)
        x.append(_x(locus, axis, start, end)[0])
        together = f"<br>{row.rule} with the others of group {row.group}" if row.group else ""
        hover.append(
            f"<b>planted {row.kind}</b> {row.chrom}:{row.start + 1:,}–{row.end:,}<br>"
            f"log-fold on {row.gene} in {row.cell_line}: {row.strength:+.2f}{together}"
        )
    enhancer = (truth["kind"] == "enhancer").to_numpy()
    strength = truth["strength"].abs().to_numpy(float)
    return go.Scatter(
        name="planted",
        x=x,
        y=[0.0] * len(x),
        yaxis="y2",
        mode="markers",
        marker={
            "symbol": ["triangle-up" if up else "triangle-down" for up in enhancer],
            "color": [palette.enhancer if up else palette.silencer for up in enhancer],
            "size": np.clip(11 + 4 * strength, 11, 22),
            "line": {"color": palette.text, "width": 1},
            "opacity": 1,
        },
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        hovertext=hover,
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )


def _lines(cutoffs: Cutoffs, palette: Palette) -> list[dict]:
    """The zero line and the two cut-offs, as one list: adding shapes one by one takes plotly quadratic time."""
    lines = [(0.0, "solid", palette.text, 1.2)]
    lines += [(value, "dot", palette.muted, 1) for value in cutoffs.tile]
    return [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "yref": "y",
            "y0": value,
            "y1": value,
            "layer": "above" if value == 0 else "below",
            "line": {"dash": dash, "color": colour, "width": width},
        }
        for value, dash, colour, width in lines
    ]


def _words(
    cutoffs: Cutoffs, limit: float, grid: TileGrid, locus: Locus, palette: Palette, axis: Axis
) -> Sequence[dict]:
    left = {"xref": "paper", "x": 0.004, "xanchor": "left", "showarrow": False}
    middle, _ = _x(locus, axis, grid.tss_tile.start, grid.tss_tile.end)
    forward = axis == "distance" or locus.strand == "+"
    return [
        left
        | {
            "y": limit,
            "yanchor": "top",
            "text": "▲ shuffling lowers activity: enhancer",
            "font": {"color": palette.enhancer, "size": 13},
        },
        left
        | {
            "y": -limit,
            "yanchor": "bottom",
            "text": "▼ shuffling raises activity: silencer",
            "font": {"color": palette.silencer, "size": 13},
        },
        *(
            {
                "xref": "paper",
                "x": 1,
                "xanchor": "right",
                "y": value,
                "yanchor": "bottom" if value > 0 else "top",
                "text": f"cut-off {value:+g}",
                "showarrow": False,
                "font": {"color": palette.muted, "size": 11},
            }
            for value in cutoffs.tile
        ),
        {
            "x": middle,
            "y": 1,
            "yref": "paper",
            "yanchor": "bottom",
            "text": f"TSS (not testable) {'→' if forward else '←'} {locus.gene}",
            "showarrow": False,
            "font": {"color": palette.text, "size": 12},
        },
    ]


def _x_axis(locus: Locus, axis: Axis) -> dict:
    if axis == "distance":
        half = locus.length / 2000
        return {
            "title": "Distance to the TSS, kb, in the gene's direction (upstream is negative)",
            "range": [-half, half],
            "zeroline": False,
            "showgrid": False,
            "ticks": "outside",
            "tickformat": "~g",
        }
    return {
        "title": f"Position on {locus.chrom}, 1-based (gene on the {locus.strand} strand)",
        "range": [locus.start + 1, locus.end],
        "zeroline": False,
        "showgrid": False,
        "ticks": "outside",
        "tickformat": ",d",
        "nticks": 9,
    }
