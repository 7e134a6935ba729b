"""Genes on a genomic axis: bodies, exons and names, packed so that names do not collide."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.style import Palette

__all__ = ["GeneRow", "escape", "gene_row"]

MOST_LEVELS = 7
LABEL_SHARE = 0.09  # of the view that a gene's name takes, for packing


@dataclass(frozen=True, eq=False)
class GeneRow:
    """Traces and labels of genes on `depth` levels: level i is drawn at y = -i."""

    traces: Sequence[go.Scatter | go.Bar] = field(repr=False)
    labels: Sequence[dict] = field(repr=False)
    depth: int = 1


def gene_row(genes: pd.DataFrame, exons: pd.DataFrame | None, view: tuple[int, int], palette: Palette) -> GeneRow:
    """Lay out the genes of a view.

    Args:
        genes: gene, start, end (0-based half-open on the chromosome), strand.
        exons: gene, start, end likewise, or None.
        view: [start, end) of the chromosome.
        palette: colours.
    """
    inside = genes[(genes["end"] > view[0]) & (genes["start"] < view[1])].sort_values("start")
    level = _pack(inside, (view[1] - view[0]) * LABEL_SHARE)
    depth = max(level, default=0) + 1
    bodies_x, bodies_y, labels = [], [], []
    for row, place in zip(inside.itertuples(index=False), level, strict=True):
        bodies_x += [row.start + 1, row.end, None]
        bodies_y += [-place, -place, None]
        arrow = f"<i>{escape(row.gene)}</i> ▸" if row.strand == "+" else f"◂ <i>{escape(row.gene)}</i>"
        middle = (max(row.start, view[0]) + min(row.end, view[1])) / 2
        labels.append({"text": arrow, "x": middle, "y": -place + 0.22, "yanchor": "bottom", "font": {"size": 10}})
    bodies = go.Scatter(
        name="genes",
        x=bodies_x,
        y=bodies_y,
        mode="lines",
        line={"color": palette.muted, "width": 1.5},
        hoverinfo="skip",
    )
    traces: list = [bodies]
    if exons is not None and len(exons):
        place_of = dict(zip(inside["gene"], level, strict=True))
        shown = exons[exons["gene"].isin(place_of) & (exons["end"] > view[0]) & (exons["start"] < view[1])]
        traces.append(
            go.Bar(
                name="exons",
                orientation="h",
                base=(shown["start"] + 0.5).tolist(),
                x=(shown["end"] - shown["start"]).tolist(),
                y=[-place_of[gene] for gene in shown["gene"]],
                width=0.34,
                marker={"color": palette.muted, "line": {"width": 0}},
                hovertext=[escape(gene) for gene in shown["gene"]],
                hovertemplate="%{hovertext}, exon<extra></extra>",
            )
        )
    return GeneRow(traces, labels, depth)


def _pack(genes: pd.DataFrame, label: float) -> list[int]:
    """The first level at which each gene and its name have room; what finds none goes to the last."""
    ends: list[float] = []
    levels = []
    for row in genes.itertuples(index=False):
        level = next((i for i, end in enumerate(ends) if end < row.start), len(ends))
        level = min(level, MOST_LEVELS - 1)
        end = max(row.end, (row.start + row.end) / 2 + label / 2)
        if level == len(ends):
            ends.append(end)
        else:
            ends[level] = max(ends[level], end)
        levels.append(level)
    return levels


def escape(text: object) -> str:
    """A name as plotly shows it unchanged: names come from files, and plotly would read tags in them."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
