"""The Context Dependence Test: activity with and without its context, and where the effect falls on the scale."""

import math

import numpy as np
import plotly.graph_objects as go

from creme_core.experiments.context import ContextResult
from dashboard.figures.style import Palette, finish, translucent

__all__ = ["context_activity", "context_scale"]

LEFT_END, RIGHT_END = -1.0, 1.1  # of the scale; an effect beyond is drawn as an arrow at the end


def context_activity(result: ContextResult, readout: str, palette: Palette) -> go.Figure:
    """Predicted activity of the wild type and of the TSS tile in each shuffled context, with mean and 95% interval."""
    row = result.effects(readout).iloc[0]
    wild_type, mutants = row["wild_type"], result.mutants(readout)
    # MUT = WT (1 - effect), so the interval of the effect is the interval of the activity, upside down.
    low, high = wild_type * (1 - row["ci_high"]), wild_type * (1 - row["ci_low"])
    low, high = min(low, high), max(low, high)
    spread = 2 + 0.22 * np.linspace(-1, 1, mutants.size) if mutants.size > 1 else np.array([2.0])
    figure = go.Figure(
        [
            go.Bar(
                name="wild type",
                x=[1],
                y=[wild_type],
                width=[0.62],
                marker={
                    "color": translucent(palette.neutral, 0.55),
                    "line": {"color": palette.neutral, "width": 1.4},
                },
                hovertemplate="wild type: %{y:.4g}<extra></extra>",
            ),
            go.Bar(
                name="mean of shuffles",
                x=[2],
                y=[row["mutant"]],
                width=[0.62],
                marker={
                    "color": translucent(palette.call(row["call"]), 0.45),
                    "line": {"color": palette.call(row["call"]), "width": 1.4},
                },
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [high - row["mutant"]],
                    "arrayminus": [row["mutant"] - low],
                    "color": palette.text,
                    "thickness": 1.4,
                    "width": 7,
                },
                hovertemplate="mean of the shuffles: %{y:.4g}<extra></extra>",
            ),
            go.Scatter(
                name="shuffles",
                x=spread,
                y=mutants,
                mode="markers",
                marker={"color": palette.text, "size": 6, "opacity": 0.75},
                hovertemplate="shuffle %{pointNumber}: %{y:.4g}<extra></extra>",
            ),
        ]
    )
    figure.update_xaxes(
        tickvals=[1, 2],
        ticktext=["its own context<br>(wild type)", f"shuffled contexts<br>(n = {int(row['n'])})"],
        range=[0.4, 2.6],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    figure.update_yaxes(title="Predicted TSS activity", rangemode="tozero", zeroline=False, fixedrange=True)
    return finish(figure, palette, height=330, revision=result.locus.digest)


def context_scale(result: ContextResult, readout: str, palette: Palette) -> go.Figure:
    """The effect on a line with the paper's classes as bands."""
    row, cutoffs = result.effects(readout).iloc[0], result.cutoffs
    effect, low, high = row["effect"], row["ci_low"], row["ci_high"]
    bands = [
        (LEFT_END, cutoffs.silencing, "silencing", palette.silencer),
        (-cutoffs.neutral, cutoffs.neutral, "neutral", palette.accent),
        (cutoffs.enhancing, RIGHT_END, "enhancing", palette.enhancer),
    ]
    shown = min(max(effect, LEFT_END), RIGHT_END) if math.isfinite(effect) else math.nan
    beyond = "" if shown == effect else ("  (beyond the scale)" if math.isfinite(effect) else "")
    figure = go.Figure(
        go.Scatter(
            name="effect",
            x=[shown],
            y=[0.5],
            mode="markers",
            marker={
                "size": 15,
                "symbol": _symbol(effect),
                "color": palette.text,
                "line": {"color": palette.background, "width": 1.5},
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [min(high, RIGHT_END) - shown],
                "arrayminus": [shown - max(low, LEFT_END)],
                "color": palette.text,
                "thickness": 2,
                "width": 7,
            },
            hovertemplate=f"effect {effect:+.3f} [{low:+.3f}, {high:+.3f}]{beyond}<extra></extra>",
            cliponaxis=False,
        )
    )
    figure.update_layout(
        shapes=[
            {
                "type": "rect",
                "x0": start,
                "x1": end,
                "y0": 0,
                "y1": 1,
                "layer": "below",
                "fillcolor": translucent(colour, 0.3),
                "line": {"color": colour, "width": 1},
            }
            for start, end, _, colour in bands
        ],
        annotations=[
            {
                "x": (start + end) / 2,
                "y": 1.02,
                "yanchor": "bottom",
                "text": name,
                "showarrow": False,
                "font": {"color": colour, "size": 13},
            }
            for start, end, name, colour in bands
        ],
    )
    figure.update_xaxes(
        title="Effect of the context, (WT − MUT) / WT",
        range=[LEFT_END, RIGHT_END],
        tickvals=[-1, cutoffs.silencing, 0, 0.5, cutoffs.enhancing],
        ticktext=["−1", f"−{-cutoffs.silencing:g}", f"±{cutoffs.neutral:g}", "0.5", f"{cutoffs.enhancing:g}"],
        tickangle=0,
        showgrid=False,
        zeroline=False,
        ticks="outside",
        fixedrange=True,
    )
    figure.update_yaxes(visible=False, range=[0, 1.25], fixedrange=True)
    finish(figure, palette, height=150, revision=result.locus.digest)
    return figure.update_layout(margin={"l": 16, "r": 34, "t": 22, "b": 42})


def _symbol(effect: float) -> str:
    """A diamond at its place, or an arrow that points beyond the end of the scale."""
    if effect < LEFT_END:
        return "triangle-left"
    return "triangle-right" if effect > RIGHT_END else "diamond"
