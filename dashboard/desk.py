"""What the vetting desk knows of an element: where it lies and what the tests say of its tile. No Streamlit in here."""

import time
from collections.abc import Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pandas as pd

from creme_core.effects import Cutoffs
from creme_core.evidence import TilePlace, row_of, tile_of
from creme_core.experiments.result import Result
from creme_core.locus import Locus
from creme_core.tiles import TileGrid
from creme_core.vetting.element import Element
from dashboard.background import Background, settled
from dashboard.catalogue import LOCUS_TESTS
from dashboard.engine import Engine, NotStored, Request

__all__ = ["DESK_TESTS", "PUBLISHED_LENGTH", "Bench", "Case", "Finding", "finding_of", "gene_of"]

DESK_TESTS = ("necessity", "sufficiency", "distance")
PUBLISHED_LENGTH, PUBLISHED_TILE = 196_608, 5000


@dataclass(frozen=True, eq=False)
class Finding:
    """What a finished test says in one cell line: so little that thousands can be kept.

    Attributes:
        effects: its table.
        cutoffs: where the model's calls are made.
        context: the row of the context class, where the test's controls tell it.
    """

    effects: pd.DataFrame = field(repr=False)
    cutoffs: Cutoffs
    context: pd.Series | None = field(default=None, repr=False)


def finding_of(result: Result, cell_line: str) -> Finding:
    """Of a result."""
    context = result.context(cell_line).iloc[0] if hasattr(result, "context") else None
    return Finding(result.effects(cell_line), result.cutoffs, context)


@dataclass(frozen=True, eq=False)
class Case:
    """One element with what the tests say of its tile.

    Attributes:
        element: as listed.
        gene: the gene it is judged on; `guessed` where the list named none and the nearest was taken.
        cell_line: the readout.
        locus, grid, place: the gene's window, its tiles, and where the element lies on them.
        findings: test -> what it says, of those that have been run.
        awaited: tests that are being read.
        missing: tests that would have to be run, or that were not published.
    """

    element: Element
    gene: str
    guessed: bool
    cell_line: str
    locus: Locus = field(repr=False)
    grid: TileGrid = field(repr=False)
    place: TilePlace = field(repr=False)
    findings: Mapping[str, Finding] = field(default_factory=dict, repr=False)
    awaited: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def effects(self, test: str) -> pd.DataFrame | None:
        """The table of a test, where it is known."""
        return self.findings[test].effects if test in self.findings else None

    def row(self, test: str) -> pd.Series | None:
        """What a test says of the tile."""
        table = self.effects(test)
        return None if table is None else row_of(table, self.place)

    @property
    def context(self) -> pd.Series | None:
        """The context class, known from the Sufficiency Test's controls."""
        found = self.findings.get("sufficiency")
        return None if found is None else found.context

    @property
    def movable(self) -> bool:
        """Whether there is a tile that tests can shuffle and move."""
        return self.place.tile is not None and not self.place.is_tss

    @property
    def tests(self) -> tuple[str, ...]:
        """The tests that say something of this element; none where it lies on no tile."""
        return DESK_TESTS if self.movable else DESK_TESTS[:2] if self.place.tile is not None else ()


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


