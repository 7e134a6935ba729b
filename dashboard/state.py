"""What a page shows, as one typed value that travels in the URL. Values from a URL are untrusted."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from creme_core.experiments.embedded import NORMALISATIONS
from creme_core.experiments.interaction import SEARCHES
from creme_core.experiments.replicates import AUTO
from creme_core.tiles import TileGrid
from dashboard.catalogue import LOCUS_TESTS
from dashboard.options import MODEL_NAMES

__all__ = [
    "AXES",
    "LOCUS_PAGE",
    "MANY_PAGE",
    "SHOWN",
    "SWAP_PAGE",
    "VETTING_PAGE",
    "PageState",
    "enter",
    "fit_to_grid",
    "from_params",
    "leave",
    "quoted",
    "to_params",
]

AXES = {"distance": "Distance to TSS", "genome": "Genomic position"}
SHOWN = {"effect": "Effect", "fold_over_max": "Fold over max", "fold_over_min": "Fold over min"}
LONGEST_QUOTE = 40
LONGEST_VALUE = 200
SWITCHES = ("truth", "overlay", "shared", "log", "profile")
LISTS = ("genes", "tracks", "regions")
MOST_LISTED = 60  # entries of a list in a link
LEAST = {"tile_size": 1, "shuffles": 1, "seed": 0, "tile": 0, "rounds": 1, "copies": 1}


@dataclass(frozen=True)
class PageState:
    """Everything that decides what is on screen.

    Attributes:
        source: name of the source.
        model: name of the model; "" stands for the source's own.
        gene: a symbol, an Ensembl id or chrom:position:strand (1-based); "" before one is chosen.
        tss: one of the gene's TSSs, chrom:position:strand (1-based); "" is the one its name means.
        cell_line: the readout; "" stands for the source's first.
        test: key of LOCUS_TESTS.
        tile_size, shuffles, seed: settings of the test, in bp and counts; shuffles may be "auto".
        search: what the searches look for.
        rounds, copies: how far the Interaction and Multiplicity Tests go; fewer where the window has fewer tiles.
        tiles: numbers on the grid, in the order that set sufficiency adds them.
        axis: key of AXES.
        normalisation: what sufficiency divides by.
        shown: key of SHOWN, what the distance curve draws.
        truth: whether the planted elements are shown.
        tile: index of the chosen tile in the grid, or None; it is the CRE of the tests that need one.
        worklist, element: ids of what is on the vetting desk.
        reviewer: whose decisions.
        overlay: whether signals, genes and regions are shown.
        region: what part of the window they are shown for, "START-END" (1-based); "" is the whole.
        tracks: signals in the order they are drawn, by name or ENCODE accession; () is the first of those on offer, and
            ("none",) none.
        regions: annotations, by name, likewise.
        shared, log: whether signals of a kind share their scale, and whether it is log(1 + x).
        profile: whether the model's own prediction is drawn.
        genes: those of a context swap, named as `gene` is.
    """

    source: str = "demo"
    model: str = ""
    gene: str = ""
    tss: str = ""
    cell_line: str = ""
    test: str = "necessity"
    tile_size: int = 5000
    shuffles: int | Literal["auto"] = 10
    seed: int = 0
    search: Literal["enhancer", "silencer"] = "enhancer"
    rounds: int = 10
    copies: int = 15
    tiles: tuple[int, ...] = ()
    axis: Literal["distance", "genome"] = "distance"
    normalisation: Literal["auto", "wild_type", "control"] = "auto"
    shown: Literal["effect", "fold_over_max", "fold_over_min"] = "effect"
    truth: bool = False
    tile: int | None = None
    overlay: bool = False
    region: str = ""
    tracks: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    shared: bool = False
    log: bool = False
    profile: bool = False
    genes: tuple[str, ...] = ()
    worklist: str = ""
    element: str = ""
    reviewer: str = ""


DEFAULTS = PageState()
ALWAYS_WRITTEN = ("source", "gene", "cell_line", "test", "tile_size", "shuffles", "seed")
# What the address of each page holds.
DESK = ("worklist", "element", "reviewer")
LOCUS_PAGE = tuple(part.name for part in fields(PageState) if part.name not in ("genes", *DESK))
MANY_PAGE = ("source", "model", "cell_line", "tile_size", "shuffles", "seed")
VETTING_PAGE = ("source", "model", "cell_line", *DESK, "tile_size", "shuffles", "seed")
SWAP_PAGE = ("source", "model", "genes", "cell_line", "tile_size", "shuffles", "seed")
CHOICES = {
    "model": ("", *MODEL_NAMES),
    "test": tuple(LOCUS_TESTS),
    "axis": tuple(AXES),
    "search": SEARCHES,
    "normalisation": NORMALISATIONS,
    "shown": tuple(SHOWN),
}


def quoted(value: str) -> str:
    """A stranger's text made safe to show inside a sentence: short, printable, and code to Markdown."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in value).replace("`", "'")
    if len(shown) > LONGEST_QUOTE:
        shown = shown[:LONGEST_QUOTE] + "…"
    return f"`{shown}`" if shown else "(nothing)"


