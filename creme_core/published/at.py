"""One published locus in one cell line: its rows in the tables, and what every result of it begins with."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from creme_core import __version__
from creme_core.effects import ENFORMER_CUTOFFS
from creme_core.experiments.interaction import SEARCHES
from creme_core.experiments.result import Settings
from creme_core.locus import Locus
from creme_core.models.base import TRACK_COLUMNS
from creme_core.published.tables import COMMIT, HOW_TO_GET, REPOSITORY, ROW, TABLES, TRACKS, Tables
from creme_core.tiles import TileGrid

__all__ = [
    "GRID",
    "At",
    "activity",
    "beginning",
    "by_tile",
    "chosen",
    "complete",
    "elements",
    "first_five",
    "origin",
    "tracks",
    "wild_type",
]

GRID = TileGrid(196_608, Settings.tile_size)  # of every published test
CALLED = {"enhancing": "enhancer", "silencing": "silencer"}  # what the paper looked for in a context


@dataclass(frozen=True, eq=False)
class At:
    """One published locus in one cell line.

    Attributes:
        tables: the files.
        locus: its place.
        cell_line: of the CAGE track.
        sequence: its name in the tables.
        context: published class of its context, "" where it is not known.
    """

    tables: Tables
    locus: Locus
    cell_line: str
    sequence: str
    context: str

    @property
    def named(self) -> str:
        """Gene and cell line, for sentences."""
        return f"{self.locus.gene} in {self.cell_line}"

    @property
    def search(self) -> str:
        """What the paper looked for: silencers in a silencing context, else enhancers."""
        return CALLED.get(self.context, "enhancer")

    def rows(self, key: str, else_told: str) -> pd.DataFrame:
        """The rows of a table, which must have some.

        Raises:
            ValueError: those of `Tables.frame`, or `else_told`.
        """
        rows = self.tables.rows(key, self.cell_line, self.sequence)
        if rows.empty:
            raise ValueError(else_told)
        return rows

    def in_order(self, key: str, else_told: str) -> pd.DataFrame:
        """The rows of a table that numbers them from 0, by that number; errors are those of `rows` and `complete`."""
        return complete(self.rows(key, else_told), key, self)


def complete(rows: pd.DataFrame, key: str, at: At) -> pd.DataFrame:
    """Numbered rows in their order.

    Raises:
        ValueError: one is missing or there twice.
    """
    rows = rows.sort_values(ROW)
    if not np.array_equal(rows[ROW].to_numpy(), np.arange(len(rows))):
        raise ValueError(f"{TABLES[key].name} has rows of {at.named} missing or twice; {HOW_TO_GET}.")
    return rows


def wild_type(at: At) -> float:
    """Predicted TSS activity of the unchanged window from whatever table has it; NaN where none has.

    The tests were run apart, so their wild types differ in the third digit at most.
    """
    for key, column in ((f"contexts {at.cell_line}", "wt"), ("sufficient", "wt")):
        if at.tables.usable(key):
            rows = at.tables.rows(key, at.cell_line, at.sequence)
            if len(rows):
                return float(rows[column].iloc[0])
    for search in SEARCHES:
        if at.tables.usable(f"rounds {search}"):
            rows = at.tables.rows(f"rounds {search}", at.cell_line, at.sequence)
            found = rows.loc[rows[ROW] == "wt", "0"]
            if len(found):
                return float(found.iloc[0])
    return float("nan")


def elements(at: At, test: str) -> list[tuple[int, int]]:
    """CREs of the locus that the Distance Test or the Fine-Tile Search was published for, the strongest first.

    Raises:
        ValueError: none was, or the file is absent or damaged.
    """
    if test == "distance":
        none = f"The Distance Test was published for sufficient CREs only, and {at.named} has none."
        rows = at.rows("distance", none)
        strength = rows["Normalized CRE effect (control)"].abs()
    else:
        none = f"The Fine-Tile Search was published for sufficient enhancers only, and {at.named} has none."
        rows = at.rows("fine", none)
        strength = pd.Series(0.0, rows.index)
        if at.tables.usable("sufficient"):
            known = at.tables.rows("sufficient", at.cell_line, at.sequence)
            known = known.drop_duplicates("tile_start").set_index("tile_start")
            strength = rows["cre_start"].map(known["(MUT - CONTROL) / WT"]).fillna(0.0)
    ranked = rows.assign(strength=strength).sort_values("strength", ascending=False, kind="stable")
    return list(ranked[["cre_start", "cre_end"]].drop_duplicates().itertuples(index=False, name=None))


def chosen(at: At, test: str, key: str, cre: tuple[int, int] | None) -> tuple[pd.DataFrame, tuple[int, int], list[str]]:
    """The rows of one CRE, the CRE, and a sentence on the others."""
    published = elements(at, test)
    names = [f"{start:,} to {end:,}" for start, end in published]
    if cre is not None and tuple(cre) not in published:
        raise ValueError(f"cre is {cre!r}; for {at.named} this was published for {', '.join(names)} of the window.")
    cre = published[0] if cre is None else tuple(cre)
    rows = at.tables.rows(key, at.cell_line, at.sequence)
    rows = rows[(rows["cre_start"] == cre[0]) & (rows["cre_end"] == cre[1])]
    others = [name for name, one in zip(names, published, strict=True) if one != cre]
    told = [f"Published for other CREs of this gene too: {', '.join(others)} of the window."] if others else []
    return rows, cre, told


def activity(values: Any) -> np.ndarray:
    """Values (...) as one replicate on one track: float64 (..., 1, 1)."""
    return np.asarray(values, dtype=np.float64)[..., None, None]


def by_tile(rows: pd.DataFrame, column: str, starts: pd.Series, key: str) -> np.ndarray:
    """A column laid out by context tile: float64 (context tiles,), NaN where the table has no row."""
    number = {tile.start: i for i, tile in enumerate(GRID.context_tiles)}
    laid = np.full(len(number), np.nan)
    for start, value in zip(starts.astype(int), rows[column], strict=True):
        if start not in number:
            raise ValueError(f"{TABLES[key].name} has a tile at {start:,}, where there is none; {HOW_TO_GET}.")
        laid[number[start]] = value
    return laid


def origin(at: At, test: str, settings: Settings, keys: Sequence[str], notes: Sequence[str]) -> dict[str, Any]:
    """Provenance in plain JSON types: where the numbers were published, and what was not."""
    locus = at.locus
    where = ("gene", "gene_id", "chrom", "tss", "strand", "length", "convention")
    return {
        "test": test,
        "settings": asdict(settings),
        "seed": None,
        "locus": {name: getattr(locus, name) for name in where},
        "sequence_digest": None,
        "model": {"name": "enformer", "fingerprint": None, "precision": None, "cutoffs": asdict(ENFORMER_CUTOFFS)},
        "published": {
            "repository": REPOSITORY,
            "commit": COMMIT,
            "licence": "MIT",
            "files": [TABLES[key].path for key in keys],
        },
        "context": at.context,
        "notes": list(notes),
        "versions": {"creme_core": __version__},
    }


def tracks(cell_line: str) -> pd.DataFrame:
    """The one track there is: the cell line's CAGE."""
    index, identifier = TRACKS[cell_line]
    row = (0, identifier, "CAGE", cell_line, ".", f"CAGE:{cell_line}, track {index} of Enformer")
    return pd.DataFrame([row], columns=TRACK_COLUMNS)


