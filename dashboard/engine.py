"""A model with its store and its queue, loaded off the page's thread. No Streamlit in here."""

import gc
import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import creme_core as creme
from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs
from creme_core.experiments.perturbations import shuffled_tile
from creme_core.experiments.result import Settings
from creme_core.locus import Locus
from creme_core.models.base import SequenceModel
from creme_core.mutant import Background, Mutant
from creme_core.predictor import Progress
from creme_core.sources import Source
from creme_core.store import MemoryStore, Store
from creme_core.tiles import Tile
from dashboard.catalogue import SWAP, Entry
from dashboard.jobs import Controls, Jobs, Snapshot

__all__ = ["MOST_GENES", "Engine", "Engines", "NotStored", "Request"]

logger = logging.getLogger(__name__)

# Above this many genes the wild types of a whole source would keep the device busy for too long.
MOST_GENES = 400
WAIT_SECONDS = 0.2  # between two looks at whether a run is still wanted
BACKGROUND = "background"  # the session that pays for work nobody asked for


@dataclass(frozen=True, eq=False)
class Request:
    """A test of one locus, or of several for a swap, with its settings."""

    entry: Entry
    loci: tuple[Locus, ...]
    settings: Settings

    @property
    def sequences(self) -> int:
        """How many it asks the model for."""
        if self.entry is SWAP:
            # All against all: a wild type, its shuffles and its pairs for each; what is equal is asked for once.
            return len(self.loci) * (self.settings.shuffles + len(self.loci))
        return self.entry.planned(self.settings, self.loci[0].length)


class _Announcing(creme.Predictor):
    """Says when it leaves the counted predictions for the slower comparisons of the Fine-Tile Search."""

    def __init__(self, model: SequenceModel, store: MemoryStore | Store, controls: Controls):
        super().__init__(model, store, turn=controls.turn)
        self._say = controls.say

    def gradient(self, codes: np.ndarray, readout: str | int) -> np.ndarray:
        self._say("comparing with saliency and motif hits")
        return super().gradient(codes, readout)


class NotStored(ValueError):
    """A test needs a prediction that is not in the store."""


class _Unasked:
    """The model as the store knows it: everything but predicting."""

    def __init__(self, model: SequenceModel):
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def tss_activity(self, _: Sequence[Mutant]) -> np.ndarray:
        raise NotStored("Not all of the test's predictions are stored.")


