"""What the vetting desk shows of one element, and the tests of a whole list in the background. No Streamlit in here."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from creme_core.evidence import TilePlace, row_of, tile_of
from creme_core.experiments.result import Result
from creme_core.locus import Locus
from creme_core.tiles import TileGrid
from creme_core.vetting.element import Element

__all__ = ["DESK_TESTS", "Case", "ListRun", "gene_of", "make_case"]

DESK_TESTS = ("necessity", "sufficiency", "distance")
POLL_SECONDS = 0.2


@dataclass(frozen=True, eq=False)
class Case:
    """One element with what the tests say of its tile.

    Attributes:
        element: as listed.
        gene: the gene it is judged on; `guessed` where the list named none and the nearest was taken.
        cell_line: the readout.
        locus, grid, place: the gene's window, its tiles, and where the element lies on them.
        results: test -> result, of those that have been run.
    """

    element: Element
    gene: str
    guessed: bool
    cell_line: str
    locus: Locus = field(repr=False)
    grid: TileGrid = field(repr=False)
    place: TilePlace = field(repr=False)
    results: dict[str, Result] = field(repr=False)

    def effects(self, test: str) -> pd.DataFrame | None:
        """The table of a test, where it has been run."""
        return self.results[test].effects(self.cell_line) if test in self.results else None

    def row(self, test: str) -> pd.Series | None:
        """What a test says of the tile."""
        table = self.effects(test)
        return None if table is None else row_of(table, self.place)

    @property
    def context(self) -> pd.Series | None:
        """The context class, known from the Sufficiency Test's controls."""
        result = self.results.get("sufficiency")
        return None if result is None or not hasattr(result, "context") else result.context(self.cell_line).iloc[0]

    @property
    def movable(self) -> bool:
        """Whether there is a tile that tests can shuffle and move."""
        return self.place.tile is not None and not self.place.is_tss


def gene_of(element: Element, genes: pd.DataFrame) -> tuple[str, bool]:
    """The gene to judge an element on, and whether it was guessed as the nearest TSS.

    Raises:
        ValueError: the list names none and the source has no gene on that chromosome.
    """
    if element.gene:
        return element.gene, False
    near = genes[genes["chrom"] == element.chrom]
    if near.empty:
        raise ValueError(
            f"{element.label} names no gene, and the source has none on {element.chrom}; add a gene to the list."
        )
    middle = (element.start + element.end) / 2
    row = near.loc[(near["tss"] - middle).abs().idxmin()]
    return f"{row['chrom']}:{row['tss'] + 1}:{row['strand']}", True


def make_case(
    element: Element,
    gene: str,
    guessed: bool,
    cell_line: str,
    locus: Locus,
    tile_size: int,
    find: Callable[[str, TilePlace], Result | None],
) -> Case:
    """Put together what is known; `find` gives the finished result of a test for the place, or None."""
    grid = TileGrid(locus.length, tile_size)
    place = tile_of(element, locus, grid)
    case = Case(element, gene, guessed, cell_line, locus, grid, place, {})
    found = {test: find(test, place) for test in DESK_TESTS if test != "distance" or case.movable}
    return replace(case, results={test: result for test, result in found.items() if result is not None})


class ListRun:
    """The tests of many elements, one after another, in a thread of its own.

    Args:
        elements: in the order of the list.
        run: runs every missing test of one element to its end; raises ValueError or OSError where it can't, and looks
            at the event that it is given.
    """

    def __init__(self, elements: Sequence[Any], run: Callable[[Any, threading.Event], None]):
        self.total = len(elements)
        self.done = 0
        self.problems: list[str] = []
        self._cancel = threading.Event()
        self._elements = list(elements)
        self._run = run
        self._thread = threading.Thread(target=self._work, name="tests of a list", daemon=True)
        self._thread.start()

    @property
    def unfinished(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    @property
    def cancelled(self) -> bool:
        """Whether it was told to stop."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Stop after the sequence that is being predicted; what was computed is kept."""
        self._cancel.set()

    def _work(self) -> None:
        for element in self._elements:
            if self._cancel.is_set():
                return
            try:
                self._run(element, self._cancel)
            except (ValueError, OSError) as error:
                self.problems.append(f"{element.label}: {error}")
            self.done += 1
