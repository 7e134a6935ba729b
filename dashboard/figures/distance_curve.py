"""The TSS-CRE Distance Test: a CRE's effect by where it stands; and the axis of the window around the TSS."""

import math
from collections.abc import Iterable
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from creme_core.experiments.distance import DistanceResult
from creme_core.locus import Locus
from creme_core.tiles import Tile
from dashboard.figures.set_curve import (
    band,
    bounds,
    curve,
    keyed,
    level,
    line_words,
    numbers,
    place_lines,
    value_line,
)
from dashboard.figures.style import Palette, finish, translucent

__all__ = ["distance_axis", "distance_curve", "distance_decay", "tss_band", "tss_words"]

Shown = Literal["effect", "fold_over_max", "fold_over_min"]
# What is drawn: the columns of its interval, what the value is called, the axis title, and the line it is read against.
VIEWS = {
    "effect": (("ci_low", "ci_high"), "effect", "Effect, (MUT − CONTROL) / {divisor}", 0.0),
    "fold_over_max": (
        ("fold_over_max_low", "fold_over_max_high"),
        "MUT / highest MUT",
        "Fold over max, MUT / highest MUT",
        1.0,
    ),
    "fold_over_min": (
        ("fold_over_min_low", "fold_over_min_high"),
        "MUT / lowest MUT",
        "Fold over min, MUT / lowest MUT",
        1.0,
    ),
}
DIVISORS = {"wild_type": "WT", "control": "CONTROL"}
KEY_AND_WORDS = 58  # pixels above a picture with a key and the gene's name


def distance_curve(
    result: DistanceResult, readout: str | int, palette: Palette, *, shown: Shown, selected: int | None = None
) -> go.Figure:
    """The CRE at every place of the window, upstream and downstream on one axis; the line breaks at the TSS tile.

    Traces: TSS tile, 95% interval, line, places (one marker a row of `effects`, customdata is the tile), own place.

    Args:
        result: of the Distance Test; NaN where a place is still to come.
        readout: whose activity.
        palette: colours.
        shown: the effect, or activity as a fold over that of the highest or of the lowest place.
        selected: number of a tile to outline.

    Raises:
        ValueError: an unknown readout or view.
    """
    table, title, reference = _view(result, readout, shown)
    locus = result.locus
    low, high = bounds(table, [reference], from_zero=shown != "effect")
    x = (table["distance"] / 1000).tolist()
    y = table["value"].tolist()
    # Between the last place upstream and the first downstream nothing was tried, so nothing is drawn.
    gap = int((table["distance"] < 0).sum())
    own = table["own_place"].to_numpy()
    hover = _hovers(table, shown)
    outlined = [tile == selected for tile in table["tile"]]
    figure = go.Figure(
        [
            tss_band(result.grid.tss_tile, locus, palette, low, high),
            band(_broken(x, gap), _broken(table["low"], gap), _broken(table["high"], gap), palette.accent),
            curve("mean over shuffles", _broken(x, gap), _broken(y, gap), palette.accent).update(showlegend=False),
            go.Scatter(
                name="places",
                x=x,
                y=numbers(y),
                mode="markers",
                marker={
                    "color": palette.accent,
                    "size": [12 if chosen else 7 for chosen in outlined],
                    "line": {"color": palette.text, "width": [2.5 if chosen else 0 for chosen in outlined]},
                    "opacity": 1,
                },
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
                customdata=table["tile"].tolist(),
                hovertext=hover,
                hovertemplate="%{hovertext}<extra></extra>",
                showlegend=False,
            ),
            _own_place(table[own], palette, [text for text, there in zip(hover, own, strict=True) if there]),
        ]
    )
    figure.update_layout(
        hovermode="closest",
        clickmode="event+select",
        bargap=0,
        shapes=[level(reference, palette)],
        annotations=[tss_words(result.grid.tss_tile, locus, palette), *_words(shown, low, high, palette)],
    )
    figure.update_xaxes(**distance_axis(locus))
    figure.update_yaxes(title=title, range=[low, high], zeroline=False, fixedrange=True)
    finish(figure, palette, height=420, revision=f"{locus.digest} {result.settings} {shown}")
    return keyed(figure, palette, room=KEY_AND_WORDS)


