"""The sufficiency track: what each tile does on its own, above what the gene loses without it, along the window."""

from typing import Literal

import pandas as pd
import plotly.graph_objects as go

from creme_core.effects import Cutoffs
from creme_core.experiments.necessity import NecessityResult
from creme_core.experiments.sufficiency import SufficiencyResult
from dashboard.figures.set_curve import place_lines, value_line
from dashboard.figures.style import Palette, finish
from dashboard.figures.tile_track import (
    MEANING,
    Axis,
    _bars,
    _limit,
    _lines,
    _planted,
    _tss_tile,
    _x,
    _x_axis,
)

__all__ = ["sufficiency_track"]

ADDING = {
    "enhancer": "adding the tile raises activity: enhancer",
    "silencer": "adding the tile lowers activity: silencer",
    "none": MEANING["none"],
}
DIVISOR = {"wild_type": "WT", "control": "CONTROL"}
ALIKE = 2  # two panels whose ranges differ by no more than this factor get the same range, to compare heights
GAP = 0.06  # share of the height between the panels
PLANTED_SHARE = 0.13  # share of the height for the planted elements


def sufficiency_track(
    result: SufficiencyResult,
    readout: str | int,
    palette: Palette,
    *,
    necessity: NecessityResult | None = None,
    axis: Axis = "distance",
    normalisation: Literal["auto", "wild_type", "control"] = "auto",
    selected: int | None = None,
    truth: pd.DataFrame | None = None,
) -> go.Figure:
    """Bars of sufficiency, and in a second panel on the same x axis those of necessity.

    Two panels and not two bars side by side: over control, sufficiency may be ten times as tall as necessity can be.
    Trace 0 has the sufficiency bars, trace 2 the necessity bars where they are shown; both carry the tile's number.

    Args:
        result: whole or partial.
        readout: see `resolve_readout`.
        palette: colours.
        necessity: shown where it is of the same locus, sequence and tiles; left out otherwise.
        axis: distance to the TSS in kb along the gene, or position on the chromosome (1-based).
        normalisation: what the effect divides by, see SufficiencyResult.effects.
        selected: number of a tile to outline.
        truth: planted elements to draw below, as in `tile_track`.

    Raises:
        ValueError: an unknown readout or normalisation.
    """
    locus, grid, cutoffs = result.locus, result.grid, result.cutoffs
    effects = result.effects(readout, normalisation=normalisation)
    beside = _necessity_effects(result, necessity, readout)
    limits = [_limit(table) for table in (effects, beside) if table is not None]
    if len(limits) == 2 and max(limits) <= ALIKE * min(limits):
        limits = [max(limits)] * 2
    shown = truth is not None and not truth.empty
    floor = PLANTED_SHARE if shown else 0.0
    domains = [[floor, 1.0]]
    if beside is not None:
        middle = (1 + floor) / 2
        domains = [[middle + GAP / 2, 1.0], [floor, middle - GAP / 2]]

    bars = _bars(effects, locus, palette, axis, selected)
    bars.update(name="sufficiency", hovertext=[_hover(row) for row in effects.itertuples()])
    figure = go.Figure([bars, _tss_tile(grid.tss_tile, locus, palette, axis, limits[0])])
    shapes = _lines(cutoffs, palette)
    divisor = DIVISOR[effects["normalisation"].iloc[0]]
    titles = [f"(MUT − CONTROL) / {divisor}"]
    words = _words("Sufficiency", cutoffs, limits[0], "y", palette, ADDING)
    if beside is not None:
        figure.add_trace(_bars(beside, locus, palette, axis, selected).update(name="necessity", yaxis="y2"))
        figure.add_trace(_tss_tile(grid.tss_tile, locus, palette, axis, limits[1]).update(yaxis="y2"))
        shapes += [line | {"yref": "y2"} for line in _lines(cutoffs, palette)]
        titles.append("(WT − MUT) / WT")
        words += _words("Necessity", cutoffs, limits[1], "y2", palette, MEANING)
    if shown:
        figure.add_trace(_planted(truth, locus, palette, axis).update(yaxis="y3"))
        figure.update_layout(
            yaxis3={
                "domain": [0, PLANTED_SHARE - 0.03],
                "range": [-1, 1],
                "tickvals": [0],
                "ticktext": ["planted"],
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
                "anchor": "x",
            }
        )
    for name, title, limit, domain in zip(("yaxis", "yaxis2"), titles, limits, domains, strict=False):
        figure.update_layout(
            {
                name: {
                    "title": title,
                    "range": [-limit, limit],
                    "domain": domain,
                    "zeroline": False,
                    "fixedrange": True,
                    "anchor": "x",
                    "nticks": 7,
                }
            }
        )
    middle, _ = _x(locus, axis, grid.tss_tile.start, grid.tss_tile.end)
    forward = axis == "distance" or locus.strand == "+"
    tss = {
        "x": middle,
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "text": f"TSS (kept in place) {'→' if forward else '←'} {locus.gene}",
        "showarrow": False,
        "font": {"color": palette.text, "size": 12},
    }
    figure.update_layout(
        barmode="overlay",
        bargap=0,
        hovermode="closest",
        clickmode="event+select",
        shapes=shapes,
        annotations=[*words, tss],
    )
    lowest = "y3" if shown else ("y2" if beside is not None else "y")
    figure.update_xaxes(**_x_axis(locus, axis), anchor=lowest)
    height = 400 + (210 if beside is not None else 0) + (60 if shown else 0)
    revision = f"sufficiency {locus.digest} {grid.tile_size} {axis}"
    return finish(figure, palette, height=height, revision=revision)


def _necessity_effects(
    result: SufficiencyResult, necessity: NecessityResult | None, readout: str | int
) -> pd.DataFrame | None:
    if necessity is None or necessity.grid != result.grid:
        return None
    if (necessity.locus.name, necessity.locus.digest) != (result.locus.name, result.locus.digest):
        return None
    return necessity.effects(readout)


def _hover(row) -> str:
    lines = place_lines(row) + value_line("effect", row.effect, row.ci_low, row.ci_high, row.n, sign="+")
    if row.call:
        unsure = " (uncertain: the interval holds a cut-off)" if row.uncertain else ""
        lines.append(f"over wild type {row.over_wild_type:+.3f}, over control {row.over_control:+.3f}")
        lines.append(ADDING[row.call] + unsure)
    return "<br>".join(lines)


def _words(
    name: str, cutoffs: Cutoffs, limit: float, yref: str, palette: Palette, meaning: dict[str, str]
) -> list[dict]:
    """The panel's name, how to read the sign, and the values of the cut-offs."""
    signs = [
        {
            "xref": "paper",
            "x": 0.004,
            "xanchor": "left",
            "yref": yref,
            "y": sign * limit,
            "yanchor": anchor,
            "text": f"{title}{arrow} {meaning[call]}",
            "showarrow": False,
            "font": {"color": palette.call(call), "size": 13},
        }
        for sign, anchor, title, arrow, call in (
            (1, "top", f"<b>{name}</b>  ", "▲", "enhancer"),
            (-1, "bottom", "", "▼", "silencer"),
        )
    ]
    # Where the bars are tall the two cut-offs lie too close to each other for words.
    near = limit > 6 * cutoffs.enhancer
    values = [
        {
            "xref": "paper",
            "x": 1,
            "xanchor": "right",
            "yref": yref,
            "y": value,
            "yanchor": "bottom" if value > 0 else "top",
            "text": f"cut-off {value:+g}",
            "showarrow": False,
            "font": {"color": palette.muted, "size": 11},
        }
        for value in (() if near else cutoffs.tile)
    ]
    return signs + values
