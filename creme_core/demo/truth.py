"""The plan of the demo world: its genes, what each was made to show, and the tables that say so.

Everything about the plan is data here; where the motif words come to lie is decided by `genome.plant`, and what they
do by `grammar`. All names, sequences and cell lines' behaviour are invented.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from creme_core.demo.grammar import CELL_LINES, MOTIFS, WORD_LENGTH, Site, activity, doses, motif_index
from creme_core.effects import classify_context, shuffle_effect

__all__ = [
    "CHROM",
    "CHROM_LENGTH",
    "GENES",
    "TRUTH_COLUMNS",
    "ElementPlan",
    "GenePlan",
    "PlacedElement",
    "PlacedGene",
    "acts_in",
    "expected_contexts",
    "genes_table",
    "motif_sites_table",
    "scenarios_table",
    "truth_table",
]

CHROM = "demo1"
WINDOW = 196_608
FIRST_TSS = 110_000
# Not a multiple of the 128 bp bins or of 5 kb, so that every gene meets the grid differently.
TSS_SPACING = 212_345
# The window of the last gene runs this far beyond the chromosome's end.
OVERHANG = 6_000
TSS_TILE_HALF = 2_500
TRUTH_COLUMNS = ["gene", "chrom", "start", "end", "kind", "cell_line", "strength", "group", "rule", "element", "name"]


@dataclass(frozen=True)
class ElementPlan:
    """An element to plant: so many cores of one motif, its centre near `offset` bp from the TSS (upstream negative)."""

    motif: str
    cores: int
    offset: int
    rule: str = "additive"
    group: str = ""


@dataclass(frozen=True)
class GenePlan:
    """A gene to plant.

    Attributes:
        gene: symbol.
        strand: "+" or "-".
        promoter: (motif, number of cores).
        scenario: short name of what the gene shows.
        contexts: expected context class, one a cell line, in the order of CELL_LINES.
        description: what it teaches, one sentence.
        elements: what lies around it.
    """

    gene: str
    strand: str
    promoter: tuple[str, int]
    scenario: str
    contexts: tuple[str, str, str]
    description: str
    elements: tuple[ElementPlan, ...] = ()


@dataclass(frozen=True)
class PlacedElement:
    """An element with its place: genome interval and words, 0-based half-open on the forward strand."""

    plan: ElementPlan
    start: int
    end: int
    words: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class PlacedGene:
    """A gene with its place. promoter: intervals of its promoter words; elements in the order of the plan."""

    plan: GenePlan
    tss: int
    promoter: tuple[tuple[int, int], ...]
    elements: tuple[PlacedElement, ...]

    def sites(self, without: Sequence[int] = (), *, context: bool = True) -> list[Site]:
        """The gene's words in its own coordinates, minus some elements (by number), or the promoter's alone."""
        placed = [(self.plan.promoter[0], word) for word in self.promoter]
        if context:
            placed += [
                (element.plan.motif, word)
                for number, element in enumerate(self.elements)
                if number not in without
                for word in element.words
            ]
        return [Site(motif, self.distance((start + end - 1) / 2)) for motif, (start, end) in placed]

    def distance(self, position: float) -> float:
        """Genome position to bp from the TSS in the gene's direction."""
        return position - self.tss if self.plan.strand == "+" else self.tss - position


_EVERYWHERE = ("enhancing",) * 3

