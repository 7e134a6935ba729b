"""The demo genome: background sequence, the planted words, and nothing that looks like a word anywhere else."""

import numpy as np

from creme_core.demo.grammar import MOTIFS, WORD_LENGTH, WORDS_PER_CORE, motif_index
from creme_core.demo.truth import (
    CHROM_LENGTH,
    GENES,
    TSS_TILE_HALF,
    ElementPlan,
    GenePlan,
    PlacedElement,
    PlacedGene,
    tss_of,
)
from creme_core.sequence import encode

__all__ = [
    "PROMOTER_CORES",
    "PROMOTER_WORDS",
    "WORDS",
    "background",
    "build_genome",
    "place_element",
    "place_gene",
    "scrub",
    "strays",
]

# Words as codes (motifs, 12). They equal their reverse complements, so one scan covers both strands.
WORDS = np.array([encode(motif.word) for motif in MOTIFS])
# A stretch this similar to a word is as good as one to the eye, and is scrubbed from the background.
NEAR_MATCH = 10
CORE_FLANK = 12
# Cores this far apart never share a 3 x 32 bp window of the network.
CORE_GAP = 94
# Where promoter cores start, bp from the TSS: one just upstream, a second one just downstream; and their words in them.
PROMOTER_CORES = (-95, 92)
PROMOTER_WORDS = (0, 21, 42, 63)
TILE = 2 * TSS_TILE_HALF
TILE_MARGIN = 300
# Steps of a first-order Markov chain, from A C G T to A C G T: the human genome's, poor in CpG.
STEPS = np.array(
    [
        [0.327, 0.172, 0.245, 0.256],
        [0.348, 0.254, 0.049, 0.349],
        [0.288, 0.208, 0.256, 0.248],
        [0.219, 0.205, 0.249, 0.327],
    ]
)


def background(length: int, rng: np.random.Generator) -> np.ndarray:
    """Random sequence with the genome's dinucleotide composition: uint8 (length,)."""
    thresholds = STEPS.cumsum(axis=1)[:, :3]
    draws = rng.random(length)
    choices = (draws[:, None, None] > thresholds[None]).sum(axis=2).astype(np.uint8)  # next base, for each base before
    following = choices.tobytes()
    codes = bytearray(length)
    base = 0
    for position in range(length):
        base = codes[position] = following[4 * position + base]
    return np.frombuffer(codes, np.uint8).copy()


def strays(codes: np.ndarray, word: np.ndarray, planted: np.ndarray, matches: int = NEAR_MATCH) -> np.ndarray:
    """Starts of stretches that agree with a word in at least `matches` bases and were not planted.

    Args:
        codes: uint8 (length,).
        word: uint8 (12,).
        planted: starts of all planted words.
    """
    count = codes.size - WORD_LENGTH + 1
    score = np.zeros(count, np.uint8)
    for offset, base in enumerate(word):
        score += codes[offset : offset + count] == base
    found = np.flatnonzero(score >= matches)
    return found[~np.isin(found, planted)]


def scrub(codes: np.ndarray, planted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy in which no stretch outside the planted words (given by their starts) comes near a word.

    Raises:
        ValueError: when a near match lies wholly in planted bases, where nothing may be changed.
    """
    codes = codes.copy()
    fixed = np.zeros(codes.size, bool)
    for start in planted:
        fixed[start : start + WORD_LENGTH] = True
    while True:
        # Marked "planted" only where the very word was planted; a shifted or other match is a stray.
        found = [(int(start), word) for word in WORDS for start in strays(codes, word, planted)]
        if not found:
            return codes
        for start, word in found:
            span = np.arange(start, start + WORD_LENGTH)
            free = span[~fixed[span] & (codes[span] == word)]
            if free.size == 0:
                raise ValueError(f"A near match at {start:,} lies in planted words only; choose words more different.")
            for position in rng.permutation(free)[:3]:
                codes[position] = (codes[position] + rng.integers(1, 4)) % 4


def lay_out(cores: int, rng: np.random.Generator) -> tuple[int, list[int]]:
    """Length of an element of so many cores, and where its words start in it."""
    starts, cursor = [], CORE_FLANK
    for core in range(cores):
        for word in range(WORDS_PER_CORE):
            starts.append(cursor)
            cursor += WORD_LENGTH + (int(rng.integers(7, 12)) if word < WORDS_PER_CORE - 1 else 0)
        cursor += (CORE_GAP + int(rng.integers(0, 8))) if core < cores - 1 else CORE_FLANK
    return cursor, starts


def place_element(plan: ElementPlan, tss: int, strand: str, rng: np.random.Generator) -> PlacedElement:
    """Lay out an element and find its interval on the genome.

    Raises:
        ValueError: when it would come near the border of a 5 kb tile of the gene.
    """
    length, words = lay_out(plan.cores, rng)
    left = plan.offset - length // 2
    into_tile = (left + TSS_TILE_HALF) % TILE
    if not TILE_MARGIN <= into_tile <= TILE - length - TILE_MARGIN:
        raise ValueError(f"The element at {plan.offset:+,} bp comes within {TILE_MARGIN} bp of a tile border; move it.")
    start, end = _interval(left, left + length, tss, strand)
    placed = tuple(_interval(left + word, left + word + WORD_LENGTH, tss, strand) for word in words)
    return PlacedElement(plan, start, end, tuple(sorted(placed)))


def place_gene(plan: GenePlan, tss: int, rng: np.random.Generator) -> PlacedGene:
    """Decide where a gene's promoter words and elements lie."""
    words = [left + step for left in PROMOTER_CORES[: plan.promoter[1]] for step in PROMOTER_WORDS]
    promoter = tuple(sorted(_interval(word, word + WORD_LENGTH, tss, plan.strand) for word in words))
    elements = tuple(place_element(element, tss, plan.strand, rng) for element in plan.elements)
    return PlacedGene(plan, tss, promoter, elements)


def write_words(codes: np.ndarray, gene: PlacedGene) -> list[int]:
    """Write a gene's words into codes, in place, and return where they start."""
    starts = []
    placed = [(gene.plan.promoter[0], gene.promoter)] + [(e.plan.motif, e.words) for e in gene.elements]
    for motif, words in placed:
        for start, end in words:
            codes[start:end] = WORDS[motif_index(motif)]
            starts.append(start)
    return starts


def build_genome(seed: int) -> tuple[np.ndarray, list[PlacedGene]]:
    """The demo chromosome, uint8 (CHROM_LENGTH,), and its genes."""
    rng = np.random.default_rng([seed, 1])
    genes = [place_gene(plan, tss_of(number), rng) for number, plan in enumerate(GENES)]
    codes = background(CHROM_LENGTH, rng)
    planted = np.array([start for gene in genes for start in write_words(codes, gene)])
    return scrub(codes, planted, rng), genes


def _interval(left: int, right: int, tss: int, strand: str) -> tuple[int, int]:
    """[left, right) relative to the TSS, in the gene's direction, as an interval of the genome."""
    return (tss + left, tss + right) if strand == "+" else (tss - right + 1, tss - left + 1)
