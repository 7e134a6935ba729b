"""Every test the dashboard offers: what it is called, what it says in plain words, what it needs, how it is run."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import creme_core as creme
from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs
from creme_core.experiments import distance, fine_tile, interaction, multiplicity, necessity, set_sufficiency
from creme_core.experiments import result as shared
from creme_core.experiments.replicates import AUTO, PILOT
from creme_core.locus import Locus
from creme_core.predictor import Cancel, Predictor, Progress
from creme_core.tiles import TileGrid

if TYPE_CHECKING:
    from dashboard.state import PageState

__all__ = ["DIAGRAMS", "ENTRIES", "LOCUS_TESTS", "MOST_SWAPPED", "SWAP", "Entry"]

DIAGRAMS = Path(__file__).parent.parent / "assets" / "diagrams"
FIXED_SHUFFLES = 10  # where "auto" was chosen and a test takes a fixed number: the paper's
MOST_SWAPPED = 15  # genes of a swap; the pairs grow with its square

Sequences = Callable[[Any, int], int]


@dataclass(frozen=True)
class Entry:
    """One test.

    Attributes:
        key: what a URL calls it.
        title: for people.
        question: the one it answers.
        what: two sentences on what it does.
        sign: how to read its numbers; names of `Cutoffs` in braces stand for its lines.
        diagram: its drawing in assets/diagrams.
        call: its name in creme_core.
        settings_type: its Settings.
        needs: settings beyond tile_size, shuffles and seed: "cre" (from the chosen tile), "readout" (the cell line),
            "search", "rounds", "copies", "tiles". Only a test with "readout" runs again for another cell line.
        controls: what the row above its picture offers, by the names of PageState's fields.
        auto: whether shuffles may be "auto".
        sequences: settings, context tiles -> sequences it asks the model for, besides the wild type.
        bound: what that number is where it is not exact, such as "up to".
        where: loci -> the positional arguments of the call.
    """

    key: str
    title: str
    question: str
    what: str
    sign: str
    diagram: str
    call: str
    settings_type: type[shared.Settings]
    needs: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    auto: bool = False
    sequences: Sequences = field(default=lambda settings, _: settings.shuffles, repr=False)
    bound: str = ""
    where: Callable[[tuple[Locus, ...]], tuple] = field(default=lambda loci: loci, repr=False)

    def reading(self, cutoffs: Cutoffs = ENFORMER_CUTOFFS) -> str:
        """How to read its numbers, with the lines of a model."""
        lines = {part.name: f"{getattr(cutoffs, part.name):+g}".replace("-", "−") for part in fields(cutoffs)}
        return self.sign.format(**lines)

    @property
    def picture(self) -> Path:
        """The file of its drawing."""
        return DIAGRAMS / self.diagram

    def lacks(self, state: "PageState") -> str | None:
        """What has to be chosen before it can run, as a sentence; None when nothing is missing."""
        if "cre" in self.needs and state.tile is None:
            return f"The {self.title} looks at one tile: choose it above, or click a bar of the Necessity Test."
        if "tiles" in self.needs and not state.tiles:
            return (
                f"The {self.title} test adds tiles one after another: choose them above in their order, or run the "
                "Interaction Test, which hands its order over."
            )
        return None

    def settings(self, state: "PageState", length: int) -> shared.Settings:
        """The checked settings for what the page shows, on a window of this length.

        Raises:
            ValueError: a number out of range, a tile size that does not fit, or something that `lacks` names.
        """
        lacking = self.lacks(state)
        if lacking:
            raise ValueError(lacking)
        shuffles = FIXED_SHUFFLES if state.shuffles == AUTO and not self.auto else state.shuffles
        chosen: dict[str, Any] = {"tile_size": state.tile_size, "shuffles": shuffles, "seed": state.seed}
        shared.Settings(tile_size=state.tile_size, seed=state.seed)  # its sentence, before the grid's
        grid = TileGrid(length, state.tile_size)
        free = len(grid.context_tiles)
        for name in self.needs:
            match name:
                case "cre":
                    chosen["cre"] = _interval(grid, state.tile)
                case "tiles":
                    chosen["tiles"] = tuple(_interval(grid, number) for number in state.tiles)
                case "readout":
                    chosen["readout"] = state.cell_line
                case "rounds" | "copies":
                    chosen[name] = min(getattr(state, name), free)
                case _:
                    chosen[name] = getattr(state, name)
        return self.settings_type(**chosen)

    def planned(self, settings: shared.Settings, length: int) -> int:
        """Sequences it asks the model for, the wild type included."""
        return 1 + self.sequences(settings, len(TileGrid(length, settings.tile_size).context_tiles))

    def run(
        self,
        predict: Predictor,
        loci: tuple[Locus, ...],
        settings: shared.Settings,
        on_progress: Callable[[Progress], None] | None = None,
        cancel: Cancel | None = None,
    ) -> Any:
        """Run it; arguments and errors are the experiment's."""
        chosen = {part.name: getattr(settings, part.name) for part in fields(settings)}
        return getattr(creme, self.call)(predict, *self.where(loci), **chosen, on_progress=on_progress, cancel=cancel)


