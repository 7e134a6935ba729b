"""The tests as commands: `TEST --gene GENE --cell-line LINE --out FOLDER`."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import creme_core as creme
from creme_core.cli.parser import Parser
from creme_core.home import store_path
from creme_core.store import MemoryStore, Store

if TYPE_CHECKING:
    from creme_core.locus import Locus
    from creme_core.predictor import Predictor, Progress

__all__ = ["add_tests", "answer"]

# Source -> the model that goes with it.
SOURCES = {"demo": "demo", "hg38": "enformer"}
MODELS = (
    "demo, enformer, borzoi (four replicates averaged), borzoi-0 to borzoi-3 (one of them), flashzoi, or a folder "
    "(default: demo, or enformer with --source hg38)"
)


def _tile(locus: "Locus", tile_size: int, number: int) -> tuple[int, int]:
    from creme_core.tiles import TileGrid

    tiles = TileGrid(locus.length, tile_size).tiles
    if not 0 <= number < len(tiles):
        raise ValueError(f"There is no tile {number}; the window has tiles 0 to {len(tiles) - 1}.")
    return tiles[number].start, tiles[number].end


def _interval(text: str) -> tuple[int, int]:
    start, _, end = text.partition("-")
    try:
        return int(start), int(end)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no interval; write START-END of the oriented window, 0-based half-open, such as 804-5804"
        ) from None


def _shuffles(text: str) -> int | str:
    if text == "auto":
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of shuffles; give a whole number or auto") from None


def _cre(arguments: argparse.Namespace, locus: "Locus") -> tuple[int, int]:
    if arguments.cre is not None:
        return arguments.cre
    if arguments.tile is not None:
        return _tile(locus, arguments.tile_size, arguments.tile)
    raise ValueError(f"The {arguments.test} test needs a CRE; give --tile NUMBER or --cre START-END.")


def _loci(names: Sequence[str], source: Any, length: int) -> list["Locus"]:
    return [source.locus(name, length=length) for name in names]


def _run(arguments: argparse.Namespace, predict: "Predictor", source: Any, **watched: Any) -> Any:
    """Run the test that was asked for."""
    length = predict.model.input_length
    common = {"tile_size": arguments.tile_size, "shuffles": arguments.shuffles, "seed": arguments.seed, **watched}
    readout = arguments.cell_line
    if arguments.test == "context_swap":
        sources = _loci(arguments.gene.split(","), source, length)
        targets = _loci((arguments.targets or arguments.gene).split(","), source, length)
        return creme.context_swap(predict, sources, targets, **common)
    locus = source.locus(arguments.gene, length=length)
    match arguments.test:
        case "interaction":
            return creme.interaction(
                predict, locus, readout=readout, search=arguments.search, rounds=arguments.rounds, **common
            )
        case "distance":
            return creme.distance(predict, locus, cre=_cre(arguments, locus), **common)
        case "multiplicity":
            return creme.multiplicity(
                predict,
                locus,
                cre=_cre(arguments, locus),
                readout=readout,
                search=arguments.search,
                copies=arguments.copies,
                **common,
            )
        case "fine_tile_search":
            return creme.fine_tile_search(
                predict, locus, cre=_cre(arguments, locus), readout=readout, search=arguments.search, **common
            )
        case "set_sufficiency":
            if not arguments.tiles:
                raise ValueError("The set_sufficiency test needs tiles; give --tiles NUMBER,NUMBER,... in their order.")
            tiles = [_tile(locus, arguments.tile_size, number) for number in arguments.tiles]
            return creme.set_sufficiency(predict, locus, tiles=tiles, **common)
        case test:
            return getattr(creme, test)(predict, locus, **common)


TESTS = {
    "context_dependence": "shuffle all but the TSS tile",
    "context_swap": "put each gene's TSS tile into each target's context (--gene A,B --targets C,D)",
    "necessity": "shuffle one tile at a time",
    "sufficiency": "one tile and the TSS tile in shuffled contexts",
    "distance": "one CRE at every place (--tile or --cre)",
    "interaction": "greedy search for tiles that matter together (--search, --rounds)",
    "set_sufficiency": "tiles added one after another (--tiles)",
    "multiplicity": "more and more copies of one CRE (--tile or --cre, --copies)",
    "fine_tile_search": "the bases that carry a CRE's effect (--tile or --cre)",
}


def _numbers(text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of tile numbers; write them as 12,14,20") from None


def add_tests(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add a command for each test."""
    for name, help_text in TESTS.items():
        test = commands.add_parser(name, help=help_text, description=help_text)
        test.set_defaults(test=name, answer=answer, kept="what was computed is kept")
        add = test.add_argument
        add("--gene", required=True, help="symbol, Ensembl id, or chromosome:position:strand (1-based)")
        add("--cell-line", required=True, help="cell line, track identifier or track index of the tables")
        add("--out", required=True, type=Path, help="folder for the results; made when missing")
        add("--tile-size", type=int, default=5000, help="bp (default: 5000)")
        add("--shuffles", type=_shuffles, default=10, help="replicates, or auto where the test has it (default: 10)")
        add("--seed", type=int, default=0, help="whole number (default: 0)")
        add("--source", choices=SOURCES, help="demo (default) or hg38: the human genome with GENCODE")
        add("--fasta", type=Path, help="a genome of your own, with --genes, instead of a source")
        add("--genes", type=Path, help="its gene table: BED, GTF, GFF3 or TSV")
        add("--model", help=MODELS)
        add("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
        add("--store", type=Path, help="file that keeps predictions (default: that of the dashboard)")
        add("--no-store", action="store_true", help="keep predictions in memory only")
        add("--json", action="store_true", help="print one JSON object on standard output, and no progress bar")
        if name == "context_swap":
            add("--targets", help="genes that give their contexts, with commas; the genes themselves when left out")
        if name in ("distance", "multiplicity", "fine_tile_search"):
            add("--tile", type=int, help="number of a tile on the grid, as the tables have it")
            add("--cre", type=_interval, help="START-END of the oriented window, 0-based half-open")
        if name in ("interaction", "multiplicity", "fine_tile_search"):
            add("--search", default="enhancer", choices=("enhancer", "silencer"))
        if name == "interaction":
            add("--rounds", type=int, help="how many tiles to fix (default: all)")
        if name == "multiplicity":
            add("--copies", type=int, default=15, help="(default: 15)")
        if name == "set_sufficiency":
            add("--tiles", type=_numbers, help="tile numbers in the order to add them, with commas")


class _Bar:
    """A progress bar that appears with the first progress, so that a refusal stands alone."""

    def __init__(self, label: str, shown: bool):
        self._label, self._shown, self._bar = label, shown, None

    def show(self, progress: "Progress") -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(unit="seq", desc=self._label, disable=not self._shown)
        self._bar.total = progress.total
        self._bar.set_postfix_str(f"{progress.reused:,} not computed again", refresh=False)
        self._bar.update(progress.done - self._bar.n)

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _write(result: Any, arguments: argparse.Namespace) -> dict[str, str]:
    """Write the tables of a result; return what each file is."""
    folder, test = arguments.out, arguments.test
    table = result.effects(arguments.cell_line)
    files = {"effects": folder / f"{test}.tsv", "provenance": folder / f"{test}.provenance.json"}
    table.to_csv(files["effects"], sep="\t", index=False)
    files["provenance"].write_text(json.dumps(result.provenance, indent=2) + "\n", encoding="utf-8")
    files["result"] = result.save(folder / f"{test}.npz")
    if {"chrom", "genome_start", "genome_end", "effect"} <= set(table.columns):
        files["bedgraph"] = folder / f"{test}.bedgraph"
        track = table[["chrom", "genome_start", "genome_end", "effect"]].dropna().sort_values("genome_start")
        track.to_csv(files["bedgraph"], sep="\t", index=False, header=False)
    if test == "interaction":
        comparison = creme.compare_additivity(result)
        files["additivity"] = folder / "additivity.tsv"
        comparison.trajectory.to_csv(files["additivity"], sep="\t", index=False)
    return {name: str(path) for name, path in files.items()}


def answer(asked: argparse.Namespace) -> int:
    """Run the test that was asked for and write its files; returns the exit code."""
    if (asked.fasta is None) != (asked.genes is None):
        raise ValueError("A genome of your own needs both --fasta and --genes.")
    if asked.fasta is not None and asked.source is not None:
        raise ValueError("Give --source, or --fasta with --genes, not both.")
    # Cell lines may be given as a track index.
    with suppress(ValueError):
        asked.cell_line = int(asked.cell_line)
    name = asked.source or "demo"
    source = creme.open_source(name) if asked.fasta is None else creme.open_source(asked.fasta, genes=asked.genes)
    model = creme.load_model(asked.model or SOURCES[name], device=asked.device)
    from creme_core.models.base import resolve_readout

    resolve_readout(model.tracks, asked.cell_line)
    asked.out.mkdir(parents=True, exist_ok=True)
    store = MemoryStore() if asked.no_store else Store(asked.store or store_path())
    predict = creme.Predictor(model, store)
    with store:
        with _Bar(asked.test, shown=not asked.json) as bar:
            result = _run(asked, predict, source, on_progress=bar.show)
        files = _write(result, asked)
        for note in store.notes:
            print(note, file=sys.stderr)
    if asked.json:
        summary = {
            "test": asked.test,
            "gene": asked.gene,
            "cell_line": asked.cell_line,
            "computed": predict.computed,
            "reused": predict.reused,
            "files": files,
        }
        print(json.dumps(summary))
    else:
        print("\n".join(files.values()))
    return 0
