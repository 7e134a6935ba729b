"""The Context Swap Test: every gene's activity in every other gene's context."""

import math
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import plotly.graph_objects as go

from creme_core.experiments.swap import SwapResult
from dashboard.figures.set_curve import keyed, numbers
from dashboard.figures.style import Palette, finish, translucent

__all__ = ["swap_boxes", "swap_matrix"]

CLASSES = ("enhancing", "neutral", "silencing", "unclassified", "")
MOST_WRITTEN = 15  # genes on a side up to which the cells carry their number
WIDEST_SCALE = 5  # log2: beyond 32-fold the colour stays the same
MOST_POINTS = 3000  # pairs up to which the boxes show each
CELL = 26  # px
PLOT_WIDTH = 800  # px, about what the matrix gets on a page 1280 px wide


def swap_matrix(result: SwapResult, readout: str | int, palette: Palette) -> go.Figure:
    """Sources down, targets across, each grouped by its context class; colour is log2 of MUT / WT of the source.

    The scale is centred on no change. A gene in its own context is framed. Trace 0 is the matrix.

    Args:
        result: whole or partial; pairs still to come are gaps.
        readout: see `resolve_readout`.
        palette: colours.

    Raises:
        ValueError: an unknown readout.
    """
    fold, source_classes, target_classes = _laid_out(result, readout)
    down, across = _order(source_classes), _order(target_classes)
    fold = fold[np.ix_(down, across)]
    sources = [(result.sources[i], source_classes[i]) for i in down]
    targets = [(result.targets[i], target_classes[i]) for i in across]
    logarithms = _log2(fold)
    limit = _limit(logarithms)
    ticks = list(range(-limit, limit + 1))
    written = max(fold.shape) <= MOST_WRITTEN
    figure = go.Figure(
        go.Heatmap(
            name="fold",
            x=list(range(len(targets))),
            y=list(range(len(sources))),
            z=[numbers(row) for row in logarithms],
            zmin=-limit,
            zmax=limit,
            colorscale=[[0, palette.silencer], [0.5, palette.background], [1, palette.enhancer]],
            xgap=1,
            ygap=1,
            hoverongaps=False,
            text=[[_short(value) for value in row] for row in fold] if written else None,
            texttemplate="%{text}" if written else None,
            textfont={"size": 12},
            customdata=[
                [_hover(*source, *target, fold[i, j]) for j, target in enumerate(targets)]
                for i, source in enumerate(sources)
            ],
            hovertemplate="%{customdata}<extra></extra>",
            colorbar={
                "title": {"text": "MUT / WT", "font": {"color": palette.muted, "size": 12}},
                "tickvals": ticks,
                "ticktext": [_times(tick) for tick in ticks],
                "tickfont": {"color": palette.muted, "size": 12},
                "outlinecolor": palette.muted,
                "outlinewidth": 1,
                "thickness": 14,
                "xref": "container",
                "x": 0.995,
                "xanchor": "right",
            },
        )
    )
    missing = [(j, i) for i, j in np.argwhere(~np.isfinite(logarithms)).tolist()]
    figure.add_trace(
        go.Scatter(
            name="missing",
            x=[x for x, _ in missing],
            y=[y for _, y in missing],
            mode="markers",
            marker={"symbol": "x-thin", "size": 6, "line": {"color": palette.muted, "width": 1}},
            hovertext=[_hover(*sources[i], *targets[j], fold[i, j]) for j, i in missing],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    height = min(max(CELL * len(sources) + 180, 340), 900)
    across_groups = [_Group(*group, "x", PLOT_WIDTH / len(targets)) for group in _groups([c for _, c in targets])]
    down_groups = [_Group(*group, "y", (height - 130) / len(sources)) for group in _groups([c for _, c in sources])]
    groups = across_groups + down_groups
    own = [
        {
            "type": "rect",
            "x0": j - 0.5,
            "x1": j + 0.5,
            "y0": i - 0.5,
            "y1": i + 0.5,
            "line": {"color": palette.text, "width": 1.4},
        }
        for i, (source, _) in enumerate(sources)
        for j, (target, _) in enumerate(targets)
        if source.digest == target.digest
    ]
    figure.update_layout(
        shapes=[group.strip(palette) for group in groups] + own, annotations=[group.label(palette) for group in groups]
    )
    for update, genes, title in (
        (figure.update_xaxes, targets, "In the context of (target)"),
        (figure.update_yaxes, sources, "TSS tile of (source)"),
    ):
        update(
            title=title,
            tickvals=list(range(len(genes))),
            ticktext=[locus.gene for locus, _ in genes],
            showgrid=False,
            zeroline=False,
            automargin=True,
        )
    figure.update_xaxes(range=[-0.5, len(targets) - 0.5], tickangle=-45)
    figure.update_yaxes(range=[len(sources) - 0.5, -0.5])
    revision = " ".join(locus.gene for locus in (*result.sources, *result.targets))
    finish(figure, palette, height=height, revision=f"swap {revision}")
    top = 44 if all(group.fits for group in across_groups) else 100
    return figure.update_layout(
        plot_bgcolor=palette.grid, height=height + top, margin={"l": 90, "r": 190, "t": top, "b": 80}
    )


def swap_boxes(result: SwapResult, readout: str | int, palette: Palette) -> go.Figure:
    """MUT / WT by the class of the target's context, for each class of the source's; own contexts left out.

    One trace a class of target, in the order of CLASSES; each pair is a point.

    Args:
        result: whole or partial.
        readout: see `resolve_readout`.
        palette: colours.

    Raises:
        ValueError: an unknown readout.
    """
    pairs = result.effects(readout)
    pairs = pairs.assign(log2=_log2(pairs["fold_over_wild_type"].to_numpy()))
    pairs = pairs[(pairs["source"] != pairs["target"]) & np.isfinite(pairs["log2"])]
    present = [name for name in CLASSES if name in set(pairs["source_context"])]
    position = {name: i for i, name in enumerate(present)}
    low = min(-1, math.floor(pairs["log2"].min())) if len(pairs) else -1
    high = max(1, math.ceil(pairs["log2"].max())) if len(pairs) else 1
    figure = go.Figure()
    for name in CLASSES:
        rows = pairs[pairs["target_context"] == name]
        if rows.empty:
            continue
        colour = _colour(name, palette)
        figure.add_trace(
            go.Box(
                name=f"into {name or 'unknown'} context",
                x=[position[context] for context in rows["source_context"]],
                y=rows["log2"].tolist(),
                boxpoints="all" if len(pairs) <= MOST_POINTS else "outliers",
                jitter=0.5,
                pointpos=0,
                line={"color": colour, "width": 1.6},
                fillcolor=translucent(colour, 0.22),
                marker={"color": colour, "size": 5, "opacity": 0.75},
                hoveron="points",
                hovertext=[
                    f"<b>{row.source}</b> ({row.source_context or 'unknown'}) in the context of "
                    f"<b>{row.target}</b> ({row.target_context or 'unknown'})<br>MUT / WT {row.fold_over_wild_type:.3g}"
                    for row in rows.itertuples()
                ],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    figure.update_layout(
        boxmode="group",
        hovermode="closest",
        shapes=[
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": 0,
                "y1": 0,
                "layer": "below",
                "line": {"color": palette.text, "width": 1.2},
            }
        ],
    )
    figure.update_xaxes(
        tickvals=list(range(len(present))),
        ticktext=[f"genes from {name or 'unknown'} context" for name in present],
        range=[-0.5, max(len(present), 1) - 0.5],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    step = math.ceil((high - low) / 9)
    ticks = [tick for tick in range(low, high + 1) if tick % step == 0]
    figure.update_yaxes(
        title="Fold change over wild type, MUT / WT",
        tickvals=ticks,
        ticktext=[_times(tick) for tick in ticks],
        range=[low, high],
        zeroline=False,
        fixedrange=True,
    )
    finish(figure, palette, height=380, revision="swap boxes")
    return keyed(figure, palette).update_layout(margin={"l": 74})


def _laid_out(result: SwapResult, readout: str | int) -> tuple[np.ndarray, list[str], list[str]]:
    """MUT / WT (sources, targets), and the context class of each source and each target."""
    # By place and not by name: two TSSs of a gene share theirs.
    pairs = result.effects(readout)
    shape = (len(result.sources), len(result.targets))
    source_classes = pairs["source_context"].to_numpy().reshape(shape)[:, 0].tolist()
    target_classes = pairs["target_context"].to_numpy().reshape(shape)[0].tolist()
    return pairs["fold_over_wild_type"].to_numpy(float).reshape(shape), source_classes, target_classes


def _order(classes: list[str]) -> list[int]:
    """Places sorted by class, else as they were."""
    return sorted(range(len(classes)), key=lambda i: CLASSES.index(classes[i]))


def _groups(classes: list[str]) -> list[tuple[str, int, int]]:
    """Runs of one class in a sorted list: class, first place, last place."""
    runs = [(name, [i for i, _ in run]) for name, run in groupby(enumerate(classes), key=lambda pair: pair[1])]
    return [(name, places[0], places[-1]) for name, places in runs]


def _log2(fold: np.ndarray) -> np.ndarray:
    """NaN where there is no fold change, or none with a logarithm."""
    return np.log2(np.where(fold > 0, fold, np.nan))


def _limit(logarithms: np.ndarray) -> int:
    """Half the width of the symmetric colour scale, in whole doublings."""
    known = np.abs(logarithms[np.isfinite(logarithms)])
    return min(max(1, math.ceil(known.max(initial=0.0))), WIDEST_SCALE)


def _times(doublings: int) -> str:
    return f"{2**doublings}×" if doublings >= 0 else f"1/{2**-doublings}×"


def _short(fold: float) -> str:
    if not math.isfinite(fold):
        return ""
    return f"{fold:.2f}" if fold < 9.995 else f"{fold:.0f}"


def _colour(name: str, palette: Palette) -> str:
    """As on the context scale: neutral has a colour of its own, the unclassified are grey."""
    return palette.accent if name == "neutral" else palette.call(name)


def _hover(source, source_class: str, target, target_class: str, fold: float) -> str:
    same = "<br>its own context" if source.digest == target.digest else ""
    value = f"{fold:.3g}" if math.isfinite(fold) else "not known"
    return (
        f"TSS tile of <b>{source.gene}</b> ({source_class or 'class unknown'})<br>"
        f"in the context of <b>{target.gene}</b> ({target_class or 'class unknown'}){same}<br>MUT / WT <b>{value}</b>"
    )


@dataclass(frozen=True)
class _Group:
    """Genes of one class beside each other: class, first and last place, on which axis, px of a gene there."""

    name: str
    first: int
    last: int
    along: str
    pixels: float

    @property
    def text(self) -> str:
        return self.name or "class unknown"

    @property
    def fits(self) -> bool:
        """Whether the class has enough genes for its name to stand along them."""
        return (self.last - self.first + 1) * self.pixels > 7 * len(self.text)

    def strip(self, palette: Palette) -> dict:
        """A line as long as the class: above the matrix for targets, on its right for sources."""
        along, across = self.along, "y" if self.along == "x" else "x"
        return {
            "type": "rect",
            f"{along}ref": along,
            f"{along}0": self.first - 0.46,
            f"{along}1": self.last + 0.46,
            f"{across}ref": "paper",
            f"{across}sizemode": "pixel",
            f"{across}anchor": 1,
            f"{across}0": 4,
            f"{across}1": 10,
            "fillcolor": _colour(self.name, palette),
            "line": {"width": 0},
        }

    def label(self, palette: Palette) -> dict:
        angles = {("x", True): 0, ("x", False): -90, ("y", True): 90, ("y", False): 0}
        sideways = self.along == "y"
        return {
            "xref": "paper" if sideways else "x",
            "x": 1 if sideways else (self.first + self.last) / 2,
            "xanchor": "left" if sideways else "center",
            "xshift": 14 if sideways else 0,
            "yref": "y" if sideways else "paper",
            "y": (self.first + self.last) / 2 if sideways else 1,
            "yanchor": "middle" if sideways else "bottom",
            "yshift": 0 if sideways else 12,
            "textangle": angles[self.along, self.fits],
            "text": self.text,
            "showarrow": False,
            "font": {"color": _colour(self.name, palette), "size": 12},
        }
