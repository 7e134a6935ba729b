"""The Higher-order Interaction Test: activity by round beside what adding up would give, and the order on the locus."""

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from creme_core.experiments.additivity import Additivity
from creme_core.experiments.interaction import InteractionResult
from dashboard.figures.distance_curve import distance_axis, tss_band, tss_words
from dashboard.figures.set_curve import (
    band,
    bounds,
    count_axis,
    curve,
    keyed,
    level,
    line_words,
    place_lines,
    value_line,
)
from dashboard.figures.style import Palette, finish

__all__ = ["tile_order", "trajectory"]


def trajectory(
    result: InteractionResult, comparison: Additivity, palette: Palette, *, readout: str | int | None = None
) -> go.Figure:
    """Fold over wild type by round, from the wild type at round 0: greedy, additive and multiplicative model.

    Traces: 95% interval of the greedy search, additive model, multiplicative model, greedy search.

    Args:
        result: of the Higher-order Interaction Test; it may hold fewer rounds than its settings ask for.
        comparison: of that result, over all of its rounds or the first ones.
        palette: colours.
        readout: whose activity; None is the one that was searched. The comparison must be of the same one.

    Raises:
        ValueError: an unknown readout, or a comparison of another readout or result.
    """
    table, models = result.effects(readout), comparison.trajectory
    compared = table["fold_over_wild_type"].to_numpy()[: len(models)]
    if not np.array_equal(compared, models["greedy"].to_numpy(), equal_nan=True):
        raise ValueError("The comparison is of another result or readout; compare this result, for this readout.")
    wild_type = result.wild_type(result.settings.readout if readout is None else readout)
    # MUT / WT of the wild type itself, which is as undefined as the others when WT is 0 or still to come.
    start = 1.0 if math.isfinite(wild_type) and wild_type != 0 else math.nan
    rounds = [0, *table["round"].tolist()]
    folds = pd.DataFrame(
        {
            "value": [start, *table["fold_over_wild_type"]],
            "low": [start, *table["ci_low"]],
            "high": [start, *table["ci_high"]],
        }
    )
    additive, multiplicative = ([start, *models[name]] for name in ("additive", "multiplicative"))
    low, high = bounds(folds, [v for v in (0.0, 1.0, *additive, *multiplicative) if math.isfinite(v)])
    tested = rounds[: len(models) + 1]
    figure = go.Figure(
        [
            band(rounds, folds["low"], folds["high"], palette.accent, name=None),
            curve(
                "additive",
                tested,
                additive,
                palette.text,
                dash="dash",
                hover=_model_hovers("additive", tested, additive),
            ),
            curve(
                "multiplicative",
                tested,
                multiplicative,
                palette.muted,
                dash="dot",
                hover=_model_hovers("multiplicative", tested, multiplicative),
            ),
            curve(
                "greedy, 95% interval",
                rounds,
                folds["value"],
                palette.accent,
                symbol="circle",
                hover=_greedy_hovers(table),
            ).update(legendrank=1),
        ]
    )
    figure.update_layout(
        hovermode="closest",
        shapes=[level(1.0, palette), level(0.0, palette)],
        annotations=[line_words(1.0, "1: wild type", palette), line_words(0.0, "0: no activity", palette, left=True)],
    )
    figure.update_xaxes(title="Round: tiles shuffled so far", **count_axis(0, _planned(result)))
    # The additive model can fall far below 0 and take the axis with it, so this axis can be zoomed.
    figure.update_yaxes(title="Fold over wild type, MUT / WT", range=[low, high], zeroline=False)
    finish(figure, palette, height=420, revision=f"{result.locus.digest} {result.settings} trajectory")
    return keyed(figure, palette, heading=_classes(comparison))


def tile_order(result: InteractionResult, palette: Palette) -> go.Figure:
    """Where the tiles are that the search fixed: a numbered marker each, the first round on top.

    Traces: TSS tile, tiles (one marker a round, customdata is the tile).

    Args:
        result: of the Higher-order Interaction Test; it may hold fewer rounds than its settings ask for.
        palette: colours.
    """
    table, planned = result.effects(), _planned(result)
    locus, tss = result.locus, result.grid.tss_tile
    bottom, top = planned + 0.8, 0.2
    figure = go.Figure(
        [
            tss_band(tss, locus, palette, top, bottom),
            go.Scatter(
                name="tiles",
                x=(table["distance"] / 1000).tolist(),
                y=table["round"].tolist(),
                mode="markers+text",
                text=[str(number) for number in table["round"]],
                textfont={"color": palette.background, "size": 11},
                marker={"symbol": "circle", "size": 20, "color": palette.accent, "opacity": 1},
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
                customdata=table["tile"].tolist(),
                hovertext=_greedy_hovers(table)[1:],
                hovertemplate="%{hovertext}<extra></extra>",
                cliponaxis=False,
            ),
        ]
    )
    figure.update_layout(
        hovermode="closest", clickmode="event+select", bargap=0, annotations=[tss_words(tss, locus, palette)]
    )
    figure.update_xaxes(**distance_axis(locus))
    figure.update_yaxes(
        title="Round",
        range=[bottom, top],
        tick0=1,
        dtick=max(1, math.ceil(planned / 20)),
        showgrid=True,
        zeroline=False,
        fixedrange=True,
    )
    height = min(640, 130 + 18 * max(planned, 6))
    return finish(figure, palette, height=height, revision=f"{locus.digest} {result.settings} order")


def _planned(result: InteractionResult) -> int:
    """Rounds of the whole search, whether or not they are there yet."""
    return result.settings.rounds or len(result.tiles)


def _greedy_hovers(table: pd.DataFrame) -> list[str]:
    """Words for round 0 and for each round."""
    return [
        "<b>round 0</b>: the wild type",
        *(
            "<br>".join(
                [
                    f"<b>round {row.round}</b>: this tile shuffled as well",
                    *place_lines(row),
                    *value_line("MUT / WT", row.fold_over_wild_type, row.ci_low, row.ci_high, row.n),
                    *([f"shuffled alone: {row.single:.3f}"] if math.isfinite(row.single) else []),
                ]
            )
            for row in table.itertuples()
        ),
    ]


def _model_hovers(name: str, rounds: list[int], folds: list[float]) -> list[str]:
    return [f"{name} model, round {number}: <b>{fold:.3f}</b>" for number, fold in zip(rounds, folds, strict=True)]


def _classes(comparison: Additivity) -> list[str]:
    """The classes and the errors they rest on, a line a model."""
    lines, rounds = [], len(comparison.trajectory)
    for model, call, error in (
        ("Additive", comparison.additive_class, comparison.additive_error),
        ("Multiplicative", comparison.multiplicative_class, comparison.multiplicative_error),
    ):
        words = f"<b>{call}</b> (MSE {error:.3g})" if call else "not defined"
        lines.append(f"{model} model, {rounds} round{'s' if rounds != 1 else ''}: {words}")
    return lines
