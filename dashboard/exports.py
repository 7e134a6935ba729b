"""Results as files and as code: tables, genome-browser tracks, provenance, and the lines that repeat a run."""

import json
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from creme_core.experiments.necessity import NecessityResult
from creme_core.experiments.result import Result
from dashboard.figures.style import LIGHT

__all__ = ["bed", "bedgraph", "file_stem", "html", "provenance", "python_lines", "tsv"]

CALLS = {"necessity": "necessity", "context": "context_dependence"}


def file_stem(result: Result, cell_line: str, test: str) -> str:
    """A file name without its ending: what was tested, where, read out how."""
    name = f"{result.locus.gene}_{cell_line}_{test}_tile{result.settings.tile_size}_seed{result.settings.seed}"
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)


def tsv(effects: pd.DataFrame) -> str:
    """The table as it is; intervals 0-based half-open."""
    return effects.to_csv(sep="\t", index=False, lineterminator="\n")


def bedgraph(result: NecessityResult, cell_line: str) -> str:
    """Effects as a bedGraph track (0-based half-open), sorted by position; tiles still to come are left out."""
    effects = _inside_chromosome(result.effects(cell_line))
    name = f"{result.locus.gene} necessity {cell_line}"
    lines = [f'track type=bedGraph name="{name}" description="(WT - MUT) / WT, mean over shuffles" visibility=full']
    lines += [f"{r.chrom}\t{r.genome_start}\t{r.genome_end}\t{r.effect:.6g}" for r in effects.itertuples()]
    return "\n".join(lines) + "\n"


def bed(result: NecessityResult, cell_line: str) -> str:
    """Called tiles as BED9 (0-based half-open), coloured by call; the score is 1000 |effect|, at most 1000."""
    effects = _inside_chromosome(result.effects(cell_line))
    lines = [f'track name="{result.locus.gene} calls {cell_line}" itemRgb="On"']
    for row in effects[effects["call"].isin(["enhancer", "silencer"])].itertuples():
        colour = LIGHT.call(row.call)
        rgb = ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
        name = f"{row.call}_{row.effect:+.3f}" + ("_uncertain" if row.uncertain else "")
        score = min(1000, round(1000 * abs(row.effect)))
        place = (row.chrom, row.genome_start, row.genome_end)
        lines.append("\t".join(map(str, (*place, name, score, ".", row.genome_start, row.genome_end, rgb))))
    return "\n".join(lines) + "\n"


def _inside_chromosome(effects: pd.DataFrame) -> pd.DataFrame:
    """Computed tiles, sorted by position; genome browsers refuse files with a negative start."""
    computed = effects[effects["effect"].notna() & (effects["genome_end"] > 0)]
    return computed.assign(genome_start=computed["genome_start"].clip(lower=0)).sort_values("genome_start")


def html(figure: go.Figure) -> str:
    """A page that shows the figure anywhere, offline: plotly.js is inside."""
    return figure.to_html(include_plotlyjs=True, full_html=True)


def provenance(result: Result, extra: dict[str, Any]) -> str:
    """What is needed to repeat the run, as JSON."""
    return json.dumps(result.provenance | extra, indent=2, default=str) + "\n"


def python_lines(
    result: Result, *, test: str, gene: str, cell_line: str, model_name: str, fasta: str | None, genes: str | None
) -> str:
    """A script that computes the same numbers without the dashboard; fasta and genes are None for the demo."""
    opened = '"demo"' if fasta is None else f"{fasta!r}, genes={genes!r}"
    settings = result.settings
    return (
        "import creme_core as creme\n"
        "\n"
        f"source = creme.open_source({opened})\n"
        f"model = creme.load_model({model_name!r})\n"
        f"locus = source.locus({gene!r}, length=model.input_length)\n"
        "predict = creme.Predictor(model)\n"
        f"result = creme.{CALLS[test]}(\n"
        f"    predict, locus, tile_size={settings.tile_size}, shuffles={settings.shuffles}, seed={settings.seed}\n"
        ")\n"
        f"print(result.effects({cell_line!r}))\n"
    )
