"""Motif hits: JASPAR's matrices, scanned by memelite's FIMO."""

import threading
from functools import lru_cache

import numpy as np
import pandas as pd

from creme_core.sequence import N, one_hot

__all__ = ["JASPAR_RELEASE", "find_hits", "jaspar_motifs"]

JASPAR_RELEASE = "JASPAR2024"
# FIMO's usual cut, and the one of memelite.
MAXIMUM_P_VALUE = 1e-4
# The scanner spreads over threads itself, and where numba has only its own pool for that, two scans at once end Python.
_scanning = threading.Lock()


@lru_cache(maxsize=1)
def jaspar_motifs(species: str = "9606", release: str = JASPAR_RELEASE) -> dict[str, np.ndarray]:
    """The CORE matrices of a species (NCBI taxonomy id), from the copy that pyjaspar ships.

    Returns:
        "matrix id name" -> float64 (4, width), base probabilities in the order A, C, G, T.
    """
    from pyjaspar import jaspardb

    found = jaspardb(release=release).fetch_motifs(collection="CORE", species=[species])
    motifs = {}
    for motif in found:
        counts = np.array([motif.counts[base] for base in "ACGT"], dtype=float)
        motifs[f"{motif.matrix_id} {motif.name}"] = counts / counts.sum(axis=0)
    return motifs


def find_hits(
    codes: np.ndarray, motifs: dict[str, np.ndarray] | None = None, p_value: float = MAXIMUM_P_VALUE
) -> pd.DataFrame:
    """Motif hits on both strands of a sequence.

    Two faults of the scanner are mended here: it gives p = 0 to the best hits of some short motifs, which can't be
    rarer than 4 ** -width; and it makes hits of runs of N, so hits that touch an N are dropped.

    Args:
        codes: uint8 (length,).
        motifs: name -> (4, width) probabilities; None is JASPAR's human CORE collection.
        p_value: hits above it are left out.

    Returns:
        DataFrame motif, start, end (0-based half-open), strand, score, p_value, by start.

    Raises:
        ValueError: a p_value outside (0, 1].
    """
    from memelite import fimo

    if not 0 < p_value <= 1:
        raise ValueError(f"p_value is {p_value}; it must be above 0 and at most 1.")
    motifs = jaspar_motifs() if motifs is None else motifs
    motifs = {name: matrix for name, matrix in motifs.items() if matrix.shape[1] <= codes.size}
    columns = ["motif", "start", "end", "strand", "score", "p_value"]
    if not motifs:
        return pd.DataFrame(columns=columns)
    encoded = one_hot(codes, np.float64)
    encoded[codes == N] = 0
    with _scanning:
        hits = pd.concat(fimo(motifs, encoded.T[None], threshold=p_value), ignore_index=True)
    hits = hits.rename(columns={"motif_name": "motif", "p-value": "p_value"})
    rarest = 4.0 ** -(hits["end"] - hits["start"]).to_numpy(float)
    hits["p_value"] = np.maximum(hits["p_value"].to_numpy(float), rarest)
    unknown = np.concatenate([[0], np.cumsum(codes == N)])
    clean = unknown[hits["end"].to_numpy(int)] == unknown[hits["start"].to_numpy(int)]
    kept = hits[clean & (hits["p_value"] <= p_value)]
    return kept[columns].sort_values(["start", "end", "motif"], ignore_index=True)