GENES = (
    GenePlan(
        "SOLO1",
        "+",
        ("PRO", 1),
        "strong_enhancer",
        _EVERYWHERE,
        "One strong enhancer 19 kb downstream drives the gene in every cell line; nothing else matters.",
        (ElementPlan("ACT", 4, 19_400),),
    ),
    GenePlan(
        "MANY1",
        "+",
        ("PRO", 1),
        "many_weak_enhancers",
        _EVERYWHERE,
        "Five weak enhancers add up: each alone matters little, all together switch the gene on.",
        (
            ElementPlan("ACT", 1, -20_800),
            ElementPlan("ACT", 1, -10_600),
            ElementPlan("ACT", 1, 14_300),
            ElementPlan("ACT", 1, 30_900),
            ElementPlan("ACT", 2, 54_200),
        ),
    ),
    GenePlan(
        "FAR1",
        "+",
        ("PRO", 1),
        "distal_enhancer",
        _EVERYWHERE,
        "A strong enhancer works from 69 kb downstream, where distance has cost it two thirds of its effect.",
        (ElementPlan("ACT", 4, 69_300),),
    ),
    GenePlan(
        "ASYM1",
        "+",
        ("PRO", 1),
        "distance_asymmetry",
        _EVERYWHERE,
        "Two equal enhancers 30 kb away, one on each side: the upstream one has lost more of its effect.",
        (ElementPlan("ACT", 3, -30_200), ElementPlan("ACT", 3, 30_200)),
    ),
    GenePlan(
        "TWIN1",
        "+",
        ("PRO", 1),
        "redundant_pair",
        _EVERYWHERE,
        "Two enhancers replace each other: losing one changes little, losing both switches the gene off.",
        (
            ElementPlan("RED", 3, -9_400, rule="redundant", group="TWIN1-pair"),
            ElementPlan("RED", 3, 15_700, rule="redundant", group="TWIN1-pair"),
        ),
    ),
    GenePlan(
        "PAIR1",
        "-",
        ("PRO", 1),
        "cooperative_pair",
        _EVERYWHERE,
        "Two elements work only together: losing either costs most of the activity. Each has a weak neighbour.",
        (
            ElementPlan("COA", 3, -10_800, rule="cooperative", group="PAIR1-pair"),
            ElementPlan("COB", 3, 20_600, rule="cooperative", group="PAIR1-pair"),
            # In the tiles of the pair: once one partner is gone these are what a greedy search can still find, so that
            # it comes to the other partner next instead of last.
            ElementPlan("ACT", 1, -8_900),
            ElementPlan("ACT", 1, 19_200),
        ),
    ),
    GenePlan(
        "HUSH1",
        "+",
        ("HKP", 2),
        "silencers",
        ("silencing",) * 3,
        "Two silencers hold down a strong promoter; without its context the gene is several times as active.",
        (ElementPlan("SIL", 3, -9_100), ElementPlan("SIL", 2, 16_200)),
    ),
    GenePlan(
        "MIXED1",
        "-",
        ("PRO", 1),
        "enhancer_and_silencer",
        _EVERYWHERE,
        "An enhancer and a silencer pull in opposite directions on one promoter.",
        (ElementPlan("SIL", 2, -5_900), ElementPlan("ACT", 4, 14_600)),
    ),
    GenePlan(
        "HOUSE1",
        "+",
        ("HKP", 2),
        "housekeeping",
        ("neutral",) * 3,
        "A housekeeping promoter is active by itself; its context does nothing in any cell line.",
    ),
    GenePlan(
        "FLIP1",
        "+",
        ("PRO", 2),
        "context_flips",
        ("enhancing", "silencing", "neutral"),
        "One element, three contexts: it activates in K562, silences in GM12878 and does nothing in PC-3.",
        (ElementPlan("FLP", 4, 10_700),),
    ),
    GenePlan(
        "KONLY1",
        "+",
        ("PRO", 1),
        "specific_to_k562",
        ("enhancing", "neutral", "neutral"),
        "Its enhancer works in K562 alone; the other cell lines see only a weak promoter.",
        (ElementPlan("KAC", 4, 24_300),),
    ),
    GenePlan(
        "GONLY1",
        "-",
        ("PRO", 1),
        "specific_to_gm12878",
        ("neutral", "enhancing", "neutral"),
        "Its enhancer works in GM12878 alone, on a gene of the minus strand.",
        (ElementPlan("GAC", 4, -11_200),),
    ),
    GenePlan(
        "RELAY1",
        "+",
        ("PRO", 1),
        "an_enhancer_for_each_line",
        _EVERYWHERE,
        "Each cell line drives the gene through an enhancer of its own.",
        (ElementPlan("KAC", 4, -9_300), ElementPlan("GAC", 4, 20_900), ElementPlan("XAC", 4, 40_400)),
    ),
    GenePlan(
        "MINUS1",
        "-",
        ("PRO", 1),
        "minus_strand",
        _EVERYWHERE,
        "On the minus strand upstream lies to the right: a strong upstream and a weaker downstream enhancer.",
        (ElementPlan("ACT", 4, -14_900), ElementPlan("ACT", 1, 35_600)),
    ),
    GenePlan(
        "EDGE1",
        "+",
        ("PRO", 1),
        "chromosome_end",
        _EVERYWHERE,
        "The window runs 6 kb beyond the chromosome's end, where the sequence is N.",
        (ElementPlan("ACT", 3, -15_300), ElementPlan("ACT", 2, 45_800)),
    ),
)
CHROM_LENGTH = FIRST_TSS + (len(GENES) - 1) * TSS_SPACING + WINDOW // 2 - OVERHANG