def beginning(at: At, test: str, settings: Settings, keys: Sequence[str], notes: Sequence[str]) -> tuple:
    """The first fields of every result."""
    return at.locus, settings, tracks(at.cell_line), origin(at, test, settings, keys, notes)


def first_five(at: At, search: str) -> tuple[np.ndarray, str]:
    """The tiles fixed in the first five rounds, left to right, and a sentence that names them (positions 1-based)."""
    key = f"locations {search}"
    rows = at.tables.rows(key, at.cell_line, at.sequence) if at.tables.usable(key) else pd.DataFrame()
    if rows.empty:
        return np.empty(0, dtype=int), ""
    tiles = GRID.context_tiles
    fixed = np.sort(rows.loc[rows["tile_selected"] == 1, ROW].to_numpy(dtype=int))
    if len(fixed) and not 0 <= fixed.min() <= fixed.max() < len(tiles):
        raise ValueError(f"{TABLES[key].name} numbers a tile {fixed.max()}, of 0 to {len(tiles) - 1}; {HOW_TO_GET}.")
    places = [at.locus.to_genome(tiles[i].start, tiles[i].end) for i in fixed]
    named = ", ".join(f"{start + 1:,}–{end:,}" for start, end in places)
    return fixed, f" The first {len(fixed)} rounds took these, in an order not published: {at.locus.chrom}:{named}."
