"""What the called tiles of one locus are made of: their signals, enhancers against silencers, and what they overlap."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import streamlit as st

from creme_core import web
from creme_core.signals.characterise import SMALLEST_GROUP, compare, tile_signals
from dashboard import data
from dashboard.background import settled
from dashboard.tracks import OfferedTrack
from dashboard.views.panel import table_file
from dashboard.widgets import download_row, plain

__all__ = ["MadeOf", "ask_made_of", "comparison_columns", "draw_made_of"]

CALLS = ("enhancer", "silencer")
PATIENCE = 0.5


@dataclass(frozen=True, eq=False)
class MadeOf:
    """Tiles, and their signals track by track, some still to come.

    Attributes:
        tiles: rows of an effects table that lie on the chromosome and have an effect.
        tracks: whose signals.
        values: float (tiles,) of each track, once it is here.
    """

    tiles: pd.DataFrame = field(repr=False)
    tracks: tuple[OfferedTrack, ...]
    values: tuple[Future, ...] = field(repr=False)

    @property
    def unfinished(self) -> bool:
        """Whether there is more to come."""
        return not all(future.done() for future in self.values)


def ask_made_of(effects: pd.DataFrame, tracks: Sequence[OfferedTrack], source) -> MadeOf | None:
    """Have the tiles read on every track; None where there is nothing to read."""
    tiles = effects[effects["effect"].notna()]
    if tiles.empty or not tracks:
        return None
    where = tiles[["chrom", "genome_start", "genome_end"]]
    bounds = (where["chrom"].iloc[0], *where[["genome_start", "genome_end"]].to_numpy().ravel().tolist())
    sizes = dict(source.chrom_sizes)
    values = []
    for track in tracks:
        key = ("tiles", track, bounds, web.is_offline() and track.remote)
        (future,) = data.background("remote" if track.remote else "local").ask(
            {key: lambda track=track: _signal(where, track, sizes)}
        )
        values.append(future)
    settled([future for track, future in zip(tracks, values, strict=True) if not track.remote], PATIENCE)
    return MadeOf(tiles, tuple(tracks), tuple(values))


def _signal(tiles: pd.DataFrame, track: OfferedTrack, sizes: dict[str, int]) -> np.ndarray:
    return tile_signals(tiles, {track.name: track.read}, chrom_sizes=sizes)[track.name].to_numpy()


def draw_made_of(found: MadeOf) -> None:
    """The table, and the comparison where there are enough of both kinds."""
    calls = found.tiles["call"]
    called = calls.isin(CALLS).to_numpy()
    st.markdown("**What the called tiles are made of**: mean signal of marks, maximum of factors")
    if not called.any():
        st.caption("No tile is called an enhancer or a silencer, so there is nothing to characterise.")
        return
    read = {
        track.name: future.result()
        for track, future in zip(found.tracks, found.values, strict=True)
        if future.done() and future.exception() is None
    }
    if found.unfinished:
        st.caption(f":material/hourglass_empty: {len(read)} of {len(found.tracks)} tracks are read.")
    if not read:
        if not found.unfinished:
            st.caption("None of the tracks could be read; the sentences above say why.")
        return
    values = pd.DataFrame(read, index=found.tiles.index)
    table = found.tiles.loc[called, ["tile", "call", "effect", "distance"]].join(values)
    table["distance"] /= 1000
    others = pd.DataFrame([{"tile": None, "call": "all other tiles (mean)", "effect": np.nan, "distance": np.nan}])
    others[list(read)] = values[~called].mean().to_numpy()[None]
    shown = pd.concat([table, others.astype({"tile": "Int64"})], ignore_index=True)
    st.dataframe(
        shown.round(3),
        hide_index=True,
        column_config={
            "effect": st.column_config.NumberColumn("Effect", format="%+.3f"),
            "distance": st.column_config.NumberColumn("Distance, kb", format="%.1f"),
        },
    )
    _compare(values, calls)
    download_row([table_file("made_of", shown, "What the tiles are made of (TSV)")])


def _compare(values: pd.DataFrame, calls: pd.Series) -> None:
    groups = [values[(calls == call).to_numpy()] for call in CALLS]
    if min(map(len, groups)) < SMALLEST_GROUP:
        st.caption(
            f"{len(groups[0])} enhancers and {len(groups[1])} silencers are too few to compare in one locus; "
            f"{SMALLEST_GROUP} of each are. The page Chromatin of many puts loci together."
        )
        return
    table = compare(*groups)
    st.markdown("**Enhancers against silencers**: Mann-Whitney U, corrected after Benjamini and Hochberg")
    st.dataframe(table, hide_index=True, column_config=comparison_columns(), column_order=list(comparison_columns()))
    for note in dict.fromkeys(filter(None, table["note"])):
        st.caption(plain(note))


def comparison_columns() -> dict:
    """How a comparison of enhancers and silencers is shown."""
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "track": text("Track"),
        "n_enhancers": number("Enhancers"),
        "n_silencers": number("Silencers"),
        "mean_enhancers": number("Mean, enhancers", format="%.3g"),
        "mean_silencers": number("Mean, silencers", format="%.3g"),
        "log_ratio": number("ln(enhancers / silencers)", format="%+.2f"),
        "p_adjusted": number("p, corrected", format="%.2g"),
        "stars": text("", help="* p < 0.05, ** 0.01, *** 0.001, **** 0.0001, ns: not significant"),
    }