def from_params(params: Mapping[str, str | Sequence[str]], sources: Sequence[str]) -> tuple[PageState, tuple[str, ...]]:
    """Read the query parameters of a URL.

    Genes, cell lines and the fit of a tile size are judged later, by the source and the engine, which know them.

    Returns:
        The state, with the default wherever a value is not allowed, and one plain sentence for each of those.
    """
    choices = CHOICES | {"source": tuple(sources)}
    state = replace(DEFAULTS, source=sources[0])
    known = {field.name for field in fields(PageState)}
    warnings = []
    for name, given in params.items():
        text = given if isinstance(given, str) else (given[-1] if given else "")
        if name not in known:
            warnings.append(f"The link has {quoted(name)}, which means nothing here; it was left out.")
            continue
        try:
            value = _value(name, text, choices)
        except ValueError as error:
            default = getattr(state, name)
            used = "none" if default in (None, "", ()) else str(int(default) if name in SWITCHES else default)
            warnings.append(f"The link says {name}={quoted(text)}, but {error}; {used} is used.")
        else:
            state = replace(state, **{name: value})
    return state, tuple(warnings)


def to_params(state: PageState, page: Sequence[str] = LOCUS_PAGE) -> dict[str, str]:
    """The query parameters that bring this state back on a page, given the names its address holds."""
    params = {}
    for name in page:
        value = getattr(state, name)
        if name not in ALWAYS_WRITTEN and value == getattr(DEFAULTS, name):
            continue
        if value is None or value == "":
            continue
        if isinstance(value, tuple):
            params[name] = ",".join(map(str, value))
        else:
            params[name] = str(int(value)) if isinstance(value, bool) else str(value)
    return params


def fit_to_grid(state: PageState, grid: TileGrid) -> tuple[PageState, tuple[str, ...]]:
    """The state without tiles that this window does not have, and a sentence for what was left out."""
    last, tss = len(grid.tiles) - 1, grid.tiles.index(grid.tss_tile)
    wanted = ([] if state.tile is None else [state.tile]) + list(state.tiles)
    wrong = sorted({number for number in wanted if number > last or number == tss})
    if not wrong:
        return state, ()
    named = "is no tile" if len(wrong) == 1 else "are no tiles"
    sentence = (
        f"There {named} {', '.join(map(str, wrong))} to choose; with tiles of {grid.tile_size:,} bp this window has "
        f"0 to {last} besides the TSS tile, {tss}."
    )
    tile = None if state.tile in wrong else state.tile
    tiles = tuple(number for number in state.tiles if number not in wrong)
    return replace(state, tile=tile, tiles=tiles), (sentence,)


def enter(
    session: MutableMapping[str, Any], params: Mapping[str, str], sources: Sequence[str]
) -> tuple[PageState, tuple[str, ...]]:
    """What to show now, and what was wrong with the link.

    The address counts when a session begins; from then on the session's own state does, since a click may arrive with
    the address of a moment ago.
    """
    if "state" not in session:
        session["state"], session["warnings"] = from_params(dict(params), sources)
        session["linked"] = session["state"]
    return session["state"], session["warnings"]


def leave(session: MutableMapping[str, Any], state: PageState, page: Sequence[str] = LOCUS_PAGE) -> dict[str, str]:
    """Remember what is shown and return the query parameters of this page that say so."""
    if (state.source, state.gene) != (session["linked"].source, session["linked"].gene):
        session["warnings"] = ()  # whoever moved on has seen them
    session["state"] = state
    return to_params(state, page)


def _value(name: str, text: str, choices: Mapping[str, tuple[str, ...]]) -> Any:
    """One parameter's value, or a ValueError that names what is allowed."""
    if name in choices:
        if text not in choices[name]:
            raise ValueError(f"{name} is {' or '.join(filter(None, choices[name]))}")
        return text
    if name in SWITCHES:
        if text not in ("0", "1"):
            raise ValueError(f"{name} is 0 or 1")
        return text == "1"
    if name == "shuffles" and text == AUTO:
        return AUTO
    if name in LEAST:
        number = _whole(text)
        if number is None or number < LEAST[name]:
            other = f" or {AUTO}" if name == "shuffles" else ""
            raise ValueError(f"{name} is a whole number from {LEAST[name]} to 999999999{other}")
        return number
    if name == "tiles":
        numbers = tuple(_whole(part) for part in text.split(",")) if text else ()
        if None in numbers or len(set(numbers)) < len(numbers) or len(numbers) > MOST_LISTED:
            raise ValueError(f"tiles is up to {MOST_LISTED} different tile numbers with commas between them")
        return numbers
    if name in LISTS:
        names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
        if len(names) > MOST_LISTED or len(text) > MOST_LISTED * 20 or not text.isprintable():
            raise ValueError(f"{name} is up to {MOST_LISTED} names with commas between them")
        return names
    if len(text) > LONGEST_VALUE or not text.isprintable():
        raise ValueError(f"{name} is at most {LONGEST_VALUE} printable letters")
    return text.strip()


def _whole(text: str) -> int | None:
    """A whole number of up to nine digits, or None; str.isdigit takes digits of every script."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
