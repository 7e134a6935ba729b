"""A model with its store and its queue, loaded off the page's thread. No Streamlit in here."""

import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

import creme_core as creme
from creme_core.experiments import context, necessity
from creme_core.experiments.result import Settings
from creme_core.locus import Locus
from creme_core.models.base import SequenceModel
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Progress
from creme_core.sources import Source
from creme_core.store import MemoryStore, Store
from creme_core.tiles import TileGrid
from dashboard.jobs import Controls, Jobs, Snapshot

__all__ = ["MOST_GENES", "Engine", "Engines", "planned_sequences", "settings_of"]

logger = logging.getLogger(__name__)

# Above this many genes the wild types of a whole source would keep the device busy for too long.
MOST_GENES = 400
EXPERIMENTS = {"necessity": necessity, "context": context}
BACKGROUND = "background"  # the session that pays for work nobody asked for


def settings_of(test: str, tile_size: int, shuffles: int, seed: int) -> Settings:
    """The checked settings of a test.

    Raises:
        ValueError: a number out of range.
    """
    return EXPERIMENTS[test].Settings(tile_size=tile_size, shuffles=shuffles, seed=seed)


def planned_sequences(test: str, settings: Settings, length: int) -> int:
    """Sequences a test asks the model for, the wild type included.

    Raises:
        ValueError: a tile size that does not fit a window of this length.
    """
    tiles = len(TileGrid(length, settings.tile_size).context_tiles)
    return 1 + settings.shuffles * (tiles if test == "necessity" else 1)


@dataclass(frozen=True, eq=False)
class Engine:
    """One loaded model and everything that runs on its device."""

    model: SequenceModel
    store: MemoryStore | Store
    jobs: Jobs = field(repr=False)

    @property
    def cell_lines(self) -> tuple[str, ...]:
        """Cell lines the model has CAGE for, in the order of its tracks."""
        tracks = self.model.tracks
        return tuple(dict.fromkeys(tracks.loc[tracks["assay"] == "CAGE", "cell_line"]))

    @property
    def device(self) -> str:
        """Where the model runs, for people."""
        name = str(getattr(self.model, "device", "cpu"))
        return {"cpu": "CPU", "mps": "Apple GPU"}.get(name, name.upper())

    def key(self, test: str, locus: Locus, settings: Settings) -> Hashable:
        """What makes two runs the same run. The cell line is no part of it: one run predicts every track."""
        model = self.model
        return (test, model.fingerprint, model.precision, locus.name, locus.digest, settings)

    def start(self, test: str, locus: Locus, settings: Settings, session: Hashable) -> None:
        """Put a test in the queue, or join the equal run."""

        def work(controls: Controls):
            predict = creme.Predictor(self.model, self.store, turn=controls.turn)
            return EXPERIMENTS[test].run(
                predict,
                locus,
                tile_size=settings.tile_size,
                shuffles=settings.shuffles,
                seed=settings.seed,
                on_progress=controls.on_progress,
                cancel=controls.cancel,
            )

        self.jobs.submit(self.key(test, locus, settings), work, session, label=f"{test} of {locus.name}")

    def snapshot(self, test: str, locus: Locus, settings: Settings, session: Hashable) -> Snapshot | None:
        """How that run stands."""
        return self.jobs.snapshot(self.key(test, locus, settings), session)

    def cancel(self, test: str, locus: Locus, settings: Settings, session: Hashable) -> None:
        """Give that run up."""
        self.jobs.cancel(self.key(test, locus, settings), session)

    def wild_type(self, locus: Locus, session: Hashable) -> Snapshot:
        """The unchanged window's activity: result is float32 (tracks,) once it is done."""
        key = ("wild type", self.model.fingerprint, self.model.precision, locus.digest)

        def work(controls: Controls) -> np.ndarray:
            return self._wild_type(locus, controls)

        return self._once(key, work, ("wild type", session), f"wild type of {locus.name}")

    def all_wild_types(self, source: Source, read: Callable[[str], Locus]) -> Snapshot | None:
        """Activity of every gene, when nobody else wants the device; None for a source with too many genes.

        result is float32 (genes, tracks) without the genes whose windows can't be read.
        """
        if len(source.genes) > MOST_GENES:
            return None
        key = ("all wild types", self.model.fingerprint, self.model.precision, source.name)

        def work(controls: Controls) -> np.ndarray:
            loci = []
            for row in source.genes.itertuples():
                try:
                    loci.append(read(f"{row.chrom}:{row.tss + 1}:{row.strand}"))
                except ValueError as error:
                    logger.info("%s is left out of the percentiles: %s", row.gene, error)
            # One at a time: whoever starts a run meanwhile waits for one sequence at most.
            activity = np.full((len(loci), len(self.model.tracks)), np.nan, dtype=np.float32)
            for row, locus in enumerate(loci):
                activity[row] = self._wild_type(locus, controls)
                controls.on_progress(Progress(row + 1, len(loci), 0, activity))
            return activity

        return self._once(key, work, BACKGROUND, f"wild types of {source.name}", background=True)

    def _once(self, key, work, session: Hashable, label: str, background: bool = False) -> Snapshot:
        """Start small work unless it was done or tried before."""
        if self.jobs.snapshot(key) is None:
            self.jobs.submit(key, work, session, label, background=background)
        return self.jobs.snapshot(key)

    def _wild_type(self, locus: Locus, controls: Controls) -> np.ndarray:
        predict = creme.Predictor(self.model, self.store, turn=controls.turn)
        return predict.predict([Mutant(Background(locus.codes))], cancel=controls.cancel)[0]


class Engines:
    """Every model of the process, each loaded once, in a thread of its own.

    Args:
        load: model name -> model; takes seconds.
        store: predictions of all models.
    """

    def __init__(self, load: Callable[[str], SequenceModel], store: MemoryStore | Store):
        self.store = store
        self._load = load
        self._jobs: dict[str, Jobs] = {}
        self._engines: dict[str, Future[Engine]] = {}
        self._lock = threading.Lock()

    def begin(self, name: str) -> Future[Engine]:
        """Start loading a model, unless that was started before; a failed load is tried again."""
        with self._lock:
            future = self._engines.get(name)
            if future is None or (future.done() and future.exception() is not None):
                future = self._engines[name] = Future()
                threading.Thread(target=self._fill, args=(name, future), name=f"load {name}", daemon=True).start()
            return future

    def _fill(self, name: str, future: Future[Engine]) -> None:
        try:
            model = self._load(name)
            with self._lock:
                # One queue a device, whichever models share it.
                jobs = self._jobs.setdefault(str(getattr(model, "device", "cpu")), Jobs())
            engine = Engine(model, self.store, jobs)
        except BaseException as error:  # whoever waits has to be told, whatever it was
            future.set_exception(error)
            return
        future.set_result(engine)
        _compile_shuffle()


def _compile_shuffle() -> None:
    """Have the shuffle's machine code ready before the first run asks for it."""
    rng = np.random.Generator(np.random.Philox(0))
    creme.dinucleotide_shuffle(rng.integers(0, 4, 100, dtype=np.uint8), rng)
