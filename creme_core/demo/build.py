"""Rebuild the demo world: `python -m creme_core.demo.build`.

Stages, each of which needs those before it (all of them by default):

    genome    genome.fa.gz with its indexes, genes.tsv, truth.tsv, scenarios.tsv, motif_sites.tsv
    signals   signals/CELL_LINE.ASSAY.bw
    model     model/config.json, model.safetensors, tracks.tsv
    evaluate  report.json: how well the network follows the grammar, on its own genes and on loci it never saw

Everything derives from --seed. The genome, tables and signals hold the same values on every machine. The weights are
the same bit for bit on the same machine with the same torch (training uses one thread, whatever there is).
"""

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyfaidx
from Bio import bgzf

from creme_core.demo import genome, truth
from creme_core.demo.truth import PlacedGene
from creme_core.sequence import decode

__all__ = ["STAGES", "build", "main", "write_genome"]

STAGES = ("genome", "signals", "model", "evaluate")
DEFAULT_FOLDER = Path(__file__).parents[2] / "assets" / "demo"
LINE = 80


def write_genome(folder: Path, codes: np.ndarray, genes: Sequence[PlacedGene]) -> None:
    """Write the sequence, bgzipped with its .fai and .gzi, and the four tables."""
    path = folder / "genome.fa.gz"
    for stale in folder.glob("genome.fa.gz*"):
        stale.unlink()
    text = decode(codes)
    with bgzf.BgzfWriter(str(path), "w", compresslevel=9) as file:
        file.write(f">{truth.CHROM}\n")
        for start in range(0, len(text), LINE):
            file.write(text[start : start + LINE] + "\n")
    pyfaidx.Faidx(str(path)).close()  # writes both indexes
    tables = {
        "genes": truth.genes_table(genes),
        "truth": truth.truth_table(genes),
        "scenarios": truth.scenarios_table(genes),
        "motif_sites": truth.motif_sites_table(genes),
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.tsv", sep="\t", index=False, lineterminator="\n")


def build(folder: Path, seed: int, stages: Sequence[str]) -> dict[str, float]:
    """Run stages in their order and return the seconds each took."""
    folder.mkdir(parents=True, exist_ok=True)
    seconds = {}
    codes, genes = genome.build_genome(seed)
    for stage in (stage for stage in STAGES if stage in stages):
        started = time.perf_counter()
        if stage == "genome":
            write_genome(folder, codes, genes)
        elif stage == "signals":
            from creme_core.demo.signals import write_signals

            write_signals(folder / "signals", codes.size, genes, seed)
        elif stage == "model":
            from creme_core.demo.train import train_model

            train_model(folder / "model", seed)
        else:
            from creme_core.demo.evaluate import evaluate, summary_table

            report = evaluate(folder, genes, codes, seed)
            (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
            print(summary_table(report))
        seconds[stage] = time.perf_counter() - started
    return seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; see the top of this module."""
    parser = argparse.ArgumentParser(prog="python -m creme_core.demo.build", description="Rebuild the demo world.")
    parser.add_argument("--seed", type=int, default=0, help="whole number that everything derives from (default 0)")
    parser.add_argument("--out", type=Path, default=DEFAULT_FOLDER, help="folder to write to (default assets/demo)")
    parser.add_argument("--stage", choices=STAGES, action="append", help="only this stage; may be given several times")
    options = parser.parse_args(arguments)
    for stage, taken in build(options.out, options.seed, options.stage or STAGES).items():
        print(f"{stage}: {taken:.0f} s")
    files = sorted(path for path in options.out.rglob("*") if path.is_file())
    address = hashlib.blake2b(digest_size=8)
    for path in files:
        address.update(path.read_bytes())
    size = sum(path.stat().st_size for path in files)
    print(f"{len(files)} files, {size / 1e6:.1f} MB, content {address.hexdigest()} in {options.out}")


if __name__ == "__main__":
    main()
