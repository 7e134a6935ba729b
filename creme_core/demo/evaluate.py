"""How well the demo network follows the grammar, by whole forward passes of the saved network.

Its own genes, none of which it was trained on, and fresh loci drawn from the same grammar.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from creme_core.demo.genome import background, place_gene, scrub, write_words
from creme_core.demo.grammar import CELL_LINES, MOTIFS, activity, doses
from creme_core.demo.truth import CHROM, ElementPlan, GenePlan, PlacedElement, PlacedGene
from creme_core.effects import classify_context, shuffle_effect
from creme_core.experiments.perturbations import control, piece, shuffled_tile
from creme_core.locus import Locus
from creme_core.models import load_model
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Predictor
from creme_core.sequence import N, reverse_complement
from creme_core.tiles import Tile, TileGrid

__all__ = ["evaluate", "summary_table"]

LENGTH = 196_608
TILE_SIZE = 5_000
SHUFFLES = 10
FRESH_LOCI = 120
FRESH_SHUFFLES = 4
FEW = 3
COPIES = 15
# Elements that change the log activity by more than this are strong; their effects must have the right sign.
STRONG = 0.3
# The greedy search goes this many rounds; after the last element its trace stays where it is.
ROUNDS = 10


@dataclass(frozen=True)
class Subject:
    """A locus with its plan, and the network's answers about it."""

    gene: PlacedGene
    locus: Locus
    predict: Predictor

    @property
    def grid(self) -> TileGrid:
        """The tiles of the window."""
        return TileGrid(LENGTH, TILE_SIZE)

    def tile_of(self, element: PlacedElement) -> Tile:
        """The context tile an element lies in."""
        start, end = self.locus.from_genome(element.start, element.end)
        return next(tile for tile in self.grid.tiles if tile.start <= start and end <= tile.end)

    def activity(self, mutants: Sequence[Mutant]) -> np.ndarray:
        """CAGE activity, float (n, cell lines)."""
        return self.predict.predict(mutants)[:, : len(CELL_LINES)].astype(float)

    def wild_type(self) -> np.ndarray:
        """CAGE activity of the window as it is, (cell lines,)."""
        return self.activity([Mutant(Background(self.locus.codes))])[0]

    def without(self, tiles: Sequence[Tile], shuffles: int) -> np.ndarray:
        """Mean activity with a set of tiles shuffled, (cell lines,)."""
        wild = Background(self.locus.codes)
        mutants = [
            Mutant(wild, [shuffled_tile(self.locus.codes, tile, 0, replicate) for tile in tiles])
            for replicate in range(shuffles)
        ]
        return self.activity(mutants).mean(axis=0)

    def alone(self, shuffles: int, places: Sequence[tuple[Tile, Tile]] = ()) -> np.ndarray:
        """Mean activity of the TSS tile in shuffled contexts, with tiles of the window put at places, (cell lines,)."""
        mutants = [
            Mutant(
                control(self.locus, TILE_SIZE, 0, replicate),
                [piece(self.locus.codes, tile, at.start) for tile, at in places],
            )
            for replicate in range(shuffles)
        ]
        return self.activity(mutants).mean(axis=0)


def locus_of(gene: PlacedGene, codes: np.ndarray) -> Locus:
    """The gene's window of a chromosome, codes (length,), N beyond its ends."""
    start = gene.tss - LENGTH // 2 + (gene.plan.strand == "-")
    end = start + LENGTH
    window = np.pad(codes[max(start, 0) : end], (max(-start, 0), max(end - codes.size, 0)), constant_values=N)
    window = window if gene.plan.strand == "+" else reverse_complement(window)
    return Locus(gene.plan.gene, "", CHROM, gene.tss, gene.plan.strand, start, end, window)


