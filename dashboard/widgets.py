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
    "several",
    "signed",
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


def whole_number(label: str, name: str, chosen: int, step: int, help: str, **settings: Any) -> int:
    """A number box. It takes 0 and what does not fit: the engine says what is wrong, in its own words."""
    key, first = seeded(name, chosen)
    limits = {"min_value": 0, "max_value": LARGEST_NUMBER} | settings
    first = min(first, limits["max_value"])
    return int(st.number_input(label, value=first, step=step, key=key, help=help, **limits))


def several(
    label: str, name: str, options: Mapping[Any, str], chosen: Sequence[Any], **settings: Any
) -> tuple[Any, ...]:
    """A list of which any number is chosen; their order is that of choosing."""
    key, first = seeded(name, tuple(chosen))
    known = [option for option in first if option in options]
    return tuple(
        st.multiselect(label, list(options), default=known, format_func=options.__getitem__, key=key, **settings)
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
    content: str | Callable[[], str | bytes]
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


def signed(number: float, digits: int = 3) -> str:
    """A number with its sign, a real minus, and no minus before a rounded zero."""
    text = f"{number:+.{digits}f}"
    return text.replace("-", "−") if float(text) else f"{0:.{digits}f}"


def effect_columns(interval: str = "%+.3f") -> dict[str, Any]:
    """How the columns of the tests' tables are shown; a table has some of them, interval is the format of its ends."""
    number, text, box = st.column_config.NumberColumn, st.column_config.TextColumn, st.column_config.CheckboxColumn
    fold = "%.3f"
    return {
        "round": number("Round", width="small"),
        "copies": number("Copies", width="small"),
        "tiles": number("Tiles", width="small", help="how many are in; 0 is the TSS tile alone"),
        "tile": number("Tile", help="number on the grid, the TSS tile counted", width="small"),
        "position": text("Position (1-based)"),
        "distance": number("Distance, kb", format="%.1f", help="tile centre minus TSS, in the gene's direction"),
        "own_place": box("Own place", help="where the tile stands in the genome"),
        "effect": number("Effect", format="%+.3f", help="mean over shuffles"),
        "ci_low": number("95% from", format=interval),
        "ci_high": number("95% to", format=interval),
        "sem": number("Std. error", format="%.4f"),
        "n": number("n", help="shuffles", width="small"),
        "shuffle": number("Shuffle", width="small"),
        "wild_type": number("Activity, wild type", format="%.4g"),
        "mutant": number("Activity, shuffled", format="%.4g"),
        "call": text("Call"),
        "uncertain": box("Uncertain", help="the interval holds a cut-off"),
        "testable": box("Testable", help="whether a shuffle of the tile can differ from it"),
        "over_wild_type": number("Over WT", format="%+.3f", help="(MUT − CONTROL) / WT"),
        "over_control": number("Over CONTROL", format="%+.3f", help="(MUT − CONTROL) / CONTROL"),
        "normalisation": text("Effect is over"),
        "single": number("Alone", format=fold, help="MUT / WT with that tile alone shuffled"),
        "greedy": number("Together", format=fold, help="MUT / WT with the tiles so far shuffled"),
        "additive": number("Additive model", format=fold),
        "multiplicative": number("Multiplicative model", format=fold),
        "method": text("Method"),
        "stage": number("Pieces, bp", help="0 for the whole tile and the baselines"),
        "bases": number("Bases", format="localized"),
        "recovered": number("Recovered", format=fold, help="MUT / CONTROL; a silencer's the other way round"),
        "precision": number("Precision", format="percent", help="share of the chosen bases that lie in planted words"),
        "recall": number("Recall", format="percent", help="share of the planted words' bases that are chosen"),
        "planted": text("Planted", width="small"),
        "strength": number("Strength", format="%+.2f", width="small", help="log-fold on the gene, as planted"),
        "rule": text("Rule", width="small"),
        "group": text("Group", width="small"),
        "agreement": text("Agreement", width="medium"),
        "source": text("TSS tile of"),
        "target": text("In the context of"),
        "source_context": text("Own context"),
        "target_context": text("That context"),
        **{
            f"fold_over_{over}{end}": number(f"{title}{words}", format=fold)
            for over, title in (
                ("wild_type", "MUT / WT"),
                ("control", "MUT / CONTROL"),
                ("max", "Fold over max"),
                ("min", "Fold over min"),
            )
            for end, words in (("", ""), ("_low", ", 95% from"), ("_high", ", 95% to"))
        },
    }


def effect_table(effects: pd.DataFrame) -> pd.DataFrame:
    """A table for people: positions 1-based and inclusive, distances in kb, oriented intervals left out."""
    shown = effects.drop(columns=["start", "end", "chrom", "genome_start", "genome_end"])
    position = [
        f"{r.chrom}:{r.genome_start + 1:,}–{r.genome_end:,}" if r.genome_end > r.genome_start else ""
        for r in effects.itertuples()
    ]
    shown = shown.assign(distance=shown["distance"] / 1000)
    shown.insert(list(shown.columns).index("distance"), "position", position)
    return shown