def _interval(grid: TileGrid, number: int) -> tuple[int, int]:
    tiles = grid.tiles
    if number >= len(tiles) or tiles[number] == grid.tss_tile:
        raise ValueError(
            f"There is no tile {number} beside the TSS tile; choose one of 0 to {len(tiles) - 1} "
            f"but {tiles.index(grid.tss_tile)}."
        )
    return tiles[number].start, tiles[number].end


def _replicates(settings: Any) -> int:
    return PILOT if settings.shuffles == AUTO else settings.shuffles


def _rounds(free: int, rounds: int, shuffles: int) -> int:
    """Trials of a greedy search: one candidate fewer a round."""
    return shuffles * sum(free - i for i in range(min(rounds, free)))


def _fine_tile(settings: Any, _: int) -> int:
    size = settings.cre[1] - settings.cre[0]
    coarse, fine = -(-size // settings.coarse), -(-size // settings.fine)
    steps = range(0, fine, settings.step)
    return settings.shuffles * (1 + coarse * (coarse + 1) // 2 + sum(fine - done for done in steps))


_LISTED = (
    Entry(
        key="context",
        title="Context Dependence Test",
        question="How much comes from the surroundings?",
        what=(
            "It keeps the tile around the TSS and shuffles everything else. What activity is lost came from the "
            "surroundings; what is gained, they held back."
        ),
        sign=(
            "Effect = (WT − MUT) / WT. Above {enhancing} the context is **enhancing**, less than {neutral} from 0 "
            "**neutral**, below {silencing} **silencing**; in between it has no class."
        ),
        diagram="context_dependence.svg",
        call="context_dependence",
        settings_type=shared.Settings,
    ),
    Entry(
        key="necessity",
        title="Necessity Test",
        question="Which stretches does the gene need?",
        what=(
            "It shuffles one tile of the window at a time and asks the network again. Where activity drops, the gene "
            "needed what was in that tile; where it rises, the tile held it back."
        ),
        sign=(
            "Effect = (WT − MUT) / WT. **Up**: lost without the tile, above {enhancer} an enhancer, and +1 "
            "means everything was lost. **Down**: gained without it, below {silencer} a silencer."
        ),
        diagram="necessity.svg",
        call="necessity",
        settings_type=necessity.Settings,
        controls=("axis", "truth", "tile"),
        auto=True,
        sequences=lambda settings, tiles: _replicates(settings) * tiles,
    ),
    Entry(
        key="sufficiency",
        title="Sufficiency Test",
        question="Which tiles are enough by themselves?",
        what=(
            "It shuffles the whole window but the TSS tile and puts one tile back. Where activity rises above that of "
            "the TSS tile alone, the tile can drive the gene without any help."
        ),
        sign=(
            "Effect = (MUT − CONTROL) / WT in an enhancing context, else over CONTROL, which is the TSS tile alone. "
            "**Up**: the tile raises activity (enhancer). **Down**: it lowers it (silencer). One that is sufficient "
            "but not necessary has a stand-in."
        ),
        diagram="sufficiency.svg",
        call="sufficiency",
        settings_type=necessity.Settings,
        controls=("axis", "truth", "tile", "normalisation"),
        auto=True,
        sequences=lambda settings, tiles: _replicates(settings) * (tiles + 1),
    ),
    Entry(
        key="distance",
        title="Distance Test",
        question="How far does a tile reach?",
        what=(
            "It puts one tile at every other place of a shuffled window that keeps the TSS tile. The curve says how "
            "much of its effect is left as it moves away, upstream and downstream."
        ),
        sign=(
            "Effect is that of the Sufficiency Test at each place: **above 0** the tile raises activity there, **below "
            "0** it lowers it. Fold over max is activity as a share of that at the best place."
        ),
        diagram="distance.svg",
        call="distance",
        settings_type=distance.Settings,
        needs=("cre",),
        controls=("tile", "shown"),
        auto=True,
        sequences=lambda settings, tiles: _replicates(settings) * (tiles + 1),
    ),
    Entry(
        key="interaction",
        title="Interaction Test",
        question="Which tiles matter together?",
        what=(
            "Round by round it shuffles one more tile, always the one that changes activity most on top of those "
            "before. The trajectory is compared with what the tiles do alone, added up or multiplied."
        ),
        sign=(
            "Activity as a share of the wild type (1 = unchanged, 0 = off). **Above the additive line**: less is lost "
            "together than one by one, so the tiles need each other; **below it**: they can stand in for each other."
        ),
        diagram="interaction.svg",
        call="interaction",
        settings_type=interaction.Settings,
        needs=("readout", "search", "rounds"),
        controls=("search", "rounds", "truth"),
        sequences=lambda settings, tiles: _rounds(tiles, settings.rounds, settings.shuffles),
    ),
    Entry(
        key="set_sufficiency",
        title="Set Sufficiency",
        question="Are these tiles enough?",
        what=(
            "It starts from the TSS tile alone in a shuffled window and puts the chosen tiles back one after another. "
            "The curve says how many it takes to restore the gene."
        ),
        sign=(
            "Activity as a share of the wild type: **1** means fully restored. For silencers look at the fold over "
            "the TSS tile alone: **below 1** the set holds the gene down."
        ),
        diagram="set_sufficiency.svg",
        call="set_sufficiency",
        settings_type=set_sufficiency.Settings,
        needs=("tiles",),
        controls=("tiles", "normalisation"),
        sequences=lambda settings, _: settings.shuffles * (1 + len(settings.tiles)),
    ),
    Entry(
        key="multiplicity",
        title="Multiplicity Test",
        question="Does more of the same help?",
        what=(
            "It adds copies of one tile to a shuffled window, each at the free place where it does most. The curve "
            "says whether the gene saturates."
        ),
        sign=(
            "Activity as a fold over one copy at its own place: **above 1** more copies raise it; a **flat** end means "
            "saturation. For a silencer, copies push it below 1."
        ),
        diagram="multiplicity.svg",
        call="multiplicity",
        settings_type=multiplicity.Settings,
        needs=("cre", "readout", "search", "copies"),
        controls=("tile", "search", "copies"),
        sequences=lambda settings, tiles: 2 * settings.shuffles + _rounds(tiles, settings.copies, settings.shuffles),
    ),
    Entry(
        key="fine_tile",
        title="Fine-Tile Search",
        question="Which bases carry the effect?",
        what=(
            "It prunes a tile, first in pieces of 500 bp and then of 50 bp, as long as enough of its effect is left. "
            "What survives is compared with the most salient bases, with motif hits and with chance."
        ),
        sign=(
            "Recovered = activity with the kept bases over activity with the whole tile: **1** is all of it. The fewer "
            "bases a curve needs to stay high, the better they were chosen."
        ),
        diagram="fine_tile_search.svg",
        call="fine_tile_search",
        settings_type=fine_tile.Settings,
        needs=("cre", "readout", "search"),
        controls=("tile", "search", "truth"),
        sequences=_fine_tile,
        bound="up to ",
    ),
)
SWAP = Entry(
    key="swap",
    title="Context Swap Test",
    question="How does a gene do in another gene's surroundings?",
    what=(
        "It puts the TSS tile of every chosen gene into the window of every other. A promoter that stays as active "
        "anywhere needs no context; one that changes takes its orders from it."
    ),
    sign=(
        "Activity as a fold over that of the promoter at home: **above 1** the new surroundings raise it, **below 1** "
        "they lower it. Genes are grouped by the class of their own context."
    ),
    diagram="context_swap.svg",
    call="context_swap",
    settings_type=shared.Settings,
    where=lambda loci: (loci, loci),
)
LOCUS_TESTS = {entry.key: entry for entry in _LISTED}
ENTRIES = LOCUS_TESTS | {SWAP.key: SWAP}
