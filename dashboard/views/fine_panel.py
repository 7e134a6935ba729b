"""The Fine-Tile Search: how few bases carry a tile's effect, which they are, and what other ways would have chosen."""

import numpy as np
import pandas as pd
import streamlit as st

from creme_core.experiments.fine_tile import FineTileResult
from creme_core.locus import Locus
from creme_core.tiles import Tile
from dashboard import answer_key, exports
from dashboard.figures.fine_map import MAXIMUM_LETTERS, kept_pieces, letters
from dashboard.figures.recovery_curve import recovery_curve
from dashboard.views.panel import Panel, chart, drawn, figure_file, repeat_tabs, table_file, tile_line
from dashboard.widgets import Download, choice, effect_columns, palette

__all__ = ["fine_panel"]

FLANK = 10  # bases spelled out on either side of a kept region


def fine_panel(panel: Panel) -> None:
    """Recovery curve, kept pieces, letters of one of them, and the planted words behind the answer key."""
    state, result = panel.state, panel.result
    if result is None:
        tile_line(panel)
        return
    sites = _sites(panel)
    effects = result.effects(state.cell_line)

    def draw(colours):
        return recovery_curve(result, state.cell_line, colours)

    def draw_pieces(colours):
        return kept_pieces(result, colours, motif_sites=sites)

    if panel.whole:
        steps = effects[effects["method"] == "search"]
        last, length = steps.iloc[-1], result.settings.cre[1] - result.settings.cre[0]
        st.markdown(
            f"**{last['bases']:,} of {length:,} bases** ({last['bases'] / length:.0%}) recover "
            f"**{last['recovered']:.0%}** of the activity with the whole tile."
        )
    chart(
        drawn(panel, "recovery curve", draw, len(effects)),
        "recovery curve",
        panel.stem,
        "Effect recovered by bases kept; the table has the numbers.",
    )
    if not len(result.kept):
        if getattr(result, "pieces_known", True):
            st.info("Every piece could be pruned: this tile has no effect here for any of its bases to carry.")
        else:
            st.caption("Which pieces were kept was not published, so there is no map of them.")
        tile_line(panel)
        if panel.whole:
            repeat_tabs(panel, [("", effects)], [table_file(panel.stem, effects), figure_file(panel.stem, draw)])
        return
    chart(drawn(panel, "kept pieces", draw_pieces, len(effects)), "kept pieces", f"{panel.stem}_pieces")
    if panel.whole:
        _spelled_out(panel, sites)
        if sites is not None:
            _words(sites, result)
    tile_line(panel)
    if panel.whole:
        pieces = result.pieces()
        bed = exports.places(pieces, [f"kept_{n}" for n in range(1, 1 + len(pieces))], f"{panel.locus.gene} kept")
        files = [
            table_file(panel.stem, effects),
            table_file(f"{panel.stem}_pieces", pieces, "Kept pieces (TSV)"),
            Download("Kept pieces (BED)", f"{panel.stem}.bed", "text/plain", bed),
            figure_file(panel.stem, draw),
            figure_file(f"{panel.stem}_pieces", draw_pieces, "Pieces (HTML)"),
        ]
        repeat_tabs(panel, [("", effects), ("Kept pieces", pieces)], files)


def _sites(panel: Panel) -> pd.DataFrame | None:
    if panel.truth is None or not hasattr(panel.opened, "motif_sites"):
        return None
    return answer_key.planted_sites(
        panel.opened.truth,
        panel.opened.motif_sites,
        panel.locus,
        Tile(*panel.result.settings.cre),
        panel.state.cell_line,
    )


def regions(kept: np.ndarray, locus: Locus) -> dict[tuple[int, int], str]:
    """Kept pieces that touch as one region, with some bases around it, at most MAXIMUM_LETTERS; and their names."""
    joined: list[list[int]] = []
    for start, end in sorted((int(a), int(b)) for a, b in kept):
        if joined and start <= joined[-1][1] and end - joined[-1][0] <= MAXIMUM_LETTERS - 2 * FLANK:
            joined[-1][1] = end
        else:
            joined.append([start, min(end, start + MAXIMUM_LETTERS - 2 * FLANK)])
    named = {}
    for start, end in joined:
        first, last = locus.to_genome(start, end)
        around = (max(start - FLANK, 0), min(end + FLANK, locus.length))
        named[around] = f"{locus.chrom}:{first + 1:,}–{last:,} ({end - start} bp)"
    return named


def _spelled_out(panel: Panel, sites: pd.DataFrame | None) -> None:
    named = {
        f"{start}-{end}": (label, start, end) for (start, end), label in regions(panel.result.kept, panel.locus).items()
    }
    chosen = choice(
        "Kept region, letter by letter",
        f"region {panel.stem}",
        list(named),
        next(iter(named)),
        format_func=lambda key: named[key][0],
        width=340,
    )
    _, start, end = named[chosen]
    chart(letters(panel.result, start, end, palette(), motif_sites=sites), "letters", f"{panel.stem}_letters")


def _words(sites: pd.DataFrame, result: FineTileResult) -> None:
    st.markdown("**Planted words and what was chosen**")
    if sites.empty:
        st.caption("No motif word was planted in this tile for this cell line.")
        return
    places = [sorted(result.locus.from_genome(a, b)) for a, b in zip(sites["start"], sites["end"], strict=True)]
    hit = sum(any(a < right and left < b for left, right in places) for a, b in result.kept)
    found = sum(any(a < right and left < b for a, b in result.kept) for left, right in places)
    st.caption(
        f"{hit} of {len(result.kept)} kept pieces hold a planted word; {found} of {len(places)} words lie in a kept "
        "piece. Below, base by base: a piece of 50 bp around a word of 12 can't have a high precision."
    )
    st.dataframe(
        answer_key.recovered_words(sites, result), hide_index=True, column_config=effect_columns(), width="content"
    )
