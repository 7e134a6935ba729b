"""Which annotated regions are drawn below the signals."""

import streamlit as st

from creme_core.signals.regions import read_regions
from dashboard.figures.overlay import Strip
from dashboard.views.uploads import uploaded_regions

__all__ = ["region_strips"]

GENOMES_WITH_REGIONS = ("hg38", "published")
REGION_NAMES = {"ccres": "ENCODE cCREs", "rmsk": "Repeats"}


def region_strips(source_name: str, chrom: str, start: int, end: int) -> tuple[list[Strip], list[str]]:
    """The strips of a view [start, end), 0-based half-open, and a sentence for each that can't be had."""
    strips, problems = [], []
    if source_name in GENOMES_WITH_REGIONS:
        chosen = st.pills(
            "Regions", list(REGION_NAMES), selection_mode="multi", default=["ccres"], format_func=REGION_NAMES.get
        )
        for name in chosen:
            try:
                strips.append(Strip(REGION_NAMES[name], read_regions(name, chrom, start, end)))
            except (ValueError, OSError) as error:
                problems.append(f"{REGION_NAMES[name]}: {error}")
    for name, table in uploaded_regions():
        strips.append(Strip(name, read_regions(table, chrom, start, end)))
    return strips, problems
