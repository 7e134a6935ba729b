"""Results as files and as code: tables, genome-browser tracks, provenance, and the lines that repeat a run."""

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from creme_core.experiments.replicates import AUTO
from creme_core.experiments.result import Result, Settings
from creme_core.experiments.swap import SwapResult
from dashboard.catalogue import SWAP, Entry
from dashboard.figures.style import LIGHT

__all__ = [
    "bed",
    "bedgraph",
    "file_stem",
    "html",
    "npz",
    "places",
    "provenance",
    "published_lines",
    "python_lines",
    "tsv",
]

ALWAYS_TOLD = ("tile_size", "shuffles", "seed")


def file_stem(result: Result | SwapResult, cell_line: str, test: str) -> str:
    """A file name without its ending: what was tested, where, read out how."""
    gene = f"{len(result.sources)}-genes" if isinstance(result, SwapResult) else result.locus.gene
    settings = result.settings
    name = f"{gene}_{cell_line}_{test}_tile{settings.tile_size}_seed{settings.seed}"
    if hasattr(settings, "cre"):
        name += f"_cre{settings.cre[0]}-{settings.cre[1]}"
    if hasattr(settings, "search"):
        name += f"_{settings.search}"
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)


def tsv(effects: pd.DataFrame) -> str:
    """The table as it is; intervals 0-based half-open."""
    return effects.to_csv(sep="\t", index=False, lineterminator="\n")


def bedgraph(effects: pd.DataFrame, name: str, description: str) -> str:
    """Effects as a bedGraph track (0-based half-open), sorted by position; tiles still to come are left out."""
    inside = _inside_chromosome(effects)
    lines = [f'track type=bedGraph name="{name}" description="{description}" visibility=full']
    lines += [f"{r.chrom}\t{r.genome_start}\t{r.genome_end}\t{r.effect:.6g}" for r in inside.itertuples()]
    return "\n".join(lines) + "\n"


def bed(effects: pd.DataFrame, name: str) -> str:
    """Called tiles as BED9 (0-based half-open), coloured by call; the score is 1000 |effect|, at most 1000."""
    inside = _inside_chromosome(effects)
    lines = [f'track name="{name}" itemRgb="On"']
    for row in inside[inside["call"].isin(["enhancer", "silencer"])].itertuples():
        colour = LIGHT.call(row.call)
        rgb = ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
        item = f"{row.call}_{row.effect:+.3f}" + ("_uncertain" if row.uncertain else "")
        score = min(1000, round(1000 * abs(row.effect)))
        place = (row.chrom, row.genome_start, row.genome_end)
        lines.append("\t".join(map(str, (*place, item, score, ".", row.genome_start, row.genome_end, rgb))))
    return "\n".join(lines) + "\n"


def places(table: pd.DataFrame, names: Sequence[str], name: str) -> str:
    """Intervals of a table as BED4 (0-based half-open) in their own order; names has one a row."""
    lines = [f'track name="{name}"']
    for row, item in zip(table.itertuples(), names, strict=True):
        if row.genome_end > 0:
            lines.append(f"{row.chrom}\t{max(row.genome_start, 0)}\t{row.genome_end}\t{item}")
    return "\n".join(lines) + "\n"


def npz(result: Result | SwapResult) -> bytes:
    """The whole result, for every track, as its `save` writes it."""
    with TemporaryDirectory() as folder:
        return result.save(Path(folder) / "result.npz").read_bytes()


def _inside_chromosome(effects: pd.DataFrame) -> pd.DataFrame:
    """Computed tiles, sorted by position; genome browsers refuse files with a negative start."""
    computed = effects[effects["effect"].notna() & (effects["genome_end"] > 0)]
    return computed.assign(genome_start=computed["genome_start"].clip(lower=0)).sort_values("genome_start")


def html(figure: go.Figure) -> str:
    """A page that shows the figure anywhere, offline: plotly.js is inside."""
    return figure.to_html(include_plotlyjs=True, full_html=True)


def provenance(result: Result | SwapResult, extra: dict[str, Any]) -> str:
    """What is needed to repeat the run, as JSON; a swap has one part for each gene."""
    origin = {"sources": result.provenance} if isinstance(result, SwapResult) else result.provenance
    return json.dumps(origin | extra, indent=2, default=str) + "\n"


def python_lines(
    result: Result | SwapResult,
    *,
    entry: Entry,
    genes: Sequence[str],
    cell_line: str,
    model_name: str,
    opened: str,
) -> str:
    """A script that computes the same numbers without the dashboard; `opened` is what open_source is given."""
    if entry is SWAP:
        where, locus = (
            "loci, loci",
            (f"loci = [source.locus(gene, length=model.input_length) for gene in {list(genes)!r}]\n"),
        )
        shown = f"print(result.matrix({cell_line!r}))\n"
    else:
        where, locus = "locus", f"locus = source.locus({genes[0]!r}, length=model.input_length)\n"
        shown = f"print(result.effects({cell_line!r}))\n"
    if entry.key == "interaction":
        shown += "print(creme.compare_additivity(result))\n"
    arguments = "".join(f"    {name}={value!r},\n" for name, value in _told(result.settings).items())
    return (
        "import creme_core as creme\n"
        "\n"
        f"source = creme.open_source({opened})\n"
        f"model = creme.load_model({model_name!r})\n"
        f"{locus}"
        "predict = creme.Predictor(model)\n"
        f"result = creme.{entry.call}(\n"
        f"    predict,\n    {where},\n{arguments}"
        ")\n"
        f"{shown}"
    )


def published_lines(entry: Entry, gene: str, cell_line: str, opened: str) -> str:
    """A script that reads the same published result without the dashboard."""
    return (
        "import creme_core as creme\n"
        "\n"
        f"source = creme.open_source({opened})\n"
        f"result = source.result({entry.call!r}, {gene!r}, {cell_line!r})\n"
        f"print(result.effects({cell_line!r}))\n"
    )


def _told(settings: Settings) -> dict[str, Any]:
    """The settings worth writing down: the common ones, and those that are not the default."""
    told = {}
    for part in fields(settings):
        value = getattr(settings, part.name)
        automatic = part.name in ("half_width", "budget") and settings.shuffles == AUTO
        if part.name in ALWAYS_TOLD or automatic or value != part.default:
            told[part.name] = value
    return told
