"""Synthetic bigWigs that agree with the planted truth: open chromatin, histone marks and factors of each cell line."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyBigWig

from creme_core.demo.grammar import CELL_LINES, activity, doses, motif_index
from creme_core.demo.tracks import occupancy
from creme_core.demo.truth import CHROM, PlacedGene

__all__ = ["BIN_SIZE", "FACTORS", "MARKS", "signal_values", "write_signals"]

BIN_SIZE = 100
MARKS = ("DNase", "H3K27ac", "H3K4me3", "H3K9me3")
# Invented factors and the motifs they bind; each binds only where the motif does something.
FACTORS = {
    "SYNA": ("ACT",),
    "SYNC": ("KAC", "GAC", "XAC", "FLP", "RED", "COA", "COB"),
    "SYNP": ("PRO", "HKP"),
    "SYNR": ("SIL", "FLP"),
}
NOISE = 0.15
# Promoter marks are half as high as they get at this activity.
HALF_ACTIVITY = 40.0


def signal_values(assay: str, cell_line: str, length: int, genes: Sequence[PlacedGene]) -> np.ndarray:
    """What an assay would show in a cell line, before noise: float (length // BIN_SIZE,), mean signal of each bin."""
    column = CELL_LINES.index(cell_line)
    centres = (np.arange(length // BIN_SIZE) + 0.5) * BIN_SIZE
    values = np.zeros(centres.size)
    for position, height, width in _peaks(assay, column, genes):
        near = slice(*np.searchsorted(centres, [position - 4 * width, position + 4 * width]))
        values[near] += height * np.exp(-0.5 * ((centres[near] - position) / width) ** 2)
    return values


def write_signals(folder: Path, length: int, genes: Sequence[PlacedGene], seed: int) -> None:
    """Write CELL_LINE.ASSAY.bw for every cell line, mark and factor: bins of BIN_SIZE bp, with noise from the seed."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, assay in enumerate([*MARKS, *FACTORS]):
        for column, cell_line in enumerate(CELL_LINES):
            rng = np.random.default_rng([seed, 3, number, column])
            values = signal_values(assay, cell_line, length, genes)
            values = values * rng.normal(1.0, 0.05, values.size) + NOISE * rng.gamma(1.5, size=values.size)
            # One decimal compresses well and is finer than the noise.
            values = np.round(np.clip(values, 0.0, None), 1)
            file = pyBigWig.open(str(folder / f"{cell_line}.{assay}.bw"), "w")
            file.addHeader([(CHROM, length)])
            file.addEntries(CHROM, 0, values=values.tolist(), span=BIN_SIZE, step=BIN_SIZE)
            file.close()


def _peaks(assay: str, column: int, genes: Sequence[PlacedGene]) -> list[tuple[float, float, float]]:
    """(position, height, width) of every peak, bp on the genome."""
    enhancing, silencing, bound = (occupancy(kind)[:, column] for kind in ("enhancer", "silencer", "any"))
    if assay == "SYNR":
        bound = silencing
    elif assay == "SYNC":
        bound = enhancing
    peaks: list[tuple[float, float, float]] = []
    for gene in genes:
        wild_type, alone = (activity(doses(gene.sites(context=context)))[column] for context in (True, False))
        level = wild_type / (wild_type + HALF_ACTIVITY)
        if assay in FACTORS:
            placed = [(gene.plan.promoter[0], gene.promoter)] + [(e.plan.motif, e.words) for e in gene.elements]
            peaks += [
                ((start + end) / 2, 2.5 * bound[motif_index(motif)], 80.0)
                for motif, words in placed
                if motif in FACTORS[assay]
                for start, end in words
            ]
            continue
        at_promoter = {
            "DNase": (6.0 + 8.0 * level, 150.0),
            "H3K27ac": (12.0 * level, 500.0),
            "H3K4me3": (2.0 + 14.0 * level, 450.0),
            "H3K9me3": (5.0 if wild_type < alone / 1.3 else 0.0, 1500.0),
        }
        peaks.append((float(gene.tss), *at_promoter[assay]))
        for element in gene.elements:
            index, strength = motif_index(element.plan.motif), 0.5 + 0.5 * element.plan.cores / 4
            at_element = {
                "DNase": (9.0 * strength * bound[index], 180.0),
                "H3K27ac": (10.0 * strength * enhancing[index], 450.0),
                "H3K4me3": (1.5 * strength * enhancing[index], 400.0),
                "H3K9me3": (8.0 * strength * silencing[index], 1200.0),
            }
            peaks.append(((element.start + element.end) / 2, *at_element[assay]))
    return [peak for peak in peaks if peak[1] > 0]