@dataclass(frozen=True, eq=False)
class Engine:
    """One loaded model and everything that runs on its device."""

    model: SequenceModel
    store: MemoryStore | Store
    jobs: Jobs = field(repr=False)

    @property
    def cell_lines(self) -> tuple[str, ...]:
        """Cell lines the model has CAGE for, as it wants them listed, else in the order of its tracks."""
        listed = getattr(self.model, "cell_lines", None)
        if listed:
            return tuple(listed)
        tracks = self.model.tracks
        return tuple(dict.fromkeys(tracks.loc[tracks["assay"] == "CAGE", "cell_line"]))

    @property
    def cutoffs(self) -> Cutoffs:
        """Where the paper draws its lines for this model."""
        return getattr(self.model, "cutoffs", ENFORMER_CUTOFFS)

    @property
    def device(self) -> str:
        """Where the model runs, for people."""
        name = str(getattr(self.model, "device", "cpu"))
        return {"cpu": "CPU", "mps": "Apple GPU"}.get(name, name.upper())

    def key(self, request: Request) -> Hashable:
        """What makes two runs the same run.

        The cell line counts only where the settings hold it: one run of the other tests predicts every track.
        """
        model = self.model
        where = tuple((locus.name, locus.digest) for locus in request.loci)
        return (request.entry.key, model.fingerprint, model.precision, where, request.settings)

    def start(self, request: Request, session: Hashable) -> None:
        """Put a test in the queue, or join the equal run."""

        def work(controls: Controls) -> Any:
            predict = _Announcing(self.model, self.store, controls)
            return request.entry.run(predict, request.loci, request.settings, controls.on_progress, controls.cancel)

        names = ", ".join(locus.name for locus in request.loci)
        self.jobs.submit(self.key(request), work, session, label=f"{request.entry.key} of {names}")

    def snapshot(self, request: Request, session: Hashable) -> Snapshot | None:
        """How that run stands."""
        return self.jobs.snapshot(self.key(request), session)

    def cancel(self, request: Request, session: Hashable) -> None:
        """Give that run up."""
        self.jobs.cancel(self.key(request), session)

    def finish(self, request: Request, session: Hashable, cancel: threading.Event) -> Any:
        """Run a test to its end, for whoever can wait; the result, or None where it was cancelled.

        Raises:
            ValueError: the run failed, in its own words.
        """
        self.start(request, session)
        while True:
            run = self.jobs.wait(self.key(request), WAIT_SECONDS)
            if run is None or run.state == "cancelled":
                return None
            if run.state == "done":
                return run.result
            if run.state == "failed":
                raise ValueError(run.error)
            if cancel.is_set():
                self.cancel(request, session)
                return None  # it goes on where somebody else wants it too

    def recall(self, request: Request) -> Any:
        """The result of a test from stored predictions alone; takes a fraction of a second and no turn of the device.

        Raises:
            NotStored: at least one of them is not there.
        """
        model = self.model
        if not self.store.load(model.fingerprint, model.precision, [request.loci[0].digest]):
            raise NotStored("The unchanged window has not been predicted.")  # most often the case, and soon known
        return request.entry.run(creme.Predictor(_Unasked(model), self.store), request.loci, request.settings)

    def finished(self, tests: Sequence[str]) -> list[Snapshot]:
        """Runs of these tests that came to their end and are still kept, the last one looked at first."""
        mine = self.model.fingerprint
        return self.jobs.done(lambda key: isinstance(key, tuple) and key[0] in tests and key[1] == mine)

    def wild_type(self, locus: Locus, session: Hashable) -> Snapshot:
        """The unchanged window's activity: result is float32 (tracks,) once it is done."""
        key = ("wild type", self.model.fingerprint, self.model.precision, locus.digest)

        def work(controls: Controls) -> np.ndarray:
            return self._wild_type(locus, controls)

        return self._once(key, work, ("wild type", session), f"wild type of {locus.name}")

    def profile(
        self, locus: Locus, cell_line: str, tile: tuple[int, int] | None, seed: int, session: Hashable
    ) -> Snapshot:
        """The prediction along the output window: result is (wild type, perturbed), each float32 (bins,), once done.

        tile: oriented interval whose first shuffle is the perturbation; perturbed is None without one.
        """
        key = ("profile", self.model.fingerprint, self.model.precision, locus.digest, cell_line, tile, seed)

        def work(controls: Controls) -> tuple[np.ndarray, np.ndarray | None]:
            with controls.turn():
                wild_type = self.model.profile(locus.codes, [cell_line])[:, 0]
            if tile is None:
                return wild_type, None
            edit = shuffled_tile(locus.codes, Tile(*tile), seed, replicate=0)
            with controls.turn():
                return wild_type, self.model.profile(Mutant(Background(locus.codes), (edit,)).render(), [cell_line])[
                    :, 0
                ]

        return self._once(key, work, ("profile", session), f"profile of {locus.name}")

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
                except (ValueError, OSError) as error:
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
        _settle_garbage()


def _compile_shuffle() -> None:
    """Have the shuffle's machine code ready before the first run asks for it."""
    rng = np.random.Generator(np.random.Philox(0))
    creme.dinucleotide_shuffle(rng.integers(0, 4, 100, dtype=np.uint8), rng)


def _settle_garbage() -> None:
    """Take what is loaded for good out of the garbage collector's rounds.

    Streamlit collects after every script run; walking through all of torch each time would hold up the run that the
    page is waiting for, by seconds on a busy machine.
    """
    gc.collect()
    gc.freeze()