def fresh_locus(number: int, seed: int) -> tuple[PlacedGene, np.ndarray]:
    """A random locus of the same grammar, and its sequence; none equals a demo gene."""
    rng = np.random.default_rng([seed, 4, number])
    promoter = [("PRO", 1), ("PRO", 1), ("PRO", 2), ("HKP", 1), ("HKP", 2)][rng.integers(5)]
    others = [motif.name for motif in MOTIFS if not motif.is_promoter]
    tiles = rng.permutation([j for j in range(-19, 20) if j])[: rng.integers(0, 7)]
    motifs = list(rng.choice(others, size=len(tiles)))
    if len(motifs) > 1 and rng.random() < 0.25:
        motifs[:2] = ["COA", "COB"]
    elements = tuple(
        ElementPlan(motif, int(rng.integers(1, 5)), int(tile) * TILE_SIZE + int(rng.integers(-1500, 1500)))
        for motif, tile in zip(motifs, tiles, strict=True)
    )
    plan = GenePlan(f"FRESH{number}", "+-"[number % 2], promoter, "fresh", ("", "", ""), "", elements)
    gene = place_gene(plan, LENGTH // 2, rng)
    codes = background(LENGTH + 1, rng)
    planted = np.array(write_words(codes, gene))
    return gene, scrub(codes, planted, rng)


def evaluate(folder: Path, genes: Sequence[PlacedGene], codes: np.ndarray, seed: int) -> dict:
    """Measure the saved network against the grammar; a report of plain numbers, ready for JSON."""
    predict = Predictor(load_model(folder / "model", device="cpu", precision="float32"))
    subjects = {gene.plan.gene: Subject(gene, locus_of(gene, codes), predict) for gene in genes}
    fresh = []
    for number in range(FRESH_LOCI):
        gene, sequence = fresh_locus(number, seed)
        fresh.append(Subject(gene, locus_of(gene, sequence), predict))
    return {
        "fresh_loci": _agreement(fresh, FRESH_SHUFFLES),
        "demo_genes": _agreement(list(subjects.values()), SHUFFLES),
        "contexts": _contexts(subjects.values()),
        "sets": {name: _set_trace(subjects[name]) for name in ("TWIN1", "PAIR1", "MANY1", "ASYM1")},
        "distance": {name: _distance(subjects[name]) for name in ("SOLO1", "HUSH1")},
        "dosage": _dosage(subjects["SOLO1"]),
        "quiet_tiles": _quiet_tiles([subjects[name] for name in ("SOLO1", "HOUSE1", "EDGE1")]),
    }


def _agreement(subjects: Sequence[Subject], shuffles: int) -> dict:
    """Predicted against planted log activity, and the necessity effects of elements against their planted sign."""
    planted, predicted, strengths, effects = [], [], [], []
    for subject in subjects:
        wild = subject.wild_type()
        planted.append(np.log(activity(doses(subject.gene.sites()))))
        predicted.append(np.log(wild))
        for number, element in enumerate(subject.gene.elements):
            without = activity(doses(subject.gene.sites(without=[number])))
            strength = planted[-1] - np.log(without)
            if (np.abs(strength) > STRONG).any():
                strengths.append(strength)
                effects.append(shuffle_effect(wild, subject.without([subject.tile_of(element)], shuffles)))
    planted, predicted, strengths, effects = map(np.array, (planted, predicted, strengths, effects))
    strong = np.abs(strengths) > STRONG
    return {
        "loci": len(planted),
        "r": {line: _round(np.corrcoef(planted[:, c], predicted[:, c])[0, 1]) for c, line in enumerate(CELL_LINES)},
        "rmse_log": {
            line: _round(np.sqrt(((planted - predicted)[:, c] ** 2).mean())) for c, line in enumerate(CELL_LINES)
        },
        "strong_elements": int(strong.sum()),
        "right_sign": _round((np.sign(effects) == np.sign(strengths))[strong].mean()),
        "effect_error": _round(np.abs(effects - (1 - np.exp(-strengths)))[strong & (strengths > 0)].mean()),
    }


def _contexts(subjects: Sequence[Subject]) -> list[dict]:
    rows = []
    for subject in subjects:
        wild, alone = subject.wild_type(), subject.alone(SHUFFLES)
        effects = shuffle_effect(wild, alone)
        for column, line in enumerate(CELL_LINES):
            rows.append(
                {
                    "gene": subject.gene.plan.gene,
                    "cell_line": line,
                    "wild_type": _round(wild[column], 2),
                    "alone": _round(alone[column], 2),
                    "effect": _round(effects[column]),
                    "found": str(classify_context(effects[column])),
                    "planned": subject.gene.plan.contexts[column],
                }
            )
    return rows


def _set_trace(subject: Subject) -> dict:
    """The greedy trace over a gene's elements against the sum of single effects (paper, Methods), each cell line."""
    wild = subject.wild_type()
    # Two elements may share a tile.
    tiles = list(dict.fromkeys(subject.tile_of(element) for element in subject.gene.elements))
    singles = np.array([subject.without([tile], SHUFFLES) for tile in tiles])
    report = {}
    for column, line in enumerate(CELL_LINES):
        order = list(np.argsort(singles[:, column]))
        trace = [singles[order[0], column]]
        trace += [subject.without([tiles[i] for i in order[:n]], SHUFFLES)[column] for n in range(2, len(order) + 1)]
        additive = wild[column] + np.cumsum(singles[order, column] - wild[column])
        greedy, sums = (
            np.pad(np.asarray(values) / wild[column], (0, ROUNDS - len(order)), mode="edge")
            for values in (trace, additive)
        )
        error = float(((greedy - sums) ** 2).mean())
        verdict = "additive" if error < 0.05 else "between"
        if error > 0.1:
            verdict = "superadditive" if greedy.mean() > sums.mean() else "subadditive"
        report[line] = {
            "single_effects": [_round(1 - value / wild[column]) for value in singles[:, column]],
            "all_removed": _round(1 - greedy[-1]),
            "mse": _round(error),
            "verdict": verdict,
        }
    return report


def _distance(subject: Subject) -> dict:
    """Activity with the gene's first element at every other place of a shuffled context, K562."""
    tile = subject.tile_of(subject.gene.elements[0])
    places = subject.grid.context_tiles
    values = [subject.alone(FEW, [(tile, place)])[0] for place in places]
    return {
        "distance": [int(place.centre - subject.locus.tss_index) for place in places],
        "activity": [_round(value, 2) for value in values],
        "without": _round(subject.alone(FEW)[0], 2),
    }


def _dosage(subject: Subject) -> list[float]:
    """Activity with 1, 2, ... copies of the gene's first element, nearest places first, K562."""
    tile = subject.tile_of(subject.gene.elements[0])
    centre = subject.grid.tss_tile.centre
    others = [place for place in subject.grid.context_tiles if place != tile]
    places = [tile, *sorted(others, key=lambda place: abs(place.centre - centre))]
    return [
        _round(subject.alone(FEW, [(tile, place) for place in places[:copies]])[0], 2)
        for copies in range(1, COPIES + 1)
    ]


def _quiet_tiles(subjects: Sequence[Subject]) -> dict:
    """The largest effect of any tile that holds no element."""
    worst = 0.0
    count = 0
    for subject in subjects:
        wild = subject.wild_type()
        taken = {subject.tile_of(element) for element in subject.gene.elements}
        for tile in subject.grid.context_tiles:
            if tile not in taken:
                worst = max(worst, float(np.abs(shuffle_effect(wild, subject.without([tile], FEW))).max()))
                count += 1
    return {"tiles": count, "largest_effect": _round(worst)}


def summary_table(report: dict) -> str:
    """The report as lines for people."""
    lines = []
    for name in ("fresh_loci", "demo_genes"):
        part = report[name]
        lines.append(f"{name}: {part['loci']} loci; r " + ", ".join(f"{k} {v:.4f}" for k, v in part["r"].items()))
        lines.append("  rmse of log activity " + ", ".join(f"{k} {v:.3f}" for k, v in part["rmse_log"].items()))
        lines.append(
            f"  right sign {part['right_sign']:.1%} of {part['strong_elements']} strong element effects, "
            f"mean error of enhancers' effects {part['effect_error']:.3f}"
        )
    right = sum(row["found"] == row["planned"] for row in report["contexts"])
    lines.append(f"context classes: {right} of {len(report['contexts'])} as planned")
    for row in report["contexts"]:
        mark = "" if row["found"] == row["planned"] else f"   WRONG, planned {row['planned']}"
        lines.append(
            f"  {row['gene']:8s} {row['cell_line']:8s} WT {row['wild_type']:7.2f}  alone {row['alone']:6.2f}  "
            f"effect {row['effect']:7.3f}  {row['found']}{mark}"
        )
    for gene, by_line in report["sets"].items():
        for cell_line, part in by_line.items():
            lines.append(
                f"{gene} {cell_line}: singles {part['single_effects']}, all {part['all_removed']}, "
                f"MSE {part['mse']}, {part['verdict']}"
            )
    for gene, part in report["distance"].items():
        pairs = zip(part["distance"], part["activity"], strict=True)
        lines.append(f"{gene} by distance (kb): " + " ".join(f"{x / 1000:+.0f}:{y:.0f}" for x, y in pairs))
    lines.append("SOLO1 copies: " + " ".join(f"{value:.0f}" for value in report["dosage"]))
    quiet = report["quiet_tiles"]
    lines.append(f"tiles without an element: {quiet['tiles']}, largest effect {quiet['largest_effect']}")
    return "\n".join(lines)


def _round(value: float, digits: int = 4) -> float:
    return round(float(value), digits)
