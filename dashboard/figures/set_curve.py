"""Set sufficiency: how much activity comes back as tiles are added; and the pieces that all the curves share."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from creme_core.experiments.set_sufficiency import SetSufficiencyResult
from dashboard.figures.style import Palette, finish, translucent

__all__ = [
    "band",
    "bounds",
    "count_axis",
    "curve",
    "fold_by_count",
    "keyed",
    "level",
    "line_words",
    "numbers",
    "place_lines",
    "set_curve",
    "value_line",
]

REFERENCES = {
    "wild_type": ("WT", "Fold over wild type, MUT / WT", "1: wild type"),
    "control": ("CONTROL", "Fold over control, MUT / CONTROL", "1: the TSS tile alone"),
}


def set_curve(
    result: SetSufficiencyResult,
    readout: str | int,
    palette: Palette,
    *,
    shown: Literal["wild_type", "control"] = "wild_type",
) -> go.Figure:
    """Activity as a fold by number of tiles, from 0, which is the TSS tile alone in a shuffled window.

    Traces: 95% interval, mean over shuffles (one marker a row of `effects`).

    Args:
        result: of the set sufficiency test; NaN where a number of tiles is still to come.
        readout: whose activity.
        palette: colours.
        shown: what the fold is over: wild type, as for an enhancing context, or the TSS tile alone.

    Raises:
        ValueError: an unknown readout or reference.
    """
    if shown not in REFERENCES:
        raise ValueError(f"shown is {shown!r}; it must be 'wild_type' or 'control'.")
    reference, title, words = REFERENCES[shown]
    table, column = result.effects(readout), f"fold_over_{shown}"
    table = table.assign(value=table[column], low=table[f"{column}_low"], high=table[f"{column}_high"])
    hover = []
    for row in table.itertuples():
        if row.tiles == 0:
            lines = ["<b>0 tiles</b>: the TSS tile alone"]
        else:
            lines = [f"<b>{row.tiles} tile{'s' if row.tiles != 1 else ''}</b>, the last added:", *place_lines(row)]
        hover.append("<br>".join(lines + value_line(f"MUT / {reference}", row.value, row.low, row.high, row.n)))
    figure = fold_by_count(table.rename(columns={"tiles": "count"}), hover, palette, title=title, words=words)
    figure.update_xaxes(
        title="Tiles added to the TSS tile in a shuffled window", **count_axis(0, len(result.settings.tiles))
    )
    finish(figure, palette, height=380, revision=f"{result.locus.digest} {result.settings} {shown}")
    return keyed(figure, palette)


def fold_by_count(table: pd.DataFrame, hover: list[str], palette: Palette, *, title: str, words: str) -> go.Figure:
    """A fold by a count with its interval, read against 1.

    Args:
        table: columns count, value, low, high; NaN where there is none yet.
        hover: words for each row.
        palette: colours.
        title: of the y axis.
        words: what 1 is.
    """
    low, high = bounds(table, [0.0, 1.0], from_zero=True)
    figure = go.Figure(
        [
            band(table["count"].tolist(), table["low"], table["high"], palette.accent),
            curve(
                "mean over shuffles",
                table["count"].tolist(),
                table["value"],
                palette.accent,
                symbol="circle",
                hover=hover,
            ),
        ]
    )
    figure.update_layout(
        hovermode="closest", shapes=[level(1.0, palette)], annotations=[line_words(1.0, words, palette)]
    )
    figure.update_yaxes(title=title, range=[low, high], zeroline=False, fixedrange=True)
    return figure


def count_axis(first: int, last: int) -> dict[str, Any]:
    """An x axis of whole numbers that stays where it is while rounds come in."""
    return {
        "range": [first - 0.4, last + 0.4],
        "tick0": 0,
        "dtick": max(1, math.ceil((last - first) / 20)),
        "zeroline": False,
        "showgrid": False,
        "ticks": "outside",
    }


def line_words(value: float, words: str, palette: Palette, *, left: bool = False) -> dict[str, Any]:
    """What a horizontal line is, above its right or left end, as an item of layout.annotations."""
    return {
        "xref": "paper",
        "x": 0.004 if left else 1,
        "xanchor": "left" if left else "right",
        "y": value,
        "yanchor": "bottom",
        "text": words,
        "showarrow": False,
        "font": {"color": palette.muted, "size": 11},
    }


def numbers(values: Iterable[float]) -> list[float | None]:
    """Numbers as a plain list, None where there is none: plotly would pack an array so that no reader can read it."""
    return [float(value) if math.isfinite(value) else None for value in values]


def bounds(table: pd.DataFrame, include: Sequence[float], *, from_zero: bool = False) -> tuple[float, float]:
    """Ends of an axis that shows every value and the intervals, unless those are far wider than the values.

    Args:
        table: with columns value, low, high; NaN is left out.
        include: further values to show.
        from_zero: start at 0, unless a value is below it.
    """
    values = [*include, *(v for v in numbers(table["value"]) if v is not None)]
    smallest, largest = min(values), max(values)
    # An interval from two shuffles can be huge; it may leave the picture rather than flatten the curve.
    room = 0.6 * (largest - smallest)
    lows = [v for v in numbers(table["low"]) if v is not None]
    highs = [v for v in numbers(table["high"]) if v is not None]
    bottom = min(smallest, max(min(lows, default=smallest), smallest - room))
    top = max(largest, min(max(highs, default=largest), largest + room))
    margin = 0.1 * (top - bottom) or 0.5
    return 0.0 if from_zero and smallest >= 0 else bottom - margin, top + margin


def band(
    x: Sequence[float], low: Iterable[float], high: Iterable[float], colour: str, *, name: str | None = "95% interval"
) -> go.Scatter:
    """A filled band: one closed polygon for each run of points that have both ends. Without a name it has no key."""
    outline_x: list[float | None] = []
    outline_y: list[float | None] = []
    run: list[tuple[float, float, float]] = []
    for point in [*zip(x, low, high, strict=True), (math.nan,) * 3]:
        if all(map(math.isfinite, point)):
            run.append(point)
        elif run:
            corners = [(at, top) for at, _, top in run] + [(at, bottom) for at, bottom, _ in reversed(run)]
            corners.append(corners[0])
            if outline_x:
                corners.insert(0, (None, None))
            outline_x += [at for at, _ in corners]
            outline_y += [value for _, value in corners]
            run = []
    return go.Scatter(
        name=name or "",
        x=outline_x,
        y=outline_y,
        mode="lines",
        fill="toself",
        fillcolor=translucent(colour, 0.16),
        # The outline shows the interval of a point that stands alone, whose polygon has no width.
        line={"color": translucent(colour, 0.35), "width": 1},
        hoverinfo="skip",
        showlegend=name is not None,
    )


def curve(
    name: str,
    x: Sequence[float],
    y: Iterable[float],
    colour: str,
    *,
    dash: str = "solid",
    symbol: str | None = None,
    hover: list[str] | None = None,
) -> go.Scatter:
    """A line, with markers where a symbol is given and words on hovering where hover is."""
    trace = go.Scatter(
        name=name,
        x=numbers(x),
        y=numbers(y),
        mode="lines+markers" if symbol else "lines",
        line={"color": colour, "width": 2, "dash": dash},
        hoverinfo="skip",
    )
    if symbol:
        trace.update(marker={"symbol": symbol, "size": 8, "color": colour}, cliponaxis=False)
    if hover is not None:
        trace.update(hoverinfo=None, hovertext=hover, hovertemplate="%{hovertext}<extra></extra>")
    return trace


def level(value: float, palette: Palette) -> dict[str, Any]:
    """A horizontal line over the whole width, as an item of layout.shapes."""
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": "y",
        "y0": value,
        "y1": value,
        # Below the curve, above the grid.
        "layer": "between",
        "line": {"color": palette.muted, "width": 1.2},
    }


def keyed(figure: go.Figure, palette: Palette, *, heading: Sequence[str] = (), room: int = 36) -> go.Figure:
    """Give a finished figure its key, in a row above the picture, and lines of heading above that.

    room: pixels between the heading and the picture.
    """
    above = 12 + 20 * len(heading) if heading else 0
    figure.update_layout(
        showlegend=True,
        margin={"t": room + above},
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1 - above / figure.layout.height,
            "yref": "container",
            "yanchor": "top",
            "font": {"color": palette.text, "size": 13},
            "bgcolor": "rgba(0,0,0,0)",
        },
    )
    if heading:
        # A title's lines above the first are cut off at the top of the picture; an annotation's are not.
        words = {
            "xref": "paper",
            "x": 0,
            "xanchor": "left",
            "yref": "paper",
            "y": 1,
            "yanchor": "bottom",
            "yshift": room + 4,
            "text": "<br>".join(heading),
            "align": "left",
            "showarrow": False,
            "font": {"color": palette.text, "size": 13},
        }
        figure.update_layout(annotations=[*figure.layout.annotations, words])
    return figure


def place_lines(row: Any) -> list[str]:
    """Where a tile is, for a reader: a row with chrom, genome_start, genome_end (0-based), tile, distance (bp)."""
    if row.genome_end < 0:
        return ["which tile it is was not published"]
    side = "upstream" if row.distance < 0 else "downstream"
    tile = f"tile {row.tile}, " if hasattr(row, "tile") else ""
    return [
        f"<b>{row.chrom}:{row.genome_start + 1:,}–{row.genome_end:,}</b> (1-based)",
        f"{tile}{abs(row.distance) / 1000:.1f} kb {side} of the TSS",
    ]


def value_line(name: str, value: float, low: float, high: float, n: int, *, sign: str = "") -> list[str]:
    """A value with its 95% interval and its number of shuffles, for a reader; says so where it is not known."""
    if not math.isfinite(value):
        return ["not computed yet, or not defined"]
    interval = f" [{low:{sign}.3f}, {high:{sign}.3f}]" if math.isfinite(low) else ", interval not known"
    return [f"{name} <b>{value:{sign}.3f}</b>{interval}", f"n = {n} shuffle{'s' if n != 1 else ''}"]
