"""What a page shows, as one typed value that travels in the URL. Values from a URL are untrusted."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

__all__ = ["AXES", "TESTS", "PageState", "enter", "from_params", "leave", "quoted", "to_params"]

TESTS = {"necessity": "Necessity Test", "context": "Context Dependence Test"}
AXES = {"distance": "Distance to TSS", "genome": "Genomic position"}
LONGEST_QUOTE = 40
LONGEST_VALUE = 200


@dataclass(frozen=True)
class PageState:
    """Everything that decides what is on screen.

    Attributes:
        source: name of the source.
        gene: a symbol, an Ensembl id or chrom:position:strand (1-based); "" before one is chosen.
        cell_line: the readout; "" stands for the source's first.
        test: key of TESTS.
        tile_size, shuffles, seed: settings of the test, in bp and counts.
        axis: key of AXES.
        truth: whether the planted elements are shown.
        tile: index of the chosen tile in the grid, or None.
    """

    source: str = "demo"
    gene: str = ""
    cell_line: str = ""
    test: Literal["necessity", "context"] = "necessity"
    tile_size: int = 5000
    shuffles: int = 10
    seed: int = 0
    axis: Literal["distance", "genome"] = "distance"
    truth: bool = False
    tile: int | None = None

    @property
    def settings(self) -> tuple[tuple[str, int], ...]:
        """Keyword settings of the experiment."""
        return (("tile_size", self.tile_size), ("shuffles", self.shuffles), ("seed", self.seed))


DEFAULTS = PageState()
ALWAYS_WRITTEN = ("source", "gene", "cell_line", "test", "tile_size", "shuffles", "seed")


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
    choices = {"source": tuple(sources), "test": tuple(TESTS), "axis": tuple(AXES)}
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
            used = "none" if default is None or default == "" else str(int(default) if name == "truth" else default)
            warnings.append(f"The link says {name}={quoted(text)}, but {error}; {used} is used.")
        else:
            state = replace(state, **{name: value})
    return state, tuple(warnings)


def to_params(state: PageState) -> dict[str, str]:
    """The query parameters that bring this state back."""
    params = {}
    for field in fields(PageState):
        value = getattr(state, field.name)
        if field.name not in ALWAYS_WRITTEN and value == getattr(DEFAULTS, field.name):
            continue
        if value is None or value == "":
            continue
        params[field.name] = str(int(value)) if isinstance(value, bool) else str(value)
    return params


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


def leave(session: MutableMapping[str, Any], state: PageState) -> dict[str, str]:
    """Remember what is shown and return the query parameters that say so."""
    if (state.source, state.gene) != (session["linked"].source, session["linked"].gene):
        session["warnings"] = ()  # whoever moved on has seen them
    session["state"] = state
    return to_params(state)


def _value(name: str, text: str, choices: Mapping[str, tuple[str, ...]]) -> Any:
    """One parameter's value, or a ValueError that names what is allowed."""
    if name in choices:
        if text not in choices[name]:
            raise ValueError(f"{name} is {' or '.join(choices[name])}")
        return text
    if name == "truth":
        if text not in ("0", "1"):
            raise ValueError("truth is 0 or 1")
        return text == "1"
    if name in ("tile_size", "shuffles", "seed", "tile"):
        least = 0 if name in ("seed", "tile") else 1
        # str.isdigit takes digits of every script, and int() any length of them.
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= least):
            raise ValueError(f"{name} is a whole number from {least} to 999999999")
        return int(text)
    if len(text) > LONGEST_VALUE or not text.isprintable():
        raise ValueError(f"{name} is at most {LONGEST_VALUE} printable letters")
    return text.strip()