def distance_decay(result: DistanceResult, readout: str | int, palette: Palette, shown: Shown) -> go.Figure:
    """Both directions folded on the distance from the TSS, to compare how fast they decay.

    Traces: TSS tile, then for upstream (solid, circles) and downstream (dashed, squares) the interval and the line
    with its markers, then own place.

    Args and Raises: those of `distance_curve`.
    """
    table, title, reference = _view(result, readout, shown)
    locus, tss = result.locus, result.grid.tss_tile
    low, high = bounds(table, [reference], from_zero=shown != "effect")
    sides = [
        ("upstream", table["distance"] < 0, palette.accent, "solid", "circle"),
        ("downstream", table["distance"] > 0, palette.text, "dash", "square"),
    ]
    hover = pd.Series(_hovers(table, shown), index=table.index)
    figure = go.Figure(tss_band(tss, locus, palette, low, high, folded=True))
    for name, there, colour, dash, symbol in sides:
        # Outwards on both sides, so that the rows of a line go from near to far.
        rows = table[there].sort_values("distance", key=abs)
        x = (rows["distance"].abs() / 1000).tolist()
        figure.add_trace(band(x, rows["low"], rows["high"], colour, name=None))
        line = curve(name, x, rows["value"], colour, dash=dash, symbol=symbol, hover=hover[rows.index].tolist())
        figure.add_trace(line.update(customdata=rows["tile"].tolist()))
    own = table[table["own_place"]]
    figure.add_trace(_own_place(own.assign(distance=own["distance"].abs()), palette, hover[own.index].tolist()))
    figure.update_layout(
        hovermode="closest", bargap=0, shapes=[level(reference, palette)], annotations=_words(shown, low, high, palette)
    )
    figure.update_xaxes(
        title="Distance from the TSS, kb, either way; the bands are 95% intervals",
        range=[0, locus.length / 2000],
        zeroline=False,
        showgrid=False,
        ticks="outside",
        tickformat="~g",
    )
    figure.update_yaxes(title=title, range=[low, high], zeroline=False, fixedrange=True)
    finish(figure, palette, height=380, revision=f"{locus.digest} {result.settings} {shown} decay")
    return keyed(figure, palette)


def _view(result: DistanceResult, readout: str | int, shown: str) -> tuple[pd.DataFrame, str, float]:
    """The table with what is drawn as value, low and high; its axis title; and its reference line."""
    if shown not in VIEWS:
        raise ValueError(f"shown is {shown!r}; it must be one of {', '.join(map(repr, VIEWS))}.")
    (low, high), _, title, reference = VIEWS[shown]
    table = result.effects(readout)
    table = table.assign(value=table[shown], low=table[low], high=table[high])
    return table, title.format(divisor=DIVISORS[table["normalisation"].iloc[0]]), reference


def _hovers(table: pd.DataFrame, shown: str) -> list[str]:
    name, sign = VIEWS[shown][1], "+" if shown == "effect" else ""
    return [
        "<br>".join(
            [
                *place_lines(row),
                *value_line(name, row.value, row.low, row.high, row.n, sign=sign),
                *(["the CRE's own place"] if row.own_place else []),
            ]
        )
        for row in table.itertuples()
    ]


def _own_place(own: pd.DataFrame, palette: Palette, hover: list[str]) -> go.Scatter:
    return go.Scatter(
        name="the CRE's own place",
        x=(own["distance"] / 1000).tolist(),
        y=numbers(own["value"]),
        mode="markers",
        marker={
            "symbol": "diamond",
            "size": 14,
            "color": palette.text,
            "line": {"color": palette.background, "width": 1.5},
            "opacity": 1,
        },
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        customdata=own["tile"].tolist(),
        hovertext=hover,
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )


def _broken(values: Iterable[float], gap: int) -> list[float]:
    """Values with a NaN put in before index gap."""
    values = list(values)
    return [*values[:gap], math.nan, *values[gap:]]


def _words(shown: str, low: float, high: float, palette: Palette) -> list[dict[str, Any]]:
    """How to read the sign, or what the line at 1 is."""
    if shown == "fold_over_max":
        return [line_words(1.0, "1: the highest place", palette)]
    if shown == "fold_over_min":
        return [line_words(1.0, "1: the lowest place", palette) | {"yanchor": "top"}]
    right = {"xref": "paper", "x": 0.996, "xanchor": "right", "showarrow": False}
    up = {"y": high, "yanchor": "top", "text": "▲ the CRE raises activity", "font": {"color": palette.enhancer}}
    down = {"y": low, "yanchor": "bottom", "text": "▼ the CRE lowers activity", "font": {"color": palette.silencer}}
    return [right | up, right | down]


def distance_axis(locus: Locus) -> dict[str, Any]:
    """The x axis of the whole window in kb from the TSS."""
    half = locus.length / 2000
    return {
        "title": "Distance to the TSS, kb, in the gene's direction (upstream is negative)",
        "range": [-half, half],
        "zeroline": False,
        "showgrid": False,
        "ticks": "outside",
        "tickformat": "~g",
    }


def tss_band(tile: Tile, locus: Locus, palette: Palette, low: float, high: float, *, folded: bool = False) -> go.Bar:
    """The TSS tile on an axis in kb from the TSS, hatched from low to high; folded: its downstream half only."""
    start, end = (tile.start - locus.tss_index) / 1000, (tile.end - locus.tss_index) / 1000
    start = 0 if folded else start
    first, last = locus.to_genome(tile.start, tile.end)
    return go.Bar(
        name="TSS tile",
        x=[(start + end) / 2],
        width=[end - start],
        base=[low],
        y=[high - low],
        marker={
            "color": translucent(palette.muted, 0.08),
            "line": {"width": 0},
            "pattern": {"shape": "/", "size": 6, "solidity": 0.25, "fgcolor": palette.muted},
        },
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        hovertext=[f"<b>TSS tile</b> {locus.chrom}:{first + 1:,}–{last:,}<br>it holds the promoter and stays"],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )


def tss_words(tile: Tile, locus: Locus, palette: Palette) -> dict[str, Any]:
    """The gene's name and direction above the TSS tile, as an item of layout.annotations."""
    return {
        "x": locus.distance(tile.start, tile.end) / 1000,
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "text": f"TSS tile → {locus.gene}",
        "showarrow": False,
        "font": {"color": palette.text, "size": 12},
    }
