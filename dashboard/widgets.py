"""Parts that pages share: pickers, plain-sentence messages, and the "table | download | Python" panel."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.figures.style import DARK, LIGHT, Palette

__all__ = [
    "Download",
    "choice",
    "compact",
    "download_row",
    "effect_columns",
    "effect_table",
    "gene_picker",
    "optional",
    "palette",
    "plain",
    "put",
    "radio",
    "seeded",
    "settle_widgets",
    "switch",
    "toggle",
    "whole_number",
]

LARGEST_NUMBER = 999_999_999
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")


def plain(text: str) -> str:
    """Text that Markdown shows as it is: error sentences may hold what a stranger typed."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def palette() -> Palette:
    """The colours of the theme the reader has chosen."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def gene_picker(names: Mapping[str, str], source: str, chosen: str) -> str:
    """A box that completes as one types and takes any symbol, Ensembl id or position; "" while it is empty."""
    key, first = seeded(f"gene {source}", chosen)
    options = list(names) if not first or first in names else [first, *names]
    return (
        st.selectbox(
            "Gene",
            options,
            index=options.index(first) if first else None,
            format_func=lambda name: names.get(name, name),
            key=key,
            accept_new_options=True,
            placeholder="Type a gene or a position",
            help="A symbol, an Ensembl id, or chromosome:position:strand of a TSS, 1-based, such as chr2:264,926:+",
        )
        or ""
    )


def choice(label: str, name: str, options: Sequence[str], chosen: str, **settings: Any) -> str:
    """A drop-down list of which one is chosen."""
    key, first = seeded(name, chosen)
    return st.selectbox(label, options, index=options.index(first) if first in options else 0, key=key, **settings)


def optional(label: str, name: str, options: Mapping[int, str], chosen: int | None, **settings: Any) -> int | None:
    """A drop-down list that may stay empty."""
    key, first = seeded(name, chosen)
    numbers = list(options)
    index = numbers.index(first) if first in options else None
    return st.selectbox(label, numbers, index=index, format_func=options.__getitem__, key=key, **settings)


def radio(label: str, name: str, options: Mapping[str, str], chosen: str) -> str:
    """A short list of which one is on."""
    key, first = seeded(name, chosen)
    return st.radio(label, list(options), index=list(options).index(first), format_func=options.__getitem__, key=key)


def toggle(label: str, name: str, chosen: bool, help: str) -> bool:
    """A switch that is on or off."""
    key, first = seeded(name, chosen)
    return st.toggle(label, value=first, key=key, help=help)


def switch(label: str, name: str, options: Mapping[str, str], chosen: str, **settings: Any) -> str:
    """A row of buttons of which one is on."""
    key, first = seeded(name, chosen)
    return st.segmented_control(
        label, list(options), default=first, format_func=options.__getitem__, key=key, required=True, **settings
    )


def whole_number(label: str, name: str, chosen: int, step: int, help: str) -> int:
    """A number box. It takes 0 and what does not fit: the engine says what is wrong, in its own words."""
    key, first = seeded(name, chosen)
    return int(
        st.number_input(label, min_value=0, max_value=LARGEST_NUMBER, value=first, step=step, key=key, help=help)
    )


def seeded(name: str, value: Any) -> tuple[str, Any]:
    """The session key of a widget and the value it starts from.

    A widget set through st.session_state can lose its value when the page reruns before the browser has drawn it. So a
    widget that has to start from a value gets a new key with that value as its default: when it is first shown, when
    its page is shown again, and when `put` changes it.
    """
    seeds = st.session_state.setdefault("seeds", {})
    if name not in seeds:
        put(name, value)
    generation, first, settled = seeds[name]
    if settled and _key(name, generation) not in st.session_state:
        # Streamlit forgot it, since its page was left for a while; the page's state did not.
        put(name, value)
        generation, first, _ = seeds[name]
    return _key(name, generation), first


def put(name: str, value: Any) -> None:
    """Have a widget start anew from this value the next time it is drawn."""
    seeds = st.session_state.setdefault("seeds", {})
    generation = seeds[name][0] + 1 if name in seeds else 0
    seeds[name] = (generation, value, False)


def settle_widgets() -> None:
    """Say that the page was drawn to its end, so that its widgets hold their values by themselves from now on."""
    seeds = st.session_state.get("seeds", {})
    for name, (generation, value, _) in seeds.items():
        seeds[name] = (generation, value, True)


def _key(name: str, generation: int) -> str:
    return f"widget {name} {generation}"


def compact() -> None:
    """Use the empty band that Streamlit leaves above a page; its own settings have no say in it."""
    st.html("<style>.stMainBlockContainer {padding-top: 4rem; padding-bottom: 3rem;}</style>")


@dataclass(frozen=True)
class Download:
    """One file on offer; a function makes it only when somebody asks for it."""

    label: str
    filename: str
    mime: str
    content: str | Callable[[], str]
    help: str | None = None


def download_row(downloads: Sequence[Download]) -> None:
    """Buttons side by side; none reruns the page."""
    with st.container(horizontal=True):
        for download in downloads:
            st.download_button(
                download.label,
                download.content,
                file_name=download.filename,
                mime=download.mime,
                key=f"download {download.filename}",
                on_click="ignore",
                help=download.help,
                icon=":material/download:",
            )


def effect_columns() -> dict[str, Any]:
    """How the columns of an effect table are shown."""
    number = st.column_config.NumberColumn
    return {
        "tile": number("Tile", help="number on the grid, the TSS tile counted", width="small"),
        "position": st.column_config.TextColumn("Position (1-based)"),
        "distance": number("Distance, kb", format="%.1f", help="tile centre minus TSS, in the gene's direction"),
        "effect": number("Effect", format="%+.3f", help="(WT − MUT) / WT, mean over shuffles"),
        "ci_low": number("95% from", format="%+.3f"),
        "ci_high": number("95% to", format="%+.3f"),
        "sem": number("Std. error", format="%.4f"),
        "n": number("n", help="shuffles", width="small"),
        "shuffle": number("Shuffle", width="small"),
        "wild_type": number("Activity, wild type", format="%.4g"),
        "mutant": number("Activity, shuffled", format="%.4g"),
        "call": st.column_config.TextColumn("Call"),
        "uncertain": st.column_config.CheckboxColumn("Uncertain", help="the interval holds a cut-off"),
    }


def effect_table(effects: pd.DataFrame) -> pd.DataFrame:
    """An effect table for people: positions 1-based and inclusive, distances in kb."""
    shown = effects.assign(
        position=[f"{r.chrom}:{r.genome_start + 1:,}–{r.genome_end:,}" for r in effects.itertuples()],
        distance=effects["distance"] / 1000,
    )
    return shown[["tile", "position", "distance", "effect", "ci_low", "ci_high", "sem", "n", "call", "uncertain"]]
