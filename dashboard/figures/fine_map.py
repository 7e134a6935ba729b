"""The fine map: which bases of a CRE carry its effect, and their letters."""

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from creme_core.experiments.fine_tile import FineTileResult
from creme_core.locus import Locus
from creme_core.sequence import decode, reverse_complement
from dashboard.figures.set_curve import numbers
from dashboard.figures.style import Palette, finish, translucent

__all__ = ["MAXIMUM_LETTERS", "kept_pieces", "letters"]

MAXIMUM_LETTERS = 200
LETTERS_A_ROW = 100
BIN = 50  # bp of a saliency bar; the search's smallest pieces in the paper
ROW_HEIGHT = 0.62  # of a row's share, what a block fills


def kept_pieces(result: FineTileResult, palette: Palette, *, motif_sites: pd.DataFrame | None = None) -> go.Figure:
    """The CRE along the chromosome (1-based): kept pieces, planted motif sites, motif hits, saliency.

    Args:
        result: whole or partial.
        palette: colours.
        motif_sites: planted words to compare with (chrom, start, end on the chromosome, 0-based half-open, motif,
            element), as Source.motif_sites has them; those of other places are left out.
    """
    locus, (start, end) = result.locus, result.settings.cre
    first, last = locus.to_genome(start, end)
    pieces = [locus.to_genome(int(a), int(b)) for a, b in result.kept]
    hits = [locus.to_genome(start + a, start + b) for a, b in _runs(result.motif_covered)]
    rows = [("kept pieces", pieces, palette.accent, [f"kept, {b - a} bp" for a, b in pieces])]
    if motif_sites is not None:
        sites = _sites_within(motif_sites, locus, first, last)
        places = list(zip(sites["start"].tolist(), sites["end"].tolist(), strict=True))
        rows.append(("planted", places, palette.enhancer, [f"planted {motif}" for motif in sites["motif"]]))
    rows.append(("motif hits", hits, palette.muted, [f"covered by motif hits, {b - a} bp" for a, b in hits]))
    count = len(rows)
    figure = go.Figure(
        [
            _blocks(places, count - 1 - i, name, colour, words, locus)
            for i, (name, places, colour, words) in enumerate(rows)
        ]
    )
    figure.add_trace(_saliency_bars(result, palette))
    kept = sum(b - a for a, b in pieces)
    computed = bool(np.isfinite(result.saliency).any())
    notes = [
        _heading(f"<b>{kept:,} of {end - start:,} bp kept</b> ({kept / (end - start):.0%})", palette.accent, 0),
        _heading(f"{locus.gene} reads {_arrow(locus)}", palette.text, 1),
    ]
    if not computed:
        missing = _heading("motif hits and saliency: not computed", palette.muted, 0.5)
        notes.append(missing | {"y": 0.5, "yref": "y2 domain", "yanchor": "middle"})
    figure.update_layout(
        barmode="overlay",
        bargap=0,
        hovermode="closest",
        annotations=notes,
        yaxis2={
            "domain": [0, 0.42],
            "title": "saliency",
            "rangemode": "tozero",
            "fixedrange": True,
            "anchor": "x",
            "nticks": 4,
            "showticklabels": computed,
            "ticks": "outside" if computed else "",
            "showgrid": computed,
            "zeroline": False,
            "exponentformat": "power",
        },
    )
    figure.update_xaxes(
        title=f"Position on {locus.chrom}, 1-based (gene on the {locus.strand} strand)",
        range=[first + 0.5, last + 0.5],
        tickformat=",d",
        nticks=9,
        showgrid=False,
        zeroline=False,
        ticks="outside",
        anchor="y2",
    )
    figure.update_yaxes(
        selector={"anchor": None},  # the rows' axis, not saliency's
        domain=[0.45, 1],
        range=[-0.5, count - 0.5],
        tickvals=list(range(count)),
        ticktext=[name for name, *_ in reversed(rows)],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    finish(figure, palette, height=240 + 45 * count, revision=f"pieces {locus.digest} {result.settings.cre}")
    return figure.update_layout(margin={"l": 92})


def letters(
    result: FineTileResult,
    start: int,
    end: int,
    palette: Palette,
    *,
    motif_sites: pd.DataFrame | None = None,
) -> go.Figure:
    """Letters of the chromosome's forward strand, rows of 100, kept ones on a filled ground, planted words underlined.

    Args:
        result: whole or partial.
        start, end: oriented interval of the window, 0-based half-open, as in result.kept; at most 200 bp.
        palette: colours; A, C, G, T have one each.
        motif_sites: as in `kept_pieces`.

    Raises:
        ValueError: an interval that is empty, too long, or not in the window.
    """
    locus = result.locus
    if not 0 <= start < end <= locus.length or end - start > MAXIMUM_LETTERS:
        raise ValueError(
            f"The interval {start:,} to {end:,} can't be spelled out; it must lie within the window (0 to "
            f"{locus.length:,}) and hold 1 to {MAXIMUM_LETTERS} bases."
        )
    first, last = locus.to_genome(start, end)
    turn = slice(None) if locus.strand == "+" else slice(None, None, -1)
    codes = locus.codes[start:end]
    text = decode(codes if locus.strand == "+" else reverse_complement(codes))
    kept = np.zeros(locus.length, dtype=bool)
    for a, b in result.kept:
        kept[a:b] = True
    kept = kept[start:end][turn]
    cre_start = result.settings.cre[0]
    offsets = np.arange(start, end)[turn] - cre_start
    inside = (offsets >= 0) & (offsets < result.saliency.size)
    saliency = np.where(inside, result.saliency[offsets.clip(0, result.saliency.size - 1)], np.nan)
    covered = inside & result.motif_covered[offsets.clip(0, result.motif_covered.size - 1)]
    planted = np.full(len(text), "", dtype=object)
    if motif_sites is not None:
        for site in _sites_within(motif_sites, locus, first, last).itertuples():
            planted[max(site.start - first, 0) : site.end - first] = site.motif
    count = math.ceil(len(text) / LETTERS_A_ROW)
    row = [count - 1 - offset // LETTERS_A_ROW for offset in range(len(text))]
    hover = [
        _letter_hover(f"{locus.chrom}:{first + 1 + i:,}", text[i], kept[i], saliency[i], covered[i], planted[i])
        for i in range(len(text))
    ]
    figure = go.Figure(
        [
            _strips(_runs(kept), count, "kept", translucent(palette.accent, 0.25), 0.0, 0.7),
            _strips(_runs(planted != ""), count, "planted", palette.enhancer, -0.4, 0.08),
            go.Scatter(
                name="letters",
                x=[offset % LETTERS_A_ROW for offset in range(len(text))],
                y=row,
                mode="text",
                text=[f"<b>{letter}</b>" if k else letter for letter, k in zip(text, kept, strict=True)],
                textfont={
                    "family": "ui-monospace, DejaVu Sans Mono, monospace",
                    "size": 14,
                    "color": [_letter_colour(letter, palette) for letter in text],
                },
                hovertext=hover,
                hovertemplate="%{hovertext}<extra></extra>",
            ),
        ]
    )
    place = f"{locus.chrom}:{first + 1:,}–{last:,} (1-based), forward strand; {locus.gene} reads {_arrow(locus)}"
    figure.update_layout(
        barmode="overlay", bargap=0, hovermode="closest", annotations=[_heading(place, palette.text, 0)]
    )
    width = min(LETTERS_A_ROW, max(len(text), 50))
    figure.update_xaxes(range=[-1, width], visible=False, fixedrange=True)
    figure.update_yaxes(
        range=[-0.6, count - 0.4],
        tickvals=list(range(count)),
        ticktext=[f"{first + 1 + i * LETTERS_A_ROW:,}" for i in reversed(range(count))],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    finish(figure, palette, height=44 + 44 * count, revision=f"letters {locus.digest} {start} {end}")
    return figure.update_layout(margin={"l": 92, "t": 30, "b": 8})


def _arrow(locus: Locus) -> str:
    """Which way the gene reads on an axis of the chromosome."""
    return "→" if locus.strand == "+" else "←"


def _heading(text: str, colour: str, x: float) -> dict:
    """Words above the picture: at its left end (x = 0), in the middle, or at its right end (1)."""
    return {
        "xref": "paper",
        "x": x,
        "xanchor": {0: "left", 0.5: "center", 1: "right"}[x],
        "yref": "paper",
        "y": 1,
        "yanchor": "bottom",
        "text": text,
        "showarrow": False,
        "font": {"color": colour, "size": 13},
    }


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """The stretches of True, as 0-based half-open intervals."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(int)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _sites_within(motif_sites: pd.DataFrame, locus: Locus, first: int, last: int) -> pd.DataFrame:
    """The sites that share a base with an interval of the chromosome."""
    on = (motif_sites["chrom"] == locus.chrom) & (motif_sites["start"] < last) & (motif_sites["end"] > first)
    return motif_sites[on].sort_values("start")


def _blocks(places: list[tuple[int, int]], y: int, name: str, colour: str, words: list[str], locus: Locus) -> go.Bar:
    """Intervals of the chromosome, 0-based half-open, as blocks of a row; base 1 covers 0.5 to 1.5 on the axis."""
    return go.Bar(
        name=name,
        orientation="h",
        base=[start + 0.5 for start, _ in places],
        x=[end - start for start, end in places],
        y=[y] * len(places),
        width=ROW_HEIGHT,
        # The outline keeps a word of a few bases visible on a CRE of thousands.
        marker={"color": colour, "line": {"color": colour, "width": 1.2}},
        hovertext=[
            f"<b>{locus.chrom}:{start + 1:,}–{end:,}</b> (1-based)<br>{word}"
            for (start, end), word in zip(places, words, strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _saliency_bars(result: FineTileResult, palette: Palette) -> go.Bar:
    """Mean |gradient x input| of every 50 bp of the CRE; those with a kept base in the colour of the kept pieces."""
    start, end = result.settings.cre
    bins = [(a, min(a + BIN, end)) for a in range(start, end, BIN)]
    places = [result.locus.to_genome(a, b) for a, b in bins]
    means = [float(np.abs(result.saliency[a - start : b - start]).mean()) for a, b in bins]
    kept = [bool(((result.kept[:, 0] < b) & (result.kept[:, 1] > a)).any()) for a, b in bins]
    return go.Bar(
        name="saliency",
        x=[(a + 1 + b) / 2 for a, b in places],
        width=[b - a for a, b in places],
        y=numbers(means),
        yaxis="y2",
        marker={
            "color": [palette.accent if k else translucent(palette.neutral, 0.55) for k in kept],
            "line": {"width": 0},
        },
        hovertext=[
            f"<b>{result.locus.chrom}:{a + 1:,}–{b:,}</b> (1-based)<br>mean |gradient × input| {mean:.3g}<br>"
            + ("kept by the search" if k else "pruned by the search")
            for (a, b), mean, k in zip(places, means, kept, strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _strips(runs: list[tuple[int, int]], rows: int, name: str, colour: str, shift: float, height: float) -> go.Bar:
    """Intervals of the spelled-out bases as strips behind their letters, cut where a row of letters ends."""
    cut = [
        (max(a, row * LETTERS_A_ROW), min(b, (row + 1) * LETTERS_A_ROW), row)
        for a, b in runs
        for row in range(a // LETTERS_A_ROW, (b - 1) // LETTERS_A_ROW + 1)
    ]
    return go.Bar(
        name=name,
        orientation="h",
        base=[a % LETTERS_A_ROW - 0.5 for a, _, _ in cut],
        x=[b - a for a, b, _ in cut],
        y=[rows - 1 - row + shift for _, _, row in cut],
        width=height,
        marker={"color": colour, "line": {"width": 0}},
        hoverinfo="skip",
    )


def _letter_colour(letter: str, palette: Palette) -> str:
    colours = {"A": palette.accent, "C": palette.silencer, "G": palette.text, "T": palette.enhancer}
    return colours.get(letter, palette.muted)


def _letter_hover(place: str, letter: str, kept: bool, saliency: float, covered: bool, planted: str) -> str:
    lines = [f"<b>{letter}</b> at {place} (1-based)", "kept by the search" if kept else "not kept by the search"]
    if math.isfinite(saliency):
        lines.append(f"gradient × input {saliency:+.3g}")
    if covered:
        lines.append("covered by a motif hit")
    if planted:
        lines.append(f"planted {planted}")
    return "<br>".join(lines)
