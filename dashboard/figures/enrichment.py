"""What elements are made of, over many loci: signals of two kinds, a volcano of factors, distances, and overlaps."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.gene_row import escape
from dashboard.figures.style import Palette, finish, translucent

__all__ = ["distance_bars", "overlap_bars", "signal_boxes", "volcano"]

KINDS = ("enhancer", "silencer")
MOST_LABELS = 15  # names written beside their points
ROW = 24  # px of a bar


def signal_boxes(values: pd.DataFrame, kinds: Sequence[str], comparison: pd.DataFrame, palette: Palette) -> go.Figure:
    """A pair of boxes for each track, enhancers beside silencers, with the stars of their comparison.

    Args:
        values: (elements, tracks), drawn as log(1 + x).
        kinds: "enhancer" or "silencer" of each element.
        comparison: as `creme_core.signals.characterise.compare` gives it, of these tracks.
        palette: colours.
    """
    kinds = np.asarray(kinds)
    names = [escape(track) for track in values.columns]
    shown = np.sign(values) * np.log1p(np.abs(values))
    traces = []
    for kind in KINDS:
        part = shown[kinds == kind]
        traces.append(
            go.Box(
                name=f"{kind}s ({len(part)})",
                x=np.repeat(names, len(part)).tolist(),
                y=part.to_numpy().T.ravel().tolist(),
                boxpoints="all" if len(part) <= 100 else "outliers",
                jitter=0.5,
                pointpos=0,
                marker={"color": palette.call(kind), "size": 3},
                line={"color": palette.call(kind), "width": 1.4},
                fillcolor=translucent(palette.call(kind), 0.25),
                hovertemplate="%{x}: %{y:.3g}<extra>" + kind + "</extra>",
            )
        )
    stars = dict(zip(comparison["track"], comparison["stars"], strict=True))
    tops = shown.max().fillna(0.0)
    notes = [
        {"text": stars.get(track) or "–", "x": name, "y": float(tops[track]), "yshift": 12, "showarrow": False}
        for track, name in zip(values.columns, names, strict=True)
    ]
    figure = go.Figure(traces)
    finish(figure, palette, height=400, revision="signal boxes")
    figure.update_yaxes(title="Signal in the tile, log(1 + x)", zeroline=False)
    figure.update_xaxes(categoryorder="array", categoryarray=names, showgrid=False)
    return _legend(figure.update_layout(boxmode="group", annotations=notes, dragmode=False), palette)


def volcano(table: pd.DataFrame, palette: Palette, *, p_name: str, alpha: float = 0.05) -> go.Figure:
    """Factors by how much more of them there is in enhancers, and how sure that is; names on hover.

    Args:
        table: track, log_ratio (natural logarithm of enhancers over silencers), neg_log10_p.
        palette: colours.
        p_name: what the p value is corrected by, for the axis.
        alpha: below which a factor is coloured.
    """
    known = table[np.isfinite(table["log_ratio"]) & np.isfinite(table["neg_log10_p"])]
    line = -math.log10(alpha)
    sure = (known["neg_log10_p"] > line).to_numpy()
    colours = np.where(
        ~sure, palette.neutral, np.where(known["log_ratio"] > 0, palette.enhancer, palette.silencer)
    ).tolist()
    points = go.Scatter(
        name="factors",
        x=known["log_ratio"].tolist(),
        y=known["neg_log10_p"].tolist(),
        mode="markers",
        marker={"color": colours, "size": 7, "line": {"width": 0.5, "color": palette.background}},
        hovertext=[
            f"<b>{escape(row.track)}</b><br>{math.exp(row.log_ratio):.2f} times as much in enhancers<br>"
            f"p {10**-row.neg_log10_p:.2g}"
            for row in known.itertuples()
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    reach = float(known["log_ratio"].abs().max()) * 1.15 if len(known) else 1.0
    named = _apart(known[sure].sort_values("neg_log10_p", ascending=False), reach or 1.0)
    notes = [
        {"text": escape(row.track), "x": row.log_ratio, "y": row.neg_log10_p, "yshift": 11, "showarrow": False}
        | {"font": {"size": 10, "color": palette.muted}}
        for row in named.itertuples()
    ]
    figure = go.Figure(points)
    finish(figure, palette, height=440, revision="volcano")
    figure.update_xaxes(
        title="ln(enhancers / silencers)", range=[-(reach or 1.0), reach or 1.0], zerolinecolor=palette.muted
    )
    figure.update_yaxes(title=f"−log10 p, {p_name}", rangemode="tozero", zeroline=False)
    dashed = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": line, "y1": line}
    return figure.update_layout(
        annotations=notes,
        shapes=[dashed | {"line": {"color": palette.muted, "width": 1, "dash": "dash"}}],
        hovermode="closest",
    )


def _apart(table: pd.DataFrame, reach: float) -> pd.DataFrame:
    """The first rows whose names can be written beside their points without lying on one another."""
    taken: list[tuple[float, float]] = []
    rows = []
    top = float(table["neg_log10_p"].max()) if len(table) else 1.0
    for number, (x, y) in enumerate(zip(table["log_ratio"] / reach, table["neg_log10_p"] / top, strict=True)):
        if len(taken) < MOST_LABELS and all(abs(x - a) > 0.14 or abs(y - b) > 0.05 for a, b in taken):
            taken.append((x, y))
            rows.append(number)
    return table.iloc[rows]


def distance_bars(histogram: pd.DataFrame, palette: Palette) -> go.Figure:
    """How far elements lie from their TSS: enhancers upwards, silencers downwards, as shares of their kind.

    Args:
        histogram: as `creme_core.signals.enrichment.distance_histogram` gives it.
        palette: colours.
    """
    traces = []
    for kind, sign in zip(KINDS, (1, -1), strict=True):
        if kind not in histogram:
            continue
        traces.append(
            go.Bar(
                name=f"{kind}s ({int(histogram[kind].sum())})",
                x=(histogram["centre"] / 1000).tolist(),
                width=(0.9 * (histogram["end"] - histogram["start"]) / 1000).tolist(),
                y=(sign * histogram[f"{kind}_share"]).tolist(),
                customdata=histogram[kind].tolist(),
                marker={"color": palette.call(kind), "line": {"width": 0}},
                hovertemplate="%{x:.1f} kb: %{customdata} " + kind + "s<extra></extra>",
            )
        )
    figure = go.Figure(traces)
    finish(figure, palette, height=320, revision="distances")
    most = max((float(np.abs(trace.y).max(initial=0.0)) for trace in traces), default=0.0) * 1.1 or 1.0
    ticks = [-most / 1.1, 0, most / 1.1]
    figure.update_xaxes(title="Distance to the TSS, kb, in the gene's direction (upstream is negative)")
    figure.update_yaxes(
        title="Share of their kind",
        range=[-most, most],
        tickvals=ticks,
        ticktext=[f"{abs(tick):.0%}" for tick in ticks],
        zerolinecolor=palette.muted,
    )
    return _legend(figure.update_layout(barmode="overlay", bargap=0, dragmode=False), palette)


def overlap_bars(table: pd.DataFrame, palette: Palette) -> go.Figure:
    """What share of each kind of element overlaps promoters, cCREs and each class of repeats.

    Args:
        table: as `creme_core.signals.enrichment.overlaps` gives it.
        palette: colours.
    """
    names = [
        escape(f"{region}: {label}" if label else region)
        for region, label in zip(table["region"], table["class"], strict=True)
    ]
    order = list(dict.fromkeys(names))
    traces = []
    for kind in KINDS:
        rows = (table["kind"] == kind).to_numpy()
        part = table[rows]
        if part.empty:
            continue
        traces.append(
            go.Bar(
                name=f"{kind}s ({int(part['elements'].iloc[0])})",
                orientation="h",
                y=[name for name, mine in zip(names, rows, strict=True) if mine],
                x=part["share"].tolist(),
                customdata=part["overlapping"].tolist(),
                text=[f"{share:.0%}" for share in part["share"]],
                textposition="outside",
                cliponaxis=False,
                marker={"color": palette.call(kind), "line": {"width": 0}},
                hovertemplate="%{y}: %{x:.0%}, %{customdata} " + kind + "s<extra></extra>",
            )
        )
    figure = go.Figure(traces)
    finish(figure, palette, height=120 + ROW * 2 * max(len(order), 1), revision="overlaps")
    figure.update_xaxes(title="Share of tiles that overlap", range=[0, 1.08], tickformat=".0%")
    figure.update_yaxes(categoryorder="array", categoryarray=order[::-1], showgrid=False)
    return _legend(figure.update_layout(barmode="group", margin={"l": 160}, dragmode=False), palette)


def _legend(figure: go.Figure, palette: Palette) -> go.Figure:
    return figure.update_layout(
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"color": palette.text}},
        margin={"t": 44},
    )
