"""The twelve tracks of the demo network, and what each reads where the planted doses are known. All synthetic."""

import numpy as np
import pandas as pd

from creme_core.demo.grammar import CELL_LINES, MOTIFS, activity

__all__ = ["ASSAYS", "HUM_MEAN", "HUM_SPREAD", "occupancy", "planted_tracks", "track_table"]

ASSAYS = ("CAGE", "DNase", "H3K27ac", "H3K9me3")
_TELLS = {
    "CAGE": "transcription starts",
    "DNase": "open chromatin",
    "H3K27ac": "active chromatin",
    "H3K9me3": "silenced chromatin",
}
# The hum of ordinary background at a TSS (see network), and how much of it reaches the activity: 1.2% for one spread.
HUM_MEAN, HUM_SPREAD = 3.33, 0.65
HUM_EFFECT = 0.018
HALF_LOCAL_DOSE = 1.5


def track_table() -> pd.DataFrame:
    """index, identifier, assay, cell_line, strand, description: CAGE of every cell line first."""
    rows = [
        (f"DEMO_{assay}_{line}", assay, line, ".", f"{assay} ({_TELLS[assay]}) of {line}, synthetic demo track")
        for assay in ASSAYS
        for line in CELL_LINES
    ]
    table = pd.DataFrame(rows, columns=["identifier", "assay", "cell_line", "strand", "description"])
    table.insert(0, "index", range(len(table)))
    return table


def occupancy(kind: str) -> np.ndarray:
    """Whether a motif is bound as "any", "enhancer" or "silencer", float (motifs, cell lines); promoters are "any"."""
    enhancing = np.array([[float(value > 0) for value in motif.enhance] for motif in MOTIFS])
    silencing = np.array([[float(value > 0) for value in motif.silence] for motif in MOTIFS])
    promoting = np.array([[float(value > 0) for value in motif.basal] for motif in MOTIFS])
    for index, motif in enumerate(MOTIFS):
        if motif.name in ("RED", "COA", "COB"):
            enhancing[index] = 1.0
    kinds = {"enhancer": enhancing, "silencer": silencing, "any": enhancing + silencing + promoting}
    return kinds[kind]


def planted_tracks(distal: np.ndarray, local: np.ndarray, hum: np.ndarray) -> np.ndarray:
    """What every track reads in a column.

    Args:
        distal: dose x decay of every motif that reaches the column, (n, motifs); promoters' entries are not read.
        local: dose of the cores within two columns of it, (n, motifs).
        hum: (n,); HUM_MEAN changes nothing.

    Returns:
        (n, tracks) in the order of `track_table`.
    """
    promoter = np.array([motif.is_promoter for motif in MOTIFS])
    dose = np.where(promoter, local, distal)
    cage = activity(dose) * np.exp(HUM_EFFECT * (hum - HUM_MEAN))[:, None]
    gate = np.minimum(local[:, promoter].sum(axis=1, keepdims=True), 1.0)
    bound, enhancing, silencing = (
        1.0 - np.exp(-(local @ occupancy(kind)) / HALF_LOCAL_DOSE) for kind in ("any", "enhancer", "silencer")
    )
    silence = dose @ np.array([motif.silence for motif in MOTIFS])
    return np.concatenate(
        [
            cage,
            0.5 + 20.0 * bound,
            0.5 + 15.0 * enhancing + 15.0 * gate * cage / (cage + 50.0),
            0.5 + 15.0 * silencing + 10.0 * gate * silence / (1.0 + silence),
        ],
        axis=1,
    )