def tss_of(number: int) -> int:
    """TSS (0-based) of the gene with this place in GENES."""
    return FIRST_TSS + number * TSS_SPACING


def acts_in(motif: str, cell_line: str) -> bool:
    """Whether a motif does anything in a cell line."""
    entry, column = MOTIFS[motif_index(motif)], CELL_LINES.index(cell_line)
    return motif in ("RED", "COA", "COB") or any(kind[column] for kind in (entry.enhance, entry.silence, entry.basal))


def expected_contexts(gene: PlacedGene) -> tuple[str, ...]:
    """The context class the grammar gives a placed gene, one a cell line; the plan states the same by hand."""
    wild_type, alone = (activity(doses(gene.sites(context=context))) for context in (True, False))
    return tuple(map(str, classify_context(shuffle_effect(wild_type, alone))))


def genes_table(genes: Sequence[PlacedGene]) -> pd.DataFrame:
    """gene, gene_id, chrom, tss (0-based), strand, description."""
    rows = [
        (gene.plan.gene, f"ENSDEMO{number:011d}", CHROM, gene.tss, gene.plan.strand, gene.plan.description)
        for number, gene in enumerate(genes, start=1)
    ]
    return pd.DataFrame(rows, columns=["gene", "gene_id", "chrom", "tss", "strand", "description"])


def scenarios_table(genes: Sequence[PlacedGene]) -> pd.DataFrame:
    """gene, scenario, cell_line, expected_context: one row a gene and cell line."""
    rows = [
        (gene.plan.gene, gene.plan.scenario, cell_line, context)
        for gene in genes
        for cell_line, context in zip(CELL_LINES, gene.plan.contexts, strict=True)
    ]
    return pd.DataFrame(rows, columns=["gene", "scenario", "cell_line", "expected_context"])


def truth_table(genes: Sequence[PlacedGene]) -> pd.DataFrame:
    """Every planted element, a row each cell line it acts in; intervals 0-based half-open.

    `strength` is the natural logarithm of planted activity with the element over that without it, all else in place:
    near 0 for either one of a redundant pair. `kind` is its sign. `group` names elements that act together and is
    empty for an element on its own.
    """
    rows = []
    for gene in genes:
        wild_type = activity(doses(gene.sites()))
        for number, element in enumerate(gene.elements):
            strengths = np.log(wild_type / activity(doses(gene.sites(without=[number]))))
            name = _element_name(gene.plan.gene, number)
            for cell_line, strength in zip(CELL_LINES, strengths, strict=True):
                if acts_in(element.plan.motif, cell_line):
                    kind = "enhancer" if strength > 0 else "silencer"
                    place = (gene.plan.gene, CHROM, element.start, element.end)
                    rule = (element.plan.group, element.plan.rule)
                    label = f"{element.plan.motif} x{element.plan.cores} at {element.plan.offset / 1000:+.0f} kb"
                    rows.append((*place, kind, cell_line, round(float(strength), 4), *rule, name, label))
    return pd.DataFrame(rows, columns=TRUTH_COLUMNS)


def motif_sites_table(genes: Sequence[PlacedGene]) -> pd.DataFrame:
    """Every planted word: gene, element ("GENE-promoter" for the promoter), motif, chrom, start, end."""
    rows = []
    for gene in genes:
        name = gene.plan.gene
        rows += [(name, f"{name}-promoter", gene.plan.promoter[0], CHROM, *word) for word in gene.promoter]
        for number, element in enumerate(gene.elements):
            label = _element_name(name, number)
            rows += [(name, label, element.plan.motif, CHROM, *word) for word in element.words]
    table = pd.DataFrame(rows, columns=["gene", "element", "motif", "chrom", "start", "end"])
    if not (table["end"] - table["start"] == WORD_LENGTH).all():
        raise ValueError(f"A planted word is not {WORD_LENGTH} bp long; build the genome again.")
    return table


def _element_name(gene: str, number: int) -> str:
    return f"{gene}-e{number + 1}"
