"""Other ways of choosing a CRE's bases, for the Fine-Tile Search to be compared with: saliency, motif hits, chance."""

from dataclasses import dataclass

import numpy as np

from creme_core.locus import Locus
from creme_core.motifs import find_hits
from creme_core.mutant import Background, Edit, Mutant
from creme_core.predictor import Cancel, Predictor
from creme_core.saliency import gradient_times_input
from creme_core.shuffle import shuffle_rng
from creme_core.tiles import Tile

__all__ = ["SALIENCY_STEP", "Baselines", "predict_baselines"]

# The paper embeds the 500, 1,000, ... 5,000 most salient bases.
SALIENCY_STEP = 500


@dataclass(frozen=True, eq=False)
class Baselines:
    """Points of the baselines' curves; the fields are those of FineTileResult, without its prefix."""

    names: np.ndarray
    bases: np.ndarray
    activity: np.ndarray
    saliency: np.ndarray
    motif_covered: np.ndarray

    @classmethod
    def none(cls, tracks: int, shuffles: int, length: int) -> "Baselines":
        """No baseline at all, with arrays of the right shapes."""
        return cls(
            np.array([], dtype="<U8"),
            np.array([], dtype=int),
            np.empty((0, shuffles, tracks), dtype=np.float32),
            np.full(length, np.nan),
            np.zeros(length, dtype=bool),
        )


def _embed(locus: Locus, cre: Tile, background: Background, chosen: np.ndarray) -> Mutant:
    """The chosen bases of a CRE, bool (length,), at their own places in a background; its own bases elsewhere."""
    own, others = locus.codes[cre.start : cre.end], background.codes[cre.start : cre.end]
    return Mutant(background, (Edit(cre.start, np.where(chosen, own, others)),))


def predict_baselines(
    predict: Predictor,
    locus: Locus,
    cre: Tile,
    backgrounds: list[Background],
    readout: str | int,
    seed: int,
    kept: int,
    motifs: dict[str, np.ndarray] | None,
    cancel: Cancel | None,
) -> Baselines:
    """Predict what the same backgrounds give with the CRE's most salient bases, its motif hits, or random bases.

    Args:
        predict, locus, cre, backgrounds, readout: those of the search.
        seed: for the random bases.
        kept: bases that the search kept; random and salient bases of the same number are added to the paper's numbers.
        motifs: see `find_hits`.
        cancel: looked at before each batch.
    """
    saliency = gradient_times_input(predict, locus.codes, readout)[cre.start : cre.end]
    most_salient = np.argsort(-saliency, kind="stable")
    numbers = sorted({*range(SALIENCY_STEP, cre.size + 1, SALIENCY_STEP), kept} - {0})
    hits = find_hits(locus.codes[cre.start : cre.end], motifs)
    covered = np.zeros(cre.size, dtype=bool)
    for start, end in zip(hits["start"], hits["end"], strict=True):
        covered[start:end] = True

    def first(order: np.ndarray, count: int) -> np.ndarray:
        chosen = np.zeros(cre.size, dtype=bool)
        chosen[order[:count]] = True
        return chosen

    rows: list[tuple[str, int, list[Mutant]]] = []
    for count in numbers:
        salient = first(most_salient, count)
        rows.append(("saliency", count, [_embed(locus, cre, b, salient) for b in backgrounds]))
    rows.append(("motifs", int(covered.sum()), [_embed(locus, cre, b, covered) for b in backgrounds]))
    # One random order a background, of which each number takes the first, so that the floor rises smoothly.
    orders = [shuffle_rng(seed, cre.start, cre.end, i).permutation(cre.size) for i in range(len(backgrounds))]
    for count in numbers:
        drawn = [_embed(locus, cre, b, first(o, count)) for b, o in zip(backgrounds, orders, strict=True)]
        rows.append(("random", count, drawn))
    activity = predict.predict([mutant for _, _, mutants in rows for mutant in mutants], cancel=cancel)
    return Baselines(
        np.array([name for name, _, _ in rows]),
        np.array([count for _, count, _ in rows]),
        activity.reshape(len(rows), len(backgrounds), -1),
        saliency,
        covered,
    )
