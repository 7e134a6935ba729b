"""How much of a CRE's effect is left with how few of its bases: the Fine-Tile Search and its baselines."""

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from creme_core.experiments.fine_tile import FineTileResult, recovered_share
from creme_core.models.base import resolve_readout
from dashboard.figures.set_curve import band, curve, keyed, level, line_words, numbers, value_line
from dashboard.figures.style import Palette, finish

__all__ = ["recovery_curve"]

THRESHOLD = {"dash": "dot", "width": 1.2}


def recovery_curve(result: FineTileResult, readout: str | int | None, palette: Palette) -> go.Figure:
    """CRE effect recovered against bases kept, of the search and of other ways to choose bases; 95% intervals.

    The x axis is linear, since the search prunes equal steps. Traces, by name: a line and two sets of markers for the
    search (one a stage), a line each for the most salient and for random bases, a point for the motif hits; bands are
    named "NAME, interval".

    Args:
        result: whole, or with the steps so far and no baselines.
        readout: whose activity to report; None is the one that was searched.
        palette: colours.

    Raises:
        ValueError: an unknown readout.
    """
    settings = result.settings
    length = settings.cre[1] - settings.cre[0]
    table = result.effects(readout)
    table = table.assign(hover=[_curve_hover(row, length) for row in table.itertuples()])
    traces = []
    for method, name, colour, dash, symbol in (
        ("random", "random bases (floor)", palette.neutral, "dot", "x"),
        ("saliency", "most salient bases", palette.text, "dash", "triangle-up"),
    ):
        rows = table[table["method"] == method].sort_values("bases")
        if not rows.empty:
            traces.append(_band(rows, name, colour))
            traces.append(_points(rows, name, colour, symbol, dash))
    search = table[table["method"] == "search"]
    traces += [_band(search, "search", palette.accent), curve("search", *_places(search), palette.accent)]
    traces[-1].update(showlegend=False)
    coarse = search["stage"].isin([0, settings.coarse])
    traces.append(_points(search[coarse], f"search, {settings.coarse} bp pieces", palette.accent, "circle"))
    traces.append(_points(search[~coarse], f"search, {settings.fine} bp pieces", palette.accent, "diamond-open"))
    motifs = table[table["method"] == "motifs"]
    if not motifs.empty:
        traces.append(_points(motifs, "motif hits", palette.text, "star").update(error_y=_error_bars(motifs, palette)))
    alone = _alone(result, readout)
    lines = [
        (settings.coarse_threshold, f"{settings.coarse} bp stage stops at {settings.coarse_threshold:g}"),
        (settings.fine_threshold, f"{settings.fine} bp stage stops at {settings.fine_threshold:g}"),
        *([(alone, f"TSS tile alone, no CRE: {alone:.2f}")] if math.isfinite(alone) else []),
    ]
    figure = go.Figure(traces)
    figure.update_layout(
        hovermode="closest",
        shapes=[level(value, palette) | {"line": THRESHOLD | {"color": palette.muted}} for value, _ in lines],
        # Words below a line near 0 would lie on the axis.
        annotations=[
            line_words(value, words, palette) | {"yanchor": "top" if value > 0.1 else "bottom"}
            for value, words in lines
        ],
    )
    figure.update_xaxes(
        title=f"Bases of the CRE kept, of {length:,}; the others are shuffled",
        range=[0, 1.03 * length],
        tickformat=",d",
        showgrid=False,
        zeroline=False,
        ticks="outside",
    )
    ratio = "MUT / CONTROL" if settings.search == "enhancer" else "CONTROL / MUT"
    figure.update_yaxes(title=f"CRE effect recovered, {ratio}", rangemode="tozero", zeroline=False)
    finish(figure, palette, height=400, revision=f"recovery {result.locus.digest} {settings.cre}")
    return keyed(figure, palette)


def _alone(result: FineTileResult, readout: str | int | None) -> float:
    """Where the curve would end with no base kept: the TSS tile without the CRE over CONTROL."""
    tracks = resolve_readout(result.tracks, result.settings.readout if readout is None else readout)
    alone, whole = (
        activity[:, tracks].astype(np.float64).mean(axis=-1)
        for activity in (result.tss_activity, result.control_activity)
    )
    return float(recovered_share(alone, whole, result.settings.search))


def _places(rows: pd.DataFrame) -> tuple[list[int], pd.Series]:
    return rows["bases"].tolist(), rows["recovered"]


def _points(rows: pd.DataFrame, name: str, colour: str, symbol: str, dash: str | None = None) -> go.Scatter:
    """A curve's points, joined where a dash is given."""
    trace = curve(name, *_places(rows), colour, dash=dash or "solid", symbol=symbol, hover=rows["hover"].tolist())
    size = {"star": 13, "x": 6}.get(symbol, 9)
    outline = 2 if symbol.endswith("open") else 0
    return trace.update(
        mode="lines+markers" if dash else "markers", line_width=1.6, marker_size=size, marker_line_width=outline
    )


def _band(rows: pd.DataFrame, name: str, colour: str) -> go.Scatter:
    interval = band(rows["bases"].tolist(), rows["ci_low"], rows["ci_high"], colour, name=f"{name}, interval")
    return interval.update(showlegend=False)


def _error_bars(rows: pd.DataFrame, palette: Palette) -> dict:
    return {
        "type": "data",
        "symmetric": False,
        "array": numbers(rows["ci_high"] - rows["recovered"]),
        "arrayminus": numbers(rows["recovered"] - rows["ci_low"]),
        "color": palette.text,
        "thickness": 1.2,
        "width": 4,
    }


def _curve_hover(row, length: int) -> str:
    how = (
        f"search, {row.stage} bp pieces"
        if row.stage
        else {"search": "the whole CRE", "motifs": "motif hits"}.get(
            row.method, f"{row.bases:,} {'most salient' if row.method == 'saliency' else 'random'} bases"
        )
    )
    share = f"{row.bases:,} of {length:,} bases kept ({row.bases / length:.0%})"
    effect = value_line("CRE effect recovered", row.recovered, row.ci_low, row.ci_high, row.n)
    return "<br>".join([f"<b>{how}</b>", share, *effect])
