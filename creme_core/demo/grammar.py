"""The grammar of the demo world: what motif words around a promoter do to its activity. Numpy only.

Words of one motif act in *cores*: runs of words at most MAX_GAP bp apart. A core of four words has dose 1, each word
more or less changes it by 0.4, and a word that stands alone does nothing, so chance matches are harmless. Promoter
cores count where they lie within LOCAL_REACH bp of the TSS; all others act from any distance x (bp, in the gene's
direction, upstream negative) with the weight

    decay(x) = (1 + |x| / 35,000)^-2 upstream, (1 + |x| / 90,000)^-2 downstream.

With D the summed dose x decay of a motif, the activity of a promoter in one cell line is

    drive = (basal + sum of enhance x D + 110 s(RED) + 150 s(COA) s(COB)) / (1 + sum of silence x D)
    activity = drive / (1 + (drive / 400)^3)^(1/3)

where s(motif) = 1 - exp(-D / 0.6), and 110 and 150 are K562's (REDUNDANT and COOPERATIVE hold the other lines'). So
enhancers add up, RED elements replace each other, COA and COB need each other, silencers divide, and very high doses
reach a plateau. Without a promoter core the activity is 0.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = [
    "CELL_LINES",
    "LOCAL_REACH",
    "MAX_GAP",
    "MOTIFS",
    "MOTIF_NAMES",
    "WORD_LENGTH",
    "Motif",
    "Site",
    "activity",
    "core_dose",
    "decay",
    "doses",
    "log_activity",
    "motif_index",
]

CELL_LINES = ("K562", "GM12878", "PC-3")
WORD_LENGTH = 12
WORDS_PER_CORE = 4
# A core ends where the next word of its motif starts more than this far behind the end of the last one, bp.
MAX_GAP = 20
LOCAL_REACH = 256
DECAY_UPSTREAM = 35_000.0
DECAY_DOWNSTREAM = 90_000.0
PLATEAU = 400.0
REDUNDANT = np.array([110.0, 100.0, 120.0])
COOPERATIVE = np.array([150.0, 140.0, 160.0])
HALF_DOSE = 0.6


@dataclass(frozen=True)
class Motif:
    """One motif of the demo world.

    Attributes:
        name: three letters.
        word: the 12 bases; equal to their own reverse complement, so an element works on either strand.
        role: what it does, in words.
        basal: activity a promoter core gives by itself, one number a cell line.
        enhance: activity added per unit of dose, one number a cell line.
        silence: what is added to the divisor per unit of dose, one number a cell line.
    """

    name: str
    word: str
    role: str
    basal: tuple[float, float, float] = (0.0, 0.0, 0.0)
    enhance: tuple[float, float, float] = (0.0, 0.0, 0.0)
    silence: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def is_promoter(self) -> bool:
        """Whether it acts at the TSS only."""
        return any(self.basal)


MOTIFS = (
    Motif("PRO", "TGGTGTACACCA", "weak promoter, waits for enhancers", basal=(2.0, 2.0, 2.0)),
    Motif("HKP", "TAACCTAGGTTA", "housekeeping promoter, strong by itself", basal=(30.0, 30.0, 30.0)),
    Motif("ACT", "GGCTCATGAGCC", "activator in every cell line, additive", enhance=(50.0, 44.0, 55.0)),
    Motif("KAC", "GCCAGTACTGGC", "activator in K562 only, additive", enhance=(50.0, 0.0, 0.0)),
    Motif("GAC", "ACTCAATTGAGT", "activator in GM12878 only, additive", enhance=(0.0, 50.0, 0.0)),
    Motif("XAC", "TGAGAATTCTCA", "activator in PC-3 only, additive", enhance=(0.0, 0.0, 50.0)),
    Motif(
        "FLP",
        "GATATGCATATC",
        "activator in K562, silencer in GM12878, silent in PC-3",
        enhance=(50.0, 0.0, 0.0),
        silence=(0.0, 0.9, 0.0),
    ),
    Motif("SIL", "CTCCTGCAGGAG", "silencer in every cell line", silence=(0.8, 0.7, 0.9)),
    Motif("RED", "ATGGCATGCCAT", "activator; one element is as good as two (redundant)"),
    Motif("COA", "CATTGATCAATG", "half of a pair: activates only together with COB (cooperative)"),
    Motif("COB", "CCATAGCTATGG", "half of a pair: activates only together with COA (cooperative)"),
)
MOTIF_NAMES = tuple(motif.name for motif in MOTIFS)
_PROMOTER = np.array([motif.is_promoter for motif in MOTIFS])
_BASAL, _ENHANCE, _SILENCE = (
    np.array([getattr(motif, kind) for motif in MOTIFS]) for kind in ("basal", "enhance", "silence")
)


@dataclass(frozen=True, order=True)
class Site:
    """One motif word; position is the distance of its centre from the TSS, bp, upstream negative."""

    motif: str
    position: float


def motif_index(name: str) -> int:
    """Place of a motif in MOTIFS; ValueError for a name that is not there."""
    if name not in MOTIF_NAMES:
        raise ValueError(f"There is no motif {name!r} in the demo world; it has {', '.join(MOTIF_NAMES)}.")
    return MOTIF_NAMES.index(name)


def decay(position: np.ndarray | float) -> np.ndarray:
    """What is left of a dose at positions (bp from the TSS in the gene's direction): steeper upstream."""
    position = np.asarray(position, dtype=float)
    return (1.0 + np.abs(position) / np.where(position < 0, DECAY_UPSTREAM, DECAY_DOWNSTREAM)) ** -2


def core_dose(words: int | np.ndarray) -> np.ndarray:
    """Dose of a core of so many words: 0 for one, 0.2 for two, 1 for four."""
    return np.clip((np.asarray(words, dtype=float) - 1.5) / 2.5, 0.0, None)


def doses(sites: Iterable[Site]) -> np.ndarray:
    """Dose of every motif that reaches a promoter from the words around it: float (motifs,), in the order of MOTIFS."""
    result = np.zeros(len(MOTIFS))
    for motif, positions in _cores(sites):
        centre = float(np.mean(positions))
        index = motif_index(motif)
        if _PROMOTER[index]:
            weight = 1.0 if abs(centre) <= LOCAL_REACH else 0.0
        else:
            weight = float(decay(centre))
        result[index] += weight * float(core_dose(len(positions)))
    return result


def activity(dose: np.ndarray | Sequence[float]) -> np.ndarray:
    """Planted activity of a promoter: doses (..., motifs) to (..., cell lines); see the top of this module."""
    dose = np.asarray(dose, dtype=float)
    redundant, first, second = (
        1.0 - np.exp(-dose[..., motif_index(name), None] / HALF_DOSE) for name in ("RED", "COA", "COB")
    )
    gate = np.minimum(dose[..., _PROMOTER].sum(axis=-1, keepdims=True), 1.0)
    drive = dose @ _BASAL + gate * (dose @ _ENHANCE + REDUNDANT * redundant + COOPERATIVE * first * second)
    drive = drive / (1.0 + dose @ _SILENCE)
    return drive / np.cbrt(1.0 + (drive / PLATEAU) ** 3)


def log_activity(sites: Iterable[Site]) -> np.ndarray:
    """Natural logarithm of the planted activity of a list of words, (cell lines,); -inf without a promoter."""
    with np.errstate(divide="ignore"):
        return np.log(activity(doses(sites)))


def _cores(sites: Iterable[Site]) -> list[tuple[str, list[float]]]:
    """Runs of words of one motif, each with its positions from left to right."""
    cores: list[tuple[str, list[float]]] = []
    for site in sorted(sites):
        motif, positions = cores[-1] if cores else ("", [])
        if site.motif == motif and site.position - positions[-1] <= WORD_LENGTH + MAX_GAP:
            positions.append(site.position)
        else:
            cores.append((site.motif, [site.position]))
    return cores