@dataclass(frozen=True, eq=False)
class Bench:
    """How the desk finds out: files, the store and servers are asked off the page's thread, and answers are kept.

    Attributes:
        opened: the source.
        engine: the model; None where results are only read.
        background: threads that read.
        session: of the visitor, or of whatever runs tests.
        cell_line: the readout for elements that name none that is known.
        tile_size, shuffles, seed: of the tests.
    """

    opened: Any
    engine: Engine | None
    background: Background
    session: Hashable
    cell_line: str
    tile_size: int = 5000
    shuffles: int = 10
    seed: int = 0

    @property
    def settings(self) -> tuple[Hashable, ...]:
        """What decides which tests are run of an element."""
        model = None if self.engine is None else (self.engine.model.fingerprint, self.engine.model.precision)
        return (self.opened.name, model, self.tile_size, self.shuffles, self.seed)

    def line_of(self, element: Element) -> str:
        """The element's own cell line where it is known here."""
        known = self.opened.cell_lines if self.engine is None else self.engine.cell_lines
        return element.cell_line if element.cell_line in known else self.cell_line

    def case(self, element: Element, patience: float) -> Case | None:
        """What is known of an element after at most `patience` seconds; None while its window is being read.

        Raises:
            ValueError: a gene that the source does not have, or a window or tile size that is refused.
            OSError: the sequence can't be had.
        """
        until = time.monotonic() + patience
        gene, guessed = gene_of(element, self.opened.genes)
        length = PUBLISHED_LENGTH if self.engine is None else self.engine.model.input_length
        question = {("window", self.opened, gene, length): partial(self.opened.locus, gene, length=length)}
        (window,) = self.background.ask(question)
        if not settled([window], patience):
            return None
        locus = window.result()
        grid = TileGrid(locus.length, PUBLISHED_TILE if self.engine is None else self.tile_size)
        place = tile_of(element, locus, grid)
        case = Case(element, gene, guessed, self.line_of(element), locus, grid, place)
        futures = self._found(case)
        settled(list(futures.values()), max(until - time.monotonic(), 0))
        findings = {test: found.result() for test, found in futures.items() if found.done() and not found.exception()}
        failed = {test for test, found in futures.items() if found.done() and found.exception()}
        return replace(
            case,
            findings=findings,
            awaited=tuple(test for test in futures if test not in findings and test not in failed),
            missing=tuple(test for test in case.tests if test in failed or test not in futures),
        )

    def request(self, test: str, case: Case) -> Request:
        """A test of the element's window, or of its tile."""
        entry = LOCUS_TESTS[test]
        settings = {"tile_size": self.tile_size, "shuffles": self.shuffles, "seed": self.seed}
        if test == "distance":
            settings["cre"] = (case.place.tile.start, case.place.tile.end)
        return Request(entry, (case.locus,), entry.settings_type(**settings))

    def forget(self, request: Request, cell_line: str) -> None:
        """Look for a test anew: it has been run."""
        self.background.forget(("test", self.engine.key(request), cell_line))

    def _found(self, case: Case) -> dict[str, Future]:
        """test -> its finding, under way or there; tests that are running have none."""
        found = {}
        for test in case.tests:
            if self.engine is None:
                key = ("published", self.opened, test, case.gene, case.cell_line, _cre(test, case))
                (found[test],) = self.background.ask({key: partial(self._published, test, case)})
                continue
            request = self.request(test, case)
            run = self.engine.snapshot(request, self.session)
            if run is not None and run.unfinished:
                continue
            key = ("test", self.engine.key(request), case.cell_line)
            if run is None or run.state != "done":
                (found[test],) = self.background.ask({key: partial(self._stored, request, case.cell_line)})
                continue
            work = partial(finding_of, run.result, case.cell_line)
            (future,) = self.background.ask({key: work})
            if future.done() and isinstance(future.exception(), NotStored):
                # It was looked for in vain before the run.
                self.background.forget(key)
                (future,) = self.background.ask({key: work})
            found[test] = future
        return found

    def _stored(self, request: Request, cell_line: str) -> Finding:
        return finding_of(self.engine.recall(request), cell_line)

    def _published(self, test: str, case: Case) -> Finding:
        cre = _cre(test, case)
        if cre is not None and cre not in self.opened.elements(test, case.gene, case.cell_line):
            raise ValueError("The Distance Test of this tile was not published.")
        more = {} if cre is None else {"cre": cre}
        return finding_of(self.opened.result(test, case.gene, case.cell_line, **more), case.cell_line)


def _cre(test: str, case: Case) -> tuple[int, int] | None:
    return (case.place.tile.start, case.place.tile.end) if test == "distance" else None
